//! The host of a search and its socket, as a hostile or clumsy world meets them: no screen, no peer and no signal costs the search anything.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// A small search without an end.
const SEARCH: [&str; 10] = [
    "search",
    "digits",
    "--run-dir",
    "run",
    "--set",
    "space.stages=4,6",
    "--set",
    "train.epochs=100000",
    "--set",
    "rank.recalibration_images=64",
];

/// A user with a folder of their own for everything.
struct User {
    home: tempfile::TempDir,
}

impl User {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    fn run(&self) -> PathBuf {
        self.home.path().join("run")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgnas"));
        command.args(arguments).current_dir(self.home.path()).stdin(Stdio::null());
        command.env("HOME", self.home.path()).env("XDG_RUNTIME_DIR", self.home.path()).env_remove("XDG_DATA_HOME");
        command.env("TMPDIR", self.home.path());
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The first word of a host, and its process.
    fn host(&self, arguments: &[&str]) -> (Child, Value) {
        spawn(self.command(arguments))
    }

    /// The host of a small search without an end.
    fn search(&self) -> Child {
        let (host, word) = self.host(&SEARCH);
        assert_eq!(word, json!({"ready": "run"}));
        host
    }

    fn socket(&self) -> PathBuf {
        let sockets = fs::read_dir(self.home.path().join("pgnas")).unwrap();
        sockets.map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some_and(|end| end == "sock")).unwrap()
    }

    fn connect(&self) -> UnixStream {
        UnixStream::connect(self.socket()).unwrap()
    }

    /// A screen after its first word, with the answer.
    fn greeted(&self, protocol: u32, watch: bool) -> (UnixStream, Value) {
        let mut stream = self.connect();
        say(&mut stream, &json!({"protocol": protocol, "program": "test", "watch": watch}));
        let answer = hear(&mut stream).unwrap();
        (stream, answer)
    }

    fn epochs(&self) -> usize {
        fs::read_to_string(self.run().join("events.jsonl")).unwrap_or_default().matches(r#""event":"epoch""#).count()
    }

    /// Waits until the search has trained on.
    fn trains(&self) {
        let before = self.epochs();
        until("an epoch more", || self.epochs() >= before + 2);
    }

    /// Ends the search, and sees that it ended well.
    fn stop(&self, mut host: Child) {
        let output = self.output(&["stop", "run"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(host.wait().unwrap().code(), Some(0));
        assert!(fs::read_to_string(self.run().join("events.jsonl")).unwrap().trim_end().ends_with('}'));
        assert_eq!(fs::read_dir(self.home.path().join("pgnas")).unwrap().count(), 0, "the socket is gone");
    }
}

/// The first word of a host, and its process.
fn spawn(mut command: Command) -> (Child, Value) {
    let mut child = command.arg("--host").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

/// Waits until a condition holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn say(stream: &mut UnixStream, message: &Value) {
    let text = message.to_string();
    stream.write_all(&(text.len() as u32).to_be_bytes()).and_then(|()| stream.write_all(text.as_bytes())).unwrap();
}

fn hear(stream: &mut UnixStream) -> Option<Value> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut text = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut text).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

#[test]
fn a_search_at_work_is_told_in_lines_that_cost_it_nothing() {
    let user = User::new();
    let host = user.search();
    user.trains();
    let told = |command: &str| user.command(&[command, "run", "--plain"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A reader that leaves, and one that is interrupted.
    let mut leaves = told("attach");
    let mut lines = BufReader::new(leaves.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().starts_with("search   digits · seed 1"), "from the beginning");
    assert!(lines.any(|line| line.starts_with("epoch    ")));
    drop(lines);
    assert_eq!(leaves.wait().unwrap().code(), Some(0));
    let mut interrupted = told("watch");
    let mut lines = BufReader::new(interrupted.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("epoch    ")));
    // Not by an interrupt, which whoever starts tests in the background has them ignore.
    kill_process(Pid::from_child(&interrupted), Signal::TERM).unwrap();
    assert!(!interrupted.wait().unwrap().success());
    user.trains();
    // One that stays hears the end.
    let mut stays = told("watch");
    let mut lines = BufReader::new(stays.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("epoch    ")));
    user.stop(host);
    assert_eq!(lines.last().as_deref(), Some("ended    stopped; what is there is kept"));
    assert_eq!(stays.wait().unwrap().code(), Some(0));
}

#[test]
fn garbage_stalled_peers_and_a_crowd_cost_the_search_nothing() {
    let user = User::new();
    let host = user.search();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(user.home.path().join("pgnas")), mode(user.socket())), (0o700, 0o600));

