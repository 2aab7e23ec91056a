//! Pictures of a run as SVG: the histograms of the comparison, the best of n, drop probabilities and curves over epochs. Pure functions.
//!
//! Colours are those of Okabe and Ito, which colour-blind eyes tell apart; the posterior is also the solid line, baselines are dashed.

use super::drawing::escape;
use super::{Comparison, Drawn};
use crate::run::{EpochMetrics, Event, Record, Source};
use std::fmt::Write as _;

/// Names of files and the pictures of a run; what there is nothing to draw of is left out.
#[must_use]
pub fn pictures(records: &[Record], comparison: Option<&Comparison>) -> Vec<(&'static str, String)> {
    let epoch = |record: &Record| if let Event::Epoch(metrics) = &record.event { Some((**metrics).clone()) } else { None };
    let epochs: Vec<EpochMetrics> = records.iter().filter_map(epoch).collect();
    let all = [
        ("select-accuracy.svg", comparison.and_then(histograms)),
        ("best-of-n.svg", comparison.and_then(best_of_n)),
        ("drop-probabilities.svg", drop_probabilities(&epochs)),
        ("loss.svg", loss(&epochs)),
        ("accuracy.svg", accuracy(&epochs)),
    ];
    all.into_iter().filter_map(|(name, picture)| Some((name, picture?))).collect()
}

fn sides(comparison: &Comparison) -> impl Iterator<Item = &Drawn> {
    std::iter::once(&comparison.posterior).chain(comparison.baselines.iter().map(|baseline| &baseline.drawn))
}

/// Overlaid histograms of select accuracy, as the first figure of the paper's supplement.
fn histograms(comparison: &Comparison) -> Option<String> {
    let marks = sides(comparison).map(|drawn| {
        let count = drawn.count.max(1) as f64;
        let bars = comparison.edges.windows(2).zip(&drawn.histogram).map(|(edge, &bar)| (edge[0], edge[1], f64::from(bar) / count));
        Mark { name: format!("{} ({})", drawn.source.label(), drawn.count), look: look(drawn.source), shape: Shape::Bars(bars.collect()) }
    });
    let panel = Panel {
        x: "select accuracy",
        y: "share of candidates",
        scale: Scale::Percent,
        percent: true,
        from_zero: true,
        marks: marks.collect(),
    };
    picture("Select accuracy of posterior and random candidates", &[panel])
}

/// The best of n samples on the half of the images that did not choose it, with the middle 95 % of draws.
fn best_of_n(comparison: &Comparison) -> Option<String> {
    let marks = sides(comparison).flat_map(|drawn| {
        let point =
            |value: fn(&super::BestOfPoint) -> f64| drawn.best_of.iter().map(|point| (point.samples as f64, value(point))).collect();
        let band = drawn.best_of.iter().map(|point| (point.samples as f64, point.low, point.high)).collect();
        let (name, look) = (drawn.source.label().to_owned(), look(drawn.source));
        [
            Mark { name: String::new(), look, shape: Shape::Band(band) },
            Mark { name, look, shape: Shape::Line(point(|point| point.accuracy)) },
        ]
    });
    let marks = marks.collect();
    let panel = Panel { x: "samples n", y: "accuracy on the other half", scale: Scale::Log, percent: true, from_zero: false, marks };
    picture("The best of n samples, with the middle 95 % of draws", &[panel])
}

/// Quartiles of the groups' drop probabilities over epochs.
fn drop_probabilities(epochs: &[EpochMetrics]) -> Option<String> {
    let quantiles: Vec<(f64, [f64; 5])> =
        epochs.iter().filter_map(|epoch| Some((f64::from(epoch.epoch), five(&epoch.drop_probabilities)?))).collect();
    let band = |low: usize, high: usize| Shape::Band(quantiles.iter().map(|&(x, q)| (x, q[low], q[high])).collect());
    let mark = |name: &str, look, shape| Mark { name: name.to_owned(), look, shape };
    let median = Shape::Line(quantiles.iter().map(|&(x, q)| (x, q[2])).collect());
    let marks = vec![mark("all groups", 0, band(0, 4)), mark("middle half", 0, band(1, 3)), mark("median", 0, median)];
    let panel = Panel { x: "epoch", y: "drop probability p", scale: Scale::Whole, percent: false, from_zero: true, marks };
    picture("Drop probabilities of the mask groups", &[panel])
}

