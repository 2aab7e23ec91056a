//! Sliced networks compute the logits of the masked super-network, compiled or not: on the presets, and on random graphs and masks.

mod networks;

use burn::tensor::{Device, Tensor, TensorData};
use networks::{EPSILON, forward, mask, noise, statistics, trained};
use pgnas::cli::prepare;
use pgnas::engine::kernels::inference::Program;
use pgnas::engine::weights::{WeightLayout, images};
use pgnas::graph::{Graph, GraphBuilder, NodeId, Numbers, Op, Operation, Place, PoolKind, Shape, Values};
use pgnas::posterior::HardMask;
use pgnas::preset::Preset;
use proptest::prelude::*;

/// The largest difference between masked and sliced logits, as a share of the largest logit (at least 1).
fn difference(graph: &Graph, parameters: &[f32], mask: &HardMask, seed: u64, batch: usize, running: bool) -> f32 {
    let shape = graph.input_shape();
    let (mean, variance) = statistics(graph, seed + 1);
    // Where a batch hardly varies, the masked network divides its own rounding by the root of this.
    let epsilon = if running { EPSILON } else { 1e-3 };
    let numbers = Numbers { parameters, statistics: running.then_some((&mean, &variance)), epsilon };
    let pixels = noise(seed + 3, batch * shape.elements());
    let input = images(pixels.clone(), [batch, shape.channels, shape.height, shape.width], &Device::default());
    let masked = forward(graph, &numbers, Some(mask), input.clone());
    let slice = graph.slice(mask.bits()).unwrap();
    let values = slice.values(graph, &numbers);
    let statistics = running.then_some((values.mean.as_slice(), values.variance.as_slice()));
    let sliced = forward(&slice.graph, &Numbers { parameters: &values.parameters, statistics, epsilon }, None, input);
    let compiled = compiled(&slice.graph, &values, epsilon, &pixels, running);
    assert_eq!((masked.len(), masked.len()), (sliced.len(), compiled.len()));
    assert!(
        slice.graph.cost().parameters
            <= graph.cost().parameters + graph.nodes().iter().map(|node| node.shape.channels).sum::<usize>() as f64
    );
    // Statistics of a batch that hardly varies magnify rounding. Of the deepest networks the masked one itself is off by 1.5e-5 to 2e-5 of what
    // it is in double precision there, the compiled one by as much, and neither is a better measure of the other.
    let compiled = farthest(&masked, &compiled);
    farthest(&masked, &sliced).max(if running { compiled } else { compiled / 2.0 })
}

/// The largest difference, as a share of the largest number of the first (at least 1); infinity where either has what is not a number.
fn farthest(numbers: &[f32], others: &[f32]) -> f32 {
    let scale = numbers.iter().fold(1.0f32, |scale, number| scale.max(number.abs()));
    let far = |(one, other): (&f32, &f32)| if (one - other).is_finite() { (one - other).abs() / scale } else { f32::INFINITY };
    numbers.iter().zip(others).map(far).fold(0.0, f32::max)
}

#[test]
fn what_is_not_a_number_is_far_from_all() {
    assert!((farthest(&[4.0, 1.0], &[3.0, 1.0]) - 0.25).abs() < 1e-6);
    assert!(farthest(&[4.0, f32::NAN], &[4.0, f32::NAN]).is_infinite());
    assert!(farthest(&[4.0, 1.0], &[f32::NAN, 1.0]).is_infinite());
}

/// The logits as ranking computes them on the CPU, which are the same for each image alone.
fn compiled(graph: &Graph, values: &Values, epsilon: f64, pixels: &[f32], running: bool) -> Vec<f32> {
    let program = Program::new(graph);
    if !running {
        return program.normalised(values, epsilon, pixels).0;
    }
    let numbers = program.numbers(values, epsilon);
    let logits = program.logits(&numbers, pixels);
    let alone = pixels.chunks(graph.input_shape().elements()).flat_map(|image| program.logits(&numbers, image));
    assert!(logits.iter().map(|logit| logit.to_bits()).eq(alone.map(f32::to_bits)));
    logits
}

/// Numbers of a spread that makes wrong ones show.
fn wide(graph: &Graph, seed: u64) -> Vec<f32> {
    noise(seed, WeightLayout::of(graph).total).iter().map(|number| number * 0.6).collect()
}

/// What makes the topology of a large preset fit into a test.
const NARROW: [(&str, &str); 4] = [
    ("supnet-m", "space.stages=6,12,24 space.blocks=2 space.stem=8"),
    ("supnet-mi", "space.stages=8,16,32 space.blocks=1"),
    ("supnet-e", "space.channels=4 space.cells=1"),
    ("supnet-ei", "space.channels=2 space.cells=2"),
];

#[test]
fn sliced_presets_have_the_logits_of_the_masked_network() {
    // A variant has the network of its preset.
    for name in Preset::names(None).into_iter().filter(|name| !name.contains(':')) {
        let narrow = NARROW.iter().find(|(preset, _)| *preset == name).map_or("", |(_, narrow)| narrow);
        let set: Vec<String> = narrow.split_whitespace().map(str::to_owned).collect();
        let loaded = Preset::load(&name, None, &set).unwrap();
        let graph = prepare::graph(&loaded).unwrap();
        let small = ["digits", "fashion"].contains(&name.as_str());
        for (case, keep) in (0..).zip([1.0, 0.9, 0.5, 0.2, 0.05, 0.0]) {
            // The deeper ones would drown any difference in logits of thousands.
            let parameters = if small { wide(&graph, case) } else { trained(&graph, case) };
            for running in [true, false] {
                let difference = difference(&graph, &parameters, &mask(&graph, 7 + case, keep), case, 3, running);
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
        let (op, inputs) = match step.op % 16 {
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
            13 => (Op::Shake { of: 3 }, vec![first]),
            14 => (Op::DropPath { cell: 1, cells: 2 }, vec![first]),
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
        let difference = difference(&graph, &wide(&graph, seed), &mask(&graph, seed + 9, keep), seed, 2, running);
        prop_assert!(difference < 1e-5, "{difference}");
    }
}

#[test]
fn an_input_of_one_number_is_no_special_case() {
    let data = TensorData::new(vec![1.0f32; 4], [1, 4, 1, 1]);
    let map = Tensor::<4>::from_data(data, &Device::default());
    let arranged: Vec<f32> = pgnas::engine::operations::arrange(map, &[None, Some(3)]).into_data().try_to_vec().unwrap();
    assert_eq!(arranged, [0.0, 1.0]);
}
