//! The one table of preset keys. Reading, checking, suggestions, `config.toml` and `docs/presets.md` all follow it.

use super::kind::Kind;
use std::ops::Bound::{Excluded, Included, Unbounded};

/// One key of a preset file.
#[derive(Debug)]
pub struct Key {
    /// Its path, such as `train.epochs`.
    pub path: &'static str,
    /// What its value may be.
    pub kind: Kind,
    /// The value where nothing sets it, as a TOML literal.
    pub default: &'static str,
    /// What it means, in one line.
    pub doc: &'static str,
    /// The key and its words under which this one has a meaning; it always has without.
    pub when: Option<(&'static str, &'static [&'static str])>,
}

impl Key {
    /// The section of the file that holds it; empty for the top of the file.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.path.split_once('.').map_or("", |(section, _)| section)
    }

    /// Its name within the section.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }

    const fn when(mut self, key: &'static str, words: &'static [&'static str]) -> Self {
        self.when = Some((key, words));
        self
    }
}

const fn key(path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { path, kind, default, doc, when: None }
}

/// The sections of a preset file in their order, each with a line on what it is about.
pub const SECTIONS: [(&str, &str); 5] = [
    ("data", "The images, how they are split and augmented."),
    ("space", "The super-network."),
    ("posterior", "The posterior over mask groups, its relaxation and its prior."),
    ("train", "How the super-network is trained."),
    ("rank", "How candidates are sampled and ranked."),
];

const SET: &str = "data.set";
/// Image sets that are read from files.
const FILES: &[&str] = &["cifar10", "cifar100", "mnist", "fashion-mnist", "imagenet", "tiny-imagenet", "folder"];
/// Those that are class folders of images.
const FOLDERS: &[&str] = &["imagenet", "tiny-imagenet", "folder"];
const FAMILY: &str = "space.family";
const BUILT_IN: &[&str] = &["edges", "branches", "nasbench201", "densenet", "resnet", "enas", "darts", "chain"];
const EDGES: &[&str] = &["edges"];
const BRANCHES: &[&str] = &["branches"];
const CELLS: &[&str] = &["nasbench201", "enas", "darts"];
const ENAS: &[&str] = &["enas"];
const DENSENET: &[&str] = &["densenet"];
const IMAGENET: &[&str] = &["densenet", "resnet"];
const LAYERS: &[&str] = &["densenet", "resnet", "chain"];
const POSTERIOR: &str = "posterior.kind";
const GATES: &[&str] = &["gates"];
const CATEGORICAL: &[&str] = &["categorical"];
const SCHEDULE: &str = "train.schedule";
const OPEN_SHARE: Kind = Kind::Number(Excluded(0.0), Excluded(1.0));
const NOT_NEGATIVE: Kind = Kind::Number(Included(0.0), Unbounded);
const POSITIVE: Kind = Kind::Number(Excluded(0.0), Unbounded);

/// Every key, section by section.
pub static KEYS: &[Key] = &[
    key("name", Kind::Name, r#""""#, "Name of the preset; left empty, that of its file."),
    key("summary", Kind::Text, r#""""#, "One line on what it is."),
    key(SET, Kind::Text, r#""digits""#, "Name of the image set."),
    key("data.path", Kind::Text, r#""""#, "Folder or archive of the images; empty: where `pgnas data fetch` puts them.").when(SET, FILES),
    key(
        "data.train",
        Kind::Whole(0..=100_000_000),
        "0",
        "Images of the train split, drawn class by class; 0: all that the other splits leave.",
    ),
    key(
        "data.select",
        Kind::Whole(1..=10_000_000),
        "350",
        "Images of the select split, which ranks candidates; taken from the training images.",
    ),
    key(
        "data.test",
        Kind::Whole(0..=10_000_000),
        "347",
        "Images held out as the test split; 0: the test images that the set has of its own.",
    ),
    key(
        "data.split_seed",
        Kind::Whole(0..=usize::MAX >> 1),
        "0",
        "Seed of the split; not the run's, so that runs of different seeds share their splits.",
    ),
    key("data.size", Kind::Whole(0..=4096), "0", "Side of the square that each image becomes, in pixels; 0: as the images are, all alike.")
        .when(SET, FOLDERS),
    key(
        "data.resize",
        Kind::Whole(0..=4096),
        "0",
        "What the shorter side is brought to before the middle of data.size is taken, in pixels; 0: data.size itself.",
    )
    .when(SET, FOLDERS),
    key(
        "data.memory",
        Kind::Whole(1..=1_000_000),
        "1024",
        "Megabytes of decoded images that are kept in memory; a larger set is decoded anew in every epoch.",
    )
    .when(SET, FOLDERS),
    key(
        "data.unreadable",
        Kind::Number(Included(0.0), Included(1.0)),
        "0.01",
        "Share of files that may be unreadable; with more, nothing is trained.",
    )
    .when(SET, FOLDERS),
    key(
        "data.rotation",
        Kind::Number(Included(0.0), Included(180.0)),
        "0.0",
        "Largest random rotation of a training image, in degrees; 0: none.",
    ),
    key(
        "data.crop",
        Kind::Number(Included(0.0), Included(1.0)),
        "0.0",
        "Least share of the area that a random-resized crop keeps, such as 0.08; 0: no such crop.",
    ),
    key(
        "data.jitter",
        Kind::Number(Included(0.0), Included(1.0)),
        "0.0",
        "Largest random change of brightness, contrast and saturation, as a share; 0: none.",
    ),
    key("data.autoaugment", Kind::Flag, "false", "Whether training images go through AutoAugment's policy for CIFAR."),
    key("data.shift", Kind::Whole(0..=256), "0", "Largest random shift of a training image, in pixels; 0: none."),
    key("data.flip", Kind::Flag, "false", "Whether half of the training images are mirrored left to right."),
    key("data.cutout", Kind::Whole(0..=256), "0", "Side of the square cut out of training images at random, in pixels; 0: none."),
    key(
        FAMILY,
        Kind::Word(&["edges", "branches", "nasbench201", "densenet", "resnet", "enas", "darts", "chain", "file"]),
        r#""edges""#,
        "edges: blocks whose edges carry several candidate operations; branches: residual blocks of parallel branches; file: a space of your own; the others: spaces known by these names.",
    ),
    key("space.file", Kind::Text, r#""""#, "File of the space, relative to this file; docs/spaces.md describes it.")
        .when(FAMILY, &["file"]),
    key("space.stem_stride", Kind::Whole(1..=8), "1", "Stride of the stem.").when(FAMILY, BUILT_IN),
    key(
        "space.stages",
        Kind::Wholes { each: 1..=4096, ascending: false, empty: false },
        "[16, 32]",
        "Channels of each stage; every stage beyond the first halves the image (chain: the first one too).",
    )
    .when(FAMILY, &["edges", "branches", "chain"]),
    key("space.blocks", Kind::Whole(1..=64), "1", "Blocks in each stage.").when(FAMILY, &["edges", "branches"]),
    key("space.nodes", Kind::Whole(1..=8), "2", "Nodes of a block beside its input.").when(FAMILY, EDGES),
    key(
        "space.operations",
        Kind::Operations,
        r#"["conv1", "conv3", "conv5", "sep3", "avgpool", "maxpool", "identity"]"#,
        "Candidate operations of every edge.",
    )
    .when(FAMILY, EDGES),
    key("space.stem", Kind::Whole(1..=4096), "16", "Channels of the stem.").when(FAMILY, &["branches", "densenet", "resnet", "chain"]),
    key("space.stem_kernel", Kind::Whole(1..=15), "3", "Side of the stem's kernel; odd; 7 for ImageNet.").when(FAMILY, IMAGENET),
    key("space.stem_pool", Kind::Flag, "false", "Whether a max pool of stride 2 follows the stem, as for ImageNet.").when(FAMILY, IMAGENET),
    key("space.channels", Kind::Whole(1..=4096), "16", "Channels of the cells of the first stage; each further stage has twice as many.")
        .when(FAMILY, CELLS),
    key("space.cells", Kind::Whole(1..=64), "5", "Cells in each of the three stages, beside what reduces the image between them.")
        .when(FAMILY, CELLS),
    key(
        "space.layers",
        Kind::Wholes { each: 1..=256, ascending: false, empty: false },
        "[2, 2]",
        "Layers of each dense block, bottlenecks of each stage of a resnet, choice blocks of each stage of a chain.",
    )
    .when(FAMILY, LAYERS),
    key("space.growth", Kind::Whole(1..=1024), "32", "Channels that each layer adds.").when(FAMILY, DENSENET),
    key("space.bottleneck", Kind::Whole(1..=64), "4", "Channels between the two convolutions of a layer, as a multiple of the growth.")
        .when(FAMILY, DENSENET),
    key("space.head", Kind::Whole(1..=8192), "1280", "Channels of the 1x1 convolution before the head.").when(FAMILY, &["chain"]),
    key("space.inflated", Kind::Flag, "true", "Whether four kernels take the place of the 3x3 one in each bottleneck; false: a plain ResNet.")
        .when(FAMILY, &["resnet"]),
    key("space.branches", Kind::Whole(1..=16), "2", "Parallel branches of a block.").when(FAMILY, BRANCHES),
    key("space.mask_ends", Kind::Flag, "false", "Whether stem and classifier are masked too.").when(FAMILY, BRANCHES),
    key(
        POSTERIOR,
        Kind::Word(&["gates", "categorical"]),
        r#""gates""#,
        "gates: every mask group has a drop probability of its own; categorical: every edge takes one operation, and their probabilities sum to 1.",
    ),
    key("posterior.tied", Kind::Flag, "true", "Whether cells of one kind choose alike, as in NAS-Bench-201 and DARTS.")
        .when(POSTERIOR, CATEGORICAL),
    key(
        "posterior.granularity",
        Kind::Word(&["channel", "operation"]),
        r#""channel""#,
        "What one mask bit covers: one channel (the paper), or all channels of an operation on an edge.",
    )
    .when(POSTERIOR, GATES),
    key(
        "posterior.exempt",
        Kind::Text,
        r#""""#,
        "Blocks that have no masks, joined by commas, by their names or the first parts of them: \"stem, head\"; empty: what the family masks is masked, all of it.",
    )
    .when(POSTERIOR, GATES),
    key(
        "posterior.ties",
        Kind::Word(&["none", "layer"]),
        r#""none""#,
        "none: each group has its own drop probability; layer: the groups of one operation that lie side by side in a block share one (the paper's \"layer and kernel size\").",
    )
    .when(POSTERIOR, GATES),
    key("posterior.initial_drop", OPEN_SHARE, "0.1", "Drop probability p of every group at the start.").when(POSTERIOR, GATES),
    key("posterior.temperature", POSITIVE, "0.2", "Temperature of the relaxed mask; the smaller, the nearer to a hard one."),
    key("posterior.prior_drop", OPEN_SHARE, "0.9", "u, the prior drop probability: where a group goes that the data do not hold.")
        .when(POSTERIOR, GATES),
    key("posterior.weight_prior", NOT_NEGATIVE, "1.0", "L_w, weight of the L2 part, (1-p)||W||²."),
    key("posterior.entropy_weight", NOT_NEGATIVE, "1.0", "L_d, weight of the entropy part."),
    key("posterior.n_effective", POSITIVE, "1100.0", "N, the examples that the data term stands for; fewer make the prior stronger."),
    key(
        "posterior.learning_rate_multiplier",
        NOT_NEGATIVE,
        "4.0",
        "Learning rate of the logits of p, as a multiple of the weights'; 0: p stays where it starts.",
    ),
    key(
        "train.weights",
        Kind::Text,
        r#""""#,
        "File of the weights to start from, a state dict of torchvision's as .pth or .safetensors; empty: random ones.",
    )
    .when(FAMILY, IMAGENET),
    key("train.epochs", Kind::Whole(1..=100_000), "30", "Passes over the training split."),
    key(
        "train.budget",
        Kind::Word(&["given", "scaled"]),
        r#""given""#,
        "given: the recipe as it stands; scaled: where training is shorter than in the preset's file, N and the learning rate of p are scaled, so that the prior has the effect that it has there.",
    ),
    key("train.warm_up", Kind::Whole(0..=100_000), "0", "Epochs at the start during which single paths are trained and p stands still.")
        .when(POSTERIOR, CATEGORICAL),
    key(
        "train.warm_up_sampling",
        Kind::Word(&["uniform", "fair"]),
        r#""fair""#,
        "How these paths are drawn, one a step: uniform, or strictly fair: in as many steps as an edge has operations, each once.",
    )
    .when(POSTERIOR, CATEGORICAL),
    key("train.batch", Kind::Whole(2..=65_536), "64", "Images of a step."),
    key("train.learning_rate", POSITIVE, "0.05", "Learning rate at the start."),
    key("train.momentum", Kind::Number(Included(0.0), Excluded(1.0)), "0.9", "Nesterov momentum."),
    key(
        SCHEDULE,
        Kind::Word(&["cosine", "restarts", "step"]),
        r#""cosine""#,
        "How the learning rate runs: one cosine, cosines that restart, or steps.",
    ),
    key("train.learning_rate_end", NOT_NEGATIVE, "0.0", "Learning rate at the end of each cosine.").when(SCHEDULE, &["cosine", "restarts"]),
    key("train.restart_period", Kind::Whole(1..=100_000), "10", "Epochs of the first cosine.").when(SCHEDULE, &["restarts"]),
    key("train.restart_factor", Kind::Whole(1..=100), "2", "How many times as long each next cosine lasts.").when(SCHEDULE, &["restarts"]),
    key(
        "train.step_epochs",
        Kind::Wholes { each: 1..=100_000, ascending: true, empty: true },
        "[15, 25]",
        "Epochs, counted from 0, at whose start the learning rate falls.",
    )
    .when(SCHEDULE, &["step"]),
    key("train.step_factor", Kind::Number(Excluded(0.0), Included(1.0)), "0.1", "What the learning rate is multiplied by at each of them.")
        .when(SCHEDULE, &["step"]),
    key("train.clip", NOT_NEGATIVE, "5.0", "Largest global norm of the gradient; 0: no clipping."),
    key(
        "train.batch_norm_decay",
        Kind::Number(Included(0.0), Excluded(1.0)),
        "0.9",
        "Share of a batch norm's running statistics that each step keeps.",
    ),
    key("train.batch_norm_epsilon", POSITIVE, "1e-5", "Added to variances."),
    key(
        "train.precision",
        Kind::Word(&["f32", "bf16"]),
        r#""f32""#,
        "What dense convolutions are computed in while training; all else, and all ranking, is in f32. bf16 is for GPUs that have it.",
    ),
    key("train.shake", Kind::Flag, "true", "Whether shake-shake noise weighs the branches of a block in training.").when(FAMILY, BRANCHES),
    key(
        "train.drop_path",
        Kind::Number(Included(0.0), Excluded(1.0)),
        "0.4",
        "Share of images for which the last cell's operations are dropped when training ends; less before and in earlier cells; 0: none.",
    )
    .when(FAMILY, ENAS),
    key("train.auxiliary", NOT_NEGATIVE, "0.4", "Weight of the auxiliary classifier's loss; 0: there is no such classifier.")
        .when(FAMILY, ENAS),
    key("rank.posterior", Kind::Whole(1..=1_000_000), "300", "Candidates drawn from the posterior."),
    key("rank.random", Kind::Whole(0..=1_000_000), "300", "Random candidates at the same keep share, to compare with."),
    key(
        "rank.batch_norm",
        Kind::Word(&["recalibrated", "inherited"]),
        r#""recalibrated""#,
        "Batch-norm statistics that decide: re-estimated for each candidate, or those of training. Both are reported.",
    ),
    key("rank.recalibration_images", Kind::Whole(2..=1_000_000), "256", "Training images on which statistics are re-estimated."),
    key("rank.test", Kind::Flag, "true", "Whether the test split is read when the search ends, for the winner and the references."),
    key(
        "rank.uniform",
        Kind::Whole(0..=1_000_000),
        "30",
        "Candidates with one drop probability for all groups at the same expected parameters, to compare with.",
    ),
    key(
        "rank.constant",
        Kind::Whole(0..=1_000_000),
        "30",
        "Evaluations as the paper's random baseline has them, to compare with: that one probability, fresh masks for every image.",
    )
    .when(POSTERIOR, GATES),
    key(
        "rank.constraint",
        Kind::Constraint,
        r#""""#,
        "What every sampled candidate must meet, once sliced; others are drawn again. The references are exempt.",
    ),
    key(
        "rank.racing",
        Kind::Flag,
        "false",
        "Whether candidates that can no longer win are dropped before they have seen all select images.",
    ),
    key("rank.racing_error", OPEN_SHARE, "0.05", "How likely a race may lose the winner of a full ranking, at most."),
];
