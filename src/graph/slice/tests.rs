//! What slicing leaves, as structure; `tests/slice.rs` compares logits.

use super::super::families::Edges;
use super::super::{Graph, Operation, Shape};
use super::*;

fn edges() -> Graph {
    let operations = vec![Operation::Conv3, Operation::Separable3, Operation::MaxPool, Operation::Identity];
    Edges { input: Shape::map(1, 8, 8), classes: 3, stem_stride: 1, stages: vec![4, 6], blocks: 1, nodes: 2, operations }.build().unwrap()
}

fn keep(graph: &Graph, bit: impl Fn(&str, usize) -> bool) -> Vec<bool> {
    let groups = graph.groups().iter();
    groups.flat_map(|group| (0..group.channels()).map(|channel| bit(&graph.node(group.node).name, channel)).collect::<Vec<_>>()).collect()
}

fn names(slice: &Slice) -> Vec<&str> {
    slice.graph.nodes().iter().map(|node| node.name.as_str()).collect()
}

#[test]
fn a_whole_mask_leaves_everything() {
    let graph = edges();
    let slice = graph.slice(&vec![true; graph.masked_channels()]).unwrap();
    assert_eq!(slice.graph.cost(), graph.cost());
    assert!(slice.graph.groups().is_empty());
    let parameters: Vec<f32> = (0..slice.graph.cost().parameters as usize).map(|number| number as f32).collect();
    let statistics = vec![0.5; 1000];
    let numbers = Numbers { parameters: &parameters, statistics: Some((&statistics, &statistics)), epsilon: 0.0 };
    let values = slice.values(&graph, &numbers);
    assert_eq!(values.parameters, parameters, "the numbers keep their places");
}

#[test]
fn an_empty_mask_leaves_the_classifier_s_bias() {
    let graph = edges();
    let slice = graph.slice(&vec![false; graph.masked_channels()]).unwrap();
    // The body is dead from the widening on: what its batch norms add reaches the classifier as a constant.
    assert_eq!(slice.graph.cost().macs as usize, 0, "{:?}", names(&slice));
    assert_eq!(slice.graph.cost().parameters as usize, 3);
    assert_eq!(slice.graph.classes(), 3);
}

#[test]
fn dead_branches_go_with_everything_that_fed_them() {
    let graph = edges();
    let dead = "stage1.block1.edge0-1.sep3";
    let slice = graph.slice(&keep(&graph, |name, _| !name.starts_with(dead))).unwrap();
    let left = names(&slice);
    assert!(!left.iter().any(|name| name.starts_with(dead)), "{left:?}");
    assert!(left.contains(&"stage1.block1.node1.offset"), "its batch norm still adds a constant");
}

#[test]
fn dropped_channels_shrink_kernels_and_unread_filters_go() {
    let graph = edges();
    // Behind the first block only channels 0 and 2 are read.
    let slice = graph.slice(&keep(&graph, |name, channel| name != "stage2.widen.conv" || channel % 2 == 0)).unwrap();
    let find = |name: &str| slice.graph.nodes().iter().find(|node| node.name == name).unwrap();
    assert_eq!(find("stage1.block1.node2").shape.channels, 2);
    assert_eq!(find("stage1.block1.edge0-2.conv3.bn").shape.channels, 2, "nobody reads the other filters");
    assert_eq!(find("stage1.block1.edge0-1.conv3.bn").shape.channels, 4, "node 1 is still read whole");
}

#[test]
fn a_mask_of_another_network_is_refused() {
    let graph = edges();
    assert_eq!(graph.slice(&[true]).unwrap_err(), GraphError::Mask { found: 1, expected: graph.masked_channels() });
}
