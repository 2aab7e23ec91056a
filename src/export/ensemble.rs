//! Several networks of a run as one ONNX file that averages their softmax, with what it is and how it scored.

use super::card::{images_snippet, judging};
use super::onnx::{Member, onnx_mean};
use super::text::{counted, percent, thousands};
use super::{Bundle, arrays};
use crate::data::Normalisation;
use crate::graph::{Graph, Values};
use crate::posterior::statistics::Quality;
use crate::preset::{BatchNormMode, Preset};
use crate::run::{Accuracy, CandidateId, SelectFile, Source, Started};
use serde::Serialize;

/// What `ensemble.json` holds; `docs/cli.md` documents the keys.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ensemble {
    /// `pgnas-ensemble-export`.
    pub format: &'static str,
    /// Version of the format, 1.
    pub version: u32,
    /// Program name and version that ran the search.
    pub program: String,
    /// Name of the run.
    pub run: String,
    /// Name of the preset.
    pub preset: String,
    /// The image set.
    pub set: String,
    /// Seed of the run.
    pub seed: u64,
    /// Which batch-norm statistics the networks have.
    pub batch_norm: BatchNormMode,
    /// The networks, the best first.
    pub members: Vec<EnsembleMember>,
    /// Parameters of all together.
    pub parameters: u64,
    /// Multiply-accumulates of all together, for one image.
    pub macs: u64,
    /// Select images that the mean prediction gets right.
    pub select: Accuracy,
    /// How good it is there.
    #[serde(flatten)]
    pub quality: Quality,
}

/// One network of an ensemble.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EnsembleMember {
    /// Number of the candidate.
    pub candidate: CandidateId,
    /// Where it comes from.
    pub source: Source,
    /// Select images that it gets right alone.
    pub select: Accuracy,
    /// Parameters of the sliced network.
    pub parameters: u64,
    /// Its multiply-accumulates for one image.
    pub macs: u64,
}

impl Ensemble {
    /// An ensemble of a run's candidates.
    #[must_use]
    pub fn of(started: &Started, members: Vec<EnsembleMember>, select: Accuracy, quality: Quality) -> Self {
        Self {
            format: "pgnas-ensemble-export",
            version: 1,
            program: started.program.clone(),
            run: started.run.clone(),
            preset: started.preset.clone(),
            set: started.set.clone(),
            seed: started.seed,
            batch_norm: started.batch_norm,
            parameters: members.iter().map(|member| member.parameters).sum(),
            macs: members.iter().map(|member| member.macs).sum(),
            members,
            select,
            quality,
        }
    }

    /// Its files; the networks are those of its members, in their order.
    ///
    /// # Errors
    /// What cannot be written as JSON.
    pub fn files(
        &self,
        networks: &[(&Graph, &Values)],
        (config, preset): (&str, &Preset),
        normalisation: &Normalisation,
        classes: &[String],
        select: &SelectFile,
    ) -> Result<Bundle, String> {
        let list = |values: &[f32]| serde_json::to_string(values).unwrap_or_default();
        let facts = [
            ("run", self.run.clone()),
            ("candidates", self.numbers()),
            ("preset", self.preset.clone()),
            ("set", self.set.clone()),
            ("seed", self.seed.to_string()),
            ("select_accuracy", self.quality.accuracy.to_string()),
            ("mean", list(&normalisation.mean)),
            ("deviation", list(&normalisation.deviation)),
            ("classes", serde_json::to_string(classes).unwrap_or_default()),
        ];
        let members: Vec<Member<'_>> = self
            .members
            .iter()
            .zip(networks)
            .map(|(member, &(graph, values))| Member { prefix: prefix(member.candidate), graph, values })
            .collect();
        let name = format!("{}, mean of candidates {}", self.run, self.numbers());
        let mut bundle = Bundle::default();
        bundle.add("model.onnx", onnx_mean(&name, &members, preset.train.batch_norm_epsilon, &facts));
        bundle.add("ensemble.json", serde_json::to_string_pretty(self).map_err(|error| error.to_string())? + "\n");
        bundle.add("config.toml", config);
        bundle.add("select.json", select.to_json());
        bundle.add("README.md", self.card());
        Ok(bundle)
    }

    fn numbers(&self) -> String {
        self.members.iter().map(|member| member.candidate.0.to_string()).collect::<Vec<_>>().join(", ")
    }

    fn card(&self) -> String {
        let Accuracy { correct, total } = self.select;
        let Quality { accuracy, nll, brier, calibration_error } = self.quality;
        format!(
            "# Mean of {} of `{}`\n\n\
             `model.onnx` runs candidates {} side by side and averages their softmax. Their weights are those they inherited; they were not \
             retrained. Input `images`, normalised, `[batch, channels, height, width]`; output `probabilities`, `[batch, classes]`.\n\n\
             | | |\n|---|---|\n\
             | select accuracy | {} ({correct} of {total} images) |\n\
             | negative log-likelihood, Brier, calibration error | {nll:.3}, {brier:.3}, {} |\n\
             | parameters, multiply-accumulates per image | {}, {} |\n\n\
             The members were chosen on these very images, which flatters the figures; `pgnas ensemble` tells what is left of them on \
             images that did not choose.\n\n{}\n## Running it\n\n\
             `pixels` are images as float32 from 0 to 1, `[batch, channels, height, width]`. With ONNX Runtime:\n\n\
             ```python\n{RUNNING}```\n{}",
            counted(self.members.len() as u64, "candidate"),
            self.run,
            self.numbers(),
            percent(accuracy),
            percent(calibration_error),
            thousands(self.parameters),
            thousands(self.macs),
            images_snippet(&self.set),
            judging("probabilities"),
        )
    }
}

/// How `model.onnx` runs elsewhere, on `pixels`.
const RUNNING: &str = r#"import json, numpy, onnxruntime
session = onnxruntime.InferenceSession("model.onnx")
facts = session.get_modelmeta().custom_metadata_map  # also accuracy, seed, run, candidates
mean, deviation = (numpy.float32(json.loads(facts[name])).reshape(1, -1, 1, 1) for name in ("mean", "deviation"))
[probabilities] = session.run(None, {"images": (pixels - mean) / deviation})
names = [json.loads(facts["classes"])[best] for best in probabilities.argmax(1)]
"#;

/// What the names of a candidate's nodes begin with.
fn prefix(candidate: CandidateId) -> String {
    format!("candidate{}.", candidate.0)
}

/// The numbers of one member, read back from the bytes of `model.onnx`.
///
/// # Errors
/// A file that is damaged, or lacks one of its arrays.
pub fn member_values(file: &[u8], candidate: CandidateId, graph: &Graph) -> Result<Values, String> {
    arrays::values(graph, &super::onnx::initializers(file, &prefix(candidate))?)
}
