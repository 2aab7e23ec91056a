//! One step of training on two devices from the same seed, and the same steps twice on one.

use super::compare::{Values, difference, same_bits};
use super::operations::numbers;
use super::subjects::Subject;
use crate::engine::EngineError;
use crate::engine::trainer::State;
use crate::posterior::sigmoid;
use burn::tensor::Device;

const SEED: u64 = 5;

/// How far a number of a step may be from that of the CPU in `f32`.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Of what.
    pub name: &'static str,
    /// In `f32`.
    pub f32: f64,
    /// Where products are taken in TF32.
    pub tf32: f64,
    /// Where convolutions are taken in bf16.
    pub bf16: f64,
}

const fn limit(name: &'static str, f32: f64, tf32: f64, bf16: f64) -> Limit {
    Limit { name, f32, tf32, bf16 }
}

/// What a step is compared by. Differences of single operations grow on the way through a network of a hundred layers, and a number beside
/// the kink of a ReLU takes its whole gradient to the other side.
pub const LIMITS: [Limit; 7] = [
    limit("loss", 1e-4, 1e-2, 1e-1),
    limit("scores", 1e-3, 5e-2, 5e-1),
    limit("statistics", 1e-3, 2e-2, 1e-1),
    limit("gradient of weights", 1e-2, 2e-1, 8e-1),
    limit("gradient of logits", 1e-2, 2e-1, 8e-1),
    limit("moved weights", 1e-2, 2e-1, 8e-1),
    limit("drop probabilities", 1e-4, 1e-2, 1e-2),
];

/// The numbers of a step: loss, gradients, and where weights and drop probabilities are afterwards.
///
/// # Errors
/// [`EngineError`] where the recipe does not fit the network.
pub fn step(subject: &Subject, device: &Device) -> Result<Values, EngineError> {
    let (trainer, state) = subject.training(device, SEED)?;
    let images = subject.preset.train.batch;
    let shown = trainer.upload(subject.batch(images));
    let masks = trainer.objective().draw(&trainer.logits(&state), images, SEED, state.step);
    let noise = trainer.noise(state.step, images);
    let found = trainer.gradients(&state, shown.0.clone(), &shown.1, &masks, &noise);
    let before = state.weights.values.clone();
    let after = trainer.step_on(state, &shown);
    Ok(vec![
        ("loss", numbers(found.cross_entropy)),
        ("scores", numbers(found.scores)),
        ("statistics", [found.statistics.mean, found.statistics.variance].into_iter().flat_map(numbers).collect()),
        ("gradient of weights", numbers(found.weights)),
        ("gradient of logits", numbers(found.logits)),
        ("moved weights", numbers(after.weights.values - before)),
        ("drop probabilities", numbers(after.logits.values).into_iter().map(|logit| sigmoid(f64::from(logit)) as f32).collect()),
    ])
}

/// Steps that are done twice.
pub const TWICE: u64 = 3;

/// Whether some steps from one seed are the same bits the second time, and the largest difference of weights and logits.
///
/// # Errors
/// As [`step`].
pub fn twice(subject: &Subject, device: &Device) -> Result<(bool, f64), EngineError> {
    let steps = || -> Result<Values, EngineError> {
        let (trainer, mut state) = subject.training(device, SEED)?;
        let batch = subject.batch(subject.preset.train.batch);
        for _ in 0..TWICE {
            state = trainer.step(state, batch.clone());
        }
        let State { weights, logits, statistics, .. } = state;
        let statistics = [statistics.mean, statistics.variance].into_iter().flat_map(numbers).collect();
        Ok(vec![("weights", numbers(weights.values)), ("logits", numbers(logits.values)), ("statistics", statistics)])
    };
    let (one, other) = (steps()?, steps()?);
    let largest = one.iter().zip(&other).map(|((_, one), (_, other))| difference(other, one)).fold(0.0, f64::max);
    Ok((same_bits(&one, &other), largest))
}

#[cfg(test)]
mod tests {
    use super::super::compare::differences;
    use super::super::subjects::narrow;
    use super::*;
    use crate::preset::Precision;

    #[test]
    fn a_step_has_every_number_and_none_stands_still() {
        let subject = narrow("digits").unwrap().unwrap();
        let values = step(&subject, &Device::flex()).unwrap();
        assert_eq!(values.iter().map(|(name, _)| *name).collect::<Vec<_>>(), LIMITS.map(|limit| limit.name));
        assert!(values.iter().all(|(_, list)| list.iter().any(|&number| number != 0.0)));
        assert_eq!(twice(&subject, &Device::flex()).unwrap(), (true, 0.0));
    }

    /// Products rounded as TF32 rounds them must be told from sums in another order, and pass as what they are.
    #[test]
    fn weights_in_tf32_lie_between_the_limits() {
        let subject = narrow("digits").unwrap().unwrap();
        let device = Device::flex();
        let exact = step(&subject, &device).unwrap();
        let (trainer, mut state) = subject.training(&device, SEED).unwrap();
        let rounded = numbers(state.weights.values.clone()).into_iter().map(|weight| f32::from_bits((weight.to_bits() + 0x1000) & !0x1fff));
        state.weights.values = crate::engine::weights::vector(rounded.collect(), &device);
        let images = subject.preset.train.batch;
        let masks = trainer.objective().draw(&trainer.logits(&state), images, SEED, state.step);
        let (pixels, labels) = trainer.upload(subject.batch(images));
        let found = trainer.gradients(&state, pixels, &labels, &masks, &trainer.noise(state.step, images));
        for (name, list) in [("gradient of weights", numbers(found.weights)), ("scores", numbers(found.scores))] {
            let expected = &exact.iter().find(|(known, _)| *known == name).unwrap().1;
            let limit = LIMITS.into_iter().find(|limit| limit.name == name).unwrap();
            let difference = difference(&list, expected);
            assert!(difference > 1e-5 && difference < limit.tf32, "{name}: {difference}");
        }
    }

    #[test]
    fn a_step_in_bf16_is_near_one_in_f32_and_what_it_keeps_is_f32() {
        let subject = narrow("digits").unwrap().unwrap();
        let rounded = subject.clone().in_precision(Precision::Bf16);
        let device = Device::flex();
        let (found, exact) = (step(&rounded, &device).unwrap(), step(&subject, &device).unwrap());
        for ((name, difference), limit) in differences(&found, &exact).into_iter().zip(LIMITS) {
            assert!(difference > 0.0 && difference < limit.bf16, "{name}: {difference}");
        }
        let (trainer, state) = rounded.training(&device, SEED).unwrap();
        let state = trainer.step(state, rounded.batch(8));
        let kept =
            [&state.weights.values, &state.weights.momentum, &state.logits.values, &state.statistics.mean, &state.sums.cross_entropy];
        assert!(kept.iter().all(|tensor| tensor.dtype() == burn::tensor::DType::F32));
        assert!(twice(&rounded, &device).unwrap().0, "the same bits");
    }
}
