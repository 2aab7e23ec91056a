//! A log that is read piece by piece, for a replay: opening it finds where its lines begin, and keeps nothing of what they say.

use super::Record;
use super::append::{LogError, LogNotes, parse_lines};
use super::log::check_head;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Bytes that are read at once, a single longer line aside.
const PIECE: u64 = 1 << 20;

/// A log with the places of its lines: eight bytes an event. The file is only read.
#[derive(Debug)]
pub struct IndexedLog {
    path: PathBuf,
    file: File,
    /// Where each event begins, and where the last one ends.
    places: Vec<u64>,
    seconds: f64,
    notes: LogNotes,
}

impl IndexedLog {
    /// Finds the lines of a log as far as it is written now. A torn last line is left out with a note.
    ///
    /// # Errors
    /// [`LogError`]: a file that cannot be read, is no log, was written by a newer program, or has a line that is none.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let unreadable = |source| LogError::Unreadable { path: path.display().to_string(), source };
        let file = File::open(path).map_err(unreadable)?;
        let mut reader = BufReader::with_capacity(PIECE as usize, &file);
        let (mut places, mut end, mut line, mut number) = (Vec::new(), 0, Vec::new(), 0);
        // Of the newest line and the one before it, whether they may be events at all: only the last one may be torn.
        let mut odd: Option<(usize, String)> = None;
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line).map_err(unreadable)? as u64;
            if length == 0 {
                break;
            }
            number += 1;
            if number == 1 {
                check_head(path, &line)?;
            }
            let text = line.trim_ascii_end();
            if !text.is_empty() {
                if let Some((line, reason)) = odd.take() {
                    return Err(LogError::Damaged { path: path.display().to_string(), line, reason });
                }
                if !(text.starts_with(b"{") && text.ends_with(b"}")) {
                    odd = Some((number, "it is no JSON object".into()));
                }
                places.push(end);
            }
            end += length;
        }
        if number == 0 {
            check_head(path, &[])?;
        }
        places.push(end);
        let mut log = Self { path: path.to_owned(), file, places, seconds: 0.0, notes: LogNotes::default() };
        let last = log.len().saturating_sub(1);
        match log.read(last..last + 1) {
            Ok(records) => log.seconds = records.last().map_or(0.0, |record| record.seconds),
            Err(LogError::Damaged { line, .. }) if last > 0 => {
                log.notes.torn_line = Some(line);
                log.places.pop();
                log.seconds = log.read(last - 1..last)?.last().map_or(0.0, |record| record.seconds);
            }
            Err(error) => return Err(error),
        }
        Ok(log)
    }

    /// Events.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.places.len() as u64 - 1
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Seconds of the run up to the last event.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// What was noticed in opening it.
    #[must_use]
    pub fn notes(&self) -> &LogNotes {
        &self.notes
    }

    /// Events by their position from 0: of those wanted the first, as many as fit a piece, and at least one where there is one.
    ///
    /// # Errors
    /// [`LogError`]: a damaged line, or a file that has changed since.
    pub fn read(&self, wanted: Range<u64>) -> Result<Vec<Record>, LogError> {
        let path = &self.path;
        let end = wanted.end.min(self.len()) as usize;
        let first = (wanted.start as usize).min(end);
        let Some((&begin, ends)) = self.places[first..=end].split_first() else { return Ok(Vec::new()) };
        let fitting = ends.partition_point(|&place| place <= begin + PIECE).max(1).min(ends.len());
        let length = ends[..fitting].last().map_or(0, |&place| place - begin);
        let mut bytes = vec![0; length as usize];
        let unreadable = |source| LogError::Unreadable { path: path.display().to_string(), source };
        self.file.read_exact_at(&mut bytes, begin).map_err(unreadable)?;
        // A line that is none is no torn one here: that was left out in opening.
        let number = |line: usize| first + line;
        match parse_lines(path, &bytes) {
            Ok((records, LogNotes { torn_line: None })) => Ok(records),
            Ok((_, LogNotes { torn_line: Some(line) })) => {
                let last = bytes.split(|&byte| byte == b'\n').nth(line - 1).unwrap_or_default();
                let reason = serde_json::from_slice::<Record>(last).err().map_or_else(String::new, |error| error.to_string());
                Err(LogError::Damaged { path: path.display().to_string(), line: number(line), reason })
            }
            Err(LogError::Damaged { path, line, reason }) => Err(LogError::Damaged { path, line: number(line), reason }),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{JsonLines, Recorder, fixture, read_log};
    use super::*;

    #[test]
    fn it_reads_what_the_whole_log_says_and_leaves_out_a_torn_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut recorder = Recorder::new(JsonLines::create(&path).unwrap());
        fixture::events().into_iter().for_each(|event| drop(recorder.record(event)));
        let whole = read_log(&path).unwrap().0;
        let log = IndexedLog::open(&path).unwrap();
        assert_eq!((log.len(), log.seconds()), (whole.len() as u64, whole.last().unwrap().seconds));
        for first in 0..whole.len() {
            for end in first..=whole.len() + 2 {
                assert_eq!(log.read(first as u64..end as u64).unwrap(), whole[first..end.min(whole.len())]);
            }
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for cut in 1..60 {
            std::fs::write(&path, &text[..text.len() - cut]).unwrap();
            let (read, notes) = read_log(&path).unwrap();
            let log = IndexedLog::open(&path).unwrap();
            assert_eq!((log.len(), log.notes()), (read.len() as u64, &notes), "{cut}");
            assert_eq!(log.read(0..log.len()).unwrap(), read);
        }
    }

    #[test]
    fn a_long_log_comes_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let head = serde_json::to_string(&Record { sequence: 0, seconds: 0.0, event: fixture::events().remove(0) }).unwrap();
        let line = |at: u64| format!("{{\"sequence\":{at},\"seconds\":{at}.5,\"event\":\"phase\",\"phase\":\"training\"}}\n");
        std::fs::write(&path, format!("{head}\n{}", (1..40_000).map(line).collect::<String>())).unwrap();
        let log = IndexedLog::open(&path).unwrap();
        let (mut at, mut pieces) = (0, 0);
        while at < log.len() {
            let read = log.read(at..log.len()).unwrap();
            assert!(read.iter().zip(at..).all(|(record, at)| record.sequence == at));
            (at, pieces) = (at + read.len() as u64, pieces + 1);
        }
        assert!(at == 40_000 && pieces > 1 && (log.seconds() - 39_999.5).abs() < 1e-9, "{pieces}");
    }

    #[test]
    fn what_is_no_log_is_told_as_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let head = serde_json::to_string(&Record { sequence: 0, seconds: 0.0, event: fixture::events().remove(0) }).unwrap();
        let phase = "{\"sequence\":1,\"seconds\":1.0,\"event\":\"phase\",\"phase\":\"training\"}";
        let newer = "{\"sequence\":0,\"seconds\":0.0,\"event\":\"started\",\"version\":99,\"shape\":\"new\"}".to_owned();
        for text in [newer, "{}\n".into(), String::new(), phase.to_owned(), format!("{head}\n{{\"seq\n{phase}\n")] {
            std::fs::write(&path, &text).unwrap();
            let here = IndexedLog::open(&path).map(|_| ()).unwrap_err().to_string();
            let there = read_log(&path).map(|_| ()).unwrap_err().to_string();
            assert_eq!(here.split('(').next(), there.split('(').next());
        }
        // What looks like an event and is none is told where it lies, once it is come to.
        std::fs::write(&path, format!("{head}\n{{\"seq\":1}}\n{phase}\n{phase}\n")).unwrap();
        let log = IndexedLog::open(&path).unwrap();
        for range in [0..4, 1..2, 1..4] {
            assert!(log.read(range).unwrap_err().to_string().contains("events.jsonl:2: this line is damaged (missing field"));
        }
        std::fs::remove_file(&path).unwrap();
        assert!(IndexedLog::open(&path).unwrap_err().to_string().contains("cannot be read ("));
    }
}
