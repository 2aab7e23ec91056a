//! The event log of a run: `events.jsonl`, written as things happen and read back by screens, replays and reports.

use super::append::{JsonLines, LogError, LogNotes, parse_lines, read_bytes};
use super::{Alert, AlertKind, Event, LOG_VERSION, Record};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Numbers and times events and writes them down, one line each, as they happen.
#[derive(Debug)]
pub struct Recorder {
    lines: JsonLines,
    started: Instant,
    /// Seconds before it started, of a run that was interrupted.
    before: f64,
    next: u64,
}

impl Recorder {
    /// A recorder that starts now.
    #[must_use]
    pub fn new(lines: JsonLines) -> Self {
        Self::resumed(lines, 0, 0.0)
    }

    /// A recorder that goes on after so many records and seconds.
    #[must_use]
    pub fn resumed(lines: JsonLines, records: u64, seconds: f64) -> Self {
        Self { lines, started: Instant::now(), before: seconds, next: records }
    }

    /// Records so far.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.next
    }

    /// Brings all records onto the disk.
    ///
    /// # Errors
    /// As [`JsonLines::sync`].
    pub fn sync(&mut self) -> std::io::Result<()> {
        self.lines.sync()
    }

    /// Writes an event and returns its record. A write that fails keeps the line in memory and tries again with the next event;
    /// [`Recorder::take_alert`] tells of it.
    pub fn record(&mut self, event: Event) -> Arc<Record> {
        let record = Record { sequence: self.next, seconds: self.seconds(), event };
        self.next += 1;
        self.lines.append(&record);
        Arc::new(record)
    }

    /// What went wrong in writing since the last call, once an outage: to be recorded as an alert.
    pub fn take_alert(&mut self) -> Option<Alert> {
        Some(Alert { kind: AlertKind::Storage, message: self.lines.take_fault()? })
    }

    /// Seconds since the run started, as records have them.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }
}

/// Reads a log. A torn last line is left out with a note.
///
/// # Errors
/// [`LogError`]: a file that cannot be read, is damaged, was written by a newer program, or is no log.
pub fn read_log(path: &Path) -> Result<(Vec<Record>, LogNotes), LogError> {
    let bytes = read_bytes(path)?;
    check_head(path, &bytes)?;
    parse_lines(path, &bytes)
}

/// The first line alone, without asking for the rest of its shape, so that newer logs are refused for what they are.
pub(super) fn check_head(path: &Path, bytes: &[u8]) -> Result<(), LogError> {
    #[derive(serde::Deserialize)]
    struct Head {
        event: String,
        version: u64,
    }
    let no_log = || LogError::NoLog { path: path.display().to_string() };
    let first = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let head: Head = serde_json::from_slice(first).map_err(|_| no_log())?;
    match head {
        Head { event, .. } if event != "started" => Err(no_log()),
        Head { version, .. } if version > u64::from(LOG_VERSION) => {
            Err(LogError::Newer { path: path.display().to_string(), found: version, known: LOG_VERSION })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::append::tests::Disk;
    use super::super::fixture;
    use super::*;
    use crate::run::Phase;

    #[test]
    fn what_is_recorded_reads_back_and_a_torn_end_costs_one_event() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut recorder = Recorder::new(JsonLines::create(&path).unwrap());
        let written: Vec<Arc<Record>> = fixture::events().into_iter().map(|event| recorder.record(event)).collect();
        let (read, notes) = read_log(&path).unwrap();
        assert_eq!(notes, LogNotes::default());
        assert_eq!(read.len(), written.len());
        for (position, (read, written)) in read.iter().zip(&written).enumerate() {
            assert_eq!((read.sequence, &read.event), (position as u64, &written.event));
        }

        let text = std::fs::read_to_string(&path).unwrap();
        for cut in 1..60 {
            std::fs::write(&path, &text[..text.len() - cut]).unwrap();
            let (read, notes) = read_log(&path).unwrap();
            // Without its newline alone, the last line is whole.
            let torn = usize::from(cut > 1);
            assert_eq!((read.len(), notes.torn_line.is_some()), (written.len() - torn, torn == 1), "{cut}");
        }
    }

    #[test]
    fn a_full_disk_becomes_an_alert_and_the_log_has_no_gap() {
        let disk = Disk::with_room(10);
        let mut recorder = Recorder::new(JsonLines::new(Path::new("events.jsonl"), Box::new(disk.clone())));
        recorder.record(Event::Phase { phase: Phase::Preparing });
        let alert = recorder.take_alert().unwrap();
        assert_eq!(alert.kind, AlertKind::Storage);
        recorder.record(Event::Alert(alert));
        assert!(recorder.take_alert().is_none());
        disk.give(10_000);
        recorder.record(Event::Phase { phase: Phase::Training });
        let (records, _) = parse_lines::<Record>(Path::new(""), disk.text().as_bytes()).unwrap();
        assert_eq!(records.iter().map(|record| record.sequence).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn newer_logs_and_other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let message = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let message = read_log(&path).unwrap_err().to_string();
            message.replace(&path.display().to_string(), "LOG")
        };
        let newer = r#"{"sequence":0,"seconds":0.0,"event":"started","version":99,"shape":"new"}"#;
        assert_eq!(message(newer), "LOG: this log has format 99, and this program reads formats up to 1; open it with a newer pgnas");
        assert!(message("{}\n").contains("no log of a run"));
        assert!(message("").contains("no log of a run"));
        std::fs::remove_file(&path).unwrap();
        assert!(read_log(&path).unwrap_err().to_string().contains("cannot be read ("));
    }
}
