//! Checks of a device: whether it computes what the CPU computes, whether twice alike, within what memory, and how fast.
//!
//! GPUs stand in machines that have nothing but the program, so the checks are part of it.

mod compare;
mod memory;
mod objective_cases;
mod operations;
mod row;
mod speed;
mod step;
pub(super) mod subjects;

pub use super::guard::Listening;
pub use row::{Check, Finding, Quantity, Row, Verdict};
pub use subjects::{Subject, narrow_names};

use super::devices::{self, OpenDevice};
use super::guard::guarded;
use crate::preset::Precision;
use burn::tensor::Device;
use compare::differences;
use memory::Growth;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// What to check.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The device.
    pub device: OpenDevice,
    /// Which checks.
    pub checks: Vec<Check>,
    /// Networks to train in the checks of steps, by the name of a preset that has a narrow one; empty: all.
    pub narrow: Vec<String>,
    /// Presets to time.
    pub subjects: Vec<Subject>,
    /// Whether to time them however long it takes.
    pub at_any_length: bool,
    /// How long a device may not answer.
    pub patience: Duration,
}

/// What is told while checks run.
#[derive(Debug, Clone)]
pub enum Told {
    /// A check begins.
    Begun(Check, String),
    /// One has ended.
    Ended(Row),
}

/// Seconds that timing a preset may take where nobody asked for it by name.
const LONGEST: f64 = 60.0;

/// Rows that may break one after the other before the device counts as lost.
const BROKEN: usize = 6;

/// The network that memory and repetition are watched on.
const SMALL: &str = "digits";

/// Runs checks one after the other on a thread of their own and tells what they find. Ends early where the device is lost: where it does not
/// answer any more, or breaks at whatever it is asked.
pub fn run(plan: Plan, tell: impl FnMut(Told)) -> Vec<Row> {
    let patience = plan.patience;
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::Builder::new().name("checks".into()).spawn(move || Checker::new(plan, sender).work());
    let mut rows: Vec<Row> = Vec::new();
    if let Err(error) = &thread {
        rows.push(Finding::Broken(format!("the system gives no thread: {error}")).row(Check::Operation, "all".into(), 0.0));
    }
    listen(&receiver, patience, rows, tell)
}

/// Hears what checks find, until they are through or the device has not answered for so long.
fn listen(receiver: &mpsc::Receiver<Told>, patience: Duration, mut rows: Vec<Row>, mut tell: impl FnMut(Told)) -> Vec<Row> {
    let mut under_way = None;
    loop {
        match receiver.recv_timeout(patience) {
            Ok(told) => {
                match &told {
                    Told::Begun(check, subject) => under_way = Some((*check, subject.clone())),
                    Told::Ended(row) => {
                        under_way = None;
                        rows.push(row.clone());
                    }
                }
                tell(told);
            }
            Err(RecvTimeoutError::Disconnected) => return rows,
            Err(RecvTimeoutError::Timeout) => {
                let (check, subject) = under_way.unwrap_or((Check::Operation, "all".into()));
                let fault = format!("the device did not answer for {:.0} s; the rest was not tried", patience.as_secs_f64());
                let row = Finding::Broken(fault).row(check, subject, patience.as_secs_f64());
                tell(Told::Ended(row.clone()));
                rows.push(row);
                // The thread waits for the device; it ends with the process.
                return rows;
            }
        }
    }
}

/// Checks at work.
struct Checker {
    plan: Plan,
    reference: OpenDevice,
    sender: Sender<Told>,
    /// Whether products were found to be taken in TF32.
    tf32: bool,
    broken: usize,
}

impl Checker {
    fn new(plan: Plan, sender: Sender<Told>) -> Self {
        Self { plan, reference: devices::cpu(), sender, tf32: false, broken: 0 }
    }

    fn work(mut self) {
        for check in Check::ALL {
            if !self.plan.checks.contains(&check) {
                continue;
            }
            match check {
                Check::Operation => self.operations(),
                Check::Step => self.steps(),
                Check::Repeat => self.repeat(),
                Check::Memory => self.memory(),
                Check::Speed => self.speed(),
            }
        }
    }

    /// Whether the device breaks at whatever it is asked, so that there is nothing left to ask.
    fn lost(&self) -> bool {
        self.broken >= BROKEN
    }

    fn device(&self) -> Device {
        self.plan.device.device.clone()
    }

