//! Evaluation of sub-networks: hard masks, inherited weights, batch-norm statistics inherited or re-estimated.

use super::classifier::{Classifier, Piece, Prepared};
use super::devices::is_cpu;
use super::examples::PIECE;
use super::interpreter::{Interpreter, Normalise, Statistics};
use super::kernels::inference::Program;
use super::stack::Stack;
use super::trainer::State;
use super::weights::{WeightLayout, matrix, vector};
use crate::data::{Batch, Images};
use crate::graph::{Graph, GraphError, Numbers, Slice, Values};
use crate::posterior::{DropProbability, HardMask};
use crate::preset::BatchNormMode;
use crate::random::{Purpose, open_unit, shuffle, stream};
use crate::run::KeptWeights;
use burn::tensor::{Device, Tensor};
use rand::Rng;
use rayon::prelude::*;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use super::examples::Examples;

/// The numbers that all candidates of one moment share, on the host: slicing reads them.
#[derive(Debug, Clone)]
pub struct Frozen {
    parameters: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
}

/// A candidate as a network of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Its graph, without what the mask drops.
    pub graph: Arc<Graph>,
    /// Its weights and batch-norm statistics.
    pub values: Values,
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

/// Evaluates sub-networks of one super-network, each as the sliced network that its mask leaves.
#[derive(Debug)]
pub struct Ranker {
    graph: Arc<Graph>,
    epsilon: f64,
    device: Device,
    /// Training images without augmentation, for re-estimated statistics.
    recalibration: Piece,
    /// How many sub-networks are best evaluated together.
    at_once: usize,
}

/// Bytes of activations that networks may take together while their statistics are re-estimated on the CPU.
const BYTES: usize = 4 << 30;

/// A sub-network ready to be asked: sliced, its weights gathered, with both kinds of statistics.
#[derive(Debug)]
pub struct Candidate {
    inherited: Classifier,
    recalibrated: Classifier,
    statistics: [Vec<f32>; 2],
}

impl Candidate {
    /// Asks the next piece of some examples.
    pub fn ask(&self, (examples, piece): (&Examples, usize), evaluation: &mut Evaluation) {
        let Evaluation { inherited, recalibrated } = evaluation;
        rayon::join(|| examples.ask(piece, &self.inherited, inherited), || examples.ask(piece, &self.recalibrated, recalibrated));
    }

    /// Bytes of its numbers, and of the compiled network that both kinds share.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.inherited.bytes() + self.recalibrated.bytes() + self.inherited.shared_bytes()
    }

    /// The means and variances that were re-estimated for it: with them it is soon made again.
    #[must_use]
    pub fn into_statistics(self) -> [Vec<f32>; 2] {
        self.statistics
    }
}

impl Frozen {
    /// The weights and running statistics of a moment.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let values = |tensor: &Tensor<1>| tensor.clone().into_data().try_to_vec().unwrap_or_default();
        let Statistics { mean, variance } = &state.statistics;
        Self { parameters: values(&state.weights.values), mean: values(mean), variance: values(variance) }
    }

    /// As a run keeps them, with the logits in force.
    #[must_use]
    pub fn keep(&self, state: &State, logits: Vec<f32>) -> KeptWeights {
        let Self { parameters, mean, variance } = self.clone();
        KeptWeights { step: state.step, parameters, logits, mean, variance }
    }

    fn numbers<'a>(&'a self, statistics: Option<(&'a [f32], &'a [f32])>, epsilon: f64) -> Numbers<'a> {
        Numbers { parameters: &self.parameters, statistics, epsilon }
    }
}

impl From<KeptWeights> for Frozen {
    fn from(kept: KeptWeights) -> Self {
        Self { parameters: kept.parameters, mean: kept.mean, variance: kept.variance }
    }
}

impl Ranker {
    /// A ranker that re-estimates statistics on these training images.
    #[must_use]
    pub fn new(graph: Arc<Graph>, recalibration: Batch, epsilon: f64, device: Device) -> Self {
        let shape = graph.input_shape();
        let count = recalibration.labels.len();
        let recalibration = Piece::put(recalibration.images, [count, shape.channels, shape.height, shape.width], &device);
        let at_once = if is_cpu(&device) {
            // No part of a network takes more than the whole.
            let fit = BYTES / Program::new(&graph).activation_bytes(count).max(1);
            at_once(fit, rayon::current_num_threads())
        } else {
            Stack::size(&graph, count.max(PIECE))
        };
        Self { graph, epsilon, device, recalibration, at_once }
    }

