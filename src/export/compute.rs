//! How a report is computed: from the records of a run alone.

use super::report::{
    Candidate, CandidateAccuracy, Constrained, Difference, Group, LastEpoch, Limits, Network, Report, RetrainedCandidate, Sample,
    SampleAccuracy, Steered, TieSet,
};
use super::{Comparison, Correlation};
use crate::posterior::statistics::{Interval, difference_of_means, mean_and_deviation};
use crate::preset::BatchNormMode;
use crate::run::{
    Acceptance, Averaging, CandidateId, CandidateRecord, CandidateScore, EpochMetrics, Event, Outcome, Record, Retrained, RunState, Scores,
    Source, Started, TestScore, Ties, newest, pareto, ranked, winner,
};

/// How many candidates of the ranking a report shows.
const SHOWN: usize = 10;

/// The log has no head, so that nothing can be said of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log does not begin with the event `started`; it is no log of a run")]
pub struct NoHead;

impl Report {
    /// The report of a run's records; `notes` are what was noticed in reading them. Without `candidates` it lacks the comparison image by
    /// image.
    ///
    /// # Errors
    /// [`NoHead`] where the first record is not the head of a log.
    pub fn of(records: &[Record], candidates: &[CandidateRecord], notes: Vec<String>) -> Result<Self, NoHead> {
        let (Some(Record { event: Event::Started(started), .. }), Some(last)) = (records.first(), records.last()) else {
            return Err(NoHead);
        };
        let scores: Vec<CandidateScore> = select(records, |event| match event {
            Event::Candidate(score) => Some((**score).clone()),
            _ => None,
        });
        let epoch: Option<&EpochMetrics> = records.iter().rev().find_map(|record| match &record.event {
            Event::Epoch(metrics) => Some(&**metrics),
            _ => None,
        });
        let tests = tests(records);
        let mode = started.batch_norm;
        let ties = records.iter().rev().find_map(|record| if let Event::Ties(ties) = &record.event { Some(ties) } else { None });
        let front: Vec<CandidateId> = pareto(&scores, mode).into_iter().map(|score| score.id).collect();
        let candidate = |score: &CandidateScore| {
            let test = tests.iter().rfind(|test| test.id == score.id).map(|test| test.test);
            let is_tied = ties.map(|ties| ties.leader == score.id || ties.tied.contains(&score.id));
            Candidate::of(score, test, is_tied, front.contains(&score.id), mode)
        };
        let reference = |source| newest(&scores).filter(|score| score.source == source).last().map(candidate);
        let won = winner(&scores, mode);
        // Of equal ones, the one that the engine read the test split for.
        let tested = |score: &&CandidateScore| tests.iter().any(|test| test.id == score.id);
        let mut random = newest(&scores).filter(|score| score.source == Source::Random);
        let best_random = random.find(tested).or_else(|| ranked(&scores, mode).into_iter().find(|score| score.source == Source::Random));
        let end = records.iter().rfind(|record| !matches!(record.event, Event::Final(_))).unwrap_or(last);
        let (end, outcome) = match &end.event {
            Event::Finished { outcome, resources, .. } => (Some(*resources), Some(outcome)),
            _ => (None, None),
        };
        let mut report = Self {
            format: "pgnas-report",
            version: 1,
            program: started.program.clone(),
            run: started.run.clone(),
            preset: started.preset.clone(),
            set: started.set.clone(),
            seed: started.seed,
            device: started.device.clone(),
            precision: started.precision,
            tf32: started.tf32,
            outcome: RunState::after(&last.event).label(),
            reason: outcome.and_then(|outcome| match outcome {
                Outcome::Failed { reason } => Some(reason.clone()),
                _ => None,
            }),
            splits: started.splits,
            batch_norm: mode,
            epochs: started.epochs,
            epochs_done: epoch.map_or(0, |epoch| epoch.epoch),
            wall_seconds: end.map_or(last.seconds, |resources| resources.wall_seconds),
            training_seconds: end.map(|resources| resources.training_seconds),
            ranking_seconds: end.map(|resources| resources.ranking_seconds),
            peak_rss_bytes: end.map(|resources| resources.peak_rss_bytes),
            test_reads: test_reads(records),
            network: Network::of(started),
            expected_drop_share: epoch.map(|epoch| epoch.health.expected_drop_share),
            last_epoch: epoch.map(LastEpoch::of),
            winner: scores.iter().find(|score| Some(score.id) == won).map(candidate),
            whole: reference(Source::Whole),
            threshold: reference(Source::Threshold),
            posterior: Sample::of(&scores, Source::Posterior, mode),
            random: Sample::of(&scores, Source::Random, mode),
            uniform: Sample::of(&scores, Source::Uniform, mode),
            constant: Sample::of(&scores, Source::Constant, mode),
            best_random: best_random.map(candidate),
            difference: Difference::of(&scores, mode, started.seed),
            comparison: Comparison::of(started, candidates),
            ties: ties.map(|ties| TieSet::of(ties, &scores, candidate)),
            race: select(records, |event| match event {
                Event::Race(race) => Some(*race),
                _ => None,
            })
            .pop(),
            constraint: (!started.constraint.is_empty())
                .then(|| Constrained { bounds: started.constraint.clone(), acceptance: acceptance(records) }),
            pareto: pareto(&scores, mode).into_iter().map(candidate).collect(),
            ranking: ranked(&scores, mode).into_iter().take(SHOWN).map(candidate).collect(),
            groups: groups(started, epoch),
            interventions: records.iter().filter(|record| matches!(record.event, Event::Intervention { .. })).count() as u32,
            steered: steered(started, records),
            alerts: select(records, |event| match event {
                Event::Alert(alert) => Some(alert.clone()),
                _ => None,
            }),
            ensemble: None,
            ensemble_test: select(records, |event| match event {
                Event::Final(told) => told.ensemble.clone(),
                _ => None,
            })
            .pop(),
            retrained: Vec::new(),
            correlations: Vec::new(),
            notes,
            checklist: Vec::new(),
        };
        report.checklist = super::checklist::checklist(&report, records);
        Ok(report)
    }

