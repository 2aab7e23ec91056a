//! A screen's end of a socket: it looks like a search in the same process.

use super::channel::channel;
use super::place::{socket_paths, sockets};
use super::server::PROGRAM;
use super::wire::{Answer, Asked, FROM_HOST, Hello, PROTOCOL, Told, Welcome, receive, send};
use super::{Link, Publisher};
use std::io::ErrorKind;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time that a host has for its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a search cannot be attached to.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// There is no socket, or nobody listens at it.
    #[error("nobody is at work on it")]
    Nobody,
    /// The host does not want this screen.
    #[error("{0}")]
    Refused(String),
    /// The system refused, or the host does not answer.
    #[error("its host does not answer ({0})")]
    Silent(std::io::Error),
}

/// Attaches to the search of a run's folder; who only watches cannot steer it.
///
/// # Errors
/// [`AttachError`].
pub fn attach(run: &Path, watch: bool) -> Result<(Link, Welcome), AttachError> {
    let mut stream = connect(run)?;
    let mut greet = || {
        let answer = greet(&mut stream, watch, PATIENCE)?;
        // The newest state comes first.
        let first: Option<Told> = if matches!(answer, Answer::Welcome(_)) { Some(receive(&mut stream, FROM_HOST)?) } else { None };
        stream.set_read_timeout(None)?;
        Ok((answer, first))
    };
    let (welcome, first) = match greet().map_err(AttachError::Silent)? {
        (Answer::Welcome(welcome), first) => (welcome, first),
        (Answer::Refused(reason), _) => return Err(AttachError::Refused(reason)),
    };
    let (publisher, link) = channel();
    if let Some(Told::Snapshot(snapshot)) = first {
        publisher.snapshot(snapshot);
    }
    start(stream, publisher).map_err(AttachError::Silent)?;
    Ok((link, welcome))
}

/// The folders of all runs that hosts of this user are at work on, wherever they lie. A host that does not answer in so long a time, and one
/// of another version, is left out.
#[must_use]
pub fn at_work(patience: Duration) -> Vec<PathBuf> {
    let asked = |path: PathBuf| {
        let (sender, answer) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let welcome = UnixStream::connect(path).and_then(|mut stream| greet(&mut stream, true, patience));
            // Nobody is left to hear it where patience was at its end.
            let _ = sender.send(welcome);
        });
        answer
    };
    let asked: Vec<_> = sockets().into_iter().map(asked).collect();
    let begun = Instant::now();
    let answered = asked.into_iter().filter_map(|answer| answer.recv_timeout(patience.saturating_sub(begun.elapsed())).ok());
    let mut runs: Vec<PathBuf> =
        answered.filter_map(|answer| if let Ok(Answer::Welcome(welcome)) = answer { Some(welcome.run) } else { None }).collect();
    runs.sort();
    runs.dedup();
    runs
}

/// The first words of a screen and of a host.
fn greet(stream: &mut UnixStream, watch: bool, patience: Duration) -> std::io::Result<Answer> {
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    send(stream, &Hello { protocol: PROTOCOL, program: PROGRAM.into(), watch })?;
    receive(stream, FROM_HOST)
}

/// Connects to the first place where somebody listens.
fn connect(run: &Path) -> Result<UnixStream, AttachError> {
    let mut fault = AttachError::Nobody;
    // A run without a folder has nobody at work on it either.
    for path in socket_paths(run).into_iter().flatten() {
        match UnixStream::connect(path) {
            Ok(stream) => return Ok(stream),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {}
            Err(error) => fault = AttachError::Silent(error),
        }
    }
    Err(fault)
}

/// Carries what comes and goes, on two threads; they end with the link or with the connection.
fn start(stream: UnixStream, publisher: Publisher) -> std::io::Result<()> {
    let Publisher { commands, snapshots, records } = publisher;
    let (mut reader, mut writer) = (stream.try_clone()?, stream);
    std::thread::Builder::new().name("told".into()).spawn(move || {
        loop {
            match receive::<Told>(&mut reader, FROM_HOST) {
                Ok(Told::Record(record)) => drop(records.send(Arc::new(record))),
                Ok(Told::Snapshot(snapshot)) => drop(snapshots.send_replace(Arc::new(snapshot))),
                // The ring of this end is as long: what is missing is missed here, too.
                Ok(Told::Missed(_)) => {}
                // A number in a snapshot that is none makes one picture fewer.
                Err(error) if error.kind() == ErrorKind::InvalidData => {}
                Ok(Told::Closed) | Err(_) => break,
            }
        }
    })?;
    std::thread::Builder::new().name("asked".into()).spawn(move || {
        while let Ok(command) = commands.recv() {
            if send(&mut writer, &Asked::Command(command)).is_err() {
                break;
            }
        }
        let _ = writer.shutdown(Shutdown::Both);
    })?;
    Ok(())
}
