//! Posterior candidates against those of a baseline: histograms over one axis, and the sentence under them.

use super::run::Run;
use crate::export::text::{percent, points};
use crate::export::{Baseline, Comparison};
use crate::posterior::statistics::mean_and_deviation;
use crate::run::{Source, newest};

/// How many candidates fall into each bin of an axis of accuracies.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Where the first bin begins.
    pub low: f64,
    /// Where the last bin ends.
    pub high: f64,
    /// Posterior candidates of each bin.
    pub posterior: Vec<usize>,
    /// Candidates of the baseline of each bin.
    pub baseline: Vec<usize>,
    /// The references, each with the bin that it falls into.
    pub references: Vec<(Source, usize)>,
}

impl Run {
    /// The baselines that were ranked with the newest weights.
    #[must_use]
    pub fn baselines(&self) -> Vec<Source> {
        Source::BASELINES.into_iter().filter(|&source| self.count(source) > 0).collect()
    }

    /// The baseline that the posterior is shown against: the chosen one, else the first that was ranked.
    #[must_use]
    pub fn baseline(&self) -> Source {
        let ranked = self.baselines();
        if ranked.contains(&self.baseline) { self.baseline } else { ranked.first().copied().unwrap_or(Source::Random) }
    }

    /// Goes on to the next baseline that was ranked.
    pub(super) fn next_baseline(&mut self) {
        let ranked = self.baselines();
        let at = ranked.iter().position(|&source| source == self.baseline());
        if let Some(&next) = at.and_then(|at| ranked.get((at + 1) % ranked.len())) {
            self.baseline = next;
        }
    }

    /// The comparison image by image, and the part of it that is about the baseline that shows.
    #[must_use]
    pub fn comparison(&self) -> Option<(&Comparison, &Baseline)> {
        let comparison = self.compared()?.comparison.as_ref()?;
        let source = self.baseline();
        Some((comparison, comparison.baselines.iter().find(|baseline| baseline.drawn.source == source)?))
    }

    /// Source and select accuracy of the candidates of the newest weights, all on the same images. `None` before the answers are read where
    /// a race asked some fewer images than others.
    fn shares(&self) -> Option<Vec<(Source, f64)>> {
        if let Some(compared) = self.compared().filter(|compared| !compared.shares.is_empty()) {
            return Some(compared.shares.clone());
        }
        let select = |score: &crate::run::CandidateScore| score.select.of(self.mode());
        let first = newest(self.candidates()).next().map(|score| select(score).total)?;
        let all: Vec<_> = newest(self.candidates()).map(|score| (score.source, select(score))).collect();
        let same = all.iter().all(|(_, accuracy)| accuracy.total == first);
        same.then(|| all.into_iter().map(|(source, accuracy)| (source, accuracy.share())).collect())
    }
}

/// Histograms of the candidates of the newest weights, over so many bins; `None` before there is one, or before it is known which images
/// all were asked.
#[must_use]
pub fn histogram(run: &Run, bins: usize) -> Option<Histogram> {
    let (shares, baseline) = (run.shares()?, run.baseline());
    // A baseline that does not show must not squeeze those that do.
    let shows = |source: Source| source == Source::Posterior || source == baseline || source.is_reference();
    let values = || shares.iter().filter(|(source, _)| shows(*source)).map(|(_, value)| *value);
    let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    // A little air, so that the best and the worst are no half bins; one value alone has an axis, too.
    let air = (0.03 * (high - low)).max(0.005);
    let (low, high) = ((low - air).max(0.0), (high + air).min(1.0));
    let bin = |value: f64| ((((value - low) / (high - low)) * bins as f64) as usize).min(bins.saturating_sub(1));
    let of = |source: Source| {
        let mut counts = vec![0; bins];
        shares.iter().filter(|share| share.0 == source).for_each(|share| counts[bin(share.1)] += 1);
        counts
    };
    let references = shares.iter().filter(|(source, _)| source.is_reference()).map(|&(source, value)| (source, bin(value))).collect();
    (bins > 0).then(|| Histogram { low, high, posterior: of(Source::Posterior), baseline: of(baseline), references })
}

/// The sentence that a person would write under the histograms, no surer than the interval allows.
#[must_use]
pub fn verdict(comparison: &Comparison, baseline: &Baseline) -> String {
    let (name, difference, posterior) = (baseline.drawn.source.label(), baseline.difference, &comparison.posterior);
    let interval = format!("95 % interval {} to {}", points(difference.low), points(difference.high));
    let estimate = points(difference.estimate);
    let best = format!(
        "The best of {} posterior ones, chosen on one half of the images, gets {} of the other half right",
        posterior.count,
        percent(posterior.best_honest)
    );
    if difference.low <= 0.0 && difference.high >= 0.0 {
        return format!(
            "Posterior and {name} candidates cannot be told apart by these {} images: {estimate} points in the mean, and the {interval} holds \
             0. {best}, that of {} {name} ones {}.",
            comparison.images,
            baseline.drawn.count,
            percent(baseline.drawn.best_honest)
        );
    }
    let lead = if difference.low > 0.0 { "are better" } else { "are worse" };
    let worth = baseline.price().map_or_else(String::new, |price| format!("; {price}"));
    format!("Posterior candidates {lead} than {name} ones: {estimate} points in the mean ({interval}). {best}{worth}.")
}

