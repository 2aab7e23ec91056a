//! The folder of a run: where each of its files lies, and how it comes to be.

use super::append::JsonLines;
use super::tensors::digest_of_bytes;
use super::{CandidateId, CandidateWriter, Checkpoints, Recorder, SplitsFile};
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

/// Why a folder cannot hold a run, or holds none; each message says where, what, and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It holds other files.
    #[error("{path}: this folder holds files that are no run; give an empty or a new folder with --run-dir")]
    Occupied {
        /// The folder.
        path: String,
    },
    /// It holds a run already.
    #[error("{path}: this folder holds a run already; give a new folder with --run-dir, or remove this one first")]
    HoldsRun {
        /// The folder.
        path: String,
    },
    /// The system refused.
    #[error("{path}: cannot be written ({source}); choose a place that you may write to: a run's with --run-dir, a file's with --out")]
    Unwritable {
        /// The folder or file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system does not show a file.
    #[error("{path}: cannot be read ({source}); it belongs to the run, restore it from a copy")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// No name for a run.
    #[error("`{name}` is no name for a run; take letters, digits, blanks and - _ . +, beginning with a letter, a digit or _")]
    Name {
        /// What was asked for.
        name: String,
    },
    /// There is one of that name.
    #[error("there is a run `{name}` already; take another name")]
    Taken {
        /// The name.
        name: String,
    },
    /// Another process is at work on it.
    #[error("{path}: process {process} is at work on this run; look at it with `pgnas attach`, or end it with `pgnas stop`")]
    Busy {
        /// The folder.
        path: String,
        /// Its number, where it is known.
        process: String,
    },
    /// There is no log in it.
    #[error("{path}: this is no run (it has no events.jsonl); `pgnas report` and `pgnas export` want the folder or the name of a run")]
    NoRun {
        /// The folder.
        path: String,
    },
}

/// Who holds it is at work on the run. The system takes it back when the process ends, however it ends.
#[derive(Debug)]
pub struct RunLock {
    _file: std::fs::File,
}

impl RunFolder {
    /// Makes the folder of a new run at exactly this place. An empty folder will do; one that holds anything is left as it is.
    ///
    /// # Errors
    /// [`FolderError`] for a folder that holds files or cannot be written.
    pub fn create(path: &Path) -> Result<Self, FolderError> {
        std::fs::create_dir_all(path).map_err(unwritable(path))?;
        let shown = || path.display().to_string();
        let mut entries = std::fs::read_dir(path).map_err(unwritable(path))?;
        let folder = Self { path: path.to_owned() };
        if folder.log().exists() {
            return Err(FolderError::HoldsRun { path: shown() });
        }
        if entries.next().is_some() {
            return Err(FolderError::Occupied { path: shown() });
        }
        let candidates = folder.path.join("candidates");
        std::fs::create_dir(&candidates).map_err(unwritable(&candidates))?;
        Ok(folder)
    }

    /// Makes the folder of a new run among others; a name that is taken gets a number behind.
    ///
    /// # Errors
    /// [`FolderError`] for a root that cannot be written.
    pub fn create_in(root: &Path, name: &str) -> Result<Self, FolderError> {
        std::fs::create_dir_all(root).map_err(unwritable(root))?;
        let mut path = root.join(name);
        for number in 2.. {
            match std::fs::create_dir(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => path = root.join(format!("{name}-{number}")),
                result => {
                    result.map_err(unwritable(&path))?;
                    break;
                }
            }
        }
        Self::create(&path)
    }

