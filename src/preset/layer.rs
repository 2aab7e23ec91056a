//! Layers of settings: one preset file or all `--set` of a command line, key by key, each checked against the table.

use super::error::{PresetError, nearest};
use super::keys::{KEYS, Key, SECTIONS};
use super::kind::{Kind, Value, found, is_name};
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The table of keys.
    Default,
    /// A preset inside the program.
    Preset(String),
    /// A file.
    File(PathBuf),
    /// A variant of the recipe, and the preset or file that has it.
    Variant(String, Box<Origin>),
    /// The command line.
    Set,
    /// The program, which scaled it to a shortened training.
    Budget,
}

/// The origin in few words: `default`, `preset digits`, `file my.toml`, `preset digits, variant small`, `--set`.
impl std::fmt::Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => write!(formatter, "default"),
            Self::Preset(name) => write!(formatter, "preset {name}"),
            Self::File(path) => write!(formatter, "file {}", shown(path)),
            Self::Variant(name, file) => write!(formatter, "{file}, variant {name}"),
            Self::Set => write!(formatter, "--set"),
            Self::Budget => write!(formatter, "scaled budget"),
        }
    }
}

/// A path in one line, whatever it holds.
pub fn shown(path: &Path) -> String {
    path.display().to_string().replace(char::is_control, "\u{fffd}")
}

/// One value of one key with its origin.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The key's path.
    pub key: &'static str,
    /// Its value.
    pub value: Value,
    /// Where the value comes from.
    pub origin: Origin,
    /// The line of the file, from 1.
    pub line: Option<usize>,
}

impl Setting {
    /// Where it stands, as messages begin: `my.toml:3`.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.origin {
            Origin::Set => format!("--set {}={}", self.key, self.value),
            origin => place(origin, self.line),
        }
    }
}

fn place(origin: &Origin, line: Option<usize>) -> String {
    let file = match origin {
        Origin::File(path) => shown(path),
        Origin::Variant(_, file) => return place(file, line),
        other => other.to_string(),
    };
    line.map_or_else(|| file.clone(), |line| format!("{file}:{line}"))
}

/// What a preset file sets.
#[derive(Debug, Default)]
pub struct Layer {
    /// The settings outside its variants.
    pub settings: Vec<Setting>,
    /// What each `[variant.NAME]` lays over them.
    pub variants: Vec<(String, Vec<Setting>)>,
}

/// The section of a file that holds its variants.
const VARIANTS: &str = "variant";

/// The settings of a preset file and of its variants.
pub fn from_file(text: &str, origin: &Origin) -> Result<Layer, PresetError> {
    let reader = FileReader { text, origin: origin.clone() };
    let syntax = |error: toml::de::Error| PresetError::Syntax {
        place: place(origin, error.span().map(|span| reader.line(span.start))),
        reason: error.message().trim().replace('\n', "; "),
    };
    let values: toml::Table = text.parse().map_err(syntax)?;
    // Read a second time for the places: values proper do not know theirs.
    let places = DeTable::parse(text).map_err(syntax)?;
    let mut layer = Layer::default();
    let mut values = values;
    let variants = values.remove(VARIANTS);
    reader.collect("", &values, places.get_ref(), &mut layer.settings)?;
    if let (Some(variants), Some((name, places))) = (variants, places.get_ref().iter().find(|(name, _)| name.get_ref() == VARIANTS)) {
        layer.variants = reader.variants(&variants, (name.span().start, places.get_ref()))?;
    }
    Ok(layer)
}

struct FileReader<'a> {
    text: &'a str,
    origin: Origin,
}

