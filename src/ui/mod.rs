//! Pure drawing: the model of the screen and an area in, cells out. Only [`theme`] knows a colour.

mod beside;
mod colour;
mod compare;
mod detail;
mod heat;
mod marked;
mod messages;
mod meter;
mod network;
mod overlay;
pub mod paint;
mod panes;
mod replay;
mod search;
mod sketch;
mod start;
pub mod theme;

use crate::app::{ActionId, App, Overlay, Reach, Target};
use paint::{Brush, Zone};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use theme::{Look, Role};

/// What a frame tells of itself.
#[derive(Debug, Clone, Default)]
pub struct Drawn {
    /// What lies where, for clicks, what is on top last.
    pub zones: Vec<Zone>,
    /// How far what scrolls can be scrolled.
    pub reach: Reach,
}

/// Draws the whole screen.
pub fn draw(app: &App, look: &Look, area: Rect, buffer: &mut Buffer) -> Drawn {
    let area = area.intersection(buffer.area);
    let mut brush = Brush::new(buffer, look);
    if area.width < 40 || area.height < 10 {
        brush.text(area.x, area.y, area.width, "pgnas needs 40×10 cells; make the window larger", Role::Text);
        return Drawn::default();
    }
    let foot = foot(app);
    let body = Rect { height: area.height - foot, ..area };
    if let Some(told) = app.replay() {
        replay::draw(told, Rect { y: area.bottom() - foot, height: 1, ..area }, &mut brush);
    }
    match app.run() {
        Some(run) => search::draw(app, run, body, &mut brush),
        None => start::draw(app, body, &mut brush),
    }
    hints(app, area, &mut brush);
    match app.overlay() {
        Overlay::None | Overlay::Filter(_) | Overlay::Dial(_) | Overlay::Place(_) | Overlay::Rename(_) | Overlay::Train(_) => {}
        Overlay::Form(form) => overlay::form(app, form, area, &mut brush),
        Overlay::Delete(run) => overlay::delete(app, run, area, &mut brush),
        Overlay::Stop => overlay::stop(app, area, &mut brush),
        Overlay::Meter(at) => meter::draw(app, *at, area, &mut brush),
        Overlay::Marked(at, past) => marked::draw(app, (*at, *past), area, &mut brush),
        Overlay::Messages(at) => messages::draw(app, *at, area, &mut brush),
        Overlay::Help(chosen) => overlay::help(app, *chosen, area, &mut brush),
        Overlay::Leave => overlay::leave(app, area, &mut brush),
        Overlay::Palette(palette) => overlay::palette(app, palette, area, &mut brush),
    }
    Drawn { zones: brush.zones, reach: brush.reach }
}

/// Lines below the panes.
fn foot(app: &App) -> u16 {
    if app.replay().is_some() { 2 } else { 1 }
}

/// What lies at a place of the last frame.
#[must_use]
pub fn target(zones: &[Zone], x: u16, y: u16) -> Option<Target> {
    zones.iter().rfind(|zone| zone.area.contains((x, y).into())).map(|zone| zone.target)
}

/// Lines that a notice may take; the floor of the screen has ten.
const NOTICE_LINES: u16 = 5;

