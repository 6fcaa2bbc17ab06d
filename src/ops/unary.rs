//! Functions of one element, activations among them, and casts.

use super::types::{with_float, with_integer, with_type};
use super::{Context, Fact, HandsOn, Operator, Prepared, View, elementwise::rules, in_place};
use crate::error::Result;
use crate::kernels::Rules;
use crate::kernels::elementwise::cast::{self, Bool, CastTarget, Castable};
use crate::kernels::elementwise::halves::{self, Steps};
use crate::kernels::elementwise::map;
use crate::kernels::elementwise::number::Number;
use crate::kernels::elementwise::unary::{self, IntegerOp, UnaryOp};
use crate::kernels::vectors;
use crate::model::{DType, Element, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &[
            "Abs",
            "Neg",
            "Sign",
            "Square",
            "Sqrt",
            "Rsqrt",
            "Reciprocal",
            "Inv",
            "Exp",
            "Expm1",
            "Log",
            "Log1p",
            "Sin",
            "Cos",
            "Tan",
            "Asin",
            "Acos",
            "Atan",
            "Sinh",
            "Cosh",
            "Asinh",
            "Acosh",
            "Atanh",
            "Tanh",
            "Sigmoid",
            "Floor",
            "Ceil",
            "Round",
            "Rint",
            "Erf",
            "Erfc",
            "Relu",
            "Relu6",
            "LeakyRelu",
            "Elu",
            "Selu",
            "Softplus",
            "Softsign",
            "Invert",
        ],
        &[
            "ABS",
            "NEG",
            "SIGN",
            "SQUARE",
            "SQRT",
            "RSQRT",
            "EXP",
            "LOG",
            "SIN",
            "COS",
            "TANH",
            "LOGISTIC",
            "FLOOR",
            "CEIL",
            "ROUND",
            "RELU",
            "RELU6",
            "RELU_N1_TO_1",
            "RELU_0_TO_1",
            "LEAKY_RELU",
            "ELU",
            "GELU",
            "HARD_SWISH",
        ],
        infer_same,
        prepare,
    ),
    Operator::new(
        &["IsNan", "IsInf", "IsFinite"],
        &[],
        infer_test,
        prepare_test,
    ),
    Operator::new(&["LogicalNot"], &["LOGICAL_NOT"], infer_same, prepare_not),
    Operator::new(&[], &["PRELU"], infer_same, prepare_prelu),
    Operator::new(&["Cast"], &["CAST"], infer_cast, prepare_cast).handing_on(HandsOn::Inputs(&[0])),
    Operator::new(&["Bitcast"], &["BITCAST"], infer_bitcast, |_| {
        Prepared::function(|io| {
            let bits = io.view(0)?.bytes();
            io.output_bytes(0)?.copy_from_slice(bits);
            Ok(())
        })
    }),
    Operator::new(
        &["ZerosLike", "OnesLike"],
        &["ZEROS_LIKE"],
        infer_same,
        prepare_like,
    ),
];

fn infer_same(cx: &Context) -> Result<Vec<Fact>> {
    let input = cx.input(0)?;
    cx.one(input.dtype, input.shape.clone())
}