    /// The folder of a run that exists.
    ///
    /// # Errors
    /// [`FolderError::NoRun`] where there is no log.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let folder = Self { path: path.to_owned() };
        if folder.log().is_file() { Ok(folder) } else { Err(FolderError::NoRun { path: path.display().to_string() }) }
    }

    /// Takes back a folder whose run did not start: the files that this program makes, as long as nothing is in them.
    pub fn discard(&self) {
        let empty = std::fs::metadata(self.log()).map_or(true, |log| log.len() == 0);
        if empty {
            // What cannot be removed stays; the run's own failure is what the user must hear of.
            let _ = std::fs::remove_file(self.log());
            let _ = std::fs::remove_file(self.config());
            let _ = std::fs::remove_file(self.path.join("space.toml"));
            let _ = std::fs::remove_file(self.splits());
            let _ = std::fs::remove_file(self.lock_file());
            let _ = std::fs::remove_dir(self.path.join("candidates"));
            let _ = std::fs::remove_dir(&self.path);
        }
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of the run: that of its folder.
    #[must_use]
    pub fn name(&self) -> String {
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let absolute = || name(&self.path.canonicalize().ok()?);
        name(&self.path).or_else(absolute).unwrap_or_else(|| "run".to_owned())
    }

    /// `config.toml`, the effective preset.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// `events.jsonl`, the log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// `candidates/candidates.jsonl`, masks and correctness bits.
    #[must_use]
    pub fn candidates(&self) -> PathBuf {
        self.path.join("candidates").join("candidates.jsonl")
    }

    /// `checkpoints/step-<n>.safetensors`, the weights after so many training steps.
    #[must_use]
    pub fn weights(&self, step: u64) -> PathBuf {
        self.path.join("checkpoints").join(format!("step-{step}.safetensors"))
    }

    /// `exports/<candidate>/`, what was exported of a candidate.
    #[must_use]
    pub fn exports(&self, candidate: CandidateId) -> PathBuf {
        self.path.join("exports").join(candidate.0.to_string())
    }

    /// `exports/ensemble-<k>/`, what was exported of several together.
    #[must_use]
    pub fn ensemble_export(&self, members: usize) -> PathBuf {
        self.path.join("exports").join(format!("ensemble-{members}"))
    }

    /// `exports/<candidate>-retrained/`, what was exported of a retrained candidate.
    #[must_use]
    pub fn retrained_export(&self, candidate: CandidateId) -> PathBuf {
        self.path.join("exports").join(format!("{}-retrained", candidate.0))
    }

    /// `retrained/retrained.jsonl`, the candidates that were trained by themselves.
    #[must_use]
    pub fn retrained(&self) -> PathBuf {
        self.path.join("retrained").join("retrained.jsonl")
    }

    /// `retrained/<name>/`, the weights of one such training.
    #[must_use]
    pub fn retraining(&self, name: &str) -> PathBuf {
        self.path.join("retrained").join(name)
    }

    /// `ensemble.json`, what averaging buys.
    #[must_use]
    pub fn averaging(&self) -> PathBuf {
        self.path.join("ensemble.json")
    }

    /// `correlation-<truth>.json`, how well inherited weights foretell a truth.
    #[must_use]
    pub fn correlation(&self, truth: &str) -> PathBuf {
        self.path.join(format!("correlation-{truth}.json"))
    }

    /// `checkpoints/state-<n>.safetensors`, what a search goes on from.
    #[must_use]
    pub fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(self.path.join("checkpoints"))
    }

    fn lock_file(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// Takes the run for this process.
    ///
    /// # Errors
    /// [`FolderError::Busy`] where another process has it.
    pub fn lock(&self) -> Result<RunLock, FolderError> {
        let path = self.lock_file();
        let mut file = File::options().create(true).truncate(false).read(true).write(true).open(&path).map_err(unwritable(&path))?;
        // Who only looks whether it is free has it for a moment.
        let mut taken = file.try_lock();
        for _ in 0..20 {
            if !matches!(taken, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
            taken = file.try_lock();
        }
        match taken {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let process = self.owner().unwrap_or_else(|| "?".into());
                return Err(FolderError::Busy { path: self.path.display().to_string(), process });
            }
            Err(TryLockError::Error(error)) => return Err(unwritable(&path)(error)),
        }
        file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(unwritable(&path))?;
        Ok(RunLock { _file: file })
    }

    /// Gives it another name, in the same place.
    ///
    /// # Errors
    /// [`FolderError::Busy`] where a process is at work on it; a name that is none, or is taken.
    pub fn rename(self, name: &str) -> Result<Self, FolderError> {
        let fits = |c: char| c.is_alphanumeric() || "-_.+ ".contains(c);
        if name.trim() != name || name.is_empty() || name.len() > 100 || name.starts_with(['.', '-']) || !name.chars().all(fits) {
            return Err(FolderError::Name { name: name.escape_debug().to_string() });
        }
        let target = self.path.with_file_name(name);
        if target.exists() {
            return Err(FolderError::Taken { name: name.to_owned() });
        }
        let _lock = self.lock()?;
        std::fs::rename(&self.path, &target).map_err(unwritable(&target))?;
        Ok(Self { path: target })
    }

    /// Deletes it with all that it holds.
    ///
    /// # Errors
    /// [`FolderError::Busy`] where a process is at work on it; [`FolderError::Unwritable`].
    pub fn delete(self) -> Result<(), FolderError> {
        let _lock = self.lock()?;
        std::fs::remove_dir_all(&self.path).map_err(unwritable(&self.path))
    }

    /// Whether a process is at work on it.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        let file = File::open(self.lock_file());
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// The number of the process that took it last.
    fn owner(&self) -> Option<String> {
        std::fs::read_to_string(self.lock_file()).ok().filter(|process| !process.is_empty())
    }

    /// Writes `config.toml`.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`].
    pub fn write_config(&self, text: &str) -> Result<(), FolderError> {
        write_whole(&self.config(), text.as_bytes())
    }

    /// Writes a file of the folder.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`].
    pub fn write(&self, name: &str, text: &str) -> Result<(), FolderError> {
        write_whole(&self.path.join(name), text.as_bytes())
    }

    /// `splits.json`, the images of each split.
    #[must_use]
    pub fn splits(&self) -> PathBuf {
        self.path.join("splits.json")
    }

    /// Writes `splits.json`.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`].
    pub fn write_splits(&self, splits: &SplitsFile) -> Result<(), FolderError> {
        let path = self.splits();
        let text = serde_json::to_vec(splits).map_err(|error| unwritable(&path)(error.into()))?;
        write_whole(&path, &text)
    }

    /// SHA-256 of `config.toml` and, where there is one, of the space that it names.
    ///
    /// # Errors
    /// [`FolderError::Unreadable`].
    pub fn config_sha256(&self) -> Result<String, FolderError> {
        let path = self.config();
        let unreadable = |source| FolderError::Unreadable { path: path.display().to_string(), source };
        let mut text = std::fs::read(&path).map_err(unreadable)?;
        match std::fs::read(self.path.join("space.toml")) {
            Ok(space) => text.extend(space),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(unreadable(error)),
        }
        Ok(digest_of_bytes(&text))
    }

    /// Starts the log.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`]; also where there is one.
    pub fn recorder(&self) -> Result<Recorder, FolderError> {
        let path = self.log();
        Ok(Recorder::new(JsonLines::create(&path).map_err(unwritable(&path))?))
    }

    /// Goes on with the log after so many records and seconds; what stands behind them is cut.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`]; also where it has fewer.
    pub fn recorder_from(&self, records: u64, seconds: f64) -> Result<Recorder, FolderError> {
        let path = self.log();
        Ok(Recorder::resumed(JsonLines::reopen(&path, records).map_err(unwritable(&path))?, records, seconds))
    }

    /// Goes on with the list of candidates after so many; what stands behind them is cut.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`]; also where it has fewer.
    pub fn candidate_writer_from(&self, candidates: u64) -> Result<CandidateWriter, FolderError> {
        let path = self.candidates();
        if candidates == 0 && !path.exists() {
            return self.candidate_writer();
        }
        Ok(CandidateWriter::new(JsonLines::reopen(&path, candidates).map_err(unwritable(&path))?))
    }

    /// Starts the list of candidates.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`]; also where there is one.
    pub fn candidate_writer(&self) -> Result<CandidateWriter, FolderError> {
        let path = self.candidates();
        Ok(CandidateWriter::new(JsonLines::create(&path).map_err(unwritable(&path))?))
    }
}

