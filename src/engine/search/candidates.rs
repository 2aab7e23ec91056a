//! The candidates of a search: drawn, ranked, and the best of them read on the test split.

use super::super::EngineError;
use super::super::ranker::{Examples, Frozen};
use super::super::trainer::State;
use super::{Flow, Search};
use crate::posterior::{DropProbability, HardMask, SizeClasses, bernoulli, permuted, thresholded};
use crate::random::{Purpose, stream};
use crate::run::{
    Accuracy, Alert, AlertKind, Bits, CandidateId, CandidateRecord, CandidateScore, Event, Scores, Source, TestScore, newest, ranked,
    winner,
};
use rayon::prelude::*;
use std::time::Instant;

/// A mask with its source and its index in the random stream of that source.
type Draw = (Source, u64, HardMask);

impl Search {
    /// Everything that is ranked at the end: the references, then posterior and random candidates in turn.
    ///
    /// # Errors
    /// [`EngineError::Graph`] where a candidate cannot be sliced.
    pub(super) fn rank_all(&mut self, state: &State) -> Result<Flow, EngineError> {
        let frozen = self.freeze(state);
        let p: Vec<DropProbability> = self.posterior.drop_probabilities().collect();
        let whole = HardMask::whole(self.graph.masked_channels());
        let mut queue = vec![(Source::Whole, 0, whole), (Source::Threshold, 0, thresholded(&p, self.posterior.channels()))];
        let classes = SizeClasses::new(self.posterior.channels());
        let (posterior, random) = (self.preset.rank.posterior, self.preset.rank.random);
        for index in 0..posterior.max(random) {
            if index < posterior {
                queue.push(self.draw_posterior(&p));
            }
            if index < random {
                let mut generator = stream(self.seed, Purpose::RandomCandidate, index as u64);
                let shuffled = permuted(&p, &classes, &mut generator);
                let mask = bernoulli(&shuffled, self.posterior.channels(), self.preset.posterior.granularity, &mut generator);
                queue.push((Source::Random, index as u64, mask));
            }
        }
        let at_once = if self.device.is_cpu { 2 * rayon::current_num_threads() } else { 1 };
        for part in queue.chunks(at_once) {
            if self.attend(Some(state)) == Flow::Stop {
                return Ok(Flow::Stop);
            }
            self.rank(&frozen, part, part.len(), state)?;
        }
        Ok(Flow::Go)
    }

    /// The weights of a moment, for ranking; they are kept with the run, so that every candidate can be rebuilt from them.
    fn freeze(&mut self, state: &State) -> Frozen {
        let frozen = Frozen::of(state);
        let path = self.folder.weights(state.step);
        if !path.exists()
            && let Err(error) = frozen.keep(state).write(&path)
        {
            let message = format!("{error}; the search goes on, but its candidates can be exported as genotypes alone, without weights");
            self.alert(Alert { kind: AlertKind::Storage, message });
        }
        frozen
    }

    fn draw_posterior(&mut self, p: &[DropProbability]) -> Draw {
        let draw = self.draws;
        self.draws += 1;
        let generator = &mut stream(self.seed, Purpose::Candidate, draw);
        let mask = bernoulli(p, self.posterior.channels(), self.preset.posterior.granularity, generator);
        (Source::Posterior, draw, mask)
    }

    /// Ranks some candidates at once and records them in order; `queued` of them belong to those that are ranked at the end.
    fn rank(&mut self, frozen: &Frozen, part: &[Draw], queued: usize, state: &State) -> Result<(), EngineError> {
        let begun = Instant::now();
        let evaluate = |(_, _, mask): &Draw| self.ranker.evaluate(frozen, mask, &self.select);
        let evaluations: Result<Vec<_>, _> =
            if self.device.is_cpu { part.par_iter().map(evaluate).collect() } else { part.iter().map(evaluate).collect() };
        let evaluations = evaluations?;
        let epoch = (state.step / self.loader.steps_per_epoch().max(1) as u64) as u32;
        for ((source, draw, mask), evaluation) in part.iter().zip(evaluations) {
            let kept = mask.kept_per_group(&self.graph);
            let dropped = self.posterior.channels().iter().zip(&kept).map(|(&channels, &kept)| (channels - kept) as f64);
            let cost = self.graph.cost_without(dropped);
            let score = CandidateScore {
                id: CandidateId(self.scores.len() as u32 + 1),
                source: *source,
                epoch,
                select: Scores { inherited: accuracy(&evaluation.inherited), recalibrated: accuracy(&evaluation.recalibrated) },
                parameters: cost.parameters as u64,
                macs: cost.macs as u64,
                kept_share: mask.kept_share(),
                kept: kept.iter().map(|&kept| kept as u32).collect(),
            };
            self.candidates.write(&CandidateRecord {
                score: score.clone(),
                step: Some(state.step),
                draw: *draw,
                mask: mask.clone(),
                correct_inherited: Bits(evaluation.inherited),
                correct_recalibrated: Bits(evaluation.recalibrated),
            });
            self.scores.push(score.clone());
            self.masks.push(mask.clone());
            self.record(Event::Candidate(Box::new(score)));
        }
        if let Some(alert) = self.candidates.take_alert() {
            self.alert(alert);
        }
        self.pace.ranked(part.len(), queued, begun.elapsed());
        self.publish(Some(state), false);
        Ok(())
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
        let examples = Examples::upload(self.test.open(), &self.device.device);
        let frozen = Frozen::of(state);
        for id in ids {
            let position = id.0 as usize - 1;
            let evaluation = self.ranker.evaluate(&frozen, &self.masks[position], &examples)?;
            let test = Scores { inherited: accuracy(&evaluation.inherited), recalibrated: accuracy(&evaluation.recalibrated) };
            self.record(Event::Test(TestScore { id, source: self.scores[position].source, test }));
        }
        Ok(())
    }

    /// Draws some candidates from the posterior as it is and ranks them.
    ///
    /// # Errors
    /// As [`Self::rank_all`].
    pub(super) fn sample_now(&mut self, state: &State, count: u32) -> Result<(), EngineError> {
        self.posterior = self.posterior_of(state);
        let p: Vec<DropProbability> = self.posterior.drop_probabilities().collect();
        let frozen = self.freeze(state);
        let queue: Vec<_> = (0..count).map(|_| self.draw_posterior(&p)).collect();
        for part in queue.chunks(2 * rayon::current_num_threads()) {
            self.rank(&frozen, part, 0, state)?;
        }
        Ok(())
    }
}

fn accuracy(correct: &[bool]) -> Accuracy {
    Accuracy { correct: correct.iter().filter(|&&right| right).count() as u32, total: correct.len() as u32 }
}
