//! Average and maximum pooling over square windows that keep the size at stride 1, and their gradients.

use super::flex::{Contiguous, all_f32, tensor};
use super::parallel::{for_each_piece, piece};
use burn::Tensor;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::ModuleOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use std::ops::Range;

/// A square window of odd size, padded by half of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Square {
    /// Side of the window; odd.
    pub kernel: usize,
    /// Distance between neighbouring outputs; at least 1.
    pub stride: usize,
}

impl Square {
    fn padding(self) -> usize {
        self.kernel / 2
    }

    fn output(self, size: usize) -> usize {
        size.div_ceil(self.stride)
    }

    /// Input positions under the window of an output position.
    fn under(self, position: usize, size: usize) -> Range<usize> {
        let first = position * self.stride;
        first.saturating_sub(self.padding())..(first + self.kernel - self.padding()).min(size)
    }
}

/// The mean of the window's positions inside the image, of `x [batch, channels, height, width]`.
#[must_use]
pub fn average_pool2d(x: Tensor<4>, window: Square) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as Pool>::average_pool(x.into_dispatch(), window))
}

/// The largest of the window's positions, of `x [batch, channels, height, width]`; the first of equal ones has the gradient.
#[must_use]
pub fn max_pool2d(x: Tensor<4>, window: Square) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as Pool>::max_pool(x.into_dispatch(), window))
}

/// Pools as a backend runs them.
#[backend_extension(Flex, Cube: cfg(any(feature = "wgpu", feature = "cuda")), Autodiff)]
pub trait Pool: Backend {
    /// See [`average_pool2d`].
    fn average_pool(x: FloatTensor<Self>, window: Square) -> FloatTensor<Self> {
        let Square { kernel, stride } = window;
        Self::avg_pool2d(x, [kernel; 2], [stride; 2], [window.padding(); 2], false, false)
    }

    /// See [`max_pool2d`].
    fn max_pool(x: FloatTensor<Self>, window: Square) -> FloatTensor<Self> {
        let Square { kernel, stride } = window;
        Self::max_pool2d(x, [kernel; 2], [stride; 2], [window.padding(); 2], [1; 2], false)
    }
}

/// Gradients of [`Pool`]; never recorded themselves.
pub trait PoolBackward: Pool {
    /// The gradient of the input of [`Pool::average_pool`].
    fn average_gradient(x: FloatTensor<Self>, grad: FloatTensor<Self>, window: Square) -> FloatTensor<Self> {
        let Square { kernel, stride } = window;
        Self::avg_pool2d_backward(x, grad, [kernel; 2], [stride; 2], [window.padding(); 2], false, false)
    }

