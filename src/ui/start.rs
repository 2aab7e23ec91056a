//! The start screen: presets to search from, earlier runs to open.

use super::paint::{Brush, short};
use super::theme::Role;
use crate::app::Start;
use ratatui::layout::Rect;
use std::time::SystemTime;

pub(super) fn draw(start: &Start, area: Rect, brush: &mut Brush<'_>) {
    brush.text(area.x + 1, area.y, area.width - 1, "pgnas · posterior-guided neural architecture search", Role::Title);
    let presets = (start.presets().len() as u16 + 3).clamp(4, area.height / 2);
    let upper = Rect { y: area.y + 1, height: presets.min(area.height - 1), ..area };
    let lower = Rect { y: upper.bottom(), height: area.bottom() - upper.bottom(), ..area };
    let inner = brush.panel(upper, "Presets", "enter starts a search", !start.in_runs());
    brush.text(inner.x + 2, inner.y, inner.width.saturating_sub(2), "name          parameters  groups  epochs  ", Role::Quiet);
    for (y, (position, preset)) in (inner.y + 1..inner.bottom()).zip(start.presets().iter().enumerate()) {
        let figures = format!("{:<14}{:>10}  {:>6}  {:>6}  ", preset.name, short(preset.parameters as f64), preset.groups, preset.epochs);
        let used = brush.text(inner.x + 2, y, inner.width.saturating_sub(2), &figures, Role::Text);
        brush.text(inner.x + 2 + used, y, inner.width.saturating_sub(2 + used), &preset.summary, Role::Quiet);
        mark(brush, inner, y, !start.in_runs() && position == start.preset());
    }
    let inner = brush.panel(lower, "Runs", "enter opens", start.in_runs());
    if start.runs().is_empty() {
        brush.text(inner.x + 2, inner.y, inner.width.saturating_sub(2), "none yet", Role::Quiet);
        return;
    }
    brush.text(inner.x + 2, inner.y, inner.width.saturating_sub(2), "state       best   age    size    name", Role::Quiet);
    let room = inner.height.saturating_sub(1) as usize;
    let first = start.run().saturating_sub(room.saturating_sub(1));
    for (y, (position, run)) in (inner.y + 1..inner.bottom()).zip(start.runs().iter().enumerate().skip(first)) {
        let best = run.best.map_or_else(|| "–".to_owned(), |best| format!("{:.3}", best.share()));
        let line =
            format!("{:<11} {:<6} {:<6} {:<7} {}", run.state, best, age(start.now(), run.written), short(run.bytes as f64), run.name);
        brush.text(inner.x + 2, y, inner.width.saturating_sub(2), &line, Role::Text);
        mark(brush, inner, y, start.in_runs() && position == start.run());
    }
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
