//! Several sub-networks in one pass over the masked super-network: for a device to which one small network alone is too little work.
//!
//! Every image goes through once for each sub-network, under its mask. Batch norm goes by each sub-network's own statistics.

use super::interpreter::{Each, Interpreter, Normalise, Statistics};
use super::weights::{WeightLayout, matrix, vector};
use crate::graph::Graph;
use crate::posterior::HardMask;
use burn::tensor::{Device, Tensor};
use std::sync::Arc;

/// Bytes of activations that a pass may take.
const BYTES: usize = 1 << 30;

/// Sub-networks that a pass takes at most: a search attends to people between passes.
const MOST: usize = 64;

/// A super-network that is asked for several sub-networks at once.
#[derive(Debug)]
pub(super) struct Stack {
    interpreter: Interpreter,
    weights: Vec<Tensor<1>>,
    running: Statistics,
    epsilon: f64,
    device: Device,
}

impl Stack {
    pub(super) fn new(graph: &Arc<Graph>, parameters: Vec<f32>, [mean, variance]: [Vec<f32>; 2], epsilon: f64, device: &Device) -> Self {
        let layout = WeightLayout::of(graph);
        Self {
            interpreter: Interpreter::new(graph.clone(), &layout),
            weights: layout.split(&vector(parameters, device)),
            running: Statistics { mean: vector(mean, device), variance: vector(variance, device) },
            epsilon,
            device: device.clone(),
        }
    }

    /// How many sub-networks of a graph a pass over so many images takes.
    pub(super) fn size(graph: &Graph, images: usize) -> usize {
        (BYTES / graph.inference_activation_bytes(images).max(1)).clamp(1, MOST)
    }

    /// The statistics that each sub-network has on some images, which are a batch to it.
    pub(super) fn statistics(&self, masks: &[&HardMask], images: &Tensor<4>) -> Each {
        let mut collected = Vec::new();
        let normalise = Normalise::BatchEach(masks.len(), &mut collected);
        let _ = self.forward(masks, normalise, images);
        if collected.is_empty() {
            let nothing = || matrix(Vec::new(), masks.len(), 0, &self.device);
            return Each { mean: nothing(), variance: nothing() };
        }
        let (mean, variance) = collected.into_iter().unzip();
        Each { mean: Tensor::cat(mean, 1), variance: Tensor::cat(variance, 1) }
    }

    /// The logits of each sub-network for some images, `[sub-networks][images * classes]`; with the running statistics where no others are
    /// given.
    pub(super) fn logits(&self, masks: &[&HardMask], statistics: Option<&Each>, images: &Tensor<4>) -> Vec<Vec<f32>> {
        let normalise = statistics.map_or(Normalise::Given(&self.running), Normalise::GivenEach);
        let logits: Vec<f32> = self.forward(masks, normalise, images).into_data().try_to_vec().unwrap_or_default();
        logits.chunks((logits.len() / masks.len().max(1)).max(1)).map(<[f32]>::to_vec).collect()
    }

    fn forward(&self, masks: &[&HardMask], normalise: Normalise<'_>, images: &Tensor<4>) -> Tensor<2> {
        let count = images.dims()[0];
        let keeps = |range: std::ops::Range<usize>| {
            let row = |mask: &&HardMask| {
                mask.bits()[range.clone()].iter().map(|&keep| f32::from(u8::from(keep))).collect::<Vec<_>>().repeat(count)
            };
            matrix(masks.iter().flat_map(row).collect(), masks.len() * count, range.len(), &self.device)
        };
        let keeps: Vec<Tensor<2>> = self.interpreter.masked_nodes().into_iter().map(keeps).collect();
        self.interpreter.forward(&self.weights, &keeps, normalise, self.epsilon, images.clone().repeat(&[masks.len(), 1, 1, 1]))
    }
}
