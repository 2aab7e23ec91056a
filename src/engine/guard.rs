//! Work on a device that may break: what panics becomes a message, and what other threads said meanwhile is heard.

use std::any::Any;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What panics said, of any thread, since the last look. A backend computes on threads of its own: what the caller meets is mostly the
/// closed channel behind which something broke.
static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Messages that are kept.
const MOST: usize = 8;

fn heard() -> MutexGuard<'static, Vec<String>> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is done with a panic's message.
type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// Keeps what panics say instead of printing it, until this is dropped.
#[must_use]
pub struct Listening(Option<Hook>);

impl Listening {
    /// Begins to listen. One at a time in a process.
    pub fn begin() -> Self {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(|info| {
            let mut heard = heard();
            if heard.len() < MOST {
                heard.push(text(info.payload()).unwrap_or("no message").to_owned());
            }
        }));
        Self(Some(before))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            std::panic::set_hook(before);
        }
    }
}

/// How many threads do something that is guarded.
static GUARDED: AtomicUsize = AtomicUsize::new(0);

struct Guarded;

impl Drop for Guarded {
    fn drop(&mut self) {
        GUARDED.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a panic of this thread becomes a message, or belongs to one that does: while something is guarded, threads of a backend break with
/// it. On the main thread, which is the screen's, nothing is.
#[must_use]
pub fn is_told() -> bool {
    GUARDED.load(Ordering::Relaxed) > 0 && std::thread::current().name() != Some("main")
}

/// Does something; a panic is an error that says what broke, and what broke before it on other threads.
///
/// # Errors
/// The message of a panic, in one line.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    heard().clear();
    GUARDED.fetch_add(1, Ordering::Relaxed);
    let _guarded = Guarded;
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let own = text(panic.as_ref()).unwrap_or("a panic without a message");
        let others = std::mem::take(&mut *heard());
        let first = others.iter().find(|other| other.as_str() != own);
        let whole = first.map_or_else(|| own.to_owned(), |first| format!("{own}; first, on another thread: {first}"));
        in_one_line(&whole)
    })
}

fn text(payload: &(dyn Any + Send)) -> Option<&str> {
    payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied())
}

/// The words of a message with single spaces between them, cut where it is long: backends print whole shaders.
fn in_one_line(text: &str) -> String {
    const LONGEST: usize = 400;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_message_in_one_line() {
        assert_eq!(guarded(|| 7), Ok(7));
        assert_eq!(guarded(|| -> u8 { panic!("no such\n  kernel: {}", 3) }), Err("no such kernel: 3".into()));
        assert_eq!(guarded(|| -> u8 { std::panic::panic_any(3_u8) }), Err("a panic without a message".into()));
        let long = guarded(|| -> u8 { panic!("{}", "ü".repeat(500)) }).unwrap_err();
        assert_eq!(long.chars().count(), 402);
    }
}
