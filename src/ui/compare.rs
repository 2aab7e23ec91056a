//! The comparison: histograms of posterior and random candidates over one axis, and the sentence under them.

use super::paint::{Brush, share3};
use super::theme::{Glyphs, Role};
use crate::app::{Histogram, Run, best_of, comparison, histogram};
use crate::run::Source;
use ratatui::layout::Rect;

/// Columns of the axis of counts.
const AXIS: u16 = 6;
/// Columns of a bin. One alone is narrower than the share of a single image, and every other bin would be empty.
const BIN: u16 = 2;

pub(super) fn draw(run: &Run, area: Rect, brush: &mut Brush<'_>) {
    let below = if area.height >= 22 { area.height / 3 } else { 0 };
    if below > 0 {
        curve(run, Rect { y: area.bottom() - below, height: below, ..area }, brush);
    }
    let area = Rect { height: area.height - below, ..area };
    let inner = brush.panel(area, "Posterior against random", "select accuracy of candidates", true);
    let sentence = comparison(run);
    let lower = 4.min(inner.height);
    let plot = Rect {
        x: inner.x + AXIS.min(inner.width),
        width: inner.width.saturating_sub(AXIS),
        height: inner.height.saturating_sub(lower + 2),
        ..inner
    };
    match histogram(run, usize::from(plot.width / BIN)).filter(|_| plot.height > 0) {
        Some(bins) => {
            bars(&bins, plot, brush);
            axis(&bins, plot, brush);
        }
        None => drop(brush.text(inner.x, inner.y, inner.width, "no candidate is ranked yet", Role::Quiet)),
    }
    let told = Rect { y: inner.bottom() - lower, height: lower, ..inner };
    let mut x = told.x;
    let (full, line) = (brush.look.sign("█", "#"), brush.look.sign("▔", "o"));
    x += brush.text(x, told.y, told.right().saturating_sub(x), &format!("{full} posterior   "), Role::Kept);
    x += brush.text(x, told.y, told.right().saturating_sub(x), &format!("{line} random   "), Role::Dropped);
    brush.text(x, told.y, told.right().saturating_sub(x), "W whole   T threshold", Role::Quiet);
    let rest = Rect { y: told.y + 1, height: told.height.saturating_sub(1), ..told };
    brush.wrapped(rest, &sentence.unwrap_or_default(), Role::Text);
}

/// The expected best of n candidates, over the number of candidates.
fn curve(run: &Run, area: Rect, brush: &mut Brush<'_>) {
    let inner = brush.panel(area, "Best of n", "expected select accuracy; the images that choose also report", false);
    let Some(epoch) = run.candidates().last().map(|score| score.epoch) else { return };
    let of = |source| -> Vec<(f64, f64)> {
        let points = best_of(&run.accuracies(source, epoch), usize::from(inner.width));
        points.into_iter().map(|(n, best)| ((n as f64).log10(), best)).collect()
    };
    let (posterior, random) = (of(Source::Posterior), of(Source::Random));
    let end = posterior.iter().chain(&random).map(|(x, _)| *x).fold(0.0, f64::max);
    let plot = Rect { height: inner.height.saturating_sub(1), ..inner };
    brush.curves(plot, &[(&posterior, Role::Kept), (&random, Role::Dropped)], (0.0, end.max(0.1)), false, None);
    let y = inner.bottom().saturating_sub(1);
    brush.text(inner.x + 6, y, inner.width.saturating_sub(6), "n = 1", Role::Quiet);
    let (full, dashed) = (brush.look.sign("──", "--"), brush.look.sign("╌╌", "- "));
    brush.text(inner.x + 14, y, inner.width.saturating_sub(24), &format!("{full} posterior   {dashed} random"), Role::Quiet);
    brush.right(inner, y, &format!("{:.0}", 10f64.powf(end)), Role::Quiet);
}

/// Posterior filled, random as an outline over it.
fn bars(bins: &Histogram, plot: Rect, brush: &mut Brush<'_>) {
    const EIGHTHS: [&str; 8] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇"];
    let most = bins.posterior.iter().chain(&bins.random).copied().max().unwrap_or(0).max(1);
    brush.text(plot.x - AXIS.min(plot.x), plot.y, AXIS - 1, &format!("{most:>5}"), Role::Quiet);
    brush.text(plot.x - AXIS.min(plot.x), plot.bottom() - 1, AXIS - 1, "    0", Role::Quiet);
    let (tall, unicode) = (usize::from(plot.height), brush.look.glyphs != Glyphs::Ascii);
    let full = brush.look.sign("█", "#");
    for (x, (&posterior, &random)) in (plot.x..plot.right()).step_by(BIN.into()).zip(bins.posterior.iter().zip(&bins.random)) {
        let units = (posterior * tall * 8).div_ceil(most);
        for (row, y) in (plot.y..plot.bottom()).rev().enumerate() {
            let filled = units.saturating_sub(row * 8).min(8);
            let sign = match filled {
                8 => full,
                0 => continue,
                part if unicode => EIGHTHS[part],
                _ => full,
            };
            brush.text(x, y, BIN, &sign.repeat(BIN.into()), Role::Kept);
        }
        if random > 0 {
            let height = (random * tall).div_ceil(most).clamp(1, tall) as u16;
            let line = brush.look.sign("▔", "o").repeat(BIN.into());
            brush.text(x, plot.bottom() - height, BIN, &line, Role::Dropped);
        }
    }
}

/// The axis of accuracies, with the references as letters.
fn axis(bins: &Histogram, plot: Rect, brush: &mut Brush<'_>) {
    let y = plot.bottom();
    brush.text(plot.x, y, plot.width, &brush.look.sign("─", "-").repeat(usize::from(plot.width)), Role::Border);
    for &(source, bin) in &bins.references {
        let letter = if source == Source::Whole { "W" } else { "T" };
        brush.text(plot.x + BIN * bin as u16, y, 1, letter, Role::Title);
    }
    let numbers = Rect { y: y + 1, height: 1, ..plot };
    brush.text(numbers.x, numbers.y, numbers.width, &share3(bins.low), Role::Quiet);
    brush.right(numbers, numbers.y, &share3(bins.high), Role::Quiet);
    let middle = share3(f64::midpoint(bins.low, bins.high));
    brush.text(numbers.x + numbers.width / 2, numbers.y, numbers.width / 2, &middle, Role::Quiet);
}
