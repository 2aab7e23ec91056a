//! Themes: the only place that knows a colour. Roles come from a file and are brought down to what the terminal can show.

use super::colour::{ansi, quantise, rgb};
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
    /// What stands for `fg` where there are 16 colours, and the nearest would look like another role.
    ansi: Option<String>,
    bold: bool,
    dim: bool,
    reverse: bool,
    underline: bool,
}

impl Entry {
    /// How it looks with so many colours; what is wrong with it, in words.
    fn style(&self, depth: Depth) -> Result<Style, String> {
        let colour = |text: &Option<String>| match text {
            Some(text) => rgb(text).map(Some).ok_or_else(|| format!("`{text}` is no colour, write #rrggbb")),
            None => Ok(None),
        };
        let named = match &self.ansi {
            Some(name) => Some(ansi(name).ok_or_else(|| format!("`{name}` is none of the 16 colours, write red or light red"))?),
            None => None,
        };
        let mut style = Style::new();
        let nearest = colour(&self.fg)?.and_then(|rgb| quantise(rgb, depth));
        style.fg = named.filter(|_| depth == Depth::Ansi).or(nearest);
        style.bg = colour(&self.bg)?.and_then(|rgb| quantise(rgb, depth));
        for (set, modifier) in [
            (self.bold, Modifier::BOLD),
            (self.dim, Modifier::DIM),
            (self.reverse, Modifier::REVERSED),
            (self.underline, Modifier::UNDERLINED),
        ] {
            if set {
                style = style.add_modifier(modifier);
            }
        }
        // A background that cannot be shown must not take the meaning with it.
        if self.bg.is_some() && style.bg.is_none() {
            style = style.add_modifier(Modifier::REVERSED);
        }
        Ok(style)
    }
}

/// The roles of a theme, and those that look otherwise on a light background.
fn entries(text: &str) -> Result<[BTreeMap<Role, Entry>; 2], toml::de::Error> {
    let mut roles: toml::Table = toml::from_str(text)?;
    let on_light = roles.remove("on_light").unwrap_or_else(|| toml::Table::new().into());
    Ok([roles.try_into()?, on_light.try_into()?])
}

impl Look {
    /// The theme of a name inside the program, or of a path that ends in `.toml`, on a dark background.
    ///
    /// # Errors
    /// [`ThemeError`], one line.
    pub fn load(name: &str, depth: Depth, glyphs: Glyphs) -> Result<Self, ThemeError> {
        Self::load_from(None, name, depth, glyphs, false)
    }

