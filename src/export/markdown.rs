//! The report of a run as text for people: a short summary for the end of a search, and a whole document.

use super::Correlation;
use super::compare::{best_of, facts as comparison_facts, race_sentence};
use super::report::{Candidate, Group, Limits, Report, Sample, Steered};
use super::text::{counted, duration, mebibytes, p_value, percent, points, thousands, times};
use crate::preset::Precision;
use crate::run::{Source, readable};
use std::fmt::Write as _;

/// What the evidence of a search is, and what it is not (method 9.3).
const CAVEAT: &str = "\
This compares networks **that work at once with the weights they have inherited**. It does not show that they are better \
*architectures*: in trials of the method on small image sets, posterior and random candidates of the same keep share were alike \
once both had been retrained from scratch. The winner's select accuracy is the best of many on the same images and so flatters it";

/// The same to its end: how often the test split was really opened.
fn caveat(report: &Report) -> String {
    match report.test_reads {
        0 => format!("{CAVEAT}; the test split was not opened."),
        count => {
            let opened = times(count);
            format!("{CAVEAT}; its accuracy on the test split, which was opened {opened}, does not, as long as nothing is chosen by it.")
        }
    }
}

/// What the costs of candidates are.
const COUNTS: &str = "\
Parameters and MACs are those of the sliced network, which holds what is read and nothing else. The paper's count takes away what the \
dropped channels themselves take along; filters that nobody reads any more are still in it.";

/// The same of a log of before sliced networks were counted.
const OLDER_COUNTS: &str = "\
This log is of a version that did not count sliced networks: parameters and MACs of all candidates are by the paper's count, with filters \
that nobody reads any more. An export tells those of the sliced network.";

/// What the table of the best of n is.
const BEST_OF: &str = "\
The best of n samples, chosen on one half of the select images and reported on the other, so that the choice does not flatter it: the \
mean over all choices of n of the candidates, with the middle 95 % of them; then how many samples of a baseline buy the same, with a bootstrap 95 % interval over candidates \
and images, which reaches no further than there are candidates.\n\n";

/// A few lines for the end of a search; `difference` is [`super::Comparison::difference`] from the random candidates, where their answers are
/// known.
#[must_use]
pub fn summary(report: &Report, difference: Option<Limits>) -> String {
    let mut text = String::new();
    let took = duration(report.wall_seconds);
    let _ = writeln!(text, "{}: {} after {took}, {} of {} epochs", report.run, report.outcome, report.epochs_done, report.epochs);
    if let Some(reason) = &report.reason {
        let _ = writeln!(text, "  reason: {reason}");
    }
    if let Some(share) = report.expected_drop_share {
        let _ = writeln!(text, "  dropped in expectation: {} of {} masked channels", percent(share), report.network.masked_channels);
    }
    for (name, candidate) in references(report) {
        let _ = writeln!(text, "  {name:11}  {}", line(candidate));
    }
    for (name, sample) in samples(report) {
        let accuracy = sample.deciding;
        let (mean, sd) = (percent(accuracy.select_mean), 100.0 * accuracy.select_sd);
        let _ = writeln!(text, "  {name:11}  select {mean} ± {sd:.1} (mean and deviation of {})", sample.count);
    }
    let over = if difference.is_some() { "candidates and images" } else { "candidates" };
    if let Some(limits) = difference.or(report.difference.map(|difference| difference.deciding)) {
        let interval = format!("95 % interval over {over} {} to {}", points(limits.low), points(limits.high));
        let _ = writeln!(text, "  posterior − random: {} points ({interval})", points(limits.estimate));
    }
    if let Some(ties) = &report.ties {
        let (tied, compared, posterior) = (ties.tied.len(), ties.compared, ties.posterior);
        let compared = counted(compared.into(), "candidate");
        let _ = writeln!(text, "  tied with the winner: {tied} of {compared}, {posterior} of them of the posterior");
    }
    let opened = times(report.test_reads);
    let _ = writeln!(text, "  test split opened {opened}; accuracies with {} batch-norm statistics", report.batch_norm.label());
    text
}

/// The whole report as Markdown.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut text = format!("# Search `{}`\n\n", report.run);
    facts(&mut text, report);
    result(&mut text, report);
    comparison(&mut text, report);
    let _ = write!(text, "## What this shows, and what not\n\n{}\n\n", caveat(report));
    ranking(&mut text, report);
    afterwards(&mut text, report);
    correlations(&mut text, report);
    posterior(&mut text, &report.groups);
    attention(&mut text, report);
    checklist(&mut text, report);
    text
}

