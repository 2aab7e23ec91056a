//! What disturbs and helps training beside the masks: it acts in training as it should, and nowhere else.

use burn::tensor::{Device, Tensor};
use pgnas::engine::interpreter::{Interpreter, Normalise};
use pgnas::engine::noise::Noise;
use pgnas::engine::trainer::{State, Trainer};
use pgnas::engine::weights::{WeightLayout, images};
use pgnas::graph::families::{Branches, Enas};
use pgnas::graph::{Granularity, Graph, Op, Shape};
use pgnas::preset::{NoiseRecipe, PosteriorRecipe, Precision, Schedule, TrainingRecipe};
use std::sync::Arc;

const SHAPE: Shape = Shape::map(3, 16, 16);
const IMAGES: usize = 4;

fn enas() -> Graph {
    Enas { input: SHAPE, classes: 3, stem_stride: 1, channels: 4, cells: 1, auxiliary: true }.build().unwrap()
}

fn branches() -> Graph {
    Branches { input: SHAPE, classes: 3, stem: 4, stem_stride: 1, stages: vec![4, 8], blocks: 1, branches: 2, mask_ends: true }
        .build()
        .unwrap()
}

fn trainer(graph: &Graph, noise: NoiseRecipe) -> Trainer {
    let posterior = PosteriorRecipe {
        ties: false,
        categorical: None,
        granularity: Granularity::Channel,
        initial_drop: 0.1,
        temperature: 0.2,
        prior_drop: 0.5,
        weight_prior: 1.0,
        entropy_weight: 1.0,
        n_effective: 1e6,
        learning_rate_multiplier: 1.0,
    };
    let recipe = TrainingRecipe {
        weights: String::new(),
        epochs: 2,
        batch: IMAGES,
        learning_rate: 0.05,
        momentum: 0.9,
        schedule: Schedule::Cosine { end: 0.0 },
        clip: 0.0,
        batch_norm_decay: 0.9,
        batch_norm_epsilon: 1e-5,
        scaled: false,
        precision: Precision::F32,
        noise,
    };
    Trainer::new(Arc::new(graph.clone()), &posterior, recipe, Device::flex(), 1, 5)
}

fn state(graph: &Graph, trainer: &Trainer) -> State {
    trainer.state_with(WeightLayout::of(graph).initial(1), vec![-2.0; graph.groups().len()])
}

fn pixels() -> Tensor<4> {
    let values = (0..IMAGES * SHAPE.elements()).map(|index| ((index * 37 % 101) as f32 - 50.0) / 50.0).collect();
    images(values, [IMAGES, SHAPE.channels, SHAPE.height, SHAPE.width], &Device::flex())
}

fn weight_gradient(graph: &Graph, recipe: NoiseRecipe, noise: &Noise) -> Vec<f32> {
    let trainer = trainer(graph, recipe);
    let state = state(graph, &trainer);
    let labels = Tensor::from_data([0, 1, 2, 1], &Device::flex());
    let masks = trainer.objective().draw(&state.logits.values, IMAGES, 1, 0);
    trainer.gradients(&state, pixels(), &labels, &masks, noise).weights.into_data().try_to_vec().unwrap()
}

fn distance(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
}

#[test]
fn the_auxiliary_classifier_adds_its_weighted_loss() {
    let graph = enas();
    let gradient = |auxiliary| weight_gradient(&graph, NoiseRecipe { auxiliary, ..NoiseRecipe::default() }, &Noise::none());
    let (without, weighted, doubled) = (gradient(0.0), gradient(0.4), gradient(0.8));
    let extrapolated: Vec<f32> = without.iter().zip(&weighted).map(|(without, weighted)| 2.0 * weighted - without).collect();
    assert!(distance(&extrapolated, &doubled) < 1e-4, "the gradient is linear in the weight");
    for parameter in graph.parameters() {
        let (none, some) = (&without[parameter.range.clone()], &weighted[parameter.range.clone()]);
        let name = &graph.node(parameter.node).name;
        match name.as_str() {
            name if name.starts_with("auxiliary.") => {
                assert!(none.iter().all(|&slope| slope == 0.0) && distance(none, some) > 0.0, "{name}");
            }
            // In a stack of five cells the head reads the last one, so that only what follows is untouched.
            "head.linear" => assert!(distance(none, some) == 0.0),
            "stem.conv" => assert!(distance(none, some) > 0.0),
            _ => {}
        }
    }
}

#[test]
fn evaluation_and_candidates_know_no_auxiliary_classifier() {
    let graph = enas();
    let layout = WeightLayout::of(&graph);
    let interpreter = Interpreter::new(Arc::new(graph.clone()), &layout);
    let scores = |values: Vec<f32>| -> (Vec<f32>, usize) {
        let weights = layout.split(&pgnas::engine::weights::vector(values, &Device::flex()));
        let keeps: Vec<Tensor<2>> =
            interpreter.masked_nodes().into_iter().map(|range| Tensor::ones([IMAGES, range.len()], &Device::flex())).collect();
        let mut collected = Vec::new();
        let scores = interpreter.forward(&weights, &keeps, Normalise::Batch(&mut collected), 1e-5, pixels());
        (scores.into_data().try_to_vec().unwrap(), collected.iter().map(|(mean, _)| mean.dims()[0]).sum())
    };
    let values = layout.initial(1);
    let mut changed = values.clone();
    for parameter in layout.parameters.iter().filter(|parameter| graph.auxiliary().contains(&parameter.node.index())) {
        changed[parameter.range.clone()].fill(9.0);
    }
    assert_ne!(values, changed);
    assert_eq!(scores(values.clone()), scores(changed));
    assert_eq!(scores(values).1, interpreter.statistics_total(), "statistics keep their places");

    let slice = graph.slice(&vec![true; graph.masked_channels()]).unwrap();
    assert!(slice.graph.nodes().iter().all(|node| !node.name.contains("auxiliary") && !matches!(node.op, Op::DropPath { .. })));
    assert_eq!(slice.graph.cost(), graph.cost());
}

#[test]
fn shake_changes_a_step_and_its_absence_does_not() {
    let graph = branches();
    let recipe = |shake| NoiseRecipe { shake, ..NoiseRecipe::default() };
    let trainer = |shake| trainer(&graph, recipe(shake));
    let still = weight_gradient(&graph, recipe(true), &Noise::none());
    assert_eq!(still, weight_gradient(&graph, recipe(true), &trainer(false).noise(0, IMAGES)));
    let shaken = |step| weight_gradient(&graph, recipe(true), &trainer(true).noise(step, IMAGES));
    assert_eq!(shaken(0), shaken(0), "a step draws its noise from its number");
    assert!(distance(&shaken(0), &shaken(1)) > 0.0 && distance(&still, &shaken(0)) > 0.0);
}
