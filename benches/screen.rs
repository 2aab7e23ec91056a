//! What the screen costs and how quick it is, measured on the real program in a pseudo-terminal of 120 by 36.
//!
//! `cargo bench --bench screen` measures all and prints the table of docs/benchmarks.md; `-- paint`, `keys`, `idle`, `closed`,
//! `large`, `open`, `cost`, `replay` one of them alone. `-- cost 200` takes 200 fours of windows instead of 30, each of some twelve seconds (`--preset fashion`: of another preset than `digits`). On a machine with other work to do the figures are that work's, too.
//! `-- soak --minutes 60 --preset fashion`, which is in no other call, watches the memory of a long search.

mod common;
#[expect(dead_code, reason = "others use the rest of it")]
#[path = "../tests/pty/mod.rs"]
mod pty;

#[path = "screen/cost.rs"]
mod cost;
#[path = "screen/interval.rs"]
mod interval;
#[path = "screen/soak.rs"]
mod soak;

use common::Rows;
use pty::Terminal;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SIZE: (u16, u16) = (120, 36);
/// The end of a frame.
const SYNCHRONISED: &[u8] = b"\x1b[?2026l";

fn main() {
    let (mut rows, words) = Rows::of_arguments("screen");
    let out = &mut rows;
    if words.iter().any(|word| word == "soak") {
        soak::soak(out, &words);
        return rows.write();
    }
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| word == name);
    let fours = words.iter().find_map(|word| word.parse().ok()).unwrap_or(30);
    let preset = words.iter().position(|word| word == "--preset").and_then(|at| words.get(at + 1)).map_or("digits", String::as_str);
    println!("| measure | median | spread | goal |\n|---|---|---|---|");
    if wanted("paint") {
        first_paint(out, "start screen", &[], "Runs");
        first_paint(out, "start screen with its lists", &[], "fashion");
        first_paint(out, "a search", &["search", "digits", "--in-process"], "Network");
    }
    if wanted("keys") {
        keys(out);
        resizes(out);
    }
    if wanted("idle") {
        idle(out);
        start_screen_memory();
    }
    if wanted("closed") {
        closed(out);
    }
    if wanted("large") {
        large(out);
    }
    if wanted("open") {
        opening(out);
    }
    if wanted("replay") {
        replay(out);
    }
    if wanted("cost") {
        cost::cost(out, fours, preset);
    }
    rows.write();
}

/// Values in order, for medians and shares.
struct Sorted(Vec<f64>);

