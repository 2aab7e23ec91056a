//! Drop probabilities and the one vector of logits that holds them.

use super::Choices;
use crate::graph::Graph;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The drop probabilities of what is undecided: within 95 %, as the intervals elsewhere. They begin and end where no preset has its p begin:
/// on a limit, the share of what is undecided would jump with the first step, of which no p has moved yet to speak of.
pub const UNDECIDED: RangeInclusive<f64> = 0.05..=0.95;

/// The probability that a masked channel is dropped; within [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct DropProbability(f64);

impl DropProbability {
    /// What is always kept.
    pub const NEVER: Self = Self(0.0);

    /// `None` outside [0, 1] and for NaN.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// The drop probability p.
    #[must_use]
    pub fn drop(self) -> f64 {
        self.0
    }

    /// The keep probability 1 - p.
    #[must_use]
    pub fn keep(self) -> f64 {
        1.0 - self.0
    }

    /// Entropy of one channel's keep bit, in bits.
    #[must_use]
    pub fn entropy_bits(self) -> f64 {
        let term = |x: f64| if x > 0.0 { -x * x.log2() } else { 0.0 };
        term(self.0) + term(1.0 - self.0)
    }

    /// Whether neither dropping nor keeping has 95 % for itself.
    #[must_use]
    pub fn undecided(self) -> bool {
        UNDECIDED.contains(&self.0)
    }
}

/// ln(p / (1 - p)).
#[must_use]
pub fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

/// 1 / (1 + exp(-x)).
#[must_use]
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// One logit per mask group, and how many channels share it: the whole posterior over architectures. Either every group is a gate of its
/// own, or the operations of an edge share one categorical distribution, see [`Choices`].
#[derive(Debug, Clone, PartialEq)]
pub struct Posterior {
    logits: Vec<f32>,
    channels: Vec<usize>,
    choices: Option<Arc<Choices>>,
}

impl Posterior {
    /// All groups of a graph at one drop probability.
    #[must_use]
    pub fn uniform(graph: &Graph, p: DropProbability) -> Self {
        let channels: Vec<usize> = graph.groups().iter().map(crate::graph::MaskGroup::channels).collect();
        Self { logits: vec![logit(p.drop()) as f32; channels.len()], channels, choices: None }
    }

    /// One operation on each edge, all of them alike.
    #[must_use]
    pub fn categorical(graph: &Graph, choices: Arc<Choices>) -> Self {
        let channels: Vec<usize> = graph.groups().iter().map(crate::graph::MaskGroup::channels).collect();
        Self { logits: vec![0.0; channels.len()], channels, choices: Some(choices) }
    }

    /// The choices of a categorical posterior; `None` for gates.
    #[must_use]
    pub fn choices(&self) -> Option<&Choices> {
        self.choices.as_deref()
    }

    /// The same groups with other logits.
    ///
    /// # Panics
    /// Where the number of logits is not that of the groups, which no input from outside can bring about.
    #[must_use]
    pub fn with_logits(&self, logits: Vec<f32>) -> Self {
        assert_eq!(logits.len(), self.channels.len(), "one logit per mask group");
        Self { logits, channels: self.channels.clone(), choices: self.choices.clone() }
    }

    /// The logits, one per group.
    #[must_use]
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// K of each group.
    #[must_use]
    pub fn channels(&self) -> &[usize] {
        &self.channels
    }

    /// The drop probabilities, one per group.
    #[must_use]
    pub fn drop_probabilities(&self) -> impl ExactSizeIterator<Item = DropProbability> + use<> {
        let drops: Vec<DropProbability> = match &self.choices {
            None => self.logits.iter().map(|&logit| DropProbability(sigmoid(f64::from(logit)))).collect(),
            Some(choices) => choices.drop_probabilities(&choices.probabilities(&self.logits)),
        };
        drops.into_iter()
    }

    /// The expected number of dropped channels of each group.
    pub fn expected_dropped(&self) -> impl Iterator<Item = f64> {
        self.drop_probabilities().zip(&self.channels).map(|(p, &channels)| p.drop() * channels as f64)
    }

    /// The expected share of masked channels that are dropped.
    #[must_use]
    pub fn expected_drop_share(&self) -> f64 {
        self.expected_dropped().sum::<f64>() / self.channels.iter().sum::<usize>().max(1) as f64
    }
}
