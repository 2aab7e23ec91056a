//! Runs in rarer states: with findings and errands at work, with all that can go wrong, beside another one, and as large as they come.

use super::ranking;
use crate::app::testing::{self, opened, press, push, snapshot_at};
use crate::app::{App, Done, Effect, Judged, Written};
use crate::graph::Shape;
use crate::graph::families::{DenseNet, Stem};
use crate::posterior::statistics::Quality;
use crate::run::{
    Accuracy, Alert, AlertKind, Bits, CandidateId, CandidateScore, EpochMetrics, Event, NetworkSummary, PaperCount, Phase, Record,
    Retrained, Scores, Snapshot, Source, Start, Started,
};
use std::sync::{Arc, LazyLock};

/// A finished run whose best candidate was evaluated and fine-tuned, and is being trained from scratch.
pub(super) fn findings() -> App {
    let mut app = opened(30);
    let mut asked = press(&mut app, "3 g E");
    for key in ["F enter", "X enter"] {
        for effect in press(&mut app, key) {
            let Effect::Train { from, training, .. } = effect else { continue };
            asked.extend(app.training_checked(from, &training, Ok(())));
        }
    }
    press(&mut app, "e").into_iter().for_each(|effect| asked.push(effect));
    for effect in asked {
        let Effect::Errand(task) = effect else { continue };
        match task.errand {
            crate::app::Errand::Export => app.done(&task, Ok(Done::Written(written()))),
            crate::app::Errand::Evaluate => app.done(&task, Ok(Done::Evaluated { rows: evaluated(), latency_ms: 0.81 })),
            crate::app::Errand::Retrain(Start::Inherited) => app.done(&task, Ok(Done::Retrained(Box::new(retrained(task.candidate))))),
            crate::app::Errand::Retrain(Start::Scratch) => {
                app.progress(&task, "epoch    12/40  loss 0.2210  train 93.1 %  rate 0.0310  2 min left".into());
            }
        }
    }
    app
}

fn written() -> Written {
    Written { folder: "runs/digits-1-20261124/exports/3".into(), select: Some(Accuracy { correct: 341, total: 350 }), note: None }
}

fn evaluated() -> Vec<Judged> {
    let judged = |batch_norm, decides, correct| Judged {
        batch_norm,
        decides,
        accuracy: Accuracy { correct, total: 350 },
        quality: Quality { accuracy: f64::from(correct) / 350.0, nll: 0.11, brier: 0.05, calibration_error: 0.01 },
    };
    vec![judged("inherited", false, 340), judged("recalibrated", true, 346), judged("of the batch", false, 338)]
}

fn retrained(candidate: CandidateId) -> Retrained {
    let accuracy = |correct| Accuracy { correct, total: 350 };
    Retrained {
        name: format!("{}-inherited-1-00000000", candidate.0),
        candidate,
        source: Source::Posterior,
        from: Start::Inherited,
        seed: 1,
        epochs: 40,
        recipe: Vec::new(),
        parameters: 17_800,
        macs: 560_000,
        cross_entropy: 0.04,
        train_accuracy: 0.99,
        inherited: accuracy(346),
        retrained: accuracy(347),
        only_inherited: 2,
        only_retrained: 3,
        p: 1.0,
        seconds: 31.0,
        correct: Bits(vec![true; 350]),
    }
}

/// A search with all that can go wrong and last, and an alert that was raised just now.
pub(super) fn alerted() -> App {
    let mut app = ranking();
    let mut metrics = testing::epoch(19);
    metrics.health.expected_drop_share = 0.98;
    push(&mut app, Event::Epoch(Box::new(metrics)));
    let starved = Alert {
        kind: AlertKind::Starved,
        message: "training waits 61 % of its time for images: give it more cores, or take out some of data.shift and data.cutout".into(),
    };
    let disk = Alert {
        kind: AlertKind::Disk,
        message: "the disk of the run has 312 MB left: delete runs or exports, or the next checkpoint may fail".into(),
    };
    app.snapshot(Arc::new(Snapshot { alerts: vec![disk, starved.clone()], ..snapshot_at(19) }));
    push(&mut app, Event::Alert(starved));
    app
}

/// Two finished runs side by side.
pub(super) fn beside() -> App {
    let mut app = opened(6);
    let record = |(at, event)| Record { sequence: at as u64, seconds: 0.0, event };
    let records: Vec<Record> = testing::whole_run(5).into_iter().enumerate().map(record).collect();
    app.show_beside("another".into(), "runs/another".into(), &records, false);
    app
}

