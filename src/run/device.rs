//! The names of devices, as people read them: logs have them in full.

/// Characters of a server's key that people are shown.
const SHORT: usize = 8;

/// The names of a list of devices, each server's key cut to its beginning.
#[must_use]
pub fn readable(names: &str) -> String {
    let one = |name: &str| {
        let remote = name.strip_prefix("remote:").and_then(|rest| rest.split_once('@'));
        remote.map_or_else(|| name.to_owned(), |(key, place)| format!("remote:{}@{place}", key.chars().take(SHORT).collect::<String>()))
    };
    names.split(',').map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_cut_and_all_else_stays() {
        let remote = format!("remote:{}@box:7447/1", "0123456789abcdef".repeat(4));
        assert_eq!(readable("cuda:0"), "cuda:0");
        assert_eq!(readable(&format!("cuda:0,{remote},cpu")), "cuda:0, remote:01234567@box:7447/1, cpu");
        assert_eq!(readable("remote:?"), "remote:?");
    }
}
