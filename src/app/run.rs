//! A run on the screen: one reducer for live ones and for opened ones.

use super::answers::Inquiry;
use super::filter::Filter;
use super::host::{Done, Errand};
use super::messages::Message;
use super::network::{self, Block};
use super::ranking::{Listing, Order};
use crate::preset::BatchNormMode;
use crate::run::{
    Acceptance, Alert, AlertKind, CandidateId, CandidateScore, Command, EpochMetrics, Event, Fate, Outcome, Phase, RaceOutcome, Record,
    Resources, Snapshot, Source, Started, Steering, TestScore, Ties, posterior_alerts,
};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// Completed, stopped or failed.
    pub outcome: Outcome,
    /// How often the test split was opened.
    pub test_reads: u32,
    /// What it took.
    pub resources: Resources,
}

/// A run on the screen.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing of its own")]
pub struct Run {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) linked: bool,
    /// Whether it is played from its log.
    pub(super) replayed: bool,
    pub(super) next_record: u64,
    pub(super) started: Option<Started>,
    pub(super) phase: Phase,
    pub(super) epochs: Vec<EpochMetrics>,
    pub(super) candidates: Vec<CandidateScore>,
    pub(super) ties: Option<Ties>,
    /// Of each source how many draws of the last sampling met the constraint.
    pub(super) acceptance: Vec<Acceptance>,
    pub(super) race: Option<RaceOutcome>,
    pub(super) tests: Vec<TestScore>,
    pub(super) steering: Steering,
    /// Every intervention with the training steps done at that moment.
    pub(super) interventions: Vec<(u64, Command)>,
    /// Alerts and interventions, as they came.
    pub(super) messages: Vec<Message>,
    pub(super) ending: Option<Ending>,
    pub(super) snapshot: Option<Arc<Snapshot>>,
    /// What came of errands.
    pub(super) findings: BTreeMap<(CandidateId, Errand), Done>,
    /// What the answers of its candidates tell.
    pub(super) inquiry: Inquiry,
    /// The baseline that the posterior is compared with on the screen.
    pub(super) baseline: Source,
    pub(super) blocks: Vec<Block>,
    pub(super) row: usize,
    pub(super) group: usize,
    pub(super) chosen: Option<CandidateId>,
    /// Whether the next posterior candidate is to be chosen as it comes: somebody stepped beyond the last one.
    pub(super) awaits: bool,
    pub(super) pinned: Option<CandidateId>,
    pub(super) marked: BTreeSet<CandidateId>,
    /// What goes wrong and lasts, the worst first.
    pub(super) warnings: Vec<Alert>,
    pub(super) filter: Filter,
    pub(super) order: Order,
    /// Whether the list begins with what the order has last.
    pub(super) reversed: bool,
    /// The list in its order; made when somebody looks, kept until [`Run::relist`].
    pub(super) listing: OnceCell<Listing>,
    pub(super) shows_random: bool,
    pub(super) log_curves: bool,
    /// The epoch that the crosshair stands at.
    pub(super) cross: Option<u32>,
    /// How often the span of the curves was halved.
    pub(super) zoom: u32,
}

impl Run {
    pub(super) fn new(name: String, path: PathBuf, live: bool) -> Self {
        Self {
            name,
            path,
            linked: live,
            replayed: false,
            next_record: 0,
            started: None,
            phase: Phase::Preparing,
            epochs: Vec::new(),
            candidates: Vec::new(),
            ties: None,
            acceptance: Vec::new(),
            race: None,
            tests: Vec::new(),
            steering: Steering::default(),
            interventions: Vec::new(),
            messages: Vec::new(),
            ending: None,
            snapshot: None,
            findings: BTreeMap::new(),
            inquiry: Inquiry::default(),
            baseline: Source::Random,
            blocks: Vec::new(),
            row: 0,
            group: 0,
            chosen: None,
            awaits: false,
            pinned: None,
            marked: BTreeSet::new(),
            warnings: Vec::new(),
            filter: Filter::default(),
            order: Order::Accuracy,
            reversed: false,
            listing: OnceCell::new(),
            shows_random: true,
            log_curves: false,
            cross: None,
            zoom: 0,
        }
    }

