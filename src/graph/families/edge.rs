//! One operation on one edge that keeps the shape of its source: masked in a super-network, plain in the network of a genotype.

use super::super::{GraphBuilder, GraphError, NodeId, Op, Operation, Place, PoolKind};
use super::{conv, depthwise, pool};

/// What an edge starts from.
pub(super) struct Source {
    /// The node itself, which pools and identity read.
    pub raw: NodeId,
    /// Its ReLU, which convolutions read; one for all of them.
    pub active: NodeId,
}

/// Adds the operation under `path`; a place makes it a mask group.
///
/// Convolutions are ReLU → mask → conv → batch norm; pools and identity read the source itself through their mask.
pub(super) fn on_edge(
    builder: &mut GraphBuilder,
    path: &str,
    operation: Operation,
    source: &Source,
    place: Option<Place>,
) -> Result<NodeId, GraphError> {
    let Source { raw, active } = *source;
    let width = builder.shape(raw).channels;
    let convolved = match operation {
        Operation::Conv1 => builder.add_at(format!("{path}.conv"), conv(width, 1, 1), active, place)?,
        Operation::Conv3 => builder.add_at(format!("{path}.conv"), conv(width, 3, 1), active, place)?,
        Operation::Conv5 => builder.add_at(format!("{path}.conv"), conv(width, 5, 1), active, place)?,
        Operation::Separable3 => {
            let depthwise = builder.add(format!("{path}.depthwise"), depthwise(width, 3, 1, 1), &[active])?;
            builder.add_at(format!("{path}.pointwise"), conv(width, 1, 1), depthwise, place)?
        }
        Operation::AveragePool => return builder.add_at(path, pool(PoolKind::Average, 3, 1), raw, place),
        Operation::MaxPool => return builder.add_at(path, pool(PoolKind::Max, 3, 1), raw, place),
        Operation::Identity => return builder.add_at(path, Op::Identity, raw, place),
        Operation::None => return builder.add_at(path, Op::Zero, raw, place),
        _ => {
            let what = format!("`{}` is no candidate operation of an edge", operation.key());
            return Err(GraphError::Impossible { node: path.to_owned(), what });
        }
    };
    builder.add(format!("{path}.bn"), Op::BatchNorm, &[convolved])
}
