//! Progress for people, line by line, from the events and the newest snapshot.

use crate::export::text::{counted, duration, percent, thousands};
use crate::run::{Acceptance, CandidateScore, EpochMetrics, Event, Outcome, Phase, Snapshot, Source, Started, readable};

/// Lines that a ranking is told in.
const RANKING_LINES: u32 = 10;

/// What the lines so far were about.
#[derive(Debug, Default)]
pub struct Progress {
    started: Option<Box<Started>>,
    ranking: bool,
    ranked: u32,
    best: Option<f64>,
}

impl Progress {
    /// The line that an event is worth, if any.
    pub fn line(&mut self, event: &Event, snapshot: &Snapshot) -> Option<String> {
        match event {
            Event::Started(started) => {
                let line = head(started);
                self.started = Some(started.clone());
                Some(line)
            }
            Event::Epoch(metrics) => Some(self.epoch(metrics, snapshot)),
            Event::Candidate(score) => self.candidate(score, snapshot),
            Event::Drawn(Acceptance { source, drawn, accepted }) => {
                Some(format!("drawn    {:9}  {accepted} of {drawn} meet the constraint", source.label()))
            }
            Event::Race(race) => Some(format!(
                "race     {} of {} dropped, {} of the evaluations saved",
                race.dropped,
                counted(race.candidates.into(), "candidate"),
                percent(race.saved as f64 / (race.asked + race.saved).max(1) as f64)
            )),
            Event::Ties(ties) => {
                let compared = counted(ties.compared.into(), "candidate");
                Some(format!("ties     {} of {compared} tied with candidate {}", ties.tied.len(), ties.leader.0))
            }
            Event::Test(test) => {
                let mode = self.started.as_ref()?.batch_norm;
                Some(format!("test     {:11}  {}", test.source.tested_as(), percent(test.test.of(mode).share())))
            }
            Event::Alert(alert) => Some(format!("alert    {}", alert.message)),
            Event::Finished { outcome: Outcome::Failed { reason }, .. } => Some(format!("failed   {reason}")),
            Event::Phase { phase } => {
                // What was sampled on the way was ranked with weights that have changed since.
                (self.ranking, self.ranked, self.best) = (*phase == Phase::Ranking, 0, None);
                None
            }
            Event::Resumed { step, undone, device, .. } => {
                let (events, are) = (counted(*undone, "event"), if *undone == 1 { "is" } else { "are" });
                Some(format!("resumed  after step {step}, on {device}; {events} since the checkpoint {are} done again"))
            }
            Event::Intervention { command, step } => {
                let network = &self.started.as_ref()?.network;
                Some(format!("steered  {} after step {step}", command.words(network)))
            }
            Event::Finished { .. } | Event::Final(_) => None,
        }
    }

    /// [`Self::line`], with the phases and the end told as well.
    pub fn plain(&mut self, event: &Event, snapshot: &Snapshot) -> Option<String> {
        let told = self.line(event, snapshot);
        match event {
            Event::Phase { phase } => {
                let word = match phase {
                    Phase::Preparing => "preparing",
                    Phase::Training => "training the super-network",
                    Phase::Ranking => "ranking candidates",
                    Phase::Testing => "reading the test split",
                    Phase::Ended => "ended",
                };
                Some(format!("phase    {word}"))
            }
            Event::Finished { outcome: Outcome::Completed, .. } => Some("ended    completed".to_owned()),
            Event::Finished { outcome: Outcome::Stopped, .. } => Some("ended    stopped; what is there is kept".to_owned()),
            _ => told,
        }
    }

    fn epoch(&self, metrics: &EpochMetrics, snapshot: &Snapshot) -> String {
        let epochs = self.started.as_ref().map_or(metrics.epoch, |started| started.epochs);
        let width = epochs.to_string().len();
        format!(
            "epoch    {:width$}/{epochs}  loss {:.3}  KL {:+.3}{}  train {}  select {}  drop {:.0} %{}",
            metrics.epoch,
            metrics.cross_entropy,
            metrics.kl,
            of_weights(metrics),
            percent(metrics.train_accuracy),
            percent(metrics.select_accuracy),
            100.0 * metrics.health.expected_drop_share,
            waiting(snapshot) + &left(snapshot),
        )
    }

    fn candidate(&mut self, score: &CandidateScore, snapshot: &Snapshot) -> Option<String> {
        let started = self.started.as_ref().filter(|_| self.ranking)?;
        let planned = started.candidates();
        self.ranked += 1;
        if score.source == Source::Posterior {
            let accuracy = score.select.of(started.batch_norm).share();
            self.best = Some(self.best.map_or(accuracy, |best| best.max(accuracy)));
        }
        let worth_it = self.ranked.is_multiple_of((planned / RANKING_LINES).max(1)) || self.ranked == planned;
        let best = self.best.map_or_else(String::new, |best| format!("  best posterior {}", percent(best)));
        worth_it.then(|| format!("ranking  {}/{planned}{best}{}", self.ranked, left(snapshot)))
    }
}

fn head(started: &Started) -> String {
    let network = &started.network;
    format!(
        "search   {} · seed {} · {} · {} parameters, {} mask groups · run {}",
        started.preset,
        started.seed,
        readable(&started.device),
        thousands(network.parameters as u64),
        network.groups.len(),
        started.run
    )
}

/// The part of the KL term that is of the weights, where the log has it; what is left is the entropy.
fn of_weights(metrics: &EpochMetrics) -> String {
    metrics.kl_parts.map_or_else(String::new, |parts| format!(" (L2 {:.3})", parts.l2))
}

/// What there is to say of waiting for images.
fn waiting(snapshot: &Snapshot) -> String {
    let worth_it = snapshot.waiting_share.filter(|&share| share >= 0.005);
    worth_it.map_or_else(String::new, |share| format!("  waits {:.0} %", 100.0 * share))
}

fn left(snapshot: &Snapshot) -> String {
    snapshot.seconds_left.map_or_else(String::new, |seconds| format!("  {} left", duration(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture;

    #[test]
    fn a_run_in_lines() {
        let mut progress = Progress::default();
        let snapshot = Snapshot { seconds_left: Some(65.0), ..Snapshot::default() };
        let lines: Vec<String> = fixture::events().iter().filter_map(|event| progress.line(event, &snapshot)).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn the_longest_line_of_an_epoch_fits_a_terminal_of_120_columns() {
        let mut progress = Progress::default();
        let snapshot = Snapshot { seconds_left: Some(59.0 * 61.0), waiting_share: Some(0.123), ..Snapshot::default() };
        progress.started = Some(Box::new(Started { epochs: 630, ..fixture::started() }));
        let parts = crate::run::KlParts { l2: 0.01, entropy: -1.25 };
        let metrics = EpochMetrics { kl: -1.24, kl_parts: Some(parts), ..fixture::epoch(120, 0.25) };
        let line = progress.epoch(&metrics, &snapshot);
        assert!(line.contains("  waits 12 %  59 min 59 s left") && line.contains("KL -1.240 (L2 0.010)"), "{line}");
        assert!(line.chars().count() <= 120, "{}: {line}", line.chars().count());
    }
}