    /// Takes an event in; one seen before is passed over. Tells of what needs attention and did not before.
    pub(super) fn apply(&mut self, record: &Record) -> Option<String> {
        if record.sequence < self.next_record {
            return None;
        }
        self.next_record = record.sequence + 1;
        match &record.event {
            Event::Started(started) => {
                self.blocks = network::blocks(&started.network);
                self.started = Some((**started).clone());
                self.relist();
            }
            Event::Phase { phase } => self.phase = *phase,
            Event::Epoch(metrics) => {
                self.epochs.push((**metrics).clone());
                let told = self.watch();
                if let Some(told) = &told {
                    self.keep_message(record, told.clone(), None);
                }
                return told;
            }
            Event::Candidate(score) => {
                if self.awaits && score.source == Source::Posterior {
                    (self.awaits, self.chosen) = (false, Some(score.id));
                }
                self.candidates.push((**score).clone());
                self.relist();
            }
            Event::Ties(ties) => {
                self.ties = Some(ties.clone());
                self.relist();
            }
            Event::Test(score) => self.tests.push(score.clone()),
            Event::Final(told) => {
                self.tests.extend(told.candidates.iter().cloned());
                if let Some(ending) = &mut self.ending {
                    ending.test_reads += 1;
                }
            }
            Event::Alert(alert) => {
                self.keep_message(record, alert.message.clone(), None);
                if alert.kind == AlertKind::NonFiniteLoss {
                    // The search waits for somebody, who may look only hours later.
                    self.goes_on();
                    self.warnings.insert(0, alert.clone());
                }
                return Some(alert.message.clone());
            }
            Event::Intervention { command, step } => {
                let words = self.started.as_ref().map_or_else(|| format!("{command:?}"), |started| command.words(&started.network));
                self.keep_message(record, words, Some(*step));
                if matches!(command, Command::Resume | Command::StepEpoch) {
                    self.goes_on();
                }
                self.steering.take(*command);
                self.interventions.push((*step, *command));
            }
            Event::Drawn(acceptance) => {
                self.acceptance.retain(|known| known.source != acceptance.source);
                self.acceptance.push(*acceptance);
            }
            Event::Race(race) => self.race = Some(*race),
            Event::Resumed { .. } => self.goes_on(),
            Event::Finished { outcome, test_reads, resources, .. } => {
                self.phase = Phase::Ended;
                self.goes_on();
                self.warnings.retain(|alert| !alert.kind.is_of_machine());
                self.ending = Some(Ending { outcome: outcome.clone(), test_reads: *test_reads, resources: *resources });
            }
        }
        None
    }

    /// What held the search up does so no longer.
    fn goes_on(&mut self) {
        self.warnings.retain(|alert| alert.kind != AlertKind::NonFiniteLoss);
    }

    /// Looks at the newest epoch for what lasts. Tells the first fault that was not there before, while it can be mended, of a log of
    /// before engines raised alerts; another log tells it by itself.
    fn watch(&mut self) -> Option<String> {
        let (started, last) = (self.started.as_ref()?, self.epochs.last()?);
        let found = posterior_alerts(started, &self.epochs);
        let new = found.iter().find(|alert| !self.warnings.iter().any(|known| known.kind == alert.kind));
        let told = new.filter(|_| !last.is_watched() && (self.linked || self.replayed)).map(|alert| alert.message.clone());
        self.warnings.retain(|alert| !alert.kind.is_of_posterior());
        self.warnings.extend(found);
        self.sort_warnings();
        told
    }

