//! What the screen costs the training of a search: one search at work in its host, a screen attached and gone again in turn.
//!
//! Whole runs with and without a screen differ by far more than the goal on a machine that others share, and so do windows of one run that
//! lie minutes apart. Short windows that lie side by side meet the same machine. They come in the order with, without, without, with, and
//! in the next four the other way round, so that what drifts slowly falls out of each four. Two neighbours of one kind tell what their
//! difference is where nothing differs: how much the measure resolves.

use super::common::Rows;
use super::interval::{median, told, trimmed_mean};
use super::pty::Terminal;
use super::{SIZE, field};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a window is at least; it ends with an epoch.
const WINDOW: Duration = Duration::from_secs(2);
/// Epochs of a window at least.
const EPOCHS: usize = 3;
/// What follows a change and is in no window: a screen that starts, or one that goes.
const SETTLING: Duration = Duration::from_millis(800);
/// How often a window looks into the log.
const LOOK: Duration = Duration::from_millis(50);

/// What a window saw.
struct Window {
    screen: bool,
    /// Epochs a second by the times of the log, of whole epochs within the window.
    rate: f64,
    /// Processor seconds of host and screen for an epoch.
    processor: f64,
    /// The share of all cores that the screen's process took.
    share: f64,
}

/// Measures so many fours of windows of a search from a preset, and prints what a screen costs.
pub fn cost(out: &mut Rows, fours: usize, preset: &str) {
    let home = tempfile::tempdir().unwrap();
    let run = home.path().join(".local/share/pgnas/runs/cost");
    let endless = ["search", preset, "--run-dir", run.to_str().unwrap(), "--set", "train.epochs=100000"];
    let mut terminal = Terminal::start(home.path(), SIZE, endless);
    terminal.wait("the first epochs", |text| text.contains("epoch 2 "));
    terminal.press("q");
    terminal.ended();
    let host = std::fs::read_to_string(run.join("lock")).expect("the run's lock names its host");
    let mut search = Search { host: Path::new("/proc").join(host.trim()), log: run.join("events.jsonl"), read: 0 };
    let mut windows: Vec<[Window; 4]> = Vec::new();
    for four in 0..fours {
        let order = if four.is_multiple_of(2) { [true, false, false, true] } else { [false, true, true, false] };
        windows.push(order.map(|screen| {
            let attached = screen.then(|| Terminal::start(home.path(), SIZE, ["attach", run.to_str().unwrap()]));
            search.window(attached)
        }));
    }
    let mut stop = Command::new(env!("CARGO_BIN_EXE_pgnas"));
    stop.arg("stop").env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path()).env("TMPDIR", home.path()).env_remove("XDG_DATA_HOME");
    assert!(stop.stdout(Stdio::null()).status().unwrap().success());

    // How much more one takes with a screen than its neighbour without: by logarithms, so that both ways round weigh alike.
    let of_four = |four: &[Window; 4], of: fn(&Window) -> f64| {
        let side = |wanted: bool| four.iter().filter(|window| window.screen == wanted).map(|window| of(window).ln()).sum::<f64>() / 2.0;
        (side(true) - side(false)).exp_m1()
    };
    let of_fours = |of| windows.iter().map(|four| of_four(four, of)).collect::<Vec<f64>>();
    let slowed: Vec<f64> = of_fours(|window| 1.0 / window.rate);
    let all: Vec<&Window> = windows.iter().flatten().collect();
    let pairs = |different: bool| all.windows(2).filter(move |pair| (pair[0].screen != pair[1].screen) == different);
    let neighbours: Vec<f64> = pairs(true)
        .map(|pair| {
            let (with, without) = if pair[0].screen { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
            without.rate / with.rate - 1.0
        })
        .collect();
    let alike: Vec<f64> = pairs(false).map(|pair| pair[1].rate / pair[0].rate - 1.0).collect();
    let what = format!("cost of the screen to training of `{preset}`");
    row(out, &format!("{what}, time of an epoch, fours of windows, trimmed mean"), &slowed, trimmed_mean, "at most 1 %");
    row(out, &format!("{what}, the same, median"), &slowed, median, "at most 1 %");
    row(out, &format!("{what}, the same, neighbouring windows, median"), &neighbours, median, "at most 1 %");
    row(out, "the same of neighbours of one kind: how much it resolves, median", &alike, median, "0");
    row(
        out,
        "the same in processor time of host and screen together, trimmed mean",
        &of_fours(|window| window.processor),
        trimmed_mean,
        "",
    );
    // The engine works on all cores, so that this is what it is kept from, whatever the machine does from one window to the next.
    let shares: Vec<f64> = all.iter().filter(|window| window.screen).map(|window| window.share).collect();
    row(out, "processor time of the screen's process, of all cores, median", &shares, median, "at most 1 %");
}

