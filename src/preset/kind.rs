//! What a preset's value may be: its type and range, how it is read from TOML, told and written.

use super::Constraint;
use crate::graph::Operation;
use std::fmt::{self, Write as _};
use std::ops::{Bound, RangeBounds as _, RangeInclusive};

/// What the value of a key may be.
#[derive(Debug, Clone)]
pub enum Kind {
    /// One line of text.
    Text,
    /// A name fit for a folder: letters, digits, `-`, `_` and `.`; may be empty.
    Name,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Bounds on what a candidate may cost; may be empty.
    Constraint,
    /// A list of candidate operations, each at most once, at least one.
    Operations,
    /// true or false.
    Flag,
    /// A whole number in a range.
    Whole(RangeInclusive<usize>),
    /// A list of whole numbers.
    Wholes {
        /// The range of each.
        each: RangeInclusive<usize>,
        /// Whether each must be larger than the one before.
        ascending: bool,
        /// Whether there may be none.
        empty: bool,
    },
    /// A finite number between two bounds.
    Number(Bound<f64>, Bound<f64>),
}

/// A value that has passed its key's check.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of [`Kind::Text`], [`Kind::Name`], [`Kind::Word`] and [`Kind::Constraint`].
    Text(String),
    /// Of [`Kind::Operations`].
    Operations(Vec<Operation>),
    /// Of [`Kind::Flag`].
    Flag(bool),
    /// Of [`Kind::Whole`].
    Whole(usize),
    /// Of [`Kind::Wholes`].
    Wholes(Vec<usize>),
    /// Of [`Kind::Number`].
    Number(f64),
}

impl Kind {
    /// The value, if it is of this kind.
    #[must_use]
    pub fn check(&self, value: &toml::Value) -> Option<Value> {
        match (self, value) {
            (Self::Text, toml::Value::String(text)) => (!text.contains(char::is_control)).then(|| Value::Text(text.clone())),
            (Self::Name, toml::Value::String(text)) => is_name(text).then(|| Value::Text(text.clone())),
            (Self::Constraint, toml::Value::String(text)) => {
                (!text.contains(char::is_control) && text.parse::<Constraint>().is_ok()).then(|| Value::Text(text.clone()))
            }
            (Self::Word(words), toml::Value::String(text)) => words.contains(&text.as_str()).then(|| Value::Text(text.clone())),
            (Self::Flag, &toml::Value::Boolean(flag)) => Some(Value::Flag(flag)),
            (Self::Whole(range), value) => whole(range, value).map(Value::Whole),
            (Self::Number(low, high), value) => number(value).filter(|number| (*low, *high).contains(number)).map(Value::Number),
            (Self::Operations, toml::Value::Array(list)) => {
                let list: Vec<Operation> = list.iter().map(|item| item.as_str()?.parse().ok()).collect::<Option<_>>()?;
                let unique = list.iter().enumerate().all(|(place, operation)| !list[..place].contains(operation));
                (unique && !list.is_empty()).then_some(Value::Operations(list))
            }
            (Self::Wholes { each, ascending, empty }, toml::Value::Array(list)) => {
                let list: Vec<usize> = list.iter().map(|item| whole(each, item)).collect::<Option<_>>()?;
                let sorted = !ascending || list.windows(2).all(|pair| pair[0] < pair[1]);
                (sorted && (*empty || !list.is_empty())).then_some(Value::Wholes(list))
            }
            _ => None,
        }
    }

    /// Reads a value as a command line has it: like TOML, but words need no quotes and lists no brackets.
    #[must_use]
    pub fn from_command_line(&self, text: &str) -> toml::Value {
        let literal = |text: &str| toml::from_str::<toml::Table>(&format!("value = {text}")).ok()?.remove("value");
        let bare = || toml::Value::String(text.to_owned());
        match self {
            Self::Text | Self::Name | Self::Word(_) | Self::Constraint => literal(text).filter(toml::Value::is_str).unwrap_or_else(bare),
            Self::Operations | Self::Wholes { .. } if !text.trim_start().starts_with('[') => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                let item = |item: &str| literal(item).unwrap_or_else(|| toml::Value::String(item.to_owned()));
                toml::Value::Array(items.map(item).collect())
            }
            // `.5` and `+3` are numbers to a person, not to TOML.
            Self::Number(..) => {
                let number = || text.parse::<f64>().ok().map(toml::Value::Float);
                literal(text).or_else(number).unwrap_or_else(bare)
            }
            _ => literal(text).unwrap_or_else(bare),
        }
    }
}

