//! The data room: image sets, splits that cannot leak, normalised images, augmentation, prefetched batches.
//!
//! There is one way through it: [`Known::load`], then [`ImageSet::split`], which gives [`Splits`]. Training reads batches
//! through a [`Loader`], which takes nothing but a [`TrainSplit`]; ranking reads a [`SelectSplit`]; the test images lie in a
//! [`SealedTest`], which counts how often it is opened.

mod augment;
mod batches;
mod catalogue;
mod check;
mod cifar;
mod decode;
mod embedded;
mod error;
mod fetch;
mod files;
mod folder;
mod idx;
mod images;
mod outside;
mod pickle;
mod picture;
mod policy;
mod prefetch;
mod set;
mod splits;
mod tally;
mod transform;

pub use augment::Augment;
pub use batches::{Batches, Loader};
pub use catalogue::{FILE_SETS, FileSet, Known, Outline};
pub use check::{Check, check};
pub use embedded::SetName;
pub use error::DataError;
pub use fetch::{FetchError, FetchProgress, fetch, published};
pub use folder::Reading;
pub use images::{Batch, Images, Normalisation, Placement};
pub use outside::Outside;
pub use prefetch::Prefetch;
pub use set::{ImageSet, ImageShape};
pub use splits::{SealedTest, SelectSplit, Split, SplitPlan, Splits, TestPlan, TrainSplit};
pub use tally::Tally;
