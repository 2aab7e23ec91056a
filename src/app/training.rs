//! The line in which somebody says how candidates are trained, checked before any training begins.

use super::host::{Errand, Training};
use super::state::{App, Effect, Overlay};
use crate::run::Start;

/// How candidates are trained, as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainingLine {
    /// What they begin with.
    pub from: Start,
    /// What was typed: `epochs=20 seed=1 learning_rate=0.02`.
    pub input: String,
    /// What is wrong with it.
    pub fault: Option<String>,
}

impl TrainingLine {
    /// What is asked for.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self.from {
            Start::Scratch => "train from scratch with",
            Start::Inherited => "train on with",
        }
    }
}

impl Training {
    /// Reads words such as `epochs=20 seed=1 data.flip=true`; which keys there are is not known here.
    fn parse(input: &str) -> Result<Self, String> {
        let mut training = Self::default();
        for word in input.split_whitespace() {
            match word.split_once('=') {
                Some(("seed", seed)) => {
                    training.seed = Some(seed.parse().map_err(|_| format!("seed={seed}: give a whole number from 0 on"))?);
                }
                Some((key, value)) if !key.is_empty() && !value.is_empty() => training.recipe.push(word.to_owned()),
                _ => return Err(format!("{word}: give words such as epochs=20 seed=1, without blanks around =")),
            }
        }
        Ok(training)
    }
}

impl App {
    /// Opens the line, with what holds where nothing is changed.
    pub(super) fn ask_training(&mut self, from: Start) {
        let Some(started) = self.run.as_ref().and_then(super::Run::started) else { return };
        let input = format!("epochs={} seed={}", started.epochs, started.seed);
        self.overlay = Overlay::Train(TrainingLine { from, input, fault: None });
    }

    pub(super) fn take_training(&mut self, mut line: TrainingLine) -> Vec<Effect> {
        let mut effects = Vec::new();
        match (Training::parse(&line.input), &self.run) {
            (Ok(training), Some(run)) => effects.push(Effect::Train { run: run.path.clone(), from: line.from, training }),
            (Err(fault), _) => line.fault = Some(fault),
            (Ok(_), None) => return self.close(),
        }
        self.overlay = Overlay::Train(line);
        effects
    }

    /// How candidates are to be trained was checked: they are, or the line says what is wrong.
    pub fn training_checked(&mut self, from: Start, training: &Training, result: Result<(), String>) -> Vec<Effect> {
        let Overlay::Train(line) = &mut self.overlay else { return Vec::new() };
        if let Err(fault) = result {
            line.fault = Some(fault);
            return Vec::new();
        }
        self.overlay = Overlay::None;
        self.ask(Errand::Retrain(from), training)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{opened, press};
    use super::*;

    fn line(app: &App) -> TrainingLine {
        let Overlay::Train(line) = app.overlay() else { panic!("no line: {:?}", app.overlay()) };
        line.clone()
    }

    #[test]
    fn training_asks_for_its_recipe_and_begins_once_that_is_right() {
        let mut app = opened(3);
        assert_eq!(press(&mut app, "X"), []);
        assert_eq!((line(&app).from, line(&app).input.as_str()), (Start::Scratch, "epochs=40 seed=1"));
        app.paste(" flip");
        assert_eq!(press(&mut app, "enter"), []);
        assert!(line(&app).fault.unwrap().starts_with("flip: give words such as"));
        press(&mut app, "ctrl-u");
        app.paste("seed=x");
        assert_eq!(press(&mut app, "enter"), []);
        assert!(line(&app).fault.unwrap().starts_with("seed=x: "));
        press(&mut app, "ctrl-u");
        app.paste("epochs=0 seed=7");
        let run = app.run().unwrap().path().to_owned();
        let wrong = Training { seed: Some(7), recipe: vec!["epochs=0".into()] };
        let asked = Effect::Train { run: run.clone(), from: Start::Scratch, training: wrong.clone() };
        assert_eq!(press(&mut app, "enter"), [asked]);
        assert_eq!(app.training_checked(Start::Scratch, &wrong, Err("train.epochs: at least 1".into())), []);
        assert_eq!((line(&app).fault.as_deref(), line(&app).input.as_str()), (Some("train.epochs: at least 1"), "epochs=0 seed=7"));

        press(&mut app, "esc F");
        assert_eq!(line(&app).from, Start::Inherited);
        let Some(Effect::Train { from, training, .. }) = press(&mut app, "enter").pop() else { panic!("nothing is asked") };
        assert_eq!(training, Training { seed: Some(1), recipe: vec!["epochs=40".into()] });
        let effects = app.training_checked(from, &training, Ok(()));
        let [Effect::Errand(task)] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!((&task.run, task.errand, &task.training), (&run, Errand::Retrain(Start::Inherited), &training));
        assert_eq!(*app.overlay(), Overlay::None);
        // Whoever has left the line by then wants nothing.
        assert_eq!(app.training_checked(from, &training, Ok(())), []);
    }
}
