//! `pgnas resume`: a run that was stopped, or whose process died, goes on from its last checkpoint.

use super::arguments::ResumeArguments;
use super::failure::{Exit, Failure};
use super::headless::Telling;
use super::launch::{Request, Running, open_all};
use super::places::Places;
use super::prepare;
use super::rebuild::Setting;
use super::runs::{RunFiles, locate};
use super::{hosted, output, screen, search};
use crate::engine::{self, Keep, Plan, Resume};
use crate::run::{Checkpoint, Event, RunFolder, RunState, Standing, Steering, Watch, count_lines, read_candidates};
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Resumes a run.
///
/// # Errors
/// What keeps it from going on, or made it fail.
pub fn run(arguments: &ResumeArguments) -> Result<Exit, Failure> {
    let places = Places::of_user();
    let ResumeArguments { run, data, device, checkpoint_minutes: every, headless, json, plain, in_process, host, screen: look } = arguments;
    if *host {
        return hosted::run(|| resume(run, data.as_deref(), device.as_deref(), *every));
    }
    let unasked = !headless && !json && !plain;
    let missing = screen::missing_terminal();
    let on_screen = unasked && missing.is_none();
    if on_screen || look.theme.is_some() {
        screen::check(look)?;
    }
    let path = locate(run, &places)?;
    if on_screen && !in_process {
        let run = hosted::start(&arguments_for(&path, data.as_deref(), device.as_deref(), *every))?;
        return search::attached(&run, &Request::default(), places, look);
    }
    let running = resume(&path, data.as_deref(), device.as_deref(), *every)?;
    if on_screen {
        return search::show(running, &Request::default(), places, look);
    }
    // What keeps the run from going on is told in one line, without this one before it.
    if let Some(reason) = missing.filter(|_| unasked) {
        output::tell(&format!("{reason}, so the search runs without a screen (--headless)"));
    }
    search::without_screen(running, if *plain { Telling::Plain } else { Telling::of(*json) })
}

/// The command line that resumes a run.
#[must_use]
pub fn arguments_for(path: &Path, data: Option<&Path>, device: Option<&str>, every: Duration) -> Vec<OsString> {
    let minutes = (every.as_secs_f64() / 60.0).to_string();
    let mut arguments: Vec<OsString> = vec!["resume".into(), "--checkpoint-minutes".into(), minutes.into()];
    arguments.extend(data.into_iter().flat_map(|data| [OsString::from("--data"), data.into()]));
    arguments.extend(device.into_iter().flat_map(|device| [OsString::from("--device"), device.into()]));
    arguments.extend(["--".into(), path.into()]);
    arguments
}

/// Goes on with the run of a folder.
///
/// # Errors
/// A mistake: a run that is complete, at work, or has nothing to go on from.
pub fn resume(path: &Path, data: Option<&Path>, device: Option<&str>, every: Duration) -> Result<Running, Failure> {
    let folder = RunFolder::open(path)?;
    let lock = folder.lock()?;
    let run = RunFiles::read(folder)?;
    let started = run.started()?.clone();
    let RunFiles { folder, mut records, .. } = run;
    if records.last().is_some_and(|last| RunState::after(&last.event) == RunState::Completed) {
        return Err(Failure::Mistake(format!(
            "run `{}` is complete, so there is nothing to go on with; look at it with `pgnas report`",
            folder.name()
        )));
    }
    let setting = Setting::of_run(&folder, data)?;
    let splits_sha256 = setting.splits_sha256();
    let Setting { loaded, graph, splits, .. } = setting;
    let (fleet, notices) = open_all(device.unwrap_or(&started.device))?;
    let config_sha256 = folder.config_sha256()?;
    let lines = (count_lines(&folder.log()), count_lines(&folder.candidates()));
    let fits = |standing: &Standing| fits(standing, started.seed, &config_sha256, &splits_sha256, lines);
    let mut notes = Vec::new();
    let found = folder.checkpoints().last(fits, &mut notes).map_err(|error| Failure::Mistake(error.to_string()))?;
    let checkpoint = found.map(|(standing, arrays)| Checkpoint { standing, arrays });
    if checkpoint.is_none() && records.iter().any(|record| matches!(record.event, Event::Epoch(_) | Event::Candidate(_))) {
        let remedy = "runs of before this version kept none. What was ranked stays and can be exported; search anew for more";
        return Err(Failure::Mistake(format!("run `{}` has no checkpoint to go on from: {remedy}", folder.name())));
    }
    // Without a checkpoint it begins again, after the head of its log.
    let standing = checkpoint.as_ref().map(|checkpoint| &checkpoint.standing);
    let (kept, seconds, ranked) = standing.map_or((1, 0.0, 0), |standing| (standing.records, standing.seconds, standing.candidates));
    let mut candidates = read_candidates(&folder.candidates())?.0;
    candidates.truncate(ranked as usize);
    let undone = (records.len() as u64).saturating_sub(kept);
    records.truncate(kept as usize);
    let recorder = folder.recorder_from(kept, seconds)?;
    let pretrained = if checkpoint.is_none() { prepare::pretrained(&loaded, &graph, started.seed)? } else { None };
    let watch = Watch::of(records.iter().map(|record| &record.event));
    let resume = Some(Resume { checkpoint, candidates, undone, notes, steering: Steering::of(&records), watch });
    let plan = Plan {
        run: folder.name(),
        set: loaded.preset.data.set.clone(),
        preset: loaded.preset,
        graph: Arc::unwrap_or_clone(graph),
        splits,
        seed: started.seed,
        fleet,
        folder: folder.clone(),
        recorder,
        notices,
        pretrained,
        keep: Keep { lock, every, resume },
    };
    let (link, engine) = engine::start(plan)?;
    Ok(Running { folder, before: records, link, engine })
}

/// Whether a checkpoint belongs to the run as its folder is.
fn fits(standing: &Standing, seed: u64, config: &str, splits: &str, (records, candidates): (u64, u64)) -> Result<(), String> {
    let fault = if standing.seed != seed {
        format!("is of seed {}, and the log of seed {seed}", standing.seed)
    } else if standing.config_sha256 != config {
        "is of another config.toml; put back the one that the run began with".to_owned()
    } else if standing.splits_sha256 != splits {
        "is of other images; put back those that the run began with".to_owned()
    } else if standing.records > records || standing.candidates > candidates {
        format!(
            "counts on {} events and {} candidates, and the files have {records} and {candidates}",
            standing.records, standing.candidates
        )
    } else {
        return Ok(());
    };
    Err(fault)
}
