//! Inference on the CPU: a sliced network compiled into passes over rows of planes.
//!
//! Ranking asks thousands of small networks, and tensor operations one by one lose most of the time around the arithmetic: in copies to pad,
//! unfold and arrange, and in passes over memory for batch norm, ReLU and sums. Here a convolution reads its planes where they lie, and what
//! follows it is done before its sums leave the registers. Other devices run burn's operations; see [`crate::engine::classifier`].
//!
//! A number is the same however many images are asked at once and by however many threads.

mod layout;
mod loops;
mod numbers;
mod plan;
mod planes;
mod planner;
mod run;

pub use numbers::Numbers;

use crate::graph::{Graph, Values};
use layout::Layout;
use plan::Plan;
use rayon::prelude::*;
use run::Normalise;

/// Numbers that a few images take while a network is asked: a share of a core's own cache.
const AT_ONCE: usize = 1 << 18;

/// A network ready to be asked; its numbers are beside it.
#[derive(Debug)]
pub struct Program {
    plan: Plan,
    /// The layout for as many images as are asked together.
    block: Layout,
    /// Numbers of an image.
    pixels: usize,
}

impl Program {
    /// Compiles a graph. Masks are no part of it: it is meant for sliced ones.
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        let plan = Plan::of(graph);
        let block = (AT_ONCE / layout::size(&plan).max(1)).max(1);
        Self { block: Layout::new(&plan, block), pixels: graph.input_shape().elements().max(1), plan }
    }

    /// The same network, asked so many images at once.
    #[cfg(test)]
    pub(super) fn in_blocks(self, images: usize) -> Self {
        Self { block: Layout::new(&self.plan, images), ..self }
    }

    /// Bytes of the activations of so many images whose statistics are wanted.
    #[must_use]
    pub fn activation_bytes(&self, images: usize) -> usize {
        size_of::<f32>() * Layout::new(&self.plan, images).total
    }

    /// Bytes of the steps and of where their rows are; what a network takes beside its numbers.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.plan.bytes() + self.block.bytes()
    }

    /// The numbers of the network with the statistics in `values`; `epsilon` is added to variances.
    #[must_use]
    pub fn numbers(&self, values: &Values, epsilon: f64) -> Numbers {
        Numbers::new(&self.plan, values, Some(epsilon))
    }

    /// The logits `[images, classes]` of images `[images, channels, height, width]`.
    #[must_use]
    pub fn logits(&self, numbers: &Numbers, images: &[f32]) -> Vec<f32> {
        let run = |images: &[f32]| {
            let count = images.len() / self.pixels;
            if count == self.block.images {
                return self.plan.run(&self.block, numbers, images, Normalise::Given);
            }
            self.plan.run(&Layout::new(&self.plan, count), numbers, images, Normalise::Given)
        };
        let block = self.block.images * self.pixels;
        if images.len() <= block { run(images) } else { images.par_chunks(block).flat_map_iter(run).collect() }
    }

    /// The logits where batch norm goes by the images themselves, and these statistics: means and biased variances of all batch-norm channels.
    /// Of `values` the parameters are read.
    #[must_use]
    pub fn normalised(&self, values: &Values, epsilon: f64, images: &[f32]) -> (Vec<f32>, [Vec<f32>; 2]) {
        let numbers = Numbers::new(&self.plan, values, None);
        let mut statistics = [vec![0.0; self.plan.statistics], vec![0.0; self.plan.statistics]];
        let [mean, variance] = &mut statistics;
        let normalise = Normalise::Batch { values, epsilon, mean, variance };
        let layout = Layout::new(&self.plan, images.len() / self.pixels);
        (self.plan.run(&layout, &numbers, images, normalise), statistics)
    }
}
