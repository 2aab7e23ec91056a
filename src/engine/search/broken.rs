//! A device that breaks under a search: what is kept, what is told, and how it goes on.

use super::super::guard::guarded;
use super::super::trainer::State;
use super::Search;
use crate::run::{Alert, AlertKind, Phase};

impl Search {
    /// Keeps what can be kept where a step of training broke: the last state that was looked at, if the device still hands it out.
    pub(super) fn broke_in_training(&mut self, good: &State, fault: &str) {
        // A device that is lost breaks once more; then the checkpoint of before stays.
        let _ = guarded(|| self.checkpoint(good, None));
        let message = self.broken(fault, Phase::Training);
        self.alert(Alert { kind: AlertKind::Device, message: message.clone() });
        self.failure = Some(message);
    }

    /// What broke, what is kept of the search, and the remedy.
    pub(super) fn broken(&self, fault: &str, phase: Phase) -> String {
        let device = &self.fleet.names();
        let doing = match phase {
            Phase::Training => "training",
            Phase::Ranking => "ranking",
            Phase::Testing => "testing",
            Phase::Preparing | Phase::Ended => "at work",
        };
        let (kept, go_on) = match self.clock.kept() {
            Some(step) => {
                (format!("the state after training step {step} is kept"), format!("`pgnas resume {}` goes on from there", self.run))
            }
            None => ("nothing was kept yet".to_owned(), "start it again".to_owned()),
        };
        if self.fleet.lead().is_cpu {
            return format!("the engine met a fault of its own while {doing}: {fault}; {kept}, and {go_on}; please report it");
        }
        let remedy = if is_about_memory(fault) {
            let batch = self.preset.train.batch;
            format!("{go_on}, with `--device` on a larger one or the CPU; or search anew with a train.batch below {batch}")
        } else {
            let one = self.fleet.iter().count() == 1;
            let check = if one { format!(" {device}` checks this one") } else { "` checks each of them".to_owned() };
            format!("{go_on}, with `--device` on another; `pgnas doctor --full --device{check}")
        };
        format!("device {device} broke while {doing}: {fault}; {kept}: {remedy}")
    }
}

