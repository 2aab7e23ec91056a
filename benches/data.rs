//! Loading of images beside PyTorch's DataLoader, in turns: CIFAR-10 with its usual augmentation, and JPEG folders at 224.
//!
//!     PGNAS_PYTHON=python cargo bench --bench data -- CIFAR10 [JPEGS] [--json FILE]
//!
//! `CIFAR10` is a folder of the binary layout, `JPEGS` one of class folders; without it 512 images of 500x375 are made. Python needs
//! torch, numpy and Pillow; without `PGNAS_PYTHON` only this program is timed. Both sides use two workers.

mod common;

use pgnas::data::{Augment, ImageSet, Known, Loader, Prefetch, Reading, SplitPlan, TestPlan};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const ROUNDS: usize = 5;
const WORKERS: usize = 2;

/// One of the two tasks.
struct Task {
    name: &'static str,
    path: PathBuf,
    loader: Loader,
    images: usize,
}

fn main() {
    let (mut out, words) = common::Rows::of_arguments("data");
    let arguments: Vec<PathBuf> = words.into_iter().map(PathBuf::from).collect();
    let Some(cifar) = arguments.first() else {
        println!("give the folder of CIFAR-10: cargo bench --bench data -- CIFAR10 [JPEGS]");
        return;
    };
    let made = tempfile::tempdir().expect("a temporary folder");
    let jpegs = arguments.get(1).cloned().unwrap_or_else(|| make(made.path()));
    let cifar_set = load("cifar10", cifar, &Reading::default());
    let jpeg_set = load("folder", &jpegs, &Reading { size: 224, resize: 256, memory: 1, unreadable: 0.1 });
    let tasks = [
        task("cifar10", cifar.clone(), cifar_set, 128, Augment { shift: 4, flip: true, cutout: 16, ..Augment::OFF }),
        task("jpeg224", jpegs, jpeg_set, 32, Augment { crop: 0.08, flip: true, ..Augment::OFF }),
    ];
    let python = std::env::var_os("PGNAS_PYTHON");
    for task in &tasks {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            ours.push(time(task, round));
            theirs.extend(python.as_ref().map(|python| time_python(python.as_ref(), task)));
        }
        for (way, figures) in [("pgnas", &ours), ("DataLoader", &theirs)] {
            out.add(serde_json::json!({ "task": task.name, "way": way }), figures, "images/s");
        }
        let (ours, spread) = summary(&mut ours);
        print!("{:8} pgnas {ours:9.0} images/s (spread {spread:.0} %)", task.name);
        if theirs.is_empty() {
            println!();
        } else {
            let (theirs, spread) = summary(&mut theirs);
            println!("   DataLoader {theirs:9.0} images/s (spread {spread:.0} %)   ratio {:.2}", ours / theirs);
        }
    }
    out.write();
}

fn load(name: &str, path: &Path, reading: &Reading) -> ImageSet {
    let known: Known = name.parse().expect("a known set");
    known.load(path, reading).unwrap_or_else(|error| panic!("{error}"))
}

fn task(name: &'static str, path: PathBuf, set: ImageSet, batch: usize, augment: Augment) -> Task {
    let classes = set.classes().len();
    let test = if set.own_test() > 0 { TestPlan::Own } else { TestPlan::Held(classes) };
    let splits = set.split(&SplitPlan { train: 0, select: classes, test, seed: 0 }).expect("splits");
    let loader = Loader::new(&splits.train, batch, augment, 0).and_then(|loader| loader.on_threads(WORKERS)).expect("a loader");
    let images = loader.steps_per_epoch() * batch;
    Task { name, path, loader, images }
}

/// Images a second over one epoch.
fn time(task: &Task, epoch: usize) -> f64 {
    let begun = Instant::now();
    let pixels: usize = Prefetch::new(task.loader.epoch(epoch), 2).expect("a thread").map(|batch| batch.images.len()).sum();
    assert!(pixels > 0);
    task.images as f64 / begun.elapsed().as_secs_f64()
}

fn time_python(python: &Path, task: &Task) -> f64 {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/time_data_loader.py");
    let output = Command::new(python).arg(script).arg(task.name).arg(&task.path).output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("images a second")
}

/// The median, and half the distance between the extremes in per cent of it.
fn summary(figures: &mut [f64]) -> (f64, f64) {
    figures.sort_by(f64::total_cmp);
    let median = figures[figures.len() / 2];
    (median, 50.0 * (figures[figures.len() - 1] - figures[0]) / median)
}

/// 512 images as photographs are in size, smooth with some noise.
fn make(root: &Path) -> PathBuf {
    for number in 0..512u32 {
        let folder = root.join(format!("class{}", number % 4));
        std::fs::create_dir_all(&folder).expect("a folder");
        let pixel = |x: u32, y: u32| {
            let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ number).wrapping_mul(2_246_822_519) >> 28;
            image::Rgb([(x / 2 + noise + number) as u8, (y / 2 + noise) as u8, ((x + y) / 4 + noise) as u8])
        };
        image::ImageBuffer::from_fn(500, 375, pixel).save(folder.join(format!("{number}.jpg"))).expect("an image is written");
    }
    root.to_owned()
}
