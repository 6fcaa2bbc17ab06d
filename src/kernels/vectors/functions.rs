//! Functions of one f32 in vectors.

use super::as_c::AsC;
use super::lanes::{Lanes, SHIFT, by_lanes};
use super::{eigen, fdlibm};
use crate::kernels::cpu::Level;
use crate::kernels::elementwise::unary::UnaryOp;

/// A function of the lanes of a vector.
trait Function {
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn of<V: AsC>(x: V) -> V;
}

/// `q` in `e^r = 1 + r + r^2 q(r)`, from the constant on: the polynomial for [-ln 2 / 2, ln 2 / 2] whose largest error
/// is least (Remez' exchange), 3e-9 of `e^r`.
const EXP: [f32; 5] = [
    0.499_999_94,
    0.166_665_21,
    0.041_668_39,
    0.008_368_717,
    0.001_381_459_9,
];

/// `ln 2` in two parts, the first with 9 bits, so that its products with small whole numbers are exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// `e^x = 2^n (1 + r + rest)` with whole `n`, for `x` in [-120, 120]; `rest` is what `r` lacks, and `n` comes with
/// [`SHIFT`] added.
///
/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn exp_parts<V: Lanes>(x: V) -> (V, V, V) {
    // SAFETY: promised by the caller.
    unsafe {
        let shifted = x.fma(V::splat(std::f32::consts::LOG2_E), V::splat(SHIFT));
        let n = shifted.sub(V::splat(SHIFT));
        // Exact, then rounded with what the rounding leaves.
        let near = n.fma(V::splat(-LN_2[0]), x);
        let r = n.fma(V::splat(-LN_2[1]), near);
        let left = n.fma(V::splat(-LN_2[1]), near.sub(r));
        let mut sum = V::splat(EXP[4]);
        for coefficient in [EXP[3], EXP[2], EXP[1], EXP[0]] {
            sum = sum.fma(r, V::splat(coefficient));
        }
        (sum.fma(r.mul(r), left), r, shifted)
    }
}

/// `a + b + small`, rounded as if at once; `a` is 0 or the larger one.
///
/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn total<V: Lanes>(a: V, b: V, small: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        let sum = a.add(b);
        let lost = a.sub(sum).add(b);
        sum.add(lost.add(small))
    }
}

/// `e^x`, all but always the nearest f32, as C's; infinite and 0 where f32 has no more.
///
/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
pub unsafe fn exp<V: Lanes>(x: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        let (rest, r, shifted) = exp_parts(x.clamp(V::splat(-104.0), V::splat(89.0)));
        total(V::splat(1.0), r, rest).scale(shifted.sub(V::splat(SHIFT)))
    }
}

/// `e^x - 1` for `x` in [-87, 80], as [`exp`].
///
/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn less_one<V: Lanes>(x: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        let (rest, r, shifted) = exp_parts(x);
        let power = V::splat(1.0).raise(shifted);
        total(power.sub(V::splat(1.0)), r.mul(power), rest.mul(power))
    }
}

/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn minus<V: Lanes>(x: V) -> V {
    // SAFETY: promised by the caller. -0 - x is -x of every number.
    unsafe { V::splat(-0.0).sub(x) }
}

/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn logistic<V: Lanes>(x: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        // Outside it is all but 0 and 1.
        let x = minus(x).clamp(V::splat(-87.0), V::splat(87.0));
        let (rest, r, shifted) = exp_parts(x);
        let exp = total(V::splat(1.0), r, rest).raise(shifted);
        exp.add(V::splat(1.0)).reciprocal()
    }
}

/// As the plain kernel to the bit, where [`AsC`] is.
///
/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn exact_logistic<V: AsC>(x: V) -> V {
    // SAFETY: promised by the caller.
    unsafe { V::splat(1.0).div(V::splat(1.0).add(minus(x).exp_as_c())) }
}

/// By `e^±2|x| - 1`, as C libraries compute it.
///
/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn tanh<V: Lanes>(x: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        // From 10 on it is 1 in f32.
        let size = V::splat(10.0).min(x.abs());
        let doubled = size.add(size);
        // Negative where the size is below 1.
        let flat = size.sub(V::splat(1.0));
        let part = less_one(flat.if_negative(minus(doubled), doubled));
        let two = V::splat(2.0);
        let ratio = flat.if_negative(part, two).over(part.add(two));
        flat.if_negative(ratio.abs(), V::splat(1.0).sub(ratio))
            .with_sign(x)
    }
}

