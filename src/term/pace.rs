//! When frames go: what a key asks for before all else, and never more of them than the line takes.

use std::time::{Duration, Instant};

/// However slow a line is, and whether or not the terminal says that it has shown the frame before: a key is answered after so long.
const LATEST: Duration = Duration::from_millis(250);

/// Who waits for a frame, and what the line allows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Demand {
    /// Whether a key does, or whatever else a person has done.
    pub(super) key: bool,
    /// Whether what the search tells does.
    pub(super) news: bool,
    /// How long after a frame something on it moves by itself.
    pub(super) animation: Option<Duration>,
    /// Shortest time from one frame to the next.
    pub(super) shortest: Duration,
    /// Until when the terminal may take to show the frame before; `None` where it has.
    pub(super) held: Option<Instant>,
}

/// The frames so far. They follow each other by the shortest time, but that a key may have one earlier, which the next ones wait for: that
/// a search tells much keeps no key waiting, and a key that repeats sends no more frames than there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    drawn: Instant,
    /// From when on a frame takes nothing from later ones.
    free: Instant,
    /// When a key had its last frame.
    answered: Option<Instant>,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { drawn: now, free: now, answered: None }
    }

    /// A frame was drawn, because of a key or not, and sent or not.
    pub(super) fn drew(&mut self, at: Instant, shortest: Duration, key: bool, sent: bool) {
        let taken = if sent { self.free.max(at) + shortest } else { self.free.max(at + shortest) };
        (self.drawn, self.free) = (at, taken.min(at + 2 * shortest));
        if key && sent {
            self.answered = Some(at);
        }
    }

    /// From when on a key may have its frame.
    pub(super) fn answers(&self, demand: &Demand) -> Instant {
        let Some(late) = self.answered.map(|answered| answered + LATEST) else { return self.drawn };
        let soon = self.free.checked_sub(demand.shortest).unwrap_or(self.free);
        if demand.held.is_some() { late } else { soon.min(late) }
    }

    /// When the next frame is due; `None` where nobody waits for one.
    pub(super) fn next(&self, demand: &Demand) -> Option<Instant> {
        let moves = demand.animation.map(|after| self.free.max(self.drawn + after));
        let told = if demand.news { Some(self.free) } else { moves };
        let told = told.map(|due| demand.held.map_or(due, |held| held.max(due)));
        let answer = demand.key.then(|| self.answers(demand));
        answer.into_iter().chain(told).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORTEST: Duration = Duration::from_millis(34);
    const IDLE: Demand = Demand { key: false, news: false, animation: None, shortest: SHORTEST, held: None };
    const KEY: Demand = Demand { key: true, ..IDLE };
    const NEWS: Demand = Demand { news: true, ..IDLE };

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn frames_follow_news_and_idling_costs_none() {
        let (begin, second) = (Instant::now(), ms(1000));
        let mut pace = Pace::new(begin);
        pace.drew(begin, SHORTEST, false, true);
        let moves = |animation, demand| Demand { animation: Some(animation), ..demand };
        assert_eq!(pace.next(&IDLE), None);
        assert_eq!(pace.next(&NEWS), Some(begin + SHORTEST));
        assert_eq!(pace.next(&moves(second, IDLE)), Some(begin + second));
        assert_eq!(pace.next(&moves(second, NEWS)), Some(begin + SHORTEST));
        assert_eq!(pace.next(&moves(Duration::ZERO, IDLE)), Some(begin + SHORTEST));
        let held = |until| pace.next(&Demand { held: Some(until), ..NEWS });
        assert_eq!((held(begin), held(begin + second)), (Some(begin + SHORTEST), Some(begin + second)));
    }

    /// When frames go where the keys come at these times, in milliseconds, with news all the time or never.
    fn frames(keys: &[u64], shortest: Duration, news: bool, answers: bool) -> Vec<u64> {
        let begin = Instant::now();
        let mut pace = Pace::new(begin);
        pace.drew(begin, shortest, false, true);
        let (mut sent, mut key) = (Vec::new(), false);
        for now in 1..=keys.last().unwrap() + 1000 {
            let at = begin + ms(now);
            key |= keys.contains(&now);
            // One that is asked and silent holds all but keys.
            let held = (!answers).then(|| begin + ms(1_000_000));
            let demand = Demand { key, news, shortest, held, ..IDLE };
            if pace.next(&demand).is_some_and(|due| due <= at) {
                pace.drew(at, shortest, key, true);
                sent.push(now);
                key = false;
            }
        }
        sent
    }

    #[test]
    fn a_burst_of_keys_gets_its_first_frame_at_once_its_last_state_in_the_end_and_few_between() {
        // As quick as any keyboard repeats.
        let keys: Vec<u64> = (0..100).map(|key| 500 + 10 * key).collect();
        let last = *keys.last().unwrap();
        for (shortest, answers, most) in [(SHORTEST, true, 32), (ms(250), true, 6), (ms(1000), true, 6), (SHORTEST, false, 6)] {
            let sent = frames(&keys, shortest, false, answers);
            assert_eq!(sent[0], 500, "{shortest:?}: {sent:?}");
            let end = *sent.last().unwrap();
            assert!(sent.len() <= most && end >= last && end <= last + 250, "{shortest:?}, {answers}: {} frames, {sent:?}", sent.len());
        }
    }

    #[test]
    fn news_keeps_no_key_waiting_and_both_together_get_no_more_frames() {
        let keys: Vec<u64> = (0..40).map(|key| 500 + 53 * key).collect();
        let sent = frames(&keys, SHORTEST, true, true);
        assert!(keys.iter().all(|key| sent.contains(key)), "{sent:?}");
        for (at, &first) in sent.iter().enumerate() {
            let within = sent[at..].iter().take_while(|&&frame| frame < first + 1000).count();
            assert!(within <= 31, "{within} frames within a second from {first}: {sent:?}");
        }
        // Nor where a search tells nothing for long: what is free is not saved up.
        let sent = frames(&[5000, 5010, 5020, 5030], SHORTEST, false, true);
        assert_eq!(sent, [5000, 5010, 5034]);
    }

    #[test]
    fn a_key_is_answered_while_the_terminal_is_silent_and_the_next_within_a_quarter_of_a_second() {
        assert_eq!(frames(&[100, 110, 140], SHORTEST, true, false), [100, 350]);
    }

    #[test]
    fn a_frame_that_is_not_sent_takes_nothing_from_the_line() {
        let begin = Instant::now();
        let mut pace = Pace::new(begin);
        for at in [0, 10, 20] {
            pace.drew(begin + ms(at), SHORTEST, true, false);
            assert!(pace.answers(&KEY) <= begin + ms(at), "{at}");
            assert_eq!(pace.next(&NEWS), Some(begin + ms(at) + SHORTEST));
        }
    }
}
