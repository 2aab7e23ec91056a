//! What the benches have in common: the file of `--json`, with one row for each thing measured, as tests/reference/compare_benches.py reads it.

use serde_json::{Value, json};
use std::path::PathBuf;

/// The rows of one bench.
pub struct Rows {
    bench: &'static str,
    file: Option<PathBuf>,
    measured: Vec<Value>,
}

impl Rows {
    /// No rows yet, and the words of the command line without `--json FILE` and what cargo adds.
    pub fn of_arguments(bench: &'static str) -> (Self, Vec<String>) {
        let mut words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
        let file = words.iter().position(|word| word == "--json").and_then(|at| words.drain(at..words.len().min(at + 2)).nth(1));
        (Self { bench, file: file.map(PathBuf::from), measured: Vec::new() }, words)
    }

    /// Adds what was measured of the thing that the keys name; nothing measured adds nothing.
    pub fn add(&mut self, keys: Value, values: &[f64], unit: &str) {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let (Value::Object(mut row), Some(least), Some(most)) = (keys, values.first(), values.last()) else { return };
        let figures = [("median", values[values.len() / 2]), ("least", *least), ("most", *most)];
        row.extend(figures.map(|(name, value)| (name.to_owned(), json!(value))));
        row.extend([("n".to_owned(), json!(values.len())), ("unit".to_owned(), json!(unit))]);
        self.measured.push(Value::Object(row));
    }

    /// Writes the file that `--json` named, where it did.
    pub fn write(self) {
        let Some(file) = self.file else { return };
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, model)| model.to_owned());
        let machine = json!({ "cpu": model, "threads": std::thread::available_parallelism().map_or(1, usize::from) });
        let text = serde_json::to_string_pretty(&json!({ "bench": self.bench, "machine": machine, "rows": self.measured }));
        std::fs::write(file, text.expect("JSON of numbers") + "\n").expect("the file of --json can be written");
    }
}