/// The checklist of Lindauer and Hutter, a row for each item.
fn checklist(text: &mut String, report: &Report) {
    let of_what = "[Lindauer and Hutter 2020](https://jmlr.org/papers/v21/20-056.html), answered from the records of this run";
    let _ = write!(text, "## NAS best-practice checklist\n\n{of_what}.\n\n");
    let rows = report.checklist.iter().map(|item| vec![item.asks.to_owned(), item.answer.label().to_owned(), item.shown_by.clone()]);
    table(text, &["asks", "answer", "shown by"], rows);
}

/// What was computed in what.
fn precision(report: &Report) -> String {
    let rounds = match report.tf32 {
        Some(true) => "; the classifier's products of f32 in TF32",
        Some(false) => "",
        None => "; whether products of f32 were taken in TF32 is not recorded",
    };
    match report.precision {
        Precision::F32 => format!("f32{rounds}"),
        Precision::Bf16 => format!("dense convolutions of the training in bf16, all else and all ranking in f32{rounds}"),
    }
}

fn facts(text: &mut String, report: &Report) {
    let splits = report.splits;
    let network = &report.network;
    let mut rows = vec![
        ("preset", format!("{}, seed {}", report.preset, report.seed)),
        ("images", format!("{}: {} train, {} select, {} test", report.set, splits.train, splits.select, splits.test)),
        ("super-network", {
            let (parameters, macs) = (thousands(network.parameters as u64), thousands(network.macs as u64));
            format!("{parameters} parameters, {macs} MACs, {} mask groups over {} channels", network.groups, network.masked_channels)
        }),
        ("outcome", format!("{}, {} of {} epochs", report.outcome, report.epochs_done, report.epochs)),
        ("device", format!("{}, {}", readable(&report.device), report.program)),
        ("precision", precision(report)),
        ("time", time(report)),
    ];
    if let Some(race) = &report.race {
        let saved = percent(race.saved as f64 / (race.asked + race.saved).max(1) as f64);
        let (dropped, all, spent) = (race.dropped, race.candidates, thousands(race.asked));
        let error = percent(race.error);
        rows.push((
            "race",
            format!(
                "{dropped} of {all} candidates were dropped before they had seen all images, at an error rate of {error}: {spent} evaluations \
                 spent, {saved} of all saved; what is said of a source as a whole mixes both"
            ),
        ));
    }
    if let Some(constraint) = &report.constraint {
        let told = constraint.acceptance.iter().map(|told| {
            let share = percent(told.accepted as f64 / told.drawn.max(1) as f64);
            format!("{share} of {} {} draws meet it", thousands(told.drawn), told.source.label())
        });
        rows.push(("constraint", std::iter::once(format!("`{}`", constraint.bounds)).chain(told).collect::<Vec<_>>().join("; ")));
    }
    if let Some(reason) = &report.reason {
        rows.push(("reason", reason.clone()));
    }
    if let Some(peak) = report.peak_rss_bytes.filter(|&peak| peak > 0) {
        rows.push(("memory", format!("{} at most", mebibytes(peak))));
    }
    rows.push(("test split", format!("opened {}", times(report.test_reads))));
    table(text, &["", ""], rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]));
}

fn time(report: &Report) -> String {
    let part = |seconds: Option<f64>, what: &str| seconds.map(|seconds| format!("{} {what}", duration(seconds)));
    let parts: Vec<String> =
        [part(report.training_seconds, "training"), part(report.ranking_seconds, "ranking")].into_iter().flatten().collect();
    let whole = duration(report.wall_seconds);
    if parts.is_empty() { whole } else { format!("{whole}: {}", parts.join(", ")) }
}

