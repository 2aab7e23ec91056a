//! pgnas: a terminal workbench for posterior-guided neural architecture search.
//!
//! A map of the rooms. Lower rooms know nothing of the ones above; `tests/rooms.rs` keeps that order.

pub mod app; // the model of the screen: state, update, one table of actions
pub mod cli;
pub mod data; // embedded image sets, splits, augmentation, prefetched batches
pub mod engine; // burn: interpreter, objective, training, ranking, devices
pub mod export; // genotype, report
pub mod graph; // the network as data: nodes, shapes, mask groups, counting, families
pub mod link; // how commands and events travel
pub mod posterior; // drop probabilities, masks, KL in closed form, sampling; pure numbers
pub mod preset; // presets and recipes: TOML in, validated values out
pub mod random; // seeded, counter-based random streams
pub mod run; // commands, events, snapshots; the run folder
pub mod term; // the real terminal: guard, input, frames
pub mod ui; // pure drawing: screens, widgets, themes // one file a subcommand
