//! The part of Python's pickles that image sets come in: dictionaries of texts, lists of numbers, and NumPy's arrays of bytes. Nothing is
//! ever executed: a call is kept as what it was called with.

use std::collections::HashMap;

/// A value of a pickle.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `None`.
    None,
    /// A number.
    Number(i64),
    /// A text or bytes.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A dictionary.
    Dictionary(Vec<(Value, Value)>),
    /// A function or class by its name.
    Global(String),
    /// What a function was called with, and the state that the object was given after.
    Object(Box<(Value, Value, Value)>),
}

impl Value {
    /// Takes the value of a key out of a dictionary.
    pub fn take(&mut self, key: &str) -> Option<Self> {
        let Self::Dictionary(items) = self else { return None };
        let place = items.iter().position(|(name, _)| name.clone().into_bytes().is_some_and(|name| name == key.as_bytes()))?;
        Some(items.swap_remove(place).1)
    }

    /// The bytes of a text, or of an array of bytes in C order.
    #[must_use]
    pub fn into_bytes(self) -> Option<Vec<u8>> {
        let (_, arguments, state) = match self {
            Self::Bytes(bytes) => return Some(bytes),
            Self::Object(object) => *object,
            _ => return None,
        };
        // From protocol 5 on NumPy calls `_frombuffer(bytes, type, shape, order)`; before, it gives (version, shape, type, is Fortran order, bytes) as the state; `_codecs.encode` takes (text, "latin1").
        match (state, arguments) {
            (Self::Tuple(mut state), _) if state.len() == 5 && state[3] == Self::Number(0) && is_bytes(&state[2]) => {
                state.pop()?.into_bytes()
            }
            (Self::None, Self::Tuple(mut arguments))
                if arguments.len() == 4 && is_bytes(&arguments[1]) && arguments[3] == Self::Bytes(b"C".to_vec()) =>
            {
                arguments.swap_remove(0).into_bytes()
            }
            (Self::None, Self::Tuple(mut arguments)) if arguments.get(1) == Some(&Self::Bytes(b"latin1".to_vec())) => {
                let Self::Bytes(text) = arguments.swap_remove(0) else { return None };
                String::from_utf8(text).ok()?.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
            }
            _ => None,
        }
    }

    /// Values within it, itself among them; a text that is long counts as too many.
    fn size(&self) -> usize {
        match self {
            Self::None | Self::Number(_) | Self::Global(_) => 1,
            Self::Bytes(bytes) => {
                if bytes.len() <= 256 {
                    1
                } else {
                    usize::MAX
                }
            }
            Self::List(items) | Self::Tuple(items) => items.iter().fold(1, |size, item| size.saturating_add(item.size())),
            Self::Dictionary(items) => {
                items.iter().fold(1, |size, (key, value)| size.saturating_add(key.size()).saturating_add(value.size()))
            }
            Self::Object(object) => {
                let (function, arguments, state) = &**object;
                [function, arguments, state].into_iter().fold(1, |size, part| size.saturating_add(part.size()))
            }
        }
    }

    /// The numbers of a list.
    #[must_use]
    pub fn into_numbers(self) -> Option<Vec<i64>> {
        let Self::List(items) = self else { return None };
        items.into_iter().map(|item| if let Self::Number(number) = item { Some(number) } else { None }).collect()
    }
}

/// Whether a NumPy type is that of unsigned bytes.
fn is_bytes(kind: &Value) -> bool {
    let Value::Object(object) = kind else { return false };
    matches!(&object.1, Value::Tuple(arguments) if matches!(arguments.first(), Some(Value::Bytes(name)) if name == b"u1"))
}

/// Reads a pickle of protocol 2 to 5.
///
/// # Errors
/// Says what is torn, or what this reader does not know.
pub fn read(bytes: &[u8]) -> Result<Value, String> {
    Machine { bytes, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new(), containers: 0 }.run()
}

/// Containers and objects that a pickle of images comes nowhere near; so many inside each other are still taken apart safely.
const MOST_CONTAINERS: usize = 1_000;

/// Values within one that is remembered: those of images are small, and without a bound a few bytes of recalls would double for ever.
const MOST_REMEMBERED: usize = 64;

/// The stack machine that a pickle is a program for.
struct Machine<'a> {
    bytes: &'a [u8],
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<usize, Value>,
    containers: usize,
}

