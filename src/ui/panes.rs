//! The panes beside the network: curves, posterior, candidates, the selected candidate.

use super::paint::{Brush, short};
use super::theme::Role;
use crate::app::{ActionId, App, Run, sentence};
use crate::run::{CandidateScore, Source};
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
    if inner.height < 4 {
        return;
    }
    let end = f64::from(started.epochs);
    let half = (inner.height - 1) / 2;
    let upper = Rect { height: half, ..inner };
    let lower = Rect { y: inner.y + half, height: inner.height - 1 - half, ..inner };
    let mut left_out = brush.curves(upper, &[(&loss, Role::SeriesA), (&kl, Role::SeriesB)], end, run.log_curves());
    left_out += brush.curves(lower, &[(&train, Role::SeriesC), (&select, Role::SeriesD)], end, false);
    let y = inner.bottom() - 1;
    let mut x = inner.x;
    for (text, role) in [
        (format!("loss {:.3}  ", last.cross_entropy), Role::SeriesA),
        (format!("KL {:.3}  ", last.kl), Role::SeriesB),
        (format!("train {:.3}  ", last.train_accuracy), Role::SeriesC),
        (format!("select {:.3}", last.select_accuracy), Role::SeriesD),
    ] {
        x += brush.text(x, y, inner.right().saturating_sub(x), &text, role);
    }
    if left_out > 0 {
        brush.right(inner, inner.y, &format!("{left_out} not finite"), Role::Danger);
    }
}

/// The whole posterior: groups from top to bottom, epochs from left to right, drop probability as shade.
pub(super) fn posterior(run: &Run, area: Rect, focused: bool, brush: &mut Brush<'_>) {
    let count = run.started().map_or(0, |started| started.network.groups.len());
    let inner = brush.panel(area, "Posterior", &format!("drop, {count} groups × epochs"), focused);
    let Some(health) = run.health() else {
        brush.text(inner.x, inner.y, inner.width, "no epoch has ended yet", Role::Quiet);
        return;
    };
    let strip = Rect { height: inner.height.saturating_sub(2), ..inner };
    let epochs = run.started().map_or(1, |started| started.epochs.max(1)) as usize;
    let shades =
        if brush.look.glyphs == super::theme::Glyphs::Unicode { [" ", "░", "▒", "▓", "█"] } else { [" ", ".", ":", "+", "#"] };
    for row in 0..strip.height as usize {
        let groups = row * count / strip.height as usize..((row + 1) * count).div_ceil(strip.height as usize).min(count);
        for column in 0..strip.width as usize {
            let Some(epoch) = run.epochs().get(column * epochs / strip.width as usize) else { continue };
            let values = epoch.drop_probabilities.get(groups.clone()).unwrap_or_default();
            if values.is_empty() {
                continue;
            }
            let mean = values.iter().map(|&p| f64::from(p)).sum::<f64>() / values.len() as f64;
            let shade = shades[((mean * 5.0) as usize).min(4)];
            brush.text(strip.x + column as u16, strip.y + row as u16, 1, shade, Role::Dropped);
        }
    }
    let numbers = format!(
        "entropy {:.2} bits  undecided {:.0} %  dropped {:.0} %  Δp {:.3}",
        health.entropy_bits,
        100.0 * health.undecided_share,
        100.0 * health.expected_drop_share,
        health.largest_change
    );
    if inner.height >= 2 {
        brush.text(inner.x, inner.bottom() - 2, inner.width, &numbers, Role::Text);
        brush.text(inner.x, inner.bottom() - 1, inner.width, &sentence(run).unwrap_or_default(), Role::Quiet);
    }
}

