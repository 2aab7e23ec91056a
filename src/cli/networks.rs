//! Candidates of a run as networks again, many at a time: the weights of a training step are read once.

use super::failure::Failure;
use super::rebuild::{Setting, device};
use super::runs::RunFiles;
use crate::data::Images;
use crate::engine::ranker::Network;
use crate::engine::rebuild::{Rebuilt, predict};
use crate::export::text::counted;
use crate::posterior::statistics::Predictions;
use crate::preset::BatchNormMode;
use crate::run::{CandidateId, CandidateRecord, CandidateScore, Source, newest, ranked};
use burn::tensor::Device;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The networks of a run.
#[derive(Debug)]
pub struct Networks<'a> {
    run: &'a RunFiles,
    setting: &'a Setting,
    device: Device,
    by_step: BTreeMap<u64, Rebuilt>,
}

impl<'a> Networks<'a> {
    /// None read yet.
    ///
    /// # Errors
    /// No device.
    pub fn new(run: &'a RunFiles, setting: &'a Setting) -> Result<Self, Failure> {
        Ok(Self { run, setting, device: device()?, by_step: BTreeMap::new() })
    }

    /// What makes a network of a candidate, with its weights.
    ///
    /// # Errors
    /// A mistake: weights that are missing, damaged or of another network; a candidate that is no network.
    pub fn rebuilt(&mut self, record: &CandidateRecord) -> Result<&Rebuilt, Failure> {
        // A genotype is refused where there is no network.
        self.run.genotype(record)?;
        let step = record.step.unwrap_or_default();
        Ok(match self.by_step.entry(step) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(self.setting.rebuilt(self.run, record)?.0),
        })
    }

    /// A candidate with one kind of batch-norm statistics.
    ///
    /// # Errors
    /// As [`Self::rebuilt`].
    pub fn network(&mut self, record: &CandidateRecord, mode: BatchNormMode) -> Result<Network, Failure> {
        self.rebuilt(record)?.network(&record.mask, mode).map_err(|error| Failure::Mistake(error.to_string()))
    }

    /// What candidates make of some images, with one kind of batch-norm statistics.
    ///
    /// # Errors
    /// As [`Self::rebuilt`].
    pub fn predictions(&mut self, records: &[&CandidateRecord], mode: BatchNormMode, images: &Images) -> Result<Vec<Predictions>, Failure> {
        for record in records {
            self.rebuilt(record)?;
        }
        let epsilon = self.setting.loaded.preset.train.batch_norm_epsilon;
        let (by_step, device) = (&self.by_step, &self.device);
        let predictions = records.par_iter().map(|record| {
            let rebuilt = by_step.get(&record.step.unwrap_or_default());
            let network = rebuilt.map(|rebuilt| rebuilt.network(&record.mask, mode)).transpose();
            let network = network.map_err(|error| Failure::Mistake(error.to_string()))?;
            network.map(|network| predict(&network, images, epsilon, device)).ok_or_else(|| {
                let id = record.score.id.0;
                Failure::Failed(format!("the weights of candidate {id} are gone"))
            })
        });
        predictions.collect()
    }

    /// The device that they work on.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }
}

/// The mistake of who wants so many of the best candidates of a run, or none.
#[must_use]
pub fn of_that_many(run: &str, wanted: usize, all: usize) -> Failure {
    let candidates = counted(all as u64, "posterior candidate");
    Failure::Mistake(format!("--k {wanted}: run `{run}` has {candidates}; give numbers from 1 to {all}"))
}

/// The posterior candidates that a verdict rests on, the best first.
///
/// # Errors
/// A mistake: none was ranked, or no list of candidates.
pub fn best_posterior(run: &RunFiles) -> Result<Vec<CandidateRecord>, Failure> {
    let mode = run.started()?.batch_norm;
    let records = run.candidates()?;
    let scores: Vec<CandidateScore> = newest(&run.scores()).cloned().collect();
    let ids: Vec<CandidateId> =
        ranked(&scores, mode).into_iter().filter(|score| score.source == Source::Posterior).map(|score| score.id).collect();
    let best: Vec<CandidateRecord> = ids.iter().filter_map(|id| records.iter().rfind(|record| record.score.id == *id).cloned()).collect();
    if best.is_empty() {
        let run = run.folder.name();
        return Err(Failure::Mistake(format!("run `{run}` has no posterior candidates yet; search to the end, or sample some")));
    }
    Ok(best)
}
