//! AutoAugment's policy for CIFAR (Cubuk et al. 2019, table 7), with the magnitudes and the operations of torchvision and Pillow.

use super::picture::Picture;
use PolicyOperation::{
    AutoContrast, Brightness, Colour, Contrast, Equalise, Invert, Posterise, Rotate, Sharpness, ShearY, Solarise, TranslateX, TranslateY,
};

/// What a step of the policy does to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyOperation {
    /// Shears columns against each other.
    ShearY,
    /// Moves sideways.
    TranslateX,
    /// Moves up or down.
    TranslateY,
    /// Turns.
    Rotate,
    /// Towards black, or away.
    Brightness,
    /// Towards grey, or away.
    Colour,
    /// Towards the mean, or away.
    Contrast,
    /// Towards a smoothed image, or away.
    Sharpness,
    /// Keeps so many bits.
    Posterise,
    /// Inverts what is above.
    Solarise,
    /// Stretches each channel over the whole range.
    AutoContrast,
    /// Flattens the histogram of each channel.
    Equalise,
    /// Inverts.
    Invert,
}

/// A step: what, how likely, and at which of ten magnitudes.
type Step = (PolicyOperation, f32, u8);

/// The sub-policies; each image draws one.
#[rustfmt::skip]
pub const CIFAR10: [[Step; 2]; 25] = [
    [(Invert, 0.1, 0), (Contrast, 0.2, 6)],
    [(Rotate, 0.7, 2), (TranslateX, 0.3, 9)],
    [(Sharpness, 0.8, 1), (Sharpness, 0.9, 3)],
    [(ShearY, 0.5, 8), (TranslateY, 0.7, 9)],
    [(AutoContrast, 0.5, 0), (Equalise, 0.9, 0)],
    [(ShearY, 0.2, 7), (Posterise, 0.3, 7)],
    [(Colour, 0.4, 3), (Brightness, 0.6, 7)],
    [(Sharpness, 0.3, 9), (Brightness, 0.7, 9)],
    [(Equalise, 0.6, 0), (Equalise, 0.5, 0)],
    [(Contrast, 0.6, 7), (Sharpness, 0.6, 5)],
    [(Colour, 0.7, 7), (TranslateX, 0.5, 8)],
    [(Equalise, 0.3, 0), (AutoContrast, 0.4, 0)],
    [(TranslateY, 0.4, 3), (Sharpness, 0.2, 6)],
    [(Brightness, 0.9, 6), (Colour, 0.2, 8)],
    [(Solarise, 0.5, 2), (Invert, 0.0, 0)],
    [(Equalise, 0.2, 0), (AutoContrast, 0.6, 0)],
    [(Equalise, 0.2, 0), (Equalise, 0.6, 0)],
    [(Colour, 0.9, 9), (Equalise, 0.6, 0)],
    [(AutoContrast, 0.8, 0), (Solarise, 0.2, 8)],
    [(Brightness, 0.1, 3), (Colour, 0.7, 0)],
    [(Solarise, 0.4, 5), (AutoContrast, 0.9, 0)],
    [(TranslateY, 0.9, 9), (TranslateY, 0.7, 9)],
    [(AutoContrast, 0.9, 0), (Solarise, 0.8, 3)],
    [(Equalise, 0.8, 0), (Invert, 0.1, 0)],
    [(TranslateY, 0.7, 9), (AutoContrast, 0.9, 0)],
];

impl PolicyOperation {
    /// Applies it at one of the magnitudes 0 to 9; where the direction is open, `negative` chooses it.
    pub fn apply(self, picture: &mut Picture, level: u8, negative: bool) {
        let [_, height, width] = picture.shape;
        let step = f64::from(level) / 9.0;
        let signed = |most: f64| if negative { -most * step } else { most * step };
        let pixels = |length: usize| signed(150.0 / 331.0 * length as f64).trunc();
        match self {
            Self::ShearY => affine(picture, [1.0, 0.0, 0.0, signed(0.3), 1.0, 0.0]),
            Self::TranslateX => affine(picture, [1.0, 0.0, -pixels(width), 0.0, 1.0, 0.0]),
            Self::TranslateY => affine(picture, [1.0, 0.0, 0.0, 0.0, 1.0, -pixels(height)]),
            Self::Rotate => rotate(picture, signed(30.0)),
            Self::Brightness => brightness(picture, 1.0 + signed(0.9)),
            Self::Colour => saturation(picture, 1.0 + signed(0.9)),
            Self::Contrast => contrast(picture, 1.0 + signed(0.9)),
            Self::Sharpness => sharpness(picture, 1.0 + signed(0.9)),
            Self::Posterise => {
                let dropped = (f64::from(level) / 2.25).round_ties_even() as u32;
                picture.pixels.iter_mut().for_each(|pixel| *pixel = *pixel >> dropped << dropped);
            }
            Self::Solarise => {
                let threshold = 255.0 * (1.0 - step);
                picture.pixels.iter_mut().filter(|pixel| f64::from(**pixel) >= threshold).for_each(|pixel| *pixel = !*pixel);
            }
            Self::AutoContrast => each_channel(picture, stretched),
            Self::Equalise => each_channel(picture, equalised),
            Self::Invert => picture.pixels.iter_mut().for_each(|pixel| *pixel = !*pixel),
        }
    }
}

