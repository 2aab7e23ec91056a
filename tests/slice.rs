//! Sliced networks compute the logits of the masked super-network: on the presets, and on random graphs and masks.

use burn::tensor::{Device, Tensor, TensorData};
use pgnas::cli::prepare;
use pgnas::engine::interpreter::{Interpreter, Masks, Normalise, Statistics};
use pgnas::engine::ranker::node_masks;
use pgnas::engine::weights::{WeightLayout, images, vector};
use pgnas::graph::{Graph, GraphBuilder, NodeId, Numbers, Op, Operation, Place, PoolKind, Shape};
use pgnas::posterior::HardMask;
use pgnas::preset::Preset;
use proptest::prelude::*;
use std::sync::Arc;

const EPSILON: f64 = 1e-5;

/// Numbers between -1 and 1 from a small generator, so that a failing case is small.
fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// What a graph computes from numbers in its layout; running statistics, or those of the batch where none are given.
fn forward(graph: &Graph, parameters: &[f32], statistics: Option<(&[f32], &[f32])>, mask: Option<&HardMask>, input: Tensor<4>) -> Vec<f32> {
    let device = Device::default();
    let layout = WeightLayout::of(graph);
    assert_eq!(layout.total, parameters.len());
    let interpreter = Interpreter::new(Arc::new(graph.clone()), &layout);
    let weights = layout.split(&vector(parameters.to_vec(), &device));
    let masks = mask.map(|mask| node_masks(&interpreter, mask, &device)).unwrap_or_default();
    let given = statistics
        .map(|(mean, variance)| Statistics { mean: vector(mean.to_vec(), &device), variance: vector(variance.to_vec(), &device) });
    let mut collected = Vec::new();
    let normalise = match &given {
        Some(statistics) => Normalise::Given(statistics),
        None => Normalise::Batch(&mut collected),
    };
    interpreter.forward(&weights, Masks::Hard(&masks), normalise, EPSILON, input).into_data().try_to_vec().unwrap()
}

/// The largest difference between masked and sliced logits, as a share of the largest logit (at least 1).
fn difference(graph: &Graph, mask: &HardMask, seed: u64, batch: usize, running: bool) -> f32 {
    let shape = graph.input_shape();
    let numbers = WeightLayout::of(graph).total;
    let parameters: Vec<f32> = noise(seed, numbers).iter().map(|number| number * 0.6).collect();
    let channels: usize = graph.nodes().iter().filter(|node| node.op == Op::BatchNorm).map(|node| node.shape.channels).sum();
    let mean = noise(seed + 1, channels);
    let variance: Vec<f32> = noise(seed + 2, channels).iter().map(|number| 1.2 + number).collect();
    let statistics = running.then_some((mean.as_slice(), variance.as_slice()));
    let pixels = noise(seed + 3, batch * shape.elements());
    let input = images(pixels, [batch, shape.channels, shape.height, shape.width], &Device::default());
    let masked = forward(graph, &parameters, statistics, Some(mask), input.clone());
    let slice = graph.slice(mask.bits()).unwrap();
    let values = slice.values(graph, &Numbers { parameters: &parameters, statistics, epsilon: EPSILON });
    let sliced_statistics = running.then_some((values.mean.as_slice(), values.variance.as_slice()));
    let sliced = forward(&slice.graph, &values.parameters, sliced_statistics, None, input);
    assert_eq!(masked.len(), sliced.len());
    assert!(
        slice.graph.cost().parameters
            <= graph.cost().parameters + graph.nodes().iter().map(|node| node.shape.channels).sum::<usize>() as f64
    );
    let scale = masked.iter().fold(1.0f32, |scale, logit| scale.max(logit.abs()));
    masked.iter().zip(&sliced).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max) / scale
}

#[test]
fn sliced_presets_have_the_logits_of_the_masked_network() {
    for name in ["digits", "fashion"] {
        let graph = prepare::graph(&Preset::load(name, None, &[]).unwrap()).unwrap();
        for (case, keep) in [1.0, 0.9, 0.5, 0.2, 0.05, 0.0].into_iter().enumerate() {
            let bits = noise(7 + case as u64, graph.masked_channels()).iter().map(|number| f64::from(*number) < 2.0 * keep - 1.0).collect();
            let mask = HardMask::new(bits);
            for running in [true, false] {
                let difference = difference(&graph, &mask, case as u64, 3, running);
                assert!(difference < 1e-5, "{name}, keep {keep}, running statistics {running}: {difference}");
            }
        }
    }
}

