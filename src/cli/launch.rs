//! Starting a search: everything that can be wrong is found before the folder of the run comes to be.

use super::budget;
use super::failure::Failure;
use super::places::Places;
use super::prepare;
use crate::engine::devices::{self, Choice, DeviceError, OpenDevice};
use crate::engine::{self, EngineError, Keep, Plan};
use crate::link::Link;
use crate::preset::Preset;
use crate::run::{Alert, Record, RunFolder, SplitsFile, stamp};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

/// What somebody asks to be searched.
#[derive(Debug, Clone)]
pub struct Request {
    /// Name or path of the preset.
    pub preset: String,
    /// Settings laid over it, `key=value`.
    pub set: Vec<String>,
    /// Folder or archive of the images, where it is not that of the preset.
    pub data: Option<PathBuf>,
    /// Seed of the run.
    pub seed: u64,
    /// Device.
    pub device: String,
    /// Where exactly to put the run.
    pub run_dir: Option<PathBuf>,
    /// Time between checkpoints.
    pub every: Duration,
}

impl Default for Request {
    fn default() -> Self {
        let every = Duration::from_mins(10);
        Self { preset: String::new(), set: Vec::new(), data: None, seed: 1, device: "auto".into(), run_dir: None, every }
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
    let mut loaded = Preset::load(&request.preset, places.presets.as_deref(), &with_data(&request.set, request.data.as_deref())?)?;
    let graph = prepare::graph(&loaded)?;
    let splits = prepare::splits(&loaded)?;
    loaded.settle_path(&prepare::place(&loaded).to_string_lossy());
    let scaled = budget::settle(&mut loaded, &splits);
    let pretrained = prepare::pretrained(&loaded, &graph, request.seed)?;
    if pretrained.is_some() {
        let path = std::path::absolute(&loaded.preset.train.weights).unwrap_or_default();
        loaded.settle_weights(&path.to_string_lossy());
    }
    let (device, notice) = open(&request.device)?;
    let notices = notice.into_iter().chain(scaled).collect();
    let folder = if let Some(path) = &request.run_dir {
        RunFolder::create(path)?
    } else {
        let name = format!("{}-{}-{}", loaded.preset.name, request.seed, stamp(SystemTime::now()));
        RunFolder::create_in(places.runs()?, &name)?
    };
    let start = || -> Result<_, Failure> {
        let lock = folder.lock()?;
        folder.write_config(&loaded.effective.to_toml())?;
        folder.write_splits(&SplitsFile::of(&splits))?;
        let keep = Keep { lock, every: request.every, resume: None };
        let (preset, recorder) = (loaded.preset, folder.recorder()?);
        let (run, set) = (folder.name(), preset.data.set.clone());
        let plan = Plan { run, preset, graph, set, splits, seed: request.seed, device, folder: folder.clone(), recorder, notices, pretrained, keep };
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

/// Settings with the place of the images among them.
///
/// # Errors
/// A mistake: a path that cannot be written into a preset.
pub fn with_data(set: &[String], data: Option<&Path>) -> Result<Vec<String>, Failure> {
    let path = data.map(|path| path.to_str().ok_or_else(|| format!("--data {}: this path is no text; rename the folder", path.display())));
    let path = path.transpose().map_err(Failure::Mistake)?;
    Ok(set.iter().cloned().chain(path.map(|path| format!("data.path={path}"))).collect())
}

/// Opens a device by its name.
///
/// # Errors
/// A mistake: no such device.
pub fn open(name: &str) -> Result<(OpenDevice, Option<Alert>), Failure> {
    let mistake = |error: DeviceError| Failure::Mistake(error.to_string());
    let choice: Choice = name.parse().map_err(mistake)?;
    devices::open(choice).map_err(mistake)
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Thread(_) | EngineError::Checkpoint(_) => Self::Failed(error.to_string()),
            _ => Self::Mistake(error.to_string()),
        }
    }
}
