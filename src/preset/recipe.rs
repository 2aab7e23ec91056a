//! The validated values of a preset.

use super::{Constraint, OwnSpace};
use crate::graph::families::{Branches, Chain, Darts, DenseNet, Edges, Enas, NasBench201, ResNet, Stem};
use crate::graph::{Granularity, Graph, GraphError, Operation, Shape};

/// Everything a search needs to know beside its seed and its device.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// The name it was asked for by.
    pub name: String,
    /// One line on what it is.
    pub summary: String,
    /// The images.
    pub data: DataChoice,
    /// The super-network.
    pub space: Space,
    /// Blocks that have no masks.
    pub exempt: Vec<String>,
    /// The posterior and its prior.
    pub posterior: PosteriorRecipe,
    /// The training recipe.
    pub train: TrainingRecipe,
    /// Sampling and ranking.
    pub rank: RankingRecipe,
}

/// Which images, how they are split and augmented.
#[derive(Debug, Clone, PartialEq)]
pub struct DataChoice {
    /// Name of the image set.
    pub set: String,
    /// Folder or archive of a set that is read from files; empty for the program's own place.
    pub path: String,
    /// Images of the train split; 0 = all that are left.
    pub train: usize,
    /// Images of the select split, taken from the training images.
    pub select: usize,
    /// Images of the test split where the set has none of its own; 0 where it has.
    pub test: usize,
    /// Seed of the split; fixed, so that runs of different seeds share their splits.
    pub split_seed: u64,
    /// Side of the square that images in class folders become; 0 = as they are.
    pub size: usize,
    /// What their shorter side is brought to before; 0 = `size`.
    pub resize: usize,
    /// Megabytes of them that are kept in memory.
    pub memory: usize,
    /// Share of them that may be unreadable.
    pub unreadable: f64,
    /// Largest random rotation, in degrees.
    pub rotation: f64,
    /// Least share of the area of a random-resized crop; 0 = none.
    pub crop: f64,
    /// Largest random change of brightness, contrast and saturation.
    pub jitter: f64,
    /// Whether AutoAugment's policy for CIFAR is applied.
    pub autoaugment: bool,
    /// Largest random shift of a training image, in pixels.
    pub shift: usize,
    /// Whether training images are mirrored at random.
    pub flip: bool,
    /// Side of the square cut out of training images, in pixels; 0 = none.
    pub cutout: usize,
}

impl DataChoice {
    /// The keys that have something done to each training image.
    #[must_use]
    pub fn augmentations(&self) -> Vec<&'static str> {
        let all = [
            ("data.rotation", self.rotation > 0.0),
            ("data.crop", self.crop > 0.0),
            ("data.jitter", self.jitter > 0.0),
            ("data.autoaugment", self.autoaugment),
            ("data.shift", self.shift > 0),
            ("data.flip", self.flip),
            ("data.cutout", self.cutout > 0),
        ];
        all.into_iter().filter_map(|(key, is_on)| is_on.then_some(key)).collect()
    }
}

/// The family of the super-network with its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Space {
    /// Blocks of nodes whose edges carry several candidate operations.
    Edges {
        /// Stride of the stem.
        stem_stride: usize,
        /// Channels of each stage.
        stages: Vec<usize>,
        /// Blocks in each stage.
        blocks: usize,
        /// Nodes of a block beside its input.
        nodes: usize,
        /// Candidate operations of every edge.
        operations: Vec<Operation>,
    },
    /// Residual blocks of parallel branches.
    Branches {
        /// Channels of the stem.
        stem: usize,
        /// Stride of the stem.
        stem_stride: usize,
        /// Channels of each stage.
        stages: Vec<usize>,
        /// Blocks in each stage.
        blocks: usize,
        /// Branches of a block.
        branches: usize,
        /// Whether stem and classifier are masked too.
        mask_ends: bool,
    },
    /// The cells of NAS-Bench-201.
    NasBench201(CellSpace),
    /// The published micro cell of ENAS.
    Enas {
        /// Its numbers.
        cells: CellSpace,
        /// Whether there is an auxiliary classifier.
        auxiliary: bool,
    },
    /// The cells of DARTS.
    Darts(CellSpace),
    /// Dense blocks, one group for each dense edge.
    DenseNet {
        /// The stem.
        stem: Stem,
        /// Channels that each layer adds.
        growth: usize,
        /// Channels between the convolutions of a layer, as a multiple of the growth.
        bottleneck: usize,
        /// Layers of each block.
        layers: Vec<usize>,
    },
    /// Bottlenecks of four kernels.
    ResNet {
        /// The stem.
        stem: Stem,
        /// Bottlenecks of each stage.
        layers: Vec<usize>,
        /// Whether four kernels take the place of the 3x3 one.
        inflated: bool,
    },
    /// A chain of choice blocks.
    Chain {
        /// Channels of the stem.
        stem: usize,
        /// Stride of the stem.
        stem_stride: usize,
        /// Channels of each stage.
        stages: Vec<usize>,
        /// Choice blocks of each stage.
        layers: Vec<usize>,
        /// Channels before the head.
        head: usize,
    },
    /// A space of one's own.
    File(Box<OwnSpace>),
}

