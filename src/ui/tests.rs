//! The screen as a whole: what it shows with its styles, at any size, with and without colour.

use super::draw;
use super::theme::{Depth, Glyphs, Look, Role};
use crate::app::testing::{app_at, app_with_candidates, at_start, opened, press, push, snapshot_at};
use crate::app::{ActionId, App, Draft, Effect, Pane, PresetRow, Target};
use crate::run::{Alert, AlertKind, Event, Phase, Snapshot};
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::fmt::Write;
use std::sync::Arc;

const SIZES: [(&str, u16, u16); 3] = [("full", 120, 36), ("terminal", 80, 24), ("small", 60, 15)];

fn look(depth: Depth, glyphs: Glyphs) -> Look {
    Look::load("dark", depth, glyphs).unwrap()
}

fn painted(app: &App, look: &Look, width: u16, height: u16) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    draw(app, look, area, &mut buffer);
    buffer
}

fn lines(buffer: &Buffer) -> Vec<String> {
    let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..buffer.area.height).map(row).collect()
}

fn text(app: &App, width: u16, height: u16) -> String {
    lines(&painted(app, &look(Depth::True, Glyphs::Unicode), width, height)).join("\n")
}

/// Every line, and under it which columns are styled how, so that a change of colour is a change of the snapshot.
fn styled(app: &App, width: u16, height: u16) -> String {
    let buffer = painted(app, &look(Depth::True, Glyphs::Unicode), width, height);
    let mut out = String::new();
    for (y, line) in lines(&buffer).iter().enumerate() {
        let _ = writeln!(out, "{line}");
        let style = |x: u16| buffer[(x, y as u16)].style();
        let mut x = 0;
        let mut runs = Vec::new();
        while x < width {
            let end = (x..width).find(|&next| style(next) != style(x)).unwrap_or(width);
            let (colours, modifier) = (style(x), style(x).add_modifier);
            let mut words = Vec::new();
            words.extend(colours.fg.filter(|fg| *fg != ratatui::style::Color::Reset).map(|fg| fg.to_string()));
            words.extend(colours.bg.filter(|bg| *bg != ratatui::style::Color::Reset).map(|bg| format!("on {bg}")));
            if !modifier.is_empty() {
                words.push(format!("{modifier:?}"));
            }
            if !words.is_empty() {
                runs.push(format!("{x}-{} {}", end - 1, words.join(" ")));
            }
            x = end;
        }
        if !runs.is_empty() {
            let _ = writeln!(out, "    {}", runs.join("; "));
        }
    }
    out
}

fn ranking() -> App {
    let mut app = app_with_candidates(18, 40);
    press(&mut app, "j j");
    app
}

#[test]
fn a_search_at_every_layout() {
    for (name, width, height) in SIZES {
        insta::assert_snapshot!(format!("search_{name}"), styled(&ranking(), width, height));
    }
}

#[test]
fn the_other_screens_at_every_layout() {
    for (key, view) in [("2", "posterior"), ("3", "samples"), ("4", "compare")] {
        let mut app = ranking();
        press(&mut app, "tab j j j j j shift-tab g p ] ] x");
        press(&mut app, key);
        for (name, width, height) in SIZES {
            insta::assert_snapshot!(format!("{view}_{name}"), styled(&app, width, height));
        }
    }
    let mut app = ranking();
    press(&mut app, ": c a n d");
    insta::assert_snapshot!("palette_full", styled(&app, 120, 36));
    press(&mut app, "esc f /");
    app.paste("acc>.97 parms<2M");
    insta::assert_snapshot!("filter_terminal", styled(&app, 80, 24));
}

/// A finished run, played up to its twentieth epoch.
fn replaying() -> App {
    let events = crate::app::testing::whole_run(30).into_iter().enumerate();
    let record = |(at, event)| crate::run::Record { sequence: at as u64, seconds: 3.0 * at as f64, event };
    let log: Vec<_> = events.map(record).collect();
    let mut app = App::new();
    let replay = crate::app::Replay::new(log.len() as u64, log[log.len() - 1].seconds, Some(8.0));
    app.show_replay("digits-1-20261124".into(), "runs/digits-1-20261124".into(), replay);
    for key in ["", "t e 2 0 enter", "space"] {
        press(&mut app, key);
        while let Some(wanted) = app.wanted().filter(|_| app.replay().is_some_and(crate::app::Replay::seeks)) {
            app.replayed(log[wanted.start as usize..wanted.end as usize].to_vec());
        }
    }
    app
}

