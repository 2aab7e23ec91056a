//! The one table of actions. Dispatch, the hint line, the help and `docs/keys.md` all follow it.

use super::conditions::{
    a_network, a_run, alone, always, baselines, candidate, chosen, copies, ended, epochs, exportable, follows, items, live, marked,
    network, next_candidate, operation, pausable, preset, replays, resumable, samples, trainable, training,
};
use super::keymap::Keymap;
use super::state::App;
use std::fmt::Write;

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table says what each does")]
pub enum ActionId {
    Choose,
    EditPreset,
    ResumeRun,
    Rename,
    Delete,
    Beside,
    Replay,
    EventOn,
    EventBack,
    EpochOn,
    EpochBack,
    NextAlert,
    SkipOn,
    SkipBack,
    GoTo,
    Faster,
    Slower,
    Pause,
    SampleNow,
    StepEpoch,
    NextCandidate,
    PreviousCandidate,
    Export,
    Evaluate,
    Retrain,
    FineTune,
    Samples,
    HoldKept,
    HoldDropped,
    Release,
    Temperature,
    WeightPrior,
    LearningRate,
    Epochs,
    Checkpoint,
    Stop,
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
    Reverse,
    Random,
    Filter,
    Pin,
    Mark,
    LogCurves,
    CurvesView,
    Crosshair,
    CrossLeft,
    CrossRight,
    ZoomIn,
    ZoomOut,
    SearchView,
    PosteriorView,
    SamplesView,
    CompareView,
    CompareMarked,
    Baseline,
    Freeze,
    Messages,
    Copy,
    Mouse,
    Suspend,
    Palette,
    Help,
    Back,
    Leave,
    Ask,
    Redraw,
    Meter,
}

impl ActionId {
    /// Whether it moves a replay.
    #[must_use]
    pub fn is_of_replay(self) -> bool {
        matches!(
            self,
            Self::Pause
                | Self::EventOn
                | Self::EventBack
                | Self::EpochOn
                | Self::EpochBack
                | Self::NextAlert
                | Self::SkipOn
                | Self::SkipBack
                | Self::GoTo
                | Self::Faster
                | Self::Slower
        )
    }
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
    /// Its keys, in the text form of [`super::Key`], where the user has no others; see [`Keymap`].
    pub keys: &'static [&'static str],
    /// What it does, in one line.
    pub doc: &'static str,
    /// The word for the hint line; none where it is not worth a place there.
    pub hint: Option<&'static str>,
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

    /// The keys that the hint line tells.
    #[must_use]
    pub fn hint_keys(&self, keymap: &Keymap) -> String {
        match self.id {
            ActionId::NextCandidate => keymap.first(&[ActionId::PreviousCandidate, ActionId::NextCandidate]),
            ActionId::EventOn => keymap.first(&[ActionId::EventBack, ActionId::EventOn]),
            ActionId::EpochOn => keymap.first(&[ActionId::EpochBack, ActionId::EpochOn]),
            ActionId::SkipOn => keymap.first(&[ActionId::SkipBack, ActionId::SkipOn]),
            ActionId::Faster => keymap.first(&[ActionId::Slower, ActionId::Faster]),
            ActionId::SearchView => keymap.first(&[ActionId::SearchView, ActionId::CurvesView]).replace(' ', "-"),
            id => keymap.first(&[id]),
        }
    }
}

use ActionId as Id;
use Scene::{Both, Run, Start};

