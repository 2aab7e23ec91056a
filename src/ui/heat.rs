//! The posterior over time: groups from top to bottom, epochs from left to right, drop probability as shade.

use super::network::held_sign;
use super::paint::{Brush, share2, share3, short};
use super::theme::{Glyphs, Role};
use crate::app::{Run, Target, group_words, sentence};
use ratatui::layout::Rect;
use std::ops::Range;

/// Columns at the right, where each row stands now.
const NOW: u16 = 5;

/// The whole posterior in a pane: where groups are more than lines, a line is the mean of neighbours. Under it, what goes on.
pub(super) fn pane(run: &Run, area: Rect, focused: bool, brush: &mut Brush<'_>) {
    let count = run.started().map_or(0, |started| started.network.groups.len());
    let inner = brush.panel(area, "Posterior", &format!("{}, {count} groups × epochs", measure(run)), focused);
    if run.health().is_none() {
        brush.text(inner.x, inner.y, inner.width, "no epoch has ended yet", Role::Quiet);
        return;
    }
    let tall = usize::from(inner.height.saturating_sub(3)).min(count);
    for row in 0..tall {
        let groups = row * count / tall..((row + 1) * count / tall).min(count);
        line(run, groups.clone(), Rect { y: inner.y + row as u16, height: 1, ..inner }, brush);
        if focused && groups.contains(&run.group()) {
            brush.highlight(inner, inner.y + row as u16, Role::Selection);
        }
    }
    let lower = Rect { y: inner.bottom().saturating_sub(3.min(inner.height)), height: 3.min(inner.height), ..inner };
    if lower.height == 3 {
        told(run, lower, brush);
    }
}

/// The screen of the posterior: a line a group, as many as fit around the one in focus, and that one in full.
pub(super) fn screen(run: &Run, area: Rect, brush: &mut Brush<'_>) {
    const FULL: u16 = 11;
    let lower = if area.height >= FULL + 10 { FULL } else { 0 };
    let upper = Rect { height: area.height - lower, ..area };
    let groups = run.started().map_or(&[][..], |started| started.network.groups.as_slice());
    let inner = brush.panel(upper, "Posterior", &format!("{} after each epoch", measure(run)), true);
    if groups.is_empty() || run.health().is_none() {
        brush.text(inner.x, inner.y, inner.width, "no epoch has ended yet", Role::Quiet);
        return;
    }
    let list = Rect { height: inner.height.saturating_sub(4), ..inner };
    let labels = if inner.width >= 70 { 32 } else { 18 }.min(inner.width);
    let room = usize::from(list.height);
    let first = run.group().saturating_sub(room / 2).min(groups.len().saturating_sub(room));
    brush.more(inner, first, room, groups.len());
    for (y, (number, group)) in (list.y..list.bottom()).zip(groups.iter().enumerate().skip(first)) {
        // The block where it begins, and on the first line.
        let heads = number == first || groups[number - 1].block != group.block;
        let block = if heads { group.block.as_str() } else { "" };
        let wide = labels.saturating_sub(18);
        brush.text(list.x, y, wide, block, Role::Title);
        brush.text(
            list.x + wide,
            y,
            labels.saturating_sub(wide),
            &format!("{}{:<6}{}", run.held(number).map_or(" ", |fate| held_sign(fate, brush)), group.edge, group.operation),
            Role::Text,
        );
        let strip = Rect { x: list.x + labels, y, width: list.width.saturating_sub(labels), height: 1 };
        line(run, number..number + 1, strip, brush);
        brush.zone(Rect { y, height: 1, ..list }, Target::Group(number));
        if number == run.group() {
            brush.highlight(inner, y, Role::Selection);
        }
    }
    told(run, Rect { y: list.bottom() + 1, height: inner.height.saturating_sub(list.height + 1), ..inner }, brush);
    if lower > 0 {
        focus(run, Rect { y: upper.bottom(), height: lower, ..area }, brush);
    }
}

/// What is shown of a group: its drop rate, or of a categorical posterior the probability of its operation.
fn measure(run: &Run) -> &'static str {
    if run.is_categorical() { "probability" } else { "drop rate" }
}

/// The measure of a group with this drop probability.
fn measured(run: &Run, p: f64) -> f64 {
    if run.is_categorical() { 1.0 - p } else { p }
}

/// The mean of some groups over the epochs, and now.
fn line(run: &Run, groups: Range<usize>, area: Rect, brush: &mut Brush<'_>) {
    let shades = if brush.look.glyphs == Glyphs::Ascii { [".", "-", "+", "x", "#"] } else { ["·", "░", "▒", "▓", "█"] };
    let epochs = run.planned_epochs().unwrap_or(1).max(1) as usize;
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (sum, number) = values.fold((0.0, 0.0), |(sum, number), value| (sum + value, number + 1.0));
        (number > 0.0).then(|| sum / number)
    };
    let wide = area.width.saturating_sub(NOW);
    for column in 0..wide {
        let Some(epoch) = run.epochs().get(usize::from(column) * epochs / usize::from(wide)) else { break };
        let values = epoch.drop_probabilities.get(groups.clone()).unwrap_or_default();
        let Some(drop) = mean(&mut values.iter().map(|&p| f64::from(p))) else { continue };
        let level = ((measured(run, drop) * 5.0) as usize).min(4);
        let role = if level == 0 { Role::Quiet } else { shade(run) };
        brush.text(area.x + column, area.y, 1, shades[level], role);
        if run.cross() == Some(epoch.epoch) {
            brush.highlight(Rect { x: area.x + column + 1, width: 0, ..area }, area.y, Role::Selection);
        }
    }
    if let Some(now) = mean(&mut groups.filter_map(|group| run.drop_probability(group))) {
        brush.right(area, area.y, &share2(measured(run, now)), Role::Quiet);
    }
}

