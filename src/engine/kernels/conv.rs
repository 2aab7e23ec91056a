//! Two-dimensional convolution, plain and with masked input channels, and its gradients.

use burn::Tensor;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};

use super::batch::{Batch, unmask};
use super::flex::{Contiguous, all_f32, tensor};
use super::mask::{Mask, MaskBackward};
use super::window::Window;
use super::{dense, depthwise, products};

/// Convolves `x [batch, channels in, height, width]` with `weight [channels out, channels in / groups, kernel]`.
///
/// # Panics
/// If the shapes do not fit the window, or a kernel size, a stride, a dilation or the groups are 0.
#[must_use]
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, window: Window) -> Tensor<4> {
    window.check(x.dims(), weight.dims());
    Tensor::from_dispatch(<Dispatch as Convolve>::convolve(x.into_dispatch(), weight.into_dispatch(), window))
}

/// Convolves `x` with each input channel of each image times its entry of `mask [batch, channels in]`, without a masked copy.
///
/// # Panics
/// As [`conv2d`], or if the mask does not have an entry for each channel of each image.
#[must_use]
pub fn masked_conv2d(x: Tensor<4>, mask: Tensor<2>, weight: Tensor<4>, window: Window) -> Tensor<4> {
    window.check(x.dims(), weight.dims());
    assert!(x.dims()[..2] == mask.dims(), "a mask {:?} does not fit images {:?}", mask.dims(), x.dims());
    let (x, mask, weight) = (x.into_dispatch(), mask.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(<Dispatch as Convolve>::convolve_masked(x, mask, weight, window))
}

/// Convolutions as a backend runs them.
#[backend_extension(Flex, Cube: cfg(any(feature = "wgpu", feature = "cuda")), Remote: cfg(feature = "remote"), Autodiff)]
pub trait Convolve: Mask {
    /// See [`conv2d`].
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        stock::<Self>(x, weight, window)
    }

    /// See [`masked_conv2d`].
    fn convolve_masked(x: FloatTensor<Self>, mask: FloatTensor<Self>, weight: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        let x = Self::mask(x, mask);
        Self::convolve(x, weight, window)
    }
}

/// Gradients of [`Convolve`] as a backend computes them; never recorded themselves.
pub trait ConvolveBackward: Convolve + MaskBackward {
    /// The gradient of the (masked) input.
    fn input_gradient(x: FloatTensor<Self>, weight: FloatTensor<Self>, grad: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        stock_input_gradient::<Self>(x, weight, grad, window)
    }

    /// The gradients of the input and of its mask.
    fn masked_input_gradients(
        x: FloatTensor<Self>,
        mask: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        window: Window,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let x_grad = Self::input_gradient(x.clone(), weight, grad, window);
        Self::unmask(x, mask, x_grad)
    }

    /// The gradient of the weight.
    fn weight_gradient(
        x: FloatTensor<Self>,
        mask: Option<FloatTensor<Self>>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        let x = match mask {
            Some(mask) => Self::mask(x, mask),
            None => x,
        };
        stock_weight_gradient::<Self>(x, weight, grad, window)
    }
}

/// A convolution by burn's own, or where that would add up in bf16 as a product.
fn stock<B: Backend>(x: FloatTensor<B>, weight: FloatTensor<B>, window: Window) -> FloatTensor<B> {
    if products::serves::<B>(&x, &window) {
        return products::forward::<B>(x, weight, &window);
    }
    B::conv2d(x, weight, None, window.options())
}

/// As [`stock`] the gradient of the input.
fn stock_input_gradient<B: Backend>(x: FloatTensor<B>, weight: FloatTensor<B>, grad: FloatTensor<B>, window: Window) -> FloatTensor<B> {
    if products::serves::<B>(&x, &window) {
        return products::input_gradient::<B>(x.shape().dims(), weight, grad, &window);
    }
    B::conv2d_x_backward(x, weight, grad, window.options())
}