    /// What goes wrong, as the newest epoch and the newest snapshot have it, the worst first.
    #[must_use]
    pub fn warnings(&self) -> &[Alert] {
        &self.warnings
    }

    /// Takes the newest snapshot in.
    pub(super) fn take_snapshot(&mut self, snapshot: Arc<Snapshot>) {
        self.warnings.retain(|alert| !alert.kind.is_of_machine());
        if self.ending.is_none() {
            self.warnings.extend(snapshot.alerts.iter().filter(|alert| alert.kind.is_of_machine()).cloned());
        }
        self.sort_warnings();
        self.snapshot = Some(snapshot);
    }

    /// The worst first: what the search stands still for, then what it goes on with.
    fn sort_warnings(&mut self) {
        self.warnings.sort_by_key(|alert| (alert.kind != AlertKind::NonFiniteLoss, alert.kind.rank()));
    }

    pub(super) fn unlink(&mut self) {
        self.linked = false;
    }

    pub(super) fn next_record(&self) -> u64 {
        self.next_record
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether an engine is at work on it.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.linked && self.ending.is_none()
    }

    /// Whether it waits for somebody to resume it.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.live_snapshot().is_some_and(|snapshot| snapshot.paused)
    }

    /// The newest snapshot, while the engine is at work.
    #[must_use]
    pub fn live_snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_deref().filter(|_| self.is_live())
    }

    /// The head of its log.
    #[must_use]
    pub fn started(&self) -> Option<&Started> {
        self.started.as_ref()
    }

    /// What it is doing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        // A snapshot from before the first event of a phase is older than the log.
        match self.live_snapshot().map(|snapshot| snapshot.phase) {
            Some(phase) if phase != Phase::Preparing => phase,
            _ => self.phase,
        }
    }

    /// How it ended.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// Epochs to train, as the preset or somebody says; `None` before the log says how many there are.
    #[must_use]
    pub fn planned_epochs(&self) -> Option<u32> {
        let planned = self.started.as_ref()?.epochs;
        Some(self.steering.epochs.map_or(planned, |epochs| epochs.max(self.epochs.last().map_or(0, |epoch| epoch.epoch))))
    }

    /// Of each source how many of the draws of its last sampling met the constraint; empty where there is none.
    #[must_use]
    pub fn acceptance(&self) -> &[Acceptance] {
        &self.acceptance
    }

    /// What the race spent and saved, where candidates were ranked in one.
    #[must_use]
    pub fn race(&self) -> Option<RaceOutcome> {
        self.race
    }

    /// How it was steered.
    #[must_use]
    pub fn steering(&self) -> &Steering {
        &self.steering
    }

    /// What an operation is held at, where it is.
    #[must_use]
    pub fn held(&self, group: usize) -> Option<Fate> {
        self.steering.held.get(&(group as u32)).copied()
    }

    /// Every intervention, with the training steps done at that moment.
    #[must_use]
    pub fn interventions(&self) -> &[(u64, Command)] {
        &self.interventions
    }

    /// The epochs so far.
    #[must_use]
    pub fn epochs(&self) -> &[EpochMetrics] {
        &self.epochs
    }

    /// Epochs done, and in all; `None` before the log says how many there are.
    #[must_use]
    pub fn epoch_of(&self) -> Option<(u32, u32)> {
        let logged = self.epochs.last().map_or(0, |epoch| epoch.epoch);
        let done = self.live_snapshot().map_or(logged, |snapshot| snapshot.epoch.max(logged));
        Some((done, self.planned_epochs()?))
    }

    /// Which batch-norm statistics decide the ranking.
    #[must_use]
    pub fn mode(&self) -> BatchNormMode {
        self.started.as_ref().map_or(BatchNormMode::Recalibrated, |started| started.batch_norm)
    }

    /// Whether losses are drawn on a logarithmic axis.
    #[must_use]
    pub fn log_curves(&self) -> bool {
        self.log_curves
    }
}
