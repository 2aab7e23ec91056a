//! The image sets that travel inside the program: what they are and how they are unpacked.

use super::{DataError, ImageSet, ImageShape, SplitPlan, TestPlan};
use std::{fmt, io::Read};

/// The image sets inside the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetName {
    /// UCI optical digits: 1,797 images of 8x8, values 0 to 16.
    Digits,
    /// A balanced part of Fashion-MNIST: 2,000 training and 500 test images of 28x28.
    Fashion,
}

/// One line of the table of embedded sets.
struct Embedded {
    text: &'static str,
    packed: &'static [u8],
    classes: [&'static str; 10],
    shape: ImageShape,
    scale: u8,
    images: usize,
    own_test: usize,
    plan: SplitPlan,
}

/// The classes of Fashion-MNIST.
pub(super) const FASHION_CLASSES: [&str; 10] =
    ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];

static DIGITS: Embedded = Embedded {
    text: "digits",
    packed: include_bytes!("embedded/digits.gz"),
    classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    shape: [1, 8, 8],
    scale: 16,
    images: 1797,
    own_test: 0,
    plan: SplitPlan { train: 0, select: 350, test: TestPlan::Held(347), seed: SplitPlan::SEED },
};

static FASHION: Embedded = Embedded {
    text: "fashion",
    packed: include_bytes!("embedded/fashion.gz"),
    classes: FASHION_CLASSES,
    shape: [1, 28, 28],
    scale: 255,
    images: 2500,
    own_test: 500,
    plan: SplitPlan { train: 0, select: 400, test: TestPlan::Own, seed: SplitPlan::SEED },
};

impl SetName {
    /// Every embedded set.
    pub const ALL: [Self; 2] = [Self::Digits, Self::Fashion];

    fn embedded(self) -> &'static Embedded {
        match self {
            Self::Digits => &DIGITS,
            Self::Fashion => &FASHION,
        }
    }

    /// The name as presets and command lines spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.embedded().text
    }

    /// The shape of one image, `[channels, height, width]`, known without unpacking the set.
    #[must_use]
    pub fn shape(self) -> ImageShape {
        self.embedded().shape
    }

    /// The classes' names, known without unpacking the set.
    #[must_use]
    pub fn classes(self) -> &'static [&'static str] {
        &self.embedded().classes
    }

    /// The split that is used where nothing else is asked for: digits 1,100 / 350 / 347; fashion 1,600 / 400 / its own 500.
    #[must_use]
    pub fn plan(self) -> SplitPlan {
        self.embedded().plan
    }
}

impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl ImageSet {
    /// Unpacks an embedded set.
    ///
    /// # Errors
    /// [`DataError::Unpack`] or [`DataError::Damaged`] if the bytes in the program are not what was put there.
    pub fn load(name: SetName) -> Result<Self, DataError> {
        let embedded = name.embedded();
        unpack(embedded, embedded.packed)
    }
}

/// Unpacks `packed`, which must hold exactly the images that the table speaks of: per image a label byte, then its pixels.
fn unpack(embedded: &Embedded, packed: &[u8]) -> Result<ImageSet, DataError> {
    let set = || embedded.text.to_owned();
    let size: usize = embedded.shape.iter().product();
    let expected = embedded.images * (1 + size);
    let mut records = Vec::with_capacity(expected);
    // One byte more than expected is enough to see that there are too many, and bounds what damaged data can unpack to.
    let mut unpacker = flate2::read::GzDecoder::new(packed).take(expected as u64 + 1);
    unpacker.read_to_end(&mut records).map_err(|source| DataError::Unpack { set: set(), source })?;
    if records.len() != expected {
        let fault = format!("it unpacks to {} bytes or more, not to {expected}", records.len());
        return Err(DataError::Damaged { set: set(), fault });
    }
    let labels = records.iter().step_by(1 + size).copied().map(u16::from).collect();
    let pixels = records.chunks_exact(1 + size).flat_map(|record| &record[1..]).copied().collect();
    let classes = embedded.classes.map(str::to_owned).to_vec();
    ImageSet::new(embedded.text, classes, embedded.shape, embedded.scale, pixels, labels, embedded.own_test)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn count(labels: &[u16]) -> [usize; 10] {
        labels.iter().fold([0; 10], |mut counts, &label| {
            counts[usize::from(label)] += 1;
            counts
        })
    }

    #[test]
    fn the_sets_are_what_their_readme_says() {
        let digits = ImageSet::load(SetName::Digits).unwrap();
        assert_eq!((digits.len(), digits.shape(), digits.scale(), digits.own_test()), (1797, [1, 8, 8], 16, 0));
        assert_eq!(count(digits.labels()), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        // The first image of the set as scikit-learn shows it: a zero.
        assert_eq!((digits.labels()[0], &digits.raw(0).unwrap()[..8]), (0, [0, 0, 5, 13, 9, 1, 0, 0].as_slice()));

        let fashion = ImageSet::load(SetName::Fashion).unwrap();
        assert_eq!((fashion.len(), fashion.shape(), fashion.scale(), fashion.own_test()), (2500, [1, 28, 28], 255, 500));
        assert_eq!(count(&fashion.labels()[..2000]), [200; 10]);
        assert_eq!(count(&fashion.labels()[2000..]), [50; 10]);
    }

    #[test]
    fn sets_are_as_their_names_say() {
        for name in SetName::ALL {
            let set = ImageSet::load(name).unwrap();
            assert_eq!((set.name(), set.shape(), set.classes().len()), (name.as_str(), name.shape(), name.classes().len()));
        }
    }

    #[test]
    fn torn_and_corrupt_bytes_are_errors() {
        let whole = DIGITS.packed;
        for torn in [0, 5, 20, whole.len() / 2, whole.len() - 1] {
            let error = unpack(&DIGITS, &whole[..torn]).unwrap_err();
            assert!(matches!(error, DataError::Unpack { .. }), "{torn}: {error}");
        }
        for place in (0..whole.len()).step_by(997).chain([whole.len() - 5]) {
            let mut corrupt = whole.to_vec();
            corrupt[place] ^= 0x55;
            // Only the time stamp and system byte of the header may change unseen.
            assert!(unpack(&DIGITS, &corrupt).is_err() || (4..10).contains(&place), "byte {place}");
        }
    }

    #[test]
    fn sound_gzip_of_the_wrong_size_or_content_is_an_error() {
        let pack = |bytes: &[u8]| {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(bytes).unwrap();
            packer.finish().unwrap()
        };
        let size = 1797 * 65;
        for (bytes, fault) in [
            (vec![0; size - 1], "not to 116805"),
            (vec![0; 100 * size], "116806 bytes or more"),
            (vec![10; size], "image 0 has label 10"),
            ([vec![9; size - 1], vec![17]].concat(), "image 1796 has a pixel of 17"),
        ] {
            let message = unpack(&DIGITS, &pack(&bytes)).unwrap_err().to_string();
            assert!(message.contains(fault), "{message}");
        }
    }
}
