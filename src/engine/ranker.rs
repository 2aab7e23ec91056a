//! Evaluation of sub-networks: hard masks, inherited weights, batch-norm statistics inherited or re-estimated.

use super::interpreter::{HardNodeMask, Interpreter, Masks, Normalise, Statistics};
use super::trainer::{State, Trainer};
use super::weights::{images, matrix};
use crate::data::Images;
use crate::posterior::{DropProbability, HardMask};
use crate::random::open_unit;
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::Rng;

/// Images of one evaluation pass; larger splits are evaluated piece by piece.
const PIECE: usize = 512;

/// The weights that all candidates of one moment share.
#[derive(Debug, Clone)]
pub struct Frozen {
    weights: Vec<Tensor<1>>,
    statistics: Statistics,
}

/// Which images a candidate gets right, in the order of the split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// With the running statistics of training.
    pub inherited: Vec<bool>,
    /// With statistics re-estimated under the candidate's mask.
    pub recalibrated: Vec<bool>,
}

/// Images on the device with their labels on the host.
#[derive(Debug)]
pub struct Examples {
    pieces: Vec<Tensor<4>>,
    labels: Vec<i32>,
}

/// Evaluates sub-networks of one super-network.
#[derive(Debug)]
pub struct Ranker {
    interpreter: Interpreter,
    epsilon: f64,
    device: Device,
    /// Training images without augmentation, for re-estimated statistics.
    recalibration: Tensor<4>,
}

impl Examples {
    /// Puts images on a device.
    #[must_use]
    pub fn upload(source: &Images, device: &Device) -> Self {
        let [channels, height, width] = source.shape();
        let pieces = source.pixels().chunks(PIECE * channels * height * width);
        let piece = |pixels: &[f32]| images(pixels.to_vec(), [pixels.len() / (channels * height * width), channels, height, width], device);
        Self { pieces: pieces.map(piece).collect(), labels: source.labels().iter().map(|&label| i32::from(label)).collect() }
    }

    /// Which images get their highest score for the right class.
    fn correct(&self, mut scores: impl FnMut(Tensor<4>) -> Tensor<2>) -> Vec<bool> {
        let mut right = Vec::with_capacity(self.labels.len());
        for piece in &self.pieces {
            let classes = winners(scores(piece.clone()));
            right.extend(classes.into_iter().zip(&self.labels[right.len()..]).map(|(class, &label)| class == label));
        }
        right
    }
}

impl Ranker {
    /// A ranker that re-estimates statistics on these training images `[images, channels, height, width]`.
    #[must_use]
    pub fn new(trainer: &Trainer, recalibration: Tensor<4>, epsilon: f64) -> Self {
        Self { interpreter: trainer.interpreter().clone(), epsilon, device: recalibration.device(), recalibration }
    }

    /// The weights and statistics of a moment.
    #[must_use]
    pub fn freeze(trainer: &Trainer, state: &State) -> Frozen {
        Frozen { weights: trainer.layout().split(&state.weights.values), statistics: state.statistics.clone() }
    }

    /// Evaluates one sub-network with both kinds of statistics.
    #[must_use]
    pub fn evaluate(&self, frozen: &Frozen, mask: &HardMask, examples: &Examples) -> Evaluation {
        let masks = self.node_masks(mask);
        let mut collected = Vec::new();
        let normalise = Normalise::Batch(&mut collected);
        // Only the statistics that this pass leaves behind are wanted.
        let _ = self.interpreter.forward(&frozen.weights, Masks::Hard(&masks), normalise, self.epsilon, self.recalibration.clone());
        let recalibrated = Statistics::collected(collected);
        let correct = |statistics: &Statistics| {
            examples.correct(|piece| {
                self.interpreter.forward(&frozen.weights, Masks::Hard(&masks), Normalise::Given(statistics), self.epsilon, piece)
            })
        };
        Evaluation { inherited: correct(&frozen.statistics), recalibrated: correct(&recalibrated) }
    }

    /// Evaluates the whole super-network as the paper's random baseline is evaluated: at one drop probability for all, with fresh hard
    /// masks for every image, and kept channels scaled by 1 / keep.
    #[must_use]
    pub fn evaluate_constant_rate(&self, frozen: &Frozen, p: DropProbability, generator: &mut impl Rng, examples: &Examples) -> Evaluation {
        let masks = self.fresh_masks(p, self.recalibration.dims()[0], generator);
        let mut collected = Vec::new();
        let normalise = Normalise::Batch(&mut collected);
        let _ = self.interpreter.forward(&frozen.weights, Masks::Relaxed(&masks), normalise, self.epsilon, self.recalibration.clone());
        let recalibrated = Statistics::collected(collected);
        let mut correct = |statistics: &Statistics| {
            examples.correct(|piece| {
                let masks = self.fresh_masks(p, piece.dims()[0], generator);
                self.interpreter.forward(&frozen.weights, Masks::Relaxed(&masks), Normalise::Given(statistics), self.epsilon, piece)
            })
        };
        Evaluation { inherited: correct(&frozen.statistics), recalibrated: correct(&recalibrated) }
    }

    fn fresh_masks(&self, p: DropProbability, images: usize, generator: &mut impl Rng) -> Vec<Tensor<2>> {
        let scale = if p.keep() > 0.0 { 1.0 / p.keep() as f32 } else { 0.0 };
        let mut draw = |range: std::ops::Range<usize>| {
            let keep = |_| if f64::from(open_unit(generator)) + p.drop() < 1.0 { scale } else { 0.0 };
            matrix((0..images * range.len()).map(keep).collect(), images, range.len(), &self.device)
        };
        self.interpreter.masked_nodes().into_iter().map(&mut draw).collect()
    }

    fn node_masks(&self, mask: &HardMask) -> Vec<HardNodeMask> {
        let of_node =
            |range: std::ops::Range<usize>| {
                let bits = &mask.bits()[range];
                let kept: Vec<i32> = (0..bits.len() as i32).filter(|&channel| bits[channel as usize]).collect();
                match kept.len() {
                    0 => HardNodeMask::Nothing,
                    all if all == bits.len() => HardNodeMask::Whole,
                    some => {
                        HardNodeMask::Some {
                            kept: Tensor::<1, Int>::from_data(TensorData::new(kept, [some]), &self.device),
                            bits: matrix(bits.iter().map(|&keep| f32::from(u8::from(keep))).collect(), 1, bits.len(), &self.device)
                                .reshape([1, bits.len(), 1, 1]),
                        }
                    }
                }
            };
        self.interpreter.masked_nodes().into_iter().map(of_node).collect()
    }
}

/// The class of the highest score of each image. Scores that are not numbers choose no class, so that they are never right.
fn winners(scores: Tensor<2>) -> Vec<i32> {
    let [_, classes] = scores.dims();
    let scores: Vec<f32> = scores.into_data().try_to_vec().unwrap_or_default();
    let winner = |row: &[f32]| {
        let best = row.iter().enumerate().max_by(|left, right| left.1.total_cmp(right.1));
        best.filter(|(_, score)| score.is_finite()).map_or(-1, |(class, _)| class as i32)
    };
    scores.chunks(classes).map(winner).collect()
}
