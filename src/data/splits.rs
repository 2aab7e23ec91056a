//! The three splits: what each is for, how a set is shared out, and types that keep them apart.

use super::{DataError, ImageSet, Images, Normalisation};
use crate::random::{self, Purpose};
use rand::seq::SliceRandom;
use std::{fmt, sync::Arc};

/// Which of a set's three parts an image belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// Trains the super-network.
    Train,
    /// Ranks candidates.
    Select,
    /// Judges the winner, once.
    Test,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Train => "train",
            Self::Select => "select",
            Self::Test => "test",
        })
    }
}

/// Where the test split comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestPlan {
    /// So many images are held out. Test images that a set has of its own stay unused then.
    Held(usize),
    /// The test images that the set has of its own.
    Own,
}

/// How a set is shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitPlan {
    /// How many images train; 0: all that are left.
    pub train: usize,
    /// How many images rank candidates.
    pub select: usize,
    /// The test split.
    pub test: TestPlan,
    /// The split's own seed: it is not the run's, so that runs of different seeds are compared on the same images.
    pub seed: u64,
}

impl SplitPlan {
    /// The seed of the splits, where nothing else is asked for.
    pub const SEED: u64 = 0;
}

/// The images to train on. Cloning it copies no image.
#[derive(Debug, Clone)]
pub struct TrainSplit(Arc<Images>);

impl TrainSplit {
    /// The images.
    #[must_use]
    pub fn images(&self) -> &Images {
        &self.0
    }

    pub(super) fn shared(&self) -> Arc<Images> {
        Arc::clone(&self.0)
    }
}

/// The images to rank candidates on. Cloning it copies no image.
#[derive(Debug, Clone)]
pub struct SelectSplit(Arc<Images>);

impl SelectSplit {
    /// The images.
    #[must_use]
    pub fn images(&self) -> &Images {
        &self.0
    }
}

/// The test images, behind a seal that counts. It cannot be cloned, so every look at it is in its count.
#[derive(Debug)]
pub struct SealedTest {
    images: Images,
    reads: usize,
}

impl SealedTest {
    /// Breaks the seal: the images, and one more in [`SealedTest::reads`].
    #[must_use]
    pub fn open(&mut self) -> &Images {
        self.reads += 1;
        &self.images
    }

    /// How often the seal was broken.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.reads
    }
}

/// A set shared out.
///
/// Training takes the train split:
/// ```
/// # use pgnas::data::{Augment, DataError, ImageSet, Loader, SetName};
/// let splits = ImageSet::load(SetName::Digits)?.split(&SetName::Digits.plan())?;
/// Loader::new(&splits.train, 64, Augment::default(), 0)?;
/// # Ok::<(), DataError>(())
/// ```
/// and no other:
/// ```compile_fail
/// # use pgnas::data::{Augment, DataError, ImageSet, Loader, SetName};
/// let splits = ImageSet::load(SetName::Digits)?.split(&SetName::Digits.plan())?;
/// Loader::new(&splits.select, 64, Augment::default(), 0)?;
/// # Ok::<(), DataError>(())
/// ```
/// ```compile_fail
/// # use pgnas::data::{Augment, DataError, ImageSet, Loader, SetName};
/// let splits = ImageSet::load(SetName::Digits)?.split(&SetName::Digits.plan())?;
/// Loader::new(&splits.test, 64, Augment::default(), 0)?;
/// # Ok::<(), DataError>(())
/// ```
#[derive(Debug)]
pub struct Splits {
    /// The images to train on.
    pub train: TrainSplit,
    /// The images to rank on.
    pub select: SelectSplit,
    /// The images to judge the winner on.
    pub test: SealedTest,
    /// What all three are normalised with, measured on `train`.
    pub normalisation: Normalisation,
    set: Arc<ImageSet>,
    indices: [Vec<usize>; 3],
}

impl Splits {
    /// The set that was shared out.
    #[must_use]
    pub fn set(&self) -> &ImageSet {
        &self.set
    }

    /// The positions in the set of a split's images, ascending; the images of the split lie in this order. Their number can be
    /// asked for without opening the test split.
    #[must_use]
    pub fn indices(&self, split: Split) -> &[usize] {
        &self.indices[split as usize]
    }
}

impl ImageSet {
    /// Shares the images out, stratified by class: a class's part in each split is its part in the set, up to whole images. The
    /// result is a function of the plan; the test split depends on its own count and the seed only, not on `select`.
    ///
    /// # Errors
    /// [`DataError::SplitDoesNotFit`] if a split would have fewer images than there are classes, [`DataError::NoOwnTest`] if the
    /// plan wants test images that the set has not.
    pub fn split(self, plan: &SplitPlan) -> Result<Splits, DataError> {
        let indices = self.share_out(plan)?;
        let set = Arc::new(self);
        let normalisation = Normalisation::measure(&set, &indices[Split::Train as usize]);
        let images = |split| Images::normalised(&set, &indices[split as usize], &normalisation);
        Ok(Splits {
            train: TrainSplit(Arc::new(images(Split::Train))),
            select: SelectSplit(Arc::new(images(Split::Select))),
            test: SealedTest { images: images(Split::Test), reads: 0 },
            normalisation,
            set,
            indices,
        })
    }

