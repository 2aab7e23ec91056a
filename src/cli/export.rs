//! `pgnas export`: the genotype of a candidate.

use super::arguments::ExportArguments;
use super::failure::{Exit, Failure};
use super::output;
use super::places::Places;
use super::runs::RunFiles;

/// Writes the genotype of a candidate and tells where.
///
/// # Errors
/// No such run or candidate, or a file that cannot be written.
pub fn run(arguments: &ExportArguments) -> Result<Exit, Failure> {
    let run = RunFiles::find(&arguments.run, &Places::of_user())?;
    let id = run.candidate(&arguments.candidate)?;
    let path = run.export(id, arguments.out.as_deref())?;
    if arguments.json {
        output::print_json(&serde_json::json!({ "run": run.folder.name(), "candidate": id, "path": path }))?;
    } else {
        output::print(&format!("{}\n", path.display()))?;
    }
    Ok(Exit::Done)
}
