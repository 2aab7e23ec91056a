//! The program as a user meets it: facts as JSON, every wrong input in one line, exit codes, quiet ends.

mod user;

use pgnas::preset::{EMBEDDED, Preset};
use serde_json::Value;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use user::{User, text};

impl User {
    /// A small search, as headless tests need one.
    fn searched(&self) -> PathBuf {
        self.searched_and_said().0
    }

    /// The same, with what it said at its end.
    fn searched_and_said(&self) -> (PathBuf, String) {
        let run = self.path("data/pgnas/runs/small");
        let output = self.run(&format!("search digits --headless --run-dir {} {SMALL}", run.display()));
        assert!(output.status.success(), "{}", text(&output.stderr));
        (run, text(&output.stdout))
    }
}

/// Settings of a search that takes a second.
const SMALL: &str = "--set data.select=1600 --set data.test=100 --set train.epochs=1 --set train.batch=32 --set space.stages=4,8 \
                     --set rank.posterior=3 --set rank.random=2 --set rank.uniform=1 --set rank.constant=1 --set rank.recalibration_images=32";

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn presets_are_facts() {
    let user = User::new();
    let presets = user.json("presets --json");
    let names: Vec<&str> = presets.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, Preset::names(None));
    let table = user.output("presets");
    assert!(table.lines().all(|line| line.chars().count() <= 100) && table.contains("\n    UCI handwritten digits, 8x8"), "{table}");
    let digits = &presets[0];
    for key in ["name", "summary", "set", "epochs", "parameters", "groups", "masked_channels", "masked_weights", "macs"] {
        assert!(!digits[key].is_null(), "{key}");
    }
    assert_eq!(user.json("presets digits --json"), Value::Array(vec![digits.clone()]));
    let changed = user.json("presets digits --json --set space.stages=4,8");
    assert!(changed[0]["parameters"].as_u64() < digits["parameters"].as_u64());
    let shown = user.output("presets digits --set train.epochs=7");
    assert!(shown.contains("epochs = 7") && shown.contains("# --set") && shown.contains("# preset digits"), "{shown}");
}

/// One epoch on few images: every operation of every small network trains and is ranked.
#[test]
fn every_mini_preset_runs() {
    let user = User::new();
    let minis: Vec<&str> = EMBEDDED.iter().map(|(name, _)| *name).filter(|name| name.ends_with("-mini")).collect();
    assert!(minis.len() >= 2);
    for name in minis {
        // Where one operation is chosen on each edge there is no constant rate.
        let constant = if name.starts_with("nasbench201") { "" } else { " --set rank.constant=2" };
        let line = format!(
            "search {name} --headless --run-dir {name} --set train.epochs=1 --set rank.posterior=4 --set rank.random=4 --set rank.uniform=4{constant} \
             --set data.set=fashion --set data.train=0 --set data.select=200 --set data.test=1700 --set rank.recalibration_images=32 --set rank.test=false"
        );
        let output = user.run(&line);
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        let report = user.json(&format!("report {name} --json"));
        assert_eq!((report["outcome"].as_str(), report["posterior"]["count"].as_u64()), (Some("completed"), Some(4)), "{name}");
    }
}

#[test]
fn what_presets_shows_is_a_preset() {
    let user = User::new();
    let shown = user.output("presets fashion");
    let (_, preset) = shown.split_once("\n\n").unwrap();
    fs::write(user.path("copy.toml"), preset).unwrap();
    assert_eq!(user.json("presets ./copy.toml --json"), user.json("presets fashion --json"));
}

#[test]
fn a_wrong_preset_of_the_user_does_not_hide_the_others() {
    let user = User::new();
    fs::create_dir_all(user.path("config/pgnas/presets")).unwrap();
    fs::write(user.path("config/pgnas/presets/mine.toml"), "[train]\nepochs = 4\n").unwrap();
    fs::write(user.path("config/pgnas/presets/wrong.toml"), "[train]\nepoch = 4\n").unwrap();
    let output = user.run("presets --json");
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (count, mine) = (rows.as_array().unwrap().len(), rows.as_array().unwrap().last().unwrap());
    assert_eq!((count, mine["name"].as_str(), mine["epochs"].as_u64()), (Preset::names(None).len() + 1, Some("mine"), Some(4)));
    assert!(text(&output.stderr).contains("wrong.toml:2: there is no key `train.epoch`"));
    assert!(user.mistake("presets wrong").contains("did you mean `train.epochs`?"));
    assert_eq!(user.mistake("search min --headless"), "there is no preset `min`; did you mean `mine`?");
}

