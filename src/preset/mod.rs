//! Presets: what to search, on which images, by which recipe. TOML in, validated values out.

mod recipe;

pub use recipe::{BatchNormMode, DataChoice, PosteriorRecipe, Preset, RankingRecipe, Schedule, Space, TrainingRecipe};
