//! `pgnas compare`: posterior candidates against the baselines.

use super::arguments::CompareArguments;
use super::failure::{Exit, Failure};
use super::output;
use super::places::Places;
use super::runs::RunFiles;
use crate::export::{Comparison, comparison_text};
use serde_json::json;

/// Prints how the candidates of the posterior compare with those of the baselines.
///
/// # Errors
/// No such run, or one without anything to compare.
pub fn run(arguments: &CompareArguments) -> Result<Exit, Failure> {
    let run = RunFiles::find_or_newest(arguments.run.as_deref(), &Places::of_user())?;
    let started = run.started()?;
    let name = run.folder.name();
    let comparison = Comparison::of(started, &run.candidates()?).ok_or_else(|| {
        let remedy = "search with rank.random, rank.uniform or rank.constant above 0, and to the end";
        Failure::Mistake(format!("run `{name}` has no posterior candidates, or none to compare them with; {remedy}"))
    })?;
    if !arguments.json {
        output::print(&comparison_text(&name, &comparison))?;
        return Ok(Exit::Done);
    }
    let mut facts = json!({
        "format": "pgnas-comparison", "version": 1, "run": name, "preset": started.preset, "set": started.set, "seed": started.seed,
        "batch_norm": started.batch_norm,
    });
    let comparison = serde_json::to_value(&comparison).map_err(|error| Failure::Unexpected(error.into()))?;
    if let (Some(facts), serde_json::Value::Object(comparison)) = (facts.as_object_mut(), comparison) {
        facts.extend(comparison);
    }
    output::print_json(&facts)?;
    Ok(Exit::Done)
}
