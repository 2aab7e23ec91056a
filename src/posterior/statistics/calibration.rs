//! Predictions as shares of the classes: their mean over several networks, and how good and how well calibrated they are.

use super::interval::middle;
use super::{Answers, Draws, Halves, draws, mean_and_deviation};
use crate::random::shuffle;
use serde::{Deserialize, Serialize};

/// Bins of the expected calibration error: ranges of confidence of equal width.
pub const BINS: usize = 15;

/// A share below this counts as this where its logarithm is taken.
const LEAST_SHARE: f64 = 1e-12;

/// The shares that a network gives the classes of each image, `[images, classes]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    classes: usize,
    shares: Vec<f32>,
}

/// How good predictions are.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Quality {
    /// Share of the images that get their largest share for the right class.
    pub accuracy: f64,
    /// Mean negative logarithm of the share of the right class, in nats.
    pub nll: f64,
    /// Mean squared distance of the shares from the right answer, summed over the classes: from 0 to 2.
    pub brier: f64,
    /// Mean gap between confidence and accuracy over [`BINS`] bins of confidence, weighted by images.
    pub calibration_error: f64,
}

impl Predictions {
    /// The softmax of logits `[images, classes]`. An image with a logit that is no number gets no shares, so that it is never right.
    #[must_use]
    pub fn of_logits(logits: &[f32], classes: usize) -> Self {
        let mut shares = Vec::with_capacity(logits.len());
        for row in logits.chunks(classes.max(1)) {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let powers = row.iter().map(|&logit| f64::from(logit - most).exp());
            let sum: f64 = powers.clone().sum();
            shares.extend(powers.map(|power| if sum.is_finite() { (power / sum) as f32 } else { 0.0 }));
        }
        Self { classes: classes.max(1), shares }
    }

    /// Images asked.
    #[must_use]
    pub fn images(&self) -> usize {
        self.shares.len() / self.classes
    }

    /// The shares, `[images, classes]`.
    #[must_use]
    pub fn shares(&self) -> &[f32] {
        &self.shares
    }

    /// The mean of some predictions of the same images; `None` for none.
    #[must_use]
    pub fn mean<'a>(of: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let mut sum = Sum::default();
        of.into_iter().for_each(|predictions| sum.add(predictions));
        (sum.members > 0).then(|| sum.mean())
    }

    /// Which images get their largest share for the right class.
    #[must_use]
    pub fn right(&self, labels: &[i32]) -> Vec<bool> {
        let rows = self.shares.chunks(self.classes);
        rows.zip(labels).map(|(row, &label)| winner(row.iter().copied().map(f64::from)).0 == label).collect()
    }

    /// How good they are.
    #[must_use]
    pub fn quality(&self, labels: &[i32]) -> Quality {
        let rows = self.shares.chunks(self.classes).zip(labels).map(|(row, &label)| (row.iter().copied().map(f64::from), label));
        quality(rows)
    }
}

/// The class of the largest share, the last of equal ones, and that share; -1 where there are no shares.
fn winner(row: impl Iterator<Item = f64>) -> (i32, f64) {
    let best = row.enumerate().max_by(|left, right| left.1.total_cmp(&right.1));
    best.filter(|(_, share)| *share > 0.0).map_or((-1, 0.0), |(class, share)| (class as i32, share))
}

/// The quality of rows of shares with their right classes; all zero for no rows.
fn quality<R: Iterator<Item = f64> + Clone>(rows: impl Iterator<Item = (R, i32)>) -> Quality {
    let mut sum = Quality::default();
    // Of each bin: images, confidence, right ones.
    let mut bins = [(0.0, 0.0, 0.0); BINS];
    let mut images = 0.0;
    for (row, label) in rows {
        images += 1.0;
        let (class, confidence) = winner(row.clone());
        let right = f64::from(u8::from(class == label));
        sum.accuracy += right;
        for (class, share) in row.enumerate() {
            let target = if class as i32 == label { 1.0 } else { 0.0 };
            sum.brier += (share - target) * (share - target);
            if class as i32 == label {
                sum.nll -= share.max(LEAST_SHARE).ln();
            }
        }
        let bin = &mut bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
        *bin = (bin.0 + 1.0, bin.1 + confidence, bin.2 + right);
    }
    sum.calibration_error = bins.iter().map(|(_, confidence, right)| (confidence - right).abs()).sum();
    sum.scaled(1.0 / f64::max(images, 1.0))
}

impl Quality {
    fn scaled(self, factor: f64) -> Self {
        self.each(|value| factor * value)
    }

    fn each(self, of: impl Fn(f64) -> f64) -> Self {
        let Self { accuracy, nll, brier, calibration_error } = self;
        Self { accuracy: of(accuracy), nll: of(nll), brier: of(brier), calibration_error: of(calibration_error) }
    }

