//! The tensor operations that nodes are made of, beside those of [`super::kernels`].

use super::kernels::Window;
use crate::graph::padding;
use burn::tensor::{Int, Tensor, TensorData};

/// A square window, padded on both sides as before the map; behind it, [`pad_behind`] adds what an even kernel needs.
#[must_use]
pub fn window(kernel: usize, stride: usize, dilation: usize, groups: usize) -> Window {
    Window { kernel: [kernel; 2], stride: [stride; 2], padding: [padding(kernel, dilation)[0]; 2], dilation: [dilation; 2], groups }
}

/// The map with rows and columns of zeros at the bottom and right.
#[must_use]
pub fn pad_behind(input: Tensor<4>, pixels: usize) -> Tensor<4> {
    input.pad((0, pixels, 0, pixels), burn::tensor::ops::PadMode::Constant(0.0))
}

/// The map moved by one pixel up and left, zeros coming in.
#[must_use]
pub fn shift(input: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = input.dims();
    pad_behind(input, 1).narrow(2, 1, height).narrow(3, 1, width)
}

/// The map with its channels in another arrangement: output channel c is input channel `channels[c]`, or zeros.
#[must_use]
pub fn arrange(input: Tensor<4>, channels: &[Option<u32>]) -> Tensor<4> {
    let [batch, width, height, columns] = input.dims();
    let device = input.device();
    if channels.iter().all(Option::is_none) {
        return Tensor::zeros([batch, channels.len(), height, columns], &device);
    }
    // Channels that are to be zero read one channel of zeros behind the others.
    let positions: Vec<i32> = channels.iter().map(|channel| channel.map_or(width as i32, |channel| channel as i32)).collect();
    let padded = if channels.iter().any(Option::is_none) {
        Tensor::cat(vec![input, Tensor::zeros([batch, 1, height, columns], &device)], 1)
    } else {
        input
    };
    padded.select(1, Tensor::<1, Int>::from_data(TensorData::new(positions, [channels.len()]), &device))
}