    /// The gradient of the input of [`Pool::max_pool`].
    fn max_gradient(x: FloatTensor<Self>, grad: FloatTensor<Self>, window: Square) -> FloatTensor<Self> {
        let Square { kernel, stride } = window;
        let (size, step, padding) = ([kernel; 2], [stride; 2], [window.padding(); 2]);
        let places = burn::tensor::IntDType::I64;
        let indices = Self::max_pool2d_with_indices(x.clone(), size, step, padding, [1; 2], false, places).indices;
        Self::max_pool2d_with_indices_backward(x, size, step, padding, [1; 2], false, grad, indices).x_grad
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl Pool for burn::backend::Cube {}
#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl PoolBackward for burn::backend::Cube {}

impl Pool for Flex {
    fn average_pool(x: FloatTensor<Self>, window: Square) -> FloatTensor<Self> {
        if !all_f32(&[&x]) {
            let Square { kernel, stride } = window;
            return Self::avg_pool2d(x, [kernel; 2], [stride; 2], [window.padding(); 2], false, false);
        }
        planes(&x, window, |plane, [height, width], pooled| {
            gather(plane, [height, width], pooled, 0.0, window, |sum, value| sum + value);
            scale(pooled, [height, width], window);
        })
    }

    fn max_pool(x: FloatTensor<Self>, window: Square) -> FloatTensor<Self> {
        if !all_f32(&[&x]) {
            let Square { kernel, stride } = window;
            return Self::max_pool2d(x, [kernel; 2], [stride; 2], [window.padding(); 2], [1; 2], false);
        }
        planes(&x, window, |plane, size, pooled| {
            // A NaN must come through, or a diverged loss would look sound.
            gather(plane, size, pooled, f32::NEG_INFINITY, window, |best, value| if value > best || value.is_nan() { value } else { best });
        })
    }
}

impl PoolBackward for Flex {
    fn average_gradient(x: FloatTensor<Self>, grad: FloatTensor<Self>, window: Square) -> FloatTensor<Self> {
        if !all_f32(&[&x, &grad]) {
            let Square { kernel, stride } = window;
            return Self::avg_pool2d_backward(x, grad, [kernel; 2], [stride; 2], [window.padding(); 2], false, false);
        }
        backward_planes(&x, &grad, window, |_, [height, width], grad, gradient| {
            let mut shared = grad.to_vec();
            scale(&mut shared, [height, width], window);
            let columns = window.output(width);
            for (position, &share) in shared.iter().enumerate() {
                let across = window.under(position % columns, width);
                for row in window.under(position / columns, height) {
                    for value in &mut gradient[row * width..][across.clone()] {
                        *value += share;
                    }
                }
            }
        })
    }

    fn max_gradient(x: FloatTensor<Self>, grad: FloatTensor<Self>, window: Square) -> FloatTensor<Self> {
        if !all_f32(&[&x, &grad]) {
            let Square { kernel, stride } = window;
            let (size, step, padding) = ([kernel; 2], [stride; 2], [window.padding(); 2]);
            let places = burn::tensor::IntDType::I64;
            let indices = Self::max_pool2d_with_indices(x.clone(), size, step, padding, [1; 2], false, places).indices;
            return Self::max_pool2d_with_indices_backward(x, size, step, padding, [1; 2], false, grad, indices).x_grad;
        }
        backward_planes(&x, &grad, window, |plane, [height, width], grad, gradient| {
            let columns = window.output(width);
            for (position, &share) in grad.iter().enumerate() {
                let across = window.under(position % columns, width);
                let mut best = (f32::NEG_INFINITY, window.under(position / columns, height).start * width + across.start);
                for row in window.under(position / columns, height) {
                    for (column, &value) in across.clone().zip(&plane[row * width..][across.clone()]) {
                        if value > best.0 {
                            best = (value, row * width + column);
                        }
                    }
                }
                gradient[best.1] += share;
            }
        })
    }
}

/// Pools every plane by itself.
fn planes(x: &FloatTensor<Flex>, window: Square, pool: impl Fn(&[f32], [usize; 2], &mut [f32]) + Sync) -> FloatTensor<Flex> {
    let x = Contiguous::<4>::new(x);
    let [images, channels, height, width] = x.shape;
    let (rows, columns) = (window.output(height), window.output(width));
    let (size, pooled_size) = (height * width, rows * columns);
    let mut pooled = vec![0.0; images * channels * pooled_size];
    let plane_work = pooled_size * window.kernel * window.kernel;
    let together = piece(images * channels, plane_work);
    let work = together * plane_work;
    if pooled_size > 0 {
        for_each_piece(&mut pooled, together * pooled_size, work, |index, part: &mut [f32]| {
            for (plane, pooled) in x.values()[index * together * size..].chunks(size).zip(part.chunks_mut(pooled_size)) {
                pool(plane, [height, width], pooled);
            }
        });
    }
    tensor(pooled, [images, channels, rows, columns])
}

/// The gradient of every plane by itself; `back(plane, size, gradient of the output, gradient of the input)`.
fn backward_planes(
    x: &FloatTensor<Flex>,
    grad: &FloatTensor<Flex>,
    window: Square,
    back: impl Fn(&[f32], [usize; 2], &[f32], &mut [f32]) + Sync,
) -> FloatTensor<Flex> {
    let (x, grad) = (Contiguous::<4>::new(x), Contiguous::<4>::new(grad));
    let [images, channels, height, width] = x.shape;
    let (size, pooled_size) = (height * width, window.output(height) * window.output(width));
    let mut gradient = vec![0.0; images * channels * size];
    let plane_work = pooled_size * window.kernel * window.kernel;
    let together = piece(images * channels, plane_work);
    let work = together * plane_work;
    if size > 0 {
        for_each_piece(&mut gradient, together * size, work, |index, part: &mut [f32]| {
            let planes = x.values()[index * together * size..].chunks(size);
            let grads = grad.values()[index * together * pooled_size..].chunks(pooled_size);
            for ((plane, grad), gradient) in planes.zip(grads).zip(part.chunks_mut(size)) {
                back(plane, [height, width], grad, gradient);
            }
        });
    }
    tensor(gradient, x.shape)
}

/// Folds the positions under each window into the output, tap by tap, so that the innermost loop runs along a row.
fn gather(plane: &[f32], [height, width]: [usize; 2], pooled: &mut [f32], start: f32, window: Square, fold: impl Fn(f32, f32) -> f32) {
    let columns = window.output(width);
    pooled.fill(start);
    for (row, out) in pooled.chunks_mut(columns).enumerate() {
        for source in window.under(row, height) {
            let line = &plane[source * width..][..width];
            for tap in 0..window.kernel {
                // Output columns whose tap lies inside the image: 0 <= column · stride + tap - padding < width.
                let first = window.padding().saturating_sub(tap).div_ceil(window.stride);
                let end = (width + window.padding()).saturating_sub(tap).div_ceil(window.stride).min(columns);
                if first >= end {
                    continue;
                }
                let begin = first * window.stride + tap - window.padding();
                for (value, &read) in out[first..end].iter_mut().zip(line[begin..].iter().step_by(window.stride)) {
                    *value = fold(*value, read);
                }
            }
        }
    }
}

/// Divides each output position by the number of positions under its window.
fn scale(pooled: &mut [f32], [height, width]: [usize; 2], window: Square) {
    let columns = window.output(width);
    for (row, out) in pooled.chunks_mut(columns).enumerate() {
        let rows = window.under(row, height).len();
        for (column, value) in out.iter_mut().enumerate() {
            *value /= (rows * window.under(column, width).len()) as f32;
        }
    }
}

impl<B: PoolBackward, C: CheckpointStrategy> Pool for Autodiff<B, C> {
    fn average_pool(x: FloatTensor<Self>, window: Square) -> FloatTensor<Self> {
        record::<B, C>(x, Kind::Average, window)
    }

    fn max_pool(x: FloatTensor<Self>, window: Square) -> FloatTensor<Self> {
        record::<B, C>(x, Kind::Max, window)
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Average,
    Max,
}

fn record<B: PoolBackward, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    kind: Kind,
    window: Square,
) -> FloatTensor<Autodiff<B, C>> {
    let pool = |x: FloatTensor<Autodiff<B, C>>| match kind {
        Kind::Average => B::average_pool(x.into_primitive(), window),
        Kind::Max => B::max_pool(x.into_primitive(), window),
    };
    match Pooled.prepare::<C>([x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(mut prep) => {
            let state = (prep.checkpoint(&x), kind, window);
            prep.finish(state, pool(x))
        }
        OpsKind::UnTracked(prep) => prep.finish(pool(x)),
    }
}

#[derive(Debug)]
struct Pooled;

impl<B: PoolBackward> Backward<B, 1> for Pooled {
    type State = (NodeId, Kind, Square);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let (x, kind, window) = ops.state;
        let [node] = ops.parents;
        let x: FloatTensor<B> = checkpointer.retrieve_node_output(x);
        let grad = grads.consume::<B>(&ops.node);
        if let Some(node) = node {
            let gradient = match kind {
                Kind::Average => B::average_gradient(x, grad, window),
                Kind::Max => B::max_gradient(x, grad, window),
            };
            grads.register::<B>(node.id, gradient);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::module;
    use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
    use burn::tensor::{Device, TensorData};
    use proptest::prelude::*;

    fn random(shape: [usize; 4], seed: u64) -> Tensor<4> {
        let mut generator = crate::random::stream(seed, crate::random::Purpose::Resample, 0);
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| crate::random::normal(&mut generator)).collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }

    fn close(left: Tensor<4>, right: Tensor<4>) -> bool {
        assert_eq!(left.dims(), right.dims());
        let numbers = |tensor: Tensor<4>| tensor.into_data().try_to_vec::<f32>().unwrap();
        numbers(left).iter().zip(&numbers(right)).all(|(left, right)| (left - right).abs() < 1e-5)
    }

    type Function = Box<dyn Fn(Tensor<4>) -> Tensor<4>>;

    proptest! {
        #[test]
        fn pools_and_their_gradients_are_burns(
            images in 1usize..4, channels in 1usize..4, height in 1usize..9, width in 1usize..9,
            half in 0usize..3, stride in 1usize..4, seed in 0u64..1000,
        ) {
            let window = Square { kernel: 2 * half + 1, stride };
            let (kernel, step, padding) = ([window.kernel; 2], [stride; 2], [half; 2]);
            let x = random([images, channels, height, width], seed);
            let pairs: [(Function, Function); 2] = [
                (
                    Box::new(move |x| average_pool2d(x, window)),
                    Box::new(move |x| {
                        let options = AvgPoolOptions::new(kernel).with_stride(step).with_padding(padding);
                        module::avg_pool2d(x, options.with_count_include_pad(false))
                    }),
                ),
                (
                    Box::new(move |x| max_pool2d(x, window)),
                    Box::new(move |x| module::max_pool2d(x, MaxPoolOptions::new(kernel).with_stride(step).with_padding(padding))),
                ),
            ];
            for (ours, theirs) in pairs {
                let run = |function: &Function| {
                    let leaf = x.clone().autodiff().require_grad();
                    let output = function(leaf.clone());
                    let weight = random(output.dims(), seed + 1).autodiff();
                    let gradient = leaf.grad(&(output.clone() * weight).sum().backward()).unwrap();
                    (output.inner(), gradient)
                };
                let ((output, gradient), (expected, expected_gradient)) = (run(&ours), run(&theirs));
                prop_assert!(close(output, expected));
                prop_assert!(close(gradient, expected_gradient));
            }
        }
    }
}
