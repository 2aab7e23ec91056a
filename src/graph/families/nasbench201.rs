//! The family *nasbench201*: the space of NAS-Bench-201, as a super-network and as the plain network of each of its genotypes.

use super::super::{CellGenotype, Graph, GraphBuilder, GraphError, NodeId, Op, Place, PoolKind, Shape};
use super::edge::{Source, on_edge};
use super::{conv, head, pool};

/// Stem 3x3 → batch norm; three stages of cells at once, twice and four times the channels, a residual block of stride 2 between
/// them; batch norm and the usual head.
///
/// A cell has node 0 = its input and nodes 1 to 3; node j is the sum over i < j of edge i→j, node 3 the output. In the
/// super-network an edge is the sum of the five operations, each a mask group; in the network of a genotype it is one of them. Stem,
/// residual blocks and classifier are the same in every network of the space and not masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NasBench201 {
    /// One image.
    pub input: Shape,
    /// Number of classes.
    pub classes: usize,
    /// Stride of the stem; 1 in the benchmark.
    pub stem_stride: usize,
    /// C, channels of the first stage; 16 in the benchmark.
    pub channels: usize,
    /// N, cells of each stage; 5 in the benchmark.
    pub cells: usize,
}

impl NasBench201 {
    /// Builds the super-network.
    ///
    /// # Errors
    /// [`GraphError`] naming the node that does not fit.
    pub fn build(&self) -> Result<Graph, GraphError> {
        self.network(None)
    }

    /// Builds the network of one genotype, without masks. Operations that no path to the output crosses are there too: the
    /// benchmark counts them.
    ///
    /// # Errors
    /// As [`Self::build`].
    pub fn build_plain(&self, genotype: &CellGenotype) -> Result<Graph, GraphError> {
        self.network(Some(genotype))
    }

    fn network(&self, genotype: Option<&CellGenotype>) -> Result<Graph, GraphError> {
        let (mut builder, input) = GraphBuilder::new(self.input);
        let stem = builder.add("stem.conv", conv(self.channels, 3, self.stem_stride), &[input])?;
        let mut body = builder.add("stem.bn", Op::BatchNorm, &[stem])?;
        for stage in 1..=3 {
            if stage > 1 {
                body = residual(&mut builder, &format!("stage{stage}.reduce"), body, self.channels << (stage - 1))?;
            }
            for number in 1..=self.cells {
                body = cell(&mut builder, &format!("stage{stage}.cell{number}"), body, genotype)?;
            }
        }
        let body = builder.add("head.bn", Op::BatchNorm, &[body])?;
        head(&mut builder, body, self.classes)?;
        Ok(builder.finish())
    }
}

fn cell(builder: &mut GraphBuilder, block: &str, input: NodeId, genotype: Option<&CellGenotype>) -> Result<NodeId, GraphError> {
    let mut sources: Vec<Source> = Vec::new();
    let mut node = input;
    for target in 1..=3 {
        let active = builder.add(format!("{block}.node{}.relu", target - 1), Op::Relu, &[node])?;
        sources.push(Source { raw: node, active });
        let mut terms = Vec::new();
        for (index, &(from, _)) in CellGenotype::EDGES.iter().enumerate().filter(|(_, edge)| edge.1 == target) {
            let path = |key: &str| format!("{block}.edge{from}-{target}.{key}");
            if let Some(genotype) = genotype {
                let operation = genotype.operations()[index];
                terms.push(on_edge(builder, &path(operation.key()), operation, &sources[from], None)?);
                continue;
            }
            for operation in CellGenotype::candidates() {
                let place = Place { block: block.to_owned(), edge: format!("{from}→{target}"), operation };
                terms.push(on_edge(builder, &path(operation.key()), operation, &sources[from], Some(place))?);
            }
        }
        node = builder.add(format!("{block}.node{target}"), Op::Add, &terms)?;
    }
    Ok(node)
}

/// Twice ReLU → conv 3x3 → batch norm, the first of stride 2, beside an average pool of 2x2 and a 1x1 convolution.
fn residual(builder: &mut GraphBuilder, path: &str, input: NodeId, width: usize) -> Result<NodeId, GraphError> {
    let mut body = input;
    for (layer, stride) in [("conv1", 2), ("conv2", 1)] {
        let active = builder.add(format!("{path}.{layer}.relu"), Op::Relu, &[body])?;
        let convolved = builder.add(format!("{path}.{layer}"), conv(width, 3, stride), &[active])?;
        body = builder.add(format!("{path}.{layer}.bn"), Op::BatchNorm, &[convolved])?;
    }
    let pooled = builder.add(format!("{path}.skip.pool"), pool(PoolKind::Average, 2, 2), &[input])?;
    let skip = builder.add(format!("{path}.skip.conv"), conv(width, 1, 1), &[pooled])?;
    builder.add(format!("{path}.sum"), Op::Add, &[skip, body])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn benchmark() -> NasBench201 {
        NasBench201 { input: Shape::map(3, 32, 32), classes: 10, stem_stride: 1, channels: 16, cells: 5 }
    }

    #[test]
    fn the_super_network_holds_every_operation_of_every_edge() {
        let graph = benchmark().build().unwrap();
        assert_eq!(graph.groups().len(), 3 * 5 * 6 * 5);
        assert_eq!(graph.masked_channels(), 5 * 6 * 5 * (16 + 32 + 64));
        // What all networks share, and a 1x1 and a 3x3 convolution with their batch norms on each edge.
        let operations: usize = [16, 32, 64].iter().map(|c| 10 * c * c + 4 * c).sum();
        assert_eq!(graph.cost().parameters as usize, 73_306 + 5 * 6 * operations);
    }

    #[test]
    fn odd_images_are_refused_by_name() {
        let family = NasBench201 { input: Shape::map(1, 7, 7), cells: 1, ..benchmark() };
        assert!(family.build().unwrap_err().to_string().contains("stage2.reduce.sum"));
    }
}
