//! Training of the super-network: one step, and what is carried from step to step.

use super::interpreter::{Interpreter, Normalise, Statistics};
use super::noise::Noise;
use super::objective::{Objective, RelaxedMasks};
use super::optimiser::{Descent, clip_factor, global_norm};
use super::schedule::learning_rate;
use super::weights::{WeightLayout, images, vector};
use crate::data::Batch;
use crate::graph::Graph;
use crate::posterior::{Choices, Posterior, Regulariser};
use crate::preset::{CategoricalRecipe, PathSampling, PosteriorRecipe, TrainingRecipe};
use crate::random::{Purpose, stream};
use crate::run::{Fate, Steering};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use std::sync::Arc;

/// Everything that changes while the super-network trains. Cloning is cheap: tensors are shared until written.
#[derive(Debug, Clone)]
pub struct State {
    /// Steps done.
    pub step: u64,
    /// All weights, `[weights]`.
    pub weights: Descent,
    /// The logits of the drop probabilities, `[groups]`.
    pub logits: Descent,
    /// Running statistics of batch norm.
    pub statistics: Statistics,
    /// Sums since they were last taken.
    pub sums: Sums,
}

/// Sums over steps, kept on the device so that no step waits for it; each `[1]`.
#[derive(Debug, Clone)]
pub struct Sums {
    /// Cross-entropy times images.
    pub cross_entropy: Tensor<1>,
    /// Images classified right.
    pub correct: Tensor<1>,
    /// Global norm of the gradient before clipping.
    pub norm: Tensor<1>,
    /// Steps.
    pub steps: u64,
}

/// Trains a super-network.
#[derive(Debug)]
pub struct Trainer {
    interpreter: Interpreter,
    layout: WeightLayout,
    objective: Objective,
    recipe: TrainingRecipe,
    learning_rate_multiplier: f64,
    /// The choices of a categorical posterior with its warm-up.
    categorical: Option<(Choices, CategoricalRecipe)>,
    /// What somebody multiplied the learning rate by.
    learning_rate_factor: f64,
    held: Option<Held>,
    untouched: Untouched,
    /// Without autodiff; leaves are lifted from it step by step.
    device: Device,
    seed: u64,
    steps_per_epoch: u64,
}

/// Operations that are held: their drop probability is given and does not move.
#[derive(Debug)]
struct Held {
    /// 0 for a group that is held, 1 for the others, `[groups]`.
    free: Tensor<1>,
    /// The logit that a group is held at, 0 for the others, `[groups]`.
    logits: Tensor<1>,
}

/// What somebody may change, as the recipe has it.
#[derive(Debug, Clone, Copy)]
struct Untouched {
    temperature: f64,
    weight_prior: f64,
    epochs: usize,
}

/// The logit of what is held: so far out that p is 0 or 1 exactly and every slope vanishes, and yet finite.
const HELD: f32 = 1e4;

/// The loss of a step and its gradients.
#[derive(Debug)]
pub struct Gradients {
    /// Mean cross-entropy, `[1]`.
    pub cross_entropy: Tensor<1>,
    /// Logits of the classes, `[batch, classes]`.
    pub scores: Tensor<2>,
    /// With respect to the weights, KL term included, `[weights]`.
    pub weights: Tensor<1>,
    /// With respect to the logits of the drop probabilities, KL term included, `[groups]`.
    pub logits: Tensor<1>,
    /// Batch-norm statistics of the batch.
    pub statistics: Statistics,
}

