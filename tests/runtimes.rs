//! Exports run elsewhere: ONNX Runtime and PyTorch give the logits of this program, of networks with random numbers and of what
//! `pgnas export` wrote of a trained run.
//!
//! Needs a Python with onnx, onnxruntime, torch, safetensors and numpy, named by `PGNAS_PYTHON`:
//! `PGNAS_PYTHON=… cargo test --release --test runtimes -- --ignored --nocapture`. Continuous integration runs it.

mod definitions;
mod networks;

use burn::tensor::Device;
use networks::{EPSILON, forward, mask, statistics, trained};
use pgnas::cli::prepare;
use pgnas::engine::weights::images;
use pgnas::export::{Genotype, Member, Origin, arrays, onnx, onnx_mean, pytorch, values};
use pgnas::graph::Numbers;
use pgnas::posterior::statistics::Predictions;
use pgnas::preset::Preset;
use pgnas::run::tensors::{Array, Arrays, to_safetensors};
use std::path::Path;
use std::process::Command;

const IMAGES: usize = 1000;

/// Writes what a candidate with random weights and statistics is exported as, and what this program makes of real images.
fn write(folder: &Path, preset: &str, set: &[&str], keep: f32) {
    let set: Vec<String> = set.iter().map(ToString::to_string).collect();
    let loaded = Preset::load(preset, None, &set).unwrap();
    let graph = prepare::graph(&loaded).unwrap();
    let (parameters, (mean, variance)) = (trained(&graph, 3), statistics(&graph, 6));
    let slice = graph.slice(mask(&graph, 8, keep).bits()).unwrap();
    let numbers = Numbers { parameters: &parameters, statistics: Some((&mean, &variance)), epsilon: EPSILON };
    let values = slice.values(&graph, &numbers);

    let splits = prepare::splits(&loaded).unwrap();
    let order: Vec<usize> = (0..IMAGES).collect();
    let batch = splits.train.images().gather(&order);
    let shape = graph.input_shape();
    let dimensions = vec![IMAGES, shape.channels, shape.height, shape.width];
    let input = images(batch.images.clone(), [IMAGES, shape.channels, shape.height, shape.width], &Device::default());
    let sliced = Numbers { parameters: &values.parameters, statistics: Some((&values.mean, &values.variance)), epsilon: EPSILON };
    let logits = forward(&slice.graph, &sliced, None, input);
    let array = |name: &str, dimensions: Vec<usize>, values: Vec<f32>| Array { name: name.into(), dimensions, values };
    let labels = batch.labels.iter().map(|&label| label as f32).collect();
    let given = [
        array("images", dimensions, batch.images),
        array("logits", vec![IMAGES, graph.classes()], logits),
        array("labels", vec![IMAGES], labels),
    ];
    let facts = [("seed", "3".to_owned())];
    let origin = Origin {
        title: "A \"test\".",
        mean: &splits.normalisation.mean,
        deviation: &splits.normalisation.deviation,
        classes: &["a \"b\"".to_owned()],
        epsilon: EPSILON,
        decay: 0.9,
    };
    let put = |name: &str, bytes: Vec<u8>| std::fs::write(folder.join(name), bytes).unwrap();
    put("images.safetensors", to_safetensors(&given, &[]).unwrap());
    put("model.safetensors", to_safetensors(&arrays(&slice.graph, &values), &facts).unwrap());
    put("model.onnx", onnx("test", &slice.graph, &values, EPSILON, &facts));
    put("model.py", pytorch(&slice.graph, &origin).into_bytes());
}

