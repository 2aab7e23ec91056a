//! The family *file*: a space of somebody's own, stages of blocks whose cells a file describes.

use super::super::{Graph, GraphBuilder, GraphError, NodeId, Op, Operation, Place, PoolKind, Shape};
use super::edge::{Source, is_activated, on_edge_to};
use super::{conv, pool};
use std::sync::Arc;

/// Nodes that a network of a file may have.
pub const MOST_NODES: usize = 20_000;
/// Parameters that it may have: 4 GB.
pub const MOST_PARAMETERS: u64 = 1_000_000_000;
/// Numbers that its nodes may hold for one image: 4 GB.
pub const MOST_ACTIVATIONS: u64 = 1_000_000_000;

/// A super-network as a file describes it. Lines are those of the file, counted from 1, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// What comes first.
    pub stem: OwnStem,
    /// The stages, each on what the one before yields.
    pub stages: Vec<Stage>,
    /// What comes last.
    pub head: OwnHead,
}

/// Convolution → batch norm, then perhaps ReLU and a 3x3 max pool of stride 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnStem {
    /// Its line.
    pub line: usize,
    /// Output channels.
    pub channels: usize,
    /// Side of the kernel; odd.
    pub kernel: usize,
    /// Stride of the convolution.
    pub stride: usize,
    /// Whether the pool follows.
    pub pool: bool,
    /// Whether the convolution is masked.
    pub masked: bool,
}

/// Batch norm → ReLU, perhaps a 1x1 convolution → batch norm → ReLU, then global average pool and classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnHead {
    /// Its line.
    pub line: usize,
    /// Whether a batch norm comes first.
    pub batch_norm: bool,
    /// Channels of the 1x1 convolution; none without it.
    pub channels: Option<usize>,
    /// Whether the 1x1 convolution and the classifier are masked.
    pub masked: bool,
}

/// Blocks of one width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its line.
    pub line: usize,
    /// Channels that every edge yields where it says nothing else.
    pub channels: usize,
    /// How much smaller the image gets.
    pub stride: usize,
    /// How the width and the size change, where they do.
    pub reduction: Reduction,
    /// The cells of its blocks.
    pub blocks: Vec<Arc<Cell>>,
}

/// How a stage comes to its width and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reduction {
    /// A masked operation before the first block.
    Operation(Operation),
    /// The edges from the input of the first block do it.
    Block,
    /// A cell of its own before the first block.
    Cell(Arc<Cell>),
}

/// What a block computes: nodes that join edges from the cell's input and from earlier nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Its line.
    pub line: usize,
    /// An operation that brings the input to the width of the block before anything reads it.
    pub entry: Option<Operation>,
    /// The nodes beside the input, each after those that it reads.
    pub nodes: Vec<CellNode>,
    /// Which nodes make the output: positions in `nodes`.
    pub output: Vec<usize>,
    /// How they are joined.
    pub join: Join,
    /// Whether the input itself is added to the output; where shapes differ, through a masked 1x1 convolution.
    pub shortcut: bool,
}

/// How several maps become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// They are added.
    Sum,
    /// Channel after channel.
    Concat,
}

/// A node of a cell: the sum of its edges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellNode {
    /// Its name.
    pub name: String,
    /// Its edges.
    pub edges: Vec<CellEdge>,
}

/// An edge: the sum of its operations on what it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellEdge {
    /// Its line.
    pub line: usize,
    /// What it reads: 0 is the input of the cell, i the node at i - 1.
    pub from: usize,
    /// Its name within the block, without dots.
    pub name: String,
    /// Where it stands for a reader, such as `in→a`.
    pub place: String,
    /// Its candidate operations.
    pub operations: Vec<Operation>,
    /// Channels that it yields, where these are not the block's.
    pub channels: Option<usize>,
    /// Its stride, where it is not the block's (from the input) or 1.
    pub stride: Option<usize>,
    /// Whether its operations are masked.
    pub masked: bool,
}

impl Own {
    /// Builds the super-network for images of a shape and a number of classes.
    ///
    /// # Errors
    /// [`GraphError::Line`] naming the line of the file and the node that does not fit, or that makes the network too large.
    pub fn build(&self, input: Shape, classes: usize) -> Result<Graph, GraphError> {
        let (builder, image) = GraphBuilder::new(input);
        let mut building = Building { builder, counted: 0, parameters: 0, activations: 0, line: self.stem.line };
        let mut body = building.stem(&self.stem, image)?;
        for (number, stage) in (1..).zip(&self.stages) {
            body = building.stage(&format!("stage{number}"), stage, body)?;
        }
        building.head(&self.head, body, classes)?;
        let graph = building.builder.finish();
        if graph.groups().is_empty() {
            let what = "nothing in this network is masked, so there is nothing to search; leave `masked = false` away somewhere".to_owned();
            return Err(GraphError::Line { line: self.stem.line, fault: Box::new(GraphError::Impossible { node: "input".into(), what }) });
        }
        Ok(graph)
    }
}

