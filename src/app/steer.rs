//! Steering: operations that are held, and numbers that are changed while the search runs.

use super::network::NetworkRow;
use super::run::Run;
use super::state::{App, Effect, Overlay, Pane};
use crate::run::{Command, Fate};
use std::ops::Range;

/// A number that can be changed from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dial {
    /// Temperature of the relaxed mask.
    Temperature,
    /// L_w.
    WeightPrior,
    /// What the learning rate of the schedule is multiplied by.
    LearningRate,
    /// Epochs to train.
    Epochs,
    /// Candidates to sample now.
    Samples,
}

/// The line in which a number is typed.
#[derive(Debug, Clone, PartialEq)]
pub struct DialLine {
    /// What it is.
    pub dial: Dial,
    /// What was typed.
    pub input: String,
    /// What is wrong with it.
    pub fault: Option<String>,
}

impl Dial {
    /// What is asked for, with how it stands where the log tells: that of the preset is not in it.
    #[must_use]
    pub fn label(self, run: &Run) -> String {
        let steering = run.steering();
        let preset = |value: Option<f64>| value.map_or_else(|| "as in the preset so far".to_owned(), |value| format!("now {value}"));
        match self {
            Self::Temperature => format!("temperature from here on ({})", preset(steering.temperature)),
            Self::WeightPrior => format!("L_w from here on ({})", preset(steering.weight_prior)),
            Self::LearningRate => format!("multiply the learning rate by (now {})", steering.learning_rate_factor.unwrap_or(1.0)),
            Self::Epochs => {
                run.planned_epochs().map_or_else(|| "epochs in all".to_owned(), |epochs| format!("epochs in all (now {epochs})"))
            }
            Self::Samples => "candidates to sample now".to_owned(),
        }
    }

    fn command(self, input: &str, run: &Run) -> Result<Command, String> {
        let input = input.trim();
        let number = || input.parse::<f64>().map_err(|_| "type a number, such as 0.5".to_owned());
        let whole = || input.parse::<u32>().map_err(|_| "type a whole number, such as 40".to_owned());
        let command = match self {
            Self::Temperature => Command::Temperature { value: number()? },
            Self::WeightPrior => Command::WeightPrior { value: number()? },
            Self::LearningRate => Command::LearningRate { factor: number()? },
            Self::Epochs => Command::Epochs { epochs: whole()? },
            Self::Samples => Command::SampleNow { count: whole()? },
        };
        let done = run.epoch_of().map_or(0, |(done, _)| done);
        if let Command::Epochs { epochs } = command
            && epochs <= done
        {
            return Err(format!("{done} are done: give more, or {} to end with this one", done + 1));
        }
        command.check(run.started().map_or(0, |started| started.network.groups.len())).map(|()| command)
    }
}

impl Run {
    /// Operations of a block that are not held so already.
    #[must_use]
    pub fn unlike(&self, block: usize, fate: Fate) -> usize {
        self.blocks().get(block).map_or(0, |block| block.groups.clone().filter(|&group| self.held(group) != Some(fate)).count())
    }
}

impl App {
    /// Holds the operations in focus, or releases them: that of the chosen row, or all of a block whose head is chosen. A network may
    /// not outlive the loss of a block, so that this is asked.
    pub(super) fn hold(&mut self, fate: Option<Fate>) -> Vec<Effect> {
        let Some(run) = &self.run else { return Vec::new() };
        match (run.rows().get(run.row()), fate) {
            (Some(&NetworkRow::Block(block)), Some(fate)) if self.focus == Pane::Network && run.unlike(block, fate) > 1 => {
                self.overlay = Overlay::Hold(block, fate);
                Vec::new()
            }
            (Some(&NetworkRow::Block(block)), _) if self.focus == Pane::Network => self.hold_block(block, fate),
            _ => self.hold_all(run.group()..run.group() + 1, fate),
        }
    }

    /// Holds all operations of a block, or releases them.
    pub(super) fn hold_block(&mut self, block: usize, fate: Option<Fate>) -> Vec<Effect> {
        let groups = self.run.as_ref().and_then(|run| run.blocks().get(block)).map(|block| block.groups.clone());
        groups.map_or_else(Vec::new, |groups| self.hold_all(groups, fate))
    }