/// From here on `erf` is 1 in f32.
const FLAT: f32 = 3.92;

/// `erf(x) / x` as a polynomial in `x^2 / 8 - 1`, from the constant on: the one whose largest relative error for `x`
/// in [0, 3.92] is least (Remez' exchange), 5e-9; with f32's roundings `erf` is within 1.1e-7.
const ERF: [f32; 17] = [
    0.353_531,
    -0.176_576_21,
    0.131_674_98,
    -0.107_711_9,
    0.090_213_16,
    -0.074_705_99,
    0.059_842_557,
    -0.045_912_396,
    0.033_291_35,
    -0.021_950_392,
    0.013_694_495,
    -0.009_651_680_5,
    0.005_907_117,
    -0.001_409_911_8,
    0.000_357_490_03,
    -0.001_270_804_6,
    0.000_677_756_2,
];

/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn erf<V: Lanes>(x: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        let x = x.clamp(V::splat(-FLAT), V::splat(FLAT));
        let at = x.mul(x).fma(V::splat(0.125), V::splat(-1.0));
        let mut sum = V::splat(ERF[16]);
        let mut next = 16;
        while next > 0 {
            next -= 1;
            sum = sum.fma(at, V::splat(ERF[next]));
        }
        x.mul(sum).clamp(V::splat(-1.0), V::splat(1.0))
    }
}

/// `e^(z²) erfc(z) (1 + z / 2)` for `z` in [0, 10.4] as a polynomial of `1 / (1 + z / 2) - 1/2`, by weighted least squares at
/// Chebyshev nodes; within 2.7 * 2^-24 of it.
const TAIL: [f32; 9] = [
    0.510_791_36,
    0.687_160_97,
    0.558_939_16,
    0.145_741_33,
    -0.171_866_6,
    -0.103_010_74,
    0.095_326_364,
    0.048_391_253,
    -0.059_172_764,
];

/// `erfc(z)` for `z = size * slope` from 0 on, so that what is small is exact too; `square` is that of the slope.
///
/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn tail<V: Lanes>(size: V, slope: f32, square_of_slope: f32) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        // From there on it is 0 in f32.
        let size = V::splat(10.33 / slope).min(size);
        let square = size.mul(size);
        // What the square lacks; a rounded power of e would miss by as much as its exponent does.
        let lost = minus(size).fma(size, square).mul(V::splat(square_of_slope));
        // As `exp_parts`, which keeps places that the other factors lose.
        let x = square.mul(V::splat(-square_of_slope));
        let shifted = x.fma(V::splat(std::f32::consts::LOG2_E), V::splat(SHIFT));
        let n = shifted.sub(V::splat(SHIFT));
        let near = n.fma(V::splat(-LN_2[0]), x);
        let r = n.fma(V::splat(-LN_2[1]), near).add(lost);
        let mut power = V::splat(EXP[4]);
        for coefficient in [EXP[3], EXP[2], EXP[1], EXP[0], 1.0, 1.0] {
            power = power.fma(r, V::splat(coefficient));
        }
        let at = size.fma(V::splat(0.5 * slope), V::splat(1.0)).reciprocal();
        let centred = at.sub(V::splat(0.5));
        let mut sum = V::splat(TAIL[8]);
        let mut next = 8;
        while next > 0 {
            next -= 1;
            sum = sum.fma(centred, V::splat(TAIL[next]));
        }
        sum.mul(at).mul(power).scale(shifted.sub(V::splat(SHIFT)))
    }
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = |$x:ident: $v:ident| $value:expr;)*) => { $(
        $(#[$doc])*
        struct $name;
        impl Function for $name {
            #[inline(always)]
            unsafe fn of<$v: AsC>($x: $v) -> $v {
                // SAFETY: promised by the caller.
                unsafe { $value }
            }
        }
    )* };
}

