//! What a key does: the action that the table has for it where it is meant for.

use super::action::{Action, ActionId as Id, Scene};
use super::conditions::samples;
use super::filter::Filter;
use super::host::{Changes, Errand, Task, Tie, Training};
use super::key::Key;
use super::prompt::{FilterLine, Palette};
use super::start::Chosen;
use super::state::{App, Effect, Overlay, Pane, View};
use super::steer::Dial;
use super::table::ACTIONS;
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
        if self.place() == Scene::Line && self.type_key(key) {
            return Vec::new();
        }
        self.named(key).map_or_else(Vec::new, |id| self.perform(id))
    }

    /// Where the keys are meant for: the screen, or what lies over it.
    pub(super) fn place(&self) -> Scene {
        match &self.overlay {
            Overlay::None => self.screen(),
            Overlay::Form(form) if form.input.is_none() => Scene::Form,
            Overlay::Leave | Overlay::Delete(_) | Overlay::Stop => Scene::Question,
            Overlay::Help(_) | Overlay::Meter(_) | Overlay::Marked(..) | Overlay::Messages(_) => Scene::Page,
            Overlay::Palette(_)
            | Overlay::Filter(_)
            | Overlay::Dial(_)
            | Overlay::Place(_)
            | Overlay::Form(_)
            | Overlay::Rename(_)
            | Overlay::Train(_) => Scene::Line,
        }
    }

    /// The screen, whatever lies over it.
    fn screen(&self) -> Scene {
        if self.run.is_some() { Scene::Run } else { Scene::Start }
    }

    /// The action of a key where it is meant for. On a page its own come before those of the screen below that it knows.
    pub(super) fn named(&self, key: Key) -> Option<Id> {
        let below = self.actions().filter(|action| self.place() == Scene::Page && action.id.is_of_pages());
        self.here().chain(below).map(|action| action.id).find(|&id| self.keymap.of(id).contains(&key))
    }

    /// The actions that have a meaning on this screen, whatever lies over it.
    pub fn actions(&self) -> impl Iterator<Item = &'static Action> + use<> {
        let screen = self.screen();
        ACTIONS.iter().filter(move |action| screen.knows(action))
    }

    /// The actions that a key can mean now: those of the screen, or of what lies over it.
    pub fn here(&self) -> impl Iterator<Item = &'static Action> + use<> {
        let place = self.place();
        ACTIONS.iter().filter(move |action| place.knows(action))
    }

    /// The lines of the help: the actions of the screen, then those of what can lie over it.
    pub fn help_lines(&self) -> impl Iterator<Item = &'static Action> + use<> {
        let forms = self.run.is_none();
        let over = move |action: &&'static Action| match action.scene {
            Scene::Form => forms,
            scene => matches!(scene, Scene::Question | Scene::Line | Scene::Page),
        };
        self.actions().chain(ACTIONS.iter().filter(over))
    }

    /// The position of the last line of the help: its actions, then the signs.
    pub(super) fn last_line_of_help(&self) -> usize {
        self.help_lines().count() + super::LEGEND.len() - 1
    }

    pub(super) fn perform(&mut self, id: Id) -> Vec<Effect> {
        let action = ACTIONS.iter().find(|action| action.id == id);
        if self.overlay != Overlay::None {
            // There an action of the screen means something else, such as another line of a page.
            let own = action.filter(|action| !matches!(action.scene, Scene::Start | Scene::Run | Scene::Both));
            return if own.is_some_and(|action| action.allowed(self).is_err()) { Vec::new() } else { self.perform_over(id) };
        }
        if let Err(reason) = action.map_or(Ok(()), |action| action.allowed(self)) {
            self.notice(reason.to_owned(), false);
            return Vec::new();
        }
        if self.replay.is_some() && id.is_of_replay() {
            self.move_replay(id);
            return Vec::new();
        }
        match id {
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
            Id::Back if self.expanded => self.expanded = false,
            Id::Back => return vec![Effect::Back],
            Id::Expand => self.expanded = !self.expanded,
            Id::Right => return self.sideways(true),
            Id::Left => return self.sideways(false),
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
            // The rest arranges what shows, or has no meaning where nothing lies over the screen: the test of the whole table knows each.
            id => self.arrange(id),
        }
        Vec::new()
    }

    /// What an arrow to a side means in the pane that has the focus.
    fn sideways(&mut self, right: bool) -> Vec<Effect> {
        let Some(run) = &mut self.run else { return Vec::new() };
        match self.focus {
            Pane::Network => run.set_fold(!right),
            Pane::Curves if run.cross().is_some() => self.arrange(if right { Id::CrossRight } else { Id::CrossLeft }),
            _ if right => return self.next_candidate(),
            _ => self.step_candidate(-1),
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

    pub(super) fn leave(&self) -> Vec<Effect> {
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
        // Of one group there is more than a page only in a very low window; in others a page is one of groups.
        let scrolls = self.focus == Pane::Detail || (self.focus == Pane::Group && self.overflows);
        if self.run.is_some() && scrolls {
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
