//! One sitting at the terminal: input first, then what the search tells, then at most one frame.

use super::errands::{Errands, News};
use super::frame::{self, Screen};
use super::guard::Guard;
use super::input::{Input, listen_to_signals, listen_to_terminal};
use super::pace::{Demand, Pace};
use super::probe::Answer;
use super::turn::{self, Turn};
use super::{Answers, Appearance, Ending, First, Notify, TermError, clipboard, probe};
use crate::app::{App, Effect, Host, Opened, Replay, Replayed, Tie};
use crate::link::{Link, Update};
use crate::run::{Command, IndexedLog};
use crate::ui::theme::Look;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Time that the terminal has to answer before a screen that is left gives it back: an answer that comes later is typed into the shell.
const ANSWERING: Duration = Duration::from_secs(1);
/// Time that a replay may read for before a frame, where the last frame did not take longer itself.
const READING: Duration = Duration::from_millis(20);

/// Time after which the start screen lists its runs anew: one that it calls running may have ended.
const LISTED: Duration = Duration::from_secs(5);

struct Session {
    host: Box<dyn Host>,
    app: App,
    appearance: Appearance,
    answers: Answers,
    look: Look,
    screen: Screen,
    link: Option<Link>,
    /// That of the run beside, while it shows and a search is at work on it.
    other: Option<Link>,
    /// The log that is played.
    log: Option<IndexedLog>,
    path: PathBuf,
    /// When frames went.
    pace: Pace,
    /// How long the last one took.
    drawing: Duration,
    /// Whether a key waits for its frame.
    key: bool,
    guard: Guard,
    notify: Notify,
    /// What is done with candidates beside the screen.
    errands: Errands,
    /// When the runs were listed.
    listed: Instant,
    /// Since when they are being listed.
    listing: Option<Instant>,
    /// What may take a while: done after the frame that answers its key.
    pending: Vec<Effect>,
}

pub(super) fn run(
    host: Box<dyn Host>,
    first: Option<First>,
    look: (Appearance, Look),
    app: App,
    notify: Notify,
) -> Result<Ending, TermError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (sender, mut inputs) = unbounded_channel();
    listen_to_signals(sender.clone())?;
    let guard = Guard::take(app.takes_mouse())?;
    let screen = Screen::new()?;
    let mut session = Session {
        host,
        app,
        appearance: look.0,
        answers: Answers::default(),
        look: look.1,
        screen,
        link: None,
        other: None,
        log: None,
        path: PathBuf::new(),
        pace: Pace::new(Instant::now()),
        drawing: Duration::ZERO,
        key: false,
        guard,
        errands: Errands::new()?,
        notify,
        listed: Instant::now(),
        listing: None,
        pending: Vec::new(),
    };
    // The first frame comes before anything that may be slow.
    session.draw()?;
    let (colours, background) = session.appearance.open_questions();
    let questions = probe::questions(colours, background);
    frame::send(questions.as_bytes(), std::io::stdout())?;
    let answered_by = (!questions.is_empty()).then(|| Instant::now() + ANSWERING);
    match first {
        Some(First::Run(opened)) => session.show(opened),
        Some(First::Replay(replayed)) => session.show_replay(replayed),
        None => session.show_start(),
    }
    listen_to_terminal(&sender)?;
    // The threads hold the other ends: once they are all gone, so is the terminal.
    drop(sender);
    match runtime.block_on(session.work(&mut inputs)) {
        Ok(Ending::Left) => {
            runtime.block_on(session.last_answers(&mut inputs, answered_by));
            Guard::leave();
            session.stop();
            session.errands.finish();
            Ok(Ending::Left)
        }
        // A terminal that takes no frames is as gone as one that hung up. The search goes on without a screen, to its end.
        Ok(Ending::HungUp) | Err(_) => {
            session.guard.abandon();
            session.outlive();
            session.errands.finish();
            Ok(Ending::HungUp)
        }
    }
}

