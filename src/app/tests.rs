//! What keys do, on scripted runs.

use crate::app::testing::{app_at, app_with_candidates, at_start, opened, press, push, score, snapshot_at};
use crate::app::{App, Effect, Overlay, Pane};
use crate::run::{Alert, AlertKind, CandidateId, Command, Event, Record, Source};
use std::path::PathBuf;
use std::sync::Arc;

fn selected(app: &App) -> Option<u32> {
    app.run()?.selected().map(|score| score.id.0)
}

fn notice(app: &App) -> &str {
    app.notice_line().map_or("", |notice| notice.text.as_str())
}

#[test]
fn space_pauses_and_goes_on_as_the_engine_says() {
    let mut app = app_at(3);
    assert_eq!(press(&mut app, "space"), [Effect::Send(Command::Pause)]);
    app.snapshot(Arc::new(crate::run::Snapshot { paused: true, ..snapshot_at(3) }));
    assert_eq!(press(&mut app, "space"), [Effect::Send(Command::Resume)]);
    assert_eq!(press(&mut app, "s n"), [Effect::Send(Command::SampleNow { count: 20 }), Effect::Send(Command::StepEpoch)]);
}

#[test]
fn what_cannot_be_done_says_why_until_the_next_key() {
    let mut app = app_at(3);
    assert_eq!(press(&mut app, "e"), []);
    assert!(notice(&app).starts_with("there is no candidate yet"));
    press(&mut app, "y");
    assert_eq!(notice(&app), "");
    assert_eq!(press(&mut app, "b"), []);
    assert!(notice(&app).contains("the search is running"));
    let mut app = opened(3);
    assert_eq!(press(&mut app, "space s n"), []);
    assert!(notice(&app).contains("has ended"));
    assert_eq!(press(&mut app, "enter"), []);
    assert!(notice(&app).contains("tab"));
}

#[test]
fn the_winner_is_shown_until_somebody_steps() {
    let mut app = app_at(5);
    assert_eq!(selected(&app), None);
    push(&mut app, Event::Candidate(Box::new(score(1, Source::Posterior, 5, 340, 900))));
    assert_eq!(selected(&app), Some(1));
    push(&mut app, Event::Candidate(Box::new(score(2, Source::Posterior, 5, 345, 900))));
    assert_eq!(selected(&app), Some(2));
    press(&mut app, "j");
    push(&mut app, Event::Candidate(Box::new(score(3, Source::Posterior, 5, 348, 900))));
    assert_eq!(selected(&app), Some(1), "a choice stays");
    press(&mut app, "g");
    assert_eq!(selected(&app), Some(3));
    press(&mut app, "G ] down");
    assert_eq!(selected(&app), Some(1), "the list ends");
    assert_eq!(press(&mut app, "e"), [Effect::Export(CandidateId(1))]);
    app.exported(CandidateId(1), PathBuf::from("x.json"));
    assert_eq!(notice(&app), "candidate 1 written to x.json");
    assert!(app.run().unwrap().exported(CandidateId(1)).is_some());
}

#[test]
fn in_the_network_j_moves_rows_and_brackets_still_step_candidates() {
    let mut app = app_with_candidates(20, 3);
    let before = selected(&app);
    press(&mut app, "tab j j");
    assert_eq!((app.focus(), app.run().unwrap().row(), selected(&app)), (Pane::Network, 2, before));
    press(&mut app, "]");
    assert_ne!(selected(&app), before);
    let rows = app.run().unwrap().rows().len();
    press(&mut app, "enter");
    assert_eq!((app.run().unwrap().row(), app.run().unwrap().rows().len()), (0, rows - 21));
    press(&mut app, "z");
    assert_eq!(app.run().unwrap().rows().len(), 3 + 43);
    press(&mut app, "G z");
    assert_eq!((app.run().unwrap().row(), app.run().unwrap().rows().len()), (2, 3));
}

