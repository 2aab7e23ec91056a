//! Milliseconds of the kernels beside burn's own operations, forward and backward, on the layers of the presets.
//!
//! `cargo bench --bench kernels [-- word of a row] [--json FILE]`. The two are timed in turn, so that a busy machine is busy for both,
//! on a thread of rayon's pool, where a training step belongs: from any other, each operation first wakes one.

mod common;

use std::time::Instant;

use burn::Tensor;
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
use burn::tensor::{Device, Distribution, Shape};
use pgnas::engine::kernels::{Pool, Window, avg_pool2d, batch_norm_train, conv2d, masked_conv2d, max_pool2d};

/// One row: a name, and the same computation twice, as burn and as the kernels do it.
struct Row {
    name: String,
    stock: Box<dyn Fn() -> Tensor<4>>,
    ours: Box<dyn Fn() -> Tensor<4>>,
}

fn device() -> Device {
    Device::flex().autodiff()
}

fn leaf<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(Shape::new(shape), Distribution::Uniform(-1.0, 1.0), &device()).require_grad()
}

fn stock_conv(x: Tensor<4>, weight: Tensor<4>, window: Window) -> Tensor<4> {
    let options = burn::tensor::ops::ConvOptions::new(window.stride, window.padding, window.dilation, window.groups);
    burn::tensor::module::conv2d(x, weight, None, options)
}

fn conv(shape: [usize; 4], outputs: usize, window: Window) -> Row {
    let x = leaf(shape);
    let weight = leaf([outputs, shape[1] / window.groups, window.kernel[0], window.kernel[1]]);
    let (x2, weight2) = (x.clone(), weight.clone());
    Row {
        name: format!("conv {}x{} groups {} {shape:?} to {outputs}", window.kernel[0], window.kernel[1], window.groups),
        stock: Box::new(move || stock_conv(x.clone(), weight.clone(), window)),
        ours: Box::new(move || conv2d(x2.clone(), weight2.clone(), window)),
    }
}

fn masked(shape: [usize; 4], outputs: usize, window: Window) -> Row {
    let x = leaf(shape);
    let mask = leaf([shape[0], shape[1]]);
    let weight = leaf([outputs, shape[1] / window.groups, window.kernel[0], window.kernel[1]]);
    let (x2, mask2, weight2) = (x.clone(), mask.clone(), weight.clone());
    Row {
        name: format!("masked conv {}x{} groups {} {shape:?} to {outputs}", window.kernel[0], window.kernel[1], window.groups),
        stock: Box::new(move || stock_conv(x.clone() * mask.clone().unsqueeze_dims(&[2, 3]), weight.clone(), window)),
        ours: Box::new(move || masked_conv2d(x2.clone(), mask2.clone(), weight2.clone(), window)),
    }
}

fn batch_norm(shape: [usize; 4]) -> Row {
    let (x, gamma, beta) = (leaf(shape), leaf([shape[1]]), leaf([shape[1]]));
    let (x2, gamma2, beta2) = (x.clone(), gamma.clone(), beta.clone());
    Row {
        name: format!("batch norm {shape:?}"),
        stock: Box::new(move || burn::tensor::module::batch_norm_train(x.clone(), gamma.clone(), beta.clone(), 1e-5).output),
        ours: Box::new(move || batch_norm_train(x2.clone(), gamma2.clone(), beta2.clone(), 1e-5).0),
    }
}

fn avg_pool(shape: [usize; 4]) -> Row {
    let x = leaf(shape);
    let x2 = x.clone();
    let options = AvgPoolOptions { count_include_pad: false, ..AvgPoolOptions::new([3, 3]).with_stride([1, 1]).with_padding([1, 1]) };
    Row {
        name: format!("avg pool 3x3 {shape:?}"),
        stock: Box::new(move || burn::tensor::module::avg_pool2d(x.clone(), options.clone())),
        ours: Box::new(move || avg_pool2d(x2.clone(), Pool::same(3))),
    }
}

fn max_pool(shape: [usize; 4]) -> Row {
    let x = leaf(shape);
    let x2 = x.clone();
    let options = MaxPoolOptions::new([3, 3]).with_stride([1, 1]).with_padding([1, 1]);
    Row {
        name: format!("max pool 3x3 {shape:?}"),
        stock: Box::new(move || burn::tensor::module::max_pool2d(x.clone(), options.clone())),
        ours: Box::new(move || max_pool2d(x2.clone(), Pool::same(3))),
    }
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for shape in [[64, 16, 8, 8], [64, 32, 4, 4], [64, 16, 14, 14], [64, 32, 7, 7]] {
        rows.extend([1, 3, 5].map(|size| conv(shape, shape[1], Window::same(size))));
        rows.push(conv(shape, shape[1], Window::same(3).with_groups(shape[1])));
        rows.push(masked(shape, shape[1], Window::same(3)));
        rows.extend([batch_norm(shape), avg_pool(shape), max_pool(shape)]);
    }
    rows.extend([1, 3].map(|size| conv([350, 7, 8, 8], 16, Window::same(size))));
    rows.push(conv([350, 7, 8, 8], 7, Window::same(3).with_groups(7)));
    rows
}

/// Milliseconds of the forward and of the backward computation.
fn time(compute: &dyn Fn() -> Tensor<4>) -> [f64; 2] {
    let start = Instant::now();
    let y = compute();
    let forward = start.elapsed();
    let loss = y.sum();
    let start = Instant::now();
    let grads = loss.backward();
    let backward = start.elapsed();
    drop(grads);
    [forward, backward].map(|time| time.as_secs_f64() * 1e3)
}

/// The least: another program on the machine can only add.
fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

fn main() {
    rayon::scope(|_| table());
}

fn table() {
    let (mut out, wanted) = common::Rows::of_arguments("kernels");
    println!("{:<48} {:>9} {:>9} {:>9} {:>9}", "ms, least", "stock fwd", "ours fwd", "stock bwd", "ours bwd");
    for row in rows().iter().filter(|row| wanted.iter().all(|word| row.name.contains(word.as_str()))) {
        let mut times: [Vec<f64>; 4] = Default::default();
        for round in 0..60 {
            let (stock, ours) = (time(&*row.stock), time(&*row.ours));
            // The first rounds warm caches and buffers up.
            if round >= 10 {
                for (times, value) in times.iter_mut().zip([stock[0], ours[0], stock[1], ours[1]]) {
                    times.push(value);
                }
            }
        }
        let ways = [("burn", "forward"), ("pgnas", "forward"), ("burn", "backward"), ("pgnas", "backward")];
        for ((way, pass), times) in ways.into_iter().zip(&times) {
            out.add(serde_json::json!({ "row": row.name, "way": way, "pass": pass }), times, "ms");
        }
        let [stock, ours, stock_backward, ours_backward] = times.each_ref().map(|times| least(times));
        println!("{:<48} {stock:>9.3} {ours:>9.3} {stock_backward:>9.3} {ours_backward:>9.3}", row.name);
    }
    out.write();
}
