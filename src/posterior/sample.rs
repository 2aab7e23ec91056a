//! Drawing hard masks: from the posterior, from the posterior permuted, and by threshold.

use super::{DropProbability, HardMask, Posterior};
use crate::graph::{Granularity, Graph};
use crate::random::{open_unit, shuffle};
use rand::Rng;
use std::collections::BTreeMap;

/// Draws every bit by itself: dropped where `u + p >= 1` for a uniform u (method 4).
#[must_use]
pub fn bernoulli(p: &[DropProbability], channels: &[usize], granularity: Granularity, generator: &mut impl Rng) -> HardMask {
    let mut keep = Vec::with_capacity(channels.iter().sum());
    for (p, &channels) in p.iter().zip(channels) {
        let bits = granularity.bits(channels);
        for _ in 0..bits {
            let kept = f64::from(open_unit(generator)) + p.drop() < 1.0;
            keep.extend(std::iter::repeat_n(kept, channels / bits));
        }
    }
    HardMask::new(keep)
}

/// Keeps a group whole where its p is at most one half, drops it whole otherwise: the mode of the posterior.
#[must_use]
pub fn thresholded(p: &[DropProbability], channels: &[usize]) -> HardMask {
    let bits = p.iter().zip(channels).flat_map(|(p, &channels)| std::iter::repeat_n(p.drop() <= 0.5, channels));
    HardMask::new(bits.collect())
}

/// Draws a mask from a posterior: every bit by itself from gates, one operation of each edge from a categorical one.
#[must_use]
pub fn drawn(posterior: &Posterior, granularity: Granularity, generator: &mut impl Rng) -> HardMask {
    match posterior.choices() {
        None => bernoulli(&posterior.drop_probabilities().collect::<Vec<_>>(), posterior.channels(), granularity, generator),
        Some(choices) => choices.mask(&choices.draw(&choices.probabilities(posterior.logits()), generator)),
    }
}

/// Draws a mask of what the posterior knows about *how much*, without what it knows about *where*: [`permuted`] for gates, operations at
/// their own rates on permuted edges for a categorical one.
#[must_use]
pub fn rearranged(posterior: &Posterior, classes: &SizeClasses, granularity: Granularity, generator: &mut impl Rng) -> HardMask {
    match posterior.choices() {
        None => {
            let shuffled = permuted(&posterior.drop_probabilities().collect::<Vec<_>>(), classes, generator);
            bernoulli(&shuffled, posterior.channels(), granularity, generator)
        }
        Some(choices) => {
            let shuffled = choices.permuted(&choices.probabilities(posterior.logits()), generator);
            choices.mask(&choices.draw(&shuffled, generator))
        }
    }
}

/// The mode of a posterior: [`thresholded`] for gates, the likeliest operation of each edge for a categorical one.
#[must_use]
pub fn likeliest(posterior: &Posterior) -> HardMask {
    match posterior.choices() {
        None => thresholded(&posterior.drop_probabilities().collect::<Vec<_>>(), posterior.channels()),
        Some(choices) => choices.mask(&choices.likeliest(&choices.probabilities(posterior.logits()))),
    }
}

/// Groups of equal size, within which drop probabilities may change places without changing the expected kept share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeClasses {
    members: Vec<Vec<usize>>,
}

impl SizeClasses {
    /// The classes of groups with these numbers of channels.
    #[must_use]
    pub fn new(channels: &[usize]) -> Self {
        let mut classes = BTreeMap::<usize, Vec<usize>>::new();
        for (group, &size) in channels.iter().enumerate() {
            classes.entry(size).or_default().push(group);
        }
        Self { members: classes.into_values().collect() }
    }
}

/// The same drop probabilities, shuffled within each size class: what the posterior knows about *how much* to keep, without what
/// it knows about *where*. The matched random baseline (method 9).
#[must_use]
pub fn permuted(p: &[DropProbability], classes: &SizeClasses, generator: &mut impl Rng) -> Vec<DropProbability> {
    let mut shuffled = p.to_vec();
    for members in &classes.members {
        let mut values: Vec<DropProbability> = members.iter().map(|&group| p[group]).collect();
        shuffle(generator, &mut values);
        for (&group, value) in members.iter().zip(values) {
            shuffled[group] = value;
        }
    }
    shuffled
}

