//! Sums over places of a vector that belong together, and squared norms of kernels.
//!
//! On the CPU one pass over all places adds each to its sum, and weights of a group lie in runs. GPUs take that pass on a single thread, place after place, which is seconds for the
//! weights of a large network: there the places of each sum are a row of a table that is added up, and kernels are reduced to their channels
//! before.

use super::devices::is_cpu;
use super::kernels::relaxation::sum_of_squares;
use crate::graph::{Graph, Op, ParameterKind};
use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};
use std::ops::Range;

/// Which places are added up to which sum.
#[derive(Debug, Clone)]
pub(super) struct Segments {
    /// Sums.
    count: usize,
    places: Places,
}

#[derive(Debug, Clone)]
enum Places {
    /// The sum of each place, `[places]`.
    OnePass(Tensor<1, Int>),
    /// The places of each sum, side by side and filled up with the place behind the last, `[sums × width]`.
    Table(Tensor<1, Int>, usize),
}

impl Segments {
    /// From the sum that each place belongs to, in the way that suits the device.
    pub(super) fn new(sum_of_place: &[usize], count: usize, device: &Device) -> Self {
        if is_cpu(device) { Self::one_pass(sum_of_place, count, device) } else { Self::table(sum_of_place, count, device) }
    }

    fn one_pass(sum_of_place: &[usize], count: usize, device: &Device) -> Self {
        Self { count, places: Places::OnePass(integers(sum_of_place.iter().map(|&sum| sum as i32).collect(), device)) }
    }

    fn table(sum_of_place: &[usize], count: usize, device: &Device) -> Self {
        let mut rows = vec![Vec::new(); count];
        sum_of_place.iter().enumerate().for_each(|(place, &sum)| rows[sum].push(place as i32));
        let width = rows.iter().map(Vec::len).max().unwrap_or(0).max(1);
        rows.iter_mut().for_each(|row| row.resize(width, sum_of_place.len() as i32));
        Self { count, places: Places::Table(integers(rows.concat(), device), width) }
    }

    /// The sums `[sums]` of a vector `[places]`.
    pub(super) fn of(&self, values: Tensor<1>) -> Tensor<1> {
        match &self.places {
            Places::OnePass(sum_of_place) => {
                let zeros = Tensor::zeros([self.count], &values.device());
                zeros.select_assign(0, sum_of_place.clone(), values, IndexingUpdateOp::Add)
            }
            Places::Table(..) => self.of_rows(values.unsqueeze()).squeeze_dim(0),
        }
    }

    /// The sums `[rows, sums]` of each row of a matrix `[rows, places]`.
    pub(super) fn of_rows(&self, values: Tensor<2>) -> Tensor<2> {
        let ([rows, _], device) = (values.dims(), values.device());
        match &self.places {
            Places::OnePass(sum_of_place) => {
                let zeros = Tensor::zeros([rows, self.count], &device);
                zeros.select_assign(1, sum_of_place.clone(), values, IndexingUpdateOp::Add)
            }
            Places::Table(table, width) => {
                let led = Tensor::cat(vec![values, Tensor::zeros([rows, 1], &device)], 1);
                led.select(1, table.clone()).reshape([rows, self.count, *width]).sum_dim(2).reshape([rows, self.count])
            }
        }
    }
}

/// Where the kernels of masked nodes lie, to be reduced to their input channels.
#[derive(Debug, Clone)]
pub(super) struct ChannelNorms(Vec<Channels>);

/// Masked channels of one node.
#[derive(Debug, Clone)]
enum Channels {
    /// The kernel that reads them: where it lies, its groups, filters of a group, channels of a group, taps.
    Kernel(Range<usize>, [usize; 4]),
    /// So many that no weight reads.
    Unweighted(usize),
}

impl ChannelNorms {
    /// Of a graph.
    pub(super) fn new(graph: &Graph) -> Self {
        let parameters = graph.parameters();
        let masked = graph.nodes().iter().enumerate().filter(|(_, node)| !node.groups.is_empty());
        let of = |(index, node): (usize, &crate::graph::Node)| {
            let channels = graph.node(node.inputs[0]).shape.channels;
            let kernel = parameters.iter().find(|parameter| parameter.node.index() == index && parameter.kind == ParameterKind::Weight);
            kernel.map_or(Channels::Unweighted(channels), |kernel| {
                let groups = if let Op::Conv { groups, .. } = node.op { groups } else { 1 };
                let taps = kernel.dimensions[2..].iter().product();
                Channels::Kernel(kernel.range.clone(), [groups, kernel.dimensions[0] / groups, kernel.dimensions[1], taps])
            })
        };
        Self(masked.map(of).collect())
    }

    /// The squared norm of the weights that read each masked channel, `[masked channels]`.
    pub(super) fn of(&self, weights: &Tensor<1>) -> Tensor<1> {
        let device = weights.device();
        let of = |channels: &Channels| match channels {
            Channels::Unweighted(channels) => Tensor::zeros([*channels], &device),
            Channels::Kernel(range, shape @ [groups, _, channels, _]) => {
                let kernel = weights.clone().slice([range.clone()]).reshape(*shape);
                (kernel.clone() * kernel).sum_dim(3).sum_dim(1).reshape([groups * channels])
            }
        };
        Tensor::cat(self.0.iter().map(of).collect(), 0)
    }
}

/// Runs of neighbouring weights that one mask group covers: on the CPU a pass over them is all that the KL term costs.
#[derive(Debug, Clone)]
pub(super) struct Runs {
    /// The group of each run, none where no mask covers it, and the weight behind its last.
    runs: Vec<(Option<usize>, usize)>,
    groups: usize,
}

