//! What leaves a run: the genotype of a candidate, the report as numbers and as text.

mod arrays;
mod averaging;
mod bundle;
mod card;
mod checklist;
mod compare;
mod comparison;
mod compute;
mod correlation;
mod darts;
pub mod drawing;
mod ensemble;
pub mod figure;
mod genotype;
mod markdown;
mod onnx;
mod package;
mod picture;
mod protobuf;
mod pytorch;
mod raster;
mod report;
pub mod text;

pub use arrays::{arrays, values};
pub use averaging::averaging_text;
pub use bundle::{Bundle, BundleError, Staging};
pub use card::card;
pub use checklist::{Answer, ChecklistItem};
pub use compare::{comparison_text, facts as comparison_facts};
pub use comparison::{Baseline, BestOfPoint, Comparison, Drawn, Racing, Worth, steps};
pub use compute::{NoHead, test_reads};
pub use correlation::{Correlation, Judged, ModeCorrelation, Proposal, TRUTHS, Training, correlation_text};
pub use ensemble::{Ensemble, EnsembleMember, member_values};
pub use genotype::{Block, Edge, GENOTYPE_VERSION, Genotype, KeptOperation, MaskMismatch, RetrainedWeights, Sliced, blocks};
pub use markdown::{markdown, summary};
pub use onnx::{Member, onnx, onnx_mean};
pub use package::{Format, Package};
pub use picture::pictures;
pub use pytorch::{Origin, pytorch};
pub use raster::{RasterError, png};
pub use report::{
    Candidate, CandidateAccuracy, Constrained, Difference, Group, LastEpoch, Limits, Network, Report, RetrainedCandidate, Sample,
    SampleAccuracy, Steered, TieSet,
};
