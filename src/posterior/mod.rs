//! The posterior in numbers: drop probabilities, relaxed and hard masks, the KL term in closed form, sampling, statistics.
//!
//! Equations are those of the method guide (`docs/method.md`); `p` is always the drop probability. No tensors here.

mod cell;
mod choices;
mod hard_mask;
mod objective;
mod probability;
mod relaxed;
mod sample;
pub mod statistics;
mod summary;

pub use cell::{CellProbabilities, Cells, drawn_cell, likeliest_cell};
pub use choices::Choices;
pub use hard_mask::{HardMask, MaskTextError};
pub use objective::{KlTerm, Regulariser};
pub use probability::{DropProbability, Posterior, UNDECIDED, logit, sigmoid};
pub use relaxed::{expected_keep, relaxed_keep};
pub use sample::{SizeClasses, bernoulli, drawn, likeliest, matched_on_parameters, permuted, rearranged, thresholded};
pub use summary::Health;
