//! What disturbs the training of a super-network beside its masks: shake-shake noise and drop-path, drawn for each image of each step.

use super::weights::vector;
use crate::graph::{Graph, Op};
use crate::preset::NoiseRecipe;
use crate::random::{Purpose, open_unit, stream};
use burn::tensor::{Device, Tensor};
use std::ops::Range;

/// The factors of one step, for each node of the graph; none where a node is as in an evaluation.
#[derive(Debug, Clone, Default)]
pub struct Noise(Vec<Option<Factor>>);

/// What the output of a node is multiplied by, `[batch, 1, 1, 1]`.
#[derive(Debug, Clone)]
pub struct Factor {
    /// In the forward pass.
    pub forward: Tensor<4>,
    /// What its gradient is multiplied by, where that is another number.
    pub backward: Option<Tensor<4>>,
}

impl Noise {
    /// None at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Draws the noise of a step. `progress`, from 0 to 1, is how much of the training is done.
    ///
    /// Shake: u₁ … uₙ uniform, divided by their sum, for the n branches that one sum reads; forward and backward apart. Should some of a
    /// block's branches be gone (a sliced network), the rest have their share of the whole. Drop-path: an operation of cell i of n is
    /// dropped with probability `drop_path · i/n · progress`, and what is kept is divided by the probability to be kept.
    #[must_use]
    pub fn draw(graph: &Graph, recipe: &NoiseRecipe, progress: f64, batch: usize, (seed, step): (u64, u64), device: &Device) -> Self {
        let mut generator = stream(seed, Purpose::Noise, step);
        let mut factors = vec![None; graph.nodes().len()];
        let column = |values: Vec<f32>| vector(values, device).reshape([batch, 1, 1, 1]);
        for (index, node) in graph.nodes().iter().enumerate() {
            if let (Op::DropPath { cell, cells }, true) = (&node.op, recipe.drop_path > 0.0) {
                let keep = 1.0 - recipe.drop_path * *cell as f64 / *cells as f64 * progress;
                let kept = (0..batch).map(|_| if f64::from(open_unit(&mut generator)) < keep { (1.0 / keep) as f32 } else { 0.0 });
                factors[index] = Some(Factor { forward: column(kept.collect()), backward: None });
            }
            let branches = node.inputs.iter().filter_map(|input| match graph.node(*input).op {
                Op::Shake { of } => Some((input.index(), of)),
                _ => None,
            });
            let branches: Vec<(usize, usize)> = branches.collect();
            if node.op != Op::Add || branches.is_empty() || !recipe.shake {
                continue;
            }
            let [forward, backward] = [(); 2].map(|()| {
                let mut weights = vec![Vec::with_capacity(batch); branches.len()];
                for _ in 0..batch {
                    let drawn: Vec<f32> = branches.iter().map(|_| open_unit(&mut generator)).collect();
                    let share = branches.len() as f32 / branches[0].1 as f32 / drawn.iter().sum::<f32>();
                    weights.iter_mut().zip(drawn).for_each(|(weights, drawn)| weights.push(drawn * share));
                }
                weights
            });
            for ((&(branch, _), forward), backward) in branches.iter().zip(forward).zip(backward) {
                factors[branch] = Some(Factor { forward: column(forward), backward: Some(column(backward)) });
            }
        }
        Self(factors)
    }

    /// The noise of some of the images.
    #[must_use]
    pub fn rows(&self, rows: &Range<usize>) -> Self {
        let of = |tensor: &Tensor<4>| tensor.clone().narrow(0, rows.start, rows.len());
        let factor = |factor: &Factor| Factor { forward: of(&factor.forward), backward: factor.backward.as_ref().map(of) };
        Self(self.0.iter().map(|of_node| of_node.as_ref().map(factor)).collect())
    }

    /// The factor of a node.
    #[must_use]
    pub fn of(&self, node: usize) -> Option<&Factor> {
        self.0.get(node)?.as_ref()
    }
}

