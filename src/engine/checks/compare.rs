//! How far two devices are apart: named lists of numbers, those of the CPU against those of another device.

/// What a computation yields: lists of numbers by name.
pub type Values = Vec<(&'static str, Vec<f32>)>;

/// The largest difference between numbers and those they should be, as a share of the largest that there should be. Infinite where a number
/// is none, or where there are more or fewer of them; 0 where all are zero that should be.
#[must_use]
pub fn difference(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let scale = expected.iter().fold(0.0, |largest: f64, &number| largest.max(f64::from(number).abs()));
    let largest = found.iter().zip(expected).fold(0.0, |largest: f64, (&found, &expected)| {
        let apart = (f64::from(found) - f64::from(expected)).abs();
        // `max` would pass over what is no number.
        if apart.is_nan() { f64::INFINITY } else { largest.max(apart) }
    });
    if largest == 0.0 { 0.0 } else { largest / scale }
}

/// The differences by name, in the order of what was expected; infinite where a list is missing.
#[must_use]
pub fn differences(found: &Values, expected: &Values) -> Vec<(&'static str, f64)> {
    let of = |(name, expected): &(&'static str, Vec<f32>)| {
        let found = found.iter().find(|(other, _)| other == name);
        (*name, found.map_or(f64::INFINITY, |(_, found)| difference(found, expected)))
    };
    expected.iter().map(of).collect()
}

/// Whether two computations yielded the very same bits.
#[must_use]
pub fn same_bits(one: &Values, other: &Values) -> bool {
    let bits = |values: &Values| {
        values.iter().map(|(name, list)| (*name, list.iter().map(|number| number.to_bits()).collect::<Vec<_>>())).collect::<Vec<_>>()
    };
    bits(one) == bits(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_shares_of_the_largest_number() {
        assert!((difference(&[1.0, -4.5, 0.0], &[1.0, -4.0, 0.5]) - 0.125).abs() < 1e-12);
        assert!(difference(&[0.0, -0.0], &[0.0, 0.0]) == 0.0 && difference(&[], &[]) == 0.0);
        assert!(difference(&[1.0, 2.0], &[1.0, 2.0]) == 0.0);
    }

    #[test]
    fn whatever_cannot_be_compared_is_infinitely_far() {
        for (found, expected) in [
            (&[1.0][..], &[1.0, 2.0][..]),
            (&[f32::NAN, 1.0], &[1.0, 1.0]),
            (&[1.0, 1.0], &[f32::NAN, 1.0]),
            (&[f32::NAN], &[f32::NAN]),
            (&[f32::INFINITY], &[1.0]),
            (&[1e-30], &[0.0]),
        ] {
            assert!(difference(found, expected) == f64::INFINITY, "{found:?} {expected:?}");
        }
        let (some, none): (Values, Values) = (vec![("forward", vec![1.0]), ("input", vec![2.0])], vec![("forward", vec![1.0])]);
        assert_eq!(differences(&none, &some), [("forward", 0.0), ("input", f64::INFINITY)]);
    }

    #[test]
    fn one_bit_is_seen() {
        let values = |last: f32| -> Values { vec![("forward", vec![1.0, last])] };
        assert!(same_bits(&values(2.0), &values(2.0)));
        assert!(!same_bits(&values(2.0), &values(2.0_f32.next_up())) && !same_bits(&values(0.0), &values(-0.0)));
    }
}
