//! Work cut into pieces that depend on shapes alone, so that results do not depend on the number of threads.

use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

use super::simd::{LANES, Lanes};

/// Multiply-adds (or as costly steps) below which sharing them with other threads costs more than it saves: for one of rayon's
/// own threads, and for one that must first hand its work over to them and go to sleep.
const WORTH_SHARING: [usize; 2] = [1 << 20, 1 << 22];

/// Multiply-adds that one piece should hold, a few times the cost of handing it over.
const PIECE: usize = 1 << 18;

/// What an element of a pass over memory costs, in multiply-adds.
pub(super) const ELEMENT: usize = 4;

/// Most pieces of a sum, which each need room for all of it.
const PARTIAL_SUMS: usize = 16;

/// Elements of a cache line.
const LINE: usize = 16;

/// Number of items in a piece when there are `items`, each of `cost` multiply-adds.
pub(super) fn piece(items: usize, cost: usize) -> usize {
    PIECE.div_ceil(cost.max(1)).clamp(1, items.max(1))
}

/// Calls `work(index, piece)` for each piece of `length` elements of `data`, each of `cost` multiply-adds, on several threads if
/// that pays.
pub(super) fn for_each_piece<T: Send>(data: &mut [T], length: usize, cost: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    let [inside, outside] = WORTH_SHARING;
    let worth = if rayon::current_thread_index().is_some() { inside } else { outside };
    let pieces = data.len().div_ceil(length.max(1));
    if pieces > 1 && pieces.saturating_mul(cost) >= worth && rayon::current_num_threads() > 1 {
        #[cfg(test)]
        SHARED.set(SHARED.get() + 1);
        data.par_chunks_mut(length).enumerate().for_each(|(index, piece)| work(index, piece));
    } else {
        data.chunks_mut(length.max(1)).enumerate().for_each(|(index, piece)| work(index, piece));
    }
}

/// What `work(index, piece)` writes into each piece of `length` elements of `total`, each piece of `cost` multiply-adds, on several threads if
/// that pays. The memory is not cleared before: clearing an output that a kernel then fills took a tenth of a step of training.
///
/// # Safety
/// `work` must write every element of each piece.
pub(super) unsafe fn written(total: usize, length: usize, cost: usize, work: impl Fn(usize, &mut [MaybeUninit<f32>]) + Sync) -> Vec<f32> {
    let mut values = Vec::with_capacity(total);
    let room = &mut values.spare_capacity_mut()[..total];
    // Who reads what was not written shall see it.
    if cfg!(test) {
        room.fill(MaybeUninit::new(f32::NAN));
    }
    for_each_piece(room, length, cost, work);
    // SAFETY: the pieces are all of the first `total` elements, and the caller vouches that each was written whole.
    unsafe { values.set_len(total) };
    values
}

/// Does `work(index, piece, other piece)` for each piece of `lengths` elements of two slices that have as many, each of `cost` multiply-adds, on
/// several threads if that pays.
pub(super) fn for_each_pair<T: Send, U: Send>(
    (one, other): (&mut [T], &mut [U]),
    lengths: [usize; 2],
    cost: usize,
    work: impl Fn(usize, &mut [T], &mut [U]) + Sync,
) {
    let [length, other_length] = lengths.map(|length| length.max(1));
    let mut pairs: Vec<_> = one.chunks_mut(length).zip(other.chunks_mut(other_length)).collect();
    for_each_piece(&mut pairs, 1, cost, |index, pairs| {
        for (one, other) in pairs {
            work(index, one, other);
        }
    });
}

/// Adds up `size` sums over `items`, each of `cost` multiply-adds: `work(items, sums)` adds those of a range of them.
pub(super) fn sum_pieces(items: usize, cost: usize, size: usize, work: impl Fn(Range<usize>, &mut [Lanes]) + Sync) -> Vec<Lanes> {
    let length = piece(items, cost).max(items.div_ceil(PARTIAL_SUMS));
    let mut partial = vec![[0.0; LANES]; items.div_ceil(length) * size];
    for_each_piece(&mut partial, size, length * cost, |index, sums| work(index * length..((index + 1) * length).min(items), sums));
    let (total, rest) = partial.split_at_mut(size);
    for sums in rest.chunks_exact(size) {
        for (total, sum) in total.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
            *total += sum;
        }
    }
    partial.truncate(size);
    partial
}

/// Elements that each thread's buffer holds at most. Whoever needs more gets memory of its own, which goes back afterwards.
const KEPT: usize = 1 << 22;

thread_local! {
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Lends a buffer of `length` elements, aligned to a cache line, with whatever it held last. `work` must not call into rayon: a thread that
/// waits there may pick up another piece, which would find the buffer lent.
pub(super) fn with_scratch<R>(length: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let room = length + LINE;
    let lend = |scratch: &mut [f32]| {
        let skip = scratch.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        let scratch = &mut scratch[skip..skip + length];
        // Who reads what it has not written shall see it.
        if cfg!(test) {
            scratch.fill(f32::NAN);
        }
        work(scratch)
    };
    if room > KEPT {
        return lend(&mut vec![0.0; room]);
    }
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.len() < room {
            scratch.resize(room, 0.0);
        }
        lend(scratch)
    })
}

#[cfg(test)]
thread_local! {
    /// How many times this thread shared work with others.
    pub(super) static SHARED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_no_more_than_it_may() {
        let kept = |length| {
            with_scratch(length, |scratch| assert!(scratch.len() == length && scratch.iter().all(|value| value.is_nan())));
            SCRATCH.with_borrow(Vec::capacity)
        };
        assert!((1000..=KEPT).contains(&kept(1000)));
        assert!(kept(KEPT) <= KEPT, "what is large goes back");
    }
}
