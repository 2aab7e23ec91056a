//! What the bytes of a terminal mean: keys, the mouse, pastes, and answers to what it was asked.
//!
//! Keys and answers come through one line, and answers can come late and in pieces (over SSH after a second or two), so that whoever reads
//! keys has to know an answer when it sees one: in a reader of keys alone it would be a handful of keys. The grammar is that of `vte`.

use super::input::Input;
use super::probe::Answer;
use crate::app::{Code, Key};

const ESCAPE: u8 = 0x1b;

/// Names of keys by the last byte of `CSI … byte` and `SS3 byte`.
const BY_LETTER: [(char, Code); 11] = [
    ('A', Code::Up),
    ('B', Code::Down),
    ('C', Code::Right),
    ('D', Code::Left),
    ('F', Code::End),
    ('H', Code::Home),
    ('P', Code::F(1)),
    ('Q', Code::F(2)),
    ('R', Code::F(3)),
    ('S', Code::F(4)),
    ('Z', Code::BackTab),
];

/// Names of keys by the number of `CSI number ~`.
const BY_NUMBER: [(u16, Code); 18] = [
    (1, Code::Home),
    (4, Code::End),
    (5, Code::PageUp),
    (6, Code::PageDown),
    (7, Code::Home),
    (8, Code::End),
    (11, Code::F(1)),
    (12, Code::F(2)),
    (13, Code::F(3)),
    (14, Code::F(4)),
    (15, Code::F(5)),
    (17, Code::F(6)),
    (18, Code::F(7)),
    (19, Code::F(8)),
    (20, Code::F(9)),
    (21, Code::F(10)),
    (23, Code::F(11)),
    (24, Code::F(12)),
];

/// Turns bytes into inputs, however they are cut into pieces.
#[derive(Default)]
pub(super) struct Reader {
    parser: vte::Parser,
    found: Found,
    /// The last byte was an escape, and nothing has followed it yet.
    escape: bool,
}

/// What was understood so far.
#[derive(Default)]
struct Found {
    inputs: Vec<Input>,
    /// What is being pasted.
    pasted: Option<String>,
    /// `SS3` was read: the next character names a key.
    shifted: bool,
    /// `CSI [` was read, with which the console of Linux begins F1 to F5: the next character says which.
    console: bool,
    /// An answer as it comes in: whether the terminal knows what it was asked for, and what it says.
    answer: Option<(bool, Vec<u8>)>,
    /// A string has just ended by an escape; the backslash that follows belongs to it.
    closing: bool,
}

impl Reader {
    /// What these bytes mean, with those before.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Vec<Input> {
        for &byte in bytes {
            // Only these begin something; behind anything else, the escape was the key. Who types fast over a slow line sends both at once.
            if self.escape && !b"[]PO".contains(&byte) {
                self.settle();
            }
            self.parser.advance(&mut self.found, &[byte]);
            self.escape = byte == ESCAPE && !self.found.closing && self.found.pasted.is_none();
        }
        std::mem::take(&mut self.found.inputs)
    }

    /// Whether the last byte may be the key escape, or the beginning of something.
    pub(super) fn is_open(&self) -> bool {
        self.escape
    }

    /// Takes an escape that nothing followed for the key.
    pub(super) fn nothing_follows(&mut self) -> Vec<Input> {
        self.settle();
        std::mem::take(&mut self.found.inputs)
    }

    fn settle(&mut self) {
        if std::mem::take(&mut self.escape) {
            self.parser = vte::Parser::new();
            self.found.key(Code::Escape);
        }
    }
}

impl Found {
    fn key(&mut self, code: Code) {
        self.inputs.push(Input::Key(code.into()));
    }

    fn letter(&mut self, letter: char, ctrl: bool) {
        if let Some((_, code)) = BY_LETTER.iter().find(|(known, _)| *known == letter) {
            self.inputs.push(Input::Key(Key { code: *code, ctrl }));
        }
    }
}

impl vte::Perform for Found {
    fn print(&mut self, character: char) {
        match (&mut self.pasted, character) {
            (Some(pasted), _) => pasted.push(character),
            (None, letter) if std::mem::take(&mut self.shifted) => self.letter(letter, false),
            (None, letter) if std::mem::take(&mut self.console) => {
                self.key(if let 'A'..='E' = letter { Code::F(letter as u8 - b'A' + 1) } else { Code::Char(letter) });
            }
            (None, '\x7f') => self.key(Code::Backspace),
            (None, _) => self.key(Code::Char(character)),
        }
    }

