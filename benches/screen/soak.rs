//! The memory of a long search, of its host's process and of the screen's, sampled while both work for as long as asked.

use super::common::Rows;
use super::interval::interval;
use super::pty::Terminal;
use super::{SIZE, SYNCHRONISED, field};
use portable_pty::CommandBuilder;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often memory is looked at.
const BETWEEN: Duration = Duration::from_secs(30);
/// As many epochs as a preset may have: `digits` would take a day for them, so that the search outlasts the soak.
const EPOCHS: u32 = 100_000;
/// Neighbouring samples that a resample keeps together: what an allocator holds at one is what it holds at the next.
const BLOCK: usize = 8;
/// What is pressed in turn, one key a sample: every screen of a search, and its panes.
const KEYS: [&str; 6] = ["2", "3", "1", "\t", "\t", "\t"];

/// One look.
struct Sample {
    hours: f64,
    host: f64,
    screen: f64,
    epoch: u64,
}

/// Runs a search with a screen for so long and prints its memory, line by line and in sum.
pub fn soak(out: &mut Rows, words: &[String]) {
    let value = |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
    let minutes: f64 = value("--minutes").map_or(60.0, |minutes| minutes.parse().expect("--minutes takes a number"));
    let preset = value("--preset").map_or("fashion", String::as_str);
    let home = tempfile::tempdir().unwrap();
    // A build during the hour would change the program under the run.
    let program = home.path().join("program");
    std::fs::copy(env!("CARGO_BIN_EXE_pgnas"), &program).expect("room");
    let run = home.path().join(".local/share/pgnas/runs/soak");
    let epochs = format!("train.epochs={EPOCHS}");
    let mut command = CommandBuilder::new(&program);
    command.args(["search", preset, "--run-dir", run.to_str().unwrap(), "--set", &epochs]);
    let mut terminal = Terminal::run(home.path(), SIZE, command);
    terminal.wait("the first epoch", |text| text.contains("epoch 1 "));
    let host = std::fs::read_to_string(run.join("lock")).expect("the run's lock names its host");
    let (host, screen) = (Path::new("/proc").join(host.trim()), super::process(&terminal));
    println!("| minute | host MB | screen MB | epoch | frames | kB written |\n|---|---|---|---|---|---|");
    let (begun, mut samples) = (Instant::now(), Vec::new());
    while begun.elapsed().as_secs_f64() < minutes * 60.0 {
        let sample = Sample { hours: begun.elapsed().as_secs_f64() / 3600.0, host: resident(&host), screen: resident(&screen), epoch: 0 };
        let (frames, bytes, epoch) = drain(&mut terminal, begun + BETWEEN * (samples.len() as u32 + 1));
        let sample = Sample { epoch, ..sample };
        println!(
            "| {:.1} | {:.1} | {:.1} | {} | {frames} | {:.0} |",
            sample.hours * 60.0,
            sample.host,
            sample.screen,
            sample.epoch,
            bytes as f64 / 1e3
        );
        terminal.press(KEYS[samples.len() % KEYS.len()]);
        samples.push(sample);
    }
    terminal.press("q");
    terminal.ended();
    let mut stop = Command::new(&program);
    stop.args(["stop"]).env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path()).env_remove("XDG_DATA_HOME");
    assert!(stop.stdout(Stdio::null()).status().unwrap().success());
    println!("\n| memory of | after the first epoch | most above that | slope | 95 % |\n|---|---|---|---|---|");
    told(out, preset, "host", &samples, |sample| sample.host);
    told(out, preset, "screen", &samples, |sample| sample.screen);
}

/// Memory of a process that is in use, in MB.
fn resident(process: &Path) -> f64 {
    field(&process.join("status"), "VmRSS:") as f64 / 1024.0
}

/// Reads until then; tells whole frames, bytes, and the epoch that the last frame which names one shows.
fn drain(terminal: &mut Terminal, until: Instant) -> (usize, usize, u64) {
    let (mut frames, mut all) = (0, 0);
    while let Ok((_, bytes)) = terminal.output.recv_timeout(until.saturating_duration_since(Instant::now())) {
        frames += bytes.windows(SYNCHRONISED.len()).filter(|window| *window == SYNCHRONISED).count();
        all += bytes.len();
        terminal.screen.process(&bytes);
    }
    let text = terminal.text();
    let epoch = text.split("epoch ").nth(1).and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    (frames, all, epoch.unwrap_or_default())
}

/// The row of one process.
fn told(out: &mut Rows, preset: &str, name: &str, samples: &[Sample], of: fn(&Sample) -> f64) {
    let points: Vec<(f64, f64)> = samples.iter().map(|sample| (sample.hours, of(sample))).collect();
    let Some(&(_, first)) = points.first() else { return };
    let most = points.iter().map(|(_, memory)| memory - first).fold(0.0, f64::max);
    let blocks = points.len().saturating_sub(BLOCK).max(1);
    let (low, high) = interval(blocks, |draw| {
        let starts = (0..points.len().div_ceil(BLOCK)).map(|_| draw());
        slope(&starts.flat_map(|start| points[start..].iter().take(BLOCK).copied()).collect::<Vec<_>>())
    });
    println!(
        "| {name}, `{preset}` | {first:.1} MB | {most:.1} MB | {:+.2} MB an hour | {:+.2} to {:+.2}, n = {} |",
        slope(&points),
        low,
        high,
        points.len()
    );
    out.add(
        serde_json::json!({ "measure": format!("memory of the {name}, `{preset}`") }),
        &points.iter().map(|(_, memory)| *memory).collect::<Vec<_>>(),
        "MB",
    );
}

/// Of the line of least squares; 0 where all stand at one place.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let middle = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (middle(|point| point.0), middle(|point| point.1));
    let across: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    if across > 0.0 { points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / across } else { 0.0 }
}
