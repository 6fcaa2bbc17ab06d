//! Register tiles for f32: a few rows of the left side times one panel of the right.

/// A vector of f32 lanes. Every method needs the instruction set that the type stands for.
pub trait Vector: Copy {
    const LANES: usize;
    /// Registers that hold one.
    const REGISTERS: usize;
    /// Steps of the sum after which it is added to the total, so that long sums keep their accuracy.
    const BLOCK: usize = 256;
    /// Sums are the very ones of the plain kernels: products rounded before they are added, one after the other, the
    /// bias last.
    const IN_ORDER: bool = false;
    /// # Safety
    /// The instruction set must be there.
    unsafe fn splat(v: f32) -> Self;
    /// # Safety
    /// As [`Vector::splat`]; `LANES` values must be readable at `p`.
    unsafe fn load(p: *const f32) -> Self;
    /// # Safety
    /// As [`Vector::splat`]; `LANES` values must be writable at `p`.
    unsafe fn store(self, p: *mut f32);
    /// `self + a * b`
    /// # Safety
    /// As [`Vector::splat`].
    unsafe fn fma(self, a: Self, b: Self) -> Self;
    /// # Safety
    /// As [`Vector::splat`].
    unsafe fn add(self, o: Self) -> Self;
    /// # Safety
    /// As [`Vector::splat`].
    unsafe fn mul(self, o: Self) -> Self;
    /// Clamped; NaN stays.
    /// # Safety
    /// As [`Vector::splat`].
    unsafe fn clamp(self, lo: Self, hi: Self) -> Self;

    /// `N` vectors that lie side by side. A loop, not `array::from_fn`: its closures are functions of their own,
    /// without the instruction set of the caller.
    /// # Safety
    /// As [`Vector::splat`]; `N * LANES` values must be readable at `p`.
    #[inline(always)]
    unsafe fn load_all<const N: usize>(p: *const f32) -> [Self; N] {
        // SAFETY: promised by the caller.
        unsafe {
            let mut all = [Self::splat(0.0); N];
            for (v, vector) in all.iter_mut().enumerate() {
                *vector = Self::load(p.add(v * Self::LANES));
            }
            all
        }
    }
}

/// Four lanes of plain Rust.
#[derive(Clone, Copy)]
pub struct Plain([f32; 4]);

