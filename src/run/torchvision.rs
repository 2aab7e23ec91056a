//! Weights that torchvision trained, as the start of a super-network: its state dicts read from files, under our names.
//!
//! Files are SafeTensors, or what `torch.save` writes. Of the latter only tensors are read; nothing in a pickle is ever executed.

use crate::graph::{Graph, Op, Operation};
use pytorch_reader::{DType, PytorchReader};
use safetensors::{Dtype, SafeTensors};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Numbers to start from, in the layout of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Pretrained {
    /// The file that they come from.
    pub path: PathBuf,
    /// All parameters, as [`Graph::parameters`] lays them out.
    pub parameters: Vec<f32>,
    /// Means of all batch-norm channels in node order.
    pub mean: Vec<f32>,
    /// Their biased variances.
    pub variance: Vec<f32>,
    /// Whether the classifier keeps its initial numbers, being of another number of classes.
    pub new_classifier: bool,
}

/// Why a file of weights cannot be started from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}; give a state dict of torchvision's for the network of the preset, as .safetensors or .pth")]
pub struct PretrainedError {
    path: String,
    what: String,
}

/// A state dict under our names: dimensions and numbers.
type State = HashMap<String, (Vec<usize>, Vec<f32>)>;

impl Pretrained {
    /// Reads a state dict and lays it over the initial parameters of a network.
    ///
    /// What torchvision has as one 3x3 kernel, an inflated ResNet has as four: each takes its share of the filters, the 1x1 kernel their
    /// middle, the 5x5 kernel zeros around them. A classifier of another number of classes keeps its initial numbers.
    ///
    /// # Errors
    /// Names the file, and the array that is missing, too many, or of another shape.
    pub fn read(path: &Path, graph: &Graph, initial: Vec<f32>) -> Result<Self, PretrainedError> {
        let is_safetensors = path.extension().is_some_and(|extension| extension == "safetensors");
        let state = if is_safetensors { from_safetensors(path) } else { from_pickle(path) };
        let start = state.and_then(|state| Self::of(path, state, graph, initial));
        start.map_err(|what| PretrainedError { path: path.display().to_string(), what })
    }

    /// What a person should know of the start.
    #[must_use]
    pub fn told(&self) -> String {
        let new = if self.new_classifier { "; its classifier is of other classes, so this one's begins at random" } else { "" };
        format!("the weights of {} are what training starts from{new}", self.path.display())
    }

    fn of(path: &Path, mut state: State, graph: &Graph, initial: Vec<f32>) -> Result<Self, String> {
        let (path, mean, variance) = (path.to_owned(), Vec::new(), Vec::new());
        let mut start = Self { path, parameters: initial, mean, variance, new_classifier: false };
        let inflated = inflate(&mut state, graph)?;
        for parameter in graph.parameters() {
            let node = graph.node(parameter.node);
            let name = format!("{}.{}", node.name, parameter.kind.key());
            let (dimensions, values) = state.remove(&name).ok_or_else(|| format!("it has nothing for `{name}`"))?;
            if dimensions == parameter.dimensions {
                start.parameters[parameter.range].copy_from_slice(&values);
            } else if matches!(node.op, Op::Linear { .. }) {
                start.new_classifier = true;
            } else {
                return Err(format!("`{name}` is {dimensions:?} in it, and {:?} in the network", parameter.dimensions));
            }
        }
        for node in graph.nodes().iter().filter(|node| node.op == Op::BatchNorm) {
            for (key, statistics) in [("running_mean", &mut start.mean), ("running_var", &mut start.variance)] {
                let name = format!("{}.{key}", node.name);
                let (_, values) = state.remove(&name).ok_or_else(|| format!("it has nothing for `{name}`"))?;
                if values.len() != node.shape.channels {
                    return Err(format!("`{name}` is of {} channels in it, and of {} in the network", values.len(), node.shape.channels));
                }
                statistics.extend(values);
            }
        }
        match state.keys().filter(|name| !inflated.contains(name)).min() {
            Some(name) => Err(format!("it has `{name}`, and the network has not")),
            None => Ok(start),
        }
    }
}