    fn hold_all(&mut self, mut groups: Range<usize>, fate: Option<Fate>) -> Vec<Effect> {
        let Some(run) = &self.run else { return Vec::new() };
        let first = groups.start;
        let changes = |group: &usize| run.held(*group) != fate;
        let command = |group: usize| match fate {
            Some(fate) => Command::Hold { group: group as u32, fate },
            None => Command::Release { group: group as u32 },
        };
        let effects: Vec<Effect> = groups.by_ref().filter(changes).map(command).map(Effect::Send).collect();
        if effects.is_empty() {
            let told = fate.map_or("it is not held: nothing to release".to_owned(), |fate| format!("it is held {} already", fate.label()));
            self.notice(told, false);
        } else {
            let what = match (&effects[..], run.started().and_then(|started| started.network.groups.get(first))) {
                ([_], Some(group)) => group.operation.clone(),
                (several, _) => format!("{} operations", several.len()),
            };
            let told = fate.map_or_else(|| format!("releasing {what}"), |fate| format!("holding {what} {}", fate.label()));
            self.notice(format!("{told} after this step"), false);
        }
        effects
    }

    /// Opens the line in which a number is typed.
    pub(super) fn turn_dial(&mut self, dial: Dial) {
        self.overlay = Overlay::Dial(DialLine { dial, input: String::new(), fault: None });
    }

    pub(super) fn take_dial(&mut self, mut line: DialLine) -> Vec<Effect> {
        match self.run.as_ref().map(|run| line.dial.command(&line.input, run)) {
            Some(Ok(command)) => {
                self.overlay = Overlay::None;
                return vec![Effect::Send(command)];
            }
            Some(Err(fault)) => line.fault = Some(fault),
            None => return self.close(),
        }
        self.overlay = Overlay::Dial(line);
        Vec::new()
    }

