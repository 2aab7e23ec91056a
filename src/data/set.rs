//! An image set: raw pixels in memory or in files, labels and what they mean, checked once on the way in.

use super::DataError;
use super::folder::Reading;
use super::picture::Picture;
use super::tally::Tally;
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The shape of one image, `[channels, height, width]`.
pub type ImageShape = [usize; 3];

/// Labelled images as they came, before any split. The pixels can only be reached through [`ImageSet::split`].
#[derive(Debug, Clone)]
pub struct ImageSet {
    name: String,
    classes: Vec<String>,
    shape: ImageShape,
    scale: u8,
    pixels: Pixels,
    labels: Vec<u16>,
    own_test: usize,
    notes: Vec<String>,
    unreadable: Tally,
}

/// Where the pixels of a set are.
#[derive(Debug, Clone)]
pub(super) enum Pixels {
    /// In memory, image by image, all of the set's shape.
    Packed(Vec<u8>),
    /// In memory, larger than the set's shape, which is cut out of their middle.
    Pictures(Vec<Picture>),
    /// In files that are decoded again whenever they are asked for.
    Files {
        /// What their paths begin with.
        root: PathBuf,
        /// One an image.
        paths: Vec<PathBuf>,
        /// How.
        reading: Reading,
        /// Those that could not be decoded, since the last time somebody asked.
        lost: Arc<Mutex<Tally>>,
    },
}

