//! Frames: painted in memory, sent in one piece, and not too many of them.

use crate::app::{App, Target};
use crate::ui;
use crate::ui::paint::Zone;
use crate::ui::theme::Look;
use crossterm::{queue, terminal};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::event::{PollFd, PollFlags};
use std::cell::RefCell;
use std::io::{self, ErrorKind, Write, stdout};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Shortest time between two frames that no key asked for.
const SHORTEST: Duration = Duration::from_millis(33);

/// Bytes of the frame under way. ratatui flushes in its midst, which means nothing here.
#[derive(Debug, Clone, Default)]
struct Bytes(Rc<RefCell<Vec<u8>>>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The screen as the terminal last saw it.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Bytes>>,
    bytes: Bytes,
    zones: Vec<Zone>,
}

impl Screen {
    pub(super) fn new() -> io::Result<Self> {
        let bytes = Bytes::default();
        Ok(Self { terminal: Terminal::new(CrosstermBackend::new(bytes.clone()))?, bytes, zones: Vec::new() })
    }

    /// Has the next frame paint every cell.
    pub(super) fn forget(&mut self) -> io::Result<()> {
        // ratatui's own way asks the terminal for its cursor and waits for an answer that the thread of the keys would read.
        self.terminal = Terminal::new(CrosstermBackend::new(self.bytes.clone()))?;
        queue!(self.bytes, terminal::Clear(terminal::ClearType::All))
    }

    /// One frame, in one piece: the terminal shows it whole or not at all.
    pub(super) fn draw(&mut self, app: &App, look: &Look) -> io::Result<()> {
        queue!(self.bytes, terminal::BeginSynchronizedUpdate)?;
        let zones = &mut self.zones;
        self.terminal.draw(|frame| {
            let area = frame.area();
            *zones = ui::draw(app, look, area, frame.buffer_mut());
        })?;
        queue!(self.bytes, terminal::EndSynchronizedUpdate)?;
        let frame = self.bytes.0.take();
        send(&frame, stdout())
    }
}

impl Screen {
    /// What the last frame shows at a place.
    pub(super) fn target(&self, x: u16, y: u16) -> Option<Target> {
        ui::target(&self.zones, x, y)
    }
}

/// Writes everything, also where the terminal was made non-blocking by another program that shares it.
pub(super) fn send(mut bytes: &[u8], mut out: impl Write + AsFd) -> io::Result<()> {
    loop {
        let sent = if bytes.is_empty() { out.flush().map(|()| None) } else { out.write(bytes).map(Some) };
        match sent {
            Ok(None) => return Ok(()),
            Ok(Some(0)) => return Err(ErrorKind::WriteZero.into()),
            Ok(Some(count)) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let mut polled = [PollFd::new(&out, PollFlags::OUT)];
                rustix::event::poll(&mut polled, None).map(drop).or_else(|error| match error {
                    rustix::io::Errno::INTR => Ok(()),
                    error => Err(error),
                })?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// When the next frame is due: soon after news, after `animation` where something moves by itself, else never.
pub(super) fn next(drawn: Instant, news: bool, animation: Option<Duration>) -> Option<Instant> {
    let wait = if news { Some(SHORTEST) } else { animation.map(|after| after.max(SHORTEST)) };
    wait.map(|wait| drawn + wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn frames_follow_news_and_idling_costs_none() {
        let drawn = Instant::now();
        let second = Duration::from_secs(1);
        assert_eq!(next(drawn, false, None), None);
        assert_eq!(next(drawn, true, None), Some(drawn + SHORTEST));
        assert_eq!(next(drawn, false, Some(second)), Some(drawn + second));
        assert_eq!(next(drawn, true, Some(second)), Some(drawn + SHORTEST));
        assert_eq!(next(drawn, false, Some(Duration::ZERO)), Some(drawn + SHORTEST));
    }

    #[test]
    fn a_frame_larger_than_the_pipe_arrives_whole_though_writing_does_not_block() {
        let (mut near, far) = std::io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&far, true).unwrap();
        let frame: Vec<u8> = (0..1 << 20).map(|byte: u32| byte as u8).collect();
        let expected = frame.clone();
        let writer = std::thread::spawn(move || send(&frame, far));
        let mut read = Vec::new();
        near.read_to_end(&mut read).unwrap();
        writer.join().unwrap().unwrap();
        assert!(read == expected);
    }

    #[test]
    fn a_reader_that_is_gone_is_an_error() {
        let (near, far) = std::io::pipe().unwrap();
        drop(near);
        assert!(send(b"frame", far).is_err());
    }
}
