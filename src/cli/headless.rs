//! A search without a screen: follows the link to its end, for people or for programs.

use super::attach::goes_on;
use super::failure::{Exit, Failure};
use super::output;
use super::progress::Progress;
use crate::export::{Comparison, Report, summary};
use crate::link::{Link, Update};
use crate::run::{AlertKind, Command, Event, Outcome, Record, RunFolder, Source, read_answers, read_log};
use std::io::Write;
use std::sync::Arc;
use tokio::sync::Notify;

/// What is told of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// Progress on standard error, a summary on standard output.
    People,
    /// Records as JSON lines on standard output.
    Json,
    /// Every change of state as a line on standard output.
    Plain,
}

impl Telling {
    /// For programs, or for people.
    #[must_use]
    pub fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::People }
    }
}

/// Follows a search to its end; `before` are the records of its log from before it was interrupted. Nothing of the log is left out, however slowly the output is read.
///
/// # Errors
/// [`Failure::Closed`] where nobody reads the output any more; the search is stopped then, and keeps what it has.
pub fn follow(
    link: Link,
    (folder, before): (&RunFolder, Vec<Record>),
    telling: Telling,
    stop: &Notify,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| Failure::Unexpected(error.into()))?;
    let mut progress = Progress::default();
    for record in &before {
        // Told when it happened.
        let _ = progress.line(&record.event, &link.snapshot());
    }
    let mut follower = Follower { folder, telling, out, progress, records: before, closed: None };
    runtime.block_on(follower.run(link, stop));
    follower.end()
}

struct Follower<'a> {
    folder: &'a RunFolder,
    telling: Telling,
    out: &'a mut dyn Write,
    progress: Progress,
    records: Vec<Record>,
    /// Why the output takes no more.
    closed: Option<Failure>,
}

