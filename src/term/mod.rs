//! The real terminal: guard, input, hang-up, frames, and the loop that joins them to the model.

mod capabilities;
mod clipboard;
mod errands;
mod frame;
mod guard;
mod input;
mod meaning;
mod notify;
mod pace;
mod probe;
mod session;
mod turn;

pub use capabilities::{Answers, Appearance, ColourChoice, GlyphChoice};
pub use notify::Notify;
pub use probe::ask;

use crate::app::{App, Host, Keymap, LinkMode, Opened, Replayed};
use crate::ui::theme::{Depth, ThemeError};

/// How the screen should look.
#[derive(Debug, Clone, Default)]
pub struct ScreenOptions {
    /// Theme, colours, signs.
    pub appearance: Appearance,
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
    let look = options.appearance.look(Answers::default())?;
    // crossterm has an opinion of its own on NO_COLOR; the one formed here counts, so that a flag can overrule the environment.
    crossterm::style::force_color_output(look.depth != Depth::None);
    log::info!("a screen begins: {}, {}, line {}", look.depth.label(), look.glyphs.label(), options.link.label());
    let mut app = App::with(options.keymap.clone(), options.mouse);
    app.set_link(options.link);
    let ending = session::run(host, first, (options.appearance.clone(), look), app, options.notify);
    log::info!("the screen ends: {ending:?}");
    ending
}
