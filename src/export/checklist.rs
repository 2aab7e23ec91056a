//! The NAS best-practice checklist of Lindauer and Hutter (JMLR 21:243, 2020), answered from a run's own records: each item with the
//! record that shows it. What no record shows is answered by no or unknown, never by what one would wish.

use super::Report;
use crate::run::{Event, Record, readable};
use serde::Serialize;

/// An item with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChecklistItem {
    /// What it asks.
    pub asks: &'static str,
    /// What the records say.
    pub answer: Answer,
    /// The record that shows it, or what is missing.
    pub shown_by: String,
}

/// What the records of a run say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// They show it.
    Yes,
    /// They show that it is not so, or one run cannot do it.
    No,
    /// They cannot tell.
    Unknown,
}

impl Answer {
    /// The word for it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

const FINAL_EVALUATION: &str = "Hyperparameters and seeds of the final evaluation released?";
const TABULAR: &str = "Tabular or surrogate benchmark used?";

/// Which weights are evaluated.
fn evaluated(report: &Report) -> (Answer, String) {
    let seed = report.seed;
    let weights = match report.retrained.len() {
        0 => "what is evaluated are inherited weights".to_owned(),
        count => format!(
            "evaluated are inherited weights and, in `retrained` with `from`, `seed`, `epochs` and `recipe`, those of {} by {}",
            if count == 1 { "one training".to_owned() } else { format!("{count} trainings") },
            if count == 1 { "itself" } else { "themselves" }
        ),
    };
    (Answer::Yes, format!("`config.toml`, section [rank]; `seed` {seed}; {weights}"))
}

/// Whether accuracies come from a table.
fn tabular(report: &Report) -> (Answer, String) {
    let tables: Vec<&str> = report.correlations.iter().filter(|told| told.training.is_none()).map(|told| told.truth.as_str()).collect();
    match tables.as_slice() {
        [] => (Answer::No, "no accuracy of a benchmark's table is in the records of this run".into()),
        tables => (Answer::Yes, format!("`correlations`: {}, after the search, which saw none of it", tables.join("; "))),
    }
}

/// Answers anew what depends on what was found out after the search.
pub(super) fn renew(report: &mut Report) {
    for (asks, (answer, shown_by)) in [(FINAL_EVALUATION, evaluated(report)), (TABULAR, tabular(report))] {
        for item in report.checklist.iter_mut().filter(|item| item.asks == asks) {
            (item.answer, item.shown_by) = (answer, shown_by.clone());
        }
    }
}

/// The checklist of a run.
#[must_use]
pub fn checklist(report: &Report, records: &[Record]) -> Vec<ChecklistItem> {
    let seed = report.seed;
    let program = &report.program;
    let compared = report.comparison.as_ref();
    let against =
        compared.map(|comparison| comparison.baselines.iter().map(|baseline| baseline.drawn.source.label()).collect::<Vec<_>>().join(", "));
    let if_compared = |shown: String| match compared {
        Some(_) => (Answer::Yes, shown),
        None => (Answer::No, "no baseline was ranked with its answers; set `rank.random` or `rank.uniform`".to_owned()),
    };
    let others: Vec<String> = records
        .iter()
        .filter_map(|record| match &record.event {
            Event::Resumed { device, program: later, .. } if *device != report.device || later != program => {
                Some(format!("{later} on {device}"))
            }
            _ => None,
        })
        .collect();
    let finished = report.peak_rss_bytes.is_some();
    let images = compared.map_or(0, |comparison| comparison.images);
    let confounders = match (compared, others.is_empty() && report.interventions == 0) {
        (Some(_), true) => (
            Answer::Yes,
            format!("one process, `device` {}, `program` {program}, one super-network for all; no intervention", readable(&report.device)),
        ),
        (Some(_), false) => {
            let went_on = if others.is_empty() { String::new() } else { format!("; went on with {}", others.join(", ")) };
            (Answer::No, format!("`interventions`: {}{went_on}", report.interventions))
        }
        (None, _) => if_compared(String::new()),
    };
    let answers: [(&'static str, (Answer, String)); 16] = [
        (
            "Code of the training pipeline released?",
            (Answer::Yes, format!("`program`: {program}, under MIT or Apache-2.0; the recipe is `config.toml`")),
        ),
        (
            "Code of the search space released?",
            (
                Answer::Yes,
                format!("`config.toml`, section [space], built by {program}; a space of one's own is kept beside it as `space.toml`"),
            ),
        ),
        (FINAL_EVALUATION, evaluated(report)),
        ("Code of the search method released?", (Answer::Yes, format!("`program`: {program}"))),
        (
            "Hyperparameters and seeds of the search method released?",
            (Answer::Yes, format!("`config.toml`, every key with its origin; `seed` {seed}")),
        ),
        (
            "Same data, split, space and training for all methods that are compared?",
            if_compared(format!(
                "`comparison`: posterior and {} on the same {images} select images and weights",
                against.clone().unwrap_or_default()
            )),
        ),
        ("Confounding factors controlled?", confounders),
        ("Ablation studies?", (Answer::No, "one run is none; change one key by `--set` and compare the reports".into())),
        (
            "Same evaluation protocol for all methods?",
            if_compared(format!("`comparison`: all with {} batch-norm statistics, image by image", report.batch_norm.label())),
        ),
        ("Performance compared over time?", if_compared("`comparison.best_of`: the best of n samples, for each n".into())),
        ("Compared with random search?", if_compared(format!("`comparison.baselines`: {}", against.unwrap_or_default()))),
        ("Several runs, with their seeds?", (Answer::No, format!("this is one run, of `seed` {seed}; repeat it with other `--seed`s"))),
        (TABULAR, tabular(report)),
        (
            "Told how hyperparameters were tuned, and at what cost?",
            (Answer::Unknown, "`config.toml` tells which values were set and where, not how somebody came to them".into()),
        ),
        (
            "Time of the whole method told, from end to end?",
            if finished {
                (
                    Answer::Yes,
                    format!("`wall_seconds`: {:.0}, from start to end, with the parts of training and ranking", report.wall_seconds),
                )
            } else {
                (Answer::No, "the log has no end".into())
            },
        ),
        (
            "All details of the experiment told?",
            (
                Answer::Unknown,
                format!(
                    "recorded: preset, seeds, splits, `device` {}, memory, time, `test_reads` {}; not recorded: the make of the machine",
                    readable(&report.device),
                    report.test_reads
                ),
            ),
        ),
    ];
    answers.into_iter().map(|(asks, (answer, shown_by))| ChecklistItem { asks, answer, shown_by }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Correlation, Judged, Training};
    use super::*;
    use crate::run::{Accuracy, Bits, CandidateId, Retrained, Source, Start, fixture};

    fn report() -> Report {
        let events = fixture::events().into_iter().enumerate();
        let records: Vec<Record> = events.map(|(place, event)| Record { sequence: place as u64, seconds: place as f64, event }).collect();
        Report::of(&records, &fixture::candidates(), vec![]).unwrap()
    }

    fn item(report: &Report, asks: &str) -> (Answer, String) {
        let item = report.checklist.iter().find(|item| item.asks == asks).unwrap();
        (item.answer, item.shown_by.clone())
    }

    fn retrained() -> Retrained {
        Retrained {
            name: "6-scratch-1".into(),
            candidate: CandidateId(6),
            source: Source::Posterior,
            from: Start::Scratch,
            seed: 1,
            epochs: 2,
            recipe: Vec::new(),
            parameters: 510,
            macs: 5100,
            cross_entropy: 0.1,
            train_accuracy: 0.99,
            inherited: Accuracy { correct: 98, total: 100 },
            retrained: Accuracy { correct: 99, total: 100 },
            only_inherited: 0,
            only_retrained: 1,
            p: 1.0,
            seconds: 3.0,
            correct: Bits::default(),
        }
    }

    /// A correlation with what a short training found.
    fn by_training() -> Correlation {
        let training = Training { from: Start::Scratch, epochs: 8, seed: 1, recipe: Vec::new(), split: "select".into() };
        let share = |n: u32| f64::from(n) / 100.0;
        let judged = (0..10).map(|n| Judged { architecture: n.to_string(), predicted: [share(n); 3], truth: share(n) }).collect();
        Correlation::of("trained from scratch".into(), Some(training), judged, 2, 100, 1, None).unwrap()
    }

    #[test]
    fn what_was_found_out_after_the_search_changes_the_answers() {
        let before = report();
        assert!(item(&before, FINAL_EVALUATION).1.ends_with("what is evaluated are inherited weights"));
        assert_eq!(item(&before, TABULAR).0, Answer::No);
        let after = before.with(None, &[retrained()]);
        let told = item(&after, FINAL_EVALUATION).1;
        assert!(told.contains("`retrained`") && told.ends_with("those of one training by itself"), "{told}");
        assert_eq!(item(&after, TABULAR).0, Answer::No);
        let by_training = by_training();
        assert_eq!(item(&after.clone().with_correlations(vec![by_training.clone()]), TABULAR).0, Answer::No);
        let by_table = Correlation { training: None, truth: "nb201.csv".into(), ..by_training };
        let (answer, told) = item(&after.with_correlations(vec![by_table]), TABULAR);
        assert_eq!(answer, Answer::Yes);
        assert!(told.contains("nb201.csv"), "{told}");
    }
}
