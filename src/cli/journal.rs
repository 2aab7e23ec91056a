//! The program's own log file: what it did and what went wrong, in a bounded number of files of a bounded size.

use crate::engine::guard;
use log::{LevelFilter, Log, Metadata, Record};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Bytes of the largest file.
const LARGEST: u64 = 1 << 20;
/// Files before the newest one.
const FORMER: usize = 3;
/// Characters of the longest line.
const LONGEST: usize = 2000;

/// Begins to write what is at least as grave as `level`; the folder is made with the first line. A log that cannot be written is no reason to
/// stop.
pub fn begin(folder: PathBuf, level: LevelFilter) {
    // It lives as long as the program.
    let journal: &'static Journal = Box::leak(Box::new(Journal { files: Mutex::new(Files { folder, largest: LARGEST, newest: None }) }));
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        log::error!("{panic}");
        // A device that breaks is told in words; a report of its insides would tear the screen.
        if !guard::is_told() {
            before(panic);
        }
    }));
    if level != LevelFilter::Off && log::set_logger(journal).is_ok() {
        log::set_max_level(level);
    }
}

struct Journal {
    files: Mutex<Files>,
}

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Of libraries only what went wrong.
        metadata.target().starts_with("pgnas") || metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let told: String = record.args().to_string().escape_debug().take(LONGEST).collect();
        let (when, process) = (crate::run::stamp(SystemTime::now()), std::process::id());
        let line = format!("{when} {process} {:<5} {}: {told}\n", record.level(), record.target());
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody could be told: this is where it would be.
        let _ = files.write(&line);
    }

    fn flush(&self) {}
}

struct Files {
    folder: PathBuf,
    largest: u64,
    newest: Option<File>,
}

impl Files {
    fn write(&mut self, line: &str) -> io::Result<()> {
        let file = match self.newest.take() {
            Some(file) if !self.is_full(&file, line) => file,
            _ => self.open(line)?,
        };
        // One write, at the end of the file wherever that is: several processes write here.
        let written = (&file).write_all(line.as_bytes());
        self.newest = Some(file);
        written
    }

    fn is_full(&self, file: &File, line: &str) -> bool {
        file.metadata().is_ok_and(|data| data.len() + line.len() as u64 > self.largest)
    }

    /// The file to write to: that of the name, which another process may have begun anew, or a new one.
    fn open(&self, line: &str) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        let lock = File::create(self.folder.join("lock"))?;
        lock.lock()?;
        let newest = || File::options().create(true).append(true).open(name(&self.folder, 0));
        let file = newest()?;
        if !self.is_full(&file, line) {
            return Ok(file);
        }
        for number in (0..FORMER).rev() {
            match fs::rename(name(&self.folder, number), name(&self.folder, number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        newest()
    }
}

/// `pgnas.log`, then `pgnas.1.log`, the one before it.
fn name(folder: &Path, number: usize) -> PathBuf {
    folder.join(if number == 0 { "pgnas.log".to_owned() } else { format!("pgnas.{number}.log") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_their_sizes_are_bounded_and_two_writers_lose_no_line() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("logs");
        let files = || Files { folder: folder.clone(), largest: 100, newest: None };
        let mut both = [files(), files()];
        for number in 0..200 {
            both[number % 2].write(&format!("line {number:>4}\n")).unwrap();
            for file in fs::read_dir(&folder).unwrap() {
                assert!(file.unwrap().metadata().unwrap().len() <= 100);
            }
        }
        let mut lines = Vec::new();
        for number in (0..=FORMER).rev() {
            let text = fs::read_to_string(name(&folder, number)).unwrap();
            lines.extend(text.lines().map(|line| line[5..].trim().parse::<usize>().unwrap()));
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), FORMER + 2, "the files and the lock");
        assert_eq!(lines, (200 - lines.len()..200).collect::<Vec<_>>());
        assert!(lines.len() > 30);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_and_no_panic() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("file"), "").unwrap();
        assert!(Files { folder: root.path().join("file/logs"), largest: 100, newest: None }.write("line").is_err());
    }
}
