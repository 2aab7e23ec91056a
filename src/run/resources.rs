//! What a run takes of the machine.

/// The largest resident memory that this process has had, in bytes; 0 where the system does not tell.
#[must_use]
pub fn peak_rss_bytes() -> u64 {
    status().and_then(|status| bytes_of(&status, "VmHWM:")).unwrap_or(0)
}

/// The resident memory that this process has now, in bytes; `None` where the system does not tell.
#[must_use]
pub fn rss_bytes() -> Option<u64> {
    bytes_of(&status()?, "VmRSS:")
}

/// Bytes of memory that the machine could still give to programs; `None` where the system does not tell.
#[must_use]
pub fn available_bytes() -> Option<u64> {
    bytes_of(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")
}

/// Bytes that the disk of a folder has left; `None` where the system does not tell.
#[must_use]
pub fn free_bytes(folder: &std::path::Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn status() -> Option<String> {
    std::fs::read_to_string("/proc/self/status").ok()
}

/// A line of Linux's tables of memory, which are in KiB.
fn bytes_of(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read_and_rises() {
        let status = "Name:\tx\nVmHWM:\t   5120 kB\nVmRSS:\t 1 kB\n";
        assert_eq!((bytes_of(status, "VmHWM:"), bytes_of(status, "VmRSS:")), (Some(5120 * 1024), Some(1024)));
        assert_eq!(bytes_of("Name:\tx\n", "VmHWM:"), None);
        if cfg!(target_os = "linux") {
            let before = peak_rss_bytes();
            let block = std::hint::black_box(vec![1u8; 64 << 20]);
            assert!(before > 0 && peak_rss_bytes() >= before.max(block.len() as u64));
            assert!(rss_bytes().is_some_and(|bytes| bytes >= block.len() as u64) && available_bytes().is_some_and(|bytes| bytes > 0));
        }
    }
}
