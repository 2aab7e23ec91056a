//! What the event log leaves out about candidates, in `candidates/candidates.jsonl`: the mask itself and which images were right.

use super::append::{JsonLines, LogError, LogNotes, parse_lines, read_bytes};
use super::{CandidateId, CandidateScore, Source, Ties};
use crate::posterior::statistics::{self, Answers};
use crate::posterior::{HardMask, MaskTextError};
use crate::preset::BatchNormMode;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;
use std::str::FromStr;

/// One line of `candidates.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateRecord {
    /// What the event log has, too.
    #[serde(flatten)]
    pub score: CandidateScore,
    /// Training steps that its weights had seen; they lie in `checkpoints/step-<n>.safetensors`. None in runs of before weights were
    /// kept.
    #[serde(default)]
    pub step: Option<u64>,
    /// Its index in the random stream of its source.
    pub draw: u64,
    /// The channels that it keeps, as `<bits>:<hexadecimal digits>`.
    #[serde(with = "as_text")]
    pub mask: HardMask,
    /// Which select images it gets right with inherited statistics, in the order of the split.
    pub correct_inherited: Bits,
    /// Which select images it gets right with re-estimated statistics.
    pub correct_recalibrated: Bits,
}

impl CandidateRecord {
    /// Which select images it gets right with one kind of statistics.
    #[must_use]
    pub fn correct(&self, mode: BatchNormMode) -> &Bits {
        match mode {
            BatchNormMode::Inherited => &self.correct_inherited,
            BatchNormMode::Recalibrated => &self.correct_recalibrated,
        }
    }
}

/// One bit an image, in the text form of [`HardMask`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bits(#[serde(with = "as_bits")] pub Vec<bool>);

impl fmt::Display for Bits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        HardMask::new(self.0.clone()).fmt(formatter)
    }
}

impl FromStr for Bits {
    type Err = MaskTextError;

    fn from_str(text: &str) -> Result<Self, MaskTextError> {
        Ok(Self(text.parse::<HardMask>()?.bits().to_vec()))
    }
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::fmt::Display;
    use std::str::FromStr;

