//! Cases of what training does beside its networks: losses, masks, the prior, descent, images that the device keeps.

use super::compare::Values;
use super::operations::{Case, F32, SEED, normals, numbers};
use crate::data::{Augment, ImageSet, Loader, SplitPlan, TestPlan};
use crate::engine::feed::Feed;
use crate::engine::objective::Objective;
use crate::engine::optimiser::{Descent, Ties, clip_factor, global_norm};
use crate::engine::trainer::mean_cross_entropy;
use crate::engine::weights::{WeightLayout, matrix, vector};
use crate::graph::families::{Branches, NasBench201};
use crate::graph::{Granularity, Graph, GraphError, Shape};
use crate::posterior::{Choices, Regulariser};
use burn::tensor::{Device, Int, Tensor, TensorData};

const BATCH: usize = 16;
const CLASSES: usize = 10;

/// Every case; `limit` is the largest difference where exponentials and logarithms are taken.
pub(super) fn cases(limit: f64) -> Vec<Case> {
    vec![
        Case::own("softmax and cross-entropy", limit, false, cross_entropy),
        Case::own("classes of the highest score", F32, false, right),
        Case::own("relaxed masks of channels and their prior", limit, false, |device| gates(Granularity::Channel, device)),
        Case::own("relaxed masks of operations and their prior", limit, false, |device| gates(Granularity::Operation, device)),
        Case::own("relaxed choices of operations and their prior", limit, false, choices),
        Case::own("clipping and descent", limit, false, descent),
        Case::own("tied drop probabilities", F32, false, tied),
        Case::own("images kept on the device", F32, false, kept_images),
    ]
}

fn labels(device: &Device) -> Tensor<1, Int> {
    let labels: Vec<i32> = (0..BATCH).map(|image| (image * 7 % CLASSES) as i32).collect();
    Tensor::from_data(TensorData::new(labels, [BATCH]), device)
}

/// Scores from -15 to 15 or so, as a network that has learned gives them.
fn scores(device: &Device) -> Tensor<2> {
    matrix(normals(11, BATCH * CLASSES), BATCH, CLASSES, device).mul_scalar(5.0)
}

fn cross_entropy(device: &Device) -> Values {
    let scores = scores(device).autodiff().require_grad();
    let loss = mean_cross_entropy(scores.clone(), &labels(device));
    let mut gradients = loss.backward();
    let gradient = scores.grad_remove(&mut gradients).unwrap_or_else(|| scores.clone().inner().zeros_like());
    vec![("forward", numbers(loss.inner())), ("input", numbers(gradient))]
}

fn right(device: &Device) -> Values {
    let winners = scores(device).argmax(1).squeeze_dim::<1>(1);
    let right = winners.clone().equal(labels(device)).int();
    vec![("winners", numbers(winners.float())), ("right", numbers(right.sum().float()))]
}

const REGULARISER: Regulariser = Regulariser { weight: 50.0, entropy: 1.0, n_effective: 1000.0, prior_drop: 0.3 };

fn gates(granularity: Granularity, device: &Device) -> Values {
    let input = Shape::map(2, 6, 6);
    let family = Branches { input, classes: 3, stem: 4, stem_stride: 1, stages: vec![4, 6], blocks: 1, branches: 2, mask_ends: true };
    let graph = sound(family.build());
    objective_values(&graph, &Objective::new(&graph, granularity, REGULARISER, 0.4, device), device)
}

fn choices(device: &Device) -> Values {
    let graph = sound(NasBench201 { input: Shape::map(3, 8, 8), classes: 10, stem_stride: 1, channels: 4, cells: 1 }.build());
    let choices = Choices::of(&graph, true).unwrap_or_else(|| panic!("a case without a choice"));
    objective_values(&graph, &Objective::categorical(&graph, &choices, REGULARISER, 0.4, device), device)
}

fn sound(graph: Result<Graph, GraphError>) -> Graph {
    graph.unwrap_or_else(|error| panic!("a case that is no network: {error}"))
}

fn objective_values(graph: &Graph, objective: &Objective, device: &Device) -> Values {
    let logits = vector(normals(12, graph.groups().len()), device).mul_scalar(2.0);
    let weights = vector(normals(13, WeightLayout::of(graph).total), device);
    let masks = objective.draw(&logits, BATCH, SEED, 3);
    let seen = matrix(normals(14, BATCH * graph.masked_channels()), BATCH, graph.masked_channels(), device);
    let kl = objective.kl_gradient(&weights, &logits);
    vec![
        ("forward", numbers(masks.keep.clone())),
        ("logits", numbers(objective.logit_gradient(&masks, seen))),
        ("norms", numbers(objective.squared_norms(&weights))),
        ("prior, weights", numbers(kl.weights)),
        ("prior, logits", numbers(kl.logits)),
    ]
}

fn descent(device: &Device) -> Values {
    const COUNT: usize = 1037;
    let list = |list| vector(normals(list, COUNT), device);
    let mut descent = Descent::from(list(15));
    let norm = global_norm(&list(16), &list(17));
    for gradient in [16, 17] {
        let factor = clip_factor(&norm, 5.0);
        descent = descent.step(list(gradient), Some(factor), 0.1, 0.9);
    }
    vec![("norm", numbers(norm)), ("forward", numbers(descent.values)), ("momentum", numbers(descent.momentum))]
}

fn tied(device: &Device) -> Values {
    let places: Vec<usize> = (0..40).map(|place| place * place % 7).collect();
    let ties = Ties::new(&places, device);
    let gathered = ties.gather(vector(normals(18, places.len()), device));
    vec![("forward", numbers(gathered.clone())), ("counted once", numbers(ties.counted_once(gathered)))]
}

/// A batch that is augmented on the device.
fn kept_images(device: &Device) -> Values {
    let pixels = (0..40 * 24).map(|pixel| (pixel * 37 % 251) as u8).collect();
    let set = ImageSet::new("made", vec!["only".into()], [2, 3, 4], u8::MAX, pixels, vec![0; 40], 0);
    let splits = set.and_then(|set| set.split(&SplitPlan { train: 0, select: 8, test: TestPlan::Held(8), seed: 0 }));
    let augment = Augment { shift: 1, flip: true, ..Augment::OFF };
    let loader = splits.and_then(|splits| Loader::new(&splits.train, 5, augment, SEED));
    let loader = loader.unwrap_or_else(|error| panic!("a case without images: {error}"));
    // Kept on whatever device, so that the CPU does the same by the same way.
    let shows = Feed::new(loader, device.clone(), usize::MAX).start_at(1, 0).unwrap_or_else(|error| panic!("{error}"));
    let (pixels, labels): (Vec<_>, Vec<_>) = shows.unzip();
    vec![
        ("forward", numbers(Tensor::cat(pixels, 0))),
        ("labels", labels.into_iter().flat_map(|labels: Tensor<1, Int>| numbers(labels.float().add_scalar(1.0))).collect()),
    ]
}
