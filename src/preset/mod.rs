//! Room `preset`.
