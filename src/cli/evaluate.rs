//! `pgnas evaluate`: the select accuracy of a candidate of a run, with each kind of batch-norm statistics; or of an export, computed
//! again from its files alone.

use super::arguments::EvaluateArguments;
use super::export::read_back;
use super::failure::{Exit, Failure};
use super::networks::Networks;
use super::output;
use super::places::Places;
use super::rebuild::Setting;
use super::runs::RunFiles;
use crate::export::Genotype;
use crate::export::text::percent;
use crate::posterior::statistics::{Predictions, Quality};
use crate::preset::BatchNormMode;
use crate::run::{Accuracy, CandidateRecord};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Evaluates a candidate or an export on the select images.
///
/// # Errors
/// A mistake: files that are missing, damaged or do not belong together.
pub fn run(arguments: &EvaluateArguments) -> Result<Exit, Failure> {
    let path = &found(&arguments.file, &Places::of_user());
    let file = if path.is_dir() { path.join("genotype.json") } else { path.clone() };
    let is_export = file.is_file() && file.file_name().is_none_or(|name| name != "events.jsonl");
    if path.join("ensemble.json").is_file() && !is_export && !path.join("events.jsonl").exists() {
        let remedy = "its ensemble.json tells how it was judged, and its README.md how it is judged again";
        return Err(Failure::Mistake(format!("{}: an ensemble has no genotype to evaluate it by; {remedy}", path.display())));
    }
    if arguments.candidate.is_none() && (is_export || path.extension().is_some_and(|ending| ending == "json")) {
        of_export(&file, arguments)
    } else {
        of_run(arguments)
    }
}

/// What is meant: as given, else below the runs folder, where exports lie unless somebody wants them elsewhere.
fn found(path: &Path, places: &Places) -> PathBuf {
    let below = places.runs.as_deref().map(|root| root.join(path)).filter(|below| !path.exists() && below.exists());
    below.unwrap_or_else(|| path.to_owned())
}

fn of_export(file: &Path, arguments: &EvaluateArguments) -> Result<Exit, Failure> {
    let shown = file.display();
    let remedy = "give the genotype.json of an export, or its folder";
    let bytes = std::fs::read(file).map_err(|error| Failure::Mistake(format!("{shown}: cannot be read ({error}); {remedy}")))?;
    let genotype: Genotype = serde_json::from_slice(&bytes).map_err(|error| {
        // What a parser makes of a file that is no JSON is of no use to anybody.
        let reason = if file.extension().is_some_and(|ending| ending == "json") { format!(" ({error})") } else { String::new() };
        Failure::Mistake(format!("{shown}: this is no genotype{reason}; {remedy}"))
    })?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let setting = Setting::read(&folder.join("config.toml"), arguments.data.as_deref())?;
    let damaged = |what: &str| Failure::Mistake(format!("{shown}: {what}; export the candidate again"));
    let mask = genotype.mask().ok_or_else(|| damaged("one of its masks is no mask"))?;
    let slice = setting.graph.slice(mask.bits()).map_err(|error| damaged(&error.to_string()))?;
    let network = read_back(folder, slice.graph)?;
    let right = setting.select(&network)?;
    let found = Accuracy::of(&right);
    let recorded = genotype.judged();
    // Who was dropped from a race can only be compared on what it was asked.
    let retrained = genotype.retrained.is_some();
    let order = if retrained { (0..right.len()).collect() } else { setting.asked(genotype.seed, recorded.total as usize) };
    let asked: Vec<bool> = order.into_iter().map(|image| right[image]).collect();
    let same = Accuracy::of(&asked) == recorded;
    let images = genotype.images_sha256.as_deref().map(|written| written == setting.splits.set().digest());
    let splits = genotype.splits_sha256.as_deref().map(|written| written == setting.splits_sha256());
    if arguments.json {
        output::print_json(&serde_json::json!({
            "candidate": genotype.candidate, "run": genotype.run, "select_accuracy": found.share(), "correct": found.correct,
            "total": found.total, "recorded_select_accuracy": recorded.share(), "recorded_total": recorded.total, "same": same,
            "same_splits": splits, "same_images": images,
        }))?;
    } else {
        let Accuracy { correct, total } = found;
        let of = if recorded.total < total { format!(" of the {} images of its race", recorded.total) } else { String::new() };
        let (same, recorded) = (if same { "as recorded" } else { "recorded otherwise" }, percent(recorded.share()));
        output::print(&format!("{} on select ({correct} of {total} images), {same}: {recorded}{of}\n", percent(found.share())))?;
        if images == Some(false) {
            let place = super::prepare::place(&setting.loaded);
            output::tell(&format!("the images in {} are not those of the search; give theirs with --data", place.display()));
        }
        if splits == Some(false) {
            output::tell("the images are split otherwise than when the candidate was ranked, so the two figures cannot be compared");
        }
    }
    Ok(Exit::Done)
}

