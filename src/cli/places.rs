//! The user's folders: presets of their own, and runs.

use super::failure::Failure;
use std::path::PathBuf;

/// The user's folders; `None` where the system has no home for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Presets of their own.
    pub presets: Option<PathBuf>,
    /// Runs.
    pub runs: Option<PathBuf>,
}

impl Places {
    /// The folders of this user on this system.
    #[must_use]
    pub fn of_user() -> Self {
        let folders = directories::ProjectDirs::from("", "", "pgnas");
        Self {
            presets: folders.as_ref().map(|folders| folders.config_dir().join("presets")),
            runs: folders.as_ref().map(|folders| folders.data_dir().join("runs")),
        }
    }

    /// The folder of runs.
    ///
    /// # Errors
    /// A mistake where there is no home.
    pub fn runs(&self) -> Result<&PathBuf, Failure> {
        let remedy = "there is no home folder to keep runs in; set HOME, or give a folder with --run-dir";
        self.runs.as_ref().ok_or_else(|| Failure::Mistake(remedy.into()))
    }
}

/// The folder of image sets, `None` where the system has no home for it.
#[must_use]
pub fn data() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "pgnas").map(|folders| folders.data_dir().join("data"))
}

/// The folder of the program's log files, `None` where the system has no home for it.
#[must_use]
pub fn logs() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "pgnas")?;
    Some(folders.state_dir().unwrap_or(folders.data_local_dir()).join("logs"))
}

/// The folder of the user's own themes, `None` where the system has no home for it.
#[must_use]
pub fn themes() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "pgnas").map(|folders| folders.config_dir().join("themes"))
}

/// The user's configuration file, `None` where the system has no home for it.
#[must_use]
pub fn config() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "pgnas").map(|folders| folders.config_dir().join("config.toml"))
}
