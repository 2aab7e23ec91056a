//! Families: functions from a few numbers to a graph.

mod branches;
mod chain;
mod darts;
mod densenet;
mod edge;
mod edges;
mod enas;
mod nasbench201;
mod own;
mod resnet;
mod stem;

pub use branches::Branches;
pub use chain::Chain;
pub use darts::{DARTS_OPERATIONS, Darts, DartsCell, DartsGenotype};
pub use densenet::DenseNet;
pub use edges::Edges;
pub use enas::Enas;
pub use nasbench201::NasBench201;
pub use own::{Cell, CellEdge, CellNode, Join, MOST_ACTIVATIONS, MOST_NODES, MOST_PARAMETERS, Own, OwnHead, OwnStem, Reduction, Stage};
pub use resnet::ResNet;
pub use stem::Stem;

use super::{GraphBuilder, GraphError, NodeId, Op, Place, PoolKind};

fn conv(out_channels: usize, kernel: usize, stride: usize) -> Op {
    Op::Conv { out_channels, kernel, stride, dilation: 1, groups: 1 }
}

fn depthwise(channels: usize, kernel: usize, stride: usize, dilation: usize) -> Op {
    Op::Conv { out_channels: channels, kernel, stride, dilation, groups: channels }
}

fn pool(kind: PoolKind, kernel: usize, stride: usize) -> Op {
    Op::Pool { kind, kernel, stride }
}

/// The head of most image classifiers here: ReLU, global average pool, linear.
fn head(builder: &mut GraphBuilder, body: NodeId, classes: usize) -> Result<(), GraphError> {
    let active = builder.add("head.relu", Op::Relu, &[body])?;
    classifier(builder, active, classes)
}

/// Global average pool and linear layer.
fn classifier(builder: &mut GraphBuilder, active: NodeId, classes: usize) -> Result<(), GraphError> {
    let pooled = builder.add("head.pool", Op::GlobalAveragePool, &[active])?;
    builder.add("head.linear", Op::Linear { out_features: classes }, &[pooled])?;
    Ok(())
}

/// The cells of a stack of normal cells with a reduction cell after each of the first two thirds: name, width, whether it reduces. A
/// reduction doubles the width.
fn cells(per_third: usize, channels: usize) -> impl Iterator<Item = (String, usize, bool)> {
    let mut width = channels;
    (0..3 * per_third + 2).map(move |cell| {
        let reduces = cell == per_third || cell == 2 * per_third + 1;
        width *= if reduces { 2 } else { 1 };
        (format!("cell{}", cell + 1), width, reduces)
    })
}

/// ReLU → 1x1 convolution → batch norm.
fn calibrate(builder: &mut GraphBuilder, path: &str, input: NodeId, width: usize, place: Option<Place>) -> Result<NodeId, GraphError> {
    let active = builder.add(format!("{path}.relu"), Op::Relu, &[input])?;
    let convolved = builder.add_at(format!("{path}.conv"), conv(width, 1, 1), active, place)?;
    builder.add(format!("{path}.bn"), Op::BatchNorm, &[convolved])
}

/// A strided or widening connection: two 1x1 convolutions to half the channels each, the second one on the map shifted by one
/// pixel, joined under one batch norm. No ReLU. `place` is asked for the places of path 1 and path 2.
fn two_paths(
    builder: &mut GraphBuilder,
    path: &str,
    input: NodeId,
    width: usize,
    stride: usize,
    place: impl Fn(usize) -> Option<Place>,
) -> Result<NodeId, GraphError> {
    if !width.is_multiple_of(2) {
        let what = format!("{width} channels cannot be shared by two paths; take an even number");
        return Err(GraphError::Impossible { node: path.to_owned(), what });
    }
    let shifted = builder.add(format!("{path}.shift"), Op::Shift, &[input])?;
    let first = builder.add_at(format!("{path}.path1"), conv(width / 2, 1, stride), input, place(1))?;
    let second = builder.add_at(format!("{path}.path2"), conv(width / 2, 1, stride), shifted, place(2))?;
    let joined = builder.add(format!("{path}.concat"), Op::Concat, &[first, second])?;
    builder.add(format!("{path}.bn"), Op::BatchNorm, &[joined])
}
