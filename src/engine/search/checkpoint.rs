//! Where a search stands, written down and taken up again: bit for bit, on the CPU, what an uninterrupted search has.

use super::super::EngineError;
use super::super::interpreter::Statistics;
use super::super::optimiser::Descent;
use super::super::trainer::{State, Sums};
use super::super::weights::vector;
use super::{Search, finite};
use crate::posterior::statistics::Answers;
use crate::run::tensors::{Array, Arrays};
use crate::run::{Alert, AlertKind, CandidateRecord, Checkpoint, RankingStanding, Standing};
use burn::tensor::Tensor;
use std::io::Error;
use std::time::{Duration, Instant};

/// How soon a checkpoint that could not be written is tried again.
const AGAIN: Duration = Duration::from_mins(1);

/// When checkpoints are due.
#[derive(Debug)]
pub(super) struct Clock {
    every: Duration,
    last: Instant,
    failing: bool,
    /// The training step of the last checkpoint that is there.
    kept: Option<u64>,
}

impl Clock {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, last: Instant::now(), failing: false, kept: None }
    }

    /// The training step of the last checkpoint that is there.
    pub(super) fn kept(&self) -> Option<u64> {
        self.kept
    }

    fn is_due(&self) -> bool {
        self.last.elapsed() >= if self.failing { self.every.min(AGAIN) } else { self.every }
    }
}

impl Search {
    /// Writes a checkpoint where one is due.
    pub(super) fn checkpoint_if_due(&mut self, state: &State, ranking: &dyn Fn() -> Option<RankingStanding>) {
        if self.clock.is_due() {
            self.checkpoint(state, ranking());
        }
    }

    /// Writes a checkpoint. One that cannot be written is told of, and the one before it stays.
    pub(super) fn checkpoint(&mut self, state: &State, ranking: Option<RankingStanding>) {
        if !self.fleet.lead().is_cpu && !finite(state) {
            // The next look at the loss finds it, too, and restores what was good.
            return;
        }
        let standing = Standing {
            seed: self.seed,
            config_sha256: self.config_sha256.clone(),
            splits_sha256: self.splits_sha256.clone(),
            phase: self.phase,
            step: state.step,
            summed_steps: state.sums.steps,
            draws: self.draws,
            ranking,
            records: self.recorder.records(),
            candidates: self.scores.len() as u64,
            seconds: self.recorder.seconds(),
            training_seconds: self.pace.training_seconds(),
            ranking_seconds: self.pace.ranking_seconds(),
        };
        let arrays = arrays(state, self.posterior.logits());
        // It counts on lines of the log and of the list of candidates, so these go first.
        let lines = self.recorder.sync().and_then(|()| self.candidates.sync());
        let unwritten = |error: Error| format!("{}: cannot be written ({error})", self.folder.path().display());
        let result =
            lines.map_err(unwritten).and_then(|()| self.folder.checkpoints().write(&standing, &arrays).map_err(|error| error.to_string()));
        self.clock.last = Instant::now();
        match result {
            Ok(_) => (self.clock.failing, self.clock.kept) = (false, Some(state.step)),
            Err(error) => {
                if !std::mem::replace(&mut self.clock.failing, true) {
                    let message =
                        format!("no checkpoint: {error}. The search goes on, the checkpoint of before stays, and it is tried again");
                    self.alert(Alert { kind: AlertKind::Storage, message });
                }
            }
        }
    }

    /// Takes up what the run has kept of its candidates.
    pub(super) fn restore_candidates(&mut self, candidates: Vec<CandidateRecord>) {
        for candidate in candidates {
            self.answers.push(Answers::new(&candidate.correct(self.preset.rank.batch_norm).0));
            self.scores.push(candidate.score);
            self.masks.push(candidate.mask);
        }
    }

    /// The training state of a checkpoint; the posterior becomes that of the last epoch.
    ///
    /// # Errors
    /// [`EngineError::Checkpoint`] where it is of another network.
    pub(super) fn restore(&mut self, checkpoint: Checkpoint) -> Result<State, EngineError> {
        let Checkpoint { standing, mut arrays } = checkpoint;
        let fresh = self.trainer.initial(&self.posterior);
        let device = &self.fleet.lead().device;
        let mut take = |name: &str, length: usize| take(&mut arrays, name, length);
        let mut like = |name: &str, tensor: &Tensor<1>| Ok::<_, EngineError>(vector(take(name, tensor.dims()[0])?, device));
        let state = State {
            step: standing.step,
            weights: Descent {
                values: like("weights", &fresh.weights.values)?,
                momentum: like("weights.momentum", &fresh.weights.momentum)?,
            },
            logits: Descent { values: like("logits", &fresh.logits.values)?, momentum: like("logits.momentum", &fresh.logits.momentum)? },
            statistics: Statistics { mean: like("mean", &fresh.statistics.mean)?, variance: like("variance", &fresh.statistics.variance)? },
            sums: Sums {
                cross_entropy: like("sums.cross_entropy", &fresh.sums.cross_entropy)?,
                correct: like("sums.correct", &fresh.sums.correct)?,
                norm: like("sums.norm", &fresh.sums.norm)?,
                steps: standing.summed_steps,
            },
        };
        self.posterior = self.posterior.with_logits(take("posterior", self.posterior.logits().len())?);
        self.draws = standing.draws;
        self.clock.kept = Some(standing.step);
        self.phase = standing.phase;
        self.ranking = standing.ranking;
        let steps_per_epoch = self.feed.loader().steps_per_epoch() as u64;
        let ranked = self.ranking.as_ref().map_or(0, |_| self.scores.len());
        self.pace.go_on(
            (state.step, (state.step / steps_per_epoch.max(1)) as u32),
            ranked,
            (standing.training_seconds, standing.ranking_seconds),
        );
        Ok(state)
    }
}

/// The tensors of a state; `posterior` holds the logits that the last epoch left.
fn arrays(state: &State, posterior: &[f32]) -> Vec<Array> {
    let array = |name: &str, values: Vec<f32>| Array { name: name.to_owned(), dimensions: vec![values.len()], values };
    let tensors = [
        ("weights", &state.weights.values),
        ("weights.momentum", &state.weights.momentum),
        ("logits", &state.logits.values),
        ("logits.momentum", &state.logits.momentum),
        ("mean", &state.statistics.mean),
        ("variance", &state.statistics.variance),
        ("sums.cross_entropy", &state.sums.cross_entropy),
        ("sums.correct", &state.sums.correct),
        ("sums.norm", &state.sums.norm),
    ];
    let values = |tensor: &Tensor<1>| tensor.clone().into_data().try_to_vec().unwrap_or_default();
    let arrays = tensors.into_iter().map(|(name, tensor)| array(name, values(tensor)));
    arrays.chain([array("posterior", posterior.to_vec())]).collect()
}

fn take(arrays: &mut Arrays, name: &str, length: usize) -> Result<Vec<f32>, EngineError> {
    let values = arrays.take(name).map_err(EngineError::Checkpoint)?;
    if values.len() == length {
        Ok(values)
    } else {
        Err(EngineError::Checkpoint(format!("`{name}` has {} numbers, and the network of the preset {length}", values.len())))
    }
}