impl FileReader<'_> {
    fn line(&self, byte: usize) -> usize {
        1 + self.text.bytes().take(byte).filter(|&byte| byte == b'\n').count()
    }

    fn variants(&self, values: &toml::Value, (start, places): (usize, &DeValue<'_>)) -> Result<Vec<(String, Vec<Setting>)>, PresetError> {
        let wrong = |start: usize, key: String, value: &toml::Value| PresetError::Value {
            place: place(&self.origin, Some(self.line(start))),
            key,
            found: found(value),
            must: "a section for each variant, by a name that is fit for a folder".into(),
            example: "a line [variant.small] with `section.key = value` lines below".into(),
        };
        let (toml::Value::Table(values), DeValue::Table(places)) = (values, places) else {
            return Err(wrong(start, VARIANTS.to_owned(), values));
        };
        let mut variants = Vec::new();
        for (name, inner) in places {
            let (start, name) = (name.span().start, name.get_ref().as_ref());
            match (values.get(name), inner.get_ref()) {
                (Some(toml::Value::Table(values)), DeValue::Table(places)) if is_name(name) && !name.is_empty() => {
                    let origin = Origin::Variant(name.to_owned(), Box::new(self.origin.clone()));
                    let mut settings = Vec::new();
                    FileReader { text: self.text, origin }.collect("", values, places, &mut settings)?;
                    variants.push((name.to_owned(), settings));
                }
                (value, _) => {
                    let value = value.cloned().unwrap_or_else(|| toml::Value::String(String::new()));
                    return Err(wrong(start, format!("{VARIANTS}.{}", name.escape_debug()), &value));
                }
            }
        }
        Ok(variants)
    }

    fn collect(&self, section: &str, values: &toml::Table, places: &DeTable<'_>, settings: &mut Vec<Setting>) -> Result<(), PresetError> {
        for (name, inner) in places {
            let line = Some(self.line(name.span().start));
            let name = name.get_ref().as_ref();
            let Some(value) = values.get(name) else { continue };
            let path = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
            let is_section = section.is_empty() && SECTIONS.iter().any(|(known, _)| *known == name);
            match (value, inner.get_ref()) {
                (toml::Value::Table(values), DeValue::Table(places)) if is_section => self.collect(name, values, places, settings)?,
                _ if is_section => {
                    return Err(PresetError::Value {
                        place: place(&self.origin, line),
                        key: path,
                        found: found(value),
                        must: "a section of keys".into(),
                        example: format!("a line [{name}] with `key = value` lines below"),
                    });
                }
                _ => settings.push(setting(&path, value, &self.origin, line)?),
            }
        }
        Ok(())
    }
}

/// The settings of a command line, each `key=value`.
pub fn from_command_line(set: &[String]) -> Result<Vec<Setting>, PresetError> {
    let read = |text: &String| {
        let (path, value) = text.split_once('=').ok_or_else(|| PresetError::Setting { text: text.escape_debug().to_string() })?;
        let (path, value) = (path.trim(), value.trim());
        let value = match find(path) {
            Some(key) => key.kind.from_command_line(value),
            None => toml::Value::String(value.to_owned()),
        };
        setting(path, &value, &Origin::Set, None)
    };
    set.iter().map(read).collect()
}

fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

fn setting(path: &str, value: &toml::Value, origin: &Origin, line: Option<usize>) -> Result<Setting, PresetError> {
    let place = || match origin {
        Origin::Set => "--set".to_owned(),
        origin => place(origin, line),
    };
    let key = find(path).ok_or_else(|| PresetError::UnknownKey {
        place: place(),
        key: path.escape_debug().to_string(),
        remedy: match nearest_key(path) {
            Some(known) => format!("did you mean `{known}`?"),
            None => "`pgnas presets digits` lists every key".into(),
        },
    })?;
    let value = key.kind.check(value).ok_or_else(|| PresetError::Value {
        place: place(),
        key: path.to_owned(),
        found: found(value),
        must: key.kind.to_string(),
        example: key.example(value),
    })?;
    Ok(Setting { key: key.path, value, origin: origin.clone(), line })
}

impl Key {
    /// A value that would do, as a TOML literal; of words, the one nearest to what was found.
    fn example(&self, found: &toml::Value) -> String {
        if let (Kind::Word(words), Some(found)) = (&self.kind, found.as_str())
            && let Some(near) = nearest(found, words.iter().copied())
        {
            return format!("\"{near}\"");
        }
        if matches!(self.kind, Kind::Constraint) {
            return r#""params < 2M, kept > .3""#.to_owned();
        }
        if self.default == r#""""# { r#""digits""#.to_owned() } else { self.default.to_owned() }
    }
}

/// By the whole path, or by the name alone for somebody who left the section out or took the wrong one.
fn nearest_key(path: &str) -> Option<&'static str> {
    let name = path.rsplit('.').next().unwrap_or(path);
    let same_name = KEYS.iter().find(|key| key.name() == name).map(|key| key.path);
    if let (Some((section, _)), None) = (path.rsplit_once('.'), same_name)
        && SECTIONS.iter().any(|(known, _)| *known == section)
    {
        // A section that is right says nothing of the key behind it, however long it is.
        let near = nearest(name, KEYS.iter().map(Key::name))?;
        let of_name = || KEYS.iter().filter(|key| key.name() == near).map(|key| key.path);
        return of_name().find(|path| path.starts_with(section)).or_else(|| of_name().next());
    }
    let sections = SECTIONS.iter().map(|(section, _)| *section).filter(|_| !path.contains('.'));
    same_name.or_else(|| nearest(path, KEYS.iter().map(|key| key.path).chain(sections))).or_else(|| {
        let near = nearest(name, KEYS.iter().map(Key::name))?;
        KEYS.iter().find(|key| key.name() == near).map(|key| key.path)
    })
}
