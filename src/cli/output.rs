//! Writing to standard output, where a reader that leaves early is no error.

use super::failure::Failure;
use serde::Serialize;
use std::io::{ErrorKind, Write};

/// Writes a text as it is.
///
/// # Errors
/// [`Failure::Closed`] when nobody reads any more.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(failure)
}

/// Writes a value as indented JSON.
///
/// # Errors
/// As [`print`].
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(value).map_err(|error| Failure::Unexpected(error.into()))?;
    text.push('\n');
    print(&text)
}

/// Tells somebody something beside the output; a terminal that is gone is no reason to stop.
pub fn tell(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// What a failed write to standard output means.
#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
pub fn failure(error: std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::Failed(format!("standard output cannot be written ({error}); give it a place with room")),
    }
}