#[test]
#[ignore = "needs a Python with onnx, onnxruntime, torch and safetensors, named by PGNAS_PYTHON"]
fn onnx_runtime_and_pytorch_give_the_same_logits() {
    let python = std::env::var("PGNAS_PYTHON").expect("PGNAS_PYTHON names a Python with onnx, onnxruntime, torch and safetensors");
    let branches = ["space.family=branches", "space.stages=8,12", "space.stem=8"];
    for (preset, set, keep) in [
        ("digits", &[][..], 1.0),
        ("digits", &[], 0.4),
        // So few that whole branches and blocks die and constants travel on.
        ("digits", &[], 0.06),
        ("digits", &[], 0.0),
        ("fashion", &[], 0.3),
        ("fashion", &branches, 0.5),
        // Depthwise and dilated kernels, dense edges, pools that tile, a head of convolutions.
        ("chain", &[], 0.5),
        ("fashion", &["space.family=nasbench201", "space.stem_stride=1", "space.channels=8", "space.cells=1"], 0.5),
        ("supnet-d121-mini", &[], 0.5),
        ("fashion", &["space.family=darts", "space.stem_stride=1", "space.channels=4", "space.cells=1"], 0.5),
        ("fashion", &["space.family=enas", "space.channels=4", "space.cells=1"], 0.5),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), preset, set, keep);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/runtimes.py");
        let output = Command::new(&python).arg(script).arg(folder.path()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{preset}, keep {keep}: {}", String::from_utf8_lossy(&output.stderr));
        println!("{preset} {set:?}, keep {keep}: {told}");
        let facts: serde_json::Value = serde_json::from_str(&told).unwrap();
        for runtime in ["onnx", "onnx_single", "torch"] {
            assert!(facts[runtime].as_f64().unwrap() < 1e-4, "{preset}, keep {keep}, {runtime}: {told}");
        }
        let right = facts["right"].as_array().unwrap();
        assert!(right[0] == right[1] && right[0] == right[2], "{told}");
        assert_eq!(facts["metadata"]["seed"], "3");
        let losses = facts["losses"].as_array().unwrap();
        assert!(losses[4].as_f64().unwrap() < losses[0].as_f64().unwrap(), "the module trains on: {told}");
    }
}

/// What makes a search of `digits` a matter of seconds, and still one that learns.
const SMALL: [&str; 7] = [
    "space.stages=8,16",
    "train.epochs=12",
    "rank.posterior=10",
    "rank.random=2",
    "rank.uniform=0",
    "rank.constant=0",
    "rank.recalibration_images=128",
];

