//! The state of the screen.

use super::form::{Form, RenameLine};
use super::host::{Changes, Done, Errand, PresetRow, RunRow, Task, Tie, Training, Written};
use super::keymap::Keymap;
use super::meter::{Frame, LinkMode, Meter};
use super::prompt::{FilterLine, Palette};
use super::replay::{PlaceLine, Replay};
use super::run::Run;
use super::start::Start;
use super::steer::DialLine;
use super::training::TrainingLine;
use crate::run::{CandidateId, Command, Event, Fate, Record, Snapshot};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// What a key asks of the program around the screen.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Steer the search.
    Send(Command),
    /// Have something done with a candidate.
    Errand(Task),
    /// Check how candidates are to be trained.
    Train {
        /// Folder of their run.
        run: PathBuf,
        /// What they begin with.
        from: crate::run::Start,
        /// How.
        training: Training,
    },
    /// Copy a text to the clipboard of the terminal.
    Copy(String),
    /// Take the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Stop the program until the shell lets it go on.
    Suspend,
    /// Start a search.
    Start {
        /// Name of the preset.
        preset: String,
        /// What is changed of it.
        changes: Changes,
    },
    /// Check a preset with some keys changed.
    Draft {
        /// Name of the preset.
        preset: String,
        /// What is changed of it.
        changes: Changes,
    },
    /// Go on with a run that was interrupted.
    Resume(PathBuf),
    /// Give a run another name.
    Rename {
        /// Its folder.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// Delete a run.
    Delete(PathBuf),
    /// Show two runs side by side.
    Beside(PathBuf, PathBuf),
    /// Open an earlier run.
    Open(PathBuf),
    /// Play the log of a run.
    Replay(PathBuf),
    /// Show the start screen.
    Back,
    /// Leave the program.
    Quit,
    /// Draw the whole screen anew.
    Redraw,
}

/// The screens of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum View {
    /// All there is, side by side.
    Search,
    /// Every group over all epochs.
    Posterior,
    /// The candidates beside the network of the chosen one.
    Samples,
    /// Posterior candidates against those of a baseline.
    Compare,
    /// Every curve over the epochs.
    Curves,
}

impl View {
    /// All of them, in the order of their keys, with the word for each.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Search, "search"),
        (Self::Posterior, "posterior"),
        (Self::Samples, "samples"),
        (Self::Compare, "compare"),
        (Self::Curves, "curves"),
    ];

    /// Its panes, in the order of Tab; the first has the focus at first.
    #[must_use]
    pub fn panes(self) -> &'static [Pane] {
        match self {
            Self::Search => &[Pane::Candidates, Pane::Network, Pane::Curves, Pane::Posterior, Pane::Detail],
            Self::Posterior => &[Pane::Posterior, Pane::Group],
            Self::Samples => &[Pane::Candidates, Pane::Detail],
            Self::Compare => &[Pane::Comparison, Pane::BestOf, Pane::Facts],
            Self::Curves => &[Pane::Curves],
        }
    }
}

/// The panes of the screens of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the titles say it")]
pub enum Pane {
    Candidates,
    Network,
    Curves,
    Posterior,
    Group,
    Detail,
    Comparison,
    BestOf,
    Facts,
}

/// What lies over the screen.
#[derive(Debug, Clone, PartialEq)]
pub enum Overlay {
    /// Nothing.
    None,
    /// The help, with the position of the chosen line.
    Help(usize),
    /// The question whether to leave.
    Leave,
    /// The palette of commands.
    Palette(Palette),
    /// The line in which the filter is typed.
    Filter(FilterLine),
    /// The line in which a number is typed.
    Dial(DialLine),
    /// The line in which a place of a replay is typed.
    Place(PlaceLine),
    /// The keys of a preset.
    Form(Box<Form>),
    /// The line in which a run's new name is typed.
    Rename(RenameLine),
    /// The question whether to delete a run.
    Delete(Box<RunRow>),
    /// The question whether to end the search.
    Stop,
    /// The question whether to hold all operations of a block, by its number.
    Hold(usize, Fate),
    /// The line in which is typed how candidates are trained.
    Train(TrainingLine),
    /// What the line to the terminal takes, from a line on.
    Meter(usize),
    /// The marked candidates side by side, from a line on, with so many of those after the first passed over.
    Marked(usize, usize),
    /// Alerts and interventions, the newest first, from a line on.
    Messages(usize),
}

