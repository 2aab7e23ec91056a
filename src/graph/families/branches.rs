//! The family *branches*: residual blocks of parallel branches, as in shake-shake networks (method 2.1).

use super::super::{Graph, GraphBuilder, GraphError, NodeId, Op, Operation, Place, Shape};
use super::{conv, head, two_paths};

/// Stem 3x3, then stages of residual blocks: out = skip(x) + mean of branches(x), which shake-shake noise weighs at
/// random in training; each branch is twice ReLU → mask → conv 3x3 →
/// batch norm. The first block of a stage beyond the first has stride 2. Where a block changes the width or the size, its skip
/// has two masked 1x1 paths of half the channels each, the second one on the map shifted by one pixel, joined under one batch norm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branches {
    /// One image.
    pub input: Shape,
    /// Number of classes.
    pub classes: usize,
    /// Channels of the stem.
    pub stem: usize,
    /// Stride of the stem.
    pub stem_stride: usize,
    /// Channels of each stage; even.
    pub stages: Vec<usize>,
    /// Blocks in each stage.
    pub blocks: usize,
    /// Parallel branches of a block.
    pub branches: usize,
    /// Whether the stem convolution and the classifier are masked too, as in the paper's CIFAR networks.
    pub mask_ends: bool,
}

impl Branches {
    /// Builds the super-network.
    ///
    /// # Errors
    /// [`GraphError`] naming the node that does not fit.
    pub fn build(&self) -> Result<Graph, GraphError> {
        let (mut builder, input) = GraphBuilder::new(self.input);
        let place = |block: &str, operation| Place { block: block.into(), edge: "in→out".into(), operation };
        let stem_op = conv(self.stem, 3, self.stem_stride);
        let stem = if self.mask_ends {
            builder.add_masked("stem.conv", stem_op, input, place("stem", Operation::Conv3))?
        } else {
            builder.add("stem.conv", stem_op, &[input])?
        };
        let mut body = builder.add("stem.bn", Op::BatchNorm, &[stem])?;
        for (stage, &width) in self.stages.iter().enumerate() {
            for block in 0..self.blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let path = format!("stage{}.block{}", stage + 1, block + 1);
                body = self.block(&mut builder, &path, body, width, stride)?;
            }
        }
        if !self.mask_ends {
            head(&mut builder, body, self.classes)?;
            return Ok(builder.finish());
        }
        let active = builder.add("head.relu", Op::Relu, &[body])?;
        let pooled = builder.add("head.pool", Op::GlobalAveragePool, &[active])?;
        builder.add_masked("head.linear", Op::Linear { out_features: self.classes }, pooled, place("head", Operation::Linear))?;
        Ok(builder.finish())
    }

    fn block(&self, builder: &mut GraphBuilder, path: &str, input: NodeId, width: usize, stride: usize) -> Result<NodeId, GraphError> {
        let changes = stride != 1 || builder.shape(input).channels != width;
        let skip = |place: usize| Some(Place { block: path.into(), edge: format!("skip{place}"), operation: Operation::Skip });
        let mut terms = vec![if changes { two_paths(builder, &format!("{path}.skip"), input, width, stride, skip)? } else { input }];
        for branch in 0..self.branches {
            let mut body = input;
            for (position, stride) in [stride, 1].into_iter().enumerate() {
                let layer = format!("{path}.branch{branch}.conv{}", position + 1);
                let (from, to) = [("in", "mid"), ("mid", "out")][position];
                let place = Place { block: path.into(), edge: format!("{from}→{to}{branch}"), operation: Operation::Conv3 };
                let active = builder.add(format!("{layer}.relu"), Op::Relu, &[body])?;
                let convolved = builder.add_masked(layer.clone(), conv(width, 3, stride), active, place)?;
                body = builder.add(format!("{layer}.bn"), Op::BatchNorm, &[convolved])?;
            }
            terms.push(builder.add(format!("{path}.branch{branch}.shake"), Op::Shake { of: self.branches }, &[body])?);
        }
        builder.add(format!("{path}.sum"), Op::Add, &terms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SupNet-M is this family at 96, 192, 384 channels, 4 blocks a stage, 2 branches: 26,192,922 parameters (method 2.1).
    #[test]
    fn supnet_m_and_mi_have_the_papers_parameters() {
        for (widen, parameters) in [(6, 26_192_922), (10, 72_695_194)] {
            let stages = vec![16 * widen, 32 * widen, 64 * widen];
            let input = Shape::map(3, 32, 32);
            let family = Branches { input, classes: 10, stem: 16, stem_stride: 1, stages, blocks: 4, branches: 2, mask_ends: true };
            let graph = family.build().unwrap();
            assert_eq!(graph.cost().parameters as usize, parameters);
            assert_eq!(graph.groups().len(), 56);
        }
    }

    #[test]
    fn odd_widths_are_refused_by_name() {
        let input = Shape::map(1, 8, 8);
        let family = Branches { input, classes: 10, stem: 4, stem_stride: 1, stages: vec![5], blocks: 1, branches: 2, mask_ends: false };
        assert!(family.build().unwrap_err().to_string().contains("stage1.block1.skip"));
    }
}
