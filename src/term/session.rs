//! One sitting at the terminal: input first, then what the search tells, then at most one frame.

use super::guard::Guard;
use super::input::{Input, listen};
use super::{Ending, TermError};
use crate::app::{App, Effect, Host, Opened};
use crate::link::{Link, Update};
use crate::run::Command;
use crate::ui;
use crate::ui::theme::Look;
use crossterm::{queue, terminal};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use std::io::{BufWriter, Stdout, Write, stdout};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Shortest time between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(33);

struct Session {
    host: Box<dyn Host>,
    app: App,
    look: Look,
    screen: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    link: Option<Link>,
    path: PathBuf,
}

/// Whether to go on.
enum Flow {
    Go,
    End(Ending),
}

pub(super) fn run(host: Box<dyn Host>, first: Option<Opened>, look: Look) -> Result<Ending, TermError> {
    let guard = Guard::take()?;
    let screen = Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(1 << 16, stdout())))?;
    let mut session = Session { host, app: App::new(), look, screen, link: None, path: PathBuf::new() };
    // The first frame comes before anything that may be slow.
    session.draw()?;
    match first {
        Some(opened) => session.show(opened),
        None => session.show_start(),
    }
    let (sender, inputs) = unbounded_channel();
    listen(&sender)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let ending = runtime.block_on(session.work(inputs));
    if matches!(ending, Ok(Ending::HungUp)) {
        Guard::forget();
    }
    drop(guard);
    match ending {
        // The search goes on without a screen, to its end.
        Ok(Ending::HungUp) => session.outlive(),
        _ => session.stop(),
    }
    ending
}

impl Session {
    async fn work(&mut self, mut inputs: UnboundedReceiver<Input>) -> Result<Ending, TermError> {
        let mut drawn = Instant::now();
        self.draw()?;
        let mut dirty = false;
        loop {
            let due = drawn + FRAME;
            tokio::select! {
                biased;
                input = inputs.recv() => {
                    let mut next = input;
                    while let Some(input) = next {
                        if let Flow::End(ending) = self.input(input)? {
                            return Ok(ending);
                        }
                        next = inputs.try_recv().ok();
                    }
                    self.draw()?;
                    (drawn, dirty) = (Instant::now(), false);
                }
                () = tokio::time::sleep_until(due.into()), if dirty => {
                    self.draw()?;
                    (drawn, dirty) = (Instant::now(), false);
                }
                update = next_update(&mut self.link) => {
                    self.update(update);
                    dirty = true;
                }
            }
        }
    }

    fn input(&mut self, input: Input) -> Result<Flow, TermError> {
        match input {
            Input::HangUp => return Ok(Flow::End(Ending::HungUp)),
            Input::End => return Ok(Flow::End(Ending::Left)),
            Input::Resize => self.screen.autoresize()?,
            Input::Key(key) => {
                for effect in self.app.press(key) {
                    match effect {
                        Effect::Quit => return Ok(Flow::End(Ending::Left)),
                        Effect::Redraw => self.screen.clear()?,
                        other => self.effect(other),
                    }
                }
            }
        }
        Ok(Flow::Go)
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Send(command) => {
                if let Some(link) = &self.link {
                    link.send(command);
                }
            }
            Effect::Export(id) => match self.host.export(&self.path, id) {
                Ok(path) => self.app.exported(id, path),
                Err(error) => self.app.notice(error, true),
            },
            Effect::Start { preset } => {
                let opened = self.host.start(&preset);
                self.show_or_say(opened);
            }
            Effect::Open(path) => {
                let opened = self.host.open(&path);
                self.show_or_say(opened);
            }
            Effect::Back => {
                self.stop();
                self.show_start();
            }
            Effect::Quit | Effect::Redraw => {}
        }
    }

    fn show_or_say(&mut self, opened: Result<Opened, String>) {
        match opened {
            Ok(opened) => self.show(opened),
            Err(error) => self.app.notice(error, true),
        }
    }

    fn show(&mut self, opened: Opened) {
        let Opened { name, path, records, link } = opened;
        self.app.show_run(name, path.clone(), link.is_some());
        records.iter().for_each(|record| self.app.apply(record));
        (self.link, self.path) = (link, path);
    }

    fn show_start(&mut self) {
        self.link = None;
        let (presets, runs) = (self.host.presets(), self.host.runs());
        self.app.show_start(presets, runs);
    }

    fn update(&mut self, update: Update) {
        match update {
            Update::Record(record) => self.app.apply(&record),
            Update::Snapshot(snapshot) => self.app.snapshot(snapshot),
            Update::Missed(_) => match self.host.catch_up(&self.path, self.app.next_record()) {
                Ok(records) => records.iter().for_each(|record| self.app.apply(record)),
                Err(error) => self.app.notice(error, true),
            },
            Update::Closed => {
                self.link = None;
                self.host.finish();
                self.app.ended();
            }
        }
    }

    /// Ends a search that is going on and waits until its log is closed.
    fn stop(&mut self) {
        if let Some(link) = self.link.take() {
            link.send(Command::Stop);
            self.host.finish();
        }
    }

    /// Waits for a search that is going on; a paused one goes on, since nobody is left to resume it.
    fn outlive(&mut self) {
        if let Some(link) = self.link.take() {
            link.send(Command::Resume);
            self.host.finish();
        }
    }

    /// One frame, one write: the terminal shows it whole or not at all.
    fn draw(&mut self) -> Result<(), TermError> {
        let (app, look) = (&self.app, &self.look);
        queue!(self.screen.backend_mut(), terminal::BeginSynchronizedUpdate)?;
        self.screen.draw(|frame| {
            let area = frame.area();
            ui::draw(app, look, area, frame.buffer_mut());
        })?;
        queue!(self.screen.backend_mut(), terminal::EndSynchronizedUpdate)?;
        self.screen.backend_mut().flush()?;
        Ok(())
    }
}

/// The next update of a live run; never, where there is none.
async fn next_update(link: &mut Option<Link>) -> Update {
    match link {
        Some(link) => link.next().await,
        None => std::future::pending().await,
    }
}