    /// One of its four numbers.
    fn get(&self, place: usize) -> f64 {
        [self.accuracy, self.nll, self.brier, self.calibration_error][place]
    }
}

/// Shares of several networks added up.
#[derive(Debug, Clone, Default)]
struct Sum {
    classes: usize,
    shares: Vec<f64>,
    members: usize,
}

impl Sum {
    fn add(&mut self, predictions: &Predictions) {
        self.classes = predictions.classes;
        self.shares.resize(predictions.shares.len(), 0.0);
        self.shares.iter_mut().zip(&predictions.shares).for_each(|(sum, &share)| *sum += f64::from(share));
        self.members += 1;
    }

    fn mean(&self) -> Predictions {
        let mean = |sum: &f64| (sum / self.members.max(1) as f64) as f32;
        Predictions { classes: self.classes.max(1), shares: self.shares.iter().map(mean).collect() }
    }

    /// The quality of the mean on the images that are set.
    fn quality_within(&self, labels: &[i32], among: &Answers) -> Quality {
        let members = self.members.max(1) as f64;
        let rows = self.shares.chunks(self.classes.max(1)).zip(labels).enumerate().filter(|(image, _)| among.is_right(*image));
        quality(rows.map(|(_, (row, &label))| (row.iter().map(move |sum| sum / members), label)))
    }
}

/// A quality over the draws that it is the mean of: the mean, and the middle 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Spread {
    /// The mean.
    pub mean: Quality,
    /// Where the middle 95 % of the draws begin, number by number.
    pub low: Quality,
    /// Where they end.
    pub high: Quality,
}

/// What the mean prediction of so many networks is worth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Averaged {
    /// Networks whose predictions are averaged.
    pub members: usize,
    /// The best ones, chosen on one half of the images and judged on the other.
    pub best: Spread,
    /// Any ones, judged on the same halves.
    pub sampled: Spread,
    /// By how much the best ones beat the best single one on the same halves, number by number.
    pub gain: Spread,
}

/// What averaging buys as the number of networks grows: over both ways of so many splits into halves. Sizes beyond the number of
/// networks are left out. `None` without networks, splits or images for two halves.
#[must_use]
pub fn averaging(networks: &[Predictions], labels: &[i32], sizes: &[usize], splits: u32, seed: u64) -> Option<Vec<Averaged>> {
    let images = networks.iter().map(Predictions::images).min().filter(|&images| images >= 2 && splits > 0)?;
    let answers: Vec<Answers> = networks.iter().map(|network| Answers::new(&network.right(labels))).collect();
    let sizes: Vec<usize> = sizes.iter().copied().filter(|size| (1..=networks.len()).contains(size)).collect();
    let largest = sizes.iter().copied().max()?;
    let mut found = vec![[Vec::new(), Vec::new(), Vec::new()]; sizes.len()];
    for index in 0..splits {
        for (way, (choose, report)) in (0..).zip(Halves::new(images, seed, index).both_ways()) {
            let mut any: Vec<usize> = (0..networks.len()).collect();
            shuffle(&mut draws(seed, Draws::Members, 2 * index + way), &mut any);
            // Of equally good ones any: they are in random order.
            let mut best = any.clone();
            best.sort_by_key(|&network| std::cmp::Reverse(answers[network].right_within(choose)));
            let curve = |order: &[usize]| {
                let mut sum = Sum::default();
                let mut at = |&network: &usize| {
                    sum.add(&networks[network]);
                    (sum.members == 1 || sizes.contains(&sum.members)).then(|| (sum.members, sum.quality_within(labels, report)))
                };
                order[..largest].iter().filter_map(&mut at).collect::<Vec<(usize, Quality)>>()
            };
            let (best, any) = (curve(&best), curve(&any));
            for (size, found) in sizes.iter().zip(&mut found) {
                let at =
                    |curve: &[(usize, Quality)]| curve.iter().find(|(members, _)| members == size).map_or(Quality::default(), |at| at.1);
                let (single, best, any) = (best[0].1, at(&best), at(&any));
                let gain = Quality {
                    accuracy: best.accuracy - single.accuracy,
                    nll: best.nll - single.nll,
                    brier: best.brier - single.brier,
                    calibration_error: best.calibration_error - single.calibration_error,
                };
                found.iter_mut().zip([best, any, gain]).for_each(|(found, quality)| found.push(quality));
            }
        }
    }
    let averaged = |(&members, [best, sampled, gain]): (&usize, &[Vec<Quality>; 3])| Averaged {
        members,
        best: Spread::of(best),
        sampled: Spread::of(sampled),
        gain: Spread::of(gain),
    };
    Some(sizes.iter().zip(&found).map(averaged).collect())
}

