//! Which select images each candidate gets right: asked of the run's folder beside the screen, and judged there once for all frames.

use super::run::Run;
use super::state::{App, Overlay, View};
use crate::export::Comparison;
use crate::posterior::statistics::Answers;
use crate::run::{CandidateId, CandidateRecord, CandidateScore, Phase, Source, Started, newest};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the screen wants to know of the answers of a run's candidates.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Folder of the run.
    pub run: PathBuf,
    /// The head of its log.
    pub started: Box<Started>,
    /// How many of its list count: a replay has not come to the others yet.
    pub candidates: usize,
}

/// What the answers tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// How many candidates of the list it rests on.
    pub candidates: usize,
    /// The posterior against every baseline; `None` where one of the two is lacking.
    pub comparison: Option<Comparison>,
    /// Of each candidate of the newest weights its source and its accuracy on the images that all of them were asked.
    pub shares: Vec<(Source, f64)>,
    /// Images that the one that was asked the most of them was asked.
    pub most_asked: usize,
    /// The answers of each candidate, with the batch-norm statistics that decide.
    pub answers: BTreeMap<CandidateId, Answers>,
}

/// Reads and judges them, on a thread of its own; its error is one line on what went wrong.
pub type Reading = Box<dyn FnOnce() -> Result<Compared, String> + Send>;

/// How far a run's question is.
#[derive(Debug, Clone, Default)]
pub(super) struct Inquiry {
    /// Candidates that it was asked for last.
    asked: Option<usize>,
    is_under_way: bool,
    fault: Option<String>,
    found: Option<Arc<Compared>>,
}

/// While a search ranks, it is asked anew once there are so many more candidates as a share of those asked for before, so that all the
/// asking takes no more than some times what the last one takes, from a search that needs the processors.
const GROWTH: usize = 8;

impl Compared {
    /// Judges some candidates of one run.
    #[must_use]
    pub fn of(started: &Started, records: &[CandidateRecord]) -> Self {
        let mode = started.batch_norm;
        let scores: Vec<CandidateScore> = records.iter().map(|record| record.score.clone()).collect();
        let all: BTreeMap<CandidateId, &CandidateRecord> = records.iter().map(|record| (record.score.id, record)).collect();
        let current: Vec<&CandidateRecord> = newest(&scores).filter_map(|score| all.get(&score.id).copied()).collect();
        let asked = || current.iter().map(|record| record.correct(mode).0.len());
        let common = asked().min().unwrap_or(0);
        let share = |record: &&CandidateRecord| {
            let right = record.correct(mode).0.iter().take(common).filter(|&&right| right).count();
            (record.score.source, right as f64 / common.max(1) as f64)
        };
        Self {
            candidates: records.len(),
            comparison: Comparison::without_races(started, records),
            shares: current.iter().map(share).collect(),
            most_asked: asked().max().unwrap_or(0),
            answers: all.iter().map(|(&id, record)| (id, Answers::new(&record.correct(mode).0))).collect(),
        }
    }
}

impl Run {
    /// What the answers of its candidates tell, where they have been read.
    #[must_use]
    pub fn compared(&self) -> Option<&Compared> {
        // A replay may have gone back to before some of them.
        self.inquiry.found.as_deref().filter(|found| found.candidates <= self.candidates.len())
    }

    /// Whether its answers are being read.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.inquiry.is_under_way
    }

    /// Why its answers could not be read.
    #[must_use]
    pub fn reading_fault(&self) -> Option<&str> {
        self.inquiry.fault.as_deref()
    }

    /// What is to be read now, where that would tell more than is known.
    fn question(&mut self) -> Option<Question> {
        let candidates = self.candidates.len();
        let due = match self.inquiry.asked {
            None => candidates > 0,
            Some(asked) if self.is_live() && self.phase() == Phase::Ranking => candidates >= asked + (asked / GROWTH).max(1),
            Some(asked) => asked != candidates,
        };
        if self.inquiry.is_under_way || !due {
            return None;
        }
        let started = Box::new(self.started.clone()?);
        (self.inquiry.asked, self.inquiry.is_under_way) = (Some(candidates), true);
        Some(Question { run: self.path.clone(), started, candidates })
    }
}

