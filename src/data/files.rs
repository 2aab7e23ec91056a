//! Files of a set by their names, wherever they lie: in a folder, one folder deeper, or in a `.tar.gz`.

use super::DataError;
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// No single file of the sets that are read whole comes near this; it bounds what a damaged archive can unpack to.
const LARGEST: u64 = 1 << 30;

/// The contents of the wanted files by their names.
pub type Found = BTreeMap<String, Vec<u8>>;

/// Reads the files whose names are wanted, from a folder (and the folders in it) or an archive. An archive among the files of the
/// folder is opened where nothing else is found.
///
/// # Errors
/// [`DataError::Unreadable`] with the file at fault.
pub fn read(place: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Found, DataError> {
    if !place.is_dir() {
        return if place.exists() { from_archive(place, wanted) } else { Ok(Found::new()) };
    }
    let mut found = Found::new();
    let entries = list(place)?;
    let folders = entries.iter().filter(|path| path.is_dir());
    let inner = folders.map(|folder| list(folder)).collect::<Result<Vec<_>, _>>()?.concat();
    for path in entries.iter().chain(&inner).filter(|path| path.is_file()) {
        let name = name(path);
        if wanted(&name) && !found.contains_key(&name) {
            let bytes = File::open(path).and_then(limited).map_err(|error| unreadable(path, &error))?;
            found.insert(name, bytes);
        }
    }
    if !found.is_empty() {
        return Ok(found);
    }
    for path in entries.iter().filter(|path| is_archive(path)) {
        found = from_archive(path, wanted)?;
        if !found.is_empty() {
            break;
        }
    }
    Ok(found)
}

/// The names of the files that [`read`] would look at.
///
/// # Errors
/// [`DataError::Unreadable`] with the file or folder at fault.
pub fn names(place: &Path) -> Result<Vec<String>, DataError> {
    if !place.exists() {
        return Err(unreadable(place, &"there is no such folder or file"));
    }
    let asked = std::cell::RefCell::new(Vec::new());
    read(place, &|name| {
        asked.borrow_mut().push(name.to_owned());
        false
    })?;
    Ok(asked.into_inner())
}

fn from_archive(path: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Found, DataError> {
    let walk = || -> io::Result<Found> {
        let mut found = Found::new();
        let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(File::open(path)?)));
        for entry in archive.entries()? {
            let entry = entry?;
            let name = name(&entry.path()?);
            if entry.header().entry_type().is_file() && wanted(&name) {
                let bytes = limited(entry)?;
                found.insert(name, bytes);
            }
        }
        Ok(found)
    };
    walk().map_err(|error| unreadable(path, &format!("as a .tar.gz: {error}")))
}

/// Unpacks `bytes` where they are compressed by gzip.
///
/// # Errors
/// [`DataError::Unreadable`] for torn or corrupt ones.
pub fn gunzip(name: &str, bytes: Vec<u8>) -> Result<Vec<u8>, DataError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    limited(GzDecoder::new(bytes.as_slice())).map_err(|error| unreadable(Path::new(name), &error))
}

/// Whether a path looks like an archive that is read here.
#[must_use]
pub fn is_archive(path: &Path) -> bool {
    let name = name(path).to_lowercase();
    [".tar.gz", ".tgz"].iter().any(|ending| name.ends_with(ending))
}

/// The entries of a folder, by name.
///
/// # Errors
/// [`DataError::Unreadable`].
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = || -> io::Result<Vec<PathBuf>> { fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect() };
    let mut entries = entries().map_err(|error| unreadable(folder, &error))?;
    entries.sort();
    Ok(entries)
}

fn limited(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The last part of a path.
#[must_use]
pub fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The error for a path.
pub fn unreadable(path: &Path, reason: &dyn std::fmt::Display) -> DataError {
    DataError::Unreadable { path: path.display().to_string(), reason: reason.to_string() }
}
