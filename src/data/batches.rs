//! The order of training: an epoch's batches as a function of (seed, epoch), beginning at any step.

use super::{Augment, Batch, DataError, Images, Placement, TrainSplit};
use crate::random::{self, Purpose};
use rand::seq::SliceRandom;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::Arc;

/// Makes the batches of any epoch of a run. Cloning it copies no image.
#[derive(Debug, Clone)]
pub struct Loader {
    images: Arc<Images>,
    batch: usize,
    augment: Augment,
    seed: u64,
    threads: Option<Arc<ThreadPool>>,
}

impl Loader {
    /// Batches of `batch` training images each under the run's seed.
    ///
    /// # Errors
    /// [`DataError::BatchDoesNotFit`] if the split has fewer images than a batch (or the batch none),
    /// [`DataError::AugmentDoesNotFit`] if augmentation would wipe out images.
    pub fn new(train: &TrainSplit, batch: usize, augment: Augment, seed: u64) -> Result<Self, DataError> {
        let images = train.shared();
        if batch == 0 || batch > images.len() {
            return Err(DataError::BatchDoesNotFit { batch, train: images.len() });
        }
        augment.check(images.shape())?;
        Ok(Self { images, batch, augment, seed, threads: None })
    }

    /// Decodes and augments on so many threads of its own, where that is work worth the trouble.
    ///
    /// # Errors
    /// [`DataError::Threads`] if the system gives none.
    pub fn on_threads(mut self, threads: usize) -> Result<Self, DataError> {
        if self.images.set().is_streamed() || self.augment.changes_pictures() {
            let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(|number| format!("images-{number}")).build();
            self.threads = Some(Arc::new(pool.map_err(DataError::Threads)?));
        }
        Ok(self)
    }

    /// The images that it draws from.
    #[must_use]
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// Whether its images are in memory, and augmentation but moves their pixels: a device can then keep them.
    #[must_use]
    pub fn only_moves(&self) -> bool {
        !self.images.set().is_streamed() && !self.augment.changes_pictures()
    }

    /// The images that could not be decoded since the last time somebody asked, in words.
    #[must_use]
    pub fn take_lost(&self) -> Option<String> {
        let lost = self.images.set().take_lost()?;
        Some(format!("{} images could not be decoded and stood for as the mean of all: {lost}", lost.count))
    }

    /// How many batches an epoch has. What is left over is dropped, another part of the images in every epoch.
    #[must_use]
    pub fn steps_per_epoch(&self) -> usize {
        self.images.len() / self.batch
    }

    /// All batches of an epoch.
    #[must_use]
    pub fn epoch(&self, epoch: usize) -> Batches {
        self.start_at(epoch, 0)
    }

    /// The batches of an epoch from `step_in_epoch` on: exactly those that [`Loader::epoch`] would still give after so many steps,
    /// so that a resumed run sees what an uninterrupted one does.
    #[must_use]
    pub fn start_at(&self, epoch: usize, step_in_epoch: usize) -> Batches {
        let mut order: Vec<usize> = (0..self.images.len()).collect();
        order.shuffle(&mut random::stream(self.seed, Purpose::Shuffle, epoch as u64));
        Batches { loader: self.clone(), order, epoch, step: step_in_epoch }
    }

    /// The same batches as [`Loader::start_at`] gives, for a device that has the images.
    #[must_use]
    pub fn placed_at(&self, epoch: usize, step_in_epoch: usize) -> impl ExactSizeIterator<Item = Placement> + Send + 'static + use<> {
        let batches = self.start_at(epoch, step_in_epoch);
        (step_in_epoch..self.steps_per_epoch().max(step_in_epoch)).map(move |step| {
            let Batches { loader: Loader { images, batch, augment, seed, .. }, order, epoch, .. } = &batches;
            images.placed(&order[step * batch..(step + 1) * batch], augment, (*seed, *epoch as u64))
        })
    }
}

/// The batches of one epoch, shuffled and augmented. The last, incomplete batch is dropped.
#[derive(Debug)]
pub struct Batches {
    loader: Loader,
    order: Vec<usize>,
    epoch: usize,
    step: usize,
}

impl Iterator for Batches {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let Loader { images, batch, augment, seed, threads } = &self.loader;
        let indices = self.order.chunks_exact(*batch).nth(self.step)?;
        let batch = images.augmented(indices, augment, (*seed, self.epoch as u64), threads.as_deref());
        self.step += 1;
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.loader.steps_per_epoch().saturating_sub(self.step);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Batches {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ImageSet, Prefetch, SplitPlan, TestPlan};

    /// 20 training images of 1x2 pixels, each with two pixels of its own value.
    fn train() -> TrainSplit {
        let pixels = (0..30).flat_map(|image| [image; 2]).collect();
        let set = ImageSet::new("made", vec!["only".into()], [1, 1, 2], 30, pixels, vec![0; 30], 0).unwrap();
        set.split(&SplitPlan { train: 0, select: 5, test: TestPlan::Held(5), seed: 0 }).unwrap().train
    }

    const AUGMENT: Augment = Augment { flip: true, ..Augment::OFF };

    #[test]
    fn an_epoch_shows_each_image_at_most_once_in_a_new_order() {
        let train = train();
        let loader = Loader::new(&train, 6, Augment::default(), 1).unwrap();
        let epoch = |epoch| loader.epoch(epoch).flat_map(|batch| batch.images).map(f32::to_bits).collect::<Vec<_>>();
        let mut seen = epoch(0);
        assert_eq!((loader.steps_per_epoch(), loader.epoch(0).len(), seen.len()), (3, 3, 36));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 18, "18 different images of the 20; 2 are left over");
        assert_eq!(epoch(0), epoch(0));
        assert_ne!(epoch(0), epoch(1));
        let other = Loader::new(&train, 6, Augment::default(), 2).unwrap();
        assert_ne!(loader.epoch(0).next(), other.epoch(0).next());
    }

    #[test]
    fn starting_late_gives_the_rest_of_the_epoch() {
        let loader = Loader::new(&train(), 3, AUGMENT, 1).unwrap();
        for step in 0..8 {
            assert!(loader.start_at(4, step).eq(loader.epoch(4).skip(step)), "step {step}");
        }
        assert_eq!(loader.start_at(4, 6).len(), 0);
    }

    #[test]
    fn prefetching_changes_nothing() {
        let loader = Loader::new(&train(), 3, AUGMENT, 1).unwrap();
        for depth in [0, 1, 2, 100] {
            for epoch in 0..3 {
                let prefetched = Prefetch::new(loader.start_at(epoch, 1), depth).unwrap();
                assert!(prefetched.eq(loader.start_at(epoch, 1)), "depth {depth}, epoch {epoch}");
            }
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let message = |batch, augment| Loader::new(&train(), batch, augment, 1).unwrap_err().to_string();
        let expected = "a batch of 21 images cannot be drawn from 20 training images; choose a batch size from 1 to 20";
        assert_eq!(message(21, AUGMENT), expected);
        assert!(message(0, AUGMENT).contains("from 1 to 20"));
        assert!(message(20, Augment { shift: 1, ..AUGMENT }).starts_with("shift 1"));
        assert_eq!(Loader::new(&train(), 20, AUGMENT, 1).unwrap().steps_per_epoch(), 1);
    }
}
