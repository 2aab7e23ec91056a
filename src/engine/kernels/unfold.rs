//! Planes laid into zero-padded ones, and the panels of neighbouring pixels that a kernel's taps read there.
//!
//! A convolution and the gradient of its input are the same walk: the gradient reads the output's gradient, spread apart by the
//! stride, through the mirrored kernel. [`Unfold`] describes both; nothing after it needs to know which of the two it serves.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::simd::LANES;
use super::window::Window;

/// How the planes of one tensor are padded, and where in them each output pixel and each tap reads.
pub(super) struct Unfold {
    /// `[height, width]` of the planes read.
    source: [usize; 2],
    /// Distance in the padded plane between neighbours of the source.
    spread: [usize; 2],
    /// Where the source's first pixel lands; negative where padding crops instead.
    origin: [isize; 2],
    /// The rows and columns of the source that land inside.
    visible: [Range<usize>; 2],
    padded: [usize; 2],
    stride: [usize; 2],
    /// `[height, width]` of the planes written.
    pub(super) output: [usize; 2],
    /// Where each tap reads, relative to the first.
    pub(super) taps: Vec<usize>,
}

impl Unfold {
    /// Reads planes `[height, width]` as the convolution does.
    pub(super) fn forward(plane: [usize; 2], window: &Window) -> Self {
        let output = window.output(plane);
        let padded = axes(|axis| if output[axis] == 0 { 0 } else { (output[axis] - 1) * window.stride[axis] + window.reach(axis) + 1 });
        Self::new(plane, [1; 2], axes(|axis| window.padding[axis] as isize), padded, window.stride, output, window)
    }

    /// Reads the gradient of the convolution's output as the gradient of its input, planes of `[height, width]`, needs it.
    pub(super) fn transposed(plane: [usize; 2], window: &Window) -> Self {
        let origin = axes(|axis| window.reach(axis) as isize - window.padding[axis] as isize);
        let padded = axes(|axis| plane[axis] + window.reach(axis));
        Self::new(window.output(plane), window.stride, origin, padded, [1; 2], plane, window)
    }

    fn new(
        source: [usize; 2],
        spread: [usize; 2],
        origin: [isize; 2],
        padded: [usize; 2],
        stride: [usize; 2],
        output: [usize; 2],
        window: &Window,
    ) -> Self {
        let visible = axes(|axis| {
            let first = (-origin[axis]).max(0) as usize;
            let end = (padded[axis] as isize - origin[axis]).max(0) as usize;
            let end = end.div_ceil(spread[axis]).min(source[axis]);
            first.div_ceil(spread[axis]).min(end)..end
        });
        let [rows, columns] = window.kernel;
        let tap = |row, column| row * window.dilation[0] * padded[1] + column * window.dilation[1];
        let taps = (0..rows).flat_map(|row| (0..columns).map(move |column| tap(row, column))).collect();
        Self { source, spread, origin, visible, padded, stride, output, taps }
    }

    /// Elements of a plane read.
    pub(super) const fn source_area(&self) -> usize {
        self.source[0] * self.source[1]
    }

    /// Elements of a padded plane.
    pub(super) const fn padded_area(&self) -> usize {
        self.padded[0] * self.padded[1]
    }

