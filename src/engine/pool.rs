//! Independent work on several devices: each takes the next piece when it is free, and one that breaks leaves its work to the others.

use super::guard::guarded;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Devices with what each needs to work, of which the first leads.
#[derive(Debug)]
pub struct Pool<M> {
    lead: Member<M>,
    others: Vec<Member<M>>,
}

#[derive(Debug)]
struct Member<M> {
    name: String,
    at_once: usize,
    tools: M,
    lost: AtomicBool,
}

/// A device that broke at its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Its name.
    pub device: String,
    /// What it said.
    pub fault: String,
}

/// What is to be done, and what is being done.
#[derive(Debug)]
struct Queue {
    waiting: VecDeque<usize>,
    /// Pieces that a device has taken and may yet give back.
    out: usize,
    failed: bool,
}

impl<M: Sync> Pool<M> {
    /// A pool of one device, that takes so many pieces at once.
    pub fn new(name: String, at_once: usize, tools: M) -> Self {
        Self { lead: Member::new(name, at_once, tools), others: Vec::new() }
    }

    /// One more device.
    pub fn add(&mut self, name: String, at_once: usize, tools: M) {
        self.others.push(Member::new(name, at_once, tools));
    }

    /// What the leading device works with, whether it still does or not.
    pub fn lead(&self) -> &M {
        &self.lead.tools
    }

    /// Pieces that the devices which are left work on at once.
    pub fn at_once(&self) -> usize {
        self.members().filter(|member| !member.is_lost()).map(|member| member.at_once).sum::<usize>().max(1)
    }

    fn members(&self) -> impl Iterator<Item = &Member<M>> {
        std::iter::once(&self.lead).chain(&self.others)
    }

    /// Does the same with each piece of some work, and hands out the results in the order of the pieces, with the devices that broke. Which
    /// device does which piece is a matter of chance, and what `does` makes of a piece must not depend on the pieces beside it.
    ///
    /// # Errors
    /// The first error of `does`; what is not begun then is left undone.
    ///
    /// # Panics
    /// Where the last device breaks, with its message, as work on it alone would.
    pub fn each<T: Sync, R: Send, E: Send>(
        &self,
        work: &[T],
        does: impl Fn(&M, &[&T]) -> Result<Vec<R>, E> + Sync,
    ) -> Result<(Vec<R>, Vec<Lost>), E> {
        if self.others.is_empty() {
            return Ok((does(&self.lead.tools, &work.iter().collect::<Vec<_>>())?, Vec::new()));
        }
        if work.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let queue = Mutex::new(Queue { waiting: (0..work.len()).collect(), out: 0, failed: false });
        let (news, results) = (Condvar::new(), Mutex::new(Vec::with_capacity(work.len())));
        let (failure, lost) = (Mutex::new(None), Mutex::new(Vec::new()));
        let devices = self.members().filter(|member| !member.is_lost()).count().max(1);
        std::thread::scope(|scope| {
            for member in self.members().filter(|member| !member.is_lost()) {
                let (queue, news, results, failure, lost, does) = (&queue, &news, &results, &failure, &lost, &does);
                scope.spawn(move || {
                    while let Some(part) = next(queue, news, member.at_once, devices) {
                        let pieces: Vec<&T> = part.iter().map(|&piece| &work[piece]).collect();
                        let done = guarded(|| does(&member.tools, &pieces));
                        let mut queue = held(queue);
                        queue.out -= part.len();
                        match done {
                            Ok(Ok(done)) => held(results).extend(part.into_iter().zip(done)),
                            Ok(Err(error)) => {
                                queue.failed = true;
                                held(failure).get_or_insert(error);
                            }
                            Err(fault) => {
                                part.into_iter().rev().for_each(|piece| queue.waiting.push_front(piece));
                                member.lost.store(true, Ordering::Relaxed);
                                held(lost).push(Lost { device: member.name.clone(), fault });
                            }
                        }
                        drop(queue);
                        news.notify_all();
                        if member.is_lost() {
                            return;
                        }
                    }
                });
            }
        });
        if let Some(error) = taken(failure) {
            return Err(error);
        }
        let (mut results, lost) = (taken(results), taken(lost));
        if results.len() < work.len() {
            let fault = lost.last().map_or("no device is left", |lost: &Lost| lost.fault.as_str());
            std::panic::panic_any(fault.to_owned());
        }
        results.sort_by_key(|&(piece, _)| piece);
        Ok((results.into_iter().map(|(_, result)| result).collect(), lost))
    }
}

impl<M> Member<M> {
    fn new(name: String, at_once: usize, tools: M) -> Self {
        Self { name, at_once: at_once.max(1), tools, lost: AtomicBool::new(false) }
    }

    fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}

