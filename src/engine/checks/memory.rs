//! Whether memory grows while a network trains on and on.

use super::subjects::Subject;
use crate::engine::EngineError;
use crate::run::resources;
use burn::tensor::Device;

/// Steps that are watched.
pub const STEPS: u64 = 500;

/// Steps after which everything that is made once has been made.
const SETTLED: u64 = 100;

/// Bytes that a process may grow by from there on, beside what one step holds: caches of the system and of drivers move by so much.
pub const SLACK: f64 = 24e6;

/// Bytes at rest, early and at the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// Resident memory of the process; `None` where the system does not tell.
    pub resident: Option<[u64; 2]>,
    /// Memory in use on the device; `None` where the device does not tell.
    pub device: Option<[u64; 2]>,
}

impl Growth {
    /// By how many bytes a pair of measurements grew.
    #[must_use]
    pub fn of([early, late]: [u64; 2]) -> f64 {
        late as f64 - early as f64
    }
}

/// Trains for [`STEPS`] steps and measures in between.
///
/// # Errors
/// [`EngineError`] where the recipe does not fit the network.
///
/// # Panics
/// Where the device reports an error.
pub fn growth(subject: &Subject, device: &Device) -> Result<Growth, EngineError> {
    let (trainer, mut state) = subject.training(device, 1)?;
    let batch = subject.batch(subject.preset.train.batch);
    let mut settled = None;
    for step in 0..STEPS {
        if step == SETTLED {
            settled = Some(at_rest(device));
        }
        state = trainer.step(state, batch.clone());
        if step % 20 == 19 {
            device.sync().unwrap_or_else(|error| panic!("after {step} steps: {error}"));
        }
    }
    let ([resident, used], [late_resident, late_used]) = (settled.unwrap_or_default(), at_rest(device));
    let pair = |early: Option<u64>, late: Option<u64>| Some([early?, late?]);
    Ok(Growth { resident: pair(resident, late_resident), device: pair(used, late_used) })
}

/// Resident bytes of the process, and those in use on the device, once the device has done all that was asked.
fn at_rest(device: &Device) -> [Option<u64>; 2] {
    device.sync().unwrap_or_else(|error| panic!("{error}"));
    [resources::rss_bytes(), device.memory_pool_usage().map(|usage| usage.bytes_in_use)]
}
