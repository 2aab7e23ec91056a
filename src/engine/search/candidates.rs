//! The candidates of a search: drawn, ranked, and the best of them read on the test split.

use super::super::EngineError;
use super::super::ranker::{Evaluation, Examples, Frozen};
use super::super::trainer::State;
use super::desk::Desk;
use super::race::races;
use super::sampler::{Draw, Sampled, Sampler};
use super::{Flow, Search};
use crate::graph::GraphError;
use crate::posterior::statistics::Answers;
use crate::posterior::{DropProbability, HardMask, Posterior, likeliest};
use crate::random::{Purpose, stream};
use crate::run::{
    Accuracy, Alert, AlertKind, Bits, CandidateId, CandidateRecord, CandidateScore, Event, PaperCount, RankingStanding, Scores, Source,
    TestScore, newest, ranked, ties, winner,
};
use rayon::prelude::*;
use std::collections::HashMap;
use std::time::Instant;

/// What sub-networks have answered with the weights of a training step, so that one that is drawn again is not asked again: where one
/// operation is chosen on each edge, or kept as a whole, many draws are alike. Masks of single channels hardly ever are.
#[derive(Debug, Default)]
pub(super) struct Known {
    step: u64,
    evaluations: HashMap<HardMask, Evaluation>,
}

impl Known {
    /// Sub-networks that are remembered at most.
    const MOST: usize = 4_096;

    fn of(&self, step: u64, mask: &HardMask) -> Option<&Evaluation> {
        self.evaluations.get(mask).filter(|_| self.step == step)
    }

    fn holds(&self, step: u64, mask: &HardMask) -> bool {
        self.of(step, mask).is_some()
    }

    fn learn(&mut self, step: u64, mask: &HardMask, evaluation: Evaluation) {
        if self.step != step {
            (self.step, self.evaluations) = (step, HashMap::new());
        }
        if self.evaluations.len() < Self::MOST {
            self.evaluations.insert(mask.clone(), evaluation);
        }
    }
}

