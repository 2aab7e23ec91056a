//! The family *darts*: the space of DARTS, as a super-network and as the plain network of a genotype.

use super::super::{Graph, GraphBuilder, GraphError, NodeId, Op, Operation, Place, PoolKind, Shape};
use super::{calibrate, cells, classifier, conv, depthwise, pool, two_paths};

/// Stem 3x3 to 3C channels → batch norm, then 3N + 2 cells; the cells N + 1 and 2N + 2 are reduction cells, where C doubles and the
/// map halves; global average pool and linear layer.
///
/// A cell reads the two cells before it (0 and 1, brought to C channels); each of its nodes 2 to 5 sums edges from all earlier ones,
/// 14 edges in all; the four nodes are concatenated. In the super-network an edge is the sum of eight operations, each a mask group: the
/// mask is on the last kernel of a separable or dilated convolution, on the source of pools and identity (also of a strided identity,
/// which is two 1x1 paths). As in the network that DARTS trains in the end, and other than in the one it searches with, batch norms
/// have scale and shift, and none follows a pool. Stem, the 1x1 convolutions of a cell's inputs and the classifier are not masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Darts {
    /// One image.
    pub input: Shape,
    /// Number of classes.
    pub classes: usize,
    /// Stride of the stem; 1 in the paper.
    pub stem_stride: usize,
    /// C, channels of the first cells; 16 in the paper's search, 36 in its final training.
    pub channels: usize,
    /// N, normal cells of each stage; 2 in the paper's search, 6 in its final training.
    pub cells: usize,
}

/// For each of the nodes 2 to 5 two edges: the operation and the node that it reads.
pub type DartsCell = [[(Operation, usize); 2]; 4];

/// A genotype: the cells of a network that DARTS derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DartsGenotype {
    /// The normal cell.
    pub normal: DartsCell,
    /// The reduction cell.
    pub reduction: DartsCell,
}

/// The operations of an edge in the order of its mask groups, and what DARTS calls them.
pub const DARTS_OPERATIONS: [(Operation, &str); 8] = [
    (Operation::None, "none"),
    (Operation::MaxPool, "max_pool_3x3"),
    (Operation::AveragePool, "avg_pool_3x3"),
    (Operation::Identity, "skip_connect"),
    (Operation::Separable3, "sep_conv_3x3"),
    (Operation::Separable5, "sep_conv_5x5"),
    (Operation::DilatedSeparable3, "dil_conv_3x3"),
    (Operation::DilatedSeparable5, "dil_conv_5x5"),
];

impl Darts {
    /// Builds the super-network.
    ///
    /// # Errors
    /// [`GraphError`] naming the node that does not fit.
    pub fn build(&self) -> Result<Graph, GraphError> {
        self.network(None)
    }

    /// Builds the network of a genotype, without masks.
    ///
    /// # Errors
    /// As [`Self::build`]; also where a node of the genotype reads one that comes later, or by an operation that is not of the space.
    pub fn build_plain(&self, genotype: &DartsGenotype) -> Result<Graph, GraphError> {
        self.network(Some(genotype))
    }

    fn network(&self, genotype: Option<&DartsGenotype>) -> Result<Graph, GraphError> {
        let (mut builder, input) = GraphBuilder::new(self.input);
        let stem = builder.add("stem.conv", conv(3 * self.channels, 3, self.stem_stride), &[input])?;
        let stem = builder.add("stem.bn", Op::BatchNorm, &[stem])?;
        let (mut before, mut body) = (stem, stem);
        for (block, width, reduces) in cells(self.cells, self.channels) {
            let chosen = genotype.map(|genotype| if reduces { &genotype.reduction } else { &genotype.normal });
            let next = Cell { builder: &mut builder, block, width, reduces }.build(before, body, chosen)?;
            (before, body) = (body, next);
        }
        classifier(&mut builder, body, self.classes)?;
        Ok(builder.finish())
    }
}

