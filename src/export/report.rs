//! The report of a run: numbers with stable keys, of which `compute` fills in the values. `docs/cli.md` documents the keys.

use super::{ChecklistItem, Comparison, Correlation};
use crate::preset::{BatchNormMode, Precision};
use crate::run::{Acceptance, Alert, Averaging, CandidateId, EnsembleTest, KlParts, PaperCount, RaceOutcome, Source, SplitSizes, Start};
use serde::{Deserialize, Serialize};

/// Everything a report says. An absent value is `null`, never a missing key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// `pgnas-report`.
    pub format: &'static str,
    /// Version of the format, 1.
    pub version: u32,
    /// Program name and version that ran the search.
    pub program: String,
    /// Name of the run.
    pub run: String,
    /// Name of the preset.
    pub preset: String,
    /// The image set.
    pub set: String,
    /// Seed of the run.
    pub seed: u64,
    /// Kind of device.
    pub device: String,
    /// What convolutions were computed in while training: `f32` or `bf16`. All else is in `f32`.
    pub precision: Precision,
    /// Whether the device takes products of matrices of `f32` in TF32; `null` where nobody asked.
    pub tf32: Option<bool>,
    /// `completed`, `stopped`, `failed` or `unfinished`.
    pub outcome: &'static str,
    /// Why it failed.
    pub reason: Option<String>,
    /// Images of each split.
    pub splits: SplitSizes,
    /// Which batch-norm statistics decide; every accuracy without a word on it is with these.
    pub batch_norm: BatchNormMode,
    /// Epochs asked for.
    pub epochs: u32,
    /// Epochs trained.
    pub epochs_done: u32,
    /// Seconds from start to end; of a run without an end, to its last event.
    pub wall_seconds: f64,
    /// Seconds of training.
    pub training_seconds: Option<f64>,
    /// Seconds of ranking.
    pub ranking_seconds: Option<f64>,
    /// Largest resident memory of the process; `null` for a run without an end.
    pub peak_rss_bytes: Option<u64>,
    /// How often the test split was opened.
    pub test_reads: u32,
    /// The super-network.
    pub network: Network,
    /// Expected share of dropped masked channels after the last epoch.
    pub expected_drop_share: Option<f64>,
    /// The last epoch.
    pub last_epoch: Option<LastEpoch>,
    /// The posterior candidate of best select accuracy.
    pub winner: Option<Candidate>,
    /// Reference: the whole super-network.
    pub whole: Option<Candidate>,
    /// Reference: groups of p over one half dropped.
    pub threshold: Option<Candidate>,
    /// All posterior candidates.
    pub posterior: Option<Sample>,
    /// All random candidates at the same keep share.
    pub random: Option<Sample>,
    /// All uniform candidates: one drop probability for all groups.
    pub uniform: Option<Sample>,
    /// All evaluations at a constant rate.
    pub constant: Option<Sample>,
    /// The random candidate of best select accuracy.
    pub best_random: Option<Candidate>,
    /// Posterior minus random mean select accuracy, with a bootstrap 95 % interval.
    pub difference: Option<Difference>,
    /// Posterior against each baseline, image by image; `null` where the answers are not there.
    pub comparison: Option<Comparison>,
    /// Who is tied with the winner; `null` where ranking was not completed.
    pub ties: Option<TieSet>,
    /// What a race saved; `null` where all were asked everything.
    pub race: Option<RaceOutcome>,
    /// What sampled candidates had to meet; `null` for anything.
    pub constraint: Option<Constrained>,
    /// The networks that no other beats in select accuracy without more parameters, the smallest first.
    pub pareto: Vec<Candidate>,
    /// The best candidates, references among them.
    pub ranking: Vec<Candidate>,
    /// The mask groups with their drop probabilities after the last epoch.
    pub groups: Vec<Group>,
    /// How often somebody steered.
    pub interventions: u32,
    /// What they did, in order.
    pub steered: Vec<Steered>,
    /// What needed attention.
    pub alerts: Vec<Alert>,
    /// What averaging the best candidates buys; `null` before `pgnas ensemble`.
    pub ensemble: Option<Averaging>,
    /// The mean prediction of the best candidates on the test split; `null` before `pgnas final`.
    pub ensemble_test: Option<EnsembleTest>,
    /// The candidates that were trained by themselves.
    pub retrained: Vec<RetrainedCandidate>,
    /// How well inherited weights rank, for each truth that `pgnas correlate` was asked for.
    pub correlations: Vec<Correlation>,
    /// What was noticed in reading the log.
    pub notes: Vec<String>,
    /// The NAS best-practice checklist of Lindauer and Hutter, answered from the records.
    pub checklist: Vec<ChecklistItem>,
}

/// A candidate that was trained by itself, against what it was with inherited weights, both on the select split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetrainedCandidate {
    /// Its number.
    pub candidate: CandidateId,
    /// Where it comes from.
    pub source: Source,
    /// What its training began with.
    pub from: Start,
    /// Seed of its training.
    pub seed: u64,
    /// Epochs trained.
    pub epochs: u32,
    /// What its recipe has otherwise than that of the search.
    pub recipe: Vec<String>,
    /// Parameters of the sliced network.
    pub parameters: u64,
    /// Accuracy with inherited weights.
    pub inherited_accuracy: f64,
    /// Accuracy once trained.
    pub retrained_accuracy: f64,
    /// Lower limit.
    pub retrained_low: f64,
    /// Upper limit.
    pub retrained_high: f64,
    /// The exact McNemar test of the two.
    pub p: f64,
}

