//! `pgnas report`: a run as Markdown or as numbers.

use super::arguments::ReportArguments;
use super::failure::{Exit, Failure};
use super::output;
use super::places::Places;
use super::runs::RunFiles;
use crate::export::{Report, markdown};
use crate::run::{Averaging, read_retrained, write_whole};

/// Writes the report of a run.
///
/// # Errors
/// No such run, or a file that cannot be written.
pub fn run(arguments: &ReportArguments) -> Result<Exit, Failure> {
    let run = RunFiles::find(&arguments.run, &Places::of_user())?;
    let candidates = run.candidates()?;
    let report = Report::of(&run.records, &candidates, run.notes)
        .map_err(|error| Failure::Mistake(format!("{}: {error}", run.folder.log().display())))?
        .with(Averaging::read(&run.folder.averaging()), &read_retrained(&run.folder.retrained())?.0);
    let text = if arguments.json {
        let json = serde_json::to_string_pretty(&report).map_err(|error| Failure::Unexpected(error.into()))?;
        format!("{json}\n")
    } else {
        markdown(&report)
    };
    match &arguments.out {
        None => output::print(&text)?,
        Some(path) => {
            write_whole(path, text.as_bytes())?;
            output::tell(&format!("wrote {}", path.display()));
        }
    }
    Ok(Exit::Done)
}
