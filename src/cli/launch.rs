//! Starting a search: everything that can be wrong is found before the folder of the run comes to be.

use super::budget;
use super::failure::Failure;
use super::places::Places;
use super::prepare;
use crate::engine::devices::OpenDevice;
use crate::engine::fleet::Fleet;
use crate::engine::{self, EngineError, Keep, Plan, remote};
use crate::link::Link;
use crate::preset::{Preset, PresetError, space_settings};
use crate::run::{Alert, Record, RunFolder, SplitsFile, stamp};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

/// What somebody asks to be searched.
#[derive(Debug, Clone)]
pub struct Request {
    /// Name or path of the preset; empty for the defaults, where there is a space.
    pub preset: String,
    /// A space of one's own, in the place of the preset's.
    pub space: Option<PathBuf>,
    /// Settings laid over it, `key=value`.
    pub set: Vec<String>,
    /// Folder or archive of the images, where it is not that of the preset.
    pub data: Option<PathBuf>,
    /// Seed of the run.
    pub seed: u64,
    /// Device, or several separated by commas.
    pub device: String,
    /// Where exactly to put the run.
    pub run_dir: Option<PathBuf>,
    /// Time between checkpoints.
    pub every: Duration,
}

impl Request {
    /// The command line that asks for the same.
    #[must_use]
    pub fn arguments(&self) -> Vec<OsString> {
        let Self { preset, space, set, data, seed, device, run_dir, every } = self;
        let minutes = (every.as_secs_f64() / 60.0).to_string();
        let mut arguments: Vec<OsString> = vec!["search".into(), "--seed".into(), seed.to_string().into()];
        arguments.extend(["--device".into(), device.into(), "--checkpoint-minutes".into(), minutes.into()]);
        arguments.extend(set.iter().map(|setting| format!("--set={setting}").into()));
        for (flag, path) in [("--space=", space), ("--data=", data), ("--run-dir=", run_dir)] {
            if let Some(path) = path {
                let mut argument = OsString::from(flag);
                argument.push(path);
                arguments.push(argument);
            }
        }
        if !preset.is_empty() {
            arguments.extend(["--".into(), preset.into()]);
        }
        arguments
    }
}

impl Default for Request {
    fn default() -> Self {
        let every = Duration::from_mins(10);
        Self { preset: String::new(), space: None, set: Vec::new(), data: None, seed: 1, device: "auto".into(), run_dir: None, every }
    }
}

/// A search at work.
#[derive(Debug)]
pub struct Running {
    /// Its folder.
    pub folder: RunFolder,
    /// The records of its log from before it was interrupted.
    pub before: Vec<Record>,
    /// The end of the link for a screen.
    pub link: Link,
    /// The engine's thread.
    pub engine: JoinHandle<()>,
}

/// Starts a search.
///
/// # Errors
/// The first thing that is wrong with the preset, the device or the folder.
pub fn launch(request: &Request, places: &Places) -> Result<Running, Failure> {
    let set = with_data(&request.set, request.data.as_deref())?;
    let blame = |error: PresetError| of_data(error, request.data.as_deref());
    let mut loaded = match &request.space {
        Some(space) if request.preset.is_empty() => Preset::of_space(space, &set).map_err(blame)?,
        space => {
            let mut all = space.as_deref().map(space_settings).unwrap_or_default();
            all.extend(set);
            Preset::load(&request.preset, places.presets.as_deref(), &all).map_err(|error| prepare::no_preset(blame(error)))?
        }
    };
    let graph = prepare::graph(&loaded).map_err(blame)?;
    let splits = prepare::splits(&loaded).map_err(blame)?;
    loaded.settle_path(&prepare::place(&loaded).to_string_lossy());
    let scaled = budget::settle(&mut loaded, &splits);
    let pretrained = prepare::pretrained(&loaded, &graph, request.seed)?;
    if pretrained.is_some() {
        // A folder that is gone has no absolute path; then the file stays named as it was.
        let given = loaded.preset.train.weights.clone();
        let path = std::path::absolute(&given).map_or(given, |path| path.to_string_lossy().into_owned());
        loaded.settle_weights(&path);
    }
    let (fleet, mut notices) = open_all(&request.device)?;
    let batch = loaded.preset.train.batch;
    notices.extend(scaled.into_iter().chain(fleet.too_small_for(&graph, batch)));
    let folder = if let Some(path) = &request.run_dir {
        RunFolder::create(path)?
    } else {
        let name = format!("{}-{}-{}", loaded.preset.name, request.seed, stamp(SystemTime::now()));
        RunFolder::create_in(places.runs()?, &name)?
    };
    let start = || -> Result<_, Failure> {
        let lock = folder.lock()?;
        for (name, text) in loaded.files() {
            folder.write(name, &text)?;
        }
        folder.write_splits(&SplitsFile::of(&splits))?;
        let keep = Keep { lock, every: request.every, resume: None };
        let (preset, recorder) = (loaded.preset, folder.recorder()?);
        let (run, set) = (folder.name(), preset.data.set.clone());
        let plan = Plan {
            run,
            preset,
            graph,
            set,
            splits,
            seed: request.seed,
            fleet,
            folder: folder.clone(),
            recorder,
            notices,
            pretrained,
            keep,
        };
        Ok(engine::start(plan)?)
    };
    match start() {
        Ok((link, engine)) => Ok(Running { folder, before: Vec::new(), link, engine }),
        Err(failure) => {
            folder.discard();
            Err(failure)
        }
    }
}

