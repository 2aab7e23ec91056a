//! When an action can be done, and why not. Reasons name actions, not keys, which the user may have changed.

use super::action::Scene;
use super::host::Tie;
use super::run::Run;
use super::start::Chosen;
use super::state::{App, Overlay, Pane, View};
use crate::run::{Phase, Source};

#[expect(clippy::unnecessary_wraps, reason = "the table holds functions of one type")]
pub(super) fn always(_: &App) -> Result<(), &'static str> {
    Ok(())
}

pub(super) fn live(app: &App) -> Result<(), &'static str> {
    alone(app)?;
    if app.replay().is_some() {
        return Err("a replay steers nothing: it shows what was");
    }
    let is_live = app.run().is_some_and(Run::is_live);
    match (is_live, app.tie()) {
        (true, Tie::Watch) => Err("this screen only watches: `pgnas attach` steers the search"),
        (true, _) => Ok(()),
        (false, _) => Err("there is no search to steer: this run has ended"),
    }
}

pub(super) fn pausable(app: &App) -> Result<(), &'static str> {
    if app.replay().is_some() { Ok(()) } else { live(app) }
}

pub(super) fn replays(app: &App) -> Result<(), &'static str> {
    if app.replay().is_some() { Ok(()) } else { Err("only in a replay (`pgnas replay RUN`)") }
}

pub(super) fn follows(app: &App) -> Result<(), &'static str> {
    alone(app)?;
    if app.replay().is_some() { Err("a replay has nothing to fall behind: pause it") } else { Ok(()) }
}

pub(super) fn exportable(app: &App) -> Result<(), &'static str> {
    if app.replay().is_some() { Err("a replay writes nothing: open the run to export") } else { candidate(app) }
}

pub(super) fn training(app: &App) -> Result<(), &'static str> {
    live(app)?;
    let trains = app.run().is_some_and(|run| matches!(run.phase(), Phase::Preparing | Phase::Training));
    if trains { Ok(()) } else { Err("training is over") }
}

/// Of two runs side by side neither is the one that a key about candidates, operations or a search means.
pub(super) fn alone(app: &App) -> Result<(), &'static str> {
    if app.beside().is_some() { Err("two runs lie side by side: go back, and open one of them") } else { Ok(()) }
}

pub(super) fn operation(app: &App) -> Result<(), &'static str> {
    training(app)?;
    let chosen = matches!(app.focus(), Pane::Network | Pane::Posterior | Pane::Group);
    if chosen { Ok(()) } else { Err("choose an operation first: next pane goes to the network") }
}

pub(super) fn samples(app: &App) -> Result<(), &'static str> {
    live(app)?;
    let open = app.run().is_some_and(|run| !matches!(run.phase(), Phase::Testing | Phase::Ended));
    if open { Ok(()) } else { Err("ranking is over: the test split is being read") }
}

pub(super) fn candidate(app: &App) -> Result<(), &'static str> {
    alone(app)?;
    let any = app.run().is_some_and(|run| run.selected().is_some());
    match (any, app.run().is_some_and(Run::is_live)) {
        (true, _) => Ok(()),
        (false, true) => Err("there is no candidate yet: sample now ranks some, the search ranks more at its end"),
        (false, false) => Err("there is no candidate in this run so far"),
    }
}

/// What an arrow to the left means depends on the pane.
pub(super) fn leftwards(app: &App) -> Result<(), &'static str> {
    if turns(app) { alone(app) } else { candidate(app) }
}

pub(super) fn rightwards(app: &App) -> Result<(), &'static str> {
    if turns(app) { alone(app) } else { next_candidate(app) }
}

/// Whether an arrow to a side folds, or moves the crosshair.
fn turns(app: &App) -> bool {
    match app.focus() {
        Pane::Network => true,
        Pane::Curves => app.run().is_some_and(|run| run.cross().is_some()),
        _ => false,
    }
}

pub(super) fn expands(app: &App) -> Result<(), &'static str> {
    alone(app)?;
    if app.view() == View::Curves { Err("the curves have the whole page already") } else { Ok(()) }
}

pub(super) fn in_form(app: &App) -> Result<(), &'static str> {
    if app.place() == Scene::Form { Ok(()) } else { Err("only in the keys of a preset: edit preset shows them") }
}

pub(super) fn in_question(app: &App) -> Result<(), &'static str> {
    if app.place() == Scene::Question { Ok(()) } else { Err("only where a question is asked") }
}

pub(super) fn in_leaving(app: &App) -> Result<(), &'static str> {
    if *app.overlay() == Overlay::Leave { Ok(()) } else { Err("only where leaving is asked; other questions want a yes") }
}

