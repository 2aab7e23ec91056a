//! Every operation that networks and their training are made of, forward and with its gradients, as a table of cases.

use super::compare::Values;
use super::objective_cases;
use crate::engine::interpreter::{Interpreter, Normalise, Statistics};
use crate::engine::kernels::{conv2d, taken_as_products};
use crate::engine::noise::Noise;
use crate::engine::operations::{pad_behind, window};
use crate::engine::weights::{WeightLayout, images, matrix, vector};
use crate::graph::{Graph, GraphBuilder, GraphError, NodeId, Op, Operation, Place, PoolKind, Shape};
use crate::preset::{NoiseRecipe, Precision};
use crate::random::{Purpose, normal, open_unit, stream};
use burn::tensor::{Device, Tensor};
use std::sync::Arc;

/// Largest differences that a computation in `f32` may show, as shares of the largest number: sums are added up in another order there.
pub const F32: f64 = 2e-5;

/// The same where products are taken in TF32, which keeps 10 bits of each factor behind the first and adds up in `f32`.
pub const TF32: f64 = 5e-3;

/// The same where factors are rounded to bf16 on both sides, summed up in `f32` and rounded again: a number beside the middle between two
/// of bf16 falls to either.
const BF16: f64 = 1e-2;

/// The same where exponentials and logarithms are taken, which devices compute to fewer bits than they add and multiply.
const TRANSCENDENTAL: f64 = 1e-4;

/// Images of a case.
const BATCH: usize = 3;

/// Seed of all numbers.
pub(super) const SEED: u64 = 7;

/// One operation.
pub struct Case {
    /// What it is, such as `conv 3×3, stride 2, masked`.
    pub name: String,
    /// The largest difference in `f32`.
    pub limit: f64,
    /// Whether it takes sums of products, which a device may compute in TF32.
    pub products: bool,
    /// What convolutions are taken in.
    pub precision: Precision,
    work: Work,
}

type Build = Box<dyn Fn(&mut GraphBuilder, NodeId) -> Result<NodeId, GraphError> + Send + Sync>;

enum Work {
    /// A network of an operation, and whether its batch norms have given statistics.
    Network(Build, bool),
    /// Something else, by the numbers that it yields on a device.
    Own(fn(&Device) -> Values),
}

impl Case {
    fn network(
        name: impl Into<String>,
        build: impl Fn(&mut GraphBuilder, NodeId) -> Result<NodeId, GraphError> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), limit: F32, products: false, precision: Precision::F32, work: Work::Network(Box::new(build), false) }
    }

    fn one(name: impl Into<String>, op: Op, masked: bool) -> Self {
        let products = matches!(op, Op::Conv { .. } | Op::Linear { .. });
        let name = if masked { format!("{}, masked", name.into()) } else { name.into() };
        Self { products, ..Self::network(name, move |builder, input| single(builder, op.clone(), input, masked)) }
    }

    pub(super) fn own(name: &str, limit: f64, products: bool, work: fn(&Device) -> Values) -> Self {
        Self { name: name.to_owned(), limit, products, precision: Precision::F32, work: Work::Own(work) }
    }

    fn in_bf16(self) -> Self {
        Self { name: format!("{} in bf16", self.name), limit: BF16, products: false, precision: Precision::Bf16, ..self }
    }

    /// Its numbers on a device: what it yields, and the gradients of input, weights and masks where it has them.
    #[must_use]
    pub fn compute(&self, device: &Device) -> Values {
        match &self.work {
            Work::Own(work) => work(device),
            Work::Network(build, given) => {
                let mut all = Values::new();
                for shape in SHAPES {
                    for (name, mut list) in of_network(build, shape, *given, self.precision, device) {
                        match all.iter_mut().find(|(known, _)| *known == name) {
                            Some((_, known)) => known.append(&mut list),
                            None => all.push((name, list)),
                        }
                    }
                }
                all
            }
        }
    }
}

