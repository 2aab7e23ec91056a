//! Data-parallel training: each device takes some images of a batch, and the gradients meet on the leading one.
//!
//! Weights and logits are one vector each, so that a step sends two vectors to every device and gets two back. Masks and noise are those that
//! one device would have drawn for the whole batch; only batch norm sees the images of its own device alone, and its statistics are averaged.

use super::feed::Shown;
use super::interpreter::Statistics;
use super::trainer::{Gradients, State, Trainer};
use burn::tensor::{Device, Tensor};
use std::ops::Range;
use std::panic::resume_unwind;

/// Which images of a batch each of some devices takes: as equal as can be, and no device without any.
fn shares(images: usize, devices: usize) -> Vec<Range<usize>> {
    let at = |device: usize| device * images / devices;
    (0..devices).map(|device| at(device)..at(device + 1)).filter(|share| !share.is_empty()).collect()
}

impl Trainer {
    /// The objective's gradients on a batch, which this trainer shares with those beside it.
    pub(super) fn shared_gradients(&self, state: &State, shown: &Shown) -> Gradients {
        let images = shown.1.dims()[0];
        let shares = shares(images, 1 + self.others().len());
        let of = |rows: &Range<usize>| rows.len() as f64 / images as f64;
        std::thread::scope(|scope| {
            let beside = self.others().iter().zip(&shares[1..]);
            let threads: Vec<_> =
                beside.map(|(trainer, rows)| (scope.spawn(move || trainer.gradients_of(rows, state, shown)), of(rows))).collect();
            let own = self.gradients_of(&shares[0], state, shown).weighted(of(&shares[0]), self.device());
            threads.into_iter().fold(own, |sum, (thread, share)| {
                let part = thread.join().unwrap_or_else(|fault| resume_unwind(fault));
                sum.plus(part.weighted(share, self.device()))
            })
        })
    }

    /// The gradients on some images of a batch, on this trainer's device.
    fn gradients_of(&self, rows: &Range<usize>, state: &State, (pixels, labels): &Shown) -> Gradients {
        let (device, images) = (self.device(), labels.dims()[0]);
        let mut state = state.clone();
        // Momentum, running statistics and sums are no part of a gradient, and stay where they are.
        state.weights.values = state.weights.values.to_device(device);
        state.logits.values = state.logits.values.to_device(device);
        let (pixels, labels) = (pixels.clone().narrow(0, rows.start, rows.len()), labels.clone().narrow(0, rows.start, rows.len()));
        let masks = self.masks(&state, images, state.step).rows(rows);
        let noise = self.noise(state.step, images).rows(rows);
        self.gradients(&state, pixels.to_device(device), &labels.to_device(device), &masks, &noise)
    }
}

impl Gradients {
    /// A share of them, on a device. Scores are of images, and none is worth less than another.
    fn weighted(self, share: f64, device: &Device) -> Self {
        let Self { cross_entropy, scores, weights, logits, statistics: Statistics { mean, variance } } = self;
        let part = |tensor: Tensor<1>| tensor.to_device(device).mul_scalar(share);
        Self {
            cross_entropy: part(cross_entropy),
            scores: scores.to_device(device),
            weights: part(weights),
            logits: part(logits),
            statistics: Statistics { mean: part(mean), variance: part(variance) },
        }
    }

