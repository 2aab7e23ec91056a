//! The categorical posterior in training: its relaxed masks, its gradients against finite differences, its warm-up.

use burn::tensor::{Device, Int, Tensor, TensorData};
use pgnas::data::Batch;
use pgnas::engine::rebuild::initial_posterior;
use pgnas::engine::trainer::{State, Trainer};
use pgnas::engine::weights::{images, matrix};
use pgnas::graph::families::NasBench201;
use pgnas::graph::{Granularity, Graph, Shape};
use pgnas::posterior::{Choices, Posterior, Regulariser};
use pgnas::preset::{CategoricalRecipe, PathSampling, PosteriorRecipe, Preset, TrainingRecipe};
use pgnas::random::{Purpose, normal, open_unit, stream};
use std::sync::Arc;

const BATCH: usize = 6;

fn graph() -> Graph {
    NasBench201 { input: Shape::map(2, 8, 8), classes: 3, stem_stride: 1, channels: 2, cells: 1 }.build().unwrap()
}

fn recipe(warm_up: usize, sampling: PathSampling) -> PosteriorRecipe {
    PosteriorRecipe {
        ties: false,
        categorical: Some(CategoricalRecipe { tied: true, warm_up, sampling }),
        granularity: Granularity::Operation,
        initial_drop: 0.5,
        temperature: 0.7,
        prior_drop: 0.5,
        weight_prior: 2.0,
        entropy_weight: 3.0,
        n_effective: 40.0,
        learning_rate_multiplier: 1.0,
    }
}

fn training() -> TrainingRecipe {
    Preset::load("digits", None, &["train.batch=6".into(), "train.clip=0".into()]).unwrap().preset.train
}

fn trainer(recipe: &PosteriorRecipe) -> (Trainer, Posterior) {
    let graph = Arc::new(graph());
    let posterior = initial_posterior(&graph, recipe).unwrap();
    (Trainer::new(graph, recipe, training(), Device::flex(), 1, 10), posterior)
}