impl Trainer {
    /// Prepares the training of a graph.
    #[must_use]
    pub fn new(
        graph: Arc<Graph>,
        posterior: &PosteriorRecipe,
        recipe: TrainingRecipe,
        device: Device,
        seed: u64,
        steps_per_epoch: u64,
    ) -> Self {
        let layout = WeightLayout::of(&graph);
        let categorical = posterior.categorical.and_then(|recipe| Some((Choices::of(&graph, recipe.tied)?, recipe)));
        let (regulariser, temperature) = (regulariser(posterior), posterior.temperature);
        let objective = match &categorical {
            Some((choices, _)) => Objective::categorical(&graph, choices, regulariser, temperature, &device),
            None => Objective::new(&graph, posterior.granularity, regulariser, temperature, &device),
        };
        let interpreter = Interpreter::new(graph, &layout);
        let untouched = Untouched { temperature: posterior.temperature, weight_prior: posterior.weight_prior, epochs: recipe.epochs };
        let learning_rate_multiplier = posterior.learning_rate_multiplier;
        Self {
            interpreter,
            layout,
            objective,
            recipe,
            learning_rate_multiplier,
            learning_rate_factor: 1.0,
            held: None,
            categorical,
            untouched,
            device,
            seed,
            steps_per_epoch,
        }
    }

    /// Does from here on as somebody has steered; what was not touched stays as the recipe has it.
    pub fn steer(&mut self, steering: &Steering) {
        let Untouched { temperature, weight_prior, epochs } = self.untouched;
        self.objective.steer(steering.temperature.unwrap_or(temperature), steering.weight_prior.unwrap_or(weight_prior));
        self.learning_rate_factor = steering.learning_rate_factor.unwrap_or(1.0);
        self.recipe.epochs = steering.epochs.map_or(epochs, |epochs| epochs as usize);
        let groups = self.interpreter.graph().groups().len();
        let fate = |group: usize| steering.held.get(&(group as u32)).copied();
        let per_group = |value: &dyn Fn(Option<Fate>) -> f32| vector((0..groups).map(|group| value(fate(group))).collect(), &self.device);
        self.held = (!steering.held.is_empty()).then(|| Held {
            free: per_group(&|fate| if fate.is_some() { 0.0 } else { 1.0 }),
            logits: per_group(&|fate| match fate {
                Some(Fate::Kept) => -HELD,
                Some(Fate::Dropped) => HELD,
                None => 0.0,
            }),
        });
    }

    /// The logits in force, `[groups]`: those of the state, but for operations that are held.
    #[must_use]
    pub fn logits(&self, state: &State) -> Tensor<1> {
        let own = state.logits.values.clone();
        match &self.held {
            None => own,
            Some(held) => own * held.free.clone() + held.logits.clone(),
        }
    }

    /// The learning rate of a step, counted from 0.
    #[must_use]
    pub fn learning_rate(&self, step: u64) -> f64 {
        self.learning_rate_factor * learning_rate(&self.recipe, step, self.steps_per_epoch)
    }

    /// The state before the first step.
    #[must_use]
    pub fn initial(&self, posterior: &Posterior) -> State {
        self.state_with(self.layout.initial(self.seed), posterior.logits().to_vec())
    }

    /// A state at rest with given weights and logits.
    #[must_use]
    pub fn state_with(&self, weights: Vec<f32>, logits: Vec<f32>) -> State {
        let channels = self.interpreter.statistics_total();
        State {
            step: 0,
            weights: Descent::from(vector(weights, &self.device)),
            logits: Descent::from(vector(logits, &self.device)),
            statistics: Statistics { mean: Tensor::zeros([channels], &self.device), variance: Tensor::ones([channels], &self.device) },
            sums: Sums::zero(&self.device),
        }
    }

    /// One step of training on a batch.
    #[must_use]
    pub fn step(&self, state: State, batch: Batch) -> State {
        let masks = self.masks(&state, batch.labels.len(), state.step);
        let (pixels, labels) = self.upload(batch);
        let noise = self.noise(state.step, labels.dims()[0]);
        let mut gradients = self.gradients(&state, pixels, &labels, &masks, &noise);
        if self.warms_up(state.step) {
            gradients.logits = gradients.logits.zeros_like();
        }
        self.descend(state, gradients, &labels)
    }

    /// Whether a step belongs to the warm-up, where the posterior stands still.
    #[must_use]
    pub fn warms_up(&self, step: u64) -> bool {
        self.categorical.as_ref().is_some_and(|(_, recipe)| step < recipe.warm_up as u64 * self.steps_per_epoch)
    }