#[test]
fn the_list_can_be_ordered_and_random_ones_hidden_but_references_stay() {
    let mut app = app_with_candidates(20, 5);
    let run = |app: &App| app.run().unwrap().ranked().iter().map(|row| row.score.source).collect::<Vec<_>>();
    assert_eq!(run(&app).len(), 12);
    press(&mut app, "r o");
    let sources = run(&app);
    assert_eq!(sources.len(), 7);
    assert!(sources.contains(&Source::Whole) && sources.contains(&Source::Threshold) && !sources.contains(&Source::Random));
    let parameters: Vec<u64> = app.run().unwrap().ranked().iter().map(|row| row.score.parameters).collect();
    assert!(parameters.is_sorted());
}

#[test]
fn leaving_a_live_search_asks_and_tells_the_engine() {
    let mut app = app_at(3);
    assert_eq!(press(&mut app, "q"), []);
    assert_eq!(app.overlay(), Overlay::Leave);
    assert_eq!(press(&mut app, "n q esc"), []);
    assert_eq!(app.overlay(), Overlay::None);
    assert_eq!(press(&mut app, "q y"), [Effect::Send(Command::Stop), Effect::Quit]);
    let mut app = app_at(3);
    assert_eq!(press(&mut app, "ctrl-c ctrl-c"), [Effect::Send(Command::Stop), Effect::Quit]);
    let mut app = app_at(3);
    app.ended();
    assert_eq!(press(&mut app, "b"), [Effect::Back]);
    assert_eq!(press(&mut app, "q"), [Effect::Quit]);
    assert_eq!(press(&mut opened(1), "esc"), [Effect::Back]);
}

#[test]
fn the_help_does_the_chosen_line() {
    let mut app = app_at(3);
    assert_eq!(press(&mut app, "? enter"), [Effect::Send(Command::Pause)]);
    assert_eq!(press(&mut app, "? j enter"), [Effect::Send(Command::SampleNow { count: 20 })]);
    press(&mut app, "? G enter");
    assert_eq!(app.overlay(), Overlay::None, "a line of the legend does nothing");
    press(&mut app, "? q");
    assert_eq!(app.overlay(), Overlay::None);
}

#[test]
fn the_start_screen_starts_and_opens() {
    let mut app = at_start();
    assert_eq!(press(&mut app, "enter"), [Effect::Start { preset: "digits".into() }]);
    assert_eq!(press(&mut app, "j enter"), [Effect::Start { preset: "fashion".into() }]);
    assert_eq!(press(&mut app, "down enter"), [Effect::Open("runs/20261124-054500-digits-1".into())]);
    assert_eq!(press(&mut app, "tab enter"), [Effect::Start { preset: "fashion".into() }]);
    assert_eq!(press(&mut app, "q"), [Effect::Quit]);
    let mut empty = App::new();
    assert_eq!(press(&mut empty, "enter j G"), []);
    assert_eq!(notice(&empty), "there is nothing to choose from");
}

#[test]
fn events_come_once_and_alerts_take_the_hint_line() {
    let mut app = app_at(3);
    let next = app.next_record();
    assert_eq!(next, 5);
    let alert = Event::Alert(Alert { kind: AlertKind::NonFiniteLoss, message: "the loss is not finite".into() });
    let record = Record { sequence: next, seconds: 1.0, event: alert };
    app.apply(&record);
    assert_eq!(notice(&app), "the loss is not finite");
    press(&mut app, "y");
    app.apply(&record);
    assert_eq!((notice(&app), app.next_record()), ("", 6), "seen before");
    let live = app_with_candidates(40, 4);
    assert_eq!(live.run().unwrap().epoch_of(), Some((40, 40)));
    assert_eq!(app.animation_due(), None);
}

#[test]
fn escape_closes_the_help_on_every_screen() {
    for mut app in [at_start(), app_at(3)] {
        press(&mut app, "?");
        assert!(matches!(app.overlay(), Overlay::Help(_)));
        press(&mut app, "esc");
        assert_eq!(app.overlay(), Overlay::None);
    }
}