    /// Says what is wrong with what was typed so far; an empty line is no fault yet.
    pub(super) fn recheck(&self, line: &mut DialLine) {
        let checked = self.run.as_ref().filter(|_| !line.input.trim().is_empty()).map(|run| line.dial.command(&line.input, run));
        line.fault = checked.and_then(Result::err);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{app_at, opened, press, push};
    use super::*;
    use crate::run::Event;

    fn notice(app: &App) -> &str {
        app.notice_line().map_or("", |notice| notice.text.as_str())
    }

    #[test]
    fn an_operation_is_held_and_released_and_a_block_as_a_whole() {
        let mut app = app_at(3);
        press(&mut app, "j j");
        let group = app.run().unwrap().group() as u32;
        let hold = Command::Hold { group, fate: Fate::Kept };
        assert_eq!(press(&mut app, "R"), []);
        assert!(notice(&app).starts_with("it is not held"));
        assert_eq!(press(&mut app, "K"), [Effect::Send(hold)]);
        assert_eq!(app.run().unwrap().held(group as usize), None, "the engine has the last word");
        push(&mut app, Event::Intervention { command: hold, step: 51 });
        assert_eq!(
            (app.run().unwrap().held(group as usize), app.run().unwrap().drop_probability(group as usize)),
            (Some(Fate::Kept), Some(0.0))
        );
        assert_eq!(press(&mut app, "K"), []);
        assert!(notice(&app).contains("already"));
        assert_eq!(press(&mut app, "D"), [Effect::Send(Command::Hold { group, fate: Fate::Dropped })]);
        assert_eq!(press(&mut app, "R"), [Effect::Send(Command::Release { group })]);
        let block = app.run().unwrap().blocks()[0].groups.len();
        assert_eq!(press(&mut app, "g K n"), [], "a whole block is asked for");
        assert_eq!(press(&mut app, "K y").len(), block - 1, "but for the one that is held so already");
        assert_eq!(notice(&app), format!("holding {} operations kept after this step", block - 1));
        press(&mut app, "D");
        assert_eq!(*app.overlay(), Overlay::Hold(0, Fate::Dropped));
        push(&mut app, Event::Phase { phase: crate::run::Phase::Ranking });
        let mut ranking = crate::app::testing::snapshot_at(3);
        ranking.phase = crate::run::Phase::Ranking;
        app.snapshot(std::sync::Arc::new(ranking));
        assert_eq!((press(&mut app, "y"), app.overlay()), (vec![], &Overlay::None), "training ended while the question stood");
        let mut done = opened(3);
        press(&mut done, "tab j");
        assert_eq!(press(&mut done, "K T"), []);
        assert!(notice(&done).contains("has ended"));
    }

    #[test]
    fn a_search_is_stopped_by_a_second_key_wherever_it_runs_but_not_by_who_only_watches() {
        use crate::app::Tie;
        for tie in [Tie::Own, Tie::Host] {
            let mut app = app_at(3);
            app.set_tie(tie);
            for keys in ["S esc", "S n", "S enter esc"] {
                assert_eq!((press(&mut app, keys), app.overlay()), (vec![], &Overlay::None), "{keys}");
            }
            press(&mut app, "S");
            assert_eq!(*app.overlay(), Overlay::Stop);
            assert_eq!(press(&mut app, "y"), [Effect::Send(Command::Stop)]);
            // It ends while the question stands.
            press(&mut app, "S");
            app.ended();
            assert_eq!((press(&mut app, "y"), app.overlay()), (vec![], &Overlay::None));
            assert_eq!((press(&mut app, "S"), app.overlay()), (vec![], &Overlay::None));
            assert!(notice(&app).contains("has ended"));
        }
        let mut app = app_at(3);
        app.set_tie(Tie::Watch);
        assert_eq!((press(&mut app, "S"), app.overlay()), (vec![], &Overlay::None));
        assert!(notice(&app).contains("only watches"));
    }

    #[test]
    fn a_pause_and_a_checkpoint_answer_at_once_though_a_step_may_take_long() {
        let mut app = app_at(3);
        assert_eq!(press(&mut app, "C"), [Effect::Send(Command::Checkpoint)]);
        assert_eq!(notice(&app), "writing a checkpoint after this step");
        assert_eq!(press(&mut app, "space"), [Effect::Send(Command::Pause)]);
        assert_eq!(notice(&app), "pausing after this step");
        let snapshot = |paused| std::sync::Arc::new(crate::run::Snapshot { paused, ..crate::app::testing::snapshot_at(3) });
        app.snapshot(snapshot(false));
        assert_eq!(notice(&app), "pausing after this step", "the step is still at work");
        app.snapshot(snapshot(true));
        assert_eq!(notice(&app), "");
        assert_eq!(press(&mut app, "space"), [Effect::Send(Command::Resume)]);
    }

    #[test]
    fn numbers_are_checked_where_they_are_typed() {
        let mut app = app_at(3);
        assert_eq!(press(&mut app, "T 0 . 5 enter"), [Effect::Send(Command::Temperature { value: 0.5 })]);
        assert_eq!(press(&mut app, "W 2 enter"), [Effect::Send(Command::WeightPrior { value: 2.0 })]);
        assert_eq!(press(&mut app, "A . 1 enter"), [Effect::Send(Command::LearningRate { factor: 0.1 })]);
        assert_eq!(press(&mut app, "N 7 enter"), [Effect::Send(Command::SampleNow { count: 7 })]);
        assert_eq!(press(&mut app, "B 3 enter"), []);
        let Overlay::Dial(line) = app.overlay().clone() else { panic!("a line with a fault stays") };
        assert_eq!(line.fault.unwrap(), "3 are done: give more, or 4 to end with this one");
        assert_eq!(press(&mut app, "0 enter"), [Effect::Send(Command::Epochs { epochs: 30 })]);
        push(&mut app, Event::Intervention { command: Command::Epochs { epochs: 30 }, step: 51 });
        assert_eq!(app.run().unwrap().epoch_of(), Some((3, 30)));
        assert_eq!(Dial::Epochs.label(app.run().unwrap()), "epochs in all (now 30)");
        let temperature = |app: &App| Dial::Temperature.label(app.run().unwrap());
        assert_eq!(temperature(&app), "temperature from here on (as in the preset so far)");
        push(&mut app, Event::Intervention { command: Command::Temperature { value: 0.2 }, step: 51 });
        assert_eq!(temperature(&app), "temperature from here on (now 0.2)");
        assert_eq!(Dial::LearningRate.label(app.run().unwrap()), "multiply the learning rate by (now 1)");
        press(&mut app, "T");
        app.paste("warm");
        assert!(matches!(app.overlay(), Overlay::Dial(line) if line.fault.is_some()));
        press(&mut app, "esc");
        assert_eq!(*app.overlay(), Overlay::None);
    }
}
