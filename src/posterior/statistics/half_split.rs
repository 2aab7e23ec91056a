//! Choosing on one half of the images and reporting on the other: an accuracy that the choice does not flatter.

use super::{Answers, Draws, draws};
use crate::random::shuffle;

/// Images split at random into two halves; the second has one more where their number is odd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halves([Answers; 2]);

impl Halves {
    /// The halves of one split of so many images; a split is a function of the seed and its index.
    #[must_use]
    pub fn new(images: usize, seed: u64, index: u32) -> Self {
        let mut in_first: Vec<bool> = (0..images).map(|image| image < images / 2).collect();
        shuffle(&mut draws(seed, Draws::Halves, index), &mut in_first);
        let in_second: Vec<bool> = in_first.iter().map(|first| !first).collect();
        Self([Answers::new(&in_first), Answers::new(&in_second)])
    }

    /// How many images of either half a network has right.
    #[must_use]
    pub fn right(&self, answers: &Answers) -> [usize; 2] {
        self.0.each_ref().map(|half| answers.right_within(half))
    }

    /// Both ways to use them: the half to choose on, then the half to report on.
    pub fn both_ways(&self) -> impl Iterator<Item = (&Answers, &Answers)> {
        let [first, second] = &self.0;
        [(first, second), (second, first)].into_iter()
    }
}

/// The best of some candidates as the half that chose it sees it, and as the other half does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HonestBest {
    /// Accuracy on the half that chose: flattered.
    pub chosen_on: f64,
    /// Accuracy on the other half.
    pub reported_on: f64,
}

/// The best of all candidates chosen on one half and reported on the other, mean over both ways of so many splits. Of equally good ones
/// the mean counts. `None` without candidates, splits or images for two halves.
#[must_use]
pub fn honest_best(candidates: &[&Answers], splits: u32, seed: u64) -> Option<HonestBest> {
    let images = candidates.iter().map(|answers| answers.images()).min().filter(|&images| images >= 2 && splits > 0)?;
    let (mut chosen_on, mut reported_on) = (0.0, 0.0);
    for index in 0..splits {
        let halves = Halves::new(images, seed, index);
        let right: Vec<[usize; 2]> = candidates.iter().map(|answers| halves.right(answers)).collect();
        for (way, (choose, report)) in halves.both_ways().enumerate() {
            let most = right.iter().map(|right| right[way]).max().unwrap_or(0);
            let best = right.iter().filter(|right| right[way] == most).map(|right| right[1 - way]);
            let (number, sum) = best.fold((0, 0), |(number, sum), right| (number + 1, sum + right));
            chosen_on += most as f64 / choose.right() as f64;
            reported_on += sum as f64 / f64::from(number) / report.right() as f64;
        }
    }
    let ways = f64::from(2 * splits);
    Some(HonestBest { chosen_on: chosen_on / ways, reported_on: reported_on / ways })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, open_unit, stream};

    #[test]
    fn halves_are_disjoint_seeded_and_whole() {
        let halves = Halves::new(101, 7, 3);
        let (first, second) = halves.both_ways().next().unwrap();
        assert_eq!((first.right(), second.right(), first.right_within(second)), (50, 51, 0));
        assert_eq!(halves, Halves::new(101, 7, 3));
        assert!(halves != Halves::new(101, 8, 3) && halves != Halves::new(101, 7, 4));
    }

    #[test]
    fn the_best_of_equals_is_no_better_than_they_are() {
        let mut generator = stream(3, Purpose::Mask, 0);
        let coin = |_| Answers::new(&(0..400).map(|_| open_unit(&mut generator) < 0.8).collect::<Vec<_>>());
        let candidates: Vec<Answers> = (0..100).map(coin).collect();
        let best = honest_best(&candidates.iter().collect::<Vec<_>>(), 50, 1).unwrap();
        assert!(best.chosen_on > 0.84, "the best of a hundred looks good where it was chosen: {best:?}");
        assert!((best.reported_on - 0.8).abs() < 0.01, "and is not: {best:?}");
    }

    #[test]
    fn a_truly_better_one_stays_better() {
        let good = Answers::new(&(0..200).map(|image| image % 20 != 0).collect::<Vec<_>>());
        let poor = Answers::new(&(0..200).map(|image| image % 3 == 0).collect::<Vec<_>>());
        let best = honest_best(&[&poor, &good], 10, 1).unwrap();
        assert!((best.reported_on - 0.95).abs() < 1e-12 && (best.chosen_on - 0.95).abs() < 1e-12, "{best:?}");
        assert!(honest_best(&[], 10, 1).is_none() && honest_best(&[&good], 0, 1).is_none());
        assert!(honest_best(&[&Answers::new(&[true])], 10, 1).is_none());
    }
}
