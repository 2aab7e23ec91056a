//! The numbers of a network in the order in which its steps read them.

use super::loops::tiles;
use super::plan::{Affine, Norm, Plan, Step};
use crate::graph::Values;
use std::ops::Range;

/// Weights and what is added, step by step.
#[derive(Debug, Clone, Default)]
pub struct Numbers {
    /// Of a convolution its weights, group by group and tile by tile; of a step that treats each number by itself the factors.
    pub(super) factors: Vec<f32>,
    /// One a row.
    pub(super) offsets: Vec<f32>,
    /// Where those of each step are.
    pub(super) places: Vec<[Range<usize>; 2]>,
}

impl Numbers {
    /// With given statistics, which become a part of the weights; or without, for batch norms that take them from the batch.
    pub(super) fn new(plan: &Plan, values: &Values, epsilon: Option<f64>) -> Self {
        let mut numbers = Self::default();
        for step in &plan.steps {
            let begin = [numbers.factors.len(), numbers.offsets.len()];
            match step {
                Step::Convolve { terms, target, weight, bias, norm, .. } => {
                    let channels = target.slots.len();
                    let (scales, offsets) = match (norm, epsilon) {
                        (Some(norm), Some(epsilon)) => given(norm, values, epsilon),
                        _ => (vec![1.0; channels], bias.clone().map_or(vec![0.0; channels], |bias| values.parameters[bias].to_vec())),
                    };
                    numbers.offsets.extend(offsets);
                    numbers.pack(&values.parameters[weight.clone()], &scales, terms.len());
                }
                Step::Affine { target, affine, .. } => {
                    let ones = || vec![1.0; target.slots.len()];
                    let (factors, offsets) = match affine {
                        Affine::Norm(norm) => {
                            epsilon.map_or_else(|| (ones(), vec![0.0; target.slots.len()]), |epsilon| given(norm, values, epsilon))
                        }
                        Affine::Offset(range) => (ones(), values.parameters[range.clone()].to_vec()),
                        Affine::Times(factor) => (vec![*factor; target.slots.len()], vec![0.0; target.slots.len()]),
                    };
                    numbers.factors.extend(factors);
                    numbers.offsets.extend(offsets);
                }
                Step::Add { target, bias, .. } => match bias {
                    Some(bias) => numbers.offsets.extend(&values.parameters[bias.clone()]),
                    None => numbers.offsets.resize(begin[1] + target.slots.len(), 0.0),
                },
                _ => {}
            }
            numbers.places.push([begin[0]..numbers.factors.len(), begin[1]..numbers.offsets.len()]);
        }
        numbers
    }

    /// Bytes that they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        4 * (self.factors.len() + self.offsets.len())
    }

    /// Appends weights `[groups, outputs of a group, depth]`, each output times its scale, in the order in which tiles read them.
    fn pack(&mut self, weights: &[f32], scales: &[f32], groups: usize) {
        let outputs = scales.len() / groups.max(1);
        let depth = weights.len() / scales.len().max(1);
        for group in 0..groups {
            for (first, height) in tiles(outputs) {
                let rows = group * outputs + first..group * outputs + first + height;
                for term in 0..depth {
                    self.factors.extend(rows.clone().map(|row| weights[row * depth + term] * scales[row]));
                }
            }
        }
    }
}

/// What a batch norm with given statistics multiplies by and adds.
fn given(norm: &Norm, values: &Values, epsilon: f64) -> (Vec<f32>, Vec<f32>) {
    let Values { parameters, mean, variance } = values;
    let channels = norm.scale.clone().zip(norm.shift.clone()).zip(norm.statistics.clone());
    let of = |((scale, shift), place): ((usize, usize), usize)| {
        let factor = f64::from(parameters[scale]) / (f64::from(variance[place]) + epsilon).sqrt();
        (factor as f32, (f64::from(parameters[shift]) - f64::from(mean[place]) * factor) as f32)
    };
    channels.map(of).unzip()
}
