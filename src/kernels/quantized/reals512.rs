//! ADD, SUB and MUL on bytes in f32. There are only 65,536 pairs of bytes: that the few steps here give what the
//! reference's longer ones give is seen by trying all of them, for the scales at hand.

use std::arch::x86_64::*;

use super::arithmetic::{QuantizedBinary, QuantizedOp};
use super::arithmetic512::Bytes;
use crate::kernels::vectors::Spread;

/// `a * factors[0] + b * factors[1] + offset`, rounded.
const LINEAR: u8 = 0;
/// `(a - zero) * (b - zero) * factors[0]`, rounded, times `factors[1]`, and rounded again.
const PRODUCT: u8 = 1;

/// Results of one step.
const WIDTH: usize = 32;

/// Added to a number below 2^22 and taken off again, it leaves a whole number: there is no room for a fraction.
const WHOLE: f32 = (3 << 22) as f32;

/// Constants of one operator that give the same bytes as its plain form.
#[derive(Clone, Copy)]
pub struct Reals {
    kind: u8,
    factors: [f32; 2],
    offset: f32,
    zeros: [i32; 3],
    range: (i32, i32),
}

impl Reals {
    /// Constants for `math`, whose exact form is `bytes`; `None` where none of those tried will do. Takes the time of some
    /// hundred thousand elements. AVX-512 must be there.
    pub fn new(math: &QuantizedBinary, bytes: &Bytes, signed: bool) -> Option<Self> {
        const SIDE: usize = 256;
        let all: [u8; SIDE] = std::array::from_fn(|at| at as u8);
        let spread = Spread::new([&[SIDE, 1], &[SIDE]], &[SIDE, SIDE])?;
        let sides = [Some(&all[..]); 2];
        let mut want = vec![0; SIDE * SIDE];
        bytes.run(signed, &spread, 0, sides, &mut want);
        let mut got = vec![0; SIDE * SIDE];
        Self::candidates(math).into_iter().find(|it| {
            it.run(signed, &spread, 0, sides, &mut got);
            got == want
        })
    }

    fn candidates(math: &QuantizedBinary) -> Vec<Self> {
        let it = Reals {
            kind: LINEAR,
            factors: [0.0; 2],
            offset: 0.0,
            zeros: math.zeros,
            range: math.range,
        };
        let output = math.output.real();
        match math.op {
            QuantizedOp::Mul => {
                let shift = f64::from(math.output.shift).exp2();
                // More by so little that only halves are rounded in another way: away from zero.
                let halves_away = 1.0 + 2f64.powi(-20);
                let factors = [(output / shift) as f32, (shift * halves_away) as f32];
                let kind = PRODUCT;
                vec![Reals {
                    kind,
                    factors,
                    ..it
                }]
            }
            QuantizedOp::Add | QuantizedOp::Sub => {
                let one = f64::from(1u32 << math.left_shift);
                let [a, b] = math.inputs.map(|m| (m.real() * one * output) as f32);
                let b = if math.op == QuantizedOp::Sub { -b } else { b };
                let near = [[a, b], [a.next_up(), b], [a, b.next_up()]];
                let near = near
                    .into_iter()
                    .chain([[a.next_down(), b], [a, b.next_down()]]);
                let zeros = [math.zeros[0], math.zeros[1]].map(f64::from);
                // The steps of a number of some hundreds are that small.
                let moved = [0, 1, -1, 2, -2, 3, -3, 4, -4].map(|n| f64::from(n) * 2f64.powi(-18));
                let of = |[a, b]: [f32; 2], moved: f64| Reals {
                    factors: [a, b],
                    offset: (moved - zeros[0] * f64::from(a) - zeros[1] * f64::from(b)) as f32,
                    ..it
                };
                let near: Vec<_> = near.collect();
                let all = moved.iter();
                all.flat_map(|&moved| near.iter().map(move |&factors| of(factors, moved)))
                    .collect()
            }
            QuantizedOp::SquaredDifference | QuantizedOp::Div => Vec::new(),
        }
    }

