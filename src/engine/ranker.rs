//! Evaluation of sub-networks: hard masks, inherited weights, batch-norm statistics inherited or re-estimated.

use super::interpreter::{HardNodeMask, Interpreter, Masks, Normalise, Statistics};
use super::trainer::State;
use super::weights::{WeightLayout, images, matrix, vector};
use crate::data::{Batch, Images};
use crate::graph::{Graph, GraphError, Numbers, Slice, Values};
use crate::posterior::HardMask;
use crate::preset::BatchNormMode;
use crate::random::{Purpose, shuffle, stream};
use crate::run::KeptWeights;
use burn::tensor::{Device, Int, Tensor, TensorData};
use std::sync::Arc;

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

/// Evaluates sub-networks of one super-network, each as the sliced network that its mask leaves.
#[derive(Debug)]
pub struct Ranker {
    graph: Arc<Graph>,
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
}

impl Frozen {
    /// The weights and running statistics of a moment.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let values = |tensor: &Tensor<1>| tensor.clone().into_data().try_to_vec().unwrap_or_default();
        let Statistics { mean, variance } = &state.statistics;
        Self { parameters: values(&state.weights.values), mean: values(mean), variance: values(variance) }
    }

    /// As a run keeps them.
    #[must_use]
    pub fn keep(&self, state: &State) -> KeptWeights {
        let logits = state.logits.values.clone().into_data().try_to_vec().unwrap_or_default();
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
        let graph = Arc::new(slice.graph.clone());
        let correct = |mode| {
            let network = Network { values: self.values(frozen, &slice, &graph, mode), graph: graph.clone() };
            correct(&network, examples, self.epsilon, &self.device)
        };
        Ok(Evaluation { inherited: correct(BatchNormMode::Inherited), recalibrated: correct(BatchNormMode::Recalibrated) })
    }

    /// A sub-network as a network of its own, with one kind of statistics.
    ///
    /// # Errors
    /// [`GraphError`] for a mask of another network.
    pub fn network(&self, frozen: &Frozen, mask: &HardMask, mode: BatchNormMode) -> Result<Network, GraphError> {
        let slice = self.graph.slice(mask.bits())?;
        let graph = Arc::new(slice.graph.clone());
        let values = self.values(frozen, &slice, &graph, mode);
        Ok(Network { graph, values })
    }

    /// Which images a network of its own gets right.
    #[must_use]
    pub fn correct_of(&self, network: &Network, examples: &Examples) -> Vec<bool> {
        correct(network, examples, self.epsilon, &self.device)
    }

    fn values(&self, frozen: &Frozen, slice: &Slice, graph: &Arc<Graph>, mode: BatchNormMode) -> Values {
        match mode {
            BatchNormMode::Inherited => slice.values(&self.graph, &frozen.numbers(Some((&frozen.mean, &frozen.variance)), self.epsilon)),
            BatchNormMode::Recalibrated => {
                // Dead branches normalise to their shift; the statistics of the live ones come from one pass over the images.
                let mut values = slice.values(&self.graph, &frozen.numbers(None, self.epsilon));
                let (interpreter, weights) = prepare(graph, &values, &self.device);
                let mut collected = Vec::new();
                let normalise = Normalise::Batch(&mut collected);
                let _ = interpreter.forward(&weights, Masks::Hard(&[]), normalise, self.epsilon, self.recalibration.clone());
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
    let Network { graph, values } = network;
    let (interpreter, weights) = prepare(graph, values, device);
    let statistics = Statistics { mean: vector(values.mean.clone(), device), variance: vector(values.variance.clone(), device) };
    let mut right = Vec::with_capacity(examples.labels.len());
    for piece in &examples.pieces {
        let scores = interpreter.forward(&weights, Masks::Hard(&[]), Normalise::Given(&statistics), epsilon, piece.clone());
        right.extend(winners(scores).into_iter().zip(&examples.labels[right.len()..]).map(|(class, &label)| class == label));
    }
    right
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

/// The masks of the masked nodes of a network, in node order.
#[must_use]
pub fn node_masks(interpreter: &Interpreter, mask: &HardMask, device: &Device) -> Vec<HardNodeMask> {
    let of_node = |range: std::ops::Range<usize>| {
        let bits = &mask.bits()[range];
        let kept: Vec<i32> = (0..bits.len() as i32).filter(|&channel| bits[channel as usize]).collect();
        match kept.len() {
            0 => HardNodeMask::Nothing,
            all if all == bits.len() => HardNodeMask::Whole,
            some => HardNodeMask::Some {
                kept: Tensor::<1, Int>::from_data(TensorData::new(kept, [some]), device),
                bits: matrix(bits.iter().map(|&keep| f32::from(u8::from(keep))).collect(), 1, bits.len(), device).reshape([
                    1,
                    bits.len(),
                    1,
                    1,
                ]),
            },
        }
    };
    interpreter.masked_nodes().into_iter().map(of_node).collect()
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
