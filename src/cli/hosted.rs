//! The host of a search: this program once more, in a session of its own, so that nothing that happens to a terminal reaches it.

use super::failure::{Exit, Failure};
use super::launch::Running;
use crate::link::{Server, Update};
use crate::run::{Command, count_lines};
use rustix::process::setsid;
use serde::{Deserialize, Serialize};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command as Process, Stdio};

/// The one line that a host says to who started it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    /// The search is at work in this folder.
    Ready(PathBuf),
    /// The user's mistake.
    Mistake(String),
    /// Something else went wrong.
    Failed(String),
}

/// Starts a host with these arguments, and waits until its search is at work. Tells the folder of the run.
///
/// # Errors
/// What keeps the search from starting.
pub fn start(arguments: &[OsString]) -> Result<PathBuf, Failure> {
    let unexpected =
        |error: std::io::Error| Failure::Failed(format!("no process can be started for the search ({error}); search with --in-process"));
    let program = std::env::current_exe().map_err(unexpected)?;
    let mut process = Process::new(program);
    process.args(&arguments[..1]).arg("--host").args(&arguments[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = process.spawn().map_err(unexpected)?;
    let mut line = String::new();
    if let Some(said) = child.stdout.take() {
        BufReader::new(said).read_line(&mut line).map_err(unexpected)?;
    }
    let word = serde_json::from_str(&line);
    if matches!(word, Ok(Word::Ready(_))) {
        // It outlives this process; should it end before, nothing of it stays behind.
        let _ = std::thread::Builder::new().name("host".into()).spawn(move || child.wait());
    }
    match word {
        Ok(Word::Ready(run)) => Ok(run),
        Ok(Word::Mistake(text)) => Err(Failure::Mistake(text)),
        Ok(Word::Failed(text)) => Err(Failure::Failed(text)),
        Err(_) => Err(Failure::Failed("the process of the search ended before it was at work; search with --in-process to see why".into())),
    }
}

/// Is the host of a search, to its end.
///
/// # Errors
/// What keeps the search from starting; who started this process has been told.
pub fn run(launch: impl FnOnce() -> Result<Running, Failure>) -> Result<Exit, Failure> {
    // Before anything else: a hang-up of the terminal must not reach the devices. One that leads a session already needs no other.
    let _ = setsid();
    let result = launch().and_then(|running| {
        let server = Server::start(running.folder.path(), running.link.again()).map_err(|error| {
            running.link.send(Command::Stop);
            Failure::Failed(format!("there is no socket for screens ({error}); search with --in-process"))
        })?;
        Ok((running, server))
    });
    let (running, server) = match result {
        Ok(started) => started,
        Err(failure) => {
            let line = failure.line();
            log::warn!("the search does not start: {line}");
            say(&if matches!(failure, Failure::Mistake(_)) { Word::Mistake(line) } else { Word::Failed(line) });
            return Err(failure);
        }
    };
    let Running { folder, mut link, engine, .. } = running;
    let signals = listen(&link)?;
    // Who hears of it reads the log, which must have its first event by then.
    while count_lines(&folder.log()) == 0 && !matches!(link.next_blocking(), Update::Closed) {}
    log::info!("at work on {}", folder.path().display());
    say(&Word::Ready(folder.path().to_owned()));
    quiet(&folder.path().join("host.log"));
    while !matches!(link.next_blocking(), Update::Closed) {}
    let _ = engine.join();
    server.finish();
    log::info!("no more at work on {}", folder.path().display());
    signals.close();
    Ok(Exit::Done)
}

/// The first SIGTERM or SIGINT asks the search to stop, which writes a checkpoint and closes the log; the second ends the process at
/// once, and the last checkpoint stays. A hang-up is nothing to a host.
fn listen(link: &crate::link::Link) -> Result<signal_hook::iterator::Handle, Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(|error| Failure::Unexpected(error.into()))?;
    let (handle, link) = (signals.handle(), link.again());
    let work = move || {
        let mut asked = false;
        for signal in signals.forever().filter(|&signal| signal != SIGHUP) {
            if std::mem::replace(&mut asked, true) {
                std::process::exit(Exit::Stopped as i32);
            }
            let _ = signal;
            link.send(Command::Stop);
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(work).map_err(|error| Failure::Unexpected(error.into()))?;
    Ok(handle)
}

/// Says the one word. Who started this process may be gone: the search goes on.
fn say(word: &Word) {
    if let Ok(line) = serde_json::to_string(word) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

/// From here on nobody reads what this process prints: faults of libraries go to a file of the run.
fn quiet(log: &std::path::Path) {
    let file = File::options().create(true).append(true).open(log).or_else(|_| File::options().write(true).open("/dev/null"));
    if let Ok(file) = file {
        let _ = rustix::stdio::dup2_stdout(&file);
        let _ = rustix::stdio::dup2_stderr(&file);
    }
}
