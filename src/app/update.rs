//! What a key does: through the table of actions, and through what lies over the screen.

use super::action::{ACTIONS, Action, ActionId as Id, Scene};
use super::conditions::samples;
use super::filter::Filter;
use super::host::{Changes, Errand, Task, Tie, Training};
use super::key::{Code, Key};
use super::prompt::{FilterLine, Palette};
use super::replay::PlaceLine;
use super::scroll::FURTHEST;
use super::start::Chosen;
use super::state::{App, Effect, Overlay, Pane, View};
use super::steer::Dial;
use crate::run::{CandidateId, Command, Fate, Start};

/// Lines of a page.
const PAGE: isize = 10;
/// Far enough for any list.
const FAR: isize = isize::MAX / 2;
/// Candidates of one `sample now`.
const SAMPLES: u32 = 20;

/// Where a key of the list leads from a line, of lines up to the last one; `None` for a key that does not move.
pub(super) fn moved(id: Id, at: usize, last: usize) -> Option<usize> {
    let by = match id {
        Id::Down => 1,
        Id::Up => -1,
        Id::PageDown => PAGE,
        Id::PageUp => -PAGE,
        Id::First => -FAR,
        Id::Last => FAR,
        _ => return None,
    };
    Some(at.saturating_add_signed(by).min(last))
}

impl App {
    /// A key was pressed.
    pub fn press(&mut self, key: Key) -> Vec<Effect> {
        self.read_notice();
        match &self.overlay {
            Overlay::Leave => self.press_leave(key),
            Overlay::Help(at) => self.press_help(key, *at),
            Overlay::Palette(palette) => self.press_palette(key, palette.clone()),
            Overlay::Filter(line) => self.press_filter(key, line.clone()),
            Overlay::Dial(line) => self.press_dial(key, line.clone()),
            Overlay::Place(line) => self.press_place(key, line.clone()),
            Overlay::Form(form) => self.press_form(key, form.clone()),
            Overlay::Rename(line) => self.press_rename(key, line.clone()),
            Overlay::Delete(run) => self.press_delete(key, &run.clone()),
            Overlay::Stop => self.press_stop(key),
            Overlay::Train(line) => self.press_training(key, line.clone()),
            Overlay::Meter(at) => self.press_meter(key, *at),
            Overlay::Marked(at, past) => self.press_marked(key, *at, *past),
            Overlay::Messages(at) => self.press_messages(key, *at),
            Overlay::None => self.named(key).map_or_else(Vec::new, |id| self.perform(id)),
        }
    }

    /// The action of a key on this screen.
    pub(super) fn named(&self, key: Key) -> Option<Id> {
        self.actions().map(|action| action.id).find(|&id| self.keymap.of(id).contains(&key))
    }

