//! Themes: the only place that knows a colour. Roles come from a file and are brought down to what the terminal can show.

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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

impl Role {
    /// The role that it looks like where a theme does not name it; `None` for text, the last of every chain.
    fn parent(self) -> Option<Self> {
        match self {
            Self::Text => None,
            Self::Quiet | Self::Title | Self::Kept | Self::Dropped | Self::Attention | Self::Selection | Self::Notice => Some(Self::Text),
            Self::Border | Self::SeriesC | Self::SeriesD => Some(Self::Quiet),
            Self::BorderFocused | Self::Key => Some(Self::Title),
            Self::Danger => Some(Self::Attention),
            Self::Good | Self::SeriesA => Some(Self::Kept),
            Self::SeriesB => Some(Self::Dropped),
        }
    }
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

impl Depth {
    /// What people call it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::True => "true colour",
            Self::Indexed => "256 colours",
            Self::Ansi => "16 colours",
            Self::None => "no colour",
        }
    }
}

/// What the font has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyphs {
    /// Blocks, arrows, and braille, of which curves are made.
    Braille,
    /// The same without braille: curves are made of half blocks.
    Unicode,
    /// Nothing beyond ASCII.
    Ascii,
}

impl Glyphs {
    /// What people call them.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Braille => "Unicode with braille",
            Self::Unicode => "Unicode without braille",
            Self::Ascii => "ASCII",
        }
    }
}

/// A theme for one terminal: how each role looks, and with which signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    styles: BTreeMap<Role, Style>,
    /// What the font has.
    pub glyphs: Glyphs,
    /// How many colours there are.
    pub depth: Depth,
}

/// The themes inside the program.
pub const THEMES: [(&str, &str); 4] = [
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("high-contrast", include_str!("../../themes/high-contrast.toml")),
    ("colour-blind", include_str!("../../themes/colour-blind.toml")),
];

