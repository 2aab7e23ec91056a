//! Posterior candidates against the baselines, image by image: what `pgnas compare` tells. `docs/cli.md` documents the keys.

use super::report::Limits;
use super::text::{counted, percent, points, share, thousands};
use crate::posterior::statistics::{
    Answers, BestOf, Interval, Raced, SamplesInterval, honest_best, mean_and_deviation, paired_difference, probability_of_superiority,
    relative_improvement, samples_intervals, samples_to_reach, simulate,
};
use crate::preset::BatchNormMode;
use crate::run::{CandidateRecord, CandidateScore, Source, Started, newest};
use serde::Serialize;
use std::cmp::Reverse;

/// Splits of the select images into halves that the honest numbers are means over.
const SPLITS: u32 = 50;

/// Bars of a histogram at most.
const BARS: usize = 16;

/// The error rate of the races that are simulated: the default of a preset.
const RACING_ERROR: f64 = 0.05;

/// Answers that the simulated races may look at, all together: about a second.
const RACING_WORK: usize = 200_000_000;

/// Posterior candidates against every baseline that was ranked with the same weights.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Select images that all were asked.
    pub images: u32,
    /// Splits into halves that honest accuracies are means over, each both ways.
    pub half_splits: u32,
    /// The edges of the histograms' bars, one more than there are bars; the upper edge belongs to the next one.
    pub edges: Vec<f64>,
    /// Those of the posterior.
    pub posterior: Drawn,
    /// Those of each baseline, and how the posterior's compare.
    pub baselines: Vec<Baseline>,
    /// What a race of the same candidates would have saved; `null` where it was one.
    pub racing: Option<Racing>,
}

/// Races of the same candidates over their recorded answers, in random orders of the images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Racing {
    /// The rate at which a race may lose the winner.
    pub error: f64,
    /// How many races were simulated.
    pub races: u32,
    /// How many of them ended with the winner of the full ranking.
    pub same_winner: u32,
    /// The share of evaluations saved: the mean over the races, the least and the most.
    pub saved: Limits,
}

/// All candidates of one source, with the statistics that decide.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drawn {
    /// Where they come from.
    pub source: Source,
    /// How many.
    pub count: usize,
    /// Mean select accuracy.
    pub select_mean: f64,
    /// Its sample standard deviation.
    pub select_sd: f64,
    /// The best select accuracy: the highest of many on the images that chose it.
    pub select_max: f64,
    /// Mean of the parameters that they keep.
    pub parameters_mean: f64,
    /// How many fall under each bar of the histogram.
    pub histogram: Vec<u32>,
    /// Accuracy of the best one on the half of the images that chose it.
    pub best_chosen: f64,
    /// Accuracy of that one on the other half.
    pub best_honest: f64,
    /// Accuracy, on the half that did not choose, of the best of so many samples.
    pub best_of: Vec<BestOfPoint>,
}

/// What so many samples buy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BestOfPoint {
    /// Samples.
    pub samples: usize,
    /// Expected accuracy of the best of them, on the half that did not choose.
    pub accuracy: f64,
    /// Where the middle 95 % of the draws begin.
    pub low: f64,
    /// Where they end.
    pub high: f64,
}

/// A baseline, and the posterior against it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// Its candidates.
    #[serde(flatten)]
    pub drawn: Drawn,
    /// Posterior minus baseline mean select accuracy, with a bootstrap 95 % interval over candidates and images.
    pub difference: Limits,
    /// How likely a posterior candidate beats one of the baseline, ties counting half, with a bootstrap 95 % interval over candidates.
    pub superiority: Limits,
    /// The difference as a share of the baseline's mean.
    pub relative_improvement: Option<f64>,
    /// How many samples of the baseline buy what so many of the posterior give.
    pub worth: Vec<Worth>,
    /// All this in words.
    pub sentence: String,
}

impl Baseline {
    /// What some samples of the posterior are worth in samples of this baseline, in words; `None` where nothing is known of it.
    #[must_use]
    pub fn price(&self) -> Option<String> {
        price(&self.worth, &self.drawn)
    }
}

/// What so many posterior samples are worth in samples of a baseline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Worth {
    /// Samples of the posterior.
    pub posterior_samples: usize,
    /// Samples of the baseline whose best is expected to be as good; `null` where all there are do not reach it.
    pub baseline_samples: Option<usize>,
    /// Lower limit of its 95 % interval; `null` for more than there are.
    pub baseline_low: Option<usize>,
    /// Upper limit of its 95 % interval; `null` for more than there are.
    pub baseline_high: Option<usize>,
}