impl Sorted {
    fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        assert!(!values.is_empty(), "nothing was measured");
        Self(values)
    }

    /// The value that a share of the others does not exceed.
    fn at(&self, share: f64) -> f64 {
        self.0[(share * (self.0.len() - 1) as f64).round() as usize]
    }

    fn row(&self, out: &mut Rows, measure: &str, unit: &str, goal: &str) {
        let (low, high) = (self.0[0], self.0[self.0.len() - 1]);
        let number = |value: f64| if value.abs() < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") };
        let spread = format!("{} to {}, p99 {}, n = {}", number(low), number(high), number(self.at(0.99)), self.0.len());
        println!("| {measure} | {} {unit} | {spread} | {goal} |", number(self.at(0.5)));
        out.add(serde_json::json!({ "measure": measure }), &self.0, unit);
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// From before the program is started to a whole frame with a certain word on it.
fn first_paint(out: &mut Rows, name: &str, arguments: &[&str], word: &str) {
    let times = (0..21).map(|_| {
        let home = tempfile::tempdir().unwrap();
        let started = Instant::now();
        let mut terminal = Terminal::start(home.path(), SIZE, arguments);
        let (_, arrived) = terminal.wait(word, |text| text.contains(word));
        let time = milliseconds(arrived - started);
        leave(&mut terminal);
        time
    });
    // The first one reads the program from disk.
    Sorted::of(times.skip(1)).row(out, &format!("first paint, {name}"), "ms", "under 100 ms");
}

fn leave(terminal: &mut Terminal) {
    terminal.press("\x03\x03");
    terminal.ended();
}

/// A search of the preset `digits` as it is, but without an end.
fn endless(home: &Path) -> Terminal {
    let mut terminal = Terminal::start(home, SIZE, ["search", "digits", "--in-process", "--set", "train.epochs=100000"]);
    terminal.wait("the first epochs", |text| text.contains("epoch 2 "));
    terminal
}

/// Key to visible effect, and the bytes of frames, while the engine trains on all cores.
fn keys(out: &mut Rows) {
    const TITLES: [&str; 5] = ["▸ Curves", "▸ Posterior", "▸ Candidate ", "▸ Candidates", "▸ Network"];
    let home = tempfile::tempdir().unwrap();
    let mut terminal = endless(home.path());
    let latencies = (0..300_u64).map(|press| {
        let title = TITLES[press as usize % TITLES.len()];
        // Uneven, so that keys do not fall into step with frames.
        std::thread::sleep(Duration::from_millis(20 + press * 37 % 101));
        let pressed = Instant::now();
        terminal.press("\t");
        let (_, arrived) = terminal.wait(title, |text| text.contains(title));
        milliseconds(arrived.saturating_duration_since(pressed))
    });
    Sorted::of(latencies).row(out, "key to visible effect, engine training", "ms", "p99 under 16 ms, at most 50 ms");

    // Nobody presses a key now. The screen's thread is the first of the process, and its file tells nanoseconds at work.
    let process = process(&terminal);
    let drawing = process.join("task").join(process.file_name().expect("its number")).join("schedstat");
    let (mut stream, begin, before) = (Vec::new(), Instant::now(), field(&drawing, ""));
    while begin.elapsed() < Duration::from_secs(20) {
        if let Ok((_, bytes)) = terminal.output.recv_timeout(Duration::from_secs(1)) {
            stream.extend(bytes);
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let ends: Vec<usize> = (0..stream.len()).filter(|&at| stream[at..].starts_with(SYNCHRONISED)).collect();
    let frames = ends.windows(2).map(|pair| (pair[1] - pair[0]) as f64);
    Sorted::of(frames).row(out, "bytes of a frame, engine training", "bytes", "median under 4096");
    println!(
        "| frames, engine training | {:.1} a second | {:.0} bytes a second | at most 30 |",
        ends.len() as f64 / seconds,
        stream.len() as f64 / seconds
    );
    let share = (field(&drawing, "") - before) as f64 / 1e9 / seconds;
    println!("| the screen's thread at work, engine training | {:.2} % of a core | | |", 100.0 * share);
    leave(&mut terminal);
}

/// From a new size of the window to a whole frame of that size, while the engine trains.
fn resizes(out: &mut Rows) {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = endless(home.path());
    let times = (0..40).map(|round| {
        let (columns, rows) = if round % 2 == 0 { (80, 24) } else { SIZE };
        let changed = Instant::now();
        terminal.resize(columns, rows);
        // The last line of the frame is at the last line of the window.
        let (_, arrived) = terminal.wait("the hints", |text| {
            text.lines().count() == usize::from(rows) && text.lines().last().is_some_and(|line| line.contains("? help"))
        });
        std::thread::sleep(Duration::from_millis(50));
        milliseconds(arrived.saturating_duration_since(changed))
    });
    Sorted::of(times).row(out, "new size to whole frame, engine training", "ms", "");
    drop(terminal.close().kill());
}

/// Wake-ups of all threads of a paused search, and what it keeps in memory.
fn idle(out: &mut Rows) {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = endless(home.path());
    terminal.press(" ");
    terminal.wait("the pause", |text| text.contains("paused"));
    std::thread::sleep(Duration::from_secs(2));
    let process = process(&terminal);
    let rates = (0..5).map(|_| {
        let (before, begin) = (wake_ups(&process), Instant::now());
        std::thread::sleep(Duration::from_secs(4));
        (wake_ups(&process) - before) as f64 / begin.elapsed().as_secs_f64()
    });
    Sorted::of(rates).row(out, "wake-ups of the process, search paused", "a second", "at most 1");
    let resident = field(&process.join("status"), "VmRSS:") / 1024;
    println!("| memory, paused search of `digits` with its screen | {resident} MB | | under 1024 MB |");
    leave(&mut terminal);
}

/// A window that is closed: how soon the screen of a search in a process of its own is gone, and what the screen of one in the same process
/// still takes while that search goes on.
fn closed(out: &mut Rows) {
    let times = (0..9).map(|round| {
        let home = tempfile::tempdir().unwrap();
        let run = home.path().join(".local/share/pgnas/runs").join(format!("closed{round}"));
        let mut terminal = Terminal::start(home.path(), SIZE, search(run.to_str().unwrap()));
        terminal.wait("the first epoch", |text| text.contains("epoch 1 "));
        let closed = Instant::now();
        terminal.close().wait().expect("the screen ends");
        let time = milliseconds(closed.elapsed());
        let mut stop = Command::new(env!("CARGO_BIN_EXE_pgnas"));
        stop.args(["stop"])
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", home.path())
            .env("TMPDIR", home.path())
            .env_remove("XDG_DATA_HOME");
        assert!(stop.stdout(Stdio::null()).status().unwrap().success());
        time
    });
    Sorted::of(times).row(out, "window closed to screen gone", "ms", "under 2000 ms");
    let home = tempfile::tempdir().unwrap();
    let terminal = endless(home.path());
    let process = process(&terminal);
    let drawing = process.join("task").join(process.file_name().expect("its number")).join("schedstat");
    let mut child = terminal.close();
    std::thread::sleep(Duration::from_secs(2));
    let (begin, before) = (Instant::now(), field(&drawing, ""));
    std::thread::sleep(Duration::from_secs(10));
    let share = (field(&drawing, "") - before) as f64 / 1e9 / begin.elapsed().as_secs_f64();
    println!(
        "| the screen's thread at work, window closed, search going on in its process | {:.2} % of a core | | under 5 % |",
        100.0 * share
    );
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

/// Keys on the end of a run of `digits`, and on that of one as large as they come: 638 groups and 1,500 candidates.
fn large(out: &mut Rows) {
    for (preset, candidates) in [("digits", 600), ("supnet-d121", 1500)] {
        let home = tempfile::tempdir().unwrap();
        let run = short_run(home.path());
        let groups = write_log_of(&run.join("events.jsonl"), preset, 40, candidates);
        let mut terminal = Terminal::start(home.path(), SIZE, ["replay", run.to_str().unwrap(), "--speed", "0.02"]);
        terminal.wait("the replay", |text| text.contains("replay playing"));
        terminal.press(" t100%\r");
        terminal.wait("its end", |text| text.contains("at its end"));
        let subject = format!("{groups} groups and {candidates} candidates");
        for (measure, keys) in [("a candidate on", ["]", "["]), ("the next screen", ["2", "1"])] {
            let times = (0..200).map(|press| {
                // As quick as a keyboard repeats, and uneven; faster keys share frames.
                std::thread::sleep(Duration::from_millis(35 + press as u64 * 37 % 61));
                let before = terminal.text();
                let pressed = Instant::now();
                terminal.press(keys[press % 2]);
                let (_, arrived) = terminal.wait(measure, |text| text != before);
                terminal.finish_frame();
                milliseconds(arrived.saturating_duration_since(pressed))
            });
            let times: Vec<f64> = times.collect();
            Sorted::of(times).row(out, &format!("key to visible effect, {subject}: {measure}"), "ms", "p99 under 16 ms");
        }
        let resident = field(&process(&terminal).join("status"), "VmHWM:") / 1024;
        println!("| memory, {subject}, largest | {resident} MB | | |");
        leave(&mut terminal);
    }
}

/// From before the program is started to a whole frame of a run's end: of many candidates, and of many epochs.
fn opening(out: &mut Rows) {
    for (preset, epochs, candidates) in [("fashion", 40, 10_000), ("supnet-m", 1_800, 600)] {
        let home = tempfile::tempdir().unwrap();
        let run = short_run(home.path());
        write_log_of(&run.join("events.jsonl"), preset, epochs, candidates);
        let arguments = ["replay", run.to_str().unwrap(), "--speed", "0.02"];
        let times = (0..7).map(|_| {
            let started = Instant::now();
            let mut terminal = Terminal::start(home.path(), SIZE, arguments);
            terminal.wait("the replay", |text| text.contains("replay playing"));
            terminal.press(" t100%\r");
            let (_, arrived) = terminal.wait("its end", |text| text.contains("at its end"));
            let time = milliseconds(arrived - started);
            leave(&mut terminal);
            time
        });
        let measure = format!("a run opened, `{preset}`, {epochs} epochs and {candidates} candidates");
        Sorted::of(times).row(out, &measure, "ms", "under 1000 ms");
    }
}

/// The log of a run of a preset's network with so many epochs and candidates, made of those of a short run; tells its mask groups.
fn write_log_of(path: &Path, preset: &str, epochs: usize, candidates: usize) -> usize {
    use serde_json::{Value, json};
    let text = std::fs::read_to_string(path).expect("a log");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    let of = |kind: &str| lines.iter().find(|line| line["event"] == kind).expect("one of each").clone();
    let loaded = pgnas::preset::Preset::load(preset, None, &[]).expect("a preset");
    let graph = pgnas::cli::prepare::graph(&loaded).expect("a network");
    let network = pgnas::run::NetworkSummary::of(&graph);
    let channels: Vec<usize> = network.groups.iter().map(|group| group.channels).collect();
    let share = |group: usize, number: usize| ((group * 7919 + number * 104_729) % 1000) as f64 / 1000.0;
    let mut events = Vec::new();
    let mut started = of("started");
    (started["network"], started["epochs"]) = (serde_json::to_value(&network).expect("numbers"), json!(epochs));
    events.push(started);
    for number in 1..=epochs {
        let mut epoch = of("epoch");
        epoch["epoch"] = json!(number);
        epoch["drop_probabilities"] =
            (0..channels.len()).map(|group| 0.1 + 0.8 * share(group, 0) * number as f64 / epochs as f64).collect();
        epoch["weight_norms"] = (0..channels.len()).map(|group| share(group, number)).collect();
        events.push(epoch);
    }
    for number in 0..candidates {
        let mut candidate = of("candidate");
        candidate["id"] = json!(number + 1);
        candidate["source"] = json!(if number % 2 == 0 { "posterior" } else { "random" });
        candidate["select"]["recalibrated"]["correct"] = json!(200 + number * 7919 % 140);
        candidate["kept"] = channels.iter().enumerate().map(|(group, &all)| (share(group, number) * all as f64) as u64).collect();
        events.push(candidate);
    }
    events.push(of("finished"));
    let written = events.iter_mut().enumerate().map(|(at, event)| {
        (event["sequence"], event["seconds"]) = (json!(at), json!(at as f64));
        format!("{event}\n")
    });
    std::fs::write(path, written.collect::<String>()).expect("room");
    channels.len()
}

/// A short search that has ended.
fn short_run(home: &Path) -> std::path::PathBuf {
    let run = home.join("run");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgnas"));
    command.args(["search", "digits", "--headless", "--run-dir"]).arg(&run);
    command.args(["--set", "train.epochs=2", "--set", "rank.posterior=4", "--set", "rank.random=4", "--set", "rank.test=false"]);
    command.args(["--set", "rank.uniform=0", "--set", "rank.constant=0"]);
    assert!(command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    run
}

/// Memory of the screen alone.
fn start_screen_memory() {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start::<&str>(home.path(), SIZE, []);
    terminal.wait("the start screen", |text| text.contains("fashion"));
    let resident = field(&process(&terminal).join("status"), "VmHWM:") / 1024;
    println!("| memory, start screen, largest | {resident} MB | | under 50 MB |");
    leave(&mut terminal);
}

/// What the system tells of the program.
fn process(terminal: &Terminal) -> std::path::PathBuf {
    Path::new("/proc").join(terminal.child.process_id().expect("the program runs").to_string())
}

/// How often threads of the program went to sleep, which is how often they woke.
fn wake_ups(process: &Path) -> u64 {
    let threads = std::fs::read_dir(process.join("task")).expect("this system has /proc");
    threads.map(|thread| field(&thread.expect("a thread").path().join("status"), "voluntary_ctxt_switches:")).sum()
}

fn field(file: &Path, name: &str) -> u64 {
    let text = std::fs::read_to_string(file).expect("this system has /proc");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a known field");
    line.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
}

/// A search of `digits` that trains as it is and ranks next to nothing.
fn search(run: &str) -> [&str; 12] {
    let [posterior, random, uniform, constant] = ["rank.posterior=2", "rank.random=2", "rank.uniform=0", "rank.constant=0"];
    ["search", "digits", "--run-dir", run, "--set", posterior, "--set", random, "--set", uniform, "--set", constant]
}

/// A log of a million events: to its first frame, to its end, and back, and what it takes in memory.
fn replay(out: &mut Rows) {
    const EVENTS: usize = 1_000_000;
    let home = tempfile::tempdir().unwrap();
    let run = short_run(home.path());
    let log = run.join("events.jsonl");
    let bytes = write_long_log(&log, EVENTS);
    println!("| log of a replay | {EVENTS} events, {} MB | | |", bytes >> 20);
    let arguments = ["replay", run.to_str().unwrap(), "--speed", "0.02"];
    let mut opened = Vec::new();
    for _ in 0..7 {
        let started = Instant::now();
        let mut terminal = Terminal::start(home.path(), SIZE, arguments);
        let (_, arrived) = terminal.wait("the replay", |text| text.contains("replay playing"));
        opened.push(milliseconds(arrived - started));
        leave(&mut terminal);
    }
    Sorted::of(opened).row(out, "a replay of it, first frame", "ms", "under 2000 ms");
    let mut terminal = Terminal::start(home.path(), SIZE, arguments);
    terminal.wait("the replay", |text| text.contains("replay playing"));
    let resident = |terminal: &Terminal| field(&process(terminal).join("status"), "VmHWM:") / 1024;
    println!("| memory, first frame of it, largest | {} MB | | bounded |", resident(&terminal));
    for (measure, keys, word) in [
        ("to event 500,000", "t50%\r", "event 500000 of"),
        ("back from there to event 499,900", "t499900\r", "event 499900 of"),
        ("to its end", "t100%\r", "event 1000000 of"),
        ("back from there by one event", "<", "event 999999 of"),
        ("back from there to event 250,000", "t25%\r", "event 250000 of"),
    ] {
        let pressed = Instant::now();
        terminal.press(keys);
        let (_, arrived) = terminal.wait(word, |text| text.contains(word) && !text.contains("replay reading"));
        println!("| a replay of it, {measure} | {:.0} ms | | |", milliseconds(arrived.saturating_duration_since(pressed)));
    }
    println!("| memory, replay of it at the end, largest | {} MB | | |", resident(&terminal));
    leave(&mut terminal);
}

/// Repeats the epochs and candidates of a log until it has so many events, an epoch in a thousand; tells its bytes.
fn write_long_log(path: &Path, events: usize) -> u64 {
    use std::io::Write as _;
    let text = std::fs::read_to_string(path).expect("a log");
    let head = text.lines().next().expect("a head");
    let of = |kind: &str| -> Vec<&str> {
        let kind = format!("\"event\":\"{kind}\"");
        text.lines().filter_map(|line| line.find(&kind).map(|at| &line[at..])).collect()
    };
    let (epochs, candidates) = (of("epoch"), of("candidate"));
    let mut out = std::io::BufWriter::new(std::fs::File::create(path).expect("room"));
    writeln!(out, "{head}").expect("room");
    for at in 1..events {
        let rest = if at % 1000 == 1 { epochs[at / 1000 % epochs.len()] } else { candidates[at % candidates.len()] };
        let numbered = rest.find("\"id\":").map(|from| {
            let end = rest[from..].find(',').expect("more keys") + from;
            format!("{}\"id\":{at}{}", &rest[..from], &rest[end..])
        });
        writeln!(out, "{{\"sequence\":{at},\"seconds\":{at}.5,{}", numbered.as_deref().unwrap_or(rest)).expect("room");
    }
    out.flush().expect("room");
    std::fs::metadata(path).expect("the log").len()
}
