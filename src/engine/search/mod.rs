//! A search from start to end: train, sample and rank, test; and the commands that steer it on the way.

mod broken;
mod candidates;
mod checkpoint;
mod desk;
mod epoch;
mod race;
mod sampler;
mod watch;

use super::devices::OpenDevice;
use super::feed::Feed;
use super::fleet::Fleet;
use super::guard::guarded;
use super::pace::Pace;
use super::pool::{Lost, Pool};
use super::rebuild::initial_posterior;
use super::trainer::{State, Trainer};
use super::{EngineError, Keep, Plan, Resume};
use crate::data::{Loader, SealedTest, Split};
use crate::graph::Graph;
use crate::link::Publisher;
use crate::posterior::statistics::Answers;
use crate::posterior::{HardMask, Health, Posterior};
use crate::preset::Preset;
use crate::run::tensors::digest_of_numbers;
use crate::run::{
    Alert, AlertKind, CandidateScore, CandidateWriter, Checkpoint, Command, Event, LOG_VERSION, NetworkSummary, Outcome, Phase, Pretrained,
    RankingStanding, Recorder, Resources, RunFolder, RunLock, SplitSizes, Started, Steering, Watch, resources, winner,
};
use burn::tensor::Tensor;
use checkpoint::Clock;
use desk::Desk;
use epoch::finite;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often screens get a new snapshot at most.
const REFRESH: Duration = Duration::from_millis(200);

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
    fleet: Fleet,
    graph: Arc<Graph>,
    posterior: Posterior,
    trainer: Trainer,
    /// Where candidates are judged.
    desks: Pool<Desk>,
    /// Devices that broke as the search was set up, until it has told of them.
    lost: Vec<Lost>,
    feed: Feed,
    select_images: Vec<crate::data::Batch>,
    test: SealedTest,
    sizes: SplitSizes,
    folder: RunFolder,
    publisher: Publisher,
    recorder: Recorder,
    notices: Vec<Alert>,
    /// What was noticed in reading the images.
    notes: Vec<String>,
    /// Weights to start from, until the search has begun.
    pretrained: Option<Pretrained>,
    candidates: CandidateWriter,
    scores: Vec<CandidateScore>,
    masks: Vec<HardMask>,
    /// Which select images each candidate gets right, with the statistics that decide.
    answers: Vec<Answers>,
    known: candidates::Known,
    draws: u64,
    phase: Phase,
    paused: bool,
    pause_after_epoch: bool,
    failure: Option<String>,
    published: Option<Instant>,
    pace: Pace,
    steering: Steering,
    /// When the disk was asked last, and what it had left.
    disk: (Option<Instant>, Option<u64>),
    watch: Watch,
    /// What goes wrong with the machine. It is judged anew by a process that resumes: it may be another machine.
    machine: Vec<Alert>,
    clock: Clock,
    config_sha256: String,
    splits_sha256: String,
    /// Where the ranking of an interrupted search goes on.
    ranking: Option<RankingStanding>,
    resume: Option<Resume>,
    /// Held to the end: the run is this process's.
    _lock: RunLock,
}

/// The program's name and version, as logs have it.
const PROGRAM: &str = concat!("pgnas ", env!("CARGO_PKG_VERSION"));

impl Search {
    pub(super) fn new(plan: Plan, publisher: Publisher) -> Result<Self, EngineError> {
        let Plan { run, preset, graph, set, splits, seed, fleet, folder, recorder, notices, pretrained, keep } = plan;
        let Keep { lock, every, resume } = keep;
        let graph = Arc::new(graph);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let loader = Loader::new(&splits.train, preset.train.batch, super::augment(&preset.data), seed)?.on_threads(threads)?;
        let steps = loader.steps_per_epoch() as u64;
        let lead = fleet.lead();
        std::iter::once(lead).chain(fleet.training_beside_lead()).try_for_each(|device| device.check(preset.train.precision))?;
        let feed = Feed::new(loader, lead.device.clone(), lead.kept_bytes());
        let trainer_on =
            |device: &OpenDevice| Trainer::new(graph.clone(), &preset.posterior, preset.train.clone(), device.device.clone(), seed, steps);
        let trainer = trainer_on(lead).beside(fleet.training_beside_lead().map(trainer_on).collect());
        let (desks, lost) = desk::desks(&fleet, &graph, &preset, &splits, seed);
        let select = splits.select.images();
        let pieces: Vec<usize> = (0..select.len()).collect();
        let count = |split| splits.indices(split).len() as u32;
        Ok(Self {
            posterior: initial_posterior(&graph, &preset.posterior)?,
            select_images: pieces.chunks(256).map(|piece| select.gather(piece)).collect(),
            desks,
            lost,
            sizes: SplitSizes { train: count(Split::Train), select: count(Split::Select), test: count(Split::Test) },
            candidates: match &resume {
                Some(resume) => folder.candidate_writer_from(resume.candidates.len() as u64)?,
                None => folder.candidate_writer()?,
            },
            config_sha256: folder.config_sha256()?,
            splits_sha256: digest_of_numbers([Split::Train, Split::Select, Split::Test].map(|split| splits.indices(split))),
            folder,
            pace: Pace::new(&preset, steps, select.len()),
            notes: splits.set().notes().to_vec(),
            test: splits.test,
            scores: Vec::new(),
            masks: Vec::new(),
            answers: Vec::new(),
            known: candidates::Known::default(),
            draws: 0,
            phase: Phase::Preparing,
            paused: false,
            pause_after_epoch: false,
            failure: None,
            published: None,
            steering: Steering::default(),
            disk: (None, None),
            watch: Watch::default(),
            machine: Vec::new(),
            clock: Clock::new(every),
            ranking: None,
            resume,
            _lock: lock,
            run,
            set,
            seed,
            preset,
            fleet,
            graph,
            trainer,
            feed,
            publisher,
            recorder,
            notices,
            pretrained,
        })
    }

