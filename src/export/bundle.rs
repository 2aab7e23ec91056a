//! Several files that appear together or not at all, in one folder or in several.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Every file that an export may hold; a folder with anything else in it is no export and is not replaced.
const KNOWN: [&str; 13] = [
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
    "select.json",
    "space.toml",
    // Python leaves its compiled module beside the source.
    "__pycache__",
];

/// Lies in a folder as long as it is written, locked by who writes it, so that what a killed export left is known from what another one
/// is at.
const WRITING: &str = ".writing";

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
    source: io::Error,
}

/// Folders that are written beside their places, to be looked at there, and put into them all together. What is not put into its place
/// is removed.
#[derive(Debug, Default)]
pub struct Staging {
    folders: Vec<Staged>,
}

/// One folder that is written and not yet in its place.
#[derive(Debug)]
struct Staged {
    folder: PathBuf,
    beside: PathBuf,
    /// Folders above it that were not there before.
    made: Vec<PathBuf>,
    writing: Option<File>,
}

/// One folder that is in its place.
struct Placed<'a> {
    folder: &'a Path,
    /// The earlier export that stood there, kept until all are in their places.
    old: Option<PathBuf>,
}

/// How a folder gets another name.
type Rename<'a> = &'a dyn Fn(&Path, &Path) -> io::Result<()>;

impl Bundle {
    /// Adds a file.
    pub fn add(&mut self, name: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.files.push((name.into(), content.into()));
    }

    fn write(&self, beside: &Path) -> io::Result<File> {
        std::fs::create_dir_all(beside)?;
        let writing = File::create(beside.join(WRITING))?;
        writing.lock()?;
        for (name, content) in &self.files {
            let path = beside.join(name);
            let mut file = File::create(&path)?;
            file.write_all(content)?;
            file.sync_all()?;
            if std::fs::read(&path)? != *content {
                return Err(io::Error::other(format!("`{name}` reads back otherwise than it was written")));
            }
        }
        Ok(writing)
    }
}

impl Staging {
    /// Writes a folder beside its place, reads every file back, and tells where it lies until then. What a killed export left there, or
    /// beside it, is removed first.
    ///
    /// # Errors
    /// [`BundleError`], also where the place holds anything but an export.
    pub fn add(&mut self, bundle: &Bundle, folder: &Path) -> Result<PathBuf, BundleError> {
        let fault = |source| BundleError { path: folder.display().to_string(), source };
        only_an_export(folder).and_then(|()| tidy(folder)).map_err(fault)?;
        let above = folder.ancestors().skip(1).take_while(|above| !above.as_os_str().is_empty() && !above.exists());
        let made = above.map(Path::to_owned).collect();
        let mut staged = Staged { folder: folder.to_owned(), beside: sibling(folder, "part"), made, writing: None };
        match bundle.write(&staged.beside) {
            Ok(writing) => {
                staged.writing = Some(writing);
                let beside = staged.beside.clone();
                self.folders.push(staged);
                Ok(beside)
            }
            Err(source) => {
                staged.remove();
                Err(fault(source))
            }
        }
    }

    /// Puts all folders into their places. Earlier exports of their names are replaced; should one folder not get there, all is again as
    /// it was before.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn place(self) -> Result<(), BundleError> {
        self.place_by(&|from, to| std::fs::rename(from, to))
    }

    fn place_by(mut self, rename: Rename<'_>) -> Result<(), BundleError> {
        for staged in &mut self.folders {
            // A folder with an open file in it cannot be renamed everywhere.
            staged.writing = None;
        }
        let mut placed: Vec<Placed<'_>> = Vec::new();
        for staged in &self.folders {
            match staged.place(rename) {
                Ok(done) => placed.push(done),
                Err(source) => {
                    placed.into_iter().rev().for_each(|placed| placed.undo(rename));
                    return Err(BundleError { path: staged.folder.display().to_string(), source });
                }
            }
        }
        // What was asked for is there; an old folder that cannot be removed goes with the next export of its name.
        for old in placed.into_iter().filter_map(|placed| placed.old) {
            let _ = std::fs::remove_dir_all(old);
        }
        self.folders.clear();
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // The last one first: folders above were made for the first.
        while let Some(staged) = self.folders.pop() {
            staged.remove();
        }
    }
}

