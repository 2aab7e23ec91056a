//! Compiled networks against the interpreter: logits and statistics, in any blocks and on any number of threads.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use proptest::test_runner::Config;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::super::inference::Program;
use super::{config, distance, read, values};
use crate::engine::interpreter::{Interpreter, Normalise, Statistics};
use crate::engine::weights::{WeightLayout, images, vector};
use crate::graph::{Graph, GraphBuilder, NodeId, Op, ParameterKind, PoolKind, Shape, Values};
use burn::tensor::Device;

/// Where a batch hardly varies, rounding is divided by the root of this.
const EPSILON: f64 = 1e-3;

/// One step of a random network: which operation of what size on which earlier nodes.
#[derive(Debug, Clone)]
struct Step {
    op: usize,
    back: [usize; 3],
    size: usize,
    stride: usize,
    channels: usize,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Mostly on from the newest node, so that networks are deep.
    let back = || prop_oneof![3 => Just(0_usize), 1 => 1..6_usize];
    let step = (0..20_usize, [back(), back(), back()], 0..6_usize, 1..=3_usize, 1..=5_usize);
    proptest::collection::vec(step.prop_map(|(op, back, size, stride, channels)| Step { op, back, size, stride, channels }), 1..12)
}

/// The operation of a step on some nodes before it; none where it does not fit them.
fn operation(builder: &GraphBuilder, nodes: &[NodeId], step: &Step) -> (Op, Vec<NodeId>) {
    let before = |back: usize| nodes[nodes.len() - 1 - back.min(nodes.len() - 1)];
    let first = before(step.back[0]);
    let shape = builder.shape(first);
    let alike = |fits: &dyn Fn(Shape) -> bool| {
        let others: Vec<NodeId> = nodes.iter().copied().filter(|&node| fits(builder.shape(node))).collect();
        let of = |back: &usize| others[others.len() - 1 - back.min(&(others.len() - 1))];
        std::iter::once(first).chain(step.back[1..].iter().map(of)).collect::<Vec<_>>()
    };
    let kernel = 2 * (step.size % 4) + 1;
    let conv = |out_channels, dilation, groups| Op::Conv { out_channels, kernel, stride: step.stride, dilation, groups };
    let divisor = (1..=shape.channels).rev().find(|groups| shape.channels.is_multiple_of(*groups) && *groups < shape.channels);
    let kind = if step.channels.is_multiple_of(2) { PoolKind::Average } else { PoolKind::Max };
    let one = |op| (op, vec![first]);
    match step.op {
        0 | 1 => one(conv(step.channels, 1, 1)),
        2 => one(conv(step.channels, step.stride, 1)),
        3 => one(conv(shape.channels * (1 + step.size % 2), 1, shape.channels)),
        4 => one(conv(shape.channels, 1 + step.channels % 2, shape.channels)),
        5 => one(conv(divisor.unwrap_or(1) * step.channels, 1, divisor.unwrap_or(1))),
        6..=8 => one(Op::BatchNorm),
        9 | 10 => one(Op::Relu),
        11 => one(Op::Pool { kind, kernel, stride: step.stride }),
        12 if shape.height.min(shape.width) >= 4 => {
            let kernel = 2 * (1 + step.size % 2);
            one(Op::Pool { kind, kernel, stride: kernel })
        }
        13 => one(Op::Shift),
        14 => (Op::Add, alike(&|other| other == shape)),
        15 => (Op::Concat, alike(&|other| (other.height, other.width) == (shape.height, shape.width))),
        16 => one(Op::Offset),
        17 => {
            let channel = |place: usize| Some((place * 7 + step.size) % (shape.channels + 1)).filter(|&of| of < shape.channels);
            one(Op::Arrange { channels: (0..step.channels).map(|place| channel(place).map(|of| of as u32)).collect() })
        }
        18 => one(if step.size.is_multiple_of(2) { Op::Shake { of: 3 } } else { Op::Zero }),
        _ => one(if step.size.is_multiple_of(2) { Op::DropPath { cell: 1, cells: 2 } } else { Op::Identity }),
    }
}

