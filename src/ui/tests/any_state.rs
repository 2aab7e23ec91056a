//! Any state fits any size, whatever the terminal can do: every key of the table of actions, in any order, on every kind of screen.

use super::super::draw;
use super::super::theme::{Depth, Glyphs};
use super::scripts::{alerted, beside, findings, large};
use super::{form, look, painted, replaying, runs, steered};
use crate::app::testing::{answered, app_with_candidates, at_start, opened, press, push, snapshot_at};
use crate::app::{ACTIONS, App, Done, Draft, Effect, Written};
use crate::run::{Event, Phase, Snapshot};
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::sync::Arc;

/// What is pressed beside the keys of actions: answers to questions, and what is typed into lines.
const TYPED: [&str; 12] = ["y", "n", "backspace", "ctrl-u", "ctrl-w", "ctrl-n", "enter", "esc", "0", "7", "=", "%"];

fn keys() -> Vec<&'static str> {
    ACTIONS.iter().flat_map(|action| action.keys.iter().copied()).chain(TYPED).collect()
}

/// How many kinds of screens [`screen`] knows.
const KINDS: u8 = 13;

fn screen(kind: u8, epochs: u32, each: u32) -> App {
    match kind {
        0 => at_start(),
        1 => App::new(),
        2 => opened(each),
        3 => replaying(),
        4 => form(),
        5 => steered(),
        6 => runs(),
        7 => findings(),
        8 => alerted(),
        9 => beside(),
        10 => large(epochs % 4),
        11 => answered(opened(each)),
        _ => app_with_candidates(epochs, each),
    }
}

/// Does what the program around the screen would do.
fn answer(app: &mut App, effect: Effect) {
    match effect {
        Effect::Send(command) => push(app, Event::Intervention { command, step: 9 }),
        Effect::Draft { preset, changes } => app.drafted(&preset, changes, Ok(Draft::default())),
        Effect::Beside(..) => *app = beside(),
        Effect::Back => app.show_start(Vec::new(), Vec::new()),
        Effect::Train { from, training, .. } => {
            for effect in app.training_checked(from, &training, Ok(())) {
                answer(app, effect);
            }
        }
        // Of some it hears how far they are, of others what came of them, or that they failed.
        Effect::Errand(task) => match task.candidate.0 % 3 {
            0 => app.progress(&task, "epoch    3/40  loss 0.1234".into()),
            1 => app.done(&task, Ok(Done::Written(Written { folder: "there".into(), ..Written::default() }))),
            _ => app.done(&task, Err("the disk is full".into())),
        },
        _ => {}
    }
}

fn state() -> impl Strategy<Value = App> {
    let keys = proptest::collection::vec(proptest::sample::select(keys()), 0..24);
    (0..KINDS, 0..41u32, 0..6u32, keys, any::<f64>(), any::<bool>()).prop_map(|(kind, epochs, each, keys, number, paused)| {
        let mut app = screen(kind, epochs, each);
        let mut snapshot = Snapshot { paused, progress: Some(number), seconds_left: Some(number), ..snapshot_at(epochs) };
        snapshot.images_per_second = Some(number);
        snapshot.phase = if paused { Phase::Ranking } else { Phase::Training };
        if kind != 8 {
            app.snapshot(Arc::new(snapshot));
        }
        for key in keys {
            for effect in press(&mut app, key) {
                answer(&mut app, effect);
            }
        }
        app
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_state_fits_any_size(mut app in state(), width in 0..=300u16, height in 0..=100u16, glyphs in 0..3usize, depth in 0..4usize) {
        let glyphs = [Glyphs::Ascii, Glyphs::Unicode, Glyphs::Braille][glyphs];
        let depth = [Depth::None, Depth::Ansi, Depth::Indexed, Depth::True][depth];
        painted(&app, &look(depth, glyphs), width, height);
        let mut whole = Buffer::empty(Rect::new(0, 0, width, height));
        app.drawn(draw(&app, &look(depth, glyphs), whole.area, &mut whole).reach);
        // An area that is not the whole buffer, nor within it.
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        draw(&app, &look(depth, glyphs), Rect::new(7, 5, width, height), &mut buffer);
    }
}

#[test]
fn no_kind_of_screen_and_no_key_is_left_out() {
    let kinds = [0, 4, 7, 8, 9, 10].map(|kind| screen(kind, 3, 3));
    assert!(kinds[2].run().is_some_and(|run| run.findings(run.selected().unwrap().id).count() > 2));
    assert_eq!(kinds[3].run().unwrap().warnings().len(), 3);
    assert!(kinds[4].beside().is_some_and(|run| !run.candidates().is_empty()));
    assert_eq!(kinds[5].run().unwrap().started().unwrap().network.groups.len(), 638);
    // A key that no longer parses would press enter.
    let wrong: Vec<&str> = keys().into_iter().filter(|key| key.parse::<crate::app::Key>().is_err()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
