//! `pgnas ensemble`: what averaging the predictions of several candidates buys.

use super::arguments::EnsembleArguments;
use super::failure::{Exit, Failure};
use super::networks::{Networks, best_posterior, of_that_many};
use super::output;
use super::places::Places;
use super::rebuild::Setting;
use super::runs::RunFiles;
use crate::export::averaging_text;
use crate::posterior::statistics::{BINS, averaging};
use crate::run::{Averaging, CandidateRecord};

/// Splits of the select images into halves.
const SPLITS: u32 = 25;

/// Averages candidates and tells what it buys; the figures are kept with the run.
///
/// # Errors
/// No such run, no posterior candidates, weights that were not kept, or a folder that cannot be written.
pub fn run(arguments: &EnsembleArguments) -> Result<Exit, Failure> {
    let run = RunFiles::find(&arguments.run, &Places::of_user())?;
    let best = best_posterior(&run)?;
    if let Some(size) = arguments.k.iter().find(|&&size| size == 0 || size > best.len()) {
        return Err(of_that_many(&run.folder.name(), *size, best.len()));
    }
    let setting = Setting::of_run(&run.folder, arguments.data.as_deref())?;
    let started = run.started()?;
    let images = setting.splits.select.images();
    output::tell(&format!("asking {} posterior candidates {} select images each", best.len(), images.len()));
    let records: Vec<&CandidateRecord> = best.iter().collect();
    let predictions = Networks::new(&run, &setting)?.predictions(&records, started.batch_norm, images)?;
    let sizes: Vec<usize> = if arguments.k.is_empty() { crate::export::steps(best.len()).collect() } else { arguments.k.clone() };
    let labels: Vec<i32> = images.labels().iter().map(|&label| i32::from(label)).collect();
    let averaged = averaging(&predictions, &labels, &sizes, SPLITS, started.seed)
        .ok_or_else(|| Failure::Mistake("two select images or more are needed, so that one half chooses and the other judges".into()))?;
    let averaging = Averaging {
        format: "pgnas-ensemble".into(),
        version: 1,
        run: run.folder.name(),
        batch_norm: started.batch_norm,
        images: images.len() as u32,
        half_splits: SPLITS,
        bins: BINS as u32,
        ranking: best.iter().map(|record| record.score.id).collect(),
        averaged,
    };
    averaging.write(&run.folder.averaging())?;
    if arguments.json {
        output::print_json(&averaging)?;
    } else {
        output::print(&averaging_text(&averaging))?;
    }
    Ok(Exit::Done)
}
