//! A user of the program with a home of their own: commands in, what is told out.

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A user with a home of their own.
pub struct User {
    home: tempfile::TempDir,
}

impl User {
    /// A new one, whose home is empty.
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    /// A place below that home.
    pub fn path(&self, below: &str) -> PathBuf {
        self.home.path().join(below)
    }

    /// The program with the words of a line, not started yet.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgnas"));
        command.args(line.split_whitespace()).current_dir(self.home.path()).stdin(Stdio::null());
        command.env("HOME", self.home.path()).env_remove("NO_COLOR");
        // Nor searches of others on this machine.
        command.env("XDG_RUNTIME_DIR", self.home.path()).env("TMPDIR", self.home.path());
        command.env("XDG_DATA_HOME", self.path("data")).env("XDG_CONFIG_HOME", self.path("config"));
        command
    }

    /// What became of a command.
    pub fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// Standard output of a command that succeeds.
    pub fn output(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The JSON that a command prints.
    pub fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.output(line)).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// The one line of a command that is the user's mistake.
    pub fn mistake(&self, line: &str) -> String {
        let output = self.run(line);
        let (said, told) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(2), "{line}: {told}");
        assert!(said.is_empty(), "{line}: {said}");
        assert_eq!(told.matches('\n').count(), 1, "{line}: {told}");
        told.strip_prefix("error: ").unwrap_or_else(|| panic!("{line}: {told}")).trim_end().to_owned()
    }
}

/// What a program told; it is UTF-8.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
