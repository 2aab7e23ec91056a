//! Devices that other processes serve: who is let in, and what becomes of the work of one that dies.
#![cfg(feature = "remote")]

#[expect(dead_code, reason = "others use the rest of it")]
mod user;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use user::{User, text};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(4);

/// A search that ends within seconds.
const SMALL: &str = "search digits --set space.stages=4,6 --set train.epochs=1 --set rank.posterior=9 --set rank.random=9 \
                     --set rank.uniform=0 --set rank.constant=0 --set rank.recalibration_images=64";

/// What makes it rank for long enough to be disturbed.
const MANY: &str = "--set rank.posterior=150 --set rank.random=150";

/// A server of one device, which dies with it.
struct Server {
    process: Child,
    /// What `--device` takes.
    name: String,
}

impl Server {
    fn start(user: &User) -> Self {
        let mut process =
            user.command("serve --device cpu --listen 127.0.0.1:0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut name = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut name).unwrap();
        Self { process, name: name.trim().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Two machines: a user of each has a key of their own, and the token of the first.
fn machines() -> (User, User) {
    let (one, other) = (User::new(), User::new());
    drop(Server::start(&one));
    let token = "config/pgnas/remote.token";
    std::fs::create_dir_all(other.path("config/pgnas")).unwrap();
    std::fs::copy(one.path(token), other.path(token)).unwrap();
    (one, other)
}

/// The candidates of a run, line by line.
fn candidates(user: &User, run: &str) -> Vec<String> {
    let text = std::fs::read_to_string(user.path(run).join("candidates/candidates.jsonl")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_server_is_private_and_lets_nobody_in_without_its_token() {
    use std::os::unix::fs::PermissionsExt as _;
    let (one, stranger) = (User::new(), User::new());
    let server = Server::start(&one);
    let (prefix, place) = server.name.split_once('@').unwrap();
    assert!(prefix.starts_with("remote:") && prefix.len() == 7 + 64 && place.starts_with("127.0.0.1:"), "{}", server.name);
    for kept in ["config/pgnas/remote.token", "config/pgnas/server.key"] {
        assert_eq!(one.path(kept).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{kept}");
    }
    let port: u16 = place.rsplit(':').next().unwrap().parse().unwrap();
    let listening = std::fs::read_to_string("/proc/net/udp").unwrap() + &std::fs::read_to_string("/proc/net/udp6").unwrap_or_default();
    let local = listening.lines().filter_map(|line| line.split_whitespace().nth(1));
    let at_port: Vec<&str> = local.filter(|local| local.ends_with(&format!(":{port:04X}"))).collect();
    assert_eq!(at_port, [format!("0100007F:{port:04X}")], "it listens at the loopback address and nowhere else");

    let refused = stranger.mistake(&format!("{SMALL} --headless --device {}", server.name));
    assert!(refused.contains("rejected the credential") && refused.contains("PGNAS_REMOTE_TOKEN"), "{refused}");
    assert!(!stranger.path("data").join("pgnas/runs").exists(), "nothing is begun");

    let other_key = format!("remote:{}@{place}", "ab".repeat(32));
    let told = one.mistake(&format!("{SMALL} --headless --device {other_key}"));
    assert!(told.starts_with("device remote:abababab@127.0.0.1"), "a server with another key is not believed: {told}");

    let twice = one.mistake(&format!("{SMALL} --headless --device {0},{0}", server.name));
    assert!(twice.contains("stands in the list twice"), "{twice}");
    let index = one.mistake(&format!("{SMALL} --headless --device {}/3", server.name));
    assert!(index.contains("hosts only 1 device"), "{index}");
}

#[test]
fn a_server_that_dies_leaves_its_work_to_the_others() {
    let (one, other) = machines();
    let (first, second) = (Server::start(&one), Server::start(&other));
    assert_ne!(first.name.split('@').next(), second.name.split('@').next(), "each has a key of its own");
    let alone = one.run(&format!("{SMALL} {MANY} --headless --run-dir alone --device {}", first.name));
    assert!(alone.status.success(), "{}", text(&alone.stderr));

    let both = one.run(&format!("{SMALL} {MANY} --headless --run-dir both --devices {},{}", first.name, second.name));
    assert!(both.status.success(), "{}", text(&both.stderr));
    let expected = candidates(&one, "alone");
    assert_eq!(expected.len(), 302);
    assert_eq!(candidates(&one, "both"), expected, "the same whoever ranks");

    let line = format!("{SMALL} {MANY} --headless --run-dir broken --devices {},{}", first.name, second.name);
    let search = one.command(&line).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while candidates(&one, "broken").len() < 10 {
        assert!(begun.elapsed() < PATIENCE, "nothing is ranked");
        std::thread::sleep(Duration::from_millis(5));
    }
    // SIGKILL: it says good-bye to nobody.
    drop(second);
    let ended = search.wait_with_output().unwrap();
    let told = text(&ended.stderr);
    assert!(ended.status.success(), "{told}");
    assert!(told.contains("broke at its work") && told.contains("nothing is lost, the others do its part"), "{told}");
    assert!(!told.contains("panicked"), "{told}");
    assert_eq!(candidates(&one, "broken"), expected, "nothing is lost");
}

#[test]
fn retraining_spreads_over_devices() {
    let (one, other) = machines();
    let (first, second) = (Server::start(&one), Server::start(&other));
    let devices = [first.name.as_str(), second.name.as_str()];
    one.output(&format!("{SMALL} --headless --run-dir run --device cpu"));
    let copy = |run: &str| {
        let copied = std::process::Command::new("cp").args(["-r"]).args([one.path("run"), one.path(run)]).status().unwrap();
        assert!(copied.success());
    };
    copy("alone");
    copy("both");
    let correlate = |run: &str, devices: &str| {
        let output = one.run(&format!("correlate {run} --n 4 --epochs 1 --devices {devices} --json"));
        assert!(output.status.success(), "{}", text(&output.stderr));
        let figures: serde_json::Value = serde_json::from_str(&text(&output.stdout)).unwrap();
        (figures["judged"].clone(), text(&output.stderr))
    };
    let (alone, _) = correlate("alone", devices[0]);
    let (both, told) = correlate("both", &devices.join(","));
    assert_eq!(both, alone);
    for device in devices {
        let label = format!(" on {}@", &device.split('@').next().unwrap()[..15]);
        assert!(told.contains(&label), "{label} took no part: {told}");
    }
}
