//! Operators of two f32 operands in vectors.

use super::Spread;
use super::lanes::{Lanes, by_lanes};
use super::spread::SHORT;
use crate::kernels::cpu::Level;
use crate::kernels::elementwise::binary::BinaryOp;
use crate::kernels::params::Clamp;

trait Pair {
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn of<V: Lanes>(a: V, b: V) -> V;
}

macro_rules! pairs {
    ($($name:ident = |$a:ident, $b:ident| $value:expr;)*) => { $(
        struct $name;
        impl Pair for $name {
            #[inline(always)]
            unsafe fn of<V: Lanes>($a: V, $b: V) -> V {
                // SAFETY: promised by the caller.
                unsafe { $value }
            }
        }
    )* };
}

pairs! {
    Add = |a, b| a.add(b);
    Sub = |a, b| a.sub(b);
    Mul = |a, b| a.mul(b);
    Div = |a, b| a.div(b);
    SquaredDifference = |a, b| {
        let d = a.sub(b);
        d.mul(d)
    };
}

/// What a run works on.
struct Job<'j> {
    bounds: Clamp,
    spread: &'j Spread,
    first: usize,
    operands: [Option<&'j [f32]>; 2],
    out: &'j mut [f32],
}

pub fn run(
    level: Level,
    op: BinaryOp,
    bounds: Clamp,
    spread: &Spread,
    first: usize,
    operands: [Option<&[f32]>; 2],
    out: &mut [f32],
) -> bool {
    let run = match op {
        BinaryOp::Add => all::<Add>,
        BinaryOp::Sub => all::<Sub>,
        BinaryOp::Mul => all::<Mul>,
        BinaryOp::Div => all::<Div>,
        BinaryOp::SquaredDifference => all::<SquaredDifference>,
        _ => return false,
    };
    if out.is_empty() {
        return true;
    }
    let job = Job {
        bounds,
        spread,
        first,
        operands,
        out,
    };
    run(level, job)
}

fn all<P: Pair>(level: Level, job: Job) -> bool {
    // SAFETY: the level is there.
    unsafe { rows_of::<P>(level, job) }
}

by_lanes! {
    /// # Safety
    /// As [`rows`].
    unsafe fn rows_of[P: Pair][P](job: Job) = rows
}

/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn rows<V: Lanes, P: Pair>(job: Job) {
    let Job {
        bounds,
        spread,
        first,
        operands,
        out,
    } = job;
    let counts = operands.map(|operand| operand.map(<[f32]>::len));
    let rows = spread.rows(first, out.len(), counts);
    let to = out.as_mut_ptr();
    let mut done = 0;
    // SAFETY: promised by the caller; `rows` lie within operands of the sizes that it has checked, and one after the other
    // fill `out`. Where one operand is a short row, the other has the sizes of the result, whose part begins at `first`.
    unsafe {
        let bounds = (V::splat(bounds.lo), V::splat(bounds.hi));
        if let Some((again, short)) = spread.short_row()
            && let Some(values) = operands[again]
            && out.len() > short
        {
            let mut repeated = [0f32; SHORT * 8];
            let long = repeated.len() / short * short;
            repeated[..long]
                .chunks_exact_mut(short)
                .for_each(|row| row.copy_from_slice(values));
            while done < out.len() {
                let to = to.add(done);
                let len = long.min(out.len() - done);
                let mut from = [repeated.as_ptr(); 2];
                from[1 - again] = match operands[1 - again] {
                    Some(values) => values.as_ptr().add(first + done),
                    None => to.cast_const(),
                };
                row::<V, P, 1, 1>(to, len, from, bounds);
                done += len;
            }
            return;
        }
        for (at, len) in rows {
            let to = to.add(done);
            let mut from = [to.cast_const(); 2];
            for (from, (operand, at)) in from.iter_mut().zip(operands.iter().zip(at)) {
                if let Some(values) = operand {
                    *from = values.as_ptr().add(at);
                }
            }
            match spread.steps() {
                [0, _] => row::<V, P, 0, 1>(to, len, from, bounds),
                [_, 0] => row::<V, P, 1, 0>(to, len, from, bounds),
                _ => row::<V, P, 1, 1>(to, len, from, bounds),
            }
            done += len;
        }
    }
}