pub(super) fn in_line(app: &App) -> Result<(), &'static str> {
    if app.place() == Scene::Line { Ok(()) } else { Err("only in a line in which something is typed") }
}

pub(super) fn in_palette(app: &App) -> Result<(), &'static str> {
    if matches!(app.overlay(), Overlay::Palette(_)) { Ok(()) } else { Err("only in the commands") }
}

pub(super) fn on_page(app: &App) -> Result<(), &'static str> {
    if app.place() == Scene::Page { Ok(()) } else { Err("only on a page that lies over the screen") }
}

pub(super) fn in_help(app: &App) -> Result<(), &'static str> {
    if matches!(app.overlay(), Overlay::Help(_)) { Ok(()) } else { Err("only in the help") }
}

pub(super) fn next_candidate(app: &App) -> Result<(), &'static str> {
    alone(app)?;
    candidate(app).or_else(|reason| samples(app).map_err(|_| reason))
}

pub(super) fn marked(app: &App) -> Result<(), &'static str> {
    alone(app)?;
    let several = app.run().is_some_and(|run| run.marked().len() > 1);
    if several { Ok(()) } else { Err("mark two candidates or more first") }
}

pub(super) fn baselines(app: &App) -> Result<(), &'static str> {
    if app.view() != View::Compare || app.beside().is_some() {
        return Err("only on the compare screen");
    }
    let several = app.run().is_some_and(|run| run.baselines().len() > 1);
    if several { Ok(()) } else { Err("no other baseline was ranked: rank.random, rank.uniform and rank.constant say how many are") }
}

pub(super) fn a_network(app: &App) -> Result<(), &'static str> {
    if app.replay().is_some() {
        return Err("a replay writes nothing: open the run to evaluate or train");
    }
    candidate(app)?;
    let is_one = app.run().and_then(Run::selected).is_some_and(|score| score.source != Source::Constant);
    if is_one { Ok(()) } else { Err("the constant rate draws fresh masks for every image and is no network: choose another candidate") }
}

pub(super) fn trainable(app: &App) -> Result<(), &'static str> {
    a_network(app)?;
    let at_work = app.run().is_some_and(Run::is_live);
    if at_work { Err("the search is at work and needs the processors: train a candidate once it has ended") } else { Ok(()) }
}

pub(super) fn items(app: &App) -> Result<(), &'static str> {
    match app.run() {
        Some(_) if app.scrolls() || matches!(app.focus(), Pane::Network | Pane::Posterior | Pane::Group) => Ok(()),
        Some(_) => candidate(app),
        None if app.start().is_empty() => Err("there is nothing to choose from"),
        None => Ok(()),
    }
}

pub(super) fn copies(app: &App) -> Result<(), &'static str> {
    match app.run() {
        Some(_) => alone(app).and_then(|()| if app.scrolls() { candidate(app) } else { items(app) }),
        None => items(app),
    }
}

pub(super) fn network(app: &App) -> Result<(), &'static str> {
    alone(app)?;
    if app.focus() == Pane::Network { Ok(()) } else { Err("only in the network pane: next pane goes there") }
}

pub(super) fn chosen(app: &App) -> Result<(), &'static str> {
    if app.start().chosen().is_some() { Ok(()) } else { Err("there is nothing to open here") }
}

pub(super) fn preset(app: &App) -> Result<(), &'static str> {
    if matches!(app.start().chosen(), Some(Chosen::Preset(_))) { Ok(()) } else { Err("choose a preset first") }
}

pub(super) fn a_run(app: &App) -> Result<(), &'static str> {
    if matches!(app.start().chosen(), Some(Chosen::Run(_))) { Ok(()) } else { Err("choose a run first") }
}

pub(super) fn resumable(app: &App) -> Result<(), &'static str> {
    a_run(app)?;
    let Some(Chosen::Run(run)) = app.start().chosen() else { return Ok(()) };
    match run.state.as_str() {
        "completed" => Err("this run is complete: there is nothing to go on with"),
        "running" | "paused" => Err("somebody is at work on this run: open shows it"),
        _ => Ok(()),
    }
}

pub(super) fn epochs(app: &App) -> Result<(), &'static str> {
    let any = app.run().is_some_and(|run| !run.epochs().is_empty());
    if any { Ok(()) } else { Err("no epoch has ended yet") }
}

pub(super) fn ended(app: &App) -> Result<(), &'static str> {
    if app.expanded() {
        return Ok(());
    }
    let ends = app.run().is_some_and(Run::is_live) && app.tie() == Tie::Own;
    if ends { Err("the search is running: leave asks first") } else { Ok(()) }
}