    /// Does one check; a panic of the backend is what it found.
    fn check(&mut self, check: Check, subject: &str, work: impl FnOnce(&Self) -> Finding) -> Option<Row> {
        if self.lost() {
            return None;
        }
        let _ = self.sender.send(Told::Begun(check, subject.to_owned()));
        let begun = Instant::now();
        let mut finding = guarded(|| work(self)).unwrap_or_else(|fault| Finding::Broken(format!("the backend broke: {fault}")));
        self.broken = if matches!(finding, Finding::Broken(_)) { self.broken + 1 } else { 0 };
        if let (true, Finding::Broken(fault)) = (self.lost(), &mut finding) {
            fault.push_str("; the device breaks at whatever it is asked, so the rest was not tried");
        }
        let row = finding.row(check, subject.to_owned(), begun.elapsed().as_secs_f64());
        let _ = self.sender.send(Told::Ended(row.clone()));
        Some(row)
    }

    fn operations(&mut self) {
        let bf16 = self.plan.device.check(Precision::Bf16).is_ok();
        for case in operations::cases() {
            if case.precision == Precision::Bf16 && !bf16 {
                continue;
            }
            let row = self.check(Check::Operation, &case.name, |this| {
                let found = case.compute(&this.device());
                let expected = this.on_reference(|device| case.compute(device));
                let tf32_limit = case.products.then_some(operations::TF32);
                let quantity = |(name, value)| Quantity { limit: Some(case.limit), tf32_limit, ..Quantity::told(name, value, "share") };
                Finding::Measured(differences(&found, &expected).into_iter().map(quantity).collect(), None)
            });
            self.tf32 |= row.is_some_and(|row| row.verdict == Verdict::PassedAsTf32);
        }
    }