    /// Elements of a plane written.
    pub(super) const fn output_area(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Where each tap of each of `channels` planes reads: the rows of an unfolded image.
    pub(super) fn offsets(&self, channels: usize) -> Offsets {
        Offsets::new((0..channels).flat_map(|channel| self.taps.iter().map(move |tap| channel * self.padded_area() + tap)).collect())
    }

    /// Where the first tap of each output pixel reads, for `images` images of `channels` planes laid one after the other.
    pub(super) fn positions(&self, images: usize, channels: usize) -> Offsets {
        let mut positions = Vec::with_capacity(images * self.output_area());
        for image in 0..images {
            for row in 0..self.output[0] {
                let start = image * channels * self.padded_area() + row * self.stride[0] * self.padded[1];
                positions.extend((0..self.output[1]).map(|column| start + column * self.stride[1]));
            }
        }
        Offsets::new(positions)
    }

    /// Lays one plane, times `scale`, into a padded one that is zero wherever no earlier plane was laid.
    #[inline(always)]
    pub(super) fn lay(&self, plane: &[f32], scale: f32, padded: &mut [f32]) {
        if self.padded == self.source && self.spread == [1; 2] && self.origin == [0; 2] {
            scale_into(plane, scale, &mut padded[..plane.len()]);
        } else if let Some((size, from, to)) = self.landing() {
            copy_grid(size, plane, from, scale, padded, to);
        }
    }

    /// Takes back from a padded plane what [`Self::lay`] would put there; the rest of `plane` stays.
    #[inline(always)]
    pub(super) fn take(&self, padded: &[f32], plane: &mut [f32]) {
        if let Some((size, from, to)) = self.landing() {
            copy_grid(size, padded, to, 1.0, plane, from);
        }
    }

    /// The part of the source that lands inside, if any: `[rows, columns]`, where they are, and where they land.
    #[inline(always)]
    fn landing(&self) -> Option<([usize; 2], Grid, Grid)> {
        let [rows, columns] = &self.visible;
        if rows.is_empty() || columns.is_empty() {
            return None;
        }
        let down = (self.origin[0] + (rows.start * self.spread[0]) as isize) as usize;
        let along = (self.origin[1] + (columns.start * self.spread[1]) as isize) as usize;
        let from = Grid { start: rows.start * self.source[1] + columns.start, pitch: self.source[1], step: 1 };
        let to = Grid { start: down * self.padded[1] + along, pitch: self.spread[0] * self.padded[1], step: self.spread[1] };
        Some(([rows.len(), columns.len()], from, to))
    }

    /// Where the output pixels are among all places the kernel can be put in the padded plane.
    const fn outputs(&self) -> Grid {
        Grid { start: 0, pitch: self.stride[0] * self.padded[1], step: self.stride[1] }
    }

    /// Places from the first output pixel to the last.
    pub(super) const fn places(&self) -> usize {
        let [rows, columns] = self.output;
        if rows * columns == 0 { 0 } else { (rows - 1) * self.outputs().pitch + (columns - 1) * self.outputs().step + 1 }
    }

    /// Picks the output plane, all of it, from values at every place.
    #[inline(always)]
    pub(super) fn pick(&self, places: &[f32], plane: &mut [MaybeUninit<f32>]) {
        copy_grid(self.output, places, self.outputs(), 1.0, plane, Grid { start: 0, pitch: self.output[1], step: 1 });
    }

    /// Puts a plane of the output's size at its places; the others stay.
    #[inline(always)]
    pub(super) fn put(&self, plane: &[f32], places: &mut [f32]) {
        copy_grid(self.output, plane, Grid { start: 0, pitch: self.output[1], step: 1 }, 1.0, places, self.outputs());
    }
}

/// Where the pixels of a plane are in a slice: `pitch` between rows, `step` between columns.
#[derive(Clone, Copy)]
struct Grid {
    start: usize,
    pitch: usize,
    step: usize,
}

/// Copies a plane `[rows, columns]`, times `scale`, from one grid to another.
#[inline(always)]
fn copy_grid<T: Place>(size: [usize; 2], source: &[f32], from: Grid, scale: f32, target: &mut [T], to: Grid) {
    let [rows, columns] = size;
    if from.step > 1 || to.step > 1 {
        for row in 0..rows {
            let (source, target) = (&source[from.start + row * from.pitch..], &mut target[to.start + row * to.pitch..]);
            for (to, from) in target.iter_mut().step_by(to.step).zip(source.iter().step_by(from.step)).take(columns) {
                to.put(from * scale);
            }
        }
        return;
    }
    // A width known to the compiler makes a row a few instructions; these are the planes of the presets.
    match columns {
        4 => copy_rows(rows, 4, source, from, scale, target, to),
        7 => copy_rows(rows, 7, source, from, scale, target, to),
        8 => copy_rows(rows, 8, source, from, scale, target, to),
        14 => copy_rows(rows, 14, source, from, scale, target, to),
        _ => copy_rows(rows, columns, source, from, scale, target, to),
    }
}

#[inline(always)]
fn copy_rows<T: Place>(rows: usize, columns: usize, source: &[f32], from: Grid, scale: f32, target: &mut [T], to: Grid) {
    for row in 0..rows {
        let (source, target) = (&source[from.start + row * from.pitch..][..columns], &mut target[to.start + row * to.pitch..][..columns]);
        scale_into(source, scale, target);
    }
}

/// Places in padded planes, and the last of them, so that a bound is checked once for all.
pub(super) struct Offsets {
    each: Vec<usize>,
    last: usize,
}

impl Offsets {
    fn new(each: Vec<usize>) -> Self {
        let last = each.iter().copied().max().unwrap_or(0);
        Self { each, last }
    }

    /// The places, in order.
    pub(super) fn each(&self) -> &[usize] {
        &self.each
    }

