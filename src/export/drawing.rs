//! A candidate drawn: as text, as DOT, and as an SVG that stands alone. Dropped operations are absent, kept ones carry their share.

use super::genotype::{Block, Edge, Genotype, KeptOperation};
use std::fmt::Write as _;

impl KeptOperation {
    /// The share of its channels that is kept.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.kept as f64 / self.channels.max(1) as f64
    }
}

fn kept(edge: &Edge) -> Vec<&KeptOperation> {
    edge.operations.iter().filter(|operation| operation.kept > 0).collect()
}

/// Edges as they are named within a block, from source to consumer.
fn ends(edge: &Edge) -> (&str, &str) {
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

const WIDTH: usize = 920;
const MARGIN: usize = 24;
const LABEL: usize = 76;
const CHIP: usize = 148;
const LINE: usize = 30;

/// The network as a picture: a panel per block, a row per edge, a chip per kept operation, filled to its kept share.
#[must_use]
pub fn svg(title: &str, blocks: &[Block]) -> String {
    let mut body = String::new();
    let mut y = 64;
    for Block { block, edges } in blocks {
        let per_line = (WIDTH - 2 * MARGIN - LABEL - 16) / CHIP;
        let lines = |edge: &Edge| kept(edge).len().div_ceil(per_line).max(1);
        let height = 40 + edges.iter().map(lines).sum::<usize>() * LINE;
        let _ = writeln!(body, r#"<rect class="panel" x="{MARGIN}" y="{y}" width="{}" height="{height}" rx="8"/>"#, WIDTH - 2 * MARGIN);
        let _ = writeln!(body, r#"<text class="block" x="{}" y="{}">{}</text>"#, MARGIN + 14, y + 24, escape(block));
        let mut row = y + 36;
        for edge in edges {
            let _ = writeln!(body, r#"<text class="edge" x="{}" y="{}">{}</text>"#, MARGIN + 14, row + 16, escape(&edge.edge));
            for (position, operation) in kept(edge).into_iter().enumerate() {
                let x = MARGIN + LABEL + position % per_line * CHIP;
                let top = row + position / per_line * LINE;
                chip(&mut body, operation, x, top);
            }
            if kept(edge).is_empty() {
                let _ = writeln!(body, r#"<text class="none" x="{}" y="{}">nothing is kept</text>"#, MARGIN + LABEL, row + 16);
            }
            row += lines(edge) * LINE;
        }
        y += height + 12;
    }
    let height = y + 12;
    let title = escape(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         aria-label=\"{title}\">\n<title>{title}</title>\n{STYLE}<rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\"/>\n<text \
         class=\"title\" x=\"{MARGIN}\" y=\"40\">{title}</text>\n{body}</svg>\n"
    )
}

const STYLE: &str = "<style>
text { font-family: system-ui, sans-serif; font-size: 13px; fill: #1f2933 }
.title { font-size: 18px; font-weight: 600 } .block { font-weight: 600 } .edge { font-family: ui-monospace, monospace }
.none { fill: #7b8794 } .page { fill: #ffffff } .panel { fill: #f5f7fa; stroke: #cbd2d9 }
.chip { fill: #ffffff; stroke: #9fb3c8 } .share { fill: #a6d4f2 } .weightless { fill: #f7d9a8 }
@media (prefers-color-scheme: dark) {
text { fill: #e4e7eb } .none { fill: #9aa5b1 } .page { fill: #12181f } .panel { fill: #1b232c; stroke: #3e4c59 }
.chip { fill: #12181f; stroke: #52606d } .share { fill: #1f5f8b } .weightless { fill: #7a5a1e }
}
</style>
";

fn chip(body: &mut String, operation: &KeptOperation, x: usize, y: usize) {
    let width = CHIP - 10;
    let filled = operation.share() * width as f64;
    let weightless = ["avg pool", "max pool", "identity", "none"].contains(&operation.operation.as_str());
    let class = if weightless { "weightless" } else { "share" };
    let label = format!("{} {}/{}", operation.operation, operation.kept, operation.channels);
    let _ = writeln!(body, r#"<rect class="chip" x="{x}" y="{y}" width="{width}" height="22" rx="5"/>"#);
    let _ = writeln!(body, r#"<rect class="{class}" x="{x}" y="{y}" width="{filled:.1}" height="22" rx="5"/>"#);
    let _ = writeln!(body, r#"<text x="{}" y="{}">{}</text>"#, x + 8, y + 16, escape(&label));
}

/// A text within an element of SVG.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
