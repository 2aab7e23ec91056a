//! `pgnas final`: the test split read once more, for the winner, the references and an ensemble; counted in the log.

use super::arguments::FinalArguments;
use super::export::MEMBERS;
use super::failure::{Exit, Failure};
use super::networks::{Networks, best_posterior, of_that_many};
use super::output;
use super::places::Places;
use super::rebuild::Setting;
use super::runs::RunFiles;
use crate::engine::ranker::Network;
use crate::engine::rebuild::predict;
use crate::export::text::{percent, times};
use crate::export::{Report, test_reads};
use crate::posterior::statistics::Predictions;
use crate::preset::BatchNormMode;
use crate::run::{
    Accuracy, CandidateId, CandidateRecord, EnsembleTest, Event, FinalTest, RunState, Scores, Source, TestScore, newest, ranked,
};
use std::fmt::Write as _;

/// Reads the test split and writes down what was found.
///
/// # Errors
/// No such run, one that is not complete or at work, weights that were not kept, or a log that cannot be written.
pub fn run(arguments: &FinalArguments) -> Result<Exit, Failure> {
    let run = RunFiles::find(&arguments.run, &Places::of_user())?;
    let lock = run.folder.lock()?;
    // What another process wrote until a moment ago.
    let run = RunFiles::read(run.folder)?;
    let name = run.folder.name();
    if run.records.last().map(|record| RunState::after(&record.event)) != Some(RunState::Completed) {
        let remedy = "let it end first, with `pgnas resume` where it was interrupted";
        return Err(Failure::Mistake(format!("the search of run `{name}` is not complete; {remedy}")));
    }
    let mode = run.started()?.batch_norm;
    let ids = judged(&run)?;
    let best = best_posterior(&run)?;
    if let Some(size) = arguments.k.filter(|&size| size == 0 || size > best.len()) {
        return Err(of_that_many(&name, size, best.len()));
    }
    let members: Vec<&CandidateRecord> = best.iter().take(arguments.k.unwrap_or(MEMBERS)).collect();
    let mut setting = Setting::of_run(&run.folder, arguments.data.as_deref())?;
    // Everything that can fail comes before the seal is broken.
    let (networks, of_ensemble, device) = {
        let mut of_run = Networks::new(&run, &setting)?;
        let mut networks: Vec<(CandidateId, Source, [Network; 2])> = Vec::new();
        for id in ids {
            let record = run.record(id)?;
            let both = [of_run.network(&record, BatchNormMode::Inherited)?, of_run.network(&record, BatchNormMode::Recalibrated)?];
            networks.push((id, record.score.source, both));
        }
        let of_ensemble: Result<Vec<Network>, Failure> = members.iter().map(|record| of_run.network(record, mode)).collect();
        (networks, of_ensemble?, of_run.device().clone())
    };
    let epsilon = setting.loaded.preset.train.batch_norm_epsilon;
    let images = setting.splits.test.open();
    let labels: Vec<i32> = images.labels().iter().map(|&label| i32::from(label)).collect();
    let predicted = |network: &Network| predict(network, images, epsilon, &device);
    let scored = |(id, source, both): &(CandidateId, Source, [Network; 2])| {
        let [inherited, recalibrated] = both.each_ref().map(|network| Accuracy::of(&predicted(network).right(&labels)));
        TestScore { id: *id, source: *source, test: Scores { inherited, recalibrated } }
    };
    let candidates = networks.iter().map(scored).collect();
    let of_members: Vec<Predictions> = of_ensemble.iter().map(predicted).collect();
    let ensemble = Predictions::mean(&of_members).map(|mean| EnsembleTest {
        members: members.iter().map(|record| record.score.id).collect(),
        test: Accuracy::of(&mean.right(&labels)),
        quality: mean.quality(&labels),
    });
    let told = FinalTest { candidates, ensemble };
    let seconds = run.records.last().map_or(0.0, |record| record.seconds);
    let mut recorder = run.folder.recorder_from(run.records.len() as u64, seconds)?;
    let record = recorder.record(Event::Final(Box::new(told.clone())));
    recorder.sync().map_err(|error| Failure::Failed(format!("{}: cannot be written ({error})", run.folder.log().display())))?;
    drop(lock);
    let mut records = run.records;
    records.push((*record).clone());
    let reads = test_reads(&records);
    let report = Report::of(&records, &[], Vec::new()).map_err(|error| Failure::Failed(error.to_string()))?;
    if arguments.json {
        let mut facts = serde_json::json!({
            "format": "pgnas-final", "version": 1, "run": name, "batch_norm": mode, "images": labels.len(), "test_reads": reads,
            "ensemble_test": told.ensemble,
        });
        for (key, candidate) in
            [("winner", report.winner), ("whole", report.whole), ("threshold", report.threshold), ("best_random", report.best_random)]
        {
            facts[key] = serde_json::to_value(candidate).map_err(|error| Failure::Unexpected(error.into()))?;
        }
        output::print_json(&facts)?;
    } else {
        output::print(&text(&name, &told, mode, labels.len(), reads))?;
    }
    Ok(Exit::Done)
}

/// The winner, the references and the best random candidate.
fn judged(run: &RunFiles) -> Result<Vec<CandidateId>, Failure> {
    let (scores, mode) = (run.scores(), run.started()?.batch_norm);
    let ranked = ranked(&scores, mode);
    let best = |source| ranked.iter().find(|score| score.source == source).map(|score| score.id);
    let references = newest(&scores).filter(|score| score.source.is_reference()).map(|score| score.id);
    // Of equally good random ones that which the search read the split for.
    let tested = |id: &CandidateId| run.records.iter().any(|record| matches!(&record.event, Event::Test(test) if test.id == *id));
    let random = ranked.iter().filter(|score| score.source == Source::Random).map(|score| score.id).find(tested);
    Ok(best(Source::Posterior).into_iter().chain(references).chain(random.or_else(|| best(Source::Random))).collect())
}

fn text(run: &str, told: &FinalTest, mode: BatchNormMode, images: usize, reads: u32) -> String {
    let mut text = format!("{run}: {images} test images, {} batch-norm statistics\n", mode.label());
    let mut row = |name: &str, accuracy: Accuracy, behind: String| {
        let interval = accuracy.interval();
        let (low, high) = (100.0 * interval.low, 100.0 * interval.high);
        let _ = writeln!(text, "  {name:11}  {} ({low:.1} to {high:.1}){behind}", percent(interval.estimate));
    };
    for score in &told.candidates {
        row(score.source.tested_as(), score.test.of(mode), format!("  candidate {}", score.id.0));
    }
    if let Some(ensemble) = &told.ensemble {
        let quality = ensemble.quality;
        let facts = format!(
            "  mean of the best {}; NLL {:.3}, Brier {:.3}, calibration error {}",
            ensemble.members.len(),
            quality.nll,
            quality.brier,
            percent(quality.calibration_error)
        );
        row("ensemble", ensemble.test, facts);
    }
    let _ = writeln!(text, "  the test split of this run was opened {} in all", times(reads));
    text
}
