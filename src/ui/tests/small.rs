//! Small windows: nothing is lost in them, it is scrolled to, stepped to, or has a page of its own.

use super::scripts::{beside, large};
use super::{draw, form, look, metered, ranking, replaying, text};
use crate::app::testing::{answered, app_at, app_with_candidates, at_start, opened, press, push};
use crate::app::{App, Changes, Draft, KeyRow, Pane};
use crate::run::{Alert, AlertKind, Command, Event};
use crate::ui::theme::{Depth, Glyphs};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const SMALL: (u16, u16) = (60, 15);
const TERMINAL: (u16, u16) = (80, 24);
const FLOOR: (u16, u16) = (40, 10);

/// What a frame shows, after which the model knows how far it scrolls.
fn shown(app: &mut App, (width, height): (u16, u16)) -> String {
    let area = Rect::new(0, 0, width, height);
    let drawn = draw(app, &look(Depth::True, Glyphs::Braille), area, &mut Buffer::empty(area));
    app.drawn(drawn.reach);
    text(app, width, height)
}

/// The words of what a frame shows, without frames and line breaks.
fn words(shown: &str) -> String {
    shown.split(|sign: char| sign.is_whitespace() || "│╭╮╰╯".contains(sign)).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Presses a key until all words were seen, and as often as that takes at most.
fn seen(app: &mut App, size: (u16, u16), key: &str, wanted: &[&str]) {
    let mut left = wanted.to_vec();
    for _ in 0..120 {
        let shown = words(&shown(app, size));
        left.retain(|word| !shown.contains(word));
        if left.is_empty() {
            return;
        }
        press(app, key);
    }
    panic!("never seen by {key} at {size:?}: {left:?}\n{}", text(app, size.0, size.1));
}

fn alert(message: &str) -> Event {
    Event::Alert(Alert { kind: AlertKind::Storage, message: message.into() })
}

#[test]
fn an_alert_that_came_behind_an_overlay_stands_on_the_last_line() {
    for open in ["/", "?", "T", ":", "i"] {
        let mut app = app_at(3);
        press(&mut app, open);
        push(&mut app, alert("the disk is full"));
        press(&mut app, "esc");
        let text = text(&app, 80, 24);
        assert_eq!(text.lines().last().map(str::trim), Some("! the disk is full"), "{open}: {text}");
    }
    let mut app = app_at(3);
    push(&mut app, alert("one"));
    push(&mut app, alert("two"));
    assert_eq!(text(&app, 80, 24).lines().last().map(str::trim), Some("! (and 1 more) one"));
    press(&mut app, "L");
    assert_eq!(text(&app, 80, 24).lines().last().map(str::trim), Some("! two"));
}

#[test]
fn all_messages_can_be_read_to_their_ends_in_any_window() {
    let long = format!("the loss of training step 17 was not finite; {}stop, and start with a lower train.clip", "and so on ".repeat(20));
    for size in [FLOOR, SMALL, TERMINAL, (120, 36)] {
        let mut app = app_at(3);
        for number in 0..8 {
            push(&mut app, alert(&format!("number {number}: {long}")));
        }
        push(&mut app, Event::Intervention { command: Command::LearningRate { factor: 0.5 }, step: 51 });
        press(&mut app, "!");
        let first = shown(&mut app, size);
        assert!(first.contains("after step 51: multiplied"), "the newest first: {first}");
        seen(&mut app, size, "j", &["number 7:", "number 0:"]);
        press(&mut app, "G");
        let last = shown(&mut app, size);
        assert!(words(&last).contains("lower train.clip"), "{last}");
        // It stops where it ends.
        press(&mut app, "k");
        assert_ne!(shown(&mut app, size), last);
    }
    let mut none = app_at(3);
    press(&mut none, "!");
    assert!(text(&none, 60, 15).contains("none so far"));
}

#[test]
fn a_search_that_ended_behind_a_frozen_view_is_not_called_unfinished() {
    let mut app = app_at(3);
    press(&mut app, "f");
    push(&mut app, crate::app::testing::whole_run(0).pop().unwrap());
    app.ended();
    assert!(!text(&app, 120, 36).contains("unfinished") && !text(&app, 120, 36).contains("is gone"));
    press(&mut app, "f");
    assert!(text(&app, 120, 36).lines().next().unwrap().contains("completed"));
}

#[test]
fn all_curves_are_reached_by_scrolling() {
    let titles = ["loss ", "train ", "L2 part of KL", "entropy ", "params ", "MACs expected", "learning rate "];
    for size in [TERMINAL, SMALL, FLOOR] {
        let mut app = app_at(18);
        press(&mut app, "5");
        seen(&mut app, size, "j", &titles);
        assert!(size == FLOOR || shown(&mut app, size).contains(" of 7"), "{}", text(&app, size.0, size.1));
        // The last chart is the end, from which the first key goes back.
        press(&mut app, "G j j j");
        let last = shown(&mut app, size);
        press(&mut app, "k");
        assert_ne!(shown(&mut app, size), last, "{size:?}");
    }
}

#[test]
fn all_of_a_comparison_has_a_page() {
    let mut whole = answered(opened(30));
    press(&mut whole, "4");
    for size in [TERMINAL, SMALL, FLOOR, (80, 30)] {
        let mut app = answered(opened(30));
        press(&mut app, "4");
        let first = words(&shown(&mut app, size));
        assert!(size == FLOOR || first.contains("all 30 random samples."), "the sentence comes first: {first}");
        seen(&mut app, size, "tab", &["Best of n", "page 1 of 3", "page 3 of 3"]);
        press(&mut app, "4");
        while app.focus() != Pane::Facts {
            press(&mut app, "tab");
        }
        seen(&mut app, size, "j", &["mean", "difference", "superiority", "relative improvement", "best, on the other half"]);
        let hints = shown(&mut app, size);
        assert!(hints.lines().last().unwrap().trim().starts_with("tab panes"), "{hints}");
    }
    // In a narrow window the signs of the histogram are told whole, too.
    let mut app = answered(opened(30));
    press(&mut app, "4");
    assert!(shown(&mut app, (50, 24)).contains("W whole   T threshold"));
}

#[test]
fn side_by_side_both_change_and_nothing_is_lost() {
    let mut app = beside();
    let half = |app: &App, right: bool| -> Vec<String> {
        let cut = |line: &str| line.chars().skip(if right { 60 } else { 0 }).take(60).collect();
        text(app, 120, 36).lines().skip(20).take(14).map(cut).collect()
    };
    for key in ["L", "v", ",", "+", "-", "."] {
        let before = [half(&app, false), half(&app, true)];
        press(&mut app, key);
        assert!(half(&app, false) != before[0] && half(&app, true) != before[1], "{key}: {}", text(&app, 120, 36));
    }
    let hints = text(&app, 120, 36);
    assert!(hints.lines().last().unwrap().trim().starts_with("b back"), "{hints}");
    for key in ["]", "p", "x", "e", "E", "/", "tab", "o", "y", "enter"] {
        let (overlay, run) = (app.overlay().clone(), format!("{:?}", app.run()));
        assert_eq!(press(&mut app, key), [], "{key}");
        assert!(app.notice_line().is_some_and(|notice| notice.text.contains("side by side")), "{key}: {:?}", app.notice_line());
        assert_eq!((app.overlay(), format!("{:?}", app.run())), (&overlay, run), "{key}");
    }
    for size in [SMALL, FLOOR, TERMINAL] {
        let mut app = beside();
        // At the floor the name of a run has several lines.
        let name = if size == FLOOR { "digits-1-" } else { "digits-1-20261124" };
        seen(&mut app, size, "j", &[name, "another", "state", "posterior mean", "took"]);
        press(&mut app, "g");
        shown(&mut app, size);
        press(&mut app, "G");
        let last = shown(&mut app, size);
        assert!(last.lines().any(|line| line.contains("took") && line.contains("1 min 42 s")) || size == FLOOR, "{last}");
        press(&mut app, "k");
        assert!(shown(&mut app, size) != last || size == TERMINAL, "where all shows nothing scrolls");
    }
}

#[test]
fn side_by_side_values_have_one_axis() {
    let mut app = opened(6);
    let record = |(at, event)| crate::run::Record { sequence: at as u64, seconds: 0.0, event };
    let mut events = crate::app::testing::whole_run(5);
    let tenfold = |event: &mut Event| {
        if let Event::Epoch(epoch) = event {
            epoch.cross_entropy *= 10.0;
        }
    };
    events.iter_mut().for_each(tenfold);
    let records: Vec<_> = events.into_iter().enumerate().map(record).collect();
    app.show_beside("another".into(), "runs/another".into(), &records, false);
    let shown = text(&app, 120, 36);
    let labels = shown.lines().find(|line| line.contains("loss ") && line.contains("KL ")).unwrap();
    let label = |half: &str| half.trim_matches(|sign: char| "│ ".contains(sign)).split(' ').next().unwrap().to_owned();
    let (left, right): (String, String) = (labels.chars().take(60).collect(), labels.chars().skip(60).collect());
    assert_eq!(label(&left), label(&right), "{shown}");
}

#[test]
fn a_search_opens_on_its_network_and_says_first_how_one_gets_to_the_rest() {
    let app = app_at(3);
    let shown = text(&app, 60, 15);
    assert!(shown.contains("▸ Network") && shown.lines().last().unwrap().trim().starts_with("tab panes"), "{shown}");
    assert!(text(&app_with_candidates(3, 2), 60, 15).contains("▸ Candidates"));
    assert!(!text(&app, 120, 36).lines().last().unwrap().trim().starts_with("tab"), "all panes show");
}

#[test]
fn every_run_of_the_list_is_told_from_the_others() {
    let mut app = at_start();
    let mut runs = app.start().runs().to_vec();
    runs[0].name = "20261124-054500-supnet-m-mini-retrained-4".into();
    runs[1].name = "20261124-054500-supnet-m-mini-retrained-5".into();
    let names: Vec<String> = runs.iter().map(|run| run.name.clone()).collect();
    app.runs_listed(runs, app.start().now());
    for size in [SMALL, FLOOR, TERMINAL, (120, 36)] {
        press(&mut app, "G");
        let shown = text(&app, size.0, size.1);
        for name in &names {
            assert!(shown.contains(&name[name.len() - 12..]), "{name} at {size:?}: {shown}");
        }
        assert!(!shown.lines().any(|line| line.contains("retrained-") && line.trim_end_matches(['│', ' ']).ends_with('…')), "{shown}");
    }
    assert!(text(&app, 120, 36).contains("1.48 MB") && text(&app, 120, 36).contains("40.1 kB"));
}

#[test]
fn marked_candidates_are_stepped_through_beside_the_first() {
    for (size, beside) in [(SMALL, 2), (TERMINAL, 3), (FLOOR, 1)] {
        let mut app = app_with_candidates(18, 5);
        press(&mut app, "g x j x j x j x j x c");
        let ids: Vec<String> = app.run().unwrap().compare_marked().columns.iter().map(|(score, _)| format!(" {} ", score.id.0)).collect();
        let on = |app: &mut App| {
            let shown = shown(app, size);
            let is_head = |line: &&str| line.trim_start_matches(['│', '╭', ' ']).starts_with("candidate ");
            let head = shown.lines().find(is_head).unwrap_or_else(|| panic!("{shown}")).to_owned();
            ids.iter().filter(|id| head.contains(id.as_str())).cloned().collect::<Vec<_>>()
        };
        assert_eq!(on(&mut app), ids[..beside], "{size:?}");
        press(&mut app, "]");
        let now = on(&mut app);
        assert!(now.contains(&ids[beside]) && (beside == 1 || now.contains(&ids[0])), "{now:?} of {ids:?} at {size:?}");
        press(&mut app, "] ] ] ] ]");
        assert!(on(&mut app).contains(&ids[4]));
        press(&mut app, "[");
        assert!(!on(&mut app).contains(&ids[4]), "past the last one there is none: {:?}", on(&mut app));
    }
}

#[test]
fn the_posterior_names_the_block_and_has_a_page_for_the_group_in_focus() {
    for (mut app, size) in [(app_with_candidates(18, 0), SMALL), (replaying(), TERMINAL), (app_with_candidates(18, 0), FLOOR)] {
        press(&mut app, "2");
        let list = shown(&mut app, size);
        assert!(list.contains("stage1.block1") && !list.contains("norm of its weights"), "{list}");
        press(&mut app, "tab");
        let page = shown(&mut app, size);
        assert!(page.contains("norm of its weights") && page.contains("stage1.block1 · 0→1 · conv 1×1"), "{page}");
        press(&mut app, "j");
        assert!(shown(&mut app, size).contains("conv 3×3"));
    }
}

#[test]
fn all_facts_of_a_group_are_reached_at_the_floor() {
    let mut app = app_with_candidates(18, 0);
    press(&mut app, "2 tab");
    let (first, group) = (shown(&mut app, FLOOR), app.run().unwrap().group());
    assert!(first.contains("norm of its weights") && !first.contains("parameters expected") && first.contains(" of 7"), "{first}");
    seen(&mut app, FLOOR, "page-down", &["norm of its weights", "channels share", "of all", "MACs, ", "parameters expected"]);
    assert_eq!(app.run().unwrap().group(), group, "it is still the same group");
    press(&mut app, "page-up");
    assert_eq!(shown(&mut app, FLOOR), first);
    // Where all of them show, a page is one of groups.
    shown(&mut app, TERMINAL);
    press(&mut app, "page-down");
    assert_eq!(app.run().unwrap().group(), group + 10);
}

#[test]
fn steering_beside_another_run_and_in_a_replay_says_why_not() {
    const STEERING: [&str; 15] = ["space", "s", "n", "N", "K", "D", "R", "T", "W", "A", "B", "C", "S", "f", "!"];
    let mut live = ranking();
    live.show_beside("another".into(), "runs/another".into(), &[], true);
    for (mut app, reason) in [(live, "side by side"), (replaying(), "a replay")] {
        for key in STEERING {
            // A replay is paused, and it has messages.
            if app.replay().is_some() && ["space", "!"].contains(&key) {
                continue;
            }
            let state = format!("{:?} {:?} {:?}", app.run(), app.overlay(), app.behind());
            assert_eq!(press(&mut app, key), [], "{key}");
            assert!(app.notice_line().is_some_and(|notice| notice.text.contains(reason)), "{key}: {:?}", app.notice_line());
            assert_eq!(format!("{:?} {:?} {:?}", app.run(), app.overlay(), app.behind()), state, "{key}");
        }
    }
}

#[test]
fn the_form_and_the_questions_tell_all_at_the_floor() {
    let mut app = form();
    let shown = text(&app, 40, 10);
    assert!(shown.contains("s: start") && shown.contains("esc: close") && shown.contains("enter: change"), "{shown}");
    press(&mut app, "G enter");
    app.paste(&"1234567890".repeat(8));
    app.paste("end");
    for (width, height) in [(40, 10), (60, 15), (80, 24), (120, 36)] {
        let shown = text(&app, width, height);
        assert!(shown.contains("end▏"), "the cursor stands in its column: {shown}");
    }
    let mut app = app_at(3);
    press(&mut app, "ctrl-c");
    assert!(words(&text(&app, 40, 10)).contains("what is there is kept."), "{}", text(&app, 40, 10));
    let mut app = app_at(3);
    app.set_tie(crate::app::Tie::Host);
    press(&mut app, "ctrl-c");
    assert!(words(&text(&app, 40, 10)).contains("pgnas attach shows it again."), "{}", text(&app, 40, 10));
}

#[test]
fn a_search_that_cannot_start_says_so_in_the_form() {
    let mut app = form();
    press(&mut app, "s");
    app.refused("data.set: no such images".into());
    let shown = text(&app, 80, 24);
    assert!(shown.contains("! data.set: no such images") && shown.contains("Preset digits"), "{shown}");
}

#[test]
fn the_debug_page_scrolls() {
    for size in [FLOOR, SMALL] {
        let mut app = metered();
        seen(&mut app, size, "j", &["frames", "writing", "waiting", "mouse taken"]);
        press(&mut app, "G");
        let last = shown(&mut app, size);
        press(&mut app, "k");
        assert_ne!(shown(&mut app, size), last);
    }
}

#[test]
fn the_detail_stops_where_it_ends() {
    let mut app = ranking();
    press(&mut app, "3 tab");
    shown(&mut app, SMALL);
    press(&mut app, "page-down page-down page-down page-down page-down page-down page-down page-down page-down");
    let last = shown(&mut app, SMALL);
    press(&mut app, "page-up");
    assert_ne!(shown(&mut app, SMALL), last);
}

#[test]
fn a_narrow_head_says_that_the_view_is_frozen_and_what_the_search_does() {
    let mut app = app_at(3);
    press(&mut app, "f");
    for _ in 0..12 {
        push(&mut app, alert("no"));
    }
    let head = |width: u16| text(&app, width, 24).lines().next().unwrap().to_owned();
    for (width, told) in [(40, "▣ frozen"), (60, "▣ view frozen "), (80, "▣ view frozen, 12 events behind")] {
        assert!(head(width).contains(told) && head(width).contains("training"), "{width}: {}", head(width));
    }
}

#[test]
fn folded_blocks_of_a_large_network_thin_out_over_all_of_their_width() {
    let mut app = large(30);
    press(&mut app, "z");
    for width in [120, 80, 60] {
        let shown = text(&app, width, 36);
        let folded: Vec<&str> = shown.lines().filter(|line| line.contains("operations kept")).collect();
        assert!(folded.len() >= 4, "{shown}");
        for line in folded {
            let line: String = line.chars().take(if width == 120 { 72 } else { width.into() }).collect();
            assert!(!line.trim_end_matches(['│', ' ']).ends_with('…'), "{line}");
        }
    }
}

/// A preset with a key whose value is as long as its column.
#[test]
fn a_long_value_of_the_form_is_cut_before_its_origin() {
    let row =
        KeyRow { key: "space.stages".into(), value: "9, ".repeat(60), origin: "default".into(), doc: String::new(), kind: String::new() };
    let mut app = at_start();
    app.drafted("digits", Changes::default(), Ok(Draft { keys: vec![row], parameters: 1, groups: 1 }));
    assert!(text(&app, 120, 36).contains("default"));
}

#[test]
fn the_number_of_a_candidate_stands_in_the_list_of_every_window() {
    for size in [SMALL, TERMINAL, (120, 36)] {
        let mut app = ranking();
        press(&mut app, "3 g j");
        let shown = shown(&mut app, size);
        let run = app.run().unwrap();
        let (id, rows) = (run.selected().unwrap().id, run.ranked());
        let rank = rows.iter().find(|row| row.score.id == id).unwrap().rank;
        let row = shown.lines().find(|line| line.contains('▶')).unwrap_or_else(|| panic!("{shown}"));
        assert!(shown.contains("rank   id  source") && row.contains(&format!("▶ {rank:>4} {:>4}  ", id.0)), "{shown}");
    }
}

#[test]
fn the_share_that_is_done_says_of_what_and_the_time_left_comes_before_the_count() {
    use crate::run::{Phase, Snapshot};
    let mut app = ranking();
    assert!(shown(&mut app, (120, 36)).lines().next().unwrap().contains(" % of all"));
    push(&mut app, Event::Phase { phase: Phase::Ranking });
    app.snapshot(std::sync::Arc::new(Snapshot { phase: Phase::Ranking, ..crate::app::testing::snapshot_at(18) }));
    for size in [(120, 36), (119, 36), TERMINAL] {
        let head: String = shown(&mut app, size).lines().take(2).collect();
        assert!(head.contains("ranking") && head.contains(" left"), "{head}");
    }
}

#[test]
fn an_edge_and_its_operation_are_two_words() {
    let mut app = ranking();
    press(&mut app, "2 g");
    let shown = shown(&mut app, (120, 60));
    assert!(shown.contains("in→out conv") && !shown.contains("→outconv"), "{shown}");
}

#[test]
fn no_column_of_what_lies_below_shows_beside_the_help() {
    let mut help = ranking();
    press(&mut help, "?");
    assert!(shown(&mut help, TERMINAL).lines().nth(6).unwrap().starts_with("│ "));
}

#[test]
fn what_is_wrong_with_what_was_typed_is_told_to_its_end() {
    let mut app = opened(3);
    press(&mut app, "X");
    let fault = format!("train.epochs: {}give a whole number from 1 to 100000", "no, ".repeat(30));
    app.training_checked(crate::run::Start::Scratch, &crate::app::Training::default(), Err(fault.clone()));
    for size in [TERMINAL, (120, 36)] {
        assert!(words(&shown(&mut app, size)).contains(&fault), "{}", shown(&mut app, size));
    }
}

#[test]
fn what_is_under_way_and_where_it_was_written_is_told_in_the_pane() {
    use crate::app::{Done, Effect, Written};
    let mut app = opened(3);
    press(&mut app, "3 tab");
    let Some(Effect::Errand(task)) = press(&mut app, "e").pop() else { panic!("nothing is asked") };
    app.progress(&task, "epoch    1/40  loss 0.1234  train .912  rate 0.0250  12 s left".into());
    let shown_now = shown(&mut app, (120, 36));
    assert!(shown_now.contains("writing its files") && shown_now.contains("epoch 1/40 loss 0.1234"), "{shown_now}");
    let folder = format!("/{}/exports/437", "a/long/way".repeat(9)).into();
    app.done(&task, Ok(Done::Written(Written { folder, select: Some(crate::run::Accuracy { correct: 1, total: 2 }), note: None })));
    press(&mut app, "L");
    let shown_now = shown(&mut app, (120, 36));
    assert!(shown_now.lines().any(|line| line.contains("exported to …") && line.contains("exports/437")), "{shown_now}");
}

#[test]
fn before_its_time_a_fact_is_said_to_come_and_not_to_be_missing() {
    let mut app = answered(app_with_candidates(3, 0));
    press(&mut app, "4");
    let shown_now = shown(&mut app, (120, 36));
    assert!(shown_now.contains("Random candidates are ranked when training ends.") && !shown_now.contains("rank.random"), "{shown_now}");
    let mut first = app_at(0);
    press(&mut first, "2 tab");
    let shown_now = shown(&mut first, (120, 36));
    assert!(shown_now.contains("weight norm: after the first epoch") && !shown_now.contains("it has no weights"), "{shown_now}");
}
