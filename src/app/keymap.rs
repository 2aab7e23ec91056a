//! Which key does what: the keys of the table of actions, and what the user would rather have.

use super::action::{Action, ActionId, Scene};
use super::key::{Code, Key};
use super::table::ACTIONS;
use crate::preset::nearest;
use std::collections::BTreeMap;

/// The keys of every action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    /// In the order of the table.
    keys: Vec<Vec<Key>>,
}

/// What is wrong with the keys that a user asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    /// No such action.
    #[error("there is no action `{name}`{near}; docs/keys.md and the screen's help name them all")]
    Action {
        /// What was asked for.
        name: String,
        /// The one that was probably meant.
        near: String,
    },
    /// No such key.
    #[error("{action}: {reason}")]
    Key {
        /// The action.
        action: &'static str,
        /// What is wrong with its key.
        reason: String,
    },
    /// Two meanings for one key.
    #[error("`{key}` would mean both `{first}` and `{second}`; give one of them another key")]
    Duplicate {
        /// The key.
        key: Key,
        /// The action that has it first.
        first: &'static str,
        /// The other one.
        second: &'static str,
    },
    /// Its keys stay as they are.
    #[error("`{0}` keeps the keys that it has, so that there is a way out of everywhere")]
    Fixed(&'static str),
    /// A character types itself in a line.
    #[error("`{action}` is for lines in which something is typed, where `{key}` types itself; take a key with `ctrl-` or one with a name")]
    Types {
        /// The action.
        action: &'static str,
        /// Its key.
        key: Key,
    },
    /// Nobody could leave, or find out how.
    #[error("`{0}` needs a key; give it one")]
    Without(&'static str),
}

impl Default for Keymap {
    fn default() -> Self {
        let keys = |action: &Action| action.keys.iter().filter_map(|text| text.parse().ok()).collect();
        Self { keys: ACTIONS.iter().map(keys).collect() }
    }
}

impl Keymap {
    /// The keys of the table, but for the actions named here those given here; names are those of the table, with `-` or blanks.
    ///
    /// # Errors
    /// [`KeymapError`], one line: an action or key that does not exist, or a key that would mean two things.
    pub fn with(wanted: &BTreeMap<String, Vec<String>>) -> Result<Self, KeymapError> {
        let mut map = Self::default();
        for (name, keys) in wanted {
            let position = ACTIONS.iter().position(|action| action.name == name.replace('-', " ")).ok_or_else(|| {
                let known = nearest(&name.replace('-', " "), ACTIONS.iter().map(|action| action.name));
                let near = known.map_or_else(String::new, |known| format!(", perhaps `{}`", known.replace(' ', "-")));
                KeymapError::Action { name: name.escape_debug().to_string(), near }
            })?;
            let action = ACTIONS[position].name;
            let key = |text: &String| text.parse::<Key>().map_err(|error| KeymapError::Key { action, reason: error.to_string() });
            let keys: Vec<Key> = keys.iter().map(key).collect::<Result<_, _>>()?;
            if ACTIONS[position].fixed && keys != map.keys[position] {
                return Err(KeymapError::Fixed(action));
            }
            map.keys[position] = keys;
        }
        map.check()?;
        Ok(map)
    }

    fn check(&self) -> Result<(), KeymapError> {
        for place in [Scene::Start, Scene::Run, Scene::Form, Scene::Question, Scene::Line, Scene::Page] {
            let mut seen = BTreeMap::new();
            for (action, keys) in ACTIONS.iter().zip(&self.keys).filter(|(action, _)| place.knows(action)) {
                for &key in keys {
                    if action.scene == Scene::Line && matches!(key, Key { code: Code::Char(_), ctrl: false }) {
                        return Err(KeymapError::Types { action: action.name, key });
                    }
                    if let Some(first) = seen.insert(key.to_string(), action.name) {
                        return Err(KeymapError::Duplicate { key, first, second: action.name });
                    }
                }
            }
        }
        let needed = |id| matches!(id, ActionId::Leave | ActionId::Help | ActionId::Agree | ActionId::Decline);
        let bare = ACTIONS.iter().zip(&self.keys).find(|(action, keys)| needed(action.id) && keys.is_empty());
        bare.map_or(Ok(()), |(action, _)| Err(KeymapError::Without(action.name)))
    }

    /// The keys of an action.
    #[must_use]
    pub fn of(&self, id: ActionId) -> &[Key] {
        ACTIONS.iter().position(|action| action.id == id).map_or(&[], |position| &self.keys[position])
    }

    /// The keys of an action as the help writes them.
    #[must_use]
    pub fn text(&self, id: ActionId) -> String {
        self.of(id).iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
    }

    /// The first two keys of an action, for a question: `n or esc`.
    #[must_use]
    pub fn either(&self, id: ActionId) -> String {
        self.of(id).iter().take(2).map(Key::to_string).collect::<Vec<_>>().join(" or ")
    }

    /// The first keys of some actions, for the hint line and the like.
    #[must_use]
    pub fn first(&self, ids: &[ActionId]) -> String {
        ids.iter().filter_map(|&id| self.of(id).first()).map(Key::to_string).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, keys: &[&str]) -> Result<Keymap, KeymapError> {
        Keymap::with(&BTreeMap::from([(name.to_owned(), keys.iter().map(|&key| key.to_owned()).collect())]))
    }

    #[test]
    fn the_table_itself_has_no_duplicates_and_every_key_of_it_is_one() {
        assert_eq!(Keymap::default().check(), Ok(()));
        for (action, keys) in ACTIONS.iter().zip(&Keymap::default().keys) {
            assert_eq!(action.keys.len(), keys.len(), "{}", action.name);
            assert!(!keys.is_empty() && action.doc.ends_with('.'), "{}", action.name);
        }
    }

    #[test]
    fn a_user_may_move_keys_but_not_onto_each_other() {
        let map = with("sample-now", &["H", "ctrl-s", "f5"]).unwrap();
        assert_eq!(map.text(ActionId::SampleNow), "H ctrl-s f5");
        assert_eq!(map.first(&[ActionId::PreviousCandidate, ActionId::NextCandidate]), "[ ]");
        assert_eq!(with("sample now", &[]).unwrap().of(ActionId::SampleNow), []);
        let told = |result: Result<Keymap, KeymapError>| result.unwrap_err().to_string();
        assert!(told(with("sample-now", &["space"])).starts_with("`space` would mean both `pause` and `sample now`"));
        assert!(told(with("sample-nwo", &["Z"])).contains("perhaps `sample-now`"));
        assert!(told(with("pause", &["hyper-x"])).starts_with("pause: `hyper-x` is no key"));
        assert!(told(with("pause", &["ctrl-i"])).starts_with("pause: `ctrl-i` never arrives: terminals send tab"));
        for needed in ["leave", "help", "yes", "no"] {
            assert_eq!(told(with(needed, &[])), format!("`{needed}` needs a key; give it one"));
        }
        // The start screen and that of a run never show together.
        assert!(with("open", &["space"]).is_ok());
    }

    #[test]
    fn keys_of_questions_lines_and_pages_move_too_but_the_ways_out_stay() {
        let told = |result: Result<Keymap, KeymapError>| result.unwrap_err().to_string();
        assert_eq!(with("yes", &["o"]).unwrap().text(ActionId::Agree), "o");
        assert!(with("yes", &["j"]).is_ok(), "in a question there is no list");
        assert!(told(with("yes", &["n"])).starts_with("`n` would mean both `yes` and `no`"));
        assert!(told(with("down", &["s"])).contains("`s` would mean both"), "in the keys of a preset, if not elsewhere");
        assert!(told(with("erase-word", &["w"])).contains("`w` types itself"));
        assert!(with("erase-word", &["f2", "delete"]).is_err() && with("erase-word", &["f2"]).is_ok());
        assert!(told(with("next-found", &["ctrl-c"])).starts_with("`ctrl-c` would mean both `ask to leave` and `next found`"));
        for fixed in ACTIONS.iter().filter(|action| action.fixed) {
            assert_eq!(told(with(fixed.name, &["f9"])), KeymapError::Fixed(fixed.name).to_string());
            // As `pgnas config show` writes it.
            assert!(with(fixed.name, fixed.keys).is_ok());
        }
        assert!(ACTIONS.iter().filter(|action| action.fixed).count() >= 4);
    }
}
