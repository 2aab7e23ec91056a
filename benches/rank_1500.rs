//! Ranking 1,500 candidates: the paper's way, which asks the masked super-network one by one, against the sliced networks, compiled and raced.
//!
//! `cargo bench --bench rank_1500 [-- PRESET|RUN…] [--data FOLDER] [--sample N] [--candidates N] [--set KEY=VALUE] [--grow] [--json FILE]`: a preset is trained
//! first (seed 1; `--set` shortens it), RUN is the folder of a finished search. Of each, 750 posterior and 750 random candidates are drawn as
//! a search draws them, and ranked with both kinds of statistics on the same threads. What is slow is timed on a sample of them, spread over
//! all and in turn with the fast way, so that a busy machine is busy for all, and scaled. `--grow` adds how the time grows with candidates,
//! images and depth.

use burn::tensor::{Device, Tensor};
use pgnas::cli::prepare;
use pgnas::data::{Batch, Images};
use pgnas::engine::interpreter::{Interpreter, Normalise, Statistics};
use pgnas::engine::ranker::{Candidate, Evaluation, Examples, Frozen, Ranker, recalibration_images};
use pgnas::engine::rebuild::initial_posterior;
use pgnas::engine::weights::{WeightLayout, images, matrix, vector};
use pgnas::graph::{Graph, Numbers, Values};
use pgnas::posterior::statistics::{Answers, PIECES, Race, race_order};
use pgnas::posterior::{HardMask, SizeClasses, drawn, rearranged};
use pgnas::preset::Preset;
use pgnas::random::{Purpose, open_unit, stream};
use pgnas::run::{Event, KeptWeights, RunFolder, read_candidates, read_log};
use rayon::prelude::*;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

const SEED: u64 = 1;
/// Candidates of each kind.
const CANDIDATES: u64 = 750;
/// How many one is timed of.
const ALONE: usize = 15;
/// How many the slow ways are timed on, where nobody says.
const SAMPLE: usize = 30;
const ERROR: f64 = 0.05;