/// Puts the four kernels of each inflated layer beside the one that they are made of; returns the names of the latter.
fn inflate(state: &mut State, graph: &Graph) -> Result<Vec<String>, String> {
    let mut whole = Vec::new();
    for node in graph.nodes() {
        let (Op::Conv { out_channels, kernel, .. }, Some((layer, key))) = (&node.op, node.name.rsplit_once('.')) else { continue };
        if layer.rsplit('.').next() != Some("conv2") {
            continue;
        }
        let name = format!("{layer}.weight");
        let (dimensions, values) = state.get(&name).ok_or_else(|| format!("it has nothing for `{name}`"))?;
        let [filters, inputs, 3, 3] = dimensions[..] else { return Err(format!("`{name}` is {dimensions:?} in it, and no 3x3 kernel")) };
        let first = KERNELS.iter().position(|operation| operation.key() == key).unwrap_or(0) * out_channels;
        if filters != *out_channels && filters != KERNELS.len() * out_channels {
            return Err(format!("`{name}` has {filters} filters in it, and the network has another width"));
        }
        let mut part = vec![0.0; out_channels * inputs * kernel * kernel];
        for (place, weight) in part.iter_mut().enumerate() {
            // The tap of the 3x3 kernel that lies here, counted from the middle.
            let (row, column) = (place / kernel % kernel, place % kernel);
            let (Some(row), Some(column)) = ((row + 1).checked_sub(kernel / 2), (column + 1).checked_sub(kernel / 2)) else { continue };
            if row < 3 && column < 3 {
                let plane = first * usize::from(filters != *out_channels) * inputs + place / (kernel * kernel);
                *weight = values[(plane * 3 + row) * 3 + column];
            }
        }
        state.insert(format!("{}.weight", node.name), (vec![*out_channels, inputs, *kernel, *kernel], part));
        whole.push(name);
    }
    Ok(whole)
}

/// The kernels of an inflated layer, in the order of their filters.
const KERNELS: [Operation; 4] = [Operation::Conv1, Operation::Conv3, Operation::DilatedConv3, Operation::DilatedConv5];

/// Our name for an entry of torchvision's; `None` where it has no meaning here.
fn ours(theirs: &str) -> Option<String> {
    // Published files of DenseNet are of a time when names had a point more.
    let theirs =
        theirs.replace(".norm.1.", ".norm1.").replace(".norm.2.", ".norm2.").replace(".conv.1.", ".conv1.").replace(".conv.2.", ".conv2.");
    let parts: Vec<&str> = theirs.trim_start_matches("module.").split('.').collect();
    let after = |word: &str, prefix: &str| word.strip_prefix(prefix).and_then(|number| number.parse::<usize>().ok());
    Some(match parts[..] {
        ["features", "conv0", key] | ["conv1", key] => format!("stem.conv.{key}"),
        ["features", "norm0", key] | ["bn1", key] => format!("stem.bn.{key}"),
        ["features", "norm5", key] => format!("head.bn.{key}"),
        ["classifier" | "fc", key] => format!("head.linear.{key}"),
        ["features", block, layer, part, key] => {
            let path = format!("dense{}.layer{}", after(block, "denseblock")?, after(layer, "denselayer")?);
            match after(part, "norm") {
                Some(norm) => format!("{path}.conv{norm}.bn.{key}"),
                None => format!("{path}.conv{}.{key}", after(part, "conv")?),
            }
        }
        ["features", transition, "norm", key] => format!("transition{}.conv1.bn.{key}", after(transition, "transition")?),
        ["features", transition, "conv", key] => format!("transition{}.conv1.{key}", after(transition, "transition")?),
        [layer, block, "downsample", part, key] => {
            let path = format!("stage{}.block{}.skip", after(layer, "layer")?, after(block, "")? + 1);
            if part == "0" { format!("{path}.{key}") } else { format!("{path}.bn.{key}") }
        }
        [layer, block, part, key] => {
            let path = format!("stage{}.block{}", after(layer, "layer")?, after(block, "")? + 1);
            match after(part, "bn") {
                Some(norm) => format!("{path}.conv{norm}.bn.{key}"),
                None => format!("{path}.conv{}.{key}", after(part, "conv")?),
            }
        }
        _ => return None,
    })
}

/// An entry of a file: its name, its dimensions, whether it is of `f32`, and how to read its bytes.
struct Entry<'a> {
    name: &'a str,
    dimensions: &'a [usize],
    is_f32: bool,
    read: &'a dyn Fn() -> Result<Vec<u8>, String>,
}