    /// The masks of a step, drawn with the numbers of `draw`: relaxed, or in the warm-up one path that all examples of the step take, every
    /// operation as often as any other.
    fn masks(&self, state: &State, batch: usize, draw: u64) -> RelaxedMasks {
        let warm_up = self.categorical.as_ref().filter(|_| self.warms_up(state.step));
        let Some((choices, recipe)) = warm_up else { return self.objective.draw(&self.logits(state), batch, self.seed, draw) };
        let picks = match recipe.sampling {
            PathSampling::Uniform => choices.any(&mut stream(self.seed, Purpose::WarmUp, draw)),
            PathSampling::Fair => choices.fair(draw, |choice, round| {
                // Rounds of one choice stay below 2^48, also those of validation.
                stream(self.seed, Purpose::WarmUp, (choice as u64) << 48 ^ round)
            }),
        };
        self.objective.path(&choices.mask(&picks), batch, &self.device)
    }

    /// The noise of a step, for so many images.
    #[must_use]
    pub fn noise(&self, step: u64, images: usize) -> Noise {
        let steps = self.steps_per_epoch * self.recipe.epochs as u64;
        let progress = ((step + 1) as f64 / steps.max(1) as f64).min(1.0);
        Noise::draw(self.interpreter.graph(), &self.recipe.noise, progress, images, (self.seed, step), &self.device)
    }

    /// The objective's gradients on a batch under given masks and noise.
    #[must_use]
    pub fn gradients(&self, state: &State, pixels: Tensor<4>, labels: &Tensor<1, Int>, masks: &RelaxedMasks, noise: &Noise) -> Gradients {
        let leaf = |tensor: Tensor<1>| tensor.autodiff().require_grad();
        let weights: Vec<Tensor<1>> = self.layout.split(&state.weights.values).into_iter().map(leaf).collect();
        let keeps: Vec<Tensor<2>> = self.per_node(masks).into_iter().map(|keep| keep.autodiff().require_grad()).collect();
        let mut collected = Vec::new();
        let normalise = Normalise::Batch(&mut collected);
        let outputs = self.interpreter.train(&weights, &keeps, normalise, self.recipe.batch_norm_epsilon, pixels.autodiff(), noise);
        let scores = outputs.logits;
        let cross_entropy = mean_cross_entropy(scores.clone(), labels);
        let loss = match outputs.auxiliary {
            Some(auxiliary) => cross_entropy.clone() + mean_cross_entropy(auxiliary, labels).mul_scalar(self.recipe.noise.auxiliary),
            None => cross_entropy.clone(),
        };
        let mut gradients = loss.backward();
        let flat = weights.iter().map(|weight| weight.grad_remove(&mut gradients).unwrap_or_else(|| weight.clone().inner().zeros_like()));
        let data_weights = Tensor::cat(flat.collect(), 0);
        let kept = keeps.iter().map(|keep| keep.grad_remove(&mut gradients).unwrap_or_else(|| keep.clone().inner().zeros_like()));
        let kl = self.objective.kl_gradient(&state.weights.values, &self.logits(state));
        let logits = self.objective.logit_gradient(masks, Tensor::cat(kept.collect(), 1)) + kl.logits;
        Gradients {
            cross_entropy: cross_entropy.inner(),
            scores: scores.inner(),
            weights: data_weights + kl.weights,
            logits,
            statistics: Statistics::collected(collected),
        }
    }

