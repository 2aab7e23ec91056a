//! Convolutions whose every output sees several channels, on plain `f32` slices: a matrix product over unfolded panels.

use super::batch::Batch;
use super::parallel::{piece, sum_pieces, with_scratch, written};
use super::simd::{self, Kernel, LANES, Lanes};
use super::tile::{self, correlate, product, tiles, with_rows};
use super::unfold::{Offsets, Panels, Unfold};
use super::window::Window;
use std::mem::MaybeUninit;

/// Convolves with `weight [groups * rows, channels / groups, kernel]`; returns `[images, groups * rows, output]`.
pub(super) fn forward(input: Batch, plane: [usize; 2], weight: &[f32], rows: usize, window: &Window) -> Vec<f32> {
    convolve(input, &Unfold::forward(plane, window), weight, rows, window.groups)
}

/// The gradient of the input, planes of `plane`, from that of the output and `weight [channels, rows, kernel]`; returns
/// `[images, groups * rows, plane]`.
pub(super) fn input_gradient(gradient: Batch, plane: [usize; 2], weight: &[f32], rows: usize, window: &Window) -> Vec<f32> {
    let (taps, outputs) = (window.taps(), gradient.channels / window.groups);
    let mut mirrored = Vec::with_capacity(weight.len());
    for group in 0..window.groups {
        for row in 0..rows {
            for output in group * outputs..(group + 1) * outputs {
                mirrored.extend(weight[(output * rows + row) * taps..][..taps].iter().rev());
            }
        }
    }
    convolve(gradient, &Unfold::transposed(plane, window), &mirrored, rows, window.groups)
}

fn convolve(input: Batch, unfold: &Unfold, weight: &[f32], rows: usize, groups: usize) -> Vec<f32> {
    let area = unfold.output_area();
    let total = input.images * groups * rows * area;
    let depth = input.channels / groups * unfold.taps.len();
    if total * depth == 0 {
        return vec![0.0; total];
    }
    let mut packed = vec![0.0; weight.len()];
    for (packed, group) in packed.chunks_exact_mut(rows * depth).zip(weight.chunks_exact(rows * depth)) {
        tile::pack(group, rows, depth, packed);
    }
    let block = images_per_block(area).min(input.images);
    let panels = Panels::new(&unfold.positions(block, input.channels));
    let offsets = unfold.offsets(input.channels / groups);
    let cost = block * area * weight.len();
    let blocks = piece(input.images.div_ceil(block), cost);
    let padded = (block * input.channels * unfold.padded_area() + Panels::SPARE).next_multiple_of(LANES);
    let convolve = |index: usize, output: &mut [MaybeUninit<f32>]| {
        let first = index * blocks * block;
        with_scratch(padded + depth * LANES + Panels::SPARE, |scratch| {
            let scratch = scratch.split_at_mut(padded);
            simd::run(Convolve {
                input,
                first,
                block,
                unfold,
                panels: &panels,
                offsets: &offsets,
                packed: &packed,
                rows,
                groups,
                scratch,
                output,
            });
        });
    };
    // SAFETY: the panels of each block hold all of its pixels, the tiles all rows of each group, and [`write`] writes both.
    unsafe { written(total, blocks * block * groups * rows * area, blocks * cost, convolve) }
}

/// Images whose pixels fill panels to within 3 %.
fn images_per_block(area: usize) -> usize {
    (1..LANES).find(|images| (images * area).next_multiple_of(LANES) * 100 <= images * area * 103).unwrap_or(LANES)
}

/// One piece of a convolution: the images from `first` on that `output` holds.
struct Convolve<'a> {
    input: Batch<'a>,
    first: usize,
    block: usize,
    unfold: &'a Unfold,
    panels: &'a Panels,
    offsets: &'a Offsets,
    packed: &'a [f32],
    rows: usize,
    groups: usize,
    /// Room for the padded planes of a block, and for a panel.
    scratch: (&'a mut [f32], &'a mut [f32]),
    /// All of it is written.
    output: &'a mut [MaybeUninit<f32>],
}

impl Kernel for Convolve<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let Self { input, first, block, unfold, panels, offsets, packed, rows, groups, scratch: (padded, panel), output } = self;
        let (area, depth) = (unfold.output_area(), offsets.each().len());
        padded.fill(0.0);
        for (index, output) in output.chunks_mut(block * groups * rows * area).enumerate() {
            let images = output.len() / (groups * rows * area);
            input.lay(unfold, (first + index * block) * input.channels, images * input.channels, padded);
            for group in 0..groups {
                let padded = &padded[group * (input.channels / groups) * unfold.padded_area()..];
                let packed = &packed[group * rows * depth..(group + 1) * rows * depth];
                for (index, pixel) in (0..images * area).step_by(LANES).enumerate() {
                    panels.pack(index, padded, offsets, panel);
                    let place = Place { pixel, lanes: LANES.min(images * area - pixel), area, channels: groups * rows };
                    for (start, height) in tiles(rows) {
                        let weights = &packed[start * depth..(start + height) * depth];
                        with_rows!(height, write::<FUSED>(weights, panel, place, group * rows + start, output));
                    }
                }
            }
        }
    }
}

