//! A table of true accuracies: CSV, plain or as `.xz`, one architecture a line.

use super::failure::Failure;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

/// Bytes of a table at most, once decompressed.
const LARGEST: u64 = 256 << 20;

/// The accuracies of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct TruthTable {
    /// The column that they come from.
    pub column: String,
    /// By architecture as the first column writes it, as shares.
    pub accuracies: BTreeMap<String, f64>,
}

impl TruthTable {
    /// Reads the column of that name, or the second one. Accuracies are per cent.
    ///
    /// # Errors
    /// A mistake that names the file, the line and the remedy.
    pub fn read(path: &Path, column: Option<&str>) -> Result<Self, Failure> {
        let mistake = |what: String| Failure::Mistake(format!("{}: {what}", path.display()));
        let unreadable = |error: std::io::Error| mistake(format!("cannot be read ({error}); give a CSV file, plain or as .xz"));
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mut text = String::new();
        if path.extension().is_some_and(|extension| extension == "xz") {
            let reader = lzma_rust2::XzReader::new(std::io::BufReader::new(file), true);
            reader.take(LARGEST).read_to_string(&mut text).map_err(unreadable)?;
        } else {
            file.take(LARGEST).read_to_string(&mut text).map_err(unreadable)?;
        }
        Self::parse(&text, column).map_err(mistake)
    }

    fn parse(text: &str, column: Option<&str>) -> Result<Self, String> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let (_, head) = lines.next().ok_or("it is empty; its first line must name the columns")?;
        let names: Vec<&str> = head.split(',').map(str::trim).collect();
        if names.len() < 2 {
            return Err(
                "its first line has one name; it must have two or more, separated by commas: that of the architectures, then those of \
                        accuracies"
                    .to_owned(),
            );
        }
        let known = || names.iter().skip(1).copied().collect::<Vec<_>>().join(", ");
        let place = match column {
            Some(column) => names.iter().skip(1).position(|name| *name == column).map(|place| place + 1),
            None => Some(1),
        };
        let place = place.ok_or_else(|| format!("there is no column `{}`; there are {}", column.unwrap_or_default(), known()))?;
        let mut accuracies = BTreeMap::new();
        for (number, line) in lines {
            let cells: Vec<&str> = line.split(',').map(str::trim).collect();
            let value = cells.get(place).and_then(|cell| cell.parse::<f64>().ok()).filter(|value| (0.0..=100.0).contains(value));
            let value = value.ok_or_else(|| format!("line {}: `{}` is no number from 0 to 100", number + 1, names[place]))?;
            accuracies.insert(cells[0].to_owned(), value / 100.0);
        }
        Ok(Self { column: names[place].to_owned(), accuracies })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "arch_str,valid,test\n|a~0|,63.5,70\n\n|b~0|,10,9.75\n";

    #[test]
    fn a_column_is_read_by_name_or_the_first_is_taken() {
        let table = TruthTable::parse(TABLE, None).unwrap();
        assert_eq!((table.column.as_str(), table.accuracies.len(), table.accuracies["|a~0|"]), ("valid", 2, 0.635));
        assert!((TruthTable::parse(TABLE, Some("test")).unwrap().accuracies["|b~0|"] - 0.0975).abs() < 1e-12);
    }

    #[test]
    fn faults_name_line_and_column() {
        for (text, column, told) in [
            (TABLE, Some("tst"), "there is no column `tst`; there are valid, test"),
            ("arch_str,valid\na,x\n", None, "line 2: `valid` is no number from 0 to 100"),
            ("arch_str,valid\na,101\n", None, "line 2: `valid`"),
            ("arch_str,valid\na\n", None, "line 2: `valid`"),
            ("", None, "it is empty"),
            ("arch_str\n", None, "its first line has one name; it must have two or more, separated by commas"),
            ("arch_str;valid;test\n|a~0|;63.5;70\n", Some("valid"), "its first line has one name"),
        ] {
            let message = TruthTable::parse(text, column).unwrap_err();
            assert!(message.starts_with(told), "{message}");
        }
    }
}
