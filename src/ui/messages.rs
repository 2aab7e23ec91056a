//! All alerts of a run and what was done by hand, over the screen, the newest first.

use super::overlay::centred;
use super::paint::{Brush, broken, duration};
use super::theme::Role;
use crate::app::{ActionId, App, Message};
use ratatui::layout::Rect;

/// Columns of the time of a message.
const TIME: u16 = 14;
/// Columns inside from which on the time stands before the text; above it in fewer.
const WIDE: u16 = 60;
/// Columns of the screen from which on some of it stays in sight.
const ROOMY: u16 = 80;

pub(super) fn draw(app: &App, at: usize, area: Rect, brush: &mut Brush<'_>) {
    let messages = app.run().map_or_else(Vec::new, crate::app::Run::messages_by_block);
    // As large as it can be where there is little room: a remedy stands at the end of its sentence.
    let margin = if area.width < ROOMY { 0 } else { 2 };
    let width = area.width - margin;
    let lines: Vec<Line> = messages.iter().rev().flat_map(|message| lines(message, width - 4)).collect();
    let height = (lines.len().max(1) as u16).saturating_add(2).min(area.height - margin.max(1));
    let popup = centred(Rect { height: area.height - 1, ..area }, width, height);
    brush.clear(popup);
    let alerts = messages.iter().filter(|message| message.is_alert).count();
    let closes = super::overlay::told(app, &[(ActionId::ClosePage, "closes")]);
    let of = if alerts == 1 { "alert" } else { "alerts" };
    let inner = brush.panel(popup, "Messages", &format!("{alerts} {of}, {} by hand · {closes}", messages.len() - alerts), true);
    if messages.is_empty() {
        brush.text(inner.x, inner.y, inner.width, "none so far", Role::Quiet);
        return;
    }
    let room = usize::from(inner.height);
    brush.reach.down = Some(lines.len().saturating_sub(room));
    let first = at.min(lines.len().saturating_sub(room));
    brush.more(inner, first, room, lines.len());
    for (y, (time, text, role)) in (inner.y..inner.bottom()).zip(lines.iter().skip(first)) {
        let indent = if inner.width < WIDE { 0 } else { TIME };
        brush.text(inner.x, y, inner.width, time, Role::Quiet);
        brush.text(inner.x + indent, y, inner.width - indent, text, *role);
    }
}

type Line = (String, String, Role);

/// The lines of a message: when it was, and all of its text.
fn lines(message: &Message, width: u16) -> Vec<Line> {
    let after = match message.step {
        Some(step) => format!("after step {step}: "),
        None if message.epoch > 0 => format!("after epoch {}: ", message.epoch),
        None => String::new(),
    };
    let (mark, role) = if message.is_alert { ("! ", Role::Attention) } else { ("", Role::Text) };
    let (time, narrow) = (duration(message.seconds), width < WIDE);
    let text = broken(&format!("{mark}{after}{}", message.text), if narrow { width } else { width - TIME });
    let above = narrow.then(|| (time.clone(), String::new(), role));
    let beside = |(number, text)| (if number == 0 && !narrow { time.clone() } else { String::new() }, text, role);
    above.into_iter().chain(text.into_iter().enumerate().map(beside)).collect()
}
