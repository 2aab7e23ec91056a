//! `pgnas replay`: the log of a run, played on the screen of a search.

use super::arguments::ReplayArguments;
use super::failure::{Exit, Failure};
use super::host::SystemHost;
use super::launch::Request;
use super::places::Places;
use super::runs::locate;
use super::{plain, screen};
use crate::app::Replayed;
use crate::run::{IndexedLog, RunFolder};
use crate::term::First;
use std::path::Path;

/// Plays the log of a run until the user leaves.
///
/// # Errors
/// No such run, a log that cannot be read, or no terminal.
pub fn run(arguments: &ReplayArguments) -> Result<Exit, Failure> {
    let places = Places::of_user();
    if arguments.screen.theme.is_some() {
        screen::check(&arguments.screen)?;
    }
    if arguments.plain {
        let replayed = open(&locate(&arguments.run, &places)?, arguments.speed)?;
        return plain::replay(&replayed.log, replayed.speed, &std::thread::sleep, &mut std::io::stdout().lock());
    }
    if let Some(reason) = screen::missing_terminal() {
        return Err(Failure::Mistake(format!("{reason}; --plain and `pgnas report` tell of a run without one")));
    }
    screen::check(&arguments.screen)?;
    let replayed = open(&locate(&arguments.run, &places)?, arguments.speed)?;
    screen::show(Box::new(SystemHost::new(places, Request::default())), Some(First::Replay(replayed)), &arguments.screen)?;
    Ok(Exit::Done)
}

/// The log of a run's folder, to be played at a speed.
///
/// # Errors
/// A mistake: no run, or a log that cannot be read.
pub fn open(path: &Path, speed: Option<f64>) -> Result<Replayed, Failure> {
    let folder = RunFolder::open(path)?;
    let log = IndexedLog::open(&folder.log())?;
    Ok(Replayed { name: folder.name(), path: path.to_owned(), log, speed })
}
