//! Images that networks are asked, piece by piece, and which of them they get right.

use super::classifier::{Classifier, Piece};
use crate::data::Images;
use burn::tensor::Device;

/// Images of one evaluation pass; larger splits are evaluated piece by piece.
pub(super) const PIECE: usize = 512;

/// Images on the device with their labels on the host.
#[derive(Debug)]
pub struct Examples {
    pub(super) pieces: Vec<Piece>,
    labels: Vec<i32>,
}

impl Examples {
    /// Puts images on a device, in their order.
    #[must_use]
    pub fn upload(source: &Images, device: &Device) -> Self {
        Self::in_order(source, &(0..source.len()).collect::<Vec<_>>(), 1, device)
    }

    /// Puts images on a device, in another order and in so many pieces at least.
    #[must_use]
    pub fn in_order(source: &Images, order: &[usize], pieces: usize, device: &Device) -> Self {
        let [channels, height, width] = source.shape();
        let piece = |piece: &[usize]| Piece::put(source.gather(piece).images, [piece.len(), channels, height, width], device);
        let size = order.len().div_ceil(pieces).clamp(1, PIECE);
        let labels = order.iter().map(|&image| i32::from(source.labels()[image]));
        Self { pieces: order.chunks(size).map(piece).collect(), labels: labels.collect() }
    }

    /// How many pieces there are.
    #[must_use]
    pub fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// How many images there are in a piece and those before it.
    #[must_use]
    pub fn images_up_to(&self, piece: usize) -> usize {
        self.pieces.iter().take(piece + 1).map(Piece::len).sum()
    }

    /// How many images there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Which images a network gets right.
    pub(super) fn correct(&self, classifier: &Classifier) -> Vec<bool> {
        let mut right = Vec::with_capacity(self.labels.len());
        (0..self.pieces.len()).for_each(|piece| self.ask(piece, classifier, &mut right));
        right
    }

    /// The same of one piece, behind those before it.
    pub(super) fn ask(&self, piece: usize, classifier: &Classifier, right: &mut Vec<bool>) {
        let piece = &self.pieces[piece];
        self.judge(&classifier.logits(piece), piece.len(), right);
    }

    /// Which images get their highest score for the right class, behind those before them.
    pub(super) fn judge(&self, logits: &[f32], images: usize, right: &mut Vec<bool>) {
        let labels = &self.labels[right.len()..];
        right.extend(winners(logits, images).zip(labels).map(|(class, &label)| class == label));
    }
}

/// The class of the highest score of each image, of logits `[images, classes]`. Where one of its scores is not a number, no class is chosen, so
/// that none is right.
fn winners(logits: &[f32], images: usize) -> impl Iterator<Item = i32> {
    let winner = |row: &[f32]| {
        if row.iter().any(|score| score.is_nan()) {
            return -1;
        }
        let best = row.iter().enumerate().max_by(|left, right| left.1.total_cmp(right.1));
        best.filter(|(_, score)| score.is_finite()).map_or(-1, |(class, _)| class as i32)
    };
    logits.chunks((logits.len() / images.max(1)).max(1)).map(winner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_that_is_not_a_number_chooses_no_class() {
        // To the order of all floats a negative NaN is less than anything, a positive one more.
        let logits = [-f32::NAN, 1.0, f32::NAN, 1.0, 0.0, 1.0];
        assert_eq!(winners(&logits, 3).collect::<Vec<_>>(), [-1, -1, 1]);
        assert_eq!(winners(&[f32::NEG_INFINITY, 1.0, f32::INFINITY, 1.0], 2).collect::<Vec<_>>(), [1, -1]);
    }
}
