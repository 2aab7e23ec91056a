//! JPEG and PNG files as pictures of three channels, and what had to be converted on the way.

use super::picture::Picture;
use image::{ColorType, ImageFormat, ImageReader, Limits};
use std::io::Cursor;

/// The longest side that is decoded; more is taken for a damaged head.
const LONGEST: u32 = 30_000;

/// What an image was before it became one of three channels of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conversion {
    /// One channel: repeated.
    Grey,
    /// Transparency: dropped.
    Alpha,
    /// Four printing colours.
    Cmyk,
    /// 16 bits a channel: the upper ones are kept.
    Deep,
    /// The other format than its ending says.
    Misnamed,
}

impl Conversion {
    /// What such images were, to be read after their count.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Grey => "grey",
            Self::Alpha => "with transparency, which is dropped",
            Self::Cmyk => "in CMYK",
            Self::Deep => "of 16 bits a channel",
            Self::Misnamed => "of another format than their ending says",
        }
    }
}

/// What the first and last bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Jpeg,
    Png,
}

fn kind(bytes: &[u8]) -> Result<Kind, String> {
    match bytes {
        [] => Err("it is empty".into()),
        [0xff, 0xd8, 0xff, ..] => Ok(Kind::Jpeg),
        [0x89, b'P', b'N', b'G', ..] => Ok(Kind::Png),
        _ => Err("it is neither JPEG nor PNG".into()),
    }
}

/// Whether a file ends as its format wants it. One that does not may be sound; it is decoded to know.
#[must_use]
pub fn looks_whole(head: &[u8], tail: &[u8]) -> bool {
    match kind(head) {
        Ok(Kind::Jpeg) => tail.windows(2).any(|two| two == [0xff, 0xd9]),
        Ok(Kind::Png) => tail.windows(4).any(|four| four == b"IEND"),
        Err(_) => false,
    }
}

/// Decodes a file; `ending` is that of its name, in lower case.
///
/// # Errors
/// What is wrong with it, in a few words.
pub fn decode(bytes: &[u8], ending: &str) -> Result<(Picture, Option<Conversion>), String> {
    let kind = kind(bytes)?;
    let mut conversion = None;
    let format = match kind {
        Kind::Jpeg => {
            let head = jpeg_head(bytes).ok_or("it is torn")?;
            // The decoder fills up what is missing; nothing may be missing here.
            if !bytes[head.scan..].windows(2).any(|two| two == [0xff, 0xd9]) {
                return Err("it is torn".into());
            }
            conversion = (head.components == 4).then_some(Conversion::Cmyk);
            ImageFormat::Jpeg
        }
        Kind::Png => ImageFormat::Png,
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LONGEST), Some(LONGEST));
    reader.limits(limits);
    let image = reader.decode().map_err(|error| error.to_string().replace('\n', "; "))?;
    let conversion = conversion.or(match image.color() {
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => Some(Conversion::Deep),
        ColorType::La8 | ColorType::Rgba8 => Some(Conversion::Alpha),
        ColorType::L8 => Some(Conversion::Grey),
        _ => (kind != if ending == "png" { Kind::Png } else { Kind::Jpeg }).then_some(Conversion::Misnamed),
    });
    let image = image.into_rgb8();
    let (width, height) = image.dimensions();
    if width == 0 || height == 0 {
        return Err("it has no pixels".into());
    }
    Ok((Picture::from_interleaved([3, height as usize, width as usize], image.as_raw()), conversion))
}

/// What stands before the pixels of a JPEG.
struct JpegHead {
    components: u8,
    /// Where the first scan begins.
    scan: usize,
}

fn jpeg_head(bytes: &[u8]) -> Option<JpegHead> {
    let (mut at, mut components) = (2, 0);
    loop {
        let (&0xff, &marker) = (bytes.get(at)?, bytes.get(at + 1)?) else { return None };
        if marker == 0xff {
            at += 1;
            continue;
        }
        let length = usize::from(u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]));
        match marker {
            0xda => return Some(JpegHead { components, scan: at }),
            // Start of frame, of whatever kind; c4, c8 and cc are tables.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => components = *bytes.get(at + 9)?,
            _ => {}
        }
        at += 2 + length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, ImageBuffer};

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn whatever_it_was_it_becomes_three_channels() {
        let rgb = DynamicImage::ImageRgb8(ImageBuffer::from_fn(5, 4, |x, y| image::Rgb([x as u8 * 40, y as u8 * 40, 200])));
        let alpha = DynamicImage::ImageRgba8(rgb.to_rgba8());
        for (bytes, ending, conversion) in [
            (encoded(&rgb, ImageFormat::Png), "png", None),
            (encoded(&rgb, ImageFormat::Jpeg), "jpg", None),
            (encoded(&rgb, ImageFormat::Png), "jpg", Some(Conversion::Misnamed)),
            (encoded(&DynamicImage::ImageLuma8(rgb.to_luma8()), ImageFormat::Jpeg), "jpeg", Some(Conversion::Grey)),
            (encoded(&alpha, ImageFormat::Png), "png", Some(Conversion::Alpha)),
            (encoded(&DynamicImage::ImageRgb16(rgb.to_rgb16()), ImageFormat::Png), "png", Some(Conversion::Deep)),
            (encoded(&DynamicImage::ImageLuma16(rgb.to_luma16()), ImageFormat::Png), "png", Some(Conversion::Deep)),
        ] {
            let (picture, found) = decode(&bytes, ending).unwrap();
            assert_eq!((picture.shape, found), ([3, 4, 5], conversion));
            assert!(looks_whole(&bytes[..16], &bytes[bytes.len() - 20..]));
        }
        let (picture, _) = decode(&encoded(&rgb, ImageFormat::Png), "png").unwrap();
        assert_eq!((picture.pixels[4], picture.pixels[20 + 15], picture.pixels[59]), (160, 120, 200), "plane by plane");
    }

    #[test]
    fn printing_colours_are_converted() {
        let (picture, conversion) = decode(include_bytes!("../../tests/reference/cmyk.jpg"), "jpg").unwrap();
        assert_eq!((picture.shape, conversion), ([3, 8, 8], Some(Conversion::Cmyk)));
        // No cyan, full magenta and yellow: red.
        assert!(picture.pixels[0] > 240 && picture.pixels[64] < 15 && picture.pixels[128] < 15, "{:?}", &picture.pixels[..3]);
    }

    #[test]
    fn whatever_is_torn_or_something_else_is_refused() {
        let rgb = DynamicImage::ImageRgb8(ImageBuffer::from_fn(40, 40, |x, y| image::Rgb([(x * y) as u8, y as u8, x as u8])));
        for format in [ImageFormat::Png, ImageFormat::Jpeg] {
            let bytes = encoded(&rgb, format);
            for length in (0..bytes.len() - 12).step_by(7) {
                assert!(decode(&bytes[..length], "png").is_err(), "{length} of {} bytes", bytes.len());
            }
        }
        for (bytes, reason) in [(b"".as_slice(), "it is empty"), (b"a text", "it is neither JPEG nor PNG"), (b"\xff\xd8\xff", "it is torn")]
        {
            assert_eq!(decode(bytes, "jpg").unwrap_err(), reason);
        }
    }
}
