//! What can be wrong with a preset: each message is one line that says where, what, and the remedy.

/// What can be wrong with a preset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PresetError {
    /// No preset goes by this name.
    #[error("there is no preset `{name}`; {remedy}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The nearest name, or all there are.
        remedy: String,
    },
    /// The preset has no variant of this name.
    #[error("preset `{preset}` has no variant `{variant}`; {remedy}")]
    NoVariant {
        /// The preset.
        preset: String,
        /// The variant asked for.
        variant: String,
        /// The nearest name, or all there are.
        remedy: String,
    },
    /// The file of a preset cannot be read.
    #[error("{place}: cannot be read ({reason}); give the name of a preset, or the path of a readable file that ends in .toml")]
    Unreadable {
        /// The file.
        place: String,
        /// What the system said.
        reason: String,
    },
    /// The file of a preset is no TOML.
    #[error("{place}: this is not TOML ({reason}); write `key = value` lines under [section] headings")]
    Syntax {
        /// The file and the line.
        place: String,
        /// What the parser said.
        reason: String,
    },
    /// A `--set` without a key and a value.
    #[error("--set {text}: this is no setting; write key=value, such as --set train.epochs=10")]
    Setting {
        /// What was given.
        text: String,
    },
    /// A key that does not exist.
    #[error("{place}: there is no key `{key}`; {remedy}")]
    UnknownKey {
        /// Where it stands.
        place: String,
        /// The key.
        key: String,
        /// The nearest key, or where all are listed.
        remedy: String,
    },
    /// A value of the wrong type or out of range.
    #[error("{place}: `{key}` is {found}; it must be {must}, such as {example}")]
    Value {
        /// Where it stands.
        place: String,
        /// The key.
        key: String,
        /// What was found.
        found: String,
        /// What must be.
        must: String,
        /// A value that would do.
        example: String,
    },
    /// A key that has no meaning beside another one's value.
    #[error("{place}: `{key}` does not apply where `{other}` is \"{word}\"; remove it, or set `{other}` to {words}")]
    DoesNotApply {
        /// Where it stands.
        place: String,
        /// The key.
        key: String,
        /// The key that decides.
        other: &'static str,
        /// Its value.
        word: String,
        /// The values under which the key applies.
        words: String,
    },
    /// Something wrong in a space of one's own.
    #[error("{place}: {fault}")]
    Space {
        /// The file and the line.
        place: String,
        /// What is wrong, and the remedy.
        fault: String,
    },
    /// A value that is sound by itself but does not fit the images or the network.
    #[error("{place}: `{key}` does not fit: {fault}")]
    Misfit {
        /// Where it stands.
        place: String,
        /// The key, or its section.
        key: String,
        /// What does not fit, and the remedy.
        fault: String,
    },
}

impl PresetError {
    /// The same, said to stand elsewhere: `change` is given the key and the place, and says the other place, if any.
    #[must_use]
    pub fn placed(mut self, change: impl Fn(&str, &str) -> Option<String>) -> Self {
        if let Self::UnknownKey { place, key, .. }
        | Self::Value { place, key, .. }
        | Self::DoesNotApply { place, key, .. }
        | Self::Misfit { place, key, .. } = &mut self
            && let Some(other) = change(key, place)
        {
            *place = other;
        }
        self
    }
}

/// The known name that is most like a word; `None` where none is like it at all.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |name: &str| strsim::normalized_damerau_levenshtein(&word.to_lowercase(), &name.to_lowercase());
    known
        .into_iter()
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{PresetError, nearest};

    #[test]
    fn the_nearest_name_is_near() {
        assert_eq!(nearest("digit", ["fashion", "digits"]), Some("digits"));
        assert_eq!(nearest("Fasion", ["fashion", "digits"]), Some("fashion"));
        assert_eq!(nearest("imagenet", ["fashion", "digits"]), None);
    }

    #[test]
    fn an_error_can_be_said_to_stand_elsewhere() {
        let error = |key: &str| PresetError::Misfit { place: "--set".into(), key: key.into(), fault: "it is gone".into() };
        let of_data = |key: &str, place: &str| (key == "data.path" && place == "--set").then(|| "--data /nope".to_owned());
        let told = |key: &str| error(key).placed(of_data).to_string();
        assert_eq!(told("data.path"), "--data /nope: `data.path` does not fit: it is gone");
        assert_eq!(told("data.set"), error("data.set").to_string());
    }
}
