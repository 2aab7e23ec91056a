//! Racing: which candidates can no longer win, so that they need not be asked the remaining images.

use super::Answers;
use crate::random::{Purpose, shuffle, stream};

/// Pieces that the images of a race are asked in, at least.
pub const PIECES: usize = 4;

/// The order in which a race of this seed asks so many images: positions in their split.
#[must_use]
pub fn race_order(images: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..images).collect();
    shuffle(&mut stream(seed, Purpose::Race, 0), &mut order);
    order
}

/// A race for the best candidate over all images, asked in a random order and in pieces.
///
/// Let W be the one that would win with every candidate asked everything. Another leads it after a piece only by chance: on all images
/// W alone is right at least as often as that one alone, so that among the first of a random order the one-sided McNemar test of level δ
/// goes against W with probability δ at most. Each of n - 1 others may be the leader after each of r pieces but the last; with
/// δ = error / ((n - 1) (r - 1)), W is dropped with probability `error` at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Race {
    level: f64,
}

impl Race {
    /// A race of so many candidates that may win, over so many pieces.
    #[must_use]
    pub fn new(entrants: usize, pieces: usize, error: f64) -> Self {
        let looks = entrants.saturating_sub(1).max(1) * pieces.saturating_sub(1).max(1);
        Self { level: error / looks as f64 }
    }

    /// Whether a candidate can still beat the leader, both asked the same images so far, with so many left: neither does the bound
    /// separate them, nor is the lead larger than what is left.
    #[must_use]
    pub fn can_win(&self, candidate: &Answers, leader: &Answers, left: usize) -> bool {
        let discordant = leader.discordant(candidate);
        let lead = discordant.only_left.saturating_sub(discordant.only_right);
        lead <= left as u64 && (lead == 0 || discordant.mcnemar_leader() > self.level)
    }
}

/// What a race over recorded answers came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Raced {
    /// The positions of those that were asked everything.
    pub left: Vec<usize>,
    /// The share of evaluations saved.
    pub saved: f64,
}

/// Races candidates over answers that are there already, in the order of a seed; `may_win` tells those whose best leads. All must have been
/// asked the same images.
#[must_use]
pub fn simulate(candidates: &[Answers], may_win: impl Fn(usize) -> bool, seed: u64, error: f64) -> Raced {
    let images = candidates.first().map_or(0, Answers::images);
    let order = race_order(images, seed);
    let pieces: Vec<&[usize]> = order.chunks(images.div_ceil(PIECES).max(1)).collect();
    let race = Race::new((0..candidates.len()).filter(|&index| may_win(index)).count(), pieces.len(), error);
    let mut left: Vec<usize> = (0..candidates.len()).collect();
    let (mut so_many, mut asked) = (0, 0);
    for (number, piece) in pieces.iter().enumerate() {
        so_many += piece.len();
        asked += piece.len() * left.len();
        if number + 1 < pieces.len() {
            let so_far = |index: usize| {
                let right = |&image: &usize| candidates[index].is_right(image);
                (index, Answers::new(&order[..so_many].iter().map(right).collect::<Vec<_>>()))
            };
            let known: Vec<(usize, Answers)> = left.iter().map(|&index| so_far(index)).collect();
            let leader = known.iter().filter(|(index, _)| may_win(*index)).max_by_key(|(_, answers)| answers.right());
            let can_win = |answers: &Answers| leader.is_none_or(|(_, leader)| race.can_win(answers, leader, images - so_many));
            left = known.iter().filter(|(_, answers)| can_win(answers)).map(|(index, _)| *index).collect();
        }
    }
    Raced { left, saved: 1.0 - asked as f64 / (images * candidates.len()).max(1) as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(right: impl Fn(usize) -> bool) -> Answers {
        Answers::new(&(0..100).map(right).collect::<Vec<_>>())
    }

    #[test]
    fn the_bound_is_shared_among_candidates_and_pieces() {
        let (leader, worse) = (answers(|_| true), answers(|image| image >= 10));
        // One-sided p is 1 / 1024.
        assert!(!Race::new(2, 2, 0.05).can_win(&worse, &leader, 1_000));
        assert!(!Race::new(18, 4, 0.05).can_win(&worse, &leader, 1_000), "0.05 / 51 is just above");
        assert!(Race::new(19, 4, 0.05).can_win(&worse, &leader, 1_000), "0.05 / 54 is just below");
        assert!(!Race::new(19, 4, 0.05).can_win(&worse, &leader, 9), "nine images do not make up for ten");
        assert!(Race::new(19, 4, 0.05).can_win(&worse, &leader, 10));
    }

    #[test]
    fn who_is_no_worse_goes_on() {
        let (left, right) = (answers(|image| image % 2 == 0), answers(|image| image % 2 == 1));
        let race = Race::new(2, 2, 0.9);
        assert!(race.can_win(&left, &right, 0) && race.can_win(&left, &left, 0));
        assert!(race.can_win(&answers(|_| true), &left, 0), "a better one can win whatever the bound says");
    }
}
