//! The network as data: nodes with shapes, mask groups, counting, and the families that build graphs.
//!
//! Training interprets a [`Graph`], counting and drawing walk it; nobody writes a network twice.

mod builder;
mod count;
pub mod families;
mod genotype;
mod group;
mod node;
mod operation;
mod parameters;
mod shape;
mod slice;
mod tie;

pub use builder::{GraphBuilder, GraphError};
pub use count::{ChannelCost, Cost};
pub use genotype::{CellGenotype, GenotypeError};
pub use group::{Granularity, MaskGroup, MaskGroupId, Place};
pub use node::{Node, NodeId, Op, PoolKind, padding, pool_padding};
pub use operation::Operation;
pub use parameters::{Parameter, ParameterKind};
pub use shape::Shape;
pub use slice::{Numbers, Slice, Values};
pub use tie::ExemptError;

use std::ops::Range;

/// A super-network: nodes in an order in which every node comes after its inputs, and the mask groups over their input channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) groups: Vec<MaskGroup>,
    pub(crate) masked_channels: usize,
    pub(crate) auxiliary: Range<usize>,
}

impl Graph {
    /// All nodes, inputs before their consumers; the last one yields the logits.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node of an id that this graph handed out.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// All mask groups; a group's position is its place in the logit vector of the posterior.
    #[must_use]
    pub fn groups(&self) -> &[MaskGroup] {
        &self.groups
    }

    /// The positions of the nodes of the auxiliary classifier, the last of which yields its logits; empty where there is none. It serves
    /// training alone: no candidate has it, and it is under no mask.
    #[must_use]
    pub fn auxiliary(&self) -> Range<usize> {
        self.auxiliary.clone()
    }

    /// The number of masked input channels, that is the length of one hard mask.
    #[must_use]
    pub fn masked_channels(&self) -> usize {
        self.masked_channels
    }

    /// The shape of one input image.
    #[must_use]
    pub fn input_shape(&self) -> Shape {
        self.nodes[0].shape
    }

    /// The number of classes, the channels of the last node.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.nodes.last().map_or(0, |node| node.shape.channels)
    }

    /// The channels of the mask vector that multiply the input of a node; `None` where the node is not masked.
    #[must_use]
    pub fn mask_range(&self, node: NodeId) -> Option<Range<usize>> {
        let groups = &self.node(node).groups;
        let first = &self.groups[groups.first()?.index()];
        let last = &self.groups[groups.last()?.index()];
        Some(first.mask.start..last.mask.end)
    }

    /// For each masked channel the index of its group, `[masked channels]`.
    #[must_use]
    pub fn group_of_channel(&self) -> Vec<usize> {
        let sizes = self.groups.iter().map(MaskGroup::channels);
        sizes.enumerate().flat_map(|(group, channels)| std::iter::repeat_n(group, channels)).collect()
    }

    /// How many nodes read the output of each node.
    #[must_use]
    pub fn consumers(&self) -> Vec<usize> {
        let mut consumers = vec![0; self.nodes.len()];
        for input in self.nodes.iter().flat_map(|node| &node.inputs) {
            consumers[input.index()] += 1;
        }
        consumers
    }
}
