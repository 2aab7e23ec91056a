//! `pgnas attach`, `watch` and `stop`: searches that are at work in processes of their own.

use super::arguments::{AttachArguments, StopArguments};
use super::failure::{Exit, Failure};
use super::host::SystemHost;
use super::launch::Request;
use super::places::Places;
use super::runs::{RunFiles, locate};
use super::{output, plain, screen};
use crate::app::{Opened, Tie};
use crate::link::{self, AttachError, Link, Update};
use crate::run::{Command, IndexedLog, RunFolder, RunState, list_run, list_runs};
use crate::term::First;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a search at work is waited for where all of them are looked for.
const PATIENCE: Duration = Duration::from_millis(500);

/// Shows a search that is at work, or a complete one, to look at.
///
/// # Errors
/// No such search, or no terminal for a screen.
pub fn run(arguments: &AttachArguments, watch: bool) -> Result<Exit, Failure> {
    let places = Places::of_user();
    if arguments.screen.theme.is_some() {
        screen::check(&arguments.screen)?;
    }
    if arguments.plain {
        let path = find(arguments.run.as_deref(), &places)?;
        if is_complete(&path) {
            let log = IndexedLog::open(&RunFolder::open(&path)?.log())?;
            return plain::replay(&log, None, &std::thread::sleep, &mut std::io::stdout().lock());
        }
        return plain::follow(connect(&path, watch)?, &RunFolder::open(&path)?, &mut std::io::stdout().lock());
    }
    if let Some(reason) = screen::missing_terminal() {
        return Err(Failure::Mistake(format!("{reason}; --plain, `pgnas ls` and `pgnas report` need none")));
    }
    screen::check(&arguments.screen)?;
    let path = find(arguments.run.as_deref(), &places)?;
    let opened = if is_complete(&path) { to_look_at(&path)? } else { open(&path, watch)? };
    screen::show(Box::new(SystemHost::new(places, Request::default())), Some(First::Run(opened)), &arguments.screen)?;
    left(&path);
    Ok(Exit::Done)
}

/// Whether a run has nothing left to do, and nobody is at work on it.
fn is_complete(path: &Path) -> bool {
    let Ok(folder) = RunFolder::open(path) else { return false };
    !folder.is_locked() && list_run(path).is_some_and(|run| run.state == RunState::Completed)
}

/// A run that nobody is at work on, as its log has it.
///
/// # Errors
/// A mistake: no run, or a log that cannot be read.
pub fn to_look_at(path: &Path) -> Result<Opened, Failure> {
    let run = RunFiles::read(RunFolder::open(path)?)?;
    Ok(Opened { name: run.folder.name(), path: path.to_owned(), records: run.records, link: None, tie: Tie::Own })
}

/// Ends a search that is at work.
///
/// # Errors
/// No such search.
pub fn stop(arguments: &StopArguments) -> Result<Exit, Failure> {
    let path = find(arguments.run.as_deref(), &Places::of_user())?;
    let mut link = connect(&path, false)?;
    link.send(Command::Stop);
    while !matches!(link.next_blocking(), Update::Closed) {}
    let folder = RunFolder::open(&path)?;
    output::print(&format!("{}: {}\n", word_for(&folder), goes_on(&folder)))?;
    Ok(Exit::Done)
}

/// A search at work with its records so far.
///
/// # Errors
/// Nobody at work, or a host that does not want this screen.
pub fn open(path: &Path, watch: bool) -> Result<Opened, Failure> {
    // First the link and then the log: what happens in between is in both, and taken once.
    let link = connect(path, watch)?;
    let run = RunFiles::read(RunFolder::open(path)?)?;
    let tie = if watch { Tie::Watch } else { Tie::Host };
    Ok(Opened { name: run.folder.name(), path: path.to_owned(), records: run.records, link: Some(link), tie })
}

fn connect(path: &Path, watch: bool) -> Result<Link, Failure> {
    let folder = RunFolder::open(path)?;
    let name = word_for(&folder);
    link::attach(path, watch).map(|(link, _)| link).map_err(|error| match error {
        AttachError::Nobody if folder.is_locked() => {
            Failure::Mistake(format!("run `{name}` is searched on a screen of its own (--in-process), which shows and steers it alone"))
        }
        AttachError::Nobody if is_complete(path) => Failure::Mistake(format!(
            "run `{name}` is complete, and nobody is at work on it; `pgnas attach {name}` shows it, `pgnas report {name}` tells of it"
        )),
        AttachError::Nobody => Failure::Mistake(format!(
            "nobody is at work on run `{name}`; `pgnas resume {name}` goes on with it, `pgnas report {name}` tells of it"
        )),
        AttachError::Refused(_) | AttachError::Silent(_) => Failure::Failed(format!("run `{name}`: {error}")),
    })
}

/// The folder of the run that is meant: the only one at work, where none is named.
fn find(run: Option<&Path>, places: &Places) -> Result<PathBuf, Failure> {
    if let Some(run) = run {
        return locate(run, places);
    }
    let below = places.runs.as_deref().map(list_runs).unwrap_or_default();
    let at_work = below.iter().map(|run| &run.path).filter(|path| RunFolder::open(path).is_ok_and(|folder| folder.is_locked()));
    let mut at_work: Vec<PathBuf> = at_work.cloned().collect();
    at_work.extend(elsewhere(places));
    match at_work.as_slice() {
        [run] => Ok(run.clone()),
        [] => Err(Failure::Mistake("no search is at work; `pgnas ls` lists the runs, `pgnas resume RUN` goes on with one".into())),
        several => {
            let names = several.iter().filter_map(|path| Some(format!("`{}`", word_for(&RunFolder::open(path).ok()?))));
            let names = names.collect::<Vec<_>>().join(", ");
            Err(Failure::Mistake(format!("{} searches are at work: {names}; name the one that is meant", several.len())))
        }
    }
}

/// The runs that searches with a socket are at work on and that do not lie below the runs folder.
pub(super) fn elsewhere(places: &Places) -> Vec<PathBuf> {
    let root = places.runs.as_deref().and_then(|root| root.canonicalize().ok());
    link::at_work(PATIENCE).into_iter().filter(|run| run.parent() != root.as_deref()).collect()
}

/// Says how to come back to a search that goes on; tells whether it does.
pub fn left(path: &Path) -> bool {
    let Ok(folder) = RunFolder::open(path) else { return false };
    if folder.is_locked() {
        let run = word_for(&folder);
        output::tell(&format!("the search goes on: `pgnas attach {run}` shows it again, `pgnas stop {run}` ends it"));
        return true;
    }
    if list_run(path).is_some_and(|run| run.state == RunState::Stopped) {
        output::tell(&goes_on(&folder));
    }
    false
}

/// That a search was stopped, and what goes on with it.
#[must_use]
pub fn goes_on(folder: &RunFolder) -> String {
    format!("stopped; `pgnas resume {}` goes on with it", word_for(folder))
}

/// What a user writes for a run: its name where it lies below the runs folder, else its path.
pub(super) fn word_for(folder: &RunFolder) -> String {
    let below = |root: PathBuf| Some(root.canonicalize().ok()? == folder.path().canonicalize().ok()?.parent()?);
    if Places::of_user().runs.and_then(below) == Some(true) { folder.name() } else { folder.path().display().to_string() }
}
