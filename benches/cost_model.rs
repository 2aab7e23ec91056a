//! How the seconds of a training step follow width, depth, batch and threads of `supnet-m` scaled down, and what that says of `supnet-mi`.
//!
//! `cargo bench --bench cost_model [-- --json FILE]`: one factor after the other is varied from the same middle, every setting timed once in
//! each round; then ln(seconds) = c + w ln(width) + d ln(blocks) + b ln(batch) + t ln(threads) by least squares. Width is the channels of
//! the first stage.

mod common;

use burn::tensor::Device;
use pgnas::data::Batch;
use pgnas::engine::rebuild::initial_posterior;
use pgnas::engine::trainer::{State, Trainer};
use pgnas::graph::{Graph, Shape};
use pgnas::preset::Preset;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

const ROUNDS: usize = 5;
/// Width, blocks of a stage, batch, threads.
const MIDDLE: [usize; 4] = [12, 2, 32, 1];
const FACTORS: [(&str, &[usize]); 4] =
    [("width", &[6, 12, 24, 48]), ("blocks", &[1, 2, 3, 4]), ("batch", &[16, 32, 64, 128]), ("threads", &[1, 2])];
/// Multiply-accumulates of a step in those of a forward pass: the pass itself, the gradient of its input, that of its weights.
const PASSES: f64 = 3.0;
/// Operations a second that an H100 SXM does in f32 outside its tensor cores, by its data sheet, and the shares of them assumed to be reached.
const H100: f64 = 67e12;
const SHARES: [f64; 3] = [0.1, 0.3, 0.5];

/// One network at one setting.
struct Setting {
    factors: [usize; 4],
    macs: f64,
    trainer: Trainer,
    state: Option<State>,
    batch: Batch,
    pool: rayon::ThreadPool,
    times: Vec<f64>,
}

fn main() {
    let (mut rows, _) = common::Rows::of_arguments("cost_model");
    let mut wanted = vec![MIDDLE];
    for (at, (_, values)) in FACTORS.iter().enumerate() {
        let varied = values.iter().filter(|value| **value != MIDDLE[at]);
        wanted.extend(varied.map(|&value| std::array::from_fn(|other| if other == at { value } else { MIDDLE[other] })));
    }
    let mut settings: Vec<Setting> = wanted.into_iter().map(Setting::new).collect();
    // The first round warms caches and buffers up.
    for round in 0..=ROUNDS {
        for setting in &mut settings {
            let seconds = setting.step();
            if round > 0 {
                setting.times.push(seconds);
            }
        }
    }
    println!("| width | blocks | batch | threads | MACs of a step | s, median | least | most |\n|---|---|---|---|---|---|---|---|");
    for Setting { factors: [width, blocks, batch, threads], macs, times, .. } in &mut settings {
        times.sort_by(f64::total_cmp);
        let (median, least, most) = (times[ROUNDS / 2], times[0], times[ROUNDS - 1]);
        println!("| {width} | {blocks} | {batch} | {threads} | {macs:.3e} | {median:.4} | {least:.4} | {most:.4} |");
        let keys = json!({ "measure": "a training step", "width": width, "blocks": blocks, "batch": batch, "threads": threads });
        rows.add(keys, times, "s");
    }
    let seconds: Vec<f64> = settings.iter().map(|setting| setting.times[ROUNDS / 2].ln()).collect();
    let logarithms = |setting: &Setting| std::iter::once(1.0).chain(setting.factors.map(|factor| (factor as f64).ln())).collect();
    let fitted: Fit = Fit::of(&settings.iter().map(logarithms).collect::<Vec<Vec<f64>>>(), &seconds);
    println!("\nexponents, with R² = {:.4} and residuals of at most {:.0} %:", fitted.explained, 1e2 * fitted.residual.exp_m1());
    for ((name, _), &exponent) in FACTORS.iter().zip(&fitted.coefficients[1..]) {
        println!("  {name}: {exponent:.2}");
        rows.add(json!({ "exponent": name }), &[exponent], "1");
    }
    predict();
    rows.write();
}

