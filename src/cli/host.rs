//! What the screen asks of the program around it, answered from the user's folders and the engine.

use super::failure::Failure;
use super::launch::{Request, Running, launch};
use super::places::Places;
use super::runs::RunFiles;
use crate::app::{
    Changes, Compared, Draft, Host, Job, KeyRow, Listing, Opened, PresetRow, Question, Reading, Replayed, RunRow, Task, Tie, Training,
};
use crate::preset::{KEYS, Preset};
use crate::run::{Record, RunFolder, Start, list_runs, read_answers};
use std::ffi::OsString;
use std::path::Path;
use std::thread::JoinHandle;

/// The host of this system.
#[derive(Debug)]
pub struct SystemHost {
    places: Places,
    /// Device and time between checkpoints of a search that the screen starts; all else is as its preset says, which the screen shows.
    request: Request,
    engine: Option<JoinHandle<()>>,
    /// Whether searches are started in this process.
    in_process: bool,
}

impl SystemHost {
    /// A host for a user's folders; searches are started on the device of `request`, from the preset chosen on the screen. Its seed,
    /// settings, images and folder are those of the one search of the command line.
    #[must_use]
    pub fn new(places: Places, request: Request) -> Self {
        let Request { device, every, .. } = request;
        Self { places, request: Request { device, every, ..Request::default() }, engine: None, in_process: false }
    }

    /// With an engine at work in this process, where further searches go, too.
    #[must_use]
    pub fn in_process(self, engine: JoinHandle<()>) -> Self {
        Self { engine: Some(engine), in_process: true, ..self }
    }

    /// What is asked for by a preset and what was changed of it on the screen.
    fn asked(&self, preset: &str, changes: &Changes) -> Request {
        let set = changes.set.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let seed = changes.seed.unwrap_or(self.request.seed);
        Request { preset: preset.to_owned(), set, seed, ..self.request.clone() }
    }

    fn take(&mut self, running: Running) -> Opened {
        self.engine = Some(running.engine);
        let folder = running.folder;
        Opened { name: folder.name(), path: folder.path().to_owned(), records: running.before, link: Some(running.link), tie: Tie::Own }
    }

    fn read(path: &Path) -> Result<RunFiles, String> {
        RunFolder::open(path).map_err(Failure::from).and_then(RunFiles::read).map_err(|failure| failure.line())
    }
}

impl Host for SystemHost {
    fn presets(&self) -> Vec<PresetRow> {
        let user = self.places.presets.as_deref();
        let row = |name: String| {
            // A preset file that is wrong has no numbers to show; starting it tells why.
            let Ok(loaded) = Preset::load(&name, user, &[]) else {
                return PresetRow {
                    name,
                    summary: "this preset has an error; start it to see which".into(),
                    parameters: 0,
                    groups: 0,
                    epochs: 0,
                };
            };
            let cost = super::prepare::graph(&loaded).map(|graph| (graph.cost().parameters as usize, graph.groups().len()));
            let (parameters, groups) = cost.unwrap_or_default();
            PresetRow { name, summary: loaded.preset.summary, parameters, groups, epochs: loaded.preset.train.epochs as u32 }
        };
        Preset::names(user).into_iter().map(row).collect()
    }

    fn runs(&self) -> Listing {
        let root = self.places.runs.clone();
        let row = |run: crate::run::RunListing| RunRow {
            state: super::list::standing(&run).0.to_owned(),
            name: run.name,
            path: run.path,
            preset: run.preset,
            seed: run.seed,
            best: run.best,
            written: run.written,
            bytes: run.bytes,
        };
        Box::new(move || root.as_deref().map(list_runs).unwrap_or_default().into_iter().map(row).collect())
    }

    fn start(&mut self, preset: &str, changes: &Changes) -> Result<Opened, String> {
        self.finish();
        let request = self.asked(preset, changes);
        if !self.in_process {
            return hosted(&request.arguments());
        }
        let running = launch(&request, &self.places).map_err(|failure| failure.line())?;
        Ok(self.take(running))
    }

    fn draft(&self, preset: &str, changes: &Changes) -> Result<Draft, String> {
        let asked = self.asked(preset, changes);
        let loaded = Preset::load(preset, self.places.presets.as_deref(), &asked.set).map_err(|error| error.to_string())?;
        let graph = super::prepare::graph(&loaded).map_err(|error| error.to_string())?;
        let row = |setting: &crate::preset::Setting| {
            let key = KEYS.iter().find(|key| key.path == setting.key)?;
            Some(KeyRow {
                key: key.path.to_owned(),
                value: setting.value.to_string(),
                origin: setting.origin.to_string(),
                doc: key.doc.to_owned(),
                kind: key.kind.to_string(),
            })
        };
        let seed = KeyRow {
            key: "seed".into(),
            value: asked.seed.to_string(),
            origin: if changes.seed.is_some() { "--seed".into() } else { "default".into() },
            doc: "Seed of the run: the same seed gives the same run.".into(),
            kind: "a whole number from 0 on".into(),
        };
        let shown = loaded.effective.settings().iter().filter(|setting| !matches!(setting.key, "name" | "summary")).filter_map(row);
        let keys = std::iter::once(seed).chain(shown).collect();
        Ok(Draft { keys, parameters: graph.cost().parameters as usize, groups: graph.groups().len() })
    }

