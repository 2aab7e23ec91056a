//! The network pane: the posterior is the network. A row per operation, grouped by edge, edges by block.

use super::paint::{Brush, share2, short};
use super::theme::Role;
use crate::app::{Block, NetworkRow, Run, Take, Target, Trend};
use crate::run::Fate;
use ratatui::layout::Rect;

pub(super) fn draw(run: &Run, area: Rect, focused: bool, brush: &mut Brush<'_>) {
    let Some(started) = run.started() else {
        brush.panel(area, "Network", "", focused);
        return;
    };
    let network = &started.network;
    let expected = run.health().map_or_else(String::new, |health| {
        format!("{} of {} parameters expected", short(health.expected_parameters), short(network.parameters as f64))
    });
    let inner = brush.panel(area, "Network", &expected, focused);
    let rows = run.rows();
    let kept = run.selected().map(|score| score.kept.as_slice());
    let labels = 20.min(inner.width);
    let bar = inner.width.saturating_sub(labels + 38).min(20);
    let figures = inner.x + labels + bar + 1;
    if inner.height > 0 {
        let right = inner.right().saturating_sub(figures);
        let head = if run.is_categorical() { "probab.     Δ  now      params" } else { "keep  drop  Δ  now      params" };
        brush.text(figures, inner.y, right, head, Role::Quiet);
    }
    let room = inner.height.saturating_sub(1) as usize;
    let first = run.row().saturating_sub(room / 2).min(rows.len().saturating_sub(room));
    brush.more(inner, first, room, rows.len());
    for (y, (position, row)) in (inner.y + 1..inner.bottom()).zip(rows.iter().enumerate().skip(first)) {
        match *row {
            NetworkRow::Block(number) => {
                let block = &run.blocks()[number];
                let sign = if block.folded { brush.look.sign("▸", ">") } else { brush.look.sign("▾", "v") };
                let used = brush.text(inner.x, y, inner.width, &format!("{sign} {}", block.name), Role::Title);
                summary(run, block, inner, (inner.x + used + 2, y), brush);
            }
            NetworkRow::Group { group, heads_edge, .. } => {
                let info = &network.groups[group];
                if heads_edge {
                    brush.text(inner.x + 2, y, 7.min(inner.width.saturating_sub(2)), &info.edge, Role::Quiet);
                }
                brush.text(inner.x + 9.min(inner.width), y, inner.width.saturating_sub(9).min(10), &info.operation, Role::Text);
                let Some(p) = run.drop_probability(group) else { continue };
                // One of several operations is taken: those count as kept that are likelier than at first.
                let half = if run.is_categorical() { started.initial_drop } else { 0.5 };
                let role = if p <= half { Role::Kept } else { Role::Dropped };
                let held = run.held(group);
                match held {
                    Some(fate) => {
                        let told = format!("{} {}", held_sign(fate, brush), fate.label());
                        brush.text(inner.x + labels, y, bar, &told, Role::Attention);
                    }
                    None => brush.bar(inner.x + labels, y, bar, 1.0 - p, role),
                }
                let trend = match run.trend(group).filter(|_| held.is_none()) {
                    Some(Trend::Rises) => brush.look.sign("↑", "^"),
                    Some(Trend::Falls) => brush.look.sign("↓", "v"),
                    _ if held.is_some() => held.map_or("", |fate| held_sign(fate, brush)),
                    Some(Trend::Rests) | None => brush.look.sign("–", "-"),
                };
                let take = match kept.and_then(|kept| kept.get(group)).map(|&kept| Take::of(kept, info.channels)) {
                    Some(Take::All) => brush.look.sign("●", "@"),
                    Some(Take::Some) => brush.look.sign("◐", "o"),
                    Some(Take::None) => brush.look.sign("○", "."),
                    None => " ",
                };
                let share = kept.and_then(|kept| kept.get(group)).map(|&kept| share2(f64::from(kept) / info.channels.max(1) as f64));
                let share = share.unwrap_or_default();
                let parameters =
                    if info.has_weights { short((1.0 - p) * info.parameters as f64) } else { brush.look.sign("–", "-").to_owned() };
                let keep = 1.0 - p;
                let rates = if run.is_categorical() { format!("{keep:>7.3}   ") } else { format!("{keep:>4.2}  {p:>4.2}") };
                let text = format!("{rates}  {trend}   {take} {share:<4} {parameters:>7}");
                brush.text(figures, y, inner.right().saturating_sub(figures), &text, Role::Text);
            }
        }
        brush.zone(Rect { y, height: 1, ..inner }, Target::Row(position));
        if focused && position == run.row() {
            brush.highlight(inner, y, Role::Selection);
        }
    }
}

/// The sign of an operation that is held by hand.
pub(super) fn held_sign(fate: Fate, brush: &Brush<'_>) -> &'static str {
    match fate {
        Fate::Kept => brush.look.sign("■", "K"),
        Fate::Dropped => brush.look.sign("□", "D"),
    }
}

/// How many operations of a block are kept more often than not; of a folded one a column per operation, too.
fn summary(run: &Run, block: &Block, inner: Rect, (x, y): (u16, u16), brush: &mut Brush<'_>) {
    const LEVELS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let keep: Vec<f64> = block.groups.clone().filter_map(|group| run.drop_probability(group)).map(|p| 1.0 - p).collect();
    let kept = keep.iter().filter(|&&keep| keep > 0.5).count();
    let room = inner.right().saturating_sub(x);
    let used = brush.text(x, y, room, &format!("{kept} of {} operations kept   ", keep.len()), Role::Quiet);
    let ascii = brush.look.glyphs == super::theme::Glyphs::Ascii;
    let column = |keep: f64| {
        let level = (keep * 8.0).clamp(0.0, 7.0) as usize;
        if ascii { char::from_digit((keep * 9.0).round() as u32, 10).unwrap_or('0').to_string() } else { LEVELS[level].to_owned() }
    };
    if block.folded {
        // Where they are more than columns, a column is the mean of its share of them.
        let columns = keep.len().min(usize::from(room.saturating_sub(used)));
        let share = |at: usize| &keep[at * keep.len() / columns..(at + 1) * keep.len() / columns];
        let means = (0..columns).map(|at| share(at).iter().sum::<f64>() / share(at).len().max(1) as f64);
        brush.text(x + used, y, room.saturating_sub(used), &means.map(column).collect::<String>(), Role::Kept);
    }
}
