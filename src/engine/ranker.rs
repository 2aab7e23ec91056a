//! Evaluation of sub-networks: hard masks, inherited weights, batch-norm statistics inherited or re-estimated.

use super::interpreter::{HardNodeMask, Interpreter, Masks, Normalise, Statistics};
use super::trainer::{State, Trainer};
use super::weights::{images, matrix};
use crate::data::Images;
use crate::posterior::{DropProbability, HardMask};
use crate::preset::BatchNormMode;
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evaluation {
    /// With the running statistics of training.
    pub inherited: Vec<bool>,
    /// With statistics re-estimated under the candidate's mask.
    pub recalibrated: Vec<bool>,
}

impl Evaluation {
    /// With one kind of statistics.
    #[must_use]
    pub fn of(&self, mode: BatchNormMode) -> &[bool] {
        match mode {
            BatchNormMode::Inherited => &self.inherited,
            BatchNormMode::Recalibrated => &self.recalibrated,
        }
    }
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

/// What all pieces of an evaluation share: the masks of the nodes and the re-estimated statistics.
#[derive(Debug, Clone)]
pub struct Prepared {
    masks: Vec<HardNodeMask>,
    recalibrated: Statistics,
}

impl Examples {
    /// Puts images on a device, in their order.
    #[must_use]
    pub fn upload(source: &Images, device: &Device) -> Self {
        Self::in_order(source, &(0..source.len()).collect::<Vec<_>>(), 1, device)
    }

    /// Puts images on a device, in another order and in so many pieces at least.
    #[must_use]
    pub fn in_order(source: &Images, order: &[usize], pieces: usize, device: &Device) -> Self {
        let [channels, height, width] = source.shape();
        let piece = |piece: &[usize]| images(source.gather(piece).images, [piece.len(), channels, height, width], device);
        let size = order.len().div_ceil(pieces).clamp(1, PIECE);
        let labels = order.iter().map(|&image| i32::from(source.labels()[image]));
        Self { pieces: order.chunks(size).map(piece).collect(), labels: labels.collect() }
    }

    /// How many pieces there are.
    #[must_use]
    pub fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// How many images there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Which images get their highest score for the right class.
    fn correct(&self, mut scores: impl FnMut(Tensor<4>) -> Tensor<2>) -> Vec<bool> {
        let mut right = Vec::with_capacity(self.labels.len());
        for piece in 0..self.pieces.len() {
            self.ask(piece, &mut scores, &mut right);
        }
        right
    }

    /// The same of one piece, behind those before it.
    fn ask(&self, piece: usize, scores: impl FnOnce(Tensor<4>) -> Tensor<2>, right: &mut Vec<bool>) {
        let labels = &self.labels[right.len()..];
        right.extend(winners(scores(self.pieces[piece].clone())).into_iter().zip(labels).map(|(class, &label)| class == label));
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
        let prepared = self.prepare(frozen, mask);
        let mut evaluation = Evaluation::default();
        (0..examples.pieces()).for_each(|piece| self.ask(frozen, &prepared, examples, piece, &mut evaluation));
        evaluation
    }

    /// What the evaluation of a sub-network begins with.
    #[must_use]
    pub fn prepare(&self, frozen: &Frozen, mask: &HardMask) -> Prepared {
        let masks = self.node_masks(mask);
        let mut collected = Vec::new();
        let normalise = Normalise::Batch(&mut collected);
        // Only the statistics that this pass leaves behind are wanted.
        let _ = self.interpreter.forward(&frozen.weights, Masks::Hard(&masks), normalise, self.epsilon, self.recalibration.clone());
        Prepared { masks, recalibrated: Statistics::collected(collected) }
    }

    /// Asks a sub-network the next piece of some examples.
    pub fn ask(&self, frozen: &Frozen, prepared: &Prepared, examples: &Examples, piece: usize, evaluation: &mut Evaluation) {
        let scores = |statistics, images| {
            let normalise = Normalise::Given(statistics);
            self.interpreter.forward(&frozen.weights, Masks::Hard(&prepared.masks), normalise, self.epsilon, images)
        };
        examples.ask(piece, |images| scores(&frozen.statistics, images), &mut evaluation.inherited);
        examples.ask(piece, |images| scores(&prepared.recalibrated, images), &mut evaluation.recalibrated);
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
