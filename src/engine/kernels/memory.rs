//! How long memory that a step gave back stays with the process.

use libmimalloc_sys::{mi_option_set_default, mi_option_t};
use std::ffi::c_long;
use std::sync::Once;

/// `mi_option_purge_delay` of mimalloc, which its bindings do not name.
const PURGE_DELAY: mi_option_t = 15;

/// Milliseconds: longer than a step of the slowest network takes.
const KEPT: c_long = 10_000;

/// Has memory kept for ten seconds after it was given back, unless `MIMALLOC_PURGE_DELAY` says otherwise. The next step wants it again, and
/// clearing pages anew took up to a tenth of a step.
pub fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the number is one of the allocator's options, and any delay is valid; the allocator reads it when it next gives memory back.
        unsafe { mi_option_set_default(PURGE_DELAY, KEPT) };
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_kept_for_ten_seconds() {
        keep();
        // SAFETY: as above.
        let kept = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert!(std::env::var_os("MIMALLOC_PURGE_DELAY").is_some() || kept == KEPT, "{kept}");
    }
}
