//! A run on the screen: one reducer for live ones and for opened ones.

use super::filter::{Filter, Hand};
use super::network::{self, Block, NetworkRow, Trend};
use super::ranking::{self, Order, Ranked};
use super::warning::{self, Warning};
use crate::posterior::statistics::mean_and_deviation;
use crate::preset::{BatchNormMode, PosteriorKind};
use crate::run::{
    CandidateId, CandidateScore, EpochMetrics, Event, Outcome, Phase, PosteriorHealth, Record, Resources, Snapshot, Source, Started,
    TestScore, Ties, newest, winner,
};
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
pub struct Run {
    name: String,
    path: PathBuf,
    linked: bool,
    next_record: u64,
    started: Option<Started>,
    phase: Phase,
    epochs: Vec<EpochMetrics>,
    candidates: Vec<CandidateScore>,
    ties: Option<Ties>,
    tests: Vec<TestScore>,
    ending: Option<Ending>,
    snapshot: Option<Arc<Snapshot>>,
    exported: BTreeMap<CandidateId, PathBuf>,
    blocks: Vec<Block>,
    row: usize,
    group: usize,
    chosen: Option<CandidateId>,
    pinned: Option<CandidateId>,
    marked: BTreeSet<CandidateId>,
    warnings: Vec<Warning>,
    pub(super) filter: Filter,
    pub(super) order: Order,
    pub(super) shows_random: bool,
    pub(super) log_curves: bool,
}

