//! Themes: the only place that knows a colour. Roles come from a file and are brought down to what the terminal can show.

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a thing on the screen is to its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Role {
    Text,
    Quiet,
    Title,
    Border,
    BorderFocused,
    Kept,
    Dropped,
    Attention,
    Danger,
    Good,
    Selection,
    SeriesA,
    SeriesB,
    SeriesC,
    SeriesD,
    Key,
    Notice,
}

/// How many colours a terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// 16 million.
    True,
    /// The 256 of xterm.
    Indexed,
    /// The 16 that the user chose.
    Ansi,
    /// None: bold, dim, reverse and underline alone.
    None,
}

/// What the font has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyphs {
    /// Blocks, braille, arrows.
    Unicode,
    /// Nothing beyond ASCII.
    Ascii,
}

/// A theme for one terminal: how each role looks, and with which signs.
#[derive(Debug, Clone)]
pub struct Look {
    styles: BTreeMap<Role, Style>,
    /// What the font has.
    pub glyphs: Glyphs,
}

/// The themes inside the program.
pub const THEMES: [(&str, &str); 2] =
    [("dark", include_str!("../../themes/dark.toml")), ("light", include_str!("../../themes/light.toml"))];

/// What is wrong with a theme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    /// No such theme.
    #[error("theme `{name}` is not known; there are dark and light, and any path that ends in .toml")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The file cannot be read or is no theme.
    #[error("theme {name}: {reason}; the roles and their fields are those of the files dark.toml and light.toml")]
    Invalid {
        /// The file.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "they are the attributes that terminals have")]
struct Entry {
    fg: Option<String>,
    bg: Option<String>,
    bold: bool,
    dim: bool,
    reverse: bool,
    underline: bool,
}

impl Look {
    /// The theme of a name or of a path that ends in `.toml`.
    ///
    /// # Errors
    /// [`ThemeError`], one line.
    pub fn load(name: &str, depth: Depth, glyphs: Glyphs) -> Result<Self, ThemeError> {
        if let Some((_, text)) = THEMES.iter().find(|(known, _)| *known == name) {
            return Self::parse(name, text, depth, glyphs);
        }
        let is_path = std::path::Path::new(name).extension().is_some_and(|extension| extension == "toml");
        if !is_path {
            return Err(ThemeError::Unknown { name: name.escape_debug().to_string() });
        }
        let text =
            std::fs::read_to_string(name).map_err(|error| ThemeError::Invalid { name: name.to_owned(), reason: error.to_string() })?;
        Self::parse(name, &text, depth, glyphs)
    }

    fn parse(name: &str, text: &str, depth: Depth, glyphs: Glyphs) -> Result<Self, ThemeError> {
        let invalid = |reason: String| ThemeError::Invalid { name: name.to_owned(), reason };
        let entries: BTreeMap<Role, Entry> =
            toml::from_str(text).map_err(|error| invalid(error.message().lines().next().unwrap_or("no TOML").to_owned()))?;
        let mut styles = BTreeMap::new();
        for (role, entry) in entries {
            let colour = |text: &Option<String>| match text {
                Some(text) => rgb(text).map(Some).ok_or_else(|| invalid(format!("`{text}` is no colour, write #rrggbb"))),
                None => Ok(None),
            };
            let mut style = Style::new();
            style.fg = colour(&entry.fg)?.and_then(|rgb| quantise(rgb, depth));
            style.bg = colour(&entry.bg)?.and_then(|rgb| quantise(rgb, depth));
            for (set, modifier) in [
                (entry.bold, Modifier::BOLD),
                (entry.dim, Modifier::DIM),
                (entry.reverse, Modifier::REVERSED),
                (entry.underline, Modifier::UNDERLINED),
            ] {
                if set {
                    style = style.add_modifier(modifier);
                }
            }
            // A background that cannot be shown must not take the meaning with it.
            if entry.bg.is_some() && style.bg.is_none() {
                style = style.add_modifier(Modifier::REVERSED);
            }
            styles.insert(role, style);
        }
        Ok(Self { styles, glyphs })
    }

    /// How a role looks; roles that the theme does not name look like text.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(&role).or_else(|| self.styles.get(&Role::Text)).copied().unwrap_or_default()
    }

    /// One of two signs, after the font.
    #[must_use]
    pub fn sign<'a>(&self, unicode: &'a str, ascii: &'a str) -> &'a str {
        if self.glyphs == Glyphs::Unicode { unicode } else { ascii }
    }
}

fn rgb(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let part = |range: std::ops::Range<usize>| u8::from_str_radix(&digits[range], 16).ok();
    Some([part(0..2)?, part(2..4)?, part(4..6)?])
}

/// The 16 colours as terminals commonly show them.
const ANSI: [([u8; 3], Color); 16] = [
    ([0, 0, 0], Color::Black),
    ([205, 49, 49], Color::Red),
    ([13, 188, 121], Color::Green),
    ([229, 229, 16], Color::Yellow),
    ([36, 114, 200], Color::Blue),
    ([188, 63, 188], Color::Magenta),
    ([17, 168, 205], Color::Cyan),
    ([229, 229, 229], Color::Gray),
    ([102, 102, 102], Color::DarkGray),
    ([241, 76, 76], Color::LightRed),
    ([35, 209, 139], Color::LightGreen),
    ([245, 245, 67], Color::LightYellow),
    ([59, 142, 234], Color::LightBlue),
    ([214, 112, 214], Color::LightMagenta),
    ([41, 184, 219], Color::LightCyan),
    ([255, 255, 255], Color::White),
];

fn quantise([red, green, blue]: [u8; 3], depth: Depth) -> Option<Color> {
    match depth {
        Depth::True => Some(Color::Rgb(red, green, blue)),
        Depth::Indexed => {
            let level = |value: u8| (u16::from(value) * 5 + 127) / 255;
            Some(Color::Indexed((16 + 36 * level(red) + 6 * level(green) + level(blue)) as u8))
        }
        Depth::Ansi => {
            let distance = |&([r, g, b], _): &([u8; 3], Color)| {
                [(r, red), (g, green), (b, blue)].iter().map(|&(x, y)| i32::from(x).abs_diff(i32::from(y)).pow(2)).sum::<u32>()
            };
            ANSI.iter().min_by_key(|entry| distance(entry)).map(|&(_, colour)| colour)
        }
        Depth::None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_themes_load_at_every_depth_and_a_selection_always_shows() {
        for (name, _) in THEMES {
            for depth in [Depth::True, Depth::Indexed, Depth::Ansi, Depth::None] {
                let look = Look::load(name, depth, Glyphs::Unicode).unwrap();
                assert_ne!(look.style(Role::Selection), look.style(Role::Text));
                assert_ne!(look.style(Role::Danger), look.style(Role::Text));
            }
        }
    }

    #[test]
    fn faults_are_named() {
        assert!(Look::load("drak", Depth::True, Glyphs::Ascii).unwrap_err().to_string().contains("`drak`"));
        let error = Look::parse("x", "kept = { fg = \"blue\" }", Depth::True, Glyphs::Ascii).unwrap_err();
        assert!(error.to_string().contains("`blue`"));
        assert!(Look::parse("x", "kpet = {}", Depth::True, Glyphs::Ascii).is_err());
    }

    #[test]
    fn quantising_keeps_hues() {
        assert_eq!(quantise([255, 0, 0], Depth::Indexed), Some(Color::Indexed(196)));
        assert_eq!(quantise([60, 140, 230], Depth::Ansi), Some(Color::LightBlue));
    }
}
