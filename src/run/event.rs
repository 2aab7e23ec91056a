//! What a search tells: one event a line of `events.jsonl`. For a fixed seed on the CPU the log is the same in every run, times
//! (`seconds`, `resources`) and alerts that follow from the clock and the disk ([`AlertKind::is_of_machine`]) aside.

use super::{Command, NetworkSummary};
use crate::preset::{BatchNormMode, PosteriorKind, Precision};
use serde::{Deserialize, Serialize};

/// Version of the log's format, in its first event.
pub const LOG_VERSION: u32 = 1;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Position in the log, from 0, without gaps.
    pub sequence: u64,
    /// Seconds since the run started.
    pub seconds: f64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first event of a log.
    Started(Box<Started>),
    /// A phase began.
    Phase {
        /// The phase.
        phase: Phase,
    },
    /// An epoch of training ended.
    Epoch(Box<EpochMetrics>),
    /// A candidate was ranked.
    Candidate(Box<CandidateScore>),
    /// Somebody steered.
    Intervention {
        /// What was asked.
        command: Command,
        /// Training steps done at that moment.
        step: u64,
    },
    /// Something needs attention.
    Alert(Alert),
    /// Candidates of one source were drawn under a constraint.
    Drawn(Acceptance),
    /// Candidates were ranked in a race.
    Race(RaceOutcome),
    /// Ranking is complete: which candidates cannot be told from the leader.
    Ties(Ties),
    /// The test split was read for one network.
    Test(TestScore),
    /// The search goes on from a checkpoint, after it was stopped or its process died. What came after that checkpoint is cut from the
    /// log, and done again.
    Resumed {
        /// Training steps done at the checkpoint.
        step: u64,
        /// Records that were cut.
        undone: u64,
        /// Kind of device that it goes on with.
        device: String,
        /// Program name and version.
        program: String,
    },
    /// The test split was read by `pgnas final`: the one event behind the last of a search.
    Final(Box<FinalTest>),
    /// The last event of a search.
    Finished {
        /// How it ended.
        outcome: Outcome,
        /// The posterior candidate of the best select accuracy, where any was ranked.
        winner: Option<CandidateId>,
        /// How often the test split was opened.
        test_reads: u32,
        /// What it took.
        resources: Resources,
    },
}

/// The head of a log: what is searched, on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// [`LOG_VERSION`] of the program that wrote it.
    pub version: u32,
    /// Program name and version.
    pub program: String,
    /// Name of the run.
    pub run: String,
    /// Name of the preset.
    pub preset: String,
    /// Seed of the run.
    pub seed: u64,
    /// Kind of device, such as `cpu` or `cuda:0`.
    pub device: String,
    /// The super-network.
    pub network: NetworkSummary,
    /// The image set.
    pub set: String,
    /// Images of each split.
    pub splits: SplitSizes,
    /// Epochs to train.
    pub epochs: u32,
    /// Steps of an epoch.
    pub steps_per_epoch: u32,
    /// Images of a step.
    pub batch: u32,
    /// Posterior candidates to rank at the end.
    pub posterior_candidates: u32,
    /// Random candidates to rank at the end.
    pub random_candidates: u32,
    /// Uniform candidates to rank at the end.
    #[serde(default)]
    pub uniform_candidates: u32,
    /// Evaluations at a constant rate to rank at the end.
    #[serde(default)]
    pub constant_candidates: u32,
    /// Which batch-norm statistics decide the ranking.
    pub batch_norm: BatchNormMode,
    /// Initial drop probability of every group; of a categorical posterior the mean over channels.
    pub initial_drop: f64,
    /// What the posterior is over.
    #[serde(default)]
    pub posterior: PosteriorKind,
    /// Epochs of warm-up at the start of the training, where the posterior stands still.
    #[serde(default)]
    pub warm_up: u32,
    /// What sampled candidates must meet; empty for anything.
    #[serde(default)]
    pub constraint: String,
    /// What convolutions are computed in while training.
    #[serde(default)]
    pub precision: Precision,
    /// Whether the leading device takes products of matrices of `f32` in TF32; `None` where nobody asked.
    #[serde(default)]
    pub tf32: Option<bool>,
}

