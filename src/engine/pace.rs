//! How fast a search goes and how long it will take.

use crate::preset::Preset;
use crate::run::{Phase, Snapshot};
use std::time::{Duration, Instant};

/// A forward pass costs about a third of a training step of the same images.
const FORWARD_SHARE: f64 = 1.0 / 3.0;

/// Weight of the newest step in the moving average of a step's time.
const NEWEST: f64 = 0.05;

/// Less time of training than this says nothing about how long it waits for its images.
const TELLING: Duration = Duration::from_secs(5);

/// Keeps time over the phases of a search. Pauses count for nothing.
#[derive(Debug)]
pub(super) struct Pace {
    epochs: u32,
    epochs_done: u32,
    steps: u64,
    steps_done: u64,
    batch: f64,
    /// Images that one candidate looks at.
    images_per_candidate: f64,
    candidates: usize,
    candidates_done: usize,
    /// Candidates ranked in all, those that somebody asked for in between among them.
    candidates_timed: usize,
    seconds_per_step: Option<f64>,
    waiting_share: Option<f64>,
    training: Duration,
    ranking: Duration,
    /// For batches that were not ready.
    waiting: Duration,
    /// Waiting and steps since [`Self::take_waiting_share`] had enough of them to tell.
    lately: [Duration; 2],
    paused: Option<Instant>,
}

impl Pace {
    pub(super) fn new(preset: &Preset, steps_per_epoch: u64, select: usize) -> Self {
        Self {
            epochs: preset.train.epochs as u32,
            epochs_done: 0,
            steps: preset.train.epochs as u64 * steps_per_epoch,
            steps_done: 0,
            batch: preset.train.batch as f64,
            images_per_candidate: (preset.rank.recalibration_images + 2 * select) as f64,
            candidates: preset.rank.candidates(),
            candidates_done: 0,
            candidates_timed: 0,
            seconds_per_step: None,
            waiting_share: None,
            training: Duration::ZERO,
            ranking: Duration::ZERO,
            waiting: Duration::ZERO,
            lately: [Duration::ZERO; 2],
            paused: None,
        }
    }

    /// Plans for so many epochs from here on.
    pub(super) fn plan(&mut self, epochs: u32, steps_per_epoch: u64) {
        (self.epochs, self.steps) = (epochs, u64::from(epochs) * steps_per_epoch);
    }

    /// A step waited so long for its images, and then took so long.
    pub(super) fn waited(&mut self, wait: Duration, step: Duration) {
        self.waiting += wait;
        self.lately = [self.lately[0] + wait, self.lately[1] + step];
        let share = wait.as_secs_f64() / (wait + step).as_secs_f64().max(1e-9);
        self.waiting_share = Some(self.waiting_share.map_or(share, |mean| mean + NEWEST * (share - mean)));
    }

    /// Share of the time since it was last told in which training waited for images; `None` while that time is too short to tell.
    pub(super) fn take_waiting_share(&mut self) -> Option<f64> {
        let [wait, step] = self.lately;
        let all = wait + step;
        (all >= TELLING).then(|| {
            self.lately = [Duration::ZERO; 2];
            wait.as_secs_f64() / all.as_secs_f64()
        })
    }

    pub(super) fn trained(&mut self, step: Duration) {
        self.steps_done += 1;
        self.training += step;
        let seconds = step.as_secs_f64();
        self.seconds_per_step = Some(self.seconds_per_step.map_or(seconds, |mean| mean + NEWEST * (seconds - mean)));
    }

    pub(super) fn waiting_seconds(&self) -> f64 {
        self.waiting.as_secs_f64()
    }

    /// Goes on where an interrupted search was: after so many steps, epochs and candidates, in so many seconds of training and ranking.
    pub(super) fn go_on(&mut self, (steps, epochs): (u64, u32), candidates: usize, (training, ranking): (f64, f64)) {
        let time = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        (self.steps_done, self.epochs_done, self.candidates_done, self.candidates_timed) = (steps, epochs, candidates, candidates);
        (self.training, self.ranking) = (time(training), time(ranking));
        self.seconds_per_step = (steps > 0).then(|| training / steps as f64);
    }

    pub(super) fn epoch_done(&mut self) {
        self.epochs_done += 1;
    }

    /// Candidates were ranked; `queued` of them belong to those that the search ranks at its end.
    pub(super) fn ranked(&mut self, candidates: usize, queued: usize, time: Duration) {
        self.candidates_timed += candidates;
        self.candidates_done += queued;
        self.ranking += time;
    }

    pub(super) fn pause(&mut self) {
        self.paused.get_or_insert_with(Instant::now);
    }

    pub(super) fn resume(&mut self) {
        self.paused = None;
    }

    pub(super) fn training_seconds(&self) -> f64 {
        self.training.as_secs_f64()
    }

    pub(super) fn ranking_seconds(&self) -> f64 {
        self.ranking.as_secs_f64()
    }

    /// The parts of a snapshot that are about time.
    pub(super) fn snapshot(&self, phase: Phase) -> Snapshot {
        let share = |done: f64, all: f64| if all > 0.0 { (done / all).min(1.0) } else { 1.0 };
        let training_left = self.seconds_per_step.map(|step| step * (self.steps.saturating_sub(self.steps_done)) as f64);
        let per_candidate = if self.candidates_timed > 0 {
            Some(self.ranking.as_secs_f64() / self.candidates_timed as f64)
        } else {
            self.seconds_per_step.map(|step| step / self.batch * FORWARD_SHARE * self.images_per_candidate)
        };
        let ranking_left = per_candidate.map(|seconds| seconds * self.candidates.saturating_sub(self.candidates_done) as f64);
        let left = match phase {
            Phase::Ranking => ranking_left,
            Phase::Testing | Phase::Ended => Some(0.0),
            Phase::Preparing | Phase::Training => training_left.zip(ranking_left).map(|(training, ranking)| training + ranking),
        };
        let done = (self.training + self.ranking).as_secs_f64();
        let speed = match phase {
            Phase::Training => self.seconds_per_step.filter(|&step| step > 0.0).map(|step| self.batch / step),
            Phase::Ranking if self.candidates_timed > 0 => per_candidate.map(|seconds| self.images_per_candidate / seconds),
            _ => None,
        };
        Snapshot {
            phase,
            epoch: self.epochs_done,
            epochs: self.epochs,
            phase_progress: match phase {
                Phase::Preparing | Phase::Testing => 0.0,
                Phase::Training => share(self.steps_done as f64, self.steps as f64),
                Phase::Ranking => share(self.candidates_done as f64, self.candidates as f64),
                Phase::Ended => 1.0,
            },
            progress: left.map(|left| share(done, done + left)),
            seconds_left: left.filter(|_| self.paused.is_none()),
            images_per_second: speed.filter(|_| self.paused.is_none()),
            waiting_share: self.waiting_share.filter(|_| phase == Phase::Training),
            ..Snapshot::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_told_once_enough_time_has_passed_and_from_then_on_anew() {
        let preset = Preset::load("digits", None, &[]).unwrap().preset;
        let mut pace = Pace::new(&preset, 10, 100);
        let seconds = Duration::from_secs;
        pace.waited(seconds(1), seconds(3));
        assert_eq!(pace.take_waiting_share(), None);
        pace.waited(seconds(3), seconds(1));
        assert_eq!(pace.take_waiting_share(), Some(0.5), "of all eight seconds");
        assert_eq!(pace.take_waiting_share(), None);
        pace.waited(seconds(0), seconds(6));
        assert_eq!(pace.take_waiting_share(), Some(0.0));
    }
}
