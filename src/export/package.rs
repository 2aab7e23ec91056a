//! Everything that is exported of one candidate, as files.

use super::{Bundle, Genotype, Origin, arrays, card, drawing, figure, onnx, pytorch};
use crate::data::Normalisation;
use crate::graph::{Graph, Values};
use crate::preset::{Preset, Space};
use crate::run::SelectFile;
use crate::run::tensors::to_safetensors;
use std::str::FromStr;

/// What a candidate can be exported as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `genotype.json`: the candidate as text; the one format that needs no weights.
    Genotype,
    /// `model.safetensors`: the weights of the sliced network.
    Safetensors,
    /// `model.onnx`: the sliced network with its weights.
    Onnx,
    /// `model.py`: the sliced network as a PyTorch module.
    PyTorch,
    /// `network.svg`, `network.dot`, `network.txt`: the network drawn.
    Drawing,
}

impl Format {
    /// All of them with their words on the command line.
    pub const ALL: [(&'static str, Self); 5] = [
        ("genotype", Self::Genotype),
        ("safetensors", Self::Safetensors),
        ("onnx", Self::Onnx),
        ("pytorch", Self::PyTorch),
        ("drawing", Self::Drawing),
    ];

    /// Whether it is made from the weights.
    #[must_use]
    pub fn needs_weights(self) -> bool {
        !matches!(self, Self::Genotype | Self::Drawing)
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let known = Self::ALL.map(|(word, _)| word).join(", ");
        let found = Self::ALL.iter().find(|(name, _)| *name == word);
        found.map(|&(_, format)| format).ok_or_else(|| format!("`{}` is no format; take one of {known}", word.escape_debug()))
    }
}

/// A candidate with what its files are made of.
#[derive(Debug)]
pub struct Package<'a> {
    /// The candidate as text.
    pub genotype: &'a Genotype,
    /// The effective preset, as `config.toml` has it.
    pub config: &'a str,
    /// Its values.
    pub preset: &'a Preset,
    /// How images were normalised.
    pub normalisation: &'a Normalisation,
    /// Names of the classes.
    pub classes: &'a [String],
    /// The images that it was ranked on.
    pub select: &'a SelectFile,
    /// The sliced network with its numbers.
    pub network: Option<(&'a Graph, &'a Values)>,
}

