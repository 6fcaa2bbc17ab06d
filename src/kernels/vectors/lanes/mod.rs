//! Vectors of f32: what the functions here are written in.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

/// Added to a number below 2^22, its last bits are the nearest whole number.
pub const SHIFT: f32 = 1.5 * (1 << 23) as f32;

/// A vector of f32 lanes. Every method needs the instruction set that the type stands for; what it rounds, it rounds as
/// IEEE says, unless it says otherwise.
pub trait Lanes: Copy {
    const N: usize;
    /// # Safety
    /// The instruction set must be there.
    unsafe fn splat(v: f32) -> Self;
    /// # Safety
    /// As [`Lanes::splat`]; `N` values must be readable at `p`.
    unsafe fn load(p: *const f32) -> Self;
    /// The first `count` lanes, less than `N`; 0 in the others.
    /// # Safety
    /// As [`Lanes::splat`]; `count` values must be readable at `p`.
    unsafe fn load_part(p: *const f32, count: usize) -> Self;
    /// # Safety
    /// As [`Lanes::splat`]; `N` values must be writable at `p`.
    unsafe fn store(self, p: *mut f32);
    /// # Safety
    /// As [`Lanes::splat`]; `count` values, less than `N`, must be writable at `p`.
    unsafe fn store_part(self, p: *mut f32, count: usize);
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn add(self, o: Self) -> Self;
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn sub(self, o: Self) -> Self;
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn mul(self, o: Self) -> Self;
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn div(self, o: Self) -> Self;
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn sqrt(self) -> Self;
    /// `self * a + b`, rounded once.
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn fma(self, a: Self, b: Self) -> Self;
    /// `self` where it is greater, `o` where not: where one is NaN or both are 0.
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn max(self, o: Self) -> Self;
    /// `self` where it is less, else `o`.
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn min(self, o: Self) -> Self;
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn abs(self) -> Self;
    /// With the sign of `o`; `self` has none.
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn with_sign(self, o: Self) -> Self;
    /// `yes` where `self` is negative (its sign bit is set), `no` elsewhere.
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn if_negative(self, yes: Self, no: Self) -> Self;
    /// `self * 2^n`, for whole `n` in [-200, 200].
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn scale(self, n: Self) -> Self;
    /// `self * 2^n` by the exponent alone, where neither is 0 nor the result out of range; `n` is what `shifted` is above
    /// [`SHIFT`].
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn raise(self, shifted: Self) -> Self;
    /// `1 / self` for numbers in [1, 2^126], all but always rounded as IEEE says.
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn reciprocal(self) -> Self;
    /// `self / o` for `o` in [1, 2^126], all but always rounded as IEEE says.
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn over(self, o: Self) -> Self;
    /// The largest whole number that is not above.
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn floor(self) -> Self;
    /// The sum of the lanes.
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn total(self) -> f32;
    /// The largest lane; no lane is NaN.
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn greatest(self) -> f32;

    /// NaN stays.
    /// # Safety
    /// As [`Lanes::splat`].
    #[inline(always)]
    unsafe fn clamp(self, lo: Self, hi: Self) -> Self {
        // SAFETY: promised by the caller.
        unsafe { hi.min(lo.max(self)) }
    }
}

/// The methods that are one intrinsic each.
macro_rules! intrinsics {
    ($($name:ident($($arg:ident),*) = $f:path, ($($given:expr),*);)*) => { $(
        #[inline(always)]
        unsafe fn $name(self $(, $arg: Self)*) -> Self {
            // SAFETY: the caller promises the instruction set.
            unsafe { $f(self $(, $given)*) }
        }
    )* };
}
use intrinsics;

