//! Checkpoints: all that a search needs to go on as if nothing had happened, in `checkpoints/state-<n>.safetensors`.
//!
//! No random generator is kept: every draw is a function of (seed, purpose, index), so that the step and the counts of what was drawn
//! are its position.

use super::folder::{FolderError, write_whole};
use super::tensors::{Array, Arrays, ArraysError, digest_of_bytes, to_safetensors};
use super::{Bits, Phase, RaceOutcome, Source};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Version of the file's layout.
pub const CHECKPOINT_VERSION: u32 = 1;

/// Checkpoints that are kept: the last one, and the one before it should that be damaged.
const KEPT: usize = 2;

/// Where a search stands, beside its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Seed of the run.
    pub seed: u64,
    /// SHA-256 of the text of `config.toml`.
    pub config_sha256: String,
    /// SHA-256 of the image numbers of the three splits.
    pub splits_sha256: String,
    /// What it was doing.
    pub phase: Phase,
    /// Training steps done; the learning rate and all draws of training follow from it.
    pub step: u64,
    /// Steps in the sums since the last epoch ended.
    pub summed_steps: u64,
    /// The next index of the posterior stream of candidates.
    pub draws: u64,
    /// How far the ranking is.
    pub ranking: Option<RankingStanding>,
    /// Records of the log that belong to it.
    pub records: u64,
    /// Lines of the list of candidates that belong to it.
    pub candidates: u64,
    /// Seconds since the run started.
    pub seconds: f64,
    /// Seconds of training.
    pub training_seconds: f64,
    /// Seconds of ranking.
    pub ranking_seconds: f64,
}

/// How far a ranking is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankingStanding {
    /// The index of the posterior stream at which its draws begin.
    pub first_draw: u64,
    /// Candidates ranked of those that do not race.
    pub done: u64,
    /// The race, once it has begun.
    pub race: Option<RaceStanding>,
}

/// How far a race is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RaceStanding {
    /// The piece of the select split that is being asked.
    pub piece: u64,
    /// What the race has saved so far.
    pub outcome: RaceOutcome,
    /// Those still in it.
    pub runners: Vec<RunnerStanding>,
}

/// A candidate in a race.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunnerStanding {
    /// Where it comes from.
    pub source: Source,
    /// Its index in the random stream of its source.
    pub draw: u64,
    /// Its answers so far, with inherited statistics.
    pub inherited: Bits,
    /// And with re-estimated ones.
    pub recalibrated: Bits,
}

/// What a search goes on from.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Where it stands.
    pub standing: Standing,
    /// Its tensors.
    pub arrays: Arrays,
}

/// Why there is nothing to go on from; each message says where, what, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Written by another version.
    #[error(
        "{path}: this checkpoint has format {found}, and this program reads format {CHECKPOINT_VERSION}; resume with the pgnas that wrote it"
    )]
    Version {
        /// The file.
        path: String,
        /// Its version.
        found: String,
    },
    /// None can be used.
    #[error("{reasons}; no other checkpoint is left. What was ranked stays and can be exported; search anew for more")]
    Unusable {
        /// What is wrong with each.
        reasons: String,
    },
}

/// A folder of numbered checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoints {
    folder: PathBuf,
}

impl Checkpoints {
    /// The checkpoints of a folder, which need not be there yet.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Writes a checkpoint beside those that are there, whole or not at all, and then removes all but the last two.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`]; those of before stay.
    pub fn write(&self, standing: &impl Serialize, arrays: &[Array]) -> Result<PathBuf, FolderError> {
        let mut numbers = self.numbers();
        let number = numbers.last().map_or(1, |last| last + 1);
        let path = self.path(number);
        let unwritable = |what: String| FolderError::Unwritable { path: path.display().to_string(), source: std::io::Error::other(what) };
        let standing = serde_json::to_string(standing).map_err(|error| unwritable(error.to_string()))?;
        let facts = [
            ("format", "pgnas-checkpoint".to_owned()),
            ("version", CHECKPOINT_VERSION.to_string()),
            ("standing_sha256", digest_of_bytes(standing.as_bytes())),
            ("standing", standing),
        ];
        write_whole(&path, &to_safetensors(arrays, &facts).map_err(unwritable)?)?;
        numbers.push(number);
        for old in numbers.iter().rev().skip(KEPT) {
            // One too many does no harm.
            let _ = std::fs::remove_file(self.path(*old));
        }
        Ok(path)
    }

    /// The newest checkpoint that is whole and of which `fits` finds no fault; `None` where there is none at all. What was wrong with
    /// newer ones is added to `notes`.
    ///
    /// # Errors
    /// [`CheckpointError`]: one of another version, or none that can be used.
    pub fn last<S: DeserializeOwned>(
        &self,
        fits: impl Fn(&S) -> Result<(), String>,
        notes: &mut Vec<String>,
    ) -> Result<Option<(S, Arrays)>, CheckpointError> {
        for number in self.numbers().into_iter().rev() {
            let path = self.path(number);
            match read(&path).and_then(|(standing, arrays)| fits(&standing).map(|()| (standing, arrays)).map_err(Fault::Damaged)) {
                Ok(found) => return Ok(Some(found)),
                Err(Fault::Version(found)) => return Err(CheckpointError::Version { path: path.display().to_string(), found }),
                Err(Fault::Damaged(what)) => notes.push(format!("{}: {what}", path.display())),
            }
        }
        if notes.is_empty() { Ok(None) } else { Err(CheckpointError::Unusable { reasons: notes.join("; ") }) }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("state-{number}.safetensors"))
    }

    /// The numbers of the checkpoints that are there, in order.
    fn numbers(&self) -> Vec<u64> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let number = |name: &str| name.strip_prefix("state-")?.strip_suffix(".safetensors")?.parse().ok();
        let mut numbers: Vec<u64> = entries.filter_map(|entry| number(entry.file_name().to_str()?)).collect();
        numbers.sort_unstable();
        numbers
    }
}

