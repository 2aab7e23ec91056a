//! From a loaded preset to what a search works on: the super-network and the image set, checked against each other.

use super::places;
use crate::data::{DataError, ImageShape, Known, Outline, Reading, SplitPlan, Splits, TestPlan};
use crate::engine::{self, weights::WeightLayout};
use crate::graph::{Graph, Shape};
use crate::posterior::Choices;
use crate::preset::{Constraint, DataChoice, EMBEDDED, Loaded, Preset, PresetError, nearest};
use crate::run::Pretrained;
use std::path::{Path, PathBuf};

/// Why there is no such preset; of an image set that was taken for one, also which presets search on it.
#[must_use]
pub fn no_preset(error: PresetError) -> PresetError {
    match error {
        PresetError::Unknown { name, .. } if name.parse::<Known>().is_ok() => {
            let of_set = EMBEDDED.iter().map(|(preset, _)| *preset);
            let of_set = of_set.filter(|preset| Preset::load(preset, None, &[]).is_ok_and(|loaded| loaded.preset.data.set == name));
            let remedy = match of_set.map(|preset| format!("`{preset}`")).collect::<Vec<_>>().as_slice() {
                [] => format!("this is an image set: `pgnas search PRESET --set data.set={name} --data PATH` searches on it"),
                some => format!("this is an image set: `pgnas search PRESET --data PATH` searches on it with one of {}", some.join(", ")),
            };
            PresetError::Unknown { name, remedy }
        }
        other => other,
    }
}

/// Builds the super-network of a preset; reads no image.
///
/// # Errors
/// [`PresetError::Misfit`] naming the place in the preset and, where shapes do not fit, the node.
pub fn graph(loaded: &Loaded) -> Result<Graph, PresetError> {
    let (input, classes) = images(loaded)?;
    let graph = loaded.preset.space.build(input, classes).map_err(|error| loaded.network_misfit(&error))?;
    let graph = graph.exempt(&loaded.preset.exempt).map_err(|error| loaded.misfit("posterior.exempt", &error))?;
    check_constraint(loaded, &graph)?;
    let chooses = |tied| Choices::of(&graph, tied).is_some();
    if loaded.preset.posterior.categorical.is_some_and(|categorical| !chooses(categorical.tied)) {
        let fault = "no edge of this network offers two operations, so there is nothing to choose; take \"gates\"";
        return Err(loaded.misfit("posterior.kind", &fault));
    }
    Ok(graph)
}

/// The shape of a preset's images and how many classes they have; reads no image.
///
/// # Errors
/// [`PresetError::Misfit`] for an unknown set.
pub fn images(loaded: &Loaded) -> Result<(Shape, usize), PresetError> {
    let Outline { shape: [channels, height, width], classes } = outline(loaded)?;
    Ok((Shape::map(channels, height, width), classes.len()))
}

/// The weights that a preset starts from; none where it starts from random ones.
///
/// # Errors
/// [`PresetError::Misfit`] for a file that cannot be read or is of another network.
pub fn pretrained(loaded: &Loaded, graph: &Graph, seed: u64) -> Result<Option<Pretrained>, PresetError> {
    let path = &loaded.preset.train.weights;
    let read = || Pretrained::read(Path::new(path), graph, WeightLayout::of(graph).initial(seed));
    let start = (!path.is_empty()).then(read).transpose();
    start.map_err(|error| loaded.misfit("train.weights", &error))
}

/// Whether any sub-network at all can meet the constraint.
fn check_constraint(loaded: &Loaded, graph: &Graph) -> Result<(), PresetError> {
    let constraint = loaded.preset.rank.constraint;
    if constraint == Constraint::NONE {
        return Ok(());
    }
    let most = graph.cost();
    let least = graph.sliced_cost(&vec![false; graph.masked_channels()]).map_err(|error| loaded.network_misfit(&error))?;
    for (name, between, least, most) in [
        ("params", constraint.parameters, least.parameters, most.parameters),
        ("macs", constraint.macs, least.macs, most.macs),
        ("kept", constraint.kept, 0.0, 1.0),
    ] {
        if !between.meets(least, most) {
            let fault = format!("{name} of the sub-networks lie between {least} and {most}; choose bounds that some of them meet");
            return Err(loaded.misfit("rank.constraint", &fault));
        }
    }
    Ok(())
}

