//! Memory for packed weights.

/// One cache line.
#[derive(Debug, Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Plain values that begin on a cache line.
#[derive(Debug, Clone)]
pub struct Aligned {
    lines: Vec<Line>,
}

impl Aligned {
    /// Zeros for `len` values of type `T`.
    pub fn zeroed<T: bytemuck::Pod>(len: usize) -> Self {
        let bytes = len * size_of::<T>();
        Aligned {
            lines: vec![Line([0; 64]); bytes.div_ceil(64)],
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
        bytemuck::cast_slice(&self.lines)
    }

    pub fn values_mut<T: bytemuck::Pod>(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(&mut self.lines)
    }
}
