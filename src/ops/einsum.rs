//! Sums of products over named axes.

use half::bf16;

use super::cost::{Label, einsum_labels, equation, labels};
use super::halves::Lengths;
use super::types::with_type;
use super::{Context, Fact, Io, Operator, Prepared, View, room_bytes};
use crate::error::{Error, Result};
use crate::kernels::einsum::{Operand, Pair, Single};
use crate::kernels::fast::FastMatMul;
use crate::kernels::reference::matmul::{MulAdd, batch_matmul};
use crate::model::{DType, Element, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] =
    &[Operator::new(&["Einsum", "XlaEinsum"], &[], infer, prepare)];

/// The equation with the labels as numbers.
struct Equation {
    operands: Vec<Vec<u32>>,
    result: Vec<u32>,
    sizes: Vec<usize>,
}

impl Equation {
    /// `None` where the shape of an operand is not known.
    fn of(cx: &Context) -> Result<Option<Self>> {
        let unfit = || cx.wrong("its operands don't fit its equation");
        let (terms, result) = equation(cx.node).ok_or_else(unfit)?;
        let known = |fact: &Option<Fact>| fact.as_ref().is_some_and(|f| f.shape.fixed().is_some());
        if !cx.inputs.iter().all(known) {
            return Ok(None);
        }
        let sizes = einsum_labels(cx.node, cx.inputs).ok_or_else(unfit)?;
        let number = |label: &Label| {
            let at = sizes.keys().position(|known| known == label);
            at.map(|at| at as u32).ok_or_else(unfit)
        };
        let mut operands = Vec::new();
        for (at, term) in terms.iter().enumerate() {
            let shape = cx.sizes(at)?;
            let labels = labels(term, Some(shape.len())).ok_or_else(unfit)?;
            for (label, &size) in labels.iter().zip(&shape) {
                let whole = sizes[label] as usize;
                let one = size == 1 && matches!(label, Label::Ellipsis(_));
                if size != whole && !one {
                    return Err(unfit());
                }
            }
            operands.push(labels.iter().map(number).collect::<Result<_>>()?);
        }
        let wide = sizes
            .keys()
            .filter(|label| matches!(label, Label::Ellipsis(_)));
        let named = result.replace("...", "").chars().count();
        let labels = labels(&result, Some(wide.count() + named)).ok_or_else(unfit)?;
        Ok(Some(Equation {
            operands,
            result: labels.iter().map(number).collect::<Result<_>>()?,
            sizes: sizes.values().map(|&size| size as usize).collect(),
        }))
    }
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    match Equation::of(cx)? {
        Some(e) => {
            let sizes: Vec<usize> = e.result.iter().map(|&l| e.sizes[l as usize]).collect();
            cx.one(dtype, Shape::of(&sizes))
        }
        None => cx.one(dtype, Shape::UNKNOWN),
    }
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let Some(equation) = Equation::of(cx)? else {
        return super::later();
    };
    let dtype = cx.dtype(0)?;
    if cx.inputs.iter().flatten().any(|fact| fact.dtype != dtype) {
        return Err(cx.unsupported("operands of several types"));
    }
    let shapes = (0..equation.operands.len()).map(|at| cx.sizes(at));
    let shapes = shapes.collect::<Result<Vec<_>>>()?;
    let operands: Vec<Operand> = (equation.operands.iter().zip(&shapes))
        .map(|(labels, shape)| Operand::new(labels, shape))
        .collect();
    match &operands[..] {
        [a] => single(cx, dtype, Single::new(a, &equation.result)),
        [a, b] => {
            let pair = Pair::new([a, b], &equation.result);
            match dtype {
                DType::Float32 if !cx.options.reference => fast(pair),
                DType::BFloat16 => rounded_once(pair),
                _ => plain(cx, dtype, pair),
            }
        }
        _ => chain(cx, dtype, equation, shapes),
    }
}