/// A graph that grows, with what of it has been counted and the line that it grows from.
struct Building {
    builder: GraphBuilder,
    counted: usize,
    parameters: u64,
    activations: u64,
    line: usize,
}

impl Building {
    fn stem(&mut self, stem: &OwnStem, image: NodeId) -> Result<NodeId, GraphError> {
        let place = stem.masked.then(|| place("stem", "in→out", Operation::Conv3));
        let convolved = self.add_at("stem.conv", conv(stem.channels, stem.kernel, stem.stride), image, place)?;
        let normalised = self.add("stem.bn", Op::BatchNorm, &[convolved])?;
        if !stem.pool {
            return Ok(normalised);
        }
        let active = self.add("stem.relu", Op::Relu, &[normalised])?;
        self.add("stem.pool", pool(PoolKind::Max, 3, 2), &[active])
    }

    fn stage(&mut self, path: &str, stage: &Stage, input: NodeId) -> Result<NodeId, GraphError> {
        self.line = stage.line;
        let (mut body, mut stride) = (input, stage.stride);
        if stage.stride != 1 || self.builder.shape(input).channels != stage.channels {
            let path = format!("{path}.reduce");
            match &stage.reduction {
                Reduction::Block => {}
                &Reduction::Operation(operation) => {
                    body = self.operation(&path, operation, body, stage.channels, stride, &place(&path, "in→out", operation))?;
                    stride = 1;
                }
                Reduction::Cell(cell) => {
                    body = self.cell(&path, cell, body, stage.channels, stride)?;
                    stride = 1;
                }
            }
        }
        for (number, cell) in (1..).zip(&stage.blocks) {
            body = self.cell(&format!("{path}.block{number}"), cell, body, stage.channels, stride)?;
            stride = 1;
        }
        Ok(body)
    }

    fn cell(&mut self, path: &str, cell: &Cell, input: NodeId, width: usize, stride: usize) -> Result<NodeId, GraphError> {
        self.line = cell.line;
        let mut entered = input;
        if let Some(operation) = cell.entry {
            entered = self.operation(&format!("{path}.entry"), operation, input, width, 1, &place(path, "entry", operation))?;
        }
        let mut nodes = vec![entered];
        // One ReLU per source, shared by all operations that read it.
        let mut active: Vec<Option<NodeId>> = vec![None];
        for node in &cell.nodes {
            let mut terms = Vec::new();
            for edge in &node.edges {
                self.line = edge.line;
                let node_path = format!("{path}.{}", edge.name);
                let (Some(&raw), Some(active)) = (nodes.get(edge.from), active.get_mut(edge.from)) else {
                    let what = "it reads a node of its cell that comes later; a node reads those before it".to_owned();
                    return Err(self.at_line(GraphError::Impossible { node: node_path, what }));
                };
                let width = edge.channels.unwrap_or(width);
                let stride = edge.stride.unwrap_or(if edge.from == 0 { stride } else { 1 });
                for &operation in &edge.operations {
                    let active = match *active {
                        _ if !is_activated(operation) => raw,
                        Some(active) => active,
                        None => *active.insert(self.add(format!("{path}.node{}.relu", edge.from), Op::Relu, &[raw])?),
                    };
                    let place = edge.masked.then(|| place(path, &edge.place, operation));
                    let node_path = format!("{node_path}.{}", operation.key());
                    let added = on_edge_to(&mut self.builder, &node_path, operation, &Source { raw, active }, (width, stride), place);
                    let term = self.count(added)?;
                    if let Some(&first) = terms.first() {
                        self.fits(&format!("{path}.{}", node.name), first, term)?;
                    }
                    terms.push(term);
                }
            }
            self.line = node.edges.first().map_or(cell.line, |edge| edge.line);
            nodes.push(self.join(&format!("{path}.{}", node.name), Join::Sum, &terms)?);
            active.push(None);
        }
        self.line = cell.line;
        let output: Vec<NodeId> = cell.output.iter().filter_map(|&node| nodes.get(node + 1)).copied().collect();
        let body = self.join(&format!("{path}.output"), cell.join, &output)?;
        if !cell.shortcut {
            return Ok(body);
        }
        let width = self.builder.shape(body).channels;
        let shortcut = if self.builder.shape(input) == self.builder.shape(body) {
            input
        } else {
            let place = place(path, "shortcut", Operation::Skip);
            self.operation(&format!("{path}.shortcut"), Operation::Identity, input, width, stride, &place)?
        };
        self.add(format!("{path}.sum"), Op::Add, &[shortcut, body])
    }

