//! The newest state of a search, for screens: published a few times a second, never logged.

use super::{Alert, Phase, PosteriorHealth};
use serde::{Deserialize, Serialize};

/// What a screen shows beside the events. A slow reader misses snapshots, the search never waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// What the search is doing.
    pub phase: Phase,
    /// Whether it waits for somebody to resume it.
    pub paused: bool,
    /// Epochs done.
    pub epoch: u32,
    /// Epochs in all.
    pub epochs: u32,
    /// Share of the current phase that is done, in [0, 1].
    pub phase_progress: f64,
    /// Share of the whole search that is done, by time, in [0, 1]; `None` before anything was timed.
    pub progress: Option<f64>,
    /// Seconds left for the whole search; `None` before anything was timed, or while paused.
    pub seconds_left: Option<f64>,
    /// Training images per second, or images times candidates per second while ranking.
    pub images_per_second: Option<f64>,
    /// The device and its threads, such as `cpu ×2`.
    pub device: String,
    /// Candidates ranked.
    pub candidates: u32,
    /// Mean cross-entropy of the steps since the last epoch ended; `None` before the first step of an epoch.
    pub cross_entropy: Option<f64>,
    /// p of every group now.
    pub drop_probabilities: Vec<f32>,
    /// The posterior in a few numbers; its change is since the last epoch.
    pub health: PosteriorHealth,
    /// Share of the training time in which it waited for images, lately; `None` before the first step.
    pub waiting_share: Option<f64>,
    /// Bytes that the disk of the run has left; `None` where the system does not tell.
    pub disk_free: Option<u64>,
    /// What goes wrong with the machine, the worst first.
    #[serde(default)]
    pub alerts: Vec<Alert>,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            phase: Phase::Preparing,
            paused: false,
            epoch: 0,
            epochs: 0,
            phase_progress: 0.0,
            progress: None,
            seconds_left: None,
            images_per_second: None,
            device: String::new(),
            candidates: 0,
            cross_entropy: None,
            drop_probabilities: Vec::new(),
            health: PosteriorHealth::default(),
            waiting_share: None,
            disk_free: None,
            alerts: Vec::new(),
        }
    }
}