/// Whether the message of a backend is about memory. There is no type of it that reaches this far.
fn is_about_memory(fault: &str) -> bool {
    let fault = fault.to_lowercase();
    ["out of memory", "outofmemory", "out_of_memory", "memory allocation", "not enough memory", "can't allocate", "cannot allocate"]
        .iter()
        .any(|words| fault.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ImageSet, SetName};
    use crate::engine::devices::{self, OpenDevice};
    use crate::engine::fleet::Fleet;
    use crate::engine::{Keep, Plan};
    use crate::graph::Shape;
    use crate::link::channel;
    use crate::preset::Preset;
    use crate::run::{Event, Outcome, Record, RunFolder, Standing, read_log};
    use std::path::Path;
    use std::time::Duration;

    /// A small search on the CPU, which is taken for another device, or for two, where it has other names.
    fn search(folder: &Path, device: &str, breaks: (u64, &'static str)) -> Vec<Record> {
        let sets = ["train.epochs=2", "space.stages=4", "rank.posterior=2", "rank.random=1", "rank.recalibration_images=8"];
        let loaded = Preset::load("digits", None, &sets.map(str::to_owned)).unwrap();
        let preset = loaded.preset.clone();
        let splits = ImageSet::load(SetName::Digits).unwrap().split(&SetName::Digits.plan()).unwrap();
        let graph = preset.space.build(Shape::map(1, 8, 8), 10).unwrap();
        let folder = RunFolder::create(folder).unwrap();
        for (name, text) in loaded.files() {
            folder.write(name, &text).unwrap();
        }
        let keep = Keep { lock: folder.lock().unwrap(), every: Duration::from_hours(1), resume: None };
        let one = |name: &str| OpenDevice { name: name.into(), is_cpu: name == "cpu", ..devices::cpu() };
        let (lead, others) = device.split_once(',').map_or((device, None), |(lead, other)| (lead, Some(other)));
        let fleet = Fleet::new(one(lead), others.map(one).into_iter().collect());
        let (publisher, _link) = channel();
        let (set, recorder) = (preset.data.set.clone(), folder.recorder().unwrap());
        let plan = Plan {
            run: "broken".into(),
            preset,
            graph,
            set,
            splits,
            seed: 1,
            fleet,
            folder: folder.clone(),
            recorder,
            notices: Vec::new(),
            pretrained: None,
            keep,
        };
        let mut search = Search::new(plan, publisher).unwrap();
        search.trainer.breaks = Some(breaks);
        search.run();
        read_log(&folder.log()).unwrap().0
    }

    fn reason(records: &[Record]) -> &str {
        let Some(Event::Finished { outcome: Outcome::Failed { reason }, .. }) = records.last().map(|record| &record.event) else {
            panic!("it did not fail: {:?}", records.last());
        };
        reason
    }

    #[test]
    fn a_device_that_breaks_leaves_the_last_sound_state_and_says_how_to_go_on() {
        let root = tempfile::tempdir().unwrap();
        // The loss was looked at last at the end of the first epoch, of 17 steps: step 20 breaks, and the state after 17 is kept.
        let records = search(&root.path().join("gone"), "cuda:0", (20, "CUDA_ERROR_ILLEGAL_ADDRESS"));
        let told = reason(&records);
        for words in [
            "device cuda:0 broke while training: CUDA_ERROR_ILLEGAL_ADDRESS; the state after training step 17 is kept",
            "`pgnas resume broken` goes on from there, with `--device` on another",
            "`pgnas doctor --full --device cuda:0` checks this one",
        ] {
            assert!(told.contains(words), "{told}");
        }
        let alert = |record: &&Record| matches!(&record.event, Event::Alert(alert) if alert.kind == AlertKind::Device);
        assert_eq!(records.iter().filter(alert).count(), 1);
        let checkpoints = RunFolder::open(&root.path().join("gone")).unwrap().checkpoints();
        let (standing, mut arrays) = checkpoints.last(|_: &Standing| Ok(()), &mut Vec::new()).unwrap().unwrap();
        assert_eq!((standing.step, standing.phase), (17, Phase::Training));
        assert!(arrays.take("weights").unwrap().iter().all(|weight| weight.is_finite()));
    }

    #[test]
    fn of_several_devices_each_is_to_be_checked() {
        let root = tempfile::tempdir().unwrap();
        let records = search(&root.path().join("two"), "cuda:0,cuda:1", (3, "CUDA_ERROR_ILLEGAL_ADDRESS"));
        let told = reason(&records);
        assert!(
            told.starts_with("device cuda:0,cuda:1 broke") && told.ends_with("`pgnas doctor --full --device` checks each of them"),
            "{told}"
        );
    }

    #[test]
    fn out_of_memory_names_the_batch_and_a_fault_on_the_cpu_is_the_engines_own() {
        let root = tempfile::tempdir().unwrap();
        let records = search(&root.path().join("full"), "wgpu", (3, "Validation: Out of Memory"));
        let told = reason(&records);
        assert!(told.contains("state after training step 0 is kept") && told.contains("a train.batch below 64"), "{told}");
        let records = search(&root.path().join("own"), "cpu", (3, "index out of bounds"));
        let told = reason(&records);
        let words = "the engine met a fault of its own while training: index out of bounds; the state after training step 3 is kept";
        assert!(told.starts_with(words) && told.ends_with("please report it"), "{told}");
    }

    #[test]
    fn words_about_memory_are_known() {
        for fault in
            ["CUDA_ERROR_OUT_OF_MEMORY", "Device out of memory", "memory allocation of 5 bytes failed", "BufferTooBig: OutOfMemory"]
        {
            assert!(is_about_memory(fault), "{fault}");
        }
        assert!(!is_about_memory("illegal memory access"));
    }
}
