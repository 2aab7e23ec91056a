//! What goes wrong in a posterior, from the numbers of the log, with what to do about it.

use crate::preset::PosteriorKind;
use crate::run::{EpochMetrics, GroupSummary, Snapshot, Started};

/// Share of dropped channels from which nearly everything drops.
const COLLAPSED: f64 = 0.97;
/// Keep share of a block's weighted channels below which they do not count any more.
const GONE: f64 = 0.05;
/// Keep share of a block's weight-free channels above which they carry the block alone.
const CARRIES: f64 = 0.5;
/// How little p may move before it is stuck.
const STUCK: f64 = 0.005;
/// Share of the training time in which it may wait for images.
const STARVED: f64 = 0.3;
/// Bytes that a disk should have left.
const LITTLE: u64 = 500 << 20;
/// Share of the epochs after which p should have moved.
const TIME_TO_MOVE: f64 = 0.25;

/// Kinds of warnings; each is told once while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarningKind {
    /// Nearly everything drops.
    Collapse,
    /// Operations without weights carry a block alone.
    WeightFree,
    /// No drop probability moves.
    Stuck,
    /// Training waits for images.
    Starved,
    /// The disk of the run is filling.
    Disk,
}

impl WarningKind {
    /// Whether it is about the machine, not about the posterior.
    #[must_use]
    pub fn is_of_machine(self) -> bool {
        matches!(self, Self::Starved | Self::Disk)
    }
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What kind.
    pub kind: WarningKind,
    /// What happens and what to do, in a sentence or two.
    pub text: String,
}

/// What goes wrong as the newest epoch left it; nothing before the first epoch has ended.
#[must_use]
pub fn warnings(started: &Started, epochs: &[EpochMetrics]) -> Vec<Warning> {
    let Some(last) = epochs.last() else { return Vec::new() };
    let weight_free = if started.posterior == PosteriorKind::Categorical { only_weight_free } else { weight_free };
    [collapse(last), weight_free(&started.network.groups, &last.drop_probabilities), stuck(started, epochs)].into_iter().flatten().collect()
}

/// What goes wrong with the machine.
#[must_use]
pub fn of_machine(snapshot: &Snapshot) -> Vec<Warning> {
    let waiting = snapshot.waiting_share.filter(|&share| share > STARVED).map(|share| {
        let idle = if snapshot.device.starts_with("cpu") { "" } else { ", and the GPU idles" };
        let text = format!(
            "training waits {:.0} % of its time for images{idle}: give it more cores, or take out data.shift, data.flip and data.cutout",
            100.0 * share
        );
        Warning { kind: WarningKind::Starved, text }
    });
    let disk = snapshot.disk_free.filter(|&free| free < LITTLE).map(|free| {
        let text = format!("the disk of the run has {} MB left: delete runs or exports, or the next checkpoint may fail", free >> 20);
        Warning { kind: WarningKind::Disk, text }
    });
    waiting.into_iter().chain(disk).collect()
}

fn collapse(last: &EpochMetrics) -> Option<Warning> {
    let dropped = last.health.expected_drop_share;
    let text = format!(
        "nearly everything drops ({:.0} % of the channels): raise posterior.n_effective or lower posterior.prior_drop and start anew",
        100.0 * dropped
    );
    (dropped > COLLAPSED).then_some(Warning { kind: WarningKind::Collapse, text })
}

fn weight_free(groups: &[GroupSummary], drops: &[f32]) -> Option<Warning> {
    let pairs: Vec<(&GroupSummary, f64)> = groups.iter().zip(drops.iter().map(|&p| f64::from(p))).collect();
    let taken_over = pairs.chunk_by(|(a, _), (b, _)| a.block == b.block).find(|block| {
        let kept = |has_weights: bool| {
            let side = || block.iter().filter(|(group, _)| group.has_weights == has_weights);
            let channels: usize = side().map(|(group, _)| group.channels).sum();
            (channels > 0).then(|| side().map(|(group, p)| group.channels as f64 * (1.0 - p)).sum::<f64>() / channels as f64)
        };
        matches!((kept(true), kept(false)), (Some(weighted), Some(free)) if weighted < GONE && free > CARRIES)
    })?;
    let text = format!(
        "operations without weights take over in {}: lower posterior.weight_prior, or leave them out of space.operations",
        taken_over[0].0.block
    );
    Some(Warning { kind: WarningKind::WeightFree, text })
}

/// Of a categorical posterior: a block whose every edge will hardly take an operation with weights.
fn only_weight_free(groups: &[GroupSummary], drops: &[f32]) -> Option<Warning> {
    let pairs: Vec<(&GroupSummary, f64)> = groups.iter().zip(drops.iter().map(|&p| 1.0 - f64::from(p))).collect();
    let taken_over = pairs.chunk_by(|(a, _), (b, _)| a.block == b.block).find(|block| {
        let weighted = || block.iter().filter(|(group, _)| group.has_weights);
        weighted().next().is_some()
            && block.iter().any(|(group, _)| !group.has_weights)
            && weighted().all(|(_, probability)| *probability < GONE)
    })?;
    let text = format!(
        "no edge takes an operation with weights any more in {}: lower posterior.weight_prior, or warm up for longer (train.warm_up)",
        taken_over[0].0.block
    );
    Some(Warning { kind: WarningKind::WeightFree, text })
}

