//! How commands and events travel between a search and its screens: channels inside one process, a Unix socket between two.

mod channel;
mod client;
mod place;
mod server;
mod wire;

pub use channel::{Link, Publisher, Update, channel};
pub use client::{AttachError, at_work, attach};
pub use server::Server;
pub use wire::{PROTOCOL, Welcome};
