//! A shortened training whose prior has the effect of the full one (method 6.4, and row 8 of section 7).
//!
//! What the prior does to a drop probability over a whole training is told by two numbers, both proportional to m D / N, where D is the
//! sum over all steps of the learning rate divided by 1 - momentum, m the learning rate of p as a multiple of it, and N the examples that
//! the data term stands for: the entropy drive Theta = m D L_d K / N of a group of K channels, and the L2 drive m D L_w ||W||² / N. A
//! shorter training has a smaller D. N is made smaller by the same factor, down to the images that are really trained on, below which each
//! image would count less than once; from there on, m is made larger.

use super::schedule::learning_rate;
use crate::preset::{PosteriorRecipe, TrainingRecipe};
use std::fmt;

/// What was scaled, and what it keeps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Steps of the training and of the full one.
    pub steps: [u64; 2],
    /// The numbers of this training, then those of the full one.
    pub drives: [Drives; 2],
    /// N, before and after.
    pub n_effective: [f64; 2],
    /// m, before and after.
    pub multiplier: [f64; 2],
}

/// What the prior does over a whole training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drives {
    /// Theta of a group of one channel.
    pub entropy: f64,
    /// The L2 drive on the logit of p of a group of ||W||² = 1.
    pub l2: f64,
    /// The exponent by which L2 decays a weight of p = 0.
    pub decay: f64,
}

/// D: the sum of the learning rates of all steps, divided by 1 - momentum.
#[must_use]
pub fn path_length(recipe: &TrainingRecipe, steps_per_epoch: u64) -> f64 {
    let steps = recipe.epochs as u64 * steps_per_epoch;
    (0..steps).map(|step| learning_rate(recipe, step, steps_per_epoch)).sum::<f64>() / (1.0 - recipe.momentum)
}

impl Drives {
    /// Of a training of path length D.
    #[must_use]
    pub fn of(path_length: f64, posterior: &PosteriorRecipe) -> Self {
        let per_example = path_length / posterior.n_effective;
        let multiplier = posterior.learning_rate_multiplier;
        Self {
            entropy: multiplier * per_example * posterior.entropy_weight,
            l2: multiplier * per_example * posterior.weight_prior,
            decay: 2.0 * per_example * posterior.weight_prior,
        }
    }
}

/// Scales the prior of a training of so many images to that of the full training; `steps` are the steps of an epoch of each.
#[must_use]
pub fn scale(
    posterior: &PosteriorRecipe,
    own: &TrainingRecipe,
    full: &TrainingRecipe,
    steps: [u64; 2],
    images: usize,
) -> (PosteriorRecipe, Budget) {
    let lengths = [path_length(own, steps[0]), path_length(full, steps[1])];
    let share = lengths[0] / lengths[1];
    let (before, wanted) = (posterior.n_effective, posterior.n_effective * share);
    let after = wanted.max(before.min(images as f64));
    let scaled =
        PosteriorRecipe { n_effective: after, learning_rate_multiplier: posterior.learning_rate_multiplier * after / wanted, ..*posterior };
    let budget = Budget {
        steps: [own.epochs as u64 * steps[0], full.epochs as u64 * steps[1]],
        drives: [Drives::of(lengths[0], &scaled), Drives::of(lengths[1], posterior)],
        n_effective: [before, after],
        multiplier: [posterior.learning_rate_multiplier, scaled.learning_rate_multiplier],
    };
    (scaled, budget)
}

