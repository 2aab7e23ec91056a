//! `pgnas correlate`: how well inherited weights rank architectures whose true accuracy is known, from a table or by training them.

use super::arguments::CorrelateArguments;
use super::failure::{Exit, Failure};
use super::output;
use super::places::Places;
use super::rebuild::{Setting, device};
use super::retrained_truth::with_retrained;
use super::runs::RunFiles;
use super::table::TruthTable;
use crate::engine::rebuild::{Rebuilt, evaluate, initial_posterior};
use crate::export::{Correlation, Judged, Proposal, TRUTHS, correlation_text};
use crate::graph::{CellGenotype, GraphError};
use crate::posterior::{Cells, HardMask, drawn_cell, likeliest_cell};
use crate::preset::BatchNormMode::{Inherited, Recalibrated};
use crate::random::{Purpose, stream};
use crate::run::{KeptWeights, write_whole};
use burn::tensor::Device;
use rayon::prelude::*;
use serde_json::json;
use std::collections::HashSet;
use std::path::Path;

/// Cells to look up where `--n` does not say how many.
const CELLS: usize = 100;

/// Prints how well the inherited weights of a run rank architectures of known accuracy.
///
/// # Errors
/// No such run or table, or a run whose architectures the table does not know.
pub fn run(arguments: &CorrelateArguments) -> Result<Exit, Failure> {
    let run = RunFiles::find(&arguments.run, &Places::of_user())?;
    let name = run.folder.name();
    let (truth, correlation) = match &arguments.table {
        Some(table) => (TRUTHS[0], Some(with_table(arguments, table, &run)?)),
        None => (TRUTHS[1], with_retrained(arguments, &run)?),
    };
    let Some(correlation) = correlation else {
        output::tell("stopped: the same command goes on from here");
        return Ok(Exit::Stopped);
    };
    let text = correlation_text(&name, &correlation);
    let started = run.started()?;
    let mut facts = json!({
        "format": "pgnas-correlation", "version": 1, "run": name, "preset": started.preset, "set": started.set, "seed": started.seed,
    });
    let correlation = serde_json::to_value(&correlation).map_err(|error| Failure::Unexpected(error.into()))?;
    if let (Some(facts), serde_json::Value::Object(correlation)) = (facts.as_object_mut(), correlation) {
        facts.extend(correlation);
    }
    let kept = serde_json::to_string_pretty(&facts).map_err(|error| Failure::Unexpected(error.into()))? + "\n";
    write_whole(&run.folder.correlation(truth), kept.as_bytes())?;
    output::print(if arguments.json { &kept } else { &text })?;
    Ok(Exit::Done)
}

/// The truth from a table of NAS-Bench-201, which costs no training.
fn with_table(arguments: &CorrelateArguments, table: &Path, run: &RunFiles) -> Result<Correlation, Failure> {
    let mistake = |error: &dyn std::fmt::Display| Failure::Mistake(error.to_string());
    let name = run.folder.name();
    let n = arguments.n.unwrap_or(CELLS);
    let place = table.display();
    let setting = Setting::of_run(&run.folder, arguments.data.as_deref())?;
    let cells = Cells::of(&setting.graph).ok_or_else(|| {
        let remedy = "search with `space.family = \"nasbench201\"`";
        Failure::Mistake(format!("run `{name}` has no cells of NAS-Bench-201, which a table is of; {remedy}"))
    })?;
    let table = TruthTable::read(table, arguments.column.as_deref())?;
    let kept = weights(run, newest_step(run)?)?;
    let seed = run.started()?.seed;
    let recipe = &setting.loaded.preset.posterior;
    let posterior = initial_posterior(&setting.graph, recipe).map_err(|error| mistake(&error))?.with_logits(kept.logits.clone());
    let probabilities = cells.probabilities(&posterior);
    let truth = |cell: &CellGenotype| {
        let unknown = || Failure::Mistake(format!("{place}: `{cell}` is not in it; give a table of the whole space"));
        table.accuracies.get(&cell.to_string()).copied().ok_or_else(unknown)
    };
    let truths = |cells: &[CellGenotype]| cells.iter().map(truth).collect::<Result<Vec<f64>, Failure>>();
    let options = CellGenotype::candidates().count();
    let even = std::array::from_fn(|_| vec![1.0 / options as f64; options]);
    // Even places of the stream are those of random cells, odd ones the posterior's.
    let random = different(n, |index| drawn_cell(&even, &mut stream(seed, Purpose::Correlate, 2 * index)));
    let of_posterior = |index| drawn_cell(&probabilities, &mut stream(seed, Purpose::Correlate, 2 * index + 1));
    let drawn: Vec<CellGenotype> = (0..n as u64).map(of_posterior).collect();
    let likeliest = likeliest_cell(&probabilities);
    let known: Vec<f64> = table.accuracies.values().copied().collect();
    let random_truths = truths(&random)?;
    let proposal = Proposal::of(&random_truths, &truths(&drawn)?, (likeliest.to_string(), truth(&likeliest)?), &known, seed);

    output::tell(&format!("evaluating {} cells, each with three kinds of batch-norm statistics", random.len()));
    let predictor = Predictor::new(&setting, seed, kept)?;
    let masks: Vec<HardMask> = random.iter().map(|cell| cells.mask(cell)).collect();
    let judged = random.iter().zip(predictor.predict_all(&setting, &masks)?).zip(random_truths);
    let judged = judged.map(|((cell, predicted), truth)| Judged { architecture: cell.to_string(), predicted, truth }).collect();
    let top = arguments.top.unwrap_or(n.div_ceil(10));
    let told = format!("column {} of {place}", table.column);
    Correlation::of(told, None, judged, top, setting.splits.select.images().len(), seed, proposal)
        .ok_or_else(|| Failure::Mistake(format!("run `{name}` tells no two of {n} cells apart; correlate more of them (--n)")))
}

