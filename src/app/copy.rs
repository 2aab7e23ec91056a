//! What `copy` hands over, as one line of text.

use super::start::Chosen;
use super::state::{App, Pane};

impl App {
    /// What is chosen, as text: a candidate, an operation, or a line of the start screen. `None` where nothing is.
    #[must_use]
    pub fn copied(&self) -> Option<String> {
        let Some(run) = &self.run else {
            return self.start.chosen().map(|chosen| match chosen {
                Chosen::Preset(preset) => format!("pgnas search {}", preset.name),
                Chosen::Run(run) => run.path.display().to_string(),
            });
        };
        if matches!(self.focus, Pane::Network | Pane::Posterior | Pane::Group) {
            let group = run.started()?.network.groups.get(run.group())?;
            let p = run.drop_probability(run.group())?;
            let operation = format!("{} {} {}", group.block, group.edge, group.operation);
            let p = if run.is_categorical() { format!("probability {:.3}", 1.0 - p) } else { format!("drop {p:.3}") };
            return Some(format!("{}: {operation}: {p}, {} parameters, {} MACs", run.name(), group.parameters, group.macs));
        }
        let score = run.selected()?;
        let interval = score.select.of(run.mode()).interval();
        Some(format!(
            "{}: candidate {} ({}): select {:.4} ({:.4} to {:.4}), {} parameters, {} MACs, kept share {:.3}",
            run.name(),
            score.id.0,
            score.source.label(),
            interval.estimate,
            interval.low,
            interval.high,
            score.parameters,
            score.macs,
            score.kept_share
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Effect;
    use super::super::testing::{app_at, app_with_candidates, at_start, press};

    #[test]
    fn what_is_chosen_is_copied() {
        let copied = |effects: Vec<Effect>| match effects.as_slice() {
            [Effect::Copy(text)] => text.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(copied(press(&mut at_start(), "y")), "pgnas search digits");
        assert_eq!(copied(press(&mut at_start(), "G y")), "runs/20261123-101500-digits-7");
        let mut app = app_with_candidates(20, 5);
        let text = copied(press(&mut app, "y"));
        assert!(text.starts_with("digits-1-20261124: candidate ") && text.contains(" parameters"), "{text}");
        let text = copied(press(&mut app, "tab j y"));
        assert!(text.contains("stage1.block1 0→1 conv 1×1: drop 0."), "{text}");
        assert_eq!(press(&mut app_at(3), "shift-tab y"), [], "there is no candidate yet");
    }
}
