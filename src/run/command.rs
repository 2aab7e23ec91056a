//! What a person can ask of a running search.

use super::NetworkSummary;
use serde::{Deserialize, Serialize};

/// One request to the engine. It is answered by events, never by a return value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Stop working after the current step or candidate, until resumed.
    Pause,
    /// Go on.
    Resume,
    /// Train to the end of the current epoch (or of the next, at its end), then pause.
    StepEpoch,
    /// Sample this many posterior candidates now, rank them, and go on with what was going on.
    SampleNow {
        /// How many.
        count: u32,
    },
    /// Write a checkpoint now.
    Checkpoint,
    /// Hold an operation kept or dropped from here on, whatever the images say.
    Hold {
        /// Its mask group.
        group: u32,
        /// What it is held at.
        fate: Fate,
    },
    /// Let the drop probability of an operation move again, from where it was.
    Release {
        /// Its mask group.
        group: u32,
    },
    /// The temperature of the relaxed mask from here on.
    Temperature {
        /// Above 0.
        value: f64,
    },
    /// L_w, the weight of the L2 part, from here on.
    WeightPrior {
        /// 0 or more.
        value: f64,
    },
    /// Multiplies the learning rate of the schedule from here on.
    LearningRate {
        /// Above 0; 1 is the schedule's own.
        factor: f64,
    },
    /// Epochs to train in all; the schedule runs over them.
    Epochs {
        /// How many. Not more than are done: training ends with the current one.
        epochs: u32,
    },
    /// End the search; what is there stays.
    Stop,
}

/// What an operation is held at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// p = 0.
    Kept,
    /// p = 1.
    Dropped,
}

impl Fate {
    /// The word for it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Dropped => "dropped",
        }
    }

    /// The drop probability.
    #[must_use]
    pub fn drop_probability(self) -> f64 {
        match self {
            Self::Kept => 0.0,
            Self::Dropped => 1.0,
        }
    }
}

impl Command {
    /// Whether it changes training, and so means nothing once that is over.
    #[must_use]
    pub fn changes_training(self) -> bool {
        match self {
            Self::Hold { .. }
            | Self::Release { .. }
            | Self::Temperature { .. }
            | Self::WeightPrior { .. }
            | Self::LearningRate { .. }
            | Self::Epochs { .. } => true,
            Self::Pause | Self::Resume | Self::StepEpoch | Self::SampleNow { .. } | Self::Checkpoint | Self::Stop => false,
        }
    }

    /// What is wrong with its number, for a network of so many mask groups; commands come over sockets, too.
    ///
    /// # Errors
    /// What, and what to give instead, in one line.
    pub fn check(self, groups: usize) -> Result<(), String> {
        let fault = match self {
            Self::Hold { group, .. } | Self::Release { group } if group as usize >= groups => {
                format!("there is no operation {group}: they are numbered from 0 to {}", groups.saturating_sub(1))
            }
            Self::Temperature { value } if !(1e-3..=100.0).contains(&value) => "a temperature lies between .001 and 100".into(),
            Self::WeightPrior { value } if !(0.0..=1e9).contains(&value) => "L_w is 0 or more, and at most a billion".into(),
            Self::LearningRate { factor } if !(1e-6..=1e3).contains(&factor) => {
                "the learning rate can be multiplied by .000001 to 1000; to stop training, lower the epochs".into()
            }
            Self::Epochs { epochs } if !(1..=100_000).contains(&epochs) => "train for 1 to 100,000 epochs".into(),
            Self::SampleNow { count } if !(1..=100_000).contains(&count) => "sample 1 to 100,000 candidates".into(),
            _ => return Ok(()),
        };
        Err(fault)
    }

    /// What was done, in words, for logs and reports.
    #[must_use]
    pub fn words(self, network: &NetworkSummary) -> String {
        let name = |group: u32| {
            let place = |group: &super::GroupSummary| format!("{} of {} {}", group.operation, group.block, group.edge);
            network.groups.get(group as usize).map_or_else(|| format!("operation {group}"), place)
        };
        match self {
            Self::Pause => "paused".into(),
            Self::Resume => "went on".into(),
            Self::StepEpoch => "trained to the end of an epoch".into(),
            Self::SampleNow { count: 1 } => "sampled 1 candidate".to_owned(),
            Self::SampleNow { count } => format!("sampled {count} candidates"),
            Self::Checkpoint => "wrote a checkpoint".into(),
            Self::Hold { group, fate } => format!("held {} {}", name(group), fate.label()),
            Self::Release { group } => format!("released {}", name(group)),
            Self::Temperature { value } => format!("set the temperature to {value}"),
            Self::WeightPrior { value } => format!("set L_w to {value}"),
            Self::LearningRate { factor } => format!("multiplied the learning rate by {factor}"),
            Self::Epochs { epochs } => format!("set the epochs to {epochs}"),
            Self::Stop => "stopped".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_mean_nothing_are_refused() {
        let good = [Command::Temperature { value: 0.5 }, Command::WeightPrior { value: 0.0 }, Command::Epochs { epochs: 1 }];
        assert!(good.iter().all(|command| command.check(3).is_ok()));
        for bad in [
            Command::Temperature { value: 0.0 },
            Command::Temperature { value: f64::NAN },
            Command::WeightPrior { value: -1.0 },
            Command::LearningRate { factor: f64::INFINITY },
            Command::LearningRate { factor: 0.0 },
            Command::Epochs { epochs: 0 },
            Command::SampleNow { count: 0 },
            Command::Hold { group: 3, fate: Fate::Kept },
            Command::Release { group: 3 },
        ] {
            assert!(bad.check(3).is_err(), "{bad:?}");
        }
    }
}
