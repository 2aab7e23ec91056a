//! Small searches as processes of their own, to be killed and resumed.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than any of these takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Settings of a search that takes a second.
const SMALL: [&str; 7] = [
    "space.stages=4,6",
    "train.epochs=2",
    "rank.posterior=9",
    "rank.random=9",
    "rank.uniform=0",
    "rank.constant=0",
    "rank.recalibration_images=64",
];

/// A run that writes a checkpoint after every step.
pub struct Run {
    root: tempfile::TempDir,
    settings: Vec<String>,
    /// How it runs without a screen.
    mode: &'static str,
}

impl Run {
    pub fn new(settings: &[&str]) -> Self {
        let settings = SMALL.iter().chain(settings).map(ToString::to_string).collect();
        Self { root: tempfile::tempdir().unwrap(), settings, mode: "--headless" }
    }

    /// A run of these settings alone, in a host.
    pub fn hosted(settings: &[&str]) -> Self {
        Self { root: tempfile::tempdir().unwrap(), settings: settings.iter().map(ToString::to_string).collect(), mode: "--host" }
    }

    pub fn folder(&self) -> PathBuf {
        self.root.path().join("run")
    }

    pub fn candidates(&self) -> String {
        fs::read_to_string(self.folder().join("candidates/candidates.jsonl")).unwrap()
    }

    fn command(&self, first: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgnas"));
        command.args([first, self.mode, "--checkpoint-minutes", "0"]).env("XDG_RUNTIME_DIR", self.root.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    pub fn searching(&self) -> Command {
        let mut command = self.command("search");
        command.arg("digits").arg("--run-dir").arg(self.folder());
        self.settings.iter().for_each(|setting| {
            command.args(["--set", setting]);
        });
        command
    }

    pub fn search(&self) -> Child {
        self.searching().spawn().unwrap()
    }

    fn resuming(&self) -> Command {
        let mut command = self.command("resume");
        command.arg(self.folder());
        command
    }

    pub fn resume(&self) -> Child {
        self.resuming().spawn().unwrap()
    }

    /// What is told of a resume that is a mistake.
    pub fn mistake(&self) -> String {
        let output = self.resuming().stderr(Stdio::piped()).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), told.matches('\n').count()), (Some(2), 1), "{told}");
        told
    }

    /// Whether the log has its first event.
    pub fn has_begun(&self) -> bool {
        fs::read(self.folder().join("events.jsonl")).is_ok_and(|log| log.contains(&b'\n'))
    }

    /// Whether the log has its end.
    pub fn is_complete(&self) -> bool {
        text(&self.folder()).lines().last().is_some_and(|line| line.contains(r#""result":"completed""#))
    }

    pub fn newest_checkpoint(&self) -> u64 {
        let entries = fs::read_dir(self.folder().join("checkpoints")).into_iter().flatten().flatten();
        let number = |name: String| name.strip_prefix("state-")?.strip_suffix(".safetensors")?.parse().ok();
        entries.filter_map(|entry| number(entry.file_name().into_string().unwrap())).max().unwrap_or(0)
    }

    /// Waits until there is a checkpoint of this number; false where the process has ended by then, as it should.
    pub fn wait_for_checkpoint(&self, child: &mut Child, number: u64) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while self.newest_checkpoint() < number {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return false;
            }
            assert!(Instant::now() < deadline, "checkpoint {number} does not come");
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    pub fn kill(mut child: Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks a process to stop; it may have come to its end by itself.
    pub fn stop(mut child: Child) {
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let status = child.wait().unwrap();
        assert!(matches!(status.code(), Some(0 | 3)), "{status}");
    }
}

/// The text of a log.
pub fn text(folder: &Path) -> String {
    fs::read_to_string(folder.join("events.jsonl")).unwrap()
}

/// The events of a log; times, interruptions, and alerts that follow from times and the disk aside.
pub fn events(folder: &Path) -> Vec<Value> {
    let text = text(folder);
    let event = |line: &str| {
        let mut value: Value = serde_json::from_str(line).unwrap();
        let fields = value.as_object_mut().unwrap();
        for field in ["seconds", "sequence", "resources"] {
            fields.remove(field);
        }
        value
    };
    let of_machine = |event: &Value| event["event"] == "alert" && ["starved", "gpu_idle", "disk"].iter().any(|kind| event["kind"] == *kind);
    let disturbs = |event: &Value| event["event"] == "resumed" || event["event"] == "intervention" || of_machine(event);
    text.lines().map(event).filter(|event| !disturbs(event)).collect()
}
