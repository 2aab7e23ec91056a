//! An iterator run ahead on its own thread, through a bounded channel.

use super::DataError;
use std::{
    panic::resume_unwind,
    sync::mpsc::{Receiver, sync_channel},
    thread::{Builder, JoinHandle},
};

/// Gives the items of another iterator, in their order, made ahead of time on a thread of their own.
///
/// Dropping it ends the thread at the item it is making, and waits for that. Should the other iterator panic, so does `next`,
/// where the plain iterator would have: an item is never lost in silence.
#[derive(Debug)]
pub struct Prefetch<T> {
    // Both are `None` once the items are used up.
    items: Option<Receiver<T>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Prefetch<T> {
    /// Starts to run ahead by up to `depth` items that wait in the channel, and one in the making.
    ///
    /// # Errors
    /// [`DataError::Thread`] if the system gives no thread.
    pub fn new<I>(items: I, depth: usize) -> Result<Self, DataError>
    where
        I: IntoIterator<Item = T, IntoIter: Send + 'static>,
    {
        let items = items.into_iter();
        let (sender, receiver) = sync_channel(depth);
        let run_ahead = move || {
            for item in items {
                // The receiver is gone: nobody wants the rest.
                if sender.send(item).is_err() {
                    break;
                }
            }
        };
        let thread = Builder::new().name("prefetch".into()).spawn(run_ahead).map_err(DataError::Thread)?;
        Ok(Self { items: Some(receiver), thread: Some(thread) })
    }
}

impl<T> Prefetch<T> {
    /// Ends the thread; the receiver goes first, since a thread that waits to send could not be joined.
    fn stop(&mut self) -> std::thread::Result<()> {
        self.items = None;
        self.thread.take().map_or(Ok(()), JoinHandle::join)
    }
}

impl<T> Iterator for Prefetch<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let item = self.items.as_ref()?.recv().ok();
        if item.is_none()
            && let Err(panic) = self.stop()
        {
            resume_unwind(panic);
        }
        item
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        // Dropping must not panic, and who drops has no use for the item that failed.
        drop(self.stop());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, atomic::AtomicUsize, atomic::Ordering};

    #[test]
    fn items_keep_their_order_and_end_once() {
        let mut items = Prefetch::new(0..100, 3).unwrap();
        assert!(items.by_ref().eq(0..100));
        assert_eq!((items.next(), items.next()), (None, None));
    }

    #[test]
    fn dropping_a_half_used_one_ends_its_thread() {
        // The thread owns a clone of `alive` until it ends; the items never do.
        for (depth, used) in [(0, 0), (0, 3), (2, 0), (2, 5)] {
            let alive = Arc::new(());
            let held = Arc::clone(&alive);
            let mut items = Prefetch::new((0usize..).map(move |item| item * Arc::strong_count(&held).min(1)), depth).unwrap();
            assert!(items.by_ref().take(used).eq(0..used));
            drop(items);
            assert_eq!(Arc::strong_count(&alive), 1, "depth {depth}, used {used}");
        }
    }

    #[test]
    fn it_runs_ahead_no_further_than_its_depth() {
        let made = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&made);
        let counting = std::iter::repeat_with(move || counted.fetch_add(1, Ordering::SeqCst));
        let mut items = Prefetch::new(counting, 4).unwrap();
        for used in 1..=50 {
            items.next();
            let ahead = made.load(Ordering::SeqCst) - used;
            assert!(ahead <= 5, "{ahead} ahead: 4 wait, 1 is in the making");
        }
    }

    #[test]
    fn a_panic_comes_out_of_next_but_never_out_of_drop() {
        let failing = || (0..5).inspect(|&item| assert!(item < 3, "made to fail"));
        let mut items = Prefetch::new(failing(), 1).unwrap();
        assert!(items.by_ref().take(3).eq(0..3));
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| items.next()));
        assert!(caught.is_err(), "the failure was taken for the end");
        assert_eq!(items.next(), None);
        drop(Prefetch::new(failing(), 1).unwrap());
    }
}