    /// Evaluates one sub-network with both kinds of statistics.
    ///
    /// # Errors
    /// [`GraphError`] for a mask of another network.
    pub fn evaluate(&self, frozen: &Frozen, mask: &HardMask, examples: &Examples) -> Result<Evaluation, GraphError> {
        let slice = self.graph.slice(mask.bits())?;
        let prepared = Prepared::new(&slice.graph, &self.device);
        // Where other candidates leave a processor idle, the second kind is asked there.
        let correct = |mode| examples.correct(&prepared.classifier(&self.values(frozen, &slice, &prepared, mode), self.epsilon));
        let (inherited, recalibrated) = rayon::join(|| correct(BatchNormMode::Inherited), || correct(BatchNormMode::Recalibrated));
        Ok(Evaluation { inherited, recalibrated })
    }

    /// Evaluates several sub-networks: on the CPU each on a thread, on other devices as many at once as their memory holds.
    ///
    /// # Errors
    /// As [`Self::evaluate`].
    pub fn evaluate_all(&self, frozen: &Frozen, masks: &[&HardMask], examples: &Examples) -> Result<Vec<Evaluation>, GraphError> {
        if is_cpu(&self.device) {
            let of_part = |masks: &[&HardMask]| -> Result<Vec<Evaluation>, GraphError> {
                masks.par_iter().map(|mask| self.evaluate(frozen, mask, examples)).collect()
            };
            return Ok(masks.chunks(self.at_once).map(of_part).collect::<Result<Vec<_>, _>>()?.concat());
        }
        let logits = self.logits_stacked(frozen, masks, examples)?;
        let judged = |logits: Vec<f32>| {
            let mut right = Vec::with_capacity(examples.len());
            examples.judge(&logits, examples.len(), &mut right);
            right
        };
        Ok(logits
            .into_iter()
            .map(|[inherited, recalibrated]| Evaluation { inherited: judged(inherited), recalibrated: judged(recalibrated) })
            .collect())
    }

    /// How many sub-networks are best evaluated together: as many as the memory holds, and on the CPU no more than keep its threads at work.
    #[must_use]
    pub const fn at_once(&self) -> usize {
        self.at_once
    }

    /// The logits of sub-networks for all images with both kinds of statistics, in passes over the masked super-network.
    ///
    /// # Errors
    /// [`GraphError`] for a mask of another network.
    pub(super) fn logits_stacked(
        &self,
        frozen: &Frozen,
        masks: &[&HardMask],
        examples: &Examples,
    ) -> Result<Vec<[Vec<f32>; 2]>, GraphError> {
        let expected = self.graph.masked_channels();
        if let Some(other) = masks.iter().find(|mask| mask.bits().len() != expected) {
            return Err(GraphError::Mask { found: other.bits().len(), expected });
        }
        let running = [frozen.mean.clone(), frozen.variance.clone()];
        let stack = Stack::new(&self.graph, frozen.parameters.clone(), running, self.epsilon, &self.device);
        let size = Stack::size(&self.graph, self.recalibration.len().max(PIECE));
        let of_part = |masks: &[&HardMask]| {
            let again = stack.statistics(masks, &self.recalibration.tensor(&self.device));
            let mut logits = vec![[Vec::new(), Vec::new()]; masks.len()];
            for piece in &examples.pieces {
                let images = piece.tensor(&self.device);
                for (mode, statistics) in [None, Some(&again)].into_iter().enumerate() {
                    for (logits, piece) in logits.iter_mut().zip(stack.logits(masks, statistics, &images)) {
                        logits[mode].extend(piece);
                    }
                }
            }
            logits
        };
        Ok(masks.chunks(size).flat_map(of_part).collect())
    }

    /// The logits of one sub-network for all images with both kinds of statistics.
    #[cfg(test)]
    pub(super) fn logits_of(&self, frozen: &Frozen, mask: &HardMask, examples: &Examples) -> Result<[Vec<f32>; 2], GraphError> {
        let Candidate { inherited, recalibrated, .. } = self.prepare(frozen, mask)?;
        Ok([inherited, recalibrated].map(|classifier| examples.pieces.iter().flat_map(|piece| classifier.logits(piece)).collect()))
    }

