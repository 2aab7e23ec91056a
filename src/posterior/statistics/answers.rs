//! Which images a network gets right, packed so that whole tables of networks are compared by counting bits.

use super::Discordant;

/// One bit an image: right or wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answers {
    words: Vec<u64>,
    images: usize,
}

impl Answers {
    /// From one flag an image, in the order of the split.
    #[must_use]
    pub fn new(right: &[bool]) -> Self {
        let word = |flags: &[bool]| flags.iter().rev().fold(0, |word, &flag| word << 1 | u64::from(flag));
        Self { words: right.chunks(64).map(word).collect(), images: right.len() }
    }

    /// Images asked.
    #[must_use]
    pub fn images(&self) -> usize {
        self.images
    }

    /// Whether the image at a position was right; false beyond the last.
    #[must_use]
    pub fn is_right(&self, image: usize) -> bool {
        self.words.get(image / 64).is_some_and(|word| word >> (image % 64) & 1 == 1)
    }

    /// Images right.
    #[must_use]
    pub fn right(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The share of images that are right; 0 for none.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.right() as f64 / self.images.max(1) as f64
    }

    /// Images right among those that are set in another.
    #[must_use]
    pub fn right_within(&self, among: &Self) -> usize {
        self.pairs(among).map(|(own, among)| (own & among).count_ones() as usize).sum()
    }

    /// The images on which two networks differ.
    #[must_use]
    pub fn discordant(&self, other: &Self) -> Discordant {
        let count = |differ: fn(u64, u64) -> u64| self.pairs(other).map(|(own, other)| u64::from(differ(own, other).count_ones())).sum();
        Discordant { only_left: count(|own, other| own & !other), only_right: count(|own, other| other & !own) }
    }

    fn pairs(&self, other: &Self) -> impl Iterator<Item = (u64, u64)> {
        self.words.iter().copied().zip(other.words.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_counts_are_those_of_the_flags(pairs in proptest::collection::vec(any::<(bool, bool)>(), 0..200)) {
            let (left, right): (Vec<bool>, Vec<bool>) = pairs.iter().copied().unzip();
            let (a, b) = (Answers::new(&left), Answers::new(&right));
            let count = |wanted: fn(&(bool, bool)) -> bool| pairs.iter().filter(|pair| wanted(pair)).count();
            prop_assert_eq!((a.images(), a.right()), (pairs.len(), count(|pair| pair.0)));
            prop_assert_eq!(a.right_within(&b), count(|pair| pair.0 && pair.1));
            let Discordant { only_left, only_right } = a.discordant(&b);
            prop_assert_eq!((only_left as usize, only_right as usize), (count(|pair| pair.0 && !pair.1), count(|pair| pair.1 && !pair.0)));
            prop_assert!((0..210).all(|image| a.is_right(image) == left.get(image).copied().unwrap_or(false)));
        }
    }
}
