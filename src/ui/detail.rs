//! The selected candidate: its numbers, and its network as a table of edges and operations.

use super::paint::{Brush, share2, share3, short, tail};
use super::sketch;
use super::theme::Role;
use crate::app::{ActionId, App, Change, Done, Errand, Judged, Run, View, Written, count_changes};
use crate::run::{Accuracy, CandidateScore, NetworkSummary, Start};
use ratatui::layout::Rect;

/// Columns of an operation in the table.
const COLUMN: usize = 5;
/// Columns before them.
const EDGE: usize = 8;

type Line = (String, Role);

pub(super) fn draw(app: &App, run: &Run, area: Rect, focused: bool, brush: &mut Brush<'_>) {
    let score = run.selected();
    let title = score.map_or_else(|| "Candidate".to_owned(), |score| format!("Candidate {} · {}", score.id.0, score.source.label()));
    let keys = app.keymap().first(&[ActionId::Export]);
    let right = if super::can(app, ActionId::Export) && !keys.is_empty() { format!("{keys} export") } else { String::new() };
    let inner = brush.panel(area, &title, &right, focused);
    let Some(score) = score else {
        let none = if run.filter().is_empty() { "none yet" } else { "none: the filter lets none pass" };
        brush.text(inner.x, inner.y, inner.width, none, Role::Quiet);
        return;
    };
    let pinned = run.pinned().filter(|pinned| pinned.id != score.id);
    let network = run.started().map_or_else(Vec::new, |started| {
        // On a screen of its own there is room for the graph.
        if app.view() == View::Samples {
            let kept = pinned.map(|pinned| pinned.kept.as_slice());
            let [_, by_paper] = figures(score);
            std::iter::once((by_paper.0.trim_start().to_owned(), by_paper.1))
                .chain(sketch::lines(&started.network, &score.kept, kept))
                .collect()
        } else {
            table(&started.network, score, pinned, usize::from(inner.width))
        }
    });
    // The numbers that a paper would print stay in sight below the drawing, however long that is.
    let below =
        if app.view() == View::Samples && inner.height >= 12 { super::paint::broken(&paper(run, score), inner.width) } else { Vec::new() };
    let (whole, inner) = (inner, Rect { height: inner.height - below.len().min(4) as u16, ..inner });
    for (y, line) in (inner.bottom()..).zip(below.iter().take(4)) {
        brush.text(inner.x, y, inner.width, line, Role::Quiet);
    }
    let lines: Vec<Line> = facts(app, run, score, usize::from(inner.width)).into_iter().chain(network).collect();
    let room = usize::from(inner.height);
    brush.reach.down = Some(lines.len().saturating_sub(room));
    let first = app.scroll().min(lines.len().saturating_sub(room));
    brush.more(whole, first, room, lines.len());
    for (y, (text, role)) in (inner.y..inner.bottom()).zip(&lines[first..]) {
        brush.text(inner.x, y, inner.width, text, *role);
    }
}

/// The numbers of a candidate.
fn facts(app: &App, run: &Run, score: &CandidateScore, width: usize) -> Vec<Line> {
    let mode = run.mode();
    let own = score.select.of(mode).share();
    let mut lines = vec![(
        format!("select {} re-estimated, {} inherited", share3(score.select.recalibrated.share()), share3(score.select.inherited.share())),
        Role::Text,
    )];
    if let Some(test) = run.test(score.id) {
        let interval = test.test.of(mode).interval();
        lines.push((format!("test {} ±{}", share3(interval.estimate), share3(interval.half_width())), Role::Good));
    }
    let mut against = Vec::new();
    if let Some(whole) = run.whole().filter(|whole| whole.id != score.id && whole.epoch == score.epoch) {
        against.push(format!("whole {}", signed(own - whole.select.of(mode).share())));
    }
    if let Some(difference) = run.against_random(score).filter(|_| !score.source.is_baseline()) {
        against.push(format!("random mean {}", signed(difference)));
    }
    if !against.is_empty() {
        lines.push((format!("against {}", against.join(", ")), Role::Text));
    }
    if let Some(pinned) = run.pinned().filter(|pinned| pinned.id != score.id) {
        let [gained, lost, shifted] = count_changes(&pinned.kept, &score.kept);
        let parameters = score.parameters as f64 - pinned.parameters as f64;
        let sign = if parameters < 0.0 { "−" } else { "+" };
        let accuracy = signed(own - pinned.select.of(mode).share());
        lines.push((format!("against pinned {}: {accuracy}, {sign}{} parameters", pinned.id.0, short(parameters.abs())), Role::Text));
        lines.push((format!("  operations +{gained} gained, -{lost} lost, ~{shifted} shifted"), Role::Text));
    }
    for (errand, so_far) in app.at_work(score.id) {
        // The columns of such a line are for a terminal that has many of them.
        let so_far = so_far.split_whitespace().collect::<Vec<_>>().join(" ");
        let told = format!("{}: {so_far}", under_way(errand));
        if told.chars().count() <= width {
            lines.push((told, Role::Attention));
        } else {
            lines.extend([(under_way(errand).to_owned(), Role::Attention), (format!("  {so_far}"), Role::Attention)]);
        }
    }
    lines.extend(run.findings(score.id).flat_map(|(_, done)| found(done, width)));
    lines
}

/// An errand that is under way.
fn under_way(errand: Errand) -> &'static str {
    match errand {
        Errand::Export => "writing its files",
        Errand::Evaluate => "evaluating it",
        Errand::Retrain(Start::Scratch) => "training it from scratch",
        Errand::Retrain(Start::Inherited) => "fine-tuning it",
    }
}

