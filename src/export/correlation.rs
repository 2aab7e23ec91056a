//! How well the accuracies of inherited weights foretell true ones, and how true the posterior's choice is: as numbers and as text.

use super::report::Limits;
use super::text::percent;
use crate::posterior::statistics::{Interval, RankCorrelation, difference_of_means, mean_and_deviation, rank_correlation};
use crate::run::Start;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::path::Path;

/// One architecture with what is foretold of it and what is true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Its name, such as a genotype.
    pub architecture: String,
    /// Select accuracy with inherited weights, for each of [`MODES`].
    pub predicted: [f64; 3],
    /// Its true accuracy.
    pub truth: f64,
}

/// The kinds of batch-norm statistics that accuracies are foretold with.
pub const MODES: [&str; 3] = ["inherited", "re-estimated", "of the batch"];

/// How well one kind of statistics ranks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModeCorrelation {
    /// One of [`MODES`].
    pub batch_norm: String,
    /// Kendall's tau-b over all architectures.
    pub tau: Limits,
    /// Spearman's rank correlation over all architectures.
    pub spearman: Limits,
    /// The share of the k best by prediction among the k best in truth.
    pub precision: Limits,
    /// Kendall's tau-b among the k best by prediction; `null` where all are tied there.
    pub top_tau: Option<Limits>,
}

/// Truths that correlations are kept for: each has a file of its own in the folder of a run.
pub const TRUTHS: [&str; 2] = ["table", "retrained"];

/// How candidates were trained to learn what is true of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// What it began with.
    pub from: Start,
    /// Epochs.
    pub epochs: u32,
    /// Seed, the same for all.
    pub seed: u64,
    /// What the recipe has otherwise than that of the search, `key=value`.
    pub recipe: Vec<String>,
    /// The split whose accuracy is the truth; never `test`.
    pub split: String,
}

/// True accuracies of what the posterior proposes, beside those of architectures at random.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Mean true accuracy of architectures at random.
    pub random: f64,
    /// Mean true accuracy of architectures drawn from the posterior.
    pub posterior: f64,
    /// How many were drawn.
    pub drawn: usize,
    /// Posterior minus random, with a bootstrap 95 % interval over architectures.
    pub difference: Limits,
    /// The likeliest architecture.
    pub likeliest: String,
    /// Its true accuracy.
    pub likeliest_truth: f64,
    /// The share of all known architectures that are worse.
    pub likeliest_better_than: f64,
    /// The best true accuracy that is known.
    pub best: f64,
}

/// Rank correlation of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// Where the truth comes from, in words.
    pub truth: String,
    /// How it was trained for; `null` where it comes from a table.
    pub training: Option<Training>,
    /// How many architectures were compared.
    pub architectures: usize,
    /// k of the precision and of the top.
    pub top: usize,
    /// Select images that the predictions rest on.
    pub images: usize,
    /// For each kind of statistics; none where it tells nothing apart.
    pub modes: Vec<ModeCorrelation>,
    /// Kinds of statistics with which all architectures look alike.
    pub constant: Vec<String>,
    /// What the posterior proposes, where the truth of any architecture is known.
    pub proposal: Option<Proposal>,
    /// What to make of it, in words.
    pub verdict: String,
    /// The architectures.
    pub judged: Vec<Judged>,
}

impl Correlation {
    /// Correlates what is foretold with what is true; `None` where no kind of statistics tells any two architectures apart.
    #[must_use]
    pub fn of(
        truth: String,
        training: Option<Training>,
        judged: Vec<Judged>,
        top: usize,
        images: usize,
        seed: u64,
        proposal: Option<Proposal>,
    ) -> Option<Self> {
        let true_ones: Vec<f64> = judged.iter().map(|one| one.truth).collect();
        let of = |mode: usize| {
            let predicted: Vec<f64> = judged.iter().map(|one| one.predicted[mode]).collect();
            rank_correlation(&predicted, &true_ones, top, seed)
        };
        let found: Vec<(&str, Option<RankCorrelation>)> = MODES.iter().enumerate().map(|(mode, name)| (*name, of(mode))).collect();
        let modes: Vec<ModeCorrelation> = found.iter().filter_map(|(name, found)| Some(mode(name, (*found)?))).collect();
        let constant = found.iter().filter(|(_, found)| found.is_none()).map(|(name, _)| (*name).to_owned()).collect();
        let verdict = verdict(&modes, proposal.as_ref())?;
        let top = found.iter().find_map(|(_, found)| found.map(|found| found.top))?;
        Some(Self { truth, training, architectures: judged.len(), top, images, modes, constant, proposal, verdict, judged })
    }
}

