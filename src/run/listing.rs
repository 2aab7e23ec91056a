//! Earlier runs, as a list: what each was and how it stands, from its log alone.

use super::append::{parse_lines, read_bytes};
use super::log::check_head;
use super::{Accuracy, CandidateId, CandidateScore, Event, Outcome, Record, RunFolder, Started, winner};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunState {
    /// Everything was done.
    Completed,
    /// Somebody stopped it.
    Stopped,
    /// It could not go on.
    Failed,
    /// Its log has no end: it is at work, or its process was killed.
    Unfinished,
}

impl RunState {
    /// The state at a log's last event.
    #[must_use]
    pub fn after(last: &Event) -> Self {
        match last {
            // Only a complete search is judged.
            Event::Finished { outcome: Outcome::Completed, .. } | Event::Final(_) => Self::Completed,
            Event::Finished { outcome: Outcome::Stopped, .. } => Self::Stopped,
            Event::Finished { outcome: Outcome::Failed { .. }, .. } => Self::Failed,
            _ => Self::Unfinished,
        }
    }

    /// The word for it on screens and in files.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Unfinished => "unfinished",
        }
    }
}

/// An earlier run in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct RunListing {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// The preset it was started from.
    pub preset: String,
    /// Its seed.
    pub seed: u64,
    /// How it stands.
    pub state: RunState,
    /// Select accuracy of its winner, with the statistics that decide.
    pub best: Option<Accuracy>,
    /// When its log was last written.
    pub written: SystemTime,
    /// Bytes of its folder.
    pub bytes: u64,
}

/// The runs below a folder, the newest first. What is no run, or cannot be read, is left out.
#[must_use]
pub fn list_runs(root: &Path) -> Vec<RunListing> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut runs: Vec<RunListing> = entries.filter_map(|entry| listing(&RunFolder::open(&entry.path()).ok()?)).collect();
    runs.sort_by(|a, b| b.written.cmp(&a.written).then_with(|| b.name.cmp(&a.name)));
    runs
}

/// The run of one folder; `None` where it is no run, or cannot be read.
#[must_use]
pub fn list_run(path: &Path) -> Option<RunListing> {
    listing(&RunFolder::open(path).ok()?)
}

fn listing(folder: &RunFolder) -> Option<RunListing> {
    let path = folder.log();
    let bytes = read_bytes(&path).ok()?;
    check_head(&path, &bytes).ok()?;
    let (started, last) = ends(&bytes)?;
    Some(RunListing {
        name: folder.name(),
        path: folder.path().to_owned(),
        preset: started.preset.clone(),
        seed: started.seed,
        state: RunState::after(&last.event),
        best: best(&path, &bytes, &started, &last),
        written: std::fs::metadata(&path).and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH),
        bytes: size(folder.path()),
    })
}

/// The first and the last whole record. A list of many runs reads no more than these where it can.
fn ends(bytes: &[u8]) -> Option<(Started, Record)> {
    let mut lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let first: Record = serde_json::from_slice(lines.next()?).ok()?;
    let last = lines.rev().find_map(|line| serde_json::from_slice(line).ok());
    let Event::Started(started) = first.event.clone() else { return None };
    Some((*started, last.unwrap_or(first)))
}

fn best(path: &Path, bytes: &[u8], started: &Started, last: &Record) -> Option<Accuracy> {
    if let Event::Finished { winner, .. } = &last.event {
        let score = score_of((*winner)?, bytes)?;
        return Some(score.select.of(started.batch_norm));
    }
    let (records, _) = parse_lines::<Record>(path, bytes).ok()?;
    let scores: Vec<CandidateScore> = records.into_iter().filter_map(|record| candidate(record.event)).collect();
    let winner = winner(&scores, started.batch_norm)?;
    scores.iter().find(|score| score.id == winner).map(|score| score.select.of(started.batch_norm))
}

fn score_of(id: CandidateId, bytes: &[u8]) -> Option<CandidateScore> {
    let wanted = format!("\"id\":{},", id.0);
    let may_be = |line: &&[u8]| line.windows(wanted.len()).any(|window| window == wanted.as_bytes());
    let records = bytes.split(|&byte| byte == b'\n').filter(may_be).filter_map(|line| serde_json::from_slice::<Record>(line).ok());
    records.filter_map(|record| candidate(record.event)).find(|score| score.id == id)
}

fn candidate(event: Event) -> Option<CandidateScore> {
    match event {
        Event::Candidate(score) => Some(*score),
        _ => None,
    }
}

fn size(path: &Path) -> u64 {
    let Ok(data) = std::fs::symlink_metadata(path) else { return 0 };
    if !data.is_dir() {
        return data.len();
    }
    std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size(&entry.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn runs_are_listed_as_they_stand_and_strangers_left_out() {
        let root = tempfile::tempdir().unwrap();
        let events = fixture::events();
        let write = |name: &str, events: &[Event]| {
            let folder = RunFolder::create(&root.path().join(name)).unwrap();
            let mut recorder = folder.recorder().unwrap();
            for event in events {
                recorder.record(event.clone());
            }
            folder
        };
        write("completed", &events);
        let torn = write("unfinished", &events[..events.len() - 1]);
        let text = std::fs::read_to_string(torn.log()).unwrap();
        std::fs::write(torn.log(), format!("{text}{{\"sequ")).unwrap();
        write("new", &events[..1]);
        std::fs::create_dir(root.path().join("stranger")).unwrap();
        std::fs::write(root.path().join("file"), "x").unwrap();

        let runs = list_runs(root.path());
        let row = |name: &str| runs.iter().find(|run| run.name == name).unwrap();
        assert_eq!(runs.len(), 3);
        assert_eq!((row("completed").state, row("completed").preset.as_str(), row("completed").seed), (RunState::Completed, "digits", 1));
        assert_eq!(row("completed").best, Some(Accuracy { correct: 98, total: 100 }));
        assert_eq!((row("unfinished").state, row("unfinished").best), (RunState::Unfinished, row("completed").best));
        assert_eq!((row("new").state, row("new").best), (RunState::Unfinished, None));
        assert!(row("completed").bytes >= std::fs::metadata(root.path().join("completed/events.jsonl")).unwrap().len());
        assert!(runs.windows(2).all(|pair| pair[0].written >= pair[1].written));
        assert!(list_runs(&root.path().join("nowhere")).is_empty());
        assert_eq!(list_run(&root.path().join("new")).as_ref(), Some(row("new")));
        assert_eq!(list_run(&root.path().join("stranger")), None);
    }
}
