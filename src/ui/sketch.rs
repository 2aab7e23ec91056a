//! A candidate drawn as a text graph: a fan of kept operations from the source of every edge to its consumer.

use super::paint::share2;
use super::theme::Role;
use crate::app::Change;
use crate::run::{GroupSummary, NetworkSummary};

/// Columns of the name of an operation.
const NAME: usize = 10;

/// The lines of the drawing. Where another candidate is pinned, the margin says what this one does otherwise, and what only the pinned
/// one has is drawn as a gap.
pub(super) fn lines(network: &NetworkSummary, kept: &[u32], pinned: Option<&[u32]>) -> Vec<(String, Role)> {
    let mut lines = Vec::new();
    let groups: Vec<(usize, &GroupSummary)> = network.groups.iter().enumerate().collect();
    let mut block = "";
    for edge in groups.chunk_by(|(_, a), (_, b)| (&a.block, &a.edge) == (&b.block, &b.edge)) {
        let Some((_, head)) = edge.first() else { continue };
        if head.block != block {
            lines.push((head.block.clone(), Role::Title));
            block = &head.block;
        }
        let (from, to) = head.edge.split_once('→').unwrap_or(("in", head.edge.as_str()));
        let change = |at: usize| {
            let own = kept.get(at).copied().unwrap_or(0);
            pinned.and_then(|pinned| pinned.get(at)).map_or(Change::Same, |&other| Change::between(other, own))
        };
        let drawn: Vec<_> =
            edge.iter().filter(|(at, _)| kept.get(*at).is_some_and(|&kept| kept > 0) || change(*at) == Change::Lost).collect();
        if drawn.is_empty() {
            lines.push((format!("  {from:>4} ╌╌ nothing ╌╌ {to}"), Role::Quiet));
        }
        for (row, (at, group)) in drawn.iter().enumerate() {
            let (first, last) = (row == 0, row + 1 == drawn.len());
            let (open, close) = match (first, last) {
                (true, true) => ("───", "──▶ "),
                (true, false) => ("─┬─", "┬─▶ "),
                (false, false) => (" ├─", "┤"),
                (false, true) => (" └─", "┘"),
            };
            let (source, target) = if first { (from, to) } else { ("", "") };
            let own = kept.get(*at).copied().unwrap_or(0);
            let share = f64::from(own) / group.channels.max(1) as f64;
            let (share, role) = if own > 0 { (share2(share), Role::Text) } else { ("·".to_owned(), Role::Quiet) };
            let sign = change(*at).sign();
            let text = format!("{sign} {source:>4} {open} {:<NAME$} {share:>4} ─{close}{target}", group.operation);
            lines.push((text, if sign == " " { role } else { Role::Attention }));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::network;

    #[test]
    fn edges_fan_out_and_what_the_pinned_one_has_is_a_gap() {
        let network = network();
        let mut kept = vec![0; network.groups.len()];
        (kept[0], kept[1]) = (network.groups[0].channels as u32, 1);
        let mut pinned = kept.clone();
        (pinned[0], pinned[2]) = (0, 3);
        let text: Vec<String> = lines(&network, &kept, Some(&pinned)).into_iter().take(5).map(|(line, _)| line).collect();
        assert_eq!(
            text,
            [
                "stage1.block1",
                "+    0 ─┬─ conv 1×1    1.0 ─┬─▶ 1",
                "        ├─ conv 3×3    .06 ─┤",
                "-       └─ conv 5×5      · ─┘",
                "     0 ╌╌ nothing ╌╌ 2",
            ]
        );
    }
}
