//! The model of the screen: state, `apply`, `press`, one table of actions. No terminal, no drawing.

mod action;
mod answers;
mod beside;
mod candidates;
mod comparison;
mod conditions;
mod copy;
mod difference;
mod filter;
mod form;
mod fuzzy;
mod groups;
mod host;
mod key;
mod keymap;
mod leaving;
mod marked;
mod messages;
mod meter;
mod network;
mod over;
mod pointer;
mod posterior;
mod prompt;
mod ranking;
mod replay;
mod rewind;
mod run;
mod scroll;
mod start;
mod state;
mod steer;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod training;
mod update;

pub use action::{Action, ActionId, Scene, keys_reference};
pub use answers::{Compared, Question, Reading};
pub use comparison::{Histogram, histogram, means, verdict};
pub use difference::{Change, count as count_changes};
pub use filter::{Filter, FilterError};
pub use form::{Form, RenameLine};
pub use host::{
    Changes, Done, Draft, Errand, Host, Job, Judged, KeyRow, Listing, Opened, PresetRow, Progress, Replayed, RunRow, Task, Tie, Training,
    Written,
};
pub use key::{Code, Key};
pub use keymap::{Keymap, KeymapError};
pub use marked::{Against, Marked};
pub use messages::Message;
pub use meter::{Frame, LinkMode, Meter};
pub use network::{Block, NetworkRow, Take, Trend};
pub use pointer::Target;
pub use posterior::{group_words, sentence};
pub use prompt::{FilterLine, Palette};
pub use ranking::{Order, Ranked};
pub use replay::{PlaceLine, Replay};
pub use run::{Ending, Run};
pub use scroll::Reach;
pub use start::{Chosen, Start};
pub use state::{App, Effect, LEGEND, Notice, Overlay, Pane, View};
pub use steer::{Dial, DialLine};
pub use table::ACTIONS;
pub use training::TrainingLine;
