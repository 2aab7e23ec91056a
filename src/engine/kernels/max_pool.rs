//! The largest of a window and where its gradient goes, on plain `f32` slices.
//!
//! As in a depthwise convolution, the window is put at every place of the padded plane and the outputs are picked from those.

use super::parallel::{for_each_piece, piece, with_scratch, written};
use super::simd::{self, Kernel, LANES, Lanes};
use super::unfold::Unfold;
use super::window::Pool;
use std::mem::MaybeUninit;

/// The largest pixel of each window of each plane. A NaN counts as larger than any number, as in burn.
pub(super) fn forward(images: &[f32], plane: [usize; 2], pool: &Pool) -> Vec<f32> {
    let unfold = Unfold::forward(plane, &pool.over(1));
    let (area, source) = (unfold.output_area(), unfold.source_area());
    // Of no pixels, padding or not, there is no largest.
    let count = images.len() / source.max(1);
    if count * area == 0 {
        return Vec::new();
    }
    let (padded, places) = room(&unfold);
    let cost = places * unfold.taps.len();
    let length = piece(count, cost);
    let pool = |index: usize, output: &mut [MaybeUninit<f32>]| {
        with_scratch(padded + places, |scratch| {
            let images = &images[index * length * source..];
            simd::run(Largest { unfold: &unfold, images, scratch: scratch.split_at_mut(padded), output });
        });
    };
    // SAFETY: there is an image for each plane, and each plane is picked whole.
    unsafe { written(count * area, length * area, length * cost, pool) }
}

/// The gradient of the planes: that of each output goes to the first of its window's largest pixels.
pub(super) fn gradient(images: &[f32], plane: [usize; 2], gradient: &[f32], pool: &Pool) -> Vec<f32> {
    let unfold = Unfold::forward(plane, &pool.over(1));
    let (area, source) = (unfold.output_area(), unfold.source_area());
    let mut output = vec![0.0; images.len()];
    if area == 0 || output.is_empty() {
        return output;
    }
    let (padded, places) = room(&unfold);
    let first = first_inside(&unfold, padded, places);
    let spread = lead(&unfold) + padded;
    let cost = 2 * places * unfold.taps.len();
    let length = piece(output.len() / source.max(1), cost);
    for_each_piece(&mut output, length * source, length * cost, |index, output| {
        with_scratch(padded + 2 * spread, |scratch| {
            let (padded, rest) = scratch.split_at_mut(padded);
            let (images, gradient) = (&images[index * length * source..], &gradient[index * length * area..]);
            let scratch = (padded, rest.split_at_mut(spread));
            simd::run(Route { unfold: &unfold, first: &first, images, gradient, scratch, output });
        });
    });
    output
}

/// Elements of a padded plane, and of one with a value at each place, each with room for whole vectors to its end.
fn room(unfold: &Unfold) -> (usize, usize) {
    ((unfold.padded_area() + LANES).next_multiple_of(LANES), unfold.places().next_multiple_of(LANES))
}

/// Places before the first that a pixel may look back to.
fn lead(unfold: &Unfold) -> usize {
    unfold.taps.last().map_or(0, |tap| tap.next_multiple_of(LANES))
}

/// For each place the first tap that reads a pixel, as a number.
fn first_inside(unfold: &Unfold, padded: usize, places: usize) -> Vec<Lanes> {
    let mut pixels = vec![0.0; padded];
    unfold.lay(&vec![1.0; unfold.source_area()], 1.0, &mut pixels);
    let mut first = vec![[0.0; LANES]; places / LANES];
    for (place, first) in first.as_flattened_mut().iter_mut().enumerate() {
        *first = unfold.taps.iter().position(|tap| pixels[place + tap] > 0.0).unwrap_or(0) as f32;
    }
    first
}

/// Lanes from a place on.
#[inline(always)]
fn lanes(values: &[f32], from: usize) -> &Lanes {
    values[from..].first_chunk().expect("the scratch has room for whole vectors to its end")
}

/// Whether a pixel replaces the largest so far.
#[inline(always)]
fn replaces(pixel: f32, largest: f32) -> bool {
    // Not `||`: a branch per lane would keep the lanes apart.
    (pixel > largest) | pixel.is_nan()
}

