//! Genotypes of NAS-Bench-201: one operation for each edge of a cell, in the words of the benchmark.

use super::Operation;
use std::fmt::{self, Write as _};
use std::str::FromStr;

/// One operation for each of the six edges. Its text is the benchmark's: the nodes 1 to 3 joined by `+`, each with its edges as
/// `|operation~source|`, such as `|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellGenotype {
    operations: [Operation; 6],
}

/// Why a text is no genotype.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no NAS-Bench-201 genotype: {what}; write it as |op~0|+|op~0|op~1|+|op~0|op~1|op~2|")]
pub struct GenotypeError {
    /// The text, shortened.
    text: String,
    /// What is wrong, and the remedy.
    what: String,
}

const WORDS: [(Operation, &str); 5] = [
    (Operation::None, "none"),
    (Operation::Identity, "skip_connect"),
    (Operation::Conv1, "nor_conv_1x1"),
    (Operation::Conv3, "nor_conv_3x3"),
    (Operation::AveragePool, "avg_pool_3x3"),
];

impl CellGenotype {
    /// The edges of a cell, source and target, in the order of the text.
    pub const EDGES: [(usize, usize); 6] = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)];

    /// The genotype with these operations, in the order of [`Self::EDGES`]; `None` where one is not of the space.
    #[must_use]
    pub fn new(operations: [Operation; 6]) -> Option<Self> {
        operations.iter().all(|&operation| word(operation).is_some()).then_some(Self { operations })
    }

    /// The operations in the order of [`Self::EDGES`].
    #[must_use]
    pub fn operations(&self) -> &[Operation; 6] {
        &self.operations
    }

    /// The five operations of the space.
    pub fn candidates() -> impl Iterator<Item = Operation> {
        WORDS.iter().map(|&(operation, _)| operation)
    }

    /// All 15,625 genotypes; the operation of the last edge changes fastest.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..WORDS.len().pow(6)).map(|number| {
            let operation = |edge: usize| WORDS[number / WORDS.len().pow(5 - edge as u32) % WORDS.len()].0;
            Self { operations: std::array::from_fn(operation) }
        })
    }
}

fn word(operation: Operation) -> Option<&'static str> {
    WORDS.iter().find(|(known, _)| *known == operation).map(|&(_, word)| word)
}

impl fmt::Display for CellGenotype {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for ((source, target), &operation) in Self::EDGES.into_iter().zip(&self.operations) {
            if source == 0 {
                text.push_str(if target > 1 { "|+|" } else { "|" });
            } else {
                text.push('|');
            }
            let _ = write!(text, "{}~{source}", word(operation).unwrap_or_default());
        }
        text.push('|');
        formatter.pad(&text)
    }
}

impl FromStr for CellGenotype {
    type Err = GenotypeError;

    fn from_str(text: &str) -> Result<Self, GenotypeError> {
        let error = |what: String| GenotypeError { text: text.chars().take(120).collect(), what };
        let nodes: Vec<&str> = text.split('+').collect();
        if nodes.len() != 3 {
            return Err(error(format!("it has {} nodes instead of 3", nodes.len())));
        }
        let mut operations = [Operation::None; 6];
        let mut slots = Self::EDGES.iter().zip(&mut operations);
        for (target, node) in (1..).zip(nodes) {
            let inner = node.strip_prefix('|').and_then(|node| node.strip_suffix('|'));
            let edges: Vec<&str> = inner.map(|inner| inner.split('|').collect()).unwrap_or_default();
            if edges.len() != target {
                return Err(error(format!("node {target} has {} edges instead of {target}", edges.len())));
            }
            for (edge, (&(source, _), slot)) in edges.into_iter().zip(&mut slots) {
                let (name, from) = edge.split_once('~').unwrap_or((edge, ""));
                if from != source.to_string() {
                    return Err(error(format!("`{edge}` of node {target} must come from node {source}")));
                }
                let known = WORDS.iter().find(|(_, word)| *word == name);
                let known =
                    known.ok_or_else(|| error(format!("there is no operation `{name}`, only {}", WORDS.map(|row| row.1).join(", "))))?;
                *slot = known.0;
            }
        }
        Ok(Self { operations })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_read_back_for_the_whole_space() {
        let mut count = 0;
        let mut seen = std::collections::HashSet::new();
        for genotype in CellGenotype::all() {
            let text = genotype.to_string();
            assert_eq!(text.parse(), Ok(genotype));
            assert!(seen.insert(text));
            count += 1;
        }
        assert_eq!(count, 15_625);
        assert!(seen.contains("|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|none~1|nor_conv_3x3~2|"));
    }

    #[test]
    fn wrong_texts_say_what_is_wrong() {
        for (text, what) in [
            ("", "it has 1 nodes instead of 3"),
            ("|none~0|+|none~0|+|none~0|none~1|none~2|", "node 2 has 1 edges instead of 2"),
            ("|none~0|+none~0|none~1|+|none~0|none~1|none~2|", "node 2 has 0 edges instead of 2"),
            ("|none~0|+|none~0|none~0|+|none~0|none~1|none~2|", "`none~0` of node 2 must come from node 1"),
            ("|conv~0|+|none~0|none~1|+|none~0|none~1|none~2|", "there is no operation `conv`, only none, skip_connect"),
            ("|none|+|none~0|none~1|+|none~0|none~1|none~2|", "`none` of node 1 must come from node 0"),
        ] {
            let message = text.parse::<CellGenotype>().unwrap_err().to_string();
            assert!(message.contains(what), "{message}");
        }
        assert_eq!(CellGenotype::new([Operation::MaxPool; 6]), None);
    }
}
