//! What `pgnas ensemble` finds out about a run, kept in its folder: `ensemble.json`.

use super::{CandidateId, FolderError, write_whole};
use crate::posterior::statistics::Averaged;
use crate::preset::BatchNormMode;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The quality of mean predictions on the select split as the number of networks grows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Averaging {
    /// `pgnas-ensemble`.
    pub format: String,
    /// Version of the format, 1.
    pub version: u32,
    /// Name of the run.
    pub run: String,
    /// Which batch-norm statistics the networks have.
    pub batch_norm: BatchNormMode,
    /// Select images.
    pub images: u32,
    /// Splits of them into halves, each both ways: one half chooses, the other judges.
    pub half_splits: u32,
    /// Bins of the calibration error.
    pub bins: u32,
    /// The posterior candidates, the best first.
    pub ranking: Vec<CandidateId>,
    /// Of each number of networks.
    pub averaged: Vec<Averaged>,
}

impl Averaging {
    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`].
    pub fn write(&self, path: &Path) -> Result<(), FolderError> {
        // Strings, numbers and lists alone: nothing here that JSON cannot hold.
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        write_whole(path, format!("{text}\n").as_bytes())
    }

    /// Reads it; `None` where there is none, or none of this version.
    #[must_use]
    pub fn read(path: &Path) -> Option<Self> {
        let read: Self = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        (read.version == 1).then_some(read)
    }
}