type Hint = Option<&'static str>;
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
        (Id::Choose, "open"),
        Start,
        &["enter"],
        Some("start or open"),
        "Start a search from the chosen preset, or open the chosen run.",
        chosen,
    ),
    action(
        (Id::EditPreset, "edit preset"),
        Start,
        &["e"],
        Some("edit preset"),
        "See and change the keys of the chosen preset, then start from it.",
        preset,
    ),
    action((Id::ResumeRun, "resume"), Start, &["r"], Some("resume"), "Go on with the chosen run, from its last checkpoint.", resumable),
    action((Id::Rename, "rename"), Start, &["n"], None, "Give the chosen run another name.", a_run),
    action((Id::Delete, "delete"), Start, &["d"], None, "Delete the chosen run; asks, and names what is lost.", a_run),
    action(
        (Id::Beside, "side by side"),
        Start,
        &["c"],
        Some("side by side"),
        "Mark the chosen run; on another one, see both side by side.",
        a_run,
    ),
    action((Id::Replay, "replay"), Start, &["p"], Some("replay"), "Play the log of the chosen run on the screen of a search.", a_run),
    action(
        (Id::Pause, "pause"),
        Run,
        &["space"],
        Some("pause"),
        "Pause the search after the current step, or go on; a replay stands still, or plays on.",
        pausable,
    ),
    action(
        (Id::SampleNow, "sample now"),
        Run,
        &["s"],
        Some("sample now"),
        "Draw 20 candidates from the posterior as it is, rank them, and go on.",
        samples,
    ),
    action(
        (Id::SearchView, "search screen"),
        Run,
        &["1"],
        Some("screens"),
        "Network, curves, posterior and candidates side by side.",
        always,
    ),
    action(
        (Id::PosteriorView, "posterior screen"),
        Run,
        &["2"],
        None,
        "Every operation over all epochs, and the one in focus in full.",
        always,
    ),
    action((Id::SamplesView, "samples screen"), Run, &["3"], None, "The candidates beside the network of the chosen one.", always),
    action((Id::CompareView, "compare screen"), Run, &["4"], None, "Posterior candidates against those of a baseline.", always),
    action(
        (Id::Baseline, "baseline"),
        Run,
        &["w"],
        Some("baseline"),
        "Compare screen: against the next baseline that was ranked (random, uniform, constant).",
        baselines,
    ),
    action(
        (Id::NextCandidate, "next candidate"),
        Run,
        &["]", "right"],
        Some("candidates"),
        "Step to the next candidate, whatever pane has the focus; beyond the last, a search draws and ranks one more.",
        next_candidate,
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
        (Id::Filter, "filter"),
        Run,
        &["/"],
        Some("filter"),
        "Show only candidates such as acc>.93 params<2M source:posterior -tied.",
        alone,
    ),
    action(
        (Id::Pin, "pin"),
        Run,
        &["p"],
        Some("pin"),
        "Pin the chosen candidate, to see how the others differ from it; once more releases it.",
        candidate,
    ),
    action(
        (Id::Mark, "mark"),
        Run,
        &["x"],
        None,
        "Mark the chosen candidate, or take its mark away; what is done with a candidate is then done with all that are marked.",
        candidate,
    ),
    action(
        (Id::CompareMarked, "compare marked"),
        Run,
        &["c"],
        None,
        "The marked candidates side by side: accuracies, ties, costs, and the operations in which they differ.",
        marked,
    ),
    action(
        (Id::Export, "export"),
        Run,
        &["e"],
        Some("export"),
        "Write the chosen candidate, or all that are marked: genotype, weights, ONNX, PyTorch, drawings.",
        exportable,
    ),
    action(
        (Id::Evaluate, "evaluate"),
        Run,
        &["E"],
        None,
        "Ask the chosen candidate, or all that are marked, every select image with three kinds of batch norm.",
        a_network,
    ),
    action(
        (Id::Retrain, "retrain"),
        Run,
        &["X"],
        None,
        "Train the chosen candidate, or all that are marked, from scratch; asks by which recipe. Leaving stops it, to go on later.",
        trainable,
    ),
    action(
        (Id::FineTune, "fine tune"),
        Run,
        &["F"],
        None,
        "Train the chosen candidate, or all that are marked, on from the weights inherited, at a tenth of the learning rate; asks.",
        trainable,
    ),
    action((Id::NextPane, "next pane"), Both, &["tab"], Some("panes"), "Move the focus to the next pane, or to the next page.", alone),
    action((Id::Fold, "fold"), Run, &["enter"], Some("fold"), "Fold or unfold the block of the chosen row of the network.", network),
    action((Id::FoldAll, "fold all"), Run, &["z"], None, "Fold all blocks of the network, or unfold them.", network),
    action((Id::Order, "order"), Run, &["o"], Some("order"), "Order by accuracy, parameters, MACs, kept share or source.", candidate),
    action((Id::Reverse, "reverse"), Run, &["O"], None, "Turn the order of the list around.", candidate),
    action((Id::Random, "random"), Run, &["r"], Some("random"), "Show or hide the random candidates and the other baselines.", candidate),
    action((Id::StepEpoch, "one epoch"), Run, &["n"], Some("one epoch"), "Train to the end of an epoch, then pause.", training),
    action(
        (Id::Samples, "sample many"),
        Run,
        &["N"],
        None,
        "Draw as many candidates as you say from the posterior as it is, rank them, and go on.",
        samples,
    ),
    action(
        (Id::HoldKept, "hold kept"),
        Run,
        &["K"],
        None,
        "Hold the operation in focus kept from here on (or all of its block): p = 0.",
        operation,
    ),
    action(
        (Id::HoldDropped, "hold dropped"),
        Run,
        &["D"],
        None,
        "Hold the operation in focus dropped from here on (or all of its block): p = 1.",
        operation,
    ),
    action(
        (Id::Release, "release"),
        Run,
        &["R"],
        None,
        "Let the operation in focus (or all of its block) move again, from where its p was.",
        operation,
    ),
    action((Id::Temperature, "temperature"), Run, &["T"], None, "Change the temperature of the relaxed masks from here on.", training),
    action((Id::WeightPrior, "weight prior"), Run, &["W"], None, "Change L_w, the weight of the L2 part, from here on.", training),
    action((Id::LearningRate, "learning rate"), Run, &["A"], None, "Multiply the learning rate of the schedule from here on.", training),
    action((Id::Epochs, "budget"), Run, &["B"], None, "Change the epochs to train; the schedule runs over them.", training),
    action((Id::Checkpoint, "checkpoint"), Run, &["C"], None, "Write a checkpoint now, from which the search can go on later.", live),
    action(
        (Id::Stop, "stop"),
        Run,
        &["S"],
        None,
        "End the search, wherever it runs; asks, and names what is lost. It can be resumed.",
        live,
    ),
    action(
        (Id::CurvesView, "curves screen"),
        Run,
        &["5"],
        None,
        "Losses and their parts, accuracies, the posterior's health, sizes of samples and learning rate over the epochs.",
        always,
    ),
    action((Id::Crosshair, "crosshair"), Run, &["v"], None, "Show the values of one epoch in all curves, or no longer.", epochs),
    action((Id::CrossLeft, "crosshair left"), Run, &[","], None, "Move the crosshair of all curves an epoch back.", epochs),
    action((Id::CrossRight, "crosshair right"), Run, &["."], None, "Move the crosshair of all curves an epoch on.", epochs),
    action(
        (Id::ZoomIn, "zoom in"),
        Run,
        &["+", "="],
        None,
        "Show half as many epochs in the curves, around the crosshair or up to the newest.",
        epochs,
    ),
    action((Id::ZoomOut, "zoom out"), Run, &["-"], None, "Show twice as many epochs in the curves.", epochs),
    action((Id::Freeze, "freeze"), Run, &["f"], None, "Hold the view still while the search goes on, or let it follow again.", follows),
    action((Id::Messages, "messages"), Run, &["!"], None, "All alerts and interventions of the run, the newest first.", always),
    action((Id::LogCurves, "log curves"), Run, &["L"], None, "Draw the losses on a logarithmic axis, or on a linear one.", always),
    action((Id::EventOn, "event on"), Run, &[">"], Some("event"), "Replay: stand still one event further on.", replays),
    action((Id::EventBack, "event back"), Run, &["<"], None, "Replay: stand still one event further back.", replays),
    action((Id::EpochOn, "epoch on"), Run, &[")"], Some("epoch"), "Replay: stand still at the next end of an epoch.", replays),
    action((Id::EpochBack, "epoch back"), Run, &["("], None, "Replay: stand still at the end of the epoch before.", replays),
    action((Id::NextAlert, "next alert"), Run, &["a"], Some("next alert"), "Replay: stand still at the next alert or warning.", replays),
    action((Id::SkipOn, "skip on"), Run, &["}"], Some("skip"), "Replay: a twentieth of the log further on.", replays),
    action((Id::SkipBack, "skip back"), Run, &["{"], None, "Replay: a twentieth of the log further back.", replays),
    action(
        (Id::GoTo, "go to"),
        Run,
        &["t"],
        Some("go to"),
        "Replay: go to an event (120), a share (50%), an epoch (e12) or a time (90s, 12m, 1.5h).",
        replays,
    ),
    action((Id::Faster, "faster"), Run, &["u"], Some("speed"), "Replay: play twice as fast.", replays),
    action((Id::Slower, "slower"), Run, &["d"], None, "Replay: play half as fast.", replays),
    action((Id::Copy, "copy"), Both, &["y"], None, "Copy what is chosen, as text, to the clipboard of the terminal.", copies),
    action((Id::Mouse, "mouse"), Both, &["m"], None, "Leave the mouse to the terminal, to select text with it, or take it back.", always),
    action((Id::Down, "down"), Both, &["j", "down"], None, "Next candidate, row of the network, operation, chart, or line.", items),
    action((Id::Up, "up"), Both, &["k", "up"], None, "Previous candidate, row of the network, operation, chart, or line.", items),
    action((Id::First, "first"), Both, &["g", "home"], None, "To the first one.", items),
    action((Id::Last, "last"), Both, &["G", "end"], None, "To the last one.", items),
    action((Id::PageDown, "page down"), Both, &["page-down", "ctrl-d"], None, "Ten further down.", items),
    action((Id::PageUp, "page up"), Both, &["page-up", "ctrl-u"], None, "Ten further up.", items),
    action(
        (Id::PreviousPane, "previous pane"),
        Both,
        &["shift-tab"],
        None,
        "Move the focus to the previous pane, or to the previous page.",
        alone,
    ),
    action(
        (Id::Back, "back"),
        Run,
        &["b", "esc"],
        Some("back"),
        "Back to the start screen; a search in a process of its own goes on.",
        ended,
    ),
    action((Id::Palette, "commands"), Both, &[":"], Some("commands"), "Find an action by some letters of its name, and do it.", always),
    action((Id::Help, "help"), Both, &["?"], Some("help"), "This help. Enter does the chosen line.", always),
    action(
        (Id::Leave, "leave"),
        Both,
        &["q"],
        Some("leave"),
        "Leave. A search in a process of its own goes on; one that would end with the screen asks first.",
        always,
    ),
    action((Id::Ask, "ask to leave"), Both, &["ctrl-c"], None, "Ask whether to leave; twice leaves.", always),
    action(
        (Id::Suspend, "suspend"),
        Both,
        &["ctrl-z"],
        None,
        "Stop the screen until the shell's fg; a search in a process of its own goes on, one in the screen's (--in-process) stops with it.",
        always,
    ),
    action((Id::Redraw, "redraw"), Both, &["ctrl-l"], None, "Draw the whole screen anew; on the start screen, list the runs anew.", always),
    action(
        (Id::Meter, "debug page"),
        Both,
        &["i"],
        None,
        "What the line to the terminal takes: frames sent and not, bytes of each and a second, the time to write them, events that wait.",
        always,
    ),
];

/// `docs/keys.md`, from the table.
#[must_use]
pub fn keys_reference() -> String {
    let mut text = String::from(
        "# Keys\n\nWritten from the table of actions that the program itself follows. `?` shows it on the screen, and `enter` there does the \
         chosen line.\n`:` finds an action by some letters of its name. An action that cannot be done says why. Other keys: the table `[keys]` \
         of the\nconfiguration file, see [cli.md](cli.md#configuration).\n",
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
    fn the_document_follows_the_table() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&path, keys_reference()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), keys_reference(), "UPDATE_EXPECTED=1 writes it anew");
    }
}
