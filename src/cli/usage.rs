//! What is wrong with a command line, in one line with the remedy that is likeliest.

use crate::preset::KEYS;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;

/// What clap has to say of these words of a command line, in one line: its message, one tip, and where the usage is.
#[must_use]
pub fn one_line(error: &clap::Error, words: &[OsString]) -> String {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let said = lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"));
    let own = tip(error, words);
    // Where there is a better tip than clap's, that one alone.
    let said: Vec<&str> = said.filter(|line| own.is_none() || !line.starts_with("tip:")).collect();
    let said = said.into_iter().chain(own.as_deref()).collect::<Vec<_>>().join("; ").replace(":;", ":");
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    let end = if said.ends_with('?') { "" } else { ";" };
    format!("{said}{end} `--help` shows what can be given")
}

/// What is likely meant, where clap cannot know it.
fn tip(error: &clap::Error, words: &[OsString]) -> Option<String> {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(several)) => several.clone(),
        _ => Vec::new(),
    };
    let command = words.get(1).and_then(|word| word.to_str()).unwrap_or_default();
    let invalid = context(ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let flag = invalid.first()?.split('=').next()?.to_owned();
            match command {
                "search" | "presets" => setting_for(&flag, words),
                "resume" if flag == "--set" => {
                    let others = "`pgnas attach` steers a search at work, and `pgnas search --set` begins another";
                    Some(format!("tip: a run goes on by the recipe that it began with; {others}"))
                }
                _ => None,
            }
        }
        ErrorKind::MissingRequiredArgument => {
            invalid.iter().any(|lacking| lacking.starts_with("<RUN")).then(|| "`pgnas ls` lists the runs".to_owned())
        }
        // Of several that are alike, the last is the nearest.
        ErrorKind::InvalidSubcommand => {
            context(ContextKind::SuggestedSubcommand).last().map(|near| format!("tip: a similar subcommand exists: '{near}'"))
        }
        ErrorKind::ArgumentConflict if words.get(1).is_some_and(|word| word.to_string_lossy().starts_with('-')) => {
            Some("tip: flags of the screen stand behind a command that has one".to_owned())
        }
        _ => None,
    }
}

/// The setting of a preset that somebody took for a flag, with the value that was given.
fn setting_for(flag: &str, words: &[OsString]) -> Option<String> {
    let name = flag.strip_prefix("--")?.replace('-', "_");
    let key = KEYS.iter().find(|key| key.path == name || key.name() == name && !key.section().is_empty())?;
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    let behind = || words.iter().skip_while(|word| **word != flag).nth(1).copied();
    let joined = words.iter().find_map(|word| word.strip_prefix(flag)?.strip_prefix('='));
    let value = joined.or_else(behind).filter(|value| !value.starts_with('-')).unwrap_or("VALUE");
    Some(format!("did you mean `--set {}={value}`?", key.path))
}

#[cfg(test)]
mod tests {
    use super::super::arguments::Arguments;
    use super::*;
    use clap::Parser as _;

    #[test]
    fn errors_are_one_line() {
        for (line, start) in [
            ("pgnas search", "the following required arguments were not provided: <PRESET>"),
            ("pgnas search digits --sed 1", "unexpected argument '--sed' found; tip: a similar argument exists: '--seed'"),
            ("pgnas search digits --seed one", "invalid value 'one' for '--seed <N>': give a whole number from 0 on; `--help`"),
            ("pgnas correlate digits --n abc", "invalid value 'abc' for '--n <N>': give a whole number from 2 to 5000; `--help`"),
            ("pgnas correlate digits --n 0", "invalid value '0' for '--n <N>': give a whole number from 2 to 5000; `--help`"),
            ("pgnas retrain digits --epochs 0", "invalid value '0' for '--epochs <N>': give a whole number from 1 on; `--help`"),
            ("pgnas search digits --epochs 3", "unexpected argument '--epochs' found; did you mean `--set train.epochs=3`? `--help`"),
            ("pgnas search digits --batch=32", "unexpected argument '--batch' found; did you mean `--set train.batch=32`? `--help`"),
            ("pgnas search digits --epochs", "unexpected argument '--epochs' found; did you mean `--set train.epochs=VALUE`? `--help`"),
            ("pgnas resume digits --set a=3", "unexpected argument '--set' found; tip: a run goes on by the recipe that it began with; "),
            ("pgnas serach digits", "unrecognized subcommand 'serach'; tip: a similar subcommand exists: 'search'; `--help`"),
            ("pgnas evaluate", "the following required arguments were not provided: <RUN|EXPORT>; `pgnas ls` lists the runs; `--help`"),
            ("pgnas export", "the following required arguments were not provided: <RUN>; `pgnas ls` lists the runs; `--help`"),
            ("pgnas --theme nope ls", "the subcommand 'ls' cannot be used with '--theme <NAME>'; tip: flags of the screen stand behind "),
            ("pgnas retrian digits", "unrecognized subcommand 'retrian'; tip: a similar subcommand exists: 'retrain'"),
            ("pgnas --color red", "invalid value 'red' for '--color <WHEN>'; [possible values: auto, truecolor, 256, 16, never]"),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let told = one_line(&Arguments::try_parse_from(&words).unwrap_err(), &words);
            assert!(told.starts_with(start) && !told.contains('\n') && told.contains("--help"), "{line}: {told}");
        }
    }
}
