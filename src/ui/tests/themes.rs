//! Themes can be read: on the grounds they are made for, with as many colours as there are, by eyes of every kind.

use super::super::colour::tests::{contrast, shown};
use super::super::colour::{distance, rgb};
use super::super::theme::{Depth, Glyphs, Look, Role, THEMES};

const ROLES: [Role; 17] = [
    Role::Text,
    Role::Quiet,
    Role::Title,
    Role::Border,
    Role::BorderFocused,
    Role::Kept,
    Role::Dropped,
    Role::Attention,
    Role::Danger,
    Role::Good,
    Role::Selection,
    Role::SeriesA,
    Role::SeriesB,
    Role::SeriesC,
    Role::SeriesD,
    Role::Key,
    Role::Notice,
];
const COLOURED: [Depth; 3] = [Depth::True, Depth::Indexed, Depth::Ansi];
/// Grounds that terminals come with, and the text that they show on them.
const DARK: [(&str, &str); 4] = [("#000000", "#c0c0c0"), ("#101418", "#cfd6df"), ("#1e1e1e", "#d4d4d4"), ("#282828", "#ebdbb2")];
const LIGHT: [(&str, &str); 3] = [("#ffffff", "#000000"), ("#fdfdfb", "#2b333d"), ("#f5f5f5", "#333333")];

/// Each theme on each kind of ground that it is made for: whether that is a light one, and how it looks there.
fn themes(depth: Depth) -> Vec<(&'static str, bool, Look)> {
    let grounds = |name: &str| match name {
        "dark" => vec![false],
        "light" => vec![true],
        _ => vec![false, true],
    };
    let named = THEMES.iter().flat_map(|&(name, _)| grounds(name).into_iter().map(move |light| (name, light)));
    named.map(|(name, light)| (name, light, Look::load_from(None, name, depth, Glyphs::Unicode, light).unwrap())).collect()
}

#[test]
fn a_selection_and_a_danger_always_show() {
    for depth in [Depth::True, Depth::Indexed, Depth::Ansi, Depth::None] {
        for (name, _, look) in themes(depth) {
            assert_ne!(look.style(Role::Selection), look.style(Role::Text), "{name} {depth:?}");
            assert_ne!(look.style(Role::Danger), look.style(Role::Text), "{name} {depth:?}");
        }
    }
}

#[test]
fn nothing_stands_on_a_ground_of_its_own_colour() {
    for depth in COLOURED {
        for (name, light, look) in themes(depth) {
            for ground in ROLES.into_iter().filter_map(|role| look.style(role).bg) {
                for role in ROLES {
                    assert_ne!(look.style(role).fg, Some(ground), "{name} {depth:?} light {light}: {role:?}");
                }
            }
        }
    }
}

#[test]
fn what_can_be_read_in_true_colour_can_be_read_on_every_ground() {
    for (name, light, look) in themes(Depth::True) {
        let words = [Role::Text, Role::Quiet, Role::Title, Role::Notice];
        for (ground, text) in if light { LIGHT.as_slice() } else { &DARK } {
            let (ground, text) = (rgb(ground).unwrap(), rgb(text).unwrap());
            let of = |role: Role| shown(look.style(role).fg).unwrap_or(text);
            // The terminal's own text on its own ground is the terminal's affair.
            let told = |role: Role, on: [u8; 3], least: f64| {
                let reached = contrast(of(role), on);
                let own = look.style(role).fg.is_none() && on == ground;
                assert!(own || reached >= least, "{name}, light {light}: {role:?} has {reached:.2} on {on:?}");
            };
            for role in ROLES {
                let least = match (name, role) {
                    ("high-contrast", _) => 7.0,
                    // Lines are no words, and what they part shows without them.
                    (_, Role::Border) => 1.5,
                    _ if words.contains(&role) => 4.5,
                    _ => 3.0,
                };
                told(role, ground, least);
                if let Some(selected) = shown(look.style(Role::Selection).bg).filter(|_| role != Role::Border) {
                    told(role, selected, least);
                }
            }
        }
    }
}

