//! The stem of the ImageNet networks, and its form for small images.

use super::super::{GraphBuilder, GraphError, NodeId, Op, PoolKind};
use super::{conv, pool};

/// Convolution → batch norm → ReLU, then perhaps a 3x3 max pool of stride 2. Never masked.
///
/// ImageNet networks have 64 channels, kernel 7, stride 2 and the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stem {
    /// Output channels.
    pub channels: usize,
    /// Side of the kernel; odd.
    pub kernel: usize,
    /// Stride of the convolution.
    pub stride: usize,
    /// Whether the max pool follows.
    pub pool: bool,
}

impl Stem {
    pub(super) fn build(&self, builder: &mut GraphBuilder, input: NodeId) -> Result<NodeId, GraphError> {
        let convolved = builder.add("stem.conv", conv(self.channels, self.kernel, self.stride), &[input])?;
        let normalised = builder.add("stem.bn", Op::BatchNorm, &[convolved])?;
        let active = builder.add("stem.relu", Op::Relu, &[normalised])?;
        if self.pool { builder.add("stem.pool", pool(PoolKind::Max, 3, 2), &[active]) } else { Ok(active) }
    }
}

#[cfg(test)]
pub(super) const IMAGENET: Stem = Stem { channels: 64, kernel: 7, stride: 2, pool: true };
