//! Loading: a name or a path and the command line's settings in, a validated preset out.

use super::effective::Effective;
use super::error::{PresetError, nearest};
use super::kind::{Value, is_name};
use super::layer::{self, Layer, Origin, Setting, shown};
use super::{
    BatchNormMode, CategoricalRecipe, CellSpace, Constraint, DataChoice, NoiseRecipe, OwnSpace, PathSampling, PosteriorRecipe, Precision,
    Preset, RankingRecipe, Schedule, Space, TrainingRecipe,
};
use crate::graph::families::Stem;
use crate::graph::{Granularity, GraphError, Operation};
use std::path::Path;

/// The presets inside the program: name and file.
pub const EMBEDDED: &[(&str, &str)] = &[
    ("digits", include_str!("../../presets/digits.toml")),
    ("fashion", include_str!("../../presets/fashion.toml")),
    ("nasbench201", include_str!("../../presets/nasbench201.toml")),
    ("nasbench201-mini", include_str!("../../presets/nasbench201-mini.toml")),
    ("supnet-d121-mini", include_str!("../../presets/supnet-d121-mini.toml")),
    ("darts", include_str!("../../presets/darts.toml")),
    ("chain", include_str!("../../presets/chain.toml")),
    ("supnet-m-mini", include_str!("../../presets/supnet-m-mini.toml")),
    ("supnet-e-mini", include_str!("../../presets/supnet-e-mini.toml")),
    ("supnet-m", include_str!("../../presets/supnet-m.toml")),
    ("supnet-mi", include_str!("../../presets/supnet-mi.toml")),
    ("supnet-e", include_str!("../../presets/supnet-e.toml")),
    ("supnet-ei", include_str!("../../presets/supnet-ei.toml")),
    ("supnet-r50", include_str!("../../presets/supnet-r50.toml")),
    ("supnet-d121", include_str!("../../presets/supnet-d121.toml")),
    ("supnet-d169", include_str!("../../presets/supnet-d169.toml")),
];

/// A preset with the origin of every value.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The values.
    pub preset: Preset,
    /// Every key, its value and where it comes from.
    pub effective: Effective,
    /// The preset as its lowest file alone has it, with the variant: the full recipe, which others shorten.
    pub full: Preset,
}

impl Preset {
    /// Loads a preset: by a path that ends in `.toml`, or by the name of one in the folder `user_presets` or inside the program.
    /// A user's file of the name of an embedded preset is laid over that preset; any other file stands on the defaults. `:NAME` behind
    /// the name or path chooses a variant, which is laid over the file that has it. `set` (`key=value`) is laid over all.
    ///
    /// # Errors
    /// [`PresetError`]: one line that says where, what, and the remedy.
    pub fn load(name_or_path: &str, user_presets: Option<&Path>, set: &[String]) -> Result<Loaded, PresetError> {
        let (name, variant) = match name_or_path.rsplit_once(':') {
            Some((name, variant)) if !is_path(name_or_path) => (name, Some(variant)),
            _ => (name_or_path, None),
        };
        let files = files(name, user_presets)?;
        let Some((_, origin)) = files.last() else { return Err(unknown(name_or_path, user_presets)) };
        let mut origin = origin.clone();
        let mut layers = Vec::new();
        for (Layer { settings, variants }, _) in &files {
            layers.push(settings.clone());
            layers.extend(variants.iter().filter(|(name, _)| Some(name.as_str()) == variant).map(|(_, settings)| settings.clone()));
        }
        if let Some(variant) = variant {
            if layers.len() == files.len() {
                let names = files.iter().flat_map(|(layer, _)| &layer.variants).map(|(name, _)| name.as_str());
                return Err(no_variant(name, variant, &names.collect::<Vec<_>>()));
            }
            origin = Origin::Variant(variant.to_owned(), Box::new(origin));
        }
        let with_variant = usize::from(files[0].0.variants.iter().any(|(name, _)| Some(name.as_str()) == variant));
        let full = Effective::merge(&layers[..=with_variant])?;
        layers.push(layer::from_command_line(set)?);
        let mut effective = Effective::merge(&layers)?;
        let given = Values(&effective).text("name");
        let by_hand = effective.get("name").is_some_and(|setting| setting.origin == Origin::Set);
        if given.is_empty() || variant.is_some() && !by_hand {
            let base = if given.is_empty() { file_name(Path::new(name)) } else { given };
            effective.set_name(&variant.map_or_else(|| base.clone(), |variant| format!("{base}-{variant}")), origin);
        }
        Loaded::of(effective, Some(&full))
    }

