//! The panes beside the network: curves, candidates.

use super::paint::{Brush, LeftOut, STROKES, share2, share3, short};
use super::theme::Role;
use crate::app::{App, Run, Target};
use crate::run::{EpochMetrics, Source};
use ratatui::layout::Rect;

/// The curves of a run; over the axes of values of both, where another one lies beside it.
pub(super) fn curves(run: &Run, other: Option<&Run>, area: Rect, focused: bool, brush: &mut Brush<'_>) {
    let inner = brush.panel(area, "Curves", scale(run), focused);
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
    let left_out = chart(run, other, upper, &LOSSES, brush) + chart(run, other, lower, &ACCURACIES, brush);
    let y = inner.bottom() - 1;
    axis(run, Rect { y, height: 1, ..inner }, &rate(run, told), brush);
    tell_left_out(left_out, upper, brush);
}

/// Columns from which the curves stand in two columns.
const WIDE: u16 = 100;

/// The screen of the curves: all there are, over one axis of epochs; those that have no room come by scrolling.
pub(super) fn curves_screen(app: &App, run: &Run, area: Rect, brush: &mut Brush<'_>) {
    let inner = brush.panel(area, "Curves", scale(run), true);
    let Some(told) = run.at_cross() else {
        brush.text(inner.x, inner.y, inner.width, "no epoch has ended yet", Role::Quiet);
        return;
    };
    if inner.height < 3 {
        brush.text(inner.x, inner.y, inner.width, "curves need a taller window", Role::Quiet);
        return;
    }
    let is_kept = |chart: &&&Chart| chart.series.iter().any(|series| run.epochs().iter().any(|epoch| (series.value)(epoch).is_some()));
    let charts: Vec<&Chart> = CHARTS.iter().filter(is_kept).copied().collect();
    let columns = if inner.width >= WIDE { 2 } else { 1 };
    // As many as have four lines each.
    let all = charts.len().div_ceil(columns).max(1);
    let rows = (usize::from(inner.height - 1) / 4).clamp(1, all);
    brush.reach.down = Some(all - rows);
    let past = app.scroll().min(all - rows) * columns;
    brush.more(inner, past, (rows * columns).min(charts.len() - past.min(charts.len())), charts.len());
    let tall = (inner.height - 1) / rows as u16;
    let gap = 2 * (columns as u16 - 1);
    let wide = (inner.width - gap) / columns as u16;
    let column = |number: usize| inner.x + (number % columns) as u16 * (wide + gap);
    let mut left_out = LeftOut::default();
    for (number, kind) in charts.iter().skip(past).take(rows * columns).enumerate() {
        let y = inner.y + (number / columns) as u16 * tall;
        let plot = Rect { x: column(number), y, width: wide, height: tall.saturating_sub(u16::from(tall > 4)) };
        left_out = left_out + chart(run, None, plot, kind, brush);
    }
    let cross = run.cross().map_or_else(String::new, |epoch| format!("crosshair at epoch {epoch}"));
    // The chart of the rate tells it already, but not that somebody changed it.
    let by_hand = if run.steering().learning_rate_factor.is_some() { learning_rate(run, told) } else { String::new() };
    let under = if columns == 2 { vec![cross, by_hand] } else { vec![rate(run, told)] };
    for (number, middle) in under.iter().enumerate() {
        axis(run, Rect { x: column(number), y: inner.bottom() - 1, width: wide, height: 1 }, middle, brush);
    }
    tell_left_out(left_out, inner, brush);
}

/// Which axis is another than usual.
fn scale(run: &Run) -> &'static str {
    if run.log_curves() { "losses: log y" } else { "" }
}

/// Says on the first line of charts what has no place on their axes: what is no number is a fault, what is not above 0 is none.
fn tell_left_out(left_out: LeftOut, area: Rect, brush: &mut Brush<'_>) {
    let told = [(left_out.not_finite, "not finite", Role::Danger), (left_out.not_positive, "not above 0", Role::Quiet)];
    let mut x = area.x + 10;
    for (count, word, role) in told.into_iter().filter(|(count, ..)| *count > 0) {
        x += brush.text(x, area.y, area.right().saturating_sub(x), &format!("{count} {word}"), role) + 2;
    }
}