/// The one drop probability for all groups at which a candidate keeps as many parameters in expectation as one of the posterior.
#[must_use]
pub fn matched_on_parameters(posterior: &Posterior, graph: &Graph) -> DropProbability {
    // What a candidate costs is linear in the channels that it drops, so that two points tell the whole line.
    let whole = graph.cost().parameters;
    let nothing = graph.cost_without(posterior.channels().iter().map(|&channels| channels as f64)).parameters;
    let wanted = graph.cost_without(posterior.expected_dropped()).parameters;
    let p = if whole > nothing { (whole - wanted) / (whole - nothing) } else { posterior.expected_drop_share() };
    DropProbability::new(p.clamp(0.0, 1.0)).unwrap_or_else(|| unreachable!("{p} lies between 0 and 1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    fn drops(values: &[f64]) -> Vec<DropProbability> {
        values.iter().map(|&value| DropProbability::new(value).unwrap()).collect()
    }

    #[test]
    fn bernoulli_keeps_the_expected_share_and_respects_certainty() {
        let generator = &mut stream(1, Purpose::Candidate, 0);
        let mask = bernoulli(&drops(&[0.0, 1.0, 0.3]), &[50, 50, 20_000], Granularity::Channel, generator);
        assert!(mask.bits()[..50].iter().all(|&keep| keep) && mask.bits()[50..100].iter().all(|&keep| !keep));
        let share = mask.bits()[100..].iter().filter(|&&keep| keep).count() as f64 / 20_000.0;
        assert!((share - 0.7).abs() < 0.02, "{share}");
    }

    #[test]
    fn operations_are_kept_or_dropped_whole() {
        let (p, channels) = (drops(&[0.3; 2_000]), [5; 2_000]);
        let mask = bernoulli(&p, &channels, Granularity::Operation, &mut stream(1, Purpose::Candidate, 0));
        assert_eq!(mask.bits().len(), 10_000);
        assert!(mask.bits().chunks(5).all(|bits| bits.iter().all(|&bit| bit == bits[0])));
        assert!((mask.kept_share() - 0.7).abs() < 0.03, "{}", mask.kept_share());
    }

    #[test]
    fn permuting_keeps_each_class_and_moves_something() {
        let channels = [4, 8, 4, 8, 4];
        let p = drops(&[0.1, 0.2, 0.3, 0.4, 0.5]);
        let classes = SizeClasses::new(&channels);
        let mut moved = false;
        for index in 0..20 {
            let shuffled = permuted(&p, &classes, &mut stream(1, Purpose::RandomCandidate, index));
            for class in [vec![0, 2, 4], vec![1, 3]] {
                let sorted = |p: &[DropProbability]| {
                    let mut values: Vec<_> = class.iter().map(|&group: &usize| p[group].drop()).collect();
                    values.sort_by(f64::total_cmp);
                    values
                };
                assert_eq!(sorted(&p), sorted(&shuffled));
            }
            moved |= shuffled != p;
        }
        assert!(moved);
    }

    #[test]
    fn one_probability_for_all_keeps_as_many_parameters() {
        use crate::graph::families::Edges;
        use crate::graph::{Operation, Shape};
        let operations = vec![Operation::Conv3, Operation::Separable3, Operation::Identity];
        let family = Edges { input: Shape::map(1, 8, 8), classes: 10, stem_stride: 1, stages: vec![4, 8], blocks: 1, nodes: 2, operations };
        let graph = family.build().unwrap();
        let posterior = Posterior::uniform(&graph, DropProbability::new(0.3).unwrap());
        let uneven = posterior.with_logits((0..posterior.logits().len()).map(|group| (group % 5) as f32 - 2.0).collect());
        let parameters = |posterior: &Posterior| graph.cost_without(posterior.expected_dropped()).parameters;
        let p = matched_on_parameters(&uneven, &graph);
        let even = Posterior::uniform(&graph, p);
        assert!((parameters(&even) - parameters(&uneven)).abs() < 0.01, "{} instead of {}", parameters(&even), parameters(&uneven));
        assert!((even.expected_drop_share() - uneven.expected_drop_share()).abs() > 0.01, "channels differ where parameters do not");
        assert!((matched_on_parameters(&posterior, &graph).drop() - 0.3).abs() < 1e-6);
    }

    #[test]
    fn the_threshold_takes_whole_groups() {
        assert_eq!(thresholded(&drops(&[0.2, 0.8]), &[2, 1]).to_string(), "3:c");
    }
}