enum Fault {
    Version(String),
    Damaged(String),
}

fn read<S: DeserializeOwned>(path: &Path) -> Result<(S, Arrays), Fault> {
    let arrays = Arrays::read(path).map_err(|error| match error {
        ArraysError::Unreadable { source, .. } => Fault::Damaged(format!("cannot be read ({source})")),
        ArraysError::Damaged { what, .. } => Fault::Damaged(format!("damaged ({what})")),
    })?;
    match arrays.facts.get("version") {
        Some(version) if *version == CHECKPOINT_VERSION.to_string() => {}
        version => return Err(Fault::Version(version.cloned().unwrap_or_else(|| "unknown".into()))),
    }
    let standing = arrays.facts.get("standing").map(String::as_str).unwrap_or_default();
    if arrays.facts.get("standing_sha256") != Some(&digest_of_bytes(standing.as_bytes())) {
        return Err(Fault::Damaged("damaged (its facts are others than when it was written)".into()));
    }
    let standing = serde_json::from_str(standing).map_err(|error| Fault::Damaged(format!("damaged ({error})")))?;
    Ok((standing, arrays))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Checkpoints) {
        let folder = tempfile::tempdir().unwrap();
        let store = Checkpoints::new(folder.path().join("checkpoints"));
        (folder, store)
    }

    fn arrays(value: f32) -> Vec<Array> {
        vec![Array { name: "weights".into(), dimensions: vec![2], values: vec![value, f32::MIN_POSITIVE] }]
    }

    /// The newest one that is not `refused`, and what was wrong with newer ones.
    fn last(store: &Checkpoints, refused: u32) -> (Option<u32>, Vec<String>) {
        let mut notes = Vec::new();
        let fits = |standing: &u32| if *standing == refused { Err("too long".to_owned()) } else { Ok(()) };
        let found = store.last(fits, &mut notes).unwrap();
        (found.map(|(standing, _)| standing), notes)
    }

    #[test]
    fn the_last_two_are_kept_and_the_last_one_comes_back() {
        let (_root, store) = store();
        assert_eq!(last(&store, 99), (None, vec![]));
        for number in 0..12_u32 {
            store.write(&number, &arrays(number as f32)).unwrap();
        }
        assert_eq!(store.numbers(), [11, 12]);
        let (standing, mut found) = store.last(|_: &u32| Ok(()), &mut Vec::new()).unwrap().unwrap();
        assert_eq!((standing, found.take("weights").unwrap()), (11, vec![11.0, f32::MIN_POSITIVE]));
    }

    #[test]
    fn a_torn_or_changed_one_gives_way_to_the_one_before_and_says_so() {
        let (_root, store) = store();
        store.write(&1_u32, &arrays(1.0)).unwrap();
        let newest = store.write(&2_u32, &arrays(2.0)).unwrap();
        let whole = std::fs::read(&newest).unwrap();
        for cut in (0..whole.len()).step_by(7) {
            std::fs::write(&newest, &whole[..cut]).unwrap();
            let (found, notes) = last(&store, 99);
            assert_eq!((found, notes.len()), (Some(1), 1), "{cut}");
            assert!(notes[0].contains("state-2.safetensors: damaged ("), "{notes:?}");
        }
        // A bit of the numbers, and one of the facts.
        let text = String::from_utf8_lossy(&whole).into_owned();
        for at in [whole.len() - 1, text.find("standing\":\"2").unwrap() + 11] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(&newest, &changed).unwrap();
            assert_eq!(last(&store, 99).0, Some(1), "byte {at}");
        }
        std::fs::write(&newest, &whole).unwrap();
        let (found, notes) = last(&store, 2);
        assert_eq!((found, notes[0].ends_with("state-2.safetensors: too long")), (Some(1), true));
        let none = store.last(|_: &u32| Err("no".to_owned()), &mut Vec::new()).unwrap_err().to_string();
        assert!(none.contains("state-1.safetensors: no") && none.contains("state-2.safetensors: no"), "{none}");
    }

    #[test]
    fn another_version_is_refused_with_the_reason() {
        let (_root, store) = store();
        store.write(&1_u32, &arrays(1.0)).unwrap();
        let facts = [("format", "pgnas-checkpoint".to_owned()), ("version", "0".to_owned())];
        write_whole(&store.path(2), &to_safetensors(&arrays(2.0), &facts).unwrap()).unwrap();
        let told = store.last(|_: &u32| Ok(()), &mut Vec::new()).unwrap_err().to_string();
        assert!(told.contains("state-2.safetensors: this checkpoint has format 0, and this program reads format 1"), "{told}");
    }

    #[test]
    fn a_write_that_fails_leaves_what_is_there() {
        let (_root, store) = store();
        store.write(&1_u32, &arrays(1.0)).unwrap();
        std::fs::create_dir(store.path(2).with_extension("safetensors.part")).unwrap();
        let told = store.write(&2_u32, &arrays(2.0)).unwrap_err().to_string();
        assert!(told.contains("state-2.safetensors: cannot be written ("), "{told}");
        assert_eq!(last(&store, 99).0, Some(1));
    }
}
