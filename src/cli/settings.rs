//! The user's settings of the screen, layer over layer: defaults, `config.toml`, the environment, flags.

use super::arguments::{ColorChoice, GlyphChoice, LinkChoice, ScreenArguments};
use super::failure::Failure;
use crate::app::Keymap;
use crate::preset::nearest;
use clap::ValueEnum;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// A setting: its key, its default, and what it means.
pub type Row = (&'static str, &'static str, &'static str);

/// All settings beside the keys.
pub const SETTINGS: [Row; 7] = [
    ("theme", "auto", "theme of the screen: auto (dark or light, as the terminal is), high-contrast, colour-blind, or one of your own"),
    ("color", "auto", "colours of the terminal: auto, truecolor, 256, 16 or never"),
    ("glyphs", "auto", "signs that the terminal's font has: auto, braille, unicode (no braille) or ascii"),
    ("mouse", "true", "whether clicks are for the program at first"),
    ("notify", "off", "what tells the end of a search: off, bell, or desktop (OSC 9)"),
    (
        "link",
        "auto",
        "frames over the line to the terminal: auto (the fewer, the longer writing one takes), slow (4 a second) or fast (30)",
    ),
    ("log", "info", "what the program writes into its log file: off, error, warn, info or debug"),
];

/// A value with where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Value {
    /// As it is written.
    pub value: String,
    /// `default`, the file, the variable, or the flag.
    pub origin: String,
}

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Settings {
    /// In the order of [`SETTINGS`].
    pub values: Vec<Value>,
    /// Keys of the user's own, by action.
    pub keys: BTreeMap<String, Vec<String>>,
    /// The keys in force.
    pub keymap: Keymap,
}

impl Settings {
    /// The settings in force; a file that is not there has no say.
    ///
    /// # Errors
    /// A mistake, in one line: a file that is no TOML, a key or value that means nothing, a key of the keyboard with two meanings.
    pub fn load(file: Option<&Path>, variable: &dyn Fn(&str) -> Option<String>, flags: &ScreenArguments) -> Result<Self, Failure> {
        let mut settings = Self {
            values: SETTINGS.iter().map(|(_, value, _)| Value { value: (*value).to_owned(), origin: "default".into() }).collect(),
            keys: BTreeMap::new(),
            keymap: Keymap::default(),
        };
        if let Some(file) = file.filter(|file| file.exists()) {
            settings.read(file)?;
        }
        let named = |choice: Option<String>| choice;
        let word = |value: Option<clap::builder::PossibleValue>| value.map(|value| value.get_name().to_owned());
        let given = [
            named(flags.theme.clone()),
            word(flags.color.and_then(|color| color.to_possible_value())),
            word(flags.glyphs.and_then(|glyphs| glyphs.to_possible_value())),
            flags.no_mouse.then(|| "false".to_owned()),
            named(None),
            word(flags.link.and_then(|link| link.to_possible_value())),
            named(None),
        ];
        for (position, ((key, ..), given)) in SETTINGS.iter().zip(given).enumerate() {
            let name = format!("PGNAS_{}", key.to_uppercase());
            if let Some(value) = variable(&name).filter(|value| !value.is_empty()) {
                settings.set(position, value, name)?;
            }
            if let Some(value) = given {
                let flag = if *key == "mouse" { "--no-mouse".to_owned() } else { format!("--{key}") };
                settings.set(position, value, flag)?;
            }
        }
        Ok(settings)
    }

