//! The engine: burn at work on its own thread. Interpreter, objective, training, ranking, devices.

pub mod interpreter;
pub mod kernels;
pub mod objective;
pub mod operations;
pub mod optimiser;
pub mod schedule;
pub mod trainer;
pub mod weights;
