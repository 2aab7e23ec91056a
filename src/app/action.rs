//! The one table of actions. Dispatch, the hint line, the help and `docs/keys.md` all follow it.

use super::key::Key;
use super::state::{App, Pane};
use crate::run::Phase;
use std::fmt::Write;

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table says what each does")]
pub enum ActionId {
    Choose,
    Pause,
    SampleNow,
    StepEpoch,
    NextCandidate,
    PreviousCandidate,
    Export,
    Down,
    Up,
    First,
    Last,
    PageDown,
    PageUp,
    NextPane,
    PreviousPane,
    Fold,
    FoldAll,
    Order,
    Random,
    LogCurves,
    Help,
    Back,
    Leave,
    Ask,
    Redraw,
}

/// Where an action has a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// On the start screen.
    Start,
    /// On the screen of a run.
    Run,
    /// Everywhere.
    Both,
}

/// One row of the table.
#[derive(Debug)]
pub struct Action {
    /// Which it is.
    pub id: ActionId,
    /// Its name.
    pub name: &'static str,
    /// Where it has a meaning.
    pub scene: Scene,
    /// Its keys, in the text form of [`Key`].
    pub keys: &'static [&'static str],
    /// What it does, in one line.
    pub doc: &'static str,
    /// The keys and the word for the hint line; none where it is not worth a place there.
    pub hint: Option<(&'static str, &'static str)>,
    /// Whether it can be done now, and why not.
    allowed: fn(&App) -> Result<(), &'static str>,
}

impl Action {
    /// Whether it can be done now.
    ///
    /// # Errors
    /// Why not, for the user.
    pub fn allowed(&self, app: &App) -> Result<(), &'static str> {
        (self.allowed)(app)
    }

    /// Whether a key is one of its keys.
    #[must_use]
    pub fn has(&self, key: Key) -> bool {
        self.keys.iter().any(|text| text.parse() == Ok(key))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the table holds functions of one type")]
fn always(_: &App) -> Result<(), &'static str> {
    Ok(())
}

fn live(app: &App) -> Result<(), &'static str> {
    let is_live = app.run().is_some_and(super::Run::is_live);
    if is_live { Ok(()) } else { Err("there is no search to steer: this run has ended") }
}

fn training(app: &App) -> Result<(), &'static str> {
    live(app)?;
    let trains = app.run().is_some_and(|run| matches!(run.phase(), Phase::Preparing | Phase::Training));
    if trains { Ok(()) } else { Err("training is over: there is no epoch to step to") }
}

fn samples(app: &App) -> Result<(), &'static str> {
    live(app)?;
    let open = app.run().is_some_and(|run| !matches!(run.phase(), Phase::Testing | Phase::Ended));
    if open { Ok(()) } else { Err("ranking is over: the test split is being read") }
}

fn candidate(app: &App) -> Result<(), &'static str> {
    let any = app.run().is_some_and(|run| run.selected().is_some());
    if any { Ok(()) } else { Err("there is no candidate yet: s samples some now, the search ranks more at its end") }
}

fn items(app: &App) -> Result<(), &'static str> {
    match app.run() {
        Some(_) if app.focus() == Pane::Network => Ok(()),
        Some(_) => candidate(app),
        None if app.start().is_empty() => Err("there is nothing to choose from"),
        None => Ok(()),
    }
}

fn network(app: &App) -> Result<(), &'static str> {
    if app.focus() == Pane::Network { Ok(()) } else { Err("only in the network pane: tab goes there, z folds all blocks") }
}

fn chosen(app: &App) -> Result<(), &'static str> {
    if app.start().chosen().is_some() { Ok(()) } else { Err("there is nothing to open here") }
}

fn ended(app: &App) -> Result<(), &'static str> {
    let is_live = app.run().is_some_and(super::Run::is_live);
    if is_live { Err("the search is running: q leaves it, and asks first") } else { Ok(()) }
}

use ActionId as Id;
use Scene::{Both, Run, Start};

type Hint = Option<(&'static str, &'static str)>;
type Allowed = fn(&App) -> Result<(), &'static str>;

const fn action(
    (id, name): (Id, &'static str),
    scene: Scene,
    keys: &'static [&'static str],
    hint: Hint,
    doc: &'static str,
    allowed: Allowed,
) -> Action {
    Action { id, name, scene, keys, doc, hint, allowed }
}

