//! What the actions of what lies over the screen do: in questions, lines in which something is typed, pages, and the keys of a preset.

use super::action::ActionId as Id;
use super::conditions::training;
use super::form::Form;
use super::key::{Code, Key};
use super::prompt::{self, Palette};
use super::scroll::FURTHEST;
use super::state::{App, Effect, Overlay};
use super::update::moved;
use crate::app::Run;
use crate::run::Command;

impl App {
    /// Does an action while something lies over the screen.
    pub(super) fn perform_over(&mut self, id: Id) -> Vec<Effect> {
        match (id, &mut self.overlay) {
            (Id::Suspend, _) => return vec![Effect::Suspend],
            (Id::Redraw, _) => return vec![Effect::Redraw],
            (Id::Ask | Id::LeaveNow, Overlay::Leave) => return self.leave(),
            (Id::Ask, _) => self.overlay = Overlay::Leave,
            (Id::Agree, _) => return self.agree(),
            (Id::GiveUp, _) => return self.give_up(),
            (Id::Decline | Id::CloseForm | Id::ClosePage, _) => return self.close(),
            (Id::Take, _) => return self.take(),
            (Id::NextFound, Overlay::Palette(_)) => self.step_found(1),
            (Id::PreviousFound, Overlay::Palette(_)) => self.step_found(-1),
            (Id::EraseCharacter, Overlay::Palette(palette)) if palette.input.is_empty() => return self.close(),
            (Id::EraseCharacter | Id::EraseWord | Id::EraseLine, _) => self.erase(id),
            (Id::StartForm | Id::ChangeKey | Id::OwnValue, _) => return self.perform_in_form(id),
            (_, Overlay::Form(form)) => form.step(id),
            (Id::DoLine, &mut Overlay::Help(at)) => {
                self.overlay = Overlay::None;
                return self.help_lines().nth(at).map_or_else(Vec::new, |action| self.perform(action.id));
            }
            _ => self.perform_on_page(id),
        }
        Vec::new()
    }

    /// Moves on a page, or closes it by the key that opened it or that leads back.
    fn perform_on_page(&mut self, id: Id) {
        let last = match (&self.overlay, &self.run) {
            (Overlay::Help(_), _) => self.last_line_of_help(),
            (Overlay::Marked(..), Some(run)) => run.compare_marked().differing.len().saturating_sub(1),
            _ => FURTHEST,
        };
        let columns = self.run.as_ref().map_or(0, |run| run.marked().len().saturating_sub(1));
        if let Overlay::Help(at) | Overlay::Meter(at) | Overlay::Marked(at, _) | Overlay::Messages(at) = &mut self.overlay
            && let Some(to) = moved(id, *at, last)
        {
            *at = to;
            return;
        }
        match (id, &mut self.overlay) {
            (Id::NextCandidate | Id::Right, Overlay::Marked(_, past)) => *past = (*past + 1).min(columns),
            (Id::PreviousCandidate | Id::Left, Overlay::Marked(_, past)) => *past = past.saturating_sub(1),
            (Id::Palette, Overlay::Help(_)) => self.overlay = Overlay::Palette(Palette::default()),
            (Id::Back | Id::Leave, _)
            | (Id::Help, Overlay::Help(_))
            | (Id::Meter, Overlay::Meter(_))
            | (Id::Messages, Overlay::Messages(_))
            | (Id::CompareMarked, Overlay::Marked(..)) => self.overlay = Overlay::None,
            _ => {}
        }
    }

    /// Does what a question asks.
    fn agree(&mut self) -> Vec<Effect> {
        match std::mem::replace(&mut self.overlay, Overlay::None) {
            Overlay::Leave => {
                self.overlay = Overlay::Leave;
                self.leave()
            }
            Overlay::Delete(run) => vec![Effect::Delete(run.path)],
            // It may have ended while the question stood.
            Overlay::Hold(block, fate) if training(self).is_ok() => self.hold_block(block, Some(fate)),
            Overlay::Stop if self.run.as_ref().is_some_and(Run::is_live) => vec![Effect::Send(Command::Stop)],
            _ => Vec::new(),
        }
    }

    /// Closes a line and leaves all as it was.
    fn give_up(&mut self) -> Vec<Effect> {
        match &mut self.overlay {
            Overlay::Form(form) => {
                (form.input, form.fault) = (None, None);
                Vec::new()
            }
            Overlay::Filter(line) => {
                let before = line.before.clone();
                self.take_filter(before);
                self.close()
            }
            _ => self.close(),
        }
    }

    /// Does what was typed, where it is right.
    fn take(&mut self) -> Vec<Effect> {
        match self.overlay.clone() {
            Overlay::Palette(palette) => {
                self.overlay = Overlay::None;
                self.found(&palette.input).get(palette.at).map_or_else(Vec::new, |action| self.perform(action.id))
            }
            // A line with a fault stays until it is mended or given up.
            Overlay::Filter(line) if line.fault.is_none() => self.close(),
            Overlay::Dial(line) => self.take_dial(line),
            Overlay::Place(line) => self.take_place(line),
            Overlay::Rename(line) => {
                self.overlay = Overlay::None;
                vec![Effect::Rename { path: line.path, name: line.input.trim().to_owned() }]
            }
            Overlay::Train(line) => self.take_training(line),
            Overlay::Form(form) => self.take_value(&form),
            _ => Vec::new(),
        }
    }

    fn step_found(&mut self, by: isize) {
        let Overlay::Palette(palette) = &self.overlay else { return };
        let last = self.found(&palette.input).len().saturating_sub(1);
        let at = palette.at.saturating_add_signed(by).min(last);
        self.overlay = Overlay::Palette(Palette { at, ..palette.clone() });
    }

    /// Types a key that is a character; tells whether it was one.
    pub(super) fn type_key(&mut self, key: Key) -> bool {
        let Key { code: Code::Char(character), ctrl: false } = key else { return false };
        self.change_line(|input| prompt::insert(input, &character.to_string()));
        true
    }

    fn erase(&mut self, id: Id) {
        self.change_line(|input| match id {
            Id::EraseCharacter => drop(input.pop()),
            Id::EraseWord => input.truncate(input.trim_end().rfind(' ').map_or(0, |blank| blank + 1)),
            _ => input.clear(),
        });
    }

    /// A text was pasted: a line that is being typed takes it, and nothing else does, least of all as keys.
    pub fn paste(&mut self, text: &str) {
        self.change_line(|input| prompt::insert(input, text));
    }

    /// Changes what is typed, and what follows from it.
    fn change_line(&mut self, change: impl FnOnce(&mut String)) {
        let mut overlay = std::mem::replace(&mut self.overlay, Overlay::None);
        match &mut overlay {
            Overlay::Palette(palette) => {
                change(&mut palette.input);
                palette.at = 0;
            }
            Overlay::Filter(line) => {
                change(&mut line.input);
                self.refilter(line);
            }
            Overlay::Form(form) => {
                let Form { input, fault, .. } = &mut **form;
                if let Some(input) = input {
                    change(input);
                    *fault = None;
                }
            }
            Overlay::Place(line) => {
                change(&mut line.input);
                line.fault = None;
            }
            Overlay::Rename(line) => change(&mut line.input),
            Overlay::Train(line) => {
                change(&mut line.input);
                line.fault = None;
            }
            Overlay::Dial(line) => {
                change(&mut line.input);
                self.recheck(line);
            }
            _ => {}
        }
        self.overlay = overlay;
    }

    pub(super) fn close(&mut self) -> Vec<Effect> {
        self.overlay = Overlay::None;
        Vec::new()
    }
}