fn pixels() -> Vec<f32> {
    let mut generator = stream(7, Purpose::Mask, 0);
    (0..BATCH * 2 * 64).map(|_| normal(&mut generator)).collect()
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

#[test]
fn relaxed_shares_of_an_edge_sum_to_one_and_cells_are_alike() {
    let (trainer, posterior) = trainer(&recipe(0, PathSampling::Fair));
    let state = trainer.initial(&posterior);
    let keep = read(trainer.objective().draw(&state.logits.values, BATCH, 1, 0).keep);
    let graph = graph();
    let first = |row: &[f32], group: usize| row[graph.groups()[group].mask.start];
    for row in keep.chunks(graph.masked_channels()) {
        for edge in 0..6 {
            let sum: f32 = (0..5).map(|option| first(row, 5 * edge + option)).sum();
            assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        }
        for (index, group) in graph.groups().iter().enumerate() {
            let shares = &row[group.mask.clone()];
            assert!(shares.iter().all(|share| share.to_bits() == first(row, index % 30).to_bits()), "group {index}");
        }
    }
    assert!(keep[..graph.masked_channels()] != keep[graph.masked_channels()..2 * graph.masked_channels()], "examples differ");
}

/// Central differences of cross-entropy plus KL with respect to the logit of every option, all its groups moved together.
#[test]
fn gradients_are_the_slopes_of_the_relaxed_loss() {
    let recipe = recipe(0, PathSampling::Fair);
    let (trainer, posterior) = trainer(&recipe);
    let graph = graph();
    let choices = Choices::of(&graph, true).unwrap();
    let device = Device::flex();
    let generator = &mut stream(3, Purpose::Mask, 0);
    let noise: Vec<f32> = (0..BATCH * 30).map(|_| -(-open_unit(generator).ln()).ln()).collect();
    let labels: Tensor<1, Int> = Tensor::from_data(TensorData::new(vec![0, 1, 2, 0, 1, 2], [BATCH]), &device);
    let weights = read(trainer.initial(&posterior).weights.values);
    let regulariser = Regulariser { weight: 2.0, entropy: 3.0, n_effective: 40.0, prior_drop: 0.5 };
    let mut start = vec![0.0f32; graph.groups().len()];
    for (choice, options) in choices.groups().iter().enumerate() {
        for (option, groups) in options.iter().enumerate() {
            groups.iter().for_each(|&group| start[group] = 0.3 * ((choice + 2 * option) % 4) as f32 - 0.4);
        }
    }
    let at = |logits: &[f32], weights: &[f32]| {
        let state: State = trainer.state_with(weights.to_vec(), logits.to_vec());
        let masks = trainer.objective().relax(&state.logits.values, matrix(noise.clone(), BATCH, 30, &device));
        let gradients =
            trainer.gradients(&state, images(pixels(), [BATCH, 2, 8, 8], &device), &labels, &masks, &trainer.noise(state.step, BATCH));
        let norms = read(trainer.objective().squared_norms(&state.weights.values));
        let kl = regulariser.total(&posterior.with_logits(logits.to_vec()), Granularity::Operation, &norms).total();
        (f64::from(read(gradients.cross_entropy.clone())[0]) + kl, gradients)
    };
    let (_, gradients) = at(&start, &weights);
    let (by_logit, by_weight) = (read(gradients.logits), read(gradients.weights));
    // Larger steps cross kinks of the ReLUs.
    let step = 1e-3f32;
    let mut largest = 0f64;
    for groups in choices.groups().iter().flatten() {
        let moved = |offset: f32| {
            let mut logits = start.clone();
            groups.iter().for_each(|&group| logits[group] += offset);
            at(&logits, &weights).0
        };
        let slope = (moved(step) - moved(-step)) / f64::from(2.0 * step);
        for &group in groups {
            let gradient = f64::from(by_logit[group]);
            assert!((slope - gradient).abs() < 1e-3 + 0.01 * slope.abs(), "{groups:?}: slope {slope}, gradient {gradient}");
        }
        largest = largest.max(slope.abs());
    }
    assert!(largest > 0.1, "the test has something to see: {largest}");
    for (index, &gradient) in by_weight.iter().enumerate().step_by(97) {
        let moved = |offset: f32| {
            let mut weights = weights.clone();
            weights[index] += offset;
            at(&start, &weights).0
        };
        let slope = (moved(step) - moved(-step)) / f64::from(2.0 * step);
        assert!((slope - f64::from(gradient)).abs() < 5e-3 + 0.05 * slope.abs(), "weight {index}: slope {slope}, gradient {gradient}");
    }
}

#[test]
fn the_posterior_stands_still_in_the_warm_up_and_moves_afterwards() {
    for sampling in [PathSampling::Uniform, PathSampling::Fair] {
        let (trainer, posterior) = trainer(&recipe(1, sampling));
        let mut state = trainer.initial(&posterior);
        let first = read(state.weights.values.clone());
        let batch = || Batch { images: pixels(), labels: vec![0, 1, 2, 0, 1, 2], size: BATCH };
        for _ in 0..10 {
            assert!(trainer.warms_up(state.step));
            state = trainer.step(state, batch());
        }
        assert!(read(state.logits.values.clone()).iter().all(|logit| logit.to_bits() == 0), "{sampling:?}");
        assert_ne!(read(state.weights.values.clone()), first);
        assert!(!trainer.warms_up(state.step));
        state = trainer.step(state, batch());
        let logits = read(state.logits.values.clone());
        assert!(logits.iter().any(|&logit| logit != 0.0));
        let choices = Choices::of(&graph(), true).unwrap();
        for groups in choices.groups().iter().flatten() {
            assert!(groups.iter().all(|&group| logits[group].to_bits() == logits[groups[0]].to_bits()), "tied groups stay alike");
        }
    }
}
