//! Networks that checks train: those of the presets in full, and narrow ones of every family.

use crate::data::Batch;
use crate::engine::EngineError;
use crate::engine::rebuild::initial_posterior;
use crate::engine::trainer::{State, Trainer};
use crate::graph::{Graph, GraphError, Shape};
use crate::posterior::Posterior;
use crate::preset::{Precision, Preset, PresetError};
use crate::random::{Purpose, normal, stream};
use burn::tensor::Device;
use std::sync::Arc;

/// A network with everything of a training step but the images.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// The super-network.
    pub graph: Arc<Graph>,
    /// Its recipe.
    pub preset: Preset,
}

/// A narrow network: a preset, what makes it narrow, and its images.
struct Narrow {
    preset: &'static str,
    settings: &'static [&'static str],
    image: Shape,
    classes: usize,
}

const CIFAR: Shape = Shape::map(3, 32, 32);
/// As small as five halvings allow.
const IMAGENET: Shape = Shape::map(3, 64, 64);

/// The networks of the paper at their full depth, then one of each other family.
const NARROW: [Narrow; 11] = [
    Narrow { preset: "supnet-m", settings: &["space.stages=8,16,32", "train.batch=8"], image: CIFAR, classes: 10 },
    Narrow { preset: "supnet-mi", settings: &["space.stages=10,20,40", "train.batch=8"], image: CIFAR, classes: 10 },
    Narrow { preset: "supnet-e", settings: &["space.channels=4", "train.batch=8"], image: CIFAR, classes: 10 },
    Narrow { preset: "supnet-ei", settings: &["space.channels=6", "train.batch=8"], image: CIFAR, classes: 10 },
    Narrow { preset: "supnet-r50", settings: &["space.stem=8", "train.batch=8"], image: IMAGENET, classes: 20 },
    Narrow { preset: "supnet-d121", settings: &["space.stem=8", "space.growth=4", "train.batch=8"], image: IMAGENET, classes: 20 },
    Narrow { preset: "supnet-d169", settings: &["space.stem=8", "space.growth=4", "train.batch=8"], image: IMAGENET, classes: 20 },
    Narrow { preset: "nasbench201", settings: &["space.channels=4", "train.batch=16"], image: CIFAR, classes: 10 },
    Narrow { preset: "darts", settings: &["space.channels=4", "train.batch=16"], image: CIFAR, classes: 10 },
    Narrow { preset: "chain", settings: &["train.batch=16"], image: Shape::map(1, 28, 28), classes: 10 },
    Narrow { preset: "digits", settings: &[], image: Shape::map(1, 8, 8), classes: 10 },
];

/// Why a narrow network is none; a fault of the table.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// Its preset or the settings.
    #[error(transparent)]
    Preset(#[from] PresetError),
    /// Its network.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Its posterior.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// The presets that have a narrow network.
pub fn narrow_names() -> impl Iterator<Item = &'static str> {
    NARROW.iter().map(|narrow| narrow.preset)
}

/// The narrow network of a preset; `None` where the table has none of that name.
#[must_use]
pub fn narrow(name: &str) -> Option<Result<Subject, SubjectError>> {
    let narrow = NARROW.iter().find(|narrow| narrow.preset == name)?;
    Some(narrow.build())
}

impl Narrow {
    fn build(&self) -> Result<Subject, SubjectError> {
        let settings: Vec<String> = self.settings.iter().map(ToString::to_string).collect();
        let preset = Preset::load(self.preset, None, &settings)?.preset;
        let graph = preset.space.build(self.image, self.classes)?.exempt(&preset.exempt);
        let graph = graph.map_err(|error| GraphError::Impossible { node: self.preset.into(), what: error.to_string() })?;
        Ok(Subject { name: self.preset.to_owned(), graph: Arc::new(graph), preset })
    }
}

/// Steps of an epoch: what a schedule takes them to be.
const STEPS_PER_EPOCH: u64 = 10;

impl Subject {
    /// The same, trained in a precision.
    #[must_use]
    pub fn in_precision(mut self, precision: Precision) -> Self {
        self.preset.train.precision = precision;
        self
    }

    /// A batch of noise with labels: a step costs the same whatever it is shown.
    #[must_use]
    pub fn batch(&self, images: usize) -> Batch {
        let shape = self.graph.input_shape();
        let mut generator = stream(1, Purpose::Shuffle, 0);
        let pixels = (0..images * shape.elements()).map(|_| normal(&mut generator)).collect();
        let labels = (0..images).map(|image| (image % self.graph.classes()) as i32).collect();
        Batch { images: pixels, labels, size: images }
    }

    /// The posterior that its training begins with.
    ///
    /// # Errors
    /// [`EngineError`] where the recipe does not fit the network.
    pub fn posterior(&self) -> Result<Posterior, EngineError> {
        initial_posterior(&self.graph, &self.preset.posterior)
    }

    /// Its training on a device, and a state of it in which the posterior moves and every kind of noise is at work.
    ///
    /// # Errors
    /// As [`Self::posterior`].
    pub fn training(&self, device: &Device, seed: u64) -> Result<(Trainer, State), EngineError> {
        let trainer =
            Trainer::new(self.graph.clone(), &self.preset.posterior, self.preset.train.clone(), device.clone(), seed, STEPS_PER_EPOCH);
        let mut state = trainer.initial(&self.posterior()?);
        // Half of the training is behind it: behind the warm-up, and drop-path drops.
        state.step = self.preset.train.epochs as u64 / 2 * STEPS_PER_EPOCH;
        Ok((trainer, state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_narrow_network_is_one_and_trains_on() {
        let paper = ["supnet-m", "supnet-mi", "supnet-e", "supnet-ei", "supnet-r50", "supnet-d121", "supnet-d169"];
        assert!(paper.iter().all(|name| narrow_names().any(|known| known == *name)));
        assert!(narrow("nothing").is_none());
        for name in narrow_names() {
            let subject = narrow(name).unwrap().unwrap();
            let (full, narrow) = (Preset::load(name, None, &[]).unwrap().preset, &subject.graph);
            assert!(narrow.cost().parameters < 1.5e6, "{name}: {}", narrow.cost().parameters);
            // As many groups as the whole family has: narrow, and not shallow.
            let full = full.space.build(narrow.input_shape(), narrow.classes()).unwrap();
            assert_eq!(narrow.groups().len(), full.groups().len(), "{name}");
            let (trainer, state) = subject.training(&Device::flex(), 1).unwrap();
            assert!(!trainer.warms_up(state.step) && trainer.learning_rate(state.step) > 0.0, "{name}");
        }
    }
}
