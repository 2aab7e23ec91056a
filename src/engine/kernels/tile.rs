//! The two inner products of the dense convolutions: tiles small enough to stay in registers.

use super::simd::{LANES, Lanes, multiply_add};
use super::unfold::Offsets;

/// Rows of the largest tile: 6 x 16 sums fill twelve of sixteen AVX2 registers, which hides the latency of a multiply-add.
const ROWS: usize = 6;

/// Cuts `rows` into tiles of even height, at most [`ROWS`]: `(first row, rows)`.
pub(super) fn tiles(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = rows.div_ceil(ROWS);
    (0..count).map(move |tile| {
        let start = tile * rows / count;
        (start, (tile + 1) * rows / count - start)
    })
}

/// Reorders a row-major matrix `[rows, depth]` tile by tile, each `[depth, rows of the tile]`, the order [`product`] reads in.
pub(super) fn pack(matrix: &[f32], rows: usize, depth: usize, packed: &mut [f32]) {
    for (start, height) in tiles(rows) {
        let tile = &mut packed[start * depth..(start + height) * depth];
        for (row, values) in matrix[start * depth..(start + height) * depth].chunks_exact(depth).enumerate() {
            for (column, value) in tile.chunks_exact_mut(height).zip(values) {
                column[row] = *value;
            }
        }
    }
}

/// Calls a function generic over the rows of a tile with the rows it is given.
macro_rules! with_rows {
    ($rows:expr, $function:ident::<$fused:ident>($($argument:expr),*)) => {
        match $rows {
            1 => $function::<$fused, 1>($($argument),*),
            2 => $function::<$fused, 2>($($argument),*),
            3 => $function::<$fused, 3>($($argument),*),
            4 => $function::<$fused, 4>($($argument),*),
            5 => $function::<$fused, 5>($($argument),*),
            _ => $function::<$fused, 6>($($argument),*),
        }
    };
}
pub(super) use with_rows;

/// `weights [depth, N]` transposed times `panel [depth, LANES]`.
#[inline(always)]
pub(super) fn product<const FUSED: bool, const N: usize>(weights: &[f32], panel: &[f32]) -> [Lanes; N] {
    let mut sums = [[0.0; LANES]; N];
    for (weight, pixels) in weights.as_chunks::<N>().0.iter().zip(panel.as_chunks::<LANES>().0) {
        for (sums, &weight) in sums.iter_mut().zip(weight) {
            for (sum, &pixel) in sums.iter_mut().zip(pixels) {
                *sum = multiply_add::<FUSED>(weight, pixel, *sum);
            }
        }
    }
    sums
}

/// Adds to `sums [N, LANES]` the products of what `N` taps, the offsets from `tap` on, read around each pixel with that pixel's
/// `gradient [pixels, LANES]`.
#[inline(always)]
pub(super) fn correlate<const FUSED: bool, const N: usize>(
    sums: &mut [Lanes],
    tap: usize,
    padded: &[f32],
    offsets: &Offsets,
    positions: &Offsets,
    gradient: &[Lanes],
) {
    let Some((taps, sums)) = offsets.each()[tap..].first_chunk::<N>().zip(sums.first_chunk_mut::<N>()) else { return };
    assert!(offsets.last() + positions.last() < padded.len());
    let mut tile = *sums;
    for (&position, gradient) in positions.each().iter().zip(gradient) {
        for (sums, tap) in tile.iter_mut().zip(taps) {
            // SAFETY: the farthest of these reads was just asserted to be inside. Checking each costs as much as its sums.
            let pixel = unsafe { *padded.get_unchecked(position + tap) };
            for (sum, &gradient) in sums.iter_mut().zip(gradient) {
                *sum = multiply_add::<FUSED>(pixel, gradient, *sum);
            }
        }
    }
    *sums = tile;
}
