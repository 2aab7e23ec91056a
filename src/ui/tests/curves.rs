//! Curves and numbers: what is drawn is true, and what is not drawn is counted.

use super::super::paint::Brush;
use super::super::theme::{Depth, Glyphs, Role};
use super::{lines, look, painted, ranking, text};
use crate::app::App;
use crate::app::testing::{app_at, app_with_candidates, press, push, snapshot_at};
use crate::run::{Alert, AlertKind, Event, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::sync::Arc;

#[test]
fn without_braille_curves_are_made_of_half_blocks() {
    let mut app = ranking();
    press(&mut app, "5");
    let shown = |glyphs| lines(&painted(&app, &look(Depth::True, glyphs), 80, 24)).join("\n");
    let braille = |text: &str| text.chars().any(|sign| ('\u{2800}'..'\u{2900}').contains(&sign));
    let blocks = shown(Glyphs::Unicode);
    assert!(braille(&shown(Glyphs::Braille)) && !braille(&blocks));
    assert!(blocks.contains('▀') && blocks.contains('▄') && blocks.contains('╭'), "{blocks}");
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
    // One of 0 or less is a number, and has no place on a logarithmic axis.
    let mut app = app_at(6);
    let mut metrics = crate::app::testing::epoch(7);
    metrics.kl = -0.5;
    push(&mut app, Event::Epoch(Box::new(metrics)));
    assert!(!text(&app, 120, 36).contains("not above 0"));
    press(&mut app, "L");
    let shown = text(&app, 120, 36);
    assert!(shown.contains("1 not above 0") && !shown.contains("not finite"), "{shown}");
}

#[test]
fn the_change_of_p_is_that_of_the_last_whole_epoch() {
    let mut app = app_at(6);
    let mut metrics = crate::app::testing::epoch(7);
    metrics.health.largest_change = 0.083;
    push(&mut app, Event::Epoch(Box::new(metrics)));
    // A new epoch has just begun, and nothing has moved in it.
    let mut fresh = snapshot_at(7);
    fresh.health.largest_change = 0.0;
    app.snapshot(Arc::new(fresh));
    assert!(text(&app, 120, 36).contains("Δp .083"), "{}", text(&app, 120, 36));
}

#[test]
fn the_floor_has_a_curve_and_the_group_in_focus_the_norm_of_its_weights() {
    let mut app = app_with_candidates(18, 0);
    press(&mut app, "5");
    assert!(text(&app, 40, 10).contains("loss "), "{}", text(&app, 40, 10));
    press(&mut app, "2");
    let shown = text(&app, 120, 36);
    assert!(shown.lines().any(|line| line.contains("drop") && line.contains("norm") && line.matches(" ep").count() == 2), "{shown}");
}

#[test]
fn only_losses_have_a_logarithmic_axis() {
    let mut app = app_with_candidates(18, 0);
    press(&mut app, "5");
    let chart = |app: &App, legend: &str| {
        let buffer = painted(app, &look(Depth::True, Glyphs::Braille), 120, 36);
        let shown = lines(&buffer);
        let (y, line) = shown.iter().enumerate().find(|(_, line)| line.contains(legend)).unwrap_or_else(|| panic!("{shown:#?}"));
        let x = line[..line.find(legend).unwrap()].chars().count() as u16;
        // The curves under the legend, over the width of their chart.
        let columns = if x < 60 { 8..56 } else { 70..116 };
        (y as u16 + 1..y as u16 + 5)
            .flat_map(|y| columns.clone().map(move |x| (x, y)))
            .map(|(x, y)| buffer[(x, y)].symbol().to_owned())
            .collect::<String>()
    };
    let before = ["loss ", "params ", "learning rate ", "MACs expected"].map(|legend| chart(&app, legend));
    press(&mut app, "L");
    let after = ["loss ", "params ", "learning rate ", "MACs expected"].map(|legend| chart(&app, legend));
    assert_ne!(before[0], after[0]);
    assert_eq!(before[1..], after[1..]);
}

#[test]
fn the_parts_of_the_objective_and_the_health_of_the_posterior_have_curves_of_strokes_of_their_own() {
    let mut app = app_with_candidates(18, 0);
    press(&mut app, "5");
    for (glyphs, strokes) in [(Glyphs::Braille, ["──", "╌╌", "··"]), (Glyphs::Ascii, ["--", "- ", ".."])] {
        let shown = lines(&painted(&app, &look(Depth::None, glyphs), 120, 36)).join("\n");
        let sizes = shown.lines().find(|line| line.contains("95 % below")).unwrap_or_else(|| panic!("{shown}"));
        assert!(strokes.iter().all(|stroke| sizes.contains(stroke)), "{sizes}");
        assert!(shown.contains("L2 part of KL ") && shown.contains("entropy part "), "{shown}");
        assert!(shown.contains(" bits ") && shown.contains("undecided ."), "{shown}");
    }
    // Dotted is neither dashed nor solid.
    let drawn = |second: f64| {
        let area = Rect::new(0, 0, 60, 8);
        let mut buffer = Buffer::empty(area);
        let look = look(Depth::None, Glyphs::Ascii);
        let points: Vec<(f64, f64)> = (0..50).map(|x| (f64::from(x), second)).collect();
        let mut brush = Brush::new(&mut buffer, &look);
        let flat: &[(f64, f64)] = &points;
        let none: &[(f64, f64)] = &[];
        let mut counts = Vec::new();
        for at in 0..3 {
            brush.clear(area);
            let series: Vec<(&[(f64, f64)], Role)> = (0..3).map(|number| (if number == at { flat } else { none }, Role::Text)).collect();
            brush.curves(area, &series, (0.0, 49.0), false, Some((0.0, 2.0)));
            counts.push(brush.buffer.content.iter().filter(|cell| cell.symbol() == "*").count());
        }
        counts
    };
    let counts = drawn(1.0);
    assert!(counts[0] > counts[1] && counts[1] > counts[2] && counts[2] > 0, "{counts:?}");
}

#[test]
fn the_posterior_says_what_its_samples_cost_and_the_worst_of_what_goes_wrong() {
    let mut app = app_with_candidates(18, 0);
    press(&mut app, "2");
    let shown = text(&app, 120, 36);
    assert!(shown.lines().any(|line| line.contains("undecided") && line.contains(" MACs")), "{shown}");
    let mut metrics = crate::app::testing::epoch(19);
    metrics.health.expected_drop_share = 0.99;
    push(&mut app, Event::Epoch(Box::new(metrics)));
    assert!(text(&app, 120, 36).contains("! nearly everything drops"));
    let disk = Alert { kind: AlertKind::Disk, message: "the disk is full".into() };
    app.snapshot(Arc::new(Snapshot { alerts: vec![disk], ..snapshot_at(19) }));
    assert!(text(&app, 120, 36).contains("! (and 1 more) nearly everything drops"), "{}", text(&app, 120, 36));
}
