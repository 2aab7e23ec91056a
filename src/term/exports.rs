//! Exports on a thread of their own, one after the other: the screen answers keys meanwhile.

use crate::app::Job;
use crate::run::CandidateId;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// An export that has ended.
#[derive(Debug)]
pub(super) struct Exported {
    pub(super) id: CandidateId,
    /// Where it lies, or one line on what went wrong.
    pub(super) result: Result<PathBuf, String>,
}

/// The thread and both ends of what it does.
#[derive(Debug)]
pub(super) struct Exports {
    jobs: Option<Sender<(CandidateId, Job)>>,
    pub(super) done: UnboundedReceiver<Exported>,
    thread: Option<JoinHandle<()>>,
}

impl Exports {
    pub(super) fn new() -> std::io::Result<Self> {
        let (jobs, asked) = channel::<(CandidateId, Job)>();
        let (sender, done) = unbounded_channel();
        let work = move || {
            for (id, job) in asked {
                // Without a receiver the screen has gone; what was asked for is written all the same.
                let _ = sender.send(Exported { id, result: job() });
            }
        };
        let thread = std::thread::Builder::new().name("exports".into()).spawn(work)?;
        Ok(Self { jobs: Some(jobs), done, thread: Some(thread) })
    }

    pub(super) fn ask(&self, id: CandidateId, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The thread lives as long as this end.
            let _ = jobs.send((id, job));
        }
    }

    /// Waits until all that was asked for is written.
    pub(super) fn finish(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic in there has been told by its hook.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_was_asked_for_is_done_in_order_and_leaving_waits_for_it() {
        let mut exports = Exports::new().unwrap();
        let (go, wait) = channel();
        exports.ask(CandidateId(1), Box::new(move || wait.recv().map(|()| PathBuf::from("one")).map_err(|error| error.to_string())));
        exports.ask(CandidateId(2), Box::new(|| Err("no room".into())));
        assert!(exports.done.try_recv().is_err(), "asking does not wait");
        go.send(()).unwrap();
        exports.finish();
        let done: Vec<Exported> = std::iter::from_fn(|| exports.done.try_recv().ok()).collect();
        assert_eq!(done.iter().map(|done| done.id.0).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((&done[0].result, &done[1].result), (&Ok("one".into()), &Err("no room".into())));
    }
}
