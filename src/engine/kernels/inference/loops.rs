//! The loops over the places of rows. Rows lie in one slice of cells, for a step reads some and writes others.

#[cfg(target_arch = "x86_64")]
use super::super::simd::is_wide;
use super::super::simd::{Kernel, LANES, Lanes, multiply_add, run};
use std::cell::Cell;
use std::ops::Range;

/// Outputs of the largest tile: 6 x 16 sums fill twelve of sixteen AVX2 registers, which hides the latency of a multiply-add.
const OUTPUTS: usize = 6;

/// Places of all outputs that are computed before the next: what a sum reads there stays in the nearest caches.
const BLOCK: usize = 64 * LANES;

/// Cuts outputs into tiles of even height: `(first output, outputs)`.
pub(super) fn tiles(outputs: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = outputs.div_ceil(OUTPUTS);
    (0..count).map(move |tile| {
        let start = tile * outputs / count;
        (start, (tile + 1) * outputs / count - start)
    })
}

/// A vector of a row.
#[inline(always)]
fn read(cells: &[Cell<f32>], place: usize) -> Lanes {
    let cells = &cells[place..place + LANES];
    // SAFETY: the slice holds as many numbers, a cell is its number, and nobody writes meanwhile: cells are not shared between threads.
    unsafe { cells.as_ptr().cast::<Lanes>().read_unaligned() }
}

/// Writes a vector of a row: max(0, x) where `relu`, and zeros where `inside` has no bits.
#[inline(always)]
fn write(cells: &[Cell<f32>], place: usize, values: &Lanes, inside: &[u32; LANES], relu: bool) {
    let mut written = *values;
    if relu {
        for value in &mut written {
            // Not `max`: what is not a number stays so.
            *value = if *value < 0.0 { 0.0 } else { *value };
        }
    }
    for lane in 0..LANES {
        written[lane] = f32::from_bits(written[lane].to_bits() & inside[lane]);
    }
    let cells = &cells[place..place + LANES];
    // SAFETY: the slice holds as many numbers, a cell is its number and may be written through a shared slice, and nobody reads meanwhile.
    unsafe { cells.as_ptr().cast_mut().cast::<Lanes>().write_unaligned(written) };
}

#[inline(always)]
fn add(sums: &mut Lanes, values: &Lanes) {
    for lane in 0..LANES {
        sums[lane] += values[lane];
    }
}

/// Runs a product: with AVX-512 a vector is one register of thirty-two, so that a tile may hold more of them.
pub(super) fn multiply(product: Product<1>) {
    #[cfg(target_arch = "x86_64")]
    if is_wide() {
        let Product { rows, terms, weights, offsets, outputs, inside, relu } = product;
        run(Product::<2> { rows, terms, weights, offsets, outputs, inside, relu });
        return;
    }
    run(product);
}

/// Weighed sums of terms, for all outputs of a group of channels. `TIMES`: how many times the vectors of a tile that AVX2's registers hold.
pub(super) struct Product<'a, const TIMES: usize> {
    pub(super) rows: &'a [Cell<f32>],
    /// Where each term of place 0 is.
    pub(super) terms: &'a [usize],
    /// Tile by tile `[terms, outputs of the tile]`.
    pub(super) weights: &'a [f32],
    /// One an output.
    pub(super) offsets: &'a [f32],
    /// Where place 0 of each output is.
    pub(super) outputs: &'a [usize],
    pub(super) inside: &'a [u32],
    pub(super) relu: bool,
}

