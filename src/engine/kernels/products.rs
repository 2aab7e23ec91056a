//! Convolutions in bf16 as products of matrices, for any backend.
//!
//! Burn's direct kernels for GPUs add up in the type that they read. In bf16, of 8 significant bits, a sum stands still at 256 times what is
//! added to it, and the gradient of a weight adds up every pixel of a batch. Products of matrices read bf16 and add up in `f32`, on tensor
//! cores where there are some. So the pixels under each place of the window are laid side by side, and multiplied with the weight.

use super::window::Window;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, TensorMetadata};
use burn::tensor::{DType, FloatDType, Shape, Slice, Tensor};

/// Whether a convolution is to be taken here. One of several groups would be a product of its own for each of them, and is left to burn.
pub(super) fn serves<B: Backend>(x: &FloatTensor<B>, window: &Window) -> bool {
    x.dtype() == DType::BF16 && window.groups == 1
}

/// A convolution, and the gradients of its input and of its weight where `grad` comes back, taken as products whatever the numbers are: what a
/// device without bf16 can be checked by.
#[must_use]
pub fn taken_as_products(x: Tensor<4>, weight: Tensor<4>, grad: Tensor<4>, window: Window) -> [Tensor<4>; 3] {
    let (shape, weight_shape) = (x.dims(), weight.dims());
    let (x, weight, grad) = (x.into_dispatch(), weight.into_dispatch(), grad.into_dispatch());
    [
        forward::<Dispatch>(x.clone(), weight.clone(), &window),
        input_gradient::<Dispatch>(shape, weight, grad.clone(), &window),
        weight_gradient::<Dispatch>(x, weight_shape, grad, &window),
    ]
    .map(Tensor::from_dispatch)
}

/// See [`super::conv2d`].
pub(super) fn forward<B: Backend>(x: FloatTensor<B>, weight: FloatTensor<B>, window: &Window) -> FloatTensor<B> {
    let [images, _, height, width] = x.shape().dims();
    let [outputs, inputs, ..]: [usize; 4] = weight.shape().dims();
    let out = window.output([height, width]);
    let columns = unfold::<B>(pixels_first::<B>(x), &Grid::of(window, out));
    let matrix = reshape::<B, 2>(B::float_permute(weight, &[2, 3, 1, 0]), [window.taps() * inputs, outputs]);
    let rows = reshape::<B, 2>(columns, [images * out[0] * out[1], window.taps() * inputs]);
    channels_first::<B>(reshape::<B, 4>(B::float_matmul(rows, matrix), [images, out[0], out[1], outputs]))
}

/// The gradient of the input `[images, channels, height, width]`: a convolution of what comes back with the weight turned about.
pub(super) fn input_gradient<B: Backend>(
    shape: [usize; 4],
    weight: FloatTensor<B>,
    grad: FloatTensor<B>,
    window: &Window,
) -> FloatTensor<B> {
    let [images, inputs, height, width] = shape;
    let outputs = weight.shape()[0];
    let spread = (0..2).fold(pixels_first::<B>(grad), |grad, axis| spread::<B>(grad, axis + 1, window.stride[axis]));
    let first = std::array::from_fn(|axis| window.padding[axis] as isize - window.reach(axis) as isize);
    let full = Grid { kernel: window.kernel, dilation: window.dilation, stride: [1; 2], first, out: [height, width] };
    let rows = reshape::<B, 2>(unfold::<B>(spread, &full), [images * height * width, window.taps() * outputs]);
    let turned = B::float_permute(B::float_flip(weight, &[2, 3]), &[2, 3, 0, 1]);
    let matrix = reshape::<B, 2>(turned, [window.taps() * outputs, inputs]);
    channels_first::<B>(reshape::<B, 4>(B::float_matmul(rows, matrix), [images, height, width, inputs]))
}

/// The gradient of the weight `[outputs, inputs, kernel]`, as a sum in `f32` over parts of the batch.
pub(super) fn weight_gradient<B: Backend>(x: FloatTensor<B>, shape: [usize; 4], grad: FloatTensor<B>, window: &Window) -> FloatTensor<B> {
    let [images, _, height, width] = x.shape().dims();
    let ([outputs, inputs, ..], out) = (shape, window.output([height, width]));
    let taps = window.taps() * inputs;
    let parts = parts(images, taps * outputs);
    let rows = images / parts * out[0] * out[1];
    let columns = reshape::<B, 3>(unfold::<B>(pixels_first::<B>(x), &Grid::of(window, out)), [parts, rows, taps]);
    let grad = reshape::<B, 3>(pixels_first::<B>(grad), [parts, rows, outputs]);
    let products = B::float_matmul(B::float_swap_dims(columns, 1, 2), grad);
    let dtype = products.dtype().into();
    let sum = B::float_sum_dim(B::float_cast(products, FloatDType::F32), 0);
    let sum = reshape::<B, 4>(B::float_cast(sum, dtype), [window.kernel[0], window.kernel[1], inputs, outputs]);
    B::float_permute(sum, &[3, 2, 0, 1])
}

/// Numbers that the parts of a weight's gradient may take together.
const MOST: usize = 1 << 24;

