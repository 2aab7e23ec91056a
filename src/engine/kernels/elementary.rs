//! Logarithm and exponential as a few multiplications and additions, so that a loop over them runs in vectors.

/// The natural logarithm of a positive, finite and normal number, within two units in the last place (the polynomial of fdlibm's `logf`).
#[inline(always)]
pub(super) fn ln(x: f32) -> f32 {
    /// The square root of a half: mantissas lie between it and its double.
    const LEAST: u32 = 0x3f35_04f3;
    const LN_2: [f32; 2] = [6.931_381e-1, 9.058_001e-6];
    const EVEN: [f32; 2] = [0.666_666_6, 0.284_987_87];
    const ODD: [f32; 2] = [0.400_009_72, 0.242_790_79];
    let above = x.to_bits().wrapping_sub(LEAST);
    let exponent = (above.cast_signed() >> 23) as f32;
    let fraction = f32::from_bits((above & 0x007f_ffff) + LEAST) - 1.0;
    let s = fraction / (2.0 + fraction);
    let square = s * s;
    let fourth = square * square;
    let series = fourth * (ODD[0] + fourth * ODD[1]) + square * (EVEN[0] + fourth * EVEN[1]);
    let half = 0.5 * fraction * fraction;
    s * (half + series) + exponent * LN_2[1] - half + fraction + exponent * LN_2[0]
}

/// e to the power of a number, within two units in the last place (the polynomial of Cephes' `expf`); infinity and zero where a normal number
/// does not reach.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    /// Added to a number, leaves its nearest integer in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const SERIES: [f32; 5] = [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let power = rounded - ROUND;
    let rest = x - power * LN_2[0] - power * LN_2[1];
    let mut series = 1.987_569_1e-4;
    for coefficient in SERIES {
        series = series * rest + coefficient;
    }
    let near = series * rest * rest + rest + 1.0;
    let result = f32::from_bits(near.to_bits().wrapping_add(rounded.to_bits() << 23));
    let result = if x > 88.0 { f32::INFINITY } else { result };
    let result = if x < -87.0 { 0.0 } else { result };
    if x.is_nan() { x } else { result }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many units in the last place a result is off.
    fn units(found: f32, exact: f64) -> f64 {
        let unit = f64::from(f32::from_bits((exact as f32).abs().to_bits() + 1)) - f64::from((exact as f32).abs());
        (f64::from(found) - exact).abs() / unit
    }

    #[test]
    fn logarithms_are_those_of_double_precision() {
        let worst = |numbers: &mut dyn Iterator<Item = f32>| numbers.map(|x| units(ln(x), f64::from(x).ln())).fold(0.0, f64::max);
        assert!(worst(&mut (1..200_000).map(|step| step as f32 * 1e-4)) < 2.0);
        assert!(worst(&mut (-120..120).flat_map(|power| [1.0, 1.3, 1.415, 1.99].map(|of| of * 2.0_f32.powi(power)))) < 2.0);
        assert!(ln(1.0).abs() < f32::MIN_POSITIVE);
    }

    #[test]
    fn powers_are_those_of_double_precision_and_end_in_zero_and_infinity() {
        let worst = (-870_000..880_000).map(|step| step as f32 * 1e-4).map(|x| units(exp(x), f64::from(x).exp())).fold(0.0, f64::max);
        assert!(worst < 2.0, "{worst}");
        for far in [89.0, 1e4, 1e30, f32::INFINITY] {
            assert!(exp(far).is_infinite() && exp(-far).to_bits() == 0, "{far}");
        }
        assert!(exp(f32::NAN).is_nan());
    }
}
