//! Functions by table: 256 entries for 8 bits, 513 with interpolation for 16 bits.

use std::marker::PhantomData;

use bytemuck::{AnyBitPattern, NoUninit, cast_slice, cast_slice_mut};

use super::arithmetic::Affine;
use crate::kernels::elementwise::map;
use crate::kernels::requant::Quantized;
use crate::kernels::vectors::bytes::{look_up, look_up_each};

/// The answer for each of the 256 values, made once (LOGISTIC, TANH, EXP, LOG, ELU, GELU, SQRT …).
#[derive(Debug, Clone)]
pub struct Table8<T> {
    /// By the bits of the value.
    entries: [u8; 256],
    of: PhantomData<T>,
}

impl<T: Quantized + NoUninit + AnyBitPattern> Table8<T> {
    /// Of an 8-bit type. `f` in f32; its answer is multiplied by the inverse of the output's scale.
    pub fn new(input: Affine, output: Affine, f: impl Fn(f32) -> f32) -> Self {
        let inverse = 1.0 / output.scale;
        Self::of(|x, out| {
            map(x, out, |x| {
                let real = f(input.scale * (x.into() - input.zero) as f32);
                let rounded = (real * inverse).round() as i32;
                T::from_i32(rounded.saturating_add(output.zero).clamp(T::LO, T::HI))
            });
        })
    }

    /// Of a kernel of single values.
    pub fn of(kernel: impl FnOnce(&[T], &mut [T])) -> Self {
        let bits: [u8; 256] = std::array::from_fn(|i| i as u8);
        let mut entries = bits;
        kernel(cast_slice(&bits), cast_slice_mut(&mut entries));
        Table8 {
            entries,
            of: PhantomData,
        }
    }

    pub fn run_plain(&self, x: &[T], out: &mut [T]) {
        look_up_each(&self.entries, Some(cast_slice(x)), cast_slice_mut(out));
    }

    /// What `out` holds takes the place of an `x` that is `None`.
    pub fn run(&self, x: Option<&[T]>, out: &mut [T]) {
        look_up(&self.entries, x.map(cast_slice), cast_slice_mut(out));
    }
}

/// 512 steps over the range of an i16 input, each interpolated.
#[derive(Debug, Clone)]
pub struct Table16 {
    entries: [i16; 513],
}

impl Table16 {
    /// EXP, LOG, GELU, … in f32 from scales.
    pub fn new(input: Affine, output: Affine, f: impl Fn(f32) -> f32) -> Self {
        let end = |side: Affine, q: i32| side.scale * (q - side.zero) as f32;
        let (lo, hi) = (end(input, -32768), end(input, 32767));
        let (out_lo, out_hi) = (end(output, -32768), end(output, 32767));
        let step = (hi - lo) / 512.0;
        let half = step / 2.0;
        let inverse = 65536.0 / (out_hi - out_lo);
        let clamp = |v: f32| v.clamp(-32768.0, 32767.0) as i16;
        let entries = std::array::from_fn(|i| {
            let at = lo + i as f32 * step;
            if i == 512 {
                return clamp((f(hi) * inverse).round());
            }
            let sample = (f(at) * inverse).round();
            let next = f(lo + (i + 1) as f32 * step) * inverse;
            let between = ((next + sample) / 2.0).round();
            let middle = (f(at + half) * inverse).round();
            clamp(sample - ((between - middle) / 2.0).round())
        });
        Table16 { entries }
    }

    /// SOFTMAX's tables: `f` in f64 over `[lo, hi]`, answers between -1 and 1.
    pub fn of_f64(lo: f64, hi: f64, f: impl Fn(f64) -> f64) -> Self {
        let step = (hi - lo) / 512.0;
        let half = step / 2.0;
        const INVERSE: f64 = 65536.0 / 2.0;
        let clamp = |v: f64| v.clamp(-32768.0, 32767.0) as i16;
        let entries = std::array::from_fn(|i| {
            let at = lo + i as f64 * step;
            if i == 512 {
                return clamp((f(hi) * INVERSE).round());
            }
            let sample = (f(at) * INVERSE).round();
            let next = f(lo + (i + 1) as f64 * step) * INVERSE;
            let between = ((next + sample) / 2.0).round();
            let middle = (f(at + half) * INVERSE).round();
            clamp(sample - ((between - middle) / 2.0).round())
        });
        Table16 { entries }
    }

    /// Differences that do not fit an i16 wrap, as in TensorFlow Lite: only where the function leaves all scales.
    #[inline(always)]
    pub fn lookup(&self, x: i16) -> i16 {
        let index = (256 + (i32::from(x) >> 7)) as usize;
        let base = i32::from(self.entries[index]);
        let slope = i32::from(self.entries[index + 1].wrapping_sub(self.entries[index]));
        let offset = i32::from(x) & 0x7f;
        (base + ((slope * offset + 64) >> 7)) as i16
    }

    pub fn run(&self, x: &[i16], out: &mut [i16]) {
        map(x, out, |x| self.lookup(x));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// e^x of numbers up to 900, seen of LiteRT 2.3.0 around where it leaves f32.
    #[test]
    fn where_a_function_overflows_the_steps_wrap() {
        let affine = |scale| Affine { scale, zero: 0 };
        let (input, output) = (affine(0.027_637_99), affine(0.031_252_13));
        let table = Table16::new(input, output, f32::exp);
        let found = [2943, 2944, 2945, 3008, 3071].map(|x| table.lookup(x));
        assert_eq!(found[1..], [-32768, 32512, 16384, 256]);
    }

    #[test]
    fn tables_follow_the_function() {
        let (input, output) = (
            Affine {
                scale: 0.05,
                zero: 0,
            },
            Affine {
                scale: 1.0 / 256.0,
                zero: -128,
            },
        );
        let logistic = |x: f32| 1.0 / (1.0 + (-x).exp());
        let mut out = [0i8; 2];
        Table8::new(input, output, logistic).run(Some(&[0i8, 127]), &mut out);
        assert_eq!(out, [0, 127]);
        let wide = Affine {
            scale: 1.0 / 32768.0,
            zero: 0,
        };
        let table = Table16::new(
            Affine {
                scale: 1e-4,
                zero: 0,
            },
            wide,
            logistic,
        );
        for x in [-32768i16, -5000, 0, 77, 32767] {
            let want = logistic(f32::from(x) * 1e-4) * 32768.0;
            assert!((f32::from(table.lookup(x)) - want).abs() <= 2.0, "{x}");
        }
    }
}
