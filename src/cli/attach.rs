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
use crate::run::{Command, RunFolder, list_runs};
use crate::term::First;
use std::path::{Path, PathBuf};

/// Shows a search that is at work.
///
/// # Errors
/// No such search, or no terminal for a screen.
pub fn run(arguments: &AttachArguments, watch: bool) -> Result<Exit, Failure> {
    let places = Places::of_user();
    if arguments.plain {
        let path = find(arguments.run.as_deref(), &places)?;
        return plain::follow(connect(&path, watch)?, &RunFolder::open(&path)?, &mut std::io::stdout().lock());
    }
    if let Some(reason) = screen::missing_terminal() {
        return Err(Failure::Mistake(format!("{reason}; --plain, `pgnas ls` and `pgnas report` need none")));
    }
    screen::check(&arguments.screen)?;
    let path = find(arguments.run.as_deref(), &places)?;
    let opened = open(&path, watch)?;
    screen::show(Box::new(SystemHost::new(places, Request::default())), Some(First::Run(opened)), &arguments.screen)?;
    left(&path);
    Ok(Exit::Done)
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
    let name = word_for(&RunFolder::open(&path)?);
    output::print(&format!("{name}: stopped; `pgnas resume {name}` goes on with it\n"))?;
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
    let runs = list_runs(places.runs()?);
    let mut at_work = runs.into_iter().filter(|run| RunFolder::open(&run.path).is_ok_and(|folder| folder.is_locked()));
    match (at_work.next(), at_work.next()) {
        (Some(run), None) => Ok(run.path),
        (None, _) => Err(Failure::Mistake("no search is at work; `pgnas ls` lists the runs, `pgnas resume RUN` goes on with one".into())),
        (Some(one), Some(other)) => Err(Failure::Mistake(format!(
            "several searches are at work, such as `{}` and `{}`; give the name of one",
            one.name, other.name
        ))),
    }
}

/// Says how to come back to a search that goes on; tells whether it does.
pub fn left(path: &Path) -> bool {
    let at_work = RunFolder::open(path).ok().filter(RunFolder::is_locked);
    if let Some(folder) = &at_work {
        let run = word_for(folder);
        output::tell(&format!("the search goes on: `pgnas attach {run}` shows it again, `pgnas stop {run}` ends it"));
    }
    at_work.is_some()
}

/// What a user writes for a run: its name where it lies below the runs folder, else its path.
fn word_for(folder: &RunFolder) -> String {
    let below = |root: PathBuf| Some(root.canonicalize().ok()? == folder.path().canonicalize().ok()?.parent()?);
    if Places::of_user().runs.and_then(below) == Some(true) { folder.name() } else { folder.path().display().to_string() }
}
