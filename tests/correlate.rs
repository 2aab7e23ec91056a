//! A search over cells with one operation on each edge, and `pgnas correlate` on what it left.

use pgnas::graph::{CellGenotype, Operation};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

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