/// Turns an image around its middle, counter-clockwise, in degrees; what comes in is black.
pub fn rotate(picture: &mut Picture, degrees: f64) {
    let [_, height, width] = picture.shape;
    let (sin, cos) = (-degrees.to_radians()).sin_cos();
    let (x, y) = (width as f64 / 2.0, height as f64 / 2.0);
    affine(picture, [cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y]);
}

/// Each pixel from the nearest at `(xx x + xy y + x0, yx x + yy y + y0)`, in Pillow's fixed-point arithmetic; black from outside.
fn affine(picture: &mut Picture, [xx, xy, x0, yx, yy, y0]: [f64; 6]) {
    let [channels, height, width] = picture.shape;
    let fixed = |value: f64| (value * 65536.0 + 0.5).floor() as i64;
    let mut start = (fixed(x0 + xx * 0.5 + xy * 0.5), fixed(y0 + yx * 0.5 + yy * 0.5));
    let [xx, xy, yx, yy] = [xx, xy, yx, yy].map(fixed);
    let mut moved = vec![0; picture.pixels.len()];
    let size = height * width;
    for y in 0..height {
        let (mut from_x, mut from_y) = start;
        for x in 0..width {
            let inside = |at: i64, length: usize| usize::try_from(at >> 16).ok().filter(|&at| at < length);
            if let (Some(column), Some(row)) = (inside(from_x, width), inside(from_y, height)) {
                for channel in 0..channels {
                    moved[channel * size + y * width + x] = picture.pixels[channel * size + row * width + column];
                }
            }
            (from_x, from_y) = (from_x + xx, from_y + yx);
        }
        start = (start.0 + xy, start.1 + yy);
    }
    picture.pixels = moved;
}

/// From `other` (factor 0) to `pixel` (factor 1) and beyond, as Pillow blends.
fn blend(other: u8, pixel: u8, factor: f32) -> u8 {
    let (other, pixel) = (f32::from(other), f32::from(pixel));
    // The conversion cuts off the fraction and holds to 0..=255.
    (other + factor * (pixel - other)) as u8
}

/// Brightness times a factor.
pub fn brightness(picture: &mut Picture, factor: f64) {
    picture.pixels.iter_mut().for_each(|pixel| *pixel = blend(0, *pixel, factor as f32));
}

/// Contrast around the mean brightness times a factor.
pub fn contrast(picture: &mut Picture, factor: f64) {
    let grey = greys(picture);
    let mean = (grey.iter().map(|&grey| u64::from(grey)).sum::<u64>() as f64 / grey.len() as f64 + 0.5) as u8;
    picture.pixels.iter_mut().for_each(|pixel| *pixel = blend(mean, *pixel, factor as f32));
}

/// Distance from grey times a factor.
pub fn saturation(picture: &mut Picture, factor: f64) {
    let grey = greys(picture);
    for plane in picture.pixels.chunks_exact_mut(grey.len()) {
        plane.iter_mut().zip(&grey).for_each(|(pixel, &grey)| *pixel = blend(grey, *pixel, factor as f32));
    }
}

/// The brightness of each pixel.
fn greys(picture: &Picture) -> Vec<u8> {
    let [channels, height, width] = picture.shape;
    let size = height * width;
    if channels != 3 {
        return picture.pixels.iter().take(size).copied().collect();
    }
    let part = |at: usize, weight: u32| u32::from(picture.pixels[at]) * weight;
    (0..size).map(|at| ((part(at, 19595) + part(at + size, 38470) + part(at + 2 * size, 7471) + 0x8000) >> 16) as u8).collect()
}

