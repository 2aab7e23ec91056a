//! A candidate as a picture that stands alone: tensors are nodes, operations stand on the arrows between them with their kept share, and
//! dropped ones are absent.
//!
//! A block is drawn as a staircase. Each tensor hands itself down its own column; what reads it stands beside the column, in the row of the
//! tensor that it adds to, and what a row adds up runs along its floor into that tensor. No arrow bends twice and none meets an operation
//! that it does not belong to, however dense the block is. Blocks are laid out like words, line by line.

mod wiring;

use super::drawing::escape;
use super::genotype::Block;
use super::picture::COLOURS;
use std::fmt::Write as _;
use wiring::{Arrow, Tensor, about, wiring};

/// Space around the page and between panels.
const MARGIN: usize = 24;
/// Above the panels: title and legend.
const HEAD: usize = 84;
/// Within a panel, around what is drawn.
const INSET: usize = 16;
/// The name of a block.
const CAPTION: usize = 30;
/// Height of an operation, and of a tensor.
const TALL: usize = 20;
/// Between operations on the same arrow.
const SEAM: usize = 4;
/// Operations with their names.
const NAMED: Look = Look { wide: 104, lead: 9, step: 12 };
/// Operations as bare shares, for blocks where all are the same.
const BARE: Look = Look { wide: 28, lead: 6, step: 6 };
/// Columns from which on a block of one operation tells its name once.
const MANY: usize = 6;
/// Height over width that a page aims at, and how much paper it wastes for that.
const ASPECT: f64 = 0.8;
const WASTE: f64 = 0.8;

/// Measures of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    /// Width of an operation.
    wide: usize,
    /// From a column to its operations, and from these to the line down to the floor.
    lead: usize,
    /// From the floor of a row to the operations of the next.
    step: usize,
}

impl Look {
    /// From a column to the line down to the floor.
    fn behind(self) -> usize {
        2 * self.lead + self.wide
    }
}

/// The network as SVG.
#[must_use]
pub fn svg(title: &str, blocks: &[Block]) -> String {
    let panels: Vec<Panel> = blocks.iter().map(panel).collect();
    let legend = legend(MARGIN, 58);
    let least = legend.1.max(title.chars().count() * 10 + MARGIN);
    let (width, places) = layout(&panels, least);
    let height = panels.iter().zip(&places).map(|(panel, (_, y))| y + panel.height).max().unwrap_or(HEAD) + MARGIN;
    let mut body = legend.0;
    for (position, (panel, &(x, y))) in panels.iter().zip(&places).enumerate() {
        // From one block to the next, where they stand side by side.
        if places.get(position + 1).is_some_and(|&(next, line)| line == y && next > x) {
            let (from, middle) = (x + panel.width, y + CAPTION / 2 + 4);
            arrow(&mut body, (from + 3, middle), from + MARGIN - 2);
        }
        let _ = writeln!(body, "<g transform=\"translate({x} {y})\">\n{}</g>", panel.body);
    }
    let title = escape(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-label=\"{title}\">\n<title>{title}</title>\n{}<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n<text \
         class=\"title\" x=\"{MARGIN}\" y=\"38\">{title}</text>\n{body}</svg>\n",
        style()
    )
}

/// Kinds of operations, by the words that their labels begin with, and the colour of each.
const KINDS: [(&str, &[&str], usize); 4] = [
    ("convolution", &["conv", "linear"], 0),
    ("depthwise", &["sep", "dil", "mb"], 2),
    ("pool", &["avg", "max"], 1),
    ("identity, skip", &["identity", "skip", "none"], 3),
];

fn kind(label: &str) -> usize {
    // A label that is none of these is an operation with weights all the same.
    KINDS.iter().position(|(_, words, _)| words.iter().any(|word| label.starts_with(word))).unwrap_or(1)
}

