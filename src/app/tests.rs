//! What keys do, on scripted runs.

use crate::app::testing::{app_at, app_with_candidates, at_start, opened, press, push, score, snapshot_at};
use crate::app::{App, Changes, Done, Effect, Errand, Judged, Overlay, Pane, Task, Training, View, Written};
use crate::run::{Accuracy, Alert, AlertKind, CandidateId, Command, Event, Record, Snapshot, Source, Start};
use std::sync::Arc;

fn selected(app: &App) -> Option<u32> {
    app.run()?.selected().map(|score| score.id.0)
}

fn task(app: &App, candidate: CandidateId, errand: Errand) -> Task {
    Task { run: app.run().unwrap().path().to_owned(), candidate, errand, training: Training::default() }
}

/// What asking for a training leads to once its recipe was taken as it stands, and checked.
fn train(app: &mut App, key: &str) -> Vec<Effect> {
    let effects = press(app, &format!("{key} enter"));
    let [Effect::Train { from, training, .. }] = &effects[..] else { panic!("{effects:?}") };
    app.training_checked(*from, training, Ok(()))
}

fn notice(app: &App) -> &str {
    app.notice_line().map_or("", |notice| notice.text.as_str())
}

#[test]
fn space_pauses_and_goes_on_as_the_engine_says() {
    let mut app = app_at(3);
    assert_eq!(press(&mut app, "space"), [Effect::Send(Command::Pause)]);
    app.snapshot(Arc::new(Snapshot { paused: true, ..snapshot_at(3) }));
    assert_eq!(press(&mut app, "space"), [Effect::Send(Command::Resume)]);
    assert_eq!(press(&mut app, "s n"), [Effect::Send(Command::SampleNow { count: 20 }), Effect::Send(Command::StepEpoch)]);
}

#[test]
fn what_cannot_be_done_says_why_until_the_next_key() {
    let mut app = app_at(3);
    assert_eq!(press(&mut app, "e"), []);
    assert!(notice(&app).starts_with("there is no candidate yet"));
    press(&mut app, "L");
    assert_eq!(notice(&app), "");
    assert_eq!(press(&mut app, "b"), []);
    assert!(notice(&app).contains("the search is running"));
    let mut app = opened(3);
    assert_eq!(press(&mut app, "space s n"), []);
    assert!(notice(&app).contains("has ended"));
    assert_eq!(press(&mut app, "enter"), []);
    assert!(notice(&app).contains("next pane"));
}

#[test]
fn the_winner_is_shown_until_somebody_steps() {
    let mut app = app_at(5);
    assert_eq!((selected(&app), app.focus()), (None, Pane::Network), "for most of a search there is no candidate");
    press(&mut app, "shift-tab");
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
    let task = task(&app, CandidateId(1), Errand::Export);
    assert_eq!(press(&mut app, "e"), [Effect::Errand(task.clone())]);
    let select = Some(Accuracy { correct: 340, total: 350 });
    let written = Written { folder: "there".into(), select, note: None };
    app.done(&task, Ok(Done::Written(written.clone())));
    assert_eq!(notice(&app), "candidate 1 written to there, read back: select 0.971");
    assert_eq!(app.run().unwrap().findings(CandidateId(1)).count(), 1);
    let note = Some("2 select images are judged otherwise".to_owned());
    app.done(&task, Ok(Done::Written(Written { note: note.clone(), ..written.clone() })));
    assert_eq!(notice(&app), "candidate 1 written to there, read back: select 0.971; 2 select images are judged otherwise");
    app.done(&task, Ok(Done::Written(Written { select: None, note, ..written })));
    assert_eq!(notice(&app), "candidate 1 without its weights in there; 2 select images are judged otherwise");
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
    assert_eq!(*app.overlay(), Overlay::Leave);
    assert_eq!(press(&mut app, "n q esc"), []);
    assert_eq!(*app.overlay(), Overlay::None);
    assert_eq!(press(&mut app, "q y"), [Effect::Send(Command::Stop), Effect::Quit]);
    let mut app = app_at(3);
    assert_eq!(press(&mut app, "ctrl-c ctrl-c"), [Effect::Send(Command::Stop), Effect::Quit]);
    let mut app = app_at(3);
    app.ended();
    assert_eq!(press(&mut app, "b"), [Effect::Back]);
    assert_eq!(press(&mut app, "q"), [Effect::Quit]);
    assert_eq!(press(&mut opened(1), "esc"), [Effect::Back]);
    for tie in [crate::app::Tie::Host, crate::app::Tie::Watch] {
        let mut app = app_at(3);
        app.set_tie(tie);
        assert_eq!(press(&mut app, "q"), [Effect::Quit], "the search goes on");
        assert_eq!(press(&mut app, "ctrl-c ctrl-c"), [Effect::Quit]);
        app.overlay = Overlay::None;
        assert_eq!(press(&mut app, "b"), [Effect::Back]);
        assert_eq!(press(&mut app, "space").is_empty(), tie == crate::app::Tie::Watch);
    }
}

