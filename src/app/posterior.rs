//! What goes on in the posterior, in one sentence, from the numbers of the log.

use super::run::Run;
use crate::posterior::UNDECIDED;

/// Largest change of a drop probability in an epoch that still counts as rest.
const REST: f64 = 0.005;
/// Share of undecided channels below which the posterior has decided.
const DECIDED: f64 = 0.05;
/// Share of its peak below which the learning rate holds everything still.
const FROZEN: f64 = 0.1;

/// What goes on: moving and where, frozen by the learning rate, settled; `None` before the first epoch has ended.
#[must_use]
pub fn sentence(run: &Run) -> Option<String> {
    let last = run.epochs().last()?;
    if let Some(epochs) = run.warms_up() {
        return Some(format!("warming up on single paths: the posterior stands still until epoch {epochs} has ended"));
    }
    let undecided = last.health.undecided_share;
    if last.health.largest_change >= REST {
        return Some(moving(run).unwrap_or_else(|| "moving".to_owned()));
    }
    if undecided < DECIDED {
        return Some(format!("settled: {:.0} % of the channels are decided", 100.0 * (1.0 - undecided)));
    }
    let peak = run.epochs().iter().map(|epoch| epoch.learning_rate).fold(0.0, f64::max);
    let left = format!("{:.0} % of the channels stay undecided", 100.0 * undecided);
    if last.learning_rate < FROZEN * peak { Some(format!("frozen by the learning rate: {left}")) } else { Some(format!("at rest: {left}")) }
}

/// How one group stands, from its p after each epoch, as (epoch, p).
#[must_use]
pub fn group_words(history: &[(f64, f64)]) -> &'static str {
    let [.., (_, before), (_, now)] = history else { return "no epoch has ended yet" };
    match now - before {
        change if change >= REST => "on its way out",
        change if change <= -REST => "on its way in",
        _ if now > UNDECIDED.end() => "settled: dropped",
        _ if now < UNDECIDED.start() => "settled: kept",
        _ => "at rest, undecided",
    }
}

/// Where most of the last epoch's change was, and which way it went.
fn moving(run: &Run) -> Option<String> {
    let [.., before, now] = run.epochs() else { return None };
    let change = |group: usize| {
        let at = |values: &[f32]| values.get(group).copied().map(f64::from);
        Some(at(&now.drop_probabilities)? - at(&before.drop_probabilities)?)
    };
    let size = |block: &super::Block| block.groups.clone().filter_map(change).map(f64::abs).sum::<f64>();
    let block = run.blocks().iter().max_by(|a, b| size(a).total_cmp(&size(b)))?;
    let direction: f64 = block.groups.clone().filter_map(change).sum();
    let what = if direction > 0.0 { "dropping operations" } else { "keeping more" };
    Some(format!("moving: still {what} in {}", block.name))
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    #[test]
    fn a_group_is_told_in_words() {
        let words = |values: &[f64]| group_words(&values.iter().map(|&p| (0.0, p)).collect::<Vec<_>>());
        assert_eq!(words(&[0.1]), "no epoch has ended yet");
        assert_eq!([words(&[0.5, 0.6]), words(&[0.6, 0.5])], ["on its way out", "on its way in"]);
        let still = [words(&[0.97, 0.97]), words(&[0.02, 0.021]), words(&[0.06, 0.06])];
        assert_eq!(still, ["settled: dropped", "settled: kept", "at rest, undecided"]);
    }

    #[test]
    fn the_sentence_follows_the_numbers() {
        let mut app = testing::app_at(0);
        assert_eq!(sentence(app.run().unwrap()), None);
        app = testing::app_at(18);
        assert_eq!(sentence(app.run().unwrap()).unwrap(), "moving: still dropping operations in stage2.block1");
        let mut still = |change: f64, undecided: f64, rate: f64| {
            let mut metrics = testing::epoch(app.run().unwrap().epochs().len() as u32 + 1);
            metrics.health.largest_change = change;
            metrics.health.undecided_share = undecided;
            metrics.learning_rate = rate;
            testing::push(&mut app, crate::run::Event::Epoch(Box::new(metrics)));
            sentence(app.run().unwrap()).unwrap()
        };
        assert_eq!(still(0.001, 0.02, 0.05), "settled: 98 % of the channels are decided");
        assert_eq!(still(0.001, 0.2, 0.0005), "frozen by the learning rate: 20 % of the channels stay undecided");
        assert_eq!(still(0.001, 0.2, 0.05), "at rest: 20 % of the channels stay undecided");
    }
}
