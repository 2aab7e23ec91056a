//! What a click and the wheel do. Whatever they do, a key does too.

use super::action::ActionId;
use super::prompt::Palette;
use super::scroll::FURTHEST;
use super::state::{App, Effect, Overlay, Pane, View};
use crate::run::CandidateId;

/// What lies under the pointer, as the last frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A pane.
    Pane(Pane),
    /// A candidate of the list.
    Candidate(CandidateId),
    /// A row of the network.
    Row(usize),
    /// A group of the heat map.
    Group(usize),
    /// A word of the hint line.
    Action(ActionId),
    /// A word of the header.
    View(View),
    /// A line of the help or the palette.
    Line(usize),
    /// A line of the start screen, presets first.
    Start(usize),
}

impl App {
    /// A click of the first button. What is chosen already is done: a block folds, a preset starts, a run opens.
    pub fn click(&mut self, target: Target) -> Vec<Effect> {
        self.read_notice();
        match (&self.overlay, target) {
            (Overlay::Help(_), Target::Line(line)) => {
                self.overlay = Overlay::Help(line);
                return self.perform(ActionId::DoLine);
            }
            (Overlay::Palette(palette), Target::Line(at)) => {
                self.overlay = Overlay::Palette(Palette { at, ..palette.clone() });
                return self.perform(ActionId::Take);
            }
            (_, Target::Action(id)) => return self.perform(id),
            (Overlay::None, Target::View(view)) if self.run.is_some() => self.show(view),
            (Overlay::None, Target::Start(line)) => {
                if self.start.position() == line {
                    return self.perform(ActionId::Choose);
                }
                self.start.choose(line);
            }
            (Overlay::None, Target::Pane(pane)) => self.focus_on(pane),
            (Overlay::None, Target::Row(row)) => {
                self.focus_on(Pane::Network);
                if self.run.as_ref().is_some_and(|run| run.row() == row && run.rows().get(row).is_some_and(|row| row.is_block())) {
                    return self.perform(ActionId::Fold);
                }
                self.run.iter_mut().for_each(|run| run.choose_row(row));
            }
            (Overlay::None, Target::Group(group)) => {
                self.focus_on(Pane::Posterior);
                self.run.iter_mut().for_each(|run| run.choose_group(group));
            }
            (Overlay::None, Target::Candidate(id)) => {
                self.focus_on(Pane::Candidates);
                self.run.iter_mut().for_each(|run| run.choose_candidate(id));
                self.scroll = 0;
            }
            _ => {}
        }
        Vec::new()
    }

    /// The wheel turned over something.
    pub fn wheel(&mut self, target: Option<Target>, down: bool) {
        const LINES: isize = 3;
        let by = if down { LINES } else { -LINES };
        let pane = match target {
            Some(Target::Pane(pane)) => Some(pane),
            Some(Target::Candidate(_)) => Some(Pane::Candidates),
            Some(Target::Row(_)) => Some(Pane::Network),
            Some(Target::Group(_)) => Some(Pane::Posterior),
            _ => None,
        };
        match (&self.overlay, pane) {
            // Not by keys: those may have other meanings.
            (Overlay::Help(at), _) => self.overlay = Overlay::Help(at.saturating_add_signed(by).min(self.last_line_of_help())),
            (Overlay::Palette(palette), _) => {
                let last = self.found(&palette.input).len().saturating_sub(1);
                let at = palette.at.saturating_add_signed(by).min(last);
                self.overlay = Overlay::Palette(Palette { at, ..palette.clone() });
            }
            (Overlay::Meter(at), _) => self.overlay = Overlay::Meter(at.saturating_add_signed(by).min(FURTHEST)),
            (Overlay::Messages(at), _) => self.overlay = Overlay::Messages(at.saturating_add_signed(by).min(FURTHEST)),
            (Overlay::Marked(at, past), _) => self.overlay = Overlay::Marked(at.saturating_add_signed(by).min(FURTHEST), *past),
            (Overlay::None, _) if self.scrolls() => self.scroll_by(by.signum()),
            (Overlay::None, Some(pane)) => {
                // The wheel moves what is under it, and the focus stays.
                let focus = std::mem::replace(&mut self.focus, pane);
                self.page(by);
                self.focus = focus;
            }
            (Overlay::None, None) if self.run.is_none() => self.start.step(by.signum()),
            _ => {}
        }
    }

