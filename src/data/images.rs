//! The images of a split as the engine reads them, their normalisation, and batches gathered from them.

use super::picture::Picture;
use super::set::Stored;
use super::{Augment, ImageSet, ImageShape};
use crate::random::{Purpose, stream};
use rayon::ThreadPool;
use rayon::prelude::*;
use std::sync::Arc;

/// So many images of a set that is decoded as it is asked for are enough to know its channels.
const SAMPLE: usize = 2048;

/// How raw pixels become network inputs: `(raw / scale - mean) / deviation`, one pair a channel, measured on the train split only.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalisation {
    /// Mean of each channel, in shares of full intensity (0 to 1).
    pub mean: Vec<f32>,
    /// Standard deviation of each channel, in the same unit; never 0.
    pub deviation: Vec<f32>,
}

impl Normalisation {
    /// Measures the images of `indices`; of a set that is decoded as it is asked for, some of them, evenly spread. The sums are integers, so
    /// the result does not depend on the order.
    pub(super) fn measure(set: &ImageSet, indices: &[usize]) -> Self {
        let [channels, height, width] = set.shape();
        let stride = if set.is_streamed() { indices.len().div_ceil(SAMPLE).max(1) } else { 1 };
        let nothing = || (vec![(0u64, 0u64); channels], 0usize);
        let (sums, images) = indices
            .par_iter()
            .step_by(stride)
            .fold(nothing, |(mut sums, images), &image| {
                let Some(raw) = set.raw(image) else { return (sums, images) };
                for (sum, plane) in sums.iter_mut().zip(raw.chunks_exact(height * width)) {
                    for value in plane.iter().copied().map(u64::from) {
                        *sum = (sum.0 + value, sum.1 + value * value);
                    }
                }
                (sums, images + 1)
            })
            .reduce(nothing, |(left, images), (right, more)| {
                (left.iter().zip(&right).map(|(left, right)| (left.0 + right.0, left.1 + right.1)).collect(), images + more)
            });
        let pixels = (images * height * width).max(1) as f64;
        let scale = f64::from(set.scale());
        let moments = sums.into_iter().map(|(sum, squares)| {
            let mean = sum as f64 / pixels;
            let deviation = (squares as f64 / pixels - mean * mean).max(0.0).sqrt();
            // A channel that never varies is only centred.
            (mean / scale, if deviation > 0.0 { deviation / scale } else { 1.0 })
        });
        let (mean, deviation) = moments.map(|(mean, deviation)| (mean as f32, deviation as f32)).unzip();
        Self { mean, deviation }
    }

    /// What each raw value of a channel becomes.
    fn table(&self, channel: usize, scale: u8) -> [f32; 256] {
        std::array::from_fn(|raw| (raw as f32 / f32::from(scale) - self.mean[channel]) / self.deviation[channel])
    }
}

/// The threads that make a batch.
#[derive(Debug, Clone, Copy)]
enum Workers<'a> {
    /// Those of a loader.
    Own(&'a ThreadPool),
    /// Those of the process.
    Any,
    /// The one that asks.
    None,
}

/// Labelled images of a split, normalised as they are gathered. Cloning it copies no image.
#[derive(Debug, Clone)]
pub struct Images {
    set: Arc<ImageSet>,
    indices: Vec<usize>,
    labels: Vec<u16>,
    /// What each raw value of a channel becomes, a table a channel.
    tables: Vec<[f32; 256]>,
}

impl Images {
    /// The images of `indices`, in that order.
    pub(super) fn normalised(set: &Arc<ImageSet>, indices: &[usize], normalisation: &Normalisation) -> Self {
        let tables = (0..set.shape()[0]).map(|channel| normalisation.table(channel, set.scale())).collect();
        let labels = indices.iter().map(|&image| set.labels()[image]).collect();
        Self { set: Arc::clone(set), indices: indices.to_vec(), labels, tables }
    }

    /// The shape of one image, `[channels, height, width]`.
    #[must_use]
    pub fn shape(&self) -> ImageShape {
        self.set.shape()
    }

    /// How many images there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The class of each image.
    #[must_use]
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// The set that they are of.
    #[must_use]
    pub fn set(&self) -> &ImageSet {
        &self.set
    }

