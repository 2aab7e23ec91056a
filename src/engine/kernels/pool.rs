//! Average and max pools that do not see beyond the edge, and their gradients.

use burn::Tensor;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::ops::ModuleOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension, get_or_init_device_settings};
use burn::tensor::IntDType;

use super::batch::Batch;
use super::flex::{Contiguous, all_f32, tensor};
use super::window::Pool;
use super::{depthwise, max_pool};

/// The mean of the pixels of `x [batch, channels, height, width]` that each window sees.
///
/// # Panics
/// If a stride is 0 or the padding is not smaller than the kernel.
#[must_use]
pub fn avg_pool2d(x: Tensor<4>, pool: Pool) -> Tensor<4> {
    pool.check();
    Tensor::from_dispatch(<Dispatch as Pooling>::pool_mean(x.into_dispatch(), pool))
}

/// The largest of the pixels of `x [batch, channels, height, width]` that each window sees; the first of equals gets the gradient.
///
/// # Panics
/// If a stride is 0 or the padding is not smaller than the kernel.
#[must_use]
pub fn max_pool2d(x: Tensor<4>, pool: Pool) -> Tensor<4> {
    pool.check();
    Tensor::from_dispatch(<Dispatch as Pooling>::pool_max(x.into_dispatch(), pool))
}

/// Pools as a backend runs them.
#[backend_extension(Flex, Cube: cfg(any(feature = "wgpu", feature = "cuda")), Remote: cfg(feature = "remote"), Autodiff)]
pub trait Pooling: Backend {
    /// See [`avg_pool2d`].
    fn pool_mean(x: FloatTensor<Self>, pool: Pool) -> FloatTensor<Self> {
        Self::avg_pool2d(x, pool.kernel, pool.stride, pool.padding, false, false)
    }

    /// See [`max_pool2d`].
    fn pool_max(x: FloatTensor<Self>, pool: Pool) -> FloatTensor<Self> {
        Self::max_pool2d(x, pool.kernel, pool.stride, pool.padding, [1; 2], false)
    }
}

/// Gradients of [`Pooling`] as a backend computes them; never recorded themselves.
pub trait PoolingBackward: Pooling {
    /// The gradient of [`Pooling::pool_mean`]'s input.
    fn pool_mean_gradient(x: FloatTensor<Self>, grad: FloatTensor<Self>, pool: Pool) -> FloatTensor<Self> {
        Self::avg_pool2d_backward(x, grad, pool.kernel, pool.stride, pool.padding, false, false)
    }

