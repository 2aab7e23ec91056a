//! A space of one's own: a TOML file in, a super-network's description out. `docs/spaces.md` documents the format.

mod cell;
mod document;
mod keys;
mod reader;

pub use document::{space_reference, space_schema};

use super::error::PresetError;
use super::layer::shown;
use crate::graph::families::{Cell, Own, OwnHead, OwnStem, Reduction, Stage};
use crate::graph::{GraphError, Operation, Shape};
use keys::Part;
use reader::{Item, Reader, Table};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// The largest file that is read; a long one has a few kilobytes.
const MOST_BYTES: u64 = 1 << 16;
/// Stages that a space may have.
const MOST_STAGES: usize = 64;

/// A space of one's own with the text that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSpace {
    /// The file as messages show it.
    pub file: String,
    /// Its text.
    pub text: String,
    /// One line on what it is; may be empty.
    pub summary: String,
    /// The images that it is checked and drawn for.
    pub image: Shape,
    /// The classes that it is checked and drawn for.
    pub classes: usize,
    /// The network.
    pub network: Own,
}

impl OwnSpace {
    /// Reads a file.
    ///
    /// # Errors
    /// [`PresetError`] naming the file, the line and the remedy.
    pub fn read(path: &Path) -> Result<Self, PresetError> {
        let fault = |reason: String| PresetError::Space {
            place: shown(path),
            fault: format!("this space cannot be read ({reason}); give the path of a TOML file as docs/spaces.md describes it"),
        };
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(|error| fault(error.to_string()))?;
        file.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(|error| fault(error.to_string()))?;
        if text.len() as u64 > MOST_BYTES {
            return Err(fault("it has more than 64 kB".into()));
        }
        Self::parse(&text, &shown(path))
    }

    /// Reads a text; `file` is what messages call it.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, file: &str) -> Result<Self, PresetError> {
        let reader = Reader { file, text };
        let syntax = |error: toml::de::Error| {
            let line = error.span().map_or(1, |span| reader.line(span.start));
            let reason = error.message().trim().replace('\n', "; ");
            let remedy = "write `key = value` lines under [stem], [[stage]], [cell.<name>] and [head]";
            reader.fault(line, format!("this is not TOML ({reason}); {remedy}"))
        };
        let document = DeTable::parse(text).map_err(syntax)?;
        let top = reader.table(Part::File, 1, document.get_ref())?;
        let operations = top.operations("operations")?;
        let operations = operations.as_deref();
        let cells = cells(reader, &top, operations)?;
        let stages = stages(reader, &top, operations, &cells)?;
        let first = stages.first().map_or(1, |stage| stage.channels);
        Ok(Self {
            file: file.to_owned(),
            text: text.to_owned(),
            summary: top.text("summary")?.unwrap_or_default(),
            image: image(&top)?,
            classes: top.whole("classes")?.unwrap_or(10),
            network: Own { stem: stem(reader, &top, first)?, stages, head: head(reader, &top)? },
        })
    }

    /// An error of building the network, told at its line.
    #[must_use]
    pub fn misfit(&self, error: &GraphError) -> PresetError {
        match error {
            GraphError::Line { line, fault } => PresetError::Space { place: format!("{}:{line}", self.file), fault: fault.to_string() },
            other => PresetError::Space { place: self.file.clone(), fault: other.to_string() },
        }
    }
}

type Cells<'a> = Vec<(&'a str, Arc<Cell>)>;

fn cells<'a>(reader: Reader<'a>, top: &Table<'a>, operations: Option<&[Operation]>) -> Result<Cells<'a>, PresetError> {
    let Some(item) = top.get("cell") else { return Ok(Vec::new()) };
    let DeValue::Table(table) = item.value else { return Err(top.wrong("cell", item)) };
    let read = |(name, item): (&'a str, Item<'a>)| {
        let DeValue::Table(table) = item.value else { return Err(top.wrong("cell", item)) };
        if name == "block" || Operation::of_own_spaces().any(|operation| operation.key() == name) {
            let fault = format!("a cell cannot be called `{name}`, which means something else after `reduce`; give it another name");
            return Err(reader.fault(item.line, fault));
        }
        let table = reader.table(Part::Cell, item.line, table)?;
        Ok((name, Arc::new(cell::cell(reader, &table, operations)?)))
    };
    reader.entries(table).into_iter().map(read).collect()
}

fn stages<'a>(reader: Reader<'a>, top: &Table<'a>, operations: Option<&[Operation]>, cells: &Cells<'a>) -> Result<Vec<Stage>, PresetError> {
    let Some(item) = top.get("stage") else {
        return Err(reader.fault(1, "this space has no stages; write at least one, a line [[stage]] with `channels = 16` below"));
    };
    let DeValue::Array(list) = item.value else { return Err(top.wrong("stage", item)) };
    if list.is_empty() || list.len() > MOST_STAGES {
        return Err(reader.fault(item.line, format!("a space has from 1 to {MOST_STAGES} stages, and this one has {}", list.len())));
    }
    let mut stages = Vec::new();
    for item in reader.items(list) {
        let DeValue::Table(table) = item.value else { return Err(top.wrong("stage", item)) };
        let table = reader.table(Part::Stage, item.line, table)?;
        let Some(channels) = table.whole("channels")? else {
            return Err(reader.fault(item.line, "this stage has no `channels`; say how many its edges yield, such as channels = 32"));
        };
        let stride = table.whole("stride")?.unwrap_or(if stages.is_empty() { 1 } else { 2 });
        let (reduction, blocks) = (reduction(reader, &table, cells)?, blocks(reader, &table, operations, cells)?);
        stages.push(Stage { line: item.line, channels, stride, reduction, blocks });
    }
    Ok(stages)
}

