//! The candidates of a run on the screen: the list, the chosen one, the pinned one, the marked ones.

use super::filter::{Filter, Hand};
use super::host::{Done, Errand};
use super::ranking::{self, Order, Ranked};
use super::run::Run;
use crate::posterior::statistics::mean_and_deviation;
use crate::run::{CandidateId, CandidateScore, Source, TestScore, newest, winner};
use std::collections::BTreeSet;

impl Run {
    /// All candidates in the order of ranking, those of earlier weights among them.
    #[must_use]
    pub fn candidates(&self) -> &[CandidateScore] {
        &self.candidates
    }

    /// Candidates of the newest weights from one source.
    #[must_use]
    pub fn count(&self, source: Source) -> usize {
        newest(&self.candidates).filter(|score| score.source == source).count()
    }

    /// The test accuracy of a candidate, where it was read.
    #[must_use]
    pub fn test(&self, id: CandidateId) -> Option<&TestScore> {
        self.tests.iter().find(|test| test.id == id)
    }

    /// The best posterior candidate so far.
    #[must_use]
    pub fn winner(&self) -> Option<CandidateId> {
        winner(&self.candidates, self.mode())
    }

    /// The newest whole network among the candidates.
    #[must_use]
    pub fn whole(&self) -> Option<&CandidateScore> {
        self.candidates.iter().rev().find(|score| score.source == Source::Whole)
    }

    /// Select accuracies of the candidates from one source that were ranked with the weights of some epoch.
    #[must_use]
    pub fn accuracies(&self, source: Source, epoch: u32) -> Vec<f64> {
        let mode = self.mode();
        let scores = self.candidates.iter().filter(|score| score.source == source && score.epoch == epoch);
        scores.map(|score| score.select.of(mode).share()).collect()
    }

    /// Select accuracy of a candidate less the mean of the random ones of the same weights.
    #[must_use]
    pub fn against_random(&self, score: &CandidateScore) -> Option<f64> {
        let (mean, _) = mean_and_deviation(&self.accuracies(Source::Random, score.epoch))?;
        Some(score.select.of(self.mode()).share() - mean)
    }

    /// What came of errands for a candidate since the run was opened.
    pub fn findings(&self, id: CandidateId) -> impl Iterator<Item = (Errand, &Done)> {
        self.findings.iter().filter(move |((candidate, _), _)| *candidate == id).map(|((_, errand), done)| (*errand, done))
    }

    /// The candidates of the list, in its order.
    #[must_use]
    pub fn ranked(&self) -> Vec<Ranked<'_>> {
        let mut rows = ranking::list(&self.candidates, self.ties.as_ref(), self.mode(), self.order, self.shows_random);
        let hand = Hand { marked: &self.marked, pinned: self.pinned, mode: self.mode() };
        rows.retain(|row| self.filter.lets_pass(row, hand));
        rows
    }

    /// Which candidates the list shows.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The pinned candidate.
    #[must_use]
    pub fn pinned(&self) -> Option<&CandidateScore> {
        self.candidates.iter().find(|score| Some(score.id) == self.pinned)
    }

    /// The marked candidates.
    #[must_use]
    pub fn marked(&self) -> &BTreeSet<CandidateId> {
        &self.marked
    }

    /// Pins the selected candidate, or releases it where it is pinned already.
    pub(super) fn pin(&mut self) {
        let selected = self.selected().map(|score| score.id);
        self.pinned = selected.filter(|_| self.pinned != selected);
    }

    /// Marks the selected candidate, or takes its mark away.
    pub(super) fn mark(&mut self) {
        if let Some(id) = self.selected().map(|score| score.id)
            && !self.marked.remove(&id)
        {
            self.marked.insert(id);
        }
    }

    /// What the list is ordered by.
    #[must_use]
    pub fn order(&self) -> Order {
        self.order
    }

    /// Whether the list shows random candidates.
    #[must_use]
    pub fn shows_random(&self) -> bool {
        self.shows_random
    }

    /// The candidate that the screen is about: the one stepped to, else the winner so far, else the first of the list.
    #[must_use]
    pub fn selected(&self) -> Option<&CandidateScore> {
        let rows = self.ranked();
        rows.get(Self::selected_of(self.chosen, self.winner(), &rows)?).map(|row| row.score)
    }

    /// Position in [`Self::ranked`] of the selected candidate.
    #[must_use]
    pub fn selected_position(&self, rows: &[Ranked<'_>]) -> Option<usize> {
        Self::selected_of(self.chosen, self.winner(), rows)
    }

    fn selected_of(chosen: Option<CandidateId>, winner: Option<CandidateId>, rows: &[Ranked<'_>]) -> Option<usize> {
        let find = |id: Option<CandidateId>| ranking::position(rows, id?);
        find(chosen).or_else(|| find(winner)).or_else(|| (!rows.is_empty()).then_some(0))
    }

    /// Steps through the list; stays within it.
    pub(super) fn step_candidate(&mut self, by: isize) {
        let rows = self.ranked();
        if let Some(position) = self.selected_position(&rows) {
            let target = position.saturating_add_signed(by).min(rows.len() - 1);
            self.chosen = Some(rows[target].score.id);
        }
    }

    /// Chooses a candidate of the list.
    pub(super) fn choose_candidate(&mut self, id: CandidateId) {
        self.chosen = Some(id);
    }
}