/// As [`stock`] the gradient of the weight.
fn stock_weight_gradient<B: Backend>(x: FloatTensor<B>, weight: FloatTensor<B>, grad: FloatTensor<B>, window: Window) -> FloatTensor<B> {
    if products::serves::<B>(&x, &window) {
        return products::weight_gradient::<B>(x, weight.shape().dims(), grad, &window);
    }
    B::conv2d_weight_backward(x, weight, grad, window.options())
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl Convolve for burn::backend::Cube {}
#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl ConvolveBackward for burn::backend::Cube {}

#[cfg(feature = "remote")]
impl Convolve for burn::backend::Remote {}
#[cfg(feature = "remote")]
impl ConvolveBackward for burn::backend::Remote {}

impl Convolve for Flex {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        if !all_f32(&[&x, &weight]) {
            return stock::<Self>(x, weight, window);
        }
        forward(&x, None, &weight, &window)
    }

    fn convolve_masked(x: FloatTensor<Self>, mask: FloatTensor<Self>, weight: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        if !all_f32(&[&x, &mask, &weight]) {
            return Self::convolve(Self::mask(x, mask), weight, window);
        }
        forward(&x, Some(&mask), &weight, &window)
    }
}

impl ConvolveBackward for Flex {
    fn input_gradient(x: FloatTensor<Self>, weight: FloatTensor<Self>, grad: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        if !all_f32(&[&x, &weight, &grad]) {
            return stock_input_gradient::<Self>(x, weight, grad, window);
        }
        let shape = x.layout().shape().dims();
        tensor(input_gradient(shape, &weight, &grad, &window), shape)
    }

    fn masked_input_gradients(
        x: FloatTensor<Self>,
        mask: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        window: Window,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if !all_f32(&[&x, &mask, &weight, &grad]) {
            let x_grad = Self::input_gradient(x.clone(), weight, grad, window);
            return Self::unmask(x, mask, x_grad);
        }
        let (x, mask) = (Contiguous::<4>::new(&x), Contiguous::<2>::new(&mask));
        let mut gradient = input_gradient(x.shape, &weight, &grad, &window);
        let mask_gradient = unmask(&mut gradient, x.values(), mask.values());
        (tensor(gradient, x.shape), tensor(mask_gradient, mask.shape))
    }

    fn weight_gradient(
        x: FloatTensor<Self>,
        mask: Option<FloatTensor<Self>>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        if !all_f32(&[&x, &weight, &grad]) || mask.as_ref().is_some_and(|mask| !all_f32(&[mask])) {
            let x = match mask {
                Some(mask) => Self::mask(x, mask),
                None => x,
            };
            return stock_weight_gradient::<Self>(x, weight, grad, window);
        }
        let shape: [usize; 4] = weight.layout().shape().dims();
        let (x, grad) = (Contiguous::<4>::new(&x), Contiguous::<4>::new(&grad));
        let mask = mask.as_ref().map(Contiguous::<2>::new);
        let [images, channels, height, width] = x.shape;
        let batch = Batch { values: x.values(), mask: mask.as_ref().map(Contiguous::values), images, channels };
        let values = if window.is_depthwise(shape) {
            depthwise::weight_gradient(batch, [height, width], grad.values(), &window)
        } else {
            dense::weight_gradient(batch, [height, width], grad.values(), shape[0], &window)
        };
        tensor(values, shape)
    }
}

fn forward(x: &FloatTensor<Flex>, mask: Option<&FloatTensor<Flex>>, weight: &FloatTensor<Flex>, window: &Window) -> FloatTensor<Flex> {
    let (x, weight) = (Contiguous::<4>::new(x), Contiguous::<4>::new(weight));
    let mask = mask.map(Contiguous::<2>::new);
    let [images, channels, height, width] = x.shape;
    let batch = Batch { values: x.values(), mask: mask.as_ref().map(Contiguous::values), images, channels };
    let [out_height, out_width] = window.output([height, width]);
    let outputs = weight.shape[0];
    let values = if window.is_depthwise(weight.shape) {
        depthwise::forward(batch, [height, width], weight.values(), window)
    } else {
        dense::forward(batch, [height, width], weight.values(), outputs / window.groups, window)
    };
    tensor(values, [images, outputs, out_height, out_width])
}

