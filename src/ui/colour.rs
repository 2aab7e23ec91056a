//! Colours that terminals have, and which of them comes nearest to one that a theme asks for.

use super::theme::Depth;
use ratatui::style::Color;

/// The 16 colours as terminals commonly show them.
const ANSI: [([u8; 3], Color); 16] = [
    ([0, 0, 0], Color::Black),
    ([205, 49, 49], Color::Red),
    ([13, 188, 121], Color::Green),
    ([229, 229, 16], Color::Yellow),
    ([36, 114, 200], Color::Blue),
    ([188, 63, 188], Color::Magenta),
    ([17, 168, 205], Color::Cyan),
    ([229, 229, 229], Color::Gray),
    ([102, 102, 102], Color::DarkGray),
    ([241, 76, 76], Color::LightRed),
    ([35, 209, 139], Color::LightGreen),
    ([245, 245, 67], Color::LightYellow),
    ([59, 142, 234], Color::LightBlue),
    ([214, 112, 214], Color::LightMagenta),
    ([41, 184, 219], Color::LightCyan),
    ([255, 255, 255], Color::White),
];

/// How far the parts of a colour may lie apart while the eye still takes it for a grey.
const GREY: u8 = 48;

/// The parts of `#rrggbb`.
pub(super) fn rgb(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let part = |range: std::ops::Range<usize>| u8::from_str_radix(&digits[range], 16).ok();
    Some([part(0..2)?, part(2..4)?, part(4..6)?])
}

/// One of the 16 colours by its name: `red`, `light red`, `gray`.
pub(super) fn ansi(name: &str) -> Option<Color> {
    let named: Color = name.parse().ok()?;
    ANSI.iter().map(|&(_, colour)| colour).find(|&colour| colour == named)
}

/// The colour of an index from 16 on: a cube of 6×6×6, then 24 greys.
fn indexed(index: u8) -> [u8; 3] {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    match index.saturating_sub(16) {
        cube @ 0..216 => [cube / 36, cube / 6 % 6, cube % 6].map(|level| LEVELS[usize::from(level)]),
        grey => [8 + 10 * (grey - 216); 3],
    }
}

fn is_grey([red, green, blue]: [u8; 3]) -> bool {
    red.max(green).max(blue) - red.min(green).min(blue) < GREY
}

/// How different two colours look: squares of the differences, weighed by the mean of the reds, which follows the eye well enough.
pub(super) fn distance(one: [u8; 3], other: [u8; 3]) -> u32 {
    let [red, green, blue] = std::array::from_fn(|part| u32::from(one[part].abs_diff(other[part])).pow(2));
    let mean = u32::midpoint(one[0].into(), other[0].into());
    (512 + mean) * red + 1024 * green + (767 - mean) * blue
}

/// The nearest colour that a terminal has; `None` where it has none. A grey is no nearer to a colour than to another grey, however far
/// that one is: what is quiet stays quiet, and a colour keeps its meaning.
pub(super) fn quantise([red, green, blue]: [u8; 3], depth: Depth) -> Option<Color> {
    let wanted = [red, green, blue];
    let nearest = |known: &mut dyn Iterator<Item = ([u8; 3], Color)>| {
        let alike = known.filter(|(known, _)| is_grey(*known) == is_grey(wanted));
        alike.min_by_key(|(known, _)| distance(*known, wanted)).map(|(_, colour)| colour)
    };
    match depth {
        Depth::True => Some(Color::Rgb(red, green, blue)),
        // The first 16 are the user's own and may be anything.
        Depth::Indexed => nearest(&mut (16..=255).map(|index| (indexed(index), Color::Indexed(index)))),
        Depth::Ansi => nearest(&mut ANSI.into_iter()),
        Depth::None => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What a terminal commonly shows for a colour; `None` for its own.
    pub(in crate::ui) fn shown(colour: Option<Color>) -> Option<[u8; 3]> {
        match colour? {
            Color::Rgb(red, green, blue) => Some([red, green, blue]),
            Color::Indexed(index) => Some(indexed(index)),
            named => ANSI.iter().find(|(_, known)| *known == named).map(|&(parts, _)| parts),
        }
    }

    /// Contrast as WCAG 2 has it, from 1 to 21.
    pub(in crate::ui) fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
        let luminance = |colour: [u8; 3]| -> f64 {
            let linear = colour.map(|part| match f64::from(part) / 255.0 {
                dark @ ..=0.040_45 => dark / 12.92,
                light => ((light + 0.055) / 1.055).powf(2.4),
            });
            linear.iter().zip([0.2126, 0.7152, 0.0722]).map(|(part, weight)| part * weight).sum()
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn quantising_keeps_hues() {
        assert_eq!(quantise([255, 0, 0], Depth::Indexed), Some(Color::Indexed(196)));
        assert_eq!(quantise([60, 140, 230], Depth::Ansi), Some(Color::LightBlue));
    }

    #[test]
    fn quantising_leaves_what_is_there() {
        for index in 16..=255 {
            assert_eq!(quantise(indexed(index), Depth::Indexed).map(|colour| format!("{colour}")), {
                // Two greys of the cube are greys of the ramp too; the first of equals is taken.
                let first = (16..=index).find(|&other| indexed(other) == indexed(index));
                first.map(|first| Color::Indexed(first).to_string())
            });
        }
        for (parts, colour) in ANSI {
            assert_eq!(quantise(parts, Depth::Ansi), Some(colour));
        }
        assert_eq!(quantise([1, 2, 3], Depth::None), None);
    }

    #[test]
    fn greys_stay_grey_and_colours_coloured() {
        let Some(Color::Indexed(grey)) = quantise([0x4a, 0x53, 0x61], Depth::Indexed) else { panic!("no index") };
        assert!(grey >= 232, "{grey}");
        // Of all 16, a light magenta is the nearest to this grey, and a grey to this green.
        assert_eq!(quantise([0xa8; 3], Depth::Ansi), Some(Color::Gray));
        assert_eq!(quantise([0x0a, 0x6e, 0x63], Depth::Ansi).map(|green| is_grey(shown(Some(green)).unwrap())), Some(false));
        for level in 0..=255 {
            for depth in [Depth::Indexed, Depth::Ansi] {
                let nearest = shown(quantise([level; 3], depth)).unwrap();
                assert!(is_grey(nearest), "{level} is {nearest:?} with {}", depth.label());
            }
        }
    }

    #[test]
    fn the_sixteen_have_names_and_nothing_else_has() {
        for (_, colour) in ANSI {
            assert_eq!(ansi(&colour.to_string()), Some(colour));
        }
        assert_eq!(ansi("light red"), Some(Color::LightRed));
        for none in ["", "orange", "#ff0000", "3", "reset"] {
            assert_eq!(ansi(none), None, "{none}");
        }
    }

    #[test]
    fn contrast_is_that_of_the_guidelines() {
        let [black, white] = [[0; 3], [255; 3]];
        assert!((contrast(black, white) - 21.0).abs() < 1e-9 && (contrast(white, white) - 1.0).abs() < 1e-9);
        assert!((contrast([0x76; 3], white) - 4.54).abs() < 0.005);
    }
}
