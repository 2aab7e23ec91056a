//! The super-networks beside independent definitions of them in PyTorch (`tests/reference/networks.py`): the same counts in full, and in a
//! narrow form the same logits of the same weights, whole, masked and sliced.
//!
//! A part of `tests/runtimes.rs`, which says how to run it.

use super::networks::{EPSILON, forward};
use burn::tensor::Device;
use pgnas::engine::weights::{WeightLayout, images};
use pgnas::graph::families::{Branches, DenseNet, Enas, NasBench201, ResNet, Stem};
use pgnas::graph::{Graph, Numbers, Op, Shape};
use pgnas::posterior::HardMask;
use pgnas::run::Pretrained;
use safetensors::SafeTensors;
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

const SMALL: Stem = Stem { channels: 8, kernel: 3, stride: 1, pool: false };
const IMAGENET: Stem = Stem { channels: 64, kernel: 7, stride: 2, pool: true };

fn shake(side: usize, stem: usize, stages: [usize; 3], blocks: usize) -> Graph {
    let input = Shape::map(3, side, side);
    Branches { input, classes: 10, stem, stem_stride: 1, stages: stages.to_vec(), blocks, branches: 2, mask_ends: true }.build().unwrap()
}

fn enas(side: usize, channels: usize, cells: usize) -> Graph {
    let input = Shape::map(3, side, side);
    Enas { input, classes: 10, stem_stride: 1, channels, cells, auxiliary: true }.build().unwrap()
}

fn densenet(side: usize, stem: Stem, classes: usize, growth: usize, bottleneck: usize, layers: &[usize]) -> Graph {
    DenseNet { input: Shape::map(3, side, side), classes, stem, growth, bottleneck, layers: layers.to_vec() }.build().unwrap()
}

fn resnet(side: usize, stem: Stem, classes: usize, layers: &[usize]) -> Graph {
    ResNet { input: Shape::map(3, side, side), classes, stem, layers: layers.to_vec(), inflated: true }.build().unwrap()
}

fn nasbench201(side: usize, channels: usize, cells: usize) -> Graph {
    NasBench201 { input: Shape::map(3, side, side), classes: 10, stem_stride: 1, channels, cells }.build().unwrap()
}

/// Each network of the script: its name, its narrow form, and what the presets build.
fn networks() -> Vec<(&'static str, Graph, Graph)> {
    vec![
        ("supnet-m", shake(16, 8, [6, 12, 24], 2), shake(32, 16, [96, 192, 384], 4)),
        ("supnet-e", enas(16, 4, 1), enas(32, 36, 5)),
        ("supnet-d121", densenet(32, SMALL, 10, 4, 2, &[2, 3, 3, 2]), densenet(224, IMAGENET, 1000, 32, 4, &[6, 12, 24, 16])),
        ("supnet-r50", resnet(32, Stem { channels: 8, ..IMAGENET }, 10, &[2, 1, 2]), resnet(224, IMAGENET, 1000, &[3, 4, 6, 3])),
        ("nasbench201", nasbench201(16, 4, 2), nasbench201(32, 16, 5)),
    ]
}

/// The arrays of a file of the script.
fn arrays(path: &Path) -> HashMap<String, Vec<f32>> {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let floats = |bytes: &[u8]| bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    file.iter().map(|(name, view)| (name.to_owned(), floats(view.data()))).collect()
}

fn difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let scale = theirs.iter().fold(1.0f32, |scale, logit| scale.max(logit.abs()));
    ours.iter().zip(theirs).map(|(our, their)| (our - their).abs()).fold(0.0, f32::max) / scale
}

