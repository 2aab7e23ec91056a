//! The NAS best-practice checklist of Lindauer and Hutter (JMLR 21:243, 2020), answered from a run's own records: each item with the
//! record that shows it. What no record shows is answered by no or unknown, never by what one would wish.

use super::Report;
use crate::run::{Event, Record};
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
            format!("one process, `device` {}, `program` {program}, one super-network for all; no intervention", report.device),
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
        (
            "Hyperparameters and seeds of the final evaluation released?",
            (Answer::Yes, format!("`config.toml`, section [rank]; `seed` {seed}; what is evaluated are inherited weights")),
        ),
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
            if_compared(format!(
                "`comparison`: all with {} batch-norm statistics, image by image",
                super::markdown::mode(report.batch_norm)
            )),
        ),
        ("Performance compared over time?", if_compared("`comparison.best_of`: the best of n samples, for each n".into())),
        ("Compared with random search?", if_compared(format!("`comparison.baselines`: {}", against.unwrap_or_default()))),
        ("Several runs, with their seeds?", (Answer::No, format!("this is one run, of `seed` {seed}; repeat it with other `--seed`s"))),
        ("Tabular or surrogate benchmark used?", (Answer::No, "no accuracy of a benchmark's table is in the records of a search".into())),
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
                    report.device, report.test_reads
                ),
            ),
        ),
    ];
    answers.into_iter().map(|(asks, (answer, shown_by))| ChecklistItem { asks, answer, shown_by }).collect()
}
