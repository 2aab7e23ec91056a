//! Nodes: one tensor operation each, with named inputs and the shape of what it yields.

use super::{MaskGroupId, Shape};

/// The position of a node in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// The node at a position.
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

/// How a pooling window is reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PoolKind {
    /// The mean of the positions inside the image; padding is not counted.
    Average,
    /// The largest position.
    Max,
}

/// What a node computes from its inputs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Op {
    /// The image batch.
    Input,
    /// A convolution without bias, padded so that stride 1 keeps the size: by dilation (kernel - 1) in all, half of it, rounded down, at
    /// the top and left.
    Conv {
        /// Output channels.
        out_channels: usize,
        /// Side of the square kernel; odd, but for the auxiliary classifier's.
        kernel: usize,
        /// Step between outputs.
        stride: usize,
        /// Step between kernel taps.
        dilation: usize,
        /// Channel groups; equal to the input channels for a depthwise convolution.
        groups: usize,
    },
    /// Batch norm with scale and shift per channel.
    BatchNorm,
    /// max(0, x).
    Relu,
    /// Pooling over a square window: an odd one is padded so that stride 1 keeps the size, an even one tiles the map.
    Pool {
        /// The reduction.
        kind: PoolKind,
        /// Side of the window; odd, or the stride.
        kernel: usize,
        /// Step between outputs.
        stride: usize,
    },
    /// The map moved by one pixel up and left, zeros coming in at the bottom and right: the second path of the strided skip
    /// of shake-shake networks (method 2.1).
    Shift,
    /// The input as it is; the carrier of a mask.
    Identity,
    /// Zeros of the input's shape.
    Zero,
    /// Output channel c is the input channel named at c, or zeros: what slicing puts where a reader wants other channels than there are.
    Arrange {
        /// One entry per output channel.
        channels: Vec<Option<u32>>,
    },
    /// A number added to each channel: what a branch that was sliced away still contributes.
    Offset,
    /// One of `of` parallel branches that are averaged: the input divided by `of`. While the super-network trains, the branches that one
    /// sum reads are weighed by random numbers that sum to 1 instead: shake-shake noise (method 2.1).
    Shake {
        /// How many branches there are.
        of: usize,
    },
    /// The input as it is. While the super-network trains, it is dropped for some images, the more often the deeper it lies and the later
    /// it is in training: drop-path (method 2.2).
    DropPath {
        /// The cell that it lies in, from 1.
        cell: usize,
        /// How many cells there are.
        cells: usize,
    },
    /// The sum of all inputs.
    Add,
    /// All inputs, channel after channel.
    Concat,
    /// The mean over all positions: a vector.
    GlobalAveragePool,
    /// A linear layer with bias.
    Linear {
        /// Length of the output.
        out_features: usize,
    },
}

/// The padding of a convolution before and behind the map: so much that stride 1 keeps the size.
#[must_use]
pub const fn padding(kernel: usize, dilation: usize) -> [usize; 2] {
    let whole = dilation * (kernel - 1);
    [whole / 2, whole - whole / 2]
}

/// The padding of a pool on each side of the map: half the window where it is odd, none where it is even and tiles the map.
#[must_use]
pub const fn pool_padding(kernel: usize) -> usize {
    if kernel.is_multiple_of(2) { 0 } else { kernel / 2 }
}

impl Op {
    /// Whether its gradient needs its input again.
    #[must_use]
    pub const fn keeps_input(&self) -> bool {
        matches!(self, Self::Conv { .. } | Self::BatchNorm | Self::Relu | Self::Pool { .. } | Self::Linear { .. })
    }

    /// The word for it in messages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Conv { .. } => "conv",
            Self::BatchNorm => "batch norm",
            Self::Relu => "ReLU",
            Self::Pool { kind: PoolKind::Average, .. } => "average pool",
            Self::Pool { kind: PoolKind::Max, .. } => "max pool",
            Self::Shift => "shift",
            Self::Identity => "identity",
            Self::Zero => "zero",
            Self::Arrange { .. } => "arrange",
            Self::Offset => "offset",
            Self::Shake { .. } => "shake",
            Self::DropPath { .. } => "drop-path",
            Self::Add => "add",
            Self::Concat => "concat",
            Self::GlobalAveragePool => "global average pool",
            Self::Linear { .. } => "linear",
        }
    }
}

/// One node of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// A path that a person can read, such as `stage2.block1.edge0-1.conv3.conv`; unique in its graph.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Whose outputs it reads.
    pub inputs: Vec<NodeId>,
    /// The shape of its output.
    pub shape: Shape,
    /// The mask groups over its input channels, in channel order and without gaps; empty where it is not masked.
    pub groups: Vec<MaskGroupId>,
}
