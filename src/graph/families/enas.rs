//! The family *enas*: the best micro cell that ENAS published, fixed, as the paper's super-networks E and EI (method 2.2).

use super::super::{Graph, GraphBuilder, GraphError, NodeId, Op, Operation, Place, PoolKind, Shape};
use super::{calibrate, cells, conv, depthwise, pool, two_paths};

/// Stem 3x3 to 3F channels, then 3N + 2 cells; the cells N + 1 and 2N + 2 are reduction cells, where F doubles and the map halves.
///
/// A cell reads the two cells before it (0 and 1, brought to F channels by 1x1 convolutions or, where 0 is too large, by two strided
/// paths); each of its nodes 2 to 6 is the sum of two operations; nodes that no other node reads are concatenated. A separable
/// convolution is twice ReLU → depthwise → mask → pointwise → batch norm. Everything with a dense kernel is masked, the stem and the
/// classifier too; pools and identity are not, and depthwise kernels carry no L2. The classifier has no bias. Operations other than the
/// identity lie behind drop-path.
///
/// The auxiliary classifier is ReLU → average pool 5x5 of stride 3 → 1x1 to 128 → batch norm → ReLU → 2x2 to 768 → batch norm → ReLU →
/// global average pool → linear without bias. In the authors' code its kernels are masked and never trained; here they train and carry no
/// mask, since no candidate has them. Its pool is padded, so that it fits maps of any size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enas {
    /// One image.
    pub input: Shape,
    /// Number of classes.
    pub classes: usize,
    /// Stride of the stem; 1 in the paper.
    pub stem_stride: usize,
    /// F, channels of the first cells; 36 for E, 72 for EI.
    pub channels: usize,
    /// N, normal cells of each stage; 5 in the paper.
    pub cells: usize,
    /// Whether there is an auxiliary classifier, behind cell 2N + 3.
    pub auxiliary: bool,
}

/// A node as the sum of two operations: the input of each, and which.
type Sum = [(usize, Operation); 2];

const NORMAL: [Sum; 5] = [
    [(0, Operation::AveragePool), (0, Operation::Separable3)],
    [(0, Operation::Identity), (0, Operation::Separable5)],
    [(0, Operation::Identity), (1, Operation::Separable5)],
    [(1, Operation::Separable3), (0, Operation::Separable5)],
    [(0, Operation::AveragePool), (1, Operation::Separable5)],
];

const REDUCTION: [Sum; 5] = [
    [(1, Operation::Separable3), (1, Operation::Separable3)],
    [(0, Operation::MaxPool), (0, Operation::AveragePool)],
    [(1, Operation::Separable5), (3, Operation::Separable5)],
    [(1, Operation::Separable3), (0, Operation::Identity)],
    [(0, Operation::MaxPool), (1, Operation::Separable5)],
];

impl Enas {
    /// Builds the super-network.
    ///
    /// # Errors
    /// [`GraphError`] naming the node that does not fit.
    pub fn build(&self) -> Result<Graph, GraphError> {
        let (mut builder, input) = GraphBuilder::new(self.input);
        let stem = Place { block: "stem".into(), edge: "in→out".into(), operation: Operation::Conv3 };
        let stem = builder.add_masked("stem.conv", conv(3 * self.channels, 3, self.stem_stride), input, stem)?;
        let stem = builder.add("stem.bn", Op::BatchNorm, &[stem])?;
        let (mut before, mut body) = (stem, stem);
        let total = 3 * self.cells + 2;
        for (number, (block, width, reduces)) in (1..).zip(cells(self.cells, self.channels)) {
            let depth = Op::DropPath { cell: number, cells: total };
            let next = Cell { builder: &mut builder, block, width, reduces, depth }.build(before, body)?;
            (before, body) = (body, next);
            if self.auxiliary && number == 2 * self.cells + 3 {
                builder.add_auxiliary(|builder| self.auxiliary(builder, body))?;
            }
        }
        let active = builder.add("head.relu", Op::Relu, &[body])?;
        let pooled = builder.add("head.pool", Op::GlobalAveragePool, &[active])?;
        // On a vector a 1x1 convolution is a linear layer without bias.
        let place = Place { block: "head".into(), edge: "in→out".into(), operation: Operation::Linear };
        builder.add_masked("head.linear", conv(self.classes, 1, 1), pooled, place)?;
        Ok(builder.finish())
    }

    fn auxiliary(&self, builder: &mut GraphBuilder, body: NodeId) -> Result<NodeId, GraphError> {
        let active = builder.add("auxiliary.relu", Op::Relu, &[body])?;
        let mut body = builder.add("auxiliary.pool", pool(PoolKind::Average, 5, 3), &[active])?;
        for (name, width, kernel) in [("conv1", 128, 1), ("conv2", 768, 2)] {
            let convolved = builder.add(format!("auxiliary.{name}"), conv(width, kernel, 1), &[body])?;
            let normalised = builder.add(format!("auxiliary.{name}.bn"), Op::BatchNorm, &[convolved])?;
            body = builder.add(format!("auxiliary.{name}.relu"), Op::Relu, &[normalised])?;
        }
        let pooled = builder.add("auxiliary.global", Op::GlobalAveragePool, &[body])?;
        builder.add("auxiliary.linear", conv(self.classes, 1, 1), &[pooled])
    }
}

struct Cell<'a> {
    builder: &'a mut GraphBuilder,
    block: String,
    width: usize,
    reduces: bool,
    depth: Op,
}

