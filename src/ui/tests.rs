//! The screen as a whole: what it shows with its styles. How it reads without colour, its curves, and any state at any size: in the rooms below.

mod actions;
mod any_state;
mod colour;
mod curves;
mod heat;
mod scripts;
mod small;
mod themes;

use super::draw;
use super::theme::{Depth, Glyphs, Look};
use crate::app::testing::{answered, app_at, app_with_candidates, at_start, opened, press, push, snapshot_at};
use crate::app::{ActionId, App, Draft, Pane, PresetRow, Target};
use crate::run::{Alert, AlertKind, Event, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use scripts::{alerted, findings, large};
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
    lines(&painted(app, &look(Depth::True, Glyphs::Braille), width, height)).join("\n")
}

/// Every line, and under it which columns are styled how, so that a change of colour is a change of the snapshot.
fn styled(app: &App, look: &Look, width: u16, height: u16) -> String {
    let buffer = painted(app, look, width, height);
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

/// Every screen there is, with what can lie over it.
fn screens() -> Vec<(&'static str, App)> {
    let after = |mut app: App, keys: &str| {
        press(&mut app, keys);
        app
    };
    let explored = || after(ranking(), "tab j j j j j shift-tab g p ] ] x");
    let mut filter = after(ranking(), "/");
    filter.paste("acc>.97 parms<2M");
    let mut wrong = after(form(), "G enter x");
    wrong.drafted("digits", crate::app::Changes::default(), Err("train.epochs must be a whole number from 1 to 100000".into()));
    let mut beside = opened(30);
    let record = |(at, event)| crate::run::Record { sequence: at as u64, seconds: 0.0, event };
    let records: Vec<_> = crate::app::testing::whole_run(5).into_iter().enumerate().map(record).collect();
    beside.show_beside("another".into(), "runs/another".into(), &records, false);
    let mut beside_live = opened(30);
    beside_live.show_beside("another".into(), "runs/another".into(), &records[..20], true);
    beside_live.snapshot_beside(Arc::new(Snapshot { paused: true, ..snapshot_at(18) }));
    let mut paused = ranking();
    paused.snapshot(Arc::new(Snapshot { paused: true, ..snapshot_at(18) }));
    vec![
        ("start", at_start()),
        ("runs", runs()),
        ("search", ranking()),
        ("training", app_at(3)),
        ("posterior", after(explored(), "2")),
        ("posterior_group", after(explored(), "2 tab v , ,")),
        ("samples", after(explored(), "3")),
        ("compare", answered(after(explored(), "4"))),
        ("compare_best", answered(after(explored(), "4 tab"))),
        ("compare_facts", answered(after(explored(), "4 shift-tab"))),
        ("marked", answered(after(ranking(), "3 G x g x j j x c"))),
        ("curves", after(steered(), "5 v , , + +")),
        ("beside", beside),
        ("beside_live", beside_live),
        ("finished", opened(30)),
        ("failed", failed()),
        ("paused", paused),
        ("frozen", after(ranking(), "f")),
        ("held", after(steered(), "tab j j T 0 . x")),
        ("replay", replaying()),
        ("form", wrong),
        ("delete", after(at_start(), "G d")),
        ("rename", after(at_start(), "G n")),
        ("filter", filter),
        ("palette", after(ranking(), ": c a n d")),
        ("help", after(app_at(3), "?")),
        ("leave", after(ranking(), "ctrl-c")),
        ("meter", metered()),
        ("findings", findings()),
        ("alerted", after(alerted(), "2")),
        ("messages", messages()),
        ("large", large(30)),
        ("large_posterior", after(large(30), "2")),
        ("stop", after(ranking(), "S")),
        ("hold_block", after(ranking(), "tab g D")),
        ("ranks", scripts::ranks()),
        ("warms_up", scripts::warms_up()),
        ("compare_none", after(app_at(3), "4")),
        ("compare_reading", reading()),
        ("expanded", after(ranking(), "Z")),
    ]
}

#[test]
fn every_screen_at_every_size_with_and_without_colour() {
    let (colour, none) = (look(Depth::True, Glyphs::Braille), look(Depth::None, Glyphs::Ascii));
    for (screen, app) in screens() {
        for (size, width, height) in SIZES {
            insta::assert_snapshot!(format!("{screen}_{size}"), styled(&app, &colour, width, height));
            let shown = styled(&app, &none, width, height);
            assert!(shown.is_ascii(), "{screen}: {shown}");
            insta::assert_snapshot!(format!("{screen}_{size}_plain"), shown);
        }
    }
}

#[test]
fn without_colour_there_are_signs_of_unicode_and_sixteen_colours_are_enough() {
    let looks = [("mono", look(Depth::None, Glyphs::Unicode)), ("sixteen", look(Depth::Ansi, Glyphs::Braille))];
    for (screen, app) in screens().into_iter().filter(|(screen, _)| ["search", "samples", "curves"].contains(screen)) {
        for (name, look) in &looks {
            insta::assert_snapshot!(format!("{screen}_full_{name}"), styled(&app, look, 120, 36));
        }
    }
}

#[test]
fn the_lines_in_which_something_is_typed() {
    let mut shown = String::new();
    for (opens, keys) in [("T", "0 . 5"), ("W", "- 1"), ("A", ". 1"), ("B", "5"), ("N", "n"), ("/", "a c c >")] {
        let mut app = ranking();
        press(&mut app, opens);
        let _ = writeln!(shown, "{opens}: {}", text(&app, 120, 36).lines().last().unwrap_or_default());
        press(&mut app, keys);
        let _ = writeln!(shown, "{opens} {keys}: {}", text(&app, 120, 36).lines().last().unwrap_or_default());
    }
    for opens in ["X", "F"] {
        let mut app = opened(3);
        press(&mut app, opens);
        let _ = writeln!(shown, "{opens}: {}", text(&app, 120, 36).lines().last().unwrap_or_default());
        press(&mut app, "ctrl-u");
        app.paste("epochs");
        press(&mut app, "enter");
        let _ = writeln!(shown, "{opens} epochs enter: {}", text(&app, 120, 36).lines().last().unwrap_or_default());
    }
    insta::assert_snapshot!("typed_lines", shown);
}

#[test]
fn the_floor_shows_what_is_chosen_and_below_it_a_line_says_what_is_lacking() {
    let colour = look(Depth::True, Glyphs::Braille);
    let mut of_runs = at_start();
    press(&mut of_runs, "G");
    assert!(text(&at_start(), 40, 10).contains("▶ digits") && text(&of_runs, 40, 10).contains("▶ stopped"));
    for (screen, app) in [("start", at_start()), ("search", ranking()), ("meter", metered())] {
        insta::assert_snapshot!(format!("{screen}_floor"), styled(&app, &colour, 40, 10));
    }
    for (width, height) in [(39, 30), (80, 9)] {
        let shown = text(&ranking(), width, height);
        assert!(shown.trim_end().starts_with("pgnas needs 40×10 cells") && shown.trim_end().lines().count() == 1, "{shown}");
    }
}

/// A comparison whose answers are being read.
fn reading() -> App {
    let mut app = ranking();
    press(&mut app, "4");
    app.question().expect("they are asked for");
    app
}

/// Runs in every state.
fn runs() -> App {
    use std::time::{Duration, SystemTime};
    let now = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
    let states = ["running", "paused", "completed", "failed", "crashed", "stopped"];
    let row = |(number, state): (usize, &&str)| crate::app::RunRow {
        name: format!("20261124-0{number}4500"),
        path: format!("runs/{number}").into(),
        preset: "digits".into(),
        seed: number as u64,
        state: (*state).into(),
        best: (number == 2).then_some(crate::run::Accuracy { correct: 340, total: 350 }),
        written: now - Duration::from_secs(70 * 60_u64.pow(number as u32 / 2)),
        bytes: 10_u64.pow(3 + number as u32),
    };
    let preset =
        |name: &str| PresetRow { name: name.into(), summary: "Images to be read.".into(), parameters: 31_000, groups: 37, epochs: 12 };
    let mut app = App::new();
    app.show_start_at(vec![preset("digits"), preset("fashion")], states.iter().enumerate().map(row).collect(), now);
    press(&mut app, "tab j");
    app
}

/// A run that failed in its third epoch.
fn failed() -> App {
    let mut app = app_at(3);
    push(
        &mut app,
        Event::Alert(Alert { kind: AlertKind::NonFiniteLoss, message: "the loss is not finite; the last good state is restored".into() }),
    );
    let resources = crate::run::Resources {
        wall_seconds: 9.0,
        training_seconds: 8.0,
        ranking_seconds: 0.0,
        waiting_seconds: 0.0,
        peak_rss_bytes: 1 << 27,
    };
    let outcome = crate::run::Outcome::Failed { reason: "the loss is not finite".into() };
    push(&mut app, Event::Finished { outcome, winner: None, test_reads: 0, resources });
    app.ended();
    app
}

/// The debug page after some frames.
fn metered() -> App {
    use crate::app::Frame;
    use std::time::{Duration, Instant};
    let (mut app, begin) = (ranking(), Instant::now());
    press(&mut app, "i");
    for number in 0..40 {
        let at = begin + Duration::from_millis(100 * number);
        let (bytes, time) = (200 + 31 * number as usize, Duration::from_micros(80 + 9 * number));
        app.frame_begins(at, 2);
        app.frame_ended((number % 9 > 0).then_some(Frame { at, bytes, painting: 4 * time, writing: time, asked: false }));
    }
    (0..17).for_each(|_| app.frame_shared());
    app
}

fn ranking() -> App {
    let mut app = app_with_candidates(18, 40);
    press(&mut app, "j j");
    app
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
fn side_by_side_tells_how_a_live_run_stands_and_what_came_of_both() {
    let mut app = opened(30);
    let record = |(at, event)| crate::run::Record { sequence: at as u64, seconds: 0.0, event };
    let records: Vec<_> = crate::app::testing::whole_run(5).into_iter().enumerate().map(record).collect();
    app.show_beside("another".into(), "runs/another".into(), &records[..20], true);
    let shown = text(&app, 120, 36);
    assert!(shown.contains("running: training") && shown.contains("completed") && shown.contains("drop quartiles"), "{shown}");
    assert!(shown.contains("bits, ") && shown.contains("undecided") && shown.contains(" of 30"), "{shown}");
    app.snapshot_beside(Arc::new(Snapshot { paused: true, ..snapshot_at(18) }));
    assert!(text(&app, 120, 36).contains("paused"));
    app.beside_ended();
    assert!(text(&app, 120, 36).contains("unfinished"));
}

#[test]
fn the_comparison_says_what_it_waits_for_and_then_all_of_it() {
    let mut app = opened(30);
    press(&mut app, "4");
    app.question().unwrap();
    let before = text(&app, 120, 36);
    assert!(before.contains("Reading which images") && before.contains("30 random ones"), "{before}");
    let after = text(&answered(app), 120, 36);
    for told in [
        "are better than random ones",
        "superiority",
        "relative improvement",
        "best, on the other half",
        "350 select images",
        "middle 95 %",
    ] {
        assert!(after.contains(told), "{told}: {after}");
    }
    let mut none = opened(30);
    press(&mut none, "4");
    let question = none.question().unwrap();
    none.answered(&question.run, Ok(crate::app::Compared::of(&question.started, &[])));
    assert!(text(&none, 120, 36).contains("has no list"));
}

#[test]
fn what_is_told_of_marked_candidates_has_room() {
    let app = screens().into_iter().find(|(screen, _)| *screen == "marked").unwrap().1;
    let shown = text(&app, 80, 24);
    assert!(shown.contains("= tied p 1.0") && shown.contains("apart p <.001"), "{shown}");
    let mut app = opened(30);
    press(&mut app, "3");
    let shown = text(&app, 120, 36);
    // Both lists say on their lower edges that they go on, and the numbers stand above that edge.
    let edge = shown.lines().find(|line| line.contains('╰')).unwrap();
    assert!(edge.matches(" of ").count() == 2 && shown.contains("MACs, kept"), "{shown}");
}

#[test]
fn a_filter_that_lets_none_pass_is_told_by_both_panes() {
    let mut app = opened(30);
    press(&mut app, "3 /");
    app.paste("acc>.999");
    press(&mut app, "enter");
    assert_eq!(text(&app, 120, 36).matches("the filter lets none pass").count(), 2, "{}", text(&app, 120, 36));
}

#[test]
fn the_head_tells_its_epoch_whole_and_below_where_the_line_is_full() {
    let mut frozen = ranking();
    press(&mut frozen, "f");
    frozen.snapshot(Arc::new(Snapshot { paused: true, ..snapshot_at(18) }));
    for width in [40, 60, 80] {
        let shown = text(&frozen, width, 24);
        assert!(shown.lines().take(2).any(|line| line.contains("epoch 18 of ") && !line.ends_with('…')), "{shown}");
    }
}

#[test]
fn the_front_is_marked_and_what_was_measured_shows() {
    use crate::app::{Done, Errand, Task};
    let mut app = opened(30);
    press(&mut app, "3");
    let (id, run) = (app.run().unwrap().selected().unwrap().id, app.run().unwrap().path().to_owned());
    let shown = text(&app, 120, 36);
    assert!(shown.contains('◆') && !shown.contains("      ms") && shown.contains("seed 1"), "{shown}");
    // Neighbours that are tied are joined at the margin; a lone one would have no bracket.
    let margin = |sign: &str| shown.lines().filter(|line| line.chars().nth(1).is_some_and(|at| at.to_string() == sign)).count();
    assert!(margin("┌") >= 1 && margin("│") > 5, "{shown}");
    assert!(lines(&painted(&app, &look(Depth::None, Glyphs::Ascii), 120, 36)).iter().any(|line| line.contains('$')));
    let task = Task { run, candidate: id, errand: Errand::Evaluate, training: crate::app::Training::default() };
    app.done(&task, Ok(Done::Evaluated { rows: Vec::new(), latency_ms: 0.81 }));
    let shown = text(&app, 120, 36);
    assert!(shown.contains("      ms") && shown.contains("0.81 ms"), "{shown}");
}

#[test]
fn what_is_drawn_can_be_clicked() {
    let app = ranking();
    let look = look(Depth::True, Glyphs::Braille);
    let area = Rect::new(0, 0, 120, 36);
    let mut buffer = Buffer::empty(area);
    let zones = draw(&app, &look, area, &mut buffer).zones;
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
fn an_alert_takes_the_hint_line_and_gives_it_back() {
    let mut app = app_at(5);
    let hints = text(&app, 80, 24);
    let message = "the loss is not finite; the last good state is restored".to_owned();
    push(&mut app, Event::Alert(Alert { kind: AlertKind::NonFiniteLoss, message: message.clone() }));
    assert!(text(&app, 80, 24).lines().last().unwrap().contains(&message));
    press(&mut app, "L");
    assert_eq!(text(&app, 80, 24).lines().last().unwrap(), hints.lines().last().unwrap());
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

/// The list of what was told and done.
fn messages() -> App {
    let mut app = steered();
    let message = "the loss of training step 307 was not finite; the state after step 306 is restored and the search paused. The same step \
                   will fail again: stop, and start with a lower train.learning_rate or train.clip";
    push(&mut app, Event::Alert(Alert { kind: AlertKind::NonFiniteLoss, message: message.into() }));
    push(&mut app, Event::Intervention { command: crate::run::Command::Resume, step: 306 });
    press(&mut app, "!");
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