impl Worth {
    /// An estimate and its interval; where resampling moves the whole of it past the estimate, it is widened up to that.
    fn of(posterior_samples: usize, baseline_samples: Option<usize>, interval: SamplesInterval) -> Self {
        let beyond = |samples: Option<usize>| samples.unwrap_or(usize::MAX);
        let limit = |samples: usize| (samples < usize::MAX).then_some(samples);
        let estimate = beyond(baseline_samples);
        Self {
            posterior_samples,
            baseline_samples,
            baseline_low: limit(beyond(interval.low).min(estimate)),
            baseline_high: limit(beyond(interval.high).max(estimate)),
        }
    }

    /// The number in words, of so many samples of the baseline: `12 (4 to more than 30)`.
    #[must_use]
    pub fn words(&self, all: usize) -> String {
        let number = |samples: Option<usize>| match samples {
            Some(samples) => thousands(samples as u64),
            None => format!("more than {}", thousands(all as u64)),
        };
        let (low, high) = (number(self.baseline_low), number(self.baseline_high));
        let estimate = number(self.baseline_samples);
        if low == high && low == estimate { estimate } else { format!("{estimate} ({low} to {high})") }
    }
}

impl Comparison {
    /// Compares the candidates of the newest weights. `None` where there are no posterior candidates with their answers, or none of
    /// any baseline.
    #[must_use]
    pub fn of(started: &Started, candidates: &[CandidateRecord]) -> Option<Self> {
        let mut compared = Self::without_races(started, candidates)?;
        let scores: Vec<CandidateScore> = candidates.iter().map(|candidate| candidate.score.clone()).collect();
        let ids: Vec<_> = newest(&scores).map(|score| score.id).collect();
        let mode = started.batch_norm;
        let asked = |candidate: &&CandidateRecord| ids.contains(&candidate.score.id);
        let entire = candidates.iter().filter(asked).all(|candidate| candidate.correct(mode).0.len() == compared.images as usize);
        let drawn_ones = candidates.iter().filter(|candidate| asked(candidate) && races(candidate.score.source));
        compared.racing = entire.then(|| Racing::of(drawn_ones, mode, started.seed)).flatten();
        Some(compared)
    }

    /// The difference from one baseline alone, the same that a whole comparison tells: for the end of a search.
    #[must_use]
    pub fn difference(started: &Started, candidates: &[CandidateRecord], baseline: Source) -> Option<Limits> {
        let (posterior, baselines) = sides(started, candidates)?;
        baselines.iter().find(|side| side.source == baseline)?.difference(&posterior)
    }

    /// The same without what a race would have saved, which takes as long as all the rest: for a screen.
    #[must_use]
    pub fn without_races(started: &Started, candidates: &[CandidateRecord]) -> Option<Self> {
        let (posterior, baselines) = sides(started, candidates)?;
        let all = baselines.iter().chain([&posterior]).flat_map(|side| &side.answers);
        let images = posterior.answers.first()?.images();
        let right: Vec<usize> = all.map(Answers::right).collect();
        let (least, most) = (right.iter().copied().min()?, right.iter().copied().max()?);
        // Bars of whole numbers of images, so that none is wider by one than its neighbour.
        let wide = (most - least) / BARS + 1;
        let bars = (most - least) / wide + 1;
        let bar = |right: usize| (right - least) / wide;
        let (drawn, curve) = posterior.drawn(bars, bar)?;
        let baselines: Vec<Baseline> = baselines.iter().filter_map(|side| side.against(&posterior, &drawn, &curve, bars, bar)).collect();
        (!baselines.is_empty()).then(|| Self {
            images: images as u32,
            half_splits: SPLITS,
            edges: (0..=bars).map(|bar| ((least + bar * wide) as f64 / images.max(1) as f64).min(1.0)).collect(),
            posterior: drawn,
            baselines,
            racing: None,
        })
    }

    /// Posterior and baselines.
    pub fn sides(&self) -> impl Iterator<Item = &Drawn> {
        std::iter::once(&self.posterior).chain(self.baselines.iter().map(|baseline| &baseline.drawn))
    }
}