    fn head(&mut self, head: &OwnHead, body: NodeId, classes: usize) -> Result<(), GraphError> {
        self.line = head.line;
        let mut body = body;
        if head.batch_norm {
            body = self.add("head.bn", Op::BatchNorm, &[body])?;
        }
        body = self.add("head.relu", Op::Relu, &[body])?;
        if let Some(width) = head.channels {
            let place = head.masked.then(|| place("head", "in→mid", Operation::Conv1));
            let convolved = self.add_at("head.conv", conv(width, 1, 1), body, place)?;
            let normalised = self.add("head.conv.bn", Op::BatchNorm, &[convolved])?;
            body = self.add("head.conv.relu", Op::Relu, &[normalised])?;
        }
        let pooled = self.add("head.pool", Op::GlobalAveragePool, &[body])?;
        let place = head.masked.then(|| place("head", if head.channels.is_some() { "mid→out" } else { "in→out" }, Operation::Linear));
        self.add_at("head.linear", Op::Linear { out_features: classes }, pooled, place)?;
        Ok(())
    }

    /// One masked operation that brings its input to a width at a stride.
    fn operation(
        &mut self,
        path: &str,
        operation: Operation,
        raw: NodeId,
        width: usize,
        stride: usize,
        place: &Place,
    ) -> Result<NodeId, GraphError> {
        let active = if is_activated(operation) { self.add(format!("{path}.relu"), Op::Relu, &[raw])? } else { raw };
        let added = on_edge_to(&mut self.builder, path, operation, &Source { raw, active }, (width, stride), Some(place.clone()));
        self.count(added)
    }

    fn join(&mut self, path: &str, join: Join, terms: &[NodeId]) -> Result<NodeId, GraphError> {
        match (join, terms) {
            (_, &[one]) => Ok(one),
            (Join::Sum, terms) => self.add(path, Op::Add, terms),
            (Join::Concat, terms) => self.add(path, Op::Concat, terms),
        }
    }

    /// That a term of a sum has the shape of the first one, told at the line of its edge.
    fn fits(&self, node: &str, first: NodeId, term: NodeId) -> Result<(), GraphError> {
        let (first, other) = (self.builder.shape(first), self.builder.shape(term));
        if first == other { Ok(()) } else { Err(self.at_line(GraphError::Mismatch { node: node.to_owned(), first, other })) }
    }

    fn add(&mut self, name: impl Into<String>, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        let added = self.builder.add(name, op, inputs);
        self.count(added)
    }

    fn add_at(&mut self, name: &str, op: Op, input: NodeId, place: Option<Place>) -> Result<NodeId, GraphError> {
        let added = self.builder.add_at(name, op, input, place);
        self.count(added)
    }

    /// Names the line of what went wrong, and stops a network that grows beyond all measure before anybody has to hold it.
    fn count(&mut self, added: Result<NodeId, GraphError>) -> Result<NodeId, GraphError> {
        let added = added.map_err(|fault| self.at_line(fault))?;
        let nodes = self.builder.nodes();
        for node in &nodes[self.counted..] {
            let inputs = node.inputs.first().map_or(0, |input| nodes[input.index()].shape.channels) as u64;
            let outputs = node.shape.channels as u64;
            let parameters = match node.op {
                Op::Conv { kernel, groups, .. } => {
                    outputs.saturating_mul(inputs / groups.max(1) as u64).saturating_mul((kernel * kernel) as u64)
                }
                Op::BatchNorm => 2 * inputs,
                Op::Linear { .. } => outputs.saturating_mul(inputs.saturating_add(1)),
                _ => 0,
            };
            self.parameters = self.parameters.saturating_add(parameters);
            let [channels, height, width] = [node.shape.channels, node.shape.height, node.shape.width].map(|size| size as u64);
            self.activations = self.activations.saturating_add(channels.saturating_mul(height).saturating_mul(width));
        }
        self.counted = nodes.len();
        let limits = [
            (self.counted as u64, MOST_NODES as u64, "nodes"),
            (self.parameters, MOST_PARAMETERS, "parameters"),
            (self.activations, MOST_ACTIVATIONS, "activations for each image"),
        ];
        match limits.into_iter().find(|(count, most, _)| count > most) {
            None => Ok(added),
            Some((_, most, what)) => {
                let node = nodes[added.index()].name.clone();
                let what = format!("here the network has more than {most} {what}; take fewer channels, blocks or operations");
                Err(self.at_line(GraphError::Impossible { node, what }))
            }
        }
    }

    fn at_line(&self, fault: GraphError) -> GraphError {
        GraphError::Line { line: self.line, fault: Box::new(fault) }
    }
}

fn place(block: &str, edge: &str, operation: Operation) -> Place {
    Place { block: block.to_owned(), edge: edge.to_owned(), operation }
}
