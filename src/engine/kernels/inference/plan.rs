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
    /// The largest that a window sees: its taps, each of a phase, and how far from the place. `spare` has a row for each phase, which one
    /// channel after the other is split into.
    Largest { source: Rows, target: Rows, spare: Rows, stride: usize, phases: Vec<[usize; 2]>, taps: Vec<(usize, isize)> },
    /// The map moved by one pixel up and left.
    Shift { source: Rows, target: Rows },
    /// The mean of each plane.
    Mean { source: Rows, target: Rows },
}

impl Step {
    /// The rows that are written.
    pub(super) const fn target(&self) -> &Rows {
        match self {
            Self::Lay { target }
            | Self::Split { target, .. }
            | Self::Convolve { target, .. }
            | Self::Affine { target, .. }
            | Self::Add { target, .. }
            | Self::Average { target, .. }
            | Self::Largest { target, .. }
            | Self::Shift { target, .. }
            | Self::Mean { target, .. } => target,
        }
    }

    /// Bytes that it takes.
    fn bytes(&self) -> usize {
        let slots = |rows: &[&Rows]| rows.iter().map(|rows| size_of_val(&rows.slots[..])).sum::<usize>();
        size_of::<Self>()
            + match self {
                Self::Lay { target } => slots(&[target]),
                Self::Split { source, target, .. }
                | Self::Affine { source, target, .. }
                | Self::Shift { source, target }
                | Self::Mean { source, target } => slots(&[source, target]),
                Self::Convolve { terms, target, .. } => nested(terms) + slots(&[target]),
                Self::Add { terms, target, .. } => nested(terms) + slots(&[target]),
                Self::Average { terms, target, shares } => nested(terms) + slots(&[target]) + size_of_val(&shares[..]),
                Self::Largest { source, target, spare, phases, taps, .. } => {
                    slots(&[source, target, spare]) + size_of_val(&phases[..]) + size_of_val(&taps[..])
                }
            }
    }
}

/// Bytes of lists in a list.
pub(super) fn nested<T>(lists: &[Vec<T>]) -> usize {
    size_of_val(lists) + lists.iter().map(|list| size_of_val(&list[..])).sum::<usize>()
}

/// A network as steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// The sizes of planes.
    pub(super) planes: Vec<Planes>,
    /// The rows of each size, [`ZERO`] first: from which step on each is needed, and from which on no more.
    pub(super) rows: Vec<Vec<Range<usize>>>,
    /// What is done, in order.
    pub(super) steps: Vec<Step>,
    /// Where the logits are in the end.
    pub(super) logits: Rows,
    /// Channels of all batch norms.
    pub(super) statistics: usize,
    /// Height and width of the images.
    pub(super) image: [usize; 2],
}

impl Plan {
    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        nested(&self.rows) + self.steps.iter().map(Step::bytes).sum::<usize>()
    }
}
