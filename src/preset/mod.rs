//! Presets: what to search, on which images, by which recipe. TOML in, validated values out.

mod constraint;
mod document;
mod effective;
mod error;
mod keys;
mod kind;
mod layer;
mod load;
mod recipe;
mod schema;
mod space;

pub use constraint::{Between, Constraint, NoConstraint};
pub use document::reference;
pub use effective::Effective;
pub use error::{PresetError, nearest};
pub use keys::{KEYS, Key, SECTIONS};
pub use kind::{Kind, Value};
pub use layer::{Origin, Setting};
pub use load::{EMBEDDED, Loaded, space_settings};
pub use recipe::{
    BatchNormMode, CategoricalRecipe, CellSpace, DataChoice, NoiseRecipe, PathSampling, PosteriorKind, PosteriorRecipe, Precision, Preset,
    RankingRecipe, Schedule, Space, TrainingRecipe,
};
pub use schema::preset_schema;
pub use space::{OwnSpace, space_reference, space_schema};
