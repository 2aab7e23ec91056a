//! Means, variances and what batch norm makes of them, on plain `f32` slices.

use super::parallel::{ELEMENT, for_each_piece, piece, written};
use super::simd::{self, Kernel, LANES, Lanes};
use std::mem::MaybeUninit;

/// Images `[batch, channels, height, width]`, of which batch norm only needs to know the area.
#[derive(Clone, Copy)]
pub(super) struct Images<'a> {
    values: &'a [f32],
    batch: usize,
    channels: usize,
    area: usize,
}

impl<'a> Images<'a> {
    /// The images in a slice.
    pub(super) const fn new(values: &'a [f32], [batch, channels, height, width]: [usize; 4]) -> Self {
        Self { values, batch, channels, area: height * width }
    }

    /// One channel of one image.
    #[inline(always)]
    fn plane(&self, image: usize, channel: usize) -> &'a [f32] {
        &self.values[(image * self.channels + channel) * self.area..][..self.area]
    }

    /// Pixels of a channel in all images, at least 1: statistics of nothing are zero.
    fn count(&self) -> f32 {
        (self.batch * self.area).max(1) as f32
    }
}

/// The mean and the biased variance of each channel. Two passes: the variance of values far from zero needs their mean first.
pub(super) fn moments(images: Images) -> [Vec<f32>; 2] {
    per_channel(images, |channels, results| simd::run(Moments { images, channels, results }))
}

/// The sums of each channel's gradient, and of its product with the distance of the image from its mean. `outputs` is given where a ReLU
/// follows: what its input was, which says where a gradient comes through.
pub(super) fn gradient_moments(images: Images, gradient: Images, mean: &[f32], outputs: Option<&[Output]>) -> [Vec<f32>; 2] {
    per_channel(images, |channels, results| simd::run(GradientMoments { images, gradient, mean, outputs, channels, results }))
}

/// What batch norm makes of each channel: `(x - mean) / deviation * gamma + beta`.
pub(super) fn outputs(mean: &[f32], variance: &[f32], epsilon: f64, gamma: &[f32], beta: &[f32]) -> Vec<Output> {
    let output = |channel: usize| Output {
        mean: mean[channel],
        scale: gamma[channel] / deviation(variance[channel], epsilon),
        shift: beta[channel],
    };
    (0..mean.len()).map(output).collect()
}

/// The outputs of all pixels; with a ReLU behind them where `rectified`.
pub(super) fn normalised(images: Images, outputs: &[Output], rectified: bool) -> Vec<f32> {
    // SAFETY: the kernel writes a value for each pixel of its images.
    unsafe { per_image(images, |first, output| simd::run(Normalise { images, outputs, rectified, first, output })) }
}

/// The gradient of batch norm's input from the moments of its output's gradient; `outputs` as for [`gradient_moments`].
pub(super) fn input_gradient(
    images: Images,
    gradient: Images,
    gamma: &[f32],
    mean: &[f32],
    deviations: &[f32],
    moments: &[Vec<f32>; 2],
    outputs: Option<&[Output]>,
) -> Vec<f32> {
    let count = images.count();
    let affine: Vec<_> = (0..images.channels)
        .map(|channel| {
            let scale = gamma[channel] / deviations[channel];
            let [sum, product] = [moments[0][channel], moments[1][channel]];
            Affine {
                mean: mean[channel],
                image: -scale * product / (count * deviations[channel] * deviations[channel]),
                gradient: scale,
                constant: -scale * sum / count,
            }
        })
        .collect();
    // SAFETY: the kernel writes a value for each pixel of its images.
    unsafe { per_image(images, |first, output| simd::run(Apply { images, gradient, affine: &affine, outputs, first, output })) }
}

/// The standard deviation that batch norm divides by.
pub(super) fn deviation(variance: f32, epsilon: f64) -> f32 {
    (variance + epsilon as f32).sqrt()
}

/// Two numbers for each channel; `work(first channel, results)` fills those of a few.
fn per_channel(images: Images, work: impl Fn(usize, &mut [[f32; 2]]) + Sync) -> [Vec<f32>; 2] {
    let mut results = vec![[0.0; 2]; images.channels];
    let cost = images.batch * images.area * ELEMENT;
    let length = piece(images.channels, cost);
    for_each_piece(&mut results, length, length * cost, |index, results| work(index * length, results));
    [0, 1].map(|which| results.iter().map(|result| result[which]).collect())
}

/// A value for each pixel; `work(first image, output)` fills those of a few images.
///
/// # Safety
/// It must write all of them.
unsafe fn per_image(images: Images, work: impl Fn(usize, &mut [MaybeUninit<f32>]) + Sync) -> Vec<f32> {
    let size = images.channels * images.area;
    let length = piece(images.batch, size * ELEMENT);
    // SAFETY: as for this function.
    unsafe { written(images.values.len(), length * size, length * size * ELEMENT, |index, output| work(index * length, output)) }
}

struct Moments<'a> {
    images: Images<'a>,
    channels: usize,
    results: &'a mut [[f32; 2]],
}

impl Kernel for Moments<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let Self { images, channels: first, results } = self;
        for (channel, result) in (first..).zip(results) {
            let mut sums = [0.0; LANES];
            for image in 0..images.batch {
                add(images.plane(image, channel), &mut sums, |value| value);
            }
            let mean = sums.iter().sum::<f32>() / images.count();
            let mut squares = [0.0; LANES];
            for image in 0..images.batch {
                add(images.plane(image, channel), &mut squares, |value| (value - mean) * (value - mean));
            }
            *result = [mean, squares.iter().sum::<f32>() / images.count()];
        }
    }
}