/// One series of a chart: its name, its value in an epoch, how the value is written, its role.
struct Series {
    name: &'static str,
    value: fn(&EpochMetrics) -> Option<f64>,
    written: fn(f64) -> String,
    role: Role,
}

/// The series of one chart, at most as many as there are strokes.
struct Chart {
    series: &'static [Series],
    /// Whether its curves fall, so that the legend stands at the top; at the bottom otherwise.
    falls: bool,
    /// Whether they are losses, which may have a logarithmic axis.
    losses: bool,
}

const fn series(name: &'static str, value: fn(&EpochMetrics) -> Option<f64>, written: fn(f64) -> String, role: Role) -> Series {
    Series { name, value, written, role }
}

fn loss(value: f64) -> String {
    format!("{value:.3}")
}

fn bits(value: f64) -> String {
    format!("{} bits", share2(value))
}

static LOSSES: Chart = Chart {
    series: &[
        series("loss", |epoch| Some(epoch.cross_entropy), loss, Role::SeriesA),
        series("KL", |epoch| Some(epoch.kl), loss, Role::SeriesB),
    ],
    falls: true,
    losses: true,
};
static ACCURACIES: Chart = Chart {
    series: &[
        series("train", |epoch| Some(epoch.train_accuracy), share3, Role::SeriesC),
        series("select", |epoch| Some(epoch.select_accuracy), share3, Role::SeriesD),
    ],
    falls: false,
    losses: false,
};
static PARTS: Chart = Chart {
    series: &[
        series("L2 part of KL", |epoch| epoch.kl_parts.map(|parts| parts.l2), loss, Role::SeriesA),
        series("entropy part", |epoch| epoch.kl_parts.map(|parts| parts.entropy), loss, Role::SeriesB),
    ],
    falls: true,
    losses: true,
};
static HEALTH: Chart = Chart {
    series: &[
        series("entropy", |epoch| Some(epoch.health.entropy_bits), bits, Role::SeriesA),
        series("undecided", |epoch| Some(epoch.health.undecided_share), share2, Role::SeriesB),
        series("Δp", |epoch| Some(epoch.health.largest_change), share3, Role::SeriesC),
    ],
    falls: true,
    losses: false,
};
static SIZES: Chart = Chart {
    series: &[
        series("params", |epoch| Some(epoch.health.expected_parameters), short, Role::SeriesA),
        series("5 %", |epoch| epoch.spread.map(|spread| spread.low), short, Role::SeriesB),
        series("95 % below", |epoch| epoch.spread.map(|spread| spread.high), short, Role::SeriesC),
    ],
    falls: true,
    losses: false,
};
static COSTS: Chart = Chart {
    series: &[series("MACs expected", |epoch| Some(epoch.health.expected_macs), short, Role::SeriesA)],
    falls: true,
    losses: false,
};
static RATES: Chart =
    Chart { series: &[series("learning rate", |epoch| Some(epoch.learning_rate), short, Role::SeriesD)], falls: true, losses: false };

/// In the order in which they give way where there is no room.
static CHARTS: [&Chart; 7] = [&LOSSES, &ACCURACIES, &PARTS, &HEALTH, &SIZES, &COSTS, &RATES];