    /// The indices of the three splits in the order of [`Split`], each ascending.
    fn share_out(&self, plan: &SplitPlan) -> Result<[Vec<usize>; 3], DataError> {
        let pool = self.len() - self.own_test();
        let (held, own) = match plan.test {
            TestPlan::Held(count) => (count, 0),
            TestPlan::Own => (0, self.own_test()),
        };
        let classes = self.classes().len();
        let left = pool.saturating_sub(plan.select).saturating_sub(held);
        let train = if plan.train == 0 { left } else { plan.train };
        if train > left && left >= classes {
            return Err(DataError::TrainDoesNotFit { set: self.name().into(), train, left });
        }
        let train = train.min(left);
        match plan.test {
            TestPlan::Own if own == 0 => return Err(DataError::NoOwnTest { set: self.name().into(), images: self.len() }),
            _ if [train, plan.select, held + own].iter().all(|&count| count >= classes) => {}
            _ => {
                let set = self.name().into();
                return Err(DataError::SplitDoesNotFit { set, pool, select: plan.select, test: held, train, classes });
            }
        }

        let mut members = vec![Vec::new(); classes];
        for (image, &label) in self.labels()[..pool].iter().enumerate() {
            members[usize::from(label)].push(image);
        }
        for (class, members) in members.iter_mut().enumerate() {
            members.shuffle(&mut random::stream(plan.seed, Purpose::Split, class as u64));
        }
        let mut test = take(&mut members, held);
        test.extend(self.len() - own..self.len());
        let select = take(&mut members, plan.select);
        let train = if plan.train == 0 { members.concat() } else { take(&mut members, plan.train) };
        let mut indices = [train, select, test];
        for split in &mut indices {
            split.sort_unstable();
        }
        Ok(indices)
    }
}