fn main() {
    let mut asked = Asked { sample: SAMPLE, candidates: CANDIDATES, ..Asked::default() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut next = || words.next().expect("a value behind the option");
        match word.as_str() {
            // `cargo bench` adds it.
            "--bench" => {}
            "--json" => asked.json = Some(next()),
            "--data" => asked.data = Some(next()),
            "--sample" => asked.sample = next().parse().expect("a number of candidates"),
            "--candidates" => asked.candidates = next().parse::<u64>().expect("a number of candidates") / 2,
            "--set" => asked.set.push(next()),
            "--grow" => asked.grow = true,
            _ => asked.subjects.push(word),
        }
    }
    if asked.subjects.is_empty() {
        asked.subjects = vec!["fashion".into()];
    }
    let mut results = Vec::new();
    for word in &asked.subjects {
        let root = tempfile::tempdir().expect("a folder for the run");
        let is_run = Path::new(word).is_dir();
        let run = if is_run { word.clone().into() } else { root.path().join("run") };
        if !is_run {
            search(word, &run, &asked);
        }
        let mut result = Subject::open(&run).ranked(asked.candidates, asked.sample);
        result["run"] = word.as_str().into();
        if asked.grow {
            result["growth"] = growth(&run);
        }
        println!("{result}");
        results.push(result);
    }
    if let Some(path) = asked.json {
        let rows: Vec<Value> = results.iter().flat_map(rows).collect();
        let text =
            serde_json::to_string_pretty(&json!({ "bench": "rank_1500", "rows": rows, "results": results })).expect("JSON of numbers");
        std::fs::write(&path, text + "\n").unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

/// The figures of a subject that another run of this bench is compared by.
fn rows(result: &Value) -> Vec<Value> {
    let row = |way: &str, value: &Value, unit: &str| json!({ "run": result["run"], "way": way, "median": value, "unit": unit });
    let seconds = result["seconds"].as_object().into_iter().flatten().map(|(way, value)| row(way, value, "s"));
    seconds.chain([row("one alone", &result["one_alone_ms"], "ms")]).collect()
}

#[derive(Default)]
struct Asked {
    subjects: Vec<String>,
    data: Option<String>,
    set: Vec<String>,
    sample: usize,
    candidates: u64,
    grow: bool,
    json: Option<String>,
}

fn search(preset: &str, run: &Path, asked: &Asked) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgnas"));
    command.args(["search", preset, "--headless", "--seed", &SEED.to_string(), "--run-dir"]).arg(run);
    let few = ["rank.test=false", "rank.posterior=2", "rank.random=0", "rank.uniform=0", "rank.constant=0"].map(String::from);
    few.iter().chain(&asked.set).for_each(|set| {
        command.args(["--set", set]);
    });
    if let Some(data) = &asked.data {
        command.args(["--data", data]);
    }
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("the program runs");
    assert!(status.success(), "the search of {preset} failed");
}

/// A trained super-network with what its candidates are asked.
struct Subject {
    graph: Arc<Graph>,
    preset: Preset,
    kept: KeptWeights,
    again: Batch,
    select: Images,
    seed: u64,
}

impl Subject {
    fn open(run: &Path) -> Self {
        let loaded = Preset::load(&run.join("config.toml").to_string_lossy(), None, &[]).expect("the preset of the run");
        let graph = Arc::new(prepare::graph(&loaded).expect("its network"));
        let splits = prepare::splits(&loaded).expect("its images");
        let folder = RunFolder::open(run).expect("a run");
        let log = read_log(&folder.log()).expect("its log").0;
        let started = log.into_iter().find_map(|record| if let Event::Started(started) = record.event { Some(started) } else { None });
        let seed = started.expect("the log's first event").seed;
        let all = read_candidates(&folder.candidates()).expect("its candidates").0;
        let step = all.iter().filter_map(|candidate| candidate.step).max().expect("candidates with weights");
        let kept = KeptWeights::read(&folder.weights(step)).expect("kept weights");
        let again = recalibration_images(splits.train.images(), seed, loaded.preset.rank.recalibration_images);
        Self { graph, preset: loaded.preset, kept, again, select: splits.select.images().clone(), seed }
    }

    /// Posterior and random candidates in turn, as a search without a constraint draws them.
    fn candidates(&self, each: u64) -> Vec<HardMask> {
        let posterior = initial_posterior(&self.graph, &self.preset.posterior).expect("a posterior").with_logits(self.kept.logits.clone());
        let classes = SizeClasses::new(posterior.channels());
        let granularity = self.preset.posterior.granularity;
        let pair = |index| {
            let of = |purpose| stream(self.seed, purpose, index);
            [
                drawn(&posterior, granularity, &mut of(Purpose::Candidate)),
                rearranged(&posterior, &classes, granularity, &mut of(Purpose::RandomCandidate)),
            ]
        };
        (0..each).flat_map(pair).collect()
    }

    fn ranker(&self) -> Ranker {
        Ranker::new(self.graph.clone(), self.again.clone(), self.preset.train.batch_norm_epsilon, Device::default())
    }

    fn ranked(&self, each: u64, sample: usize) -> Value {
        let masks = self.candidates(each);
        let (ranker, frozen) = (self.ranker(), Frozen::from(self.kept.clone()));
        let examples = Examples::upload(&self.select, &Device::default());
        let batch = self.select.gather(&(0..self.select.len()).collect::<Vec<_>>());
        let old = Old::new(self);
        let mut seconds = [0.0; 3];
        let (mut differ, mut evaluations) = ([0, 0], Vec::with_capacity(masks.len()));
        let share = masks.len().div_ceil(sample.max(1));
        for part in masks.chunks(share) {
            evaluations.extend(timed(&mut seconds[2], || {
                let evaluate = |mask| ranker.evaluate(&frozen, mask, &examples).expect("a mask of this network");
                part.par_iter().map(evaluate).collect::<Vec<_>>()
            }));
            // On a thread of the pool, where ranking works, whose kernels then share their work with the others.
            let place = evaluations.len() - part.len();
            rayon::scope(|_| {
                let others =
                    [timed(&mut seconds[0], || old.masked(&part[0], &batch)), timed(&mut seconds[1], || old.sliced(&part[0], &batch))];
                for (differ, other) in differ.iter_mut().zip(&others) {
                    let pairs = evaluations[place].recalibrated.iter().zip(&other.recalibrated);
                    *differ += pairs.filter(|(one, other)| one != other).count();
                }
            });
        }
        let sampled = masks.chunks(share).len();
        let scale = masks.len() as f64 / sampled as f64;
        let [paper, sliced, compiled] = [seconds[0] * scale, seconds[1] * scale, seconds[2]];
        let mut raced = 0.0;
        let (winner, asked) = timed(&mut raced, || self.race(&masks, &ranker, &frozen));
        let best =
            self.winner(&masks, &evaluations.iter().map(|evaluation| Some(Answers::new(&evaluation.recalibrated))).collect::<Vec<_>>());
        // What somebody waits for who steps to a candidate that nobody has asked yet, beside a training step that is under way.
        let mut alone: Vec<f64> = (0..ALONE.min(masks.len()))
            .map(|index| {
                let mut seconds = 0.0;
                rayon::scope(|_| timed(&mut seconds, || drop(ranker.evaluate(&frozen, &masks[index], &examples))));
                1e3 * seconds
            })
            .collect();
        alone.sort_by(f64::total_cmp);
        json!({
            "one_alone_ms": alone.get(alone.len() / 2), "one_alone_ms_at_most": alone.last(),
            "posterior": each, "random": each, "select_images": self.select.len(),
            "recalibration_images": self.again.labels.len(), "threads": rayon::current_num_threads(),
            "slow_ways_timed_on": sampled,
            "seconds": { "paper": paper, "sliced": sliced, "compiled": compiled, "raced": raced },
            "times_fewer": { "sliced": paper / sliced, "compiled": paper / compiled, "raced": paper / raced },
            "answers_compared": sampled * self.select.len(),
            "answers_that_differ": { "masked": differ[0], "sliced": differ[1] },
            "asked_in_race": asked, "same_winner_raced": best == winner, "winner": best,
        })
    }

    /// The best posterior candidate among those with all answers; of equal ones the smaller, then the first.
    fn winner(&self, masks: &[HardMask], answers: &[Option<Answers>]) -> Option<usize> {
        let size = |mask: &HardMask| self.graph.sliced_cost(mask.bits()).expect("a mask of this network").parameters as u64;
        let whole = answers.iter().enumerate().step_by(2).filter_map(|(index, answers)| Some((index, answers.as_ref()?.right())));
        let most = whole.clone().map(|(_, right)| right).max()?;
        whole.filter(|(_, right)| *right == most).map(|(index, _)| index).min_by_key(|&index| size(&masks[index]))
    }

    /// The winner of a race, and the share of the evaluations that it took.
    fn race(&self, masks: &[HardMask], ranker: &Ranker, frozen: &Frozen) -> (Option<usize>, f64) {
        struct Runner {
            index: usize,
            candidate: Option<Candidate>,
            evaluation: Evaluation,
            answers: Answers,
        }
        let order = race_order(self.select.len(), self.seed);
        let examples = Examples::in_order(&self.select, &order, PIECES, &Device::default());
        let race = Race::new(masks.len() / 2, examples.pieces(), ERROR);
        let runner = |index| Runner { index, candidate: None, evaluation: Evaluation::default(), answers: Answers::default() };
        let mut runners: Vec<Runner> = (0..masks.len()).map(runner).collect();
        let mut asked = 0;
        for piece in 0..examples.pieces() {
            runners.par_iter_mut().for_each(|runner| {
                let made = || ranker.prepare(frozen, &masks[runner.index]).expect("a mask of this network");
                runner.candidate.get_or_insert_with(made).ask((&examples, piece), &mut runner.evaluation);
                runner.answers = Answers::new(&runner.evaluation.recalibrated);
            });
            let so_many = examples.images_up_to(piece);
            asked += runners.len() * (so_many - piece.checked_sub(1).map_or(0, |before| examples.images_up_to(before)));
            let leader = runners.iter().filter(|runner| runner.index % 2 == 0).max_by_key(|runner| runner.answers.right());
            let leader = leader.map(|leader| leader.answers.clone());
            if piece + 1 < examples.pieces() {
                let left = self.select.len() - so_many;
                runners.retain(|runner| leader.as_ref().is_none_or(|leader| race.can_win(&runner.answers, leader, left)));
            }
        }
        let mut answers = vec![None; masks.len()];
        runners.into_iter().for_each(|runner| answers[runner.index] = Some(runner.answers));
        (self.winner(masks, &answers), asked as f64 / (masks.len() * self.select.len()) as f64)
    }
}

fn timed<T>(seconds: &mut f64, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = work();
    *seconds += begun.elapsed().as_secs_f64();
    result
}

/// Tensor operation by tensor operation, whole split by whole split.
struct Old<'a> {
    subject: &'a Subject,
    interpreter: Interpreter,
    weights: Vec<Tensor<1>>,
    running: Statistics,
    again: Tensor<4>,
    device: Device,
}