/// Where the pixels of a panel belong in a block of images.
#[derive(Clone, Copy)]
struct Place {
    pixel: usize,
    lanes: usize,
    area: usize,
    channels: usize,
}

#[inline(always)]
fn write<const FUSED: bool, const N: usize>(weights: &[f32], panel: &[f32], place: Place, channel: usize, output: &mut [MaybeUninit<f32>]) {
    let sums = product::<FUSED, N>(weights, panel);
    let Place { pixel, lanes, area, channels } = place;
    let (mut image, mut start, mut lane) = (pixel / area, pixel % area, 0);
    if start + LANES <= area {
        for (row, sums) in sums.iter().enumerate() {
            output[(image * channels + channel + row) * area + start..][..LANES].write_copy_of_slice(sums);
        }
        return;
    }
    while lane < lanes {
        let length = (area - start).min(lanes - lane);
        for (row, sums) in sums.iter().enumerate() {
            output[(image * channels + channel + row) * area + start..][..length].write_copy_of_slice(&sums[lane..lane + length]);
        }
        (image, start, lane) = (image + 1, 0, lane + length);
    }
}

/// The gradient of a weight `[channels of gradient, channels / groups, kernel]`.
pub(super) fn weight_gradient(input: Batch, plane: [usize; 2], gradient: &[f32], outputs: usize, window: &Window) -> Vec<f32> {
    let unfold = Unfold::forward(plane, window);
    let (area, groups) = (unfold.output_area(), window.groups);
    let (rows, depth) = (outputs / groups, input.channels / groups * unfold.taps.len());
    let mut result = vec![0.0; outputs * depth];
    if result.is_empty() || input.images * area == 0 {
        return result;
    }
    let strips = rows.div_ceil(LANES);
    let block = (64 / area).clamp(1, input.images);
    let blocks = input.images.div_ceil(block);
    let cost = block * area * depth * outputs;
    let positions = unfold.positions(block, input.channels);
    let offsets = unfold.offsets(input.channels / groups);
    let padded = (block * input.channels * unfold.padded_area()).next_multiple_of(LANES);
    let total = sum_pieces(blocks, cost, groups * strips * depth, |blocks, sums| {
        let images = blocks.start * block..(blocks.end * block).min(input.images);
        with_scratch(padded + block * area * LANES, |scratch| {
            let scratch = scratch.split_at_mut(padded);
            simd::run(Correlate {
                input,
                images,
                block,
                unfold: &unfold,
                positions: &positions,
                offsets: &offsets,
                gradient,
                rows,
                groups,
                scratch,
                sums,
            });
        });
    });
    for (channel, result) in result.chunks_exact_mut(depth).enumerate() {
        let (group, row) = (channel / rows, channel % rows);
        let strip = &total[(group * strips + row / LANES) * depth..][..depth];
        for (result, sums) in result.iter_mut().zip(strip) {
            *result = sums[row % LANES];
        }
    }
    result
}

/// One partial sum of a weight's gradient, `[groups, strips of outputs, depth]`, over the images of a range.
struct Correlate<'a> {
    input: Batch<'a>,
    images: std::ops::Range<usize>,
    block: usize,
    unfold: &'a Unfold,
    positions: &'a Offsets,
    offsets: &'a Offsets,
    gradient: &'a [f32],
    rows: usize,
    groups: usize,
    /// Room for the padded planes of a block, and for a strip of its gradient.
    scratch: (&'a mut [f32], &'a mut [f32]),
    sums: &'a mut [Lanes],
}

impl Kernel for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let Self { input, images, block, unfold, positions, offsets, gradient, rows, groups, scratch: (padded, strip), sums } = self;
        let (area, depth, strips) = (unfold.output_area(), offsets.each().len(), rows.div_ceil(LANES));
        let strip = strip.as_chunks_mut::<LANES>().0;
        padded.fill(0.0);
        for first in images.clone().step_by(block) {
            let count = block.min(images.end - first);
            input.lay(unfold, first * input.channels, count * input.channels, padded);
            for (index, sums) in sums.chunks_exact_mut(depth).enumerate() {
                let (group, start) = (index / strips, index % strips * LANES);
                let padded = &padded[group * (input.channels / groups) * unfold.padded_area()..];
                for (image, strip) in strip.chunks_exact_mut(area).take(count).enumerate() {
                    let planes = &gradient[((first + image) * groups * rows + group * rows + start) * area..];
                    transpose(&planes[..LANES.min(rows - start) * area], strip);
                }
                for (tap, height) in tiles(depth) {
                    let (sums, strip) = (&mut sums[tap..tap + height], &strip[..count * area]);
                    with_rows!(height, correlate::<FUSED>(sums, tap, padded, offsets, positions, strip));
                }
            }
        }
    }
}

/// Writes up to [`LANES`] planes side by side. Lanes without a plane keep what they held and their sums are never read.
#[inline(always)]
fn transpose(planes: &[f32], strip: &mut [Lanes]) {
    for (lane, plane) in planes.chunks_exact(strip.len()).enumerate() {
        for (pixel, value) in strip.iter_mut().zip(plane) {
            pixel[lane] = *value;
        }
    }
}