#[test]
fn the_doctor_tells_facts() {
    let user = User::new();
    let facts = user.json("doctor --json");
    let cpu = facts["devices"].as_array().unwrap().iter().find(|device| device["name"] == "cpu").unwrap();
    assert_eq!(cpu["available"], true);
    assert_eq!((&facts["terminal"]["usable"], &facts["terminal"]["columns"]), (&Value::Bool(false), &Value::Null));
    let runs = facts["folders"].as_array().unwrap().iter().find(|folder| folder["purpose"] == "runs").unwrap();
    assert_eq!(Path::new(runs["path"].as_str().unwrap()), user.path("data/pgnas/runs"));
    assert_eq!((&runs["exists"], &runs["writable"]), (&Value::Bool(false), &Value::Bool(true)));
    assert!(!user.path("data").exists(), "looking makes nothing");
    fs::write(user.path("data"), "a file where a folder should be").unwrap();
    let facts = user.json("doctor --json");
    assert_eq!(facts["folders"][1]["writable"], false);
    assert!(user.output("doctor").contains("devices\n  ok  cpu"));
}

#[test]
fn the_doctor_checks_a_device() {
    let user = User::new();
    let report = user.json("doctor --full --device cpu --preset digits --only operations,steps,repeat,speed --json");
    assert_eq!((&report["format"], &report["passed"]), (&"pgnas-checks".into(), &true.into()));
    let rows = report["rows"].as_array().unwrap();
    let of = |check: &str| rows.iter().filter(|row| row["check"] == check).collect::<Vec<_>>();
    assert!(of("operation").len() > 60 && of("operation").iter().all(|row| row["verdict"] == "passed"));
    for (check, subjects) in [("step", &["digits", "digits in bf16"][..]), ("repeat", &["digits"])] {
        assert_eq!(of(check).iter().map(|row| row["subject"].as_str().unwrap()).collect::<Vec<_>>(), subjects, "{check}");
    }
    let [digits, tf32, bf16] = of("speed")[..] else { panic!("{rows:?}") };
    assert!(digits["verdict"] == "told" && digits["quantities"][0]["value"].as_f64().unwrap() > 0.0, "{digits}");
    for (row, reason) in [(tf32, "not supported here: "), (bf16, "not on the CPU: ")] {
        assert!(row["verdict"] == "left_out" && row["note"].as_str().unwrap().starts_with(reason), "{row}");
    }
    let told = user.output("doctor --full --device cpu --preset digits --only repeat");
    assert!(told.contains("\nthe same steps twice\n  ok      digits  difference 0  the same bits after 3 steps\n"), "{told}");
}

#[test]
fn mistakes_are_one_line_with_a_remedy() {
    let user = User::new();
    fs::write(user.path("wrong.toml"), "[space]\nfamily = \"branches\"\nstages = [16, 33]\n").unwrap();
    fs::write(user.path("letter.txt"), "dear").unwrap();
    fs::write(user.path("wrong.json"), "dear").unwrap();
    fs::create_dir(user.path("full")).unwrap();
    fs::write(user.path("full/letter.txt"), "dear").unwrap();
    for (line, expected) in [
        ("search", "the following required arguments were not provided: <PRESET>; `--help` shows what can be given"),
        ("retrian digits", "unrecognized subcommand 'retrian'; tip: a similar subcommand exists: 'retrain'"),
        ("search digits --hedless", "unexpected argument '--hedless' found; tip: a similar argument exists: '--headless'"),
        ("search digits --seed=-1", "invalid value '-1' for '--seed <N>'"),
        ("search digit --headless", "there is no preset `digit`; did you mean `digits`?"),
        ("search nothing.toml --json", "nothing.toml: cannot be read ("),
        ("search digits --json --set epochs=1", "--set: there is no key `epochs`; did you mean `train.epochs`?"),
        ("search digits --json --set train.epochs", "--set train.epochs: this is no setting; write key=value"),
        (
            "search digits --json --set train.epochs=0",
            "--set: `train.epochs` is 0 (a whole number); it must be a whole number from 1 to 100000",
        ),
        (
            "search digits --json --set data.set=fashon",
            "--set data.set=\"fashon\": `data.set` does not fit: there is no image set `fashon`",
        ),
        ("search wrong.toml --json", "wrong.toml:3: `space` does not fit: node `stage2.block1.skip`: 33 channels"),
        (
            "search digits --json --set rank.constraint=parms<20k",
            "--set: `rank.constraint` is \"parms<20k\" (a text); it must be bounds on params, macs, kept or latency in quotes, with < or > and a \
             number (k, M, G, % or ms behind), joined by commas, such as \"params < 2M, kept > .3\"",
        ),
        (
            "search digits --json --set rank.constraint=params<10",
            "--set rank.constraint=\"params<10\": `rank.constraint` does not fit: params of the sub-networks lie between ",
        ),
        ("doctor --preset digits", "the following required arguments were not provided: --full"),
        ("doctor --full --preset digit", "there is no preset `digit`; did you mean `digits`?"),
        ("doctor --full --device gpu", "device `gpu` is not known; take auto, cpu, cuda, cuda:<index>, wgpu or remote:<id>@<host>:<port>"),
        ("doctor --full --only speeds", "invalid value 'speeds' for '--only <CHECK>'"),
        (
            "search digits --json --device gpu",
            "device `gpu` is not known; take auto, cpu, cuda, cuda:<index>, wgpu or remote:<id>@<host>:<port>",
        ),
        ("search digits --json --run-dir full", "full: this folder holds files that are no run; give an empty or a new folder"),
        ("search digits --json --run-dir letter.txt", "letter.txt: cannot be written ("),
        ("search digits --json --run-dir letter.txt/run", "letter.txt/run: cannot be written ("),
        ("report nothing", "there is no run `nothing`; give the folder of a run, or the name of one in "),
        ("report full", "full: this is no run (it has no events.jsonl)"),
        ("compare full", "full: this is no run (it has no events.jsonl)"),
        ("export full winner", "full: this is no run (it has no events.jsonl)"),
        ("presets --set train.epochs=1", "the following required arguments were not provided: <NAME>"),
        ("search digits --epochs 3", "unexpected argument '--epochs' found; did you mean `--set train.epochs=3`?"),
        (
            "search cifar10 --headless",
            "there is no preset `cifar10`; this is an image set: `pgnas search PRESET --data PATH` searches on it with one of `",
        ),
        (
            "search mnist --headless",
            "there is no preset `mnist`; this is an image set: `pgnas search PRESET --set data.set=mnist --data PATH`",
        ),
        ("search fashion --data /nope --json", "--data /nope: `data.path` does not apply where `data.set` is \"fashion\""),
        ("search supnet-m-mini --data /nope --json", "--data /nope: `data.path` does not fit: image set `cifar10` is not in /nope: "),
        ("search digits --headless --theme nope", "theme `nope` is not known; there are "),
        ("search nothing.toml", "nothing.toml: cannot be read ("),
        ("--theme nope ls", "the subcommand 'ls' cannot be used with '--theme <NAME>'"),
        ("report", "there are no runs yet; `pgnas search digits` makes one"),
        ("evaluate letter.txt", "letter.txt: this is no genotype; give the genotype.json of an export, or its folder"),
        ("evaluate wrong.json", "wrong.json: this is no genotype (expected"),
        ("data check letter.txt", "letter.txt: cannot be read (as a .tar.gz: "),
        ("stop", "no search is at work; `pgnas ls` lists the runs"),
    ] {
        let told = user.mistake(line);
        assert!(told.starts_with(expected), "{line}: {told}");
        assert!(!line.starts_with("data check") || told.ends_with("; mend it, or give another place"), "it has no --data: {told}");
    }
    assert_eq!(fs::read_dir(user.path("full")).unwrap().count(), 1);
    assert!(!user.path("data").exists(), "a mistake leaves no run behind");
}

