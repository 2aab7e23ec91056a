//! Training of one sliced network by itself: no masks, no posterior; the optimiser, schedule and augmentation of a search.

use super::EngineError;
use super::devices::OpenDevice;
use super::feed::{Feed, Shown};
use super::interpreter::{Interpreter, Normalise, Statistics};
use super::optimiser::{Descent, clip_factor, global_norm};
use super::schedule::learning_rate;
use super::trainer::{Sums, mean_cross_entropy};
use super::weights::{WeightLayout, vector};
use crate::data::{Loader, TrainSplit};
use crate::graph::{Graph, ParameterKind, Values};
use crate::preset::{Preset, TrainingRecipe};
use crate::run::TrainingState;
use burn::tensor::{Device, Tensor};
use std::sync::Arc;

/// Trains one network.
#[derive(Debug)]
pub struct Retrainer {
    interpreter: Interpreter,
    layout: WeightLayout,
    recipe: TrainingRecipe,
    /// What each weight is pulled towards 0 by, `[weights]`.
    decay: Tensor<1>,
    feed: Feed,
    device: Device,
    seed: u64,
}

/// What changes while it trains.
#[derive(Debug, Clone)]
pub struct Retraining {
    /// Steps done.
    pub step: u64,
    weights: Descent,
    statistics: Statistics,
    sums: Sums,
}

/// What an epoch came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trained {
    /// Mean cross-entropy of its batches, in nats.
    pub cross_entropy: f64,
    /// Accuracy on its batches.
    pub accuracy: f64,
    /// Learning rate of its last step.
    pub learning_rate: f64,
}

impl Retrainer {
    /// Prepares the training of a network by the recipe of a preset. Kernels of convolutions and linear layers but depthwise ones decay
    /// by 2 L_w / N, which is what the objective of the search asks of a weight that is always kept.
    ///
    /// # Errors
    /// [`EngineError::Data`] where the images do not fit the recipe, [`EngineError::Precision`] where the device lacks what it asks for.
    pub fn new(graph: Arc<Graph>, preset: &Preset, train: &TrainSplit, device: &OpenDevice, seed: u64) -> Result<Self, EngineError> {
        device.check(preset.train.precision)?;
        let augment = super::augment(&preset.data);
        let feed = Feed::new(Loader::new(train, preset.train.batch, augment, seed)?, device.device.clone(), device.kept_bytes());
        let device = device.device.clone();
        let layout = WeightLayout::of(&graph);
        let rate = (2.0 * preset.posterior.weight_prior / preset.posterior.n_effective) as f32;
        let mut decay = vec![0.0; layout.total];
        for parameter in &layout.parameters {
            let is_depthwise = parameter.dimensions.len() == 4 && parameter.dimensions[1] == 1;
            if parameter.kind == ParameterKind::Weight && !is_depthwise {
                decay[parameter.range.clone()].fill(rate);
            }
        }
        let decay = vector(decay, &device);
        let interpreter = Interpreter::new(graph, &layout).in_precision(preset.train.precision);
        Ok(Self { interpreter, layout, recipe: preset.train.clone(), decay, feed, device, seed })
    }

    /// Steps of an epoch.
    #[must_use]
    pub fn steps_per_epoch(&self) -> u64 {
        self.feed.loader().steps_per_epoch() as u64
    }

    /// Weights drawn anew, as for a search of this seed.
    #[must_use]
    pub fn from_scratch(&self) -> Retraining {
        let channels = self.interpreter.statistics_total();
        self.from_values(&Values { parameters: self.layout.initial(self.seed), mean: vec![0.0; channels], variance: vec![1.0; channels] })
    }

    /// Weights and statistics that there are.
    #[must_use]
    pub fn from_values(&self, values: &Values) -> Retraining {
        Retraining {
            step: 0,
            weights: Descent::from(vector(values.parameters.clone(), &self.device)),
            statistics: Statistics {
                mean: vector(values.mean.clone(), &self.device),
                variance: vector(values.variance.clone(), &self.device),
            },
            sums: Sums::zero(&self.device),
        }
    }

    /// Where an interrupted training stood; `None` where that is of another network.
    #[must_use]
    pub fn from_state(&self, state: &TrainingState) -> Option<Retraining> {
        let channels = self.interpreter.statistics_total();
        let fits = [&state.parameters, &state.momentum].iter().all(|values| values.len() == self.layout.total)
            && [&state.mean, &state.variance].iter().all(|values| values.len() == channels);
        fits.then(|| {
            let values = Values { parameters: state.parameters.clone(), mean: state.mean.clone(), variance: state.variance.clone() };
            let mut training = self.from_values(&values);
            training.weights.momentum = vector(state.momentum.clone(), &self.device);
            training.step = state.step;
            training.sums.cross_entropy = vector(vec![state.cross_entropy], &self.device);
            training.sums.correct = vector(vec![state.correct], &self.device);
            training.sums.steps = state.step % self.steps_per_epoch().max(1);
            training
        })
    }

