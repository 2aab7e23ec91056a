//! The posterior over time: groups from top to bottom, epochs from left to right, drop probability as shade.

use super::network::held_sign;
use super::paint::{Brush, share2, share3, short};
use super::theme::{Glyphs, Role};
use crate::app::{App, Block, Pane, Run, Target, group_words, sentence};
use ratatui::layout::Rect;
use std::ops::Range;

/// Columns at the right, where each row stands now.
const NOW: u16 = 5;

/// Columns of the name of a block beside its lines, at most.
const BLOCK: usize = 8;
/// Lines that a block has at least, where its groups are more than lines: the lowest, what lies between, the highest.
const BANDS: usize = 3;

/// Some groups that share a line.
struct Line {
    groups: Vec<usize>,
    /// The name of the block that begins with the line.
    head: Option<String>,
    /// Whether its block ends with the line.
    ends: bool,
}

/// The whole posterior in a pane: where groups are more than lines, those of a block are ordered by how they stand now, so that its first
/// and last line are its lowest and highest group, and those between them means of equally many. Under it, what goes on.
pub(super) fn pane(run: &Run, area: Rect, focused: bool, brush: &mut Brush<'_>) {
    let count = run.started().map_or(0, |started| started.network.groups.len());
    let inner = brush.panel(area, "Posterior", &format!("{}, {count} groups × epochs", measure(run)), focused);
    if run.health().is_none() {
        brush.text(inner.x, inner.y, inner.width, "no epoch has ended yet", Role::Quiet);
        return;
    }
    let tall = usize::from(inner.height.saturating_sub(3)).min(count);
    let lines: Vec<Line> = if tall < count {
        binned(run, tall)
    } else {
        (0..count).map(|group| Line { groups: vec![group], head: None, ends: false }).collect()
    };
    let names = lines.iter().filter_map(|line| line.head.as_ref()).map(|name| name.chars().count()).max();
    let label = names.map_or(0, |wide| wide.min(BLOCK) as u16 + 3).min(inner.width / 4);
    for (y, (number, line)) in (inner.y..).zip(lines.iter().enumerate()) {
        if label > 0 {
            brush.text(inner.x, y, label.saturating_sub(3), line.head.as_deref().unwrap_or_default(), Role::Quiet);
            let sign = match (line.head.is_some(), line.ends) {
                (true, true) => "─",
                (true, false) => brush.look.sign("┌", "."),
                (false, false) => "│",
                (false, true) => brush.look.sign("└", "'"),
            };
            brush.text(inner.x + label - 2, y, 1, sign, Role::Quiet);
        }
        strip(run, &line.groups, Rect { x: inner.x + label, y, width: inner.width - label, height: 1 }, brush);
        if focused && lines[number].groups.contains(&run.group()) {
            brush.highlight(inner, y, Role::Selection);
        }
    }
    let lower = Rect { y: inner.bottom().saturating_sub(3.min(inner.height)), height: 3.min(inner.height), ..inner };
    if lower.height == 3 {
        told(run, lower, brush);
    }
}

/// All groups in so many lines: blocks from top to bottom, several of them together where there are too few lines.
fn binned(run: &Run, tall: usize) -> Vec<Line> {
    let blocks = run.blocks();
    let count = blocks.last().map_or(0, |block| block.groups.end);
    let parts = (tall / BANDS).clamp(1, blocks.len().max(1));
    let mut lines = Vec::new();
    let (mut next, mut taken) = (0, 0);
    for part in 0..parts {
        // Blocks until this part of all groups is reached, but as many as there must be for the parts that follow.
        let first = next;
        next += 1;
        while next + (parts - part - 1) < blocks.len()
            && (blocks[next].groups.end - blocks[next].groups.len() / 2) * parts <= (part + 1) * count
        {
            next += 1;
        }
        let next = if part + 1 == parts { blocks.len() } else { next };
        let Some(these) = blocks.get(first..next).filter(|these| !these.is_empty()) else { continue };
        let mut groups: Vec<usize> = these.iter().flat_map(|block| block.groups.clone()).collect();
        let p = |group: &usize| run.drop_probability(*group).unwrap_or(0.0);
        groups.sort_by(|a, b| measured(run, p(a)).total_cmp(&measured(run, p(b))));
        let end = these.last().map_or(0, |block| block.groups.end);
        let rows =
            (end * (tall - BANDS.min(tall) * parts) / count.max(1) + (part + 1) * BANDS.min(tall)).saturating_sub(taken).min(groups.len());
        taken += rows;
        let name = abbreviated(&name_of(these));
        for row in 0..rows {
            let bin = bin(row, rows, groups.len());
            lines.push(Line { groups: groups[bin].to_vec(), head: (row == 0).then(|| name.clone()), ends: row + 1 == rows });
        }
    }
    lines
}