impl<const TIMES: usize> Kernel for Product<'_, TIMES> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let places = self.inside.len();
        let farthest = self.terms.iter().max().map_or(0, |last| last + places);
        assert!(farthest <= self.rows.len() && places.is_multiple_of(LANES));
        assert!(self.weights.len() == self.terms.len() * self.outputs.len());
        for start in (0..places).step_by(BLOCK) {
            let block = start..(start + BLOCK).min(places);
            for (first, height) in tiles(self.outputs.len()) {
                match (TIMES, height) {
                    (1, 1) => self.block::<FUSED, 1, 4>(first, block.clone()),
                    (1, 2) => self.block::<FUSED, 2, 3>(first, block.clone()),
                    (1, 3) => self.block::<FUSED, 3, 2>(first, block.clone()),
                    (1, 4) => self.block::<FUSED, 4, 1>(first, block.clone()),
                    (1, 5) => self.block::<FUSED, 5, 1>(first, block.clone()),
                    (1, _) => self.block::<FUSED, 6, 1>(first, block.clone()),
                    (_, 1) => self.block::<FUSED, 1, 8>(first, block.clone()),
                    (_, 2) => self.block::<FUSED, 2, 6>(first, block.clone()),
                    (_, 3) => self.block::<FUSED, 3, 4>(first, block.clone()),
                    (_, 4) => self.block::<FUSED, 4, 4>(first, block.clone()),
                    (_, 5) => self.block::<FUSED, 5, 3>(first, block.clone()),
                    (_, _) => self.block::<FUSED, 6, 3>(first, block.clone()),
                }
            }
        }
    }
}

impl<const TIMES: usize> Product<'_, TIMES> {
    /// `N` outputs at the places of a block, `P` vectors at a time.
    #[inline(always)]
    fn block<const FUSED: bool, const N: usize, const P: usize>(&self, first: usize, block: Range<usize>) {
        let mut place = block.start;
        while place + P * LANES <= block.end {
            self.tile::<FUSED, N, P>(first, place);
            place += P * LANES;
        }
        while place < block.end {
            self.tile::<FUSED, N, 1>(first, place);
            place += LANES;
        }
    }

    #[inline(always)]
    fn tile<const FUSED: bool, const N: usize, const P: usize>(&self, first: usize, place: usize) {
        let depth = self.terms.len();
        let weights = self.weights[first * depth..(first + N) * depth].as_chunks::<N>().0;
        let mut sums = [[[0.0; LANES]; P]; N];
        for (sums, &offset) in sums.iter_mut().zip(&self.offsets[first..first + N]) {
            *sums = [[offset; LANES]; P];
        }
        for (weight, &term) in weights.iter().zip(self.terms) {
            for vector in 0..P {
                // SAFETY: `run` asserted that the farthest term leaves as many numbers as there are places, and `place` with its vectors
                // is one of these. A cell is its number. Checking each read costs as much as what is done with it.
                let numbers = unsafe { self.rows.as_ptr().add(term + place + vector * LANES).cast::<Lanes>().read_unaligned() };
                for (sums, &weight) in sums.iter_mut().zip(weight) {
                    for (sum, &number) in sums[vector].iter_mut().zip(&numbers) {
                        *sum = multiply_add::<FUSED>(weight, number, *sum);
                    }
                }
            }
        }
        for (sums, &output) in sums.iter().zip(&self.outputs[first..first + N]) {
            for (vector, sums) in sums.iter().enumerate() {
                let place = place + vector * LANES;
                let inside = self.inside[place..].first_chunk().expect("places are whole vectors");
                write(self.rows, output + place, sums, inside, self.relu);
            }
        }
    }
}

/// The distance of a row from a number, times a factor, plus an offset.
pub(super) struct Scale<'a> {
    pub(super) rows: &'a [Cell<f32>],
    pub(super) source: usize,
    pub(super) target: usize,
    pub(super) from: f32,
    pub(super) factor: f32,
    pub(super) offset: f32,
    pub(super) inside: &'a [u32],
    pub(super) relu: bool,
}

impl Kernel for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        for (vector, inside) in self.inside.as_chunks::<LANES>().0.iter().enumerate() {
            let mut values = read(self.rows, self.source + vector * LANES);
            for value in &mut values {
                *value = multiply_add::<FUSED>(*value - self.from, self.factor, self.offset);
            }
            write(self.rows, self.target + vector * LANES, &values, inside, self.relu);
        }
    }
}

/// The sum of rows, plus an offset.
pub(super) struct Sum<'a> {
    pub(super) rows: &'a [Cell<f32>],
    pub(super) sources: &'a [usize],
    pub(super) target: usize,
    pub(super) offset: f32,
    pub(super) inside: &'a [u32],
    pub(super) relu: bool,
}

