//! Whole searches: their log, their seeds, and the commands that steer them.

use pgnas::cli::prepare;
use pgnas::engine::fleet::Fleet;
use pgnas::engine::{self, Keep, Plan, devices};
use pgnas::link::{Link, Update};
use pgnas::preset::{Precision, Preset};
use pgnas::run::{AlertKind, Command, Event, Fate, Outcome, Phase, Record, RunFolder, Source, Steering, read_candidates, read_log, winner};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

/// Small enough to end within seconds.
const SMALL: [&str; 7] = [
    "space.stages=4,6",
    "train.epochs=2",
    "rank.posterior=3",
    "rank.random=3",
    "rank.uniform=0",
    "rank.constant=0",
    "rank.recalibration_images=64",
];

/// Longer than any of these takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

fn start(root: &Path, settings: &[&str]) -> (Link, JoinHandle<()>, RunFolder) {
    let plan = plan(root, settings);
    let folder = plan.folder.clone();
    let (link, engine) = engine::start(plan).unwrap();
    (link, engine, folder)
}

fn plan(root: &Path, settings: &[&str]) -> Plan {
    let set: Vec<String> = SMALL.iter().chain(settings).map(ToString::to_string).collect();
    let loaded = Preset::load("digits", None, &set).unwrap();
    let (graph, splits) = (prepare::graph(&loaded).unwrap(), prepare::splits(&loaded).unwrap());
    let folder = RunFolder::create(&root.join("run")).unwrap();
    folder.write_config(&loaded.effective.to_toml()).unwrap();
    Plan {
        run: folder.name(),
        set: loaded.preset.data.set.clone(),
        preset: loaded.preset,
        graph,
        splits,
        seed: 1,
        fleet: devices::cpu().into(),
        recorder: folder.recorder().unwrap(),
        folder: folder.clone(),
        notices: vec![],
        pretrained: None,
        keep: Keep { lock: folder.lock().unwrap(), every: Duration::from_mins(10), resume: None },
    }
}

/// A search on the CPU under these names, as if each were a device of its own.
fn start_on(root: &Path, settings: &[&str], names: &[&str]) -> (Link, JoinHandle<()>, RunFolder) {
    let device = |name: &&str| devices::OpenDevice { name: (*name).to_owned(), ..devices::cpu() };
    let fleet = Fleet::new(device(&names[0]), names[1..].iter().map(device).collect());
    let plan = Plan { fleet, ..plan(root, settings) };
    let folder = plan.folder.clone();
    let (link, engine) = engine::start(plan).unwrap();
    (link, engine, folder)
}

/// The next event that a test waits for.
fn wait<T>(link: &mut Link, what: &str, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
    until(link, what, |update| if let Update::Record(record) = update { wanted(&record.event) } else { None })
}

/// The next update that a test waits for; ends the test where it does not come.
fn until<T>(link: &mut Link, what: &str, mut wanted: impl FnMut(&Update) -> Option<T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let found = runtime.block_on(async {
        tokio::time::timeout(PATIENCE, async {
            loop {
                let update = link.next().await;
                if let Some(found) = wanted(&update) {
                    return found;
                }
                assert!(!matches!(update, Update::Closed), "the engine ended before {what}");
            }
        })
        .await
    });
    found.unwrap_or_else(|_| panic!("{what} did not come"))
}

fn outcome(event: &Event) -> Option<Outcome> {
    if let Event::Finished { outcome, .. } = event { Some(outcome.clone()) } else { None }
}

fn log(folder: &RunFolder) -> Vec<Record> {
    let (records, notes) = read_log(&folder.log()).unwrap();
    assert_eq!(notes.torn_line, None);
    records
}

