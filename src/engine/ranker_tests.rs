//! All ways to ask a sub-network give the same answers.

use super::*;
use crate::data::{ImageSet, SplitPlan, TestPlan};
use crate::engine::checks::subjects::narrow;
use crate::graph::{GraphBuilder, Op, Operation, Place, Shape};
use crate::random::{Purpose, open_unit, stream};

const SELECT: usize = 24;

/// A network of a family with images of noise, and some of its masks.
struct Subject {
    ranker: Ranker,
    frozen: Frozen,
    examples: Examples,
    masks: Vec<HardMask>,
}

fn subject(name: &str) -> Subject {
    let subject = narrow(name).unwrap().unwrap();
    let device = Device::flex();
    let (_, state) = subject.training(&device, 3).unwrap();
    let shape = subject.graph.input_shape();
    let count = SELECT + 40;
    let pixels = (0..count * shape.elements()).map(|pixel| (pixel.wrapping_mul(2_654_435_761) >> 9) as u8).collect();
    let labels = (0..count).map(|image| (image % 10) as u16).collect();
    let classes = (0..10).map(|class| class.to_string()).collect();
    let set = ImageSet::new("noise", classes, [shape.channels, shape.height, shape.width], u8::MAX, pixels, labels, 0).unwrap();
    let splits = set.split(&SplitPlan { train: 0, select: SELECT, test: TestPlan::Held(20), seed: 0 }).unwrap();
    let mask = |index| {
        let mut generator = stream(5, Purpose::Candidate, index);
        HardMask::new((0..subject.graph.masked_channels()).map(|_| open_unit(&mut generator) < 0.7).collect())
    };
    Subject {
        masks: (0..3).map(mask).collect(),
        frozen: Frozen::of(&state),
        examples: Examples::in_order(splits.select.images(), &(0..SELECT).collect::<Vec<_>>(), 2, &device),
        // Where a batch hardly varies, the masked network divides its own rounding by the root of this.
        ranker: Ranker::new(subject.graph.clone(), subject.batch(16), 1e-3, device),
    }
}

/// How far logits are from others at most, as a share of the largest of these or of 1; infinitely where either has what is not a number.
fn distance(ours: &[f32], others: &[f32]) -> f32 {
    let scale = others.iter().fold(1.0f32, |scale, logit| scale.max(logit.abs()));
    let far = |(one, other): (&f32, &f32)| if (one - other).is_finite() { (one - other).abs() / scale } else { f32::INFINITY };
    if ours.len() == others.len() { ours.iter().zip(others).map(far).fold(0.0, f32::max) } else { f32::INFINITY }
}

fn bits(logits: &[f32]) -> Vec<u32> {
    logits.iter().map(|logit| logit.to_bits()).collect()
}

#[test]
fn a_stack_answers_as_its_networks_do_alone() {
    for name in ["digits", "supnet-e", "nasbench201"] {
        let Subject { ranker, frozen, examples, masks } = subject(name);
        let masks: Vec<&HardMask> = masks.iter().collect();
        let stacked = ranker.logits_stacked(&frozen, &masks, &examples).unwrap();
        assert_eq!(stacked.len(), masks.len());
        for (mask, stacked) in masks.iter().zip(stacked) {
            let alone = ranker.logits_of(&frozen, mask, &examples).unwrap();
            for (stacked, alone) in stacked.iter().zip(&alone) {
                // Rounding grows with depth; statistics or masks of another one would be off by tenths.
                let far = distance(stacked, alone);
                assert!(far < 1e-3, "{name}: {far}");
            }
        }
    }
}

/// What devices without a compiler do: burn's operations, on images that lie on the device.
#[test]
fn an_interpreted_network_answers_as_the_compiled_one() {
    for name in ["digits", "supnet-e", "nasbench201"] {
        let Subject { ranker, frozen, examples, masks } = subject(name);
        let there = |piece: &Piece| Piece::There(piece.tensor(&ranker.device));
        for mask in &masks {
            let slice = ranker.graph.slice(mask.bits()).unwrap();
            let compiled = Prepared::new(&slice.graph, &ranker.device);
            let interpreted = Prepared::Interpreted { graph: slice.graph.clone(), device: ranker.device.clone() };
            let values = ranker.values(&frozen, &slice, &compiled, BatchNormMode::Inherited);
            let classifiers = [&compiled, &interpreted].map(|prepared| prepared.classifier(&values, ranker.epsilon));
            for piece in &examples.pieces {
                assert_eq!(piece.len(), there(piece).len());
                let [ours, others] = classifiers.each_ref().map(|classifier| classifier.logits(piece));
                let far = distance(&ours, &others);
                assert!(far < 1e-4, "{name}: {far}");
                assert_eq!(bits(&classifiers[0].logits(&there(piece))), bits(&ours));
                assert_eq!(bits(&classifiers[1].logits(&there(piece))), bits(&others));
            }
            let normalised = |prepared: &Prepared, piece: &Piece| prepared.normalised(&values, ranker.epsilon, piece);
            let (ours, others) = (normalised(&compiled, &ranker.recalibration), normalised(&interpreted, &there(&ranker.recalibration)));
            let far = [distance(&ours.0, &others.0), distance(&ours.1[0], &others.1[0]), distance(&ours.1[1], &others.1[1])];
            assert!(far.iter().all(|&far| far < 1e-3), "{name}: {far:?}");
            assert_eq!(bits(&normalised(&compiled, &there(&ranker.recalibration)).0), bits(&ours.0));
        }
    }
}

