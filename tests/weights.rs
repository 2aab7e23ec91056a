//! Searches whose preset exempts blocks, ties groups and starts from weights of torchvision's: what is exempt is never dropped, what is tied
//! moves as one, and a run that is killed goes on without the file that it began with.

#[expect(dead_code, reason = "what other tests need of it")]
mod killed;

use killed::{Run, events};
use pgnas::cli::prepare;
use pgnas::preset::{Loaded, Preset};
use pgnas::run::tensors::{Array, to_safetensors};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A small DenseNet, half of it exempt.
const SETTINGS: [&str; 13] = [
    "space.family=densenet",
    "space.stem=8",
    "space.growth=4",
    "space.bottleneck=2",
    "space.layers=1,2",
    "posterior.exempt=dense1",
    "posterior.ties=layer",
    "posterior.learning_rate_multiplier=20",
    "train.epochs=2",
    "rank.posterior=9",
    "rank.random=9",
    "rank.uniform=5",
    "rank.constant=0",
];

fn loaded(settings: &[&str]) -> Loaded {
    Preset::load("digits", None, &settings.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
}

/// A state dict for the network of [`SETTINGS`] under torchvision's names; so many classes.
fn state_dict(path: &Path, classes: usize) {
    let graph = prepare::graph(&loaded(&SETTINGS)).unwrap();
    let theirs = |ours: &str| {
        let name = ours.replace("stem.conv", "features.conv0").replace("stem.bn", "features.norm0").replace("head.bn", "features.norm5");
        let name = name.replace("head.linear", "classifier").replace("transition1.conv1.bn", "features.transition1.norm");
        let name = name.replace("transition1.conv1", "features.transition1.conv").replace("dense", "features.denseblock");
        name.replace(".layer", ".denselayer").replace("conv1.bn", "norm1").replace("conv2.bn", "norm2")
    };
    let mut arrays = Vec::new();
    let mut push = |name: String, mut dimensions: Vec<usize>| {
        if name.starts_with("head.linear") {
            dimensions[0] = classes;
        }
        let count = dimensions.iter().product::<usize>();
        arrays.push(Array { name: theirs(&name), dimensions, values: (0..count).map(|place| (place % 7) as f32 / 9.0 + 0.1).collect() });
    };
    for parameter in graph.parameters() {
        push(format!("{}.{}", graph.node(parameter.node).name, parameter.kind.key()), parameter.dimensions);
    }
    for node in graph.nodes().iter().filter(|node| node.op == pgnas::graph::Op::BatchNorm) {
        push(format!("{}.running_mean", node.name), vec![node.shape.channels]);
        push(format!("{}.running_var", node.name), vec![node.shape.channels]);
    }
    fs::write(path, to_safetensors(&arrays, &[]).unwrap()).unwrap();
}

fn pgnas(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pgnas")).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == kind).collect()
}

#[test]
fn a_run_that_starts_from_weights_is_killed_and_goes_on_without_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("densenet.safetensors");
    state_dict(&file, 10);
    let weights = format!("train.weights={}", file.display());
    let settings: Vec<&str> = SETTINGS.iter().copied().chain([weights.as_str()]).collect();
    let whole = Run::hosted(&settings);
    assert!(whole.search().wait().unwrap().success());
    let disturbed = Run::hosted(&settings);
    let mut child = disturbed.search();
    assert!(disturbed.wait_for_checkpoint(&mut child, 1));
    Run::kill(child);
    fs::remove_file(&file).unwrap();
    assert!(disturbed.resume().wait().unwrap().success());
    let log = events(&whole.folder());
    assert_eq!(events(&disturbed.folder()), log);
    assert_eq!(disturbed.candidates(), whole.candidates());
    assert!(of_kind(&log, "alert").iter().any(|alert| alert["kind"] == "weights"), "the log says what training began with");

    // Nothing of the exempt block is a group, so no candidate of any source can drop it, and nothing counts its entropy.
    let graph = prepare::graph(&loaded(&settings)).unwrap();
    let groups = of_kind(&log, "started")[0]["network"]["groups"].as_array().unwrap();
    let blocks: Vec<&str> = groups.iter().map(|group| group["block"].as_str().unwrap()).collect();
    assert!(!blocks.contains(&"dense1") && blocks.contains(&"dense2") && blocks.len() == graph.groups().len());
    let ties = graph.ties();
    let last: Vec<f64> =
        of_kind(&log, "epoch").last().unwrap()["drop_probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
    assert!(ties.iter().max().unwrap() + 1 < ties.len() && last.iter().any(|p| (p - 0.1).abs() > 1e-3), "{last:?}");
    for (one, other) in (0..ties.len()).flat_map(|one| (0..one).map(move |other| (one, other))) {
        assert!(ties[one] != ties[other] || last[one].to_bits() == last[other].to_bits(), "{one} and {other}: {last:?}");
    }

    // What is exported and computed again is what was ranked.
    let run = disturbed.folder();
    let run = run.to_str().unwrap();
    let export = folder.path().join("export");
    let (code, told) = pgnas(&["export", run, "2", "--out", export.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{told}");
    let genotype: Value = serde_json::from_str(&fs::read_to_string(export.join("genotype.json")).unwrap()).unwrap();
    let blocks: Vec<&str> = genotype["blocks"].as_array().unwrap().iter().map(|block| block["block"].as_str().unwrap()).collect();
    assert_eq!(blocks, ["transition1", "dense2"]);
    for arguments in [&["evaluate", export.to_str().unwrap()][..], &["report", run], &["compare", run], &["evaluate", run, "2"]] {
        let (code, told) = pgnas(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {told}");
    }

    // Without its checkpoints it begins again, and then it needs the file.
    fs::remove_dir_all(disturbed.folder().join("checkpoints")).unwrap();
    let log = disturbed.folder().join("events.jsonl");
    let first = fs::read_to_string(&log).unwrap().lines().next().unwrap().to_owned() + "\n";
    fs::write(&log, first).unwrap();
    let missing = disturbed.mistake();
    assert!(missing.contains("`train.weights` does not fit") && missing.contains("densenet.safetensors: it cannot be read"), "{missing}");
}

#[test]
fn a_classifier_of_other_classes_begins_at_random_and_the_log_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("densenet.safetensors");
    state_dict(&file, 1000);
    let weights = format!("train.weights={}", file.display());
    let run = Run::hosted(&SETTINGS.iter().copied().chain([weights.as_str(), "train.epochs=1"]).collect::<Vec<_>>());
    assert!(run.search().wait().unwrap().success());
    let log = events(&run.folder());
    let alert = of_kind(&log, "alert").into_iter().find(|alert| alert["kind"] == "weights").unwrap();
    assert!(alert["message"].as_str().unwrap().contains("its classifier is of other classes"), "{alert}");
}

#[test]
fn what_is_wrong_with_a_file_or_a_block_is_said_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("densenet.safetensors");
    state_dict(&file, 10);
    let path = file.to_str().unwrap();
    let run = folder.path().join("run");
    let refused = |more: &[&str]| {
        let mut arguments = vec!["search", "digits", "--headless", "--run-dir", run.to_str().unwrap()];
        SETTINGS.iter().copied().chain(more.iter().copied()).for_each(|setting| arguments.extend(["--set", setting]));
        let (code, told) = pgnas(&arguments);
        assert_eq!((code, told.matches('\n').count(), run.exists()), (Some(2), 1, false), "{told}");
        told
    };
    let weights = format!("train.weights={path}");
    let wide = refused(&[&weights, "space.growth=6"]);
    assert!(wide.contains("`dense1.layer1.conv1.weight` is [8, 8, 1, 1] in it, and [12, 8, 1, 1] in the network"), "{wide}");
    let deep = refused(&[&weights, "space.layers=1,3"]);
    assert!(deep.contains("it has nothing for `dense2.layer3."), "{deep}");
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    let torn = refused(&[&weights]);
    assert!(torn.contains("densenet.safetensors: it is no SafeTensors file, or a torn one"), "{torn}");
    let block = refused(&["posterior.exempt=dense9"]);
    assert!(block.contains("no mask group stands in `dense9`; there are dense1, transition1, dense2"), "{block}");
    let nothing = refused(&["posterior.exempt=dense1, dense2,transition1"]);
    assert!(nothing.contains("no mask group is left"), "{nothing}");
}
