//! `pgnas evaluate`: the select accuracy of an export, computed again from its files alone.

use super::arguments::EvaluateArguments;
use super::export::read_back;
use super::failure::{Exit, Failure};
use super::output;
use super::rebuild::Setting;
use crate::export::Genotype;
use crate::export::text::percent;
use crate::run::Accuracy;
use std::path::Path;

/// Evaluates the network of a genotype on the select images.
///
/// # Errors
/// A mistake: files that are missing, damaged or do not belong together.
pub fn run(arguments: &EvaluateArguments) -> Result<Exit, Failure> {
    let file = if arguments.file.is_dir() { arguments.file.join("genotype.json") } else { arguments.file.clone() };
    let shown = file.display();
    let text = std::fs::read_to_string(&file)
        .map_err(|error| Failure::Mistake(format!("{shown}: cannot be read ({error}); give the genotype.json of an export")))?;
    let genotype: Genotype = serde_json::from_str(&text)
        .map_err(|error| Failure::Mistake(format!("{shown}: this is no genotype ({error}); give the genotype.json of an export")))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let setting = Setting::read(&folder.join("config.toml"), arguments.data.as_deref())?;
    let damaged = |what: &str| Failure::Mistake(format!("{shown}: {what}; export the candidate again"));
    let mask = genotype.mask().ok_or_else(|| damaged("one of its masks is no mask"))?;
    let slice = setting.graph.slice(mask.bits()).map_err(|error| damaged(&error.to_string()))?;
    let network = read_back(folder, slice.graph)?;
    let found = Accuracy::of(&setting.select(&network)?);
    let recorded = genotype.select.of(genotype.batch_norm);
    let images = genotype.images_sha256.as_deref().map(|written| written == setting.splits.set().digest());
    let splits = genotype.splits_sha256.as_deref().map(|written| written == setting.splits_sha256());
    if arguments.json {
        output::print_json(&serde_json::json!({
            "candidate": genotype.candidate, "run": genotype.run, "select_accuracy": found.share(), "correct": found.correct,
            "total": found.total, "recorded_select_accuracy": recorded.share(), "same": found == recorded, "same_splits": splits, "same_images": images,
        }))?;
    } else {
        let same = if found == recorded { "as recorded" } else { "recorded otherwise" };
        let Accuracy { correct, total } = found;
        let recorded = percent(recorded.share());
        output::print(&format!("{} on select ({correct} of {total} images), {same}: {recorded}\n", percent(found.share())))?;
        if images == Some(false) {
            let place = super::prepare::place(&setting.loaded);
            output::tell(&format!("the images in {} are not those of the search; give theirs with --data", place.display()));
        }
        if splits == Some(false) {
            output::tell("the images are split otherwise than when the candidate was ranked, so the two figures cannot be compared");
        }
    }
    Ok(Exit::Done)
}
