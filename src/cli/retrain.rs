//! `pgnas retrain`: a candidate trained by itself, from the weights it inherited or from scratch, and compared with what it was.

use super::arguments::RetrainArguments;
use super::export::read_arrays;
use super::failure::{Exit, Failure};
use super::networks::Networks;
use super::output;
use super::places::Places;
use super::rebuild::Setting;
use super::runs::RunFiles;
use crate::engine::devices::OpenDevice;
use crate::engine::ranker::Network;
use crate::engine::rebuild::evaluate;
use crate::engine::retrain::Retrainer;
use crate::export::arrays;
use crate::export::text::{counted, duration, p_value, percent, points};
use crate::posterior::statistics::Answers;
use crate::preset::{Loaded, Preset};
use crate::run::tensors::{digest_of_bytes, to_safetensors};
use crate::run::{Accuracy, Bits, CandidateRecord, Retrained, RunFolder, Start, TrainingState, read_retrained, write_whole};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Keys that a recipe may change: those of training; the network and the splits stay those of the search.
const KEYS: [&str; 6] = ["train.", "data.shift", "data.flip", "data.cutout", "posterior.weight_prior", "posterior.n_effective"];

/// What the learning rate of a search is multiplied by where training goes on from inherited weights: at the full rate they would be lost.
const FINE: f64 = 0.1;

/// How often where a training stands is written down at most.
const BETWEEN_STATES: Duration = Duration::from_secs(5);

/// How a candidate is trained.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What it begins with.
    pub from: Start,
    /// Changes to the recipe of the search, `key=value`.
    pub recipe: Vec<String>,
    /// Seed.
    pub seed: u64,
}

/// Trains a candidate and tells what came of it.
///
/// # Errors
/// No such run or candidate, weights that were not kept, a recipe that is wrong, a loss that is not finite.
pub fn run(arguments: &RetrainArguments) -> Result<Exit, Failure> {
    let run = RunFiles::find(&arguments.run, &Places::of_user())?;
    let record = run.record(run.candidate(&arguments.candidate)?)?;
    let setting = Setting::of_run(&run.folder, arguments.data.as_deref())?;
    let mut recipe = arguments.recipe.clone();
    recipe.extend(arguments.epochs.map(|epochs| format!("train.epochs={epochs}")));
    let plan = Plan { from: arguments.from.into(), recipe, seed: arguments.seed.unwrap_or(run.started()?.seed) };
    let (device, _) = super::launch::open(&arguments.device)?;
    let retraining = Work { run: &run, setting: &setting, device, stop: interrupted()? };
    let Some(retrained) = retraining.train(&record, &plan, &|line| output::tell(line))? else {
        output::tell("stopped: the same command goes on from here");
        return Ok(Exit::Stopped);
    };
    if arguments.json {
        output::print_json(&retrained)?;
    } else {
        output::print(&text(&run, &retrained))?;
    }
    Ok(Exit::Done)
}

/// Set by the first interrupt; the second one leaves at once.
///
/// # Errors
/// A system without signals.
pub fn interrupted() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, Exit::Stopped as i32, stop.clone())
            .and_then(|_| signal_hook::flag::register(signal, stop.clone()))
            .map_err(|error| Failure::Unexpected(error.into()))?;
    }
    Ok(stop)
}

/// Trainings of a run's candidates.
pub struct Work<'a> {
    /// The run.
    pub run: &'a RunFiles,
    /// Its preset and images.
    pub setting: &'a Setting,
    /// Where to compute.
    pub device: OpenDevice,
    /// Whether to stop.
    pub stop: Arc<AtomicBool>,
}

