//! Cells: the three ways to write one (nodes, edges, branches) become nodes in an order in which each comes after those it reads.

use super::super::error::{PresetError, nearest};
use super::keys::Part;
use super::reader::{Item, Reader, Table};
use crate::graph::Operation;
use crate::graph::families::{Cell, CellEdge, CellNode, Join};
use toml::de::DeValue;

/// Edges that a cell may have.
const MOST_EDGES: usize = 256;
/// The name of a cell's input.
const INPUT: &str = "in";

/// An edge by the names of its ends.
struct Written {
    line: usize,
    from: String,
    to: String,
    name: String,
    operations: Vec<Operation>,
    channels: Option<usize>,
    stride: Option<usize>,
    masked: bool,
}

impl Written {
    fn new(line: usize, from: impl Into<String>, to: impl Into<String>, operations: Vec<Operation>) -> Self {
        let (from, to) = (from.into(), to.into());
        let name = format!("edge{from}-{to}");
        Self { line, from, to, name, operations, channels: None, stride: None, masked: true }
    }
}

/// The cell that a table describes; operations that it does not name are those of the file.
pub fn cell<'a>(reader: Reader<'a>, table: &Table<'a>, of_file: Option<&[Operation]>) -> Result<Cell, PresetError> {
    let ways: Vec<(&str, Item<'_>)> = ["nodes", "edges", "branches"].into_iter().filter_map(|way| Some((way, table.get(way)?))).collect();
    if let [(one, _), (other, item), ..] = ways[..] {
        return Err(reader.fault(item.line, format!("this cell has `{one}` and `{other}`; describe it in one of the two ways")));
    }
    let way = ways.first().map(|(way, _)| *way);
    let own = table.operations("operations")?;
    if way == Some("branches")
        && let Some(item) = table.get("operations")
    {
        return Err(reader.fault(item.line, "`operations` say nothing beside `branches`, whose layers name theirs; remove one of the two"));
    }
    if let (None | Some("branches"), Some(item)) = (way, table.get("output")) {
        return Err(
            reader.fault(item.line, "`output` names nodes, and this cell has none; remove it, or write the cell with `nodes` or `edges`")
        );
    }
    let operations = own.as_deref().or(of_file);
    let edges = match way {
        Some("edges") => written_edges(reader, table, operations)?,
        Some("branches") => branches(reader, table)?,
        _ => {
            let Some(operations) = operations else {
                let remedy = "name them by `operations`, here or at the top of the file; or write `edges` or `branches`, or use a `cell`";
                return Err(reader.fault(table.line, format!("this cell has no operations; {remedy}")));
            };
            between_all(table.line, table.whole("nodes")?.unwrap_or(1), operations)
        }
    };
    if edges.len() > MOST_EDGES {
        return Err(reader.fault(table.line, format!("a cell of {} edges is too large; take at most {MOST_EDGES}", edges.len())));
    }
    let order = order(reader, &edges)?;
    let chosen = table.names("output")?;
    let output = match (&chosen, way) {
        (Some(names), _) => names.clone(),
        (None, Some("edges")) => vec![("out", table.line)],
        // All nodes; of branches, their ends.
        (None, _) => order.iter().filter(|name| way != Some("branches") || !name.contains('_')).map(|name| (*name, table.line)).collect(),
    };
    let output = outputs(reader, &edges, &order, &output)?;
    let position = |name: &str| if name == INPUT { 0 } else { 1 + order.iter().position(|known| *known == name).unwrap_or(0) };
    let shown = |name: &str| if way == Some("nodes") && name == INPUT { "0".to_owned() } else { name.to_owned() };
    let node = |name: &&str| CellNode {
        name: format!("node{name}"),
        edges: edges
            .iter()
            .filter(|edge| edge.to == *name)
            .map(|edge| CellEdge {
                line: edge.line,
                from: position(&edge.from),
                name: edge.name.clone(),
                place: format!("{}→{}", shown(&edge.from), shown(&edge.to)),
                operations: edge.operations.clone(),
                channels: edge.channels,
                stride: edge.stride,
                masked: edge.masked,
            })
            .collect(),
    };
    Ok(Cell {
        line: table.line,
        entry: table.get("entry").map(|item| reader.operation(item)).transpose()?,
        nodes: order.iter().map(node).collect(),
        output,
        join: if table.text("join")?.as_deref() == Some("concat") { Join::Concat } else { Join::Sum },
        shortcut: table.flag("shortcut")?.unwrap_or(way == Some("branches")),
    })
}

