//! An image set in memory: raw pixels, labels and what they mean, checked once on the way in.

use super::DataError;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// The shape of one image, `[channels, height, width]`.
pub type ImageShape = [usize; 3];

/// Labelled images as they came, before any split. The pixels can only be reached through [`ImageSet::split`].
#[derive(Debug, Clone)]
pub struct ImageSet {
    name: String,
    classes: Vec<String>,
    shape: ImageShape,
    scale: u8,
    pixels: Vec<u8>,
    labels: Vec<u16>,
    own_test: usize,
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
        let set = Self { name: name.into(), classes, shape, scale, pixels, labels, own_test };
        match set.fault() {
            None => Ok(set),
            Some(fault) => Err(DataError::Damaged { set: set.name, fault }),
        }
    }

    fn fault(&self) -> Option<String> {
        let size: usize = self.shape.iter().product();
        if size == 0 || self.scale == 0 || self.classes.is_empty() {
            return Some("its shape, scale or list of classes is empty".into());
        }
        if self.pixels.len() != self.labels.len() * size || self.own_test > self.labels.len() {
            let (pixels, labels, own) = (self.pixels.len(), self.labels.len(), self.own_test);
            return Some(format!("{pixels} pixels, {labels} labels and {own} test images do not belong together"));
        }
        if let Some(image) = self.labels.iter().position(|&label| usize::from(label) >= self.classes.len()) {
            return Some(format!("image {image} has label {}, of {} classes", self.labels[image], self.classes.len()));
        }
        let pixel = self.pixels.iter().position(|&pixel| pixel > self.scale)?;
        Some(format!("image {} has a pixel of {}, above {}", pixel / size, self.pixels[pixel], self.scale))
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

    /// SHA-256 of shape, labels and pixels, in hexadecimal: two sets of one digest are the same images in the same order.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for number in self.shape.into_iter().chain([usize::from(self.scale), self.own_test, self.len()]) {
            hash.update((number as u64).to_le_bytes());
        }
        self.labels.iter().for_each(|label| hash.update(label.to_le_bytes()));
        hash.update(&self.pixels);
        hash.finalize().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    pub(super) fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// The raw pixels of one image, `[channels, height, width]`.
    pub(super) fn raw(&self, image: usize) -> &[u8] {
        let size: usize = self.shape.iter().product();
        &self.pixels[image * size..(image + 1) * size]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(scale: u8, pixels: Vec<u8>, labels: Vec<u16>, own_test: usize) -> Result<ImageSet, DataError> {
        ImageSet::new("made", vec!["no".into(), "yes".into()], [1, 1, 2], scale, pixels, labels, own_test)
    }

    #[test]
    fn parts_that_contradict_each_other_are_named() {
        assert_eq!(made(9, vec![0, 9, 3, 4], vec![0, 1], 1).unwrap().raw(1), [3, 4]);
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
