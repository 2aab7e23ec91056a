//! Average and max pools.

use burn::Tensor;
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
use burn::tensor::{Device, TensorData};
use proptest::prelude::*;

use super::super::{Pool, avg_pool2d, max_pool2d};
use super::{close, config, gradients, leaf, read, same_on_any_threads};

fn stock_mean(x: Tensor<4>, pool: Pool) -> Tensor<4> {
    let options = AvgPoolOptions::new(pool.kernel).with_stride(pool.stride).with_padding(pool.padding);
    burn::tensor::module::avg_pool2d(x, AvgPoolOptions { count_include_pad: false, ..options })
}

fn stock_max(x: Tensor<4>, pool: Pool) -> Tensor<4> {
    let options = MaxPoolOptions::new(pool.kernel).with_stride(pool.stride).with_padding(pool.padding);
    burn::tensor::module::max_pool2d(x, options)
}

/// The output and the gradient of the input, which is `of` a fixed leaf.
fn results(
    shape: [usize; 4],
    pool: Pool,
    of: impl Fn(Tensor<4>) -> Tensor<4>,
    run: impl Fn(Tensor<4>, Pool) -> Tensor<4>,
) -> Vec<Vec<f32>> {
    let x = leaf(shape, 1);
    let y = run(of(x.clone()), pool);
    let grads = gradients(&y, 2);
    vec![read(y), read(x.grad(&grads).unwrap())]
}

fn compare(shape: [usize; 4], pool: Pool) -> Result<(), String> {
    let same = |x| x;
    // After a ReLU many pixels of a window are equally large: all zero.
    let rectified = |x| burn::tensor::activation::relu(x - 0.7);
    let pairs = [
        (results(shape, pool, same, avg_pool2d), results(shape, pool, same, stock_mean)),
        (results(shape, pool, same, max_pool2d), results(shape, pool, same, stock_max)),
        (results(shape, pool, rectified, max_pool2d), results(shape, pool, rectified, stock_max)),
    ];
    let names = ["mean", "max", "max of equals"];
    for (name, (ours, stock)) in names.iter().zip(&pairs) {
        close(&format!("{name}, y"), &ours[0], &stock[0])?;
        close(&format!("{name}, x"), &ours[1], &stock[1])?;
    }
    Ok(())
}