/// The next pieces of a queue, half a fair share of them at most, so that no device is left with a long last part; `None` once all are done,
/// or one failed. Waits while others may still give theirs back.
fn next(queue: &Mutex<Queue>, news: &Condvar, at_once: usize, devices: usize) -> Option<Vec<usize>> {
    let mut queue = held(queue);
    loop {
        if queue.failed || (queue.waiting.is_empty() && queue.out == 0) {
            return None;
        }
        if !queue.waiting.is_empty() {
            let count = at_once.min(queue.waiting.len().div_ceil(2 * devices));
            queue.out += count;
            return Some(queue.waiting.drain(..count).collect());
        }
        queue = news.wait(queue).unwrap_or_else(PoisonError::into_inner);
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn taken<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::sync::{Arc, Barrier};

    /// A device of a test: pieces that it does before it breaks.
    struct Device {
        name: &'static str,
        left: AtomicUsize,
    }

    fn pool(devices: &[(&'static str, usize, usize)]) -> Pool<Device> {
        let device = |&(name, left, _): &(&'static str, usize, usize)| Device { name, left: left.into() };
        let mut pool = Pool::new(devices[0].0.into(), devices[0].2, device(&devices[0]));
        devices[1..].iter().for_each(|one| pool.add(one.0.into(), one.2, device(one)));
        pool
    }

    fn square(device: &Device, pieces: &[&u64]) -> Result<Vec<u64>, String> {
        let one = |piece: &&u64| {
            assert!(device.left.fetch_sub(1, Ordering::Relaxed) > 0, "{} is gone", device.name);
            if **piece == 999 { Err("no square".to_owned()) } else { Ok(*piece * *piece) }
        };
        pieces.iter().map(one).collect()
    }

    #[test]
    fn results_come_in_order_whoever_works() {
        let work: Vec<u64> = (0..100).collect();
        let expected: Vec<u64> = work.iter().map(|piece| piece * piece).collect();
        for devices in [&[("a", 1_000, 7)][..], &[("a", 1_000, 1), ("b", 1_000, 3), ("c", 1_000, 200)]] {
            let pool = pool(devices);
            assert_eq!(pool.at_once(), devices.iter().map(|device| device.2).sum::<usize>());
            assert_eq!(pool.each(&work, square), Ok((expected.clone(), Vec::new())));
            assert_eq!(pool.each(&[], square), Ok((Vec::new(), Vec::new())));
            assert_eq!(pool.each(&[1, 999, 3], square), Err("no square".into()));
        }
    }

    #[test]
    fn a_device_with_room_for_all_leaves_some_to_the_others() {
        let queue = Mutex::new(Queue { waiting: (0..16).collect(), out: 0, failed: false });
        let news = Condvar::new();
        let parts: Vec<usize> = (0..4).map(|_| next(&queue, &news, 1_000, 2).unwrap().len()).collect();
        assert_eq!(parts, [4, 3, 3, 2]);
        assert_eq!(next(&queue, &news, 1, 2).unwrap(), [12]);
    }

    #[test]
    fn every_device_works() {
        let meet = Arc::new(Barrier::new(3));
        let pool = pool(&[("a", 9, 1), ("b", 9, 1), ("c", 9, 1)]);
        // Three pieces that wait for each other are done only where three devices are at work.
        let together = |device: &Device, _: &[&u64]| {
            meet.wait();
            Ok::<_, ()>(vec![device.name])
        };
        let (mut names, lost) = pool.each(&[0, 1, 2], together).unwrap();
        names.sort_unstable();
        assert_eq!((names, lost), (vec!["a", "b", "c"], Vec::new()));
    }

    #[test]
    fn a_device_that_breaks_leaves_its_work_to_the_others_and_is_asked_no_more() {
        let pool = pool(&[("a", 3, 2), ("b", 1_000, 2)]);
        let work: Vec<u64> = (0..40).collect();
        let expected: Vec<u64> = work.iter().map(|piece| piece * piece).collect();
        let mut lost = Vec::new();
        // The first is asked in the first round or in one of the next.
        for _ in 0..200 {
            let (squares, broken) = pool
                .each(&work, |device, pieces| {
                    std::thread::yield_now();
                    square(device, pieces)
                })
                .unwrap();
            pool.others[0].tools.left.store(1_000, Ordering::Relaxed);
            assert_eq!(squares, expected);
            lost.extend(broken);
        }
        assert_eq!(lost, [Lost { device: "a".into(), fault: "a is gone".into() }]);
        assert_eq!(pool.at_once(), 2);
    }

    #[test]
    fn where_the_last_device_breaks_so_does_the_work() {
        let pool = pool(&[("a", 0, 1), ("b", 0, 1)]);
        let fault = guarded(|| pool.each(&[1, 2, 3], square)).unwrap_err();
        assert!(fault.starts_with("a is gone") || fault.starts_with("b is gone"), "{fault}");
        assert!(guarded(|| pool.each(&[1], square)).unwrap_err().starts_with("no device is left"));
    }
}
