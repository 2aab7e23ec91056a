//! How commands and events travel between a search and its screens. Today: channels inside one process.

mod channel;

pub use channel::{Link, Publisher, Update, channel};
