//! The whole table of actions: each by each of its keys where it can be done, and refused with a reason where it cannot.

use super::super::theme::{Depth, Glyphs};
use super::scripts::beside;
use super::{form, look, painted, ranking, replaying, runs, steered};
use crate::app::testing::{answered, app_at, app_with_candidates, at_start, opened, press, push, score};
use crate::app::{ACTIONS, ActionId as Id, App, Effect, Key, Keymap, Overlay, Pane, Scene};
use crate::run::{Event, Source};

fn after(mut app: App, keys: &str) -> App {
    press(&mut app, keys);
    app
}

/// A screen on which the action can be done and shows, or asks something of the program.
fn situation(id: Id) -> App {
    match id {
        Id::Choose | Id::EditPreset => at_start(),
        Id::ResumeRun | Id::Rename | Id::Delete | Id::Beside | Id::Replay => after(at_start(), "G"),
        Id::EventOn
        | Id::EventBack
        | Id::EpochOn
        | Id::EpochBack
        | Id::NextAlert
        | Id::SkipOn
        | Id::SkipBack
        | Id::GoTo
        | Id::Faster
        | Id::Slower => replaying(),
        Id::SampleNow | Id::StepEpoch | Id::Samples | Id::HoldKept | Id::HoldDropped => after(app_at(3), "j j"),
        Id::Temperature | Id::WeightPrior | Id::LearningRate | Id::Epochs | Id::Checkpoint | Id::Stop | Id::Pause => app_at(3),
        Id::Release => after(steered(), "tab j j"),
        Id::Evaluate | Id::Export | Id::Retrain | Id::FineTune | Id::Back => opened(3),
        Id::Fold | Id::FoldAll => after(ranking(), "tab"),
        Id::Baseline => {
            let mut app = opened(3);
            push(&mut app, Event::Candidate(Box::new(score(90, Source::Uniform, 40, 300, 900))));
            after(app, "4")
        }
        Id::CompareMarked => after(ranking(), "x j x"),
        Id::SearchView => after(ranking(), "2"),
        Id::CrossLeft => after(ranking(), "v"),
        Id::CrossRight => after(ranking(), "v , ,"),
        Id::ZoomOut => after(ranking(), "+"),
        Id::Left | Id::PreviousCandidate => after(ranking(), "] ]"),
        Id::Up | Id::First | Id::PageUp => after(ranking(), "j j"),
        Id::StartForm | Id::ChangeKey | Id::OwnValue | Id::CloseForm => form(),
        Id::Agree | Id::Decline => after(at_start(), "G d"),
        Id::LeaveNow => after(ranking(), "ctrl-c"),
        Id::Take | Id::GiveUp | Id::EraseCharacter | Id::EraseWord | Id::EraseLine => after(at_start(), "G n"),
        Id::NextFound => after(ranking(), ":"),
        Id::PreviousFound => after(ranking(), ": down down"),
        Id::DoLine | Id::ClosePage => after(ranking(), "?"),
        Id::NextCandidate
        | Id::Right
        | Id::Expand
        | Id::Filter
        | Id::Pin
        | Id::Mark
        | Id::NextPane
        | Id::PreviousPane
        | Id::Order
        | Id::Reverse
        | Id::Random
        | Id::LogCurves
        | Id::CurvesView
        | Id::Crosshair
        | Id::ZoomIn
        | Id::PosteriorView
        | Id::SamplesView
        | Id::CompareView
        | Id::Freeze
        | Id::Messages
        | Id::Copy
        | Id::Mouse
        | Id::Suspend
        | Id::Palette
        | Id::Help
        | Id::Leave
        | Id::Ask
        | Id::Redraw
        | Id::Meter
        | Id::Down
        | Id::Last
        | Id::PageDown => ranking(),
    }
}

#[test]
fn every_key_of_every_action_does_it() {
    for action in ACTIONS {
        for key in action.keys {
            let mut app = situation(action.id);
            assert_eq!(action.allowed(&app), Ok(()), "{}", action.name);
            let before = format!("{app:?}");
            let effects = app.press(key.parse().unwrap());
            assert!(!effects.is_empty() || format!("{app:?}") != before, "{} by {key} does nothing", action.name);
            assert!(app.notice_line().is_none_or(|notice| !notice.text.starts_with("only ")), "{} by {key}", action.name);
            for (width, height) in [(120, 36), (80, 24), (60, 15), (40, 10)] {
                painted(&app, &look(Depth::None, Glyphs::Ascii), width, height);
            }
        }
    }
}

