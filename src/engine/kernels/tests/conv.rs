//! Convolutions, plain and masked.

use burn::Tensor;
use burn::tensor::TensorData;
use proptest::prelude::*;

use super::super::{Window, conv2d, masked_conv2d};
use super::{close, config, gradients, leaf, read, same_on_any_threads};

/// Sizes of one convolution.
#[derive(Clone, Copy, Debug)]
struct Case {
    input: [usize; 4],
    /// Output channels of a group.
    outputs: usize,
    window: Window,
}

impl Case {
    fn weight(&self) -> [usize; 4] {
        let Window { kernel: [rows, columns], groups, .. } = self.window;
        [self.outputs * groups, self.input[1] / groups, rows, columns]
    }

    fn leaves(&self) -> (Tensor<4>, Tensor<2>, Tensor<4>) {
        (leaf(self.input, 1), leaf([self.input[0], self.input[1]], 2), leaf(self.weight(), 3))
    }
}

fn stock(x: Tensor<4>, weight: Tensor<4>, window: Window) -> Tensor<4> {
    burn::tensor::module::conv2d(x, weight, None, window.options())
}

fn masked_stock(x: Tensor<4>, mask: Tensor<2>, weight: Tensor<4>, window: Window) -> Tensor<4> {
    stock(x * mask.unsqueeze_dims(&[2, 3]), weight, window)
}

/// The output and the gradients of input and weight.
fn plain_results(case: &Case, convolution: impl Fn(Tensor<4>, Tensor<4>, Window) -> Tensor<4>) -> Vec<Vec<f32>> {
    let (x, _, weight) = case.leaves();
    let y = convolution(x.clone(), weight.clone(), case.window);
    let grads = gradients(&y, 4);
    vec![read(y), read(x.grad(&grads).unwrap()), read(weight.grad(&grads).unwrap())]
}

/// The output and the gradients of input, mask and weight.
fn masked_results(case: &Case, convolution: impl Fn(Tensor<4>, Tensor<2>, Tensor<4>, Window) -> Tensor<4>) -> Vec<Vec<f32>> {
    let (x, mask, weight) = case.leaves();
    let y = convolution(x.clone(), mask.clone(), weight.clone(), case.window);
    let grads = gradients(&y, 4);
    vec![read(y), read(x.grad(&grads).unwrap()), read(mask.grad(&grads).unwrap()), read(weight.grad(&grads).unwrap())]
}

fn compare(case: &Case) -> Result<(), TestCaseError> {
    for (name, (ours, stock)) in ["y", "x", "w"].iter().zip(plain_results(case, conv2d).iter().zip(&plain_results(case, stock))) {
        close(name, ours, stock).map_err(TestCaseError::fail)?;
    }
    let (ours, stock) = (masked_results(case, masked_conv2d), masked_results(case, masked_stock));
    for (name, (ours, stock)) in ["masked y", "masked x", "mask", "masked w"].iter().zip(ours.iter().zip(&stock)) {
        close(name, ours, stock).map_err(TestCaseError::fail)?;
    }
    Ok(())
}

fn pair(range: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = [usize; 2]> {
    [range.clone(), range]
}

fn windows() -> impl Strategy<Value = Window> {
    (pair(1..=5), pair(1..=3), pair(0..=4), pair(1..=2), 1..=3_usize).prop_map(|(kernel, stride, padding, dilation, groups)| Window {
        kernel,
        stride,
        padding,
        dilation,
        groups,
    })
}

fn cases() -> impl Strategy<Value = Case> {
    (windows(), 1..=6_usize, 1..=5_usize, 1..=20_usize, pair(1..=18))
        .prop_map(|(window, images, channels, outputs, [height, width])| {
            let input = [images, channels * window.groups, height, width];
            Case { input, outputs, window }
        })
        .prop_filter("the kernel fits", |case| !case.window.output([case.input[2], case.input[3]]).contains(&0))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_convolution_is_burns(case in cases()) {
        compare(&case)?;
    }

    #[test]
    fn a_depthwise_convolution_is_burns(window in windows(), images in 1..=4_usize, groups in 1..=9_usize,
                                        multiplier in 1..=2_usize, [height, width] in pair(1..=18)) {
        let case = Case { input: [images, groups, height, width], outputs: multiplier, window: window.with_groups(groups) };
        prop_assume!(!window.output([height, width]).contains(&0));
        compare(&case)?;
    }
}

/// The layers of the presets, whose tiles and pieces the small cases above do not fill.
fn layers() -> Vec<Case> {
    let layer = |batch, channels, outputs, size, kernel| {
        let window = Window::same(kernel);
        Case { input: [batch, channels, size, size], outputs, window }
    };
    let depthwise = |batch, channels, size, kernel| Case {
        input: [batch, channels, size, size],
        outputs: 1,
        window: Window::same(kernel).with_groups(channels),
    };
    let strided = |case: Case, stride| Case { window: case.window.with_stride(stride), ..case };
    let grouped = |case: Case, groups| Case { outputs: case.outputs / groups, window: case.window.with_groups(groups), ..case };
    vec![
        layer(64, 16, 16, 8, 3),
        layer(64, 32, 32, 4, 5),
        layer(64, 32, 32, 7, 3),
        layer(33, 16, 16, 14, 1),
        layer(350, 7, 16, 8, 3),
        strided(layer(64, 16, 32, 14, 3), 2),
        grouped(layer(64, 32, 32, 8, 3), 4),
        strided(grouped(layer(64, 32, 32, 14, 5), 2), 3),
        depthwise(64, 16, 14, 3),
        depthwise(400, 32, 4, 3),
        strided(depthwise(64, 32, 14, 5), 2),
    ]
}

#[test]
fn the_layers_of_the_presets_are_burns() {
    for case in layers() {
        compare(&case).unwrap_or_else(|error| panic!("{case:?}: {error}"));
    }
}

#[test]
fn results_do_not_depend_on_the_threads() {
    for case in layers() {
        same_on_any_threads(|| masked_results(&case, masked_conv2d));
    }
}

#[test]
fn several_threads_convolve_at_once() {
    let case = layers()[0];
    let alone = masked_results(&case, masked_conv2d);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| masked_results(&case, masked_conv2d))).collect();
        for thread in threads {
            assert!(thread.join().unwrap() == alone);
        }
    });
}

