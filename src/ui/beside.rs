//! Two runs side by side: what each was, how it goes or went, how its posterior stands, what came out.

use super::paint::{Brush, broken, duration, share2, share3, short};
use super::panes;
use super::theme::Role;
use crate::app::{App, Run};
use crate::posterior::statistics::mean_and_deviation;
use crate::run::{Accuracy, Outcome, Phase, Source, newest};
use ratatui::layout::Rect;

/// Columns of the name of a fact.
const NAME: u16 = 18;
/// Columns from which on each run has a panel of its own.
const WIDE: u16 = 100;
/// Lines from which on curves are worth their place.
const CURVES: u16 = 9;

pub(super) fn draw(app: &App, left: &Run, right: &Run, area: Rect, brush: &mut Brush<'_>) {
    let half = area.width / 2;
    let (ours, theirs) = (facts(left), facts(right));
    let sides = [Rect { width: half, ..area }, Rect { x: area.x + half, width: area.width - half, ..area }];
    if area.width >= WIDE && area.height >= ours.len() as u16 + 2 {
        one((left, right), &ours, &theirs, sides[0], brush);
        one((right, left), &theirs, &ours, sides[1], brush);
        return;
    }
    let lines = lines(left, right, area.width.saturating_sub(4));
    // Curves below, where all facts leave room for them.
    let upper = Rect { height: if area.height >= lines.len() as u16 + 2 + CURVES { lines.len() as u16 + 2 } else { area.height }, ..area };
    let inner = brush.panel(upper, "Two runs", "", true);
    let room = usize::from(inner.height);
    brush.reach.down = Some(lines.len().saturating_sub(room));
    let first = app.scroll().min(lines.len().saturating_sub(room));
    brush.more(inner, first, room, lines.len());
    let (name, column) = columns(inner.width);
    for (y, (role, [told, ours, theirs])) in (inner.y..inner.bottom()).zip(lines.iter().skip(first)) {
        brush.text(inner.x, y, name, told, Role::Quiet);
        brush.text(inner.x + name, y, column, ours, *role);
        brush.text(inner.x + name + column + 1, y, column, theirs, *role);
    }
    for (run, other, side) in [(left, right, sides[0]), (right, left, sides[1])] {
        if upper.height < area.height {
            panes::curves(run, Some(other), Rect { y: upper.bottom(), height: area.height - upper.height, ..side }, false, brush);
        }
    }
}

/// Columns of the names of facts and of the facts of either run, in a panel that both share.
fn columns(width: u16) -> (u16, u16) {
    let name = 17.min(width / 2);
    (name, (width - name).saturating_sub(1) / 2)
}

/// The facts of both runs in lines, with their role: names, and what each run has, broken where its column is too narrow.
fn lines(left: &Run, right: &Run, width: u16) -> Vec<(Role, [String; 3])> {
    let (_, column) = columns(width);
    let title = [(Role::Title, ("", left.name().to_owned(), right.name().to_owned()))];
    let facts = facts(left).into_iter().zip(facts(right)).map(|((name, ours), (_, theirs))| {
        let role = if ours == theirs { Role::Quiet } else { Role::Text };
        (role, (name, ours, theirs))
    });
    let mut lines = Vec::new();
    for (role, (name, ours, theirs)) in title.into_iter().chain(facts) {
        let mark = if role == Role::Text { "~ " } else { "  " };
        let (ours, theirs) = (broken(&ours, column), broken(&theirs, column));
        for at in 0..ours.len().max(theirs.len()) {
            let told = if at == 0 { format!("{mark}{name}") } else { String::new() };
            let of = |lines: &[String]| lines.get(at).cloned().unwrap_or_default();
            lines.push((role, [told, of(&ours), of(&theirs)]));
        }
    }
    lines
}

fn one((run, beside): (&Run, &Run), facts: &[(&str, String)], other: &[(&str, String)], area: Rect, brush: &mut Brush<'_>) {
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
        panes::curves(run, Some(beside), lower, false, brush);
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
        (
            "last epoch",
            run.epochs()
                .last()
                .map_or_else(none, |epoch| format!("loss {:.3}, select {}", epoch.cross_entropy, share3(epoch.select_accuracy))),
        ),
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