#[test]
fn devices_that_are_not_there_say_what_is_missing() {
    let user = User::new();
    let devices = user.json("doctor --json")["devices"].clone();
    let missing = devices.as_array().unwrap().iter().filter(|device| device["available"] == false);
    for name in missing.map(|device| device["name"].as_str().unwrap()) {
        let told = user.mistake(&format!("search digits --headless --device {name}"));
        assert!(told.starts_with(&format!("device {name}")) && told.contains("cpu"), "{told}");
    }
}

#[test]
fn logs_that_cannot_be_read_say_why() {
    let user = User::new();
    for (name, log, expected) in [
        ("empty", "", "this is no log of a run"),
        ("other", "{\"some\": \"json\"}\n", "this is no log of a run"),
        ("newer", "{\"sequence\":0,\"seconds\":0.0,\"event\":\"started\",\"version\":99}\n", "this log has format 99"),
    ] {
        let run = user.path("data/pgnas/runs").join(name);
        fs::create_dir_all(&run).unwrap();
        fs::write(run.join("events.jsonl"), log).unwrap();
        for command in [format!("report {name}"), format!("report {name} --json"), format!("export {name} winner")] {
            let told = user.mistake(&command);
            assert!(told.contains("events.jsonl: ") && told.contains(expected), "{command}: {told}");
        }
    }
    assert_eq!(user.mistake("report newr"), "there is no run `newr`; did you mean `newer`?");
}

#[test]
fn help_and_version_are_no_errors_and_tell_the_exit_codes() {
    let user = User::new();
    assert!(user.output("--version").starts_with("pgnas "));
    for line in [
        "--help",
        "search --help",
        "report --help",
        "compare --help",
        "presets --help",
        "doctor --help",
        "export --help",
        "retrain --help",
        "final --help",
    ] {
        let help = user.output(line);
        assert!(help.contains("Exit codes:") && help.contains("3  stopped before the end"), "{line}: {help}");
    }
}

#[test]
fn without_a_terminal_and_a_command_it_says_what_to_do() {
    let output = User::new().run("");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("Usage: pgnas"));
    let told = text(&output.stderr);
    assert!(
        told.starts_with("error: standard input is no terminal, so there is no start screen;") && told.contains("--headless"),
        "{told}"
    );
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let user = User::new();
    for line in ["presets --json", "presets digits", "doctor", "--help"] {
        let mut command = user.command(line);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert_eq!((child.wait().unwrap().code(), told.as_str()), (Some(0), ""), "{line}");
    }
}

