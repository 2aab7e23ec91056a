//! Keys, resizes, signals and hang-up, from their own threads into one channel.

use super::meaning::Reader;
use super::probe::Answer;
use crate::app::Key;
use rustix::event::{PollFd, PollFlags, Timespec};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals;
use std::os::fd::AsFd;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// What comes from the terminal or the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    Key(Key),
    /// The first button of the mouse was pressed, at a column and a line.
    Click(u16, u16),
    /// The wheel turned there; down or up.
    Wheel(u16, u16, bool),
    Paste(String),
    /// The terminal tells of itself, as it was asked to.
    Answer(Answer),
    Resize,
    /// The shell lets the program go on after it was stopped.
    Continue,
    /// Somebody asks the program to end.
    End,
    /// The terminal is gone.
    HangUp,
}

/// How often the threads look up from waiting. Keys and a hang-up wake them at once; this is for systems that keep quiet about one.
const WATCH: Duration = Duration::from_secs(5);
/// How long an escape may be the beginning of something. Terminals send what belongs together at once.
const REST: Duration = Duration::from_millis(25);

/// What a terminal has for its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Nothing,
    Bytes,
    Gone,
}

/// Starts to listen for signals: before the terminal is taken, so that none finds it taken and nobody listening.
pub(super) fn listen_to_signals(sender: UnboundedSender<Input>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGWINCH, SIGCONT])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            let input = match signal {
                SIGHUP => Input::HangUp,
                SIGWINCH => Input::Resize,
                SIGCONT => Input::Continue,
                _ => Input::End,
            };
            let is_end = input == Input::End;
            // After the screen has gone a search may still be closing its log; who asks once more need not wait for it.
            if sender.send(input).is_err() && is_end {
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    })?;
    Ok(())
}

/// Starts to listen to the terminal.
pub(super) fn listen_to_terminal(sender: &UnboundedSender<Input>) -> std::io::Result<()> {
    let keys = sender.clone();
    std::thread::Builder::new().name("keys".into()).spawn(move || read_keys(&keys))?;
    let watch = sender.clone();
    std::thread::Builder::new().name("watch".into()).spawn(move || watch_terminal(&watch))?;
    Ok(())
}

/// Whether nobody is at the other end of the terminal any more.
pub(super) fn terminal_is_gone() -> bool {
    wait(std::io::stdin(), PollFlags::empty(), Duration::ZERO) == Waiting::Gone
}

/// Hands keys on until nobody wants them.
fn read_keys(sender: &UnboundedSender<Input>) {
    let mut reader = Reader::default();
    loop {
        let read = bytes(if reader.is_open() { REST } else { WATCH });
        if sender.is_closed() {
            return;
        }
        let inputs = match read {
            Ok(Some(bytes)) => reader.read(&bytes),
            Ok(None) => reader.nothing_follows(),
            Err(_) => vec![Input::HangUp],
        };
        let is_end = inputs.last() == Some(&Input::HangUp);
        // Without a receiver the screen has ended by itself.
        if inputs.into_iter().any(|input| sender.send(input).is_err()) || is_end {
            return;
        }
    }
}

/// What the terminal has sent, as soon as it has; `None` where it sends nothing for so long.
///
/// # Errors
/// A terminal that is gone. Reading from it would return at once, for ever.
pub(super) fn bytes(patience: Duration) -> std::io::Result<Option<Vec<u8>>> {
    let terminal = std::io::stdin();
    match wait(&terminal, PollFlags::IN, patience) {
        Waiting::Nothing => Ok(None),
        Waiting::Gone => Err(std::io::ErrorKind::UnexpectedEof.into()),
        Waiting::Bytes => {
            let mut bytes = vec![0; 4096];
            match rustix::io::read(&terminal, &mut bytes) {
                Ok(0) => Err(std::io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    bytes.truncate(count);
                    Ok(Some(bytes))
                }
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Ok(None),
                Err(error) => Err(error.into()),
            }
        }
    }
}

/// Looks for hang-up without reading: the keys may be waiting for the rest of something.
fn watch_terminal(sender: &UnboundedSender<Input>) {
    while !sender.is_closed() {
        if wait(std::io::stdin(), PollFlags::empty(), WATCH) == Waiting::Gone {
            // Without a receiver the screen has ended by itself.
            let _ = sender.send(Input::HangUp);
            return;
        }
    }
}

/// Waits until there is what `wanted` asks for, the terminal is gone, or the time is over.
fn wait(terminal: impl AsFd, wanted: PollFlags, time: Duration) -> Waiting {
    let mut polled = [PollFd::new(&terminal, wanted)];
    let timeout = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
    match rustix::event::poll(&mut polled, Some(&timeout)) {
        Ok(_) if polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) => Waiting::Gone,
        Ok(_) if polled[0].revents().intersects(wanted) => Waiting::Bytes,
        Ok(_) | Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Waiting::Nothing,
        Err(_) => Waiting::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_closed_far_end_is_told_from_silence() {
        let (near, mut far) = std::io::pipe().unwrap();
        assert_eq!(wait(&near, PollFlags::IN, Duration::ZERO), Waiting::Nothing);
        far.write_all(b"q").unwrap();
        assert_eq!(wait(&near, PollFlags::IN, Duration::ZERO), Waiting::Bytes);
        drop(far);
        assert_eq!(wait(&near, PollFlags::IN, Duration::ZERO), Waiting::Gone);
        assert_eq!(wait(&near, PollFlags::empty(), Duration::ZERO), Waiting::Gone);
    }
}
