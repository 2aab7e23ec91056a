//! What leaves a run: the genotype of a candidate, the report as numbers and as text.

mod arrays;
mod bundle;
mod card;
mod compare;
mod comparison;
mod compute;
pub mod drawing;
mod genotype;
mod markdown;
mod onnx;
mod package;
mod protobuf;
mod pytorch;
mod report;
pub mod text;

pub use arrays::{arrays, values};
pub use bundle::{Bundle, BundleError};
pub use card::card;
pub use compare::comparison_text;
pub use comparison::{Baseline, BestOfPoint, Comparison, Drawn, Worth};
pub use compute::NoHead;
pub use genotype::{Block, Edge, GENOTYPE_VERSION, Genotype, KeptOperation, MaskMismatch, Sliced};
pub use markdown::{markdown, summary};
pub use onnx::onnx;
pub use package::{Format, Package};
pub use pytorch::{Origin, pytorch};
pub use report::{
    Candidate, CandidateAccuracy, Constrained, Difference, Group, LastEpoch, Limits, Network, Report, Sample, SampleAccuracy, Steered,
    TieSet,
};