impl Session {
    async fn work(&mut self, inputs: &mut UnboundedReceiver<Input>) -> std::io::Result<Ending> {
        self.draw()?;
        let mut news = false;
        loop {
            let due = self.pace.next(&self.demand(news));
            let list = (self.app.run().is_none() && self.listing.is_none()).then(|| self.listed + LISTED);
            match turn::next(inputs, (due, list), &mut self.errands.news, &mut self.other, &mut self.link).await {
                Turn::Input(input) => {
                    let mut next = Some(input.unwrap_or(Input::HangUp));
                    while let Some(input) = next {
                        // That the terminal is ready lets the next frame go when it is due, and is none itself.
                        self.key |= !matches!(input, Input::Answer(Answer::Ready | Answer::Complete));
                        if let Some(ending) = self.input(input)? {
                            return Ok(ending);
                        }
                        // What follows is meant for what a slow effect will show.
                        next = if self.pending.is_empty() { inputs.try_recv().ok() } else { None };
                    }
                    // A frame that has to wait is due in the end.
                    if self.pending.is_empty() && !(self.key && self.pace.answers(&self.demand(news)) <= Instant::now()) {
                        continue;
                    }
                    self.draw()?;
                    if !self.pending.is_empty() {
                        for effect in std::mem::take(&mut self.pending) {
                            self.effect(effect);
                        }
                        self.draw()?;
                    }
                    news = false;
                }
                Turn::Frame => {
                    self.draw()?;
                    news = false;
                }
                Turn::List => self.list(),
                Turn::Errand(told) => {
                    match told {
                        News::Listed(runs) => {
                            // A list of before a run was renamed or deleted is out of date.
                            let is_new = self.listing.take().is_some_and(|since| since > self.listed);
                            self.listed = Instant::now();
                            match runs.filter(|_| is_new && self.app.run().is_none()) {
                                Some(runs) => self.app.runs_listed(runs, SystemTime::now()),
                                None => continue,
                            }
                        }
                        News::Progress(task, line) => self.app.progress(&task, line),
                        News::Ended(task, result) => self.app.done(&task, result),
                        News::Read(run, found) => self.app.answered(&run, found.map(|found| *found)),
                    }
                    news = true;
                }
                Turn::Beside(update) => {
                    self.update_beside(update);
                    news = true;
                }
                Turn::Told(update) => {
                    self.update(update);
                    if news {
                        self.app.frame_shared();
                    }
                    news = true;
                }
            }
        }
    }

    /// Who waits for a frame, and what the line allows.
    fn demand(&self, news: bool) -> Demand {
        let meter = self.app.meter();
        Demand { key: self.key, news, animation: self.app.animation_due(), shortest: meter.interval(), held: meter.held() }
    }

    /// Takes in what the terminal still answers.
    async fn last_answers(&mut self, inputs: &mut UnboundedReceiver<Input>, by: Option<Instant>) {
        let of_frame = self.app.meter().held().map(|_| Instant::now() + ANSWERING);
        let Some(by) = of_frame.or(by.filter(|_| !self.answers.complete)) else { return };
        while !self.answers.complete || self.app.meter().held().is_some() {
            match tokio::time::timeout_at(by.into(), inputs.recv()).await {
                Ok(Some(Input::Answer(Answer::Complete))) => self.answers.take(Answer::Complete),
                Ok(Some(Input::Answer(Answer::Ready))) => self.app.terminal_ready(Instant::now()),
                Ok(Some(Input::HangUp) | None) | Err(_) => return,
                Ok(Some(_)) => {}
            }
        }
    }

    fn draw(&mut self) -> std::io::Result<()> {
        self.play();
        if self.app.beside().is_none() {
            self.other = None;
        }
        let begin = Instant::now();
        self.app.frame_begins(begin, self.link.as_ref().map_or(0, Link::backlog));
        let frame = self.screen.draw(&self.app, &self.look)?;
        let drawn = Instant::now();
        self.drawing = drawn - begin;
        let (key, sent) = (std::mem::take(&mut self.key), frame.is_some());
        self.app.frame_ended(frame);
        self.app.drawn(self.screen.reach());
        self.pace.drew(drawn, self.app.meter().interval(), key, sent);
        // After the frame, which says that it is being read.
        if let Some(question) = self.app.question() {
            let reading = self.host.answers(&question);
            self.errands.read(question.run, reading);
        }
        Ok(())
    }

    /// Brings a replay to where it is now, as far as there is time for it before a frame.
    fn play(&mut self) {
        let Some(log) = &self.log else { return };
        let begin = Instant::now();
        let reading = READING.max(self.drawing);
        self.app.elapse(begin);
        while let Some(wanted) = self.app.wanted().filter(|_| begin.elapsed() < reading) {
            match log.read(wanted) {
                Ok(records) => self.app.replayed(records),
                Err(error) => self.app.replay_failed(error.to_string()),
            }
        }
    }

