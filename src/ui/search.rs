//! The screen of a run: header, panes, and which of them fit.

use super::paint::{Brush, duration, share3, short};
use super::theme::Role;
use super::{beside, compare, detail, heat, network, panes};
use crate::app::{App, Pane, Run, Target, View};
use crate::run::{Outcome, Phase, readable};
use ratatui::layout::Rect;

pub(super) fn draw(app: &App, run: &Run, area: Rect, brush: &mut Brush<'_>) {
    let head = head(area.width);
    header(app, run, Rect { height: head, ..area }, brush);
    let body = Rect { y: area.y + head, height: area.height - head, ..area };
    if let Some(other) = app.beside() {
        return beside::draw(app, run, other, body, brush);
    }
    match app.view() {
        View::Search => search(app, run, area, body, brush),
        View::Posterior => heat::screen(app, run, body, brush),
        View::Samples => samples(app, run, body, brush),
        View::Compare => compare::draw(app, run, body, brush),
        View::Curves => panes::curves_screen(app, run, body, brush),
    }
}

/// Columns, and lines above the last ones, from which on all panes of the search stand side by side; columns for those of its samples.
const SEARCH: (u16, u16) = (120, 33);
const SAMPLES: u16 = 110;

/// Whether panes of the screen that shows have no room above the last lines, so that one has to turn to them.
pub(super) fn hides_panes(app: &App, area: Rect) -> bool {
    let Some(run) = app.run().filter(|_| app.beside().is_none()) else { return false };
    if app.expanded() {
        return true;
    }
    match app.view() {
        View::Search => area.width < SEARCH.0 || area.height < SEARCH.1,
        View::Samples => area.width < SAMPLES,
        View::Posterior => run.health().is_some() && !heat::fits_both(area.height - head(area.width)),
        View::Compare => run.comparison().is_some() && !compare::fits_whole(run, Rect { height: area.height - head(area.width), ..area }),
        View::Curves => false,
    }
}

/// Lines of the header.
fn head(width: u16) -> u16 {
    if width < 120 { 2 } else { 1 }
}

/// The candidates beside the chosen one; where there is no room for both, the one in focus.
fn samples(app: &App, run: &Run, body: Rect, brush: &mut Brush<'_>) {
    if body.width < SAMPLES || app.expanded() {
        return pane(app, run, app.focus(), body, brush);
    }
    let left = body.width * 3 / 5;
    pane(app, run, Pane::Candidates, Rect { width: left, ..body }, brush);
    pane(app, run, Pane::Detail, Rect { x: body.x + left, width: body.width - left, ..body }, brush);
}

/// All panes side by side, as far as they fit.
fn search(app: &App, run: &Run, area: Rect, body: Rect, brush: &mut Brush<'_>) {
    if app.expanded() {
        return pane(app, run, app.focus(), body, brush);
    }
    if area.width >= SEARCH.0 && area.height >= SEARCH.1 {
        let lower = (area.height / 3).clamp(10, 14);
        let upper = area.height - 1 - lower;
        let left = area.width * 3 / 5;
        let rect = |x: u16, y: u16, width: u16, height: u16| Rect { x: area.x + x, y: area.y + 1 + y, width, height };
        let curves = upper * 2 / 5;
        pane(app, run, Pane::Network, rect(0, 0, left, upper), brush);
        pane(app, run, Pane::Curves, rect(left, 0, area.width - left, curves), brush);
        pane(app, run, Pane::Posterior, rect(left, curves, area.width - left, upper - curves), brush);
        pane(app, run, Pane::Candidates, rect(0, upper, left, lower), brush);
        pane(app, run, Pane::Detail, rect(left, upper, area.width - left, lower), brush);
        return;
    }
    if area.width >= 80 && area.height >= 20 {
        // The candidates keep a strip of their own; Tab changes what is above it.
        let strip = if area.height >= 24 { 6 } else { 5 };
        let main = if app.focus() == Pane::Candidates { Pane::Network } else { app.focus() };
        pane(app, run, main, Rect { height: body.height - strip, ..body }, brush);
        pane(app, run, Pane::Candidates, Rect { y: body.bottom() - strip, height: strip, ..body }, brush);
    } else {
        pane(app, run, app.focus(), body, brush);
    }
}