impl Vector for Plain {
    const LANES: usize = 4;
    const REGISTERS: usize = 16;
    #[inline(always)]
    unsafe fn splat(v: f32) -> Self {
        Plain([v; 4])
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller promises four readable values; [f32; 4] is read unaligned.
        Plain(unsafe { p.cast::<[f32; 4]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller promises four writable values.
        unsafe { p.cast::<[f32; 4]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn fma(self, a: Self, b: Self) -> Self {
        let mut sum = self.0;
        for (sum, (a, b)) in sum.iter_mut().zip(a.0.iter().zip(&b.0)) {
            *sum += a * b;
        }
        Plain(sum)
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        let mut sum = self.0;
        for (sum, o) in sum.iter_mut().zip(&o.0) {
            *sum += o;
        }
        Plain(sum)
    }
    #[inline(always)]
    unsafe fn mul(self, o: Self) -> Self {
        let mut product = self.0;
        for (product, o) in product.iter_mut().zip(&o.0) {
            *product *= o;
        }
        Plain(product)
    }
    #[inline(always)]
    unsafe fn clamp(self, lo: Self, hi: Self) -> Self {
        let mut out = self.0;
        for (out, (&lo, &hi)) in out.iter_mut().zip(lo.0.iter().zip(&hi.0)) {
            if *out < lo {
                *out = lo;
            }
            if *out > hi {
                *out = hi;
            }
        }
        Plain(out)
    }
}

/// The same vectors for sums [in order](Vector::IN_ORDER).
#[derive(Clone, Copy)]
pub struct InOrder<V>(V);

impl<V: Vector> Vector for InOrder<V> {
    const LANES: usize = V::LANES;
    const REGISTERS: usize = V::REGISTERS;
    const BLOCK: usize = usize::MAX;
    const IN_ORDER: bool = true;
    #[inline(always)]
    unsafe fn splat(v: f32) -> Self {
        // SAFETY: the caller promises the instruction set.
        InOrder(unsafe { V::splat(v) })
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller promises the instruction set and the memory.
        InOrder(unsafe { V::load(p) })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller promises the instruction set and the memory.
        unsafe { self.0.store(p) }
    }
    #[inline(always)]
    unsafe fn fma(self, a: Self, b: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        InOrder(unsafe { self.0.add(a.0.mul(b.0)) })
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        InOrder(unsafe { self.0.add(o.0) })
    }
    #[inline(always)]
    unsafe fn mul(self, o: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        InOrder(unsafe { self.0.mul(o.0) })
    }
    #[inline(always)]
    unsafe fn clamp(self, lo: Self, hi: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        InOrder(unsafe { self.0.clamp(lo.0, hi.0) })
    }
}

#[cfg(target_arch = "x86_64")]
pub mod x86 {
    use super::Vector;
    use std::arch::x86_64::*;

    /// Sixteen lanes of AVX-512.
    #[derive(Clone, Copy)]
    pub struct Avx512(__m512);
    /// Eight lanes of AVX2 with FMA.
    #[derive(Clone, Copy)]
    pub struct Avx2(__m256);

    macro_rules! vector {
        ($ty:ident, $lanes:literal, $registers:literal, $splat:ident, $load:ident, $store:ident, $fma:ident, $add:ident, $mul:ident, $max:ident, $min:ident) => {
            impl Vector for $ty {
                const LANES: usize = $lanes;
                const REGISTERS: usize = $registers;
                #[inline(always)]
                unsafe fn splat(v: f32) -> Self {
                    // SAFETY: the caller promises the instruction set.
                    $ty(unsafe { $splat(v) })
                }
                #[inline(always)]
                unsafe fn load(p: *const f32) -> Self {
                    // SAFETY: the caller promises the instruction set and the memory; unaligned load.
                    $ty(unsafe { $load(p) })
                }
                #[inline(always)]
                unsafe fn store(self, p: *mut f32) {
                    // SAFETY: the caller promises the instruction set and the memory; unaligned store.
                    unsafe { $store(p, self.0) }
                }
                #[inline(always)]
                unsafe fn fma(self, a: Self, b: Self) -> Self {
                    // SAFETY: the caller promises the instruction set.
                    $ty(unsafe { $fma(a.0, b.0, self.0) })
                }
                #[inline(always)]
                unsafe fn add(self, o: Self) -> Self {
                    // SAFETY: the caller promises the instruction set.
                    $ty(unsafe { $add(self.0, o.0) })
                }
                #[inline(always)]
                unsafe fn mul(self, o: Self) -> Self {
                    // SAFETY: the caller promises the instruction set.
                    $ty(unsafe { $mul(self.0, o.0) })
                }
                #[inline(always)]
                unsafe fn clamp(self, lo: Self, hi: Self) -> Self {
                    // SAFETY: the caller promises the instruction set. max and min return their second operand when
                    // one is NaN, so the value stands second.
                    $ty(unsafe { $min(hi.0, $max(lo.0, self.0)) })
                }
            }
        };
    }

    vector!(
        Avx512,
        16,
        32,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps,
        _mm512_mul_ps,
        _mm512_max_ps,
        _mm512_min_ps
    );
    vector!(
        Avx2,
        8,
        16,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps,
        _mm256_mul_ps,
        _mm256_max_ps,
        _mm256_min_ps
    );
}

/// What a tile reads, besides its rows.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub a: *const f32,
    /// Offsets of the runs that make up a row, `run` elements each.
    pub taps: &'a [usize],
    pub run: usize,
    /// `[bias][taps * run][NV * LANES]`
    pub panel: *const f32,
    pub lo: f32,
    pub hi: f32,
    /// Elements between rows of the output, and columns of this panel that exist.
    pub out_row: usize,
    pub columns: usize,
}

/// `out[m] = clamp(bias + sum of row m times the panel)` for `MR` rows that begin at `bases` from `job.a`.
///
/// # Safety
/// The instruction set of `V` must be there; `a + base + tap + run` must be readable for every base and tap, the panel
/// must hold `1 + taps * run` vectors of `NV * LANES`, and `out` must hold `MR` rows of `columns <= NV * LANES`.
#[inline(always)]
pub unsafe fn tile<V: Vector, const MR: usize, const NV: usize>(
    job: &Job,
    bases: &[usize],
    out: *mut f32,
) {
    // SAFETY: all reads and writes are those that the caller promises; see above.
    unsafe {
        let width = NV * V::LANES;
        let zero = V::splat(0.0);
        let mut weights = job.panel;
        let bias: [V; NV] = V::load_all(weights);
        weights = weights.add(width);
        let mut total = [bias; MR];
        let mut sums = [[zero; NV]; MR];
        let mut since = 0;
        for &tap in job.taps {
            let mut rows = [job.a; MR];
            for m in 0..MR {
                rows[m] = job.a.add(bases[m] + tap);
            }
            let mut from = 0;
            while from < job.run {
                let to = job.run.min(from.saturating_add(V::BLOCK));
                for k in from..to {
                    let w: [V; NV] = V::load_all(weights);
                    weights = weights.add(width);
                    for m in 0..MR {
                        let a = V::splat(*rows[m].add(k));
                        for v in 0..NV {
                            sums[m][v] = sums[m][v].fma(a, w[v]);
                        }
                    }
                }
                since += to - from;
                from = to;
                if since >= V::BLOCK {
                    since = 0;
                    for m in 0..MR {
                        for v in 0..NV {
                            total[m][v] = total[m][v].add(sums[m][v]);
                            sums[m][v] = zero;
                        }
                    }
                }
            }
        }
        let (lo, hi) = (V::splat(job.lo), V::splat(job.hi));
        for m in 0..MR {
            let row = out.add(m * job.out_row);
            for v in 0..NV {
                let value = total[m][v].add(sums[m][v]).clamp(lo, hi);
                let at = v * V::LANES;
                if at + V::LANES <= job.columns {
                    value.store(row.add(at));
                } else if at < job.columns {
                    let mut rest = [0.0f32; 16];
                    value.store(rest.as_mut_ptr());
                    std::ptr::copy_nonoverlapping(rest.as_ptr(), row.add(at), job.columns - at);
                }
            }
        }
    }
}

/// Works through `bases.len()` rows with tiles of at most `MR` rows.
///
/// # Safety
/// As [`tile`], for every row.
#[inline(always)]
unsafe fn rows<V: Vector, const MR: usize, const NV: usize>(
    job: &Job,
    bases: &[usize],
    out: *mut f32,
) {
    let mut row = 0;
    while row < bases.len() {
        let left = bases.len() - row;
        // SAFETY: as promised by the caller; a tile of n rows is only taken where n rows are left.
        unsafe {
            let bases = &bases[row..];
            let out = out.add(row * job.out_row);
            if left >= MR {
                tile::<V, MR, NV>(job, bases, out);
                row += MR;
            } else if left >= 4 {
                tile::<V, 4, NV>(job, bases, out);
                row += 4;
            } else if left >= 2 {
                tile::<V, 2, NV>(job, bases, out);
                row += 2;
            } else {
                tile::<V, 1, NV>(job, bases, out);
                row += 1;
            }
        }
    }
}

/// A function that works through rows of one panel.
pub type RowsFn = unsafe fn(&Job, &[usize], *mut f32);

macro_rules! entry {
    ($name:ident, $feature:literal, $vector:ty, $mr:literal) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $feature)]
        unsafe fn $name(job: &Job, bases: &[usize], out: *mut f32) {
            // SAFETY: promised by the caller.
            unsafe { rows::<$vector, $mr, 2>(job, bases, out) }
        }
    };
}

