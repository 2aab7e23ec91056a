//! Spaces of one's own: files as a researcher writes them, broken ones, and random ones from file to logits.

mod networks;

use burn::tensor::Device;
use networks::{EPSILON, forward, mask, noise, statistics, trained};
use pgnas::engine::weights::images;
use pgnas::graph::families::{Branches, Edges};
use pgnas::graph::{Graph, Numbers, Operation, Shape};
use pgnas::posterior::HardMask;
use pgnas::preset::{OwnSpace, Preset, Space, preset_schema, space_reference, space_schema};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn files(folder: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths
}

/// Everything that `pgnas space check` does.
fn built(text: &str) -> Result<Graph, String> {
    let space = OwnSpace::parse(text, "space.toml").map_err(|error| error.to_string())?;
    space.network.build(space.image, space.classes).map_err(|error| space.misfit(&error).to_string())
}

fn updates() -> bool {
    std::env::var_os("UPDATE_EXPECTED").is_some()
}

#[test]
fn every_broken_file_names_line_and_remedy() {
    let paths = files("tests/spaces/invalid");
    assert!(paths.len() >= 30);
    let mut differing = Vec::new();
    for path in paths {
        let message = built(&fs::read_to_string(&path).unwrap()).expect_err(&path.display().to_string());
        assert!(message.starts_with("space.toml:") && !message.contains('\n'), "{}: {message}", path.display());
        let expected = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        if message != expected.trim_end() {
            if updates() {
                fs::write(path.with_extension("txt"), format!("{message}\n")).unwrap();
            }
            differing.push(message);
        }
    }
    assert!(differing.is_empty(), "messages differ from the .txt files beside; UPDATE_EXPECTED=1 rewrites them:\n{}", differing.join("\n"));
}

