//! A network as one readable PyTorch module. Its parameters have the names of the SafeTensors file.

use crate::graph::{Graph, Node, NodeId, Op, PoolKind, padding, pool_padding};
use std::collections::HashMap;
use std::fmt::Write as _;

/// What a reader of the file is told at its top.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// A line on what it is.
    pub title: &'a str,
    /// Mean of each input channel, of pixels from 0 to 1.
    pub mean: &'a [f32],
    /// Their deviation.
    pub deviation: &'a [f32],
    /// Names of the classes.
    pub classes: &'a [String],
    /// Added to variances.
    pub epsilon: f64,
    /// Share of the running statistics that a training step keeps.
    pub decay: f64,
}

/// The source of `model.py`.
#[must_use]
pub fn pytorch(graph: &Graph, origin: &Origin<'_>) -> String {
    let mut text = String::new();
    let names = variables(graph);
    let input = graph.input_shape();
    let tuple = |values: &[f32]| values.iter().map(|value| format!("{value:?},")).collect::<Vec<_>>().join(" ");
    let _ = writeln!(text, "\"\"\"{}", origin.title.replace('"', "'"));
    let _ = writeln!(text, "\n    from model import load\n    network = load(\"model.safetensors\")  # in evaluation mode");
    let _ = writeln!(
        text,
        "    logits = network(normalise(pixels))  # pixels from 0 to 1, [batch, {input_c}, {h}, {w}]",
        input_c = input.channels,
        h = input.height,
        w = input.width
    );
    let _ = writeln!(text, "\nNeeds torch and safetensors alone. Written by pgnas {}.\n\"\"\"\n", env!("CARGO_PKG_VERSION"));
    text.push_str("import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n");
    let _ = writeln!(text, "MEAN = ({})\nDEVIATION = ({})", tuple(origin.mean), tuple(origin.deviation));
    let classes: Vec<String> = origin.classes.iter().map(|class| format!("{class:?}")).collect();
    let _ = writeln!(text, "CLASSES = [{}]\n\n", classes.join(", "));
    text.push_str(HELPERS);
    text.push_str("class Network(nn.Module):\n    def __init__(self):\n        super().__init__()\n");
    for node in graph.nodes() {
        if let Some(layer) = layer(graph, node, origin) {
            let _ = writeln!(text, "        place(self, {:?}, {layer})", node.name);
        }
    }
    let _ = writeln!(text, "\n    def forward(self, {}):\n        layer = self.get_submodule", names[0]);
    let mut section = String::new();
    for (index, node) in graph.nodes().iter().enumerate().skip(1) {
        let here = node.name.split('.').take(2).collect::<Vec<_>>().join(".");
        if here != section && node.name.matches('.').count() > 1 {
            let _ = writeln!(text, "        # {here}");
            section = here;
        }
        let _ = writeln!(text, "        {} = {}", names[index], expression(node, &names));
    }
    let _ = writeln!(text, "        return {}.flatten(1)", names[names.len() - 1]);
    text.push_str(LOAD);
    text
}

const HELPERS: &str = r#"def place(root, path, layer):
    """Puts a layer at a dotted path below a module, so that its parameters have that name."""
    *parents, name = path.split(".")
    for parent in parents:
        if parent not in root._modules:
            root.add_module(parent, nn.Module())
        root = root._modules[parent]
    # A layer may have others below its own name.
    for child, module in root._modules.get(name, nn.Module()).named_children():
        layer.add_module(child, module)
    root.add_module(name, layer)


class Offset(nn.Module):
    """What a branch that was sliced away still adds: a number per channel."""

    def __init__(self, channels):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        return x + self.bias.view(1, -1, *[1] * (x.dim() - 2))


def arrange(x, channels):
    """The channels in another arrangement; None stands for zeros."""
    if None in channels:
        x = torch.cat([x, torch.zeros_like(x[:, :1])], 1)
    last = x.shape[1] - 1
    return x[:, [last if channel is None else channel for channel in channels]]