fn pgnas(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_pgnas")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Puts the select images beside an export, with what this program makes of them by the files of the export alone: how many are right.
fn judge(folder: &Path) -> usize {
    let genotype: Genotype = serde_json::from_slice(&std::fs::read(folder.join("genotype.json")).unwrap()).unwrap();
    let loaded = Preset::load(folder.join("config.toml").to_str().unwrap(), None, &[]).unwrap();
    let slice = prepare::graph(&loaded).unwrap().slice(genotype.mask().unwrap().bits()).unwrap();
    let values = values(&slice.graph, &Arrays::read(&folder.join("model.safetensors")).unwrap()).unwrap();
    let epsilon = loaded.preset.train.batch_norm_epsilon;
    let numbers = Numbers { parameters: &values.parameters, statistics: Some((&values.mean, &values.variance)), epsilon };

    let splits = prepare::splits(&loaded).unwrap();
    let select = splits.select.images();
    let batch = select.gather(&(0..select.len()).collect::<Vec<usize>>());
    let shape = slice.graph.input_shape();
    let dimensions = [select.len(), shape.channels, shape.height, shape.width];
    let logits = forward(&slice.graph, &numbers, None, images(batch.images.clone(), dimensions, &Device::default()));
    let right = Predictions::of_logits(&logits, slice.graph.classes()).right(&batch.labels);
    let array = |name: &str, dimensions: Vec<usize>, values: Vec<f32>| Array { name: name.into(), dimensions, values };
    let given = [
        array("images", dimensions.to_vec(), batch.images),
        array("logits", vec![select.len(), slice.graph.classes()], logits),
        array("labels", vec![select.len()], batch.labels.iter().map(|&label| label as f32).collect()),
    ];
    std::fs::write(folder.join("images.safetensors"), to_safetensors(&given, &[]).unwrap()).unwrap();
    right.into_iter().filter(|&right| right).count()
}

#[test]
#[ignore = "needs a Python with onnx, onnxruntime, torch and safetensors, named by PGNAS_PYTHON"]
fn exports_of_a_trained_run_are_as_good_in_other_runtimes() {
    let python = std::env::var("PGNAS_PYTHON").expect("PGNAS_PYTHON names a Python with onnx, onnxruntime, torch and safetensors");
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let run = run.to_str().unwrap();
    let mut search = vec!["search", "digits", "--headless", "--seed", "1", "--run-dir", run];
    SMALL.iter().for_each(|setting| search.extend(["--set", setting]));
    pgnas(&search);
    // The winner and the whole network.
    for candidate in ["winner", "1"] {
        let told: serde_json::Value = serde_json::from_slice(&pgnas(&["export", run, candidate, "--json"])).unwrap();
        let folder = Path::new(told["path"].as_str().unwrap());
        let right = judge(folder);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/runtimes.py");
        let output = Command::new(&python).arg(script).arg(folder).output().unwrap();
        assert!(output.status.success(), "{candidate}: {}", String::from_utf8_lossy(&output.stderr));
        let facts: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        println!("{candidate}: {facts}");
        for runtime in ["onnx", "onnx_single", "torch"] {
            assert!(facts[runtime].as_f64().unwrap() < 1e-4, "{candidate}, {runtime}: {facts}");
        }
        assert_eq!(facts["right"], serde_json::json!([right, right, right]), "{candidate}: the same accuracy everywhere");
        let snippets = facts["snippets"].as_array().unwrap();
        assert!(snippets.len() == 2 && snippets.iter().all(|snippet| snippet.as_f64().unwrap() < 1e-4), "as its README says: {facts}");
        assert!(facts["pixels"].as_f64().unwrap() < 1e-6, "the images, too: {facts}");
        assert_eq!(facts["counted"], serde_json::json!([right, right]), "{candidate}: {facts}");
        // It is the one that the export found, of the 350 select images, and no matter of chance among 10 classes.
        let share = right as f64 / 350.0;
        assert!((told["select_accuracy"].as_f64().unwrap() - share).abs() < 1e-9 && share > 0.6, "{candidate}: {share}, {told}");
        let recorded: f64 = facts["metadata"]["select_accuracy"].as_str().unwrap().parse().unwrap();
        assert!((recorded - share).abs() < 1e-9, "{candidate}: {facts}");
    }
}

#[test]
#[ignore = "needs a Python with onnx, onnxruntime and safetensors, named by PGNAS_PYTHON"]
fn onnx_runtime_gives_the_mean_of_an_ensemble() {
    let python = std::env::var("PGNAS_PYTHON").expect("PGNAS_PYTHON names a Python with onnx, onnxruntime and safetensors");
    let loaded = Preset::load("digits", None, &[]).unwrap();
    let graph = prepare::graph(&loaded).unwrap();
    let splits = prepare::splits(&loaded).unwrap();
    let batch = splits.train.images().gather(&(0..100).collect::<Vec<usize>>());
    let shape = graph.input_shape();
    let dimensions = [100, shape.channels, shape.height, shape.width];
    // One of them is so sparse that constants travel on, and one is nothing but constants.
    let members: Vec<_> = [0.6, 0.06, 0.0, 0.4]
        .into_iter()
        .zip(3..)
        .map(|(keep, seed)| {
            let (parameters, (mean, variance)) = (trained(&graph, seed), statistics(&graph, seed + 3));
            let slice = graph.slice(mask(&graph, seed + 5, keep).bits()).unwrap();
            let numbers = Numbers { parameters: &parameters, statistics: Some((&mean, &variance)), epsilon: EPSILON };
            let values = slice.values(&graph, &numbers);
            (slice.graph, values)
        })
        .collect();
    let predictions: Vec<Predictions> = members
        .iter()
        .map(|(graph, values)| {
            let numbers = Numbers { parameters: &values.parameters, statistics: Some((&values.mean, &values.variance)), epsilon: EPSILON };
            let logits = forward(graph, &numbers, None, images(batch.images.clone(), dimensions, &Device::default()));
            Predictions::of_logits(&logits, graph.classes())
        })
        .collect();
    let shares = Predictions::mean(&predictions).unwrap().shares().to_vec();
    let folder = tempfile::tempdir().unwrap();
    let array = |name: &str, dimensions: Vec<usize>, values: Vec<f32>| Array { name: name.into(), dimensions, values };
    let given = [array("images", dimensions.to_vec(), batch.images.clone()), array("shares", vec![100, graph.classes()], shares)];
    std::fs::write(folder.path().join("images.safetensors"), to_safetensors(&given, &[]).unwrap()).unwrap();
    let named: Vec<Member<'_>> =
        (1..).zip(&members).map(|(id, (graph, values))| Member { prefix: format!("c{id}."), graph, values }).collect();
    std::fs::write(folder.path().join("model.onnx"), onnx_mean("mean", &named, EPSILON, &[])).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/averaged.py");
    let output = Command::new(&python).arg(script).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let facts: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    println!("{facts}");
    assert!(["all", "single", "sums"].iter().all(|key| facts[key].as_f64().unwrap() < 1e-5), "{facts}");
}
