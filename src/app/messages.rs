//! What somebody should know: alerts that wait to be seen, and the list of all of them among what was done by hand.

use super::run::Run;
use super::state::{App, Notice, Overlay};
use crate::run::{Command, Event, Fate, Record};

/// An alert of a run, or an intervention.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its place in the log.
    pub sequence: u64,
    /// The second of the run.
    pub seconds: f64,
    /// Epochs that had ended.
    pub epoch: u32,
    /// Training steps done, of an intervention.
    pub step: Option<u64>,
    /// What it was.
    pub text: String,
    /// Whether it is an alert.
    pub is_alert: bool,
    /// Of an operation that was held or released: the number of its block, and how it was held.
    pub held: Option<(usize, Option<Fate>)>,
}

impl Run {
    /// Its alerts and interventions, as they came.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// [`Self::messages`] with the operations of a block that were held at once as one message.
    #[must_use]
    pub fn messages_by_block(&self) -> Vec<Message> {
        let together = |a: &Message, b: &Message| {
            let steps = a.step.zip(b.step).map(|(a, b)| b.abs_diff(a));
            a.held.is_some() && a.held == b.held && steps.is_some_and(|steps| steps <= 1)
        };
        let merged = |group: &[Message]| {
            let mut message = group.first()?.clone();
            if let (Some((block, fate)), true) = (message.held, group.len() > 1) {
                let name = self.blocks().get(block).map_or("a block", |block| block.name.as_str());
                let what = format!("{} operations of {name}", group.len());
                message.text = fate.map_or_else(|| format!("released {what}"), |fate| format!("held {what} {}", fate.label()));
            }
            Some(message)
        };
        self.messages.chunk_by(together).filter_map(merged).collect()
    }

    /// Keeps what an event tells.
    pub(super) fn keep_message(&mut self, record: &Record, text: String, step: Option<u64>) {
        self.messages.push(Message {
            sequence: record.sequence,
            seconds: record.seconds,
            epoch: self.epochs.last().map_or(0, |epoch| epoch.epoch),
            is_alert: step.is_none(),
            step,
            text,
            held: match record.event {
                Event::Intervention { command: Command::Hold { group, fate }, .. } => self.block_of(group).map(|block| (block, Some(fate))),
                Event::Intervention { command: Command::Release { group }, .. } => self.block_of(group).map(|block| (block, None)),
                _ => None,
            },
        });
    }

    fn block_of(&self, group: u32) -> Option<usize> {
        self.blocks.iter().position(|block| block.groups.contains(&(group as usize)))
    }
}

impl App {
    /// Puts an alert behind those that nobody has seen so far.
    pub(super) fn alert(&mut self, text: String) {
        if self.replay.is_none() {
            log::warn!("{text}");
        }
        // What went well gives way, lest nobody sees the alert before the next key.
        self.notice = self.notice.take().filter(|notice| notice.is_error);
        self.alerts.push_back(Notice { text, is_error: true });
    }

    /// Tells of what no key asked for just now; behind the alerts that nobody has seen so far.
    pub(super) fn tell(&mut self, text: String, is_error: bool) {
        if self.alerts.is_empty() {
            self.notice(text, is_error);
        } else {
            self.alerts.push_back(Notice { text, is_error });
        }
    }

    /// Somebody did something while the last line could be seen: what stood there has been read.
    pub(super) fn read_notice(&mut self) {
        if self.overlay == Overlay::None && self.notice.take().is_none() {
            self.alerts.pop_front();
        }
    }

    /// What takes the place of the hint line: what a key led to, else the first alert that nobody has seen.
    #[must_use]
    pub fn notice_line(&self) -> Option<&Notice> {
        self.notice.as_ref().or(self.alerts.front())
    }

    /// Alerts that come after the line that shows.
    #[must_use]
    pub fn alerts_behind(&self) -> usize {
        self.alerts.len() - usize::from(self.notice.is_none() && !self.alerts.is_empty())
    }

