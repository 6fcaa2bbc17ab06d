//! CAST between number types in both dialects' rules.

use half::{bf16, f16};

use super::map;
use crate::kernels::params::Rules;

/// A type that can be cast from and to the others.
pub trait Castable: Copy {
    /// As TensorFlow Lite: floats truncate and saturate, NaN becomes the type's largest value; integers wrap.
    fn to<O: CastTarget>(self, rules: Rules) -> O;
}

/// The receiving side of a cast, from the two widest kinds of source.
pub trait CastTarget: Copy {
    fn from_integer(v: i128) -> Self;
    fn from_float(v: f64, rules: Rules) -> Self;
}

macro_rules! integer_sources {
    ($($t:ty)*) => { $(impl Castable for $t {
        #[inline(always)]
        fn to<O: CastTarget>(self, _: Rules) -> O { O::from_integer(self as i128) }
    })* };
}

macro_rules! float_sources {
    ($($t:ty)*) => { $(impl Castable for $t {
        #[inline(always)]
        fn to<O: CastTarget>(self, rules: Rules) -> O { O::from_float(f64::from(self), rules) }
    })* };
}

integer_sources! { i8 u8 i16 u16 i32 u32 i64 u64 }
float_sources! { f32 f64 f16 bf16 }

impl Castable for [f32; 2] {
    /// The real part.
    fn to<O: CastTarget>(self, rules: Rules) -> O {
        self[0].to(rules)
    }
}

impl Castable for [f64; 2] {
    /// The real part.
    fn to<O: CastTarget>(self, rules: Rules) -> O {
        self[0].to(rules)
    }
}

/// TensorFlow's answer on x86: small types through a 32-bit conversion that then wraps; what does not fit
/// becomes the wide type's smallest value.
fn wrap_through_i32(v: f64) -> i32 {
    let whole = v.trunc();
    if whole >= f64::from(i32::MIN) && whole <= f64::from(i32::MAX) {
        whole as i32
    } else {
        i32::MIN
    }
}

fn wrap_through_i64(v: f64) -> i64 {
    let whole = v.trunc();
    if (-(2f64.powi(63))..2f64.powi(63)).contains(&whole) {
        whole as i64
    } else {
        i64::MIN
    }
}

macro_rules! integer_targets {
    ($($t:ty, $wrap:ident;)*) => { $(impl CastTarget for $t {
        #[inline(always)]
        fn from_integer(v: i128) -> Self { v as $t }
        #[inline(always)]
        fn from_float(v: f64, rules: Rules) -> Self {
            match rules {
                Rules::TensorFlow => $wrap(v) as $t,
                Rules::Tflite if v.is_nan() => <$t>::MAX,
                Rules::Tflite => v as $t,
            }
        }
    })* };
}

integer_targets! {
    i8, wrap_through_i32; u8, wrap_through_i32; i16, wrap_through_i32; u16, wrap_through_i32;
    i32, wrap_through_i32; u32, wrap_through_i64; i64, wrap_through_i64; u64, wrap_through_u64;
}

fn wrap_through_u64(v: f64) -> u64 {
    if (2f64.powi(63)..2f64.powi(64)).contains(&v) {
        v as u64
    } else {
        wrap_through_i64(v) as u64
    }
}

macro_rules! float_targets {
    ($($t:ty, $float:expr, $integer:expr;)*) => { $(impl CastTarget for $t {
        #[inline(always)]
        fn from_integer(v: i128) -> Self { $integer(v) }
        #[inline(always)]
        fn from_float(v: f64, _: Rules) -> Self { $float(v) }
    })* };
}

float_targets! {
    f32, |v| v as f32, |v| v as f32;
    f64, |v| v, |v| v as f64;
    f16, |v: f64| f16::from_f32(v as f32), |v| f16::from_f32(v as f32);
    bf16, |v: f64| bf16::from_f32(v as f32), |v| bf16::from_f32(v as f32);
    [f32; 2], |v| [v as f32, 0.0], |v| [v as f32, 0.0];
    [f64; 2], |v| [v, 0.0], |v| [v as f64, 0.0];
}

/// A bool target: anything that is not zero is true, NaN included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(transparent)]
pub struct Bool(pub u8);

impl CastTarget for Bool {
    fn from_integer(v: i128) -> Self {
        Bool(u8::from(v != 0))
    }

    fn from_float(v: f64, _: Rules) -> Self {
        Bool(u8::from(v != 0.0))
    }
}

/// Casts element by element. A bool source is `u8`; for a bool target see the `Bool` type, whose slices are bytes.
/// Complex numbers keep their real part (for complex to complex copy or use [`cast_complex`]).
pub fn cast<X: Castable, O: CastTarget>(rules: Rules, x: &[X], out: &mut [O]) {
    map(x, out, |x| x.to(rules));
}

/// Between the two complex types.
pub fn cast_complex<X: Copy + Into<f64>, O>(
    x: &[[X; 2]],
    out: &mut [[O; 2]],
    narrow: impl Fn(f64) -> O,
) {
    map(x, out, |[re, im]| [narrow(re.into()), narrow(im.into())]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one<X: Castable, O: CastTarget>(x: X, rules: Rules) -> O {
        x.to(rules)
    }

    #[test]
    fn tensorflow_lite_saturates() {
        assert_eq!(one::<f32, i8>(300.7, Rules::Tflite), 127);
        assert_eq!(one::<f32, u8>(-1.9, Rules::Tflite), 0);
        assert_eq!(one::<f32, i64>(f32::NAN, Rules::Tflite), i64::MAX);
        assert_eq!(one::<i32, i8>(300, Rules::Tflite), 44);
        assert_eq!(one::<f32, Bool>(f32::NAN, Rules::Tflite), Bool(1));
    }

    #[test]
    fn tensorflow_wraps_through_32_bits() {
        assert_eq!(one::<f32, i8>(300.7, Rules::TensorFlow), 44);
        assert_eq!(one::<f32, u8>(-1.9, Rules::TensorFlow), 255);
        assert_eq!(one::<f32, i32>(3e9, Rules::TensorFlow), i32::MIN);
        assert_eq!(one::<f32, i64>(f32::INFINITY, Rules::TensorFlow), i64::MIN);
        assert_eq!(
            one::<f64, u64>(1.8e19, Rules::TensorFlow),
            18_000_000_000_000_000_000
        );
        for v in [f64::INFINITY, f64::NAN, 2e19, -1e19] {
            assert_eq!(one::<f64, u64>(v, Rules::TensorFlow), 1 << 63, "{v}");
        }
        assert_eq!(one::<f64, u64>(-2.5, Rules::TensorFlow), u64::MAX - 1);
    }
}
