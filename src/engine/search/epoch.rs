//! One epoch of a search: its steps, the look at the loss, its metrics.

use super::super::EngineError;
use super::super::guard::guarded;
use super::super::optimiser::global_norm;
use super::super::trainer::{State, Sums};
use super::{Flow, Search, scalar};
use crate::posterior::Health;
use crate::run::{Alert, AlertKind, EpochMetrics, Event};
use std::time::Instant;

/// Steps between two looks at the loss on devices where a look makes the device wait.
const STEPS_BETWEEN_LOOKS: u64 = 16;

impl Search {
    /// One epoch of training. A loss that is not finite restores the last good state and pauses.
    pub(super) fn epoch(&mut self, mut state: State, epoch: usize) -> Result<(State, Flow), EngineError> {
        let steps = self.feed.loader().steps_per_epoch() as u64;
        let first = epoch as u64 * steps;
        if state.step == first {
            state.sums = Sums::zero(&self.fleet.lead().device);
        }
        let mut good = state.clone();
        while state.step < first + steps {
            let mut batches = self.feed.start_at(epoch, (state.step - first) as usize)?;
            loop {
                let asked = Instant::now();
                let Some(shown) = batches.next() else { break };
                let waited = asked.elapsed();
                if self.attend(&state, &|| None) == Flow::Stop {
                    return Ok((state, Flow::Stop));
                }
                let (begun, number) = (Instant::now(), state.step + 1);
                let look = self.fleet.lead().is_cpu || number.is_multiple_of(STEPS_BETWEEN_LOOKS) || number == first + steps;
                let stepped = guarded(|| {
                    let state = self.trainer.step_on(state, &shown);
                    let sound = !look || finite(&state);
                    (state, sound)
                });
                match stepped {
                    Err(fault) => {
                        self.broke_in_training(&good, &fault);
                        return Ok((good, Flow::Stop));
                    }
                    Ok((_, false)) => {
                        self.loss_not_finite(&good, number);
                        state = good.clone();
                        break;
                    }
                    Ok((next, true)) => state = next,
                }
                if look {
                    good = state.clone();
                }
                self.pace.trained(begun.elapsed());
                self.pace.waited(waited, begun.elapsed());
                self.publish(Some(&state), false);
            }
        }
        self.finish_epoch(&state, epoch);
        if std::mem::take(&mut self.pause_after_epoch) {
            self.paused = true;
        }
        Ok((state, Flow::Go))
    }

    fn loss_not_finite(&mut self, good: &State, step: u64) {
        let message = format!(
            "the loss of training step {step} was not finite; the state after step {} is restored and the search paused. The same step \
             will fail again: stop, and start with a lower train.learning_rate or train.clip",
            good.step
        );
        self.failure = Some(message.clone());
        self.alert(Alert { kind: AlertKind::NonFiniteLoss, message });
        self.paused = true;
    }

    fn finish_epoch(&mut self, state: &State, epoch: usize) {
        self.failure = None;
        let before = self.posterior.clone();
        let steps = state.sums.steps.max(1) as f64;
        let trained = steps * self.preset.train.batch as f64;
        let select: f64 =
            self.select_images.iter().map(|piece| scalar(&self.trainer.correct_under_relaxed_masks(state, piece.clone()))).sum();
        self.posterior = self.posterior_of(state);
        let norms = self.trainer.objective().squared_norms(&state.weights.values);
        let norms: Vec<f32> = norms.into_data().try_to_vec().unwrap_or_default();
        let regulariser = self.trainer.objective().regulariser();
        let kl = regulariser.total(&self.posterior, self.preset.posterior.granularity, &norms);
        let metrics = EpochMetrics {
            epoch: epoch as u32 + 1,
            step: state.step,
            cross_entropy: scalar(&state.sums.cross_entropy) / trained,
            kl: kl.total(),
            kl_parts: Some(kl.into()),
            train_accuracy: scalar(&state.sums.correct) / trained,
            select_accuracy: select / f64::from(self.sizes.select.max(1)),
            learning_rate: self.trainer.learning_rate(state.step.saturating_sub(1)),
            gradient_norm: scalar(&state.sums.norm) / steps,
            drop_probabilities: self.posterior.drop_probabilities().map(|p| p.drop() as f32).collect(),
            health: Health::of(&self.posterior, &self.graph, Some(&before)).into(),
            spread: self.sampler(&self.posterior, 0).spread(epoch as u64),
            weight_norms: norms.into_iter().map(f32::sqrt).collect(),
        };
        self.pace.epoch_done();
        if let Some(message) = self.feed.loader().take_lost() {
            self.alert(Alert { kind: AlertKind::Data, message });
        }
        self.record(Event::Epoch(Box::new(metrics)));
        self.watch_machine();
        self.publish(Some(state), true);
    }
}

/// Whether a state is sound: its last steps, and the norm of what they left, which is finite only where the KL term is, too.
pub(super) fn finite(state: &State) -> bool {
    let size = global_norm(&state.weights.values, &state.logits.values);
    [&state.sums.cross_entropy, &state.sums.norm, &size].into_iter().all(|sum| scalar(sum).is_finite())
}