    /// Moves weights and logits down their gradients, and keeps the books.
    #[must_use]
    pub fn descend(&self, state: State, gradients: Gradients, labels: &Tensor<1, Int>) -> State {
        let rate = self.learning_rate(state.step);
        let images = labels.dims()[0];
        let norm = global_norm(&gradients.weights, &gradients.logits);
        let (mut weights, mut logits) = (gradients.weights, gradients.logits);
        if self.recipe.clip > 0.0 {
            let factor = clip_factor(&norm, self.recipe.clip);
            weights = weights * factor.clone();
            logits = logits * factor;
        }
        let mut descent = state.logits;
        if let Some(held) = &self.held {
            // It rests where it was, so that it goes on from there once it is released.
            (logits, descent.momentum) = (logits * held.free.clone(), descent.momentum * held.free.clone());
        }
        let correct = gradients.scores.argmax(1).squeeze_dim::<1>(1).equal(labels.clone()).int().sum().float();
        State {
            step: state.step + 1,
            weights: state.weights.step(weights, rate, self.recipe.momentum),
            logits: descent.step(logits, rate * self.learning_rate_multiplier, self.recipe.momentum),
            statistics: state.statistics.towards(gradients.statistics, self.recipe.batch_norm_decay),
            sums: Sums {
                cross_entropy: state.sums.cross_entropy + gradients.cross_entropy.mul_scalar(images as f64),
                correct: state.sums.correct + correct,
                norm: state.sums.norm + norm,
                steps: state.sums.steps + 1,
            },
        }
    }

    /// Images classified right under fresh relaxed masks and running statistics, as the paper's code validates while it trains.
    #[must_use]
    pub fn correct_under_relaxed_masks(&self, state: &State, batch: Batch) -> Tensor<1> {
        // The masks of validation come from steps that training never reaches.
        let masks = self.masks(state, batch.labels.len(), state.step | 1 << 63);
        let (pixels, labels) = self.upload(batch);
        let keeps = self.per_node(&masks);
        let weights = self.layout.split(&state.weights.values);
        let epsilon = self.recipe.batch_norm_epsilon;
        let normalise = Normalise::Given(&state.statistics);
        let scores = self.interpreter.forward(&weights, &keeps, normalise, epsilon, pixels);
        scores.argmax(1).squeeze_dim::<1>(1).equal(labels).int().sum().float()
    }

    /// The objective, for its numbers.
    #[must_use]
    pub fn objective(&self) -> &Objective {
        &self.objective
    }

    /// The interpreter of the super-network.
    #[must_use]
    pub fn interpreter(&self) -> &Interpreter {
        &self.interpreter
    }

    /// Where the weights lie.
    #[must_use]
    pub fn layout(&self) -> &WeightLayout {
        &self.layout
    }

    /// The keep masks of each masked node, `[batch, channels]`.
    fn per_node(&self, masks: &RelaxedMasks) -> Vec<Tensor<2>> {
        let ranges = self.interpreter.masked_nodes().into_iter();
        ranges.map(|range| masks.keep.clone().narrow(1, range.start, range.len())).collect()
    }

    /// A batch on the device.
    #[must_use]
    pub fn upload(&self, batch: Batch) -> (Tensor<4>, Tensor<1, Int>) {
        let shape = self.interpreter.graph().input_shape();
        let count = batch.labels.len();
        let pixels = images(batch.images, [count, shape.channels, shape.height, shape.width], &self.device);
        (pixels, Tensor::from_data(TensorData::new(batch.labels, [count]), &self.device))
    }
}

impl Sums {
    /// Nothing summed yet.
    #[must_use]
    pub fn zero(device: &Device) -> Self {
        let zero = || Tensor::zeros([1], device);
        Self { cross_entropy: zero(), correct: zero(), norm: zero(), steps: 0 }
    }
}

/// The regulariser that a recipe describes.
#[must_use]
pub fn regulariser(recipe: &PosteriorRecipe) -> Regulariser {
    Regulariser {
        weight: recipe.weight_prior,
        entropy: recipe.entropy_weight,
        n_effective: recipe.n_effective,
        prior_drop: recipe.prior_drop,
    }
}

/// Mean cross-entropy of scores `[batch, classes]`, `[1]`.
pub(super) fn mean_cross_entropy(scores: Tensor<2>, labels: &Tensor<1, Int>) -> Tensor<1> {
    let labels = if scores.is_autodiff() { labels.clone().autodiff() } else { labels.clone() };
    activation::log_softmax(scores, 1).gather(1, labels.unsqueeze_dim(1)).mean().neg()
}
