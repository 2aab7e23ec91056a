//! The pure player: whatever way it came to a place, the run there is the run that the log tells up to there.

use super::*;
use crate::app::testing::{epoch, press, whole_run};
use crate::run::{Alert, AlertKind, Command, Fate, FinalTest};
use proptest::prelude::*;

/// A run with alerts, interventions and a later reading of the test split; an event a second.
fn log() -> Vec<Record> {
    let mut events = whole_run(30);
    let alert = |message: &str| Event::Alert(Alert { kind: AlertKind::Data, message: message.into() });
    events.insert(20, alert("the second"));
    events.insert(9, alert("the first"));
    events.insert(12, Event::Intervention { command: Command::Hold { group: 1, fate: Fate::Kept }, step: 170 });
    let mut collapsed = epoch(31);
    collapsed.health.expected_drop_share = 0.99;
    // As of before engines raised alerts: the screen finds out by itself.
    collapsed.kl_parts = None;
    events.insert(35, Event::Epoch(Box::new(collapsed)));
    events.push(Event::Final(Box::new(FinalTest { candidates: Vec::new(), ensemble: None })));
    events.into_iter().enumerate().map(|(at, event)| Record { sequence: at as u64, seconds: at as f64, event }).collect()
}

fn replaying(log: &[Record]) -> App {
    let mut app = App::new();
    let seconds = log.last().unwrap().seconds;
    app.show_replay("one".into(), "one".into(), Replay::new(log.len() as u64, seconds, Some(1.0)));
    app.play();
    deliver(&mut app, log);
    app
}

/// Hands over what is wanted, a few events at a time; tells how many there were.
fn deliver(app: &mut App, log: &[Record]) -> usize {
    let mut handed = 0;
    while let Some(range) = app.wanted() {
        let piece = &log[range.start as usize..(range.end as usize).min(range.start as usize + 7)];
        handed += piece.len();
        app.replayed(piece.to_vec());
    }
    handed
}

fn keys(app: &mut App, log: &[Record], keys: &str) {
    for key in keys.split_whitespace() {
        assert_eq!(press(app, key), [], "{key}");
        deliver(app, log);
    }
}

fn at(app: &App) -> u64 {
    app.replay().unwrap().at()
}

/// The run that the first events of a log tell.
fn told(log: &[Record], events: usize) -> String {
    let mut run = Run::new("one".into(), "one".into(), false);
    run.replayed = true;
    log[..events].iter().for_each(|record| drop(run.apply(record)));
    format!("{run:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_way_to_a_place_shows_the_same_run(ways in proptest::collection::vec((0..9u8, 0..140u64), 1..12)) {
        let log = log();
        let mut app = replaying(&log);
        for (way, place) in ways {
            match way {
                0 => app.step_event(true),
                1 => app.step_event(false),
                2 => app.step_epoch(true),
                3 => app.step_epoch(false),
                4 => app.skip(true),
                5 => app.skip(false),
                6 => app.next_alert(),
                7 => app.seek(|_| Goal::Second(place as f64)),
                _ => app.seek(|_| Goal::Events(place)),
            }
            deliver(&mut app, &log);
            prop_assert!(!app.replay().unwrap().seeks());
            prop_assert_eq!(format!("{:?}", app.run().unwrap()), told(&log, at(&app) as usize));
        }
    }
}

#[test]
fn it_steps_by_events_and_epochs_and_to_what_needs_attention() {
    let log = log();
    let mut app = replaying(&log);
    assert_eq!(at(&app), 1);
    keys(&mut app, &log, "> > >");
    assert_eq!((at(&app), app.run().unwrap().epochs().len()), (4, 2));
    keys(&mut app, &log, "<");
    assert_eq!((at(&app), app.run().unwrap().epochs().len()), (3, 1));
    keys(&mut app, &log, ") )");
    assert_eq!(app.run().unwrap().epochs().last().unwrap().epoch, 3);
    keys(&mut app, &log, "( (");
    assert_eq!(app.run().unwrap().epochs().last().unwrap().epoch, 1);
    let mut found = Vec::new();
    for _ in 0..4 {
        keys(&mut app, &log, "a");
        found.push(app.notice_line().unwrap().text.chars().take(14).collect::<String>());
    }
    // The third is no event of the log: the reducer finds it, as in a live run.
    assert_eq!(found, ["the first", "the second", "nearly everyth", "no further ale"]);
    assert_eq!((at(&app), app.run().unwrap().ending().unwrap().test_reads), (log.len() as u64, 2));
    keys(&mut app, &log, "< ");
    assert_eq!(app.run().unwrap().ending().unwrap().test_reads, 1);
    keys(&mut app, &log, "{ {");
    assert!(app.run().unwrap().ending().is_none());
}