functions! {
    Exp = |x: V| exp(x);
    ExactExp = |x: V| x.exp_as_c();
    Logistic = |x: V| logistic(x);
    ExactLogistic = |x: V| exact_logistic(x);
    Tanh = |x: V| tanh(x);
    ExactTanh = |x: V| fdlibm::tanh(x);
    Erf = |x: V| erf(x);
    Erfc = |x: V| {
        let tail = tail(x.abs(), 1.0, 1.0);
        x.if_negative(V::splat(2.0).sub(tail), tail)
    };
    Gelu = |x: V| {
        let tail = tail(x.abs(), std::f32::consts::FRAC_1_SQRT_2, 0.5);
        V::splat(0.5).mul(x).mul(x.if_negative(tail, V::splat(2.0).sub(tail)))
    };
    ExactGelu = |x: V| eigen::gelu(x);
    ExactGeluTanh = |x: V| {
        const ROOT: f32 = std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2;
        let cubic = V::splat(0.044715).mul(x.mul(x).mul(x));
        let tanh = eigen::tanh(V::splat(ROOT).mul(x.add(cubic)));
        V::splat(0.5).mul(x).mul(V::splat(1.0).add(tanh))
    };
    GeluTanh = |x: V| {
        // One and a tanh are twice the logistic function, without cancelling.
        const TWICE: f32 = -2.0 * std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2;
        let cubic = V::splat(0.044715).mul(x).mul(x).mul(x);
        x.div(exp(V::splat(TWICE).mul(x.add(cubic))).add(V::splat(1.0)))
    };
    /// As the product of the two.
    Swish = |x: V| x.mul(logistic(x));
    ExactSwish = |x: V| x.mul(exact_logistic(x));
    FiniteSwish = |x: V| x.mul(logistic(x)).clamp(V::splat(f32::MIN), V::splat(f32::MAX));
    ExactFiniteSwish = |x: V| x.mul(exact_logistic(x)).clamp(V::splat(f32::MIN), V::splat(f32::MAX));
    HardSwish = |x: V| {
        let gate = x.add(V::splat(3.0)).clamp(V::splat(0.0), V::splat(6.0));
        x.mul(gate).div(V::splat(6.0))
    };
    ExactElu = |x: V| x.if_negative(fdlibm::expm1(x), x);
    Elu = |x: V| x.if_negative(less_one(V::splat(-87.0).max(x)), x);
    Relu = |x: V| V::splat(0.0).max(x);
    Relu6 = |x: V| x.clamp(V::splat(0.0), V::splat(6.0));
    ReluN1To1 = |x: V| x.clamp(V::splat(-1.0), V::splat(1.0));
    Relu0To1 = |x: V| x.clamp(V::splat(0.0), V::splat(1.0));
    Abs = |x: V| x.abs();
    Neg = |x: V| minus(x);
    Square = |x: V| x.mul(x);
    Sqrt = |x: V| x.sqrt();
    Rsqrt = |x: V| V::splat(1.0).div(x.sqrt());
    Reciprocal = |x: V| V::splat(1.0).div(x);
}

pub fn run(level: Level, op: UnaryOp, exact: bool, x: Option<&[f32]>, out: &mut [f32]) -> bool {
    let run = match op {
        UnaryOp::Exp if exact => all::<ExactExp>,
        UnaryOp::Logistic if exact => all::<ExactLogistic>,
        UnaryOp::Exp => all::<Exp>,
        UnaryOp::Logistic => all::<Logistic>,
        UnaryOp::Tanh if exact => all::<ExactTanh>,
        UnaryOp::Elu if exact => all::<ExactElu>,
        UnaryOp::Tanh => all::<Tanh>,
        UnaryOp::Erf => all::<Erf>,
        UnaryOp::Erfc => all::<Erfc>,
        UnaryOp::Gelu if exact => exact_gelu,
        UnaryOp::GeluTanh if exact => all::<ExactGeluTanh>,
        UnaryOp::Gelu => all::<Gelu>,
        UnaryOp::GeluTanh => all::<GeluTanh>,
        UnaryOp::HardSwish => all::<HardSwish>,
        UnaryOp::Elu => all::<Elu>,
        UnaryOp::Relu => all::<Relu>,
        UnaryOp::Relu6 => all::<Relu6>,
        UnaryOp::ReluN1To1 => all::<ReluN1To1>,
        UnaryOp::Relu0To1 => all::<Relu0To1>,
        UnaryOp::Abs => all::<Abs>,
        UnaryOp::Neg => all::<Neg>,
        UnaryOp::Square => all::<Square>,
        UnaryOp::Sqrt => all::<Sqrt>,
        UnaryOp::Rsqrt => all::<Rsqrt>,
        UnaryOp::Reciprocal => all::<Reciprocal>,
        _ => return false,
    };
    run(level, x, out)
}

