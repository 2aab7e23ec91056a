//! The images a convolution reads, and their masks.

use super::parallel::{ELEMENT, for_each_pair, piece, written};
use super::simd::{self, Kernel, LANES, multiply_add};
use super::unfold::Unfold;
use std::mem::MaybeUninit;

/// A batch of images, `[images, channels, height, width]`.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) values: &'a [f32],
    /// `[images, channels]`: multiplies each plane as it is read.
    pub(super) mask: Option<&'a [f32]>,
    pub(super) images: usize,
    pub(super) channels: usize,
}

impl Batch<'_> {
    /// Lays the planes `first..first + planes`, of all images in turn, into padded ones.
    #[inline(always)]
    pub(super) fn lay(&self, unfold: &Unfold, first: usize, planes: usize, padded: &mut [f32]) {
        let (area, padded_area) = (unfold.source_area(), unfold.padded_area());
        for (index, plane) in (first..first + planes).enumerate() {
            let scale = self.mask.map_or(1.0, |mask| mask[plane]);
            unfold.lay(&self.values[plane * area..(plane + 1) * area], scale, &mut padded[index * padded_area..(index + 1) * padded_area]);
        }
    }
}

/// The images times their mask.
pub(super) fn masked(images: &[f32], mask: &[f32]) -> Vec<f32> {
    let area = images.len() / mask.len().max(1);
    if area == 0 {
        return Vec::new();
    }
    let length = piece(mask.len(), area * ELEMENT);
    let scale = |index: usize, output: &mut [MaybeUninit<f32>]| {
        simd::run(Scale { images: &images[index * length * area..], mask: &mask[index * length..], area, output });
    };
    // SAFETY: there are `area` pixels of the images to each entry of the mask, and each is written.
    unsafe { written(images.len(), length * area, length * area * ELEMENT, scale) }
}

/// The first planes times their mask.
struct Scale<'a> {
    images: &'a [f32],
    mask: &'a [f32],
    area: usize,
    /// All of it is written.
    output: &'a mut [MaybeUninit<f32>],
}

impl Kernel for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let planes = self.images.chunks_exact(self.area).zip(self.mask);
        for (output, (image, mask)) in self.output.chunks_exact_mut(self.area).zip(planes) {
            for (output, value) in output.iter_mut().zip(image) {
                output.write(value * mask);
            }
        }
    }
}

/// Turns the gradient of masked images into that of the images, in place; returns the gradient of the mask.
pub(super) fn unmask(gradient: &mut [f32], images: &[f32], mask: &[f32]) -> Vec<f32> {
    let mut mask_gradient = vec![0.0; mask.len()];
    let area = images.len() / mask.len().max(1);
    if area == 0 {
        return mask_gradient;
    }
    let length = piece(mask.len(), 2 * area * ELEMENT);
    let cost = 2 * length * area * ELEMENT;
    for_each_pair((&mut mask_gradient, gradient), [length, length * area], cost, |index, sums, gradient| {
        simd::run(Unmask { gradient, images: &images[index * length * area..], mask: &mask[index * length..], area, sums });
    });
    mask_gradient
}

/// The sum of the products of each of the first planes with its gradient, and that gradient times the mask.
struct Unmask<'a> {
    gradient: &'a mut [f32],
    images: &'a [f32],
    mask: &'a [f32],
    area: usize,
    sums: &'a mut [f32],
}

impl Kernel for Unmask<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let planes = self.gradient.chunks_exact_mut(self.area).zip(self.images.chunks_exact(self.area));
        for ((sum, mask), (gradient, image)) in self.sums.iter_mut().zip(self.mask).zip(planes) {
            let (gradients, gradient_rest) = gradient.as_chunks_mut::<LANES>();
            let (images, image_rest) = image.as_chunks::<LANES>();
            let mut lanes = [0.0; LANES];
            for (gradient, image) in gradients.iter_mut().zip(images) {
                for lane in 0..LANES {
                    lanes[lane] = multiply_add::<FUSED>(gradient[lane], image[lane], lanes[lane]);
                    gradient[lane] *= mask;
                }
            }
            for (lane, (gradient, image)) in lanes.iter_mut().zip(gradient_rest.iter_mut().zip(image_rest)) {
                *lane = multiply_add::<FUSED>(*gradient, *image, *lane);
                *gradient *= mask;
            }
            *sum = lanes.iter().sum();
        }
    }
}