/// Writes a file beside its place and renames it there, so that a reader finds the old one or the new one and nothing between.
/// Makes the folders on the way to it.
///
/// # Errors
/// [`FolderError::Unwritable`].
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let write = || {
        if !folder.as_os_str().is_empty() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = std::fs::File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        // The name, too, outlives a power cut; where a folder cannot be opened, the system sees to it.
        File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder }).map_or(Ok(()), |folder| folder.sync_all())
    };
    write().map_err(|error| {
        // What a full disk could not take whole should not fill it.
        let _ = std::fs::remove_file(&beside);
        unwritable(path)(error)
    })
}

fn unwritable(path: &Path) -> impl FnOnce(std::io::Error) -> FolderError {
    let path = path.display().to_string();
    move |source| FolderError::Unwritable { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Event, Phase};

    #[test]
    fn a_run_is_never_written_over_anything() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("deep/run");
        let folder = RunFolder::create(&path).unwrap();
        assert_eq!(folder.name(), "run");
        assert!(RunFolder::open(&path).unwrap_err().to_string().contains("this is no run"));
        folder.write_config("[train]\n").unwrap();
        folder.recorder().unwrap().record(Event::Phase { phase: Phase::Preparing });
        assert_eq!(RunFolder::open(&path).unwrap(), folder);
        assert!(matches!(RunFolder::create(&path), Err(FolderError::HoldsRun { .. })));
        assert!(matches!(folder.recorder(), Err(FolderError::Unwritable { .. })), "a second log would cut the first");

        std::fs::write(root.path().join("letter.txt"), "dear").unwrap();
        assert!(matches!(RunFolder::create(root.path()), Err(FolderError::Occupied { .. })));
        let file = root.path().join("letter.txt");
        assert!(matches!(RunFolder::create(&file), Err(FolderError::Unwritable { .. })));
        assert!(RunFolder::create(&file.join("x")).unwrap_err().to_string().contains("letter.txt/x: cannot be written ("));
    }

    #[test]
    fn a_run_has_one_process_at_a_time_and_a_dead_one_gives_it_back() {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&root.path().join("run")).unwrap();
        assert!(!folder.is_locked());
        let lock = folder.lock().unwrap();
        let told = folder.lock().unwrap_err().to_string();
        assert!(folder.is_locked() && told.contains(&format!("process {} is at work on this run", std::process::id())), "{told}");
        drop(lock);
        assert!(!folder.is_locked());
        drop(folder.lock().unwrap());
    }

    #[test]
    fn a_run_that_did_not_start_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("run");
        let folder = RunFolder::create(&path).unwrap();
        folder.write_config("").unwrap();
        drop(folder.recorder().unwrap());
        folder.discard();
        assert!(!path.exists());
        let folder = RunFolder::create(&path).unwrap();
        folder.recorder().unwrap().record(Event::Phase { phase: Phase::Preparing });
        folder.discard();
        assert!(folder.log().exists());
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let root = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..3).map(|_| RunFolder::create_in(root.path(), "digits-1").unwrap().name()).collect();
        assert_eq!(names, ["digits-1", "digits-1-2", "digits-1-3"]);
    }

    #[test]
    fn whole_files_replace_each_other_and_leave_nothing_beside() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("exports/7/genotype.json");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
