//! What the line to the terminal takes, in frames, bytes and time, and how soon one frame may follow another.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Shortest time from one frame to the next: at most 30 a second.
const SHORTEST: Duration = Duration::from_millis(34);
/// The same on a line that somebody says is slow: 4 a second.
const SLOW: Duration = Duration::from_millis(250);
/// However slow a line seems, a frame a second.
const LONGEST: Duration = Duration::from_secs(1);
/// Writing may take this part of the time: a frame waits so many times as long as writing takes.
const PART: u32 = 4;
/// However late a terminal is, a frame goes to it at last.
const PATIENCE: Duration = Duration::from_secs(2);
/// Frames that are kept, for medians and rates.
const KEPT: usize = 512;
/// Time over which rates are taken.
const WINDOW: Duration = Duration::from_secs(10);

/// How often frames may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkMode {
    /// The fewer, the longer writing one takes, and none before the terminal has shown the one before.
    #[default]
    Auto,
    /// 4 a second.
    Slow,
    /// 30 a second.
    Fast,
}

impl LinkMode {
    /// As the setting writes it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Slow => "slow",
            Self::Fast => "fast",
        }
    }
}

/// A frame that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// When it was out.
    pub at: Instant,
    /// Its bytes, with those that begin and end it.
    pub bytes: usize,
    /// Time to paint it in memory.
    pub painting: Duration,
    /// Time until the system had taken all of it.
    pub writing: Duration,
    /// Whether the terminal was asked behind it to say when it has come so far.
    pub asked: bool,
}

/// What was sent so far.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    pub(super) mode: LinkMode,
    /// Events that shared a frame with an earlier one.
    pub(super) shared: u64,
    /// Events that were lost on the way and read from the log.
    pub(super) missed: u64,
    recent: VecDeque<Frame>,
    sent: u64,
    unchanged: u64,
    bytes: u64,
    backlog: usize,
    /// How long writing takes at present: rises at once, falls bit by bit.
    level: Duration,
    began: Option<Instant>,
    now: Option<Instant>,
    /// Whether the terminal answers what it is asked.
    pub(super) answers: bool,
    /// When it was asked last, where it has not answered yet.
    asked: Option<Instant>,
    /// How long it took to answer the last time.
    round_trip: Option<Duration>,
}

impl Meter {
    pub(super) fn begin(&mut self, at: Instant, backlog: usize) {
        self.began.get_or_insert(at);
        (self.now, self.backlog) = (Some(at), backlog);
    }

    pub(super) fn end(&mut self, frame: Option<Frame>) {
        let Some(frame) = frame else {
            self.unchanged += 1;
            return;
        };
        if frame.asked {
            self.asked = Some(frame.at);
        }
        self.level = frame.writing.max((self.level * 3 + frame.writing) / 4);
        self.sent += 1;
        self.bytes += frame.bytes as u64;
        if self.recent.len() == KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back(frame);
    }

    /// Shortest time from one frame to the next. A key may have one earlier, which the next ones wait for.
    #[must_use]
    pub fn interval(&self) -> Duration {
        match self.mode {
            LinkMode::Fast => SHORTEST,
            LinkMode::Slow => SLOW,
            LinkMode::Auto => (self.level * PART).clamp(SHORTEST, LONGEST),
        }
    }