/// A chart with its legend in the corner that is free: losses fall, accuracies rise. Returns what was left out.
fn chart(run: &Run, other: Option<&Run>, area: Rect, chart: &Chart, brush: &mut Brush<'_>) -> LeftOut {
    let points: Vec<Vec<(f64, f64)>> = chart
        .series
        .iter()
        .map(|series| run.epochs().iter().filter_map(|epoch| Some((f64::from(epoch.epoch), (series.value)(epoch)?))).collect())
        .collect();
    let lines: Vec<(&[(f64, f64)], Role)> =
        points.iter().zip(chart.series).map(|(points, series)| (points.as_slice(), series.role)).collect();
    let log = run.log_curves() && chart.losses;
    let left_out = brush.curves(area, &lines, run.span(), log, other.and_then(|other| range([run, other], chart, log)));
    if let Some(cross) = run.cross() {
        brush.crosshair(area, f64::from(cross), run.span());
    }
    let told: Vec<(String, Role)> = chart
        .series
        .iter()
        .zip(STROKES)
        .filter_map(|(series, (stroke, ascii))| {
            let value = (series.value)(run.at_cross()?)?;
            Some((format!("{} {} {}", series.name, (series.written)(value), brush.look.sign(stroke, ascii)), series.role))
        })
        .collect();
    legend(brush, area, if chart.falls { area.y } else { area.bottom().saturating_sub(1) }, &told);
    left_out
}

