//! Elementwise operators that write over an operand that nothing else needs.
//!
//! Kernels read one slice and write another; where both are the same memory they work on a few elements at a time,
//! copied aside. Every element is computed alone, so the answers are the same.

use super::{Io, Prepared};
use crate::error::Result;
use crate::kernels::vectors::Spread;
use crate::model::Element;

/// Elements that are copied aside at once.
const CHUNK: usize = 512;

/// A function of each element of input 0.
pub fn unary<T: Element + Send + Sync>(
    run: impl Fn(&[T], &mut [T]) + Send + Sync + 'static,
) -> Result<Prepared> {
    elements(move |x, out| apart(x, out, &run))
}

/// Runs `run`, which needs two places, on what `out` holds if there is no `x`.
pub fn apart<T: Element>(x: Option<&[T]>, out: &mut [T], run: &dyn Fn(&[T], &mut [T])) {
    if let Some(x) = x {
        return run(x, out);
    }
    let mut aside = [T::zeroed(); CHUNK];
    for part in out.chunks_mut(CHUNK) {
        let x = &mut aside[..part.len()];
        x.copy_from_slice(part);
        run(x, part);
    }
}

/// The same, split among threads. What `run` gets as `None` is what the output holds.
pub fn elements<T: Element + Send + Sync>(
    run: impl Fn(Option<&[T]>, &mut [T]) + Send + Sync + 'static,
) -> Result<Prepared> {
    elements_of(0, &[], run)
}

/// The same of input `input`, 0 or 1, where those that are `unread` don't matter.
pub fn elements_of<T: Element + Send + Sync>(
    input: usize,
    unread: &'static [usize],
    run: impl Fn(Option<&[T]>, &mut [T]) + Send + Sync + 'static,
) -> Result<Prepared> {
    let places: &[usize] = if input == 0 { &[0] } else { &[1] };
    Prepared::in_place_packed(places, unread, move |io| {
        let x = match io.is_in_place(input) {
            true => None,
            false => Some(io.input::<T>(input)?),
        };
        let out = io.output::<T>(0)?;
        io.threads.elements(out, 1, |first, out| {
            run(x.map(|x| &x[first..first + out.len()]), out);
        });
        Ok(())
    })
}

/// A function of inputs 0 and 1, spread over the result and split among threads: it gets the element that a part of the
/// result begins with, the whole operands and the part. An operand that is `None` is what the part holds; inputs of
/// which that may be are `full`.
pub fn spread<T: Element + Send + Sync>(
    spread: Spread,
    full: &'static [usize],
    run: impl Fn(&Spread, usize, [Option<&[T]>; 2], &mut [T]) + Send + Sync + 'static,
) -> Result<Prepared> {
    Prepared::in_place(full, move |io| {
        let operand = |input: usize| match io.is_in_place(input) {
            true => Ok(None),
            false => io.input::<T>(input).map(Some),
        };
        let operands = [operand(0)?, operand(1)?];
        let out = io.output::<T>(0)?;
        io.threads.elements(out, spread.grain(), |first, out| {
            run(&spread, first, operands, out);
        });
        Ok(())
    })
}

/// An operand, or the result, with its sizes.
pub type Operand<'a, T> = (&'a [T], &'a [usize]);

/// Sizes of both operands and of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    pub a: Vec<usize>,
    pub b: Vec<usize>,
    pub out: Vec<usize>,
}

impl Sizes {
    /// Operands that have the result's sizes, where the other one repeats a whole number of times within it.
    pub fn full(&self) -> &'static [usize] {
        let a = period(&self.a, &self.b, &self.out).is_some();
        let b = period(&self.b, &self.a, &self.out).is_some();
        match (a, b) {
            (true, true) => &[0, 1],
            (true, false) => &[0],
            (false, true) => &[1],
            (false, false) => &[],
        }
    }
}

/// Elements of `other` after which it repeats along the result, if `full` has the result's sizes.
fn period(full: &[usize], other: &[usize], out: &[usize]) -> Option<usize> {
    let whole = bare(full) == bare(out);
    let repeats = out.len() >= bare(other).len() && out.ends_with(bare(other));
    (whole && repeats).then(|| bare(other).iter().product())
}

/// Without the leading axes of size 1.
fn bare(sizes: &[usize]) -> &[usize] {
    let lead = sizes.iter().take_while(|&&size| size == 1).count();
    &sizes[lead..]
}

/// A function of pairs of elements of inputs 0 and 1, both broadcast to the result. One that is not `piecemeal`
/// looks at whole operands before it begins, so it never writes over one.
pub fn binary<T: Element>(
    sizes: Sizes,
    piecemeal: bool,
    run: impl for<'a> Fn(Operand<'a, T>, Operand<'a, T>, (&'a mut [T], &'a [usize])) -> Result<()>
    + Send
    + Sync
    + 'static,
) -> Result<Prepared> {
    let places = if piecemeal { sizes.full() } else { &[] };
    Prepared::in_place(places, move |io| run_binary(io, &sizes, &run))
}

