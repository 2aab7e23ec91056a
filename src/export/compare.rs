//! The comparison of posterior and baselines as text for people: histogram, differences, what samples buy.

use super::comparison::{Baseline, Comparison, Drawn, Racing, steps};
use super::text::{percent, points, share, thousands};
use crate::run::Source;
use std::fmt::Write as _;

/// Columns of the longest bar.
const BAR: usize = 24;

/// What `pgnas compare` prints.
#[must_use]
pub fn comparison_text(run: &str, comparison: &Comparison) -> String {
    let mut text = String::new();
    let sides = comparison.sides().map(|side| format!("{} {}", side.count, side.source.label())).collect::<Vec<_>>();
    let _ = writeln!(text, "{run}: {} candidates on {} select images\n", sides.join(", "), comparison.images);
    for side in comparison.sides().filter(|side| side.source.is_baseline()) {
        let _ = writeln!(text, "{}: {}", side.source.label(), side.source.about());
    }
    let _ = write!(text, "\n{}", histogram(comparison));
    for baseline in &comparison.baselines {
        let _ = writeln!(text, "\n{} against {}", Source::Posterior.label(), baseline.drawn.source.label());
        for (name, value) in facts(comparison, baseline) {
            let _ = writeln!(text, "  {name:25}  {value}");
        }
    }
    let _ = writeln!(
        text,
        "\nthe best of n samples, chosen on one half of the images and reported on the other (middle 95 % of draws), and how many of a baseline buy the same (95 % interval)"
    );
    let rows = best_of(comparison);
    let widths: Vec<usize> =
        (0..rows[0].len()).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}")).collect();
        let _ = writeln!(text, "  {}", cells.join("   "));
    }
    for baseline in &comparison.baselines {
        let _ = writeln!(text, "\n{}", baseline.sentence);
    }
    if let Some(racing) = &comparison.racing {
        let _ = writeln!(text, "\n{}", race_sentence(racing));
    }
    text.push_str("\nAll this is with the weights they have inherited; it does not show which are better once retrained.\n");
    text
}

/// What a race of the same candidates would have saved.
pub(super) fn race_sentence(racing: &Racing) -> String {
    let saved = racing.saved;
    format!(
        "A race at an error rate of {} would have saved {} of the evaluations ({} to {} over {} orders of the images), and found the same \
         winner in {} of them.",
        percent(racing.error),
        percent(saved.estimate),
        percent(saved.low),
        percent(saved.high),
        racing.races,
        racing.same_winner,
    )
}

/// A bar per source and range of accuracies, the best range first.
fn histogram(comparison: &Comparison) -> String {
    let mut text = format!("  {:13}", "select");
    comparison.sides().for_each(|side| {
        let _ = write!(text, "  {:width$}", side.source.label(), width = BAR + 5);
    });
    let mut text = text.trim_end().to_owned();
    text.push('\n');
    let most = comparison.sides().flat_map(|side| &side.histogram).copied().max().unwrap_or(1).max(1) as usize;
    for bar in (0..comparison.edges.len().saturating_sub(1)).rev() {
        let edge = |bar: usize| 100.0 * comparison.edges[bar];
        let mut line = format!("  {:5.1}–{:5.1} %", edge(bar), edge(bar + 1));
        for side in comparison.sides() {
            let count = side.histogram[bar] as usize;
            let drawn = "█".repeat((count * BAR).div_ceil(most));
            let told = if count > 0 { format!("{drawn} {count}") } else { String::new() };
            let _ = write!(line, "  {told:width$}", width = BAR + 5);
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// What there is to say of one baseline, by name.
#[must_use]
pub fn facts(comparison: &Comparison, baseline: &Baseline) -> Vec<(&'static str, String)> {
    let posterior = &comparison.posterior;
    let mean = |side: &Drawn| format!("{} ± {:.1}", percent(side.select_mean), 100.0 * side.select_sd);
    let versus = |of: &dyn Fn(&Drawn) -> String| format!("{} against {}", of(posterior), of(&baseline.drawn));
    let (difference, superiority) = (baseline.difference, baseline.superiority);
    let interval = |low: String, high: String| format!("(95 % interval {low} to {high})");
    vec![
        ("mean", versus(&mean)),
        ("difference", format!("{} points {}", points(difference.estimate), interval(points(difference.low), points(difference.high)))),
        ("superiority", format!("{} {}", share(superiority.estimate), interval(share(superiority.low), share(superiority.high)))),
        (
            "relative improvement",
            baseline.relative_improvement.map_or_else(|| "not known".to_owned(), |improvement| format!("{:+.1} %", 100.0 * improvement)),
        ),
        ("best, where it was chosen", versus(&|side| percent(side.best_chosen))),
        ("best, on the other half", versus(&|side| percent(side.best_honest))),
        ("what choosing buys", versus(&|side| format!("{} points", points(side.best_honest - side.select_mean)))),
        ("mean parameters", versus(&|side| thousands(side.parameters_mean.round() as u64))),
    ]
}

/// The table of what samples buy, its head first.
pub(super) fn best_of(comparison: &Comparison) -> Vec<Vec<String>> {
    let sides: Vec<&Drawn> = comparison.sides().collect();
    let last = sides.iter().map(|side| side.count).max().unwrap_or(1);
    let head = std::iter::once("n".to_owned()).chain(sides.iter().map(|side| side.source.label().to_owned()));
    let same = comparison.baselines.iter().map(|baseline| format!("{} for the same", baseline.drawn.source.label()));
    let mut rows = vec![head.chain(same).collect::<Vec<_>>()];
    for samples in steps(last) {
        let cell = |side: &&Drawn| {
            let point = side.best_of.get(samples - 1)?;
            Some(format!("{} ({:.1}–{:.1})", percent(point.accuracy), 100.0 * point.low, 100.0 * point.high))
        };
        let needed = comparison.baselines.iter().map(|baseline| {
            let worth = baseline.worth.iter().find(|worth| worth.posterior_samples == samples);
            worth.map_or_else(String::new, |worth| worth.words(baseline.drawn.count))
        });
        let cells = sides.iter().map(|side| cell(side).unwrap_or_default());
        rows.push(std::iter::once(samples.to_string()).chain(cells).chain(needed).collect());
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture;

    #[test]
    fn the_text_of_a_comparison() {
        let comparison = Comparison::of(&fixture::started(), &fixture::candidates()).unwrap();
        insta::assert_snapshot!(comparison_text("digits-1", &comparison));
    }
}
