//! Ranking as a race: all candidates are asked the first images, and those that can no longer win are dropped.

use super::super::EngineError;
use super::super::ranker::{Candidate, Evaluation, Frozen};
use super::super::trainer::State;
use super::desk::Desk;
use super::sampler::{Draw, Sampled};
use super::{Flow, Search};
use crate::graph::GraphError;
use crate::posterior::HardMask;
use crate::posterior::statistics::{Answers, Race};
use crate::preset::BatchNormMode;
use crate::run::{Bits, Event, RaceOutcome, RaceStanding, RankingStanding, RunnerStanding, Source};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Bytes that the networks of a race may take between two pieces. What does not fit is sliced anew for each piece.
const KEPT_BYTES: usize = 256 << 20;

/// What is kept of a candidate between two pieces.
enum Kept {
    Nothing,
    Statistics([Vec<f32>; 2]),
    /// The network, and the number of the desk that made it.
    Network(usize, Box<Candidate>),
}

impl Kept {
    /// The candidate, made at a desk of what was kept.
    fn network(self, desk: &Desk, frozen: &Frozen, mask: &HardMask) -> Result<Box<Candidate>, GraphError> {
        let again = |statistics| desk.ranker.prepare_again(frozen, mask, statistics).map(Box::new);
        match self {
            Self::Nothing => desk.ranker.prepare(frozen, mask).map(Box::new),
            Self::Statistics(statistics) => again(statistics),
            Self::Network(number, candidate) if number == desk.number => Ok(candidate),
            Self::Network(_, candidate) => again(candidate.into_statistics()),
        }
    }

    /// Keeps as much of a candidate as so many bytes hold.
    fn of(candidate: Box<Candidate>, desk: &Desk, bytes: usize) -> Self {
        if candidate.bytes() <= bytes { Self::Network(desk.number, candidate) } else { Self::Statistics(candidate.into_statistics()) }
    }
}

/// A candidate on its way.
struct Runner {
    draw: Draw,
    /// Taken by the desk that asks it. What a desk that breaks has taken is made anew.
    kept: Mutex<Kept>,
    evaluation: Evaluation,
    answers: Answers,
}

impl Runner {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up its answers up to another piece.
    fn answer(&mut self, evaluation: Evaluation, mode: BatchNormMode) {
        self.answers = Answers::new(evaluation.of(mode));
        self.evaluation = evaluation;
    }
}

/// Whether a candidate can be dropped: references are wanted whole, and a rate is asked in one go.
pub(super) fn races(draw: &Draw) -> bool {
    !draw.source.is_reference() && matches!(draw.what, Sampled::Network(_))
}

