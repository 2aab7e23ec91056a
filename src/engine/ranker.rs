//! Evaluation of sub-networks: hard masks, inherited weights, batch-norm statistics inherited or re-estimated.

use super::interpreter::{Interpreter, Normalise, Statistics};
use super::trainer::State;
use super::weights::{WeightLayout, images, matrix, vector};
use crate::data::{Batch, Images};
use crate::graph::{Graph, GraphError, Numbers, Slice, Values};
use crate::posterior::{DropProbability, HardMask};
use crate::preset::BatchNormMode;
use crate::random::{Purpose, open_unit, shuffle, stream};
use crate::run::KeptWeights;
use burn::tensor::{Device, Tensor};
use rand::Rng;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Images of one evaluation pass; larger splits are evaluated piece by piece.
const PIECE: usize = 512;

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

/// Images on the device with their labels on the host.
#[derive(Debug)]
pub struct Examples {
    pieces: Vec<Tensor<4>>,
    labels: Vec<i32>,
}

/// Evaluates sub-networks of one super-network, each as the sliced network that its mask leaves.
#[derive(Debug)]
pub struct Ranker {
    graph: Arc<Graph>,
    epsilon: f64,
    device: Device,
    /// Training images without augmentation, for re-estimated statistics.
    recalibration: Tensor<4>,
}

/// The statistics that were re-estimated for a sub-network. The rest of it is made anew for each piece: kept, the weights of all
/// candidates of a race would fill the memory.
#[derive(Debug, Clone)]
pub struct Prepared {
    mean: Vec<f32>,
    variance: Vec<f32>,
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

