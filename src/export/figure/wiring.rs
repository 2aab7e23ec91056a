//! What a drawing of a block shows: its tensors, and the kept operations that lead from one to another.

use super::super::drawing::{ends, kept};
use super::super::genotype::{Edge, KeptOperation};

/// A tensor of a block.
#[derive(Default)]
pub(super) struct Tensor {
    pub name: String,
    /// Whether it comes from outside the block: nothing in it makes it.
    pub is_given: bool,
    /// Kept operations that what it is made of goes through, one after the other: label, kept share, and all there is to tell.
    pub last: Vec<(String, f64, String)>,
    /// Its middle, from the corner of the panel.
    pub x: usize,
    /// As above.
    pub y: usize,
}

/// Kept operations from one tensor to another.
pub(super) struct Arrow<'a> {
    pub from: usize,
    pub to: usize,
    pub operations: Vec<&'a KeptOperation>,
}

/// A block as tensors, those from outside first and each behind what it is made of, and arrows between them.
pub(super) fn wiring(edges: &[Edge]) -> (Vec<Tensor>, Vec<Arrow<'_>>) {
    let steps: Vec<(String, &str, &Edge)> = edges.iter().map(|edge| (source(edges, edge), ends(edge).1, edge)).collect();
    let mut names: Vec<&str> = Vec::new();
    for (from, to, _) in steps.iter().filter(|(from, to, _)| !is_last(&steps, from, to)) {
        for name in [from.as_str(), to] {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    for (_, to, _) in &steps {
        if !names.contains(to) {
            names.push(to);
        }
    }
    let is_made = |name: &str| steps.iter().any(|(_, to, _)| *to == name);
    let mut order: Vec<&str> = names.iter().copied().filter(|name| !is_made(name)).collect();
    while order.len() < names.len() {
        let left = || names.iter().copied().filter(|name| !order.contains(name));
        let is_ready = |name: &&str| {
            let mut sources = steps.iter().filter(|(from, to, _)| to == name && !is_last(&steps, from, to));
            sources.all(|(from, _, _)| order.contains(&from.as_str()))
        };
        // Where tensors wait for each other, the first goes first.
        let Some(next) = left().find(is_ready).or_else(|| left().next()) else { break };
        order.push(next);
    }
    let place = |name: &str| order.iter().position(|known| *known == name).unwrap_or(0);
    let tensor = |name: &&str| Tensor { name: (*name).to_owned(), is_given: !is_made(name), ..Tensor::default() };
    let mut tensors: Vec<Tensor> = order.iter().map(tensor).collect();
    let mut arrows = Vec::new();
    for (from, to, edge) in &steps {
        let operations = kept(edge);
        let (from_place, to_place) = (place(from), place(to));
        if is_last(&steps, from, to) || from_place >= to_place {
            let told = |operation: &KeptOperation| (operation.operation.clone(), operation.share(), about(operation));
            tensors[to_place].last.extend(operations.into_iter().map(told));
        } else if !operations.is_empty() {
            arrows.push(Arrow { from: from_place, to: to_place, operations });
        }
    }
    (tensors, arrows)
}

/// The tensor that an edge reads. Some families number what stands between two operations by its reader alone: `mid→out1` reads `mid1`.
fn source(edges: &[Edge], edge: &Edge) -> String {
    let (from, to) = ends(edge);
    let number = &to[to.trim_end_matches(|c: char| c.is_ascii_digit()).len()..];
    let numbered = format!("{from}{number}");
    let is_made = |name: &str| edges.iter().any(|edge| ends(edge).1 == name);
    let has_number = from.ends_with(|c: char| c.is_ascii_digit());
    if !has_number && !is_made(from) && is_made(&numbered) { numbered } else { from.to_owned() }
}

/// Whether an edge is the last step on the way to a tensor rather than one of several ways: it reads what the others add up to.
fn is_last(steps: &[(String, &str, &Edge)], from: &str, to: &str) -> bool {
    let others = || steps.iter().any(|(other, target, _)| *target == to && other != from);
    from == to || (from == "mid" && others() && !steps.iter().any(|(_, target, _)| *target == from))
}

/// All there is to tell of an operation.
pub(super) fn about(operation: &KeptOperation) -> String {
    format!("{}, {}: {} of {} channels", operation.node, operation.operation, operation.kept, operation.channels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(names: &[&str]) -> Vec<Edge> {
        let operation = |name: &str| KeptOperation {
            operation: "conv 3×3".into(),
            node: format!("node.{name}"),
            channels: 4,
            kept: 3,
            mask: "4:e".into(),
        };
        names.iter().map(|name| Edge { edge: (*name).to_owned(), operations: vec![operation(name)] }).collect()
    }

    /// Names of tensors in their order, those of arrows, and of the last operations of each tensor.
    fn told(names: &[&str]) -> (Vec<String>, Vec<String>, Vec<usize>) {
        let edges = edges(names);
        let (tensors, arrows) = wiring(&edges);
        let arrow = |arrow: &Arrow<'_>| format!("{}→{}", tensors[arrow.from].name, tensors[arrow.to].name);
        let names = tensors.iter().map(|tensor| tensor.name.clone()).collect();
        (names, arrows.iter().map(arrow).collect(), tensors.iter().map(|tensor| tensor.last.len()).collect())
    }

    #[test]
    fn tensors_stand_behind_what_they_are_made_of() {
        let (names, arrows, last) = told(&["0→1", "0→2", "1→2"]);
        assert_eq!((names, arrows), (["0", "1", "2"].map(String::from).to_vec(), ["0→1", "0→2", "1→2"].map(String::from).to_vec()));
        assert_eq!(last, [0; 3]);
        // In whatever order the edges are named.
        assert_eq!(told(&["b→c", "in→b", "in→c"]).0, ["in", "b", "c"]);
        let circle = told(&["a→b", "b→a"]);
        assert_eq!((circle.0.len(), circle.1.len() + circle.2.iter().sum::<usize>()), (2, 2), "nothing is lost: {circle:?}");
    }

    #[test]
    fn what_stands_before_a_tensor_is_the_last_step_to_it() {
        // A layer of a dense block: many sources into what the 3×3 convolution reads.
        assert_eq!(told(&["0→1", "mid→1", "0→2", "1→2", "mid→2"]), {
            let arrows = ["0→1", "0→2", "1→2"].map(String::from).to_vec();
            (["0", "1", "2"].map(String::from).to_vec(), arrows, vec![0, 1, 1])
        });
        // The base of a cell of ENAS, on its second input.
        assert_eq!(told(&["in→0", "in→1", "1→1"]).2, [0, 0, 1]);
        // Branches number what is in their middle, and a bottleneck begins with it.
        assert_eq!(told(&["in→mid0", "mid→out0", "in→mid1", "mid→out1"]).1, ["in→mid0", "mid0→out0", "in→mid1", "mid1→out1"]);
        assert_eq!(told(&["mid→out"]).1, ["mid→out"]);
        assert_eq!(told(&["skip0", "in→mid0", "mid→out0"]).0, ["in", "skip0", "mid0", "out0"]);
    }
}