/// Takes `total` members away, from each class in proportion to what it has (largest remainders get what rounding leaves).
fn take(members: &mut [Vec<usize>], total: usize) -> Vec<usize> {
    let all: usize = members.iter().map(Vec::len).sum();
    let mut quotas: Vec<usize> = members.iter().map(|class| class.len() * total / all).collect();
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(members[class].len() * total % all));
    let left = total - quotas.iter().sum::<usize>();
    for class in order.into_iter().take(left) {
        quotas[class] += 1;
    }
    members.iter_mut().zip(quotas).flat_map(|(class, quota)| class.split_off(class.len() - quota)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SetName;

    const SPLITS: [Split; 3] = [Split::Train, Split::Select, Split::Test];

    /// FNV-1a over the splits' indices.
    fn checksum(splits: &Splits) -> u64 {
        let indices = SPLITS.into_iter().flat_map(|split| splits.indices(split).iter().chain([&usize::MAX]));
        indices
            .flat_map(|&index| (index as u64).to_le_bytes())
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
    }

    fn classes(set: &ImageSet, indices: &[usize]) -> Vec<usize> {
        (0..set.classes().len()).map(|class| indices.iter().filter(|&&image| usize::from(set.labels()[image]) == class).count()).collect()
    }

    #[test]
    fn every_image_is_in_one_split_and_every_split_has_its_count() {
        for (name, counts) in [(SetName::Digits, [1100, 350, 347]), (SetName::Fashion, [1600, 400, 500])] {
            let set = ImageSet::load(name).unwrap();
            let mut splits = set.clone().split(&name.plan()).unwrap();
            assert_eq!(SPLITS.map(|split| splits.indices(split).len()), counts);
            assert_eq!([splits.train.images().len(), splits.select.images().len(), splits.test.open().len()], counts);
            let mut all = SPLITS.map(|split| splits.indices(split)).concat();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..set.len()), "{name}");
        }
    }

    #[test]
    fn classes_keep_their_shares() {
        let fashion = ImageSet::load(SetName::Fashion).unwrap();
        let splits = fashion.clone().split(&SetName::Fashion.plan()).unwrap();
        assert_eq!(SPLITS.map(|split| classes(&fashion, splits.indices(split))), [vec![160; 10], vec![40; 10], vec![50; 10]]);
        assert!(splits.indices(Split::Test).iter().copied().eq(2000..2500));

        let digits = ImageSet::load(SetName::Digits).unwrap();
        let all = classes(&digits, &(0..digits.len()).collect::<Vec<_>>());
        for (select, test) in [(350, 347), (10, 10), (500, 10), (777, 333)] {
            let splits = digits.clone().split(&SplitPlan { train: 0, select, test: TestPlan::Held(test), seed: 3 }).unwrap();
            for split in SPLITS {
                let share = splits.indices(split).len() as f64 / digits.len() as f64;
                for (whole, part) in all.iter().zip(classes(&digits, splits.indices(split))) {
                    let off = part as f64 - *whole as f64 * share;
                    assert!(off.abs() < 2.0, "{split} of {select}/{test}: {off}");
                }
            }
        }
    }

    #[test]
    fn fewer_training_images_leave_the_other_splits_as_they_are() {
        let set = ImageSet::load(SetName::Fashion).unwrap();
        let plan = SetName::Fashion.plan();
        let (all, few) = (set.clone().split(&plan).unwrap(), set.clone().split(&SplitPlan { train: 400, ..plan }).unwrap());
        assert_eq!(classes(&set, few.indices(Split::Train)), [40; 10]);
        assert!(few.indices(Split::Train).iter().all(|image| all.indices(Split::Train).contains(image)));
        assert_eq!(
            [Split::Select, Split::Test].map(|split| few.indices(split)),
            [Split::Select, Split::Test].map(|split| all.indices(split))
        );
        let message = |train| set.clone().split(&SplitPlan { train, ..plan }).unwrap_err().to_string();
        assert_eq!(message(1601), "image set `fashion` leaves 1600 images to train on, not 1601; choose fewer, or 0 for all of them");
        assert!(message(9).contains("at least 10"));
    }

    #[test]
    fn the_split_is_a_function_of_the_plan() {
        let set = ImageSet::load(SetName::Digits).unwrap();
        let plan = SetName::Digits.plan();
        let split = |plan: SplitPlan| set.clone().split(&plan).unwrap();
        assert_eq!(checksum(&split(plan)), checksum(&split(plan)));
        // Pinned: accuracies of different versions can only be compared on the same images.
        assert_eq!(checksum(&split(plan)), 0x54e8_cc78_876f_1fec, "the split of the digits has changed");
        assert_ne!(checksum(&split(plan)), checksum(&split(SplitPlan { seed: 1, ..plan })));
        assert_eq!(split(plan).indices(Split::Test), split(SplitPlan { select: 200, ..plan }).indices(Split::Test));
    }

    #[test]
    fn normalisation_is_that_of_the_train_split() {
        for name in SetName::ALL {
            let mut splits = ImageSet::load(name).unwrap().split(&name.plan()).unwrap();
            let moments = |images: &Images| {
                let pixels = images.gather(&(0..images.len()).collect::<Vec<_>>()).images;
                let values = || pixels.iter().copied().map(f64::from);
                let mean = values().sum::<f64>() / pixels.len() as f64;
                (mean, values().map(|value| (value - mean).powi(2)).sum::<f64>() / pixels.len() as f64)
            };
            let (mean, variance) = moments(splits.train.images());
            assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-5, "{name}: {mean} {variance}");
            // The other splits are normalised with the same numbers, so theirs are near 0 and 1 but not equal.
            for (mean, variance) in [moments(splits.select.images()), moments(splits.test.open())] {
                assert!(mean.abs() > 1e-5 && mean.abs() < 0.1 && (variance - 1.0).abs() < 0.1, "{name}: {mean} {variance}");
            }
        }
    }

    #[test]
    fn the_seal_counts_its_openings() {
        let mut splits = ImageSet::load(SetName::Digits).unwrap().split(&SetName::Digits.plan()).unwrap();
        assert_eq!(splits.test.reads(), 0);
        let first = splits.test.open().labels().len();
        assert_eq!((first, splits.test.reads()), (347, 1));
        assert_eq!((splits.test.open().len(), splits.test.reads()), (347, 2));
    }

    #[test]
    fn counts_that_do_not_fit_are_named_with_a_remedy() {
        let set = ImageSet::load(SetName::Digits).unwrap();
        let message = |select, test| set.clone().split(&SplitPlan { train: 0, select, test, seed: 0 }).unwrap_err().to_string();
        assert_eq!(
            message(1500, TestPlan::Held(290)),
            "image set `digits` has 1797 images to share out: select 1500 and test 290 leave 7 to train on, \
             and every split needs at least 10 (one a class); choose counts that leave as many"
        );
        assert!(message(usize::MAX, TestPlan::Held(usize::MAX)).contains("leave 0 to train on"));
        assert!(message(9, TestPlan::Held(300)).contains("at least 10"));
        assert!(message(300, TestPlan::Held(0)).contains("at least 10"));
        assert!(message(350, TestPlan::Own).contains("has no test images of its own; hold a part of its 1797 images out"));
        let fashion = ImageSet::load(SetName::Fashion).unwrap();
        assert!(fashion.clone().split(&SplitPlan { train: 0, select: 1991, test: TestPlan::Own, seed: 0 }).is_err());
        assert!(fashion.split(&SplitPlan { train: 0, select: 1990, test: TestPlan::Own, seed: 0 }).is_ok());
    }
}