impl Factor {
    /// A map times the factor; its gradient is multiplied by the backward one.
    #[must_use]
    pub fn apply(&self, map: Tensor<4>) -> Tensor<4> {
        let autodiff = map.is_autodiff();
        let lift = |factor: Tensor<4>| if autodiff { factor.autodiff() } else { factor };
        match &self.backward {
            None => map * lift(self.forward.clone()),
            Some(backward) => {
                let seen = map.clone() * lift(backward.clone());
                seen + map.detach() * lift(self.forward.clone() - backward.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{GraphBuilder, Shape};

    const BATCH: usize = 4_000;

    /// Three branches of which one leads through drop-path, twice.
    fn graph() -> Graph {
        let (mut builder, input) = GraphBuilder::new(Shape::map(1, 1, 1));
        let mut terms = vec![input];
        for branch in 0..3 {
            terms.push(builder.add(format!("shake{branch}"), Op::Shake { of: 3 }, &[input]).unwrap());
        }
        let sum = builder.add("sum", Op::Add, &terms).unwrap();
        let dropped = builder.add("early", Op::DropPath { cell: 1, cells: 4 }, &[sum]).unwrap();
        builder.add("late", Op::DropPath { cell: 4, cells: 4 }, &[dropped]).unwrap();
        builder.finish()
    }

    fn numbers(tensor: &Tensor<4>) -> Vec<f32> {
        tensor.clone().into_data().try_to_vec().unwrap()
    }

    fn mean(values: &[f32]) -> f64 {
        values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64
    }

    fn draw(progress: f64, step: u64) -> Noise {
        let recipe = NoiseRecipe { shake: true, drop_path: 0.4, auxiliary: 0.0 };
        Noise::draw(&graph(), &recipe, progress, BATCH, (1, step), &Device::flex())
    }

    #[test]
    fn shake_weights_are_convex_and_equal_on_average() {
        let noise = draw(0.5, 0);
        let pick = |branch: usize, backward: bool| {
            let factor = noise.of(branch).unwrap();
            numbers(if backward { factor.backward.as_ref().unwrap() } else { &factor.forward })
        };
        for backward in [false, true] {
            let branches = [1, 2, 3].map(|branch| pick(branch, backward));
            for image in 0..BATCH {
                let sum: f32 = branches.iter().map(|weights| weights[image]).sum();
                assert!((sum - 1.0).abs() < 1e-5 && branches.iter().all(|weights| weights[image] > 0.0));
            }
            // One standard error is about .16 / √4000.
            assert!(branches.iter().all(|weights| (mean(weights) - 1.0 / 3.0).abs() < 0.012));
        }
        let (forward, backward) = (pick(1, false), pick(1, true));
        let product: Vec<f32> = forward.iter().zip(&backward).map(|(one, other)| one * other).collect();
        assert!((mean(&product) - mean(&forward) * mean(&backward)).abs() < 0.003, "drawn apart");
        assert_ne!(forward, numbers(&draw(0.5, 1).of(1).unwrap().forward), "each step draws anew");
        assert_eq!(forward, numbers(&draw(0.5, 0).of(1).unwrap().forward));
    }

    #[test]
    fn drop_path_grows_with_depth_and_progress_and_keeps_the_mean() {
        for (progress, node, drop) in [(0.0, 6, 0.0), (0.5, 6, 0.2), (1.0, 6, 0.4), (1.0, 5, 0.1)] {
            let factors = numbers(&draw(progress, 3).of(node).unwrap().forward);
            let dropped = factors.iter().filter(|&&factor| factor == 0.0).count() as f64 / BATCH as f64;
            assert!((dropped - drop).abs() < 0.03, "{progress} {node}: {dropped}");
            assert!((mean(&factors) - 1.0).abs() < 0.05);
        }
        let off = Noise::draw(&graph(), &NoiseRecipe::default(), 1.0, BATCH, (1, 0), &Device::flex());
        assert!((0..7).all(|node| off.of(node).is_none()));
    }

    #[test]
    fn forward_and_backward_have_their_own_factors() {
        let device = Device::flex();
        let column = |values: [f32; 2]| vector(values.to_vec(), &device).reshape([2, 1, 1, 1]);
        let factor = Factor { forward: column([0.25, 0.5]), backward: Some(column([0.75, 0.125])) };
        let map = column([8.0, 4.0]).autodiff().require_grad();
        let output = factor.apply(map.clone());
        assert_eq!(numbers(&output.clone().inner()), [2.0, 2.0]);
        let mut gradients = output.sum().backward();
        assert_eq!(numbers(&map.grad_remove(&mut gradients).unwrap()), [0.75, 0.125]);
        assert_eq!(numbers(&factor.apply(column([8.0, 4.0]))), [2.0, 2.0]);
    }
}