    fn execute(&mut self, byte: u8) {
        let ctrl = |character: u8| Key { code: Code::Char(character.into()), ctrl: true };
        let key = match (&mut self.pasted, byte) {
            (Some(pasted), _) => return pasted.push(byte.into()),
            (None, b'\r') => Code::Enter.into(),
            (None, b'\t') => Code::Tab.into(),
            (None, 0x08) => Code::Backspace.into(),
            (None, 0) => ctrl(b' '),
            (None, 1..=0x1a) => ctrl(byte - 1 + b'a'),
            (None, 0x1c..=0x1f) => ctrl(byte - 0x1c + b'4'),
            (None, _) => return,
        };
        self.inputs.push(Input::Key(key));
    }

    fn csi_dispatch(&mut self, parameters: &vte::Params, intermediates: &[u8], _: bool, action: char) {
        let number = |position: usize| parameters.iter().nth(position).and_then(|group| group.first()).copied().unwrap_or_default();
        // The second number is one more than a sum of modifiers: shift 1, alt 2, control 4.
        let ctrl = number(1).saturating_sub(1) & 4 != 0;
        match (intermediates, action, number(0)) {
            ([], '~', 200) => self.pasted = Some(String::new()),
            ([], '~', 201) => self.inputs.extend(self.pasted.take().map(Input::Paste)),
            _ if self.pasted.is_some() => {}
            // Presses and the wheel, counted from 1 (`SGR` encoding); a release ends in `m`.
            (b"<", 'M', button) => {
                let (column, line) = (number(1).saturating_sub(1), number(2).saturating_sub(1));
                // Shift, alt and control make no other button of it.
                match button & !0b1_1100 {
                    0 => self.inputs.push(Input::Click(column, line)),
                    64 => self.inputs.push(Input::Wheel(column, line, false)),
                    65 => self.inputs.push(Input::Wheel(column, line, true)),
                    _ => {}
                }
            }
            ([], 'n', 0) => self.inputs.push(Input::Answer(Answer::Ready)),
            (b"?", 'c', _) => self.inputs.push(Input::Answer(Answer::Complete)),
            ([], '~', name) => {
                if let Some((_, code)) = BY_NUMBER.iter().find(|(known, _)| *known == name) {
                    self.inputs.push(Input::Key(Key { code: *code, ctrl }));
                }
            }
            ([], '[', 0) => self.console = true,
            ([], letter, _) => self.letter(letter, ctrl),
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        self.closing = false;
        self.shifted = byte == b'O' && self.pasted.is_none();
    }

    fn osc_dispatch(&mut self, parameters: &[&[u8]], bell: bool) {
        self.closing = !bell;
        if let [b"11", colour] = parameters {
            self.inputs.extend(Answer::of_background(colour).map(Input::Answer));
        }
    }

    fn hook(&mut self, parameters: &vte::Params, intermediates: &[u8], _: bool, action: char) {
        let known = parameters.iter().next() == Some(&[1]);
        self.answer = (action == 'r' && matches!(intermediates, b"$" | b"+")).then_some((known, Vec::new()));
    }

    fn put(&mut self, byte: u8) {
        // Longer than any answer that is asked for; a terminal that sends for ever must not fill the memory.
        if let Some((_, text)) = self.answer.as_mut().filter(|(_, text)| text.len() < 256) {
            text.push(byte);
        }
    }

    fn unhook(&mut self) {
        self.closing = true;
        if let Some((known, text)) = self.answer.take() {
            self.inputs.extend(Answer::of_setting(known, &text).map(Input::Answer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Vec<Input> {
        let mut reader = Reader::default();
        let mut inputs = reader.read(bytes);
        inputs.extend(reader.nothing_follows());
        inputs
    }

    fn keys(text: &str) -> Vec<Input> {
        text.split(' ').map(|key| Input::Key(key.parse().unwrap())).collect()
    }

    #[test]
    fn keys_are_what_terminals_send_for_them() {
        for (bytes, wanted) in [
            ("aG?é", "a G ? é"),
            ("\r\t\x7f\x08 ", "enter tab backspace backspace space"),
            ("\x03\x1a\x0c\x10\x0a\0\x1c\x1f", "ctrl-c ctrl-z ctrl-l ctrl-p ctrl-j ctrl-space ctrl-4 ctrl-7"),
            ("\x1b[A\x1b[B\x1b[C\x1b[D", "up down right left"),
            ("\x1bOA\x1bOB\x1bOC\x1bOD\x1bOH\x1bOF", "up down right left home end"),
            ("\x1b[H\x1b[F\x1b[1~\x1b[4~\x1b[7~\x1b[8~", "home end home end home end"),
            ("\x1b[5~\x1b[6~\x1b[Z", "page-up page-down shift-tab"),
            ("\x1b[1;5A\x1b[1;2B\x1b[5;5~", "ctrl-up down ctrl-page-up"),
            // F1 to F12 as VT220 and xterm send them, with control, and on the console of Linux.
            ("\x1bOP\x1bOQ\x1bOR\x1bOS", "f1 f2 f3 f4"),
            ("\x1b[11~\x1b[12~\x1b[13~\x1b[14~\x1b[15~\x1b[17~", "f1 f2 f3 f4 f5 f6"),
            ("\x1b[18~\x1b[19~\x1b[20~\x1b[21~\x1b[23~\x1b[24~", "f7 f8 f9 f10 f11 f12"),
            ("\x1b[1;5P\x1b[15;5~\x1b[24;2~", "ctrl-f1 ctrl-f5 f12"),
            ("\x1b[[A\x1b[[Ex", "f1 f5 x"),
            ("\x1b", "esc"),
            ("\x1b\x1b", "esc esc"),
            // Typed fast, or sent together by a slow line.
            ("\x1bj\x1b/\x1b:\x1bé", "esc j esc / esc : esc é"),
            ("\x1b\r\x1b\x7f", "esc enter esc backspace"),
        ] {
            assert_eq!(read(bytes.as_bytes()), keys(wanted), "{bytes:?}");
        }
        // Keys without a name here, the focus, and releases.
        assert_eq!(read(b"\x1b[25~\x1b[3~\x1b[I\x1b[O\x1b[<0;3;4m"), []);
    }

    #[test]
    fn presses_the_wheel_and_pastes_come_whole() {
        assert_eq!(read(b"\x1b[<0;4;10M\x1b[<4;4;10M"), [Input::Click(3, 9), Input::Click(3, 9)]);
        assert_eq!(read(b"\x1b[<64;1;1M\x1b[<65;1;1M"), [Input::Wheel(0, 0, false), Input::Wheel(0, 0, true)]);
        assert_eq!(read(b"\x1b[<2;4;10M"), []);
        let pasted = Input::Paste("a\tb\r q\u{e9}".into());
        assert_eq!(read("\x1b[200~a\tb\r q\u{e9}\x1b[201~q".as_bytes()), [vec![pasted], keys("q")].concat());
        assert_eq!(read(b"\x1b[200~x\x1b[Ay\x1b[201~"), [Input::Paste("xy".into())]);
    }

    #[test]
    fn an_answer_is_never_a_key_wherever_the_line_cuts_it() {
        let bytes = b"j\x1bP1$r0;48:2::1:2:3m\x1b\\k\x1b]11;rgb:ffff/ffff/f0f0\x1b\\\x1bP0+r524742\x1b\\\x1b]11;rgb:00/00/00\x07\x1b[?62;4cq\x1b[0n";
        let wanted = [
            keys("j"),
            vec![Input::Answer(Answer::TrueColour)],
            keys("k"),
            vec![Input::Answer(Answer::Light(true)), Input::Answer(Answer::Light(false)), Input::Answer(Answer::Complete)],
            keys("q"),
            vec![Input::Answer(Answer::Ready)],
        ]
        .concat();
        assert_eq!(read(bytes), wanted);
        for cut in 0..bytes.len() {
            let mut reader = Reader::default();
            let mut inputs = reader.read(&bytes[..cut]);
            // Only behind an escape alone does anybody wait for the rest no longer than a moment; an answer that was cut there is the one
            // thing that cannot be told from the key.
            let is_key_to_all_appearance = bytes[..cut].last() == Some(&ESCAPE) && bytes.get(cut) != Some(&b'\\');
            assert_eq!(reader.is_open(), is_key_to_all_appearance, "at {cut}");
            inputs.extend(reader.read(&bytes[cut..]));
            assert_eq!(inputs, wanted, "at {cut}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_mean_the_same(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(ESCAPE), Just(b'['), Just(b'~')], 0..80), cut in 0_usize..80) {
            let cut = cut.min(bytes.len());
            let mut reader = Reader::default();
            let mut inputs = reader.read(&bytes[..cut]);
            inputs.extend(reader.read(&bytes[cut..]));
            inputs.extend(reader.nothing_follows());
            prop_assert_eq!(inputs, read(&bytes));
        }
    }
}
