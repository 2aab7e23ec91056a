//! Pure drawing: the model of the screen and an area in, cells out. Only [`theme`] knows a colour.

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
    let mut x = area.x + 1;
    for action in app.actions().filter(|action| action.allowed(app).is_ok()) {
        let Some((keys, word)) = action.hint else { continue };
        let wide = (keys.chars().count() + word.chars().count() + 3) as u16;
        if x + wide > area.right() {
            continue;
        }
        x += brush.text(x, area.y, area.right() - x, keys, Role::Key);
        x += brush.text(x, area.y, area.right() - x, &format!(" {word}  "), Role::Quiet);
    }
}

fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

fn help(app: &App, chosen: usize, area: Rect, brush: &mut Brush<'_>) {
    let actions: Vec<_> = app.actions().collect();
    let total = actions.len() + LEGEND.len();
    let popup = centred(area, 96, total as u16 + 2);
    brush.clear(popup);
    let inner = brush.panel(popup, "Help", "enter runs the chosen line · esc closes", true);
    let first = chosen.saturating_sub((inner.height as usize).saturating_sub(3)).min(total.saturating_sub(inner.height as usize));
    for (offset, position) in (first..total).take(inner.height as usize).enumerate() {
        let y = inner.y + offset as u16;
        if let Some(action) = actions.get(position) {
            let refused = action.allowed(app).err();
            let keys = action.keys.join(" ");
            brush.text(inner.x + 1, y, 20, &keys, Role::Key);
            brush.text(inner.x + 22, y, 22, action.name, if refused.is_some() { Role::Quiet } else { Role::Title });
            let doc = refused.map_or_else(|| action.doc.to_owned(), |reason| format!("not now: {reason}"));
            brush.text(inner.x + 45, y, inner.width.saturating_sub(45), &doc, Role::Quiet);
        } else if let Some((sign, meaning)) = LEGEND.get(position - actions.len()) {
            brush.text(inner.x + 1, y, 20, sign, Role::Title);
            brush.text(inner.x + 22, y, inner.width.saturating_sub(22), meaning, Role::Quiet);
        }
        if position == chosen {
            brush.highlight(inner, y, Role::Selection);
        }
    }
}

fn leave(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let live = app.run().is_some_and(crate::app::Run::is_live);
    let question = if live { "Leave: the search stops, what is there is kept." } else { "Leave pgnas?" };
    let popup = centred(area, 56, 5);
    brush.clear(popup);
    let inner = brush.panel(popup, "Leave", "", true);
    brush.text(inner.x + 1, inner.y, inner.width - 1, question, Role::Title);
    brush.text(inner.x + 1, inner.y + 2, inner.width - 1, "y or enter: leave   n or esc: stay", Role::Key);
}

/// Whether an action can be done now, for panes that mention its key.
fn can(app: &App, id: ActionId) -> bool {
    app.actions().any(|action| action.id == id && action.allowed(app).is_ok())
}
