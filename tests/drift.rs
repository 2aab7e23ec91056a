//! The published drift of groups without data gradient and with decayed weights: three ImageNet logs of the paper's authors, whose
//! drop probabilities the entropy term alone explains (method guide). Run through the engine's own objective, optimiser and schedule.

use burn::tensor::Device;
use pgnas::engine::objective::Objective;
use pgnas::engine::optimiser::Descent;
use pgnas::engine::schedule::learning_rate;
use pgnas::engine::weights::vector;
use pgnas::graph::{Granularity, Graph, GraphBuilder, Op, Operation, Place, Shape};
use pgnas::posterior::{Regulariser, logit, sigmoid};
use pgnas::preset::{Precision, Schedule, TrainingRecipe};

/// One masked 1x1 convolution of K input channels.
fn one_group(channels: usize) -> Graph {
    let (mut builder, input) = GraphBuilder::new(Shape::map(channels, 1, 1));
    let place = Place { block: "b".into(), edge: "e".into(), operation: Operation::Conv1 };
    builder.add_masked("conv", Op::Conv { out_channels: 1, kernel: 1, stride: 1, dilation: 1, groups: 1 }, input, place).unwrap();
    builder.finish()
}

struct Log {
    channels: usize,
    rate: f64,
    drops: Vec<usize>,
    steps_per_epoch: u64,
    /// Epochs and the p that the log's readers predict, four decimals.
    expected: &'static [(u64, f64)],
}

fn reproduce(log: &Log) {
    let device = Device::flex();
    let regulariser = Regulariser { weight: 100.0, entropy: 1.0, n_effective: 1_281_167.0, prior_drop: 0.5 };
    let objective = Objective::new(&one_group(log.channels), Granularity::Channel, regulariser, 0.2, &device);
    let weights = vector(vec![0.0; log.channels], &device);
    let recipe = TrainingRecipe {
        weights: String::new(),
        epochs: 180,
        batch: 300,
        learning_rate: log.rate,
        momentum: 0.9,
        schedule: Schedule::Step { epochs: log.drops.clone(), factor: 0.1 },
        clip: 0.0,
        batch_norm_decay: 0.9,
        batch_norm_epsilon: 1e-5,
        precision: Precision::F32,
        scaled: false,
        noise: pgnas::preset::NoiseRecipe::default(),
    };
    let mut logits = Descent::from(vector(vec![logit(0.1) as f32], &device));
    let mut step = 0;
    for &(epoch, expected) in log.expected {
        while step < epoch * log.steps_per_epoch {
            let gradient = objective.kl_gradient(&weights, &logits.values).logits;
            logits = logits.step(gradient, None, learning_rate(&recipe, step, log.steps_per_epoch), recipe.momentum);
            step += 1;
        }
        let x: Vec<f32> = logits.values.clone().into_data().try_to_vec().unwrap();
        let p = sigmoid(f64::from(x[0]));
        assert!((p - expected).abs() < 6e-4, "epoch {epoch}: p {p:.4} instead of {expected}");
    }
}

#[test]
fn densenet_121_drifts_as_logged() {
    let expected: &[(u64, f64)] = &[(1, 0.1019), (10, 0.1214), (30, 0.1809), (60, 0.3001), (90, 0.3993), (135, 0.4100), (179, 0.4140)];
    reproduce(&Log { channels: 32, rate: 0.1, drops: vec![90, 150], steps_per_epoch: 4271, expected });
}

#[test]
fn densenet_169_drifts_as_logged() {
    let expected: &[(u64, f64)] = &[(1, 0.1016), (10, 0.1175), (30, 0.1639), (45, 0.2088), (60, 0.2593), (90, 0.2696), (119, 0.2706)];
    reproduce(&Log { channels: 32, rate: 0.1, drops: vec![60, 90], steps_per_epoch: 3559, expected });
}

#[test]
fn senet_154_drifts_as_logged() {
    let expected: &[(u64, f64)] =
        &[(1, 0.1059), (2, 0.1122), (5, 0.1341), (10, 0.1809), (20, 0.3002), (21, 0.3013), (40, 0.3235), (43, 0.3238)];
    reproduce(&Log { channels: 64, rate: 0.6, drops: vec![20, 40], steps_per_epoch: 1068, expected });
}
