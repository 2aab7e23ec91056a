//! Seeded random streams: every draw of a run is a function of (seed, purpose, index).

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a stream is drawn for. Two purposes never share random numbers, so that adding draws to one leaves the others as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Purpose {
    /// The split of a data set into train, select and test.
    Split = 1,
    /// Initial weights; index = position of the parameter in the graph.
    Initialise = 2,
    /// The order of training images; index = epoch.
    Shuffle = 3,
    /// Shift, mirroring and cutout of training images; index = epoch times 2^32 plus image.
    Augment = 4,
    /// Logistic noise of the relaxed masks; index = step.
    Mask = 5,
    /// Hard masks of posterior candidates; index = candidate.
    Candidate = 6,
    /// Hard masks of random candidates; index = candidate.
    RandomCandidate = 7,
    /// Training images used to re-estimate batch-norm statistics.
    Recalibrate = 8,
    /// Bootstrap and permutation draws of the statistics.
    Resample = 9,
    /// Hard masks of uniform candidates; index = candidate.
    UniformCandidate = 10,
    /// Fresh masks at a constant rate; index = evaluation.
    ConstantRate = 11,
    /// The order of select images in a race.
    Race = 12,
    /// Shake noise and drop-path; index = step.
    Noise = 13,
    /// Paths of the warm-up of a categorical posterior; index = step, or choice and round.
    WarmUp = 20,
    /// Cells drawn to be looked up in a table.
    Correlate = 21,
    /// Hard masks that are only counted, to tell how far sub-networks of one posterior differ; index = epoch.
    Spread = 14,
    /// Rotation, crop, colours and policy of training images; index = epoch times 2^32 plus image.
    Transform = 22,
}

/// The generator of one purpose and index under a run's seed. `ChaCha8` is counter-based: its key is the seed, its stream the
/// purpose and its block position the index, so streams never overlap within 2^32 indices.
#[must_use]
pub fn stream(seed: u64, purpose: Purpose, index: u64) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
    let mut generator = ChaCha8Rng::from_seed(key);
    generator.set_stream(index);
    generator
}

/// A uniform number strictly inside (0, 1), so that its logit is finite.
#[must_use]
pub fn open_unit(generator: &mut impl rand::Rng) -> f32 {
    // 23 bits and a half: never 0, never 1, exactly representable.
    ((generator.next_u32() >> 9) as f32 + 0.5) * (1.0 / 8_388_608.0)
}

/// A number below `bound`, all alike to within 2^-32; `bound` must not exceed 2^32.
#[must_use]
pub fn below(generator: &mut impl rand::Rng, bound: usize) -> usize {
    ((u64::from(generator.next_u32()) * bound as u64) >> 32) as usize
}

/// Puts items into a random order, all orders alike (Fisher and Yates).
pub fn shuffle<T>(generator: &mut impl rand::Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        let other = below(generator, last + 1);
        items.swap(last, other);
    }
}

/// A standard normal number (Box and Muller; one of the pair is used).
#[must_use]
pub fn normal(generator: &mut impl rand::Rng) -> f32 {
    let radius = (-2.0 * open_unit(generator).ln()).sqrt();
    radius * (std::f32::consts::TAU * open_unit(generator)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_are_functions_of_seed_purpose_and_index() {
        let draw = |seed, purpose, index| stream(seed, purpose, index).next_u64();
        assert_eq!(draw(1, Purpose::Mask, 7), draw(1, Purpose::Mask, 7));
        assert_ne!(draw(1, Purpose::Mask, 7), draw(2, Purpose::Mask, 7));
        assert_ne!(draw(1, Purpose::Mask, 7), draw(1, Purpose::Shuffle, 7));
        assert_ne!(draw(1, Purpose::Mask, 7), draw(1, Purpose::Mask, 8));
    }

    #[test]
    fn open_unit_never_reaches_its_ends() {
        struct Fixed(u32);
        impl rand::TryRng for Fixed {
            type Error = std::convert::Infallible;
            fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
                Ok(self.0)
            }
            fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
                Ok(u64::from(self.0))
            }
            fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
                bytes.fill(self.0 as u8);
                Ok(())
            }
        }
        assert!(open_unit(&mut Fixed(0)) > 0.0);
        assert!(open_unit(&mut Fixed(u32::MAX)) < 1.0);
    }
}
