//! The forward pass: walks a graph node by node and does on tensors what the node says.

use super::devices::is_cpu;
use super::kernels::{Pool, avg_pool2d, batch_norm_relu_train, batch_norm_train, conv2d, masked, masked_conv2d, max_pool2d};
use super::noise::Noise;
use super::operations;
use super::weights::{WeightLayout, vector};
use crate::graph::{Graph, Op, PoolKind, Shape, padding};
use crate::preset::Precision;
use burn::tensor::{Device, FloatDType, Tensor, activation};
use std::ops::Range;
use std::sync::Arc;

/// A graph prepared for walking: where each node's weights, statistics and masks are.
#[derive(Debug, Clone)]
pub struct Interpreter {
    graph: Arc<Graph>,
    /// Index of a node's first parameter in the weight layout.
    first_parameter: Vec<usize>,
    /// Channels of a batch-norm node in the vector of all statistics.
    statistics: Vec<Range<usize>>,
    /// Channels of all batch norms together.
    statistics_total: usize,
    readers: Vec<usize>,
    /// Batch norms whose output a ReLU alone reads.
    before_relu: Vec<bool>,
    precision: Precision,
}

/// Statistics that batch norm uses.
#[derive(Debug)]
pub enum Normalise<'a> {
    /// Those of the batch, which are collected: means and biased variances, each `[channels]`, in node order.
    Batch(&'a mut Vec<(Tensor<1>, Tensor<1>)>),
    /// Given ones, `[channels of all batch norms]`.
    Given(&'a Statistics),
    /// Those of each of so many equal parts of the batch: as [`Self::Batch`] for each of them, each `[parts, channels]`.
    BatchEach(usize, &'a mut Vec<(Tensor<2>, Tensor<2>)>),
    /// Given ones for each part of the batch.
    GivenEach(&'a Each),
}

/// Mean and biased variance of every batch-norm channel for each of several parts of a batch, each `[parts, channels of all batch norms]`.
#[derive(Debug)]
pub struct Each {
    /// Means.
    pub mean: Tensor<2>,
    /// Biased variances.
    pub variance: Tensor<2>,
}

/// Mean and biased variance of every batch-norm channel, each `[channels of all batch norms]`.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// Means.
    pub mean: Tensor<1>,
    /// Biased variances.
    pub variance: Tensor<1>,
}

impl Statistics {
    /// From the statistics that a pass over one batch collected.
    #[must_use]
    pub fn collected(batch: Vec<(Tensor<1>, Tensor<1>)>) -> Self {
        if batch.is_empty() {
            // Without batch norms there is nothing to put on a device.
            let nothing = || vector(Vec::new(), &Device::flex());
            return Self { mean: nothing(), variance: nothing() };
        }
        let (mean, variance) = batch.into_iter().unzip();
        Self { mean: Tensor::cat(mean, 0), variance: Tensor::cat(variance, 0) }
    }

    /// `decay · self + (1 - decay) · batch`.
    #[must_use]
    pub fn towards(self, batch: Self, decay: f64) -> Self {
        if batch.mean.dims() == [0] {
            return self;
        }
        let blend = |old: Tensor<1>, new: Tensor<1>| old.mul_scalar(decay) + new.mul_scalar(1.0 - decay);
        Self { mean: blend(self.mean, batch.mean), variance: blend(self.variance, batch.variance) }
    }
}

impl Interpreter {
    /// Prepares a graph.
    #[must_use]
    pub fn new(graph: Arc<Graph>, layout: &WeightLayout) -> Self {
        let nodes = graph.nodes();
        let mut first_parameter = vec![usize::MAX; nodes.len()];
        for (index, parameter) in layout.parameters.iter().enumerate().rev() {
            first_parameter[parameter.node.index()] = index;
        }
        let mut total = 0;
        let ranges = nodes.iter().map(|node| {
            let channels = if node.op == Op::BatchNorm { node.shape.channels } else { 0 };
            total += channels;
            total - channels..total
        });
        let statistics = ranges.collect();
        let readers = graph.consumers();
        let mut before_relu = vec![false; nodes.len()];
        for relu in nodes.iter().filter(|node| node.op == Op::Relu) {
            let input = relu.inputs[0].index();
            before_relu[input] = nodes[input].op == Op::BatchNorm && readers[input] == 1;
        }
        Self { graph, first_parameter, statistics, statistics_total: total, readers, before_relu, precision: Precision::F32 }
    }

    /// Takes convolutions in a precision; all else stays in `f32`.
    #[must_use]
    pub fn in_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The graph that is walked.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Channels of all batch norms together.
    #[must_use]
    pub fn statistics_total(&self) -> usize {
        self.statistics_total
    }

    /// Masked nodes in order with their channels of the mask vector.
    #[must_use]
    pub fn masked_nodes(&self) -> Vec<Range<usize>> {
        let groups = self.graph.groups();
        let masked = self.graph.nodes().iter().filter_map(|node| Some((node.groups.first()?, node.groups.last()?)));
        masked.map(|(first, last)| groups[first.index()].mask.start..groups[last.index()].mask.end).collect()
    }

    /// The logits `[batch, classes]` of images `[batch, channels, height, width]`.
    ///
    /// `weights` holds one flat vector per parameter of the layout, `keeps` one mask `[batch, channels]` per masked node in node order;
    /// `epsilon` is added to the variances of batch norms.
    #[must_use]
    pub fn forward(
        &self,
        weights: &[Tensor<1>],
        keeps: &[Tensor<2>],
        normalise: Normalise<'_>,
        epsilon: f64,
        images: Tensor<4>,
    ) -> Tensor<2> {
        let shape = [images.dims()[0], self.graph.classes()];
        self.walk(weights, keeps, normalise, epsilon, images, None).0.reshape(shape)
    }

    /// As [`Self::train`] of a graph that ends in a map: that map, `[batch, channels, height, width]`.
    #[must_use]
    pub fn map(
        &self,
        weights: &[Tensor<1>],
        keeps: &[Tensor<2>],
        normalise: Normalise<'_>,
        epsilon: f64,
        images: Tensor<4>,
        noise: &Noise,
    ) -> Tensor<4> {
        self.walk(weights, keeps, normalise, epsilon, images, Some(noise)).0
    }

    /// As [`Self::forward`] while the super-network trains: under noise, and with the logits of the auxiliary classifier.
    #[must_use]
    pub fn train(
        &self,
        weights: &[Tensor<1>],
        keeps: &[Tensor<2>],
        normalise: Normalise<'_>,
        epsilon: f64,
        images: Tensor<4>,
        noise: &Noise,
    ) -> Outputs {
        let shape = [images.dims()[0], self.graph.classes()];
        let (logits, auxiliary) = self.walk(weights, keeps, normalise, epsilon, images, Some(noise));
        Outputs { logits: logits.reshape(shape), auxiliary: auxiliary.map(|auxiliary| auxiliary.reshape(shape)) }
    }

    /// What the last node and that of the auxiliary classifier yield.
    fn walk(
        &self,
        weights: &[Tensor<1>],
        keeps: &[Tensor<2>],
        normalise: Normalise<'_>,
        epsilon: f64,
        images: Tensor<4>,
        noise: Option<&Noise>,
    ) -> (Tensor<4>, Option<Tensor<4>>) {
        let (batch, device) = (images.dims()[0], images.device());
        // Where burn's own operations run, keeping a map for the backward pass of a ReLU costs less than computing it anew.
        let fuses = is_cpu(&device.clone().inner());
        let mut walk = Walk { interpreter: self, weights, normalise, epsilon, batch, device, noise, fuses };
        let auxiliary_nodes = self.graph.auxiliary();
        let mut auxiliary = None;
        let mut readers = self.readers.clone();
        let mut values: Vec<Option<Value>> = vec![None; self.graph.nodes().len()];
        values[0] = Some(Value::Map(images));
        let mut keeps = keeps.iter();
        for (index, node) in self.graph.nodes().iter().enumerate().skip(1) {
            // The last reader takes the value, so that it can be worked on in place.
            let inputs = node.inputs.iter().filter_map(|&input| {
                let position = input.index();
                readers[position] -= 1;
                if readers[position] == 0 { values[position].take() } else { values[position].clone() }
            });
            let inputs: Vec<Value> = inputs.collect();
            let keep = if node.groups.is_empty() { None } else { keeps.next() };
            if noise.is_none() && auxiliary_nodes.contains(&index) {
                walk.pass_over(index);
                continue;
            }
            let value = walk.node(index, inputs, keep);
            if index + 1 == auxiliary_nodes.end {
                auxiliary = Some(walk.map(value, node.shape));
            } else {
                values[index] = Some(value);
            }
        }
        let last = values.pop().flatten().unwrap_or(Value::Zero);
        (walk.map(last, self.graph.nodes()[self.graph.nodes().len() - 1].shape), auxiliary)
    }
}

/// What a forward pass yields.
#[derive(Debug)]
pub struct Outputs {
    /// The logits, `[batch, classes]`.
    pub logits: Tensor<2>,
    /// Those of the auxiliary classifier, where there is one and the network trains.
    pub auxiliary: Option<Tensor<2>>,
}

/// What a node yields. A branch of zeros costs nothing until something has to read it.
#[derive(Debug, Clone)]
enum Value {
    /// Zeros.
    Zero,
    /// One number per channel, `[1, channels, 1, 1]`: what batch norm makes of zeros.
    Constant(Tensor<4>),
    /// `[batch, channels, height, width]`.
    Map(Tensor<4>),
}

/// One forward pass under way.
struct Walk<'a> {
    interpreter: &'a Interpreter,
    weights: &'a [Tensor<1>],
    normalise: Normalise<'a>,
    epsilon: f64,
    batch: usize,
    device: Device,
    noise: Option<&'a Noise>,
    /// Whether a batch norm does the work of the ReLU behind it.
    fuses: bool,
}

impl Walk<'_> {
    fn node(&mut self, index: usize, inputs: Vec<Value>, keep: Option<&Tensor<2>>) -> Value {
        let node = &self.interpreter.graph.nodes()[index];
        if node.op == Op::Add {
            return inputs.into_iter().fold(Value::Zero, Value::plus);
        }
        let in_shape = self.interpreter.graph.node(node.inputs[0]).shape;
        if node.op == Op::Concat {
            let shapes = node.inputs.iter().map(|&input| self.interpreter.graph.node(input).shape);
            return Value::Map(Tensor::cat(inputs.into_iter().zip(shapes).map(|(value, shape)| self.map(value, shape)).collect(), 1));
        }
        let input = inputs.into_iter().next().unwrap_or(Value::Zero);
        match &node.op {
            Op::Conv { .. } => self.convolve(index, input, keep, in_shape),
            Op::BatchNorm => self.batch_norm(index, input),
            Op::Relu => match input {
                map @ Value::Map(_) if self.rectifies(node.inputs[0].index()) => map,
                input => input.on_each(activation::relu),
            },
            Op::Arrange { channels } => self.on_map(input, in_shape, |map| operations::arrange(map, channels)),
            Op::Offset => {
                let numbers = self.weight(index, 0);
                let channels = numbers.dims()[0];
                input.plus(Value::Constant(numbers.reshape([1, channels, 1, 1])))
            }
            Op::Shift => self.on_map(input, in_shape, operations::shift),
            Op::Identity => self.gate(input, keep, in_shape),
            Op::Shake { .. } | Op::DropPath { .. } => match (self.noise.and_then(|noise| noise.of(index)), &node.op) {
                (Some(factor), _) => self.on_map(input, in_shape, |map| factor.apply(map)),
                (None, Op::Shake { of }) => input.on_each(|map| map.div_scalar(*of as f64)),
                (None, _) => input,
            },
            Op::Pool { kind, kernel, stride } => {
                let gated = self.gate(input, keep, in_shape);
                let window = Pool::same(*kernel).with_stride(*stride);
                self.on_map(gated, in_shape, |map| match kind {
                    PoolKind::Average => avg_pool2d(map, window),
                    PoolKind::Max => max_pool2d(map, window),
                })
            }
            Op::GlobalAveragePool => self.on_map(input, in_shape, |map| map.mean_dim(3).mean_dim(2)),
            Op::Linear { out_features } => {
                let gated = self.gate(input, keep, in_shape);
                let features = self.map(gated, in_shape).reshape([self.batch, in_shape.channels]);
                let matrix = self.weight(index, 0).reshape([*out_features, in_shape.channels]).transpose();
                let bias = self.weight(index, 1).reshape([1, *out_features]);
                Value::Map((features.matmul(matrix) + bias).reshape([self.batch, *out_features, 1, 1]))
            }
            Op::Input | Op::Zero | Op::Add | Op::Concat => Value::Zero,
        }
    }

    fn weight(&self, index: usize, offset: usize) -> Tensor<1> {
        self.weights[self.interpreter.first_parameter[index] + offset].clone()
    }

    /// The value as a map that can be read position by position.
    fn map(&self, value: Value, shape: Shape) -> Tensor<4> {
        let full = [self.batch, shape.channels, shape.height, shape.width];
        match value {
            Value::Zero => Tensor::zeros(full, &self.device),
            Value::Constant(channels) => channels.expand(full),
            Value::Map(map) => map,
        }
    }

    fn on_map(&self, value: Value, shape: Shape, function: impl FnOnce(Tensor<4>) -> Tensor<4>) -> Value {
        match value {
            Value::Zero => Value::Zero,
            other => Value::Map(function(self.map(other, shape))),
        }
    }

    /// A value times its mask.
    fn gate(&self, value: Value, keep: Option<&Tensor<2>>, shape: Shape) -> Value {
        let Some(keep) = keep else { return value };
        self.on_map(value, shape, |map| masked(map, keep.clone()))
    }

    fn convolve(&self, index: usize, input: Value, keep: Option<&Tensor<2>>, in_shape: Shape) -> Value {
        let Op::Conv { out_channels, kernel, stride, dilation, groups } = self.interpreter.graph.nodes()[index].op else {
            return Value::Zero;
        };
        let window = operations::window(kernel, stride, dilation, groups);
        let weight = self.weight(index, 0).reshape([out_channels, in_shape.channels / groups, kernel, kernel]);
        if matches!(input, Value::Zero) {
            return Value::Zero;
        }
        let map = self.map(input, in_shape);
        let [before, behind] = padding(kernel, dilation);
        let map = if before == behind { map } else { operations::pad_behind(map, behind - before) };
        // Of several groups every product is small, and memory is what takes the time.
        if self.interpreter.precision == Precision::Bf16 && groups == 1 {
            let map = match keep {
                None => map,
                Some(keep) => masked(map, keep.clone()),
            };
            let rounded = conv2d(map.cast(FloatDType::BF16), weight.cast(FloatDType::BF16), window);
            return Value::Map(rounded.cast(FloatDType::F32));
        }
        Value::Map(match keep {
            None => conv2d(map, weight, window),
            Some(keep) => masked_conv2d(map, keep.clone(), weight, window),
        })
    }

    /// Leaves out a node of the auxiliary classifier; its place among the statistics is filled.
    fn pass_over(&mut self, index: usize) {
        let node = &self.interpreter.graph.nodes()[index];
        let channels = node.shape.channels;
        match &mut self.normalise {
            _ if node.op != Op::BatchNorm => {}
            Normalise::Batch(collected) => {
                collected.push((Tensor::zeros([channels], &self.device), Tensor::ones([channels], &self.device)));
            }
            Normalise::BatchEach(parts, collected) => {
                let shape = [*parts, channels];
                collected.push((Tensor::zeros(shape, &self.device), Tensor::ones(shape, &self.device)));
            }
            Normalise::Given(_) | Normalise::GivenEach(_) => {}
        }
    }

    /// Whether a node is a batch norm that does the work of the ReLU behind it, on maps.
    fn rectifies(&self, index: usize) -> bool {
        self.fuses && self.interpreter.before_relu[index] && matches!(self.normalise, Normalise::Batch(_))
    }

    fn batch_norm(&mut self, index: usize, input: Value) -> Value {
        let rectifies = self.rectifies(index);
        let (scale, shift) = (self.weight(index, 0), self.weight(index, 1));
        let channels = scale.dims()[0];
        let shape = self.interpreter.graph.nodes()[index].shape;
        if matches!(self.normalise, Normalise::BatchEach(..) | Normalise::GivenEach(_)) {
            return Value::Map(self.batch_norm_each(index, self.map(input, shape), scale, shift));
        }
        match (&mut self.normalise, input) {
            (Normalise::Batch(collected), Value::Map(map)) => {
                let norm = if rectifies { batch_norm_relu_train } else { batch_norm_train };
                let (output, mean, variance) = norm(map, scale, shift, self.epsilon);
                collected.push((mean.inner(), variance.inner()));
                Value::Map(output)
            }
            (Normalise::Batch(collected), constant) => {
                // Every position is the same: the mean is the value, nothing varies, and the shift alone is left.
                let mean = match constant {
                    Value::Constant(value) => value.reshape([channels]),
                    _ => Tensor::zeros([channels], &self.device),
                };
                collected.push((mean, Tensor::zeros([channels], &self.device)));
                Value::Constant(shift.reshape([1, channels, 1, 1]))
            }
            (Normalise::Given(statistics), input) => {
                let range = self.interpreter.statistics[index].clone();
                let mean = statistics.mean.clone().slice([range.clone()]);
                let variance = statistics.variance.clone().slice([range]);
                let factor = scale / (variance + self.epsilon).sqrt();
                let offset = (shift - mean * factor.clone()).reshape([1, channels, 1, 1]);
                match input {
                    Value::Zero => Value::Constant(offset),
                    input => input.on_each(|map| map * factor.reshape([1, channels, 1, 1]) + offset),
                }
            }
            (Normalise::BatchEach(..) | Normalise::GivenEach(_), input) => input,
        }
    }

    /// Batch norm of each part of the batch by itself: the parts side by side are so many times the channels.
    fn batch_norm_each(&mut self, index: usize, map: Tensor<4>, scale: Tensor<1>, shift: Tensor<1>) -> Tensor<4> {
        let [batch, channels, height, width] = map.dims();
        let range = self.interpreter.statistics[index].clone();
        let parts = match &self.normalise {
            Normalise::BatchEach(parts, _) => *parts,
            Normalise::GivenEach(each) => each.mean.dims()[0],
            Normalise::Batch(_) | Normalise::Given(_) => 1,
        };
        let images = batch / parts.max(1);
        let beside =
            map.reshape([parts, images, channels * height * width]).swap_dims(0, 1).reshape([images, parts * channels, height, width]);
        let (scale, shift) = (scale.repeat(&[parts]), shift.repeat(&[parts]));
        let output = match &mut self.normalise {
            Normalise::BatchEach(_, collected) => {
                let (output, mean, variance) = batch_norm_train(beside, scale, shift, self.epsilon);
                let each = |statistics: Tensor<1>| statistics.inner().reshape([parts, channels]);
                collected.push((each(mean), each(variance)));
                output
            }
            Normalise::GivenEach(each) => {
                let of = |all: &Tensor<2>| all.clone().slice([0..parts, range.clone()]).reshape([parts * channels]);
                let factor = scale / (of(&each.variance) + self.epsilon).sqrt();
                let offset = shift - of(&each.mean) * factor.clone();
                let wide = |numbers: Tensor<1>| numbers.reshape([1, parts * channels, 1, 1]);
                beside * wide(factor) + wide(offset)
            }
            Normalise::Batch(_) | Normalise::Given(_) => beside,
        };
        output.reshape([images, parts, channels * height * width]).swap_dims(0, 1).reshape([batch, channels, height, width])
    }
}

impl Value {
    /// Applies a function that treats every position alike and leaves zeros zero.
    fn on_each(self, function: impl FnOnce(Tensor<4>) -> Tensor<4>) -> Self {
        match self {
            Self::Zero => Self::Zero,
            Self::Constant(channels) => Self::Constant(function(channels)),
            Self::Map(map) => Self::Map(function(map)),
        }
    }

    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Zero, value) | (value, Self::Zero) => value,
            (Self::Constant(left), Self::Constant(right)) => Self::Constant(left + right),
            (Self::Map(left), Self::Constant(right) | Self::Map(right)) | (Self::Constant(right), Self::Map(left)) => {
                Self::Map(left + right)
            }
        }
    }
}