impl Cell<'_> {
    fn build(mut self, before: NodeId, body: NodeId) -> Result<NodeId, GraphError> {
        let block = self.block.clone();
        let (old, new) = (self.builder.shape(before), self.builder.shape(body));
        let first = if old.height != new.height {
            let active = self.builder.add(format!("{block}.input0.relu"), Op::Relu, &[before])?;
            self.halve(&format!("{block}.input0"), active, "in→0")?
        } else if old.channels != self.width {
            self.calibrate("input0", before, "in→0")?
        } else {
            before
        };
        let second = if new.channels == self.width { body } else { self.calibrate("input1", body, "in→1")? };
        let mut nodes = vec![first, self.calibrate("base", second, "1→1")?];
        let sums = if self.reduces { REDUCTION } else { NORMAL };
        for (target, sum) in (2..).zip(sums) {
            let mut terms = Vec::new();
            for (side, (source, operation)) in ["left", "right"].into_iter().zip(sum) {
                let path = format!("{block}.node{target}.{side}.{}", operation.key());
                let stride = if self.reduces && source < 2 { 2 } else { 1 };
                let term = self.operation(&path, operation, nodes[source], stride, &format!("{source}→{target}"))?;
                let drops = operation != Operation::Identity;
                let depth = self.depth.clone();
                terms.push(if drops { self.builder.add(format!("{path}.drop"), depth, &[term])? } else { term });
            }
            nodes.push(self.builder.add(format!("{block}.node{target}"), Op::Add, &terms)?);
        }
        let read: Vec<usize> = sums.iter().flatten().map(|&(source, _)| source).collect();
        let open: Vec<NodeId> = (2..nodes.len()).filter(|node| !read.contains(node)).map(|node| nodes[node]).collect();
        self.builder.add(format!("{block}.concat"), Op::Concat, &open)
    }

    fn place(&self, edge: &str, operation: Operation) -> Place {
        Place { block: self.block.clone(), edge: edge.to_owned(), operation }
    }

    fn calibrate(&mut self, name: &str, input: NodeId, edge: &str) -> Result<NodeId, GraphError> {
        let place = self.place(edge, Operation::Conv1);
        calibrate(self.builder, &format!("{}.{name}", self.block), input, self.width, Some(place))
    }

    fn halve(&mut self, path: &str, input: NodeId, edge: &str) -> Result<NodeId, GraphError> {
        let place = self.place(edge, Operation::Skip);
        two_paths(self.builder, path, input, self.width, 2, |_| Some(place.clone()))
    }

    fn operation(&mut self, path: &str, operation: Operation, source: NodeId, stride: usize, edge: &str) -> Result<NodeId, GraphError> {
        match operation {
            Operation::AveragePool => self.builder.add(path, pool(PoolKind::Average, 3, stride), &[source]),
            Operation::MaxPool => self.builder.add(path, pool(PoolKind::Max, 3, stride), &[source]),
            Operation::Identity if stride == 1 => Ok(source),
            Operation::Identity => self.halve(path, source, edge),
            _ => {
                let kernel = if operation == Operation::Separable3 { 3 } else { 5 };
                let first = self.separable(&format!("{path}.1"), kernel, source, stride, self.place(edge, operation))?;
                self.separable(&format!("{path}.2"), kernel, first, 1, self.place(edge, operation))
            }
        }
    }

    fn separable(&mut self, path: &str, kernel: usize, input: NodeId, stride: usize, place: Place) -> Result<NodeId, GraphError> {
        let width = self.builder.shape(input).channels;
        let active = self.builder.add(format!("{path}.relu"), Op::Relu, &[input])?;
        let spread = self.builder.add(format!("{path}.depthwise"), depthwise(width, kernel, stride, 1), &[active])?;
        let mixed = self.builder.add_masked(format!("{path}.pointwise"), conv(self.width, 1, 1), spread, place)?;
        self.builder.add(format!("{path}.bn"), Op::BatchNorm, &[mixed])
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Parameter, ParameterKind};
    use super::*;

    /// Masked kernels without the classifier, depthwise kernels, batch norm, classifier and all of it, from method 2.2.
    #[test]
    fn supnet_e_and_ei_have_the_papers_counts() {
        for (channels, expected) in
            [(36, [3_500_820, 341_424, 44_928, 7_200, 3_894_372]), (72, [13_997_448, 682_848, 89_856, 14_400, 14_784_552])]
        {
            let input = Shape::map(3, 32, 32);
            let family = Enas { input, classes: 10, stem_stride: 1, channels, cells: 5, auxiliary: true };
            let graph = family.build().unwrap();
            assert_eq!(graph.groups().len(), 263);
            assert_eq!(graph.cost(), Enas { auxiliary: false, ..family }.build().unwrap().cost());
            // Trunk and auxiliary classifier without batch norm.
            let norms = 44_928 * channels / 36;
            let counted = graph.cost().parameters as usize - norms + graph.auxiliary_cost().parameters as usize - 2 * (128 + 768);
            assert_eq!(counted, if channels == 36 { 4_342_500 } else { 15_279_912 });
            let mut counts = [0; 5];
            let trunk = |parameter: &Parameter| !graph.auxiliary().contains(&parameter.node.index());
            for parameter in graph.parameters().into_iter().filter(trunk) {
                let node = graph.node(parameter.node);
                let kind = match (parameter.kind, node.groups.is_empty(), node.name.as_str()) {
                    (ParameterKind::Weight, false, "head.linear") => 3,
                    (ParameterKind::Weight, false, _) => 0,
                    (ParameterKind::Weight, true, _) => 1,
                    _ => 2,
                };
                counts[kind] += parameter.range.len();
                counts[4] += parameter.range.len();
            }
            assert_eq!(counts, expected);
        }
    }
}