/// A name in a few columns: of each of its parts the first letters and its number.
fn abbreviated(name: &str) -> String {
    if name.chars().count() <= BLOCK {
        return name.to_owned();
    }
    let part = |part: &str| {
        let letters = part.chars().take_while(|sign| sign.is_alphabetic()).take(2);
        let rest = part.trim_start_matches(char::is_alphabetic);
        letters.chain(rest.chars()).collect::<String>()
    };
    name.split('.').map(part).collect::<Vec<_>>().join(".")
}

/// The ranks that a line of several stands for: of three and more the first and the last stand for one.
fn bin(row: usize, rows: usize, count: usize) -> Range<usize> {
    match row {
        _ if rows < BANDS => row * count / rows..(row + 1) * count / rows,
        0 => 0..1,
        _ if row + 1 == rows => count - 1..count,
        _ => {
            let edge = |row: usize| 1 + (row - 1) * (count - 2) / (rows - 2);
            edge(row)..edge(row + 1)
        }
    }
}

/// The name of some blocks as one, `dense1–3`; without those that are small beside the largest.
fn name_of(blocks: &[Block]) -> String {
    let largest = blocks.iter().map(|block| block.groups.len()).max().unwrap_or(0);
    let mut large = blocks.iter().filter(|block| block.groups.len() * 10 > largest).map(|block| block.name.as_str());
    let first = large.next().unwrap_or_default();
    let Some(last) = large.next_back() else { return first.to_owned() };
    let common = first.chars().zip(last.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum::<usize>();
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|character| character.is_ascii_digit());
    match (&first[common..], &last[common..]) {
        (a, b) if is_number(a) && is_number(b) => format!("{first}–{b}"),
        _ => format!("{first}…"),
    }
}

/// Lines of the group in focus in full.
const FULL: u16 = 11;

/// Whether the screen of the posterior shows its list and the group in focus in so many lines.
pub(super) fn fits_both(height: u16) -> bool {
    height >= FULL + 10
}

