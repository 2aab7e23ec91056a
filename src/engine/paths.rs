//! The options of a categorical posterior as tensors: shares of the operations on an edge, and the gradients of its logits.

use super::sums::Segments;
use super::weights::vector;
use crate::graph::Graph;
use crate::posterior::Choices;
use burn::tensor::{Device, Int, Tensor, TensorData, activation};

/// Added to the logit of an option that is not there, so that its share is zero.
const ABSENT: f32 = 1e6;

/// The options of all choices, side by side: as many slots for each choice as the widest has options.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    choices: usize,
    /// Options of the widest choice.
    width: usize,
    /// For each slot the first of its groups, whose logit counts for all, `[slots]`.
    group_of_slot: Tensor<1, Int>,
    /// For each group its slot, `[groups]`.
    slot_of_group: Tensor<1, Int>,
    /// The groups of each slot, and its masked channels.
    groups_of_slot: Segments,
    channels_of_slot: Segments,
    /// For each masked channel its slot, `[masked channels]`.
    slot_of_channel: Tensor<1, Int>,
    /// Zero, or [`ABSENT`] where a choice has fewer options than the widest, `[slots]`.
    absent: Tensor<1>,
}

impl Slots {
    pub(super) fn new(graph: &Graph, choices: &Choices, device: &Device) -> Self {
        let (count, width) = (choices.groups().len(), choices.widest());
        let mut group_of_slot = vec![0i32; count * width];
        let mut slot_of_group = vec![0usize; graph.groups().len()];
        let mut absent = vec![ABSENT; count * width];
        for (choice, options) in choices.groups().iter().enumerate() {
            for (option, groups) in options.iter().enumerate() {
                let slot = choice * width + option;
                absent[slot] = 0.0;
                group_of_slot[slot] = groups.first().map_or(0, |&group| group as i32);
                groups.iter().for_each(|&group| slot_of_group[group] = slot);
            }
        }
        let slot_of_channel: Vec<usize> = graph.group_of_channel().into_iter().map(|group| slot_of_group[group]).collect();
        let integers = |values: Vec<i32>| {
            let length = values.len();
            Tensor::<1, Int>::from_data(TensorData::new(values, [length]), device)
        };
        let indices = |values: Vec<usize>| integers(values.into_iter().map(|value| value as i32).collect());
        Self {
            choices: count,
            width,
            group_of_slot: integers(group_of_slot),
            groups_of_slot: Segments::new(&slot_of_group, count * width, device),
            channels_of_slot: Segments::new(&slot_of_channel, count * width, device),
            slot_of_group: indices(slot_of_group),
            slot_of_channel: indices(slot_of_channel),
            absent: vector(absent, device),
        }
    }

    /// Slots of all choices.
    pub(super) fn count(&self) -> usize {
        self.choices * self.width
    }

    /// The logits of the slots, `[slots]`.
    fn logits(&self, logits: &Tensor<1>) -> Tensor<1> {
        logits.clone().select(0, self.group_of_slot.clone()) + self.absent.clone()
    }

    /// The relaxed shares under Gumbel noise, both `[batch, slots]`; those of a choice sum to 1.
    pub(super) fn shares(&self, logits: &Tensor<1>, noise: Tensor<2>, temperature: f64) -> Tensor<2> {
        let batch = noise.dims()[0];
        let scores = (noise - self.logits(logits).unsqueeze::<2>()).div_scalar(temperature);
        activation::softmax(scores.reshape([batch, self.choices, self.width]), 2).reshape([batch, self.count()])
    }

    /// The keep mask of each channel, `[batch, masked channels]`.
    pub(super) fn per_channel(&self, shares: &Tensor<2>) -> Tensor<2> {
        shares.clone().select(1, self.slot_of_channel.clone())
    }

    /// The gradient with respect to the logits `[groups]` from that with respect to the keep masks; the groups of an option all get that
    /// of the option, so that they stay alike.
    pub(super) fn logit_gradient(&self, shares: &Tensor<2>, keep_gradient: Tensor<2>, temperature: f64) -> Tensor<1> {
        let [batch, slots] = shares.dims();
        let by_slot = self.channels_of_slot.of_rows(keep_gradient);
        let by_choice = |tensor: Tensor<2>| tensor.reshape([batch, self.choices, self.width]);
        let (weighted, shares) = (by_choice(by_slot * shares.clone()), by_choice(shares.clone()));
        let gradient = (shares * weighted.clone().sum_dim(2) - weighted).div_scalar(temperature);
        self.per_group(gradient.sum_dim(0).reshape([slots]))
    }

    /// The probability of each group's option `[groups]`, and N times the gradient of the KL term with respect to the logits `[groups]`,
    /// for squared norms `[groups]` and the weights of its two parts.
    pub(super) fn kl_gradient(&self, logits: &Tensor<1>, norms: Tensor<1>, (weight, entropy): (f64, f64)) -> (Tensor<1>, Tensor<1>) {
        let by_choice = |tensor: Tensor<1>| tensor.reshape([self.choices, self.width]);
        let scores = by_choice(self.logits(logits).neg());
        let (probability, ln_probability) = (activation::softmax(scores.clone(), 1), activation::log_softmax(scores, 1));
        let norms = self.groups_of_slot.of(norms);
        let weighted = probability.clone() * (ln_probability.mul_scalar(entropy) + by_choice(norms).mul_scalar(weight));
        let gradient = probability.clone() * weighted.clone().sum_dim(1) - weighted;
        (self.per_group(probability.reshape([self.count()])), self.per_group(gradient.reshape([self.count()])))
    }

    fn per_group(&self, by_slot: Tensor<1>) -> Tensor<1> {
        by_slot.select(0, self.slot_of_group.clone())
    }
}

/// Standard Gumbel noise from a uniform number in (0, 1).
pub(super) fn gumbel(v: f32) -> f32 {
    -(-f64::from(v).ln()).ln() as f32
}
