//! What a person can ask of a running search.

use serde::{Deserialize, Serialize};

/// One request to the engine. It is answered by events, never by a return value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Stop working after the current step or candidate, until resumed.
    Pause,
    /// Go on.
    Resume,
    /// Train to the end of the current epoch (or of the next, at its end), then pause.
    StepEpoch,
    /// Sample this many posterior candidates now, rank them, and go on with what was going on.
    SampleNow {
        /// How many.
        count: u32,
    },
    /// End the search; what is there stays.
    Stop,
}