/// The logits of a narrow network under the script's numbers, beside the script's: whole, masked, sliced.
fn compare(graph: &Graph, mut given: HashMap<String, Vec<f32>>) -> [f32; 3] {
    let mut take = |name: String| given.remove(&name).unwrap_or_else(|| panic!("the script has no `{name}`"));
    let parameters = graph.parameters().into_iter().flat_map(|parameter| {
        let values = if graph.auxiliary().contains(&parameter.node.index()) {
            // The definition has no auxiliary classifier, and its numbers must not matter.
            vec![0.5; parameter.range.len()]
        } else {
            take(format!("{}.{}", graph.node(parameter.node).name, parameter.kind.key()))
        };
        assert_eq!(values.len(), parameter.range.len(), "{}", graph.node(parameter.node).name);
        values
    });
    let parameters: Vec<f32> = parameters.collect();
    let norms = graph.nodes().iter().enumerate().filter(|(_, node)| node.op == Op::BatchNorm);
    let statistics = norms.map(|(index, node)| {
        if graph.auxiliary().contains(&index) {
            (vec![0.0; node.shape.channels], vec![1.0; node.shape.channels])
        } else {
            (take(format!("{}.running_mean", node.name)), take(format!("{}.running_var", node.name)))
        }
    });
    let (mean, variance): (Vec<_>, Vec<_>) = statistics.unzip();
    let (mean, variance) = (mean.concat(), variance.concat());
    let mut masks: HashMap<&str, Vec<f32>> = HashMap::new();
    let bits = graph.groups().iter().flat_map(|group| {
        let name = graph.node(group.node).name.as_str();
        // In the script, a mask goes by the layer; pools and identity are layers, too.
        let mask = masks.entry(name).or_insert_with(|| take(format!("{name}.mask")));
        group.node_channels.clone().map(|channel| mask[channel] > 0.5).collect::<Vec<_>>()
    });
    let mask = HardMask::new(bits.collect());
    let shape = graph.input_shape();
    let pixels = take("images".into());
    let batch = pixels.len() / shape.elements();
    let input = images(pixels, [batch, shape.channels, shape.height, shape.width], &Device::default());
    let (logits, whole) = (take("logits".into()), take("whole".into()));
    assert!(given.is_empty(), "only the script has {:?}", given.keys());

    let numbers = Numbers { parameters: &parameters, statistics: Some((&mean, &variance)), epsilon: EPSILON };
    let all = HardMask::new(vec![true; graph.masked_channels()]);
    let slice = graph.slice(mask.bits()).unwrap();
    let values = slice.values(graph, &numbers);
    let sliced = Numbers { parameters: &values.parameters, statistics: Some((&values.mean, &values.variance)), epsilon: EPSILON };
    [
        difference(&forward(graph, &numbers, Some(&all), input.clone()), &whole),
        difference(&forward(graph, &numbers, Some(&mask), input.clone()), &logits),
        difference(&forward(&slice.graph, &sliced, None, input), &logits),
    ]
}

/// The largest difference of logits that a state dict of torchvision's gives here and there.
fn from_torchvision(graph: &Graph, file: &Path, mut given: HashMap<String, Vec<f32>>) -> f32 {
    let start = Pretrained::read(file, graph, WeightLayout::of(graph).initial(1)).unwrap();
    assert!(!start.new_classifier);
    let numbers = Numbers { parameters: &start.parameters, statistics: Some((&start.mean, &start.variance)), epsilon: EPSILON };
    let (pixels, shape) = (given.remove("images").unwrap(), graph.input_shape());
    let batch = pixels.len() / shape.elements();
    let input = images(pixels, [batch, shape.channels, shape.height, shape.width], &Device::default());
    let all = HardMask::new(vec![true; graph.masked_channels()]);
    difference(&forward(graph, &numbers, Some(&all), input), &given["logits"])
}

fn script(folder: &Path) -> serde_json::Value {
    let python = std::env::var("PGNAS_PYTHON").expect("PGNAS_PYTHON names a Python with torch and safetensors");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/networks.py");
    let output = Command::new(&python).arg(script).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
#[ignore = "needs a Python with torch and safetensors, named by PGNAS_PYTHON"]
fn networks_are_those_that_are_defined_a_second_time_in_pytorch() {
    let folder = tempfile::tempdir().unwrap();
    let counts = script(folder.path());
    for (name, narrow, full) in networks() {
        let theirs = ["parameters", "masked_nodes", "masked_channels", "masked_weights"].map(|key| counts[name][key].as_u64().unwrap());
        let masked = full.nodes().iter().filter(|node| !node.groups.is_empty()).count();
        let ours = [full.cost().parameters as usize, masked, full.masked_channels(), full.masked_weights()].map(|count| count as u64);
        assert_eq!(ours, theirs, "{name}");
        let differences = compare(&narrow, arrays(&folder.path().join(format!("{name}.safetensors"))));
        println!("{name}: whole, masked, sliced differ by {differences:?} of the largest logit");
        assert!(differences.iter().all(|&difference| difference < 1e-4), "{name}: {differences:?}");
    }
    let stem = Stem { channels: 8, ..IMAGENET };
    let plain = |stem, classes, layers: &[usize]| {
        ResNet { input: Shape::map(3, 64, 64), classes, stem, layers: layers.to_vec(), inflated: false }.build().unwrap()
    };
    let mut graphs = vec![("densenet", densenet(64, stem, 10, 4, 2, &[2, 3, 2])), ("resnet", plain(stem, 10, &[1, 2]))];
    match counts.get("torchvision") {
        Some(version) => {
            println!("torchvision {version} wrote densenet121 and resnet50");
            graphs.push(("densenet121", densenet(64, IMAGENET, 1000, 32, 4, &[6, 12, 24, 16])));
            graphs.push(("resnet50", plain(IMAGENET, 1000, &[3, 4, 6, 3])));
        }
        None => println!("torchvision is not installed; its modules are restated with its names"),
    }
    for (name, graph) in graphs {
        for file in [".safetensors", ".pth", "-older.pth"] {
            let given = arrays(&folder.path().join(format!("{name}-logits.safetensors")));
            let difference = from_torchvision(&graph, &folder.path().join(format!("{name}{file}")), given);
            println!("{name}{file}: logits differ by {difference:?} of the largest");
            assert!(difference < 1e-4, "{name}{file}: {difference}");
        }
    }
}
