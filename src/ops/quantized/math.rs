//! Arithmetic and activations on quantized integers, in the TFLite dialect.

use bytemuck::{cast_slice, cast_slice_mut};

use super::{activation, range};
use crate::error::{Error, Result};
use crate::kernels::elementwise::binary::BinaryOp;
use crate::kernels::elementwise::fdlibm;
use crate::kernels::elementwise::unary::{self, UnaryOp};
use crate::kernels::quantized::activation as kernels;
use crate::kernels::quantized::arithmetic::{
    Affine, QuantizedBinary, QuantizedOp, add_power_of_two,
};
use crate::kernels::quantized::arithmetic512::Bytes;
use crate::kernels::quantized::table::{Table8, Table16};
use crate::kernels::requant::quantized_range;
use crate::kernels::vectors::Spread;
use crate::kernels::{Clamp, Quantized};
use crate::model::{DType, Element};
use crate::ops::in_place::{self, Sizes};
use crate::ops::{Context, Prepared};

fn affine((scale, zero): (f32, i32)) -> Affine {
    Affine { scale, zero }
}

/// ADD, SUB, MUL, DIV, SQUARED_DIFFERENCE on quantized operands; `None` for operators that work on the plain integers.
pub fn binary(cx: &Context, op: BinaryOp) -> Result<Option<Prepared>> {
    let op = match op {
        BinaryOp::Add => QuantizedOp::Add,
        BinaryOp::Sub => QuantizedOp::Sub,
        BinaryOp::Mul => QuantizedOp::Mul,
        BinaryOp::SquaredDifference => QuantizedOp::SquaredDifference,
        BinaryOp::Div => QuantizedOp::Div,
        BinaryOp::Maximum | BinaryOp::Minimum | BinaryOp::FloorDiv | BinaryOp::FloorMod => {
            return Ok(None);
        }
        other => return Err(cx.unsupported(format!("no kernel for {other:?} on quantized values"))),
    };
    let prepared = match cx.dtype(0)? {
        DType::Int8 => typed_binary::<i8>(cx, op),
        DType::UInt8 => typed_binary::<u8>(cx, op),
        DType::Int16 => match power_of_two_shifts(cx, op)? {
            Some(shifts) => shifted_add(cx, op, shifts),
            None => typed_binary::<i16>(cx, op),
        },
        other => Err(cx.no_kernel(other)),
    };
    prepared.map(Some)
}

fn sizes(cx: &Context) -> Result<Sizes> {
    let out = crate::ops::broadcast::shape(cx, &[cx.shape(0)?, cx.shape(1)?])?.fixed();
    Ok(Sizes {
        a: cx.sizes(0)?,
        b: cx.sizes(1)?,
        out: out.ok_or_else(|| cx.wrong("an input of unknown shape"))?,
    })
}

fn bounds<T: Quantized>(cx: &Context, op: QuantizedOp) -> Result<(i32, i32)> {
    let clamp = match op {
        QuantizedOp::SquaredDifference => Clamp::NONE,
        _ => activation(cx)?,
    };
    range::<T>(cx, clamp)
}

/// Elements from which on a search of the time of some hundred thousand is made up for within few runs.
const MANY: usize = 1 << 14;

