//! Batch norm in training.

use burn::Tensor;
use proptest::prelude::*;

use super::super::{batch_norm_relu_train, batch_norm_train};
use super::{close, config, gradients, leaf, read, same_on_any_threads};

const EPSILON: f64 = 1e-5;

fn stock(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    let result = burn::tensor::module::batch_norm_train(x, gamma, beta, epsilon);
    (result.output, result.mean, result.variance)
}

/// Output, statistics and the gradients of input, gamma and beta, for images around `centre`.
fn results(
    shape: [usize; 4],
    centre: f32,
    norm: impl Fn(Tensor<4>, Tensor<1>, Tensor<1>, f64) -> (Tensor<4>, Tensor<1>, Tensor<1>),
) -> Vec<Vec<f32>> {
    let (x, gamma, beta) = (leaf(shape, 1), leaf([shape[1]], 2), leaf([shape[1]], 3));
    let (y, mean, variance) = norm(x.clone() + centre, gamma.clone(), beta.clone(), EPSILON);
    assert!(!mean.is_require_grad() && !variance.is_require_grad());
    let grads = gradients(&y, 4);
    let [gamma, beta] = [gamma, beta].map(|leaf| read(leaf.grad(&grads).unwrap()));
    vec![read(y), read(mean), read(variance), read(x.grad(&grads).unwrap()), gamma, beta]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_batch_norm_is_burns(images in 1..=9_usize, channels in 1..=20_usize, height in 1..=9_usize, width in 1..=9_usize) {
        // Of one or two pixels only rounding would be left, times 1 / sqrt(epsilon).
        prop_assume!(images * height * width > 2);
        let shape = [images, channels, height, width];
        let names = ["y", "mean", "variance", "x", "gamma", "beta"];
        for (name, (ours, stock)) in names.iter().zip(results(shape, 0.0, batch_norm_train).iter().zip(&results(shape, 0.0, stock))) {
            close(name, ours, stock).map_err(TestCaseError::fail)?;
        }
    }
}

fn stock_relu(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    let (output, mean, variance) = stock(x, gamma, beta, epsilon);
    (burn::tensor::activation::relu(output), mean, variance)
}

/// Batch norm, then ReLU, as two operations of this program.
fn one_after_the_other(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    let (output, mean, variance) = batch_norm_train(x, gamma, beta, epsilon);
    (burn::tensor::activation::relu(output), mean, variance)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn with_a_relu_behind_it_has_the_bits_of_the_two(images in 1..=9_usize, channels in 1..=20_usize, height in 1..=9_usize, width in 1..=9_usize) {
        let shape = [images, channels, height, width];
        prop_assert_eq!(results(shape, 0.0, batch_norm_relu_train), results(shape, 0.0, one_after_the_other));
    }
}

#[test]
fn with_a_relu_behind_it_is_burns() {
    for shape in [[64, 16, 8, 8], [63, 32, 7, 7]] {
        for (ours, stock) in results(shape, 0.5, batch_norm_relu_train).iter().zip(&results(shape, 0.5, stock_relu)) {
            close(&format!("{shape:?}"), ours, stock).unwrap();
        }
    }
    same_on_any_threads(|| results([64, 16, 14, 14], 0.5, batch_norm_relu_train));
}

#[test]
fn what_is_not_a_number_is_not_hidden_by_the_relu() {
    let x = Tensor::<4>::from_data([[[[1.0, f32::NAN]]]], &burn::tensor::Device::flex());
    let one = || Tensor::<1>::from_data([1.0], &burn::tensor::Device::flex());
    let (y, _, _) = batch_norm_relu_train(x, one(), one(), EPSILON);
    assert!(read(y).iter().all(|value| value.is_nan()));
}

#[test]
fn the_batch_norms_of_the_presets_are_burns() {
    for shape in [[64, 16, 8, 8], [64, 32, 4, 4], [64, 16, 14, 14], [64, 32, 14, 14], [63, 32, 7, 7]] {
        for (ours, stock) in results(shape, 0.0, batch_norm_train).iter().zip(&results(shape, 0.0, stock)) {
            close(&format!("{shape:?}"), ours, stock).unwrap();
        }
    }
}

#[test]
fn a_variance_far_from_zero_keeps_its_digits() {
    let near = results([16, 3, 8, 8], 0.0, batch_norm_train);
    let far = results([16, 3, 8, 8], 1024.0, batch_norm_train);
    for (near, far) in near[2].iter().zip(&far[2]) {
        assert!((near - far).abs() < 1e-3 * near, "{near} {far}");
    }
}

#[test]
fn results_do_not_depend_on_the_threads() {
    for norm in [batch_norm_train, batch_norm_relu_train] {
        same_on_any_threads(|| results([64, 32, 14, 14], 0.5, norm));
    }
}

#[test]
fn empty_sizes_give_empty_or_zero_results() {
    for shape in [[0, 2, 3, 3], [2, 0, 3, 3], [2, 3, 0, 3]] {
        let (x, gamma, beta) = (leaf(shape, 1), leaf([shape[1]], 2), leaf([shape[1]], 3));
        let (y, mean, variance) = batch_norm_train(x.clone(), gamma.clone(), beta, EPSILON);
        assert!(read(mean).iter().chain(&read(variance)).all(|&value| value == 0.0));
        let grads = y.sum().backward();
        assert_eq!(x.grad(&grads).unwrap().dims(), shape);
        assert_eq!(read(gamma.grad(&grads).unwrap()), vec![0.0; shape[1]]);
    }
}