impl Work<'_> {
    /// Trains a candidate, or goes on where that was interrupted; one that was trained so before is not trained again. `None` where
    /// somebody stopped it.
    ///
    /// # Errors
    /// As [`run`].
    pub fn train(&self, record: &CandidateRecord, plan: &Plan, tell: &dyn Fn(&str)) -> Result<Option<Retrained>, Failure> {
        let (run, setting) = (self.run, self.setting);
        let id = record.score.id;
        let loaded = recipe(&run.folder, &setting.loaded, plan.from, &plan.recipe)?;
        let preset = &loaded.preset;
        let trained_by = settings(&loaded).join("\n");
        let digest = &digest_of_bytes(trained_by.as_bytes())[..8];
        let name = format!("{}-{}-{}-{digest}", id.0, plan.from.word(), plan.seed);
        let known = read_retrained(&run.folder.retrained())?.0;
        if let Some(known) = known.into_iter().find(|known| known.name == name) {
            tell(&format!("candidate {} was trained so before; another --seed or --recipe trains it anew", id.0));
            return Ok(Some(known));
        }
        let mode = preset.rank.batch_norm;
        let mut networks = Networks::new(run, setting)?;
        let network = networks.network(record, mode)?;
        let graph = network.graph.clone();
        let retrainer = Retrainer::new(graph.clone(), preset, &setting.splits.train, &self.device, plan.seed)?;
        let folder = run.folder.retraining(&name);
        let (state, epochs) = (folder.join("state.safetensors"), preset.train.epochs as u64);
        let mut training = match state.exists().then(|| TrainingState::read(&state)) {
            Some(Ok(kept)) => {
                let goes_on = retrainer.from_state(&kept);
                let other = || Failure::Mistake(format!("{}: it is of another network; remove it to begin anew", state.display()));
                tell(&format!("going on after step {} of {}", kept.step, epochs * retrainer.steps_per_epoch()));
                goes_on.ok_or_else(other)?
            }
            Some(Err(error)) => return Err(Failure::Mistake(format!("{error}; or remove it to begin anew"))),
            None if plan.from == Start::Inherited => retrainer.from_values(&network.values),
            None => retrainer.from_scratch(),
        };
        let (begun, mut written) = (Instant::now(), Instant::now());
        let (steps, first) = (retrainer.steps_per_epoch().max(1), training.step);
        let mut last = None;
        while training.step < epochs * steps || last.is_none() {
            let (next, trained) = retrainer.epoch(training, || !self.stop.load(Ordering::Relaxed))?;
            training = next;
            let Some(trained) = trained else {
                retrainer.state(&training).write(&state)?;
                return Ok(None);
            };
            let done = training.step - first;
            let left = begun.elapsed().as_secs_f64() * (epochs * steps).saturating_sub(training.step) as f64 / done.max(1) as f64;
            tell(&format!(
                "epoch    {:width$}/{epochs}  loss {:.4}  train {}  rate {:.4}  {} left",
                training.step / steps,
                trained.cross_entropy,
                percent(trained.accuracy),
                trained.learning_rate,
                duration(left),
                width = epochs.to_string().len(),
            ));
            if written.elapsed() > BETWEEN_STATES && training.step < epochs * steps {
                retrainer.state(&training).write(&state)?;
                written = Instant::now();
            }
            last = Some(trained);
        }
        let Some(last) = last else { return Ok(None) };
        let images = setting.splits.select.images();
        let right = |network: &Network| evaluate(network, images, preset.train.batch_norm_epsilon, networks.device());
        let now = Network { graph: graph.clone(), values: retrainer.values(&training) };
        let (before, after) = (right(&network), right(&now));
        let differ = Answers::new(&before).discordant(&Answers::new(&after));
        let cost = graph.cost();
        let told = Retrained {
            name: name.clone(),
            candidate: id,
            source: record.score.source,
            from: plan.from,
            seed: plan.seed,
            epochs: epochs as u32,
            recipe: changes(&setting.loaded, &loaded),
            parameters: cost.parameters as u64,
            macs: cost.macs as u64,
            cross_entropy: last.cross_entropy,
            train_accuracy: last.accuracy,
            inherited: Accuracy::of(&before),
            retrained: Accuracy::of(&after),
            only_inherited: differ.only_left,
            only_retrained: differ.only_right,
            p: differ.mcnemar(),
            seconds: begun.elapsed().as_secs_f64(),
            correct: Bits(after),
        };
        let facts = [("run", run.folder.name()), ("retrained", name)];
        let bytes = to_safetensors(&arrays(&graph, &now.values), &facts).map_err(Failure::Failed)?;
        write_whole(&folder.join("model.safetensors"), &bytes)?;
        told.append(&run.folder.retrained())?;
        // What it went on from is of no use now.
        let _ = std::fs::remove_file(&state);
        Ok(Some(told))
    }
}

/// The network of a retrained candidate.
///
/// # Errors
/// A mistake: weights that are missing, damaged or of another network.
pub fn network(run: &RunFiles, retrained: &Retrained, graph: Arc<crate::graph::Graph>) -> Result<Network, Failure> {
    read_arrays(&run.folder.retraining(&retrained.name).join("model.safetensors"), graph)
}

