//! How well one ranking of networks foretells another: Kendall's tau-b, Spearman's rho, precision at k, tau inside the top.

use super::interval::middle;
use super::{Draws, Interval, draws};
use crate::random::below;

/// Resamples of the bootstrap.
const RESAMPLES: usize = 1_000;

/// How well predicted accuracies rank networks whose true accuracies are known; each with a percentile-bootstrap 95 % interval over
/// networks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankCorrelation {
    /// Networks compared.
    pub networks: usize,
    /// k of the precision, and how many of the best by prediction are the top.
    pub top: usize,
    /// Kendall's tau-b over all of them.
    pub tau: Interval,
    /// Spearman's rank correlation over all of them.
    pub spearman: Interval,
    /// Precision at k, see [`precision_at`].
    pub precision: Interval,
    /// Kendall's tau-b among the top by prediction, where a choice has to be made; `None` where all are tied there.
    pub top_tau: Option<Interval>,
}

/// Correlates predicted with true accuracies, network by network; `top` is the k of precision and top. `None` where there are fewer than
/// two networks, where the lists differ in length, or where one of them is constant: then there is no ranking.
#[must_use]
pub fn rank_correlation(predicted: &[f64], truth: &[f64], top: usize, seed: u64) -> Option<RankCorrelation> {
    let networks = predicted.len();
    let top = top.clamp(1, networks.max(1));
    let of = |predicted: &[f64], truth: &[f64]| {
        [kendall(predicted, truth), spearman(predicted, truth), precision_at(top, predicted, truth), top_kendall(top, predicted, truth)]
    };
    let estimates = of(predicted, truth);
    let mut resampled: [Vec<f64>; 4] = Default::default();
    let mut generator = draws(seed, Draws::Bootstrap, 1);
    let (mut left, mut right) = (vec![0.0; networks], vec![0.0; networks]);
    if estimates[0].is_some() {
        for _ in 0..RESAMPLES {
            for (left, right) in left.iter_mut().zip(&mut right) {
                let network = below(&mut generator, networks);
                (*left, *right) = (predicted[network], truth[network]);
            }
            // A statistic that a resample leaves undefined, such as one network drawn every time, says nothing about its spread.
            resampled.iter_mut().zip(of(&left, &right)).for_each(|(values, value)| values.extend(value));
        }
    }
    let mut intervals = estimates.into_iter().zip(resampled).map(|(estimate, values)| interval(estimate?, values));
    let mut next = || intervals.next().flatten();
    Some(RankCorrelation { networks, top, tau: next()?, spearman: next()?, precision: next()?, top_tau: next() })
}

fn interval(estimate: f64, values: Vec<f64>) -> Option<Interval> {
    middle(values).map(|(low, high)| Interval { estimate, low, high })
}

/// Kendall's tau-b: concordant minus discordant pairs, as a share of the geometric mean of the pairs that either list does not tie.
/// In n log n steps (Knight 1966). `None` for lists of different lengths, of fewer than two values, or without a difference in one.
#[must_use]
pub fn kendall(left: &[f64], right: &[f64]) -> Option<f64> {
    if left.len() != right.len() {
        return None;
    }
    let mut pairs: Vec<(f64, f64)> = left.iter().copied().zip(right.iter().copied()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let tied_left = tied_pairs(pairs.chunk_by(|a, b| same(a.0, b.0)));
    let tied_both = tied_pairs(pairs.chunk_by(|a, b| same(a.0, b.0) && same(a.1, b.1)));
    let mut values: Vec<f64> = pairs.iter().map(|pair| pair.1).collect();
    let discordant = inversions(&mut values);
    // Sorted now.
    let tied_right = tied_pairs(values.chunk_by(|a, b| same(*a, *b)));
    let all = pairs_of(pairs.len());
    let concordant = all + tied_both - tied_left - tied_right - discordant;
    let untied = (all - tied_left) as f64 * (all - tied_right) as f64;
    (untied > 0.0).then(|| (concordant as f64 - discordant as f64) / untied.sqrt())
}

/// Spearman's rank correlation: Pearson's of the ranks, tied values sharing their mean rank. `None` as for [`kendall`].
#[must_use]
pub fn spearman(left: &[f64], right: &[f64]) -> Option<f64> {
    if left.len() != right.len() {
        return None;
    }
    let (left, right) = (ranks(left), ranks(right));
    let centre = f64::midpoint(left.len() as f64, 1.0);
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - centre) * (b - centre)).sum::<f64>();
    let scale = (product(&left, &left) * product(&right, &right)).sqrt();
    (scale > 0.0).then(|| product(&left, &right) / scale)
}

