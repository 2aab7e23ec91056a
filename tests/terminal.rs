//! The program on a real (pseudo-)terminal: what a person sees and does in a search, and what happens when the terminal goes away.

#[expect(dead_code, reason = "others use the rest of it")]
mod pty;

use pgnas::random::{Purpose, open_unit, stream};
use pgnas::run::{Event, Outcome, RunFolder, read_log};
use pty::{PATIENCE, Terminal};
use std::path::Path;
use std::time::{Duration, Instant};

/// A small search on a terminal of 120 by 36.
fn search(home: &Path, run: &Path, epochs: u32, flags: &[&str]) -> Terminal {
    let epochs = format!("train.epochs={epochs}");
    let mut arguments: Vec<String> = ["search", "digits", "--seed", "1"].iter().chain(flags).map(ToString::to_string).collect();
    arguments.push("--run-dir".into());
    arguments.push(run.display().to_string());
    let ranked = ["rank.posterior=4", "rank.random=4", "rank.uniform=0", "rank.constant=0", "rank.recalibration_images=64"];
    for setting in ["space.stages=4,6", &epochs].into_iter().chain(ranked) {
        arguments.extend(["--set".to_owned(), setting.to_owned()]);
    }
    Terminal::start(home, (120, 36), arguments)
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
    let mut terminal = search(root.path(), &run, 12, &[]);
    let (begin, _) = terminal.wait("the network", |text| first_keep(text).is_some());
    let first = first_keep(&begin).unwrap().to_owned();
    terminal.wait("a probability that moved", |text| first_keep(text).is_some_and(|keep| keep != first));
    let (done, _) = terminal.wait("the end of the search", |text| text.contains("completed") && candidate(text).is_some());
    let before = candidate(&done).unwrap();
    terminal.press("]");
    let (stepped, _) = terminal.wait("the next candidate", |text| candidate(text).is_some_and(|now| now != before));
    let chosen = candidate(&stepped).unwrap();
    terminal.press("e");
    terminal.wait("the export", |text| text.contains("written to"));
    let genotype = std::fs::read_to_string(run.join(format!("exports/{chosen}/genotype.json"))).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&genotype).is_ok());

    // What it is worth with each kind of batch norm, and what it becomes when it is trained on.
    terminal.press("3E");
    let figures = |text: &str| text.contains("of the batch") && text.contains("NLL") && text.contains("decides");
    terminal.wait("the figures of the candidate", figures);
    terminal.press("F");
    terminal.wait("the question how", |text| text.contains("train on with: epochs=12 seed=1"));
    terminal.press("\r");
    terminal.wait("the candidate as it is trained", |text| text.contains("fine-tuned, 12 epochs: select"));
    assert!(std::fs::read_to_string(run.join("retrained/retrained.jsonl")).unwrap().contains("\"from\":\"inherited\""));

    // The same screen in a small window.
    terminal.resize(80, 24);
    terminal.wait("the header of the small window, in two lines", |text| text.lines().nth(1).is_some_and(|line| line.contains("took")));
    // Nothing is going on any more, so nothing is asked.
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    assert!(!terminal.screen.screen().alternate_screen() && !terminal.screen.screen().hide_cursor(), "the terminal is given back");
}

