//! Building graphs: every node is checked and its shape inferred as it is added.

use super::{Graph, MaskGroup, MaskGroupId, Node, NodeId, Op, Place, Shape};

/// What keeps a graph from being built; each message names the node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Inputs of a sum or concatenation differ.
    #[error(
        "node `{node}`: its inputs have the shapes {first} and {other}, which do not fit together; check the strides and channels on the way to it"
    )]
    Mismatch {
        /// The node.
        node: String,
        /// Shape of the first input.
        first: Shape,
        /// Shape of the input that differs.
        other: Shape,
    },
    /// A number that the operation cannot work with.
    #[error("node `{node}`: {what}")]
    Impossible {
        /// The node.
        node: String,
        /// What cannot be, and the remedy.
        what: String,
    },
    /// A hard mask of another network.
    #[error("a mask of {found} channels does not belong to this network, which has {expected} masked channels")]
    Mask {
        /// Bits of the mask.
        found: usize,
        /// Masked channels of the network.
        expected: usize,
    },
    /// Two nodes of one name.
    #[error("node `{node}`: this name is taken by an earlier node; names must be unique")]
    Duplicate {
        /// The name.
        node: String,
    },
    /// Any of these, in a network that a file describes.
    #[error("line {line}: {fault}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        fault: Box<GraphError>,
    },
}

/// Adds nodes one by one.
#[derive(Debug)]
pub struct GraphBuilder {
    graph: Graph,
    names: std::collections::HashSet<String>,
    in_auxiliary: bool,
}

impl GraphBuilder {
    /// Starts a graph with its input node, named `input`.
    #[must_use]
    pub fn new(input: Shape) -> (Self, NodeId) {
        let node = Node { name: "input".into(), op: Op::Input, inputs: vec![], shape: input, groups: vec![] };
        let graph = Graph { nodes: vec![node], groups: vec![], masked_channels: 0, auxiliary: 0..0 };
        (Self { graph, names: std::iter::once("input".to_owned()).collect(), in_auxiliary: false }, NodeId(0))
    }

    /// The shape of a node added before.
    #[must_use]
    pub fn shape(&self, node: NodeId) -> Shape {
        self.graph.node(node).shape
    }