impl<'a> Old<'a> {
    fn new(subject: &'a Subject) -> Self {
        let device = Device::default();
        let (graph, kept) = (&subject.graph, &subject.kept);
        let layout = WeightLayout::of(graph);
        Self {
            interpreter: Interpreter::new(graph.clone(), &layout),
            weights: layout.split(&vector(kept.parameters.clone(), &device)),
            running: Statistics { mean: vector(kept.mean.clone(), &device), variance: vector(kept.variance.clone(), &device) },
            again: upload(graph, &subject.again, &device),
            subject,
            device,
        }
    }

    /// The super-network under a hard mask: the paper's way.
    fn masked(&self, mask: &HardMask, batch: &Batch) -> Evaluation {
        let keeps = |images: usize| {
            let of_node = |range: std::ops::Range<usize>| {
                let row: Vec<f32> = mask.bits()[range.clone()].iter().map(|&keep| f32::from(u8::from(keep))).collect();
                matrix(row.repeat(images), images, range.len(), &self.device)
            };
            self.interpreter.masked_nodes().into_iter().map(of_node).collect::<Vec<_>>()
        };
        let recalibrated = self.statistics(&self.interpreter, &self.weights, &keeps(self.again.dims()[0]));
        let right = |statistics: &Statistics| self.right(&self.interpreter, &self.weights, &keeps(batch.labels.len()), statistics, batch);
        Evaluation { inherited: right(&self.running), recalibrated: right(&recalibrated) }
    }

