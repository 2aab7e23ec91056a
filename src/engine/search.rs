//! A search from start to end: train, sample and rank, test; and the commands that steer it on the way.

use super::devices::OpenDevice;
use super::ranker::{Examples, Frozen, Ranker};
use super::trainer::{State, Sums, Trainer, regulariser};
use super::{EngineError, Plan, schedule};
use crate::data::{Augment, Loader, Prefetch, SealedTest, Split};
use crate::graph::Graph;
use crate::link::Publisher;
use crate::posterior::{DropProbability, HardMask, Health, Posterior, SizeClasses, bernoulli, permuted, thresholded};
use crate::preset::Preset;
use crate::random::{Purpose, below, stream};
use crate::run::{
    Accuracy, Alert, AlertKind, Bits, CandidateId, CandidateRecord, CandidateScore, CandidateWriter, Command, EpochMetrics, Event,
    LOG_VERSION, NetworkSummary, Outcome, Phase, Recorder, Resources, Scores, Source, SplitSizes, Started, TestScore, newest, resources,
    winner,
};
use burn::tensor::Tensor;
use rayon::prelude::*;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pace::Pace;

/// How often screens get a new snapshot at most.
const REFRESH: Duration = Duration::from_millis(200);

/// Steps between two looks at the loss on devices where a look makes the device wait.
const STEPS_BETWEEN_LOOKS: u64 = 16;

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Go,
    Stop,
}

/// A search at work.
#[derive(Debug)]
pub(super) struct Search {
    run: String,
    set: String,
    seed: u64,
    preset: Preset,
    device: OpenDevice,
    graph: Arc<Graph>,
    posterior: Posterior,
    trainer: Trainer,
    ranker: Ranker,
    loader: Loader,
    select: Examples,
    select_images: Vec<crate::data::Batch>,
    test: SealedTest,
    sizes: SplitSizes,
    publisher: Publisher,
    recorder: Recorder,
    candidates: CandidateWriter,
    scores: Vec<CandidateScore>,
    masks: Vec<HardMask>,
    draws: u64,
    phase: Phase,
    paused: bool,
    pause_after_epoch: bool,
    failure: Option<String>,
    published: Option<Instant>,
    pace: Pace,
}

impl Search {
    pub(super) fn new(plan: Plan, publisher: Publisher) -> Result<Self, EngineError> {
        let Plan { run, preset, graph, set, splits, seed, device, folder, recorder } = plan;
        let graph = Arc::new(graph);
        let augment = Augment { shift: preset.data.shift, flip: preset.data.flip, cutout: preset.data.cutout };
        let loader = Loader::new(&splits.train, preset.train.batch, augment, seed)?;
        let steps = loader.steps_per_epoch() as u64;
        let trainer = Trainer::new(graph.clone(), &preset.posterior, preset.train.clone(), device.device.clone(), seed, steps);
        let train = splits.train.images();
        let mut generator = stream(seed, Purpose::Recalibrate, 0);
        let mut order: Vec<usize> = (0..train.len()).collect();
        for last in (1..order.len()).rev() {
            order.swap(last, below(&mut generator, last + 1));
        }
        order.truncate(preset.rank.recalibration_images);
        let (recalibration, _) = trainer.upload(train.gather(&order));
        let ranker = Ranker::new(&trainer, recalibration, preset.train.batch_norm_epsilon);
        let select = splits.select.images();
        let pieces: Vec<usize> = (0..select.len()).collect();
        let initial = DropProbability::new(preset.posterior.initial_drop).ok_or(EngineError::InitialDrop)?;
        let count = |split| splits.indices(split).len() as u32;
        Ok(Self {
            posterior: Posterior::uniform(&graph, initial),
            select_images: pieces.chunks(256).map(|piece| select.gather(piece)).collect(),
            select: Examples::upload(select, &device.device),
            sizes: SplitSizes { train: count(Split::Train), select: count(Split::Select), test: count(Split::Test) },
            candidates: folder.candidate_writer()?,
            pace: Pace::new(&preset, &graph, steps, select.len()),
            test: splits.test,
            scores: Vec::new(),
            masks: Vec::new(),
            draws: 0,
            phase: Phase::Preparing,
            paused: false,
            pause_after_epoch: false,
            failure: None,
            published: None,
            run,
            set,
            seed,
            preset,
            device,
            graph,
            trainer,
            ranker,
            loader,
            publisher,
            recorder,
        })
    }

