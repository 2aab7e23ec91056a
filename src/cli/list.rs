//! `pgnas ls`: all runs, and how far those are that somebody is at work on.

use super::arguments::ListArguments;
use super::failure::{Exit, Failure};
use super::output;
use super::places::Places;
use crate::export::text::{duration, percent};
use crate::link;
use crate::run::{RunFolder, RunListing, RunState, Snapshot, list_run, list_runs};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

/// How long a search at work is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// One run; `docs/cli.md` documents the keys.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    /// What it is called in the text.
    #[serde(skip)]
    shown: String,
    path: PathBuf,
    preset: String,
    seed: u64,
    state: &'static str,
    progress: Option<f64>,
    seconds_left: Option<f64>,
    best_select_accuracy: Option<f64>,
    bytes: u64,
}

/// Lists the runs.
///
/// # Errors
/// No home, or nobody reads the list.
pub fn run(arguments: &ListArguments) -> Result<Exit, Failure> {
    let places = Places::of_user();
    let below = list_runs(places.runs()?).into_iter();
    // A search at work is somebody's wherever its run lies; it goes by its path, as whoever names it has to write.
    let elsewhere = super::attach::elsewhere(&places).into_iter().filter_map(|path| list_run(&path));
    let elsewhere = elsewhere.map(|run| Row { shown: run.path.display().to_string(), ..row(run) });
    let rows: Vec<Row> = elsewhere.chain(below.map(row)).collect();
    if arguments.json {
        output::print_json(&rows)?;
    } else {
        output::print(&text(&rows))?;
    }
    Ok(Exit::Done)
}

/// How a run stands, by its log and by who is at work on it, with the newest state of that search.
pub(super) fn standing(run: &RunListing) -> (&'static str, Option<Arc<Snapshot>>) {
    let locked = RunFolder::open(&run.path).is_ok_and(|folder| folder.is_locked());
    let snapshot = if locked { asked(run.path.clone()) } else { None };
    (state(run.state, locked, snapshot.as_ref()), snapshot)
}

/// The newest state of a search that is at work; `None` of one that is silent, so that it holds up no list.
fn asked(run: PathBuf) -> Option<Arc<Snapshot>> {
    let (sender, answer) = channel();
    std::thread::spawn(move || {
        let snapshot = link::attach(&run, true).ok().map(|(link, _)| link.snapshot());
        // Nobody is left to hear it where patience was at its end.
        let _ = sender.send(snapshot);
    });
    answer.recv_timeout(PATIENCE).ok().flatten()
}

fn row(run: RunListing) -> Row {
    let (state, snapshot) = standing(&run);
    let told = |value: fn(&Snapshot) -> Option<f64>| snapshot.as_deref().and_then(value);
    Row {
        state,
        progress: told(|snapshot| snapshot.progress),
        seconds_left: told(|snapshot| snapshot.seconds_left),
        best_select_accuracy: run.best.map(crate::run::Accuracy::share),
        shown: run.name.clone(),
        name: run.name,
        path: run.path,
        preset: run.preset,
        seed: run.seed,
        bytes: run.bytes,
    }
}

fn state(logged: RunState, locked: bool, snapshot: Option<&Arc<Snapshot>>) -> &'static str {
    match logged {
        _ if locked && snapshot.is_some_and(|snapshot| snapshot.paused) => "paused",
        _ if locked => "running",
        RunState::Unfinished => "crashed",
        ended => ended.label(),
    }
}

fn text(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no runs yet; `pgnas search digits` makes one\n".into();
    }
    let width = rows.iter().map(|row| row.shown.chars().count()).max().unwrap_or(0).max(4);
    let mut text = format!("{:width$}  state      progress      left     best\n", "run");
    for row in rows {
        let shown = |value: Option<String>| value.unwrap_or_else(|| "-".into());
        let (progress, left) = (shown(row.progress.map(percent)), shown(row.seconds_left.map(duration)));
        let best = shown(row.best_select_accuracy.map(percent));
        let _ = writeln!(text, "{:width$}  {:9}  {progress:>8}  {left:>8}  {best:>7}", row.shown, row.state);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_what_its_log_and_its_process_say() {
        let at = |paused| Some(Arc::new(Snapshot { paused, ..Snapshot::default() }));
        assert_eq!(state(RunState::Unfinished, true, at(false).as_ref()), "running");
        assert_eq!(state(RunState::Unfinished, true, at(true).as_ref()), "paused");
        assert_eq!(state(RunState::Stopped, true, None), "running", "resumed, and its log still ends with the stop");
        assert_eq!(state(RunState::Unfinished, false, None), "crashed");
        assert_eq!(state(RunState::Completed, false, None), "completed");
    }
}
