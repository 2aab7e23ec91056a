//! The objective on the device: relaxed masks with their gradient, and the KL term by its closed-form gradient.

use super::devices::is_cpu;
use super::kernels::relaxation;
use super::paths::{self, Slots};
use super::sums::{ChannelNorms, Runs, Segments};
use super::weights::{matrix, vector};
use crate::graph::{Granularity, Graph};
use crate::posterior::{Choices, HardMask, Regulariser, logit};
use crate::random::{Purpose, open_unit, stream};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use std::ops::Range;

/// Which weight, channel and group belong together, as tensors on the device.
#[derive(Debug, Clone)]
pub struct Objective {
    regulariser: Regulariser,
    temperature: f64,
    weights: Weights,
    /// For each masked channel its group, `[masked channels]`.
    group_of_channel: Tensor<1, Int>,
    /// The masked channels of each group.
    channels_of_group: Segments,
    /// The options of a categorical posterior; `None` for gates.
    slots: Option<Slots>,
    /// For each masked channel its independent bit of the mask.
    bit_of_channel: Vec<usize>,
    /// Independent bits of the mask.
    bits: usize,
    /// K of each group: its independent bits, `[groups]`.
    bits_of_group: Tensor<1>,
    groups: usize,
}

/// The weights of each group, in the way that suits the device.
#[derive(Debug, Clone)]
enum Weights {
    /// On the CPU.
    Runs(Runs),
    /// Elsewhere: squared norms are taken of the weights of each channel first. For each weight its group; the number of groups for a weight
    /// that no mask covers, `[weights]`.
    Channels(Box<(ChannelNorms, Tensor<1, Int>)>),
}

/// Relaxed masks of one step.
#[derive(Debug, Clone)]
pub struct RelaxedMasks {
    /// Keep masks, `[batch, masked channels]`.
    pub keep: Tensor<2>,
    /// Of a categorical posterior, the shares of the options, `[batch, slots]`; there is no gradient of the logits without.
    pub shares: Option<Tensor<2>>,
}

impl RelaxedMasks {
    /// Those of some examples.
    #[must_use]
    pub fn rows(&self, rows: &Range<usize>) -> Self {
        let of = |tensor: &Tensor<2>| tensor.clone().narrow(0, rows.start, rows.len());
        Self { keep: of(&self.keep), shares: self.shares.as_ref().map(of) }
    }
}

/// Gradient of the KL term.
#[derive(Debug)]
pub struct KlGradient {
    /// With respect to the weights, `[weights]`.
    pub weights: Tensor<1>,
    /// With respect to the logits, `[groups]`.
    pub logits: Tensor<1>,
}

impl Objective {
    /// Prepares the objective of a graph on a device (the inner one, without autodiff).
    #[must_use]
    pub fn new(graph: &Graph, granularity: Granularity, regulariser: Regulariser, temperature: f64, device: &Device) -> Self {
        let integers = |values: Vec<i32>| {
            let length = values.len();
            Tensor::<1, Int>::from_data(TensorData::new(values, [length]), device)
        };
        let channels: Vec<usize> = graph.groups().iter().map(crate::graph::MaskGroup::channels).collect();
        let channels_of_group = Segments::new(&graph.group_of_channel(), channels.len(), device);
        let group_of_channel = graph.group_of_channel().into_iter().map(|group| group as i32).collect();
        let bits_of_group: Vec<usize> = channels.iter().map(|&channels| granularity.bits(channels)).collect();
        let bit_sizes = channels.iter().zip(&bits_of_group).flat_map(|(channels, &bits)| std::iter::repeat_n(channels / bits, bits));
        let bit_of_channel = bit_sizes.enumerate().flat_map(|(bit, channels)| std::iter::repeat_n(bit, channels)).collect();
        Self {
            regulariser,
            temperature,
            slots: None,
            weights: if is_cpu(device) {
                Weights::Runs(Runs::new(&group_of_weight(graph), channels.len()))
            } else {
                Weights::Channels(Box::new((ChannelNorms::new(graph), integers(group_of_weight(graph)))))
            },
            group_of_channel: integers(group_of_channel),
            channels_of_group,
            bit_of_channel,
            bits: bits_of_group.iter().sum(),
            bits_of_group: vector(bits_of_group.iter().map(|&bits| bits as f32).collect(), device),
            groups: channels.len(),
        }
    }

