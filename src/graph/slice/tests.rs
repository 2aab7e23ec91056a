//! What slicing leaves, as structure; `tests/slice.rs` compares logits.

use super::super::families::Edges;
use super::super::{Graph, GraphBuilder, Op, Operation, Place, PoolKind, Shape};
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
fn a_dead_map_is_replaced_where_no_stride_leads_to_its_size() {
    // Halved by windows that leave out what is over: 29 to 14, and 34 to 17 to 8.
    for (size, stem_stride) in [(114, 4), (34, 1), (58, 2)] {
        let (mut builder, input) = GraphBuilder::new(Shape::map(1, size, size));
        let stem = builder.add("stem", Op::Conv { out_channels: 2, kernel: 3, stride: stem_stride, dilation: 1, groups: 1 }, &[input]);
        let mut body = stem.unwrap();
        let place = |block: &str| Place { block: block.into(), edge: "e".into(), operation: Operation::Conv1 };
        let conv = |kernel| Op::Conv { out_channels: 2, kernel, stride: 1, dilation: 1, groups: 1 };
        for stage in 0..3 {
            let narrowed = builder.add_masked(format!("t{stage}"), conv(1), body, place("t")).unwrap();
            let pool = Op::Pool { kind: PoolKind::Average, kernel: 2, stride: 2 };
            let halved = builder.add(format!("t{stage}.pool"), pool, &[narrowed]).unwrap();
            let normalised = builder.add(format!("t{stage}.bn"), Op::BatchNorm, &[halved]).unwrap();
            body = builder.add(format!("t{stage}.conv"), conv(3), &[normalised]).unwrap();
        }
        let pooled = builder.add("pool", Op::GlobalAveragePool, &[body]).unwrap();
        builder.add("linear", Op::Linear { out_features: 3 }, &[pooled]).unwrap();
        let graph = builder.finish();
        for dropped in ["t0", "t1", "t2"] {
            let slice = graph.slice(&keep(&graph, |name, _| name != dropped)).unwrap();
            let shape = |graph: &Graph, name: &str| graph.nodes().iter().find(|node| node.name == name).map(|node| node.shape);
            let conv = format!("{dropped}.conv");
            assert_eq!(shape(&slice.graph, &conv), shape(&graph, &conv), "{size}, {:?}", names(&slice));
        }
    }
}

#[test]
fn a_mask_of_another_network_is_refused() {
    let graph = edges();
    assert_eq!(graph.slice(&[true]).unwrap_err(), GraphError::Mask { found: 1, expected: graph.masked_channels() });
}
