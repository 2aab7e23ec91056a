//! Class folders of JPEG and PNG files: one's own, ImageNet, Tiny ImageNet.

use super::catalogue::missing;
use super::decode::{Conversion, decode, looks_whole};
use super::files::{self, list};
use super::picture::Picture;
use super::set::Pixels;
use super::tally::Tally;
use super::{DataError, ImageSet, ImageShape};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// How images in files are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Side of the square that an image becomes; 0: images stay as they are, and must be alike.
    pub size: usize,
    /// What the shorter side is brought to before the middle is taken; 0: `size`.
    pub resize: usize,
    /// So many bytes of decoded images are kept in memory; sets that need more are decoded as they are asked for.
    pub memory: usize,
    /// The share of unreadable files from which on a set is refused.
    pub unreadable: f64,
}

impl Default for Reading {
    fn default() -> Self {
        Self { size: 0, resize: 0, memory: 1 << 30, unreadable: 0.01 }
    }
}

impl Reading {
    /// Decodes a file to what is kept of it.
    pub(super) fn picture(&self, path: &Path) -> Result<(Picture, Option<Conversion>), String> {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        let (picture, conversion) = decode(&bytes, &ending(path))?;
        let side = self.resize.max(self.size);
        Ok((if side > 0 { picture.fit(side) } else { picture }, conversion))
    }
}

/// The files of a set by class.
#[derive(Debug, Default)]
pub struct Listing {
    /// The classes' names: those of their folders, in order.
    pub classes: Vec<String>,
    /// Images with their classes; the set's own test images come last.
    pub files: Vec<(PathBuf, u16)>,
    /// How many of the files are test images.
    pub own_test: usize,
    /// Folders of classes without an image, which are left out.
    pub empty: Tally,
    /// Files that are no images by their names, or of a class that is not trained.
    pub other: Tally,
}

impl Listing {
    /// What was left out, a line each.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        let empty =
            (self.empty.count > 0).then(|| format!("{} class folders have no image and are left out: {}", self.empty.count, self.empty));
        let other = || format!("{} files are no images of a known class and are left out: {}", self.other.count, self.other);
        empty.into_iter().chain((self.other.count > 0).then(other))
    }
}

/// Images that were converted, by what they were.
#[derive(Debug, Default)]
pub struct Converted(BTreeMap<Conversion, Tally>);

impl Converted {
    /// Counts an image.
    pub fn add(&mut self, conversion: Option<Conversion>, name: impl FnOnce() -> String) {
        if let Some(conversion) = conversion {
            self.0.entry(conversion).or_default().add(name);
        }
    }

    /// A line for each kind.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(kind, tally)| format!("{} images are {}, and were converted: {tally}", tally.count, kind.label()))
    }
}

/// Lists the files of a set; opens none of them.
///
/// # Errors
/// [`DataError::Missing`] where there are no class folders, [`DataError::OneClass`] for a single one.
pub fn listing(set: &str, place: &Path) -> Result<Listing, DataError> {
    let lacking = |what: &str| missing(set, place, what.to_owned());
    if !place.is_dir() {
        return Err(lacking("this is no folder"));
    }
    let train = place.join("train");
    let root = if train.is_dir() { train.as_path() } else { place };
    let mut listing = Listing::default();
    for (class, mut images) in by_class(root, &mut listing.other)? {
        if images.is_empty() {
            listing.empty.add(|| class);
            continue;
        }
        images.sort();
        let label = listing.classes.len() as u16;
        listing.classes.push(class);
        listing.files.extend(images.into_iter().map(|path| (path, label)));
    }
    match listing.classes.len() {
        0 => return Err(lacking("it has no class folders of .jpg or .png files")),
        1 => return Err(DataError::OneClass { place: root.display().to_string(), class: listing.classes.remove(0) }),
        _ => {}
    }
    if root != place {
        let tests = test_files(place, &listing.classes, &mut listing.other)?;
        listing.own_test = tests.len();
        listing.files.extend(tests);
    }
    Ok(listing)
}

