//! Milliseconds of a training step of the super-network, here and in PyTorch, the two in turn on the same networks.
//!
//! `PGNAS_PYTHON=python3 cargo bench --bench training_step [-- preset …] [--rounds 7] [--ways eager,compile] [--json FILE]`. A round times the same number
//! of steps of this program and of each way that `tests/reference/training_step.py` has of doing them, for 1 and for 2 threads, so
//! that a busy machine is busy for all. Beside the step of the super-network stands that of the same network without masks, KL term and posterior: what
//! is between the two is what the method costs. Without `PGNAS_PYTHON` this program is timed alone. With `--describe FOLDER` nothing is timed: each network
//! is written as `FOLDER/<preset>.json`, the first line that the script reads, for a machine that has PyTorch and nothing of this.

use burn::tensor::Device;
use pgnas::data::{Batch, ImageSet, SplitPlan, TestPlan};
use pgnas::engine::devices;
use pgnas::engine::feed::{Shown, upload};
use pgnas::engine::rebuild::initial_posterior;
use pgnas::engine::retrain::{Retrainer, Retraining};
use pgnas::engine::trainer::{State, Trainer};
use pgnas::graph::{Graph, Op, PoolKind, Shape};
use pgnas::preset::Preset;
use pgnas::random::{Purpose, normal, stream};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

const PRESETS: [&str; 4] = ["digits", "fashion", "nasbench201-mini", "supnet-d121-mini"];
const THREADS: [usize; 2] = [1, 2];
/// What a measurement lasts at least, in seconds.
const LEAST: f64 = 1.0;

/// A network and everything of a step but the images.
struct Subject {
    name: String,
    graph: Arc<Graph>,
    preset: Preset,
}

/// Steps of one subject, one after the other.
trait Steps {
    /// Its name in the table.
    fn name(&self) -> &str;
    /// Milliseconds of a step, the mean of so many on so many threads.
    fn time(&mut self, steps: usize, threads: usize) -> f64;
    /// The largest memory that its process ever had, in MB.
    fn memory(&mut self) -> f64;
}

fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let mut option = |name: &str| {
        let place = words.iter().position(|word| word == name)?;
        words.remove(place);
        (place < words.len()).then(|| words.remove(place))
    };
    let rounds = option("--rounds").and_then(|rounds| rounds.parse().ok()).unwrap_or(7);
    let file = option("--json");
    let layouts = option("--ways").unwrap_or_else(|| "eager,channels_last,compile".into());
    let describe = option("--describe");
    let names = if words.is_empty() { PRESETS.map(str::to_owned).to_vec() } else { words };
    if let Some(folder) = describe {
        for name in names {
            let file = std::path::Path::new(&folder).join(format!("{name}.json"));
            std::fs::write(&file, format!("{}\n", Subject::of(&name).description())).expect("the folder of --describe can be written");
        }
        return;
    }
    println!(
        "| preset | threads | way | ms, median | least | most | times as fast as the best of PyTorch | MB |\n|---|---|---|---|---|---|---|---|"
    );
    let results: Vec<Value> = names.iter().flat_map(|name| compare(&Subject::of(name), &layouts, rounds)).collect();
    if let Some(file) = file {
        let text = serde_json::to_string_pretty(&json!({ "bench": "training_step", "rounds": rounds, "rows": results }));
        std::fs::write(file, text.expect("JSON of numbers")).expect("the file of --json can be written");
    }
}

