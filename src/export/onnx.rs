//! A network as an ONNX file with its weights: opset 17, dynamic batch, the graph's names on nodes and initializers.

use super::arrays::arrays;
use super::protobuf::{Field, Message, fields};
use crate::graph::{Graph, Node, NodeId, Op, PoolKind, Values, padding, pool_padding};
use crate::run::tensors::{Array, Arrays};

/// What an attribute of a node holds.
enum Attribute {
    Float(f32),
    Int(i64),
    Ints(Vec<i64>),
}

/// The bytes of the file. `epsilon` is added to variances; `facts` become metadata properties.
///
/// Input `images`, `[batch, channels, height, width]`, normalised; output `logits`, `[batch, classes]`.
#[must_use]
pub fn onnx(name: &str, graph: &Graph, values: &Values, epsilon: f64, facts: &[(&str, String)]) -> Vec<u8> {
    let body = network(Message::default(), &Member { prefix: String::new(), graph, values }, epsilon);
    model(name, body, graph, "logits", facts)
}

/// A network among several: what the names of its nodes begin with, its graph and its numbers.
#[derive(Debug)]
pub struct Member<'a> {
    /// Put before the name of every node and array.
    pub prefix: String,
    /// The graph.
    pub graph: &'a Graph,
    /// Its numbers.
    pub values: &'a Values,
}

/// The bytes of a file that runs several networks side by side and averages their softmax.
///
/// Input `images`, `[batch, channels, height, width]`, normalised; output `probabilities`, `[batch, classes]`.
#[must_use]
pub fn onnx_mean(name: &str, members: &[Member<'_>], epsilon: f64, facts: &[(&str, String)]) -> Vec<u8> {
    let Some(first) = members.first() else { return Vec::new() };
    let mut writer = Writer { graph: first.graph, epsilon, prefix: "", body: Message::default() };
    let mut shares = Vec::new();
    for member in members {
        writer.body = network(std::mem::take(&mut writer.body), member, epsilon);
        let [logits, share] = ["logits", "shares"].map(|name| format!("{}{name}", member.prefix));
        writer.emit(&share, "Softmax", &[logits], &share, vec![("axis", Attribute::Int(1))]);
        shares.push(share);
    }
    writer.emit("mean", "Mean", &shares, "probabilities", vec![]);
    model(name, writer.body, first.graph, "probabilities", facts)
}

/// The nodes and arrays of one network, behind what is there already.
fn network(body: Message, member: &Member<'_>, epsilon: f64) -> Message {
    let Member { prefix, graph, values } = member;
    let mut writer = Writer { graph, epsilon, prefix, body };
    for (index, node) in graph.nodes().iter().enumerate().skip(1) {
        writer.node(NodeId::from_index(index), node);
    }
    let last = NodeId::from_index(graph.nodes().len() - 1);
    if output(graph, last) != "logits" {
        // A network whose body is dead yields a map of one position.
        writer.emit("logits", "Flatten", &[output(graph, last)], "logits", vec![("axis", Attribute::Int(1))]);
    }
    let mut body = writer.body;
    for array in arrays(graph, values) {
        body = body.message(5, &initializer(graph, prefix, &array));
    }
    for (position, message) in constants(graph) {
        body = body.message(5, &integers(&format!("{prefix}{position}"), &message));
    }
    body
}

/// A whole file around the nodes and arrays.
fn model(name: &str, body: Message, graph: &Graph, output: &str, facts: &[(&str, String)]) -> Vec<u8> {
    let input = graph.input_shape();
    let mut body = body.text(2, name);
    body = body.message(11, &value_info("images", &[input.channels, input.height, input.width]));
    body = body.message(12, &value_info(output, &[graph.classes()]));
    let opset = Message::default().text(1, "").int(2, 17);
    let mut model = Message::default().int(1, 8).text(2, "pgnas").text(3, env!("CARGO_PKG_VERSION")).message(7, &body).message(8, &opset);
    for (key, fact) in facts {
        model = model.message(14, &Message::default().text(1, key).text(2, fact));
    }
    model.into_bytes()
}

struct Writer<'a> {
    graph: &'a Graph,
    epsilon: f64,
    /// Put before every name but that of the input.
    prefix: &'a str,
    body: Message,
}

/// The name of what a node yields.
fn output(graph: &Graph, id: NodeId) -> String {
    match id.index() {
        0 => "images".to_owned(),
        last if last + 1 == graph.nodes().len() && !is_map(graph, graph.node(id)) => "logits".to_owned(),
        _ => graph.node(id).name.clone(),
    }
}

