//! What a run takes of the machine.

/// The largest resident memory that this process has had, in bytes; 0 where the system does not tell.
#[must_use]
pub fn peak_rss_bytes() -> u64 {
    std::fs::read_to_string("/proc/self/status").ok().and_then(|status| high_water(&status)).unwrap_or(0)
}

/// Bytes that the disk of a folder has left; `None` where the system does not tell.
#[must_use]
pub fn free_bytes(folder: &std::path::Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// `VmHWM` of Linux's process status, which is in KiB.
fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read_and_rises() {
        assert_eq!(high_water("Name:\tx\nVmHWM:\t   5120 kB\nVmRSS:\t 1 kB\n"), Some(5120 * 1024));
        assert_eq!(high_water("Name:\tx\n"), None);
        if cfg!(target_os = "linux") {
            let before = peak_rss_bytes();
            let block = std::hint::black_box(vec![1u8; 64 << 20]);
            assert!(before > 0 && peak_rss_bytes() >= before.max(block.len() as u64));
        }
    }
}
