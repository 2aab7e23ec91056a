//! The model of the screen: state, `apply`, `press`, one table of actions. No terminal, no drawing.

mod action;
mod host;
mod key;
mod network;
mod posterior;
mod ranking;
mod run;
mod start;
mod state;
#[cfg(test)]
pub(crate) mod testing;
mod update;

pub use action::{ACTIONS, Action, ActionId, Scene, keys_reference};
pub use host::{Host, Opened, PresetRow, RunRow};
pub use key::{Code, Key};
pub use network::{Block, NetworkRow, Take, Trend};
pub use posterior::sentence;
pub use ranking::{Order, Ranked};
pub use run::{Ending, Run};
pub use start::{Chosen, Start};
pub use state::{App, Effect, LEGEND, Notice, Overlay, Pane};