#[test]
fn a_log_is_played_stepped_through_and_left_as_it_was() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join(".local/share/pgnas/runs/small");
    let trained = ["space.stages=4,6", "train.epochs=6", "rank.recalibration_images=64"];
    let settings = [trained.as_slice(), &["rank.posterior=4", "rank.random=4", "rank.uniform=0", "rank.constant=0"]].concat();
    let mut arguments = vec!["search", "digits", "--headless", "--run-dir", run.to_str().unwrap()];
    arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    assert!(pgnas(root.path(), &arguments).status.success());
    let state = || {
        let files = std::fs::read_dir(&run).unwrap().map(|file| file.unwrap());
        let mut files: Vec<_> = files.map(|file| (file.path(), file.metadata().unwrap().modified().unwrap())).collect();
        files.sort();
        (files, std::fs::read(run.join("events.jsonl")).unwrap())
    };
    let before = state();
    let events = std::str::from_utf8(&before.1).unwrap().lines().count();

    // So slow that nothing comes by itself but what stands at the very beginning.
    let mut terminal = Terminal::start(root.path(), (120, 36), ["replay", "small", "--speed", "0.02"]);
    terminal.wait("the replay", |text| text.contains(&format!(" of {events} ")) && text.contains("replay playing"));
    terminal.press(" ");
    terminal.wait("that it stands still", |text| text.contains("standing still") && text.contains("space play"));
    terminal.press(")");
    terminal.wait("the first epoch", |text| text.contains("epoch 1 of 6"));
    terminal.press("))");
    terminal.wait("the third epoch", |text| text.contains("epoch 3 of 6"));
    terminal.press("(");
    terminal.wait("the second epoch", |text| text.contains("epoch 2 of 6"));
    terminal.press("s");
    terminal.wait("why not", |text| text.contains("a replay steers nothing"));
    terminal.press("te5\r");
    terminal.wait("the fifth epoch", |text| text.contains("epoch 5 of 6"));
    terminal.press("t100%\r");
    terminal.wait("the end", |text| text.contains("completed") && text.contains("at its end") && candidate(text).is_some());
    terminal.press("e");
    terminal.wait("why not", |text| text.contains("a replay writes nothing"));
    terminal.press("<");
    terminal.wait("one event before the end", |text| text.contains(&format!("event {} of {events} ", events - 1)));
    terminal.press("b");
    terminal.wait("the start screen", |text| text.contains("Presets") && text.contains("completed"));
    terminal.press("Gp");
    terminal.wait("the replay from its list", |text| text.contains("replay playing") && text.contains(&format!(" of {events} ")));
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    assert!(state() == before, "nothing of the run has changed");

    std::fs::write(run.join("events.jsonl"), "{\"sequence\":0,\"seconds\":0,\"event\":\"started\",\"version\":99}\n").unwrap();
    let mut terminal = Terminal::start(root.path(), (120, 36), ["replay", "small"]);
    assert_eq!(terminal.ended(), 2);
    let told = terminal.text().replace('\n', "");
    assert!(told.contains("this log has format 99"), "{told}");
}

#[test]
fn leaving_a_search_asks_and_keeps_what_is_there() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let mut terminal = search(root.path(), &run, 100_000, &["--in-process"]);
    terminal.wait("training", |text| text.contains("training"));
    terminal.press(" ");
    terminal.wait("the pause", |text| text.contains("paused"));
    terminal.press("s");
    terminal.wait("candidates sampled now", |text| text.contains("20 posterior"));
    terminal.press("q");
    terminal.wait("the question", |text| text.contains("the search stops, what is there is kept"));
    terminal.press("y");
    assert_eq!(terminal.ended(), 3);
    let told = terminal.text().replace('\n', "");
    assert!(told.contains("stopped; `pgnas resume "), "{told}");
    let (records, _) = read_log(&run.join("events.jsonl")).unwrap();
    assert!(matches!(&records.last().unwrap().event, Event::Finished { outcome: Outcome::Stopped, .. }));
}

#[test]
fn a_search_in_the_process_of_its_screen_outlives_the_terminal() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let mut terminal = search(root.path(), &run, 12, &["--in-process"]);
    terminal.wait("training", |text| text.contains("training"));
    assert!(terminal.close().wait().unwrap().success());
    assert!(matches!(last(&run), Event::Finished { outcome: Outcome::Completed, .. }));
    // Who attaches to what is complete gets it to look at.
    let mut again = Terminal::start(root.path(), (120, 36), ["attach", run.to_str().unwrap()]);
    again.wait("its candidates", |text| text.contains("Candidates"));
    again.press("q");
    assert_eq!(again.ended(), 0);
}

