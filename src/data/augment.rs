//! Augmentation of training images: seeded, image by image, each part optional.

use super::{DataError, ImageShape};
use crate::random;
use rand::Rng;

/// What is done to training images, in the order of the fields; the default does nothing.
///
/// The first four work on pictures as they were decoded. The others work on what is normalised, and pixels that come in from outside or
/// are cut out are 0 there (the mean of the train split), as the authors' code has it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Augment {
    /// Turn by at most so many degrees each way. 0: off.
    pub rotation: f64,
    /// Crop a part of at least this share of the area, of a width by height between 3 : 4 and 4 : 3, and bring it to the image's size. 0: off.
    pub crop: f64,
    /// Change brightness, contrast and saturation, in a random order, by a factor that is at most so far from 1. 0: off.
    pub jitter: f64,
    /// Apply a sub-policy of AutoAugment's policy for CIFAR.
    pub autoaugment: bool,
    /// Pad by so many pixels on every side, then crop at random: a shift of at most so many pixels each way. 0: off.
    pub shift: usize,
    /// Mirror half of the images, drawn at random, left to right.
    pub flip: bool,
    /// Side in pixels of a square that is cut out; its centre is uniform over the image, its border is clipped. 0: off.
    pub cutout: usize,
}

impl Augment {
    /// Nothing is done.
    pub const OFF: Self = Self { rotation: 0.0, crop: 0.0, jitter: 0.0, autoaugment: false, shift: 0, flip: false, cutout: 0 };

    /// Checks that something is left of every image of `shape`.
    ///
    /// # Errors
    /// [`DataError::AugmentDoesNotFit`] with the field, and the largest value that fits.
    pub fn check(&self, shape: ImageShape) -> Result<(), DataError> {
        let [_, height, width] = shape;
        let most = height.min(width).saturating_sub(1);
        for (field, value) in [("shift", self.shift), ("cutout", self.cutout)] {
            if value > most {
                return Err(DataError::AugmentDoesNotFit { field, value, height, width, most });
            }
        }
        Ok(())
    }

    /// The parts that work on one normalised image of `shape`.
    pub(super) fn apply(&self, image: &mut [f32], shape: ImageShape, generator: &mut impl Rng) {
        let [_, height, width] = shape;
        // Exactly one draw, whatever the bound: switching a part on or off leaves the draws of the others as they were.
        let mut draw = |bound: usize| random::below(generator, bound);
        let [down, right] = [0; 2].map(|_| draw(2 * self.shift + 1).cast_signed() - self.shift.cast_signed());
        let mirrored = draw(2) == 1;
        let centre = [draw(height), draw(width)];
        if self.shift > 0 {
            let before = image.to_vec();
            shift(&before, image, shape, down, right);
        }
        if self.flip && mirrored {
            flip(image, width);
        }
        cut_out(image, shape, centre, self.cutout);
    }
}

/// Writes `image` into `moved`, so many pixels further down and right, zeros coming in.
fn shift(image: &[f32], moved: &mut [f32], [_, height, width]: ImageShape, down: isize, right: isize) {
    // Where the part that stays begins in the source and in the target, and how long it is.
    let span = |by: isize, length: usize| {
        let lost = by.unsigned_abs().min(length);
        if by < 0 { (lost, 0, length - lost) } else { (0, lost, length - lost) }
    };
    let (from_row, to_row, rows) = span(down, height);
    let (from_column, to_column, columns) = span(right, width);
    moved.fill(0.0);
    for (source, target) in image.chunks_exact(height * width).zip(moved.chunks_exact_mut(height * width)) {
        for row in 0..rows {
            let (source_at, target_at) = ((from_row + row) * width + from_column, (to_row + row) * width + to_column);
            target[target_at..target_at + columns].copy_from_slice(&source[source_at..source_at + columns]);
        }
    }
}

/// Mirrors an image left to right.
fn flip(image: &mut [f32], width: usize) {
    image.chunks_exact_mut(width).for_each(<[f32]>::reverse);
}

