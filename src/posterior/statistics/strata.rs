//! A choice that is spread over a range of values.

use super::{Draws, draws};
use rand::seq::SliceRandom;

/// Bands of equal width that the range is cut into.
const BANDS: usize = 10;

/// Positions of `count` of the values, spread over their range: bands of equal width give one of theirs in turn, drawn at random, until
/// there are enough. All of them where there are no more. More of them begin with the same ones, so that a choice can be extended.
#[must_use]
pub fn stratified(values: &[f64], count: usize, seed: u64) -> Vec<usize> {
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)));
    let width = (high - low) / BANDS as f64;
    let band = |value: f64| if width > 0.0 { (((value - low) / width) as usize).min(BANDS - 1) } else { 0 };
    let mut positions: Vec<usize> = (0..values.len()).collect();
    positions.shuffle(&mut draws(seed, Draws::Strata, 0));
    let mut bands: Vec<Vec<usize>> = vec![Vec::new(); BANDS];
    positions.into_iter().for_each(|position| bands[band(values[position])].push(position));
    // In an order that has seen all parts of the range early on: 0, 7, 4, 1 …
    let turn = |place: usize| bands.iter().enumerate().map(move |(at, _)| (at * 7 % BANDS, place));
    let longest = bands.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest).flat_map(turn).filter_map(|(band, place)| bands[band].get(place).copied()).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_spread_over_the_range_and_can_be_extended() {
        // Nine tenths lie close together at the top, as trained candidates do.
        let values: Vec<f64> =
            (0..100).map(|n| if n < 90 { 0.95 + f64::from(n) / 2000.0 } else { 0.5 + f64::from(n - 90) / 25.0 }).collect();
        let chosen = stratified(&values, 20, 1);
        let below = chosen.iter().filter(|&&position| values[position] < 0.94).count();
        assert!((8..=10).contains(&below), "{below} of {chosen:?} are not of the top");
        assert_eq!(stratified(&values, 8, 1), chosen[..8]);
        assert_ne!(stratified(&values, 20, 2), chosen);
        let mut all = stratified(&values, 1000, 1);
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn values_without_a_range_are_drawn_at_random() {
        assert_eq!(stratified(&[], 3, 1), [] as [usize; 0]);
        let chosen = stratified(&[0.5; 9], 4, 1);
        assert!(chosen.len() == 4 && chosen != [0, 1, 2, 3], "{chosen:?}");
    }
}
