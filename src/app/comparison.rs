//! Posterior candidates against random ones: histograms over one axis, and the sentence under them.

use super::run::Run;
use crate::posterior::statistics::{difference_of_means, mean_and_deviation};
use crate::run::{Phase, Source, newest};

/// How many candidates fall into each bin of an axis of accuracies.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Where the first bin begins.
    pub low: f64,
    /// Where the last bin ends.
    pub high: f64,
    /// Posterior candidates of each bin.
    pub posterior: Vec<usize>,
    /// Random candidates of each bin.
    pub random: Vec<usize>,
    /// The references, each with the bin that it falls into.
    pub references: Vec<(Source, usize)>,
}

/// Histograms of the candidates of the newest weights, over so many bins; `None` before there is one.
#[must_use]
pub fn histogram(run: &Run, bins: usize) -> Option<Histogram> {
    let mode = run.mode();
    let scores: Vec<(Source, f64)> = newest(run.candidates()).map(|score| (score.source, score.select.of(mode).share())).collect();
    let values = || scores.iter().map(|(_, value)| *value);
    let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    // A little air, so that the best and the worst are no half bins; one value alone has an axis, too.
    let air = (0.03 * (high - low)).max(0.005);
    let (low, high) = ((low - air).max(0.0), (high + air).min(1.0));
    let bin = |value: f64| ((((value - low) / (high - low)) * bins as f64) as usize).min(bins.saturating_sub(1));
    let of = |source: Source| {
        let mut counts = vec![0; bins];
        scores.iter().filter(|score| score.0 == source).for_each(|score| counts[bin(score.1)] += 1);
        counts
    };
    let references = scores.iter().filter(|(source, _)| source.is_reference()).map(|&(source, value)| (source, bin(value))).collect();
    (bins > 0).then(|| Histogram { low, high, posterior: of(Source::Posterior), random: of(Source::Random), references })
}

/// The expected best of n accuracies drawn without putting back, at some n up to all of them, as (n, accuracy). It is optimistic: the same
/// images choose and report; `pgnas compare` has the honest one.
#[must_use]
pub fn best_of(accuracies: &[f64], points: usize) -> Vec<(usize, f64)> {
    let mut sorted: Vec<f64> = accuracies.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let all = sorted.len();
    let expected = |n: usize| {
        let (mut weight, mut sum) = (n as f64 / all as f64, 0.0);
        for (place, accuracy) in sorted.iter().enumerate() {
            sum += weight * accuracy;
            // C(left - 1, n - 1) from the place before.
            let left = all - place - 1;
            weight *= if left == 0 { 0.0 } else { (left + 1).saturating_sub(n) as f64 / left as f64 };
        }
        sum
    };
    let mut counts: Vec<usize> = (0..points).map(|point| (all as f64).powf(point as f64 / points.max(2) as f64).round() as usize).collect();
    counts.push(all);
    counts.dedup();
    counts.into_iter().filter(|&n| n >= 1 && n <= all).map(|n| (n, expected(n))).collect()
}

/// How many random candidates it takes to expect what a few of the posterior give; in words.
fn price(posterior: &[f64], random: &[f64]) -> Option<String> {
    const FEW: usize = 10;
    let few = FEW.min(posterior.len());
    let wanted = best_of(posterior, 200).into_iter().find(|(n, _)| *n >= few)?;
    let enough = best_of(random, 200).into_iter().find(|(_, best)| *best >= wanted.1);
    let needed = enough.map_or_else(|| format!("not even all {} random ones", random.len()), |(n, _)| format!("about {n} random ones"));
    Some(format!("The best of {} posterior samples is expected to reach {:.3}; {needed} do.", wanted.0, wanted.1))
}

/// The sentence that a person would write under the histograms; `None` before both kinds are there. The interval follows when all are
/// ranked, since it takes a while to draw.
#[must_use]
pub fn comparison(run: &Run) -> Option<String> {
    let epoch = newest(run.candidates()).next()?.epoch;
    let (posterior, random) = (run.accuracies(Source::Posterior, epoch), run.accuracies(Source::Random, epoch));
    let ((left, _), (right, _)) = (mean_and_deviation(&posterior)?, mean_and_deviation(&random)?);
    let difference = if run.phase() == Phase::Ranking {
        format!("{:+.3} so far", left - right)
    } else {
        let interval = difference_of_means(&posterior, &random, 0)?;
        format!("{:+.3} (95 % interval {:.3} to {:.3}, over candidates of this run)", interval.estimate, interval.low, interval.high)
    };
    let price = price(&posterior, &random).map_or_else(String::new, |price| format!(" {price}"));
    Some(format!(
        "{} posterior candidates reach {left:.3} on average, {} random ones of the same keep share {right:.3}: {difference}.{price}",
        posterior.len(),
        random.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{app_at, app_with_candidates, opened};
    use super::*;

    #[test]
    fn the_best_of_n_is_the_mean_for_one_and_the_best_for_all() {
        let accuracies = [0.1, 0.9, 0.5, 0.7];
        let curve = best_of(&accuracies, 20);
        assert_eq!(curve.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [1, 2, 3, 4]);
        let close = |value: f64, expected: f64| (value - expected).abs() < 1e-12;
        assert!(close(curve[0].1, 0.55) && close(curve[3].1, 0.9), "{curve:?}");
        // Of the six pairs, three hold .9, two .7 without it, one .5 and .1.
        assert!(close(curve[1].1, (3.0 * 0.9 + 2.0 * 0.7 + 0.5) / 6.0), "{curve:?}");
        assert_eq!(best_of(&[], 5), []);
    }

    #[test]
    fn every_candidate_falls_into_one_bin() {
        let app = opened(30);
        let run = app.run().unwrap();
        for bins in [1, 7, 200] {
            let histogram = histogram(run, bins).unwrap();
            assert_eq!((histogram.posterior.iter().sum::<usize>(), histogram.random.iter().sum::<usize>()), (30, 30));
            assert_eq!((histogram.posterior.len(), histogram.references.len()), (bins, 2));
        }
        // Every posterior candidate of the scripted run beats every random one.
        let histogram = histogram(run, 60).unwrap();
        let last_random = histogram.random.iter().rposition(|&count| count > 0);
        assert!(last_random < histogram.posterior.iter().position(|&count| count > 0));
        assert_eq!(super::histogram(app_at(3).run().unwrap(), 10), None);
        assert_eq!(super::histogram(run, 0), None);
    }

    #[test]
    fn the_sentence_has_its_interval_where_all_are_ranked() {
        let app = opened(30);
        let told = comparison(app.run().unwrap()).unwrap();
        assert!(told.starts_with("30 posterior candidates reach .9") || told.starts_with("30 posterior candidates reach 0.9"), "{told}");
        assert!(told.contains("95 % interval"), "{told}");
        assert_eq!(comparison(app_with_candidates(5, 0).run().unwrap()), None);
    }
}