    /// Computes on the CPU. Where the CPU itself is checked, on one thread: what comes out must not depend on how many there are.
    fn on_reference<T: Send>(&self, work: impl FnOnce(&Device) -> T + Send) -> T {
        let device = &self.reference.device;
        match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
            Ok(pool) if self.plan.device.is_cpu => pool.install(|| work(device)),
            _ => work(device),
        }
    }

    fn narrow(&self) -> Vec<&'static str> {
        narrow_names().filter(|name| self.plan.narrow.is_empty() || self.plan.narrow.iter().any(|asked| asked == name)).collect()
    }

    fn steps(&mut self) {
        for precision in [Precision::F32, Precision::Bf16] {
            if self.plan.device.check(precision).is_err() {
                let _ = self.check(Check::Step, "in bf16", |_| Finding::LeftOut("the device does not compute in bf16".into()));
                continue;
            }
            for name in self.narrow() {
                let _ = self
                    .check(Check::Step, &in_precision(name, precision), |this| with_narrow(name, |subject| this.step(subject, precision)));
            }
        }
    }

    /// A step in a precision against one of the CPU in `f32`.
    fn step(&self, subject: &Subject, precision: Precision) -> Finding {
        let found = step::step(&subject.clone().in_precision(precision), &self.device());
        let expected = self.on_reference(|device| step::step(subject, device));
        let (found, expected) = match (found, expected) {
            (Ok(found), Ok(expected)) => (found, expected),
            (Err(error), _) | (_, Err(error)) => return Finding::Broken(error.to_string()),
        };
        let quantity = |(name, value)| {
            let limits = step::LIMITS.iter().find(|limit| limit.name == name);
            let (limit, tf32_limit) = match precision {
                // Only a device whose operations were found in TF32 may be as far off in its steps.
                Precision::F32 => (limits.map(|limit| limit.f32), limits.filter(|_| self.tf32).map(|limit| limit.tf32)),
                Precision::Bf16 => (limits.map(|limit| limit.bf16), None),
            };
            Quantity { limit: limit.or(Some(0.0)), tf32_limit, ..Quantity::told(name, value, "share") }
        };
        Finding::Measured(differences(&found, &expected).into_iter().map(quantity).collect(), None)
    }

    fn repeat(&mut self) {
        for name in self.narrow() {
            let _ = self.check(Check::Repeat, name, |this| {
                with_narrow(name, |subject| match step::twice(subject, &this.device()) {
                    Err(error) => Finding::Broken(error.to_string()),
                    Ok((same, largest)) => {
                        let note = if same { "the same bits" } else { "not the same bits" };
                        // The CPU promises the same bits; other devices add up in whatever order their threads come.
                        let limit = this.plan.device.is_cpu.then_some(0.0);
                        let largest = if same { 0.0 } else { largest.max(f64::MIN_POSITIVE) };
                        let quantity = Quantity { limit, ..Quantity::told("difference", largest, "share") };
                        Finding::Measured(vec![quantity], Some(format!("{note} after {} steps", step::TWICE)))
                    }
                })
            });
        }
    }

    fn memory(&mut self) {
        let _ = self.check(Check::Memory, SMALL, |this| {
            with_narrow(SMALL, |subject| match memory::growth(subject, &this.device()) {
                Err(error) => Finding::Broken(error.to_string()),
                Ok(growth) => of_growth(growth),
            })
        });
    }

    fn speed(&mut self) {
        let (subjects, at_any_length) = (self.plan.subjects.clone(), self.plan.at_any_length);
        let (mut fastest, bf16) = (0.0_f64, self.times_bf16());
        for subject in subjects {
            for precision in [Precision::F32, Precision::Bf16] {
                if precision == Precision::Bf16 && bf16.is_err() {
                    continue;
                }
                let subject = subject.clone().in_precision(precision);
                let _ = self.check(Check::Speed, &in_precision(&subject.name, precision), |this| {
                    if let Some(reason) = this.too_large(&subject) {
                        return Finding::LeftOut(reason);
                    }
                    let seconds = if fastest > 0.0 { speed::seconds(&subject, fastest) } else { 0.0 };
                    if seconds > LONGEST && !at_any_length {
                        let name = &subject.name;
                        return Finding::LeftOut(format!(
                            "it would take about {seconds:.0} s here; `--preset {name}` times it all the same"
                        ));
                    }
                    match speed::speed(&subject, &this.device()) {
                        Err(error) => Finding::Broken(error.to_string()),
                        Ok(speed) => {
                            fastest = fastest.max(speed.macs);
                            let told = |name, value| Quantity::told(name, value, "images/s");
                            let note = format!("{}, batch {}", precision.word(), subject.preset.train.batch);
                            Finding::Measured(vec![told("training", speed.training), told("ranking", speed.ranking)], Some(note))
                        }
                    }
                });
            }
        }
        for (name, reason) in [("in TF32", Some(self.of_tf32())), ("in bf16", bf16.err())] {
            if let Some(reason) = reason {
                let _ = self.check(Check::Speed, name, |_| Finding::LeftOut(reason));
            }
        }
    }

    /// Why a network does not fit into the memory, as far as somebody tells how much there is.
    fn too_large(&self, subject: &Subject) -> Option<String> {
        let batch = subject.preset.train.batch;
        self.plan.device.too_small_for(subject.graph.training_bytes(batch), batch).map(|alert| alert.message)
    }

    /// Why nothing was timed in TF32 by itself.
    fn of_tf32(&self) -> String {
        let reason = match (self.tf32, self.plan.checks.contains(&Check::Operation)) {
            (true, _) => "not by itself: operations above were computed in TF32, so the speeds above are those of TF32",
            (false, true) => "not supported here: the engine has no switch for it, and no operation above was computed in it",
            (false, false) => "not supported here: the engine has no switch for it",
        };
        reason.to_owned()
    }

    /// Whether bf16 is worth timing, or why not.
    fn times_bf16(&self) -> Result<(), String> {
        if self.plan.device.is_cpu {
            return Err("not on the CPU: what it computes in bf16 is computed in f32 and rounded".to_owned());
        }
        self.plan.device.check(Precision::Bf16).map_err(|_| "not supported here: the device does not compute in bf16".to_owned())
    }
}

/// The name of a subject that is trained in a precision.
fn in_precision(name: &str, precision: Precision) -> String {
    match precision {
        Precision::F32 => name.to_owned(),
        Precision::Bf16 => format!("{name} in bf16"),
    }
}

fn with_narrow(name: &str, work: impl FnOnce(&Subject) -> Finding) -> Finding {
    match subjects::narrow(name) {
        Some(Ok(subject)) => work(&subject),
        Some(Err(error)) => Finding::Broken(error.to_string()),
        None => Finding::Broken(format!("there is no narrow network of {name}")),
    }
}

