//! Where the sockets of runs lie: a folder that only this user may enter.

use sha2::{Digest as _, Sha256};
use std::fs::DirBuilder;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Longest path of a socket that every Unix takes.
const LONGEST: usize = 100;

/// The socket of a run, by its folder; makes the folder that it lies in.
///
/// # Errors
/// A folder that cannot be made, or that others may enter.
pub fn socket_path(run: &Path) -> std::io::Result<PathBuf> {
    let user = rustix::process::getuid().as_raw();
    let run = run.canonicalize()?;
    let digest = Sha256::digest(run.as_os_str().as_encoded_bytes());
    let name = digest.iter().take(8).fold(String::new(), |name, byte| format!("{name}{byte:02x}")) + ".sock";
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute() && folder.is_dir());
    let runtime = runtime.map(|folder| folder.join("pgnas")).filter(|folder| folder.as_os_str().len() + 1 + name.len() <= LONGEST);
    let folder = runtime.unwrap_or_else(|| std::env::temp_dir().join(format!("pgnas-{user}")));
    own(&folder, user)?;
    Ok(folder.join(name))
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
    fn a_run_has_one_socket_however_it_is_written() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("a/b")).unwrap();
        let paths = ["a", "a/b/..", "a/b"].map(|run| socket_path(&root.path().join(run)).unwrap());
        assert_eq!(paths[0], paths[1]);
        assert_ne!(paths[0], paths[2]);
        assert!(paths[0].as_os_str().len() <= LONGEST);
    }
}
