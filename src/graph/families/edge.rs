//! One operation on one edge: masked in a super-network, plain in the network of a genotype.

use super::super::{GraphBuilder, GraphError, NodeId, Op, Operation, Place, PoolKind};
use super::{conv, depthwise, pool};

/// What an edge starts from.
pub(super) struct Source {
    /// The node itself, which pools and identity read.
    pub raw: NodeId,
    /// Its ReLU, which convolutions read; one for all of them.
    pub active: NodeId,
}

/// Whether an operation reads the ReLU of its source, and not the source itself.
pub(super) fn is_activated(operation: Operation) -> bool {
    use Operation::{AveragePool, Bottleneck3, Bottleneck5, Identity, MaxPool, None};
    !matches!(operation, Bottleneck3 | Bottleneck5 | AveragePool | MaxPool | Identity | None)
}

/// Adds the operation under `path` on an edge that keeps the shape of its source; a place makes it a mask group.
pub(super) fn on_edge(
    builder: &mut GraphBuilder,
    path: &str,
    operation: Operation,
    source: &Source,
    place: Option<Place>,
) -> Result<NodeId, GraphError> {
    let width = builder.shape(source.raw).channels;
    on_edge_to(builder, path, operation, source, (width, 1), place)
}

/// Adds the operation under `path` on an edge that yields `width` channels at a stride; a place makes it a mask group.
///
/// Convolutions are ReLU → mask → conv → batch norm, separable ones ReLU → depthwise → mask → pointwise → batch norm; inverted bottlenecks
/// read the source itself (1x1 → batch norm → ReLU → depthwise → batch norm → ReLU → mask → 1x1 → batch norm). Pools and identity read
/// the source through their mask. An identity that changes the shape is the shortcut of residual networks: mask → 1x1 → batch norm.
pub(super) fn on_edge_to(
    builder: &mut GraphBuilder,
    path: &str,
    operation: Operation,
    source: &Source,
    (width, stride): (usize, usize),
    place: Option<Place>,
) -> Result<NodeId, GraphError> {
    let Source { raw, active } = *source;
    let from = builder.shape(raw).channels;
    let convolution = |kernel, dilation| Op::Conv { out_channels: width, kernel, stride, dilation, groups: 1 };
    let mut separable = |kernel, dilation, place| {
        let spread = builder.add(format!("{path}.depthwise"), depthwise(from, kernel, stride, dilation), &[active])?;
        let mixed = builder.add_at(format!("{path}.pointwise"), conv(width, 1, 1), spread, place)?;
        builder.add(format!("{path}.bn"), Op::BatchNorm, &[mixed])
    };
    let op = match operation {
        Operation::Separable3 => return separable(3, 1, place),
        Operation::Separable5 => return separable(5, 1, place),
        Operation::DilatedSeparable3 => return separable(3, 2, place),
        Operation::DilatedSeparable5 => return separable(5, 2, place),
        Operation::Bottleneck3 => return bottleneck(builder, path, raw, (3, 3), (width, stride), place),
        Operation::Bottleneck5 => return bottleneck(builder, path, raw, (6, 5), (width, stride), place),
        Operation::AveragePool | Operation::MaxPool | Operation::None if from != width => {
            let what = format!("`{}` keeps the channels of its source, {from}, and this edge yields {width}", operation.key());
            let remedy =
                "give the edge an operation with weights or an identity, or bring its source to the width by a convolution before it";
            return Err(GraphError::Impossible { node: path.to_owned(), what: format!("{what}; {remedy}") });
        }
        Operation::AveragePool => return builder.add_at(path, pool(PoolKind::Average, 3, stride), raw, place),
        Operation::MaxPool => return builder.add_at(path, pool(PoolKind::Max, 3, stride), raw, place),
        Operation::None if stride == 1 => return builder.add_at(path, Op::Zero, raw, place),
        Operation::None => {
            let nothing = builder.add_at(format!("{path}.zero"), Op::Zero, raw, place)?;
            return builder.add(path, pool(PoolKind::Average, 1, stride), &[nothing]);
        }
        Operation::Identity if from == width && stride == 1 => return builder.add_at(path, Op::Identity, raw, place),
        Operation::Identity => {
            let place = place.map(|place| Place { operation: Operation::Skip, ..place });
            let convolved = builder.add_at(format!("{path}.conv"), convolution(1, 1), raw, place)?;
            return builder.add(format!("{path}.bn"), Op::BatchNorm, &[convolved]);
        }
        Operation::Conv1 => convolution(1, 1),
        Operation::Conv3 => convolution(3, 1),
        Operation::Conv5 => convolution(5, 1),
        Operation::DilatedConv3 => convolution(3, 2),
        Operation::DilatedConv5 => convolution(5, 2),
        Operation::Skip | Operation::Linear => {
            let what = format!("`{}` is no candidate operation of an edge", operation.key());
            return Err(GraphError::Impossible { node: path.to_owned(), what });
        }
    };
    let convolved = builder.add_at(format!("{path}.conv"), op, active, place)?;
    builder.add(format!("{path}.bn"), Op::BatchNorm, &[convolved])
}

/// An inverted bottleneck of an expansion and a kernel, as in the family *chain*.
fn bottleneck(
    builder: &mut GraphBuilder,
    path: &str,
    input: NodeId,
    (expansion, kernel): (usize, usize),
    (width, stride): (usize, usize),
    place: Option<Place>,
) -> Result<NodeId, GraphError> {
    let wide = expansion * builder.shape(input).channels;
    let mut body = input;
    for (layer, op) in [("expand", conv(wide, 1, 1)), ("depthwise", depthwise(wide, kernel, stride, 1))] {
        let convolved = builder.add(format!("{path}.{layer}"), op, &[body])?;
        let normalised = builder.add(format!("{path}.{layer}.bn"), Op::BatchNorm, &[convolved])?;
        body = builder.add(format!("{path}.{layer}.relu"), Op::Relu, &[normalised])?;
    }
    let projected = builder.add_at(format!("{path}.project"), conv(width, 1, 1), body, place)?;
    builder.add(format!("{path}.project.bn"), Op::BatchNorm, &[projected])
}
