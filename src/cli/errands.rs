//! What the screen has done with candidates beside it: exported, evaluated, trained by themselves.

use super::evaluate::evaluate;
use super::export::Exported;
use super::failure::Failure;
use super::rebuild::Setting;
use super::retrain::{Plan, Work};
use super::runs::RunFiles;
use crate::app::{Done, Errand, Judged, Progress, Task, Training, Written};
use crate::run::{RunFolder, Start};
use std::sync::atomic::Ordering;

/// Does it.
///
/// # Errors
/// What the command of that name has; a training that was stopped.
pub fn run(task: &Task, device: &str, progress: &Progress<'_>) -> Result<Done, Failure> {
    let run = RunFiles::read(RunFolder::open(&task.run)?)?;
    match task.errand {
        Errand::Export => {
            let Exported { folder, select, note, .. } = super::export::export(&run, task.candidate)?;
            Ok(Done::Written(Written { folder, select, note }))
        }
        Errand::Evaluate => {
            let evaluation = evaluate(&run, &run.record(task.candidate)?, None)?;
            let judged = |row: super::evaluate::Row| Judged {
                batch_norm: row.name,
                decides: row.decides,
                accuracy: row.accuracy,
                quality: row.quality,
            };
            Ok(Done::Evaluated { rows: evaluation.rows.into_iter().map(judged).collect(), latency_ms: evaluation.latency })
        }
        Errand::Retrain(from) => retrain(&run, task, from, device, progress),
    }
}

/// By what was asked for, so that `pgnas retrain` with the same words goes on with it.
fn retrain(run: &RunFiles, task: &Task, from: Start, device: &str, progress: &Progress<'_>) -> Result<Done, Failure> {
    let stopped = || {
        let (name, id) = (run.folder.name(), task.candidate.0);
        let mut words = vec![format!("pgnas retrain {name} {id} --from {}", from.word())];
        words.extend(task.training.seed.map(|seed| format!("--seed {seed}")));
        words.extend(task.training.recipe.iter().map(|word| format!("--recipe {word}")));
        Failure::Mistake(format!("stopped: `{}` goes on from there", words.join(" ")))
    };
    if progress.stop.load(Ordering::Relaxed) {
        return Err(stopped());
    }
    let record = run.record(task.candidate)?;
    let setting = Setting::of_run(&run.folder, None)?;
    let (fleet, _) = super::launch::open_all(device)?;
    let Training { seed, recipe } = task.training.clone();
    let plan = Plan { from, recipe, seed: seed.unwrap_or(run.started()?.seed) };
    let work = Work { run, setting: &setting, device: fleet.lead().clone(), stop: progress.stop.clone() };
    let trained = work.train(&record, &plan, &|line| (progress.tell)(line.to_owned()))?;
    trained.map(|trained| Done::Retrained(Box::new(trained))).ok_or_else(stopped)
}
