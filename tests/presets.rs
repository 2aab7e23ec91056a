//! Presets as a user writes them: the embedded ones, a corpus of sound and unsound files, layers, and the reference.

use pgnas::cli::prepare;
use pgnas::graph::families::Stem;
use pgnas::preset::{CellSpace, EMBEDDED, KEYS, Loaded, Origin, Preset, PresetError, Schedule, Space, reference};
use std::fs;
use std::path::{Path, PathBuf};

/// Everything that is checked before a search starts.
fn check(name: &str, user: Option<&Path>, set: &[&str]) -> Result<Loaded, PresetError> {
    let set: Vec<String> = set.iter().map(|&text| text.to_owned()).collect();
    let loaded = Preset::load(name, user, &set)?;
    prepare::graph(&loaded)?;
    // Sets that are read from files need not be there.
    if loaded.effective.get("data.path").is_none() {
        prepare::splits(&loaded)?;
    }
    Ok(loaded)
}

fn corpus(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new("tests/presets").join(folder)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths
}

/// A folder of presets with one file.
fn user_folder(name: &str, text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), text).unwrap();
    folder
}

/// The share of what is undecided begins at all or nothing, and moves as the posterior does.
#[test]
fn no_preset_begins_on_the_limit_of_what_is_undecided() {
    for (name, _) in EMBEDDED {
        let begin = Preset::load(name, None, &[]).unwrap().preset.posterior.initial_drop;
        let undecided = |p: f64| pgnas::posterior::DropProbability::new(p).unwrap().undecided();
        assert!([0.8, 1.2].iter().all(|factor| undecided(factor * begin) == undecided(begin)), "{name}: {begin}");
    }
}

#[test]
fn every_unsound_file_has_its_message() {
    let paths = corpus("invalid");
    assert!(paths.len() >= 30);
    let mut differing = Vec::new();
    for path in paths {
        let name = path.to_str().unwrap();
        let message = check(name, None, &[]).expect_err(name).to_string();
        assert!(!message.contains('\n') && message.starts_with(name), "{name}: {message}");
        let message = message.replace("tests/presets/invalid/", "");
        let expected = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        if message != expected.trim_end() {
            differing.push(message.clone());
            if std::env::var_os("UPDATE_EXPECTED").is_some() {
                fs::write(path.with_extension("txt"), format!("{message}\n")).unwrap();
            }
        }
    }
    assert!(differing.is_empty(), "messages differ from the .txt files beside; UPDATE_EXPECTED=1 rewrites them:\n{}", differing.join("\n"));
}

#[test]
fn every_sound_file_loads_and_its_effective_form_loads_to_the_same() {
    let embedded = Preset::names(None).into_iter();
    let files = corpus("valid").into_iter().map(|path| path.to_str().unwrap().to_owned());
    for name in embedded.into_iter().chain(files) {
        let loaded = check(&name, None, &[]).unwrap();
        let folder = user_folder("config.toml", &loaded.effective.to_toml());
        let again = check(folder.path().join("config.toml").to_str().unwrap(), None, &[]).unwrap();
        assert_eq!(again.preset, loaded.preset, "{name}");
    }
}

#[test]
fn values_reach_the_recipe() {
    let preset = check("tests/presets/valid/branches.toml", None, &[]).unwrap().preset;
    assert_eq!((preset.name.as_str(), preset.data.set.as_str(), preset.data.flip), ("shake", "fashion", true));
    assert_eq!(
        preset.space,
        Space::Branches { stem: 16, stem_stride: 2, stages: vec![16, 32, 64], blocks: 2, branches: 2, mask_ends: true }
    );
    assert_eq!(preset.train.schedule, Schedule::Step { epochs: vec![5, 8], factor: 0.2 });
    let restarts = check("tests/presets/valid/restarts.toml", None, &[]).unwrap().preset;
    assert_eq!(restarts.train.schedule, Schedule::Restarts { end: 1e-4, period: 5, factor: 1 });
    assert_eq!((restarts.train.learning_rate, restarts.name.as_str()), (1.0, "restarts"));
}