fn result(text: &mut String, report: &Report) {
    let candidates = references(report);
    if candidates.is_empty() {
        text.push_str("No candidate was ranked.\n\n");
        return;
    }
    let _ = write!(text, "## Result\n\nAccuracies with {} batch-norm statistics, and their 95 % intervals.\n\n", report.batch_norm.label());
    let rows = candidates.into_iter().map(|(name, candidate)| {
        let accuracy = candidate.deciding;
        let on_test = match (accuracy.test_accuracy, accuracy.test_low, accuracy.test_high) {
            (Some(share), Some(low), Some(high)) => with_interval(share, low, high),
            _ => "not read".to_owned(),
        };
        vec![
            name.to_owned(),
            with_interval(accuracy.select_accuracy, accuracy.select_low, accuracy.select_high),
            on_test,
            thousands(candidate.parameters),
            thousands(candidate.macs),
            candidate.paper_count.map_or_else(
                || "the same".to_owned(),
                |count| format!("{} parameters, {} MACs", thousands(count.parameters), thousands(count.macs)),
            ),
            percent(candidate.kept_share),
        ]
    });
    table(text, &["", "select", "test", "parameters", "MACs", "paper's count", "kept"], rows);
    let sliced = report.winner.as_ref().is_none_or(|winner| winner.paper_count.is_some());
    let _ = write!(text, "{}\n\n", if sliced { COUNTS } else { OLDER_COUNTS });
}

fn comparison(text: &mut String, report: &Report) {
    let samples = samples(report);
    if samples.is_empty() {
        return;
    }
    text.push_str("## Posterior against random\n\n");
    for source in Source::BASELINES.into_iter().filter(|source| samples.iter().any(|(name, _)| *name == source.label())) {
        let _ = writeln!(text, "- **{}**: {}.", source.label(), source.about());
    }
    text.push('\n');
    let rows = samples.iter().map(|(name, sample)| {
        let spread = |accuracy: super::SampleAccuracy| format!("{} ± {:.1}", percent(accuracy.select_mean), 100.0 * accuracy.select_sd);
        let range = format!("{} to {}", percent(sample.deciding.select_min), percent(sample.deciding.select_max));
        let kept = percent(sample.kept_share_mean);
        vec![(*name).to_owned(), sample.count.to_string(), spread(sample.recalibrated), spread(sample.inherited), range, kept]
    });
    table(text, &["", "candidates", "select, re-estimated", "select, inherited", "lowest to highest", "kept"], rows);
    let Some(comparison) = &report.comparison else {
        if let Some(difference) = &report.difference {
            let limits = difference.deciding;
            let (estimate, low, high) = (points(limits.estimate), points(limits.low), points(limits.high));
            let _ = write!(text, "Posterior minus random: **{estimate} points** (95 % interval over candidates {low} to {high}).\n\n");
        }
        return;
    };
    for baseline in &comparison.baselines {
        let _ = write!(text, "**Against {}.** {}\n\n", baseline.drawn.source.label(), baseline.sentence);
        let rows = comparison_facts(comparison, baseline).into_iter().map(|(name, value)| vec![name.to_owned(), value]);
        table(text, &["", ""], rows);
    }
    text.push_str(BEST_OF);
    let mut rows = best_of(comparison).into_iter();
    let head = rows.next().unwrap_or_default();
    table(text, &head.iter().map(String::as_str).collect::<Vec<_>>(), rows);
    if let Some(racing) = &comparison.racing {
        let _ = write!(text, "{}\n\n", race_sentence(racing));
    }
}

fn ranking(text: &mut String, report: &Report) {
    let ranking = &report.ranking;
    if ranking.is_empty() {
        return;
    }
    let _ = write!(text, "## Best candidates\n\n{}\n\n", tied(report));
    let rows = ranking.iter().enumerate().map(|(place, candidate)| {
        let accuracy = candidate.deciding;
        vec![
            (place + 1).to_string(),
            candidate.id.0.to_string(),
            candidate.source.label().to_owned(),
            with_interval(accuracy.select_accuracy, accuracy.select_low, accuracy.select_high),
            if candidate.tied == Some(true) { "=" } else { "" }.to_owned(),
            if candidate.pareto { "*" } else { "" }.to_owned(),
            thousands(candidate.parameters),
            percent(candidate.kept_share),
        ]
    });
    table(text, &["", "candidate", "source", "select", "tied", "front", "parameters", "kept"], rows);
    let front = report.pareto.iter().map(|candidate| {
        let accuracy = candidate.deciding;
        vec![
            candidate.id.0.to_string(),
            candidate.source.label().to_owned(),
            with_interval(accuracy.select_accuracy, accuracy.select_low, accuracy.select_high),
            thousands(candidate.parameters),
            thousands(candidate.macs),
        ]
    });
    text.push_str("The front (`*`): no other network is better without more parameters.\n\n");
    table(text, &["candidate", "source", "select", "parameters", "MACs"], front);
}

