//! A run: what steers it, what it tells, and the folder that keeps it. Screens, replays and reports all read the same events.

mod append;
mod averaging;
mod candidates;
mod checkpoint;
mod command;
mod device;
mod event;
mod folder;
mod indexed;
mod listing;
mod log;
mod network;
pub mod resources;
mod retrained;
mod snapshot;
mod splits;
mod steering;
pub mod tensors;
mod time;
mod torchvision;
mod watch;
mod weights;

#[cfg(test)]
pub(crate) mod fixture;

pub use append::{JsonLines, LogError, LogNotes, count_lines};
pub use averaging::Averaging;
pub use candidates::{Bits, CandidateRecord, CandidateWriter, newest, pareto, ranked, read_answers, read_candidates, ties, winner};
pub use checkpoint::{
    CHECKPOINT_VERSION, Checkpoint, CheckpointError, Checkpoints, RaceStanding, RankingStanding, RunnerStanding, Standing,
};
pub use command::{Command, Fate};
pub use device::readable;
pub use event::{
    Acceptance, Accuracy, Alert, AlertKind, CandidateId, CandidateScore, EnsembleTest, EpochMetrics, Event, FinalTest, KlParts,
    LOG_VERSION, Outcome, PaperCount, Phase, PosteriorHealth, RaceOutcome, Record, Resources, Scores, Source, SplitSizes, Spread, Started,
    TestScore, Ties,
};
pub use folder::{FolderError, RunFolder, RunLock, write_whole};
pub use indexed::IndexedLog;
pub use listing::{RunListing, RunState, list_run, list_runs};
pub use log::{Recorder, read_log};
pub use network::{GroupSummary, NetworkSummary};
pub use retrained::{Retrained, Start, TrainingState, read_retrained};
pub use snapshot::Snapshot;
pub use splits::{SelectFile, SplitsFile};
pub use steering::Steering;
pub use time::stamp;
pub use torchvision::{Pretrained, PretrainedError};
pub use watch::{Machine, Watch, machine_alerts, posterior_alerts};
pub use weights::KeptWeights;
