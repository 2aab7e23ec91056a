//! The weights that candidates inherit, kept with the run: `checkpoints/step-<n>.safetensors`.

use super::folder::{FolderError, write_whole};
use super::tensors::{Array, Arrays, ArraysError, to_safetensors};
use std::path::Path;

/// Version of the file's layout.
const VERSION: &str = "1";

/// The super-network at one moment of its training.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptWeights {
    /// Training steps done.
    pub step: u64,
    /// All weights, in the layout of the graph's parameters.
    pub parameters: Vec<f32>,
    /// The logits of the drop probabilities, one a mask group.
    pub logits: Vec<f32>,
    /// Running means of all batch-norm channels in node order.
    pub mean: Vec<f32>,
    /// Their biased running variances.
    pub variance: Vec<f32>,
}

impl KeptWeights {
    /// Writes them, whole or not at all.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`].
    pub fn write(&self, path: &Path) -> Result<(), FolderError> {
        let array = |name: &str, values: &[f32]| Array { name: name.to_owned(), dimensions: vec![values.len()], values: values.to_vec() };
        let arrays = [
            array("parameters", &self.parameters),
            array("logits", &self.logits),
            array("mean", &self.mean),
            array("variance", &self.variance),
        ];
        let facts = [("format", "pgnas-weights".to_owned()), ("version", VERSION.to_owned()), ("step", self.step.to_string())];
        let bytes = to_safetensors(&arrays, &facts)
            .map_err(|what| FolderError::Unwritable { path: path.display().to_string(), source: std::io::Error::other(what) })?;
        write_whole(path, &bytes)
    }

    /// Reads them.
    ///
    /// # Errors
    /// [`ArraysError`] for a file that is not there, torn, changed, or of another version.
    pub fn read(path: &Path) -> Result<Self, ArraysError> {
        let mut arrays = Arrays::read(path)?;
        let damaged = |what: String| ArraysError::Damaged { path: path.display().to_string(), what };
        match arrays.facts.get("version").map(String::as_str) {
            Some(VERSION) => {}
            version => return Err(damaged(format!("its version is {}, not {VERSION}", version.unwrap_or("missing")))),
        }
        let step = arrays.facts.get("step").and_then(|step| step.parse().ok());
        let step = step.ok_or_else(|| damaged("it does not say of which step it is".into()))?;
        let mut take = |name: &str| arrays.take(name).map_err(damaged);
        Ok(Self { step, parameters: take("parameters")?, logits: take("logits")?, mean: take("mean")?, variance: take("variance")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_come_back_and_damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints/step-17.safetensors");
        let weights = KeptWeights { step: 17, parameters: vec![1.0, 2.0], logits: vec![-1.0], mean: vec![0.5], variance: vec![2.0] };
        weights.write(&path).unwrap();
        assert_eq!(KeptWeights::read(&path).unwrap(), weights);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        let message = KeptWeights::read(&path).unwrap_err().to_string();
        assert!(message.contains("step-17.safetensors: this file is damaged"), "{message}");
        std::fs::remove_file(&path).unwrap();
        assert!(KeptWeights::read(&path).unwrap_err().to_string().contains("cannot be read"));
    }
}
