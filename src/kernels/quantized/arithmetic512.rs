//! [`QuantizedBinary`] on bytes with AVX-512, equal to the bit.

use std::arch::x86_64::*;

use super::arithmetic::{QuantizedBinary, QuantizedOp};
use super::reals512::Reals;
use crate::kernels::cpu::{self, Level};
use crate::kernels::fixed::Multiplier;
use crate::kernels::vectors::Spread;

const ADD: u8 = 0;
const SUB: u8 = 1;
const SQUARED_DIFFERENCE: u8 = 2;
const MUL: u8 = 3;

/// `MultiplyByQuantizedMultiplier` by a number below 1, whose two roundings share additions: behind the product comes
/// one constant for the first rounding, half a step of the second and what is added to the result.
#[derive(Clone, Copy)]
struct Scale {
    m: i32,
    nudge: i64,
    right: i32,
}

impl Scale {
    /// For products of numbers up to `most`, with `offset` added to the result; `None` where 32 bits might not do.
    fn new(multiplier: Multiplier, most: i64, offset: i32) -> Option<Self> {
        let right = -multiplier.shift;
        if !(1..=30).contains(&right) {
            return None;
        }
        let added = (1i64 << (right - 1)) + (i64::from(offset) << right);
        (most + added.abs() < 1 << 31).then_some(Scale {
            m: multiplier.m,
            nudge: (1 << 30) + (added << 31),
            right,
        })
    }
}

/// How an input is brought to the common scale.
#[derive(Clone, Copy)]
enum Input {
    /// By this left shift alone.
    Shift(u32),
    /// By a left shift and a factor.
    Scale(u32, Scale),
}

impl Input {
    fn new(multiplier: Multiplier, left: u32) -> Option<Self> {
        // A half of an even number needs no rounding.
        if multiplier == Multiplier::new(0.5) && left > 0 {
            return Some(Input::Shift(left - 1));
        }
        Some(Input::Scale(left, Scale::new(multiplier, 255 << left, 0)?))
    }
}

/// What the loops need of an operator.
#[derive(Clone, Copy)]
pub struct Bytes {
    op: u8,
    zeros: [i32; 2],
    inputs: [Input; 2],
    output: Scale,
    range: (i32, i32),
    /// Does all the work where it is there.
    reals: Option<Reals>,
}

impl Bytes {
    /// `None` where the plain loop has to do it.
    pub fn new(math: &QuantizedBinary) -> Option<Self> {
        if cpu::level() < Level::Avx512 {
            return None;
        }
        let op = match math.op {
            QuantizedOp::Add => ADD,
            QuantizedOp::Sub => SUB,
            QuantizedOp::SquaredDifference => SQUARED_DIFFERENCE,
            QuantizedOp::Mul => MUL,
            QuantizedOp::Div => return None,
        };
        // Zero points lie among the values.
        if math.zeros.iter().any(|zero| !(-128..256).contains(zero)) {
            return None;
        }
        let left = math.left_shift;
        let (inputs, most) = match op {
            MUL => ([Input::Shift(0); 2], 255 * 255),
            _ => {
                let [a, b] = math.inputs.map(|m| Input::new(m, left));
                let inputs = [a?, b?];
                // The larger scale is halved; the loops count on it.
                if !inputs.iter().any(|input| matches!(input, Input::Shift(_))) {
                    return None;
                }
                let sum = 255i64 << left;
                (
                    inputs,
                    if op == SQUARED_DIFFERENCE {
                        sum * sum
                    } else {
                        sum
                    },
                )
            }
        };
        let most = most.min(1 << 30);
        Some(Bytes {
            op,
            zeros: [math.zeros[0], math.zeros[1]],
            inputs,
            output: Scale::new(math.output, most, math.zeros[2])?,
            range: math.range,
            reals: None,
        })
    }

    /// Finds a faster way to the same bytes, if there is one; it pays where elements are counted by ten thousands.
    pub fn quicken(&mut self, math: &QuantizedBinary, signed: bool) {
        self.reals = Reals::new(math, self, signed);
    }

