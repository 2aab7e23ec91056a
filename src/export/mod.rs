//! What leaves a run: the genotype of a candidate, the report as numbers and as text.

mod compare;
mod comparison;
mod compute;
mod genotype;
mod markdown;
mod report;
pub mod text;

pub use compare::comparison_text;
pub use comparison::{Baseline, BestOfPoint, Comparison, Drawn, Worth};
pub use compute::NoHead;
pub use genotype::{Block, Edge, GENOTYPE_VERSION, Genotype, KeptOperation, MaskMismatch};
pub use markdown::{markdown, summary};
pub use report::{
    Candidate, CandidateAccuracy, Constrained, Difference, Group, LastEpoch, Limits, Network, Report, Sample, SampleAccuracy, TieSet,
};