    /// Slices a sub-network, gathers its weights and re-estimates its statistics.
    ///
    /// # Errors
    /// [`GraphError`] for a mask of another network.
    pub fn prepare(&self, frozen: &Frozen, mask: &HardMask) -> Result<Candidate, GraphError> {
        self.candidate(frozen, mask, None)
    }

    /// The same with the statistics that were re-estimated for it before.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn prepare_again(&self, frozen: &Frozen, mask: &HardMask, statistics: [Vec<f32>; 2]) -> Result<Candidate, GraphError> {
        self.candidate(frozen, mask, Some(statistics))
    }

    fn candidate(&self, frozen: &Frozen, mask: &HardMask, statistics: Option<[Vec<f32>; 2]>) -> Result<Candidate, GraphError> {
        let slice = self.graph.slice(mask.bits())?;
        let prepared = Prepared::new(&slice.graph, &self.device);
        let inherited = self.values(frozen, &slice, &prepared, BatchNormMode::Inherited);
        let recalibrated = match statistics {
            None => self.values(frozen, &slice, &prepared, BatchNormMode::Recalibrated),
            Some([mean, variance]) => Values { mean, variance, ..slice.values(&self.graph, &frozen.numbers(None, self.epsilon)) },
        };
        Ok(Candidate {
            inherited: prepared.classifier(&inherited, self.epsilon),
            recalibrated: prepared.classifier(&recalibrated, self.epsilon),
            statistics: [recalibrated.mean, recalibrated.variance],
        })
    }

    /// A sub-network as a network of its own, with one kind of statistics.
    ///
    /// # Errors
    /// [`GraphError`] for a mask of another network.
    pub fn network(&self, frozen: &Frozen, mask: &HardMask, mode: BatchNormMode) -> Result<Network, GraphError> {
        let slice = self.graph.slice(mask.bits())?;
        let values = self.values(frozen, &slice, &Prepared::new(&slice.graph, &self.device), mode);
        Ok(Network { graph: slice.graph, values })
    }

    /// The logits that a sub-network gives images where batch norm takes its statistics from each piece of them, `[images, classes]`.
    ///
    /// # Errors
    /// [`GraphError`] for a mask of another network.
    pub fn logits_by_piece(&self, frozen: &Frozen, mask: &HardMask, examples: &Examples) -> Result<Vec<f32>, GraphError> {
        let slice = self.graph.slice(mask.bits())?;
        let values = slice.values(&self.graph, &frozen.numbers(None, self.epsilon));
        let prepared = Prepared::new(&slice.graph, &self.device);
        Ok(examples.pieces.iter().flat_map(|piece| prepared.normalised(&values, self.epsilon, piece).0).collect())
    }

    /// How many milliseconds a sub-network takes for one image here, one at a time; infinitely many for a mask of another network.
    #[must_use]
    pub fn latency_ms(&self, frozen: &Frozen, mask: &HardMask) -> f64 {
        let network = self.network(frozen, mask, BatchNormMode::Inherited);
        network.map_or(f64::INFINITY, |network| 1e3 * latency(&network, self.epsilon, &self.device).as_secs_f64())
    }

    /// Evaluates the whole super-network as the paper's random baseline is evaluated: at one drop probability for all, with fresh hard
    /// masks for every image, and kept channels scaled by 1 / keep.
    #[must_use]
    pub fn evaluate_constant_rate(&self, frozen: &Frozen, p: DropProbability, generator: &mut impl Rng, examples: &Examples) -> Evaluation {
        let layout = WeightLayout::of(&self.graph);
        let weights = layout.split(&vector(frozen.parameters.clone(), &self.device));
        let interpreter = Interpreter::new(self.graph.clone(), &layout);
        let masks = self.fresh_masks(&interpreter, p, self.recalibration.len(), generator);
        let mut collected = Vec::new();
        let normalise = Normalise::Batch(&mut collected);
        let _ = interpreter.forward(&weights, &masks, normalise, self.epsilon, self.recalibration.tensor(&self.device));
        let recalibrated = Statistics::collected(collected);
        let mut correct = |statistics: &Statistics| {
            let mut right = Vec::with_capacity(examples.len());
            for piece in &examples.pieces {
                let masks = self.fresh_masks(&interpreter, p, piece.len(), generator);
                let images = piece.tensor(&self.device);
                let logits = interpreter.forward(&weights, &masks, Normalise::Given(statistics), self.epsilon, images);
                examples.judge(&logits.into_data().try_to_vec().unwrap_or_default(), piece.len(), &mut right);
            }
            right
        };
        let running =
            Statistics { mean: vector(frozen.mean.clone(), &self.device), variance: vector(frozen.variance.clone(), &self.device) };
        Evaluation { inherited: correct(&running), recalibrated: correct(&recalibrated) }
    }

    fn fresh_masks(&self, interpreter: &Interpreter, p: DropProbability, images: usize, generator: &mut impl Rng) -> Vec<Tensor<2>> {
        let scale = if p.keep() > 0.0 { 1.0 / p.keep() as f32 } else { 0.0 };
        let mut draw = |range: std::ops::Range<usize>| {
            let keep = |_| if f64::from(open_unit(generator)) + p.drop() < 1.0 { scale } else { 0.0 };
            matrix((0..images * range.len()).map(keep).collect(), images, range.len(), &self.device)
        };
        interpreter.masked_nodes().into_iter().map(&mut draw).collect()
    }

    fn values(&self, frozen: &Frozen, slice: &Slice, prepared: &Prepared, mode: BatchNormMode) -> Values {
        match mode {
            BatchNormMode::Inherited => slice.values(&self.graph, &frozen.numbers(Some((&frozen.mean, &frozen.variance)), self.epsilon)),
            BatchNormMode::Recalibrated => {
                // Dead branches normalise to their shift; the statistics of the live ones come from one pass over the images.
                let values = slice.values(&self.graph, &frozen.numbers(None, self.epsilon));
                let (_, [mean, variance]) = prepared.normalised(&values, self.epsilon, &self.recalibration);
                Values { mean, variance, ..values }
            }
        }
    }
}