/// Takes in an entry, unless it is a counter; `most` bytes are all that a file of its length can hold.
fn take_in(state: &mut State, entry: &Entry<'_>, most: usize) -> Result<(), String> {
    let Entry { name, dimensions, is_f32, read } = *entry;
    if name.ends_with(".num_batches_tracked") {
        return Ok(());
    }
    if !is_f32 {
        return Err(format!("`{name}` is not of f32"));
    }
    let ours = ours(name).ok_or_else(|| format!("`{name}` is of no DenseNet or ResNet of torchvision's"))?;
    let count = dimensions.iter().try_fold(4, |count: usize, &dimension| count.checked_mul(dimension)).filter(|&bytes| bytes <= most);
    let count = count.ok_or_else(|| format!("`{name}` has more numbers than the file can hold"))? / 4;
    let values: Vec<f32> = read()?.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect();
    if values.len() != count {
        return Err(format!("`{name}` does not fill its dimensions"));
    }
    if !values.iter().all(|value| value.is_finite()) || (name.ends_with(".running_var") && values.iter().any(|&value| value < 0.0)) {
        return Err(format!("`{name}` holds numbers that no training leaves"));
    }
    state.insert(ours, (dimensions.to_vec(), values));
    Ok(())
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("it cannot be read ({error})"))
}

fn from_safetensors(path: &Path) -> Result<State, String> {
    let bytes = bytes_of(path)?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| format!("it is no SafeTensors file, or a torn one ({error})"))?;
    let mut state = State::new();
    for (name, view) in file.iter() {
        let read = || Ok(view.data().to_vec());
        let entry = Entry { name, dimensions: view.shape(), is_f32: view.dtype() == Dtype::F32, read: &read };
        take_in(&mut state, &entry, bytes.len())?;
    }
    Ok(state)
}

