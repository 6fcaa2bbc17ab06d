//! `tanh(x)` and `e^x - 1` in vectors, to the bit as [`fdlibm`](crate::kernels::elementwise::fdlibm) has them one by one.

use std::f32::consts::LOG2_E;

use super::lanes::{Lanes, SHIFT};
use crate::kernels::elementwise::fdlibm::{DEEP, FLAT, LN_2, RATIONAL};

/// What there is of a power of `e`, `x = n ln 2 + r`.
struct Parts<V> {
    /// `n`, with [`SHIFT`] added.
    shifted: V,
    n: V,
    /// `e^r - 1`.
    near: V,
    /// `r` less a more exact `e^r - 1`.
    more: V,
}

/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn parts<V: Lanes>(x: V) -> Parts<V> {
    // SAFETY: promised by the caller.
    unsafe {
        let shifted = x.fma(V::splat(LOG2_E), V::splat(SHIFT));
        let n = shifted.sub(V::splat(SHIFT));
        let near = n.fma(V::splat(-LN_2[0]), x);
        let rest = n.mul(V::splat(LN_2[1]));
        let r = near.sub(rest);
        let lost = near.sub(r).sub(rest);
        let half = V::splat(0.5).mul(r);
        let square = r.mul(half);
        let mut sum = V::splat(RATIONAL[5]);
        let mut next = 5;
        while next > 0 {
            next -= 1;
            sum = V::splat(RATIONAL[next]).add(square.mul(sum));
        }
        let three = V::splat(3.0).sub(sum.mul(half));
        let below = V::splat(6.0).sub(r.mul(three));
        let e = square.mul(sum.sub(three).div(below));
        Parts {
            shifted,
            n,
            near: r.sub(r.mul(e).sub(square)),
            more: r.mul(e.sub(lost)).sub(lost).sub(square).sub(r),
        }
    }
}

impl<V: Lanes> Parts<V> {
    /// `e^x - 1`: of what is `base` and `less` below, where the power is small.
    ///
    /// # Safety
    /// As [`Lanes::splat`].
    #[inline(always)]
    unsafe fn total(self, base: V, less: V) -> V {
        // SAFETY: promised by the caller.
        unsafe {
            let power = V::splat(1.0).raise(self.shifted);
            base.sub(self.more).mul(power).sub(less)
        }
    }

    /// What the product with the power starts from, and what is taken from it, for `n` below 0.
    ///
    /// # Safety
    /// As [`Lanes::splat`].
    #[inline(always)]
    unsafe fn below(&self) -> (V, V) {
        // SAFETY: promised by the caller.
        unsafe {
            let one = V::splat(1.0);
            // Negative where `n` is -2 or less.
            let deep = self.n.add(V::splat(1.5));
            let base = deep.if_negative(one, V::splat(0.0));
            (base, deep.if_negative(one, V::splat(0.5)))
        }
    }
}

/// `e^x - 1` for `x` up to 0; NaN stays.
///
/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
pub unsafe fn expm1<V: Lanes>(x: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        let parts = parts(V::splat(DEEP).max(x));
        let ((base, less), near) = (parts.below(), parts.near);
        let some = parts.n.add(V::splat(0.5));
        some.if_negative(parts.total(base, less), near)
    }
}

/// `tanh(x)`; NaN stays.
///
/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
pub unsafe fn tanh<V: Lanes>(x: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        let (one, two) = (V::splat(1.0), V::splat(2.0));
        let size = V::splat(FLAT).min(x.abs());
        let doubled = size.add(size);
        let minus = V::splat(-0.0);
        // Negative where the size is below 1.
        let flat = size.sub(one);
        let parts = parts(flat.if_negative(minus.sub(doubled), doubled));
        let near = parts.near;
        // 2^-n, which is asked for where n is 3 or more.
        let inverse = one.raise(V::splat(2.0 * SHIFT).sub(parts.shifted));
        let (base, less) = parts.below();
        let base = flat.if_negative(base, one.sub(inverse));
        let less = flat.if_negative(less, V::splat(0.0));
        // Negative where n is 0.
        let none = parts.n.mul(parts.n).sub(V::splat(0.5));
        let t = none.if_negative(near, parts.total(base, less));
        let ratio = flat.if_negative(minus.sub(t), two).div(t.add(two));
        flat.if_negative(ratio.abs(), one.sub(ratio)).with_sign(x)
    }
}
