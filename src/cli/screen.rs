//! Whether there is a terminal to draw on, and handing it to the screen.

use super::arguments::ScreenArguments;
use super::failure::Failure;
use crate::app::{Host, Opened};
use std::io::IsTerminal as _;

/// Why there is no terminal to draw on; `None` where there is one.
#[must_use]
pub fn missing_terminal() -> Option<&'static str> {
    if !std::io::stdin().is_terminal() {
        Some("standard input is no terminal")
    } else if !std::io::stdout().is_terminal() {
        Some("standard output is no terminal")
    } else if std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
        Some("the terminal is a dumb one (TERM=dumb)")
    } else {
        None
    }
}

/// Gives the terminal to the screen until the user leaves. `first` is the run to show; without one it begins with the start screen.
///
/// # Errors
/// What keeps it from being drawn.
pub fn show(host: Box<dyn Host>, first: Option<Opened>, arguments: &ScreenArguments) -> Result<(), Failure> {
    // The screen joins here: `crate::term::run(host, first, ScreenOptions { … })`.
    drop((host, first));
    let theme = arguments.theme.as_deref().unwrap_or("auto");
    Err(Failure::Failed(format!("this program was built without its screen (theme {theme}); search with --headless")))
}