fn loss(epochs: &[EpochMetrics]) -> Option<String> {
    let line = |name: &str, look, value: fn(&EpochMetrics) -> f64| Mark {
        name: name.to_owned(),
        look,
        shape: Shape::Line(epochs.iter().map(|epoch| (f64::from(epoch.epoch), value(epoch))).collect()),
    };
    let panel = |y, mark| Panel { x: "epoch", y, scale: Scale::Whole, percent: false, from_zero: false, marks: vec![mark] };
    let data = panel("nats", line("cross-entropy", 0, |epoch| epoch.cross_entropy));
    let prior = panel("nats", line("KL term", 1, |epoch| epoch.kl));
    picture("Loss", &[data, prior])
}

fn accuracy(epochs: &[EpochMetrics]) -> Option<String> {
    let line = |name: &str, look, value: fn(&EpochMetrics) -> f64| Mark {
        name: name.to_owned(),
        look,
        shape: Shape::Line(epochs.iter().map(|epoch| (f64::from(epoch.epoch), value(epoch))).collect()),
    };
    let marks = vec![line("select", 0, |epoch| epoch.select_accuracy), line("training batches", 1, |epoch| epoch.train_accuracy)];
    let panel = Panel { x: "epoch", y: "accuracy under relaxed masks", scale: Scale::Whole, percent: true, from_zero: false, marks };
    picture("Accuracy", &[panel])
}

/// Least, lower quartile, median, upper quartile, greatest.
fn five(values: &[f32]) -> Option<[f64; 5]> {
    let mut sorted: Vec<f64> = values.iter().map(|&value| f64::from(value)).filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = |share: f64| {
        let place = share * last as f64;
        let (below, above) = (sorted.get(place.floor() as usize)?, sorted.get(place.ceil() as usize)?);
        Some(below + (above - below) * place.fract())
    };
    Some([at(0.0)?, at(0.25)?, at(0.5)?, at(0.75)?, at(1.0)?])
}

/// The place of a source among the colours.
fn look(source: Source) -> usize {
    match source {
        Source::Posterior | Source::Whole => 0,
        Source::Random | Source::Threshold => 1,
        Source::Uniform => 2,
        Source::Constant => 3,
    }
}

/// Something drawn in a panel; without a name it is not in the legend.
struct Mark {
    name: String,
    look: usize,
    shape: Shape,
}

enum Shape {
    /// Points joined.
    Line(Vec<(f64, f64)>),
    /// x, lower and upper edge.
    Band(Vec<(f64, f64, f64)>),
    /// Left and right edge, height.
    Bars(Vec<(f64, f64, f64)>),
}

impl Shape {
    /// What it is made of, without what is no number.
    fn points(&self) -> Vec<(f64, f64)> {
        let points: Vec<(f64, f64)> = match self {
            Self::Line(points) => points.clone(),
            Self::Band(points) => points.iter().flat_map(|&(x, low, high)| [(x, low), (x, high)]).collect(),
            Self::Bars(bars) => bars.iter().flat_map(|&(left, right, height)| [(left, height), (right, height)]).collect(),
        };
        points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()).collect()
    }
}

/// How x runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// Shares, told as percentages.
    Percent,
    /// Whole numbers.
    Whole,
    /// Whole numbers, each tenfold as far as the one before.
    Log,
}

struct Panel {
    x: &'static str,
    y: &'static str,
    scale: Scale,
    /// Whether y is a share, told as a percentage.
    percent: bool,
    /// Whether y begins at 0.
    from_zero: bool,
    marks: Vec<Mark>,
}

const WIDTH: f64 = 640.0;
const PANEL: f64 = 300.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 52.0;
const HEAD: f64 = 40.0;
pub(super) const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];
const DASHES: [&str; 4] = ["", "7 3", "2 3", "9 3 2 3"];