/// So many different cells.
fn different(count: usize, draw: impl Fn(u64) -> CellGenotype) -> Vec<CellGenotype> {
    let mut seen = HashSet::new();
    // The space has 15,625 cells, and `--n` stays well below.
    (0..).map(draw).filter(|cell| seen.insert(*cell)).take(count).collect()
}

/// Training steps that the newest weights had seen.
///
/// # Errors
/// A mistake: none were kept.
pub fn newest_step(run: &RunFiles) -> Result<u64, Failure> {
    run.candidates()?.iter().filter_map(|candidate| candidate.step).max().ok_or_else(|| {
        Failure::Mistake(format!("run `{}` has kept no weights yet: nothing was ranked; let it come to its ranking", run.folder.name()))
    })
}

/// The weights that candidates of a training step inherit.
///
/// # Errors
/// A mistake: they are missing or damaged.
pub fn weights(run: &RunFiles, step: u64) -> Result<KeptWeights, Failure> {
    KeptWeights::read(&run.folder.weights(step)).map_err(|error| Failure::Mistake(error.to_string()))
}

/// Select accuracies of sub-networks with inherited weights.
pub struct Predictor {
    /// With inherited and re-estimated statistics.
    of_training: Rebuilt,
    /// With those of the select images themselves.
    of_batch: Rebuilt,
    device: Device,
}

impl Predictor {
    /// Of the kept weights of a run of this seed.
    ///
    /// # Errors
    /// A mistake: weights of another network.
    pub fn new(setting: &Setting, seed: u64, kept: KeptWeights) -> Result<Self, Failure> {
        let mistake = |error: &dyn std::fmt::Display| Failure::Mistake(error.to_string());
        let preset = &setting.loaded.preset;
        let select = setting.splits.select.images();
        let batch = select.gather(&(0..select.len()).collect::<Vec<_>>());
        let of_batch =
            Rebuilt::with_statistics_of(&setting.graph, preset, batch, kept.clone(), device()?).map_err(|error| mistake(&error))?;
        let of_training =
            Rebuilt::new(&setting.graph, preset, &setting.splits.train, seed, kept, device()?).map_err(|error| mistake(&error))?;
        Ok(Self { of_training, of_batch, device: device()? })
    }

    /// The accuracies of sub-networks, each with the three kinds of statistics.
    ///
    /// # Errors
    /// A mistake: a mask of another network.
    pub fn predict_all(&self, setting: &Setting, masks: &[HardMask]) -> Result<Vec<[f64; 3]>, Failure> {
        let predicted: Result<_, GraphError> = masks.par_iter().map(|mask| self.predict(setting, mask)).collect();
        predicted.map_err(|error| Failure::Mistake(error.to_string()))
    }

    fn predict(&self, setting: &Setting, mask: &HardMask) -> Result<[f64; 3], GraphError> {
        let share = |network| {
            let epsilon = setting.loaded.preset.train.batch_norm_epsilon;
            let right = evaluate(&network, setting.splits.select.images(), epsilon, &self.device);
            right.iter().filter(|&&right| right).count() as f64 / right.len().max(1) as f64
        };
        Ok([
            share(self.of_training.network(mask, Inherited)?),
            share(self.of_training.network(mask, Recalibrated)?),
            share(self.of_batch.network(mask, Recalibrated)?),
        ])
    }
}