#[test]
fn the_help_does_the_chosen_line() {
    let mut app = app_at(3);
    assert_eq!(press(&mut app, "? enter"), [Effect::Send(Command::Pause)]);
    assert_eq!(press(&mut app, "? j enter"), [Effect::Send(Command::SampleNow { count: 20 })]);
    press(&mut app, "? G enter");
    assert_eq!(*app.overlay(), Overlay::None, "a line of the legend does nothing");
    press(&mut app, "? q");
    assert_eq!(*app.overlay(), Overlay::None);
}

#[test]
fn the_start_screen_starts_and_opens() {
    let mut app = at_start();
    assert_eq!(press(&mut app, "enter"), [Effect::Start { preset: "digits".into(), changes: Changes::default() }]);
    assert_eq!(press(&mut app, "j enter"), [Effect::Start { preset: "fashion".into(), changes: Changes::default() }]);
    assert_eq!(press(&mut app, "down enter"), [Effect::Open("runs/20261124-054500-digits-1".into())]);
    assert_eq!(press(&mut app, "tab enter"), [Effect::Start { preset: "fashion".into(), changes: Changes::default() }]);
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
    press(&mut app, "L");
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
        assert_eq!(*app.overlay(), Overlay::None);
    }
}

#[test]
fn the_palette_finds_and_does() {
    let mut app = app_at(3);
    assert_eq!(press(&mut app, ": s a m p enter"), [Effect::Send(Command::SampleNow { count: 20 })]);
    assert_eq!(*app.overlay(), Overlay::None);
    press(&mut app, ": c o m p enter");
    assert_eq!(app.view(), View::Compare);
    press(&mut app, ": z q x enter");
    assert_eq!(*app.overlay(), Overlay::None, "nothing was found and nothing is done");
    press(&mut app, ":");
    app.paste("one epoch\nq");
    assert_eq!(press(&mut app, "enter"), [Effect::Send(Command::StepEpoch)], "a line break pasted is no enter");
    press(&mut app, ": e x p enter");
    assert!(notice(&app).starts_with("there is no candidate yet"), "it says why, too");
    press(&mut app, ": x backspace backspace");
    assert_eq!(*app.overlay(), Overlay::None);
    app.paste("q");
    assert_eq!(*app.overlay(), Overlay::None, "what is pasted is no key");
}

#[test]
fn a_filter_shows_while_it_is_typed_and_esc_gives_it_up() {
    let mut app = app_with_candidates(20, 5);
    let rows = |app: &App| app.run().unwrap().ranked().len();
    press(&mut app, "/");
    app.paste("source:random");
    assert_eq!(rows(&app), 5);
    press(&mut app, "x");
    assert!(matches!(app.overlay(), Overlay::Filter(line) if line.fault.is_some()));
    press(&mut app, "enter");
    assert!(matches!(app.overlay(), Overlay::Filter(_)), "a line with a fault stays");
    press(&mut app, "backspace enter");
    assert_eq!((rows(&app), app.overlay()), (5, &Overlay::None));
    press(&mut app, "/ ctrl-u");
    assert_eq!(rows(&app), 12);
    press(&mut app, "esc");
    assert_eq!(rows(&app), 5);
    press(&mut app, "/ ctrl-u enter");
    assert_eq!(rows(&app), 12);
}

