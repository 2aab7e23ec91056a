//! What a terminal is asked about itself, and what it answers.
//!
//! Environment variables say what a terminal can do only where nothing lies between: `COLORTERM` rarely survives SSH. So it is asked, with the
//! first frame, and nobody waits: what it answers, whenever that is, changes the frames from then on. The last question is one that every
//! terminal answers (device attributes), so that an answer to it without one to the others means that there is none.

use super::input::{self, Input};
use super::meaning::Reader;
use super::{capabilities::Answers, frame};
use std::io::{IsTerminal as _, stdin, stdout};
use std::time::{Duration, Instant};

/// Something that a terminal said of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It shows 16 million colours.
    TrueColour,
    /// Whether its background is a light one.
    Light(bool),
    /// It has answered all it can.
    Complete,
    /// It has come so far in what it was sent.
    Ready,
}

/// A colour is set and the setting asked for (`DECRQSS`): a terminal of 256 colours has another one by then, or none.
const ASK_SETTING: &str = "\x1b[48;2;1;2;3m\x1bP$qm\x1b\\\x1b[0m";
/// The entry `RGB` of its own terminfo (`XTGETTCAP`).
const ASK_ENTRY: &str = "\x1bP+q524742\x1b\\";
/// The colour of its background (OSC 11).
const ASK_BACKGROUND: &str = "\x1b]11;?\x1b\\";
/// Its device attributes.
const ASK_ATTRIBUTES: &str = "\x1b[c";

/// Its status: answered once all that was sent before is shown.
pub(super) const ASK_READY: &str = "\x1b[5n";

/// Terminals that take what they are asked for text, or have nothing to answer.
fn is_mute(term: &str, in_tmux: bool) -> bool {
    // GNU screen hands such strings on to whatever it runs in; tmux uses the same name, and knows them.
    term.is_empty() || ["dumb", "linux", "emacs", "cons25"].contains(&term) || (term.starts_with("screen") && !in_tmux)
}

/// What to send so as to know whether it answers at all, and where it is wanted, of its colours and its background; nothing where that
/// would do harm.
pub(super) fn questions(colours: bool, background: bool) -> String {
    let term = std::env::var("TERM").unwrap_or_default();
    let mut asked = String::new();
    if is_mute(&term, std::env::var_os("TMUX").is_some()) {
        return asked;
    }
    if colours {
        asked.push_str(ASK_SETTING);
        asked.push_str(ASK_ENTRY);
    }
    if background {
        asked.push_str(ASK_BACKGROUND);
    }
    asked.push_str(ASK_ATTRIBUTES);
    asked
}

impl Answer {
    /// Of what came back for a setting or an entry of terminfo: `known`, where the terminal understood the question.
    pub(super) fn of_setting(known: bool, text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let entry = text.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case("524742"));
        // `0;48;2;1;2;3m`, `0;48:2::1:2:3m` or `48:2:1:2:3m`.
        let numbers = text.trim_end_matches('m').split([';', ':']).filter(|number| !number.is_empty()).collect::<Vec<_>>();
        let setting = numbers.ends_with(&["48", "2", "1", "2", "3"]);
        (known && (entry || setting)).then_some(Self::TrueColour)
    }

    /// Of a colour as X11 writes it, `rgb:ffff/ffff/ffff`, with one to four digits each.
    pub(super) fn of_background(colour: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(colour).ok()?;
        let (_, channels) = text.split_once(':').filter(|(space, _)| ["rgb", "rgba"].contains(space))?;
        let mut shares = channels.split('/').map(|digits| {
            let most = 16_u32.checked_pow(u32::try_from(digits.len()).ok()?)?.checked_sub(1)?;
            let value = u32::from_str_radix(digits, 16).ok()?;
            Some(f64::from(value) / f64::from(most))
        });
        let mut next = || shares.next().flatten();
        // How bright it is to the eye (Rec. 709).
        let luminance = 0.2126 * next()? + 0.7152 * next()? + 0.0722 * next()?;
        Some(Self::Light(luminance > 0.5))
    }
}

/// Asks the terminal about itself and waits until it has answered, at most for so long. For those that do not draw on it.
///
/// # Errors
/// A terminal that cannot be written to or read from.
pub fn ask(patience: Duration) -> std::io::Result<Answers> {
    struct Raw;
    impl Drop for Raw {
        fn drop(&mut self) {
            // A terminal that refuses has nothing left to restore.
            let _ = crossterm::terminal::disable_raw_mode();
        }
    }
    let mut answers = Answers::default();
    let questions = questions(true, true);
    if questions.is_empty() || !stdin().is_terminal() || !stdout().is_terminal() {
        return Ok(answers);
    }
    crossterm::terminal::enable_raw_mode()?;
    let _raw = Raw;
    frame::send(questions.as_bytes(), stdout())?;
    let (mut reader, deadline) = (Reader::default(), Instant::now() + patience);
    while !answers.complete {
        let left = deadline.saturating_duration_since(Instant::now());
        let Some(bytes) = input::bytes(left)? else { break };
        for input in reader.read(&bytes) {
            if let Input::Answer(answer) = input {
                answers.take(answer);
            }
        }
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_that_kept_the_colour_has_16_million() {
        for (known, text, wanted) in [
            (true, "0;48:2::1:2:3m", true),
            (true, "0;48;2;1;2;3m", true),
            (true, "48:2:1:2:3m", true),
            (true, "0m", false),
            // The nearest of 256.
            (true, "0;48:5:16m", false),
            (false, "0;48:2:1:2:3m", false),
            (true, "524742=38", true),
            (true, "524742", true),
            (false, "524742", false),
            (true, "", false),
        ] {
            assert_eq!(Answer::of_setting(known, text.as_bytes()).is_some(), wanted, "{text}");
        }
        assert_eq!(Answer::of_setting(true, b"\xff"), None);
    }

    #[test]
    fn the_background_is_light_or_dark_to_the_eye() {
        for (text, wanted) in [
            ("rgb:ffff/ffff/ffff", Some(true)),
            ("rgb:fdfd/f6f6/e3e3", Some(true)),
            ("rgb:0000/2b2b/3636", Some(false)),
            ("rgb:f/f/f", Some(true)),
            ("rgba:1e1e/1e1e/1e1e/ffff", Some(false)),
            // Blue is dark, though a third of the light.
            ("rgb:00/00/ff", Some(false)),
            ("rgb:ffff/ffff", None),
            ("rgb:/ff/ff", None),
            ("rgb:fffffffff/0/0", None),
            ("hsv:1/1/1", None),
            ("", None),
        ] {
            assert_eq!(Answer::of_background(text.as_bytes()), wanted.map(Answer::Light), "{text}");
        }
    }

    #[test]
    fn who_would_print_a_question_is_not_asked() {
        for (term, in_tmux, mute) in [
            ("xterm-256color", false, false),
            ("screen-256color", true, false),
            ("screen-256color", false, true),
            ("linux", false, true),
            ("", false, true),
        ] {
            assert_eq!(is_mute(term, in_tmux), mute, "{term}");
        }
    }
}
