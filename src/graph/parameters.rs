//! The trainable numbers of a graph, laid out in one vector.

use super::{Graph, NodeId, Op};
use std::ops::Range;

/// What a parameter is to its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterKind {
    /// A kernel `[out, in / groups, height, width]`, or a matrix `[out, in]`.
    Weight,
    /// The bias of a linear layer, `[out]`.
    Bias,
    /// The scale of a batch norm, `[channels]`.
    Scale,
    /// The shift of a batch norm or the numbers of an offset, `[channels]`.
    Shift,
}

impl ParameterKind {
    /// The last word of the parameter's name, as PyTorch and SafeTensors files have it.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Weight | Self::Scale => "weight",
            Self::Bias | Self::Shift => "bias",
        }
    }
}

/// One parameter of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its node.
    pub node: NodeId,
    /// What it is to the node.
    pub kind: ParameterKind,
    /// Its dimensions.
    pub dimensions: Vec<usize>,
    /// Where it lies in the vector of all parameters.
    pub range: Range<usize>,
}

impl Graph {
    /// All parameters in node order; their ranges tile the vector of all parameters.
    #[must_use]
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        let mut offset = 0;
        for (index, node) in self.nodes.iter().enumerate() {
            for (kind, dimensions) in self.node_parameters(node) {
                let range = offset..offset + dimensions.iter().product::<usize>();
                offset = range.end;
                parameters.push(Parameter { node: NodeId(index as u32), kind, dimensions, range });
            }
        }
        parameters
    }

    fn node_parameters(&self, node: &super::Node) -> Vec<(ParameterKind, Vec<usize>)> {
        let input_channels = node.inputs.first().map_or(0, |&input| self.node(input).shape.channels);
        match node.op {
            Op::Conv { out_channels, kernel, groups, .. } => {
                vec![(ParameterKind::Weight, vec![out_channels, input_channels / groups, kernel, kernel])]
            }
            Op::BatchNorm => {
                vec![(ParameterKind::Scale, vec![input_channels]), (ParameterKind::Shift, vec![input_channels])]
            }
            Op::Offset => vec![(ParameterKind::Shift, vec![input_channels])],
            Op::Linear { out_features } => {
                vec![(ParameterKind::Weight, vec![out_features, input_channels]), (ParameterKind::Bias, vec![out_features])]
            }
            _ => Vec::new(),
        }
    }
}
