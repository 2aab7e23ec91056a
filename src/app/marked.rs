//! The marked candidates side by side: what each is, which of them chance alone tells apart, and the operations in which they differ.

use super::run::Run;
use crate::posterior::statistics::{Answers, SIGNIFICANT, holm};
use crate::run::{CandidateId, CandidateScore};

/// What the exact McNemar test says of a candidate beside the first one, with Holm over all that are marked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Against {
    /// It is the first one.
    First,
    /// Chance alone may tell them apart: the adjusted p.
    Tied(f64),
    /// They differ: the adjusted p.
    Apart(f64),
    /// Their answers are not known, or are to different images.
    Unknown,
}

/// Marked candidates, the best one first.
#[derive(Debug, Clone)]
pub struct Marked<'a> {
    /// Each with what it is beside the first.
    pub columns: Vec<(&'a CandidateScore, Against)>,
    /// The mask groups of which they keep different numbers of channels.
    pub differing: Vec<usize>,
}

impl Run {
    /// The marked candidates side by side.
    #[must_use]
    pub fn compare_marked(&self) -> Marked<'_> {
        let mode = self.mode();
        let mut scores: Vec<&CandidateScore> = self.candidates.iter().filter(|score| self.marked.contains(&score.id)).collect();
        scores.sort_by(|a, b| {
            let (left, right) = (a.select.of(mode), b.select.of(mode));
            let by_images = right.total.cmp(&left.total).then(right.share().total_cmp(&left.share()));
            by_images.then(a.parameters.cmp(&b.parameters)).then(a.id.cmp(&b.id))
        });
        let p: Vec<Option<f64>> = scores.iter().skip(1).map(|score| self.told_apart(scores[0], score)).collect();
        let mut adjusted = holm(&p.iter().copied().flatten().collect::<Vec<f64>>()).into_iter();
        let against = p.iter().map(|p| match p.and_then(|_| adjusted.next()) {
            Some(p) if p > SIGNIFICANT => Against::Tied(p),
            Some(p) => Against::Apart(p),
            None => Against::Unknown,
        });
        let columns = scores.iter().copied().zip(std::iter::once(Against::First).chain(against)).collect();
        let groups = scores.iter().map(|score| score.kept.len()).min().unwrap_or(0);
        let differing = (0..groups).filter(|&group| scores.iter().any(|score| score.kept[group] != scores[0].kept[group])).collect();
        Marked { columns, differing }
    }

    /// The exact McNemar test of two candidates on the images that both were asked.
    fn told_apart(&self, first: &CandidateScore, other: &CandidateScore) -> Option<f64> {
        // A race has an order of images of its own, in which nothing else was asked.
        if self.race.is_some() && first.epoch != other.epoch {
            return None;
        }
        let answers = |id: CandidateId| self.compared()?.answers.get(&id);
        let (first, other) = (answers(first.id)?, answers(other.id)?);
        let images = first.images().min(other.images());
        let cut = |answers: &Answers| Answers::new(&(0..images).map(|image| answers.is_right(image)).collect::<Vec<bool>>());
        (images > 0).then(|| cut(first).discordant(&cut(other)).mcnemar())
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::{App, Overlay};
    use super::super::testing::{answered, opened, press, push, score};
    use super::*;
    use crate::run::{Event, RaceOutcome, Source};

    fn against(app: &App) -> Vec<(u32, Against)> {
        app.run().unwrap().compare_marked().columns.iter().map(|(score, against)| (score.id.0, *against)).collect()
    }

    #[test]
    fn the_best_comes_first_and_the_others_are_tied_or_not() {
        let mut app = opened(5);
        assert_eq!(press(&mut app, "x c"), []);
        assert_eq!(app.overlay(), &Overlay::None, "one alone is compared with nothing");
        app.run.as_mut().unwrap().marked = [3, 5, 8].map(CandidateId).into();
        press(&mut app, "c");
        assert_eq!(app.overlay(), &Overlay::Marked(0, 0));
        assert!(against(&app).iter().skip(1).all(|(_, against)| *against == Against::Unknown), "no answers so far");
        assert_eq!(app.question().map(|question| question.candidates), Some(12), "they are asked for");

        let mut app = answered(app);
        let told = against(&app);
        assert_eq!(told.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [5, 3, 8]);
        assert_eq!(told[0].1, Against::First);
        assert!(matches!(told[1].1, Against::Tied(p) if p > 0.05) && matches!(told[2].1, Against::Apart(p) if p < 1e-6), "{told:?}");
        let marked = app.run().unwrap().compare_marked();
        let kept = |group: usize| marked.columns.iter().map(|(score, _)| score.kept[group]).collect::<Vec<_>>();
        let same = |group: &usize| kept(*group).windows(2).all(|pair| pair[0] == pair[1]);
        assert!(marked.differing.len() > 5 && !marked.differing.iter().any(same));
        let last = marked.differing.len() - 1;
        press(&mut app, "j G");
        assert_eq!(app.overlay(), &Overlay::Marked(last, 0));
        press(&mut app, "c");
        assert_eq!(app.overlay(), &Overlay::None);
    }

    #[test]
    fn after_a_race_those_of_other_weights_are_not_paired() {
        let mut app = opened(3);
        push(&mut app, Event::Candidate(Box::new(score(90, Source::Posterior, 30, 350, 900))));
        let run = app.run.as_mut().unwrap();
        run.marked = [CandidateId(3), CandidateId(90)].into();
        let mut app = answered(app);
        assert!(matches!(against(&app)[1].1, Against::Tied(_) | Against::Apart(_)));
        let race = RaceOutcome { error: 0.05, candidates: 6, dropped: 0, asked: 10, saved: 0 };
        push(&mut app, Event::Race(race));
        assert_eq!(against(&app)[1].1, Against::Unknown);
    }
}
