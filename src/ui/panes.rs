//! The panes beside the network: curves, candidates.

use super::paint::{Brush, share2, share3, short};
use super::theme::Role;
use crate::app::{Run, Target};
use crate::run::Source;
use ratatui::layout::Rect;

pub(super) fn curves(run: &Run, area: Rect, focused: bool, brush: &mut Brush<'_>) {
    let scale = if run.log_curves() { "log y" } else { "" };
    let inner = brush.panel(area, "Curves", scale, focused);
    let (Some(last), Some(epochs)) = (run.epochs().last(), run.planned_epochs()) else {
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
    let end = f64::from(epochs);
    let half = (inner.height - 1) / 2;
    let upper = Rect { height: half, ..inner };
    let lower = Rect { y: inner.y + half, height: inner.height - 1 - half, ..inner };
    let mut left_out = brush.curves(upper, &[(&loss, Role::SeriesA), (&kl, Role::SeriesB)], end, run.log_curves(), None);
    left_out += brush.curves(lower, &[(&train, Role::SeriesC), (&select, Role::SeriesD)], end, false, None);
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
    let factor = run.steering().learning_rate_factor.map_or_else(String::new, |factor| format!(" (×{factor} by hand)"));
    let middle = format!("learning rate {}{factor}", short(last.learning_rate));
    brush.text(inner.x + 10, y, inner.width.saturating_sub(18), &middle, Role::Quiet);
    brush.right(inner, y, &format!("{epochs} ep"), Role::Quiet);
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

/// The ranked candidates, references among them.
pub(super) fn candidates(run: &Run, area: Rect, focused: bool, brush: &mut Brush<'_>) {
    let random = if run.shows_random() { format!("{} random", run.count(Source::Random)) } else { "random hidden".to_owned() };
    let right = format!("{} posterior · {random} · by {}", run.count(Source::Posterior), run.order().label());
    let right = if run.filter().is_empty() { right } else { format!("only {}", run.filter().text()) };
    let inner = brush.panel(area, "Candidates", &right, focused);
    let rows = run.ranked();
    if rows.is_empty() {
        let none = "none yet: they are ranked when training ends; sample now ranks some at once";
        let told = if run.filter().is_empty() { none } else { "the filter lets none pass" };
        brush.wrapped(inner, told, Role::Quiet);
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
            "{}{}{:>4}  {:<9}  {:>4} ±{}  {}   {:>6}  {:>6}  {:>4}",
            if position == selected { brush.look.sign("▶", ">") } else { " " },
            match run.pinned() {
                Some(pinned) if pinned.id == score.id => "P",
                _ if run.marked().contains(&score.id) => "*",
                _ => " ",
            },
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
        brush.zone(Rect { y, height: 1, ..inner }, Target::Candidate(score.id));
        if position == selected {
            brush.highlight(inner, y, Role::Selection);
        }
    }
}