fn single(cx: &Context, dtype: DType, single: Single) -> Result<Prepared> {
    if dtype == DType::BFloat16 {
        let length = cx.sizes(0)?.iter().product();
        let sums = infer(cx)?.pop().and_then(|fact| fact.shape.elements());
        let sums = sums.ok_or_else(|| cx.wrong("an input of unknown shape"))?;
        let lengths = Lengths {
            operands: [length],
            result: sums,
        };
        return Prepared::with_room(lengths.bytes(), move |io| {
            let (x, out) = (io.input::<bf16>(0)?, io.output(0)?);
            let wide = lengths.room(io)?;
            wide.run([x], out, |[x], sums| single.run(1.0, x, sums));
            Ok(())
        });
    }
    with_type!(dtype, T in [
        Float32: f32, Float64: f64, Float16: half::f16, BFloat16: half::bf16, Int32: i32, Int64: i64,
        Complex64: [f32; 2], Complex128: [f64; 2],
    ] => Prepared::function(move |io| {
        let x = io.input::<T>(0)?;
        single.run(one(), x, io.output::<T>(0)?);
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
}

/// The number 1 of any type with products.
trait One {
    fn one() -> Self;
}

macro_rules! ones {
    ($($ty:ty => $one:expr),*) => { $(impl One for $ty { fn one() -> Self { $one } })* };
}

ones! {
    f32 => 1.0, f64 => 1.0, half::f16 => half::f16::ONE, half::bf16 => half::bf16::ONE, i32 => 1, i64 => 1,
    [f32; 2] => [1.0, 0.0], [f64; 2] => [1.0, 0.0]
}

fn one<T: One>() -> T {
    T::one()
}

fn plain(cx: &Context, dtype: DType, pair: Pair) -> Result<Prepared> {
    with_type!(dtype, T in [
        Float32: f32, Float64: f64, Float16: half::f16, BFloat16: half::bf16, Int32: i32, Int64: i64,
        Complex64: [f32; 2], Complex128: [f64; 2],
    ] => {
        let room = pair.lens().map(room_bytes::<T>).into_iter().fold(0, usize::saturating_add);
        Prepared::with_room(room, move |io| {
            laid(&pair, io, |a, b, out: &mut [T], _| {
                batch_matmul(&pair.product, (a, &pair.batch), (b, &pair.batch), (out, &pair.batch));
                Ok(())
            })
        })
    }, else Err(cx.no_kernel(dtype)))
}

/// Products of bfloat16, with sums in float32.
fn rounded_once(pair: Pair) -> Result<Prepared> {
    let [a, b, result] = pair.lens();
    let operands = [a, b];
    let lengths = Lengths { operands, result };
    let room = pair.lens().map(room_bytes::<bf16>).into_iter();
    let room = room.fold(lengths.bytes(), usize::saturating_add);
    Prepared::with_room(room, move |io| {
        laid(&pair, io, |a, b, out: &mut [bf16], io| {
            let batch = &*pair.batch;
            lengths.room(io)?.run([a, b], out, |[x, y], sums| {
                batch_matmul(&pair.product, (x, batch), (y, batch), (sums, batch));
            });
            Ok(())
        })
    })
}

fn fast(pair: Pair) -> Result<Prepared> {
    let fast = FastMatMul::new(pair.product);
    let panels = fast.scratch_len();
    let room = pair.lens().map(room_bytes::<f32>).into_iter();
    let room = room.fold(room_bytes::<f32>(panels), usize::saturating_add);
    Prepared::with_room(room, move |io| {
        laid(&pair, io, |a, b, out: &mut [f32], io| {
            let batch = &*pair.batch;
            let threads = io.threads;
            fast.run(
                (a, batch),
                (b, batch),
                io.room(panels)?,
                (out, batch),
                threads,
            );
            Ok(())
        })
    })
}

/// Lays both operands out in the scratch memory, runs `product` on them, and puts what it gives in order.
fn laid<T: Element + MulAdd + One + bytemuck::Pod>(
    pair: &Pair,
    io: &mut Io<'_, '_>,
    product: impl Fn(&[T], &[T], &mut [T], &mut Io<'_, '_>) -> Result<()>,
) -> Result<()> {
    let [a, b, products] = pair.lens();
    let (a, b, products) = (io.room(a)?, io.room(b)?, io.room(products)?);
    pair.lay(0, one(), io.input::<T>(0)?, a);
    pair.lay(1, one(), io.input::<T>(1)?, b);
    product(a, b, products, io)?;
    pair.finish(products, io.output::<T>(0)?);
    Ok(())
}

/// Three operands or more, from the left; a label stays as long as something needs it.
fn chain(
    cx: &Context,
    dtype: DType,
    equation: Equation,
    shapes: Vec<Vec<usize>>,
) -> Result<Prepared> {
    let mut pairs = Vec::new();
    let (mut labels, mut shape) = (equation.operands[0].clone(), shapes[0].clone());
    for (at, right) in shapes.iter().enumerate().skip(1) {
        let later = &equation.operands[at + 1..];
        let wanted = |l: &u32| equation.result.contains(l) || later.iter().any(|o| o.contains(l));
        let mut kept = [&labels[..], &equation.operands[at]].concat();
        kept.retain(wanted);
        kept.sort_unstable();
        kept.dedup();
        if later.is_empty() {
            kept = equation.result.clone();
        }
        let right = Operand::new(&equation.operands[at], right);
        pairs.push(Pair::new([&Operand::new(&labels, &shape), &right], &kept));
        shape = kept.iter().map(|&l| equation.sizes[l as usize]).collect();
        labels = kept;
    }
    with_type!(dtype, T in [
        Float32: f32, Float64: f64, Int32: i32, Int64: i64, Complex64: [f32; 2], Complex128: [f64; 2],
    ] => Prepared::compute(move |inputs| {
        let values = chained::<T>(&pairs, inputs)?;
        if crate::model::shape::element_count(&shape) != Some(values.len()) {
            return Err(Error::unsupported("an axis of size 1 that stands for more"));
        }
        Ok(vec![Tensor::from_values(&shape, &values)])
    }), else Err(cx.no_kernel(dtype)))
}

/// Input 0 multiplied by each of the others in turn.
fn chained<T: Element + MulAdd + One + Default + bytemuck::Pod>(
    pairs: &[Pair],
    inputs: &[Option<View<'_>>],
) -> Result<Vec<T>> {
    let input = |at: usize| super::segment::view(inputs, at);
    let mut left = input(0)?.values::<T>()?.to_vec();
    for (pair, at) in pairs.iter().zip(1..) {
        let [a, b, out] = pair.lens();
        let (mut x, mut y) = (vec![T::default(); a], vec![T::default(); b]);
        let mut products = vec![T::default(); out];
        pair.lay(0, one(), &left, &mut x);
        pair.lay(1, one(), input(at)?.values::<T>()?, &mut y);
        let batch = &*pair.batch;
        batch_matmul(
            &pair.product,
            (&x, batch),
            (&y, batch),
            (&mut products, batch),
        );
        left = vec![T::default(); products.len()];
        pair.finish(&products, &mut left);
    }
    Ok(left)
}
