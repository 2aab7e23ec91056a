//! What lies in a folder or an archive: which set, how many images of which classes and sizes, what their channels are like, and what
//! cannot be read.

use super::files::{self, is_archive};
use super::images::Normalisation;
use super::tally::Tally;
use super::{DataError, Known, Reading, cifar, folder, idx};
use rayon::prelude::*;
use std::path::Path;

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// The word for `data.set`.
    pub set: String,
    /// Images that can be read, test images among them.
    pub images: usize,
    /// Test images.
    pub test: usize,
    /// The classes' names with their images, test images among them.
    pub classes: Vec<(String, usize)>,
    /// Channels of each.
    pub channels: usize,
    /// Height and width of the smallest image, side by side.
    pub smallest: [usize; 2],
    /// Height and width of the largest image, side by side.
    pub largest: [usize; 2],
    /// Mean of each channel over all images, in shares of full intensity.
    pub mean: Vec<f64>,
    /// Standard deviation of each channel, likewise.
    pub deviation: Vec<f64>,
    /// Files that cannot be read.
    pub unreadable: Tally,
    /// What else was noticed.
    pub notes: Vec<String>,
}

/// Looks at a folder or an archive.
///
/// # Errors
/// [`DataError`] for what is no image set, or a damaged one.
pub fn check(place: &Path) -> Result<Check, DataError> {
    let found = files::names(place)?;
    let any = |is_name: &dyn Fn(&str) -> bool| found.iter().any(|name| is_name(name));
    let known = if any(&|name| cifar::CIFAR10.is_name(name)) {
        "cifar10"
    } else if any(&|name| cifar::CIFAR100.is_name(name)) {
        "cifar100"
    } else if any(&idx::is_name) {
        "mnist"
    } else if is_archive(place) || place.is_file() {
        return Err(files::unreadable(place, &"it is none of the archives that are read; unpack class folders"));
    } else {
        return folders(place);
    };
    let set = known.parse::<Known>()?.load(place, &Reading::default())?;
    let Normalisation { mean, deviation } = Normalisation::measure(&set, &(0..set.len()).collect::<Vec<_>>());
    let [channels, height, width] = set.shape();
    let shares = |values: Vec<f32>| values.into_iter().map(f64::from).collect();
    Ok(Check {
        set: known.to_owned(),
        images: set.len(),
        test: set.own_test(),
        classes: counted(set.classes(), set.labels().iter().copied()),
        channels,
        smallest: [height, width],
        largest: [height, width],
        mean: shares(mean),
        deviation: shares(deviation),
        unreadable: Tally::default(),
        notes: Vec::new(),
    })
}

fn counted(classes: &[String], labels: impl Iterator<Item = u16>) -> Vec<(String, usize)> {
    let mut counts = vec![0; classes.len()];
    labels.for_each(|label| counts[usize::from(label)] += 1);
    classes.iter().cloned().zip(counts).collect()
}

/// Class folders: every image is decoded, at the size that it has.
fn folders(place: &Path) -> Result<Check, DataError> {
    let listing = folder::listing("folder", place)?;
    let reading = Reading::default();
    let look = |(path, _): &(std::path::PathBuf, u16)| -> Result<_, String> {
        let (picture, conversion) = reading.picture(path)?;
        let [_, height, width] = picture.shape;
        let moments: Vec<[u64; 2]> = picture
            .planes()
            .map(|plane| plane.iter().fold([0; 2], |[sum, squares], &pixel| [sum + u64::from(pixel), squares + u64::from(pixel).pow(2)]))
            .collect();
        Ok(([height, width], moments, conversion))
    };
    let looks: Vec<_> = listing.files.par_iter().map(look).collect();
    let mut check = Check {
        set: "folder".into(),
        images: 0,
        test: 0,
        classes: Vec::new(),
        channels: 3,
        smallest: [usize::MAX; 2],
        largest: [0; 2],
        mean: Vec::new(),
        deviation: Vec::new(),
        unreadable: Tally::default(),
        notes: Vec::new(),
    };
    let (mut sums, mut pixels, mut labels) = ([[0u64; 2]; 3], 0, Vec::new());
    let mut converted = folder::Converted::default();
    let first_test = listing.files.len() - listing.own_test;
    for (position, (look, (path, label))) in looks.into_iter().zip(&listing.files).enumerate() {
        let name = || folder::shown(place, path);
        match look {
            Err(reason) => check.unreadable.add(|| format!("{} ({reason})", name())),
            Ok((size, moments, conversion)) => {
                check.images += 1;
                check.test += usize::from(position >= first_test);
                labels.push(*label);
                pixels += size[0] * size[1];
                for (side, length) in size.into_iter().enumerate() {
                    check.smallest[side] = check.smallest[side].min(length);
                    check.largest[side] = check.largest[side].max(length);
                }
                for (sum, moment) in sums.iter_mut().zip(moments) {
                    *sum = [sum[0] + moment[0], sum[1] + moment[1]];
                }
                converted.add(conversion, name);
            }
        }
    }
    if check.images == 0 {
        return Err(files::unreadable(place, &format!("none of its images: {}", check.unreadable)));
    }
    let pixels = pixels as f64;
    check.mean = sums.iter().map(|[sum, _]| *sum as f64 / pixels / 255.0).collect();
    let spread = |([_, squares], mean): (&[u64; 2], &f64)| (*squares as f64 / pixels / 255.0 / 255.0 - mean * mean).max(0.0).sqrt();
    check.deviation = sums.iter().zip(&check.mean).map(spread).collect();
    check.classes = counted(&listing.classes, labels.into_iter());
    check.notes = converted.notes().chain(listing.notes()).collect();
    Ok(check)
}
