//! Keys, resizes, signals and hang-up, from their own threads into one channel.

use crate::app::{Code, Key};
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use rustix::event::{PollFd, PollFlags, Timespec};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// What comes from the terminal or the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Key(Key),
    Resize,
    /// Somebody asks the program to end.
    End,
    /// The terminal is gone.
    HangUp,
}

/// How often the terminal is asked whether it is still there. crossterm's own reader does not notice and then spins
/// (crossterm issue 793), so somebody else has to look.
const WATCH: Duration = Duration::from_millis(500);

/// Starts the threads that listen.
pub(super) fn listen(sender: &UnboundedSender<Input>) -> std::io::Result<()> {
    let keys = sender.clone();
    std::thread::Builder::new().name("keys".into()).spawn(move || read_keys(&keys))?;
    let watch = sender.clone();
    std::thread::Builder::new().name("watch".into()).spawn(move || watch_terminal(&watch))?;
    let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP])?;
    let sender = sender.clone();
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            let input = if signal == signal_hook::consts::SIGHUP { Input::HangUp } else { Input::End };
            if sender.send(input).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

fn read_keys(sender: &UnboundedSender<Input>) {
    loop {
        let input = match event::read() {
            Ok(Event::Key(key)) if key.kind == KeyEventKind::Press => translate(key.code, key.modifiers).map(Input::Key),
            Ok(Event::Resize(..)) => Some(Input::Resize),
            Ok(_) => None,
            Err(_) => Some(Input::HangUp),
        };
        let Some(input) = input else { continue };
        if sender.send(input).is_err() || input == Input::HangUp {
            return;
        }
    }
}

fn watch_terminal(sender: &UnboundedSender<Input>) {
    let stdin = std::io::stdin();
    loop {
        let mut terminal = [PollFd::new(&stdin, PollFlags::empty())];
        let timeout = Timespec { tv_sec: 0, tv_nsec: WATCH.subsec_nanos().into() };
        let gone = match rustix::event::poll(&mut terminal, Some(&timeout)) {
            Ok(_) => terminal[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL),
            Err(error) => error != rustix::io::Errno::INTR,
        };
        if gone {
            // Nobody may be listening any more, which is as well.
            let _ = sender.send(Input::HangUp);
        }
        if gone || sender.is_closed() {
            return;
        }
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

    #[test]
    fn keys_translate_and_others_are_passed_over() {
        assert_eq!(translate(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Key { code: Code::Char('c'), ctrl: true }));
        assert_eq!(translate(KeyCode::Char('G'), KeyModifiers::SHIFT), Some(Key { code: Code::Char('G'), ctrl: false }));
        assert_eq!(translate(KeyCode::F(1), KeyModifiers::NONE), None);
    }
}
