//! Cells of NAS-Bench-201 in its super-network: a genotype as a mask, a mask as a genotype, and what a posterior says of genotypes.

use super::{HardMask, Posterior};
use crate::graph::{CellGenotype, Graph, Operation};
use crate::random::open_unit;
use rand::Rng;

/// Edges of a cell.
const EDGES: usize = CellGenotype::EDGES.len();

/// Where the mask groups of a network of such cells stand in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cells {
    /// Of each group its block (by number), its edge, its operation and its channels.
    groups: Vec<(usize, usize, Operation, usize)>,
}

/// For each edge of a cell the probability of each operation, in the order of [`CellGenotype::candidates`]; each edge's sum to 1.
pub type CellProbabilities = [Vec<f64>; EDGES];

impl Cells {
    /// The cells of a graph; `None` where it is no super-network of NAS-Bench-201.
    #[must_use]
    pub fn of(graph: &Graph) -> Option<Self> {
        Self::from_groups(graph.groups().iter().map(|group| {
            let place = &group.place;
            (place.block.as_str(), place.edge.as_str(), place.operation, group.channels())
        }))
    }

    /// The same from block, edge, operation and channels of each mask group in order.
    #[must_use]
    pub fn from_groups<'a>(groups: impl IntoIterator<Item = (&'a str, &'a str, Operation, usize)>) -> Option<Self> {
        let mut blocks: Vec<&str> = Vec::new();
        let mut found = Vec::new();
        for (block, edge, operation, channels) in groups {
            if blocks.last() != Some(&block) {
                blocks.push(block);
            }
            let edge = CellGenotype::EDGES.iter().position(|(from, to)| format!("{from}→{to}") == edge)?;
            CellGenotype::candidates().find(|candidate| *candidate == operation)?;
            found.push((blocks.len() - 1, edge, operation, channels));
        }
        let complete = !found.is_empty() && found.len() == blocks.len() * EDGES * CellGenotype::candidates().count();
        complete.then_some(Self { groups: found })
    }

    /// The mask that keeps, in every cell, the operations of a genotype.
    #[must_use]
    pub fn mask(&self, genotype: &CellGenotype) -> HardMask {
        let kept = |&(_, edge, operation, channels): &(usize, usize, Operation, usize)| {
            std::iter::repeat_n(genotype.operations()[edge] == operation, channels)
        };
        HardMask::new(self.groups.iter().flat_map(kept).collect())
    }

    /// The genotype of a mask; `None` where it keeps another than one whole operation on an edge, or others in other cells.
    #[must_use]
    pub fn genotype(&self, mask: &HardMask) -> Option<CellGenotype> {
        let mut operations = [None; EDGES];
        let mut rest = mask.bits();
        for &(_, edge, operation, channels) in &self.groups {
            let (own, others) = rest.split_at_checked(channels)?;
            rest = others;
            if own.iter().any(|&keep| keep) {
                operations[edge].get_or_insert(operation);
            }
        }
        let mut chosen = [Operation::None; EDGES];
        for (slot, operation) in chosen.iter_mut().zip(operations) {
            *slot = operation?;
        }
        CellGenotype::new(chosen).filter(|genotype| self.mask(genotype) == *mask)
    }

    /// What a posterior says of the operations of each edge: the mean keep probability over the cells, as a share of all of the edge. Of a
    /// categorical posterior with tied cells these are its own probabilities.
    #[must_use]
    pub fn probabilities(&self, posterior: &Posterior) -> CellProbabilities {
        let mut sums: CellProbabilities = std::array::from_fn(|_| vec![0.0; CellGenotype::candidates().count()]);
        for (&(_, edge, operation, _), p) in self.groups.iter().zip(posterior.drop_probabilities()) {
            if let Some(option) = CellGenotype::candidates().position(|candidate| candidate == operation) {
                sums[edge][option] += p.keep();
            }
        }
        sums.map(|sums| {
            let all: f64 = sums.iter().sum();
            let even = 1.0 / sums.len() as f64;
            sums.into_iter().map(|sum| if all > 0.0 { sum / all } else { even }).collect()
        })
    }
}

/// Draws a genotype, edge by edge.
#[must_use]
pub fn drawn_cell(probabilities: &CellProbabilities, generator: &mut impl Rng) -> CellGenotype {
    let operations: Vec<Operation> = CellGenotype::candidates().collect();
    let mut pick = |probabilities: &Vec<f64>| {
        let mut left = f64::from(open_unit(generator));
        let taken = probabilities.iter().position(|probability| {
            left -= probability;
            left < 0.0
        });
        operations[taken.unwrap_or(operations.len() - 1)]
    };
    genotype(std::array::from_fn(|edge| pick(&probabilities[edge])))
}

