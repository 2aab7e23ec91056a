//! The effective preset: every key that applies, its value and its origin; written as a file that loads back.

use super::error::PresetError;
use super::keys::{KEYS, Key, SECTIONS};
use super::kind::Value;
use super::layer::{Origin, Setting};
use std::fmt::Write as _;

/// Every key that applies, in the order of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    settings: Vec<Setting>,
}

impl Effective {
    /// Lays settings over the defaults, later layers over earlier ones, and leaves out the keys that do not apply.
    ///
    /// A key that does not apply is an error where it was set beside or after the value that rules it out. A lower layer is
    /// forgiven: who picks another family by `--set` need not know the keys of the one before.
    pub(super) fn merge(layers: &[Vec<Setting>]) -> Result<Self, PresetError> {
        let lookup = |path: &str| {
            let in_layer = |layer: &Vec<Setting>| layer.iter().rfind(|setting| setting.key == path).cloned();
            (0..layers.len()).rev().find_map(|depth| Some((depth + 1, in_layer(&layers[depth])?)))
        };
        let mut settings: Vec<Setting> = Vec::new();
        for key in KEYS {
            let (depth, setting) = match lookup(key.path) {
                Some(found) => found,
                None => (0, default(key)?),
            };
            if let Some((other, words)) = key.when
                && let Some(decides) = settings.iter().find(|setting| setting.key == other)
                && let Value::Text(word) = &decides.value
                && !words.contains(&word.as_str())
            {
                let decided_at = lookup(other).map_or(0, |(depth, _)| depth);
                if depth > 0 && depth >= decided_at {
                    let words = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ");
                    let (place, key) = (setting.place(), key.path.to_owned());
                    return Err(PresetError::DoesNotApply { place, key, other, word: word.clone(), words });
                }
                continue;
            }
            settings.push(setting);
        }
        Ok(Self { settings })
    }

    /// Every key that applies.
    #[must_use]
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// The setting of a key, if it applies.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    /// The name is the one value that the file's own name can decide.
    pub(super) fn set_name(&mut self, name: &str, origin: Origin) {
        if let Some(setting) = self.settings.iter_mut().find(|setting| setting.key == "name") {
            *setting = Setting { key: "name", value: Value::Text(name.to_owned()), origin, line: None };
        }
    }

    /// Another text for a key, of the same origin; says whether the key applies.
    pub(super) fn set_text(&mut self, key: &str, text: &str) -> bool {
        let setting = self.settings.iter_mut().find(|setting| setting.key == key);
        setting.map(|setting| setting.value = Value::Text(text.to_owned())).is_some()
    }

    /// As a preset file: every key with its origin as a comment. Loading it gives the same preset.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let width = self.settings.iter().map(|setting| line(setting).chars().count()).filter(|&width| width < 60).max().unwrap_or(0);
        let mut text = String::new();
        for section in std::iter::once("").chain(SECTIONS.map(|(section, _)| section)) {
            if !section.is_empty() {
                let _ = writeln!(text, "\n[{section}]");
            }
            for setting in self.settings.iter().filter(|setting| section_of(setting) == section) {
                let _ = writeln!(text, "{:width$} # {}", line(setting), setting.origin);
            }
        }
        text
    }
}

fn line(setting: &Setting) -> String {
    let name = setting.key.rsplit('.').next().unwrap_or(setting.key);
    format!("{name} = {}", setting.value)
}

fn section_of(setting: &Setting) -> &'static str {
    setting.key.split_once('.').map_or("", |(section, _)| section)
}

fn default(key: &'static Key) -> Result<Setting, PresetError> {
    let value = key.kind.check(&key.kind.from_command_line(key.default)).ok_or_else(|| PresetError::Value {
        place: Origin::Default.to_string(),
        key: key.path.to_owned(),
        found: key.default.to_owned(),
        must: key.kind.to_string(),
        example: String::new(),
    })?;
    Ok(Setting { key: key.path, value, origin: Origin::Default, line: None })
}