/// The outputs of the first planes.
struct Largest<'a> {
    unfold: &'a Unfold,
    images: &'a [f32],
    /// Room for a padded plane, and for one with a value at each place.
    scratch: (&'a mut [f32], &'a mut [f32]),
    /// All of it is written.
    output: &'a mut [MaybeUninit<f32>],
}

impl Kernel for Largest<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let Self { unfold, images, scratch: (padded, places), output } = self;
        padded.fill(f32::NEG_INFINITY);
        for (plane, output) in images.chunks_exact(unfold.source_area()).zip(output.chunks_exact_mut(unfold.output_area())) {
            unfold.lay(plane, 1.0, padded);
            for (vector, place) in places.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                let mut largest = [f32::NEG_INFINITY; LANES];
                for tap in &unfold.taps {
                    for (largest, &pixel) in largest.iter_mut().zip(lanes(padded, vector * LANES + tap)) {
                        *largest = if replaces(pixel, *largest) { pixel } else { *largest };
                    }
                }
                *place = largest;
            }
            unfold.pick(places, output);
        }
    }
}

/// The gradients of the first planes.
struct Route<'a> {
    unfold: &'a Unfold,
    /// For each place the first tap that reads a pixel.
    first: &'a [Lanes],
    images: &'a [f32],
    gradient: &'a [f32],
    /// Room for a padded plane; and, both behind `lead` places that stay zero, for the tap each place chose and its gradient.
    scratch: (&'a mut [f32], (&'a mut [f32], &'a mut [f32])),
    output: &'a mut [f32],
}

impl Kernel for Route<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let Self { unfold, first, images, gradient, scratch: (padded, (chosen, spread)), output } = self;
        let lead = lead(unfold);
        chosen.fill(0.0);
        spread.fill(0.0);
        padded.fill(f32::NEG_INFINITY);
        let planes = images.chunks_exact(unfold.source_area()).zip(gradient.chunks_exact(unfold.output_area()));
        for ((plane, gradient), output) in planes.zip(output.chunks_exact_mut(unfold.source_area())) {
            unfold.lay(plane, 1.0, padded);
            unfold.put(gradient, &mut spread[lead..]);
            let end = lead + unfold.places().next_multiple_of(LANES);
            for (vector, (chosen, first)) in chosen[lead..end].as_chunks_mut::<LANES>().0.iter_mut().zip(first).enumerate() {
                *chosen = choose(&unfold.taps, padded, vector * LANES, *first);
            }
            // The planes are laid anew each time, so that their room can take the gradients in between.
            for (vector, sums) in padded.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                *sums = collect(&unfold.taps, chosen, spread, lead + vector * LANES);
            }
            unfold.take(padded, output);
            padded.fill(f32::NEG_INFINITY);
        }
    }
}

/// Which tap reads the first of the largest pixels, as a number, for each of the places from `from` on; `chosen` where all are minus infinity,
/// as what lies beyond the edge is.
#[inline(always)]
fn choose(taps: &[usize], padded: &[f32], from: usize, mut chosen: Lanes) -> Lanes {
    let mut largest = [f32::NEG_INFINITY; LANES];
    for (number, tap) in taps.iter().enumerate() {
        let number = number as f32;
        let pixels = lanes(padded, from + tap);
        for lane in 0..LANES {
            let replaces = replaces(pixels[lane], largest[lane]);
            largest[lane] = if replaces { pixels[lane] } else { largest[lane] };
            chosen[lane] = if replaces { number } else { chosen[lane] };
        }
    }
    chosen
}

/// The gradients of the places that chose each of the pixels that `from`, less a tap, reads.
#[inline(always)]
fn collect(taps: &[usize], chosen: &[f32], spread: &[f32], from: usize) -> Lanes {
    let mut sums = [0.0; LANES];
    for (number, tap) in taps.iter().enumerate() {
        let number = number as f32;
        let (chosen, spread) = (lanes(chosen, from - tap), lanes(spread, from - tap));
        for lane in 0..LANES {
            // As bits: a choice between a number and zero would be a branch per lane.
            let wanted = u32::from(chosen[lane].to_bits() == number.to_bits()).wrapping_neg();
            sums[lane] += f32::from_bits(spread[lane].to_bits() & wanted);
        }
    }
    sums
}
