//! A small run for tests: its network, its candidates and its events.

use super::{
    Accuracy, Alert, AlertKind, Bits, CandidateId, CandidateRecord, CandidateScore, Command, EpochMetrics, Event, KlParts, LOG_VERSION,
    NetworkSummary, Outcome, PaperCount, Phase, PosteriorHealth, Resources, Scores, Source, SplitSizes, Spread, Started, TestScore, Ties,
};
use crate::graph::families::Edges;
use crate::graph::{Graph, Operation, Shape};
use crate::posterior::HardMask;
use crate::preset::BatchNormMode;

/// Two blocks of one edge with two operations, and the widening convolution between them.
pub fn graph() -> Graph {
    let operations = vec![Operation::Conv3, Operation::Identity];
    let family = Edges { input: Shape::map(1, 8, 8), classes: 10, stem_stride: 1, stages: vec![4, 8], blocks: 1, nodes: 1, operations };
    family.build().unwrap()
}

/// A candidate of 100 select images; inherited statistics get ten fewer right.
pub fn score(id: u32, source: Source, epoch: u32, correct: u32, parameters: u64) -> CandidateScore {
    let accuracy = |correct| Accuracy { correct, total: 100 };
    let select = Scores { inherited: accuracy(correct.saturating_sub(10)), recalibrated: accuracy(correct) };
    CandidateScore {
        id: CandidateId(id),
        source,
        epoch,
        select,
        parameters,
        macs: 10 * parameters,
        paper_count: Some(PaperCount { parameters: parameters + 40, macs: 11 * parameters }),
        kept_share: 0.5,
        kept: vec![4, 0, 3, 8, 1],
    }
}

/// The head of its log.
pub fn started() -> Started {
    Started {
        version: LOG_VERSION,
        program: "pgnas 0.1.0".into(),
        run: "digits-1".into(),
        preset: "digits".into(),
        seed: 1,
        device: "cpu".into(),
        network: NetworkSummary::of(&graph()),
        set: "digits".into(),
        splits: SplitSizes { train: 1100, select: 100, test: 347 },
        epochs: 2,
        steps_per_epoch: 17,
        batch: 64,
        posterior_candidates: 3,
        random_candidates: 2,
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

/// One of its epochs, with p of its second group.
pub fn epoch(epoch: u32, drop: f32) -> EpochMetrics {
    EpochMetrics {
        epoch,
        step: u64::from(epoch) * 17,
        cross_entropy: 1.0 / f64::from(epoch),
        kl: -0.25,
        kl_parts: Some(KlParts { l2: 0.5, entropy: -0.75 }),
        train_accuracy: 0.75,
        select_accuracy: 0.8125,
        learning_rate: 0.05,
        gradient_norm: 1.5,
        drop_probabilities: vec![0.1, drop, 0.3, 0.2, 0.9],
        health: PosteriorHealth { expected_drop_share: f64::from(drop), entropy_bits: 0.5, ..PosteriorHealth::default() },
        weight_norms: vec![2.0, 1.0, 0.0, 0.5, 0.25],
        spread: Some(Spread { low: 480.0, high: 560.0 }),
    }
}

fn test(id: u32, source: Source, correct: u32) -> Event {
    let accuracy = |correct| Accuracy { correct, total: 347 };
    Event::Test(TestScore {
        id: CandidateId(id),
        source,
        test: Scores { inherited: accuracy(correct - 7), recalibrated: accuracy(correct) },
    })
}

/// Its candidates: one of an epoch before the last, then references, posterior and random ones.
pub fn scores() -> Vec<CandidateScore> {
    vec![
        score(1, Source::Posterior, 1, 100, 100),
        score(2, Source::Whole, 2, 96, 1000),
        score(3, Source::Threshold, 2, 95, 500),
        score(4, Source::Posterior, 2, 97, 520),
        score(5, Source::Posterior, 2, 98, 530),
        score(6, Source::Posterior, 2, 98, 510),
        score(7, Source::Random, 2, 80, 500),
        score(8, Source::Random, 2, 70, 540),
    ]
}

/// Its candidates with masks and answers. Each gets the last images wrong that it gets wrong at all, but for random ones, which get the
/// first wrong.
pub fn candidates() -> Vec<CandidateRecord> {
    let bits = |score: &CandidateScore, right: u32| {
        let wrong = 100 - right;
        Bits((0..100).map(|image| if score.source == Source::Random { image >= wrong } else { image < right }).collect())
    };
    let record = |score: CandidateScore| CandidateRecord {
        step: None,
        draw: u64::from(score.id.0),
        mask: HardMask::new(vec![true; 33]),
        correct_inherited: bits(&score, score.select.inherited.correct),
        correct_recalibrated: bits(&score, score.select.recalibrated.correct),
        score,
    };
    scores().into_iter().map(record).collect()
}

/// Its whole log.
pub fn events() -> Vec<Event> {
    let ended = |number, drop| Event::Epoch(Box::new(epoch(number, drop)));
    let mut candidates = scores().into_iter().map(|score| Event::Candidate(Box::new(score)));
    let mut events = vec![Event::Started(Box::new(started())), Event::Phase { phase: Phase::Training }, ended(1, 0.25)];
    events.push(Event::Intervention { command: Command::SampleNow { count: 1 }, step: 17 });
    events.extend(candidates.next());
    events.push(Event::Alert(Alert { kind: AlertKind::Storage, message: "the disk was full".into() }));
    events.extend([ended(2, 0.5), Event::Phase { phase: Phase::Ranking }]);
    events.extend(candidates);
    let tied = [2, 3, 4, 5].map(CandidateId).to_vec();
    events.push(Event::Ties(Ties { leader: CandidateId(6), compared: 6, tied }));
    events.push(Event::Phase { phase: Phase::Testing });
    events.extend([
        test(6, Source::Posterior, 340),
        test(2, Source::Whole, 338),
        test(3, Source::Threshold, 330),
        test(7, Source::Random, 300),
    ]);
    events.push(Event::Finished {
        outcome: Outcome::Completed,
        winner: Some(CandidateId(6)),
        test_reads: 1,
        resources: Resources {
            wall_seconds: 12.5,
            training_seconds: 9.0,
            ranking_seconds: 3.0,
            waiting_seconds: 0.0,
            peak_rss_bytes: 1 << 28,
        },
    });
    events
}
