//! How sure one can be of what samples are worth: intervals for the number of samples of a baseline that buy what some posterior samples give.

use super::best_of::{NEGLIGIBLE, Places};
use super::{Answers, Draws, Halves, draws};
use crate::random::below;
use rand::Rng;

/// Resamples of the bootstrap.
const RESAMPLES: u32 = 400;

/// A 95 % interval of a number of samples; `None` is more than all there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamplesInterval {
    /// Lower limit.
    pub low: Option<usize>,
    /// Upper limit.
    pub high: Option<usize>,
}

/// For each of some numbers of posterior samples a percentile-bootstrap 95 % interval of the number of baseline samples whose best is
/// expected to be as good. Candidates of both sides are resampled, and each resample is chosen on one random half of the images and judged
/// on the other: what is judged by half the images varies about what all tell by as much as that varies itself. Empty without candidates on
/// either side or images for two halves.
///
/// No resample knows better candidates than there are, so that where the best decide, the limits are nearer than they ought to be.
#[must_use]
pub fn samples_intervals(posterior: &[&Answers], baseline: &[&Answers], samples: &[usize], seed: u64) -> Vec<SamplesInterval> {
    let images = posterior.iter().chain(baseline).map(|answers| answers.images()).min().unwrap_or(0);
    if images < 2 || posterior.is_empty() || baseline.is_empty() {
        return Vec::new();
    }
    let mut needed: Vec<Vec<usize>> = vec![Vec::with_capacity(RESAMPLES as usize); samples.len()];
    let (own_places, other_places) = (Places::of(posterior.len()), Places::of(baseline.len()));
    for index in 0..RESAMPLES {
        let halves = Halves::new(images, seed, index);
        let mut generator = draws(seed, Draws::Worth, index);
        let Some(ways) = halves.both_ways().next() else { continue };
        let mut resampled = |side: &[&Answers]| Ranked::of(side, ways, &mut generator);
        let (own, other) = (resampled(posterior), resampled(baseline));
        let curve: Vec<f64> = (1..=other.count).map(|n| other.best_of(n, &other_places)).collect();
        for (needed, &samples) in needed.iter_mut().zip(samples) {
            let wanted = own.best_of(samples.clamp(1, own.count), &own_places);
            needed.push(curve.iter().position(|&accuracy| accuracy >= wanted).map_or(usize::MAX, |position| position + 1));
        }
    }
    let interval = |mut needed: Vec<usize>| {
        needed.sort_unstable();
        let at = |share: usize| needed.get(needed.len() * share / 1000).copied().filter(|&samples| samples < usize::MAX);
        SamplesInterval { low: at(25), high: at(974) }
    };
    needed.into_iter().map(interval).collect()
}

/// A resample of candidates in the order that one half of the images gives them.
struct Ranked {
    count: usize,
    /// How many are equally good, and the mean accuracy of these on the other half.
    equals: Vec<(usize, f64)>,
}

impl Ranked {
    fn of(side: &[&Answers], (choose, report): (&Answers, &Answers), generator: &mut impl Rng) -> Self {
        let judged: Vec<(usize, usize)> = side.iter().map(|answers| (answers.right_within(choose), answers.right_within(report))).collect();
        let mut drawn: Vec<(usize, usize)> = side.iter().map(|_| judged[below(generator, judged.len())]).collect();
        drawn.sort_unstable_by_key(|(chosen, _)| std::cmp::Reverse(*chosen));
        let mean = |equals: &[(usize, usize)]| {
            let right: usize = equals.iter().map(|(_, right)| right).sum();
            (equals.len(), right as f64 / (equals.len() * report.right()) as f64)
        };
        Self { count: drawn.len(), equals: drawn.chunk_by(|a, b| a.0 == b.0).map(mean).collect() }
    }

    /// The expected accuracy of the best of any n of them.
    fn best_of(&self, n: usize, places: &Places) -> f64 {
        let mut first = places.best_of(n).iter();
        let mut accuracy = 0.0;
        for &(equals, mean) in &self.equals {
            let weight: f64 = first.by_ref().take(equals).sum();
            if weight < NEGLIGIBLE {
                break;
            }
            accuracy += weight * mean;
        }
        accuracy
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BestOf, samples_to_reach};
    use super::*;
    use crate::random::{Purpose, open_unit, stream};

    /// Candidates whose skills lie evenly between two limits.
    fn candidates(count: usize, (low, high): (f64, f64), seed: u64) -> Vec<Answers> {
        let mut generator = stream(seed, Purpose::Mask, 0);
        let mut candidate = |number: usize| {
            let skill = low + (high - low) * number as f64 / count as f64;
            Answers::new(&(0..600).map(|_| f64::from(open_unit(&mut generator)) < skill).collect::<Vec<_>>())
        };
        (0..count).map(&mut candidate).collect()
    }

    fn all(candidates: &[Answers]) -> Vec<&Answers> {
        candidates.iter().collect()
    }

    #[test]
    fn of_the_same_candidates_an_interval_holds_the_number_itself() {
        let (one, other) = (candidates(60, (0.4, 0.9), 1), candidates(60, (0.4, 0.9), 2));
        for (samples, interval) in [1, 2, 5].into_iter().zip(samples_intervals(&all(&one), &all(&other), &[1, 2, 5], 3)) {
            let (low, high) = (interval.low.unwrap(), interval.high.unwrap_or(usize::MAX));
            assert!(low <= samples && samples <= high && low < high, "{samples}: {interval:?}");
        }
    }

    #[test]
    fn it_holds_the_estimate_and_is_bounded_by_the_candidates_there_are() {
        let (posterior, baseline) = (candidates(40, (0.6, 0.8), 5), candidates(40, (0.3, 0.8), 6));
        let estimate = samples_to_reach(&BestOf::of(&all(&baseline), 50, 1).unwrap(), {
            BestOf::of(&all(&posterior), 50, 1).unwrap().curve[0].estimate
        });
        let [interval] = samples_intervals(&all(&posterior), &all(&baseline), &[1], 7)[..] else { panic!("one number was asked for") };
        let estimate = estimate.unwrap();
        assert!(interval.low.unwrap() <= estimate && estimate <= interval.high.unwrap(), "{estimate}: {interval:?}");
        assert!(interval.low.unwrap() > 1 && interval.high.unwrap() < 20, "a sample is worth several: {interval:?}");
        // What none of the baseline reaches takes more than all of it, whatever is resampled.
        let better = candidates(10, (0.95, 0.99), 8);
        let beyond = SamplesInterval { low: None, high: None };
        assert_eq!(samples_intervals(&all(&better), &all(&baseline), &[1, 10], 7), [beyond, beyond]);
        assert_eq!(samples_intervals(&[], &all(&baseline), &[1], 7), []);
    }
}