entry!(rows_avx512, "avx512f", x86::Avx512, 7);
entry!(rows_avx2, "avx2,fma", x86::Avx2, 6);
entry!(ordered_avx512, "avx512f", InOrder<x86::Avx512>, 7);
entry!(ordered_avx2, "avx2,fma", InOrder<x86::Avx2>, 6);

unsafe fn rows_plain(job: &Job, bases: &[usize], out: *mut f32) {
    // SAFETY: promised by the caller; plain Rust needs no instruction set.
    unsafe { rows::<Plain, 4, 2>(job, bases, out) }
}

unsafe fn ordered_plain(job: &Job, bases: &[usize], out: *mut f32) {
    // SAFETY: promised by the caller; plain Rust needs no instruction set.
    unsafe { rows::<InOrder<Plain>, 4, 2>(job, bases, out) }
}

/// The function of [`choose`] for sums [in order](Vector::IN_ORDER).
pub fn in_order(level: crate::kernels::cpu::Level) -> RowsFn {
    use crate::kernels::cpu::Level;
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => ordered_avx512,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => ordered_avx2,
        _ => ordered_plain,
    }
}

/// The tile of a level: the function, its rows, its panel width.
pub fn choose(level: crate::kernels::cpu::Level) -> (RowsFn, usize, usize) {
    use crate::kernels::cpu::Level;
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => (rows_avx512 as RowsFn, 7, 32),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => (rows_avx2 as RowsFn, 6, 16),
        _ => (rows_plain as RowsFn, 4, 8),
    }
}
