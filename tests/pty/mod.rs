//! The program on a pseudo-terminal, driven by keys, read by a terminal emulator. For the tests of the terminal and its benchmark.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// A terminal with the program on it.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    /// What the program wrote and nobody has looked at, with the moment it arrived.
    pub output: Receiver<(Instant, Vec<u8>)>,
    pub screen: vt100::Parser,
    /// All that was looked at, as it was sent.
    pub written: Vec<u8>,
    pub child: Box<dyn Child + Send + Sync>,
}

impl Terminal {
    /// Starts the program on a terminal of so many columns and rows; `home` is where it finds its folders.
    pub fn start<A: AsRef<OsStr>>(home: &Path, size: (u16, u16), arguments: impl IntoIterator<Item = A>) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_pgnas"));
        command.args(arguments);
        Self::run(home, size, command)
    }

    /// Starts any command like that.
    pub fn run(home: &Path, size: (u16, u16), command: CommandBuilder) -> Self {
        Self::with_colours(home, size, command, "truecolor")
    }

    /// The same where the environment says this of the terminal's colours.
    pub fn with_colours(home: &Path, (columns, rows): (u16, u16), mut command: CommandBuilder, colours: &str) -> Self {
        let pair = native_pty_system().openpty(size(columns, rows)).unwrap();
        for (name, value) in [("TERM", "xterm-256color"), ("COLORTERM", colours), ("LANG", "C.UTF-8")] {
            command.env(name, value);
        }
        command.env("HOME", home);
        // Sockets of searches lie there, each test's apart from the others'.
        command.env("XDG_RUNTIME_DIR", home);
        command.env("TMPDIR", home);
        for name in ["NO_COLOR", "TMUX", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "PGNAS_LINK", "LC_ALL"] {
            command.env_remove(name);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let (sender, output) = channel();
        let mut reader = pair.master.try_clone_reader().unwrap();
        std::thread::spawn(move || {
            let mut bytes = vec![0; 1 << 16];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send((Instant::now(), bytes[..count].to_vec())).is_err() {
                    break;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { master: pair.master, keys, output, screen: vt100::Parser::new(rows, columns, 0), written: Vec::new(), child }
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Makes the window so large.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.master.resize(size(columns, rows)).unwrap();
        self.screen.screen_mut().set_size(rows, columns);
    }

    pub fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// Reads until the screen is as wanted; tells what it shows and when that had arrived.
    pub fn wait(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> (String, Instant) {
        self.wait_for_screen(what, |screen| wanted(&screen.contents()))
    }

    /// The same, where colours tell.
    pub fn wait_for_screen(&mut self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) -> (String, Instant) {
        let deadline = Instant::now() + PATIENCE;
        let mut arrived = Instant::now();
        loop {
            let text = self.text();
            if wanted(self.screen.screen()) {
                return (text, arrived);
            }
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok((moment, bytes)) => {
                    self.screen.process(&bytes);
                    self.written.extend(&bytes);
                    arrived = moment;
                }
                Err(RecvTimeoutError::Timeout) => panic!("{what} did not come:\n{text}"),
                Err(RecvTimeoutError::Disconnected) => panic!("the program ended before {what}:\n{text}"),
            }
        }
    }

    /// Reads to the end of the frame under way, if there is one.
    pub fn finish_frame(&mut self) {
        while self.count(b"\x1b[?2026h") > self.count(b"\x1b[?2026l") {
            self.read_on("the rest of a frame");
        }
    }

    /// Reads until these bytes have come.
    pub fn wait_for(&mut self, what: &str, wanted: &[u8]) {
        while self.count(wanted) == 0 {
            self.read_on(what);
        }
    }

    /// How often these bytes have come.
    pub fn count(&self, wanted: &[u8]) -> usize {
        self.written.windows(wanted.len()).filter(|bytes| *bytes == wanted).count()
    }

    /// Reads whatever comes within a time: for keys that have a pace of their own, and for watching that nothing comes, never in the place
    /// of a wait for something.
    pub fn read_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Ok((_, bytes)) = self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.screen.process(&bytes);
            self.written.extend(&bytes);
        }
    }

    /// Reads until nothing has come for a second: until what goes on by itself has come to rest.
    pub fn rest(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let before = self.written.len();
            self.read_for(Duration::from_secs(1));
            if self.written.len() == before {
                return;
            }
            assert!(Instant::now() < deadline, "it does not come to rest:\n{}", self.text());
        }
    }

    /// Reads what comes next.
    pub fn read_on(&mut self, what: &str) {
        let (_, bytes) = self.output.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{what} did not come:\n{}", self.text()));
        self.screen.process(&bytes);
        self.written.extend(&bytes);
    }

    /// Closes the window under the program.
    pub fn close(self) -> Box<dyn Child + Send + Sync> {
        self.child
    }

    /// Reads what is left and tells the exit code.
    pub fn ended(&mut self) -> u32 {
        loop {
            match self.output.recv_timeout(PATIENCE) {
                Ok((_, bytes)) => self.screen.process(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("the program does not end:\n{}", self.text()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.child.wait().unwrap().exit_code()
    }
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}