    /// Runs to the end, whatever the end is.
    pub(super) fn run(mut self) {
        let outcome = match guarded(|| self.work()) {
            Ok(Ok(Flow::Go)) => Outcome::Completed,
            Ok(Ok(Flow::Stop)) => self.failure.take().map_or(Outcome::Stopped, |reason| Outcome::Failed { reason }),
            Ok(Err(error)) => Outcome::Failed { reason: error.to_string() },
            Err(fault) => Outcome::Failed { reason: self.broken(&fault, self.phase) },
        };
        let resources = Resources {
            wall_seconds: self.recorder.seconds(),
            training_seconds: self.pace.training_seconds(),
            ranking_seconds: self.pace.ranking_seconds(),
            waiting_seconds: self.pace.waiting_seconds(),
            peak_rss_bytes: resources::peak_rss_bytes(),
        };
        let winner = winner(&self.scores, self.preset.rank.batch_norm);
        let test_reads = self.test.reads() as u32;
        self.phase = Phase::Ended;
        self.record(Event::Finished { outcome, winner, test_reads, resources });
        self.publish(None, true);
    }

    fn work(&mut self) -> Result<Flow, EngineError> {
        let mut state = self.begin()?;
        if self.phase == Phase::Training {
            let first = state.step as usize / self.feed.loader().steps_per_epoch().max(1);
            let mut epoch = first;
            while epoch < self.epochs() {
                match self.epoch(state, epoch)? {
                    (next, Flow::Go) => state = next,
                    (_, Flow::Stop) => return Ok(Flow::Stop),
                }
                epoch += 1;
            }
            self.enter(Phase::Ranking, &state);
        }
        if self.phase == Phase::Ranking {
            if self.rank_all(&state)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
            if self.preset.rank.test {
                self.enter(Phase::Testing, &state);
            }
        }
        if self.phase == Phase::Testing {
            self.read_test(&state)?;
        }
        Ok(Flow::Go)
    }

    /// The state that the search begins with, or goes on with.
    fn begin(&mut self) -> Result<State, EngineError> {
        let state = match self.resume.take() {
            None => {
                let started = self.started();
                self.record(Event::Started(Box::new(started)));
                for message in std::mem::take(&mut self.notes) {
                    self.alert(Alert { kind: AlertKind::Data, message });
                }
                None
            }
            Some(Resume { checkpoint, candidates, undone, notes, steering, watch }) => {
                (self.steering, self.watch) = (steering, watch);
                self.steer();
                self.restore_candidates(candidates);
                let state = checkpoint.map(|checkpoint: Checkpoint| self.restore(checkpoint)).transpose()?;
                let (step, device) = (state.as_ref().map_or(0, |state| state.step), self.fleet.names());
                self.record(Event::Resumed { step, undone, device, program: PROGRAM.into() });
                for message in notes {
                    self.alert(Alert { kind: AlertKind::Storage, message });
                }
                state
            }
        };
        for notice in std::mem::take(&mut self.notices) {
            self.alert(notice);
        }
        let lost = std::mem::take(&mut self.lost);
        self.tell_lost(lost);
        if let Some(state) = state {
            self.publish(Some(&state), true);
            return Ok(state);
        }
        let state = if let Some(start) = self.pretrained.take() {
            self.alert(Alert { kind: AlertKind::Weights, message: start.told() });
            self.trainer.start_from(start, &self.posterior)
        } else {
            self.trainer.initial(&self.posterior)
        };
        self.enter(Phase::Training, &state);
        Ok(state)
    }

    fn started(&self) -> Started {
        Started {
            version: LOG_VERSION,
            program: PROGRAM.into(),
            run: self.run.clone(),
            preset: self.preset.name.clone(),
            seed: self.seed,
            device: self.fleet.names(),
            network: NetworkSummary::of(&self.graph),
            set: self.set.clone(),
            splits: self.sizes,
            epochs: self.preset.train.epochs as u32,
            steps_per_epoch: self.feed.loader().steps_per_epoch() as u32,
            batch: self.preset.train.batch as u32,
            posterior_candidates: self.preset.rank.posterior as u32,
            random_candidates: self.preset.rank.random as u32,
            uniform_candidates: self.preset.rank.uniform as u32,
            constant_candidates: self.preset.rank.constant as u32,
            batch_norm: self.preset.rank.batch_norm,
            // An edge of more operations drops each of them more often: their mean.
            initial_drop: match self.preset.posterior.categorical {
                None => self.preset.posterior.initial_drop,
                Some(_) => self.posterior.expected_drop_share(),
            },
            posterior: self.preset.posterior.kind(),
            warm_up: self.preset.posterior.categorical.map_or(0, |categorical| categorical.warm_up as u32),
            constraint: self.preset.rank.constraint.to_string(),
            precision: self.preset.train.precision,
            tf32: self.fleet.lead().rounds_to_tf32(),
        }
    }

