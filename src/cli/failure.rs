//! How a command ends: exit codes, and the errors behind them.

use crate::preset::PresetError;
use crate::run::{FolderError, LogError};
use std::process::ExitCode;

/// How a command ended that did what it could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All was done: 0.
    Done,
    /// It failed while running: 1.
    Failed,
    /// The user's mistake, told already: 2.
    Mistake,
    /// Stopped before its end: 3.
    Stopped,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The exit codes as `--help` tells them.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed while running
  2  the user's mistake: a wrong argument, preset, file or folder
  3  stopped before the end";

/// Why a command did not do what it could.
#[derive(Debug)]
pub enum Failure {
    /// Something that the user can mend, in one line: exit code 2.
    Mistake(String),
    /// Something that went wrong on the way, in one line: exit code 1.
    Failed(String),
    /// Nobody reads the output any more: no reason to say anything.
    Closed,
    /// Something that should not happen: exit code 1, with all there is to know.
    Unexpected(color_eyre::Report),
}

impl From<PresetError> for Failure {
    fn from(error: PresetError) -> Self {
        Self::Mistake(error.to_string())
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        Self::Mistake(error.to_string())
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        Self::Mistake(error.to_string())
    }
}

impl Failure {
    /// Its line for a screen or a terminal, without line breaks.
    #[must_use]
    pub fn line(&self) -> String {
        let text = match self {
            Self::Mistake(text) | Self::Failed(text) => text.clone(),
            Self::Closed => "the output was closed".into(),
            Self::Unexpected(report) => report.to_string(),
        };
        text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
    }
}
