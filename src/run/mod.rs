//! A run: what steers it, what it tells, and the folder that keeps it. Screens, replays and reports all read the same events.

mod command;
mod event;
mod network;
mod snapshot;

pub use command::Command;
pub use event::{
    Accuracy, Alert, AlertKind, CandidateId, CandidateScore, EpochMetrics, Event, LOG_VERSION, Outcome, Phase, PosteriorHealth, Record,
    Resources, Scores, Source, SplitSizes, Started, TestScore,
};
pub use network::{GroupSummary, NetworkSummary};
pub use snapshot::Snapshot;