/// What came while the view is frozen.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    pub(super) records: Vec<Record>,
    snapshot: Option<Arc<Snapshot>>,
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
    ("◆", "on the front: no other network is as accurate with fewer parameters (ASCII: $)"),
    ("* P", "before a candidate: marked; pinned, to see how the others differ from it"),
    ("+ - ~", "in a candidate's network: gained, lost, or another share kept than by the pinned one"),
    ("█ ░ ▓", "of a histogram: posterior, the baseline, both (ASCII: # : %); of the best of n, `·` and `:` fill the middle 95 % of draws"),
    ("■ □", "before an operation: held kept, held dropped, by hand (ASCII: K D)"),
    ("–", "not known, or not there"),
];

/// The whole state of the screen. Nothing on it moves by itself but a replay: a frame follows a key, an event or a snapshot.
#[derive(Debug, Clone)]
pub struct App {
    pub(super) start: Start,
    pub(super) run: Option<Run>,
    /// How the screen is tied to the search of the run.
    pub(super) tie: Tie,
    /// The run beside it.
    pub(super) beside: Option<Box<Run>>,
    pub(super) view: View,
    pub(super) focus: Pane,
    /// Lines, or charts, that what scrolls on this screen is scrolled by.
    pub(super) scroll: usize,
    /// Whether the last frame had more of what scrolls than it could show.
    pub(super) overflows: bool,
    /// Whether the pane that has the focus has the whole page.
    pub(super) expanded: bool,
    pub(super) overlay: Overlay,
    pub(super) notice: Option<Notice>,
    /// Alerts that nobody has seen so far.
    pub(super) alerts: VecDeque<Notice>,
    pub(super) keymap: Keymap,
    pub(super) takes_mouse: bool,
    /// What is under way, with how far it is.
    pub(super) at_work: BTreeMap<Task, String>,
    /// There while the view is frozen.
    pub(super) held: Option<Held>,
    /// There while a log is played.
    pub(super) replay: Option<Replay>,
    pub(super) meter: Meter,
}

impl Default for App {
    fn default() -> Self {
        Self::new()
    }
}