fn compare(subject: &Subject, layouts: &str, rounds: usize) -> Vec<Value> {
    let mut ways: Vec<Box<dyn Steps>> = vec![Box::new(Here::new(subject)), Box::new(Plain::new(subject))];
    let own = ways.len();
    if let Ok(python) = std::env::var("PGNAS_PYTHON") {
        for layout in layouts.split(',').filter(|layout| !layout.is_empty()) {
            match Torch::new(&python, layout, subject) {
                Some(torch) => ways.push(Box::new(torch)),
                None => eprintln!("{}: PyTorch ({layout}) does not work here and is left out", subject.name),
            }
        }
    }
    let mut rows = Vec::new();
    for threads in THREADS {
        let steps: Vec<usize> = ways.iter_mut().map(|way| ((LEAST * 1e3 / way.time(3, threads)).ceil() as usize).max(3)).collect();
        let mut times = vec![Vec::new(); ways.len()];
        for _ in 0..rounds {
            for ((way, &steps), times) in ways.iter_mut().zip(&steps).zip(&mut times) {
                times.push(way.time(steps, threads));
            }
        }
        // Of the same round, which was as busy for both.
        let mut costs: Vec<f64> = times[0].iter().zip(&times[1]).map(|(method, plain)| 100.0 * (method / plain - 1.0)).collect();
        costs.sort_by(f64::total_cmp);
        times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
        let median = |times: &Vec<f64>| times[times.len() / 2];
        let best = times[own..].iter().map(median).fold(f64::INFINITY, f64::min);
        for (way, times) in ways.iter_mut().zip(&times) {
            let (middle, least, most) = (median(times), times[0], times[times.len() - 1]);
            let (name, memory, ratio) = (way.name().to_owned(), way.memory(), best / middle);
            let shown = if ratio.is_finite() { format!("{ratio:.2}") } else { "-".to_owned() };
            println!("| {} | {threads} | {name} | {middle:.2} | {least:.2} | {most:.2} | {shown} | {memory:.0} |", subject.name);
            rows.push(json!({ "preset": subject.name, "threads": threads, "way": name, "median_ms": middle, "times_ms": times, "ratio": ratio, "memory_mb": memory }));
        }
        let (middle, least, most) = (median(&costs), costs[0], costs[costs.len() - 1]);
        println!("| {} | {threads} | cost of the method, % | {middle:+.1} | {least:+.1} | {most:+.1} | | |", subject.name);
        rows.push(json!({ "preset": subject.name, "threads": threads, "way": "cost of the method, %", "median_percent": middle, "percents": costs }));
    }
    rows
}

impl Subject {
    fn of(name: &str) -> Self {
        let loaded = Preset::load(name, None, &[]).unwrap_or_else(|error| panic!("{error}"));
        let graph = pgnas::cli::prepare::graph(&loaded).unwrap_or_else(|error| panic!("{error}"));
        Self { name: name.to_owned(), graph: Arc::new(graph), preset: loaded.preset }
    }

    /// Noise with labels: a step costs the same whatever it is shown.
    fn batch(&self) -> Batch {
        let Shape { channels, height, width } = self.graph.input_shape();
        let count = self.preset.train.batch;
        let mut generator = stream(1, Purpose::Shuffle, 0);
        let images = (0..count * channels * height * width).map(|_| normal(&mut generator)).collect();
        let labels = (0..count).map(|image| (image % self.graph.classes()) as i32).collect();
        Batch { images, labels, size: count }
    }

    /// The super-network as the reference reads it.
    fn description(&self) -> Value {
        let nodes = self.graph.nodes().iter().enumerate().map(|(index, node)| {
            let inputs: Vec<usize> = node.inputs.iter().map(|input| input.index()).collect();
            let mask = self.graph.mask_range(pgnas::graph::NodeId::from_index(index));
            json!({
                "op": node.op.name(), "inputs": inputs, "channels": node.shape.channels, "mask": mask.map(|mask| [mask.start, mask.end]),
                "settings": match &node.op {
                    Op::Conv { kernel, stride, dilation, groups, .. } => json!([kernel, stride, dilation, groups]),
                    Op::Pool { kind, kernel, stride } => json!([*kind == PoolKind::Max, kernel, stride]),
                    Op::Shake { of } => json!([of]),
                    _ => Value::Null,
                },
            })
        });
        let Shape { channels, height, width } = self.graph.input_shape();
        let (posterior, train) = (&self.preset.posterior, &self.preset.train);
        json!({
            "nodes": nodes.collect::<Vec<_>>(), "input": [channels, height, width], "classes": self.graph.classes(), "batch": train.batch,
            "groups": self.graph.groups().iter().map(pgnas::graph::MaskGroup::channels).collect::<Vec<_>>(),
            "temperature": posterior.temperature, "weight": posterior.weight_prior, "entropy": posterior.entropy_weight,
            "n_effective": posterior.n_effective, "prior_drop": posterior.prior_drop, "initial_drop": posterior.initial_drop,
            "multiplier": posterior.learning_rate_multiplier, "learning_rate": train.learning_rate, "momentum": train.momentum,
            "clip": train.clip, "epsilon": train.batch_norm_epsilon, "decay": train.batch_norm_decay,
        })
    }
}

/// Steps of this program.
struct Here {
    trainer: Trainer,
    state: Option<State>,
    batch: Batch,
}