fn blocks<'a>(
    reader: Reader<'a>,
    table: &Table<'a>,
    operations: Option<&[Operation]>,
    cells: &Cells<'a>,
) -> Result<Vec<Arc<Cell>>, PresetError> {
    let taken = match table.names("cell")? {
        None => vec![Arc::new(cell::cell(reader, table, operations)?)],
        Some(names) => {
            if let Some((key, item)) = Part::Cell.keys().find_map(|key| Some((key.name, table.get(key.name)?))) {
                let remedy = "write it into the cell, or remove `cell`";
                return Err(reader.fault(item.line, format!("`{key}` describes a cell, and this stage takes one by its name; {remedy}")));
            }
            let taken = names.into_iter().map(|(name, line)| named(reader, name, line, cells).cloned());
            taken.collect::<Result<_, _>>()?
        }
    };
    let blocks = table.whole("blocks")?.unwrap_or(taken.len());
    Ok(taken.iter().cycle().take(blocks).cloned().collect())
}

fn named<'c>(reader: Reader<'_>, name: &str, line: usize, cells: &'c Cells<'_>) -> Result<&'c Arc<Cell>, PresetError> {
    cells.iter().find(|(known, _)| *known == name).map(|(_, cell)| cell).ok_or_else(|| {
        let near = super::error::nearest(name, cells.iter().map(|(known, _)| *known));
        let name = name.escape_debug();
        let remedy = near.map_or_else(|| format!("describe it under [cell.{name}]"), |near| format!("did you mean `{near}`?"));
        reader.fault(line, format!("there is no cell `{name}`; {remedy}"))
    })
}

fn reduction(reader: Reader<'_>, table: &Table<'_>, cells: &Cells<'_>) -> Result<Reduction, PresetError> {
    let Some(item) = table.get("reduce") else { return Ok(Reduction::Operation(Operation::Conv3)) };
    let DeValue::String(word) = item.value else { return Err(table.wrong("reduce", item)) };
    if word == "block" {
        return Ok(Reduction::Block);
    }
    if let Some((_, cell)) = cells.iter().find(|(name, _)| name == word) {
        return Ok(Reduction::Cell(cell.clone()));
    }
    let known = Operation::of_own_spaces().find(|operation| operation.key() == word);
    known.map(Reduction::Operation).ok_or_else(|| {
        let mut words: Vec<String> = cells.iter().map(|(name, _)| (*name).to_owned()).collect();
        words.extend(Operation::of_own_spaces().map(|operation| operation.key().to_owned()));
        words.push("block".into());
        let near = super::error::nearest(word, words.iter().map(String::as_str));
        let remedy = near.map_or_else(|| "take an operation such as \"conv3\"".to_owned(), |near| format!("did you mean \"{near}\"?"));
        reader.fault(item.line, format!("`{}` is no operation, no cell and not \"block\"; {remedy}", word.escape_debug()))
    })
}

/// A table that may be missing.
fn part<'a>(reader: Reader<'a>, top: &Table<'a>, name: &str, part: Part) -> Result<Option<Table<'a>>, PresetError> {
    let Some(item) = top.get(name) else { return Ok(None) };
    let DeValue::Table(table) = item.value else { return Err(top.wrong(name, item)) };
    reader.table(part, item.line, table).map(Some)
}

fn stem<'a>(reader: Reader<'a>, top: &Table<'a>, first: usize) -> Result<OwnStem, PresetError> {
    let mut stem = OwnStem { line: 1, channels: first, kernel: 3, stride: 1, pool: false, masked: false };
    let Some(table) = part(reader, top, "stem", Part::Stem)? else { return Ok(stem) };
    stem.line = table.line;
    stem.channels = table.whole("channels")?.unwrap_or(stem.channels);
    stem.kernel = table.whole("kernel")?.unwrap_or(stem.kernel);
    stem.stride = table.whole("stride")?.unwrap_or(stem.stride);
    stem.pool = table.flag("pool")?.unwrap_or(stem.pool);
    stem.masked = table.flag("masked")?.unwrap_or(stem.masked);
    Ok(stem)
}

fn head<'a>(reader: Reader<'a>, top: &Table<'a>) -> Result<OwnHead, PresetError> {
    let mut head = OwnHead { line: 1, batch_norm: true, channels: None, masked: false };
    let Some(table) = part(reader, top, "head", Part::Head)? else { return Ok(head) };
    head.line = table.line;
    head.batch_norm = table.flag("batch_norm")?.unwrap_or(head.batch_norm);
    head.channels = table.whole("channels")?;
    head.masked = table.flag("masked")?.unwrap_or(head.masked);
    Ok(head)
}

fn image(top: &Table<'_>) -> Result<Shape, PresetError> {
    let Some(item) = top.get("image") else { return Ok(Shape::map(3, 32, 32)) };
    let sizes = super::kind::Kind::Wholes { each: 1..=4096, ascending: false, empty: false }.check(&reader::plain(item.value));
    if let Some(super::Value::Wholes(sizes)) = sizes
        && let [channels, height, width] = sizes[..]
    {
        return Ok(Shape::map(channels, height, width));
    }
    Err(top.wrong("image", item))
}