fn last(run: &Path) -> Event {
    read_log(&run.join("events.jsonl")).unwrap().0.pop().unwrap().event
}

/// Epochs trained so far, as the log has them.
fn epochs(run: &Path) -> usize {
    read_log(&run.join("events.jsonl"))
        .map_or(0, |(records, _)| records.iter().filter(|record| matches!(record.event, Event::Epoch(_))).count())
}

/// Waits for what another process does.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Another command of the same user, without a terminal.
fn pgnas(home: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pgnas"));
    command
        .args(arguments)
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        .env("TMPDIR", home)
        .env_remove("XDG_DATA_HOME")
        .stdin(std::process::Stdio::null());
    command.output().unwrap()
}

#[test]
fn a_search_goes_on_without_its_screen_and_is_found_again() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join(".local/share/pgnas/runs/small");
    let mut first = search(root.path(), &run, 100_000, &[]);
    first.wait("training", |text| text.contains("training"));
    first.press("q");
    assert_eq!(first.ended(), 0);
    let told = first.text();
    assert!(told.contains("pgnas attach small"), "{told}");

    let mut second = Terminal::start(root.path(), (120, 36), ["attach"]);
    second.wait("training", |text| text.contains("training"));
    second.press(" ");
    second.wait("the pause", |text| text.contains("paused"));
    let mut third = Terminal::start(root.path(), (120, 36), ["watch", "small"]);
    third.wait("the pause", |text| text.contains("paused"));
    third.press(" ");
    third.wait("why not", |text| text.contains("only watches"));
    let listed: serde_json::Value = serde_json::from_slice(&pgnas(root.path(), &["ls", "--json"]).stdout).unwrap();
    assert_eq!((&listed[0]["name"], &listed[0]["state"]), (&"small".into(), &"paused".into()));
    let mut start = Terminal::start::<&str>(root.path(), (120, 36), []);
    start.wait("its state in the list of runs", |text| text.lines().any(|line| line.contains("paused") && line.contains("small")));
    start.press("q");
    assert_eq!(start.ended(), 0);
    second.press(" ");
    third.wait("that it goes on", |text| !text.contains("paused"));

    // A window that closes, and a screen that is killed: neither is the search's end.
    let gone = second.close().wait().unwrap();
    assert!(gone.success(), "{gone:?}");
    third.child.kill().unwrap();
    third.child.wait().unwrap();
    let before = epochs(&run);
    until("another epoch", || epochs(&run) > before);
    let stopped = pgnas(root.path(), &["stop"]);
    assert!(stopped.status.success(), "{}", String::from_utf8_lossy(&stopped.stderr));
    assert!(matches!(last(&run), Event::Finished { outcome: Outcome::Stopped, .. }));
    until("the end of the host", || !RunFolder::open(&run).unwrap().is_locked());
    let nobody = String::from_utf8(pgnas(root.path(), &["stop", "small"]).stderr).unwrap();
    assert!(nobody.contains("nobody is at work on run `small`; `pgnas resume small` goes on with it"), "{nobody}");
}

#[test]
fn a_host_that_is_killed_is_told_and_its_run_goes_on_where_it_was() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join(".local/share/pgnas/runs/small");
    let mut terminal = search(root.path(), &run, 20, &["--checkpoint-minutes", "0"]);
    terminal.wait("training", |text| text.contains("training"));
    until("an epoch", || epochs(&run) > 0);
    let host = std::fs::read_to_string(run.join("lock")).unwrap().parse().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(host).unwrap(), rustix::process::Signal::KILL).unwrap();
    terminal.wait("what has happened", |text| text.contains("the process of the search is gone"));
    terminal.press("q");
    terminal.ended();
    let state = || {
        let listed: serde_json::Value = serde_json::from_slice(&pgnas(root.path(), &["ls", "--json"]).stdout).unwrap();
        listed[0]["state"].as_str().unwrap().to_owned()
    };
    until("that it is known to have crashed", || state() == "crashed");
    let mut terminal = Terminal::start(root.path(), (120, 36), ["resume", "small"]);
    terminal.wait("the end of the search", |text| text.contains("completed"));
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    assert_eq!(epochs(&run), 20);
}

