//! An SVG picture as PNG, for papers and pages that take no SVG: drawn here, with a font of its own, so it looks alike on every machine.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use std::sync::Arc;

/// Pixels for each unit of the SVG: sharp on a dense screen and in print at column width.
const SCALE: f32 = 2.0;
const FAMILY: &str = "DejaVu Sans";

/// Why a picture was not drawn.
#[derive(Debug, thiserror::Error)]
pub enum RasterError {
    /// The text is no SVG.
    #[error("the picture is not SVG: {0}")]
    NotSvg(#[from] resvg::usvg::Error),
    /// Its size in pixels is zero or does not fit in memory.
    #[error("a picture of {width} by {height} pixels cannot be drawn")]
    Size {
        /// Pixels from left to right.
        width: u32,
        /// Pixels from top to bottom.
        height: u32,
    },
    /// The encoder's own failure.
    #[error("the picture cannot be written as PNG: {0}")]
    Encoding(String),
}

/// The bytes of a PNG file with twice the SVG's width and height in pixels. What the SVG says of a dark page is not read: a PNG is on white.
///
/// # Errors
/// Text that is no SVG, or a size that cannot be drawn.
pub fn png(svg: &str) -> Result<Vec<u8>, RasterError> {
    let mut options = Options { font_family: FAMILY.to_owned(), ..Options::default() };
    let fonts = Arc::make_mut(&mut options.fontdb);
    for font in [dejavu::sans::regular(), dejavu::sans::bold(), dejavu::sans_mono::regular()] {
        fonts.load_font_data(font.to_vec());
    }
    fonts.set_sans_serif_family(FAMILY);
    fonts.set_monospace_family("DejaVu Sans Mono");
    let tree = Tree::from_str(svg, &options)?;
    let [width, height] = [tree.size().width(), tree.size().height()].map(|side| (side * SCALE).ceil() as u32);
    let mut pixels = Pixmap::new(width, height).ok_or(RasterError::Size { width, height })?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| RasterError::Encoding(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_its_colours_where_the_svg_has_them_and_text_leaves_ink() {
        let shape = "<rect width=\"40\" height=\"20\" fill=\"#ffffff\"/><rect width=\"20\" height=\"20\" fill=\"#0072b2\"/>";
        let svg = |text: &str| {
            format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 40 20\" width=\"40\" height=\"20\"><style>text {{ font-family: \
                 system-ui, sans-serif; font-size: 12px }}</style>{shape}<text x=\"22\" y=\"14\">{text}</text></svg>"
            )
        };
        let drawn = |text: &str| image::load_from_memory(&png(&svg(text)).unwrap()).unwrap().to_rgb8();
        let empty = drawn("");
        assert_eq!(empty.dimensions(), (80, 40));
        assert_eq!([empty.get_pixel(10, 20).0, empty.get_pixel(70, 20).0], [[0, 0x72, 0xb2], [255, 255, 255]]);
        let dark = drawn("MM").pixels().filter(|pixel| pixel.0.iter().all(|&part| part < 64)).count();
        assert!(dark > 60, "{dark} dark pixels are no text");
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        assert!(matches!(png("no svg"), Err(RasterError::NotSvg(_))));
    }
}
