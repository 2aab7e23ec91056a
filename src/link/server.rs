//! The host's end of the sockets: every screen gets events and snapshots as fast as it reads them, and none slows the search.

use super::place::socket_path;
use super::wire::{Answer, Asked, FROM_SCREEN, Hello, PROTOCOL, Told, Welcome, receive, send};
use super::{Link, Update};
use crate::run::{Record, Snapshot};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::ErrorKind;
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::Notify;

/// Time that a peer has for its first word, and for taking what it is told.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the host looks whether its socket is still where screens look for it.
const LOOK: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };
/// Screens at once; further ones are refused.
const SCREENS: usize = 64;

/// This program and its version.
pub(super) const PROGRAM: &str = concat!("pgnas ", env!("CARGO_PKG_VERSION"));

/// Offers a search to screens, each on threads of its own.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    /// Its other end wakes the thread when it closes.
    end: UnixStream,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    link: Link,
    run: PathBuf,
    screens: Mutex<Vec<JoinHandle<()>>>,
}

impl Server {
    /// Listens on the socket of a run, which must be this process's: what is left of an earlier one is removed.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(run: &Path, link: Link) -> std::io::Result<Self> {
        let socket = Socket::bind(run)?;
        let shared = Arc::new(Shared { link, run: run.canonicalize()?, screens: Mutex::default() });
        let (end, ended) = UnixStream::pair()?;
        let listening = shared.clone();
        let thread = std::thread::Builder::new().name("listen".into()).spawn(move || listen(socket, &ended, &listening))?;
        Ok(Self { shared, end, thread })
    }

    /// Waits until all screens have been told the end, as far as they listen, and takes the socket away. The search has ended by then.
    pub fn finish(self) {
        drop(self.end);
        let _ = self.thread.join();
        let screens = std::mem::take(&mut *self.shared.screens.lock().unwrap_or_else(PoisonError::into_inner));
        for screen in screens {
            let _ = screen.join();
        }
    }
}

/// A socket with its place.
#[derive(Debug)]
struct Socket {
    path: PathBuf,
    listener: UnixListener,
}

impl Socket {
    /// At the place where screens look for a run; what is left of an earlier process there is removed.
    fn bind(run: &Path) -> std::io::Result<Self> {
        let path = socket_path(run)?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        // Who has left between the poll and the accept must not hold it up.
        listener.set_nonblocking(true)?;
        Ok(Self { path, listener })
    }

    /// Whether screens find it no longer: the runtime folder goes with the last session of a user, and comes with the next.
    fn is_lost(&self, run: &Path) -> bool {
        socket_path(run).is_ok_and(|place| place != self.path || !place.exists())
    }
}