fn from_pickle(path: &Path) -> Result<State, String> {
    let bytes = bytes_of(path)?;
    let most = bytes.len();
    let reader = PytorchReader::from_bytes(bytes, None).map_err(|error| format!("it is no file of PyTorch's, or a torn one ({error})"))?;
    let mut state = State::new();
    for (name, tensor) in reader.tensors() {
        let read = || tensor.read().map_err(|error| format!("`{name}` cannot be read ({error})"));
        let entry = Entry { name, dimensions: tensor.shape(), is_f32: tensor.dtype() == DType::F32, read: &read };
        take_in(&mut state, &entry, most)?;
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Shape;
    use crate::graph::families::{DenseNet, ResNet, Stem};
    use crate::run::tensors::{Array, to_safetensors};

    const STEM: Stem = Stem { channels: 8, kernel: 3, stride: 1, pool: false };

    fn densenet(classes: usize) -> Graph {
        DenseNet { input: Shape::map(3, 8, 8), classes, stem: STEM, growth: 4, bottleneck: 2, layers: vec![1, 2] }.build().unwrap()
    }

    fn resnet() -> Graph {
        ResNet { input: Shape::map(3, 8, 8), classes: 3, stem: STEM, layers: vec![1], inflated: true }.build().unwrap()
    }

    /// A state dict of ours as torchvision would name it, with numbers that tell one from another.
    fn arrays(graph: &Graph, theirs: impl Fn(&str) -> String) -> Vec<Array> {
        let mut arrays = Vec::new();
        let mut push = |name: String, dimensions: Vec<usize>| {
            let count = dimensions.iter().product::<usize>();
            let base = arrays.len() as f32;
            arrays.push(Array { name: theirs(&name), dimensions, values: (0..count).map(|place| base + place as f32 / 1e4).collect() });
        };
        for parameter in graph.parameters() {
            push(format!("{}.{}", graph.node(parameter.node).name, parameter.kind.key()), parameter.dimensions);
        }
        for node in graph.nodes().iter().filter(|node| node.op == Op::BatchNorm) {
            push(format!("{}.running_mean", node.name), vec![node.shape.channels]);
            push(format!("{}.running_var", node.name), vec![node.shape.channels]);
        }
        arrays
    }

    fn densenet_name(ours: &str) -> String {
        let name = ours.replace("stem.conv", "features.conv0").replace("stem.bn", "features.norm0").replace("head.bn", "features.norm5");
        let name = name.replace("head.linear", "classifier").replace("transition1.conv1.bn", "features.transition1.norm");
        let name = name.replace("transition1.conv1", "features.transition1.conv").replace("dense", "features.denseblock");
        name.replace(".layer", ".denselayer").replace("conv1.bn", "norm1").replace("conv2.bn", "norm2")
    }

    fn read(arrays: &[Array], graph: &Graph) -> Result<Pretrained, PretrainedError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        std::fs::write(&path, to_safetensors(arrays, &[]).unwrap()).unwrap();
        let initial = graph.parameters().last().unwrap().range.end;
        Pretrained::read(&path, graph, vec![-1.0; initial])
    }

    #[test]
    fn a_state_dict_of_densenet_lies_where_it_belongs() {
        let graph = densenet(3);
        let given = arrays(&graph, densenet_name);
        assert!(given.iter().any(|array| array.name == "features.denseblock2.denselayer2.norm1.weight"));
        let start = read(&given, &graph).unwrap();
        let count = graph.parameters().len();
        let in_order: Vec<f32> = given[..count].iter().flat_map(|array| array.values.clone()).collect();
        assert_eq!(start.parameters, in_order);
        let mean: Vec<f32> = given[count..].iter().step_by(2).flat_map(|array| array.values.clone()).collect();
        assert_eq!((start.mean, start.new_classifier), (mean, false));

        let fewer = densenet(2);
        let start = read(&given, &fewer).unwrap();
        assert!(start.new_classifier && start.parameters.ends_with(&[-1.0; 8]));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let graph = densenet(3);
        let given = arrays(&graph, densenet_name);
        let message = |arrays: &[Array]| read(arrays, &graph).unwrap_err().to_string();
        assert!(message(&given[1..]).contains("it has nothing for `stem.conv.weight`"), "{}", message(&given[1..]));
        let mut other = given.clone();
        other[0].name = "blocks.0.attention.weight".into();
        assert!(message(&other).contains("`blocks.0.attention.weight` is of no DenseNet or ResNet"));
        let mut more = given.clone();
        more.push(Array { name: "features.denseblock2.denselayer3.conv1.weight".into(), dimensions: vec![1], values: vec![0.0] });
        assert!(message(&more).contains("it has `dense2.layer3.conv1.weight`, and the network has not"));
        let mut wide = given;
        wide[1].dimensions = vec![2, 4];
        assert!(message(&wide).contains("`stem.bn.weight` is [2, 4] in it, and [8] in the network"), "{}", message(&wide));
        for (value, name) in [(f32::NAN, "features.conv0.weight"), (-1.0, "features.norm0.running_var")] {
            let mut wrong = arrays(&graph, densenet_name);
            wrong.iter_mut().find(|array| array.name == name).unwrap().values[0] = value;
            assert!(message(&wrong).contains(&format!("`{name}` holds numbers that no training leaves")), "{}", message(&wrong));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.pth");
        std::fs::write(&path, b"no pickle").unwrap();
        let message = Pretrained::read(&path, &graph, vec![]).unwrap_err().to_string();
        assert!(
            message.contains("it is no file of PyTorch's, or a torn one") && message.trim_end().rsplit('.').next() == Some("pth"),
            "{message}"
        );
    }

    #[test]
    fn one_kernel_becomes_four() {
        let graph = resnet();
        let name = |ours: &str| {
            let name = ours
                .replace("stem.conv", "conv1")
                .replace("stem.bn", "bn1")
                .replace("head.linear", "fc")
                .replace("stage1.block1", "layer1.0");
            let name = name.replace("skip.bn", "downsample.1").replace("skip", "downsample.0");
            (1..=3).fold(name, |name, number| name.replace(&format!("conv{number}.bn"), &format!("bn{number}")))
        };
        let mut given = arrays(&graph, name);
        given.retain(|array| !array.name.contains("conv2.conv"));
        let kernel: Vec<f32> = (0..8 * 8 * 9).map(|place| place as f32).collect();
        given.push(Array { name: "layer1.0.conv2.weight".into(), dimensions: vec![8, 8, 3, 3], values: kernel });
        let start = read(&given, &graph).unwrap();
        let kernel = |key: &str| {
            let of = |parameter: &&crate::graph::Parameter| graph.node(parameter.node).name == format!("stage1.block1.conv2.{key}");
            &start.parameters[graph.parameters().iter().find(of).unwrap().range.clone()]
        };
        // Two filters each; filter f, input i, tap t has the number (8 f + i) 9 + t.
        assert_eq!(kernel("conv1")[..2], [4.0, 13.0]);
        assert_eq!(kernel("conv3")[..9], [144.0, 145.0, 146.0, 147.0, 148.0, 149.0, 150.0, 151.0, 152.0]);
        assert_eq!(kernel("conv3d2")[9..10], [297.0]);
        assert_eq!(kernel("conv5d2")[..10], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 432.0, 433.0, 434.0, 0.0]);
    }
}