    /// The sliced network.
    fn sliced(&self, mask: &HardMask, batch: &Batch) -> Evaluation {
        let Subject { graph, kept, preset, .. } = self.subject;
        let slice = graph.slice(mask.bits()).expect("a mask of this network");
        let layout = WeightLayout::of(&slice.graph);
        let interpreter = Interpreter::new(slice.graph.clone(), &layout);
        let made = |statistics| {
            let numbers = Numbers { parameters: &kept.parameters, statistics, epsilon: preset.train.batch_norm_epsilon };
            let values: Values = slice.values(graph, &numbers);
            (layout.split(&vector(values.parameters.clone(), &self.device)), values)
        };
        let (weights, values) = made(Some((&kept.mean, &kept.variance)));
        let running = Statistics { mean: vector(values.mean, &self.device), variance: vector(values.variance, &self.device) };
        let inherited = self.right(&interpreter, &weights, &[], &running, batch);
        let (weights, _) = made(None);
        let statistics = self.statistics(&interpreter, &weights, &[]);
        Evaluation { inherited, recalibrated: self.right(&interpreter, &weights, &[], &statistics, batch) }
    }

    fn statistics(&self, interpreter: &Interpreter, weights: &[Tensor<1>], keeps: &[Tensor<2>]) -> Statistics {
        let mut collected = Vec::new();
        let epsilon = self.subject.preset.train.batch_norm_epsilon;
        let _ = interpreter.forward(weights, keeps, Normalise::Batch(&mut collected), epsilon, self.again.clone());
        Statistics::collected(collected)
    }

