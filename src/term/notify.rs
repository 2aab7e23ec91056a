//! Telling somebody who looks elsewhere that a search has ended.

use crate::run::{Event, Outcome};

/// What tells the end of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Notify {
    /// Nothing.
    #[default]
    Off,
    /// The bell of the terminal.
    Bell,
    /// A message of the desktop, through the terminal (OSC 9).
    Desktop,
}

impl Notify {
    /// What makes the terminal tell of an event; `None` where the event is no end.
    #[must_use]
    pub(super) fn sequence(self, run: &str, event: &Event) -> Option<String> {
        let Event::Finished { outcome, .. } = event else { return None };
        let word = match outcome {
            Outcome::Completed => "completed",
            Outcome::Stopped => "stopped",
            Outcome::Failed { .. } => "failed",
        };
        // A control character in a name would end the sequence early.
        let run: String = run.chars().filter(|character| !character.is_control()).collect();
        match self {
            Self::Off => None,
            Self::Bell => Some("\x07".to_owned()),
            Self::Desktop => Some(format!("\x1b]9;pgnas: {run} {word}\x07")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Phase;

    #[test]
    fn only_the_end_is_told_and_only_where_somebody_wants_it() {
        let resources = crate::run::Resources {
            wall_seconds: 1.0,
            training_seconds: 1.0,
            ranking_seconds: 0.0,
            peak_rss_bytes: 0,
            waiting_seconds: 0.0,
        };
        let end = Event::Finished { outcome: Outcome::Stopped, winner: None, test_reads: 0, resources };
        assert_eq!(Notify::Off.sequence("one", &end), None);
        assert_eq!(Notify::Bell.sequence("one", &end).unwrap(), "\x07");
        assert_eq!(Notify::Desktop.sequence("o\x1bne", &end).unwrap(), "\x1b]9;pgnas: one stopped\x07");
        assert_eq!(Notify::Bell.sequence("one", &Event::Phase { phase: Phase::Ranking }), None);
    }
}
