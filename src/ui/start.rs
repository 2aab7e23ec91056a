//! The start screen: presets to search from, earlier runs to open.

use super::paint::{Brush, bytes, share3, short, tail};
use super::theme::Role;
use crate::app::{ActionId, App, Start, Target};
use ratatui::layout::Rect;
use std::fmt::Write;
use std::time::SystemTime;

pub(super) fn draw(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let start = app.start();
    brush.text(area.x + 1, area.y, area.width - 1, "pgnas · posterior-guided neural architecture search", Role::Title);
    // Where there is no room for both lists, the one in focus has it all.
    let presets = match (area.height < BOTH, start.in_runs()) {
        (true, false) => area.height,
        (true, true) => 0,
        (false, _) => (start.presets().len() as u16 + 6).min(area.height / 2),
    };
    let upper = Rect { y: area.y + 1, height: presets.min(area.height - 1), ..area };
    let lower = Rect { y: upper.bottom(), height: area.bottom() - upper.bottom(), ..area };
    if upper.height > 0 {
        let keys = keys(app, &[(ActionId::Choose, "starts"), (ActionId::EditPreset, "edits its keys")]);
        draw_presets(start, &keys, upper, brush);
    }
    if lower.height > 0 {
        let of_runs = [
            (ActionId::Choose, "opens"),
            (ActionId::ResumeRun, "resume"),
            (ActionId::Replay, "replay"),
            (ActionId::Rename, "name"),
            (ActionId::Delete, "delete"),
            (ActionId::Beside, "beside"),
        ];
        draw_runs(start, &keys(app, &of_runs), lower, brush);
    }
}

/// What a list offers, by the keys that do it now.
fn keys(app: &App, of: &[(ActionId, &str)]) -> String {
    let told = of.iter().map(|&(id, word)| (app.keymap().first(&[id]), word)).filter(|(key, _)| !key.is_empty());
    told.map(|(key, word)| format!("{key} {word}")).collect::<Vec<_>>().join(" · ")
}

/// Lines from which on there is room for both lists.
const BOTH: u16 = 14;

fn draw_presets(start: &Start, keys: &str, upper: Rect, brush: &mut Brush<'_>) {
    let inner = brush.panel(upper, "Presets", keys, !start.in_runs());
    let summary = if inner.height >= 6 { 3 } else { 0 };
    let list = Rect { height: inner.height - summary, ..inner };
    let wide = widest(start.presets().iter().map(|preset| preset.name.as_str()));
    brush.text(list.x + 2, list.y, list.width.saturating_sub(2), &format!("{:<wide$}  parameters  groups  epochs", "name"), Role::Quiet);
    let room = list.height.saturating_sub(1) as usize;
    let first = start.preset().saturating_sub(room.saturating_sub(1));
    brush.more(inner, first, room, start.presets().len());
    for (y, (position, preset)) in (list.y + 1..list.bottom()).zip(start.presets().iter().enumerate().skip(first)) {
        let figures =
            format!("{:<wide$}  {:>10}  {:>6}  {:>6}", preset.name, short(preset.parameters as f64), preset.groups, preset.epochs);
        brush.text(list.x + 2, y, list.width.saturating_sub(2), &figures, Role::Text);
        brush.zone(Rect { y, height: 1, ..list }, Target::Start(position));
        mark(brush, list, y, !start.in_runs() && position == start.preset());
    }
    if let Some(preset) = start.presets().get(start.preset()).filter(|_| summary > 0) {
        let told = Rect {
            x: inner.x + 2,
            y: list.bottom() + 1,
            width: inner.width.saturating_sub(2),
            height: inner.height.saturating_sub(list.height + 1),
        };
        brush.wrapped(told, &preset.summary, Role::Quiet);
    }
}

fn draw_runs(start: &Start, keys: &str, lower: Rect, brush: &mut Brush<'_>) {
    let inner = brush.panel(lower, "Runs", keys, start.in_runs());
    if start.runs().is_empty() {
        brush.text(inner.x + 2, inner.y, inner.width.saturating_sub(2), "none yet: enter on a preset starts the first one", Role::Quiet);
        return;
    }
    let width = inner.width.saturating_sub(2);
    let preset = widest(start.runs().iter().map(|run| run.preset.as_str()));
    // All of a day have the same date in front, so that a name that is too long is told by its end.
    let left = usize::from(width).saturating_sub(STATE + 2);
    let name = start.runs().iter().map(|run| run.name.chars().count() + 2).max().unwrap_or(0).clamp(NAME, LONGEST_NAME).min(left.max(NAME));
    // Behind the name as many columns as stand there whole: what is cut tells nothing.
    let behind = [5, 6, 8, preset, 4];
    let mut used = STATE + 2 + name;
    let shown = behind.iter().take_while(|&&column| (used += column + 2, used <= usize::from(width)).1).count();
    let heads = ["best", "age", "size", "preset", "seed"];
    let row = |state: &str, name_of: &str, cells: [&str; 5]| {
        let mut line = format!("{state:<STATE$}  {name_of:<name$}");
        for ((number, cell), column) in cells.into_iter().enumerate().zip(behind).take(shown) {
            // Words begin in one column, numbers end in one.
            let _ = if number == 3 { write!(line, "  {cell:<column$}") } else { write!(line, "  {cell:>column$}") };
        }
        line
    };
    brush.text(inner.x + 2, inner.y, width, &row("state", "name", heads), Role::Quiet);
    let room = inner.height.saturating_sub(1) as usize;
    let first = start.run().saturating_sub(room.saturating_sub(1));
    brush.more(inner, first, room, start.runs().len());
    for (y, (position, run)) in (inner.y + 1..inner.bottom()).zip(start.runs().iter().enumerate().skip(first)) {
        let best = run.best.map_or_else(|| "–".to_owned(), |best| share3(best.share()));
        let (age, size, seed) = (age(start.now(), run.written), bytes(run.bytes), run.seed.to_string());
        // What went wrong shows without its colour as well.
        let (sign, role) = if ["failed", "crashed"].contains(&run.state.as_str()) { ("! ", Role::Attention) } else { ("", Role::Text) };
        let state = format!("{sign}{}", run.state);
        let marked = if start.marked() == Some(run.path.as_path()) { "* " } else { "" };
        let told = format!("{marked}{}", tail(&run.name, name - marked.len()));
        brush.text(inner.x + 2, y, width, &row(&state, &told, [&best, &age, &size, &run.preset, &seed]), role);
        brush.zone(Rect { y, height: 1, ..inner }, Target::Start(start.presets().len() + position));
        mark(brush, inner, y, start.in_runs() && position == start.run());
    }
}

/// Columns of how a run stands.
const STATE: usize = 11;
/// Columns of its name, at least and at most.
const NAME: usize = 14;
const LONGEST_NAME: usize = 42;

/// Columns that a list of names takes; very long ones are not waited for.
fn widest<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(|name| name.chars().count()).max().unwrap_or(0).clamp(8, 24)
}

fn mark(brush: &mut Brush<'_>, inner: Rect, y: u16, chosen: bool) {
    if chosen {
        let sign = brush.look.sign("▶", ">");
        brush.text(inner.x, y, 1, sign, Role::Title);
        brush.highlight(inner, y, Role::Selection);
    }
}

fn age(now: SystemTime, then: SystemTime) -> String {
    let seconds = now.duration_since(then).map_or(0, |age| age.as_secs());
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
