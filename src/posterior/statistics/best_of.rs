//! What sampling more candidates buys: the honest accuracy of the best of n.

use super::{Answers, Halves, Interval};

/// Shares below this of a whole are left out.
pub(super) const NEGLIGIBLE: f64 = 1e-12;

/// For n = 1 … N candidates out of N: the accuracy, on the half of the images that did not choose, of the one that the other half finds
/// best. The estimate is the expectation over every choice of n of the candidates, over both ways of some splits into halves; the limits
/// hold the middle 95 % of the same. Towards N every choice is the same one, so that only the halves are left in them.
#[derive(Debug, Clone, PartialEq)]
pub struct BestOf {
    /// Of each n, from 1.
    pub curve: Vec<Interval>,
}

impl BestOf {
    /// The curve of some candidates. `None` without candidates, splits or images for two halves.
    #[must_use]
    pub fn of(candidates: &[&Answers], splits: u32, seed: u64) -> Option<Self> {
        let images = candidates.iter().map(|answers| answers.images()).min().filter(|&images| images >= 2 && splits > 0)?;
        let count = candidates.len();
        // Of each n, how much weight falls on each number of right images in the reporting half.
        let mut weights = vec![vec![0.0; images.div_ceil(2) + 1]; count];
        let (mut sums, ways) = (vec![0.0; count], f64::from(2 * splits));
        let places = Places::of(count);
        for index in 0..splits {
            let halves = Halves::new(images, seed, index);
            let right: Vec<[usize; 2]> = candidates.iter().map(|answers| halves.right(answers)).collect();
            for (way, (_, report)) in halves.both_ways().enumerate() {
                let mut ranked: Vec<(usize, usize)> = right.iter().map(|right| (right[way], right[1 - way])).collect();
                ranked.sort_by_key(|(chosen, _)| std::cmp::Reverse(*chosen));
                // Any of equally good ones is as likely the first: each weight of their places is shared among them.
                let equals: Vec<&[(usize, usize)]> = ranked.chunk_by(|a, b| a.0 == b.0).collect();
                for (n, (weights, sum)) in weights.iter_mut().zip(&mut sums).enumerate() {
                    let mut first = places.best_of(n + 1).iter();
                    for equals in &equals {
                        let weight: f64 = first.by_ref().take(equals.len()).sum::<f64>() / ways;
                        if weight < NEGLIGIBLE {
                            break;
                        }
                        for (_, right) in *equals {
                            let each = weight / equals.len() as f64;
                            weights[*right] += each;
                            *sum += each * *right as f64 / report.right() as f64;
                        }
                    }
                }
            }
        }
        let half = images as f64 / 2.0;
        let limit = |weights: &[f64], share: f64| {
            let total: f64 = weights.iter().sum();
            let mut so_far = 0.0;
            let reaches = |weight: &f64| {
                so_far += weight;
                so_far >= share * total
            };
            // Of an odd number of images, the halves differ by one, which half an image stands for.
            (weights.iter().position(reaches).unwrap_or(0) as f64 / half).min(1.0)
        };
        let interval =
            |(weights, estimate): (&Vec<f64>, f64)| Interval { estimate, low: limit(weights, 0.025), high: limit(weights, 0.975) };
        Some(Self { curve: weights.iter().zip(sums).map(interval).collect() })
    }
}

/// [`FirstOf`] of every n, computed once for all the orders that the same number of candidates comes in.
pub(super) struct Places(Vec<Vec<f64>>);

impl Places {
    /// Of so many candidates.
    pub(super) fn of(all: usize) -> Self {
        // Weights fall from place to place, so that all that is cut off together stays negligible.
        let kept = |weight: &f64| *weight >= NEGLIGIBLE / all as f64;
        Self((1..=all).map(|chosen| FirstOf::new(all, chosen).take_while(kept).collect()).collect())
    }

    /// How likely the best of n, from 1, is the one of each place.
    pub(super) fn best_of(&self, n: usize) -> &[f64] {
        &self.0[n - 1]
    }
}

/// Of a random choice of n out of N ranked candidates, how likely its best is the one of place 1, 2, 3 …
struct FirstOf {
    all: usize,
    chosen: usize,
    place: usize,
    weight: f64,
}

impl FirstOf {
    fn new(all: usize, chosen: usize) -> Self {
        Self { all, chosen, place: 0, weight: chosen as f64 / all as f64 }
    }
}

impl Iterator for FirstOf {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        // C(N - place - 1, n - 1) / C(N, n), each from the one before.
        let weight = self.weight;
        let left = self.all - self.place - 1;
        (left + 1 >= self.chosen).then(|| {
            self.weight *= if left == 0 { 0.0 } else { (left + 1 - self.chosen) as f64 / left as f64 };
            self.place += 1;
            weight
        })
    }
}