impl Racing {
    /// Of candidates that were all asked the same images.
    fn of<'a>(candidates: impl Iterator<Item = &'a CandidateRecord>, mode: BatchNormMode, seed: u64) -> Option<Self> {
        let candidates: Vec<&CandidateRecord> = candidates.collect();
        let answers: Vec<Answers> = candidates.iter().map(|candidate| Answers::new(&candidate.correct(mode).0)).collect();
        let may_win = |index: usize| candidates[index].score.source == Source::Posterior;
        // The smaller of equal ones, then the first, as a ranking has it.
        let merit = |&index: &usize| (answers[index].right(), Reverse((candidates[index].score.parameters, candidates[index].score.id)));
        let winner = (0..answers.len()).filter(|&index| may_win(index)).max_by_key(merit)?;
        let work = answers.iter().map(Answers::images).sum::<usize>().max(1);
        let races = (RACING_WORK / work).clamp(10, 100) as u32;
        let outcome = |race: u32| simulate(&answers, may_win, seed.wrapping_add(u64::from(race)), RACING_ERROR);
        let outcomes: Vec<Raced> = (0..races).map(outcome).collect();
        let saved = || outcomes.iter().map(|outcome| outcome.saved);
        Some(Self {
            error: RACING_ERROR,
            races,
            same_winner: outcomes.iter().filter(|outcome| outcome.left.contains(&winner)).count() as u32,
            saved: Limits {
                estimate: saved().sum::<f64>() / f64::from(races),
                low: saved().fold(1.0, f64::min),
                high: saved().fold(0.0, f64::max),
            },
        })
    }
}

/// Whether candidates of a source take part in a race: references are wanted whole, and a constant rate is no network.
fn races(source: Source) -> bool {
    source == Source::Posterior || source.is_baseline() && source != Source::Constant
}

/// Posterior and baselines of the newest weights, with their answers to the images that all were asked.
fn sides(started: &Started, candidates: &[CandidateRecord]) -> Option<(Side, Vec<Side>)> {
    let scores: Vec<CandidateScore> = candidates.iter().map(|candidate| candidate.score.clone()).collect();
    let ids: Vec<_> = newest(&scores).map(|score| score.id).collect();
    let mode = started.batch_norm;
    // A race asks all only the first images; those are what all can be compared on.
    let asked = |candidate: &&CandidateRecord| ids.contains(&candidate.score.id);
    let common = candidates.iter().filter(asked).map(|candidate| candidate.correct(mode).0.len()).min()?;
    let of = |source| {
        let own = candidates.iter().filter(|candidate| candidate.score.source == source && ids.contains(&candidate.score.id));
        let answers = own.clone().map(|candidate| Answers::new(&candidate.correct(mode).0[..common])).collect();
        let parameters = own.map(|candidate| candidate.score.parameters as f64).collect();
        Side { source, answers, parameters, seed: started.seed }
    };
    Some((of(Source::Posterior), Source::BASELINES.into_iter().map(of).filter(|side| !side.answers.is_empty()).collect()))
}

/// The candidates of one source before anything is computed of them.
struct Side {
    source: Source,
    answers: Vec<Answers>,
    parameters: Vec<f64>,
    seed: u64,
}

impl Side {
    fn answers(&self) -> Vec<&Answers> {
        self.answers.iter().collect()
    }

    fn accuracies(&self) -> Vec<f64> {
        self.answers.iter().map(Answers::accuracy).collect()
    }

    fn drawn(&self, bars: usize, bar: impl Fn(usize) -> usize) -> Option<(Drawn, BestOf)> {
        let (answers, accuracies) = (self.answers(), self.accuracies());
        let (select_mean, select_sd) = mean_and_deviation(&accuracies)?;
        let best = honest_best(&answers, SPLITS, self.seed)?;
        let curve = BestOf::of(&answers, SPLITS, self.seed)?;
        let mut histogram = vec![0; bars];
        self.answers.iter().for_each(|answers| histogram[bar(answers.right())] += 1);
        let point = |(position, point): (usize, &Interval)| BestOfPoint {
            samples: position + 1,
            accuracy: point.estimate,
            low: point.low,
            high: point.high,
        };
        let drawn = Drawn {
            source: self.source,
            count: answers.len(),
            select_mean,
            select_sd,
            select_max: accuracies.iter().copied().fold(0.0, f64::max),
            parameters_mean: mean_and_deviation(&self.parameters)?.0,
            histogram,
            best_chosen: best.chosen_on,
            best_honest: best.reported_on,
            best_of: curve.curve.iter().enumerate().map(point).collect(),
        };
        Some((drawn, curve))
    }

    /// Posterior minus this baseline.
    fn difference(&self, posterior: &Self) -> Option<Limits> {
        paired_difference(&posterior.answers(), &self.answers(), self.seed).map(limits)
    }

