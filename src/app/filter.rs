//! The language that says which candidates show: `acc>.93 params<2M source:posterior -tied`.

use super::ranking::Ranked;
use crate::preset::{BatchNormMode, nearest};
use crate::run::{CandidateId, Source};
use std::collections::BTreeSet;
use std::str::FromStr;

/// Terms that must all hold. An empty filter lets everything pass.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    text: String,
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq)]
struct Term {
    /// Whether it must not hold: a `-` before it.
    is_not: bool,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Number(Field, Relation, f64),
    Source(Source),
    Word(Word),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Field {
    Accuracy,
    Parameters,
    Macs,
    Kept,
    Rank,
    Id,
    Epoch,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Relation {
    Less,
    AtMost,
    More,
    AtLeast,
    Is,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Word {
    Tied,
    Front,
    Marked,
    Pinned,
}

const FIELDS: [(&str, Field); 7] = [
    ("acc", Field::Accuracy),
    ("params", Field::Parameters),
    ("macs", Field::Macs),
    ("kept", Field::Kept),
    ("rank", Field::Rank),
    ("id", Field::Id),
    ("epoch", Field::Epoch),
];
const WORDS: [(&str, Word); 4] = [("tied", Word::Tied), ("front", Word::Front), ("marked", Word::Marked), ("pinned", Word::Pinned)];
const SOURCES: [Source; 6] = [Source::Posterior, Source::Random, Source::Uniform, Source::Constant, Source::Whole, Source::Threshold];
/// Longer ones first, so that `>=` is not read as `>`.
const RELATIONS: [(&str, Relation); 5] =
    [("<=", Relation::AtMost), (">=", Relation::AtLeast), ("<", Relation::Less), (">", Relation::More), ("=", Relation::Is)];

/// A term that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// No field or word of that name.
    #[error("`{term}`: {near}; there are acc params macs kept rank id epoch, source:, tied front marked pinned")]
    Name {
        /// The term.
        term: String,
        /// What was probably meant.
        near: String,
    },
    /// No such source.
    #[error("`{0}`: a source is posterior, random, uniform, constant, whole or threshold")]
    Source(String),
    /// No number after the relation.
    #[error("`{0}`: a number such as .93, 12k or 2M is wanted after the sign")]
    Number(String),
}

/// What a filter asks of a candidate beside its scores.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hand<'a> {
    pub marked: &'a BTreeSet<CandidateId>,
    pub pinned: Option<CandidateId>,
    pub mode: BatchNormMode,
}

impl Filter {
    /// As it was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it lets everything pass.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    pub(super) fn lets_pass(&self, row: &Ranked<'_>, hand: Hand<'_>) -> bool {
        self.terms.iter().all(|term| term.test.holds(row, hand) != term.is_not)
    }
}

impl Test {
    fn holds(&self, row: &Ranked<'_>, hand: Hand<'_>) -> bool {
        let score = row.score;
        match *self {
            Self::Source(source) => score.source == source,
            Self::Word(Word::Tied) => row.tied,
            Self::Word(Word::Front) => row.on_front,
            Self::Word(Word::Marked) => hand.marked.contains(&score.id),
            Self::Word(Word::Pinned) => hand.pinned == Some(score.id),
            Self::Number(field, relation, wanted) => {
                let value = match field {
                    Field::Accuracy => score.select.of(hand.mode).share(),
                    Field::Parameters => score.parameters as f64,
                    Field::Macs => score.macs as f64,
                    Field::Kept => score.kept_share,
                    Field::Rank => row.rank as f64,
                    Field::Id => f64::from(score.id.0),
                    Field::Epoch => f64::from(score.epoch),
                };
                match relation {
                    Relation::Less => value < wanted,
                    Relation::AtMost => value <= wanted,
                    Relation::More => value > wanted,
                    Relation::AtLeast => value >= wanted,
                    // Equal as far as the screen tells the two apart.
                    Relation::Is => (value - wanted).abs() <= 5e-4 * wanted.abs().max(1.0),
                }
            }
        }
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let terms = text.split_whitespace().map(parse).collect::<Result<_, _>>()?;
        Ok(Self { text: text.trim().to_owned(), terms })
    }
}

