//! What elementwise operators need of a number type.

use half::{bf16, f16};

/// Real numbers of every width. Integers wrap; half types compute in f32 and round once.
pub trait Number: Copy + Default + PartialOrd + Send + Sync + 'static {
    /// Whether a zero divisor is an error (integers).
    const INTEGER: bool;
    /// Whether most of what models compute is in this type, so that a loop for every way to broadcast is worth its room.
    const USUAL: bool;
    const ZERO: Self;
    fn add(self, o: Self) -> Self;
    fn sub(self, o: Self) -> Self;
    fn mul(self, o: Self) -> Self;
    /// Integers truncate toward zero; the divisor is not 0.
    fn div(self, o: Self) -> Self;
    fn floor_div(self, o: Self) -> Self;
    /// The remainder with the divisor's sign.
    fn floor_mod(self, o: Self) -> Self;
    /// The remainder with the dividend's sign.
    fn truncate_mod(self, o: Self) -> Self;
    /// Integers wrap; a negative integer exponent gives 0 (or +-1 for bases +-1).
    fn pow(self, o: Self) -> Self;
    fn atan2(self, o: Self) -> Self;
    fn is_nan(self) -> bool;
    fn from_f64(v: f64) -> Self;
    fn to_f64(self) -> f64;
    /// The smallest and the largest finite number.
    fn lowest() -> Self;
    fn highest() -> Self;
}

macro_rules! integers {
    ($($t:ty)*) => { $(impl Number for $t {
        const INTEGER: bool = true;
        const USUAL: bool = false;
        const ZERO: Self = 0;
        #[inline(always)]
        fn add(self, o: Self) -> Self { self.wrapping_add(o) }
        #[inline(always)]
        fn sub(self, o: Self) -> Self { self.wrapping_sub(o) }
        #[inline(always)]
        fn mul(self, o: Self) -> Self { self.wrapping_mul(o) }
        #[inline(always)]
        fn div(self, o: Self) -> Self { self.wrapping_div(o) }
        #[inline(always)]
        #[allow(unused_comparisons)]
        fn floor_div(self, o: Self) -> Self {
            let q = self.wrapping_div(o);
            if self.wrapping_rem(o) != 0 && (self < 0) != (o < 0) { q - 1 } else { q }
        }
        #[inline(always)]
        #[allow(unused_comparisons)]
        fn floor_mod(self, o: Self) -> Self {
            let r = self.wrapping_rem(o);
            if r != 0 && (r < 0) != (o < 0) { r.wrapping_add(o) } else { r }
        }
        #[inline(always)]
        fn truncate_mod(self, o: Self) -> Self { self.wrapping_rem(o) }
        #[allow(unused_comparisons)]
        fn pow(self, o: Self) -> Self {
            if o < 0 {
                return match self {
                    1 => 1,
                    b if b.wrapping_add(1) == 0 => if o & 1 == 0 { 1 } else { b },
                    _ => 0,
                };
            }
            let (mut base, mut left, mut result) = (self, o, 1 as $t);
            while left != 0 {
                if left & 1 != 0 { result = result.wrapping_mul(base); }
                base = base.wrapping_mul(base);
                left >>= 1;
            }
            result
        }
        fn atan2(self, o: Self) -> Self { Self::from_f64((self as f64).atan2(o as f64)) }
        #[inline(always)]
        fn is_nan(self) -> bool { false }
        fn from_f64(v: f64) -> Self { v as $t }
        fn to_f64(self) -> f64 { self as f64 }
        fn lowest() -> Self { <$t>::MIN }
        fn highest() -> Self { <$t>::MAX }
    })* };
}

integers! { i8 u8 i16 u16 i32 u32 i64 u64 }

macro_rules! floats {
    ($($t:ident, $usual:expr;)*) => { $(impl Number for $t {
        const INTEGER: bool = false;
        const USUAL: bool = $usual;
        const ZERO: Self = 0.0;
        #[inline(always)]
        fn add(self, o: Self) -> Self { self + o }
        #[inline(always)]
        fn sub(self, o: Self) -> Self { self - o }
        #[inline(always)]
        fn mul(self, o: Self) -> Self { self * o }
        #[inline(always)]
        fn div(self, o: Self) -> Self { self / o }
        #[inline(always)]
        fn floor_div(self, o: Self) -> Self { (self / o).floor() }
        #[inline(always)]
        fn floor_mod(self, o: Self) -> Self {
            let r = self % o;
            if r != 0.0 && (r < 0.0) != (o < 0.0) { r + o } else { r }
        }
        #[inline(always)]
        fn truncate_mod(self, o: Self) -> Self { self % o }
        #[inline(always)]
        fn pow(self, o: Self) -> Self { self.powf(o) }
        #[inline(always)]
        fn atan2(self, o: Self) -> Self { $t::atan2(self, o) }
        #[inline(always)]
        fn is_nan(self) -> bool { $t::is_nan(self) }
        fn from_f64(v: f64) -> Self { v as $t }
        fn to_f64(self) -> f64 { f64::from(self) }
        fn lowest() -> Self { $t::MIN }
        fn highest() -> Self { $t::MAX }
    })* };
}

floats! { f32, true; f64, false; }

macro_rules! halves {
    ($($t:ident)*) => { $(impl Number for $t {
        const INTEGER: bool = false;
        const USUAL: bool = false;
        const ZERO: Self = $t::ZERO;
        fn add(self, o: Self) -> Self { Self::from_f32(self.to_f32() + o.to_f32()) }
        fn sub(self, o: Self) -> Self { Self::from_f32(self.to_f32() - o.to_f32()) }
        fn mul(self, o: Self) -> Self { Self::from_f32(self.to_f32() * o.to_f32()) }
        fn div(self, o: Self) -> Self { Self::from_f32(self.to_f32() / o.to_f32()) }
        fn floor_div(self, o: Self) -> Self { Self::from_f32(self.to_f32().floor_div(o.to_f32())) }
        fn floor_mod(self, o: Self) -> Self { Self::from_f32(self.to_f32().floor_mod(o.to_f32())) }
        fn truncate_mod(self, o: Self) -> Self { Self::from_f32(self.to_f32() % o.to_f32()) }
        fn pow(self, o: Self) -> Self { Self::from_f32(self.to_f32().powf(o.to_f32())) }
        fn atan2(self, o: Self) -> Self { Self::from_f32(self.to_f32().atan2(o.to_f32())) }
        fn is_nan(self) -> bool { $t::is_nan(self) }
        fn from_f64(v: f64) -> Self { $t::from_f64(v) }
        fn to_f64(self) -> f64 { f64::from(self) }
        fn lowest() -> Self { $t::MIN }
        fn highest() -> Self { $t::MAX }
    })* };
}

halves! { f16 bf16 }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisions_floor_and_wrap() {
        assert_eq!((-7i32).floor_div(2), -4);
        assert_eq!((-7i32).floor_mod(2), 1);
        assert_eq!(7i32.floor_mod(-2), -1);
        assert_eq!(200u8.floor_div(7), 28);
        assert_eq!((-7.0f32).floor_mod(2.0), 1.0);
        assert_eq!(Number::div(i32::MIN, -1), i32::MIN);
        assert_eq!(i32::MAX.add(1), i32::MIN);
        assert_eq!(Number::pow(2i32, 31), i32::MIN);
        assert_eq!(Number::pow(-1i32, -3), -1);
        assert_eq!(Number::pow(3u8, 2), 9);
    }
}
