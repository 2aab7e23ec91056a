//! Statistics of accuracies: intervals, means, differences.

use crate::random::{Purpose, below, stream};

/// Two-sided 95 % quantile of the standard normal distribution.
const Z95: f64 = 1.959_963_984_540_054;

/// A mean with the limits of its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub estimate: f64,
    /// Lower limit.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
}

impl Interval {
    /// Half the width, for `estimate ± half`.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// The Wilson score interval of a share: right also near 0 and 1 and for few images.
#[must_use]
pub fn wilson(correct: usize, total: usize) -> Interval {
    if total == 0 {
        return Interval { estimate: 0.0, low: 0.0, high: 1.0 };
    }
    let (n, share) = (total as f64, correct as f64 / total as f64);
    let z2 = Z95 * Z95;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z95 / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    Interval { estimate: share, low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
}

/// Mean and sample standard deviation; the latter is zero for fewer than two values. `None` for no values.
#[must_use]
pub fn mean_and_deviation(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (!values.is_empty()).then(|| (mean, if values.len() < 2 { 0.0 } else { (squares / (n - 1.0)).sqrt() }))
}

/// The difference of two means with a percentile-bootstrap 95 % interval over candidates. `None` where one side is empty.
#[must_use]
pub fn difference_of_means(left: &[f64], right: &[f64], seed: u64) -> Option<Interval> {
    const DRAWS: usize = 2_000;
    let estimate = mean_and_deviation(left)?.0 - mean_and_deviation(right)?.0;
    let mut generator = stream(seed, Purpose::Resample, 0);
    let mut resampled =
        |values: &[f64]| (0..values.len()).map(|_| values[below(&mut generator, values.len())]).sum::<f64>() / values.len() as f64;
    let mut differences: Vec<f64> = (0..DRAWS).map(|_| resampled(left) - resampled(right)).collect();
    differences.sort_by(f64::total_cmp);
    Some(Interval { estimate, low: differences[DRAWS * 25 / 1000], high: differences[DRAWS * 975 / 1000 - 1] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_has_the_textbook_values() {
        let interval = wilson(45, 50);
        assert!((interval.low - 0.7864).abs() < 1e-4 && (interval.high - 0.9565).abs() < 1e-4, "{interval:?}");
        assert!((wilson(350, 350).low - 0.98914).abs() < 1e-4 && wilson(350, 350).high <= 1.0);
        assert!(wilson(0, 0).high >= 1.0);
    }

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
}
