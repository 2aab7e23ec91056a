//! Relaxed masks and their slopes, on plain `f32` slices: what a step draws anew for every channel of every image.

use super::elementary::{exp, ln};
use super::parallel::{for_each_piece, piece};
use super::simd::{self, Kernel};

/// What a number costs, in multiply-adds: about twenty for a logarithm or an exponential.
const NUMBER: usize = 20;

/// Turns numbers in (0, 1) into logistic noise, `ln(v / (1 - v))`.
pub fn logistic(uniforms: &mut [f32]) {
    let length = piece(uniforms.len(), NUMBER);
    for_each_piece(uniforms, length, length * NUMBER, |_, numbers| simd::run(Logistic(numbers)));
}

struct Logistic<'a>(&'a mut [f32]);

impl Kernel for Logistic<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        for number in self.0 {
            *number = ln(*number / (1.0 - *number));
        }
    }
}

/// Turns logistic noise `[batch, channels]` into relaxed keep masks under the logits `[channels]` of the drop probabilities:
/// `keep = 1 - σ((logit p + noise) / τ)`.
pub fn relax(noise: &mut [f32], logits: &[f32], temperature: f32) {
    let channels = logits.len().max(1);
    let images = piece(noise.len() / channels, channels * NUMBER);
    for_each_piece(noise, images * channels, images * channels * NUMBER, |_, noise| simd::run(Relax { noise, logits, temperature }));
}

struct Relax<'a> {
    noise: &'a mut [f32],
    logits: &'a [f32],
    temperature: f32,
}

impl Kernel for Relax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        for image in self.noise.chunks_exact_mut(self.logits.len().max(1)) {
            for (number, logit) in image.iter_mut().zip(self.logits) {
                *number = 1.0 / (1.0 + exp((*number + logit) / self.temperature));
            }
        }
    }
}

/// The gradient with respect to the logit of each channel, from that with respect to the keep masks, both `[batch, channels]`:
/// `-keep (1 - keep) / τ` of it, summed over the batch.
pub fn slopes(keep: &[f32], gradient: &[f32], channels: usize, temperature: f32) -> Vec<f32> {
    let mut sums = vec![0.0; channels];
    simd::run(Slopes { keep, gradient, sums: &mut sums });
    sums.iter_mut().for_each(|sum| *sum /= -temperature);
    sums
}

struct Slopes<'a> {
    keep: &'a [f32],
    gradient: &'a [f32],
    sums: &'a mut [f32],
}

impl Kernel for Slopes<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let channels = self.sums.len().max(1);
        for (keep, gradient) in self.keep.chunks_exact(channels).zip(self.gradient.chunks_exact(channels)) {
            for ((sum, keep), gradient) in self.sums.iter_mut().zip(keep).zip(gradient) {
                *sum += keep * (1.0 - keep) * gradient;
            }
        }
    }
}

/// The sum of the squares.
#[must_use]
pub fn sum_of_squares(values: &[f32]) -> f32 {
    simd::run(Squares(values))
}

struct Squares<'a>(&'a [f32]);

impl Kernel for Squares<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<const FUSED: bool>(self) -> f32 {
        let (vectors, rest) = self.0.as_chunks::<{ simd::LANES }>();
        let mut lanes = [0.0; simd::LANES];
        for vector in vectors {
            for (sum, value) in lanes.iter_mut().zip(vector) {
                *sum = simd::multiply_add::<FUSED>(*value, *value, *sum);
            }
        }
        lanes.iter().sum::<f32>() + rest.iter().map(|value| value * value).sum::<f32>()
    }
}
