//! Batch norm with the statistics of the batch, forward and backward, in two reads and one write of the images each way.

use burn::Tensor;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::ModuleOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, Flex, backend_extension};

use super::flex::{Contiguous, all_f32, tensor};
use super::moments::{Images, deviation, gradient_moments, input_gradient, moments, normalised};

/// Normalises each channel of `x [batch, channels, height, width]` to mean `beta` and standard deviation `gamma`, both
/// `[channels]`. Returns the output, and the mean and the biased variance of the batch, `[channels]`, which carry no gradient.
///
/// # Panics
/// If `gamma` or `beta` does not have an entry for each channel.
#[must_use]
pub fn batch_norm_train(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    let [_, channels, _, _] = x.dims();
    let fits = gamma.dims() == [channels] && beta.dims() == [channels];
    assert!(fits, "batch norm of {:?} needs {channels} gammas and betas: {:?}, {:?}", x.dims(), gamma.dims(), beta.dims());
    let (x, gamma, beta) = (x.into_dispatch(), gamma.into_dispatch(), beta.into_dispatch());
    let (output, mean, variance) = <Dispatch as Normalise>::normalise(x, gamma, beta, epsilon);
    (Tensor::from_dispatch(output), Tensor::from_dispatch(mean), Tensor::from_dispatch(variance))
}

/// Batch norm as a backend runs it.
#[backend_extension(Flex, Cube: cfg(any(feature = "wgpu", feature = "cuda")), Autodiff)]
pub trait Normalise: Backend {
    /// See [`batch_norm_train`].
    fn normalise(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let result = Self::batch_norm_train(x, gamma, beta, epsilon);
        (result.output, result.mean, result.variance)
    }
}

/// Gradients of [`Normalise`] as a backend computes them; never recorded themselves.
pub trait NormaliseBackward: Normalise {
    /// The gradients of the input, of gamma and of beta.
    fn normalise_gradients(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        [mean, variance]: [FloatTensor<Self>; 2],
        epsilon: f64,
        grad: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 3] {
        let result = Self::batch_norm_train_backward(x, gamma, mean, variance, epsilon, grad);
        [result.x_grad, result.gamma_grad, result.beta_grad]
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl Normalise for burn::backend::Cube {}
#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl NormaliseBackward for burn::backend::Cube {}

impl Normalise for Flex {
    fn normalise(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        if !all_f32(&[&x, &gamma, &beta]) {
            let result = Self::batch_norm_train(x, gamma, beta, epsilon);
            return (result.output, result.mean, result.variance);
        }
        let (x, gamma, beta) = (Contiguous::<4>::new(&x), Contiguous::<1>::new(&gamma), Contiguous::<1>::new(&beta));
        let images = Images::new(x.values(), x.shape);
        let [mean, variance] = moments(images);
        let output = normalised(images, &mean, &variance, epsilon, gamma.values(), beta.values());
        (tensor(output, x.shape), tensor(mean, gamma.shape), tensor(variance, gamma.shape))
    }
}

impl NormaliseBackward for Flex {
    fn normalise_gradients(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        [mean, variance]: [FloatTensor<Self>; 2],
        epsilon: f64,
        grad: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 3] {
        if !all_f32(&[&x, &gamma, &mean, &variance, &grad]) {
            let result = Self::batch_norm_train_backward(x, gamma, mean, variance, epsilon, grad);
            return [result.x_grad, result.gamma_grad, result.beta_grad];
        }
        let (x, grad) = (Contiguous::<4>::new(&x), Contiguous::<4>::new(&grad));
        let [gamma, mean, variance] = [&gamma, &mean, &variance].map(Contiguous::<1>::new);
        let (images, gradient) = (Images::new(x.values(), x.shape), Images::new(grad.values(), x.shape));
        let moments = gradient_moments(images, gradient, mean.values());
        let deviations: Vec<f32> = variance.values().iter().map(|&variance| deviation(variance, epsilon)).collect();
        let gamma_grad = moments[1].iter().zip(&deviations).map(|(product, deviation)| product / deviation).collect();
        let x_grad = input_gradient(images, gradient, gamma.values(), mean.values(), &deviations, &moments);
        let [beta_grad, _] = moments;
        [tensor(x_grad, x.shape), tensor(gamma_grad, gamma.shape), tensor(beta_grad, gamma.shape)]
    }
}

impl<B: NormaliseBackward, C: CheckpointStrategy> Normalise for Autodiff<B, C> {
    fn normalise(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let run = |x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>| {
            B::normalise(x.into_primitive(), gamma.into_primitive(), beta.into_primitive(), epsilon)
        };
        let (output, mean, variance) = match Record.prepare::<C>([x.node(), gamma.node(), beta.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let inputs = [prep.checkpoint(&x), prep.checkpoint(&gamma)];
                let (output, mean, variance) = run(x, gamma, beta);
                (prep.finish((inputs, [mean.clone(), variance.clone()], epsilon), output), mean, variance)
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
    type State = ([NodeId; 2], [FloatTensor<B>; 2], f64);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let (inputs, statistics, epsilon) = ops.state;
        let [x, gamma]: [FloatTensor<B>; 2] = inputs.map(|input| checkpointer.retrieve_node_output(input));
        let grad = grads.consume::<B>(&ops.node);
        let results = B::normalise_gradients(x, gamma, statistics, epsilon, grad);
        for (node, grad) in ops.parents.into_iter().zip(results) {
            if let Some(node) = node {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}
