//! Append-only files of JSON lines: nothing is lost when the disk is full for a while, and a torn last line is no reason to fail.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Writes JSON lines, one write a line. What could not be written stays in memory and goes out before the next line.
pub struct JsonLines {
    path: PathBuf,
    out: Box<dyn Write + Send>,
    /// Bytes not yet written; may begin within a line.
    pending: Vec<u8>,
    failing: bool,
    fault: Option<String>,
}

impl std::fmt::Debug for JsonLines {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("JsonLines").field("path", &self.path).field("pending", &self.pending.len()).finish_non_exhaustive()
    }
}

impl JsonLines {
    /// A new file.
    ///
    /// # Errors
    /// What the system says; also where the file exists.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Self::new(path, Box::new(file)))
    }

    /// A file that exists, cut after so many lines. What a killed process left of a line behind them goes, too.
    ///
    /// # Errors
    /// What the system says; also where the file has fewer lines.
    pub fn reopen(path: &Path, lines: u64) -> std::io::Result<Self> {
        let mut file = BufReader::new(std::fs::File::open(path)?);
        let (mut end, mut line) = (0, Vec::new());
        for found in 0..lines {
            line.clear();
            end += file.read_until(b'\n', &mut line)? as u64;
            if line.last() != Some(&b'\n') {
                return Err(std::io::Error::other(format!("it has {found} of {lines} lines")));
            }
        }
        let file = OpenOptions::new().append(true).open(path)?;
        file.set_len(end)?;
        Ok(Self::new(path, Box::new(file)))
    }

    /// Lines to anything that takes bytes; `path` names it in messages.
    #[must_use]
    pub fn new(path: &Path, out: Box<dyn Write + Send>) -> Self {
        Self { path: path.to_owned(), out, pending: Vec::new(), failing: false, fault: None }
    }

    /// Writes a line, and first what earlier calls could not write.
    pub fn append(&mut self, value: &impl Serialize) {
        let before = self.pending.len();
        let line = serde_json::to_writer(&mut self.pending, value).map_err(std::io::Error::from);
        match line {
            Ok(()) => self.pending.push(b'\n'),
            Err(_) => self.pending.truncate(before),
        }
        let result = line.and_then(|()| self.drain());
        match result {
            Ok(()) => self.failing = false,
            // One report an outage: the next one comes after something could be written again.
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    let path = self.path.display();
                    self.fault =
                        Some(format!("{path} cannot be written ({error}); its lines are kept in memory and written once there is room"));
                }
            }
        }
    }

    fn drain(&mut self) -> std::io::Result<()> {
        let mut written = 0;
        let result = loop {
            if written == self.pending.len() {
                break self.out.flush();
            }
            match self.out.write(&self.pending[written..]) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.pending.drain(..written);
        result
    }

    /// Writes what waits, and brings all lines onto the disk.
    ///
    /// # Errors
    /// What the system says; what could not be written still waits.
    pub fn sync(&mut self) -> std::io::Result<()> {
        self.drain()?;
        // Of the file, whatever it was written through.
        std::fs::File::open(&self.path)?.sync_data()
    }

    /// What went wrong since the last call, told once an outage.
    pub fn take_fault(&mut self) -> Option<String> {
        self.fault.take()
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.pending.len()
    }
}

/// Why a file of JSON lines cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be opened or read.
    #[error("{path}: cannot be read ({source}); give the folder of a run, which holds an events.jsonl")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line that is not the last is no valid one.
    #[error("{path}:{line}: this line is damaged ({reason}); remove it, or restore the file from a copy")]
    Damaged {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What the parser said.
        reason: String,
    },
    /// The log was written by a newer program.
    #[error("{path}: this log has format {found}, and this program reads formats up to {known}; open it with a newer pgnas")]
    Newer {
        /// The file.
        path: String,
        /// Its version.
        found: u64,
        /// The newest version known here.
        known: u32,
    },
    /// The log does not begin with the event `started`.
    #[error("{path}: this is no log of a run (it does not begin with the event `started`); give the folder of a run")]
    NoLog {
        /// The file.
        path: String,
    },
}

/// What was noticed in reading and is no reason to fail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogNotes {
    /// The last line was torn and left out: its number, from 1.
    pub torn_line: Option<usize>,
}

impl std::fmt::Display for LogNotes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.torn_line {
            Some(line) => write!(formatter, "line {line}, the last one, is torn and was left out"),
            None => Ok(()),
        }
    }
}

