//! What a check found, as rows that are printed and written alike.

use serde::Serialize;
use std::fmt;

/// A kind of check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// One operation, forward and its gradients, beside the CPU.
    Operation,
    /// One step of training beside the CPU.
    Step,
    /// The same steps twice.
    Repeat,
    /// Memory over many steps.
    Memory,
    /// Images a second.
    Speed,
}

impl Check {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 5] = [Self::Operation, Self::Step, Self::Repeat, Self::Memory, Self::Speed];

    /// Its heading.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::Operation => "operations, beside the CPU: largest difference as a share of the largest number",
            Self::Step => "a training step, beside the CPU: the same",
            Self::Repeat => "the same steps twice",
            Self::Memory => "memory while it trains on",
            Self::Speed => "images a second",
        }
    }

    /// What to do about a failure of this kind.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Operation | Self::Step => {
                "this device computes something else than the CPU: do not search on it; try another driver or another kind of device, and \
                 report it with this output"
            }
            Self::Repeat => "report it with this output: runs from one seed would differ",
            Self::Memory => "a long search would fill the memory: shorten it, or resume it in between, and report it with this output",
            Self::Speed => "take a smaller train.batch or another device",
        }
    }
}

/// How a row ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Within its limits.
    Passed,
    /// Within the limits of products in TF32, not within those of `f32`.
    PassedAsTf32,
    /// A fact without a limit.
    Told,
    /// Not done, for the reason in the note.
    LeftOut,
    /// Beyond its limits, or broken.
    Failed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Passed => "ok",
            Self::PassedAsTf32 => "tf32",
            Self::Told => "",
            Self::LeftOut => "-",
            Self::Failed => "FAILED",
        })
    }
}

/// A number that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantity {
    /// What it is.
    pub name: &'static str,
    /// The number; JSON has `null` where it is infinite.
    pub value: f64,
    /// The largest that it may be.
    pub limit: Option<f64>,
    /// The largest that it may be where products are taken in TF32.
    pub tf32_limit: Option<f64>,
    /// What it counts: `share`, `bytes` or `images/s`.
    pub unit: &'static str,
}

impl Quantity {
    /// A number that is only told.
    #[must_use]
    pub fn told(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value, limit: None, tf32_limit: None, unit }
    }

    /// How far it is within its limits.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        // Whatever is no number is within no limit.
        let within = |limit: f64| self.value <= limit;
        match (self.limit, self.tf32_limit) {
            (None, _) => Verdict::Told,
            (Some(limit), _) if within(limit) => Verdict::Passed,
            (_, Some(limit)) if within(limit) => Verdict::PassedAsTf32,
            _ => Verdict::Failed,
        }
    }
}

/// What a check found of one subject.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The check.
    pub check: Check,
    /// The operation, network or preset.
    pub subject: String,
    /// How it ended.
    pub verdict: Verdict,
    /// What was measured.
    pub quantities: Vec<Quantity>,
    /// Why it failed or was left out, or a fact in words.
    pub note: Option<String>,
    /// How long it took.
    pub seconds: f64,
}

/// What a check yields before it has a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// Numbers, and a fact in words.
    Measured(Vec<Quantity>, Option<String>),
    /// It was not done, and why.
    LeftOut(String),
    /// It broke, and how.
    Broken(String),
}

impl Finding {
    /// The row of it.
    #[must_use]
    pub fn row(self, check: Check, subject: String, seconds: f64) -> Row {
        let (verdict, quantities, note) = match self {
            Self::LeftOut(note) => (Verdict::LeftOut, Vec::new(), Some(note)),
            Self::Broken(note) => (Verdict::Failed, Vec::new(), Some(note)),
            Self::Measured(quantities, note) => {
                let verdicts: Vec<Verdict> = quantities.iter().map(Quantity::verdict).collect();
                let worst =
                    [Verdict::Failed, Verdict::PassedAsTf32, Verdict::Passed].into_iter().find(|verdict| verdicts.contains(verdict));
                (worst.unwrap_or(Verdict::Told), quantities, note)
            }
        };
        Row { check, subject, verdict, quantities, note, seconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(value: f64, tf32_limit: Option<f64>) -> Quantity {
        Quantity { limit: Some(1e-5), tf32_limit, ..Quantity::told("forward", value, "share") }
    }

    #[test]
    fn a_number_is_judged_by_its_limits() {
        for (value, tf32, verdict) in [
            (0.0, None, Verdict::Passed),
            (1e-5, None, Verdict::Passed),
            (1.1e-5, None, Verdict::Failed),
            (1.1e-5, Some(1e-3), Verdict::PassedAsTf32),
            (2e-3, Some(1e-3), Verdict::Failed),
            (f64::INFINITY, Some(1e-3), Verdict::Failed),
            (f64::NAN, Some(1e-3), Verdict::Failed),
        ] {
            assert_eq!(share(value, tf32).verdict(), verdict, "{value} {tf32:?}");
        }
        assert_eq!(Quantity::told("training", f64::NAN, "images/s").verdict(), Verdict::Told);
    }

    #[test]
    fn a_row_is_as_good_as_its_worst_number() {
        let verdict =
            |quantities: &[Quantity]| Finding::Measured(quantities.to_vec(), None).row(Check::Operation, "add".into(), 0.0).verdict;
        let (good, rounded, bad) = (share(0.0, Some(1e-3)), share(1e-4, Some(1e-3)), share(1.0, Some(1e-3)));
        assert_eq!(verdict(&[good, good]), Verdict::Passed);
        assert_eq!(verdict(&[good, rounded]), Verdict::PassedAsTf32);
        assert_eq!(verdict(&[rounded, bad, good]), Verdict::Failed);
        assert_eq!(verdict(&[Quantity::told("training", 1.0, "images/s")]), Verdict::Told);
        let broken = Finding::Broken("no kernel".into()).row(Check::Step, "digits".into(), 1.0);
        assert_eq!((broken.verdict, broken.note.as_deref()), (Verdict::Failed, Some("no kernel")));
    }
}