/// What the log alone tells, without the answers to each image: the means. `None` before both kinds are there.
#[must_use]
pub fn means(run: &Run) -> Option<String> {
    let (shares, baseline) = (run.shares()?, run.baseline());
    let of = |wanted: Source| shares.iter().filter(|(source, _)| *source == wanted).map(|(_, share)| *share).collect::<Vec<f64>>();
    let (posterior, others) = (of(Source::Posterior), of(baseline));
    let ((left, _), (right, _)) = (mean_and_deviation(&posterior)?, mean_and_deviation(&others)?);
    Some(format!(
        "{} posterior candidates get {} right in the mean, {} {} ones {}: {} points.",
        posterior.len(),
        percent(left),
        others.len(),
        baseline.label(),
        percent(right),
        points(left - right)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, app_at, app_with_candidates, opened, press, push, score};
    use super::*;
    use crate::run::Event;

    #[test]
    fn every_candidate_falls_into_one_bin() {
        for app in [opened(30), answered(opened(30))] {
            let run = app.run().unwrap();
            for bins in [1, 7, 200] {
                let histogram = histogram(run, bins).unwrap();
                assert_eq!((histogram.posterior.iter().sum::<usize>(), histogram.baseline.iter().sum::<usize>()), (30, 30));
                assert_eq!((histogram.posterior.len(), histogram.references.len()), (bins, 2));
            }
            // Every posterior candidate of the scripted run beats every random one.
            let histogram = histogram(run, 60).unwrap();
            let last_random = histogram.baseline.iter().rposition(|&count| count > 0);
            assert!(last_random < histogram.posterior.iter().position(|&count| count > 0));
            assert_eq!(super::histogram(run, 0), None);
        }
        assert_eq!(histogram(app_at(3).run().unwrap(), 10), None);
        let mut other = opened(30);
        let before = histogram(other.run().unwrap(), 60).unwrap();
        push(&mut other, Event::Candidate(Box::new(score(90, Source::Constant, 40, 60, 900))));
        assert_eq!(histogram(other.run().unwrap(), 60), Some(before), "another baseline than the one that shows");
        let mut raced = opened(3);
        let mut dropped = score(90, Source::Posterior, 40, 60, 900);
        dropped.select.recalibrated.total = 70;
        push(&mut raced, Event::Candidate(Box::new(dropped)));
        assert_eq!(histogram(raced.run().unwrap(), 10), None, "accuracies on different images have no common axis");
    }

    #[test]
    fn the_sentence_is_no_surer_than_its_interval() {
        let app = answered(opened(30));
        let (comparison, random) = app.run().unwrap().comparison().unwrap();
        let told = verdict(comparison, random);
        assert!(told.starts_with("Posterior candidates are better than random ones: +14."), "{told}");
        assert!(told.contains("the best of 10 posterior samples is worth more than all 30 random samples"), "{told}");
        let (mut even, mut behind) = (random.clone(), random.clone());
        (even.difference.low, behind.difference.high) = (-0.01, -0.001);
        behind.difference.low = -0.02;
        let hedged = verdict(comparison, &even);
        assert!(hedged.contains("cannot be told apart by these 350 images") && hedged.contains("holds 0"), "{hedged}");
        assert!(!hedged.contains("worth") && verdict(comparison, &behind).contains("are worse than random ones"));
    }

    #[test]
    fn the_baseline_is_chosen_among_those_that_were_ranked() {
        let mut app = opened(4);
        press(&mut app, "4 w");
        assert_eq!(app.run().unwrap().baseline(), Source::Random);
        assert!(app.notice_line().unwrap().text.contains("no other baseline"));
        for id in 90..93 {
            push(&mut app, Event::Candidate(Box::new(score(id, Source::Uniform, 40, 300 + id, 900))));
        }
        let mut app = answered(app);
        press(&mut app, "w");
        let run = app.run().unwrap();
        assert_eq!((run.baseline(), run.comparison().unwrap().1.drawn.count), (Source::Uniform, 3));
        assert_eq!(histogram(run, 9).unwrap().baseline.iter().sum::<usize>(), 3);
        press(&mut app, "w");
        assert_eq!(app.run().unwrap().baseline(), Source::Random);
        press(&mut app, "1 w");
        assert_eq!(app.run().unwrap().baseline(), Source::Random, "only on the screen that shows it");
    }

    #[test]
    fn without_answers_the_means_are_told() {
        let told = means(opened(30).run().unwrap()).unwrap();
        assert!(told.starts_with("30 posterior candidates get 97.") && told.contains("30 random ones 8"), "{told}");
        assert_eq!(means(app_with_candidates(5, 0).run().unwrap()), None);
    }
}