/// One intervention.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Steered {
    /// Training steps done at that moment.
    pub step: u64,
    /// What was done.
    pub what: String,
}

/// The super-network in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Network {
    /// Trainable parameters.
    pub parameters: usize,
    /// Multiply-accumulates for one image.
    pub macs: usize,
    /// Mask groups.
    pub groups: usize,
    /// Masked input channels.
    pub masked_channels: usize,
    /// Weights under a mask.
    pub masked_weights: usize,
}

/// The last epoch of training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LastEpoch {
    /// Mean cross-entropy of its batches, in nats.
    pub cross_entropy: f64,
    /// The KL term at its end.
    pub kl: f64,
    /// What it consists of; `None` in logs of before it was kept.
    pub kl_parts: Option<KlParts>,
    /// Accuracy on its batches, under relaxed masks.
    pub train_accuracy: f64,
    /// Accuracy on the select split, under relaxed masks.
    pub select_accuracy: f64,
    /// Mean entropy of a channel's keep bit, in bits.
    pub entropy_bits: f64,
    /// Share of channels with p in [0.05, 0.95].
    pub undecided_share: f64,
    /// Expected parameters of a candidate.
    pub expected_parameters: f64,
    /// Expected multiply-accumulates of a candidate.
    pub expected_macs: f64,
}

/// The candidates that exact McNemar with Holm over all does not separate from the winner.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TieSet {
    /// The winner that they are tied with.
    pub leader: CandidateId,
    /// With how many candidates it was compared.
    pub compared: u32,
    /// The tied ones.
    pub tied: Vec<CandidateId>,
    /// How many of them are of the posterior.
    pub posterior: usize,
    /// Of the winner and the posterior candidates tied with it, that of fewest parameters.
    pub smallest: Option<Candidate>,
}

/// A constraint and what it cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Constrained {
    /// The constraint, as a preset has it.
    pub bounds: String,
    /// Of each source, how many draws met it.
    pub acceptance: Vec<Acceptance>,
}

/// One candidate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// Its number.
    pub id: CandidateId,
    /// Where it comes from.
    pub source: Source,
    /// Accuracy with the statistics that decide.
    #[serde(flatten)]
    pub deciding: CandidateAccuracy,
    /// Parameters of its sliced network; by the paper's count where `paper_count` is `null`.
    pub parameters: u64,
    /// Multiply-accumulates of its sliced network; by the paper's count where `paper_count` is `null`.
    pub macs: u64,
    /// What the paper counts: filters that nobody reads any more included.
    pub paper_count: Option<PaperCount>,
    /// Share of masked channels that it keeps.
    pub kept_share: f64,
    /// Whether no other network beats it in select accuracy without more parameters.
    pub pareto: bool,
    /// Whether it is tied with the winner; the winner itself is.
    pub tied: Option<bool>,
    /// Accuracy with the running statistics of training.
    pub inherited: CandidateAccuracy,
    /// Accuracy with statistics re-estimated on training images.
    pub recalibrated: CandidateAccuracy,
}

/// The accuracies of one candidate with one kind of statistics, with their 95 % Wilson intervals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CandidateAccuracy {
    /// On the select split.
    pub select_accuracy: f64,
    /// Lower limit.
    pub select_low: f64,
    /// Upper limit.
    pub select_high: f64,
    /// On the test split, where it was read for this candidate.
    pub test_accuracy: Option<f64>,
    /// Lower limit.
    pub test_low: Option<f64>,
    /// Upper limit.
    pub test_high: Option<f64>,
}

/// All candidates of one source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// How many.
    pub count: usize,
    /// Accuracies with the statistics that decide.
    #[serde(flatten)]
    pub deciding: SampleAccuracy,
    /// Mean of the parameters that they keep.
    pub parameters_mean: f64,
    /// Mean of the multiply-accumulates that they keep.
    pub macs_mean: f64,
    /// Mean share of masked channels that they keep.
    pub kept_share_mean: f64,
    /// Accuracies with the running statistics of training.
    pub inherited: SampleAccuracy,
    /// Accuracies with statistics re-estimated on training images.
    pub recalibrated: SampleAccuracy,
}

/// The select accuracies of all candidates of one source with one kind of statistics.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SampleAccuracy {
    /// Their mean.
    pub select_mean: f64,
    /// Their sample standard deviation.
    pub select_sd: f64,
    /// The lowest.
    pub select_min: f64,
    /// The highest.
    pub select_max: f64,
}

/// Posterior minus random.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// With the statistics that decide.
    #[serde(flatten)]
    pub deciding: Limits,
    /// With the running statistics of training.
    pub inherited: Limits,
    /// With statistics re-estimated on training images.
    pub recalibrated: Limits,
}

/// An estimate with the limits of its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// The estimate.
    pub estimate: f64,
    /// Lower limit.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
}

/// A mask group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The block it belongs to.
    pub block: String,
    /// The edge, from source to consumer.
    pub edge: String,
    /// The operation.
    pub operation: String,
    /// Channels that share the drop probability.
    pub channels: usize,
    /// Parameters that go when all its channels go.
    pub parameters: usize,
    /// The drop probability p.
    pub drop_probability: f64,
}
