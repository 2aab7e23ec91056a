//! What lies over the screen: the help, the palette of commands, questions, the keys of a preset.

use super::paint::{Brush, TOGETHER, broken, bytes, share3, short};
use super::theme::Role;
use crate::app::{ActionId as Id, App, Form, LEGEND, Palette, RunRow, Target, Tie};
use crate::run::Fate;
use ratatui::layout::Rect;

pub(super) fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    // A column of what lies below at either side would read as a frame of its own.
    let width = if area.width - width <= 2 { area.width } else { width };
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

/// What some actions do, each by its first key: `enter does it · esc closes`.
pub(super) fn told(app: &App, actions: &[(Id, &str)]) -> String {
    let keys = actions.iter().map(|&(id, word)| (app.keymap().first(&[id]), word)).filter(|(key, _)| !key.is_empty());
    keys.map(|(key, word)| format!("{key} {word}")).collect::<Vec<_>>().join(" · ")
}

/// The last line of a question: by which keys it is answered, and what either answer means.
fn answers(app: &App, agrees: &str, [yes, no]: [&str; 2], inner: Rect, brush: &mut Brush<'_>) {
    let told = format!("{agrees}: {yes}   {}: {no}", app.keymap().either(Id::Decline));
    brush.text(inner.x, inner.bottom().saturating_sub(1), inner.width, &told, Role::Key);
}

