//! Estimates with their limits, and the plain summaries of a sample.

/// Two-sided 95 % quantile of the standard normal distribution.
const Z95: f64 = 1.959_963_984_540_054;

/// An estimate with the limits of its 95 % interval.
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

/// The limits of the middle 95 % of some values; `None` for none.
#[must_use]
pub fn middle(mut values: Vec<f64>) -> Option<(f64, f64)> {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get((share * values.len().saturating_sub(1) as f64).round() as usize).copied();
    at(0.025).zip(at(0.975))
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
}