#[test]
fn the_examples_are_what_their_documents_say() {
    let costs: Vec<(String, usize, usize)> = files("presets/spaces")
        .iter()
        .map(|path| {
            let graph = built(&fs::read_to_string(path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path.file_stem().unwrap().to_string_lossy().into_owned(), graph.cost().parameters as usize, graph.groups().len())
        })
        .collect();
    // SupNet-M has 26,192,922 parameters (method 2.1); its skips are one group here and two paths there.
    let expected: [(&str, usize, usize); 4] =
        [("branches", 26_192_922, 53), ("cells", 23_714, 92), ("chain", 142_090, 31), ("deep", 295_874, 98)];
    let costs: Vec<(&str, usize, usize)> = costs.iter().map(|(name, parameters, groups)| (name.as_str(), *parameters, *groups)).collect();
    assert_eq!(costs, expected);
}

/// A file of one's own builds the networks of the families.
#[test]
fn families_can_be_written_as_files() {
    let operations: Vec<Operation> = Operation::candidates().filter(|&operation| operation != Operation::None).collect();
    let input = Shape::map(1, 8, 8);
    let family = Edges { input, classes: 10, stem_stride: 1, stages: vec![16, 32], blocks: 2, nodes: 2, operations: operations.clone() };
    let words: Vec<String> = operations.iter().map(|operation| format!("{:?}", operation.key())).collect();
    let text = format!(
        "image = [1, 8, 8]\noperations = [{}]\n[[stage]]\nchannels = 16\nblocks = 2\nnodes = 2\n[[stage]]\nchannels = 32\nblocks = 2\nnodes = 2\n",
        words.join(", ")
    );
    let (own, family) = (built(&text).unwrap(), family.build().unwrap());
    assert_eq!(own.cost(), family.cost());
    let groups = |graph: &Graph| -> Vec<(String, Operation, usize)> {
        graph.groups().iter().map(|group| (group.place.edge.clone(), group.place.operation, group.channels())).collect()
    };
    assert_eq!(groups(&own), groups(&family));

    let stages = vec![8, 16];
    let family = Branches { input, classes: 10, stem: 8, stem_stride: 1, stages, blocks: 2, branches: 3, mask_ends: true }.build().unwrap();
    let branches = "branches = [[\"conv3\", \"conv3\"], [\"conv3\", \"conv3\"], [\"conv3\", \"conv3\"]]\nblocks = 2\nreduce = \"block\"\n";
    let text = format!(
        "image = [1, 8, 8]\nstem = {{ masked = true }}\nhead = {{ batch_norm = false, masked = true }}\n\
         [[stage]]\nchannels = 8\n{branches}[[stage]]\nchannels = 16\n{branches}"
    );
    let own = built(&text).unwrap();
    assert_eq!(own.cost(), family.cost());
    assert_eq!(own.masked_channels(), family.masked_channels() - 8, "the two paths of a skip are one group here");
}

#[test]
fn strides_shortcuts_and_joins_shape_the_network() {
    let shape = |graph: &Graph, name: &str| graph.nodes().iter().find(|node| node.name == name).map(|node| node.shape);
    let graph = built(
        "[[stage]]\nchannels = 4\njoin = \"concat\"\noutput = [\"a\", \"b\"]\n[stage.edges]\n\"in -> a\" = \"conv3\"\n\
         \"in -> b\" = { operations = [\"mb3\", \"identity\"], channels = 6 }\n\
         [[stage]]\nchannels = 8\nstride = 4\nreduce = \"block\"\nbranches = [[\"sep5\", [\"dil3\", \"none\"]], [\"conv3d2\"]]\n",
    )
    .unwrap();
    assert_eq!(shape(&graph, "stage1.block1.output"), Some(Shape::map(10, 32, 32)));
    assert_eq!(shape(&graph, "stage2.block1.shortcut.bn"), Some(Shape::map(8, 8, 8)));
    assert_eq!(shape(&graph, "stage2.block1.sum"), Some(Shape::map(8, 8, 8)));
    // Unmasked edges are there and no groups.
    let plain = built(
        "[[stage]]\nchannels = 4\n[stage.edges]\n\"in -> out\" = { operations = [\"conv3\"], masked = false }\n[head]\nmasked = true\n",
    );
    assert_eq!(plain.unwrap().groups().len(), 1);
}

#[test]
fn numbers_beyond_all_measure_end_at_a_limit() {
    let wide = "[[stage]]\nchannels = 8192\nblocks = 256\nnodes = 16\noperations = [\"conv5\"]\n";
    let started = built(wide).unwrap_err();
    assert!(started.contains("more than 1000000000") && started.starts_with("space.toml:1: node `stage1.block1."), "{started}");
    let large = "image = [4096, 4096, 4096]\nclasses = 100000\noperations = [\"identity\"]\n[[stage]]\nchannels = 8192\n";
    assert!(built(large).unwrap_err().contains("activations for each image"), "{}", built(large).unwrap_err());
    let many = "[[stage]]\nchannels = 1\nblocks = 256\nnodes = 16\noperations = [\"conv1\", \"conv3\", \"identity\"]\n";
    assert!(built(many).unwrap_err().contains("20000 nodes"), "{}", built(many).unwrap_err());
}

#[test]
fn presets_take_a_space_and_keep_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("spaces")).unwrap();
    fs::copy("presets/spaces/chain.toml", folder.path().join("spaces/mine.toml")).unwrap();
    let preset = folder.path().join("preset.toml");
    fs::write(&preset, "[space]\nfamily = \"file\"\nfile = \"spaces/mine.toml\"\n").unwrap();
    let loaded = Preset::load(preset.to_str().unwrap(), None, &[]).unwrap();
    let run = tempfile::tempdir().unwrap();
    for (name, text) in loaded.files() {
        fs::write(run.path().join(name), text).unwrap();
    }
    fs::remove_dir_all(folder.path().join("spaces")).unwrap();
    let again = Preset::load(run.path().join("config.toml").to_str().unwrap(), None, &[]).unwrap();
    let network = |space: &Space| if let Space::File(space) = space { space.network.clone() } else { panic!("another family") };
    assert_eq!(network(&again.preset.space), network(&loaded.preset.space));
    let message = Preset::load(preset.to_str().unwrap(), None, &[]).unwrap_err().to_string();
    assert!(message.contains("spaces/mine.toml: this space cannot be read ("), "{message}");
    let message = Preset::load("digits", None, &["space.family=file".into()]).unwrap_err().to_string();
    assert_eq!(
        message,
        "default: `space.file` does not fit: it names no file; name that of the space, such as \"my-space.toml\", or take another `space.family`"
    );
}