impl Writer<'_> {
    fn emit(&mut self, name: &str, kind: &str, inputs: &[String], output: &str, attributes: Vec<(&str, Attribute)>) {
        let named = |name: &str| if name == "images" { name.to_owned() } else { format!("{}{name}", self.prefix) };
        let mut node = Message::default();
        for input in inputs {
            node = node.text(1, &named(input));
        }
        node = node.text(2, &named(output)).text(3, &named(name)).text(4, kind);
        for (name, attribute) in attributes {
            let message = Message::default().text(1, name);
            let message = match attribute {
                Attribute::Float(value) => message.float(2, value).int(20, 1),
                Attribute::Int(value) => message.int(3, value).int(20, 2),
                Attribute::Ints(values) => values.iter().fold(message, |message, &value| message.int(8, value)).int(20, 7),
            };
            node = node.message(5, &message);
        }
        self.body = std::mem::take(&mut self.body).message(1, &node);
    }

    fn node(&mut self, id: NodeId, node: &Node) {
        let name = &node.name;
        let result = output(self.graph, id);
        let inputs: Vec<String> = node.inputs.iter().map(|&input| output(self.graph, input)).collect();
        let first = inputs[0].clone();
        let with =
            |keys: &[&str]| std::iter::once(first.clone()).chain(keys.iter().map(|key| format!("{name}.{key}"))).collect::<Vec<String>>();
        let square = |value: usize| Attribute::Ints(vec![value as i64; 2]);
        match &node.op {
            Op::Conv { kernel, stride, dilation, groups, .. } => {
                let [before, behind] = padding(*kernel, *dilation).map(|padding| padding as i64);
                let attributes = vec![
                    ("kernel_shape", square(*kernel)),
                    ("strides", square(*stride)),
                    ("dilations", square(*dilation)),
                    ("pads", Attribute::Ints(vec![before, before, behind, behind])),
                    ("group", Attribute::Int(*groups as i64)),
                ];
                self.emit(name, "Conv", &with(&["weight"]), &result, attributes);
            }
            Op::BatchNorm => {
                let inputs = with(&["weight", "bias", "running_mean", "running_var"]);
                self.emit(name, "BatchNormalization", &inputs, &result, vec![("epsilon", Attribute::Float(self.epsilon as f32))]);
            }
            Op::Relu => self.emit(name, "Relu", &inputs, &result, vec![]),
            Op::Pool { kind, kernel, stride } => {
                let mut attributes = vec![
                    ("kernel_shape", square(*kernel)),
                    ("strides", square(*stride)),
                    ("pads", Attribute::Ints(vec![pool_padding(*kernel) as i64; 4])),
                ];
                let kind = match kind {
                    PoolKind::Average => {
                        attributes.push(("count_include_pad", Attribute::Int(0)));
                        "AveragePool"
                    }
                    PoolKind::Max => "MaxPool",
                };
                self.emit(name, kind, &inputs, &result, attributes);
            }
            Op::Shift => self.emit(name, "Pad", &with(&["pads"]), &result, vec![]),
            Op::Identity | Op::DropPath { .. } => self.emit(name, "Identity", &inputs, &result, vec![]),
            Op::Shake { of } => {
                let divisor = format!("{name}.of");
                self.emit(&divisor, "Constant", &[], &divisor, vec![("value_float", Attribute::Float(*of as f32))]);
                self.emit(name, "Div", &[first.clone(), divisor], &result, vec![]);
            }
            Op::Zero | Op::Input => self.emit(name, "Sub", &[first.clone(), first.clone()], &result, vec![]),
            Op::Arrange { channels } => {
                let source = if channels.iter().any(Option::is_none) {
                    let padded = format!("{name}.padded");
                    self.emit(&padded, "Pad", &with(&["pads"]), &padded, vec![]);
                    padded
                } else {
                    first.clone()
                };
                self.emit(name, "Gather", &[source, format!("{name}.channels")], &result, vec![("axis", Attribute::Int(1))]);
            }
            Op::Offset => self.emit(name, "Add", &with(&["bias"]), &result, vec![]),
            Op::Add => self.emit(name, "Sum", &inputs, &result, vec![]),
            Op::Concat => self.emit(name, "Concat", &inputs, &result, vec![("axis", Attribute::Int(1))]),
            Op::GlobalAveragePool => self.emit(name, "GlobalAveragePool", &inputs, &result, vec![]),
            Op::Linear { .. } => {
                let flat = format!("{name}.flat");
                self.emit(&flat, "Flatten", std::slice::from_ref(&first), &flat, vec![("axis", Attribute::Int(1))]);
                let inputs = [flat, format!("{name}.weight"), format!("{name}.bias")];
                self.emit(name, "Gemm", &inputs, &result, vec![("transB", Attribute::Int(1))]);
            }
        }
    }
}

