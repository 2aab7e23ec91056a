//! Batch norm with the statistics of the batch, alone and with a ReLU behind it, forward and backward, in two reads and one write of the
//! images each way.

use burn::Tensor;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, Flex, backend_extension};

use super::flex::{Contiguous, all_f32, tensor};
use super::moments::{Images, deviation, gradient_moments, input_gradient, moments, normalised, outputs};

/// Normalises each channel of `x [batch, channels, height, width]` to mean `beta` and standard deviation `gamma`, both
/// `[channels]`. Returns the output, and the mean and the biased variance of the batch, `[channels]`, which carry no gradient.
///
/// # Panics
/// If `gamma` or `beta` does not have an entry for each channel.
#[must_use]
pub fn batch_norm_train(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    dispatch(x, gamma, beta, Behind { epsilon, rectified: false })
}

/// [`batch_norm_train`] with a ReLU behind it. What lies between the two is not kept for the backward pass but computed anew there.
///
/// # Panics
/// As [`batch_norm_train`].
#[must_use]
pub fn batch_norm_relu_train(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    dispatch(x, gamma, beta, Behind { epsilon, rectified: true })
}

fn dispatch(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, behind: Behind) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    let [_, channels, _, _] = x.dims();
    let fits = gamma.dims() == [channels] && beta.dims() == [channels];
    assert!(fits, "batch norm of {:?} needs {channels} gammas and betas: {:?}, {:?}", x.dims(), gamma.dims(), beta.dims());
    let (x, gamma, beta) = (x.into_dispatch(), gamma.into_dispatch(), beta.into_dispatch());
    let (output, mean, variance) = <Dispatch as Normalise>::normalise(x, gamma, beta, behind);
    (Tensor::from_dispatch(output), Tensor::from_dispatch(mean), Tensor::from_dispatch(variance))
}

/// What is added to variances, and whether a ReLU follows.
#[derive(Debug, Clone, Copy)]
pub struct Behind {
    epsilon: f64,
    rectified: bool,
}

/// Batch norm as a backend runs it.
#[backend_extension(Flex, Cube: cfg(any(feature = "wgpu", feature = "cuda")), Remote: cfg(feature = "remote"), Autodiff)]
pub trait Normalise: Backend {
    /// See [`batch_norm_train`] and [`batch_norm_relu_train`].
    fn normalise(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        behind: Behind,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        stock::<Self>(x, gamma, beta, behind)
    }
}

/// Gradients of [`Normalise`] as a backend computes them; never recorded themselves.
pub trait NormaliseBackward: Normalise {
    /// The gradients of the input, of gamma and of beta.
    fn normalise_gradients(
        x: FloatTensor<Self>,
        affine: [FloatTensor<Self>; 2],
        statistics: [FloatTensor<Self>; 2],
        behind: Behind,
        grad: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 3] {
        stock_gradients::<Self>(x, affine, statistics, behind, grad)
    }
}

/// By burn's own operations.
fn stock<B: Backend>(
    x: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    behind: Behind,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let result = B::batch_norm_train(x, gamma, beta, behind.epsilon);
    let output = if behind.rectified { B::relu(result.output) } else { result.output };
    (output, result.mean, result.variance)
}