/// Screens of every kind, with what can lie over them.
fn everywhere() -> Vec<App> {
    let line = after(at_start(), "G n");
    let typing = after(form(), "enter");
    let mut watched = ranking();
    watched.set_tie(crate::app::Tie::Watch);
    let empty = App::new();
    let mut apps =
        vec![empty, at_start(), runs(), app_at(0), app_at(3), opened(3), ranking(), watched, replaying(), beside(), form(), typing, line];
    apps.push(answered(after(opened(3), "4")));
    apps.extend(["?", "!", "i", ":", "ctrl-c", "S", "v", "5", "tab"].map(|keys| after(ranking(), keys)));
    apps
}

#[test]
fn what_cannot_be_done_everywhere_has_a_reason_and_a_key_that_is_not_meant_there_does_nothing() {
    const ALWAYS: [Id; 14] = [
        Id::SearchView,
        Id::PosteriorView,
        Id::SamplesView,
        Id::CompareView,
        Id::CurvesView,
        Id::LogCurves,
        Id::Mouse,
        Id::Suspend,
        Id::Palette,
        Id::Help,
        Id::Leave,
        Id::Ask,
        Id::Redraw,
        Id::Meter,
    ];
    let apps = everywhere();
    for action in ACTIONS {
        let reasons: Vec<&str> = apps.iter().filter_map(|app| action.allowed(app).err()).collect();
        assert_eq!(reasons.is_empty(), ALWAYS.contains(&action.id), "{}: {reasons:?}", action.name);
        assert!(reasons.iter().all(|reason| reason.len() > 10 && !reason.ends_with('.')), "{}: {reasons:?}", action.name);
        // By its key on its screen it says so.
        for app in &apps {
            let (Err(reason), Overlay::None) = (action.allowed(app), app.overlay()) else { continue };
            if app.actions().any(|known| known.id == action.id) {
                let mut app = app.clone();
                assert_eq!(app.press(action.keys[0].parse().unwrap()), [], "{}", action.name);
                assert_eq!(app.notice_line().map(|notice| notice.text.as_str()), Some(reason), "{}", action.name);
            }
        }
    }
}

#[test]
fn keys_of_questions_lines_pages_and_forms_are_those_of_the_table_on_the_screen_as_well() {
    let keys = [
        ("yes", "o"),
        ("no", "f1"),
        ("own value", "f2"),
        ("start with these", "f3"),
        ("change value", "f4"),
        ("erase line", "f5"),
        ("do line", "f6"),
    ];
    let keys = keys.map(|(name, key)| (name.to_owned(), vec![key.to_owned()])).into();
    let keymap = Keymap::with(&keys).unwrap();
    let with = |mut app: App| {
        app.set_keymap(keymap.clone());
        app
    };
    let mut delete = with(after(at_start(), "G d"));
    let shown = super::text(&delete, 80, 24);
    assert!(shown.contains("o: delete   f1: keep"), "{shown}");
    assert_eq!((press(&mut delete, "y"), matches!(delete.overlay(), Overlay::Delete(_))), (vec![], true));
    assert!(matches!(&press(&mut delete, "o")[..], [Effect::Delete(_)]));
    let mut keys_of_preset = with(form());
    let shown = super::text(&keys_of_preset, 80, 24);
    assert!(shown.contains("f4: change   f3: start   f2: own value   esc: close"), "{shown}");
    assert_eq!(press(&mut keys_of_preset, "s"), []);
    assert!(matches!(&press(&mut keys_of_preset, "f3")[..], [Effect::Start { .. }]));
    press(&mut keys_of_preset, "f4 f5 9");
    assert!(matches!(keys_of_preset.overlay(), Overlay::Form(form) if form.input.as_deref() == Some("9")));
    let mut help = with(after(ranking(), "?"));
    assert!(super::text(&help, 80, 24).contains("f6 does the chosen line · esc closes"));
    assert_eq!((press(&mut help, "enter"), press(&mut help, "f6").len()), (vec![], 1));
}

#[test]
fn what_can_lie_over_a_screen_stands_in_its_help() {
    for (mut app, forms) in [(at_start(), true), (app_at(3), false)] {
        let told = |scene| app.help_lines().any(|action| action.scene == scene);
        assert!([Scene::Question, Scene::Line, Scene::Page].into_iter().all(told) && told(Scene::Form) == forms);
        // There is always a line of the help for a key that somebody sees on the screen.
        press(&mut app, "?");
        let line = app.help_lines().position(|action| action.id == Id::GiveUp).unwrap();
        (0..line).for_each(|_| drop(press(&mut app, "j")));
        assert!(super::text(&app, 80, 24).contains("Not now: only in a line"), "{}", super::text(&app, 80, 24));
        press(&mut app, "enter");
        assert_eq!(app.overlay(), &Overlay::None);
        assert!(app.notice_line().unwrap().text.starts_with("only in a line"));
    }
}

