//! `pgnas config show`: the settings of the screen that are in force, and where each comes from.

use super::arguments::{ConfigArguments, ConfigCommand, ScreenArguments};
use super::failure::{Exit, Failure};
use super::settings::{SETTINGS, Settings, Value};
use super::{output, places};
use crate::app::{ACTIONS, Keymap};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// What is in force; `docs/cli.md` documents the keys.
#[derive(Debug, Serialize)]
struct Facts<'a> {
    file: Option<PathBuf>,
    settings: BTreeMap<&'static str, &'a Value>,
    keys: BTreeMap<String, Vec<String>>,
}

/// Shows the settings.
///
/// # Errors
/// A file or variable with an error.
pub fn run(arguments: &ConfigArguments) -> Result<Exit, Failure> {
    let ConfigCommand::Show { origin, json } = arguments.command;
    let file = places::config();
    let settings = in_force(&ScreenArguments::default())?;
    if json {
        let keys = ACTIONS.iter().map(|action| (key(action.name), keys(&settings.keymap, action))).collect();
        let settings = SETTINGS.iter().zip(&settings.values).map(|((key, ..), value)| (*key, value)).collect();
        output::print_json(&Facts { file, settings, keys })?;
    } else {
        output::print(&text(&settings, origin))?;
    }
    Ok(Exit::Done)
}

/// The settings in force for these flags.
///
/// # Errors
/// A file or variable with an error.
pub fn in_force(flags: &ScreenArguments) -> Result<Settings, Failure> {
    Settings::load(places::config().as_deref(), &|name| std::env::var(name).ok(), flags)
}

/// The name of an action as the file writes it.
fn key(name: &str) -> String {
    name.replace(' ', "-")
}

fn keys(keymap: &Keymap, action: &crate::app::Action) -> Vec<String> {
    keymap.of(action.id).iter().map(ToString::to_string).collect()
}

/// A file that would have the same effect.
fn text(settings: &Settings, with_origin: bool) -> String {
    let mut text = String::new();
    let note = |origin: &str| if with_origin { format!("  # {origin}") } else { String::new() };
    for ((key, ..), value) in SETTINGS.iter().zip(&settings.values) {
        let written = if *key == "mouse" { value.value.clone() } else { toml::Value::from(value.value.clone()).to_string() };
        let _ = writeln!(text, "{key} = {written}{}", note(&value.origin));
    }
    text.push_str("\n[keys]\n");
    for action in ACTIONS {
        let name = key(action.name);
        let own = settings.keys.keys().any(|own| key(own) == name);
        let list = toml::Value::from(keys(&settings.keymap, action));
        let _ = writeln!(text, "{name} = {list}{}", note(if own { "config.toml" } else { "default" }));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_a_file_of_the_same_effect() {
        let settings = Settings::load(None, &|_| None, &ScreenArguments::default()).unwrap();
        for with_origin in [false, true] {
            let shown = text(&settings, with_origin);
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("config.toml");
            std::fs::write(&file, &shown).unwrap();
            let again = Settings::load(Some(&file), &|_| None, &ScreenArguments::default()).unwrap();
            assert_eq!(again.keymap, settings.keymap);
            assert_eq!(shown.contains("# default"), with_origin);
        }
    }
}
