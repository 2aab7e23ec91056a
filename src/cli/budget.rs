//! Scaling the prior of a shortened training before a search starts, where its preset asks for that.

use crate::data::{Split, Splits};
use crate::engine::budget::scale;
use crate::preset::Loaded;
use crate::run::{Alert, AlertKind};

/// Scales the prior of a preset whose `train.budget` is "scaled"; tells what was done.
pub fn settle(loaded: &mut Loaded, splits: &Splits) -> Option<Alert> {
    let (own, full) = (&loaded.preset, &loaded.full);
    if !own.train.scaled {
        return None;
    }
    let images = splits.train.images().len();
    let left = splits.set().len().saturating_sub(splits.indices(Split::Test).len()).saturating_sub(full.data.select);
    let full_images = if full.data.train == 0 { left } else { full.data.train };
    let steps = [(images, own), (full_images, full)].map(|(images, preset)| (images / preset.train.batch).max(1) as u64);
    let (scaled, budget) = scale(&own.posterior, &own.train, &full.train, steps, images);
    loaded.settle_budget(scaled);
    Some(Alert { kind: AlertKind::Budget, message: budget.to_string() })
}