/// What was found out after the search: averaging and retraining.
fn afterwards(text: &mut String, report: &Report) {
    if let Some(averaging) = &report.ensemble {
        let _ = write!(text, "## Averaging\n\n{}\n\n", super::averaging::ABOUT);
        let mut rows = super::averaging::rows(averaging).into_iter();
        let head = rows.next().unwrap_or_default();
        table(text, &head.iter().map(String::as_str).collect::<Vec<_>>(), rows);
    }
    if let Some(ensemble) = &report.ensemble_test {
        let (members, interval, quality) = (ensemble.members.len(), ensemble.test.interval(), ensemble.quality);
        let _ = write!(
            text,
            "The mean prediction of the best {members} on the test split: {}, NLL {:.3}, Brier {:.3}, calibration error {}.\n\n",
            with_interval(interval.estimate, interval.low, interval.high),
            quality.nll,
            quality.brier,
            percent(quality.calibration_error)
        );
    }
    if report.retrained.is_empty() {
        return;
    }
    text.push_str(
        "## Retrained\n\nSelect accuracy before (with the weights it inherited and the statistics that decide) and after it was trained by \
         itself; the exact McNemar test of the two.\n\n",
    );
    let rows = report.retrained.iter().map(|retrained| {
        vec![
            retrained.candidate.0.to_string(),
            retrained.source.label().to_owned(),
            format!("{}, seed {}, {}", retrained.from.word(), retrained.seed, counted(retrained.epochs.into(), "epoch")),
            percent(retrained.inherited_accuracy),
            with_interval(retrained.retrained_accuracy, retrained.retrained_low, retrained.retrained_high),
            points(retrained.retrained_accuracy - retrained.inherited_accuracy),
            p_value(retrained.p),
            thousands(retrained.parameters),
        ]
    });
    table(text, &["candidate", "source", "from", "before", "after", "difference", "McNemar", "parameters"], rows);
}

/// How well inherited weights rank, for each truth that was asked for.
fn correlations(text: &mut String, report: &Report) {
    if report.correlations.is_empty() {
        return;
    }
    text.push_str(
        "## Rank correlation\n\nWhat inherited weights foretell on the select split against what is true; bootstrap 95 % intervals.\n\n",
    );
    for correlation in &report.correlations {
        let Correlation { architectures, truth, images, training, verdict, constant, .. } = correlation;
        let _ = write!(text, "**n = {architectures}**, {images} select images. Truth: {truth}");
        if let Some(training) = training {
            let changes =
                if training.recipe.is_empty() { "as the search".to_owned() } else { format!("`{}`", training.recipe.join("` `")) };
            let _ = write!(text, "; recipe: {changes}; split of the truth: {}, never test", training.split);
        }
        let _ = write!(text, ".\n\n{verdict}\n\n");
        let mut rows = correlation.rows().into_iter();
        let head = rows.next().unwrap_or_default();
        let alike = constant.iter().map(|name| vec![name.clone(), "all architectures alike".to_owned()]);
        table(text, &head.each_ref().map(String::as_str), rows.map(Vec::from).chain(alike));
    }
}

/// Who is tied with the winner, in words.
fn tied(report: &Report) -> String {
    let Some(ties) = &report.ties else {
        return "Ranking was not completed; candidates whose intervals overlap are tied: their order is chance.".to_owned();
    };
    let smallest = ties.smallest.as_ref().filter(|smallest| smallest.id != ties.leader).map_or_else(String::new, |smallest| {
        let parameters = thousands(smallest.parameters);
        format!(" The smallest posterior candidate among them is {}, of {parameters} parameters.", smallest.id.0)
    });
    format!(
        "Of {} others, {} are tied with the winner, candidate {} (`=`; {} of them of the posterior): exact McNemar on the select images, with \
         Holm over all at 5 %, does not separate them, and their order is chance.{smallest}",
        ties.compared,
        ties.tied.len(),
        ties.leader.0,
        ties.posterior,
    )
}

fn posterior(text: &mut String, groups: &[Group]) {
    text.push_str("## Posterior\n\nDrop probability of each operation on each edge.\n\n");
    let rows = groups.iter().map(|group| {
        let drop = format!("{:.3}", group.drop_probability);
        let parameters = thousands(group.parameters as u64);
        vec![group.block.clone(), group.edge.clone(), group.operation.clone(), drop, group.channels.to_string(), parameters]
    });
    table(text, &["block", "edge", "operation", "drop", "channels", "parameters"], rows);
}

