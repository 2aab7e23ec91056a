//! The real terminal: guard, input, hang-up, frames, and the loop that joins them to the model.

mod capabilities;
mod clipboard;
mod errands;
mod frame;
mod guard;
mod input;
mod notify;
mod session;

pub use capabilities::{ColourChoice, GlyphChoice};
pub use notify::Notify;

use crate::app::{App, Host, Keymap, LinkMode, Opened, Replayed};
use crate::ui::theme::{Depth, Look, ThemeError};
use std::path::PathBuf;

/// How the screen should look.
#[derive(Debug, Clone, Default)]
pub struct ScreenOptions {
    /// Name or path of a theme; dark where none is asked for.
    pub theme: Option<String>,
    /// Folder of the user's own themes, which come before those of the same name in the program.
    pub user_themes: Option<PathBuf>,
    /// Colours.
    pub colour: ColourChoice,
    /// Signs.
    pub glyphs: GlyphChoice,
    /// Keys.
    pub keymap: Keymap,
    /// Whether clicks are for the program at first.
    pub mouse: bool,
    /// What tells the end of a search.
    pub notify: Notify,
    /// How often frames may be sent.
    pub link: LinkMode,
}

/// What shows first, where that is not the start screen.
#[derive(Debug)]
pub enum First {
    /// A run.
    Run(Opened),
    /// The log of a run, played.
    Replay(Replayed),
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
/// in its folder. A search whose terminal goes away is not stopped: it is waited for.
///
/// # Errors
/// [`TermError`], one line.
pub fn run(host: Box<dyn Host>, first: Option<First>, options: &ScreenOptions) -> Result<Ending, TermError> {
    let name = options.theme.as_deref().unwrap_or("dark");
    let depth = options.colour.depth();
    let look = Look::load_from(options.user_themes.as_deref(), name, depth, options.glyphs.glyphs())?;
    // crossterm has an opinion of its own on NO_COLOR; the one formed here counts, so that a flag can overrule the environment.
    crossterm::style::force_color_output(depth != Depth::None);
    log::info!("a screen begins: {}, {}, line {}", depth.label(), look.glyphs.label(), options.link.label());
    let mut app = App::with(options.keymap.clone(), options.mouse);
    app.set_link(options.link);
    let ending = session::run(host, first, look, app, options.notify);
    log::info!("the screen ends: {ending:?}");
    ending
}