    /// [`Self::load`] on a dark or a light background, where names are looked up in a folder of the user's first.
    ///
    /// # Errors
    /// [`ThemeError`], one line.
    pub fn load_from(folder: Option<&Path>, name: &str, depth: Depth, glyphs: Glyphs, light: bool) -> Result<Self, ThemeError> {
        let is_path = Path::new(name).extension().is_some_and(|extension| extension == "toml");
        let is_name = !name.is_empty() && name.chars().all(|character| character.is_alphanumeric() || "-_ ".contains(character));
        let file = if is_path { Some(name.into()) } else { folder.filter(|_| is_name).map(|folder| folder.join(format!("{name}.toml"))) };
        if let Some(file) = file.filter(|file: &PathBuf| is_path || file.exists()) {
            let shown = file.display().to_string();
            let text =
                std::fs::read_to_string(&file).map_err(|error| ThemeError::Invalid { name: shown.clone(), reason: error.to_string() })?;
            return Self::parse(&shown, &text, depth, glyphs, light);
        }
        match THEMES.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Self::parse(name, text, depth, glyphs, light),
            None => Err(ThemeError::Unknown { name: name.escape_debug().to_string(), known: names(folder).join(", ") }),
        }
    }

    fn parse(name: &str, text: &str, depth: Depth, glyphs: Glyphs, light: bool) -> Result<Self, ThemeError> {
        let invalid = |reason: String| ThemeError::Invalid { name: name.to_owned(), reason };
        let faulty = |error: toml::de::Error| invalid(error.message().lines().next().unwrap_or("no TOML").to_owned());
        let [roles, on_light] = entries(text).map_err(faulty)?;
        let mut styles = BTreeMap::new();
        for (role, entry) in roles {
            styles.insert(role, entry.style(depth).map_err(invalid)?);
        }
        for (role, entry) in on_light {
            // Also where it does not count, so that its faults are found on any background.
            let style = entry.style(depth).map_err(invalid)?;
            if light {
                styles.insert(role, style);
            }
        }
        let foregrounds: Vec<Color> = styles.values().filter_map(|style: &Style| style.fg).collect();
        for style in styles.values_mut() {
            // What stands on a ground of its own colour is not there. On its own foreground nothing else stands.
            if style.bg.is_some_and(|ground| style.fg.map_or_else(|| foregrounds.contains(&ground), |own| own == ground)) {
                style.bg = None;
                *style = style.add_modifier(Modifier::REVERSED);
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, depth: Depth) -> Result<Look, ThemeError> {
        Look::parse("x", text, depth, Glyphs::Ascii, false)
    }

    #[test]
    fn faults_are_named() {
        assert!(Look::load("drak", Depth::True, Glyphs::Ascii).unwrap_err().to_string().contains("`drak`"));
        for (text, named) in [
            ("kept = { fg = \"blue\" }", "`blue` is no colour"),
            ("kept = { fg = \"#0000ff\", ansi = \"orange\" }", "`orange` is none of the 16 colours"),
            ("kpet = {}", "kpet"),
            ("kept = { gf = \"#0000ff\" }", "gf"),
            ("kept = {}\n[on_light]\nkpet = {}", "kpet"),
            ("kept = {}\n[on_light]\nkept = { bg = \"blue\" }", "`blue` is no colour"),
            ("on_light = 3", "integer"),
        ] {
            let error = parse(text, Depth::True).unwrap_err().to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn roles_fall_back_along_their_kin() {
        let look = parse("kept = { fg = \"#ff0000\" }", Depth::True).unwrap();
        assert_eq!(look.style(Role::SeriesA), look.style(Role::Kept));
        assert_eq!(look.style(Role::Border), look.style(Role::Text));
    }

    #[test]
    fn a_theme_may_name_its_sixteen_colours_and_have_others_on_a_light_background() {
        let text = "kept = { fg = \"#ff0000\", ansi = \"light blue\" }\n[on_light]\nkept = { fg = \"#880000\" }";
        let fg = |depth, light| Look::parse("x", text, depth, Glyphs::Ascii, light).unwrap().style(Role::Kept).fg;
        assert_eq!((fg(Depth::Ansi, false), fg(Depth::None, false)), (Some(Color::LightBlue), None));
        assert_eq!((fg(Depth::True, false), fg(Depth::True, true)), (Some(Color::Rgb(255, 0, 0)), Some(Color::Rgb(0x88, 0, 0))));
        assert_eq!(fg(Depth::Ansi, true), Some(Color::Red), "one that looks otherwise is told anew in full");
    }

    #[test]
    fn what_would_stand_on_a_ground_of_its_own_colour_is_reversed() {
        let selection = |text: &str, depth| parse(text, depth).unwrap().style(Role::Selection);
        // Both are the same dark grey of 16.
        let greys = "quiet = { fg = \"#8a94a3\" }\nselection = { bg = \"#2b3a50\", bold = true }";
        let reversed = Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED);
        assert_eq!(selection(greys, Depth::Ansi), reversed);
        assert_eq!(selection(greys, Depth::True).bg, Some(Color::Rgb(0x2b, 0x3a, 0x50)));
        let own = "text = { fg = \"#ffffff\" }\nselection = { fg = \"#000000\", bg = \"#ffffff\" }";
        assert_eq!(selection(own, Depth::Ansi), Style::new().fg(Color::Black).bg(Color::White), "it has a foreground of its own");
    }

    #[test]
    fn a_folder_of_the_user_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("dark.toml"), "text = { bold = true }").unwrap();
        std::fs::write(folder.path().join("mine.toml"), "text = { dim = true }").unwrap();
        let load = |name: &str| Look::load_from(Some(folder.path()), name, Depth::True, Glyphs::Ascii, false);
        assert!(load("dark").unwrap().style(Role::Kept).add_modifier.contains(Modifier::BOLD));
        assert!(load("mine").unwrap().style(Role::Kept).add_modifier.contains(Modifier::DIM));
        assert!(load("light").is_ok());
        let error = load("../mine").unwrap_err().to_string();
        assert!(error.contains("colour-blind, dark, high-contrast, light, mine"), "{error}");
        assert!(load("absent.toml").unwrap_err().to_string().contains("absent.toml"));
    }
}