impl Search {
    /// Races candidates over the pieces of the select split. Those dropped are recorded with the answers that they gave, the others with
    /// all; the best posterior candidate of the moment leads.
    ///
    /// # Errors
    /// [`EngineError::Graph`] where a candidate cannot be sliced.
    pub(super) fn race(
        &mut self,
        frozen: &Frozen,
        queue: Vec<Draw>,
        at_once: usize,
        state: &State,
        standing: RankingStanding,
    ) -> Result<Flow, EngineError> {
        let entrants = queue.iter().filter(|draw| draw.source == Source::Posterior).count();
        let select = &self.desks.lead().select;
        let (pieces, images, error) = (select.pieces(), select.len(), self.preset.rank.racing_error);
        let race = Race::new(entrants, pieces, error);
        let runner =
            |draw| Runner { draw, kept: Mutex::new(Kept::Nothing), evaluation: Evaluation::default(), answers: Answers::default() };
        let mut outcome = RaceOutcome { error, candidates: queue.len() as u32, dropped: 0, asked: 0, saved: 0 };
        let mut runners: Vec<Runner> = queue.into_iter().map(runner).collect();
        let RankingStanding { first_draw, done, race: before } = standing;
        let mut first = 0;
        if let Some(before) = before {
            (first, outcome) = (before.piece as usize, before.outcome);
            runners = gone_on(runners, before.runners, self.preset.rank.batch_norm);
        }
        for piece in first..pieces {
            // Before it was interrupted, the search had asked some of them already.
            let asked = self.desks.lead().select.images_up_to(piece);
            let due = runners.iter().position(|runner| runner.evaluation.inherited.len() < asked).unwrap_or(runners.len());
            for begin in (due..runners.len()).step_by(at_once) {
                let standing = || Some(RankingStanding { first_draw, done, race: Some(standing_of(piece, outcome, &runners)) });
                if self.attend(state, &standing) == Flow::Stop {
                    return Ok(Flow::Stop);
                }
                let end = (begin + at_once).min(runners.len());
                let share = KEPT_BYTES / runners.len();
                let part = &mut runners[begin..end];
                let begun = Instant::now();
                let ask = |desk: &Desk, runners: &[&Runner]| {
                    let ask = |runner: &&Runner| -> Result<Evaluation, GraphError> {
                        let mut evaluation = runner.evaluation.clone();
                        let Sampled::Network(mask) = &runner.draw.what else { return Ok(evaluation) };
                        let kept = std::mem::replace(&mut *runner.kept(), Kept::Nothing);
                        let network = kept.network(desk, frozen, mask)?;
                        network.ask((&desk.select, piece), &mut evaluation);
                        *runner.kept() = Kept::of(network, desk, share);
                        Ok(evaluation)
                    };
                    if desk.device.is_cpu { runners.par_iter().map(ask).collect() } else { runners.iter().map(ask).collect() }
                };
                let (evaluations, lost) = self.desks.each(part, ask)?;
                let mode = self.preset.rank.batch_norm;
                part.iter_mut().zip(evaluations).for_each(|(runner, evaluation)| runner.answer(evaluation, mode));
                self.tell_lost(lost);
                self.pace.ranked(0, 0, begun.elapsed());
                self.publish(Some(state), false);
            }
            let last = piece + 1 == pieces;
            let leader =
                runners.iter().filter(|runner| runner.draw.source == Source::Posterior).max_by_key(|runner| runner.answers.right());
            let leader = leader.map(|leader| leader.answers.clone());
            let can_win = |runner: &Runner| {
                let left = images - runner.answers.images();
                !last && leader.as_ref().is_none_or(|leader| race.can_win(&runner.answers, leader, left))
            };
            let (on, out): (Vec<Runner>, Vec<Runner>) = runners.into_iter().partition(can_win);
            runners = on;
            outcome.asked += out.iter().map(|runner| runner.answers.images() as u64).sum::<u64>();
            outcome.saved += out.iter().map(|runner| (images - runner.answers.images()) as u64).sum::<u64>();
            outcome.dropped += if last { 0 } else { out.len() as u32 };
            self.pace.ranked(out.len(), out.len(), std::time::Duration::ZERO);
            self.tell(out.iter().map(|runner| (&runner.draw, runner.evaluation.clone())), state);
        }
        self.record(Event::Race(outcome));
        Ok(Flow::Go)
    }
}

fn standing_of(piece: usize, outcome: RaceOutcome, runners: &[Runner]) -> RaceStanding {
    let runner = |runner: &Runner| RunnerStanding {
        source: runner.draw.source,
        draw: runner.draw.index,
        inherited: Bits(runner.evaluation.inherited.clone()),
        recalibrated: Bits(runner.evaluation.recalibrated.clone()),
    };
    RaceStanding { piece: piece as u64, outcome, runners: runners.iter().map(runner).collect() }
}

/// Those of the drawn that were still in an interrupted race, with the answers that they had given.
fn gone_on(drawn: Vec<Runner>, before: Vec<RunnerStanding>, mode: BatchNormMode) -> Vec<Runner> {
    let mut drawn: HashMap<(Source, u64), Runner> =
        drawn.into_iter().map(|runner| ((runner.draw.source, runner.draw.index), runner)).collect();
    let go_on = |before: RunnerStanding| {
        let runner = drawn.remove(&(before.source, before.draw))?;
        let evaluation = Evaluation { inherited: before.inherited.0, recalibrated: before.recalibrated.0 };
        let answers = Answers::new(evaluation.of(mode));
        Some(Runner { evaluation, answers, ..runner })
    };
    before.into_iter().filter_map(go_on).collect()
}