impl Follower<'_> {
    async fn run(&mut self, mut link: Link, stop: &Notify) {
        loop {
            let update = tokio::select! {
                update = link.next() => update,
                () = stop.notified() => {
                    output::tell("stopping: what is there is kept; once more to leave at once");
                    link.send(Command::Stop);
                    continue;
                }
            };
            match update {
                Update::Record(record) => self.take(Arc::unwrap_or_clone(record), &link),
                Update::Missed(_) => self.catch_up(&link),
                Update::Snapshot(_) => {}
                Update::Closed => {
                    self.catch_up(&link);
                    break;
                }
            }
        }
    }

    /// Reads from the log what the ring no longer has. A log that cannot be read has been alerted of by the engine.
    fn catch_up(&mut self, link: &Link) {
        for record in read_log(&self.folder.log()).map(|(records, _)| records).unwrap_or_default() {
            self.take(record, link);
        }
    }

    /// Takes a record that was not taken before.
    fn take(&mut self, record: Record, link: &Link) {
        if self.records.last().is_some_and(|last| record.sequence <= last.sequence) {
            return;
        }
        if let Event::Alert(alert) = &record.event
            && alert.kind == AlertKind::NonFiniteLoss
        {
            // The engine waits for somebody to look at it and resume; without a screen there is nobody.
            link.send(Command::Stop);
        }
        let told = match self.telling {
            Telling::People => {
                if let Some(line) = self.progress.line(&record.event, &link.snapshot()) {
                    output::tell(&line);
                }
                Ok(())
            }
            Telling::Json | Telling::Plain if self.closed.is_some() => Ok(()),
            Telling::Json => self.tell_json(&record),
            Telling::Plain => match self.progress.plain(&record.event, &link.snapshot()) {
                Some(told) => self.say(&told),
                None => Ok(()),
            },
        };
        if let Err(failure) = told {
            self.closed = Some(failure);
            link.send(Command::Stop);
        }
        self.records.push(record);
    }

    fn tell_json(&mut self, record: &Record) -> Result<(), Failure> {
        let line = serde_json::to_string(record).map_err(|error| Failure::Unexpected(error.into()))?;
        self.say(&line)
    }

    fn say(&mut self, line: &str) -> Result<(), Failure> {
        self.out.write_all(format!("{line}\n").as_bytes()).and_then(|()| self.out.flush()).map_err(|error| output::failure(&error))
    }

    /// Posterior minus random as `pgnas compare` tells it, where the answers are there to tell it from.
    fn difference(&self) -> Option<crate::export::Limits> {
        let Event::Started(started) = &self.records.first()?.event else { return None };
        let candidates = read_answers(&self.folder.candidates(), usize::MAX, started.batch_norm).ok()?;
        Comparison::difference(started, &candidates, Source::Random)
    }

    fn end(self) -> Result<Exit, Failure> {
        if let Some(failure) = self.closed {
            return Err(failure);
        }
        if let (Telling::People, Ok(report)) = (self.telling, Report::of(&self.records, &[], Vec::new())) {
            let text = format!("{}  run folder: {}\n", summary(&report, self.difference()), self.folder.path().display());
            self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).map_err(|error| output::failure(&error))?;
        }
        let stopped = matches!(self.records.last().map(|record| &record.event), Some(Event::Finished { outcome: Outcome::Stopped, .. }));
        if stopped && self.telling != Telling::Json {
            output::tell(&goes_on(self.folder));
        }
        match self.records.last().map(|record| &record.event) {
            Some(Event::Finished { outcome: Outcome::Completed, .. }) => Ok(Exit::Done),
            Some(Event::Finished { outcome: Outcome::Stopped, .. }) => Ok(Exit::Stopped),
            Some(Event::Finished { outcome: Outcome::Failed { reason }, .. }) => Err(Failure::Failed(reason.clone())),
            _ => {
                let log = self.folder.log();
                Err(Failure::Failed(format!("the engine ended without a last word; {} has what it did", log.display())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Publisher, channel};
    use crate::run::{Alert, CandidateId, Phase, Recorder, Resources, fixture};
    use std::io::{Error, ErrorKind};

    /// Follows an engine on its own thread to the end.
    fn followed(
        telling: Telling,
        out: &mut dyn Write,
        stop: &Notify,
        engine: impl FnOnce(&Publisher, &mut Recorder) + Send + 'static,
    ) -> Result<Exit, Failure> {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&root.path().join("digits-1")).unwrap();
        let mut recorder = folder.recorder().unwrap();
        let (publisher, link) = channel();
        let engine = std::thread::spawn(move || engine(&publisher, &mut recorder));
        let result = follow(link, (&folder, Vec::new()), telling, stop, out);
        engine.join().unwrap();
        result
    }

    fn ended(outcome: Outcome) -> Event {
        let resources =
            Resources { wall_seconds: 1.0, training_seconds: 0.5, ranking_seconds: 0.5, waiting_seconds: 0.0, peak_rss_bytes: 1 };
        Event::Finished { outcome, winner: None::<CandidateId>, test_reads: 0, resources }
    }

    fn head() -> Event {
        Event::Started(Box::new(fixture::started()))
    }

    fn say(publisher: &Publisher, recorder: &mut Recorder, event: Event) {
        publisher.record(recorder.record(event));
    }

    #[test]
    fn people_get_a_summary_at_the_end() {
        let mut out = Vec::new();
        let result = followed(Telling::People, &mut out, &Notify::new(), |publisher, recorder| {
            for event in fixture::events() {
                say(publisher, recorder, event);
            }
        });
        assert!(matches!(result, Ok(Exit::Done)));
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("digits-1: completed after 13 s") && text.contains("run folder: "), "{text}");
    }

    #[test]
    fn programs_get_every_record_though_the_ring_has_lost_some() {
        let mut out = Vec::new();
        let (said, listen) = std::sync::mpsc::channel();
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&root.path().join("digits-1")).unwrap();
        let mut recorder = folder.recorder().unwrap();
        let (publisher, link) = channel();
        let engine = std::thread::spawn(move || {
            say(&publisher, &mut recorder, head());
            (0..6000).for_each(|_| say(&publisher, &mut recorder, Event::Phase { phase: Phase::Training }));
            say(&publisher, &mut recorder, ended(Outcome::Completed));
            said.send(()).unwrap();
        });
        listen.recv().unwrap();
        assert!(matches!(follow(link, (&folder, Vec::new()), Telling::Json, &Notify::new(), &mut out), Ok(Exit::Done)));
        engine.join().unwrap();
        let sequences = out.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let sequences: Vec<u64> = sequences.map(|line| serde_json::from_slice::<Record>(line).unwrap().sequence).collect();
        assert_eq!(sequences, (0..6002).collect::<Vec<u64>>());
    }

    #[test]
    fn a_search_that_waits_for_somebody_is_stopped_and_has_failed() {
        let result = followed(Telling::People, &mut Vec::new(), &Notify::new(), |publisher, recorder| {
            say(publisher, recorder, head());
            say(publisher, recorder, Event::Alert(Alert { kind: AlertKind::NonFiniteLoss, message: "the loss is gone".into() }));
            assert_eq!(publisher.wait_for_command(), Some(Command::Stop));
            say(publisher, recorder, ended(Outcome::Failed { reason: "the loss is gone".into() }));
        });
        assert!(matches!(result, Err(Failure::Failed(reason)) if reason == "the loss is gone"));
    }

    #[test]
    fn an_interrupt_stops_the_search_and_keeps_it() {
        let stop = Notify::new();
        // As if the key had been pressed before: the permit waits for whoever asks first.
        stop.notify_one();
        let result = followed(Telling::People, &mut Vec::new(), &stop, |publisher, recorder| {
            say(publisher, recorder, head());
            assert_eq!(publisher.wait_for_command(), Some(Command::Stop));
            say(publisher, recorder, ended(Outcome::Stopped));
        });
        assert!(matches!(result, Ok(Exit::Stopped)));
    }

    #[test]
    fn a_reader_that_leaves_stops_the_search_quietly() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(Error::from(ErrorKind::BrokenPipe))
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let result = followed(Telling::Json, &mut Closed, &Notify::new(), |publisher, recorder| {
            say(publisher, recorder, head());
            assert_eq!(publisher.wait_for_command(), Some(Command::Stop));
            say(publisher, recorder, ended(Outcome::Stopped));
        });
        assert!(matches!(result, Err(Failure::Closed)));
    }

    #[test]
    fn an_engine_that_vanishes_is_a_failure() {
        let result = followed(Telling::Json, &mut Vec::new(), &Notify::new(), |publisher, recorder| say(publisher, recorder, head()));
        assert!(matches!(result, Err(Failure::Failed(reason)) if reason.contains("without a last word")));
    }
}
