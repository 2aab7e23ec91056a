//! How the planes of some images lie in memory: one row a channel, each image's plane with a border that its neighbours share.
//!
//! A window of any place then reads at fixed distances from it: what reaches over an edge finds the zeros of the border, so that a
//! convolution needs neither padding nor unfolding. The border lies right of each line and below each plane; what is left of a line or
//! above a plane is the border of the one before it.

use super::super::simd::LANES;

/// The planes of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Planes {
    /// Lines of a plane.
    pub(super) height: usize,
    /// Pixels of a line.
    pub(super) width: usize,
    /// Zeros behind each line and lines of zeros behind each plane: as far as any window reaches over an edge.
    pub(super) border: usize,
}

impl Planes {
    /// Places from one line to the next.
    pub(super) const fn pitch(&self) -> usize {
        self.width + self.border
    }

    /// Places from one image to the next.
    pub(super) const fn area(&self) -> usize {
        (self.height + self.border) * self.pitch()
    }

    /// Zeros before the first place of a row: the border above the first image.
    pub(super) const fn lead(&self) -> usize {
        (self.border * (self.pitch() + 1)).next_multiple_of(LANES)
    }

    /// Places of a row of so many images, in whole vectors.
    pub(super) const fn places(&self, images: usize) -> usize {
        (images * self.area()).next_multiple_of(LANES)
    }

    /// Numbers from one row to the next.
    pub(super) const fn row(&self, images: usize) -> usize {
        self.lead() + self.places(images)
    }

    /// The distance to a place so many lines down and pixels along.
    pub(super) const fn distance(&self, down: isize, along: isize) -> isize {
        down * self.pitch() as isize + along
    }

    /// For each place of a row all bits where it is a pixel, none where it is border.
    pub(super) fn inside(&self, images: usize) -> Vec<u32> {
        let mut inside = vec![0; self.places(images)];
        for plane in inside.chunks_exact_mut(self.area().max(1)).take(images) {
            for line in plane.chunks_exact_mut(self.pitch()).take(self.height) {
                line[..self.width].fill(u32::MAX);
            }
        }
        inside
    }
}

/// Where a window's tap reads at stride `stride`: which of every `stride` pixels, and how many of these on. `tap` is the distance from the
/// window's place to the pixel.
pub(super) fn phase(tap: isize, stride: usize) -> (usize, isize) {
    (tap.rem_euclid(stride as isize) as usize, tap.div_euclid(stride as isize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_over_an_edge_is_border() {
        let planes = Planes { height: 3, width: 4, border: 2 };
        let inside = planes.inside(2);
        assert_eq!(inside.iter().filter(|&&bits| bits != 0).count(), 2 * 12);
        let place = |image: usize, line: usize, pixel: usize| (image * planes.area() + line * planes.pitch() + pixel) as isize;
        for (down, along) in [(-2, -2), (-1, 0), (0, -1), (0, 2), (2, 2), (1, -2)] {
            for (line, pixel) in [(0, 0), (0, 3), (2, 0), (2, 3), (1, 1)] {
                let seen = place(1, line, pixel) + planes.distance(down, along);
                let there = (0..3).contains(&(line as isize + down)) && (0..4).contains(&(pixel as isize + along));
                assert_eq!(inside[seen as usize] != 0, there, "{line} {pixel} {down} {along}");
                assert!(place(0, line, pixel) + planes.distance(down, along) + planes.lead() as isize >= 0);
            }
        }
    }

    #[test]
    fn a_strided_tap_reads_one_phase() {
        assert_eq!([-1, 0, 1].map(|tap| phase(tap, 2)), [(1, -1), (0, 0), (1, 0)]);
        assert_eq!(phase(-3, 2), (1, -2));
        assert_eq!(phase(-2, 1), (0, -2));
    }
}