impl Machine<'_> {
    fn run(mut self) -> Result<Value, String> {
        loop {
            let code = self.number(1)? as u8;
            self.count(code)?;
            match code {
                b'.' => return self.pop(),
                0x80 => self.skip(1)?,
                0x95 => self.skip(8)?,
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.stack.push(Value::None),
                0x88 => self.stack.push(Value::Number(1)),
                0x89 => self.stack.push(Value::Number(0)),
                b'K' => self.unsigned(1)?,
                b'M' => self.unsigned(2)?,
                b'J' => {
                    let number = self.number(4)? as u32;
                    self.stack.push(Value::Number(number.cast_signed().into()));
                }
                b'I' => {
                    let line = self.line()?;
                    self.stack.push(Value::Number(line.parse().map_err(|_| format!("`{}` is no number", line.escape_debug()))?));
                }
                0x8a => {
                    let digits = self.sized(1)?;
                    let negative = digits.last().is_some_and(|&byte| byte > 127);
                    let start = if negative { -1 } else { 0 };
                    let number = digits.iter().rev().fold(start, |number: i64, &byte| number << 8 | i64::from(byte));
                    self.stack.push(Value::Number(number));
                }
                b'U' | b'C' | 0x8c => self.text(1)?,
                b'T' | b'B' | b'X' => self.text(4)?,
                0x8e | 0x8d | 0x96 => self.text(8)?,
                b']' => self.stack.push(Value::List(Vec::new())),
                b'}' => self.stack.push(Value::Dictionary(Vec::new())),
                b')' => self.stack.push(Value::Tuple(Vec::new())),
                b't' => {
                    let items = self.marked()?;
                    self.stack.push(Value::Tuple(items));
                }
                0x85..=0x87 => {
                    let length = usize::from(code - 0x84);
                    let at = self.stack.len().checked_sub(length).ok_or("its stack runs empty")?;
                    let items = self.stack.split_off(at);
                    self.stack.push(Value::Tuple(items));
                }
                b'a' | b'e' => {
                    let items = if code == b'a' { vec![self.pop()?] } else { self.marked()? };
                    self.append(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set(vec![key, value])?;
                }
                b'u' => {
                    let items = self.marked()?;
                    self.set(items)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.stack.push(Value::Global(format!("{module}.{name}")));
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let text = |value: Value| value.into_bytes().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                    let (module, name) = text(module).zip(text(name)).ok_or("a name is no text")?;
                    self.stack.push(Value::Global(format!("{module}.{name}")));
                }
                b'R' => {
                    let (arguments, function) = (self.pop()?, self.pop()?);
                    self.stack.push(Value::Object(Box::new((function, arguments, Value::None))));
                }
                b'b' => {
                    let state = self.pop()?;
                    if let Some(Value::Object(object)) = self.stack.last_mut() {
                        object.2 = state;
                    }
                }
                b'q' => {
                    let place = self.number(1)?;
                    self.remember(place)?;
                }
                b'r' => {
                    let place = self.number(4)?;
                    self.remember(place)?;
                }
                0x94 => self.remember(self.memo.len())?,
                b'h' => {
                    let place = self.number(1)?;
                    self.recall(place)?;
                }
                b'j' => {
                    let place = self.number(4)?;
                    self.recall(place)?;
                }
                other => return Err(format!("it is no pickle of images (code 0x{other:02x})")),
            }
        }
    }

    /// Counts the containers and objects that codes make.
    fn count(&mut self, code: u8) -> Result<(), String> {
        self.containers += usize::from(matches!(code, b']' | b'}' | b')' | b't' | 0x85..=0x87 | b'R'));
        if self.containers > MOST_CONTAINERS { Err("it is no pickle of images (too many lists and objects)".into()) } else { Ok(()) }
    }

    fn bytes(&mut self, count: usize) -> Result<&[u8], String> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or("it is torn")?;
        self.bytes = rest;
        Ok(taken)
    }

    fn skip(&mut self, count: usize) -> Result<(), String> {
        self.bytes(count).map(drop)
    }

    fn number(&mut self, width: usize) -> Result<usize, String> {
        Ok(self.bytes(width)?.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte)))
    }

    fn unsigned(&mut self, width: usize) -> Result<(), String> {
        let number = self.number(width)?;
        self.stack.push(Value::Number(number as i64));
        Ok(())
    }

    fn sized(&mut self, width: usize) -> Result<Vec<u8>, String> {
        let count = self.number(width)?;
        self.bytes(count).map(<[u8]>::to_vec)
    }

    fn text(&mut self, width: usize) -> Result<(), String> {
        let text = self.sized(width)?;
        self.stack.push(Value::Bytes(text));
        Ok(())
    }

    fn line(&mut self) -> Result<String, String> {
        let end = self.bytes.iter().position(|&byte| byte == b'\n').ok_or("it is torn")?;
        let line = String::from_utf8_lossy(self.bytes(end)?).into_owned();
        self.skip(1)?;
        Ok(line)
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.stack.pop().ok_or_else(|| "its stack runs empty".into())
    }

    fn marked(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len()).ok_or("a mark is missing")?;
        Ok(self.stack.split_off(mark))
    }

    fn append(&mut self, items: Vec<Value>) -> Result<(), String> {
        let Some(Value::List(list)) = self.stack.last_mut() else { return Err("it appends to what is no list".into()) };
        list.extend(items);
        Ok(())
    }

    fn set(&mut self, items: Vec<Value>) -> Result<(), String> {
        let Some(Value::Dictionary(dictionary)) = self.stack.last_mut() else { return Err("it sets keys of what is no dictionary".into()) };
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            dictionary.push((key, value));
        }
        Ok(())
    }

    /// Only what can be shared is kept: lists, dictionaries and objects are still being filled when they are remembered, and the pixels
    /// need no second copy.
    fn remember(&mut self, place: usize) -> Result<(), String> {
        let kept = match self.stack.last().ok_or("its stack runs empty")? {
            Value::Object(object) if object.2 != Value::None => Value::None,
            Value::List(_) | Value::Dictionary(_) => Value::None,
            value if value.size() <= MOST_REMEMBERED => value.clone(),
            _ => Value::None,
        };
        self.memo.insert(place, kept);
        Ok(())
    }

    fn recall(&mut self, place: usize) -> Result<(), String> {
        let value = self.memo.get(&place).ok_or("it recalls what it never kept")?.clone();
        self.stack.push(value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pickle_that_nests_or_doubles_without_end_is_refused() {
        let nested = [b"\x80\x02)".to_vec(), vec![0x85; 3_000_000], b".".to_vec()].concat();
        assert!(read(&nested).unwrap_err().contains("too many lists and objects"));
        // Each round makes a tuple of two of the last.
        let doubling = [b"\x80\x02)q\x00".to_vec(), b"h\x00h\x00\x86q\x00".repeat(200), b".".to_vec()].concat();
        assert!(read(&doubling).is_ok());
    }
}
