//! The statistics of candidates against SciPy and statsmodels.

use pgnas::posterior::statistics::{Answers, BestOf, Discordant, Halves, holm, probability_of_superiority, simulate, wilson};
use pgnas::run::Bits;
use serde_json::Value;

fn reference() -> Value {
    serde_json::from_str(include_str!("reference/statistics.json")).unwrap()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).map(|value| value.as_f64().unwrap()).collect()
}

/// Equal but for the last few digits.
#[track_caller]
fn close(own: f64, reference: f64) {
    assert!((own - reference).abs() <= 1e-10 * reference.abs().max(1e-6), "{own} instead of {reference}");
}

#[test]
fn mcnemar_is_exact() {
    let reference = reference();
    for case in list(&reference["mcnemar"]) {
        let count = |key: &str| case[key].as_u64().unwrap();
        let (only_left, only_right) = (count("only_left"), count("only_right"));
        for discordant in [Discordant { only_left, only_right }, Discordant { only_left: only_right, only_right: only_left }] {
            close(discordant.mcnemar(), case["p"].as_f64().unwrap());
        }
    }
}

#[test]
fn holm_adjusts_a_table_in_any_order() {
    let reference = reference();
    let (p, adjusted) = (numbers(&reference["holm"]["p"]), numbers(&reference["holm"]["adjusted"]));
    holm(&p).into_iter().zip(&adjusted).for_each(|(own, &reference)| close(own, reference));
    let reversed: Vec<f64> = p.iter().rev().copied().collect();
    holm(&reversed).into_iter().zip(adjusted.iter().rev()).for_each(|(own, &reference)| close(own, reference));
    assert_eq!(holm(&[]), [0.0; 0]);
}

#[test]
fn wilson_limits() {
    let reference = reference();
    for case in list(&reference["wilson"]) {
        let interval = wilson(case["correct"].as_u64().unwrap() as usize, case["total"].as_u64().unwrap() as usize);
        let limits = numbers(&case["limits"]);
        assert!((interval.low - limits[0]).abs() < 1e-12 && (interval.high - limits[1]).abs() < 1e-12, "{interval:?}: {limits:?}");
    }
}

#[test]
fn superiority_counts_ties_half() {
    let reference = reference();
    for case in list(&reference["superiority"]) {
        let interval = probability_of_superiority(&numbers(&case["left"]), &numbers(&case["right"]), 1).unwrap();
        close(interval.estimate, case["probability"].as_f64().unwrap());
    }
}

#[test]
fn the_best_of_n_is_the_mean_over_all_choices() {
    const IMAGES: usize = 20;
    let reference = reference();
    let halves = Halves::new(IMAGES, 4, 0);
    let (first, second) = halves.both_ways().next().unwrap();
    let candidate = |counts: &Value| {
        let mut left = numbers(counts);
        let mut take = |half: usize| {
            left[half] -= 1.0;
            left[half] >= 0.0
        };
        let right: Vec<bool> = (0..IMAGES).map(|image| take(usize::from(!first.is_right(image)))).collect();
        let answers = Answers::new(&right);
        assert_eq!(numbers(counts), [answers.right_within(first) as f64, answers.right_within(second) as f64]);
        answers
    };
    let candidates: Vec<Answers> = list(&reference["best_of"]["candidates"]).map(candidate).collect();
    let curve = BestOf::of(&candidates.iter().collect::<Vec<_>>(), 1, 4).unwrap().curve;
    let expected = numbers(&reference["best_of"]["curve"]);
    assert_eq!(curve.len(), expected.len());
    curve.iter().zip(expected).for_each(|(point, expected)| close(point.estimate, expected));
}

/// A recorded candidate: whether it is of the posterior, its parameters, its answers.
type Recorded = (bool, u64, Vec<bool>);

fn recorded() -> Vec<Recorded> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap();
        (word() == "posterior", word().parse().unwrap(), word().parse::<Bits>().unwrap().0)
    };
    include_str!("reference/answers.txt").lines().map(line).collect()
}

/// The best of some candidates on all images, the smaller of equals.
fn winner(candidates: &[Recorded], among: impl Iterator<Item = usize>) -> usize {
    let right = |index: usize| candidates[index].2.iter().filter(|&&right| right).count();
    among.filter(|&index| candidates[index].0).max_by_key(|&index| (right(index), std::cmp::Reverse((candidates[index].1, index)))).unwrap()
}

/// Runs a race over the recorded answers; tells who is left, and the share of evaluations saved.
fn raced(candidates: &[Recorded], seed: u64, error: f64) -> (Vec<usize>, f64) {
    let answers: Vec<Answers> = candidates.iter().map(|candidate| Answers::new(&candidate.2)).collect();
    let raced = simulate(&answers, |index| candidates[index].0, seed, error);
    (raced.left, raced.saved)
}

#[test]
fn a_race_over_recorded_answers_finds_the_same_winner_within_its_error_rate() {
    const RACES: u32 = 200;
    let candidates = recorded();
    let best = winner(&candidates, 0..candidates.len());
    let (mut lost, mut saved) = (0, 0.0);
    for seed in 0..RACES {
        let (left, share) = raced(&candidates, u64::from(seed), 0.05);
        lost += u32::from(winner(&candidates, left.into_iter()) != best);
        saved += share / f64::from(RACES);
    }
    println!("{lost} of {RACES} races lost the winner, {saved:.3} of the evaluations saved");
    assert!(20 * lost <= RACES, "{lost} of {RACES} races lost the winner");
    // A third of them are random, and gone early.
    assert!(saved > 0.2, "{saved}");
}

#[test]
fn a_race_that_drops_whoever_is_behind_loses_winners() {
    let candidates = recorded();
    let best = winner(&candidates, 0..candidates.len());
    let lost = (0..50).filter(|&seed| winner(&candidates, raced(&candidates, seed, 1e6).0.into_iter()) != best).count();
    assert!(lost > 10, "the simulation can tell: {lost} of 50");
}
