//! The shape of one image's activation.

use std::fmt;

/// `[channels, height, width]` of one image; a vector has height and width 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Number of channels, or the length of a vector.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// A map of `channels` planes of `height` by `width`.
    #[must_use]
    pub const fn map(channels: usize, height: usize, width: usize) -> Self {
        Self { channels, height, width }
    }

    /// A vector.
    #[must_use]
    pub const fn vector(channels: usize) -> Self {
        Self::map(channels, 1, 1)
    }

    /// Numbers held for one image.
    #[must_use]
    pub const fn elements(self) -> usize {
        self.channels * self.pixels()
    }

    /// Positions of one plane.
    #[must_use]
    pub const fn pixels(self) -> usize {
        self.height * self.width
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}×{}×{}", self.channels, self.height, self.width)
    }
}