/// The numbers from the first on that AVX-512 computes in groups, if it is there.
#[cfg(target_arch = "x86_64")]
fn far_apart(level: Level, x: Option<&[f32]>, out: &mut [f32]) -> usize {
    if level != Level::Avx512 {
        return 0;
    }
    let len = x.map_or(out.len(), |x| x.len().min(out.len()));
    let to = out.as_mut_ptr();
    let from = x.map_or(to.cast_const(), <[f32]>::as_ptr);
    // SAFETY: the level is there; both slices have `len` values, and where they overlap they are the same.
    unsafe { eigen::gelu_in_groups(from, to, len) }
}

#[cfg(not(target_arch = "x86_64"))]
fn far_apart(_: Level, _: Option<&[f32]>, _: &mut [f32]) -> usize {
    0
}

fn exact_gelu(level: Level, x: Option<&[f32]>, out: &mut [f32]) -> bool {
    let done = far_apart(level, x, out);
    all::<ExactGelu>(level, x.map(|x| &x[done..]), &mut out[done..])
}

/// See [`super::swish`].
pub fn swish(
    level: Level,
    (exact, finite): (bool, bool),
    x: Option<&[f32]>,
    out: &mut [f32],
) -> bool {
    match (exact, finite) {
        (true, true) => all::<ExactFiniteSwish>(level, x, out),
        (true, false) => all::<ExactSwish>(level, x, out),
        (false, true) => all::<FiniteSwish>(level, x, out),
        (false, false) => all::<Swish>(level, x, out),
    }
}

fn all<F: Function>(level: Level, x: Option<&[f32]>, out: &mut [f32]) -> bool {
    let len = x.map_or(out.len(), |x| x.len().min(out.len()));
    let to = out.as_mut_ptr();
    let from = x.map_or(to.cast_const(), <[f32]>::as_ptr);
    // SAFETY: the level is there; both slices have `len` values, and where they overlap they are the same.
    unsafe { each_of::<F>(level, from, to, len) }
}

by_lanes! {
    /// # Safety
    /// As [`each`].
    unsafe fn each_of[F: Function][F](x: *const f32, out: *mut f32, len: usize) = each
}

/// Vectors that are worked on side by side.
const TOGETHER: usize = 4;