fn network(input: Shape, steps: &[Step]) -> Graph {
    let (mut builder, input) = GraphBuilder::new(input);
    let mut nodes = vec![input];
    for (number, step) in steps.iter().enumerate() {
        let (op, inputs) = operation(&builder, &nodes, step);
        nodes.push(builder.add(format!("n{number}"), op, &inputs).unwrap());
    }
    let pooled = builder.add("pool", Op::GlobalAveragePool, &nodes[nodes.len() - 1..]).unwrap();
    builder.add("linear", Op::Linear { out_features: 3 }, &[pooled]).unwrap();
    builder.finish()
}

/// Numbers under which a map is about as large as the one before it.
fn numbers(graph: &Graph, seed: u64) -> Values {
    let mut parameters = values(WeightLayout::of(graph).total, seed);
    for parameter in graph.parameters() {
        let fan: usize = parameter.dimensions[1..].iter().product();
        let slot = &mut parameters[parameter.range];
        match parameter.kind {
            ParameterKind::Weight => slot.iter_mut().for_each(|weight| *weight *= (3.0 / fan as f32).sqrt()),
            ParameterKind::Scale => slot.iter_mut().for_each(|scale| *scale += scale.signum()),
            ParameterKind::Bias | ParameterKind::Shift => {}
        }
    }
    let channels = graph.nodes().iter().filter(|node| node.op == Op::BatchNorm).map(|node| node.shape.channels).sum();
    let variance = values(channels, seed + 2).iter().map(|number| 1.2 + number).collect();
    Values { parameters, mean: values(channels, seed + 1), variance }
}

/// Logits with the given statistics, logits with those of the images, and these: means and variances.
fn interpreted(graph: &Graph, numbers: &Values, pixels: &[f32]) -> [Vec<f32>; 4] {
    let (device, shape) = (Device::flex(), graph.input_shape());
    let layout = WeightLayout::of(graph);
    let weights = layout.split(&vector(numbers.parameters.clone(), &device));
    let interpreter = Interpreter::new(Arc::new(graph.clone()), &layout);
    let input = images(pixels.to_vec(), [pixels.len() / shape.elements(), shape.channels, shape.height, shape.width], &device);
    let given = Statistics { mean: vector(numbers.mean.clone(), &device), variance: vector(numbers.variance.clone(), &device) };
    let logits = read(interpreter.forward(&weights, &[], Normalise::Given(&given), EPSILON, input.clone()));
    let mut collected = Vec::new();
    let normalised = read(interpreter.forward(&weights, &[], Normalise::Batch(&mut collected), EPSILON, input));
    let Statistics { mean, variance } = Statistics::collected(collected);
    [logits, normalised, read(mean), read(variance)]
}

/// Which channels of batch norms the logits depend on: nobody asks for the statistics of the others.
fn wanted(graph: &Graph) -> Vec<bool> {
    let nodes = graph.nodes();
    let mut wanted = vec![false; nodes.len()];
    wanted[nodes.len() - 1] = true;
    for (index, node) in nodes.iter().enumerate().rev() {
        if wanted[index] {
            node.inputs.iter().for_each(|input| wanted[input.index()] = true);
        }
    }
    let norms = nodes.iter().zip(wanted).filter(|(node, _)| node.op == Op::BatchNorm);
    norms.flat_map(|(node, wanted)| vec![wanted; node.shape.channels]).collect()
}

static POOLS: LazyLock<[ThreadPool; 3]> =
    LazyLock::new(|| [1, 2, 3].map(|threads| ThreadPoolBuilder::new().num_threads(threads).build().expect("a small pool")));

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// How far a compiled network is from the interpreted one at most, as a share of the largest number of each kind or of 1; asserts that blocks
/// and threads make no difference.
fn difference(graph: &Graph, seed: u64, batch: usize) -> [f32; 4] {
    let (numbers, pixels) = (numbers(graph, seed), values(batch * graph.input_shape().elements(), seed + 3));
    let program = Program::new(graph);
    let packed = program.numbers(&numbers, EPSILON);
    let logits = program.logits(&packed, &pixels);
    let (normalised, [mean, variance]) = program.normalised(&numbers, EPSILON, &pixels);
    for block in [1, 2] {
        let program = Program::new(graph).in_blocks(block);
        for pool in POOLS.iter() {
            assert_eq!(bits(&pool.install(|| program.logits(&packed, &pixels))), bits(&logits), "blocks of {block}");
        }
    }
    for pool in POOLS.iter() {
        let (again, statistics) = pool.install(|| program.normalised(&numbers, EPSILON, &pixels));
        assert!(bits(&again) == bits(&normalised) && bits(&statistics[0]) == bits(&mean) && bits(&statistics[1]) == bits(&variance));
    }
    let wanted = wanted(graph);
    let only =
        |values: Vec<f32>| -> Vec<f32> { values.into_iter().zip(&wanted).filter(|(_, wanted)| **wanted).map(|(value, _)| value).collect() };
    let [expected, of_batch, of_mean, of_variance] = interpreted(graph, &numbers, &pixels);
    let pairs = [(logits, expected), (normalised, of_batch), (only(mean), only(of_mean)), (only(variance), only(of_variance))];
    pairs.map(|(ours, expected)| distance(&ours, &expected) / expected.iter().fold(1.0_f32, |scale, value| scale.max(value.abs())))
}

