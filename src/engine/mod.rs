//! Room `engine`.

pub mod kernels;
