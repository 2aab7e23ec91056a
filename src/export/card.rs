//! The README of an export: what the network is, how it scored, how to run each file.

use super::genotype::Genotype;
use super::text::{percent, thousands, times};
use crate::run::Accuracy;
use std::fmt::Write as _;

/// The text of `README.md`.
#[must_use]
pub fn card(genotype: &Genotype) -> String {
    let mut text = format!("# Candidate {} of `{}`\n\n", genotype.candidate.0, genotype.run);
    let _ = writeln!(
        text,
        "A network for the image set `{}`, drawn from the {} of a super-network that was searched with the preset `{}`, seed {}, after {} \
         epochs. {}\n",
        genotype.set,
        if genotype.source == crate::run::Source::Posterior { "posterior" } else { genotype.source.label() },
        genotype.preset,
        genotype.seed,
        genotype.epoch,
        genotype.retrained.as_ref().map_or_else(
            || "Its weights are those it inherited there; it was not retrained.".to_owned(),
            |retrained| match retrained.from {
                crate::run::Start::Scratch => format!("It was then trained from scratch, {} epochs.", retrained.epochs),
                crate::run::Start::Inherited =>
                    format!("It was then trained on from the weights it inherited, {} epochs.", retrained.epochs),
            }
        )
    );
    let _ = writeln!(text, "| | |\n|---|---|");
    let mut row = |name: &str, value: String| {
        let _ = writeln!(text, "| {name} | {value} |");
    };
    row("select accuracy", with_interval(genotype.judged()));
    if let Some(test) = genotype.test.filter(|_| genotype.retrained.is_none()) {
        let opened = genotype.test_reads.map_or_else(String::new, |count| format!("; the search had opened that split {}", times(count)));
        row("test accuracy", format!("{}{opened}", with_interval(test.of(genotype.batch_norm))));
    }
    match genotype.paper_count {
        Some(count) => {
            row("parameters", format!("{} (sliced: nothing unread is counted)", thousands(genotype.parameters)));
            row("multiply-accumulates per image", thousands(genotype.macs));
            let (parameters, macs) = (thousands(count.parameters), thousands(count.macs));
            row("by the paper's count", format!("{parameters} parameters, {macs} multiply-accumulates (unread filters are still counted)"));
        }
        None => row("parameters by the paper's count", format!("{} (unread filters are still counted)", thousands(genotype.parameters))),
    }
    row("kept share of the masked channels", percent(genotype.kept_share));
    text.push_str(
        "\nThe select accuracy of a search's winner is the best of many on the same images, and so flatters it. Intervals are 95 % Wilson \
         intervals.\n\n## Files\n\n| file | how to use it |\n|---|---|\n\
         | `model.onnx` | any ONNX runtime: input `images`, normalised, `[batch, channels, height, width]`; output `logits` |\n\
         | `model.py`, `model.safetensors` | `from model import load, normalise; network = load(\"model.safetensors\")`; needs torch and \
         safetensors; can be trained on |\n\
         | `genotype.json`, `config.toml` | `pgnas evaluate genotype.json` computes the select accuracy again |\n\
         | `network.svg`, `network.dot`, `network.txt` | the network drawn: dropped operations are absent, kept ones carry their share |\n\n\
         ```python\n\
         import numpy, onnxruntime\n\
         session = onnxruntime.InferenceSession(\"model.onnx\")\n\
         facts = session.get_modelmeta().custom_metadata_map  # mean, deviation, accuracy, …\n\
         [logits] = session.run(None, {\"images\": images})  # float32, normalised: (pixels - mean) / deviation, pixels from 0 to 1\n\
         ```\n",
    );
    text
}

fn with_interval(accuracy: Accuracy) -> String {
    let interval = accuracy.interval();
    let points = |share: f64| format!("{:.1}", 100.0 * share);
    format!(
        "{} ({} to {}; {} of {} images)",
        percent(interval.estimate),
        points(interval.low),
        points(interval.high),
        accuracy.correct,
        accuracy.total
    )
}
