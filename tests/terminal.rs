//! The program on a real (pseudo-)terminal: what a person sees and does in a search, and what happens when the terminal goes away.

use pgnas::run::{Event, Outcome, read_log};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    child: Box<dyn Child + Send + Sync>,
}

impl Terminal {
    /// A small search on a terminal of 120 by 36.
    fn search(run: &Path, epochs: u32) -> Self {
        let size = PtySize { rows: 36, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_pgnas"));
        command.args(["search", "digits", "--seed", "1", "--run-dir"]);
        command.arg(run);
        let epochs = format!("train.epochs={epochs}");
        for setting in ["space.stages=4,6", &epochs, "rank.posterior=4", "rank.random=4", "rank.recalibration_images=64"] {
            command.args(["--set", setting]);
        }
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env_remove("NO_COLOR");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let (sender, output) = channel();
        let mut reader = pair.master.try_clone_reader().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { master: pair.master, keys, output, screen: vt100::Parser::new(36, 120, 0), child }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// Reads until the screen is as wanted.
    fn wait(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.text();
            if wanted(&text) {
                return text;
            }
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("{what} did not come:\n{text}"),
                Err(RecvTimeoutError::Disconnected) => panic!("the program ended before {what}:\n{text}"),
            }
        }
    }

    /// Reads what is left and tells the exit code.
    fn ended(&mut self) -> u32 {
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.screen.process(&bytes);
        }
        self.child.wait().unwrap().exit_code()
    }
}

/// The keep probability on the row of the first operation.
fn first_keep(text: &str) -> Option<&str> {
    let row = text.lines().find(|line| line.contains("0→1") && line.contains("conv 1×1"))?;
    row.split_whitespace().find(|word| word.len() == 4 && word.parse::<f32>().is_ok())
}

/// The number of the candidate that the screen is about.
fn candidate(text: &str) -> Option<u32> {
    text.split("Candidate ").skip(1).find_map(|rest| rest.split_whitespace().next()?.parse().ok())
}

#[test]
fn a_person_watches_steps_exports_and_leaves() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let mut terminal = Terminal::search(&run, 12);
    let begin = terminal.wait("the network", |text| first_keep(text).is_some());
    let first = first_keep(&begin).unwrap().to_owned();
    terminal.wait("a probability that moved", |text| first_keep(text).is_some_and(|keep| keep != first));
    let done = terminal.wait("the end of the search", |text| text.contains("completed") && candidate(text).is_some());
    let before = candidate(&done).unwrap();
    terminal.press("j");
    let stepped = terminal.wait("the next candidate", |text| candidate(text).is_some_and(|now| now != before));
    let chosen = candidate(&stepped).unwrap();
    terminal.press("e");
    terminal.wait("the export", |text| text.contains("written to"));
    let genotype = std::fs::read_to_string(run.join(format!("exports/{chosen}/genotype.json"))).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&genotype).is_ok());

    // The same screen in a small window.
    terminal.master.resize(PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 }).unwrap();
    terminal.screen.screen_mut().set_size(24, 80);
    terminal.wait("the header of the small window, in two lines", |text| text.lines().nth(1).is_some_and(|line| line.contains("took")));
    // Nothing is going on any more, so nothing is asked.
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    assert!(!terminal.screen.screen().alternate_screen() && !terminal.screen.screen().hide_cursor(), "the terminal is given back");
}

#[test]
fn leaving_a_search_asks_and_keeps_what_is_there() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let mut terminal = Terminal::search(&run, 100_000);
    terminal.wait("training", |text| text.contains("training"));
    terminal.press(" ");
    terminal.wait("the pause", |text| text.contains("paused"));
    terminal.press("s");
    terminal.wait("candidates sampled now", |text| text.contains("20 posterior"));
    terminal.press("q");
    terminal.wait("the question", |text| text.contains("the search stops, what is there is kept"));
    terminal.press("y");
    assert_eq!(terminal.ended(), 3);
    let (records, _) = read_log(&run.join("events.jsonl")).unwrap();
    assert!(matches!(&records.last().unwrap().event, Event::Finished { outcome: Outcome::Stopped, .. }));
}

#[test]
fn a_search_outlives_its_terminal() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let mut terminal = Terminal::search(&run, 12);
    terminal.wait("training", |text| text.contains("training"));
    let Terminal { master, keys, output, mut child, .. } = terminal;
    drop((master, keys, output));
    assert!(child.wait().unwrap().success());
    let (records, _) = read_log(&run.join("events.jsonl")).unwrap();
    assert!(matches!(&records.last().unwrap().event, Event::Finished { outcome: Outcome::Completed, .. }));
}