/// Maps of even sides and of odd ones: kernels read several numbers at a time where sizes allow it.
const SHAPES: [Shape; 2] = [Shape::map(8, 8, 8), Shape::map(6, 9, 7)];

/// Output channels.
const OUTPUTS: usize = 12;

fn single(builder: &mut GraphBuilder, op: Op, input: NodeId, masked: bool) -> Result<NodeId, GraphError> {
    // A linear layer reads a vector.
    let input = if matches!(op, Op::Linear { .. }) { builder.add("pooled", Op::GlobalAveragePool, &[input])? } else { input };
    let place = Place { block: "block".into(), edge: "in→out".into(), operation: Operation::Conv3 };
    builder.add_at("node", op, input, masked.then_some(place))
}

fn of_network(build: &Build, shape: Shape, given: bool, precision: Precision, device: &Device) -> Values {
    let (mut builder, input) = GraphBuilder::new(shape);
    if let Err(error) = build(&mut builder, input) {
        panic!("a case that is no network: {error}");
    }
    let graph: Graph = builder.finish();
    let (layout, last) = (WeightLayout::of(&graph), graph.nodes()[graph.nodes().len() - 1].shape);
    let noise = Noise::draw(&graph, &NoiseRecipe { shake: true, drop_path: 0.5, auxiliary: 0.0 }, 1.0, BATCH, (SEED, 0), device);
    let interpreter = Interpreter::new(Arc::new(graph), &layout).in_precision(precision);
    let parameters = layout.initial(SEED).into_iter().zip(normals(1, layout.total)).map(|(value, noise)| value + 0.1 * noise).collect();
    let leaf = |tensor: Tensor<1>| tensor.autodiff().require_grad();
    let weights: Vec<Tensor<1>> = layout.split(&vector(parameters, device)).into_iter().map(leaf).collect();
    let keep = |range: std::ops::Range<usize>| {
        let (channels, mut generator) = (range.len(), stream(SEED, Purpose::Mask, range.start as u64));
        let values = (0..BATCH * channels).map(|_| open_unit(&mut generator)).collect();
        matrix(values, BATCH, channels, device).autodiff().require_grad()
    };
    let keeps: Vec<Tensor<2>> = interpreter.masked_nodes().into_iter().map(keep).collect();
    let pixels = images(normals(2, BATCH * shape.elements()), [BATCH, shape.channels, shape.height, shape.width], device);
    let pixels = pixels.autodiff().require_grad();

    let channels = interpreter.statistics_total();
    let variance = normals(4, channels).iter().map(|number| 0.5 + number.abs()).collect();
    let statistics = Statistics { mean: vector(normals(3, channels), device), variance: vector(variance, device) };
    let statistics = Statistics { mean: statistics.mean.autodiff(), variance: statistics.variance.autodiff() };
    let mut collected = Vec::new();
    let normalise = if given { Normalise::Given(&statistics) } else { Normalise::Batch(&mut collected) };
    let output = interpreter.map(&weights, &keeps, normalise, 1e-5, pixels.clone(), &noise);
    let seen = images(normals(5, BATCH * last.elements()), [BATCH, last.channels, last.height, last.width], device);
    let mut gradients = (output.clone() * seen.autodiff()).sum().backward();

    let mut values = vec![("forward", numbers(output.inner())), ("input", numbers(gradient(&pixels, &mut gradients)))];
    if !weights.is_empty() {
        values.push(("weights", weights.iter().flat_map(|weight| numbers(gradient(weight, &mut gradients))).collect()));
    }
    if !keeps.is_empty() {
        values.push(("masks", keeps.iter().flat_map(|keep| numbers(gradient(keep, &mut gradients))).collect()));
    }
    if !collected.is_empty() {
        let Statistics { mean, variance } = Statistics::collected(collected);
        values.push(("statistics", [mean, variance].into_iter().flat_map(numbers).collect()));
    }
    values
}