    /// A preset of the defaults alone, on a space of one's own.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn of_space(file: &Path, set: &[String]) -> Result<Loaded, PresetError> {
        let mut all = space_settings(file);
        all.extend_from_slice(set);
        let mut effective = Effective::merge(&[layer::from_command_line(&all)?])?;
        if Values(&effective).text("name").is_empty() {
            effective.set_name(&file_name(file), Origin::File(file.to_owned()));
        }
        Loaded::of(effective, None)
    }

    /// The names that [`Preset::load`] knows: those inside the program, each with its variants behind it, then the user's own, each once.
    #[must_use]
    pub fn names(user_presets: Option<&Path>) -> Vec<String> {
        let mut names: Vec<String> = EMBEDDED.iter().flat_map(|&(name, text)| with_variants(name, text)).collect();
        let files = user_presets.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
        let files = files.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
        let mut own: Vec<String> = files.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
        own.sort();
        own.retain(|name| !names.contains(name));
        names.append(&mut own);
        names
    }
}

/// The settings that put a space of one's own in the place of a preset's.
#[must_use]
pub fn space_settings(file: &Path) -> Vec<String> {
    let file = Value::Text(file.to_string_lossy().into_owned());
    vec!["space.family=file".to_owned(), format!("space.file={file}")]
}

/// What the space of a run is called beside its `config.toml`.
const SPACE_COPY: &str = "space.toml";

impl Loaded {
    fn of(effective: Effective, full: Option<&Effective>) -> Result<Self, PresetError> {
        let own = match effective.get("space.file") {
            Some(setting) => Some(Box::new(own_space(setting)?)),
            None => None,
        };
        let full = preset(Values(full.unwrap_or(&effective)), own.clone());
        Ok(Self { preset: preset(Values(&effective), own), effective, full })
    }

    /// The files that keep this preset: `config.toml`, and the space of one's own that it names.
    #[must_use]
    pub fn files(&self) -> Vec<(&'static str, String)> {
        let Space::File(space) = &self.preset.space else { return vec![("config.toml", self.effective.to_toml())] };
        let mut effective = self.effective.clone();
        effective.set_text("space.file", SPACE_COPY);
        vec![("config.toml", effective.to_toml()), (SPACE_COPY, space.text.clone())]
    }

    /// An error of building the network: at its line, where it is one's own.
    #[must_use]
    pub fn network_misfit(&self, error: &GraphError) -> PresetError {
        match &self.preset.space {
            Space::File(space) => space.misfit(error),
            _ => self.space_misfit(error),
        }
    }

    /// An error about a key whose value is sound by itself but does not fit the images or the network.
    #[must_use]
    pub fn misfit(&self, key: &str, fault: &impl ToString) -> PresetError {
        let place = self.effective.get(key).map_or_else(|| format!("preset {}", self.preset.name), Setting::place);
        PresetError::Misfit { place, key: key.to_owned(), fault: fault.to_string() }
    }

    /// Says where the weights lie that the training starts from.
    pub fn settle_weights(&mut self, path: &str) {
        if self.effective.set_text("train.weights", path) {
            path.clone_into(&mut self.preset.train.weights);
        }
    }

    /// Takes over a prior that was scaled to a shortened training, so that the preset as it is written down is one that needs no scaling.
    pub fn settle_budget(&mut self, scaled: PosteriorRecipe) {
        self.effective.decide("posterior.n_effective", Value::Number(scaled.n_effective));
        self.effective.decide("posterior.learning_rate_multiplier", Value::Number(scaled.learning_rate_multiplier));
        self.effective.decide("train.budget", Value::Text("given".into()));
        let own = if let Space::File(own) = &self.preset.space { Some(own.clone()) } else { None };
        self.preset = preset(Values(&self.effective), own);
    }

