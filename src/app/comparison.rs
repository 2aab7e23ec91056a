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
    Some(format!(
        "{} posterior candidates reach {left:.3} on average, {} random ones of the same keep share {right:.3}: {difference}.",
        posterior.len(),
        random.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{app_at, app_with_candidates, opened};
    use super::*;

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