impl Here {
    fn new(subject: &Subject) -> Self {
        let device = Device::flex();
        let recipe = subject.preset.posterior;
        let posterior = initial_posterior(&subject.graph, &recipe).unwrap_or_else(|error| panic!("{error}"));
        let trainer = Trainer::new(subject.graph.clone(), &recipe, subject.preset.train.clone(), device, 1, 1_000_000);
        let state = trainer.initial(&posterior);
        Self { trainer, state: Some(state), batch: subject.batch() }
    }
}

impl Steps for Here {
    fn name(&self) -> &'static str {
        "pgnas"
    }

    fn time(&mut self, steps: usize, threads: usize) -> f64 {
        timed(steps, threads, || {
            let mut state = self.state.take().expect("a state is always put back");
            for _ in 0..steps {
                state = self.trainer.step(state, self.batch.clone());
            }
            // What is read back has been computed.
            let _ = state.sums.norm.clone().into_data();
            self.state = Some(state);
        })
    }

    fn memory(&mut self) -> f64 {
        own_memory()
    }
}

/// Milliseconds of each of so many steps that are done on so many threads.
fn timed(steps: usize, threads: usize, work: impl FnOnce() + Send) -> f64 {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    pool.install(|| {
        let begun = Instant::now();
        work();
        begun.elapsed().as_secs_f64() * 1e3 / steps as f64
    })
}

/// The largest memory that this process ever had, in MB.
fn own_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<f64>().ok());
    peak.map_or(f64::NAN, |kilobytes| kilobytes / 1e3)
}

/// Steps of the same network by itself: the same images, optimiser and batch norm, and neither masks nor posterior.
struct Plain {
    retrainer: Retrainer,
    training: Option<Retraining>,
    shown: Shown,
}

impl Plain {
    fn new(subject: &Subject) -> Self {
        let Shape { channels, height, width } = subject.graph.input_shape();
        let (count, classes) = (subject.preset.train.batch, subject.graph.classes());
        let names = (0..classes).map(|class| class.to_string()).collect();
        let labels: Vec<u16> = (0..3 * count).map(|image| (image % classes) as u16).collect();
        let pixels = vec![7; 3 * count * channels * height * width];
        let set =
            ImageSet::new("noise", names, [channels, height, width], 255, pixels, labels, 0).unwrap_or_else(|error| panic!("{error}"));
        let plan = SplitPlan { train: 0, select: count, test: TestPlan::Held(count), seed: 0 };
        let splits = set.split(&plan).unwrap_or_else(|error| panic!("{error}"));
        let retrainer = Retrainer::new(subject.graph.clone(), &subject.preset, &splits.train, &devices::cpu(), 1);
        let retrainer = retrainer.unwrap_or_else(|error| panic!("{error}"));
        let training = Some(retrainer.from_scratch());
        Self { retrainer, training, shown: upload(subject.batch(), [channels, height, width], &Device::flex()) }
    }
}

impl Steps for Plain {
    fn name(&self) -> &'static str {
        "pgnas, the plain network"
    }

    fn time(&mut self, steps: usize, threads: usize) -> f64 {
        timed(steps, threads, || {
            let mut training = self.training.take().expect("a training is always put back");
            for _ in 0..steps {
                training = self.retrainer.step(training, &self.shown);
            }
            // What is read back has been computed.
            let _ = self.retrainer.values(&training);
            self.training = Some(training);
        })
    }

    fn memory(&mut self) -> f64 {
        own_memory()
    }
}

/// Steps of PyTorch, in a process of its own that is asked line by line.
struct Torch {
    name: String,
    process: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Torch {
    fn new(python: &str, layout: &str, subject: &Subject) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/training_step.py");
        let mut process = Command::new(python).args([script, layout]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let (asked, answers) = (process.stdin.take()?, BufReader::new(process.stdout.take()?));
        let mut torch = Self { name: format!("PyTorch, {layout}"), process, asked, answers };
        torch.ask(&subject.description().to_string()).map(|_| torch)
    }

    fn ask(&mut self, line: &str) -> Option<f64> {
        writeln!(self.asked, "{line}").ok()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).ok()?;
        answer.trim().parse().ok()
    }
}

impl Steps for Torch {
    fn name(&self) -> &str {
        &self.name
    }

    fn time(&mut self, steps: usize, threads: usize) -> f64 {
        self.ask(&format!("{steps} {threads}")).expect("PyTorch answers")
    }

    fn memory(&mut self) -> f64 {
        self.ask("memory").unwrap_or(f64::NAN)
    }
}

impl Drop for Torch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
