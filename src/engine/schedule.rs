//! Learning rates as a pure function of the step.

use crate::preset::{Schedule, TrainingRecipe};

/// The learning rate of a step, counted from 0.
#[must_use]
pub fn learning_rate(recipe: &TrainingRecipe, step: u64, steps_per_epoch: u64) -> f64 {
    let start = recipe.learning_rate;
    let epoch = step / steps_per_epoch.max(1);
    match &recipe.schedule {
        Schedule::Cosine { end } => {
            let total = recipe.epochs as u64 * steps_per_epoch;
            // Beyond the end only where somebody has shortened the training meanwhile.
            half_cosine(start, *end, (step as f64 / total.max(1) as f64).min(1.0))
        }
        Schedule::Restarts { end, period, factor } => {
            let (mut begin, mut length) = (0, (*period as u64).max(1));
            while epoch >= begin + length {
                begin += length;
                length *= (*factor as u64).max(1);
            }
            half_cosine(start, *end, (epoch - begin) as f64 / length as f64)
        }
        Schedule::Step { epochs, factor } => {
            let drops = epochs.iter().filter(|&&drop| drop as u64 <= epoch).count();
            start * factor.powi(drops as i32)
        }
    }
}

fn half_cosine(start: f64, end: f64, share: f64) -> f64 {
    end + (start - end) * 0.5 * (1.0 + (std::f64::consts::PI * share).cos())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::{NoiseRecipe, Precision};

    fn recipe(schedule: Schedule, epochs: usize) -> TrainingRecipe {
        TrainingRecipe {
            weights: String::new(),
            epochs,
            batch: 8,
            learning_rate: 0.1,
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

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-12
    }

    #[test]
    fn cosine_falls_from_start_through_half_to_end() {
        let recipe = recipe(Schedule::Cosine { end: 0.0 }, 10);
        assert!(close(learning_rate(&recipe, 0, 4), 0.1));
        assert!(close(learning_rate(&recipe, 20, 4), 0.05));
        assert!(close(learning_rate(&recipe, 40, 4), 0.0));
    }

    /// 10 + 20 + 40 epochs, constant within an epoch (method 3, SupNet-E).
    #[test]
    fn restarts_double_and_start_at_full_rate() {
        let recipe = recipe(Schedule::Restarts { end: 0.0001, period: 10, factor: 2 }, 70);
        for restart in [0, 10, 30] {
            assert!(close(learning_rate(&recipe, restart * 5, 5), 0.1));
            assert!(close(learning_rate(&recipe, restart * 5 + 4, 5), 0.1));
        }
        assert!(close(learning_rate(&recipe, 20 * 5, 5), f64::midpoint(0.1, 0.0001)));
        assert!(learning_rate(&recipe, 29 * 5, 5) < 0.002);
    }

    #[test]
    fn steps_multiply_from_their_epoch_on() {
        let recipe = recipe(Schedule::Step { epochs: vec![90, 150], factor: 0.1 }, 180);
        assert!(close(learning_rate(&recipe, 89 * 7 + 6, 7), 0.1));
        assert!(close(learning_rate(&recipe, 90 * 7, 7), 0.01));
        assert!((learning_rate(&recipe, 150 * 7, 7) - 0.001).abs() < 1e-12);
    }
}