/// A function that runs an `#[inline(always)]` one of a [`Lanes`] type on vectors of the level given, which must be there,
/// and says whether that has some. The names of what it is generic over are given twice, the second time as arguments.
macro_rules! by_lanes {
    ($(#[$doc:meta])* unsafe fn $name:ident[$($of:tt)*][$($given:tt)*]($($arg:ident: $type:ty),* $(,)?) = $inner:ident) => {
        $(#[$doc])*
        unsafe fn $name<$($of)*>(level: $crate::kernels::cpu::Level, $($arg: $type),*) -> bool {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            unsafe fn avx512<$($of)*>($($arg: $type),*) {
                // SAFETY: as promised.
                unsafe { $inner::<std::arch::x86_64::__m512, $($given)*>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2<$($of)*>($($arg: $type),*) {
                // SAFETY: as promised.
                unsafe { $inner::<std::arch::x86_64::__m256, $($given)*>($($arg),*) }
            }
            // SAFETY: the caller says that the level is there, and promises what the inner one asks for.
            unsafe {
                match level {
                    #[cfg(target_arch = "x86_64")]
                    $crate::kernels::cpu::Level::Avx512 => avx512::<$($given)*>($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::kernels::cpu::Level::Avx2 => avx2::<$($given)*>($($arg),*),
                    #[cfg(target_arch = "aarch64")]
                    $crate::kernels::cpu::Level::Neon | $crate::kernels::cpu::Level::NeonDot => {
                        $inner::<std::arch::aarch64::float32x4_t, $($given)*>($($arg),*);
                    }
                    _ => return false,
                }
            }
            true
        }
    };
}
pub(super) use by_lanes;

/// Several vectors side by side: the steps of one wait for each other, those of different ones don't, and a processor
/// does not look far enough ahead to find the next vector's by itself.
macro_rules! side_by_side {
    ($($name:ident($($arg:ident),*);)*) => { $(
        #[inline(always)]
        unsafe fn $name(mut self $(, $arg: Self)*) -> Self {
            for i in 0..K {
                // SAFETY: promised by the caller.
                self[i] = unsafe { self[i].$name($($arg[i]),*) };
            }
            self
        }
    )* };
}

impl<V: Lanes, const K: usize> Lanes for [V; K] {
    const N: usize = K * V::N;
    #[inline(always)]
    unsafe fn splat(v: f32) -> Self {
        // SAFETY: promised by the caller.
        unsafe { [V::splat(v); K] }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: promised by the caller.
        unsafe {
            let mut all = [V::splat(0.0); K];
            for i in 0..K {
                all[i] = V::load(p.add(i * V::N));
            }
            all
        }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, count: usize) -> Self {
        // SAFETY: promised by the caller; a whole vector is only read where it is there.
        unsafe {
            let mut all = [V::splat(0.0); K];
            for i in 0..K {
                all[i] = match count.saturating_sub(i * V::N) {
                    0 => all[i],
                    left if left < V::N => V::load_part(p.add(i * V::N), left),
                    _ => V::load(p.add(i * V::N)),
                };
            }
            all
        }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        for i in 0..K {
            // SAFETY: promised by the caller.
            unsafe { self[i].store(p.add(i * V::N)) };
        }
    }
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, count: usize) {
        for i in 0..K {
            // SAFETY: promised by the caller; a whole vector is only written where there is room.
            unsafe {
                match count.saturating_sub(i * V::N) {
                    0 => {}
                    left if left < V::N => self[i].store_part(p.add(i * V::N), left),
                    _ => self[i].store(p.add(i * V::N)),
                }
            }
        }
    }
    side_by_side! {
        add(o);
        sub(o);
        mul(o);
        div(o);
        sqrt();
        fma(a, b);
        max(o);
        min(o);
        abs();
        with_sign(o);
        if_negative(yes, no);
        scale(n);
        raise(shifted);
        reciprocal();
        over(o);
        floor();
    }
    #[inline(always)]
    unsafe fn total(self) -> f32 {
        // SAFETY: promised by the caller.
        unsafe {
            let mut all = self[0];
            for i in 1..K {
                all = all.add(self[i]);
            }
            all.total()
        }
    }
    #[inline(always)]
    unsafe fn greatest(self) -> f32 {
        // SAFETY: promised by the caller.
        unsafe {
            let mut all = self[0];
            for i in 1..K {
                all = all.max(self[i]);
            }
            all.greatest()
        }
    }
}