#[test]
fn a_search_trains_ranks_and_reads_the_test_split_once() {
    let root = tempfile::tempdir().unwrap();
    let (mut link, engine, folder) = start(root.path(), &["rank.uniform=4", "rank.constant=2"]);
    assert_eq!(wait(&mut link, "the end", outcome), Outcome::Completed);
    engine.join().unwrap();
    let records = log(&folder);
    assert!(records.iter().enumerate().all(|(index, record)| record.sequence == index as u64));
    assert!(matches!(&records[0].event, Event::Started(started) if started.splits.test == 347 && started.network.groups.len() == 37));
    let phases = records.iter().filter_map(|record| if let Event::Phase { phase } = record.event { Some(phase) } else { None });
    assert_eq!(phases.collect::<Vec<_>>(), [Phase::Training, Phase::Ranking, Phase::Testing]);
    assert_eq!(records.iter().filter(|record| matches!(record.event, Event::Epoch(_))).count(), 2);

    let (candidates, _) = read_candidates(&folder.candidates()).unwrap();
    let count = |source| candidates.iter().filter(|candidate| candidate.score.source == source).count();
    let sources = [Source::Whole, Source::Threshold, Source::Posterior, Source::Random, Source::Uniform, Source::Constant];
    assert_eq!(sources.map(count), [1, 1, 3, 3, 4, 2]);
    for candidate in &candidates {
        let right = |bits: &[bool]| bits.iter().filter(|&&right| right).count() as u32;
        assert_eq!(right(&candidate.correct_recalibrated.0), candidate.score.select.recalibrated.correct);
        assert_eq!(right(&candidate.correct_inherited.0), candidate.score.select.inherited.correct);
        if candidate.score.source != Source::Constant {
            assert_eq!(candidate.score.kept.iter().sum::<u32>(), right(candidate.mask.bits()));
        }
    }
    let mean = |source, value: &dyn Fn(&pgnas::run::CandidateScore) -> f64| {
        let values = candidates.iter().filter(|candidate| candidate.score.source == source).map(|candidate| value(&candidate.score));
        values.sum::<f64>() / count(source) as f64
    };
    let expected = records.iter().rev().find_map(|record| match &record.event {
        Event::Epoch(metrics) => Some(metrics.health.expected_parameters),
        _ => None,
    });
    let expected = expected.unwrap();
    let near = |source, within: f64| {
        let parameters = mean(source, &|score| score.counted().parameters as f64);
        assert!((parameters / expected - 1.0).abs() < within, "{source:?}: {parameters} for {expected} expected");
    };
    near(Source::Constant, 1e-3);
    near(Source::Uniform, 0.1);
    let graph = prepare::graph(&Preset::load("digits", None, &SMALL.map(str::to_owned)).unwrap()).unwrap();
    for candidate in candidates.iter().filter(|candidate| candidate.score.source != Source::Constant) {
        let (score, sliced) = (&candidate.score, graph.sliced_cost(candidate.mask.bits()).unwrap());
        assert_eq!((score.parameters, score.macs), (sliced.parameters as u64, sliced.macs as u64), "those of the sliced network");
        let kept = candidate.mask.kept_per_group(&graph);
        let dropped = graph.groups().iter().zip(kept).map(|(group, kept)| (group.channels() - kept) as f64);
        assert_eq!(score.paper_count.map(|count| count.parameters), Some(graph.cost_without(dropped).parameters as u64));
    }
    assert!(candidates.iter().any(|candidate| candidate.score.parameters < candidate.score.counted().parameters));
    let rate = mean(Source::Constant, &|score| score.kept_share);
    assert!((mean(Source::Uniform, &|score| score.kept_share) - rate).abs() < 0.05);
    let fresh: Vec<_> = candidates.iter().filter(|candidate| candidate.score.source == Source::Constant).collect();
    assert_ne!(fresh[0].correct_inherited, fresh[1].correct_inherited, "every evaluation has masks of its own");
    assert!((candidates[0].score.kept_share - 1.0).abs() < 1e-12, "the whole network comes first");

    let tested: Vec<_> =
        records.iter().filter_map(|record| if let Event::Test(test) = &record.event { Some(test.source) } else { None }).collect();
    assert_eq!(tested, [Source::Posterior, Source::Whole, Source::Threshold, Source::Random]);
    let scores: Vec<_> = candidates.iter().map(|candidate| candidate.score.clone()).collect();
    let Some(Event::Finished { winner: told, test_reads, resources, .. }) = records.last().map(|record| &record.event) else {
        panic!("the last event is not the end")
    };
    assert_eq!((*told, *test_reads), (winner(&scores, pgnas::preset::BatchNormMode::Recalibrated), 1));
    assert!(told.is_some() && resources.wall_seconds > 0.0);
    let ties: Vec<_> =
        records.iter().filter_map(|record| if let Event::Ties(ties) = &record.event { Some(ties.clone()) } else { None }).collect();
    assert_eq!((ties.len(), Some(ties[0].leader), ties[0].compared), (1, *told, 13));
    assert!(!ties[0].tied.contains(&ties[0].leader) && ties[0].tied.is_sorted());
}

