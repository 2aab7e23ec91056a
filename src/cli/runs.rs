//! Finding and reading runs that exist.

use super::failure::{Exit, Failure};
use super::places::Places;
use crate::export::{Genotype, test_reads};
use crate::preset::nearest;
use crate::run::{
    CandidateId, CandidateRecord, CandidateScore, Event, Record, RunFolder, RunState, Scores, Source, Started, list_runs, read_candidates,
    read_log, winner,
};
use std::path::{Path, PathBuf};

/// A run read from its folder.
#[derive(Debug)]
pub struct RunFiles {
    /// The folder.
    pub folder: RunFolder,
    /// Its records; the first is the head.
    pub records: Vec<Record>,
    /// What was noticed in reading them.
    pub notes: Vec<String>,
}

impl RunFiles {
    /// Reads the run at a path, or of that name below the runs folder.
    ///
    /// # Errors
    /// A mistake: no such run (with the nearest name), or one that cannot be read.
    pub fn find(run: &Path, places: &Places) -> Result<Self, Failure> {
        Self::read(RunFolder::open(&locate(run, places)?)?)
    }

    /// The same, and the newest run below the runs folder where none is named.
    ///
    /// # Errors
    /// As [`Self::find`]; no run at all.
    pub fn find_or_newest(run: Option<&Path>, places: &Places) -> Result<Self, Failure> {
        if let Some(run) = run {
            return Self::find(run, places);
        }
        let newest = list_runs(places.runs()?).into_iter().next();
        let none = || Failure::Mistake("there are no runs yet; `pgnas search digits` makes one".into());
        Self::read(RunFolder::open(&newest.ok_or_else(none)?.path)?)
    }

    /// Reads the run of a folder.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn read(folder: RunFolder) -> Result<Self, Failure> {
        let (records, notes) = read_log(&folder.log())?;
        let note = format!("{}: {notes}", folder.log().display());
        let notes = if notes.torn_line.is_some() { vec![note] } else { Vec::new() };
        Ok(Self { folder, records, notes })
    }

    /// The head of the log.
    ///
    /// # Errors
    /// A mistake: no log of a run.
    pub fn started(&self) -> Result<&Started, Failure> {
        match self.records.first() {
            Some(Record { event: Event::Started(started), .. }) => Ok(started),
            _ => Err(Failure::Mistake(format!("{}: this is no log of a run; give the folder of a run", self.folder.log().display()))),
        }
    }

    /// How the run ended, as an exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self.records.last().map(|record| RunState::after(&record.event)) {
            Some(RunState::Completed) => Exit::Done,
            Some(RunState::Failed) => Exit::Failed,
            _ => Exit::Stopped,
        }
    }

    /// Every score in the log.
    #[must_use]
    pub fn scores(&self) -> Vec<CandidateScore> {
        let score = |record: &Record| match &record.event {
            Event::Candidate(score) => Some((**score).clone()),
            _ => None,
        };
        self.records.iter().filter_map(score).collect()
    }

    /// Every candidate with its mask and its answers; none where that file is not there.
    ///
    /// # Errors
    /// A mistake: a file that cannot be read.
    pub fn candidates(&self) -> Result<Vec<CandidateRecord>, Failure> {
        Ok(read_candidates(&self.folder.candidates())?.0)
    }

    /// The number of a candidate as a user writes it: a number, or `winner`.
    ///
    /// # Errors
    /// A mistake that says which there are.
    pub fn candidate(&self, text: &str) -> Result<CandidateId, Failure> {
        let scores = self.scores();
        let run = self.folder.name();
        if text == "winner" {
            let none =
                || Failure::Mistake(format!("run `{run}` has no winner yet: no posterior candidate was ranked; export one by its number"));
            return winner(&scores, self.started()?.batch_norm).ok_or_else(none);
        }
        let known = match (scores.iter().map(|score| score.id.0).min(), scores.iter().map(|score| score.id.0).max()) {
            (Some(first), Some(last)) => format!("give a number from {first} to {last}, or `winner`"),
            _ => "none was ranked yet".to_owned(),
        };
        let id = text.parse().ok().map(CandidateId).filter(|&id| scores.iter().any(|score| score.id == id));
        id.ok_or_else(|| Failure::Mistake(format!("run `{run}` has no candidate `{}`; {known}", text.escape_debug())))
    }

    /// What the run keeps of a candidate.
    ///
    /// # Errors
    /// A mistake: masks that are missing or cannot be read.
    pub fn record(&self, id: CandidateId) -> Result<CandidateRecord, Failure> {
        let path = self.folder.candidates();
        let candidates = self.candidates()?;
        // The last one counts, should a number ever stand there twice.
        candidates.into_iter().rfind(|candidate| candidate.score.id == id).ok_or_else(|| {
            Failure::Mistake(format!("{}: candidate {} is not in it, so its mask is not known; export another one", path.display(), id.0))
        })
    }

    /// The genotype of a candidate, as far as the log tells it.
    ///
    /// # Errors
    /// A mistake: a mask of another network, or a candidate that is no network.
    pub fn genotype(&self, candidate: &CandidateRecord) -> Result<Genotype, Failure> {
        let id = candidate.score.id;
        if candidate.score.source == Source::Constant {
            let what = "the constant rate draws fresh masks for every image";
            return Err(Failure::Mistake(format!("candidate {} is no network: {what}; export another one", id.0)));
        }
        let genotype = Genotype::of(self.started()?, candidate, self.test(id)).map_err(|error| Failure::Mistake(error.to_string()))?;
        Ok(Genotype { test_reads: Some(test_reads(&self.records)), ..genotype })
    }

    fn test(&self, id: CandidateId) -> Option<Scores> {
        self.records.iter().rev().find_map(|record| match &record.event {
            Event::Test(test) if test.id == id => Some(test.test),
            Event::Final(told) => told.candidates.iter().find(|test| test.id == id).map(|test| test.test),
            _ => None,
        })
    }
}

/// Where a run lies: a folder as given (or the log in it), else one of that name below the runs folder.
///
/// # Errors
/// A mistake that names the nearest one.
pub fn locate(run: &Path, places: &Places) -> Result<PathBuf, Failure> {
    if run.is_file() && run.file_name().is_some_and(|name| name == "events.jsonl") {
        return Ok(run.parent().unwrap_or(Path::new("")).to_owned());
    }
    if run.exists() {
        return Ok(run.to_owned());
    }
    let name = run.to_string_lossy();
    let known = places.runs.as_deref().map(names).unwrap_or_default();
    match (&places.runs, known.iter().any(|known| *known == name)) {
        (Some(root), true) => Ok(root.join(run)),
        (Some(root), false) => {
            let remedy = match nearest(&name, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("give the folder of a run, or the name of one in {}", root.display()),
            };
            Err(Failure::Mistake(format!("there is no run `{}`; {remedy}", name.escape_debug())))
        }
        (None, _) => Err(Failure::Mistake(format!("there is no run `{}`; give the folder of a run", name.escape_debug()))),
    }
}

/// The names of the runs below a folder, without reading any.
fn names(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let runs = entries.filter(|entry| RunFolder::open(&entry.path()).is_ok());
    runs.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
