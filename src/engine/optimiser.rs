//! Stochastic gradient descent with Nesterov momentum and clipping by the global norm, on whole vectors.

use super::kernels::{Pace, descend};
use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};

/// A vector of parameters with its momentum, both `[n]`.
#[derive(Debug, Clone)]
pub struct Descent {
    /// The parameters.
    pub values: Tensor<1>,
    /// The momentum buffer.
    pub momentum: Tensor<1>,
}

impl Descent {
    /// Starts at rest.
    #[must_use]
    pub fn from(values: Tensor<1>) -> Self {
        Self { momentum: values.zeros_like(), values }
    }

    /// `m ← μ m + g`, then `w ← w - lr (g + μ m)`: PyTorch's SGD with Nesterov momentum and no dampening. The gradient is multiplied by
    /// `clip [1]` before, where it is given.
    #[must_use]
    pub fn step(self, gradient: Tensor<1>, clip: Option<Tensor<1>>, learning_rate: f64, momentum: f64) -> Self {
        let clip = clip.unwrap_or_else(|| Tensor::ones([1], &gradient.device()));
        let (values, momentum) = descend(self.values, self.momentum, gradient, clip, Pace { learning_rate, momentum });
        Self { values, momentum }
    }
}

/// Parameters that are one: each place of a vector belongs to a tie, and all places of a tie have the same number.
#[derive(Debug, Clone)]
pub struct Ties {
    /// The tie of each place, `[n]`.
    tie: Tensor<1, Int>,
    count: usize,
    /// For each place the root of the share that it has in its tie, `[n]`.
    root_share: Tensor<1>,
}

impl Ties {
    /// From the tie of each place, counted from 0.
    #[must_use]
    pub fn new(tie: &[usize], device: &Device) -> Self {
        let count = tie.iter().max().map_or(0, |last| last + 1);
        let mut places = vec![0usize; count];
        tie.iter().for_each(|&tie| places[tie] += 1);
        let shares: Vec<f32> = tie.iter().map(|&tie| (places[tie] as f32).sqrt().recip()).collect();
        let all = tie.len();
        let tie: Vec<i32> = tie.iter().map(|&tie| tie as i32).collect();
        Self {
            tie: Tensor::from_data(TensorData::new(tie, [all]), device),
            count,
            root_share: Tensor::from_data(TensorData::new(shares, [all]), device),
        }
    }

    /// The gradient of what is one: the sum over a tie, at each of its places. Moved by it, places that began alike stay alike.
    #[must_use]
    pub fn gather(&self, gradient: Tensor<1>) -> Tensor<1> {
        let sums = Tensor::zeros([self.count], &gradient.device());
        sums.select_assign(0, self.tie.clone(), gradient, IndexingUpdateOp::Add).select(0, self.tie.clone())
    }

    /// A gathered gradient as a norm must see it: each tie counts once.
    #[must_use]
    pub fn counted_once(&self, gathered: Tensor<1>) -> Tensor<1> {
        gathered * self.root_share.clone()
    }
}

/// The norm of two gradients taken together, `[1]`.
#[must_use]
pub fn global_norm(one: &Tensor<1>, other: &Tensor<1>) -> Tensor<1> {
    let squares = |gradient: &Tensor<1>| (gradient.clone() * gradient.clone()).sum();
    (squares(one) + squares(other)).sqrt()
}

/// The factor `min(1, limit / norm)` that brings the norm `[1]` down to the limit, without reading it back from the device.
#[must_use]
pub fn clip_factor(norm: &Tensor<1>, limit: f64) -> Tensor<1> {
    norm.clone().add_scalar(1e-6).recip().mul_scalar(limit).clamp_max(1.0)
}