/// The screen of the posterior: a line a group, as many as fit around the one in focus, and that one in full; where there is no room for
/// both, what has the focus.
pub(super) fn screen(app: &App, run: &Run, area: Rect, brush: &mut Brush<'_>) {
    let on_group = app.focus() == Pane::Group;
    let lower = if fits_both(area.height) && !app.expanded() { FULL } else { 0 };
    let groups = run.started().map_or(&[][..], |started| started.network.groups.as_slice());
    if lower == 0 && on_group && !groups.is_empty() && run.health().is_some() {
        return focus(run, area, (true, app.scroll()), brush);
    }
    let upper = Rect { height: area.height - lower, ..area };
    let narrow = area.width < 74;
    // Without room for a column of blocks, the title has that of the chosen one.
    let block = groups.get(run.group()).filter(|_| narrow).map_or_else(String::new, |group| format!(" · {}", group.block));
    let right = if narrow { measure(run).to_owned() } else { format!("{} after each epoch", measure(run)) };
    let inner = brush.panel(upper, &format!("Posterior{block}"), &right, !on_group);
    if groups.is_empty() || run.health().is_none() {
        brush.text(inner.x, inner.y, inner.width, "no epoch has ended yet", Role::Quiet);
        return;
    }
    let list = Rect { height: inner.height.saturating_sub(4), ..inner };
    let labels = if narrow { 18 } else { 32 }.min(inner.width);
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
            &format!("{}{:<6} {}", run.held(number).map_or(" ", |fate| held_sign(fate, brush)), group.edge, group.operation),
            Role::Text,
        );
        let area = Rect { x: list.x + labels, y, width: list.width.saturating_sub(labels), height: 1 };
        strip(run, &[number], area, brush);
        brush.zone(Rect { y, height: 1, ..list }, Target::Group(number));
        if number == run.group() {
            brush.highlight(inner, y, Role::Selection);
        }
    }
    told(run, Rect { y: list.bottom() + 1, height: inner.height.saturating_sub(list.height + 1), ..inner }, brush);
    if lower > 0 {
        focus(run, Rect { y: upper.bottom(), height: lower, ..area }, (on_group, app.scroll()), brush);
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

/// The epochs that a column shows, as positions in all of them: those that fall into it, or the last one before it.
fn epochs_of(column: usize, wide: usize, epochs: usize) -> Range<usize> {
    let (begin, end) = ((column * epochs).div_ceil(wide), ((column + 1) * epochs).div_ceil(wide));
    if begin < end { begin..end } else { begin - 1..begin }
}

/// The mean of some groups over the epochs, and now.
fn strip(run: &Run, groups: &[usize], area: Rect, brush: &mut Brush<'_>) {
    let shades = if brush.look.glyphs == Glyphs::Ascii { [".", "-", "+", "x", "#"] } else { ["·", "░", "▒", "▓", "█"] };
    let epochs = run.planned_epochs().unwrap_or(1).max(1) as usize;
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (sum, number) = values.fold((0.0, 0.0), |(sum, number), value| (sum + value, number + 1.0));
        (number > 0.0).then(|| sum / number)
    };
    let wide = usize::from(area.width.saturating_sub(NOW));
    for (x, column) in (area.x..).zip(0..wide) {
        let within = epochs_of(column, wide, epochs);
        if within.start >= run.epochs().len() {
            break;
        }
        let shown = &run.epochs()[within.start..within.end.min(run.epochs().len())];
        let mut values = shown.iter().flat_map(|epoch| groups.iter().filter_map(|&group| epoch.drop_probabilities.get(group)));
        let Some(drop) = mean(&mut values.by_ref().map(|&p| f64::from(p))) else { continue };
        let level = ((measured(run, drop) * 5.0) as usize).min(4);
        let role = if level == 0 { Role::Quiet } else { shade(run) };
        brush.text(x, area.y, 1, shades[level], role);
    }
    if let Some(cross) = run.cross().filter(|_| wide > 0) {
        let column = ((cross.saturating_sub(1) as usize * wide) / epochs).min(wide - 1);
        let style = brush.look.style(Role::Selection);
        let cell = Rect { x: area.x + column as u16, width: 1, ..area };
        brush.buffer.set_style(cell.intersection(brush.buffer.area), style);
    }
    if let Some(now) = mean(&mut groups.iter().filter_map(|&group| run.drop_probability(group))) {
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

/// The group in focus, its facts from a line on where they do not all show: its p and the norm of its weights over time, what it costs, how it stands.
fn focus(run: &Run, area: Rect, (focused, scroll): (bool, usize), brush: &mut Brush<'_>) {
    const FACTS: u16 = 36;
    const NARROW: u16 = 30;
    let Some(started) = run.started() else { return };
    let (Some(group), Some(p)) = (started.network.groups.get(run.group()), run.drop_probability(run.group())) else { return };
    let title = format!("{} · {} · {}", group.block, group.edge, group.operation);
    let inner = brush.panel(area, &title, "over epochs", focused);
    let history = run.history(run.group());
    let shown: Vec<(f64, f64)> = history.iter().map(|&(epoch, p)| (epoch, measured(run, p))).collect();
    let word = if run.is_categorical() { "probability" } else { "drop" };
    let share = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
    let network = &started.network;
    // At the crosshair, where there is one: what the curves beside it show there.
    let at = |points: &[(f64, f64)]| {
        let cross = run.cross()?;
        points.iter().find(|(epoch, _)| (*epoch - f64::from(cross)).abs() < 0.5).map(|&(_, value)| (value, cross))
    };
    let norms = run.norms(run.group());
    let facts = [
        match at(&shown) {
            Some((value, epoch)) => (format!("{word} {} at epoch {epoch}, {} now", share2(value), share2(measured(run, p))), Role::Text),
            None => {
                (format!("{word} {} now, {} at first", share2(measured(run, p)), share2(measured(run, started.initial_drop))), Role::Text)
            }
        },
        match run.held(run.group()) {
            Some(fate) => (format!("{} held {} by hand", held_sign(fate, brush), fate.label()), Role::Attention),
            None => (group_words(&history).to_owned(), Role::Title),
        },
        match run.weight_norm(run.group()) {
            Some(norm) if group.has_weights => match at(&norms) {
                Some((value, epoch)) => (format!("norm {} at epoch {epoch}, {} now", short(value), short(norm)), Role::Text),
                None => (format!("norm of its weights {}", short(norm)), Role::Text),
            },
            // The log tells it at the end of an epoch, and that of before norms were told never.
            None if group.has_weights && run.epochs().is_empty() => ("weight norm: after the first epoch".to_owned(), Role::Text),
            None if group.has_weights => ("weight norm: not in this log".to_owned(), Role::Text),
            _ => ("it has no weights".to_owned(), Role::Text),
        },
        (format!("{} channels share this rate", group.channels), Role::Text),
        (format!("{} parameters, {:.1} % of all", short(group.parameters as f64), share(group.parameters, network.parameters)), Role::Text),
        (format!("{} MACs, {:.1} % of all", short(group.macs as f64), share(group.macs, network.macs)), Role::Text),
        (format!("{} parameters expected", short((1.0 - p) * group.parameters as f64)), Role::Quiet),
    ];
    let facts_wide = FACTS.min(inner.width);
    let room = usize::from(inner.height);
    let past = facts.len().saturating_sub(room);
    if focused {
        brush.reach.down = Some(past);
    }
    let first = scroll.min(past);
    brush.more(inner, first, room, facts.len());
    for (y, (text, role)) in (inner.y..inner.bottom()).zip(&facts[first..]) {
        brush.text(inner.x, y, facts_wide, text, *role);
    }
    let plot = Rect { x: inner.x + facts_wide, width: inner.width - facts_wide, ..inner };
    let plot = Rect { height: plot.height.saturating_sub(1), ..plot };
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