impl Started {
    /// Everything that is ranked at the end, the two references among it.
    #[must_use]
    pub fn candidates(&self) -> u32 {
        2 + self.posterior_candidates + self.random_candidates + self.uniform_candidates + self.constant_candidates
    }
}

/// Images of each split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitSizes {
    /// Images that train.
    pub train: u32,
    /// Images that rank.
    pub select: u32,
    /// Images that are read once, at the end.
    pub test: u32,
}

/// What the search is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Loading data, building the network, first steps.
    Preparing,
    /// Training the super-network.
    Training,
    /// Sampling and ranking candidates.
    Ranking,
    /// Reading the test split.
    Testing,
    /// Nothing more to do.
    Ended,
}

/// One epoch of training. Losses are means over the epoch's images, in nats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Epochs done, from 1.
    pub epoch: u32,
    /// Steps done.
    pub step: u64,
    /// Cross-entropy of the training batches, under relaxed masks.
    pub cross_entropy: f64,
    /// The KL term at the end of the epoch.
    pub kl: f64,
    /// What the KL term consists of; `None` in logs of before it was kept.
    #[serde(default)]
    pub kl_parts: Option<KlParts>,
    /// Accuracy on the training batches, under relaxed masks.
    pub train_accuracy: f64,
    /// Accuracy on the select split under relaxed masks and running statistics.
    pub select_accuracy: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean global norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// p of every group.
    pub drop_probabilities: Vec<f32>,
    /// The posterior in a few numbers.
    pub health: PosteriorHealth,
    /// Norm of the weights under every group.
    #[serde(default)]
    pub weight_norms: Vec<f32>,
    /// How far sub-networks of this posterior differ; `None` in logs of before it was kept.
    #[serde(default)]
    pub spread: Option<Spread>,
}

impl EpochMetrics {
    /// Whether the engine that logged it raised alerts for what goes wrong and lasts: parts of the KL term came with them.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.kl_parts.is_some()
    }
}

/// The parts of the KL term, in nats per example; their sum is the term. See [`crate::posterior::Regulariser`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KlParts {
    /// The L2 part, of the weights.
    pub l2: f64,
    /// The entropy part, of the Bernoulli or categorical masks.
    pub entropy: f64,
}

impl From<crate::posterior::KlTerm> for KlParts {
    fn from(term: crate::posterior::KlTerm) -> Self {
        Self { l2: term.l2, entropy: term.entropy }
    }
}

/// Parameters of 100 sub-networks drawn from one posterior.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Five of them are smaller.
    pub low: f64,
    /// Five of them are larger.
    pub high: f64,
}

/// The posterior in a few numbers; see [`crate::posterior::Health`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct PosteriorHealth {
    /// Mean entropy of a channel's keep bit, in bits.
    pub entropy_bits: f64,
    /// Share of channels with p in [`crate::posterior::UNDECIDED`]; in [0.1, 0.9] in logs of before that was from 0.05 to 0.95.
    pub undecided_share: f64,
    /// Expected share of dropped channels.
    pub expected_drop_share: f64,
    /// Expected parameters of a candidate.
    pub expected_parameters: f64,
    /// Expected multiply-accumulates of a candidate.
    pub expected_macs: f64,
    /// Largest change of any p since the epoch before.
    pub largest_change: f64,
}

impl From<crate::posterior::Health> for PosteriorHealth {
    fn from(health: crate::posterior::Health) -> Self {
        Self {
            entropy_bits: health.entropy_bits,
            undecided_share: health.undecided_share,
            expected_drop_share: health.expected_drop_share,
            expected_parameters: health.expected_parameters,
            expected_macs: health.expected_macs,
            largest_change: health.largest_change,
        }
    }
}

/// Number of a candidate within its run, from 1 in the order of ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CandidateId(pub u32);

/// Where a candidate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Drawn from the posterior.
    Posterior,
    /// Drawn from the posterior with its p permuted among groups of the same size.
    Random,
    /// Drawn with one drop probability for all groups, at the expected parameters of the posterior.
    Uniform,
    /// No network: the super-network under fresh masks for every image, at that one drop probability, as the paper's random baseline is
    /// evaluated.
    Constant,
    /// Reference: everything kept, p = 0.
    Whole,
    /// Reference: groups of p over one half dropped, the others kept.
    Threshold,
}