impl Search {
    /// Everything that is ranked at the end: the references, then posterior and random candidates in turn. What an interrupted search
    /// had ranked already is left out.
    ///
    /// # Errors
    /// [`EngineError::Graph`] where a candidate cannot be sliced.
    pub(super) fn rank_all(&mut self, state: &State) -> Result<Flow, EngineError> {
        let frozen = self.freeze(state);
        let whole = HardMask::whole(self.graph.masked_channels());
        let reference = |source, mask| Draw { source, index: 0, what: Sampled::Network(mask) };
        let mut queue = vec![reference(Source::Whole, whole), reference(Source::Threshold, likeliest(&self.posterior))];
        let before = self.ranking.take();
        let first_draw = before.as_ref().map_or(self.draws, |before| before.first_draw);
        let mut sampler = self.sampler(&self.posterior, first_draw);
        let rank = self.preset.rank;
        let measure = |mask: &HardMask| self.desks.lead().ranker.latency_ms(&frozen, mask);
        let wanted = [
            (Source::Posterior, rank.posterior),
            (Source::Random, rank.random),
            (Source::Uniform, rank.uniform),
            (Source::Constant, rank.constant),
        ];
        for place in 0..wanted.iter().map(|(_, count)| *count).max().unwrap_or(0) {
            queue.extend(wanted.iter().filter(|(_, count)| place < *count).filter_map(|(source, _)| sampler.draw(*source, &measure)));
        }
        if before.is_none() {
            self.drawn(&sampler);
        }
        let at_once = self.desks.at_once();
        let (racing, queue): (Vec<Draw>, Vec<Draw>) = queue.into_iter().partition(|draw| rank.racing && races(draw));
        let mut done = before.as_ref().map_or(0, |before| (before.done as usize).min(queue.len()));
        for part in queue[done..].chunks(at_once) {
            let standing = || Some(RankingStanding { first_draw, done: done as u64, race: None });
            if self.attend(state, &standing) == Flow::Stop {
                return Ok(Flow::Stop);
            }
            self.rank(&frozen, part, part.len(), state)?;
            done += part.len();
        }
        if !racing.is_empty() {
            let standing = RankingStanding { first_draw, done: done as u64, race: before.and_then(|before| before.race) };
            if self.race(&frozen, racing, at_once, state, standing)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        if let Some(ties) = ties(&self.scores, &self.answers, self.preset.rank.batch_norm) {
            self.record(Event::Ties(ties));
        }
        Ok(Flow::Go)
    }

    /// The weights of a moment, for ranking; they are kept with the run, so that every candidate can be rebuilt from them.
    fn freeze(&mut self, state: &State) -> Frozen {
        let frozen = Frozen::of(state);
        let path = self.folder.weights(state.step);
        if !path.exists()
            && let Err(error) = frozen.keep(state, self.posterior_of(state).logits().to_vec()).write(&path)
        {
            let message = format!("{error}; the search goes on, but its candidates can be exported as genotypes alone, without weights");
            self.alert(Alert { kind: AlertKind::Storage, message });
        }
        frozen
    }

    pub(super) fn sampler(&self, posterior: &Posterior, first_draw: u64) -> Sampler {
        let how = (self.preset.posterior.granularity, self.preset.rank.constraint);
        Sampler::new(self.seed, self.graph.clone(), posterior, how, first_draw)
    }

    /// Remembers and tells what was drawn.
    fn drawn(&mut self, sampler: &Sampler) {
        self.draws = sampler.drawn();
        sampler.acceptance().into_iter().for_each(|acceptance| self.record(Event::Drawn(acceptance)));
        for (source, known) in sampler.given_up() {
            let message = format!(
                "too few {} draws meet the constraint `{}`{known}, and the search goes on with those that do; widen rank.constraint",
                source.label(),
                self.preset.rank.constraint
            );
            self.alert(Alert { kind: AlertKind::Constraint, message });
        }
    }

    /// Ranks some candidates at once and records them in order; `queued` of them belong to those that are ranked at the end.
    fn rank(&mut self, frozen: &Frozen, part: &[Draw], queued: usize, state: &State) -> Result<(), EngineError> {
        let begun = Instant::now();
        let mut fresh: Vec<&HardMask> = Vec::new();
        for mask in part.iter().filter_map(Draw::mask) {
            if !self.known.holds(state.step, mask) && !fresh.contains(&mask) {
                fresh.push(mask);
            }
        }
        let judge = |desk: &Desk, masks: &[&&HardMask]| {
            desk.ranker.evaluate_all(frozen, &masks.iter().map(|mask| **mask).collect::<Vec<_>>(), &desk.select)
        };
        let (evaluations, lost) = self.desks.each(&fresh, judge)?;
        self.tell_lost(lost);
        for (mask, evaluation) in fresh.into_iter().zip(evaluations) {
            self.known.learn(state.step, mask, evaluation);
        }
        let rates: Vec<(u64, DropProbability)> = part
            .iter()
            .filter_map(|draw| match draw.what {
                Sampled::Rate(p) => Some((draw.index, p)),
                Sampled::Network(_) => None,
            })
            .collect();
        let seed = self.seed;
        let rate = |desk: &Desk, rates: &[&(u64, DropProbability)]| {
            let rate = |&&(index, p): &&(u64, DropProbability)| {
                let mut generator = stream(seed, Purpose::ConstantRate, index);
                desk.ranker.evaluate_constant_rate(frozen, p, &mut generator, &desk.select)
            };
            Ok::<_, EngineError>(if desk.device.is_cpu { rates.par_iter().map(rate).collect() } else { rates.iter().map(rate).collect() })
        };
        let (of_rates, lost) = self.desks.each(&rates, rate)?;
        self.tell_lost(lost);
        let mut of_rates = of_rates.into_iter();
        let of_draw = |draw: &Draw| match &draw.what {
            Sampled::Network(mask) => self.known.of(state.step, mask).cloned(),
            Sampled::Rate(_) => of_rates.next(),
        };
        let evaluations: Vec<Option<Evaluation>> = part.iter().map(of_draw).collect();
        self.tell(part.iter().zip(evaluations).filter_map(|(draw, evaluation)| Some((draw, evaluation?))), state);
        self.pace.ranked(part.len(), queued, begun.elapsed());
        self.publish(Some(state), false);
        Ok(())
    }

    /// Records candidates in order.
    pub(super) fn tell<'a>(&mut self, evaluated: impl Iterator<Item = (&'a Draw, Evaluation)>, state: &State) {
        let epoch = (state.step / self.feed.loader().steps_per_epoch().max(1) as u64) as u32;
        for (draw, evaluation) in evaluated {
            let channels = self.posterior.channels();
            // A rate keeps no channel for good: its mask is empty, and what it keeps are expectations.
            let (mask, dropped, kept_share): (HardMask, Vec<f64>, f64) = match &draw.what {
                Sampled::Network(mask) => {
                    let kept = mask.kept_per_group(&self.graph);
                    let dropped = channels.iter().zip(kept).map(|(&channels, kept)| (channels - kept) as f64).collect();
                    (mask.clone(), dropped, mask.kept_share())
                }
                Sampled::Rate(p) => {
                    (HardMask::new(Vec::new()), channels.iter().map(|&channels| p.drop() * channels as f64).collect(), p.keep())
                }
            };
            let kept = channels.iter().zip(&dropped).map(|(&channels, dropped)| (channels as f64 - dropped).round() as u32).collect();
            let counted = self.graph.cost_without(dropped);
            let paper_count = PaperCount { parameters: counted.parameters as u64, macs: counted.macs as u64 };
            let sliced = match &draw.what {
                // What was evaluated could be sliced.
                Sampled::Network(mask) => self.graph.sliced_cost(mask.bits()).ok(),
                Sampled::Rate(_) => None,
            };
            let cost = sliced.unwrap_or(counted);
            let score = CandidateScore {
                id: CandidateId(self.scores.len() as u32 + 1),
                source: draw.source,
                epoch,
                select: Scores { inherited: Accuracy::of(&evaluation.inherited), recalibrated: Accuracy::of(&evaluation.recalibrated) },
                parameters: cost.parameters as u64,
                macs: cost.macs as u64,
                paper_count: sliced.map(|_| paper_count),
                kept_share,
                kept,
            };
            self.answers.push(Answers::new(evaluation.of(self.preset.rank.batch_norm)));
            self.candidates.write(&CandidateRecord {
                score: score.clone(),
                step: Some(state.step),
                draw: draw.index,
                mask: mask.clone(),
                correct_inherited: Bits(evaluation.inherited),
                correct_recalibrated: Bits(evaluation.recalibrated),
            });
            self.scores.push(score.clone());
            self.masks.push(mask);
            self.record(Event::Candidate(Box::new(score)));
        }
        if let Some(alert) = self.candidates.take_alert() {
            self.alert(alert);
        }
    }

    /// Opens the test split, once, for the winner, the references and the best random candidate.
    ///
    /// # Errors
    /// As [`Self::rank_all`].
    pub(super) fn read_test(&mut self, state: &State) -> Result<(), EngineError> {
        let mode = self.preset.rank.batch_norm;
        let best_random = ranked(&self.scores, mode).into_iter().find(|score| score.source == Source::Random);
        let references = newest(&self.scores).filter(|score| score.source.is_reference()).map(|score| score.id);
        let ids = winner(&self.scores, mode).into_iter().chain(references).chain(best_random.map(|score| score.id));
        let ids: Vec<CandidateId> = ids.collect();
        let images = self.test.open();
        let frozen = Frozen::of(state);
        let masks: Vec<&HardMask> = ids.iter().map(|id| &self.masks[id.0 as usize - 1]).collect();
        let judge = |desk: &Desk, masks: &[&&HardMask]| {
            let examples = Examples::upload(images, &desk.device.device);
            masks.iter().map(|mask| desk.ranker.evaluate(&frozen, mask, &examples)).collect::<Result<Vec<_>, GraphError>>()
        };
        let (evaluations, lost) = self.desks.each(&masks, judge)?;
        self.tell_lost(lost);
        for (id, evaluation) in ids.into_iter().zip(evaluations) {
            let position = id.0 as usize - 1;
            let test = Scores { inherited: Accuracy::of(&evaluation.inherited), recalibrated: Accuracy::of(&evaluation.recalibrated) };
            self.record(Event::Test(TestScore { id, source: self.scores[position].source, test }));
        }
        Ok(())
    }

    /// Draws some candidates from the posterior as it is and ranks them.
    ///
    /// # Errors
    /// As [`Self::rank_all`].
    pub(super) fn sample_now(&mut self, state: &State, count: u32) -> Result<(), EngineError> {
        let frozen = self.freeze(state);
        let mut sampler = self.sampler(&self.posterior_of(state), self.draws);
        let measure = |mask: &HardMask| self.desks.lead().ranker.latency_ms(&frozen, mask);
        let queue: Vec<_> = (0..count).filter_map(|_| sampler.draw(Source::Posterior, &measure)).collect();
        self.drawn(&sampler);
        for part in queue.chunks(self.desks.at_once()) {
            self.rank(&frozen, part, 0, state)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_of_the_weights_that_it_was_asked_with() {
        let mask = |bits: u32| HardMask::new((0..16).map(|bit| bits >> bit & 1 == 1).collect());
        let evaluation = |right| Evaluation { inherited: vec![right], recalibrated: vec![!right] };
        let mut known = Known::default();
        known.learn(7, &mask(3), evaluation(true));
        assert_eq!(known.of(7, &mask(3)), Some(&evaluation(true)));
        assert!(!known.holds(8, &mask(3)) && !known.holds(7, &mask(4)));
        known.learn(8, &mask(4), evaluation(false));
        assert!(known.holds(8, &mask(4)) && !known.holds(8, &mask(3)) && !known.holds(7, &mask(3)));
        (0..Known::MOST as u32 + 9).for_each(|bits| known.learn(9, &mask(bits), evaluation(true)));
        assert_eq!(known.evaluations.len(), Known::MOST, "it does not grow without end");
    }
}
