//! Images a second: a network in training and in ranking, on noise, at the batch size of its preset.

use super::operations::normals;
use super::subjects::Subject;
use crate::data::{DataError, ImageSet, SplitPlan, Splits, TestPlan};
use crate::engine::EngineError;
use crate::engine::ranker::{Examples, Frozen, Ranker};
use crate::engine::trainer::State;
use crate::posterior::HardMask;
use burn::tensor::Device;
use std::time::Instant;

/// Seconds that training is timed for at least, and steps.
const LEAST: (f64, u32) = (2.0, 3);

/// Steps that are not timed: the first compile kernels.
const WARM: u32 = 2;

/// Multiplications of a training step for each of a forward pass.
const PASSES: f64 = 3.0;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// Images a second in training.
    pub training: f64,
    /// Images a second in ranking: those that one candidate is asked, over the time to slice it, to re-estimate its batch-norm statistics and to
    /// ask it with both kinds of them.
    pub ranking: f64,
    /// Multiply-accumulates a second in training, forward and backward.
    pub macs: f64,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum SpeedError {
    /// The recipe does not fit.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The network cannot be sliced.
    #[error(transparent)]
    Graph(#[from] crate::graph::GraphError),
    /// No images of noise.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// Seconds that [`speed`] is going to take at least on a device of so many multiply-accumulates a second.
#[must_use]
pub fn seconds(subject: &Subject, macs_per_second: f64) -> f64 {
    let step = PASSES * subject.graph.cost().macs * subject.preset.train.batch as f64 / macs_per_second;
    f64::from(WARM + LEAST.1) * step
}

/// Times a network.
///
/// # Errors
/// [`SpeedError`] where it cannot be trained or ranked at all.
pub fn speed(subject: &Subject, device: &Device) -> Result<Speed, SpeedError> {
    let (trainer, mut state) = subject.training(device, 1)?;
    let images = subject.preset.train.batch;
    let batch = subject.batch(images);
    for _ in 0..WARM {
        state = trainer.step(state, batch.clone());
    }
    wait(&state);
    let (begun, mut steps) = (Instant::now(), 0);
    while steps < LEAST.1 || begun.elapsed().as_secs_f64() < LEAST.0 {
        // As many steps between two looks at the clock as take a while: a look must not make the device wait for the host.
        for _ in 0..LEAST.1 {
            state = trainer.step(state, batch.clone());
        }
        steps += LEAST.1;
        wait(&state);
    }
    let training = f64::from(steps) * images as f64 / begun.elapsed().as_secs_f64();
    let macs = PASSES * subject.graph.cost().macs * training;
    Ok(Speed { training, ranking: ranking(subject, &state, device)?, macs })
}

/// Waits until the device has done a step: what is read back has been computed.
fn wait(state: &State) {
    let _ = state.weights.values.clone().narrow(0, 0, 1).into_data();
}

fn ranking(subject: &Subject, state: &State, device: &Device) -> Result<f64, SpeedError> {
    let shape = subject.graph.input_shape();
    // Of large images fewer: the time of each is what is asked for.
    let count = (256 * 1024 / shape.pixels()).clamp(16, 256);
    let splits = noise([shape.channels, shape.height, shape.width], count)?;
    let epsilon = subject.preset.train.batch_norm_epsilon;
    let ranker = Ranker::new(subject.graph.clone(), subject.batch(count), epsilon, device.clone());
    let examples = Examples::upload(splits.select.images(), device);
    let frozen = Frozen::of(state);
    let masks: Vec<HardMask> = (0..4)
        .map(|mask| HardMask::new(normals(20 + mask, subject.graph.masked_channels()).into_iter().map(|number| number < 0.7).collect()))
        .collect();
    let _ = ranker.evaluate(&frozen, &masks[0], &examples)?;
    let begun = Instant::now();
    for mask in &masks[1..] {
        let _ = ranker.evaluate(&frozen, mask, &examples)?;
    }
    Ok((masks.len() - 1) as f64 * count as f64 / begun.elapsed().as_secs_f64())
}

/// Images of noise, so many of them to rank on.
fn noise(shape: [usize; 3], select: usize) -> Result<Splits, DataError> {
    const OTHERS: usize = 2;
    let pixels = (0..(select + 2 * OTHERS) * shape.iter().product::<usize>()).map(|pixel| (pixel.wrapping_mul(2_654_435_761) >> 7) as u8);
    let set = ImageSet::new("noise", vec!["any".into()], shape, u8::MAX, pixels.collect(), vec![0; select + 2 * OTHERS], 0)?;
    set.split(&SplitPlan { train: 0, select, test: TestPlan::Held(OTHERS), seed: 0 })
}

#[cfg(test)]
mod tests {
    use super::super::subjects::narrow;
    use super::*;

    #[test]
    fn speeds_are_those_of_a_clock() {
        let subject = narrow("digits").unwrap().unwrap();
        let begun = Instant::now();
        let speed = speed(&subject, &Device::flex()).unwrap();
        let taken = begun.elapsed().as_secs_f64();
        assert!(taken >= LEAST.0 && speed.training > 1.0 && speed.ranking > 1.0, "{speed:?}");
        // No more images than the time of all could have been for, at the speed that was told.
        let most = (taken + 1.0) * speed.training;
        assert!(most > f64::from(WARM + LEAST.1) * 64.0, "{speed:?} in {taken}");
        assert!((speed.macs / (3.0 * subject.graph.cost().macs * speed.training) - 1.0).abs() < 1e-9);
        assert!((seconds(&subject, speed.macs) - 5.0 * 64.0 / speed.training).abs() < 1e-6);
    }
}
