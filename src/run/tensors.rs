//! Named arrays in a SafeTensors file, with a digest of what is in it.

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

/// A named array of f32.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its name.
    pub name: String,
    /// Its dimensions.
    pub dimensions: Vec<usize>,
    /// Its numbers, the last dimension fastest.
    pub values: Vec<f32>,
}

/// Why a file of arrays cannot be used; each message says where, what, and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum ArraysError {
    /// The system refused.
    #[error("{path}: cannot be read ({source}); check the path and its permissions")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no such file, or not what was written.
    #[error("{path}: this file is damaged or was not written by this program ({what}); take a copy that is whole")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
    },
}

/// The arrays of a file and the facts in its metadata.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Arrays {
    /// By name.
    pub arrays: HashMap<String, Array>,
    /// The metadata.
    pub facts: HashMap<String, String>,
}

const DIGEST: &str = "sha256";

/// SHA-256 of numbers in little-endian order, as 64 hexadecimal digits.
#[must_use]
pub fn digest<'a>(parts: impl IntoIterator<Item = &'a [f32]>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(bytes(part));
    }
    hexadecimal(&hasher.finalize())
}

/// SHA-256 of bytes.
#[must_use]
pub fn digest_of_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// SHA-256 of lists of image numbers, each list closed by its length.
#[must_use]
pub fn digest_of_numbers<'a>(lists: impl IntoIterator<Item = &'a [usize]>) -> String {
    let mut hasher = Sha256::new();
    for list in lists {
        list.iter().chain([&list.len()]).for_each(|&number| hasher.update((number as u64).to_le_bytes()));
    }
    hexadecimal(&hasher.finalize())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The digest of all arrays in the order of their names.
fn digest_of_all<'a>(arrays: impl IntoIterator<Item = &'a Array>) -> String {
    let mut arrays: Vec<&Array> = arrays.into_iter().collect();
    arrays.sort_by(|left, right| left.name.cmp(&right.name));
    digest(arrays.iter().map(|array| array.values.as_slice()))
}

/// The bytes of a SafeTensors file; `facts` go into its metadata, beside a digest that [`Arrays::read`] checks.
///
/// # Errors
/// Names the array whose numbers do not fill its dimensions.
pub fn to_safetensors(arrays: &[Array], facts: &[(&str, String)]) -> Result<Vec<u8>, String> {
    let contents: Vec<Vec<u8>> = arrays.iter().map(|array| bytes(&array.values)).collect();
    let mut views = Vec::with_capacity(arrays.len());
    for (array, bytes) in arrays.iter().zip(&contents) {
        let view = TensorView::new(Dtype::F32, array.dimensions.clone(), bytes).map_err(|error| format!("{}: {error}", array.name))?;
        views.push((array.name.as_str(), view));
    }
    let mut metadata: HashMap<String, String> = facts.iter().map(|(name, fact)| ((*name).to_owned(), fact.clone())).collect();
    metadata.insert(DIGEST.to_owned(), digest_of_all(arrays));
    serialize(views, Some(metadata)).map_err(|error| error.to_string())
}

impl Arrays {
    /// Reads a file and checks its digest.
    ///
    /// # Errors
    /// [`ArraysError`] for a file that cannot be read or is not as it was written.
    pub fn read(path: &Path) -> Result<Self, ArraysError> {
        let shown = || path.display().to_string();
        let bytes = std::fs::read(path).map_err(|source| ArraysError::Unreadable { path: shown(), source })?;
        Self::parse(&bytes).map_err(|what| ArraysError::Damaged { path: shown(), what })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
        let facts = metadata.metadata().clone().unwrap_or_default();
        let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        let mut arrays = HashMap::new();
        for (name, view) in file.tensors() {
            if view.dtype() != Dtype::F32 {
                return Err(format!("`{name}` is not of f32"));
            }
            let values = view.data().chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect();
            arrays.insert(name.clone(), Array { name, dimensions: view.shape().to_vec(), values });
        }
        match facts.get(DIGEST) {
            Some(written) if *written == digest_of_all(arrays.values()) => Ok(Self { arrays, facts }),
            Some(_) => Err("its digest is another than when it was written".into()),
            None => Err("it has no digest".into()),
        }
    }

    /// Takes an array out by its name.
    ///
    /// # Errors
    /// Says that it is missing.
    pub fn take(&mut self, name: &str) -> Result<Vec<f32>, String> {
        self.arrays.remove(name).map(|array| array.values).ok_or_else(|| format!("`{name}` is not in it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrays() -> Vec<Array> {
        vec![
            Array { name: "b.weight".into(), dimensions: vec![2, 1], values: vec![1.5, -2.0] },
            Array { name: "a".into(), dimensions: vec![3], values: vec![0.0, f32::MIN_POSITIVE, 3.0] },
        ]
    }

    #[test]
    fn arrays_come_back_as_they_were() {
        let bytes = to_safetensors(&arrays(), &[("step", "17".into())]).unwrap();
        let read = Arrays::parse(&bytes).unwrap();
        assert_eq!(read.facts["step"], "17");
        assert_eq!(arrays().iter().map(|array| &read.arrays[&array.name]).collect::<Vec<_>>(), arrays().iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_changed_or_torn_file_is_refused() {
        let bytes = to_safetensors(&arrays(), &[]).unwrap();
        let mut changed = bytes.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(Arrays::parse(&changed).unwrap_err().contains("digest"));
        for length in 0..bytes.len() {
            assert!(Arrays::parse(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
        }
        let short = Array { name: "short".into(), dimensions: vec![3], values: vec![1.0] };
        assert!(to_safetensors(&[short], &[]).unwrap_err().contains("short"));
    }
}