    /// Copies the images of `indices`, in that order and normalised, into a batch.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    pub fn gather(&self, indices: &[usize]) -> Batch {
        let fill = |image: usize, target: &mut [f32]| {
            if let Some(raw) = self.set.raw(image) {
                self.normalise(&raw, target);
            }
        };
        // What lies in memory is copied faster than threads are woken.
        self.batch(indices, if self.set.is_streamed() { Workers::Any } else { Workers::None }, &fill)
    }

    /// As [`Self::gather`], each image augmented as the seed and the epoch have it.
    pub(super) fn augmented(&self, indices: &[usize], augment: &Augment, (seed, epoch): (u64, u64), threads: Option<&ThreadPool>) -> Batch {
        let shape = self.shape();
        let fill = |image: usize, target: &mut [f32]| {
            let index = epoch << 32 | image as u64;
            if augment.changes_pictures() {
                let Some(stored) = self.set.stored(image) else { return };
                let picture = match stored {
                    Stored::Packed(pixels) => Picture { shape, pixels: pixels.to_vec() },
                    Stored::Picture(picture) => picture.into_owned(),
                };
                let picture = augment.transform(picture, shape, &mut stream(seed, Purpose::Transform, index));
                self.normalise(&picture.pixels, target);
            } else {
                let Some(raw) = self.set.raw(image) else { return };
                self.normalise(&raw, target);
            }
            augment.apply(target, shape, &mut stream(seed, Purpose::Augment, index));
        };
        self.batch(indices, threads.map_or(Workers::None, Workers::Own), &fill)
    }

    /// As [`Self::augmented`], without the pixels: from where each of them comes. For images that a device has already.
    pub(super) fn placed(&self, indices: &[usize], augment: &Augment, (seed, epoch): (u64, u64)) -> Placement {
        let [_, height, width] = self.shape();
        let mut sources = Vec::with_capacity(indices.len() * height * width);
        let mut numbers = Vec::new();
        for &index in indices {
            // What moves pixels moves their numbers; what comes in from outside is 0 either way.
            numbers.clear();
            numbers.extend((1..=height * width).map(|number| number as f32));
            augment.apply(&mut numbers, [1, height, width], &mut stream(seed, Purpose::Augment, epoch << 32 | self.indices[index] as u64));
            sources.extend(numbers.iter().map(|&number| number as i32));
        }
        let labels = indices.iter().map(|&index| i32::from(self.labels[index])).collect();
        Placement { images: indices.iter().map(|&index| index as i32).collect(), sources, labels }
    }

    /// Makes a batch image by image.
    fn batch(&self, indices: &[usize], workers: Workers<'_>, fill: &(impl Fn(usize, &mut [f32]) + Sync)) -> Batch {
        let size: usize = self.shape().iter().product();
        let mut images = vec![0.0; indices.len() * size];
        let one = |(target, &index): (&mut [f32], &usize)| fill(self.indices[index], target);
        let mut spread = || images.par_chunks_exact_mut(size).zip(indices).for_each(one);
        match workers {
            Workers::Own(pool) => pool.install(spread),
            Workers::Any => spread(),
            Workers::None => images.chunks_exact_mut(size).zip(indices).for_each(one),
        }
        Batch { images, labels: indices.iter().map(|&index| i32::from(self.labels[index])).collect(), size: indices.len() }
    }

    fn normalise(&self, raw: &[u8], target: &mut [f32]) {
        let size = raw.len() / self.tables.len();
        for ((table, plane), target) in self.tables.iter().zip(raw.chunks_exact(size)).zip(target.chunks_exact_mut(size)) {
            target.iter_mut().zip(plane).for_each(|(value, &raw)| *value = table[usize::from(raw)]);
        }
    }
}

/// A batch ready for the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Normalised pixels, `[size, channels, height, width]`.
    pub images: Vec<f32>,
    /// The class of each image.
    pub labels: Vec<i32>,
    /// How many images there are.
    pub size: usize,
}

/// A batch of images that lie on a device: which, and how their pixels are moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// The position of each in its split.
    pub images: Vec<i32>,
    /// `[size, height × width]`: for each pixel the one of the image that it is, counted from 1; 0 where none is.
    pub sources: Vec<i32>,
    /// The class of each image.
    pub labels: Vec<i32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three images of two channels and 1x2 pixels; the second channel never varies.
    fn set() -> ImageSet {
        let pixels = vec![0, 2, 5, 5, 4, 6, 5, 5, 10, 10, 5, 5];
        ImageSet::new("made", vec!["a".into(), "b".into(), "c".into()], [2, 1, 2], 10, pixels, vec![2, 0, 1], 0).unwrap()
    }

    #[test]
    fn moments_are_those_of_the_indices_given_and_of_each_channel() {
        let Normalisation { mean, deviation } = Normalisation::measure(&set(), &[0, 1]);
        // 0, 2, 4, 6 of 10: mean 3, variance 5.
        let close = |a: f32, b: f32| (a - b).abs() < 1e-6;
        assert!(close(mean[0], 0.3) && close(deviation[0], 5f32.sqrt() / 10.0), "{mean:?} {deviation:?}");
        assert!(close(mean[1], 0.5) && close(deviation[1], 1.0), "{mean:?} {deviation:?}");
    }

    #[test]
    fn gather_follows_its_indices() {
        let set = Arc::new(set());
        let images = Images::normalised(&set, &[2, 0], &Normalisation { mean: vec![0.5, 0.0], deviation: vec![0.25, 1.0] });
        assert_eq!(images.labels(), [1, 2]);
        let (first, second) = ([2.0, 2.0, 0.5, 0.5], [-2.0, -1.2, 0.5, 0.5]);
        let batch = images.gather(&[1, 0, 1]);
        assert_eq!((batch.size, batch.labels.as_slice()), (3, [2, 1, 2].as_slice()));
        assert_eq!(batch.images, [second, first, second].concat());
    }
}