/// An image as it is kept.
#[derive(Debug)]
pub(super) enum Stored<'a> {
    /// Of the set's shape.
    Packed(&'a [u8]),
    /// At least as large.
    Picture(Cow<'a, Picture>),
}

impl ImageSet {
    /// A set from its parts: `pixels` lies image by image as `[channels, height, width]`, with values from 0 to `scale`; the last
    /// `own_test` images are the set's own test split (0: it has none).
    ///
    /// # Errors
    /// [`DataError::Damaged`] if lengths disagree or a label or pixel is out of range.
    pub fn new(
        name: impl Into<String>,
        classes: Vec<String>,
        shape: ImageShape,
        scale: u8,
        pixels: Vec<u8>,
        labels: Vec<u16>,
        own_test: usize,
    ) -> Result<Self, DataError> {
        Self { scale, ..Self::unchecked(name.into(), classes, shape, Pixels::Packed(pixels), labels, own_test) }.checked()
    }

    /// A set of bytes from 0 to 255, wherever its pixels are.
    pub(super) fn with_pixels(
        name: &str,
        classes: Vec<String>,
        shape: ImageShape,
        pixels: Pixels,
        labels: Vec<u16>,
        own_test: usize,
    ) -> Result<Self, DataError> {
        Self::unchecked(name.to_owned(), classes, shape, pixels, labels, own_test).checked()
    }

    fn unchecked(name: String, classes: Vec<String>, shape: ImageShape, pixels: Pixels, labels: Vec<u16>, own_test: usize) -> Self {
        Self { name, classes, shape, scale: u8::MAX, pixels, labels, own_test, notes: Vec::new(), unreadable: Tally::default() }
    }

    fn checked(self) -> Result<Self, DataError> {
        match self.fault() {
            None => Ok(self),
            Some(fault) => Err(DataError::Damaged { set: self.name, fault }),
        }
    }

    /// With what was noticed in reading it.
    pub(super) fn noting(mut self, notes: Vec<String>, unreadable: Tally) -> Self {
        (self.notes, self.unreadable) = (notes, unreadable);
        self
    }

    fn fault(&self) -> Option<String> {
        let size: usize = self.shape.iter().product();
        if size == 0 || self.scale == 0 || self.classes.is_empty() {
            return Some("its shape, scale or list of classes is empty".into());
        }
        let counted = match &self.pixels {
            Pixels::Packed(pixels) => pixels.len(),
            Pixels::Pictures(pictures) => pictures.len() * size,
            Pixels::Files { paths, .. } => paths.len() * size,
        };
        if counted != self.labels.len() * size || self.own_test > self.labels.len() {
            let (pixels, labels, own) = (counted, self.labels.len(), self.own_test);
            return Some(format!("{pixels} pixels, {labels} labels and {own} test images do not belong together"));
        }
        if let Some(image) = self.labels.iter().position(|&label| usize::from(label) >= self.classes.len()) {
            return Some(format!("image {image} has label {}, of {} classes", self.labels[image], self.classes.len()));
        }
        let Pixels::Packed(pixels) = &self.pixels else { return None };
        let pixel = pixels.iter().position(|&pixel| pixel > self.scale)?;
        Some(format!("image {} has a pixel of {}, above {}", pixel / size, pixels[pixel], self.scale))
    }

    /// The set's name, as a preset spells it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The classes' names; a label is an index into them.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The shape of one image, `[channels, height, width]`.
    #[must_use]
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// The raw value of a pixel at full intensity: 16 for the digits, 255 for ordinary images.
    #[must_use]
    pub fn scale(&self) -> u8 {
        self.scale
    }

    /// How many images there are, the set's own test images included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// How many of the images (the last ones) are the set's own test split.
    #[must_use]
    pub fn own_test(&self) -> usize {
        self.own_test
    }

    /// What was noticed in reading the set, a line each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Files that cannot be read and were left out.
    #[must_use]
    pub fn unreadable(&self) -> &Tally {
        &self.unreadable
    }

    /// Whether images are decoded whenever they are asked for.
    #[must_use]
    pub fn is_streamed(&self) -> bool {
        matches!(self.pixels, Pixels::Files { .. })
    }

    /// The images that could not be decoded since the last time somebody asked; they count as the mean of all.
    #[must_use]
    pub fn take_lost(&self) -> Option<Tally> {
        let Pixels::Files { lost, .. } = &self.pixels else { return None };
        let lost = std::mem::take(&mut *lost.lock().unwrap_or_else(PoisonError::into_inner));
        (lost.count > 0).then_some(lost)
    }

    /// SHA-256 of shape, labels and pixels, in hexadecimal: two sets of one digest are the same images in the same order. Of a set that is
    /// decoded as it is asked for, names and lengths of the files stand for the pixels.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for number in self.shape.into_iter().chain([usize::from(self.scale), self.own_test, self.len()]) {
            hash.update((number as u64).to_le_bytes());
        }
        self.labels.iter().for_each(|label| hash.update(label.to_le_bytes()));
        match &self.pixels {
            Pixels::Packed(pixels) => hash.update(pixels),
            Pixels::Pictures(pictures) => pictures.iter().for_each(|picture| hash.update(&picture.pixels)),
            // To read them all would take as long as an epoch.
            Pixels::Files { root, paths, .. } => {
                for path in paths {
                    hash.update(path.strip_prefix(root).unwrap_or(path).to_string_lossy().as_bytes());
                    hash.update(std::fs::metadata(path).map_or(0, |file| file.len()).to_le_bytes());
                }
            }
        }
        hexadecimal(&hash.finalize())
    }

    pub(super) fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// One image as it is kept; none where its file cannot be decoded any more.
    pub(super) fn stored(&self, image: usize) -> Option<Stored<'_>> {
        match &self.pixels {
            Pixels::Packed(pixels) => {
                let size: usize = self.shape.iter().product();
                Some(Stored::Packed(&pixels[image * size..(image + 1) * size]))
            }
            Pixels::Pictures(pictures) => Some(Stored::Picture(Cow::Borrowed(&pictures[image]))),
            Pixels::Files { root, paths, reading, lost } => {
                let path = &paths[image];
                let read = reading.picture(path).and_then(|(picture, _)| {
                    let fits = reading.size > 0 || picture.shape == self.shape;
                    fits.then_some(picture).ok_or_else(|| "its size is another than before".to_owned())
                });
                let lose = |reason: String| {
                    let name = || format!("{} ({reason})", path.strip_prefix(root).unwrap_or(path).display());
                    lost.lock().unwrap_or_else(PoisonError::into_inner).add(name);
                };
                read.map(|picture| Stored::Picture(Cow::Owned(picture))).map_err(lose).ok()
            }
        }
    }

    /// The raw pixels of one image as they are evaluated, `[channels, height, width]`.
    pub(super) fn raw(&self, image: usize) -> Option<Cow<'_, [u8]>> {
        Some(match self.stored(image)? {
            Stored::Packed(pixels) => Cow::Borrowed(pixels),
            Stored::Picture(picture) if picture.shape == self.shape => match picture {
                Cow::Borrowed(picture) => Cow::Borrowed(picture.pixels.as_slice()),
                Cow::Owned(picture) => Cow::Owned(picture.pixels),
            },
            Stored::Picture(picture) => Cow::Owned(picture.into_owned().centre(self.shape[1]).pixels),
        })
    }
}

/// Bytes as digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(scale: u8, pixels: Vec<u8>, labels: Vec<u16>, own_test: usize) -> Result<ImageSet, DataError> {
        ImageSet::new("made", vec!["no".into(), "yes".into()], [1, 1, 2], scale, pixels, labels, own_test)
    }

    #[test]
    fn parts_that_contradict_each_other_are_named() {
        assert_eq!(*made(9, vec![0, 9, 3, 4], vec![0, 1], 1).unwrap().raw(1).unwrap(), [3, 4]);
        for (set, fault) in [
            (made(9, vec![0, 9, 3], vec![0, 1], 0), "3 pixels, 2 labels and 0 test images"),
            (made(9, vec![0, 9], vec![1], 2), "2 test images"),
            (made(9, vec![0, 9, 3, 4], vec![0, 2], 0), "image 1 has label 2, of 2 classes"),
            (made(9, vec![0, 9, 3, 10], vec![0, 1], 0), "image 1 has a pixel of 10, above 9"),
            (made(0, vec![], vec![], 0), "is empty"),
        ] {
            let message = set.unwrap_err().to_string();
            assert!(message.contains("`made`") && message.contains(fault), "{message}");
        }
    }
}
