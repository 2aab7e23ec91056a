//! Images times a mask of their channels, as a tensor of its own: what a gate in front of anything but a convolution does.

use burn::Tensor;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};

use super::batch;
use super::flex::{Contiguous, all_f32, tensor};

/// `x [batch, channels, height, width]` with each channel of each image times its entry of `mask [batch, channels]`.
///
/// # Panics
/// If the mask does not have an entry for each channel of each image.
#[must_use]
pub fn masked(x: Tensor<4>, mask: Tensor<2>) -> Tensor<4> {
    assert!(x.dims()[..2] == mask.dims(), "a mask {:?} does not fit images {:?}", mask.dims(), x.dims());
    Tensor::from_dispatch(<Dispatch as Mask>::mask(x.into_dispatch(), mask.into_dispatch()))
}

/// Masks as a backend applies them.
#[backend_extension(Flex, Cube: cfg(any(feature = "wgpu", feature = "cuda")), Remote: cfg(feature = "remote"), Autodiff)]
pub trait Mask: Backend {
    /// See [`masked`].
    fn mask(x: FloatTensor<Self>, mask: FloatTensor<Self>) -> FloatTensor<Self> {
        stock::<Self>(x, mask)
    }
}

/// Gradients of [`Mask`] as a backend computes them; never recorded themselves.
pub trait MaskBackward: Mask {
    /// The gradients of the images and of their mask from that of the masked images.
    fn unmask(x: FloatTensor<Self>, mask: FloatTensor<Self>, grad: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        stock_gradients::<Self>(x, mask, grad)
    }
}

/// By burn's own operations.
fn stock<B: Backend>(x: FloatTensor<B>, mask: FloatTensor<B>) -> FloatTensor<B> {
    let [batch, channels] = mask.shape().dims();
    B::float_mul(x, B::float_reshape(mask, [batch, channels, 1, 1].into()))
}

/// Its gradients.
fn stock_gradients<B: Backend>(x: FloatTensor<B>, mask: FloatTensor<B>, grad: FloatTensor<B>) -> (FloatTensor<B>, FloatTensor<B>) {
    let mask_grad = B::float_sum_dims(B::float_mul(x, grad.clone()), &[2, 3]);
    let mask_grad = B::float_reshape(mask_grad, mask.shape());
    (stock::<B>(grad, mask), mask_grad)
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl Mask for burn::backend::Cube {}
#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl MaskBackward for burn::backend::Cube {}

#[cfg(feature = "remote")]
impl Mask for burn::backend::Remote {}
#[cfg(feature = "remote")]
impl MaskBackward for burn::backend::Remote {}

impl Mask for Flex {
    fn mask(x: FloatTensor<Self>, mask: FloatTensor<Self>) -> FloatTensor<Self> {
        if !all_f32(&[&x, &mask]) {
            return stock::<Self>(x, mask);
        }
        let (x, mask) = (Contiguous::<4>::new(&x), Contiguous::<2>::new(&mask));
        tensor(batch::masked(x.values(), mask.values()), x.shape)
    }
}

impl MaskBackward for Flex {
    fn unmask(x: FloatTensor<Self>, mask: FloatTensor<Self>, grad: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if !all_f32(&[&x, &mask, &grad]) {
            return stock_gradients::<Self>(x, mask, grad);
        }
        let (x, mask, grad) = (Contiguous::<4>::new(&x), Contiguous::<2>::new(&mask), Contiguous::<4>::new(&grad));
        let mut x_grad = grad.values().to_vec();
        let mask_grad = batch::unmask(&mut x_grad, x.values(), mask.values());
        (tensor(x_grad, x.shape), tensor(mask_grad, mask.shape))
    }
}

impl<B: MaskBackward, C: CheckpointStrategy> Mask for Autodiff<B, C> {
    fn mask(x: FloatTensor<Self>, mask: FloatTensor<Self>) -> FloatTensor<Self> {
        match Record.prepare::<C>([x.node(), mask.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = [prep.checkpoint(&x), prep.checkpoint(&mask)];
                prep.finish(state, B::mask(x.into_primitive(), mask.into_primitive()))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::mask(x.into_primitive(), mask.into_primitive())),
        }
    }
}

#[derive(Debug)]
struct Record;

impl<B: MaskBackward> Backward<B, 2> for Record {
    type State = [NodeId; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [x, mask]: [FloatTensor<B>; 2] = ops.state.map(|state| checkpointer.retrieve_node_output(state));
        let [x_node, mask_node] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let (x_grad, mask_grad) = B::unmask(x, mask, grad);
        if let Some(node) = x_node {
            grads.register::<B>(node.id, x_grad);
        }
        if let Some(node) = mask_node {
            grads.register::<B>(node.id, mask_grad);
        }
    }
}