/// The last training of a candidate.
///
/// # Errors
/// A mistake: it was never retrained.
pub fn last_of(run: &RunFiles, id: crate::run::CandidateId) -> Result<Retrained, Failure> {
    let retrained = read_retrained(&run.folder.retrained())?.0.into_iter().rfind(|retrained| retrained.candidate == id);
    retrained.ok_or_else(|| {
        let name = run.folder.name();
        Failure::Mistake(format!("candidate {} was not retrained; do so with `pgnas retrain {name} {}`", id.0, id.0))
    })
}

/// Checks changes to the recipe of a run's search without reading its images.
///
/// # Errors
/// A mistake: a key that is no part of training, or a value that it does not take.
pub fn check(folder: &RunFolder, from: Start, changes: &[String]) -> Result<(), Failure> {
    let base = Preset::load(&folder.config().to_string_lossy(), None, &[])?;
    recipe(folder, &base, from, changes).map(drop)
}

/// The preset of a run with its recipe changed.
fn recipe(folder: &RunFolder, base: &Loaded, from: Start, changes: &[String]) -> Result<Loaded, Failure> {
    let mut set = Vec::new();
    if from == Start::Inherited {
        set.push(format!("train.learning_rate={}", FINE * base.preset.train.learning_rate));
    }
    for given in changes {
        if !given.contains('=') {
            return Err(Failure::Mistake(format!("recipe {given}: this is no setting; write key=value, such as epochs=20")));
        }
        let full = if given.split('=').next().is_some_and(|key| key.contains('.')) { given.clone() } else { format!("train.{given}") };
        if !KEYS.iter().any(|key| full.starts_with(key)) {
            let keys = "those of [train], data.shift, data.flip, data.cutout, posterior.weight_prior and posterior.n_effective";
            return Err(Failure::Mistake(format!("recipe {given}: this is no part of training; there are {keys}")));
        }
        set.push(full);
    }
    let path: PathBuf = folder.config();
    // Who gave a recipe knows of no --set: a flag of a command, or a line on the screen.
    let recipe = |_: &str, place: &str| place.strip_prefix("--set").map(|rest| format!("recipe{rest}"));
    Preset::load(&path.to_string_lossy(), None, &set).map_err(|error| error.placed(recipe).into())
}

/// The settings that training depends on, `key=value`.
fn settings(loaded: &Loaded) -> Vec<String> {
    let of_training = loaded.effective.settings().iter().filter(|setting| KEYS.iter().any(|key| setting.key.starts_with(key)));
    of_training.map(|setting| format!("{}={}", setting.key, setting.value)).collect()
}

/// What the second has otherwise than the first.
fn changes(one: &Loaded, other: &Loaded) -> Vec<String> {
    let before = settings(one);
    settings(other).into_iter().filter(|setting| !before.contains(setting)).collect()
}

fn text(run: &RunFiles, retrained: &Retrained) -> String {
    let with_interval = |accuracy: Accuracy| {
        let interval = accuracy.interval();
        format!("{} ({:.1} to {:.1})", percent(interval.estimate), 100.0 * interval.low, 100.0 * interval.high)
    };
    let Retrained { candidate, from, seed, epochs, inherited, only_inherited, only_retrained, p, .. } = retrained;
    let how = match from {
        Start::Inherited => "trained on from inherited weights",
        Start::Scratch => "trained from scratch",
    };
    let (epochs, p_value) = (counted((*epochs).into(), "epoch"), p_value(*p));
    let mode = run.started().map_or("", |started| started.batch_norm.label());
    format!(
        "candidate {} of {}, {} parameters: {how}, {epochs}, seed {seed}, {}\n  before      {}, with inherited weights and {mode} batch-norm \
         statistics\n  after       {}\n  difference  {} points; right alone: {only_retrained} after, {only_inherited} before; exact McNemar \
         {p_value}, {}\n  weights: {}\n",
        candidate.0,
        run.folder.name(),
        crate::export::text::thousands(retrained.parameters),
        duration(retrained.seconds),
        with_interval(*inherited),
        with_interval(retrained.retrained),
        points(retrained.retrained.share() - inherited.share()),
        if *p < crate::posterior::statistics::SIGNIFICANT { "which chance alone seldom does" } else { "which chance alone may do" },
        run.folder.retraining(&retrained.name).display(),
    )
}
