//! The engine: burn at work on its own thread. Interpreter, objective, training, ranking, devices.

pub mod budget;
pub mod checks;
mod classifier;
pub mod devices;
mod examples;
pub mod feed;
pub mod fleet;
pub mod guard;
pub mod interpreter;
pub mod kernels;
pub mod noise;
pub mod objective;
pub mod operations;
pub mod optimiser;
mod pace;
mod parallel;
mod paths;
pub mod pool;
pub mod ranker;
pub mod rebuild;
pub mod remote;
pub mod retrain;
pub mod schedule;
mod search;
#[cfg(feature = "remote")]
pub mod serve;
mod stack;
mod sums;
pub mod trainer;
pub mod weights;

use crate::data::{Augment, DataError, Splits};
use crate::graph::{Graph, GraphError};
use crate::link::{Link, channel};
use crate::preset::{DataChoice, Precision, Preset};
use crate::run::{Alert, CandidateRecord, Checkpoint, FolderError, Pretrained, Recorder, RunFolder, RunLock, Steering, Watch};
use fleet::Fleet;
use std::thread::JoinHandle;
use std::time::Duration;

/// Everything a search needs.
#[derive(Debug)]
pub struct Plan {
    /// Name of the run.
    pub run: String,
    /// What to search, by which recipe.
    pub preset: Preset,
    /// The super-network of the preset for these images.
    pub graph: Graph,
    /// Name of the image set.
    pub set: String,
    /// The images.
    pub splits: Splits,
    /// Seed of everything random but the splits.
    pub seed: u64,
    /// Where to compute.
    pub fleet: Fleet,
    /// Where the run is kept.
    pub folder: RunFolder,
    /// Its log.
    pub recorder: Recorder,
    /// What the log should say of the choice of the device.
    pub notices: Vec<Alert>,
    /// Weights to start from.
    pub pretrained: Option<Pretrained>,
    /// How the search outlives its process.
    pub keep: Keep,
}

/// How a search outlives its process.
#[derive(Debug)]
pub struct Keep {
    /// That the run is this process's.
    pub lock: RunLock,
    /// Time between checkpoints.
    pub every: Duration,
    /// Where a run that was interrupted goes on.
    pub resume: Option<Resume>,
}

/// A run that goes on.
#[derive(Debug)]
pub struct Resume {
    /// What it goes on from; `None` where it has to begin again.
    pub checkpoint: Option<Checkpoint>,
    /// Its candidates up to there.
    pub candidates: Vec<CandidateRecord>,
    /// Records that were cut from its log.
    pub undone: u64,
    /// What was wrong with newer checkpoints.
    pub notes: Vec<String>,
    /// How it was steered up to there.
    pub steering: Steering,
    /// Which alerts its log has raised up to there.
    pub watch: Watch,
}

/// Why a search cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The images do not fit the recipe.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The run folder cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A candidate cannot be made a network of its own.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The system gives no thread.
    #[error("the search needs a thread of its own and the system gives none: {0}; end other programs and try again")]
    Thread(std::io::Error),
    /// The checkpoint is of another network.
    #[error("the checkpoint does not fit ({0}); config.toml and checkpoints are not of one run")]
    Checkpoint(String),
    /// Nothing to choose from.
    #[error(
        "no edge of the network offers two operations, so there is nothing that posterior.kind = \"categorical\" could choose; take \"gates\""
    )]
    NoChoice,
    /// The loss is not finite.
    #[error("the loss of epoch {epoch} was not finite; train with a lower learning rate or clip, such as --recipe learning_rate=0.01")]
    Diverged {
        /// The epoch, from 1.
        epoch: u64,
    },
    /// The device does not compute so.
    #[error(
        "device {device} does not compute in {word}, which train.precision asks for; take train.precision=f32, or a device that does, such as \
         cuda or cpu",
        word = precision.word()
    )]
    Precision {
        /// Which one.
        device: String,
        /// What is asked for.
        precision: Precision,
    },
    /// Not a probability.
    #[error("posterior.initial_drop is not a probability; take a number between 0 and 1, such as 0.1")]
    InitialDrop,
}

/// What a recipe does to training images.
#[must_use]
pub fn augment(data: &DataChoice) -> Augment {
    let &DataChoice { rotation, crop, jitter, autoaugment, shift, flip, cutout, .. } = data;
    Augment { rotation, crop, jitter, autoaugment, shift, flip, cutout }
}

/// Starts a search on its own thread, and hands out the link to it.
///
/// # Errors
/// [`EngineError`] where it cannot start.
pub fn start(plan: Plan) -> Result<(Link, JoinHandle<()>), EngineError> {
    let (publisher, link) = channel();
    let search = search::Search::new(plan, publisher)?;
    let thread = std::thread::Builder::new().name("engine".into()).spawn(move || search.run()).map_err(EngineError::Thread)?;
    Ok((link, thread))
}
