//! The line of a replay: how it stands, where in the log, at what time of the run.

use super::paint::{Brush, duration};
use super::theme::Role;
use crate::app::Replay;
use ratatui::layout::Rect;

pub(super) fn draw(replay: &Replay, area: Rect, brush: &mut Brush<'_>) {
    let (sign, word) = match (replay.seeks(), replay.plays()) {
        (true, _) => (brush.look.sign("»", ">"), "reading"),
        (_, true) => (brush.look.sign("▶", ">"), "playing"),
        _ if replay.at() == replay.total() => (brush.look.sign("■", "#"), "at its end"),
        _ => (brush.look.sign("‖", "="), "standing still"),
    };
    let mut x = area.x + 1;
    // Each is told whole or not at all.
    let mut tell = |brush: &mut Brush<'_>, text: &str, role: Role| {
        if x + text.trim_end().chars().count() as u16 <= area.right() {
            x += brush.text(x, area.y, area.right().saturating_sub(x), text, role);
        }
        x
    };
    tell(brush, &format!("{sign} replay {word} ×{}   ", replay.speed()), Role::Attention);
    tell(brush, &format!("event {} of {}   ", replay.at(), replay.total()), Role::Text);
    let x = tell(brush, &format!("{} of {}   ", duration(replay.clock()), duration(replay.seconds())), Role::Text);
    let room = area.right().saturating_sub(x + 1);
    if room >= 8 {
        brush.progress(x, area.y, room, replay.at() as f64 / replay.total().max(1) as f64);
    }
}
