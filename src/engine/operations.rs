//! The tensor operations that nodes are made of, beside the convolutions of [`super::kernels`].

use super::kernels::Window;
use burn::tensor::Tensor;
use burn::tensor::module::{avg_pool2d, batch_norm_train, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};

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

/// Mean over a window of the positions inside the image.
#[must_use]
pub fn average_pool(input: Tensor<4>, kernel: usize, stride: usize) -> Tensor<4> {
    let options = AvgPoolOptions::new([kernel; 2]).with_stride([stride; 2]).with_padding([(kernel - 1) / 2; 2]);
    avg_pool2d(input, options.with_count_include_pad(false))
}

/// Largest position of a window.
#[must_use]
pub fn max_pool(input: Tensor<4>, kernel: usize, stride: usize) -> Tensor<4> {
    max_pool2d(input, MaxPoolOptions::new([kernel; 2]).with_stride([stride; 2]).with_padding([(kernel - 1) / 2; 2]))
}

/// The map moved by one pixel up and left, zeros coming in.
#[must_use]
pub fn shift(input: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = input.dims();
    input.pad((0, 1, 0, 1), burn::tensor::ops::PadMode::Constant(0.0)).narrow(2, 1, height).narrow(3, 1, width)
}
