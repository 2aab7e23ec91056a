//! Two samples of candidates compared: the difference of their means, how often one beats the other, and the relative improvement.

use super::{Answers, Draws, Interval, draws, mean_and_deviation};
use crate::random::below;

/// Resamples of a bootstrap.
const RESAMPLES: usize = 2_000;

/// The difference of two means with a percentile-bootstrap 95 % interval over candidates. `None` where one side is empty.
#[must_use]
pub fn difference_of_means(left: &[f64], right: &[f64], seed: u64) -> Option<Interval> {
    let estimate = mean_and_deviation(left)?.0 - mean_and_deviation(right)?.0;
    Some(percentiles(estimate, seed, |resampled| resampled.mean(left) - resampled.mean(right)))
}

/// The difference of mean accuracies with a percentile-bootstrap 95 % interval over candidates **and** images: what another draw of
/// candidates and another draw of images would give. `None` where one side is empty.
///
/// All candidates see the same images, so that an image counts by the difference between the two sides on it. Candidates and images are
/// resampled independently and their effects added; what the two do together is smaller than either by the number of the other, and
/// left out.
#[must_use]
pub fn paired_difference(left: &[&Answers], right: &[&Answers], seed: u64) -> Option<Interval> {
    let accuracies = |side: &[&Answers]| side.iter().map(|answers| answers.accuracy()).collect::<Vec<f64>>();
    let (of_left, of_right) = (accuracies(left), accuracies(right));
    let estimate = mean_and_deviation(&of_left)?.0 - mean_and_deviation(&of_right)?.0;
    let images = left.iter().chain(right).map(|answers| answers.images()).min()?;
    let share = |side: &[&Answers], image| side.iter().filter(|answers| answers.is_right(image)).count() as f64 / side.len() as f64;
    let by_image: Vec<f64> = (0..images).map(|image| share(left, image) - share(right, image)).collect();
    Some(percentiles(estimate, seed, |resampled| {
        let candidates = resampled.mean(&of_left) - resampled.mean(&of_right);
        candidates + resampled.mean(&by_image) - estimate
    }))
}

/// How likely a value of the left sample is above one of the right sample, ties counting half, with a percentile-bootstrap 95 % interval
/// over candidates. `None` where one side is empty.
#[must_use]
pub fn probability_of_superiority(left: &[f64], right: &[f64], seed: u64) -> Option<Interval> {
    if left.is_empty() || right.is_empty() {
        return None;
    }
    let mut sorted = right.to_vec();
    sorted.sort_by(f64::total_cmp);
    let beats = |value: &f64| {
        let below = sorted.partition_point(|other| other < value);
        let up_to = sorted.partition_point(|other| other <= value);
        (below + up_to) as f64 / (2 * sorted.len()) as f64
    };
    let of_left: Vec<f64> = left.iter().map(beats).collect();
    let mut own = left.to_vec();
    own.sort_by(f64::total_cmp);
    let beaten = |value: &f64| {
        let (below, up_to) = (own.partition_point(|other| other < value), own.partition_point(|other| other <= value));
        1.0 - (below + up_to) as f64 / (2 * own.len()) as f64
    };
    let of_right: Vec<f64> = right.iter().map(beaten).collect();
    let (estimate, _) = mean_and_deviation(&of_left)?;
    // The mean over pairs changes by the placements of what is drawn on either side, to first order.
    let Interval { low, high, .. } =
        percentiles(estimate, seed, |resampled| resampled.mean(&of_left) + resampled.mean(&of_right) - estimate);
    Some(Interval { estimate, low: low.max(0.0), high: high.min(1.0) })
}

/// By how much a mean exceeds another, as a share of that other. `None` where that is not positive.
#[must_use]
pub fn relative_improvement(mean: f64, baseline: f64) -> Option<f64> {
    (baseline > 0.0).then(|| (mean - baseline) / baseline)
}

/// One resample of a bootstrap.
struct Resample<'a>(&'a mut dyn FnMut(usize) -> usize);

impl Resample<'_> {
    /// The mean of as many values as there are, drawn with replacement.
    fn mean(&mut self, values: &[f64]) -> f64 {
        (0..values.len()).map(|_| values[(self.0)(values.len())]).sum::<f64>() / values.len() as f64
    }
}

