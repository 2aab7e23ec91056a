//! pgnas: a terminal workbench for posterior-guided neural architecture search.
//!
//! A map of the rooms, from the lowest up. Lower rooms know nothing of the ones above; `tests/rooms.rs` keeps that order.

/// A forward pass allocates and frees megabytes for every node. The system's allocator hands each back to the kernel, which then
/// clears the pages again for the next: half of the time of ranking.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seeded, counter-based random streams.
pub mod random;

/// The network as data: nodes, shapes, mask groups, counting, families.
pub mod graph;

/// Drop probabilities, masks, KL in closed form, sampling; pure numbers.
pub mod posterior;

/// Presets and recipes: TOML in, validated values out.
pub mod preset;

/// Image sets, embedded or read from files, their splits, augmentation, prefetched batches.
pub mod data;

/// Commands, events, snapshots; the run folder.
pub mod run;

/// How commands and events travel.
pub mod link;

/// burn: interpreter, objective, training, ranking, devices.
pub mod engine;

/// Genotype and report.
pub mod export;

/// The model of the screen: state, update, one table of actions.
pub mod app;

/// Pure drawing: screens and themes.
pub mod ui;

/// The real terminal: guard, input, frames.
pub mod term;

/// One file a subcommand.
pub mod cli;
