//! Runs that are killed and go on: the log, the candidates and the winner are those of a run that nobody disturbed.

mod killed;

use killed::{Run, events, text};
use serde_json::Value;
use std::fs;

/// Kills a run wherever it has written some more checkpoints, resumes it each time, and tells how often; the other half of the times it
/// is asked to stop.
fn killed_again_and_again(run: &Run, stride: u64) -> usize {
    let mut kills = 0;
    let mut child = run.search();
    loop {
        let target = run.newest_checkpoint() + stride;
        if !run.wait_for_checkpoint(&mut child, target) {
            return kills;
        }
        kills += 1;
        if kills % 2 == 0 {
            Run::kill(child);
        } else {
            Run::stop(child);
        }
        if run.is_complete() {
            return kills;
        }
        child = run.resume();
    }
}

fn same_as_undisturbed(settings: &[&str], stride: u64) {
    let whole = Run::new(settings);
    assert!(whole.search().wait().unwrap().success());
    let disturbed = Run::new(settings);
    let kills = killed_again_and_again(&disturbed, stride);
    assert!(kills > 4, "{kills} times is no trial");
    assert_eq!(events(&disturbed.folder()), events(&whole.folder()), "after {kills} times");
    let candidates = |run: &Run| fs::read_to_string(run.folder().join("candidates/candidates.jsonl")).unwrap();
    assert_eq!(candidates(&disturbed), candidates(&whole));
    assert!(whole.is_complete());
}

#[test]
fn a_run_killed_in_every_phase_is_the_run_that_nobody_disturbed() {
    same_as_undisturbed(&["rank.uniform=5", "rank.constant=3"], 5);
}

#[test]
fn a_race_goes_on_where_it_was() {
    same_as_undisturbed(&["rank.racing=true", "rank.posterior=24", "rank.random=24", "train.epochs=1", "rank.constraint=kept > .3"], 4);
}

#[test]
fn a_torn_checkpoint_gives_way_to_the_one_before_and_the_log_says_so() {
    let run = Run::new(&[]);
    let mut child = run.search();
    assert!(run.wait_for_checkpoint(&mut child, 9));
    Run::kill(child);
    let newest = run.folder().join(format!("checkpoints/state-{}.safetensors", run.newest_checkpoint()));
    let bytes = fs::read(&newest).unwrap();
    fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
    assert!(run.resume().wait().unwrap().success());
    let text = text(&run.folder());
    let alert = text.lines().find(|line| line.contains(r#""event":"alert""#)).unwrap();
    assert!(alert.contains("damaged") && alert.contains(newest.file_name().unwrap().to_str().unwrap()), "{alert}");
    let whole = Run::new(&[]);
    assert!(whole.search().wait().unwrap().success());
    let without_alert: Vec<Value> = events(&run.folder()).into_iter().filter(|event| event["event"] != "alert").collect();
    assert_eq!(without_alert, events(&whole.folder()));
}

#[test]
fn a_run_that_died_before_its_first_checkpoint_begins_again() {
    let run = Run::new(&[]);
    let mut child = run.search();
    assert!(run.wait_for_checkpoint(&mut child, 2));
    Run::kill(child);
    fs::remove_dir_all(run.folder().join("checkpoints")).unwrap();
    assert!(run.resume().wait().unwrap().success());
    assert_eq!(text(&run.folder()).matches(r#""event":"started""#).count(), 1);
}

#[test]
fn what_cannot_go_on_says_why() {
    let run = Run::new(&[]);
    let mut child = run.search();
    assert!(run.wait_for_checkpoint(&mut child, 3));
    let busy = run.mistake();
    assert!(busy.contains(&format!("process {} is at work on this run", child.id())), "{busy}");
    Run::kill(child);
    let config = fs::read_to_string(run.folder().join("config.toml")).unwrap();
    fs::write(run.folder().join("config.toml"), config.replacen("epochs = 2", "epochs = 3", 1)).unwrap();
    let other = run.mistake();
    assert!(other.contains("is of another config.toml") && other.contains("no other checkpoint is left"), "{other}");
    fs::write(run.folder().join("config.toml"), config).unwrap();
    assert!(run.resume().wait().unwrap().success());
    let complete = run.mistake();
    assert!(complete.contains("is complete, so there is nothing to go on with"), "{complete}");
}
