//! The tensor operations that nodes are made of, beside the convolutions of [`super::kernels`].

use super::kernels::Window;
use burn::tensor::Tensor;
use burn::tensor::module::batch_norm_train;

/// A square window, padded so that stride 1 keeps the size.
#[must_use]
pub fn window(kernel: usize, stride: usize, dilation: usize, groups: usize) -> Window {
    Window { kernel: [kernel; 2], stride: [stride; 2], padding: [dilation * (kernel - 1) / 2; 2], dilation: [dilation; 2], groups }
}

/// Batch norm with the statistics of the batch: output, mean and biased variance, the latter two `[channels]` and without gradient.
#[must_use]
pub fn batch_norm_of_batch(input: Tensor<4>, scale: Tensor<1>, shift: Tensor<1>, epsilon: f64) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    let normalised = batch_norm_train(input, scale, shift, epsilon);
    (normalised.output, normalised.mean.inner(), normalised.variance.inner())
}

/// The map moved by one pixel up and left, zeros coming in.
#[must_use]
pub fn shift(input: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = input.dims();
    input.pad((0, 1, 0, 1), burn::tensor::ops::PadMode::Constant(0.0)).narrow(2, 1, height).narrow(3, 1, width)
}
