//! The images a convolution reads, and their masks.

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
    let area = images.len() / mask.len().max(1);
    if area == 0 {
        return vec![0.0; mask.len()];
    }
    let planes = gradient.chunks_exact_mut(area).zip(images.chunks_exact(area));
    planes
        .zip(mask)
        .map(|((gradient, image), mask)| {
            let mut sum = 0.0;
            for (gradient, pixel) in gradient.iter_mut().zip(image) {
                sum += *gradient * pixel;
                *gradient *= mask;
            }
            sum
        })
        .collect()
}