#[test]
fn a_place_is_typed_as_event_share_epoch_or_time() {
    let log = log();
    let mut app = replaying(&log);
    let mut go = |place: &str| {
        press(&mut app, "t");
        app.paste(place);
        press(&mut app, "enter");
        deliver(&mut app, &log);
        (at(&app), app.run().unwrap().epochs().len())
    };
    assert_eq!(go("12"), (12, 9));
    assert_eq!(go("e5"), (7, 5), "back, by where it was");
    assert_eq!(go("epoch 20"), (25, 20));
    assert_eq!(go("10s"), (11, 8));
    assert_eq!(go("0.5m"), (31, 26));
    assert_eq!(go("100%").0, log.len() as u64);
    assert_eq!(go("0%"), (1, 0));
    assert_eq!(go("99999").0, log.len() as u64);
    press(&mut app, "t");
    app.paste("-1 week");
    press(&mut app, "enter");
    assert!(matches!(app.overlay(), Overlay::Place(line) if line.fault.as_ref().is_some_and(|fault| fault.starts_with("give an event"))));
    press(&mut app, "esc");
    assert_eq!(*app.overlay(), Overlay::None);
}

#[test]
fn it_plays_at_its_speed_and_stands_still_when_told() {
    let log = log();
    let mut app = replaying(&log);
    let begin = Instant::now();
    let after = |tenths: u64| begin + Duration::from_millis(100 * tenths);
    assert_eq!((app.animation_due(), app.wanted()), (None, None), "standing still costs nothing");
    press(&mut app, "space");
    app.elapse(after(0));
    deliver(&mut app, &log);
    assert_eq!(app.animation_due(), Some(Duration::from_secs(1)));
    app.elapse(after(15));
    deliver(&mut app, &log);
    assert_eq!((at(&app), app.replay().unwrap().clock()), (2, 1.5));
    press(&mut app, "u u");
    app.elapse(after(20));
    deliver(&mut app, &log);
    assert_eq!((at(&app), app.replay().unwrap().clock()), (4, 3.5));
    press(&mut app, "d space");
    app.elapse(after(200));
    assert_eq!((at(&app), app.animation_due()), (4, None));
    // The time that it stood still does not count.
    press(&mut app, "space");
    app.elapse(after(300));
    assert_eq!(at(&app), 4);
    app.elapse(after(305));
    deliver(&mut app, &log);
    assert_eq!((at(&app), app.replay().unwrap().clock()), (5, 4.5));
    keys(&mut app, &log, "t 1 0 0 % enter");
    assert!(!app.replay().unwrap().plays());
    keys(&mut app, &log, "space");
    assert_eq!((at(&app), app.replay().unwrap().plays()), (1, true), "from the end it begins anew");
}

#[test]
fn nothing_is_steered_and_what_one_chose_stays() {
    let log = log();
    let mut app = replaying(&log);
    keys(&mut app, &log, "t 1 0 0 % enter 3 j j x");
    let chosen = app.run().unwrap().selected().unwrap().id;
    for (key, reason) in
        [("s", "a replay steers nothing"), ("C", "a replay steers nothing"), ("e", "a replay writes nothing"), ("f", "pause it")]
    {
        assert_eq!(press(&mut app, key), []);
        assert!(app.notice_line().unwrap().text.contains(reason), "{key}");
    }
    keys(&mut app, &log, "< < >  >");
    assert_eq!(app.run().unwrap().selected().unwrap().id, chosen);
    keys(&mut app, &log, "t 1 enter");
    assert_eq!((app.view(), app.run().unwrap().selected()), (crate::app::View::Samples, None));
    assert_eq!(press(&mut app, "b"), [Effect::Back]);
    let mut live = crate::app::testing::app_at(3);
    assert_eq!(press(&mut live, ">"), []);
    assert!(live.notice_line().unwrap().text.starts_with("only in a replay"));
}

#[test]
fn a_long_log_is_gone_back_in_by_a_piece_and_remembers_a_bounded_number_of_states() {
    let started = log().remove(0);
    let phase = |at| Record { sequence: at, seconds: at as f64, event: Event::Phase { phase: crate::run::Phase::Training } };
    let log: Vec<Record> = std::iter::once(started).chain((1..200_000).map(phase)).collect();
    let mut app = replaying(&log);
    keys(&mut app, &log, "t 1 0 0 % enter");
    let replay = app.replay().unwrap();
    assert!(replay.marks.len() <= MARKS && replay.marks.len() > MARKS / 4, "{}", replay.marks.len());
    for place in [199_000, 100_001, 77, 3] {
        app.seek(|_| Goal::Events(place));
        let handed = deliver(&mut app, &log);
        assert!(at(&app) == place && handed as u64 <= app.replay().unwrap().spacing + 7, "{handed}");
    }
}
