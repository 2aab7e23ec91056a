//! Instructions of a fixed training and a fixed ranking, held within 3 % of those recorded: seconds are noisy, these are not.
//!
//! `cargo bench --bench instructions` counts under valgrind, which pins the instruction set at AVX2, and fails where a count left its
//! bounds in either direction; `UPDATE_EXPECTED=1` records what it counts. Counts hold for the profile and toolchain of the repository.

use burn::tensor::Device;
use pgnas::data::Loader;
use pgnas::engine::augment;
use pgnas::engine::ranker::{Examples, Frozen, Ranker, recalibration_images};
use pgnas::engine::trainer::Trainer;
use pgnas::posterior::{DropProbability, HardMask, Posterior};
use pgnas::preset::Preset;
use pgnas::random::{Purpose, open_unit, stream};
use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::sync::Arc;

const WORK: [(&str, fn()); 2] = [("training: 4 steps of digits", training), ("ranking: 2 networks of digits", ranking)];
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.json");
const BOUND: f64 = 0.03;

fn main() -> ExitCode {
    let asked = std::env::args().nth(1).and_then(|word| word.parse::<usize>().ok());
    if let Some((_, work)) = asked.and_then(|index| WORK.get(index)) {
        work();
        return ExitCode::SUCCESS;
    }
    let counted: BTreeMap<String, u64> = WORK.iter().enumerate().map(|(index, (name, _))| ((*name).to_owned(), count(index))).collect();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        let text = serde_json::to_string_pretty(&counted).expect("JSON of numbers");
        std::fs::write(RECORDED, text + "\n").expect("the record can be written");
    }
    let recorded = std::fs::read_to_string(RECORDED).expect("the record is beside this file");
    let recorded: BTreeMap<String, u64> = serde_json::from_str(&recorded).expect("the record is JSON");
    let mut held = true;
    for (name, &counted) in &counted {
        let change = recorded.get(name).map_or(f64::INFINITY, |&recorded| counted as f64 / recorded as f64 - 1.0);
        let within = change.abs() <= BOUND;
        held &= within;
        println!("{name}: {counted} instructions, {:+.2} %{}", 1e2 * change, if within { "" } else { "  LEFT ITS BOUNDS" });
    }
    if held {
        return ExitCode::SUCCESS;
    }
    println!("if the change is meant, record it with UPDATE_EXPECTED=1 and say why in the commit");
    ExitCode::FAILURE
}

/// Instructions that this program executes for one piece of work.
fn count(index: usize) -> u64 {
    let program = std::env::current_exe().expect("a program knows where it lies");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program).arg(index.to_string());
    // One thread: which of several takes a piece of work is chance.
    let output = command.env("RAYON_NUM_THREADS", "1").output().expect("valgrind is installed");
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    collected.unwrap_or_else(|| panic!("valgrind counted nothing:\n{text}"))
}

struct Subject {
    preset: Preset,
    graph: Arc<pgnas::graph::Graph>,
    splits: pgnas::data::Splits,
    trainer: Trainer,
    posterior: Posterior,
}

fn subject() -> Subject {
    let loaded = Preset::load("digits", None, &[]).unwrap_or_else(|error| panic!("{error}"));
    let graph = Arc::new(pgnas::cli::prepare::graph(&loaded).unwrap_or_else(|error| panic!("{error}")));
    let splits = pgnas::cli::prepare::splits(&loaded).unwrap_or_else(|error| panic!("{error}"));
    let preset = loaded.preset;
    let drop = DropProbability::new(preset.posterior.initial_drop).expect("a preset's probability is one");
    let trainer = Trainer::new(graph.clone(), &preset.posterior, preset.train.clone(), Device::flex(), 1, 15);
    let posterior = Posterior::uniform(&graph, drop);
    Subject { preset, graph, splits, trainer, posterior }
}

fn training() {
    let Subject { preset, splits, trainer, posterior, .. } = subject();
    let augment = augment(&preset.data);
    let loader = Loader::new(&splits.train, preset.train.batch, augment, 1).expect("the preset's batch fits");
    let state = loader.epoch(0).take(4).fold(trainer.initial(&posterior), |state, batch| trainer.step(state, batch));
    assert_eq!(
        state.weights.values.into_data().try_to_vec::<f32>().map(|values| values.iter().all(|value| value.is_finite())).ok(),
        Some(true)
    );
}

fn ranking() {
    let Subject { preset, graph, splits, trainer, posterior } = subject();
    let epsilon = preset.train.batch_norm_epsilon;
    let recalibration = recalibration_images(splits.train.images(), 1, preset.rank.recalibration_images);
    let ranker = Ranker::new(graph.clone(), recalibration, epsilon, Device::flex());
    let frozen = Frozen::of(&trainer.initial(&posterior));
    let examples = Examples::upload(splits.select.images(), &Device::flex());
    let mut generator = stream(1, Purpose::Candidate, 0);
    for keep in [0.3, 0.7] {
        let mask = HardMask::new((0..graph.masked_channels()).map(|_| open_unit(&mut generator) < keep).collect());
        let evaluation = ranker.evaluate(&frozen, &mask, &examples).expect("a mask of this network");
        assert_eq!(evaluation.recalibrated.len(), examples.len());
    }
}
