//! Image sets in files, as a user meets them: searched, exported and evaluated again, moved and changed.

mod user;

use std::fs;
use std::path::Path;
use user::User;

/// CIFAR-10 in small: 60 training and 20 test images, each class a colour.
fn cifar10(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (file, images) in
        [("data_batch_1", 12u8), ("data_batch_2", 12), ("data_batch_3", 12), ("data_batch_4", 12), ("data_batch_5", 12), ("test_batch", 20)]
    {
        let record = |image: u8| {
            let class = image % 10;
            let plane = |channel: u8| (0..1024).map(move |pixel: u32| class * 20 + channel * 10 + (pixel % 7) as u8 + image / 10);
            [class].into_iter().chain((0..3).flat_map(plane)).collect::<Vec<u8>>()
        };
        fs::write(folder.join(format!("{file}.bin")), (0..images).flat_map(record).collect::<Vec<u8>>()).unwrap();
    }
}

/// A search of seconds on 60 images or so.
const SMALL: &str = "--set space.stages=4,6 --set space.stem_stride=2 --set train.epochs=1 --set train.batch=8 --set rank.posterior=2 \
    --set rank.random=2 --set rank.uniform=0 --set rank.constant=0 --set rank.recalibration_images=8 --set data.select=20 --set data.test=0 --device cpu --headless";

