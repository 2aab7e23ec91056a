//! `pgnas presets`: the presets and their super-networks in numbers.

use super::arguments::PresetsArguments;
use super::failure::{Exit, Failure};
use super::output;
use super::places::Places;
use super::prepare;
use crate::export::text::{thousands, wrapped};
use crate::preset::{Loaded, Preset};
use crate::run::NetworkSummary;
use serde::Serialize;
use std::fmt::Write as _;

/// Columns of a line that says what a preset is, at most.
const COLUMNS: usize = 100;

/// A preset in numbers; `docs/cli.md` documents the keys.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    summary: String,
    set: String,
    epochs: usize,
    batch: usize,
    parameters: usize,
    auxiliary_parameters: usize,
    groups: usize,
    masked_channels: usize,
    masked_weights: usize,
    macs: usize,
    activation_bytes_per_image: usize,
    training_bytes: usize,
}

impl Row {
    fn of(name: &str, loaded: &Loaded) -> Result<Self, Failure> {
        let graph = prepare::graph(loaded)?;
        let network = NetworkSummary::of(&graph);
        let batch = loaded.preset.train.batch;
        Ok(Self {
            name: name.to_owned(),
            summary: loaded.preset.summary.clone(),
            set: loaded.preset.data.set.clone(),
            epochs: loaded.preset.train.epochs,
            batch,
            parameters: network.parameters,
            auxiliary_parameters: graph.auxiliary_cost().parameters as usize,
            groups: network.groups.len(),
            masked_channels: network.masked_channels,
            masked_weights: network.masked_weights,
            macs: network.macs,
            activation_bytes_per_image: network.activation_bytes_per_image,
            training_bytes: graph.training_bytes(batch),
        })
    }

    fn cells(&self) -> [String; 5] {
        let number = |number: usize| thousands(number as u64);
        let memory = format!("{} MB", number(self.training_bytes.div_ceil(1_000_000)));
        [self.name.clone(), number(self.parameters), number(self.groups), number(self.macs), memory]
    }
}

/// Lists the presets, or shows one.
///
/// # Errors
/// An unknown preset, or one with an error.
pub fn run(arguments: &PresetsArguments) -> Result<Exit, Failure> {
    let places = Places::of_user();
    let user = places.presets.as_deref();
    if let Some(name) = &arguments.name {
        let loaded = Preset::load(name, user, &arguments.set).map_err(prepare::no_preset)?;
        let row = Row::of(&loaded.preset.name, &loaded)?;
        if arguments.json {
            output::print_json(&[row])?;
        } else {
            output::print(&format!("{}\n{}", table(&[row]), loaded.effective.to_toml()))?;
        }
        return Ok(Exit::Done);
    }
    let mut rows = Vec::new();
    for name in Preset::names(user) {
        // One wrong file of the user must not hide the others.
        match Preset::load(&name, user, &[]).map_err(Failure::from).and_then(|loaded| Row::of(&name, &loaded)) {
            Ok(row) => rows.push(row),
            Err(failure) => output::tell(&format!("left out: {}", failure.line())),
        }
    }
    if arguments.json {
        output::print_json(&rows)?;
    } else {
        output::print(&table(&rows))?;
    }
    Ok(Exit::Done)
}

fn table(rows: &[Row]) -> String {
    let head = ["preset", "parameters", "groups", "MACs", "memory"].map(str::to_owned);
    let lines: Vec<[String; 5]> = std::iter::once(head).chain(rows.iter().map(Row::cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    let summaries = std::iter::once("").chain(rows.iter().map(|row| row.summary.as_str()));
    // What they are stands below the numbers: beside them the lines would be wider than a terminal.
    let mut text = String::new();
    for (line, summary) in lines.iter().zip(summaries) {
        let [name, parameters, groups, macs, memory] = line;
        let numbers =
            [(parameters, 1), (groups, 2), (macs, 3), (memory, 4)].map(|(cell, column)| format!("{cell:>width$}", width = widths[column]));
        let _ = writeln!(text, "{name:width$}  {}", numbers.join("  "), width = widths[0]);
        for line in wrapped(summary, COLUMNS - 4) {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}
