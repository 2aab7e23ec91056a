//! The network pane as rows: blocks, edges, operations; what is folded.

use crate::run::NetworkSummary;
use std::ops::Range;

/// Neighbouring groups of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its name.
    pub name: String,
    /// Its groups in posterior order.
    pub groups: Range<usize>,
    /// Whether only its head shows.
    pub folded: bool,
}

/// A row of the network pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkRow {
    /// The head of a block.
    Block(usize),
    /// An operation.
    Group {
        /// The block it belongs to.
        block: usize,
        /// The mask group.
        group: usize,
        /// Whether it is the first one of its edge.
        heads_edge: bool,
    },
}

impl NetworkRow {
    /// Whether it is the head of a block.
    #[must_use]
    pub fn is_block(self) -> bool {
        matches!(self, Self::Block(_))
    }

    /// The block of the row.
    #[must_use]
    pub fn block(self) -> usize {
        match self {
            Self::Block(block) | Self::Group { block, .. } => block,
        }
    }
}

/// How the keep probability of a group went over the last epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// Kept more often.
    Rises,
    /// Kept less often.
    Falls,
    /// Less than half a percent either way.
    Rests,
}

impl Trend {
    /// From two drop probabilities.
    pub(super) fn between(before: f64, now: f64) -> Self {
        match now - before {
            change if change > 0.005 => Self::Falls,
            change if change < -0.005 => Self::Rises,
            _ => Self::Rests,
        }
    }
}

/// What a candidate takes of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// Every channel.
    All,
    /// Some channels.
    Some,
    /// No channel.
    None,
}

impl Take {
    /// From channels kept, of all.
    #[must_use]
    pub fn of(kept: u32, channels: usize) -> Self {
        match kept as usize {
            0 => Self::None,
            kept if kept >= channels => Self::All,
            _ => Self::Some,
        }
    }
}

/// The blocks of a network: the first one open, the others folded.
pub(super) fn blocks(network: &NetworkSummary) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for (index, group) in network.groups.iter().enumerate() {
        match blocks.last_mut() {
            Some(block) if block.name == group.block => block.groups.end = index + 1,
            _ => blocks.push(Block { name: group.block.clone(), groups: index..index + 1, folded: !blocks.is_empty() }),
        }
    }
    blocks
}

/// The rows that show.
pub(super) fn rows(network: &NetworkSummary, blocks: &[Block]) -> Vec<NetworkRow> {
    let mut rows = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        rows.push(NetworkRow::Block(number));
        if block.folded {
            continue;
        }
        for group in block.groups.clone() {
            let heads_edge = group == block.groups.start || network.groups[group - 1].edge != network.groups[group].edge;
            rows.push(NetworkRow::Group { block: number, group, heads_edge });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    #[test]
    fn rows_follow_blocks_edges_and_folds() {
        let network = testing::started().network;
        let mut blocks = blocks(&network);
        assert_eq!(blocks.iter().map(|block| block.name.as_str()).collect::<Vec<_>>(), ["stage1.block1", "stage2.widen", "stage2.block1"]);
        assert_eq!(rows(&network, &blocks).len(), 3 + 21);
        blocks.iter_mut().for_each(|block| block.folded = false);
        let rows = rows(&network, &blocks);
        assert_eq!(rows.len(), 3 + network.groups.len());
        let edges = rows.iter().filter(|row| matches!(row, NetworkRow::Group { heads_edge: true, .. })).count();
        assert_eq!(edges, 3 + 1 + 3);
    }

    #[test]
    fn signs_follow_the_numbers() {
        assert_eq!([Take::of(0, 4), Take::of(1, 4), Take::of(4, 4)], [Take::None, Take::Some, Take::All]);
        assert_eq!(
            [Trend::between(0.1, 0.2), Trend::between(0.2, 0.1), Trend::between(0.1, 0.101)],
            [Trend::Falls, Trend::Rises, Trend::Rests]
        );
    }
}
