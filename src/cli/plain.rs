//! `--plain` where this process searches nothing: the lines of a search that another one is at work on, or of a log that is played.

use super::failure::{Exit, Failure};
use super::output;
use super::progress::Progress;
use crate::link::{Link, Update};
use crate::run::{Event, IndexedLog, Record, RunFolder, Snapshot, read_log};
use std::io::Write;
use std::time::Duration;

/// Events of a log that are read at once.
const PIECE: u64 = 256;

/// Tells records as lines, each once, in the words of `pgnas search --plain`.
struct Teller<'a> {
    progress: Progress,
    /// The first record that was not told.
    next: u64,
    ended: bool,
    out: &'a mut dyn Write,
}

impl<'a> Teller<'a> {
    fn new(out: &'a mut dyn Write) -> Self {
        Self { progress: Progress::default(), next: 0, ended: false, out }
    }

    fn take(&mut self, record: &Record, snapshot: &Snapshot) -> Result<(), Failure> {
        if record.sequence < self.next {
            return Ok(());
        }
        self.next = record.sequence + 1;
        self.ended = matches!(record.event, Event::Finished { .. } | Event::Final(_));
        let Some(line) = self.progress.plain(&record.event, snapshot) else { return Ok(()) };
        self.out.write_all(format!("{line}\n").as_bytes()).and_then(|()| self.out.flush()).map_err(|error| output::failure(&error))
    }

    /// Takes what the log has and nobody has told.
    fn catch_up(&mut self, folder: &RunFolder) -> Result<(), Failure> {
        // How long the search takes from there was known then.
        read_log(&folder.log())?.0.iter().try_for_each(|record| self.take(record, &Snapshot::default()))
    }
}

/// Tells a search that is at work elsewhere, from its beginning until it has ended. Leaving is nothing to the search.
///
/// # Errors
/// A log that cannot be read, a link that broke, an output that cannot be written.
pub fn follow(mut link: Link, folder: &RunFolder, out: &mut dyn Write) -> Result<Exit, Failure> {
    let mut teller = Teller::new(out);
    let told = follow_with(&mut teller, &mut link, folder);
    match told {
        Ok(()) if teller.ended => Ok(Exit::Done),
        Ok(()) => {
            let run = folder.name();
            Err(Failure::Failed(format!("run `{run}`: its process no longer answers; `pgnas ls` says how it stands")))
        }
        // The reader has seen enough.
        Err(Failure::Closed) => Ok(Exit::Done),
        Err(failure) => Err(failure),
    }
}

fn follow_with(teller: &mut Teller<'_>, link: &mut Link, folder: &RunFolder) -> Result<(), Failure> {
    teller.catch_up(folder)?;
    loop {
        match link.next_blocking() {
            Update::Record(record) => teller.take(&record, &link.snapshot())?,
            Update::Missed(_) => teller.catch_up(folder)?,
            Update::Snapshot(_) => {}
            Update::Closed => return teller.catch_up(folder),
        }
    }
}

/// Tells a log from its beginning to its end, at once or so many times as fast as the run went; `wait` lets time pass.
///
/// # Errors
/// A log that cannot be read, an output that cannot be written.
pub fn replay(log: &IndexedLog, speed: Option<f64>, wait: &dyn Fn(Duration), out: &mut dyn Write) -> Result<Exit, Failure> {
    let mut teller = Teller::new(out);
    let mut clock = 0.0;
    let mut at = 0;
    while at < log.len() {
        let piece = log.read(at..(at + PIECE).min(log.len()))?;
        at += PIECE;
        for record in &piece {
            if let Some(speed) = speed {
                wait(Duration::try_from_secs_f64((record.seconds - clock) / speed).unwrap_or_default());
                clock = record.seconds;
            }
            match teller.take(record, &Snapshot::default()) {
                Err(Failure::Closed) => return Ok(Exit::Done),
                told => told?,
            }
        }
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::channel;
    use crate::run::fixture;
    use std::cell::RefCell;

    /// An output that nobody reads any more.
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged() -> (tempfile::TempDir, RunFolder, Vec<std::sync::Arc<Record>>) {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&root.path().join("digits-1")).unwrap();
        let mut recorder = folder.recorder().unwrap();
        let records = fixture::events().into_iter().map(|event| recorder.record(event)).collect();
        (root, folder, records)
    }

    fn lines() -> String {
        let mut progress = Progress::default();
        let told = fixture::events().iter().filter_map(|event| progress.plain(event, &Snapshot::default())).collect::<Vec<_>>();
        told.join("\n") + "\n"
    }

    #[test]
    fn a_search_elsewhere_is_told_from_its_beginning_and_each_event_once() {
        let (_root, folder, records) = logged();
        let (publisher, link) = channel();
        // The last events are in the log and on the link.
        records[records.len() - 4..].iter().for_each(|record| publisher.record(record.clone()));
        drop(publisher);
        let mut out = Vec::new();
        assert_eq!(follow(link, &folder, &mut out).unwrap(), Exit::Done);
        assert_eq!(String::from_utf8(out).unwrap(), lines());
    }

    #[test]
    fn a_link_that_breaks_is_a_failure_and_a_reader_that_leaves_is_none() {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&root.path().join("digits-1")).unwrap();
        folder.recorder().unwrap().record(fixture::events().remove(0));
        let broken = || {
            let (publisher, link) = channel();
            drop(publisher);
            link
        };
        let told = follow(broken(), &folder, &mut Vec::new());
        assert!(matches!(told, Err(Failure::Failed(reason)) if reason.contains("no longer answers")));
        assert_eq!(follow(broken(), &folder, &mut Closed).unwrap(), Exit::Done);
    }

    #[test]
    fn a_log_is_told_at_once_or_at_the_pace_that_is_asked_for() {
        let (_root, folder, records) = logged();
        let log = IndexedLog::open(&folder.log()).unwrap();
        let waited = RefCell::new(Duration::ZERO);
        let wait = |time| *waited.borrow_mut() += time;
        let mut out = Vec::new();
        replay(&log, None, &wait, &mut out).unwrap();
        assert_eq!((String::from_utf8(out).unwrap(), *waited.borrow()), (lines(), Duration::ZERO));
        replay(&log, Some(0.5), &wait, &mut Vec::new()).unwrap();
        let all = 2.0 * records[records.len() - 1].seconds;
        assert!((waited.borrow().as_secs_f64() - all).abs() < 1e-3, "{waited:?} of {all}");
    }
}
