//! CIFAR-10 and CIFAR-100 in both published layouts: records of bytes, and pickles of Python.

use super::catalogue::{Parts, missing};
use super::files;
use super::{DataError, pickle};
use std::path::Path;

/// Bytes of an image: three planes of 32x32.
const IMAGE: usize = 3 * 32 * 32;

/// The files of a set and what they call the class.
#[derive(Debug)]
pub struct Layout {
    /// Training files without their ending.
    train: &'static [&'static str],
    /// The test file without its ending.
    test: &'static str,
    /// Bytes before the pixels of a record; the last of them is the class.
    head: usize,
    /// The key of the classes in a pickle.
    key: &'static str,
}

/// CIFAR-10: the class before the pixels.
pub static CIFAR10: Layout = Layout {
    train: &["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"],
    test: "test_batch",
    head: 1,
    key: "labels",
};

/// CIFAR-100: the coarse class, which is not used, then the fine one.
pub static CIFAR100: Layout = Layout { train: &["train"], test: "test", head: 2, key: "fine_labels" };

impl Layout {
    fn files(&self) -> impl Iterator<Item = &'static str> {
        self.train.iter().copied().chain([self.test])
    }

    /// Whether a file's name is that of one of the files, in either layout.
    #[must_use]
    pub fn is_name(&self, name: &str) -> bool {
        self.files().any(|file| name == file || name.strip_suffix(".bin") == Some(file))
    }
}

/// Reads a set.
///
/// # Errors
/// [`DataError`] with the file at fault.
pub fn read(set: &str, layout: &Layout, place: &Path) -> Result<Parts, DataError> {
    let mut found = files::read(place, &|name| layout.is_name(name))?;
    // Where both layouts lie side by side, the plainer one is read.
    let binary = found.contains_key(&format!("{}.bin", layout.test));
    let mut parts = Parts::default();
    for file in layout.files() {
        let before = parts.labels.len();
        let name = if binary { format!("{file}.bin") } else { file.to_owned() };
        let bytes = found.remove(&name).ok_or_else(|| missing(set, place, format!("there is no file {name}")))?;
        let read = if binary { records(layout, &bytes, &mut parts) } else { pickled(layout, &bytes, &mut parts) };
        read.map_err(|fault| files::unreadable(&place.join(&name), &fault))?;
        parts.own_test = parts.labels.len() - before;
    }
    Ok(parts)
}

fn records(layout: &Layout, bytes: &[u8], parts: &mut Parts) -> Result<(), String> {
    let record = layout.head + IMAGE;
    if bytes.is_empty() || !bytes.len().is_multiple_of(record) {
        return Err(format!("its {} bytes are no multiple of {record}, the size of a record", bytes.len()));
    }
    for record in bytes.chunks_exact(record) {
        parts.labels.push(u16::from(record[layout.head - 1]));
        parts.pixels.extend(&record[layout.head..]);
    }
    Ok(())
}