/// Loads and splits the images of a preset, and checks that the recipe can work on them.
///
/// # Errors
/// [`PresetError::Misfit`] naming the place in the preset.
pub fn splits(loaded: &Loaded) -> Result<Splits, PresetError> {
    let preset = &loaded.preset;
    let set = known(loaded)?.load(&place(loaded), &reading(&loaded.preset.data)).map_err(|error| loaded.misfit(key_of(&error), &error))?;
    let shape = set.shape();
    let splits = set.split(&plan(&preset.data)).map_err(|error| loaded.misfit(key_of(&error), &error))?;
    let train = splits.train.images().len();
    check_augmentation(loaded, shape)?;
    if preset.train.batch > train {
        let error = DataError::BatchDoesNotFit { batch: preset.train.batch, train };
        return Err(loaded.misfit("train.batch", &error));
    }
    let recalibration = preset.rank.recalibration_images;
    if recalibration > train {
        let fault = format!("{recalibration} images cannot be drawn from {train} training images; choose at most {train}");
        return Err(loaded.misfit("rank.recalibration_images", &fault));
    }
    Ok(splits)
}

/// The names of the classes of a preset's images.
///
/// # Errors
/// As [`graph`].
pub fn classes(loaded: &Loaded) -> Result<Vec<String>, PresetError> {
    Ok(outline(loaded)?.classes)
}

fn outline(loaded: &Loaded) -> Result<Outline, PresetError> {
    let DataChoice { size, resize, .. } = loaded.preset.data;
    if resize > 0 && resize < size {
        return Err(
            loaded.misfit("data.resize", &format!("the middle of data.size {size} does not fit into {resize}; choose at least {size}"))
        );
    }
    let outline = known(loaded)?.outline(&place(loaded), &reading(&loaded.preset.data));
    outline.map_err(|error| loaded.misfit(key_of(&error), &error))
}

fn reading(data: &DataChoice) -> Reading {
    Reading { size: data.size, resize: data.resize, memory: data.memory << 20, unreadable: data.unreadable }
}

/// Where the images of a preset lie, from the root; nothing need be there.
#[must_use]
pub fn place(loaded: &Loaded) -> PathBuf {
    let DataChoice { set, path, .. } = &loaded.preset.data;
    let place = if path.is_empty() { places::data().unwrap_or_default().join(set) } else { PathBuf::from(path) };
    std::path::absolute(&place).unwrap_or(place)
}

fn known(loaded: &Loaded) -> Result<Known, PresetError> {
    let name = &loaded.preset.data.set;
    name.parse().map_err(|error: DataError| {
        let near = nearest(name, Known::all().map(Known::as_str));
        let remedy = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        loaded.misfit("data.set", &format!("{error}{remedy}"))
    })
}

fn plan(data: &DataChoice) -> SplitPlan {
    let test = if data.test == 0 { TestPlan::Own } else { TestPlan::Held(data.test) };
    SplitPlan { train: data.train, select: data.select, test, seed: data.split_seed }
}

fn check_augmentation(loaded: &Loaded, shape: ImageShape) -> Result<(), PresetError> {
    engine::augment(&loaded.preset.data).check(shape).map_err(|error| loaded.misfit(key_of(&error), &error))
}

/// The key that a person changes to mend it.
fn key_of(error: &DataError) -> &'static str {
    match error {
        DataError::NoOwnTest { .. } => "data.test",
        DataError::AugmentDoesNotFit { field: "cutout", .. } => "data.cutout",
        DataError::AugmentDoesNotFit { .. } => "data.shift",
        DataError::SplitDoesNotFit { .. } => "data.select",
        DataError::TrainDoesNotFit { .. } => "data.train",
        DataError::TooManyUnreadable { .. } => "data.unreadable",
        DataError::OneClass { .. } | DataError::Missing { .. } | DataError::Unreadable { .. } | DataError::Damaged { .. } => "data.path",
        _ => "data.set",
    }
}
