//! The tensor operations that nodes are made of, beside those of [`super::kernels`].

use super::kernels::Window;
use burn::tensor::Tensor;

/// A square window, padded so that stride 1 keeps the size.
#[must_use]
pub fn window(kernel: usize, stride: usize, dilation: usize, groups: usize) -> Window {
    Window { kernel: [kernel; 2], stride: [stride; 2], padding: [dilation * (kernel - 1) / 2; 2], dilation: [dilation; 2], groups }
}

/// The map moved by one pixel up and left, zeros coming in.
#[must_use]
pub fn shift(input: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = input.dims();
    input.pad((0, 1, 0, 1), burn::tensor::ops::PadMode::Constant(0.0)).narrow(2, 1, height).narrow(3, 1, width)
}