def shift(x):
    """The map moved by one pixel up and left, zeros coming in."""
    return F.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]


def normalise(pixels):
    """What the network was trained on, from pixels between 0 and 1."""
    mean = torch.tensor(MEAN).view(1, -1, 1, 1)
    deviation = torch.tensor(DEVIATION).view(1, -1, 1, 1)
    return (pixels - mean.to(pixels)) / deviation.to(pixels)


"#;

const LOAD: &str = r#"

def load(path):
    """The network with the weights of a SafeTensors file, in evaluation mode."""
    from safetensors.torch import load_file

    network = Network()
    missing, unexpected = network.load_state_dict(load_file(path), strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"{path}: missing {missing}, unexpected {unexpected}")
    return network.eval()
"#;

/// A Python name for what each node yields.
fn variables(graph: &Graph) -> Vec<String> {
    let mut taken = HashMap::<String, usize>::new();
    let variable = |node: &Node| {
        let name: String = node.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let name = if node.op == Op::Input { "x".to_owned() } else { format!("x_{name}") };
        let count = taken.entry(name.clone()).or_default();
        *count += 1;
        if *count == 1 { name } else { format!("{name}__{count}") }
    };
    graph.nodes().iter().map(variable).collect()
}

/// The layer of a node that has parameters.
fn layer(graph: &Graph, node: &Node, origin: &Origin<'_>) -> Option<String> {
    let inputs = graph.node(*node.inputs.first()?).shape.channels;
    Some(match node.op {
        Op::Conv { out_channels, kernel, stride, dilation, groups } => {
            let mut text = format!("nn.Conv2d({inputs}, {out_channels}, {kernel}");
            let [before, behind] = padding(kernel, dilation);
            if before != behind {
                text += ", padding='same'";
            }
            let padding = if before == behind { before } else { 0 };
            for (name, value, default) in [("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1), ("groups", groups, 1)]
            {
                if value != default {
                    let _ = write!(text, ", {name}={value}");
                }
            }
            text + ", bias=False)"
        }
        Op::BatchNorm => format!("nn.BatchNorm2d({inputs}, eps={:e}, momentum={:.4})", origin.epsilon, 1.0 - origin.decay),
        Op::Linear { out_features } => format!("nn.Linear({inputs}, {out_features})"),
        Op::Offset => format!("Offset({inputs})"),
        _ => return None,
    })
}

fn expression(node: &Node, names: &[String]) -> String {
    let read = |id: &NodeId| names[id.index()].as_str();
    let first = node.inputs.first().map(read).unwrap_or_default();
    let all = |separator: &str| node.inputs.iter().map(read).collect::<Vec<_>>().join(separator);
    let call = format!("layer({:?})({first})", node.name);
    match &node.op {
        Op::Conv { .. } | Op::BatchNorm | Op::Offset => call,
        Op::Linear { .. } => format!("layer({:?})({first}.flatten(1))", node.name),
        Op::Relu => format!("F.relu({first})"),
        Op::Pool { kind, kernel, stride } => {
            let padding = pool_padding(*kernel);
            match kind {
                PoolKind::Average => format!("F.avg_pool2d({first}, {kernel}, {stride}, {padding}, count_include_pad=False)"),
                PoolKind::Max => format!("F.max_pool2d({first}, {kernel}, {stride}, {padding})"),
            }
        }
        Op::Shift => format!("shift({first})"),
        Op::Identity | Op::DropPath { .. } | Op::Input => first.to_owned(),
        Op::Shake { of } => format!("{first} / {of}"),
        Op::Zero => format!("torch.zeros_like({first})"),
        Op::Arrange { channels } => {
            let channels: Vec<String> = channels.iter().map(|channel| channel.map_or("None".to_owned(), |c| c.to_string())).collect();
            format!("arrange({first}, [{}])", channels.join(", "))
        }
        Op::Add => all(" + "),
        Op::Concat => format!("torch.cat([{}], 1)", all(", ")),
        Op::GlobalAveragePool => format!("{first}.mean((2, 3), keepdim=True)"),
    }
}