    /// The actions that have a meaning on this screen.
    pub fn actions(&self) -> impl Iterator<Item = &'static Action> + use<> {
        let scene = if self.run.is_some() { Scene::Run } else { Scene::Start };
        ACTIONS.iter().filter(move |action| action.scene == scene || action.scene == Scene::Both)
    }

    fn press_leave(&mut self, key: Key) -> Vec<Effect> {
        match key {
            Key { code: Code::Enter | Code::Char('y' | 'Y'), ctrl: false } | Key { code: Code::Char('c'), ctrl: true } => self.leave(),
            Key { code: Code::Escape | Code::Char('n' | 'N' | 'q'), ctrl: false } => {
                self.overlay = Overlay::None;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn press_meter(&mut self, key: Key, at: usize) -> Vec<Effect> {
        let named = self.named(key);
        if let Some(at) = named.and_then(|id| moved(id, at, FURTHEST)) {
            self.overlay = Overlay::Meter(at);
            return Vec::new();
        }
        match named {
            _ if key == Key::from(Code::Escape) => self.overlay = Overlay::None,
            Some(Id::Meter | Id::Back | Id::Leave) => self.overlay = Overlay::None,
            Some(Id::Ask) => self.overlay = Overlay::Leave,
            _ => {}
        }
        Vec::new()
    }

    fn press_help(&mut self, key: Key, at: usize) -> Vec<Effect> {
        // Not through the table: there Esc means to go back, and only from a run, and Enter may have another meaning, or none.
        match key {
            Key { code: Code::Escape, ctrl: false } => {
                self.overlay = Overlay::None;
                return Vec::new();
            }
            Key { code: Code::Enter, ctrl: false } => {
                self.overlay = Overlay::None;
                return self.actions().nth(at).map_or_else(Vec::new, |action| self.perform(action.id));
            }
            _ => {}
        }
        let last = self.last_line_of_help();
        let Some(id) = self.named(key) else { return Vec::new() };
        if let Some(at) = moved(id, at, last) {
            self.overlay = Overlay::Help(at);
            return Vec::new();
        }
        self.overlay = match id {
            Id::Ask => Overlay::Leave,
            Id::Help | Id::Back | Id::Leave => Overlay::None,
            _ => return Vec::new(),
        };
        Vec::new()
    }

    /// The position of the last line of the help: its actions, then the signs.
    pub(super) fn last_line_of_help(&self) -> usize {
        self.actions().count() + super::LEGEND.len() - 1
    }

    pub(super) fn perform(&mut self, id: Id) -> Vec<Effect> {
        let allowed = ACTIONS.iter().find(|action| action.id == id).map_or(Ok(()), |action| action.allowed(self));
        if let Err(reason) = allowed {
            self.notice(reason.to_owned(), false);
            return Vec::new();
        }
        match id {
            Id::Pause if self.replay.is_some() => self.play(),
            Id::EventOn => self.step_event(true),
            Id::EventBack => self.step_event(false),
            Id::EpochOn => self.step_epoch(true),
            Id::EpochBack => self.step_epoch(false),
            Id::NextAlert => self.next_alert(),
            Id::SkipOn => self.skip(true),
            Id::SkipBack => self.skip(false),
            Id::GoTo => self.overlay = Overlay::Place(PlaceLine::default()),
            Id::Faster => self.change_speed(2.0),
            Id::Slower => self.change_speed(0.5),
            Id::Replay => return self.replay_run(),
            Id::Pause => return vec![Effect::Send(if self.is_paused() { Command::Resume } else { Command::Pause })],
            Id::SampleNow => return vec![Effect::Send(Command::SampleNow { count: SAMPLES })],
            Id::StepEpoch => return vec![Effect::Send(Command::StepEpoch)],
            Id::EditPreset => return self.edit_preset(),
            Id::ResumeRun => return self.resume_run(),
            Id::Rename => self.ask_name(),
            Id::Delete => self.ask_delete(),
            Id::Beside => return self.side_by_side(),
            Id::CurvesView => self.show(View::Curves),
            Id::Checkpoint => return vec![Effect::Send(Command::Checkpoint)],
            Id::HoldKept => return self.hold(Some(Fate::Kept)),
            Id::HoldDropped => return self.hold(Some(Fate::Dropped)),
            Id::Release => return self.hold(None),
            Id::Temperature => self.turn_dial(Dial::Temperature),
            Id::WeightPrior => self.turn_dial(Dial::WeightPrior),
            Id::LearningRate => self.turn_dial(Dial::LearningRate),
            Id::Epochs => self.turn_dial(Dial::Epochs),
            Id::Samples => self.turn_dial(Dial::Samples),
            Id::Export => return self.ask(Errand::Export, &Training::default()),
            Id::Evaluate => return self.ask(Errand::Evaluate, &Training::default()),
            Id::Retrain => self.ask_training(Start::Scratch),
            Id::FineTune => self.ask_training(Start::Inherited),
            Id::Stop => self.overlay = Overlay::Stop,
            Id::Copy => return self.copied().map(Effect::Copy).into_iter().collect(),
            Id::Mouse => {
                self.takes_mouse = !self.takes_mouse;
                let told = if self.takes_mouse { "clicks are for pgnas" } else { "the mouse is the terminal's: select text with it" };
                self.notice(told.to_owned(), false);
                return vec![Effect::Mouse(self.takes_mouse)];
            }
            Id::Choose => return self.choose(),
            Id::Back => return vec![Effect::Back],
            Id::Redraw => return vec![Effect::Redraw],
            Id::Meter => self.overlay = Overlay::Meter(0),
            Id::Messages => {
                // All of them are read there.
                self.alerts.clear();
                self.overlay = Overlay::Messages(0);
            }
            Id::Suspend => return vec![Effect::Suspend],
            Id::Leave if self.tie != Tie::Own || !self.run.as_ref().is_some_and(super::Run::is_live) => return vec![Effect::Quit],
            Id::Leave | Id::Ask => self.overlay = Overlay::Leave,
            Id::Help => self.overlay = Overlay::Help(0),
            Id::Palette => self.overlay = Overlay::Palette(Palette::default()),
            Id::Filter => {
                let before = self.run.as_ref().map_or_else(Filter::default, |run| run.filter.clone());
                self.overlay = Overlay::Filter(FilterLine { input: before.text().to_owned(), before, fault: None });
            }
            Id::NextPane => self.turn(1),
            Id::PreviousPane => self.turn(self.view.panes().len() - 1),
            Id::Down => self.step(1),
            Id::Up => self.step(-1),
            Id::First => self.step(-FAR),
            Id::Last => self.step(FAR),
            Id::PageDown => self.page(PAGE),
            Id::PageUp => self.page(-PAGE),
            Id::NextCandidate => return self.next_candidate(),
            Id::PreviousCandidate => self.step_candidate(-1),
            Id::SearchView => self.show(View::Search),
            Id::PosteriorView => self.show(View::Posterior),
            Id::SamplesView => self.show(View::Samples),
            Id::CompareView => self.show(View::Compare),
            Id::CompareMarked => self.overlay = Overlay::Marked(0, 0),
            Id::Freeze => self.freeze(),
            Id::Fold
            | Id::FoldAll
            | Id::Order
            | Id::Reverse
            | Id::Random
            | Id::Baseline
            | Id::LogCurves
            | Id::Pin
            | Id::Mark
            | Id::Crosshair
            | Id::CrossLeft
            | Id::CrossRight
            | Id::ZoomIn
            | Id::ZoomOut => self.arrange(id),
        }
        Vec::new()
    }

    /// Has something done with the marked candidates, or with the chosen one where none is marked.
    pub(super) fn ask(&mut self, errand: Errand, training: &Training) -> Vec<Effect> {
        let Some(run) = &self.run else { return Vec::new() };
        let chosen = run.selected().filter(|_| run.marked().is_empty()).map(|score| score.id);
        let candidates: Vec<CandidateId> = run.marked().iter().copied().chain(chosen).collect();
        let task = |candidate| Task { run: run.path.clone(), candidate, errand, training: training.clone() };
        let wanted: Vec<Task> = candidates.into_iter().map(task).filter(|task| !self.at_work.contains_key(task)).collect();
        let (doing, past) = match errand {
            Errand::Export => ("writing", "written"),
            Errand::Evaluate => ("evaluating", "evaluated"),
            Errand::Retrain(_) => ("training", "trained"),
        };
        let told = match &wanted[..] {
            [] => format!("it is being {past} already"),
            [one] => format!("{doing} candidate {}", one.candidate.0),
            all => format!("{doing} {} candidates", all.len()),
        };
        self.notice(told, false);
        self.at_work.extend(wanted.iter().map(|task| (task.clone(), "waiting for its turn".to_owned())));
        wanted.into_iter().map(Effect::Errand).collect()
    }

    /// How the run is shown.
    fn arrange(&mut self, id: Id) {
        let Some(run) = &mut self.run else { return };
        match id {
            Id::Fold => run.fold(),
            Id::FoldAll => run.fold_all(),
            Id::Order => run.order = run.order.next(),
            Id::Reverse => run.reversed = !run.reversed,
            Id::Random => run.shows_random = !run.shows_random,
            Id::Baseline => run.next_baseline(),
            Id::LogCurves => run.log_curves = !run.log_curves,
            Id::Pin => run.pin(),
            Id::Mark => run.mark(),
            Id::Crosshair => run.crosshair(),
            Id::CrossLeft => run.move_crosshair(-1),
            Id::CrossRight => run.move_crosshair(1),
            Id::ZoomIn => run.zoom(1),
            Id::ZoomOut => run.zoom(-1),
            _ => {}
        }
        run.relist();
        self.arrange_beside(id);
    }

    fn leave(&self) -> Vec<Effect> {
        let own = self.run.as_ref().filter(|run| run.is_live() && self.tie == Tie::Own);
        let stop = own.map(|_| Effect::Send(Command::Stop));
        stop.into_iter().chain([Effect::Quit]).collect()
    }

    fn choose(&self) -> Vec<Effect> {
        match self.start.chosen() {
            Some(Chosen::Preset(preset)) => vec![Effect::Start { preset: preset.name.clone(), changes: Changes::default() }],
            Some(Chosen::Run(run)) => vec![Effect::Open(run.path.clone())],
            None => Vec::new(),
        }
    }

    fn replay_run(&self) -> Vec<Effect> {
        match self.start.chosen() {
            Some(Chosen::Run(run)) => vec![Effect::Replay(run.path.clone())],
            _ => Vec::new(),
        }
    }

    fn turn(&mut self, by: usize) {
        if self.run.is_some() {
            let panes = self.view.panes();
            let at = panes.iter().position(|&pane| pane == self.focus).unwrap_or(0);
            self.focus = panes[(at + by) % panes.len()];
            if self.view == View::Compare {
                self.scroll = 0;
            }
        } else {
            self.start.switch();
        }
    }

    fn step(&mut self, by: isize) {
        let scrolls = self.scrolls();
        match &mut self.run {
            None => self.start.step(by),
            Some(_) if scrolls => self.scroll_by(by),
            Some(run) if self.focus == Pane::Network => run.step_row(by),
            Some(run) if matches!(self.focus, Pane::Posterior | Pane::Group) => run.step_group(by),
            Some(_) => self.step_candidate(by),
        }
    }

    pub(super) fn page(&mut self, by: isize) {
        if self.run.is_some() && self.focus == Pane::Detail {
            self.scroll_by(by);
        } else {
            self.step(by);
        }
    }

    /// Steps to the next candidate. Behind the last one there is always another to draw, as long as candidates are drawn.
    fn next_candidate(&mut self) -> Vec<Effect> {
        let draws = samples(self).is_ok();
        let Some(run) = self.run.as_mut().filter(|run| draws && run.at_last_candidate()) else {
            self.step_candidate(1);
            return Vec::new();
        };
        if std::mem::replace(&mut run.awaits, true) {
            self.notice("the next candidate is on its way".to_owned(), false);
            return Vec::new();
        }
        self.notice("one more candidate".to_owned(), false);
        vec![Effect::Send(Command::SampleNow { count: 1 })]
    }

    fn step_candidate(&mut self, by: isize) {
        if let Some(run) = &mut self.run {
            run.step_candidate(by);
            // Other screens scroll something else.
            if !self.scrolls() {
                self.scroll = 0;
            }
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
