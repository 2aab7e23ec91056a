//! `pgnas doctor`: what this program finds around it, and with `--full` the checks of a device.

mod full;

use super::arguments::{DoctorArguments, ScreenArguments};
use super::failure::{Exit, Failure};
use super::output;
use super::places::Places;
use super::screen::{self, missing_terminal};
use crate::engine::devices;
use crate::term::{self, Answers};
use crate::ui::theme::{Depth, Glyphs, Look, Role};
use crossterm::style::ContentStyle;
use ratatui::backend::IntoCrossterm as _;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the terminal may take to answer, over the slowest line there is.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was found; `docs/cli.md` documents the keys.
#[derive(Debug, Serialize)]
struct Facts {
    program: &'static str,
    devices: Vec<Device>,
    terminal: Terminal,
    folders: Vec<Folder>,
}

#[derive(Debug, Serialize)]
struct Device {
    name: String,
    available: bool,
    note: String,
}

#[derive(Debug, Serialize)]
struct Terminal {
    usable: bool,
    note: Option<&'static str>,
    columns: Option<u16>,
    rows: Option<u16>,
    term: Option<String>,
    colorterm: Option<String>,
    no_color: bool,
    answers: Answers,
    /// How many colours the screen takes it to have, and which signs; `None` where the settings are wrong.
    colours: Option<&'static str>,
    glyphs: Option<&'static str>,
    #[serde(skip)]
    look: Option<Look>,
}

#[derive(Debug, Serialize)]
struct Folder {
    purpose: &'static str,
    path: Option<PathBuf>,
    exists: bool,
    writable: bool,
    note: Option<String>,
}

/// Shows what this program finds around it, or checks a device.
///
/// # Errors
/// Where nobody reads it; a device or a preset that is not there; a device that fails a check.
pub fn run(arguments: &DoctorArguments) -> Result<Exit, Failure> {
    if arguments.full {
        return full::run(arguments);
    }
    let places = Places::of_user();
    let devices = devices::list().into_iter();
    let facts = Facts {
        program: concat!("pgnas ", env!("CARGO_PKG_VERSION")),
        devices: devices.map(|device| Device { name: device.name, available: device.available, note: device.note }).collect(),
        terminal: terminal(),
        folders: vec![folder("presets", places.presets), folder("runs", places.runs), folder("logs", super::places::logs())],
    };
    if arguments.json {
        output::print_json(&facts)?;
    } else {
        output::print(&facts.to_text())?;
    }
    Ok(Exit::Done)
}

fn terminal() -> Terminal {
    let missing = missing_terminal();
    // A terminal that cannot be asked is as one that does not answer.
    let answers = missing.is_none().then(|| term::ask(PATIENCE).ok()).flatten().unwrap_or_default();
    let look = look(answers);
    let size = missing.is_none().then(|| crossterm::terminal::size().ok()).flatten();
    Terminal {
        usable: missing.is_none(),
        note: missing,
        columns: size.map(|(columns, _)| columns),
        rows: size.map(|(_, rows)| rows),
        term: std::env::var("TERM").ok(),
        colorterm: std::env::var("COLORTERM").ok(),
        no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        answers,
        colours: look.as_ref().map(|look| look.depth.label()),
        glyphs: look.as_ref().map(|look| look.glyphs.label()),
        look,
    }
}

/// How the screen would look here.
fn look(answers: Answers) -> Option<Look> {
    screen::options(&ScreenArguments::default()).ok()?.appearance.look(answers).ok()
}

