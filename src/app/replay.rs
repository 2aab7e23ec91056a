//! A replay: the log of a run on the ordinary screen, through the reducer of live runs. It says which events it wants and is handed
//! them; going back begins at the nearest of a bounded number of states that it remembers.

use super::action::ActionId as Id;
use super::rewind::Mark;
use super::run::Run;
use super::state::{App, Effect, Notice, Overlay};
use crate::run::{Event, Record};
use std::collections::VecDeque;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// States that are remembered at most.
const MARKS: usize = 512;
/// Events between two of them at first; twice as many whenever there would be too many.
const SPACING: u64 = 64;
/// Seconds that a whole run takes where no speed is asked for.
const MINUTE: f64 = 60.0;
/// Slowest and fastest.
const SPEEDS: (f64, f64) = (1.0 / 64.0, 1_048_576.0);
/// What a hold-up of the screen may be worth at most, such as that of a program that was suspended.
const HOLD_UP: Duration = Duration::from_secs(2);
/// Longest time between two frames while it plays.
const FRAME: f64 = 1.0;

/// Where a replay is to move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Goal {
    /// So many events.
    Events(u64),
    /// The next end of an epoch of this number or a later one.
    Epoch(u32),
    /// This second of the run.
    Second(f64),
    /// The next thing that needs attention.
    Alert,
}

/// The line in which a place is typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlaceLine {
    /// What was typed.
    pub input: String,
    /// What is wrong with it.
    pub fault: Option<String>,
}

/// How far a replay is, and how it moves.
#[derive(Debug, Clone)]
pub struct Replay {
    total: u64,
    seconds: f64,
    at: u64,
    clock: f64,
    speed: f64,
    playing: bool,
    /// When the clock was last moved, while it plays.
    since: Option<Instant>,
    goal: Option<Goal>,
    /// Events after the last one shown that are there already.
    ahead: VecDeque<Record>,
    /// Earlier states with their number of events and their time, in order.
    marks: Vec<(u64, f64, Mark)>,
    spacing: u64,
    /// The epochs seen, each with the number of events up to its end.
    epochs: Vec<(u32, u64)>,
}

impl Replay {
    /// A replay from the beginning of a log of so many events, the last one at so many seconds; `speed`: how many times as fast as the
    /// run went, and as it takes for about a minute where that is left open.
    #[must_use]
    pub fn new(total: u64, seconds: f64, speed: Option<f64>) -> Self {
        let minute = (seconds / MINUTE).log2().round().max(0.0).exp2();
        let speed = speed.unwrap_or(minute).clamp(SPEEDS.0, SPEEDS.1);
        Self {
            total,
            seconds,
            at: 0,
            clock: 0.0,
            speed,
            playing: true,
            since: None,
            goal: Some(Goal::Events(1)),
            ahead: VecDeque::new(),
            marks: Vec::new(),
            spacing: SPACING,
            epochs: Vec::new(),
        }
    }

    /// Events of the log.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Events that show.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Seconds of the run.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// The second of the run that shows.
    #[must_use]
    pub fn clock(&self) -> f64 {
        self.clock
    }

    /// How many times as fast as the run went.
    #[must_use]
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Whether it goes on by itself.
    #[must_use]
    pub fn plays(&self) -> bool {
        self.playing
    }

    /// Whether it is on its way to a place.
    #[must_use]
    pub fn seeks(&self) -> bool {
        self.goal.is_some()
    }

    /// Whether the next event that is there is due.
    fn is_due(&self) -> bool {
        self.ahead.front().is_some_and(|record| match self.goal {
            Some(Goal::Second(second)) => record.seconds <= second,
            Some(_) => true,
            None => self.playing && record.seconds <= self.clock,
        })
    }

    /// Shows what is due.
    fn take(&mut self, run: &mut Run) -> Option<Notice> {
        let mut notice = None;
        while self.is_due() {
            let Some(record) = self.ahead.pop_front() else { break };
            let told = run.apply(&record);
            self.at += 1;
            if self.goal.is_some() {
                self.clock = record.seconds;
            }
            let epoch = if let Event::Epoch(metrics) = &record.event { Some(metrics.epoch) } else { None };
            if let Some(epoch) = epoch.filter(|_| self.epochs.last().is_none_or(|&(_, at)| at < self.at)) {
                self.epochs.push((epoch, self.at));
            }
            self.remember(run, record.seconds);
            let arrived = match self.goal {
                Some(Goal::Events(events)) => self.at >= events,
                Some(Goal::Epoch(number)) => epoch.is_some_and(|epoch| epoch >= number),
                Some(Goal::Alert) => told.is_some(),
                Some(Goal::Second(_)) | None => false,
            };
            if arrived || self.goal.is_none() {
                self.goal = None;
                notice = told.map(|text| Notice { text, is_error: true }).or(notice);
            }
        }
        if let (Some(Goal::Second(second)), Some(_)) = (self.goal, self.ahead.front()) {
            (self.clock, self.goal) = (second, None);
        }
        if self.at >= self.total {
            if self.goal == Some(Goal::Alert) {
                notice = Some(Notice { text: "no further alert".into(), is_error: false });
            }
            (self.goal, self.playing, self.clock) = (None, false, self.seconds);
        }
        notice
    }