fn pane(app: &App, run: &Run, pane: Pane, area: Rect, brush: &mut Brush<'_>) {
    let focused = app.focus() == pane;
    brush.zone(area, Target::Pane(pane));
    match pane {
        Pane::Network => network::draw(run, area, focused, brush),
        Pane::Curves => panes::curves(run, None, area, focused, brush),
        Pane::Posterior | Pane::Group => heat::pane(run, area, focused, brush),
        Pane::Candidates => panes::candidates(run, area, focused, brush),
        Pane::Detail => detail::draw(app, run, area, focused, brush),
        Pane::Comparison | Pane::BestOf | Pane::Facts => compare::draw(app, run, area, brush),
    }
}

/// Columns below which a window is narrow.
const NARROW: u16 = 60;

/// Which run, what it is doing, how far, how long, on what, how fast.
fn header(app: &App, run: &Run, area: Rect, brush: &mut Brush<'_>) {
    let two_lines = area.height > 1;
    let seed = run.started().map_or_else(String::new, |started| format!("{} · seed {}", started.preset, started.seed));
    let name = if seed.is_empty() { run.name().to_owned() } else { seed };
    let mut x = area.x + 1;
    // In a narrow window what goes on comes before who tells it.
    if area.width >= NARROW || app.behind().is_none() {
        x += brush.text(x, area.y, area.right() - x, "pgnas  ", Role::Title);
    }
    x += brush.text(x, area.y, (area.right() - x).min(32), &name, Role::Text);
    x += brush.text(x, area.y, (area.right() - x).min(4), "   ", Role::Text);
    if let Some(behind) = app.behind() {
        // The view stands still and the search does not: said where the eye looks for what is going on.
        let sign = brush.look.sign("▣", "#");
        let told = [
            format!("view frozen, {behind} events behind"),
            format!("view frozen, {behind} behind"),
            "view frozen".to_owned(),
            "frozen".to_owned(),
        ];
        // As much of it as stands there whole beside what the search does.
        let room = usize::from(area.right().saturating_sub(x + state(app, run, brush).1.chars().count() as u16 + 4));
        let told = told.iter().find(|told| told.chars().count() + 2 <= room).or(told.last()).map_or("", String::as_str);
        x += brush.text(x, area.y, area.right().saturating_sub(x), &format!("{sign} {told}  "), Role::Danger);
    }
    let (sign, word, role) = state(app, run, brush);
    x += brush.text(x, area.y, area.right().saturating_sub(x), &format!("{sign} {word}  "), role);
    let epoch = run.epoch_of().map(|(epoch, epochs)| format!("epoch {epoch} of {epochs}"));
    let fits = |text: &String| x + text.chars().count() as u16 <= area.right();
    // Whole, or on the line below.
    let (here, below) = if two_lines && epoch.as_ref().is_some_and(|text| !fits(text)) { (None, epoch) } else { (epoch, None) };
    if let Some(text) = here {
        x += brush.text(x, area.y, area.right().saturating_sub(x), &format!("{text}   "), Role::Text);
    }
    let (y, mut x) = if two_lines { (area.y + 1, area.x + 1) } else { (area.y, x) };
    if let Some(text) = below {
        x += brush.text(x, y, area.right().saturating_sub(x), &format!("{text}   "), Role::Text);
    }
    if let Some(progress) = run.live_snapshot().and_then(|snapshot| snapshot.progress) {
        // Beside the epochs it needs a word: it counts the time of all that is to be done.
        let room = area.right().saturating_sub(x);
        let told = format!("{:>3.0} %{}", progress * 100.0, if room >= 30 { " of all" } else { "" });
        let bar: u16 = if two_lines { 20 } else { 12 };
        let wide = bar.min(room.saturating_sub(1 + told.len() as u16));
        brush.progress(x, y, wide, progress);
        x += wide + 1;
        x += brush.text(x, y, area.right().saturating_sub(x), &told, Role::Text) + 3;
    }
    for fact in facts(run, usize::from((area.right() + 3).saturating_sub(x))) {
        let wide = fact.chars().count() as u16 + 3;
        if x + wide > area.right() + 3 {
            break;
        }
        x += brush.text(x, y, wide, &format!("{fact}   "), Role::Quiet);
    }
}