/// Candidates of the run `small` exported by their numbers, several at once, and one whose weights are gone.
fn exported_by_number(user: &User, run: &Path, report: &Value) {
    // 1 is the number of the whole network, whatever its rank: what was exported is told.
    let one = user.run("export small 1 --out one");
    let (whole, all) = (&report["whole"], 9);
    let rank = report["ranking"].as_array().unwrap().iter().position(|candidate| candidate["id"] == whole["id"]).unwrap() + 1;
    let share = 100.0 * whole["select_accuracy"].as_f64().unwrap();
    assert_eq!(whole["id"], 1);
    assert!(
        text(&one.stderr).starts_with(&format!("candidate 1 (whole), rank {rank} of {all}; read back: {share:.1} % on select (")),
        "{}",
        text(&one.stderr)
    );
    fs::remove_dir_all(user.path("one")).unwrap();
    let json = user.json("export small 1 --out one --format genotype --json");
    assert_eq!((&json["candidate"], &json["source"], &json["rank"]), (&1.into(), &"whole".into(), &rank.into()));
    assert_eq!(user.output("export small 1 --out one --format genotype,drawing").trim(), "one");
    assert_eq!(fs::read_dir(user.path("one")).unwrap().count(), 6);
    assert!(user.mistake("export small 1 --format pickle").starts_with("--format: `pickle` is no format; take one of genotype"));
    let two = user.json("export small --top 2 --json");
    assert_eq!(two.as_array().unwrap().len(), 2);
    // One of several that cannot be written leaves none of them.
    let second = user.path("many").join(two[1]["candidate"].to_string());
    fs::create_dir_all(&second).unwrap();
    fs::write(second.join("letter.txt"), "dear").unwrap();
    assert!(user.mistake("export small --top 2 --out many").contains("`letter.txt`, which is no part of an export"));
    assert_eq!(fs::read_dir(user.path("many")).unwrap().count(), 1);
    assert_eq!(fs::read_dir(second).unwrap().count(), 1);
    // Without its weights a candidate is still a genotype; who asks for weights hears that they are gone.
    let checkpoints = run.join("checkpoints");
    fs::rename(&checkpoints, run.join("gone")).unwrap();
    let without = user.json("export small winner --json");
    assert!(without["note"].as_str().unwrap().contains("cannot be read") && without["select_accuracy"].is_null(), "{without}");
    assert!(user.mistake("export small winner --format onnx").contains(".safetensors: cannot be read"));
    fs::rename(run.join("gone"), &checkpoints).unwrap();
}