    fn read(&mut self, file: &Path) -> Result<(), Failure> {
        let shown = file.display().to_string();
        let mistake = |what: String| Failure::Mistake(format!("{shown}: {what}"));
        let text = std::fs::read_to_string(file).map_err(|error| mistake(format!("{error}; make it readable, or take it away")))?;
        let table: toml::Table = toml::from_str(&text)
            .map_err(|error| mistake(format!("{}; write it as TOML", error.message().lines().next().unwrap_or("no TOML"))))?;
        for (key, value) in &table {
            if key == "keys" {
                self.keys = keys(value).map_err(&mistake)?;
                self.keymap = Keymap::with(&self.keys).map_err(|error| mistake(format!("[keys]: {error}")))?;
                continue;
            }
            let Some(position) = SETTINGS.iter().position(|(known, ..)| known == key) else {
                let known = SETTINGS.iter().map(|(known, ..)| *known).chain(["keys"]);
                let near = nearest(key, known).map_or_else(
                    || "there are theme, color, glyphs, mouse, notify, link, log and [keys]".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                return Err(mistake(format!("there is no setting `{}`; {near}", key.escape_debug())));
            };
            let text = match value {
                toml::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            self.set(position, text, shown.clone())?;
        }
        Ok(())
    }

    fn set(&mut self, position: usize, value: String, origin: String) -> Result<(), Failure> {
        let (key, ..) = SETTINGS[position];
        let known = match key {
            "color" => ColorChoice::from_str(&value, false).is_ok(),
            "glyphs" => GlyphChoice::from_str(&value, false).is_ok(),
            "mouse" => value.parse::<bool>().is_ok(),
            "notify" => ["off", "bell", "desktop"].contains(&value.as_str()),
            "link" => LinkChoice::from_str(&value, false).is_ok(),
            "log" => ["off", "error", "warn", "info", "debug"].contains(&value.as_str()),
            _ => true,
        };
        if !known {
            let wanted = match key {
                "color" => "auto, truecolor, 256, 16 or never",
                "glyphs" => "auto, braille, unicode or ascii",
                "notify" => "off, bell or desktop",
                "link" => "auto, slow or fast",
                "log" => "off, error, warn, info or debug",
                _ => "true or false",
            };
            return Err(Failure::Mistake(format!("{origin}: {key} cannot be `{}`; give {wanted}", value.escape_debug())));
        }
        self.values[position] = Value { value, origin };
        Ok(())
    }

    /// The value of a setting, as it is written.
    #[must_use]
    pub fn get(&self, key: &str) -> &str {
        SETTINGS.iter().position(|(known, ..)| *known == key).map_or("", |position| &self.values[position].value)
    }
}

/// The table of keys: of each action one key, or a list of them.
fn keys(value: &toml::Value) -> Result<BTreeMap<String, Vec<String>>, String> {
    let wrong = |action: &str| format!("[keys]: `{action}` wants a key in quotes, such as \"S\", or a list of them");
    let table = value.as_table().ok_or_else(|| wrong("keys"))?;
    let of = |(action, value): (&String, &toml::Value)| {
        let keys = match value {
            toml::Value::String(key) => vec![key.clone()],
            toml::Value::Array(keys) => {
                let keys: Option<Vec<String>> = keys.iter().map(|key| key.as_str().map(str::to_owned)).collect();
                keys.ok_or_else(|| wrong(action))?
            }
            _ => return Err(wrong(action)),
        };
        Ok((action.clone(), keys))
    };
    table.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, variable: &dyn Fn(&str) -> Option<String>, flags: &ScreenArguments) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        std::fs::write(&file, text).unwrap();
        Settings::load(Some(&file), variable, flags).map_err(|failure| failure.line())
    }

    fn unset(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn each_layer_lies_over_the_one_before() {
        let flags = ScreenArguments { color: Some(ColorChoice::Never), ..ScreenArguments::default() };
        let variable = |name: &str| (name == "PGNAS_GLYPHS").then(|| "ascii".to_owned());
        let settings = load("theme = \"light\"\nglyphs = \"unicode\"\ncolor = \"16\"", &variable, &flags).unwrap();
        let told = |key: &str, position: usize| (settings.get(key).to_owned(), settings.values[position].origin.clone());
        assert!(told("theme", 0).1.ends_with("config.toml") && told("theme", 0).0 == "light");
        assert_eq!(told("color", 1), ("never".into(), "--color".into()));
        assert_eq!(told("glyphs", 2), ("ascii".into(), "PGNAS_GLYPHS".into()));
        assert_eq!(told("mouse", 3), ("true".into(), "default".into()));
        let absent = Settings::load(Some(Path::new("absent/config.toml")), &unset, &ScreenArguments::default()).unwrap();
        assert_eq!(absent.get("theme"), "auto");
    }

    #[test]
    fn keys_move_and_faults_name_the_place_and_the_remedy() {
        let flags = ScreenArguments::default();
        let settings = load("mouse = false\n[keys]\nsample-now = \"H\"\npause = [\"P\", \"space\"]", &unset, &flags).unwrap();
        assert_eq!(settings.keymap.text(crate::app::ActionId::Pause), "P space");
        for (text, fault) in [
            ("thme = \"dark\"", "config.toml: there is no setting `thme`; did you mean `theme`?"),
            ("color = \"red\"", "config.toml: color cannot be `red`; give auto, truecolor, 256, 16 or never"),
            ("notify = \"mail\"", "notify cannot be `mail`; give off, bell or desktop"),
            ("mouse = 3", "mouse cannot be `3`; give true or false"),
            ("[keys]\npause = \"q\"", "[keys]: `q` would mean both `pause` and `leave`; give one of them another key"),
            ("[keys]\npause = \"ctrl-m\"", "[keys]: pause: `ctrl-m` never arrives: terminals send enter for it"),
            ("[keys]\ngive-up = \"f1\"", "[keys]: `give up` keeps the keys that it has"),
            ("[keys]\npause = 3", "[keys]: `pause` wants a key in quotes"),
            ("[keys]\npuase = \"P\"", "[keys]: there is no action `puase`, perhaps `pause`"),
            ("theme", "config.toml: "),
        ] {
            let told = load(text, &unset, &flags).unwrap_err();
            assert!(told.contains(fault) && !told.contains('\n'), "{told}");
        }
    }
}
