//! Keys as the tables, the help and the documentation write them.

use std::fmt;
use std::str::FromStr;

/// One press of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// The key.
    pub code: Code,
    /// Whether control was held.
    pub ctrl: bool,
}

/// Keys that mean something here; what shift does is in the character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those on the keyboard")]
pub enum Code {
    Char(char),
    Enter,
    Escape,
    Tab,
    BackTab,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    Backspace,
}

const NAMES: [(&str, Code); 14] = [
    ("space", Code::Char(' ')),
    ("enter", Code::Enter),
    ("esc", Code::Escape),
    ("tab", Code::Tab),
    ("shift-tab", Code::BackTab),
    ("up", Code::Up),
    ("down", Code::Down),
    ("left", Code::Left),
    ("right", Code::Right),
    ("page-up", Code::PageUp),
    ("page-down", Code::PageDown),
    ("home", Code::Home),
    ("end", Code::End),
    ("backspace", Code::Backspace),
];

impl From<Code> for Key {
    fn from(code: Code) -> Self {
        Self { code, ctrl: false }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            formatter.write_str("ctrl-")?;
        }
        match (NAMES.iter().find(|(_, code)| *code == self.code), self.code) {
            (Some((name, _)), _) => formatter.write_str(name),
            (None, Code::Char(character)) => write!(formatter, "{character}"),
            (None, other) => write!(formatter, "{other:?}"),
        }
    }
}

/// A text that names no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no key; write a character, or one of space, enter, esc, tab, up, down, …, with `ctrl-` before it where needed")]
pub struct KeyError(String);

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (ctrl, name) = text.strip_prefix("ctrl-").map_or((false, text), |name| (true, name));
        let named = NAMES.iter().find(|(known, _)| *known == name).map(|&(_, code)| code);
        let mut characters = name.chars();
        let single = match (characters.next(), characters.next()) {
            (Some(character), None) => Some(Code::Char(character)),
            _ => None,
        };
        let code = named.or(single).ok_or_else(|| KeyError(text.to_owned()))?;
        Ok(Self { code, ctrl })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_as_they_print() {
        for text in ["ctrl-c", "space", "[", "G", "esc", "shift-tab", "page-down", "?"] {
            assert_eq!(text.parse::<Key>().unwrap().to_string(), text);
        }
        assert_eq!("ctrl-c".parse(), Ok(Key { code: Code::Char('c'), ctrl: true }));
        assert!("escape!".parse::<Key>().is_err() && "".parse::<Key>().is_err());
    }
}
