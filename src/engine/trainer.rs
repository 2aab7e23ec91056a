//! Training of the super-network: one step, and what is carried from step to step.

use super::feed::{Shown, upload};
use super::interpreter::{Interpreter, Normalise, Statistics};
use super::noise::Noise;
use super::objective::{Objective, RelaxedMasks};
use super::optimiser::{Descent, Ties, clip_factor, global_norm};
use super::schedule::learning_rate;
use super::weights::{WeightLayout, vector};
use crate::data::Batch;
use crate::graph::Graph;
use crate::posterior::{Choices, Posterior, Regulariser};
use crate::preset::{CategoricalRecipe, PathSampling, PosteriorRecipe, TrainingRecipe};
use crate::random::{Purpose, stream};
use crate::run::{Fate, Pretrained, Steering};
use burn::tensor::{Device, Int, Tensor, activation};
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
    /// Groups that share a drop probability, and the tie of each.
    ties: Option<(Ties, Vec<usize>)>,
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
    /// Trainers of the same network on other devices, which take their share of each batch.
    others: Vec<Self>,
    /// What to say in the panic of a step, so that a test has a device that breaks.
    #[cfg(test)]
    pub(super) breaks: Option<(u64, &'static str)>,
}

/// Operations that are held: their drop probability is given and does not move.
#[derive(Debug)]
struct Held {
    /// 0 for a group that is held, 1 for the others, `[groups]`.
    free: Tensor<1>,
    /// 0 for a group that is held with all that it is tied to, 1 for the others, `[groups]`.
    moves: Tensor<1>,
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
        let ties = posterior.ties.then(|| graph.ties());
        let ties = ties.map(|ties| (Ties::new(&ties, &device), ties));
        let interpreter = Interpreter::new(graph, &layout).in_precision(recipe.precision);
        let untouched = Untouched { temperature: posterior.temperature, weight_prior: posterior.weight_prior, epochs: recipe.epochs };
        let learning_rate_multiplier = posterior.learning_rate_multiplier;
        Self {
            interpreter,
            layout,
            objective,
            ties,
            recipe,
            learning_rate_multiplier,
            learning_rate_factor: 1.0,
            held: None,
            categorical,
            untouched,
            device,
            seed,
            steps_per_epoch,
            others: Vec::new(),
            #[cfg(test)]
            breaks: None,
        }
    }

    /// Shares each batch with trainers of the same network, recipe and seed on other devices.
    #[must_use]
    pub fn beside(self, others: Vec<Self>) -> Self {
        Self { others, ..self }
    }

    /// The trainers that share each batch with this one.
    pub(super) fn others(&self) -> &[Self] {
        &self.others
    }

    /// Where it computes.
    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    /// Does from here on as somebody has steered; what was not touched stays as the recipe has it.
    pub fn steer(&mut self, steering: &Steering) {
        self.others.iter_mut().for_each(|other| other.steer(steering));
        let Untouched { temperature, weight_prior, epochs } = self.untouched;
        self.objective.steer(steering.temperature.unwrap_or(temperature), steering.weight_prior.unwrap_or(weight_prior));
        self.learning_rate_factor = steering.learning_rate_factor.unwrap_or(1.0);
        self.recipe.epochs = steering.epochs.map_or(epochs, |epochs| epochs as usize);
        let groups = self.interpreter.graph().groups().len();
        let fate = |group: usize| steering.held.get(&(group as u32)).copied();
        let per_group = |value: &dyn Fn(Option<Fate>) -> f32| vector((0..groups).map(|group| value(fate(group))).collect(), &self.device);
        // What is tied stays alike, so that a group that is held alone goes on under the surface as the others of its tie do.
        let tied = |one: usize, other: usize| self.ties.as_ref().map_or(one == other, |(_, ties)| ties[one] == ties[other]);
        let moves = |group: usize| (0..groups).any(|other| tied(group, other) && fate(other).is_none());
        self.held = (!steering.held.is_empty()).then(|| Held {
            moves: vector((0..groups).map(|group| f32::from(u8::from(moves(group)))).collect(), &self.device),
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
        let shown = self.upload(batch);
        self.step_on(state, &shown)
    }

    /// One step of training on a batch that is on the device.
    #[must_use]
    pub fn step_on(&self, state: State, shown: &Shown) -> State {
        #[cfg(test)]
        if let Some((_, message)) = self.breaks.filter(|&(step, _)| step == state.step) {
            std::panic::panic_any(message);
        }
        let mut gradients = if self.others.is_empty() {
            let (pixels, labels) = shown;
            let masks = self.masks(&state, labels.dims()[0], state.step);
            let noise = self.noise(state.step, labels.dims()[0]);
            self.gradients(&state, pixels.clone(), labels, &masks, &noise)
        } else {
            self.shared_gradients(&state, shown)
        };
        if self.warms_up(state.step) {
            gradients.logits = gradients.logits.zeros_like();
        }
        self.descend(state, gradients, &shown.1)
    }

    /// Whether a step belongs to the warm-up, where the posterior stands still.
    #[must_use]
    pub fn warms_up(&self, step: u64) -> bool {
        self.categorical.as_ref().is_some_and(|(_, recipe)| step < recipe.warm_up as u64 * self.steps_per_epoch)
    }

    /// The masks of a step, drawn with the numbers of `draw`: relaxed, or in the warm-up one path that all examples of the step take, every
    /// operation as often as any other.
    pub(super) fn masks(&self, state: &State, batch: usize, draw: u64) -> RelaxedMasks {
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
        let logits = self.ties.iter().fold(logits, |logits, (ties, _)| ties.gather(logits));
        Gradients {
            cross_entropy: cross_entropy.inner(),
            scores: scores.inner(),
            weights: data_weights + kl.weights,
            logits,
            // A network without batch norm has none, and those that it has stay.
            statistics: if collected.is_empty() { state.statistics.clone() } else { Statistics::collected(collected) },
        }
    }

    /// Moves weights and logits down their gradients, and keeps the books.
    #[must_use]
    pub fn descend(&self, state: State, gradients: Gradients, labels: &Tensor<1, Int>) -> State {
        let rate = self.learning_rate(state.step);
        let images = labels.dims()[0];
        let counted = self.ties.iter().fold(gradients.logits.clone(), |logits, (ties, _)| ties.counted_once(logits));
        let norm = global_norm(&gradients.weights, &counted);
        let clip = (self.recipe.clip > 0.0).then(|| clip_factor(&norm, self.recipe.clip));
        let (weights, mut logits) = (gradients.weights, gradients.logits);
        let mut descent = state.logits;
        if let Some(held) = &self.held {
            // It rests where it was, so that it goes on from there once it is released.
            (logits, descent.momentum) = (logits * held.moves.clone(), descent.momentum * held.moves.clone());
        }
        let correct = gradients.scores.argmax(1).squeeze_dim::<1>(1).equal(labels.clone()).int().sum().float();
        State {
            step: state.step + 1,
            weights: state.weights.step(weights, clip.clone(), rate, self.recipe.momentum),
            logits: descent.step(logits, clip, rate * self.learning_rate_multiplier, self.recipe.momentum),
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
    pub fn upload(&self, batch: Batch) -> Shown {
        let shape = self.interpreter.graph().input_shape();
        upload(batch, [shape.channels, shape.height, shape.width], &self.device)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::families::Branches;
    use crate::graph::{Granularity, Shape};
    use crate::preset::{NoiseRecipe, Precision, Schedule};

    const SHAPE: Shape = Shape::map(2, 6, 6);
    const IMAGES: usize = 4;

    fn trainer(graph: &Arc<Graph>, tied: bool) -> Trainer {
        let posterior = PosteriorRecipe {
            categorical: None,
            granularity: Granularity::Channel,
            ties: tied,
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
            precision: Precision::F32,
            scaled: false,
            noise: NoiseRecipe::default(),
        };
        Trainer::new(graph.clone(), &posterior, recipe, Device::flex(), 1, 5)
    }

    fn numbers(tensor: &Tensor<1>) -> Vec<f32> {
        tensor.clone().into_data().try_to_vec().unwrap()
    }

    fn branches() -> Graph {
        let stages = vec![4, 6];
        let family = Branches { input: SHAPE, classes: 2, stem: 4, stem_stride: 1, stages, blocks: 1, branches: 2, mask_ends: true };
        family.build().unwrap()
    }

    fn batch() -> Batch {
        let images = (0..IMAGES * SHAPE.elements()).map(|place| (place % 7) as f32 - 3.0).collect();
        Batch { images, labels: vec![0, 1, 1, 0], size: IMAGES }
    }

    #[test]
    fn tied_groups_move_as_one() {
        let graph = Arc::new(branches());
        let (free, tied, tie_of) = (trainer(&graph, false), trainer(&graph, true), graph.ties());
        let groups = tie_of.len();
        let mut state = tied.state_with(tied.layout().initial(1), vec![-1.0; groups]);

        let masks = free.objective().draw(&state.logits.values, IMAGES, 1, 0);
        let (pixels, labels) = free.upload(batch());
        let gradient = |trainer: &Trainer| trainer.gradients(&state, pixels.clone(), &labels, &masks, &Noise::none()).logits;
        let (own, shared) = (numbers(&gradient(&free)), numbers(&gradient(&tied)));
        let mut once = 0.0;
        for group in 0..groups {
            let others = (0..groups).filter(|&other| tie_of[other] == tie_of[group]);
            let (sum, count) = others.fold((0.0, 0.0), |(sum, count), other| (sum + own[other], count + 1.0));
            assert!((shared[group] - sum).abs() < 1e-5, "{group}: {} instead of {sum}", shared[group]);
            once += sum * sum / count;
        }
        let counted = numbers(&tied.ties.as_ref().unwrap().0.counted_once(gradient(&tied)));
        assert!((counted.iter().map(|slope| slope * slope).sum::<f32>() - once).abs() < 1e-4 * (1.0 + once));

        for _ in 0..3 {
            state = tied.step(state, batch());
        }
        let logits = numbers(&state.logits.values);
        assert!(logits.iter().any(|&logit| (logit + 1.0).abs() > 1e-3), "they moved");
        for (group, other) in (0..groups).flat_map(|group| (0..group).map(move |other| (group, other))) {
            let alike = logits[group].to_bits() == logits[other].to_bits();
            assert!(alike || tie_of[group] != tie_of[other], "{group} and {other}: {} and {}", logits[group], logits[other]);
        }
        assert!(tie_of.iter().max().unwrap() + 1 < groups);
    }

    #[test]
    fn a_tied_group_that_was_held_alone_comes_back_as_the_others_of_its_tie_are() {
        let graph = Arc::new(branches());
        let (mut trainer, ties) = (trainer(&graph, true), graph.ties());
        let (one, other) = (0..ties.len()).find_map(|one| Some((one, (0..one).find(|&other| ties[other] == ties[one])?))).unwrap();
        let alone = ties.iter().position(|tie| ties.iter().filter(|other| *other == tie).count() == 1).unwrap();
        let mut steering = Steering::default();
        steering.held.extend([one, alone].map(|group| (group as u32, Fate::Dropped)));
        let mut state = trainer.state_with(trainer.layout().initial(1), vec![-1.0; ties.len()]);
        trainer.steer(&steering);
        for _ in 0..3 {
            state = trainer.step(state, batch());
        }
        let in_force = numbers(&trainer.logits(&state));
        assert_eq!((in_force[one], in_force[alone]), (HELD, HELD));
        let own = numbers(&state.logits.values);
        assert!((in_force[other] + 1.0).abs() > 1e-3, "the others of the tie go on: {}", in_force[other]);
        assert_eq!((own[one].to_bits(), own[alone]), (own[other].to_bits(), -1.0));
        trainer.steer(&Steering::default());
        let (released, momentum) = (numbers(&trainer.logits(&state)), numbers(&state.logits.momentum));
        assert_eq!((released[one], momentum[one]), (released[other], momentum[other]));
    }
}
