//! The objective, its gradients and the optimiser against numbers from PyTorch (`tests/reference/objective.py`), and against
//! finite differences.

use burn::tensor::{Device, Int, Tensor, TensorData};
use pgnas::engine::noise::Noise;
use pgnas::engine::objective::{Objective, RelaxedMasks};
use pgnas::engine::trainer::{State, Trainer};
use pgnas::engine::weights::{images, matrix, vector};
use pgnas::graph::{Granularity, Graph, GraphBuilder, Op, Operation, ParameterKind, Place, PoolKind, Shape};
use pgnas::posterior::Regulariser;
use pgnas::preset::{NoiseRecipe, PosteriorRecipe, Precision, Schedule, TrainingRecipe};
use serde_json::Value;
use std::sync::Arc;

fn reference() -> Value {
    serde_json::from_str(include_str!("reference/objective.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f32> {
    let list = value.get("values").unwrap_or(value);
    list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// The network of the script, node for node.
fn network() -> Graph {
    let conv = |out_channels, kernel, groups| Op::Conv { out_channels, kernel, stride: 1, dilation: 1, groups };
    let place = |operation| Place { block: "block".into(), edge: "0→1".into(), operation };
    let pool = |kind| Op::Pool { kind, kernel: 3, stride: 1 };
    let (mut builder, input) = GraphBuilder::new(Shape::map(3, 6, 6));
    let conv1 = builder.add_masked("conv1", conv(4, 3, 1), input, place(Operation::Conv3)).unwrap();
    let bn1 = builder.add("bn1", Op::BatchNorm, &[conv1]).unwrap();
    let relu1 = builder.add("relu1", Op::Relu, &[bn1]).unwrap();
    let split = vec![(2, place(Operation::Conv1)), (2, place(Operation::Conv1))];
    let conv_a = builder.add_split("conv_a", conv(4, 1, 1), relu1, split).unwrap();
    let bn_a = builder.add("bn_a", Op::BatchNorm, &[conv_a]).unwrap();
    let pool_b = builder.add_masked("pool_b", pool(PoolKind::Average), relu1, place(Operation::AveragePool)).unwrap();
    let max_c = builder.add_masked("max_c", pool(PoolKind::Max), relu1, place(Operation::MaxPool)).unwrap();
    let depthwise = builder.add("sep_d.depthwise", conv(4, 3, 4), &[relu1]).unwrap();
    let pointwise = builder.add_masked("sep_d.pointwise", conv(4, 1, 1), depthwise, place(Operation::Separable3)).unwrap();
    let bn_d = builder.add("bn_d", Op::BatchNorm, &[pointwise]).unwrap();
    let sum = builder.add("sum", Op::Add, &[bn_a, pool_b, max_c, bn_d]).unwrap();
    let active = builder.add("relu2", Op::Relu, &[sum]).unwrap();
    let pooled = builder.add("pool", Op::GlobalAveragePool, &[active]).unwrap();
    builder.add("linear", Op::Linear { out_features: 3 }, &[pooled]).unwrap();
    builder.finish()
}

/// The script's name of each parameter, in layout order.
fn parameter_names(graph: &Graph) -> Vec<String> {
    let name = |parameter: &pgnas::graph::Parameter| {
        let key = match parameter.kind {
            ParameterKind::Weight => "weight",
            ParameterKind::Bias => "bias",
            ParameterKind::Scale => "gamma",
            ParameterKind::Shift => "beta",
        };
        format!("{}.{key}", graph.node(parameter.node).name)
    };
    graph.parameters().iter().map(name).collect()
}

const MASKED: [&str; 5] = ["conv1", "conv_a", "pool_b", "max_c", "sep_d"];

/// Logistic noise `[batch, masked channels]` from the script's uniform numbers, one matrix per masked operation.
fn noise(uniforms: &Value, device: &Device) -> Tensor<2> {
    let logistic = |v: f32| (f64::from(v) / (1.0 - f64::from(v))).ln() as f32;
    let parts = MASKED.iter().map(|name| {
        let values = numbers(&uniforms[name]);
        let columns = values.len() / 4;
        matrix(values.into_iter().map(logistic).collect(), 4, columns, device)
    });
    Tensor::cat(parts.collect(), 1)
}

struct Setting {
    trainer: Trainer,
    state: State,
    pixels: Tensor<4>,
    labels: Tensor<1, Int>,
}

fn setting(reference: &Value, values: &Value, multiplier: f64, clip: f64) -> Setting {
    let device = Device::flex();
    let graph = network();
    let posterior = PosteriorRecipe {
        ties: false,
        categorical: None,
        granularity: Granularity::Channel,
        initial_drop: 0.1,
        temperature: number(&values["tau"]),
        prior_drop: number(&values["prior_drop"]),
        weight_prior: number(&values["length_scale"]),
        entropy_weight: 1.0,
        n_effective: number(&values["n_effective"]),
        learning_rate_multiplier: multiplier,
    };
    let recipe = TrainingRecipe {
        weights: String::new(),
        epochs: 1,
        batch: 4,
        learning_rate: 0.05,
        momentum: 0.9,
        schedule: Schedule::Step { epochs: vec![], factor: 1.0 },
        clip,
        batch_norm_decay: 0.9,
        batch_norm_epsilon: 1e-5,
        precision: Precision::F32,
        scaled: false,
        noise: NoiseRecipe::default(),
    };
    let weights = parameter_names(&graph).iter().flat_map(|name| numbers(&reference["weights"][name])).collect();
    let logits = (0..6).map(|group| number(&reference["groups"][format!("g{group}")]["drop_logit"]) as f32).collect();
    let trainer = Trainer::new(Arc::new(graph), &posterior, recipe, device.clone(), 1, 100);
    let state = trainer.state_with(weights, logits);
    let pixels = images(numbers(&reference["input"]), [4, 3, 6, 6], &device);
    let labels: Vec<i32> = numbers(&reference["labels"]).into_iter().map(|label| label as i32).collect();
    Setting { trainer, state, pixels, labels: Tensor::from_data(TensorData::new(labels, [4]), &device) }
}

impl Setting {
    fn masks(&self, uniforms: &Value) -> RelaxedMasks {
        self.trainer.objective().relax(&self.state.logits.values, noise(uniforms, &self.pixels.device()))
    }
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

#[track_caller]
fn close(what: &str, ours: &[f32], theirs: &[f32], tolerance: f32) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let scale = theirs.iter().fold(1e-3f32, |scale, value| scale.max(value.abs()));
    for (position, (our, their)) in ours.iter().zip(theirs).enumerate() {
        assert!((our - their).abs() <= tolerance * scale, "{what}[{position}]: {our} instead of {their} (scale {scale})");
    }
}

#[test]
fn loss_and_gradients_agree_with_pytorch_in_every_setting() {
    let reference = reference();
    let settings = reference["settings"].as_array().unwrap();
    assert_eq!(settings.len(), 16);
    for values in settings {
        let setting = setting(&reference, values, 1.0, 0.0);
        let masks = setting.masks(&reference["uniforms"]);
        let gradients = setting.trainer.gradients(&setting.state, setting.pixels.clone(), &setting.labels, &masks, &Noise::none());
        close("scores", &read(gradients.scores), &numbers(&values["logits"]), 1e-5);
        close("cross-entropy", &read(gradients.cross_entropy), &[number(&values["cross_entropy"]) as f32], 1e-5);
        close("p", &read(gradients.logits), &numbers(&values["drop_logit_gradient"]), 2e-5);
        let weights = read(gradients.weights);
        let graph = setting.trainer.interpreter().graph();
        for (parameter, name) in graph.parameters().iter().zip(parameter_names(graph)) {
            close(&name, &weights[parameter.range.clone()], &numbers(&values["weight_gradients"][&name]), 2e-5);
        }
        let regulariser = Regulariser {
            weight: number(&values["length_scale"]),
            entropy: 1.0,
            n_effective: number(&values["n_effective"]),
            prior_drop: number(&values["prior_drop"]),
        };
        let norms = read(setting.trainer.objective().squared_norms(&setting.state.weights.values));
        let kl: f64 = graph
            .groups()
            .iter()
            .zip(read(setting.state.logits.values.clone()))
            .zip(&norms)
            .map(|((group, logit), &norm)| regulariser.value(f64::from(logit), group.channels() as f64, f64::from(norm)))
            .sum();
        assert!((kl - number(&values["kl"])).abs() < 1e-5 * (1.0 + kl.abs()), "KL {kl} instead of {}", values["kl"]);
        assert!(norms[3] == 0.0 && norms[4] == 0.0, "operations without weights have no L2 term");
    }
}

#[test]
fn five_steps_of_descent_agree_with_pytorch() {
    let reference = reference();
    let values = &reference["sgd"];
    let mut setting = setting(&reference, values, number(&values["arch_lr_mult"]), number(&values["clip_norm"]));
    for step in values["steps"].as_array().unwrap() {
        let masks = setting.masks(&step["uniforms"]);
        let gradients = setting.trainer.gradients(&setting.state, setting.pixels.clone(), &setting.labels, &masks, &Noise::none());
        close("cross-entropy", &read(gradients.cross_entropy.clone()), &[number(&step["cross_entropy"]) as f32], 2e-5);
        let before = read(setting.state.sums.norm.clone())[0];
        setting.state = setting.trainer.descend(setting.state.clone(), gradients, &setting.labels);
        let norm = read(setting.state.sums.norm.clone())[0] - before;
        close("norm", &[norm], &[number(&step["gradient_norm_before_clip"]) as f32], 2e-5);
        close("logits", &read(setting.state.logits.values.clone()), &numbers(&step["drop_logits_after"]), 1e-5);
    }
    let weights = read(setting.state.weights.values.clone());
    let graph = setting.trainer.interpreter().graph();
    for (parameter, name) in graph.parameters().iter().zip(parameter_names(graph)) {
        if let Some(expected) = values["final_weights"].get(&name) {
            close(&name, &weights[parameter.range.clone()], &numbers(expected), 2e-5);
        }
    }
    let norm = &reference["batch_norm"];
    let mean = read(setting.state.statistics.mean.clone());
    let variance = read(setting.state.statistics.variance.clone());
    close("running mean", &mean[..4], &numbers(&norm["running_mean"]), 1e-5);
    close("running variance", &variance[..4], &numbers(&norm["running_variance"]), 1e-5);
}

/// With one bit for an operation, its channels share their noise, and the divergence counts the operation once.
#[test]
fn one_bit_for_an_operation_ties_its_channels() {
    let (graph, device) = (network(), Device::flex());
    let regulariser = Regulariser { weight: 2.0, entropy: 1.0, n_effective: 100.0, prior_drop: 0.8 };
    let objective = Objective::new(&graph, Granularity::Operation, regulariser, 0.2, &device);
    let start = [-1.0f32, -0.5, 0.0, 0.25, 0.5, 1.0];
    let logits = vector(start.to_vec(), &device);
    let keep = read(objective.draw(&logits, 16, 1, 0).keep);
    let rows: Vec<&[f32]> = keep.chunks(graph.masked_channels()).collect();
    for (row, group) in rows.iter().flat_map(|row| graph.groups().iter().map(move |group| (row, group))) {
        let bits = &row[group.mask.clone()];
        assert!(bits.iter().all(|bit| bit.to_bits() == bits[0].to_bits()), "{bits:?}");
    }
    let distinct = |numbers: &[f32]| numbers.iter().map(|number| number.to_bits()).collect::<std::collections::HashSet<_>>().len();
    assert!(distinct(rows[0]) > 1 && distinct(&rows.iter().map(|row| row[0]).collect::<Vec<_>>()) > 8);

    let weights = vector((0..graph.cost().parameters as usize).map(|index| (index % 7) as f32 / 8.0).collect(), &device);
    let norms = read(objective.squared_norms(&weights));
    let expected: Vec<f32> =
        start.iter().zip(norms).map(|(&x, norm)| regulariser.logit_gradient(f64::from(x), 1.0, f64::from(norm)) as f32).collect();
    close("KL by logit", &read(objective.kl_gradient(&weights, &logits).logits), &expected, 1e-5);
}

/// Central differences of cross-entropy plus KL with respect to every logit and some weights of each parameter, in the setting
/// whose masks are the softest, where f32 resolves the differences.
#[test]
fn gradients_are_the_slopes_of_the_loss() {
    let reference = reference();
    let values = &reference["settings"].as_array().unwrap()[8];
    assert!(number(&values["tau"]) > 0.6);
    let base = setting(&reference, values, 1.0, 0.0);
    let masks = base.masks(&reference["uniforms"]);
    let gradients = base.trainer.gradients(&base.state, base.pixels.clone(), &base.labels, &masks, &Noise::none());
    let (weights, logits) = (read(base.state.weights.values.clone()), read(base.state.logits.values.clone()));
    let graph = base.trainer.interpreter().graph();
    let regulariser = Regulariser {
        weight: number(&values["length_scale"]),
        entropy: 1.0,
        n_effective: number(&values["n_effective"]),
        prior_drop: number(&values["prior_drop"]),
    };
    let loss = |weights: Vec<f32>, logits: Vec<f32>| {
        let mut moved = setting(&reference, values, 1.0, 0.0);
        moved.state = moved.trainer.state_with(weights, logits.clone());
        let masks = moved.masks(&reference["uniforms"]);
        let outcome = moved.trainer.gradients(&moved.state, moved.pixels.clone(), &moved.labels, &masks, &Noise::none());
        let norms = read(moved.trainer.objective().squared_norms(&moved.state.weights.values));
        let kl: f64 =
            (0..6).map(|g| regulariser.value(f64::from(logits[g]), graph.groups()[g].channels() as f64, f64::from(norms[g]))).sum();
        f64::from(read(outcome.cross_entropy)[0]) + kl
    };
    let step = 1e-2f32;
    let check = |what: String, slope: f64, gradient: f32| {
        assert!((slope - f64::from(gradient)).abs() < 2e-3 + 0.02 * slope.abs(), "{what}: slope {slope}, gradient {gradient}");
    };
    for (group, &gradient) in read(gradients.logits).iter().enumerate() {
        let at = |offset: f32| {
            let mut logits = logits.clone();
            logits[group] += offset;
            loss(weights.clone(), logits)
        };
        check(format!("logit {group}"), (at(step) - at(-step)) / (2.0 * f64::from(step)), gradient);
    }
    let weight_gradients = read(gradients.weights);
    for parameter in graph.parameters() {
        let index = parameter.range.start + parameter.range.len() / 2;
        let at = |offset: f32| {
            let mut weights = weights.clone();
            weights[index] += offset;
            loss(weights, logits.clone())
        };
        let small = 2e-3;
        check(format!("weight {index}"), (at(small) - at(-small)) / (2.0 * f64::from(small)), weight_gradients[index]);
    }
}

#[test]
fn what_is_held_is_so_in_masks_and_gradients() {
    use pgnas::run::{Fate, Steering};
    let reference = reference();
    let (graph, Setting { mut trainer, state, .. }) = (network(), setting(&reference, &reference["settings"][0], 1.0, 0.0));
    let steering = Steering { held: [(0, Fate::Dropped), (1, Fate::Kept)].into(), ..Steering::default() };
    trainer.steer(&steering);
    let masks = trainer.objective().draw(&trainer.logits(&state), 4, 1, 0);
    let keep = read(masks.keep);
    let channels: usize = graph.groups().iter().map(pgnas::graph::MaskGroup::channels).sum();
    for row in keep.chunks(channels) {
        assert!(graph.groups()[0].mask.clone().all(|channel| row[channel] == 0.0), "{row:?}");
        assert!(graph.groups()[1].mask.clone().all(|channel| row[channel] > 0.999_999), "{row:?}");
    }
    let kl = read(trainer.objective().kl_gradient(&state.weights.values, &trainer.logits(&state)).logits);
    assert_eq!(kl[..2], [0.0, 0.0]);
    assert!(kl[2..].iter().all(|slope| slope.is_finite() && *slope != 0.0), "{kl:?}");
    trainer.steer(&Steering::default());
    assert_eq!(read(trainer.logits(&state)), read(state.logits.values));
}
