//! The debug page: what the line to the terminal takes.

use super::overlay::centred;
use super::paint::{Brush, bytes as sized};
use super::theme::Role;
use crate::app::{ActionId, App, LinkMode, Meter};
use ratatui::layout::Rect;
use std::time::Duration;

/// Columns of the name of a fact.
const NAME: u16 = 10;

pub(super) fn draw(app: &App, at: usize, area: Rect, brush: &mut Brush<'_>) {
    let facts = facts(app.meter(), brush, area, app.takes_mouse());
    let popup = centred(area, 100.min(area.width.saturating_sub(2)), area.height.min(2 * facts.len() as u16 + 2));
    let lines = lines(&facts, popup.width);
    let popup = Rect { height: popup.height.min(lines.len() as u16 + 2), ..popup };
    brush.clear(popup);
    let inner = brush.panel(popup, "Line to the terminal", &super::overlay::told(app, &[(ActionId::ClosePage, "closes")]), true);
    let room = usize::from(inner.height);
    brush.reach.down = Some(lines.len().saturating_sub(room));
    let first = at.min(lines.len().saturating_sub(room));
    brush.more(inner, first, room, lines.len());
    for (y, (name, fact)) in (inner.y..inner.bottom()).zip(lines.iter().skip(first)) {
        let name_wide = NAME.min(inner.width);
        brush.text(inner.x, y, name_wide, name, Role::Quiet);
        brush.text(inner.x + name_wide, y, inner.width - name_wide, fact, Role::Text);
    }
}

/// The facts in the lines of a panel of this width, each named on its first line.
fn lines(facts: &[(&'static str, String)], width: u16) -> Vec<(&'static str, String)> {
    let room = width.saturating_sub(4 + NAME);
    let of = |(name, fact): &(&'static str, String)| {
        let name = *name;
        let lines = super::paint::broken(fact, room).into_iter().enumerate();
        lines.map(move |(number, line)| (if number == 0 { name } else { "" }, line)).collect::<Vec<_>>()
    };
    facts.iter().flat_map(of).collect()
}

fn facts(meter: &Meter, brush: &Brush<'_>, area: Rect, mouse: bool) -> Vec<(&'static str, String)> {
    let none = || "–".to_owned();
    let (sent, unchanged, shared) = meter.frames();
    let (backlog, missed) = meter.waiting();
    let every = milliseconds(meter.interval());
    let line = match meter.mode() {
        LinkMode::Auto => {
            let shown = meter.round_trip().map_or_else(
                || "the terminal does not say when it has shown one".to_owned(),
                |time| format!("none before the terminal has shown the one before, {} for the last", milliseconds(time)),
            );
            format!("auto: a frame every {every} at most, by the time that writing takes; {shown}")
        }
        fixed => format!("{}: a frame every {every} at most", fixed.label()),
    };
    let times = |of: &dyn Fn(&crate::app::Frame) -> Duration| {
        meter.of(of).map_or_else(none, |(last, median, most)| {
            format!("{} median, {} the last, {} the longest", milliseconds(median), milliseconds(last), milliseconds(most))
        })
    };
    let bytes = meter.of(|frame| frame.bytes as u64).map_or_else(none, |(last, median, most)| {
        format!("{} median, {} the last, {} the largest", sized(median), sized(last), sized(most))
    });
    let rates = meter.rates().map_or_else(none, |(bytes, frames, seconds)| {
        format!("{} and {frames:.1} frames over the last {seconds:.0} s; {} in all", sized(bytes.round() as u64), sized(meter.bytes()))
    });
    vec![
        ("line", line),
        ("frames", format!("{sent} sent, {unchanged} without a change and not sent, {shared} events shared one")),
        ("a frame", bytes),
        ("a second", rates),
        ("writing", times(&|frame| frame.writing)),
        ("painting", times(&|frame| frame.painting)),
        ("waiting", format!("{backlog} events of the search; {missed} came too fast and were read from its log")),
        (
            "terminal",
            format!(
                "{}×{}, {}, {}, mouse {}",
                area.width,
                area.height,
                brush.look.depth.label(),
                brush.look.glyphs.label(),
                if mouse { "taken" } else { "left" }
            ),
        ),
    ]
}

fn milliseconds(time: Duration) -> String {
    let value = time.as_secs_f64() * 1e3;
    if value < 10.0 { format!("{value:.1} ms") } else { format!("{value:.0} ms") }
}
