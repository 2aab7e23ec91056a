//! What a person can do at the terminal: every key of the table of actions on the real program, the mouse, the shell's job control, the line.

#[expect(dead_code, reason = "others use the rest of it")]
mod pty;

use pgnas::app::ACTIONS;
use portable_pty::CommandBuilder;
use pty::{PATIENCE, Terminal};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

const SIZE: (u16, u16) = (120, 36);
/// What makes a search of `digits` a matter of seconds.
const SMALL: [&str; 6] =
    ["space.stages=4,6", "rank.posterior=4", "rank.random=4", "rank.uniform=0", "rank.constant=0", "rank.recalibration_images=64"];

fn arguments(run: &Path, epochs: u32, flags: &[&str]) -> Vec<String> {
    let mut arguments: Vec<String> = ["search", "digits"].iter().chain(flags).map(ToString::to_string).collect();
    arguments.extend(["--run-dir".to_owned(), run.display().to_string()]);
    let epochs = format!("train.epochs={epochs}");
    arguments.extend(SMALL.iter().copied().chain([epochs.as_str()]).flat_map(|setting| ["--set".to_owned(), setting.to_owned()]));
    arguments
}

/// The program without a terminal, for the same user.
fn pgnas(home: &Path, arguments: &[String]) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pgnas"));
    command
        .args(arguments)
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        .env("TMPDIR", home)
        .env_remove("XDG_DATA_HOME")
        .stdin(std::process::Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What a terminal sends for a key, as the table writes it.
fn bytes(key: &str) -> String {
    match key {
        "space" => " ".into(),
        "enter" => "\r".into(),
        "esc" => "\x1b".into(),
        "tab" => "\t".into(),
        "shift-tab" => "\x1b[Z".into(),
        "up" => "\x1b[A".into(),
        "down" => "\x1b[B".into(),
        "right" => "\x1b[C".into(),
        "left" => "\x1b[D".into(),
        "page-up" => "\x1b[5~".into(),
        "page-down" => "\x1b[6~".into(),
        "home" => "\x1b[H".into(),
        "end" => "\x1b[F".into(),
        "backspace" => "\x7f".into(),
        ctrl if ctrl.starts_with("ctrl-") => char::from(ctrl.as_bytes()[5] & 0x1f).to_string(),
        other => other.to_owned(),
    }
}

/// A walk through the keys of the table.
struct Walk {
    terminal: Terminal,
    done: BTreeSet<(&'static str, &'static str)>,
}

impl Walk {
    /// A key of an action does what it should: the screen was not so before it, and is after it.
    fn does(&mut self, name: &str, key: &str, shows: impl Fn(&str) -> bool) {
        let action = ACTIONS.iter().find(|action| action.name == name).unwrap_or_else(|| panic!("no action {name}"));
        let known = action.keys.iter().find(|&&known| known == key).unwrap_or_else(|| panic!("{name} has no key {key}"));
        assert!(!shows(&self.terminal.text()), "before {name}:\n{}", self.terminal.text());
        self.terminal.press(&bytes(key));
        self.terminal.wait(&format!("{name} by {key}"), shows);
        self.terminal.finish_frame();
        self.done.insert((action.name, known));
    }

    /// The same, where any change of the screen will do.
    fn changes(&mut self, name: &str, key: &str) {
        let before = self.terminal.text();
        self.does(name, key, |text| text != before);
    }

    /// The same, where only the ground under a line tells.
    fn moves(&mut self, name: &'static str, key: &'static str) {
        let has_ground = |screen: &vt100::Screen, row| screen.cell(row, 20).is_some_and(|cell| cell.bgcolor() != vt100::Color::Default);
        let grounds = |screen: &vt100::Screen| (0..screen.size().0).filter(|&row| has_ground(screen, row)).collect::<Vec<_>>();
        let before = grounds(self.terminal.screen.screen());
        self.terminal.press(&bytes(key));
        self.terminal.wait_for_screen(name, |screen| grounds(screen) != before);
        self.terminal.finish_frame();
        self.done.insert((name, key));
    }

    /// A key on the way, until the screen is as wanted.
    fn then(&mut self, key: &str, shows: impl Fn(&str) -> bool) {
        self.typed(&bytes(key), shows);
    }

    /// What is typed, until the screen is as wanted.
    fn typed(&mut self, text: &str, shows: impl Fn(&str) -> bool) {
        self.terminal.press(text);
        self.terminal.wait(&format!("what {text:?} does"), shows);
        self.terminal.finish_frame();
    }

    /// The same where the bytes that are sent tell.
    fn sends(&mut self, name: &'static str, key: &'static str, wanted: &[u8], shows: impl Fn(&str) -> bool) {
        self.terminal.written.clear();
        self.terminal.press(&bytes(key));
        self.terminal.wait_for(name, wanted);
        self.terminal.wait(name, shows);
        self.terminal.finish_frame();
        self.done.insert((name, key));
    }
}

/// Waits until something holds that the screen does not show.
fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// Whether the chosen line of a list has a word.
fn chosen(word: &str) -> impl Fn(&str) -> bool {
    let word = word.to_owned();
    move |text: &str| text.lines().any(|line| line.contains('▶') && line.contains(&word))
}

/// Whether the chosen line of a list is that preset's.
fn preset(word: &str) -> impl Fn(&str) -> bool {
    let of_a_run = |line: &str| line.contains("completed") || line.contains("stopped");
    let word = word.to_owned();
    move |text: &str| text.lines().any(|line| line.contains('▶') && line.contains(&word) && !of_a_run(line))
}

/// Whether the line with a word has the ground of what is chosen.
fn lies_on_a_ground(screen: &vt100::Screen, word: &str) -> bool {
    let (rows, columns) = screen.size();
    let line = (0..rows).find(|&row| screen.rows(0, columns).nth(row.into()).is_some_and(|line| line.contains(word)));
    line.is_some_and(|row| screen.cell(row, 3).is_some_and(|cell| cell.bgcolor() != vt100::Color::Default))
}

fn has(word: &'static str) -> impl Fn(&str) -> bool {
    move |text: &str| text.contains(word)
}

fn lacks(word: &'static str) -> impl Fn(&str) -> bool {
    move |text: &str| !text.contains(word)
}

#[test]
fn every_key_of_the_table_does_something_in_the_real_program() {
    let root = tempfile::tempdir().unwrap();
    let runs = root.path().join(".local/share/pgnas/runs");
    pgnas(root.path(), &arguments(&runs.join("one"), 6, &["--headless"]));
    let mut done = live(root.path(), &runs.join("live"));
    done.extend(start(root.path()));
    let all = ACTIONS.iter().flat_map(|action| action.keys.iter().map(|&key| (action.name, key)));
    let missed: Vec<_> = all.filter(|pair| !done.contains(pair)).collect();
    assert!(missed.is_empty(), "not pressed: {missed:?}");
}

/// The epoch that the head of the screen tells: how far a search is. Frames need not show every epoch.
fn epoch(text: &str) -> Option<u32> {
    text.split("epoch ").nth(1)?.split(' ').next()?.parse().ok()
}

/// A search in the process of its screen, paused so that nothing moves but by a key.
fn live(home: &Path, run: &Path) -> BTreeSet<(&'static str, &'static str)> {
    let terminal = Terminal::start(home, SIZE, arguments(run, 100_000, &["--in-process"]));
    let mut walk = Walk { terminal, done: BTreeSet::new() };
    walk.terminal.wait("two epochs", |text| epoch(text) >= Some(2));
    walk.terminal.finish_frame();
    walk.does("pause", "space", has("paused"));
    walk.does("sample now", "s", has("20 posterior"));
    walk.does("sample many", "N", has("candidates to sample now:"));
    walk.typed("3\r", has("23 posterior"));
    let before = epoch(&walk.terminal.text());
    walk.does("one epoch", "n", |text| epoch(text) > before && text.contains("paused"));

    walk.does("posterior screen", "2", has("after each epoch"));
    walk.does("samples screen", "3", |text| text.contains("▸ Candidates") && !text.contains("Network"));
    walk.does("compare screen", "4", lacks("Candidates"));
    // No baseline is ranked by sampling now: the key says so.
    walk.does("baseline", "w", has("no other baseline was ranked"));
    walk.does("curves screen", "5", has("95 % below"));
    walk.does("log curves", "L", has("log y"));
    walk.does("crosshair", "v", has("crosshair at epoch"));
    walk.changes("crosshair left", ",");
    walk.changes("crosshair right", ".");
    walk.changes("zoom in", "+");
    walk.changes("zoom out", "-");
    walk.changes("zoom in", "=");
    walk.does("search screen", "1", has("Network"));

    walk.then("shift-tab", has("▸ Network"));
    walk.then("g", has("▾ stage1.block1"));
    walk.does("fold", "enter", has("▸ stage1.block1"));
    walk.then("enter", has("▾ stage1.block1"));
    walk.does("fold all", "z", lacks("▾ stage"));
    walk.then("z", has("▾ stage1.block1"));
    walk.does("left", "h", has("▸ stage1.block1"));
    walk.does("right", "l", has("▾ stage1.block1"));
    walk.does("expand", "Z", lacks("Curves"));
    walk.then("Z", has("Curves"));
    walk.terminal.press(&bytes("j"));
    walk.terminal.wait_for_screen("the first operation chosen", |screen| lies_on_a_ground(screen, "0→1"));
    walk.terminal.finish_frame();
    walk.does("hold kept", "K", has("■ kept"));
    walk.does("hold dropped", "D", has("□ dropped"));
    walk.does("release", "R", lacks("□ dropped"));
    walk.does("temperature", "T", has("temperature from here on ("));
    walk.typed("0.5\r", has("τ 0.5"));
    for (name, key, shows, typed, logged) in [
        ("weight prior", "W", "L_w from here on (", "2.5", r#"{"command":"weight_prior","value":2.5}"#),
        ("learning rate", "A", "multiply the learning rate by (", "0.5", r#"{"command":"learning_rate","factor":0.5}"#),
        ("budget", "B", "epochs in all (", "5000", r#"{"command":"epochs","epochs":5000}"#),
    ] {
        walk.does(name, key, has(shows));
        walk.typed(&format!("{typed}\r"), lacks(shows));
        until(name, || std::fs::read_to_string(run.join("events.jsonl")).unwrap().contains(logged));
    }
    walk.does("filter", "/", has("show only:"));
    walk.then("esc", lacks("show only:"));
    walk.then("shift-tab", has("▸ Candidates"));
    walk.changes("next candidate", "]");
    walk.changes("previous candidate", "[");
    walk.changes("right", "right");
    walk.changes("left", "left");
    walk.does("pin", "p", has("▶P"));
    walk.then("p", lacks("▶P"));
    walk.does("mark", "x", has("▶*"));
    walk.typed("]x", has("▶*"));
    walk.does("compare marked", "c", has("exact McNemar"));
    walk.then("c", lacks("exact McNemar"));
    walk.then("x", lacks("▶*"));
    walk.then("[", has("▶*"));
    walk.then("x", lacks("▶*"));
    walk.changes("order", "o");
    walk.does("reverse", "O", has(", reversed"));
    walk.does("random", "r", has("random hidden"));
    walk.does("export", "e", has("written to"));
    walk.does("evaluate", "E", has("evaluated:"));
    walk.does("messages", "!", |text| text.contains("Messages") && text.contains("set the temperature to 0.5"));
    walk.then("esc", lacks("Messages"));
    walk.does("freeze", "f", has("view frozen"));
    walk.then("f", lacks("view frozen"));
    let files = || std::fs::read_dir(run.join("checkpoints")).unwrap().map(|file| file.unwrap().file_name()).collect::<BTreeSet<_>>();
    let before = files();
    walk.terminal.press("C");
    until("a checkpoint", || files() != before);
    walk.done.insert(("checkpoint", "C"));
    walk.does("leave", "q", has("the search stops, what is there is kept"));
    walk.terminal.press("y");
    assert_eq!(walk.terminal.ended(), 3);
    walk.done
}

/// The start screen with two runs, a finished one and one that was stopped; from there the finished one, and its replay.
fn start(home: &Path) -> BTreeSet<(&'static str, &'static str)> {
    let terminal = Terminal::start::<&str>(home, SIZE, []);
    let mut walk = Walk { terminal, done: BTreeSet::new() };
    walk.terminal.wait("the start screen", |text| text.contains("Presets") && text.contains("stopped") && text.contains("completed"));
    walk.terminal.finish_frame();
    for (down, up) in [("j", "k"), ("down", "up")] {
        walk.does("down", down, preset("fashion"));
        walk.does("up", up, preset("digits"));
    }
    for (down, up) in [("page-down", "page-up"), ("ctrl-d", "ctrl-u")] {
        walk.does("page down", down, |text| !preset("digits")(text));
        walk.does("page up", up, preset("digits"));
    }
    for (last, first) in [("G", "g"), ("end", "home")] {
        walk.does("last", last, chosen("completed"));
        walk.does("first", first, preset("digits"));
    }
    walk.does("next pane", "tab", has("▸ Runs"));
    walk.does("previous pane", "shift-tab", has("▸ Presets"));
    walk.does("copy", "y", has("handed to the terminal to copy: pgnas search digits"));
    walk.does("mouse", "m", has("the mouse is the terminal's"));
    walk.then("m", has("clicks are for pgnas"));
    walk.does("commands", ":", has("Commands"));
    for (next, back) in [("down", "up"), ("tab", "shift-tab"), ("ctrl-n", "ctrl-p")] {
        walk.moves("next found", next);
        walk.moves("previous found", back);
    }
    walk.does("give up", "esc", lacks("Commands"));
    walk.does("help", "?", has("Help"));
    walk.does("close page", "esc", lacks("Help"));
    walk.does("debug page", "i", has("Line to the terminal"));
    walk.then("esc", lacks("Line to the terminal"));
    walk.does("ask to leave", "ctrl-c", has("Leave pgnas?"));
    for no in ["n", "esc", "N", "q"] {
        walk.does("no", no, lacks("Leave pgnas?"));
        walk.then("ctrl-c", has("Leave pgnas?"));
    }
    walk.then("n", lacks("Leave pgnas?"));
    walk.sends("redraw", "ctrl-l", b"\x1b[2J", has("Presets"));
    // Without a shell nobody could wake it: the system passes over the signal, and the screen comes back by itself.
    walk.sends("suspend", "ctrl-z", b"\x1b[?1049l", has("Presets"));
    walk.does("edit preset", "e", has("Preset digits"));
    walk.does("change value", "enter", has("check and take"));
    walk.typed("\x157\r", has("* seed"));
    walk.does("own value", "backspace", lacks("* seed"));
    walk.does("close preset", "esc", lacks("Preset digits"));
    with_runs(&mut walk, home);

    walk.then("g", preset("digits"));
    walk.then("e", has("Preset digits"));
    walk.does("start with these", "s", has("◐ training"));
    walk.typed("S", has("Nothing is lost"));
    walk.typed("y", has("■ stopped"));
    walk.then("ctrl-c", has("Leave pgnas?"));
    walk.terminal.press(&bytes("enter"));
    assert_eq!(walk.terminal.ended(), 0);
    walk.done.insert(("leave now", "enter"));
    walk.done
}

/// What can be done with runs from the start screen: the finished one renamed, opened, replayed and deleted, the other one resumed.
fn with_runs(walk: &mut Walk, home: &Path) {
    walk.then("G", chosen("completed"));
    walk.does("rename", "n", has("new name:"));
    walk.then("esc", lacks("new name:"));
    let runs = home.join(".local/share/pgnas/runs");
    walk.then("n", has("new name:"));
    walk.changes("erase character", "backspace");
    walk.changes("erase word", "ctrl-w");
    walk.typed("last", has("new name: last"));
    walk.does("erase line", "ctrl-u", lacks("new name: last"));
    walk.typed("first", has("new name: first"));
    walk.does("take", "enter", has("renamed to first"));
    assert!(runs.join("first/events.jsonl").exists() && !runs.join("one").exists());
    walk.does("delete", "d", has("are lost for good"));
    walk.then("esc", lacks("are lost for good"));
    walk.does("open", "enter", has("winner"));
    walk.then("?", has("Help"));
    // Its first line is the pause, which says why not.
    walk.does("do line", "enter", |text| text.contains("there is no search to steer") && !text.contains("Help"));
    walk.does("retrain", "X", has("train from scratch with: epochs=6 seed=1"));
    walk.typed("\x15epochs=none\r", has("train.epochs"));
    walk.typed("\x15epochs=1 seed=5\r", has("trained: select"));
    let retrained = std::fs::read_to_string(runs.join("first/retrained/retrained.jsonl")).unwrap();
    assert!(retrained.contains(r#""seed":5,"epochs":1,"recipe":["train.epochs=1"]"#), "{retrained}");
    walk.does("fine tune", "F", has("train on with:"));
    walk.then("esc", lacks("train on with:"));
    walk.does("back", "b", has("Presets"));
    walk.then("G", chosen("completed"));
    walk.then("enter", has("winner"));
    walk.does("back", "esc", has("Presets"));
    walk.then("G", chosen("completed"));
    walk.does("side by side", "c", has("* first"));
    walk.then("k", chosen("stopped"));
    walk.then("c", has("posterior mean"));
    walk.then("b", has("Presets"));
    walk.then("G", chosen("completed"));
    walk.does("replay", "p", has("replay playing"));
    replay(walk);
    walk.then("b", has("Presets"));

    walk.then("G", chosen("completed"));
    walk.then("k", chosen("stopped"));
    walk.does("resume", "r", has("training"));
    // It is at work in a process of its own, and ends with the second key.
    walk.does("stop", "S", has("Nothing is lost"));
    walk.does("yes", "Y", has("■ stopped"));
    let log = std::fs::read_to_string(runs.join("live/events.jsonl")).unwrap();
    assert!(log.lines().last().unwrap().contains(r#""result":"stopped""#), "{log}");
    walk.then("b", has("Presets"));
    walk.then("G", chosen("completed"));
    walk.then("d", has("are lost for good"));
    walk.does("yes", "y", has("deleted"));
    assert!(!runs.join("first").exists() && runs.join("live").exists());
}

/// The replay of a run of six epochs.
fn replay(walk: &mut Walk) {
    walk.then("space", has("standing still"));
    walk.then("t", has("go to:"));
    walk.typed("0%\r", |text| text.contains("event 0 of") || text.contains("event 1 of"));
    walk.does("epoch on", ")", has("epoch 1 of 6"));
    walk.then(")", has("epoch 2 of 6"));
    walk.does("epoch back", "(", has("epoch 1 of 6"));
    walk.changes("event on", ">");
    walk.changes("event back", "<");
    walk.changes("skip on", "}");
    walk.changes("skip back", "{");
    walk.does("go to", "t", has("go to:"));
    walk.then("esc", lacks("go to:"));
    walk.changes("faster", "u");
    walk.changes("slower", "d");
    walk.changes("next alert", "a");
}

#[test]
fn the_list_of_runs_follows_what_comes_and_goes() {
    let root = tempfile::tempdir().unwrap();
    let runs = root.path().join(".local/share/pgnas/runs");
    let mut terminal = Terminal::start::<&str>(root.path(), SIZE, []);
    terminal.wait("the start screen", has("none yet"));
    terminal.finish_frame();
    pgnas(root.path(), &arguments(&runs.join("one"), 1, &["--headless"]));
    terminal.wait("a run that came by itself", has("completed"));
    terminal.finish_frame();
    // Sooner than by itself, which takes five seconds from here.
    std::fs::rename(runs.join("one"), runs.join("renamed")).unwrap();
    let pressed = Instant::now();
    terminal.press("\x0c");
    terminal.wait("the list made anew", has("renamed"));
    assert!(pressed.elapsed() < Duration::from_secs(4), "{:?}", pressed.elapsed());
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn a_screen_that_a_shell_stops_comes_back() {
    let root = tempfile::tempdir().unwrap();
    let mut shell = CommandBuilder::new("sh");
    shell.arg("-i");
    shell.env("PS1", "ready> ");
    shell.env_remove("ENV");
    let mut terminal = Terminal::run(root.path(), (100, 30), shell);
    terminal.wait("the shell", has("ready>"));
    terminal.press(&format!("{}\r", env!("CARGO_BIN_EXE_pgnas")));
    terminal.wait("the start screen", |text| text.contains("Presets") && text.contains("fashion"));
    for _ in 0..5 {
        assert!(terminal.screen.screen().alternate_screen());
        terminal.press("\x1a");
        terminal.wait("that it stopped", |text| text.contains("Stopped") && !text.contains("Presets"));
        assert!(!terminal.screen.screen().alternate_screen() && !terminal.screen.screen().hide_cursor(), "the shell has its terminal back");
        // Nothing of it is left when it stops once more.
        terminal.press("printf '\\033c'\r");
        terminal.wait("a clean shell", |text| !text.contains("Stopped") && text.contains("ready>"));
        terminal.press("fg\r");
        terminal.wait("the start screen again", |text| text.contains("Presets") && text.contains("fashion"));
        // At once, while the terminal is being taken back.
        terminal.press("?");
        terminal.wait("that keys arrive", has("This help."));
        terminal.press("?");
        terminal.wait("the start screen", |text| !text.contains("This help.") && text.contains("fashion"));
    }
    terminal.press("q");
    // Its prompt, not only its screen: what is typed while the program still ends may be lost.
    terminal.wait("the shell", |text| text.trim_end().ends_with("ready>"));
    terminal.press("exit\r");
    terminal.ended();
}

#[test]
fn clicks_choose_and_a_key_leaves_the_mouse_to_the_terminal() {
    let root = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start::<&str>(root.path(), SIZE, []);
    let (text, _) = terminal.wait("the start screen", has("fashion"));
    let taken = |terminal: &Terminal| terminal.screen.screen().mouse_protocol_mode() != vt100::MouseProtocolMode::None;
    assert!(taken(&terminal));
    let y = text.lines().position(|line| line.contains("fashion")).unwrap() + 1;
    terminal.press(&format!("\x1b[<0;10;{y}M\x1b[<0;10;{y}m"));
    terminal.wait("the preset that was clicked", preset("fashion"));
    terminal.press(&format!("\x1b[<64;10;{y}M"));
    terminal.wait("the preset that the wheel brings", preset("digits"));
    terminal.press("m");
    terminal.wait("who has the mouse", has("the mouse is the terminal's: select text with it"));
    assert!(!taken(&terminal));
    terminal.press("m");
    terminal.wait("who has the mouse", has("clicks are for pgnas"));
    assert!(taken(&terminal));
    let hint = terminal.text().lines().last().unwrap().to_owned();
    assert!(hint.contains("clicks are for pgnas"));
    // A word of the hint line is a button.
    terminal.press("k");
    let (text, _) = terminal.wait("the hints", has("? help"));
    let line = text.lines().last().unwrap();
    let x = line[..line.find("? help").unwrap()].chars().count() + 1;
    terminal.press(&format!("\x1b[<0;{x};36M"));
    terminal.wait("the help", has("This help."));
    terminal.press("\x1b");
    terminal.wait("no help", lacks("This help."));
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn the_debug_page_tells_of_the_line_and_the_log_file_of_the_screen() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let mut terminal =
        Terminal::start(root.path(), SIZE, arguments(&run, 100_000, &["--in-process", "--link", "slow", "--glyphs", "unicode"]));
    terminal.wait("training", |text| epoch(text) >= Some(2));
    terminal.press("i");
    terminal.wait("the page", has("slow: a frame every 250 ms at most"));
    terminal.finish_frame();
    let text = terminal.text();
    assert!(text.contains("120×36, true colour, Unicode without braille, mouse taken"), "{text}");
    let sent = |text: &str| {
        text.lines().find(|line| line.contains(" sent, ")).and_then(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words[words.iter().position(|&word| word == "sent,")? - 1].parse::<u64>().ok()
        })
    };
    let first = sent(&text).unwrap();
    terminal.wait("more frames", |text| sent(text).is_some_and(|now| now > first + 2));
    terminal.finish_frame();
    let begun = terminal.written.windows(8).filter(|bytes| bytes == b"\x1b[?2026h").count() as u64;
    // The frame under way is not counted on it.
    assert_eq!(sent(&terminal.text()), Some(begun - 1), "the page tells the truth");
    terminal.press("i");
    terminal.wait("no page", lacks("Line to the terminal"));
    terminal.press("\x03\x03");
    terminal.ended();
    let log = std::fs::read_to_string(root.path().join(".local/state/pgnas/logs/pgnas.log")).unwrap();
    assert!(log.contains("a screen begins: true colour, Unicode without braille, line slow"), "{log}");
}

/// What the terminal is asked: a setting, an entry, its background, its attributes; and behind a frame, whether it has come so far.
const QUESTIONS: &[u8] = b"\x1b[48;2;1;2;3m\x1bP$qm\x1b\\\x1b[0m\x1bP+q524742\x1b\\\x1b]11;?\x1b\\\x1b[c";
const READY: &[u8] = b"\x1b[5n";

#[test]
fn a_terminal_may_tell_late_and_in_pieces_what_it_can_do() {
    let root = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::with_colours(root.path(), SIZE, CommandBuilder::new(env!("CARGO_BIN_EXE_pgnas")), "");
    terminal.wait("the start screen", has("fashion"));
    terminal.wait_for("the questions", QUESTIONS);
    terminal.finish_frame();
    let asked = terminal.count(b"48;2;");
    assert!(terminal.count(b"38;5;") > 0 && terminal.count(b"38;2;") == 0, "as the environment says, until it answers");
    terminal.press("\x1bP1$r0;48:2::1");
    terminal.press(":2:3m\x1b\\?");
    terminal.wait("that a key behind an answer is a key", has("This help."));
    terminal.wait_for("all colours", b"38;2;108;182;255");
    terminal.press("\x1bP0+r524742\x1b\\\x1b]11;rgb:ffff/ffff/ffff\x07\x1b[?62;22c");
    terminal.wait_for("the colours for a light background", b"38;2;11;92;173");
    terminal.finish_frame();
    assert!(terminal.text().contains("This help."), "no answer was taken for a key:\n{}", terminal.text());
    assert!(terminal.count(b"48;2;") > asked, "the background of what is chosen too");
    terminal.press("?");
    terminal.wait("no help", lacks("This help."));
    terminal.press("\x1b[0nq");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn a_slow_line_gets_one_frame_at_a_time_and_keys_do_not_wait() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let mut terminal = Terminal::start(root.path(), SIZE, arguments(&run, 100_000, &["--in-process"]));
    let epochs = || std::fs::read_to_string(run.join("events.jsonl")).unwrap().matches(r#""event":"epoch""#).count();
    terminal.wait("training", |text| epoch(text) >= Some(2));
    assert_eq!(terminal.count(READY), 0, "who answers nothing is not asked");
    terminal.press("\x1b[?62c");
    for answered in 0..6 {
        while terminal.count(READY) == answered {
            terminal.read_on("a frame with its question");
        }
        let frames = terminal.count(b"\x1b[?2026h");
        // The search gives cause for frames. That none comes can only be watched for a while: the longer, the surer.
        let before = epochs();
        until("two epochs more", || epochs() >= before + 2);
        terminal.read_for(Duration::ZERO);
        assert_eq!(terminal.count(b"\x1b[?2026h"), frames, "a frame that nobody asked for, before the terminal had shown the one before");
        if answered == 3 {
            terminal.press("?");
            terminal.wait("the help, all the same", has("Draw 20 candidates"));
            terminal.press("?");
            terminal.wait("no help", lacks("Draw 20 candidates"));
        }
        assert_eq!(terminal.count(READY), answered + 1);
        terminal.press("\x1b[0n");
    }
    terminal.press("i");
    terminal.wait("what the line takes", has("none before the"));
    terminal.press("i\x03\x03");
    assert_eq!(terminal.ended(), 3, "stopped before its end");
}

#[test]
fn a_key_that_repeats_gets_no_more_frames_than_the_line_takes() {
    let root = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(root.path(), SIZE, ["--link", "slow"]);
    terminal.wait("the start screen", has("fashion"));
    terminal.finish_frame();
    terminal.written.clear();
    let begin = Instant::now();
    for key in ["j", "k"].repeat(50) {
        terminal.press(key);
        // The keyboard's own pace: whatever it is, there must not be more frames than there was time for.
        terminal.read_for(Duration::from_millis(5));
    }
    terminal.press("?");
    terminal.wait("the last state", has("This help."));
    terminal.finish_frame();
    let frames = terminal.count(b"\x1b[?2026h") as u128;
    let most = begin.elapsed().as_millis() / 250 + 3;
    assert!(frames <= most, "{frames} frames where there is time for {most}");
    terminal.press("?q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn the_doctor_asks_the_terminal_and_leaves_it_as_it_was() {
    let root = tempfile::tempdir().unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_pgnas"));
    command.arg("doctor");
    let mut terminal = Terminal::with_colours(root.path(), SIZE, command, "");
    terminal.wait_for("the questions", QUESTIONS);
    terminal.press("x\x1bP1$r48;2;1;2;3m\x1b\\\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\\x1b[?62c");
    assert_eq!(terminal.ended(), 0);
    let text = terminal.text();
    assert!(text.contains("it tells: 16 million colours, a dark background") && text.contains("true colour: kept"), "{text}");
    // What was typed is echoed by a terminal that is raw no more, or by none; an answer never.
    assert!(!text.contains("48;2") && !text.contains("1e1e"), "{text}");
}