/// One step of a random network: which operation on which earlier nodes.
#[derive(Debug, Clone)]
struct Step {
    op: u8,
    first: usize,
    second: usize,
    masked: bool,
}

fn random_graph(steps: &[Step]) -> Graph {
    let (mut builder, input) = GraphBuilder::new(Shape::map(4, 6, 5));
    let mut nodes: Vec<NodeId> = vec![input];
    for (number, step) in steps.iter().enumerate() {
        let first = nodes[step.first % nodes.len()];
        let shape = builder.shape(first);
        let alike: Vec<NodeId> = nodes.iter().copied().filter(|&node| builder.shape(node) == shape).collect();
        let as_high: Vec<NodeId> = nodes
            .iter()
            .copied()
            .filter(|&node| (builder.shape(node).height, builder.shape(node).width) == (shape.height, shape.width))
            .collect();
        let conv = |out_channels, kernel, stride, groups| Op::Conv { out_channels, kernel, stride, dilation: 1, groups };
        let (op, inputs) = match step.op % 14 {
            0 => (conv(6, 3, 1, 1), vec![first]),
            1 => (conv(4, 1, 1, 1), vec![first]),
            2 => (conv(4, 3, 2, 1), vec![first]),
            3 => (conv(shape.channels, 3, 1, shape.channels), vec![first]),
            4 => (conv(shape.channels, 3, 1, 2), vec![first]),
            5 | 6 => (Op::BatchNorm, vec![first]),
            7 => (Op::Relu, vec![first]),
            8 => (Op::Pool { kind: PoolKind::Average, kernel: 3, stride: 1 }, vec![first]),
            9 => (Op::Pool { kind: PoolKind::Max, kernel: 3, stride: 2 }, vec![first]),
            10 => (Op::Identity, vec![first]),
            11 => (Op::Shift, vec![first]),
            12 => (Op::Add, vec![first, alike[step.second % alike.len()], alike[step.first % alike.len()]]),
            _ => (Op::Concat, vec![first, as_high[step.second % as_high.len()]]),
        };
        let name = format!("n{number}");
        let can_mask = matches!(op, Op::Conv { .. } | Op::Pool { .. } | Op::Identity);
        let place = Place { block: "b".into(), edge: "e".into(), operation: Operation::Conv3 };
        let added = if step.masked && can_mask { builder.add_masked(name, op, first, place) } else { builder.add(name, op, &inputs) };
        nodes.push(added.unwrap());
    }
    let last = *nodes.last().unwrap();
    let pooled = builder.add("pool", Op::GlobalAveragePool, &[last]).unwrap();
    let place = Place { block: "head".into(), edge: "e".into(), operation: Operation::Linear };
    builder.add_masked("linear", Op::Linear { out_features: 3 }, pooled, place).unwrap();
    builder.finish()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (any::<u8>(), 0usize..8, 0usize..8, any::<bool>());
    proptest::collection::vec(step.prop_map(|(op, first, second, masked)| Step { op, first, second, masked }), 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn random_networks_keep_their_logits(steps in steps(), keep in 0.0f32..1.1, seed in 0u64..1000, running in any::<bool>()) {
        let steps: Vec<Step> = steps.into_iter().enumerate().map(|(number, step)| {
            // Mostly on from the newest node, so that networks are deep.
            let first = if step.first < 5 { number } else { step.first };
            Step { first, ..step }
        }).collect();
        let graph = random_graph(&steps);
        let bits = noise(seed + 9, graph.masked_channels()).iter().map(|number| (number + 1.0) / 2.0 < keep).collect();
        let difference = difference(&graph, &HardMask::new(bits), seed, 2, running);
        // Statistics of a batch of two may be all but constant, and dividing by their deviation makes rounding larger.
        prop_assert!(difference < if running { 1e-5 } else { 1e-4 }, "{difference}");
    }
}

#[test]
fn an_input_of_one_number_is_no_special_case() {
    let data = TensorData::new(vec![1.0f32; 4], [1, 4, 1, 1]);
    let map = Tensor::<4>::from_data(data, &Device::default());
    let arranged: Vec<f32> = pgnas::engine::operations::arrange(map, &[None, Some(3)]).into_data().try_to_vec().unwrap();
    assert_eq!(arranged, [0.0, 1.0]);
}
