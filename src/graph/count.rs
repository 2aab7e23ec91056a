//! Counting: parameters, multiply-accumulates and activation memory, of the whole network and per masked channel.

use super::{Graph, MaskGroupId, NodeId, Op};

/// What a network costs per image.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cost {
    /// Trainable numbers, batch norm and bias included.
    pub parameters: f64,
    /// Multiply-accumulates of convolutions and linear layers.
    pub macs: f64,
}

/// What one input channel of a mask group costs: the slice of the kernel that reads it and, where a depthwise convolution feeds
/// this group alone, the depthwise kernel that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChannelCost {
    /// Weights of the masked kernel itself: those with an L2 term.
    pub masked_weights: usize,
    /// All parameters that go with the channel.
    pub parameters: usize,
    /// Multiply-accumulates that go with the channel.
    pub macs: usize,
}

/// The share of what training needs that the allocator holds besides, freed and not yet given back.
const SLACK: f64 = 0.2;

/// Bytes that training holds whatever the network: code, threads, scratch of the kernels.
const FIXED: usize = 30_000_000;

impl Graph {
    /// The cost of the whole super-network, of which candidates are parts: without the auxiliary classifier.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.cost_of(|index| !self.auxiliary.contains(&index))
    }

    /// The cost of the auxiliary classifier.
    #[must_use]
    pub fn auxiliary_cost(&self) -> Cost {
        self.cost_of(|index| self.auxiliary.contains(&index))
    }

    fn cost_of(&self, counts: impl Fn(usize) -> bool) -> Cost {
        let parameters = self.parameters();
        let parameters = parameters.iter().filter(|parameter| counts(parameter.node.index())).map(|parameter| parameter.range.len());
        let macs = (0..self.nodes.len()).filter(|&index| counts(index)).map(|index| self.macs(NodeId(index as u32)));
        Cost { parameters: parameters.sum::<usize>() as f64, macs: macs.sum::<usize>() as f64 }
    }

    /// The paper's count: the cost when `dropped[g]` channels of each group g are gone; fractions are expected numbers.
    ///
    /// Counts what the dropped channels themselves take along. Filters that nobody reads any more are still counted: only a
    /// sliced network is free of them, see [`Self::sliced_cost`].
    #[must_use]
    pub fn cost_without(&self, dropped: impl IntoIterator<Item = f64>) -> Cost {
        let mut cost = self.cost();
        for (group, dropped) in dropped.into_iter().enumerate() {
            let channel = self.channel_cost(MaskGroupId::from_index(group));
            cost.parameters -= dropped * channel.parameters as f64;
            cost.macs -= dropped * channel.macs as f64;
        }
        cost
    }

    /// The number of weights under a mask (kernels of masked convolutions and linear layers).
    #[must_use]
    pub fn masked_weights(&self) -> usize {
        (0..self.groups.len())
            .map(|group| self.groups[group].channels() * self.channel_cost(MaskGroupId::from_index(group)).masked_weights)
            .sum()
    }

    /// What one channel of a group costs.
    #[must_use]
    pub fn channel_cost(&self, group: MaskGroupId) -> ChannelCost {
        let node = self.node(self.groups[group.index()].node);
        let (masked_weights, macs) = match node.op {
            Op::Conv { out_channels, kernel, groups, .. } => {
                let weights = out_channels / groups * kernel * kernel;
                (weights, weights * node.shape.pixels())
            }
            Op::Linear { out_features } => (out_features, out_features),
            _ => (0, 0),
        };
        let mut cost = ChannelCost { masked_weights, parameters: masked_weights, macs };
        let feeder = node.inputs[0];
        if let Op::Conv { out_channels, kernel, groups, .. } = self.node(feeder).op
            && groups == out_channels
            && self.consumers_of(feeder) == 1
        {
            cost.parameters += kernel * kernel;
            cost.macs += kernel * kernel * self.node(feeder).shape.pixels();
        }
        cost
    }

    fn consumers_of(&self, id: NodeId) -> usize {
        self.nodes.iter().flat_map(|node| &node.inputs).filter(|&&input| input == id).count()
    }

    /// Multiply-accumulates of one node for one image.
    #[must_use]
    pub fn macs(&self, id: NodeId) -> usize {
        let node = self.node(id);
        match node.op {
            Op::Conv { kernel, groups, .. } => {
                let input_channels = self.node(node.inputs[0]).shape.channels;
                node.shape.elements() * (input_channels / groups) * kernel * kernel
            }
            Op::Linear { out_features } => out_features * self.node(node.inputs[0]).shape.channels,
            _ => 0,
        }
    }

    /// Bytes of activations that a training step keeps for its backward pass, in f32: the outputs that some reader needs again for its
    /// gradient, and what masks make of the inputs of operations without weights.
    #[must_use]
    pub fn training_activation_bytes(&self, batch: usize) -> usize {
        let readers = self.consumers();
        let mut kept = vec![false; self.nodes.len()];
        let mut masked = 0;
        for node in &self.nodes {
            let [first, ..] = node.inputs[..] else { continue };
            // A ReLU that alone reads a batch norm is computed by it, from what the batch norm keeps.
            let fused = node.op == Op::Relu && self.node(first).op == Op::BatchNorm && readers[first.index()] == 1;
            if node.op.keeps_input() && !fused || !node.groups.is_empty() {
                kept[first.index()] = true;
            }
            if !node.groups.is_empty() && matches!(node.op, Op::Pool { .. } | Op::Linear { .. }) {
                masked += self.node(first).shape.elements();
            }
        }
        let outputs: usize = self.nodes.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(node, _)| node.shape.elements()).sum();
        4 * batch * (outputs + masked)
    }

    /// Bytes that training at a batch size is estimated to hold at once where this program's own kernels run: the activations, two of the
    /// largest output under way (a gradient and what is computed of it), and eight numbers for each parameter: its value and momentum, its
    /// copy for the forward pass, its gradient there and in one piece, that of the prior, and two copies in the making. To this comes what
    /// every process was measured to hold beside (`benches/memory.rs`): [`SLACK`] and [`FIXED`].
    #[must_use]
    pub fn training_bytes(&self, batch: usize) -> usize {
        let parameters = (self.cost().parameters + self.auxiliary_cost().parameters) as usize;
        let largest = self.nodes.iter().map(|node| node.shape.elements()).max().unwrap_or(0);
        let needed = self.training_activation_bytes(batch) + 4 * (2 * batch * largest + 8 * parameters);
        needed + (SLACK * needed as f64) as usize + FIXED
    }

    /// The largest number of bytes of activations alive at once in an evaluation that frees each output after its last reader.
    #[must_use]
    pub fn inference_activation_bytes(&self, batch: usize) -> usize {
        let mut readers = self.consumers();
        let (mut alive, mut peak) = (0, 0);
        for node in &self.nodes {
            alive += node.shape.elements();
            peak = peak.max(alive);
            for &input in &node.inputs {
                readers[input.index()] -= 1;
                if readers[input.index()] == 0 {
                    alive -= self.node(input).shape.elements();
                }
            }
        }
        4 * batch * peak
    }
}