fn percentiles(estimate: f64, seed: u64, statistic: impl Fn(&mut Resample<'_>) -> f64) -> Interval {
    let mut generator = draws(seed, Draws::Bootstrap, 0);
    let mut index = |bound| below(&mut generator, bound);
    let mut values: Vec<f64> = (0..RESAMPLES).map(|_| statistic(&mut Resample(&mut index))).collect();
    values.sort_by(f64::total_cmp);
    Interval { estimate, low: values[RESAMPLES * 25 / 1000], high: values[RESAMPLES * 975 / 1000 - 1] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, open_unit, stream};
    use rand::Rng;

    #[test]
    fn differences_carry_their_sign_and_cover_zero_for_equals() {
        let high: Vec<f64> = (0..100).map(|i| 0.9 + f64::from(i % 10) / 1000.0).collect();
        let low: Vec<f64> = high.iter().map(|value| value - 0.1).collect();
        let difference = difference_of_means(&high, &low, 1).unwrap();
        assert!((difference.estimate - 0.1).abs() < 1e-9 && difference.low > 0.09 && difference.high < 0.11);
        let none = difference_of_means(&high, &high, 1).unwrap();
        assert!(none.low < 0.0 && none.high > 0.0);
        assert!(difference_of_means(&[], &high, 1).is_none());
    }

    /// Candidates of a mean and a spread of skill on images of varying difficulty.
    fn table(count: usize, skill: f64, difficulty: &[f64], generator: &mut impl Rng) -> Vec<Answers> {
        let mut unit = || f64::from(open_unit(generator));
        let mut candidate = || {
            let own = skill + 0.1 * (unit() - 0.5);
            let right: Vec<bool> = difficulty.iter().map(|hard| unit() < (own - hard).clamp(0.0, 1.0)).collect();
            Answers::new(&right)
        };
        (0..count).map(|_| candidate()).collect()
    }

    #[test]
    fn the_interval_over_images_and_candidates_covers_as_often_as_it_says() {
        const TRIALS: u64 = 200;
        let (mut covered, mut covered_by_candidates_alone) = (0, 0);
        for trial in 0..TRIALS {
            let generator = &mut stream(trial, Purpose::Mask, 0);
            // A tenth of the images tells the two sides apart: which images were drawn matters.
            let difficulty = |tells: f64| move |u: f64| if u < 0.1 { tells } else { 0.3 * u };
            let images: Vec<f64> = (0..150).map(|_| f64::from(open_unit(generator))).collect();
            let left = table(12, 0.95, &images.iter().map(|&u| difficulty(0.1)(u)).collect::<Vec<_>>(), generator);
            let right = table(12, 0.95, &images.iter().map(|&u| difficulty(0.7)(u)).collect::<Vec<_>>(), generator);
            let (left, right): (Vec<_>, Vec<_>) = (left.iter().collect(), right.iter().collect());
            let truth = 0.1 * 0.6;
            let covers = |interval: Interval| u32::from(interval.low <= truth && truth <= interval.high);
            covered += covers(paired_difference(&left, &right, trial).unwrap());
            let accuracies = |side: &[&Answers]| side.iter().map(|answers| answers.accuracy()).collect::<Vec<_>>();
            covered_by_candidates_alone += covers(difference_of_means(&accuracies(&left), &accuracies(&right), trial).unwrap());
        }
        assert!((183..=199).contains(&covered), "{covered} of {TRIALS}");
        assert!(covered_by_candidates_alone < 170, "the images matter here: {covered_by_candidates_alone} of {TRIALS}");
    }

    #[test]
    fn superiority_is_a_half_for_equals_and_one_for_the_always_better() {
        let values: Vec<f64> = (0..50).map(f64::from).collect();
        let equal = probability_of_superiority(&values, &values, 1).unwrap();
        assert!((equal.estimate - 0.5).abs() < 1e-12 && equal.low < 0.45 && equal.high > 0.55, "{equal:?}");
        let better: Vec<f64> = values.iter().map(|value| value + 100.0).collect();
        assert_eq!(probability_of_superiority(&better, &values, 1), Some(Interval { estimate: 1.0, low: 1.0, high: 1.0 }));
        assert!(probability_of_superiority(&[], &values, 1).is_none());
        assert_eq!((relative_improvement(0.75, 0.5), relative_improvement(0.5, 0.0)), (Some(0.5), None));
    }
}
