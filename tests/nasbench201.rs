//! The space of NAS-Bench-201 against the benchmark's own table: parameters and FLOPs of all 15,625 networks
//! (`tests/reference/nasbench201.py`).

use pgnas::graph::families::NasBench201;
use pgnas::graph::{CellGenotype, Shape};

/// Parameters, and FLOPs in tens as the table rounds them: multiply-accumulates and the classifier's biases.
fn counts(genotype: CellGenotype) -> (usize, usize) {
    let family = NasBench201 { input: Shape::map(3, 32, 32), classes: 10, stem_stride: 1, channels: 16, cells: 5 };
    let cost = family.build_plain(&genotype).unwrap().cost();
    (cost.parameters as usize, (cost.macs as usize + 10 + 5) / 10)
}

fn line(genotype: CellGenotype) -> String {
    let (parameters, flops) = counts(genotype);
    format!("{genotype},{parameters},{flops}")
}

/// FNV-1a, 64 bits, over the lines, a line feed after each.
fn checksum(lines: &[String]) -> u64 {
    let bytes = lines.iter().flat_map(|line| line.bytes().chain(std::iter::once(b'\n')));
    bytes.fold(0xcbf2_9ce4_8422_2325, |value, byte| (value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

const TABLE: &str = include_str!("reference/nasbench201.csv");

#[test]
fn sampled_rows_of_the_table_agree() {
    let rows: Vec<&str> = TABLE.lines().skip(1).collect();
    assert_eq!(rows.len(), 201);
    for row in rows {
        let (text, _) = row.split_once(',').unwrap();
        assert_eq!(line(text.parse().unwrap()), row);
    }
}

#[test]
fn all_networks_of_the_space_agree() {
    let mut lines: Vec<String> = CellGenotype::all().map(line).collect();
    lines.sort();
    assert_eq!(lines.len(), 15_625);
    assert_eq!(format!("{:016x}", checksum(&lines)), TABLE.lines().next().unwrap());
}