#[test]
fn a_search_can_be_reported_and_exported() {
    let user = User::new();
    let (run, said) = user.searched_and_said();

    let report = user.json("report small --json");
    for key in ["wall_seconds", "peak_rss_bytes", "expected_drop_share", "test_reads"] {
        assert!(report[key].is_number(), "{key}: {}", report[key]);
    }
    for path in ["/winner/test_accuracy", "/whole/select_accuracy", "/posterior/select_mean", "/random/select_mean", "/difference/low"] {
        assert!(report.pointer(path).is_some_and(Value::is_number), "{path}");
    }
    assert_eq!((&report["outcome"], &report["test_reads"], &report["posterior"]["count"]), (&"completed".into(), &1.into(), &3.into()));
    assert_eq!(user.json(&format!("report {} --json", run.join("events.jsonl").display())), report);

    let markdown = user.output("report small");
    assert!(markdown.starts_with("# Search `small`") && markdown.contains("## What this shows, and what not"), "{markdown}");
    assert!(user.output("report small --out report.md").is_empty());
    assert_eq!(fs::read_to_string(user.path("report.md")).unwrap(), markdown);

    let comparison = user.json("compare small --json");
    assert_eq!((&comparison["format"], &comparison["posterior"]["count"]), (&"pgnas-comparison".into(), &3.into()));
    let baselines: Vec<&Value> = comparison["baselines"].as_array().unwrap().iter().map(|baseline| &baseline["source"]).collect();
    assert_eq!(baselines, ["random", "uniform", "constant"]);
    assert_eq!(report["comparison"]["baselines"], comparison["baselines"]);
    assert_eq!(user.output("compare"), user.output("compare small"), "the newest one, where none is named");
    assert_eq!(user.json("report --json"), report);
    let compared = user.output("compare small");
    // What the search said at its end is what it is compared by later, too.
    let random = &comparison["baselines"][0]["difference"];
    let points = |key: &str| format!("{:+.1}", 100.0 * random[key].as_f64().unwrap());
    let told = format!(
        "posterior − random: {} points (95 % interval over candidates and images {} to {})",
        points("estimate"),
        points("low"),
        points("high")
    );
    assert!(said.contains(&told), "{told}\n{said}");
    // A complete run is shown by whoever attaches to it; there is nothing of it to stop.
    assert!(user.output("attach small --plain").ends_with("\nended    completed\n"));
    assert!(user.mistake("stop small").starts_with("run `small` is complete, and nobody is at work on it; `pgnas attach small`"));
    assert!(compared.contains("posterior against constant") && compared.contains("the best of n samples"), "{compared}");
    assert!(user.mistake("export small 6").starts_with("candidate 6 is no network: the constant rate draws fresh masks"));

    let told = user.json("export small winner --json");
    let folder = Path::new(told["path"].as_str().unwrap());
    let genotype: Value = serde_json::from_str(&fs::read_to_string(folder.join("genotype.json")).unwrap()).unwrap();
    assert_eq!((&genotype["candidate"], &genotype["format"]), (&report["winner"]["id"], &"pgnas-genotype".into()));
    assert_eq!(folder, run.join("exports").join(told["candidate"].to_string()));
    assert_eq!(genotype["blocks"][0]["edges"][0]["operations"].as_array().unwrap().len(), 6);
    let mut written: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    written.sort();
    let all = ["README.md", "config.toml", "genotype.json", "model.onnx", "model.py", "model.safetensors", "network.dot", "network.svg"];
    assert_eq!(written[..8], all);
    // Who has the export alone knows which images it was ranked on, and how their bytes become pixels.
    let select: Value = serde_json::from_str(&fs::read_to_string(folder.join("select.json")).unwrap()).unwrap();
    let splits: Value = serde_json::from_str(&fs::read_to_string(run.join("splits.json")).unwrap()).unwrap();
    assert_eq!((&select["select"], &select["images_sha256"]), (&splits["select"], &splits["images_sha256"]));
    assert_eq!(select["labels"].as_array().unwrap().len(), 1600);
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    assert!(readme.contains("go from 0 to 16, not to 255, and are divided by 16") && readme.contains("select.json"), "{readme}");
    // By its place below the runs folder, too.
    let below = format!("small/exports/{}", told["candidate"]);
    assert_eq!(user.json(&format!("evaluate {below} --json"))["same"], true);
    assert!(user.mistake(&format!("evaluate {below}/model.py")).contains("model.py: this is no genotype; give the genotype.json"));
    assert!(user.mistake(&format!("evaluate {below}/model.onnx")).contains("model.onnx: this is no genotype; give the genotype.json"));
    // What was read back from the files is what was ranked, and it can be computed again from the files alone.
    assert_eq!((&told["select_accuracy"], &told["note"]), (&report["winner"]["select_accuracy"], &Value::Null));
    assert_eq!(genotype["sliced"]["parameters"], genotype["parameters"]);
    assert!(genotype["parameters"].as_u64() <= genotype["paper_count"]["parameters"].as_u64());
    let moved = user.path("elsewhere");
    fs::rename(folder, &moved).unwrap();
    let evaluated = user.json("evaluate elsewhere --json");
    assert_eq!((&evaluated["select_accuracy"], &evaluated["same"]), (&report["winner"]["select_accuracy"], &true.into()));
    assert_eq!(evaluated["same_splits"], true);
    assert!(user.output("evaluate elsewhere/genotype.json").contains("as recorded"));
    let weights = moved.join("model.safetensors");
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[..whole.len() - 1]).unwrap();
    assert!(user.mistake("evaluate elsewhere").contains("model.safetensors: this file is damaged"));

    exported_by_number(&user, &run, &report);

    assert!(user.mistake("export small 99").starts_with("run `small` has no candidate `99`; give a number from 1 to 9, or `winner`"));
    assert!(user.mistake("export small best").starts_with("run `small` has no candidate `best`"));
    assert_eq!(user.mistake("report smal"), "there is no run `smal`; did you mean `small`?");
    assert!(user.mistake(&format!("search digits --headless --run-dir {}", run.display())).contains("this folder holds a run already"));

    // Its config is a preset that gives the same super-network, under the same name.
    let config = user.json(&format!("presets {} --json", run.join("config.toml").display()));
    assert_eq!((&config[0]["name"], &config[0]["parameters"]), (&"digits".into(), &report["network"]["parameters"]));

    // A torn end costs one line and is told.
    let log = fs::read_to_string(run.join("events.jsonl")).unwrap();
    fs::write(run.join("events.jsonl"), &log[..log.len() - 20]).unwrap();
    let torn = user.json("report small --json");
    assert_eq!((&torn["outcome"], keys(&torn)), (&"unfinished".into(), keys(&report)));
    assert!(torn["notes"][0].as_str().unwrap().contains("is torn and was left out"));
    assert!(user.output("report small").contains("is torn and was left out"));
}