/// Whole-number initializers: paddings and channel positions.
fn constants(graph: &Graph) -> Vec<(String, Vec<i64>)> {
    let mut constants = Vec::new();
    for node in graph.nodes() {
        match &node.op {
            Op::Shift => constants.push((format!("{}.pads", node.name), vec![0, 0, -1, -1, 0, 0, 1, 1])),
            Op::Arrange { channels } => {
                // Channels that are to be zero read the one that is padded behind the others.
                let behind = graph.node(node.inputs[0]).shape.channels as i64;
                let positions = channels.iter().map(|channel| channel.map_or(behind, i64::from)).collect();
                constants.push((format!("{}.channels", node.name), positions));
                if channels.iter().any(Option::is_none) {
                    constants.push((format!("{}.pads", node.name), vec![0, 0, 0, 0, 0, 1, 0, 0]));
                }
            }
            _ => {}
        }
    }
    constants
}

fn initializer(graph: &Graph, prefix: &str, array: &Array) -> Message {
    let offset = |node: &&Node| node.op == Op::Offset && array.name.strip_suffix(".bias") == Some(node.name.as_str());
    // An offset is added to every position of its channel.
    let dimensions = match graph.nodes().iter().find(offset) {
        Some(node) if is_map(graph, node) => vec![1, node.shape.channels, 1, 1],
        Some(node) => vec![1, node.shape.channels],
        None => array.dimensions.clone(),
    };
    let message = dimensions.iter().fold(Message::default(), |message, &size| message.int(1, size as i64));
    let bytes: Vec<u8> = array.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    message.int(2, 1).text(8, &format!("{prefix}{}", array.name)).bytes(9, &bytes)
}

/// The arrays of a file whose names begin with a prefix, under their names without it and in the dimensions of the graph.
///
/// # Errors
/// A file that is no ONNX file, or torn.
pub(super) fn initializers(file: &[u8], prefix: &str) -> Result<Arrays, String> {
    let mut arrays = Arrays::default();
    for graph in messages(file, 7)? {
        for tensor in messages(graph, 5)? {
            let mut array = Array { name: String::new(), dimensions: Vec::new(), values: Vec::new() };
            let mut is_float = false;
            for (number, field) in fields(tensor)? {
                match (number, field) {
                    (1, Field::Int(size)) => array.dimensions.push(size as usize),
                    (2, Field::Int(kind)) => is_float = kind == 1,
                    (8, Field::Bytes(name)) => array.name = String::from_utf8_lossy(name).into_owned(),
                    (9, Field::Bytes(raw)) => {
                        array.values = raw.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect();
                    }
                    _ => {}
                }
            }
            let Some(name) = array.name.strip_prefix(prefix).filter(|_| is_float) else { continue };
            // An offset has a dimension for each of what it is added to.
            if name.strip_suffix(".bias").is_some() {
                array.dimensions.retain(|&size| size != 1 || array.values.len() == 1);
                array.dimensions.truncate(1);
            }
            let name = name.to_owned();
            arrays.arrays.insert(name.clone(), Array { name, ..array });
        }
    }
    Ok(arrays)
}

/// The messages in one field of a message.
fn messages(bytes: &[u8], wanted: u32) -> Result<Vec<&[u8]>, String> {
    let of = |(number, field)| match field {
        Field::Bytes(bytes) if number == wanted => Some(bytes),
        _ => None,
    };
    Ok(fields(bytes)?.into_iter().filter_map(of).collect())
}

/// Whether a node yields `[batch, channels, 1, 1]` rather than the `[batch, classes]` of a linear layer.
fn is_map(graph: &Graph, node: &Node) -> bool {
    match node.op {
        Op::Linear { .. } => false,
        Op::Input | Op::Conv { .. } | Op::Pool { .. } | Op::GlobalAveragePool => true,
        _ => node.inputs.first().is_none_or(|&input| is_map(graph, graph.node(input))),
    }
}

fn integers(name: &str, values: &[i64]) -> Message {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Message::default().int(1, values.len() as i64).int(2, 7).text(8, name).bytes(9, &bytes)
}

fn value_info(name: &str, dimensions: &[usize]) -> Message {
    let batch = Message::default().text(2, "batch");
    let shape = dimensions
        .iter()
        .fold(Message::default().message(1, &batch), |shape, &size| shape.message(1, &Message::default().int(1, size as i64)));
    let tensor = Message::default().int(1, 1).message(2, &shape);
    Message::default().text(1, name).message(2, &Message::default().message(1, &tensor))
}
