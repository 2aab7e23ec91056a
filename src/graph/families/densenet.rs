//! The family *densenet*: DenseNet-BC seen as a multi-branch network, one drop probability for each dense edge (method 2.4).

use super::super::{Graph, GraphBuilder, GraphError, NodeId, Op, Operation, Place, PoolKind, Shape};
use super::{Stem, conv, head, pool};

/// Stem, then dense blocks with transitions between them; batch norm and the usual head.
///
/// Layer i of a block reads all that came before: the block's input (source 0) and the layers 1 to i - 1. It is batch norm → ReLU →
/// 1x1 to `bottleneck · growth` channels → batch norm → ReLU → 3x3 to `growth` channels. A 1x1 convolution of a concatenation is a
/// sum of 1x1 convolutions, one for each source, so that each source is a mask group of its own. A transition halves the channels by
/// a 1x1 split in the same way, then the map. Stem, batch norms and classifier are not masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenseNet {
    /// One image.
    pub input: Shape,
    /// Number of classes.
    pub classes: usize,
    /// The stem.
    pub stem: Stem,
    /// Channels that each layer adds.
    pub growth: usize,
    /// Channels between the two convolutions of a layer, as a multiple of `growth`.
    pub bottleneck: usize,
    /// Layers of each block.
    pub layers: Vec<usize>,
}

impl DenseNet {
    /// Builds the super-network.
    ///
    /// # Errors
    /// [`GraphError`] naming the node that does not fit.
    pub fn build(&self) -> Result<Graph, GraphError> {
        let (mut builder, input) = GraphBuilder::new(self.input);
        let mut body = self.stem.build(&mut builder, input)?;
        for (number, &layers) in (1..).zip(&self.layers) {
            let block = format!("dense{number}");
            let mut sources = vec![body];
            for layer in 1..=layers {
                let next = self.layer(&mut builder, &block, &sources, layer)?;
                sources.push(next);
            }
            body = if number < self.layers.len() {
                transition(&mut builder, &format!("transition{number}"), &sources)?
            } else {
                builder.add("head.concat", Op::Concat, &sources)?
            };
        }
        let body = builder.add("head.bn", Op::BatchNorm, &[body])?;
        head(&mut builder, body, self.classes)?;
        Ok(builder.finish())
    }

    fn layer(&self, builder: &mut GraphBuilder, block: &str, sources: &[NodeId], layer: usize) -> Result<NodeId, GraphError> {
        let path = format!("{block}.layer{layer}");
        let narrowed = over_sources(builder, (block, &path), sources, &layer.to_string(), self.bottleneck * self.growth)?;
        let normalised = builder.add(format!("{path}.conv2.bn"), Op::BatchNorm, &[narrowed])?;
        let active = builder.add(format!("{path}.conv2.relu"), Op::Relu, &[normalised])?;
        let place = Place { block: block.to_owned(), edge: format!("mid→{layer}"), operation: Operation::Conv3 };
        builder.add_masked(format!("{path}.conv2"), conv(self.growth, 3, 1), active, place)
    }
}

fn transition(builder: &mut GraphBuilder, path: &str, sources: &[NodeId]) -> Result<NodeId, GraphError> {
    let channels: usize = sources.iter().map(|&source| builder.shape(source).channels).sum();
    let halved = over_sources(builder, (path, path), sources, "out", channels / 2)?;
    builder.add(format!("{path}.pool"), pool(PoolKind::Average, 2, 2), &[halved])
}

/// Concatenation → batch norm → ReLU → 1x1 convolution with a mask group for each source, standing in `block`, named under `path`.
fn over_sources(
    builder: &mut GraphBuilder,
    (block, path): (&str, &str),
    sources: &[NodeId],
    target: &str,
    width: usize,
) -> Result<NodeId, GraphError> {
    let place = |source: usize| Place { block: block.to_owned(), edge: format!("{source}→{target}"), operation: Operation::Conv1 };
    let split = sources.iter().enumerate().map(|(number, &source)| (builder.shape(source).channels, place(number))).collect();
    let joined = if let [only] = sources { *only } else { builder.add(format!("{path}.conv1.concat"), Op::Concat, sources)? };
    let normalised = builder.add(format!("{path}.conv1.bn"), Op::BatchNorm, &[joined])?;
    let active = builder.add(format!("{path}.conv1.relu"), Op::Relu, &[normalised])?;
    builder.add_split(format!("{path}.conv1"), conv(width, 1, 1), active, split)
}

#[cfg(test)]
mod tests {
    use super::super::stem::IMAGENET;
    use super::*;

    /// Convolutions under a mask, groups, masked channels, masked weights and parameters of method 2.4.
    #[test]
    fn supnet_d121_and_d169_have_the_papers_counts() {
        for (layers, expected) in
            [([6, 12, 24, 16], [119, 638, 40_736, 6_860_800, 7_978_856]), ([6, 12, 32, 32], [167, 1_290, 77_472, 12_316_672, 14_149_480])]
        {
            let input = Shape::map(3, 224, 224);
            let family = DenseNet { input, classes: 1000, stem: IMAGENET, growth: 32, bottleneck: 4, layers: layers.to_vec() };
            let graph = family.build().unwrap();
            let convolutions = graph.nodes().iter().filter(|node| !node.groups.is_empty()).count();
            let parameters = graph.cost().parameters as usize;
            assert_eq!([convolutions, graph.groups().len(), graph.masked_channels(), graph.masked_weights(), parameters], expected);
        }
    }

    #[test]
    fn an_image_too_small_to_halve_is_refused_by_name() {
        let input = Shape::map(1, 8, 8);
        let family = DenseNet { input, classes: 10, stem: IMAGENET, growth: 4, bottleneck: 2, layers: vec![1, 1, 1] };
        assert!(family.build().unwrap_err().to_string().contains("transition2.pool"));
    }
}
