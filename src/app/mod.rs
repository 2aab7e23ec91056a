//! The model of the screen: state, `update`, one table of actions. No terminal, no drawing.

mod host;

pub use host::{Host, Opened, PresetRow, RunRow};
