//! Takes the terminal and gives it back, on every way out.

use super::input;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::style::Print;
use crossterm::{cursor, execute, terminal};
use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::thread::ThreadId;

static TAKEN: AtomicBool = AtomicBool::new(false);
/// The thread that draws.
static PAINTER: Mutex<Option<ThreadId>> = Mutex::new(None);
/// Reports of panics in other threads while the screen was up.
static REPORTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Presses and the wheel, with their places as numbers. crossterm's own way would have every move of the mouse sent, too.
const TAKE_MOUSE: &str = "\x1b[?1000h\x1b[?1006h";
const LEAVE_MOUSE: &str = "\x1b[?1006l\x1b[?1000l";

/// While it lives the terminal is in raw mode on its alternate screen.
#[derive(Debug)]
pub(super) struct Guard {
    errors_on_terminal: bool,
}

impl Guard {
    pub(super) fn take(mouse: bool) -> std::io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                if TAKEN.load(Ordering::SeqCst) && !is_painter() {
                    // The screen lives on and tells of it by an event; a report in the middle of it would only wreck it.
                    log::error!("{panic}");
                    REPORTS.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string());
                } else {
                    // The report must reach a screen that can show it.
                    give_back();
                    before(panic);
                }
            }));
        });
        *PAINTER.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::thread::current().id());
        let errors_on_terminal = stderr().is_terminal();
        terminal::enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let guard = Self { errors_on_terminal };
        enter(mouse)?;
        Ok(guard)
    }

    /// Gives the terminal back before the end.
    pub(super) fn leave() {
        give_back();
    }

    /// Takes the mouse, or leaves it to the terminal.
    pub(super) fn mouse(mouse: bool) -> std::io::Result<()> {
        execute!(stdout(), Print(if mouse { TAKE_MOUSE } else { LEAVE_MOUSE }))
    }

    /// Gives the terminal back and stops the program, and what was started with it, until the shell lets it go on; then takes it again.
    pub(super) fn suspend(mouse: bool) -> std::io::Result<()> {
        give_back();
        // Nobody could wake a program without a shell: the system knows, and passes over this signal there.
        rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
        Self::retake(mouse)
    }

    /// Takes the terminal again after the program was stopped, whoever stopped it.
    pub(super) fn retake(mouse: bool) -> std::io::Result<()> {
        if TAKEN.swap(true, Ordering::SeqCst) {
            // crossterm remembers that it is in raw mode; the shell may have changed that behind its back. Raw again at once: by way of the
            // former mode, as crossterm would have it, a key of that moment would be echoed and kept back until the end of its line.
            let terminal = std::io::stdin();
            let mut modes = rustix::termios::tcgetattr(&terminal)?;
            modes.make_raw();
            rustix::termios::tcsetattr(&terminal, rustix::termios::OptionalActions::Now, &modes)?;
        } else {
            terminal::enable_raw_mode()?;
        }
        enter(mouse)
    }

    /// The user's terminal went away, or somebody says so. What still answers is given back; what does not is never touched again.
    pub(super) fn abandon(&self) {
        if input::terminal_is_gone() {
            TAKEN.store(false, Ordering::SeqCst);
            // Without these the search goes on as well, only less quietly.
            let _ = self.detach();
        }
    }

    /// Turns the standard streams away from a dead terminal: printing to it would fail, and reading from it end at once, for ever.
    fn detach(&self) -> std::io::Result<()> {
        rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
        let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdout(&nowhere)?;
        if self.errors_on_terminal {
            rustix::stdio::dup2_stderr(&nowhere)?;
        }
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        give_back();
    }
}

fn enter(mouse: bool) -> std::io::Result<()> {
    execute!(stdout(), terminal::EnterAlternateScreen, cursor::Hide, EnableBracketedPaste)?;
    if mouse { Guard::mouse(true) } else { Ok(()) }
}

fn is_painter() -> bool {
    *PAINTER.lock().unwrap_or_else(PoisonError::into_inner) == Some(std::thread::current().id())
}

fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    // A terminal that refuses has nothing left to restore.
    let _ = execute!(
        stdout(),
        terminal::EndSynchronizedUpdate,
        Print(LEAVE_MOUSE),
        DisableBracketedPaste,
        cursor::Show,
        terminal::LeaveAlternateScreen
    );
    let _ = terminal::disable_raw_mode();
    for report in REPORTS.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        let _ = writeln!(stderr(), "{report}");
    }
}