fn is_written(path: &str, text: &str) {
    if updates() {
        fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    assert!(fs::read_to_string(path).unwrap_or_default() == text, "{path} differs from the table of keys; UPDATE_EXPECTED=1 rewrites it");
}

#[test]
fn schemas_and_reference_are_made_from_the_tables() {
    is_written("docs/schema/space.schema.json", &space_schema());
    is_written("docs/schema/preset.schema.json", &preset_schema());
    let path = "docs/spaces.md";
    let document = fs::read_to_string(path).unwrap();
    let (before, rest) = document.split_once("<!-- keys -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of keys -->\n").unwrap();
    is_written(path, &format!("{before}<!-- keys -->\n{}\n<!-- end of keys -->\n{after}", space_reference()));
    for example in ["chain", "cells"] {
        let text = fs::read_to_string(format!("presets/spaces/{example}.toml")).unwrap();
        let shown: String = text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect();
        assert!(document.contains(&shown), "{path} does not show presets/spaces/{example}.toml as it is:\n{shown}");
    }
}

/// The largest difference between masked and sliced logits, as a share of the largest logit (at least 1).
fn difference(graph: &Graph, mask: &HardMask, seed: u64) -> f32 {
    let (parameters, (mean, variance)) = (trained(graph, seed), statistics(graph, seed + 1));
    let numbers = Numbers { parameters: &parameters, statistics: Some((&mean, &variance)), epsilon: EPSILON };
    let shape = graph.input_shape();
    let input = images(noise(seed + 3, 2 * shape.elements()), [2, shape.channels, shape.height, shape.width], &Device::default());
    let masked = forward(graph, &numbers, Some(mask), input.clone());
    let slice = graph.slice(mask.bits()).unwrap();
    let values = slice.values(graph, &numbers);
    let sliced_numbers = Numbers { parameters: &values.parameters, statistics: Some((&values.mean, &values.variance)), epsilon: EPSILON };
    let sliced = forward(&slice.graph, &sliced_numbers, None, input);
    assert!(masked.iter().all(|logit| logit.is_finite()));
    let scale = masked.iter().fold(1.0f32, |scale, logit| scale.max(logit.abs()));
    masked.iter().zip(&sliced).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max) / scale
}

#[test]
fn examples_are_sliced_exactly() {
    for name in ["cells", "chain", "deep"] {
        let text = fs::read_to_string(format!("presets/spaces/{name}.toml")).unwrap();
        let graph = built(&format!("image = [3, 8, 8]\n{text}")).unwrap();
        for (case, keep) in (0..).zip([1.0, 0.7, 0.3, 0.0]) {
            let difference = difference(&graph, &mask(&graph, 7 + case, keep), case);
            assert!(difference < 1e-4, "{name}, keep {keep}: {difference}");
        }
    }
}