pub(super) fn function(cx: &Context) -> Option<UnaryOp> {
    let alpha = || cx.attr_float("alpha", if cx.tflite() { 0.0 } else { 0.2 }) as f32;
    Some(match &*cx.node.op {
        "Abs" | "ABS" => UnaryOp::Abs,
        "Neg" | "NEG" => UnaryOp::Neg,
        "Sign" | "SIGN" => UnaryOp::Sign,
        "Square" | "SQUARE" => UnaryOp::Square,
        "Sqrt" | "SQRT" => UnaryOp::Sqrt,
        "Rsqrt" | "RSQRT" => UnaryOp::Rsqrt,
        "Reciprocal" | "Inv" => UnaryOp::Reciprocal,
        "Exp" | "EXP" => UnaryOp::Exp,
        "Expm1" => UnaryOp::Expm1,
        "Log" | "LOG" => UnaryOp::Log,
        "Log1p" => UnaryOp::Log1p,
        "Sin" | "SIN" => UnaryOp::Sin,
        "Cos" | "COS" => UnaryOp::Cos,
        "Tan" => UnaryOp::Tan,
        "Asin" => UnaryOp::Asin,
        "Acos" => UnaryOp::Acos,
        "Atan" => UnaryOp::Atan,
        "Sinh" => UnaryOp::Sinh,
        "Cosh" => UnaryOp::Cosh,
        "Asinh" => UnaryOp::Asinh,
        "Acosh" => UnaryOp::Acosh,
        "Atanh" => UnaryOp::Atanh,
        "Tanh" | "TANH" => UnaryOp::Tanh,
        "Sigmoid" | "LOGISTIC" => UnaryOp::Logistic,
        "Floor" | "FLOOR" => UnaryOp::Floor,
        "Ceil" | "CEIL" => UnaryOp::Ceil,
        "Round" | "Rint" => UnaryOp::Round,
        "ROUND" => UnaryOp::RoundUp,
        "Erf" => UnaryOp::Erf,
        "Erfc" => UnaryOp::Erfc,
        "Relu" | "RELU" => UnaryOp::Relu,
        "Relu6" | "RELU6" => UnaryOp::Relu6,
        "RELU_N1_TO_1" => UnaryOp::ReluN1To1,
        "RELU_0_TO_1" => UnaryOp::Relu0To1,
        "LeakyRelu" | "LEAKY_RELU" => UnaryOp::LeakyRelu { alpha: alpha() },
        "Elu" | "ELU" => UnaryOp::Elu,
        "Selu" => UnaryOp::Selu,
        "Softplus" => UnaryOp::Softplus,
        "Softsign" => UnaryOp::Softsign,
        "GELU" if cx.attr_bool("approximate") => UnaryOp::GeluTanh,
        "GELU" => UnaryOp::Gelu,
        "HARD_SWISH" => UnaryOp::HardSwish,
        _ => return None,
    })
}

fn integer_function(cx: &Context) -> Option<IntegerOp> {
    Some(match &*cx.node.op {
        "Abs" | "ABS" => IntegerOp::Abs,
        "Neg" | "NEG" => IntegerOp::Neg,
        "Sign" | "SIGN" => IntegerOp::Sign,
        "Square" | "SQUARE" => IntegerOp::Square,
        "Invert" => IntegerOp::Invert,
        "Relu" => IntegerOp::Relu,
        "Relu6" => IntegerOp::Relu6,
        _ => return None,
    })
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    if cx.tflite()
        && cx.quantization(0).is_some()
        && cx.out_quantization(0).is_some()
        && dtype.is_integer()
        && let Some(op) = function(cx)
        && let Some(prepared) = super::quantized::math::unary(cx, op)?
    {
        return Ok(prepared);
    }
    if dtype.is_integer() && &*cx.node.op == "Round" {
        // TensorFlow halves integers with a half that is 0 as an integer, so that nothing is left of any.
        return with_integer!(dtype, T => in_place::elements::<T>(|_, out| out.fill(<T as Number>::ZERO)), else Err(cx.no_kernel(dtype)));
    }
    if dtype.is_integer() {
        let op = integer_function(cx).ok_or_else(|| cx.no_kernel(dtype))?;
        return with_integer!(dtype, T => in_place::unary::<T>(move |x, out| unary::unary_integer(op, x, out)), else Err(cx.no_kernel(dtype)));
    }
    if matches!(dtype, DType::Complex64 | DType::Complex128) {
        return super::complex::function(cx);
    }
    let op = function(cx).ok_or_else(|| cx.no_kernel(dtype))?;
    if dtype == DType::Float16 && matches!(op, UnaryOp::Gelu | UnaryOp::GeluTanh) {
        return in_place::unary(move |x, out| unary::gelu_f16(op == UnaryOp::GeluTanh, x, out));
    }
    match dtype {
        DType::Float16 if !cx.tflite() => return halves::<half::f16>(op),
        DType::BFloat16 if !cx.tflite() => return halves::<half::bf16>(op),
        _ => {}
    }
    if dtype == DType::Float32 && !cx.options.reference {
        let exact = cx.options.in_order;
        return in_place::elements(move |x, out| {
            if !vectors::unary(op, exact, x, out) {
                in_place::apart(x, out, &|x, out| unary::unary(op, x, out));
            }
        });
    }
    with_float!(dtype, T => in_place::unary::<T>(move |x, out| unary::unary(op, x, out)), else Err(cx.no_kernel(dtype)))
}

