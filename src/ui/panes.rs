//! The panes beside the network: curves, candidates.

use super::paint::{Brush, share2, share3, short};
use super::theme::Role;
use crate::app::{Run, Target};
use crate::run::{EpochMetrics, Source};
use ratatui::layout::Rect;

pub(super) fn curves(run: &Run, area: Rect, focused: bool, brush: &mut Brush<'_>) {
    let scale = if run.log_curves() { "log y" } else { "" };
    let inner = brush.panel(area, "Curves", scale, focused);
    let Some(told) = run.at_cross() else {
        brush.text(inner.x, inner.y, inner.width, "no epoch has ended yet", Role::Quiet);
        return;
    };
    if inner.height < 5 {
        let text =
            format!("loss {:.3}  train {}  select {}", told.cross_entropy, share3(told.train_accuracy), share3(told.select_accuracy));
        brush.text(inner.x, inner.y, inner.width, &text, Role::Text);
        return;
    }
    let half = (inner.height - 1) / 2;
    let upper = Rect { height: half, ..inner };
    let lower = Rect { y: inner.y + half, height: inner.height - 1 - half, ..inner };
    let left_out = chart(run, upper, &LOSSES, true, brush) + chart(run, lower, &ACCURACIES, false, brush);
    let y = inner.bottom() - 1;
    axis(run, Rect { y, height: 1, ..inner }, &rate(run, told), brush);
    if left_out > 0 {
        brush.text(inner.x + 10, upper.y, inner.width.saturating_sub(10), &format!("{left_out} not finite"), Role::Danger);
    }
}

/// The screen of the curves: all there are, over one axis of epochs.
pub(super) fn curves_screen(run: &Run, area: Rect, brush: &mut Brush<'_>) {
    let right = if run.log_curves() { "log y" } else { "" };
    let inner = brush.panel(area, "Curves", right, true);
    let Some(told) = run.at_cross().filter(|_| inner.height > 4) else {
        brush.text(inner.x, inner.y, inner.width, "no epoch has ended yet", Role::Quiet);
        return;
    };
    let charts: [(&Chart, bool); 4] = [(&LOSSES, true), (&ACCURACIES, false), (&SIZES, true), (&RATES, true)];
    // As many as have four lines each.
    let count = (usize::from(inner.height - 1) / 4).clamp(1, charts.len());
    let tall = (inner.height - 1) / count as u16;
    let mut left_out = 0;
    for (number, (entries, falls)) in charts.iter().take(count).enumerate() {
        let plot = Rect { y: inner.y + number as u16 * tall, height: tall.saturating_sub(u16::from(tall > 4)), ..inner };
        left_out += chart(run, plot, entries, *falls, brush);
    }
    axis(run, Rect { y: inner.bottom() - 1, height: 1, ..inner }, &rate(run, told), brush);
    if left_out > 0 {
        brush.text(inner.x + 10, inner.y, inner.width.saturating_sub(10), &format!("{left_out} not finite"), Role::Danger);
    }
}

/// One series of a chart: its name, its value in an epoch, how the value is written, its role.
struct Series {
    name: &'static str,
    value: fn(&EpochMetrics) -> Option<f64>,
    written: fn(f64) -> String,
    role: Role,
}

/// The series of one chart; every second one is dashed.
type Chart = [Series];

const fn series(name: &'static str, value: fn(&EpochMetrics) -> Option<f64>, written: fn(f64) -> String, role: Role) -> Series {
    Series { name, value, written, role }
}

fn loss(value: f64) -> String {
    format!("{value:.3}")
}

static LOSSES: [Series; 2] =
    [series("loss", |epoch| Some(epoch.cross_entropy), loss, Role::SeriesA), series("KL", |epoch| Some(epoch.kl), loss, Role::SeriesB)];
static ACCURACIES: [Series; 2] = [
    series("train", |epoch| Some(epoch.train_accuracy), share3, Role::SeriesC),
    series("select", |epoch| Some(epoch.select_accuracy), share3, Role::SeriesD),
];
static SIZES: [Series; 3] = [
    series("parameters expected", |epoch| Some(epoch.health.expected_parameters), short, Role::SeriesA),
    series("5 % of 100 samples below", |epoch| epoch.spread.map(|spread| spread.low), short, Role::SeriesB),
    series("95 % below", |epoch| epoch.spread.map(|spread| spread.high), short, Role::SeriesC),
];
static RATES: [Series; 1] = [series("learning rate", |epoch| Some(epoch.learning_rate), short, Role::SeriesD)];

