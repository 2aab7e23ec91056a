//! The KL term between posterior and prior, in closed form with its gradients.

use super::{Posterior, logit, sigmoid};
use crate::graph::Granularity;

/// The coefficients of the KL term. Per group with K channels and squared weight norm S (method 1.3 and 7 row 32):
///
/// `(L_w/N) (1-p) S + (L_d/N) K [p ln(p/u) + (1-p) ln((1-p)/(1-u))]`
///
/// The code of the paper's authors is u = 1/2 up to the constant K ln 2. There is no factor 1/2 on the L2 part, so that published
/// values of l² keep their meaning as L_w (7 row 6).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regulariser {
    /// L_w: the weight of the L2 part, the paper's l².
    pub weight: f64,
    /// L_d: the weight of the entropy part.
    pub entropy: f64,
    /// N: how many examples the data term stands for; a free temperature on the prior (7 row 8).
    pub n_effective: f64,
    /// u: the prior drop probability, towards which a group without data goes.
    pub prior_drop: f64,
}

/// The KL term by its parts, in nats per example.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct KlTerm {
    /// The L2 part: what L_w weighs.
    pub l2: f64,
    /// The entropy part: the divergence of the masks' bits, or of the choices between operations, from their prior. What L_d weighs.
    pub entropy: f64,
}

impl KlTerm {
    /// The KL term.
    #[must_use]
    pub fn total(self) -> f64 {
        self.l2 + self.entropy
    }
}

impl std::iter::Sum for KlTerm {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |sum, part| Self { l2: sum.l2 + part.l2, entropy: sum.entropy + part.entropy })
    }
}

impl Regulariser {
    /// The KL term of one group, in nats per example.
    #[must_use]
    pub fn value(&self, logit_p: f64, channels: f64, squared_norm: f64) -> f64 {
        self.parts(logit_p, channels, squared_norm).total()
    }

    /// [`Self::value`] by its parts.
    #[must_use]
    pub fn parts(&self, logit_p: f64, channels: f64, squared_norm: f64) -> KlTerm {
        let (p, keep) = (sigmoid(logit_p), sigmoid(-logit_p));
        // ln p and ln(1 - p) from the logit: finite where p itself would round to 0 or 1 (7 row 16).
        let (ln_p, ln_keep) = (-softplus(-logit_p), -softplus(logit_p));
        let divergence = p * (ln_p - self.prior_drop.ln()) + keep * (ln_keep - (-self.prior_drop).ln_1p());
        KlTerm {
            l2: self.weight * keep * squared_norm / self.n_effective,
            entropy: self.entropy * channels * divergence / self.n_effective,
        }
    }

    /// The KL term of one choice between operations, in nats per example, from the probability of each and the squared norm of its weights:
    /// `(L_w/N) sum of π S + (L_d/N) sum of π ln(π m)` over its m operations, the divergence from a uniform prior; by its parts.
    #[must_use]
    pub fn choice_parts(&self, probabilities: &[f64], squared_norms: &[f64]) -> KlTerm {
        let options = probabilities.len() as f64;
        let divergence = |&p: &f64| if p > 0.0 { p * (p * options).ln() } else { 0.0 };
        let drive: f64 = probabilities.iter().zip(squared_norms).map(|(p, norm)| p * norm).sum();
        KlTerm {
            l2: self.weight * drive / self.n_effective,
            entropy: self.entropy * probabilities.iter().map(divergence).sum::<f64>() / self.n_effective,
        }
    }

    /// The KL term of a whole posterior by its parts; a squared norm for each of its groups.
    #[must_use]
    pub fn total(&self, posterior: &Posterior, granularity: Granularity, squared_norms: &[f32]) -> KlTerm {
        let norm = |group: usize| squared_norms.get(group).map_or(0.0, |&norm| f64::from(norm));
        match posterior.choices() {
            None => {
                let groups = posterior.logits().iter().zip(posterior.channels()).enumerate();
                groups.map(|(group, (&x, &channels))| self.parts(f64::from(x), granularity.bits(channels) as f64, norm(group))).sum()
            }
            Some(choices) => {
                let probabilities = choices.probabilities(posterior.logits());
                let of = |(options, probabilities): (&Vec<Vec<usize>>, &Vec<f64>)| {
                    let norms: Vec<f64> = options.iter().map(|groups| groups.iter().map(|&group| norm(group)).sum()).collect();
                    self.choice_parts(probabilities, &norms)
                };
                choices.groups().iter().zip(&probabilities).map(of).sum()
            }
        }
    }

    /// The derivative of [`Self::value`] with respect to the logit.
    #[must_use]
    pub fn logit_gradient(&self, logit_p: f64, channels: f64, squared_norm: f64) -> f64 {
        let slope = sigmoid(logit_p) * sigmoid(-logit_p);
        let drive = self.entropy * channels * (logit_p - logit(self.prior_drop)) - self.weight * squared_norm;
        slope * drive / self.n_effective
    }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_gradient_is_the_slope_of_the_value(
            x in -8.0..8.0f64, channels in 1.0..512.0f64, norm in 0.0..900.0f64, u in 0.05..0.95f64, l_w in 0.0..100.0f64,
        ) {
            let regulariser = Regulariser { weight: l_w, entropy: 1.0, n_effective: 1000.0, prior_drop: u };
            let step = 1e-5;
            let slope = (regulariser.value(x + step, channels, norm) - regulariser.value(x - step, channels, norm)) / (2.0 * step);
            let gradient = regulariser.logit_gradient(x, channels, norm);
            prop_assert!((slope - gradient).abs() < 1e-5 * (1.0 + gradient.abs()), "{slope} {gradient}");
        }
    }

    #[test]
    fn a_group_without_weights_rests_at_the_prior() {
        let regulariser = Regulariser { weight: 1.0, entropy: 1.0, n_effective: 100.0, prior_drop: 0.8 };
        assert!(regulariser.logit_gradient(logit(0.8), 16.0, 0.0).abs() < 1e-12);
        assert!(regulariser.value(logit(0.8), 16.0, 0.0).abs() < 1e-12);
    }

    #[test]
    fn each_part_is_weighed_by_its_own_coefficient_and_together_they_are_the_term() {
        let regulariser = Regulariser { weight: 3.0, entropy: 1.0, n_effective: 100.0, prior_drop: 0.5 };
        let parts = regulariser.parts(logit(0.25), 16.0, 4.0);
        // (3 / 100) 0.75 × 4, and 16 / 100 times the divergence of (1/4, 3/4) from (1/2, 1/2).
        assert!((parts.l2 - 0.09).abs() < 1e-12);
        let divergence = 0.25 * 0.5f64.ln() + 0.75 * 1.5f64.ln();
        assert!((parts.entropy - 0.16 * divergence).abs() < 1e-12);
        assert!((parts.total() - regulariser.value(logit(0.25), 16.0, 4.0)).abs() < 1e-15);
        let choice = regulariser.choice_parts(&[0.25, 0.75], &[4.0, 0.0]);
        assert!((choice.l2 - 0.03).abs() < 1e-12 && (choice.entropy - divergence / 100.0).abs() < 1e-12);
    }

    #[test]
    fn saturated_logits_stay_finite() {
        let regulariser = Regulariser { weight: 1.0, entropy: 1.0, n_effective: 100.0, prior_drop: 0.5 };
        for x in [-200.0, 200.0] {
            assert!(regulariser.value(x, 16.0, 3.0).is_finite() && regulariser.logit_gradient(x, 16.0, 3.0).is_finite());
        }
    }
}
