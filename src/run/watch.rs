//! What goes wrong in a search, with what to do about it: in its posterior, by the numbers of the log, and on its machine. None of it ends a
//! search. The engine raises an alert for each when it begins; the screen asks the same judgement for what lasts.

use super::{Alert, AlertKind, EpochMetrics, Event, GroupSummary, Started};
use crate::preset::PosteriorKind;

/// Share of dropped channels from which nearly everything drops.
const COLLAPSED: f64 = 0.97;
/// Keep share of a block's weighted channels below which they do not count any more.
const GONE: f64 = 0.05;
/// Keep share of a block's weight-free channels above which they carry the block alone.
const CARRIES: f64 = 0.5;
/// How little p may move before it is stuck.
const STUCK: f64 = 0.005;
/// Share of the training time in which it may wait for images, and below which it must fall for that to be over: a share that wavers
/// around one bound would begin again and again.
const STARVED: [f64; 2] = [0.3, 0.2];
/// Bytes that a disk should have left, and above which that is over.
const LITTLE: [u64; 2] = [500 << 20, 600 << 20];
/// Share of the epochs after which p should have moved.
const TIME_TO_MOVE: f64 = 0.25;

/// What goes wrong in the posterior as the newest of these epochs left it, the worst first; nothing before the first one has ended.
#[must_use]
pub fn posterior_alerts(started: &Started, epochs: &[EpochMetrics]) -> Vec<Alert> {
    let Some(last) = epochs.last() else { return Vec::new() };
    judged(started, last, epochs.iter().any(|epoch| has_moved(started, epoch)))
}

/// The judgement on one epoch; `moved`: whether any p has moved, in it or before.
fn judged(started: &Started, last: &EpochMetrics, moved: bool) -> Vec<Alert> {
    let weight_free = if started.posterior == PosteriorKind::Categorical { only_weight_free } else { weight_free };
    let found = [collapse(last), weight_free(&started.network.groups, &last.drop_probabilities), stuck(started, last, moved)];
    found.into_iter().flatten().collect()
}

/// Listens to a log and says which alerts begin with an event. As it follows from the log alone, a run that is resumed goes on with it.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    started: Option<Box<Started>>,
    moved: bool,
    /// Of the posterior, and not over since.
    raised: Vec<AlertKind>,
}

impl Watch {
    /// The watch as a log leaves it.
    #[must_use]
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut watch = Self::default();
        for event in events {
            // These were raised then, or by nobody: by a program of before there were any.
            let _ = watch.take(event);
        }
        watch
    }

    /// Takes an event in; what begins with it counts as raised once its alert has been taken in, too.
    #[must_use]
    pub fn take(&mut self, event: &Event) -> Vec<Alert> {
        match event {
            Event::Started(started) => self.started = Some(started.clone()),
            Event::Alert(alert) if alert.kind.is_of_posterior() && !self.raised.contains(&alert.kind) => self.raised.push(alert.kind),
            Event::Epoch(metrics) => {
                let Some(started) = &self.started else { return Vec::new() };
                self.moved |= has_moved(started, metrics);
                let found = judged(started, metrics, self.moved);
                self.raised.retain(|kind| found.iter().any(|alert| alert.kind == *kind));
                return found.into_iter().filter(|alert| !self.raised.contains(&alert.kind)).collect();
            }
            _ => {}
        }
        Vec::new()
    }
}

/// What a search knows of its machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine<'a> {
    /// Whether it computes on a GPU.
    pub on_gpu: bool,
    /// Share of the training time in which it waited for images, lately; `None` where too little time has passed to tell.
    pub waiting_share: Option<f64>,
    /// Whether images are decoded anew in every epoch.
    pub decodes: bool,
    /// The keys of the preset that have something done to each training image.
    pub augmentations: &'a [&'static str],
    /// Bytes that the disk of the run has left; `None` where the system does not tell.
    pub disk_free: Option<u64>,
}