    fn resume(&mut self, path: &Path) -> Result<Opened, String> {
        self.finish();
        if !self.in_process {
            return hosted(&super::resume::arguments_for(path, None, None, self.request.every));
        }
        let running = super::resume::resume(path, None, None, self.request.every).map_err(|failure| failure.line())?;
        Ok(self.take(running))
    }

    fn rename(&mut self, path: &Path, name: &str) -> Result<(), String> {
        let folder = RunFolder::open(path).map_err(|error| error.to_string())?;
        folder.rename(name).map(drop).map_err(|error| error.to_string())
    }

    fn delete(&mut self, path: &Path) -> Result<(), String> {
        let folder = RunFolder::open(path).map_err(|error| error.to_string())?;
        folder.delete().map_err(|error| error.to_string())
    }

    fn open(&mut self, path: &Path) -> Result<Opened, String> {
        if let Ok(opened) = super::attach::open(path, false) {
            return Ok(opened);
        }
        super::attach::to_look_at(path).map_err(|failure| failure.line())
    }

    fn replay(&mut self, path: &Path) -> Result<Replayed, String> {
        super::replay::open(path, None).map_err(|failure| failure.line())
    }

    fn catch_up(&mut self, path: &Path, from: u64) -> Result<Vec<Record>, String> {
        let records = Self::read(path)?.records;
        Ok(records.into_iter().filter(|record| record.sequence >= from).collect())
    }

    fn check_training(&self, path: &Path, from: Start, training: &Training) -> Result<(), String> {
        let checked =
            RunFolder::open(path).map_err(Failure::from).and_then(|folder| super::retrain::check(&folder, from, &training.recipe));
        checked.map_err(|failure| failure.line())
    }

    fn job(&self, task: &Task) -> Job {
        let (task, device) = (task.clone(), self.request.device.clone());
        Box::new(move |progress| super::errands::run(&task, &device, progress).map_err(|failure| failure.line()))
    }

    fn answers(&self, question: &Question) -> Reading {
        let question = question.clone();
        Box::new(move || {
            let folder = RunFolder::open(&question.run).map_err(|error| error.to_string())?;
            let mode = question.started.batch_norm;
            let records = read_answers(&folder.candidates(), question.candidates, mode).map_err(|error| error.to_string())?;
            Ok(Compared::of(&question.started, &records))
        })
    }

    fn finish(&mut self) {
        if let Some(engine) = self.engine.take() {
            // A fault of the engine is the last event of its log, where the screen shows it.
            let _ = engine.join();
        }
    }
}