    // Kept open to the end: peers that say nothing, half a frame, or their first word and then never read.
    let mut kept: Vec<UnixStream> = (0..4).map(|_| user.connect()).collect();
    kept[0].write_all(&[0, 0]).unwrap();
    kept[1].write_all(&[0, 0, 1, 0, b'{']).unwrap();
    kept.extend((0..3).map(|_| user.greeted(1, false).0));
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 4096], b"\0\0\0\x02{}", b"\0\0\0\x04null"] {
        let mut stream = user.connect();
        stream.write_all(garbage).unwrap();
        assert_eq!(hear(&mut stream), None, "{garbage:?}");
    }
    // A screen that says thousands of things, a word that is none at the end.
    let (mut loud, answer) = user.greeted(1, false);
    assert!(answer["welcome"]["process"].as_u64() == Some(u64::from(host.id())), "{answer}");
    let mut echo = loud.try_clone().unwrap();
    std::thread::spawn(move || while hear(&mut echo).is_some() {});
    for _ in 0..3000 {
        say(&mut loud, &json!({"command": {"command": "resume"}}));
    }
    say(&mut loud, &json!({"command": "dance"}));
    // A dozen that watch: all hear the same epoch; their commands are for nobody.
    let watchers: Vec<UnixStream> = (0..12).map(|_| user.greeted(1, true).0).collect();
    let heard: Vec<_> = watchers
        .into_iter()
        .map(|mut stream| {
            std::thread::spawn(move || {
                say(&mut stream, &json!({"command": {"command": "stop"}}));
                let mut epochs = Vec::new();
                while epochs.len() < 8 {
                    let told = hear(&mut stream).unwrap();
                    if told["record"]["event"] == "epoch" {
                        epochs.push(told["record"]["sequence"].as_u64().unwrap());
                    }
                }
                epochs
            })
        })
        .collect();
    let heard: Vec<Vec<u64>> = heard.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(heard.iter().all(|epochs| epochs.is_sorted() && epochs.iter().any(|epoch| heard[0].contains(epoch))), "{heard:?}");
    user.trains();
    let text = fs::read_to_string(user.run().join("events.jsonl")).unwrap();
    assert_eq!(text.matches(r#""command":"resume""#).count(), 3000, "what a screen asks is done and written down");
    user.stop(host);
    drop(kept);
}

#[test]
fn a_host_that_does_not_answer_holds_up_no_list() {
    let user = User::new();
    let run = user.home.path().join(".local/share/pgnas/runs/silent");
    let arguments: Vec<&str> = SEARCH.iter().map(|&word| if word == "run" { run.to_str().unwrap() } else { word }).collect();
    let (mut host, _) = user.host(&arguments);
    let listed = || serde_json::from_slice::<Value>(&user.output(&["ls", "--json"]).stdout).unwrap()[0].clone();
    until("a search that answers", || listed()["progress"].is_number());
    // A process that stands still has its socket, takes whoever comes, and says nothing.
    kill_process(Pid::from_child(&host), Signal::STOP).unwrap();
    let stat = || fs::read_to_string(format!("/proc/{}/stat", host.id())).unwrap();
    until("that it stands still", || stat().rsplit(") ").next().is_some_and(|state| state.starts_with('T')));
    let begun = Instant::now();
    let silent = listed();
    // Half a second is what it is waited for; who attaches to it waits ten.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!((&silent["state"], &silent["progress"], &silent["seconds_left"]), (&json!("running"), &Value::Null, &Value::Null));
    kill_process(Pid::from_child(&host), Signal::CONT).unwrap();
    until("that it answers again", || listed()["progress"].is_number());
    kill_process(Pid::from_child(&host), Signal::TERM).unwrap();
    assert_eq!(host.wait().unwrap().code(), Some(0));
}

/// One run lies in the runs folder and one elsewhere: who names none of them stops none.
#[test]
fn every_search_at_work_is_counted_wherever_its_run_lies() {
    let user = User::new();
    let elsewhere = user.search();
    let listed = || serde_json::from_slice::<Value>(&user.output(&["ls", "--json"]).stdout).unwrap();
    assert_eq!((listed()[0]["name"].clone(), listed()[0]["state"].clone()), (json!("run"), json!("running")));
    let below = user.home.path().join(".local/share/pgnas/runs/below");
    let arguments: Vec<&str> = SEARCH.iter().map(|&word| if word == "run" { below.to_str().unwrap() } else { word }).collect();
    let (mut second, _) = user.host(&arguments);
    assert_eq!(listed().as_array().unwrap().len(), 2, "each once");
    let told = user.output(&["stop"]);
    let text = String::from_utf8(told.stderr).unwrap();
    let run = user.run().canonicalize().unwrap();
    assert!(told.status.code() == Some(2) && text.contains("2 searches are at work: `below`, `"), "{text}");
    assert!(text.contains(&format!("`{}`; name the one that is meant", run.display())), "{text}");
    user.trains();
    kill_process(Pid::from_child(&second), Signal::TERM).unwrap();
    assert_eq!(second.wait().unwrap().code(), Some(0));
    // The one that is left is the one that is meant.
    let stopped = user.output(&["stop"]);
    let text = String::from_utf8(stopped.stdout).unwrap();
    assert!(text.contains(&format!(": stopped; `pgnas resume {}` goes on with it", run.display())), "{text}");
    let mut elsewhere = elsewhere;
    assert_eq!(elsewhere.wait().unwrap().code(), Some(0));
    assert_eq!(listed().as_array().unwrap().len(), 1, "one that has ended elsewhere is nobody's to list");
}

#[test]
fn another_version_is_refused_with_the_reason() {
    let user = User::new();
    let host = user.search();
    let (_, answer) = user.greeted(99, false);
    let reason = answer["refused"].as_str().unwrap();
    assert!(reason.contains("protocol 1") && reason.contains("test (99)"), "{reason}");
    user.stop(host);
}

#[test]
fn a_run_never_has_two_hosts() {
    let user = User::new();
    let host = user.search();
    let (mut second, word) = user.host(&["search", "digits", "--run-dir", "run"]);
    assert!(word["mistake"].as_str().unwrap().contains("holds a run already"), "{word}");
    assert_eq!(second.wait().unwrap().code(), Some(2));
    let (mut third, word) = user.host(&["resume", "run"]);
    assert!(word["mistake"].as_str().unwrap().contains(&format!("process {} is at work", host.id())), "{word}");
    assert_eq!(third.wait().unwrap().code(), Some(2));
    user.trains();
    user.stop(host);
}

#[test]
fn signals_end_a_host_well_and_a_hang_up_is_nothing_to_it() {
    let user = User::new();
    let mut host = user.search();
    let signal = |host: &Child, signal| kill_process(Pid::from_child(host), signal).unwrap();
    signal(&host, Signal::HUP);
    user.trains();
    signal(&host, Signal::TERM);
    assert_eq!(host.wait().unwrap().code(), Some(0));
    let text = || fs::read_to_string(user.run().join("events.jsonl")).unwrap();
    assert!(text().lines().last().unwrap().contains(r#""result":"stopped""#));
    let (mut host, word) = user.host(&["resume", "run"]);
    assert_eq!(word, json!({"ready": "run"}));
    user.trains();
    // Twice at once: it does not wait for anything, and what it leaves can be resumed.
    signal(&host, Signal::INT);
    signal(&host, Signal::TERM);
    assert!(matches!(host.wait().unwrap().code(), Some(0 | 3)));
    let (host, word) = user.host(&["resume", "run"]);
    assert_eq!(word, json!({"ready": "run"}));
    user.trains();
    user.stop(host);
    assert_eq!(text().matches(r#""event":"started""#).count(), 1);
}

/// What systemd does to the runtime folder when a user's last session ends: the search goes on, is found again, and ends as it should.
#[test]
fn a_host_that_loses_its_socket_makes_it_anew_and_needs_none_to_end() {
    let user = User::new();
    let mut host = user.search();
    let folder = user.home.path().join("pgnas");
    let before = user.socket();
    fs::remove_dir_all(&folder).unwrap();
    until("a new socket", || before.exists());
    let (_, answer) = user.greeted(1, true);
    assert_eq!(answer["welcome"]["process"], host.id());
    fs::remove_dir_all(&folder).unwrap();
    kill_process(Pid::from_child(&host), Signal::TERM).unwrap();
    let mut ended = None;
    until("the end of a host without a socket", || {
        ended = host.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(0));
}

#[test]
fn a_host_without_a_runtime_folder_is_found_by_who_has_one() {
    let user = User::new();
    let mut command = user.command(&SEARCH);
    command.env_remove("XDG_RUNTIME_DIR");
    let (mut host, word) = spawn(command);
    assert!(word == json!({"ready": "run"}) && !user.home.path().join("pgnas").exists());
    let stopped = user.output(&["stop", "run"]);
    assert!(stopped.status.success(), "{}", String::from_utf8_lossy(&stopped.stderr));
    assert_eq!(host.wait().unwrap().code(), Some(0));
}