#[test]
fn a_constraint_holds_for_every_sample_and_its_price_is_told() {
    let root = tempfile::tempdir().unwrap();
    let settings =
        ["rank.constraint=kept > .85, params < 6.1k", "rank.uniform=3", "posterior.learning_rate_multiplier=0", "rank.test=false"];
    let (mut link, engine, folder) = start(root.path(), &settings);
    assert_eq!(wait(&mut link, "the end", outcome), Outcome::Completed);
    engine.join().unwrap();
    let (candidates, _) = read_candidates(&folder.candidates()).unwrap();
    let sampled: Vec<_> = candidates.iter().filter(|candidate| !candidate.score.source.is_reference()).collect();
    assert_eq!(sampled.len(), 9);
    for candidate in sampled {
        assert!(candidate.score.kept_share > 0.85 && candidate.score.parameters < 6_100, "{:?}", candidate.score);
    }
    let acceptance: Vec<_> =
        log(&folder).iter().filter_map(|record| if let Event::Drawn(told) = &record.event { Some(*told) } else { None }).collect();
    assert_eq!(acceptance.iter().map(|told| told.source).collect::<Vec<_>>(), [Source::Posterior, Source::Random, Source::Uniform]);
    assert!(acceptance.iter().all(|told| told.accepted == 3 && told.drawn >= 3), "{acceptance:?}");
}

#[test]
fn a_race_drops_who_cannot_win_and_keeps_the_winner_of_a_full_ranking() {
    let root = tempfile::tempdir().unwrap();
    // Long enough that random candidates are worse.
    let settings = ["train.epochs=12", "rank.posterior=6", "rank.random=6", "rank.test=false"];
    let told = |name: &str, more: &[&str]| {
        let (mut link, engine, folder) = start(&root.path().join(name), &[&settings, more].concat());
        assert_eq!(wait(&mut link, "the end", outcome), Outcome::Completed);
        engine.join().unwrap();
        (read_candidates(&folder.candidates()).unwrap().0, log(&folder))
    };
    let (full, _) = told("full", &[]);
    let (raced, records) = told("raced", &["rank.racing=true"]);
    let best = |candidates: &[pgnas::run::CandidateRecord]| {
        let scores: Vec<_> = candidates.iter().map(|candidate| candidate.score.clone()).collect();
        let id = winner(&scores, pgnas::preset::BatchNormMode::Recalibrated).unwrap();
        let won = candidates.iter().find(|candidate| candidate.score.id == id).unwrap();
        (won.draw, won.score.select)
    };
    assert_eq!(best(&full), best(&raced));
    let race = records.iter().find_map(|record| if let Event::Race(race) = record.event { Some(race) } else { None }).unwrap();
    let asked: u64 = raced.iter().skip(2).map(|candidate| u64::from(candidate.score.select.recalibrated.total)).sum();
    assert_eq!((race.candidates, race.asked, race.asked + race.saved), (12, asked, 12 * 350));
    let short = raced.iter().filter(|candidate| candidate.correct_recalibrated.0.len() < 350).count();
    assert!(race.dropped > 0 && short == race.dropped as usize, "{race:?}");
    for candidate in &raced {
        let twin = full.iter().find(|other| other.draw == candidate.draw && other.score.source == candidate.score.source).unwrap();
        assert_eq!(twin.mask, candidate.mask);
        if candidate.correct_recalibrated.0.len() == 350 {
            assert_eq!(twin.score.select, candidate.score.select, "the same answers in another order");
        }
    }
}