#[test]
fn a_notice_that_one_line_cannot_hold_is_told_to_its_end() {
    let mut app = at_start();
    app.notice(format!("image set `cifar10` is not in {}; `--data PATH` names its place", "/a/long/way".repeat(12)), true);
    let shown = text(&app, 60, 15);
    assert!(shown.ends_with("names its place") && shown.contains("! image set `cifar10`"), "{shown}");
}

#[test]
fn presets_beyond_the_window_come_into_sight_when_they_are_chosen() {
    let name = |number: usize| format!("supnet-m:variant{number:02}");
    let preset = |number| PresetRow { name: name(number), summary: String::new(), parameters: 9, groups: 7, epochs: 5 };
    let mut app = App::new();
    app.show_start((0..30).map(preset).collect(), vec![]);
    assert!(!text(&app, 80, 24).contains(&name(29)));
    press(&mut app, "G");
    let shown = text(&app, 80, 24);
    assert!(shown.contains("of 30"), "{shown}");
    let row = shown.lines().find(|line| line.contains(&name(29))).unwrap_or_else(|| panic!("{shown}"));
    let column = |line: &str, word: &str| line[..line.find(word).unwrap()].chars().count() + word.len();
    let head = shown.lines().find(|line| line.contains("parameters")).unwrap();
    assert_eq!(column(row, " 7"), column(head, "groups"), "{shown}");
}

