//! Frames: painted in memory and sent in one piece.

use super::probe;
use crate::app::{App, Frame, Reach, Target};
use crate::ui;
use crate::ui::paint::Zone;
use crate::ui::theme::Look;
use crossterm::style::Print;
use crossterm::{queue, terminal};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use rustix::event::{PollFd, PollFlags};
use std::cell::RefCell;
use std::io::{self, ErrorKind, Write, stdout};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Instant;

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
    /// How far it can be scrolled.
    reach: Reach,
    /// What it shows; `None` where that is not known.
    shown: Option<Buffer>,
}

impl Screen {
    pub(super) fn new() -> io::Result<Self> {
        let bytes = Bytes::default();
        Ok(Self {
            terminal: Terminal::new(CrosstermBackend::new(bytes.clone()))?,
            bytes,
            zones: Vec::new(),
            reach: Reach::default(),
            shown: None,
        })
    }

    /// Has the next frame paint every cell.
    pub(super) fn forget(&mut self) -> io::Result<()> {
        // ratatui's own way asks the terminal for its cursor and waits for an answer that the thread of the keys would read.
        self.terminal = Terminal::new(CrosstermBackend::new(self.bytes.clone()))?;
        self.shown = None;
        queue!(self.bytes, terminal::Clear(terminal::ClearType::All))
    }

    /// One frame, in one piece: the terminal shows it whole or not at all. One that is as the frame before is not sent. Behind it the
    /// terminal is asked to say when it has come so far, where `app` wants to know.
    pub(super) fn draw(&mut self, app: &App, look: &Look) -> io::Result<Option<Frame>> {
        let begin = Instant::now();
        queue!(self.bytes, terminal::BeginSynchronizedUpdate)?;
        let (zones, reach) = (&mut self.zones, &mut self.reach);
        let drawn = self.terminal.draw(|frame| {
            let area = frame.area();
            let drawn = ui::draw(app, look, area, frame.buffer_mut());
            (*zones, *reach) = (drawn.zones, drawn.reach);
        })?;
        if self.shown.as_ref() == Some(drawn.buffer) {
            self.bytes.0.take();
            return Ok(None);
        }
        self.shown = Some(drawn.buffer.clone());
        queue!(self.bytes, terminal::EndSynchronizedUpdate)?;
        let asked = app.meter().asks();
        if asked {
            queue!(self.bytes, Print(probe::ASK_READY))?;
        }
        let frame = self.bytes.0.take();
        let painted = Instant::now();
        send(&frame, stdout())?;
        let at = Instant::now();
        Ok(Some(Frame { at, bytes: frame.len(), painting: painted - begin, writing: at - painted, asked }))
    }
}

impl Screen {
    /// What the last frame shows at a place.
    pub(super) fn target(&self, x: u16, y: u16) -> Option<Target> {
        ui::target(&self.zones, x, y)
    }

    /// How far the last frame can be scrolled.
    pub(super) fn reach(&self) -> Reach {
        self.reach
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

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