fn typed_binary<T: Quantized + Element>(cx: &Context, op: QuantizedOp) -> Result<Prepared> {
    let (a, b, out) = (
        affine(cx.scale(0)?),
        affine(cx.scale(1)?),
        affine(cx.out_scale(0)?),
    );
    let wide = T::DTYPE == DType::Int16;
    let math = QuantizedBinary::new(op, a, b, out, wide, bounds::<T>(cx, op)?);
    if !wide
        && op != QuantizedOp::Div
        && !cx.options.reference
        && let Some(prepared) = of_one::<T>(cx, &math)?
    {
        return Ok(prepared);
    }
    if op == QuantizedOp::Div {
        // Divisors are looked over first.
        return in_place::binary::<T>(sizes(cx)?, false, move |x, y, out| {
            if y.0.iter().any(|&v| v.into() == b.zero) {
                return Err(Error::usage("a divisor is 0"));
            }
            math.run(x, y, out);
            Ok(())
        });
    }
    let sizes = sizes(cx)?;
    if !wide
        && !cx.options.reference
        && let Some(mut bytes) = Bytes::new(&math)
        && let Some(spread) = Spread::new([&sizes.a, &sizes.b], &sizes.out)
    {
        let signed = T::LO < 0;
        if spread.len() >= MANY {
            bytes.quicken(&math, signed);
        }
        return in_place::spread::<T>(spread, sizes.full(), move |spread, first, sides, out| {
            let sides = sides.map(|side| side.map(cast_slice));
            bytes.run(signed, spread, first, sides, cast_slice_mut(out));
        });
    }
    in_place::binary::<T>(sizes, true, move |x, y, out| {
        math.run(x, y, out);
        Ok(())
    })
}

/// Where one operand is a function of the other by table, as in a swish, so is the result, and the function's operator
/// need not run for it.
fn of_one<T: Quantized + Element>(
    cx: &Context,
    math: &QuantizedBinary,
) -> Result<Option<Prepared>> {
    let Some((own, producer)) = crate::ops::elementwise::made_of_other(cx) else {
        return Ok(None);
    };
    let inner = Context {
        node: producer,
        inputs: &[cx.inputs[own].clone()],
        ..*cx
    };
    let Some(op) = crate::ops::unary::function(&inner) else {
        return Ok(None);
    };
    if !inner.tflite() || inner.dtype(0)? != T::DTYPE || inner.out_dtype(0)? != T::DTYPE {
        return Ok(None);
    }
    let Some(function) = function::<T>(&inner, op)? else {
        return Ok(None);
    };
    let table = Table8::<T>::of(|x, out| {
        let mut y = vec![T::from_i32(0); x.len()];
        function(x, &mut y);
        let sides = if own == 0 { [x, &y] } else { [&y, x] };
        let shape = [x.len()];
        math.run((sides[0], &shape), (sides[1], &shape), (out, &shape));
    });
    let unread: &[usize] = if own == 0 { &[1] } else { &[0] };
    in_place::elements_of(own, unread, move |x, out| table.run(x, out)).map(Some)
}

/// How far from a whole number the logarithm of a scale may lie for the scale to count as a power of two
/// (TensorFlow Lite's `CheckedLog2`). 1/32767, the scale of a range of ±1, does.
const LOG2_TOLERANCE: f32 = 1e-3;

/// Right shifts of both sides where `pot_scale_int16` holds: all scales powers of two, all zero points 0.
fn power_of_two_shifts(cx: &Context, op: QuantizedOp) -> Result<Option<(i32, i32)>> {
    let wanted = matches!(op, QuantizedOp::Add | QuantizedOp::Sub)
        && cx.node.attrs.bool("pot_scale_int16").unwrap_or(true);
    let log2 = |(scale, zero): (f32, i32)| {
        let log = scale.ln() * (1.0 / 2f32.ln());
        (zero == 0 && (log - log.round()).abs() < LOG2_TOLERANCE).then_some(log.round() as i32)
    };
    let (a, b, out) = (
        log2(cx.scale(0)?),
        log2(cx.scale(1)?),
        log2(cx.out_scale(0)?),
    );
    let (Some(a), Some(b), Some(out), true) = (a, b, out, wanted) else {
        return Ok(None);
    };
    let (a, b) = (out - a, out - b);
    Ok((a >= 0 && b >= 0 && a.min(b) == 0).then_some((a, b)))
}

fn shifted_add(cx: &Context, op: QuantizedOp, (a, b): (i32, i32)) -> Result<Prepared> {
    let bounds = bounds::<i16>(cx, op)?;
    let subtract = op == QuantizedOp::Sub;
    in_place::binary(sizes(cx)?, true, move |x, y, out| {
        add_power_of_two(subtract, (x.0, x.1, a), (y.0, y.1, b), bounds, out);
        Ok(())
    })
}