    /// The same for one operation on each edge, relaxed by Gumbel-softmax: one distribution for each choice, with a uniform prior.
    #[must_use]
    pub fn categorical(graph: &Graph, choices: &Choices, regulariser: Regulariser, temperature: f64, device: &Device) -> Self {
        let gates = Self::new(graph, Granularity::Operation, regulariser, temperature, device);
        Self { slots: Some(Slots::new(graph, choices, device)), ..gates }
    }

    /// Masks of a step under which all examples take one path.
    #[must_use]
    pub fn path(&self, mask: &HardMask, batch: usize, device: &Device) -> RelaxedMasks {
        let row: Vec<f32> = mask.bits().iter().map(|&keep| f32::from(u8::from(keep))).collect();
        let channels = row.len();
        RelaxedMasks { keep: matrix(row.repeat(batch), batch, channels, device), shares: None }
    }

    /// Changes the temperature and L_w from here on.
    pub fn steer(&mut self, temperature: f64, weight_prior: f64) {
        self.temperature = temperature;
        self.regulariser.weight = weight_prior;
    }

    /// The regulariser in force.
    #[must_use]
    pub fn regulariser(&self) -> Regulariser {
        self.regulariser
    }

    /// Draws the relaxed keep masks of a step, `keep = 1 - σ((logit p + noise) / τ)`, one number per example and bit of the mask; for a
    /// categorical posterior the softmax of `(noise - logit) / τ` over the operations of a choice, with Gumbel noise.
    #[must_use]
    pub fn draw(&self, logits: &Tensor<1>, batch: usize, seed: u64, step: u64) -> RelaxedMasks {
        let mut generator = stream(seed, Purpose::Mask, step);
        if let Some(slots) = &self.slots {
            let gumbel = (0..batch * slots.count()).map(|_| paths::gumbel(open_unit(&mut generator))).collect();
            return self.relax(logits, matrix(gumbel, batch, slots.count(), &logits.device()));
        }
        let channels = self.bit_of_channel.len();
        let mut bits: Vec<f32> = (0..batch * self.bits).map(|_| open_unit(&mut generator)).collect();
        relaxation::logistic(&mut bits);
        let noise = if self.bits == channels {
            bits
        } else {
            bits.chunks_exact(self.bits).flat_map(|bits| self.bit_of_channel.iter().map(|&bit| bits[bit])).collect()
        };
        self.relax(logits, matrix(noise, batch, channels, &logits.device()))
    }

    /// The relaxed keep masks under given noise: logistic, `[batch, masked channels]`; of a categorical posterior Gumbel, `[batch, slots]`.
    #[must_use]
    pub fn relax(&self, logits: &Tensor<1>, noise: Tensor<2>) -> RelaxedMasks {
        if let Some(slots) = &self.slots {
            let shares = slots.shares(logits, noise, self.temperature);
            return RelaxedMasks { keep: slots.per_channel(&shares), shares: Some(shares) };
        }
        let per_channel = logits.clone().select(0, self.group_of_channel.clone());
        if is_cpu(&logits.device()) {
            let ([batch, channels], device) = (noise.dims(), noise.device());
            let mut keep = here(noise);
            relaxation::relax(&mut keep, &here(per_channel), self.temperature as f32);
            return RelaxedMasks { keep: matrix(keep, batch, channels, &device), shares: None };
        }
        let per_channel = per_channel.unsqueeze::<2>();
        RelaxedMasks { keep: activation::sigmoid((noise + per_channel).div_scalar(-self.temperature)), shares: None }
    }

