//! The start screen: presets and earlier runs, and which of them is chosen.

use super::host::{PresetRow, RunRow};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The lists of the start screen.
#[derive(Debug, Clone)]
pub struct Start {
    presets: Vec<PresetRow>,
    runs: Vec<RunRow>,
    /// When the lists were made; ages are counted from here.
    now: SystemTime,
    in_runs: bool,
    preset: usize,
    run: usize,
    /// The run that another one is put beside.
    pub(super) marked: Option<PathBuf>,
}

/// What Enter is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Chosen<'a> {
    /// A preset to start a search from.
    Preset(&'a PresetRow),
    /// A run to open.
    Run(&'a RunRow),
}

impl Start {
    pub(super) fn new(presets: Vec<PresetRow>, runs: Vec<RunRow>, now: SystemTime) -> Self {
        let in_runs = presets.is_empty() && !runs.is_empty();
        Self { presets, runs, now, in_runs, preset: 0, run: 0, marked: None }
    }

    /// Takes a new list of runs in: the run that was chosen stays so, wherever it stands now.
    pub(super) fn relist(&mut self, runs: Vec<RunRow>, now: SystemTime) {
        let chosen = self.runs.get(self.run).and_then(|run| runs.iter().position(|row| row.path == run.path));
        self.run = chosen.unwrap_or(self.run).min(runs.len().saturating_sub(1));
        self.marked = self.marked.take().filter(|marked| runs.iter().any(|row| row.path == *marked));
        self.in_runs &= !runs.is_empty();
        (self.runs, self.now) = (runs, now);
    }

    /// Goes to the run that was left; to the list of runs at least, where there are any.
    pub(super) fn return_from(&mut self, left: &Path) {
        self.in_runs = !self.runs.is_empty();
        self.run = self.runs.iter().position(|run| run.path == left).unwrap_or(0);
    }

    /// All presets.
    #[must_use]
    pub fn presets(&self) -> &[PresetRow] {
        &self.presets
    }

    /// Earlier runs, the newest first.
    #[must_use]
    pub fn runs(&self) -> &[RunRow] {
        &self.runs
    }

    /// When the lists were made.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.now
    }

    /// Whether the list of runs has the focus.
    #[must_use]
    pub fn in_runs(&self) -> bool {
        self.in_runs
    }

    /// The position in the list of presets.
    #[must_use]
    pub fn preset(&self) -> usize {
        self.preset
    }

    /// The position in the list of runs.
    #[must_use]
    pub fn run(&self) -> usize {
        self.run
    }

    /// The run that another one is put beside.
    #[must_use]
    pub fn marked(&self) -> Option<&Path> {
        self.marked.as_deref()
    }

    /// Whether there is nothing at all to choose.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.presets.is_empty() && self.runs.is_empty()
    }

    /// What Enter starts or opens.
    #[must_use]
    pub fn chosen(&self) -> Option<Chosen<'_>> {
        if self.in_runs { self.runs.get(self.run).map(Chosen::Run) } else { self.presets.get(self.preset).map(Chosen::Preset) }
    }

    /// The position in both lists, presets first.
    pub(super) fn position(&self) -> usize {
        if self.in_runs { self.presets.len() + self.run } else { self.preset }
    }

    pub(super) fn switch(&mut self) {
        self.in_runs = !self.in_runs;
    }

    /// Steps through the two lists as through one.
    pub(super) fn step(&mut self, by: isize) {
        self.choose(self.position().saturating_add_signed(by));
    }

    /// Goes to a position of both lists, or to the last one.
    pub(super) fn choose(&mut self, position: usize) {
        let target = position.min((self.presets.len() + self.runs.len()).saturating_sub(1));
        self.in_runs = target >= self.presets.len() && !self.runs.is_empty();
        if self.in_runs { self.run = target - self.presets.len() } else { self.preset = target }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at_start, press};
    use super::*;

    #[test]
    fn back_from_a_run_the_first_key_opens_it_again_and_starts_nothing() {
        use super::super::state::Effect;
        let (at, mut app) = (at_start(), at_start());
        let (presets, runs) = (at.start().presets().to_vec(), at.start().runs().to_vec());
        for (left, chosen) in [(runs[1].path.clone(), 1), ("elsewhere".into(), 0)] {
            app.show_run("one".into(), left, false);
            app.show_start_at(presets.clone(), runs.clone(), at.start().now());
            assert_eq!(press(&mut app, "enter"), [Effect::Open(runs[chosen].path.clone())]);
        }
        app.show_run("one".into(), "one".into(), false);
        app.show_start_at(presets, Vec::new(), at.start().now());
        assert!(matches!(app.start().chosen(), Some(Chosen::Preset(_))), "there is no run to choose");
    }

    #[test]
    fn a_new_list_keeps_what_is_chosen_and_marked() {
        let mut app = at_start();
        press(&mut app, "G c");
        let (chosen, mut runs) = (app.start().runs()[1].path.clone(), app.start().runs().to_vec());
        let mut new = runs[0].clone();
        (new.path, new.state) = ("runs/new".into(), "running".into());
        runs.insert(0, new);
        let now = app.start().now() + std::time::Duration::from_secs(5);
        app.runs_listed(runs.clone(), now);
        assert!(matches!(app.start().chosen(), Some(Chosen::Run(run)) if run.path == chosen));
        assert_eq!((app.start().marked(), app.start().runs().len(), app.start().now()), (Some(chosen.as_path()), 3, now));
        runs.truncate(1);
        app.runs_listed(runs, now);
        assert!(matches!(app.start().chosen(), Some(Chosen::Run(run)) if run.path.ends_with("new")));
        assert_eq!(app.start().marked(), None, "the marked one is gone");
        app.runs_listed(Vec::new(), now);
        assert!(matches!(app.start().chosen(), Some(Chosen::Preset(_))));
    }
}
