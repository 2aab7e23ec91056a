//! The comparison: histograms of posterior and baseline over one axis, the sentence under them, the numbers, and what more samples buy.

use super::paint::{Brush, broken, share3};
use super::theme::{Glyphs, Role};
use crate::app::{ActionId, App, Histogram, Pane, Run, View, histogram, means, verdict};
use crate::export::{Baseline, BestOfPoint, Comparison, comparison_facts};
use crate::run::Source;
use ratatui::layout::Rect;

/// Columns of the axis of counts.
const AXIS: u16 = 6;
/// Columns of a bin. One alone is narrower than the share of a single image, and every other bin would be empty.
const BIN: u16 = 2;
/// Columns of the name of a fact.
const NAME: u16 = 27;
/// Columns of the longest fact of the first half, its name among them; those of the second half have fewer.
const FACT: u16 = 71;

/// Lines of the histogram and of the best of n that are worth their place.
const PLOT: u16 = 4;
const BEST: u16 = 7;

/// What the screen tells beside its pictures.
struct Told {
    sentence: String,
    facts: Vec<(String, String)>,
}

fn told(run: &Run) -> Told {
    let comparison = run.comparison();
    let facts = comparison.map_or_else(Vec::new, |(comparison, baseline)| comparison_facts(comparison, baseline));
    let facts = facts.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
    Told { sentence: comparison.map_or_else(|| instead(run), |(comparison, baseline)| verdict(comparison, baseline)), facts }
}

impl Told {
    /// Whether the facts stand in two columns, so that the histogram keeps half of the screen.
    fn is_wide(width: u16) -> bool {
        width >= 2 * FACT - 12
    }

    /// Lines of the facts.
    fn rows(&self, width: u16) -> u16 {
        (if Self::is_wide(width) { self.facts.len().div_ceil(2) } else { self.facts.len() }) as u16
    }

    /// Whether all of it has room beside both pictures.
    fn fits(&self, area: Rect) -> bool {
        let inner = area.width.saturating_sub(4);
        let lines = 1 + broken(&self.sentence, inner).len() as u16 + self.rows(inner) + 2 + PLOT;
        inner >= FACT && area.height / 3 >= BEST && area.height - area.height / 3 >= lines + 2
    }
}

/// Whether all of a comparison shows at once in an area; on pages otherwise.
pub(super) fn fits_whole(run: &Run, area: Rect) -> bool {
    told(run).fits(area)
}

pub(super) fn draw(app: &App, run: &Run, area: Rect, brush: &mut Brush<'_>) {
    let told = told(run);
    if run.comparison().is_none() || (told.fits(area) && !app.expanded()) {
        return whole(app, run, &told, area, brush);
    }
    let pages = View::Compare.panes();
    let page = pages.iter().position(|&pane| pane == app.focus()).unwrap_or(0);
    let inner = match pages[page] {
        Pane::BestOf => best_of_n(run.comparison(), area, true, brush),
        Pane::Facts => facts_page(app, &told, area, brush),
        _ => {
            let inner = brush.panel(area, &title(run), &subject(app, run), true);
            pictured(run, &told.sentence, inner, brush);
            inner
        }
    };
    brush.page(inner, page, pages.len(), &app.keymap().first(&[ActionId::NextPane]));
}

fn title(run: &Run) -> String {
    format!("Posterior against {}", run.baseline().label())
}

/// The histogram over the sentence, which has its room first.
fn pictured(run: &Run, sentence: &str, inner: Rect, brush: &mut Brush<'_>) {
    let lines = (broken(sentence, inner.width).len() as u16).min(inner.height);
    let signs = legend(run, brush);
    let legend_lines = if signs.iter().map(|(text, _)| text.trim_end().chars().count() + 3).sum::<usize>() <= usize::from(inner.width) + 3 {
        1
    } else {
        2
    };
    let upper = inner.height - lines;
    // Bars without the signs' meaning still show where the two lie.
    let legend_lines = if upper > legend_lines + 3 { legend_lines } else { 0 };
    if upper > 2 {
        let plot = upper - legend_lines - 2;
        histogram_of(run, inner, plot, brush);
        brush.pieces(Rect { y: inner.y + plot + 2, height: legend_lines, ..inner }, &signs);
    }
    brush.wrapped(Rect { y: inner.bottom() - lines, height: lines, ..inner }, sentence, Role::Text);
}

