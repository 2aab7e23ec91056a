//! The genotype: a candidate as text, block by block, edge by edge, operation by operation. `docs/cli.md` documents the format.

use super::darts;
use crate::graph::{CellGenotype, Cost};
use crate::posterior::{Cells, HardMask};
use crate::preset::BatchNormMode;
use crate::run::{Accuracy, CandidateId, CandidateRecord, GroupSummary, PaperCount, Scores, Source, Start, Started};
use serde::{Deserialize, Serialize};

/// Version of the format.
pub const GENOTYPE_VERSION: u32 = 1;

/// A candidate as text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Genotype {
    /// `pgnas-genotype`.
    pub format: String,
    /// [`GENOTYPE_VERSION`].
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
    /// Number of the candidate within the run.
    pub candidate: CandidateId,
    /// Where it comes from.
    pub source: Source,
    /// Training epochs done when it was drawn.
    pub epoch: u32,
    /// Training steps that its weights had seen, where those were kept.
    #[serde(default)]
    pub step: Option<u64>,
    /// Its index in the random stream of its source.
    pub draw: u64,
    /// Parameters of its sliced network; by the paper's count where `paper_count` is absent.
    pub parameters: u64,
    /// Multiply-accumulates of its sliced network for one image; by the paper's count where `paper_count` is absent.
    pub macs: u64,
    /// What the paper counts; none in exports of before `parameters` and `macs` were those of the sliced network.
    #[serde(default)]
    pub paper_count: Option<PaperCount>,
    /// Share of masked channels that it keeps.
    pub kept_share: f64,
    /// Which batch-norm statistics decided.
    pub batch_norm: BatchNormMode,
    /// Accuracy on the select split, written with its interval.
    #[serde(serialize_with = "intervals::scores")]
    pub select: Scores,
    /// Accuracy on the test split, where it was read for this candidate, written with its interval.
    #[serde(serialize_with = "intervals::of_some")]
    pub test: Option<Scores>,
    /// How often the test split of the run had been opened by then; none in exports of before this was told.
    #[serde(default)]
    pub test_reads: Option<u32>,
    /// The costs of the network beside it, where it was built: `parameters` and `macs` once more, which older versions had here alone.
    #[serde(default)]
    pub sliced: Option<Sliced>,
    /// SHA-256 of the logits of the drop probabilities at that step, where those were kept.
    #[serde(default)]
    pub posterior_sha256: Option<String>,
    /// SHA-256 of the image numbers of the train, select and test splits.
    #[serde(default)]
    pub splits_sha256: Option<String>,
    /// How it was retrained, where the weights beside it are not those it inherited.
    #[serde(default)]
    pub retrained: Option<RetrainedWeights>,
    /// SHA-256 of the images of the whole set.
    #[serde(default)]
    pub images_sha256: Option<String>,
    /// The cell in the words of NAS-Bench-201, such as `|nor_conv_3x3~0|+…`, or the two of DARTS, `Genotype(normal=[…], …)`, where the
    /// space is that and the candidate has one whole operation on each edge, alike in all cells of a kind.
    #[serde(default)]
    pub cell: Option<String>,
    /// The blocks of the super-network.
    pub blocks: Vec<Block>,
}

/// Accuracies as the file has them: beside what was counted, the share and its 95 % Wilson interval. Reading takes the counts alone.
mod intervals {
    use crate::posterior::statistics::Interval;
    use crate::run::{Accuracy, Scores};
    use serde::{Serialize, Serializer};

    #[derive(Serialize)]
    struct Told {
        correct: u32,
        total: u32,
        accuracy: f64,
        low: f64,
        high: f64,
    }

    #[derive(Serialize)]
    struct OfBoth {
        inherited: Told,
        recalibrated: Told,
    }

    fn told(counted: Accuracy) -> Told {
        let Accuracy { correct, total } = counted;
        let Interval { estimate, low, high } = counted.interval();
        Told { correct, total, accuracy: estimate, low, high }
    }