/// Precision at k: which share of the k best by prediction is among the k best in truth. Where ties leave open who the k best are, it is
/// the mean over all ways to break them. `None` for lists of different lengths or of fewer than k values, and for k = 0.
#[must_use]
pub fn precision_at(k: usize, predicted: &[f64], truth: &[f64]) -> Option<f64> {
    (predicted.len() == truth.len()).then_some(())?;
    let (predicted, truth) = (membership(k, predicted)?, membership(k, truth)?);
    Some(predicted.iter().zip(truth).map(|(a, b)| a * b).sum::<f64>() / k as f64)
}

/// Kendall's tau-b among the k best by prediction and those tied with the last of them. `None` as for [`kendall`].
#[must_use]
pub fn top_kendall(k: usize, predicted: &[f64], truth: &[f64]) -> Option<f64> {
    (predicted.len() == truth.len()).then_some(())?;
    let members = membership(k, predicted)?;
    let top = || members.iter().enumerate().filter(|(_, share)| **share > 0.0).map(|(network, _)| network);
    let of = |values: &[f64]| top().map(|network| values[network]).collect::<Vec<f64>>();
    kendall(&of(predicted), &of(truth))
}

/// How likely each value is among the k largest when ties are broken at random.
fn membership(k: usize, values: &[f64]) -> Option<Vec<f64>> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let last = *sorted.get(k.checked_sub(1)?)?;
    let above = sorted.partition_point(|&value| value > last);
    let tied = sorted.iter().filter(|&&value| same(value, last)).count();
    let share = (k - above) as f64 / tied as f64;
    Some(values.iter().map(|&value| if same(value, last) { share } else { f64::from(u8::from(value > last)) }).collect())
}

/// Ranks from 1, tied values sharing their mean rank.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&a, &b| same(values[a], values[b])) {
        let mean = before as f64 + f64::midpoint(tied.len() as f64, 1.0);
        tied.iter().for_each(|&place| ranks[place] = mean);
        before += tied.len();
    }
    ranks
}

/// Accuracies are shares of images or entries of a table: equal ones are equal to the bit.
fn same(left: f64, right: f64) -> bool {
    left.total_cmp(&right).is_eq()
}

fn pairs_of(count: usize) -> u64 {
    count as u64 * (count as u64).saturating_sub(1) / 2
}

fn tied_pairs<'a, T: 'a>(runs: impl Iterator<Item = &'a [T]>) -> u64 {
    runs.map(|run| pairs_of(run.len())).sum()
}

