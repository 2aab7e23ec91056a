//! Where the sockets of runs lie: a folder that only this user may enter.

use sha2::{Digest as _, Sha256};
use std::fs::DirBuilder;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Longest path of a socket that every Unix takes.
const LONGEST: usize = 100;

/// Where the socket of a run belongs, by its folder; makes the folder that it lies in.
///
/// # Errors
/// A folder that cannot be made, or that others may enter.
pub fn socket_path(run: &Path) -> std::io::Result<PathBuf> {
    let user = rustix::process::getuid().as_raw();
    let [best, other] = places(run, user)?;
    let path = best.or(other).ok_or(ErrorKind::NotFound)?;
    path.parent().map_or(Ok(()), |folder| own(folder, user))?;
    Ok(path)
}

/// Where the socket of a run may lie, best first. A host may have been started without a runtime folder, or have lost it: systemd takes it
/// away with the user's last session.
///
/// # Errors
/// No such run.
pub fn socket_paths(run: &Path) -> std::io::Result<impl Iterator<Item = PathBuf>> {
    Ok(places(run, rustix::process::getuid().as_raw())?.into_iter().flatten())
}

/// In the runtime folder where there is one, and in the one for what is temporary.
fn places(run: &Path, user: u32) -> std::io::Result<[Option<PathBuf>; 2]> {
    let run = run.canonicalize()?;
    let digest = Sha256::digest(run.as_os_str().as_encoded_bytes());
    let name = digest.iter().take(8).fold(String::new(), |name, byte| format!("{name}{byte:02x}")) + ".sock";
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute() && folder.is_dir());
    let runtime = runtime.map(|folder| folder.join("pgnas").join(&name)).filter(|path| path.as_os_str().len() <= LONGEST);
    Ok([runtime, Some(std::env::temp_dir().join(format!("pgnas-{user}")).join(name))])
}

/// Makes a folder that only this user may enter, or sees to it that one is.
fn own(folder: &Path, user: u32) -> std::io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // A link that somebody else put there is not followed.
    let found = std::fs::symlink_metadata(folder)?;
    if !found.is_dir() || found.uid() != user {
        let shown = folder.display();
        return Err(Error::other(format!(
            "{shown} is no folder of this user's; remove it, or set XDG_RUNTIME_DIR to a folder of your own"
        )));
    }
    if found.mode() & 0o077 != 0 {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
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
    }

    #[test]
    fn screens_look_where_a_host_may_have_made_it() {
        let root = tempfile::tempdir().unwrap();
        let places: Vec<PathBuf> = socket_paths(root.path()).unwrap().collect();
        let made = socket_path(root.path()).unwrap();
        assert!(places.contains(&made) && places.last().unwrap().starts_with(std::env::temp_dir()), "{made:?} of {places:?}");
        assert!(socket_paths(&root.path().join("none")).is_err());
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