/// Starts a host with these words of the command line, and attaches to it.
fn hosted(arguments: &[OsString]) -> Result<Opened, String> {
    super::hosted::start(arguments).and_then(|run| super::attach::open(&run, false)).map_err(|failure| failure.line())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{Errand, Progress};
    use crate::run::{CandidateId, fixture};
    use std::sync::Arc;

    fn host(root: &Path) -> SystemHost {
        let places = Places { presets: Some(root.join("presets")), runs: Some(root.join("runs")) };
        let request = Request { device: "cpu".into(), ..Request::default() };
        SystemHost { in_process: true, ..SystemHost::new(places, request) }
    }

    #[test]
    fn a_search_of_the_start_screen_is_the_one_that_its_table_shows() {
        let request = Request {
            preset: "digits".into(),
            space: Some("own.toml".into()),
            set: vec!["train.epochs=120".into()],
            data: Some("images".into()),
            seed: 7,
            device: "cpu".into(),
            run_dir: Some("there".into()),
            every: std::time::Duration::from_mins(3),
        };
        let host = SystemHost::new(Places { presets: None, runs: None }, request.clone());
        let bare = Request { preset: "fashion".into(), device: "cpu".into(), every: request.every, ..Request::default() };
        assert_eq!(host.asked("fashion", &Changes::default()).arguments(), bare.arguments());
        let value = |key: &str| host.draft("digits", &Changes::default()).unwrap().keys.into_iter().find(|row| row.key == key).unwrap();
        let shown = host.presets().into_iter().find(|row| row.name == "digits").unwrap();
        assert_eq!((value("train.epochs").value, value("seed").value), (shown.epochs.to_string(), "1".into()));
        let changes = Changes { seed: Some(9), set: [("train.epochs".to_owned(), "3".to_owned())].into() };
        let asked = host.asked("digits", &changes);
        assert_eq!((asked.seed, asked.set), (9, vec!["train.epochs=3".to_owned()]));
    }

    #[test]
    fn presets_and_runs_are_listed_and_earlier_runs_open() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("presets")).unwrap();
        std::fs::write(root.path().join("presets/wrong.toml"), "epochs = 3").unwrap();
        let folder = RunFolder::create(&root.path().join("runs/digits-1")).unwrap();
        let mut recorder = folder.recorder().unwrap();
        for event in fixture::events() {
            recorder.record(event);
        }

        let mut host = host(root.path());
        let presets = host.presets();
        let names: Vec<(&str, bool)> = presets.iter().map(|row| (row.name.as_str(), row.parameters > 0)).collect();
        assert_eq!((names[0], names.last()), (("digits", true), Some(&("wrong", false))));
        assert!(names[..names.len() - 1].iter().all(|&(_, built)| built), "{names:?}");
        assert_eq!(presets[0].groups, 37);
        let runs = host.runs()();
        assert_eq!((runs.len(), runs[0].state.as_str()), (1, "completed"));
        let opened = host.open(&runs[0].path).unwrap();
        assert_eq!((opened.records.len(), opened.link.is_none()), (fixture::events().len(), true));
        let last = host.catch_up(&runs[0].path, opened.records.len() as u64 - 1).unwrap();
        assert_eq!(last, opened.records[opened.records.len() - 1..]);
        assert!(host.open(&root.path().join("nowhere")).unwrap_err().contains("this is no run"));
        for errand in [Errand::Export, Errand::Evaluate, Errand::Retrain(Start::Scratch)] {
            let job = host.job(&Task { run: runs[0].path.clone(), candidate: CandidateId(6), errand, training: Training::default() });
            let told = job(&Progress { tell: &|_| {}, stop: Arc::default() }).unwrap_err();
            assert!(told.contains("candidate 6 is not in it"), "{errand:?}: {told}");
        }
        let mut writer = folder.candidate_writer().unwrap();
        fixture::candidates().iter().for_each(|candidate| writer.write(candidate));
        let started = Box::new(fixture::started());
        let asked = |candidates| host.answers(&Question { run: runs[0].path.clone(), started: started.clone(), candidates })().unwrap();
        assert_eq!(asked(100), Compared::of(&started, &fixture::candidates()), "as whole records tell");
        assert_eq!((asked(100).candidates, asked(7).candidates), (8, 7), "what a replay has not come to is left out");
        assert!(asked(100).comparison.is_some());
        let training = |word: &str| Training { seed: Some(3), recipe: vec![word.to_owned()] };
        std::fs::write(runs[0].path.join("config.toml"), Preset::load("digits", None, &[]).unwrap().effective.to_toml()).unwrap();
        let check = |from, word: &str| host.check_training(&runs[0].path, from, &training(word));
        assert_eq!((check(Start::Scratch, "epochs=2"), check(Start::Inherited, "data.flip=true")), (Ok(()), Ok(())));
        assert!(check(Start::Scratch, "epochs=none").unwrap_err().contains("train.epochs"));
        assert!(check(Start::Scratch, "space.nodes=1").unwrap_err().contains("no part of training"));
        assert!(host.start("wrong", &Changes::default()).unwrap_err().contains("did you mean `train.epochs`?"));

        let changes = |key: &str, value: &str| Changes { set: [(key.to_owned(), value.to_owned())].into(), ..Changes::default() };
        let draft = host.draft("digits", &changes("space.nodes", "1")).unwrap();
        assert!(draft.groups < 37 && draft.keys.iter().any(|row| row.key == "space.nodes" && row.value == "1" && row.origin == "--set"));
        assert!(host.draft("digits", &changes("train.epochs", "none")).unwrap_err().contains("train.epochs"));
        assert!(host.rename(&runs[0].path, "../out").unwrap_err().contains("name"));
        host.rename(&runs[0].path, "mine").unwrap();
        assert_eq!(host.runs()()[0].name, "mine");
        let path = host.runs()()[0].path.clone();
        let lock = RunFolder::open(&path).unwrap().lock().unwrap();
        assert!(host.delete(&path).is_err() && host.resume(&path).is_err(), "somebody is at work on it");
        drop(lock);
        assert!(host.resume(&path).unwrap_err().contains("is complete"));
        host.delete(&path).unwrap();
        assert_eq!((host.runs()().len(), path.exists()), (0, false));
    }
}