    /// The operator on the elements from `first` on. An operand that is `None` is what `out` holds. Bytes are `i8` where
    /// `signed`, else `u8`.
    pub fn run(
        &self,
        signed: bool,
        spread: &Spread,
        first: usize,
        operands: [Option<&[u8]>; 2],
        out: &mut [u8],
    ) {
        if out.is_empty() {
            return;
        }
        if let Some(reals) = &self.reals {
            return reals.run(signed, spread, first, operands, out);
        }
        let exact = self.inputs.map(|input| matches!(input, Input::Shift(_)));
        macro_rules! which {
            ($op:ident) => {
                match (exact, signed) {
                    ([true, true], true) => rows::<$op, true, true, true>,
                    ([true, true], false) => rows::<$op, true, true, false>,
                    ([true, false], true) => rows::<$op, true, false, true>,
                    ([true, false], false) => rows::<$op, true, false, false>,
                    ([false, _], true) => rows::<$op, false, true, true>,
                    ([false, _], false) => rows::<$op, false, true, false>,
                }
            };
        }
        let run = match (self.op, signed) {
            (MUL, true) => rows::<MUL, true, true, true>,
            (MUL, false) => rows::<MUL, true, true, false>,
            (ADD, _) => which!(ADD),
            (SUB, _) => which!(SUB),
            _ => which!(SQUARED_DIFFERENCE),
        };
        // SAFETY: `new` has seen AVX-512.
        unsafe { run(self, spread, first, operands, out) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn rows<const OP: u8, const A: bool, const B: bool, const SIGNED: bool>(
    it: &Bytes,
    spread: &Spread,
    first: usize,
    operands: [Option<&[u8]>; 2],
    out: &mut [u8],
) {
    // SAFETY: the instructions are there.
    let lanes = unsafe { Lanes::<OP, A, B, SIGNED>::new(it) };
    let counts = operands.map(|operand| operand.map(<[u8]>::len));
    let steps = spread.steps();
    let to = out.as_mut_ptr();
    let mut done = 0;
    for (at, len) in spread.rows(first, out.len(), counts) {
        // SAFETY: rows lie within operands of the sizes that have been checked, and one after the other fill `out`; an operand
        // that is one byte along the row is read from an array of 64.
        unsafe {
            let to = to.add(done);
            let mut from = [to.cast_const(); 2];
            let mut alone = [[0u8; 64]; 2];
            for side in 0..2 {
                if let Some(values) = operands[side] {
                    from[side] = values.as_ptr().add(at[side]);
                }
                if steps[side] == 0 {
                    alone[side] = [*from[side]; 64];
                    from[side] = alone[side].as_ptr();
                }
            }
            lanes.row(from, steps, to, len);
        }
        done += len;
    }
}

/// The constants in registers.
#[derive(Clone, Copy)]
struct Lanes<const OP: u8, const A: bool, const B: bool, const SIGNED: bool> {
    zeros: [__m512i; 2],
    left: [__m128i; 2],
    scales: [Factor; 2],
    output: Factor,
    least: __m512i,
    most: __m512i,
    /// Of the doublewords of packed bytes.
    order: __m512i,
}

#[derive(Clone, Copy)]
struct Factor {
    m: __m512i,
    nudge: __m512i,
    right: __m128i,
}

impl Factor {
    /// # Safety
    /// AVX-512 must be there.
    #[inline(always)]
    unsafe fn new(scale: Scale) -> Self {
        // SAFETY: promised by the caller.
        unsafe {
            Factor {
                m: _mm512_set1_epi32(scale.m),
                nudge: _mm512_set1_epi64(scale.nudge),
                right: _mm_cvtsi32_si128(scale.right),
            }
        }
    }

    /// # Safety
    /// AVX-512 must be there.
    #[inline(always)]
    unsafe fn apply(self, x: __m512i) -> __m512i {
        // SAFETY: promised by the caller.
        unsafe {
            let even = _mm512_mul_epi32(x, self.m);
            let odd = _mm512_mul_epi32(_mm512_srli_epi64::<32>(x), self.m);
            let even = _mm512_srli_epi64::<31>(_mm512_add_epi64(even, self.nudge));
            let odd = _mm512_slli_epi64::<1>(_mm512_add_epi64(odd, self.nudge));
            let high = _mm512_mask_blend_epi32(0xaaaa, even, odd);
            // Halves go away from 0: one less where the number is negative.
            let high = _mm512_add_epi32(high, _mm512_srai_epi32::<31>(x));
            _mm512_sra_epi32(high, self.right)
        }
    }
}

impl<const OP: u8, const A: bool, const B: bool, const SIGNED: bool> Lanes<OP, A, B, SIGNED> {
    /// # Safety
    /// AVX-512 must be there.
    #[inline(always)]
    unsafe fn new(it: &Bytes) -> Self {
        // SAFETY: promised by the caller.
        unsafe {
            let mut left = [_mm_setzero_si128(); 2];
            let mut scales = [Factor::new(it.output); 2];
            for side in 0..2 {
                left[side] = _mm_cvtsi32_si128(match it.inputs[side] {
                    Input::Shift(left) => left as i32,
                    Input::Scale(left, scale) => {
                        scales[side] = Factor::new(scale);
                        left as i32
                    }
                });
            }
            Lanes {
                zeros: [
                    _mm512_set1_epi32(it.zeros[0]),
                    _mm512_set1_epi32(it.zeros[1]),
                ],
                left,
                scales,
                output: Factor::new(it.output),
                least: _mm512_set1_epi8(it.range.0 as i8),
                most: _mm512_set1_epi8(it.range.1 as i8),
                order: _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
            }
        }
    }

    /// # Safety
    /// AVX-512 must be there.
    #[inline(always)]
    unsafe fn widen(bytes: __m128i) -> __m512i {
        // SAFETY: promised by the caller.
        unsafe {
            match SIGNED {
                true => _mm512_cvtepi8_epi32(bytes),
                false => _mm512_cvtepu8_epi32(bytes),
            }
        }
    }

    /// # Safety
    /// AVX-512 must be there.
    #[inline(always)]
    unsafe fn scaled(&self, side: usize, x: __m512i) -> __m512i {
        // SAFETY: promised by the caller.
        unsafe {
            let x = _mm512_sll_epi32(_mm512_sub_epi32(x, self.zeros[side]), self.left[side]);
            match [A, B][side] {
                true => x,
                false => self.scales[side].apply(x),
            }
        }
    }

    /// Sixteen results, before they are cut to bytes.
    ///
    /// # Safety
    /// AVX-512 must be there.
    #[inline(always)]
    unsafe fn of(&self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: promised by the caller.
        unsafe {
            if OP == MUL {
                let (a, b) = (
                    _mm512_sub_epi32(a, self.zeros[0]),
                    _mm512_sub_epi32(b, self.zeros[1]),
                );
                return self.output.apply(product(a, b));
            }
            let (a, b) = (self.scaled(0, a), self.scaled(1, b));
            self.output.apply(match OP {
                ADD => _mm512_add_epi32(a, b),
                SUB => _mm512_sub_epi32(a, b),
                _ => {
                    let d = _mm512_sub_epi32(a, b);
                    product(d, d)
                }
            })
        }
    }

    /// # Safety
    /// AVX-512 must be there; `len` bytes must be readable at each operand, 64 where its step is 0, and writable at `to`.
    #[inline(always)]
    unsafe fn row(
        &self,
        [a, b]: [*const u8; 2],
        [step_a, step_b]: [usize; 2],
        to: *mut u8,
        len: usize,
    ) {
        // SAFETY: promised by the caller; bytes are read before they are written, and those that are masked out not touched.
        unsafe {
            let mut at = 0;
            while at + 64 <= len {
                let (a, b) = (a.add(at * step_a), b.add(at * step_b));
                let mut parts = [_mm512_setzero_si512(); 4];
                for (i, part) in parts.iter_mut().enumerate() {
                    let x = Self::widen(_mm_loadu_si128(a.add(16 * i).cast()));
                    let y = Self::widen(_mm_loadu_si128(b.add(16 * i).cast()));
                    *part = self.of(x, y);
                }
                let low = _mm512_packs_epi32(parts[0], parts[1]);
                let high = _mm512_packs_epi32(parts[2], parts[3]);
                let bytes = match SIGNED {
                    true => _mm512_packs_epi16(low, high),
                    false => _mm512_packus_epi16(low, high),
                };
                let bytes = self.bound(_mm512_permutexvar_epi32(self.order, bytes));
                _mm512_storeu_epi8(to.add(at).cast(), bytes);
                at += 64;
            }
            while at < len {
                let mask = ((1u32 << (len - at).min(16)) - 1) as u16;
                let (a, b) = (a.add(at * step_a), b.add(at * step_b));
                let x = Self::widen(_mm_maskz_loadu_epi8(mask, a.cast()));
                let y = Self::widen(_mm_maskz_loadu_epi8(mask, b.cast()));
                let wide = self.of(x, y);
                let bytes = match SIGNED {
                    true => _mm512_cvtsepi32_epi8(wide),
                    false => _mm512_cvtusepi32_epi8(_mm512_max_epi32(wide, _mm512_setzero_si512())),
                };
                let bytes = _mm512_castsi512_si128(self.bound(_mm512_castsi128_si512(bytes)));
                _mm_mask_storeu_epi8(to.add(at).cast(), mask, bytes);
                at += 16;
            }
        }
    }

    /// # Safety
    /// AVX-512 must be there.
    #[inline(always)]
    unsafe fn bound(&self, bytes: __m512i) -> __m512i {
        // SAFETY: promised by the caller.
        unsafe {
            match SIGNED {
                true => _mm512_min_epi8(_mm512_max_epi8(bytes, self.least), self.most),
                false => _mm512_min_epu8(_mm512_max_epu8(bytes, self.least), self.most),
            }
        }
    }
}

/// Of numbers of 16 bits.
///
/// # Safety
/// AVX-512 must be there.
#[inline(always)]
unsafe fn product(a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: promised by the caller. The upper halves of `a`, its signs, are left out of the sums of products.
    unsafe { _mm512_madd_epi16(_mm512_and_si512(a, _mm512_set1_epi32(0xffff)), b) }
}
