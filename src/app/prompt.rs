//! What is typed in a line: the palette of commands, the filter.

use super::action::{Action, ActionId as Id};
use super::filter::Filter;
use super::fuzzy;
use super::key::{Code, Key};
use super::state::{App, Effect, Overlay};

/// Longest line that can be typed.
const LONGEST: usize = 200;

/// The palette: some letters of a name, and which of the actions found is chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Palette {
    /// What was typed.
    pub input: String,
    /// The position of the chosen action among those found.
    pub at: usize,
}

/// The line of the filter.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterLine {
    /// What was typed.
    pub input: String,
    /// The filter that Esc gives back.
    pub before: Filter,
    /// What is wrong with what was typed.
    pub fault: Option<String>,
}

/// Types a key into a line; tells whether it was one that types.
pub(super) fn typed(input: &mut String, key: Key) -> bool {
    match (key.code, key.ctrl) {
        (Code::Backspace, false) | (Code::Char('h'), true) => drop(input.pop()),
        (Code::Char('u'), true) => input.clear(),
        (Code::Char('w'), true) => input.truncate(input.trim_end().rfind(' ').map_or(0, |blank| blank + 1)),
        (Code::Char(character), false) => insert(input, &character.to_string()),
        _ => return false,
    }
    true
}

/// Adds a text to a line, up to its first line break and without what is no character to see.
pub(super) fn insert(input: &mut String, text: &str) {
    let line = text.lines().next().unwrap_or_default();
    let room = LONGEST.saturating_sub(input.chars().count());
    input.extend(line.chars().filter(|character| !character.is_control()).take(room));
}

impl App {
    /// The actions that match what was typed, the best first.
    #[must_use]
    pub fn found(&self, input: &str) -> Vec<&'static Action> {
        let wanted = input.trim().to_lowercase();
        let score = |action: &Action| {
            // What only its description says comes after every name.
            let told = || (wanted.len() > 2 && action.doc.to_lowercase().contains(&wanted)).then_some(i32::MIN);
            fuzzy::score(&wanted, action.name).or_else(told)
        };
        let mut found: Vec<_> =
            self.actions().filter(|action| action.id != Id::Palette).filter_map(|action| Some((score(action)?, action))).collect();
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        found.into_iter().map(|(_, action)| action).collect()
    }

    pub(super) fn press_palette(&mut self, key: Key, mut palette: Palette) -> Vec<Effect> {
        let last = self.found(&palette.input).len().saturating_sub(1);
        match (key.code, key.ctrl) {
            (Code::Escape, _) => return self.close(),
            (Code::Backspace, false) if palette.input.is_empty() => return self.close(),
            (Code::Char('c'), true) => {
                self.overlay = Overlay::Leave;
                return Vec::new();
            }
            (Code::Enter, _) => {
                let found = self.found(&palette.input);
                self.overlay = Overlay::None;
                return found.get(palette.at).map_or_else(Vec::new, |action| self.perform(action.id));
            }
            (Code::Down | Code::Tab, false) | (Code::Char('n'), true) => palette.at = (palette.at + 1).min(last),
            (Code::Up | Code::BackTab, false) | (Code::Char('p'), true) => palette.at = palette.at.saturating_sub(1),
            _ => {
                if typed(&mut palette.input, key) {
                    palette.at = 0;
                }
            }
        }
        self.overlay = Overlay::Palette(palette);
        Vec::new()
    }

    pub(super) fn press_filter(&mut self, key: Key, mut line: FilterLine) -> Vec<Effect> {
        match (key.code, key.ctrl) {
            (Code::Escape, _) => {
                self.take_filter(line.before);
                return self.close();
            }
            (Code::Char('c'), true) => {
                self.overlay = Overlay::Leave;
                return Vec::new();
            }
            // A line with a fault stays until it is mended or given up.
            (Code::Enter, _) if line.fault.is_none() => return self.close(),
            _ => {
                if typed(&mut line.input, key) {
                    self.refilter(&mut line);
                }
            }
        }
        self.overlay = Overlay::Filter(line);
        Vec::new()
    }

    /// A text was pasted: a line that is being typed takes it, and nothing else does, least of all as keys.
    pub fn paste(&mut self, text: &str) {
        match std::mem::replace(&mut self.overlay, Overlay::None) {
            Overlay::Palette(mut palette) => {
                insert(&mut palette.input, text);
                palette.at = 0;
                self.overlay = Overlay::Palette(palette);
            }
            Overlay::Filter(mut line) => {
                insert(&mut line.input, text);
                self.refilter(&mut line);
                self.overlay = Overlay::Filter(line);
            }
            Overlay::Form(mut form) => {
                form.input.iter_mut().for_each(|input| insert(input, text));
                self.overlay = Overlay::Form(form);
            }
            Overlay::Place(mut line) => {
                insert(&mut line.input, text);
                line.fault = None;
                self.overlay = Overlay::Place(line);
            }
            Overlay::Rename(mut line) => {
                insert(&mut line.input, text);
                self.overlay = Overlay::Rename(line);
            }
            Overlay::Train(mut line) => {
                insert(&mut line.input, text);
                line.fault = None;
                self.overlay = Overlay::Train(line);
            }
            Overlay::Dial(mut line) => {
                insert(&mut line.input, text);
                self.recheck(&mut line);
                self.overlay = Overlay::Dial(line);
            }
            other => self.overlay = other,
        }
    }

    /// Shows what a line leaves, as soon as it is without fault.
    fn refilter(&mut self, line: &mut FilterLine) {
        match line.input.parse() {
            Ok(filter) => {
                line.fault = None;
                self.take_filter(filter);
            }
            Err(error) => line.fault = Some(format!("{error}")),
        }
    }

    fn take_filter(&mut self, filter: Filter) {
        if let Some(run) = &mut self.run {
            run.filter = filter;
            run.relist();
        }
    }

    pub(super) fn close(&mut self) -> Vec<Effect> {
        self.overlay = Overlay::None;
        Vec::new()
    }
}