/// What goes wrong with the machine, the worst first; `before` is what did the last time.
#[must_use]
pub fn machine_alerts(machine: &Machine<'_>, before: &[Alert]) -> Vec<Alert> {
    let kind = if machine.on_gpu { AlertKind::GpuIdle } else { AlertKind::Starved };
    let known = |kind| before.iter().find(|alert| alert.kind == kind);
    let waiting = match machine.waiting_share {
        None => known(kind).cloned(),
        Some(share) => {
            (share > STARVED[usize::from(known(kind).is_some())]).then(|| Alert { kind, message: starved_words(machine, share) })
        }
    };
    let bound = LITTLE[usize::from(known(AlertKind::Disk).is_some())];
    let disk = machine.disk_free.filter(|&free| free < bound).map(|free| {
        let message = format!("the disk of the run has {} MB left: delete runs or exports, or the next checkpoint may fail", free >> 20);
        Alert { kind: AlertKind::Disk, message }
    });
    disk.into_iter().chain(waiting).collect()
}

/// That training waits for images, and what makes it wait less, of what this run does.
fn starved_words(machine: &Machine<'_>, share: f64) -> String {
    let percent = 100.0 * share;
    let what = if machine.on_gpu {
        // Nothing measures the GPU: what is known is when the engine had no images to give it.
        format!("the GPU idles {percent:.0} % of the training time, as far as this program can tell: so long it waits for images")
    } else {
        format!("training waits {percent:.0} % of its time for images")
    };
    let decoding = machine.decodes.then(|| "raise data.memory until all images are kept decoded".to_owned());
    let augmenting = match machine.augmentations {
        [] => None,
        [one] => Some(format!("take out {one}")),
        [some @ .., last] => Some(format!("take out some of {} and {last}", some.join(", "))),
    };
    let remedies: Vec<String> = ["give it more cores".to_owned()].into_iter().chain(decoding).chain(augmenting).collect();
    let remedies = match &remedies[..] {
        [some @ .., last] if !some.is_empty() => format!("{}, or {last}", some.join(", ")),
        all => all.concat(),
    };
    format!("{what}: {remedies}")
}

fn collapse(last: &EpochMetrics) -> Option<Alert> {
    let dropped = last.health.expected_drop_share;
    let message = format!(
        "nearly everything drops ({:.0} % of the channels): raise posterior.n_effective or lower posterior.prior_drop and start anew",
        100.0 * dropped
    );
    (dropped > COLLAPSED).then_some(Alert { kind: AlertKind::Collapse, message })
}

fn weight_free(groups: &[GroupSummary], drops: &[f32]) -> Option<Alert> {
    let pairs: Vec<(&GroupSummary, f64)> = groups.iter().zip(drops.iter().map(|&p| f64::from(p))).collect();
    let taken_over = pairs.chunk_by(|(a, _), (b, _)| a.block == b.block).find(|block| {
        let kept = |has_weights: bool| {
            let side = || block.iter().filter(|(group, _)| group.has_weights == has_weights);
            let channels: usize = side().map(|(group, _)| group.channels).sum();
            (channels > 0).then(|| side().map(|(group, p)| group.channels as f64 * (1.0 - p)).sum::<f64>() / channels as f64)
        };
        matches!((kept(true), kept(false)), (Some(weighted), Some(free)) if weighted < GONE && free > CARRIES)
    })?;
    let message = format!(
        "operations without weights take over in {}: lower posterior.weight_prior, or leave them out of space.operations",
        taken_over[0].0.block
    );
    Some(Alert { kind: AlertKind::WeightFree, message })
}

/// Of a categorical posterior: a block whose every edge will hardly take an operation with weights.
fn only_weight_free(groups: &[GroupSummary], drops: &[f32]) -> Option<Alert> {
    let pairs: Vec<(&GroupSummary, f64)> = groups.iter().zip(drops.iter().map(|&p| 1.0 - f64::from(p))).collect();
    let taken_over = pairs.chunk_by(|(a, _), (b, _)| a.block == b.block).find(|block| {
        let weighted = || block.iter().filter(|(group, _)| group.has_weights);
        weighted().next().is_some()
            && block.iter().any(|(group, _)| !group.has_weights)
            && weighted().all(|(_, probability)| *probability < GONE)
    })?;
    let message = format!(
        "no edge takes an operation with weights any more in {}: lower posterior.weight_prior, or warm up for longer (train.warm_up)",
        taken_over[0].0.block
    );
    Some(Alert { kind: AlertKind::WeightFree, message })
}

