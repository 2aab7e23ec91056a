//! The panes beside the network: curves, posterior, candidates.

use super::paint::{Brush, share2, share3, short};
use super::theme::Role;
use crate::app::{Run, sentence};
use crate::run::Source;
use ratatui::layout::Rect;

pub(super) fn curves(run: &Run, area: Rect, focused: bool, brush: &mut Brush<'_>) {
    let scale = if run.log_curves() { "log y" } else { "" };
    let inner = brush.panel(area, "Curves", scale, focused);
    let (Some(last), Some(started)) = (run.epochs().last(), run.started()) else {
        brush.text(inner.x, inner.y, inner.width, "no epoch has ended yet", Role::Quiet);
        return;
    };
    let series = |value: &dyn Fn(&crate::run::EpochMetrics) -> f64| -> Vec<(f64, f64)> {
        run.epochs().iter().map(|epoch| (f64::from(epoch.epoch), value(epoch))).collect()
    };
    let (loss, kl) = (series(&|epoch| epoch.cross_entropy), series(&|epoch| epoch.kl));
    let (train, select) = (series(&|epoch| epoch.train_accuracy), series(&|epoch| epoch.select_accuracy));
    if inner.height < 5 {
        let text =
            format!("loss {:.3}  train {}  select {}", last.cross_entropy, share3(last.train_accuracy), share3(last.select_accuracy));
        brush.text(inner.x, inner.y, inner.width, &text, Role::Text);
        return;
    }
    let end = f64::from(started.epochs);
    let half = (inner.height - 1) / 2;
    let upper = Rect { height: half, ..inner };
    let lower = Rect { y: inner.y + half, height: inner.height - 1 - half, ..inner };
    let mut left_out = brush.curves(upper, &[(&loss, Role::SeriesA), (&kl, Role::SeriesB)], end, run.log_curves());
    left_out += brush.curves(lower, &[(&train, Role::SeriesC), (&select, Role::SeriesD)], end, false);
    // Losses fall and accuracies rise, so that these corners are the free ones.
    let dashes = (brush.look.sign("──", "--"), brush.look.sign("╌╌", "- "));
    legend(
        brush,
        upper,
        upper.y,
        &[
            (format!("loss {:.3} {}", last.cross_entropy, dashes.0), Role::SeriesA),
            (format!("KL {:.3} {}", last.kl, dashes.1), Role::SeriesB),
        ],
    );
    legend(
        brush,
        lower,
        lower.bottom() - 1,
        &[
            (format!("train {} {}", share3(last.train_accuracy), dashes.0), Role::SeriesC),
            (format!("select {} {}", share3(last.select_accuracy), dashes.1), Role::SeriesD),
        ],
    );
    let y = inner.bottom() - 1;
    brush.text(inner.x + 6, y, 3, "0", Role::Quiet);
    let middle = format!("learning rate {}", short(last.learning_rate));
    brush.text(inner.x + 10, y, inner.width.saturating_sub(18), &middle, Role::Quiet);
    brush.right(inner, y, &format!("{} ep", started.epochs), Role::Quiet);
    if left_out > 0 {
        brush.text(inner.x + 10, upper.y, inner.width.saturating_sub(10), &format!("{left_out} not finite"), Role::Danger);
    }
}

fn legend(brush: &mut Brush<'_>, area: Rect, y: u16, entries: &[(String, Role)]) {
    let wide = entries.iter().map(|(text, _)| text.chars().count() as u16 + 2).sum::<u16>();
    let mut x = area.right().saturating_sub(wide).max(area.x) + 2;
    for (text, role) in entries {
        x += brush.text(x, y, area.right().saturating_sub(x), text, *role) + 2;
    }
}