/// One kind of statistics: its word, what people call it, what came of it, whether that is as recorded, and whether it decides.
pub struct Row {
    word: &'static str,
    pub name: &'static str,
    pub quality: Quality,
    pub accuracy: Accuracy,
    same: Option<bool>,
    pub decides: bool,
}

/// What a candidate of a run is found to do.
pub struct Evaluation {
    /// For each kind of statistics.
    pub rows: Vec<Row>,
    /// Milliseconds for one image.
    pub(super) latency: f64,
    /// Select images.
    images: usize,
}

/// Asks a candidate all select images with three kinds of batch-norm statistics.
///
/// # Errors
/// A mistake: weights or images that are missing or changed, a candidate that is no network.
pub fn evaluate(run: &RunFiles, record: &CandidateRecord, data: Option<&Path>) -> Result<Evaluation, Failure> {
    let setting = Setting::of_run(&run.folder, data)?;
    let started = run.started()?;
    let images = setting.splits.select.images();
    let labels: Vec<i32> = images.labels().iter().map(|&label| i32::from(label)).collect();
    let mut networks = Networks::new(run, &setting)?;
    let row = |word, name, predictions: &Predictions, recorded: Option<&[bool]>| {
        let right = predictions.right(&labels);
        let asked = recorded.map(|recorded| (setting.asked(started.seed, recorded.len()), recorded));
        let same = asked.map(|(asked, recorded)| asked.into_iter().zip(recorded).all(|(image, was)| right[image] == *was));
        let decides = BatchNormMode::word(started.batch_norm) == word;
        Row { word, name, quality: predictions.quality(&labels), accuracy: Accuracy::of(&right), same, decides }
    };
    let mut rows = Vec::new();
    for mode in [BatchNormMode::Inherited, BatchNormMode::Recalibrated] {
        let predictions = networks.predictions(&[record], mode, images)?;
        rows.extend(predictions.iter().map(|predictions| row(mode.word(), mode.label(), predictions, Some(&record.correct(mode).0))));
    }
    let (batch, device) = (setting.loaded.preset.train.batch, networks.device().clone());
    let of_batch = networks.rebuilt(record)?.predict_by_batch(&record.mask, images, batch, &device);
    rows.push(row("batch", "of the batch", &of_batch.map_err(|error| Failure::Mistake(error.to_string()))?, None));
    let network = networks.network(record, started.batch_norm)?;
    let latency = 1e3 * crate::engine::rebuild::latency(&network, setting.loaded.preset.train.batch_norm_epsilon, &device).as_secs_f64();
    Ok(Evaluation { rows, latency, images: labels.len() })
}

fn of_run(arguments: &EvaluateArguments) -> Result<Exit, Failure> {
    let run = RunFiles::find(&arguments.file, &Places::of_user())?;
    let record = run.record(run.candidate(arguments.candidate.as_deref().unwrap_or("winner"))?)?;
    let Evaluation { rows, latency, images } = evaluate(&run, &record, arguments.data.as_deref())?;
    let (id, source, name) = (record.score.id, record.score.source, run.folder.name());
    if arguments.json {
        let mut facts = serde_json::json!({
            "format": "pgnas-evaluation", "version": 1, "run": name, "candidate": id, "source": source, "images": images,
            "batch_norm": run.started()?.batch_norm, "latency_ms": latency,
        });
        for Row { word, quality, accuracy, same, .. } in rows {
            let interval = accuracy.interval();
            facts[word] = serde_json::json!({
                "select_accuracy": interval.estimate, "select_low": interval.low, "select_high": interval.high,
                "correct": accuracy.correct, "total": accuracy.total, "nll": quality.nll, "brier": quality.brier,
                "calibration_error": quality.calibration_error, "same": same,
            });
        }
        output::print_json(&facts)?;
        return Ok(Exit::Done);
    }
    let mut text = format!("candidate {} of {name}, {}, on {} select images\n\n", id.0, source.label(), images);
    let _ = writeln!(text, "  {:14}  {:>24}  {:>6}  {:>6}  {:>11}", "batch norm", "right", "NLL", "Brier", "calibration");
    for Row { name, quality, accuracy, same, decides, .. } in rows {
        let interval = accuracy.interval();
        let right = format!("{} ({:.1} to {:.1})", percent(interval.estimate), 100.0 * interval.low, 100.0 * interval.high);
        let (nll, brier, calibration) = (quality.nll, quality.brier, percent(quality.calibration_error));
        let decides = if decides { ", decides" } else { "" };
        let same = match same {
            Some(true) => "as recorded",
            Some(false) => "recorded otherwise",
            None => "not recorded: it looks at the images that it is asked, some of them at a time",
        };
        let _ = writeln!(text, "  {name:14}  {right:>24}  {nll:6.3}  {brier:6.3}  {calibration:>11}  {same}{decides}");
    }
    let _ = writeln!(text, "\n  one image takes {latency:.2} ms here, one at a time");
    output::print(&text)?;
    Ok(Exit::Done)
}
