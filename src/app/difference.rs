//! How one candidate differs from another, operation by operation.

/// What a candidate does with an operation that another one does otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The same.
    Same,
    /// It has the operation, the other one does not.
    Gained,
    /// The other one has the operation, it does not.
    Lost,
    /// Both have it, with other shares of its channels.
    Shifted,
}

impl Change {
    /// From the channels of a group that the other one keeps and those that it keeps.
    #[must_use]
    pub fn between(other: u32, own: u32) -> Self {
        match (other, own) {
            (other, own) if other == own => Self::Same,
            (0, _) => Self::Gained,
            (_, 0) => Self::Lost,
            _ => Self::Shifted,
        }
    }

    /// The sign for it.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Same => " ",
            Self::Gained => "+",
            Self::Lost => "-",
            Self::Shifted => "~",
        }
    }
}

/// The operations gained, lost and shifted, from the channels of each group that the other one keeps and those that it keeps.
#[must_use]
pub fn count(other: &[u32], own: &[u32]) -> [usize; 3] {
    let changes: Vec<Change> = other.iter().zip(own).map(|(&other, &own)| Change::between(other, own)).collect();
    [Change::Gained, Change::Lost, Change::Shifted].map(|wanted| changes.iter().filter(|&&change| change == wanted).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_from_the_other_ones_side() {
        assert_eq!(count(&[0, 4, 2, 3, 0], &[1, 0, 3, 3, 0]), [1, 1, 1]);
        assert_eq!(count(&[4], &[4]), [0, 0, 0]);
        assert_eq!(Change::between(0, 2).sign(), "+");
    }
}