#[test]
fn every_family_is_built_from_its_keys() {
    let cells = CellSpace { stem_stride: 1, channels: 4, cells: 1 };
    let stem = Stem { channels: 8, kernel: 3, stride: 1, pool: false };
    for (set, space) in [
        ("nasbench201 space.channels=4 space.cells=1", Space::NasBench201(cells)),
        ("enas space.channels=4 space.cells=1", Space::Enas { cells, auxiliary: true }),
        ("darts space.channels=4 space.cells=1", Space::Darts(cells)),
        (
            "densenet space.stem=8 space.growth=6 space.bottleneck=2 space.layers=1,3",
            Space::DenseNet { stem, growth: 6, bottleneck: 2, layers: vec![1, 3] },
        ),
        (
            "resnet space.stem=8 space.stem_kernel=5 space.stem_pool=true space.layers=1,2",
            Space::ResNet { stem: Stem { kernel: 5, pool: true, ..stem }, layers: vec![1, 2], inflated: true },
        ),
        (
            "resnet space.stem=8 space.layers=2 space.inflated=false posterior.exempt=stage1.block1 posterior.ties=layer",
            Space::ResNet { stem, layers: vec![2], inflated: false },
        ),
        (
            "chain space.stem=8 space.stages=4,8 space.layers=2,1 space.head=16",
            Space::Chain { stem: 8, stem_stride: 1, stages: vec![4, 8], layers: vec![2, 1], head: 16 },
        ),
    ] {
        let set: Vec<String> = format!("space.family={set} space.stem_stride=1").split(' ').map(str::to_owned).collect();
        let loaded = check("fashion", None, &set.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        assert_eq!(loaded.preset.space, space);
    }
    let message = check("fashion", None, &["space.family=resnet", "space.stem=6"]).unwrap_err().to_string();
    assert!(message.starts_with("--set space.family=\"resnet\": `space` does not fit: node `stage1.block1.conv2`"), "{message}");
}

#[test]
fn the_presets_of_imagenet_have_the_published_counts() {
    for (name, expected) in [
        ("supnet-r50", [16 * 4, 64, 4 * (3 * 64 + 4 * 128 + 6 * 256 + 3 * 512), 13_832_192, 28_071_976]),
        ("supnet-d121", [119, 638, 40_736, 6_860_800, 7_978_856]),
        ("supnet-d121:authors", [119, 638, 40_736, 6_860_800, 7_978_856]),
        ("supnet-d169", [167, 1_290, 77_472, 12_316_672, 14_149_480]),
    ] {
        let loaded = check(name, None, &[]).unwrap();
        let graph = prepare::graph(&loaded).unwrap();
        let convolutions = graph.nodes().iter().filter(|node| !node.groups.is_empty()).count();
        let parameters = graph.cost().parameters as usize;
        let counts = [convolutions, graph.groups().len(), graph.masked_channels(), graph.masked_weights(), parameters];
        assert_eq!(counts, expected, "{name}");
        assert_eq!((loaded.preset.data.size, loaded.preset.data.set.as_str()), (224, "imagenet"));
    }
    let drops = |name: &str| check(name, None, &[]).unwrap().preset.train.schedule;
    assert_eq!(drops("supnet-d121"), Schedule::Step { epochs: vec![90, 140, 160], factor: 0.1 });
    assert_eq!(drops("supnet-d121:authors"), Schedule::Step { epochs: vec![90, 150], factor: 0.1 });
}

#[test]
fn the_embedded_presets_document_every_key_that_applies_in_place() {
    for (name, text) in EMBEDDED {
        let effective = check(name, None, &[]).unwrap().effective;
        for key in KEYS.iter().filter(|key| effective.get(key.path).is_some()) {
            let line = text.lines().position(|line| line.trim_start_matches("# ").starts_with(&format!("{} = ", key.name())));
            let line = line.unwrap_or_else(|| panic!("{name} does not show `{}`", key.path));
            let comment = text.lines().nth(line - 1).unwrap();
            assert!(comment.starts_with("# ") && comment.len() > 10, "{name} does not document `{}`: {comment}", key.path);
        }
    }
}

#[test]
fn the_reference_is_made_from_the_table() {
    let path = "docs/presets.md";
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(path, reference()).unwrap();
    }
    assert!(fs::read_to_string(path).unwrap() == reference(), "{path} differs from the table of keys; UPDATE_EXPECTED=1 rewrites it");
}