    /// Takes an input in; tells how the sitting ends, where it does.
    fn input(&mut self, input: Input) -> std::io::Result<Option<Ending>> {
        match input {
            Input::HangUp => return Ok(Some(Ending::HungUp)),
            Input::End => return Ok(Some(Ending::Left)),
            // A frame fits itself to the size it finds.
            Input::Resize => {}
            Input::Continue => {
                Guard::retake(self.app.takes_mouse())?;
                self.screen.forget()?;
            }
            Input::Paste(text) => self.app.paste(&text),
            Input::Answer(answer) => {
                self.answers.take(answer);
                match answer {
                    Answer::TrueColour | Answer::Light(_) => self.restyle()?,
                    Answer::Complete => self.app.terminal_answers(),
                    Answer::Ready => self.app.terminal_ready(Instant::now()),
                }
            }
            Input::Wheel(x, y, down) => self.app.wheel(self.screen.target(x, y), down),
            Input::Click(x, y) => {
                let effects = self.screen.target(x, y).map_or_else(Vec::new, |target| self.app.click(target));
                return self.answer(effects);
            }
            Input::Key(key) => {
                let effects = self.app.press(key);
                return self.answer(effects);
            }
        }
        Ok(None)
    }

    /// Looks as the terminal can, once it has told.
    fn restyle(&mut self) -> std::io::Result<()> {
        // A theme that could be read a moment ago and cannot now leaves the look as it is.
        let Ok(look) = self.appearance.look(self.answers) else { return Ok(()) };
        if look == self.look {
            return Ok(());
        }
        log::info!("the terminal tells of itself: {:?}; {} from here on", self.answers, look.depth.label());
        self.look = look;
        self.screen.forget()
    }

    /// Does what a key asks for; what may take a while later. Tells how the sitting ends, where it does.
    fn answer(&mut self, effects: Vec<Effect>) -> std::io::Result<Option<Ending>> {
        for effect in effects {
            match effect {
                Effect::Quit => return Ok(Some(Ending::Left)),
                Effect::Redraw => {
                    self.screen.forget()?;
                    if self.app.run().is_none() {
                        self.list();
                    }
                }
                Effect::Send(command) => self.send(command),
                Effect::Mouse(mouse) => Guard::mouse(mouse)?,
                Effect::Suspend => {
                    Guard::suspend(self.app.takes_mouse())?;
                    self.screen.forget()?;
                }
                Effect::Copy(text) => {
                    let in_tmux = std::env::var_os("TMUX").is_some();
                    frame::send(clipboard::sequence(&text, in_tmux).as_bytes(), std::io::stdout())?;
                    self.app.notice(format!("handed to the terminal to copy: {text}"), false);
                }
                slow => self.pending.push(slow),
            }
        }
        Ok(None)
    }

