//! `pgnas space`: a space of one's own, checked and drawn.

use super::arguments::{SpaceArguments, SpaceCommand, SpaceFile};
use super::failure::{Exit, Failure};
use super::output;
use super::places::Places;
use super::prepare;
use crate::export::text::thousands;
use crate::export::{blocks, drawing, figure};
use crate::graph::{Graph, MaskGroupId, NodeId};
use crate::preset::{OwnSpace, Preset};
use crate::run::{NetworkSummary, write_whole};
use serde::Serialize;
use std::fmt::Write as _;

/// A block in numbers.
#[derive(Debug, Default, Serialize)]
struct Row {
    block: String,
    /// Of its last node: channels, rows, columns.
    shape: [usize; 3],
    groups: usize,
    masked_channels: usize,
    parameters: usize,
    macs: usize,
}

/// A space in numbers; `docs/cli.md` documents the keys.
#[derive(Debug, Serialize)]
struct Numbers {
    file: String,
    summary: String,
    image: [usize; 3],
    classes: usize,
    parameters: usize,
    masked_weights: usize,
    groups: usize,
    masked_channels: usize,
    macs: usize,
    /// Images of the step that the memory is estimated for.
    batch: usize,
    /// Activations that a training step of the batch keeps.
    activation_bytes: usize,
    /// Parameters, their gradient and their momentum.
    parameter_bytes: usize,
    blocks: Vec<Row>,
}

/// Checks or draws a space.
///
/// # Errors
/// What is wrong with the file, at its line; files that cannot be written.
pub fn run(arguments: &SpaceArguments) -> Result<Exit, Failure> {
    match &arguments.command {
        SpaceCommand::Check { file, batch, json } => {
            let (space, graph) = built(file)?;
            let numbers = Numbers::of(&space, &graph, *batch as usize);
            if *json { output::print_json(&numbers)? } else { output::print(&numbers.text())? }
        }
        SpaceCommand::Draw { file, out } => {
            let (space, graph) = built(file)?;
            let name = file.file.file_stem().map_or_else(|| "space".into(), |stem| stem.to_string_lossy().into_owned());
            let network = NetworkSummary::of(&graph);
            let blocks = blocks(&network.groups, &vec![true; network.masked_channels]);
            let title = if space.summary.is_empty() { name.clone() } else { format!("{name}: {}", space.summary) };
            for (ending, text) in [("svg", figure::svg(&title, &blocks)), ("dot", drawing::dot(&title, &blocks))] {
                let path = out.join(format!("{name}.{ending}"));
                write_whole(&path, text.as_bytes())?;
                output::tell(&format!("wrote {}", path.display()));
            }
            output::print(&drawing::text(&title, &blocks))?;
        }
    }
    Ok(Exit::Done)
}

/// The space of a file with its super-network.
fn built(file: &SpaceFile) -> Result<(OwnSpace, Graph), Failure> {
    let mut space = OwnSpace::read(&file.file)?;
    if let Some(name) = &file.preset {
        let loaded = Preset::load(name, Places::of_user().presets.as_deref(), &[])?;
        (space.image, space.classes) = prepare::images(&loaded)?;
    }
    let graph = space.network.build(space.image, space.classes).map_err(|error| space.misfit(&error))?;
    Ok((space, graph))
}

impl Numbers {
    fn of(space: &OwnSpace, graph: &Graph, batch: usize) -> Self {
        let network = NetworkSummary::of(graph);
        let rows = rows(graph);
        Self {
            file: space.file.clone(),
            summary: space.summary.clone(),
            image: [space.image.channels, space.image.height, space.image.width],
            classes: space.classes,
            parameters: network.parameters,
            masked_weights: network.masked_weights,
            groups: network.groups.len(),
            masked_channels: network.masked_channels,
            macs: network.macs,
            batch,
            activation_bytes: graph.training_activation_bytes(batch),
            parameter_bytes: 3 * 4 * network.parameters,
            blocks: rows,
        }
    }

    fn text(&self) -> String {
        let number = |number: usize| thousands(number as u64);
        let shape = |shape: [usize; 3]| shape.map(|size| size.to_string()).join("×");
        let head = ["block", "output", "groups", "channels", "parameters", "MACs"].map(str::to_owned);
        let row = |row: &Row| {
            let Row { block, shape: out, groups, masked_channels, parameters, macs } = row;
            [block.clone(), shape(*out), number(*groups), number(*masked_channels), number(*parameters), number(*macs)]
        };
        let total =
            ["all".into(), String::new(), number(self.groups), number(self.masked_channels), number(self.parameters), number(self.macs)];
        let lines: Vec<[String; 6]> = std::iter::once(head).chain(self.blocks.iter().map(row)).chain([total]).collect();
        let mut text = String::new();
        if !self.summary.is_empty() {
            let _ = writeln!(text, "{}", self.summary);
        }
        let _ = writeln!(text, "{} for images of {} and {} classes\n", self.file, shape(self.image), self.classes);
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 6] = std::array::from_fn(width);
        for line in &lines {
            let cells = line.iter().zip(widths).enumerate();
            let cells =
                cells.map(|(column, (cell, width))| if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") });
            let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        }
        let _ = writeln!(
            text,
            "\nmemory of a training step, estimated: {} for activations at a batch of {}, {} for parameters, gradient and momentum",
            bytes(self.activation_bytes),
            self.batch,
            bytes(self.parameter_bytes)
        );
        text
    }
}

/// The blocks of a network in its order: the words of a node's name before the node itself.
fn rows(graph: &Graph) -> Vec<Row> {
    let block = |name: &str| {
        let mut words = name.split('.');
        let first = words.next().unwrap_or(name);
        if first.starts_with("stage") { format!("{first}.{}", words.next().unwrap_or_default()) } else { first.to_owned() }
    };
    let mut rows: Vec<Row> = Vec::new();
    for (index, node) in graph.nodes().iter().enumerate().skip(1) {
        let block = block(&node.name);
        if rows.last().is_none_or(|row| row.block != block) {
            rows.push(Row { block, ..Row::default() });
        }
        let Some(row) = rows.last_mut() else { continue };
        row.shape = [node.shape.channels, node.shape.height, node.shape.width];
        row.groups += node.groups.len();
        row.masked_channels += node.groups.iter().map(|&group: &MaskGroupId| graph.groups()[group.index()].channels()).sum::<usize>();
        row.macs += graph.macs(NodeId::from_index(index));
    }
    let mut at = 0;
    for parameter in graph.parameters() {
        let block = block(&graph.node(parameter.node).name);
        // Parameters come in the order of nodes, and so of rows.
        while rows.get(at).is_some_and(|row| row.block != block) {
            at += 1;
        }
        if let Some(row) = rows.get_mut(at) {
            row.parameters += parameter.range.len();
        }
    }
    rows
}

/// Bytes with a unit that a person reads.
fn bytes(bytes: usize) -> String {
    let (mut size, mut unit) = (bytes as f64, "B");
    for larger in ["kB", "MB", "GB", "TB"] {
        if size < 1000.0 {
            break;
        }
        (size, unit) = (size / 1000.0, larger);
    }
    format!("{size:.1} {unit}")
}