#[test]
fn a_file_of_the_user_is_laid_over_the_preset_of_its_name() {
    let folder = user_folder("digits.toml", "[train]\nepochs = 3\n");
    let loaded = check("digits", Some(folder.path()), &["train.batch=32"]).unwrap();
    assert_eq!((loaded.preset.name.as_str(), loaded.preset.train.epochs, loaded.preset.train.batch), ("digits", 3, 32));
    let origin = |key| loaded.effective.get(key).unwrap().origin.clone();
    assert_eq!(origin("train.epochs"), Origin::File(folder.path().join("digits.toml")));
    assert_eq!(origin("train.batch"), Origin::Set);
    assert_eq!(origin("train.momentum"), Origin::Preset("digits".into()));
    let text = loaded.effective.to_toml();
    assert!(text.contains("# preset digits") && text.contains("batch = 32") && text.contains("# --set"), "{text}");

    let folder = user_folder("mine.toml", "");
    let loaded = check("mine", Some(folder.path()), &[]).unwrap();
    assert_eq!((loaded.preset.name.as_str(), loaded.effective.get("train.epochs").unwrap().origin.clone()), ("mine", Origin::Default));
    let names = Preset::names(Some(folder.path()));
    assert_eq!((names[0].as_str(), names.len(), names.last().unwrap().as_str()), ("digits", Preset::names(None).len() + 1, "mine"));
    assert!(
        EMBEDDED.iter().all(|(name, _)| names.iter().any(|known| known == name)) && names.iter().any(|name| name == "supnet-e:authors")
    );
}

#[test]
fn a_variant_is_laid_over_the_file_that_has_it() {
    let text = "[train]\nepochs = 3\nbatch = 8\n[variant.small]\ntrain.epochs = 2\nspace.stages = [8]\n[variant.other]\n";
    let folder = user_folder("mine.toml", text);
    let path = folder.path().join("mine.toml");
    for name in ["mine:small", &format!("{}:small", path.to_str().unwrap())] {
        let loaded = check(name, Some(folder.path()), &["train.batch=16"]).unwrap();
        assert_eq!((loaded.preset.name.as_str(), loaded.preset.train.epochs, loaded.preset.train.batch), ("mine-small", 2, 16));
        let origin = loaded.effective.get("train.epochs").unwrap().origin.clone();
        assert_eq!(origin, Origin::Variant("small".into(), Box::new(Origin::File(path.clone()))));
        assert!(loaded.effective.to_toml().contains("mine.toml, variant small\n"));
    }
    assert_eq!(check("mine", Some(folder.path()), &[]).unwrap().preset.train.epochs, 3);
    let message = |name: &str| check(name, Some(folder.path()), &[]).unwrap_err().to_string();
    assert_eq!(message("mine:smal"), "preset `mine` has no variant `smal`; did you mean `small`?");
    assert_eq!(message("mine:x"), "preset `mine` has no variant `x`; it has other, small");
    assert_eq!(message("digits:x"), "preset `digits` has no variant `x`; it has none");
    let wrong = |text: &str| {
        let folder = user_folder("wrong.toml", text);
        check("wrong", Some(folder.path()), &[]).unwrap_err().to_string()
    };
    assert!(wrong("[variant.a]\ntrain.epoch = 1\n").ends_with("wrong.toml:2: there is no key `train.epoch`; did you mean `train.epochs`?"));
    assert!(wrong("variant = 3\n").contains("wrong.toml:1: `variant` is 3 (a whole number); it must be a section for each variant"));
    assert!(wrong("[variant]\na = 3\n").contains("wrong.toml:2: `variant.a` is 3 (a whole number)"));
}

#[test]
fn another_family_on_the_command_line_needs_no_cleaning_up() {
    let loaded = check("digits", None, &["space.family=branches", "space.branches=3"]).unwrap();
    assert!(matches!(loaded.preset.space, Space::Branches { branches: 3, .. }));
    assert!(loaded.effective.get("space.nodes").is_none());
    let message = check("digits", None, &["space.branches=3"]).unwrap_err().to_string();
    assert_eq!(
        message,
        "--set space.branches=3: `space.branches` does not apply where `space.family` is \"edges\"; \
         remove it, or set `space.family` to \"branches\""
    );
}