fn has_moved(started: &Started, epoch: &EpochMetrics) -> bool {
    epoch.drop_probabilities.iter().any(|&p| (f64::from(p) - started.initial_drop).abs() > STUCK)
}

fn stuck(started: &Started, last: &EpochMetrics, moved: bool) -> Option<Alert> {
    let learned = last.epoch.saturating_sub(started.warm_up);
    let had_time = f64::from(learned) >= (TIME_TO_MOVE * f64::from(started.epochs.saturating_sub(started.warm_up))).max(3.0);
    let message = format!(
        "no drop probability has moved from {} in {} epochs: raise posterior.learning_rate_multiplier",
        started.initial_drop, learned
    );
    (had_time && !moved).then_some(Alert { kind: AlertKind::Stuck, message })
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn started() -> Started {
        Started { epochs: 40, ..fixture::started() }
    }

    /// An epoch of the network of the fixture: p of each of its groups.
    fn with(number: u32, p: impl Fn(&GroupSummary) -> f32) -> EpochMetrics {
        let drop_probabilities = started().network.groups.iter().map(p).collect();
        EpochMetrics { epoch: number, drop_probabilities, ..fixture::epoch(number, 0.5) }
    }

    fn kinds(epochs: &[EpochMetrics]) -> Vec<AlertKind> {
        posterior_alerts(&started(), epochs).into_iter().map(|alert| alert.kind).collect()
    }

    #[test]
    fn a_choice_is_measured_by_its_own_rates() {
        let started = Started { posterior: PosteriorKind::Categorical, warm_up: 10, initial_drop: 0.8, ..started() };
        let kinds = |epochs: &[EpochMetrics]| posterior_alerts(&started, epochs).into_iter().map(|alert| alert.kind).collect::<Vec<_>>();
        let free = |weighted: f32| move |group: &GroupSummary| if group.has_weights { weighted } else { 0.7 };
        assert_eq!(kinds(&[with(30, free(0.99))]), [AlertKind::WeightFree]);
        assert_eq!(kinds(&[with(30, free(0.9))]), []);
        let still = |number| with(number, |_| 0.8);
        assert_eq!(kinds(&[still(10), still(16)]), [], "the warm-up does not count");
        assert_eq!(kinds(&[still(10), still(20)]), [AlertKind::Stuck]);
    }

    #[test]
    fn a_healthy_posterior_is_left_in_peace() {
        assert_eq!(kinds(&[]), []);
        assert_eq!(kinds(&(1..=40).map(|number| fixture::epoch(number, 0.25)).collect::<Vec<_>>()), []);
    }

    #[test]
    fn each_fault_is_found_and_says_what_to_do() {
        let mut collapsed = with(20, |_| 0.5);
        collapsed.health.expected_drop_share = 0.98;
        assert_eq!(kinds(&[collapsed]), [AlertKind::Collapse]);
        let free = |weighted: f32| move |group: &GroupSummary| if group.has_weights { weighted } else { 0.2 };
        assert_eq!(kinds(&[with(20, free(0.99))]), [AlertKind::WeightFree]);
        assert_eq!(kinds(&[with(20, free(0.9))]), []);
        let still = [with(9, |_| 0.1), with(10, |_| 0.102)];
        assert_eq!(kinds(&still[..1]), [], "too early to tell");
        assert_eq!(kinds(&still), [AlertKind::Stuck]);
        assert_eq!(kinds(&[with(5, |_| 0.4), with(10, |_| 0.1)]), [], "it has moved, and back");
        let words = |started: &Started, epochs: &[EpochMetrics]| posterior_alerts(started, epochs).remove(0).message;
        let mut collapsed = with(20, |_| 0.5);
        collapsed.health.expected_drop_share = 0.98;
        assert_eq!(
            words(&started(), &[collapsed]),
            "nearly everything drops (98 % of the channels): raise posterior.n_effective or lower posterior.prior_drop and start anew"
        );
        assert_eq!(
            words(&started(), &still),
            "no drop probability has moved from 0.1 in 10 epochs: raise posterior.learning_rate_multiplier"
        );
        assert_eq!(
            words(&started(), &[with(20, free(0.99))]),
            "operations without weights take over in stage1.block1: lower posterior.weight_prior, or leave them out of space.operations"
        );
        let choice = Started { posterior: PosteriorKind::Categorical, initial_drop: 0.8, ..started() };
        assert_eq!(
            words(&choice, &[with(20, free(0.99))]),
            "no edge takes an operation with weights any more in stage1.block1: lower posterior.weight_prior, or warm up for longer \
             (train.warm_up)"
        );
    }

    #[test]
    fn an_alert_is_raised_when_it_begins_and_once_more_when_it_begins_again() {
        let epoch = |number, dropped| {
            let mut metrics = with(number, |_| 0.5);
            metrics.health.expected_drop_share = dropped;
            Event::Epoch(Box::new(metrics))
        };
        let mut log = vec![Event::Started(Box::new(started()))];
        let mut watch = Watch::of(&log);
        let mut raised = |watch: &mut Watch, event: Event| {
            let alerts = watch.take(&event);
            log.push(event);
            for alert in &alerts {
                let event = Event::Alert(alert.clone());
                assert_eq!(watch.take(&event), []);
                log.push(event);
            }
            // A run that is resumed here goes on as if it had not been interrupted.
            assert_eq!(format!("{:?}", Watch::of(&log)), format!("{watch:?}"));
            alerts.into_iter().map(|alert| alert.kind).collect::<Vec<_>>()
        };
        let told: Vec<Vec<AlertKind>> =
            [0.5, 0.98, 0.99, 0.9, 0.98].iter().zip(1..).map(|(&dropped, number)| raised(&mut watch, epoch(number, dropped))).collect();
        assert_eq!(told, [vec![], vec![AlertKind::Collapse], vec![], vec![], vec![AlertKind::Collapse]]);

        // A log of before there were alerts has told of nothing: whoever goes on with it does.
        let old = [Event::Started(Box::new(started())), epoch(1, 0.98)];
        let mut resumed = Watch::of(&old);
        assert_eq!(resumed.take(&epoch(2, 0.98)).len(), 1);
    }

    #[test]
    fn the_machine_is_watched_with_what_this_run_can_do_about_it() {
        const PLENTY: Option<u64> = Some(1 << 40);
        let machine = Machine { on_gpu: false, waiting_share: Some(0.1), decodes: false, augmentations: &[], disk_free: PLENTY };
        let words = |machine: Machine<'_>, before: &[Alert]| {
            machine_alerts(&machine, before).into_iter().map(|alert| alert.message).collect::<Vec<_>>()
        };
        assert_eq!(words(machine, &[]), [""; 0]);
        let starved = Machine { waiting_share: Some(0.6), ..machine };
        assert_eq!(words(starved, &[]), ["training waits 60 % of its time for images: give it more cores"]);
        let flips = Machine { augmentations: &["data.flip"], ..starved };
        assert_eq!(words(flips, &[]), ["training waits 60 % of its time for images: give it more cores, or take out data.flip"]);
        let all = Machine { on_gpu: true, decodes: true, augmentations: &["data.crop", "data.jitter", "data.flip"], ..starved };
        assert_eq!(
            words(all, &[]),
            ["the GPU idles 60 % of the training time, as far as this program can tell: so long it waits for images: give it more cores, \
              raise data.memory until all images are kept decoded, or take out some of data.crop, data.jitter and data.flip"]
        );
        let full = machine_alerts(&Machine { disk_free: Some(1 << 20), ..all }, &[]);
        assert_eq!(full.iter().map(|alert| alert.kind).collect::<Vec<_>>(), [AlertKind::Disk, AlertKind::GpuIdle]);
        assert!(full[0].message.starts_with("the disk of the run has 1 MB left"));

        // What wavers around a bound goes on, what cannot be told anew stays, and what is over is over.
        let before = machine_alerts(&starved, &[]);
        assert_eq!(words(Machine { waiting_share: Some(0.25), ..machine }, &before).len(), 1);
        assert_eq!(words(Machine { waiting_share: Some(0.25), ..machine }, &[]).len(), 0);
        assert_eq!(machine_alerts(&Machine { waiting_share: None, ..machine }, &before), before);
        assert_eq!(words(machine, &before).len(), 0);
    }
}