fn parse(written: &str) -> Result<Term, FilterError> {
    let (is_not, body) = written.strip_prefix('-').map_or((false, written), |body| (true, body));
    let unknown = |name: &str| {
        let names = FIELDS.iter().map(|(name, _)| *name).chain(WORDS.iter().map(|(name, _)| *name)).chain(["source"]);
        let near = nearest(name, names).map_or_else(|| "no such name".to_owned(), |near| format!("perhaps `{near}`"));
        FilterError::Name { term: written.to_owned(), near }
    };
    if let Some(name) = body.strip_prefix("source:") {
        let found = (!name.is_empty()).then(|| SOURCES.into_iter().find(|source| source.label().starts_with(name))).flatten();
        let source = found.ok_or_else(|| FilterError::Source(written.to_owned()))?;
        return Ok(Term { is_not, test: Test::Source(source) });
    }
    let relation = body.find(['<', '>', '=']).and_then(|at| {
        let (_, rest) = body.split_at(at);
        RELATIONS.iter().find(|(sign, _)| rest.starts_with(sign)).map(|&(sign, relation)| (at, sign, relation))
    });
    let asked = if let Some((at, sign, relation)) = relation {
        let name = &body[..at];
        let field = FIELDS.iter().find(|(known, _)| *known == name).ok_or_else(|| unknown(name))?.1;
        let value = number(&body[at + sign.len()..]).ok_or_else(|| FilterError::Number(written.to_owned()))?;
        Test::Number(field, relation, value)
    } else {
        Test::Word(WORDS.iter().find(|(known, _)| *known == body).ok_or_else(|| unknown(body))?.1)
    };
    Ok(Term { is_not, test: asked })
}

/// A number as the screen writes it: `.93`, `93%`, `12k`, `2M`, `1.5G`.
fn number(text: &str) -> Option<f64> {
    let scaled =
        [("%", 0.01), ("k", 1e3), ("M", 1e6), ("G", 1e9)].into_iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
    let (digits, factor) = scaled.unwrap_or((text, 1.0));
    digits.parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| value * factor)
}

#[cfg(test)]
mod tests {
    use super::super::testing::score;
    use super::*;

    fn passes(filter: &str) -> bool {
        let score = score(7, Source::Posterior, 9, 336, 17_900);
        let marked = BTreeSet::from([CandidateId(7)]);
        let row = Ranked { score: &score, rank: 3, tied: true, on_front: false };
        let hand = Hand { marked: &marked, pinned: None, mode: BatchNormMode::Recalibrated };
        filter.parse::<Filter>().unwrap().lets_pass(&row, hand)
    }

    #[test]
    fn every_term_must_hold() {
        // Its accuracy is 336 of 350: .96.
        for yes in ["", "acc>.93", "acc>=96%", "acc=.96", "params<18k", "params>=17900", "source:posterior", "source:p", "tied", "-pinned"]
        {
            assert!(passes(yes), "{yes}");
        }
        for no in [
            "acc<.93",
            "acc>.96",
            "params>2M",
            "source:random",
            "-tied",
            "-marked",
            "pinned",
            "acc>.93 -source:posterior",
            "rank<3",
            "front",
            "source:uniform",
            "source:c",
            "id=8",
        ] {
            assert!(!passes(no), "{no}");
        }
        assert!(passes("  acc>0.93   params<2M source:posterior -random".replace("-random", "-source:random").as_str()));
    }

    #[test]
    fn every_source_can_be_asked_for() {
        for source in SOURCES {
            let score = score(7, source, 9, 336, 17_900);
            let row = Ranked { score: &score, rank: 3, tied: true, on_front: true };
            let hand = Hand { marked: &BTreeSet::new(), pinned: None, mode: BatchNormMode::Recalibrated };
            let passes = |filter: String| filter.parse::<Filter>().unwrap().lets_pass(&row, hand);
            assert!(passes(format!("source:{} front", source.label())) && !passes(format!("-source:{}", source.label())), "{source:?}");
        }
    }

    #[test]
    fn faults_name_the_term_and_the_remedy() {
        let fault = |text: &str| text.parse::<Filter>().unwrap_err().to_string();
        assert!(fault("acc>.9 parms<2M").starts_with("`parms<2M`: perhaps `params`"));
        assert!(fault("-ti").starts_with("`-ti`: "));
        assert!(fault("acc>").contains("a number such as"));
        assert!(fault("acc>nan").contains("a number such as"));
        assert!(fault("source:").contains("posterior, random"));
        assert!(fault("=3").contains("there are acc"));
    }
}
