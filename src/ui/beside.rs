//! Two runs side by side: what each was, how it goes or went, how its posterior stands, what came out.

use super::paint::{Brush, duration, share2, share3, short};
use super::panes;
use super::theme::Role;
use crate::app::Run;
use crate::posterior::statistics::mean_and_deviation;
use crate::run::{Accuracy, Outcome, Phase, Source, newest};
use ratatui::layout::Rect;

/// Columns of the name of a fact.
const NAME: u16 = 18;

pub(super) fn draw(left: &Run, right: &Run, area: Rect, brush: &mut Brush<'_>) {
    let half = area.width / 2;
    let (ours, theirs) = (facts(left), facts(right));
    one(left, &ours, &theirs, Rect { width: half, ..area }, brush);
    one(right, &theirs, &ours, Rect { x: area.x + half, width: area.width - half, ..area }, brush);
}

fn one(run: &Run, facts: &[(&str, String)], other: &[(&str, String)], area: Rect, brush: &mut Brush<'_>) {
    let upper = Rect { height: (facts.len() as u16 + 2).min(area.height), ..area };
    let inner = brush.panel(upper, run.name(), "", false);
    for (y, ((name, value), (_, against))) in (inner.y..inner.bottom()).zip(facts.iter().zip(other)) {
        // What differs is marked, and not by its colour alone.
        let (mark, role) = if value == against { (" ", Role::Quiet) } else { ("~", Role::Text) };
        brush.text(inner.x, y, inner.width, &format!("{mark} {name}"), Role::Quiet);
        let x = inner.x + NAME.min(inner.width);
        brush.text(x, y, inner.right().saturating_sub(x), value, role);
    }
    let lower = Rect { y: upper.bottom(), height: area.height - upper.height, ..area };
    if lower.height > 2 {
        panes::curves(run, lower, false, brush);
    }
}

/// The facts of a run; of all runs the same ones in the same order.
fn facts(run: &Run) -> Vec<(&'static str, String)> {
    let none = || "–".to_owned();
    let started = |fact: &dyn Fn(&crate::run::Started) -> String| run.started().map_or_else(none, fact);
    let mode = run.mode();
    let winner = run.winner().and_then(|id| run.candidates().iter().find(|score| score.id == id));
    let health = run.health();
    vec![
        ("state", state(run)),
        ("preset", started(&|started| started.preset.clone())),
        ("seed", started(&|started| started.seed.to_string())),
        ("images", started(&|started| started.set.clone())),
        ("super-network", started(&|started| format!("{} parameters", short(started.network.parameters as f64)))),
        ("epochs", run.epoch_of().map_or_else(none, |(done, all)| format!("{done} of {all}"))),
        ("by hand", if run.interventions().is_empty() { none() } else { format!("{} times", run.interventions().len()) }),
        ("expected", health.map_or_else(none, |health| format!("{} parameters", short(health.expected_parameters)))),
        ("drop quartiles", quartiles(run).map_or_else(none, |quartiles| quartiles.map(share2).join("  "))),
        (
            "entropy",
            health.map_or_else(none, |health| {
                format!("{} bits, {:.0} % undecided", share2(health.entropy_bits), 100.0 * health.undecided_share)
            }),
        ),
        ("winner, select", winner.map_or_else(none, |score| with_interval(score.select.of(mode)))),
        ("winner, test", winner.and_then(|score| run.test(score.id)).map_or_else(none, |test| with_interval(test.test.of(mode)))),
        ("winner, size", winner.map_or_else(none, |score| format!("{} parameters", short(score.parameters as f64)))),
        ("posterior mean", mean(run, Source::Posterior).unwrap_or_else(none)),
        ("random mean", mean(run, Source::Random).unwrap_or_else(none)),
        ("took", run.ending().map_or_else(none, |ending| duration(ending.resources.wall_seconds))),
    ]
}

/// How it stands, in words.
fn state(run: &Run) -> String {
    let phase = match run.phase() {
        Phase::Preparing => "preparing",
        Phase::Training => "training",
        Phase::Ranking => "ranking",
        Phase::Testing => "reading the test split",
        Phase::Ended => "ended",
    };
    match run.ending().map(|ending| &ending.outcome) {
        Some(Outcome::Completed) => "completed".to_owned(),
        Some(Outcome::Stopped) => "stopped".to_owned(),
        Some(Outcome::Failed { .. }) => "! failed".to_owned(),
        None if run.is_paused() => format!("paused: {phase}"),
        None if run.is_live() => format!("running: {phase}"),
        None => "unfinished".to_owned(),
    }
}

/// Of the drop probabilities of all mask groups, what a quarter, a half and three quarters lie below; `None` before there are any.
fn quartiles(run: &Run) -> Option<[f64; 3]> {
    let groups = run.started().map_or(0, |started| started.network.groups.len());
    let mut drops: Vec<f64> = (0..groups).filter_map(|group| run.drop_probability(group)).collect();
    drops.sort_by(f64::total_cmp);
    let last = drops.len().checked_sub(1)?;
    Some([1, 2, 3].map(|quarter| drops[last * quarter / 4]))
}

/// An accuracy with half the width of its 95 % interval.
fn with_interval(accuracy: Accuracy) -> String {
    let interval = accuracy.interval();
    format!("{} ±{}", share3(interval.estimate), share3(interval.half_width()))
}

/// The mean select accuracy of the candidates of a source, with half the width of the 95 % interval of that mean over candidates, and how
/// many there are.
fn mean(run: &Run, source: Source) -> Option<String> {
    let epoch = newest(run.candidates()).next()?.epoch;
    let accuracies = run.accuracies(source, epoch);
    let (mean, deviation) = mean_and_deviation(&accuracies)?;
    let half = 1.96 * deviation / (accuracies.len() as f64).sqrt();
    Some(format!("{} ±{} of {}", share3(mean), share3(half), accuracies.len()))
}
