//! The numbers of a sliced network, taken from those of its super-network.

use super::super::{Graph, NodeId, Op};
use super::constants::{Layout, Numbers, constants};
use super::{Origin, Slice};

/// The numbers of a network, in the layout of its graph.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Values {
    /// All parameters, in the layout of [`Graph::parameters`].
    pub parameters: Vec<f32>,
    /// Means of all batch-norm channels in node order; empty where none were given.
    pub mean: Vec<f32>,
    /// Their biased variances.
    pub variance: Vec<f32>,
}

impl Slice {
    /// The numbers of the sliced network; `whole` is the graph that it was sliced from, `numbers` what belongs to that.
    ///
    /// # Panics
    /// Where `numbers` are not of the layout of `whole`.
    #[must_use]
    pub fn values(&self, whole: &Graph, numbers: &Numbers<'_>) -> Values {
        let layout = Layout::of(whole);
        let constants = constants(whole, &self.channels, numbers);
        let mut values = Values::default();
        for origin in &self.origins {
            match origin {
                Origin::Nothing => {}
                Origin::Conv { node, filters, inputs } => {
                    let weights = &numbers.parameters[layout.parameters[node.index()][0].clone()];
                    let node = whole.node(*node);
                    let Op::Conv { kernel, groups, .. } = node.op else { continue };
                    let per_group = whole.node(node.inputs[0]).shape.channels / groups;
                    let taps = kernel * kernel;
                    for &filter in filters {
                        for &input in inputs {
                            let start = (filter * per_group + input) * taps;
                            values.parameters.extend_from_slice(&weights[start..start + taps]);
                        }
                    }
                }
                Origin::PerChannel { node, channels } => {
                    for range in &layout.parameters[node.index()] {
                        values.parameters.extend(channels.iter().map(|&channel| numbers.parameters[range.start + channel]));
                    }
                    if let (Some((mean, variance)), true) = (numbers.statistics, whole.node(*node).op == Op::BatchNorm) {
                        let first = layout.statistics[node.index()];
                        values.mean.extend(channels.iter().map(|&channel| mean[first + channel]));
                        values.variance.extend(channels.iter().map(|&channel| variance[first + channel]));
                    }
                }
                Origin::Linear { node, outputs, inputs } => {
                    let weights = &numbers.parameters[layout.parameters[node.index()][0].clone()];
                    let width = whole.node(whole.node(*node).inputs[0]).shape.channels;
                    let row = |&output: &usize| inputs.iter().map(move |&input| weights[output * width + input]);
                    values.parameters.extend(outputs.iter().flat_map(row));
                    values.parameters.extend(outputs.iter().map(|&output| constants[node.index()][output] as f32));
                }
                Origin::Offset(channels) => {
                    let sum = |terms: &Vec<(NodeId, usize)>| {
                        terms.iter().map(|&(node, channel)| constants[node.index()][channel]).sum::<f64>() as f32
                    };
                    values.parameters.extend(channels.iter().map(sum));
                }
            }
        }
        values
    }
}