/// Averaging, retraining, and the test split once more, each told by the report.
#[test]
fn what_is_found_out_after_a_search_is_kept_and_told() {
    let user = User::new();
    user.searched();
    let report = user.json("report small --json");
    let averaged = user.json("ensemble small --json");
    let sizes: Vec<u64> = averaged["averaged"].as_array().unwrap().iter().map(|point| point["members"].as_u64().unwrap()).collect();
    assert_eq!((sizes, averaged["ranking"][0].clone()), (vec![1, 2, 3], report["winner"]["id"].clone()));
    assert!(user.mistake("ensemble small --k 4").contains("has 3 posterior candidates; give numbers from 1 to 3"));
    let mean = user.json("export small --ensemble --top 2 --json");
    assert_eq!((mean["candidates"].as_array().unwrap().len(), mean["files"].as_array().unwrap().len()), (2, 5));
    let folder = mean["path"].as_str().unwrap();
    let readme = fs::read_to_string(Path::new(folder).join("README.md")).unwrap();
    assert!(readme.contains("[probabilities] = session.run(") && readme.contains("select.json"), "{readme}");
    assert!(user.mistake(&format!("evaluate {folder}")).contains("an ensemble has no genotype to evaluate it by; its ensemble.json"));
    let evaluated = user.json("evaluate small --json");
    assert_eq!(evaluated["recalibrated"]["select_accuracy"], report["winner"]["select_accuracy"]);
    for kind in ["inherited", "recalibrated", "batch"] {
        assert!(evaluated[kind]["nll"].as_f64().unwrap() > 0.0 && evaluated[kind]["same"] != false, "{kind}: {evaluated}");
    }
    let shown = user.output("evaluate small 1");
    assert!(shown.contains("of the batch") && shown.matches("as recorded").count() == 2 && shown.contains(" ms here"), "{shown}");
    let retrained = user.json("retrain small winner --epochs 2 --json");
    assert_eq!(
        (&retrained["from"], &retrained["epochs"], &retrained["recipe"][0]),
        (&"scratch".into(), &2.into(), &"train.epochs=2".into())
    );
    assert_eq!(retrained["inherited"]["correct"], evaluated["recalibrated"]["correct"]);
    let again = user.run("retrain small winner --recipe epochs=2 --json");
    assert!(text(&again.stderr).contains("was trained so before") && text(&again.stdout).contains(retrained["name"].as_str().unwrap()));
    let fine = user.output("retrain small winner --from inherited --epochs 1 --recipe data.shift=1");
    assert!(fine.contains("trained on from inherited weights, 1 epoch, ") && fine.contains("exact McNemar p "), "{fine}");
    let before = format!("\n  before      {:.1} % (", 100.0 * evaluated["recalibrated"]["select_accuracy"].as_f64().unwrap());
    assert!(
        fine.contains(&before) && fine.contains("with inherited weights and re-estimated batch-norm statistics\n  after       "),
        "{fine}"
    );
    assert_eq!(
        user.mistake("retrain small --recipe train.foo=1"),
        "recipe: there is no key `train.foo`; `pgnas presets digits` lists every key"
    );
    assert!(
        user.mistake("retrain small --recipe epoch=1").starts_with("recipe: there is no key `train.epoch`; did you mean `train.epochs`?")
    );
    assert!(user.mistake("correlate small --table nothing.csv").starts_with("run `small` has no cells of NAS-Bench-201"));
    assert!(user.mistake("retrain small --recipe space.stages=4").contains("this is no part of training"));
    let exported = user.json("export small winner --retrained --json");
    assert_eq!(exported["note"], Value::Null);
    let own = user.json(&format!("evaluate {} --json", exported["path"].as_str().unwrap()));
    assert_eq!((&own["same"], &own["select_accuracy"]), (&true.into(), &exported["select_accuracy"]));
    assert!(user.mistake("export small 1 --retrained").contains("candidate 1 was not retrained"));
    // What is asked wrongly opens no test split.
    for k in [0, 4] {
        let told = user.mistake(&format!("final small --k {k}"));
        assert_eq!(told, format!("--k {k}: run `small` has 3 posterior candidates; give numbers from 1 to 3"));
    }
    assert_eq!(user.json("report small --json")["test_reads"], 1);
    let judged = user.json("final small --k 2 --json");
    assert_eq!((&judged["test_reads"], &judged["winner"]["test_accuracy"]), (&2.into(), &report["winner"]["test_accuracy"]));
    assert_eq!(judged["ensemble_test"]["members"].as_array().unwrap().len(), 2);
    assert!(user.output("final small").contains("the test split of this run was opened 3 times in all"));
    let later = user.json("report small --json");
    assert_eq!((&later["outcome"], &later["test_reads"], keys(&later)), (&"completed".into(), &3.into(), keys(&report)));
    assert_eq!((&later["ensemble"], later["retrained"].as_array().unwrap().len()), (&averaged, 2));
    let told = user.output("report small");
    assert!(told.contains("## Averaging") && told.contains("## Retrained") && told.contains("opened 3 times"), "{told}");
    assert!(told.contains("| before | after | difference | McNemar |") && !told.contains("recalibrated batch-norm"), "{told}");
}