/// The network of `SupNet` D-121: 638 mask groups.
static D121: LazyLock<NetworkSummary> = LazyLock::new(|| {
    let stem = Stem { channels: 64, kernel: 7, stride: 2, pool: true };
    let family = DenseNet { input: Shape::map(3, 224, 224), classes: 1000, stem, growth: 32, bottleneck: 4, layers: vec![6, 12, 24, 16] };
    NetworkSummary::of(&family.build().unwrap())
});

/// A search of that network, after some epochs, with as many candidates.
pub(super) fn large(epochs: u32) -> App {
    let groups = D121.groups.len();
    let mut app = App::new();
    app.show_run("supnet-d121-1-20261124".into(), "runs/supnet-d121-1-20261124".into(), true);
    let started = Started { network: D121.clone(), preset: "supnet-d121".into(), set: "imagenet".into(), ..testing::started() };
    push(&mut app, Event::Started(Box::new(started)));
    push(&mut app, Event::Phase { phase: Phase::Training });
    // Each group goes its own way, from .1 on.
    let drop = |group: usize, epoch: u32| 0.1 + 0.02 * epoch as f32 * ((group * 37 % 100) as f32 / 100.0);
    for number in 1..=epochs {
        let drop_probabilities: Vec<f32> = (0..groups).map(|group| drop(group, number)).collect();
        let weight_norms = (0..groups).map(|group| (group % 7) as f32).collect();
        push(&mut app, Event::Epoch(Box::new(EpochMetrics { drop_probabilities, weight_norms, ..testing::epoch(number) })));
    }
    let accuracy = |correct| Accuracy { correct, total: 350 };
    for id in 1..=epochs {
        let score = CandidateScore {
            id: CandidateId(id),
            source: if id % 2 == 0 { Source::Random } else { Source::Posterior },
            epoch: epochs,
            select: Scores { inherited: accuracy(200 + id), recalibrated: accuracy(220 + id) },
            parameters: 4_000_000 + 10_000 * u64::from(id),
            macs: 1_500_000_000,
            paper_count: Some(PaperCount { parameters: 4_200_000 + 10_000 * u64::from(id), macs: 1_600_000_000 }),
            kept_share: 0.6,
            kept: D121.groups.iter().map(|group| (group.channels / 2) as u32).collect(),
        };
        push(&mut app, Event::Candidate(Box::new(score)));
    }
    let drop_probabilities = (0..groups).map(|group| drop(group, epochs)).collect();
    app.snapshot(Arc::new(Snapshot { drop_probabilities, ..snapshot_at(epochs) }));
    app
}

/// A search that has trained and ranks: some of its candidates are new, some were sampled on the way.
pub(super) fn ranks() -> App {
    let mut app = App::new();
    app.show_run("digits-1-20261124".into(), "runs/digits-1-20261124".into(), true);
    let events = testing::whole_run(30);
    let at = events.iter().position(|event| matches!(event, Event::Phase { phase: Phase::Ranking })).unwrap();
    events.into_iter().take(at + 25).for_each(|event| push(&mut app, event));
    let progress =
        Snapshot { phase: Phase::Ranking, phase_progress: 0.04, progress: Some(0.71), candidates: 24, ..snapshot_at(testing::EPOCHS) };
    app.snapshot(Arc::new(Snapshot { seconds_left: Some(29.0), ..progress }));
    app.loaded();
    app
}

/// A search over the operations of edges in its warm-up: weights train, and the posterior stands still.
pub(super) fn warms_up() -> App {
    let mut app = App::new();
    app.show_run("nasbench201-mini-1-20261124".into(), "runs/nasbench201-mini-1-20261124".into(), true);
    let started = Started {
        preset: "nasbench201-mini".into(),
        set: "cifar10".into(),
        posterior: crate::preset::PosteriorKind::Categorical,
        initial_drop: 0.8,
        warm_up: 8,
        ..testing::started()
    };
    let groups = started.network.groups.len();
    push(&mut app, Event::Started(Box::new(started)));
    push(&mut app, Event::Phase { phase: Phase::Training });
    for number in 1..=3 {
        let metrics = EpochMetrics { drop_probabilities: vec![0.8; groups], ..testing::epoch(number) };
        push(&mut app, Event::Epoch(Box::new(EpochMetrics { health: testing::epoch(0).health, ..metrics })));
    }
    app.snapshot(Arc::new(Snapshot { drop_probabilities: vec![0.8; groups], health: testing::epoch(0).health, ..snapshot_at(3) }));
    app
}
