//! The candidate operations of an edge, as a table.

use std::fmt;
use std::str::FromStr;

/// What a mask group decides about. One table row each: the key of preset files, the label of the screen, whether it has weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Convolution 1x1.
    Conv1,
    /// Convolution 3x3.
    Conv3,
    /// Convolution 5x5.
    Conv5,
    /// Depthwise 3x3, then pointwise 1x1; the mask is on the pointwise input.
    Separable3,
    /// The same with 5x5.
    Separable5,
    /// Depthwise 3x3 of dilation 2, then pointwise 1x1; it sees 5x5.
    DilatedSeparable3,
    /// Depthwise 5x5 of dilation 2, then pointwise 1x1; it sees 9x9.
    DilatedSeparable5,
    /// Convolution 3x3 of dilation 2; it sees 5x5.
    DilatedConv3,
    /// Convolution 5x5 of dilation 2; it sees 9x9.
    DilatedConv5,
    /// Inverted bottleneck: 1x1 to three times the channels, depthwise 3x3, 1x1 back; the mask is on the input of the last.
    Bottleneck3,
    /// Inverted bottleneck with six times the channels and a depthwise 5x5.
    Bottleneck5,
    /// Average pooling 3x3, padding not counted.
    AveragePool,
    /// Maximum pooling 3x3.
    MaxPool,
    /// The source itself.
    Identity,
    /// Nothing: contributes zero. Its group has no data gradient, so its p shows where the prior alone leads.
    None,
    /// The 1x1 paths of a strided or widening skip.
    Skip,
    /// The classifier.
    Linear,
}

struct Row {
    operation: Operation,
    key: &'static str,
    label: &'static str,
    candidate: bool,
    weights: bool,
}

const fn row(operation: Operation, key: &'static str, label: &'static str, candidate: bool, weights: bool) -> Row {
    Row { operation, key, label, candidate, weights }
}

const TABLE: [Row; 17] = [
    row(Operation::Conv1, "conv1", "conv 1×1", true, true),
    row(Operation::Conv3, "conv3", "conv 3×3", true, true),
    row(Operation::Conv5, "conv5", "conv 5×5", true, true),
    row(Operation::Separable3, "sep3", "sep 3×3", true, true),
    row(Operation::Separable5, "sep5", "sep 5×5", false, true),
    row(Operation::DilatedSeparable3, "dil3", "dil 3×3", false, true),
    row(Operation::DilatedSeparable5, "dil5", "dil 5×5", false, true),
    row(Operation::DilatedConv3, "conv3d2", "conv 3×3d2", false, true),
    row(Operation::DilatedConv5, "conv5d2", "conv 5×5d2", false, true),
    row(Operation::Bottleneck3, "mb3", "mb3 3×3", false, true),
    row(Operation::Bottleneck5, "mb6", "mb6 5×5", false, true),
    row(Operation::AveragePool, "avgpool", "avg pool", true, false),
    row(Operation::MaxPool, "maxpool", "max pool", true, false),
    row(Operation::Identity, "identity", "identity", true, false),
    row(Operation::None, "none", "none", true, false),
    row(Operation::Skip, "skip", "skip 1×1", false, true),
    row(Operation::Linear, "linear", "linear", false, true),
];

impl Operation {
    fn row(self) -> &'static Row {
        // The table lists the variants in order; a test holds it to that.
        &TABLE[self as usize]
    }

    /// The word for it in preset files and node names.
    #[must_use]
    pub fn key(self) -> &'static str {
        self.row().key
    }

    /// The words for it on the screen.
    #[must_use]
    pub fn label(self) -> &'static str {
        self.row().label
    }

    /// Whether its group has weights, and with them an L2 term.
    #[must_use]
    pub fn has_weights(self) -> bool {
        self.row().weights
    }

    /// The operations that an edge may offer.
    pub fn candidates() -> impl Iterator<Item = Self> {
        TABLE.iter().filter(|row| row.candidate).map(|row| row.operation)
    }

    /// The operations that an edge of a space of one's own may offer: all but what has its fixed place.
    pub fn of_own_spaces() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.operation).filter(|operation| !matches!(operation, Self::Skip | Self::Linear))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.label())
    }
}

impl FromStr for Operation {
    type Err = ();

    /// Reads the key of a candidate operation.
    fn from_str(key: &str) -> Result<Self, ()> {
        Self::candidates().find(|operation| operation.key() == key).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_variants() {
        for (position, row) in TABLE.iter().enumerate() {
            assert_eq!(row.operation as usize, position);
            assert_eq!(row.operation.key(), row.key);
        }
    }

    #[test]
    fn keys_read_back_and_only_candidates_do() {
        assert!(Operation::candidates().all(|operation| operation.key().parse() == Ok(operation)));
        assert!("linear".parse::<Operation>().is_err());
    }
}