/// What came of an errand.
fn found(done: &Done, width: usize) -> Vec<Line> {
    let told = |accuracy: Accuracy| format!("{} ±{}", share3(accuracy.share()), share3(accuracy.interval().half_width()));
    match done {
        Done::Written(Written { folder, select, note }) => {
            // The end of a path says which it is.
            let shown = |before: &str| format!("{before}{}", tail(&folder.display().to_string(), width.saturating_sub(before.len())));
            let mut lines = match select {
                Some(select) => {
                    vec![(shown("exported to "), Role::Good), (format!("  read back: select {}", told(*select)), Role::Good)]
                }
                None => vec![(shown("without its weights in "), Role::Attention)],
            };
            lines.extend(note.iter().map(|note| (format!("  {note}"), Role::Attention)));
            lines
        }
        Done::Evaluated { rows, .. } => rows
            .iter()
            .map(|Judged { batch_norm, decides, accuracy, quality }| {
                let decides = if *decides { ", decides" } else { "" };
                let nll = quality.nll;
                (format!("{batch_norm:12} {} NLL {nll:.3}{decides}", told(*accuracy)), Role::Good)
            })
            .collect(),
        Done::Retrained(trained) => {
            let how = match trained.from {
                Start::Scratch => "from scratch",
                Start::Inherited => "fine-tuned",
            };
            let difference = signed(trained.retrained.share() - trained.inherited.share());
            let now = told(trained.retrained);
            vec![
                (format!("{how}, {} epochs: select {now}", trained.epochs), Role::Good),
                (format!("  {difference} to inherited, McNemar p = {:.3}", trained.p), Role::Good),
            ]
        }
    }
}

/// A difference of shares, with its sign.
fn signed(difference: f64) -> String {
    let sign = if difference < 0.0 { "−" } else { "+" };
    format!("{sign}{}", share3(difference.abs()))
}

/// What is kept of each operation: a row per edge, a column per operation. Where the columns are too many, an edge lists its own.
/// Where another candidate is pinned, a sign after the share says what it does otherwise.
fn table(network: &NetworkSummary, score: &CandidateScore, pinned: Option<&CandidateScore>, width: usize) -> Vec<Line> {
    let mut operations: Vec<&str> = Vec::new();
    for group in &network.groups {
        if !operations.contains(&group.operation.as_str()) {
            operations.push(&group.operation);
        }
    }
    let is_table = EDGE + COLUMN * operations.len() <= width;
    let column = |text: &str| format!("{text:>COLUMN$}");
    let mut lines = Vec::new();
    if is_table {
        let heads: Vec<String> = operations.iter().map(|operation| column(brief(operation))).collect();
        lines.push((format!("{:EDGE$}{}", "kept", heads.concat()), Role::Quiet));
    }
    let change =
        |at: usize, kept: u32| pinned.and_then(|pinned| pinned.kept.get(at)).map_or("", |&other| Change::between(other, kept).sign());
    let pairs: Vec<_> = network.groups.iter().zip(score.kept.iter().enumerate().map(|(at, &kept)| (kept, change(at, kept)))).collect();
    let mut block = "";
    for edge in pairs.chunk_by(|(a, _), (b, _)| (&a.block, &a.edge) == (&b.block, &b.edge)) {
        let Some((head, _)) = edge.first() else { continue };
        if head.block != block {
            lines.push((head.block.clone(), Role::Title));
            block = &head.block;
        }
        let share = |operation: &str| {
            let (group, (kept, change)) = edge.iter().find(|(group, _)| group.operation == operation)?;
            Some((f64::from(*kept) / group.channels.max(1) as f64, *change))
        };
        let cell = |operation: &&str| match share(operation) {
            Some((share, change)) if share > 0.0 && is_table => column(&format!("{}{change}", share2(share))),
            Some((share, change)) if share > 0.0 => format!("{} {}{change}  ", brief(operation), share2(share)),
            Some((_, change)) if is_table => column(&format!("·{change}")),
            Some((_, "-")) => format!("{} ·-  ", brief(operation)),
            None if is_table => column(""),
            _ => String::new(),
        };
        let cells: Vec<String> = operations.iter().map(cell).collect();
        lines.push((format!(" {:<2$}{}", head.edge, cells.concat().trim_end(), EDGE - 1), Role::Text));
    }
    lines.extend(figures(score));
    lines
}

/// What a candidate costs once sliced, and by the paper's count.
fn figures(score: &CandidateScore) -> [Line; 2] {
    let (parameters, macs) = (short(score.parameters as f64), short(score.macs as f64));
    let by_paper = match score.paper_count {
        Some(count) => format!("  paper's count {}, {} MACs", short(count.parameters as f64), short(count.macs as f64)),
        None => "  by the paper's count, unsliced".to_owned(),
    };
    [(format!("{parameters} parameters, {macs} MACs, kept {}", share2(score.kept_share)), Role::Quiet), (by_paper, Role::Quiet)]
}

/// The numbers that a paper would print: accuracy, costs, what an image takes here where that was measured, and the seed.
fn paper(run: &Run, score: &CandidateScore) -> String {
    let interval = score.select.of(run.mode()).interval();
    let accuracy = format!("select {} ±{}", share3(interval.estimate), share3(interval.half_width()));
    let latency = run.latency(score.id).map_or_else(String::new, |ms| format!(", {} ms an image", short(ms)));
    let seed = run.started().map_or_else(String::new, |started| format!(", seed {}", started.seed));
    format!("{accuracy}, {}{latency}{seed}", figures(score)[0].0)
}

/// The label of an operation in a narrow column.
fn brief(operation: &str) -> &str {
    match operation {
        "sep 3×3" => "sep",
        "avg pool" => "avg",
        "max pool" => "max",
        "identity" => "id",
        "skip 1×1" => "skip",
        "linear" => "lin",
        other => other.strip_prefix("conv ").unwrap_or(other),
    }
}