#[test]
fn piece_by_piece_and_from_kept_statistics_the_answers_are_the_same() {
    let Subject { mut ranker, frozen, examples, masks } = subject("digits");
    let all = ranker.evaluate_all(&frozen, &masks.iter().collect::<Vec<_>>(), &examples).unwrap();
    ranker.at_once = 1;
    assert_eq!(ranker.evaluate_all(&frozen, &masks.iter().collect::<Vec<_>>(), &examples).unwrap(), all, "one by one");
    for (mask, evaluation) in masks.iter().zip(all) {
        assert_eq!(ranker.evaluate(&frozen, mask, &examples).unwrap(), evaluation);
        let candidate = ranker.prepare(&frozen, mask).unwrap();
        let logits = |candidate: &Candidate| {
            let of = |classifier: &Classifier| examples.pieces.iter().flat_map(|piece| bits(&classifier.logits(piece))).collect::<Vec<_>>();
            [of(&candidate.inherited), of(&candidate.recalibrated)]
        };
        let first = logits(&candidate);
        assert!(first[0].len() == 10 * SELECT && first[0] != first[1], "both kinds of statistics, which differ");
        let mut asked = Evaluation::default();
        candidate.ask((&examples, 0), &mut asked);
        assert_eq!(asked.recalibrated[..], evaluation.recalibrated[..SELECT / 2]);
        let again = ranker.prepare_again(&frozen, mask, candidate.into_statistics()).unwrap();
        assert!(logits(&again) == first, "from kept statistics");
        again.ask((&examples, 1), &mut asked);
        assert_eq!(asked, evaluation);
    }
}

#[test]
fn a_mask_of_another_network_is_refused_on_every_device() {
    let Subject { ranker, frozen, examples, masks } = subject("digits");
    let other = HardMask::new(vec![true]);
    let refused = GraphError::Mask { found: 1, expected: ranker.graph.masked_channels() };
    assert_eq!(ranker.prepare(&frozen, &other).unwrap_err(), refused);
    assert_eq!(ranker.evaluate_all(&frozen, &[&masks[0], &other], &examples).unwrap_err(), refused);
    assert_eq!(ranker.logits_stacked(&frozen, &[&masks[0], &other], &examples).unwrap_err(), refused);
}

#[test]
fn so_many_are_asked_together_as_the_memory_holds() {
    assert_eq!([(0, 4), (1, 4), (3, 4), (4, 4), (100, 4), (100, 1)].map(|(fit, threads)| at_once(fit, threads)), [1, 1, 3, 8, 8, 2]);
}

#[test]
fn what_is_kept_of_a_candidate_counts_its_steps() {
    let Subject { ranker, frozen, masks, .. } = subject("digits");
    let candidate = ranker.prepare(&frozen, &masks[0]).unwrap();
    let steps = candidate.inherited.shared_bytes();
    assert!(steps > 0);
    assert_eq!(candidate.bytes(), candidate.inherited.bytes() + candidate.recalibrated.bytes() + steps);
}

#[test]
fn a_network_without_batch_norm_is_asked_like_any_other() {
    let (mut builder, input) = GraphBuilder::new(Shape::map(1, 5, 5));
    let place = || Place { block: "b".into(), edge: "e".into(), operation: Operation::Conv3 };
    let conv = |out_channels| Op::Conv { out_channels, kernel: 3, stride: 1, dilation: 1, groups: 1 };
    let stem = builder.add("stem", conv(3), &[input]).unwrap();
    let conv = builder.add_masked("conv", conv(4), stem, place()).unwrap();
    let relu = builder.add("relu", Op::Relu, &[conv]).unwrap();
    let pooled = builder.add("pool", Op::GlobalAveragePool, &[relu]).unwrap();
    builder.add("linear", Op::Linear { out_features: 2 }, &[pooled]).unwrap();
    let graph = Arc::new(builder.finish());
    let device = Device::flex();
    let frozen = Frozen { parameters: WeightLayout::of(&graph).initial(1), mean: Vec::new(), variance: Vec::new() };
    let pixels = (0..8 * 25).map(|pixel: u32| (pixel.wrapping_mul(2_654_435_761) >> 9) as u8).collect();
    let labels = (0..8).map(|image| image % 2).collect();
    let set = ImageSet::new("noise", vec!["0".into(), "1".into()], [1, 5, 5], u8::MAX, pixels, labels, 0).unwrap();
    let splits = set.split(&SplitPlan { train: 0, select: 4, test: TestPlan::Held(2), seed: 0 }).unwrap();
    let examples = Examples::upload(splits.select.images(), &device);
    let batch = splits.select.images().gather(&[0, 1, 2]);
    let ranker = Ranker::new(graph, batch, 1e-3, device);
    let mask = HardMask::new(vec![true, false, true]);
    let alone = ranker.logits_of(&frozen, &mask, &examples).unwrap();
    assert_eq!(bits(&alone[0]), bits(&alone[1]), "no statistics, no difference");
    let stacked = ranker.logits_stacked(&frozen, &[&mask, &mask], &examples).unwrap();
    assert!(stacked.iter().flatten().all(|stacked| distance(stacked, &alone[0]) < 1e-5), "{stacked:?} {alone:?}");
    let slice = ranker.graph.slice(mask.bits()).unwrap();
    let interpreted = Prepared::Interpreted { graph: slice.graph.clone(), device: ranker.device.clone() };
    let values = ranker.values(&frozen, &slice, &interpreted, BatchNormMode::Recalibrated);
    assert!(values.mean.is_empty() && values.variance.is_empty());
    let logits = interpreted.classifier(&values, ranker.epsilon).logits(&examples.pieces[0]);
    assert!(distance(&logits, &alone[0]) < 1e-5);
    let kept = DropProbability::NEVER;
    let Evaluation { inherited, recalibrated } =
        ranker.evaluate_constant_rate(&frozen, kept, &mut stream(1, Purpose::Candidate, 0), &examples);
    assert!(inherited.len() == 4 && inherited == recalibrated);
}