    /// Says where the images lie that were found, so that whoever reads the preset later finds them again.
    pub fn settle_path(&mut self, path: &str) {
        if self.effective.set_text("data.path", path) {
            path.clone_into(&mut self.preset.data.path);
        }
    }

    /// [`Loaded::misfit`] about the section of the super-network.
    #[must_use]
    pub fn space_misfit(&self, fault: &impl ToString) -> PresetError {
        // The stages are what a person changes; they carry the place of the section, or the family where it has none.
        let setting = self.effective.get("space.stages").or_else(|| self.effective.get("space.family"));
        let place = setting.map_or_else(String::new, Setting::place);
        PresetError::Misfit { place, key: "space".to_owned(), fault: fault.to_string() }
    }
}

/// The name of a preset inside the program, and those of its variants.
fn with_variants(name: &str, text: &str) -> Vec<String> {
    let variants = layer::from_file(text, &Origin::Preset(name.to_owned())).map(|layer| layer.variants).unwrap_or_default();
    std::iter::once(name.to_owned()).chain(variants.into_iter().map(|(variant, _)| format!("{name}:{variant}"))).collect()
}

fn is_path(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "toml")
}

/// The files that a name or path stands for, lower layers first.
fn files(name: &str, user_presets: Option<&Path>) -> Result<Vec<(Layer, Origin)>, PresetError> {
    let mut files = Vec::new();
    if let Some((name, text)) = EMBEDDED.iter().find(|(embedded, _)| *embedded == name) {
        let origin = Origin::Preset((*name).to_owned());
        files.push((layer::from_file(text, &origin)?, origin));
    }
    let file = if is_path(name) { Some(Path::new(name).to_owned()) } else { user_file(name, user_presets) };
    if let Some(file) = file {
        let origin = Origin::File(file.clone());
        files.push((layer::from_file(&read(&file)?, &origin)?, origin));
    }
    Ok(files)
}

fn no_variant(preset: &str, variant: &str, known: &[&str]) -> PresetError {
    let remedy = match (known, nearest(variant, known.iter().copied())) {
        ([], _) => "it has none".to_owned(),
        (_, Some(near)) => format!("did you mean `{near}`?"),
        _ => format!("it has {}", known.join(", ")),
    };
    let (preset, variant) = (preset.escape_debug().to_string(), variant.escape_debug().to_string());
    PresetError::NoVariant { preset, variant, remedy }
}

/// Reads the space that a setting names, relative to the file that names it.
fn own_space(setting: &Setting) -> Result<OwnSpace, PresetError> {
    let Value::Text(file) = &setting.value else { unreachable!("`space.file` is a text in the table of keys") };
    if file.is_empty() {
        let fault = "it names no file; name that of the space, such as \"my-space.toml\", or take another `space.family`";
        return Err(PresetError::Misfit { place: setting.place(), key: "space.file".into(), fault: fault.into() });
    }
    let folder = if let Origin::File(preset) = &setting.origin { preset.parent() } else { None };
    OwnSpace::read(&folder.map_or_else(|| Path::new(file).to_owned(), |folder| folder.join(file)))
}

fn user_file(name: &str, folder: Option<&Path>) -> Option<std::path::PathBuf> {
    let name = Some(name).filter(|name| is_name(name) && !name.is_empty())?;
    Some(folder?.join(format!("{name}.toml"))).filter(|path| path.exists())
}

fn read(path: &Path) -> Result<String, PresetError> {
    std::fs::read_to_string(path).map_err(|error| PresetError::Unreadable { place: shown(path), reason: error.to_string() })
}

fn unknown(name: &str, user_presets: Option<&Path>) -> PresetError {
    let names = Preset::names(user_presets);
    let remedy = match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}, and any path that ends in .toml", names.join(", ")),
    };
    PresetError::Unknown { name: name.escape_debug().to_string(), remedy }
}

/// The name of a preset after its file: what does not fit a name becomes `-`.
fn file_name(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String = stem.chars().take(64).map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let name = name.trim_start_matches(['-', '.']);
    if name.is_empty() { "preset".to_owned() } else { name.to_owned() }
}