    /// Does what was asked for since the last time, and writes a checkpoint where one is due or the search stands still; waits here
    /// while paused. `ranking` tells how far a ranking is.
    fn attend(&mut self, state: &State, ranking: &dyn Fn() -> Option<RankingStanding>) -> Flow {
        loop {
            let command = if self.paused {
                self.pace.pause();
                self.publish(Some(state), true);
                let command = self.publisher.wait_for_command();
                self.pace.resume();
                // Nobody is left who could resume it.
                command.or(Some(Command::Resume))
            } else {
                self.publisher.try_command()
            };
            let Some(command) = command else {
                self.checkpoint_if_due(state, ranking);
                return Flow::Go;
            };
            if let Err(fault) = self.allows(command) {
                self.alert(Alert { kind: AlertKind::Refused, message: fault });
                continue;
            }
            self.record(Event::Intervention { command, step: state.step });
            match command {
                Command::Pause => {
                    self.paused = true;
                    self.checkpoint(state, ranking());
                }
                Command::Resume => self.paused = false,
                Command::StepEpoch => {
                    self.paused = false;
                    self.pause_after_epoch = self.phase == Phase::Training;
                }
                Command::Checkpoint => self.checkpoint(state, ranking()),
                Command::Hold { .. }
                | Command::Release { .. }
                | Command::Temperature { .. }
                | Command::WeightPrior { .. }
                | Command::LearningRate { .. }
                | Command::Epochs { .. } => {
                    self.steering.take(command);
                    self.steer();
                    self.publish(Some(state), true);
                }
                Command::Stop => {
                    self.checkpoint(state, ranking());
                    return Flow::Stop;
                }
                Command::SampleNow { count } => {
                    if let Err(error) = self.sample_now(state, count) {
                        self.failure = Some(error.to_string());
                        return Flow::Stop;
                    }
                }
            }
        }
    }

    /// Whether a command can be obeyed now.
    fn allows(&self, command: Command) -> Result<(), String> {
        command.check(self.graph.groups().len())?;
        if command.changes_training() && self.phase != Phase::Training {
            return Err("training is over: this would change nothing any more".into());
        }
        Ok(())
    }

    /// Epochs to train.
    fn epochs(&self) -> usize {
        self.steering.epochs.map_or(self.preset.train.epochs, |epochs| epochs as usize)
    }

    /// Does from here on as somebody has steered.
    fn steer(&mut self) {
        let epochs = self.epochs();
        self.trainer.steer(&self.steering);
        self.pace.plan(epochs as u32, self.feed.loader().steps_per_epoch() as u64);
    }

    /// The posterior in force: that of a state, but for operations that are held.
    fn posterior_of(&self, state: &State) -> Posterior {
        let logits: Vec<f32> = self.trainer.logits(state).into_data().try_to_vec().unwrap_or_default();
        if logits.len() == self.posterior.logits().len() { self.posterior.with_logits(logits) } else { self.posterior.clone() }
    }

    fn enter(&mut self, phase: Phase, state: &State) {
        self.phase = phase;
        self.record(Event::Phase { phase });
        self.watch_machine();
        self.publish(None, true);
        self.checkpoint(state, None);
    }

    fn alert(&mut self, alert: Alert) {
        let event = Event::Alert(alert);
        // An alert begins none.
        let _ = self.watch.take(&event);
        self.publisher.record(self.recorder.record(event));
    }

    fn record(&mut self, event: Event) {
        let begun = self.watch.take(&event);
        self.publisher.record(self.recorder.record(event));
        for alert in begun.into_iter().chain(self.recorder.take_alert()) {
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
        snapshot.device = self.fleet.label();
        snapshot.candidates = self.scores.len() as u32;
        snapshot.cross_entropy = state
            .filter(|state| state.sums.steps > 0 && self.phase == Phase::Training)
            .map(|state| scalar(&state.sums.cross_entropy) / (state.sums.steps as f64 * self.preset.train.batch as f64));
        snapshot.drop_probabilities = now.drop_probabilities().map(|p| p.drop() as f32).collect();
        snapshot.disk_free = self.disk_free();
        snapshot.alerts.clone_from(&self.machine);
        snapshot.health = Health::of(&now, &self.graph, Some(&self.posterior)).into();
        self.publisher.snapshot(snapshot);
    }
}

/// The one number of a `[1]` tensor; NaN where the device does not give it.
fn scalar(tensor: &Tensor<1>) -> f64 {
    let values: Vec<f32> = tensor.clone().into_data().try_to_vec().unwrap_or_default();
    values.first().map_or(f64::NAN, |&value| f64::from(value))
}