#[test]
fn what_is_pasted_is_text_and_what_is_copied_goes_to_the_terminal() {
    let root = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start::<&str>(root.path(), (120, 36), []);
    terminal.wait("the start screen", |text| text.contains("fashion"));
    // Were these keys, the first one would leave.
    terminal.press("\x1b[200~qq\x1b[201~");
    terminal.press("y");
    terminal.wait("what was copied", |text| text.contains("handed to the terminal to copy: pgnas search digits"));
    let sequence = b"\x1b]52;c;cGduYXMgc2VhcmNoIGRpZ2l0cw==\x07";
    assert!(terminal.written.windows(sequence.len()).any(|bytes| bytes == sequence));
    terminal.press(":");
    terminal.wait("the palette", |text| text.contains("Commands"));
    terminal.press("\x1b[200~redr\nq\x1b[201~");
    terminal.wait("the first pasted line in the palette, and what it finds", |text| text.contains(": redr") && text.contains("ctrl-l"));
    terminal.press("\r");
    terminal.wait("the palette closed", |text| !text.contains("Commands"));
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
#[ignore = "kills a screen 200 times, which takes minutes"]
fn a_screen_killed_at_random_moments_costs_the_search_nothing() {
    let kills: usize = std::env::var("PGNAS_KILLS").ok().map_or(200, |kills| kills.parse().unwrap());
    let candidates = |run: &Path| std::fs::read_to_string(run.join("candidates/candidates.jsonl")).unwrap_or_default();
    let whole = tempfile::tempdir().unwrap();
    let mut undisturbed = search(whole.path(), &whole.path().join("run"), 30, &[]);
    undisturbed.wait("the end of the search", |text| text.contains("completed"));
    undisturbed.press("q");
    assert_eq!(undisturbed.ended(), 0);
    let expected = candidates(&whole.path().join("run"));

    let mut generator = stream(8, Purpose::Resample, 0);
    let (mut killed, mut runs, mut early) = (0, 0, 0);
    while killed < kills {
        let root = tempfile::tempdir().unwrap();
        let run = root.path().join("run");
        let mut screen = search(root.path(), &run, 30, &[]);
        // Any moment: before its first frame, before its host is there, in the middle of an answer, after the end.
        let complete = |run: &Path| {
            read_log(&run.join("events.jsonl")).is_ok_and(|(log, _)| {
                log.last().is_some_and(|record| matches!(record.event, Event::Finished { outcome: Outcome::Completed, .. }))
            })
        };
        while !complete(&run) {
            std::thread::sleep(Duration::from_millis((400.0 * open_unit(&mut generator)) as u64));
            screen.child.kill().unwrap();
            screen.child.wait().unwrap();
            killed += 1;
            if run.join("events.jsonl").exists() {
                screen = Terminal::start(root.path(), (120, 36), [std::ffi::OsStr::new("attach"), run.as_os_str()]);
            } else {
                // It died before its host had a run: nobody is at work, and nothing is left behind.
                early += 1;
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_secs(1) && !run.join("events.jsonl").exists() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                if !run.join("events.jsonl").exists() {
                    screen = search(root.path(), &run, 30, &[]);
                }
            }
        }
        let _ = screen.child.kill();
        let _ = screen.child.wait();
        runs += 1;
        assert_eq!(candidates(&run), expected, "after {killed} kills");
        until("the end of the host", || !RunFolder::open(&run).unwrap().is_locked());
    }
    println!(
        "killed {killed} screens in {runs} runs ({early} before the run was there); every candidate and winner as in the run of the screen that nobody killed"
    );
}