fn shade(run: &Run) -> Role {
    if run.is_categorical() { Role::Kept } else { Role::Dropped }
}

/// The posterior in a few numbers, and what goes on in words; the worst of what goes wrong comes before what is well.
fn told(run: &Run, area: Rect, brush: &mut Brush<'_>) {
    let Some(health) = run.health().filter(|_| area.height > 0) else { return };
    let last = run.epochs().last();
    let spread = last.and_then(|epoch| epoch.spread);
    let numbers = [
        Some(format!("entropy {} bits", share2(health.entropy_bits))),
        Some(format!("  undecided {:.0} %", 100.0 * health.undecided_share)),
        // Of the last whole epoch, as the sentence below: what has moved since then begins at 0 with every epoch.
        last.map(|epoch| format!("  Δp {}", share3(epoch.health.largest_change))),
        Some(format!("  expected {} parameters, {} MACs", short(health.expected_parameters), short(health.expected_macs))),
        spread.map(|spread| format!("  samples {}–{}", short(spread.low), short(spread.high))),
    ];
    // A number is told whole or not at all.
    let mut x = area.x;
    for number in numbers.into_iter().flatten() {
        if x + number.chars().count() as u16 > area.right() {
            break;
        }
        x += brush.text(x, area.y, area.right() - x, &number, Role::Text);
    }
    let rest = Rect { y: area.y + 1, height: area.height - 1, ..area };
    match run.warnings() {
        [] => brush.wrapped(rest, &sentence(run).unwrap_or_default(), Role::Quiet),
        [one] => brush.wrapped(rest, &format!("! {}", one.message), Role::Attention),
        // Before the sentence, whose end may be cut.
        [worst, others @ ..] => brush.wrapped(rest, &format!("! (and {} more) {}", others.len(), worst.message), Role::Attention),
    };
}

/// The group in focus: its p and the norm of its weights over time, what it costs, how it stands.
fn focus(run: &Run, area: Rect, brush: &mut Brush<'_>) {
    const FACTS: u16 = 36;
    const NARROW: u16 = 30;
    let Some(started) = run.started() else { return };
    let (Some(group), Some(p)) = (started.network.groups.get(run.group()), run.drop_probability(run.group())) else { return };
    let title = format!("{} · {} · {}", group.block, group.edge, group.operation);
    let inner = brush.panel(area, &title, "over epochs", false);
    let history = run.history(run.group());
    let shown: Vec<(f64, f64)> = history.iter().map(|&(epoch, p)| (epoch, measured(run, p))).collect();
    let word = if run.is_categorical() { "probability" } else { "drop" };
    let share = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
    let network = &started.network;
    let facts = [
        (format!("{word} {} now, {} at first", share2(measured(run, p)), share2(measured(run, started.initial_drop))), Role::Text),
        match run.held(run.group()) {
            Some(fate) => (format!("{} held {} by hand", held_sign(fate, brush), fate.label()), Role::Attention),
            None => (group_words(&history).to_owned(), Role::Title),
        },
        match run.weight_norm(run.group()) {
            Some(norm) if group.has_weights => (format!("norm of its weights {}", short(norm)), Role::Text),
            _ => ("it has no weights".to_owned(), Role::Text),
        },
        (format!("{} channels share this rate", group.channels), Role::Text),
        (format!("{} parameters, {:.1} % of all", short(group.parameters as f64), share(group.parameters, network.parameters)), Role::Text),
        (format!("{} MACs, {:.1} % of all", short(group.macs as f64), share(group.macs, network.macs)), Role::Text),
        (format!("{} parameters expected", short((1.0 - p) * group.parameters as f64)), Role::Quiet),
    ];
    let facts_wide = FACTS.min(inner.width);
    for (y, (text, role)) in (inner.y..inner.bottom()).zip(&facts) {
        brush.text(inner.x, y, facts_wide, text, *role);
    }
    let plot = Rect { x: inner.x + facts_wide, width: inner.width - facts_wide, ..inner };
    let plot = Rect { height: plot.height.saturating_sub(1), ..plot };
    let norms = run.norms(run.group());
    if !group.has_weights || norms.is_empty() || plot.width < 2 * NARROW {
        over_time(run, plot, word, &shown, Some((0.0, 1.0)), shade(run), brush);
        return;
    }
    let half = plot.width / 2;
    over_time(run, Rect { width: half - 2, ..plot }, word, &shown, Some((0.0, 1.0)), shade(run), brush);
    let beside = Rect { x: plot.x + half, width: plot.width - half, ..plot };
    over_time(run, beside, "norm", &norms, None, Role::SeriesA, brush);
}

/// One curve over the epochs on show, with its axis under it.
fn over_time(run: &Run, plot: Rect, name: &str, points: &[(f64, f64)], range: Option<(f64, f64)>, role: Role, brush: &mut Brush<'_>) {
    brush.curves(plot, &[(points, role)], run.span(), false, range);
    if let Some(cross) = run.cross() {
        brush.crosshair(plot, f64::from(cross), run.span());
    }
    if plot.width > 20 && plot.height > 1 {
        brush.text(plot.x + 6, plot.bottom(), 4, &format!("{:.0}", run.span().0), Role::Quiet);
        brush.text(plot.x + 11, plot.bottom(), plot.width.saturating_sub(20), name, Role::Quiet);
        brush.right(plot, plot.bottom(), &format!("{:.0} ep", run.span().1), Role::Quiet);
    }
}
