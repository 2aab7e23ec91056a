//! The operations of a run on the screen: rows and folds, the one in focus, how their drop probabilities stand and go.

use super::network::{self, Block, NetworkRow, Trend};
use super::run::Run;
use crate::preset::PosteriorKind;
use crate::run::{EpochMetrics, Phase, PosteriorHealth};

/// Epochs that the curves show at least.
const SHORTEST: f64 = 4.0;

impl Run {
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

    /// Sets the crosshair of the curves to the newest epoch, or takes it away.
    pub(super) fn crosshair(&mut self) {
        let newest = self.epochs.last().map(|epoch| epoch.epoch);
        self.cross = if self.cross.is_some() { None } else { newest };
    }

    /// Moves the crosshair over the epochs that there are.
    pub(super) fn move_crosshair(&mut self, by: i32) {
        let Some(newest) = self.epochs.last().map(|epoch| epoch.epoch) else { return };
        let from = self.cross.unwrap_or(newest);
        self.cross = Some(from.saturating_add_signed(by).clamp(1, newest));
    }

    /// Halves the span of the curves, or doubles it; it has a few epochs at least.
    pub(super) fn zoom(&mut self, by: i32) {
        let (begin, end) = self.span();
        if by < 0 || end - begin > SHORTEST {
            self.zoom = self.zoom.saturating_add_signed(by);
        }
    }

    /// The epoch that the crosshair of all curves stands at.
    #[must_use]
    pub fn cross(&self) -> Option<u32> {
        self.cross
    }

    /// The first and the last epoch that the curves show.
    #[must_use]
    pub fn span(&self) -> (f64, f64) {
        let all = f64::from(self.planned_epochs().unwrap_or(1).max(1));
        let wide = (all / f64::from(self.zoom).exp2()).max(SHORTEST).min(all);
        let newest = self.epochs.last().map_or(0.0, |epoch| f64::from(epoch.epoch));
        // Around the crosshair; without one, up to the newest.
        let end = self.cross.map_or(newest, |cross| f64::from(cross) + wide / 2.0).clamp(wide, all);
        if self.zoom == 0 { (0.0, all) } else { (end - wide, end) }
    }

    /// The metrics of the crosshair's epoch, or the newest ones.
    #[must_use]
    pub fn at_cross(&self) -> Option<&EpochMetrics> {
        let wanted = self.cross.and_then(|cross| self.epochs.iter().find(|epoch| epoch.epoch == cross));
        wanted.or(self.epochs.last())
    }

    /// Folds or unfolds the block of the chosen row, and moves to its head.
    pub(super) fn fold(&mut self) {
        let Some(number) = self.rows().get(self.row).map(|row| row.block()) else { return };
        self.blocks[number].folded = !self.blocks[number].folded;
        self.row = self.rows().iter().position(|row| *row == NetworkRow::Block(number)).unwrap_or(0);
    }

    /// Folds the block of the chosen row, or unfolds it; one that is so already stays.
    pub(super) fn set_fold(&mut self, folded: bool) {
        let block = self.rows().get(self.row).map(|row| row.block());
        if block.is_some_and(|block| self.blocks[block].folded != folded) {
            self.fold();
        }
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
        if let Some(fate) = self.held(group).filter(|_| group < started.network.groups.len()) {
            return Some(fate.drop_probability());
        }
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

    /// Norm of the weights under a group after the last epoch; `None` before one has ended, and in older logs.
    #[must_use]
    pub fn weight_norm(&self, group: usize) -> Option<f64> {
        self.epochs.last()?.weight_norms.get(group).copied().map(f64::from)
    }

    /// Norm of the weights under a group after each epoch whose log tells it, as (epoch, norm).
    #[must_use]
    pub fn norms(&self, group: usize) -> Vec<(f64, f64)> {
        self.epochs.iter().filter_map(|epoch| Some((f64::from(epoch.epoch), f64::from(*epoch.weight_norms.get(group)?)))).collect()
    }

    /// The posterior in a few numbers, as new as they are known.
    #[must_use]
    pub fn health(&self) -> Option<PosteriorHealth> {
        let snapshot = self.live_snapshot().filter(|snapshot| !snapshot.drop_probabilities.is_empty());
        snapshot.map(|snapshot| snapshot.health).or_else(|| self.epochs.last().map(|epoch| epoch.health))
    }
}