fn stuck(started: &Started, epochs: &[EpochMetrics]) -> Option<Warning> {
    let last = epochs.last()?;
    let learned = last.epoch.saturating_sub(started.warm_up);
    let had_time = f64::from(learned) >= (TIME_TO_MOVE * f64::from(started.epochs.saturating_sub(started.warm_up))).max(3.0);
    let moved = |epoch: &EpochMetrics| epoch.drop_probabilities.iter().any(|&p| (f64::from(p) - started.initial_drop).abs() > STUCK);
    let text = format!(
        "no drop probability has moved from {} in {} epochs: raise posterior.learning_rate_multiplier",
        started.initial_drop, learned
    );
    (had_time && !epochs.iter().any(moved)).then_some(Warning { kind: WarningKind::Stuck, text })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, epoch};
    use super::*;

    fn kinds(epochs: &[EpochMetrics]) -> Vec<WarningKind> {
        warnings(&testing::started(), epochs).into_iter().map(|warning| warning.kind).collect()
    }

    fn with(number: u32, p: impl Fn(&GroupSummary) -> f32) -> EpochMetrics {
        let drop_probabilities = testing::network().groups.iter().map(p).collect();
        EpochMetrics { drop_probabilities, ..epoch(number) }
    }

    #[test]
    fn a_choice_is_measured_by_its_own_rates() {
        let started = Started { posterior: PosteriorKind::Categorical, warm_up: 10, initial_drop: 0.8, ..testing::started() };
        let kinds = |epochs: &[EpochMetrics]| warnings(&started, epochs).into_iter().map(|warning| warning.kind).collect::<Vec<_>>();
        let free = |weighted: f32| move |group: &GroupSummary| if group.has_weights { weighted } else { 0.7 };
        assert_eq!(kinds(&[with(30, free(0.99))]), [WarningKind::WeightFree]);
        assert_eq!(kinds(&[with(30, free(0.9))]), []);
        let still = |number| with(number, |_| 0.8);
        assert_eq!(kinds(&[still(10), still(16)]), [], "the warm-up does not count");
        assert_eq!(kinds(&[still(10), still(20)]), [WarningKind::Stuck]);
    }

    #[test]
    fn a_healthy_posterior_is_left_in_peace() {
        assert_eq!(kinds(&[]), []);
        assert_eq!(kinds(&(1..=40).map(epoch).collect::<Vec<_>>()), []);
    }

    #[test]
    fn the_machine_is_watched_too() {
        let kinds = |waiting, free| {
            let snapshot = Snapshot { waiting_share: waiting, disk_free: free, device: "cuda:0".into(), ..Snapshot::default() };
            of_machine(&snapshot).into_iter().map(|warning| warning.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(Some(0.1), Some(1 << 40)), []);
        assert_eq!(kinds(Some(0.6), Some(1 << 20)), [WarningKind::Starved, WarningKind::Disk]);
        let mut app = testing::app_at(3);
        let starved = || std::sync::Arc::new(Snapshot { waiting_share: Some(0.6), ..testing::snapshot_at(3) });
        app.snapshot(starved());
        assert!(app.notice_line().unwrap().text.starts_with("training waits 60 % of its time for images"));
        testing::press(&mut app, "L");
        app.snapshot(starved());
        assert_eq!((app.notice_line(), app.run().unwrap().warnings().len()), (None, 1), "told once");
        app.snapshot(std::sync::Arc::new(testing::snapshot_at(3)));
        assert_eq!(app.run().unwrap().warnings(), []);
    }

    #[test]
    fn each_fault_is_found_and_says_what_to_do() {
        let mut collapsed = epoch(20);
        collapsed.health.expected_drop_share = 0.98;
        assert_eq!(kinds(&[collapsed]), [WarningKind::Collapse]);
        let free = |weighted: f32| move |group: &GroupSummary| if group.has_weights { weighted } else { 0.2 };
        assert_eq!(kinds(&[with(20, free(0.99))]), [WarningKind::WeightFree]);
        assert_eq!(kinds(&[with(20, free(0.9))]), []);
        let still = [with(9, |_| 0.1), with(10, |_| 0.102)];
        assert_eq!(kinds(&still[..1]), [], "too early to tell");
        assert_eq!(kinds(&still), [WarningKind::Stuck]);
        assert_eq!(kinds(&[with(5, |_| 0.4), with(10, |_| 0.1)]), [], "it has moved, and back");
        for warning in warnings(&testing::started(), &[with(20, free(0.99))]) {
            assert!(warning.text.contains("stage1.block1: lower posterior.weight_prior"), "{}", warning.text);
        }
    }
}