/// TensorFlow's functions of half types.
fn halves<T: Steps + Element + unary::Real>(op: UnaryOp) -> Result<Prepared> {
    in_place::unary::<T>(move |x, out| {
        if !halves::unary(op, x, out) {
            unary::unary(op, x, out);
        }
    })
}

fn infer_test(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::Bool, cx.shape(0)?.clone())
}

fn widen(x: impl Into<f64>) -> f64 {
    x.into()
}

fn prepare_test(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    let test: fn(f64) -> bool = match &*cx.node.op {
        "IsNan" => f64::is_nan,
        "IsInf" => f64::is_infinite,
        _ => f64::is_finite,
    };
    with_float!(dtype, T => Prepared::function(move |io| {
        map(io.input::<T>(0)?, io.output::<u8>(0)?, |x| u8::from(test(widen(x))));
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
}

fn prepare_not(cx: &Context) -> Result<Prepared> {
    match cx.dtype(0)? {
        DType::Bool => in_place::unary(unary::logical_not),
        other => Err(cx.no_kernel(other)),
    }
}

fn prepare_prelu(cx: &Context) -> Result<Prepared> {
    let (x, alpha) = (cx.sizes(0)?, cx.sizes(1)?);
    let spread = super::broadcast::shape(cx, &[cx.shape(0)?, cx.shape(1)?])?;
    if spread.fixed().as_ref() != Some(&x) {
        return Err(cx.wrong(format!("slopes of {alpha:?} for {x:?}")));
    }
    match cx.dtype(0)? {
        DType::Float32 => Prepared::function(move |io| {
            let (values, slopes) = (io.input(0)?, io.input(1)?);
            unary::prelu_f32((values, &x), (slopes, &alpha), io.output(0)?);
            Ok(())
        }),
        DType::Int8 => super::quantized::math::prelu::<i8, i8>(cx),
        DType::UInt8 => super::quantized::math::prelu::<u8, u8>(cx),
        DType::Int16 if cx.dtype(1)? == DType::Int8 => super::quantized::math::prelu::<i16, i8>(cx),
        DType::Int16 => super::quantized::math::prelu::<i16, i16>(cx),
        other => Err(cx.no_kernel(other)),
    }
}

fn infer_cast(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = match cx.node.attrs.dtype("DstT") {
        Some(dtype) => dtype,
        None => cx.out_dtype(0)?,
    };
    cx.one(dtype, cx.shape(0)?.clone())
}

fn prepare_cast(cx: &Context) -> Result<Prepared> {
    let to = infer_cast(cx)?.first().map_or(DType::Invalid, |f| f.dtype);
    let from = cx.dtype(0)?;
    let rules = rules(cx);
    if from == to {
        return Ok(Prepared::Alias(0));
    }
    match (from, to) {
        (DType::Complex64, DType::Complex128) => {
            return Prepared::function(|io| {
                cast::cast_complex(io.input::<[f32; 2]>(0)?, io.output::<[f64; 2]>(0)?, |v| v);
                Ok(())
            });
        }
        (DType::Complex128, DType::Complex64) => {
            return Prepared::function(|io| {
                cast::cast_complex(io.input::<[f64; 2]>(0)?, io.output::<[f32; 2]>(0)?, |v| {
                    v as f32
                });
                Ok(())
            });
        }
        _ => {}
    }
    if let Some(prepared) = cast_at_once(from, to, rules) {
        return prepared;
    }
    if from.is_integer() || from == DType::Bool {
        let widen = with_type!(from, X in [
            Bool: u8, Int4: i8, Int2: i8, UInt4: u8,
            Int8: i8, UInt8: u8, Int16: i16, UInt16: u16, Int32: i32, UInt32: u32, Int64: i64, UInt64: u64,
        ] => widen_integers::<X> as Widen<i64>, else return Err(cx.no_kernel(from)));
        return cast_through(cx, to, widen, rules);
    }
    let widen = with_type!(from, X in [
        Float32: f32, Float64: f64, Float16: half::f16, BFloat16: half::bf16,
        Complex64: [f32; 2], Complex128: [f64; 2],
    ] => widen_floats::<X> as Widen<f64>, else return Err(cx.no_kernel(from)));
    cast_through(cx, to, widen, rules)
}

/// Pairs of types in one step: those that models cast between, and unsigned integers that no other type holds.
fn cast_at_once(from: DType, to: DType, rules: Rules) -> Option<Result<Prepared>> {
    macro_rules! pairs {
        ($($from:ident: $x:ty => [$($to:ident: $o:ty),*];)*) => {
            match (from, to) {
                $($((DType::$from, DType::$to) => Some(cast_pair::<$x, $o>(rules)),)*)*
                _ => None,
            }
        };
    }
    pairs! {
        Float32: f32 => [
            Float64: f64, Float16: half::f16, BFloat16: half::bf16, Bool: Bool,
            Int8: i8, UInt8: u8, Int32: i32, Int64: i64
        ];
        Float64: f64 => [Float32: f32];
        Float16: half::f16 => [Float32: f32];
        BFloat16: half::bf16 => [Float32: f32];
        Bool: u8 => [Float32: f32, Int32: i32, Int64: i64];
        Int8: i8 => [Float32: f32];
        UInt8: u8 => [Float32: f32, Int32: i32];
        Int16: i16 => [Float32: f32];
        Int32: i32 => [Float32: f32, Float64: f64, Int64: i64, Bool: Bool];
        Int64: i64 => [Float32: f32, Float64: f64, Int32: i32, Bool: Bool];
        UInt64: u64 => [
            Float32: f32, Float64: f64, Float16: half::f16, BFloat16: half::bf16,
            Complex64: [f32; 2], Complex128: [f64; 2]
        ];
    }
}

fn cast_pair<X: Castable + Element, O: CastTarget + bytemuck::Pod>(
    rules: Rules,
) -> Result<Prepared> {
    Prepared::function(move |io| {
        let x = io.input::<X>(0)?;
        // No bytes may stand anywhere, where no number could.
        match io.output_bytes(0)? {
            [] => {}
            bytes => cast::cast(rules, x, bytemuck::cast_slice_mut::<u8, O>(bytes)),
        }
        Ok(())
    })
}

/// The elements from the one at a place on, in the widest type of their kind.
type Widen<W> = fn(&View, usize, &mut [W]) -> Result<()>;

/// What fits no `i64` wraps as it does in narrower integers.
fn widen_integers<X: Castable + Element>(x: &View, from: usize, wide: &mut [i64]) -> Result<()> {
    let x = &x.values::<X>()?[from..][..wide.len()];
    map(x, wide, |x| x.to(Rules::Tflite));
    Ok(())
}

fn widen_floats<X: Castable + Element>(x: &View, from: usize, wide: &mut [f64]) -> Result<()> {
    let x = &x.values::<X>()?[from..][..wide.len()];
    map(x, wide, |x| x.to(Rules::Tflite));
    Ok(())
}

/// Casts to `to` what `widen` makes of a few elements at a time: one loop per type rather than per pair of them.
fn cast_through<W: Castable + bytemuck::Pod + Send + Sync>(
    cx: &Context,
    to: DType,
    widen: Widen<W>,
    rules: Rules,
) -> Result<Prepared> {
    /// Elements at a time.
    const PART: usize = 256;

    fn narrow<W: Castable, O: CastTarget + bytemuck::Pod>(rules: Rules, x: &[W], out: &mut [u8]) {
        cast::cast(rules, x, bytemuck::cast_slice_mut::<u8, O>(out));
    }

    type Narrow<W> = fn(Rules, &[W], &mut [u8]);
    let (narrow, size): (Narrow<W>, usize) = with_type!(to, O in [
        Float32: f32, Float64: f64, Float16: half::f16, BFloat16: half::bf16, Bool: Bool,
        Int8: i8, UInt8: u8, Int16: i16, UInt16: u16, Int32: i32, UInt32: u32, Int64: i64, UInt64: u64,
        Complex64: [f32; 2], Complex128: [f64; 2],
    ] => (narrow::<W, O>, size_of::<O>()), else return Err(cx.no_kernel(to)));
    Prepared::function(move |io| {
        let x = io.view(0)?;
        let mut wide = [W::zeroed(); PART];
        for (part, out) in io.output_bytes(0)?.chunks_mut(PART * size).enumerate() {
            let wide = &mut wide[..out.len() / size];
            widen(&x, part * PART, wide)?;
            narrow(rules, wide, out);
        }
        Ok(())
    })
}

/// The bytes stay; a wider type takes the last axis in, a narrower one adds one.
fn infer_bitcast(cx: &Context) -> Result<Vec<Fact>> {
    let to = match cx.node.attrs.dtype("type") {
        Some(dtype) => dtype,
        None => cx.out_dtype(0)?,
    };
    let from = cx.dtype(0)?;
    let (Some(a), Some(b)) = (from.size(), to.size()) else {
        return Err(cx.unsupported(format!("bits of {from} as {to}")));
    };
    let Some(dims) = cx.shape(0)?.dims() else {
        return cx.one(to, crate::model::Shape::UNKNOWN);
    };
    let mut dims = dims.to_vec();
    if a > b {
        dims.push((a / b) as i64);
    } else if a < b
        && dims
            .pop()
            .is_some_and(|last| last != (b / a) as i64 && last >= 0)
    {
        return Err(cx.wrong(format!(
            "the last axis of {} is not one {to} long",
            cx.shape(0)?
        )));
    }
    cx.one(to, crate::model::Shape(Some(dims)))
}

fn prepare_like(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    let ones = &*cx.node.op == "OnesLike";
    if dtype == DType::Variant {
        return super::lists::prepare_sum_or_zeros(cx);
    }
    if !ones && dtype == DType::String {
        return Prepared::compute(|inputs| {
            let x = super::segment::view(inputs, 0)?;
            let empty = vec![Vec::new(); x.strings()?.len()];
            Ok(vec![Tensor::from_strings(x.shape, empty)])
        });
    }
    if !ones {
        return Prepared::function(|io| {
            io.output_bytes(0)?.fill(0);
            Ok(())
        });
    }
    match dtype {
        DType::Bool => Prepared::function(|io| {
            io.output::<u8>(0)?.fill(1);
            Ok(())
        }),
        DType::Complex64 => Prepared::function(|io| {
            io.output::<[f32; 2]>(0)?.fill([1.0, 0.0]);
            Ok(())
        }),
        DType::Complex128 => Prepared::function(|io| {
            io.output::<[f64; 2]>(0)?.fill([1.0, 0.0]);
            Ok(())
        }),
        _ => {
            super::types::with_number!(dtype, T => Prepared::function(move |io| {
                io.output::<T>(0)?.fill(T::from_f64(1.0));
                Ok(())
            }), else Err(cx.no_kernel(dtype)))
        }
    }
}
