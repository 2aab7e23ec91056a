//! Where the sockets of runs lie: a folder that only this user may enter.

use sha2::{Digest as _, Sha256};
use std::fs::DirBuilder;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Longest path of a socket that every Unix takes.
const LONGEST: usize = 100;
/// Length of a socket's name: 16 digits and its ending.
const NAME: usize = 21;
/// What the name of a socket ends with.
const ENDING: &str = ".sock";

/// Where the socket of a run belongs, by its folder; makes the folder that it lies in.
///
/// # Errors
/// A folder that cannot be made, or that others may enter.
pub fn socket_path(run: &Path) -> std::io::Result<PathBuf> {
    let user = rustix::process::getuid().as_raw();
    let (name, (runtime, temporary)) = places(run, user)?;
    let folder = runtime.unwrap_or(temporary);
    own(&folder, user)?;
    Ok(folder.join(name))
}

/// Where the socket of a run may lie, best first: in folders that only this user may enter, so that nobody else answers for a host. A host
/// may have been started without a runtime folder, or have lost it: systemd takes it away with the user's last session.
///
/// # Errors
/// No such run.
pub fn socket_paths(run: &Path) -> std::io::Result<impl Iterator<Item = PathBuf>> {
    let user = rustix::process::getuid().as_raw();
    let (name, (runtime, temporary)) = places(run, user)?;
    let folders = runtime.into_iter().chain([temporary]).filter(move |folder| is_own(folder, user).is_ok_and(|own| own));
    Ok(folders.map(move |folder| folder.join(&name)))
}

/// Every socket of this user's, whosever run it is: searches that are at work, and what killed ones left.
#[must_use]
pub fn sockets() -> Vec<PathBuf> {
    let user = rustix::process::getuid().as_raw();
    let (runtime, temporary) = folders();
    let folders = runtime.into_iter().chain([temporary(user)]).filter(|folder| is_own(folder, user).is_ok_and(|own| own));
    let entries = folders.flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()));
    entries.filter(|path| path.to_str().is_some_and(|path| path.ends_with(ENDING))).collect()
}

/// The name of a run's socket; the runtime folder, where there is one, and the one for what is temporary.
fn places(run: &Path, user: u32) -> std::io::Result<(String, (Option<PathBuf>, PathBuf))> {
    let run = run.canonicalize()?;
    let digest = Sha256::digest(run.as_os_str().as_encoded_bytes());
    let name = digest.iter().take(8).fold(String::new(), |name, byte| format!("{name}{byte:02x}")) + ENDING;
    let (runtime, temporary) = folders();
    Ok((name, (runtime, temporary(user))))
}

/// The folder of sockets below the runtime folder, where there is one, and that of a user below the one for what is temporary.
fn folders() -> (Option<PathBuf>, impl Fn(u32) -> PathBuf) {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute() && folder.is_dir());
    let runtime = runtime.map(|folder| folder.join("pgnas")).filter(|folder| folder.as_os_str().len() + 1 + NAME <= LONGEST);
    (runtime, |user| std::env::temp_dir().join(format!("pgnas-{user}")))
}

/// Makes a folder that only this user may enter, or sees to it that one is.
fn own(folder: &Path, user: u32) -> std::io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if !is_own(folder, user)? {
        let shown = folder.display();
        return Err(Error::other(format!(
            "{shown} is no folder of this user's; remove it, or set XDG_RUNTIME_DIR to a folder of your own"
        )));
    }
    if std::fs::symlink_metadata(folder)?.mode() & 0o077 != 0 {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Whether a folder is this user's; a link that somebody else put there is not followed.
fn is_own(folder: &Path, user: u32) -> std::io::Result<bool> {
    let found = std::fs::symlink_metadata(folder)?;
    Ok(found.is_dir() && found.uid() == user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_this_users_alone_and_a_link_is_no_folder() {
        let root = tempfile::tempdir().unwrap();
        let user = rustix::process::getuid().as_raw();
        let folder = root.path().join("pgnas");
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        own(&folder, user).unwrap();
        assert_eq!(std::fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert!(own(&folder, user + 1).unwrap_err().to_string().contains("no folder of this user's"));
        let link = root.path().join("link");
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        assert!(own(&link, user).is_err());
        assert!(is_own(&folder, user).unwrap() && !is_own(&folder, user + 1).unwrap() && !is_own(&link, user).unwrap());
    }

    #[test]
    fn screens_look_where_a_host_may_have_made_it() {
        let root = tempfile::tempdir().unwrap();
        let made = socket_path(root.path()).unwrap();
        assert!(socket_paths(root.path()).unwrap().any(|place| place == made));
        assert!(socket_paths(&root.path().join("none")).is_err());
        assert_eq!(made.file_name().unwrap().len(), NAME);
    }

    #[test]
    fn a_run_has_one_socket_however_it_is_written() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("a/b")).unwrap();
        let paths = ["a", "a/b/..", "a/b"].map(|run| socket_path(&root.path().join(run)).unwrap());
        assert_eq!(paths[0], paths[1]);
        assert_ne!(paths[0], paths[2]);
        assert!(paths[0].as_os_str().len() <= LONGEST);
    }
}