/// A statistic of shares with its bootstrap interval, in per cent.
fn row(out: &mut Rows, measure: &str, shares: &[f64], statistic: fn(Vec<f64>) -> f64, goal: &str) {
    if shares.is_empty() {
        return;
    }
    out.add(serde_json::json!({ "measure": measure }), &shares.iter().map(|share| 100.0 * share).collect::<Vec<f64>>(), "%");
    let (value, (low, high)) = told(shares, statistic);
    println!("| {measure} | {:+.2} % | {:+.2} to {:+.2} (95 %, n = {}) | {goal} |", 100.0 * value, 100.0 * low, 100.0 * high, shares.len());
}

/// A search that nobody may be looking at.
struct Search {
    host: PathBuf,
    log: PathBuf,
    /// How far the log has been read.
    read: u64,
}

impl Search {
    /// One window, with a screen or without; the screen is left at its end.
    fn window(&mut self, screen: Option<Terminal>) -> Window {
        let drain = |screen: &Option<Terminal>, time: Duration| match screen {
            // Nothing is emulated here: that would be the terminal's cost, on a machine of its own where one works over a line.
            Some(terminal) => {
                let end = Instant::now() + time;
                while terminal.output.recv_timeout(end.saturating_duration_since(Instant::now())).is_ok() {}
            }
            None => std::thread::sleep(time),
        };
        drain(&screen, SETTLING);
        let (process, host) = (screen.as_ref().map(super::process), self.host.clone());
        let processor = || {
            let of = |process: &Path| -> f64 {
                let threads = std::fs::read_dir(process.join("task")).expect("this system has /proc");
                threads.map(|thread| field(&thread.expect("a thread").path().join("schedstat"), "") as f64 / 1e9).sum()
            };
            [of(&host), process.as_deref().map_or(0.0, of)]
        };
        let _ = self.epochs();
        let (begun, before) = (Instant::now(), processor());
        let mut ends = Vec::new();
        while ends.len() <= EPOCHS || begun.elapsed() < WINDOW {
            drain(&screen, LOOK);
            ends.extend(self.epochs());
        }
        let (seconds, after) = (begun.elapsed().as_secs_f64(), processor());
        let [host, screened] = [0, 1].map(|which| (after[which] - before[which]) / seconds);
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let with = screen.is_some();
        if let Some(mut terminal) = screen {
            terminal.press("q");
            terminal.ended();
        }
        let rate = (ends.len() - 1) as f64 / (ends[ends.len() - 1] - ends[0]);
        Window { screen: with, rate, processor: (host + screened) / rate, share: screened / cores }
    }

    /// When the epochs ended that the log has got since it was asked last, in seconds of the run.
    fn epochs(&mut self) -> Vec<f64> {
        let mut file = std::fs::File::open(&self.log).expect("the run has a log");
        file.seek(SeekFrom::Start(self.read)).expect("a log only grows");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("a log is text");
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.read += whole as u64;
        let events = text[..whole].lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        events.filter(|event| event["event"] == "epoch").filter_map(|event| event["seconds"].as_f64()).collect()
    }
}
