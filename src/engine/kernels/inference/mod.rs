//! Inference on the CPU: a sliced network compiled into passes over rows of planes.
//!
//! Ranking asks thousands of small networks, and tensor operations one by one lose most of the time around the arithmetic: in copies to pad,
//! unfold and arrange, and in passes over memory for batch norm, ReLU and sums. Here a convolution reads its planes where they lie, and what
//! follows it is done before its sums leave the registers. Other devices run burn's operations; see [`crate::engine::classifier`].
//!
//! A number is the same however many images are asked at once and by however many threads.

mod loops;
mod numbers;
mod plan;
mod planes;
mod planner;
mod run;

pub use numbers::Numbers;

use crate::graph::{Graph, Values};
use plan::Plan;
use rayon::prelude::*;
use run::Normalise;

/// Numbers that a few images take while a network is asked: a share of a core's own cache.
const AT_ONCE: usize = 1 << 18;

/// A network ready to be asked; its numbers are beside it.
#[derive(Debug)]
pub struct Program {
    plan: Plan,
    /// Images that are asked together.
    block: usize,
    pixels: usize,
}

impl Program {
    /// Compiles a graph. Masks are no part of it: it is meant for sliced ones.
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        let plan = Plan::of(graph);
        Self { block: (AT_ONCE / plan.size().max(1)).max(1), pixels: graph.input_shape().elements(), plan }
    }

    /// The numbers of the network with the statistics in `values`; `epsilon` is added to variances.
    #[must_use]
    pub fn numbers(&self, values: &Values, epsilon: f64) -> Numbers {
        Numbers::new(&self.plan, values, Some(epsilon))
    }

    /// The logits `[images, classes]` of images `[images, channels, height, width]`.
    #[must_use]
    pub fn logits(&self, numbers: &Numbers, images: &[f32]) -> Vec<f32> {
        let run = |images: &[f32]| self.plan.run(numbers, images, images.len() / self.pixels, Normalise::Given);
        let block = self.block * self.pixels;
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
        (self.plan.run(&numbers, images, images.len() / self.pixels, normalise), statistics)
    }
}