    /// With what was found out after the search.
    #[must_use]
    pub fn with(self, ensemble: Option<Averaging>, retrained: &[Retrained]) -> Self {
        let mut report = Self { ensemble, retrained: retrained.iter().map(RetrainedCandidate::of).collect(), ..self };
        super::checklist::renew(&mut report);
        report
    }

    /// With how well inherited weights were found to rank.
    #[must_use]
    pub fn with_correlations(self, correlations: Vec<Correlation>) -> Self {
        let mut report = Self { correlations, ..self };
        super::checklist::renew(&mut report);
        report
    }
}

/// What the test split said, of the search first.
fn tests(records: &[Record]) -> Vec<TestScore> {
    let tests = select(records, |event| match event {
        Event::Test(test) => Some(vec![test.clone()]),
        Event::Final(told) => Some(told.candidates.clone()),
        _ => None,
    });
    tests.concat()
}

/// How somebody steered.
fn steered(started: &Started, records: &[Record]) -> Vec<Steered> {
    select(records, |event| match event {
        Event::Intervention { command, step } => Some(Steered { step: *step, what: command.words(&started.network) }),
        _ => None,
    })
}

/// How often the test split was opened: at the end of a search, and by `pgnas final`.
#[must_use]
pub fn test_reads(records: &[Record]) -> u32 {
    let of_search = records.iter().rev().find_map(|record| match &record.event {
        Event::Finished { test_reads, .. } => Some(*test_reads),
        _ => None,
    });
    // A log without an end cannot count; that it was read at all still shows.
    let of_search = of_search.unwrap_or_else(|| u32::from(records.iter().any(|record| matches!(record.event, Event::Test(_)))));
    of_search + records.iter().filter(|record| matches!(record.event, Event::Final(_))).count() as u32
}

