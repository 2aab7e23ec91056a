//! Several files that appear together or not at all.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Every file that an export may hold; a folder with anything else in it is no export and is not replaced.
const KNOWN: [&str; 12] = [
    "README.md",
    "config.toml",
    "ensemble.json",
    "genotype.json",
    "model.onnx",
    "model.py",
    "model.safetensors",
    "network.dot",
    "network.svg",
    "network.txt",
    "space.toml",
    // Python leaves its compiled module beside the source.
    "__pycache__",
];

/// Files of one folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bundle {
    /// Names and contents.
    pub files: Vec<(String, Vec<u8>)>,
}

/// A folder that cannot be written; nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
#[error("{path}: cannot be written ({source}); nothing was exported. Choose a folder that you may write to, with --out")]
pub struct BundleError {
    path: String,
    source: std::io::Error,
}

impl Bundle {
    /// Adds a file.
    pub fn add(&mut self, name: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.files.push((name.into(), content.into()));
    }

    /// Writes the folder beside its place and renames it there. An earlier export of that name is replaced; a folder that holds
    /// anything else is left as it is.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn write(&self, folder: &Path) -> Result<(), BundleError> {
        let beside = sibling(folder, "part");
        let result = self.stage(&beside).and_then(|()| replace(&beside, folder));
        result.map_err(|source| {
            // The failure is what the user must hear of; what cannot be removed is told by its name.
            let _ = std::fs::remove_dir_all(&beside);
            BundleError { path: folder.display().to_string(), source }
        })
    }

    fn stage(&self, beside: &Path) -> std::io::Result<()> {
        if beside.exists() {
            std::fs::remove_dir_all(beside)?;
        }
        std::fs::create_dir_all(beside)?;
        for (name, content) in &self.files {
            let mut file = std::fs::File::create(beside.join(name))?;
            file.write_all(content)?;
            file.sync_all()?;
        }
        Ok(())
    }
}

fn sibling(folder: &Path, ending: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{ending}"));
    folder.with_file_name(name)
}

/// Puts a new folder in the place of an old one that holds an export alone.
fn replace(new: &Path, folder: &Path) -> std::io::Result<()> {
    if !folder.exists() {
        return std::fs::rename(new, folder);
    }
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        if !KNOWN.iter().any(|known| name == **known) {
            let fault = format!("it holds `{}`, which is no part of an export", name.to_string_lossy());
            return Err(std::io::Error::other(fault));
        }
    }
    let old = sibling(folder, "old");
    if old.exists() {
        std::fs::remove_dir_all(&old)?;
    }
    std::fs::rename(folder, &old)?;
    std::fs::rename(new, folder)?;
    std::fs::remove_dir_all(&old)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(content: &str) -> Bundle {
        let mut bundle = Bundle::default();
        bundle.add("model.py", content);
        bundle.add("model.onnx", "b");
        bundle
    }

    #[test]
    fn a_second_export_replaces_the_first() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("exports/7");
        bundle("one").write(&folder).unwrap();
        bundle("two").write(&folder).unwrap();
        assert_eq!(std::fs::read_to_string(folder.join("model.py")).unwrap(), "two");
        assert_eq!(std::fs::read_dir(root.path().join("exports")).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_failed_export_leaves_what_was_there_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("letter.txt"), "dear").unwrap();
        let message = bundle("x").write(root.path()).unwrap_err().to_string();
        assert!(message.contains("`letter.txt`, which is no part of an export"), "{message}");
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
        assert!(!sibling(root.path(), "part").exists());
        let message = bundle("x").write(&root.path().join("letter.txt/deep")).unwrap_err().to_string();
        assert!(message.contains("nothing was exported"), "{message}");
        // A name that is a folder stops half-way.
        let mut half = bundle("x");
        half.add("missing/c.txt", "c");
        assert!(half.write(&root.path().join("half")).is_err());
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