/// Sorts, and counts the pairs that stood in the wrong order.
fn inversions(values: &mut [f64]) -> u64 {
    if values.len() < 2 {
        return 0;
    }
    let (left, right) = values.split_at_mut(values.len() / 2);
    let mut count = inversions(left) + inversions(right);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let mut rest = &*left;
    for &value in &*right {
        let smaller = rest.partition_point(|&other| other <= value);
        merged.extend_from_slice(&rest[..smaller]);
        rest = &rest[smaller..];
        count += rest.len() as u64;
        merged.push(value);
    }
    merged.extend_from_slice(rest);
    values.copy_from_slice(&merged);
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, open_unit, stream};
    use proptest::prelude::*;

    fn close(own: Option<f64>, expected: f64) {
        assert!((own.unwrap() - expected).abs() < 1e-12, "{own:?} instead of {expected}");
    }

    #[test]
    fn tau_has_values_computed_by_hand() {
        // 6 pairs: 5 concordant, 1 discordant.
        close(kendall(&[1.0, 2.0, 3.0, 4.0], &[1.0, 2.0, 4.0, 3.0]), 4.0 / 6.0);
        // 10 pairs; x ties (12, 12) and (2, 2), y ties (1, 1): 2 concordant, 6 discordant of sqrt(8 x 9).
        close(kendall(&[12.0, 2.0, 1.0, 12.0, 2.0], &[1.0, 4.0, 7.0, 1.0, 0.0]), -4.0 / 72f64.sqrt());
        close(kendall(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), -1.0);
        assert_eq!([kendall(&[1.0, 2.0], &[5.0, 5.0]), kendall(&[1.0], &[1.0]), kendall(&[1.0, 2.0], &[1.0])], [None; 3]);
    }

    #[test]
    fn spearman_has_values_computed_by_hand() {
        // Ranks 1 2 3 4 5 and 1 2 3.5 5 3.5: sums of products 8 of sqrt(10 x 9.5).
        close(spearman(&[1.0, 2.0, 3.0, 4.0, 5.0], &[5.0, 6.0, 7.0, 8.0, 7.0]), 8.0 / 95f64.sqrt());
        close(spearman(&[1.0, 2.0, 30.0], &[3.0, 2.0, 1.0]), -1.0);
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
    }

    #[test]
    fn precision_shares_ties() {
        let truth = [0.9, 0.8, 0.7, 0.6];
        close(precision_at(2, &[0.5, 0.1, 0.4, 0.2], &truth), 0.5);
        close(precision_at(2, &truth, &truth), 1.0);
        // All alike: whichever two are chosen, each is in the true top with probability 1/2.
        close(precision_at(2, &[0.3; 4], &truth), 0.5);
        // The first is surely chosen; the second place is shared by three, one of which is right.
        close(precision_at(2, &[0.5, 0.3, 0.3, 0.3], &truth), f64::midpoint(1.0, 1.0 / 3.0));
        assert_eq!([precision_at(0, &truth, &truth), precision_at(5, &truth, &truth)], [None; 2]);
    }

    #[test]
    fn the_top_is_that_of_the_prediction() {
        let predicted = [0.9, 0.8, 0.7, 0.2, 0.1];
        let truth = [0.5, 0.6, 0.7, 0.1, 0.0];
        close(top_kendall(3, &predicted, &truth), -1.0);
        // 3 discordant of 10 pairs.
        close(kendall(&predicted, &truth), 0.4);
        assert_eq!(top_kendall(2, &[0.5, 0.5, 0.1], &truth[..3]), None, "a tied top has no order");
    }

    #[test]
    fn intervals_cover_what_was_put_in_and_no_more() {
        let generator = &mut stream(5, Purpose::Mask, 0);
        let mut unit = || f64::from(open_unit(generator));
        let truth: Vec<f64> = (0..200).map(|_| unit()).collect();
        let noisy: Vec<f64> = truth.iter().map(|value| value + unit()).collect();
        let unrelated: Vec<f64> = (0..200).map(|_| unit()).collect();
        let some = rank_correlation(&noisy, &truth, 20, 1).unwrap();
        assert!(some.tau.low > 0.3 && some.tau.high < 0.7 && some.spearman.low > some.tau.low, "{some:?}");
        assert!(some.top_tau.unwrap().half_width() > 2.0 * some.tau.half_width(), "{some:?}");
        let none = rank_correlation(&unrelated, &truth, 20, 1).unwrap();
        assert!(none.tau.low < 0.0 && none.tau.high > 0.0 && none.precision.estimate < 0.3, "{none:?}");
        assert_eq!(rank_correlation(&noisy, &truth, 20, 1), Some(some), "a seed gives the same interval");
        assert!(rank_correlation(&[0.5; 3], &truth[..3], 1, 1).is_none() && rank_correlation(&[], &[], 1, 1).is_none());
    }

    proptest! {
        #[test]
        fn tau_is_that_of_counting_all_pairs(pairs in proptest::collection::vec((0u8..6, 0u8..6), 2..40)) {
            let left: Vec<f64> = pairs.iter().map(|pair| f64::from(pair.0)).collect();
            let right: Vec<f64> = pairs.iter().map(|pair| f64::from(pair.1)).collect();
            let (mut score, mut untied_left, mut untied_right) = (0.0, 0.0, 0.0);
            for (a, one) in pairs.iter().enumerate() {
                for other in &pairs[..a] {
                    let (x, y) = (f64::from(one.0) - f64::from(other.0), f64::from(one.1) - f64::from(other.1));
                    score += if x * y == 0.0 { 0.0 } else { (x * y).signum() };
                    untied_left += f64::from(u8::from(x != 0.0));
                    untied_right += f64::from(u8::from(y != 0.0));
                }
            }
            let expected = (untied_left * untied_right > 0.0).then(|| score / f64::sqrt(untied_left * untied_right));
            match (kendall(&left, &right), expected) {
                (Some(own), Some(expected)) => prop_assert!((own - expected).abs() < 1e-12, "{own} {expected}"),
                (own, expected) => prop_assert_eq!(own, expected),
            }
        }
    }
}
