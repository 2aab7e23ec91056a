//! What the runs screen asks before it does: the keys of a preset, a run's new name, whether to delete.

use super::action::ActionId as Id;
use super::host::{Changes, Draft, KeyRow, RunRow};
use super::start::Chosen;
use super::state::{App, Effect, Overlay};
use super::update::moved;
use std::path::PathBuf;

/// A preset whose keys are being edited.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// Name of the preset.
    pub preset: String,
    /// What was changed.
    pub changes: Changes,
    /// The preset with that.
    pub draft: Draft,
    /// Position of the chosen key.
    pub at: usize,
    /// What is typed in place of its value, while it is.
    pub input: Option<String>,
    /// What is wrong with that.
    pub fault: Option<String>,
}

/// The line in which a run's new name is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenameLine {
    /// The run.
    pub path: PathBuf,
    /// What was typed.
    pub input: String,
}

impl Form {
    /// The chosen key.
    #[must_use]
    pub fn row(&self) -> Option<&KeyRow> {
        self.draft.keys.get(self.at)
    }

    /// Moves in the list of keys.
    pub(super) fn step(&mut self, id: Id) {
        let last = self.draft.keys.len().saturating_sub(1);
        self.at = moved(id, self.at, last).unwrap_or(self.at);
    }

    /// Asks for the preset with another value for the chosen key, or with its own.
    fn ask(&mut self, value: Option<String>) -> Vec<Effect> {
        match self.with(value) {
            Ok(changes) => vec![Effect::Draft { preset: self.preset.clone(), changes }],
            Err(fault) => {
                self.fault = Some(fault);
                Vec::new()
            }
        }
    }

    /// What was changed, with another value for the chosen key; `None` gives its own back.
    fn with(&self, value: Option<String>) -> Result<Changes, String> {
        let mut changes = self.changes.clone();
        let Some(row) = self.row() else { return Ok(changes) };
        if row.key == "seed" {
            let seed = value.map(|value| value.trim().parse().map_err(|_| format!("seed must be {}", row.kind)));
            changes.seed = seed.transpose()?;
        } else if let Some(value) = value {
            changes.set.insert(row.key.clone(), value.trim().to_owned());
        } else {
            changes.set.remove(&row.key);
        }
        Ok(changes)
    }
}

impl App {
    /// Opens the keys of the chosen preset.
    pub(super) fn edit_preset(&self) -> Vec<Effect> {
        match self.start.chosen() {
            Some(Chosen::Preset(preset)) => vec![Effect::Draft { preset: preset.name.clone(), changes: Changes::default() }],
            _ => Vec::new(),
        }
    }

    /// A preset was checked with some changes.
    pub fn drafted(&mut self, preset: &str, changes: Changes, result: Result<Draft, String>) {
        match (&mut self.overlay, result) {
            (Overlay::Form(form), Ok(draft)) => {
                let key = form.row().map(|row| row.key.clone());
                form.at = draft.keys.iter().position(|row| Some(&row.key) == key.as_ref()).unwrap_or(0);
                (form.draft, form.changes, form.input, form.fault) = (draft, changes, None, None);
            }
            (Overlay::Form(form), Err(fault)) => form.fault = Some(fault),
            (_, Ok(draft)) => {
                let form = Form { preset: preset.to_owned(), changes, draft, at: 0, input: None, fault: None };
                self.overlay = Overlay::Form(Box::new(form));
            }
            (_, Err(fault)) => self.notice(fault, true),
        }
    }

    /// A run that was asked for cannot be shown, for this reason: told in the form that asked, or on the last line.
    pub fn refused(&mut self, reason: String) {
        match &mut self.overlay {
            Overlay::Form(form) => form.fault = Some(reason),
            _ => self.notice(reason, true),
        }
    }

    pub(super) fn perform_in_form(&mut self, id: Id) -> Vec<Effect> {
        let Overlay::Form(form) = &mut self.overlay else { return Vec::new() };
        match id {
            Id::StartForm => {
                // It stays until the search shows, so that nothing typed is lost where it cannot start.
                form.fault = None;
                vec![Effect::Start { preset: form.preset.clone(), changes: form.changes.clone() }]
            }
            Id::ChangeKey => {
                form.input = form.row().map(|row| row.value.trim_matches('"').to_owned());
                Vec::new()
            }
            Id::OwnValue => form.ask(None),
            _ => Vec::new(),
        }
    }

    /// Has the value that was typed checked.
    pub(super) fn take_value(&mut self, form: &Form) -> Vec<Effect> {
        let Overlay::Form(shown) = &mut self.overlay else { return Vec::new() };
        shown.ask(form.input.clone())
    }

    fn chosen_run(&self) -> Option<&RunRow> {
        match self.start.chosen() {
            Some(Chosen::Run(run)) => Some(run),
            _ => None,
        }
    }