/// The numbers of a space of cells in three stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellSpace {
    /// Stride of the stem.
    pub stem_stride: usize,
    /// Channels of the first stage.
    pub channels: usize,
    /// Cells of each stage.
    pub cells: usize,
}

impl Space {
    /// Builds the super-network for images of a shape and a number of classes.
    ///
    /// # Errors
    /// [`GraphError`] naming the node that does not fit.
    pub fn build(&self, input: Shape, classes: usize) -> Result<Graph, GraphError> {
        match self.clone() {
            Self::Edges { stem_stride, stages, blocks, nodes, operations } => {
                Edges { input, classes, stem_stride, stages, blocks, nodes, operations }.build()
            }
            Self::Branches { stem, stem_stride, stages, blocks, branches, mask_ends } => {
                Branches { input, classes, stem, stem_stride, stages, blocks, branches, mask_ends }.build()
            }
            Self::NasBench201(CellSpace { stem_stride, channels, cells }) => {
                NasBench201 { input, classes, stem_stride, channels, cells }.build()
            }
            Self::Enas { cells: CellSpace { stem_stride, channels, cells }, auxiliary } => {
                Enas { input, classes, stem_stride, channels, cells, auxiliary }.build()
            }
            Self::Darts(CellSpace { stem_stride, channels, cells }) => Darts { input, classes, stem_stride, channels, cells }.build(),
            Self::DenseNet { stem, growth, bottleneck, layers } => DenseNet { input, classes, stem, growth, bottleneck, layers }.build(),
            Self::ResNet { stem, layers, inflated } => ResNet { input, classes, stem, layers, inflated }.build(),
            Self::Chain { stem, stem_stride, stages, layers, head } => {
                Chain { input, classes, stem, stem_stride, stages, layers, head }.build()
            }
            Self::File(space) => space.network.build(input, classes),
        }
    }
}

/// The posterior, its relaxation and its prior (method 1.3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PosteriorRecipe {
    /// One operation on each edge, relaxed by Gumbel-softmax; `None` for a gate of its own for every group.
    pub categorical: Option<CategoricalRecipe>,
    /// What one mask bit covers.
    pub granularity: Granularity,
    /// Whether the groups of a layer share one drop probability; gates alone.
    pub ties: bool,
    /// Initial drop probability of every group; gates alone.
    pub initial_drop: f64,
    /// τ of the relaxed mask.
    pub temperature: f64,
    /// u, the prior drop probability; gates alone, the prior of a choice is uniform.
    pub prior_drop: f64,
    /// L_w, the weight of the L2 part (the paper's l²).
    pub weight_prior: f64,
    /// L_d, the weight of the entropy part.
    pub entropy_weight: f64,
    /// N, how many examples the data term stands for.
    pub n_effective: f64,
    /// Learning rate of the logits as a multiple of the weights'.
    pub learning_rate_multiplier: f64,
}

impl PosteriorRecipe {
    /// What the posterior is over.
    #[must_use]
    pub fn kind(&self) -> PosteriorKind {
        if self.categorical.is_some() { PosteriorKind::Categorical } else { PosteriorKind::Gates }
    }
}

/// What a posterior is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PosteriorKind {
    /// Every mask group has a drop probability of its own.
    #[default]
    Gates,
    /// Every edge takes one operation; their probabilities sum to 1.
    Categorical,
}

/// What a categorical posterior needs to know beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CategoricalRecipe {
    /// Whether cells of one kind choose alike.
    pub tied: bool,
    /// Epochs of warm-up, where the posterior stands still.
    pub warm_up: usize,
    /// How the paths of the warm-up are drawn.
    pub sampling: PathSampling,
}

