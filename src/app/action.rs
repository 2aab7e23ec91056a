//! What an action is, and where it has a meaning. [`ACTIONS`] has them all; dispatch, the hint line, the help and `docs/keys.md` follow it.

use super::keymap::Keymap;
use super::state::App;
use super::table::ACTIONS;
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
    Left,
    Right,
    Expand,
    StartForm,
    ChangeKey,
    OwnValue,
    CloseForm,
    Agree,
    LeaveNow,
    Decline,
    Take,
    GiveUp,
    NextFound,
    PreviousFound,
    EraseCharacter,
    EraseWord,
    EraseLine,
    DoLine,
    ClosePage,
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

    /// Whether it moves in a list, and so in every list that lies over the screen as well.
    #[must_use]
    pub fn is_of_lists(self) -> bool {
        matches!(self, Self::Down | Self::Up | Self::First | Self::Last | Self::PageDown | Self::PageUp)
    }

    /// Whether a page that lies over the screen of a run or the start screen knows it: what moves on it, opens another, or closes it.
    #[must_use]
    pub fn is_of_pages(self) -> bool {
        let opens = matches!(self, Self::Help | Self::Palette | Self::Meter | Self::Messages | Self::CompareMarked);
        let steps = matches!(self, Self::NextCandidate | Self::PreviousCandidate | Self::Left | Self::Right);
        self.is_of_lists() || opens || steps || matches!(self, Self::Back | Self::Leave)
    }
}

/// Where an action has a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// On the start screen.
    Start,
    /// On the screen of a run.
    Run,
    /// On both of these.
    Both,
    /// Wherever one is, whatever lies over the screen.
    Any,
    /// In the keys of a preset.
    Form,
    /// In a question.
    Question,
    /// In a line in which something is typed.
    Line,
    /// On a page that lies over the screen.
    Page,
}

impl Scene {
    /// All of them with the words for each, in the order of the documentation.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Any, "Wherever one is"),
        (Self::Both, "On every screen"),
        (Self::Start, "On the start screen"),
        (Self::Run, "On the screen of a run"),
        (Self::Form, "In the keys of a preset"),
        (Self::Question, "In a question"),
        (Self::Line, "In a line in which something is typed"),
        (Self::Page, "On a page that lies over the screen (help, messages, marked candidates, debug page)"),
    ];

    /// Whether a key of this action can be meant here; here is a place where somebody is, which is neither `Both` nor `Any`.
    #[must_use]
    pub fn knows(self, action: &Action) -> bool {
        match action.scene {
            Self::Any => true,
            Self::Both => matches!(self, Self::Start | Self::Run) || (matches!(self, Self::Form | Self::Page) && action.id.is_of_lists()),
            scene => scene == self,
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Action {
    /// Which it is.
    pub id: ActionId,
    /// Its name.
    pub name: &'static str,
    /// Where it has a meaning.
    pub scene: Scene,
    /// Its keys, in the text form of [`super::Key`], where the user has no others; see [`Keymap`].
    pub keys: &'static [&'static str],
    /// Whether the user can give it no others: somebody has to find out of everywhere.
    pub fixed: bool,
    /// What it does, in one line.
    pub doc: &'static str,
    /// The word for the hint line; none where it is not worth a place there.
    pub hint: Option<&'static str>,
    /// Whether it can be done now, and why not.
    pub(super) allowed: fn(&App) -> Result<(), &'static str>,
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

/// `docs/keys.md`, from the table.
#[must_use]
pub fn keys_reference() -> String {
    let mut text = String::from(
        "# Keys\n\nWritten from the table of actions that the program itself follows. `?` shows it on the screen, and `enter` there does the \
         chosen line.\n`:` finds an action by some letters of its name. An action that cannot be done says why. Other keys: the table `[keys]` \
         of the\nconfiguration file, see [cli.md](cli.md#configuration); those marked as fixed stay. In a line in which something is typed every \
         key\nthat is a character types it.\n",
    );
    for (scene, title) in Scene::ALL {
        let _ = write!(text, "\n## {title}\n\n| keys | action | what it does |\n|---|---|---|\n");
        for action in ACTIONS.iter().filter(|action| action.scene == scene) {
            let keys: Vec<String> = action.keys.iter().map(|key| format!("`{key}`")).collect();
            let fixed = if action.fixed { " (fixed)" } else { "" };
            let _ = writeln!(text, "| {}{fixed} | {} | {} |", keys.join(" "), action.name, action.doc);
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
