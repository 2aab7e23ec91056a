//! The list of candidates: which ones, in which order, tied with whom.

use crate::preset::BatchNormMode;
use crate::run::{CandidateId, CandidateScore, Source, Ties, newest, winner};
use std::cmp::Ordering;

/// What the list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the label says it")]
pub enum Order {
    Accuracy,
    Parameters,
    Kept,
    Source,
}

impl Order {
    /// The word for it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Parameters => "parameters",
            Self::Kept => "kept share",
            Self::Source => "source",
        }
    }

    pub(super) fn next(self) -> Self {
        match self {
            Self::Accuracy => Self::Parameters,
            Self::Parameters => Self::Kept,
            Self::Kept => Self::Source,
            Self::Source => Self::Accuracy,
        }
    }
}

/// A candidate in the list.
#[derive(Debug, Clone, Copy)]
pub struct Ranked<'a> {
    /// The candidate.
    pub score: &'a CandidateScore,
    /// Its place by select accuracy among all candidates of its weights, from 1, whatever the list is ordered by.
    pub rank: usize,
    /// Whether it is tied with the best posterior candidate: by the verdict of the complete ranking, before that where their intervals
    /// overlap.
    pub tied: bool,
}

/// Those of the newest weights, and of each reference the newest, in an order.
pub(super) fn list<'a>(
    scores: &'a [CandidateScore],
    ties: Option<&Ties>,
    mode: BatchNormMode,
    order: Order,
    with_random: bool,
) -> Vec<Ranked<'a>> {
    let mut chosen: Vec<&CandidateScore> = newest(scores).collect();
    for reference in [Source::Whole, Source::Threshold] {
        if !chosen.iter().any(|score| score.source == reference) {
            chosen.extend(scores.iter().rev().find(|score| score.source == reference));
        }
    }
    let accuracy = |score: &CandidateScore| score.select.of(mode).share();
    let by_accuracy = |a: &CandidateScore, b: &CandidateScore| -> Ordering {
        let asked = |score: &CandidateScore| score.select.of(mode).total;
        asked(b).cmp(&asked(a)).then(accuracy(b).total_cmp(&accuracy(a))).then(a.parameters.cmp(&b.parameters)).then(a.id.cmp(&b.id))
    };
    chosen.sort_by(|a, b| by_accuracy(a, b));
    let leader = winner(scores, mode).and_then(|id| chosen.iter().find(|score| score.id == id)).or_else(|| chosen.first());
    let bar = leader.map(|leader| leader.select.of(mode).interval());
    let verdict = ties.filter(|ties| leader.is_some_and(|leader| leader.id == ties.leader));
    let is_tied = |score: &CandidateScore| {
        if let Some(Ties { leader, tied, .. }) = verdict {
            return score.id == *leader || tied.binary_search(&score.id).is_ok();
        }
        let interval = score.select.of(mode).interval();
        bar.is_some_and(|bar| interval.high >= bar.low && interval.low <= bar.high)
    };
    let ranked = chosen.iter().enumerate().map(|(index, &score)| Ranked { score, rank: index + 1, tied: is_tied(score) });
    let mut rows: Vec<Ranked<'_>> = ranked.filter(|row| with_random || !row.score.source.is_baseline()).collect();
    // Stable, so that equals stay in the order of their ranks.
    match order {
        Order::Accuracy => {}
        Order::Parameters => rows.sort_by_key(|row| row.score.parameters),
        Order::Kept => rows.sort_by(|a, b| a.score.kept_share.total_cmp(&b.score.kept_share)),
        Order::Source => rows.sort_by_key(|row| row.score.source),
    }
    rows
}

/// The position of a candidate in a list.
pub(super) fn position(rows: &[Ranked<'_>], id: CandidateId) -> Option<usize> {
    rows.iter().position(|row| row.score.id == id)
}

#[cfg(test)]
mod tests {
    use super::super::testing::score;
    use super::*;

    const MODE: BatchNormMode = BatchNormMode::Recalibrated;

    fn ids(rows: &[Ranked<'_>]) -> Vec<u32> {
        rows.iter().map(|row| row.score.id.0).collect()
    }

    #[test]
    fn references_stay_whatever_is_hidden_and_ranks_do_not_change() {
        let scores = [
            score(1, Source::Whole, 5, 344, 1000),
            score(2, Source::Posterior, 9, 345, 600),
            score(3, Source::Posterior, 9, 345, 500),
            score(4, Source::Random, 9, 300, 400),
            score(5, Source::Posterior, 5, 350, 10),
        ];
        let all = list(&scores, None, MODE, Order::Accuracy, true);
        assert_eq!(ids(&all), [3, 2, 1, 4], "the one of earlier weights is out, the reference is in");
        assert_eq!(all.iter().map(|row| row.tied).collect::<Vec<_>>(), [true, true, true, false]);
        let verdict = Ties { leader: CandidateId(3), compared: 3, tied: vec![CandidateId(1)] };
        let told = list(&scores, Some(&verdict), MODE, Order::Accuracy, true);
        assert_eq!(told.iter().map(|row| row.tied).collect::<Vec<_>>(), [true, false, true, false]);
        let outdated = Ties { leader: CandidateId(2), ..verdict };
        let overlap = list(&scores, Some(&outdated), MODE, Order::Accuracy, true);
        assert!(overlap[1].tied, "a verdict on another leader is none");
        let fewer = list(&scores, None, MODE, Order::Parameters, false);
        assert_eq!(fewer.iter().map(|row| (row.score.id.0, row.rank)).collect::<Vec<_>>(), [(3, 1), (2, 2), (1, 3)]);
        assert_eq!(ids(&list(&scores, None, MODE, Order::Source, true)), [3, 2, 4, 1]);
        assert!(list(&[], None, MODE, Order::Kept, true).is_empty());
    }
}