/// The histogram with its axis under so many lines of bars.
fn histogram_of(run: &Run, inner: Rect, tall: u16, brush: &mut Brush<'_>) {
    let plot = Rect { x: inner.x + AXIS.min(inner.width), width: inner.width.saturating_sub(AXIS), height: tall, ..inner };
    if let Some(bins) = histogram(run, usize::from(plot.width / BIN)).filter(|_| plot.height > 0) {
        bars(&bins, plot, brush);
        axis(&bins, plot, brush);
    } else if run.candidates().is_empty() {
        brush.text(inner.x, inner.y, inner.width, "no candidate is ranked yet", Role::Quiet);
    }
}

/// All facts, a value under its name where both have no room in a line.
fn facts_page(app: &App, told: &Told, area: Rect, brush: &mut Brush<'_>) -> Rect {
    let inner = brush.panel(area, "In numbers", "", true);
    let is_narrow = inner.width < FACT;
    let mut lines: Vec<(String, String)> = Vec::new();
    for (name, value) in &told.facts {
        if is_narrow {
            lines.push((name.clone(), String::new()));
        }
        let parts = broken(value, if is_narrow { inner.width - 2 } else { inner.width - NAME });
        lines.extend(
            parts.into_iter().enumerate().map(|(at, part)| (if at == 0 && !is_narrow { name.clone() } else { String::new() }, part)),
        );
    }
    let room = usize::from(inner.height);
    brush.reach.down = Some(lines.len().saturating_sub(room));
    let first = app.scroll().min(lines.len().saturating_sub(room));
    brush.more(inner, first, room, lines.len());
    let indent = if is_narrow { 2 } else { NAME };
    for (y, (name, value)) in (inner.y..inner.bottom()).zip(lines.iter().skip(first)) {
        brush.text(inner.x, y, inner.width, name, Role::Quiet);
        brush.text(inner.x + indent, y, inner.width - indent, value, Role::Text);
    }
    inner
}

/// Both pictures, the sentence and the facts at once; without a comparison, what is there of it.
fn whole(app: &App, run: &Run, told: &Told, area: Rect, brush: &mut Brush<'_>) {
    let below = if area.height >= 22 { area.height / 3 } else { 0 };
    if below > 0 {
        let lower = Rect { y: area.bottom() - below, height: below, ..area };
        best_of_n(run.comparison(), lower, app.focus() == Pane::BestOf, brush);
    }
    let area = Rect { height: area.height - below, ..area };
    let inner = brush.panel(area, &title(run), &subject(app, run), app.focus() != Pane::BestOf);
    let rows = told.rows(inner.width).min(inner.height);
    let upper = Rect { height: inner.height - rows, ..inner };
    pictured(run, &told.sentence, upper, brush);
    let list = Rect { y: upper.bottom(), height: rows, ..inner };
    let wide = Told::is_wide(inner.width);
    for (number, (name, value)) in told.facts.iter().enumerate() {
        let (column, row) = (number / usize::from(rows.max(1)), (number % usize::from(rows.max(1))) as u16);
        let x = list.x + column as u16 * FACT;
        if row < list.height {
            brush.text(x, list.y + row, NAME, name, Role::Quiet);
            let end = if wide && column == 0 { x + FACT - 1 } else { list.right() };
            brush.text(x + NAME, list.y + row, end.saturating_sub(x + NAME), value, Role::Text);
        }
    }
}

/// On which images, and the key that goes on to another baseline.
fn subject(app: &App, run: &Run) -> String {
    let key = app.keymap().first(&[ActionId::Baseline]);
    let others = if super::can(app, ActionId::Baseline) && !key.is_empty() {
        let others: Vec<&str> = run.baselines().into_iter().filter(|&source| source != run.baseline()).map(Source::label).collect();
        format!("{key}: {} · ", others.join(", "))
    } else {
        String::new()
    };
    let images = run.compared().and_then(|compared| Some((compared.comparison.as_ref()?.images as usize, compared.most_asked)));
    match images {
        Some((images, most)) if images < most => {
            format!("{others}the first {images} of {most} select images: those that the race asked all")
        }
        Some((images, _)) => format!("{others}{images} select images"),
        None => format!("{others}select accuracy of candidates"),
    }
}