    /// How many images there are in a piece and those before it.
    #[must_use]
    pub fn images_up_to(&self, piece: usize) -> usize {
        self.pieces.iter().take(piece + 1).map(|piece| piece.dims()[0]).sum()
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

    /// The logits of all images, `[images, classes]`.
    fn logits(&self, mut scores: impl FnMut(Tensor<4>) -> Tensor<2>) -> Vec<f32> {
        let logits = |piece: &Tensor<4>| scores(piece.clone()).into_data().try_to_vec().unwrap_or_default();
        self.pieces.iter().flat_map(logits).collect()
    }

    /// The same of one piece, behind those before it.
    fn ask(&self, piece: usize, scores: impl FnOnce(Tensor<4>) -> Tensor<2>, right: &mut Vec<bool>) {
        let labels = &self.labels[right.len()..];
        right.extend(winners(scores(self.pieces[piece].clone())).into_iter().zip(labels).map(|(class, &label)| class == label));
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
        let recalibration = images(recalibration.images, [count, shape.channels, shape.height, shape.width], &device);
        Self { graph, epsilon, device, recalibration }
    }

    /// Evaluates one sub-network with both kinds of statistics.
    ///
    /// # Errors
    /// [`GraphError`] for a mask of another network.
    pub fn evaluate(&self, frozen: &Frozen, mask: &HardMask, examples: &Examples) -> Result<Evaluation, GraphError> {
        let slice = self.graph.slice(mask.bits())?;
        let correct = |mode| {
            let network = Network { values: self.values(frozen, &slice, mode), graph: slice.graph.clone() };
            correct(&network, examples, self.epsilon, &self.device)
        };
        Ok(Evaluation { inherited: correct(BatchNormMode::Inherited), recalibrated: correct(BatchNormMode::Recalibrated) })
    }

    /// What asking a sub-network piece by piece begins with.
    ///
    /// # Errors
    /// [`GraphError`] for a mask of another network.
    pub fn prepare(&self, frozen: &Frozen, mask: &HardMask) -> Result<Prepared, GraphError> {
        let Values { mean, variance, .. } = self.network(frozen, mask, BatchNormMode::Recalibrated)?.values;
        Ok(Prepared { mean, variance })
    }

    /// Asks a sub-network the next piece of some examples.
    ///
    /// # Errors
    /// [`GraphError`] for a mask of another network.
    pub fn ask(
        &self,
        frozen: &Frozen,
        mask: &HardMask,
        prepared: &Prepared,
        (examples, piece): (&Examples, usize),
        evaluation: &mut Evaluation,
    ) -> Result<(), GraphError> {
        let slice = self.graph.slice(mask.bits())?;
        let inherited = self.values(frozen, &slice, BatchNormMode::Inherited);
        let recalibrated = Values {
            mean: prepared.mean.clone(),
            variance: prepared.variance.clone(),
            ..slice.values(&self.graph, &frozen.numbers(None, self.epsilon))
        };
        for (values, right) in [(inherited, &mut evaluation.inherited), (recalibrated, &mut evaluation.recalibrated)] {
            let network = Network { graph: slice.graph.clone(), values };
            examples.ask(piece, scores(&network, self.epsilon, &self.device), right);
        }
        Ok(())
    }

    /// A sub-network as a network of its own, with one kind of statistics.
    ///
    /// # Errors
    /// [`GraphError`] for a mask of another network.
    pub fn network(&self, frozen: &Frozen, mask: &HardMask, mode: BatchNormMode) -> Result<Network, GraphError> {
        let slice = self.graph.slice(mask.bits())?;
        let values = self.values(frozen, &slice, mode);
        Ok(Network { graph: slice.graph, values })
    }

    /// The logits that a sub-network gives images where batch norm takes its statistics from each piece of them, `[images, classes]`.
    ///
    /// # Errors
    /// [`GraphError`] for a mask of another network.
    pub fn logits_by_piece(&self, frozen: &Frozen, mask: &HardMask, examples: &Examples) -> Result<Vec<f32>, GraphError> {
        let slice = self.graph.slice(mask.bits())?;
        let values = slice.values(&self.graph, &frozen.numbers(None, self.epsilon));
        Ok(logits_by_piece(&Network { graph: slice.graph, values }, examples, self.epsilon, &self.device))
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
        let masks = self.fresh_masks(&interpreter, p, self.recalibration.dims()[0], generator);
        let mut collected = Vec::new();
        let normalise = Normalise::Batch(&mut collected);
        let _ = interpreter.forward(&weights, &masks, normalise, self.epsilon, self.recalibration.clone());
        let recalibrated = Statistics::collected(collected);
        let mut correct = |statistics: &Statistics| {
            examples.correct(|piece| {
                let masks = self.fresh_masks(&interpreter, p, piece.dims()[0], generator);
                interpreter.forward(&weights, &masks, Normalise::Given(statistics), self.epsilon, piece)
            })
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

    fn values(&self, frozen: &Frozen, slice: &Slice, mode: BatchNormMode) -> Values {
        match mode {
            BatchNormMode::Inherited => slice.values(&self.graph, &frozen.numbers(Some((&frozen.mean, &frozen.variance)), self.epsilon)),
            BatchNormMode::Recalibrated => {
                // Dead branches normalise to their shift; the statistics of the live ones come from one pass over the images.
                let mut values = slice.values(&self.graph, &frozen.numbers(None, self.epsilon));
                let (interpreter, weights) = prepare(&slice.graph, &values, &self.device);
                let mut collected = Vec::new();
                let normalise = Normalise::Batch(&mut collected);
                let _ = interpreter.forward(&weights, &[], normalise, self.epsilon, self.recalibration.clone());
                if !collected.is_empty() {
                    let Statistics { mean, variance } = Statistics::collected(collected);
                    values.mean = mean.into_data().try_to_vec().unwrap_or_default();
                    values.variance = variance.into_data().try_to_vec().unwrap_or_default();
                }
                values
            }
        }
    }
}

/// Which of some images a network gets right.
pub(super) fn correct(network: &Network, examples: &Examples, epsilon: f64, device: &Device) -> Vec<bool> {
    examples.correct(scores(network, epsilon, device))
}

/// The logits that a network gives images, `[images, classes]`.
pub(super) fn logits(network: &Network, examples: &Examples, epsilon: f64, device: &Device) -> Vec<f32> {
    examples.logits(scores(network, epsilon, device))
}

/// Images that a latency is the median of, after some for warming up.
const TIMED: usize = 7;

/// How long a network takes for one image, one at a time.
pub(super) fn latency(network: &Network, epsilon: f64, device: &Device) -> Duration {
    let shape = network.graph.input_shape();
    let image = images(vec![0.5; shape.elements()], [1, shape.channels, shape.height, shape.width], device);
    let scores = scores(network, epsilon, device);
    let mut times: Vec<Duration> = (0..TIMED + 2)
        .map(|_| {
            let begun = Instant::now();
            // Reading the scores back is what waits for the device.
            let _ = winners(scores(image.clone()));
            begun.elapsed()
        })
        .skip(2)
        .collect();
    times.sort_unstable();
    times[TIMED / 2]
}

/// The logits that a network gives images where batch norm takes its statistics from each piece of them, `[images, classes]`.
fn logits_by_piece(network: &Network, examples: &Examples, epsilon: f64, device: &Device) -> Vec<f32> {
    let (interpreter, weights) = prepare(&network.graph, &network.values, device);
    examples.logits(|images| interpreter.forward(&weights, &[], Normalise::Batch(&mut Vec::new()), epsilon, images))
}

/// The logits that a network gives images.
fn scores(network: &Network, epsilon: f64, device: &Device) -> impl Fn(Tensor<4>) -> Tensor<2> {
    let Network { graph, values } = network;
    let (interpreter, weights) = prepare(graph, values, device);
    let statistics = Statistics { mean: vector(values.mean.clone(), device), variance: vector(values.variance.clone(), device) };
    move |images| interpreter.forward(&weights, &[], Normalise::Given(&statistics), epsilon, images)
}

fn prepare(graph: &Arc<Graph>, values: &Values, device: &Device) -> (Interpreter, Vec<Tensor<1>>) {
    let layout = WeightLayout::of(graph);
    let weights = layout.split(&vector(values.parameters.clone(), device));
    (Interpreter::new(graph.clone(), &layout), weights)
}

/// The training images on which statistics are re-estimated: the same for all candidates of a run.
#[must_use]
pub fn recalibration_images(train: &Images, seed: u64, count: usize) -> Batch {
    let mut order: Vec<usize> = (0..train.len()).collect();
    shuffle(&mut stream(seed, Purpose::Recalibrate, 0), &mut order);
    order.truncate(count);
    train.gather(&order)
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
