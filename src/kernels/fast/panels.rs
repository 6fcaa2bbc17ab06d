//! Memory for packed weights.

use std::fmt;

use memmap2::MmapMut;

/// One cache line.
#[derive(Debug, Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Plain values that begin on a cache line.
#[derive(Clone)]
pub struct Aligned(Memory);

enum Memory {
    Lines(Vec<Line>),
    /// Of the system itself, which is asked for pages of megabytes: a thousandth of the faults when they are filled.
    Pages(Pages),
}

/// Bytes of a large page, from which on memory comes in pages.
const PAGE: usize = 2 << 20;

/// Memory that begins with a large page; what is mapped before it is never touched.
struct Pages {
    map: MmapMut,
    start: usize,
    len: usize,
}

impl Pages {
    /// `None` where the system has none to give.
    fn zeroed(len: usize) -> Option<Self> {
        let map = MmapMut::map_anon(len.checked_add(PAGE)?).ok()?;
        let start = map.as_ptr().addr().next_multiple_of(PAGE) - map.as_ptr().addr();
        // Where there are no large pages the small ones do.
        #[cfg(target_os = "linux")]
        let _ = map.advise_range(memmap2::Advice::HugePage, start, len);
        Some(Pages { map, start, len })
    }
}

impl Memory {
    /// Zeros. Not in pages where the system has none to give.
    fn zeroed(lines: usize) -> Self {
        let len = lines * size_of::<Line>();
        match (len >= PAGE).then(|| Pages::zeroed(len)).flatten() {
            Some(pages) => Memory::Pages(pages),
            None => Memory::Lines(bytemuck::zeroed_vec(lines)),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Memory::Lines(lines) => bytemuck::cast_slice(lines),
            Memory::Pages(pages) => &pages.map[pages.start..][..pages.len],
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Memory::Lines(lines) => bytemuck::cast_slice_mut(lines),
            Memory::Pages(pages) => &mut pages.map[pages.start..][..pages.len],
        }
    }
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        let mut copy = Memory::zeroed(self.bytes().len() / size_of::<Line>());
        copy.bytes_mut().copy_from_slice(self.bytes());
        copy
    }
}

impl Aligned {
    /// Zeros for `len` values of type `T`.
    pub fn zeroed<T: bytemuck::Pod>(len: usize) -> Self {
        let bytes = len * size_of::<T>();
        Aligned(Memory::zeroed(bytes.div_ceil(size_of::<Line>())))
    }

    /// No values at all.
    pub fn empty() -> Self {
        Aligned(Memory::Lines(Vec::new()))
    }

    /// Zeros for `len` values of type `T` in this memory if it is large enough, else in other: the system clears every
    /// page that it gives, which takes longer than to fill it.
    #[must_use]
    pub fn cleared<T: bytemuck::Pod>(mut self, len: usize) -> Self {
        match self.values_mut::<T>().get_mut(..len) {
            Some(values) => {
                values.fill(T::zeroed());
                self
            }
            None => Self::zeroed::<T>(len),
        }
    }

    /// A copy of these values.
    pub fn of<T: bytemuck::Pod>(values: &[T]) -> Self {
        let mut copy = Self::zeroed::<T>(values.len());
        copy.values_mut()[..values.len()].copy_from_slice(values);
        copy
    }

    /// All whole values of type `T`, up to the end of the last cache line.
    pub fn values<T: bytemuck::Pod>(&self) -> &[T] {
        bytemuck::cast_slice(self.0.bytes())
    }

    pub fn values_mut<T: bytemuck::Pod>(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(self.0.bytes_mut())
    }
}

impl fmt::Debug for Aligned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} aligned bytes", self.0.bytes().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_begin_on_a_line_and_are_zero() {
        for len in [1, 17, PAGE / size_of::<f32>() + 5] {
            let mut memory = Aligned::zeroed::<f32>(len);
            assert!(memory.values::<f32>().len() >= len);
            assert!(memory.values::<f32>().iter().all(|v| *v == 0.0));
            assert!(memory.values::<u8>().as_ptr().addr().is_multiple_of(64));
            memory.values_mut::<f32>()[len - 1] = 1.5;
            let copy = memory.clone();
            assert_eq!(copy.values::<f32>(), memory.values::<f32>());
        }
    }

    #[test]
    fn memory_is_used_again_where_it_is_large_enough() {
        let full = Aligned::of(&[1.5f32; 100]);
        let place = full.values::<u8>().as_ptr();
        let less = full.cleared::<f32>(60);
        assert_eq!(less.values::<u8>().as_ptr(), place);
        assert_eq!(less.values::<f32>()[..60], [0.0; 60]);
        let more = less.cleared::<f32>(1000);
        assert_eq!(more.values::<f32>()[..1000], [0.0; 1000]);
    }
}