    /// This baseline with the posterior against it.
    fn against(
        &self,
        posterior: &Self,
        of_posterior: &Drawn,
        posterior_curve: &BestOf,
        bars: usize,
        bar: impl Fn(usize) -> usize,
    ) -> Option<Baseline> {
        let (drawn, curve) = self.drawn(bars, bar)?;
        let difference = self.difference(posterior)?;
        let superiority = limits(probability_of_superiority(&posterior.accuracies(), &self.accuracies(), self.seed)?);
        let told: Vec<usize> = steps(of_posterior.count).collect();
        let intervals = samples_intervals(&posterior.answers(), &self.answers(), &told, self.seed);
        let worth = |(&samples, interval): (&usize, SamplesInterval)| {
            Worth::of(samples, samples_to_reach(&curve, posterior_curve.curve[samples - 1].estimate), interval)
        };
        let worth: Vec<Worth> = told.iter().zip(intervals).map(worth).collect();
        let sentence = sentence(of_posterior, &drawn, difference, superiority, &worth, posterior.answers[0].images());
        let relative_improvement = relative_improvement(of_posterior.select_mean, drawn.select_mean);
        Some(Baseline { drawn, difference, superiority, relative_improvement, worth, sentence })
    }
}

/// 1, 2, 5, 10, 20, 50 … and the last.
pub fn steps(last: usize) -> impl Iterator<Item = usize> {
    let round = (0..).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_usize.pow(power)));
    round.take_while(move |&step| step < last).chain([last])
}

fn limits(interval: Interval) -> Limits {
    let Interval { estimate, low, high } = interval;
    Limits { estimate, low, high }
}

/// Samples of the posterior whose worth is told, at most.
const TOLD: usize = 10;

/// What some samples of the posterior are worth in samples of a baseline, in the words of texts and screen alike: no surer than the interval.
fn price(worth: &[Worth], baseline: &Drawn) -> Option<String> {
    let worth = worth.iter().rfind(|worth| worth.posterior_samples <= TOLD)?;
    let (name, all) = (baseline.source.label(), baseline.count);
    let few = match worth.posterior_samples {
        1 => "one posterior sample".to_owned(),
        few => format!("the best of {few} posterior samples"),
    };
    let every = || if all == 1 { format!("the one {name} sample") } else { format!("all {} {name} samples", thousands(all as u64)) };
    Some(match (worth.baseline_samples, worth.baseline_low) {
        (Some(1), _) => format!("{few} is worth one {name} sample"),
        (Some(_), _) => format!("{few} is worth about {} {name} samples", worth.words(all)),
        (None, Some(low)) => {
            format!("{few} is worth more than {}, though {} may be enough (95 % interval)", every(), thousands(low as u64))
        }
        (None, None) => format!("{few} is worth more than {}", every()),
    })
}

/// The same as the beginning of a sentence.
fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