    /// The gradient of [`Pooling::pool_max`]'s input. Finds the largest again rather than have every backend keep its indices.
    fn pool_max_gradient(x: FloatTensor<Self>, grad: FloatTensor<Self>, pool: Pool) -> FloatTensor<Self> {
        let Pool { kernel, stride, padding } = pool;
        let indices = get_or_init_device_settings::<Self>(&x.device()).int_dtype;
        let indices = Self::max_pool2d_with_indices(x.clone(), kernel, stride, padding, [1; 2], false, indices).indices;
        Self::max_pool2d_with_indices_backward(x, kernel, stride, padding, [1; 2], false, grad, indices).x_grad
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl Pooling for burn::backend::Cube {}
#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl PoolingBackward for burn::backend::Cube {}

#[cfg(feature = "remote")]
impl Pooling for burn::backend::Remote {}
#[cfg(feature = "remote")]
impl PoolingBackward for burn::backend::Remote {}

impl Pooling for Flex {
    fn pool_mean(x: FloatTensor<Self>, pool: Pool) -> FloatTensor<Self> {
        if !all_f32(&[&x]) {
            return Self::avg_pool2d(x, pool.kernel, pool.stride, pool.padding, false, false);
        }
        let x = Contiguous::<4>::new(&x);
        let [images, channels, height, width] = x.shape;
        if height * width == 0 {
            let [height, width] = pool.output([height, width]);
            return tensor(Vec::new(), [images, channels, height, width]);
        }
        let (window, plane) = (pool.over(channels), [height, width]);
        let batch = Batch { values: x.values(), mask: None, images, channels };
        let mut values = depthwise::forward(batch, plane, &vec![1.0; channels * window.taps()], &window);
        scale(&mut values, &shares(plane, &pool));
        let [height, width] = pool.output(plane);
        tensor(values, [images, channels, height, width])
    }

    fn pool_max(x: FloatTensor<Self>, pool: Pool) -> FloatTensor<Self> {
        if !all_f32(&[&x]) {
            return Self::max_pool2d(x, pool.kernel, pool.stride, pool.padding, [1; 2], false);
        }
        let x = Contiguous::<4>::new(&x);
        let [images, channels, height, width] = x.shape;
        let values = max_pool::forward(x.values(), [height, width], &pool);
        let [height, width] = pool.output([height, width]);
        tensor(values, [images, channels, height, width])
    }
}

impl PoolingBackward for Flex {
    fn pool_mean_gradient(x: FloatTensor<Self>, grad: FloatTensor<Self>, pool: Pool) -> FloatTensor<Self> {
        if !all_f32(&[&x, &grad]) {
            return Self::avg_pool2d_backward(x, grad, pool.kernel, pool.stride, pool.padding, false, false);
        }
        let shape @ [images, channels, height, width] = x.layout().shape().dims();
        if height * width == 0 {
            return tensor(Vec::new(), shape);
        }
        let (window, plane) = (pool.over(channels), [height, width]);
        let mut values = Contiguous::<4>::new(&grad).values().to_vec();
        scale(&mut values, &shares(plane, &pool));
        let batch = Batch { values: &values, mask: None, images, channels };
        tensor(depthwise::input_gradient(batch, plane, &vec![1.0; channels * window.taps()], &window), shape)
    }

    fn pool_max_gradient(x: FloatTensor<Self>, grad: FloatTensor<Self>, pool: Pool) -> FloatTensor<Self> {
        if !all_f32(&[&x, &grad]) {
            let Pool { kernel, stride, padding } = pool;
            let indices = Self::max_pool2d_with_indices(x.clone(), kernel, stride, padding, [1; 2], false, IntDType::I64).indices;
            return Self::max_pool2d_with_indices_backward(x, kernel, stride, padding, [1; 2], false, grad, indices).x_grad;
        }
        let (x, grad) = (Contiguous::<4>::new(&x), Contiguous::<4>::new(&grad));
        let [_, _, height, width] = x.shape;
        tensor(max_pool::gradient(x.values(), [height, width], grad.values(), &pool), x.shape)
    }
}

/// What each pixel counts in the mean at each output.
fn shares(plane: [usize; 2], pool: &Pool) -> Vec<f32> {
    let output = pool.output(plane);
    let seen = |axis: usize, index: usize| {
        let start = index * pool.stride[axis];
        let end = (start + pool.kernel[axis]).min(plane[axis] + pool.padding[axis]);
        end - start.max(pool.padding[axis])
    };
    (0..output[0]).flat_map(|row| (0..output[1]).map(move |column| 1.0 / (seen(0, row) * seen(1, column)) as f32)).collect()
}

/// Multiplies each plane of `values` by `shares`.
fn scale(values: &mut [f32], shares: &[f32]) {
    for plane in values.chunks_exact_mut(shares.len().max(1)) {
        for (value, share) in plane.iter_mut().zip(shares) {
            *value *= share;
        }
    }
}

impl<B: PoolingBackward, C: CheckpointStrategy> Pooling for Autodiff<B, C> {
    fn pool_mean(x: FloatTensor<Self>, pool: Pool) -> FloatTensor<Self> {
        match Mean.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&x), pool);
                prep.finish(state, B::pool_mean(x.into_primitive(), pool))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::pool_mean(x.into_primitive(), pool)),
        }
    }

    fn pool_max(x: FloatTensor<Self>, pool: Pool) -> FloatTensor<Self> {
        match Max.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&x), pool);
                prep.finish(state, B::pool_max(x.into_primitive(), pool))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::pool_max(x.into_primitive(), pool)),
        }
    }
}

#[derive(Debug)]
struct Mean;

impl<B: PoolingBackward> Backward<B, 1> for Mean {
    type State = (NodeId, Pool);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let (x, pool) = ops.state;
        let x: FloatTensor<B> = checkpointer.retrieve_node_output(x);
        unary::<B, _>(ops.parents, ops.node, grads, |grad| B::pool_mean_gradient(x, grad, pool));
    }
}

#[derive(Debug)]
struct Max;

impl<B: PoolingBackward> Backward<B, 1> for Max {
    type State = (NodeId, Pool);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let (x, pool) = ops.state;
        let x: FloatTensor<B> = checkpointer.retrieve_node_output(x);
        unary::<B, _>(ops.parents, ops.node, grads, |grad| B::pool_max_gradient(x, grad, pool));
    }
}
