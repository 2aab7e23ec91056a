//! The image sets that presets can name: those inside the program, and those that are read from files.

use super::folder::{self, Reading};
use super::{DataError, ImageSet, ImageShape, SetName, cifar, idx};
use std::path::Path;
use std::str::FromStr;

/// An image set by its name.
#[derive(Debug, Clone, Copy)]
pub enum Known {
    /// Inside the program.
    Embedded(SetName),
    /// In files.
    Files(&'static FileSet),
}

/// An image set that is read from files: a line of the table.
#[derive(Debug)]
pub struct FileSet {
    name: &'static str,
    layout: Layout,
    shape: ImageShape,
    classes: &'static [&'static str],
    /// Of class folders: how many classes there are known to be; 0: as many as there are folders.
    folders: usize,
}

/// What is known of a set without reading its images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// The shape of one image, `[channels, height, width]`.
    pub shape: ImageShape,
    /// The classes' names.
    pub classes: Vec<String>,
}

/// How the files of a set are laid out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layout {
    Cifar(&'static cifar::Layout),
    Idx,
    Folders,
}

const CIFAR_SHAPE: ImageShape = [3, 32, 32];
const IDX_SHAPE: ImageShape = [1, 28, 28];
/// Their size is a preset's choice.
const FOLDER_SHAPE: ImageShape = [3, 0, 0];

/// Every set that is read from files.
pub static FILE_SETS: [FileSet; 7] = [
    FileSet { name: "cifar10", layout: Layout::Cifar(&cifar::CIFAR10), shape: CIFAR_SHAPE, classes: &CIFAR10_CLASSES, folders: 0 },
    FileSet { name: "cifar100", layout: Layout::Cifar(&cifar::CIFAR100), shape: CIFAR_SHAPE, classes: &CIFAR100_CLASSES, folders: 0 },
    FileSet { name: "mnist", layout: Layout::Idx, shape: IDX_SHAPE, classes: &MNIST_CLASSES, folders: 0 },
    FileSet { name: "fashion-mnist", layout: Layout::Idx, shape: IDX_SHAPE, classes: &super::embedded::FASHION_CLASSES, folders: 0 },
    FileSet { name: "imagenet", layout: Layout::Folders, shape: FOLDER_SHAPE, classes: &[], folders: 1000 },
    FileSet { name: "tiny-imagenet", layout: Layout::Folders, shape: FOLDER_SHAPE, classes: &[], folders: 200 },
    FileSet { name: "folder", layout: Layout::Folders, shape: FOLDER_SHAPE, classes: &[], folders: 0 },
];

const MNIST_CLASSES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

const CIFAR10_CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

#[rustfmt::skip]
const CIFAR100_CLASSES: [&str; 100] = [
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
    "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
    "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
    "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard",
    "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain",
    "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree",
    "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket",
    "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
    "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
    "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
];

impl FileSet {
    /// How its files are laid out.
    pub(super) fn layout(&self) -> Layout {
        self.layout
    }
}

impl Known {
    /// Every set, for lists and for suggesting the nearest name.
    pub fn all() -> impl Iterator<Item = Self> {
        SetName::ALL.into_iter().map(Self::Embedded).chain(FILE_SETS.iter().map(Self::Files))
    }

    /// The name as presets and command lines spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embedded(name) => name.as_str(),
            Self::Files(set) => set.name,
        }
    }

    /// What is known of the set without reading more than one image; `place` is where it lies, if it is read from files.
    ///
    /// # Errors
    /// [`DataError`] for class folders that are not there, or whose images cannot be read.
    pub fn outline(self, place: &Path, reading: &Reading) -> Result<Outline, DataError> {
        let names = |classes: &[&str]| classes.iter().map(ToString::to_string).collect();
        let set = match self {
            Self::Embedded(name) => return Ok(Outline { shape: name.shape(), classes: names(name.classes()) }),
            Self::Files(set) => set,
        };
        if !matches!(set.layout, Layout::Folders) {
            return Ok(Outline { shape: set.shape, classes: names(set.classes) });
        }
        // Of what is known by its name, the network can be built before the images are there.
        if set.folders > 0 && reading.size > 0 && !place.exists() {
            let classes = (0..set.folders).map(|class| class.to_string()).collect();
            return Ok(Outline { shape: [3, reading.size, reading.size], classes });
        }
        let listing = folder::listing(set.name, place)?;
        Ok(Outline { shape: folder::shape(set.name, place, &listing, reading)?, classes: listing.classes })
    }

    /// Loads the set; `place` is the folder or the archive of one that is read from files.
    ///
    /// # Errors
    /// [`DataError`] that names the file and what is wrong with it.
    pub fn load(self, place: &Path, reading: &Reading) -> Result<ImageSet, DataError> {
        let set = match self {
            Self::Embedded(name) => return ImageSet::load(name),
            Self::Files(set) => set,
        };
        let parts = match set.layout {
            Layout::Cifar(layout) => cifar::read(set.name, layout, place)?,
            Layout::Idx => idx::read(set.name, set.shape, place)?,
            Layout::Folders => return folder::load(set.name, place, reading),
        };
        let classes = set.classes.iter().map(ToString::to_string).collect();
        ImageSet::new(set.name, classes, set.shape, u8::MAX, parts.pixels, parts.labels, parts.own_test)
    }
}

impl FromStr for Known {
    type Err = DataError;

    fn from_str(name: &str) -> Result<Self, DataError> {
        let known = || Self::all().map(Self::as_str).collect::<Vec<_>>().join(", ");
        Self::all().find(|set| set.as_str() == name).ok_or_else(|| DataError::UnknownSet { name: name.into(), known: known() })
    }
}

/// The error for a set whose files are not there.
pub fn missing(set: &str, place: &Path, lacking: String) -> DataError {
    let fetched = super::fetch::is_published(set);
    let remedy = if fetched {
        format!("`pgnas data fetch {set}` brings it, `--data PATH` or the key data.path names another place")
    } else {
        "`--data PATH` or the key data.path names its place".into()
    };
    let lacking = if place.exists() { lacking } else { "there is no such folder or file".into() };
    DataError::Missing { set: set.into(), place: place.display().to_string(), lacking, remedy }
}

/// What a reader of files brings: training images first, then the set's own test images.
#[derive(Debug, Default)]
pub struct Parts {
    /// Image by image, `[channels, height, width]`.
    pub pixels: Vec<u8>,
    /// The class of each.
    pub labels: Vec<u16>,
    /// How many of them, the last ones, are test images.
    pub own_test: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_unknown_ones_list_the_known() {
        for known in Known::all() {
            assert_eq!(known.as_str().parse::<Known>().unwrap().as_str(), known.as_str());
        }
        let message = "digit".parse::<Known>().unwrap_err().to_string();
        assert_eq!(
            message,
            "there is no image set `digit`; known sets: digits, fashion, cifar10, cifar100, mnist, fashion-mnist, imagenet, tiny-imagenet, folder"
        );
        assert!(CIFAR100_CLASSES.is_sorted());
    }
}
