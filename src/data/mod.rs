//! Room `data`.
