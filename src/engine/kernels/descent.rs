//! A step of stochastic gradient descent over whole vectors: one pass for the momentum, one for the parameters.

use burn::Tensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};

use super::flex::{Contiguous, all_f32, tensor};

/// How far a step goes.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// What the direction is multiplied by.
    pub learning_rate: f64,
    /// What is left of the momentum.
    pub momentum: f64,
}

/// Moves parameters down a gradient that `factor [1]` multiplies: `m ← μ m + f g`, then `w ← w - lr (f g + μ m)`. All others `[n]`; returns the
/// parameters and the momentum.
///
/// # Panics
/// If the vectors differ in length.
#[must_use]
pub fn descend(values: Tensor<1>, momentum: Tensor<1>, gradient: Tensor<1>, factor: Tensor<1>, pace: Pace) -> (Tensor<1>, Tensor<1>) {
    assert!(values.dims() == momentum.dims() && values.dims() == gradient.dims(), "vectors of one step differ in length");
    let [values, momentum, gradient, factor] = [values, momentum, gradient, factor].map(Tensor::into_dispatch);
    let (values, momentum) = <Dispatch as Descend>::descend(values, momentum, gradient, factor, pace);
    (Tensor::from_dispatch(values), Tensor::from_dispatch(momentum))
}

/// Descent as a backend does it.
#[backend_extension(Flex, Cube: cfg(any(feature = "wgpu", feature = "cuda")), Remote: cfg(feature = "remote"))]
pub trait Descend: Backend {
    /// See [`descend`].
    fn descend(
        values: FloatTensor<Self>,
        momentum: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        factor: FloatTensor<Self>,
        pace: Pace,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        stock::<Self>(values, momentum, gradient, factor, pace)
    }
}

/// By burn's own operations.
fn stock<B: Backend>(
    values: FloatTensor<B>,
    momentum: FloatTensor<B>,
    gradient: FloatTensor<B>,
    factor: FloatTensor<B>,
    pace: Pace,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let gradient = B::float_mul(gradient, factor);
    let momentum = B::float_add(B::float_mul_scalar(momentum, pace.momentum.into()), gradient.clone());
    let direction = B::float_add(gradient, B::float_mul_scalar(momentum.clone(), pace.momentum.into()));
    (B::float_sub(values, B::float_mul_scalar(direction, pace.learning_rate.into())), momentum)
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl Descend for burn::backend::Cube {}

#[cfg(feature = "remote")]
impl Descend for burn::backend::Remote {}

impl Descend for Flex {
    fn descend(
        values: FloatTensor<Self>,
        momentum: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        factor: FloatTensor<Self>,
        pace: Pace,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if !all_f32(&[&values, &momentum, &gradient, &factor]) {
            return stock::<Self>(values, momentum, gradient, factor, pace);
        }
        let [values, momentum, gradient, factor] = [values, momentum, gradient, factor].map(|vector| Contiguous::<1>::new(&vector));
        let (rate, left, factor) = (pace.learning_rate as f32, pace.momentum as f32, factor.values()[0]);
        let gradients = gradient.values();
        let momentum: Vec<f32> =
            momentum.values().iter().zip(gradients).map(|(momentum, slope)| momentum * left + slope * factor).collect();
        let slopes = gradients.iter().zip(&momentum);
        let moved = values.values().iter().zip(slopes);
        let moved = moved.map(|(value, (slope, momentum))| value - (slope * factor + momentum * left) * rate).collect();
        (tensor(moved, values.shape), tensor(momentum, values.shape))
    }
}
