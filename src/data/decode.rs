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
