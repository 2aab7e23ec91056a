//! Planes laid into zero-padded ones, and the panels of neighbouring pixels that a kernel's taps read there.
//!
//! A convolution and the gradient of its input are the same walk: the gradient reads the output's gradient, spread apart by the
//! stride, through the mirrored kernel. [`Unfold`] describes both; nothing after it needs to know which of the two it serves.

use std::ops::Range;

use super::window::Window;

/// Pixels of a panel.
pub(super) const LANES: usize = 16;

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
    pub(super) fn offsets(&self, channels: usize) -> Vec<usize> {
        (0..channels).flat_map(|channel| self.taps.iter().map(move |tap| channel * self.padded_area() + tap)).collect()
    }

    /// Where the first tap of each output pixel reads, for `images` images of `channels` planes laid one after the other.
    pub(super) fn positions(&self, images: usize, channels: usize) -> Vec<usize> {
        let mut positions = Vec::with_capacity(images * self.output_area());
        for image in 0..images {
            for row in 0..self.output[0] {
                let start = image * channels * self.padded_area() + row * self.stride[0] * self.padded[1];
                positions.extend((0..self.output[1]).map(|column| start + column * self.stride[1]));
            }
        }
        positions
    }

    /// Lays one plane, times `scale`, into a padded one that is zero wherever no earlier plane was laid.
    #[inline(always)]
    pub(super) fn lay(&self, plane: &[f32], scale: f32, padded: &mut [f32]) {
        let [rows, columns] = &self.visible;
        if self.padded == self.source && self.spread == [1; 2] && self.origin == [0; 2] {
            scale_into(plane, scale, padded);
            return;
        }
        if columns.is_empty() {
            return;
        }
        for row in rows.clone() {
            let line = &plane[row * self.source[1] + columns.start..row * self.source[1] + columns.end];
            let down = (self.origin[0] + (row * self.spread[0]) as isize) as usize;
            let along = (self.origin[1] + (columns.start * self.spread[1]) as isize) as usize;
            let start = down * self.padded[1] + along;
            if self.spread[1] == 1 {
                scale_into(line, scale, &mut padded[start..start + line.len()]);
            } else {
                for (to, from) in padded[start..].iter_mut().step_by(self.spread[1]).zip(line) {
                    *to = from * scale;
                }
            }
        }
    }
}

/// Whole vectors first: most rows of the networks here are 4 to 16 pixels wide.
#[inline(always)]
fn scale_into(from: &[f32], scale: f32, to: &mut [f32]) {
    let (from8, from) = from.as_chunks::<8>();
    let (to8, to) = to.as_chunks_mut::<8>();
    for (to, from) in to8.iter_mut().zip(from8) {
        *to = from.map(|value| value * scale);
    }
    let (from4, from) = from.as_chunks::<4>();
    let (to4, to) = to.as_chunks_mut::<4>();
    for (to, from) in to4.iter_mut().zip(from4) {
        *to = from.map(|value| value * scale);
    }
    for (to, from) in to.iter_mut().zip(from) {
        *to = from * scale;
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
    pub(super) fn new(positions: &[usize]) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        let mut bounds = vec![0];
        let mut longest = 1;
        for panel in positions.chunks(LANES) {
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
        let last = positions.iter().copied().max().unwrap_or(0);
        Self { runs, bounds, width, last }
    }

    /// Copies panel `index` of `padded` into `panel`: for every offset, [`LANES`] pixels. Copies of a fixed width are cheap and
    /// may run past their run; the next run, or the next row, puts that right. Both slices need [`Self::SPARE`] more elements.
    #[inline(always)]
    pub(super) fn pack(&self, index: usize, padded: &[f32], offsets: &[usize], panel: &mut [f32]) {
        let runs = &self.runs[self.bounds[index]..self.bounds[index + 1]];
        let farthest = self.last + offsets.iter().copied().max().unwrap_or(0);
        assert!(farthest + Self::SPARE <= padded.len() && offsets.len() * LANES + Self::SPARE <= panel.len());
        // SAFETY: a run starts at most `last` from an offset and below `LANES` in a row of the panel, and no copy is wider than
        // `SPARE`; that both slices hold as much was just asserted. Checking each copy costs as much as the copy.
        unsafe {
            match (self.width, runs) {
                (1, runs) => copy::<1>(runs, padded, offsets, panel),
                (4, &[a, b, c, d]) => copy::<4>(&[a, b, c, d], padded, offsets, panel),
                (4, runs) => copy::<4>(runs, padded, offsets, panel),
                (_, &[a, b]) => copy::<8>(&[a, b], padded, offsets, panel),
                (_, &[a, b, c]) => copy::<8>(&[a, b, c], padded, offsets, panel),
                (_, &[a, b, c, d]) => copy::<8>(&[a, b, c, d], padded, offsets, panel),
                (_, runs) => copy::<8>(runs, padded, offsets, panel),
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
