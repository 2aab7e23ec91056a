//! Convolutions, batch norm and pools for the many small layers of a super-network, as a backend extension of burn.
//!
//! burn's own operations on the CPU lose most of their time around the arithmetic; these kernels keep it in registers and
//! caches. They replace burn's on the Flex backend alone: other backends run burn's operations behind the same functions.
//! Work is cut by shape, never by the number of threads, so a result is bit-equal on any number of them.

#![expect(clippy::inline_always, reason = "only what is inlined into a kernel is compiled for the processor it runs on")]

mod batch;
mod batch_norm;
mod conv;
mod dense;
mod depthwise;
mod descent;
mod elementary;
mod flex;
pub mod inference;
mod mask;
mod max_pool;
pub(super) mod memory;
mod moments;
mod parallel;
mod pool;
mod products;
pub(super) mod relaxation;
mod simd;
mod tile;
mod unfold;
mod window;

pub use batch_norm::{batch_norm_relu_train, batch_norm_train};
pub use conv::{conv2d, masked_conv2d};
pub use descent::{Pace, descend};
pub use mask::masked;
pub use pool::{avg_pool2d, max_pool2d};
pub use products::taken_as_products;
pub use window::{Pool, Window};

#[cfg(test)]
mod tests;