/// An error about the place of the images, as one about the flag that named it.
#[must_use]
pub fn of_data(error: PresetError, data: Option<&Path>) -> PresetError {
    let Some(data) = data else { return error };
    error.placed(|key, place| (key == "data.path" && place.starts_with("--set")).then(|| format!("--data {}", data.display())))
}

/// Settings with the place of the images among them.
///
/// # Errors
/// A mistake: a path that cannot be written into a preset.
pub fn with_data(set: &[String], data: Option<&Path>) -> Result<Vec<String>, Failure> {
    let path = data.map(|path| path.to_str().ok_or_else(|| format!("--data {}: this path is no text; rename the folder", path.display())));
    let path = path.transpose().map_err(Failure::Mistake)?;
    Ok(set.iter().cloned().chain(path.map(|path| format!("data.path={path}"))).collect())
}

/// Opens the devices of a list, the leading one first.
///
/// # Errors
/// A mistake: no such device.
pub fn open_all(list: &str) -> Result<(Fleet, Vec<Alert>), Failure> {
    if list.contains(remote::PREFIX) {
        remote::present(super::serve::token()?);
    }
    Fleet::open(list).map_err(|error| Failure::Mistake(error.to_string()))
}

/// Opens one device.
///
/// # Errors
/// A mistake: no such device, or several.
pub fn open(name: &str) -> Result<(OpenDevice, Vec<Alert>), Failure> {
    let (fleet, notices) = open_all(name)?;
    match fleet.iter().count() {
        1 => Ok((fleet.lead().clone(), notices)),
        _ => Err(Failure::Mistake(format!("--device {name}: one device is enough here; give one of them"))),
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Thread(_) | EngineError::Diverged { .. } | EngineError::Checkpoint(_) => Self::Failed(error.to_string()),
            _ => Self::Mistake(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::arguments::{Arguments, Command};
    use super::*;
    use clap::Parser as _;

    #[test]
    fn the_host_is_asked_for_the_same() {
        let request = Request {
            preset: "-odd".into(),
            space: Some("own.toml".into()),
            set: vec!["train.epochs=3".into(), "space.stages=4,6".into()],
            data: Some("some where".into()),
            seed: 7,
            device: "cpu".into(),
            run_dir: Some("-run".into()),
            every: Duration::from_secs(3),
        };
        let mut line = request.arguments();
        line.insert(0, "pgnas".into());
        line.insert(2, "--host".into());
        let Some(Command::Search(told)) = Arguments::try_parse_from(line).unwrap().command else { panic!("this is no search") };
        assert!(
            told.host
                && told.preset.as_ref() == Some(&request.preset)
                && told.space == request.space
                && told.set == request.set
                && told.data == request.data
        );
        assert_eq!((told.seed, told.device, told.run_dir, told.checkpoint_minutes), (7, "cpu".into(), request.run_dir, request.every));
    }
}