    /// Where a training stands.
    #[must_use]
    pub fn state(&self, training: &Retraining) -> TrainingState {
        let Values { parameters, mean, variance } = self.values(training);
        TrainingState {
            step: training.step,
            parameters,
            momentum: numbers(&training.weights.momentum),
            mean,
            variance,
            cross_entropy: scalar(&training.sums.cross_entropy),
            correct: scalar(&training.sums.correct),
        }
    }

    /// The numbers of the network as it is now.
    #[must_use]
    pub fn values(&self, training: &Retraining) -> Values {
        let Statistics { mean, variance } = &training.statistics;
        Values { parameters: numbers(&training.weights.values), mean: numbers(mean), variance: numbers(variance) }
    }

    /// Trains to the end of the epoch that has begun or begins, as long as `goes_on` holds. `None` beside it where that stopped.
    ///
    /// # Errors
    /// [`EngineError::Data`] where the system gives no thread, [`EngineError::Diverged`] where the loss is not finite.
    pub fn epoch(&self, mut training: Retraining, goes_on: impl Fn() -> bool) -> Result<(Retraining, Option<Trained>), EngineError> {
        let steps = self.steps_per_epoch().max(1);
        let (epoch, first) = (training.step / steps, training.step % steps);
        if first == 0 {
            training.sums = Sums::zero(&self.device);
        }
        for shown in self.feed.start_at(epoch as usize, first as usize)? {
            if !goes_on() {
                return Ok((training, None));
            }
            training = self.step(training, &shown);
        }
        let images = steps as f64 * self.recipe.batch as f64;
        let trained = Trained {
            cross_entropy: f64::from(scalar(&training.sums.cross_entropy)) / images,
            accuracy: f64::from(scalar(&training.sums.correct)) / images,
            learning_rate: learning_rate(&self.recipe, training.step.saturating_sub(1), steps),
        };
        if !trained.cross_entropy.is_finite() {
            return Err(EngineError::Diverged { epoch: epoch + 1 });
        }
        Ok((training, Some(trained)))
    }

    /// One step of training on a batch that is on the device.
    #[must_use]
    pub fn step(&self, training: Retraining, (pixels, labels): &Shown) -> Retraining {
        let count = labels.dims()[0];
        let leaf = |weight: Tensor<1>| weight.autodiff().require_grad();
        let weights: Vec<Tensor<1>> = self.layout.split(&training.weights.values).into_iter().map(leaf).collect();
        let mut collected = Vec::new();
        let normalise = Normalise::Batch(&mut collected);
        let scores = self.interpreter.forward(&weights, &[], normalise, self.recipe.batch_norm_epsilon, pixels.clone().autodiff());
        let loss = mean_cross_entropy(scores.clone(), labels);
        let mut gradients = loss.backward();
        let flat = weights.iter().map(|weight| weight.grad_remove(&mut gradients).unwrap_or_else(|| weight.clone().inner().zeros_like()));
        let gradient = Tensor::cat(flat.collect(), 0) + self.decay.clone() * training.weights.values.clone();
        let norm = || global_norm(&gradient, &Tensor::zeros([1], &self.device));
        let clip = (self.recipe.clip > 0.0).then(|| clip_factor(&norm(), self.recipe.clip));
        let correct = scores.inner().argmax(1).squeeze_dim::<1>(1).equal(labels.clone()).int().sum().float();
        let rate = learning_rate(&self.recipe, training.step, self.steps_per_epoch());
        let Sums { cross_entropy, correct: before, norm, steps } = training.sums;
        Retraining {
            step: training.step + 1,
            weights: training.weights.step(gradient, clip, rate, self.recipe.momentum),
            statistics: if collected.is_empty() {
                training.statistics
            } else {
                training.statistics.towards(Statistics::collected(collected), self.recipe.batch_norm_decay)
            },
            sums: Sums {
                cross_entropy: cross_entropy + loss.inner().mul_scalar(count as f64),
                correct: before + correct,
                norm,
                steps: steps + 1,
            },
        }
    }
}

fn numbers(tensor: &Tensor<1>) -> Vec<f32> {
    tensor.clone().into_data().try_to_vec().unwrap_or_default()
}

fn scalar(tensor: &Tensor<1>) -> f32 {
    numbers(tensor).first().copied().unwrap_or(f32::NAN)
}
