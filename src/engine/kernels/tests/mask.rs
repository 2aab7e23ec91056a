//! Images times a mask of their channels, and relaxed masks.

use burn::Tensor;
use burn::tensor::{TensorData, activation};
use proptest::prelude::*;

use super::super::masked;
use super::super::relaxation::{logistic, relax, slopes, sum_of_squares};
use super::{close, config, gradients, leaf, read, same_on_any_threads, values};
use crate::posterior::relaxed_keep;

fn stock(x: Tensor<4>, mask: Tensor<2>) -> Tensor<4> {
    x * mask.unsqueeze_dims(&[2, 3])
}

/// The output and the gradients of images and mask.
fn results(shape: [usize; 4], gate: impl Fn(Tensor<4>, Tensor<2>) -> Tensor<4>) -> Vec<Vec<f32>> {
    let (x, mask) = (leaf(shape, 1), leaf([shape[0], shape[1]], 2));
    let y = gate(x.clone(), mask.clone());
    let grads = gradients(&y, 4);
    vec![read(y), read(x.grad(&grads).unwrap()), read(mask.grad(&grads).unwrap())]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn images_are_masked_as_by_burn(images in 0..=5_usize, channels in 1..=6_usize, height in 0..=9_usize, width in 1..=18_usize) {
        let shape = [images, channels, height, width];
        for (name, (ours, stock)) in ["y", "x", "mask"].iter().zip(results(shape, masked).iter().zip(&results(shape, stock))) {
            close(name, ours, stock).map_err(TestCaseError::fail)?;
        }
    }
}

#[test]
fn masks_give_the_same_on_any_threads() {
    same_on_any_threads(|| results([64, 32, 16, 16], masked));
}

#[test]
fn relaxed_masks_and_their_slopes_are_those_of_burn_and_of_the_paper() {
    const SHAPE: [usize; 2] = [9, 37];
    const TEMPERATURE: f32 = 0.3;
    let uniforms: Vec<f32> = values(SHAPE[0] * SHAPE[1], 1).into_iter().map(|value| 0.5 + 0.5 * value).collect();
    let logits: Vec<f32> = values(SHAPE[1], 2).into_iter().map(|value| 6.0 * value).collect();
    let mut keep = uniforms.clone();
    logistic(&mut keep);
    let noise = keep.clone();
    relax(&mut keep, &logits, TEMPERATURE);
    let exact = |(place, &v): (usize, &f32)| relaxed_keep(f64::from(logits[place % SHAPE[1]]), f64::from(v), f64::from(TEMPERATURE)) as f32;
    close("keep", &keep, &uniforms.iter().enumerate().map(exact).collect::<Vec<_>>()).unwrap();
    assert!(keep.iter().any(|&keep| keep < 0.01) && keep.iter().any(|&keep| keep > 0.99));

    // The slopes are the gradient that burn finds for the same function.
    let leaf_logits = Tensor::<1>::from_data(TensorData::new(logits, [SHAPE[1]]), &burn::tensor::Device::flex().autodiff()).require_grad();
    let noise = Tensor::<2>::from_data(TensorData::new(noise, SHAPE), &leaf_logits.device());
    let stock = activation::sigmoid((noise + leaf_logits.clone().unsqueeze()).div_scalar(-f64::from(TEMPERATURE)));
    let gradient = read(leaf_logits.grad(&gradients(&stock, 4)).unwrap());
    close("slopes", &slopes(&keep, &values(keep.len(), 4), SHAPE[1], TEMPERATURE), &gradient).unwrap();
}

#[test]
fn what_is_held_is_kept_or_dropped_exactly_and_has_no_slope() {
    let mut keep = vec![3.0, -3.0, 0.5, 0.5];
    relax(&mut keep, &[1e4, -1e4], 0.5);
    assert_eq!(keep, [0.0, 1.0, 0.0, 1.0]);
    assert_eq!(slopes(&keep, &[1.0, 2.0, 3.0, 4.0], 2, 0.5), [0.0, 0.0]);
    let mut lost = vec![0.0];
    relax(&mut lost, &[f32::NAN], 0.5);
    assert!(lost[0].is_nan(), "what has lost its way shows it");
}

#[test]
fn large_masks_are_relaxed_the_same_on_any_threads() {
    same_on_any_threads(|| {
        let mut keep: Vec<f32> = values(1 << 19, 1).into_iter().map(|value| 0.5 + 0.499 * value).collect();
        logistic(&mut keep);
        relax(&mut keep, &values(1 << 9, 2), 0.5);
        vec![slopes(&keep, &values(1 << 19, 3), 1 << 9, 0.5), keep]
    });
}

#[test]
fn squares_are_summed_with_all_tails() {
    for length in [0, 1, 15, 16, 17, 100] {
        let numbers = values(length, 1);
        let exact: f64 = numbers.iter().map(|&value| f64::from(value).powi(2)).sum();
        assert!((f64::from(sum_of_squares(&numbers)) - exact).abs() < 1e-5, "{length}");
    }
}
