//! What is true of candidates where no table tells: the accuracy that each reaches when it is trained from scratch by itself.

use super::arguments::CorrelateArguments;
use super::correlate::{Predictor, newest_step, weights};
use super::failure::Failure;
use super::output;
use super::rebuild::Setting;
use super::retrain::{Plan, Work, interrupted};
use super::runs::RunFiles;
use crate::engine::devices::OpenDevice;
use crate::engine::pool::{Lost, Pool};
use crate::export::text::{counted, duration, percent};
use crate::export::{Correlation, Judged, Training};
use crate::posterior::statistics::stratified;
use crate::run::{CandidateRecord, Retrained, Source, Start};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Candidates to train where `--n` does not say how many.
const CANDIDATES: usize = 30;

/// A recipe is short where it has no epochs of its own: the search's by so many.
const SHORTER: usize = 4;

/// Trains candidates over the range of inherited accuracy from scratch, those that are not trained so yet, and correlates. `None` where
/// somebody stopped it: what is trained is kept.
///
/// # Errors
/// A mistake: fewer than two candidates, weights that were not kept, a recipe that is wrong. A loss that is not finite.
pub fn with_retrained(arguments: &CorrelateArguments, run: &RunFiles) -> Result<Option<Correlation>, Failure> {
    let name = run.folder.name();
    let setting = Setting::of_run(&run.folder, arguments.data.as_deref())?;
    let started = run.started()?;
    let step = newest_step(run)?;
    // References are no sample: the whole network alone would stretch the range.
    let mut drawn = run.candidates()?;
    drawn.retain(|record| record.step == Some(step) && matches!(record.score.source, Source::Posterior | Source::Random | Source::Uniform));
    let inherited: Vec<f64> = drawn.iter().map(|record| record.score.select.of(started.batch_norm).share()).collect();
    let wanted = arguments.n.unwrap_or(CANDIDATES);
    let chosen: Vec<&CandidateRecord> =
        stratified(&inherited, wanted, started.seed).into_iter().filter_map(|position| drawn.get(position)).collect();
    if chosen.len() < 2 {
        let remedy = "search to the end, or sample some";
        return Err(Failure::Mistake(format!("run `{name}` has fewer than two candidates of its newest weights; {remedy}")));
    }
    if chosen.len() < wanted {
        output::tell(&format!("the run has {} candidates of its newest weights, and all of them are taken", chosen.len()));
    }

    let plan = plan(arguments, &setting, started.seed);
    let Some(trained) = train(arguments, run, &setting, &chosen, &plan)? else { return Ok(None) };
    output::tell(&format!("evaluating {} candidates, each with three kinds of batch-norm statistics", chosen.len()));
    let predictor = Predictor::new(&setting, started.seed, weights(run, step)?)?;
    let masks: Vec<_> = chosen.iter().map(|record| record.mask.clone()).collect();
    let judged = trained.iter().zip(predictor.predict_all(&setting, &masks)?).map(|(retrained, predicted)| Judged {
        architecture: format!("candidate {}, {}", retrained.candidate.0, retrained.source.label()),
        predicted,
        truth: retrained.retrained.share(),
    });
    let top = arguments.top.unwrap_or(chosen.len().div_ceil(10));
    let training = trained.first().map(|first| Training {
        from: first.from,
        epochs: first.epochs,
        seed: first.seed,
        recipe: first.recipe.clone(),
        split: "select".into(),
    });
    let told = training.as_ref().map_or_else(String::new, told);
    let images = setting.splits.select.images().len();
    Correlation::of(told, training, judged.collect(), top, images, started.seed, None).map(Some).ok_or_else(|| {
        let remedy = "correlate more of them (--n), or train longer (--epochs)";
        Failure::Mistake(format!("run `{name}` tells no two of {} candidates apart; {remedy}", chosen.len()))
    })
}

fn plan(arguments: &CorrelateArguments, setting: &Setting, seed: u64) -> Plan {
    let mut recipe = arguments.recipe.clone();
    let says_epochs = recipe.iter().any(|given| matches!(given.split('=').next(), Some("epochs" | "train.epochs")));
    let short = || (!says_epochs).then(|| setting.loaded.preset.train.epochs.div_ceil(SHORTER));
    recipe.extend(arguments.epochs.or_else(short).map(|epochs| format!("train.epochs={epochs}")));
    Plan { from: Start::Scratch, recipe, seed: arguments.seed.unwrap_or(seed) }
}

fn told(training: &Training) -> String {
    format!("accuracy on the same images once trained from scratch, {}, seed {}", counted(training.epochs.into(), "epoch"), training.seed)
}

/// Trains candidates, each on the next device that is free.
fn train(
    arguments: &CorrelateArguments,
    run: &RunFiles,
    setting: &Setting,
    chosen: &[&CandidateRecord],
    plan: &Plan,
) -> Result<Option<Vec<Retrained>>, Failure> {
    let (fleet, notices) = super::launch::open_all(&arguments.device)?;
    notices.iter().for_each(|notice| output::tell(&notice.message));
    let several = fleet.iter().count() > 1;
    let stop = interrupted()?;
    let work = |device: &OpenDevice| Work { run, setting, device: device.clone(), stop: stop.clone() };
    let mut devices = Pool::new(fleet.lead().label(), 1, work(fleet.lead()));
    fleet.iter().skip(1).for_each(|device| devices.add(device.label(), 1, work(device)));

    let (all, begun, done) = (chosen.len(), Instant::now(), AtomicUsize::new(0));
    let numbered: Vec<(usize, &CandidateRecord)> = (1..).zip(chosen.iter().copied()).collect();
    let train = |work: &Work<'_>, records: &[&(usize, &CandidateRecord)]| {
        let train = |&&(number, record): &&(usize, &CandidateRecord)| -> Result<Option<Retrained>, Failure> {
            let on = if several { format!(" on {}", work.device.label()) } else { String::new() };
            let at = format!("{number}/{all} candidate {}{on}", record.score.id.0);
            let Some(one) = work.train(record, plan, &|line| output::tell(&format!("{at}: {line}")))? else { return Ok(None) };
            let (before, after) = (percent(one.inherited.share()), percent(one.retrained.share()));
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            let left = duration(begun.elapsed().as_secs_f64() / done as f64 * (all - done) as f64);
            output::tell(&format!("{at}: {before} before, {after} after; about {left} left for all"));
            Ok(Some(one))
        };
        records.iter().map(train).collect::<Result<Vec<_>, Failure>>()
    };
    let (trained, lost) = devices.each(&numbered, train)?;
    for Lost { device, fault } in lost {
        output::tell(&format!("device {device} broke: {fault}; the others have done its part"));
    }
    Ok(trained.into_iter().collect())
}