#[test]
fn empty_sizes_give_empty_or_zero_results() {
    let window = Window::same(3);
    for input in [[0, 2, 4, 4], [2, 0, 4, 4], [2, 3, 0, 4]] {
        for outputs in [0, 2] {
            let case = Case { input, outputs, window };
            let (x, mask, weight) = case.leaves();
            let y = masked_conv2d(x.clone(), mask.clone(), weight.clone(), window);
            assert_eq!(y.dims(), [input[0], outputs, input[2], input[3]]);
            let grads = y.clone().sum().backward();
            assert_eq!(x.grad(&grads).unwrap().dims(), input);
            assert_eq!(mask.grad(&grads).unwrap().dims(), input[..2]);
            let weight_grad = weight.grad(&grads).unwrap();
            assert_eq!(weight_grad.dims(), case.weight());
            assert!(read(y).iter().chain(&read(weight_grad)).all(|&value| value == 0.0));
        }
    }
}

#[test]
fn an_image_too_small_for_the_kernel_gives_nothing_and_zero_gradients() {
    for groups in [1, 3] {
        let window = Window { padding: [0; 2], ..Window::same(3) }.with_groups(groups);
        for (input, output) in [([2, 3, 1, 1], [0, 0]), ([2, 3, 5, 2], [3, 0])] {
            let case = Case { input, outputs: 6 / groups, window };
            let (x, mask, weight) = case.leaves();
            let y = masked_conv2d(x.clone(), mask.clone(), weight.clone(), window);
            assert_eq!(y.dims(), [2, 6, output[0], output[1]]);
            let grads = y.sum().backward();
            assert_eq!(read(x.grad(&grads).unwrap()), vec![0.0; input.iter().product()]);
            assert_eq!(read(mask.grad(&grads).unwrap()), [0.0; 6]);
            assert_eq!(read(weight.grad(&grads).unwrap()), vec![0.0; case.weight().iter().product()]);
            assert_eq!(conv2d(x, weight, window).dims(), [2, 6, output[0], output[1]]);
        }
    }
}

#[test]
fn a_depthwise_convolution_of_nothing_is_empty() {
    for (input, groups) in [([0, 2, 4, 4], 2), ([2, 3, 0, 4], 3), ([2, 3, 4, 0], 3)] {
        for stride in [1, 2] {
            let case = Case { input, outputs: 1, window: Window::same(3).with_groups(groups).with_stride(stride) };
            for results in [masked_results(&case, masked_conv2d), plain_results(&case, conv2d)] {
                let (weights, rest) = results.split_last().unwrap();
                assert_eq!(weights[..], vec![0.0; case.weight().iter().product()]);
                assert!(rest.iter().all(|values| values.iter().all(|&value| value == 0.0)));
            }
        }
    }
}

#[test]
fn what_a_mask_drops_counts_for_nothing() {
    for (groups, stride) in [(1, 1), (1, 2), (2, 1), (4, 1), (4, 2)] {
        let case = Case { input: [3, 4, 6, 5], outputs: 8 / groups, window: Window::same(3).with_groups(groups).with_stride(stride) };
        for kept in [[0.0; 4], [1.0, 0.0, 0.0, 1.0]] {
            let results = |convolution: &dyn Fn(Tensor<4>, Tensor<2>, Tensor<4>, Window) -> Tensor<4>| {
                masked_results(&case, |x, mask, weight, window| {
                    let keep = Tensor::from_data(TensorData::new(kept.repeat(3), [3, 4]), &mask.device());
                    convolution(x, mask * keep, weight, window)
                })
            };
            for (ours, stock) in results(&masked_conv2d).iter().zip(&results(&masked_stock)) {
                close(&format!("{groups}, {stride}, {kept:?}"), ours, stock).unwrap();
            }
        }
    }
}

#[test]
fn gradients_nobody_asked_for_are_not_computed() {
    let case = layers()[0];
    let (x, mask, weight) = case.leaves();
    let y = masked_conv2d(x.clone().detach(), mask.clone(), weight.clone().detach(), case.window);
    let grads = gradients(&y, 4);
    assert!(x.grad(&grads).is_none() && weight.grad(&grads).is_none());
    let expected = masked_results(&case, masked_stock);
    close("mask alone", &read(mask.grad(&grads).unwrap()), &expected[2]).unwrap();
}
