//! Families: functions from a few numbers to a graph.

mod branches;
mod edges;

pub use branches::Branches;
pub use edges::Edges;

use super::{GraphBuilder, GraphError, NodeId, Op};

fn conv(out_channels: usize, kernel: usize, stride: usize) -> Op {
    Op::Conv { out_channels, kernel, stride, dilation: 1, groups: 1 }
}

/// The head of every image classifier here: ReLU, global average pool, linear.
fn head(builder: &mut GraphBuilder, body: NodeId, classes: usize) -> Result<(), GraphError> {
    let active = builder.add("head.relu", Op::Relu, &[body])?;
    let pooled = builder.add("head.pool", Op::GlobalAveragePool, &[active])?;
    builder.add("head.linear", Op::Linear { out_features: classes }, &[pooled])?;
    Ok(())
}
