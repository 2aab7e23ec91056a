//! A decoded image of its own size, resized and cropped as torchvision does it with Pillow.

use super::ImageShape;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

/// An image: bytes, plane by plane, `[channels, height, width]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its shape; no side is 0.
    pub shape: ImageShape,
    /// As many as the shape says.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// From pixels that lie channel by channel within each pixel, `[height, width, channels]`.
    #[must_use]
    pub fn from_interleaved([channels, height, width]: ImageShape, pixels: &[u8]) -> Self {
        let mut planes = Vec::with_capacity(pixels.len());
        for channel in 0..channels {
            planes.extend(pixels.iter().skip(channel).step_by(channels));
        }
        Self { shape: [channels, height, width], pixels: planes }
    }

    /// The planes, one a channel.
    pub fn planes(&self) -> impl Iterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.shape[1] * self.shape[2])
    }

    /// The shorter side brought to a length, the other in proportion.
    #[must_use]
    pub fn fit(self, side: usize) -> Self {
        let [_, height, width] = self.shape;
        let long = |long: usize, short: usize| (side * long / short).max(1);
        let (new_height, new_width) = if width <= height { (long(height, width), side) } else { (side, long(width, height)) };
        self.resize(new_height, new_width)
    }

    /// The middle square of a side that fits into the image.
    #[must_use]
    pub fn centre(self, side: usize) -> Self {
        let [_, height, width] = self.shape;
        if [height, width] == [side; 2] {
            return self;
        }
        // Half a pixel goes to the even side, as Python rounds.
        let start = |length: usize| ((length.saturating_sub(side)) as f64 / 2.0).round_ties_even() as usize;
        self.crop([start(height), start(width), side, side])
    }

    /// A part of it: top, left, height, width.
    #[must_use]
    pub fn crop(&self, [top, left, height, width]: [usize; 4]) -> Self {
        let mut pixels = Vec::with_capacity(self.shape[0] * height * width);
        for plane in self.planes() {
            for row in plane.chunks_exact(self.shape[2]).skip(top).take(height) {
                pixels.extend(row.iter().skip(left).take(width));
            }
        }
        Self { shape: [self.shape[0], height, width], pixels }
    }

    /// Brought to another size by a bilinear filter that widens when it shrinks.
    #[must_use]
    pub fn resize(self, height: usize, width: usize) -> Self {
        let [channels, old_height, old_width] = self.shape;
        if [old_height, old_width] == [height, width] {
            return self;
        }
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        let mut resizer = Resizer::new();
        let mut pixels = vec![0; channels * height * width];
        for (plane, target) in self.planes().zip(pixels.chunks_exact_mut(height * width)) {
            let source = ImageRef::new(old_width as u32, old_height as u32, plane, PixelType::U8);
            let target = Image::from_slice_u8(width as u32, height as u32, target, PixelType::U8);
            let (Ok(source), Ok(mut target)) = (source, target) else { unreachable!("a plane has the size of its shape") };
            resizer.resize(&source, &mut target, &options).unwrap_or_else(|error| unreachable!("planes of bytes are resized: {error}"));
        }
        Self { shape: [channels, height, width], pixels }
    }
}
