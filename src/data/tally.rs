//! A count with the first few names.

use std::fmt;

/// How many names are told.
const FIRST: usize = 3;

/// How many there were of something, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub count: usize,
    /// The first of them, at most three.
    pub first: Vec<String>,
}

impl Tally {
    /// Counts one.
    pub fn add(&mut self, name: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < FIRST {
            self.first.push(name());
        }
    }
}

/// The names: `a, b, c and 4 more`.
impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.first.join(", "))?;
        match self.count - self.first.len() {
            0 => Ok(()),
            more => write!(formatter, " and {more} more"),
        }
    }
}
