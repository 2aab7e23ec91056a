//! The README of an export: what the network is, how it scored, how to run each file.

use super::genotype::Genotype;
use super::text::{counted, percent, thousands, times};
use crate::data::Known;
use crate::run::Accuracy;
use std::fmt::Write as _;

/// The text of `README.md`.
#[must_use]
pub fn card(genotype: &Genotype) -> String {
    let mut text = format!("# Candidate {} of `{}`\n\n", genotype.candidate.0, genotype.run);
    let _ = writeln!(
        text,
        "A network for the image set `{}`, drawn from the {} of a super-network that was searched with the preset `{}`, seed {}, after \
         {}. {}\n",
        genotype.set,
        if genotype.source == crate::run::Source::Posterior { "posterior" } else { genotype.source.label() },
        genotype.preset,
        genotype.seed,
        counted(genotype.epoch.into(), "epoch"),
        genotype.retrained.as_ref().map_or_else(
            || "Its weights are those it inherited there; it was not retrained.".to_owned(),
            |retrained| match retrained.from {
                crate::run::Start::Scratch => format!("It was then trained from scratch, {}.", counted(retrained.epochs.into(), "epoch")),
                crate::run::Start::Inherited => {
                    format!("It was then trained on from the weights it inherited, {}.", counted(retrained.epochs.into(), "epoch"))
                }
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
         | `model.py`, `model.safetensors` | a module of PyTorch and its weights; needs torch and safetensors; can be trained on |\n\
         | `genotype.json`, `config.toml` | `pgnas evaluate genotype.json` computes the select accuracy again |\n\
         | `select.json` | the images that it was ranked on: their positions in the set, and their classes |\n\
         | `network.svg`, `network.dot`, `network.txt` | the network drawn: dropped operations are absent, kept ones carry their share |\n",
    );
    let _ = write!(text, "\n{}", images_snippet(&genotype.set));
    text.push_str(SNIPPETS);
    text.push_str(&judging("logits"));
    text
}

/// Where the images of a set come from and how their bytes become `pixels`, as a section with its heading; those that ranked as the example.
pub(super) fn images_snippet(set: &str) -> String {
    let Ok(known) = set.parse::<Known>() else { return String::new() };
    let outside = known.outside();
    let lines = outside.python.unwrap_or("# pixels = those of these positions, as told above\n");
    format!(
        "## Its images\n\n`select.json` has the positions in the set `{set}` of the images that it was ranked on, and their classes. {}\n\n\
         ```python\nimport json, numpy\nchosen = json.load(open(\"select.json\"))\n\
         select, labels = (numpy.array(chosen[name]) for name in (\"select\", \"labels\"))\n{lines}```\n",
        outside.words
    )
}

/// How those that are right are counted, from what the network yields.
pub(super) fn judging(output: &str) -> String {
    format!(
        "\n`({output}.argmax(1) == labels).sum()` then counts the select images that are right: as many as the table says, but where two classes \
         are so close that another runtime rounds them the other way.\n"
    )
}

/// How the files run elsewhere, on `pixels`; a test runs what stands here.
const SNIPPETS: &str = r#"
## Running it

`pixels` are images as float32 from 0 to 1, `[batch, channels, height, width]`. With ONNX Runtime:

```python
import json, numpy, onnxruntime
session = onnxruntime.InferenceSession("model.onnx")
facts = session.get_modelmeta().custom_metadata_map  # also accuracy, seed, run
mean, deviation = (numpy.float32(json.loads(facts[name])).reshape(1, -1, 1, 1) for name in ("mean", "deviation"))
[logits] = session.run(None, {"images": (pixels - mean) / deviation})
names = [json.loads(facts["classes"])[best] for best in logits.argmax(1)]
```

With PyTorch, where this folder is the working directory or on the path:

```python
import torch
from model import load, normalise
network = load("model.safetensors")
with torch.no_grad():
    logits = network(normalise(torch.from_numpy(pixels)))
```
"#;

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

#[cfg(test)]
mod tests {
    use super::super::RetrainedWeights;
    use super::*;
    use crate::run::{Start, fixture};

    fn genotype() -> Genotype {
        let mut candidates = fixture::candidates();
        let candidate = candidates.iter_mut().find(|candidate| candidate.score.id.0 == 6).unwrap();
        candidate.score.paper_count = Some(crate::run::PaperCount { parameters: 1_234, macs: 56_789 });
        candidate.mask = crate::posterior::HardMask::whole(fixture::started().network.masked_channels);
        let test =
            crate::run::Scores { inherited: Accuracy { correct: 333, total: 347 }, recalibrated: Accuracy { correct: 340, total: 347 } };
        Genotype { test_reads: Some(2), ..Genotype::of(&fixture::started(), candidate, Some(test)).unwrap() }
    }

    #[test]
    fn it_says_what_the_network_is_and_how_it_scored() {
        let text = card(&genotype());
        for fact in [
            "# Candidate 6 of `digits-1`\n",
            "for the image set `digits`, drawn from the posterior of a super-network",
            "with the preset `digits`, seed 1, after 2 epochs. Its weights are those it inherited there; it was not retrained.",
            "| select accuracy | 98.0 % (93.0 to 99.4; 98 of 100 images) |\n",
            "| test accuracy | 98.0 % (95.9 to 99.0; 340 of 347 images); the search had opened that split 2 times |\n",
            "| parameters | 510 (sliced: nothing unread is counted) |\n| multiply-accumulates per image | 5,100 |\n",
            "| by the paper's count | 1,234 parameters, 56,789 multiply-accumulates (unread filters are still counted) |\n",
            "| kept share of the masked channels | 50.0 % |\n",
        ] {
            assert!(text.contains(fact), "{fact}\n{text}");
        }
        for file in [
            "model.onnx",
            "model.py",
            "model.safetensors",
            "genotype.json",
            "config.toml",
            "select.json",
            "network.svg",
            "network.dot",
            "network.txt",
        ] {
            assert!(text.contains(&format!("`{file}`")), "{file}");
        }
        // Who takes the bytes of the digits for shares of 255 gets answers at chance, and no error.
        assert!(text.contains("are divided by 16") && text.contains("load_digits().images[select] / 16"), "{text}");
        assert!(text.contains("`(logits.argmax(1) == labels).sum()`"), "{text}");
        assert!(!text.contains("read once"));
    }

    #[test]
    fn of_a_retrained_one_it_tells_its_own_score_alone() {
        let accuracy = Accuracy { correct: 99, total: 100 };
        let trained = |from| RetrainedWeights { from, seed: 1, epochs: 3, recipe: Vec::new(), accuracy };
        let text = card(&Genotype { retrained: Some(trained(Start::Scratch)), ..genotype() });
        assert!(text.contains("It was then trained from scratch, 3 epochs.") && text.contains("99 of 100 images"), "{text}");
        assert!(!text.contains("test accuracy"), "the split was read with other weights: {text}");
        let text = card(&Genotype { retrained: Some(trained(Start::Inherited)), ..genotype() });
        assert!(text.contains("It was then trained on from the weights it inherited, 3 epochs."), "{text}");
    }

    #[test]
    fn a_count_of_before_sliced_networks_were_counted_is_called_the_paper_s() {
        let text = card(&Genotype { paper_count: None, test: None, ..genotype() });
        assert!(text.contains("| parameters by the paper's count | 510 (unread filters are still counted) |"), "{text}");
        assert!(!text.contains("sliced: nothing") && !text.contains("test accuracy"), "{text}");
    }
}
