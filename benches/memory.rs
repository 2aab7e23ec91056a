//! The largest memory of a training step beside the estimate that `pgnas presets` tells, each preset in a process of its own.
//!
//! `cargo bench --bench memory [-- preset …] [--json FILE]`: three steps of the super-network on noise at the preset's batch; the goal is an
//! estimate within 15 %. `preset=BATCH` takes another batch, where the preset's own is too large for the machine. Measured is what the
//! process held at most, less what it held before the network's numbers were there.

mod common;

use burn::tensor::Device;
use pgnas::data::Batch;
use pgnas::engine::rebuild::initial_posterior;
use pgnas::engine::trainer::Trainer;
use pgnas::graph::Shape;
use pgnas::preset::Preset;
use std::process::Command;
use std::sync::Arc;

const STEPS: usize = 3;
const PRESETS: [&str; 6] = ["digits", "fashion", "nasbench201-mini", "supnet-d121-mini", "supnet-e-mini", "supnet-m-mini"];

fn main() {
    let (mut rows, words) = common::Rows::of_arguments("memory");
    if let [word, asked] = &words[..]
        && word == "--measure"
    {
        measure(asked);
        return;
    }
    let asked = if words.is_empty() { PRESETS.map(str::to_owned).to_vec() } else { words };
    println!("| preset | batch | estimated, MB | measured, MB | measured / estimated |\n|---|---|---|---|---|");
    for asked in asked {
        let program = std::env::current_exe().expect("a program knows where it lies");
        let output = Command::new(program).args(["--measure", &asked]).output().expect("it starts again");
        assert!(output.status.success(), "{asked}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout);
        let figures: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [batch, estimated, measured] = figures[..] else { panic!("{asked}: {text}") };
        let name = asked.split('=').next().unwrap_or_default();
        println!("| `{name}` | {batch} | {estimated:.0} | {measured:.0} | {:.2} |", measured / estimated);
        rows.add(serde_json::json!({ "preset": name, "batch": batch, "estimated": estimated }), &[measured], "MB");
    }
    rows.write();
}

/// Trains, and prints the batch, the estimate and the largest memory of it in MB.
fn measure(asked: &str) {
    let (name, batch) = asked.split_once('=').map_or((asked, None), |(name, batch)| (name, Some(batch)));
    let loaded = Preset::load(name, None, &[]).unwrap_or_else(|error| panic!("{error}"));
    let graph = Arc::new(pgnas::cli::prepare::graph(&loaded).unwrap_or_else(|error| panic!("{error}")));
    let preset = loaded.preset;
    let size = batch.map_or(preset.train.batch, |batch| batch.parse().expect("a batch is a number"));
    let before = megabytes("VmRSS:");
    let posterior = initial_posterior(&graph, &preset.posterior).unwrap_or_else(|error| panic!("{error}"));
    let trainer = Trainer::new(graph.clone(), &preset.posterior, preset.train.clone(), Device::flex(), 1, 1_000_000);
    let Shape { channels, height, width } = graph.input_shape();
    let images = (0..size * channels * height * width).map(|at| (at % 251) as f32 / 125.0 - 1.0).collect();
    let labels = (0..size).map(|image| (image % graph.classes()) as i32).collect();
    let batch = Batch { images, labels, size };
    let state = (0..STEPS).fold(trainer.initial(&posterior), |state, _| trainer.step(state, batch.clone()));
    // What is read back has been computed.
    let _ = state.sums.norm.into_data();
    println!("{size} {} {}", graph.training_bytes(size) as f64 / 1e6, megabytes("VmHWM:") - before);
}

/// What the system tells of this process.
fn megabytes(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this system has /proc");
    let kilobytes = status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.expect("a known field") * 1024.0 / 1e6
}
