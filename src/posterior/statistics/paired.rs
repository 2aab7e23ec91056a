//! Paired tests of networks on the same images: exact McNemar, and Holm over a whole table of them.

use super::Answers;

/// Two networks that chance alone would tell apart more seldom than this, over a whole table, are not tied.
pub const SIGNIFICANT: f64 = 0.05;

/// On how many images exactly one of two networks is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discordant {
    /// Only the left one.
    pub only_left: u64,
    /// Only the right one.
    pub only_right: u64,
}

impl Discordant {
    /// The exact two-sided McNemar test: how likely two equally good networks differ at least so unevenly. 1 where they never differ.
    #[must_use]
    pub fn mcnemar(self) -> f64 {
        let (fewer, all) = (self.only_left.min(self.only_right), self.only_left + self.only_right);
        (2.0 * half_tail(fewer, all)).min(1.0)
    }

    /// The exact one-sided McNemar test of a left one that is not behind: how likely it leads at least so far among equally good ones.
    #[must_use]
    pub fn mcnemar_leader(self) -> f64 {
        if self.only_left < self.only_right { 1.0 } else { half_tail(self.only_right, self.only_left + self.only_right).min(1.0) }
    }
}

/// P(X <= k) of a binomial X over n fair throws. The largest term comes from logarithms and the others from their ratios, so that
/// neither thousands of throws nor the far tail lose digits.
fn half_tail(k: u64, n: u64) -> f64 {
    let choose = (1..=k).map(|i| ((n - k + i) as f64 / i as f64).ln()).sum::<f64>();
    let largest = (choose - n as f64 * std::f64::consts::LN_2).exp();
    let (mut term, mut sum) = (1.0, 1.0);
    for i in (1..=k).rev() {
        term *= i as f64 / (n - i + 1) as f64;
        sum += term;
        if term < sum * f64::EPSILON {
            break;
        }
    }
    largest * sum
}

/// P values adjusted by Holm: an adjusted value is at most α where its hypothesis falls while the chance that any true one falls, over
/// the whole table, is at most α.
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut so_far = 0.0_f64;
    for (place, index) in order.into_iter().enumerate() {
        so_far = so_far.max((p.len() - place) as f64 * p[index]).min(1.0);
        adjusted[index] = so_far;
    }
    adjusted
}

/// Of each network of a table, whether it is tied with a leader: exact McNemar with Holm over the table does not separate the two.
///
/// The leader was chosen on these very images, so that being tied says more than not being tied.
#[must_use]
pub fn tied(leader: &Answers, others: &[&Answers]) -> Vec<bool> {
    let p: Vec<f64> = others.iter().map(|other| leader.discordant(other).mcnemar()).collect();
    holm(&p).into_iter().map(|p| p > SIGNIFICANT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_exact_where_it_can_be_counted() {
        // Of 5 throws: 1, 5, 10, 10, 5, 1 of 32.
        for (k, ways) in [(0, 1.0), (1, 6.0), (2, 16.0), (5, 32.0)] {
            assert!((half_tail(k, 5) - ways / 32.0).abs() < 1e-15, "{k}");
        }
        assert!((half_tail(0, 0) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn the_far_tail_of_many_images_is_neither_zero_nor_nan() {
        let far = Discordant { only_left: 200, only_right: 800 };
        assert!(far.mcnemar() > 0.0 && far.mcnemar() < 1e-80);
        let even = Discordant { only_left: 500_000, only_right: 500_000 };
        assert!((even.mcnemar() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_longer_table_ties_more() {
        let leader = Answers::new(&[true; 40]);
        let ten_worse = Answers::new(&(0..40).map(|image| image >= 10).collect::<Vec<_>>());
        assert_eq!(tied(&leader, &[&ten_worse, &leader]), [false, true]);
        // p is 2 / 1024; 26 of them fall short of a twentieth.
        assert_eq!(tied(&leader, &[&ten_worse; 25]), [false; 25]);
        assert_eq!(tied(&leader, &[&ten_worse; 26]), [true; 26]);
    }
}