impl Kernel for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        for (vector, inside) in self.inside.as_chunks::<LANES>().0.iter().enumerate() {
            let mut sums = [self.offset; LANES];
            for source in self.sources {
                add(&mut sums, &read(self.rows, source + vector * LANES));
            }
            write(self.rows, self.target + vector * LANES, &sums, inside, self.relu);
        }
    }
}

/// What a pool's window makes of its terms: their sum times the share of the place, or the largest of them.
pub(super) struct Pooled<'a, const MEAN: bool> {
    pub(super) rows: &'a [Cell<f32>],
    pub(super) terms: &'a [usize],
    pub(super) target: usize,
    /// For each place the share of each term, where the mean is wanted.
    pub(super) shares: &'a [f32],
    pub(super) inside: &'a [u32],
}

impl<const MEAN: bool> Kernel for Pooled<'_, MEAN> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        for (vector, inside) in self.inside.as_chunks::<LANES>().0.iter().enumerate() {
            let from = vector * LANES;
            let mut values = [if MEAN { 0.0 } else { f32::NEG_INFINITY }; LANES];
            for term in self.terms {
                let read = read(self.rows, term + from);
                for lane in 0..LANES {
                    // Not `||`: a branch per lane would keep the lanes apart. What is not a number is the largest.
                    let replaces = (read[lane] > values[lane]) | read[lane].is_nan();
                    let largest = if replaces { read[lane] } else { values[lane] };
                    values[lane] = if MEAN { values[lane] + read[lane] } else { largest };
                }
            }
            if MEAN {
                let shares = &self.shares[from..from + LANES];
                for lane in 0..LANES {
                    values[lane] *= shares[lane];
                }
            }
            write(self.rows, self.target + from, &values, inside, false);
        }
    }
}

/// A row with minus infinity where there is no pixel.
pub(super) struct Walled<'a> {
    pub(super) rows: &'a [Cell<f32>],
    pub(super) source: usize,
    pub(super) target: usize,
    pub(super) inside: &'a [u32],
}

impl Kernel for Walled<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        for (vector, inside) in self.inside.as_chunks::<LANES>().0.iter().enumerate() {
            let mut values = read(self.rows, self.source + vector * LANES);
            for lane in 0..LANES {
                let wall = f32::NEG_INFINITY.to_bits() & !inside[lane];
                values[lane] = f32::from_bits(values[lane].to_bits() & inside[lane] | wall);
            }
            write(self.rows, self.target + vector * LANES, &values, &[u32::MAX; LANES], false);
        }
    }
}

/// Mean and biased variance of a row's pixels, of which there are `count`. Two passes: the variance of values far from zero needs their mean.
pub(super) struct Moments<'a> {
    pub(super) rows: &'a [Cell<f32>],
    pub(super) source: usize,
    pub(super) inside: &'a [u32],
    pub(super) count: usize,
}

