//! Bounds on what a sampled network may cost: `params < 2M, macs < 10M, kept > .3, latency < 5ms`.

use std::fmt;
use std::str::FromStr;

/// Bounds on candidates; the limits themselves are outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constraint {
    /// Parameters of the sliced network.
    pub parameters: Between,
    /// Multiply-accumulates of the sliced network for one image.
    pub macs: Between,
    /// Share of masked channels that are kept.
    pub kept: Between,
    /// Milliseconds for one image, measured on the device of the search.
    pub latency: Between,
}

/// Numbers above one limit and below another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Between {
    /// The lower limit.
    pub above: f64,
    /// The upper limit.
    pub below: f64,
}

/// The text is no constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no bounds on params, macs, kept or latency, with < or > and a number")]
pub struct NoConstraint;

impl Between {
    /// Any number at all.
    pub const ANY: Self = Self { above: f64::NEG_INFINITY, below: f64::INFINITY };

    /// Whether a number lies within.
    #[must_use]
    pub fn holds(self, number: f64) -> bool {
        self.above < number && number < self.below
    }

    /// Whether any number from a least to a most lies within.
    #[must_use]
    pub fn meets(self, least: f64, most: f64) -> bool {
        self.above < most && least < self.below && self.above < self.below
    }
}

impl Constraint {
    /// None at all.
    pub const NONE: Self = Self { parameters: Between::ANY, macs: Between::ANY, kept: Between::ANY, latency: Between::ANY };

    /// Whether a network of this cost is within all bounds but that on latency, which has to be measured.
    #[must_use]
    pub fn allows(&self, parameters: f64, macs: f64, kept: f64) -> bool {
        self.parameters.holds(parameters) && self.macs.holds(macs) && self.kept.holds(kept)
    }
}

impl FromStr for Constraint {
    type Err = NoConstraint;

    fn from_str(text: &str) -> Result<Self, NoConstraint> {
        let mut constraint = Self::NONE;
        if text.trim().is_empty() {
            return Ok(constraint);
        }
        for bound in text.split(',') {
            let place = bound.find(['<', '>']).ok_or(NoConstraint)?;
            let (name, number) = (bound[..place].trim(), quantity(&bound[place + 1..]).ok_or(NoConstraint)?);
            let between = match name {
                "params" | "parameters" => &mut constraint.parameters,
                "macs" => &mut constraint.macs,
                "kept" => &mut constraint.kept,
                "latency" => &mut constraint.latency,
                _ => return Err(NoConstraint),
            };
            // A time without its unit would be milliseconds to one and seconds to another.
            if (name == "latency") != bound.trim_end().ends_with('s') {
                return Err(NoConstraint);
            }
            if bound[place..].starts_with('<') {
                between.below = between.below.min(number);
            } else {
                between.above = between.above.max(number);
            }
        }
        Ok(constraint)
    }
}

/// A number with `k`, `M`, `G` or `%` behind, or a time with `us`, `ms` or `s`, in milliseconds.
fn quantity(text: &str) -> Option<f64> {
    let text = text.trim();
    for (ending, unit) in [("us", 1e-3), ("ms", 1.0), ("s", 1e3)] {
        if let Some(digits) = text.strip_suffix(ending) {
            return number(digits, unit);
        }
    }
    let (digits, unit) = match text.char_indices().last()? {
        (place, 'k' | 'K') => (&text[..place], 1e3),
        (place, 'M') => (&text[..place], 1e6),
        (place, 'G') => (&text[..place], 1e9),
        (place, '%') => (&text[..place], 1e-2),
        _ => (text, 1.0),
    };
    number(digits, unit)
}

fn number(digits: &str, unit: f64) -> Option<f64> {
    digits.trim().parse::<f64>().ok().map(|number| number * unit).filter(|number| number.is_finite() && *number >= 0.0)
}

impl fmt::Display for Constraint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bounds = Vec::new();
        for (name, between, unit) in
            [("params", self.parameters, ""), ("macs", self.macs, ""), ("kept", self.kept, ""), ("latency", self.latency, "ms")]
        {
            if between.above > f64::NEG_INFINITY {
                bounds.push(format!("{name} > {}{unit}", between.above));
            }
            if between.below < f64::INFINITY {
                bounds.push(format!("{name} < {}{unit}", between.below));
            }
        }
        formatter.write_str(&bounds.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bounds_are_read_with_their_units_and_the_tightest_counts() {
        let constraint: Constraint = "params < 2M, macs<10.5M , kept > .3, kept < 90 %, params < 3M".parse().unwrap();
        assert_eq!(constraint.to_string(), "params < 2000000, macs < 10500000, kept > 0.3, kept < 0.9");
        assert!(constraint.allows(1_999_999.0, 0.0, 0.5));
        assert!(!constraint.allows(2_000_000.0, 0.0, 0.5) && !constraint.allows(1.0, 1.05e7, 0.5) && !constraint.allows(1.0, 1.0, 0.3));
        let timed: Constraint = "latency < 5ms, latency > 250 us, latency < 2s".parse().unwrap();
        assert_eq!((timed.to_string().as_str(), timed.latency), ("latency > 0.25ms, latency < 5ms", Between { above: 0.25, below: 5.0 }));
        assert_eq!("".parse(), Ok(Constraint::NONE));
        assert!(Constraint::NONE.allows(1e12, 1e15, 0.0));
    }

    #[test]
    fn what_is_no_bound_is_an_error() {
        for text in [
            "params",
            "params < ",
            "params = 3",
            "size < 3",
            "params < 2T",
            "< 3",
            "params < 1,",
            "params < -1",
            "kept > inf",
            ",",
            "latency < 5",
            "params < 5ms",
        ] {
            assert_eq!(text.parse::<Constraint>(), Err(NoConstraint), "{text}");
        }
    }

    #[test]
    fn a_range_is_met_where_they_overlap() {
        let between = Between { above: 10.0, below: 20.0 };
        assert!(between.meets(0.0, 11.0) && between.meets(19.0, 30.0) && between.meets(12.0, 13.0));
        assert!(!between.meets(0.0, 10.0) && !between.meets(20.0, 30.0));
        assert!(!Between { above: 5.0, below: 4.0 }.meets(0.0, 10.0));
    }

    proptest! {
        #[test]
        fn any_text_is_a_constraint_that_reads_back_or_an_error(text in "(params|macs|kept|latency|x)? ?[<>=]? ?[0-9.]{0,4}(k|M|G|%|ms|us|s)?,?(kept [<>] [.][0-9])?") {
            if let Ok(constraint) = text.parse::<Constraint>() {
                prop_assert_eq!(constraint.to_string().parse(), Ok(constraint));
            }
        }
    }
}