fn style() -> String {
    let mut kinds = String::new();
    for (kind, (_, _, colour)) in KINDS.iter().enumerate() {
        let _ = write!(kinds, ".k{kind} {{ fill: {} }} ", COLOURS[*colour]);
    }
    format!(
        "<style>
text {{ font-family: system-ui, sans-serif; font-size: 11px; fill: #1f2933 }}
.title {{ font-size: 18px; font-weight: 600 }} .block {{ font-size: 13px; font-weight: 600 }} .quiet {{ fill: #52606d }}
.node {{ text-anchor: middle; font-weight: 600 }} .share {{ text-anchor: end }} .bare {{ text-anchor: middle; font-size: 10px }}
.page {{ fill: #ffffff }} .panel {{ fill: #f5f7fa; stroke: #cbd2d9 }} .operation {{ fill: #ffffff; stroke: #9fb3c8 }}
.wire {{ fill: none; stroke: #829ab1; stroke-width: 1.3 }} .tip {{ fill: #829ab1 }}
.tensor {{ fill: #ffffff; stroke: #334e68; stroke-width: 1.4 }} .dead {{ stroke-dasharray: 3 3; stroke: #9fb3c8 }}
{kinds}
@media (prefers-color-scheme: dark) {{
text {{ fill: #e4e7eb }} .quiet {{ fill: #9aa5b1 }} .page {{ fill: #12181f }} .panel {{ fill: #1b232c; stroke: #3e4c59 }}
.operation {{ fill: #12181f; stroke: #52606d }} .tensor {{ fill: #12181f; stroke: #bcccdc }} .dead {{ stroke: #52606d }}
}}
</style>
"
    )
}

/// What colours and bars mean, and where it ends.
fn legend(x: usize, y: usize) -> (String, usize) {
    let mut body = String::new();
    let mut x = x;
    for (kind, (name, _, _)) in KINDS.iter().enumerate() {
        let _ = writeln!(body, r#"<rect class="operation" x="{x}" y="{}" width="14" height="12" rx="3"/>"#, y - 10);
        let _ = writeln!(body, r#"<rect class="k{kind}" fill-opacity="0.45" x="{x}" y="{}" width="14" height="12" rx="3"/>"#, y - 10);
        let _ = writeln!(body, r#"<text x="{}" y="{y}">{name}</text>"#, x + 20);
        x += 36 + name.len() * 6;
    }
    let told = "bar and number: share of the input channels that is kept; what is dropped is absent";
    let _ = writeln!(body, r#"<text class="quiet" x="{x}" y="{y}">{told}</text>"#);
    (body, x + told.len() * 6 + MARGIN)
}

/// Places panels line by line on a page of a pleasant shape: its width, and the corner of each panel.
fn layout(panels: &[Panel], least: usize) -> (usize, Vec<(usize, usize)>) {
    let widest = panels.iter().map(|panel| panel.width).max().unwrap_or(0) + 2 * MARGIN;
    let all: usize = panels.iter().map(|panel| panel.width + MARGIN).sum::<usize>() + MARGIN;
    let first = widest.max(least);
    let shape = |width: usize| {
        let places = lines(panels, width);
        let height = panels.iter().zip(&places).map(|(panel, (_, y))| y + panel.height).max().unwrap_or(HEAD) + MARGIN;
        let (height, width) = (height as f64, width as f64);
        height * width * (1.0 + WASTE * (height / width / ASPECT).ln().abs())
    };
    let widths = (first..all).step_by(40).chain([all.max(first)]);
    let width = widths.min_by(|one, other| shape(*one).total_cmp(&shape(*other))).unwrap_or(first);
    (width, lines(panels, width))
}

fn lines(panels: &[Panel], width: usize) -> Vec<(usize, usize)> {
    let (mut x, mut y, mut tallest) = (MARGIN, HEAD, 0);
    let place = |panel: &Panel| {
        if x > MARGIN && x + panel.width + MARGIN > width {
            (x, y, tallest) = (MARGIN, y + tallest + MARGIN, 0);
        }
        let place = (x, y);
        (x, tallest) = (x + panel.width + MARGIN, tallest.max(panel.height));
        place
    };
    panels.iter().map(place).collect()
}

/// One block, drawn from its own corner.
struct Panel {
    body: String,
    width: usize,
    height: usize,
}

fn panel(block: &Block) -> Panel {
    let (mut tensors, arrows) = wiring(&block.edges);
    let labels = || arrows.iter().flat_map(|arrow| &arrow.operations).map(|operation| operation.operation.as_str());
    let only = labels().next().filter(|first| labels().all(|label| label == *first));
    let is_bare = only.is_some() && tensors.len() > MANY && arrows.iter().all(|arrow| arrow.operations.len() == 1);
    let look = if is_bare { BARE } else { NAMED };
    let right = columns(&mut tensors, &arrows, look);
    let bottom = rows(&mut tensors, &arrows, look);
    let name = block.block.chars().count() * 8;
    let last = tensors.iter().flat_map(|tensor| &tensor.last).map(|(label, ..)| label.as_str()).next();
    let last = last.map_or_else(String::new, |last| format!(", {last} beside the tensor that it makes"));
    let caption = only.filter(|_| is_bare).map_or_else(String::new, |label| format!("{label} on every arrow{last}"));
    let width = (right + INSET).max(2 * INSET + name + 12 + caption.chars().count() * 6);
    let height = bottom + INSET;
    let mut body = String::new();
    let _ = writeln!(body, r#"<rect class="panel" width="{width}" height="{height}" rx="8"/>"#);
    let _ = writeln!(body, r#"<text class="block" x="{INSET}" y="22">{}</text>"#, escape(&block.block));
    if !caption.is_empty() {
        let _ = writeln!(body, r#"<text class="quiet" x="{}" y="22">{}</text>"#, INSET + name + 12, escape(&caption));
    }
    draw(&mut body, &tensors, &arrows, look);
    Panel { body, width, height }
}

/// Width of a tensor.
fn pill(tensor: &Tensor) -> usize {
    (tensor.name.chars().count() * 7 + 12).max(TALL + 4)
}

/// Room for the last operations on the way to a tensor: to its left, and of bare ones to its right.
fn room(tensor: &Tensor, look: Look) -> (usize, usize) {
    let all = tensor.last.len();
    if look == BARE { (0, all * look.wide) } else { (all * (look.wide + look.lead), 0) }
}

/// Sets the columns of tensors and tells where the last one ends.
fn columns(tensors: &mut [Tensor], arrows: &[Arrow<'_>], look: Look) -> usize {
    let (mut left, mut right) = (INSET, INSET);
    for (place, tensor) in tensors.iter_mut().enumerate() {
        let (half, (before, after)) = (pill(tensor) / 2, room(tensor, look));
        tensor.x = left + before + half + if place > 0 { look.lead } else { 0 };
        let reads = arrows.iter().any(|arrow| arrow.from == place);
        // The next one stands in a row below, and above what is beside this column.
        let beside = if reads { look.behind() } else { 0 };
        left = tensor.x + beside.max(half);
        right = right.max(left).max(tensor.x + half + after);
    }
    right
}

/// Sets the rows of tensors and tells where the last one ends.
fn rows(tensors: &mut [Tensor], arrows: &[Arrow<'_>], look: Look) -> usize {
    let mut bottom = CAPTION;
    if tensors.iter().any(|tensor| tensor.is_given) {
        tensors.iter_mut().filter(|tensor| tensor.is_given).for_each(|tensor| tensor.y = CAPTION + TALL / 2);
        bottom += TALL;
    }
    for (place, tensor) in tensors.iter_mut().enumerate().filter(|(_, tensor)| !tensor.is_given) {
        let most = arrows.iter().filter(|arrow| arrow.to == place).map(|arrow| arrow.operations.len()).max().unwrap_or(0);
        tensor.y = bottom + look.step + most * (TALL + SEAM) + TALL / 2;
        bottom = tensor.y + TALL / 2;
    }
    bottom
}

fn draw(body: &mut String, tensors: &[Tensor], arrows: &[Arrow<'_>], look: Look) {
    let mut operations = String::new();
    for (place, tensor) in tensors.iter().enumerate() {
        // The floor of its row.
        let into: Vec<&Arrow<'_>> = arrows.iter().filter(|arrow| arrow.to == place).collect();
        let (half, (before, _)) = (pill(tensor) / 2, room(tensor, look));
        let edge = tensor.x - half;
        let begins = into.iter().map(|arrow| tensors[arrow.from].x + look.behind()).min();
        let begins = begins.or_else(|| (before > 0).then(|| edge - before - look.lead));
        if let Some(begins) = begins {
            arrow(body, (begins, tensor.y), edge);
        }
        for (step, (label, share, told)) in tensor.last.iter().enumerate() {
            let x = if before > 0 {
                edge - before + step * (look.wide + look.lead) - look.lead / 2
            } else {
                tensor.x + half + step * look.wide
            };
            operation(&mut operations, (x, tensor.y - TALL / 2), look, (label, *share, told));
        }
        for arrow in into {
            let column = tensors[arrow.from].x;
            let (left, right) = (column + look.lead, column + look.behind());
            let top = |step: usize| tensor.y - TALL / 2 - (arrow.operations.len() - step) * (TALL + SEAM);
            for (step, kept) in arrow.operations.iter().enumerate() {
                let middle = top(step) + TALL / 2;
                let _ = writeln!(body, r#"<path class="wire" d="M{column} {middle}H{right}"/>"#);
                let told = about(kept);
                operation(&mut operations, (left, top(step)), look, (&kept.operation, kept.share(), &told));
            }
            let _ = writeln!(body, r#"<path class="wire" d="M{right} {}V{}"/>"#, top(0) + TALL / 2, tensor.y);
        }
        // Its own column, down to the last that reads it.
        let lowest = arrows.iter().filter(|arrow| arrow.from == place).map(|arrow| tensors[arrow.to].y).max();
        if let Some(lowest) = lowest {
            let _ = writeln!(body, r#"<path class="wire" d="M{} {}V{}"/>"#, tensor.x, tensor.y, lowest - TALL - SEAM);
        }
    }
    body.push_str(&operations);
    for (place, tensor) in tensors.iter().enumerate() {
        let is_fed = tensor.is_given || !tensor.last.is_empty() || arrows.iter().any(|arrow| arrow.to == place);
        let (class, width) = (if is_fed { "tensor" } else { "tensor dead" }, pill(tensor));
        let (x, y) = (tensor.x - width / 2, tensor.y - TALL / 2);
        let _ = writeln!(body, r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{TALL}" rx="{}"/>"#, TALL / 2);
        let _ = writeln!(body, r#"<text class="node" x="{}" y="{}">{}</text>"#, tensor.x, tensor.y + 4, escape(&tensor.name));
    }
}

/// A line to the right with a tip.
fn arrow(body: &mut String, (x, y): (usize, usize), to: usize) {
    let back = to.saturating_sub(6);
    let _ = writeln!(body, r#"<path class="wire" d="M{x} {y}H{back}"/>"#);
    let _ = writeln!(body, r#"<path class="tip" d="M{to} {y}L{back} {}V{}Z"/>"#, y - 4, y + 4);
}

/// An operation: its name, and its kept share as a bar and a number.
fn operation(body: &mut String, (x, y): (usize, usize), Look { wide, .. }: Look, (label, share, about): (&str, f64, &str)) {
    let kind = kind(label);
    let filled = share * wide as f64;
    let (text, number) = (y + 14, number(share));
    let _ = writeln!(body, "<g><title>{}</title>", escape(about));
    let _ = writeln!(body, r#"<rect class="operation" x="{x}" y="{y}" width="{wide}" height="{TALL}" rx="4"/>"#);
    let _ = writeln!(body, r#"<rect class="k{kind}" fill-opacity="0.4" x="{x}" y="{y}" width="{filled:.1}" height="{TALL}" rx="4"/>"#);
    if wide == BARE.wide {
        let _ = writeln!(body, r#"<text class="bare" x="{}" y="{text}">{number}</text></g>"#, x + wide / 2);
    } else {
        let _ = writeln!(body, r#"<text x="{}" y="{text}">{}</text>"#, x + 6, escape(label));
        let _ = writeln!(body, r#"<text class="share" x="{}" y="{text}">{number}</text></g>"#, x + wide - 6);
    }
}

/// A share in two digits: `.83`, and `1` for all of it alone.
fn number(share: f64) -> String {
    if share >= 1.0 {
        return "1".to_owned();
    }
    let hundredths = (100.0 * share).round().clamp(1.0, 99.0);
    format!(".{hundredths:02.0}")
}

#[cfg(test)]
mod tests {
    use super::super::genotype::{KeptOperation, blocks};
    use super::super::png;
    use super::*;
    use crate::graph::Shape;
    use crate::preset::Preset;
    use crate::run::NetworkSummary;

    /// The blocks of a preset of which every third group is dropped, and others are kept in part.
    fn thinned(preset: &str, image: usize) -> Vec<Block> {
        let space = Preset::load(preset, None, &[]).unwrap().preset.space;
        let network = NetworkSummary::of(&space.build(Shape::map(3, image, image), 10).unwrap());
        let keep = |(index, group): (usize, &crate::run::GroupSummary)| {
            let kept = if index % 3 == 0 { 0 } else { (group.channels * (index % 5 + 1)).div_ceil(5) };
            (0..group.channels).map(move |channel| channel < kept).collect::<Vec<_>>()
        };
        let bits: Vec<bool> = network.groups.iter().enumerate().flat_map(keep).collect();
        blocks(&network.groups, &bits)
    }

    fn operations(blocks: &[Block]) -> Vec<&KeptOperation> {
        blocks.iter().flat_map(|block| &block.edges).flat_map(|edge| &edge.operations).collect()
    }

    /// The numbers of an attribute of elements that begin so.
    fn attributes(svg: &str, element: &str, attribute: &str) -> Vec<f64> {
        let of = |line: &str| {
            let (_, rest) = line.split_once(&format!(" {attribute}=\""))?;
            rest.split_once('"')?.0.parse().ok()
        };
        svg.lines().filter(|line| line.starts_with(element)).filter_map(of).collect()
    }

    const DRAWN: [(&str, usize); 6] = [
        ("digits", 8),
        ("nasbench201-mini", 32),
        ("supnet-d121-mini", 32),
        ("supnet-d121", 224),
        ("supnet-e-mini", 32),
        ("supnet-r50", 224),
    ];

    #[test]
    fn kept_operations_carry_their_share_and_dropped_ones_are_absent() {
        for (preset, image) in DRAWN {
            let blocks = thinned(preset, image);
            let svg = svg("t", &blocks);
            for kept in operations(&blocks) {
                let told = format!("<g><title>{}, {}:", kept.node, kept.operation);
                let of_channels = format!(" {} of {} channels</title>", kept.kept, kept.channels);
                let drawn: Vec<&str> = svg.lines().filter(|line| line.starts_with(&told)).collect();
                assert_eq!(drawn.iter().any(|line| line.ends_with(&of_channels)), kept.kept > 0, "{preset}, {told}");
            }
            let all = operations(&blocks).into_iter().filter(|operation| operation.kept > 0).count();
            assert_eq!(attributes(&svg, r#"<rect class="operation""#, "rx").len(), all + KINDS.len(), "{preset}: and the legend");
        }
        let svg = svg("t", &thinned("digits", 8));
        // The third operation keeps 8 of its 12 channels.
        let (_, second) = svg.split_once("sep3").unwrap();
        let bar = second.lines().nth(2).unwrap();
        assert!(bar.starts_with(r#"<rect class="k1""#) && bar.contains(&format!(r#" width="{:.1}""#, 104.0 * 8.0 / 12.0)), "{bar}");
        assert!(second.lines().nth(4).unwrap().ends_with(">.67</text></g>"), "{second}");
    }

    #[test]
    fn operations_and_tensors_never_cover_each_other() {
        for (preset, image) in DRAWN {
            let svg = svg("t", &thinned(preset, image));
            for panel in svg.split("<g transform=").skip(1) {
                let mut boxes: Vec<[f64; 4]> = Vec::new();
                for element in [r#"<rect class="operation""#, r#"<rect class="tensor"#] {
                    let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| attributes(panel, element, name));
                    boxes.extend((0..x.len()).map(|at| [x[at], y[at], x[at] + width[at], y[at] + height[at]]));
                }
                let inside = ["width", "height"].map(|name| attributes(panel, r#"<rect class="panel""#, name)[0]);
                for (at, one) in boxes.iter().enumerate() {
                    assert!(one[0] >= 0.0 && one[2] <= inside[0] && one[3] <= inside[1], "{preset}: {one:?} in {inside:?}");
                    for other in &boxes[at + 1..] {
                        let apart = one[2] <= other[0] || other[2] <= one[0] || one[3] <= other[1] || other[3] <= one[1];
                        assert!(apart, "{preset}: {one:?} and {other:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_dense_network_fits_on_a_page_and_panels_stay_on_theirs() {
        for (preset, image) in DRAWN {
            let svg = svg("t", &thinned(preset, image));
            let [width, height] = ["width", "height"].map(|name| attributes(&svg, "<svg", name)[0]);
            assert!(height <= 3.0 * width && width <= 4.0 * height, "{preset}: {width} by {height}");
            for line in svg.lines().filter(|line| line.starts_with("<g transform=")) {
                let corner = line.trim_start_matches("<g transform=\"translate(").trim_end_matches(")\">");
                let (x, y) = corner.split_once(' ').unwrap();
                assert!(x.parse::<f64>().unwrap() < width && y.parse::<f64>().unwrap() < height);
            }
        }
    }

    #[test]
    fn the_picture_stands_alone_and_is_one() {
        let svg = svg("a < b & \"c\"", &thinned("digits", 8));
        let own = svg.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        for outside in ["http", "href", "url(", "@import", "<image", "<script", "<use"] {
            assert!(!own.contains(outside), "{outside}");
        }
        let drawn = image::load_from_memory(&png(&svg).unwrap()).unwrap().to_rgb8();
        let is_blue = |pixel: &&image::Rgb<u8>| pixel.0[2] > 180 && pixel.0[0] < 170;
        assert!(drawn.pixels().filter(is_blue).count() > 1000, "shares have their colours");
        assert!(super::svg("t", &[]).ends_with("</svg>\n"));
    }

    #[test]
    fn a_share_is_told_in_two_digits_and_only_a_whole_is_one() {
        assert_eq!([0.001, 0.05, 0.5, 0.834, 0.999, 1.0].map(number), [".01", ".05", ".50", ".83", ".99", "1"]);
    }
}
