//! Candidates ranked a second: as the super-network under hard masks, and as the sliced networks that the masks leave; and what a race
//! saves at the same winner.
//!
//! `cargo bench --bench rank [-- digits] [-- fashion] [-- RUN…]` ranks the candidates of each run both ways in turn, so that a busy machine
//! is busy for both, and prints a line of JSON a run. A preset is searched first (seed 1); RUN is the folder of a finished search.

use burn::tensor::{Device, Tensor};
use pgnas::cli::prepare;
use pgnas::engine::interpreter::{Interpreter, Normalise, Statistics};
use pgnas::engine::ranker::{Evaluation, Examples, Frozen, Ranker, recalibration_images};
use pgnas::engine::weights::{WeightLayout, images, matrix, vector};
use pgnas::export::Comparison;
use pgnas::graph::Graph;
use pgnas::posterior::HardMask;
use pgnas::preset::Preset;
use pgnas::run::{CandidateRecord, Event, KeptWeights, RunFolder, Source, read_candidates, read_log};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SEED: u64 = 1;
/// Candidates of each kind.
const CANDIDATES: usize = 60;

fn main() {
    // `cargo bench` adds `--bench`.
    let mut words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    if words.is_empty() {
        words = vec!["digits".into(), "fashion".into()];
    }
    for word in words {
        let root = tempfile::tempdir().expect("a folder for the run");
        let run = if Path::new(&word).is_dir() { word.clone().into() } else { root.path().join("run") };
        if !run.exists() {
            search(&word, &run);
        }
        println!("{}", measure(&word, &run));
    }
}

fn search(preset: &str, run: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgnas"));
    command.args(["search", preset, "--headless", "--seed", &SEED.to_string(), "--set", "rank.test=false", "--run-dir"]).arg(run);
    for set in
        [format!("rank.posterior={CANDIDATES}"), format!("rank.random={CANDIDATES}"), "rank.uniform=0".into(), "rank.constant=0".into()]
    {
        command.args(["--set", &set]);
    }
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("the program runs");
    assert!(status.success(), "the search of {preset} failed");
}

fn candidates(run: &Path) -> Vec<CandidateRecord> {
    let folder = RunFolder::open(run).expect("a run");
    read_candidates(&folder.candidates()).expect("its candidates").0
}

fn measure(name: &str, run: &Path) -> serde_json::Value {
    let config = run.join("config.toml");
    let loaded = Preset::load(&config.to_string_lossy(), None, &[]).expect("the preset of the run");
    let graph = Arc::new(prepare::graph(&loaded).expect("its network"));
    let splits = prepare::splits(&loaded).expect("its images");
    let all = candidates(run);
    let log = read_log(&RunFolder::open(run).expect("a run").log()).expect("its log").0;
    let started = log.iter().find_map(|record| if let Event::Started(started) = &record.event { Some(started) } else { None });
    let started = started.expect("the log's first event");
    let networks: Vec<&CandidateRecord> = all.iter().filter(|candidate| !candidate.score.source.is_reference()).collect();
    let step = networks[0].step.expect("kept weights");
    let kept = KeptWeights::read(&RunFolder::open(run).expect("a run").weights(step)).expect("kept weights");
    let device = Device::default();
    let epsilon = loaded.preset.train.batch_norm_epsilon;
    let again = recalibration_images(splits.train.images(), started.seed, loaded.preset.rank.recalibration_images);
    let masked = Masked::new(graph.clone(), &kept, again.clone(), epsilon, device.clone());
    let ranker = Ranker::new(graph, again, epsilon, device.clone());
    let frozen = Frozen::from(kept);
    let select = splits.select.images();
    let examples = Examples::upload(select, &device);
    let pixels: Vec<usize> = (0..select.len()).collect();
    let batch = select.gather(&pixels);

    let mut seconds = [Duration::ZERO; 2];
    let (mut best, mut differ) = ([(0, u32::MAX); 2], 0);
    for (number, candidate) in networks.iter().enumerate() {
        let sliced = || ranker.evaluate(&frozen, &candidate.mask, &examples).expect("a mask of this network");
        let whole = || masked.evaluate(&candidate.mask, &batch);
        // Who goes first changes with each candidate; on a thread of the pool, where ranking works.
        let (one, other) = rayon::scope(|_| {
            if number % 2 == 0 {
                let one = timed(&sliced, &mut seconds[0]);
                (one, timed(&whole, &mut seconds[1]))
            } else {
                let other = timed(&whole, &mut seconds[1]);
                (timed(&sliced, &mut seconds[0]), other)
            }
        });
        differ += one.recalibrated.iter().zip(&other.recalibrated).filter(|(one, other)| one != other).count();
        if candidate.score.source == Source::Posterior {
            for (best, evaluation) in best.iter_mut().zip([&one, &other]) {
                let right = evaluation.recalibrated.iter().filter(|&&right| right).count();
                // The smaller of equal ones, then the first, as a ranking has it.
                if right > best.0 {
                    *best = (right, candidate.score.id.0);
                }
            }
        }
    }
    let racing = Comparison::of(started, &all).and_then(|comparison| comparison.racing);
    let per_second = |seconds: Duration| networks.len() as f64 / seconds.as_secs_f64();
    serde_json::json!({
        "run": name, "candidates": networks.len(), "select_images": select.len(), "threads": rayon::current_num_threads(),
        "sliced_per_second": per_second(seconds[0]), "masked_per_second": per_second(seconds[1]),
        "sliced_over_masked": seconds[1].as_secs_f64() / seconds[0].as_secs_f64(),
        "same_winner": best[0] == best[1], "answers_that_differ": differ,
        "racing": racing,
    })
}