impl RetrainedCandidate {
    fn of(retrained: &Retrained) -> Self {
        let interval = retrained.retrained.interval();
        Self {
            candidate: retrained.candidate,
            source: retrained.source,
            from: retrained.from,
            seed: retrained.seed,
            epochs: retrained.epochs,
            recipe: retrained.recipe.clone(),
            parameters: retrained.parameters,
            inherited_accuracy: retrained.inherited.share(),
            retrained_accuracy: interval.estimate,
            retrained_low: interval.low,
            retrained_high: interval.high,
            p: retrained.p,
        }
    }
}

fn select<T>(records: &[Record], take: impl Fn(&Event) -> Option<T>) -> Vec<T> {
    records.iter().filter_map(|record| take(&record.event)).collect()
}

/// Of each source all that was drawn, at the end and in between.
fn acceptance(records: &[Record]) -> Vec<Acceptance> {
    let mut all: Vec<Acceptance> = Vec::new();
    for record in records {
        let Event::Drawn(told) = record.event else { continue };
        match all.iter_mut().find(|known| known.source == told.source) {
            Some(known) => (known.drawn, known.accepted) = (known.drawn + told.drawn, known.accepted + told.accepted),
            None => all.push(told),
        }
    }
    all
}

fn groups(started: &Started, epoch: Option<&EpochMetrics>) -> Vec<Group> {
    let drop = |index: usize| match epoch {
        Some(epoch) => epoch.drop_probabilities.get(index).copied().map(f64::from),
        None => Some(started.initial_drop),
    };
    let group = |(index, group): (usize, &crate::run::GroupSummary)| {
        Some(Group {
            block: group.block.clone(),
            edge: group.edge.clone(),
            operation: group.operation.clone(),
            channels: group.channels,
            parameters: group.parameters,
            drop_probability: drop(index)?,
        })
    };
    started.network.groups.iter().enumerate().filter_map(group).collect()
}

impl Network {
    fn of(started: &Started) -> Self {
        let network = &started.network;
        Self {
            parameters: network.parameters,
            macs: network.macs,
            groups: network.groups.len(),
            masked_channels: network.masked_channels,
            masked_weights: network.masked_weights,
        }
    }
}

impl LastEpoch {
    fn of(epoch: &EpochMetrics) -> Self {
        Self {
            cross_entropy: epoch.cross_entropy,
            kl: epoch.kl,
            kl_parts: epoch.kl_parts,
            train_accuracy: epoch.train_accuracy,
            select_accuracy: epoch.select_accuracy,
            entropy_bits: epoch.health.entropy_bits,
            undecided_share: epoch.health.undecided_share,
            expected_parameters: epoch.health.expected_parameters,
            expected_macs: epoch.health.expected_macs,
        }
    }
}

impl TieSet {
    fn of(ties: &Ties, scores: &[CandidateScore], candidate: impl Fn(&CandidateScore) -> Candidate) -> Self {
        let is_tied = |score: &&CandidateScore| score.id == ties.leader || ties.tied.contains(&score.id);
        let posterior = || scores.iter().filter(|score| score.source == Source::Posterior).filter(is_tied);
        Self {
            leader: ties.leader,
            compared: ties.compared,
            tied: ties.tied.clone(),
            posterior: posterior().filter(|score| score.id != ties.leader).count(),
            smallest: posterior().min_by_key(|score| (score.parameters, score.id)).map(candidate),
        }
    }
}