#[test]
fn letters_and_arrows_to_the_sides_fold_the_network_move_the_crosshair_and_step() {
    for (left, right) in [("h", "l"), ("left", "right")] {
        let mut app = after(ranking(), "tab j j");
        let rows = |app: &App| app.run().unwrap().rows().len();
        let open = rows(&app);
        press(&mut app, left);
        assert!(rows(&app) < open && app.run().unwrap().rows()[app.run().unwrap().row()].is_block());
        let folded = rows(&app);
        press(&mut app, left);
        assert_eq!(rows(&app), folded, "it is folded already");
        press(&mut app, right);
        assert_eq!(rows(&app), open);
        let mut app = after(ranking(), "tab tab v");
        assert_eq!(app.focus(), Pane::Curves);
        let cross = app.run().unwrap().cross().unwrap();
        press(&mut app, left);
        assert_eq!(app.run().unwrap().cross(), Some(cross - 1));
        press(&mut app, right);
        assert_eq!(app.run().unwrap().cross(), Some(cross));
        let mut app = after(opened(3), "3 g");
        let chosen = |app: &App| app.run().unwrap().selected().unwrap().id;
        let first = chosen(&app);
        press(&mut app, right);
        assert_ne!(chosen(&app), first);
        press(&mut app, left);
        assert_eq!(chosen(&app), first);
    }
}

#[test]
fn a_pane_has_the_whole_page_and_gives_it_back() {
    let titles = |app: &App| super::text(app, 120, 36).lines().map(|line| line.matches('╭').count()).sum::<usize>();
    for (keys, all) in [("", 5), ("2", 2), ("3", 2)] {
        let mut app = after(ranking(), keys);
        assert_eq!(titles(&app), all, "{keys}");
        press(&mut app, "Z");
        assert_eq!(titles(&app), 1, "{keys}: {}", super::text(&app, 120, 36));
        press(&mut app, "tab");
        assert_eq!(titles(&app), 1, "{keys}: the next pane has the page now");
        assert!(super::text(&app, 120, 36).lines().last().unwrap().contains("all panes"));
        // Before it leads to the start screen, back gives the others their places.
        assert_eq!((press(&mut app, "esc"), titles(&app)), (vec![], all), "{keys}");
        press(&mut app, "Z Z");
        assert_eq!(titles(&app), all, "{keys}");
    }
    let mut app = after(answered(opened(30)), "4 Z");
    assert!(super::text(&app, 120, 36).contains("page 1 of 3"));
    press(&mut app, "5 Z");
    assert!(app.notice_line().unwrap().text.contains("whole page already"));
    let live = after(app_with_candidates(3, 0), "Z");
    assert!(live.actions().any(|action| action.id == Id::Back && action.allowed(&live).is_ok()), "though the search is running");
}

#[test]
fn the_last_line_tells_the_keys_of_what_lies_over_the_screen_and_they_can_be_clicked() {
    let last = |app: &App| super::text(app, 80, 24).lines().last().unwrap().trim().to_owned();
    for (app, told) in [
        (form(), "s start  enter change  backspace own value  esc close"),
        (after(form(), "enter"), "enter take  esc give up"),
        (after(at_start(), "G d"), "y yes  n no"),
        (after(ranking(), "!"), "esc close"),
        (after(ranking(), ":"), "enter take  esc give up"),
    ] {
        assert_eq!(last(&app), told);
    }
    let mut app = after(at_start(), "G d");
    assert!(matches!(&app.click(crate::app::Target::Action(Id::Agree))[..], [Effect::Delete(_)]));
    let mut app = form();
    assert_eq!((app.click(crate::app::Target::Action(Id::Choose)), matches!(app.overlay(), Overlay::Form(_))), (vec![], true));
}

#[test]
fn control_and_a_character_never_type() {
    let mut app = after(at_start(), "G n ctrl-u a");
    assert_eq!(app.press("ctrl-k".parse::<Key>().unwrap()), []);
    assert!(matches!(app.overlay(), Overlay::Rename(line) if line.input == "a"));
}
