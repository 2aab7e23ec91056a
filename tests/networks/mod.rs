//! Networks with random numbers and what they compute. For the tests of slicing and of exports.

use burn::tensor::{Device, Tensor};
use pgnas::engine::interpreter::{Interpreter, Normalise, Statistics};
use pgnas::engine::weights::{WeightLayout, matrix, vector};
use pgnas::graph::{Graph, Numbers, Op};
use pgnas::posterior::HardMask;
use std::sync::Arc;

pub const EPSILON: f64 = 1e-5;

/// Numbers between -1 and 1 from a small generator, so that a failing case is small.
pub fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// A mask that keeps about such a share.
pub fn mask(graph: &Graph, seed: u64, keep: f32) -> HardMask {
    HardMask::new(noise(seed, graph.masked_channels()).iter().map(|number| (number + 1.0) / 2.0 < keep).collect())
}

/// The numbers that training starts from, moved a little, so that no scale is 1 and no shift 0 any more.
pub fn trained(graph: &Graph, seed: u64) -> Vec<f32> {
    let mut parameters = WeightLayout::of(graph).initial(seed);
    let count = parameters.len();
    parameters.iter_mut().zip(noise(seed + 1, count)).for_each(|(value, noise)| *value += 0.1 * noise);
    parameters
}

/// Running means and variances of all batch norms.
pub fn statistics(graph: &Graph, seed: u64) -> (Vec<f32>, Vec<f32>) {
    let channels: usize = graph.nodes().iter().filter(|node| node.op == Op::BatchNorm).map(|node| node.shape.channels).sum();
    (noise(seed, channels), noise(seed + 1, channels).iter().map(|number| 1.2 + number).collect())
}

/// What a graph makes of images, masked the way that training masks; running statistics, or those of the batch where there are none.
pub fn forward(graph: &Graph, numbers: &Numbers<'_>, mask: Option<&HardMask>, input: Tensor<4>) -> Vec<f32> {
    let device = Device::default();
    let layout = WeightLayout::of(graph);
    assert_eq!(layout.total, numbers.parameters.len());
    let interpreter = Interpreter::new(Arc::new(graph.clone()), &layout);
    let weights = layout.split(&vector(numbers.parameters.to_vec(), &device));
    let batch = input.dims()[0];
    let keeps: Vec<Tensor<2>> = mask.map_or_else(Vec::new, |mask| {
        let keep = |range: std::ops::Range<usize>| {
            let row: Vec<f32> = mask.bits()[range].iter().map(|&keep| f32::from(u8::from(keep))).collect();
            matrix(row.repeat(batch), batch, row.len(), &device)
        };
        interpreter.masked_nodes().into_iter().map(keep).collect()
    });
    let given = numbers
        .statistics
        .map(|(mean, variance)| Statistics { mean: vector(mean.to_vec(), &device), variance: vector(variance.to_vec(), &device) });
    let mut collected = Vec::new();
    let normalise = match &given {
        Some(statistics) => Normalise::Given(statistics),
        None => Normalise::Batch(&mut collected),
    };
    interpreter.forward(&weights, &keeps, normalise, numbers.epsilon, input).into_data().try_to_vec().unwrap()
}