pub(super) fn help(app: &App, chosen: usize, area: Rect, brush: &mut Brush<'_>) {
    const KEYS: u16 = 19;
    let actions: Vec<_> = app.help_lines().collect();
    let total = actions.len() + LEGEND.len();
    let popup = centred(area, 118.min(area.width.saturating_sub(2)), total as u16 + 5);
    brush.clear(popup);
    let inner = brush.panel(popup, "Help", &told(app, &[(Id::DoLine, "does the chosen line"), (Id::ClosePage, "closes")]), true);
    // The lowest two lines tell the chosen line in full.
    let list = Rect { height: inner.height.saturating_sub(3), ..inner };
    let room = usize::from(list.height);
    let first = (chosen + 2).saturating_sub(room).min(total.saturating_sub(room));
    let name = if inner.width >= 90 { 20 } else { inner.width.saturating_sub(KEYS) };
    for (y, position) in (list.y..list.bottom()).zip(first..total) {
        if let Some(action) = actions.get(position) {
            let refused = action.allowed(app).err();
            let role = if refused.is_some() { Role::Quiet } else { Role::Text };
            brush.text(inner.x, y, KEYS, &app.keymap().text(action.id), Role::Key);
            brush.text(inner.x + KEYS, y, name, action.name, role);
            let (x, doc) = (inner.x + KEYS + name, refused.map_or_else(|| action.doc.to_owned(), |reason| format!("not now: {reason}")));
            brush.text(x, y, inner.right().saturating_sub(x), &doc, Role::Quiet);
        } else if let Some((sign, meaning)) = LEGEND.get(position - actions.len()) {
            brush.text(inner.x, y, KEYS, sign, Role::Title);
            brush.text(inner.x + KEYS, y, inner.width.saturating_sub(KEYS), meaning, Role::Quiet);
        }
        brush.zone(Rect { y, height: 1, ..inner }, Target::Line(position));
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

pub(super) fn leave(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let live = app.run().is_some_and(crate::app::Run::is_live);
    let question = match (live, app.tie()) {
        (true, Tie::Own) => "Leave: the search stops, what is there is kept.",
        (true, _) => "Leave: the search goes on; pgnas attach shows it again.",
        (false, _) => "Leave pgnas?",
    };
    let question = format!("{question} {}", app.leaving());
    let lines = broken(question.trim_end(), 60.min(area.width) - 4).len() as u16;
    let popup = centred(area, 60, 4 + lines);
    brush.clear(popup);
    let inner = brush.panel(popup, "Leave", "", true);
    brush.wrapped(inner, question.trim_end(), Role::Title);
    let agrees = app.keymap().first(&[Id::Agree, Id::LeaveNow]).replace(' ', " or ");
    answers(app, &agrees, ["leave", "stay"], inner, brush);
}

/// The question whether to delete a run; names what is lost.
pub(super) fn delete(app: &App, run: &RunRow, area: Rect, brush: &mut Brush<'_>) {
    let popup = centred(area, 64, 8);
    brush.clear(popup);
    let inner = brush.panel(popup, "Delete", "", true);
    let best = run.best.map_or_else(String::new, |best| format!(" (best {})", share3(best.share())));
    let size = bytes(run.bytes).replace(' ', &TOGETHER.to_string());
    brush.text(inner.x, inner.y, inner.width, &run.name, Role::Title);
    let lost = format!("Its log, candidates{best}, weights, checkpoints and exports, {size}, are lost for good.");
    brush.wrapped(Rect { y: inner.y + 1, height: inner.height.saturating_sub(3), ..inner }, &lost, Role::Text);
    answers(app, &app.keymap().first(&[Id::Agree]), ["delete", "keep"], inner, brush);
}

/// The question whether to end the search; names what is lost.
pub(super) fn stop(app: &App, area: Rect, brush: &mut Brush<'_>) {
    let popup = centred(area, 64, 8);
    brush.clear(popup);
    let inner = brush.panel(popup, "Stop", "", true);
    let name = app.run().map_or("", crate::app::Run::name);
    brush.text(inner.x, inner.y, inner.width, name, Role::Title);
    let lost = format!("Nothing is lost: the search writes a checkpoint and ends. `pgnas resume {name}` goes on with it from there.");
    brush.wrapped(Rect { y: inner.y + 1, height: inner.height.saturating_sub(3), ..inner }, &lost, Role::Text);
    answers(app, &app.keymap().first(&[Id::Agree]), ["stop", "go on"], inner, brush);
}

/// The question whether to hold all operations of a block.
pub(super) fn hold(app: &App, block: usize, fate: Fate, area: Rect, brush: &mut Brush<'_>) {
    let popup = centred(area, 64, 7);
    brush.clear(popup);
    let (title, verb) = match fate {
        Fate::Kept => ("Keep", "keep"),
        Fate::Dropped => ("Drop", "drop"),
    };
    let inner = brush.panel(popup, title, "", true);
    let Some(run) = app.run() else { return };
    let name = run.blocks().get(block).map_or("", |block| block.name.as_str());
    let question = format!("{title} all {} operations of {name} from here on? Release gives them back.", run.unlike(block, fate));
    brush.wrapped(Rect { height: inner.height.saturating_sub(2), ..inner }, &question, Role::Title);
    answers(app, &app.keymap().first(&[Id::Agree]), [verb, "leave as they are"], inner, brush);
}

/// The keys of a preset, the chosen one with what it means.
pub(super) fn form(app: &App, form: &Form, area: Rect, brush: &mut Brush<'_>) {
    let popup = centred(area, 110.min(area.width.saturating_sub(2)), area.height.saturating_sub(2));
    brush.clear(popup);
    let figures = format!("{} parameters, {} operations", short(form.draft.parameters as f64), form.draft.groups);
    let inner = brush.panel(popup, &format!("Preset {}", form.preset), &figures, true);
    let keys: &[(Id, &str)] = if form.input.is_some() {
        &[(Id::Take, "check and take"), (Id::GiveUp, "leave as it was")]
    } else {
        &[(Id::ChangeKey, "change"), (Id::StartForm, "start"), (Id::OwnValue, "own value"), (Id::CloseForm, "close")]
    };
    let keys = keys.iter().map(|&(id, word)| (app.keymap().first(&[id]), word)).filter(|(key, _)| !key.is_empty());
    let keys: Vec<(String, Role)> = keys.map(|(key, word)| (format!("{key}: {word}"), Role::Key)).collect();
    let fits = keys.iter().map(|(key, _)| key.len() + 3).sum::<usize>() <= usize::from(inner.width) + 3;
    let foot = if fits { 1 } else { 2 };
    // Two keys of the preset at least, and what the chosen one means in what is left.
    let lower = (3 + foot).min(inner.height.saturating_sub(2));
    let list = Rect { height: inner.height - lower, ..inner };
    let room = usize::from(list.height);
    let first = form.at.saturating_sub(room / 2).min(form.draft.keys.len().saturating_sub(room));
    let (name, origin) = (34.min(inner.width / 2), if inner.width >= 80 { 20 } else { 0 });
    for (y, (position, row)) in (list.y..list.bottom()).zip(form.draft.keys.iter().enumerate().skip(first)) {
        let chosen = position == form.at;
        let mark = if form.changes.set.contains_key(&row.key) || (row.key == "seed" && form.changes.seed.is_some()) { "*" } else { " " };
        brush.text(list.x, y, name, &format!("{mark} {}", row.key), Role::Text);
        let value = list.width.saturating_sub(name + origin);
        match &form.input {
            Some(input) if chosen => {
                // The end of what is typed is what somebody looks at.
                let skipped = input.chars().count().saturating_sub(usize::from(value.saturating_sub(2)));
                let input: String = input.chars().skip(skipped).collect();
                let used = brush.text(list.x + name, y, value.saturating_sub(1), &input, Role::Title);
                brush.text(list.x + name + used, y, 1, brush.look.sign("▏", "_"), Role::Title);
            }
            _ => drop(brush.text(list.x + name, y, value.saturating_sub(1), &row.value, Role::Kept)),
        }
        brush.text(list.x + name + value, y, origin, &row.origin, Role::Quiet);
        if chosen {
            brush.highlight(inner, y, Role::Selection);
        }
    }
    brush.more(inner, first, room, form.draft.keys.len());
    let told = Rect { y: list.bottom(), height: lower.saturating_sub(foot), ..inner };
    match (&form.fault, form.row()) {
        (Some(fault), _) => brush.wrapped(told, &format!("! {fault}"), Role::Attention),
        (None, Some(row)) => brush.wrapped(told, &format!("{} It must be {}.", row.doc, row.kind), Role::Quiet),
        (None, None) => 0,
    };
    brush.pieces(Rect { y: inner.bottom().saturating_sub(foot), height: foot.min(inner.height), ..inner }, &keys);
}

/// The palette of commands: what was typed, and the actions that match, each with its key.
pub(super) fn palette(app: &App, palette: &Palette, area: Rect, brush: &mut Brush<'_>) {
    const LINES: u16 = 12;
    let found = app.found(&palette.input);
    let mut popup = centred(area, 90.min(area.width.saturating_sub(2)), LINES + 4);
    // Near the top, and where it is whatever was found.
    popup.y = area.y + (area.height - popup.height) / 4;
    brush.clear(popup);
    let inner = brush.panel(popup, "Commands", &told(app, &[(Id::Take, "does it"), (Id::GiveUp, "closes")]), true);
    let used = brush.text(inner.x, inner.y, inner.width.saturating_sub(1), &format!(": {}", palette.input), Role::Title);
    brush.text(inner.x + used, inner.y, 1, brush.look.sign("▏", "_"), Role::Title);
    let list = Rect { y: inner.y + 2, height: inner.height.saturating_sub(2), ..inner };
    if found.is_empty() {
        brush.text(list.x, list.y.min(inner.bottom()), list.width, "no action has these letters in this order", Role::Quiet);
    }
    let room = usize::from(list.height);
    let first = (palette.at + 1).saturating_sub(room);
    for (y, (position, action)) in (list.y..list.bottom()).zip(found.iter().enumerate().skip(first)) {
        let refused = action.allowed(app).err();
        let role = if refused.is_some() { Role::Quiet } else { Role::Text };
        let keys = app.keymap().text(action.id);
        let mut x = list.x + brush.text(list.x, y, 20.min(list.width), &format!("{:<20}", action.name), role);
        x += brush.text(x, y, inner.right().saturating_sub(x).min(18), &format!("{keys:<18}"), Role::Key);
        let told = refused.map_or_else(|| action.doc.to_owned(), |reason| format!("not now: {reason}"));
        brush.text(x, y, inner.right().saturating_sub(x), &told, Role::Quiet);
        brush.zone(Rect { y, height: 1, ..list }, Target::Line(position));
        if position == palette.at {
            brush.highlight(inner, y, Role::Selection);
        }
    }
    brush.more(inner, first, room, found.len());
}