/// The first baseline of which some will be ranked.
fn planned(run: &Run) -> Option<Source> {
    let started = run.started()?;
    let counts = [started.random_candidates, started.uniform_candidates, started.constant_candidates];
    Source::BASELINES.into_iter().zip(counts).find(|&(_, count)| count > 0).map(|(source, _)| source)
}

/// What is told before the answers are there, or where they are not.
fn instead(run: &Run) -> String {
    let means = means(run).unwrap_or_default();
    let why = match (run.reading_fault(), run.compared()) {
        (Some(fault), _) => format!("! {fault}"),
        _ if run.candidates().is_empty() => return String::new(),
        (None, Some(compared)) if compared.candidates == 0 => {
            "The run has no list of the answers to each image, so that no more can be told.".to_owned()
        }
        // Those of a sample now are of the posterior alone.
        (None, Some(_)) if run.is_live() && planned(run).is_some() => {
            let source = planned(run).map_or("", Source::label);
            format!("{}{} candidates are ranked when training ends.", source[..1].to_uppercase(), &source[1..])
        }
        (None, Some(_)) => {
            "There is nothing to compare: rank.random, rank.uniform and rank.constant say how many of a baseline are ranked.".to_owned()
        }
        _ => "Reading which images each candidate gets right …".to_owned(),
    };
    format!("{means} {why}")
}

/// The signs of the histogram.
fn legend(run: &Run, brush: &Brush<'_>) -> Vec<(String, Role)> {
    let (full, light, both) = signs(brush);
    let baseline = run.baseline();
    vec![
        (format!("{full} {} posterior", run.count(Source::Posterior)), Role::Kept),
        (format!("{light} {} {}", run.count(baseline), baseline.label()), Role::Dropped),
        (format!("{both} both"), Role::Text),
        ("W whole   T threshold".to_owned(), Role::Quiet),
    ]
}

/// The signs of posterior, baseline and both.
fn signs(brush: &Brush<'_>) -> (&'static str, &'static str, &'static str) {
    (brush.look.sign("█", "#"), brush.look.sign("░", ":"), brush.look.sign("▓", "%"))
}

/// What the best of n is on images that did not choose it, over n: the expectation as a line, the middle 95 % of draws filled.
fn best_of_n(told: Option<(&Comparison, &Baseline)>, area: Rect, focused: bool, brush: &mut Brush<'_>) -> Rect {
    let what =
        ["chosen on one half of the images, accuracy on the other · middle 95 % of draws", "accuracy on the other half of the images"];
    let what = what.iter().find(|text| text.chars().count() + 20 <= usize::from(area.width)).copied().unwrap_or_default();
    let inner = brush.panel(area, "Best of n", what, focused);
    let Some((comparison, baseline)) = told.filter(|_| inner.height > 1) else { return inner };
    let sides = [&comparison.posterior.best_of, &baseline.drawn.best_of];
    let end = sides.iter().filter_map(|curve| curve.last()).map(across).fold(0.1, f64::max);
    let points = || sides.iter().flat_map(|curve| curve.iter());
    let low = points().map(|point| point.low).fold(f64::INFINITY, f64::min);
    let high = points().map(|point| point.high).fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return inner;
    }
    let (low, high) = if high - low < 1e-9 { (low - 0.005, high + 0.005) } else { (low, high) };
    let plot = Rect { height: inner.height - 1, ..inner };
    let lines = sides.map(|curve| curve.iter().map(|point| (across(point), point.accuracy)).collect::<Vec<_>>());
    brush.curves(plot, &[(&lines[0], Role::Kept), (&lines[1], Role::Dropped)], (0.0, end), false, Some((low, high)));
    bands(sides, plot, (end, low, high), brush);
    let y = inner.bottom() - 1;
    brush.text(inner.x + 6, y, inner.width.saturating_sub(6), "n = 1", Role::Quiet);
    let (full, dashed) = (brush.look.sign("──", "--"), brush.look.sign("╌╌", "- "));
    let text = format!("{full} posterior ({})   {dashed} {} (:)", brush.look.sign("·", "."), baseline.drawn.source.label());
    let last = format!("{:.0}", 10f64.powf(end));
    // As much as stands there whole: that both fill a place, and that every tenfold has the same columns.
    let variants = [(format!("{text}   + both"), format!("log axis  {last}")), (format!("{text}   + both"), last.clone()), (text, last)];
    let fits = |told: &&(String, String)| 16 + told.0.chars().count() + told.1.len() <= usize::from(inner.width);
    if let Some((text, last)) = variants.iter().find(fits).or(variants.last()) {
        brush.text(inner.x + 14, y, inner.width.saturating_sub(16 + last.len() as u16), text, Role::Quiet);
        brush.right(inner, y, last, Role::Quiet);
    }
    inner
}

