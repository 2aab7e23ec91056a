//! A candidate drawn as text and as DOT; `figure` draws it as SVG. Dropped operations are absent, kept ones carry their share.

use super::genotype::{Block, Edge, Genotype, KeptOperation};
use std::fmt::Write as _;

impl KeptOperation {
    /// The share of its channels that is kept.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.kept as f64 / self.channels.max(1) as f64
    }
}

pub(super) fn kept(edge: &Edge) -> Vec<&KeptOperation> {
    edge.operations.iter().filter(|operation| operation.kept > 0).collect()
}

/// Edges as they are named within a block, from source to consumer.
pub(super) fn ends(edge: &Edge) -> (&str, &str) {
    edge.edge.split_once('→').unwrap_or(("in", edge.edge.as_str()))
}

/// The title of a candidate's drawings.
#[must_use]
pub fn title(genotype: &Genotype) -> String {
    format!("{}, candidate {}: {:.0} % of the masked channels", genotype.run, genotype.candidate.0, 100.0 * genotype.kept_share)
}

/// The network as text: a line per edge, a bar per kept operation.
#[must_use]
pub fn text(title: &str, blocks: &[Block]) -> String {
    let mut text = format!("{title}\n");
    for Block { block, edges } in blocks {
        let _ = writeln!(text, "\n{block}");
        for edge in edges {
            let mut label = edge.edge.as_str();
            let operations = kept(edge);
            if operations.is_empty() {
                let _ = writeln!(text, "  {label:<8} nothing");
            }
            for operation in operations {
                let filled = (operation.share() * 10.0).ceil() as usize;
                let bar = format!("{}{}", "█".repeat(filled), "░".repeat(10 - filled.min(10)));
                let _ = writeln!(text, "  {label:<8} {:<10} {bar} {}/{}", operation.operation, operation.kept, operation.channels);
                label = "";
            }
        }
    }
    text
}

/// The network in the language of Graphviz: nodes of blocks, edges labelled with their kept operations.
#[must_use]
pub fn dot(title: &str, blocks: &[Block]) -> String {
    let mut text = String::from(
        "digraph network {\n  rankdir=LR; node [shape=box, style=rounded, fontname=\"sans-serif\"]; edge [fontname=\"sans-serif\", fontsize=10];\n",
    );
    let _ = writeln!(text, "  label={title:?}; labelloc=t; fontname=\"sans-serif\";");
    for (index, Block { block, edges }) in blocks.iter().enumerate() {
        let _ = writeln!(text, "  subgraph cluster_{index} {{\n    label={block:?}; color=gray70;");
        let mut nodes: Vec<&str> = edges.iter().flat_map(|edge| <[&str; 2]>::from(ends(edge))).collect();
        nodes.sort_unstable();
        nodes.dedup();
        for node in nodes {
            let _ = writeln!(text, "    {:?} [label={node:?}];", format!("{index}.{node}"));
        }
        for edge in edges {
            let (from, to) = ends(edge);
            for operation in kept(edge) {
                let label = format!("{} {}/{}", operation.operation, operation.kept, operation.channels);
                let width = 0.5 + 3.0 * operation.share();
                let (from, to) = (format!("{index}.{from}"), format!("{index}.{to}"));
                let _ = writeln!(text, "    {from:?} -> {to:?} [label={label:?}, penwidth={width:.1}];");
            }
        }
        text.push_str("  }\n");
    }
    text.push_str("}\n");
    text
}

/// A text within an element of SVG.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(label: &str, kept: usize) -> KeptOperation {
        KeptOperation { operation: label.into(), node: format!("node.{label}"), channels: 8, kept, mask: String::new() }
    }

    fn blocks() -> Vec<Block> {
        let edge = |name: &str, operations: Vec<KeptOperation>| Edge { edge: name.into(), operations };
        let edges = vec![
            edge("0→1", vec![operation("conv 3×3", 5), operation("max pool", 0), operation("identity", 8)]),
            edge("0→2", vec![operation("conv 5×5", 0)]),
        ];
        vec![Block { block: "stage1.block1".into(), edges }]
    }

    #[test]
    fn the_text_has_a_bar_for_each_kept_operation_and_none_for_dropped_ones() {
        let expected =
            "t\n\nstage1.block1\n  0→1      conv 3×3   ███████░░░ 5/8\n           identity   ██████████ 8/8\n  0→2      nothing\n";
        assert_eq!(text("t", &blocks()), expected);
    }

    #[test]
    fn graphviz_is_given_an_edge_for_each_kept_operation_with_its_share() {
        let drawn = dot("a \"t\"", &blocks());
        let edges: Vec<&str> = drawn.lines().filter(|line| line.contains("->")).map(str::trim).collect();
        assert_eq!(
            edges,
            ["\"0.0\" -> \"0.1\" [label=\"conv 3×3 5/8\", penwidth=2.4];", "\"0.0\" -> \"0.1\" [label=\"identity 8/8\", penwidth=3.5];"]
        );
        assert!(!drawn.contains("max pool") && !drawn.contains("conv 5×5") && drawn.contains(r#"label="a \"t\"""#), "{drawn}");
        assert!(drawn.contains(r#""0.2" [label="2"];"#), "a tensor that nothing leads to is there all the same");
    }
}
