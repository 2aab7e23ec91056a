//! Slicing: a hard mask in, the network without what it drops out, computing the same logits.
//!
//! Gone are dropped input channels, filters that nobody reads any more, dead branches and dead blocks. What a dead branch still adds —
//! a batch norm fed with zeros is a constant — becomes an [`Op::Offset`]. The structure follows from the mask alone; the numbers of
//! weights and constants are filled in by [`Slice::values`].

mod channels;
mod constants;
mod emit;
mod values;

pub use constants::Numbers;
pub use values::Values;

use super::{Cost, Graph, GraphError, NodeId};
use channels::Channels;
use std::sync::Arc;

#[cfg(doc)]
use super::Op;

/// A sliced network and where its numbers come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// The network; it has no mask groups.
    pub graph: Arc<Graph>,
    /// What its parameters are made of, node by node.
    origins: Vec<Origin>,
    /// What each channel of the super-network carries under the mask.
    channels: Channels,
}

/// What the parameters of one sliced node are made of; nodes and channels are those of the super-network.
#[derive(Debug, Clone, PartialEq)]
enum Origin {
    /// It has none.
    Nothing,
    /// Filters and, within each of its channel groups, input channels of a convolution.
    Conv { node: NodeId, filters: Vec<usize>, inputs: Vec<usize> },
    /// Channels of a batch norm or an offset.
    PerChannel { node: NodeId, channels: Vec<usize> },
    /// Outputs and input channels of a linear layer.
    Linear { node: NodeId, outputs: Vec<usize>, inputs: Vec<usize> },
    /// For each channel the constants that it sums up.
    Offset(Vec<Vec<(NodeId, usize)>>),
}

impl Graph {
    /// The network that a hard mask leaves: one keep bit per masked channel, `[masked channels]`.
    ///
    /// # Errors
    /// [`GraphError::Mask`] for a mask of another length; [`GraphError`] naming the node where no sliced network can be built.
    pub fn slice(&self, keep: &[bool]) -> Result<Slice, GraphError> {
        if keep.len() != self.masked_channels() {
            return Err(GraphError::Mask { found: keep.len(), expected: self.masked_channels() });
        }
        let channels = Channels::of(self, keep);
        let (graph, origins) = emit::emit(self, &channels)?;
        Ok(Slice { graph: Arc::new(graph), origins, channels })
    }

    /// What the network that a hard mask leaves costs: its true parameters and multiply-accumulates, of which [`Self::cost_without`] is the
    /// paper's count.
    ///
    /// # Errors
    /// As [`Self::slice`].
    pub fn sliced_cost(&self, keep: &[bool]) -> Result<Cost, GraphError> {
        Ok(self.slice(keep)?.graph.cost())
    }
}

#[cfg(test)]
mod tests;