/// The whole posterior: groups from top to bottom, epochs from left to right, drop probability as shade; at the right where each row
/// stands now.
pub(super) fn posterior(run: &Run, area: Rect, focused: bool, brush: &mut Brush<'_>) {
    const NOW: u16 = 5;
    let count = run.started().map_or(0, |started| started.network.groups.len());
    let inner = brush.panel(area, "Posterior", &format!("drop rate, {count} groups × epochs"), focused);
    let Some(health) = run.health() else {
        brush.text(inner.x, inner.y, inner.width, "no epoch has ended yet", Role::Quiet);
        return;
    };
    let strip = Rect { height: inner.height.saturating_sub(3), width: inner.width.saturating_sub(NOW), ..inner };
    let strip = Rect { height: strip.height.min(count as u16), ..strip };
    let epochs = run.started().map_or(1, |started| started.epochs.max(1)) as usize;
    let shades =
        if brush.look.glyphs == super::theme::Glyphs::Unicode { ["·", "░", "▒", "▓", "█"] } else { [".", "-", "+", "x", "#"] };
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (sum, number) = values.fold((0.0, 0.0), |(sum, number), value| (sum + value, number + 1.0));
        (number > 0.0).then(|| sum / number)
    };
    for row in 0..usize::from(strip.height) {
        let tall = usize::from(strip.height);
        let groups = row * count / tall..((row + 1) * count / tall).min(count);
        let y = strip.y + row as u16;
        for column in 0..usize::from(strip.width) {
            let Some(epoch) = run.epochs().get(column * epochs / usize::from(strip.width)) else { break };
            let values = epoch.drop_probabilities.get(groups.clone()).unwrap_or_default();
            let Some(drop) = mean(&mut values.iter().map(|&p| f64::from(p))) else { continue };
            let level = ((drop * 5.0) as usize).min(4);
            let role = if level == 0 { Role::Quiet } else { Role::Dropped };
            brush.text(strip.x + column as u16, y, 1, shades[level], role);
        }
        if let Some(now) = mean(&mut groups.filter_map(|group| run.drop_probability(group))) {
            brush.right(inner, y, &share2(now), Role::Quiet);
        }
    }
    let numbers = format!(
        "entropy {} bits  undecided {:.0} %  Δp {}",
        share2(health.entropy_bits),
        100.0 * health.undecided_share,
        share3(health.largest_change)
    );
    let lower = Rect { y: inner.bottom().saturating_sub(3.min(inner.height)), height: 3.min(inner.height), ..inner };
    if lower.height == 3 {
        brush.text(lower.x, lower.y, lower.width, &numbers, Role::Text);
        let told = Rect { y: lower.y + 1, height: 2, ..lower };
        brush.wrapped(told, &sentence(run).unwrap_or_default(), Role::Quiet);
    }
}

/// The ranked candidates, references among them.
pub(super) fn candidates(run: &Run, area: Rect, focused: bool, brush: &mut Brush<'_>) {
    let random = if run.shows_random() { format!("{} random", run.count(Source::Random)) } else { "random hidden".to_owned() };
    let right = format!("{} posterior · {random} · by {}", run.count(Source::Posterior), run.order().label());
    let inner = brush.panel(area, "Candidates", &right, focused);
    let rows = run.ranked();
    if rows.is_empty() {
        brush.wrapped(inner, "none yet: they are ranked when training ends; s samples some now", Role::Quiet);
        return;
    }
    brush.text(inner.x, inner.y, inner.width, "     #  source     select     tied  params    MACs  kept", Role::Quiet);
    let selected = run.selected_position(&rows).unwrap_or(0);
    let room = inner.height.saturating_sub(1) as usize;
    let first = selected.saturating_sub(room / 2).min(rows.len().saturating_sub(room));
    brush.more(inner, first, room, rows.len());
    for (y, (position, row)) in (inner.y + 1..inner.bottom()).zip(rows.iter().enumerate().skip(first)) {
        let score = row.score;
        let interval = score.select.of(run.mode()).interval();
        let text = format!(
            "{} {:>4}  {:<9}  {:>4} ±{}  {}   {:>6}  {:>6}  {:>4}",
            if position == selected { brush.look.sign("▶", ">") } else { " " },
            row.rank,
            score.source.label(),
            share3(interval.estimate),
            share3(interval.half_width()),
            if row.tied { "=" } else { " " },
            short(score.parameters as f64),
            short(score.macs as f64),
            share2(score.kept_share)
        );
        let role = match score.source {
            Source::Random | Source::Uniform | Source::Constant => Role::Quiet,
            Source::Whole | Source::Threshold => Role::Title,
            Source::Posterior => Role::Text,
        };
        brush.text(inner.x, y, inner.width, &text, role);
        if position == selected {
            brush.highlight(inner, y, Role::Selection);
        }
    }
}