proptest! {
    #![proptest_config(Config { cases: 400, ..config() })]

    #[test]
    fn any_network_is_the_interpreters(steps in steps(), channels in 1..=4_usize, height in 1..=11_usize, width in 1..=11_usize,
                                       batch in 1..=5_usize, seed in 0..1000_u64) {
        let graph = network(Shape::map(channels, height, width), &steps);
        let far = difference(&graph, seed, batch);
        prop_assert!(far.iter().all(|&far| far < 1e-5), "{far:?}");
    }
}

/// What the logits are if nothing but the bias of the classifier counts.
fn bias(graph: &Graph, numbers: &Values, images: usize) -> Vec<f32> {
    let bias = graph.parameters().into_iter().rfind(|parameter| parameter.kind == ParameterKind::Bias).unwrap();
    numbers.parameters[bias.range].repeat(images)
}

#[test]
fn layers_of_no_channels_are_their_bias() {
    for convolved in [false, true] {
        let (mut builder, input) = GraphBuilder::new(Shape::map(2, 5, 5));
        let mut body = builder.add("none", Op::Arrange { channels: vec![] }, &[input]).unwrap();
        if convolved {
            body = builder.add("conv", Op::Conv { out_channels: 4, kernel: 3, stride: 2, dilation: 1, groups: 1 }, &[body]).unwrap();
        }
        let pooled = builder.add("pool", Op::GlobalAveragePool, &[body]).unwrap();
        builder.add("linear", Op::Linear { out_features: 3 }, &[pooled]).unwrap();
        let graph = builder.finish();
        let (numbers, program, pixels) = (numbers(&graph, 1), Program::new(&graph), values(3 * 50, 2));
        assert_eq!(program.logits(&program.numbers(&numbers, EPSILON), &pixels), bias(&graph, &numbers, 3));
        assert_eq!(program.normalised(&numbers, EPSILON, &pixels).0, bias(&graph, &numbers, 3));
    }
}

#[test]
fn no_images_have_no_logits() {
    let (builder, _) = GraphBuilder::new(Shape::map(0, 3, 0));
    let nothing = builder.finish();
    let graph = network(Shape::map(2, 3, 3), &[]);
    for graph in [nothing, graph] {
        let (program, numbers) = (Program::new(&graph), numbers(&graph, 1));
        assert!(program.logits(&program.numbers(&numbers, EPSILON), &[]).is_empty());
        assert!(program.normalised(&numbers, EPSILON, &[]).0.is_empty());
    }
}

#[test]
fn maps_of_all_sizes_share_their_memory() {
    let (mut builder, mut body) = GraphBuilder::new(Shape::map(1, 32, 32));
    let conv = |out_channels, kernel, stride| Op::Conv { out_channels, kernel, stride, dilation: 1, groups: 1 };
    for (stage, channels) in [16, 32, 64].into_iter().enumerate() {
        for layer in 0..3 {
            let stride = if layer == 0 && stage > 0 { 2 } else { 1 };
            body = builder.add(format!("{stage}.{layer}"), conv(channels, 1, stride), &[body]).unwrap();
        }
    }
    let graph = builder.finish();
    // Two maps of the first stage at once, a little for borders, and no maps of the later ones beside them.
    let two_maps = 4 * 2 * 16 * 32 * 32 * 10;
    let bytes = Program::new(&graph).activation_bytes(10);
    assert!((two_maps..two_maps * 5 / 4).contains(&bytes), "{bytes} of {two_maps}");
}