#[test]
fn marks_are_exported_together_and_a_pin_stays() {
    let mut app = app_with_candidates(20, 5);
    press(&mut app, "g x p ] ] x");
    let run = app.run().unwrap();
    let pinned = run.pinned().unwrap().id;
    assert_eq!(run.marked().len(), 2);
    let marked: Vec<Effect> = run.marked().iter().map(|&id| Effect::Errand(task(&app, id, Errand::Export))).collect();
    assert_eq!(press(&mut app, "e"), marked);
    assert_eq!(press(&mut app, "e"), [], "they are being written already");
    let pinned_task = task(&app, pinned, Errand::Export);
    app.done(&pinned_task, Ok(Done::Written(Written { folder: "there".into(), ..Written::default() })));
    press(&mut app, "x g x");
    assert!(app.run().unwrap().marked().is_empty());
    assert_eq!(press(&mut app, "e"), [Effect::Errand(pinned_task)]);
    press(&mut app, "p");
    assert_eq!(app.run().unwrap().pinned(), None);
}

#[test]
fn a_frozen_view_stays_and_the_search_goes_on() {
    let mut app = app_at(3);
    press(&mut app, "f");
    push(&mut app, Event::Epoch(Box::new(crate::app::testing::epoch(4))));
    push(&mut app, Event::Epoch(Box::new(crate::app::testing::epoch(5))));
    let paused = Snapshot { paused: true, ..snapshot_at(5) };
    app.snapshot(Arc::new(paused));
    assert_eq!((app.run().unwrap().epoch_of(), app.behind()), (Some((3, 40)), Some(2)));
    assert_eq!(press(&mut app, "space"), [Effect::Send(Command::Resume)], "it pauses by what is, not by what shows");
    press(&mut app, "f");
    assert_eq!((app.run().unwrap().epoch_of(), app.behind()), (Some((5, 40)), None));
    assert!(app.run().unwrap().is_paused());
}

#[test]
fn a_fault_of_the_posterior_is_told_once_by_the_log_or_of_an_old_log_by_the_screen() {
    let collapsed = |number, is_old: bool| {
        let mut metrics = crate::app::testing::epoch(number);
        metrics.health.expected_drop_share = 0.99;
        metrics.kl_parts = metrics.kl_parts.filter(|_| !is_old);
        Event::Epoch(Box::new(metrics))
    };
    let mut app = app_at(3);
    push(&mut app, collapsed(4, true));
    assert!(notice(&app).starts_with("nearly everything drops"));
    press(&mut app, "L");
    push(&mut app, collapsed(5, true));
    assert_eq!(notice(&app), "");
    assert_eq!(app.run().unwrap().warnings().len(), 1);

    let mut app = app_at(3);
    push(&mut app, collapsed(4, false));
    assert_eq!((notice(&app), app.run().unwrap().warnings().len()), ("", 1), "its alert is on the way");
    let raised = app.run().unwrap().warnings()[0].clone();
    push(&mut app, Event::Alert(raised));
    assert!(notice(&app).starts_with("nearly everything drops"));
    push(&mut app, Event::Epoch(Box::new(crate::app::testing::epoch(5))));
    assert_eq!(app.run().unwrap().warnings(), [], "it is over");
}

#[test]
fn what_goes_wrong_with_the_machine_lasts_as_long_as_the_search_says_and_the_worst_comes_first() {
    let alert = |kind| Alert { kind, message: format!("{kind:?}") };
    let with = |kinds: &[AlertKind]| Arc::new(Snapshot { alerts: kinds.iter().copied().map(alert).collect(), ..snapshot_at(4) });
    let mut app = app_at(3);
    let mut metrics = crate::app::testing::epoch(4);
    metrics.health.expected_drop_share = 0.99;
    app.snapshot(with(&[AlertKind::Starved, AlertKind::Disk]));
    push(&mut app, Event::Epoch(Box::new(metrics)));
    let kinds = |app: &App| app.run().unwrap().warnings().iter().map(|alert| alert.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&app), [AlertKind::Collapse, AlertKind::Disk, AlertKind::Starved]);
    app.snapshot(with(&[AlertKind::GpuIdle]));
    assert_eq!(kinds(&app), [AlertKind::Collapse, AlertKind::GpuIdle]);
    app.snapshot(with(&[]));
    assert_eq!(kinds(&app), [AlertKind::Collapse]);
}

#[test]
fn keys_of_the_users_own_replace_those_of_the_table() {
    let keys = std::collections::BTreeMap::from([("leave".to_owned(), vec!["Q".to_owned()])]);
    let mut app = App::with(crate::app::Keymap::with(&keys).unwrap(), false);
    assert_eq!(press(&mut app, "q"), []);
    assert_eq!(press(&mut app, "Q"), [Effect::Quit]);
    assert_eq!(press(&mut app, "m"), [Effect::Mouse(true)]);
    assert_eq!(press(&mut app, "ctrl-z"), [Effect::Suspend]);
}