    fn focus_on(&mut self, pane: Pane) {
        if self.view.panes().contains(&pane) {
            self.focus = pane;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::{Code, Key};
    use super::super::testing::{app_with_candidates, at_start, press};
    use super::*;
    use crate::app::Changes;
    use crate::run::Command;

    #[test]
    fn a_click_chooses_and_a_second_one_does() {
        let mut app = at_start();
        assert_eq!(app.click(Target::Start(1)), []);
        assert_eq!(app.click(Target::Start(1)), [Effect::Start { preset: "fashion".into(), changes: Changes::default() }]);
        let mut app = app_with_candidates(20, 5);
        assert_eq!(app.click(Target::Action(ActionId::Pause)), [Effect::Send(Command::Pause)]);
        app.click(Target::Candidate(CandidateId(4)));
        assert_eq!(app.run().unwrap().selected().unwrap().id, CandidateId(4));
        app.click(Target::Row(3));
        assert_eq!((app.focus(), app.run().unwrap().row(), app.run().unwrap().group()), (Pane::Network, 3, 2));
        let rows = app.run().unwrap().rows().len();
        app.click(Target::Row(0));
        app.click(Target::Row(0));
        assert!(app.run().unwrap().rows().len() < rows, "the head of a block folds it");
        app.click(Target::View(View::Posterior));
        app.click(Target::Group(40));
        assert_eq!((app.focus(), app.run().unwrap().group()), (Pane::Posterior, 40));
        app.click(Target::Row(1));
        assert_eq!(app.focus(), Pane::Posterior, "a pane that does not show takes no focus");
    }

    #[test]
    fn what_lies_over_the_screen_takes_all_clicks() {
        let mut app = app_with_candidates(20, 5);
        press(&mut app, "?");
        assert_eq!(app.click(Target::Action(ActionId::Pause)), []);
        assert_eq!(app.click(Target::Line(1)), [Effect::Send(Command::SampleNow { count: 20 })]);
        press(&mut app, ": p a u");
        assert_eq!(app.click(Target::Line(0)), [Effect::Send(Command::Pause)]);
    }

    #[test]
    fn the_wheel_moves_what_is_under_it() {
        let mut app = app_with_candidates(20, 20);
        let before = app.run().unwrap().selected().unwrap().id;
        app.wheel(Some(Target::Row(2)), true);
        assert_eq!((app.focus(), app.run().unwrap().row()), (Pane::Candidates, 3));
        app.wheel(Some(Target::Pane(Pane::Candidates)), true);
        assert_ne!(app.run().unwrap().selected().unwrap().id, before);
        app.wheel(None, true);
        press(&mut app, "?");
        app.wheel(None, true);
        assert_eq!(*app.overlay(), Overlay::Help(3));
        press(&mut app, "esc 5");
        app.wheel(None, true);
        assert_eq!(app.scroll(), 1, "a chart at a time");
    }

    #[test]
    fn the_help_and_the_wheel_work_whatever_the_keys_mean() {
        let keys = [("fold", "H"), ("down", "n"), ("one epoch", "J"), ("open", "O"), ("rename", "M")];
        let keys = keys.map(|(name, key)| (name.to_owned(), vec![key.to_owned()])).into();
        for start in [true, false] {
            let mut app = super::super::App::with(super::super::Keymap::with(&keys).unwrap(), true);
            if !start {
                app.show_run("one".into(), "one".into(), true);
            }
            press(&mut app, "?");
            app.wheel(None, true);
            app.wheel(None, true);
            app.wheel(None, false);
            assert_eq!(*app.overlay(), Overlay::Help(3));
            press(&mut app, "n");
            assert_eq!(*app.overlay(), Overlay::Help(4));
            let help = app.actions().position(|action| action.id == ActionId::Palette).unwrap();
            while *app.overlay() != Overlay::Help(help) {
                press(&mut app, "n");
            }
            app.press(Key::from(Code::Enter));
            assert!(matches!(app.overlay(), Overlay::Palette(_)), "enter does the chosen line: {:?}", app.overlay());
            app.wheel(None, true);
            assert!(matches!(app.overlay(), Overlay::Palette(palette) if palette.at == 3));
        }
    }
}
