//! Runs that are killed and go on: the log, the candidates and the winner are those of a run that nobody disturbed.
//!
//! Faults in number, for a machine that has the time: `cargo test --release --test resume -- --ignored --nocapture`. `PGNAS_KILLS` says how
//! often a host is killed, 200 where it is not set.

mod killed;

use killed::{PATIENCE, Run, events, text};
use pgnas::random::{Purpose, open_unit, stream};
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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
    assert_eq!(disturbed.candidates(), whole.candidates());
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
    let alert = text.lines().find(|line| line.contains(r#""event":"alert""#) && line.contains("storage")).unwrap();
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

/// A shortened run of `digits`.
const SHORT: [&str; 5] = ["train.epochs=3", "rank.posterior=20", "rank.random=20", "rank.uniform=0", "rank.constant=0"];

#[test]
#[ignore = "kills a host 200 times, which takes minutes"]
fn a_host_killed_at_random_moments_ends_with_the_same_winner() {
    let kills: usize = std::env::var("PGNAS_KILLS").ok().map_or(200, |kills| kills.parse().unwrap());
    let whole = Run::hosted(&SHORT);
    let begun = Instant::now();
    assert!(whole.search().wait().unwrap().success());
    let length = begun.elapsed();
    let mut generator = stream(7, Purpose::Resample, 0);
    let (mut killed, mut runs) = (0, 0);
    while killed < kills {
        let run = Run::hosted(&SHORT);
        let mut child = run.search();
        loop {
            // Any moment of the first third of what is left to do: starting, training, ranking, testing, writing a checkpoint.
            std::thread::sleep(length.mul_f32(open_unit(&mut generator) / 3.0));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                break;
            }
            Run::kill(child);
            killed += 1;
            if run.is_complete() {
                break;
            }
            child = if run.has_begun() {
                run.resume()
            } else {
                // Before its first word it is no run yet.
                let _ = fs::remove_dir_all(run.folder());
                run.search()
            };
        }
        runs += 1;
        assert_eq!(events(&run.folder()), events(&whole.folder()), "after {killed} kills");
        assert_eq!(run.candidates(), whole.candidates());
    }
    println!(
        "killed {killed} times in {runs} runs of {:.1} s; every log, candidate and winner as in the run that nobody killed",
        length.as_secs_f64()
    );
}

/// A file system of so many KiB, taken away in the end.
struct Disk<'a>(&'a Path);

impl Disk<'_> {
    fn mount(&self, options: &str) -> bool {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(self.0).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
#[ignore = "mounts a file system, which only the superuser may"]
fn a_full_disk_loses_nothing() {
    let whole = Run::new(&["train.epochs=60"]);
    assert!(whole.search().wait().unwrap().success());
    let run = Run::new(&["train.epochs=60"]);
    let place = run.folder();
    fs::create_dir_all(&place).unwrap();
    let disk = Disk(&place);
    assert!(disk.mount("size=120k"), "this needs the superuser");
    let mut child = run.searching().stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let alert = lines.find_map(|line| Some(line.unwrap()).filter(|line| line.starts_with("alert"))).unwrap();
    println!("{alert}");
    // Full until the search has gone on for an epoch and more without a place to write: its processor time tells, as its log cannot.
    let work = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let (before, begun) = (work(), Instant::now());
    while work() < before + 30 {
        assert!(begun.elapsed() < PATIENCE, "the search does not go on");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(disk.mount("remount,size=64m"));
    lines.for_each(drop);
    assert!(child.wait().unwrap().success());
    let told: Vec<_> = events(&place).into_iter().filter(|event| event["event"] != "alert").collect();
    assert_eq!(told, events(&whole.folder()));
    assert_eq!(run.candidates(), whole.candidates());
}