    fn of_both(scores: Scores) -> OfBoth {
        OfBoth { inherited: told(scores.inherited), recalibrated: told(scores.recalibrated) }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a field over as it stands")]
    pub fn accuracy<S: Serializer>(accuracy: &Accuracy, serializer: S) -> Result<S::Ok, S::Error> {
        told(*accuracy).serialize(serializer)
    }

    pub fn scores<S: Serializer>(scores: &Scores, serializer: S) -> Result<S::Ok, S::Error> {
        of_both(*scores).serialize(serializer)
    }

    #[expect(clippy::ref_option, reason = "serde hands a field over as it stands")]
    pub fn of_some<S: Serializer>(scores: &Option<Scores>, serializer: S) -> Result<S::Ok, S::Error> {
        scores.map(of_both).serialize(serializer)
    }
}

/// How the weights of an export were trained by themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetrainedWeights {
    /// What the training began with.
    pub from: Start,
    /// Its seed.
    pub seed: u64,
    /// Its epochs.
    pub epochs: u32,
    /// What its recipe has otherwise than that of the search.
    pub recipe: Vec<String>,
    /// Accuracy on the select split, written with its interval.
    #[serde(serialize_with = "intervals::accuracy")]
    pub accuracy: Accuracy,
}

/// What the sliced network costs: nothing that nobody reads is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sliced {
    /// Parameters.
    pub parameters: u64,
    /// Multiply-accumulates for one image.
    pub macs: u64,
}

/// A block of the super-network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Its name.
    pub block: String,
    /// Its edges.
    pub edges: Vec<Edge>,
}

/// An edge of a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// From source to consumer.
    pub edge: String,
    /// Its candidate operations, those that are dropped whole among them.
    pub operations: Vec<KeptOperation>,
}

/// What a candidate keeps of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptOperation {
    /// Label of the operation, such as `conv 3×3`.
    pub operation: String,
    /// Name of the masked node.
    pub node: String,
    /// Its input channels.
    pub channels: usize,
    /// How many of them are kept.
    pub kept: usize,
    /// Which of them, as `<bits>:<hexadecimal digits>`, the first channel in the highest bit.
    pub mask: String,
}

/// The mask of a candidate is not one of the network in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "candidate {candidate} has a mask of {found} channels, and the network of this run has {expected}; its candidates.jsonl belongs to another run"
)]
pub struct MaskMismatch {
    candidate: u32,
    found: usize,
    expected: usize,
}

impl Genotype {
    /// The genotype of a candidate of a run; `test` is its test accuracy, where that was measured.
    ///
    /// # Errors
    /// [`MaskMismatch`] where the candidate is none of this run's network.
    pub fn of(started: &Started, candidate: &CandidateRecord, test: Option<Scores>) -> Result<Self, MaskMismatch> {
        let (found, expected) = (candidate.mask.bits().len(), started.network.masked_channels);
        let groups = &started.network.groups;
        if found != expected || groups.iter().map(|group| group.channels).sum::<usize>() != expected {
            return Err(MaskMismatch { candidate: candidate.score.id.0, found, expected });
        }
        let score = &candidate.score;
        Ok(Self {
            format: "pgnas-genotype".into(),
            version: GENOTYPE_VERSION,
            program: started.program.clone(),
            run: started.run.clone(),
            preset: started.preset.clone(),
            set: started.set.clone(),
            seed: started.seed,
            candidate: score.id,
            source: score.source,
            epoch: score.epoch,
            step: candidate.step,
            draw: candidate.draw,
            parameters: score.parameters,
            macs: score.macs,
            paper_count: score.paper_count,
            kept_share: score.kept_share,
            batch_norm: started.batch_norm,
            select: score.select,
            test,
            test_reads: None,
            sliced: None,
            posterior_sha256: None,
            splits_sha256: None,
            retrained: None,
            images_sha256: None,
            cell: cell(groups, &candidate.mask).or_else(|| darts::genotype(groups, &candidate.mask)),
            blocks: blocks(groups, candidate.mask.bits()),
        })
    }

    /// Takes over the true costs of the sliced network; what stood there by the paper's count is kept as that.
    pub fn slice_to(&mut self, cost: Cost) {
        self.paper_count.get_or_insert(PaperCount { parameters: self.parameters, macs: self.macs });
        (self.parameters, self.macs) = (cost.parameters as u64, cost.macs as u64);
    }