/// # Safety
/// As [`Lanes::splat`]; `len` values must be readable at the operands, one where the step is 0, and writable at `to`. An
/// operand with step 1 may be the same place.
#[inline(always)]
unsafe fn row<V: Lanes, P: Pair, const STEP_A: usize, const STEP_B: usize>(
    to: *mut f32,
    len: usize,
    [a, b]: [*const f32; 2],
    (lo, hi): (V, V),
) {
    // SAFETY: promised by the caller.
    unsafe {
        let first = (V::splat(*a), V::splat(*b));
        let mut at = 0;
        while at + V::N <= len {
            let a = if STEP_A == 0 {
                first.0
            } else {
                V::load(a.add(at))
            };
            let b = if STEP_B == 0 {
                first.1
            } else {
                V::load(b.add(at))
            };
            P::of(a, b).clamp(lo, hi).store(to.add(at));
            at += V::N;
        }
        if at < len {
            let left = len - at;
            let a = if STEP_A == 0 {
                first.0
            } else {
                V::load_part(a.add(at), left)
            };
            let b = if STEP_B == 0 {
                first.1
            } else {
                V::load_part(b.add(at), left)
            };
            P::of(a, b).clamp(lo, hi).store_part(to.add(at), left);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::cpu;
    use crate::kernels::elementwise::binary::binary;
    use crate::kernels::params::Rules;

    const OPS: [BinaryOp; 5] = [
        BinaryOp::Add,
        BinaryOp::Sub,
        BinaryOp::Mul,
        BinaryOp::Div,
        BinaryOp::SquaredDifference,
    ];

    fn values(seed: usize, len: usize) -> Vec<f32> {
        let value = |i: usize| match (i * 131 + seed * 7) % 61 {
            0 => f32::INFINITY,
            1 => f32::NAN,
            2 => -0.0,
            n => (n as f32 - 30.0) * 0.37,
        };
        (0..len).map(value).collect()
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        let bits = |v: &f32| if v.is_nan() { 1 } else { v.to_bits() };
        values.iter().map(bits).collect()
    }

    proptest! {
        #[test]
        fn as_the_plain_operators(
            axes in prop::collection::vec((1usize..40, 0usize..4), 1..4),
            op in 0usize..5,
            bounds in prop::sample::select(vec![Clamp::NONE, Clamp::FINITE, Clamp::RELU, Clamp::RELU6]),
            parts in 1usize..4,
        ) {
            let op = OPS[op];
            let out: Vec<usize> = axes.iter().map(|a| a.0).collect();
            let kept = |which: usize| -> Vec<usize> {
                axes.iter().map(|&(size, once)| if once == which { 1 } else { size }).collect()
            };
            let (shape_a, shape_b) = (kept(1), kept(2));
            let count = |shape: &[usize]| shape.iter().product::<usize>();
            let (a, b) = (values(1, count(&shape_a)), values(2, count(&shape_b)));
            let mut want = vec![0f32; count(&out)];
            binary(op, Rules::Tflite, (&a, &shape_a), (&b, &shape_b), (&mut want, &out)).unwrap();
            bounds.apply_all(&mut want);
            let spread = Spread::new([&shape_a, &shape_b], &out).unwrap();
            let grain = spread.grain();
            let part = (want.len() / grain).div_ceil(parts) * grain;
            for level in cpu::levels().filter(|&l| l > Level::Portable) {
                let mut got = vec![0f32; want.len()];
                for (at, got) in got.chunks_mut(part).enumerate() {
                    prop_assert!(run(level, op, bounds, &spread, at * part, [Some(&a), Some(&b)], got));
                }
                prop_assert_eq!(bits(&got), bits(&want));
                if shape_a == out {
                    let mut over = a.clone();
                    run(level, op, bounds, &spread, 0, [None, Some(&b)], &mut over);
                    prop_assert_eq!(bits(&over), bits(&want));
                }
                if shape_b == out {
                    let mut over = b.clone();
                    run(level, op, bounds, &spread, 0, [Some(&a), None], &mut over);
                    prop_assert_eq!(bits(&over), bits(&want));
                }
            }
        }
    }
}
