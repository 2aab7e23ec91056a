//! The images a convolution reads, and their masks.

use super::parallel::{ELEMENT, for_each_piece, piece};
use super::simd::{self, Kernel, LANES, multiply_add};
use super::unfold::Unfold;

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

/// Turns the gradient of masked images into that of the images, in place; returns the gradient of the mask.
pub(super) fn unmask(gradient: &mut [f32], images: &[f32], mask: &[f32]) -> Vec<f32> {
    let mut mask_gradient = vec![0.0; mask.len()];
    let area = images.len() / mask.len().max(1);
    if area == 0 {
        return mask_gradient;
    }
    let length = piece(mask.len(), area * ELEMENT);
    for_each_piece(&mut mask_gradient, length, length * area * ELEMENT, |index, sums| {
        simd::run(Dot { gradient: &gradient[index * length * area..], images: &images[index * length * area..], area, sums });
    });
    for_each_piece(gradient, length * area, length * area * ELEMENT, |index, gradient| {
        for (gradient, mask) in gradient.chunks_exact_mut(area).zip(&mask[index * length..]) {
            for gradient in gradient {
                *gradient *= mask;
            }
        }
    });
    mask_gradient
}

/// The sum of the products of each of the first planes with its gradient.
struct Dot<'a> {
    gradient: &'a [f32],
    images: &'a [f32],
    area: usize,
    sums: &'a mut [f32],
}

impl Kernel for Dot<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let planes = self.gradient.chunks_exact(self.area).zip(self.images.chunks_exact(self.area));
        for (sum, (gradient, image)) in self.sums.iter_mut().zip(planes) {
            let (gradients, gradient_rest) = gradient.as_chunks::<LANES>();
            let (images, image_rest) = image.as_chunks::<LANES>();
            let mut lanes = [0.0; LANES];
            for (gradient, image) in gradients.iter().zip(images) {
                for lane in 0..LANES {
                    lanes[lane] = multiply_add::<FUSED>(gradient[lane], image[lane], lanes[lane]);
                }
            }
            for (lane, (gradient, image)) in lanes.iter_mut().zip(gradient_rest.iter().zip(image_rest)) {
                *lane = multiply_add::<FUSED>(*gradient, *image, *lane);
            }
            *sum = lanes.iter().sum();
        }
    }
}
