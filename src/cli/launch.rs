//! Starting a search: everything that can be wrong is found before the folder of the run comes to be.

use super::failure::Failure;
use super::places::Places;
use super::prepare;
use crate::engine::devices::{self, Choice};
use crate::engine::{self, EngineError, Plan};
use crate::link::Link;
use crate::preset::{Preset, space_settings};
use crate::run::{RunFolder, stamp};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::SystemTime;

/// What somebody asks to be searched.
#[derive(Debug, Clone)]
pub struct Request {
    /// Name or path of the preset; empty for the defaults, where there is a space.
    pub preset: String,
    /// A space of one's own, in the place of the preset's.
    pub space: Option<PathBuf>,
    /// Settings laid over it, `key=value`.
    pub set: Vec<String>,
    /// Seed of the run.
    pub seed: u64,
    /// Device.
    pub device: String,
    /// Where exactly to put the run.
    pub run_dir: Option<PathBuf>,
}

/// A search at work.
#[derive(Debug)]
pub struct Running {
    /// Its folder.
    pub folder: RunFolder,
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
    let loaded = match &request.space {
        Some(space) if request.preset.is_empty() => Preset::of_space(space, &request.set)?,
        space => {
            let mut set = space.as_deref().map(space_settings).unwrap_or_default();
            set.extend_from_slice(&request.set);
            Preset::load(&request.preset, places.presets.as_deref(), &set)?
        }
    };
    let graph = prepare::graph(&loaded)?;
    let splits = prepare::splits(&loaded)?;
    let mistake = |error: devices::DeviceError| Failure::Mistake(error.to_string());
    let choice: Choice = request.device.parse().map_err(mistake)?;
    let (device, notice) = devices::open(choice).map_err(mistake)?;
    let folder = if let Some(path) = &request.run_dir {
        RunFolder::create(path)?
    } else {
        let name = format!("{}-{}-{}", loaded.preset.name, request.seed, stamp(SystemTime::now()));
        RunFolder::create_in(places.runs()?, &name)?
    };
    let start = || -> Result<_, Failure> {
        for (name, text) in loaded.files() {
            folder.write(name, &text)?;
        }
        let (preset, recorder) = (loaded.preset, folder.recorder()?);
        let (run, set) = (folder.name(), preset.data.set.clone());
        let plan = Plan { run, preset, graph, set, splits, seed: request.seed, device, folder: folder.clone(), recorder, notice };
        Ok(engine::start(plan)?)
    };
    match start() {
        Ok((link, engine)) => Ok(Running { folder, link, engine }),
        Err(failure) => {
            folder.discard();
            Err(failure)
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Thread(_) => Self::Failed(error.to_string()),
            _ => Self::Mistake(error.to_string()),
        }
    }
}
