//! The heat map: what a line and a column stand for, and where the crosshair is.

use super::scripts::large;
use super::{look, painted, text};
use crate::app::App;
use crate::app::testing::{app_at, app_with_candidates, epoch, press, push, started};
use crate::run::{Event, Phase, Started};
use crate::ui::theme::{Depth, Glyphs, Role};

/// The cells of the heat map of the posterior's screen in the line of a group, without its label.
fn strip(app: &App, operation: &str) -> String {
    let shown = text(app, 120, 36);
    let line = shown.lines().find(|line| line.contains(operation)).unwrap_or_else(|| panic!("{shown}"));
    line.chars().skip(34).take(79).collect()
}

#[test]
fn where_groups_are_more_than_lines_the_lowest_and_the_highest_of_a_block_show() {
    let app = large(30);
    let last = app.run().unwrap().epochs().last().unwrap();
    let fold = |pick: fn(f32, f32) -> f32, from: f32| last.drop_probabilities.iter().copied().fold(from, pick);
    let (low, high) = (fold(f32::min, 1.0), fold(f32::max, 0.0));
    for (width, height) in [(120, 36), (200, 60), (80, 24)] {
        let mut app = large(30);
        if width == 80 {
            press(&mut app, "tab tab");
        }
        let shown = text(&app, width, height);
        let map = shown.lines().skip_while(|line| !line.contains("groups × epochs")).skip(1).take_while(|line| !line.contains("entropy "));
        let now: Vec<&str> = map.filter_map(|line| line.trim_end_matches(['│', ' ']).rsplit(' ').next()).collect();
        let told = |value: f32| crate::ui::paint::share2(f64::from(value));
        assert!(now.contains(&told(low).as_str()) && now.contains(&told(high).as_str()), "{low} {high} {now:?}\n{shown}");
        assert!(shown.contains("dense") && shown.contains('┌') && shown.contains('└'), "{shown}");
    }
}

#[test]
fn a_group_in_focus_lies_in_one_line_of_them() {
    let mut app = large(3);
    press(&mut app, "tab tab");
    let selection = look(Depth::True, Glyphs::Braille).style(Role::Selection);
    for group in ["g", "G", "page-up page-up page-up"] {
        press(&mut app, group);
        let buffer = painted(&app, &look(Depth::True, Glyphs::Braille), 120, 36);
        let chosen = (9..26).filter(|&y| buffer[(80, y)].style().bg == selection.bg).count();
        assert_eq!(chosen, 1, "{group}");
    }
}

#[test]
fn a_column_tells_of_all_epochs_that_fall_into_it() {
    let of = |spike: u32| {
        let mut app = App::new();
        app.show_run("long".into(), "long".into(), true);
        push(&mut app, Event::Started(Box::new(Started { epochs: 200, ..started() })));
        push(&mut app, Event::Phase { phase: Phase::Training });
        for number in 1..=200 {
            let mut metrics = epoch(1);
            metrics.epoch = number;
            metrics.drop_probabilities[0] = if number == spike { 1.0 } else { 0.1 };
            push(&mut app, Event::Epoch(Box::new(metrics)));
        }
        press(&mut app, "2");
        strip(&app, "conv 1×1")
    };
    let flat = of(0);
    for spike in [2, 3, 57, 58, 59, 120, 199, 200] {
        assert_ne!(of(spike), flat, "{spike}");
    }
}

#[test]
fn the_crosshair_is_one_cell_for_every_epoch_and_the_group_in_focus_tells_of_it() {
    let look = look(Depth::True, Glyphs::Braille);
    let selection = look.style(Role::Selection);
    let mut app = app_at(18);
    press(&mut app, "2 j j v");
    for width in [120, 100, 80] {
        for _ in 0..18 {
            let buffer = painted(&app, &look, width, 36);
            // Of a group that is not in focus.
            let cells = (34..width).filter(|&x| buffer[(x, 3)].style().bg == selection.bg).count();
            assert_eq!(cells, 1, "epoch {:?} at {width}", app.run().unwrap().cross());
            press(&mut app, ",");
        }
        press(&mut app, "v v");
    }
    press(&mut app, "v v , , , ,");
    let run = app.run().unwrap();
    let at = run.epochs()[13].drop_probabilities[run.group()];
    let shown = text(&app, 120, 36);
    let told = format!("drop {} at epoch 14, ", crate::ui::paint::share2(f64::from(at)));
    assert!(shown.contains(&told) && shown.contains("norm ") && shown.matches("at epoch 14").count() == 2, "{told} {shown}");
    press(&mut app, "v");
    assert!(text(&app, 120, 36).contains("at first"));
}

#[test]
fn zooming_ends_where_it_shows_nothing_new() {
    let mut app = app_with_candidates(18, 0);
    press(&mut app, "5 + + + + + + + + +");
    let closest = text(&app, 120, 36);
    let (begin, end) = app.run().unwrap().span();
    assert!((end - begin - 4.0).abs() < 1e-9);
    press(&mut app, "-");
    assert_ne!(text(&app, 120, 36), closest, "every key does something");
}