fn timed(evaluate: &dyn Fn() -> Evaluation, seconds: &mut Duration) -> Evaluation {
    let begun = Instant::now();
    let evaluation = evaluate();
    *seconds += begun.elapsed();
    evaluation
}

/// The super-network under hard masks.
struct Masked {
    interpreter: Interpreter,
    weights: Vec<Tensor<1>>,
    running: Statistics,
    again: Tensor<4>,
    epsilon: f64,
    device: Device,
}

impl Masked {
    fn new(graph: Arc<Graph>, kept: &KeptWeights, again: pgnas::data::Batch, epsilon: f64, device: Device) -> Self {
        let layout = WeightLayout::of(&graph);
        let weights = layout.split(&vector(kept.parameters.clone(), &device));
        let running = Statistics { mean: vector(kept.mean.clone(), &device), variance: vector(kept.variance.clone(), &device) };
        let again = upload(&graph, again, &device);
        Self { interpreter: Interpreter::new(graph, &layout), weights, running, again, epsilon, device }
    }

    fn keeps(&self, mask: &HardMask, images: usize) -> Vec<Tensor<2>> {
        let of_node = |range: std::ops::Range<usize>| {
            let row: Vec<f32> = mask.bits()[range.clone()].iter().map(|&keep| f32::from(u8::from(keep))).collect();
            matrix(row.repeat(images), images, range.len(), &self.device)
        };
        self.interpreter.masked_nodes().into_iter().map(of_node).collect()
    }

    fn evaluate(&self, mask: &HardMask, batch: &pgnas::data::Batch) -> Evaluation {
        let mut collected = Vec::new();
        let keeps = self.keeps(mask, self.again.dims()[0]);
        let normalise = Normalise::Batch(&mut collected);
        let _ = self.interpreter.forward(&self.weights, &keeps, normalise, self.epsilon, self.again.clone());
        let recalibrated = Statistics::collected(collected);
        let images = upload(self.interpreter.graph(), batch.clone(), &self.device);
        let keeps = self.keeps(mask, batch.labels.len());
        let right = |statistics: &Statistics| {
            let normalise = Normalise::Given(statistics);
            let scores = self.interpreter.forward(&self.weights, &keeps, normalise, self.epsilon, images.clone());
            let classes: Vec<i32> = scores.argmax(1).into_data().iter::<i32>().collect();
            classes.into_iter().zip(&batch.labels).map(|(class, &label)| class == label).collect()
        };
        Evaluation { inherited: right(&self.running), recalibrated: right(&recalibrated) }
    }
}

fn upload(graph: &Graph, batch: pgnas::data::Batch, device: &Device) -> Tensor<4> {
    let (shape, count) = (graph.input_shape(), batch.labels.len());
    images(batch.images, [count, shape.channels, shape.height, shape.width], device)
}
