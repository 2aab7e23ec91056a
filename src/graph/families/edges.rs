//! The family *edges*: blocks of nodes where every edge carries several candidate operations, each behind its own mask.

use super::super::{Graph, GraphBuilder, GraphError, NodeId, Op, Operation, Place, Shape};
use super::edge::{Source, on_edge};
use super::{conv, head};

/// Stem, then stages of blocks; between two stages a masked 3x3 convolution of stride 2 widens the map.
///
/// A block has node 0 = its input and nodes 1 to `nodes`. Node j is the sum over all i < j of edge i→j, an edge the sum of its
/// candidate operations on node i, and the block yields the sum of nodes 1 to `nodes`. Convolutions are ReLU → mask → conv → batch
/// norm; pools and identity read the source itself through their mask. The stem and the classifier are not masked: with one
/// input channel a dropped stem channel would blank the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edges {
    /// One image.
    pub input: Shape,
    /// Number of classes.
    pub classes: usize,
    /// Stride of the 3x3 stem.
    pub stem_stride: usize,
    /// Channels of each stage.
    pub stages: Vec<usize>,
    /// Blocks in each stage.
    pub blocks: usize,
    /// Nodes of a block beside its input.
    pub nodes: usize,
    /// Candidate operations of every edge.
    pub operations: Vec<Operation>,
}

impl Edges {
    /// Builds the super-network.
    ///
    /// # Errors
    /// [`GraphError`] naming the node that does not fit.
    pub fn build(&self) -> Result<Graph, GraphError> {
        let (mut builder, input) = GraphBuilder::new(self.input);
        let width = self.stages.first().copied().unwrap_or_default();
        let stem = builder.add("stem.conv", conv(width, 3, self.stem_stride), &[input])?;
        let mut body = builder.add("stem.bn", Op::BatchNorm, &[stem])?;
        for (stage, &width) in self.stages.iter().enumerate() {
            if stage > 0 {
                body = widen(&mut builder, &format!("stage{}.widen", stage + 1), body, width)?;
            }
            for block in 0..self.blocks {
                body = self.block(&mut builder, &format!("stage{}.block{}", stage + 1, block + 1), body)?;
            }
        }
        // Sums of many operations reach the head at a scale of their own; normalised, the classifier starts where it can learn.
        let body = builder.add("head.bn", Op::BatchNorm, &[body])?;
        head(&mut builder, body, self.classes)?;
        Ok(builder.finish())
    }

    fn block(&self, builder: &mut GraphBuilder, block: &str, input: NodeId) -> Result<NodeId, GraphError> {
        let mut nodes = vec![input];
        let mut active = Vec::new();
        for target in 1..=self.nodes {
            // One ReLU per source, shared by all convolutions that read it.
            let source = target - 1;
            active.push(builder.add(format!("{block}.node{source}.relu"), Op::Relu, &[nodes[source]])?);
            let mut terms = Vec::new();
            for source in 0..target {
                for &operation in &self.operations {
                    let path = format!("{block}.edge{source}-{target}.{}", operation.key());
                    let place = Place { block: block.to_owned(), edge: format!("{source}→{target}"), operation };
                    let source = Source { raw: nodes[source], active: active[source] };
                    terms.push(on_edge(builder, &path, operation, &source, Some(place))?);
                }
            }
            nodes.push(builder.add(format!("{block}.node{target}"), Op::Add, &terms)?);
        }
        builder.add(format!("{block}.sum"), Op::Add, &nodes[1..])
    }
}

fn widen(builder: &mut GraphBuilder, path: &str, body: NodeId, width: usize) -> Result<NodeId, GraphError> {
    let place = Place { block: path.to_owned(), edge: "in→out".into(), operation: Operation::Conv3 };
    let active = builder.add(format!("{path}.relu"), Op::Relu, &[body])?;
    let convolved = builder.add_masked(format!("{path}.conv"), conv(width, 3, 2), active, place)?;
    builder.add(format!("{path}.bn"), Op::BatchNorm, &[convolved])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits() -> Edges {
        let operations = Operation::candidates().filter(|&operation| operation != Operation::None).collect();
        Edges { input: Shape::map(1, 8, 8), classes: 10, stem_stride: 1, stages: vec![16, 32], blocks: 1, nodes: 2, operations }
    }

    #[test]
    fn counts_agree_with_the_hand_count() {
        let graph = digits().build().unwrap();
        // Three edges of seven operations in each of two blocks, and the widening convolution.
        assert_eq!(graph.groups().len(), 2 * 3 * 7 + 1);
        assert_eq!(graph.masked_channels(), 3 * 7 * 16 + 16 + 3 * 7 * 32);
        let masked = |c: usize| 3 * c * c * (1 + 9 + 25 + 1);
        assert_eq!(graph.masked_weights(), masked(16) + 16 * 32 * 9 + masked(32));
        let batch_norm = |c: usize| 2 * c;
        let block = |c: usize| masked(c) + 3 * (9 * c + 4 * batch_norm(c));
        let expected = 9 * 16 + batch_norm(16) + block(16) + 16 * 32 * 9 + batch_norm(32) + block(32) + batch_norm(32) + 32 * 10 + 10;
        assert_eq!(graph.cost().parameters as usize, expected);
        let macs = 64 * (9 * 16 + masked(16) + 3 * 9 * 16) + 16 * (16 * 32 * 9 + masked(32) + 3 * 9 * 32) + 320;
        assert_eq!(graph.cost().macs as usize, macs);
    }

    #[test]
    fn dropping_everything_leaves_the_unmasked_parameters() {
        let graph = digits().build().unwrap();
        let all = graph.groups().iter().map(|group| group.channels() as f64);
        let rest = graph.cost_without(all);
        let depthwise = 3 * 9 * 16 + 3 * 9 * 32;
        assert_eq!(rest.parameters as usize, graph.cost().parameters as usize - graph.masked_weights() - depthwise);
    }

    #[test]
    fn mask_ranges_tile_the_mask_vector() {
        let graph = digits().build().unwrap();
        let mut next = 0;
        for group in graph.groups() {
            assert_eq!(group.mask.start, next);
            next = group.mask.end;
            assert_eq!(graph.mask_range(group.node), Some(group.mask.clone()));
        }
        assert_eq!(next, graph.masked_channels());
        assert_eq!(graph.group_of_channel().len(), next);
    }

    #[test]
    fn inference_needs_less_memory_than_training() {
        let graph = digits().build().unwrap();
        assert!(graph.inference_activation_bytes(4) < graph.training_activation_bytes(4) / 2);
    }
}
