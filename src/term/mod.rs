//! The real terminal: guard, input, hang-up, frames, and the loop that joins them to the model.

mod capabilities;
mod guard;
mod input;
mod session;

pub use capabilities::{ColourChoice, GlyphChoice};

use crate::app::{Host, Opened};
use crate::ui::theme::{Look, ThemeError};

/// How the screen should look.
#[derive(Debug, Clone, Default)]
pub struct ScreenOptions {
    /// Name or path of a theme; dark where none is asked for.
    pub theme: Option<String>,
    /// Colours.
    pub colour: ColourChoice,
    /// Signs.
    pub glyphs: GlyphChoice,
}

/// How the screen ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The user left.
    Left,
    /// The terminal went away.
    HungUp,
}

/// Why the screen could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum TermError {
    /// The theme.
    #[error(transparent)]
    Theme(#[from] ThemeError),
    /// The terminal.
    #[error("the terminal does not answer: {0}; try another one, or search with --headless")]
    Terminal(#[from] std::io::Error),
}

/// Shows the screen until the user leaves or the terminal goes away. A search that was going on has ended by then; what it found is
/// in its folder.
///
/// # Errors
/// [`TermError`], one line.
pub fn run(host: Box<dyn Host>, first: Option<Opened>, options: &ScreenOptions) -> Result<Ending, TermError> {
    let name = options.theme.as_deref().unwrap_or("dark");
    let look = Look::load(name, options.colour.depth(), options.glyphs.glyphs())?;
    session::run(host, first, look)
}