/// Sets a square of `side` around `centre` (row, column) to 0 in every channel.
fn cut_out(image: &mut [f32], [_, height, width]: ImageShape, centre: [usize; 2], side: usize) {
    let range = |centre: usize, length: usize| centre.saturating_sub(side / 2)..(centre + side - side / 2).min(length);
    for plane in image.chunks_exact_mut(height * width) {
        for row in range(centre[0], height) {
            plane[row * width..(row + 1) * width][range(centre[1], width)].fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = [2, 3, 4];

    /// Images without a zero and without two equal pixels.
    fn images(count: usize) -> Vec<f32> {
        (1..=count * 24).map(|pixel| pixel as f32).collect()
    }

    fn augmented(augment: Augment, seed: u64, epoch: u64) -> Vec<f32> {
        let mut images = images(64);
        for (place, image) in images.chunks_exact_mut(24).enumerate() {
            augment.apply(image, SHAPE, &mut random::stream(seed, random::Purpose::Augment, epoch << 32 | place as u64));
        }
        images
    }

    #[test]
    fn off_is_the_identity() {
        assert_eq!(Augment::OFF, Augment::default());
        assert_eq!(augmented(Augment::OFF, 1, 2), images(64));
        let image = images(1);
        let mut moved = vec![7.0; 24];
        shift(&image, &mut moved, SHAPE, 0, 0);
        assert_eq!(moved, image);
        let mut cut = image.clone();
        cut_out(&mut cut, SHAPE, [1, 1], 0);
        assert_eq!(cut, image);
    }

    #[test]
    fn a_shift_moves_pixels_and_lets_zeros_in() {
        let image = images(1);
        let mut moved = vec![7.0; 24];
        shift(&image, &mut moved, SHAPE, 1, -2);
        let row = |first: f32| [first, first + 1.0, 0.0, 0.0];
        assert_eq!(moved, [[0.0; 4], row(3.0), row(7.0), [0.0; 4], row(15.0), row(19.0)].concat());
        shift(&image, &mut moved, SHAPE, -3, 0);
        assert_eq!(moved, [0.0; 24]);
    }

    #[test]
    fn two_flips_are_the_identity() {
        let mut image = images(1);
        flip(&mut image, 4);
        assert_eq!(image[..8], [4.0, 3.0, 2.0, 1.0, 8.0, 7.0, 6.0, 5.0]);
        flip(&mut image, 4);
        assert_eq!(image, images(1));
    }

    #[test]
    fn a_cutout_is_a_square_clipped_at_the_border_of_every_channel() {
        let zeros = |centre, side| {
            let mut image = images(1);
            cut_out(&mut image, SHAPE, centre, side);
            (0..24).filter(|&at| image[at] == 0.0).collect::<Vec<_>>()
        };
        assert_eq!(zeros([1, 1], 2), [0, 1, 4, 5, 12, 13, 16, 17]);
        assert_eq!(zeros([0, 3], 3), [2, 3, 6, 7, 14, 15, 18, 19]);
    }

    #[test]
    fn what_happens_is_a_function_of_seed_and_epoch() {
        let augment = Augment { shift: 1, flip: true, cutout: 2, ..Augment::OFF };
        assert_eq!(augmented(augment, 1, 2), augmented(augment, 1, 2));
        assert_ne!(augmented(augment, 1, 2), augmented(augment, 1, 3));
        assert_ne!(augmented(augment, 1, 2), augmented(augment, 2, 2));
    }

    #[test]
    fn images_differ_within_an_epoch_and_about_half_are_mirrored() {
        let flipped = augmented(Augment { flip: true, ..Augment::default() }, 5, 0);
        let mirrored = flipped.chunks(24).zip(images(64).chunks(24)).filter(|(after, before)| after != before).count();
        assert!((16..=48).contains(&mirrored), "{mirrored} of 64");
        let shifted = augmented(Augment { shift: 1, ..Augment::default() }, 5, 0);
        let corners = shifted.chunks(24).map(|image| image.iter().map(|&pixel| pixel == 0.0).collect::<Vec<_>>());
        assert_eq!(corners.collect::<std::collections::HashSet<_>>().len(), 9, "all nine shifts of one pixel turn up");
    }

    #[test]
    fn parts_do_not_change_each_others_draws() {
        let alone = augmented(Augment { flip: true, ..Augment::default() }, 5, 0);
        let beside = augmented(Augment { flip: true, cutout: 1, ..Augment::default() }, 5, 0);
        let cut = |&&pixel: &&f32| pixel == 0.0;
        assert_eq!((alone.iter().filter(cut).count(), beside.iter().filter(cut).count()), (0, 64 * 2), "one pixel in two channels");
        let rest =
            |pixels: &[f32]| pixels.iter().zip(&beside).filter(|(_, pixel)| !cut(pixel)).map(|(&pixel, _)| pixel).collect::<Vec<_>>();
        assert_eq!(rest(&alone), rest(&beside));
    }

    #[test]
    fn what_would_wipe_out_an_image_is_refused() {
        assert!(Augment { shift: 2, flip: true, cutout: 2, ..Augment::OFF }.check(SHAPE).is_ok());
        let message = Augment { cutout: 3, ..Augment::default() }.check(SHAPE).unwrap_err().to_string();
        assert_eq!(message, "cutout 3 would wipe out images of 3x4; choose at most 2");
        assert!(Augment { shift: 3, ..Augment::default() }.check(SHAPE).is_err());
    }
}