impl Candidate {
    fn of(score: &CandidateScore, test: Option<Scores>, tied: Option<bool>, pareto: bool, mode: BatchNormMode) -> Self {
        let accuracy = |mode| {
            let select = score.select.of(mode).interval();
            let test = test.map(|test| test.of(mode).interval());
            CandidateAccuracy {
                select_accuracy: select.estimate,
                select_low: select.low,
                select_high: select.high,
                test_accuracy: test.map(|test| test.estimate),
                test_low: test.map(|test| test.low),
                test_high: test.map(|test| test.high),
            }
        };
        Self {
            id: score.id,
            source: score.source,
            deciding: accuracy(mode),
            parameters: score.parameters,
            macs: score.macs,
            paper_count: score.paper_count,
            kept_share: score.kept_share,
            pareto,
            tied,
            inherited: accuracy(BatchNormMode::Inherited),
            recalibrated: accuracy(BatchNormMode::Recalibrated),
        }
    }
}

fn accuracies(scores: &[CandidateScore], source: Source, mode: BatchNormMode) -> Vec<f64> {
    newest(scores).filter(|score| score.source == source).map(|score| score.select.of(mode).share()).collect()
}

impl Sample {
    fn of(scores: &[CandidateScore], source: Source, mode: BatchNormMode) -> Option<Self> {
        let own: Vec<&CandidateScore> = newest(scores).filter(|score| score.source == source).collect();
        let mean = |value: &dyn Fn(&CandidateScore) -> f64| own.iter().map(|score| value(score)).sum::<f64>() / own.len() as f64;
        let accuracy = |mode| {
            let values = accuracies(scores, source, mode);
            let (select_mean, select_sd) = mean_and_deviation(&values)?;
            let select_min = values.iter().copied().fold(f64::INFINITY, f64::min);
            Some(SampleAccuracy { select_mean, select_sd, select_min, select_max: values.iter().copied().fold(0.0, f64::max) })
        };
        Some(Self {
            count: own.len(),
            deciding: accuracy(mode)?,
            parameters_mean: mean(&|score| score.parameters as f64),
            macs_mean: mean(&|score| score.macs as f64),
            kept_share_mean: mean(&|score| score.kept_share),
            inherited: accuracy(BatchNormMode::Inherited)?,
            recalibrated: accuracy(BatchNormMode::Recalibrated)?,
        })
    }
}

