//! `splits.json`: which images a search trained, ranked and tested on, and what they were normalised with; `select.json`, the part of it that
//! goes with exports.

use crate::data::{Split, Splits};
use serde::{Deserialize, Serialize};

/// The splits of a run. Images are told by their positions in the set, from 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitsFile {
    /// Name of the image set.
    pub set: String,
    /// Images of the whole set.
    pub images: usize,
    /// SHA-256 of the whole set.
    pub images_sha256: String,
    /// The classes' names.
    pub classes: Vec<String>,
    /// Mean of each channel over the train split, in shares of full intensity.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel, likewise.
    pub deviation: Vec<f32>,
    /// Images that train.
    pub train: Vec<usize>,
    /// Images that rank.
    pub select: Vec<usize>,
    /// Images that judge the winner.
    pub test: Vec<usize>,
}

/// The images that a candidate was ranked on, as an export has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelectFile {
    /// Name of the image set.
    pub set: String,
    /// Images of the whole set.
    pub images: usize,
    /// SHA-256 of the whole set.
    pub images_sha256: String,
    /// Positions of the select images in the set, from 0.
    pub select: Vec<usize>,
    /// The class of each of them.
    pub labels: Vec<u16>,
}

impl SelectFile {
    /// Of splits at work.
    #[must_use]
    pub fn of(splits: &Splits) -> Self {
        let set = splits.set();
        Self {
            set: set.name().to_owned(),
            images: set.len(),
            images_sha256: set.digest(),
            select: splits.indices(Split::Select).to_vec(),
            labels: splits.select.images().labels().to_vec(),
        }
    }

    /// The text of its file: JSON in one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings and numbers alone: nothing here that JSON cannot hold.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

impl SplitsFile {
    /// Of splits at work.
    #[must_use]
    pub fn of(splits: &Splits) -> Self {
        let (set, indices) = (splits.set(), |split| splits.indices(split).to_vec());
        Self {
            set: set.name().to_owned(),
            images: set.len(),
            images_sha256: set.digest(),
            classes: set.classes().to_vec(),
            mean: splits.normalisation.mean.clone(),
            deviation: splits.normalisation.deviation.clone(),
            train: indices(Split::Train),
            select: indices(Split::Select),
            test: indices(Split::Test),
        }
    }
}
