//! Candidates that were trained by themselves after their search, kept with the run: a line of `retrained/retrained.jsonl` each, their
//! weights beside it, and where an interrupted training stands.

use super::append::{LogError, LogNotes, parse_lines, read_bytes};
use super::folder::{FolderError, write_whole};
use super::tensors::{Array, Arrays, ArraysError, to_safetensors};
use super::{Accuracy, Bits, CandidateId, Source};
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::Path;

/// What a training began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// The weights that the candidate inherited.
    Inherited,
    /// Weights drawn anew.
    Scratch,
}

impl Start {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Inherited => "inherited",
            Self::Scratch => "scratch",
        }
    }
}

/// A candidate that was trained by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retrained {
    /// Its folder below `retrained/`.
    pub name: String,
    /// Number of the candidate.
    pub candidate: CandidateId,
    /// Where it comes from.
    pub source: Source,
    /// What its training began with.
    pub from: Start,
    /// Seed of its weights, of the order of images and of their augmentation.
    pub seed: u64,
    /// Epochs trained.
    pub epochs: u32,
    /// What the recipe has otherwise than that of the search, `key=value`.
    pub recipe: Vec<String>,
    /// Parameters of the sliced network.
    pub parameters: u64,
    /// Its multiply-accumulates for one image.
    pub macs: u64,
    /// Mean cross-entropy of the last epoch, in nats.
    pub cross_entropy: f64,
    /// Accuracy on the batches of the last epoch.
    pub train_accuracy: f64,
    /// Accuracy on the select split with the weights it inherited, and the statistics that decide.
    pub inherited: Accuracy,
    /// Accuracy on the select split now.
    pub retrained: Accuracy,
    /// Select images that only the inherited weights get right.
    pub only_inherited: u64,
    /// Select images that only the trained ones get right.
    pub only_retrained: u64,
    /// The exact two-sided McNemar test of the two.
    pub p: f64,
    /// Seconds of training.
    pub seconds: f64,
    /// Which select images it gets right, in the order of the split.
    pub correct: Bits,
}

impl Retrained {
    /// Adds it to the list of a run.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`].
    pub fn append(&self, path: &Path) -> Result<(), FolderError> {
        let append = || {
            let mut line = serde_json::to_string(self)?;
            line.push('\n');
            // A torn line of a process that died ends here, and costs itself alone.
            if std::fs::read(path).is_ok_and(|before| before.last().is_some_and(|&byte| byte != b'\n')) {
                line.insert(0, '\n');
            }
            std::fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(line.as_bytes())
        };
        append().map_err(|source| FolderError::Unwritable { path: path.display().to_string(), source })
    }
}

/// Reads the list of a run; empty where there is none.
///
/// # Errors
/// [`LogError`]: a file that cannot be read or is damaged.
pub fn read_retrained(path: &Path) -> Result<(Vec<Retrained>, LogNotes), LogError> {
    if !path.exists() {
        return Ok((Vec::new(), LogNotes::default()));
    }
    parse_lines(path, &read_bytes(path)?)
}

/// Where an interrupted training stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrainingState {
    /// Steps done.
    pub step: u64,
    /// All weights.
    pub parameters: Vec<f32>,
    /// Their momentum.
    pub momentum: Vec<f32>,
    /// Running means of batch norm.
    pub mean: Vec<f32>,
    /// Running variances.
    pub variance: Vec<f32>,
    /// Cross-entropy times images since the epoch began.
    pub cross_entropy: f32,
    /// Images right since then.
    pub correct: f32,
}

impl TrainingState {
    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`].
    pub fn write(&self, path: &Path) -> Result<(), FolderError> {
        let array = |name: &str, values: &[f32]| Array { name: name.to_owned(), dimensions: vec![values.len()], values: values.to_vec() };
        let arrays = [
            array("parameters", &self.parameters),
            array("momentum", &self.momentum),
            array("mean", &self.mean),
            array("variance", &self.variance),
            array("sums", &[self.cross_entropy, self.correct]),
        ];
        let bytes = to_safetensors(&arrays, &[("format", "pgnas-training".to_owned()), ("step", self.step.to_string())])
            .map_err(|what| FolderError::Unwritable { path: path.display().to_string(), source: std::io::Error::other(what) })?;
        write_whole(path, &bytes)
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`ArraysError`] for a file that is not there, torn or changed.
    pub fn read(path: &Path) -> Result<Self, ArraysError> {
        let mut arrays = Arrays::read(path)?;
        let damaged = |what: String| ArraysError::Damaged { path: path.display().to_string(), what };
        let step = arrays.facts.get("step").and_then(|step| step.parse().ok());
        let step = step.ok_or_else(|| damaged("it does not say of which step it is".into()))?;
        let mut take = |name: &str| arrays.take(name).map_err(damaged);
        let sums = take("sums")?;
        let sum = |place: usize| sums.get(place).copied().unwrap_or(0.0);
        let (parameters, momentum, mean, variance) = (take("parameters")?, take("momentum")?, take("mean")?, take("variance")?);
        Ok(Self { step, parameters, momentum, mean, variance, cross_entropy: sum(0), correct: sum(1) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_and_a_state_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("retrained.jsonl");
        assert_eq!(read_retrained(&path).unwrap().0, []);
        let retrained = Retrained {
            name: "7-scratch-1".into(),
            candidate: CandidateId(7),
            source: Source::Posterior,
            from: Start::Scratch,
            seed: 1,
            epochs: 3,
            recipe: vec!["train.epochs=3".into()],
            parameters: 10,
            macs: 20,
            cross_entropy: 0.5,
            train_accuracy: 0.75,
            inherited: Accuracy { correct: 2, total: 3 },
            retrained: Accuracy { correct: 1, total: 3 },
            only_inherited: 1,
            only_retrained: 0,
            p: 1.0,
            seconds: 0.5,
            correct: Bits(vec![true, false, false]),
        };
        retrained.append(&path).unwrap();
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "{\"name\":").unwrap();
        assert_eq!(read_retrained(&path).unwrap().0, [retrained]);
        let state =
            TrainingState { step: 17, parameters: vec![1.0, 2.0], momentum: vec![0.5, 0.25], correct: 3.0, ..TrainingState::default() };
        let path = folder.path().join("deep/state.safetensors");
        state.write(&path).unwrap();
        assert_eq!(TrainingState::read(&path).unwrap(), state);
    }
}