#[test]
fn a_replay_says_where_it_is_at_every_layout() {
    for (name, width, height) in SIZES {
        insta::assert_snapshot!(format!("replay_{name}"), styled(&replaying(), width, height));
    }
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
fn what_is_drawn_can_be_clicked() {
    let app = ranking();
    let look = look(Depth::True, Glyphs::Unicode);
    let area = Rect::new(0, 0, 120, 36);
    let mut buffer = Buffer::empty(area);
    let zones = draw(&app, &look, area, &mut buffer);
    let at = |word: &str| {
        let (y, line) = lines(&buffer).into_iter().enumerate().find(|(_, line)| line.contains(word)).unwrap();
        let x = line[..line.find(word).unwrap()].chars().count();
        super::target(&zones, x as u16, y as u16)
    };
    assert_eq!(at("pause"), Some(Target::Action(ActionId::Pause)));
    assert_eq!(at("conv 5×5"), Some(Target::Row(3)));
    assert_eq!(at("Curves"), Some(Target::Pane(Pane::Curves)));
    assert!(matches!(at("  posterior  ."), Some(Target::Candidate(_))));
    assert_eq!(super::target(&zones, 0, 0), None);
}

#[test]
fn a_finished_run_and_the_start_screen() {
    insta::assert_snapshot!("finished_full", styled(&opened(30), 120, 36));
    insta::assert_snapshot!("start_terminal", styled(&at_start(), 80, 24));
    let mut app = app_at(3);
    press(&mut app, "?");
    insta::assert_snapshot!("help_full", styled(&app, 120, 36));
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
fn an_alert_takes_the_hint_line_and_gives_it_back() {
    let mut app = app_at(5);
    let hints = text(&app, 80, 24);
    let message = "the loss is not finite; the last good state is restored".to_owned();
    push(&mut app, Event::Alert(Alert { kind: AlertKind::NonFiniteLoss, message: message.clone() }));
    assert!(text(&app, 80, 24).lines().last().unwrap().contains(&message));
    press(&mut app, "L");
    assert_eq!(text(&app, 80, 24).lines().last().unwrap(), hints.lines().last().unwrap());
}

#[test]
fn numbers_are_true_or_absent() {
    let mut app = App::new();
    app.show_run("one".into(), "one".into(), true);
    let empty = text(&app, 120, 36);
    assert!(!empty.contains("0.000") && !empty.contains('%'), "{empty}");
    // A loss that is no number is counted, not drawn.
    let mut app = app_at(6);
    let mut metrics = crate::app::testing::epoch(7);
    metrics.cross_entropy = f64::NAN;
    push(&mut app, Event::Epoch(Box::new(metrics)));
    assert!(text(&app, 120, 36).contains("1 not finite"));
}

const KEYS: &[&str] = &[
    "j",
    "k",
    "g",
    "G",
    "tab",
    "shift-tab",
    "z",
    "enter",
    "o",
    "r",
    "y",
    "?",
    "esc",
    "q",
    "[",
    "]",
    "page-down",
    "page-up",
    "e",
    "n",
    "ctrl-c",
    "1",
    "2",
    "3",
    "4",
    "f",
    "p",
    "x",
    ":",
    "/",
    "backspace",
    "L",
    "K",
    "D",
    "R",
    "T",
    "B",
    "N",
    "5",
    "v",
    ",",
    ".",
    "+",
    "-",
    "d",
    "c",
    "backspace",
    ">",
    "<",
    ")",
    "{",
    "a",
    "u",
    "t",
    "space",
];

fn state() -> impl Strategy<Value = App> {
    let keys = proptest::collection::vec(proptest::sample::select(KEYS), 0..16);
    (0..5u8, 0..41u32, 0..6u32, keys, any::<f64>(), any::<bool>()).prop_map(|(kind, epochs, each, keys, number, paused)| {
        let mut app = match kind {
            0 => at_start(),
            1 => App::new(),
            2 => opened(each),
            3 => replaying(),
            _ => app_with_candidates(epochs, each),
        };
        let mut snapshot = Snapshot { paused, progress: Some(number), seconds_left: Some(number), ..snapshot_at(epochs) };
        snapshot.images_per_second = Some(number);
        snapshot.phase = if paused { Phase::Ranking } else { Phase::Training };
        app.snapshot(Arc::new(snapshot));
        // What the program around the screen would do.
        for key in keys {
            for effect in press(&mut app, key) {
                match effect {
                    Effect::Send(command) => push(&mut app, Event::Intervention { command, step: 9 }),
                    Effect::Draft { preset, changes } => app.drafted(&preset, changes, Ok(Draft::default())),
                    Effect::Beside(..) => app.show_beside("other".into(), "other".into(), &[]),
                    _ => {}
                }
            }
        }
        app
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_state_fits_any_size(app in state(), width in 0..=300u16, height in 0..=100u16, ascii in any::<bool>()) {
        let glyphs = if ascii { Glyphs::Ascii } else { Glyphs::Unicode };
        painted(&app, &look(Depth::Ansi, glyphs), width, height);
        // An area that is not the whole buffer, nor within it.
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        draw(&app, &look(Depth::None, glyphs), Rect::new(7, 5, width, height), &mut buffer);
    }
}

#[test]
fn every_role_has_a_style_of_its_own_where_it_matters() {
    let look = look(Depth::True, Glyphs::Unicode);
    assert_ne!(look.style(Role::Kept), look.style(Role::Dropped));
    assert_ne!(look.style(Role::Border), look.style(Role::BorderFocused));
}

/// A search in which somebody has steered.
fn steered() -> App {
    use crate::run::{Command, Fate};
    let mut app = ranking();
    for command in [
        Command::Hold { group: 1, fate: Fate::Kept },
        Command::Hold { group: 2, fate: Fate::Dropped },
        Command::Temperature { value: 0.5 },
        Command::LearningRate { factor: 0.5 },
    ] {
        push(&mut app, Event::Intervention { command, step: 306 });
    }
    app
}

fn form() -> App {
    use crate::app::{Changes, KeyRow};
    let row = |key: &str, value: &str, origin: &str| KeyRow {
        key: key.into(),
        value: value.into(),
        origin: origin.into(),
        doc: "Passes over the training split.".into(),
        kind: "a whole number from 1 to 100000".into(),
    };
    let keys = vec![row("seed", "1", "default"), row("data.set", "\"digits\"", "preset digits"), row("train.epochs", "12", "--set")];
    let changes = Changes { set: [("train.epochs".to_owned(), "12".to_owned())].into(), seed: None };
    let mut app = at_start();
    app.drafted("digits", changes, Ok(Draft { keys, parameters: 31_000, groups: 37 }));
    app
}

#[test]
fn the_screens_of_steering_curves_and_runs() {
    let mut curves = steered();
    press(&mut curves, "5 v , , + +");
    let mut held = steered();
    press(&mut held, "tab j j T 0 . x");
    let mut wrong = form();
    press(&mut wrong, "G enter x");
    wrong.drafted("digits", crate::app::Changes::default(), Err("train.epochs must be a whole number from 1 to 100000".into()));
    let mut delete = at_start();
    press(&mut delete, "G d");
    let mut beside = opened(30);
    let record = |(at, event)| crate::run::Record { sequence: at as u64, seconds: 0.0, event };
    let records: Vec<_> = crate::app::testing::whole_run(5).into_iter().enumerate().map(record).collect();
    beside.show_beside("another".into(), "runs/another".into(), &records);
    for (name, width, height) in SIZES {
        for (screen, app) in [("curves", &curves), ("held", &held), ("form", &wrong), ("delete", &delete), ("beside", &beside)] {
            insta::assert_snapshot!(format!("{screen}_{name}"), styled(app, width, height));
        }
    }
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
    assert!(text(&app).contains("epoch 18, learning rate") && text(&app).contains('|'), "{}", text(&app));
    let mut app = ranking();
    press(&mut app, "3 g p ]");
    assert!(text(&app).contains("+-+- ") || text(&app).contains("---"), "{}", text(&app));
    assert!(text(&form()).contains("* train.epochs"));
}
