//! What the terminal can show: as the user says, as the environment says, or as it answers itself.

use super::probe::Answer;
use crate::ui::theme::{Depth, Glyphs, Look, ThemeError};
use serde::Serialize;
use std::path::PathBuf;

/// What the terminal has told of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Answers {
    /// Whether it shows 16 million colours for certain.
    pub true_colour: bool,
    /// Whether its background is a light one; `None` where it does not say.
    pub light: Option<bool>,
    /// Whether it has answered all it can.
    pub complete: bool,
}

impl Answers {
    pub(super) fn take(&mut self, answer: Answer) {
        match answer {
            Answer::TrueColour => self.true_colour = true,
            Answer::Light(light) => self.light = Some(light),
            Answer::Complete => self.complete = true,
            Answer::Ready => {}
        }
    }
}

/// How many colours to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColourChoice {
    /// As the environment says (`NO_COLOR`, `COLORTERM`, `TERM`), or more, where the terminal says so.
    #[default]
    Auto,
    /// So many.
    Fixed(Depth),
}

/// Which signs to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GlyphChoice {
    /// Unicode where the locale is UTF-8, without braille on the console of Linux, whose font has none.
    #[default]
    Auto,
    /// These.
    Fixed(Glyphs),
}

impl ColourChoice {
    /// The number of colours, detected where it is left open.
    #[must_use]
    pub fn depth(self, answers: Answers) -> Depth {
        match self {
            Self::Fixed(depth) => depth,
            Self::Auto => improve(detect(&|name| std::env::var(name).ok().filter(|value| !value.is_empty())), answers),
        }
    }
}

impl GlyphChoice {
    /// The signs, detected where they are left open.
    #[must_use]
    pub fn glyphs(self) -> Glyphs {
        match self {
            Self::Fixed(glyphs) => glyphs,
            Self::Auto => {
                let locale =
                    ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
                // No locale at all says nothing; most terminals of today are UTF-8.
                let utf8 = locale.is_none_or(|locale| {
                    let locale = locale.to_lowercase();
                    locale.contains("utf-8") || locale.contains("utf8")
                });
                let console = std::env::var_os("TERM").is_some_and(|term| term == "linux");
                match (utf8, console) {
                    (false, _) => Glyphs::Ascii,
                    (true, true) => Glyphs::Unicode,
                    (true, false) => Glyphs::Braille,
                }
            }
        }
    }
}

fn detect(variable: &dyn Fn(&str) -> Option<String>) -> Depth {
    let term = variable("TERM").unwrap_or_default();
    let deep = variable("COLORTERM").is_some_and(|value| value == "truecolor" || value == "24bit");
    match () {
        () if variable("NO_COLOR").is_some() || term == "dumb" => Depth::None,
        () if deep || term.ends_with("-direct") => Depth::True,
        () if term.contains("256color") => Depth::Indexed,
        () => Depth::Ansi,
    }
}

/// Who wants no colour gets none, whatever the terminal could show.
fn improve(depth: Depth, answers: Answers) -> Depth {
    if answers.true_colour && depth != Depth::None { Depth::True } else { depth }
}

/// How the screen should look on whatever terminal it is.
#[derive(Debug, Clone, Default)]
pub struct Appearance {
    /// Name or path of a theme; where none is asked for, dark or light as the terminal is.
    pub theme: Option<String>,
    /// Folder of the user's own themes, which come before those of the same name in the program.
    pub user_themes: Option<PathBuf>,
    /// Colours.
    pub colour: ColourChoice,
    /// Signs.
    pub glyphs: GlyphChoice,
}

impl Appearance {
    /// How it looks on a terminal that tells this of itself.
    ///
    /// # Errors
    /// [`ThemeError`], one line.
    pub fn look(&self, answers: Answers) -> Result<Look, ThemeError> {
        let light = answers.light == Some(true);
        let theme = self.theme.as_deref().unwrap_or(if light { "light" } else { "dark" });
        Look::load_from(self.user_themes.as_deref(), theme, self.colour.depth(answers), self.glyphs.glyphs(), light)
    }

    /// What of the terminal would change the look: its number of colours, its background.
    pub(super) fn open_questions(&self) -> (bool, bool) {
        let depth = self.colour.depth(Answers::default());
        let colours = self.colour == ColourChoice::Auto && matches!(depth, Depth::Indexed | Depth::Ansi);
        let on = |light| self.look(Answers { light: Some(light), ..Answers::default() });
        (colours, depth != Depth::None && on(false) != on(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides() {
        let with = |pairs: &'static [(&str, &str)]| {
            detect(&|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(with(&[("TERM", "xterm-256color")]), Depth::Indexed);
        assert_eq!(with(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]), Depth::True);
        assert_eq!(with(&[("TERM", "xterm"), ("NO_COLOR", "1"), ("COLORTERM", "truecolor")]), Depth::None);
        assert_eq!(with(&[("TERM", "linux")]), Depth::Ansi);
    }

    #[test]
    fn the_terminal_knows_better_but_not_against_the_user() {
        let all = Answers { true_colour: true, light: Some(true), complete: true };
        assert_eq!(improve(Depth::Indexed, all), Depth::True);
        assert_eq!(improve(Depth::Indexed, Answers { complete: true, ..Answers::default() }), Depth::Indexed);
        assert_eq!(improve(Depth::None, all), Depth::None);
        assert_eq!(ColourChoice::Fixed(Depth::Ansi).depth(all), Depth::Ansi);
        let plain = |theme: Option<&str>, answers| {
            let fixed = (ColourChoice::Fixed(Depth::True), GlyphChoice::Fixed(Glyphs::Ascii));
            let appearance = Appearance { theme: theme.map(str::to_owned), user_themes: None, colour: fixed.0, glyphs: fixed.1 };
            appearance.look(answers).unwrap().style(crate::ui::theme::Role::Kept)
        };
        assert_eq!(plain(None, all), plain(Some("light"), Answers::default()));
        assert_eq!(plain(None, Answers::default()), plain(Some("dark"), all));
        assert_ne!(plain(Some("dark"), all), plain(Some("light"), all));
    }

    #[test]
    fn only_what_would_change_something_is_asked() {
        let questions =
            |theme: Option<&str>, colour| Appearance { theme: theme.map(str::to_owned), colour, ..Appearance::default() }.open_questions();
        assert_eq!(questions(None, ColourChoice::Fixed(Depth::True)), (false, true));
        assert_eq!(questions(Some("dark"), ColourChoice::Fixed(Depth::Indexed)), (false, false));
        assert_eq!(questions(None, ColourChoice::Fixed(Depth::None)), (false, false));
        assert_eq!(questions(Some("high-contrast"), ColourChoice::Fixed(Depth::True)), (false, true));
    }
}
