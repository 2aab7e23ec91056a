//! `pgnas export`: a candidate as files that run elsewhere.

use super::arguments::ExportArguments;
use super::failure::{Exit, Failure};
use super::networks::Networks;
use super::output;
use super::places::Places;
use super::rebuild::Setting;
use super::retrain::{self, last_of};
use super::runs::RunFiles;
use crate::engine::ranker::Network;
use crate::engine::rebuild::predict;
use crate::export::text::percent;
use crate::export::{Bundle, Ensemble, EnsembleMember, Format, Package, RetrainedWeights, Sliced, Staging, member_values, values};
use crate::posterior::statistics::Predictions;
use crate::run::tensors::Arrays;
use crate::run::{Accuracy, CandidateId, Retrained, SelectFile, Source, ranked};
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
    if arguments.ensemble {
        return export_ensemble(arguments, &run);
    }
    let formats: Result<Vec<Format>, String> = arguments.format.iter().map(|word| word.parse()).collect();
    let formats = formats.map_err(|fault| Failure::Mistake(format!("--format: {fault}")))?;
    let ids = match arguments.top {
        Some(count) => best(&run, count)?,
        None => vec![run.candidate(&arguments.candidate)?],
    };
    let (mut staging, mut staged) = (Staging::default(), Vec::new());
    for id in ids {
        let out = match (&arguments.out, arguments.top) {
            (Some(out), Some(_)) => Some(out.join(id.0.to_string())),
            (out, _) => out.clone(),
        };
        let retrained = if arguments.retrained { Some(last_of(&run, id)?) } else { None };
        let exported = stage(&run, id, out.as_deref(), &formats, (retrained.as_ref(), arguments.data.as_deref()), &mut staging)?;
        staged.push((id, exported));
    }
    place(staging)?;
    let mut told = Vec::new();
    for (id, exported) in staged {
        let named = Named::of(&run, id)?;
        if arguments.json {
            told.push(serde_json::json!({
                "run": run.folder.name(), "candidate": id, "source": named.source, "rank": named.rank.map(|(rank, _)| rank),
                "path": exported.folder, "files": exported.files,
                "select_accuracy": exported.select.map(Accuracy::share), "note": exported.note,
            }));
            continue;
        }
        output::print(&format!("{}\n", exported.folder.display()))?;
        output::tell(&format!("{}{}", named.words(), exported.select.map(found_back).unwrap_or_default()));
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

/// What was exported, so that nobody takes a rank for a number without a word.
struct Named {
    id: CandidateId,
    source: Option<Source>,
    /// Its place by select accuracy, and among how many; none of one of earlier weights.
    rank: Option<(usize, usize)>,
}

impl Named {
    fn of(run: &RunFiles, id: CandidateId) -> Result<Self, Failure> {
        let scores = run.scores();
        let ranked = ranked(&scores, run.started()?.batch_norm);
        let rank = ranked.iter().position(|score| score.id == id).map(|place| (place + 1, ranked.len()));
        Ok(Self { id, source: scores.iter().find(|score| score.id == id).map(|score| score.source), rank })
    }

    /// `candidate 437 (posterior), rank 1 of 662`.
    fn words(&self) -> String {
        let source = self.source.map_or_else(String::new, |source| format!(" ({})", source.label()));
        let rank = self.rank.map_or_else(|| "of earlier weights".to_owned(), |(rank, all)| format!("rank {rank} of {all}"));
        format!("candidate {}{source}, {rank}", self.id.0)
    }
}

/// What the weights were found to do when they were read back.
fn found_back(select: Accuracy) -> String {
    let Accuracy { correct, total } = select;
    format!("; read back: {} on select ({correct} of {total} images)", percent(select.share()))
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

/// Members of an ensemble where nobody says how many.
pub const MEMBERS: usize = 5;

/// Exports the best posterior candidates as one file that averages them.
fn export_ensemble(arguments: &ExportArguments, run: &RunFiles) -> Result<Exit, Failure> {
    let ids = best(run, arguments.top.unwrap_or(MEMBERS))?;
    let setting = Setting::of_run(&run.folder, arguments.data.as_deref())?;
    let mode = run.started()?.batch_norm;
    let images = setting.splits.select.images();
    let labels: Vec<i32> = images.labels().iter().map(|&label| i32::from(label)).collect();
    let mut of_run = Networks::new(run, &setting)?;
    let (mut members, mut networks) = (Vec::new(), Vec::new());
    for &id in &ids {
        let record = run.record(id)?;
        let network = of_run.network(&record, mode)?;
        let (cost, select) = (network.graph.cost(), record.score.select.of(mode));
        let (parameters, macs) = (cost.parameters as u64, cost.macs as u64);
        members.push(EnsembleMember { candidate: id, source: record.score.source, select, parameters, macs });
        networks.push(network);
    }
    let (device, epsilon) = (of_run.device(), setting.loaded.preset.train.batch_norm_epsilon);
    let mean = |networks: &[Network]| {
        let predictions: Vec<Predictions> = networks.iter().map(|network| predict(network, images, epsilon, device)).collect();
        Predictions::mean(&predictions).ok_or_else(|| Failure::Failed("an ensemble needs a network".into()))
    };
    let found = mean(&networks)?;
    let (select, quality) = (Accuracy::of(&found.right(&labels)), found.quality(&labels));
    let ensemble = Ensemble::of(run.started()?, members, select, quality);
    let of_members: Vec<_> = networks.iter().map(|network| (&*network.graph, &network.values)).collect();
    let (config, preset) = (setting.config.as_str(), &setting.loaded.preset);
    let asked = SelectFile::of(&setting.splits);
    let bundle =
        ensemble.files(&of_members, (config, preset), &setting.splits.normalisation, &setting.classes, &asked).map_err(Failure::Failed)?;
    let folder = arguments.out.clone().unwrap_or_else(|| run.folder.ensemble_export(ids.len()));
    let mut staging = Staging::default();
    verified(&mut staging, &bundle, &folder, |beside| {
        let file = std::fs::read(beside.join("model.onnx")).map_err(|error| Failure::Failed(error.to_string()))?;
        let mut read = Vec::new();
        for (&id, network) in ids.iter().zip(&networks) {
            let values = member_values(&file, id, &network.graph).map_err(Failure::Failed)?;
            read.push(Network { graph: network.graph.clone(), values });
        }
        if mean(&read)? == found { Ok(()) } else { Err(Failure::Failed("it predicts otherwise than what was written".into())) }
    })?;
    place(staging)?;
    if arguments.json {
        output::print_json(&serde_json::json!({
            "run": run.folder.name(), "candidates": ids, "path": folder,
            "files": bundle.files.iter().map(|(name, _)| name).collect::<Vec<_>>(), "select_accuracy": select.share(),
        }))?;
    } else {
        output::print(&format!("{}\n", folder.display()))?;
        let members: Vec<String> = ids.iter().map(|id| id.0.to_string()).collect();
        let several = if ids.len() == 1 { "candidate" } else { "the mean of candidates" };
        output::tell(&format!("{several} {}{}", members.join(", "), found_back(select)));
    }
    Ok(Exit::Done)
}

/// Exports one candidate into the run's folder, as everything that it can be exported as.
///
/// # Errors
/// As [`run`].
pub fn export(run: &RunFiles, id: CandidateId) -> Result<Exported, Failure> {
    let mut staging = Staging::default();
    let exported = stage(run, id, None, &[], (None, None), &mut staging)?;
    place(staging)?;
    Ok(exported)
}

fn place(staging: Staging) -> Result<(), Failure> {
    staging.place().map_err(|error| Failure::Mistake(error.to_string()))
}

/// Writes a bundle beside its place and has a look at it there. One that is found wanting never comes into its place: it goes with the
/// staging.
fn verified<T>(
    staging: &mut Staging,
    bundle: &Bundle,
    folder: &Path,
    look: impl FnOnce(&Path) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let beside = staging.add(bundle, folder).map_err(|error| Failure::Mistake(error.to_string()))?;
    look(&beside).map_err(|failure| {
        let (folder, what) = (folder.display(), failure.line());
        Failure::Failed(format!("{folder}: what was written there was read back and found wanting ({what}); nothing was exported"))
    })
}

/// Writes the files of one candidate beside their place and reads them back there; no formats are all of them.
fn stage(
    run: &RunFiles,
    id: CandidateId,
    out: Option<&Path>,
    formats: &[Format],
    (retrained, data): (Option<&Retrained>, Option<&Path>),
    staging: &mut Staging,
) -> Result<Exported, Failure> {
    let record = run.record(id)?;
    let mut genotype = run.genotype(&record)?;
    let setting = Setting::of_run(&run.folder, data)?;
    genotype.slice_to(setting.graph.sliced_cost(record.mask.bits()).map_err(|error| Failure::Mistake(error.to_string()))?);
    let all = Format::ALL.map(|(_, format)| format);
    let chosen = if formats.is_empty() { all.to_vec() } else { formats.to_vec() };
    let mut note = None;
    let mut candidate = match setting.candidate(run, &record) {
        Ok(candidate) => Some(candidate),
        // Who asked for everything gets what can be had.
        Err(failure) if formats.is_empty() => {
            note = Some(format!("{}; wrote the genotype and the drawing alone", failure.line()));
            None
        }
        Err(_) if !formats.iter().any(|format| format.needs_weights()) => None,
        Err(failure) => return Err(failure),
    };
    if let (Some(candidate), Some(retrained)) = (&mut candidate, retrained) {
        candidate.network = retrain::network(run, retrained, candidate.network.graph.clone())?;
        let Retrained { from, seed, epochs, recipe, retrained: accuracy, .. } = retrained.clone();
        genotype.retrained = Some(RetrainedWeights { from, seed, epochs, recipe, accuracy });
    }
    if let Some(candidate) = &candidate {
        let cost = candidate.network.graph.cost();
        genotype.sliced = Some(Sliced { parameters: cost.parameters as u64, macs: cost.macs as u64 });
        genotype.posterior_sha256 = Some(candidate.posterior_sha256.clone());
    }
    let asked = SelectFile::of(&setting.splits);
    genotype.images_sha256 = Some(asked.images_sha256.clone());
    genotype.splits_sha256 = Some(setting.splits_sha256());
    let package = Package {
        select: &asked,
        genotype: &genotype,
        config: &setting.config,
        preset: &setting.loaded.preset,
        normalisation: &setting.splits.normalisation,
        classes: &setting.classes,
        network: candidate.as_ref().map(|candidate| (&*candidate.network.graph, &candidate.network.values)),
    };
    let bundle = package.files(&chosen).map_err(Failure::Failed)?;
    let own = || if retrained.is_some() { run.folder.retrained_export(id) } else { run.folder.exports(id) };
    let folder = out.map_or_else(own, Path::to_owned);
    let network = candidate.map(|candidate| candidate.network).filter(|_| chosen.contains(&Format::Safetensors));
    let found = verified(staging, &bundle, &folder, |beside| {
        let Some(network) = &network else { return Ok(None) };
        let read = read_back(beside, network.graph.clone())?;
        if read != *network {
            return Err(Failure::Failed("model.safetensors holds other weights than were written".into()));
        }
        setting.select(&read).map(Some)
    })?;
    let files = bundle.files.into_iter().map(|(name, _)| name).collect();
    let mut exported = Exported { folder, files, select: None, note };
    if let Some(found) = found {
        let recorded = retrained.map_or(&record.correct(genotype.batch_norm).0, |retrained| &retrained.correct.0);
        let asked = if retrained.is_some() { (0..found.len()).collect() } else { setting.asked(genotype.seed, recorded.len()) };
        let differ = asked.into_iter().zip(recorded).filter(|(image, right)| found[*image] != **right).count();
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
    read_arrays(&folder.join("model.safetensors"), graph)
}

/// A network from a file of its weights.
///
/// # Errors
/// As [`read_back`].
pub fn read_arrays(path: &Path, graph: Arc<crate::graph::Graph>) -> Result<Network, Failure> {
    let arrays = Arrays::read(path).map_err(|error| Failure::Mistake(error.to_string()))?;
    let values = values(&graph, &arrays).map_err(|what| Failure::Mistake(format!("{}: {what}; export it again", path.display())))?;
    Ok(Network { graph, values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::arrays;
    use crate::graph::{GraphBuilder, Op, Shape};
    use crate::run::tensors::to_safetensors;

    #[test]
    fn what_is_found_wanting_when_it_is_read_back_is_removed_and_an_earlier_export_stays() {
        let (mut builder, input) = GraphBuilder::new(Shape::map(1, 2, 2));
        let pooled = builder.add("pool", Op::GlobalAveragePool, &[input]).unwrap();
        builder.add("linear", Op::Linear { out_features: 2 }, &[pooled]).unwrap();
        let graph = Arc::new(builder.finish());
        let values = crate::graph::Values { parameters: vec![0.25; 4], mean: Vec::new(), variance: Vec::new() };
        let mut bundle = Bundle::default();
        bundle.add("model.safetensors", to_safetensors(&arrays(&graph, &values), &[]).unwrap());
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("exports/7");
        let network = |beside: &Path| read_back(beside, graph.clone());
        let mut staging = Staging::default();
        assert_eq!(verified(&mut staging, &bundle, &folder, network).unwrap(), Network { graph: graph.clone(), values });
        place(staging).unwrap();
        let told = {
            let mut staging = Staging::default();
            let torn = verified(&mut staging, &bundle, &folder, |beside| {
                let path = beside.join("model.safetensors");
                let whole = std::fs::read(&path).unwrap();
                std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
                network(beside)
            });
            torn.unwrap_err().line()
        };
        assert!(told.contains("damaged") && told.ends_with("nothing was exported"), "{told}");
        assert_eq!(std::fs::read_dir(root.path().join("exports")).unwrap().count(), 1);
        assert!(network(&folder).is_ok());
    }
}
