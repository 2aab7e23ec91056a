//! `pgnas correlate`: how well inherited weights rank architectures whose true accuracy is known.

use super::arguments::CorrelateArguments;
use super::failure::{Exit, Failure};
use super::output;
use super::places::Places;
use super::rebuild::{Setting, device};
use super::runs::RunFiles;
use super::table::TruthTable;
use crate::engine::rebuild::{Rebuilt, evaluate, initial_posterior};
use crate::export::{Correlation, Judged, Proposal, correlation_text};
use crate::graph::{CellGenotype, GraphError};
use crate::posterior::{Cells, HardMask, drawn_cell, likeliest_cell};
use crate::preset::BatchNormMode::{Inherited, Recalibrated};
use crate::random::{Purpose, stream};
use crate::run::KeptWeights;
use burn::tensor::Device;
use rayon::prelude::*;
use serde_json::json;
use std::collections::HashSet;

/// Prints how well the inherited weights of a run rank architectures of known accuracy.
///
/// # Errors
/// No such run or table, or a run whose architectures the table does not know.
pub fn run(arguments: &CorrelateArguments) -> Result<Exit, Failure> {
    let run = RunFiles::find(&arguments.run, &Places::of_user())?;
    let name = run.folder.name();
    let correlation = with_table(arguments, &run)?;
    if !arguments.json {
        output::print(&correlation_text(&name, &correlation))?;
        return Ok(Exit::Done);
    }
    let started = run.started()?;
    let mut facts = json!({
        "format": "pgnas-correlation", "version": 1, "run": name, "preset": started.preset, "set": started.set, "seed": started.seed,
    });
    let correlation = serde_json::to_value(&correlation).map_err(|error| Failure::Unexpected(error.into()))?;
    if let (Some(facts), serde_json::Value::Object(correlation)) = (facts.as_object_mut(), correlation) {
        facts.extend(correlation);
    }
    output::print_json(&facts)?;
    Ok(Exit::Done)
}

/// The truth from a table of NAS-Bench-201, which costs no training.
fn with_table(arguments: &CorrelateArguments, run: &RunFiles) -> Result<Correlation, Failure> {
    let mistake = |error: &dyn std::fmt::Display| Failure::Mistake(error.to_string());
    let name = run.folder.name();
    let table = TruthTable::read(&arguments.table, arguments.column.as_deref())?;
    let setting = Setting::of_run(&run.folder, arguments.data.as_deref())?;
    let cells = Cells::of(&setting.graph).ok_or_else(|| {
        let remedy = "search with `space.family = \"nasbench201\"`";
        Failure::Mistake(format!("the network of run `{name}` is not that of the table, which is for cells of NAS-Bench-201; {remedy}"))
    })?;
    let kept = newest_weights(run)?;
    let seed = run.started()?.seed;
    let recipe = &setting.loaded.preset.posterior;
    let posterior = initial_posterior(&setting.graph, recipe).map_err(|error| mistake(&error))?.with_logits(kept.logits.clone());
    let probabilities = cells.probabilities(&posterior);
    let truth = |cell: &CellGenotype| {
        let unknown = || Failure::Mistake(format!("{}: `{cell}` is not in it; give a table of the whole space", arguments.table.display()));
        table.accuracies.get(&cell.to_string()).copied().ok_or_else(unknown)
    };
    let truths = |cells: &[CellGenotype]| cells.iter().map(truth).collect::<Result<Vec<f64>, Failure>>();
    let options = CellGenotype::candidates().count();
    let even = std::array::from_fn(|_| vec![1.0 / options as f64; options]);
    // Even places of the stream are those of random cells, odd ones the posterior's.
    let random = different(arguments.n, |index| drawn_cell(&even, &mut stream(seed, Purpose::Correlate, 2 * index)));
    let of_posterior = |index| drawn_cell(&probabilities, &mut stream(seed, Purpose::Correlate, 2 * index + 1));
    let drawn: Vec<CellGenotype> = (0..arguments.n as u64).map(of_posterior).collect();
    let likeliest = likeliest_cell(&probabilities);
    let known: Vec<f64> = table.accuracies.values().copied().collect();
    let random_truths = truths(&random)?;
    let proposal = Proposal::of(&random_truths, &truths(&drawn)?, (likeliest.to_string(), truth(&likeliest)?), &known, seed);

    output::tell(&format!("evaluating {} cells, each with three kinds of batch-norm statistics", random.len()));
    let predictor = Predictor::new(&setting, seed, kept)?;
    let predicted: Result<Vec<[f64; 3]>, GraphError> =
        random.par_iter().map(|cell| predictor.predict(&setting, &cells.mask(cell))).collect();
    let judged = random.iter().zip(predicted.map_err(|error| mistake(&error))?).zip(random_truths);
    let judged = judged.map(|((cell, predicted), truth)| Judged { architecture: cell.to_string(), predicted, truth }).collect();
    let top = arguments.top.unwrap_or(arguments.n.div_ceil(10));
    let told = format!("column {} of {}", table.column, arguments.table.display());
    Correlation::of(told, judged, top, setting.splits.select.images().len(), seed, proposal)
        .ok_or_else(|| Failure::Mistake(format!("run `{name}` tells no two of {} cells apart; correlate more of them (--n)", arguments.n)))
}

/// So many different cells.
fn different(count: usize, draw: impl Fn(u64) -> CellGenotype) -> Vec<CellGenotype> {
    let mut seen = HashSet::new();
    // The space has 15,625 cells, and `--n` stays well below.
    (0..).map(draw).filter(|cell| seen.insert(*cell)).take(count).collect()
}

/// The weights that the newest candidates inherit.
fn newest_weights(run: &RunFiles) -> Result<KeptWeights, Failure> {
    let step = run.candidates()?.iter().filter_map(|candidate| candidate.step).max().ok_or_else(|| {
        Failure::Mistake(format!("run `{}` has kept no weights yet: nothing was ranked; let it come to its ranking", run.folder.name()))
    })?;
    KeptWeights::read(&run.folder.weights(step)).map_err(|error| Failure::Mistake(error.to_string()))
}

/// Select accuracies of sub-networks with inherited weights.
struct Predictor {
    /// With inherited and re-estimated statistics.
    of_training: Rebuilt,
    /// With those of the select images themselves.
    of_batch: Rebuilt,
    device: Device,
}

impl Predictor {
    fn new(setting: &Setting, seed: u64, kept: KeptWeights) -> Result<Self, Failure> {
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