fn gradient<const D: usize>(leaf: &Tensor<D>, gradients: &mut burn::tensor::Gradients) -> Tensor<D> {
    leaf.grad_remove(gradients).unwrap_or_else(|| leaf.clone().inner().zeros_like())
}

/// The numbers of a tensor, row by row.
pub(super) fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// So many normal numbers, always the same.
pub(super) fn normals(list: u64, count: usize) -> Vec<f32> {
    let mut generator = stream(SEED, Purpose::Resample, list);
    (0..count).map(|_| normal(&mut generator)).collect()
}

/// Sides, strides and dilations of kernels over all channels.
const DENSE: [[usize; 3]; 12] =
    [[1, 1, 1], [1, 2, 1], [3, 1, 1], [3, 2, 1], [5, 1, 1], [5, 2, 1], [7, 1, 1], [7, 2, 1], [3, 1, 2], [3, 2, 2], [5, 1, 2], [5, 2, 2]];

/// The same of kernels over one channel.
const DEPTHWISE: [[usize; 3]; 8] = [[3, 1, 1], [3, 2, 1], [5, 1, 1], [5, 2, 1], [3, 1, 2], [3, 2, 2], [5, 1, 2], [5, 2, 2]];

/// Reductions, windows and strides of pools.
const POOLS: [(PoolKind, usize, usize); 8] = [
    (PoolKind::Average, 1, 2),
    (PoolKind::Average, 3, 1),
    (PoolKind::Average, 3, 2),
    (PoolKind::Average, 2, 2),
    (PoolKind::Average, 5, 3),
    (PoolKind::Max, 3, 1),
    (PoolKind::Max, 3, 2),
    (PoolKind::Max, 2, 2),
];

/// Every case.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let named = |what: &str, [kernel, stride, dilation]: [usize; 3]| {
        let stride = if stride > 1 { format!(", stride {stride}") } else { String::new() };
        let dilation = if dilation > 1 { format!(", dilation {dilation}") } else { String::new() };
        format!("{what} {kernel}×{kernel}{stride}{dilation}")
    };
    for masked in [false, true] {
        for [kernel, stride, dilation] in DENSE {
            let op = Op::Conv { out_channels: OUTPUTS, kernel, stride, dilation, groups: 1 };
            let name = named("conv", [kernel, stride, dilation]);
            cases.push(Case::one(name.clone(), op.clone(), masked));
            // Masks are put on before anything is rounded: one case of them is enough.
            if !masked || kernel == 3 {
                cases.push(Case::one(name, op, masked).in_bf16());
            }
        }
        let op = Op::Conv { out_channels: OUTPUTS, kernel: 3, stride: 1, dilation: 1, groups: 2 };
        cases.push(Case::one("conv 3×3 in 2 groups", op, masked));
        for (kind, kernel, stride) in POOLS {
            let op = Op::Pool { kind, kernel, stride };
            cases.push(Case::one(named(op.name(), [kernel, stride, 1]), op.clone(), masked));
        }
        cases.push(Case::one("linear", Op::Linear { out_features: 10 }, masked));
        cases.push(Case::one("identity", Op::Identity, masked));
    }
    for size in DEPTHWISE {
        let [kernel, stride, dilation] = size;
        cases.push(Case {
            products: true,
            ..Case::network(named("depthwise conv", size), move |builder, input| {
                let channels = builder.shape(input).channels;
                builder.add("node", Op::Conv { out_channels: channels, kernel, stride, dilation, groups: channels }, &[input])
            })
        });
    }
    for op in [Op::BatchNorm, Op::Relu, Op::Shift, Op::GlobalAveragePool] {
        cases.push(Case::one(op.name(), op, false));
    }
    let given = |builder: &mut GraphBuilder, input| builder.add("node", Op::BatchNorm, &[input]);
    cases.push(Case { work: Work::Network(Box::new(given), true), ..Case::network("batch norm, given statistics", given) });
    cases.extend(several());
    cases.push(Case::own("conv 2×2, padded behind", F32, true, even_kernel));
    cases.push(Case::own("conv as a product of matrices", F32, true, as_products));
    cases.extend(objective_cases::cases(TRANSCENDENTAL));
    cases
}

