//! Steering: operations that are held, and numbers that are changed while the search runs.

use super::network::NetworkRow;
use super::run::Run;
use super::state::{App, Effect, Overlay, Pane};
use crate::run::{Command, Fate};

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
    /// What is asked for.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Temperature => "temperature from here on",
            Self::WeightPrior => "L_w from here on",
            Self::LearningRate => "multiply the learning rate by",
            Self::Epochs => "epochs in all",
            Self::Samples => "candidates to sample now",
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

impl App {
    /// Holds the operations in focus, or releases them: that of the chosen row, or all of a block whose head is chosen.
    pub(super) fn hold(&mut self, fate: Option<Fate>) -> Vec<Effect> {
        let Some(run) = &self.run else { return Vec::new() };
        let groups = match run.rows().get(run.row()) {
            Some(NetworkRow::Block(block)) if self.focus == Pane::Network => run.blocks()[*block].groups.clone(),
            _ => run.group()..run.group() + 1,
        };
        let changes = |group: &usize| run.held(*group) != fate;
        let command = |group: usize| match fate {
            Some(fate) => Command::Hold { group: group as u32, fate },
            None => Command::Release { group: group as u32 },
        };
        let effects: Vec<Effect> = groups.filter(changes).map(command).map(Effect::Send).collect();
        if effects.is_empty() {
            let told = fate.map_or("it is not held: nothing to release".to_owned(), |fate| format!("it is held {} already", fate.label()));
            self.notice(told, false);
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
        assert_eq!(press(&mut app, "g K").len(), block - 1, "but for the one that is held so already");
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
        press(&mut app, "T");
        app.paste("warm");
        assert!(matches!(app.overlay(), Overlay::Dial(line) if line.fault.is_some()));
        press(&mut app, "esc");
        assert_eq!(*app.overlay(), Overlay::None);
    }
}
