//! How a search was steered, as its log says: a fold over interventions, the same for the engine, the screen and a resumed run.

use super::{Command, Event, Fate, Record};
use std::collections::BTreeMap;

/// What holds from here on, beside the preset.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Steering {
    /// The operations that are held, by mask group.
    pub held: BTreeMap<u32, Fate>,
    /// Temperature of the relaxed mask, where it was changed.
    pub temperature: Option<f64>,
    /// L_w, where it was changed.
    pub weight_prior: Option<f64>,
    /// What the learning rate of the schedule is multiplied by, where it was changed.
    pub learning_rate_factor: Option<f64>,
    /// Epochs to train, where they were changed.
    pub epochs: Option<u32>,
}

impl Steering {
    /// What the interventions of a log amount to.
    #[must_use]
    pub fn of(records: &[Record]) -> Self {
        let mut steering = Self::default();
        for record in records {
            if let Event::Intervention { command, .. } = record.event {
                steering.take(command);
            }
        }
        steering
    }

    /// Takes a command in that was checked; one that changes nothing that lasts is passed over.
    pub fn take(&mut self, command: Command) {
        match command {
            Command::Hold { group, fate } => drop(self.held.insert(group, fate)),
            Command::Release { group } => drop(self.held.remove(&group)),
            Command::Temperature { value } => self.temperature = Some(value),
            Command::WeightPrior { value } => self.weight_prior = Some(value),
            Command::LearningRate { factor } => self.learning_rate_factor = Some(factor),
            Command::Epochs { epochs } => self.epochs = Some(epochs),
            Command::Pause | Command::Resume | Command::StepEpoch | Command::SampleNow { .. } | Command::Checkpoint | Command::Stop => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts() {
        let mut steering = Steering::default();
        for command in [
            Command::Hold { group: 2, fate: Fate::Kept },
            Command::Hold { group: 2, fate: Fate::Dropped },
            Command::Hold { group: 5, fate: Fate::Kept },
            Command::Pause,
            Command::Release { group: 5 },
            Command::Temperature { value: 0.5 },
            Command::Temperature { value: 0.1 },
        ] {
            steering.take(command);
        }
        let expected = Steering { held: BTreeMap::from([(2, Fate::Dropped)]), temperature: Some(0.1), ..Steering::default() };
        assert_eq!(steering, expected);
    }
}