    /// Keeps a state to come back to, where one is due.
    fn remember(&mut self, run: &Run, seconds: f64) {
        let is_place = self.at == 1 || self.at.is_multiple_of(self.spacing);
        if !is_place || self.marks.last().is_some_and(|&(at, ..)| at >= self.at) {
            return;
        }
        self.marks.push((self.at, seconds, run.mark_state()));
        if self.marks.len() > MARKS {
            self.spacing *= 2;
            let spacing = self.spacing;
            self.marks.retain(|&(at, ..)| at == 1 || at.is_multiple_of(spacing));
        }
    }

    /// Moves to a place, forwards or back.
    fn seek(&mut self, run: &mut Run, goal: Goal) {
        let goal = match goal {
            Goal::Events(events) => Goal::Events(events.clamp(1, self.total.max(1))),
            Goal::Second(second) => Goal::Second(second.clamp(0.0, self.seconds)),
            goal => goal,
        };
        let past = match goal {
            Goal::Events(events) => events < self.at,
            Goal::Second(second) => second < self.clock,
            Goal::Epoch(_) | Goal::Alert => false,
        };
        if past {
            let before = |&(at, seconds, _): &(u64, f64, Mark)| match goal {
                Goal::Second(second) => seconds <= second,
                Goal::Events(events) => at <= events,
                Goal::Epoch(_) | Goal::Alert => true,
            };
            // The first one is that of the head, without which there is nothing to show.
            let nearest = self.marks.partition_point(before).max(1) - 1;
            if let Some((at, seconds, mark)) = self.marks.get(nearest) {
                run.go_back(mark);
                (self.at, self.clock) = (*at, *seconds);
                self.ahead.clear();
            }
        }
        let is_there = goal == Goal::Events(self.at);
        self.goal = (!is_there && self.at < self.total).then_some(goal);
    }

    /// Where the epoch before this place ended; the beginning, where there is none.
    fn epoch_back(&self) -> Goal {
        let before = self.epochs.partition_point(|&(_, at)| at < self.at);
        Goal::Events(self.epochs[..before].last().map_or(1, |&(_, at)| at))
    }

    /// What somebody typed as a place: an event, a share, an epoch, a time.
    fn place(&self, text: &str) -> Result<Goal, String> {
        let fault = || "give an event (120), a share (50%), an epoch (e12) or a time (90s, 12m, 1.5h)".to_owned();
        let text = text.trim();
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0).ok_or_else(fault);
        if let Some(epoch) = text.strip_prefix("epoch").or_else(|| text.strip_prefix('e')) {
            let epoch: u32 = epoch.trim().parse().map_err(|_| fault())?;
            // One that was seen is found by where it was.
            let seen = self.epochs.iter().find(|(number, _)| *number >= epoch);
            return Ok(seen.map_or(Goal::Epoch(epoch), |&(_, at)| Goal::Events(at)));
        }
        for (unit, seconds) in [('s', 1.0), ('m', 60.0), ('h', 3600.0)] {
            if let Some(time) = text.strip_suffix(unit) {
                return number(time).map(|time| Goal::Second(time * seconds));
            }
        }
        if let Some(share) = text.strip_suffix('%') {
            return number(share).map(|share| Goal::Events((share.min(100.0) / 100.0 * self.total as f64).round() as u64));
        }
        text.parse().map(Goal::Events).map_err(|_| fault())
    }

    /// When something is due by itself; `None`: never.
    fn due(&self) -> Option<Duration> {
        if self.goal.is_some() {
            return Some(Duration::ZERO);
        }
        let wait = |record: &Record| ((record.seconds - self.clock) / self.speed).clamp(0.0, FRAME);
        self.playing.then(|| Duration::from_secs_f64(self.ahead.front().map_or(0.0, wait)))
    }
}

impl App {
    /// Shows the replay of a run; its events follow through [`Self::replayed`].
    pub fn show_replay(&mut self, name: String, path: PathBuf, replay: Replay) {
        self.show_run(name, path, false);
        self.run.iter_mut().for_each(|run| run.replayed = true);
        self.replay = Some(replay);
    }

    /// The replay that shows.
    #[must_use]
    pub fn replay(&self) -> Option<&Replay> {
        self.replay.as_ref()
    }

