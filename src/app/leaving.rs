//! What leaving the screen means for what is done with candidates beside it.

use super::host::{Errand, Task};
use super::state::App;

/// What is under way, as a noun: `the training of candidate 437`.
fn words(task: &Task) -> String {
    let what = match task.errand {
        Errand::Export => "the export",
        Errand::Evaluate => "the evaluation",
        Errand::Retrain(_) => "the training",
    };
    format!("{what} of candidate {}", task.candidate.0)
}

/// Some of these in words: all of two, of more the first and how many follow.
fn several(tasks: &[&Task]) -> String {
    match tasks {
        [] => String::new(),
        [one] => words(one),
        [one, other] => format!("{} and {}", words(one), words(other)),
        [one, more @ ..] => format!("{} and {} more", words(one), more.len()),
    }
}

/// A text with a capital letter at its beginning.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl App {
    /// What becomes of what is under way when somebody leaves the program; empty where nothing is. Training stops, to go on later; the
    /// rest is soon done and waited for.
    #[must_use]
    pub fn leaving(&self) -> String {
        let (training, rest): (Vec<&Task>, Vec<&Task>) = self.at_work.keys().partition(|task| matches!(task.errand, Errand::Retrain(_)));
        let verb = |tasks: &[&Task], one: &'static str, all: &'static str| if tasks.len() == 1 { one } else { all };
        let stops = (!training.is_empty()).then(|| {
            let it = verb(&training, "it", "them");
            format!("{} {}; `pgnas retrain` goes on with {it}.", several(&training), verb(&training, "stops", "stop"))
        });
        let waits = (!rest.is_empty()).then(|| format!("{} {} finished first.", several(&rest), verb(&rest, "is", "are")));
        stops.into_iter().chain(waits).map(|text| sentence(&text)).collect::<Vec<_>>().join(" ")
    }

    /// Says on the start screen what goes on there of a run that was left.
    pub(super) fn tell_what_goes_on(&mut self) {
        let tasks: Vec<&Task> = self.at_work.keys().collect();
        if self.run.is_some() && !tasks.is_empty() {
            let verb = if tasks.len() == 1 { "goes" } else { "go" };
            let told = format!("{} {verb} on", several(&tasks));
            self.notice(told, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::{Effect, Overlay};
    use super::super::testing::{opened, press};

    #[test]
    fn leaving_asks_while_something_is_done_with_candidates_and_says_what_stops() {
        let mut app = opened(3);
        let effects = press(&mut app, "e");
        let [Effect::Errand(export)] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!((press(&mut app, "q"), app.overlay()), (vec![], &Overlay::Leave));
        let id = export.candidate.0;
        assert_eq!(app.leaving(), format!("The export of candidate {id} is finished first."));
        press(&mut app, "n X");
        let Some(Effect::Train { from, training, .. }) = press(&mut app, "enter").pop() else { panic!("nothing is asked") };
        app.training_checked(from, &training, Ok(()));
        assert!(app.leaving().starts_with(&format!("The training of candidate {id} stops; `pgnas retrain` goes on with it. The export")));
        let export = export.clone();
        app.done(&export, Err("no".into()));
        assert_eq!(press(&mut app, "q"), []);
        assert_eq!(press(&mut app, "y"), [Effect::Quit]);
    }

    #[test]
    fn the_start_screen_says_what_goes_on_there() {
        let mut app = opened(3);
        press(&mut app, "e");
        app.show_start(Vec::new(), Vec::new());
        let told = app.notice_line().unwrap().text.clone();
        assert!(told.starts_with("the export of candidate") && told.ends_with("goes on"), "{told}");
    }
}
