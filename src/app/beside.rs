//! The run beside the one that shows: as far as it was when it was put there, and on from there while a search is at work on it.

use super::action::ActionId;
use super::run::Run;
use super::state::App;
use crate::run::{Record, Snapshot};
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl App {
    /// Puts another run beside the one that shows; `live`: a search is at work on it, and what it tells follows through
    /// [`Self::apply_beside`] and [`Self::snapshot_beside`].
    pub fn show_beside(&mut self, name: String, path: PathBuf, records: &[Record], live: bool) {
        self.beside = Some(Box::new(Run::new(name, path, live)));
        records.iter().for_each(|record| self.apply_beside(record));
        self.scroll = 0;
    }

    /// The run beside the one that shows.
    #[must_use]
    pub fn beside(&self) -> Option<&Run> {
        self.beside.as_deref()
    }

    /// Its folder and the event that it expects next, for catching up from its log.
    #[must_use]
    pub fn beside_next(&self) -> Option<(&Path, u64)> {
        self.beside().map(|run| (run.path(), run.next_record()))
    }

    /// Takes an event of the run beside in; one seen before is passed over.
    pub fn apply_beside(&mut self, record: &Record) {
        if let Some(run) = &mut self.beside {
            // What needs attention is told on its own screen.
            let _ = run.apply(record);
        }
    }

    /// Has the curves of the run beside drawn as those of the one that shows, so that the two can be compared.
    pub(super) fn arrange_beside(&mut self, id: ActionId) {
        let (Some(run), Some(beside)) = (&self.run, &mut self.beside) else { return };
        match id {
            ActionId::LogCurves => beside.log_curves = run.log_curves,
            ActionId::Crosshair | ActionId::CrossLeft | ActionId::CrossRight => {
                let newest = beside.epochs.last().map(|epoch| epoch.epoch);
                beside.cross = run.cross.and_then(|cross| Some(cross.min(newest?)));
            }
            ActionId::ZoomIn => beside.zoom(1),
            ActionId::ZoomOut => beside.zoom(-1),
            _ => {}
        }
    }

    /// Takes the newest snapshot of the run beside in.
    pub fn snapshot_beside(&mut self, snapshot: Arc<Snapshot>) {
        if let Some(run) = &mut self.beside {
            run.take_snapshot(snapshot);
        }
    }

    /// The search of the run beside has ended, or its link has closed.
    pub fn beside_ended(&mut self) {
        if let Some(run) = &mut self.beside {
            run.unlink();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{opened, press, snapshot_at, whole_run};
    use super::*;

    fn records() -> Vec<Record> {
        let record = |(at, event)| Record { sequence: at as u64, seconds: 0.0, event };
        whole_run(3).into_iter().enumerate().map(record).collect()
    }

    #[test]
    fn a_live_run_beside_goes_on_until_it_ends() {
        let (mut app, records) = (opened(3), records());
        app.show_beside("other".into(), "other".into(), &records[..12], true);
        assert_eq!(app.beside_next(), Some((Path::new("other"), 12)));
        app.snapshot_beside(Arc::new(Snapshot { paused: true, ..snapshot_at(10) }));
        assert!(app.beside().unwrap().is_paused() && app.beside().unwrap().epochs().len() == 10);
        app.apply_beside(&records[12]);
        app.apply_beside(&records[12]);
        assert_eq!((app.beside().unwrap().epochs().len(), app.beside_next().unwrap().1), (11, 13));
        assert_eq!(app.notice_line(), None, "its alerts are its own");
        app.beside_ended();
        assert!(!app.beside().unwrap().is_live());
        press(&mut app, "2");
        assert_eq!(app.beside_next(), None, "another screen follows one run");
        app.apply_beside(&records[13]);
    }
}