type Pairs<'f, T> =
    &'f dyn for<'a> Fn(Operand<'a, T>, Operand<'a, T>, (&'a mut [T], &'a [usize])) -> Result<()>;

fn run_binary<T: Element>(io: &mut Io, sizes: &Sizes, run: Pairs<T>) -> Result<()> {
    let Sizes { a, b, out } = sizes;
    match (io.is_in_place(0), io.is_in_place(1)) {
        (true, false) => over(io, 1, run),
        (false, true) => over(io, 0, run),
        _ => run((io.input(0)?, a), (io.input(1)?, b), (io.output(0)?, out)),
    }
}

/// Runs `f` on what the output holds and input `other`, in the order of the inputs, piece by piece; the other one
/// repeats.
fn over<T: Element>(io: &mut Io, input: usize, f: Pairs<T>) -> Result<()> {
    let (other, out) = (io.input::<T>(input)?, io.output::<T>(0)?);
    let mut aside = [T::zeroed(); CHUNK];
    if other.is_empty() {
        return Ok(());
    }
    // Several repetitions at once where they fit, else parts of one.
    let rows = (CHUNK / other.len()).max(1);
    for part in out.chunks_mut(rows * other.len()) {
        let width = other.len().min(CHUNK);
        for (from, part) in part.chunks_mut(rows * width).enumerate() {
            let other = &other[from * width..];
            let width = width.min(other.len());
            let (sizes, own) = ([part.len() / width, width], [width]);
            let x = &mut aside[..part.len()];
            x.copy_from_slice(part);
            let (x, other) = ((&*x, &sizes[..]), (&other[..width], &own[..]));
            let (a, b) = if input == 1 { (x, other) } else { (other, x) };
            f(a, b, (part, &sizes))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Threads;
    use crate::kernels::elementwise::zip;
    use crate::model::Tensor;
    use crate::ops::View;
    use proptest::prelude::*;

    fn subtract(a: Operand<i32>, b: Operand<i32>, out: (&mut [i32], &[usize])) -> Result<()> {
        zip(a, b, out, |x, y| x.wrapping_sub(y));
        Ok(())
    }

    /// The result with each operand in a place of its own, and over operand `slot`.
    fn both(sizes: &Sizes, slot: usize) -> (Vec<i32>, Vec<i32>) {
        let values = |sizes: &[usize], factor: usize| -> Vec<i32> {
            let count = sizes.iter().product();
            (0..count)
                .map(|i: usize| (i * factor % 1009) as i32)
                .collect()
        };
        let (a, b) = (values(&sizes.a, 7), values(&sizes.b, 31));
        let mut apart = vec![0; sizes.out.iter().product()];
        let whole = (&mut *apart, &*sizes.out);
        subtract((&a, &sizes.a), (&b, &sizes.b), whole).unwrap();
        let Ok(Prepared::Kernel(kernel)) = binary(sizes.clone(), true, subtract) else {
            panic!("no kernel");
        };
        assert!(kernel.in_place().contains(&slot));
        let mut over = if slot == 0 { a.clone() } else { b.clone() };
        let (a, b) = (
            Tensor::from_values(&sizes.a, &a),
            Tensor::from_values(&sizes.b, &b),
        );
        let mut inputs = [Some(View::of(&a)), Some(View::of(&b))];
        inputs[slot] = None;
        kernel
            .run(&mut Io {
                inputs: &inputs,
                outputs: &mut [Some(bytemuck::cast_slice_mut(&mut over))],
                threads: &Threads::single(),
                scratch: &mut [],
            })
            .unwrap();
        (apart, over)
    }

    proptest! {
        #[test]
        fn the_place_changes_nothing(
            out in prop::collection::vec(1usize..40, 1..4),
            kept in 0usize..4,
            ones in 0usize..2,
            slot in 0usize..2,
        ) {
            let mut other = vec![1; ones.min(out.len() - kept.min(out.len()))];
            other.extend(&out[out.len() - kept.min(out.len())..]);
            let sizes = match slot {
                0 => Sizes { a: out.clone(), b: other, out },
                _ => Sizes { a: other, b: out.clone(), out },
            };
            let (apart, over) = both(&sizes, slot);
            prop_assert_eq!(apart, over);
        }
    }

    #[test]
    fn an_operand_that_spreads_is_not_written_over() {
        let sizes = |a: &[usize], b: &[usize], out: &[usize]| Sizes {
            a: a.to_vec(),
            b: b.to_vec(),
            out: out.to_vec(),
        };
        assert_eq!(sizes(&[4, 3], &[3], &[4, 3]).full(), [0]);
        assert_eq!(sizes(&[1], &[4, 3], &[4, 3]).full(), [1]);
        assert_eq!(sizes(&[4, 1], &[4, 3], &[4, 3]).full(), [] as [usize; 0]);
        assert_eq!(sizes(&[4, 3], &[4, 3], &[4, 3]).full(), [0, 1]);
        assert_eq!(sizes(&[4, 1], &[1, 3], &[4, 3]).full(), [] as [usize; 0]);
    }
}