/// Nodes that are nothing without others.
fn several() -> [Case; 10] {
    [
        Case::network("zero, masked", |builder, input| {
            let zero = single(builder, Op::Zero, input, true)?;
            builder.add("joined", Op::Concat, &[zero, input])
        }),
        Case::network("add", |builder, input| {
            let active = builder.add("active", Op::Relu, &[input])?;
            builder.add("node", Op::Add, &[input, active, input])
        }),
        Case::network("concat", |builder, input| {
            let active = builder.add("active", Op::Relu, &[input])?;
            builder.add("node", Op::Concat, &[input, active])
        }),
        Case::network("zero", |builder, input| {
            let zero = builder.add("zero", Op::Zero, &[input])?;
            builder.add("node", Op::Concat, &[zero, input])
        }),
        Case::network("batch norm of zeros", |builder, input| {
            let zero = builder.add("zero", Op::Zero, &[input])?;
            let shift = builder.add("bn", Op::BatchNorm, &[zero])?;
            let active = builder.add("relu", Op::Relu, &[shift])?;
            let mixed = Op::Conv { out_channels: OUTPUTS, kernel: 3, stride: 1, dilation: 1, groups: 1 };
            let mixed = builder.add("conv", mixed, &[active])?;
            builder.add("node", Op::Concat, &[mixed, input])
        })
        .with_products(),
        Case::network("arrange", |builder, input| {
            builder.add("node", Op::Arrange { channels: vec![Some(4), None, Some(0), Some(4), None] }, &[input])
        }),
        Case::network("arrange, nothing but zeros", |builder, input| {
            let zeros = builder.add("zeros", Op::Arrange { channels: vec![None, None] }, &[input])?;
            builder.add("node", Op::Concat, &[zeros, input])
        }),
        Case::network("offset", |builder, input| builder.add("node", Op::Offset, &[input])),
        Case::network("shake", |builder, input| {
            let active = builder.add("active", Op::Relu, &[input])?;
            let left = builder.add("left", Op::Shake { of: 2 }, &[input])?;
            let right = builder.add("right", Op::Shake { of: 2 }, &[active])?;
            builder.add("node", Op::Add, &[left, right])
        }),
        Case::network("drop-path", |builder, input| builder.add("node", Op::DropPath { cell: 2, cells: 2 }, &[input])),
    ]
}

impl Case {
    fn with_products(self) -> Self {
        Self { products: true, ..self }
    }
}

/// The convolution of the auxiliary classifier, whose even kernel needs rows and columns of zeros behind the map.
fn even_kernel(device: &Device) -> Values {
    let leaf = |values: Vec<f32>, shape| images(values, shape, device).autodiff().require_grad();
    let (map, weight) = (leaf(normals(1, BATCH * 8 * 25), [BATCH, 8, 5, 5]), leaf(normals(2, OUTPUTS * 8 * 4), [OUTPUTS, 8, 2, 2]));
    let output = conv2d(pad_behind(map.clone(), 1), weight.clone(), window(2, 1, 1, 1));
    let seen = images(normals(3, BATCH * OUTPUTS * 25), [BATCH, OUTPUTS, 5, 5], device).autodiff();
    let mut gradients = (output.clone() * seen).sum().backward();
    vec![
        ("forward", numbers(output.inner())),
        ("input", numbers(gradient(&map, &mut gradients))),
        ("weights", numbers(gradient(&weight, &mut gradients))),
    ]
}