#[test]
fn a_candidate_is_evaluated_and_trained_beside_the_screen() {
    let mut app = app_with_candidates(20, 3);
    let chosen = app.run().unwrap().selected().unwrap().id;
    assert_eq!(press(&mut app, "X"), []);
    assert!(notice(&app).contains("the search is at work"), "{}", notice(&app));
    let evaluate = task(&app, chosen, Errand::Evaluate);
    assert_eq!(press(&mut app, "E"), [Effect::Errand(evaluate.clone())]);
    assert_eq!(press(&mut app, "E"), []);
    assert_eq!(notice(&app), "it is being evaluated already");
    let judged = Judged {
        batch_norm: "of the batch",
        decides: false,
        accuracy: Accuracy { correct: 9, total: 10 },
        quality: crate::posterior::statistics::Quality::default(),
    };
    let evaluated = Done::Evaluated { rows: vec![judged], latency_ms: 0.8 };
    app.done(&evaluate, Ok(evaluated.clone()));
    assert_eq!(app.run().unwrap().findings(chosen).next().unwrap().1, &evaluated);
    assert_eq!(app.run().unwrap().latency(chosen), Some(0.8));

    // Training waits for the end of the search, tells how far it is, and a result of another run is not taken for this one's.
    app.ended();
    let training = Training { seed: Some(1), recipe: vec!["epochs=40".into()] };
    let trained = |app: &App, from| Task { training: training.clone(), ..task(app, chosen, Errand::Retrain(from)) };
    let retrain = trained(&app, Start::Scratch);
    assert_eq!(train(&mut app, "X"), [Effect::Errand(retrain.clone())]);
    app.progress(&retrain, "epoch 1/3".into());
    assert_eq!(app.at_work(chosen).collect::<Vec<_>>(), [(Errand::Retrain(Start::Scratch), "epoch 1/3")]);
    app.done(
        &Task { run: "elsewhere".into(), ..retrain.clone() },
        Ok(Done::Written(Written { folder: "there".into(), ..Written::default() })),
    );
    assert_eq!(app.run().unwrap().findings(chosen).count(), 1);
    app.done(&retrain, Err("stopped".into()));
    assert_eq!((app.at_work(chosen).count(), notice(&app)), (0, "stopped"));
    let fine_tune = trained(&app, Start::Inherited);
    assert_eq!(train(&mut app, "F"), [Effect::Errand(fine_tune)]);
    push(&mut app, Event::Candidate(Box::new(score(90, Source::Constant, 20, 350, 900))));
    press(&mut app, "g");
    for _ in 0..20 {
        if selected(&app) != Some(90) {
            press(&mut app, "j");
        }
    }
    assert_eq!(press(&mut app, "E X F"), []);
    assert!(notice(&app).contains("is no network"), "{}", notice(&app));
}

#[test]
fn behind_the_last_candidate_a_search_has_one_more() {
    let sample = [Effect::Send(Command::SampleNow { count: 1 })];
    let chosen = |app: &App| app.run().unwrap().selected().map(|score| (score.id, score.source));
    let mut app = app_at(4);
    assert_eq!((press(&mut app, "]"), chosen(&app)), (sample.to_vec(), None), "of none, the first");
    let mut app = app_with_candidates(4, 3);
    assert_eq!(press(&mut app, "G ]"), sample);
    assert!(press(&mut app, "]").is_empty(), "one at a time");
    let before = chosen(&app).unwrap();
    let new = |id, source| {
        let mut score = app_with_candidates(4, 3).run().unwrap().candidates()[2].clone();
        (score.id, score.source) = (CandidateId(id), source);
        Event::Candidate(Box::new(score))
    };
    push(&mut app, new(98, Source::Random));
    assert_eq!(chosen(&app), Some(before), "it is the posterior's that was asked for");
    push(&mut app, new(99, Source::Posterior));
    push(&mut app, new(100, Source::Posterior));
    assert_eq!(chosen(&app), Some((CandidateId(99), Source::Posterior)), "the one that was asked for, wherever it ranks");
    assert!(press(&mut app, "[ ]").is_empty(), "within the list nothing is drawn");
    let mut app = opened(3);
    assert!(press(&mut app, "G ]").is_empty(), "a search that has ended draws nothing");
}
