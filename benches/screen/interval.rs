//! What many values say of one: their median and trimmed mean, with bootstrap intervals.

use pgnas::random::{Purpose, below, stream};

/// Resamples for an interval.
pub const RESAMPLES: usize = 4000;
/// Share of the values that a trimmed mean leaves out at either end.
const TRIMMED: f64 = 0.2;

/// The value in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { f64::midpoint(values[middle - 1], values[middle]) } else { values[middle] }
}

/// The mean without the lowest and the highest fifth: nearly as sharp as the mean, and no window in which the machine did something else
/// decides it.
pub fn trimmed_mean(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let cut = (values.len() as f64 * TRIMMED) as usize;
    let kept = &values[cut..values.len() - cut];
    kept.iter().sum::<f64>() / kept.len() as f64
}

/// The percentile bootstrap interval of 95 % of what `of` tells of values drawn anew, so many a time.
pub fn interval(count: usize, mut of: impl FnMut(&mut dyn FnMut() -> usize) -> f64) -> (f64, f64) {
    let mut generator = stream(1, Purpose::Shuffle, 0);
    let mut draw = || below(&mut generator, count);
    let mut told: Vec<f64> = (0..RESAMPLES).map(|_| of(&mut draw)).collect();
    told.sort_by(f64::total_cmp);
    let at = |share: f64| told[(share * (RESAMPLES - 1) as f64).round() as usize];
    (at(0.025), at(0.975))
}

/// A statistic of values with its interval: each resample has as many values.
pub fn told(values: &[f64], statistic: fn(Vec<f64>) -> f64) -> (f64, (f64, f64)) {
    let resampled = |draw: &mut dyn FnMut() -> usize| statistic((0..values.len()).map(|_| values[draw()]).collect());
    (statistic(values.to_vec()), interval(values.len(), resampled))
}