/// Nodes 1 to n, each reading all before it. A cell of one edge calls its ends by their names.
fn between_all(line: usize, nodes: usize, operations: &[Operation]) -> Vec<Written> {
    if nodes == 1 {
        return vec![Written::new(line, INPUT, "out", operations.to_vec())];
    }
    let name = |node: usize| if node == 0 { INPUT.to_owned() } else { node.to_string() };
    let ends = (1..=nodes).flat_map(|to| (0..to).map(move |from| (from, to)));
    ends.map(|(from, to)| Written::new(line, name(from), to.to_string(), operations.to_vec())).collect()
}

/// Branches: layer l of branch b leads to the node `b<b>_<l>`, the last one to `b<b>`.
fn branches<'a>(reader: Reader<'a>, table: &Table<'a>) -> Result<Vec<Written>, PresetError> {
    let Some(item) = table.get("branches") else { return Ok(Vec::new()) };
    let wrong = |item| table.wrong("branches", item);
    let DeValue::Array(list) = item.value else { return Err(wrong(item)) };
    let mut edges = Vec::new();
    for (branch, layers) in (1..).zip(reader.items(list)) {
        let DeValue::Array(list) = layers.value else { return Err(wrong(layers)) };
        let mut from = INPUT.to_owned();
        for (layer, item) in (1..).zip(reader.items(list)) {
            let to = if layer == list.len() { format!("b{branch}") } else { format!("b{branch}_{layer}") };
            edges.push(Written::new(item.line, from, to.clone(), reader.operations(item)?));
            from = to;
        }
        if list.is_empty() {
            return Err(reader.fault(layers.line, "this branch has no layers; name at least one operation, or remove the branch"));
        }
    }
    if edges.is_empty() { Err(wrong(item)) } else { Ok(edges) }
}

fn written_edges<'a>(reader: Reader<'a>, table: &Table<'a>, of_cell: Option<&[Operation]>) -> Result<Vec<Written>, PresetError> {
    let Some(item) = table.get("edges") else { return Ok(Vec::new()) };
    let of_cell = |line: usize| {
        let remedy = "name them on the edge, in the cell or at the top of the file by `operations`";
        of_cell.map(<[Operation]>::to_vec).ok_or_else(|| reader.fault(line, format!("this edge has no operations; {remedy}")))
    };
    let mut edges: Vec<Written> = Vec::new();
    let mut add = |ends: &str, edge: Written| {
        for (from, to) in self::ends(reader, edge.line, ends)? {
            if edges.iter().any(|known| known.from == from && known.to == to) {
                return Err(reader.fault(
                    edge.line,
                    format!("the edge from `{from}` to `{to}` is there already; write all its operations in one place"),
                ));
            }
            let Written { line, channels, stride, masked, .. } = edge;
            edges.push(Written { channels, stride, masked, ..Written::new(line, from, to, edge.operations.clone()) });
        }
        Ok(())
    };
    match item.value {
        DeValue::Array(list) => {
            for item in reader.items(list) {
                let DeValue::String(ends) = item.value else { return Err(table.wrong("edges", item)) };
                add(ends, Written::new(item.line, "", "", of_cell(item.line)?))?;
            }
        }
        DeValue::Table(list) => {
            for (ends, item) in reader.entries(list) {
                let edge = if let DeValue::Table(settings) = item.value {
                    let settings = reader.table(Part::Edge, item.line, settings)?;
                    let operations = settings.operations("operations")?.map_or_else(|| of_cell(item.line), Ok)?;
                    Written {
                        channels: settings.whole("channels")?,
                        stride: settings.whole("stride")?,
                        masked: settings.flag("masked")?.unwrap_or(true),
                        ..Written::new(item.line, "", "", operations)
                    }
                } else {
                    Written::new(item.line, "", "", reader.operations(item)?)
                };
                add(ends, edge)?;
            }
        }
        _ => return Err(table.wrong("edges", item)),
    }
    if edges.is_empty() { Err(table.wrong("edges", item)) } else { Ok(edges) }
}

