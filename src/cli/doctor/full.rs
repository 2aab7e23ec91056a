//! `pgnas doctor --full`: the checks of a device, as a table or as JSON.

use super::super::arguments::{CheckName, DoctorArguments};
use super::super::failure::{Exit, Failure};
use super::super::places::Places;
use super::super::{launch, output, prepare};
use crate::engine::checks::{self, Check, Listening, Plan, Quantity, Row, Subject, Told, Verdict, narrow_names};
use crate::engine::devices;
use crate::preset::{EMBEDDED, Preset};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// How long a device may not answer: software devices compile kernels for minutes, and no step takes as long as this.
const PATIENCE: Duration = Duration::from_mins(10);

/// What was found; `docs/cli.md` documents the keys.
#[derive(Debug, Serialize)]
struct Report {
    format: &'static str,
    version: u32,
    program: &'static str,
    device: String,
    reference: String,
    passed: bool,
    rows: Vec<Row>,
}

/// Runs the checks.
///
/// # Errors
/// A device or a preset that is not there; a check that failed.
pub fn run(arguments: &DoctorArguments) -> Result<Exit, Failure> {
    let (device, notices) = launch::open(&arguments.device)?;
    notices.iter().for_each(|notice| output::tell(&notice.message));
    let subjects = subjects(&arguments.presets)?;
    let narrow = arguments.presets.iter().map(|name| base(name).to_owned()).filter(|name| narrow_names().any(|known| known == name));
    let plan = Plan {
        checks: if arguments.only.is_empty() { Check::ALL.to_vec() } else { arguments.only.iter().map(|&name| name.into()).collect() },
        narrow: narrow.collect(),
        subjects,
        at_any_length: !arguments.presets.is_empty(),
        patience: PATIENCE,
        device: device.clone(),
    };
    let rows = {
        let _listening = Listening::begin();
        checks::run(plan, |told| {
            if let Some(line) = progress(&told) {
                output::tell(&line);
            }
        })
    };
    let report = Report {
        format: "pgnas-checks",
        version: 1,
        program: concat!("pgnas ", env!("CARGO_PKG_VERSION")),
        device: device.label(),
        reference: devices::cpu().label(),
        passed: rows.iter().all(|row| row.verdict != Verdict::Failed),
        rows,
    };
    if arguments.json {
        output::print_json(&report)?;
    } else {
        output::print(&report.to_text())?;
    }
    report.failure().map_or(Ok(Exit::Done), Err)
}

/// The name of a preset without its variant.
fn base(name: &str) -> &str {
    name.split_once(':').map_or(name, |(base, _)| base)
}

/// Presets to time: those that were asked for, or all inside the program, the cheapest first: the speed of one tells whether the next is
/// worth waiting for.
fn subjects(asked: &[String]) -> Result<Vec<Subject>, Failure> {
    let places = Places::of_user();
    let names: Vec<String> = if asked.is_empty() { EMBEDDED.iter().map(|(name, _)| (*name).to_owned()).collect() } else { asked.to_vec() };
    let of = |name: &String| -> Result<Subject, Failure> {
        let loaded = Preset::load(name, places.presets.as_deref(), &[])?;
        let graph = prepare::graph(&loaded)?;
        Ok(Subject { name: loaded.preset.name.clone(), graph: Arc::new(graph), preset: loaded.preset })
    };
    let mut subjects = Vec::new();
    for name in &names {
        match of(name) {
            Ok(subject) => subjects.push(subject),
            // Of all that there are, one whose images cannot be read is left out; one that was asked for is a mistake.
            Err(failure) if asked.is_empty() => output::tell(&format!("left out: {}", failure.line())),
            Err(failure) => return Err(failure),
        }
    }
    let cost = |subject: &Subject| subject.graph.cost().macs * subject.preset.train.batch as f64;
    subjects.sort_by(|one, other| cost(one).total_cmp(&cost(other)));
    Ok(subjects)
}

impl From<CheckName> for Check {
    fn from(name: CheckName) -> Self {
        match name {
            CheckName::Operations => Self::Operation,
            CheckName::Steps => Self::Step,
            CheckName::Repeat => Self::Repeat,
            CheckName::Memory => Self::Memory,
            CheckName::Speed => Self::Speed,
        }
    }
}

/// A line for somebody who waits. Operations take no time worth a line before they have ended.
fn progress(told: &Told) -> Option<String> {
    match told {
        Told::Begun(Check::Operation, _) => None,
        Told::Begun(check, subject) => Some(format!("{} …", of(*check, subject))),
        Told::Ended(row) => {
            let note = row.note.as_ref().map_or_else(String::new, |note| format!("  {note}"));
            Some(format!("{:6}  {}  {:.1} s{note}", row.verdict, of(row.check, &row.subject), row.seconds))
        }
    }
}

fn of(check: Check, subject: &str) -> String {
    match check {
        Check::Operation => subject.to_owned(),
        Check::Step => format!("a step of {subject}"),
        Check::Repeat => format!("{subject} twice"),
        Check::Memory => format!("memory of {subject}"),
        Check::Speed => format!("speed {subject}"),
    }
}

