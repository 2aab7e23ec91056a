//! The candidates of a run on the screen: the list, the chosen one, the pinned one, the marked ones.

use super::filter::{Filter, Hand};
use super::host::{Done, Errand};
use super::ranking::{self, Layout, Listing, Order, Ranked};
use super::run::Run;
use crate::posterior::statistics::mean_and_deviation;
use crate::run::{CandidateId, CandidateScore, Source, TestScore, newest};
use std::cell::OnceCell;
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
        self.listing().winner
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
        self.listing().rows.iter().filter_map(|row| row.of(&self.candidates)).collect()
    }

    fn listing(&self) -> &Listing {
        self.listing.get_or_init(|| {
            let layout = Layout { order: self.order, reversed: self.reversed, with_baselines: self.shows_random };
            let hand = Hand { marked: &self.marked, pinned: self.pinned, mode: self.mode() };
            let shows = |row: &Ranked<'_>| self.filter.lets_pass(row, hand);
            ranking::list(&self.candidates, self.ties.as_ref(), self.mode(), layout, shows)
        })
    }

    /// Has the list made anew: after whatever it follows from has changed.
    pub(super) fn relist(&mut self) {
        self.listing = OnceCell::new();
    }

    /// Candidates that were ranked with the weights as they are now, and those that were sampled earlier with others.
    #[must_use]
    pub fn ranked_now(&self) -> (usize, usize) {
        let done = self.epoch_of().map_or(0, |(done, _)| done);
        let now = self.candidates.iter().filter(|score| score.epoch == done).count();
        (now, self.candidates.len() - now)
    }

    /// Milliseconds that a candidate takes for an image on this device, where it was measured since the run was opened.
    #[must_use]
    pub fn latency(&self, id: CandidateId) -> Option<f64> {
        self.findings(id).find_map(|(_, done)| match done {
            Done::Evaluated { latency_ms, .. } => Some(*latency_ms),
            _ => None,
        })
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
        self.relist();
    }

    /// Marks the selected candidate, or takes its mark away.
    pub(super) fn mark(&mut self) {
        if let Some(id) = self.selected().map(|score| score.id)
            && !self.marked.remove(&id)
        {
            self.marked.insert(id);
        }
        self.relist();
    }

    /// What the list is ordered by.
    #[must_use]
    pub fn order(&self) -> Order {
        self.order
    }

    /// Whether the list begins with what its order has last.
    #[must_use]
    pub fn is_reversed(&self) -> bool {
        self.reversed
    }

    /// Whether the list shows random candidates and the other baselines.
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

    /// Whether the last candidate of the list is selected, or there is none.
    pub(super) fn at_last_candidate(&self) -> bool {
        let rows = self.ranked();
        self.selected_position(&rows).is_none_or(|position| position + 1 == rows.len())
    }

    /// Steps through the list; stays within it.
    pub(super) fn step_candidate(&mut self, by: isize) {
        self.awaits = false;
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

#[cfg(test)]
mod tests {
    use super::super::testing::{app_at, app_with_candidates, opened, press, push, score};
    use super::*;
    use crate::run::{Event, Ties};

    #[test]
    fn the_order_is_kept_until_something_changes_that_it_follows_from() {
        let mut app = opened(8);
        let is_kept = |app: &super::super::App| app.run.as_ref().unwrap().listing.get().is_some();
        let look = |app: &super::super::App| app.run().unwrap().ranked().len();
        assert!(!is_kept(&app) && look(&app) == 18 && is_kept(&app));
        press(&mut app, "j ] tab 3 4 1");
        assert!(is_kept(&app), "stepping sorts nothing");
        let ids = |run: &Run| run.ranked().iter().map(|row| row.score.id).collect::<Vec<_>>();
        for keys in ["o", "O", "r", "p", "x", "/ m a r k e d enter", "x", "/ ctrl-u t i e d enter"] {
            look(&app);
            press(&mut app, keys);
            let mut fresh = app.run().unwrap().clone();
            fresh.relist();
            assert_eq!(ids(app.run().unwrap()), ids(&fresh), "{keys}");
        }
        assert!(look(&app) < 18, "baselines are hidden");
        for event in [
            Event::Candidate(Box::new(score(90, Source::Posterior, 40, 350, 9))),
            Event::Ties(Ties { leader: CandidateId(90), compared: 1, tied: Vec::new() }),
        ] {
            look(&app);
            push(&mut app, event);
            assert!(!is_kept(&app));
        }
        assert_eq!((look(&app), app.run().unwrap().winner()), (1, Some(CandidateId(90))), "the verdict ties none with it");
    }

    #[test]
    fn samples_of_earlier_weights_are_not_counted_with_those_of_now() {
        let mut app = app_with_candidates(18, 3);
        assert_eq!(app.run().unwrap().ranked_now(), (8, 0));
        push(&mut app, Event::Epoch(Box::new(super::super::testing::epoch(19))));
        assert_eq!(app.run().unwrap().ranked_now(), (0, 8));
        assert_eq!(app_at(3).run().unwrap().ranked_now(), (0, 0));
    }
}