/// The pairs of a text such as `in -> a -> out`.
fn ends(reader: Reader<'_>, line: usize, text: &str) -> Result<Vec<(String, String)>, PresetError> {
    let names: Vec<&str> = text.split("->").flat_map(|part| part.split('→')).map(str::trim).collect();
    let shown = text.chars().take(60).collect::<String>().escape_debug().to_string();
    if names.len() < 2 {
        return Err(reader.fault(line, format!("`{shown}` is no edge; write its two ends with an arrow between, such as \"in -> a\"")));
    }
    for name in &names {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || name.len() > 32 || !name.chars().all(fits) {
            let remedy = "take 1 to 32 letters, digits and `_`";
            return Err(reader.fault(line, format!("an end of the edge `{shown}` is no name of a node; {remedy}, such as in \"in -> a\"")));
        }
    }
    Ok(names.windows(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect())
}

/// The nodes in an order in which each comes after those that it reads; those that could be next stay as they were written.
fn order<'e>(reader: Reader<'_>, edges: &'e [Written]) -> Result<Vec<&'e str>, PresetError> {
    let mut open: Vec<&str> = Vec::new();
    for edge in edges {
        if edge.to == INPUT {
            return Err(reader.fault(edge.line, "no edge leads to `in`, the input of the cell; let it end at another node"));
        }
        if !open.contains(&edge.to.as_str()) {
            open.push(&edge.to);
        }
    }
    for edge in edges {
        if edge.from != INPUT && !open.contains(&edge.from.as_str()) {
            let known = open.iter().copied().filter(|name| *name != edge.to).chain([INPUT]);
            let near = nearest(&edge.from, known).map_or_else(|| "add".to_owned(), |near| format!("did you mean `{near}`? Else add"));
            let fault = format!("this edge reads `{}`, and no edge leads there; {near} an edge that ends at `{}`", edge.from, edge.from);
            return Err(reader.fault(edge.line, fault));
        }
    }
    let mut order: Vec<&str> = Vec::new();
    while !open.is_empty() {
        let waits = |name: &str| edges.iter().any(|edge| edge.to == name && open.contains(&edge.from.as_str()));
        let Some(next) = open.iter().position(|name| !waits(name)) else { return Err(circle(reader, edges, &open)) };
        order.push(open.remove(next));
    }
    Ok(order)
}

/// The error of nodes that all wait for one another.
fn circle(reader: Reader<'_>, edges: &[Written], open: &[&str]) -> PresetError {
    let mut walk: Vec<&Written> = Vec::new();
    let mut name = open.first().copied().unwrap_or_default();
    while walk.iter().all(|edge| edge.to != name) {
        let Some(edge) = edges.iter().find(|edge| edge.to == name && open.contains(&edge.from.as_str())) else { break };
        walk.push(edge);
        name = &edge.from;
    }
    let start = walk.iter().position(|edge| edge.to == name).unwrap_or(0);
    let walk = walk.get(start..).unwrap_or_default();
    let line = walk.iter().map(|edge| edge.line).max().unwrap_or(1);
    let path: Vec<&str> = std::iter::once(name).chain(walk.iter().rev().map(|edge| edge.to.as_str())).collect();
    reader.fault(line, format!("these edges run in a circle: {}; remove one of them, or turn it round", path.join(" → ")))
}

/// The positions of the nodes that make the output; every other node must be read.
fn outputs(reader: Reader<'_>, edges: &[Written], order: &[&str], output: &[(&str, usize)]) -> Result<Vec<usize>, PresetError> {
    let mut positions = Vec::new();
    for &(name, line) in output {
        let Some(position) = order.iter().position(|known| *known == name) else {
            let shown = name.escape_debug();
            let near =
                nearest(name, order.iter().copied()).map_or_else(|| "let".to_owned(), |near| format!("did you mean `{near}`? Else let"));
            let fault =
                format!("no edge leads to `{shown}`, which makes the output; {near} an edge end there, or name other nodes by `output`");
            return Err(reader.fault(line, fault));
        };
        if positions.contains(&position) {
            return Err(reader.fault(line, format!("`{name}` is named twice as output; name each node once")));
        }
        positions.push(position);
    }
    for (position, name) in order.iter().enumerate() {
        if !positions.contains(&position) && edges.iter().all(|edge| edge.from != *name) {
            let line = edges.iter().find(|edge| edge.to == *name).map_or(1, |edge| edge.line);
            let fault = format!("`{name}` leads nowhere: no edge reads it, and it is no output; add an edge from it, or remove it");
            return Err(reader.fault(line, fault));
        }
    }
    Ok(positions)
}
