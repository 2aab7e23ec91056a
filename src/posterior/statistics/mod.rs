//! Statistics of candidates: what can be told from which images each gets right, and how sure one can be.
//!
//! `tests/reference/ranking_statistics.py` computes the same with SciPy and statsmodels; `tests/statistics.rs` compares.

mod answers;
mod best_of;
mod bootstrap;
mod calibration;
mod correlation;
mod half_split;
mod interval;
mod paired;
mod race;
mod strata;
mod worth;

pub use answers::Answers;
pub use best_of::{BestOf, samples_to_reach};
pub use bootstrap::{difference_of_means, paired_difference, probability_of_superiority, relative_improvement};
pub use calibration::{Averaged, BINS, Predictions, Quality, Spread, averaging};
pub use correlation::{RankCorrelation, kendall, precision_at, rank_correlation, spearman, top_kendall};
pub use half_split::{Halves, HonestBest, honest_best};
pub use interval::{Interval, mean_and_deviation, wilson};
pub use paired::{Discordant, SIGNIFICANT, holm, tied};
pub use race::{PIECES, Race, Raced, race_order, simulate};
pub use strata::stratified;
pub use worth::{SamplesInterval, samples_intervals};

use crate::random::{Purpose, stream};

/// What the statistics draw random numbers for: ranges of stream indices that never meet.
#[derive(Debug, Clone, Copy)]
enum Draws {
    /// Bootstrap resamples.
    Bootstrap = 0,
    /// Halves of the images.
    Halves = 1,
    /// Networks whose predictions are averaged.
    Members = 2,
    /// Candidates over the range of their accuracies.
    Strata = 3,
    /// Candidates whose worth is resampled.
    Worth = 4,
}

/// The generator of one such draw under a run's seed.
fn draws(seed: u64, of: Draws, index: u32) -> impl rand::Rng {
    stream(seed, Purpose::Resample, ((of as u64) << 32) + u64::from(index))
}