fn input_gradient(shape: [usize; 4], weight: &FloatTensor<Flex>, grad: &FloatTensor<Flex>, window: &Window) -> Vec<f32> {
    let (weight, grad) = (Contiguous::<4>::new(weight), Contiguous::<4>::new(grad));
    let [images, channels, height, width] = shape;
    let batch = Batch { values: grad.values(), mask: None, images, channels: weight.shape[0] };
    if window.is_depthwise(weight.shape) {
        depthwise::input_gradient(batch, [height, width], weight.values(), window)
    } else {
        dense::input_gradient(batch, [height, width], weight.values(), channels / window.groups, window)
    }
}

impl<B: ConvolveBackward, C: CheckpointStrategy> Convolve for Autodiff<B, C> {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        match Plain.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&x), prep.checkpoint(&weight), window);
                prep.finish(state, B::convolve(x.into_primitive(), weight.into_primitive(), window))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::convolve(x.into_primitive(), weight.into_primitive(), window)),
        }
    }

    fn convolve_masked(x: FloatTensor<Self>, mask: FloatTensor<Self>, weight: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        let output = |x: FloatTensor<Self>, mask: FloatTensor<Self>, weight: FloatTensor<Self>| {
            B::convolve_masked(x.into_primitive(), mask.into_primitive(), weight.into_primitive(), window)
        };
        match Masked.prepare::<C>([x.node(), mask.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = ([prep.checkpoint(&x), prep.checkpoint(&mask), prep.checkpoint(&weight)], window);
                prep.finish(state, output(x, mask, weight))
            }
            OpsKind::UnTracked(prep) => prep.finish(output(x, mask, weight)),
        }
    }
}

#[derive(Debug)]
struct Plain;

impl<B: ConvolveBackward> Backward<B, 2> for Plain {
    type State = (NodeId, NodeId, Window);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let (x, weight, window) = ops.state;
        let [x_node, weight_node] = ops.parents;
        let x: FloatTensor<B> = checkpointer.retrieve_node_output(x);
        let weight: FloatTensor<B> = checkpointer.retrieve_node_output(weight);
        let grad = grads.consume::<B>(&ops.node);
        if let Some(node) = x_node {
            grads.register::<B>(node.id, B::input_gradient(x.clone(), weight.clone(), grad.clone(), window));
        }
        if let Some(node) = weight_node {
            grads.register::<B>(node.id, B::weight_gradient(x, None, weight, grad, window));
        }
    }
}

#[derive(Debug)]
struct Masked;

impl<B: ConvolveBackward> Backward<B, 3> for Masked {
    type State = ([NodeId; 3], Window);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let (states, window) = ops.state;
        let [x_node, mask_node, weight_node] = ops.parents;
        let [x, mask, weight]: [FloatTensor<B>; 3] = states.map(|state| checkpointer.retrieve_node_output(state));
        let grad = grads.consume::<B>(&ops.node);
        if x_node.is_some() || mask_node.is_some() {
            let (x_grad, mask_grad) = B::masked_input_gradients(x.clone(), mask.clone(), weight.clone(), grad.clone(), window);
            if let Some(node) = x_node {
                grads.register::<B>(node.id, x_grad);
            }
            if let Some(node) = mask_node {
                grads.register::<B>(node.id, mask_grad);
            }
        }
        if let Some(node) = weight_node {
            grads.register::<B>(node.id, B::weight_gradient(x, Some(mask), weight, grad, window));
        }
    }
}