    fn send(&self, command: Command) {
        if let Some(link) = &self.link {
            link.send(command);
        }
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Errand(task) => {
                let job = self.host.job(&task);
                self.errands.ask(task, job);
            }
            Effect::Train { run, from, training } => {
                let checked = self.host.check_training(&run, from, &training);
                for effect in self.app.training_checked(from, &training, checked) {
                    self.effect(effect);
                }
            }
            Effect::Start { preset, changes } => {
                let opened = self.host.start(&preset, &changes);
                self.show_or_say(opened);
            }
            Effect::Draft { preset, changes } => {
                let draft = self.host.draft(&preset, &changes);
                self.app.drafted(&preset, changes, draft);
            }
            Effect::Resume(path) => {
                let opened = self.host.resume(&path);
                self.show_or_say(opened);
            }
            Effect::Rename { path, name } => {
                let done = self.host.rename(&path, &name);
                self.relist(done, format!("renamed to {name}"));
            }
            Effect::Delete(path) => {
                let done = self.host.delete(&path);
                self.relist(done, "deleted".into());
            }
            Effect::Beside(left, right) => match (self.host.open(&left), self.host.open(&right)) {
                (Ok(left), Ok(right)) => {
                    self.show(left);
                    self.app.show_beside(right.name, right.path, &right.records, right.link.is_some());
                    self.other = right.link;
                }
                (Err(error), _) | (_, Err(error)) => self.app.notice(error, true),
            },
            Effect::Open(path) => {
                let opened = self.host.open(&path);
                self.show_or_say(opened);
            }
            Effect::Replay(path) => match self.host.replay(&path) {
                Ok(replayed) => self.show_replay(replayed),
                Err(error) => self.app.notice(error, true),
            },
            Effect::Back => {
                self.stop();
                self.show_start();
            }
            Effect::Send(command) => self.send(command),
            Effect::Quit | Effect::Redraw | Effect::Copy(_) | Effect::Mouse(_) | Effect::Suspend => {}
        }
    }

    /// Lists the runs anew after one of them was changed, and says so.
    fn relist(&mut self, done: Result<(), String>, told: String) {
        match done {
            Ok(()) => {
                let at = self.app.start().run();
                self.show_start();
                self.app.choose_run(at);
                self.app.notice(told, false);
            }
            Err(error) => self.app.notice(error, true),
        }
    }

    fn show_or_say(&mut self, opened: Result<Opened, String>) {
        match opened {
            Ok(opened) => self.show(opened),
            Err(error) => self.app.refused(error),
        }
    }

    fn show(&mut self, opened: Opened) {
        let Opened { name, path, records, link, tie } = opened;
        self.app.show_run(name, path.clone(), link.is_some());
        self.app.set_tie(tie);
        for record in &records {
            self.app.apply(record);
        }
        self.app.loaded();
        (self.link, self.log, self.path) = (link, None, path);
    }

    fn show_replay(&mut self, Replayed { name, path, log, speed }: Replayed) {
        self.app.show_replay(name, path.clone(), Replay::new(log.len(), log.seconds(), speed));
        if log.notes().torn_line.is_some() {
            self.app.notice(log.notes().to_string(), true);
        }
        (self.link, self.log, self.path) = (None, Some(log), path);
    }

    fn show_start(&mut self) {
        (self.link, self.log) = (None, None);
        let (presets, runs) = (self.host.presets(), self.host.runs());
        self.app.show_start(presets, runs());
        self.listed = Instant::now();
    }

    /// Has the runs listed anew, beside the screen.
    fn list(&mut self) {
        if self.listing.is_none() {
            self.listing = Some(Instant::now());
            self.errands.list(self.host.runs());
        }
    }

    fn update(&mut self, update: Update) {
        match update {
            // What is between was lost on the way, or told before this screen listened.
            Update::Record(record) if record.sequence > self.app.next_record() => self.catch_up(),
            Update::Record(record) => {
                self.app.apply(&record);
                let name = self.app.run().map_or("", crate::app::Run::name);
                if let Some(sequence) = self.notify.sequence(name, &record.event) {
                    // A terminal that takes no bell takes no frame either, and the next one finds that out.
                    let _ = frame::send(sequence.as_bytes(), std::io::stdout());
                }
            }
            Update::Snapshot(snapshot) => self.app.snapshot(snapshot),
            Update::Missed(count) => {
                self.app.events_missed(count);
                self.catch_up();
            }
            Update::Closed => {
                self.link = None;
                self.host.finish();
                if self.app.tie() != Tie::Own {
                    self.catch_up();
                }
                self.app.ended();
            }
        }
    }

    /// What the search of the run beside tells.
    fn update_beside(&mut self, update: Update) {
        match update {
            Update::Record(record) if self.app.beside_next().is_some_and(|(_, next)| record.sequence > next) => self.catch_up_beside(),
            Update::Record(record) => self.app.apply_beside(&record),
            Update::Snapshot(snapshot) => self.app.snapshot_beside(snapshot),
            Update::Missed(_) => self.catch_up_beside(),
            Update::Closed => {
                self.other = None;
                self.catch_up_beside();
                self.app.beside_ended();
            }
        }
    }

    fn catch_up_beside(&mut self) {
        let Some((path, next)) = self.app.beside_next().map(|(path, next)| (path.to_owned(), next)) else { return };
        match self.host.catch_up(&path, next) {
            Ok(records) => records.iter().for_each(|record| self.app.apply_beside(record)),
            Err(error) => self.app.notice(error, true),
        }
    }

    /// Takes from the log what did not come through the link.
    fn catch_up(&mut self) {
        match self.host.catch_up(&self.path, self.app.next_record()) {
            Ok(records) => records.iter().for_each(|record| self.app.apply(record)),
            Err(error) => self.app.notice(error, true),
        }
    }

    /// Ends a search that is going on in this process and waits until its log is closed. One in a process of its own goes on.
    fn stop(&mut self) {
        if let Some(link) = self.link.take().filter(|_| self.app.tie() == Tie::Own) {
            link.send(Command::Stop);
            self.host.finish();
        }
    }

    /// Waits for a search that is going on in this process; a paused one goes on, since nobody is left to resume it.
    fn outlive(&mut self) {
        if let Some(link) = self.link.take().filter(|_| self.app.tie() == Tie::Own) {
            link.send(Command::Resume);
            self.host.finish();
        }
    }
}