    /// The events of the log, by their position, that the replay waits for.
    #[must_use]
    pub fn wanted(&self) -> Option<Range<u64>> {
        let replay = self.replay.as_ref()?;
        let moves = replay.goal.is_some() || replay.playing;
        (moves && replay.ahead.is_empty() && replay.at < replay.total).then_some(replay.at..replay.total)
    }

    /// Takes events in that were [wanted](Self::wanted): the first of them, or all.
    pub fn replayed(&mut self, records: Vec<Record>) {
        if let Some(replay) = &mut self.replay {
            replay.ahead.extend(records);
            self.take_due();
        }
    }

    /// The log cannot be read any further, for this reason.
    pub fn replay_failed(&mut self, reason: String) {
        if let Some(replay) = &mut self.replay {
            (replay.playing, replay.goal) = (false, None);
            self.notice(reason, true);
        }
    }

    /// The time goes on.
    pub fn elapse(&mut self, now: Instant) {
        let Some(replay) = &mut self.replay else { return };
        if !replay.playing || replay.goal.is_some() {
            replay.since = None;
            return;
        }
        let passed = replay.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since).min(HOLD_UP));
        replay.since = Some(now);
        replay.clock = (replay.clock + passed.as_secs_f64() * replay.speed).min(replay.seconds);
        self.take_due();
    }

    fn take_due(&mut self) {
        if let (Some(replay), Some(run)) = (&mut self.replay, &mut self.run)
            && let Some(notice) = replay.take(run)
        {
            self.notice = Some(notice);
        }
    }

    /// When the replay moves by itself.
    pub(super) fn replay_due(&self) -> Option<Duration> {
        self.replay.as_ref().and_then(Replay::due)
    }

    /// Does what a key of a replay says.
    pub(super) fn move_replay(&mut self, id: Id) {
        match id {
            Id::EventOn => self.step_event(true),
            Id::EventBack => self.step_event(false),
            Id::EpochOn => self.step_epoch(true),
            Id::EpochBack => self.step_epoch(false),
            Id::NextAlert => self.next_alert(),
            Id::SkipOn => self.skip(true),
            Id::SkipBack => self.skip(false),
            Id::GoTo => self.overlay = Overlay::Place(PlaceLine::default()),
            Id::Faster => self.change_speed(2.0),
            Id::Slower => self.change_speed(0.5),
            _ => self.play(),
        }
    }

    /// Plays, or stands still; from the end it plays from the beginning.
    pub(super) fn play(&mut self) {
        let (Some(replay), Some(run)) = (&mut self.replay, &mut self.run) else { return };
        replay.playing = !replay.playing;
        replay.since = None;
        if replay.playing && replay.at >= replay.total {
            replay.seek(run, Goal::Events(1));
        }
    }

    /// Plays twice as fast, or half as fast.
    pub(super) fn change_speed(&mut self, factor: f64) {
        if let Some(replay) = &mut self.replay {
            replay.speed = (replay.speed * factor).clamp(SPEEDS.0, SPEEDS.1);
        }
    }

    /// Moves to a place and stands still there.
    pub(super) fn step_replay(&mut self, goal: impl FnOnce(&Replay) -> Goal) {
        if let Some(replay) = &mut self.replay {
            replay.playing = false;
        }
        self.seek(goal);
    }

    /// Moves to a place, and plays on where it played.
    pub(super) fn seek(&mut self, goal: impl FnOnce(&Replay) -> Goal) {
        if let (Some(replay), Some(run)) = (&mut self.replay, &mut self.run) {
            let goal = goal(replay);
            replay.seek(run, goal);
            self.take_due();
        }
    }

    /// A twentieth of the log further on, or back.
    pub(super) fn skip(&mut self, on: bool) {
        self.seek(|replay| {
            let part = (replay.total / 20).max(1);
            Goal::Events(if on { replay.at.saturating_add(part) } else { replay.at.saturating_sub(part) })
        });
    }

    /// An event further on, or back.
    pub(super) fn step_event(&mut self, on: bool) {
        self.step_replay(|replay| Goal::Events(if on { replay.at + 1 } else { replay.at.saturating_sub(1) }));
    }

    /// To the next end of an epoch, or to the one before.
    pub(super) fn step_epoch(&mut self, on: bool) {
        self.step_replay(|replay| if on { Goal::Epoch(0) } else { replay.epoch_back() });
    }

    /// To the next thing that needs attention.
    pub(super) fn next_alert(&mut self) {
        self.step_replay(|_| Goal::Alert);
    }

    pub(super) fn take_place(&mut self, mut line: PlaceLine) -> Vec<Effect> {
        match self.replay.as_ref().map(|replay| replay.place(&line.input)) {
            Some(Ok(goal)) => {
                self.overlay = Overlay::None;
                self.seek(|_| goal);
                return Vec::new();
            }
            Some(Err(fault)) => line.fault = Some(fault),
            None => return self.close(),
        }
        self.overlay = Overlay::Place(line);
        Vec::new()
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