impl Correlation {
    /// Reads what was kept of one; `None` where there is none, or none of this version.
    #[must_use]
    pub fn read(path: &Path) -> Option<Self> {
        let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        (kept["version"] == 1).then(|| serde_json::from_value(kept).ok()).flatten()
    }

    /// The rows of its table: the head, then a row for each kind of statistics that tells something apart.
    #[must_use]
    pub fn rows(&self) -> Vec<[String; 5]> {
        let told = |limits: &Limits| format!("{:.2} ({:.2} to {:.2})", limits.estimate, limits.low, limits.high);
        let top = self.top;
        let head = ["batch norm", "tau", "Spearman", &format!("precision at {top}"), &format!("tau in the top {top}")].map(str::to_owned);
        let rows = self.modes.iter().map(|mode| {
            let top_tau = mode.top_tau.as_ref().map_or("–".to_owned(), told);
            [mode.batch_norm.clone(), told(&mode.tau), told(&mode.spearman), told(&mode.precision), top_tau]
        });
        std::iter::once(head).chain(rows).collect()
    }
}

impl Proposal {
    /// Compares true accuracies of architectures at random with those drawn from a posterior, and looks up the likeliest among all `known`
    /// ones. `None` where there are none of a kind.
    #[must_use]
    pub fn of(random: &[f64], posterior: &[f64], (likeliest, truth): (String, f64), known: &[f64], seed: u64) -> Option<Self> {
        let worse = known.iter().filter(|&&other| other < truth).count() as f64 / known.len().max(1) as f64;
        Some(Self {
            random: mean_and_deviation(random)?.0,
            posterior: mean_and_deviation(posterior)?.0,
            drawn: posterior.len(),
            difference: limits(difference_of_means(posterior, random, seed)?),
            likeliest,
            likeliest_truth: truth,
            likeliest_better_than: worse,
            best: known.iter().copied().reduce(f64::max)?,
        })
    }
}

fn limits(Interval { estimate, low, high }: Interval) -> Limits {
    Limits { estimate, low, high }
}

fn mode(batch_norm: &str, found: RankCorrelation) -> ModeCorrelation {
    let RankCorrelation { tau, spearman, precision, top_tau, .. } = found;
    let batch_norm = batch_norm.to_owned();
    ModeCorrelation { batch_norm, tau: limits(tau), spearman: limits(spearman), precision: limits(precision), top_tau: top_tau.map(limits) }
}

fn verdict(modes: &[ModeCorrelation], proposal: Option<&Proposal>) -> Option<String> {
    let best = modes.iter().max_by(|a, b| a.tau.estimate.total_cmp(&b.tau.estimate))?;
    let name = &best.batch_norm;
    let ranks = match (best.tau.low > 0.0, best.tau.high < 0.0) {
        (true, _) => format!("Inherited weights rank better than chance (tau {:.2}, statistics {name}).", best.tau.estimate),
        (_, true) => format!("Inherited weights rank the wrong way round (tau {:.2}, statistics {name}).", best.tau.estimate),
        _ => {
            format!("Nothing shows that inherited weights rank these architectures: tau {:.2} and its interval holds 0.", best.tau.estimate)
        }
    };
    let chooses = proposal.map(|proposal| {
        let difference = &proposal.difference;
        match (difference.low > 0.0, difference.high < 0.0) {
            (true, _) => " What the posterior draws is truly better than random.",
            (_, true) => " What the posterior draws is truly worse than random.",
            _ => " What the posterior draws is not shown to be better or worse than random.",
        }
    });
    Some(ranks + chooses.unwrap_or_default())
}