    /// The select accuracy of the weights beside it.
    #[must_use]
    pub fn judged(&self) -> Accuracy {
        self.retrained.as_ref().map_or_else(|| self.select.of(self.batch_norm), |retrained| retrained.accuracy)
    }

    /// The mask again, over all groups; `None` where a text of it was changed to no mask.
    #[must_use]
    pub fn mask(&self) -> Option<HardMask> {
        let operations = self.blocks.iter().flat_map(|block| &block.edges).flat_map(|edge| &edge.operations);
        let masks: Vec<HardMask> = operations.map(|operation| operation.mask.parse().ok()).collect::<Option<_>>()?;
        Some(HardMask::new(masks.iter().flat_map(|mask| mask.bits().to_vec()).collect()))
    }

    /// The text of its file: indented JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists alone: nothing here that JSON cannot hold.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// The genotype of a mask in a network of cells of NAS-Bench-201.
fn cell(groups: &[GroupSummary], mask: &HardMask) -> Option<String> {
    let place = |group: &GroupSummary| {
        let operation = CellGenotype::candidates().find(|operation| operation.label() == group.operation)?;
        Some((group.block.clone(), group.edge.clone(), operation, group.channels))
    };
    let places: Vec<_> = groups.iter().map(place).collect::<Option<_>>()?;
    let borrowed = places.iter().map(|(block, edge, operation, channels)| (block.as_str(), edge.as_str(), *operation, *channels));
    Cells::from_groups(borrowed)?.genotype(mask).map(|genotype| genotype.to_string())
}

/// What a mask keeps of each group, block by block and edge by edge.
///
/// Groups of one block and of one edge are neighbours, so that a new name opens a new one.
#[must_use]
pub fn blocks(groups: &[GroupSummary], mut bits: &[bool]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for group in groups {
        let (own, rest) = bits.split_at(group.channels.min(bits.len()));
        bits = rest;
        if blocks.last().is_none_or(|block| block.block != group.block) {
            blocks.push(Block { block: group.block.clone(), edges: Vec::new() });
        }
        let Some(block) = blocks.last_mut() else { continue };
        if block.edges.last().is_none_or(|edge| edge.edge != group.edge) {
            block.edges.push(Edge { edge: group.edge.clone(), operations: Vec::new() });
        }
        let Some(edge) = block.edges.last_mut() else { continue };
        edge.operations.push(KeptOperation {
            operation: group.operation.clone(),
            node: group.node.clone(),
            channels: group.channels,
            kept: own.iter().filter(|&&keep| keep).count(),
            mask: HardMask::new(own.to_vec()).to_string(),
        });
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Bits, fixture};
    use proptest::prelude::*;

    fn candidate(keep: Vec<bool>) -> CandidateRecord {
        CandidateRecord {
            score: fixture::score(6, Source::Posterior, 2, 98, 510),
            step: Some(34),
            draw: 2,
            mask: HardMask::new(keep),
            correct_inherited: Bits::default(),
            correct_recalibrated: Bits::default(),
        }
    }

    #[test]
    fn operations_stand_under_their_edges_and_blocks() {
        let started = fixture::started();
        let mut keep = vec![false; started.network.masked_channels];
        keep[..3].fill(true);
        let genotype = Genotype::of(&started, &candidate(keep), None).unwrap();
        let names: Vec<&str> = genotype.blocks.iter().map(|block| block.block.as_str()).collect();
        assert_eq!(names, ["stage1.block1", "stage2.widen", "stage2.block1"]);
        let first = &genotype.blocks[0].edges[0];
        assert_eq!((genotype.blocks[0].edges.len(), first.edge.as_str(), first.operations.len()), (1, "0→1", 2));
        let kept = &first.operations[0];
        assert_eq!((kept.operation.as_str(), kept.channels, kept.kept, kept.mask.as_str()), ("conv 3×3", 4, 3, "4:e"));
        let message = Genotype::of(&started, &candidate(vec![true; 3]), None).unwrap_err().to_string();
        assert!(message.contains("candidate 6 has a mask of 3 channels"), "{message}");
    }

    #[test]
    fn a_cell_of_the_benchmark_is_told_in_its_words() {
        use crate::graph::Shape;
        use crate::graph::families::NasBench201;
        let graph = NasBench201 { input: Shape::map(1, 8, 8), classes: 3, stem_stride: 1, channels: 2, cells: 1 }.build().unwrap();
        let started = Started { network: crate::run::NetworkSummary::of(&graph), ..fixture::started() };
        let text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|";
        let mask = Cells::of(&graph).unwrap().mask(&text.parse().unwrap());
        let genotype = Genotype::of(&started, &candidate(mask.bits().to_vec()), None).unwrap();
        assert_eq!(genotype.cell.as_deref(), Some(text));
        let whole = Genotype::of(&started, &candidate(vec![true; graph.masked_channels()]), None).unwrap();
        assert_eq!(whole.cell, None);
    }

    #[test]
    fn scores_are_written_with_their_intervals_and_read_by_their_counts() {
        let started = fixture::started();
        let candidate = candidate(vec![true; started.network.masked_channels]);
        let mut genotype = Genotype::of(&started, &candidate, Some(candidate.score.select)).unwrap();
        let accuracy = Accuracy { correct: 99, total: 100 };
        genotype.retrained = Some(RetrainedWeights { from: Start::Scratch, seed: 1, epochs: 2, recipe: Vec::new(), accuracy });
        let mut text: serde_json::Value = serde_json::from_str(&genotype.to_json()).unwrap();
        let interval = candidate.score.select.recalibrated.interval();
        for scores in ["/select/recalibrated", "/test/recalibrated"] {
            let told = |key: &str| text.pointer(&format!("{scores}/{key}")).and_then(serde_json::Value::as_f64).unwrap();
            let expected = [98.0, 100.0, 0.98, interval.low, interval.high];
            for (key, expected) in ["correct", "total", "accuracy", "low", "high"].into_iter().zip(expected) {
                assert!((told(key) - expected).abs() < 1e-12, "{scores}/{key}: {} for {expected}", told(key));
            }
        }
        assert!(text["select"]["inherited"]["low"].as_f64().unwrap() < 0.88 && text["retrained"]["accuracy"]["high"].is_f64());
        assert_eq!(serde_json::from_value::<Genotype>(text.clone()).unwrap(), genotype);
        text["select"] = serde_json::to_value(candidate.score.select).unwrap();
        assert_eq!(serde_json::from_value::<Genotype>(text).unwrap(), genotype, "as older files have it");
    }

    #[test]
    fn the_count_of_an_older_log_is_kept_as_the_paper_s() {
        let started = fixture::started();
        let mut older = candidate(vec![true; started.network.masked_channels]);
        older.score.paper_count = None;
        let mut genotype = Genotype::of(&started, &older, None).unwrap();
        assert_eq!((genotype.parameters, genotype.paper_count), (510, None));
        for parameters in [400.0, 390.0] {
            genotype.slice_to(Cost { parameters, macs: 4000.0 });
            assert_eq!((genotype.parameters, genotype.macs), (parameters as u64, 4000));
            assert_eq!(genotype.paper_count, Some(PaperCount { parameters: 510, macs: 5100 }));
        }
        let mut text: serde_json::Value = serde_json::from_str(&genotype.to_json()).unwrap();
        text.as_object_mut().unwrap().remove("paper_count");
        assert_eq!(serde_json::from_value::<Genotype>(text).unwrap().paper_count, None, "older files still open");
    }

    proptest! {
        #[test]
        fn a_genotype_holds_the_whole_mask(seed in proptest::collection::vec(any::<bool>(), 28..29)) {
            let started = fixture::started();
            let keep: Vec<bool> = seed.iter().cycle().take(started.network.masked_channels).copied().collect();
            let genotype = Genotype::of(&started, &candidate(keep.clone()), None).unwrap();
            let again: Genotype = serde_json::from_str(&genotype.to_json()).unwrap();
            prop_assert_eq!(&again, &genotype);
            prop_assert_eq!(again.mask(), Some(HardMask::new(keep)));
        }
    }
}