/// What is wrong with a theme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    /// No such theme.
    #[error("theme `{name}` is not known; there are {known}, and any path that ends in .toml")]
    Unknown {
        /// What was asked for.
        name: String,
        /// Those there are.
        known: String,
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
    /// The theme of a name inside the program, or of a path that ends in `.toml`.
    ///
    /// # Errors
    /// [`ThemeError`], one line.
    pub fn load(name: &str, depth: Depth, glyphs: Glyphs) -> Result<Self, ThemeError> {
        Self::load_from(None, name, depth, glyphs)
    }

    /// [`Self::load`], where names are looked up in a folder of the user's first.
    ///
    /// # Errors
    /// [`ThemeError`], one line.
    pub fn load_from(folder: Option<&Path>, name: &str, depth: Depth, glyphs: Glyphs) -> Result<Self, ThemeError> {
        let is_path = Path::new(name).extension().is_some_and(|extension| extension == "toml");
        let is_name = !name.is_empty() && name.chars().all(|character| character.is_alphanumeric() || "-_ ".contains(character));
        let file = if is_path { Some(name.into()) } else { folder.filter(|_| is_name).map(|folder| folder.join(format!("{name}.toml"))) };
        if let Some(file) = file.filter(|file: &PathBuf| is_path || file.exists()) {
            let shown = file.display().to_string();
            let text =
                std::fs::read_to_string(&file).map_err(|error| ThemeError::Invalid { name: shown.clone(), reason: error.to_string() })?;
            return Self::parse(&shown, &text, depth, glyphs);
        }
        match THEMES.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Self::parse(name, text, depth, glyphs),
            None => Err(ThemeError::Unknown { name: name.escape_debug().to_string(), known: names(folder).join(", ") }),
        }
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
        Ok(Self { styles, glyphs, depth })
    }

    /// How a role looks; one that the theme does not name looks like its nearest kin that is named, in the end like text.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        let chain = std::iter::successors(Some(role), |role| role.parent());
        chain.into_iter().find_map(|role| self.styles.get(&role)).copied().unwrap_or_default()
    }

    /// One of two signs, after the font.
    #[must_use]
    pub fn sign<'a>(&self, unicode: &'a str, ascii: &'a str) -> &'a str {
        if self.glyphs == Glyphs::Ascii { ascii } else { unicode }
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

/// The colour of an index from 16 on: a cube of 6×6×6, then 24 greys.
fn indexed(index: u8) -> [u8; 3] {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    match index.saturating_sub(16) {
        cube @ 0..216 => [cube / 36, cube / 6 % 6, cube % 6].map(|level| LEVELS[usize::from(level)]),
        grey => [8 + 10 * (grey - 216); 3],
    }
}

/// How different two colours look: squares of the differences, weighed by the mean of the reds, which follows the eye well enough.
fn distance(one: [u8; 3], other: [u8; 3]) -> u32 {
    let [red, green, blue] = std::array::from_fn(|part| u32::from(one[part].abs_diff(other[part])).pow(2));
    let mean = u32::midpoint(one[0].into(), other[0].into());
    (512 + mean) * red + 1024 * green + (767 - mean) * blue
}

/// The names of all themes: those inside the program and those in a folder of the user's.
fn names(folder: Option<&Path>) -> Vec<String> {
    let own = folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten().filter_map(|entry| {
        let path = entry.path();
        path.extension().is_some_and(|extension| extension == "toml").then(|| path.file_stem().map(|stem| stem.display().to_string()))?
    });
    let mut names: Vec<String> = THEMES.iter().map(|(name, _)| (*name).to_owned()).chain(own).collect();
    names.sort();
    names.dedup();
    names
}

fn quantise([red, green, blue]: [u8; 3], depth: Depth) -> Option<Color> {
    match depth {
        Depth::True => Some(Color::Rgb(red, green, blue)),
        // The first 16 are the user's own and may be anything.
        Depth::Indexed => (16..=255).min_by_key(|&index| distance(indexed(index), [red, green, blue])).map(Color::Indexed),
        Depth::Ansi => ANSI.iter().min_by_key(|(known, _)| distance(*known, [red, green, blue])).map(|&(_, colour)| colour),
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

    #[test]
    fn quantising_leaves_what_is_there_and_greys_grey() {
        for index in 16..=255 {
            assert_eq!(quantise(indexed(index), Depth::Indexed).map(|colour| format!("{colour}")), {
                // Two greys of the cube are greys of the ramp too; the first of equals is taken.
                let first = (16..=index).find(|&other| indexed(other) == indexed(index));
                first.map(|first| Color::Indexed(first).to_string())
            });
        }
        let Some(Color::Indexed(grey)) = quantise([0x4a, 0x53, 0x61], Depth::Indexed) else { panic!("no index") };
        assert!(grey >= 232, "{grey}");
        assert_eq!(quantise([1, 2, 3], Depth::None), None);
    }

    #[test]
    fn kept_and_dropped_differ_wherever_there_is_colour() {
        for (name, _) in THEMES {
            for depth in [Depth::True, Depth::Indexed, Depth::Ansi] {
                let look = Look::load(name, depth, Glyphs::Unicode).unwrap();
                assert_ne!(look.style(Role::Kept).fg, look.style(Role::Dropped).fg, "{name} {depth:?}");
            }
        }
    }

    /// A colour as somebody without red or without green cones sees it (Viénot, Brettel and Mollon 1999), on linear light.
    fn seen_without(cones: [[f64; 3]; 3], [red, green, blue]: [u8; 3]) -> [u8; 3] {
        let linear = [red, green, blue].map(|part| (f64::from(part) / 255.0).powf(2.2));
        cones.map(|row| {
            let light: f64 = row.iter().zip(linear).map(|(weight, part)| weight * part).sum();
            (light.clamp(0.0, 1.0).powf(1.0 / 2.2) * 255.0).round() as u8
        })
    }

    #[test]
    fn colour_blind_eyes_tell_kept_from_dropped_and_the_curves_apart_in_every_theme() {
        const PROTANOPE: [[f64; 3]; 3] = [[0.112_38, 0.887_62, 0.0], [0.112_38, 0.887_62, 0.0], [0.004_01, -0.004_01, 1.0]];
        const DEUTERANOPE: [[f64; 3]; 3] = [[0.292_75, 0.707_25, 0.0], [0.292_75, 0.707_25, 0.0], [-0.022_34, 0.022_34, 1.0]];
        for (name, _) in THEMES {
            let look = Look::load(name, Depth::True, Glyphs::Unicode).unwrap();
            let colour = |role: Role| match look.style(role).fg {
                Some(Color::Rgb(red, green, blue)) => [red, green, blue],
                other => panic!("{name}: {role:?} is {other:?}"),
            };
            for (one, other) in [(Role::Kept, Role::Dropped), (Role::SeriesA, Role::SeriesB), (Role::SeriesC, Role::SeriesD)] {
                for cones in [PROTANOPE, DEUTERANOPE] {
                    let apart = distance(seen_without(cones, colour(one)), seen_without(cones, colour(other)));
                    // Some 40 of 256 in each part.
                    assert!(apart > 1024 * 40 * 40, "{name}: {one:?} and {other:?} are {apart} apart");
                }
            }
        }
    }

    #[test]
    fn roles_fall_back_along_their_kin() {
        let look = Look::parse("x", "kept = { fg = \"#ff0000\" }", Depth::True, Glyphs::Ascii).unwrap();
        assert_eq!(look.style(Role::SeriesA), look.style(Role::Kept));
        assert_eq!(look.style(Role::Border), look.style(Role::Text));
    }

    #[test]
    fn a_folder_of_the_user_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("dark.toml"), "text = { bold = true }").unwrap();
        std::fs::write(folder.path().join("mine.toml"), "text = { dim = true }").unwrap();
        let load = |name: &str| Look::load_from(Some(folder.path()), name, Depth::True, Glyphs::Ascii);
        assert!(load("dark").unwrap().style(Role::Kept).add_modifier.contains(Modifier::BOLD));
        assert!(load("mine").unwrap().style(Role::Kept).add_modifier.contains(Modifier::DIM));
        assert!(load("light").is_ok());
        let error = load("../mine").unwrap_err().to_string();
        assert!(error.contains("colour-blind, dark, high-contrast, light, mine"), "{error}");
        assert!(load("absent.toml").unwrap_err().to_string().contains("absent.toml"));
    }
}