impl Run {
    pub(super) fn new(name: String, path: PathBuf, live: bool) -> Self {
        Self {
            name,
            path,
            linked: live,
            next_record: 0,
            started: None,
            phase: Phase::Preparing,
            epochs: Vec::new(),
            candidates: Vec::new(),
            ties: None,
            tests: Vec::new(),
            ending: None,
            snapshot: None,
            exported: BTreeMap::new(),
            blocks: Vec::new(),
            row: 0,
            group: 0,
            chosen: None,
            pinned: None,
            marked: BTreeSet::new(),
            warnings: Vec::new(),
            filter: Filter::default(),
            order: Order::Accuracy,
            shows_random: true,
            log_curves: false,
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
            }
            Event::Phase { phase } => self.phase = *phase,
            Event::Epoch(metrics) => {
                self.epochs.push((**metrics).clone());
                return self.watch();
            }
            Event::Candidate(score) => self.candidates.push((**score).clone()),
            Event::Ties(ties) => self.ties = Some(ties.clone()),
            Event::Test(score) => self.tests.push(score.clone()),
            Event::Final(told) => {
                self.tests.extend(told.candidates.iter().cloned());
                if let Some(ending) = &mut self.ending {
                    ending.test_reads += 1;
                }
            }
            Event::Alert(alert) => return Some(alert.message.clone()),
            Event::Intervention { .. } | Event::Drawn(_) | Event::Race(_) | Event::Resumed { .. } => {}
            Event::Finished { outcome, test_reads, resources, .. } => {
                self.phase = Phase::Ended;
                self.ending = Some(Ending { outcome: outcome.clone(), test_reads: *test_reads, resources: *resources });
            }
        }
        None
    }

    /// Looks at the newest epoch for what is going wrong; tells the first fault that was not there before, while it can be mended.
    fn watch(&mut self) -> Option<String> {
        let started = self.started.as_ref()?;
        let found = warning::warnings(started, &self.epochs);
        let new = found.iter().find(|warning| !self.warnings.iter().any(|known| known.kind == warning.kind));
        let told = new.filter(|_| self.linked).map(|warning| warning.text.clone());
        self.warnings = found;
        told
    }

    /// What goes wrong in the posterior as the newest epoch left it.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    pub(super) fn take_snapshot(&mut self, snapshot: Arc<Snapshot>) {
        self.snapshot = Some(snapshot);
    }

    pub(super) fn unlink(&mut self) {
        self.linked = false;
    }

    pub(super) fn remember_export(&mut self, id: CandidateId, path: PathBuf) {
        self.exported.insert(id, path);
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
        Some((done, self.started.as_ref()?.epochs))
    }

    /// All candidates in the order of ranking, those of earlier weights among them.
    #[must_use]
    pub fn candidates(&self) -> &[CandidateScore] {
        &self.candidates
    }

    /// Candidates of the newest weights from one source.
    #[must_use]
    pub fn count(&self, source: Source) -> usize {
        newest(&self.candidates).filter(|score| score.source == source).count()
    }

    /// Which batch-norm statistics decide the ranking.
    #[must_use]
    pub fn mode(&self) -> BatchNormMode {
        self.started.as_ref().map_or(BatchNormMode::Recalibrated, |started| started.batch_norm)
    }

    /// The test accuracy of a candidate, where it was read.
    #[must_use]
    pub fn test(&self, id: CandidateId) -> Option<&TestScore> {
        self.tests.iter().find(|test| test.id == id)
    }

    /// The best posterior candidate so far.
    #[must_use]
    pub fn winner(&self) -> Option<CandidateId> {
        winner(&self.candidates, self.mode())
    }

    /// The newest whole network among the candidates.
    #[must_use]
    pub fn whole(&self) -> Option<&CandidateScore> {
        self.candidates.iter().rev().find(|score| score.source == Source::Whole)
    }

    /// Select accuracies of the candidates from one source that were ranked with the weights of some epoch.
    #[must_use]
    pub fn accuracies(&self, source: Source, epoch: u32) -> Vec<f64> {
        let mode = self.mode();
        let scores = self.candidates.iter().filter(|score| score.source == source && score.epoch == epoch);
        scores.map(|score| score.select.of(mode).share()).collect()
    }

    /// Select accuracy of a candidate less the mean of the random ones of the same weights.
    #[must_use]
    pub fn against_random(&self, score: &CandidateScore) -> Option<f64> {
        let (mean, _) = mean_and_deviation(&self.accuracies(Source::Random, score.epoch))?;
        Some(score.select.of(self.mode()).share() - mean)
    }

    /// Where a candidate was exported to.
    #[must_use]
    pub fn exported(&self, id: CandidateId) -> Option<&Path> {
        self.exported.get(&id).map(PathBuf::as_path)
    }

    /// The candidates of the list, in its order.
    #[must_use]
    pub fn ranked(&self) -> Vec<Ranked<'_>> {
        let mut rows = ranking::list(&self.candidates, self.ties.as_ref(), self.mode(), self.order, self.shows_random);
        let hand = Hand { marked: &self.marked, pinned: self.pinned, mode: self.mode() };
        rows.retain(|row| self.filter.lets_pass(row, hand));
        rows
    }

    /// Which candidates the list shows.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The pinned candidate.
    #[must_use]
    pub fn pinned(&self) -> Option<&CandidateScore> {
        self.candidates.iter().find(|score| Some(score.id) == self.pinned)
    }

    /// The marked candidates.
    #[must_use]
    pub fn marked(&self) -> &BTreeSet<CandidateId> {
        &self.marked
    }

    /// Pins the selected candidate, or releases it where it is pinned already.
    pub(super) fn pin(&mut self) {
        let selected = self.selected().map(|score| score.id);
        self.pinned = selected.filter(|_| self.pinned != selected);
    }

    /// Marks the selected candidate, or takes its mark away.
    pub(super) fn mark(&mut self) {
        if let Some(id) = self.selected().map(|score| score.id)
            && !self.marked.remove(&id)
        {
            self.marked.insert(id);
        }
    }

    /// What the list is ordered by.
    #[must_use]
    pub fn order(&self) -> Order {
        self.order
    }

    /// Whether the list shows random candidates.
    #[must_use]
    pub fn shows_random(&self) -> bool {
        self.shows_random
    }

    /// Whether losses are drawn on a logarithmic axis.
    #[must_use]
    pub fn log_curves(&self) -> bool {
        self.log_curves
    }

    /// The candidate that the screen is about: the one stepped to, else the winner so far, else the first of the list.
    #[must_use]
    pub fn selected(&self) -> Option<&CandidateScore> {
        let rows = self.ranked();
        rows.get(Self::selected_of(self.chosen, self.winner(), &rows)?).map(|row| row.score)
    }

    /// Position in [`Self::ranked`] of the selected candidate.
    #[must_use]
    pub fn selected_position(&self, rows: &[Ranked<'_>]) -> Option<usize> {
        Self::selected_of(self.chosen, self.winner(), rows)
    }

    fn selected_of(chosen: Option<CandidateId>, winner: Option<CandidateId>, rows: &[Ranked<'_>]) -> Option<usize> {
        let find = |id: Option<CandidateId>| ranking::position(rows, id?);
        find(chosen).or_else(|| find(winner)).or_else(|| (!rows.is_empty()).then_some(0))
    }

    /// Steps through the list; stays within it.
    pub(super) fn step_candidate(&mut self, by: isize) {
        let rows = self.ranked();
        if let Some(position) = self.selected_position(&rows) {
            let target = position.saturating_add_signed(by).min(rows.len() - 1);
            self.chosen = Some(rows[target].score.id);
        }
    }

    /// Chooses a candidate of the list.
    pub(super) fn choose_candidate(&mut self, id: CandidateId) {
        self.chosen = Some(id);
    }

    /// Steps through the rows of the network; stays within them.
    pub(super) fn step_row(&mut self, by: isize) {
        self.choose_row(self.row.saturating_add_signed(by));
    }

    /// Goes to a row of the network, or to the last one; its operation has the focus then.
    pub(super) fn choose_row(&mut self, row: usize) {
        let rows = self.rows();
        self.row = row.min(rows.len().saturating_sub(1));
        self.group = match rows.get(self.row) {
            Some(NetworkRow::Group { group, .. }) => *group,
            Some(NetworkRow::Block(block)) => self.blocks[*block].groups.start,
            None => 0,
        };
    }

    /// Steps through the groups; stays within them.
    pub(super) fn step_group(&mut self, by: isize) {
        self.choose_group(self.group.saturating_add_signed(by));
    }

    /// Gives a group the focus, or the last one; the network goes to its row, or to the head of its block where that is folded.
    pub(super) fn choose_group(&mut self, group: usize) {
        let groups = self.started.as_ref().map_or(0, |started| started.network.groups.len());
        self.group = group.min(groups.saturating_sub(1));
        let shows = |row: &NetworkRow| match row {
            NetworkRow::Group { group, .. } => *group == self.group,
            NetworkRow::Block(block) => self.blocks[*block].folded && self.blocks[*block].groups.contains(&self.group),
        };
        self.row = self.rows().iter().position(shows).unwrap_or(0);
    }

    /// The group in focus.
    #[must_use]
    pub fn group(&self) -> usize {
        self.group
    }

    /// p of a group after each epoch, as (epoch, p), from the initial one on.
    #[must_use]
    pub fn history(&self, group: usize) -> Vec<(f64, f64)> {
        let initial = self.started.as_ref().map(|started| (0.0, started.initial_drop));
        let later = self.epochs.iter().filter_map(|epoch| Some((f64::from(epoch.epoch), f64::from(*epoch.drop_probabilities.get(group)?))));
        initial.into_iter().chain(later).collect()
    }

    /// The blocks of the network.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The rows of the network that show.
    #[must_use]
    pub fn rows(&self) -> Vec<NetworkRow> {
        self.started.as_ref().map_or_else(Vec::new, |started| network::rows(&started.network, &self.blocks))
    }

    /// The chosen row of the network.
    #[must_use]
    pub fn row(&self) -> usize {
        self.row
    }

    /// Folds or unfolds the block of the chosen row, and moves to its head.
    pub(super) fn fold(&mut self) {
        let Some(number) = self.rows().get(self.row).map(|row| row.block()) else { return };
        self.blocks[number].folded = !self.blocks[number].folded;
        self.row = self.rows().iter().position(|row| *row == NetworkRow::Block(number)).unwrap_or(0);
    }

    /// Folds all blocks, or unfolds them where all are folded.
    pub(super) fn fold_all(&mut self) {
        let number = self.rows().get(self.row).map_or(0, |row| row.block());
        let folded = !self.blocks.iter().all(|block| block.folded);
        self.blocks.iter_mut().for_each(|block| block.folded = folded);
        self.row = self.rows().iter().position(|row| *row == NetworkRow::Block(number)).unwrap_or(0);
    }

    /// Whether every edge takes one operation, so that the probabilities of an edge sum to 1.
    #[must_use]
    pub fn is_categorical(&self) -> bool {
        self.started.as_ref().is_some_and(|started| started.posterior == PosteriorKind::Categorical)
    }

    /// The epochs of warm-up while it lasts: single paths are trained, and p stands still.
    #[must_use]
    pub fn warms_up(&self) -> Option<u32> {
        let warm_up = self.started.as_ref()?.warm_up;
        let trains = matches!(self.phase(), Phase::Preparing | Phase::Training);
        (trains && (self.epochs.len() as u32) < warm_up).then_some(warm_up)
    }

    /// The drop probability of a group now; `None` for a group that the log does not know.
    #[must_use]
    pub fn drop_probability(&self, group: usize) -> Option<f64> {
        let started = self.started.as_ref()?;
        let at = |values: &[f32]| (values.len() == started.network.groups.len()).then(|| values.get(group).copied()).flatten();
        let snapshot = self.live_snapshot().and_then(|snapshot| at(&snapshot.drop_probabilities));
        let logged = || self.epochs.last().and_then(|epoch| at(&epoch.drop_probabilities));
        let initial = || started.network.groups.get(group).map(|_| started.initial_drop);
        snapshot.or_else(logged).map(f64::from).or_else(initial)
    }

    /// How a group went over the last epoch; `None` before one has ended.
    #[must_use]
    pub fn trend(&self, group: usize) -> Option<Trend> {
        let at = |epoch: &EpochMetrics| epoch.drop_probabilities.get(group).copied().map(f64::from);
        let before = match self.epochs.as_slice() {
            [] => return None,
            [_] => self.started.as_ref()?.initial_drop,
            [.., before, _] => at(before)?,
        };
        Some(Trend::between(before, at(self.epochs.last()?)?))
    }

    /// The posterior in a few numbers, as new as they are known.
    #[must_use]
    pub fn health(&self) -> Option<PosteriorHealth> {
        let snapshot = self.live_snapshot().filter(|snapshot| !snapshot.drop_probabilities.is_empty());
        snapshot.map(|snapshot| snapshot.health).or_else(|| self.epochs.last().map(|epoch| epoch.health))
    }
}