impl Package<'_> {
    /// The files of some formats; a README goes with whole exports.
    ///
    /// # Errors
    /// What cannot be written down, which names the array.
    pub fn files(&self, formats: &[Format]) -> Result<Bundle, String> {
        let mut bundle = Bundle::default();
        let has = |format| formats.contains(&format);
        if has(Format::Genotype) {
            bundle.add("genotype.json", self.genotype.to_json());
            bundle.add("config.toml", self.config);
            bundle.add("select.json", self.select.to_json());
            // What the preset names beside itself, so that the folder can be read alone.
            if let Space::File(space) = &self.preset.space {
                bundle.add("space.toml", space.text.as_str());
            }
        }
        if let Some((graph, values)) = self.network {
            if has(Format::Safetensors) {
                bundle.add("model.safetensors", to_safetensors(&arrays(graph, values), &self.facts())?);
            }
            if has(Format::Onnx) {
                let name = format!("{}, candidate {}", self.genotype.run, self.genotype.candidate.0);
                bundle.add("model.onnx", onnx(&name, graph, values, self.preset.train.batch_norm_epsilon, &self.facts()));
            }
            if has(Format::PyTorch) {
                let title = format!("Candidate {} of the search {}.", self.genotype.candidate.0, self.genotype.run);
                let origin = Origin {
                    title: &title,
                    mean: &self.normalisation.mean,
                    deviation: &self.normalisation.deviation,
                    classes: self.classes,
                    epsilon: self.preset.train.batch_norm_epsilon,
                    decay: self.preset.train.batch_norm_decay,
                };
                bundle.add("model.py", pytorch(graph, &origin));
            }
        }
        if has(Format::Drawing) {
            let (title, blocks) = (drawing::title(self.genotype), &self.genotype.blocks);
            bundle.add("network.svg", figure::svg(&title, blocks));
            bundle.add("network.dot", drawing::dot(&title, blocks));
            bundle.add("network.txt", drawing::text(&title, blocks));
        }
        if formats.len() == Format::ALL.len() {
            bundle.add("README.md", card(self.genotype));
        }
        Ok(bundle)
    }

    /// What travels in the metadata of weight files.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let genotype = self.genotype;
        let list = |values: &[f32]| serde_json::to_string(values).unwrap_or_default();
        let select = genotype.judged();
        let mut facts = vec![
            ("run", genotype.run.clone()),
            ("candidate", genotype.candidate.0.to_string()),
            ("preset", genotype.preset.clone()),
            ("set", genotype.set.clone()),
            ("seed", genotype.seed.to_string()),
            ("select_accuracy", select.share().to_string()),
            ("mean", list(&self.normalisation.mean)),
            ("deviation", list(&self.normalisation.deviation)),
            ("classes", serde_json::to_string(self.classes).unwrap_or_default()),
        ];
        // The test split was read with inherited weights.
        if let Some(test) = genotype.test.filter(|_| genotype.retrained.is_none()) {
            facts.push(("test_accuracy", test.of(genotype.batch_norm).share().to_string()));
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::super::values;
    use super::*;
    use crate::graph::{Numbers, Slice};
    use crate::posterior::HardMask;
    use crate::run::fixture;
    use crate::run::tensors::Arrays;

    /// The genotype, the sliced network and its numbers of a candidate that keeps every second channel.
    fn candidate() -> (Genotype, Slice, Values) {
        let (graph, started) = (fixture::graph(), fixture::started());
        let keep: Vec<bool> = (0..graph.masked_channels()).map(|channel| channel % 2 == 0).collect();
        let mut candidate = fixture::candidates().pop().unwrap();
        candidate.mask = HardMask::new(keep.clone());
        let slice = graph.slice(&keep).unwrap();
        let parameters: Vec<f32> = (0..graph.cost().parameters as usize).map(|number| number as f32).collect();
        let statistics = vec![0.5; 1000];
        let numbers = Numbers { parameters: &parameters, statistics: Some((&statistics, &statistics)), epsilon: 1e-5 };
        let values = slice.values(&graph, &numbers);
        (Genotype::of(&started, &candidate, None).unwrap(), slice, values)
    }

    fn select() -> SelectFile {
        SelectFile { set: "digits".into(), images: 1797, images_sha256: "ab".into(), select: vec![3, 5], labels: vec![1, 0] }
    }

    fn names(bundle: &Bundle) -> Vec<&str> {
        bundle.files.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn content<'a>(bundle: &'a Bundle, name: &str) -> &'a [u8] {
        &bundle.files.iter().find(|(known, _)| known == name).unwrap().1
    }

    #[test]
    fn each_format_has_its_files_and_a_readme_goes_with_all_of_them() {
        let (genotype, slice, numbers) = candidate();
        let preset = Preset::load("digits", None, &[]).unwrap().preset;
        let normalisation = Normalisation { mean: vec![0.25], deviation: vec![0.5] };
        let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
        let select = select();
        let package = |network| Package {
            genotype: &genotype,
            config: "name = \"digits\"",
            select: &select,
            preset: &preset,
            normalisation: &normalisation,
            classes: &classes,
            network,
        };
        let whole = package(Some((&*slice.graph, &numbers)));
        let all = Format::ALL.map(|(_, format)| format);
        let bundle = whole.files(&all).unwrap();
        let drawings = ["network.svg", "network.dot", "network.txt"];
        let files = ["genotype.json", "config.toml", "select.json", "model.safetensors", "model.onnx", "model.py"];
        assert_eq!(names(&bundle), [files.as_slice(), &drawings, &["README.md"]].concat());
        for (word, format) in Format::ALL {
            assert_eq!(word.parse(), Ok(format));
            let alone = whole.files(&[format]).unwrap();
            assert!(!names(&alone).is_empty() && !names(&alone).contains(&"README.md"), "{word}");
        }
        assert!("pickle".parse::<Format>().unwrap_err().contains("take one of genotype, safetensors, onnx, pytorch, drawing"));

        let written: Genotype = serde_json::from_slice(content(&bundle, "genotype.json")).unwrap();
        assert_eq!((&written, content(&bundle, "config.toml")), (&genotype, b"name = \"digits\"".as_slice()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        std::fs::write(&path, content(&bundle, "model.safetensors")).unwrap();
        assert_eq!(values(&slice.graph, &Arrays::read(&path).unwrap()).unwrap(), numbers, "the weights are those of the sliced network");
        // The metadata of both files of weights.
        for name in ["model.safetensors", "model.onnx"] {
            let text = String::from_utf8_lossy(content(&bundle, name));
            for fact in ["select_accuracy", "deviation", "digits-1", "candidate"] {
                assert!(text.contains(fact), "{name}: {fact}");
            }
            assert!(!text.contains("test_accuracy"), "{name}: it was not read");
        }
        let svg = std::str::from_utf8(content(&bundle, "network.svg")).unwrap();
        assert!(svg.contains("digits-1, candidate 8: 50 % of the masked channels") && svg.contains("4 of 8 channels"), "{svg}");
    }

    #[test]
    fn without_weights_there_are_the_genotype_the_drawing_and_the_readme() {
        let (genotype, ..) = candidate();
        let preset = Preset::load("digits", None, &[]).unwrap().preset;
        let normalisation = Normalisation { mean: vec![0.25], deviation: vec![0.5] };
        let select = select();
        let package = Package {
            genotype: &genotype,
            config: "",
            preset: &preset,
            normalisation: &normalisation,
            classes: &[],
            select: &select,
            network: None,
        };
        let bundle = package.files(&Format::ALL.map(|(_, format)| format)).unwrap();
        assert_eq!(
            names(&bundle),
            ["genotype.json", "config.toml", "select.json", "network.svg", "network.dot", "network.txt", "README.md"]
        );
    }
}