    /// The sum of two shares, their images one behind the other.
    fn plus(self, other: Self) -> Self {
        Self {
            cross_entropy: self.cross_entropy + other.cross_entropy,
            scores: Tensor::cat(vec![self.scores, other.scores], 0),
            weights: self.weights + other.weights,
            logits: self.logits + other.logits,
            statistics: Statistics {
                mean: self.statistics.mean + other.statistics.mean,
                variance: self.statistics.variance + other.statistics.variance,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Batch;
    use crate::graph::{Graph, GraphBuilder, Op, Operation, Place, Shape};
    use crate::posterior::{DropProbability, Posterior};
    use crate::preset::Preset;
    use std::sync::Arc;

    const SHAPE: Shape = Shape::map(1, 8, 8);

    /// A network with masks, and without batch norm: what a device makes of an image does not depend on the images beside it.
    fn without_batch_norm() -> Arc<Graph> {
        let (mut builder, input) = GraphBuilder::new(SHAPE);
        let conv = || Op::Conv { out_channels: 6, kernel: 3, stride: 1, dilation: 1, groups: 1 };
        let place = |operation| Place { block: "block".into(), edge: "edge".into(), operation };
        let stem = builder.add("stem", conv(), &[input]).unwrap();
        let masked = builder.add_masked("conv", conv(), stem, place(Operation::Conv3)).unwrap();
        let relu = builder.add("relu", Op::Relu, &[masked]).unwrap();
        let pool = builder.add("pool", Op::GlobalAveragePool, &[relu]).unwrap();
        builder.add_masked("head", Op::Linear { out_features: 10 }, pool, place(Operation::Linear)).unwrap();
        Arc::new(builder.finish())
    }

    fn trainer(graph: &Arc<Graph>, devices: usize) -> Trainer {
        let preset = Preset::load("digits", None, &[]).unwrap().preset;
        let one = || Trainer::new(graph.clone(), &preset.posterior, preset.train.clone(), Device::flex(), 1, 17);
        one().beside((1..devices).map(|_| one()).collect())
    }

    fn batch(images: usize, step: usize) -> Batch {
        let pixels = (0..images * SHAPE.elements()).map(|pixel| ((pixel * 37 + step * 11) % 101) as f32 / 50.0 - 1.0).collect();
        Batch { images: pixels, labels: (0..images).map(|image| (image * 7 + step) as i32 % 10).collect(), size: images }
    }

    fn numbers(tensor: &Tensor<1>) -> Vec<f32> {
        tensor.clone().into_data().try_to_vec().unwrap()
    }

    /// Weights, logits, running statistics and sums after some steps.
    fn trained(trainer: &Trainer, graph: &Graph, images: usize) -> [Vec<f32>; 4] {
        let posterior = Posterior::uniform(graph, DropProbability::new(0.3).unwrap());
        let mut state = trainer.initial(&posterior);
        for step in 0..5 {
            state = trainer.step(state, batch(images, step));
        }
        let sums = [&state.sums.cross_entropy, &state.sums.correct, &state.sums.norm].map(numbers).concat();
        let statistics = [numbers(&state.statistics.mean), numbers(&state.statistics.variance)].concat();
        [numbers(&state.weights.values), numbers(&state.logits.values), statistics, sums]
    }

    fn farthest(one: &[Vec<f32>; 4], other: &[Vec<f32>; 4]) -> f32 {
        let pairs = one.iter().flatten().zip(other.iter().flatten());
        pairs.map(|(one, other)| (one - other).abs() / one.abs().max(1.0)).fold(0.0, f32::max)
    }

    #[test]
    fn every_image_has_one_device() {
        for (images, devices) in [(64, 2), (7, 3), (2, 3), (1, 1)] {
            let shares = shares(images, devices);
            assert!(shares.iter().all(|share| !share.is_empty()) && shares.len() == devices.min(images));
            assert_eq!(shares.into_iter().flatten().collect::<Vec<_>>(), (0..images).collect::<Vec<_>>());
        }
    }

    #[test]
    fn several_devices_train_as_one_does() {
        let graph = without_batch_norm();
        // Also where the shares differ in size, and where a device gets no image.
        for images in [12, 7, 2] {
            let one = trained(&trainer(&graph, 1), &graph, images);
            for devices in [2, 3] {
                let several = trained(&trainer(&graph, devices), &graph, images);
                assert!(farthest(&one, &several) < 1e-5, "{images} images, {devices} devices: {}", farthest(&one, &several));
            }
        }
    }

    #[test]
    fn batch_norm_sees_the_images_of_its_device() {
        let preset = Preset::load("digits", None, &[]).unwrap().preset;
        let graph = Arc::new(preset.space.build(SHAPE, 10).unwrap());
        let (one, two) = (trained(&trainer(&graph, 1), &graph, 12), trained(&trainer(&graph, 2), &graph, 12));
        assert_eq!(two, trained(&trainer(&graph, 2), &graph, 12), "which thread ends first makes no difference");
        assert!(two.iter().flatten().all(|number| number.is_finite()));
        assert!(farthest(&one, &two) > 1e-4, "a half of a batch has other statistics than the whole");
    }
}
