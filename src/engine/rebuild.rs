//! A finished or running search opened again from what its run keeps: its candidates as networks of their own.

use super::EngineError;
use super::ranker::{Examples, Frozen, Network, Ranker, recalibration_images};
use super::weights::WeightLayout;
use crate::data::{Batch, Images, TrainSplit};
use crate::graph::{Graph, GraphError};
use crate::posterior::statistics::Predictions;
use crate::posterior::{Choices, DropProbability, HardMask, Posterior};
use crate::preset::{BatchNormMode, PosteriorRecipe, Preset};
use crate::run::KeptWeights;
use burn::tensor::Device;
use std::sync::Arc;
use std::time::Duration;

/// The posterior that a recipe begins with.
///
/// # Errors
/// [`EngineError`] where the recipe does not fit the network.
pub fn initial_posterior(graph: &Graph, recipe: &PosteriorRecipe) -> Result<Posterior, EngineError> {
    match recipe.categorical {
        None => Ok(Posterior::uniform(graph, DropProbability::new(recipe.initial_drop).ok_or(EngineError::InitialDrop)?)),
        Some(categorical) => {
            let choices = Choices::of(graph, categorical.tied).ok_or(EngineError::NoChoice)?;
            Ok(Posterior::categorical(graph, Arc::new(choices)))
        }
    }
}

/// Weights of a run with what makes networks of them.
#[derive(Debug)]
pub struct Rebuilt {
    ranker: Ranker,
    frozen: Frozen,
    classes: usize,
}

/// The weights of a run are not those of its preset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the kept weights hold {found} numbers, and the network of the preset has {expected}; config.toml and checkpoints are not of one run"
)]
pub struct OtherNetwork {
    found: usize,
    expected: usize,
}

impl Rebuilt {
    /// Puts a search together again.
    ///
    /// # Errors
    /// [`OtherNetwork`] where the weights are of another network.
    pub fn new(
        graph: &Arc<Graph>,
        preset: &Preset,
        train: &TrainSplit,
        seed: u64,
        kept: KeptWeights,
        device: Device,
    ) -> Result<Self, OtherNetwork> {
        Self::with_statistics_of(graph, preset, recalibration_images(train.images(), seed, preset.rank.recalibration_images), kept, device)
    }

    /// The same with statistics re-estimated on other images, such as those that are to be classified: batch norm of the batch.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_statistics_of(
        graph: &Arc<Graph>,
        preset: &Preset,
        images: Batch,
        kept: KeptWeights,
        device: Device,
    ) -> Result<Self, OtherNetwork> {
        let expected = WeightLayout::of(graph).total;
        let channels: usize =
            graph.nodes().iter().filter(|node| node.op == crate::graph::Op::BatchNorm).map(|node| node.shape.channels).sum();
        for (found, expected) in [(kept.parameters.len(), expected), (kept.mean.len(), channels), (kept.variance.len(), channels)] {
            if found != expected {
                return Err(OtherNetwork { found, expected });
            }
        }
        let ranker = Ranker::new(graph.clone(), images, preset.train.batch_norm_epsilon, device);
        Ok(Self { ranker, frozen: kept.into(), classes: graph.classes() })
    }

    /// A candidate as a network of its own, with the batch-norm statistics of one kind.
    ///
    /// # Errors
    /// [`GraphError`] for a mask of another network.
    pub fn network(&self, mask: &HardMask, mode: BatchNormMode) -> Result<Network, GraphError> {
        self.ranker.network(&self.frozen, mask, mode)
    }

    /// What a candidate makes of some images where batch norm takes its statistics from them, so many at a time and nearly so.
    ///
    /// # Errors
    /// [`GraphError`] for a mask of another network.
    pub fn predict_by_batch(&self, mask: &HardMask, images: &Images, batch: usize, device: &Device) -> Result<Predictions, GraphError> {
        let order: Vec<usize> = (0..images.len()).collect();
        // As many batches as there are whole ones, so that none is left with a handful of images.
        let examples = Examples::in_order(images, &order, (images.len() / batch.max(1)).max(1), device);
        let logits = self.ranker.logits_by_piece(&self.frozen, mask, &examples)?;
        Ok(Predictions::of_logits(&logits, self.classes))
    }
}

/// What a network makes of some images.
#[must_use]
pub fn predict(network: &Network, images: &Images, epsilon: f64, device: &Device) -> Predictions {
    let logits = super::ranker::logits(network, &Examples::upload(images, device), epsilon, device);
    Predictions::of_logits(&logits, network.graph.classes())
}

/// How long a network takes for one image, one at a time: the median of some.
#[must_use]
pub fn latency(network: &Network, epsilon: f64, device: &Device) -> Duration {
    super::ranker::latency(network, epsilon, device)
}

/// Which of some images a network gets right, without the search that it comes from.
#[must_use]
pub fn evaluate(network: &Network, images: &Images, epsilon: f64, device: &Device) -> Vec<bool> {
    super::ranker::correct(network, &Examples::upload(images, device), epsilon, device)
}
