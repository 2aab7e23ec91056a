//! What the search looks after on its machine: whether training waits for images, and what the disk has left.

use super::Search;
use crate::run::{Machine, Phase, machine_alerts, resources};
use std::time::{Duration, Instant};

/// How often the disk is asked what it has left.
const DISK: Duration = Duration::from_secs(10);

impl Search {
    /// Raises an alert for what has begun to go wrong with the machine, at the end of an epoch or where a phase begins.
    pub(super) fn watch_machine(&mut self) {
        let machine = Machine {
            on_gpu: !self.fleet.lead().is_cpu,
            // Once training is over, so is its waiting.
            waiting_share: if self.phase == Phase::Training { self.pace.take_waiting_share() } else { Some(0.0) },
            decodes: self.feed.loader().images().set().is_streamed(),
            augmentations: &self.preset.data.augmentations(),
            disk_free: self.disk_free(),
        };
        let found = machine_alerts(&machine, &self.machine);
        let before = std::mem::replace(&mut self.machine, found);
        let begun: Vec<_> = self.machine.iter().filter(|alert| before.iter().all(|known| known.kind != alert.kind)).cloned().collect();
        for alert in begun {
            self.alert(alert);
        }
    }

    /// Bytes that the disk of the run has left, as of a moment ago.
    pub(super) fn disk_free(&mut self) -> Option<u64> {
        if self.disk.0.is_none_or(|asked| asked.elapsed() > DISK) {
            self.disk = (Some(Instant::now()), resources::free_bytes(self.folder.path()));
        }
        self.disk.1
    }
}