impl Staged {
    fn place(&self, rename: Rename<'_>) -> io::Result<Placed<'_>> {
        only_an_export(&self.folder)?;
        std::fs::remove_file(self.beside.join(WRITING))?;
        let old = self.folder.exists().then(|| sibling(&self.folder, "old"));
        if let Some(old) = &old {
            if old.exists() {
                only_an_export(old)?;
                std::fs::remove_dir_all(old)?;
            }
            rename(&self.folder, old)?;
        }
        let placed = rename(&self.beside, &self.folder);
        if let (Err(fault), Some(old)) = (&placed, &old)
            && let Err(again) = rename(old, &self.folder)
        {
            let kept = format!("{fault}; the earlier export is in {}, where it stays ({again})", old.display());
            return Err(io::Error::other(kept));
        }
        placed.map(|()| Placed { folder: &self.folder, old })
    }

    fn remove(self) {
        drop(self.writing);
        // The failure is what the user must hear of; what cannot be removed goes with the next export.
        let _ = std::fs::remove_dir_all(&self.beside);
        for above in &self.made {
            // One that holds something by now stays.
            let _ = std::fs::remove_dir(above);
        }
    }
}

impl Placed<'_> {
    fn undo(self, rename: Rename<'_>) {
        // As above: who cannot have it undone finds the earlier one under its other name.
        let _ = std::fs::remove_dir_all(self.folder);
        if let Some(old) = self.old {
            let _ = rename(&old, self.folder);
        }
    }
}

fn sibling(folder: &Path, ending: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{ending}"));
    folder.with_file_name(name)
}

/// Names in a folder that belong to no export.
fn strangers(folder: &Path) -> io::Result<Vec<String>> {
    let mut strangers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        if name != WRITING && !KNOWN.iter().any(|known| name == **known) {
            strangers.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(strangers)
}

/// Refuses a folder that holds anything but an export; one that is not there holds nothing.
fn only_an_export(folder: &Path) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let stranger = strangers(folder)?.into_iter().next();
    stranger.map_or(Ok(()), |name| Err(io::Error::other(format!("it holds `{name}`, which is no part of an export"))))
}

/// Clears up behind exports that were killed: half a folder is removed wherever it lies beside this one, and an earlier export that was
/// put aside comes back.
fn tidy(folder: &Path) -> io::Result<()> {
    let old = sibling(folder, "old");
    if !folder.exists() && old.exists() && strangers(&old)?.is_empty() {
        std::fs::rename(&old, folder)?;
    }
    let own = sibling(folder, "part");
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Where there is no folder yet, nothing can have been left in it.
    let beside = std::fs::read_dir(above).into_iter().flatten().flatten().map(|entry| entry.path());
    for part in beside.filter(|path| path.extension().is_some_and(|ending| ending == "part") && path.is_dir()) {
        let is_own = part.file_name() == own.file_name();
        let is_left = strangers(&part)?.is_empty() && is_abandoned(&part.join(WRITING), is_own);
        if is_left {
            std::fs::remove_dir_all(&part)?;
        } else if is_own {
            return Err(io::Error::other(format!("another export is at work in {}", part.display())));
        }
    }
    Ok(())
}