fn listen(mut socket: Socket, ended: &UnixStream, shared: &Arc<Shared>) {
    loop {
        let mut polled = [PollFd::new(&socket.listener, PollFlags::IN), PollFd::new(ended, PollFlags::IN)];
        let count = poll(&mut polled, Some(&LOOK));
        let [screen, end] = polled.map(|polled| !polled.revents().is_empty());
        if end {
            let _ = std::fs::remove_file(&socket.path);
            return;
        }
        if count.is_ok_and(|count| count == 0) && socket.is_lost(&shared.run) {
            // Where there is no place for one now, there may be in two seconds.
            if let Ok(found) = Socket::bind(&shared.run) {
                let before = std::mem::replace(&mut socket, found);
                if before.path != socket.path {
                    let _ = std::fs::remove_file(&before.path);
                }
            }
        }
        if !screen {
            continue;
        }
        let stream = socket.listener.accept().and_then(|(stream, _)| stream.set_nonblocking(false).map(|()| stream));
        let Ok(stream) = stream else {
            // Out of descriptors, for example: it passes when a screen leaves.
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        let mut screens = shared.screens.lock().unwrap_or_else(PoisonError::into_inner);
        screens.retain(|screen| !screen.is_finished());
        let room = screens.len() < SCREENS;
        let (shared, link) = (shared.clone(), shared.link.again());
        let serve = move || {
            // A peer that leaves, stalls or talks nonsense loses its connection and nothing else happens.
            let _ = serve(stream, link, &shared.run, room);
        };
        if let Ok(screen) = std::thread::Builder::new().name("screen".into()).spawn(serve) {
            screens.push(screen);
        }
    }
}

/// Talks to one screen until it leaves or the search has ended.
fn serve(mut stream: UnixStream, mut link: Link, run: &Path, room: bool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    if !is_own(&stream)? {
        return Err(ErrorKind::PermissionDenied.into());
    }
    let hello: Hello = receive(&mut stream, FROM_SCREEN)?;
    if let Some(reason) = refusal(&hello, room) {
        return send(&mut stream, &Answer::Refused(reason));
    }
    let welcome = Welcome { program: PROGRAM.into(), process: std::process::id(), run: run.to_owned() };
    send(&mut stream, &Answer::Welcome(welcome))?;
    send(&mut stream, &Told::<&Record, &Snapshot>::Snapshot(&link.snapshot()))?;
    stream.set_read_timeout(None)?;
    let (commands, gone) = (link.again(), Arc::new(Notify::new()));
    let (reader, left) = (stream.try_clone()?, gone.clone());
    let reader = std::thread::Builder::new().name("commands".into()).spawn(move || {
        take_commands(reader, &commands, hello.watch);
        left.notify_one();
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let result = loop {
        let update = runtime.block_on(async {
            tokio::select! {
                update = link.next() => Some(update),
                () = gone.notified() => None,
            }
        });
        let told: Told<&Record, &Snapshot> = match &update {
            Some(Update::Record(record)) => Told::Record(record),
            Some(Update::Snapshot(snapshot)) => Told::Snapshot(snapshot),
            Some(Update::Missed(events)) => Told::Missed(*events),
            Some(Update::Closed) => Told::Closed,
            None => break Ok(()),
        };
        match send(&mut stream, &told) {
            Ok(()) if !matches!(told, Told::Closed) => {}
            result => break result,
        }
    };
    // Ends the other thread, too.
    let _ = stream.shutdown(if result.is_ok() { Shutdown::Read } else { Shutdown::Both });
    let _ = reader.join();
    result
}

/// Hands commands on until the screen leaves or says something that is none; those of who only watches are for nobody.
fn take_commands(mut stream: UnixStream, link: &Link, watch: bool) {
    while let Ok(Asked::Command(command)) = receive(&mut stream, FROM_SCREEN) {
        if !watch {
            link.send(command);
        }
    }
}

fn refusal(hello: &Hello, room: bool) -> Option<String> {
    if hello.protocol != PROTOCOL {
        let remedy = "look at it with the program that it was started with, or stop that and resume with this one";
        return Some(format!(
            "the search runs in {PROGRAM} (protocol {PROTOCOL}), and this is {} ({}); {remedy}",
            hello.program, hello.protocol
        ));
    }
    (!room).then(|| format!("{SCREENS} screens are looking at this search already; close one of them"))
}

/// Whether the process at the other end is this user's.
#[cfg(target_os = "linux")]
fn is_own(stream: &UnixStream) -> std::io::Result<bool> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    Ok(allowed(peer.uid.as_raw(), rustix::process::getuid().as_raw()))
}

/// Whether the process at the other end is this user's: elsewhere nobody else can enter the folder of the socket.
#[cfg(not(target_os = "linux"))]
fn is_own(_: &UnixStream) -> std::io::Result<bool> {
    Ok(true)
}

/// Only the user whose search it is: not even the superuser, who can become that user.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "who is there is not known"))]
fn allowed(peer: u32, own: u32) -> bool {
    peer == own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_and_other_versions_are_refused() {
        assert!(allowed(1000, 1000) && !allowed(1001, 1000) && !allowed(0, 1000));
        let hello = |protocol| Hello { protocol, program: "pgnas 9.9.9".into(), watch: false };
        assert_eq!(refusal(&hello(PROTOCOL), true), None);
        let told = refusal(&hello(PROTOCOL + 1), true).unwrap();
        assert!(told.contains(PROGRAM) && told.contains("pgnas 9.9.9 (2)"), "{told}");
        assert!(refusal(&hello(PROTOCOL), false).unwrap().contains("64 screens"));
    }
}
