//! What averaging several networks buys, as text for people.

use super::text::percent;
use crate::posterior::statistics::Spread;
use crate::run::Averaging;

/// What the table is.
pub(super) const ABOUT: &str = "\
The mean prediction of the best k posterior candidates, chosen on one half of the select images and judged on the other, and of any k of \
them judged on the same halves: the mean over both ways of all splits, with the middle 95 % of them. k = 1 is the best single network.";

/// What `pgnas ensemble` prints.
#[must_use]
pub fn averaging_text(averaging: &Averaging) -> String {
    let rows = rows(averaging);
    let widths: Vec<usize> =
        (0..rows[0].len()).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}")).collect();
        format!("  {}\n", cells.join("   "))
    };
    let (run, count, images) = (&averaging.run, averaging.ranking.len(), averaging.images);
    let table: String = rows.iter().map(line).collect();
    format!("{run}: {count} posterior candidates on {images} select images\n\n{ABOUT}\n\n{table}")
}

/// The table, its head first.
pub(super) fn rows(averaging: &Averaging) -> Vec<Vec<String>> {
    let head = ["k", "best k", "gain", "NLL", "Brier", "calibration error", "any k", "NLL", "Brier", "calibration error"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let accuracy = |spread: &Spread| {
        let (low, high) = (100.0 * spread.low.accuracy, 100.0 * spread.high.accuracy);
        format!("{} ({low:.1}–{high:.1})", percent(spread.mean.accuracy))
    };
    let others = |spread: &Spread| {
        let mean = spread.mean;
        [format!("{:.3}", mean.nll), format!("{:.3}", mean.brier), format!("{:.1} %", 100.0 * mean.calibration_error)]
    };
    for point in &averaging.averaged {
        let gain = point.gain;
        let gain = format!("{:+.1} ({:+.1} to {:+.1})", 100.0 * gain.mean.accuracy, 100.0 * gain.low.accuracy, 100.0 * gain.high.accuracy);
        let cells = [point.members.to_string(), accuracy(&point.best), gain].into_iter().chain(others(&point.best));
        rows.push(cells.chain([accuracy(&point.sampled)]).chain(others(&point.sampled)).collect());
    }
    rows
}
