//! Mask groups: the input channels of one operation on one edge, which share one drop probability.

use super::{NodeId, Operation};
use std::ops::Range;

/// The position of a group in its graph, and of its logit in the posterior.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MaskGroupId(pub(crate) u32);

impl MaskGroupId {
    /// The group at a position.
    #[must_use]
    pub const fn from_index(index: usize) -> Self {
        Self(index as u32)
    }

    /// The position as an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What one bit of a mask covers. A group's bits share its drop probability and are drawn independently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Granularity {
    /// One channel, as in the paper.
    #[default]
    Channel,
    /// All channels of the group: an operation on an edge is there or not.
    Operation,
}

impl Granularity {
    /// The independent bits of a group of `channels` channels.
    #[must_use]
    pub const fn bits(self, channels: usize) -> usize {
        match self {
            Self::Channel => channels,
            Self::Operation => 1,
        }
    }
}

/// Where a group stands for a reader: operation on an edge of a block. "Per-edge operation probabilities" is a group-by over this.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The block, such as `stage1.block1`.
    pub block: String,
    /// The edge, from the source to the place that consumes it, such as `0→1`.
    pub edge: String,
    /// The operation on that edge.
    pub operation: Operation,
}

/// One mask group.
#[derive(Debug, Clone, PartialEq)]
pub struct MaskGroup {
    /// The masked node.
    pub node: NodeId,
    /// Which input channels of that node.
    pub node_channels: Range<usize>,
    /// Which channels of the mask vector.
    pub mask: Range<usize>,
    /// Where it stands.
    pub place: Place,
}

impl MaskGroup {
    /// K: the number of channels that share the drop probability.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.mask.len()
    }
}
