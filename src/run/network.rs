//! The super-network as events carry it: enough to draw every block, edge and operation without the graph.

use crate::graph::{Graph, MaskGroupId};
use serde::{Deserialize, Serialize};

/// One mask group as the screen shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSummary {
    /// Name of the masked node.
    pub node: String,
    /// The block it belongs to.
    pub block: String,
    /// The edge, from source to consumer.
    pub edge: String,
    /// Label of the operation, such as `conv 3×3`.
    pub operation: String,
    /// Whether the operation has weights.
    pub has_weights: bool,
    /// K: channels that share the drop probability.
    pub channels: usize,
    /// Parameters that go when all its channels go.
    pub parameters: usize,
    /// Multiply-accumulates that go when all its channels go.
    pub macs: usize,
}

/// The whole super-network in numbers, and its groups in posterior order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSummary {
    /// Trainable parameters.
    pub parameters: usize,
    /// Multiply-accumulates for one image.
    pub macs: usize,
    /// Masked input channels.
    pub masked_channels: usize,
    /// Weights under a mask.
    pub masked_weights: usize,
    /// Bytes of activations a training step keeps, for one image.
    pub activation_bytes_per_image: usize,
    /// The mask groups; groups of one edge and of one block are neighbours.
    pub groups: Vec<GroupSummary>,
}

impl NetworkSummary {
    /// Summarises a graph.
    #[must_use]
    pub fn of(graph: &Graph) -> Self {
        let cost = graph.cost();
        let groups = graph.groups().iter().enumerate().map(|(index, group)| {
            let channel = graph.channel_cost(MaskGroupId::from_index(index));
            GroupSummary {
                node: graph.node(group.node).name.clone(),
                block: group.place.block.clone(),
                edge: group.place.edge.clone(),
                operation: group.place.operation.label().to_owned(),
                has_weights: group.place.operation.has_weights(),
                channels: group.channels(),
                parameters: group.channels() * channel.parameters,
                macs: group.channels() * channel.macs,
            }
        });
        Self {
            parameters: cost.parameters as usize,
            macs: cost.macs as usize,
            masked_channels: graph.masked_channels(),
            masked_weights: graph.masked_weights(),
            activation_bytes_per_image: graph.training_activation_bytes(1),
            groups: groups.collect(),
        }
    }
}
