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
    /// F1 to F12.
    F(u8),
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
            (None, Code::F(number)) => write!(formatter, "f{number}"),
            (None, other) => write!(formatter, "{other:?}"),
        }
    }
}

/// A text that names no key that can be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It names none.
    #[error("`{0}` is no key; write a character, or one of space, enter, esc, tab, up, down, f1, …, with `ctrl-` before it where needed")]
    Unknown(String),
    /// No terminal sends it as a key of its own.
    #[error("`{0}` never arrives: {1}")]
    NeverArrives(String, &'static str),
}

/// What arrives where control is held with a key, or why nothing does: a terminal has bytes for few of them.
fn with_control(code: Code) -> Result<Code, &'static str> {
    Ok(match code {
        Code::Char('h' | '8') => return Err("terminals send backspace for it"),
        Code::Char('i') => return Err("terminals send tab for it"),
        Code::Char('m') => return Err("terminals send enter for it"),
        Code::Char('[' | '3') => return Err("terminals send esc for it"),
        Code::Char('@' | '2') => Code::Char(' '),
        Code::Char('\\') => Code::Char('4'),
        Code::Char(']') => Code::Char('5'),
        Code::Char('^') => Code::Char('6'),
        Code::Char('_' | '/') => Code::Char('7'),
        Code::Char('a'..='z' | '4'..='7' | ' ')
        | Code::Up
        | Code::Down
        | Code::Left
        | Code::Right
        | Code::PageUp
        | Code::PageDown
        | Code::Home
        | Code::End
        | Code::F(_) => code,
        Code::Char('A'..='Z') => return Err("with ctrl, terminals do not tell shift; write the small letter"),
        Code::Char(_) | Code::Enter | Code::Escape | Code::Tab | Code::BackTab | Code::Backspace => {
            return Err("terminals send the same with ctrl as without it");
        }
    })
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (ctrl, name) = text.strip_prefix("ctrl-").map_or((false, text), |name| (true, name));
        let named = NAMES.iter().find(|(known, _)| *known == name).map(|&(_, code)| code);
        let mut characters = name.chars();
        let single = match (characters.next(), characters.next()) {
            (Some(character), None) if !character.is_control() => Some(Code::Char(character)),
            _ => None,
        };
        let number = || name.strip_prefix('f')?.parse().ok().filter(|number| (1..=12).contains(number)).map(Code::F);
        let code = named.or(single).or_else(number).ok_or_else(|| KeyError::Unknown(text.to_owned()))?;
        let sent = if ctrl { with_control(code) } else { Ok(code) };
        sent.map(|code| Self { code, ctrl }).map_err(|reason| KeyError::NeverArrives(text.to_owned(), reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_as_they_print() {
        for text in
            ["ctrl-c", "space", "[", "G", "esc", "shift-tab", "page-down", "?", "f", "f1", "f12", "ctrl-f5", "ctrl-up", "ctrl-space"]
        {
            assert_eq!(text.parse::<Key>().unwrap().to_string(), text);
        }
        assert_eq!("ctrl-c".parse(), Ok(Key { code: Code::Char('c'), ctrl: true }));
        for text in ["escape!", "", "f0", "f13", "ctrl-", "\t"] {
            assert!(matches!(text.parse::<Key>(), Err(KeyError::Unknown(_))), "{text}");
        }
    }

    #[test]
    fn a_key_that_never_arrives_is_refused_and_says_what_arrives() {
        for (text, told) in [
            ("ctrl-i", "tab"),
            ("ctrl-m", "enter"),
            ("ctrl-[", "esc"),
            ("ctrl-h", "backspace"),
            ("ctrl-P", "small letter"),
            ("ctrl-enter", "the same with ctrl"),
            ("ctrl-tab", "the same with ctrl"),
            ("ctrl-1", "the same with ctrl"),
            ("ctrl-;", "the same with ctrl"),
        ] {
            let error = text.parse::<Key>().unwrap_err();
            assert!(matches!(error, KeyError::NeverArrives(..)) && error.to_string().contains(told), "{text}: {error}");
        }
        // These bytes have two names.
        assert_eq!("ctrl-\\".parse::<Key>(), "ctrl-4".parse());
        assert_eq!("ctrl-_".parse::<Key>(), "ctrl-7".parse());
        assert_eq!("ctrl-@".parse::<Key>(), "ctrl-space".parse());
    }
}
