//! The bytes of quantized activations and weights. A uint8 is taken for the int8 that is 128 less, and so are its zero
//! points: differences stay what they are.

use bytemuck::Pod;

use super::int8_sums::flip;
use crate::kernels::cpu::Level;

/// An 8-bit integer of a quantized model.
pub trait Byte: Pod + Into<i32> + Send + Sync {
    /// What it is more than the int8 that it is taken for.
    const MORE: i32;
    /// What makes the uint8 that is 128 more of the bits of that int8.
    const FLIP: u8 = 0x80 ^ Self::MORE as u8;

    /// The int8 that it is taken for.
    #[inline(always)]
    fn signed(self) -> i8 {
        (self.into() - Self::MORE) as i8
    }

    /// Numbers that are 128 more than those int8s.
    fn raise(level: Level, from: &[Self], to: &mut [u8]);

    /// From those int8s, in place.
    fn restore(level: Level, values: &mut [Self]);
}

impl Byte for i8 {
    const MORE: i32 = 0;

    fn raise(level: Level, from: &[i8], to: &mut [u8]) {
        flip(level, from, to);
    }

    fn restore(_: Level, _: &mut [i8]) {}
}

impl Byte for u8 {
    const MORE: i32 = 128;

    fn raise(_: Level, from: &[u8], to: &mut [u8]) {
        to.copy_from_slice(from);
    }

    fn restore(level: Level, values: &mut [u8]) {
        super::int8_sums::flip_here(level, values);
    }
}
