//! Training images on their way to the device: a set that fits lives there and is augmented there; a larger one streams through the host.

use super::EngineError;
use super::weights::images;
use crate::data::{Batch, ImageShape, Loader, Placement, Prefetch};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// Batches made ahead of the device.
const AHEAD: usize = 2;

/// Gives the batches of a loader as tensors.
#[derive(Debug)]
pub struct Feed {
    loader: Loader,
    device: Device,
    /// All images, `[images, channels, 1 + height × width]`; the first pixel of each plane is 0 and stands for what comes in from outside.
    kept: Option<Tensor<3>>,
}

/// Pixels `[batch, channels, height, width]` and classes `[batch]`.
pub type Shown = (Tensor<4>, Tensor<1, Int>);

impl Feed {
    /// A feed for a device that keeps a set of so many bytes at most.
    #[must_use]
    pub fn new(loader: Loader, device: Device, most: usize) -> Self {
        let [channels, height, width] = loader.images().shape();
        let bytes = loader.images().len() * channels * (1 + height * width) * size_of::<f32>();
        let keeps = loader.only_moves() && bytes <= most;
        let kept = keeps.then(|| kept(&loader, &device));
        Self { loader, device, kept }
    }

    /// Where the images come from.
    #[must_use]
    pub fn loader(&self) -> &Loader {
        &self.loader
    }

    /// The batches of an epoch from a step on, made ahead on a thread.
    ///
    /// # Errors
    /// [`EngineError::Data`] where the system gives no thread.
    pub fn start_at(&self, epoch: usize, step: usize) -> Result<Shows, EngineError> {
        let source = match &self.kept {
            Some(kept) => Source::Device(Prefetch::new(self.loader.placed_at(epoch, step), AHEAD)?, Box::new(kept.clone())),
            None => Source::Host(Prefetch::new(self.loader.start_at(epoch, step), AHEAD)?),
        };
        Ok(Shows { shape: self.loader.images().shape(), device: self.device.clone(), source })
    }
}

/// The batches of one epoch.
#[derive(Debug)]
pub struct Shows {
    shape: ImageShape,
    device: Device,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Host(Prefetch<Batch>),
    Device(Prefetch<Placement>, Box<Tensor<3>>),
}

impl Iterator for Shows {
    type Item = Shown;

    fn next(&mut self) -> Option<Shown> {
        match &mut self.source {
            Source::Host(batches) => batches.next().map(|batch| upload(batch, self.shape, &self.device)),
            Source::Device(placements, kept) => placements.next().map(|placement| place(placement, kept, self.shape, &self.device)),
        }
    }
}

/// A batch on the device, its images of one shape.
#[must_use]
pub fn upload(batch: Batch, [channels, height, width]: ImageShape, device: &Device) -> Shown {
    let pixels = images(batch.images, [batch.size, channels, height, width], device);
    (pixels, integers(batch.labels, device))
}

fn integers(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}

/// Every image of a loader, a 0 before each plane.
fn kept(loader: &Loader, device: &Device) -> Tensor<3> {
    let [channels, height, width] = loader.images().shape();
    let (count, plane) = (loader.images().len(), height * width);
    let all = loader.images().gather(&(0..count).collect::<Vec<_>>()).images;
    let led: Vec<f32> = all.chunks_exact(plane).flat_map(|pixels| std::iter::once(0.0).chain(pixels.iter().copied())).collect();
    Tensor::from_data(TensorData::new(led, [count, channels, 1 + plane]), device)
}

/// A batch of images that the device has.
fn place(placement: Placement, kept: &Tensor<3>, [channels, height, width]: ImageShape, device: &Device) -> Shown {
    let (size, plane) = (placement.images.len(), height * width);
    let sources = integers(placement.sources, device).reshape([size, 1, plane]).expand([size, channels, plane]);
    let pixels = kept.clone().select(0, integers(placement.images, device)).gather(2, sources);
    (pixels.reshape([size, channels, height, width]), integers(placement.labels, device))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Augment, ImageSet, SplitPlan, TestPlan, TrainSplit};

    fn train() -> TrainSplit {
        let pixels = (0..40 * 24).map(|pixel| (pixel * 37 % 251) as u8).collect();
        let set = ImageSet::new("made", vec!["only".into()], [2, 3, 4], 255, pixels, vec![0; 40], 0).unwrap();
        set.split(&SplitPlan { train: 0, select: 8, test: TestPlan::Held(8), seed: 0 }).unwrap().train
    }

    type Numbers = (Vec<f32>, Vec<i32>);

    /// Of 24 images of 24 pixels and 2 planes.
    const BYTES: usize = 24 * (24 + 2) * 4;

    fn shown(augment: Augment, most: usize, step: usize) -> (bool, Vec<Numbers>) {
        let feed = Feed::new(Loader::new(&train(), 5, augment, 3).unwrap(), Device::flex(), most);
        let numbers = |(pixels, labels): Shown| -> Numbers {
            (pixels.into_data().iter::<f32>().collect(), labels.into_data().iter::<i32>().collect())
        };
        (feed.kept.is_some(), feed.start_at(7, step).unwrap().map(numbers).collect())
    }

    #[test]
    fn a_device_that_keeps_the_images_shows_what_the_host_would() {
        for augment in [Augment::OFF, Augment { shift: 2, flip: true, cutout: 2, ..Augment::OFF }] {
            for step in [0, 3] {
                let ((kept, there), (not, here)) = (shown(augment, BYTES, step), shown(augment, BYTES - 1, step));
                assert!(kept && !not && here.len() == 4 - step);
                assert_eq!(there, here);
            }
        }
    }

    #[test]
    fn what_changes_colours_is_made_on_the_host() {
        let (kept, batches) = shown(Augment { jitter: 0.3, shift: 1, ..Augment::OFF }, usize::MAX, 0);
        assert!(!kept && batches.len() == 4);
    }
}