impl Runs {
    /// From the group of each weight; what is no group below `groups` stands for none.
    pub(super) fn new(group_of_weight: &[i32], groups: usize) -> Self {
        let mut runs: Vec<(Option<usize>, usize)> = Vec::new();
        for (weight, &group) in group_of_weight.iter().enumerate() {
            let group = usize::try_from(group).ok().filter(|&group| group < groups);
            match runs.last_mut() {
                Some((last, end)) if *last == group => *end = weight + 1,
                _ => runs.push((group, weight + 1)),
            }
        }
        Self { runs, groups }
    }

    /// The weights of each run with its group.
    fn of<'a>(&'a self, weights: &'a [f32]) -> impl Iterator<Item = (Option<usize>, &'a [f32])> {
        let starts = std::iter::once(0).chain(self.runs.iter().map(|&(_, end)| end));
        self.runs.iter().zip(starts).map(|(&(group, end), start)| (group, &weights[start..end]))
    }

    /// The squared norm of the weights of each group, `[groups]`.
    pub(super) fn squared_norms(&self, weights: &[f32]) -> Vec<f32> {
        let mut norms = vec![0.0; self.groups];
        for (group, weights) in self.of(weights) {
            if let Some(group) = group {
                norms[group] += sum_of_squares(weights);
            }
        }
        norms
    }

    /// Each weight times the factor of its group, zero where no mask covers it, `[weights]`.
    pub(super) fn scaled(&self, weights: &[f32], factors: &[f32]) -> Vec<f32> {
        let mut scaled = Vec::with_capacity(weights.len());
        for (group, weights) in self.of(weights) {
            let factor = group.map_or(0.0, |group| factors[group]);
            scaled.extend(weights.iter().map(|weight| weight * factor));
        }
        scaled
    }
}

fn integers(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}

#[cfg(test)]
mod tests {
    use super::super::weights::{WeightLayout, matrix, vector};
    use super::*;
    use crate::graph::{GraphBuilder, Operation, Place, PoolKind, Shape};

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn a_table_adds_up_what_one_pass_does() {
        let device = Device::flex();
        // Sum 2 has no place.
        let sum_of_place = [3, 0, 0, 3, 1, 0];
        let values: Vec<f32> = (0..12).map(|value| value as f32 - 4.0).collect();
        let (pass, table) = (Segments::one_pass(&sum_of_place, 4, &device), Segments::table(&sum_of_place, 4, &device));
        for segments in [pass, table] {
            assert_eq!(numbers(segments.of(vector(values[..6].to_vec(), &device))), [-4.0, 0.0, 0.0, -5.0]);
            let rows = segments.of_rows(matrix(values.clone(), 2, 6, &device));
            assert_eq!(numbers(rows), [-4.0, 0.0, 0.0, -5.0, 14.0, 6.0, 0.0, 7.0]);
        }
    }

    #[test]
    fn norms_are_those_of_the_weights_that_read_a_channel() {
        let (mut builder, input) = GraphBuilder::new(Shape::map(4, 5, 5));
        let place = || Place { block: "b".into(), edge: "e".into(), operation: Operation::Conv3 };
        let conv = |out_channels, groups| Op::Conv { out_channels, kernel: 3, stride: 1, dilation: 1, groups };
        let plain = builder.add("plain", conv(4, 1), &[input]).unwrap();
        let grouped = builder.add_masked("grouped", conv(6, 2), plain, place()).unwrap();
        let pool = Op::Pool { kind: PoolKind::Max, kernel: 3, stride: 1 };
        let pooled = builder.add_masked("pool", pool, grouped, place()).unwrap();
        let all = builder.add("all", Op::GlobalAveragePool, &[pooled]).unwrap();
        builder.add_split("linear", Op::Linear { out_features: 2 }, all, vec![(2, place()), (4, place())]).unwrap();
        let graph = builder.finish();
        let weights: Vec<f32> = (0..WeightLayout::of(&graph).total).map(|weight| (weight % 11) as f32 - 5.0).collect();
        let found = numbers(ChannelNorms::new(&graph).of(&vector(weights.clone(), &Device::flex())));
        let kernel = |name: &str| {
            let is_it =
                |parameter: &&crate::graph::Parameter| parameter.kind == ParameterKind::Weight && graph.node(parameter.node).name == name;
            let parameters = graph.parameters();
            weights[parameters.iter().find(is_it).unwrap().range.clone()].to_vec()
        };
        // Six filters of two channels: the first three read channels 0 and 1, the others 2 and 3.
        let of_grouped = |channel: usize| -> f32 {
            let filters = (0..3).map(|filter| channel / 2 * 3 + filter);
            filters
                .flat_map(|filter| (0..9).map(move |tap| (filter * 2 + channel % 2) * 9 + tap))
                .map(|at| kernel("grouped")[at].powi(2))
                .sum()
        };
        let of_linear = |channel: usize| -> f32 { (0..2).map(|class| kernel("linear")[class * 6 + channel].powi(2)).sum() };
        let expected: Vec<f32> = (0..4).map(of_grouped).chain([0.0; 6]).chain((0..6).map(of_linear)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn runs_are_cut_where_the_group_changes() {
        let runs = Runs::new(&[3, 0, 0, 2, 2, 2, 0, 3, 3], 3);
        let weights: Vec<f32> = (1_u8..10).map(f32::from).collect();
        assert_eq!(runs.runs.len(), 5);
        assert_eq!(runs.squared_norms(&weights), [4.0 + 9.0 + 49.0, 0.0, 16.0 + 25.0 + 36.0]);
        assert_eq!(runs.scaled(&weights, &[2.0, 3.0, -1.0]), [0.0, 4.0, 6.0, -4.0, -5.0, -6.0, 14.0, 0.0, 0.0]);
        assert!(Runs::new(&[], 0).squared_norms(&[]).is_empty());
    }
}