/// Where so many samples stand on the axis: its logarithm.
fn across(point: &BestOfPoint) -> f64 {
    (point.samples as f64).log10()
}

/// Fills where the middle of the draws lies, wherever no line runs; on the axes of [`Brush::curves`].
fn bands(sides: [&Vec<BestOfPoint>; 2], area: Rect, (end, low, high): (f64, f64, f64), brush: &mut Brush<'_>) {
    if area.width < AXIS + 4 || area.height < 2 {
        return;
    }
    let plot = Rect { x: area.x + AXIS, width: area.width - AXIS, ..area };
    for x in 0..plot.width {
        let samples = 10f64.powf(end * f64::from(x) / f64::from(plot.width - 1)).round().max(1.0) as usize;
        for y in 0..plot.height {
            let value = high - (high - low) * (f64::from(y) + 0.5) / f64::from(plot.height);
            let within = sides.map(|curve| curve.get(samples - 1).is_some_and(|point| (point.low..=point.high).contains(&value)));
            let (sign, role) = match within {
                [true, true] => ("+", Role::Quiet),
                [true, false] => (brush.look.sign("·", "."), Role::Kept),
                [false, true] => (":", Role::Dropped),
                [false, false] => continue,
            };
            let style = brush.look.style(role);
            if let Some(cell) = brush.buffer.cell_mut((plot.x + x, plot.y + y)).filter(|cell| cell.symbol() == " ") {
                cell.set_symbol(sign).set_style(style);
            }
        }
    }
}

/// Posterior and baseline over one another; a sign of its own where both are.
fn bars(bins: &Histogram, plot: Rect, brush: &mut Brush<'_>) {
    const EIGHTHS: [&str; 8] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇"];
    let most = bins.posterior.iter().chain(&bins.baseline).copied().max().unwrap_or(0).max(1);
    brush.text(plot.x - AXIS.min(plot.x), plot.y, AXIS - 1, &format!("{most:>5}"), Role::Quiet);
    brush.text(plot.x - AXIS.min(plot.x), plot.bottom() - 1, AXIS - 1, "    0", Role::Quiet);
    let (tall, unicode) = (usize::from(plot.height), brush.look.glyphs != Glyphs::Ascii);
    let (full, light, both) = signs(brush);
    for (x, (&posterior, &baseline)) in (plot.x..plot.right()).step_by(BIN.into()).zip(bins.posterior.iter().zip(&bins.baseline)) {
        let (units, behind) = ((posterior * tall * 8).div_ceil(most), (baseline * tall).div_ceil(most));
        for (row, y) in (plot.y..plot.bottom()).rev().enumerate() {
            let filled = units.saturating_sub(row * 8).min(8);
            let (sign, role) = match (filled, row < behind) {
                (0, false) => continue,
                // The lowest cell of a bar is never lost, however low the bar.
                (filled, true) if filled >= 4 || (row == 0 && filled > 0) => (both, Role::Text),
                (_, true) => (light, Role::Dropped),
                (8, false) => (full, Role::Kept),
                (part, false) if unicode => (EIGHTHS[part], Role::Kept),
                (_, false) => (full, Role::Kept),
            };
            brush.text(x, y, BIN, &sign.repeat(BIN.into()), role);
        }
    }
}