impl Difference {
    fn of(scores: &[CandidateScore], mode: BatchNormMode, seed: u64) -> Option<Self> {
        let difference = |mode| {
            let (posterior, random) = (accuracies(scores, Source::Posterior, mode), accuracies(scores, Source::Random, mode));
            let Interval { estimate, low, high } = difference_of_means(&posterior, &random, seed)?;
            Some(Limits { estimate, low, high })
        };
        Some(Self {
            deciding: difference(mode)?,
            inherited: difference(BatchNormMode::Inherited)?,
            recalibrated: difference(BatchNormMode::Recalibrated)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture;

    fn records(events: Vec<Event>) -> Vec<Record> {
        let record = |(sequence, event)| Record { sequence: sequence as u64, seconds: sequence as f64, event };
        events.into_iter().enumerate().map(record).collect()
    }

    #[test]
    fn a_complete_run_is_reported_with_its_numbers() {
        let report = Report::of(&records(fixture::events()), &fixture::candidates(), vec![]).unwrap();
        let json = serde_json::to_value(&report).unwrap();
        for (path, expected) in [
            ("/outcome", serde_json::json!("completed")),
            ("/wall_seconds", serde_json::json!(12.5)),
            ("/peak_rss_bytes", serde_json::json!(1 << 28)),
            ("/expected_drop_share", serde_json::json!(0.5)),
            ("/test_reads", serde_json::json!(1)),
            ("/winner/id", serde_json::json!(6)),
            ("/winner/select_accuracy", serde_json::json!(0.98)),
            ("/winner/inherited/select_accuracy", serde_json::json!(0.88)),
            ("/winner/test_accuracy", serde_json::json!(340.0 / 347.0)),
            ("/winner/parameters", serde_json::json!(510)),
            ("/winner/paper_count/parameters", serde_json::json!(550)),
            ("/whole/select_accuracy", serde_json::json!(0.96)),
            ("/whole/test_accuracy", serde_json::json!(338.0 / 347.0)),
            ("/threshold/kept_share", serde_json::json!(0.5)),
            // Candidate 1 was ranked with the weights of an earlier epoch and counts nowhere.
            ("/posterior/count", serde_json::json!(3)),
            ("/random/count", serde_json::json!(2)),
            ("/random/select_mean", serde_json::json!(0.75)),
            ("/best_random/id", serde_json::json!(7)),
            ("/best_random/test_accuracy", serde_json::json!(300.0 / 347.0)),
            ("/ranking/0/id", serde_json::json!(6)),
            ("/ranking/1/id", serde_json::json!(5)),
            ("/groups/4/drop_probability", serde_json::json!(f64::from(0.9f32))),
            ("/splits/test", serde_json::json!(347)),
            ("/interventions", serde_json::json!(1)),
            ("/constraint", serde_json::Value::Null),
            ("/pareto/0/id", serde_json::json!(3)),
            ("/pareto/1/id", serde_json::json!(6)),
            ("/winner/pareto", serde_json::json!(true)),
            ("/whole/pareto", serde_json::json!(false)),
            ("/ties/leader", serde_json::json!(6)),
            ("/ties/tied", serde_json::json!([2, 3, 4, 5])),
            ("/ties/posterior", serde_json::json!(2)),
            ("/ties/smallest/id", serde_json::json!(6)),
            ("/winner/tied", serde_json::json!(true)),
            ("/best_random/tied", serde_json::json!(false)),
            ("/comparison/images", serde_json::json!(100)),
            ("/comparison/baselines/0/source", serde_json::json!("random")),
            ("/reason", serde_json::Value::Null),
        ] {
            assert_eq!(json.pointer(path), Some(&expected), "{path}");
        }
        let posterior = report.posterior.unwrap().deciding;
        assert!((posterior.select_mean - 2.93 / 3.0).abs() < 1e-12 && (posterior.select_sd - 0.01 / 3f64.sqrt()).abs() < 1e-12);
        let difference = report.difference.unwrap().deciding;
        assert!((difference.estimate - (2.93 / 3.0 - 0.75)).abs() < 1e-12);
        assert!(difference.low > 0.1 && difference.low < difference.estimate && difference.estimate < difference.high);
    }

    #[test]
    fn a_run_without_an_end_has_nulls_and_every_key() {
        let whole = serde_json::to_value(Report::of(&records(fixture::events()), &fixture::candidates(), vec![]).unwrap()).unwrap();
        let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let mut events = fixture::events();
        for length in (1..events.len()).rev() {
            events.truncate(length);
            let report = Report::of(&records(events.clone()), &[], vec!["torn".into()]).unwrap();
            assert_eq!((report.outcome, report.wall_seconds, report.peak_rss_bytes), ("unfinished", (length - 1) as f64, None));
            assert_eq!(keys(&serde_json::to_value(report).unwrap()), keys(&whole));
        }
        let report = Report::of(&records(events), &[], vec![]).unwrap();
        assert!(report.winner.is_none() && report.posterior.is_none() && report.difference.is_none() && report.last_epoch.is_none());
        assert!(report.groups.iter().all(|group| (group.drop_probability - 0.1).abs() < 1e-12));
        assert_eq!(Report::of(&[], &[], vec![]), Err(NoHead));
        assert_eq!(Report::of(&records(vec![fixture::events().pop().unwrap()]), &[], vec![]), Err(NoHead));
    }

    #[test]
    fn a_failure_tells_its_reason() {
        let mut events = fixture::events();
        let Some(Event::Finished { outcome, .. }) = events.last_mut() else { panic!("the last event ends the run") };
        *outcome = Outcome::Failed { reason: "the device is gone".into() };
        let report = Report::of(&records(events), &[], vec![]).unwrap();
        assert_eq!((report.outcome, report.reason.as_deref()), ("failed", Some("the device is gone")));
    }
}