/// What `pgnas correlate` prints.
#[must_use]
pub fn correlation_text(run: &str, correlation: &Correlation) -> String {
    let mut text = String::new();
    let Correlation { truth, architectures, images, .. } = correlation;
    let _ = writeln!(text, "{run}: {architectures} architectures on {images} select images with inherited weights; truth: {truth}\n");
    for [batch_norm, tau, spearman, precision, top_tau] in correlation.rows() {
        let _ = writeln!(text, "  {batch_norm:12}  {tau:>20}  {spearman:>20}  {precision:>20}  {top_tau:>20}");
    }
    for name in &correlation.constant {
        let _ = writeln!(text, "  {name:12}  all architectures alike: no ranking");
    }
    if let Some(proposal) = &correlation.proposal {
        let Limits { estimate, low, high } = proposal.difference;
        let _ = writeln!(text, "\ntrue accuracy");
        let _ = writeln!(text, "  {:12}  {}, mean of {architectures}", "random", percent(proposal.random));
        let difference = format!("{:+.1} points ({:+.1} to {:+.1})", 100.0 * estimate, 100.0 * low, 100.0 * high);
        let _ = writeln!(text, "  {:12}  {}, mean of {}: {difference}", "posterior", percent(proposal.posterior), proposal.drawn);
        let better = percent(proposal.likeliest_better_than);
        let _ = writeln!(
            text,
            "  {:12}  {}, better than {better} of all: {}",
            "likeliest",
            percent(proposal.likeliest_truth),
            proposal.likeliest
        );
        let _ = writeln!(text, "  {:12}  {}", "best of all", percent(proposal.best));
    }
    let _ = writeln!(text, "\n{}", correlation.verdict);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(count: u32, predicted: impl Fn(u32) -> [f64; 3]) -> Vec<Judged> {
        (0..count).map(|n| Judged { architecture: n.to_string(), predicted: predicted(n), truth: f64::from(n) / 100.0 }).collect()
    }

    #[test]
    fn each_kind_of_statistics_has_its_own_figures() {
        let predicted = |n: u32| [f64::from(n), 0.1, f64::from(n * 37 % 41)];
        let found = Correlation::of("table".into(), None, judged(40, predicted), 4, 100, 1, None).unwrap();
        assert_eq!((found.modes.len(), &found.constant[..], found.top), (2, &["re-estimated".to_owned()][..], 4));
        assert!((found.modes[0].tau.estimate - 1.0).abs() < 1e-12 && found.modes[1].tau.estimate < 0.9);
        assert!(found.verdict.starts_with("Inherited weights rank better than chance (tau 1.00, statistics inherited)"));
        let text = correlation_text("run", &found);
        assert!(text.contains("re-estimated  all architectures alike") && text.contains("precision at 4"), "{text}");
        assert!(Correlation::of("table".into(), None, judged(5, |_| [0.5; 3]), 2, 100, 1, None).is_none());
    }

    #[test]
    fn bad_news_is_told_as_it_is() {
        let worse: Vec<f64> = (0..30).map(|n| 0.7 + f64::from(n % 5) / 1000.0).collect();
        let random: Vec<f64> = (0..30).map(|n| 0.8 + f64::from(n % 7) / 1000.0).collect();
        let proposal = Proposal::of(&random, &worse, ("|a|".into(), 0.71), &[0.5, 0.6, 0.9, 0.95], 1);
        let found = Correlation::of("table".into(), None, judged(30, |n| [f64::from(n * 17 % 31); 3]), 3, 100, 1, proposal).unwrap();
        assert!(found.verdict.contains("Nothing shows that") && found.verdict.ends_with("truly worse than random."), "{}", found.verdict);
        let text = correlation_text("run", &found);
        assert!(text.contains("71.0 %, better than 50.0 % of all: |a|") && text.contains("-10.1 points"), "{text}");
        let backwards = Correlation::of("table".into(), None, judged(30, |n| [-f64::from(n); 3]), 3, 100, 1, None).unwrap();
        assert!(backwards.verdict.contains("the wrong way round"), "{}", backwards.verdict);
    }
}
