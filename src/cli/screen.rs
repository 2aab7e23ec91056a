//! Whether there is a terminal to draw on, and handing it to the screen.

use super::arguments::{self, ColorChoice, ScreenArguments};
use super::config;
use super::failure::Failure;
use crate::app::{Host, LinkMode};
use crate::term::{self, Answers, Appearance, ColourChoice, First, GlyphChoice, Notify, ScreenOptions, TermError};
use crate::ui::theme::{Depth, Glyphs};
use clap::ValueEnum as _;
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
/// A mistake: settings with an error, or a theme that is not there or has one.
pub fn check(arguments: &ScreenArguments) -> Result<(), Failure> {
    let look = options(arguments)?.appearance.look(Answers::default());
    look.map(drop).map_err(|error| Failure::Mistake(error.to_string()))
}

/// What the settings in force ask of the screen.
///
/// # Errors
/// A mistake: settings with an error.
pub fn options(arguments: &ScreenArguments) -> Result<ScreenOptions, Failure> {
    let settings = config::in_force(arguments)?;
    let appearance = Appearance {
        theme: Some(settings.get("theme")).filter(|theme| *theme != "auto").map(str::to_owned),
        user_themes: super::places::themes(),
        // Both were checked when they were set.
        colour: match ColorChoice::from_str(settings.get("color"), false) {
            Ok(ColorChoice::TrueColor) => ColourChoice::Fixed(Depth::True),
            Ok(ColorChoice::Indexed) => ColourChoice::Fixed(Depth::Indexed),
            Ok(ColorChoice::Ansi) => ColourChoice::Fixed(Depth::Ansi),
            Ok(ColorChoice::Never) => ColourChoice::Fixed(Depth::None),
            Ok(ColorChoice::Auto) | Err(_) => ColourChoice::Auto,
        },
        glyphs: match arguments::GlyphChoice::from_str(settings.get("glyphs"), false) {
            Ok(arguments::GlyphChoice::Braille) => GlyphChoice::Fixed(Glyphs::Braille),
            Ok(arguments::GlyphChoice::Unicode) => GlyphChoice::Fixed(Glyphs::Unicode),
            Ok(arguments::GlyphChoice::Ascii) => GlyphChoice::Fixed(Glyphs::Ascii),
            Ok(arguments::GlyphChoice::Auto) | Err(_) => GlyphChoice::Auto,
        },
    };
    Ok(ScreenOptions {
        appearance,
        mouse: settings.get("mouse") == "true",
        notify: match settings.get("notify") {
            "bell" => Notify::Bell,
            "desktop" => Notify::Desktop,
            _ => Notify::Off,
        },
        link: match settings.get("link") {
            "slow" => LinkMode::Slow,
            "fast" => LinkMode::Fast,
            _ => LinkMode::Auto,
        },
        keymap: settings.keymap,
    })
}

/// Gives the terminal to the screen until the user leaves. `first` is what to show; without it it begins with the start screen.
///
/// # Errors
/// What keeps it from being drawn.
pub fn show(host: Box<dyn Host>, first: Option<First>, arguments: &ScreenArguments) -> Result<(), Failure> {
    let options = options(arguments)?;
    term::run(host, first, &options).map(|_| ()).map_err(|error| match error {
        TermError::Theme(error) => Failure::Mistake(error.to_string()),
        TermError::Terminal(_) => Failure::Failed(error.to_string()),
    })
}