impl Source {
    /// What the posterior is compared with.
    pub const BASELINES: [Self; 3] = [Self::Random, Self::Uniform, Self::Constant];

    /// The word for it on screens and in files.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Posterior => "posterior",
            Self::Random => "random",
            Self::Uniform => "uniform",
            Self::Constant => "constant",
            Self::Whole => "whole",
            Self::Threshold => "threshold",
        }
    }

    /// What the candidate of it is called that the test split is read for: of a sample only the best is.
    #[must_use]
    pub fn tested_as(self) -> &'static str {
        match self {
            Self::Posterior => "winner",
            Self::Random => "best random",
            other => other.label(),
        }
    }

    /// What a baseline is, to be read after its name; empty for others.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Random => "the drop probabilities of the posterior, permuted among groups of the same size",
            Self::Uniform => "one drop probability for all groups, at the expected parameters of the posterior",
            Self::Constant => {
                "the paper's constant-rate baseline: that one drop probability, fresh masks for every image, what is kept scaled by \
                 1 / keep; no network, and here on a super-network that was trained with the learned drop probabilities"
            }
            Self::Posterior | Self::Whole | Self::Threshold => "",
        }
    }

    /// Whether the posterior is compared with it.
    #[must_use]
    pub fn is_baseline(self) -> bool {
        Self::BASELINES.contains(&self)
    }

    /// Whether it is a single network to compare with, not a sample.
    #[must_use]
    pub fn is_reference(self) -> bool {
        matches!(self, Self::Whole | Self::Threshold)
    }
}

/// Correct answers on a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Images classified right.
    pub correct: u32,
    /// Images asked.
    pub total: u32,
}

impl Accuracy {
    /// From one flag an image.
    #[must_use]
    pub fn of(right: &[bool]) -> Self {
        Self { correct: right.iter().filter(|&&right| right).count() as u32, total: right.len() as u32 }
    }

    /// The accuracy, within [0, 1]; 0 for no images.
    #[must_use]
    pub fn share(self) -> f64 {
        f64::from(self.correct) / f64::from(self.total.max(1))
    }

    /// The accuracy with its 95 % Wilson interval.
    #[must_use]
    pub fn interval(self) -> crate::posterior::statistics::Interval {
        crate::posterior::statistics::wilson(self.correct as usize, self.total as usize)
    }
}

/// Accuracy with each kind of batch-norm statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scores {
    /// With the running statistics of training.
    pub inherited: Accuracy,
    /// With statistics re-estimated on training images.
    pub recalibrated: Accuracy,
}

impl Scores {
    /// The accuracy of one mode.
    #[must_use]
    pub fn of(self, mode: BatchNormMode) -> Accuracy {
        match mode {
            BatchNormMode::Inherited => self.inherited,
            BatchNormMode::Recalibrated => self.recalibrated,
        }
    }
}

/// A ranked candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateScore {
    /// Its number.
    pub id: CandidateId,
    /// Where it comes from.
    pub source: Source,
    /// Training epochs done when it was drawn.
    pub epoch: u32,
    /// Accuracy on the select split.
    pub select: Scores,
    /// Parameters of its sliced network; by the paper's count where `paper_count` is absent.
    pub parameters: u64,
    /// Multiply-accumulates of its sliced network for one image; by the paper's count where `paper_count` is absent.
    pub macs: u64,
    /// What the paper counts. None where `parameters` and `macs` are that count themselves: in logs of before sliced networks were counted,
    /// and for a constant rate, which is no network that could be sliced.
    #[serde(default)]
    pub paper_count: Option<PaperCount>,
    /// Share of masked channels that it keeps.
    pub kept_share: f64,
    /// Channels kept of each group.
    pub kept: Vec<u32>,
}

/// What a candidate costs as the paper counts it: what each kept channel takes along, filters that nobody reads any more included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperCount {
    /// Parameters.
    pub parameters: u64,
    /// Multiply-accumulates for one image.
    pub macs: u64,
}

impl CandidateScore {
    /// The paper's count, whichever way the log has it.
    #[must_use]
    pub fn counted(&self) -> PaperCount {
        self.paper_count.unwrap_or(PaperCount { parameters: self.parameters, macs: self.macs })
    }
}

