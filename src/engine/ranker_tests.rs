//! All ways to ask a sub-network give the same answers.

use super::*;
use crate::data::{ImageSet, SplitPlan, TestPlan};
use crate::engine::checks::subjects::narrow;
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

#[test]
fn a_stack_answers_as_its_networks_do_alone() {
    for name in ["digits", "supnet-e", "nasbench201"] {
        let Subject { ranker, frozen, examples, masks } = subject(name);
        let masks: Vec<&HardMask> = masks.iter().collect();
        let stacked = ranker.logits_stacked(&frozen, &masks, &examples);
        assert_eq!(stacked.len(), masks.len());
        for (mask, stacked) in masks.iter().zip(stacked) {
            let alone = ranker.logits_of(&frozen, mask, &examples).unwrap();
            for (stacked, alone) in stacked.iter().zip(&alone) {
                let scale = alone.iter().fold(1.0f32, |scale, logit| scale.max(logit.abs()));
                let far = stacked.iter().zip(alone).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max) / scale;
                // Rounding grows with depth; statistics or masks of another one would be off by tenths.
                assert!(stacked.len() == alone.len() && far < 1e-3, "{name}: {far}");
            }
        }
    }
}

#[test]
fn piece_by_piece_and_from_kept_statistics_the_answers_are_the_same() {
    let Subject { ranker, frozen, examples, masks } = subject("digits");
    let all = ranker.evaluate_all(&frozen, &masks.iter().collect::<Vec<_>>(), &examples).unwrap();
    for (mask, evaluation) in masks.iter().zip(all) {
        assert_eq!(ranker.evaluate(&frozen, mask, &examples).unwrap(), evaluation);
        let candidate = ranker.prepare(&frozen, mask).unwrap();
        let mut asked = Evaluation::default();
        candidate.ask((&examples, 0), &mut asked);
        assert_eq!(asked.recalibrated[..], evaluation.recalibrated[..SELECT / 2]);
        let again = ranker.prepare_again(&frozen, mask, candidate.into_statistics()).unwrap();
        again.ask((&examples, 1), &mut asked);
        assert_eq!(asked, evaluation);
    }
    let other = HardMask::new(vec![true]);
    assert!(ranker.prepare(&frozen, &other).is_err() && ranker.evaluate_all(&frozen, &[&other], &examples).is_err());
}
