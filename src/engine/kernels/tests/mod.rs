//! The kernels against burn's own operations: outputs, gradients, and any number of threads.

mod batch_norm;
mod conv;
mod descent;
mod inference;
mod mask;
mod pool;
mod products;

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use proptest::test_runner::Config;

use super::parallel::SHARED;
use crate::random::{Purpose, open_unit, stream};

/// Many small cases: what differs between shapes is the tails.
fn config() -> Config {
    Config { cases: 200, failure_persistence: None, ..Config::default() }
}

/// Numbers in (-1, 1) that depend on the seed alone.
fn values(length: usize, seed: u64) -> Vec<f32> {
    let mut generator = stream(seed, Purpose::Initialise, 0);
    (0..length).map(|_| 2.0 * open_unit(&mut generator) - 1.0).collect()
}

/// A tensor of [`values`] on the CPU that records what is done with it.
fn leaf<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    let data = TensorData::new(values(shape.iter().product(), seed), shape);
    Tensor::from_data(data, &Device::flex().autodiff()).require_grad()
}

/// The elements of a tensor, read back.
fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("a tensor of f32")
}

/// The gradient of `leaf` when the output's gradient is a fixed tensor of [`values`].
fn gradients<const O: usize>(output: &Tensor<O>, seed: u64) -> burn::tensor::Gradients {
    let weights = TensorData::new(values(output.shape().num_elements(), seed), output.shape());
    (output.clone() * Tensor::from_data(weights, &output.device())).sum().backward()
}

/// How far two results are from each other: infinitely where either has what is not a number.
fn distance(ours: &[f32], others: &[f32]) -> f32 {
    let far = |(ours, other): (&f32, &f32)| if (ours - other).is_finite() { (ours - other).abs() } else { f32::INFINITY };
    if ours.len() == others.len() { ours.iter().zip(others).map(far).fold(0.0, f32::max) } else { f32::INFINITY }
}

#[test]
fn what_is_not_a_number_is_far_from_all() {
    assert!((distance(&[1.0, 2.0], &[1.0, 2.5]) - 0.5).abs() < 1e-6);
    for wrong in [f32::NAN, f32::INFINITY] {
        assert!(distance(&[1.0, wrong], &[1.0, 2.5]).is_infinite());
        assert!(close("", &[1.0, wrong], &[1.0, wrong]).is_err() && close("", &[1.0, 2.5], &[1.0, wrong]).is_err());
    }
    assert!(close("", &[], &[1.0]).is_err() && close("", &[1.0], &[1.0]).is_ok());
}

/// Whether two results agree to within 1e-5 of the largest element, or of 1, the size of the numbers they are sums of.
fn close(name: &str, ours: &[f32], stock: &[f32]) -> Result<(), String> {
    close_within(1e-5, name, ours, stock)
}

/// As [`close`] to within another share.
fn close_within(share: f32, name: &str, ours: &[f32], stock: &[f32]) -> Result<(), String> {
    let largest = stock.iter().fold(1.0_f32, |largest, value| largest.max(value.abs()));
    let worst = distance(ours, stock);
    let agree = worst.is_finite() && worst <= share * largest;
    agree.then_some(()).ok_or_else(|| format!("{name}: off by {worst} of {largest}; {} elements for {}", ours.len(), stock.len()))
}

/// What `compute` returns on rayon pools of one, two and three threads, asserted to be the same to the bit and, on several, to have been shared.
fn same_on_any_threads(compute: impl Fn() -> Vec<Vec<f32>> + Sync) {
    let bits = |threads| -> Vec<Vec<u32>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a small pool");
        let results = pool.install(|| {
            let before = SHARED.get();
            let results = compute();
            assert!(threads == 1 || SHARED.get() > before, "too little work to share");
            results
        });
        results.into_iter().map(|values| values.into_iter().map(f32::to_bits).collect()).collect()
    };
    let one = bits(1);
    assert!(one == bits(2) && one == bits(3), "results depend on the number of threads");
}