    pub fn serialize<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

mod as_bits {
    use super::{Bits, as_text};
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &[bool], serializer: S) -> Result<S::Ok, S::Error> {
        as_text::serialize(&Bits(value.to_vec()), serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<bool>, D::Error> {
        as_text::deserialize::<D, Bits>(deserializer).map(|bits| bits.0)
    }
}

/// Writes candidates as they are ranked; a full disk is treated as [`JsonLines`] treats it.
#[derive(Debug)]
pub struct CandidateWriter(JsonLines);

impl CandidateWriter {
    /// Writes to a file of lines.
    #[must_use]
    pub fn new(lines: JsonLines) -> Self {
        Self(lines)
    }

    /// Writes one candidate.
    pub fn write(&mut self, candidate: &CandidateRecord) {
        self.0.append(candidate);
    }

    /// Brings all lines onto the disk.
    ///
    /// # Errors
    /// As [`JsonLines::sync`].
    pub fn sync(&mut self) -> std::io::Result<()> {
        self.0.sync()
    }

    /// What went wrong in writing since the last call, once an outage.
    pub fn take_alert(&mut self) -> Option<super::Alert> {
        Some(super::Alert { kind: super::AlertKind::Storage, message: self.0.take_fault()? })
    }
}

/// Reads all candidates of a run; none where there is no file yet.
///
/// # Errors
/// [`LogError`]: a file that cannot be read or is damaged.
pub fn read_candidates(path: &Path) -> Result<(Vec<CandidateRecord>, LogNotes), LogError> {
    if !path.exists() {
        return Ok((Vec::new(), LogNotes::default()));
    }
    parse_lines(path, &read_bytes(path)?)
}

/// The first candidates of a list that may still grow, so many at most, without masks and with the answers of one kind of statistics alone:
/// what is compared, without what takes the room. None where there is no file yet.
///
/// # Errors
/// [`LogError`]: a file that cannot be read or is damaged.
pub fn read_answers(path: &Path, count: usize, mode: BatchNormMode) -> Result<Vec<CandidateRecord>, LogError> {
    let unreadable = |source| LogError::Unreadable { path: path.display().to_string(), source };
    let mut file = match File::open(path) {
        Ok(file) => BufReader::with_capacity(1 << 16, file),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let (mut records, mut line) = (Vec::new(), Vec::new());
    while records.len() < count && file.read_until(b'\n', &mut line).map_err(unreadable)? > 0 && line.last() == Some(&b'\n') {
        let mut record: CandidateRecord = serde_json::from_slice(&line).map_err(|error| LogError::Damaged {
            path: path.display().to_string(),
            line: records.len() + 1,
            reason: error.to_string(),
        })?;
        record.mask = HardMask::new(Vec::new());
        match mode {
            BatchNormMode::Inherited => record.correct_recalibrated = Bits::default(),
            BatchNormMode::Recalibrated => record.correct_inherited = Bits::default(),
        }
        records.push(record);
        line.clear();
    }
    Ok(records)
}

/// The scores that a verdict rests on: those of the newest weights that posterior candidates were ranked with. What somebody sampled
/// while training went on was ranked with weights that no longer exist.
pub fn newest(scores: &[CandidateScore]) -> impl Iterator<Item = &CandidateScore> {
    let posterior = scores.iter().filter(|score| score.source == Source::Posterior).map(|score| score.epoch).max();
    let epoch = posterior.or_else(|| scores.iter().map(|score| score.epoch).max());
    scores.iter().filter(move |score| Some(score.epoch) == epoch)
}

/// The order of a ranking: best select accuracy first, with the statistics that decide; of equal ones that with fewer parameters, then
/// the lower number. Only the candidates that a verdict rests on, see [`newest`].
#[must_use]
pub fn ranked(scores: &[CandidateScore], mode: BatchNormMode) -> Vec<&CandidateScore> {
    let mut ranked: Vec<&CandidateScore> = newest(scores).collect();
    ranked.sort_by(|left, right| {
        // Who was dropped from a race was asked less, and cannot win by being asked the easier images.
        let asked = |score: &CandidateScore| score.select.of(mode).total;
        let by_images = asked(right).cmp(&asked(left));
        let accuracy = |score: &CandidateScore| score.select.of(mode).share();
        let by_accuracy = accuracy(right).total_cmp(&accuracy(left));
        by_images.then(by_accuracy).then(left.parameters.cmp(&right.parameters)).then(left.id.cmp(&right.id))
    });
    ranked
}

/// The winner: the first posterior candidate of the ranking.
#[must_use]
pub fn winner(scores: &[CandidateScore], mode: BatchNormMode) -> Option<CandidateId> {
    ranked(scores, mode).into_iter().find(|score| score.source == Source::Posterior).map(|score| score.id)
}

/// The networks that no other one beats in select accuracy without more parameters, the smallest first; see [`newest`] and [`ranked`].
#[must_use]
pub fn pareto(scores: &[CandidateScore], mode: BatchNormMode) -> Vec<&CandidateScore> {
    let mut front: Vec<&CandidateScore> = Vec::new();
    // From the best down, only a smaller network adds anything.
    let ranked = ranked(scores, mode);
    let asked = ranked.first().map_or(0, |score| score.select.of(mode).total);
    for score in ranked.into_iter().filter(|score| score.source != Source::Constant && score.select.of(mode).total == asked) {
        if front.last().is_none_or(|last| score.parameters < last.parameters) {
            front.push(score);
        }
    }
    front.reverse();
    front
}

/// Who is tied with the winner among the candidates that a verdict rests on; `answers` are those of the scores, one by one, with the
/// statistics that decide. `None` without a winner.
#[must_use]
pub fn ties(scores: &[CandidateScore], answers: &[Answers], mode: BatchNormMode) -> Option<Ties> {
    let leader = winner(scores, mode)?;
    let of = |id: CandidateId| scores.iter().position(|score| score.id == id).and_then(|position| answers.get(position));
    let mut others: Vec<(CandidateId, &Answers)> =
        newest(scores).filter(|score| score.id != leader).filter_map(|score| Some((score.id, of(score.id)?))).collect();
    // A race has told those that it dropped from the leader already.
    let images = of(leader)?.images();
    others.retain(|(_, answers)| answers.images() == images);
    others.sort_by_key(|(id, _)| *id);
    let tied = statistics::tied(of(leader)?, &others.iter().map(|(_, answers)| *answers).collect::<Vec<_>>());
    let tied = others.iter().zip(tied).filter(|(_, tied)| *tied).map(|((id, _), _)| *id).collect();
    Some(Ties { leader, compared: others.len() as u32, tied })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::score;
    use super::*;

    #[test]
    fn a_candidate_of_an_older_log_has_the_paper_s_count_alone() {
        let score = score(4, Source::Posterior, 2, 97, 520);
        assert_eq!((score.parameters, score.counted().parameters), (520, 560));
        let mut line = serde_json::to_value(&score).unwrap();
        line.as_object_mut().unwrap().remove("paper_count");
        let older: CandidateScore = serde_json::from_value(line).unwrap();
        assert_eq!((older.paper_count, older.counted().parameters, older.counted().macs), (None, 520, 5200));
    }

    #[test]
    fn the_winner_is_the_best_then_the_smallest_then_the_first() {
        let mode = BatchNormMode::Recalibrated;
        let scores = [
            score(1, Source::Whole, 30, 100, 1000),
            score(2, Source::Posterior, 30, 97, 500),
            score(3, Source::Posterior, 30, 98, 600),
            score(4, Source::Posterior, 30, 98, 400),
            score(5, Source::Posterior, 30, 98, 400),
            score(6, Source::Random, 30, 99, 300),
        ];
        assert_eq!(winner(&scores, mode), Some(CandidateId(4)));
        assert_eq!(winner(&scores[..1], mode), None);
        // A better one of earlier weights is out of the race; so is a reference of later ones.
        let mut earlier = scores.to_vec();
        earlier.push(score(7, Source::Posterior, 12, 100, 10));
        earlier.push(score(8, Source::Whole, 31, 100, 10));
        assert_eq!(winner(&earlier, mode), Some(CandidateId(4)));
        let mut inherited = scores.to_vec();
        inherited[1].select.inherited.correct = 100;
        assert_eq!(winner(&inherited, BatchNormMode::Inherited), Some(CandidateId(2)));
    }

    #[test]
    fn the_front_trades_accuracy_for_parameters() {
        let scores = [
            score(1, Source::Whole, 30, 97, 1000),
            score(2, Source::Posterior, 30, 98, 600),
            score(3, Source::Posterior, 30, 98, 500),
            score(4, Source::Random, 30, 90, 100),
            score(5, Source::Posterior, 30, 95, 500),
            score(6, Source::Constant, 30, 95, 50),
            score(7, Source::Posterior, 30, 80, 120),
        ];
        let front: Vec<u32> = pareto(&scores, BatchNormMode::Recalibrated).into_iter().map(|score| score.id.0).collect();
        assert_eq!(front, [4, 3]);
    }

    #[test]
    fn ties_are_by_images_and_not_by_accuracy() {
        let mode = BatchNormMode::Recalibrated;
        let scores = [
            score(1, Source::Posterior, 30, 98, 400),
            score(2, Source::Posterior, 30, 97, 400),
            score(3, Source::Posterior, 30, 80, 400),
            score(4, Source::Posterior, 12, 98, 400),
            score(5, Source::Random, 30, 80, 400),
        ];
        // Candidate 3 is wrong where the leader is right; 5 is no worse but on 18 images, of which the leader has half wrong, too.
        let wrong = |from: usize, to: usize| Answers::new(&(0..100).map(|image| image < from || image >= to).collect::<Vec<_>>());
        let answers = [wrong(0, 2), wrong(0, 3), wrong(10, 30), wrong(0, 2), wrong(0, 6)];
        let told = ties(&scores, &answers, mode).unwrap();
        assert_eq!(told, Ties { leader: CandidateId(1), compared: 3, tied: vec![CandidateId(2), CandidateId(5)] });
        assert_eq!(ties(&scores[4..], &answers[4..], mode), None);
    }

    #[test]
    fn candidates_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("candidates.jsonl");
        assert_eq!(read_candidates(&path).unwrap().0, []);
        let record = CandidateRecord {
            score: score(3, Source::Posterior, 30, 2, 400),
            step: Some(510),
            draw: 17,
            mask: "5:e8".parse().unwrap(),
            correct_inherited: Bits(vec![true, false, true]),
            correct_recalibrated: "3:e".parse().unwrap(),
        };
        let mut writer = CandidateWriter::new(JsonLines::create(&path).unwrap());
        writer.write(&record);
        assert!(writer.take_alert().is_none());
        assert_eq!(read_candidates(&path).unwrap().0, std::slice::from_ref(&record));
        let mode = BatchNormMode::Recalibrated;
        std::fs::write(&path, format!("{}{{\"id\":", std::fs::read_to_string(&path).unwrap().repeat(3))).unwrap();
        let lean = CandidateRecord { mask: HardMask::new(Vec::new()), correct_inherited: Bits::default(), ..record.clone() };
        assert_eq!(read_answers(&path, 2, mode).unwrap(), [lean.clone(), lean.clone()]);
        assert_eq!(read_answers(&path, 9, mode).unwrap().len(), 3, "a line that is being written is none yet");
        assert_eq!(read_answers(&folder.path().join("none"), 9, mode).unwrap(), []);
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.lines().next().unwrap().to_owned() + "\n";
        assert!(text.contains(r#""mask":"5:e8""#) && text.contains(r#""correct_inherited":"3:a""#) && text.contains(r#""id":3"#), "{text}");
        std::fs::write(&path, text.replace("5:e8", "5:zz").repeat(2)).unwrap();
        assert!(read_candidates(&path).unwrap_err().to_string().contains("is not a mask"));
        assert!(read_answers(&path, 2, mode).unwrap_err().to_string().contains("is not a mask"));
    }
}