impl Kernel for Moments<'_> {
    type Output = [f32; 2];

    #[inline(always)]
    fn run<const FUSED: bool>(self) -> [f32; 2] {
        let count = self.count.max(1) as f32;
        let inside = self.inside.as_chunks::<LANES>().0;
        let mut sums = [0.0; LANES];
        for vector in 0..inside.len() {
            add(&mut sums, &read(self.rows, self.source + vector * LANES));
        }
        let mean = sums.iter().sum::<f32>() / count;
        let mut squares = [0.0; LANES];
        for (vector, inside) in inside.iter().enumerate() {
            let values = read(self.rows, self.source + vector * LANES);
            for lane in 0..LANES {
                let distance = f32::from_bits((values[lane] - mean).to_bits() & inside[lane]);
                squares[lane] += distance * distance;
            }
        }
        [mean, squares.iter().sum::<f32>() / count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers between -1 and 1.
    fn noise(length: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_769) | 1;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..length).map(next).collect()
    }

    /// One product: a row for each term, each at another distance, and one for each output.
    struct Case {
        places: usize,
        depth: usize,
        outputs: usize,
        relu: bool,
        rows: Vec<f32>,
        /// `[outputs, depth]`.
        weights: Vec<f32>,
        offsets: Vec<f32>,
        inside: Vec<u32>,
    }

    impl Case {
        fn new(places: usize, depth: usize, outputs: usize, relu: bool) -> Self {
            let rows = noise((depth + outputs) * Self::row(places), 1);
            let inside = (0..places).map(|place| if place % 7 == 3 { 0 } else { u32::MAX }).collect();
            Self { places, depth, outputs, relu, rows, weights: noise(outputs * depth, 2), offsets: noise(outputs, 3), inside }
        }

        const fn row(places: usize) -> usize {
            places + LANES
        }

        fn terms(&self) -> Vec<usize> {
            (0..self.depth).map(|term| term * Self::row(self.places) + term % LANES).collect()
        }

        fn targets(&self) -> Vec<usize> {
            (self.depth..self.depth + self.outputs).map(|row| row * Self::row(self.places)).collect()
        }

        /// What stands in the outputs after `run` has had the product.
        fn product<const TIMES: usize>(&self, run: impl Fn(Product<TIMES>)) -> Vec<f32> {
            let mut rows = self.rows.clone();
            let (terms, outputs) = (self.terms(), self.targets());
            let mut weights = Vec::new();
            for (first, height) in tiles(self.outputs) {
                for term in 0..self.depth {
                    weights.extend((first..first + height).map(|output| self.weights[output * self.depth + term]));
                }
            }
            run(Product {
                rows: Cell::from_mut(&mut rows[..]).as_slice_of_cells(),
                terms: &terms,
                weights: &weights,
                offsets: &self.offsets,
                outputs: &outputs,
                inside: &self.inside,
                relu: self.relu,
            });
            outputs.iter().flat_map(|&output| rows[output..output + self.places].to_vec()).collect()
        }

        fn plain(&self) -> Vec<f32> {
            let mut result = Vec::new();
            for output in 0..self.outputs {
                for place in 0..self.places {
                    let products = self
                        .terms()
                        .into_iter()
                        .enumerate()
                        .map(|(term, from)| f64::from(self.weights[output * self.depth + term]) * f64::from(self.rows[from + place]));
                    let sum = (f64::from(self.offsets[output]) + products.sum::<f64>()) as f32;
                    let sum = if self.relu { sum.max(0.0) } else { sum };
                    result.push(if self.inside[place] == 0 { 0.0 } else { sum });
                }
            }
            result
        }
    }

    /// All widths of tiles and both ways to multiply and add, of which a machine runs one.
    #[test]
    fn every_tile_of_a_product_is_the_plain_sum() {
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let close = |case: &Case, ours: &[f32], name: &str| {
            let far = |(ours, plain): (&f32, &f32)| (ours - plain).is_finite() && (ours - plain).abs() < 1e-5;
            assert!(
                ours.iter().zip(&case.plain()).all(far),
                "{name}: {} terms, {} outputs, {} places",
                case.depth,
                case.outputs,
                case.places
            );
        };
        for vectors in [1, 2, 3, 4, 5, 6, 7, 8, 63, 64, 65, 129] {
            for outputs in 1..=20 {
                // Every depth with some number of vectors and outputs, and all of them with few.
                let depths = (0..=40).filter(|depth| vectors * outputs <= 12 || depth % 20 == (vectors + outputs) % 20);
                for depth in depths {
                    let case = Case::new(vectors * LANES, depth, outputs, (vectors + depth) % 2 == 0);
                    let narrow = case.product::<1>(|product| product.run::<true>());
                    let wide = case.product::<2>(|product| product.run::<true>());
                    assert_eq!(bits(&narrow), bits(&wide), "{depth} terms, {outputs} outputs, {vectors} vectors");
                    close(&case, &narrow, "fused");
                    assert_eq!(
                        bits(&case.product::<1>(|product| run(product))),
                        bits(&case.product::<1>(multiply)),
                        "as this machine does it"
                    );
                    let unfused = case.product::<1>(|product| product.run::<false>());
                    close(&case, &unfused, "not fused");
                    assert_eq!(bits(&unfused), bits(&case.product::<2>(|product| product.run::<false>())));
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "is_multiple_of")]
    fn places_are_whole_vectors() {
        Case::new(LANES + 1, 1, 1, false).product::<1>(|product| product.run::<false>());
    }
}