/// The log and the candidates of one seed, times, names and alerts that follow from times and the disk aside, from the program itself with so many threads.
fn told(root: &Path, seed: &str, threads: &str) -> (Vec<serde_json::Value>, String) {
    let folder = root.join(format!("{seed}-{threads}"));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pgnas"));
    command.args(["search", "digits", "--headless", "--seed", seed, "--run-dir"]).arg(&folder).env("RAYON_NUM_THREADS", threads);
    for setting in SMALL {
        command.args(["--set", setting]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(folder.join("events.jsonl")).unwrap();
    let is_of_machine = |line: &&str| {
        let record: Record = serde_json::from_str(line).unwrap();
        matches!(record.event, Event::Alert(alert) if alert.kind.is_of_machine())
    };
    let lines = text.lines().filter(|line| !is_of_machine(line)).map(|line| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        let fields = value.as_object_mut().unwrap();
        for field in ["seconds", "sequence", "resources", "run"] {
            fields.remove(field);
        }
        value
    });
    (lines.collect(), std::fs::read_to_string(folder.join("candidates/candidates.jsonl")).unwrap())
}

#[test]
fn a_seed_gives_the_same_log_again_and_on_any_number_of_threads() {
    let root = tempfile::tempdir().unwrap();
    let (one, two) = (told(root.path(), "5", "1"), told(root.path(), "5", "2"));
    assert!(one.0.len() > 10);
    assert_eq!(one, two);
    std::fs::remove_dir_all(root.path().join("5-2")).unwrap();
    assert_eq!(two, told(root.path(), "5", "2"));
    assert_ne!(one.1, told(root.path(), "6", "2").1);
}

#[test]
fn commands_steer_and_are_recorded() {
    let root = tempfile::tempdir().unwrap();
    // So long that only Stop can end it.
    let (mut link, engine, folder) = start(root.path(), &["train.epochs=10000"]);
    link.send(Command::Pause);
    let intervention = |event: &Event| if let Event::Intervention { command, step } = event { Some((*command, *step)) } else { None };
    let (paused, step) = wait(&mut link, "the pause", intervention);
    assert_eq!(paused, Command::Pause);

    link.send(Command::SampleNow { count: 3 });
    let mut sampled = Vec::new();
    wait(&mut link, "three candidates", |event| {
        if let Event::Candidate(score) = event {
            sampled.push((score.source, score.epoch));
        }
        (sampled.len() == 3).then_some(())
    });
    assert!(sampled.iter().all(|(source, _)| *source == Source::Posterior));

    link.send(Command::StepEpoch);
    assert_eq!(wait(&mut link, "the step", |event| intervention(event).filter(|(command, _)| *command == Command::StepEpoch)).1, step);
    let trained = wait(&mut link, "the epoch", |event| if let Event::Epoch(metrics) = event { Some(metrics.step) } else { None });
    assert!(trained > step);
    // Paused again, and the stop finds it at the same step.
    until(&mut link, "the pause after the epoch", |update| match update {
        Update::Snapshot(snapshot) => (snapshot.paused && snapshot.epoch > 0).then_some(()),
        _ => None,
    });
    link.send(Command::Stop);
    assert_eq!(wait(&mut link, "the stop", intervention), (Command::Stop, trained));
    assert_eq!(wait(&mut link, "the end", outcome), Outcome::Stopped);
    engine.join().unwrap();
    let (candidates, _) = read_candidates(&folder.candidates()).unwrap();
    assert_eq!(candidates.len(), 3);
    assert!(matches!(log(&folder).last().unwrap().event, Event::Finished { test_reads: 0, .. }));
}

#[test]
fn a_checkpoint_that_cannot_be_written_is_told_once_an_outage_and_costs_nothing() {
    let root = tempfile::tempdir().unwrap();
    let mut plan = plan(root.path(), &[]);
    plan.keep.every = Duration::ZERO;
    let folder = plan.folder.clone();
    // What would be written beside the third checkpoint and renamed finds its place taken.
    let place = folder.path().join("checkpoints/state-3.safetensors.part");
    std::fs::create_dir_all(&place).unwrap();
    let (mut link, engine) = engine::start(plan).unwrap();
    let stored = |event: &Event| matches!(event, Event::Alert(alert) if alert.kind == AlertKind::Storage);
    let message = wait(&mut link, "the alert", |event| match event {
        Event::Alert(alert) if stored(event) => Some(alert.message.clone()),
        _ => None,
    });
    assert!(message.contains("state-3.safetensors: cannot be written (") && message.contains("tried again"), "{message}");
    assert!(folder.path().join("checkpoints/state-2.safetensors").exists());
    std::fs::remove_dir(&place).unwrap();
    assert_eq!(wait(&mut link, "the end", outcome), Outcome::Completed);
    engine.join().unwrap();
    let alerts = log(&folder).iter().filter(|record| stored(&record.event)).count();
    assert_eq!(alerts, 1);
    assert!(!folder.path().join("checkpoints/state-2.safetensors").exists(), "later ones took its place");
}

#[test]
fn a_loss_that_is_not_finite_pauses_with_the_last_good_state_and_says_so() {
    let root = tempfile::tempdir().unwrap();
    let (mut link, engine, folder) = start(root.path(), &["train.learning_rate=100000", "train.clip=0"]);
    let message = wait(&mut link, "the alert", |event| match event {
        Event::Alert(alert) if alert.kind == AlertKind::NonFiniteLoss => Some(alert.message.clone()),
        _ => None,
    });
    assert!(message.contains("train.learning_rate"), "{message}");
    // The state that it goes back to is sound: networks drawn from it have accuracies, and its p are probabilities.
    link.send(Command::SampleNow { count: 1 });
    let score = wait(&mut link, "a candidate", |event| if let Event::Candidate(score) = event { Some(score.clone()) } else { None });
    assert!(score.parameters > 0);
    assert!(link.snapshot().drop_probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
    link.send(Command::Stop);
    assert_eq!(wait(&mut link, "the end", outcome), Outcome::Failed { reason: message });
    engine.join().unwrap();
    assert!(log(&folder).len() > 3);
}

#[test]
fn a_posterior_that_does_not_move_is_told_once_in_the_log_and_the_search_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let settings = ["posterior.learning_rate_multiplier=0", "train.epochs=5", "rank.test=false"];
    let (mut link, engine, folder) = start(root.path(), &settings);
    assert_eq!(wait(&mut link, "the end", outcome), Outcome::Completed);
    engine.join().unwrap();
    let records = log(&folder);
    let stuck = |record: &Record| match &record.event {
        Event::Alert(alert) if alert.kind == AlertKind::Stuck => Some(alert.message.clone()),
        _ => None,
    };
    let told: Vec<String> = records.iter().filter_map(stuck).collect();
    assert_eq!(told, ["no drop probability has moved from 0.1 in 3 epochs: raise posterior.learning_rate_multiplier"]);
    let at = records.iter().position(|record| stuck(record).is_some()).unwrap();
    let Event::Epoch(metrics) = &records[at - 1].event else { panic!("it follows the epoch that shows it") };
    assert_eq!(metrics.epoch, 3);
    let parts = metrics.kl_parts.unwrap();
    assert!((parts.l2 + parts.entropy - metrics.kl).abs() < 1e-9 && parts.l2 > 0.0, "{parts:?} of {}", metrics.kl);
}

/// The last epoch that ends from here on.
fn stepped(link: &mut Link) -> pgnas::run::EpochMetrics {
    link.send(Command::StepEpoch);
    wait(link, "the epoch", |event| if let Event::Epoch(metrics) = event { Some((**metrics).clone()) } else { None })
}

#[test]
fn what_is_held_stays_through_a_resume_and_moves_again_once_released() {
    let root = tempfile::tempdir().unwrap();
    let (mut link, engine, folder) = start(root.path(), &["train.epochs=10000", "posterior.learning_rate_multiplier=40"]);
    let free = stepped(&mut link);
    let (kept, dropped) = (Command::Hold { group: 0, fate: Fate::Kept }, Command::Hold { group: 1, fate: Fate::Dropped });
    link.send(kept);
    link.send(dropped);
    let held = stepped(&mut link);
    assert_eq!(held.drop_probabilities[..2], [0.0, 1.0]);
    let moved =
        (2..held.drop_probabilities.len()).filter(|&group| (held.drop_probabilities[group] - free.drop_probabilities[group]).abs() > 0.0);
    assert!(moved.count() > 10);
    link.send(Command::SampleNow { count: 3 });
    for _ in 0..3 {
        let candidate = |event: &Event| if let Event::Candidate(score) = event { Some(score.kept.clone()) } else { None };
        let kept = wait(&mut link, "a candidate", candidate);
        assert_eq!(kept[..2], [4, 0], "all channels of the one operation, and none of the other");
    }
    link.send(Command::Epochs { epochs: 3 });
    link.send(Command::Stop);
    assert_eq!(wait(&mut link, "the end", outcome), Outcome::Stopped);
    engine.join().unwrap();
    let before = Steering::of(&log(&folder));
    assert_eq!((before.held.len(), before.epochs), (2, Some(3)));

    let mut resume = std::process::Command::new(env!("CARGO_BIN_EXE_pgnas"));
    let output = resume.args(["resume", "--headless"]).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let records = log(&folder);
    let epochs: Vec<_> =
        records.iter().filter_map(|record| if let Event::Epoch(metrics) = &record.event { Some(metrics) } else { None }).collect();
    assert_eq!(epochs.len(), 3, "the budget of the steered run");
    assert_eq!(epochs[2].drop_probabilities[..2], [0.0, 1.0]);
    assert_eq!(Steering::of(&records), before);

    // The same steps, but released after the second epoch.
    let other = tempfile::tempdir().unwrap();
    let (mut link, engine, _) = start(other.path(), &["train.epochs=10000", "posterior.learning_rate_multiplier=40"]);
    let again = stepped(&mut link);
    assert_eq!(again, free);
    link.send(kept);
    link.send(dropped);
    assert_eq!(stepped(&mut link), held, "steered alike, it goes alike");
    link.send(Command::Release { group: 0 });
    link.send(Command::Release { group: 1 });
    let released = stepped(&mut link);
    for group in [0, 1] {
        let (now, then) = (released.drop_probabilities[group], free.drop_probabilities[group]);
        assert!(now > 0.0 && now < 1.0 && (now - then).abs() > 0.0 && (now - then).abs() < 0.4, "{now} from {then}");
    }
    link.send(Command::Stop);
    wait(&mut link, "the end", outcome);
    engine.join().unwrap();
}

#[test]
fn numbers_change_from_here_on_and_nonsense_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let (mut link, engine, folder) = start(root.path(), &["train.epochs=4", "rank.test=false"]);
    let first = stepped(&mut link);
    link.send(Command::Temperature { value: -1.0 });
    let refused = wait(&mut link, "the refusal", |event| match event {
        Event::Alert(alert) if alert.kind == AlertKind::Refused => Some(alert.message.clone()),
        _ => None,
    });
    assert!(refused.contains("between .001 and 100"), "{refused}");
    for command in [
        Command::Temperature { value: 1.0 },
        Command::WeightPrior { value: 0.0 },
        Command::LearningRate { factor: 0.5 },
        Command::Epochs { epochs: 2 },
    ] {
        link.send(command);
    }
    let second = stepped(&mut link);
    // The cosine now ends after two epochs, and half of it is left of that.
    assert!(second.learning_rate < 0.3 * first.learning_rate, "{} after {}", second.learning_rate, first.learning_rate);
    let steps = first.step as f64;
    let expected = 0.5 * 0.05 * 0.5 * (1.0 + (std::f64::consts::PI * (2.0 * steps - 1.0) / (2.0 * steps)).cos());
    assert!((second.learning_rate - expected).abs() < 1e-9, "{} instead of {expected}", second.learning_rate);
    // What L_w weighs is gone from the KL term: only the entropy part is left of it.
    assert!(second.kl < first.kl, "{} after {}", second.kl, first.kl);
    link.send(Command::Resume);
    assert_eq!(wait(&mut link, "the end", outcome), Outcome::Completed);
    engine.join().unwrap();
    let records = log(&folder);
    assert_eq!(records.iter().filter(|record| matches!(record.event, Event::Epoch(_))).count(), 2);
    assert!(
        records
            .iter()
            .all(|record| !matches!(record.event, Event::Intervention { command: Command::Temperature { value }, .. } if value < 0.0))
    );
}