impl App {
    /// What the screen that shows wants to know of the answers of the candidates, once: it is under way from then on.
    pub fn question(&mut self) -> Option<Question> {
        let wanted = (self.view == View::Compare && self.beside.is_none()) || matches!(self.overlay, Overlay::Marked(..));
        self.run.as_mut().filter(|_| wanted)?.question()
    }

    /// What came of a question about a run.
    pub fn answered(&mut self, run: &Path, found: Result<Compared, String>) {
        // The screen may have gone on to another run.
        let Some(run) = self.run.as_mut().filter(|known| known.path == run) else { return };
        run.inquiry.is_under_way = false;
        match found {
            Ok(found) => (run.inquiry.found, run.inquiry.fault) = (Some(Arc::new(found)), None),
            Err(fault) => run.inquiry.fault = Some(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{app_at, app_with_candidates, opened, press, push, records, score};
    use super::*;
    use crate::run::{Bits, Event, fixture};

    #[test]
    fn it_is_asked_once_where_it_shows_and_again_when_there_are_more_candidates() {
        let mut app = opened(5);
        assert_eq!(app.question(), None, "the screen of the search needs no answers");
        press(&mut app, "4");
        let question = app.question().unwrap();
        assert_eq!((question.candidates, question.run.as_path()), (12, app.run().unwrap().path()));
        assert!(app.run().unwrap().is_reading() && app.question().is_none(), "it is under way");
        let found = Compared::of(&question.started, &records(app.run().unwrap()));
        app.answered(Path::new("elsewhere"), Ok(found.clone()));
        assert!(app.run().unwrap().compared().is_none(), "that was another run");
        app.answered(&question.run, Ok(found.clone()));
        assert_eq!(app.question(), None);
        assert_eq!(app.run().unwrap().compared(), Some(&found));

        press(&mut app, "4");
        push(&mut app, Event::Candidate(Box::new(score(90, Source::Posterior, 40, 340, 900))));
        assert_eq!(app.question().unwrap().candidates, 13);
        app.answered(&question.run, Err("no such file".into()));
        assert_eq!(app.question(), None, "a fault is not asked for ever");
        assert_eq!(app.run().unwrap().reading_fault(), Some("no such file"));
        assert_eq!(app.run().unwrap().compared(), Some(&found), "what was known stays");
    }

    #[test]
    fn a_search_that_ranks_is_asked_in_growing_steps() {
        let mut app = app_with_candidates(40, 40);
        push(&mut app, Event::Phase { phase: Phase::Ranking });
        app.snapshot(std::sync::Arc::new(crate::run::Snapshot { phase: Phase::Ranking, ..super::super::testing::snapshot_at(40) }));
        press(&mut app, "4");
        let question = app.question().unwrap();
        app.answered(&question.run, Ok(Compared::of(&question.started, &[])));
        let mut asked = 0;
        for id in 0..20 {
            push(&mut app, Event::Candidate(Box::new(score(100 + id, Source::Posterior, 40, 340, 900))));
            if let Some(question) = app.question() {
                asked += 1;
                app.answered(&question.run, Ok(Compared::of(&question.started, &[])));
            }
        }
        // From 82 on: at 92.
        assert_eq!(asked, 1);
    }

    #[test]
    fn under_a_race_all_are_cut_to_the_images_that_all_were_asked() {
        let mut records = fixture::candidates();
        let raced = records.iter_mut().find(|record| record.score.source == Source::Random).unwrap();
        let bits = Bits(raced.correct_recalibrated.0[..40].to_vec());
        (raced.correct_inherited, raced.correct_recalibrated) = (bits.clone(), bits);
        let found = Compared::of(&fixture::started(), &records);
        assert_eq!((found.most_asked, found.comparison.unwrap().images), (100, 40));
        // The fixture's posterior candidates are wrong on the last images alone, so that they get the first 40 right.
        assert!(found.shares.iter().filter(|(source, _)| *source == Source::Posterior).all(|(_, share)| (share - 1.0).abs() < 1e-12));
        assert_eq!((found.shares.len(), found.answers.len()), (7, 8), "an earlier candidate is judged with no other");
    }

    #[test]
    fn without_candidates_nothing_is_asked() {
        let mut app = app_at(3);
        press(&mut app, "4");
        assert_eq!(app.question(), None);
    }
}