    /// All nodes added so far.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.graph.nodes
    }

    /// Adds a node without a mask.
    ///
    /// # Errors
    /// [`GraphError`] where the inputs do not fit the operation or the name is taken.
    pub fn add(&mut self, name: impl Into<String>, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        let name = name.into();
        let shape = self.infer(&name, &op, inputs)?;
        if !self.names.insert(name.clone()) {
            return Err(GraphError::Duplicate { node: name });
        }
        let id = NodeId(self.graph.nodes.len() as u32);
        self.graph.nodes.push(Node { name, op, inputs: inputs.to_vec(), shape, groups: vec![] });
        Ok(id)
    }

    /// Adds a node whose input channels form one mask group.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn add_masked(&mut self, name: impl Into<String>, op: Op, input: NodeId, place: Place) -> Result<NodeId, GraphError> {
        let channels = self.shape(input).channels;
        self.add_split(name, op, input, vec![(channels, place)])
    }

    /// Adds a node that is masked where it has a place, and plain where it has none.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn add_at(&mut self, name: impl Into<String>, op: Op, input: NodeId, place: Option<Place>) -> Result<NodeId, GraphError> {
        match place {
            Some(place) => self.add_masked(name, op, input, place),
            None => self.add(name, op, &[input]),
        }
    }

    /// Adds a node whose input channels are split into several mask groups: their sizes, in channel order, and places.
    ///
    /// # Errors
    /// As [`Self::add`]; also where the sizes do not add up to the input channels.
    pub fn add_split(&mut self, name: impl Into<String>, op: Op, input: NodeId, split: Vec<(usize, Place)>) -> Result<NodeId, GraphError> {
        let name = name.into();
        let channels = self.shape(input).channels;
        let covered: usize = split.iter().map(|(size, _)| size).sum();
        if covered != channels {
            let what = format!("its mask groups cover {covered} of {channels} input channels; they must cover each once");
            return Err(GraphError::Impossible { node: name, what });
        }
        let node = self.add(name, op, &[input])?;
        let mut start = 0;
        for (size, place) in split {
            let group = MaskGroupId(self.graph.groups.len() as u32);
            let mask = self.graph.masked_channels..self.graph.masked_channels + size;
            self.graph.masked_channels = mask.end;
            self.graph.groups.push(MaskGroup { node, node_channels: start..start + size, mask, place });
            self.graph.nodes[node.index()].groups.push(group);
            start += size;
        }
        Ok(node)
    }

    /// Adds the auxiliary classifier: what `head` adds, whose last node yields its logits. A graph has one at most.
    ///
    /// # Errors
    /// Those of `head`.
    pub fn add_auxiliary(&mut self, head: impl FnOnce(&mut Self) -> Result<NodeId, GraphError>) -> Result<(), GraphError> {
        let first = self.graph.nodes.len();
        self.in_auxiliary = true;
        let last = head(self);
        self.in_auxiliary = false;
        let last = last?;
        self.graph.auxiliary = first..last.index() + 1;
        Ok(())
    }

    /// The finished graph; its last node yields the logits.
    #[must_use]
    pub fn finish(self) -> Graph {
        self.graph
    }

    fn infer(&self, name: &str, op: &Op, inputs: &[NodeId]) -> Result<Shape, GraphError> {
        let impossible = |what: String| GraphError::Impossible { node: name.to_owned(), what };
        let Some(&first) = inputs.first() else {
            return Err(impossible(format!("a {} needs an input", op.name())));
        };
        let input = self.shape(first);
        if input.pixels() == 0 || input.channels == 0 && first.index() == 0 {
            return Err(impossible(format!("it reads an image of {input}, which has no pixels")));
        }
        let strided = |size: usize, stride: usize| size.div_ceil(stride);
        match *op {
            Op::Input => Err(impossible("a graph has one input, its first node".into())),
            Op::Conv { out_channels, kernel, stride, dilation, groups } => {
                let even = kernel % 2 == 0 && !(self.in_auxiliary && stride == 1);
                if kernel == 0 || even || stride == 0 || dilation == 0 || out_channels == 0 {
                    return Err(impossible(format!(
                        "conv {kernel}×{kernel} with {out_channels} channels and stride {stride}: the kernel must be odd, the rest at least 1"
                    )));
                }
                if groups == 0 || !input.channels.is_multiple_of(groups) || !out_channels.is_multiple_of(groups) {
                    return Err(impossible(format!(
                        "{groups} channel groups do not divide {} input and {out_channels} output channels",
                        input.channels
                    )));
                }
                Ok(Shape::map(out_channels, strided(input.height, stride), strided(input.width, stride)))
            }
            Op::Pool { kernel, stride, .. } => {
                let even = kernel % 2 == 0;
                if stride == 0 || even && kernel != stride {
                    return Err(impossible(format!(
                        "a pool of {kernel}×{kernel}, stride {stride}: the window must be odd or as wide as the stride, which is at least 1"
                    )));
                }
                if even && input.height.min(input.width) < kernel {
                    return Err(impossible(format!("a window of {kernel}×{kernel} does not fit into {input}; halve the image less often")));
                }
                let pooled = |size: usize| if even { size / stride } else { strided(size, stride) };
                Ok(Shape::map(input.channels, pooled(input.height), pooled(input.width)))
            }
            Op::BatchNorm | Op::Relu | Op::Shift | Op::Identity | Op::Zero | Op::Offset | Op::DropPath { .. } => Ok(input),
            Op::Shake { of } => {
                if of == 0 {
                    Err(impossible("none of no branches".into()))
                } else {
                    Ok(input)
                }
            }
            Op::Arrange { ref channels } => match channels.iter().flatten().find(|&&channel| channel as usize >= input.channels) {
                Some(channel) => Err(impossible(format!("it reads channel {channel}, and its input has {}", input.channels))),
                None => Ok(Shape { channels: channels.len(), ..input }),
            },
            Op::Add => match inputs.iter().map(|&id| self.shape(id)).find(|&shape| shape != input) {
                Some(other) => Err(GraphError::Mismatch { node: name.to_owned(), first: input, other }),
                None => Ok(input),
            },
            Op::Concat => {
                let mut channels = 0;
                for shape in inputs.iter().map(|&id| self.shape(id)) {
                    if (shape.height, shape.width) != (input.height, input.width) {
                        return Err(GraphError::Mismatch { node: name.to_owned(), first: input, other: shape });
                    }
                    channels += shape.channels;
                }
                Ok(Shape { channels, ..input })
            }
            Op::GlobalAveragePool => Ok(Shape::vector(input.channels)),
            Op::Linear { out_features } => {
                if input.pixels() != 1 || out_features == 0 {
                    return Err(impossible(format!(
                        "a linear layer reads a vector and yields at least one number, not {out_features} from {input}"
                    )));
                }
                Ok(Shape::vector(out_features))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_pixels_is_refused() {
        for shape in [Shape::map(3, 0, 8), Shape::map(3, 8, 0), Shape::map(0, 8, 8)] {
            let (mut builder, input) = GraphBuilder::new(shape);
            let error = builder.add("stem", Op::Relu, &[input]).unwrap_err();
            assert!(error.to_string().contains("stem"), "{error}");
        }
        let (mut builder, input) = GraphBuilder::new(Shape::map(3, 8, 8));
        let none = builder.add("none", Op::Arrange { channels: vec![] }, &[input]).unwrap();
        assert!(builder.add("of-none", Op::GlobalAveragePool, &[none]).is_ok(), "an image without channels is only empty");
    }

    #[test]
    fn errors_name_the_node() {
        let (mut builder, input) = GraphBuilder::new(Shape::map(3, 8, 8));
        let conv = |out_channels, stride| Op::Conv { out_channels, kernel: 3, stride, dilation: 1, groups: 1 };
        let a = builder.add("a", conv(4, 1), &[input]).unwrap();
        let b = builder.add("b", conv(4, 2), &[input]).unwrap();
        let error = builder.add("stage1.sum", Op::Add, &[a, b]).unwrap_err();
        assert!(error.to_string().contains("stage1.sum") && error.to_string().contains("4×4×4"), "{error}");
        assert_eq!(builder.add("a", Op::Relu, &[a]).unwrap_err(), GraphError::Duplicate { node: "a".into() });
        assert!(builder.add("c", Op::Conv { out_channels: 4, kernel: 2, stride: 2, dilation: 1, groups: 1 }, &[a]).is_err());
        let pool = |kernel, stride| Op::Pool { kind: crate::graph::PoolKind::Average, kernel, stride };
        let halved = builder.add("halved", pool(2, 2), &[a]).unwrap();
        assert_eq!(builder.shape(halved), Shape::map(4, 4, 4));
        assert!(builder.add("e", pool(2, 1), &[a]).is_err() && builder.add("f", pool(6, 6), &[halved]).is_err());
        assert!(builder.add("d", Op::Linear { out_features: 10 }, &[a]).is_err());
    }
}
