//! Whether there is a terminal to draw on, and handing it to the screen.

use super::arguments::{ColorChoice, ScreenArguments};
use super::failure::Failure;
use crate::app::{Host, Opened};
use crate::term::{self, ColourChoice, GlyphChoice, ScreenOptions, TermError};
use crate::ui::theme::{Depth, Glyphs, Look};
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

/// Checks what was asked for of the screen, before anything is started that would be drawn on it.
///
/// # Errors
/// A mistake: a theme that is not there or has an error.
pub fn check(arguments: &ScreenArguments) -> Result<(), Failure> {
    let theme = arguments.theme.as_deref().unwrap_or("dark");
    Look::load(theme, Depth::None, Glyphs::Ascii).map(drop).map_err(|error| Failure::Mistake(error.to_string()))
}

/// Gives the terminal to the screen until the user leaves. `first` is the run to show; without one it begins with the start screen.
///
/// # Errors
/// What keeps it from being drawn.
pub fn show(host: Box<dyn Host>, first: Option<Opened>, arguments: &ScreenArguments) -> Result<(), Failure> {
    let options = ScreenOptions {
        theme: arguments.theme.clone(),
        user_themes: super::places::themes(),
        colour: match arguments.color {
            ColorChoice::Auto => ColourChoice::Auto,
            ColorChoice::TrueColor => ColourChoice::Fixed(Depth::True),
            ColorChoice::Indexed => ColourChoice::Fixed(Depth::Indexed),
            ColorChoice::Ansi => ColourChoice::Fixed(Depth::Ansi),
            ColorChoice::Never => ColourChoice::Fixed(Depth::None),
        },
        glyphs: match arguments.glyphs {
            super::arguments::GlyphChoice::Auto => GlyphChoice::Auto,
            super::arguments::GlyphChoice::Unicode => GlyphChoice::Fixed(Glyphs::Unicode),
            super::arguments::GlyphChoice::Ascii => GlyphChoice::Fixed(Glyphs::Ascii),
        },
    };
    term::run(host, first, &options).map(|_| ()).map_err(|error| match error {
        TermError::Theme(error) => Failure::Mistake(error.to_string()),
        TermError::Terminal(_) => Failure::Failed(error.to_string()),
    })
}