impl Report {
    fn to_text(&self) -> String {
        let mut text = format!("{} on {}, beside {}\n", self.program, self.device, self.reference);
        for check in Check::ALL {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.check == check).collect();
            if rows.is_empty() {
                continue;
            }
            let width = rows.iter().map(|row| row.subject.chars().count()).max().unwrap_or(0);
            let _ = writeln!(text, "\n{}", check.heading());
            for row in rows {
                let line = format!("  {:6}  {:width$}  {}", row.verdict, row.subject, cells(row));
                let _ = writeln!(text, "{}", line.trim_end());
            }
        }
        let count = |verdict| self.rows.iter().filter(|row| row.verdict == verdict).count();
        let _ = writeln!(
            text,
            "\n{} passed, {} of them in TF32; {} told, {} left out, {} failed",
            count(Verdict::Passed) + count(Verdict::PassedAsTf32),
            count(Verdict::PassedAsTf32),
            count(Verdict::Told),
            count(Verdict::LeftOut),
            count(Verdict::Failed)
        );
        text
    }

    /// What failed first, where and what to do; nothing where nothing did.
    fn failure(&self) -> Option<Failure> {
        let failed: Vec<&Row> = self.rows.iter().filter(|row| row.verdict == Verdict::Failed).collect();
        let first = failed.first()?;
        let what = first.note.clone().filter(|_| first.quantities.is_empty()).unwrap_or_else(|| {
            let beyond = first.quantities.iter().find(|quantity| quantity.verdict() == Verdict::Failed);
            beyond.map_or_else(String::new, |quantity| {
                format!("{} is {}, and may be {}", quantity.name, amount(quantity, quantity.value), limit(quantity))
            })
        });
        let others = match failed.len() - 1 {
            0 => String::new(),
            others => format!(" (and {others} more)"),
        };
        Some(Failure::Failed(format!("{}: {}: {what}{others}; {}", self.device, of(first.check, &first.subject), first.check.remedy())))
    }
}

/// The numbers of a row and its note.
fn cells(row: &Row) -> String {
    let cell = |quantity: &Quantity| {
        let beyond = if quantity.verdict() == Verdict::Failed { format!(" (at most {})", limit(quantity)) } else { String::new() };
        format!("{} {}{beyond}", quantity.name, amount(quantity, quantity.value))
    };
    let mut cells: Vec<String> = row.quantities.iter().map(cell).collect();
    cells.extend(row.note.clone());
    cells.join("  ")
}

fn amount(quantity: &Quantity, value: f64) -> String {
    match quantity.unit {
        "bytes" => format!("{:+.1} MB", value / 1e6),
        "images/s" => format!("{value:.0}"),
        _ if value == 0.0 => "0".to_owned(),
        _ => format!("{value:.1e}"),
    }
}

/// The largest that a quantity may be.
fn limit(quantity: &Quantity) -> String {
    quantity.tf32_limit.or(quantity.limit).map_or_else(|| "-".to_owned(), |limit| amount(quantity, limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::checks::Finding;

    fn report(value: f64) -> Report {
        let quantity = Quantity { limit: Some(2e-5), tf32_limit: Some(5e-3), ..Quantity::told("masks", value, "share") };
        let rows = vec![
            Finding::Measured(vec![Quantity { name: "forward", value: 1e-7, ..quantity }, quantity], None).row(
                Check::Operation,
                "conv 3×3".into(),
                0.25,
            ),
            Finding::Measured(vec![Quantity::told("training", 1234.4, "images/s")], Some("f32".into())).row(
                Check::Speed,
                "digits".into(),
                3.0,
            ),
            Finding::LeftOut("no switch".into()).row(Check::Speed, "in TF32".into(), 0.0),
        ];
        let passed = rows.iter().all(|row| row.verdict != Verdict::Failed);
        Report { format: "pgnas-checks", version: 1, program: "pgnas", device: "wgpu".into(), reference: "cpu ×2".into(), passed, rows }
    }

    #[test]
    fn a_table_tells_numbers_limits_and_sums() {
        let text = report(3e-3).to_text();
        assert!(text.contains("tf32    conv 3×3  forward 1.0e-7  masks 3.0e-3\n"), "{text}");
        assert!(text.contains("          digits   training 1234  f32\n") && text.contains("-       in TF32  no switch"), "{text}");
        assert!(text.ends_with("1 passed, 1 of them in TF32; 1 told, 1 left out, 0 failed\n"), "{text}");
        assert!(report(3e-3).failure().is_none());
    }

    #[test]
    fn a_failure_names_what_where_and_a_remedy() {
        let report = report(0.5);
        assert!(!report.passed && report.to_text().contains("FAILED  conv 3×3  forward 1.0e-7  masks 5.0e-1 (at most 5.0e-3)"));
        let told = report.failure().unwrap().line();
        assert!(told.starts_with("wgpu: conv 3×3: masks is 5.0e-1, and may be 5.0e-3; this device computes"), "{told}");
        let broken = Finding::Broken("the backend broke: gone".into()).row(Check::Step, "darts".into(), 0.0);
        let report = Report { rows: vec![broken.clone(), broken], ..report };
        let told = report.failure().unwrap().line();
        assert!(told.starts_with("wgpu: a step of darts: the backend broke: gone (and 1 more); "), "{told}");
    }

    #[test]
    fn presets_are_timed_from_the_cheapest_on() {
        let all = subjects(&[]).unwrap();
        assert_eq!(all.len(), EMBEDDED.len());
        assert_eq!(all[0].name, "digits");
        let asked = subjects(&["supnet-m-mini".into(), "digits".into()]).unwrap();
        assert_eq!(asked.iter().map(|subject| subject.name.as_str()).collect::<Vec<_>>(), ["digits", "supnet-m-mini"]);
        assert!(subjects(&["digit".into()]).is_err());
    }
}