fn preset(values: Values<'_>, own: Option<Box<OwnSpace>>) -> Preset {
    Preset {
        name: values.text("name"),
        summary: values.text("summary"),
        data: DataChoice {
            set: values.text("data.set"),
            path: values.text_or_empty("data.path"),
            train: values.whole("data.train"),
            select: values.whole("data.select"),
            test: values.whole("data.test"),
            split_seed: values.whole("data.split_seed") as u64,
            size: values.whole_or_zero("data.size"),
            resize: values.whole_or_zero("data.resize"),
            memory: values.whole_or_zero("data.memory"),
            unreadable: values.0.get("data.unreadable").map_or(0.0, |_| values.number("data.unreadable")),
            rotation: values.number("data.rotation"),
            crop: values.number("data.crop"),
            jitter: values.number("data.jitter"),
            autoaugment: values.flag("data.autoaugment"),
            shift: values.whole("data.shift"),
            flip: values.flag("data.flip"),
            cutout: values.whole("data.cutout"),
        },
        space: own.map_or_else(|| space(values), Space::File),
        exempt: list(&values.text_or_empty("posterior.exempt")),
        posterior: PosteriorRecipe {
            categorical: categorical(values),
            granularity: match values.applies("posterior.granularity").then(|| values.text("posterior.granularity")).as_deref() {
                None | Some("operation") => Granularity::Operation,
                Some(_) => Granularity::Channel,
            },
            ties: values.text_or_empty("posterior.ties") == "layer",
            initial_drop: values.number_or("posterior.initial_drop", 0.5),
            temperature: values.number("posterior.temperature"),
            prior_drop: values.number_or("posterior.prior_drop", 0.5),
            weight_prior: values.number("posterior.weight_prior"),
            entropy_weight: values.number("posterior.entropy_weight"),
            n_effective: values.number("posterior.n_effective"),
            learning_rate_multiplier: values.number("posterior.learning_rate_multiplier"),
        },
        train: TrainingRecipe {
            weights: values.text_or_empty("train.weights"),
            epochs: values.whole("train.epochs"),
            batch: values.whole("train.batch"),
            learning_rate: values.number("train.learning_rate"),
            momentum: values.number("train.momentum"),
            schedule: schedule(values),
            clip: values.number("train.clip"),
            batch_norm_decay: values.number("train.batch_norm_decay"),
            batch_norm_epsilon: values.number("train.batch_norm_epsilon"),
            precision: if values.text("train.precision") == Precision::Bf16.word() { Precision::Bf16 } else { Precision::F32 },
            noise: noise(values),
            scaled: values.text("train.budget") == "scaled",
        },
        rank: RankingRecipe {
            posterior: values.whole("rank.posterior"),
            random: values.whole("rank.random"),
            batch_norm: match values.text("rank.batch_norm").as_str() {
                "inherited" => BatchNormMode::Inherited,
                _ => BatchNormMode::Recalibrated,
            },
            recalibration_images: values.whole("rank.recalibration_images"),
            test: values.flag("rank.test"),
            uniform: values.whole("rank.uniform"),
            constant: if values.applies("rank.constant") { values.whole("rank.constant") } else { 0 },
            constraint: values.constraint("rank.constraint"),
            racing: values.flag("rank.racing"),
            racing_error: values.number("rank.racing_error"),
        },
    }
}

fn categorical(values: Values<'_>) -> Option<CategoricalRecipe> {
    (values.text("posterior.kind") == "categorical").then(|| CategoricalRecipe {
        tied: values.flag("posterior.tied"),
        warm_up: values.whole("train.warm_up"),
        sampling: if values.text("train.warm_up_sampling") == "fair" { PathSampling::Fair } else { PathSampling::Uniform },
    })
}