    /// The gradient with respect to the logits `[groups]`, from that with respect to the keep masks.
    ///
    /// `d keep / d logit p = -keep (1 - keep) / τ`, summed over the examples and channels that share the logit. Of a categorical posterior
    /// `d share i / d logit j = -share i (δij - share j) / τ`; zero for masks that are no function of the logits.
    #[must_use]
    pub fn logit_gradient(&self, masks: &RelaxedMasks, keep_gradient: Tensor<2>) -> Tensor<1> {
        if let Some(slots) = &self.slots {
            return match &masks.shares {
                Some(shares) => slots.logit_gradient(shares, keep_gradient, self.temperature),
                None => Tensor::zeros([self.groups], &keep_gradient.device()),
            };
        }
        let keep = masks.keep.clone();
        if is_cpu(&keep.device()) {
            let ([_, channels], device) = (keep.dims(), keep.device());
            let per_channel = relaxation::slopes(&here(keep), &here(keep_gradient), channels, self.temperature as f32);
            return self.channels_of_group.of(vector(per_channel, &device));
        }
        let slope = keep.clone() * (keep.neg().add_scalar(1.0)).div_scalar(-self.temperature);
        let per_channel = (keep_gradient * slope).sum_dim(0).squeeze_dim::<1>(0);
        self.channels_of_group.of(per_channel)
    }

    /// S: the squared norm of the weights under each mask group, `[groups]`.
    #[must_use]
    pub fn squared_norms(&self, weights: &Tensor<1>) -> Tensor<1> {
        match &self.weights {
            Weights::Runs(runs) => vector(runs.squared_norms(&here(weights.clone())), &weights.device()),
            Weights::Channels(channels) => self.channels_of_group.of(channels.0.of(weights)),
        }
    }

    /// The gradient of the KL term (method 1.3); see [`Regulariser`] for the same numbers one group at a time.
    #[must_use]
    pub fn kl_gradient(&self, weights: &Tensor<1>, logits: &Tensor<1>) -> KlGradient {
        let Regulariser { weight, entropy, n_effective, prior_drop } = self.regulariser;
        let norms = self.squared_norms(weights);
        let (keep, gradient) = if let Some(slots) = &self.slots {
            slots.kl_gradient(logits, norms, (weight, entropy))
        } else {
            let drop = activation::sigmoid(logits.clone());
            let keep = activation::sigmoid(logits.clone().neg());
            let entropy_drive = self.bits_of_group.clone() * logits.clone().sub_scalar(logit(prior_drop)).mul_scalar(entropy);
            (keep.clone(), drop * keep * (entropy_drive - norms.mul_scalar(weight)))
        };
        let decay = keep.mul_scalar(2.0 * weight / n_effective);
        let weights = match &self.weights {
            Weights::Runs(runs) => vector(runs.scaled(&here(weights.clone()), &here(decay)), &weights.device()),
            Weights::Channels(channels) => {
                // Weights that no mask covers look up the zero behind the last group.
                let decay = Tensor::cat(vec![decay, Tensor::zeros([1], &weights.device())], 0).select(0, channels.1.clone());
                decay * weights.clone()
            }
        };
        KlGradient { weights, logits: gradient.div_scalar(n_effective) }
    }
}

/// The numbers of a tensor of the CPU, which are in this program's memory already.
fn here<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap_or_default()
}

/// For each weight the group of the input channel that it reads; the number of groups where there is none. Depthwise kernels,
/// batch norm and bias are under no mask.
fn group_of_weight(graph: &Graph) -> Vec<i32> {
    let none = graph.groups().len() as i32;
    let group_of_channel = graph.group_of_channel();
    let mut groups = Vec::new();
    for parameter in graph.parameters() {
        let (crate::graph::ParameterKind::Weight, Some(range)) = (parameter.kind, graph.mask_range(parameter.node)) else {
            groups.extend(std::iter::repeat_n(none, parameter.range.len()));
            continue;
        };
        let channels = &group_of_channel[range];
        let (out, per_group) = (parameter.dimensions[0], parameter.dimensions[1]);
        let taps: usize = parameter.dimensions[2..].iter().product();
        // Output filter o of a grouped convolution reads the input channels of its own group.
        let filters_per_group = out * per_group / channels.len();
        for filter in 0..out {
            let first = filter / filters_per_group * per_group;
            for &group in &channels[first..first + per_group] {
                groups.extend(std::iter::repeat_n(group as i32, taps));
            }
        }
    }
    groups
}
