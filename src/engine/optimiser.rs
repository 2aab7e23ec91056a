//! Stochastic gradient descent with Nesterov momentum and clipping by the global norm, on whole vectors.

use burn::tensor::Tensor;

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

    /// `m ← μ m + g`, then `w ← w - lr (g + μ m)`: PyTorch's SGD with Nesterov momentum and no dampening.
    #[must_use]
    pub fn step(self, gradient: Tensor<1>, learning_rate: f64, momentum: f64) -> Self {
        let buffer = self.momentum.mul_scalar(momentum) + gradient.clone();
        let direction = gradient + buffer.clone().mul_scalar(momentum);
        Self { values: self.values - direction.mul_scalar(learning_rate), momentum: buffer }
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