/// What the values of both runs lie between, as far as their axes of epochs show them.
fn range(runs: [&Run; 2], chart: &Chart, log: bool) -> Option<(f64, f64)> {
    let of = |run: &Run| {
        let (begin, end) = run.span();
        let shown = run.epochs().iter().filter(move |epoch| (begin..=end).contains(&f64::from(epoch.epoch)));
        let values = shown.flat_map(|epoch| chart.series.iter().filter_map(move |series| (series.value)(epoch)));
        let values = values.map(|value| if log { value.log10() } else { value }).filter(|value| value.is_finite());
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let [(low, high), (other_low, other_high)] = runs.map(of);
    let (low, high) = (low.min(other_low), high.max(other_high));
    (low <= high).then_some((low, high))
}

fn rate(run: &Run, told: &EpochMetrics) -> String {
    let rate = learning_rate(run, told);
    run.cross().map_or_else(|| rate.clone(), |_| format!("epoch {}, {rate}", told.epoch))
}

fn learning_rate(run: &Run, told: &EpochMetrics) -> String {
    let factor = run.steering().learning_rate_factor.map_or_else(String::new, |factor| format!(" (×{factor} by hand)"));
    format!("learning rate {}{factor}", short(told.learning_rate))
}

/// The axis of epochs under charts.
fn axis(run: &Run, area: Rect, middle: &str, brush: &mut Brush<'_>) {
    let (begin, end) = run.span();
    brush.text(area.x + 6, area.y, 4.min(area.width.saturating_sub(6)), &format!("{begin:.0}"), Role::Quiet);
    let room = usize::from(area.width.saturating_sub(20));
    let middle = if middle.chars().count() > room { middle.replace("learning rate", "rate") } else { middle.to_owned() };
    brush.text(area.x + 11, area.y, area.width.saturating_sub(20), &middle, Role::Quiet);
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
    let head = if measured { MEASURED } else { &MEASURED[..MEASURED.len() - "      ms".len()] };
    // A column is told whole or not at all.
    let wide = whole_columns(head, list.width);
    brush.text(list.x, list.y, wide, &head[..usize::from(wide)], Role::Quiet);
    let selected = run.selected_position(&rows).unwrap_or(0);
    let room = list.height.saturating_sub(1) as usize;
    let first = selected.saturating_sub(room / 2).min(rows.len().saturating_sub(room));
    brush.more(list, first, room, rows.len());
    for (y, (position, row)) in (list.y + 1..list.bottom()).zip(rows.iter().enumerate().skip(first)) {
        let score = row.score;
        let interval = score.select.of(run.mode()).interval();
        let latency = run.latency(score.id).map_or_else(String::new, |ms| format!("  {:>6}", short(ms)));
        let text = format!(
            "{}{}{:>4} {:>4}  {:<9}  {:>4} ±{}  {}{}  {:>6}  {:>6}  {:>4}{latency}",
            if position == selected { brush.look.sign("▶", ">") } else { " " },
            match run.pinned() {
                Some(pinned) if pinned.id == score.id => "P",
                _ if run.marked().contains(&score.id) => "*",
                _ => " ",
            },
            row.rank,
            score.id.0,
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
        // The mark of the front stands in the column of ties, under its head.
        brush.text(list.x, y, wide, &text.chars().take(usize::from(wide)).collect::<String>(), role);
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

/// The columns of the list of candidates, with that of what was measured. The number comes early: it is what commands ask for, not the
/// rank.
const MEASURED: &str = "  rank   id  source     select    tied  params    MACs  kept      ms";

/// How much of a head of columns stands whole in so many columns of the screen.
fn whole_columns(head: &str, width: u16) -> u16 {
    let ends_a_word = |&at: &usize| !head[at - 1..].starts_with(' ') && head[at..].chars().next().is_none_or(|next| next == ' ');
    (1..=head.len().min(usize::from(width))).rev().find(ends_a_word).unwrap_or(0) as u16
}

/// Lines from which on a list of candidates also tells how they were drawn.
const TALL: u16 = 14;

/// How many there are of each source and how they are ordered, or what the filter lets pass; as short as the room asks.
fn counts(run: &Run, room: usize) -> String {
    // The longest that has room; a title that has none would not show at all.
    let fitting = |told: Vec<String>| told.iter().find(|told| told.chars().count() <= room).or(told.last()).cloned().unwrap_or_default();
    if !run.filter().is_empty() {
        return fitting(vec![format!("only {}", run.filter().text()), "filtered".to_owned()]);
    }
    let posterior = format!("{} posterior", run.count(Source::Posterior));
    let baselines = match run.baselines() {
        none if none.is_empty() => vec![Source::Random],
        some => some,
    };
    let names = || baselines.iter().map(|source| source.label()).collect::<Vec<_>>().join(", ");
    let reversed = if run.is_reversed() { ", reversed" } else { "" };
    let order = format!("by {}{reversed}", run.order().label());
    let bare = format!("{}{reversed}", run.order().label());
    if !run.shows_random() {
        let hidden = format!("{} hidden", if baselines.len() > 1 { "baselines".to_owned() } else { names() });
        return fitting(vec![
            format!("{posterior} · {} hidden · {order}", names()),
            format!("{posterior} · {hidden} · {order}"),
            format!("{hidden} · {order}"),
            format!("{hidden}, {bare}"),
            hidden,
        ]);
    }
    let each: Vec<String> = baselines.iter().map(|&source| format!("{} {}", run.count(source), source.label())).collect();
    let all: usize = baselines.iter().map(|&source| run.count(source)).sum();
    fitting(vec![
        format!("{posterior} · {} · {order}", each.join(" · ")),
        format!("{posterior} · {all} of baselines · {order}"),
        format!("{posterior}, {all} others · {order}"),
        format!("{posterior} · {order}"),
        order,
        bare,
    ])
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
        assert!(counts(app.run().unwrap(), 90).ends_with("random, uniform, constant hidden · by MACs, reversed"));
        assert_eq!(counts(app.run().unwrap(), 50), "4 posterior · baselines hidden · by MACs, reversed");
        assert_eq!(counts(app.run().unwrap(), 40), "baselines hidden · by MACs, reversed");
        assert_eq!(counts(app.run().unwrap(), 20), "baselines hidden");
        press(&mut app, "r");
        for (room, told) in [(40, "4 posterior, 7 others · by MACs, reversed"), (30, "by MACs, reversed"), (15, "MACs, reversed")] {
            let shown = counts(app.run().unwrap(), room + usize::from(room == 40));
            assert_eq!(shown, told);
        }
    }

    #[test]
    fn a_column_of_the_list_is_told_whole_or_not_at_all() {
        let shown = |width| &MEASURED[..usize::from(whole_columns(MEASURED, width))];
        assert_eq!(shown(200), MEASURED);
        assert!(shown(MEASURED.len() as u16 - 1).ends_with("kept") && shown(43).ends_with("tied") && shown(5).is_empty());
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