    fn right(
        &self,
        interpreter: &Interpreter,
        weights: &[Tensor<1>],
        keeps: &[Tensor<2>],
        statistics: &Statistics,
        batch: &Batch,
    ) -> Vec<bool> {
        let epsilon = self.subject.preset.train.batch_norm_epsilon;
        let images = upload(interpreter.graph(), batch, &self.device);
        let scores = interpreter.forward(weights, keeps, Normalise::Given(statistics), epsilon, images);
        let classes: Vec<i32> = scores.argmax(1).into_data().iter::<i32>().collect();
        classes.into_iter().zip(&batch.labels).map(|(class, &label)| class == label).collect()
    }
}

fn upload(graph: &Graph, batch: &Batch, device: &Device) -> Tensor<4> {
    let (shape, count) = (graph.input_shape(), batch.labels.len());
    images(batch.images.clone(), [count, shape.channels, shape.height, shape.width], device)
}

/// Seconds of both ways as candidates, images and depth grow, each with the exponent of the power that fits best. Of networks that were not
/// trained: what is asked of them takes as long.
fn growth(run: &Path) -> Value {
    const KEPT: f32 = 0.3;
    let config = run.join("config.toml").to_string_lossy().into_owned();
    let subject = |blocks: usize| {
        let mut subject = Subject::open(run);
        let loaded = Preset::load(&config, None, &[format!("space.blocks={blocks}")]).expect("the preset with other blocks");
        subject.graph = Arc::new(prepare::graph(&loaded).expect("its network"));
        let layout = WeightLayout::of(&subject.graph);
        let channels: usize =
            subject.graph.nodes().iter().filter(|node| node.op == pgnas::graph::Op::BatchNorm).map(|node| node.shape.channels).sum();
        let (mean, variance) = (vec![0.0; channels], vec![1.0; channels]);
        subject.kept = KeptWeights { parameters: layout.initial(SEED), mean, variance, logits: Vec::new(), step: 0 };
        subject
    };
    let seconds = |subject: &Subject, candidates: usize, images: usize| {
        let masks: Vec<HardMask> = (0..candidates as u64)
            .map(|index| {
                let mut generator = stream(SEED, Purpose::Candidate, index);
                HardMask::new((0..subject.graph.masked_channels()).map(|_| open_unit(&mut generator) < KEPT).collect())
            })
            .collect();
        let order: Vec<usize> = (0..images).collect();
        let batch = subject.select.gather(&order);
        let (ranker, frozen) = (subject.ranker(), Frozen::from(subject.kept.clone()));
        let examples = Examples::in_order(&subject.select, &order, 1, &Device::default());
        let old = Old::new(subject);
        let mut seconds = [0.0; 2];
        timed(&mut seconds[1], || masks.par_iter().for_each(|mask| drop(ranker.evaluate(&frozen, mask, &examples))));
        let few = masks.len().min(3);
        rayon::scope(|_| timed(&mut seconds[0], || masks[..few].iter().for_each(|mask| drop(old.masked(mask, &batch)))));
        seconds[0] *= masks.len() as f64 / few as f64;
        seconds
    };
    let table = |cells: Vec<(usize, [f64; 2])>| {
        let exponents = [0, 1].map(|way| exponent(&cells.iter().map(|(size, seconds)| (*size as f64, seconds[way])).collect::<Vec<_>>()));
        let rows: Vec<Value> =
            cells.iter().map(|(size, [paper, ours])| json!({ "size": size, "paper": paper, "compiled": ours })).collect();
        json!({ "seconds": rows, "exponent_paper": exponents[0], "exponent_compiled": exponents[1] })
    };
    let plain = subject(1);
    let whole = plain.select.len();
    json!({
        "candidates": table([24, 48, 96, 192].map(|count| (count, seconds(&plain, count, whole))).to_vec()),
        "images": table([whole / 8, whole / 4, whole / 2, whole].map(|images| (images, seconds(&plain, 48, images))).to_vec()),
        "blocks": table([1, 2, 4].map(|blocks| (blocks, seconds(&subject(blocks), 48, whole))).to_vec()),
    })
}

/// The slope of the line through the logarithms.
fn exponent(points: &[(f64, f64)]) -> f64 {
    let points: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let slope = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>();
    slope / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}
