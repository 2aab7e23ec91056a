//! Downloads of published image sets: resumed, checked against their published checksums, unpacked beside their place and renamed.

use super::{DataError, Known, Reading, cifar, files};
use md5::{Digest as _, Md5};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A file as it is published.
#[derive(Debug)]
struct Published {
    name: &'static str,
    /// MD5 as its publishers tell it.
    md5: &'static str,
}

const fn file(name: &'static str, md5: &'static str) -> Published {
    Published { name, md5 }
}

/// Where each set is published: its name, the address of its files, the files.
type Source = (&'static str, &'static str, &'static [Published]);

static SOURCES: [Source; 4] = [
    ("cifar10", "https://www.cs.toronto.edu/~kriz", &[file("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530")]),
    ("cifar100", "https://www.cs.toronto.edu/~kriz", &[file("cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8")]),
    (
        "mnist",
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        &[
            file("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
            file("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
            file("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
            file("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
        ],
    ),
    (
        "fashion-mnist",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        &[
            file("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            file("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
            file("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
            file("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
        ],
    ),
];

/// How often a download that breaks off is taken up again.
const ATTEMPTS: u32 = 5;

/// No published file comes near this; it bounds what a wrong server can send.
const LARGEST: u64 = 1 << 30;

/// How long a server may keep silent.
const PATIENCE: Duration = Duration::from_mins(1);

/// The names of the sets that can be fetched.
pub fn published() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().map(|(set, ..)| *set)
}

/// Whether a set can be fetched.
#[must_use]
pub fn is_published(set: &str) -> bool {
    published().any(|name| name == set)
}

/// How far a download has come.
#[derive(Debug, Clone, Copy)]
pub struct FetchProgress<'a> {
    /// The file's name.
    pub file: &'a str,
    /// Bytes that are here.
    pub done: u64,
    /// Bytes in all, where the server tells.
    pub total: Option<u64>,
}

/// Why a set could not be fetched; each message says what, where and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody publishes it, as far as the program knows.
    #[error("there is no image set `{set}` to fetch; {remedy}")]
    Unknown {
        /// The name asked for.
        set: String,
        /// What there is.
        remedy: String,
    },
    /// There is something in its place.
    #[error("{place}: something is here already; `pgnas data check` says what, and without it the set is fetched anew")]
    Occupied {
        /// The place.
        place: String,
    },
    /// The server does not give the file.
    #[error("{url}: {reason}; try again later (what is here is kept and taken up again), or give another address with --url")]
    Server {
        /// The address.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The server gave something else.
    #[error("{url}: the file has MD5 {found}, not {expected} as published; it was removed: try again, or give another address with --url")]
    Wrong {
        /// The address.
        url: String,
        /// The checksum of what came.
        found: String,
        /// The published one.
        expected: String,
    },
    /// The place cannot be written.
    #[error("{path}: cannot be written ({source}); make room or give another place with --to")]
    Unwritable {
        /// The file or folder.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// What was fetched cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// Fetches a set into the folder `place`, which comes to be when everything is there and sound. `address` replaces the published one.
/// What a broken download left beside `place` is taken up again.
///
/// # Errors
/// [`FetchError`].
pub fn fetch(set: &str, address: Option<&str>, place: &Path, tell: &mut dyn FnMut(FetchProgress<'_>)) -> Result<(), FetchError> {
    let Some(source) = SOURCES.iter().find(|(name, ..)| *name == set) else {
        let remedy = format!("there are {}", published().collect::<Vec<_>>().join(", "));
        return Err(FetchError::Unknown { set: set.escape_debug().to_string(), remedy });
    };
    fetch_from(source, address, place, tell)
}

fn fetch_from(
    (set, published, parts): &Source,
    address: Option<&str>,
    place: &Path,
    tell: &mut dyn FnMut(FetchProgress<'_>),
) -> Result<(), FetchError> {
    if place.exists() {
        return Err(FetchError::Occupied { place: place.display().to_string() });
    }
    let beside = |ending: &str| {
        let mut path = place.as_os_str().to_owned();
        path.push(ending);
        PathBuf::from(path)
    };
    let (downloads, unpacked) = (beside(".download"), beside(".unpacked"));
    fs::create_dir_all(&downloads).map_err(unwritable(&downloads))?;
    let address = address.unwrap_or(published).trim_end_matches('/');
    for part in *parts {
        download(&format!("{address}/{}", part.name), part, &downloads, tell)?;
    }
    // A run that was interrupted may have left a part of it.
    let _ = fs::remove_dir_all(&unpacked);
    fs::create_dir_all(&unpacked).map_err(unwritable(&unpacked))?;
    for part in *parts {
        let source = downloads.join(part.name);
        if !files::is_archive(&source) {
            let target = unpacked.join(part.name);
            fs::rename(&source, &target).map_err(unwritable(&target))?;
            continue;
        }
        let layout = if *set == "cifar100" { &cifar::CIFAR100 } else { &cifar::CIFAR10 };
        for (name, bytes) in files::read(&source, &|name| layout.is_name(name))? {
            let target = unpacked.join(name);
            fs::write(&target, bytes).map_err(unwritable(&target))?;
        }
    }
    set.parse::<Known>()?.load(&unpacked, &Reading::default())?;
    fs::rename(&unpacked, place).map_err(unwritable(place))?;
    // What stays here only takes up room.
    let _ = fs::remove_dir_all(&downloads);
    Ok(())
}

/// Brings one file, whole and as published.
fn download(url: &str, part: &Published, folder: &Path, tell: &mut dyn FnMut(FetchProgress<'_>)) -> Result<(), FetchError> {
    let (whole, partial) = (folder.join(part.name), folder.join(format!("{}.part", part.name)));
    if whole.exists() {
        return Ok(());
    }
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .user_agent(concat!("pgnas/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .build()
        .into();
    let length = || fs::metadata(&partial).map_or(0, |file| file.len());
    // What an earlier run left may be of another file; then it is fetched once more from the start.
    let mut resumed = length() > 0;
    let mut attempts = 0;
    loop {
        let before = length();
        match transfer(&agent, url, &partial, before, &mut |done, total| tell(FetchProgress { file: part.name, done, total })) {
            Ok(()) => {}
            Err(Broken::Writing(source)) => return Err(unwritable(&partial)(source)),
            Err(Broken::Reading(reason)) => {
                attempts += 1;
                if attempts < ATTEMPTS {
                    std::thread::sleep(Duration::from_millis(100) * attempts);
                    continue;
                }
                return Err(FetchError::Server { url: url.to_owned(), reason });
            }
            Err(Broken::Refused(reason)) => return Err(FetchError::Server { url: url.to_owned(), reason }),
        }
        let found = md5(&partial).map_err(unwritable(&partial))?;
        if found == part.md5 {
            return fs::rename(&partial, &whole).map_err(unwritable(&whole));
        }
        fs::remove_file(&partial).map_err(unwritable(&partial))?;
        if !std::mem::take(&mut resumed) {
            return Err(FetchError::Wrong { url: url.to_owned(), found, expected: part.md5.to_owned() });
        }
    }
}

/// Why a transfer ended before its end.
enum Broken {
    /// The connection failed: worth another attempt.
    Reading(String),
    /// The server does not have it.
    Refused(String),
    /// The disk does not take it.
    Writing(io::Error),
}

/// Appends to a file what is missing of it. Says nothing about whether it is the right one.
fn transfer(agent: &ureq::Agent, url: &str, path: &Path, have: u64, tell: &mut dyn FnMut(u64, Option<u64>)) -> Result<(), Broken> {
    let mut request = agent.get(url);
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let mut response = request.call().map_err(|error| Broken::Reading(error.to_string()))?;
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let continues = header("content-range").is_some_and(|range| range.starts_with(&format!("bytes {have}-")));
    let start = match response.status().as_u16() {
        206 if continues => have,
        // It has nothing beyond what is here: the checksum will tell.
        416 if have > 0 => return Ok(()),
        // It knows nothing of ranges: from the start.
        200 => 0,
        206 => return Err(Broken::Refused("the server sends another part than was asked for".into())),
        status => return Err(Broken::Refused(format!("the server answers {status}"))),
    };
    let total = header("content-length").and_then(|length| length.parse::<u64>().ok()).map(|length| start + length);
    if total.is_some_and(|total| total > LARGEST) {
        return Err(Broken::Refused("the file is far larger than any that is published".into()));
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(Broken::Writing)?;
    file.set_len(start).map_err(Broken::Writing)?;
    let mut body = response.body_mut().as_reader();
    let (mut buffer, mut done) = (vec![0; 1 << 16], start);
    loop {
        tell(done, total);
        let count = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Broken::Reading(format!("the transfer broke off after {done} bytes ({error})"))),
        };
        file.write_all(&buffer[..count]).map_err(Broken::Writing)?;
        done += count as u64;
        if done > LARGEST {
            return Err(Broken::Refused("the file is far larger than any that is published".into()));
        }
    }
    match total {
        Some(total) if done < total => Err(Broken::Reading(format!("the transfer broke off after {done} of {total} bytes"))),
        _ => file.sync_all().map_err(Broken::Writing),
    }
}

fn md5(path: &Path) -> io::Result<String> {
    let mut hash = Md5::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(super::set::hexadecimal(&hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> FetchError {
    let path = path.display().to_string();
    move |source| FetchError::Unwritable { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::{BufRead as _, BufReader};
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    /// How a server behaves.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Manner {
        Sound,
        /// Every answer ends after a third of what is asked.
        BreaksOff,
        /// It says that there is more than it has.
        SaysMore,
        /// It says that there is less than it has.
        SaysLess,
        /// It always sends everything.
        IgnoresRange,
        /// It sends something else.
        OtherFile,
        /// It has nothing.
        NotFound,
    }

    /// A server on loopback; its address, and what was asked of it, a range or nothing each.
    fn server(manner: Manner, file: Vec<u8>) -> (String, Arc<Mutex<Vec<Option<usize>>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/sets/", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let range = head
                    .iter()
                    .find_map(|line| line.to_lowercase().strip_prefix("range: bytes=")?.trim_end_matches('-').parse::<usize>().ok());
                told.lock().unwrap().push(range);
                let file = if manner == Manner::OtherFile { b"another file".to_vec() } else { file.clone() };
                let start = range.filter(|_| manner != Manner::IgnoresRange).unwrap_or(0);
                let rest = &file[start.min(file.len())..];
                let length = match manner {
                    Manner::SaysMore => rest.len() + 10,
                    Manner::SaysLess => rest.len() / 2,
                    _ => rest.len(),
                };
                let status = match () {
                    () if manner == Manner::NotFound => "404 Not Found",
                    () if start > 0 && rest.is_empty() => "416 Range Not Satisfiable",
                    () if start > 0 => "206 Partial Content",
                    () => "200 OK",
                };
                let content_range =
                    if start > 0 { format!("Content-Range: bytes {start}-{}/{}\r\n", file.len() - 1, file.len()) } else { String::new() };
                let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{content_range}Connection: close\r\n\r\n");
                let sent = if manner == Manner::BreaksOff { rest.len().div_ceil(3) } else { rest.len() };
                let _ = stream.write_all(&rest[..sent]);
            }
        });
        (address, asked)
    }

    /// CIFAR-100 of 100 + 100 images as an archive.
    fn archive() -> Vec<u8> {
        let mut packer = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, first) in [("cifar-100-binary/train.bin", 0u8), ("cifar-100-binary/test.bin", 100), ("../../outside.bin", 0)] {
            let record = |class: u8| [vec![0, class], (0..3072).map(|at| (at as u8).wrapping_mul(class) ^ first).collect()].concat();
            let bytes: Vec<u8> = (0..100).flat_map(record).collect();
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            // Written by hand: the crate does not write such a name.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            packer.append(&header, bytes.as_slice()).unwrap();
        }
        packer.into_inner().unwrap().finish().unwrap()
    }

    fn source(file: &[u8]) -> Source {
        let md5: &'static str = super::super::set::hexadecimal(&Md5::digest(file)).leak();
        ("cifar100", "http://127.0.0.1:9/", Box::leak(Box::new([Published { name: "cifar-100-binary.tar.gz", md5 }])))
    }

    #[test]
    fn a_set_comes_whole_from_sound_and_from_flaky_servers() {
        let file = archive();
        for (manner, requests) in [(Manner::Sound, 1), (Manner::IgnoresRange, 1)] {
            let root = tempfile::tempdir().unwrap();
            let place = root.path().join("sets/cifar100");
            let (address, asked) = server(manner, file.clone());
            let told = AtomicUsize::new(0);
            fetch_from(&source(&file), Some(&address), &place, &mut |progress| {
                assert_eq!((progress.file, progress.total), ("cifar-100-binary.tar.gz", Some(file.len() as u64)));
                told.fetch_max(progress.done as usize, Ordering::Relaxed);
            })
            .unwrap();
            assert_eq!((told.into_inner(), asked.lock().unwrap().len()), (file.len(), requests), "{manner:?}");
            let set = "cifar100".parse::<Known>().unwrap().load(&place, &Reading::default()).unwrap();
            assert_eq!((set.len(), set.own_test()), (200, 100));
            let left: Vec<_> = fs::read_dir(root.path().join("sets")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(left, ["cifar100"], "nothing is left beside it, and nothing came to be outside");
            let again = fetch_from(&source(&file), Some(&address), &place, &mut |_| {}).unwrap_err();
            assert!(matches!(again, FetchError::Occupied { .. }));
        }
    }

    #[test]
    fn what_broke_off_is_taken_up_where_it_was() {
        let file = archive();
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("cifar100");
        let part = root.path().join("cifar100.download/cifar-100-binary.tar.gz.part");
        let (address, asked) = server(Manner::BreaksOff, file.clone());
        let message = fetch_from(&source(&file), Some(&address), &place, &mut |_| {}).unwrap_err().to_string();
        assert!(message.contains("the transfer broke off after") && message.contains("taken up again"), "{message}");
        let have = fs::metadata(&part).unwrap().len() as usize;
        let ranges = asked.lock().unwrap().clone();
        assert_eq!((ranges.len(), ranges[0], have > file.len() / 2), (ATTEMPTS as usize, None, true));
        assert!(ranges.windows(2).all(|two| two[0] < two[1]), "{ranges:?}");
        let (address, asked) = server(Manner::Sound, file.clone());
        fetch_from(&source(&file), Some(&address), &place, &mut |_| {}).unwrap();
        assert_eq!(*asked.lock().unwrap(), [Some(have)]);
    }

    #[test]
    fn what_is_there_already_is_of_no_harm() {
        let file = archive();
        for (manner, there, requests) in [
            // A server without ranges begins anew.
            (Manner::IgnoresRange, file[..1000].to_vec(), 1),
            // Everything is there but its name.
            (Manner::Sound, file.clone(), 1),
            // It is of another file: the checksum tells, and it is fetched once more.
            (Manner::Sound, vec![7; 1000], 2),
        ] {
            let root = tempfile::tempdir().unwrap();
            let (place, downloads) = (root.path().join("cifar100"), root.path().join("cifar100.download"));
            fs::create_dir(&downloads).unwrap();
            fs::write(downloads.join("cifar-100-binary.tar.gz.part"), there).unwrap();
            let (address, asked) = server(manner, file.clone());
            fetch_from(&source(&file), Some(&address), &place, &mut |_| {}).unwrap();
            assert_eq!(asked.lock().unwrap().len(), requests, "{manner:?}");
        }
    }

    #[test]
    fn servers_that_do_not_do_their_part_are_found_out() {
        let file = archive();
        for (manner, expected) in [
            (Manner::SaysMore, "the transfer broke off after"),
            (Manner::SaysLess, "as published; it was removed"),
            (Manner::OtherFile, "as published; it was removed"),
            (Manner::NotFound, "the server answers 404"),
        ] {
            let root = tempfile::tempdir().unwrap();
            let place = root.path().join("cifar100");
            let (address, _) = server(manner, file.clone());
            let result = fetch_from(&source(&file), Some(&address), &place, &mut |_| {});
            // Who says more has sent all there is: what is here is whole, and the next attempt learns that there is nothing beyond it.
            if manner == Manner::SaysMore && result.is_ok() {
                continue;
            }
            let message = result.unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("--url") && !message.contains('\n'), "{manner:?}: {message}");
            assert!(!place.exists(), "{manner:?}");
        }
        let message = fetch("imagenet", None, Path::new("nowhere"), &mut |_| {}).unwrap_err().to_string();
        assert_eq!(message, "there is no image set `imagenet` to fetch; there are cifar10, cifar100, mnist, fashion-mnist");
    }

    #[test]
    fn every_published_set_is_known() {
        for (set, address, parts) in &SOURCES {
            assert!(set.parse::<Known>().is_ok() && address.starts_with("http") && !address.ends_with('/'));
            assert!(parts.iter().all(|part| part.md5.len() == 32 && part.md5.chars().all(|c| c.is_ascii_hexdigit())));
        }
    }
}
