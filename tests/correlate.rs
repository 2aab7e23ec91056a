//! `pgnas correlate`: on cells with one operation on each edge against a table, and on candidates that it trains.

use pgnas::graph::{CellGenotype, Operation};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const SMALL: [&str; 13] = [
    "space.family=nasbench201",
    "space.channels=2",
    "space.cells=1",
    "posterior.kind=categorical",
    "posterior.n_effective=100",
    "train.warm_up=1",
    "train.epochs=3",
    "rank.posterior=4",
    "rank.random=3",
    "rank.uniform=3",
    "rank.recalibration_images=64",
    "data.select=100",
    "rank.test=false",
];

fn pgnas(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pgnas")).args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// A truth that grows with the 3x3 convolutions of a cell.
fn table(path: &Path) {
    let mut text = "arch_str,accuracy,other\n".to_owned();
    for cell in CellGenotype::all() {
        let convolutions = cell.operations().iter().filter(|&&operation| operation == Operation::Conv3).count();
        let _ = writeln!(text, "{cell},{},50.0", 10 * convolutions + 5);
    }
    std::fs::write(path, text).unwrap();
}

#[test]
fn cells_are_searched_exported_and_correlated() {
    let root = tempfile::tempdir().unwrap();
    let (run, csv) = (root.path().join("run"), root.path().join("table.csv"));
    let run = run.to_str().unwrap();
    let mut arguments = vec!["search", "digits", "--headless", "--run-dir", run];
    SMALL.iter().for_each(|setting| arguments.extend(["--set", setting]));
    let searched = pgnas(&arguments);
    assert!(searched.status.success(), "{}", String::from_utf8_lossy(&searched.stderr));

    let log = std::fs::read_to_string(Path::new(run).join("events.jsonl")).unwrap();
    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&events[0]["posterior"], &events[0]["warm_up"]), (&"categorical".into(), &1.into()));
    let epochs: Vec<&Value> = events.iter().filter(|event| event["event"] == "epoch").collect();
    let drops =
        |epoch: &Value| -> Vec<f64> { epoch["drop_probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect() };
    assert!(drops(epochs[0]).iter().all(|p| (p - 0.8).abs() < 1e-6), "p stands still in the warm-up");
    let last = drops(epochs[2]);
    assert!(last.iter().any(|p| (p - 0.8).abs() > 1e-4), "and moves afterwards");
    for edge in last.chunks(5) {
        let kept: f64 = edge.iter().map(|p| 1.0 - p).sum();
        assert!((kept - 1.0).abs() < 1e-5, "{edge:?}");
    }
    let candidates: Vec<&Value> = events.iter().filter(|event| event["event"] == "candidate").collect();
    assert_eq!(candidates.len(), 2 + 4 + 3 + 3);
    for candidate in candidates.iter().filter(|candidate| candidate["source"] != "whole") {
        let kept: Vec<u64> = candidate["kept"].as_array().unwrap().iter().map(|kept| kept.as_u64().unwrap()).collect();
        assert!(kept.chunks(5).all(|edge| edge.iter().filter(|&&kept| kept > 0).count() == 1), "{kept:?}");
    }

    let exported = pgnas(&["export", run, "--json"]);
    let folder = json(&exported)["path"].as_str().unwrap().to_owned();
    let genotype = std::fs::read_to_string(Path::new(&folder).join("genotype.json")).unwrap();
    let genotype: Value = serde_json::from_str(&genotype).unwrap();
    genotype["cell"].as_str().unwrap().parse::<CellGenotype>().unwrap();

    table(&csv);
    let csv = csv.to_str().unwrap();
    let correlated = json(&pgnas(&["correlate", run, "--table", csv, "--n", "12", "--top", "3", "--json"]));
    assert_eq!((&correlated["architectures"], &correlated["top"], &correlated["images"]), (&12.into(), &3.into(), &100.into()));
    assert!(correlated["truth"].as_str().unwrap().starts_with("column accuracy of "));
    let kinds = correlated["modes"].as_array().unwrap().len() + correlated["constant"].as_array().unwrap().len();
    assert_eq!(kinds, 3);
    for judged in correlated["judged"].as_array().unwrap() {
        let cell: CellGenotype = judged["architecture"].as_str().unwrap().parse().unwrap();
        let convolutions = cell.operations().iter().filter(|&&operation| operation == Operation::Conv3).count();
        assert!((judged["truth"].as_f64().unwrap() - (10 * convolutions + 5) as f64 / 100.0).abs() < 1e-9);
    }
    let best = correlated["proposal"]["best"].as_f64().unwrap();
    assert!((best - 0.65).abs() < 1e-9, "{best}");
    let again = json(&pgnas(&["correlate", run, "--table", csv, "--n", "12", "--top", "3", "--json"]));
    assert_eq!(again, correlated, "the same run gives the same figures");
    let text = pgnas(&["correlate", run, "--table", csv, "--n", "12"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("of the batch"));

    // A truth that is the same for all ranks nothing, and is said to.
    let flat = pgnas(&["correlate", run, "--table", csv, "--column", "other", "--n", "12"]);
    let message = String::from_utf8_lossy(&flat.stderr).into_owned();
    assert!(flat.status.code() == Some(2) && message.contains("tells no two of 12 cells apart"), "{message}");
    let wrong = pgnas(&["correlate", run, "--table", csv, "--column", "accurcy"]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("there is no column `accurcy`; there are accuracy, other"));
}

#[test]
fn a_network_without_choices_has_no_categorical_posterior() {
    let output = pgnas(&["presets", "supnet-d121-mini", "--set", "posterior.kind=categorical"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && message.contains("no edge of this network offers two operations"), "{message}");
}

/// The lines of a run's list, each as JSON.
fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn candidates_are_trained_and_correlated_and_an_interruption_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run");
    let run = folder.to_str().unwrap();
    let small = "data.select=1600 data.test=100 train.epochs=6 train.batch=32 space.stages=4,8 rank.posterior=5 rank.random=5 rank.uniform=2 rank.constant=0 \
                 rank.recalibration_images=32 rank.test=false";
    let mut arguments = vec!["search", "digits", "--headless", "--run-dir", run];
    small.split_whitespace().for_each(|setting| arguments.extend(["--set", setting]));
    let searched = pgnas(&arguments);
    assert!(searched.status.success(), "{}", String::from_utf8_lossy(&searched.stderr));
    let correlate = ["correlate", run, "--n", "6", "--top", "2", "--epochs", "8", "--recipe", "data.shift=1", "--json"];

    // Stopped while the second candidate is trained.
    let mut child = Command::new(env!("CARGO_BIN_EXE_pgnas")).args(correlate).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let told = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    for line in told {
        if line.starts_with("2/6 ") && line.contains("epoch") {
            kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let list = folder.join("retrained/retrained.jsonl");
    assert_eq!((lines(&list).len(), folder.join("correlation-retrained.json").exists()), (1, false));

    let correlated = json(&pgnas(&correlate));
    let judged = |correlated: &Value| correlated["judged"].as_array().unwrap().clone();
    assert_eq!((judged(&correlated).len(), lines(&list).len(), &correlated["top"]), (6, 6, &2.into()));
    let training = &correlated["training"];
    assert_eq!((&training["from"], &training["epochs"], &training["split"]), (&"scratch".into(), &8.into(), &"select".into()));
    assert_eq!(training["recipe"], serde_json::json!(["data.shift=1", "train.epochs=8"]));
    let share = |accuracy: &Value| accuracy["correct"].as_f64().unwrap() / accuracy["total"].as_f64().unwrap();
    let name = |record: &Value, id: &str| format!("candidate {}, {}", record[id], record["source"].as_str().unwrap());
    let recorded: BTreeMap<String, Value> = lines(&folder.join("candidates/candidates.jsonl"))
        .into_iter()
        .map(|record| (name(&record, "id"), record["select"].clone()))
        .collect();
    let trained: BTreeMap<String, f64> = lines(&list).iter().map(|line| (name(line, "candidate"), share(&line["retrained"]))).collect();
    for one in judged(&correlated) {
        let architecture = one["architecture"].as_str().unwrap();
        let select = &recorded[architecture];
        assert_eq!(one["truth"].as_f64(), Some(trained[architecture]), "{architecture}");
        assert_eq!(one["predicted"][0].as_f64(), Some(share(&select["inherited"])), "{architecture}");
        assert_eq!(one["predicted"][1].as_f64(), Some(share(&select["recalibrated"])), "{architecture}");
        assert!(!architecture.contains("whole") && !architecture.contains("threshold"), "{architecture}");
    }
    let weakest = |of: &dyn Fn(&Value) -> f64, all: &[Value]| all.iter().map(of).fold(f64::INFINITY, f64::min);
    let inherited: Vec<Value> =
        recorded.into_iter().filter(|(name, _)| !name.contains("whole") && !name.contains("threshold")).map(|(_, select)| select).collect();
    let lowest = weakest(&|select| share(&select["recalibrated"]), &inherited);
    assert!((weakest(&|one| one["predicted"][1].as_f64().unwrap(), &judged(&correlated)) - lowest).abs() < 0.1, "the range is covered");

    // Once more trains nothing; without what was kept it trains all, and comes to the same.
    let again = pgnas(&correlate);
    assert_eq!((json(&again), lines(&list).len()), (correlated.clone(), 6));
    std::fs::remove_dir_all(folder.join("retrained")).unwrap();
    assert_eq!(json(&pgnas(&correlate)), correlated, "an interruption changes nothing");

    let report = json(&pgnas(&["report", run, "--json"]));
    assert_eq!((&report["correlations"][0]["modes"], &report["test_reads"]), (&correlated["modes"], &0.into()));
    let text = String::from_utf8_lossy(&pgnas(&["report", run]).stdout).into_owned();
    for told in ["## Rank correlation", "**n = 6**, 1600 select images", "8 epochs, seed 1", "`data.shift=1`", "select, never test"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let wrong = pgnas(&["correlate", run, "--recipe", "space.stages=4"]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("this is no part of training"));
    let both = pgnas(&["correlate", run, "--table", "x.csv", "--epochs", "2"]);
    assert_eq!(both.status.code(), Some(2));
}
