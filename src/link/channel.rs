//! The in-process link: commands one way, events and the newest snapshot the other.

use crate::run::{Command, Record, Snapshot};
use std::sync::Arc;
use std::sync::mpsc;
use tokio::sync::{broadcast, watch};

/// Events that a slow screen may be behind before it must catch up from the log.
const RING: usize = 4096;

/// A screen's end.
#[derive(Debug)]
pub struct Link {
    commands: mpsc::Sender<Command>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    records: broadcast::Receiver<Arc<Record>>,
}

/// The engine's end. Sending never waits for a reader.
#[derive(Debug)]
pub struct Publisher {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) snapshots: watch::Sender<Arc<Snapshot>>,
    pub(super) records: broadcast::Sender<Arc<Record>>,
}

/// What comes in at a screen's end.
#[derive(Debug, Clone)]
pub enum Update {
    /// An event.
    Record(Arc<Record>),
    /// A newer snapshot.
    Snapshot(Arc<Snapshot>),
    /// The reader was too slow and this many events are gone from the ring; the log still has them.
    Missed(u64),
    /// The engine has ended and everything was delivered.
    Closed,
}

/// Both ends of a new link.
#[must_use]
pub fn channel() -> (Publisher, Link) {
    let (command_sender, command_receiver) = mpsc::channel();
    let (snapshot_sender, snapshot_receiver) = watch::channel(Arc::new(Snapshot::default()));
    let (record_sender, record_receiver) = broadcast::channel(RING);
    (
        Publisher { commands: command_receiver, snapshots: snapshot_sender, records: record_sender },
        Link { commands: command_sender, snapshots: snapshot_receiver, records: record_receiver },
    )
}

impl From<Result<Arc<Record>, broadcast::error::RecvError>> for Update {
    fn from(received: Result<Arc<Record>, broadcast::error::RecvError>) -> Self {
        match received {
            Ok(record) => Self::Record(record),
            Err(broadcast::error::RecvError::Lagged(missed)) => Self::Missed(missed),
            Err(broadcast::error::RecvError::Closed) => Self::Closed,
        }
    }
}

impl Link {
    /// Asks something of the engine. Does nothing once the engine has ended.
    pub fn send(&self, command: Command) {
        // A command to an engine that has ended has nothing left to change.
        let _ = self.commands.send(command);
    }

    /// One more end for one more screen; it hears what happens from now on.
    #[must_use]
    pub fn again(&self) -> Self {
        Self { commands: self.commands.clone(), snapshots: self.snapshots.clone(), records: self.records.resubscribe() }
    }

    /// Events that wait to be taken.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.records.len()
    }

    /// The newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    /// Waits for the next update; events before snapshots.
    pub async fn next(&mut self) -> Update {
        tokio::select! {
            biased;
            record = self.records.recv() => Update::from(record),
            changed = self.snapshots.changed() => match changed {
                Ok(()) => Update::Snapshot(self.snapshots.borrow_and_update().clone()),
                // The engine is gone; what is left in the ring is still to be read.
                Err(_) => Update::from(self.records.recv().await),
            },
        }
    }

    /// [`Self::next`] for a thread without a runtime.
    pub fn next_blocking(&mut self) -> Update {
        Update::from(self.records.blocking_recv())
    }
}

impl Publisher {
    /// The next command, if one is waiting.
    #[must_use]
    pub fn try_command(&self) -> Option<Command> {
        self.commands.try_recv().ok()
    }

    /// Waits for a command; `None` when every screen is gone.
    #[must_use]
    pub fn wait_for_command(&self) -> Option<Command> {
        self.commands.recv().ok()
    }

    /// Publishes an event; the oldest one in a full ring gives way.
    pub fn record(&self, record: Arc<Record>) {
        // Without a reader there is nobody to tell; the log has it.
        let _ = self.records.send(record);
    }

    /// Publishes the newest state in place of the one before.
    pub fn snapshot(&self, snapshot: Snapshot) {
        self.snapshots.send_replace(Arc::new(snapshot));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Event, Phase};

    fn record(sequence: u64) -> Arc<Record> {
        Arc::new(Record { sequence, seconds: 0.0, event: Event::Phase { phase: Phase::Training } })
    }

    #[test]
    fn a_slow_reader_loses_events_and_is_told_how_many() {
        let (publisher, mut link) = channel();
        let extra = 10;
        for sequence in 0..(RING as u64 + extra) {
            publisher.record(record(sequence));
        }
        assert!(matches!(link.next_blocking(), Update::Missed(missed) if missed == extra));
        assert!(matches!(link.next_blocking(), Update::Record(record) if record.sequence == extra));
    }

    #[test]
    fn everything_is_delivered_before_the_end() {
        let (publisher, mut link) = channel();
        publisher.record(record(0));
        drop(publisher);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            assert!(matches!(link.next().await, Update::Record(_)));
            assert!(matches!(link.next().await, Update::Closed));
        });
        link.send(Command::Stop);
    }
}