impl Spread {
    fn of(seen: &[Quality]) -> Self {
        let mut numbers = [[0.0; 4]; 3];
        for place in 0..4 {
            let values: Vec<f64> = seen.iter().map(|quality| quality.get(place)).collect();
            let mean = mean_and_deviation(&values).map_or(0.0, |(mean, _)| mean);
            let (low, high) = middle(values).unwrap_or_default();
            for (numbers, value) in numbers.iter_mut().zip([mean, low, high]) {
                numbers[place] = value;
            }
        }
        let [mean, low, high] =
            numbers.map(|[accuracy, nll, brier, calibration_error]| Quality { accuracy, nll, brier, calibration_error });
        Self { mean, low, high }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, normal, stream};

    fn predictions(rows: &[[f32; 3]]) -> Predictions {
        Predictions { classes: 3, shares: rows.concat() }
    }

    #[test]
    fn quality_is_as_counted_by_hand() {
        let quality = predictions(&[[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4]]).quality(&[0, 0, 2]);
        let close = |one: f64, other: f64| assert!((one - other).abs() < 1e-6, "{one} is not {other}");
        close(quality.accuracy, 2.0 / 3.0);
        close(quality.nll, -(0.8f64.ln() + 0.2f64.ln() + 0.4f64.ln()) / 3.0);
        close(quality.brier, (0.06 + (0.64 + 0.49 + 0.01) + (0.09 + 0.09 + 0.36)) / 3.0);
        // Three bins of one image each: right at 0.8, wrong at 0.7, right at 0.4.
        close(quality.calibration_error, (0.2 + 0.7 + 0.6) / 3.0);
        // Two images in one bin balance each other.
        close(predictions(&[[0.51, 0.49, 0.0], [0.52, 0.48, 0.0]]).quality(&[0, 1]).calibration_error, (1.03 - 1.0) / 2.0);
        assert_eq!(predictions(&[]).quality(&[]), Quality::default());
    }

    #[test]
    fn softmax_is_stable_and_what_is_no_number_is_wrong() {
        let predictions = Predictions::of_logits(&[1e30, 0.0, f32::NAN, 0.0, 3f32.ln(), 0.0], 2);
        assert_eq!((predictions.shares[0], predictions.shares[1]), (1.0, 0.0));
        assert_eq!(predictions.shares[2..4], [0.0, 0.0]);
        assert!((predictions.shares[4] - 0.75).abs() < 1e-6);
        assert_eq!(predictions.right(&[0, 0, 0]), [true, false, true]);
        assert!(predictions.quality(&[1, 1, 1]).nll.is_finite());
    }

    #[test]
    fn the_mean_is_of_shares() {
        let (one, other) = (predictions(&[[1.0, 0.0, 0.0]]), predictions(&[[0.0, 0.5, 0.5]]));
        assert_eq!(Predictions::mean([&one, &other]).unwrap(), predictions(&[[0.5, 0.25, 0.25]]));
        assert_eq!(Predictions::mean([]), None);
    }

    /// Networks that see the right class through noise of their own.
    fn networks(count: usize, images: usize) -> (Vec<Predictions>, Vec<i32>) {
        let mut generator = stream(4, Purpose::Mask, 0);
        let labels: Vec<i32> = (0..images).map(|image| (image % 3) as i32).collect();
        let mut network = || {
            let logit = |place: usize| if labels[place / 3] == (place % 3) as i32 { 1.5 } else { 0.0 } + normal(&mut generator);
            Predictions::of_logits(&(0..3 * images).map(logit).collect::<Vec<f32>>(), 3)
        };
        ((0..count).map(|_| network()).collect(), labels)
    }

    #[test]
    fn averaging_buys_accuracy_where_errors_are_independent() {
        let (networks, labels) = networks(12, 400);
        let averaged = averaging(&networks, &labels, &[1, 2, 5, 10, 99], 10, 1).unwrap();
        assert_eq!(averaged.iter().map(|point| point.members).collect::<Vec<_>>(), [1, 2, 5, 10]);
        let (one, ten) = (&averaged[0], &averaged[3]);
        assert!(ten.best.mean.accuracy > one.best.mean.accuracy + 0.05 && ten.best.mean.nll < one.best.mean.nll, "{one:?} {ten:?}");
        assert!((ten.gain.mean.accuracy - (ten.best.mean.accuracy - one.best.mean.accuracy)).abs() < 1e-12);
        assert!(one.gain.mean.accuracy.abs() < 1e-12 && ten.gain.low.accuracy > 0.0);
        assert!(ten.sampled.low.accuracy <= ten.sampled.mean.accuracy && ten.sampled.mean.accuracy <= ten.sampled.high.accuracy);
        // The best of twelve equals is none the better on the half that did not choose it.
        assert!((one.best.mean.accuracy - one.sampled.mean.accuracy).abs() < 0.03, "{one:?}");
        assert_eq!(averaging(&networks, &labels, &[1, 2, 5, 10], 10, 1).unwrap(), averaged);
        assert!(averaging(&[], &labels, &[1], 10, 1).is_none() && averaging(&networks, &labels, &[0], 10, 1).is_none());
    }
}
