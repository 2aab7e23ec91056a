//! What travels through a socket: frames of JSON behind their length, of bounded size.

use crate::run::{Command, Record, Snapshot};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{Error, ErrorKind, Read, Write};
use std::path::PathBuf;

/// Version of what is said; both sides must be of the same.
pub const PROTOCOL: u32 = 1;

/// Longest frame from a screen.
pub(super) const FROM_SCREEN: u32 = 1 << 16;
/// Longest frame from a host: the head of a log holds the whole network.
pub(super) const FROM_HOST: u32 = 1 << 26;

/// The first word of a screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    /// [`PROTOCOL`] of the screen.
    pub(super) protocol: u32,
    /// Its program and version.
    pub(super) program: String,
    /// Whether it only watches.
    pub(super) watch: bool,
}

/// The answer of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// Come in.
    Welcome(Welcome),
    /// The reason why not.
    Refused(String),
}

/// Who a screen is talking to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Program and version of the host.
    pub program: String,
    /// Its process.
    pub process: u32,
    /// The folder of its run.
    pub run: PathBuf,
}

/// What a screen says from then on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Asked {
    /// Steers the search.
    Command(Command),
}

/// What a host says from then on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Told<R = Record, S = Snapshot> {
    /// An event.
    Record(R),
    /// The newest state.
    Snapshot(S),
    /// So many events were too many for this connection; the log has them.
    Missed(u64),
    /// The search has ended, and everything was told.
    Closed,
}

/// Writes a frame.
pub(super) fn send(out: &mut impl Write, message: &impl Serialize) -> std::io::Result<()> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)?;
    let length = u32::try_from(frame.len() - 4).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    out.write_all(&frame)
}

/// Reads a frame of no more than `longest` bytes.
pub(super) fn receive<T: DeserializeOwned>(from: &mut impl Read, longest: u32) -> std::io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > longest {
        return Err(Error::new(ErrorKind::InvalidData, "this is no frame of pgnas"));
    }
    let mut frame = Vec::new();
    // Grows with what comes, not with what was announced.
    from.take(u64::from(length)).read_to_end(&mut frame)?;
    if frame.len() < length as usize {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&frame)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_and_others_are_refused_without_taking_memory() {
        let mut bytes = Vec::new();
        send(&mut bytes, &Asked::Command(Command::SampleNow { count: 3 })).unwrap();
        send(&mut bytes, &Asked::Command(Command::Stop)).unwrap();
        let mut reader = bytes.as_slice();
        let mut next = || receive::<Asked>(&mut reader, FROM_SCREEN);
        assert_eq!(next().unwrap(), Asked::Command(Command::SampleNow { count: 3 }));
        assert_eq!(next().unwrap(), Asked::Command(Command::Stop));
        assert_eq!(next().unwrap_err().kind(), ErrorKind::UnexpectedEof);
        for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[0, 0, 0, 9, b'{'], &[0, 0, 0, 2, b'{', b'}'], &[0, 0, 0, 0]] {
            assert!(receive::<Asked>(&mut { garbage }, FROM_SCREEN).is_err(), "{garbage:?}");
        }
    }
}
