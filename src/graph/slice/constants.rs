//! The numbers that constant channels carry.

use super::super::{Graph, NodeId, Op};
use super::channels::{Channels, Content};

/// Weights and batch-norm statistics of a super-network.
#[derive(Debug, Clone, Copy)]
pub struct Numbers<'a> {
    /// All parameters, in the layout of [`Graph::parameters`].
    pub parameters: &'a [f32],
    /// Means and biased variances of all batch-norm channels in node order; none for a network that normalises each batch by its
    /// own statistics, where every constant becomes the shift.
    pub statistics: Option<(&'a [f32], &'a [f32])>,
    /// What is added to variances.
    pub epsilon: f64,
}

/// Where the numbers of each node begin.
pub(super) struct Layout {
    /// For each node its parameters as ranges.
    pub parameters: Vec<Vec<std::ops::Range<usize>>>,
    /// For each node the first of its batch-norm statistics.
    pub statistics: Vec<usize>,
}

impl Layout {
    pub fn of(graph: &Graph) -> Self {
        let mut parameters = vec![Vec::new(); graph.nodes().len()];
        for parameter in graph.parameters() {
            parameters[parameter.node.index()].push(parameter.range);
        }
        let mut total = 0;
        let statistics = graph.nodes().iter().map(|node| {
            let first = total;
            total += if node.op == Op::BatchNorm { node.shape.channels } else { 0 };
            first
        });
        Self { statistics: statistics.collect(), parameters }
    }
}

/// For every channel the sum of the constants that it is made of, `[nodes][channels]`: the whole of a constant channel, what dead
/// branches add to a live sum.
pub(super) fn constants(graph: &Graph, channels: &Channels, numbers: &Numbers<'_>) -> Vec<Vec<f64>> {
    let layout = Layout::of(graph);
    let mut constants: Vec<Vec<f64>> = Vec::with_capacity(graph.nodes().len());
    for (index, node) in graph.nodes().iter().enumerate() {
        let parameter = |which: usize, position: usize| f64::from(numbers.parameters[layout.parameters[index][which].start + position]);
        let gated = |channel: usize| match channels.gated(index, node, channel) {
            Content::Constant => constants[node.inputs[0].index()][channel],
            Content::Zero | Content::Live => 0.0,
        };
        let each = |of: &dyn Fn(usize) -> f64| (0..node.shape.channels).map(of).collect::<Vec<_>>();
        let values = match &node.op {
            Op::Input | Op::Zero | Op::Conv { .. } | Op::Shift => vec![0.0; node.shape.channels],
            Op::BatchNorm => each(&|channel| {
                let shift = parameter(1, channel);
                let Some((mean, variance)) = numbers.statistics else { return shift };
                let position = layout.statistics[index] + channel;
                let factor = parameter(0, channel) / (f64::from(variance[position]) + numbers.epsilon).sqrt();
                (gated(channel) - f64::from(mean[position])) * factor + shift
            }),
            Op::Offset => each(&|channel| gated(channel) + parameter(0, channel)),
            Op::Relu => each(&|channel| gated(channel).max(0.0)),
            Op::Shake { of } => each(&|channel| gated(channel) / *of as f64),
            Op::Pool { .. } | Op::Identity | Op::DropPath { .. } | Op::GlobalAveragePool => each(&gated),
            Op::Add => each(&|channel| {
                let constant = |input: &&NodeId| channels.contents[input.index()][channel] == Content::Constant;
                node.inputs.iter().filter(constant).map(|input| constants[input.index()][channel]).sum()
            }),
            Op::Concat => node.inputs.iter().flat_map(|input| constants[input.index()].clone()).collect(),
            Op::Arrange { channels } => channels.iter().map(|&channel| channel.map_or(0.0, |channel| gated(channel as usize))).collect(),
            Op::Linear { .. } => {
                let inputs = constants[node.inputs[0].index()].len();
                let weighted = |output: usize| (0..inputs).map(|input| parameter(0, output * inputs + input) * gated(input)).sum::<f64>();
                each(&|output| parameter(1, output) + weighted(output))
            }
        };
        constants.push(values);
    }
    constants
}
