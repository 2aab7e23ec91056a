//! What is done with candidates on threads of their own, in the order it was asked for: the screen answers keys meanwhile.

use crate::app::{Compared, Done, Errand, Job, Listing, Progress, Reading, RunRow, Task};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What a task tells.
#[derive(Debug)]
pub(super) enum News {
    /// How far it is.
    Progress(Task, String),
    /// What came of it, or one line on what went wrong.
    Ended(Task, Result<Done, String>),
    /// What the answers of a run's candidates tell, or one line on what went wrong.
    Read(PathBuf, Result<Box<Compared>, String>),
    /// The runs there are; `None` where they could not be listed.
    Listed(Option<Vec<RunRow>>),
}

/// The threads and both ends of what they do.
#[derive(Debug)]
pub(super) struct Errands {
    /// The thread of what is soon done, and that of training, which would hold the others up.
    jobs: Vec<Sender<(Task, Job)>>,
    pub(super) news: UnboundedReceiver<News>,
    sender: UnboundedSender<News>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Errands {
    pub(super) fn new() -> std::io::Result<Self> {
        let (sender, news) = unbounded_channel();
        let stop = Arc::new(AtomicBool::new(false));
        let (mut jobs, mut threads) = (Vec::new(), Vec::new());
        for name in ["errands", "training"] {
            let (ask, asked) = channel::<(Task, Job)>();
            let (sender, stop) = (sender.clone(), stop.clone());
            let work = move || {
                for (task, job) in asked {
                    // Without a receiver the screen has gone; what was asked for is done all the same.
                    let tell = |line: String| drop(sender.send(News::Progress(task.clone(), line)));
                    let result = job(&Progress { tell: &tell, stop: stop.clone() });
                    let _ = sender.send(News::Ended(task, result));
                }
            };
            threads.push(std::thread::Builder::new().name(name.into()).spawn(work)?);
            jobs.push(ask);
        }
        Ok(Self { jobs, news, sender, stop, threads })
    }

    pub(super) fn ask(&self, task: Task, job: Job) {
        let thread = usize::from(matches!(task.errand, Errand::Retrain(_)));
        if let Some(jobs) = self.jobs.get(thread) {
            // The thread lives as long as this end.
            let _ = jobs.send((task, job));
        }
    }

    /// Reads the answers of a run's candidates on a thread of its own: nothing holds it up, and leaving does not wait for it.
    pub(super) fn read(&self, run: PathBuf, reading: Reading) {
        let (sender, path) = (self.sender.clone(), run.clone());
        let work = move || drop(sender.send(News::Read(path, reading().map(Box::new))));
        if let Err(error) = std::thread::Builder::new().name("answers".into()).spawn(work) {
            let _ = self.sender.send(News::Read(run, Err(format!("no thread to read answers on: {error}"))));
        }
    }

    /// Lists the runs on a thread of its own.
    pub(super) fn list(&self, listing: Listing) {
        let sender = self.sender.clone();
        let work = move || drop(sender.send(News::Listed(Some(listing()))));
        if std::thread::Builder::new().name("runs".into()).spawn(work).is_err() {
            // The next time, perhaps.
            let _ = self.sender.send(News::Listed(None));
        }
    }

    /// Stops what can go on later, and waits for the rest.
    pub(super) fn finish(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.jobs.clear();
        for thread in self.threads.drain(..) {
            // A panic in there has been told by its hook.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{Training, Written};
    use crate::run::{CandidateId, Start};

    fn at(folder: &str) -> Written {
        Written { folder: folder.into(), ..Written::default() }
    }

    fn task(id: u32, errand: Errand) -> Task {
        Task { run: "run".into(), candidate: CandidateId(id), errand, training: Training::default() }
    }

    #[test]
    fn all_that_was_asked_for_is_done_in_order_and_leaving_waits_for_it() {
        let mut errands = Errands::new().unwrap();
        let (go, wait) = channel();
        let first = move |_: &Progress<'_>| wait.recv().map(|()| Done::Written(at("one"))).map_err(|error| error.to_string());
        errands.ask(task(1, Errand::Export), Box::new(first));
        errands.ask(task(2, Errand::Evaluate), Box::new(|_| Err("no room".into())));
        assert!(errands.news.try_recv().is_err(), "asking does not wait");
        go.send(()).unwrap();
        errands.finish();
        let news: Vec<News> = std::iter::from_fn(|| errands.news.try_recv().ok()).collect();
        let [News::Ended(ours, first), News::Ended(theirs, second)] = &news[..] else { panic!("{news:?}") };
        assert_eq!((ours.candidate.0, theirs.candidate.0), (1, 2));
        assert_eq!((first, second), (&Ok(Done::Written(at("one"))), &Err("no room".into())));
    }

    #[test]
    fn answers_are_read_while_an_errand_is_at_work() {
        let mut errands = Errands::new().unwrap();
        let (go, wait) = channel();
        let export = move |_: &Progress<'_>| wait.recv().map(|()| Done::Written(at("one"))).map_err(|error| error.to_string());
        errands.ask(task(1, Errand::Export), Box::new(export));
        errands.read("run".into(), Box::new(|| Err("no such file".into())));
        let told = errands.news.blocking_recv();
        assert!(matches!(&told, Some(News::Read(run, Err(fault))) if run.as_os_str() == "run" && fault == "no such file"), "{told:?}");
        go.send(()).unwrap();
        errands.finish();
    }

    #[test]
    fn training_holds_nothing_up_tells_how_far_it_is_and_is_stopped_by_leaving() {
        let mut errands = Errands::new().unwrap();
        let (began, has_begun) = channel();
        let train = move |progress: &Progress<'_>| {
            (progress.tell)("epoch 1".into());
            began.send(()).unwrap();
            while !progress.stop.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            Err("stopped".into())
        };
        errands.ask(task(1, Errand::Retrain(Start::Scratch)), Box::new(train));
        has_begun.recv().unwrap();
        let (written, done) = channel();
        let export = move |_: &Progress<'_>| written.send(()).map(|()| Done::Written(at("two"))).map_err(|error| error.to_string());
        errands.ask(task(2, Errand::Export), Box::new(export));
        done.recv().unwrap();
        errands.finish();
        let news: Vec<News> = std::iter::from_fn(|| errands.news.try_recv().ok()).collect();
        assert!(matches!(&news[0], News::Progress(task, line) if task.candidate.0 == 1 && line == "epoch 1"), "{news:?}");
        assert!(news.iter().any(|news| matches!(news, News::Ended(task, Err(_)) if task.candidate.0 == 1)), "{news:?}");
    }
}
