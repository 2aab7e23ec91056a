//! One kernel compiled three times, for the build's own instruction set, for AVX2 with FMA and for AVX-512, and chosen at run time.
//!
//! A distributed binary targets the oldest processor of its kind; without this, only a fraction of a current one is used.

/// Sums kept side by side: two AVX2 registers, one of AVX-512. The same number for all of them, so that all processors that fuse a
/// multiplication with an addition give the same bits; one that cannot rounds twice.
pub(super) const LANES: usize = 16;

/// [`LANES`] numbers.
pub(super) type Lanes = [f32; LANES];

/// A loop nest worth compiling for the processor it runs on.
pub(super) trait Kernel {
    /// What the loops leave.
    type Output;

    /// The loops. Mark `#[inline(always)]`, as everything hot that they call, or they stay compiled for the old processor; so
    /// does a closure that an ordinary function calls back.
    /// `FUSED`: a fused multiply-add is one instruction here.
    fn run<const FUSED: bool>(self) -> Self::Output;
}

/// Runs a kernel with the widest instructions of this processor.
pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if is_wide() {
        // SAFETY: AVX-512 was just detected, and every processor that has it has the other two.
        return unsafe { run_avx512(kernel) };
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        // SAFETY: the two features that the function enables were just detected.
        return unsafe { run_avx2(kernel) };
    }
    kernel.run::<{ cfg!(any(target_arch = "aarch64", target_feature = "fma")) }>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<true>()
}

/// Whether vectors of [`LANES`] numbers are one register here, and there are thirty-two of them.
#[cfg(target_arch = "x86_64")]
pub(super) fn is_wide() -> bool {
    std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512vl")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<true>()
}

/// `a * b + c`, without the slow software routine where the processor cannot fuse.
#[inline(always)]
pub(super) fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}
