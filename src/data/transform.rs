//! What training does to a whole picture, before it is normalised: rotation, random-resized crop, colour jitter, AutoAugment.

use super::picture::Picture;
use super::{Augment, ImageShape, policy};
use crate::random::{below, open_unit, shuffle};
use rand::Rng;

/// The narrowest and the widest crop, width by height.
const RATIO: (f64, f64) = (3.0 / 4.0, 4.0 / 3.0);

/// A uniform number between two.
fn between(generator: &mut impl Rng, low: f64, high: f64) -> f64 {
    low + f64::from(open_unit(generator)) * (high - low)
}

impl Augment {
    /// Whether anything is done to pictures before they are normalised.
    #[must_use]
    pub fn changes_pictures(&self) -> bool {
        self.rotation > 0.0 || self.crop > 0.0 || self.jitter > 0.0 || self.autoaugment
    }

    /// Makes an image of `shape` out of a picture. Every part draws as often whether it is on or off, and the crop, whose draws depend on
    /// what came out, comes last.
    pub(super) fn transform(&self, mut picture: Picture, shape: ImageShape, generator: &mut impl Rng) -> Picture {
        let angle = between(generator, -self.rotation, self.rotation);
        let [brightness, contrast, saturation] = [(); 3].map(|()| between(generator, (1.0 - self.jitter).max(0.0), 1.0 + self.jitter));
        let mut order = [0, 1, 2];
        shuffle(generator, &mut order);
        let steps = policy::CIFAR10[below(generator, policy::CIFAR10.len())];
        let chances = steps.map(|_| (open_unit(generator), below(generator, 2) == 0));

        if self.rotation > 0.0 {
            policy::rotate(&mut picture, angle);
        }
        let [_, height, width] = shape;
        if self.crop > 0.0 {
            picture = picture.crop(random_crop(picture.shape, self.crop, generator)).resize(height, width);
        } else if height == width {
            picture = picture.centre(height);
        }
        if self.jitter > 0.0 {
            for part in order {
                match part {
                    0 => policy::brightness(&mut picture, brightness),
                    1 => policy::contrast(&mut picture, contrast),
                    _ => policy::saturation(&mut picture, saturation),
                }
            }
        }
        if self.autoaugment {
            for ((operation, likely, level), (chance, negative)) in steps.into_iter().zip(chances) {
                if chance <= likely {
                    operation.apply(&mut picture, level, negative);
                }
            }
        }
        picture
    }
}

/// Top, left, height and width of a random part of at least `least` of the area, as torchvision draws it.
fn random_crop([_, height, width]: ImageShape, least: f64, generator: &mut impl Rng) -> [usize; 4] {
    let area = (height * width) as f64;
    for _ in 0..10 {
        let target = area * between(generator, least, 1.0);
        let ratio = between(generator, RATIO.0.ln(), RATIO.1.ln()).exp();
        let (wide, high) = ((target * ratio).sqrt().round_ties_even() as usize, (target / ratio).sqrt().round_ties_even() as usize);
        if (1..=width).contains(&wide) && (1..=height).contains(&high) {
            return [below(generator, height - high + 1), below(generator, width - wide + 1), high, wide];
        }
    }
    // No part fits: the middle, as much of it as the ratios allow.
    let ratio = width as f64 / height as f64;
    let (high, wide) = if ratio < RATIO.0 {
        ((width as f64 / RATIO.0).round_ties_even() as usize, width)
    } else if ratio > RATIO.1 {
        (height, (height as f64 * RATIO.1).round_ties_even() as usize)
    } else {
        (height, width)
    };
    [(height - high) / 2, (width - wide) / 2, high, wide]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};
    use proptest::prelude::*;

    fn picture(height: usize, width: usize) -> Picture {
        Picture { shape: [3, height, width], pixels: (0..3 * height * width).map(|at| (at * 37 % 251) as u8).collect() }
    }

    proptest! {
        #[test]
        fn crops_lie_inside_and_keep_their_share(height in 1usize..200, width in 1usize..200, least in 0.05f64..1.0, seed: u64) {
            let [top, left, high, wide] = random_crop([3, height, width], least, &mut stream(seed, Purpose::Transform, 0));
            prop_assert!(high > 0 && wide > 0 && top + high <= height && left + wide <= width);
        }

        #[test]
        fn whatever_is_on_the_shape_is_the_same_and_the_draw_repeats(
            rotation in 0.0f64..180.0, crop in prop_oneof![Just(0.0), 0.08f64..1.0], jitter in 0.0f64..1.0, autoaugment: bool, seed: u64,
        ) {
            let augment = Augment { rotation, crop, jitter, autoaugment, ..Augment::OFF };
            let make = |index| augment.transform(picture(20, 24), [3, 16, 16], &mut stream(seed, Purpose::Transform, index));
            let first = make(1);
            prop_assert_eq!(first.shape, [3, 16, 16]);
            prop_assert_eq!(first.pixels.len(), 3 * 256);
            prop_assert_eq!(&first, &make(1));
        }
    }

    #[test]
    fn off_is_the_middle_and_parts_do_not_change_each_others_draws() {
        let make = |augment: Augment| augment.transform(picture(20, 24), [3, 16, 16], &mut stream(3, Purpose::Transform, 7));
        assert_eq!(make(Augment::OFF), picture(20, 24).centre(16));
        let (alone, both) = (Augment { rotation: 30.0, ..Augment::OFF }, Augment { rotation: 30.0, jitter: 1e-9, ..Augment::OFF });
        let differ = make(alone).pixels.iter().zip(make(both).pixels).filter(|(alone, both)| alone.abs_diff(*both) > 1).count();
        assert_eq!(differ, 0);
        let images: std::collections::HashSet<Vec<u8>> = (0..20)
            .map(|index| {
                Augment { crop: 0.2, ..Augment::OFF }
                    .transform(picture(20, 24), [3, 16, 16], &mut stream(3, Purpose::Transform, index))
                    .pixels
            })
            .collect();
        assert_eq!(images.len(), 20, "every image has its own crop");
    }

    #[test]
    fn the_usual_crop_has_its_share_of_the_area_and_its_ratio() {
        for index in 0..500 {
            let [_, _, high, wide] = random_crop([3, 100, 100], 0.3, &mut stream(1, Purpose::Transform, index));
            let (area, ratio) = ((high * wide) as f64 / 1e4, wide as f64 / high as f64);
            assert!(area > 0.28 && (0.72..1.37).contains(&ratio), "{area} {ratio}");
        }
    }
}
