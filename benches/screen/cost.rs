//! What the screen costs the training of a search: one search at work in its host, a screen attached and gone again in turn.
//!
//! Whole runs with and without a screen differ by more than the goal on a machine that others share. Windows of seconds of one search, in
//! the order with, without, without, with, meet the same machine on either side.

use super::common::Rows;
use super::pty::Terminal;
use super::{SIZE, field};
use pgnas::random::{Purpose, below, stream};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a window is.
const WINDOW: Duration = Duration::from_secs(4);
/// What follows a change and is in no window: a screen that starts, or one that goes.
const SETTLING: Duration = Duration::from_millis(1500);
/// Resamples of the windows for an interval.
const RESAMPLES: usize = 2000;

/// Seconds of an epoch by the log, processor seconds of host and screen for one, and the share of all cores that the screen's process took.
struct Pace {
    wall: f64,
    processor: f64,
    screen: f64,
}

/// Measures so many quartets of windows, and prints what a screen costs, with bootstrap intervals over quartets or windows.
pub fn cost(out: &mut Rows, quartets: usize) {
    let home = tempfile::tempdir().unwrap();
    let run = home.path().join(".local/share/pgnas/runs/cost");
    let endless = ["search", "digits", "--run-dir", run.to_str().unwrap(), "--set", "train.epochs=100000"];
    let mut terminal = Terminal::start(home.path(), SIZE, endless);
    terminal.wait("the first epochs", |text| text.contains("epoch 2 "));
    terminal.press("q");
    terminal.ended();
    let host = std::fs::read_to_string(run.join("lock")).expect("the run's lock names its host");
    let mut search = Search { host: Path::new("/proc").join(host.trim()), log: run.join("events.jsonl"), read: 0 };
    let mut paces = Vec::new();
    for quartet in 0..quartets {
        let with = || -> Terminal { Terminal::start(home.path(), SIZE, ["attach", run.to_str().unwrap()]) };
        // Who goes first changes with each quartet.
        let order = if quartet % 2 == 0 { [true, false, false, true] } else { [false, true, true, false] };
        paces.push(order.map(|screen| (screen, if screen { search.window(Some(with())) } else { search.window(None) })));
    }
    let mut stop = Command::new(env!("CARGO_BIN_EXE_pgnas"));
    stop.arg("stop").env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path()).env("TMPDIR", home.path()).env_remove("XDG_DATA_HOME");
    assert!(stop.stdout(Stdio::null()).status().unwrap().success());
    let ratio = |of: fn(&Pace) -> f64| -> Vec<f64> {
        let side = |quartet: &[(bool, Pace); 4], wanted: bool| {
            quartet.iter().filter(|(screen, _)| *screen == wanted).map(|(_, pace)| of(pace)).sum::<f64>()
        };
        paces.iter().map(|quartet| side(quartet, true) / side(quartet, false) - 1.0).collect()
    };
    told(out, "cost of the screen to training of `digits`, time of an epoch", &ratio(|pace| pace.wall), "at most 1 %");
    told(out, "the same in processor time of host and screen together", &ratio(|pace| pace.processor), "");
    // The engine works on all cores, so that this is what it is kept from, whatever the machine does from one window to the next.
    let seen = paces.iter().flatten().filter(|(screen, _)| *screen);
    let shares: Vec<f64> = seen.map(|(_, pace)| pace.screen).collect();
    told(out, "processor time of the screen's process, of all cores", &shares, "at most 1 %");
}

/// The median of shares with a percentile bootstrap interval, 95 %.
fn told(out: &mut Rows, measure: &str, costs: &[f64], goal: &str) {
    out.add(serde_json::json!({ "measure": measure }), &costs.iter().map(|cost| 100.0 * cost).collect::<Vec<f64>>(), "%");
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let mut generator = stream(1, Purpose::Shuffle, 0);
    let mut again = || costs[below(&mut generator, costs.len())];
    let mut medians: Vec<f64> = (0..RESAMPLES).map(|_| median((0..costs.len()).map(|_| again()).collect())).collect();
    medians.sort_by(f64::total_cmp);
    let at = |share: f64| 100.0 * medians[(share * (RESAMPLES - 1) as f64) as usize];
    let middle = 100.0 * median(costs.to_vec());
    println!("| {measure} | {middle:+.2} % | {:+.2} to {:+.2} (95 %, n = {}) | {goal} |", at(0.025), at(0.975), costs.len());
}

/// A search that nobody may be looking at.
struct Search {
    host: PathBuf,
    log: PathBuf,
    /// How far the log has been read.
    read: u64,
}

impl Search {
    /// The pace over one window, with a screen or without; the screen is left at its end.
    fn window(&mut self, screen: Option<Terminal>) -> Pace {
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
        drain(&screen, WINDOW);
        let (seconds, after) = (begun.elapsed().as_secs_f64(), processor());
        let [host, screened] = [0, 1].map(|which| (after[which] - before[which]) / seconds);
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let ends = self.epochs();
        assert!(ends.len() > 2, "a window has epochs in it");
        if let Some(mut terminal) = screen {
            terminal.press("q");
            terminal.ended();
        }
        let wall = (ends[ends.len() - 1] - ends[0]) / (ends.len() - 1) as f64;
        Pace { wall, processor: (host + screened) * wall, screen: screened / cores }
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