struct Cell<'a> {
    builder: &'a mut GraphBuilder,
    block: String,
    width: usize,
    reduces: bool,
}

impl Cell<'_> {
    fn build(mut self, before: NodeId, body: NodeId, chosen: Option<&DartsCell>) -> Result<NodeId, GraphError> {
        let block = self.block.clone();
        let first = format!("{block}.input0");
        let first = if self.builder.shape(before).height == self.builder.shape(body).height {
            calibrate(self.builder, &first, before, self.width, None)?
        } else {
            let active = self.builder.add(format!("{first}.relu"), Op::Relu, &[before])?;
            two_paths(self.builder, &first, active, self.width, 2, |_| None)?
        };
        let mut nodes = vec![first, calibrate(self.builder, &format!("{block}.input1"), body, self.width, None)?];
        for target in 2..6 {
            let mut terms = Vec::new();
            if let Some(cell) = chosen {
                for (side, &(operation, source)) in cell[target - 2].iter().enumerate() {
                    let path = format!("{block}.node{target}.{side}.{}", operation.key());
                    let Some(&input) = nodes.get(source) else {
                        let what = format!("it reads node {source} of its cell, which comes later; a node reads those before it");
                        return Err(GraphError::Impossible { node: path, what });
                    };
                    terms.push(self.operation(&path, operation, input, self.stride(source), None)?);
                }
            } else {
                for (source, &input) in nodes.iter().enumerate() {
                    for (operation, _) in DARTS_OPERATIONS {
                        let path = format!("{block}.edge{source}-{target}.{}", operation.key());
                        let place = Place { block: block.clone(), edge: format!("{source}→{target}"), operation };
                        terms.push(self.operation(&path, operation, input, self.stride(source), Some(place))?);
                    }
                }
            }
            nodes.push(self.builder.add(format!("{block}.node{target}"), Op::Add, &terms)?);
        }
        self.builder.add(format!("{block}.concat"), Op::Concat, &nodes[2..])
    }

    fn stride(&self, source: usize) -> usize {
        if self.reduces && source < 2 { 2 } else { 1 }
    }

    fn operation(
        &mut self,
        path: &str,
        operation: Operation,
        source: NodeId,
        stride: usize,
        place: Option<Place>,
    ) -> Result<NodeId, GraphError> {
        let builder = &mut *self.builder;
        match operation {
            Operation::None if stride == 1 => builder.add_at(path, Op::Zero, source, place),
            Operation::None => {
                let nothing = builder.add_at(format!("{path}.zero"), Op::Zero, source, place)?;
                builder.add(path, pool(PoolKind::Average, 1, stride), &[nothing])
            }
            Operation::AveragePool => builder.add_at(path, pool(PoolKind::Average, 3, stride), source, place),
            Operation::MaxPool => builder.add_at(path, pool(PoolKind::Max, 3, stride), source, place),
            Operation::Identity if stride == 1 => builder.add_at(path, Op::Identity, source, place),
            Operation::Identity => {
                let gated = builder.add_at(format!("{path}.gate"), Op::Identity, source, place)?;
                let active = builder.add(format!("{path}.relu"), Op::Relu, &[gated])?;
                two_paths(builder, path, active, self.width, stride, |_| None)
            }
            Operation::Separable3 | Operation::Separable5 => {
                let kernel = if operation == Operation::Separable3 { 3 } else { 5 };
                let first = self.separable(&format!("{path}.1"), (kernel, 1), source, stride, None)?;
                self.separable(&format!("{path}.2"), (kernel, 1), first, 1, place)
            }
            Operation::DilatedSeparable3 => self.separable(path, (3, 2), source, stride, place),
            Operation::DilatedSeparable5 => self.separable(path, (5, 2), source, stride, place),
            _ => {
                let what = format!("`{}` is no operation of this space", operation.key());
                Err(GraphError::Impossible { node: path.to_owned(), what })
            }
        }
    }

    /// ReLU → depthwise of a kernel and a dilation → pointwise → batch norm.
    fn separable(
        &mut self,
        path: &str,
        (kernel, dilation): (usize, usize),
        input: NodeId,
        stride: usize,
        place: Option<Place>,
    ) -> Result<NodeId, GraphError> {
        let active = self.builder.add(format!("{path}.relu"), Op::Relu, &[input])?;
        let spread = self.builder.add(format!("{path}.depthwise"), depthwise(self.width, kernel, stride, dilation), &[active])?;
        let mixed = self.builder.add_at(format!("{path}.pointwise"), conv(self.width, 1, 1), spread, place)?;
        self.builder.add(format!("{path}.bn"), Op::BatchNorm, &[mixed])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEP3: Operation = Operation::Separable3;
    const SKIP: Operation = Operation::Identity;
    const DIL3: Operation = Operation::DilatedSeparable3;
    const MAX: Operation = Operation::MaxPool;
    const AVG: Operation = Operation::AveragePool;
    const SEP5: Operation = Operation::Separable5;

    /// The genotypes that DARTS published as V1 (first order) and V2 (second order).
    const V1: DartsGenotype = DartsGenotype {
        normal: [[(SEP3, 1), (SEP3, 0)], [(SKIP, 0), (SEP3, 1)], [(SKIP, 0), (SEP3, 1)], [(SEP3, 0), (SKIP, 2)]],
        reduction: [[(MAX, 0), (MAX, 1)], [(SKIP, 2), (MAX, 0)], [(MAX, 0), (SKIP, 2)], [(SKIP, 2), (AVG, 0)]],
    };
    const V2: DartsGenotype = DartsGenotype {
        normal: [[(SEP3, 0), (SEP3, 1)], [(SEP3, 0), (SEP3, 1)], [(SEP3, 1), (SKIP, 0)], [(SKIP, 0), (DIL3, 2)]],
        reduction: [[(MAX, 0), (MAX, 1)], [(SKIP, 2), (MAX, 1)], [(MAX, 0), (SKIP, 2)], [(SKIP, 2), (MAX, 1)]],
    };

    fn family(channels: usize, cells: usize) -> Darts {
        Darts { input: Shape::map(3, 32, 32), classes: 10, stem_stride: 1, channels, cells }
    }

    /// Against the numbers that `tests/reference/darts.py` printed.
    #[test]
    fn published_genotypes_have_the_counts_of_the_reference() {
        let text = include_str!("../../../tests/reference/darts.txt");
        for (name, genotype) in [("DARTS_V1", V1), ("DARTS_V2", V2)] {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            let graph = family(36, 6).build_plain(&genotype).unwrap();
            assert_eq!(graph.cost().parameters as usize, line.trim().parse::<usize>().unwrap(), "{name}");
            assert!(graph.groups().is_empty());
        }
    }

    #[test]
    fn the_super_network_has_a_group_for_each_operation_of_each_edge() {
        let graph = family(16, 2).build().unwrap();
        assert_eq!(graph.groups().len(), 8 * 14 * 8);
        assert_eq!(graph.masked_channels(), 14 * 8 * (2 * 16 + 3 * 32 + 3 * 64));
        // The mask of a strided identity and of a strided nothing is on the large map; each has a place of its own.
        let places: std::collections::HashSet<_> = graph.groups().iter().map(|group| &group.place).collect();
        assert_eq!(places.len(), graph.groups().len());
    }

    #[test]
    fn impossible_genotypes_are_refused_by_name() {
        let mut later = V1;
        later.normal[0][0] = (SEP3, 4);
        assert!(family(4, 1).build_plain(&later).unwrap_err().to_string().contains("cell1.node2.0.sep3"));
        let mut foreign = V1;
        foreign.normal[3][1] = (SEP5, 5);
        assert!(family(4, 1).build_plain(&foreign).unwrap_err().to_string().contains("comes later"));
        foreign.normal[3][1] = (Operation::Conv3, 4);
        assert!(family(4, 1).build_plain(&foreign).unwrap_err().to_string().contains("no operation of this space"));
    }
}
