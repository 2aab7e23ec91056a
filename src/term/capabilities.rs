//! What the terminal can show, from the environment or as the user says.

use crate::ui::theme::{Depth, Glyphs};

/// How many colours to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColourChoice {
    /// As the environment says: `NO_COLOR`, `COLORTERM`, `TERM`.
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
    pub fn depth(self) -> Depth {
        match self {
            Self::Fixed(depth) => depth,
            Self::Auto => detect(&|name| std::env::var(name).ok().filter(|value| !value.is_empty())),
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
}