fn pools() -> impl Strategy<Value = Pool> {
    let axis = (1..=4_usize).prop_flat_map(|kernel| (Just(kernel), 1..=3_usize, 0..kernel));
    [axis.clone(), axis].prop_map(|axes| Pool {
        kernel: axes.map(|(kernel, _, _)| kernel),
        stride: axes.map(|(_, stride, _)| stride),
        padding: axes.map(|(_, _, padding)| padding),
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_pool_is_burns(pool in pools(), images in 1..=3_usize, channels in 1..=5_usize, height in 1..=17_usize, width in 1..=17_usize) {
        prop_assume!(!pool.output([height, width]).contains(&0));
        compare([images, channels, height, width], pool).map_err(TestCaseError::fail)?;
    }
}

#[test]
fn the_pools_of_the_presets_are_burns() {
    for shape in [[64, 16, 8, 8], [64, 32, 4, 4], [64, 16, 14, 14], [33, 32, 7, 7]] {
        compare(shape, Pool::same(3)).unwrap_or_else(|error| panic!("{shape:?}: {error}"));
        compare(shape, Pool::same(3).with_stride(2)).unwrap_or_else(|error| panic!("{shape:?}: {error}"));
    }
}

#[test]
fn a_nan_is_the_largest() {
    let x = TensorData::new(vec![1.0_f32, f32::NAN, 2.0, 0.0], [1, 1, 1, 4]);
    let y = read(max_pool2d(Tensor::from_data(x, &Device::flex()), Pool { kernel: [1, 2], stride: [1, 1], padding: [0, 0] }));
    assert!(y[0].is_nan() && y[1].is_nan() && !y[2].is_nan());
}

/// The gradient of the pixels of a plane `[3, 3]`, each output's being another number.
fn routed(pixels: [f32; 9], pool: Pool, run: impl Fn(Tensor<4>, Pool) -> Tensor<4>) -> Vec<f32> {
    let data = TensorData::new(pixels.to_vec(), [1, 1, 3, 3]);
    let x = Tensor::<4>::from_data(data, &Device::flex().autodiff()).require_grad();
    let y = run(x.clone(), pool);
    let each = (0..y.shape().num_elements()).map(|place| (1 << place) as f32).collect::<Vec<_>>();
    let each = Tensor::from_data(TensorData::new(each, y.shape()), &y.device());
    // Not times the output: minus infinity times a number is none.
    let grads = (y.clone() * each.clone()).sum().backward();
    read(x.grad(&grads).unwrap())
}

#[test]
fn what_is_no_number_or_infinite_gets_its_gradient() {
    let (low, nan) = (f32::NEG_INFINITY, f32::NAN);
    let planes = [[low; 9], [low, low, low, low, 1.0, low, low, low, low], [nan; 9], [0.0, nan, 1.0, 2.0, 3.0, nan, 4.0, 5.0, nan]];
    for pool in [Pool::same(3), Pool::same(2), Pool { padding: [1; 2], ..Pool::same(2) }, Pool::same(3).with_stride(2)] {
        for pixels in planes {
            let (ours, stock) = (routed(pixels, pool, max_pool2d), routed(pixels, pool, stock_max));
            assert_eq!(ours, stock, "{pool:?} {pixels:?}");
        }
    }
}

#[test]
fn an_even_pool_sees_each_pixel_once() {
    let x =
        Tensor::<4>::from_data(TensorData::new((0..9 * 8).map(|pixel| pixel as f32).collect::<Vec<_>>(), [1, 1, 9, 8]), &Device::flex());
    let pool = Pool::same(4).with_stride(4);
    assert_eq!(read(avg_pool2d(x.clone(), pool)), [13.5, 17.5, 45.5, 49.5]);
    assert_eq!(read(max_pool2d(x, pool)), [27.0, 31.0, 59.0, 63.0]);
}

#[test]
fn results_do_not_depend_on_the_threads() {
    same_on_any_threads(|| results([64, 16, 14, 14], Pool::same(3), |x| x, avg_pool2d));
    same_on_any_threads(|| results([64, 16, 14, 14], Pool::same(3), |x| x, max_pool2d));
    same_on_any_threads(|| results([128, 32, 14, 14], Pool::same(3).with_stride(2), |x| x, max_pool2d));
}

#[test]
fn empty_sizes_give_empty_results() {
    for run in [avg_pool2d, max_pool2d] {
        for shape in [[0, 2, 4, 4], [2, 0, 4, 4], [2, 3, 0, 4]] {
            let x = leaf(shape, 1);
            let y = run(x.clone(), Pool::same(3));
            assert_eq!(y.dims(), shape);
            assert_eq!(x.grad(&y.sum().backward()).unwrap().dims(), shape);
        }
        // Padding alone has nothing to see.
        for (shape, output) in [([2, 3, 0, 4], [0, 5]), ([2, 3, 4, 0], [5, 0])] {
            let x = leaf(shape, 1);
            let y = run(x.clone(), Pool { kernel: [2; 2], stride: [1; 2], padding: [1; 2] });
            assert_eq!(y.dims(), [2, 3, output[0], output[1]]);
            assert_eq!(x.grad(&y.sum().backward()).unwrap().dims(), shape);
        }
        let x = leaf([2, 3, 1, 1], 1);
        let y = run(x.clone(), Pool { padding: [0; 2], ..Pool::same(3) });
        assert_eq!(y.dims(), [2, 3, 0, 0]);
        assert_eq!(read(x.grad(&y.sum().backward()).unwrap()), [0.0; 6]);
    }
}
