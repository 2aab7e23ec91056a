//! Two runs side by side: what each was, how it went, what came out.

use super::paint::{Brush, duration, share3, short};
use super::panes;
use super::theme::Role;
use crate::app::Run;
use crate::posterior::statistics::mean_and_deviation;
use crate::run::{Outcome, Source};
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
    if lower.height > 3 {
        panes::curves(run, lower, false, brush);
    }
}

/// The facts of a run; of all runs the same ones in the same order.
fn facts(run: &Run) -> Vec<(&'static str, String)> {
    let none = || "–".to_owned();
    let started = |fact: &dyn Fn(&crate::run::Started) -> String| run.started().map_or_else(none, fact);
    let state = match run.ending().map(|ending| &ending.outcome) {
        Some(Outcome::Completed) => "completed",
        Some(Outcome::Stopped) => "stopped",
        Some(Outcome::Failed { .. }) => "! failed",
        None => "unfinished",
    };
    let mode = run.mode();
    let winner = run.winner().and_then(|id| run.candidates().iter().find(|score| score.id == id));
    let mean = |source| {
        let epoch = run.candidates().last().map_or(0, |score| score.epoch);
        mean_and_deviation(&run.accuracies(source, epoch)).map_or_else(none, |(mean, _)| share3(mean))
    };
    vec![
        ("state", state.to_owned()),
        ("preset", started(&|started| started.preset.clone())),
        ("seed", started(&|started| started.seed.to_string())),
        ("images", started(&|started| started.set.clone())),
        ("super-network", started(&|started| format!("{} parameters", short(started.network.parameters as f64)))),
        ("epochs", run.epoch_of().map_or_else(none, |(done, all)| format!("{done} of {all}"))),
        ("by hand", if run.interventions().is_empty() { none() } else { format!("{} times", run.interventions().len()) }),
        ("expected", run.health().map_or_else(none, |health| format!("{} parameters", short(health.expected_parameters)))),
        ("winner, select", winner.map_or_else(none, |score| share3(score.select.of(mode).share()))),
        ("winner, test", winner.and_then(|score| run.test(score.id)).map_or_else(none, |test| share3(test.test.of(mode).share()))),
        ("winner, size", winner.map_or_else(none, |score| format!("{} parameters", short(score.parameters as f64)))),
        ("posterior mean", mean(Source::Posterior)),
        ("random mean", mean(Source::Random)),
        ("took", run.ending().map_or_else(none, |ending| duration(ending.resources.wall_seconds))),
    ]
}
