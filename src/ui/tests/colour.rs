//! Without colour nothing is lost: signs, words and styles tell the same.

use super::super::theme::{Depth, Glyphs, Look, Role};
use super::{form, lines, look, painted, ranking, replaying, runs, screens, steered};
use crate::app::App;
use crate::app::testing::{at_start, press, snapshot_at};
use crate::run::Snapshot;
use std::sync::Arc;

/// Lines with a cell of the selection's style.
fn chosen_lines(app: &App, look: &Look) -> Vec<u16> {
    let buffer = painted(app, look, 120, 36);
    let selection = look.style(Role::Selection).add_modifier;
    (0..36).filter(|&y| (0..120).any(|x| buffer[(x, y)].style().add_modifier.contains(selection))).collect()
}

#[test]
fn without_colour_chosen_running_and_failed_rows_differ_on_every_screen() {
    let none = look(Depth::None, Glyphs::Ascii);
    for (screen, mut app) in screens() {
        let down = match screen {
            "start" | "search" | "posterior" | "samples" | "help" | "finished" | "paused" => "j",
            "palette" => "down",
            "form" => "esc k",
            _ => continue,
        };
        let before = chosen_lines(&app, &none);
        press(&mut app, down);
        let after = chosen_lines(&app, &none);
        assert!(!before.is_empty() && before != after, "{screen}: {before:?} {after:?}");
    }
    // Of the list of runs: by words, and the failed one by a sign as well.
    let shown = lines(&painted(&runs(), &none, 120, 36));
    let mut states: Vec<&str> = shown.iter().filter(|line| line.contains("20261124-")).map(|line| line[3..16].trim()).collect();
    assert!(states.contains(&"running") && states.contains(&"! failed") && states.contains(&"paused"), "{states:?}");
    let count = states.len();
    states.sort_unstable();
    states.dedup();
    assert_eq!(states.len(), count);
    // Of a run: by the head of its screen.
    let head = |app: &App| lines(&painted(app, &none, 120, 36))[0].clone();
    let of = |wanted: &str| head(&screens().into_iter().find(|(screen, _)| *screen == wanted).unwrap().1);
    for (screen, word) in [("search", "o training"), ("paused", "= paused"), ("failed", "! failed"), ("finished", "* completed")] {
        assert!(of(screen).contains(word), "{}", of(screen));
    }
}

#[test]
fn a_replay_says_where_it_is_in_ascii_too() {
    let buffer = painted(&replaying(), &look(Depth::None, Glyphs::Ascii), 120, 36);
    let shown = lines(&buffer).join("\n");
    assert!(shown.is_ascii() && shown.contains("= replay standing still x8   event 22 of 109"), "{shown}");
}

#[test]
fn without_colour_every_screen_reads_as_well() {
    let none = look(Depth::None, Glyphs::Ascii);
    let row = |app: &App, x: u16, word: &str| {
        let buffer = painted(app, &none, 120, 36);
        assert!(buffer.content.iter().all(|cell| cell.symbol().is_ascii()), "{:?}", lines(&buffer));
        let y = lines(&buffer).iter().position(|line| line.contains(word)).unwrap_or_else(|| panic!("no {word}: {:#?}", lines(&buffer)));
        (buffer[(x, y as u16)].style(), lines(&buffer)[y].clone())
    };
    // Selected: by its style, whatever the screen.
    let start = at_start();
    assert_ne!(row(&start, 5, "digits  ").0, row(&start, 5, "fashion  ").0);
    let mut app = ranking();
    press(&mut app, "2");
    assert_ne!(row(&app, 40, "conv 1x1").0, row(&app, 40, "conv 3x3").0);
    press(&mut app, "3 g p ] x G");
    let buffer = painted(&app, &none, 120, 36);
    let shown = lines(&buffer);
    assert!(shown.iter().any(|line| line.contains('>') && line.contains("random")), "{shown:#?}");
    press(&mut app, "g");
    assert!(lines(&painted(&app, &none, 120, 36)).iter().any(|line| line.contains(">P")), "pinned");
    assert!(lines(&painted(&app, &none, 120, 36)).iter().any(|line| line.contains(" *")), "marked");
    press(&mut app, "4");
    let compared = lines(&painted(&app, &none, 120, 36)).join("\n");
    assert!(compared.contains('#') && compared.contains('o') && compared.contains("W whole"), "{compared}");
    // Running, paused, frozen and failed: by their words.
    press(&mut app, "f");
    assert!(lines(&painted(&app, &none, 120, 36))[0].contains("# view frozen, 0 events behind  o training"));
    let failed = |state: &str| {
        let mut app = App::new();
        let run = crate::app::RunRow {
            name: "one".into(),
            path: "one".into(),
            preset: "digits".into(),
            seed: 1,
            state: state.into(),
            best: None,
            written: std::time::SystemTime::UNIX_EPOCH,
            bytes: 1,
        };
        app.show_start(Vec::new(), vec![run]);
        row(&app, 5, "digits").1
    };
    assert!(failed("failed").contains("! failed") && !failed("completed").contains('!'));
}

#[test]
fn without_colour_selection_and_pause_still_show() {
    let none = look(Depth::None, Glyphs::Ascii);
    let mut app = ranking();
    let first = painted(&app, &none, 120, 36);
    assert!(first.content.iter().all(|cell| cell.symbol().is_ascii()), "{:?}", lines(&first));
    let selected = lines(&first).iter().position(|line| line.contains("> ") && line.contains("posterior  ")).unwrap() as u16;
    assert_ne!(first[(5, selected)].style(), first[(5, selected + 1)].style());
    press(&mut app, "j");
    assert_ne!(painted(&app, &none, 120, 36), first);
    app.snapshot(Arc::new(Snapshot { paused: true, ..snapshot_at(18) }));
    assert!(lines(&painted(&app, &none, 120, 36))[0].contains("paused"));
}

#[test]
fn every_role_has_a_style_of_its_own_where_it_matters() {
    let look = look(Depth::True, Glyphs::Braille);
    assert_ne!(look.style(Role::Kept), look.style(Role::Dropped));
    assert_ne!(look.style(Role::Border), look.style(Role::BorderFocused));
}

#[test]
fn without_colour_what_is_held_and_what_differs_still_shows() {
    let none = look(Depth::None, Glyphs::Ascii);
    let text = |app: &App| {
        let buffer = painted(app, &none, 120, 36);
        assert!(buffer.content.iter().all(|cell| cell.symbol().is_ascii()), "{:?}", lines(&buffer));
        lines(&buffer).join("\n")
    };
    let shown = text(&steered());
    assert!(shown.contains("K kept") && shown.contains("D dropped") && shown.contains("by hand: 2 held, T 0.5, lr x 0.5"), "{shown}");
    let mut app = steered();
    press(&mut app, "5 v");
    assert!(text(&app).contains("crosshair at epoch 18") && text(&app).contains('|'), "{}", text(&app));
    let mut app = ranking();
    press(&mut app, "3 g p ]");
    assert!(text(&app).contains("+-+- ") || text(&app).contains("---"), "{}", text(&app));
    assert!(text(&form()).contains("* train.epochs"));
}
