//! What the screen takes, within bounds that no busy machine breaks: bytes of a frame, wake-ups and bytes where nothing happens, memory.
//! How much it is in truth, and how soon it answers, `benches/screen.rs` measures.

#[expect(dead_code, reason = "others use the rest of it")]
mod pty;

use pty::Terminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SIZE: (u16, u16) = (120, 36);
/// As `docs/benchmarks.md` has it.
const FRAME: usize = 4096;
const MEMORY_KIB: u64 = 50 * 1024;
/// How long nothing is watched to happen: the longer, the surer, and no test fails for its being short.
const WATCHED: Duration = Duration::from_secs(3);
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// A search of `digits` without an end.
fn search(home: &Path, flags: &[&str]) -> Terminal {
    let run = home.join(".local/share/pgnas/runs/live");
    // As many groups as in `digits`, of fewer channels.
    let settings = ["--set", "train.epochs=100000", "--set", "space.stages=4,6", "--run-dir", run.to_str().unwrap()];
    let mut terminal = Terminal::start(home, SIZE, [["search", "digits"].as_slice(), flags, &settings].concat());
    terminal.wait("two epochs", |text| epoch(text) >= Some(2));
    terminal
}

/// The epoch that the head of the screen tells; frames need not show every one.
fn epoch(text: &str) -> Option<u32> {
    text.split("epoch ").nth(1)?.split(' ').next()?.parse().ok()
}

/// What the system tells of the program.
fn process(terminal: &Terminal) -> PathBuf {
    Path::new("/proc").join(terminal.child.process_id().unwrap().to_string())
}

fn field(file: &Path, name: &str) -> u64 {
    let text = std::fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
    line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap()
}

/// How often threads of the program went to sleep, which is how often they woke.
fn wake_ups(process: &Path) -> u64 {
    let threads = std::fs::read_dir(process.join("task")).unwrap();
    threads.map(|thread| field(&thread.unwrap().path().join("status"), "voluntary_ctxt_switches:")).sum()
}

fn memory_is_small(terminal: &Terminal, what: &str) {
    let largest = field(&process(terminal).join("status"), "VmHWM:");
    assert!(largest < MEMORY_KIB, "{what}: {largest} KiB, and {MEMORY_KIB} at most");
}

/// Nothing is written, and next to nobody wakes.
fn rests(terminal: &mut Terminal, what: &str) {
    terminal.rest();
    let process = process(terminal);
    let (bytes, woken) = (terminal.written.len(), wake_ups(&process));
    terminal.read_for(WATCHED);
    let (bytes, woken) = (terminal.written.len() - bytes, wake_ups(&process) - woken);
    assert_eq!(bytes, 0, "{what}: written while nothing happens");
    let most = 5 * WATCHED.as_secs();
    assert!(woken <= most, "{what}: {woken} wake-ups, and {most} at most");
}

#[test]
fn frames_of_a_search_at_work_are_small() {
    let root = tempfile::tempdir().unwrap();
    let mut terminal = search(root.path(), &["--in-process"]);
    terminal.finish_frame();
    terminal.written.clear();
    while terminal.count(END) < 21 {
        terminal.read_on("a frame");
    }
    terminal.finish_frame();
    let place = |bytes: &[u8], mark: &[u8]| bytes.windows(mark.len()).position(|window| window == mark);
    let (mut rest, mut sizes) = (&terminal.written[..], Vec::new());
    while let Some(begin) = place(rest, BEGIN) {
        let end = begin + place(&rest[begin..], END).unwrap() + END.len();
        sizes.push(end - begin);
        rest = &rest[end..];
    }
    sizes.sort_unstable();
    let median = sizes[sizes.len() / 2];
    assert!(sizes.len() >= 21 && median < FRAME, "of {} frames the median has {median} bytes: {sizes:?}", sizes.len());
    terminal.press("\x03\x03");
    terminal.ended();
}

#[test]
fn nothing_is_drawn_and_nobody_wakes_where_nothing_happens() {
    let root = tempfile::tempdir().unwrap();
    let mut paused = search(root.path(), &["--in-process"]);
    paused.press(" ");
    paused.wait("the pause", |text| text.contains("paused"));
    rests(&mut paused, "a paused search");
    paused.press("\x03\x03");
    paused.ended();
    let mut start = Terminal::start::<&str>(root.path(), SIZE, []);
    start.wait("the start screen", |text| text.contains("fashion") && text.contains("stopped"));
    rests(&mut start, "the start screen");
    memory_is_small(&start, "the start screen");
    start.press("q");
    assert_eq!(start.ended(), 0);
}

#[test]
fn a_screen_on_a_search_in_another_process_is_small() {
    let root = tempfile::tempdir().unwrap();
    let mut first = search(root.path(), &[]);
    memory_is_small(&first, "the screen that started the search");
    let mut attached = Terminal::start(root.path(), SIZE, ["attach"]);
    attached.wait("an epoch more", |text| epoch(text) >= Some(4));
    memory_is_small(&attached, "a screen that is attached");
    first.press("q");
    first.ended();
    attached.press("Sy");
    attached.wait("the end", |text| text.contains("■ stopped"));
    memory_is_small(&attached, "a screen to the end of a search");
    attached.press("q");
    attached.ended();
}