/// Whether a text is fit for the name of a preset, and with it of a run's folder.
pub fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.len() <= 64 && !text.starts_with(['.', '-']) && text.chars().all(fits)
}

fn whole(range: &RangeInclusive<usize>, value: &toml::Value) -> Option<usize> {
    let number = usize::try_from(value.as_integer()?).ok()?;
    range.contains(&number).then_some(number)
}

fn number(value: &toml::Value) -> Option<f64> {
    let number = value.as_float().or_else(|| value.as_integer().map(|number| number as f64))?;
    number.is_finite().then_some(number)
}

/// What a value must be, to be read after "must be".
impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = |range: &RangeInclusive<usize>| match (*range.start(), *range.end()) {
            (0, end) if end >= usize::MAX >> 1 => "from 0 on".to_owned(),
            (start, end) => format!("from {start} to {end}"),
        };
        match self {
            Self::Text => write!(formatter, "one line of text in quotes"),
            Self::Name => {
                write!(
                    formatter,
                    "a name in quotes, of at most 64 letters, digits and `-`, `_`, `.`, beginning with a letter, a digit or `_`"
                )
            }
            Self::Constraint => {
                write!(
                    formatter,
                    "bounds on params, macs, kept or latency in quotes, with < or > and a number (k, M, G, % or ms behind), joined by commas"
                )
            }
            Self::Word(words) => write!(formatter, "one of {}", quoted(words.iter().copied(), ", ")),
            Self::Operations => {
                let words = quoted(Operation::candidates().map(Operation::key), ", ");
                write!(formatter, "a list of at least one of {words}, each once")
            }
            Self::Flag => write!(formatter, "true or false"),
            Self::Whole(limits) => write!(formatter, "a whole number {}", range(limits)),
            Self::Wholes { each, ascending, empty } => {
                let order = if *ascending { ", ascending" } else { "" };
                let least = if *empty { "" } else { ", at least one" };
                write!(formatter, "a list of whole numbers {}{order}{least}", range(each))
            }
            Self::Number(low, high) => {
                let side = |bound: &Bound<f64>, including: &str, excluding: &str| match bound {
                    Bound::Included(limit) => Some(format!("{including} {limit}")),
                    Bound::Excluded(limit) => Some(format!("{excluding} {limit}")),
                    Bound::Unbounded => None,
                };
                let sides: Vec<String> =
                    [side(low, "of at least", "above"), side(high, "at most", "below")].into_iter().flatten().collect();
                write!(formatter, "a number {}", sides.join(" and "))
            }
        }
    }
}

/// The TOML literal of a value.
impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Texts have no control characters, so that the string is a basic one on one line.
            Self::Text(text) => {
                formatter.write_char('"')?;
                text.chars().try_for_each(|c| match c {
                    '"' | '\\' => write!(formatter, "\\{c}"),
                    c => formatter.write_char(c),
                })?;
                formatter.write_char('"')
            }
            Self::Operations(list) => {
                write!(formatter, "[{}]", list.iter().map(|operation| format!("\"{}\"", operation.key())).collect::<Vec<_>>().join(", "))
            }
            Self::Flag(flag) => write!(formatter, "{flag}"),
            Self::Whole(number) => write!(formatter, "{number}"),
            Self::Wholes(list) => write!(formatter, "{list:?}"),
            // The shortest form that reads back, always with a point or an exponent.
            Self::Number(number) => write!(formatter, "{number:?}"),
        }
    }
}