    /// See [`Bytes::run`].
    pub fn run(
        &self,
        signed: bool,
        spread: &Spread,
        first: usize,
        operands: [Option<&[u8]>; 2],
        out: &mut [u8],
    ) {
        let run = match (self.kind, signed) {
            (LINEAR, true) => rows::<LINEAR, true>,
            (LINEAR, false) => rows::<LINEAR, false>,
            (_, true) => rows::<PRODUCT, true>,
            (_, false) => rows::<PRODUCT, false>,
        };
        // SAFETY: who made `self` has AVX-512.
        unsafe { run(self, spread, first, operands, out) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn rows<const KIND: u8, const SIGNED: bool>(
    it: &Reals,
    spread: &Spread,
    first: usize,
    operands: [Option<&[u8]>; 2],
    out: &mut [u8],
) {
    // SAFETY: the instructions are there.
    let lanes = unsafe { Lanes::<KIND, SIGNED>::new(it) };
    let counts = operands.map(|operand| operand.map(<[u8]>::len));
    let steps = spread.steps();
    let to = out.as_mut_ptr();
    let mut done = 0;
    for (at, len) in spread.rows(first, out.len(), counts) {
        // SAFETY: rows lie within operands of the sizes that have been checked, and one after the other fill `out`; an
        // operand that is one byte along the row is read from an array of a step.
        unsafe {
            let to = to.add(done);
            let mut from = [to.cast_const(); 2];
            let mut alone = [[0u8; WIDTH]; 2];
            for side in 0..2 {
                if let Some(values) = operands[side] {
                    from[side] = values.as_ptr().add(at[side]);
                }
                if steps[side] == 0 {
                    alone[side] = [*from[side]; WIDTH];
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
struct Lanes<const KIND: u8, const SIGNED: bool> {
    factors: [__m512; 2],
    offset: __m512,
    zeros: [__m512i; 3],
    least: __m256i,
    most: __m256i,
    /// Of the doublewords of packed bytes.
    order: __m512i,
}

impl<const KIND: u8, const SIGNED: bool> Lanes<KIND, SIGNED> {
    /// # Safety
    /// AVX-512 must be there.
    #[inline(always)]
    unsafe fn new(it: &Reals) -> Self {
        // SAFETY: promised by the caller.
        unsafe {
            Lanes {
                factors: it.factors.map(|factor| _mm512_set1_ps(factor)),
                offset: _mm512_set1_ps(it.offset),
                zeros: it.zeros.map(|zero| _mm512_set1_epi16(zero as i16)),
                least: _mm256_set1_epi8(it.range.0 as i8),
                most: _mm256_set1_epi8(it.range.1 as i8),
                order: match KIND {
                    LINEAR => _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 0, 0, 0, 0, 0, 0, 0, 0),
                    _ => _mm512_setr_epi32(0, 1, 4, 5, 8, 9, 12, 13, 0, 0, 0, 0, 0, 0, 0, 0),
                },
            }
        }
    }

    /// # Safety
    /// AVX-512 must be there.
    #[inline(always)]
    unsafe fn real(bytes: __m128i) -> __m512 {
        // SAFETY: promised by the caller.
        unsafe {
            _mm512_cvtepi32_ps(match SIGNED {
                true => _mm512_cvtepi8_epi32(bytes),
                false => _mm512_cvtepu8_epi32(bytes),
            })
        }
    }

    /// Less the zero point, in 16 bits.
    ///
    /// # Safety
    /// AVX-512 must be there.
    #[inline(always)]
    unsafe fn words(&self, side: usize, bytes: __m256i) -> __m512i {
        // SAFETY: promised by the caller.
        unsafe {
            let words = match SIGNED {
                true => _mm512_cvtepi8_epi16(bytes),
                false => _mm512_cvtepu8_epi16(bytes),
            };
            _mm512_sub_epi16(words, self.zeros[side])
        }
    }

    /// # Safety
    /// AVX-512 must be there.
    #[inline(always)]
    unsafe fn linear(&self, a: __m128i, b: __m128i) -> __m512i {
        // SAFETY: promised by the caller.
        unsafe {
            let sum = _mm512_fmadd_ps(Self::real(b), self.factors[1], self.offset);
            _mm512_cvtps_epi32(_mm512_fmadd_ps(Self::real(a), self.factors[0], sum))
        }
    }

    /// # Safety
    /// AVX-512 must be there.
    #[inline(always)]
    unsafe fn scaled(&self, product: __m512i) -> __m512i {
        // SAFETY: promised by the caller.
        unsafe {
            let whole = _mm512_set1_ps(WHOLE);
            let real = _mm512_fmadd_ps(_mm512_cvtepi32_ps(product), self.factors[0], whole);
            _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_sub_ps(real, whole), self.factors[1]))
        }
    }

    /// # Safety
    /// AVX-512 must be there.
    #[inline(always)]
    unsafe fn step(&self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: promised by the caller.
        unsafe {
            let [low, high] = match KIND {
                LINEAR => {
                    let half = |x| [_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x)];
                    let (a, b) = (half(a), half(b));
                    [self.linear(a[0], b[0]), self.linear(a[1], b[1])]
                }
                _ => {
                    let (a, b) = (self.words(0, a), self.words(1, b));
                    let (low, high) = (_mm512_mullo_epi16(a, b), _mm512_mulhi_epi16(a, b));
                    let products = [
                        _mm512_unpacklo_epi16(low, high),
                        _mm512_unpackhi_epi16(low, high),
                    ];
                    [self.scaled(products[0]), self.scaled(products[1])]
                }
            };
            let words = _mm512_adds_epi16(_mm512_packs_epi32(low, high), self.zeros[2]);
            let bytes = match SIGNED {
                true => _mm512_packs_epi16(words, words),
                false => _mm512_packus_epi16(words, words),
            };
            let bytes = _mm512_castsi512_si256(_mm512_permutexvar_epi32(self.order, bytes));
            match SIGNED {
                true => _mm256_min_epi8(_mm256_max_epi8(bytes, self.least), self.most),
                false => _mm256_min_epu8(_mm256_max_epu8(bytes, self.least), self.most),
            }
        }
    }

    /// # Safety
    /// AVX-512 must be there; `len` bytes must be readable at each operand, [`WIDTH`] where its step is 0, and writable at
    /// `to`.
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
            while at + WIDTH <= len {
                let x = _mm256_loadu_si256(a.add(at * step_a).cast());
                let y = _mm256_loadu_si256(b.add(at * step_b).cast());
                _mm256_storeu_si256(to.add(at).cast(), self.step(x, y));
                at += WIDTH;
            }
            if at + 16 <= len {
                let x = _mm_loadu_si128(a.add(at * step_a).cast());
                let y = _mm_loadu_si128(b.add(at * step_b).cast());
                let both = self.step(_mm256_zextsi128_si256(x), _mm256_zextsi128_si256(y));
                _mm_storeu_si128(to.add(at).cast(), _mm256_castsi256_si128(both));
                at += 16;
            }
            if at < len {
                let mask = (1u32 << (len - at)) - 1;
                let x = _mm256_maskz_loadu_epi8(mask, a.add(at * step_a).cast());
                let y = _mm256_maskz_loadu_epi8(mask, b.add(at * step_b).cast());
                _mm256_mask_storeu_epi8(to.add(at).cast(), mask, self.step(x, y));
            }
        }
    }
}
