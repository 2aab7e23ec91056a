//! The cells of DARTS in its own words.

use crate::graph::families::DARTS_OPERATIONS;
use crate::posterior::HardMask;
use crate::run::GroupSummary;

/// Nodes of a cell; node n, counted from 0, reads n + 2 edges.
const NODES: usize = 4;
const EDGES: usize = 14;

/// What one cell takes on each edge, by number in [`DARTS_OPERATIONS`].
type Cell = [usize; EDGES];

/// The genotype of a mask in a network of DARTS, as the authors' code writes it: `Genotype(normal=[('sep_conv_3x3', 0), …], …)`.
///
/// Where every node keeps two edges, these eight stand there, and the authors' code reads it; else all fourteen, node by node, `none`
/// among them. `None` where the network is another, a mask keeps another than one whole operation on an edge, or cells of a kind differ.
#[must_use]
pub fn genotype(groups: &[GroupSummary], mask: &HardMask) -> Option<String> {
    let in_cell = EDGES * DARTS_OPERATIONS.len();
    if groups.is_empty() || !groups.len().is_multiple_of(in_cell) {
        return None;
    }
    let mut bits = mask.bits();
    let cells: Vec<Cell> = groups.chunks(in_cell).map(|groups| cell(groups, &mut bits)).collect::<Option<_>>()?;
    // 3N + 2 cells, of which N + 1 and 2N + 2 reduce.
    let n = cells.len().checked_sub(2).filter(|count| count.is_multiple_of(3))? / 3;
    let alike = |reduces: bool| {
        let mut of_kind = cells.iter().enumerate().filter(|(number, _)| (*number == n || *number == 2 * n + 1) == reduces);
        let (_, first) = of_kind.next()?;
        of_kind.all(|(_, other)| other == first).then(|| text(first))
    };
    let concat = "[2, 3, 4, 5]";
    Some(format!("Genotype(normal={}, normal_concat={concat}, reduce={}, reduce_concat={concat})", alike(false)?, alike(true)?))
}

/// The sources of the edges, node by node.
fn sources(node: usize) -> std::ops::Range<usize> {
    0..node + 2
}

/// What the groups of one cell keep; takes their bits.
fn cell(groups: &[GroupSummary], bits: &mut &[bool]) -> Option<Cell> {
    let names = (0..NODES).flat_map(|node| sources(node).map(move |source| format!("{source}→{}", node + 2)));
    let mut chosen = [None; EDGES];
    for ((edge, slot), options) in names.zip(&mut chosen).zip(groups.chunks(DARTS_OPERATIONS.len())) {
        for (number, (group, (operation, _))) in options.iter().zip(DARTS_OPERATIONS).enumerate() {
            if group.block != groups.first()?.block || group.edge != edge || group.operation != operation.label() {
                return None;
            }
            let (own, rest) = bits.split_at_checked(group.channels)?;
            *bits = rest;
            if own.iter().all(|&keep| keep) && slot.is_none() {
                *slot = Some(number);
            } else if own.iter().any(|&keep| keep) {
                return None;
            }
        }
    }
    let mut cell = [0; EDGES];
    for (number, chosen) in cell.iter_mut().zip(chosen) {
        *number = chosen?;
    }
    Some(cell)
}

fn text(cell: &Cell) -> String {
    let edges: Vec<(usize, usize, &str)> = (0..NODES)
        .flat_map(|node| sources(node).map(move |source| (node, source)))
        .zip(cell)
        .map(|((node, source), &operation)| (node, source, DARTS_OPERATIONS[operation].1))
        .collect();
    let is_kept = |word: &str| word != DARTS_OPERATIONS[0].1;
    let as_published = (0..NODES).all(|node| edges.iter().filter(|(target, _, word)| *target == node && is_kept(word)).count() == 2);
    let shown = edges.iter().filter(|(_, _, word)| !as_published || is_kept(word));
    let words: Vec<String> = shown.map(|(_, source, word)| format!("('{word}', {source})")).collect();
    format!("[{}]", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::families::{Darts, Enas};
    use crate::graph::{Graph, Operation, Shape};
    use crate::run::NetworkSummary;

    const SHAPE: Shape = Shape::map(1, 8, 8);

    fn darts() -> Graph {
        Darts { input: SHAPE, classes: 3, stem_stride: 1, channels: 2, cells: 1 }.build().unwrap()
    }

    /// The mask that takes one operation on each edge, told block and edge.
    fn mask(graph: &Graph, choose: impl Fn(&str, &str) -> Operation) -> HardMask {
        let kept = graph.groups().iter().flat_map(|group| {
            let place = &group.place;
            std::iter::repeat_n(choose(&place.block, &place.edge) == place.operation, group.channels())
        });
        HardMask::new(kept.collect())
    }

    /// The normal cell of DARTS's second genotype; reduction cells of max pools.
    fn published(block: &str, edge: &str) -> Operation {
        let reduces = ["cell2", "cell4"].contains(&block);
        match edge {
            "0→2" | "1→2" | "0→3" | "1→3" | "1→4" if !reduces => Operation::Separable3,
            "0→4" | "0→5" if !reduces => Operation::Identity,
            "2→5" if !reduces => Operation::DilatedSeparable3,
            "0→2" | "1→2" | "0→3" | "2→3" | "1→4" | "2→4" | "1→5" | "3→5" if reduces => Operation::MaxPool,
            _ => Operation::None,
        }
    }

    fn of(graph: &Graph, mask: &HardMask) -> Option<String> {
        genotype(&NetworkSummary::of(graph).groups, mask)
    }

    #[test]
    fn two_edges_at_each_node_are_told_as_published() {
        let graph = darts();
        let expected = "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), \
            ('skip_connect', 0), ('sep_conv_3x3', 1), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], \
            reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('max_pool_3x3', 0), ('max_pool_3x3', 2), ('max_pool_3x3', 1), \
            ('max_pool_3x3', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 3)], reduce_concat=[2, 3, 4, 5])";
        assert_eq!(of(&graph, &mask(&graph, published)).as_deref(), Some(expected));
    }

    #[test]
    fn other_cells_are_told_edge_by_edge() {
        let graph = darts();
        let one_more = |block: &str, edge: &str| if edge == "3→5" { Operation::Separable5 } else { published(block, edge) };
        let text = of(&graph, &mask(&graph, one_more)).unwrap();
        assert!(text.starts_with(
            "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('none', 2), "
        ));
        let (normal, _) = text.split_once("], normal_concat").unwrap();
        assert_eq!(normal.matches("('").count(), EDGES);
    }

    #[test]
    fn what_is_no_genotype_is_not_told() {
        let graph = darts();
        let whole = mask(&graph, published);
        let other_cell =
            |block: &str, edge: &str| if block == "cell3" && edge == "0→2" { Operation::None } else { published(block, edge) };
        assert_eq!(of(&graph, &mask(&graph, other_cell)), None);
        let mut part = whole.bits().to_vec();
        let kept = part.iter().position(|&keep| keep).unwrap();
        part[kept] = false;
        assert_eq!(of(&graph, &HardMask::new(part)), None);
        assert_eq!(of(&graph, &HardMask::new(vec![true; graph.masked_channels()])), None);
        let enas = Enas { input: SHAPE, classes: 3, stem_stride: 1, channels: 2, cells: 1, auxiliary: false }.build().unwrap();
        assert_eq!(of(&enas, &HardMask::new(vec![true; enas.masked_channels()])), None);
    }
}
