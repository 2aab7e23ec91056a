//! A network ready for images: compiled where that is the CPU, interpreted by burn's operations on other devices.

use super::devices::is_cpu;
use super::interpreter::{Interpreter, Normalise, Statistics};
use super::kernels::inference::{Numbers, Program};
use super::weights::{WeightLayout, images, vector};
use crate::graph::{Graph, Values};
use burn::tensor::{Device, Tensor};
use std::sync::Arc;

/// Images where a network of a device reads them.
#[derive(Debug)]
pub(super) enum Piece {
    /// `[images, channels, height, width]`.
    Here { values: Vec<f32>, shape: [usize; 4] },
    /// The same on a device.
    There(Tensor<4>),
}

impl Piece {
    pub(super) fn put(values: Vec<f32>, shape: [usize; 4], device: &Device) -> Self {
        if is_cpu(device) { Self::Here { values, shape } } else { Self::There(images(values, shape, device)) }
    }

    /// How many images there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Here { shape, .. } => shape[0],
            Self::There(tensor) => tensor.dims()[0],
        }
    }

    pub(super) fn tensor(&self, device: &Device) -> Tensor<4> {
        match self {
            Self::Here { values, shape } => images(values.clone(), *shape, device),
            Self::There(tensor) => tensor.clone(),
        }
    }
}

/// The graph of a network, prepared for a device.
#[derive(Debug, Clone)]
pub(super) enum Prepared {
    Compiled(Arc<Program>),
    Interpreted { graph: Arc<Graph>, device: Device },
}

impl Prepared {
    pub(super) fn new(graph: &Arc<Graph>, device: &Device) -> Self {
        if is_cpu(device) {
            Self::Compiled(Arc::new(Program::new(graph)))
        } else {
            Self::Interpreted { graph: graph.clone(), device: device.clone() }
        }
    }

    /// The network with the statistics in `values`.
    pub(super) fn classifier(&self, values: &Values, epsilon: f64) -> Classifier {
        match self {
            Self::Compiled(program) => Classifier::Compiled { numbers: program.numbers(values, epsilon), program: program.clone() },
            Self::Interpreted { graph, device } => {
                let (interpreter, weights) = interpreted(graph, values, device);
                let statistics =
                    Statistics { mean: vector(values.mean.clone(), device), variance: vector(values.variance.clone(), device) };
                Classifier::Interpreted(Box::new(Interpreted { interpreter, weights, statistics, epsilon }))
            }
        }
    }

    /// The logits where batch norm goes by the images themselves, and these statistics: mean and biased variance of all batch-norm channels.
    pub(super) fn normalised(&self, values: &Values, epsilon: f64, piece: &Piece) -> (Vec<f32>, [Vec<f32>; 2]) {
        match (self, piece) {
            (Self::Compiled(program), Piece::Here { values: images, .. }) => program.normalised(values, epsilon, images),
            (Self::Compiled(program), Piece::There(images)) => program.normalised(values, epsilon, &read(images.clone())),
            (Self::Interpreted { graph, device }, piece) => {
                let (interpreter, weights) = interpreted(graph, values, device);
                let mut collected = Vec::new();
                let logits = interpreter.forward(&weights, &[], Normalise::Batch(&mut collected), epsilon, piece.tensor(device));
                let Statistics { mean, variance } = Statistics::collected(collected);
                (read(logits), [read(mean), read(variance)])
            }
        }
    }
}

fn interpreted(graph: &Arc<Graph>, values: &Values, device: &Device) -> (Interpreter, Vec<Tensor<1>>) {
    let layout = WeightLayout::of(graph);
    let weights = layout.split(&vector(values.parameters.clone(), device));
    (Interpreter::new(graph.clone(), &layout), weights)
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap_or_default()
}

/// A network whose operations burn runs.
#[derive(Debug)]
pub(super) struct Interpreted {
    interpreter: Interpreter,
    weights: Vec<Tensor<1>>,
    statistics: Statistics,
    epsilon: f64,
}

/// A network that classifies images.
#[derive(Debug)]
pub(super) enum Classifier {
    Compiled { program: Arc<Program>, numbers: Numbers },
    Interpreted(Box<Interpreted>),
}

impl Classifier {
    /// The logits of some images, `[images, classes]`.
    pub(super) fn logits(&self, piece: &Piece) -> Vec<f32> {
        match (self, piece) {
            (Self::Compiled { program, numbers }, Piece::Here { values, .. }) => program.logits(numbers, values),
            (Self::Compiled { program, numbers }, Piece::There(images)) => program.logits(numbers, &read(images.clone())),
            (Self::Interpreted(network), piece) => {
                let Interpreted { interpreter, weights, statistics, epsilon } = &**network;
                let images = piece.tensor(&statistics.mean.device());
                read(interpreter.forward(weights, &[], Normalise::Given(statistics), *epsilon, images))
            }
        }
    }

    /// Bytes of the compiled network, which all classifiers of one [`Prepared`] share.
    pub(super) fn shared_bytes(&self) -> usize {
        match self {
            Self::Compiled { program, .. } => program.bytes(),
            Self::Interpreted(_) => 0,
        }
    }

    /// Bytes of its numbers on the host.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Compiled { numbers, .. } => numbers.bytes(),
            Self::Interpreted(network) => 4 * network.weights.iter().map(|weight| weight.dims()[0]).sum::<usize>(),
        }
    }
}