/// Whether nobody holds the lock any more. Versions of before wrote without one: a folder of these is known by its name alone.
fn is_abandoned(writing: &Path, without: bool) -> bool {
    File::options().write(true).open(writing).map_or(without, |file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn bundle(content: &str) -> Bundle {
        let mut bundle = Bundle::default();
        bundle.add("model.py", content);
        bundle.add("model.onnx", "b");
        bundle
    }

    fn staged(content: &str, folders: &[&Path]) -> Staging {
        let mut staging = Staging::default();
        for folder in folders {
            staging.add(&bundle(content), folder).unwrap();
        }
        staging
    }

    fn write(content: &str, folder: &Path) {
        staged(content, &[folder]).place().unwrap();
    }

    fn content(folder: &Path) -> String {
        std::fs::read_to_string(folder.join("model.py")).unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Renames, but for the time of that number.
    fn failing_at(time: u32) -> impl Fn(&Path, &Path) -> io::Result<()> {
        let times = Cell::new(0);
        move |from: &Path, to: &Path| {
            times.set(times.get() + 1);
            if times.get() == time { Err(io::Error::other("the disk is gone")) } else { std::fs::rename(from, to) }
        }
    }

    #[test]
    fn a_second_export_replaces_the_first() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("exports/7");
        write("one", &folder);
        write("two", &folder);
        assert_eq!((content(&folder).as_str(), names(&folder)), ("two", vec!["model.onnx".to_owned(), "model.py".to_owned()]));
        assert_eq!(names(&root.path().join("exports")), ["7"], "nothing is left beside it");
    }

    #[test]
    fn what_is_staged_can_be_read_and_is_gone_unless_it_is_placed() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("deep/exports/7");
        let mut staging = Staging::default();
        let beside = staging.add(&bundle("one"), &folder).unwrap();
        assert_eq!(content(&beside), "one");
        assert!(!folder.exists());
        staging.add(&bundle("two"), &root.path().join("deep/exports/8")).unwrap();
        drop(staging);
        assert_eq!(names(root.path()), [""; 0], "the folders above it were made for it");
    }

    #[test]
    fn a_failed_export_leaves_what_was_there_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("letter.txt"), "dear").unwrap();
        let message = |bundle: &Bundle, folder: &Path| Staging::default().add(bundle, folder).unwrap_err().to_string();
        let told = message(&bundle("x"), root.path());
        assert!(told.contains("`letter.txt`, which is no part of an export"), "{told}");
        assert!(!sibling(root.path(), "part").exists());
        let told = message(&bundle("x"), &root.path().join("letter.txt/deep"));
        assert!(told.contains("nothing was exported"), "{told}");
        // A name that is a folder stops half-way.
        let mut half = bundle("x");
        half.add("missing/c.txt", "c");
        message(&half, &root.path().join("half"));
        assert_eq!(names(root.path()), ["letter.txt"]);
    }

    #[test]
    fn an_old_export_is_put_back_where_the_new_one_does_not_get_into_its_place() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("7");
        write("one", &folder);
        // The old one goes aside by the first renaming, and the second fails.
        let told = staged("two", &[&folder]).place_by(&failing_at(2)).unwrap_err().to_string();
        assert!(told.contains("the disk is gone") && told.contains("nothing was exported"), "{told}");
        assert_eq!((content(&folder).as_str(), names(root.path())), ("one", vec!["7".to_owned()]));
    }

    #[test]
    fn several_exports_are_all_there_or_none_of_them() {
        let root = tempfile::tempdir().unwrap();
        let (first, second) = (root.path().join("many/1"), root.path().join("many/2"));
        let both = [first.as_path(), second.as_path()];
        assert!(staged("one", &both).place_by(&failing_at(2)).is_err());
        assert_eq!(names(root.path()), [""; 0]);
        write("one", &first);
        // Aside, into its place, and the second one fails.
        assert!(staged("two", &both).place_by(&failing_at(3)).is_err());
        assert_eq!((content(&first).as_str(), names(&root.path().join("many"))), ("one", vec!["1".to_owned()]));
        staged("two", &both).place().unwrap();
        assert_eq!((content(&first), content(&second), names(&root.path().join("many")).len()), ("two".into(), "two".into(), 2));
    }

    #[test]
    fn what_a_killed_export_left_goes_with_the_next_one() {
        let root = tempfile::tempdir().unwrap();
        let part = |name: &str| root.path().join(format!("{name}.part"));
        for name in ["7", "8", "9"] {
            std::fs::create_dir(part(name)).unwrap();
            std::fs::write(part(name).join("model.onnx"), "half").unwrap();
        }
        // That of 8 was killed; that of 9 is at work; who wrote 7 knew no locks.
        std::fs::write(part("8").join(WRITING), "").unwrap();
        let at_work = File::create(part("9").join(WRITING)).unwrap();
        at_work.lock().unwrap();
        std::fs::create_dir(root.path().join("songs.part")).unwrap();
        std::fs::write(root.path().join("songs.part/one.flac"), "la").unwrap();
        // Killed between two renamings.
        std::fs::create_dir(root.path().join("7.old")).unwrap();
        std::fs::write(root.path().join("7.old/model.py"), "one").unwrap();
        let staging = staged("two", &[&root.path().join("7")]);
        assert_eq!(content(&root.path().join("7")), "one", "the earlier export is back");
        staging.place().unwrap();
        assert_eq!(names(root.path()), ["7", "9.part", "songs.part"]);
        assert_eq!(content(&root.path().join("7")), "two");
        let told = Staging::default().add(&bundle("x"), &root.path().join("9")).unwrap_err().to_string();
        assert!(told.contains("another export is at work"), "{told}");
        assert!(part("9").join("model.onnx").exists());
    }
}
