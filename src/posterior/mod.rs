//! Room `posterior`.