/// What somebody has changed by hand.
fn steered(run: &Run) -> Option<String> {
    let steering = run.steering();
    let number = |name: &str, value: Option<f64>| value.map(|value| format!("{name} {value}"));
    let held = (!steering.held.is_empty()).then(|| format!("{} held", steering.held.len()));
    let parts =
        [held, number("τ", steering.temperature), number("L_w", steering.weight_prior), number("lr ×", steering.learning_rate_factor)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("by hand: {}", parts.join(", ")))
}

/// What the header tells after how far the search is, so that the time left has its room before the number of candidates.
fn facts(run: &Run, room: usize) -> Vec<String> {
    let mut told = Vec::new();
    for ranked in ranked(run) {
        told = steered(run).into_iter().chain(ranked).chain(header_facts(run)).collect();
        let end = told.iter().position(|fact: &String| fact.ends_with(" left")).map_or(0, |at| at + 1);
        if told[..end].iter().map(|fact| fact.chars().count() + 3).sum::<usize>() <= room {
            break;
        }
    }
    told
}

/// How many candidates are ranked, from the longest to none.
fn ranked(run: &Run) -> Vec<Option<String>> {
    if run.live_snapshot().is_none() || run.phase() != Phase::Ranking {
        return vec![None];
    }
    let (now, earlier) = run.ranked_now();
    // A sample of before was ranked with weights that have moved on.
    let earlier = if earlier > 0 { format!(", {earlier} sampled earlier") } else { String::new() };
    vec![Some(format!("{now} candidates ranked{earlier}")), Some(format!("{now} ranked")), None]
}

/// How long, on what, how fast; of a run that has ended, what came out.
fn header_facts(run: &Run) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(snapshot) = run.live_snapshot() {
        facts.extend(snapshot.seconds_left.map(|left| format!("{} left", duration(left))));
        facts.extend(Some(snapshot.device.clone()).filter(|device| !device.is_empty()));
        facts.extend(snapshot.images_per_second.map(|speed| format!("{} img/s", short(speed))));
        facts.extend(snapshot.waiting_share.map(|share| format!("{:.0}% waiting for images", 100.0 * share)));
    } else if let Some(ending) = run.ending() {
        if let Outcome::Failed { reason } = &ending.outcome {
            facts.push(reason.clone());
        }
        facts.push(format!("took {}", duration(ending.resources.wall_seconds)));
        let test = run.winner().and_then(|winner| run.test(winner));
        facts.extend(test.map(|test| format!("winner {} on test", share3(test.test.of(run.mode()).share()))));
        facts.extend(run.started().map(|started| readable(&started.device)));
    }
    facts
}

/// The sign, the word and the role of what a run is doing.
fn state(app: &App, run: &Run, brush: &Brush<'_>) -> (&'static str, &'static str, Role) {
    let ascii = brush.look.glyphs == super::theme::Glyphs::Ascii;
    let choose = |unicode, plain| if ascii { plain } else { unicode };
    if app.is_paused() {
        return (choose("‖", "="), "paused", Role::Attention);
    }
    match (run.ending().map(|ending| &ending.outcome), run.phase()) {
        (Some(Outcome::Completed), _) => (choose("●", "*"), "completed", Role::Good),
        (Some(Outcome::Stopped), _) => (choose("■", "#"), "stopped", Role::Attention),
        (Some(Outcome::Failed { .. }), _) => ("!", "failed", Role::Danger),
        // Behind a frozen view it may have ended as it should.
        (None, _) if !run.is_live() && app.replay().is_none() && !app.knows_end() => (choose("○", "o"), "unfinished", Role::Attention),
        (None, Phase::Preparing) => (choose("◌", "."), "preparing", Role::Text),
        (None, _) if run.warms_up().is_some() => (choose("◔", "."), "warming up", Role::Kept),
        (None, Phase::Training) => (choose("◐", "o"), "training", Role::Kept),
        (None, Phase::Ranking) => (choose("◑", "o"), "ranking", Role::Kept),
        (None, Phase::Testing) => (choose("◕", "o"), "reading the test split", Role::Kept),
        (None, Phase::Ended) => (choose("●", "*"), "ended", Role::Good),
    }
}