#[test]
fn wrong_names_and_settings_say_what_to_do() {
    let folder = user_folder("mine.toml", "");
    for (name, set, expected) in [
        ("digit", "train.epochs=1", "there is no preset `digit`; did you mean `digits`?"),
        ("min", "train.epochs=1", "there is no preset `min`; did you mean `mine`?"),
        ("digits", "epochs=3", "--set: there is no key `epochs`; did you mean `train.epochs`?"),
        ("digits", "train.epoch=3", "--set: there is no key `train.epoch`; did you mean `train.epochs`?"),
        ("digits", "train.epochs", "--set train.epochs: this is no setting; write key=value, such as --set train.epochs=10"),
        (
            "digits",
            "train.epochs=many",
            "--set: `train.epochs` is \"many\" (a text); it must be a whole number from 1 to 100000, such as 30",
        ),
        (
            "digits",
            "data.set=digit",
            "--set data.set=\"digit\": `data.set` does not fit: there is no image set `digit`; known sets: digits, fashion, cifar10, cifar100, mnist, fashion-mnist, imagenet, tiny-imagenet, folder; did you mean `digits`?",
        ),
        (
            "digits",
            "train.batch=2000",
            "--set train.batch=2000: `train.batch` does not fit: a batch of 2000 images cannot be drawn from 1100 training images; \
             choose a batch size from 1 to 1100",
        ),
    ] {
        assert_eq!(check(name, Some(folder.path()), &[set]).unwrap_err().to_string(), expected);
    }
    let message = check("imagenet", Some(folder.path()), &[]).unwrap_err().to_string();
    assert!(message.starts_with("there is no preset `imagenet`; there are digits, fashion, nasbench201, "), "{message}");
    assert!(message.ends_with(", mine, and any path that ends in .toml"), "{message}");
    let message = check("nowhere/x.toml", None, &[]).unwrap_err().to_string();
    assert!(message.starts_with("nowhere/x.toml: cannot be read (") && !message.contains('\n'), "{message}");
}

/// The texts of a source file, without its tests and comments.
fn texts(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code: String = source.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect();
    let (mut texts, mut open) = (Vec::new(), None::<String>);
    let mut characters = code.chars().peekable();
    while let Some(character) = characters.next() {
        match (&mut open, character) {
            // Of a text an escape, of the rest a character in quotes, such as this one's end.
            (Some(_), '\\') => drop(characters.next()),
            (Some(text), '"') => {
                texts.push(std::mem::take(text));
                open = None;
            }
            (Some(text), other) => text.push(other),
            (None, '\'') if matches!(characters.peek(), Some('"' | '\\')) => drop((characters.next(), characters.next())),
            (None, '"') => open = Some(String::new()),
            (None, _) => {}
        }
    }
    texts
}

#[test]
fn every_key_that_a_text_of_the_program_names_exists() {
    let sections: Vec<&str> = KEYS.iter().map(pgnas::preset::Key::section).filter(|section| !section.is_empty()).collect();
    let (mut pending, mut named) = (vec![PathBuf::from("src")], std::collections::BTreeSet::new());
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        let is_test = path.file_stem().is_some_and(|name| name.to_string_lossy().ends_with("tests"));
        if !is_source || is_test || path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        for text in texts(&fs::read_to_string(&path).unwrap()) {
            for word in text.split(|character: char| !character.is_ascii_alphanumeric() && !"._".contains(character)) {
                let word = word.trim_end_matches('.');
                if let Some((section, key)) = word.split_once('.')
                    && sections.contains(&section)
                    // `space.toml` is a file, and `train.*` all of a section.
                    && !matches!(key, "" | "toml")
                {
                    named.insert((word.to_owned(), path.clone()));
                }
            }
        }
    }
    let unknown: Vec<_> = named.iter().filter(|(word, _)| KEYS.iter().all(|key| key.path != *word)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    // Those of the alerts among them.
    for (file, keys) in [("run/watch.rs", 7), ("engine/search/epoch.rs", 2), ("engine/search/candidates.rs", 1)] {
        assert_eq!(named.iter().filter(|(_, place)| place.ends_with(file)).count(), keys, "{file}");
    }
}