    /// Runs to the end, whatever the end is.
    pub(super) fn run(mut self) {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.work()));
        let outcome = match outcome {
            Ok(Ok(Flow::Go)) => Outcome::Completed,
            Ok(Ok(Flow::Stop)) => self.failure.take().map_or(Outcome::Stopped, |reason| Outcome::Failed { reason }),
            Ok(Err(error)) => Outcome::Failed { reason: error.to_string() },
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
                let reason = format!("the engine met a fault of its own: {}; please report it", text.unwrap_or("no message"));
                Outcome::Failed { reason }
            }
        };
        let resources = Resources {
            wall_seconds: self.recorder.seconds(),
            training_seconds: self.pace.training_seconds(),
            ranking_seconds: self.pace.ranking_seconds(),
            peak_rss_bytes: resources::peak_rss_bytes(),
        };
        let winner = winner(&self.scores, self.preset.rank.batch_norm);
        let test_reads = self.test.reads() as u32;
        self.phase = Phase::Ended;
        self.record(Event::Finished { outcome, winner, test_reads, resources });
        self.publish(None, true);
    }

    fn work(&mut self) -> Result<Flow, EngineError> {
        let started = self.started();
        self.record(Event::Started(Box::new(started)));
        self.enter(Phase::Training);
        let initial = DropProbability::new(self.preset.posterior.initial_drop).ok_or(EngineError::InitialDrop)?;
        let mut state = self.trainer.initial(initial);
        for epoch in 0..self.preset.train.epochs {
            match self.epoch(state, epoch)? {
                (next, Flow::Go) => state = next,
                (_, Flow::Stop) => return Ok(Flow::Stop),
            }
        }
        self.enter(Phase::Ranking);
        if self.rank_all(&state) == Flow::Stop {
            return Ok(Flow::Stop);
        }
        if self.preset.rank.test {
            self.enter(Phase::Testing);
            self.read_test(&state);
        }
        Ok(Flow::Go)
    }

    fn started(&self) -> Started {
        Started {
            version: LOG_VERSION,
            program: concat!("pgnas ", env!("CARGO_PKG_VERSION")).into(),
            run: self.run.clone(),
            preset: self.preset.name.clone(),
            seed: self.seed,
            device: self.device.name.clone(),
            network: NetworkSummary::of(&self.graph),
            set: self.set.clone(),
            splits: self.sizes,
            epochs: self.preset.train.epochs as u32,
            steps_per_epoch: self.loader.steps_per_epoch() as u32,
            batch: self.preset.train.batch as u32,
            posterior_candidates: self.preset.rank.posterior as u32,
            random_candidates: self.preset.rank.random as u32,
            batch_norm: self.preset.rank.batch_norm,
            initial_drop: self.preset.posterior.initial_drop,
        }
    }

    /// One epoch of training. A loss that is not finite restores the last good state and pauses.
    fn epoch(&mut self, mut state: State, epoch: usize) -> Result<(State, Flow), EngineError> {
        let steps = self.loader.steps_per_epoch() as u64;
        let first = epoch as u64 * steps;
        let before = self.posterior.clone();
        state.sums = Sums::zero(&self.device.device);
        let mut good = state.clone();
        while state.step < first + steps {
            let batches = Prefetch::new(self.loader.start_at(epoch, (state.step - first) as usize), 2)?;
            for batch in batches {
                if self.attend(Some(&state)) == Flow::Stop {
                    return Ok((state, Flow::Stop));
                }
                let begun = Instant::now();
                state = self.trainer.step(state, batch);
                let look = self.device.is_cpu || state.step.is_multiple_of(STEPS_BETWEEN_LOOKS) || state.step == first + steps;
                if look {
                    if !finite(&state) {
                        self.loss_not_finite(&good, state.step);
                        state = good.clone();
                        break;
                    }
                    good = state.clone();
                }
                self.pace.trained(begun.elapsed());
                self.publish(Some(&state), false);
            }
        }
        self.finish_epoch(&state, epoch, &before);
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

    fn finish_epoch(&mut self, state: &State, epoch: usize, before: &Posterior) {
        self.failure = None;
        let steps = state.sums.steps.max(1) as f64;
        let trained = steps * self.preset.train.batch as f64;
        let select: f64 =
            self.select_images.iter().map(|piece| scalar(&self.trainer.correct_under_relaxed_masks(state, piece.clone()))).sum();
        self.posterior = self.posterior_of(state);
        let norms = self.trainer.objective().squared_norms(&state.weights.values);
        let norms: Vec<f32> = norms.into_data().try_to_vec().unwrap_or_default();
        let regulariser = regulariser(&self.preset.posterior);
        let groups = self.posterior.logits().iter().zip(self.posterior.channels()).zip(&norms);
        let kl = groups.map(|((&logit, &channels), &norm)| regulariser.value(f64::from(logit), channels as f64, f64::from(norm))).sum();
        let per_epoch = self.loader.steps_per_epoch() as u64;
        let metrics = EpochMetrics {
            epoch: epoch as u32 + 1,
            step: state.step,
            cross_entropy: scalar(&state.sums.cross_entropy) / trained,
            kl,
            train_accuracy: scalar(&state.sums.correct) / trained,
            select_accuracy: select / f64::from(self.sizes.select.max(1)),
            learning_rate: schedule::learning_rate(&self.preset.train, state.step.saturating_sub(1), per_epoch),
            gradient_norm: scalar(&state.sums.norm) / steps,
            drop_probabilities: self.posterior.drop_probabilities().map(|p| p.drop() as f32).collect(),
            health: Health::of(&self.posterior, &self.graph, Some(before)).into(),
        };
        self.pace.epoch_done();
        self.record(Event::Epoch(Box::new(metrics)));
        self.publish(Some(state), true);
    }

    /// Everything that is ranked at the end: the references, then posterior and random candidates in turn.
    fn rank_all(&mut self, state: &State) -> Flow {
        let frozen = Ranker::freeze(&self.trainer, state);
        let p: Vec<DropProbability> = self.posterior.drop_probabilities().collect();
        let whole = HardMask::whole(self.graph.masked_channels());
        let mut queue = vec![(Source::Whole, 0, whole), (Source::Threshold, 0, thresholded(&p, self.posterior.channels()))];
        let classes = SizeClasses::new(self.posterior.channels());
        let (posterior, random) = (self.preset.rank.posterior, self.preset.rank.random);
        for index in 0..posterior.max(random) {
            if index < posterior {
                queue.push(self.draw_posterior(&p));
            }
            if index < random {
                let mut generator = stream(self.seed, Purpose::RandomCandidate, index as u64);
                let shuffled = permuted(&p, &classes, &mut generator);
                queue.push((Source::Random, index as u64, bernoulli(&shuffled, self.posterior.channels(), &mut generator)));
            }
        }
        self.pace.ranking(queue.len());
        let at_once = if self.device.is_cpu { 2 * rayon::current_num_threads() } else { 1 };
        for part in queue.chunks(at_once) {
            if self.attend(Some(state)) == Flow::Stop {
                return Flow::Stop;
            }
            self.rank(&frozen, part, state);
        }
        Flow::Go
    }

    fn draw_posterior(&mut self, p: &[DropProbability]) -> (Source, u64, HardMask) {
        let draw = self.draws;
        self.draws += 1;
        let mask = bernoulli(p, self.posterior.channels(), &mut stream(self.seed, Purpose::Candidate, draw));
        (Source::Posterior, draw, mask)
    }

    /// Ranks some candidates at once and records them in order.
    fn rank(&mut self, frozen: &Frozen, part: &[(Source, u64, HardMask)], state: &State) {
        let begun = Instant::now();
        let evaluate = |(_, _, mask): &(Source, u64, HardMask)| self.ranker.evaluate(frozen, mask, &self.select);
        let evaluations: Vec<_> =
            if self.device.is_cpu { part.par_iter().map(evaluate).collect() } else { part.iter().map(evaluate).collect() };
        let epoch = (state.step / self.loader.steps_per_epoch().max(1) as u64) as u32;
        for ((source, draw, mask), evaluation) in part.iter().zip(evaluations) {
            let kept = mask.kept_per_group(&self.graph);
            let dropped = self.posterior.channels().iter().zip(&kept).map(|(&channels, &kept)| (channels - kept) as f64);
            let cost = self.graph.cost_without(dropped);
            let score = CandidateScore {
                id: CandidateId(self.scores.len() as u32 + 1),
                source: *source,
                epoch,
                select: Scores { inherited: accuracy(&evaluation.inherited), recalibrated: accuracy(&evaluation.recalibrated) },
                parameters: cost.parameters as u64,
                macs: cost.macs as u64,
                kept_share: mask.kept_share(),
                kept: kept.iter().map(|&kept| kept as u32).collect(),
            };
            self.candidates.write(&CandidateRecord {
                score: score.clone(),
                draw: *draw,
                mask: mask.clone(),
                correct_inherited: Bits(evaluation.inherited),
                correct_recalibrated: Bits(evaluation.recalibrated),
            });
            self.scores.push(score.clone());
            self.masks.push(mask.clone());
            self.record(Event::Candidate(Box::new(score)));
        }
        if let Some(alert) = self.candidates.take_alert() {
            self.alert(alert);
        }
        self.pace.ranked(part.len(), begun.elapsed());
        self.publish(Some(state), false);
    }

    /// Opens the test split, once, for the winner, the references and the best random candidate.
    fn read_test(&mut self, state: &State) {
        let mode = self.preset.rank.batch_norm;
        let best_random = newest(&self.scores).filter(|score| score.source == Source::Random).max_by(|left, right| {
            let accuracy = |score: &CandidateScore| score.select.of(mode).correct;
            accuracy(left).cmp(&accuracy(right)).then(right.id.cmp(&left.id))
        });
        let references = newest(&self.scores).filter(|score| score.source.is_reference()).map(|score| score.id);
        let ids = winner(&self.scores, mode).into_iter().chain(references).chain(best_random.map(|score| score.id));
        let ids: Vec<CandidateId> = ids.collect();
        let examples = Examples::upload(self.test.open(), &self.device.device);
        let frozen = Ranker::freeze(&self.trainer, state);
        for id in ids {
            let position = id.0 as usize - 1;
            let evaluation = self.ranker.evaluate(&frozen, &self.masks[position], &examples);
            let test = Scores { inherited: accuracy(&evaluation.inherited), recalibrated: accuracy(&evaluation.recalibrated) };
            self.record(Event::Test(TestScore { id, source: self.scores[position].source, test }));
        }
    }

    /// Does what was asked for since the last time; waits here while paused.
    fn attend(&mut self, state: Option<&State>) -> Flow {
        loop {
            let command = if self.paused {
                self.pace.pause();
                self.publish(state, true);
                let command = self.publisher.wait_for_command();
                self.pace.resume();
                // Nobody is left who could resume it.
                command.or(Some(Command::Resume))
            } else {
                self.publisher.try_command()
            };
            let Some(command) = command else { return Flow::Go };
            self.record(Event::Intervention { command, step: state.map_or(0, |state| state.step) });
            match command {
                Command::Pause => self.paused = true,
                Command::Resume => self.paused = false,
                Command::StepEpoch => {
                    self.paused = false;
                    self.pause_after_epoch = self.phase == Phase::Training;
                }
                Command::Stop => return Flow::Stop,
                Command::SampleNow { count } => {
                    if let Some(state) = state {
                        self.sample_now(state, count);
                    }
                }
            }
        }
    }

    fn sample_now(&mut self, state: &State, count: u32) {
        self.posterior = self.posterior_of(state);
        let p: Vec<DropProbability> = self.posterior.drop_probabilities().collect();
        let frozen = Ranker::freeze(&self.trainer, state);
        let queue: Vec<_> = (0..count).map(|_| self.draw_posterior(&p)).collect();
        for part in queue.chunks(2 * rayon::current_num_threads()) {
            self.rank(&frozen, part, state);
        }
    }

    fn posterior_of(&self, state: &State) -> Posterior {
        let logits: Vec<f32> = state.logits.values.clone().into_data().try_to_vec().unwrap_or_default();
        if logits.len() == self.posterior.logits().len() { self.posterior.with_logits(logits) } else { self.posterior.clone() }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.record(Event::Phase { phase });
        self.publish(None, true);
    }

    fn alert(&mut self, alert: Alert) {
        self.publisher.record(self.recorder.record(Event::Alert(alert)));
    }

    fn record(&mut self, event: Event) {
        self.publisher.record(self.recorder.record(event));
        if let Some(alert) = self.recorder.take_alert() {
            self.alert(alert);
        }
    }

    /// Publishes the newest state, unless screens had one a moment ago.
    fn publish(&mut self, state: Option<&State>, at_once: bool) {
        if !at_once && self.published.is_some_and(|published| published.elapsed() < REFRESH) {
            return;
        }
        self.published = Some(Instant::now());
        let now = state.map_or_else(|| self.posterior.clone(), |state| self.posterior_of(state));
        let mut snapshot = self.pace.snapshot(self.phase);
        snapshot.paused = self.paused;
        snapshot.device = self.device.label();
        snapshot.candidates = self.scores.len() as u32;
        snapshot.cross_entropy = state
            .filter(|state| state.sums.steps > 0 && self.phase == Phase::Training)
            .map(|state| scalar(&state.sums.cross_entropy) / (state.sums.steps as f64 * self.preset.train.batch as f64));
        snapshot.drop_probabilities = now.drop_probabilities().map(|p| p.drop() as f32).collect();
        snapshot.health = Health::of(&now, &self.graph, Some(&self.posterior)).into();
        self.publisher.snapshot(snapshot);
    }
}

fn accuracy(correct: &[bool]) -> Accuracy {
    Accuracy { correct: correct.iter().filter(|&&right| right).count() as u32, total: correct.len() as u32 }
}

fn finite(state: &State) -> bool {
    scalar(&state.sums.cross_entropy).is_finite() && scalar(&state.sums.norm).is_finite()
}

/// The one number of a `[1]` tensor; NaN where the device does not give it.
fn scalar(tensor: &Tensor<1>) -> f64 {
    let values: Vec<f32> = tensor.clone().into_data().try_to_vec().unwrap_or_default();
    values.first().map_or(f64::NAN, |&value| f64::from(value))
}