/// What a growth of memory means.
fn of_growth(growth: Growth) -> Finding {
    let of = |name, pair: Option<[u64; 2]>| {
        pair.map(|pair| Quantity { limit: Some(memory::SLACK), ..Quantity::told(name, Growth::of(pair), "bytes") })
    };
    let quantities: Vec<Quantity> = [of("process", growth.resident), of("device", growth.device)].into_iter().flatten().collect();
    if quantities.is_empty() {
        return Finding::LeftOut("neither the system nor the device tells how much memory is in use".into());
    }
    let megabytes = |pair: Option<[u64; 2]>| pair.map_or_else(|| "not told".to_owned(), |pair| format!("{} MB", pair[1] / 1_000_000));
    let (process, device) = (megabytes(growth.resident), megabytes(growth.device));
    Finding::Measured(quantities, Some(format!("after {} steps: process {process}, device {device}", memory::STEPS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(checks: &[Check]) -> Plan {
        Plan {
            device: devices::cpu(),
            checks: checks.to_vec(),
            narrow: vec![SMALL.into()],
            subjects: Vec::new(),
            at_any_length: false,
            patience: Duration::from_mins(5),
        }
    }

    fn checker(checks: &[Check]) -> (Checker, mpsc::Receiver<Told>) {
        let (sender, receiver) = mpsc::channel();
        (Checker::new(plan(checks), sender), receiver)
    }

    #[test]
    fn the_cpu_computes_the_same_on_any_number_of_threads() {
        let mut begun = 0;
        let rows = run(plan(&[Check::Operation, Check::Step, Check::Repeat]), |told| begun += usize::from(matches!(told, Told::Begun(..))));
        assert_eq!((rows.len(), begun), (operations::cases().len() + 3, rows.len()));
        for row in rows {
            assert_eq!(row.verdict, Verdict::Passed, "{row:?}");
            // A step in bf16 is held against one in f32.
            let same = row.quantities.iter().all(|quantity| quantity.value == 0.0);
            assert!(same || row.check == Check::Step && row.subject == "digits in bf16", "{row:?}");
        }
    }

    #[test]
    fn a_backend_that_breaks_is_a_row_and_a_lost_device_ends_it() {
        let (mut checker, _told) = checker(&[]);
        let broken = checker.check(Check::Operation, "conv 3×3", |_| panic!("no such kernel")).unwrap();
        assert_eq!((broken.verdict, broken.note.unwrap()), (Verdict::Failed, "the backend broke: no such kernel".into()));
        // One that works in between is no loss.
        assert!(checker.check(Check::Operation, "add", |_| Finding::Measured(vec![], None)).is_some());
        for number in 1..=BROKEN {
            let row = checker.check(Check::Operation, "add", |_| panic!("gone")).unwrap();
            assert_eq!(row.note.unwrap().contains("the rest was not tried"), number == BROKEN);
        }
        assert!(checker.check(Check::Operation, "add", |_| Finding::Measured(vec![], None)).is_none());
    }

    #[test]
    fn a_device_that_does_not_answer_is_told_with_what_it_was_asked() {
        let (sender, receiver) = mpsc::channel();
        let row = Finding::Measured(vec![], None).row(Check::Operation, "add".into(), 0.1);
        for told in [Told::Begun(Check::Operation, "add".into()), Told::Ended(row), Told::Begun(Check::Step, "supnet-d169".into())] {
            sender.send(told).unwrap();
        }
        let rows = listen(&receiver, Duration::from_millis(20), Vec::new(), |_| {});
        let last = rows.last().unwrap();
        assert_eq!((rows.len(), last.check, last.verdict), (2, Check::Step, Verdict::Failed));
        assert!(last.subject == "supnet-d169" && last.note.as_ref().unwrap().contains("did not answer"), "{last:?}");
        drop(sender);
    }

    #[test]
    fn memory_that_grows_is_found() {
        let verdict = |growth| of_growth(growth).row(Check::Memory, SMALL.into(), 0.0).verdict;
        let mega = 1_000_000;
        assert_eq!(verdict(Growth { resident: Some([100 * mega, 110 * mega]), device: None }), Verdict::Passed);
        assert_eq!(verdict(Growth { resident: Some([100 * mega, 90 * mega]), device: Some([mega, 2 * mega]) }), Verdict::Passed);
        assert_eq!(verdict(Growth { resident: Some([100 * mega, 150 * mega]), device: None }), Verdict::Failed);
        assert_eq!(verdict(Growth { resident: Some([100 * mega, 101 * mega]), device: Some([mega, 50 * mega]) }), Verdict::Failed);
        assert_eq!(verdict(Growth { resident: None, device: None }), Verdict::LeftOut);
    }
}