impl App {
    /// An empty start screen with the keys of the table.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Keymap::default(), true)
    }

    /// An empty start screen; `takes_mouse`: whether clicks are for the program.
    #[must_use]
    pub fn with(keymap: Keymap, takes_mouse: bool) -> Self {
        Self {
            start: Start::new(Vec::new(), Vec::new(), SystemTime::UNIX_EPOCH),
            run: None,
            tie: Tie::Own,
            beside: None,
            view: View::Search,
            focus: Pane::Candidates,
            scroll: 0,
            overflows: false,
            expanded: false,
            overlay: Overlay::None,
            notice: None,
            alerts: VecDeque::new(),
            keymap,
            takes_mouse,
            at_work: BTreeMap::new(),
            held: None,
            replay: None,
            meter: Meter::default(),
        }
    }

    /// Shows the start screen.
    pub fn show_start(&mut self, presets: Vec<PresetRow>, runs: Vec<RunRow>) {
        self.show_start_at(presets, runs, SystemTime::now());
    }

    /// [`Self::show_start`] at a given moment, from which ages are counted.
    pub fn show_start_at(&mut self, presets: Vec<PresetRow>, runs: Vec<RunRow>, now: SystemTime) {
        let left = self.run.as_ref().map(|run| run.path.clone());
        self.start = Start::new(presets, runs, now);
        if let Some(left) = left {
            // Back there the first key must not start a search.
            self.start.return_from(&left);
        }
        self.tell_what_goes_on();
        (self.run, self.beside) = (None, None);
        (self.held, self.replay) = (None, None);
        self.overlay = Overlay::None;
        self.alerts.clear();
    }

    /// The runs were listed anew; what is chosen and marked stays so.
    pub fn runs_listed(&mut self, runs: Vec<RunRow>, now: SystemTime) {
        self.start.relist(runs, now);
    }

    /// Goes to the list of runs, where there are any.
    pub fn choose_run(&mut self, at: usize) {
        self.start.choose(self.start.presets().len() + at);
    }

    /// Shows a run, so far without events: those follow through [`Self::apply`].
    pub fn show_run(&mut self, name: String, path: PathBuf, live: bool) {
        self.run = Some(Run::new(name, path, live));
        self.tie = Tie::Own;
        self.beside = None;
        (self.held, self.replay) = (None, None);
        // A search has no candidates for most of its time.
        self.focus = Pane::Network;
        self.show(View::Search);
        self.overlay = Overlay::None;
        self.alerts.clear();
    }

    /// Says how the screen is tied to the search of the run that it shows.
    pub fn set_tie(&mut self, tie: Tie) {
        self.tie = tie;
    }

    /// How the screen is tied to the search of the run that it shows.
    #[must_use]
    pub fn tie(&self) -> Tie {
        self.tie
    }

    /// Shows a screen of the run; the focus stays where the screen has its pane.
    pub(super) fn show(&mut self, view: View) {
        self.view = view;
        self.beside = None;
        self.scroll = 0;
        self.expanded = false;
        if !view.panes().contains(&self.focus) {
            self.focus = view.panes()[0];
        }
    }

    /// Takes an event of the run in; one seen before is passed over. A frozen view takes it in once it follows again.
    pub fn apply(&mut self, record: &Record) {
        if let Some(held) = &mut self.held {
            let seen = held.records.last().map_or(0, |last| last.sequence + 1);
            if record.sequence >= seen.max(self.run.as_ref().map_or(0, Run::next_record)) {
                held.records.push(record.clone());
                if let Event::Alert(alert) = &record.event {
                    self.alert(alert.message.clone());
                }
            }
        } else if let Some(told) = self.run.as_mut().and_then(|run| run.apply(record)) {
            self.alert(told);
        }
    }

    /// Takes the newest snapshot in.
    pub fn snapshot(&mut self, snapshot: Arc<Snapshot>) {
        if snapshot.paused {
            // The head of the screen says so from here on.
            self.notice = self.notice.take().filter(|notice| notice.text != super::update::PAUSING);
        }
        if let Some(held) = &mut self.held {
            held.snapshot = Some(snapshot);
        } else if let Some(run) = &mut self.run {
            run.take_snapshot(snapshot);
        }
    }

    /// Holds the view still, or lets it follow again.
    pub(super) fn freeze(&mut self) {
        let Some(held) = self.held.take() else {
            self.held = Some(Held::default());
            return;
        };
        for record in &held.records {
            let told = self.run.as_mut().and_then(|run| run.apply(record));
            // An alert was told as it came.
            if let Some(told) = told.filter(|_| !matches!(record.event, Event::Alert(_))) {
                self.alert(told);
            }
        }
        if let Some(snapshot) = held.snapshot {
            self.snapshot(snapshot);
        }
    }

    /// Events that a frozen view has not taken in yet; `None` where it follows.
    #[must_use]
    pub fn behind(&self) -> Option<usize> {
        self.held.as_ref().map(|held| held.records.len())
    }

    /// Whether the search waits for somebody to resume it, whatever a frozen view shows.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        let newest = self.held.as_ref().and_then(|held| held.snapshot.as_ref());
        newest.map_or_else(|| self.run.as_ref().is_some_and(Run::is_paused), |snapshot| snapshot.paused)
    }

    /// The engine's link has closed: what is there is all. Where the log has no end, its process was lost.
    pub fn ended(&mut self) {
        if let Some(run) = self.run.as_ref().filter(|run| run.is_live() && !self.knows_end()) {
            let remedy = format!("`pgnas resume {}` goes on from its last checkpoint", run.name());
            self.notice(format!("the process of the search is gone; {remedy}"), true);
        }
        if let Some(run) = &mut self.run {
            run.unlink();
        }
    }

    /// Takes the hint line until the next key.
    pub fn notice(&mut self, text: String, is_error: bool) {
        if is_error && self.replay.is_none() {
            log::warn!("{text}");
        }
        self.notice = Some(Notice { text, is_error });
    }

    /// A task is so far.
    pub fn progress(&mut self, task: &Task, line: String) {
        if let Some(told) = self.at_work.get_mut(task) {
            *told = line;
        }
    }

    /// A task has ended: what came of it, or one line on what went wrong.
    pub fn done(&mut self, task: &Task, result: Result<Done, String>) {
        self.at_work.remove(task);
        let done = match result {
            Err(fault) => return self.tell(fault, true),
            Ok(done) => done,
        };
        let left = self.at_work.len();
        let more = if left > 0 { format!("; {left} more under way") } else { String::new() };
        let told = match &done {
            Done::Written(Written { folder, select, note }) => {
                let note = note.as_ref().map_or_else(String::new, |note| format!("; {note}"));
                match select {
                    Some(select) => format!("written to {}, read back: select {:.3}{note}", folder.display(), select.share()),
                    None => format!("without its weights in {}{note}", folder.display()),
                }
            }
            Done::Evaluated { .. } => "evaluated: its figures stand above its network".to_owned(),
            Done::Retrained(trained) => {
                let (before, now) = (trained.inherited.share(), trained.retrained.share());
                format!("trained: select {now:.3} instead of {before:.3}")
            }
        };
        let is_wanting = matches!(&done, Done::Written(written) if written.note.is_some() || written.select.is_none());
        self.tell(format!("candidate {} {told}{more}", task.candidate.0), is_wanting);
        // The screen may have gone on to another run, which has candidates of the same numbers.
        if let Some(run) = self.run.as_mut().filter(|run| run.path == task.run) {
            run.findings.insert((task.candidate, task.errand), done);
        }
    }

    /// What is under way for a candidate of the run that shows, with how far it is.
    pub fn at_work(&self, candidate: CandidateId) -> impl Iterator<Item = (Errand, &str)> {
        let path = self.run.as_ref().map(|run| run.path.as_path());
        let of_it = self.at_work.iter().filter(move |(task, _)| task.candidate == candidate && Some(task.run.as_path()) == path);
        of_it.map(|(task, line)| (task.errand, line.as_str()))
    }

    /// The sequence number expected next, for catching up from the log.
    #[must_use]
    pub fn next_record(&self) -> u64 {
        let held = self.held.as_ref().and_then(|held| held.records.last());
        held.map_or_else(|| self.run.as_ref().map_or(0, Run::next_record), |last| last.sequence + 1)
    }

    /// When a frame is due without any news; `None`: never, so that idling costs nothing.
    #[must_use]
    pub fn animation_due(&self) -> Option<Duration> {
        // Its rates are of the last seconds, and these pass.
        let metered = matches!(self.overlay, Overlay::Meter(_)).then_some(Duration::from_secs(1));
        [self.replay_due(), metered].into_iter().flatten().min()
    }

    /// Says how often frames may be sent.
    pub fn set_link(&mut self, mode: LinkMode) {
        self.meter.mode = mode;
    }

    /// What the line to the terminal takes.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// A frame is about to be painted, while so many events wait.
    pub fn frame_begins(&mut self, at: Instant, backlog: usize) {
        self.meter.begin(at, backlog);
    }

    /// The frame was sent, or was the same as the one before and was not.
    pub fn frame_ended(&mut self, frame: Option<Frame>) {
        self.meter.end(frame);
    }

    /// The terminal answers what it is asked.
    pub fn terminal_answers(&mut self) {
        self.meter.answers = true;
    }

    /// The terminal has shown the frame behind which it was asked.
    pub fn terminal_ready(&mut self, at: Instant) {
        self.meter.answered(at);
    }

    /// An event shares the next frame with one before it.
    pub fn frame_shared(&mut self) {
        self.meter.shared += 1;
    }

    /// Events were lost on the way and are read from the log.
    pub fn events_missed(&mut self, count: u64) {
        self.meter.missed += count;
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

    /// The screen of the run that shows.
    #[must_use]
    pub fn view(&self) -> View {
        self.view
    }

    #[cfg(test)]
    pub(crate) fn set_keymap(&mut self, keymap: Keymap) {
        self.keymap = keymap;
    }

    /// The keys of all actions.
    #[must_use]
    pub fn keymap(&self) -> &Keymap {
        &self.keymap
    }

    /// Whether clicks are for the program and not for the terminal.
    #[must_use]
    pub fn takes_mouse(&self) -> bool {
        self.takes_mouse
    }

    /// The pane that has the focus.
    #[must_use]
    pub fn focus(&self) -> Pane {
        self.focus
    }

    /// Whether the pane that has the focus has the whole page.
    #[must_use]
    pub fn expanded(&self) -> bool {
        self.expanded
    }

    /// What lies over the screen.
    #[must_use]
    pub fn overlay(&self) -> &Overlay {
        &self.overlay
    }
}