/// A function of one quantized operand; `None` where the type has no rule of its own.
pub fn unary(cx: &Context, op: UnaryOp) -> Result<Option<Prepared>> {
    let prepared = match cx.dtype(0)? {
        // The integers change their signs, whatever their zero point.
        _ if op == UnaryOp::Neg => return Ok(None),
        DType::Int8 if op == UnaryOp::Sqrt => sqrt::<i8>(cx),
        DType::Int16 if op == UnaryOp::Sqrt => sqrt::<i16>(cx),
        DType::Int8 if op == UnaryOp::Rsqrt => {
            let (a, b) = (affine(cx.scale(0)?), affine(cx.out_scale(0)?));
            by_table(cx, move |x: &[i8], out| kernels::rsqrt_i8(x, a, b, out))
        }
        DType::Int8 => typed_unary::<i8>(cx, op),
        DType::UInt8 => typed_unary::<u8>(cx, op),
        DType::Int16 => wide_unary(cx, op),
        other => Err(cx.no_kernel(other)),
    };
    prepared.map(Some)
}

fn sqrt<T: Quantized + Element>(cx: &Context) -> Result<Prepared> {
    let (a, b) = (affine(cx.scale(0)?), affine(cx.out_scale(0)?));
    Prepared::function(move |io| {
        let x = io.input::<T>(0)?;
        if x.iter().any(|&v| v.into() < a.zero) {
            return Err(Error::usage("the square root of a negative number"));
        }
        kernels::sqrt(x, a, b, io.output(0)?);
        Ok(())
    })
}

/// A function of 8-bit values, looked up unless plain kernels are asked for.
fn by_table<T: Quantized + Element>(
    cx: &Context,
    kernel: impl Fn(&[T], &mut [T]) + Send + Sync + 'static,
) -> Result<Prepared> {
    if cx.options.reference {
        return in_place::unary(kernel);
    }
    let table = Table8::<T>::of(kernel);
    in_place::elements(move |x, out| table.run(x, out))
}

type Kernel<T> = Box<dyn Fn(&[T], &mut [T]) + Send + Sync>;

/// What a rescaling activation does, for any width.
fn rescaled<T: Quantized>(cx: &Context, op: UnaryOp) -> Result<Option<Kernel<T>>> {
    let (a, b) = (affine(cx.scale(0)?), affine(cx.out_scale(0)?));
    let relu = |clamp: Clamp| -> Kernel<T> {
        let range = quantized_range::<T>((clamp.lo, clamp.hi), b.scale, b.zero);
        Box::new(move |x, out| kernels::relu(x, a, b, range, out))
    };
    Ok(Some(match op {
        UnaryOp::Relu => relu(Clamp::RELU),
        UnaryOp::Relu6 => relu(Clamp::RELU6),
        UnaryOp::ReluN1To1 => relu(Clamp::RELU_N1_TO_1),
        UnaryOp::Relu0To1 => relu(Clamp::RELU_0_TO_1),
        UnaryOp::LeakyRelu { alpha } => {
            Box::new(move |x, out| kernels::leaky_relu(x, alpha, a, b, out))
        }
        UnaryOp::Abs => Box::new(move |x, out| kernels::abs(x, a, b, out)),
        _ => return Ok(None),
    }))
}

/// The function on one real number, by the float kernel; where it has no value, an end of what `output` can hold.
fn real<T: Quantized>(op: UnaryOp, output: Affine) -> impl Fn(f32) -> f32 {
    let end = |q: i32| output.scale * (q - output.zero) as f32;
    let (least, most) = (end(T::LO), end(T::HI));
    move |x| {
        match op {
            UnaryOp::Log if x <= 0.0 => return least,
            UnaryOp::Rsqrt if x <= 0.0 => return most,
            // The float kernels' are Eigen's, tables are filled with C's.
            UnaryOp::Gelu => {
                return 0.5 * x * fdlibm::erfcf(x * -std::f32::consts::FRAC_1_SQRT_2);
            }
            UnaryOp::GeluTanh => {
                const ROOT: f32 =
                    (std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2) as f32;
                return 0.5 * x * (1.0 + fdlibm::tanhf(ROOT * (x + 0.044715 * x * x * x)));
            }
            _ => {}
        }
        let mut out = [0.0f32];
        unary::unary(op, &[x], &mut out);
        out[0]
    }
}

