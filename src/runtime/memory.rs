//! Whether memory is to be had, before it is asked for: shapes of a damaged file may want any amount, and a system that
//! promises more than it has ends the program instead of saying no.

/// Less than this is not worth asking the system.
const SMALL: usize = 64 << 20;

/// Whether `bytes` can be allocated and filled now.
pub fn fits(bytes: usize) -> bool {
    Vec::<u8>::new().try_reserve_exact(bytes).is_ok()
        && (bytes < SMALL || available().is_none_or(|free| bytes as u64 <= free))
}

/// Bytes that Linux could give without swapping; `None` elsewhere.
fn available() -> Option<u64> {
    let all = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = all
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_there_is_does_not_fit() {
        assert!(fits(1 << 20));
        assert!(!fits(usize::MAX));
        if let Some(free) = available() {
            assert!(!fits(free as usize * 2));
        }
    }
}
