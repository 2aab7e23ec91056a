//! Seconds to build and count every network of NAS-Bench-201: parameters and multiply-accumulates of 15,625 plain networks of full size.
//!
//! `cargo bench --bench count [-- --json FILE]`, on one thread; the goal is under 2 s.

mod common;

use pgnas::graph::families::NasBench201;
use pgnas::graph::{CellGenotype, Shape};
use std::time::Instant;

const ROUNDS: usize = 7;

fn main() {
    let (mut rows, _) = common::Rows::of_arguments("count");
    let input = Shape { channels: 3, height: 32, width: 32 };
    let space = NasBench201 { input, classes: 10, stem_stride: 1, channels: 16, cells: 5 };
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let costs = CellGenotype::all().map(|genotype| space.build_plain(&genotype).expect("every genotype is a network").cost());
        let (networks, macs) = costs.fold((0, 0.0), |(networks, macs), cost| (networks + 1, macs + cost.macs));
        times.push(begun.elapsed().as_secs_f64());
        assert!(networks == 15_625 && macs > 0.0);
    }
    rows.add(serde_json::json!({ "measure": "all networks of NAS-Bench-201 built and counted" }), &times, "s");
    times.sort_by(f64::total_cmp);
    println!("15,625 networks built and counted: {:.2} s ({:.2} to {:.2}, n = {ROUNDS})", times[ROUNDS / 2], times[0], times[ROUNDS - 1]);
    rows.write();
}