fn attention(text: &mut String, report: &Report) {
    let alerts = report.alerts.iter().map(|alert| &alert.message);
    let lines: Vec<&String> = alerts.chain(&report.notes).collect();
    if lines.is_empty() && report.interventions == 0 {
        return;
    }
    text.push_str("## Notes\n\n");
    if report.interventions > 0 {
        let _ = writeln!(text, "- Somebody steered this run, {} in all:", times(report.interventions));
        for Steered { step, what } in &report.steered {
            let _ = writeln!(text, "  - after step {step}: {what}");
        }
    }
    for line in lines {
        let _ = writeln!(text, "- {}", line.replace('\n', " "));
    }
    text.push('\n');
}

fn references(report: &Report) -> Vec<(&'static str, &Candidate)> {
    let references = [("winner", &report.winner), ("whole", &report.whole), ("threshold", &report.threshold)];
    let rows = references.into_iter().chain([("best random", &report.best_random)]);
    rows.filter_map(|(name, candidate)| Some((name, candidate.as_ref()?))).collect()
}

fn samples(report: &Report) -> Vec<(&'static str, &Sample)> {
    let rows = [("posterior", &report.posterior), ("random", &report.random), ("uniform", &report.uniform), ("constant", &report.constant)];
    rows.into_iter().filter_map(|(name, sample)| Some((name, sample.as_ref()?))).collect()
}

fn line(candidate: &Candidate) -> String {
    let accuracy = candidate.deciding;
    let test = accuracy.test_accuracy.map_or_else(String::new, |test| format!(", test {}", percent(test)));
    let (select, parameters, kept) = (percent(accuracy.select_accuracy), thousands(candidate.parameters), percent(candidate.kept_share));
    format!("select {select}{test}, {parameters} parameters, {kept} of the channels (candidate {})", candidate.id.0)
}

fn with_interval(share: f64, low: f64, high: f64) -> String {
    format!("{} ({:.1} to {:.1})", percent(share), 100.0 * low, 100.0 * high)
}

fn table(text: &mut String, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let _ = writeln!(text, "| {} |", head.join(" | "));
    let _ = writeln!(text, "|{}", "---|".repeat(head.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Record, fixture};

    fn report(length: usize) -> Report {
        let events = fixture::events().into_iter().take(length).enumerate();
        let records: Vec<Record> = events.map(|(place, event)| Record { sequence: place as u64, seconds: place as f64, event }).collect();
        Report::of(&records, &fixture::candidates(), vec!["line 9, the last one, is torn and was left out".into()]).unwrap()
    }

    #[test]
    fn the_document_of_a_complete_run() {
        insta::assert_snapshot!(markdown(&report(usize::MAX)));
    }

    #[test]
    fn the_summary_of_a_complete_run() {
        insta::assert_snapshot!(summary(&report(usize::MAX), None));
    }

    #[test]
    fn the_difference_of_the_summary_is_the_one_that_the_comparison_tells() {
        let (started, candidates) = (fixture::started(), fixture::candidates());
        let limits = super::super::Comparison::difference(&started, &candidates, Source::Random).unwrap();
        let text = summary(&report(usize::MAX), Some(limits));
        assert!(text.contains("posterior − random: +22.7 points (95 % interval over candidates and images +11.8 to +34.0)\n"), "{text}");
        let comparison = super::super::Comparison::of(&started, &candidates).unwrap();
        assert_eq!(comparison.baselines[0].difference, limits);
        assert!(comparison.baselines[0].sentence.contains("candidates and images +11.8 to +34.0"));
    }

    #[test]
    fn what_was_computed_in_what_is_told() {
        let told = |precision_of, tf32| precision(&Report { precision: precision_of, tf32, ..report(usize::MAX) });
        assert_eq!(told(Precision::F32, Some(false)), "f32");
        assert_eq!(told(Precision::F32, Some(true)), "f32; the classifier's products of f32 in TF32");
        assert!(told(Precision::Bf16, Some(false)).starts_with("dense convolutions of the training in bf16, all else"));
        assert!(told(Precision::F32, None).ends_with("is not recorded"));
    }

    #[test]
    fn an_unfinished_run_has_a_document_at_every_length() {
        for length in 1..fixture::events().len() {
            let report = report(length);
            let text = markdown(&report);
            assert!(text.contains("unfinished") && text.contains("is torn") && text.contains(CAVEAT), "{length}: {text}");
            assert!(!text.contains("NaN") && !summary(&report, None).contains("NaN"), "{length}");
        }
    }
}
