//! `pgnas export`: a candidate as files that run elsewhere.

use super::arguments::ExportArguments;
use super::failure::{Exit, Failure};
use super::output;
use super::places::Places;
use super::rebuild::Setting;
use super::runs::RunFiles;
use crate::engine::ranker::Network;
use crate::export::text::percent;
use crate::export::{Format, Package, Sliced, values};
use crate::posterior::statistics::race_order;
use crate::run::tensors::Arrays;
use crate::run::{Accuracy, CandidateId, Source, ranked};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What an export left behind.
#[derive(Debug)]
pub struct Exported {
    /// The folder.
    pub folder: PathBuf,
    /// Names of the files in it.
    pub files: Vec<String>,
    /// Accuracy on the select split of what was read back from the files; none where no weights were written.
    pub select: Option<Accuracy>,
    /// What is not as one would wish.
    pub note: Option<String>,
}

/// Exports candidates and tells where, and what the files were found to do.
///
/// # Errors
/// No such run or candidate, weights that were not kept, or a folder that cannot be written.
pub fn run(arguments: &ExportArguments) -> Result<Exit, Failure> {
    let run = RunFiles::find(&arguments.run, &Places::of_user())?;
    let formats: Result<Vec<Format>, String> = arguments.format.iter().map(|word| word.parse()).collect();
    let formats = formats.map_err(|fault| Failure::Mistake(format!("--format: {fault}")))?;
    let ids = match arguments.top {
        Some(count) => best(&run, count)?,
        None => vec![run.candidate(&arguments.candidate)?],
    };
    let mut told = Vec::new();
    for id in ids {
        let out = match (&arguments.out, arguments.top) {
            (Some(out), Some(_)) => Some(out.join(id.0.to_string())),
            (out, _) => out.clone(),
        };
        let exported = export(&run, id, out.as_deref(), &formats, arguments.data.as_deref())?;
        if arguments.json {
            told.push(serde_json::json!({
                "run": run.folder.name(), "candidate": id, "path": exported.folder, "files": exported.files,
                "select_accuracy": exported.select.map(Accuracy::share), "note": exported.note,
            }));
            continue;
        }
        output::print(&format!("{}\n", exported.folder.display()))?;
        if let Some(select) = exported.select {
            let Accuracy { correct, total } = select;
            output::tell(&format!("read back: {} on select ({correct} of {total} images)", percent(select.share())));
        }
        if let Some(note) = exported.note {
            output::tell(&note);
        }
    }
    if arguments.json {
        match (arguments.top, told.as_slice()) {
            (None, [one]) => output::print_json(one)?,
            _ => output::print_json(&told)?,
        }
    }
    Ok(Exit::Done)
}

/// The best posterior candidates of a run.
fn best(run: &RunFiles, count: usize) -> Result<Vec<CandidateId>, Failure> {
    let scores = run.scores();
    let ranked = ranked(&scores, run.started()?.batch_norm);
    let own = ranked.into_iter().filter(|score| score.source == Source::Posterior);
    let ids: Vec<CandidateId> = own.take(count).map(|score| score.id).collect();
    if ids.is_empty() {
        let run = run.folder.name();
        return Err(Failure::Mistake(format!(
            "--top {count}: nothing of run `{run}` to export; ask for one or more, once posterior candidates are ranked"
        )));
    }
    Ok(ids)
}

/// Exports one candidate, into the run's folder where no other is named; no formats are all of them.
///
/// # Errors
/// As [`run`].
pub fn export(run: &RunFiles, id: CandidateId, out: Option<&Path>, formats: &[Format], data: Option<&Path>) -> Result<Exported, Failure> {
    let record = run.record(id)?;
    let mut genotype = run.genotype(&record)?;
    let setting = Setting::of_run(&run.folder, data)?;
    let all = Format::ALL.map(|(_, format)| format);
    let chosen = if formats.is_empty() { all.to_vec() } else { formats.to_vec() };
    let mut note = None;
    let candidate = match setting.candidate(run, &record) {
        Ok(candidate) => Some(candidate),
        // Who asked for everything gets what can be had.
        Err(failure) if formats.is_empty() => {
            note = Some(format!("{}; wrote the genotype and the drawing alone", failure.line()));
            None
        }
        Err(_) if !formats.iter().any(|format| format.needs_weights()) => None,
        Err(failure) => return Err(failure),
    };
    if let Some(candidate) = &candidate {
        let cost = candidate.network.graph.cost();
        genotype.sliced = Some(Sliced { parameters: cost.parameters as u64, macs: cost.macs as u64 });
        genotype.posterior_sha256 = Some(candidate.posterior_sha256.clone());
    }
    genotype.images_sha256 = Some(setting.splits.set().digest());
    genotype.splits_sha256 = Some(setting.splits_sha256());
    let package = Package {
        genotype: &genotype,
        config: &setting.config,
        preset: &setting.loaded.preset,
        normalisation: &setting.splits.normalisation,
        classes: &setting.classes,
        network: candidate.as_ref().map(|candidate| (&*candidate.network.graph, &candidate.network.values)),
    };
    let bundle = package.files(&chosen).map_err(Failure::Failed)?;
    let folder = out.map_or_else(|| run.folder.exports(id), Path::to_owned);
    bundle.write(&folder).map_err(|error| Failure::Mistake(error.to_string()))?;
    let files = bundle.files.into_iter().map(|(name, _)| name).collect();
    let mut exported = Exported { folder, files, select: None, note };
    if let Some(candidate) = candidate.filter(|_| chosen.contains(&Format::Safetensors)) {
        let network = read_back(&exported.folder, candidate.network.graph)?;
        let found = setting.select(&network)?;
        let recorded = &record.correct(genotype.batch_norm).0;
        // A race records the images in its own order, and only as far as it asked.
        let images = found.len();
        let order = if setting.loaded.preset.rank.racing { race_order(images, genotype.seed) } else { (0..images).collect() };
        let differ = order.into_iter().zip(recorded).filter(|(image, right)| found[*image] != **right).count();
        if differ > 0 {
            let others = format!("{differ} select images are judged otherwise than when the candidate was ranked");
            exported.note = Some(format!("{others}: the search ran on another device or another version of the program"));
        }
        exported.select = Some(Accuracy::of(&found));
    }
    Ok(exported)
}

/// The network of an export, from the file of its weights.
///
/// # Errors
/// A mistake: weights that are missing, damaged, or of another network.
pub fn read_back(folder: &Path, graph: Arc<crate::graph::Graph>) -> Result<Network, Failure> {
    let path = folder.join("model.safetensors");
    let arrays = Arrays::read(&path).map_err(|error| Failure::Mistake(error.to_string()))?;
    let values = values(&graph, &arrays).map_err(|what| Failure::Mistake(format!("{}: {what}; export it again", path.display())))?;
    Ok(Network { graph, values })
}
