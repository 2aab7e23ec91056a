//! Convolutions whose every output sees one channel, on plain `f32` slices: a weighted sum of shifted planes.
//!
//! The kernel is put at every place of the padded plane, row after row without a break, and the outputs are picked from those:
//! the few sums that nobody reads cost less than starting anew in each short row.

use super::batch::Batch;
use super::parallel::{piece, sum_pieces, with_scratch, written};
use super::simd::{self, Kernel, LANES, Lanes, multiply_add};
use super::tile::{tiles, with_rows};
use super::unfold::Unfold;
use super::window::Window;
use std::mem::MaybeUninit;

/// Convolves each channel with its own `weight [channels, 1, kernel]`; returns `[images, channels, output]`.
pub(super) fn forward(input: Batch, plane: [usize; 2], weight: &[f32], window: &Window) -> Vec<f32> {
    convolve(input, &Unfold::forward(plane, window), weight)
}

/// The gradient of the input, planes of `plane`, from that of the output.
pub(super) fn input_gradient(gradient: Batch, plane: [usize; 2], weight: &[f32], window: &Window) -> Vec<f32> {
    let mirrored: Vec<f32> = weight.chunks_exact(window.taps()).flat_map(|taps| taps.iter().rev().copied()).collect();
    convolve(gradient, &Unfold::transposed(plane, window), &mirrored)
}

/// Elements of a padded plane, and of one with a value at each place, each with room for whole vectors to its end.
fn room(unfold: &Unfold) -> (usize, usize) {
    let places = unfold.places().next_multiple_of(LANES);
    ((unfold.padded_area() + LANES).next_multiple_of(LANES), places)
}

fn convolve(input: Batch, unfold: &Unfold, weight: &[f32]) -> Vec<f32> {
    let area = unfold.output_area();
    let count = input.images * input.channels;
    if count * area == 0 {
        return Vec::new();
    }
    let (padded, places) = room(unfold);
    let cost = places * unfold.taps.len();
    let length = piece(count, cost);
    let convolve = |index: usize, output: &mut [MaybeUninit<f32>]| {
        with_scratch(padded + places, |scratch| {
            let scratch = scratch.split_at_mut(padded);
            simd::run(Convolve { input, first: index * length, unfold, weight, scratch, output });
        });
    };
    // SAFETY: each plane is picked whole.
    unsafe { written(count * area, length * area, length * cost, convolve) }
}

/// One piece of a convolution: the planes from `first` on that `output` holds.
struct Convolve<'a> {
    input: Batch<'a>,
    first: usize,
    unfold: &'a Unfold,
    weight: &'a [f32],
    /// Room for a padded plane, and for one with a sum at each place.
    scratch: (&'a mut [f32], &'a mut [f32]),
    /// All of it is written.
    output: &'a mut [MaybeUninit<f32>],
}

impl Kernel for Convolve<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let Self { input, first, unfold, weight, scratch: (padded, places), output } = self;
        let taps = &unfold.taps[..];
        padded.fill(0.0);
        for (index, output) in output.chunks_exact_mut(unfold.output_area()).enumerate() {
            let plane = first + index;
            input.lay(unfold, plane, 1, padded);
            let weight = &weight[plane % input.channels * taps.len()..][..taps.len()];
            // The taps of the usual kernels are few enough to stay in registers.
            match <&[usize; 9]>::try_from(taps) {
                Ok(taps) => weigh::<FUSED>(weight, taps, padded, places),
                Err(_) => weigh::<FUSED>(weight, taps, padded, places),
            }
            unfold.pick(places, output);
        }
    }
}

/// The weighted sum of what the taps read, at each place.
#[inline(always)]
fn weigh<const FUSED: bool>(weight: &[f32], taps: &[usize], padded: &[f32], places: &mut [f32]) {
    let farthest = taps.last().map_or(0, |tap| tap + places.len());
    assert!(farthest <= padded.len());
    for (vector, sums) in places.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        *sums = [0.0; LANES];
        for (&weight, tap) in weight.iter().zip(taps) {
            // SAFETY: the last tap is the farthest, and it was just asserted to read inside from every place.
            let pixels = unsafe { *padded.as_ptr().add(tap + vector * LANES).cast::<Lanes>() };
            for (sum, pixel) in sums.iter_mut().zip(pixels) {
                *sum = multiply_add::<FUSED>(weight, pixel, *sum);
            }
        }
    }
}

/// The gradient of a weight `[channels, 1, kernel]`.
pub(super) fn weight_gradient(input: Batch, plane: [usize; 2], gradient: &[f32], window: &Window) -> Vec<f32> {
    let unfold = Unfold::forward(plane, window);
    let size = input.channels * unfold.taps.len();
    if size * input.images * unfold.output_area() == 0 {
        return vec![0.0; size];
    }
    let (padded, places) = room(&unfold);
    let sums = sum_pieces(input.images, places * size, size, |images, sums| {
        with_scratch(padded + places, |scratch| {
            let scratch = scratch.split_at_mut(padded);
            simd::run(Correlate { input, images, unfold: &unfold, gradient, scratch, sums });
        });
    });
    sums.iter().map(|lanes| lanes.iter().sum()).collect()
}

/// One partial sum of a weight's gradient, `[channels, kernel]` vectors, over the images of a range.
struct Correlate<'a> {
    input: Batch<'a>,
    images: std::ops::Range<usize>,
    unfold: &'a Unfold,
    gradient: &'a [f32],
    /// Room for a padded plane, and for one with a gradient at each place.
    scratch: (&'a mut [f32], &'a mut [f32]),
    sums: &'a mut [Lanes],
}

impl Kernel for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let Self { input, images, unfold, gradient, scratch: (padded, places), sums } = self;
        let (area, taps) = (unfold.output_area(), &unfold.taps[..]);
        padded.fill(0.0);
        places.fill(0.0);
        for plane in images.start * input.channels..images.end * input.channels {
            input.lay(unfold, plane, 1, padded);
            unfold.put(&gradient[plane * area..(plane + 1) * area], places);
            let sums = &mut sums[plane % input.channels * taps.len()..][..taps.len()];
            for (tap, height) in tiles(taps.len()) {
                with_rows!(height, correlate::<FUSED>(&mut sums[tap..], &taps[tap..], padded, places));
            }
        }
    }
}

/// Adds to the sums of `N` taps the products of what each reads with the gradient, at every place.
#[inline(always)]
fn correlate<const FUSED: bool, const N: usize>(sums: &mut [Lanes], taps: &[usize], padded: &[f32], places: &[f32]) {
    let Some((taps, sums)) = taps.first_chunk::<N>().zip(sums.first_chunk_mut::<N>()) else { return };
    assert!(taps[N - 1] + places.len() <= padded.len());
    let mut tile = *sums;
    for (vector, gradient) in places.as_chunks::<LANES>().0.iter().enumerate() {
        for (sums, tap) in tile.iter_mut().zip(taps) {
            // SAFETY: the last tap is the farthest, and it was just asserted to read inside from every place.
            let pixels = unsafe { *padded.as_ptr().add(tap + vector * LANES).cast::<Lanes>() };
            for (sum, (pixel, gradient)) in sums.iter_mut().zip(pixels.iter().zip(gradient)) {
                *sum = multiply_add::<FUSED>(*pixel, *gradient, *sum);
            }
        }
    }
    *sums = tile;
}
