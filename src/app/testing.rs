//! A scripted run for tests: the network of the preset `digits`, plausible numbers, always the same ones.

use super::{App, Code, Compared, Effect, Key, PresetRow, Run, RunRow};
use crate::graph::families::Edges;
use crate::graph::{Operation, Shape};
use crate::posterior::{DropProbability, HardMask};
use crate::preset::BatchNormMode;
use crate::run::{
    Accuracy, Bits, CandidateId, CandidateRecord, CandidateScore, EpochMetrics, Event, KlParts, LOG_VERSION, NetworkSummary, Outcome,
    PaperCount, Phase, PosteriorHealth, Record, Resources, Scores, Snapshot, Source, SplitSizes, Spread, Started, TestScore,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub const EPOCHS: u32 = 40;
const SELECT: u32 = 350;

pub fn network() -> NetworkSummary {
    let operations = Operation::candidates().filter(|&operation| operation != Operation::None).collect();
    let family = Edges { input: Shape::map(1, 8, 8), classes: 10, stem_stride: 1, stages: vec![16, 32], blocks: 1, nodes: 2, operations };
    NetworkSummary::of(&family.build().unwrap())
}

pub fn started() -> Started {
    Started {
        version: LOG_VERSION,
        program: "pgnas 0.1.0".into(),
        run: "digits-1-20261124".into(),
        preset: "digits".into(),
        seed: 1,
        device: "cpu".into(),
        network: network(),
        set: "digits".into(),
        splits: SplitSizes { train: 1100, select: SELECT, test: 347 },
        epochs: EPOCHS,
        steps_per_epoch: 17,
        batch: 64,
        posterior_candidates: 300,
        random_candidates: 300,
        uniform_candidates: 0,
        constant_candidates: 0,
        batch_norm: BatchNormMode::Recalibrated,
        initial_drop: 0.1,
        posterior: crate::preset::PosteriorKind::Gates,
        warm_up: 0,
        constraint: String::new(),
        precision: crate::preset::Precision::F32,
        tf32: Some(false),
    }
}

/// A number within [0, 1) that looks like chance.
fn noise(seed: usize) -> f64 {
    let mixed = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64 / (1u64 << 53) as f64
}

/// p of every group after an epoch: from .1 towards a target, at a pace of its own.
pub fn drops(epoch: u32) -> Vec<f32> {
    let towards = |group: usize| {
        let target = if noise(group) < 0.55 { 0.86 + 0.13 * noise(group + 99) } else { 0.02 + 0.3 * noise(group + 7) };
        let (start, half) = (2.0 + 8.0 * noise(group + 31), 3.0);
        let done = 1.0 / (1.0 + (-(f64::from(epoch) - start - 8.0) / half).exp());
        (0.1 + (target - 0.1) * done) as f32
    };
    (0..network().groups.len()).map(towards).collect()
}

fn health(epoch: u32) -> PosteriorHealth {
    let network = network();
    let (now, before) = (drops(epoch), drops(epoch.saturating_sub(1)));
    let total = network.masked_channels as f64;
    let weighted = |value: &dyn Fn(f64) -> f64| {
        network.groups.iter().zip(&now).map(|(group, &p)| group.channels as f64 * value(f64::from(p))).sum::<f64>() / total
    };
    let lost = |cost: &dyn Fn(usize) -> usize| (0..now.len()).map(|group| cost(group) as f64 * f64::from(now[group])).sum::<f64>();
    PosteriorHealth {
        entropy_bits: weighted(&|p| DropProbability::new(p).map_or(0.0, DropProbability::entropy_bits)),
        undecided_share: weighted(&|p| f64::from(u8::from((0.1..=0.9).contains(&p)))),
        expected_drop_share: weighted(&|p| p),
        expected_parameters: network.parameters as f64 - lost(&|group| network.groups[group].parameters),
        expected_macs: network.macs as f64 - lost(&|group| network.groups[group].macs),
        largest_change: now.iter().zip(&before).map(|(now, then)| f64::from((now - then).abs())).fold(0.0, f64::max),
    }
}

pub fn epoch(epoch: u32) -> EpochMetrics {
    let time = f64::from(epoch);
    let wobble = 0.1 * noise(epoch as usize);
    EpochMetrics {
        epoch,
        step: u64::from(epoch) * 17,
        cross_entropy: 2.2 * (-time / 7.0).exp() + 0.06 + 0.2 * wobble,
        kl: 0.9 - 0.6 * (1.0 - (-time / 15.0).exp()),
        kl_parts: Some(KlParts { l2: 0.8 - 0.5 * (1.0 - (-time / 15.0).exp()), entropy: 0.1 - 0.1 * (1.0 - (-time / 15.0).exp()) }),
        train_accuracy: 1.0 - 0.85 * (-time / 5.0).exp() - 0.01 - 0.1 * wobble,
        select_accuracy: 1.0 - 0.8 * (-time / 6.0).exp() - 0.02 - 0.1 * wobble,
        learning_rate: 0.025 * (1.0 + (std::f64::consts::PI * time / f64::from(EPOCHS)).cos()),
        gradient_norm: 1.5,
        drop_probabilities: drops(epoch),
        health: health(epoch),
        weight_norms: (0..network().groups.len()).map(|group| (3.0 * noise(group + 61)) as f32).collect(),
        spread: Some(Spread { low: 0.93 * health(epoch).expected_parameters, high: 1.06 * health(epoch).expected_parameters }),
    }
}

pub fn score(id: u32, source: Source, epoch: u32, correct: u32, parameters: u64) -> CandidateScore {
    let accuracy = |correct| Accuracy { correct, total: SELECT };
    let network = network();
    let p = drops(epoch);
    let keep = |group: usize| match source {
        Source::Whole => 1.0,
        Source::Threshold => f64::from(u8::from(p[group] < 0.5)),
        Source::Posterior => f64::from(1.0 - p[group]) + 0.3 * (noise(group + 41 * id as usize) - 0.5),
        Source::Random | Source::Uniform | Source::Constant => noise(group + 57 * id as usize),
    };
    let kept = |group: usize| (keep(group).clamp(0.0, 1.0) * network.groups[group].channels as f64).round() as u32;
    let kept: Vec<u32> = (0..p.len()).map(kept).collect();
    CandidateScore {
        id: CandidateId(id),
        source,
        epoch,
        select: Scores { inherited: accuracy(correct.saturating_sub(9)), recalibrated: accuracy(correct) },
        parameters,
        macs: 67 * parameters,
        paper_count: (source != Source::Constant).then(|| PaperCount { parameters: parameters + parameters / 12, macs: 70 * parameters }),
        kept_share: f64::from(kept.iter().sum::<u32>()) / network.masked_channels as f64,
        kept,
    }
}

/// The references, then posterior and random candidates.
pub fn scores(epoch: u32, each: u32) -> Vec<CandidateScore> {
    let whole = network().parameters as u64;
    let mut scores = vec![score(1, Source::Whole, epoch, 344, whole), score(2, Source::Threshold, epoch, 345, 17_204)];
    for index in 0..each {
        let chance = noise(index as usize + 500);
        let (posterior, random) = (336 + (11.0 * chance) as u32, 270 + (50.0 * chance) as u32);
        scores.push(score(3 + index, Source::Posterior, epoch, posterior, 17_000 + (2_000.0 * noise(index as usize + 800)) as u64));
        scores.push(score(3 + each + index, Source::Random, epoch, random, 17_000 + (2_000.0 * noise(index as usize + 900)) as u64));
    }
    scores.sort_by_key(|score| score.id);
    scores
}

/// The events of a whole run with so many candidates of each kind.
pub fn whole_run(each: u32) -> Vec<Event> {
    let mut events = vec![Event::Started(Box::new(started())), Event::Phase { phase: Phase::Training }];
    events.extend((1..=EPOCHS).map(|number| Event::Epoch(Box::new(epoch(number)))));
    events.push(Event::Phase { phase: Phase::Ranking });
    let scores = scores(EPOCHS, each);
    let winner = crate::run::winner(&scores, BatchNormMode::Recalibrated);
    events.extend(scores.into_iter().map(|score| Event::Candidate(Box::new(score))));
    events.push(Event::Phase { phase: Phase::Testing });
    let accuracy = |correct| Accuracy { correct, total: 347 };
    for (id, source, correct) in [(winner, Source::Posterior, 340), (Some(CandidateId(1)), Source::Whole, 341)] {
        let Some(id) = id else { continue };
        let test = Scores { inherited: accuracy(correct - 6), recalibrated: accuracy(correct) };
        events.push(Event::Test(TestScore { id, source, test }));
    }
    let resources =
        Resources { wall_seconds: 102.4, training_seconds: 71.0, ranking_seconds: 30.0, waiting_seconds: 0.0, peak_rss_bytes: 1 << 28 };
    events.push(Event::Finished { outcome: Outcome::Completed, winner, test_reads: 1, resources });
    events
}

/// The records of some events.
pub fn records_of(events: Vec<Event>) -> Vec<Record> {
    events.into_iter().enumerate().map(|(at, event)| Record { sequence: at as u64, seconds: at as f64, event }).collect()
}

pub fn push(app: &mut App, event: Event) {
    let record = Record { sequence: app.next_record(), seconds: app.next_record() as f64, event };
    app.apply(&record);
}

pub fn snapshot_at(epoch: u32) -> Snapshot {
    let share = f64::from(epoch) / f64::from(EPOCHS);
    Snapshot {
        phase: Phase::Training,
        paused: false,
        epoch,
        epochs: EPOCHS,
        phase_progress: share,
        progress: Some(0.7 * share),
        seconds_left: (epoch > 0).then_some(102.0 * (1.0 - 0.7 * share)),
        images_per_second: (epoch > 0).then_some(2_910.0),
        device: "cpu ×2".into(),
        candidates: 0,
        cross_entropy: None,
        drop_probabilities: drops(epoch),
        health: health(epoch),
        waiting_share: None,
        disk_free: None,
        alerts: Vec::new(),
    }
}

/// A live search after some epochs.
pub fn app_at(epochs: u32) -> App {
    let mut app = App::new();
    app.show_run("digits-1-20261124".into(), PathBuf::from("runs/digits-1-20261124"), true);
    for event in whole_run(0).into_iter().take(2 + epochs as usize) {
        push(&mut app, event);
    }
    app.snapshot(Arc::new(snapshot_at(epochs)));
    app
}

/// A live search that has also sampled so many candidates of each kind.
pub fn app_with_candidates(epochs: u32, each: u32) -> App {
    let mut app = app_at(epochs);
    for score in scores(epochs, each) {
        push(&mut app, Event::Candidate(Box::new(score)));
    }
    app.loaded();
    app
}

/// A finished run, opened.
pub fn opened(each: u32) -> App {
    let mut app = App::new();
    app.show_run("digits-1-20261124".into(), PathBuf::from("runs/digits-1-20261124"), false);
    whole_run(each).into_iter().for_each(|event| push(&mut app, event));
    app.loaded();
    app
}

/// The list of candidates that belongs to a run: what is hard for one is hard for all, as far as chance goes.
pub fn records(run: &Run) -> Vec<CandidateRecord> {
    let bits = |id: u32, accuracy: Accuracy| {
        let hard = |image: usize| noise(image + 7) + 0.5 * noise(image + 1000 * id as usize);
        let mut order: Vec<usize> = (0..accuracy.total as usize).collect();
        order.sort_by(|&a, &b| hard(a).total_cmp(&hard(b)));
        let mut right = vec![false; order.len()];
        order.iter().take(accuracy.correct as usize).for_each(|&image| right[image] = true);
        Bits(right)
    };
    let record = |score: &CandidateScore| CandidateRecord {
        step: None,
        draw: u64::from(score.id.0),
        mask: HardMask::new(Vec::new()),
        correct_inherited: bits(score.id.0, score.select.inherited),
        correct_recalibrated: bits(score.id.0, score.select.recalibrated),
        score: score.clone(),
    };
    run.candidates().iter().map(record).collect()
}

/// The same with the answers of its candidates read.
pub fn answered(mut app: App) -> App {
    let run = app.run().unwrap();
    let (path, found) = (run.path().to_owned(), Compared::of(run.started().unwrap(), &records(run)));
    app.answered(&path, Ok(found));
    app
}

/// The start screen.
pub fn at_start() -> App {
    let now = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
    let preset = |name: &str, summary: &str, parameters, epochs| PresetRow {
        name: name.into(),
        summary: summary.into(),
        parameters,
        groups: 43,
        epochs,
    };
    let run = |name: &str, state: &str, correct: Option<u32>, seconds, bytes| RunRow {
        name: name.into(),
        path: PathBuf::from("runs").join(name),
        preset: "digits".into(),
        seed: 1,
        state: state.into(),
        best: correct.map(|correct| Accuracy { correct, total: SELECT }),
        written: now - Duration::from_secs(seconds),
        bytes,
    };
    let mut app = App::new();
    app.show_start_at(
        vec![
            preset("digits", "UCI handwritten digits, 8x8: 1,797 images, a search of a minute or two on a CPU", 152_874, 30),
            preset("fashion", "Fashion-MNIST, 28x28: 2,500 images, a search of some minutes on a CPU", 152_874, 20),
        ],
        vec![
            run("20261124-054500-digits-1", "completed", Some(346), 125, 1_482_113),
            run("20261123-101500-digits-7", "stopped", None, 70_000, 40_100),
        ],
        now,
    );
    app
}

/// Presses keys given by name.
pub fn press(app: &mut App, keys: &str) -> Vec<Effect> {
    keys.split_whitespace().flat_map(|key| app.press(key.parse().unwrap_or_else(|_| Key::from(Code::Enter)))).collect()
}