/// The candidates of a search on these devices, as the lines of its list, and the messages of its alerts.
fn searched_on(names: &[&str], settings: &[&str]) -> (String, Vec<String>) {
    let root = tempfile::tempdir().unwrap();
    let (mut link, engine, folder) = start_on(root.path(), settings, names);
    assert_eq!(wait(&mut link, "the end", outcome), Outcome::Completed);
    engine.join().unwrap();
    let records = log(&folder);
    assert!(matches!(&records[0].event, Event::Started(started) if started.device == names.join(",")));
    let alerts = records.iter().filter_map(|record| match &record.event {
        Event::Alert(alert) => Some(alert.message.clone()),
        _ => None,
    });
    (std::fs::read_to_string(folder.candidates()).unwrap(), alerts.collect())
}

#[test]
fn what_is_ranked_does_not_depend_on_how_many_devices_share_it() {
    // Devices of another kind take no part in the training, so that all three searches rank by the same weights.
    for settings in [&["rank.constant=3"][..], &["rank.racing=true", "rank.posterior=9", "rank.random=9"]] {
        let alone = searched_on(&["cpu"], settings);
        for names in [&["cpu", "one:0"][..], &["cpu", "one:0", "two:0", "three:0"]] {
            assert_eq!(searched_on(names, settings), alone, "{names:?} {settings:?}");
        }
    }
}

