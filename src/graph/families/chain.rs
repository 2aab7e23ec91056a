//! The family *chain*: a chain of choice blocks of inverted bottlenecks, after MobileNet and NAS-Bench-Macro.

use super::super::{Graph, GraphBuilder, GraphError, NodeId, Op, Operation, Place, Shape};
use super::{conv, depthwise, head};

/// Stem 3x3 → batch norm → ReLU; stages of choice blocks, the first block of each of stride 2; 1x1 convolution → batch norm and the
/// usual head.
///
/// A choice block is its shortcut plus two inverted bottlenecks, each a mask group: expansion 3 with a depthwise 3x3, and expansion
/// 6 with a depthwise 5x5 (1x1 → batch norm → ReLU → depthwise → batch norm → ReLU → mask → 1x1 → batch norm). The shortcut is the
/// input itself, so that a block whose bottlenecks are both dropped is the identity of NAS-Bench-Macro; where the shape changes it is
/// a masked 1x1 convolution of the block's stride with batch norm. That benchmark has a stem of 32 channels, stages of 64, 128 and 256
/// with 2, 3 and 3 blocks, and 1280 channels at the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// One image.
    pub input: Shape,
    /// Number of classes.
    pub classes: usize,
    /// Channels of the stem.
    pub stem: usize,
    /// Stride of the stem.
    pub stem_stride: usize,
    /// Channels of each stage.
    pub stages: Vec<usize>,
    /// Choice blocks of each stage; as many numbers as stages.
    pub layers: Vec<usize>,
    /// Channels of the 1x1 convolution before the head.
    pub head: usize,
}

/// Operation, expansion and kernel of the choices.
const CHOICES: [(Operation, usize, usize); 2] = [(Operation::Bottleneck3, 3, 3), (Operation::Bottleneck5, 6, 5)];

impl Chain {
    /// Builds the super-network.
    ///
    /// # Errors
    /// [`GraphError`] naming the node that does not fit.
    pub fn build(&self) -> Result<Graph, GraphError> {
        if self.stages.len() != self.layers.len() {
            let what = format!("{} stages but {} numbers of layers; give one for each stage", self.stages.len(), self.layers.len());
            return Err(GraphError::Impossible { node: format!("stage{}", self.stages.len().min(self.layers.len()) + 1), what });
        }
        let (mut builder, input) = GraphBuilder::new(self.input);
        let mut body = conv_bn(&mut builder, "stem.conv", conv(self.stem, 3, self.stem_stride), input, None)?;
        body = builder.add("stem.relu", Op::Relu, &[body])?;
        for (stage, (&width, &layers)) in (1..).zip(self.stages.iter().zip(&self.layers)) {
            for number in 1..=layers {
                let stride = if number == 1 { 2 } else { 1 };
                body = block(&mut builder, &format!("stage{stage}.block{number}"), body, width, stride)?;
            }
        }
        let body = conv_bn(&mut builder, "head.conv", conv(self.head, 1, 1), body, None)?;
        head(&mut builder, body, self.classes)?;
        Ok(builder.finish())
    }
}

fn block(builder: &mut GraphBuilder, path: &str, input: NodeId, width: usize, stride: usize) -> Result<NodeId, GraphError> {
    let place = |operation| Place { block: path.to_owned(), edge: "in→out".into(), operation };
    let in_width = builder.shape(input).channels;
    let mut terms = vec![if stride == 1 && in_width == width {
        input
    } else {
        conv_bn(builder, &format!("{path}.skip"), conv(width, 1, stride), input, Some(place(Operation::Skip)))?
    }];
    for (operation, expansion, kernel) in CHOICES {
        let path = format!("{path}.{}", operation.key());
        let wide = expansion * in_width;
        let expanded = conv_bn(builder, &format!("{path}.expand"), conv(wide, 1, 1), input, None)?;
        let active = builder.add(format!("{path}.expand.relu"), Op::Relu, &[expanded])?;
        let spread = conv_bn(builder, &format!("{path}.depthwise"), depthwise(wide, kernel, stride, 1), active, None)?;
        let active = builder.add(format!("{path}.depthwise.relu"), Op::Relu, &[spread])?;
        terms.push(conv_bn(builder, &format!("{path}.project"), conv(width, 1, 1), active, Some(place(operation)))?);
    }
    builder.add(format!("{path}.sum"), Op::Add, &terms)
}

fn conv_bn(builder: &mut GraphBuilder, path: &str, op: Op, input: NodeId, place: Option<Place>) -> Result<NodeId, GraphError> {
    let convolved = builder.add_at(path, op, input, place)?;
    builder.add(format!("{path}.bn"), Op::BatchNorm, &[convolved])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_agree_with_the_hand_count() {
        let (stages, layers) = (vec![64, 128, 256], vec![2, 3, 3]);
        let input = Shape::map(3, 32, 32);
        let graph = Chain { input, classes: 10, stem: 32, stem_stride: 1, stages, layers, head: 1280 }.build().unwrap();
        // Eight blocks of two choices, three of them with a masked shortcut.
        assert_eq!(graph.groups().len(), 8 * 2 + 3);
        let bottleneck = |from: usize, to: usize, expansion: usize, kernel: usize| {
            let wide = expansion * from;
            from * wide + 2 * wide + kernel * kernel * wide + 2 * wide + wide * to + 2 * to
        };
        let choices = |from, to| bottleneck(from, to, 3, 3) + bottleneck(from, to, 6, 5);
        let (mut parameters, mut channels, mut from) = (27 * 32 + 2 * 32, 0, 32);
        for (to, layers) in [(64, 2), (128, 3), (256, 3)] {
            parameters += from * to + 2 * to + choices(from, to) + (layers - 1) * choices(to, to);
            channels += from + 9 * from + (layers - 1) * 9 * to;
            from = to;
        }
        parameters += 256 * 1280 + 2 * 1280 + 1280 * 10 + 10;
        assert_eq!(graph.cost().parameters as usize, parameters);
        assert_eq!(graph.masked_channels(), channels);
    }

    #[test]
    fn a_stage_without_its_number_of_layers_is_refused() {
        let (stages, layers) = (vec![4, 8], vec![1]);
        let family = Chain { input: Shape::map(1, 8, 8), classes: 10, stem: 4, stem_stride: 1, stages, layers, head: 8 };
        assert!(family.build().unwrap_err().to_string().contains("stage2"));
    }
}
