//! The relaxed mask of training: concrete dropout on a keep bit.

use super::{logit, sigmoid};

/// The relaxed keep mask: `1 - σ((logit(p) + ln v - ln(1 - v)) / τ)` for a uniform number v in (0, 1).
///
/// The noise is standard logistic, so that the mask is below 1/2 with probability p exactly, for every temperature τ. Nothing is
/// rescaled by 1 / (1 - p): batch norm absorbs the scale, in training as at ranking (method 1.3, 7 rows 2 and 13).
#[must_use]
pub fn relaxed_keep(logit_p: f64, v: f64, temperature: f64) -> f64 {
    1.0 - sigmoid((logit_p + logit(v)) / temperature)
}

/// The mean of the relaxed keep mask, by the midpoint rule on v. It is not 1 - p: that is the gap between training and sampling
/// which a lower temperature narrows (method 7 row 15).
#[must_use]
pub fn expected_keep(p: f64, temperature: f64) -> f64 {
    const POINTS: u32 = 200_000;
    let width = 1.0 / f64::from(POINTS);
    (0..POINTS).map(|point| relaxed_keep(logit(p), (f64::from(point) + 0.5) * width, temperature)).sum::<f64>() * width
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of method 7 row 15.
    #[test]
    fn expected_keep_has_the_published_values() {
        for (p, temperature, expected) in [
            (0.1, 0.2, 0.895),
            (0.1, 2.0 / 3.0, 0.855),
            (0.01, 0.2, 0.989),
            (0.01, 2.0 / 3.0, 0.980),
            (0.3, 0.2, 0.695),
            (0.3, 2.0 / 3.0, 0.662),
        ] {
            let keep = expected_keep(p, temperature);
            assert!((keep - expected).abs() < 5.1e-4, "p {p}, temperature {temperature}: {keep} instead of {expected}");
        }
    }

    #[test]
    fn half_the_mask_is_crossed_with_probability_p() {
        for temperature in [0.05, 0.2, 1.0] {
            let below = (0..10_000).filter(|i| relaxed_keep(logit(0.3), (f64::from(*i) + 0.5) / 10_000.0, temperature) < 0.5);
            assert_eq!(below.count(), 3_000);
        }
    }
}