const STYLE: &str = "<style>
text { font-family: system-ui, sans-serif; font-size: 12px; fill: #1f2933 }
.title { font-size: 16px; font-weight: 600 } .page { fill: #ffffff } .grid { stroke: #e4e7eb } .axis { stroke: #7b8794 }
@media (prefers-color-scheme: dark) {
text { fill: #e4e7eb } .page { fill: #12181f } .grid { stroke: #2b3641 } .axis { stroke: #7b8794 }
}
</style>
";

/// Panels below one another under a title; none where there is nothing to draw.
fn picture(title: &str, panels: &[Panel]) -> Option<String> {
    let bodies: Option<Vec<String>> = panels.iter().zip(0u8..).map(|(panel, row)| panel.draw(HEAD + PANEL * f64::from(row))).collect();
    let bodies = bodies?;
    let height = HEAD + PANEL * bodies.len() as f64;
    let title = escape(title);
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         aria-label=\"{title}\">\n<title>{title}</title>\n{STYLE}<rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\"/>\n<text \
         class=\"title\" x=\"{LEFT}\" y=\"28\">{title}</text>\n{}</svg>\n",
        bodies.concat()
    ))
}

impl Panel {
    fn draw(&self, top: f64) -> Option<String> {
        let points: Vec<(f64, f64)> = self.marks.iter().flat_map(|mark| mark.shape.points()).collect();
        let range = |values: &mut dyn Iterator<Item = f64>| {
            values.fold(None, |range: Option<(f64, f64)>, value| {
                Some(range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
            })
        };
        let (mut low_x, mut high_x) = range(&mut points.iter().map(|point| point.0))?;
        let (mut low, mut high) = range(&mut points.iter().map(|point| point.1))?;
        if self.from_zero {
            low = low.min(0.0);
        }
        let ticks = ticks(low, high, if self.percent { 0.01 } else { 0.0 });
        // The axis ends at round numbers.
        if let (Some(&first), Some(&last)) = (ticks.first(), ticks.last()) {
            (low, high) = (first.min(low), last.max(high));
        }
        let ticks_x = match self.scale {
            Scale::Percent => self::ticks(low_x, high_x, 0.01),
            Scale::Whole => {
                let ticks = self::ticks(low_x, high_x, 1.0).into_iter();
                ticks.filter(|tick| tick.fract() == 0.0 && (low_x..=high_x).contains(tick)).collect()
            }
            Scale::Log => decades(low_x, high_x),
        };
        if self.scale == Scale::Percent
            && let (Some(&first), Some(&last)) = (ticks_x.first(), ticks_x.last())
        {
            (low_x, high_x) = (first.min(low_x), last.max(high_x));
        }
        let place = Placing { low_x, high_x, low, high, top: top + TOP, log: self.scale == Scale::Log };
        let mut body = String::new();
        self.axes(&mut body, &place, &ticks_x, &ticks);
        self.marks.iter().for_each(|mark| mark.draw(&mut body, &place));
        self.legend(&mut body, top + 18.0);
        Some(body)
    }

    fn axes(&self, body: &mut String, place: &Placing, ticks_x: &[f64], ticks_y: &[f64]) {
        let (left, right, top, bottom) = (LEFT, WIDTH - RIGHT, place.top, place.top + PANEL - TOP - BOTTOM);
        let labels = |ticks: &[f64], percent: bool| -> Vec<String> {
            let scaled: Vec<f64> = ticks.iter().map(|tick| if percent { 100.0 * tick } else { *tick }).collect();
            let step = scaled.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
            let digits = if step.is_finite() && step > 0.0 { (-(step + 1e-12).log10().floor()).clamp(0.0, 6.0) as usize } else { 0 };
            scaled.iter().map(|tick| format!("{tick:.digits$}{}", if percent { " %" } else { "" })).collect()
        };
        for (&tick, label) in ticks_y.iter().zip(labels(ticks_y, self.percent)) {
            let y = place.y(tick);
            let _ = writeln!(body, r#"<line class="grid" x1="{left}" y1="{y:.1}" x2="{right}" y2="{y:.1}"/>"#);
            let _ = writeln!(body, r#"<text x="{}" y="{:.1}" text-anchor="end">{label}</text>"#, left - 8.0, y + 4.0);
        }
        for (&tick, label) in ticks_x.iter().zip(labels(ticks_x, self.scale == Scale::Percent)) {
            let x = place.x(tick);
            let _ = writeln!(body, r#"<line class="axis" x1="{x:.1}" y1="{bottom}" x2="{x:.1}" y2="{}"/>"#, bottom + 5.0);
            let _ = writeln!(body, r#"<text x="{x:.1}" y="{}" text-anchor="middle">{label}</text>"#, bottom + 19.0);
        }
        let _ = writeln!(body, r#"<line class="axis" x1="{left}" y1="{bottom}" x2="{right}" y2="{bottom}"/>"#);
        let middle = f64::midpoint(left, right);
        let _ = writeln!(body, r#"<text x="{middle}" y="{}" text-anchor="middle">{}</text>"#, bottom + 38.0, escape(self.x));
        let middle = f64::midpoint(top, bottom);
        let _ = writeln!(body, r#"<text transform="translate(18 {middle}) rotate(-90)" text-anchor="middle">{}</text>"#, escape(self.y));
    }

    fn legend(&self, body: &mut String, y: f64) {
        let mut x = LEFT;
        for (place, mark) in self.marks.iter().enumerate().filter(|(_, mark)| !mark.name.is_empty()) {
            let (colour, dash) = (mark.colour(), mark.dash());
            // Bands of one look lie on one another; the swatch is as dark as what is seen.
            let under = self.marks[..place].iter().filter(|other| other.look == mark.look && matches!(other.shape, Shape::Band(_))).count();
            let opacity =
                if matches!(mark.shape, Shape::Band(_)) { 1.0 - (1.0 - mark.opacity()).powi(under as i32 + 1) } else { mark.opacity() };
            let _ = match mark.shape {
                Shape::Line(_) => {
                    writeln!(
                        body,
                        r#"<line x1="{x}" y1="{y}" x2="{}" y2="{y}" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>"#,
                        x + 24.0
                    )
                }
                Shape::Band(_) | Shape::Bars(_) => writeln!(
                    body,
                    r#"<rect x="{x}" y="{}" width="24" height="10" fill="{colour}" fill-opacity="{}" stroke="{colour}" stroke-dasharray="{dash}"/>"#,
                    y - 5.0,
                    opacity
                ),
            };
            let _ = writeln!(body, r#"<text x="{}" y="{}">{}</text>"#, x + 30.0, y + 4.0, escape(&mark.name));
            x += 30.0 + 7.0 * mark.name.chars().count() as f64 + 20.0;
        }
    }
}

impl Mark {
    fn colour(&self) -> &'static str {
        COLOURS[self.look % COLOURS.len()]
    }

    fn dash(&self) -> &'static str {
        DASHES[self.look % DASHES.len()]
    }

    fn opacity(&self) -> f64 {
        if matches!(self.shape, Shape::Bars(_)) { 0.35 } else { 0.18 }
    }

    fn draw(&self, body: &mut String, place: &Placing) {
        let (colour, dash, opacity) = (self.colour(), self.dash(), self.opacity());
        let path = |points: &mut dyn Iterator<Item = (f64, f64)>| {
            let points: Vec<String> = points
                .filter(|(x, y)| x.is_finite() && y.is_finite())
                .map(|(x, y)| format!("{:.1},{:.1}", place.x(x), place.y(y)))
                .collect();
            points.join(" ")
        };
        let _ = match &self.shape {
            Shape::Line(points) => {
                let points = path(&mut points.iter().copied());
                writeln!(body, r#"<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>"#)
            }
            Shape::Band(points) => {
                let there = points.iter().map(|&(x, low, _)| (x, low));
                let back = points.iter().rev().map(|&(x, _, high)| (x, high));
                writeln!(body, r#"<polygon points="{}" fill="{colour}" fill-opacity="{opacity}"/>"#, path(&mut there.chain(back)))
            }
            Shape::Bars(bars) => {
                let ends = |bar: Option<&(f64, f64, f64)>, right: bool| bar.map(|bar| (if right { bar.1 } else { bar.0 }, 0.0));
                let tops = bars.iter().flat_map(|&(left, right, height)| [(left, height), (right, height)]);
                let outline = ends(bars.first(), false).into_iter().chain(tops).chain(ends(bars.last(), true));
                let points = path(&mut outline.into_iter());
                writeln!(
                    body,
                    r#"<polygon points="{points}" fill="{colour}" fill-opacity="{opacity}" stroke="{colour}" stroke-width="1.5" stroke-dasharray="{dash}"/>"#
                )
            }
        };
    }
}

/// From values to places on the page.
struct Placing {
    low_x: f64,
    high_x: f64,
    low: f64,
    high: f64,
    top: f64,
    log: bool,
}

impl Placing {
    fn x(&self, x: f64) -> f64 {
        let along = if self.log { |x: f64| x.max(f64::MIN_POSITIVE).ln() } else { |x: f64| x };
        LEFT + share(along(x), along(self.low_x), along(self.high_x)) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, y: f64) -> f64 {
        self.top + (1.0 - share(y, self.low, self.high)) * (PANEL - TOP - BOTTOM)
    }
}

/// How far a value lies between two; half-way where they are the same.
fn share(value: f64, low: f64, high: f64) -> f64 {
    if high > low { (value - low) / (high - low) } else { 0.5 }
}

/// Four to eight round numbers that cover a range: multiples of 1, 2 or 5 times a power of ten, with one beyond each end that is none.
/// `smallest` is the least step worth telling where the range is a point.
fn ticks(low: f64, high: f64, smallest: f64) -> Vec<f64> {
    let span = if high > low { high - low } else { smallest.max(low.abs() * 0.1).max(1e-3) };
    let raw = span / 5.0;
    let power = 10f64.powf(raw.log10().floor());
    let width = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|&width| width >= raw * 0.999).unwrap_or(10.0 * power);
    let (first, last) = ((low / width + 1e-9).floor(), (high / width - 1e-9).ceil());
    let count = (last - first).clamp(1.0, 20.0) as usize;
    (0..=count).map(|tick| (first + tick as f64) * width).collect()
}

/// 1, 2, 5, 10, … within a range; powers of ten alone where these would be many.
fn decades(low: f64, high: f64) -> Vec<f64> {
    let (low, high) = (low.max(1e-9), high.max(1e-9));
    let factors: &[f64] = if (high / low).log10() > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let powers = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    let all = powers.flat_map(|power| factors.iter().map(move |factor| factor * 10f64.powi(power)));
    all.filter(|tick| (low * 0.999..=high * 1.001).contains(tick)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture;
    use proptest::prelude::*;

    #[test]
    fn ticks_are_round_and_cover_the_range() {
        assert_eq!(ticks(0.0, 1.0, 0.01).len(), 6);
        assert_eq!(ticks(3.0, 97.0, 1.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(5.0, 5.0, 1.0), [5.0, 5.2]);
        assert_eq!(decades(1.0, 300.0), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0]);
    }

    #[test]
    fn a_run_is_drawn_and_one_without_epochs_is_not() {
        let records: Vec<Record> =
            fixture::events().into_iter().zip(0..).map(|(event, sequence)| Record { sequence, seconds: 0.0, event }).collect();
        let drawn = pictures(&records, None);
        let names: Vec<&str> = drawn.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["drop-probabilities.svg", "loss.svg", "accuracy.svg"]);
        assert!(
            drawn
                .iter()
                .all(|(_, svg)| svg.starts_with("<svg") && svg.ends_with("</svg>\n") && !svg.contains("NaN") && !svg.contains("inf"))
        );
        assert!(pictures(&records[..1], None).is_empty());
    }

    #[test]
    fn quartiles_are_those_of_the_numbers() {
        assert_eq!(five(&[0.5, 0.0, 1.0, 0.25, 0.75, f32::NAN]), Some([0.0, 0.25, 0.5, 0.75, 1.0]));
        assert_eq!(five(&[]), None);
    }

    proptest! {
        #[test]
        fn any_numbers_are_drawn_within_the_page(values in proptest::collection::vec((any::<f64>(), any::<f64>()), 1..20), log in any::<bool>()) {
            let values: Vec<(f64, f64)> = values.into_iter().map(|(x, y)| (x.clamp(-1e12, 1e12), y.clamp(-1e12, 1e12))).collect();
            let scale = if log { Scale::Log } else { Scale::Percent };
            let marks = vec![Mark { name: "<a>".into(), look: 9, shape: Shape::Line(values) }];
            let panel = Panel { x: "x", y: "y", scale, percent: true, from_zero: false, marks };
            if let Some(svg) = picture("&", &[panel]) {
                prop_assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{svg}");
            }
        }
    }
}