/// The axis of accuracies, with the references as letters.
fn axis(bins: &Histogram, plot: Rect, brush: &mut Brush<'_>) {
    let y = plot.bottom();
    brush.text(plot.x, y, plot.width, &brush.look.sign("─", "-").repeat(usize::from(plot.width)), Role::Border);
    let letter = |source: Source| if source == Source::Whole { "W" } else { "T" };
    for &(_, bin) in &bins.references {
        // Those of one bin beside one another, for which it has the columns.
        let mut letters: Vec<&str> = bins.references.iter().filter(|other| other.1 == bin).map(|other| letter(other.0)).collect();
        letters.sort_unstable_by(|a, b| b.cmp(a));
        letters.dedup();
        brush.text(plot.x + BIN * bin as u16, y, BIN, &letters.concat(), Role::Title);
    }
    let numbers = Rect { y: y + 1, height: 1, ..plot };
    brush.text(numbers.x, numbers.y, numbers.width, &share3(bins.low), Role::Quiet);
    brush.right(numbers, numbers.y, &share3(bins.high), Role::Quiet);
    let middle = share3(f64::midpoint(bins.low, bins.high));
    brush.text(numbers.x + numbers.width / 2, numbers.y, numbers.width / 2, &middle, Role::Quiet);
}

#[cfg(test)]
mod tests {
    use super::super::theme::{Depth, Look};
    use super::*;
    use ratatui::buffer::Buffer;

    fn painted(glyphs: Glyphs, area: Rect, draw: impl Fn(&mut Brush<'_>)) -> Vec<String> {
        let look = Look::load("dark", Depth::None, glyphs).unwrap();
        let mut buffer = Buffer::empty(area);
        draw(&mut Brush::new(&mut buffer, &look));
        (0..area.height).map(|y| (0..area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned()).collect()
    }

    #[test]
    fn where_bars_overlap_both_are_seen_without_colour() {
        // The posterior above the baseline, below it, alone, and a bar of an eighth of a cell behind a tall one.
        let bins = Histogram { low: 0.0, high: 1.0, posterior: vec![32, 16, 32, 1], baseline: vec![16, 32, 0, 32], references: vec![] };
        let plot = Rect::new(AXIS, 0, 8, 4);
        let shown = |glyphs| painted(glyphs, Rect::new(0, 0, 14, 4), |brush| bars(&bins, plot, brush));
        let bars = |lines: Vec<String>| lines.iter().map(|line| line.chars().skip(usize::from(AXIS)).collect()).collect::<Vec<String>>();
        assert_eq!(bars(shown(Glyphs::Unicode)), ["██░░██░░", "██░░██░░", "▓▓▓▓██░░", "▓▓▓▓██▓▓"]);
        assert_eq!(bars(shown(Glyphs::Ascii)), ["##::##::", "##::##::", "%%%%##::", "%%%%##%%"]);
    }

    #[test]
    fn references_of_one_bin_are_both_named() {
        let shown = |references| {
            let bins = Histogram { low: 0.0, high: 1.0, posterior: vec![1; 4], baseline: vec![1; 4], references };
            painted(Glyphs::Ascii, Rect::new(0, 0, 8, 2), |brush| axis(&bins, Rect::new(0, 0, 8, 0), brush))
        };
        assert_eq!(shown(vec![(Source::Whole, 1), (Source::Threshold, 1)])[0], "--WT----");
        assert_eq!(shown(vec![(Source::Threshold, 3), (Source::Whole, 0)])[0], "W-----T-");
    }

    #[test]
    fn the_middle_of_the_draws_is_filled_around_the_lines() {
        let curve = |low: f64| -> Vec<BestOfPoint> {
            (1..=10).map(|samples| BestOfPoint { samples, accuracy: low + 0.05, low, high: low + 0.1 }).collect()
        };
        let (posterior, baseline) = (curve(0.8), curve(0.6));
        let area = Rect::new(0, 0, 30, 9);
        let shown = painted(Glyphs::Ascii, area, |brush| bands([&posterior, &baseline], area, (1.0, 0.6, 0.9), brush));
        let rows: String = shown.iter().map(|line| line.chars().nth(20).unwrap_or(' ')).collect();
        assert_eq!(rows, "...   :::");
    }
}