/// Into how many parts of equal size a batch is cut: many, so that a small product of long sums is shared by all of a device, and no more than
/// there is room for.
fn parts(images: usize, weights: usize) -> usize {
    let fits = |&parts: &usize| images.is_multiple_of(parts) && parts * weights <= MOST;
    (1..=images).rev().find(fits).unwrap_or(1)
}

/// Where a window reads in a map.
struct Grid {
    kernel: [usize; 2],
    dilation: [usize; 2],
    stride: [usize; 2],
    /// Row and column of the first tap at the first place; before 0 lies the padding.
    first: [isize; 2],
    /// Places in each direction.
    out: [usize; 2],
}

impl Grid {
    fn of(window: &Window, out: [usize; 2]) -> Self {
        let &Window { kernel, stride, dilation, padding, .. } = window;
        Self { kernel, dilation, stride, first: padding.map(|padding| -(padding as isize)), out }
    }
}

/// Of a map `[images, height, width, channels]` all that the window sees at each place, `[images, places down, places along, taps · channels]`,
/// with zeros around the map. First along, then down, so that a kernel of k × k taps is 2 k copies.
fn unfold<B: Backend>(map: FloatTensor<B>, grid: &Grid) -> FloatTensor<B> {
    [2, 1].into_iter().fold(map, |map, dimension| {
        let axis = dimension - 1;
        let (taps, dilation, stride, places) = (grid.kernel[axis], grid.dilation[axis], grid.stride[axis], grid.out[axis]);
        let reach = (places - 1) * stride + 1;
        let framed = frame::<B>(&map, dimension, grid.first[axis], (taps - 1) * dilation + reach);
        let tap = |tap: usize| part::<B>(framed.clone(), dimension, tap * dilation, reach, stride);
        if taps == 1 { tap(0) } else { B::float_cat((0..taps).map(tap).collect(), 3) }
    })
}

/// So many rows of a tensor from `first` on, with zeros where it has none.
fn frame<B: Backend>(tensor: &FloatTensor<B>, dimension: usize, first: isize, length: usize) -> FloatTensor<B> {
    let size = tensor.shape()[dimension];
    let place = |row: isize| row.clamp(0, size as isize) as usize;
    let (from, to) = (place(first), place(first + length as isize));
    let before = ((-first).max(0) as usize).min(length);
    let behind = length - before - (to - from);
    let zeros = |rows: usize| zeros::<B>(tensor, dimension, rows);
    let mut parts = Vec::new();
    parts.extend((before > 0).then(|| zeros(before)));
    parts.extend((to > from).then(|| part::<B>(tensor.clone(), dimension, from, to - from, 1)));
    parts.extend((behind > 0).then(|| zeros(behind)));
    if parts.len() == 1 { parts.swap_remove(0) } else { B::float_cat(parts, dimension) }
}

/// Every `step`-th row of `length` ones from `start` on.
fn part<B: Backend>(tensor: FloatTensor<B>, dimension: usize, start: usize, length: usize, step: usize) -> FloatTensor<B> {
    let shape = tensor.shape();
    if length == shape[dimension] && step == 1 {
        return tensor;
    }
    let whole = |size: usize| Slice::new(0, Some(size as isize), 1);
    let mut slices: Vec<Slice> = shape.iter().map(|&size| whole(size)).collect();
    slices[dimension] = Slice::new(start as isize, Some((start + length) as isize), step as isize);
    B::float_slice(tensor, &slices)
}

/// A map with `stride - 1` rows of zeros behind each of its own.
fn spread<B: Backend>(map: FloatTensor<B>, dimension: usize, stride: usize) -> FloatTensor<B> {
    if stride == 1 {
        return map;
    }
    let mut shape: [usize; 4] = map.shape().dims();
    let mut apart: Vec<usize> = shape.to_vec();
    apart.insert(dimension + 1, 1);
    let apart = B::float_reshape(map, Shape::from(apart));
    let zeros = zeros::<B>(&apart, dimension + 1, stride - 1);
    shape[dimension] *= stride;
    reshape::<B, 4>(B::float_cat(vec![apart, zeros], dimension + 1), shape)
}

/// Zeros of the shape of a tensor but for the length of one dimension.
fn zeros<B: Backend>(like: &FloatTensor<B>, dimension: usize, length: usize) -> FloatTensor<B> {
    let mut shape = like.shape();
    shape[dimension] = length;
    B::float_zeros(shape, &like.device(), like.dtype().into())
}

fn reshape<B: Backend, const D: usize>(tensor: FloatTensor<B>, shape: [usize; D]) -> FloatTensor<B> {
    B::float_reshape(tensor, Shape::new(shape))
}

/// `[images, channels, height, width]` as `[images, height, width, channels]`.
fn pixels_first<B: Backend>(map: FloatTensor<B>) -> FloatTensor<B> {
    B::float_permute(map, &[0, 2, 3, 1])
}

/// The way back from [`pixels_first`].
fn channels_first<B: Backend>(map: FloatTensor<B>) -> FloatTensor<B> {
    B::float_permute(map, &[0, 3, 1, 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_cut_into_as_many_equal_parts_as_there_is_room_for() {
        assert_eq!((parts(64, 9), parts(6, MOST / 4), parts(7, MOST / 6), parts(5, 2 * MOST)), (64, 3, 1, 1));
    }
}
