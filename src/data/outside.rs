//! How somebody without this program comes by the images of a set: which stands at which position, and how its bytes become numbers.

use super::catalogue::{Known, Layout};
use super::embedded::SetName;

/// The way to the pixels of some images of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outside {
    /// What the positions count, and how bytes become numbers from 0 to 1, in whole sentences.
    pub words: &'static str,
    /// Python that makes `pixels`, `[images, channels, height, width]`, of the positions in `select`; `numpy` is at hand. None where no
    /// few lines do.
    pub python: Option<&'static str>,
}

impl Known {
    /// How somebody without this program comes by the images of this set.
    #[must_use]
    pub fn outside(self) -> Outside {
        match self {
            Self::Embedded(SetName::Digits) => DIGITS,
            Self::Embedded(SetName::Fashion) => FASHION,
            Self::Files(set) => match (set.layout(), self.as_str()) {
                (Layout::Cifar(_), "cifar10") => CIFAR10,
                (Layout::Cifar(_), _) => CIFAR100,
                (Layout::Idx, "mnist") => MNIST,
                (Layout::Idx, _) => FASHION_MNIST,
                (Layout::Folders, _) => FOLDERS,
            },
        }
    }
}

const DIGITS: Outside = Outside {
    words: "Positions count the images of scikit-learn's `load_digits()`. Their values go from 0 to 16, not to 255, and are divided by 16.",
    python: Some("from sklearn.datasets import load_digits\npixels = (load_digits().images[select] / 16).astype(\"float32\")[:, None]\n"),
};

const FASHION: Outside = Outside {
    words: "Positions count the images of `src/data/embedded/fashion.gz` in the sources of pgnas, a part of Fashion-MNIST: unpacked, a byte of \
            the class and 784 of pixels for each image. The bytes of pixels are divided by 255.",
    python: Some(
        "import gzip\nrecords = numpy.frombuffer(gzip.open(\"fashion.gz\").read(), \"uint8\").reshape(-1, 785)\n\
         pixels = (records[select, 1:] / 255).astype(\"float32\").reshape(-1, 1, 28, 28)\n",
    ),
};

const CIFAR10: Outside = Outside {
    words: "Positions count the images of `data_batch_1` to `data_batch_5`, then of `test_batch`, each in the order of its file, as torchvision's \
            training images are. Bytes are divided by 255; the channels are red, green, blue.",
    python: Some(
        "from torchvision.datasets import CIFAR10\n\
         pixels = (CIFAR10(\"data\", download=True).data[select] / 255).astype(\"float32\").transpose(0, 3, 1, 2)\n",
    ),
};

const CIFAR100: Outside = Outside {
    words: "Positions count the images of the file `train`, then of `test`, in their order, as torchvision's training images are; the classes are \
            the fine ones. Bytes are divided by 255; the channels are red, green, blue.",
    python: Some(
        "from torchvision.datasets import CIFAR100\n\
         pixels = (CIFAR100(\"data\", download=True).data[select] / 255).astype(\"float32\").transpose(0, 3, 1, 2)\n",
    ),
};

const MNIST: Outside = Outside {
    words: "Positions count the images of the file `train-images`, then of `t10k-images`, in their order, as torchvision's training images are. \
            Bytes are divided by 255.",
    python: Some(
        "from torchvision.datasets import MNIST\n\
         pixels = (MNIST(\"data\", download=True).data.numpy()[select] / 255).astype(\"float32\")[:, None]\n",
    ),
};

const FASHION_MNIST: Outside = Outside {
    words: MNIST.words,
    python: Some(
        "from torchvision.datasets import FashionMNIST\n\
         pixels = (FashionMNIST(\"data\", download=True).data.numpy()[select] / 255).astype(\"float32\")[:, None]\n",
    ),
};

const FOLDERS: Outside = Outside {
    words: "Positions count the images of the class folders (those below `train` where there is one) in the order of their names, within a folder \
            in the order of their paths, those that cannot be read left out. An image is brought to `data.resize` of `config.toml` by its shorter \
            side and its middle of `data.size` taken, where these are given; bytes are divided by 255; the channels are red, green, blue. \
            Another program resizes a little otherwise, so that some images may be judged otherwise.",
    python: None,
};

#[cfg(test)]
mod tests {
    use super::*;

    /// What the words and the Python of each set divide by is the scale that its images have in here.
    #[test]
    fn every_set_says_how_its_bytes_become_numbers_and_where_its_images_stand() {
        for known in Known::all() {
            let Outside { words, python } = known.outside();
            let scale = if let Known::Embedded(name) = known { crate::data::ImageSet::load(name).unwrap().scale() } else { u8::MAX };
            assert!(words.starts_with("Positions count the images of ") && words.contains(&format!("divided by {scale}")), "{known:?}");
            if let Some(python) = python {
                assert!(python.contains("[select") && python.contains(&format!("/ {scale})")) && python.contains("float32"), "{known:?}");
                assert!(python.ends_with('\n') && python.lines().all(|line| !line.starts_with(' ')), "{known:?}");
            }
        }
        assert_eq!(Known::all().filter(|known| known.outside().python.is_none()).count(), 3, "class folders alone");
    }
}