#[test]
fn a_run_on_files_is_exported_and_evaluated_from_the_same_images() {
    let user = User::new();
    cifar10(&user.path("images"));
    let search =
        format!("search digits --set data.set=cifar10 --data images --set data.train=30 --set data.shift=4 --set data.flip=true {SMALL}");
    user.output(&format!("{search} --run-dir run"));
    let splits: serde_json::Value = serde_json::from_str(&fs::read_to_string(user.path("run/splits.json")).unwrap()).unwrap();
    let count = |split: &str| splits[split].as_array().unwrap().len();
    assert_eq!((count("train"), count("select"), count("test"), splits["mean"].as_array().unwrap().len()), (30, 20, 20, 3));
    assert_eq!(
        (splits["set"].as_str(), splits["images"].as_u64(), splits["classes"][0].as_str()),
        (Some("cifar10"), Some(80), Some("airplane"))
    );
    let config = fs::read_to_string(user.path("run/config.toml")).unwrap();
    assert!(config.contains(&format!("path = {:?}", user.path("images"))), "{config}");

    user.output("export run winner --out out");
    let found = user.json("evaluate out --json");
    assert_eq!((&found["same"], &found["same_splits"], &found["same_images"]), (&true.into(), &true.into(), &true.into()));

    fs::rename(user.path("images"), user.path("elsewhere")).unwrap();
    for command in ["export run winner", "evaluate out"] {
        let told = user.mistake(command);
        assert!(told.contains("image set `cifar10` is not in ") && told.contains("--data PATH"), "{told}");
        user.output(&format!("{command} --data elsewhere"));
    }
    // As if its process had died at the very end.
    let log = user.path("run/events.jsonl");
    let whole = fs::read_to_string(&log).unwrap();
    let end = whole.trim_end().rfind('\n').unwrap() + 1;
    fs::write(&log, &whole[..end]).unwrap();
    let told = user.mistake("resume run --headless");
    assert!(told.contains("image set `cifar10` is not in ") && told.contains("--data PATH"), "{told}");
    user.output("resume run --headless --data elsewhere");
    assert!(fs::read_to_string(&log).unwrap().contains(r#""result":"completed""#));

    let batch = user.path("elsewhere/data_batch_2.bin");
    let mut bytes = fs::read(&batch).unwrap();
    bytes[100] ^= 1;
    fs::write(batch, bytes).unwrap();
    let told = user.mistake("export run winner --data elsewhere");
    assert!(told.contains("run/splits.json: the search saw other images than those in "), "{told}");
    let output = user.run("evaluate out --data elsewhere");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && told.contains("are not those of the search"), "{told}");
}

#[test]
fn images_are_looked_for_in_the_programs_own_place() {
    let user = User::new();
    let search = format!("search digits --set data.set=cifar10 {SMALL} --run-dir run");
    let told = user.mistake(&search);
    let place = user.path("data/pgnas/data/cifar10").display().to_string();
    assert!(told.contains(&place) && told.contains("pgnas data fetch") && told.contains("--data"), "{told}");
    assert!(!user.path("run").exists());
    let told = user.mistake("search digits --data images --headless");
    assert!(told.contains("`data.path` does not apply where `data.set` is \"digits\""), "{told}");
    cifar10(&user.path("data/pgnas/data/cifar10/cifar-10-batches-bin"));
    user.output(&search);
    assert!(fs::read_to_string(user.path("run/config.toml")).unwrap().contains(&place));
}

/// Class folders with everything that can be wrong in them; 3 classes of 8 sound images each.
fn folders(root: &Path) {
    let save = |path: &str, image: &image::DynamicImage| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image.save(path).unwrap();
    };
    let picture = |width, height, tint: u8| {
        image::DynamicImage::ImageRgb8(image::ImageBuffer::from_fn(width, height, |x, y| image::Rgb([tint, (x * 5) as u8, (y * 5) as u8])))
    };
    for (class, tint) in [("cat", 30), ("dog", 120), ("eel", 210)] {
        (0..8).for_each(|number| save(&format!("{class}/{number}.png"), &picture(20 + number, 30 - number, tint + number as u8)));
    }
    save("cat/grey.jpg", &image::DynamicImage::ImageLuma8(picture(20, 20, 0).to_luma8()));
    save("cat/alpha.png", &image::DynamicImage::ImageRgba8(picture(20, 20, 0).to_rgba8()));
    save("dog/deep.png", &image::DynamicImage::ImageRgb16(picture(20, 20, 0).to_rgb16()));
    save("dog/huge.jpg", &picture(3024, 3024, 9));
    fs::copy(root.join("eel/0.png"), root.join("eel/misnamed.jpg")).unwrap();
    fs::write(root.join("eel/zero.png"), "").unwrap();
    fs::write(root.join("eel/text.jpg"), "no image").unwrap();
    let whole = fs::read(root.join("eel/1.png")).unwrap();
    fs::write(root.join("eel/torn.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(root.join("eel/notes.txt"), "no image by its name").unwrap();
    fs::create_dir(root.join("fox")).unwrap();
}

#[test]
fn class_folders_are_checked_and_searched_whatever_is_in_them() {
    let user = User::new();
    folders(&user.path("pets"));
    let found = user.json("data check pets --json");
    assert_eq!((found["set"].as_str(), found["images"].as_u64(), found["channels"].as_u64()), (Some("folder"), Some(29), Some(3)));
    assert_eq!((&found["largest"], found["unreadable"]["count"].as_u64()), (&serde_json::json!([3024, 3024]), Some(3)));
    let text = user.output("data check pets");
    for expected in ["unreadable  3", "are grey", "with transparency", "16 bits", "of another format", "fox", "notes.txt"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let small = SMALL.replace("data.select=20 --set data.test=0", "data.select=6 --set data.test=6");
    let search = format!("search digits --set data.set=folder --data pets --set data.size=16 --set data.crop=0.3 {small}");
    let told = user.mistake(&format!("{search} --run-dir run"));
    assert!(told.contains("`data.unreadable` does not fit") && told.contains("3 of 32 images cannot be read: "), "{told}");
    assert!(!user.path("run").exists());
    user.output(&format!("{search} --set data.unreadable=0.2 --run-dir run"));
    let log = fs::read_to_string(user.path("run/events.jsonl")).unwrap();
    assert!(log.contains("3 of 32 images cannot be read and are left out: ") && log.contains("\"kind\":\"data\""), "{log}");
    user.output("export run winner --out out");
    assert_eq!(user.json("evaluate out --json")["same"], true);

    fs::remove_dir_all(user.path("pets/cat")).unwrap();
    fs::remove_dir_all(user.path("pets/dog")).unwrap();
    assert!(user.mistake("data check pets").contains("all images are of one class, `eel`"));
    assert!(user.mistake("data check nowhere").contains("there is no such folder or file"));
}

#[test]
fn cifar_is_recognised() {
    let user = User::new();
    cifar10(&user.path("images"));
    let found = user.json("data check images --json");
    assert_eq!((found["set"].as_str(), found["images"].as_u64(), found["test"].as_u64()), (Some("cifar10"), Some(80), Some(20)));
    assert_eq!(found["classes"][3], serde_json::json!({"name": "cat", "images": 7}));
    let output = user.run("data fetch cifar1");
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}
