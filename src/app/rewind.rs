//! Going back: the reducer only ever adds to its long lists, so that an earlier state is their lengths and a copy of the rest.

use super::run::{Ending, Run};
use crate::run::{Acceptance, Alert, Phase, RaceOutcome, Steering, Ties};

/// A state of a run to go back to. What a person chose on the screen is no part of it.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    next_record: u64,
    phase: Phase,
    epochs: usize,
    candidates: usize,
    ties: Option<Ties>,
    acceptance: Vec<Acceptance>,
    race: Option<RaceOutcome>,
    tests: usize,
    steering: Steering,
    interventions: usize,
    messages: usize,
    ending: Option<Ending>,
    warnings: Vec<Alert>,
}

impl Run {
    /// The state as it is now.
    pub(super) fn mark_state(&self) -> Mark {
        Mark {
            next_record: self.next_record,
            phase: self.phase,
            epochs: self.epochs.len(),
            candidates: self.candidates.len(),
            ties: self.ties.clone(),
            acceptance: self.acceptance.clone(),
            race: self.race,
            tests: self.tests.len(),
            steering: self.steering.clone(),
            interventions: self.interventions.len(),
            messages: self.messages.len(),
            ending: self.ending.clone(),
            warnings: self.warnings.clone(),
        }
    }

    /// Goes back to a state that it was in.
    pub(super) fn go_back(&mut self, mark: &Mark) {
        let Mark {
            next_record,
            phase,
            epochs,
            candidates,
            ties,
            acceptance,
            race,
            tests,
            steering,
            interventions,
            messages,
            ending,
            warnings,
        } = mark;
        (self.next_record, self.phase) = (*next_record, *phase);
        self.epochs.truncate(*epochs);
        self.candidates.truncate(*candidates);
        self.tests.truncate(*tests);
        self.interventions.truncate(*interventions);
        self.messages.truncate(*messages);
        (self.ties, self.steering) = (ties.clone(), steering.clone());
        (self.acceptance, self.race) = (acceptance.clone(), *race);
        self.relist();
        (self.ending, self.warnings) = (ending.clone(), warnings.clone());
    }
}
