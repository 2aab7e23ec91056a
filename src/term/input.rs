//! Keys, resizes, signals and hang-up, from their own threads into one channel.

use crate::app::{Code, Key};
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
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
/// How long crossterm may wait for the rest of what it began to read.
const REST: Duration = Duration::from_millis(20);

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

/// Hands keys on until nobody wants them. Once the terminal is gone crossterm's reader spins for ever (crossterm issue 793), so it is
/// only called when there is something to read.
fn read_keys(sender: &UnboundedSender<Input>) {
    loop {
        let waiting = wait(std::io::stdin(), PollFlags::IN, WATCH);
        if sender.is_closed() {
            // What is typed from here on is for the shell.
            return;
        }
        let read = match waiting {
            Waiting::Nothing => Ok(()),
            Waiting::Bytes => hand_on(sender),
            Waiting::Gone => Err(std::io::ErrorKind::UnexpectedEof.into()),
        };
        if read.is_err() {
            // Without a receiver the screen has ended by itself.
            let _ = sender.send(Input::HangUp);
            return;
        }
    }
}

fn hand_on(sender: &UnboundedSender<Input>) -> std::io::Result<()> {
    while !sender.is_closed() && event::poll(REST)? {
        let input = match event::read()? {
            Event::Key(key) if key.kind == KeyEventKind::Press => translate(key.code, key.modifiers).map(Input::Key),
            Event::Mouse(mouse) => pointed(mouse),
            Event::Paste(text) => Some(Input::Paste(text)),
            Event::Resize(..) => Some(Input::Resize),
            _ => None,
        };
        if let Some(input) = input {
            // Without a receiver the loop ends at its next turn.
            let _ = sender.send(input);
        }
    }
    Ok(())
}

/// Looks for hang-up without reading: the terminal may go away while crossterm reads.
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

fn pointed(MouseEvent { kind, column, row, .. }: MouseEvent) -> Option<Input> {
    match kind {
        MouseEventKind::Down(MouseButton::Left) => Some(Input::Click(column, row)),
        MouseEventKind::ScrollDown => Some(Input::Wheel(column, row, true)),
        MouseEventKind::ScrollUp => Some(Input::Wheel(column, row, false)),
        _ => None,
    }
}

fn translate(code: KeyCode, modifiers: KeyModifiers) -> Option<Key> {
    let code = match code {
        KeyCode::Char(character) => Code::Char(character),
        KeyCode::Enter => Code::Enter,
        KeyCode::Esc => Code::Escape,
        KeyCode::Tab => Code::Tab,
        KeyCode::BackTab => Code::BackTab,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::PageUp => Code::PageUp,
        KeyCode::PageDown => Code::PageDown,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        KeyCode::Backspace => Code::Backspace,
        _ => return None,
    };
    Some(Key { code, ctrl: modifiers.contains(KeyModifiers::CONTROL) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn keys_translate_and_others_are_passed_over() {
        assert_eq!(translate(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Key { code: Code::Char('c'), ctrl: true }));
        assert_eq!(translate(KeyCode::Char('G'), KeyModifiers::SHIFT), Some(Key { code: Code::Char('G'), ctrl: false }));
        assert_eq!(translate(KeyCode::F(1), KeyModifiers::NONE), None);
    }

    #[test]
    fn presses_and_the_wheel_count_and_moves_do_not() {
        let at = |kind| pointed(MouseEvent { kind, column: 3, row: 9, modifiers: KeyModifiers::NONE });
        assert_eq!(at(MouseEventKind::Down(MouseButton::Left)), Some(Input::Click(3, 9)));
        assert_eq!(at(MouseEventKind::ScrollUp), Some(Input::Wheel(3, 9, false)));
        assert_eq!([at(MouseEventKind::Moved), at(MouseEventKind::Up(MouseButton::Left))], [None, None]);
    }

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