/// A found value as messages show it: in one line, shortened, with the word for its type.
#[must_use]
pub fn found(value: &toml::Value) -> String {
    let (kind, text) = match value {
        toml::Value::String(text) => ("a text", format!("{text:?}")),
        toml::Value::Integer(number) => ("a whole number", number.to_string()),
        toml::Value::Float(number) => ("a number", format!("{number:?}")),
        toml::Value::Boolean(flag) => ("", flag.to_string()),
        toml::Value::Datetime(date) => ("a date", date.to_string()),
        toml::Value::Array(list) => ("a list", format!("[{}]", list.iter().map(short).collect::<Vec<_>>().join(", "))),
        toml::Value::Table(_) => return "a table".into(),
    };
    let mut shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    if kind.is_empty() { shown } else { format!("{shown} ({kind})") }
}

fn short(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => format!("{text:?}"),
        toml::Value::Array(_) => "[…]".into(),
        toml::Value::Table(_) => "{…}".into(),
        other => other.to_string(),
    }
}

fn quoted<'a>(words: impl Iterator<Item = &'a str>, joint: &str) -> String {
    words.map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(joint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ops::Bound::{Excluded, Included, Unbounded};

    fn read(kind: &Kind, text: &str) -> Option<String> {
        kind.check(&kind.from_command_line(text)).map(|value| value.to_string())
    }

    #[test]
    fn command_lines_need_no_quotes_and_brackets() {
        let stages = Kind::Wholes { each: 1..=99, ascending: false, empty: false };
        assert_eq!(read(&stages, "8,16").as_deref(), Some("[8, 16]"));
        assert_eq!(read(&stages, "[8, 16]").as_deref(), Some("[8, 16]"));
        assert_eq!(read(&stages, "8,x"), None);
        assert_eq!(read(&stages, ""), None);
        assert_eq!(read(&Kind::Operations, "conv3, identity").as_deref(), Some(r#"["conv3", "identity"]"#));
        assert_eq!(read(&Kind::Operations, "conv3,conv3"), None);
        assert_eq!(read(&Kind::Word(&["edges"]), "edges").as_deref(), Some(r#""edges""#));
        assert_eq!(read(&Kind::Word(&["edges"]), r#""edges""#).as_deref(), Some(r#""edges""#));
        assert_eq!(read(&Kind::Number(Included(0.0), Unbounded), ".5").as_deref(), Some("0.5"));
        assert_eq!(read(&Kind::Number(Included(0.0), Unbounded), "1e-5").as_deref(), Some("1e-5"));
        assert_eq!(read(&Kind::Number(Included(0.0), Unbounded), "inf"), None);
        assert_eq!(read(&Kind::Number(Excluded(0.0), Excluded(1.0)), "1"), None);
        assert_eq!(read(&Kind::Whole(0..=9), "10"), None);
        assert_eq!(read(&Kind::Text, "say \"a\\b\"").as_deref(), Some(r#""say \"a\\b\"""#));
    }

    #[test]
    fn names_are_fit_for_folders() {
        assert!(is_name("cifar-10_v1.2") && is_name(""));
        assert!(!is_name("..") && !is_name("a/b") && !is_name("-x") && !is_name(&"a".repeat(65)));
    }

    proptest! {
        #[test]
        fn texts_read_back(text in "\\PC{0,30}") {
            if let Some(value) = Kind::Text.check(&toml::Value::String(text.clone())) {
                let table: toml::Table = toml::from_str(&format!("value = {value}")).unwrap();
                prop_assert_eq!(table["value"].as_str(), Some(text.as_str()));
            }
        }

        #[test]
        fn numbers_read_back(number in any::<f64>()) {
            if let Some(value) = Kind::Number(Unbounded, Unbounded).check(&toml::Value::Float(number)) {
                let table: toml::Table = toml::from_str(&format!("value = {value}")).unwrap();
                prop_assert_eq!(table["value"].as_float(), Some(number));
            }
        }

        #[test]
        fn whatever_is_found_is_told_in_one_short_line(text in "(?s).{0,200}") {
            let told = found(&toml::Value::String(text));
            prop_assert!(!told.contains('\n') && told.chars().count() < 80);
        }
    }
}
