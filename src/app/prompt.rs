//! What is typed in a line: the palette of commands, the filter.

use super::action::{Action, ActionId as Id};
use super::filter::Filter;
use super::fuzzy;
use super::state::App;

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

    /// Shows what a line leaves, as soon as it is without fault.
    pub(super) fn refilter(&mut self, line: &mut FilterLine) {
        match line.input.parse() {
            Ok(filter) => {
                line.fault = None;
                self.take_filter(filter);
            }
            Err(error) => line.fault = Some(format!("{error}")),
        }
    }

    pub(super) fn take_filter(&mut self, filter: Filter) {
        if let Some(run) = &mut self.run {
            run.filter = filter;
            run.relist();
        }
    }
}