    /// All that there was when the run was opened has been taken in. What it told long ago is no news: of a search at work the alert that
    /// its log ends with is.
    pub fn loaded(&mut self) {
        let Some(run) = &self.run else { return };
        let is_new = |message: &super::Message| message.is_alert && message.sequence + 1 == run.next_record();
        let newest = run.messages.last().filter(|message| run.is_live() && is_new(message));
        self.alerts = newest.map(|message| Notice { text: message.text.clone(), is_error: true }).into_iter().collect();
        if self.focus == super::Pane::Network && !run.candidates().is_empty() {
            self.focus = super::Pane::Candidates;
        }
    }

    /// Whether the log tells how the search ended, be it behind a frozen view.
    #[must_use]
    pub fn knows_end(&self) -> bool {
        let held = self.held.iter().flat_map(|held| &held.records).any(|record| matches!(record.event, Event::Finished { .. }));
        held || self.run.as_ref().is_some_and(|run| run.ending().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::Effect;
    use super::super::testing::{app_at, epoch, press, push, records_of, whole_run};
    use super::*;
    use crate::run::{Alert, AlertKind, Command, Outcome};

    fn alert(kind: AlertKind, message: &str) -> Event {
        Event::Alert(Alert { kind, message: message.into() })
    }

    fn line(app: &App) -> &str {
        app.notice_line().map_or("", |notice| notice.text.as_str())
    }

    #[test]
    fn an_alert_waits_for_a_key_that_could_have_seen_it() {
        for keys in ["/ a esc", "? j esc", "T esc", ": x esc", "i esc"] {
            let mut app = app_at(3);
            let (open, rest) = keys.split_once(' ').unwrap();
            press(&mut app, open);
            push(&mut app, alert(AlertKind::Storage, "the disk is full"));
            press(&mut app, rest);
            assert_eq!((line(&app), app.overlay()), ("the disk is full", &Overlay::None), "{keys}");
            press(&mut app, "L");
            assert_eq!(line(&app), "");
        }
    }

    #[test]
    fn of_two_alerts_both_are_read_and_the_answer_to_a_key_comes_before_the_second() {
        let mut app = app_at(3);
        push(&mut app, alert(AlertKind::Storage, "one"));
        push(&mut app, alert(AlertKind::Device, "two"));
        assert_eq!((line(&app), app.alerts_behind()), ("one", 1));
        press(&mut app, "e");
        assert!(line(&app).starts_with("there is no candidate yet") && app.alerts_behind() == 1);
        press(&mut app, "L");
        assert_eq!((line(&app), app.alerts_behind()), ("two", 0));
        press(&mut app, "L");
        assert_eq!(line(&app), "");
        let told: Vec<&str> = app.run().unwrap().messages().iter().map(|message| message.text.as_str()).collect();
        assert_eq!(told, ["one", "two"]);
    }

    #[test]
    fn an_alert_shows_at_once_whatever_else_was_told_and_what_comes_later_does_not_cover_it() {
        let mut app = super::super::testing::app_with_candidates(3, 2);
        let task = press(&mut app, "e");
        assert!(line(&app).starts_with("writing"));
        push(&mut app, alert(AlertKind::Storage, "the disk is full"));
        assert_eq!(line(&app), "the disk is full");
        let [Effect::Errand(task)] = &task[..] else { panic!("{task:?}") };
        app.done(task, Err("no room for it".into()));
        assert_eq!((line(&app), app.alerts_behind()), ("the disk is full", 1));
        press(&mut app, "L");
        assert_eq!(line(&app), "no room for it");
    }

    #[test]
    fn all_of_them_are_listed_with_what_was_done_by_hand() {
        let mut app = app_at(3);
        push(&mut app, alert(AlertKind::Refused, "no"));
        push(&mut app, Event::Intervention { command: Command::Temperature { value: 0.5 }, step: 51 });
        let told = app.run().unwrap().messages();
        assert_eq!((told[0].epoch, told[0].is_alert, told[0].step), (3, true, None));
        assert_eq!((told[1].text.as_str(), told[1].is_alert, told[1].step), ("set the temperature to 0.5", false, Some(51)));
        push(&mut app, alert(AlertKind::Refused, "no"));
        press(&mut app, "! j");
        assert_eq!(app.overlay(), &Overlay::Messages(1));
        press(&mut app, "!");
        assert_eq!((app.overlay(), line(&app)), (&Overlay::None, ""), "they were read there");
    }

    #[test]
    fn the_operations_of_a_block_that_are_held_at_once_are_one_message() {
        let mut app = app_at(3);
        let (block, name) = (app.run().unwrap().blocks()[0].groups.clone(), app.run().unwrap().blocks()[0].name.clone());
        let all = block.len();
        let hold = |group: usize| Command::Hold { group: group as u32, fate: Fate::Dropped };
        for group in block.clone() {
            push(&mut app, Event::Intervention { command: hold(group), step: 51 });
        }
        push(&mut app, Event::Intervention { command: hold(block.end), step: 51 });
        push(&mut app, Event::Intervention { command: hold(block.end + 1), step: 90 });
        for group in block {
            push(&mut app, Event::Intervention { command: Command::Release { group: group as u32 }, step: 90 });
        }
        let told: Vec<String> = app.run().unwrap().messages_by_block().into_iter().map(|message| message.text).collect();
        assert_eq!(
            (told.len(), &told[0], &told[3]),
            (4, &format!("held {all} operations of {name} dropped"), &format!("released {all} operations of {name}"))
        );
        assert!(told[1..3].iter().all(|text| text.starts_with("held ") && text.ends_with("dropped") && !text.contains("operations")));
    }

    #[test]
    fn a_loss_that_is_not_finite_stays_until_the_search_goes_on() {
        let kinds = |app: &App| app.run().unwrap().warnings().iter().map(|alert| alert.kind).collect::<Vec<_>>();
        for command in [Command::Resume, Command::StepEpoch] {
            let mut app = app_at(3);
            push(&mut app, alert(AlertKind::NonFiniteLoss, "the loss is not finite"));
            press(&mut app, "L");
            let mut collapsed = epoch(4);
            collapsed.health.expected_drop_share = 0.99;
            push(&mut app, Event::Epoch(Box::new(collapsed)));
            assert_eq!(kinds(&app), [AlertKind::NonFiniteLoss, AlertKind::Collapse], "the worst comes first");
            push(&mut app, Event::Intervention { command, step: 51 });
            assert_eq!(kinds(&app), [AlertKind::Collapse]);
        }
    }

    #[test]
    fn an_old_alert_is_no_news_when_its_run_is_opened() {
        let shown = |live: bool, behind: bool| {
            let mut app = App::new();
            app.show_run("one".into(), "one".into(), live);
            let mut events: Vec<Event> = whole_run(0).into_iter().take(5).collect();
            events.push(alert(AlertKind::Data, "images were left out"));
            events.extend(behind.then(|| Event::Epoch(Box::new(epoch(4)))));
            records_of(events).iter().for_each(|record| app.apply(record));
            app.loaded();
            assert_eq!(app.run().unwrap().messages().len(), 1);
            line(&app).to_owned()
        };
        assert_eq!([shown(false, false), shown(false, true), shown(true, true)], ["", "", ""]);
        assert_eq!(shown(true, false), "images were left out");
    }

    #[test]
    fn a_search_that_ends_behind_a_frozen_view_is_not_missed() {
        let end = whole_run(0).pop().unwrap();
        let mut app = app_at(3);
        press(&mut app, "f");
        push(&mut app, end);
        assert!(app.knows_end() && app.run().unwrap().ending().is_none());
        app.ended();
        assert_eq!(line(&app), "");
        press(&mut app, "f");
        assert_eq!(app.run().unwrap().ending().unwrap().outcome, Outcome::Completed);
        let mut gone = app_at(3);
        press(&mut gone, "f");
        gone.ended();
        assert!(line(&gone).contains("`pgnas resume digits-1-20261124`"), "{}", line(&gone));
    }

    #[test]
    fn what_was_told_behind_a_frozen_view_is_not_told_again() {
        let mut app = app_at(3);
        press(&mut app, "f");
        push(&mut app, alert(AlertKind::Storage, "the disk is full"));
        assert_eq!(line(&app), "the disk is full");
        press(&mut app, "f");
        assert_eq!((line(&app), app.run().unwrap().messages().len()), ("", 1));
    }
}
