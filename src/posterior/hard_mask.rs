//! Hard masks: one keep bit per masked channel, which is what a candidate is.

use crate::graph::Graph;
use std::fmt;
use std::str::FromStr;

/// One keep bit per masked channel of a graph, in the order of its mask vector. Its text form is hexadecimal, most significant
/// bit first, after the number of bits: `5:e8` keeps channels 0, 1, 2 and 4.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HardMask {
    keep: Vec<bool>,
}

/// Why a text is not a hard mask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a mask: expected `<bits>:<hexadecimal digits>`, four bits a digit")]
pub struct MaskTextError {
    /// The text, shortened.
    text: String,
}

impl HardMask {
    /// From keep bits in mask order.
    #[must_use]
    pub fn new(keep: Vec<bool>) -> Self {
        Self { keep }
    }

    /// Everything kept: the whole super-network.
    #[must_use]
    pub fn whole(channels: usize) -> Self {
        Self { keep: vec![true; channels] }
    }

    /// The keep bits in mask order.
    #[must_use]
    pub fn bits(&self) -> &[bool] {
        &self.keep
    }

    /// The share of bits that are set; 1 for an empty mask.
    #[must_use]
    pub fn kept_share(&self) -> f64 {
        if self.keep.is_empty() { 1.0 } else { self.keep.iter().filter(|&&keep| keep).count() as f64 / self.keep.len() as f64 }
    }

    /// How many channels each group of the graph keeps.
    #[must_use]
    pub fn kept_per_group(&self, graph: &Graph) -> Vec<usize> {
        graph.groups().iter().map(|group| self.keep[group.mask.clone()].iter().filter(|&&keep| keep).count()).collect()
    }
}

impl fmt::Display for HardMask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:", self.keep.len())?;
        for nibble in self.keep.chunks(4) {
            let digit = (0..4).fold(0, |digit, bit| digit << 1 | u8::from(nibble.get(bit).copied().unwrap_or(false)));
            write!(formatter, "{digit:x}")?;
        }
        Ok(())
    }
}

impl FromStr for HardMask {
    type Err = MaskTextError;

    fn from_str(text: &str) -> Result<Self, MaskTextError> {
        let error = || MaskTextError { text: text.chars().take(40).collect() };
        let (bits, digits) = text.split_once(':').ok_or_else(error)?;
        let bits: usize = bits.parse().map_err(|_| error())?;
        if digits.len() != bits.div_ceil(4) {
            return Err(error());
        }
        let mut keep = Vec::with_capacity(bits + 3);
        for digit in digits.chars() {
            let digit = digit.to_digit(16).ok_or_else(error)?;
            keep.extend((0..4).rev().map(|bit| digit >> bit & 1 == 1));
        }
        keep.truncate(bits);
        Ok(Self { keep })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_form_is_as_documented() {
        assert_eq!(HardMask::new(vec![true, true, true, false, true]).to_string(), "5:e8");
    }

    proptest! {
        #[test]
        fn text_reads_back(keep in proptest::collection::vec(any::<bool>(), 0..70)) {
            let mask = HardMask::new(keep);
            prop_assert_eq!(mask.to_string().parse::<HardMask>().unwrap(), mask);
        }

        #[test]
        fn any_text_is_a_mask_or_an_error(text in ".{0,20}") {
            let _ = text.parse::<HardMask>();
        }
    }
}