/// The last line: the keys that do something now; a notice or an alert takes their place.
fn hints(app: &App, screen: Rect, brush: &mut Brush<'_>) {
    let area = Rect { y: screen.bottom() - 1, height: 1, ..screen };
    match app.overlay() {
        Overlay::Filter(line) => {
            let count = app.run().map_or(0, |run| run.ranked().len());
            let told = format!("{count} candidates · {}", does(app, "keeps it"));
            return typing("show only", &line.input, line.fault.as_deref(), &told, area, brush);
        }
        Overlay::Dial(line) => {
            return typing(line.dial.label(), &line.input, line.fault.as_deref(), &does(app, "does it"), area, brush);
        }
        Overlay::Place(line) => {
            let esc = overlay::told(app, &[(ActionId::GiveUp, "gives it up")]);
            let told = format!("an event (120), a share (50%), an epoch (e12), a time (90s, 12m, 1.5h) · {esc}");
            return typing("go to", &line.input, line.fault.as_deref(), &told, area, brush);
        }
        Overlay::Train(line) => {
            let told = format!("also train.*, data.shift, data.flip, data.cutout · {}", does(app, "trains"));
            return typing(line.label(), &line.input, line.fault.as_deref(), &told, area, brush);
        }
        Overlay::Rename(line) => return typing("new name", &line.input, None, &does(app, "renames"), area, brush),
        _ => {}
    }
    if let Some(notice) = app.notice_line() {
        let role = if notice.is_error { Role::Danger } else { Role::Notice };
        let mark = if notice.is_error { "! " } else { "" };
        // Before the text, whose end may be cut.
        let behind = app.alerts_behind();
        let behind = if behind > 0 { format!("(and {behind} more) ") } else { String::new() };
        let text = format!("{mark}{behind}{}", notice.text);
        // What has no room in one line is told whole, over the lines above: its remedy stands at its end.
        let lines = (paint::broken(&text, area.width - 2).len() as u16).clamp(1, NOTICE_LINES);
        let over = Rect { x: area.x, y: area.bottom() - lines, height: lines, ..area };
        brush.clear(over);
        brush.wrapped(Rect { x: over.x + 1, width: over.width - 2, ..over }, &text, role);
        return;
    }
    let told = |action: &&crate::app::Action| action.allowed(app).is_ok() && !app.keymap().of(action.id).is_empty();
    // What lies over the screen has the keys.
    let hints = app.here().filter(told).filter_map(|action| Some((action.id, action.hint_keys(app.keymap()), action.hint?)));
    let mut hints: Vec<(ActionId, String, &str)> = hints.collect();
    // What leads further where one would be stuck: between panes that do not all show, and from two runs back to the list.
    let first = |id: ActionId| match id {
        ActionId::NextPane => search::hides_panes(app, Rect { height: screen.height - foot(app), ..screen }),
        ActionId::Back => app.beside().is_some() || app.expanded(),
        _ => false,
    };
    hints.sort_by_key(|&(id, ..)| (!first(id), app.replay().is_some() && !id.is_of_replay()));
    let wide = |keys: &str, word: &str| (keys.chars().count() + word.chars().count() + 3) as u16;
    // These are always told; the others while there is room.
    let kept = |id: ActionId| matches!(id, ActionId::Palette | ActionId::Help | ActionId::Leave);
    let always: u16 = hints.iter().filter(|(id, ..)| kept(*id)).map(|(_, keys, word)| wide(keys, word)).sum();
    let mut room = (area.width + 1).saturating_sub(always);
    let mut x = area.x + 1;
    for (id, keys, word) in &hints {
        let word = match app.replay() {
            Some(replay) if *id == ActionId::Pause && !replay.plays() => "play",
            None if *id == ActionId::Pause && app.is_paused() => "go on",
            _ if matches!(id, ActionId::Back | ActionId::Expand) && app.expanded() => "all panes",
            _ => word,
        };
        if !kept(*id) {
            let needed = wide(keys, word);
            if needed > room {
                room = 0;
                continue;
            }
            room -= needed;
        }
        let begin = x;
        x += brush.text(x, area.y, area.right().saturating_sub(x), keys, Role::Key);
        x += brush.text(x, area.y, area.right().saturating_sub(x), &format!(" {word}"), Role::Quiet);
        brush.zone(Rect { x: begin, width: x - begin, ..area }, Target::Action(*id));
        x += 2;
    }
}

/// The keys of a line in which something is typed; `takes`: what taking it means.
fn does(app: &App, takes: &str) -> String {
    overlay::told(app, &[(ActionId::Take, takes), (ActionId::GiveUp, "gives it up")])
}

/// A line in which something is typed, with what comes of it or what is wrong with it.
fn typing(label: &str, input: &str, fault: Option<&str>, told: &str, area: Rect, brush: &mut Brush<'_>) {
    let mut x = area.x + 1;
    x += brush.text(x, area.y, area.width - 1, &format!("{label}: "), Role::Key);
    // The end of what is typed is what somebody looks at.
    let room = usize::from(area.right().saturating_sub(x)).saturating_sub(2);
    let skipped = input.chars().count().saturating_sub(room);
    let shown: String = input.chars().skip(skipped).collect();
    x += brush.text(x, area.y, area.right().saturating_sub(x), &shown, Role::Title);
    x += brush.text(x, area.y, area.right().saturating_sub(x), brush.look.sign("▏", "_"), Role::Title) + 2;
    let (told, role) = fault.map_or((told.to_owned(), Role::Quiet), |fault| (format!("! {fault}"), Role::Attention));
    brush.text(x, area.y, area.right().saturating_sub(x), &told, role);
}

/// Whether an action can be done now, for panes that mention its key.
fn can(app: &App, id: ActionId) -> bool {
    app.actions().any(|action| action.id == id && action.allowed(app).is_ok())
}

#[cfg(test)]
mod tests;