fn has_table(op: UnaryOp) -> bool {
    matches!(
        op,
        UnaryOp::Logistic
            | UnaryOp::Tanh
            | UnaryOp::Exp
            | UnaryOp::Log
            | UnaryOp::Elu
            | UnaryOp::Gelu
            | UnaryOp::GeluTanh
            | UnaryOp::Sin
            | UnaryOp::Cos
    )
}

fn typed_unary<T: Quantized + Element>(cx: &Context, op: UnaryOp) -> Result<Prepared> {
    match function::<T>(cx, op)? {
        Some(kernel) => by_table(cx, kernel),
        None => Err(cx.unsupported(format!("no kernel for quantized {}", T::DTYPE))),
    }
}

/// What is defined for any type of 8 bits.
fn function<T: Quantized + Element>(cx: &Context, op: UnaryOp) -> Result<Option<Kernel<T>>> {
    if let Some(kernel) = rescaled::<T>(cx, op)? {
        return Ok(Some(kernel));
    }
    let (a, b) = (affine(cx.scale(0)?), affine(cx.out_scale(0)?));
    Ok(match op {
        UnaryOp::HardSwish => Some(Box::new(move |x, out| kernels::hard_swish(x, a, b, out))),
        _ if has_table(op) => {
            // The reference has a table too.
            let table = Table8::<T>::new(a, b, real::<T>(op, b));
            Some(Box::new(move |x, out| table.run_plain(x, out)))
        }
        _ => None,
    })
}

fn wide_unary(cx: &Context, op: UnaryOp) -> Result<Prepared> {
    if let Some(kernel) = rescaled::<i16>(cx, op)? {
        return in_place::unary(kernel);
    }
    let (a, b) = (affine(cx.scale(0)?), affine(cx.out_scale(0)?));
    match op {
        UnaryOp::Logistic => in_place::unary(move |x, out| kernels::logistic_i16(x, a.scale, out)),
        UnaryOp::Tanh => in_place::unary(move |x, out| kernels::tanh_i16(x, a.scale, out)),
        op if has_table(op) || op == UnaryOp::Rsqrt => {
            let table = Table16::new(a, b, real::<i16>(op, b));
            in_place::unary(move |x, out| table.run(x, out))
        }
        _ => Err(cx.unsupported("no kernel for quantized int16")),
    }
}

/// PRELU of `T` with slopes `A` that have a scale of their own.
pub fn prelu<T: Quantized + Element, A: Quantized + Element>(cx: &Context) -> Result<Prepared> {
    let (a, s, b) = (
        affine(cx.scale(0)?),
        affine(cx.scale(1)?),
        affine(cx.out_scale(0)?),
    );
    let (x, alpha) = (cx.sizes(0)?, cx.sizes(1)?);
    // The reference kernel reads the bytes of 16-bit slopes as 8-bit ones, one after the other (seen of LiteRT 2.3.0).
    let as_bytes = A::DTYPE == DType::Int16 && cx.options.reference;
    Prepared::function(move |io| {
        let values = (io.input::<T>(0)?, &*x, a);
        if as_bytes {
            let bytes: &[i8] = cast_slice(io.view(1)?.bytes());
            let slopes = &bytes[..alpha.iter().product()];
            kernels::prelu(values, (slopes, &alpha, s), b, io.output(0)?);
            return Ok(());
        }
        kernels::prelu(values, (io.input::<A>(1)?, &alpha, s), b, io.output(0)?);
        Ok(())
    })
}