/// # Safety
/// As [`Lanes::splat`]; `len` values must be readable at `x` and writable at `out`, which may be the same place.
#[inline(always)]
unsafe fn each<V: AsC, F: Function>(x: *const f32, out: *mut f32, len: usize) {
    // SAFETY: promised by the caller; each vector is read before it is written.
    unsafe {
        let mut at = 0;
        while at + TOGETHER * V::N <= len {
            let all = F::of(<[V; TOGETHER]>::load(x.add(at)));
            all.store(out.add(at));
            at += TOGETHER * V::N;
        }
        while at + V::N <= len {
            F::of(V::load(x.add(at))).store(out.add(at));
            at += V::N;
        }
        if at < len {
            let last = F::of(V::load_part(x.add(at), len - at));
            last.store_part(out.add(at), len - at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::cpu;
    use crate::kernels::elementwise::unary::unary;

    const EQUAL: [UnaryOp; 11] = [
        UnaryOp::HardSwish,
        UnaryOp::Relu,
        UnaryOp::Relu6,
        UnaryOp::ReluN1To1,
        UnaryOp::Relu0To1,
        UnaryOp::Abs,
        UnaryOp::Neg,
        UnaryOp::Square,
        UnaryOp::Sqrt,
        UnaryOp::Rsqrt,
        UnaryOp::Reciprocal,
    ];

    /// Equal to the plain ones if they are to be.
    const EXACT: [UnaryOp; 6] = [
        UnaryOp::Exp,
        UnaryOp::Logistic,
        UnaryOp::Tanh,
        UnaryOp::Elu,
        UnaryOp::Gelu,
        UnaryOp::GeluTanh,
    ];

    /// Largest error in units of 2^-24 of the value; for those that add to 1, of the argument. Of every 31st f32 none had
    /// more than 4.8 (Erf), 4.5 (Logistic), 4.4 (Tanh).
    const CLOSE: [(UnaryOp, f32, bool); 8] = [
        (UnaryOp::Exp, 2.0, false),
        (UnaryOp::Logistic, 5.0, false),
        (UnaryOp::Tanh, 5.0, false),
        (UnaryOp::Erf, 6.0, false),
        (UnaryOp::Erfc, 8.0, false),
        (UnaryOp::Gelu, 4.0, true),
        (UnaryOp::GeluTanh, 4.0, true),
        (UnaryOp::Elu, 4.0, false),
    ];

    fn check(op: UnaryOp, x: &[f32], units: Option<(f32, bool)>) -> Result<(), TestCaseError> {
        let mut want = vec![0f32; x.len()];
        unary(op, x, &mut want);
        let exact = units.is_none();
        for level in cpu::levels() {
            let (mut out, mut over) = (vec![7f32; x.len()], x.to_vec());
            let ran = run(level, op, exact, Some(x), &mut out);
            prop_assert_eq!(ran, level > Level::Portable);
            if !ran {
                continue;
            }
            run(level, op, exact, None, &mut over);
            for (i, (&got, &want)) in out.iter().zip(&want).enumerate() {
                prop_assert!(got.to_bits() == over[i].to_bits());
                let allowed = match units {
                    None => 0.0,
                    Some((units, of_argument)) => {
                        let size = if of_argument { x[i].abs() } else { want.abs() };
                        // Far below 0 the plain functions overflow to 0.
                        units * f32::EPSILON / 2.0 * size + 1e-36
                    }
                };
                let same = got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
                prop_assert!(
                    same || (got - want).abs() <= allowed,
                    "{op:?} {level:?} of {}: {got:e}, not {want:e}",
                    x[i]
                );
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn as_the_plain_functions(
            exponents in proptest::collection::vec((-12f32..2.4, any::<bool>()), 1..70),
        ) {
            let x: Vec<f32> = exponents
                .iter()
                .map(|&(e, minus)| 10f32.powf(e) * if minus { -1.0 } else { 1.0 })
                .collect();
            for op in EQUAL {
                check(op, &x, None)?;
            }
            for (op, units, of_argument) in CLOSE {
                check(op, &x, Some((units, of_argument)))?;
            }
        }
    }

    #[test]
    fn exact_functions_are_those_of_the_plain_kernels() {
        let x: Vec<f32> = (0..=u32::MAX).step_by(5003).map(f32::from_bits).collect();
        for op in EXACT {
            check(op, &x, None).unwrap();
        }
    }

    proptest! {
        #[test]
        fn groups_of_far_numbers_find_their_places(
            x in proptest::collection::vec(-6f32..6.0, 200..1200),
            near in 0f32..1.0,
        ) {
            let x: Vec<f32> = x.into_iter().map(|x| if x.abs() < 6.0 * near { x / 8.0 } else { x }).collect();
            check(UnaryOp::Gelu, &x, None)?;
        }
    }

    #[test]
    fn a_swish_is_the_product_of_its_parts() {
        use crate::kernels::params::Clamp;
        let ends = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -0.0, f32::MAX];
        let x: Vec<f32> = (-3000..3000).map(|i| i as f32 / 30.0).chain(ends).collect();
        for level in cpu::levels() {
            for exact in [false, true] {
                for (finite, bounds) in [(true, Clamp::FINITE), (false, Clamp::NONE)] {
                    let (mut gate, mut got) = (vec![0f32; x.len()], x.clone());
                    let there = run(level, UnaryOp::Logistic, exact, Some(&x), &mut gate);
                    assert_eq!(swish(level, (exact, finite), None, &mut got), there);
                    if !there {
                        continue;
                    }
                    for ((got, x), gate) in got.iter().zip(&x).zip(gate) {
                        let want = bounds.apply(x * gate);
                        let same = got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
                        assert!(same, "{x}: {got}, not {want}");
                    }
                }
            }
        }
    }

    #[test]
    fn ends_are_those_of_the_plain_functions() {
        let x = [
            0.0,
            -0.0,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
            f32::MAX,
            f32::MIN,
            88.72,
            -103.0,
        ];
        for op in EQUAL {
            check(op, &x, None).unwrap();
        }
        for (op, units, of_argument) in CLOSE {
            check(op, &x, Some((units, of_argument))).unwrap();
        }
    }
}