/// Every dense convolution as bf16 takes it, in `f32`: what stands around the product is the same.
fn as_products(device: &Device) -> Values {
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for (shape, [kernel, stride, dilation]) in SHAPES.into_iter().flat_map(|shape| DENSE.map(|size| (shape, size))) {
        let window = window(kernel, stride, dilation, 1);
        let [height, width] = window.output([shape.height, shape.width]);
        let of = |list, shape: [usize; 4]| images(normals(list, shape.iter().product()), shape, device);
        let x = of(1, [BATCH, shape.channels, shape.height, shape.width]);
        let (weight, grad) = (of(2, [OUTPUTS, shape.channels, kernel, kernel]), of(3, [BATCH, OUTPUTS, height, width]));
        let found = taken_as_products(x, weight, grad, window);
        all.iter_mut().zip(found).for_each(|(list, tensor)| list.append(&mut numbers(tensor)));
    }
    let [forward, input, weights] = all;
    vec![("forward", forward), ("input", input), ("weights", weights)]
}

#[cfg(test)]
mod tests {
    use super::super::compare::differences;
    use super::*;
    use crate::preset::{EMBEDDED, Preset};
    use std::collections::BTreeSet;

    /// What tells operations apart: a convolution by its kernel, stride, dilation and groups, a pool by its window; whether it is masked.
    fn kinds(graph: &Graph) -> BTreeSet<String> {
        let of = |node: &crate::graph::Node| {
            let masked = if node.groups.is_empty() { "" } else { ", masked" };
            let what = match &node.op {
                Op::Conv { kernel, stride, dilation, groups, .. } => {
                    let inputs = graph.node(node.inputs[0]).shape.channels;
                    let groups = if *groups == 1 {
                        "dense"
                    } else if *groups == inputs {
                        "depthwise"
                    } else {
                        "grouped"
                    };
                    format!("{groups} {kernel} {stride} {dilation}")
                }
                Op::Pool { kind, kernel, stride } => format!("{kind:?} {kernel} {stride}"),
                other => other.name().to_owned(),
            };
            format!("{what}{masked}")
        };
        graph.nodes().iter().map(of).collect()
    }

    fn of_cases() -> BTreeSet<String> {
        let networks = cases().into_iter().filter_map(|case| if let Work::Network(build, _) = case.work { Some(build) } else { None });
        networks
            .flat_map(|build| {
                let (mut builder, input) = GraphBuilder::new(SHAPES[0]);
                build(&mut builder, input).unwrap();
                kinds(&builder.finish())
            })
            .collect()
    }

    #[test]
    fn no_preset_has_an_operation_without_a_case() {
        let mut covered = of_cases();
        // It is no network that a case could build, and has a case of its own.
        covered.insert("dense 2 1 1".into());
        for &(name, _) in EMBEDDED {
            let space = Preset::load(name, None, &[]).unwrap().preset.space;
            let graph = space.build(Shape::map(3, 64, 64), 10).unwrap();
            let missing: Vec<String> = kinds(&graph).difference(&covered).cloned().collect();
            assert!(missing.is_empty(), "{name}: no case of {missing:?}");
        }
    }

    #[test]
    fn names_are_told_apart() {
        let names: Vec<String> = cases().into_iter().map(|case| case.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    /// A case whose numbers do not depend on what it computes with would pass on any device.
    #[test]
    fn every_case_yields_numbers_that_tell_something() {
        for case in cases() {
            let values = case.compute(&Device::flex());
            let told = |list: &Vec<f32>| list.iter().any(|&number| number != 0.0);
            // The mask of what is zero anyway moves nothing, and zeros have mean and variance 0.
            let silent = [("zero, masked", "masks"), ("batch norm of zeros", "statistics")];
            assert!(values.iter().all(|(name, list)| told(list) || silent.contains(&(&case.name, name))), "{}: {values:?}", case.name);
            let mut wrong = values.clone();
            let (_, list) = wrong.first_mut().unwrap();
            let largest = list.iter().copied().fold(0.0_f32, |largest, number| largest.max(number.abs()));
            list[0] += 2.0 * TF32 as f32 * largest;
            assert!(differences(&wrong, &values).iter().any(|&(_, difference)| difference > TF32), "{}", case.name);
            assert!(differences(&values, &values).iter().all(|&(_, difference)| difference == 0.0), "{}", case.name);
        }
    }
}