/// The genotype of the likeliest operation of each edge; of equal ones the first.
#[must_use]
pub fn likeliest_cell(probabilities: &CellProbabilities) -> CellGenotype {
    let best = |probabilities: &Vec<f64>| {
        let most = probabilities.iter().copied().fold(0.0, f64::max);
        CellGenotype::candidates()
            .zip(probabilities)
            .find(|(_, probability)| **probability >= most)
            .map_or(Operation::None, |(best, _)| best)
    };
    genotype(std::array::from_fn(|edge| best(&probabilities[edge])))
}

fn genotype(operations: [Operation; EDGES]) -> CellGenotype {
    CellGenotype::new(operations).unwrap_or_else(|| unreachable!("the operations are those of the space"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Shape;
    use crate::graph::families::{Edges, NasBench201};
    use crate::posterior::{Choices, DropProbability, drawn};
    use crate::random::{Purpose, stream};
    use std::sync::Arc;

    fn network() -> Graph {
        NasBench201 { input: Shape::map(1, 8, 8), classes: 3, stem_stride: 1, channels: 2, cells: 2 }.build().unwrap()
    }

    #[test]
    fn genotypes_become_masks_and_again_genotypes() {
        let graph = network();
        let cells = Cells::of(&graph).unwrap();
        for genotype in CellGenotype::all().step_by(611) {
            let mask = cells.mask(&genotype);
            assert_eq!(cells.genotype(&mask), Some(genotype));
            let mut broken = mask.bits().to_vec();
            let first = broken.iter().position(|&keep| keep).unwrap();
            broken[first] = false;
            assert_eq!(cells.genotype(&HardMask::new(broken)), None);
        }
        assert_eq!(cells.genotype(&HardMask::whole(graph.masked_channels())), None);
        assert_eq!(cells.genotype(&HardMask::whole(3)), None);
    }

    #[test]
    fn other_networks_have_no_such_cells() {
        let operations = vec![Operation::Conv3, Operation::Identity];
        let edges = Edges { input: Shape::map(1, 8, 8), classes: 3, stem_stride: 1, stages: vec![4], blocks: 1, nodes: 3, operations };
        assert_eq!(Cells::of(&edges.build().unwrap()), None);
    }

    #[test]
    fn a_tied_categorical_posterior_gives_its_own_probabilities_and_draws_cells() {
        let graph = network();
        let cells = Cells::of(&graph).unwrap();
        let choices = Arc::new(Choices::of(&graph, true).unwrap());
        let logits = (0..graph.groups().len()).map(|group| ((group % 30) * 7 % 5) as f32 * 0.4).collect();
        let posterior = Posterior::categorical(&graph, choices.clone()).with_logits(logits);
        let own = choices.probabilities(posterior.logits());
        let told = cells.probabilities(&posterior);
        for (own, told) in own.iter().zip(&told) {
            assert!(own.iter().zip(told).all(|(a, b)| (a - b).abs() < 1e-9), "{own:?} {told:?}");
        }
        let generator = &mut stream(1, Purpose::Candidate, 0);
        for _ in 0..20 {
            let mask = drawn(&posterior, crate::graph::Granularity::Operation, generator);
            assert!(cells.genotype(&mask).is_some());
        }
        assert_eq!(cells.mask(&likeliest_cell(&told)), crate::posterior::likeliest(&posterior));
    }

    #[test]
    fn cells_are_drawn_at_their_rates() {
        let mut even: CellProbabilities = std::array::from_fn(|_| vec![0.2; 5]);
        even[2] = vec![0.0, 0.5, 0.0, 0.5, 0.0];
        let generator = &mut stream(2, Purpose::Candidate, 0);
        let drawn: Vec<CellGenotype> = (0..1_000).map(|_| drawn_cell(&even, generator)).collect();
        let share = |edge: usize, operation| drawn.iter().filter(|cell| cell.operations()[edge] == operation).count();
        assert_eq!(share(2, Operation::Identity) + share(2, Operation::Conv3), 1_000);
        assert!((440..560).contains(&share(2, Operation::Conv3)) && (150..250).contains(&share(0, Operation::None)));
        let gates = Posterior::uniform(&network(), DropProbability::new(0.3).unwrap());
        let told = Cells::of(&network()).unwrap().probabilities(&gates);
        assert!(told.iter().flatten().all(|share| (share - 0.2).abs() < 1e-9), "gates count as shares of their edge: {told:?}");
    }
}
