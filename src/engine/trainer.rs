//! Training of the super-network: one step, and what is carried from step to step.

use super::interpreter::{Interpreter, Normalise, Statistics};
use super::noise::Noise;
use super::objective::{Objective, RelaxedMasks};
use super::optimiser::{Descent, Ties, clip_factor, global_norm};
use super::schedule::learning_rate;
use super::weights::{WeightLayout, images, vector};
use crate::data::Batch;
use crate::graph::Graph;
use crate::posterior::{Posterior, Regulariser};
use crate::preset::{PosteriorRecipe, TrainingRecipe};
use crate::run::Pretrained;
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
    /// Groups that share a drop probability.
    ties: Option<Ties>,
    recipe: TrainingRecipe,
    learning_rate_multiplier: f64,
    /// Without autodiff; leaves are lifted from it step by step.
    device: Device,
    seed: u64,
    steps_per_epoch: u64,
}

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
        let objective = Objective::new(&graph, posterior.granularity, regulariser(posterior), posterior.temperature, &device);
        let ties = posterior.tied.then(|| Ties::new(&graph.ties(), &device));
        let interpreter = Interpreter::new(graph, &layout);
        let learning_rate_multiplier = posterior.learning_rate_multiplier;
        Self { interpreter, layout, objective, ties, recipe, learning_rate_multiplier, device, seed, steps_per_epoch }
    }

    /// The state before the first step.
    #[must_use]
    pub fn initial(&self, posterior: &Posterior) -> State {
        self.state_with(self.layout.initial(self.seed), posterior.logits().to_vec())
    }

    /// The state before the first step, with weights that were trained before.
    #[must_use]
    pub fn start_from(&self, start: Pretrained, posterior: &Posterior) -> State {
        let Pretrained { parameters, mean, variance, .. } = start;
        let statistics = Statistics { mean: vector(mean, &self.device), variance: vector(variance, &self.device) };
        State { statistics, ..self.state_with(parameters, posterior.logits().to_vec()) }
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
        let masks = self.objective.draw(&state.logits.values, batch.labels.len(), self.seed, state.step);
        let (pixels, labels) = self.upload(batch);
        let noise = self.noise(state.step, labels.dims()[0]);
        let gradients = self.gradients(&state, pixels, &labels, &masks, &noise);
        self.descend(state, gradients, &labels)
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
        let kl = self.objective.kl_gradient(&state.weights.values, &state.logits.values);
        let logits = self.objective.logit_gradient(masks, Tensor::cat(kept.collect(), 1)) + kl.logits;
        let logits = self.ties.iter().fold(logits, |logits, ties| ties.gather(logits));
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
        let rate = learning_rate(&self.recipe, state.step, self.steps_per_epoch);
        let images = labels.dims()[0];
        let counted = self.ties.iter().fold(gradients.logits.clone(), |logits, ties| ties.counted_once(logits));
        let norm = global_norm(&gradients.weights, &counted);
        let (mut weights, mut logits) = (gradients.weights, gradients.logits);
        if self.recipe.clip > 0.0 {
            let factor = clip_factor(&norm, self.recipe.clip);
            weights = weights * factor.clone();
            logits = logits * factor;
        }
        let correct = gradients.scores.argmax(1).squeeze_dim::<1>(1).equal(labels.clone()).int().sum().float();
        State {
            step: state.step + 1,
            weights: state.weights.step(weights, rate, self.recipe.momentum),
            logits: state.logits.step(logits, rate * self.learning_rate_multiplier, self.recipe.momentum),
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
        let masks = self.objective.draw(&state.logits.values, batch.labels.len(), self.seed, state.step | 1 << 63);
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
fn mean_cross_entropy(scores: Tensor<2>, labels: &Tensor<1, Int>) -> Tensor<1> {
    let labels = if scores.is_autodiff() { labels.clone().autodiff() } else { labels.clone() };
    activation::log_softmax(scores, 1).gather(1, labels.unsqueeze_dim(1)).mean().neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::families::Branches;
    use crate::graph::{Granularity, Shape};
    use crate::preset::{NoiseRecipe, Schedule};

    const SHAPE: Shape = Shape::map(2, 6, 6);
    const IMAGES: usize = 4;

    fn trainer(graph: &Arc<Graph>, tied: bool) -> Trainer {
        let posterior = PosteriorRecipe {
            granularity: Granularity::Channel,
            tied,
            initial_drop: 0.1,
            temperature: 0.6,
            prior_drop: 0.5,
            weight_prior: 1.0,
            entropy_weight: 1.0,
            n_effective: 50.0,
            learning_rate_multiplier: 4.0,
        };
        let recipe = TrainingRecipe {
            weights: String::new(),
            epochs: 1,
            batch: IMAGES,
            learning_rate: 0.05,
            momentum: 0.9,
            schedule: Schedule::Cosine { end: 0.01 },
            clip: 5.0,
            batch_norm_decay: 0.9,
            batch_norm_epsilon: 1e-5,
            scaled: false,
            noise: NoiseRecipe::default(),
        };
        Trainer::new(graph.clone(), &posterior, recipe, Device::flex(), 1, 5)
    }

    fn numbers(tensor: &Tensor<1>) -> Vec<f32> {
        tensor.clone().into_data().try_to_vec().unwrap()
    }

    #[test]
    fn tied_groups_move_as_one() {
        let stages = vec![4, 6];
        let family = Branches { input: SHAPE, classes: 2, stem: 4, stem_stride: 1, stages, blocks: 1, branches: 2, mask_ends: true };
        let graph = Arc::new(family.build().unwrap());
        let (free, tied, ties) = (trainer(&graph, false), trainer(&graph, true), graph.ties());
        let groups = ties.len();
        let mut state = tied.state_with(tied.layout().initial(1), vec![-1.0; groups]);
        let batch = || Batch { images: (0..IMAGES * SHAPE.elements()).map(|place| (place % 7) as f32 - 3.0).collect(), labels: vec![0, 1, 1, 0] };

        let masks = free.objective().draw(&state.logits.values, IMAGES, 1, 0);
        let (pixels, labels) = free.upload(batch());
        let gradient = |trainer: &Trainer| trainer.gradients(&state, pixels.clone(), &labels, &masks, &Noise::none()).logits;
        let (own, shared) = (numbers(&gradient(&free)), numbers(&gradient(&tied)));
        let mut once = 0.0;
        for group in 0..groups {
            let others = (0..groups).filter(|&other| ties[other] == ties[group]);
            let (sum, count) = others.fold((0.0, 0.0), |(sum, count), other| (sum + own[other], count + 1.0));
            assert!((shared[group] - sum).abs() < 1e-5, "{group}: {} instead of {sum}", shared[group]);
            once += sum * sum / count;
        }
        let counted = numbers(&tied.ties.as_ref().unwrap().counted_once(gradient(&tied)));
        assert!((counted.iter().map(|slope| slope * slope).sum::<f32>() - once).abs() < 1e-4 * (1.0 + once));

        for _ in 0..3 {
            state = tied.step(state, batch());
        }
        let logits = numbers(&state.logits.values);
        assert!(logits.iter().any(|&logit| (logit + 1.0).abs() > 1e-3), "they moved");
        for (group, other) in (0..groups).flat_map(|group| (0..group).map(move |other| (group, other))) {
            let alike = logits[group].to_bits() == logits[other].to_bits();
            assert!(alike || ties[group] != ties[other], "{group} and {other}: {} and {}", logits[group], logits[other]);
        }
        assert!(ties.iter().max().unwrap() + 1 < groups);
    }
}