#[test]
fn on_a_background_that_nobody_tells_high_contrast_writes_with_the_terminals_own_colour() {
    let look = Look::load("high-contrast", Depth::True, Glyphs::Unicode).unwrap();
    for role in [Role::Text, Role::Title, Role::Notice, Role::Danger, Role::SeriesC, Role::Selection] {
        assert_eq!((look.style(role).fg, look.style(role).bg), (None, None), "{role:?}");
    }
}

#[test]
fn states_that_differ_in_true_colour_differ_with_fewer() {
    const STATES: [Role; 6] = [Role::Kept, Role::Dropped, Role::Attention, Role::Danger, Role::Good, Role::Quiet];
    const SERIES: [Role; 5] = [Role::SeriesA, Role::SeriesB, Role::SeriesC, Role::SeriesD, Role::Quiet];
    let full = themes(Depth::True);
    for depth in [Depth::Indexed, Depth::Ansi] {
        for ((name, light, look), (.., full)) in themes(depth).into_iter().zip(&full) {
            assert_ne!(look.style(Role::Kept).fg, look.style(Role::Dropped).fg);
            let fg = |look: &Look, role: Role| look.style(role).fg;
            for set in [STATES.as_slice(), &SERIES] {
                for (at, &one) in set.iter().enumerate() {
                    for &other in set[at + 1..].iter().filter(|&&other| fg(full, other) != fg(full, one)) {
                        assert_ne!(fg(&look, one), fg(&look, other), "{name} {depth:?} light {light}: {one:?} and {other:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn greys_stay_grey_with_fewer_colours() {
    let is_grey = |[red, green, blue]: [u8; 3]| red.max(green).max(blue) - red.min(green).min(blue) < 48;
    let full = themes(Depth::True);
    for depth in [Depth::Indexed, Depth::Ansi] {
        for ((name, light, look), (.., full)) in themes(depth).into_iter().zip(&full) {
            for role in ROLES {
                if let (Some(before), Some(after)) = (shown(full.style(role).fg), shown(look.style(role).fg)) {
                    assert_eq!(is_grey(before), is_grey(after), "{name} {depth:?} light {light}: {role:?} {before:?} {after:?}");
                }
            }
        }
    }
}

/// A colour as somebody without red or without green cones sees it (Viénot, Brettel and Mollon 1999), on linear light.
fn seen_without(cones: [[f64; 3]; 3], [red, green, blue]: [u8; 3]) -> [u8; 3] {
    let linear = [red, green, blue].map(|part| (f64::from(part) / 255.0).powf(2.2));
    cones.map(|row| {
        let light: f64 = row.iter().zip(linear).map(|(weight, part)| weight * part).sum();
        (light.clamp(0.0, 1.0).powf(1.0 / 2.2) * 255.0).round() as u8
    })
}

#[test]
fn colour_blind_eyes_tell_kept_from_dropped_and_the_curves_apart_in_every_theme() {
    const PROTANOPE: [[f64; 3]; 3] = [[0.112_38, 0.887_62, 0.0], [0.112_38, 0.887_62, 0.0], [0.004_01, -0.004_01, 1.0]];
    const DEUTERANOPE: [[f64; 3]; 3] = [[0.292_75, 0.707_25, 0.0], [0.292_75, 0.707_25, 0.0], [-0.022_34, 0.022_34, 1.0]];
    for (name, light, look) in themes(Depth::True) {
        let text = if light { [0; 3] } else { [255; 3] };
        let colour = |role: Role| shown(look.style(role).fg).unwrap_or(text);
        for (one, other) in [(Role::Kept, Role::Dropped), (Role::SeriesA, Role::SeriesB), (Role::SeriesC, Role::SeriesD)] {
            for cones in [PROTANOPE, DEUTERANOPE] {
                let apart = distance(seen_without(cones, colour(one)), seen_without(cones, colour(other)));
                // Some 40 of 256 in each part.
                assert!(apart > 1024 * 40 * 40, "{name}, light {light}: {one:?} and {other:?} are {apart} apart");
            }
        }
    }
}