/// Every action, in the order of the hint line and of the help.
pub static ACTIONS: &[Action] = &[
    action(
        (Id::Choose, "start or open"),
        Start,
        &["enter"],
        Some(("enter", "start or open")),
        "Start a search from the chosen preset, or open the chosen run.",
        chosen,
    ),
    action(
        (Id::Pause, "pause or go on"),
        Run,
        &["space"],
        Some(("space", "pause")),
        "Pause the search after the current step, or go on.",
        live,
    ),
    action(
        (Id::SampleNow, "sample now"),
        Run,
        &["s"],
        Some(("s", "sample now")),
        "Draw 20 candidates from the posterior as it is, rank them, and go on.",
        samples,
    ),
    action(
        (Id::NextCandidate, "next candidate"),
        Run,
        &["]", "right"],
        Some(("[ ]", "candidates")),
        "Step to the next candidate, whatever pane has the focus.",
        candidate,
    ),
    action(
        (Id::PreviousCandidate, "previous candidate"),
        Run,
        &["[", "left"],
        None,
        "Step to the previous candidate, whatever pane has the focus.",
        candidate,
    ),
    action(
        (Id::Export, "export"),
        Run,
        &["e"],
        Some(("e", "export")),
        "Write the chosen candidate: genotype, weights, ONNX, PyTorch, drawings.",
        candidate,
    ),
    action((Id::NextPane, "next pane"), Both, &["tab"], Some(("tab", "panes")), "Move the focus to the next pane.", always),
    action(
        (Id::Fold, "fold"),
        Run,
        &["enter"],
        Some(("enter", "fold")),
        "Fold or unfold the block of the chosen row of the network.",
        network,
    ),
    action((Id::FoldAll, "fold all"), Run, &["z"], None, "Fold all blocks of the network, or unfold them.", always),
    action((Id::Order, "order"), Run, &["o"], Some(("o", "order")), "Order by accuracy, parameters, kept share or source.", candidate),
    action(
        (Id::Random, "random"),
        Run,
        &["r"],
        Some(("r", "random")),
        "Show or hide the random candidates and the other baselines.",
        candidate,
    ),
    action((Id::StepEpoch, "one epoch"), Run, &["n"], Some(("n", "one epoch")), "Train to the end of an epoch, then pause.", training),
    action((Id::LogCurves, "log curves"), Run, &["y"], None, "Draw the losses on a logarithmic axis, or on a linear one.", always),
    action((Id::Down, "down"), Both, &["j", "down"], None, "Next candidate, row of the network, or line.", items),
    action((Id::Up, "up"), Both, &["k", "up"], None, "Previous candidate, row of the network, or line.", items),
    action((Id::First, "first"), Both, &["g", "home"], None, "To the first one.", items),
    action((Id::Last, "last"), Both, &["G", "end"], None, "To the last one.", items),
    action((Id::PageDown, "page down"), Both, &["page-down", "ctrl-d"], None, "Ten further down.", items),
    action((Id::PageUp, "page up"), Both, &["page-up", "ctrl-u"], None, "Ten further up.", items),
    action((Id::PreviousPane, "previous pane"), Both, &["shift-tab"], None, "Move the focus to the previous pane.", always),
    action((Id::Back, "back"), Run, &["b", "esc"], Some(("b", "back")), "Back to the start screen, from a run that has ended.", ended),
    action((Id::Help, "help"), Both, &["?"], Some(("?", "help")), "This help. Enter does the chosen line.", always),
    action((Id::Leave, "leave"), Both, &["q"], Some(("q", "leave")), "Leave. While a search runs this asks first.", always),
    action((Id::Ask, "ask to leave"), Both, &["ctrl-c"], None, "Ask whether to leave; twice leaves.", always),
    action((Id::Redraw, "redraw"), Both, &["ctrl-l"], None, "Draw the whole screen anew.", always),
];

/// `docs/keys.md`, from the table.
#[must_use]
pub fn keys_reference() -> String {
    let mut text = String::from(
        "# Keys\n\nWritten from the table of actions that the program itself follows. `?` shows it on the screen, and `enter` there does the \
         chosen line.\nAn action that cannot be done says why.\n",
    );
    for (title, scene) in [("Everywhere", Both), ("On the start screen", Start), ("On the screen of a run", Run)] {
        let _ = write!(text, "\n## {title}\n\n| keys | action | what it does |\n|---|---|---|\n");
        for action in ACTIONS.iter().filter(|action| action.scene == scene) {
            let keys: Vec<String> = action.keys.iter().map(|key| format!("`{key}`")).collect();
            let _ = writeln!(text, "| {} | {} | {} |", keys.join(" "), action.name, action.doc);
        }
    }
    let _ = write!(text, "\n## Signs\n\n| sign | meaning |\n|---|---|\n");
    for (sign, meaning) in super::LEGEND {
        let _ = writeln!(text, "| `{sign}` | {meaning} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_valid_and_means_one_thing_in_a_scene() {
        for scene in [Start, Run] {
            let mut seen = std::collections::HashMap::new();
            for action in ACTIONS.iter().filter(|action| action.scene == scene || action.scene == Both) {
                assert!(!action.keys.is_empty() && action.doc.ends_with('.'), "{action:?}");
                for text in action.keys {
                    let key: Key = text.parse().unwrap();
                    assert_eq!(seen.insert(key, action.name), None, "{key} means two things");
                }
            }
        }
    }

    #[test]
    fn the_document_follows_the_table() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&path, keys_reference()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), keys_reference(), "UPDATE_EXPECTED=1 writes it anew");
    }
}