/// How many draws of a source met the constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// The source.
    pub source: Source,
    /// Masks drawn.
    pub drawn: u64,
    /// Those that met the constraint.
    pub accepted: u64,
}

/// What a race saved. An evaluation is one image asked of one candidate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RaceOutcome {
    /// How likely the race may lose the winner of a full ranking, at most.
    pub error: f64,
    /// Candidates that raced.
    pub candidates: u32,
    /// Those that were dropped on the way.
    pub dropped: u32,
    /// Evaluations spent.
    pub asked: u64,
    /// Evaluations that a full ranking would have spent beside them.
    pub saved: u64,
}

/// The candidates that cannot be told from the leader: exact McNemar on the select images, with Holm over the whole table, does not
/// separate them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ties {
    /// The winner of the ranking.
    pub leader: CandidateId,
    /// With how many candidates it was compared.
    pub compared: u32,
    /// The tied ones among them, in the order of their numbers.
    pub tied: Vec<CandidateId>,
}

/// The test accuracy of one network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestScore {
    /// Its candidate number.
    pub id: CandidateId,
    /// Where it comes from.
    pub source: Source,
    /// Accuracy on the test split.
    pub test: Scores,
}

/// What one reading of the test split found after a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FinalTest {
    /// The winner, the references and the best random candidate.
    pub candidates: Vec<TestScore>,
    /// The mean prediction of the best posterior candidates.
    pub ensemble: Option<EnsembleTest>,
}

/// The mean prediction of several networks on the test split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnsembleTest {
    /// The networks, the best first.
    pub members: Vec<CandidateId>,
    /// Test images right.
    pub test: Accuracy,
    /// How good it is.
    pub quality: crate::posterior::statistics::Quality,
}

/// Something that needs attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// What kind.
    pub kind: AlertKind,
    /// What happened and what to do, in a sentence or two.
    pub message: String,
}

/// Kinds of alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// The loss was not finite; the last good state was restored and the run paused.
    NonFiniteLoss,
    /// The log or a file of the run could not be written.
    Storage,
    /// Too few draws meet the constraint.
    Constraint,
    /// Images were left out, converted or could not be decoded.
    Data,
    /// The device asked for was not available, or failed.
    Device,
    /// The recipe was changed to fit a shortened training.
    Budget,
    /// Weights that training started from, and what of them was not taken.
    Weights,
    /// What somebody asked for cannot be done.
    Refused,
    /// Nearly everything drops.
    Collapse,
    /// Operations without weights carry a block alone.
    WeightFree,
    /// No drop probability moves.
    Stuck,
    /// Training on the CPU waits for images.
    Starved,
    /// A GPU idles while training waits for images.
    GpuIdle,
    /// The disk of the run is filling.
    Disk,
}

impl AlertKind {
    /// What can go wrong for a while without ending a search, the worst first.
    const LASTING: [Self; 6] = [Self::Collapse, Self::WeightFree, Self::Disk, Self::Stuck, Self::GpuIdle, Self::Starved];

    /// Whether it is about the posterior, and so follows from the numbers of the log alone.
    #[must_use]
    pub fn is_of_posterior(self) -> bool {
        matches!(self, Self::Collapse | Self::WeightFree | Self::Stuck)
    }

    /// Whether it follows from the clock or the disk, so that two runs of one seed may differ in it.
    #[must_use]
    pub fn is_of_machine(self) -> bool {
        matches!(self, Self::Starved | Self::GpuIdle | Self::Disk)
    }

    /// The place among what lasts, 0 for the worst.
    #[must_use]
    pub fn rank(self) -> usize {
        Self::LASTING.iter().position(|&kind| kind == self).unwrap_or(Self::LASTING.len())
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Outcome {
    /// Everything was done.
    Completed,
    /// Somebody stopped it.
    Stopped,
    /// It could not go on.
    Failed {
        /// What, where, and the remedy.
        reason: String,
    },
}

/// What a run took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Seconds from start to end, pauses included.
    pub wall_seconds: f64,
    /// Seconds of training.
    pub training_seconds: f64,
    /// Seconds of ranking.
    pub ranking_seconds: f64,
    /// Seconds that training waited for images, beside those of training.
    #[serde(default)]
    pub waiting_seconds: f64,
    /// Largest resident memory of the process; 0 where the system does not tell.
    pub peak_rss_bytes: u64,
}