/// How many networks are best asked together on so many threads where the memory holds `fit` while each is asked by one of them: some
/// more than there are threads, as not all take equally long.
fn at_once(fit: usize, threads: usize) -> usize {
    if fit >= threads { 2 * threads } else { fit.max(1) }
}

/// Which of some images a network gets right.
pub(super) fn correct(network: &Network, examples: &Examples, epsilon: f64, device: &Device) -> Vec<bool> {
    examples.correct(&network.classifier(epsilon, device))
}

/// The logits that a network gives images, `[images, classes]`.
pub(super) fn logits(network: &Network, examples: &Examples, epsilon: f64, device: &Device) -> Vec<f32> {
    let classifier = network.classifier(epsilon, device);
    examples.pieces.iter().flat_map(|piece| classifier.logits(piece)).collect()
}

/// Images that a latency is the median of, after some for warming up.
const TIMED: usize = 7;

/// How long a network takes for one image, one at a time.
pub(super) fn latency(network: &Network, epsilon: f64, device: &Device) -> Duration {
    let shape = network.graph.input_shape();
    let image = Piece::put(vec![0.5; shape.elements()], [1, shape.channels, shape.height, shape.width], device);
    let classifier = network.classifier(epsilon, device);
    let mut times: Vec<Duration> = (0..TIMED + 2)
        .map(|_| {
            let begun = Instant::now();
            // Reading the scores back is what waits for the device.
            let _ = classifier.logits(&image);
            begun.elapsed()
        })
        .skip(2)
        .collect();
    times.sort_unstable();
    times[TIMED / 2]
}

impl Network {
    fn classifier(&self, epsilon: f64, device: &Device) -> Classifier {
        Prepared::new(&self.graph, device).classifier(&self.values, epsilon)
    }
}

/// The training images on which statistics are re-estimated: the same for all candidates of a run.
#[must_use]
pub fn recalibration_images(train: &Images, seed: u64, count: usize) -> Batch {
    let mut order: Vec<usize> = (0..train.len()).collect();
    shuffle(&mut stream(seed, Purpose::Recalibrate, 0), &mut order);
    order.truncate(count);
    train.gather(&order)
}

#[cfg(test)]
#[path = "ranker_tests.rs"]
mod tests;