/// A prediction, not a measurement: from the operations of a step and assumed shares of a device's peak.
fn predict() {
    let (loaded, graph) = network("supnet-mi", &[]);
    let batch = loaded.train.batch;
    let operations = 2.0 * PASSES * graph.cost().macs * batch as f64;
    println!(
        "\n`supnet-mi`, predicted: {:.2e} MACs an image, {operations:.2e} operations a step of {batch}; on an H100 in f32",
        graph.cost().macs
    );
    for share in SHARES {
        println!("  at {:.0} % of its peak: {:.0} ms a step", 1e2 * share, 1e3 * operations / (share * H100));
    }
}

fn network(name: &str, set: &[String]) -> (Preset, Arc<Graph>) {
    let loaded = Preset::load(name, None, set).unwrap_or_else(|error| panic!("{error}"));
    let graph = pgnas::cli::prepare::graph(&loaded).unwrap_or_else(|error| panic!("{error}"));
    (loaded.preset, Arc::new(graph))
}

impl Setting {
    fn new(factors @ [width, blocks, batch, threads]: [usize; 4]) -> Self {
        let stages = format!("space.stages=[{width}, {}, {}]", 2 * width, 4 * width);
        let set = [stages, format!("space.blocks={blocks}"), format!("train.batch={batch}")];
        let (preset, graph) = network("supnet-m", &set);
        let posterior = initial_posterior(&graph, &preset.posterior).unwrap_or_else(|error| panic!("{error}"));
        let trainer = Trainer::new(graph.clone(), &preset.posterior, preset.train.clone(), Device::flex(), 1, 1_000_000);
        let Shape { channels, height, width } = graph.input_shape();
        let images = (0..batch * channels * height * width).map(|at| (at % 251) as f32 / 125.0 - 1.0).collect();
        let labels = (0..batch).map(|image| (image % graph.classes()) as i32).collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let state = Some(trainer.initial(&posterior));
        let macs = PASSES * graph.cost().macs * batch as f64;
        Self { factors, macs, trainer, state, batch: Batch { images, labels, size: batch }, pool, times: Vec::new() }
    }

    /// Seconds of a step.
    fn step(&mut self) -> f64 {
        self.pool.install(|| {
            let begun = Instant::now();
            let state = self.trainer.step(self.state.take().expect("a state is always put back"), self.batch.clone());
            // What is read back has been computed.
            let _ = state.sums.norm.clone().into_data();
            self.state = Some(state);
            begun.elapsed().as_secs_f64()
        })
    }
}

/// Least squares.
struct Fit {
    coefficients: Vec<f64>,
    /// R².
    explained: f64,
    /// The largest residual.
    residual: f64,
}

impl Fit {
    fn of(x: &[Vec<f64>], y: &[f64]) -> Self {
        let unknowns = x[0].len();
        // The normal equations, with their right side as the last column.
        let sum = |of: &dyn Fn(usize) -> f64| (0..y.len()).map(of).sum::<f64>();
        let entry = |row: usize, column: usize| sum(&|at| x[at][row] * x[at].get(column).copied().unwrap_or(y[at]));
        let mut rows: Vec<Vec<f64>> = (0..unknowns).map(|row| (0..=unknowns).map(|column| entry(row, column)).collect()).collect();
        for pivot in 0..unknowns {
            let scale = rows[pivot][pivot];
            rows[pivot].iter_mut().for_each(|value| *value /= scale);
            let by = rows[pivot].clone();
            for (_, row) in rows.iter_mut().enumerate().filter(|(at, _)| *at != pivot) {
                let factor = row[pivot];
                row.iter_mut().zip(&by).for_each(|(value, by)| *value -= factor * by);
            }
        }
        let coefficients: Vec<f64> = rows.iter().map(|row| row[unknowns]).collect();
        let predicted = |at: usize| x[at].iter().zip(&coefficients).map(|(x, coefficient)| x * coefficient).sum::<f64>();
        let mean = y.iter().sum::<f64>() / y.len() as f64;
        let residuals: Vec<f64> = (0..y.len()).map(|at| (y[at] - predicted(at)).abs()).collect();
        let unexplained: f64 = residuals.iter().map(|residual| residual * residual).sum();
        let explained = 1.0 - unexplained / sum(&|at| (y[at] - mean).powi(2));
        Self { explained, residual: residuals.iter().copied().fold(0.0, f64::max), coefficients }
    }
}
