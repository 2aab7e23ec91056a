//! `pgnas serve`: this machine's devices for searches on others.

use super::failure::{Exit, Failure};
use super::places;
use std::io::ErrorKind;
use std::path::PathBuf;

/// The environment variable with the token that servers are shown.
const VARIABLE: &str = "PGNAS_REMOTE_TOKEN";

/// The file of the token where the variable says nothing: what this machine asks of clients, and what it shows to servers.
fn token_file() -> Result<PathBuf, Failure> {
    let config =
        places::config().ok_or_else(|| Failure::Mistake(format!("there is no home folder for a token; set HOME, or {VARIABLE}")))?;
    Ok(config.with_file_name("remote.token"))
}

/// The token that servers are shown; empty where there is none, which every server refuses.
///
/// # Errors
/// A mistake: a file that cannot be read.
pub fn token() -> Result<String, Failure> {
    if let Ok(token) = std::env::var(VARIABLE) {
        return Ok(token.trim().to_owned());
    }
    let path = token_file()?;
    match std::fs::read_to_string(&path) {
        Ok(token) => Ok(token.trim().to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Failure::Mistake(format!("{}: the token cannot be read ({error}); or set {VARIABLE}", path.display()))),
    }
}

/// Serves until somebody interrupts it.
///
/// # Errors
/// A mistake: devices that are not there or cannot be served, an address that cannot be listened at, a key or a token that cannot be kept.
#[cfg(feature = "remote")]
pub fn run(arguments: &super::arguments::ServeArguments) -> Result<Exit, Failure> {
    use super::output;
    use crate::engine::fleet::Fleet;
    use crate::engine::serve::Serving;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let mistake = |error: &dyn std::fmt::Display| Failure::Mistake(error.to_string());
    // A second interrupt leaves at once, also while connections are closed.
    let _stop = super::retrain::interrupted()?;
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(|error| Failure::Unexpected(error.into()))?;
    let (fleet, notices) = Fleet::open(&arguments.device).map_err(|error| mistake(&error))?;
    notices.iter().for_each(|notice| output::tell(&notice.message));
    let (token, kept) = own_token()?;
    let key = token_file()?.with_file_name("server.key");
    if let Some(folder) = key.parent() {
        std::fs::create_dir_all(folder).map_err(|error| mistake(&format!("{}: cannot be made ({error})", folder.display())))?;
    }
    let serving = Serving::start(&fleet, arguments.listen, &key, &token).map_err(|error| mistake(&error))?;
    let place = serving.place();
    let host = if place.ip().is_unspecified() { hostname() } else { place.ip().to_string() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    for index in 0..fleet.iter().count() {
        let index = if index == 0 { String::new() } else { format!("/{index}") };
        output::print(&format!("remote:{}@{host}:{}{index}\n", serving.id(), place.port()))?;
    }
    output::tell(&format!("serving {} at {place} (UDP) and nowhere else, encrypted, to whom has the token in {kept}", fleet.label()));
    output::tell(&format!("elsewhere: put the token into {VARIABLE}, and give a line of the above to --device; Ctrl-C ends the server"));
    let _ = signals.forever().next();
    output::tell("closing the connections");
    Ok(Exit::Done)
}

/// The same in a program that was built without it.
///
/// # Errors
/// Always.
#[cfg(not(feature = "remote"))]
pub fn run(_: &super::arguments::ServeArguments) -> Result<Exit, Failure> {
    Err(Failure::Mistake("this program was built without the serving of devices; build with `--features remote`".into()))
}

/// The token that clients must have, and where it is kept: drawn anew where there is none.
#[cfg(feature = "remote")]
fn own_token() -> Result<(String, String), Failure> {
    use crate::engine::serve::fresh_token;
    let known = token()?;
    let path = token_file()?;
    if !known.is_empty() {
        let place = if std::env::var_os(VARIABLE).is_some() { VARIABLE.to_owned() } else { path.display().to_string() };
        return Ok((known, place));
    }
    let fresh = fresh_token();
    let kept = keep_private(&path, &fresh);
    kept.map_err(|error| Failure::Mistake(format!("{}: the token cannot be kept ({error}); or set {VARIABLE}", path.display())))?;
    Ok((fresh, path.display().to_string()))
}

/// Writes a file that nobody else may read.
#[cfg(feature = "remote")]
fn keep_private(path: &std::path::Path, token: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    // One that is empty is no token.
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    writeln!(options.open(path)?, "{token}")
}

/// The name of this machine, as others may know it.
#[cfg(feature = "remote")]
fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