    /// Whether the terminal should be asked, behind the next frame, to say when it has come so far. What lies between may take megabytes
    /// at once and deliver them a minute later (SSH does), so that the time of writing says nothing of the line.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.mode == LinkMode::Auto && self.answers && self.asked.is_none()
    }

    /// The terminal has come so far.
    pub(super) fn answered(&mut self, at: Instant) {
        if let Some(asked) = self.asked.take() {
            self.round_trip = Some(at.saturating_duration_since(asked));
        }
    }

    /// Until when a frame that no key asks for waits for the terminal to have shown the one before; `None` where it has.
    #[must_use]
    pub fn held(&self) -> Option<Instant> {
        self.asked.map(|at| at + PATIENCE)
    }

    /// How long after a frame the terminal had shown it; `None` where it does not say.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// How often frames may be sent.
    #[must_use]
    pub fn mode(&self) -> LinkMode {
        self.mode
    }

    /// Frames sent; frames that were as the one before, and not sent; events that shared a frame with an earlier one.
    #[must_use]
    pub fn frames(&self) -> (u64, u64, u64) {
        (self.sent, self.unchanged, self.shared)
    }

    /// Bytes sent in all.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Events that waited when the newest frame began; events that were lost on the way and read from the log.
    #[must_use]
    pub fn waiting(&self) -> (usize, u64) {
        (self.backlog, self.missed)
    }

    /// Of a measure of the frames kept: the last, the median, the largest; `None` before the first frame.
    #[must_use]
    pub fn of<T: Ord + Copy>(&self, measure: impl Fn(&Frame) -> T) -> Option<(T, T, T)> {
        let mut values: Vec<T> = self.recent.iter().map(&measure).collect();
        let last = *values.last()?;
        values.sort_unstable();
        Some((last, values[values.len() / 2], *values.last()?))
    }

    /// Bytes and frames a second over the last ten seconds (or since the beginning), and these seconds.
    #[must_use]
    pub fn rates(&self) -> Option<(f64, f64, f64)> {
        let (began, now) = (self.began?, self.now?);
        // Where there were more frames than are kept, those that are.
        let oldest = if self.recent.len() == KEPT { self.recent.front()?.at } else { began };
        let window = now.saturating_duration_since(oldest).min(WINDOW);
        let within = self.recent.iter().filter(|frame| now.saturating_duration_since(frame.at) < window);
        let (bytes, frames) = within.fold((0.0, 0.0), |(bytes, frames), frame| (bytes + frame.bytes as f64, frames + 1.0));
        let seconds = window.as_secs_f64();
        (seconds > 0.0).then(|| (bytes / seconds, frames / seconds, seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(at: Instant, bytes: usize, milliseconds: u64) -> Frame {
        Frame { at, bytes, painting: Duration::from_millis(1), writing: Duration::from_millis(milliseconds), asked: false }
    }

    #[test]
    fn a_slow_line_gets_fewer_frames_by_itself_and_more_again_once_it_is_quick() {
        let (mut meter, at) = (Meter::default(), Instant::now());
        meter.end(Some(frame(at, 100, 1)));
        assert_eq!(meter.interval(), SHORTEST);
        meter.end(Some(frame(at, 100, 120)));
        assert_eq!(meter.interval(), Duration::from_millis(480), "at once");
        meter.end(Some(frame(at, 100, 5000)));
        assert_eq!(meter.interval(), LONGEST);
        meter.end(Some(frame(at, 100, 1)));
        assert!(meter.interval() > SLOW, "not at once");
        (0..40).for_each(|_| meter.end(Some(frame(at, 100, 1))));
        assert_eq!(meter.interval(), SHORTEST);
        meter.mode = LinkMode::Slow;
        assert_eq!(meter.interval(), SLOW);
        (meter.mode, meter.level) = (LinkMode::Fast, LONGEST);
        assert_eq!(meter.interval(), SHORTEST);
        assert!(SHORTEST.as_secs_f64() * 30.0 >= 1.0, "at most 30 a second");
    }

    #[test]
    fn one_frame_is_on_its_way_to_a_terminal_that_answers() {
        let (mut meter, at) = (Meter::default(), Instant::now());
        assert!(!meter.asks(), "one that does not is not asked");
        meter.answers = true;
        assert!(meter.asks());
        meter.end(Some(Frame { asked: true, ..frame(at, 100, 1) }));
        assert!(!meter.asks() && meter.held() == Some(at + PATIENCE));
        // What a key asked for goes out meanwhile.
        meter.end(Some(frame(at + SLOW, 100, 1)));
        meter.answered(at + LONGEST);
        assert_eq!((meter.held(), meter.round_trip(), meter.asks()), (None, Some(LONGEST), true));
        // An answer that nobody waits for.
        meter.answered(at + 2 * LONGEST);
        assert_eq!(meter.round_trip(), Some(LONGEST));
        meter.mode = LinkMode::Fast;
        assert!(!meter.asks());
    }

    #[test]
    fn numbers_are_those_of_the_frames() {
        let (mut meter, begin) = (Meter::default(), Instant::now());
        assert_eq!((meter.of(|frame| frame.bytes), meter.rates()), (None, None));
        meter.begin(begin, 0);
        for (second, bytes) in [(1, 300), (2, 100), (12, 200)] {
            meter.end(Some(frame(begin + Duration::from_secs(second), bytes, second)));
        }
        meter.end(None);
        meter.begin(begin + Duration::from_secs(13), 7);
        assert_eq!(meter.frames(), (3, 1, 0));
        assert_eq!(meter.of(|frame| frame.bytes), Some((200, 200, 300)));
        assert_eq!(meter.rates(), Some((20.0, 0.1, 10.0)), "of the last ten seconds alone");
        assert_eq!((meter.bytes(), meter.waiting()), (600, (7, 0)));
        let mut busy = Meter::default();
        busy.begin(begin, 0);
        for number in 0..2 * KEPT as u64 {
            busy.end(Some(frame(begin + Duration::from_millis(number), 10, 0)));
        }
        busy.begin(begin + Duration::from_millis(2 * KEPT as u64), 0);
        let (bytes, frames, seconds) = busy.rates().unwrap();
        assert!((frames - 1000.0).abs() < 3.0 && (bytes - 10_000.0).abs() < 30.0 && seconds < 0.6, "{bytes} {frames} {seconds}");
    }
}