fn space(values: Values<'_>) -> Space {
    let stem_stride = values.whole("space.stem_stride");
    let stages = || values.wholes("space.stages");
    let layers = || values.wholes("space.layers");
    let cells = || CellSpace { stem_stride, channels: values.whole("space.channels"), cells: values.whole("space.cells") };
    let stem = || Stem {
        channels: values.whole("space.stem"),
        kernel: values.whole("space.stem_kernel"),
        stride: stem_stride,
        pool: values.flag("space.stem_pool"),
    };
    match values.text("space.family").as_str() {
        "branches" => Space::Branches {
            stem: values.whole("space.stem"),
            stem_stride,
            stages: stages(),
            blocks: values.whole("space.blocks"),
            branches: values.whole("space.branches"),
            mask_ends: values.flag("space.mask_ends"),
        },
        "nasbench201" => Space::NasBench201(cells()),
        "enas" => Space::Enas { cells: cells(), auxiliary: values.number("train.auxiliary") > 0.0 },
        "darts" => Space::Darts(cells()),
        "densenet" => Space::DenseNet {
            stem: stem(),
            growth: values.whole("space.growth"),
            bottleneck: values.whole("space.bottleneck"),
            layers: layers(),
        },
        "resnet" => Space::ResNet { stem: stem(), layers: layers(), inflated: values.flag("space.inflated") },
        "chain" => Space::Chain {
            stem: values.whole("space.stem"),
            stem_stride,
            stages: stages(),
            layers: layers(),
            head: values.whole("space.head"),
        },
        _ => Space::Edges {
            stem_stride,
            stages: stages(),
            blocks: values.whole("space.blocks"),
            nodes: values.whole("space.nodes"),
            operations: values.operations("space.operations"),
        },
    }
}

/// The words of a text, between its commas.
fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Families that know no such noise have none.
fn noise(values: Values<'_>) -> NoiseRecipe {
    match values.text("space.family").as_str() {
        "branches" => NoiseRecipe { shake: values.flag("train.shake"), ..NoiseRecipe::default() },
        "enas" => NoiseRecipe {
            drop_path: values.number("train.drop_path"),
            auxiliary: values.number("train.auxiliary"),
            ..NoiseRecipe::default()
        },
        _ => NoiseRecipe::default(),
    }
}

fn schedule(values: Values<'_>) -> Schedule {
    match values.text("train.schedule").as_str() {
        "restarts" => Schedule::Restarts {
            end: values.number("train.learning_rate_end"),
            period: values.whole("train.restart_period"),
            factor: values.whole("train.restart_factor"),
        },
        "step" => Schedule::Step { epochs: values.wholes("train.step_epochs"), factor: values.number("train.step_factor") },
        _ => Schedule::Cosine { end: values.number("train.learning_rate_end") },
    }
}

/// Typed reading of checked values. The table fixes the type of every path, so a mismatch is a slip of this file and not of a
/// user; loading every family and schedule in the tests finds it.
#[derive(Clone, Copy)]
struct Values<'a>(&'a Effective);

macro_rules! typed {
    ($name:ident, $variant:ident, $type:ty) => {
        fn $name(self, path: &str) -> $type {
            match self.0.get(path).map(|setting| &setting.value) {
                Some(Value::$variant(value)) => value.clone(),
                other => unreachable!("`{path}` is {other:?} in the table of keys"),
            }
        }
    };
}

impl Values<'_> {
    typed!(text, Text, String);

    fn constraint(self, path: &str) -> Constraint {
        self.text(path).parse().unwrap_or_else(|error| unreachable!("`{path}` was checked: {error}"))
    }

    /// Whether a key has a meaning beside the others.
    fn applies(self, path: &str) -> bool {
        self.0.get(path).is_some()
    }

    fn number_or(self, path: &str, without: f64) -> f64 {
        if self.applies(path) { self.number(path) } else { without }
    }

    /// Of a key that does not always apply.
    fn text_or_empty(self, path: &str) -> String {
        self.0.get(path).map_or_else(String::new, |_| self.text(path))
    }

    /// Likewise.
    fn whole_or_zero(self, path: &str) -> usize {
        self.0.get(path).map_or(0, |_| self.whole(path))
    }

    typed!(flag, Flag, bool);
    typed!(whole, Whole, usize);
    typed!(number, Number, f64);
    typed!(wholes, Wholes, Vec<usize>);
    typed!(operations, Operations, Vec<Operation>);
}
