//! The list of candidates: which ones, in which order, tied with whom.

use crate::preset::BatchNormMode;
use crate::run::{CandidateId, CandidateScore, Source, Ties, newest, pareto, winner};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// What the list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the label says it")]
pub enum Order {
    Accuracy,
    Parameters,
    Macs,
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
            Self::Macs => "MACs",
            Self::Kept => "kept share",
            Self::Source => "source",
        }
    }

    pub(super) fn next(self) -> Self {
        match self {
            Self::Accuracy => Self::Parameters,
            Self::Parameters => Self::Macs,
            Self::Macs => Self::Kept,
            Self::Kept => Self::Source,
            Self::Source => Self::Accuracy,
        }
    }
}

/// How the list is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub order: Order,
    /// Whether it begins with what the order has last.
    pub reversed: bool,
    /// Whether baselines are among it.
    pub with_baselines: bool,
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
    /// Whether no other network is as accurate with fewer parameters.
    pub on_front: bool,
}

/// [`Ranked`] by its place among all candidates, to be kept while these only grow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    at: usize,
    rank: usize,
    tied: bool,
    on_front: bool,
}

impl Row {
    /// The row of some scores; `None` where they are others than it was made of.
    pub(super) fn of(self, scores: &[CandidateScore]) -> Option<Ranked<'_>> {
        Some(Ranked { score: scores.get(self.at)?, rank: self.rank, tied: self.tied, on_front: self.on_front })
    }
}

/// The list in its order, with the winner. Sorting it takes longer than all the rest of a frame, so that it is kept between frames.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    pub rows: Vec<Row>,
    pub winner: Option<CandidateId>,
}

/// Those of the newest weights, and of each reference the newest, in an order, as far as `shows` lets them.
pub(super) fn list(
    scores: &[CandidateScore],
    ties: Option<&Ties>,
    mode: BatchNormMode,
    layout: Layout,
    shows: impl Fn(&Ranked<'_>) -> bool,
) -> Listing {
    let epoch = newest(scores).next().map(|score| score.epoch);
    let mut chosen: Vec<usize> = (0..scores.len()).filter(|&at| Some(scores[at].epoch) == epoch).collect();
    for reference in [Source::Whole, Source::Threshold] {
        if !chosen.iter().any(|&at| scores[at].source == reference) {
            chosen.extend(scores.iter().rposition(|score| score.source == reference));
        }
    }
    let accuracy = |score: &CandidateScore| score.select.of(mode).share();
    let by_accuracy = |a: &CandidateScore, b: &CandidateScore| -> Ordering {
        let asked = |score: &CandidateScore| score.select.of(mode).total;
        asked(b).cmp(&asked(a)).then(accuracy(b).total_cmp(&accuracy(a))).then(a.parameters.cmp(&b.parameters)).then(a.id.cmp(&b.id))
    };
    chosen.sort_by(|&a, &b| by_accuracy(&scores[a], &scores[b]));
    let winner = winner(scores, mode);
    let leader = chosen.iter().map(|&at| &scores[at]).find(|score| Some(score.id) == winner).or_else(|| Some(&scores[*chosen.first()?]));
    let bar = leader.map(|leader| leader.select.of(mode).interval());
    let verdict = ties.filter(|ties| leader.is_some_and(|leader| leader.id == ties.leader));
    let is_tied = |score: &CandidateScore| {
        if let Some(Ties { leader, tied, .. }) = verdict {
            return score.id == *leader || tied.binary_search(&score.id).is_ok();
        }
        let interval = score.select.of(mode).interval();
        bar.is_some_and(|bar| interval.high >= bar.low && interval.low <= bar.high)
    };
    let front: BTreeSet<CandidateId> = pareto(scores, mode).into_iter().map(|score| score.id).collect();
    let row =
        |(index, &at): (usize, &usize)| Row { at, rank: index + 1, tied: is_tied(&scores[at]), on_front: front.contains(&scores[at].id) };
    let is_listed = |row: &Row| {
        let row = row.of(scores);
        row.is_some_and(|row| (layout.with_baselines || !row.score.source.is_baseline()) && shows(&row))
    };
    let mut rows: Vec<Row> = chosen.iter().enumerate().map(row).filter(is_listed).collect();
    // Stable, so that equals stay in the order of their ranks.
    match layout.order {
        Order::Accuracy => {}
        Order::Parameters => rows.sort_by_key(|row| scores[row.at].parameters),
        Order::Macs => rows.sort_by_key(|row| scores[row.at].macs),
        Order::Kept => rows.sort_by(|a, b| scores[a.at].kept_share.total_cmp(&scores[b.at].kept_share)),
        Order::Source => rows.sort_by_key(|row| scores[row.at].source),
    }
    if layout.reversed {
        rows.reverse();
    }
    Listing { rows, winner }
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

    fn shown<'a>(scores: &'a [CandidateScore], ties: Option<&Ties>, order: Order, with_baselines: bool) -> Vec<Ranked<'a>> {
        let listing = list(scores, ties, MODE, Layout { order, reversed: false, with_baselines }, |_| true);
        listing.rows.into_iter().filter_map(|row| row.of(scores)).collect()
    }

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
        let all = shown(&scores, None, Order::Accuracy, true);
        assert_eq!(ids(&all), [3, 2, 1, 4], "the one of earlier weights is out, the reference is in");
        assert_eq!(all.iter().map(|row| row.tied).collect::<Vec<_>>(), [true, true, true, false]);
        assert_eq!(all.iter().map(|row| row.on_front).collect::<Vec<_>>(), [true, false, false, true], "of the newest weights alone");
        let verdict = Ties { leader: CandidateId(3), compared: 3, tied: vec![CandidateId(1)] };
        let told = shown(&scores, Some(&verdict), Order::Accuracy, true);
        assert_eq!(told.iter().map(|row| row.tied).collect::<Vec<_>>(), [true, false, true, false]);
        let outdated = Ties { leader: CandidateId(2), ..verdict };
        let overlap = shown(&scores, Some(&outdated), Order::Accuracy, true);
        assert!(overlap[1].tied, "a verdict on another leader is none");
        let fewer = shown(&scores, None, Order::Parameters, false);
        assert_eq!(fewer.iter().map(|row| (row.score.id.0, row.rank)).collect::<Vec<_>>(), [(3, 1), (2, 2), (1, 3)]);
        assert_eq!(ids(&shown(&scores, None, Order::Source, true)), [3, 2, 4, 1]);
        assert!(shown(&[], None, Order::Kept, true).is_empty());
    }

    #[test]
    fn macs_have_an_order_of_their_own_and_any_can_be_turned_around() {
        let mut scores =
            [score(1, Source::Posterior, 9, 345, 600), score(2, Source::Posterior, 9, 340, 500), score(3, Source::Random, 9, 300, 400)];
        (scores[0].macs, scores[1].macs, scores[2].macs) = (10, 30, 20);
        let ordered = |order, reversed| {
            let listing = list(&scores, None, MODE, Layout { order, reversed, with_baselines: true }, |row| row.score.id.0 != 9);
            let rows: Vec<_> = listing.rows.into_iter().filter_map(|row| row.of(&scores)).collect();
            (ids(&rows), listing.winner)
        };
        assert_eq!(ordered(Order::Macs, false), (vec![1, 3, 2], Some(CandidateId(1))));
        assert_eq!(ordered(Order::Macs, true).0, [2, 3, 1]);
        assert_eq!(ordered(Order::Accuracy, true).0, [3, 2, 1]);
    }
}