fn pickled(layout: &Layout, bytes: &[u8], parts: &mut Parts) -> Result<(), String> {
    let mut batch = pickle::read(bytes)?;
    let mut field = |key: &str| batch.take(key).ok_or_else(|| format!("it has no `{key}`"));
    let (pixels, labels) = (field("data")?, field(layout.key)?);
    let pixels = pixels.into_bytes().ok_or("its `data` is no array of bytes")?;
    let labels = labels.into_numbers().ok_or_else(|| format!("its `{}` is no list of numbers", layout.key))?;
    if pixels.len() != labels.len() * IMAGE || labels.is_empty() {
        return Err(format!("{} labels and {} bytes of pixels do not belong together", labels.len(), pixels.len()));
    }
    for label in labels {
        parts.labels.push(u16::try_from(label).map_err(|_| format!("one of its labels is {label}"))?);
    }
    parts.pixels.extend(pixels);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ImageSet, Known};
    use flate2::{Compression, write::GzEncoder};

    /// The records of a file: one image of each class, every pixel its number in the set.
    fn batch(head: usize, classes: u8, first: u8) -> Vec<u8> {
        let record = |class: u8| [vec![77; head - 1], vec![class], vec![first + class; 1024], vec![1; 1024], vec![2; 1024]].concat();
        (0..classes).flat_map(record).collect()
    }

    /// The same as a pickle of Python 2, as the published files are.
    fn pickled(head: usize, records: &[u8], key: &str) -> Vec<u8> {
        let rows: Vec<&[u8]> = records.chunks_exact(head + IMAGE).collect();
        let pixels: Vec<u8> = rows.iter().flat_map(|row| &row[head..]).copied().collect();
        let short = |text: &str| [&[b'U', text.len() as u8], text.as_bytes(), b"q\x07"].concat();
        let number = |number: usize| [b"J", &(number as u32).to_le_bytes()[..]].concat();
        let array = [
            b"cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85".to_vec(),
            short("b"),
            b"\x87Rq\x04(K\x01".to_vec(),
            number(rows.len()),
            number(IMAGE),
            b"\x86cnumpy\ndtype\nq\x05".to_vec(),
            short("u1"),
            b"K\x00K\x01\x87Rq\x06(K\x03".to_vec(),
            short("|"),
            b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89".to_vec(),
            [b"T", &(pixels.len() as u32).to_le_bytes()[..], &pixels].concat(),
            b"tb".to_vec(),
        ];
        let labels = rows.iter().flat_map(|row| [b'K', row[head - 1]]).collect();
        let parts = [b"\x80\x02}q\x01(".to_vec(), short("data"), array.concat(), short(key), b"](".to_vec(), labels, b"eu.".to_vec()];
        parts.concat()
    }

    /// The files of a set, by their names.
    fn files(name: &str, binary: bool) -> Vec<(String, Vec<u8>)> {
        let (layout, classes) = if name == "cifar10" { (&CIFAR10, 10) } else { (&CIFAR100, 100) };
        let file = |(place, file): (usize, &str)| {
            let records = batch(layout.head, classes, place as u8 * 20);
            let bytes = if binary { records } else { pickled(layout.head, &records, layout.key) };
            (if binary { format!("{file}.bin") } else { file.to_owned() }, bytes)
        };
        layout.files().enumerate().map(file).collect()
    }

    fn load(name: &str, place: &Path) -> Result<ImageSet, DataError> {
        name.parse::<Known>().unwrap().load(place, &crate::data::Reading::default())
    }

    #[test]
    fn both_layouts_in_folders_and_archives_are_the_same_set() {
        for (name, images, own_test) in [("cifar10", 60, 10), ("cifar100", 200, 100)] {
            let mut digests = Vec::new();
            for binary in [true, false] {
                let root = tempfile::tempdir().unwrap();
                let inner = root.path().join("some/batches");
                std::fs::create_dir_all(&inner).unwrap();
                let archive = root.path().join("set.tar.gz");
                let mut packer = tar::Builder::new(GzEncoder::new(std::fs::File::create(&archive).unwrap(), Compression::fast()));
                for (file, bytes) in files(name, binary) {
                    std::fs::write(inner.join(&file), &bytes).unwrap();
                    packer.append_path_with_name(inner.join(&file), format!("batches/{file}")).unwrap();
                }
                packer.into_inner().unwrap().finish().unwrap();
                for place in [&inner, &root.path().join("some"), &archive, &root.path().to_owned()] {
                    let set = load(name, place).unwrap();
                    assert_eq!((set.len(), set.own_test(), set.shape()), (images, own_test, [3, 32, 32]));
                    let last = set.raw(images - 1).unwrap();
                    assert_eq!((set.labels()[3], set.raw(3).unwrap()[0], last[1023], last[1024], last[2048]), (3, 3, last[0], 1, 2));
                    digests.push(set.digest());
                }
            }
            digests.dedup();
            assert_eq!(digests.len(), 1, "{name}");
        }
    }

    #[test]
    fn what_is_missing_torn_or_something_else_is_named() {
        for binary in [true, false] {
            let root = tempfile::tempdir().unwrap();
            let fault = || load("cifar10", root.path()).unwrap_err().to_string();
            assert!(fault().contains("there is no file") && fault().contains("`pgnas data fetch cifar10`") && fault().contains("--data"));
            let files = files("cifar10", binary);
            files.iter().for_each(|(file, bytes)| std::fs::write(root.path().join(file), bytes).unwrap());
            let (file, bytes) = &files[2];
            for torn in (0..bytes.len()).step_by(if binary { 97 } else { 1511 }).filter(|torn| torn % 3073 != 0) {
                std::fs::write(root.path().join(file), &bytes[..torn]).unwrap();
                let message = fault();
                assert!(message.contains(&format!("{file}: cannot be read (")) && !message.contains('\n'), "{torn}: {message}");
            }
            std::fs::remove_file(root.path().join(file)).unwrap();
            assert!(fault().contains(&format!("there is no file {file}")), "{}", fault());
        }
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("cifar.tar.gz");
        std::fs::write(&place, b"no archive").unwrap();
        assert!(load("cifar10", &place).unwrap_err().to_string().contains("cifar.tar.gz: cannot be read (as a .tar.gz: "));
        let message = load("cifar10", &root.path().join("nowhere")).unwrap_err().to_string();
        assert!(message.contains("nowhere: there is no such folder or file;"), "{message}");
    }
}
