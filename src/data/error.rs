//! What can go wrong in this room; each message is one line that says what, where and the remedy.

use super::tally::Tally;

/// An image set that cannot be read, or a wish that its images cannot meet.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// No image set has this name.
    #[error("there is no image set `{name}`; known sets: {known}")]
    UnknownSet {
        /// The name asked for.
        name: String,
        /// The names that exist, comma-separated.
        known: String,
    },
    /// The compressed bytes of a set are torn or corrupt.
    #[error("image set `{set}` cannot be unpacked ({source}): its file is damaged; fetch or install it again")]
    Unpack {
        /// The set's name.
        set: String,
        /// What the decompressor found.
        source: std::io::Error,
    },
    /// The bytes of a set contradict what the set is said to be.
    #[error("image set `{set}` is damaged: {fault}; fetch or install it again")]
    Damaged {
        /// The set's name.
        set: String,
        /// The first contradiction found.
        fault: String,
    },
    /// The counts asked for leave a split with fewer images than the set has classes.
    #[error(
        "image set `{set}` has {pool} images to share out: select {select} and test {test} leave {train} to train on, \
         and every split needs at least {classes} (one a class); choose counts that leave as many"
    )]
    SplitDoesNotFit {
        /// The set's name.
        set: String,
        /// How many images there are to share out.
        pool: usize,
        /// How many were asked for as the select split.
        select: usize,
        /// How many were asked for as the test split, 0 if it has its own images.
        test: usize,
        /// How many remain.
        train: usize,
        /// How many classes the set has.
        classes: usize,
    },
    /// More training images were asked for than there are.
    #[error("image set `{set}` leaves {left} images to train on, not {train}; choose fewer, or 0 for all of them")]
    TrainDoesNotFit {
        /// The set's name.
        set: String,
        /// How many were asked for.
        train: usize,
        /// How many there are beside the other splits.
        left: usize,
    },
    /// The files of a set are not where they are looked for.
    #[error("image set `{set}` is not in {place}: {lacking}; {remedy}")]
    Missing {
        /// The set's name.
        set: String,
        /// Where it was looked for.
        place: String,
        /// What is not there.
        lacking: String,
        /// How to bring it.
        remedy: String,
    },
    /// A file or folder cannot be read.
    #[error("{path}: cannot be read ({reason}); mend it, or give another place with --data")]
    Unreadable {
        /// The file or folder.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Images of a single class.
    #[error("{place}: all images are of one class, `{class}`; give a folder with a folder for each of two classes or more")]
    OneClass {
        /// The folder.
        place: String,
        /// The class.
        class: String,
    },
    /// More images than are put up with cannot be read.
    #[error(
        "{place}: {} of {total} images cannot be read: {failed}; mend or remove them, or put up with more than {limit} of all by data.unreadable",
        failed.count
    )]
    TooManyUnreadable {
        /// The folder.
        place: String,
        /// The images.
        failed: Tally,
        /// How many there are in all.
        total: usize,
        /// The share that is put up with.
        limit: f64,
    },
    /// A set without test images of its own was asked for them.
    #[error("image set `{set}` has no test images of its own; hold a part of its {images} images out for the test split")]
    NoOwnTest {
        /// The set's name.
        set: String,
        /// How many images it has.
        images: usize,
    },
    /// A batch that is empty or larger than the train split.
    #[error("a batch of {batch} images cannot be drawn from {train} training images; choose a batch size from 1 to {train}")]
    BatchDoesNotFit {
        /// The batch size asked for.
        batch: usize,
        /// How many training images there are.
        train: usize,
    },
    /// An augmentation that would leave nothing of an image.
    #[error("{field} {value} would wipe out images of {height}x{width}; choose at most {most}")]
    AugmentDoesNotFit {
        /// The field of [`crate::data::Augment`] at fault.
        field: &'static str,
        /// Its value in pixels.
        value: usize,
        /// Height of an image in pixels.
        height: usize,
        /// Width of an image in pixels.
        width: usize,
        /// The largest value that fits.
        most: usize,
    },
    /// The operating system gave no threads to decode on.
    #[error("no threads to decode images on ({0}); free some or raise the limit of threads")]
    Threads(#[source] rayon::ThreadPoolBuildError),
    /// The operating system gave no thread to prefetch on.
    #[error("no thread to prefetch batches on ({0}); free some or raise the limit of threads")]
    Thread(#[source] std::io::Error),
}
