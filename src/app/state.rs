//! The state of the screen.

use super::host::{PresetRow, RunRow};
use super::run::Run;
use super::start::Start;
use crate::run::{CandidateId, Command, Record, Snapshot};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What a key asks of the program around the screen.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Steer the search.
    Send(Command),
    /// Write a candidate's genotype.
    Export(CandidateId),
    /// Start a search.
    Start {
        /// Name of the preset.
        preset: String,
    },
    /// Open an earlier run.
    Open(PathBuf),
    /// Show the start screen.
    Back,
    /// Leave the program.
    Quit,
    /// Draw the whole screen anew.
    Redraw,
}

/// The panes of the screen of a run, in the order of Tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the titles say it")]
pub enum Pane {
    Candidates,
    Network,
    Curves,
    Posterior,
    Detail,
}

impl Pane {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Candidates, Self::Network, Self::Curves, Self::Posterior, Self::Detail];

    pub(super) fn step(self, by: usize) -> Self {
        Self::ALL[(self as usize + by) % Self::ALL.len()]
    }
}

/// What lies over the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// Nothing.
    None,
    /// The help, with the position of the chosen line.
    Help(usize),
    /// The question whether to leave.
    Leave,
}

/// What takes the place of the hint line until the next key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The line.
    pub text: String,
    /// Whether something went wrong.
    pub is_error: bool,
}

/// The signs of the screen, for the help.
pub const LEGEND: &[(&str, &str)] = &[
    ("=", "tied with the leader by exact McNemar and Holm over all; while ranking, by overlap of 95 % intervals"),
    ("±", "half the width of the 95 % Wilson interval"),
    ("● ◐ ○", "the chosen candidate keeps all, some or none of the operation's channels (ASCII: @ o .)"),
    ("↑ ↓ –", "the keep probability rose, fell or stayed within .005 over the last epoch (ASCII: ^ v -)"),
    ("kept", "of a candidate: its share of the masked channels; of a block: operations of keep above one half"),
    ("threshold", "reference: operations of drop above one half dropped, the others kept whole"),
    ("whole", "reference: everything kept"),
    ("random", "drawn with the posterior's own drop probabilities, permuted among operations of one size"),
    ("uniform", "drawn with one drop probability for all operations, at the same expected parameters"),
    ("constant", "no network: that one drop probability with fresh masks for every image, as the paper's random baseline"),
    ("–", "not known, or not there"),
];

/// The whole state of the screen. Nothing on it moves by itself: a frame follows a key, an event or a snapshot.
#[derive(Debug, Clone)]
pub struct App {
    pub(super) start: Start,
    pub(super) run: Option<Run>,
    pub(super) focus: Pane,
    pub(super) detail_scroll: usize,
    pub(super) overlay: Overlay,
    pub(super) notice: Option<Notice>,
}

impl Default for App {
    fn default() -> Self {
        Self::new()
    }
}

impl App {
    /// An empty start screen.
    #[must_use]
    pub fn new() -> Self {
        let start = Start::new(Vec::new(), Vec::new(), SystemTime::UNIX_EPOCH);
        Self { start, run: None, focus: Pane::Candidates, detail_scroll: 0, overlay: Overlay::None, notice: None }
    }

    /// Shows the start screen.
    pub fn show_start(&mut self, presets: Vec<PresetRow>, runs: Vec<RunRow>) {
        self.show_start_at(presets, runs, SystemTime::now());
    }

    /// [`Self::show_start`] at a given moment, from which ages are counted.
    pub fn show_start_at(&mut self, presets: Vec<PresetRow>, runs: Vec<RunRow>, now: SystemTime) {
        self.start = Start::new(presets, runs, now);
        self.run = None;
        self.overlay = Overlay::None;
    }

    /// Shows a run, so far without events: those follow through [`Self::apply`].
    pub fn show_run(&mut self, name: String, path: PathBuf, live: bool) {
        self.run = Some(Run::new(name, path, live));
        self.focus = Pane::Candidates;
        self.detail_scroll = 0;
        self.overlay = Overlay::None;
    }

    /// Takes an event of the run in; one seen before is passed over.
    pub fn apply(&mut self, record: &Record) {
        if let Some(alert) = self.run.as_mut().and_then(|run| run.apply(record)) {
            self.notice(alert.message, true);
        }
    }

    /// Takes the newest snapshot in.
    pub fn snapshot(&mut self, snapshot: Arc<Snapshot>) {
        if let Some(run) = &mut self.run {
            run.take_snapshot(snapshot);
        }
    }

    /// The engine's link has closed: what is there is all.
    pub fn ended(&mut self) {
        if let Some(run) = &mut self.run {
            run.unlink();
        }
    }

    /// Takes the hint line until the next key.
    pub fn notice(&mut self, text: String, is_error: bool) {
        self.notice = Some(Notice { text, is_error });
    }

    /// A candidate was exported.
    pub fn exported(&mut self, id: CandidateId, path: PathBuf) {
        self.notice(format!("candidate {} written to {}", id.0, path.display()), false);
        if let Some(run) = &mut self.run {
            run.remember_export(id, path);
        }
    }

    /// The sequence number expected next, for catching up from the log.
    #[must_use]
    pub fn next_record(&self) -> u64 {
        self.run.as_ref().map_or(0, Run::next_record)
    }

    /// When a frame is due without any news; `None`: never, so that idling costs nothing.
    #[must_use]
    pub fn animation_due(&self) -> Option<Duration> {
        None
    }

    /// The start screen.
    #[must_use]
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// The run on the screen; `None` on the start screen.
    #[must_use]
    pub fn run(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    /// The pane that has the focus.
    #[must_use]
    pub fn focus(&self) -> Pane {
        self.focus
    }

    /// Lines that the detail of the candidate is scrolled by.
    #[must_use]
    pub fn detail_scroll(&self) -> usize {
        self.detail_scroll
    }

    /// What lies over the screen.
    #[must_use]
    pub fn overlay(&self) -> Overlay {
        self.overlay
    }

    /// What takes the place of the hint line.
    #[must_use]
    pub fn notice_line(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }
}
