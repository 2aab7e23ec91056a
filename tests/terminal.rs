//! The program on a real (pseudo-)terminal: what a person sees and does in a search, and what happens when the terminal goes away.

mod pty;

use pgnas::run::{Event, Outcome, read_log};
use pty::Terminal;
use std::path::Path;

/// A small search on a terminal of 120 by 36.
fn search(run: &Path, epochs: u32) -> Terminal {
    let epochs = format!("train.epochs={epochs}");
    let mut arguments: Vec<String> = ["search", "digits", "--seed", "1", "--run-dir"].map(str::to_owned).to_vec();
    arguments.push(run.display().to_string());
    for setting in ["space.stages=4,6", &epochs, "rank.posterior=4", "rank.random=4", "rank.recalibration_images=64"] {
        arguments.extend(["--set".to_owned(), setting.to_owned()]);
    }
    Terminal::start(run.parent().unwrap(), (120, 36), arguments)
}

/// The keep probability on the row of the first operation.
fn first_keep(text: &str) -> Option<&str> {
    let row = text.lines().find(|line| line.contains("0→1") && line.contains("conv 1×1"))?;
    row.split_whitespace().find(|word| word.len() == 4 && word.parse::<f32>().is_ok())
}

/// The number of the candidate that the screen is about.
fn candidate(text: &str) -> Option<u32> {
    text.split("Candidate ").skip(1).find_map(|rest| rest.split_whitespace().next()?.parse().ok())
}

#[test]
fn a_person_watches_steps_exports_and_leaves() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let mut terminal = search(&run, 12);
    let (begin, _) = terminal.wait("the network", |text| first_keep(text).is_some());
    let first = first_keep(&begin).unwrap().to_owned();
    terminal.wait("a probability that moved", |text| first_keep(text).is_some_and(|keep| keep != first));
    let (done, _) = terminal.wait("the end of the search", |text| text.contains("completed") && candidate(text).is_some());
    let before = candidate(&done).unwrap();
    terminal.press("j");
    let (stepped, _) = terminal.wait("the next candidate", |text| candidate(text).is_some_and(|now| now != before));
    let chosen = candidate(&stepped).unwrap();
    terminal.press("e");
    terminal.wait("the export", |text| text.contains("written to"));
    let genotype = std::fs::read_to_string(run.join(format!("exports/{chosen}/genotype.json"))).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&genotype).is_ok());

    // The same screen in a small window.
    terminal.resize(80, 24);
    terminal.wait("the header of the small window, in two lines", |text| text.lines().nth(1).is_some_and(|line| line.contains("took")));
    // Nothing is going on any more, so nothing is asked.
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    assert!(!terminal.screen.screen().alternate_screen() && !terminal.screen.screen().hide_cursor(), "the terminal is given back");
}

#[test]
fn leaving_a_search_asks_and_keeps_what_is_there() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let mut terminal = search(&run, 100_000);
    terminal.wait("training", |text| text.contains("training"));
    terminal.press(" ");
    terminal.wait("the pause", |text| text.contains("paused"));
    terminal.press("s");
    terminal.wait("candidates sampled now", |text| text.contains("20 posterior"));
    terminal.press("q");
    terminal.wait("the question", |text| text.contains("the search stops, what is there is kept"));
    terminal.press("y");
    assert_eq!(terminal.ended(), 3);
    let (records, _) = read_log(&run.join("events.jsonl")).unwrap();
    assert!(matches!(&records.last().unwrap().event, Event::Finished { outcome: Outcome::Stopped, .. }));
}

#[test]
fn a_search_outlives_its_terminal() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let mut terminal = search(&run, 12);
    terminal.wait("training", |text| text.contains("training"));
    assert!(terminal.close().wait().unwrap().success());
    let (records, _) = read_log(&run.join("events.jsonl")).unwrap();
    assert!(matches!(&records.last().unwrap().event, Event::Finished { outcome: Outcome::Completed, .. }));
}
