//! MNIST and its likes: four IDX files, plain or by gzip.

use super::catalogue::Parts;
use super::files::{self, gunzip};
use super::{DataError, ImageShape};
use std::path::Path;

/// What the names of the four files begin with: images and labels to train on, then to test on.
const PREFIXES: [&str; 4] = ["train-images", "train-labels", "t10k-images", "t10k-labels"];

/// Whether a file's name is that of one of the four.
#[must_use]
pub fn is_name(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Reads a set.
///
/// # Errors
/// [`DataError`] with the file at fault.
pub fn read(set: &str, shape: ImageShape, place: &Path) -> Result<Parts, DataError> {
    let mut found = files::read(place, &is_name)?;
    let mut parts = Parts::default();
    for prefixes in PREFIXES.chunks(2) {
        let [images, labels] = [prefixes[0], prefixes[1]].map(|prefix| {
            // A plain file stands before its compressed twin.
            let name = found.keys().filter(|name| name.starts_with(prefix)).min_by_key(|name| name.len())?.clone();
            let bytes = found.remove(&name)?;
            Some((name, bytes))
        });
        let lacking = |prefix: &str| super::catalogue::missing(set, place, format!("there is no file {prefix}-…"));
        let (images, labels) = (images.ok_or_else(|| lacking(prefixes[0]))?, labels.ok_or_else(|| lacking(prefixes[1]))?);
        let images = Idx::parse(&images.0, gunzip(&images.0, images.1)?)?;
        let labels = Idx::parse(&labels.0, gunzip(&labels.0, labels.1)?)?;
        let count = images.dimensions.first().copied().unwrap_or_default();
        let [_, height, width] = shape;
        if images.dimensions != [count, height, width] || labels.dimensions != [count] {
            let fault = format!(
                "its images are {:?} and its labels {:?}, not [{count}, {height}, {width}] and [{count}]",
                images.dimensions, labels.dimensions
            );
            return Err(DataError::Damaged { set: set.into(), fault });
        }
        parts.pixels.extend(images.values);
        parts.labels.extend(labels.values.into_iter().map(u16::from));
        parts.own_test = count;
    }
    Ok(parts)
}

/// The bytes of an IDX file with their dimensions.
#[derive(Debug, PartialEq, Eq)]
pub struct Idx {
    /// Slowest first.
    pub dimensions: Vec<usize>,
    /// As many as the product of the dimensions.
    pub values: Vec<u8>,
}

impl Idx {
    /// Reads a file of unsigned bytes.
    ///
    /// # Errors
    /// [`DataError::Unreadable`] for anything else.
    pub fn parse(name: &str, mut bytes: Vec<u8>) -> Result<Self, DataError> {
        let fault = |fault: String| files::unreadable(Path::new(name), &fault);
        let &[0, 0, 8, order, ..] = bytes.as_slice() else {
            return Err(fault("it is no IDX file of unsigned bytes".into()));
        };
        let head = 4 + 4 * usize::from(order);
        let sizes = bytes.get(4..head).ok_or_else(|| fault("it is torn".into()))?.chunks_exact(4);
        let dimensions: Vec<usize> = sizes.map(|size| size.iter().fold(0, |size, &byte| size << 8 | usize::from(byte))).collect();
        let expected = dimensions.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        if expected != Some(bytes.len() - head) {
            return Err(fault(format!("it holds {} values, not those of its dimensions {dimensions:?}", bytes.len() - head)));
        }
        Ok(Self { dimensions, values: bytes.split_off(head) })
    }
}

#[cfg(test)]
mod tests {
    use crate::data::Known;
    use std::io::Write as _;

    fn idx(dimensions: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
        dimensions.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    /// 20 training and 10 test images, one grey each.
    fn folder(packed: bool, separator: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (prefix, count, first) in [("train", 20u8, 0u8), ("t10k", 10, 100)] {
            let pixels: Vec<u8> = (0..count).flat_map(|image| [first + image; 784]).collect();
            let labels: Vec<u8> = (0..count).map(|image| image % 10).collect();
            for (kind, order, bytes) in [("images", 3, idx(&[count.into(), 28, 28], &pixels)), ("labels", 1, idx(&[count.into()], &labels))]
            {
                let name = format!("{prefix}-{kind}{separator}idx{order}-ubyte{}", if packed { ".gz" } else { "" });
                std::fs::write(folder.path().join(name), if packed { gzip(&bytes) } else { bytes }).unwrap();
            }
        }
        folder
    }

    #[test]
    fn plain_and_packed_files_are_the_same_set() {
        let set = |folder: &tempfile::TempDir| "mnist".parse::<Known>().unwrap().load(folder.path()).unwrap();
        let (plain, packed) = (set(&folder(false, ".")), set(&folder(true, "-")));
        assert_eq!((plain.len(), plain.own_test(), plain.shape()), (30, 10, [1, 28, 28]));
        assert_eq!((plain.labels()[13], plain.raw(13)[0], plain.raw(20)[783]), (3, 13, 100));
        assert_eq!(plain.digest(), packed.digest());
    }

    #[test]
    fn what_is_missing_or_torn_is_named() {
        let folder = folder(true, "-");
        let load = || "fashion-mnist".parse::<Known>().unwrap().load(folder.path()).unwrap_err().to_string();
        let labels = folder.path().join("t10k-labels-idx1-ubyte.gz");
        for (bytes, expected) in [
            (gzip(&idx(&[9], &[0; 9])), "`fashion-mnist` is damaged: its images are [10, 28, 28] and its labels [9]"),
            (gzip(&idx(&[10], &[0; 9])), "t10k-labels-idx1-ubyte.gz: cannot be read (it holds 9 values, not those of its dimensions [10])"),
            (gzip(&idx(&[10], &[10; 10])), "image 20 has label 10, of 10 classes"),
            (gzip(b"no idx at all"), "it is no IDX file"),
            (gzip(&[0, 0, 8, 2, 0, 0]), "it is torn"),
            (gzip(&idx(&[10], &[0; 10]))[..15].to_vec(), "t10k-labels-idx1-ubyte.gz: cannot be read ("),
        ] {
            std::fs::write(&labels, bytes).unwrap();
            let message = load();
            assert!(message.contains(expected) && !message.contains('\n'), "{message}");
        }
        std::fs::remove_file(&labels).unwrap();
        let message = load();
        assert!(message.contains("there is no file t10k-labels-…; put its published files there"), "{message}");
    }
}
