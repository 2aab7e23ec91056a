//! From the folder of a run back to its networks: preset, images and kept weights put together again.

use super::failure::Failure;
use super::launch::{of_data, with_data};
use super::prepare;
use super::runs::RunFiles;
use crate::data::Splits;
use crate::engine::devices::{self, Choice};
use crate::engine::ranker::Network;
use crate::engine::rebuild::{Rebuilt, evaluate};
use crate::graph::Graph;
use crate::posterior::statistics::race_order;
use crate::preset::{Loaded, Preset, PresetError};
use crate::run::tensors::{digest, digest_of_numbers};
use crate::run::{CandidateRecord, KeptWeights, RunFolder, SplitsFile};
use burn::tensor::Device;
use std::path::Path;
use std::sync::Arc;

/// What a candidate of a run is made of, ready to be exported.
#[derive(Debug)]
pub struct Candidate {
    /// Its network.
    pub network: Network,
    /// SHA-256 of the logits of the drop probabilities.
    pub posterior_sha256: String,
}

/// The preset of a run with its images.
#[derive(Debug)]
pub struct Setting {
    /// The text of `config.toml`.
    pub config: String,
    /// The preset.
    pub loaded: Loaded,
    /// The super-network.
    pub graph: Arc<Graph>,
    /// The images.
    pub splits: Splits,
    /// The names of the classes.
    pub classes: Vec<String>,
}

impl Setting {
    /// Reads a `config.toml`.
    ///
    /// # Errors
    /// A mistake: a file that is missing or is no preset; images that are not where it says, nor in `data`.
    pub fn read(path: &Path, data: Option<&Path>) -> Result<Self, Failure> {
        let config = std::fs::read_to_string(path)
            .map_err(|error| Failure::Mistake(format!("{}: cannot be read ({error}); it says what was searched", path.display())))?;
        let blame = |error: PresetError| of_data(error, data);
        let loaded = Preset::load(&path.to_string_lossy(), None, &with_data(&[], data)?).map_err(blame)?;
        let graph = Arc::new(prepare::graph(&loaded).map_err(blame)?);
        let splits = prepare::splits(&loaded).map_err(blame)?;
        let classes = prepare::classes(&loaded).map_err(blame)?;
        Ok(Self { config, loaded, graph, splits, classes })
    }

    /// Reads the setting of a run, and sees to it that the images are still those that it was searched on.
    ///
    /// # Errors
    /// As [`Self::read`]; also images that have changed.
    pub fn of_run(folder: &RunFolder, data: Option<&Path>) -> Result<Self, Failure> {
        let setting = Self::read(&folder.config(), data)?;
        let path = folder.splits();
        // Runs of older versions kept no splits.
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(setting) };
        let mistake = |what: String| Failure::Mistake(format!("{}: {what}", path.display()));
        let kept: SplitsFile = serde_json::from_str(&text).map_err(|error| mistake(format!("it is damaged ({error}); remove it")))?;
        if kept.images_sha256 != setting.splits.set().digest() {
            let place = prepare::place(&setting.loaded).display().to_string();
            return Err(mistake(format!(
                "the search saw other images than those in {place} now; bring back the former ones, or give their place with --data"
            )));
        }
        Ok(setting)
    }

    /// SHA-256 of the image numbers of the three splits.
    #[must_use]
    pub fn splits_sha256(&self) -> String {
        use crate::data::Split::{Select, Test, Train};
        digest_of_numbers([Train, Select, Test].map(|split| self.splits.indices(split)))
    }

    /// Puts a candidate together from the kept weights.
    ///
    /// # Errors
    /// A mistake: weights that are missing, damaged or of another network.
    pub fn candidate(&self, run: &RunFiles, record: &CandidateRecord) -> Result<Candidate, Failure> {
        let (rebuilt, posterior_sha256) = self.rebuilt(run, record)?;
        let network = rebuilt.network(&record.mask, self.loaded.preset.rank.batch_norm);
        Ok(Candidate { network: network.map_err(|error| Failure::Mistake(error.to_string()))?, posterior_sha256 })
    }

    /// The kept weights of a candidate with what makes networks of them, and SHA-256 of the logits of the drop probabilities.
    ///
    /// # Errors
    /// As [`Self::candidate`].
    pub fn rebuilt(&self, run: &RunFiles, record: &CandidateRecord) -> Result<(Rebuilt, String), Failure> {
        let mistake = |error: &dyn std::fmt::Display| Failure::Mistake(error.to_string());
        let step = record.step.ok_or_else(|| {
            let id = record.score.id.0;
            Failure::Mistake(format!("the run kept no weights for candidate {id}; only its genotype and its drawing can be exported"))
        })?;
        let kept = KeptWeights::read(&run.folder.weights(step)).map_err(|error| mistake(&error))?;
        let posterior_sha256 = digest([kept.logits.as_slice()]);
        let seed = run.started()?.seed;
        let rebuilt =
            Rebuilt::new(&self.graph, &self.loaded.preset, &self.splits.train, seed, kept, device()?).map_err(|error| mistake(&error))?;
        Ok((rebuilt, posterior_sha256))
    }

    /// The positions of the first select images that a candidate of a run of this seed was asked, in the order of its answers.
    #[must_use]
    pub fn asked(&self, seed: u64, images: usize) -> Vec<usize> {
        let all = self.splits.select.images().len();
        // A race asks in an order of its own, and only as far as it has to.
        let order = if self.loaded.preset.rank.racing { race_order(all, seed) } else { (0..all).collect() };
        order.into_iter().take(images).collect()
    }

    /// Which select images a network gets right.
    ///
    /// # Errors
    /// No device.
    pub fn select(&self, network: &Network) -> Result<Vec<bool>, Failure> {
        let epsilon = self.loaded.preset.train.batch_norm_epsilon;
        Ok(evaluate(network, self.splits.select.images(), epsilon, &device()?))
    }
}

/// The device of what is done with runs that exist.
///
/// # Errors
/// No device.
pub fn device() -> Result<Device, Failure> {
    let (device, _) = devices::open(&Choice::Cpu).map_err(|error| Failure::Mistake(error.to_string()))?;
    Ok(device.device)
}