#[test]
fn the_winner_of_a_race_is_judged_the_same_when_it_is_exported() {
    let user = User::new();
    let search = format!("search digits --headless --run-dir raced {SMALL} --set rank.racing=true");
    assert!(text(&user.run(&search).stderr).contains("race     "));
    let race = &user.json("report raced --json")["race"];
    assert_eq!(race["asked"].as_u64().unwrap() + race["saved"].as_u64().unwrap(), race["candidates"].as_u64().unwrap() * 1600);
    let exported = user.run("export raced winner --out there");
    let told = text(&exported.stdout) + &text(&exported.stderr);
    assert!(exported.status.success() && !told.contains("judged otherwise"), "{told}");
    assert_eq!(user.json("evaluate there --json")["same"], true);
    // Who was dropped is compared on what it was asked.
    let list = fs::read_to_string(user.path("raced/candidates/candidates.jsonl")).unwrap();
    let dropped = list
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|candidate| candidate["source"] != "constant" && candidate["select"]["recalibrated"]["total"] != 1600);
    let id = dropped.expect("somebody is dropped")["id"].clone();
    user.output(&format!("export raced {id} --out dropped"));
    let evaluated = user.json("evaluate dropped --json");
    assert!(evaluated["same"] == true && evaluated["recorded_total"].as_u64() < evaluated["total"].as_u64(), "{evaluated}");
    assert_eq!(user.json(&format!("evaluate raced {id} --json"))["recalibrated"]["same"], true);
}

#[test]
fn without_a_terminal_a_search_runs_headless_and_says_so() {
    let user = User::new();
    let output = user.run(&format!("search digits --seed 3 {SMALL}"));
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(told.lines().next(), Some("standard input is no terminal, so the search runs without a screen (--headless)"));
    assert!(told.contains("\nepoch    1/1  loss ") && told.contains("\nranking  9/9  best posterior "), "{told}");
    assert!(said.starts_with("digits-3-") && said.contains("completed after ") && said.contains("posterior − random: "), "{said}");
    let run = fs::read_dir(user.path("data/pgnas/runs")).unwrap().next().unwrap().unwrap();
    let config = fs::read_to_string(run.path().join("config.toml")).unwrap();
    assert!(config.contains("posterior = 3") && config.contains("# --set") && config.contains("# preset digits"), "{config}");
}

#[test]
fn json_is_the_log_line_by_line() {
    let user = User::new();
    let said = user.output(&format!("search digits --json --run-dir here {SMALL}"));
    assert_eq!(said, fs::read_to_string(user.path("here/events.jsonl")).unwrap());
    let events: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&events[0]["event"], &events.last().unwrap()["event"]), (&"started".into(), &"finished".into()));
    assert!(events.iter().enumerate().all(|(place, event)| event["sequence"] == place));
}

#[test]
fn a_run_that_is_resumed_or_played_is_told_in_the_lines_of_a_search() {
    use std::io::{BufRead as _, BufReader};
    let user = User::new();
    let mut command = user.command(&format!("search digits --plain --run-dir here {SMALL} --set train.epochs=60"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains(" 1/60  loss ")));
    // A reader that leaves stops a search of its own.
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let resumed = user.output("resume here --plain");
    assert!(resumed.starts_with("resumed  after step ") && resumed.ends_with("ended    completed\n"), "{resumed}");
    assert!(resumed.contains("\nepoch    60/60  loss ") && resumed.contains("\nphase    ranking candidates\n"), "{resumed}");
    let played = user.output("replay here --plain");
    assert!(played.starts_with("search   digits · seed 1") && played.ends_with("ended    completed\n"), "{played}");
    // The same but for what was known of the time left, and of waiting for images.
    let words = |text: &str| {
        let word = |line: &str| line.split("  ").filter(|word| !word.ends_with("left") && !word.starts_with("waits ")).collect::<String>();
        text.lines().map(word).collect::<Vec<_>>()
    };
    assert!(words(&played).ends_with(&words(&resumed)), "{played}\n{resumed}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_search_says_how_to_go_on_with_it() {
    use std::io::{BufRead as _, BufReader};
    let user = User::new();
    let mut command = user.command(&format!("search digits --headless --run-dir here {SMALL} --set train.epochs=100000"));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("epoch ")));
    // Whoever starts tests in the background has them ignore interrupts.
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(lines.last().as_deref(), Some("stopped; `pgnas resume here` goes on with it"));
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[cfg(unix)]
#[test]
fn an_interrupt_stops_a_search_and_keeps_it() {
    use std::io::{BufRead as _, BufReader};
    let user = User::new();
    let mut command = user.command(&format!("search digits --json --run-dir here {SMALL} --set train.epochs=100000"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("\"event\":\"epoch\"")));
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let last: Value = serde_json::from_str(&lines.last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["outcome"]["result"]), (&"finished".into(), &"stopped".into()));
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(user.json("report here --json")["outcome"], "stopped");
}