#[test]
fn devices_of_a_kind_train_together() {
    let (alone, _) = searched_on(&["cpu"], &[]);
    let together = searched_on(&["cpu", "cpu:1"], &[]);
    assert_eq!(together, searched_on(&["cpu", "cpu:1"], &[]), "which of them is ready first makes no difference");
    assert_ne!(together.0, alone, "each has a batch norm of its own");
    let learned = |list: &str| list.lines().count();
    assert_eq!(learned(&together.0), learned(&alone));
}

#[test]
fn a_search_in_bf16_says_so_and_learns_what_one_in_f32_learns() {
    let searched = |settings: &str| {
        let root = tempfile::tempdir().unwrap();
        // The CPU takes its time for bf16.
        let short = ["train.epochs=1", "data.train=256", "rank.posterior=1", "rank.random=0", settings];
        let (mut link, engine, folder) = start(root.path(), &short);
        assert_eq!(wait(&mut link, "the end", outcome), Outcome::Completed);
        engine.join().unwrap();
        let records = log(&folder);
        let Event::Started(started) = &records[0].event else { panic!("{:?}", records[0]) };
        let loss = records.iter().rev().find_map(|record| match &record.event {
            Event::Epoch(epoch) => Some(epoch.cross_entropy),
            _ => None,
        });
        (started.precision, started.tf32, loss.unwrap())
    };
    let (f32, bf16) = (searched("train.precision=f32"), searched("train.precision=bf16"));
    assert_eq!((f32.0, f32.1, bf16.0, bf16.1), (Precision::F32, Some(false), Precision::Bf16, Some(false)));
    assert!(f32.2.to_bits() != bf16.2.to_bits() && (f32.2 - bf16.2).abs() < 0.02 * f32.2, "{} and {}", f32.2, bf16.2);
}