/// How the single paths of a warm-up are drawn, one a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathSampling {
    /// Every operation of an edge alike, step by step.
    Uniform,
    /// In as many steps as an edge has operations, each once.
    Fair,
}

/// How the learning rate runs over a training; a pure function of the step.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// Half a cosine from the initial rate to `end` over the whole training, per step.
    Cosine {
        /// The rate at the end.
        end: f64,
    },
    /// Cosines that restart; the first lasts `period` epochs, each next one `factor` times as long. Constant within an epoch.
    Restarts {
        /// The rate at the end of each cosine.
        end: f64,
        /// Epochs of the first cosine.
        period: usize,
        /// Growth of the period.
        factor: usize,
    },
    /// Multiplied by `factor` at the start of each of these epochs.
    Step {
        /// Epochs, counted from 0, ascending.
        epochs: Vec<usize>,
        /// Factor of each drop.
        factor: f64,
    },
}

/// The training recipe.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingRecipe {
    /// File of the weights to start from; empty for random ones.
    pub weights: String,
    /// Passes over the training split.
    pub epochs: usize,
    /// Images of a step.
    pub batch: usize,
    /// Initial learning rate.
    pub learning_rate: f64,
    /// Nesterov momentum.
    pub momentum: f64,
    /// How the learning rate runs.
    pub schedule: Schedule,
    /// Largest global norm of the gradient; 0 = no clipping.
    pub clip: f64,
    /// Share of a batch norm's running statistics that each step keeps.
    pub batch_norm_decay: f64,
    /// Added to variances.
    pub batch_norm_epsilon: f64,
    /// What convolutions are computed in.
    pub precision: Precision,
    /// Whether the prior is scaled to that of the full training before the search starts.
    pub scaled: bool,
    /// What else disturbs and helps training.
    pub noise: NoiseRecipe,
}

/// What the convolutions of a training are computed in. Everything else is in `f32` either way: weights and their gradients, optimiser, batch
/// norm, masks, classifier, softmax and the KL term; so are ranking, evaluation and what is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Numbers of 24 significant bits.
    #[default]
    F32,
    /// Numbers of 8 significant bits and the range of `f32`; sums of their products are in `f32`.
    Bf16,
}

impl Precision {
    /// The word for it in files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}

/// What disturbs and helps the training of a super-network beside its masks; off in every evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NoiseRecipe {
    /// Whether the branches of a block are weighed at random, forward and backward apart.
    pub shake: bool,
    /// Share of the images for which the last cell's operations are dropped when training ends.
    pub drop_path: f64,
    /// Weight of the auxiliary classifier's loss.
    pub auxiliary: f64,
}

/// Which batch-norm statistics rank a candidate. Both are always measured and reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchNormMode {
    /// The running statistics of training, gathered under masks (the paper).
    Inherited,
    /// Statistics re-estimated for the candidate on training images.
    Recalibrated,
}

impl BatchNormMode {
    /// The word for it in files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Inherited => "inherited",
            Self::Recalibrated => "recalibrated",
        }
    }

    /// The word for it in texts for people.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Inherited => "inherited",
            Self::Recalibrated => "re-estimated",
        }
    }
}

/// Sampling and ranking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankingRecipe {
    /// Candidates drawn from the posterior.
    pub posterior: usize,
    /// Random candidates at matched keep share.
    pub random: usize,
    /// Which statistics decide.
    pub batch_norm: BatchNormMode,
    /// Training images for re-estimated statistics.
    pub recalibration_images: usize,
    /// Whether the test split is read when the search ends, for the winner and the references.
    pub test: bool,
    /// Candidates with one drop probability for all groups.
    pub uniform: usize,
    /// Evaluations at a constant rate with fresh masks.
    pub constant: usize,
    /// What every sampled candidate must meet.
    pub constraint: Constraint,
    /// Whether candidates that can no longer win are dropped.
    pub racing: bool,
    /// How likely a race may lose the winner of a full ranking, at most.
    pub racing_error: f64,
}

impl RankingRecipe {
    /// Everything that is ranked at the end, the two references among it.
    #[must_use]
    pub fn candidates(&self) -> usize {
        2 + self.posterior + self.random + self.uniform + self.constant
    }
}