/// Its gradients.
fn stock_gradients<B: Backend>(
    x: FloatTensor<B>,
    [gamma, beta]: [FloatTensor<B>; 2],
    [mean, variance]: [FloatTensor<B>; 2],
    behind: Behind,
    grad: FloatTensor<B>,
) -> [FloatTensor<B>; 3] {
    let grad = if behind.rectified {
        B::relu_backward(B::batch_norm_train(x.clone(), gamma.clone(), beta, behind.epsilon).output, grad)
    } else {
        grad
    };
    let result = B::batch_norm_train_backward(x, gamma, mean, variance, behind.epsilon, grad);
    [result.x_grad, result.gamma_grad, result.beta_grad]
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl Normalise for burn::backend::Cube {}
#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl NormaliseBackward for burn::backend::Cube {}

#[cfg(feature = "remote")]
impl Normalise for burn::backend::Remote {}
#[cfg(feature = "remote")]
impl NormaliseBackward for burn::backend::Remote {}

impl Normalise for Flex {
    fn normalise(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        behind: Behind,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        if !all_f32(&[&x, &gamma, &beta]) {
            return stock::<Self>(x, gamma, beta, behind);
        }
        let (x, gamma, beta) = (Contiguous::<4>::new(&x), Contiguous::<1>::new(&gamma), Contiguous::<1>::new(&beta));
        let images = Images::new(x.values(), x.shape);
        let [mean, variance] = moments(images);
        let output = normalised(images, &outputs(&mean, &variance, behind.epsilon, gamma.values(), beta.values()), behind.rectified);
        (tensor(output, x.shape), tensor(mean, gamma.shape), tensor(variance, gamma.shape))
    }
}

impl NormaliseBackward for Flex {
    fn normalise_gradients(
        x: FloatTensor<Self>,
        affine: [FloatTensor<Self>; 2],
        statistics: [FloatTensor<Self>; 2],
        behind: Behind,
        grad: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 3] {
        let [gamma, beta] = &affine;
        let [mean, variance] = &statistics;
        if !all_f32(&[&x, gamma, beta, mean, variance, &grad]) {
            return stock_gradients::<Self>(x, affine, statistics, behind, grad);
        }
        let (x, grad) = (Contiguous::<4>::new(&x), Contiguous::<4>::new(&grad));
        let [gamma, beta, mean, variance] = [gamma, beta, mean, variance].map(Contiguous::<1>::new);
        let (images, gradient) = (Images::new(x.values(), x.shape), Images::new(grad.values(), x.shape));
        let outputs = behind.rectified.then(|| outputs(mean.values(), variance.values(), behind.epsilon, gamma.values(), beta.values()));
        let moments = gradient_moments(images, gradient, mean.values(), outputs.as_deref());
        let deviations: Vec<f32> = variance.values().iter().map(|&variance| deviation(variance, behind.epsilon)).collect();
        let gamma_grad = moments[1].iter().zip(&deviations).map(|(product, deviation)| product / deviation).collect();
        let x_grad = input_gradient(images, gradient, gamma.values(), mean.values(), &deviations, &moments, outputs.as_deref());
        let [beta_grad, _] = moments;
        [tensor(x_grad, x.shape), tensor(gamma_grad, gamma.shape), tensor(beta_grad, gamma.shape)]
    }
}

impl<B: NormaliseBackward, C: CheckpointStrategy> Normalise for Autodiff<B, C> {
    fn normalise(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        behind: Behind,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let run = |x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>| {
            B::normalise(x.into_primitive(), gamma.into_primitive(), beta.into_primitive(), behind)
        };
        let (output, mean, variance) = match Record.prepare::<C>([x.node(), gamma.node(), beta.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let inputs = [prep.checkpoint(&x), prep.checkpoint(&gamma), prep.checkpoint(&beta)];
                let (output, mean, variance) = run(x, gamma, beta);
                (prep.finish((inputs, [mean.clone(), variance.clone()], behind), output), mean, variance)
            }
            OpsKind::UnTracked(prep) => {
                let (output, mean, variance) = run(x, gamma, beta);
                (prep.finish(output), mean, variance)
            }
        };
        (output, <Self as AutodiffBackend>::from_inner(mean), <Self as AutodiffBackend>::from_inner(variance))
    }
}

#[derive(Debug)]
struct Record;

impl<B: NormaliseBackward> Backward<B, 3> for Record {
    type State = ([NodeId; 3], [FloatTensor<B>; 2], Behind);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let (inputs, statistics, behind) = ops.state;
        let [x, gamma, beta]: [FloatTensor<B>; 3] = inputs.map(|input| checkpointer.retrieve_node_output(input));
        let grad = grads.consume::<B>(&ops.node);
        let results = B::normalise_gradients(x, [gamma, beta], statistics, behind, grad);
        for (node, grad) in ops.parents.into_iter().zip(results) {
            if let Some(node) = node {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}