/// Test images with their classes: class folders, or Tiny ImageNet's list.
fn test_files(place: &Path, classes: &[String], other: &mut Tally) -> Result<Vec<(PathBuf, u16)>, DataError> {
    let label = |class: &str| classes.iter().position(|known| known == class).map(|label| label as u16);
    for root in ["test", "val", "valid", "validation"].map(|name| place.join(name)).into_iter().filter(|root| root.is_dir()) {
        let notes = root.join("val_annotations.txt");
        let mut found = Vec::new();
        if let Ok(text) = std::fs::read_to_string(&notes) {
            for line in text.lines() {
                let mut words = line.split('\t');
                if let (Some(file), Some(label)) = (words.next(), words.next().and_then(label)) {
                    found.push((root.join("images").join(file), label));
                }
            }
        } else {
            for (class, images) in by_class(&root, other)? {
                match label(&class) {
                    Some(label) => found.extend(images.into_iter().map(|path| (path, label))),
                    None => images.into_iter().for_each(|path| other.add(|| shown(place, &path))),
                }
            }
        }
        if !found.is_empty() {
            found.sort();
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// The images below each folder of a folder, by the folder's name.
fn by_class(root: &Path, other: &mut Tally) -> Result<BTreeMap<String, Vec<PathBuf>>, DataError> {
    let mut classes = BTreeMap::new();
    for folder in list(root)?.into_iter().filter(|path| path.is_dir() && !files::name(path).starts_with('.')) {
        let mut images = Vec::new();
        let mut open = vec![folder.clone()];
        while let Some(inner) = open.pop() {
            for path in list(&inner)? {
                if path.is_dir() {
                    open.push(path);
                } else if matches!(ending(&path).as_str(), "jpg" | "jpeg" | "png") {
                    images.push(path);
                } else {
                    other.add(|| shown(root, &path));
                }
            }
        }
        classes.insert(files::name(&folder), images);
    }
    Ok(classes)
}

fn ending(path: &Path) -> String {
    path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// A path as it is told: from the root of its set on.
#[must_use]
pub fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// The shape of a set's images without reading more than one.
///
/// # Errors
/// Where none can be read.
pub fn shape(set: &str, place: &Path, listing: &Listing, reading: &Reading) -> Result<ImageShape, DataError> {
    if reading.size > 0 {
        return Ok([3, reading.size, reading.size]);
    }
    let first = listing.files.iter().find_map(|(path, _)| reading.picture(path).ok());
    first.map(|(picture, _)| picture.shape).ok_or_else(|| missing(set, place, "none of its images can be read".into()))
}

/// Reads a set: into memory where it fits, else only far enough to know that its files are whole.
///
/// # Errors
/// Those of [`listing`]; [`DataError::TooManyUnreadable`]; images of several sizes where none is asked for.
pub fn load(set: &str, place: &Path, reading: &Reading) -> Result<ImageSet, DataError> {
    let listing = listing(set, place)?;
    let shape = shape(set, place, &listing, reading)?;
    let side = reading.resize.max(reading.size);
    // An image of 3 : 2, as photographs are.
    let each = if side > 0 { 9 * side * side / 2 } else { shape.iter().product() };
    let streamed = each.saturating_mul(listing.files.len()) > reading.memory;

    let read = |(path, _): &(PathBuf, u16)| -> Result<(Option<Picture>, Option<Conversion>), String> {
        if streamed && is_whole(path).map_err(|error| error.to_string())? {
            return Ok((None, None));
        }
        let (picture, conversion) = reading.picture(path)?;
        if reading.size == 0 && picture.shape != shape {
            let [_, height, width] = picture.shape;
            return Err(format!("it is {width}x{height}, others {}x{}: set data.size", shape[2], shape[1]));
        }
        Ok(((!streamed).then_some(picture), conversion))
    };
    let results: Vec<_> = listing.files.par_iter().map(read).collect();

    let (total, first_test) = (listing.files.len(), listing.files.len() - listing.own_test);
    let mut failed = Tally::default();
    let mut converted = Converted::default();
    let mut left_out: Vec<String> = listing.notes().collect();
    let (mut paths, mut pictures, mut labels, mut own_test) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for (position, (result, (path, label))) in results.into_iter().zip(listing.files).enumerate() {
        match result {
            Err(reason) => failed.add(|| format!("{} ({reason})", shown(place, &path))),
            Ok((picture, conversion)) => {
                converted.add(conversion, || shown(place, &path));
                pictures.extend(picture);
                labels.push(label);
                own_test += usize::from(position >= first_test);
                paths.push(path);
            }
        }
    }
    if failed.count as f64 > reading.unreadable * total as f64 {
        return Err(DataError::TooManyUnreadable { place: place.display().to_string(), failed, total, limit: reading.unreadable });
    }
    let mut notes = Vec::new();
    if failed.count > 0 {
        notes.push(format!("{} of {total} images cannot be read and are left out: {failed}", failed.count));
    }
    notes.extend(converted.notes());
    notes.append(&mut left_out);
    let pixels = if streamed {
        Pixels::Files { root: place.to_owned(), paths, reading: reading.clone(), lost: std::sync::Arc::default() }
    } else if pictures.iter().all(|picture| picture.shape == shape) {
        Pixels::Packed(pictures.into_iter().flat_map(|picture| picture.pixels).collect())
    } else {
        Pixels::Pictures(pictures)
    };
    ImageSet::with_pixels(set, listing.classes, shape, pixels, labels, own_test).map(|set| set.noting(notes, failed))
}

/// Whether head and tail of a file are as its format wants them.
fn is_whole(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    file.by_ref().take(16).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(length.saturating_sub(64)))?;
    file.read_to_end(&mut tail)?;
    Ok(looks_whole(&head, &tail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Augment, Loader, Prefetch, SplitPlan, TestPlan};
    use image::{ImageBuffer, Rgb};

    /// 12 images in 2 classes, of several sizes.
    fn folder() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (class, tint) in [("cat", 40u8), ("dog", 160)] {
            std::fs::create_dir(root.path().join(class)).unwrap();
            for image in 0..6u32 {
                let picture = ImageBuffer::from_fn(20 + image, 24, |x, y| Rgb([tint, (x * 9) as u8, (y * 9 + image) as u8]));
                picture.save(root.path().join(class).join(format!("{image}.{}", if image % 2 == 0 { "png" } else { "jpg" }))).unwrap();
            }
        }
        root
    }

    #[test]
    fn a_set_in_memory_and_one_that_is_streamed_give_the_same_batches() {
        let root = folder();
        let batches = |memory| {
            let reading = Reading { size: 16, resize: 18, memory, unreadable: 0.0 };
            let set = load("folder", root.path(), &reading).unwrap();
            assert_eq!((set.len(), set.shape(), set.is_streamed()), (12, [3, 16, 16], memory == 1));
            let splits = set.split(&SplitPlan { train: 0, select: 2, test: TestPlan::Held(2), seed: 0 }).unwrap();
            let augment = Augment { rotation: 10.0, crop: 0.3, jitter: 0.5, flip: true, ..Augment::OFF };
            let loader = Loader::new(&splits.train, 4, augment, 1).unwrap().on_threads(3).unwrap();
            let trained: Vec<_> = (0..2).flat_map(|epoch| Prefetch::new(loader.epoch(epoch), 2).unwrap()).collect();
            (trained, splits.select.images().gather(&[0, 1]), splits.normalisation)
        };
        let (memory, streamed) = (batches(1 << 30), batches(1));
        assert_eq!(memory, streamed);
        assert_ne!(memory.0[0], memory.0[2], "another epoch, another batch");
    }

    #[test]
    fn images_that_vanish_are_counted_and_stand_as_the_mean() {
        let root = folder();
        let reading = Reading { size: 16, resize: 0, memory: 1, unreadable: 0.0 };
        let set = load("folder", root.path(), &reading).unwrap();
        let splits = set.split(&SplitPlan { train: 0, select: 2, test: TestPlan::Held(2), seed: 0 }).unwrap();
        let loader = Loader::new(&splits.train, 8, Augment::OFF, 1).unwrap();
        assert_eq!(loader.take_lost(), None);
        for image in ["0.png", "2.png", "4.png"] {
            std::fs::write(root.path().join("cat").join(image), "").unwrap();
            std::fs::remove_file(root.path().join("dog").join(image)).unwrap();
        }
        let batch = loader.epoch(0).next().unwrap();
        let lost = batch.images.chunks(768).filter(|image| image.iter().all(|&pixel| pixel == 0.0)).count();
        let told = loader.take_lost().unwrap();
        assert!(lost > 0 && told.starts_with(&format!("{lost} images could not be decoded")) && told.contains(".png ("), "{lost}: {told}");
        assert_eq!(loader.take_lost(), None);
    }

    #[test]
    fn trees_of_imagenet_and_tiny_imagenet_have_their_own_tests() {
        for tiny in [true, false] {
            let root = tempfile::tempdir().unwrap();
            let image = ImageBuffer::from_pixel(8, 8, Rgb([1u8, 2, 3]));
            let save = |path: &str| {
                let path = root.path().join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                image.save(path).unwrap();
            };
            for class in ["n01", "n02"] {
                (0..3).for_each(|image| save(&format!("train/{class}/images/{image}.png")));
            }
            if tiny {
                save("val/images/a.png");
                save("val/images/b.png");
                std::fs::write(root.path().join("val/val_annotations.txt"), "a.png\tn02\t0\nb.png\tn01\t0\n").unwrap();
            } else {
                save("val/n01/a.png");
                save("val/n02/b.png");
                save("val/n03/c.png");
            }
            let set = load("tiny-imagenet", root.path(), &Reading { size: 8, ..Reading::default() }).unwrap();
            assert_eq!((set.len(), set.own_test(), set.classes()), (8, 2, ["n01".to_owned(), "n02".to_owned()].as_slice()));
            assert_eq!(set.labels()[6..], if tiny { [1, 0] } else { [0, 1] });
            assert_eq!(set.notes().iter().filter(|note| note.contains("n03")).count(), usize::from(!tiny));
        }
    }
}
