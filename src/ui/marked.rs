//! The marked candidates side by side, over the screen: a column each, and a row for every operation in which they differ.

use super::overlay::centred;
use super::paint::{Brush, share2, share3, short, tail};
use super::theme::Role;
use crate::app::{ActionId, Against, App, Change, Run};
use crate::run::CandidateScore;
use ratatui::layout::Rect;

/// Columns of the name of a row, as far as two candidates leave them, and at least.
const NAME: u16 = 32;
const SHORTEST: u16 = 12;
/// Columns of a candidate.
const COLUMN: u16 = 14;

pub(super) fn draw(app: &App, (at, past): (usize, usize), area: Rect, brush: &mut Brush<'_>) {
    let Some(run) = app.run() else { return };
    let marked = run.compare_marked();
    let popup = centred(area, area.width.saturating_sub(2), area.height.saturating_sub(2));
    brush.clear(popup);
    let groups = run.started().map_or(&[][..], |started| &started.network.groups);
    let right = format!(
        "{} of {} operations differ · {}",
        marked.differing.len(),
        groups.len(),
        super::overlay::told(app, &[(ActionId::ClosePage, "closes")])
    );
    let inner = brush.panel(popup, "Marked candidates", &right, true);
    let name = NAME.min(inner.width.saturating_sub(2 * COLUMN).max(SHORTEST)).min(inner.width);
    let fits = usize::from(((inner.width - name) / COLUMN).max(1)).min(marked.columns.len());
    // The first one stays, and the others are stepped through beside it, as long as there is room for two.
    brush.reach.across = Some(marked.columns.len() - fits);
    let past = past.min(marked.columns.len() - fits);
    let stays = usize::from(fits > 1);
    let shown: Vec<_> = marked.columns[..stays].iter().chain(marked.columns[stays + past..].iter().take(fits - stays)).copied().collect();
    let cells = |y: u16, label: &str, role: Role, cell: &dyn Fn(&CandidateScore, Against) -> String, brush: &mut Brush<'_>| {
        // The operation stands at the end, and tells more than its block.
        brush.text(inner.x, y, name.saturating_sub(1), &tail(label, usize::from(name.saturating_sub(1))), Role::Quiet);
        for (number, &(score, against)) in shown.iter().enumerate() {
            let x = inner.x + name + number as u16 * COLUMN;
            brush.text(x, y, (COLUMN - 1).min(inner.right().saturating_sub(x)), &cell(score, against), role);
        }
    };
    let head = head(run, name < NAME);
    let rows = inner.height.min(head.len() as u16);
    for (y, (label, cell)) in (inner.y..inner.y + rows).zip(&head) {
        let role = if y == inner.y { Role::Title } else { Role::Text };
        cells(y, label, role, cell.as_ref(), brush);
    }
    let mut y = inner.y + rows;
    if shown.len() < marked.columns.len() && y < inner.bottom() {
        let key = app.keymap().first(&[ActionId::PreviousCandidate, ActionId::NextCandidate]);
        let key = if key.is_empty() { key } else { format!("{key}: ") };
        let told = format!("{key}{} before, {} behind", past, marked.columns.len() - shown.len() - past);
        brush.text(inner.x, y, inner.width, &told, Role::Attention);
        y += 1;
    }
    let list = Rect { y: (y + 1).min(inner.bottom()), height: inner.bottom().saturating_sub(y + 1), ..inner };
    let room = usize::from(list.height);
    brush.reach.down = Some(marked.differing.len().saturating_sub(room));
    let first = at.min(marked.differing.len().saturating_sub(room));
    for (y, &group) in (list.y..list.bottom()).zip(&marked.differing[first..]) {
        let Some(told) = groups.get(group) else { continue };
        let leader = marked.columns.first().map_or(0, |(score, _)| score.kept[group]);
        let cell = |score: &CandidateScore, against: Against| {
            let kept = score.kept[group];
            let sign = if against == Against::First { " " } else { Change::between(leader, kept).sign() };
            let share = f64::from(kept) / told.channels.max(1) as f64;
            if kept > 0 { format!("{:>4}{sign}", share2(share)) } else { format!("{:>4}{sign}", "·") }
        };
        cells(y, &format!("{} {} {}", told.block, told.edge, told.operation), Role::Text, &cell, brush);
    }
    brush.more(inner, first, room, marked.differing.len());
}

type Cell<'a> = Box<dyn Fn(&CandidateScore, Against) -> String + 'a>;

/// The rows above the operations.
fn head(run: &Run, narrow: bool) -> Vec<(&'static str, Cell<'_>)> {
    let mode = run.mode();
    let unknown = if run.is_reading() { "reading …" } else { "–" };
    vec![
        ("candidate", Box::new(|score, _| format!("{} {}", score.id.0, score.source.label()))),
        (
            "select",
            Box::new(move |score, _| {
                let interval = score.select.of(mode).interval();
                format!("{} ±{}", share3(interval.estimate), share3(interval.half_width()))
            }),
        ),
        (
            if narrow { "exact McNemar" } else { "exact McNemar against the first" },
            Box::new(move |_, against| match against {
                Against::First => "first".to_owned(),
                Against::Tied(p) => format!("= tied p {}", share2(p)),
                Against::Apart(p) => format!("apart p {}", if p < 0.001 { "<.001".to_owned() } else { share3(p) }),
                Against::Unknown => unknown.to_owned(),
            }),
        ),
        ("parameters", Box::new(|score, _| short(score.parameters as f64))),
        ("MACs", Box::new(|score, _| short(score.macs as f64))),
        ("kept share", Box::new(|score, _| share2(score.kept_share))),
        (if narrow { "weights of epoch" } else { "epoch of its weights" }, Box::new(|score, _| score.epoch.to_string())),
    ]
}