/// Random files: stages of cells in each of their ways.
fn space_text() -> impl Strategy<Value = String> {
    let weighted = || {
        proptest::sample::subsequence(
            vec!["conv1", "conv3", "conv5", "sep3", "sep5", "dil3", "dil5", "conv3d2", "mb3", "mb6", "identity"],
            1..3,
        )
    };
    let list = |words: Vec<&str>| format!("[{}]", words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", "));
    let edges = proptest::collection::vec((0usize..3, weighted(), any::<bool>()), 1..4).prop_map(move |edges| {
        // Edge i reads an earlier node and leads to node i; all nodes make the output.
        let mut lines = String::new();
        let mut names = Vec::new();
        for (number, (from, operations, masked)) in edges.iter().enumerate() {
            let from = if *from == 0 || number == 0 { "in".to_owned() } else { format!("n{}", (from - 1) % number) };
            writeln!(lines, "\"{from} -> n{number}\" = {{ operations = {}, masked = {masked} }}", list(operations.clone())).unwrap();
            names.push(format!("\"n{number}\""));
        }
        format!("output = [{}]\n[stage.edges]\n{lines}", names.join(", "))
    });
    let branches = proptest::collection::vec(proptest::collection::vec(weighted(), 1..3), 1..3).prop_map(move |branches| {
        let layers =
            |layers: &Vec<Vec<&str>>| format!("[{}]", layers.iter().map(|words| list(words.clone())).collect::<Vec<_>>().join(", "));
        format!("branches = [{}]\n", branches.iter().map(layers).collect::<Vec<_>>().join(", "))
    });
    let nodes = (1usize..4, weighted()).prop_map(move |(nodes, words)| format!("nodes = {nodes}\noperations = {}\n", list(words)));
    let body = prop_oneof![edges, branches, nodes];
    let reduce = proptest::sample::select(vec!["conv3", "block", "sep3", "mb3", "identity"]);
    let join = proptest::sample::select(vec!["sum", "concat"]);
    let stage = (1usize..6, 1usize..3, 1usize..3, reduce, join, any::<bool>(), any::<bool>(), body).prop_map(
        |(channels, stride, blocks, reduce, join, entry, shortcut, body)| {
            let entry = if entry { "entry = \"conv1\"\n" } else { "" };
            format!(
                "[[stage]]\nchannels = {channels}\nstride = {stride}\nblocks = {blocks}\nreduce = \"{reduce}\"\njoin = \"{join}\"\n\
                 shortcut = {shortcut}\n{entry}{body}"
            )
        },
    );
    let stages = proptest::collection::vec(stage, 1..4);
    (1usize..4, 1usize..9, 1usize..9, any::<bool>(), any::<bool>(), stages).prop_map(|(planes, rows, columns, masked, pool, stages)| {
        format!(
            "image = [{planes}, {rows}, {columns}]\nclasses = 3\nstem = {{ channels = 4, masked = true, pool = {pool} }}\n\
             head = {{ channels = 5, masked = {masked} }}\n{}",
            stages.concat()
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn random_spaces_build_slice_and_run(text in space_text(), seed in 0u64..1000, keep in 0.0f32..=1.0) {
        let graph = built(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let difference = difference(&graph, &mask(&graph, seed, keep), seed);
        prop_assert!(difference < 1e-4, "{difference}\n{text}");
    }
}

/// Words that a mutation may put anywhere.
const WORDS: [&str; 30] = [
    "[[stage]]\n",
    "[stage.edges]\n",
    "[cell.x]\n",
    "[stem]\n",
    "channels = ",
    "0",
    "-1",
    "99999999999999999999",
    "8192",
    "1e400",
    "nan",
    "\"in -> a\" = ",
    "\"a -> in\"",
    "\"a -> a\"",
    "[",
    "]",
    "{",
    "}",
    "\"\"",
    "\"conv3\"",
    "branches = ",
    "nodes = 16\n",
    "blocks = 256\n",
    "image = [4096, 4096, 4096]\n",
    "\n",
    "'''",
    "\u{0}",
    "é",
    "#",
    "cell = \"x\"\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn mutated_files_are_built_or_refused_in_one_line(
        which in 0usize..4,
        cuts in proptest::collection::vec((0usize..2000, 0usize..40, proptest::option::of(0usize..WORDS.len())), 1..5),
    ) {
        let name = ["branches", "cells", "chain", "deep"][which];
        let mut text = fs::read_to_string(format!("presets/spaces/{name}.toml")).unwrap();
        for (at, length, word) in cuts {
            let characters: Vec<char> = text.chars().collect();
            let at = at % (characters.len() + 1);
            let end = (at + length).min(characters.len());
            let word = word.map_or("", |word| WORDS[word]);
            text = characters[..at].iter().collect::<String>() + word + &characters[end..].iter().collect::<String>();
        }
        match built(&text) {
            // Counting must not overflow either.
            Ok(graph) => prop_assert!(graph.cost().macs.is_finite() && graph.training_activation_bytes(65_536) > 0),
            Err(message) => prop_assert!(message.starts_with("space.toml:") && !message.contains('\n'), "{message}"),
        }
    }

    #[test]
    fn any_text_is_refused_in_one_line(text in "(?s).{0,80}") {
        let message = built(&text).unwrap_err();
        prop_assert!(message.starts_with("space.toml:") && !message.contains('\n'), "{message}");
    }
}

/// Small spaces of different kinds: a chain, cells with edges, branches with stride and shortcut, something deep.
const SMALL: [(&str, &str); 4] = [
    (
        "chain",
        "operations = [\"conv3\", \"sep3\", \"maxpool\", \"identity\"]\n[[stage]]\nchannels = 4\nblocks = 2\n[[stage]]\nchannels = 6\n",
    ),
    (
        "cells",
        "[cell.x]\nentry = \"conv1\"\noperations = [\"conv3\", \"avgpool\"]\nedges = [\"in -> a -> b\", \"in -> b\"]\noutput = [\"a\", \"b\"]\n\
         join = \"concat\"\n[[stage]]\nchannels = 4\ncell = \"x\"\n[[stage]]\nchannels = 6\ncell = \"x\"\nreduce = \"x\"\n",
    ),
    (
        "branches",
        "stem = { channels = 4, masked = true }\n[[stage]]\nchannels = 6\nstride = 2\nreduce = \"block\"\nblocks = 2\n\
         branches = [[\"conv3\", [\"conv1\", \"conv3d2\"]], [\"dil3\"]]\n[head]\nbatch_norm = false\nmasked = true\n",
    ),
    (
        "deep",
        "operations = [\"mb3\", \"conv3\"]\n[[stage]]\nchannels = 4\nstride = 2\nshortcut = true\nblocks = 12\n[head]\nchannels = 8\n",
    ),
];

/// The program in a folder of its own; its standard output.
fn pgnas(folder: &Path, line: &str) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pgnas"));
    command
        .args(line.split_whitespace())
        .current_dir(folder)
        .env("HOME", folder)
        .env("XDG_DATA_HOME", folder)
        .env("XDG_CONFIG_HOME", folder);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_space_goes_from_its_file_to_an_export() {
    for (name, text) in SMALL {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(format!("{name}.toml"));
        fs::write(&file, text).unwrap();
        let checked: serde_json::Value =
            serde_json::from_str(&pgnas(folder.path(), &format!("space check {name}.toml --preset digits --json"))).unwrap();
        assert!(pgnas(folder.path(), &format!("space check {name}.toml")).contains("for images of 3×32×32 and 10 classes"));
        assert!(pgnas(folder.path(), &format!("space draw {name}.toml --out drawn")).contains("stage1"));
        assert!(folder.path().join(format!("drawn/{name}.svg")).exists() && folder.path().join(format!("drawn/{name}.dot")).exists());
        let settings = "--set data.select=1600 --set data.test=100 --set train.batch=32 --set train.epochs=1 --set rank.posterior=2 --set rank.random=1 --set rank.uniform=0 --set rank.constant=0 --set rank.recalibration_images=32";
        pgnas(folder.path(), &format!("search --space {name}.toml --headless --run-dir run {settings}"));
        fs::remove_file(&file).unwrap();
        let report: serde_json::Value = serde_json::from_str(&pgnas(folder.path(), "report run --json")).unwrap();
        assert_eq!(report["network"]["parameters"], checked["parameters"], "{name}: {report}");
        pgnas(folder.path(), "export run winner --out elsewhere");
        fs::remove_dir_all(folder.path().join("run")).unwrap();
        let evaluated: serde_json::Value = serde_json::from_str(&pgnas(folder.path(), "evaluate elsewhere --json")).unwrap();
        assert_eq!(evaluated["same"], true, "{name}: {evaluated}");
    }
}

#[test]
fn a_wrong_space_stops_a_search_before_anything_is_there() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("wide.toml"), "operations = \"conv3\"\n[[stage]]\nchannels = 8192\nnodes = 16\nblocks = 9\n").unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pgnas"));
    let output =
        command.args(["search", "digits", "--space", "wide.toml", "--headless", "--run-dir", "run"]).current_dir(folder.path()).output();
    let output = output.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.starts_with("error: wide.toml:2: ") && told.contains("more than 1000000000 parameters"), "{told}");
    assert!(!folder.path().join("run").exists());
}
