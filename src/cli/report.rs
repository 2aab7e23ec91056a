//! `pgnas report`: a run as Markdown or as numbers.

use super::arguments::ReportArguments;
use super::failure::{Exit, Failure};
use super::output;
use super::places::Places;
use super::runs::RunFiles;
use crate::export::{Correlation, Report, TRUTHS, markdown, pictures, png};
use crate::run::{Averaging, read_retrained, write_whole};

/// Writes the report of a run.
///
/// # Errors
/// No such run, or a file that cannot be written.
pub fn run(arguments: &ReportArguments) -> Result<Exit, Failure> {
    let run = RunFiles::find_or_newest(arguments.run.as_deref(), &Places::of_user())?;
    let candidates = run.candidates()?;
    let report = Report::of(&run.records, &candidates, run.notes)
        .map_err(|error| Failure::Mistake(format!("{}: {error}", run.folder.log().display())))?
        .with(Averaging::read(&run.folder.averaging()), &read_retrained(&run.folder.retrained())?.0)
        .with_correlations(TRUTHS.iter().filter_map(|truth| Correlation::read(&run.folder.correlation(truth))).collect());
    let mut drawn = Vec::new();
    if let Some(folder) = &arguments.pictures {
        let folder = folder.clone().unwrap_or_else(|| run.folder.path().join("pictures"));
        for (name, svg) in pictures(&run.records, report.comparison.as_ref()) {
            let path = folder.join(name);
            let pixels = png(&svg).map_err(|error| Failure::Unexpected(error.into()))?;
            for (path, bytes) in [(&path, svg.as_bytes()), (&path.with_extension("png"), &pixels)] {
                write_whole(path, bytes)?;
                output::tell(&format!("wrote {}", path.display()));
            }
            drawn.push(path);
        }
        if drawn.is_empty() {
            output::tell("there is nothing to draw yet: the run has no epoch");
        }
    }
    let text = if arguments.json {
        let json = serde_json::to_string_pretty(&report).map_err(|error| Failure::Unexpected(error.into()))?;
        format!("{json}\n")
    } else {
        let mut text = markdown(&report);
        if !drawn.is_empty() {
            text.push_str("\n## Pictures\n\n");
            text.extend(drawn.iter().map(|path| format!("![{}](<{}>)\n\n", stem(path), path.display())));
        }
        text
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

/// The name of a picture in words.
fn stem(path: &std::path::Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().replace('-', " ")).unwrap_or_default()
}
