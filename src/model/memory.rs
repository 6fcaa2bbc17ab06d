//! Memory for values. Shapes of a damaged file may want any amount, and a system that promises more than it has ends
//! the program instead of saying no: so what is asked for is weighed first, and a refusal is an answer, not an abort.

use bytemuck::allocation::try_zeroed_vec;

/// Bytes that begin on a 16-byte boundary, so that a view as any element type is sound.
#[derive(Clone, Default)]
pub struct AlignedBytes {
    blocks: Vec<u128>,
    len: usize,
}

impl AlignedBytes {
    /// `len` zeros, `None` when there is no memory for them. Pages that nobody writes cost none.
    pub fn zeroed(len: usize) -> Option<Self> {
        if !fits(len) {
            return None;
        }
        let blocks = try_zeroed_vec(len.div_ceil(size_of::<u128>())).ok()?;
        Some(AlignedBytes { blocks, len })
    }

    /// Of bytes that are there already.
    pub fn copy_of(bytes: &[u8]) -> Self {
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

/// Less than this is not worth asking the system.
const SMALL: usize = 64 << 20;

/// What a large piece has to leave for everything small, which ends the program where it is not to be had.
const SPARE: usize = SMALL / 2;

/// Whether the system has `bytes` to give, and would have some more.
fn fits(bytes: usize) -> bool {
    bytes < SMALL
        || bytes.checked_add(SPARE).is_some_and(|more| {
            Vec::<u8>::new().try_reserve_exact(more).is_ok()
                && available().is_none_or(|free| more as u64 <= free)
        })
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
}