/// Whole lines of a file; none where it is not there.
#[must_use]
pub fn count_lines(path: &Path) -> u64 {
    let Ok(file) = std::fs::File::open(path) else { return 0 };
    let (mut file, mut lines, mut line) = (BufReader::with_capacity(1 << 16, file), 0, Vec::new());
    while file.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        lines += u64::from(line.last() == Some(&b'\n'));
        line.clear();
    }
    lines
}

/// The bytes of a file.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, LogError> {
    std::fs::read(path).map_err(|source| LogError::Unreadable { path: path.display().to_string(), source })
}

/// Reads JSON lines. A last line that is no valid one, which a killed process leaves behind, is left out with a note.
pub(super) fn parse_lines<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<(Vec<T>, LogNotes), LogError> {
    let mut values = Vec::new();
    let mut notes = LogNotes::default();
    let mut lines = bytes.split(|&byte| byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()).peekable();
    while let Some((index, line)) = lines.next() {
        match serde_json::from_slice(line) {
            Ok(value) => values.push(value),
            Err(_) if lines.peek().is_none() => notes.torn_line = Some(index + 1),
            Err(error) => {
                return Err(LogError::Damaged { path: path.display().to_string(), line: index + 1, reason: error.to_string() });
            }
        }
    }
    Ok((values, notes))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A disk that takes `room` bytes, three at a time.
    #[derive(Clone, Default)]
    pub struct Disk(pub Arc<Mutex<(Vec<u8>, usize)>>);

    impl Disk {
        pub fn with_room(room: usize) -> Self {
            Self(Arc::new(Mutex::new((Vec::new(), room))))
        }

        pub fn give(&self, room: usize) {
            self.0.lock().unwrap().1 += room;
        }

        pub fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().0.clone()).unwrap()
        }
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let (content, room) = &mut *self.0.lock().unwrap();
            let taken = bytes.len().min(3).min(*room);
            if taken == 0 && !bytes.is_empty() {
                return Err(ErrorKind::StorageFull.into());
            }
            content.extend(&bytes[..taken]);
            *room -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_loses_nothing_and_is_told_once_an_outage() {
        let disk = Disk::with_room(7);
        let mut lines = JsonLines::new(Path::new("events.jsonl"), Box::new(disk.clone()));
        lines.append(&"one");
        assert_eq!(lines.take_fault(), None);
        lines.append(&"two");
        let fault = lines.take_fault().unwrap();
        assert!(fault.starts_with("events.jsonl cannot be written ("), "{fault}");
        lines.append(&"three");
        assert_eq!(lines.take_fault(), None, "told already");
        assert_eq!((disk.text().as_str(), lines.waiting()), ("\"one\"\n\"", 13));
        disk.give(15);
        lines.append(&4);
        assert_eq!((disk.text().as_str(), lines.waiting()), ("\"one\"\n\"two\"\n\"three\"\n4\n", 0));
        lines.append(&5);
        assert!(lines.take_fault().is_some(), "a new outage is told again");
    }

    #[test]
    fn a_file_is_cut_after_its_lines_and_goes_on_from_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        std::fs::write(&path, "1\n2\n3\n4").unwrap();
        assert_eq!((count_lines(&path), count_lines(&folder.path().join("none"))), (3, 0));
        let short = JsonLines::reopen(&path, 4).unwrap_err().to_string();
        assert_eq!(short, "it has 3 of 4 lines");
        let mut lines = JsonLines::reopen(&path, 2).unwrap();
        lines.append(&5);
        lines.sync().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n2\n5\n");
    }

    #[test]
    fn a_torn_last_line_is_noted_and_any_other_damage_refused() {
        let path = Path::new("x.jsonl");
        let read = |text: &str| parse_lines::<u32>(path, text.as_bytes());
        assert_eq!(read("1\n2\n").unwrap(), (vec![1, 2], LogNotes { torn_line: None }));
        assert_eq!(read("1\n{\"a").unwrap(), (vec![1], LogNotes { torn_line: Some(2) }));
        assert_eq!(read("").unwrap().0, Vec::<u32>::new());
        assert!(read("1\nx\n3\n").unwrap_err().to_string().starts_with("x.jsonl:2: this line is damaged ("));
        // Bytes that are no UTF-8 are damage like any other.
        assert_eq!(parse_lines::<String>(path, b"\"a\"\n\"\xff\"").unwrap().1.torn_line, Some(2));
    }
}