pub(super) fn candidates(run: &Run, area: Rect, focused: bool, brush: &mut Brush<'_>) {
    let right = format!("{} posterior · {} random · by {}", run.count(Source::Posterior), run.count(Source::Random), run.order().label());
    let inner = brush.panel(area, "Candidates", &right, focused);
    let rows = run.ranked();
    if rows.is_empty() {
        brush.text(inner.x, inner.y, inner.width, "none yet: they are ranked when training ends; s samples some now", Role::Quiet);
        return;
    }
    let columns = "   rank  source     select ±          params   MACs    kept";
    brush.text(inner.x, inner.y, inner.width, columns, Role::Quiet);
    let selected = run.selected_position(&rows).unwrap_or(0);
    let room = inner.height.saturating_sub(1) as usize;
    let first = selected.saturating_sub(room / 2).min(rows.len().saturating_sub(room));
    for (y, (position, row)) in (inner.y + 1..inner.bottom()).zip(rows.iter().enumerate().skip(first)) {
        let score = row.score;
        let interval = score.select.of(run.mode()).interval();
        let sign = if position == selected { brush.look.sign("▶", ">") } else { " " };
        let text = format!(
            "{sign} {:>4}   {:<10} {:.4} ±{:.3} {}  {:>7}  {:>6}   {:.2}",
            row.rank,
            score.source.label(),
            interval.estimate,
            interval.half_width(),
            if row.tied { "=" } else { " " },
            short(score.parameters as f64),
            short(score.macs as f64),
            score.kept_share
        );
        let role = if score.source == Source::Random { Role::Quiet } else { Role::Text };
        brush.text(inner.x, y, inner.width, &text, role);
        if position == selected {
            brush.highlight(inner, y, Role::Selection);
        }
    }
}

pub(super) fn detail(app: &App, run: &Run, area: Rect, focused: bool, brush: &mut Brush<'_>) {
    let score = run.selected();
    let title = score.map_or_else(|| "Candidate".to_owned(), |score| format!("Candidate {}", score.id.0));
    let right = if super::can(app, ActionId::Export) { "e export" } else { "" };
    let inner = brush.panel(area, &title, right, focused);
    let Some(score) = score else {
        brush.text(inner.x, inner.y, inner.width, "none selected", Role::Quiet);
        return;
    };
    let lines = facts(run, score).into_iter().chain(sketch(run, score, brush)).skip(app.detail_scroll());
    for (y, (text, role)) in (inner.y..inner.bottom()).zip(lines) {
        brush.text(inner.x, y, inner.width, &text, role);
    }
}

/// The numbers of a candidate.
fn facts(run: &Run, score: &CandidateScore) -> Vec<(String, Role)> {
    let select = score.select;
    let mut lines = vec![(
        format!(
            "{}: select {:.4} re-estimated, {:.4} inherited",
            score.source.label(),
            select.recalibrated.share(),
            select.inherited.share()
        ),
        Role::Text,
    )];
    if let Some(test) = run.test(score.id) {
        let interval = test.test.of(run.mode()).interval();
        lines.push((format!("test {:.4} ±{:.3}, read once", interval.estimate, interval.half_width()), Role::Good));
    }
    let own = select.of(run.mode()).share();
    if let Some(whole) = run.whole().filter(|whole| whole.id != score.id) {
        lines.push((format!("against the whole network {:+.4}", own - whole.select.of(run.mode()).share()), Role::Text));
    }
    if let Some(difference) = run.against_random(score) {
        lines.push((format!("against the mean of random at the same keep share {:+.4}", difference.estimate), Role::Text));
    }
    if let Some(path) = run.exported(score.id) {
        lines.push((format!("exported to {}", path.display()), Role::Good));
    }
    lines
}

/// The sampled network, an edge a line: what it keeps of each operation.
fn sketch(run: &Run, score: &CandidateScore, brush: &Brush<'_>) -> Vec<(String, Role)> {
    let Some(started) = run.started() else { return Vec::new() };
    let groups = &started.network.groups;
    let mut lines: Vec<(String, Role)> = Vec::new();
    let mut place = None;
    for (info, &kept) in groups.iter().zip(&score.kept) {
        if place != Some((&info.block, &info.edge)) {
            if place.is_none_or(|(block, _)| *block != info.block) {
                lines.push((info.block.clone(), Role::Title));
            }
            lines.push((format!("  {:<7}", info.edge), Role::Text));
            place = Some((&info.block, &info.edge));
        }
        if let (Some((line, _)), 1..) = (lines.last_mut(), kept) {
            let share = f64::from(kept) / info.channels as f64;
            let separator = if line.trim_end().ends_with(|last: char| last.is_ascii_digit()) && line.len() > 12 {
                brush.look.sign(" ┼ ", " + ")
            } else {
                ""
            };
            line.extend([separator, info.operation.as_str(), &format!(" {share:.2}")]);
        }
    }
    lines
}
