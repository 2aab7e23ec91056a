//! A network as steps over rows of planes.

use super::planes::Planes;
use std::ops::Range;

/// The row that is zero for good, of planes of each size.
pub(super) const ZERO: u32 = 0;

/// Rows of planes of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rows {
    /// Which planes, a position in [`Plan::planes`].
    pub(super) planes: usize,
    /// One a channel.
    pub(super) slots: Vec<u32>,
}

/// A number that a sum reads at each place: of which row, how far from the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) slot: u32,
    pub(super) distance: isize,
}

/// A batch norm: where its numbers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Norm {
    /// Its scales and shifts among the parameters.
    pub(super) scale: Range<usize>,
    pub(super) shift: Range<usize>,
    /// Its channels among the statistics.
    pub(super) statistics: Range<usize>,
}

/// What each number of a row is multiplied by, and what is added to it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Affine {
    /// What a batch norm does.
    Norm(Norm),
    /// One, and these parameters.
    Offset(Range<usize>),
    /// This number, and nothing.
    Times(f32),
}

/// One pass over rows. Whatever `relu` is set for ends in max(0, x).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// The channels of the images.
    Lay { target: Rows },
    /// Of every `stride` lines and pixels the one at `phase`.
    Split { source: Rows, target: Rows, phase: [usize; 2], stride: usize },
    /// Sums of the terms of each group, weighed by parameters `[outputs, terms of a group]`.
    Convolve { terms: Vec<Vec<Term>>, target: Rows, weight: Range<usize>, bias: Option<Range<usize>>, norm: Option<Norm>, relu: bool },
    /// Every number by itself.
    Affine { source: Rows, target: Rows, affine: Affine, relu: bool },
    /// For each row of the target the sum of some rows.
    Add { terms: Vec<Vec<u32>>, target: Rows, bias: Option<Range<usize>>, relu: bool },
    /// The mean of what a window sees: the sum of its terms times the share of each at that place, `[area of a plane]`.
    Average { terms: Vec<Vec<Term>>, target: Rows, shares: Vec<f32> },
    /// The largest that a window sees: its taps, each of a phase, and how far from the place.
    Largest { source: Rows, target: Rows, stride: usize, phases: Vec<[usize; 2]>, taps: Vec<(usize, isize)> },
    /// The map moved by one pixel up and left.
    Shift { source: Rows, target: Rows },
    /// The mean of each plane.
    Mean { source: Rows, target: Rows },
}

/// A network as steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// The sizes of planes.
    pub(super) planes: Vec<Planes>,
    /// Rows of each size that are needed at once, [`ZERO`] among them.
    pub(super) rows: Vec<usize>,
    /// What is done, in order.
    pub(super) steps: Vec<Step>,
    /// Where the logits are in the end.
    pub(super) logits: Rows,
    /// Channels of all batch norms.
    pub(super) statistics: usize,
    /// Height and width of the images.
    pub(super) image: [usize; 2],
}