    /// The largest.
    pub(super) const fn last(&self) -> usize {
        self.last
    }
}

/// Whole vectors first: most rows of the networks here are 4 to 16 pixels wide.
#[inline(always)]
fn scale_into<T: Place>(from: &[f32], scale: f32, to: &mut [T]) {
    let (from8, from) = from.as_chunks::<8>();
    let (to8, to) = to.as_chunks_mut::<8>();
    for (to, from) in to8.iter_mut().zip(from8) {
        to.iter_mut().zip(from).for_each(|(to, from)| to.put(from * scale));
    }
    let (from4, from) = from.as_chunks::<4>();
    let (to4, to) = to.as_chunks_mut::<4>();
    for (to, from) in to4.iter_mut().zip(from4) {
        to.iter_mut().zip(from).for_each(|(to, from)| to.put(from * scale));
    }
    for (to, from) in to.iter_mut().zip(from) {
        to.put(from * scale);
    }
}

/// Room for a number, which may hold none yet.
trait Place {
    /// Puts a number there.
    fn put(&mut self, value: f32);
}

impl Place for f32 {
    #[inline(always)]
    fn put(&mut self, value: f32) {
        *self = value;
    }
}

impl Place for MaybeUninit<f32> {
    #[inline(always)]
    fn put(&mut self, value: f32) {
        self.write(value);
    }
}

fn axes<T>(of: impl Fn(usize) -> T) -> [T; 2] {
    [of(0), of(1)]
}

/// Pixels of a panel that lie side by side in the padded plane.
#[derive(Clone, Copy)]
struct Run {
    lane: usize,
    position: usize,
}

/// The output pixels of a block of images in panels of [`LANES`], each a list of runs copied `width` elements at a time.
pub(super) struct Panels {
    runs: Vec<Run>,
    /// The runs of panel `i` are `bounds[i]..bounds[i + 1]`.
    bounds: Vec<usize>,
    /// Elements copied at once, at least the longest run.
    width: usize,
    /// The last position of any run.
    last: usize,
}

impl Panels {
    /// Elements that a copy of a run may touch beyond it, at most.
    pub(super) const SPARE: usize = 8;

    /// Cuts the pixels at `positions` into panels.
    pub(super) fn new(positions: &Offsets) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        let mut bounds = vec![0];
        let mut longest = 1;
        for panel in positions.each.chunks(LANES) {
            let mut length = 0;
            for (lane, &position) in panel.iter().enumerate() {
                if lane % Self::SPARE > 0 && panel[lane - 1] + 1 == position {
                    length += 1;
                } else {
                    runs.push(Run { lane, position });
                    length = 1;
                }
                longest = longest.max(length);
            }
            bounds.push(runs.len());
        }
        let width = [1, 4].into_iter().find(|&width| width >= longest).unwrap_or(Self::SPARE);
        Self { runs, bounds, width, last: positions.last }
    }

    /// Copies panel `index` of `padded` into `panel`: for every offset, [`LANES`] pixels. Copies of a fixed width are cheap and
    /// may run past their run; the next run, or the next row, puts that right. Both slices need [`Self::SPARE`] more elements.
    #[inline(always)]
    pub(super) fn pack(&self, index: usize, padded: &[f32], offsets: &Offsets, panel: &mut [f32]) {
        let runs = &self.runs[self.bounds[index]..self.bounds[index + 1]];
        assert!(self.last + offsets.last + Self::SPARE <= padded.len() && offsets.each.len() * LANES + Self::SPARE <= panel.len());
        // SAFETY: a run starts at most `last` from an offset and below `LANES` in a row of the panel, and no copy is wider than
        // `SPARE`; that both slices hold as much was just asserted. Checking each copy costs as much as the copy.
        unsafe {
            match (self.width, runs) {
                (1, runs) => copy::<1>(runs, padded, &offsets.each, panel),
                (4, &[a, b, c, d]) => copy::<4>(&[a, b, c, d], padded, &offsets.each, panel),
                (4, runs) => copy::<4>(runs, padded, &offsets.each, panel),
                (_, &[a, b]) => copy::<8>(&[a, b], padded, &offsets.each, panel),
                (_, &[a, b, c]) => copy::<8>(&[a, b, c], padded, &offsets.each, panel),
                (_, &[a, b, c, d]) => copy::<8>(&[a, b, c, d], padded, &offsets.each, panel),
                (_, runs) => copy::<8>(runs, padded, &offsets.each, panel),
            }
        }
    }
}

/// # Safety
/// Every offset plus a run's position, and every row of the panel plus a run's lane, must leave `WIDTH` elements to the end.
#[inline(always)]
unsafe fn copy<const WIDTH: usize>(runs: &[Run], padded: &[f32], offsets: &[usize], panel: &mut [f32]) {
    for (row, &offset) in offsets.iter().enumerate() {
        for run in runs {
            // SAFETY: in bounds by this function's contract; the slices do not overlap as one is borrowed mutably.
            unsafe {
                let from = padded.as_ptr().add(offset + run.position).cast::<[f32; WIDTH]>();
                let to = panel.as_mut_ptr().add(row * LANES + run.lane).cast::<[f32; WIDTH]>();
                to.write(from.read());
            }
        }
    }
}