/// In one line, for the log and the screen.
impl fmt::Display for Budget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, drives: [own, full], n_effective, multiplier } = self;
        write!(
            formatter,
            "budget scaled from {} to {} steps: N {:.0} → {:.0}, learning rate of p × {} → × {:.3}; over the training Theta is {:.3} a channel \
             (in full {:.3}), the L2 drive {:.3} ||W||² (in full {:.3}), and weights decay by the exponent {:.3} (in full {:.3})",
            steps[1],
            steps[0],
            n_effective[0],
            n_effective[1],
            multiplier[0],
            multiplier[1],
            own.entropy,
            full.entropy,
            own.l2,
            full.l2,
            own.decay,
            full.decay
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Granularity;
    use crate::posterior::{logit, sigmoid};
    use crate::preset::{NoiseRecipe, Precision, Schedule};

    fn recipe(epochs: usize, learning_rate: f64, schedule: Schedule) -> TrainingRecipe {
        TrainingRecipe {
            weights: String::new(),
            epochs,
            batch: 128,
            learning_rate,
            momentum: 0.9,
            schedule,
            clip: 0.0,
            batch_norm_decay: 0.9,
            batch_norm_epsilon: 1e-5,
            precision: Precision::F32,
            scaled: false,
            noise: NoiseRecipe::default(),
        }
    }

    fn prior(weight_prior: f64, n_effective: f64) -> PosteriorRecipe {
        PosteriorRecipe {
            categorical: None,
            granularity: Granularity::Channel,
            ties: false,
            initial_drop: 0.1,
            temperature: 0.2,
            prior_drop: 0.5,
            weight_prior,
            entropy_weight: 1.0,
            n_effective,
            learning_rate_multiplier: 1.0,
        }
    }

    fn supnet_m(epochs: usize) -> TrainingRecipe {
        recipe(epochs, 0.01, Schedule::Cosine { end: 0.0 })
    }

    /// Where the entropy alone takes p from 0.1: dx/dΘ = -p (1-p) x.
    fn drifted(theta: f64) -> f64 {
        let steps = 10_000;
        let drift = |x: f64, _| x - theta / f64::from(steps) * sigmoid(x) * sigmoid(-x) * x;
        sigmoid((0..steps).fold(logit(0.1), drift))
    }

    fn near(left: f64, right: f64, tolerance: f64) {
        assert!((left - right).abs() <= tolerance, "{left} instead of {right}");
    }

    /// Theta of method 6.4 and its table, and where p ends by the entropy alone.
    #[test]
    fn the_full_recipes_have_the_published_drives() {
        let theta = |length, n, channels: f64| Drives::of(length, &prior(50.0, n)).entropy * channels;
        let supnet_m = path_length(&supnet_m(1800), 390);
        for (channels, expected, p) in [(96.0, 6.7, 0.31), (384.0, 27.0, 0.499), (160.0, 11.0, 0.43), (640.0, 45.0, 0.5)] {
            near(theta(supnet_m, 5e5, channels), expected, 0.3);
            near(drifted(theta(supnet_m, 5e5, channels)), p, 0.006);
        }
        // The first phase of SupNet-D-121, and the whole of it.
        let densenet = path_length(&recipe(90, 0.1, Schedule::Step { epochs: vec![], factor: 1.0 }), 4271);
        near(theta(densenet, 1_281_167.0, 32.0), 9.6, 0.01);
        let logged = path_length(&recipe(180, 0.1, Schedule::Step { epochs: vec![90, 150], factor: 0.1 }), 4271);
        near(drifted(theta(logged, 1_281_167.0, 32.0)), 0.4140, 6e-4);
        // The weights of SupNet-M and MI decay with an e-fold time of 71 and 24 epochs at the full rate.
        let one_epoch = path_length(&recipe(1, 0.01, Schedule::Step { epochs: vec![], factor: 1.0 }), 390);
        for (weight, epochs) in [(50.0, 71.0), (150.0, 24.0)] {
            // The squared norm decays twice as fast as the weight; p starts at 0.1.
            near(1.0 / (2.0 * 0.9 * Drives::of(one_epoch, &prior(weight, 5e5)).decay), epochs, 0.05 * epochs);
        }
    }

    /// Row 8: SupNet-M for 30 epochs has Theta = 0.12 and p stays at .10, where 1800 epochs have 6.7 and .31.
    #[test]
    fn a_scaled_budget_keeps_the_drives_of_the_full_one() {
        let (own, full, posterior) = (supnet_m(30), supnet_m(1800), prior(50.0, 5e5));
        let unscaled = Drives::of(path_length(&own, 390), &posterior).entropy * 96.0;
        near(unscaled, 0.12, 0.01);
        near(drifted(unscaled), 0.102, 0.001);

        let (scaled, budget) = scale(&posterior, &own, &full, [390, 390], 45_000);
        near(budget.drives[0].entropy, budget.drives[1].entropy, 1e-9);
        near(budget.drives[0].l2, budget.drives[1].l2, 1e-9);
        near(drifted(budget.drives[0].entropy * 96.0), 0.31, 0.006);
        near(scaled.n_effective, 45_000.0, 1e-6);
        near(scaled.learning_rate_multiplier, 45_000.0 * 60.0 / 5e5, 1e-3);
        assert_eq!(budget.steps, [11_700, 702_000]);
        let told = budget.to_string();
        assert!(
            told.contains("from 702000 to 11700 steps: N 500000 → 45000") && told.contains("0.070 a channel (in full 0.070)"),
            "{told}"
        );

        // A third of the training needs no help of p's learning rate, and the decay of weights is kept, too.
        let (scaled, budget) = scale(&posterior, &supnet_m(600), &full, [390, 390], 45_000);
        near(scaled.n_effective, 5e5 / 3.0, 1.0);
        near(scaled.learning_rate_multiplier, 1.0, 1e-9);
        near(budget.drives[0].decay, budget.drives[1].decay, 1e-9);
        // What is not shortened stays; what is longer has a weaker prior.
        assert_eq!(scale(&posterior, &full, &full, [390, 390], 45_000).0, posterior);
        near(scale(&posterior, &supnet_m(3600), &full, [390, 390], 45_000).0.n_effective, 1e6, 1.0);
        // An N that is below the images from the start is not raised.
        let small = scale(&prior(2.0, 4e3), &own, &full, [390, 390], 45_000).0;
        near(small.n_effective, 4e3, 1e-9);
        near(small.learning_rate_multiplier, 60.0, 0.01);
    }
}
