//! Work cut into pieces that depend on shapes alone, so that results do not depend on the number of threads.

use std::cell::RefCell;

use rayon::prelude::*;

/// Multiply-adds (or as costly steps) below which waking other threads costs more than it saves.
const WORTH_SHARING: usize = 1 << 20;

/// Multiply-adds that one piece should hold, a few times the cost of handing it over.
const PIECE: usize = 1 << 18;

/// Elements of a cache line.
const LINE: usize = 16;

/// Number of items in a piece when there are `items`, each of `cost` multiply-adds.
pub(super) fn piece(items: usize, cost: usize) -> usize {
    if items.saturating_mul(cost) < WORTH_SHARING { items.max(1) } else { PIECE.div_ceil(cost.max(1)).clamp(1, items.max(1)) }
}

/// Calls `work(index, piece)` for each piece of `length` elements of `data`, on rayon's threads if there are several.
pub(super) fn for_each_piece<T: Send>(data: &mut [T], length: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    if data.len() <= length {
        if !data.is_empty() {
            work(0, data);
        }
    } else {
        data.par_chunks_mut(length).enumerate().for_each(|(index, piece)| work(index, piece));
    }
}

/// Lends this thread's buffer of `length` elements, aligned to a cache line, with whatever it held last. `work` must not call into rayon: a thread that
/// waits there may pick up another piece, which would find the buffer lent.
pub(super) fn with_scratch<R>(length: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    thread_local! {
        static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    }
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.len() < length + LINE {
            scratch.resize(length + LINE, 0.0);
        }
        let skip = scratch.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        work(&mut scratch[skip..skip + length])
    })
}