fn sharpness(picture: &mut Picture, factor: f64) {
    let [_, height, width] = picture.shape;
    for plane in picture.pixels.chunks_exact_mut(height * width) {
        let before = plane.to_vec();
        for row in 0..height {
            for column in 0..width {
                let at = row * width + column;
                let inner = row > 0 && column > 0 && row + 1 < height && column + 1 < width;
                let smooth = if inner {
                    let rows = [at - width, at, at + width].into_iter();
                    let sum: u32 = rows.flat_map(|middle| &before[middle - 1..=middle + 1]).map(|&pixel| u32::from(pixel)).sum();
                    let sum = sum + 4 * u32::from(before[at]);
                    ((2 * sum + 13) / 26) as u8
                } else {
                    before[at]
                };
                plane[at] = blend(smooth, before[at], factor as f32);
            }
        }
    }
}

fn each_channel(picture: &mut Picture, table: fn(&[usize; 256]) -> [u8; 256]) {
    let size = picture.shape[1] * picture.shape[2];
    for plane in picture.pixels.chunks_exact_mut(size) {
        let mut histogram = [0; 256];
        plane.iter().for_each(|&pixel| histogram[usize::from(pixel)] += 1);
        let table = table(&histogram);
        plane.iter_mut().for_each(|pixel| *pixel = table[usize::from(*pixel)]);
    }
}

const IDENTITY: fn(usize) -> u8 = |value| value as u8;

fn stretched(histogram: &[usize; 256]) -> [u8; 256] {
    let low = histogram.iter().position(|&count| count > 0).unwrap_or(0);
    let high = histogram.iter().rposition(|&count| count > 0).unwrap_or(0);
    if high <= low {
        return std::array::from_fn(IDENTITY);
    }
    let scale = 255.0 / (high - low) as f64;
    std::array::from_fn(|value| (value as f64 * scale - low as f64 * scale).clamp(0.0, 255.0) as u8)
}

fn equalised(histogram: &[usize; 256]) -> [u8; 256] {
    let last = histogram.iter().rev().find(|&&count| count > 0).copied().unwrap_or(0);
    let step = (histogram.iter().sum::<usize>() - last) / 255;
    if step == 0 {
        return std::array::from_fn(IDENTITY);
    }
    let mut sum = step / 2;
    histogram.map(|count| {
        let value = (sum / step).min(255) as u8;
        sum += count;
        value
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Picture {
        let value = |channel: usize, y: usize, x: usize| ((channel * 67 + y * 29 + x * 53 + x * y * 7) % 256) as u8;
        let pixels = (0..3).flat_map(|channel| (0..9).flat_map(move |y| (0..11).map(move |x| value(channel, y, x)))).collect();
        Picture { shape: [3, 9, 11], pixels }
    }

    fn reference() -> serde_json::Value {
        serde_json::from_str(include_str!("../../tests/reference/augmentation.json")).unwrap()
    }

    fn pixels(case: &serde_json::Value) -> Vec<u8> {
        let text = case["pixels"].as_str().unwrap();
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    fn operation(name: &str) -> PolicyOperation {
        match name {
            "shear-y" => ShearY,
            "translate-x" => TranslateX,
            "translate-y" => TranslateY,
            "rotate" => Rotate,
            "brightness" => Brightness,
            "colour" => Colour,
            "contrast" => Contrast,
            "sharpness" => Sharpness,
            "posterise" => Posterise,
            "solarise" => Solarise,
            "auto-contrast" => AutoContrast,
            "equalise" => Equalise,
            "invert" => Invert,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn every_operation_is_that_of_pillow_to_the_byte() {
        let reference = reference();
        let cases = reference["cases"].as_array().unwrap();
        assert!(cases.len() > 50);
        for case in cases {
            let (name, level, negative) = (case["operation"].as_str().unwrap(), case["level"].as_u64().unwrap(), case["negative"] == true);
            let mut picture = image();
            operation(name).apply(&mut picture, level as u8, negative);
            let differ = picture.pixels.iter().zip(pixels(case)).filter(|(ours, theirs)| *ours != theirs).count();
            assert_eq!(differ, 0, "{name} {level} {negative}");
        }
    }

    #[test]
    fn resizing_is_that_of_pillow_to_one_level() {
        for case in reference()["sizes"].as_array().unwrap() {
            let size = |side: &str| case[side].as_u64().unwrap() as usize;
            let ours = image().resize(size("height"), size("width"));
            let theirs = pixels(case);
            assert_eq!(ours.pixels.len(), theirs.len());
            assert!(ours.pixels.iter().zip(theirs).all(|(ours, theirs)| ours.abs_diff(theirs) <= 1), "{case}");
        }
    }

    #[test]
    fn the_policy_is_whole() {
        assert!(CIFAR10.iter().flatten().all(|(_, likely, level)| (0.0..=1.0).contains(likely) && *level < 10));
    }
}