fn sentence(posterior: &Drawn, baseline: &Drawn, difference: Limits, superiority: Limits, worth: &[Worth], images: usize) -> String {
    let name = baseline.source.label();
    let interval = format!("{} to {}", points(difference.low), points(difference.high));
    let worth = price(worth, baseline).map_or_else(String::new, |price| format!(" {}.", capital(&price)));
    let (candidates, get) = (counted(posterior.count as u64, "posterior candidate"), if posterior.count == 1 { "gets" } else { "get" });
    format!(
        "Of {images} select images, {candidates} {get} {} right in the mean and {} {name} {} {}: {} points (95 % interval over candidates and \
         images {interval}). A posterior candidate beats a {name} one with probability {} (ties count half).{worth}",
        percent(posterior.select_mean),
        baseline.count,
        if baseline.count == 1 { "one" } else { "ones" },
        percent(baseline.select_mean),
        points(difference.estimate),
        share(superiority.estimate),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture;

    #[test]
    fn the_posterior_is_compared_with_every_baseline_there_is() {
        let comparison = Comparison::of(&fixture::started(), &fixture::candidates()).unwrap();
        assert_eq!((comparison.images, comparison.posterior.count, comparison.baselines.len()), (100, 3, 1));
        let random = &comparison.baselines[0];
        assert_eq!((random.drawn.source, random.drawn.count), (Source::Random, 2));
        assert!((random.difference.estimate - (2.93 / 3.0 - 0.75)).abs() < 1e-12);
        assert!(random.difference.low > 0.1 && random.difference.high < 0.4, "{:?}", random.difference);
        assert!((random.superiority.estimate - 1.0).abs() < 1e-12);
        assert!((random.relative_improvement.unwrap() - (2.93 / 3.0 - 0.75) / 0.75).abs() < 1e-12);
        for side in comparison.sides() {
            assert_eq!(side.histogram.iter().sum::<u32>() as usize, side.count);
            assert_eq!((side.histogram.len() + 1, side.best_of.len()), (comparison.edges.len(), side.count));
            assert!((side.best_of.last().unwrap().accuracy - side.best_honest).abs() < 1e-9);
        }
        assert!(comparison.edges[0] <= 0.7 && *comparison.edges.last().unwrap() > 0.98);
        let samples: Vec<_> = random.worth.iter().map(|worth| (worth.posterior_samples, worth.baseline_samples)).collect();
        assert_eq!(samples, [(1, None), (2, None), (3, None)]);
        assert!(random.worth.iter().all(|worth| worth.baseline_low.is_none() && worth.baseline_high.is_none()));
        assert_eq!(random.worth[2].words(2), "more than 2");
        assert_eq!(
            random.sentence,
            "Of 100 select images, 3 posterior candidates get 97.7 % right in the mean and 2 random ones 75.0 %: +22.7 points (95 % interval \
             over candidates and images +11.8 to +34.0). A posterior candidate beats a random one with probability 1.000 (ties count half). \
             The best of 3 posterior samples is worth more than all 2 random samples."
        );
        assert_eq!(random.price().unwrap(), "the best of 3 posterior samples is worth more than all 2 random samples");
    }

    #[test]
    fn a_price_has_the_reservation_of_its_interval_and_texts_have_it_from_the_same_words_as_the_screen() {
        let comparison = Comparison::of(&fixture::started(), &fixture::candidates()).unwrap();
        let mut random = comparison.baselines[0].clone();
        random.drawn.count = 300;
        let mut told = |samples, estimate, low, high| {
            let worth = Worth { posterior_samples: samples, baseline_samples: estimate, baseline_low: low, baseline_high: high };
            random.worth = vec![worth, Worth { posterior_samples: 20, ..worth }];
            let own = random.price().unwrap();
            let text = sentence(&comparison.posterior, &random.drawn, random.difference, random.superiority, &random.worth, 100);
            assert!(text.ends_with(&format!(" {}.", capital(&own))), "{text}");
            own
        };
        assert_eq!(
            told(10, None, Some(109), None),
            "the best of 10 posterior samples is worth more than all 300 random samples, though 109 may be enough (95 % interval)"
        );
        assert_eq!(told(1, Some(7), Some(4), None), "one posterior sample is worth about 7 (4 to more than 300) random samples");
        assert_eq!(told(1, Some(1), Some(1), Some(1)), "one posterior sample is worth one random sample");
    }

    #[test]
    fn a_worth_is_told_with_its_interval_and_no_further_than_there_are_candidates() {
        let worth = |estimate, low, high| Worth::of(5, estimate, SamplesInterval { low, high });
        assert_eq!(worth(Some(2900), Some(1100), None).words(10_000), "2,900 (1,100 to more than 10,000)");
        assert_eq!(worth(Some(12), Some(4), Some(25)).words(30), "12 (4 to 25)");
        assert_eq!(worth(None, Some(20), None).words(30), "more than 30 (20 to more than 30)");
        assert_eq!(worth(Some(3), Some(4), Some(9)).words(30), "3 (3 to 9)");
        assert_eq!(worth(None, Some(4), Some(9)).words(30), "more than 30 (4 to more than 30)");
    }

    #[test]
    fn every_baseline_has_its_worth_with_an_interval() {
        // All three baselines are the posterior again, so that a sample of them is worth one of it.
        let own: Vec<_> = fixture::candidates().into_iter().filter(|candidate| candidate.score.source == Source::Posterior).collect();
        let mut candidates = own.clone();
        for source in Source::BASELINES {
            candidates.extend(own.iter().cloned().map(|mut candidate| {
                candidate.score.source = source;
                candidate
            }));
        }
        let comparison = Comparison::of(&fixture::started(), &candidates).unwrap();
        assert_eq!(comparison.baselines.len(), Source::BASELINES.len());
        for baseline in &comparison.baselines {
            let first = baseline.worth[0];
            assert_eq!((first.baseline_samples, first.baseline_low), (Some(1), Some(1)), "{:?}", baseline.drawn.source);
            assert!(baseline.sentence.contains(&baseline.worth[2].words(3)), "{}", baseline.sentence);
        }
    }

    #[test]
    fn without_baselines_or_answers_there_is_nothing_to_compare() {
        let mut candidates = fixture::candidates();
        assert!(Comparison::of(&fixture::started(), &[]).is_none());
        candidates.retain(|candidate| candidate.score.source != Source::Random);
        assert!(Comparison::of(&fixture::started(), &candidates).is_none());
    }

    #[test]
    fn steps_are_round_and_end_at_the_last() {
        assert_eq!(steps(60).collect::<Vec<_>>(), [1, 2, 5, 10, 20, 50, 60]);
        assert_eq!(steps(1).collect::<Vec<_>>(), [1]);
    }
}