/// A chart with its legend in the corner that is free: losses fall, accuracies rise. Returns how many values were left out.
fn chart(run: &Run, area: Rect, entries: &Chart, falls: bool, brush: &mut Brush<'_>) -> usize {
    let points: Vec<Vec<(f64, f64)>> = entries
        .iter()
        .map(|series| run.epochs().iter().filter_map(|epoch| Some((f64::from(epoch.epoch), (series.value)(epoch)?))).collect())
        .collect();
    let lines: Vec<(&[(f64, f64)], Role)> = points.iter().zip(entries).map(|(points, series)| (points.as_slice(), series.role)).collect();
    let log = run.log_curves() && falls;
    let left_out = brush.curves(area, &lines, run.span(), log, None);
    if let Some(cross) = run.cross() {
        brush.crosshair(area, f64::from(cross), run.span());
    }
    let dashes = [brush.look.sign("──", "--"), brush.look.sign("╌╌", "- ")];
    let told: Vec<(String, Role)> = entries
        .iter()
        .enumerate()
        .filter_map(|(number, series)| {
            let value = (series.value)(run.at_cross()?)?;
            Some((format!("{} {} {}", series.name, (series.written)(value), dashes[number % 2]), series.role))
        })
        .collect();
    legend(brush, area, if falls { area.y } else { area.bottom().saturating_sub(1) }, &told);
    left_out
}

fn rate(run: &Run, told: &EpochMetrics) -> String {
    let factor = run.steering().learning_rate_factor.map_or_else(String::new, |factor| format!(" (×{factor} by hand)"));
    match run.cross() {
        Some(_) => format!("epoch {}, learning rate {}{factor}", told.epoch, short(told.learning_rate)),
        None => format!("learning rate {}{factor}", short(told.learning_rate)),
    }
}

/// The axis of epochs under charts.
fn axis(run: &Run, area: Rect, middle: &str, brush: &mut Brush<'_>) {
    let (begin, end) = run.span();
    brush.text(area.x + 6, area.y, 4.min(area.width.saturating_sub(6)), &format!("{begin:.0}"), Role::Quiet);
    brush.text(area.x + 11, area.y, area.width.saturating_sub(20), middle, Role::Quiet);
    brush.right(area, area.y, &format!("{end:.0} ep"), Role::Quiet);
}

fn legend(brush: &mut Brush<'_>, area: Rect, y: u16, entries: &[(String, Role)]) {
    let wide = entries.iter().map(|(text, _)| text.chars().count() as u16 + 2).sum::<u16>();
    let mut x = area.right().saturating_sub(wide).max(area.x) + 2;
    for (text, role) in entries {
        x += brush.text(x, y, area.right().saturating_sub(x), text, *role) + 2;
    }
}

/// The ranked candidates, references among them.
pub(super) fn candidates(run: &Run, area: Rect, focused: bool, brush: &mut Brush<'_>) {
    let inner = brush.panel(area, "Candidates", &counts(run, usize::from(area.width.saturating_sub(22))), focused);
    let rows = run.ranked();
    if rows.is_empty() {
        let none = match (run.ending(), run.is_live()) {
            (Some(_), _) => "none: the run ended before any was ranked",
            (None, true) => "none yet: they are ranked when training ends; sample now ranks some at once",
            (None, false) => "none so far",
        };
        let told = if run.filter().is_empty() { none } else { "the filter lets none pass" };
        brush.wrapped(inner, told, Role::Quiet);
        return;
    }
    let spent = if inner.height >= TALL { sampling(run) } else { Vec::new() };
    let list = Rect { height: inner.height - spent.len() as u16, ..inner };
    for (y, line) in (list.bottom()..inner.bottom()).zip(&spent) {
        brush.text(inner.x, y, inner.width, line, Role::Quiet);
    }
    let measured = rows.iter().any(|row| run.latency(row.score.id).is_some());
    let head = "     #  source     select     tied  params    MACs  kept";
    brush.text(list.x, list.y, list.width, &format!("{head}{}", if measured { "      ms" } else { "" }), Role::Quiet);
    let selected = run.selected_position(&rows).unwrap_or(0);
    let room = list.height.saturating_sub(1) as usize;
    let first = selected.saturating_sub(room / 2).min(rows.len().saturating_sub(room));
    brush.more(list, first, room, rows.len());
    for (y, (position, row)) in (list.y + 1..list.bottom()).zip(rows.iter().enumerate().skip(first)) {
        let score = row.score;
        let interval = score.select.of(run.mode()).interval();
        let latency = run.latency(score.id).map_or_else(String::new, |ms| format!("  {:>6}", short(ms)));
        let text = format!(
            "{}{}{:>4}  {:<9}  {:>4} ±{}  {}{}  {:>6}  {:>6}  {:>4}{latency}",
            if position == selected { brush.look.sign("▶", ">") } else { " " },
            match run.pinned() {
                Some(pinned) if pinned.id == score.id => "P",
                _ if run.marked().contains(&score.id) => "*",
                _ => " ",
            },
            row.rank,
            score.source.label(),
            share3(interval.estimate),
            share3(interval.half_width()),
            if row.tied { "=" } else { " " },
            if row.on_front { brush.look.sign("◆", "$") } else { " " },
            short(score.parameters as f64),
            short(score.macs as f64),
            share2(score.kept_share)
        );
        let role = match score.source {
            Source::Random | Source::Uniform | Source::Constant => Role::Quiet,
            Source::Whole | Source::Threshold => Role::Title,
            Source::Posterior => Role::Text,
        };
        brush.text(list.x, y, list.width, &text, role);
        if row.tied {
            let tied = |at: Option<usize>| at.and_then(|at| rows.get(at)).is_some_and(|row| row.tied);
            let sign = match (tied(position.checked_sub(1)), tied(Some(position + 1))) {
                (false, false) => " ",
                (false, true) => brush.look.sign("┌", "."),
                (true, true) => brush.look.sign("│", "|"),
                (true, false) => brush.look.sign("└", "'"),
            };
            brush.text(list.x.saturating_sub(1), y, 1, sign, Role::Quiet);
        }
        brush.zone(Rect { y, height: 1, ..list }, Target::Candidate(score.id));
        if position == selected {
            brush.highlight(list, y, Role::Selection);
        }
    }
}