/// Adds up what `of` makes of each value, lane by lane.
#[inline(always)]
fn add(values: &[f32], sums: &mut Lanes, of: impl Fn(f32) -> f32) {
    let (vectors, rest) = values.as_chunks::<LANES>();
    let mut lanes = *sums;
    for vector in vectors {
        for (sum, &value) in lanes.iter_mut().zip(vector) {
            *sum += of(value);
        }
    }
    for (sum, &value) in lanes.iter_mut().zip(rest) {
        *sum += of(value);
    }
    *sums = lanes;
}

/// What batch norm makes of a channel: `scale * (x - mean) + shift`.
#[derive(Clone, Copy)]
pub(super) struct Output {
    mean: f32,
    scale: f32,
    shift: f32,
}

impl Output {
    #[inline(always)]
    fn of(self, value: f32) -> f32 {
        self.scale * (value - self.mean) + self.shift
    }

    /// What comes through a ReLU behind it of a gradient. Computed anew from the same numbers as in the forward pass, the output need not be kept.
    #[inline(always)]
    fn passed(self, value: f32, gradient: f32) -> f32 {
        rectified(self.of(value), gradient)
    }
}

/// `passed` where the input of a ReLU lets it through; what is not a number does, as in PyTorch.
#[inline(always)]
fn rectified(input: f32, passed: f32) -> f32 {
    if input.is_nan() || input > 0.0 { passed } else { 0.0 }
}

struct GradientMoments<'a> {
    images: Images<'a>,
    gradient: Images<'a>,
    mean: &'a [f32],
    outputs: Option<&'a [Output]>,
    channels: usize,
    results: &'a mut [[f32; 2]],
}

impl Kernel for GradientMoments<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let Self { images, gradient, mean, outputs, channels: first, results } = self;
        for (channel, result) in (first..).zip(results) {
            let (mean, mut sums) = (mean[channel], [[0.0; LANES]; 2]);
            for image in 0..images.batch {
                let (gradient, values) = (gradient.plane(image, channel), images.plane(image, channel));
                match outputs {
                    None => add_products(gradient, values, mean, &mut sums, |_, gradient| gradient),
                    Some(outputs) => {
                        let output = outputs[channel];
                        add_products(gradient, values, mean, &mut sums, |value, gradient| output.passed(value, gradient));
                    }
                }
            }
            *result = sums.map(|sums| sums.iter().sum());
        }
    }
}

/// Adds up gradients and their products, lane by lane; `passed` says what counts of the gradient at a value.
#[inline(always)]
fn add_products(gradient: &[f32], image: &[f32], mean: f32, sums: &mut [Lanes; 2], passed: impl Fn(f32, f32) -> f32) {
    let [mut plain, mut products] = *sums;
    let (gradients, gradient_rest) = gradient.as_chunks::<LANES>();
    let (images, image_rest) = image.as_chunks::<LANES>();
    for (gradient, image) in gradients.iter().zip(images) {
        for lane in 0..LANES {
            let gradient = passed(image[lane], gradient[lane]);
            plain[lane] += gradient;
            products[lane] += gradient * (image[lane] - mean);
        }
    }
    for (lane, (&gradient, &image)) in gradient_rest.iter().zip(image_rest).enumerate() {
        let gradient = passed(image, gradient);
        plain[lane] += gradient;
        products[lane] += gradient * (image - mean);
    }
    *sums = [plain, products];
}

/// `image * (x - mean) + gradient * g + constant`.
#[derive(Clone, Copy)]
struct Affine {
    mean: f32,
    image: f32,
    gradient: f32,
    constant: f32,
}

impl Affine {
    #[inline(always)]
    fn of(self, value: f32, gradient: f32) -> f32 {
        self.image * (value - self.mean) + (self.gradient * gradient + self.constant)
    }
}

/// The outputs of the images from `first` on that `output` holds.
struct Normalise<'a> {
    images: Images<'a>,
    outputs: &'a [Output],
    rectified: bool,
    first: usize,
    output: &'a mut [MaybeUninit<f32>],
}

impl Kernel for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let Self { images, outputs, rectified: rectify, first, output } = self;
        for (index, output) in output.chunks_exact_mut(images.area).enumerate() {
            let (image, channel) = (first + index / images.channels, index % images.channels);
            let (of, values) = (outputs[channel], images.plane(image, channel));
            if rectify {
                output.iter_mut().zip(values).for_each(|(output, &value)| {
                    output.write(rectified(of.of(value), of.of(value)));
                });
            } else {
                output.iter_mut().zip(values).for_each(|(output, &value)| {
                    output.write(of.of(value));
                });
            }
        }
    }
}

/// The gradients of the images from `first` on that `output` holds.
struct Apply<'a> {
    images: Images<'a>,
    gradient: Images<'a>,
    affine: &'a [Affine],
    outputs: Option<&'a [Output]>,
    first: usize,
    output: &'a mut [MaybeUninit<f32>],
}

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let Self { images, gradient, affine, outputs, first, output } = self;
        for (index, output) in output.chunks_exact_mut(images.area).enumerate() {
            let (image, channel) = (first + index / images.channels, index % images.channels);
            let affine = affine[channel];
            let pixels = output.iter_mut().zip(images.plane(image, channel)).zip(gradient.plane(image, channel));
            match outputs {
                None => pixels.for_each(|((output, &value), &gradient)| {
                    output.write(affine.of(value, gradient));
                }),
                Some(outputs) => {
                    let of = outputs[channel];
                    pixels.for_each(|((output, &value), &gradient)| {
                        output.write(affine.of(value, of.passed(value, gradient)));
                    });
                }
            }
        }
    }
}
