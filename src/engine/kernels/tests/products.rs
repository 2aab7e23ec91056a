//! Convolutions in bf16 against those in `f32` of the same rounded numbers, on the CPU's own bf16.

use super::{close_within, config, gradients, leaf, read};
use crate::engine::kernels::{Window, conv2d};
use burn::Tensor;
use burn::tensor::{DType, Device, FloatDType};
use proptest::prelude::*;

/// What one rounding to bf16 and the sums of a few rounded ones may be off by, as a share of the largest.
const ROUNDING: f32 = 1.0 / 128.0;

/// The tensor with its numbers rounded to bf16, as a leaf of `f32`.
fn rounded(shape: [usize; 4], seed: u64) -> Tensor<4> {
    leaf(shape, seed).inner().cast(FloatDType::BF16).cast(FloatDType::F32).autodiff().require_grad()
}

fn compare(shape: [usize; 4], outputs: usize, window: Window) -> Result<(), String> {
    let x = rounded(shape, 1);
    let weight = rounded([outputs, shape[1], window.kernel[0], window.kernel[1]], 2);
    let exact = conv2d(x.clone(), weight.clone(), window);
    let found = conv2d(x.clone().cast(FloatDType::BF16), weight.clone().cast(FloatDType::BF16), window).cast(FloatDType::F32);
    close_within(ROUNDING, "output", &read(found.clone().inner()), &read(exact.clone().inner()))?;
    let (found, exact) = (gradients(&found, 3), gradients(&exact, 3));
    for (name, leaf) in [("input", &x), ("weight", &weight)] {
        let of = |gradients| leaf.grad(gradients).ok_or(format!("{name}: no gradient"));
        let (found, exact) = (of(&found)?, of(&exact)?);
        if found.dtype() != DType::F32 {
            return Err(format!("{name}: a gradient of {:?}", found.dtype()));
        }
        close_within(ROUNDING, name, &read(found), &read(exact))?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_convolution_in_bf16_is_the_exact_one_of_rounded_numbers(
        images in 1_usize..4,
        channels in 1_usize..5,
        outputs in 1_usize..5,
        plane in prop::array::uniform2(1_usize..9),
        kernel in prop::array::uniform2(1_usize..5),
        stride in prop::array::uniform2(1_usize..4),
        dilation in prop::array::uniform2(1_usize..3),
        padding in prop::array::uniform2(0_usize..4),
    ) {
        let window = Window { kernel, stride, padding, dilation, groups: 1 };
        prop_assume!(window.output(plane).iter().all(|&places| places > 0));
        prop_assert_eq!(compare([images, channels, plane[0], plane[1]], outputs, window), Ok(()));
    }
}

/// Sums of so many numbers stand still in bf16 long before their end.
#[test]
fn sums_are_taken_in_f32() {
    let device = Device::flex();
    let ones = |shape: [usize; 4]| Tensor::<4>::ones(shape, &device).autodiff().require_grad();
    let (x, weight) = (ones([8, 512, 32, 32]), ones([2, 512, 1, 1]));
    let output = conv2d(x.cast(FloatDType::BF16), weight.clone().cast(FloatDType::BF16), Window::same(1)).cast(FloatDType::F32);
    let sums = read(output.clone().inner());
    assert!(sums.iter().all(|&sum| sum.to_bits() == 512.0_f32.to_bits()), "{}", sums[0]);
    let gradients = read(weight.grad(&output.sum().backward()).unwrap());
    assert!(gradients.iter().all(|&sum| sum.to_bits() == 8192.0_f32.to_bits()), "{}", gradients[0]);
}

/// Groups of channels are no product, and burn's own operations serve them.
#[test]
fn a_depthwise_convolution_in_bf16_is_burns() {
    let (x, weight) = (rounded([2, 4, 6, 6], 1).inner(), rounded([4, 1, 3, 3], 2).inner());
    let window = Window::same(3).with_groups(4);
    let found = conv2d(x.clone().cast(FloatDType::BF16), weight.clone().cast(FloatDType::BF16), window).cast(FloatDType::F32);
    close_within(ROUNDING, "output", &read(found), &read(conv2d(x, weight, window))).unwrap();
}
