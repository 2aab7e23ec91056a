//! The numbers of a network as named arrays, and back: `<node>.weight`, `.bias`, `.running_mean`, `.running_var`, as PyTorch has them.

use crate::graph::{Graph, Op, Values};
use crate::run::tensors::{Array, Arrays};

/// The arrays of a network, in node order.
#[must_use]
pub fn arrays(graph: &Graph, values: &Values) -> Vec<Array> {
    let mut arrays: Vec<Array> = graph
        .parameters()
        .into_iter()
        .map(|parameter| Array {
            name: format!("{}.{}", graph.node(parameter.node).name, parameter.kind.key()),
            values: values.parameters[parameter.range].to_vec(),
            dimensions: parameter.dimensions,
        })
        .collect();
    let mut first = 0;
    for node in graph.nodes().iter().filter(|node| node.op == Op::BatchNorm) {
        let range = first..first + node.shape.channels;
        first = range.end;
        for (key, all) in [("running_mean", &values.mean), ("running_var", &values.variance)] {
            let name = format!("{}.{key}", node.name);
            arrays.push(Array { name, dimensions: vec![node.shape.channels], values: all[range.clone()].to_vec() });
        }
    }
    arrays
}

/// The numbers of a network from its arrays.
///
/// # Errors
/// Names the array that is missing or of another shape.
pub fn values(graph: &Graph, arrays: &Arrays) -> Result<Values, String> {
    let find = |name: String, dimensions: &[usize]| match arrays.arrays.get(&name) {
        None => Err(format!("`{name}` is not in it")),
        Some(array) if array.dimensions != dimensions => Err(format!("`{name}` is {:?}, not {dimensions:?}", array.dimensions)),
        Some(array) => Ok(array.values.as_slice()),
    };
    let mut values = Values::default();
    for parameter in graph.parameters() {
        let name = format!("{}.{}", graph.node(parameter.node).name, parameter.kind.key());
        values.parameters.extend_from_slice(find(name, &parameter.dimensions)?);
    }
    for node in graph.nodes().iter().filter(|node| node.op == Op::BatchNorm) {
        values.mean.extend_from_slice(find(format!("{}.running_mean", node.name), &[node.shape.channels])?);
        values.variance.extend_from_slice(find(format!("{}.running_var", node.name), &[node.shape.channels])?);
    }
    Ok(values)
}