/// The fewest samples whose best is expected to reach an accuracy; `None` where none of the curve does.
#[must_use]
pub fn samples_to_reach(curve: &BestOf, accuracy: f64) -> Option<usize> {
    curve.curve.iter().position(|point| point.estimate >= accuracy).map(|position| position + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, below, open_unit, stream};

    #[test]
    fn what_the_table_leaves_out_is_negligible() {
        let places = Places::of(50);
        for n in 1..=50 {
            let (kept, all): (f64, f64) = (places.best_of(n).iter().sum(), FirstOf::new(50, n).sum());
            assert!((kept - all).abs() < NEGLIGIBLE, "{n}");
        }
        assert_eq!(places.best_of(50), [1.0]);
    }

    #[test]
    fn the_weights_of_places_are_those_of_counting() {
        // 2 out of 4: the best is the first in 3 of 6 choices, the second in 2, the third in 1, the fourth in none.
        let weights: Vec<f64> = FirstOf::new(4, 2).collect();
        for (weight, expected) in weights.iter().zip([0.5, 1.0 / 3.0, 1.0 / 6.0]) {
            assert!((weight - expected).abs() < 1e-15, "{weights:?}");
        }
        assert_eq!(FirstOf::new(4, 4).collect::<Vec<_>>(), [1.0]);
        for n in 1..=50 {
            assert!((FirstOf::new(50, n).sum::<f64>() - 1.0).abs() < 1e-12, "{n}");
        }
    }

    /// Candidates that differ in truth.
    fn candidates() -> Vec<Answers> {
        let mut generator = stream(5, Purpose::Mask, 0);
        let mut candidate = |skill: f64| Answers::new(&(0..301).map(|_| f64::from(open_unit(&mut generator)) < skill).collect::<Vec<_>>());
        (0..40).map(|number| candidate(0.5 + 0.01 * f64::from(number % 20))).collect()
    }

    #[test]
    fn the_curve_is_the_mean_over_choices() {
        const N: usize = 7;
        let candidates = candidates();
        let all: Vec<&Answers> = candidates.iter().collect();
        let point = BestOf::of(&all, 1, 9).unwrap().curve[N - 1];
        let halves = Halves::new(301, 9, 0);
        let mut generator = stream(6, Purpose::Mask, 0);
        let mut seen = Vec::new();
        for _ in 0..20_000 {
            let mut left = all.clone();
            let chosen: Vec<&Answers> = (0..N).map(|_| left.swap_remove(below(&mut generator, left.len()))).collect();
            for (choose, report) in halves.both_ways() {
                let most = chosen.iter().map(|answers| answers.right_within(choose)).max().unwrap();
                // The order is random, so that the first of equals is any of them.
                let best = chosen.iter().find(|answers| answers.right_within(choose) == most).unwrap();
                seen.push(best.right_within(report) as f64 / report.right() as f64);
            }
        }
        let mean = seen.iter().sum::<f64>() / seen.len() as f64;
        assert!((point.estimate - mean).abs() < 1e-3, "{} against {mean}", point.estimate);
        seen.sort_by(f64::total_cmp);
        let (low, high) = (seen[seen.len() * 25 / 1000], seen[seen.len() * 975 / 1000]);
        assert!((point.low - low).abs() < 0.01 && (point.high - high).abs() < 0.01, "{point:?} against {low} to {high}");
    }

    #[test]
    fn more_samples_buy_more_and_its_ends_are_known() {
        let candidates = candidates();
        let all: Vec<&Answers> = candidates.iter().collect();
        let curve = BestOf::of(&all, 20, 1).unwrap();
        assert_eq!(curve.curve.len(), 40);
        let mean = all.iter().map(|answers| answers.accuracy()).sum::<f64>() / 40.0;
        assert!((curve.curve[0].estimate - mean).abs() < 1e-3, "one sample is an average one");
        let best = super::super::honest_best(&all, 20, 1).unwrap();
        assert!((curve.curve[39].estimate - best.reported_on).abs() < 1e-9, "all samples are the half-split choice");
        assert!(curve.curve[19].estimate > curve.curve[1].estimate + 0.02);
        assert!(curve.curve.iter().all(|point| point.low <= point.estimate && point.estimate <= point.high));
        assert_eq!(samples_to_reach(&curve, 0.0), Some(1));
        assert_eq!(samples_to_reach(&curve, 1.0), None);
        let at_five = samples_to_reach(&curve, curve.curve[4].estimate);
        assert_eq!(at_five, Some(5));
        assert!(BestOf::of(&[], 1, 1).is_none());
    }
}