    pub(super) fn resume_run(&self) -> Vec<Effect> {
        self.chosen_run().map(|run| Effect::Resume(run.path.clone())).into_iter().collect()
    }

    pub(super) fn ask_name(&mut self) {
        if let Some(run) = self.chosen_run() {
            self.overlay = Overlay::Rename(RenameLine { path: run.path.clone(), input: run.name.clone() });
        }
    }

    pub(super) fn ask_delete(&mut self) {
        if let Some(run) = self.chosen_run().cloned() {
            self.overlay = Overlay::Delete(Box::new(run));
        }
    }

    /// Marks the chosen run, or puts it beside the one that is marked.
    pub(super) fn side_by_side(&mut self) -> Vec<Effect> {
        let Some(path) = self.chosen_run().map(|run| run.path.clone()) else { return Vec::new() };
        match self.start.marked.take() {
            Some(marked) if marked != path => vec![Effect::Beside(marked, path)],
            Some(_) => Vec::new(),
            None => {
                self.start.marked = Some(path);
                self.notice("marked: choose another run and press the same key to see both side by side".into(), false);
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at_start, press};
    use super::*;

    fn row(key: &str, value: &str) -> KeyRow {
        let text = |text: &str| text.to_owned();
        KeyRow { key: text(key), value: text(value), origin: text("default"), doc: text("What it is."), kind: text("a whole number") }
    }

    pub fn draft() -> Draft {
        Draft { keys: vec![row("seed", "1"), row("data.set", "\"digits\""), row("train.epochs", "30")], parameters: 31_000, groups: 37 }
    }

    #[test]
    fn the_keys_of_a_preset_are_edited_in_place_and_the_search_starts_with_them() {
        let mut app = at_start();
        assert_eq!(press(&mut app, "e"), [Effect::Draft { preset: "digits".into(), changes: Changes::default() }]);
        app.drafted("digits", Changes::default(), Ok(draft()));
        assert_eq!(press(&mut app, "G enter backspace backspace 5"), []);
        let changes = Changes { set: [("train.epochs".to_owned(), "5".to_owned())].into(), seed: None };
        assert_eq!(press(&mut app, "enter"), [Effect::Draft { preset: "digits".into(), changes: changes.clone() }]);
        app.drafted("digits", changes.clone(), Err("train.epochs: no".into()));
        let Overlay::Form(form) = app.overlay() else { panic!("the form stays") };
        assert_eq!((form.fault.as_deref(), form.input.as_deref(), form.changes.set.len()), (Some("train.epochs: no"), Some("5"), 0));
        app.drafted("digits", changes.clone(), Ok(draft()));
        press(&mut app, "g enter backspace x enter");
        assert!(matches!(app.overlay(), Overlay::Form(form) if form.fault.as_deref() == Some("seed must be a whole number")));
        let seeded = Changes { seed: Some(7), ..changes.clone() };
        assert_eq!(press(&mut app, "backspace 7 enter"), [Effect::Draft { preset: "digits".into(), changes: seeded.clone() }]);
        app.drafted("digits", seeded.clone(), Ok(draft()));
        assert_eq!(press(&mut app, "s"), [Effect::Start { preset: "digits".into(), changes: seeded.clone() }]);
        app.refused("no image set `digits`".into());
        let Overlay::Form(form) = app.overlay() else { panic!("the form stays") };
        assert_eq!((form.fault.as_deref(), &form.changes), (Some("no image set `digits`"), &seeded));
        press(&mut app, "s");
        app.show_run("one".into(), "one".into(), true);
        assert_eq!(*app.overlay(), Overlay::None);
        let mut app = at_start();
        app.refused("no".into());
        assert_eq!(app.notice_line().map(|notice| notice.text.as_str()), Some("no"));
    }

    #[test]
    fn a_run_is_renamed_resumed_put_beside_another_and_deleted_after_a_question() {
        let mut app = at_start();
        assert_eq!(press(&mut app, "d"), []);
        assert!(app.notice_line().unwrap().text.contains("choose a run"));
        press(&mut app, "G");
        let path = PathBuf::from("runs/20261123-101500-digits-7");
        assert_eq!(press(&mut app, "r"), [Effect::Resume(path.clone())]);
        assert_eq!(press(&mut app, "n ctrl-u m y enter"), [Effect::Rename { path: path.clone(), name: "my".into() }]);
        assert_eq!(press(&mut app, "c"), []);
        assert_eq!(press(&mut app, "k c"), [Effect::Beside(path, "runs/20261124-054500-digits-1".into())]);
        assert_eq!(press(&mut app, "d n"), []);
        assert_eq!(*app.overlay(), Overlay::None);
        assert_eq!(press(&mut app, "d enter y"), [Effect::Delete("runs/20261124-054500-digits-1".into())]);
    }
}