/// Lines of words and signs as the screen would show them, to be looked at; in colour where `colours` says so.
fn samples(look: &Look, colours: bool) -> String {
    const ROLES: [(&str, Role); 8] = [
        ("kept", Role::Kept),
        ("dropped", Role::Dropped),
        ("good", Role::Good),
        ("attention", Role::Attention),
        ("danger", Role::Danger),
        ("title", Role::Title),
        ("quiet", Role::Quiet),
        ("selection", Role::Selection),
    ];
    let painted = |(word, role): (&str, Role)| {
        let style: ContentStyle = look.style(role).into_crossterm();
        if colours { style.apply(word).to_string() } else { word.to_owned() }
    };
    let words: Vec<String> = ROLES.into_iter().map(painted).collect();
    let mut text = format!("      {}: {}\n", look.depth.label(), words.join(" "));
    let signs = match look.glyphs {
        Glyphs::Braille => "bars ▏▎▍▌▋▊▉█  shades ·░▒▓█  boxes ╭─┬─╮  signs ● ◐ ○ ↑ ↓ ▶ ±  curves ⣀⠤⠒⠉⣿",
        Glyphs::Unicode => "bars ▏▎▍▌▋▊▉█  shades ·░▒▓█  boxes ╭─┬─╮  signs ● ◐ ○ ↑ ↓ ▶ ±  curves ▄▀█",
        Glyphs::Ascii => "bars ###...  shades .-+x#  boxes +-+-+  signs @ o . ^ v > ~  curves *",
    };
    let _ = writeln!(text, "      {}: {signs}", look.glyphs.label());
    text.push_str("      what does not look like its word: --color 256, 16 or never, --glyphs unicode or ascii\n");
    text
}

fn folder(purpose: &'static str, path: Option<PathBuf>) -> Folder {
    let Some(path) = path else {
        let note = Some("there is no home folder; set HOME".to_owned());
        return Folder { purpose, path: None, exists: false, writable: false, note };
    };
    let (exists, tried) = (path.is_dir(), try_writing(&path));
    let note = match &tried {
        Err(error) => Some(error.to_string()),
        Ok(()) if !exists => Some("is made when it is needed".to_owned()),
        Ok(()) => None,
    };
    Folder { purpose, path: Some(path), exists, writable: tried.is_ok(), note }
}

/// Writes a file into the folder, or into the nearest one above it that exists, and removes it.
fn try_writing(folder: &Path) -> std::io::Result<()> {
    let existing = folder.ancestors().find(|path| path.exists()).unwrap_or(folder);
    let probe = existing.join(format!(".pgnas-doctor-{}", std::process::id()));
    std::fs::File::create_new(&probe)?;
    std::fs::remove_file(&probe)
}

impl Terminal {
    /// What it tells of itself, in words.
    fn told(&self) -> String {
        let background = self.answers.light.map(|light| if light { "a light background" } else { "a dark background" });
        let told: Vec<&str> = self.answers.true_colour.then_some("16 million colours").into_iter().chain(background).collect();
        match (told.is_empty(), self.answers.complete) {
            (false, _) => format!("it tells: {}", told.join(", ")),
            (true, true) => "it tells neither its colours nor its background; the environment decides".into(),
            (true, false) => "it does not answer questions; the environment decides".into(),
        }
    }
}

impl Facts {
    fn to_text(&self) -> String {
        let mark = |good: bool| if good { "ok" } else { "--" };
        let mut text = format!("{}\n\ndevices\n", self.program);
        for device in &self.devices {
            let _ = writeln!(text, "  {}  {:8}  {}", mark(device.available), device.name, device.note);
        }
        let terminal = &self.terminal;
        let size = terminal.columns.zip(terminal.rows).map(|(columns, rows)| format!("{columns}x{rows}"));
        let found = terminal.note.map(str::to_owned).or(size).unwrap_or_else(|| "its size is not known".to_owned());
        let variable = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!(", {name}={}", value.escape_debug()));
        let variables = [variable("TERM", &terminal.term), variable("COLORTERM", &terminal.colorterm)].into_iter().flatten();
        let no_color = if terminal.no_color { ", NO_COLOR" } else { "" };
        let _ = writeln!(text, "\nterminal\n  {}  {found}{}{no_color}", mark(terminal.usable), variables.collect::<String>());
        if terminal.usable {
            let _ = writeln!(text, "      {}", terminal.told());
        }
        match &terminal.look {
            Some(look) => text.push_str(&samples(look, terminal.usable && look.depth != Depth::None)),
            None => text.push_str("  --  the settings of the screen are wrong: `pgnas config show` says where\n"),
        }
        text.push_str("\nfolders\n");
        for folder in &self.folders {
            let path = folder.path.as_ref().map_or_else(|| "-".to_owned(), |path| path.display().to_string());
            let note = folder.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
            let _ = writeln!(text, "  {}  {:8}  {path}{note}", mark(folder.writable), folder.purpose);
        }
        text
    }
}
