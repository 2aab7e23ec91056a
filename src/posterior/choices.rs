//! The choices of a categorical posterior: exactly one operation on each edge, over all cells that choose alike.

use super::{DropProbability, HardMask};
use crate::graph::{Graph, Op, Operation};
use crate::random::{below, open_unit, shuffle};
use rand::Rng;
use std::collections::BTreeMap;

/// The operations of an edge, each with its mask groups.
type Options = Vec<(Operation, Vec<usize>)>;

/// The edges of a network as choices between operations. An edge of one operation is a choice that is made already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choices {
    /// Of each choice, of each of its options, the mask groups that are kept together.
    groups: Vec<Vec<Vec<usize>>>,
    /// Choices between the same operations.
    alike: Vec<Vec<usize>>,
    /// Channels of each mask group.
    channels: Vec<usize>,
}

impl Choices {
    /// The choices of a graph. With `tied` all cells of one kind choose alike, as in NAS-Bench-201 and DARTS: blocks with the same
    /// operations of the same strides on the same edges. `None` where no edge offers two operations.
    #[must_use]
    pub fn of(graph: &Graph, tied: bool) -> Option<Self> {
        let channels: Vec<usize> = graph.groups().iter().map(crate::graph::MaskGroup::channels).collect();
        let mut kinds = BTreeMap::<&str, Vec<(&str, Operation, usize)>>::new();
        for group in graph.groups() {
            let stride = match graph.node(group.node).op {
                Op::Conv { stride, .. } | Op::Pool { stride, .. } => stride,
                _ => 1,
            };
            kinds.entry(&group.place.block).or_default().push((&group.place.edge, group.place.operation, stride));
        }
        // Edges in the order of the network, each with its operations in theirs.
        let mut edges: Vec<(_, Options)> = Vec::new();
        for (index, group) in graph.groups().iter().enumerate() {
            let block = group.place.block.as_str();
            let kind = kinds.get(block).filter(|_| tied);
            let key = (if tied { "" } else { block }, kind, group.place.edge.as_str());
            let place = edges.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
                edges.push((key, Vec::new()));
                edges.len() - 1
            });
            let options = &mut edges[place].1;
            match options.iter_mut().find(|(operation, _)| *operation == group.place.operation) {
                Some((_, groups)) => groups.push(index),
                None => options.push((group.place.operation, vec![index])),
            }
        }
        let mut alike = BTreeMap::<Vec<Operation>, Vec<usize>>::new();
        for (choice, (_, options)) in edges.iter().enumerate() {
            alike.entry(options.iter().map(|(operation, _)| *operation).collect()).or_default().push(choice);
        }
        let groups: Vec<Vec<Vec<usize>>> =
            edges.into_iter().map(|(_, options)| options.into_iter().map(|(_, groups)| groups).collect()).collect();
        let chooses = groups.iter().any(|options| options.len() > 1);
        chooses.then(|| Self { groups, alike: alike.into_values().collect(), channels })
    }

    /// Of each choice, of each of its options, the mask groups that are kept together; none is empty.
    #[must_use]
    pub fn groups(&self) -> &[Vec<Vec<usize>>] {
        &self.groups
    }

    /// Options of the choice that has most.
    #[must_use]
    pub fn widest(&self) -> usize {
        self.groups.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The probabilities of the options: `softmax(-logit)` within each choice, so that a larger logit drops more often, as for gates. The
    /// groups of one option share their logit; the first one's counts.
    #[must_use]
    pub fn probabilities(&self, logits: &[f32]) -> Vec<Vec<f64>> {
        let softmax = |options: &Vec<Vec<usize>>| {
            let logit = |groups: &Vec<usize>| groups.first().and_then(|&group| logits.get(group)).map_or(0.0, |&logit| f64::from(logit));
            let least = options.iter().map(logit).fold(f64::INFINITY, f64::min);
            let weights: Vec<f64> = options.iter().map(|groups| (least - logit(groups)).exp()).collect();
            let sum: f64 = weights.iter().sum();
            weights.into_iter().map(|weight| weight / sum).collect()
        };
        self.groups.iter().map(softmax).collect()
    }

    /// Every option of each choice alike.
    #[must_use]
    pub fn uniform(&self) -> Vec<Vec<f64>> {
        self.groups.iter().map(|options| vec![1.0 / options.len() as f64; options.len()]).collect()
    }

    /// p of every mask group: the probability that another option is chosen.
    #[must_use]
    pub fn drop_probabilities(&self, probabilities: &[Vec<f64>]) -> Vec<DropProbability> {
        let mut drops = vec![DropProbability::NEVER; self.channels.len()];
        for (options, probabilities) in self.groups.iter().zip(probabilities) {
            for (groups, &probability) in options.iter().zip(probabilities) {
                groups
                    .iter()
                    .for_each(|&group| drops[group] = DropProbability::new((1.0 - probability).clamp(0.0, 1.0)).unwrap_or_default());
            }
        }
        drops
    }

    /// The same distributions, shuffled among choices between the same operations: how often each operation is taken, without where.
    #[must_use]
    pub fn permuted(&self, probabilities: &[Vec<f64>], generator: &mut impl Rng) -> Vec<Vec<f64>> {
        let mut shuffled = probabilities.to_vec();
        for choices in &self.alike {
            let mut order = choices.clone();
            shuffle(generator, &mut order);
            choices.iter().zip(order).for_each(|(&choice, other)| shuffled[choice].clone_from(&probabilities[other]));
        }
        shuffled
    }

    /// Draws an option of each choice.
    #[must_use]
    pub fn draw(&self, probabilities: &[Vec<f64>], generator: &mut impl Rng) -> Vec<usize> {
        let mut pick = |probabilities: &Vec<f64>| {
            let mut left = f64::from(open_unit(generator));
            let below = |probability: &f64| {
                left -= probability;
                left < 0.0
            };
            // What rounding leaves over belongs to the last option that can be.
            let last = || probabilities.iter().rposition(|&probability| probability > 0.0).unwrap_or(0);
            probabilities.iter().position(below).unwrap_or_else(last)
        };
        probabilities.iter().map(&mut pick).collect()
    }

    /// An option of each choice, all alike.
    #[must_use]
    pub fn any(&self, generator: &mut impl Rng) -> Vec<usize> {
        self.groups.iter().map(|options| below(generator, options.len())).collect()
    }

    /// The option of each choice in one turn of a strictly fair order: in as many turns as a choice has options, each is taken once.
    /// `generator` gives that of a round of a choice.
    #[must_use]
    pub fn fair<R: Rng>(&self, turn: u64, mut generator: impl FnMut(usize, u64) -> R) -> Vec<usize> {
        let option = |(choice, options): (usize, &Vec<Vec<usize>>)| {
            let count = options.len() as u64;
            let mut order: Vec<usize> = (0..options.len()).collect();
            shuffle(&mut generator(choice, turn / count), &mut order);
            order[(turn % count) as usize]
        };
        self.groups.iter().enumerate().map(option).collect()
    }

    /// The likeliest option of each choice; of equal ones the first.
    #[must_use]
    pub fn likeliest(&self, probabilities: &[Vec<f64>]) -> Vec<usize> {
        let best = |probabilities: &Vec<f64>| {
            let most = probabilities.iter().copied().fold(0.0, f64::max);
            probabilities.iter().position(|&probability| probability >= most).unwrap_or(0)
        };
        probabilities.iter().map(best).collect()
    }

    /// The mask that keeps one option of each choice.
    #[must_use]
    pub fn mask(&self, picks: &[usize]) -> HardMask {
        let mut keep = vec![false; self.channels.len()];
        for (options, &pick) in self.groups.iter().zip(picks) {
            options.get(pick).into_iter().flatten().for_each(|&group| keep[group] = true);
        }
        HardMask::new(keep.iter().zip(&self.channels).flat_map(|(&keep, &channels)| std::iter::repeat_n(keep, channels)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Shape;
    use crate::graph::families::{Darts, NasBench201};
    use crate::random::{Purpose, stream};
    use proptest::prelude::*;

    fn cell() -> Graph {
        NasBench201 { input: Shape::map(1, 8, 8), classes: 3, stem_stride: 1, channels: 2, cells: 2 }.build().unwrap()
    }

    #[test]
    fn tied_cells_choose_alike_and_others_for_themselves() {
        let graph = cell();
        let tied = Choices::of(&graph, true).unwrap();
        assert_eq!((tied.groups().len(), tied.widest(), tied.alike.len()), (6, 5, 1));
        assert!(tied.groups().iter().flatten().all(|groups| groups.len() == 6), "one group in each of the 6 cells");
        let free = Choices::of(&graph, false).unwrap();
        assert_eq!(free.groups().len(), 36);
        let darts = Darts { input: Shape::map(1, 16, 16), classes: 3, stem_stride: 1, channels: 2, cells: 1 }.build().unwrap();
        let kinds = Choices::of(&darts, true).unwrap();
        assert_eq!(kinds.groups().len(), 28, "normal and reduction cells");
        let groups = kinds.groups().iter().flatten().flatten().count();
        assert_eq!(groups, darts.groups().len());
    }

    #[test]
    fn a_mask_keeps_one_operation_of_each_edge_of_each_cell() {
        let graph = cell();
        let choices = Choices::of(&graph, true).unwrap();
        let generator = &mut stream(1, Purpose::Candidate, 0);
        for _ in 0..20 {
            let picks = choices.draw(&choices.uniform(), generator);
            let kept = choices.mask(&picks).kept_per_group(&graph);
            for (index, kept) in kept.chunks(5).enumerate() {
                let channels = graph.groups()[5 * index].channels();
                let expected: Vec<usize> = (0..5).map(|option| if option == picks[index % 6] { channels } else { 0 }).collect();
                assert_eq!(kept, expected);
            }
        }
    }

    #[test]
    fn draws_follow_the_probabilities() {
        let choices = Choices::of(&cell(), true).unwrap();
        let mut logits = vec![0.0f32; 180];
        // -ln of 4, 2, 1, 1, 0 on the first edge of every cell.
        for cell in 0..6 {
            for (option, weight) in [4.0f32, 2.0, 1.0, 1.0, 1e-30].into_iter().enumerate() {
                logits[30 * cell + option] = -weight.ln();
            }
        }
        let probabilities = choices.probabilities(&logits);
        assert!((probabilities[0][0] - 0.5).abs() < 1e-6 && (probabilities[1][0] - 0.2).abs() < 1e-6, "{probabilities:?}");
        let generator = &mut stream(2, Purpose::Candidate, 0);
        let mut counts = [0u32; 5];
        (0..8_000).for_each(|_| counts[choices.draw(&probabilities, generator)[0]] += 1);
        assert!((3_800..4_200).contains(&counts[0]) && (1_850..2_150).contains(&counts[1]) && counts[4] == 0, "{counts:?}");
        assert_eq!(choices.likeliest(&probabilities), [0; 6]);
        let drops = choices.drop_probabilities(&probabilities);
        assert!((drops[30].drop() - 0.5).abs() < 1e-6 && (drops[31].drop() - 0.75).abs() < 1e-6, "all cells alike");
    }

    #[test]
    fn fair_turns_take_every_operation_equally_often() {
        let choices = Choices::of(&cell(), true).unwrap();
        let turn = |turn| choices.fair(turn, |choice, round| stream(3, Purpose::WarmUp, (choice as u64) << 40 | round));
        let mut orders = std::collections::HashSet::new();
        for round in 0..10 {
            let turns: Vec<Vec<usize>> = (0..5).map(|place| turn(5 * round + place)).collect();
            for choice in 0..6 {
                let order: Vec<usize> = turns.iter().map(|picks| picks[choice]).collect();
                let mut sorted = order.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, [0, 1, 2, 3, 4]);
                orders.insert(order);
            }
        }
        assert!(orders.len() > 20, "in ever other orders");
    }

    #[test]
    fn permuting_moves_distributions_between_edges() {
        let choices = Choices::of(&cell(), true).unwrap();
        let own: Vec<Vec<f64>> = (0..6).map(|choice| vec![0.1 * f64::from(choice), 1.0 - 0.1 * f64::from(choice), 0.0, 0.0, 0.0]).collect();
        let mut moved = choices.permuted(&own, &mut stream(1, Purpose::RandomCandidate, 0));
        assert_ne!(moved, own);
        moved.sort_by(|a, b| a[0].total_cmp(&b[0]));
        assert_eq!(moved, own);
    }

    proptest! {
        #[test]
        fn probabilities_of_an_edge_sum_to_one(logits in proptest::collection::vec(-90f32..90.0, 180)) {
            let choices = Choices::of(&cell(), false).unwrap();
            for probabilities in choices.probabilities(&logits) {
                let sum: f64 = probabilities.iter().sum();
                prop_assert!((sum - 1.0).abs() < 1e-12 && probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
            }
        }
    }
}