/// Lines from which on a list of candidates also tells how they were drawn.
const TALL: u16 = 14;

/// How many there are of each source and how they are ordered, or what the filter lets pass; as short as the room asks.
fn counts(run: &Run, room: usize) -> String {
    if !run.filter().is_empty() {
        return format!("only {}", run.filter().text());
    }
    let posterior = format!("{} posterior", run.count(Source::Posterior));
    let baselines = match run.baselines() {
        none if none.is_empty() => vec![Source::Random],
        some => some,
    };
    let names = || baselines.iter().map(|source| source.label()).collect::<Vec<_>>().join(", ");
    let reversed = if run.is_reversed() { ", reversed" } else { "" };
    let order = format!("by {}{reversed}", run.order().label());
    if !run.shows_random() {
        return format!("{posterior} · {} hidden · {order}", names());
    }
    let each: Vec<String> = baselines.iter().map(|&source| format!("{} {}", run.count(source), source.label())).collect();
    let told = format!("{posterior} · {} · {order}", each.join(" · "));
    if told.chars().count() <= room {
        return told;
    }
    let all: usize = baselines.iter().map(|&source| run.count(source)).sum();
    format!("{posterior} · {all} of baselines · {order}")
}

/// How the candidates were drawn and what ranking them took, where a constraint or a race had a say.
fn sampling(run: &Run) -> Vec<String> {
    let mut lines = Vec::new();
    let constraint = run.started().map(|started| started.constraint.as_str()).filter(|text| !text.is_empty()).unwrap_or("constraint");
    let share = |part: u64, all: u64| format!("{:.0} %", 100.0 * part as f64 / all.max(1) as f64);
    for drawn in run.acceptance() {
        let (met, all, source) = (drawn.accepted, drawn.drawn, drawn.source.label());
        lines.push(format!("{constraint}: {met} of {all} {source} draws met it ({})", share(met, all)));
    }
    if let Some(race) = run.race() {
        let (asked, saved) = (race.asked, race.saved);
        lines.push(format!(
            "race at {:.0} % error: {} of {} dropped on the way, {} evaluations asked, {} saved ({})",
            100.0 * race.error,
            race.dropped,
            race.candidates,
            short(asked as f64),
            short(saved as f64),
            share(saved, asked + saved)
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::{opened, press, push, score};
    use crate::run::{Acceptance, Event, RaceOutcome};

    #[test]
    fn the_title_counts_every_source_and_says_what_is_hidden() {
        let mut app = opened(4);
        assert_eq!(counts(app.run().unwrap(), 90), "4 posterior · 4 random · by accuracy");
        for (id, source) in [(90, Source::Uniform), (91, Source::Constant), (92, Source::Constant)] {
            push(&mut app, Event::Candidate(Box::new(score(id, source, 40, 300, 900))));
        }
        press(&mut app, "o o O");
        assert_eq!(counts(app.run().unwrap(), 90), "4 posterior · 4 random · 1 uniform · 2 constant · by MACs, reversed");
        assert_eq!(counts(app.run().unwrap(), 50), "4 posterior · 7 of baselines · by MACs, reversed");
        press(&mut app, "r");
        assert!(counts(app.run().unwrap(), 90).contains("random, uniform, constant hidden"));
    }

    #[test]
    fn what_sampling_and_a_race_took_is_told() {
        let mut app = opened(4);
        assert!(sampling(app.run().unwrap()).is_empty());
        for accepted in [3, 30] {
            push(&mut app, Event::Drawn(Acceptance { source: Source::Posterior, drawn: 120, accepted }));
        }
        push(&mut app, Event::Race(RaceOutcome { error: 0.05, candidates: 60, dropped: 41, asked: 9_000, saved: 12_000 }));
        assert_eq!(
            sampling(app.run().unwrap()),
            [
                "constraint: 30 of 120 posterior draws met it (25 %)",
                "race at 5 % error: 41 of 60 dropped on the way, 9.0k evaluations asked, 12.0k saved (57 %)"
            ]
        );
    }
}
