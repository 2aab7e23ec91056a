//! Pure drawing: the model of the screen and an area in, cells out. Only [`theme`] knows a colour.

mod detail;
mod network;
pub mod paint;
mod panes;
mod search;
mod start;
pub mod theme;

use crate::app::{ActionId, App, LEGEND, Overlay};
use paint::Brush;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use theme::{Look, Role};

/// Draws the whole screen.
pub fn draw(app: &App, look: &Look, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    let mut brush = Brush { buffer, look };
    if area.width < 40 || area.height < 10 {
        brush.text(area.x, area.y, area.width, "pgnas needs 40×10 cells; make the window larger", Role::Text);
        return;
    }
    let body = Rect { height: area.height - 1, ..area };
    match app.run() {
        Some(run) => search::draw(app, run, body, &mut brush),
        None => start::draw(app.start(), body, &mut brush),
    }
    hints(app, Rect { y: area.bottom() - 1, height: 1, ..area }, &mut brush);
    match app.overlay() {
        Overlay::None => {}
        Overlay::Help(chosen) => help(app, chosen, area, &mut brush),
        Overlay::Leave => leave(app, area, &mut brush),
    }
}

/// The last line: the keys that do something now; a notice or an alert takes their place.
fn hints(app: &App, area: Rect, brush: &mut Brush<'_>) {
    if let Some(notice) = app.notice_line() {
        let role = if notice.is_error { Role::Danger } else { Role::Notice };
        let mark = if notice.is_error { "! " } else { "" };
        brush.text(area.x + 1, area.y, area.width - 1, &format!("{mark}{}", notice.text), role);
        return;
    }
    let paused = app.run().is_some_and(crate::app::Run::is_paused);
    let hints: Vec<_> =
        app.actions().filter(|action| action.allowed(app).is_ok()).filter_map(|action| Some((action.id, action.hint?))).collect();
    let wide = |(keys, word): (&str, &str)| (keys.chars().count() + word.chars().count() + 3) as u16;
    // Help and leave are always told; the others while there is room.
    let kept = |id: ActionId| matches!(id, ActionId::Help | ActionId::Leave);
    let mut room = (area.width + 1).saturating_sub(hints.iter().filter(|(id, _)| kept(*id)).map(|(_, hint)| wide(*hint)).sum::<u16>());
    let mut x = area.x + 1;
    for (id, (keys, word)) in hints {
        let word = if id == ActionId::Pause && paused { "go on" } else { word };
        if !kept(id) {
            let needed = wide((keys, word));
            if needed > room {
                room = 0;
                continue;
            }
            room -= needed;
        }
        x += brush.text(x, area.y, area.right().saturating_sub(x), keys, Role::Key);
        x += brush.text(x, area.y, area.right().saturating_sub(x), &format!(" {word}"), Role::Quiet) + 2;
    }
}

fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

fn help(app: &App, chosen: usize, area: Rect, brush: &mut Brush<'_>) {
    const KEYS: u16 = 19;
    let actions: Vec<_> = app.actions().collect();
    let total = actions.len() + LEGEND.len();
    let popup = centred(area, 118.min(area.width.saturating_sub(2)), total as u16 + 5);
    brush.clear(popup);
    let inner = brush.panel(popup, "Help", "enter does the chosen line · esc closes", true);
    // The lowest two lines tell the chosen line in full.
    let list = Rect { height: inner.height.saturating_sub(3), ..inner };
    let room = usize::from(list.height);
    let first = (chosen + 2).saturating_sub(room).min(total.saturating_sub(room));
    let name = if inner.width >= 90 { 20 } else { inner.width.saturating_sub(KEYS) };
    for (y, position) in (list.y..list.bottom()).zip(first..total) {
        if let Some(action) = actions.get(position) {
            let refused = action.allowed(app).err();
            let role = if refused.is_some() { Role::Quiet } else { Role::Text };
            brush.text(inner.x, y, KEYS, &action.keys.join(" "), Role::Key);
            brush.text(inner.x + KEYS, y, name, action.name, role);
            let (x, doc) = (inner.x + KEYS + name, refused.map_or_else(|| action.doc.to_owned(), |reason| format!("not now: {reason}")));
            brush.text(x, y, inner.right().saturating_sub(x), &doc, Role::Quiet);
        } else if let Some((sign, meaning)) = LEGEND.get(position - actions.len()) {
            brush.text(inner.x, y, KEYS, sign, Role::Title);
            brush.text(inner.x + KEYS, y, inner.width.saturating_sub(KEYS), meaning, Role::Quiet);
        }
        if position == chosen {
            brush.highlight(inner, y, Role::Selection);
        }
    }
    brush.more(inner, first, room, total);
    let told = match actions.get(chosen) {
        Some(action) => action.allowed(app).err().map_or_else(|| action.doc.to_owned(), |reason| format!("Not now: {reason}.")),
        None => LEGEND.get(chosen - actions.len()).map_or_else(String::new, |(sign, meaning)| format!("{sign}: {meaning}.")),
    };
    brush.wrapped(Rect { y: list.bottom() + 1, height: inner.height.saturating_sub(list.height + 1), ..inner }, &told, Role::Text);
}

fn leave(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let live = app.run().is_some_and(crate::app::Run::is_live);
    let question = if live { "Leave: the search stops, what is there is kept." } else { "Leave pgnas?" };
    let popup = centred(area, 56, 5);
    brush.clear(popup);
    let inner = brush.panel(popup, "Leave", "", true);
    brush.text(inner.x, inner.y, inner.width, question, Role::Title);
    brush.text(inner.x, inner.y + 2, inner.width, "y or enter: leave   n or esc: stay", Role::Key);
}

/// Whether an action can be done now, for panes that mention its key.
fn can(app: &App, id: ActionId) -> bool {
    app.actions().any(|action| action.id == id && action.allowed(app).is_ok())
}

#[cfg(test)]
mod tests;
