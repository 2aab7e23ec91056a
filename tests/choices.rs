//! What a user has chosen holds on a real (pseudo-)terminal: no colour, keys and a theme of their own.

#[expect(dead_code, reason = "others use the rest of it")]
mod pty;

use portable_pty::CommandBuilder;
use pty::Terminal;
use std::path::Path;

const SIZE: (u16, u16) = (120, 36);

/// A replay of the recorded run, of which nothing comes by itself but its beginning, with these variables and flags.
fn replay(home: &Path, variables: &[&str], flags: &[&str]) -> Terminal {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/digits");
    // `env` sets what the harness would take away.
    let mut command = CommandBuilder::new("env");
    command.args(variables);
    command.arg(env!("CARGO_BIN_EXE_pgnas"));
    command.args(["replay", recorded.to_str().unwrap(), "--speed", "0.02"]);
    command.args(flags);
    let mut terminal = Terminal::run(home, SIZE, command);
    terminal.wait("the replay", |text| text.contains("replay playing"));
    terminal
}

/// Its end on every screen, the help and a refusal, as bytes.
fn all_screens(mut terminal: Terminal) -> Vec<u8> {
    terminal.press(" t100%\r");
    terminal.wait("the end", |text| text.contains("at its end") && text.contains("completed"));
    for (keys, word) in [
        ("2", "after each epoch"),
        ("3gp]x", "▶*"),
        ("4", "superiority"),
        ("5v", "crosshair at epoch"),
        ("s", "a replay steers nothing"),
        ("?", "enter does the chosen line"),
        ("?:", "Commands"),
    ] {
        terminal.press(keys);
        terminal.wait(word, |text| text.contains(word));
    }
    terminal.press("\x03\x03");
    terminal.wait_for("the terminal given back", b"\x1b[?1049l");
    terminal.ended();
    terminal.written
}

/// The numbers of all settings of colour and weight, those that belong to a number before them left out.
fn settings(written: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(written);
    let mut all = Vec::new();
    for sequence in text.split("\x1b[").skip(1) {
        let length = sequence.find(|end: char| !end.is_ascii_digit() && end != ';').unwrap_or(sequence.len());
        if !sequence[length..].starts_with('m') {
            continue;
        }
        let mut numbers = sequence[..length].split(';').map(|number| number.parse().unwrap_or(0));
        while let Some(number) = numbers.next() {
            all.push(number);
            if let 38 | 48 = number {
                let parts = if numbers.next() == Some(2) { 3 } else { 1 };
                numbers.by_ref().take(parts).for_each(drop);
            }
        }
    }
    all
}

fn is_colour(setting: u16) -> bool {
    matches!(setting, 30..=38 | 40..=48 | 90..=97 | 100..=107)
}

#[test]
fn who_wants_no_colour_gets_none_unless_a_flag_asks_for_it() {
    let root = tempfile::tempdir().unwrap();
    let plain = settings(&all_screens(replay(root.path(), &["NO_COLOR=1"], &[])));
    assert_eq!(plain.iter().filter(|&&setting| is_colour(setting)).count(), 0, "{plain:?}");
    assert!(plain.contains(&1) && plain.contains(&7), "weight and reversing tell: {plain:?}");
    let asked = all_screens(replay(root.path(), &["NO_COLOR=1"], &["--color", "truecolor"]));
    assert!(settings(&asked).iter().filter(|&&setting| is_colour(setting)).count() > 100);
    assert!(asked.windows(7).any(|bytes| bytes == b"\x1b[38;2;"), "all of them");
    // As the environment of these tests has it without that variable, and with an empty one, which says nothing.
    let coloured = settings(&all_screens(replay(root.path(), &["NO_COLOR="], &[])));
    assert!(coloured.iter().filter(|&&setting| is_colour(setting)).count() > 100);
}

#[test]
fn keys_and_theme_of_the_configuration_file_hold() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join(".config/pgnas");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("config.toml");
    std::fs::write(&file, "theme = \"light\"\n[keys]\npause = \"P\"\nhelp = [\"H\", \"ctrl-g\"]\n").unwrap();
    let mut terminal = replay(root.path(), &["A=1"], &[]);
    terminal.press("P");
    terminal.wait("that it stands still", |text| text.contains("standing still") && text.contains(" P play"));
    terminal.press("P");
    terminal.wait("that it goes on", |text| text.contains("replay playing") && text.contains(" P pause"));
    // What the table gives means nothing any more. Keys are answered in their order: by the time that the help shows, this one was.
    terminal.press(" ?H");
    terminal.wait("the help by its new key", |text| text.contains("enter does the chosen line") && text.contains("│ P  "));
    assert!(!terminal.text().contains("standing still"));
    terminal.press("H");
    terminal.wait("the replay", |text| !text.contains("enter does the chosen line") && text.contains("replay playing"));
    assert!(terminal.count(b"38;2;11;92;173") > 0 && terminal.count(b"38;2;108;182;255") == 0, "the light theme");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);

    std::fs::write(&file, "[keys]\npause = \"q\"\n").unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_pgnas"));
    command.arg("--link");
    command.arg("auto");
    let mut terminal = Terminal::run(root.path(), SIZE, command);
    assert_eq!(terminal.ended(), 2);
    let told = terminal.text().replace('\n', "");
    assert!(told.contains("`q` would mean both `pause` and `leave`"), "{told}");
}
