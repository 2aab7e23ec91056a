//! The health of a posterior in a few numbers.

use super::Posterior;
use crate::graph::Graph;

/// What the whole posterior looks like at one moment. Shares and means are over masked channels, not groups.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Health {
    /// Mean entropy of a channel's keep bit, in bits: 1 = undecided, 0 = settled.
    pub entropy_bits: f64,
    /// Share of channels whose p lies within [`super::UNDECIDED`].
    pub undecided_share: f64,
    /// Expected share of channels that are dropped.
    pub expected_drop_share: f64,
    /// Expected parameters of a candidate, by the paper's count.
    pub expected_parameters: f64,
    /// Expected multiply-accumulates of a candidate, by the paper's count.
    pub expected_macs: f64,
    /// Largest change of any p since the posterior compared with; zero without one.
    pub largest_change: f64,
}

impl Health {
    /// Summarises a posterior over the groups of a graph, and its change since `before`.
    #[must_use]
    pub fn of(posterior: &Posterior, graph: &Graph, before: Option<&Posterior>) -> Self {
        let total = posterior.channels().iter().sum::<usize>().max(1) as f64;
        let weighted = |value: &dyn Fn(super::DropProbability) -> f64| {
            posterior.drop_probabilities().zip(posterior.channels()).map(|(p, &channels)| value(p) * channels as f64).sum::<f64>() / total
        };
        let cost = graph.cost_without(posterior.expected_dropped());
        let changes = before.into_iter().flat_map(|before| {
            posterior.drop_probabilities().zip(before.drop_probabilities()).map(|(now, then)| (now.drop() - then.drop()).abs())
        });
        Self {
            entropy_bits: weighted(&|p| p.entropy_bits()),
            undecided_share: weighted(&|p| f64::from(u8::from(p.undecided()))),
            expected_drop_share: posterior.expected_drop_share(),
            expected_parameters: cost.parameters,
            expected_macs: cost.macs,
            largest_change: changes.fold(0.0, f64::max),
        }
    }
}
