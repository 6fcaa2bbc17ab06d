//! Vectors of f32 that kernels are written for, one type for each instruction set.

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
    /// Numbers that are loaded at once to be multiplied with a vector each, see [`Vector::nth`]: 1 or 4.
    const AT_ONCE: usize = 1;
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
    unsafe fn sub(self, o: Self) -> Self;
    /// # Safety
    /// As [`Vector::splat`].
    unsafe fn mul(self, o: Self) -> Self;
    /// Clamped; NaN stays.
    /// # Safety
    /// As [`Vector::splat`].
    unsafe fn clamp(self, lo: Self, hi: Self) -> Self;

    /// The number in the lane `I`, below [`Vector::AT_ONCE`], in all lanes: free where it is but multiplied.
    /// # Safety
    /// As [`Vector::splat`].
    #[inline(always)]
    unsafe fn nth<const I: usize>(self) -> Self {
        self
    }

    /// Asks for the cache line at `p`, which need not be readable, in the cache of the core.
    #[inline(always)]
    fn fetch(_p: *const f32) {}

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
    // Element by element: loops and closures become calls in so large a function.
    #[inline(always)]
    unsafe fn fma(self, a: Self, b: Self) -> Self {
        let ([s, t, u, v], a, b) = (self.0, a.0, b.0);
        Plain([
            s + a[0] * b[0],
            t + a[1] * b[1],
            u + a[2] * b[2],
            v + a[3] * b[3],
        ])
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        let ([s, t, u, v], o) = (self.0, o.0);
        Plain([s + o[0], t + o[1], u + o[2], v + o[3]])
    }
    #[inline(always)]
    unsafe fn sub(self, o: Self) -> Self {
        let ([s, t, u, v], o) = (self.0, o.0);
        Plain([s - o[0], t - o[1], u - o[2], v - o[3]])
    }
    #[inline(always)]
    unsafe fn mul(self, o: Self) -> Self {
        let ([s, t, u, v], o) = (self.0, o.0);
        Plain([s * o[0], t * o[1], u * o[2], v * o[3]])
    }
    #[inline(always)]
    unsafe fn clamp(self, lo: Self, hi: Self) -> Self {
        let ([s, t, u, v], lo, hi) = (self.0, lo.0, hi.0);
        Plain([
            within(s, lo[0], hi[0]),
            within(t, lo[1], hi[1]),
            within(u, lo[2], hi[2]),
            within(v, lo[3], hi[3]),
        ])
    }
}

#[inline(always)]
fn within(v: f32, lo: f32, hi: f32) -> f32 {
    let v = if v < lo { lo } else { v };
    if v > hi { hi } else { v }
}

/// The same vectors for sums [in order](Vector::IN_ORDER).
#[derive(Clone, Copy)]
pub struct InOrder<V>(V);

impl<V: Vector> Vector for InOrder<V> {
    const LANES: usize = V::LANES;
    const REGISTERS: usize = V::REGISTERS;
    const BLOCK: usize = usize::MAX;
    const IN_ORDER: bool = true;
    const AT_ONCE: usize = V::AT_ONCE;
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
    unsafe fn sub(self, o: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        InOrder(unsafe { self.0.sub(o.0) })
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
    #[inline(always)]
    unsafe fn nth<const I: usize>(self) -> Self {
        // SAFETY: the caller promises the instruction set.
        InOrder(unsafe { self.0.nth::<I>() })
    }
    #[inline(always)]
    fn fetch(p: *const f32) {
        V::fetch(p);
    }
}

#[cfg(target_arch = "aarch64")]
pub mod arm {
    use std::arch::aarch64::*;
    use std::arch::asm;

    use super::Vector;

    /// Four lanes of NEON.
    #[derive(Clone, Copy)]
    pub struct Neon(float32x4_t);

    impl Vector for Neon {
        const LANES: usize = 4;
        const REGISTERS: usize = 32;
        const AT_ONCE: usize = 4;
        #[inline(always)]
        unsafe fn splat(v: f32) -> Self {
            // SAFETY: the caller promises the instruction set.
            Neon(unsafe { vdupq_n_f32(v) })
        }
        #[inline(always)]
        unsafe fn load(p: *const f32) -> Self {
            // SAFETY: the caller promises the instruction set and the memory; unaligned load.
            Neon(unsafe { vld1q_f32(p) })
        }
        #[inline(always)]
        unsafe fn store(self, p: *mut f32) {
            // SAFETY: the caller promises the instruction set and the memory; unaligned store.
            unsafe { vst1q_f32(p, self.0) }
        }
        #[inline(always)]
        unsafe fn fma(self, a: Self, b: Self) -> Self {
            // SAFETY: the caller promises the instruction set.
            Neon(unsafe { vfmaq_f32(self.0, a.0, b.0) })
        }
        #[inline(always)]
        unsafe fn add(self, o: Self) -> Self {
            // SAFETY: the caller promises the instruction set.
            Neon(unsafe { vaddq_f32(self.0, o.0) })
        }
        #[inline(always)]
        unsafe fn sub(self, o: Self) -> Self {
            // SAFETY: the caller promises the instruction set.
            Neon(unsafe { vsubq_f32(self.0, o.0) })
        }
        #[inline(always)]
        unsafe fn mul(self, o: Self) -> Self {
            // SAFETY: the caller promises the instruction set.
            Neon(unsafe { vmulq_f32(self.0, o.0) })
        }
        #[inline(always)]
        unsafe fn clamp(self, lo: Self, hi: Self) -> Self {
            // SAFETY: the caller promises the instruction set. These give NaN where either is, and bounds are none.
            Neon(unsafe { vminq_f32(hi.0, vmaxq_f32(lo.0, self.0)) })
        }
        #[inline(always)]
        unsafe fn nth<const I: usize>(self) -> Self {
            // SAFETY: the caller promises the instruction set.
            Neon(unsafe {
                match I {
                    0 => vdupq_laneq_f32::<0>(self.0),
                    1 => vdupq_laneq_f32::<1>(self.0),
                    2 => vdupq_laneq_f32::<2>(self.0),
                    _ => vdupq_laneq_f32::<3>(self.0),
                }
            })
        }
        #[inline(always)]
        fn fetch(p: *const f32) {
            // SAFETY: a prefetch reads nothing.
            unsafe {
                asm!("prfm pldl2keep, [{}]", in(reg) p, options(nostack, preserves_flags, readonly))
            }
        }
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
        ($ty:ident, $lanes:literal, $registers:literal, $splat:ident, $load:ident, $store:ident, $fma:ident, $add:ident, $sub:ident, $mul:ident, $max:ident, $min:ident) => {
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
                unsafe fn sub(self, o: Self) -> Self {
                    // SAFETY: the caller promises the instruction set.
                    $ty(unsafe { $sub(self.0, o.0) })
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
                #[inline(always)]
                fn fetch(p: *const f32) {
                    // SAFETY: SSE is part of x86-64, and a prefetch reads nothing.
                    unsafe { _mm_prefetch::<_MM_HINT_T1>(p.cast()) }
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
        _mm512_sub_ps,
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
        _mm256_sub_ps,
        _mm256_mul_ps,
        _mm256_max_ps,
        _mm256_min_ps
    );
}