#[test]
fn a_reader_that_leaves_stops_a_search_quietly() {
    let user = User::new();
    let mut command = user.command(&format!("search digits --json --run-dir here {SMALL} --set train.epochs=100000"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!((child.wait().unwrap().code(), told.as_str()), (Some(3), ""));
    assert_eq!(user.json("report here --json")["outcome"], "stopped");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_a_failure_in_one_line() {
    let user = User::new();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = user.command("presets").stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error: standard output cannot be written ("));
}

#[test]
fn an_unwritable_output_file_is_named() {
    let user = User::new();
    user.searched();
    fs::write(user.path("letter.txt"), "dear").unwrap();
    for line in ["report small --out letter.txt/report.md", "export small winner --out letter.txt/model"] {
        assert!(user.mistake(line).starts_with("letter.txt/"), "{line}");
    }
}

/// Every key of a value, at any depth.
fn all_keys(value: &Value, found: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                found.insert(key.clone());
                all_keys(value, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| all_keys(value, found)),
        _ => {}
    }
}

#[test]
fn every_key_is_documented() {
    let user = User::new();
    user.searched();
    let genotype = user.json("export small winner --json");
    let folder = genotype["path"].as_str().unwrap().to_owned();
    let genotype = serde_json::from_str(&fs::read_to_string(Path::new(&folder).join("genotype.json")).unwrap()).unwrap();
    let facts = ["report small --json", "compare small --json", "presets --json", "doctor --json", "export small winner --json"]
        .map(|line| user.json(line));
    let evaluated = user.json(&format!("evaluate {folder} --json"));
    let later = ["evaluate small --json", "ensemble small --json", "retrain small --epochs 1 --json", "final small --json"];
    let later = later.map(|line| user.json(line));
    let ensemble = user.json("export small --ensemble --json");
    let ensemble = fs::read_to_string(Path::new(ensemble["path"].as_str().unwrap()).join("ensemble.json")).unwrap();
    let of_files = [user.json("report small --json"), serde_json::from_str(&ensemble).unwrap()];
    let mut keys = std::collections::BTreeSet::new();
    for value in facts.iter().chain([&genotype, &evaluated]).chain(&later).chain(&of_files) {
        all_keys(value, &mut keys);
    }
    let document = include_str!("../docs/cli.md");
    let missing: Vec<&String> = keys.iter().filter(|key| !document.contains(&format!("`{key}`"))).collect();
    assert!(keys.len() > 80 && missing.is_empty(), "docs/cli.md does not name {missing:?} of {} keys", keys.len());
}

#[test]
fn reports_have_pictures_and_a_checklist() {
    let user = User::new();
    user.searched();
    let report = user.output("report small --pictures drawn");
    for name in ["select-accuracy", "best-of-n", "drop-probabilities", "loss", "accuracy"] {
        let svg = fs::read_to_string(user.path(&format!("drawn/{name}.svg"))).unwrap();
        assert!(svg.starts_with("<svg") && !svg.contains("NaN"), "{name}: {svg}");
        assert!(fs::read(user.path(&format!("drawn/{name}.png"))).unwrap().starts_with(b"\x89PNG"));
        assert!(report.contains(&format!("(<drawn/{name}.svg>)")), "{report}");
    }
    assert!(
        report.contains("## NAS best-practice checklist")
            && report.contains("| Compared with random search? | yes | `comparison.baselines`: random, uniform, constant |")
    );
    user.output("report small --json --pictures");
    assert!(user.path("data/pgnas/runs/small/pictures/loss.svg").exists());
    let checklist = user.json("report small --json")["checklist"].clone();
    assert_eq!(checklist.as_array().unwrap().len(), 16);
}

#[test]
fn completions_and_the_manual_name_every_command() {
    let user = User::new();
    let page = user.output("man");
    assert!(page.starts_with(".ie") || page.starts_with(".TH"), "{}", &page[..60]);
    // As the help lists them, with those below them.
    let listed = |above: &str| -> Vec<String> {
        let help = user.output(&format!("{above} --help"));
        let lines = help.split("Commands:\n").nth(1).unwrap_or_default().lines().take_while(|line| !line.is_empty());
        let names = lines.filter_map(|line| line.strip_prefix("  ").filter(|name| !name.starts_with(' '))?.split(' ').next());
        names.map(|name| format!("{above} {name}").trim().to_owned()).collect()
    };
    let top = listed("");
    let below: Vec<String> = top.iter().flat_map(|command| listed(command)).collect();
    assert!(top.len() > 20 && top.contains(&"correlate".to_owned()) && below.contains(&"space draw".to_owned()), "{top:?} {below:?}");
    let [bash, zsh, fish] = ["bash", "zsh", "fish"].map(|shell| user.output(&format!("completions {shell}")));
    for command in top.iter().chain(&below) {
        assert!(page.contains(&format!(".SH PGNAS {}\n", command.to_uppercase())), "{command}");
        let (above, name) = command.rsplit_once(' ').unwrap_or(("", command));
        let within = if above.is_empty() { String::new() } else { format!("__subcmd__{above}") };
        assert!(bash.contains(&format!("pgnas{within},{name})")), "bash: {command}");
        assert!(zsh.contains(&format!("_pgnas{within}_commands() {{")) && zsh.contains(&format!("\n'{name}:")), "zsh: {command}");
        let place = if above.is_empty() { "needs_command".to_owned() } else { format!("using_subcommand {above};") };
        let offers = |line: &str| line.contains(&place) && line.contains(&format!("-f -a \"{name}\""));
        assert!(fish.lines().any(offers), "fish: {command}");
    }
    assert!(user.mistake("completions tcsh").contains("invalid value 'tcsh'"));
}
