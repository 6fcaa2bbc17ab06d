//! Memory for values. Shapes of a damaged file may want any amount, and a system that promises more than it has ends
//! the program instead of saying no: so what is asked for is weighed first, and a refusal is an answer, not an abort.

use std::fs;
use std::path::Path;

use bytemuck::Zeroable;
use bytemuck::allocation::try_zeroed_vec;

use crate::error::{Error, Result};

/// Bytes that begin on a 16-byte boundary, so that a view as any element type is sound.
#[derive(Clone, Default)]
pub struct AlignedBytes {
    blocks: Vec<u128>,
    len: usize,
}

impl AlignedBytes {
    /// `len` zeros, `None` when there is no memory for them. Pages that nobody writes cost none.
    pub fn zeroed(len: usize) -> Option<Self> {
        let blocks = zeros_for(len.div_ceil(size_of::<u128>()))?;
        Some(AlignedBytes { blocks, len })
    }

    /// Of bytes that are there already.
    pub fn copy_of(bytes: &[u8]) -> Self {
        // Zeros below would be written first, which a large copy feels.
        if let Ok(blocks) = bytemuck::try_cast_slice::<u8, u128>(bytes) {
            return AlignedBytes {
                blocks: blocks.to_vec(),
                len: bytes.len(),
            };
        }
        let mut new = AlignedBytes {
            blocks: vec![0; bytes.len().div_ceil(size_of::<u128>())],
            len: bytes.len(),
        };
        new.as_mut_slice().copy_from_slice(bytes);
        new
    }

    /// Gives what lies behind the first `len` bytes back to the system.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.blocks.truncate(self.len.div_ceil(size_of::<u128>()));
        self.blocks.shrink_to_fit();
    }

    pub fn as_slice(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.blocks)[..self.len]
    }

    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.blocks)[..self.len]
    }
}

impl PartialEq for AlignedBytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

/// An empty list with room for `count` elements, `None` when there is no memory for them.
pub fn list_for<T>(count: usize) -> Option<Vec<T>> {
    let mut list = Vec::new();
    let bytes = count.checked_mul(size_of::<T>())?;
    (fits(bytes) && list.try_reserve_exact(count).is_ok()).then_some(list)
}

/// `count` zeros, `None` when there is no memory for them. Pages that nobody writes cost none.
pub fn zeros_for<T: Zeroable>(count: usize) -> Option<Vec<T>> {
    let bytes = count.checked_mul(size_of::<T>())?;
    fits(bytes).then(|| try_zeroed_vec(count).ok()).flatten()
}

/// Says no before a piece of work that would take `bytes` for `what` begins.
///
/// # Errors
/// There is not that much memory.
pub fn ask(what: &str, bytes: usize) -> Result<()> {
    match fits(bytes) {
        true => Ok(()),
        false => Err(shortage(what, bytes)),
    }
}

/// Zeroed bytes for `what`.
///
/// # Errors
/// There is not that much memory.
pub fn zeroed(what: &str, bytes: usize) -> Result<AlignedBytes> {
    AlignedBytes::zeroed(bytes).ok_or_else(|| shortage(what, bytes))
}

/// Less than this is not worth asking the system.
const SMALL: usize = 16 << 20;

/// What a large piece has to leave for everything small, which ends the program where it is not to be had.
const SPARE: usize = 32 << 20;

/// Whether the system has `bytes` to give, and would have some more.
fn fits(bytes: usize) -> bool {
    bytes < SMALL
        || bytes.checked_add(SPARE).is_some_and(|more| {
            Vec::<u8>::new().try_reserve_exact(more).is_ok()
                && available().is_none_or(|free| more as u64 <= free)
        })
}

/// Why there is no memory for `what`.
pub fn shortage(what: &str, bytes: usize) -> Error {
    let mut text = format!("no memory for {what}: {} needed", megabytes(bytes as u64));
    if let Some(free) = available() {
        text.push_str(&format!(", {} there", megabytes(free)));
    }
    Error::unsupported(text)
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

/// Bytes that Linux could give without swapping, and would within the program's control groups; `None` elsewhere.
fn available() -> Option<u64> {
    let all = fs::read_to_string("/proc/meminfo").ok()?;
    let line = all
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let free = kilobytes.checked_mul(1024)?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    let within = group.and_then(|group| allowed(Path::new("/sys/fs/cgroup"), group));
    Some(within.map_or(free, |within| free.min(within)))
}

/// What is left of the memory limits of a control group (version 2) below `root` and of those that it is in.
fn allowed(root: &Path, group: &str) -> Option<u64> {
    let group = root.join(group);
    let folders = group
        .ancestors()
        .take_while(|folder| folder.starts_with(root));
    folders.filter_map(left).min()
}

fn left(folder: &Path) -> Option<u64> {
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
    let used =
        number("memory.current")?.saturating_sub(cached(&text("memory.stat").unwrap_or_default()));
    Some(number("memory.max")?.saturating_sub(used))
}

/// Pages of files that nobody has used for a while: the first to go.
fn cached(statistics: &str) -> u64 {
    let mut lines = statistics.lines();
    let line = lines.find_map(|line| line.strip_prefix("inactive_file "));
    line.and_then(|n| n.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_of_any_length_begin_where_every_type_may() {
        for len in [0, 1, 15, 16, 17, 1 << 20] {
            let bytes = AlignedBytes::zeroed(len).unwrap();
            assert_eq!(bytes.as_slice().len(), len);
            assert!(bytes.as_slice().iter().all(|b| *b == 0));
            assert!(bytes.as_slice().as_ptr().cast::<u128>().is_aligned());
        }
    }

    #[test]
    fn more_than_there_is_is_refused() {
        for len in [usize::MAX, isize::MAX as usize, 1 << 50] {
            assert!(AlignedBytes::zeroed(len).is_none());
            assert!(list_for::<Vec<u8>>(len).is_none());
        }
        if let Some(free) = available() {
            assert!(AlignedBytes::zeroed(free as usize * 2).is_none());
        }
        assert!(list_for::<u64>(3).is_some_and(|list| list.capacity() >= 3));
    }

    #[test]
    fn the_tightest_control_group_decides() {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join("user/job");
        fs::create_dir_all(&group).unwrap();
        let write = |name: &str, text: &str| fs::write(root.path().join(name), text).unwrap();
        write("user/memory.max", "5000000\n");
        write("user/memory.current", "4000000\n");
        write("user/memory.stat", "anon 7\ninactive_file 500000\n");
        write("user/job/memory.max", "max\n");
        write("user/job/memory.current", "1\n");
        assert_eq!(allowed(root.path(), "user/job"), Some(1_500_000));
        write("user/job/memory.max", "1000001\n");
        assert_eq!(allowed(root.path(), "user/job"), Some(1_000_000));
        assert_eq!(allowed(root.path(), "other"), None);
    }

    #[test]
    fn a_refusal_says_how_much_is_wanted() {
        let said = shortage("the values", 70_000_001).to_string();
        assert!(said.starts_with("no memory for the values: 71 MB needed"));
    }
}
