//! What the screen asks of the program around it: presets, runs, searches, exports.

use super::answers::{Question, Reading};
use crate::link::Link;
use crate::posterior::statistics::Quality;
use crate::run::{Accuracy, CandidateId, IndexedLog, Record, Retrained, Start};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

/// A preset in the list of the start screen.
#[derive(Debug, Clone, PartialEq)]
pub struct PresetRow {
    /// Its name.
    pub name: String,
    /// One line on it.
    pub summary: String,
    /// Parameters of the super-network.
    pub parameters: usize,
    /// Mask groups.
    pub groups: usize,
    /// Epochs to train.
    pub epochs: u32,
}

/// An earlier run in the list of the start screen.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// The preset it was started from.
    pub preset: String,
    /// Its seed.
    pub seed: u64,
    /// How it stands, such as `running`, `paused`, `completed`, `stopped`, `failed`, `crashed`.
    pub state: String,
    /// Select accuracy of its best posterior candidate.
    pub best: Option<Accuracy>,
    /// When its log was last written.
    pub written: SystemTime,
    /// Bytes of its folder.
    pub bytes: u64,
}

/// How a screen is tied to the search that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tie {
    /// It is in the same process and ends with it.
    #[default]
    Own,
    /// It is in a process of its own and goes on without the screen.
    Host,
    /// The same, and the screen cannot steer it.
    Watch,
}

/// What a search is started with beside its preset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Seed of the run; 1 where none is given.
    pub seed: Option<u64>,
    /// Values laid over the preset, by key.
    pub set: BTreeMap<String, String>,
}

/// A preset with some keys changed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft {
    /// Every key that applies.
    pub keys: Vec<KeyRow>,
    /// Parameters of the super-network.
    pub parameters: usize,
    /// Mask groups.
    pub groups: usize,
}

/// A key of a preset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Its path, such as `train.epochs`.
    pub key: String,
    /// Its value as it is written.
    pub value: String,
    /// Where the value comes from.
    pub origin: String,
    /// What the key means.
    pub doc: String,
    /// What its value may be, to be read after "must be".
    pub kind: String,
}

/// A run on the screen: a live one has a link, an earlier one only its log.
#[derive(Debug)]
pub struct Opened {
    /// Name of the run.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// The events so far.
    pub records: Vec<Record>,
    /// The engine, where one is at work.
    pub link: Option<Link>,
    /// How the screen is tied to it.
    pub tie: Tie,
}

/// A run whose log is to be played.
#[derive(Debug)]
pub struct Replayed {
    /// Name of the run.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// Its log.
    pub log: IndexedLog,
    /// How many times as fast as the run went, where somebody says so.
    pub speed: Option<f64>,
}

/// What is done with a candidate beside the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Errand {
    /// Its files are written.
    Export,
    /// It is asked all select images, with three kinds of batch-norm statistics.
    Evaluate,
    /// It is trained by itself.
    Retrain(Start),
}

/// An errand for one candidate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Task {
    /// Folder of the run.
    pub run: PathBuf,
    /// The candidate.
    pub candidate: CandidateId,
    /// What is done with it.
    pub errand: Errand,
    /// How it is trained, where it is.
    pub training: Training,
}

/// How a candidate is trained, beside what the recipe of the search says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Training {
    /// Seed; that of the run where none is given.
    pub seed: Option<u64>,
    /// Changes to the recipe of the search, `key=value`.
    pub recipe: Vec<String>,
}

/// What came of a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Done {
    /// Its files were written.
    Written(Written),
    /// What it gets right.
    Evaluated {
        /// For each kind of batch-norm statistics.
        rows: Vec<Judged>,
        /// Milliseconds that an image takes on this device.
        latency_ms: f64,
    },
    /// What it was trained to.
    Retrained(Box<Retrained>),
}

/// What an export left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// Where its files lie.
    pub folder: PathBuf,
    /// What the weights get right that were read back; none where the genotype and the drawing alone could be written.
    pub select: Option<Accuracy>,
    /// What is not as one would wish.
    pub note: Option<String>,
}

/// A candidate on the select images with one kind of batch-norm statistics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// What people call that kind.
    pub batch_norm: &'static str,
    /// Whether it decides in this run.
    pub decides: bool,
    /// Images right.
    pub accuracy: Accuracy,
    /// How good its predictions are.
    pub quality: Quality,
}

/// How a job tells how far it is, and learns that it is to stop.
pub struct Progress<'a> {
    /// Takes a line for the screen.
    pub tell: &'a dyn Fn(String),
    /// Set when the screen is left: what can go on later stops.
    pub stop: Arc<AtomicBool>,
}

/// Work that takes a while, for a thread of its own.
pub type Job = Box<dyn FnOnce(&Progress<'_>) -> Result<Done, String> + Send>;

/// What lists the runs, for a thread of its own: those at work are asked how they stand, and may take a while to answer.
pub type Listing = Box<dyn FnOnce() -> Vec<RunRow> + Send>;

/// What lies outside the screen. Every error is one line that says what, where and the remedy.
pub trait Host {
    /// All presets.
    fn presets(&self) -> Vec<PresetRow>;
    /// What lists the earlier runs, the newest first.
    fn runs(&self) -> Listing;
    /// Starts a search from a preset.
    ///
    /// # Errors
    /// One line for the user.
    fn start(&mut self, preset: &str, changes: &Changes) -> Result<Opened, String>;
    /// A preset with some keys changed, checked as a whole.
    ///
    /// # Errors
    /// One line for the user: which key, what is wrong, what to give.
    fn draft(&self, preset: &str, changes: &Changes) -> Result<Draft, String>;
    /// Goes on with a run that was stopped or whose process died.
    ///
    /// # Errors
    /// One line for the user.
    fn resume(&mut self, path: &Path) -> Result<Opened, String>;
    /// Gives a run another name.
    ///
    /// # Errors
    /// One line for the user.
    fn rename(&mut self, path: &Path, name: &str) -> Result<(), String>;
    /// Deletes a run with all that it holds.
    ///
    /// # Errors
    /// One line for the user.
    fn delete(&mut self, path: &Path) -> Result<(), String>;
    /// Opens an earlier run.
    ///
    /// # Errors
    /// One line for the user.
    fn open(&mut self, path: &Path) -> Result<Opened, String>;
    /// Opens the log of a run to be played; nothing of the run is changed.
    ///
    /// # Errors
    /// One line for the user.
    fn replay(&mut self, path: &Path) -> Result<Replayed, String>;
    /// Events of a run's log from a sequence number on, for a screen that was too slow for the ring.
    ///
    /// # Errors
    /// One line for the user.
    fn catch_up(&mut self, path: &Path, from: u64) -> Result<Vec<Record>, String>;
    /// Checks how candidates of a run are to be trained, before any is.
    ///
    /// # Errors
    /// One line for the user: which key, what is wrong, what to give.
    fn check_training(&self, path: &Path, from: Start, training: &Training) -> Result<(), String>;
    /// What does a task; its error is one line on what went wrong.
    fn job(&self, task: &Task) -> Job;
    /// What reads the answers of a run's candidates.
    fn answers(&self, question: &Question) -> Reading;
    /// Waits until the engine of a stopped or finished search has closed its log.
    fn finish(&mut self);
}
