//! Operators on pairs of elements: arithmetic, comparisons, logic, selection.

use super::Fact;
use super::in_place::{self, Sizes};
use super::types::{with_integer, with_number, with_type};
use super::{Context, HandsOn, Io, Operator, Prepared, broadcast, quantized};
use crate::error::Result;
use crate::kernels::elementwise::binary::{self, BinaryOp, BitOp};
use crate::kernels::elementwise::compare::{self, Comparison};
use crate::kernels::elementwise::number::Number;
use crate::kernels::elementwise::select::select;
use crate::kernels::vectors::{self, Spread};
use crate::kernels::{Clamp, Rules};
use crate::model::{DType, Node, Shape, ValueId};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &[
            "Add",
            "AddV2",
            "Sub",
            "Mul",
            "RealDiv",
            "Div",
            "TruncateDiv",
            "DivNoNan",
            "MulNoNan",
            "Maximum",
            "Minimum",
            "SquaredDifference",
            "Pow",
            "FloorDiv",
            "FloorMod",
            "Mod",
            "TruncateMod",
            "Atan2",
            "Xlogy",
            "Xdivy",
            "Xlog1py",
        ],
        &[
            "ADD",
            "SUB",
            "MUL",
            "DIV",
            "MAXIMUM",
            "MINIMUM",
            "SQUARED_DIFFERENCE",
            "POW",
            "FLOOR_DIV",
            "FLOOR_MOD",
            "ATAN2",
            "STABLEHLO_ADD",
            "STABLEHLO_MULTIPLY",
            "STABLEHLO_MAXIMUM",
            "STABLEHLO_MINIMUM",
        ],
        infer_binary,
        prepare_binary,
    ),
    Operator::new(
        &["BiasAdd", "BiasAddV1"],
        &[],
        infer_first,
        prepare_bias_add,
    ),
    Operator::new(&["AddN"], &["ADD_N"], infer_add_n, prepare_add_n),
    Operator::new(
        &[
            "Equal",
            "NotEqual",
            "Less",
            "LessEqual",
            "Greater",
            "GreaterEqual",
        ],
        &[
            "EQUAL",
            "NOT_EQUAL",
            "LESS",
            "LESS_EQUAL",
            "GREATER",
            "GREATER_EQUAL",
        ],
        infer_comparison,
        prepare_comparison,
    ),
    Operator::new(
        &[
            "LogicalAnd",
            "LogicalOr",
            "BitwiseAnd",
            "BitwiseOr",
            "BitwiseXor",
            "LeftShift",
            "RightShift",
        ],
        &[
            "LOGICAL_AND",
            "LOGICAL_OR",
            "BITWISE_XOR",
            "RIGHT_SHIFT",
            "STABLEHLO_AND",
            "STABLEHLO_SHIFT_LEFT",
        ],
        infer_binary,
        prepare_bits,
    ),
    Operator::new(
        &["Select", "SelectV2"],
        &["SELECT", "SELECT_V2"],
        infer_select,
        prepare_select,
    )
    .moving()
    .handing_on(HandsOn::Inputs(&[1, 2])),
];

pub(super) fn rules(cx: &Context) -> Rules {
    if cx.tflite() {
        Rules::Tflite
    } else {
        Rules::TensorFlow
    }
}

fn infer_first(cx: &Context) -> Result<Vec<Fact>> {
    let input = cx.input(0)?;
    cx.one(input.dtype, input.shape.clone())
}

fn same_types(cx: &Context) -> Result<DType> {
    let (a, b) = (cx.dtype(0)?, cx.dtype(1)?);
    if a == b {
        Ok(a)
    } else {
        Err(cx.wrong(format!("operands of {a} and {b}")))
    }
}

fn infer_binary(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = same_types(cx)?;
    cx.one(dtype, broadcast::shape(cx, &[cx.shape(0)?, cx.shape(1)?])?)
}

fn binary_op(name: &str) -> Option<BinaryOp> {
    Some(match name {
        "Add" | "AddV2" | "ADD" | "STABLEHLO_ADD" => BinaryOp::Add,
        "Sub" | "SUB" => BinaryOp::Sub,
        "Mul" | "MUL" | "STABLEHLO_MULTIPLY" => BinaryOp::Mul,
        "RealDiv" | "Div" | "DIV" => BinaryOp::Div,
        "TruncateDiv" => BinaryOp::TruncateDiv,
        "DivNoNan" => BinaryOp::DivNoNan,
        "MulNoNan" => BinaryOp::MulNoNan,
        "Maximum" | "MAXIMUM" | "STABLEHLO_MAXIMUM" => BinaryOp::Maximum,
        "Minimum" | "MINIMUM" | "STABLEHLO_MINIMUM" => BinaryOp::Minimum,
        "SquaredDifference" | "SQUARED_DIFFERENCE" => BinaryOp::SquaredDifference,
        "Pow" | "POW" => BinaryOp::Pow,
        "FloorDiv" | "FLOOR_DIV" => BinaryOp::FloorDiv,
        "FloorMod" | "Mod" | "FLOOR_MOD" => BinaryOp::FloorMod,
        "TruncateMod" => BinaryOp::TruncateMod,
        "Atan2" | "ATAN2" => BinaryOp::Atan2,
        "Xlogy" => BinaryOp::Xlogy,
        "Xdivy" => BinaryOp::Xdivy,
        "Xlog1py" => BinaryOp::Xlog1py,
        _ => return None,
    })
}

fn prepare_binary(cx: &Context) -> Result<Prepared> {
    let dtype = same_types(cx)?;
    let op = binary_op(&cx.node.op).ok_or_else(|| cx.unsupported("no such arithmetic"))?;
    let stablehlo = cx.node.op.starts_with("STABLEHLO_");
    if stablehlo && dtype == DType::Bool {
        return match op {
            BinaryOp::Add | BinaryOp::Maximum => bits(cx, BitOp::Or, dtype),
            _ => bits(cx, BitOp::And, dtype),
        };
    }
    // StableHLO's operators take the integers as they are, whatever their scales.
    if cx.tflite()
        && !stablehlo
        && cx.out_quantization(0).is_some()
        && cx.quantization(0).is_some()
        && let Some(prepared) = super::quantized::math::binary(cx, op)?
    {
        return Ok(prepared);
    }
    if dtype == DType::String && &*cx.node.op == "Add" {
        return super::text::prepare_add();
    }
    let out = broadcast_sizes(cx)?;
    let clamp = match op {
        _ if stablehlo => Clamp::NONE,
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div => quantized::activation(cx)?,
        _ => Clamp::NONE,
    };
    let (a, b) = (cx.sizes(0)?, cx.sizes(1)?);
    if let Some(same) = same_as(cx, cx.node).filter(|&own| *[&a, &b][own] == out) {
        return Ok(Prepared::Alias(same));
    }
    arithmetic(cx, op, dtype, Sizes { a, b, out }, clamp)
}

/// The operand that a product of TensorFlow's with a single 1 is, as Keras writes a swish whose slope is 1.
fn same_as(cx: &Context, node: &Node) -> Option<usize> {
    let is_one = |slot: usize| {
        let id = node.input(slot)?;
        // A signature may give another value for what is stored.
        if cx.graph.inputs.contains(&Some(id)) {
            return None;
        }
        let value = cx.graph.value(id);
        let float = value.dtype == DType::Float32 && value.stored_shape.elements() == Some(1);
        let other = cx.graph.value(node.input(1 - slot)?).shape.rank()?;
        let narrow = value.stored_shape.rank()? <= other;
        let one = (float && narrow).then(|| value.read()?.ok()?.number(0))?? == 1.0;
        one.then_some(1 - slot)
    };
    let product = !cx.tflite() && cx.options.fusion && &*node.op == "Mul";
    product.then(|| [1, 0].into_iter().find_map(is_one))?
}

/// A value, or the one that it surely [is](same_as).
fn bare(cx: &Context, value: ValueId) -> ValueId {
    let source = || {
        let node = cx.graph.producer(value)?;
        node.input(same_as(cx, node)?)
    };
    source().unwrap_or(value)
}

fn broadcast_sizes(cx: &Context) -> Result<Vec<usize>> {
    let shapes: Vec<&Shape> = (0..cx.node.inputs.len())
        .map(|i| cx.shape(i))
        .collect::<Result<_>>()?;
    let shape = broadcast::shape(cx, &shapes)?;
    shape
        .fixed()
        .ok_or_else(|| cx.wrong("an input of unknown shape"))
}

/// Which operand is what the operator `by` makes of the other one alone, so that the operator need not run for this
/// one: the other operand and that operator's node.
pub(super) fn made_of_other<'g>(cx: &Context<'g>) -> Option<(usize, &'g Node)> {
    let made = |(own, other): (usize, usize)| {
        let (x, y) = (cx.node.input(own)?, cx.node.input(other)?);
        let producer = cx.graph.producer(y)?;
        // What is given from outside, or stored, is not what the operator would make.
        let given = cx.graph.inputs.contains(&Some(y)) || cx.input(other).ok()?.constant.is_some();
        let is_own = |of: &Option<ValueId>| of.is_some_and(|of| bare(cx, of) == bare(cx, x));
        let alone = producer.inputs.len() == 1
            && producer.inputs.iter().all(is_own)
            && !cx.graph.value(x).is_variable;
        (cx.options.fusion && alone && !given).then_some((own, producer))
    };
    [(0, 1), (1, 0)].into_iter().find_map(made)
}

/// A number times its own LOGISTIC, in one go.
fn swish(cx: &Context, clamp: Clamp) -> Option<Result<Prepared>> {
    let (own, gate) = made_of_other(cx)?;
    let (exact, finite) = (cx.options.in_order, clamp == Clamp::FINITE);
    let known = matches!(&*gate.op, "LOGISTIC" | "Sigmoid") && (finite || clamp == Clamp::NONE);
    if !known || !vectors::has_binary(BinaryOp::Mul) {
        return None;
    }
    let unread: &[usize] = if own == 0 { &[1] } else { &[0] };
    Some(in_place::elements_of(own, unread, move |x, out| {
        vectors::swish(exact, finite, x, out);
    }))
}

fn arithmetic(
    cx: &Context,
    op: BinaryOp,
    dtype: DType,
    sizes: Sizes,
    clamp: Clamp,
) -> Result<Prepared> {
    let rules = rules(cx);
    // Of two numbers that are in no order StableHLO's extremes are the first, those of the others the second.
    let turned =
        cx.node.op.starts_with("STABLEHLO_") && matches!(op, BinaryOp::Maximum | BinaryOp::Minimum);
    // Divisors and exponents are looked over first.
    let piecemeal = match op {
        BinaryOp::FloorDiv
        | BinaryOp::TruncateDiv
        | BinaryOp::FloorMod
        | BinaryOp::TruncateMod
        | BinaryOp::Pow => false,
        BinaryOp::Div => !dtype.is_integer(),
        _ => true,
    };
    if dtype == DType::Float32
        && op == BinaryOp::Mul
        && let Some(prepared) = swish(cx, clamp)
    {
        return prepared;
    }
    if dtype == DType::Float32
        && !cx.options.reference
        && vectors::has_binary(op)
        && let Some(spread) = Spread::new([&sizes.a, &sizes.b], &sizes.out)
    {
        return in_place::spread::<f32>(spread, sizes.full(), move |spread, first, sides, out| {
            vectors::binary(op, clamp, spread, first, sides, out);
        });
    }
    match dtype {
        DType::Float32 => in_place::binary::<f32>(sizes, piecemeal, move |a, b, (out, shape)| {
            let (a, b) = if turned { (b, a) } else { (a, b) };
            binary::binary(op, rules, a, b, (&mut *out, shape))?;
            clamp.apply_all(out);
            Ok(())
        }),
        DType::Complex64 => in_place::binary::<[f32; 2]>(sizes, piecemeal, move |a, b, out| {
            binary::binary_complex(op, a, b, out)
        }),
        DType::Complex128 => in_place::binary::<[f64; 2]>(sizes, piecemeal, move |a, b, out| {
            binary::binary_complex(op, a, b, out)
        }),
        _ => {
            with_number!(dtype, T => in_place::binary::<T>(sizes, piecemeal, move |a, b, (out, shape)| {
            let (a, b) = if turned { (b, a) } else { (a, b) };
            binary::binary(op, rules, a, b, (&mut *out, shape))?;
            clamp_numbers(clamp, out);
            Ok(())
        }), else Err(cx.no_kernel(dtype)))
        }
    }
}

/// The bounds of a fused activation on numbers other than f32. The largest f32 stands for their own largest number.
fn clamp_numbers<T: Number>(clamp: Clamp, values: &mut [T]) {
    if clamp == Clamp::NONE || T::INTEGER && clamp == Clamp::FINITE {
        return;
    }
    let end = |end: f32| match end {
        f32::MIN => T::lowest(),
        f32::MAX => T::highest(),
        end => T::from_f64(end.into()),
    };
    let (lo, hi) = (end(clamp.lo), end(clamp.hi));
    for value in values {
        if *value < lo {
            *value = lo;
        }
        if *value > hi {
            *value = hi;
        }
    }
}

fn prepare_bias_add(cx: &Context) -> Result<Prepared> {
    let dtype = same_types(cx)?;
    let (value, bias) = (cx.sizes(0)?, cx.sizes(1)?);
    let channels_first = cx
        .node
        .attrs
        .text("data_format")
        .is_some_and(|f| f.starts_with("NC"));
    let axis = if channels_first {
        1
    } else {
        value.len().saturating_sub(1)
    };
    if bias.len() != 1 || value.get(axis) != Some(&bias[0]) {
        return Err(cx.wrong(format!("a bias of {bias:?} for {value:?}")));
    }
    let mut spread = vec![1; value.len() - axis];
    spread[0] = bias[0];
    arithmetic(
        cx,
        BinaryOp::Add,
        dtype,
        Sizes {
            a: value.clone(),
            b: spread,
            out: value,
        },
        Clamp::NONE,
    )
}

fn infer_add_n(cx: &Context) -> Result<Vec<Fact>> {
    let shapes: Vec<&Shape> = (0..cx.node.inputs.len())
        .map(|i| cx.shape(i))
        .collect::<Result<_>>()?;
    cx.one(cx.dtype(0)?, broadcast::shape(cx, &shapes)?)
}

fn prepare_add_n(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    if dtype == DType::Variant {
        return super::lists::prepare_sum_or_zeros(cx);
    }
    let count = cx.node.inputs.len();
    let sizes = broadcast_sizes(cx)?;
    if (0..count)
        .any(|i| cx.sizes(i).ok().as_ref() != Some(&sizes) || cx.dtype(i).ok() != Some(dtype))
    {
        return Err(cx.wrong("its inputs differ in shape or type"));
    }
    if matches!(dtype, DType::Complex64 | DType::Complex128) {
        return with_type!(dtype, T in [Complex64: f32, Complex128: f64] => Prepared::function(move |io| {
            let out = io.output::<[T; 2]>(0)?;
            out.copy_from_slice(io.input(0)?);
            for input in 1..count {
                for (sum, x) in out.iter_mut().zip(io.input::<[T; 2]>(input)?) {
                    *sum = [sum[0] + x[0], sum[1] + x[1]];
                }
            }
            Ok(())
        }), else Err(cx.no_kernel(dtype)));
    }
    // TensorFlow adds up eight at a time, which shows in half types: what is over (or nine, or eight) comes first.
    const GROUP: usize = 8;
    let first = match count % GROUP {
        _ if cx.tflite() => count,
        over @ 0..2 => (over + GROUP).min(count),
        over => over,
    };
    // TensorFlow Lite keeps every sum on the way finite, as ADD does.
    let finite = cx.tflite() && dtype == DType::Float32;
    with_number!(dtype, T => Prepared::in_place(&[0], move |io| {
        let out = io.output::<T>(0)?;
        if !io.is_in_place(0) {
            out.copy_from_slice(io.input::<T>(0)?);
        }
        let (lowest, highest) = (T::lowest(), T::highest());
        for input in 1..first {
            for (sum, &x) in out.iter_mut().zip(io.input::<T>(input)?) {
                *sum = match sum.add(x) {
                    sum if finite && sum < lowest => lowest,
                    sum if finite && sum > highest => highest,
                    sum => sum,
                };
            }
        }
        for group in (first..count).step_by(GROUP) {
            let mut group_of = [&[][..]; GROUP];
            for (at, values) in group_of.iter_mut().enumerate() {
                *values = io.input::<T>(group + at)?;
            }
            for (at, sum) in out.iter_mut().enumerate() {
                let [one, rest @ ..] = group_of.map(|values| values[at]);
                *sum = sum.add(rest.into_iter().fold(one, T::add));
            }
        }
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
}

fn infer_comparison(cx: &Context) -> Result<Vec<Fact>> {
    same_types(cx)?;
    cx.one(
        DType::Bool,
        broadcast::shape(cx, &[cx.shape(0)?, cx.shape(1)?])?,
    )
}

fn comparison_op(name: &str) -> Option<Comparison> {
    Some(match name {
        "Equal" | "EQUAL" => Comparison::Equal,
        "NotEqual" | "NOT_EQUAL" => Comparison::NotEqual,
        "Less" | "LESS" => Comparison::Less,
        "LessEqual" | "LESS_EQUAL" => Comparison::LessEqual,
        "Greater" | "GREATER" => Comparison::Greater,
        "GreaterEqual" | "GREATER_EQUAL" => Comparison::GreaterEqual,
        _ => return None,
    })
}

fn prepare_comparison(cx: &Context) -> Result<Prepared> {
    let dtype = same_types(cx)?;
    let op = comparison_op(&cx.node.op).ok_or_else(|| cx.unsupported("no such comparison"))?;
    let (a, b, out) = (cx.sizes(0)?, cx.sizes(1)?, broadcast_sizes(cx)?);
    // Of int16 only equality is told by the scales, the order by the integers.
    let by_scale = dtype != DType::Int16 || matches!(op, Comparison::Equal | Comparison::NotEqual);
    let scales = cx.quantization(0).is_some() && cx.quantization(1).is_some();
    if cx.tflite() && by_scale && scales {
        let (qa, qb) = (cx.scale(0)?, cx.scale(1)?);
        return with_type!(dtype, T in [Int8: i8, UInt8: u8, Int16: i16] => Prepared::function(move |io| {
            let side = |values, shape, (scale, zero_point)| compare::QuantizedSide { values, shape, scale, zero_point };
            let (x, y) = (io.input::<T>(0)?, io.input::<T>(1)?);
            compare::compare_quantized(op, side(x, &*a, qa), side(y, &*b, qb), (io.output(0)?, &out));
            Ok(())
        }), else Err(cx.no_kernel(dtype)));
    }
    match dtype {
        DType::Bool => Prepared::function(move |io| compared::<u8>(io, op, &a, &b, &out)),
        DType::Complex64 => {
            Prepared::function(move |io| compared::<[f32; 2]>(io, op, &a, &b, &out))
        }
        DType::Complex128 => {
            Prepared::function(move |io| compared::<[f64; 2]>(io, op, &a, &b, &out))
        }
        DType::String => compare_strings(op, a, b, out),
        _ => {
            with_number!(dtype, T => Prepared::function(move |io| compared::<T>(io, op, &a, &b, &out)),
            else Err(cx.no_kernel(dtype)))
        }
    }
}

fn compared<T: crate::model::Element + PartialOrd>(
    io: &mut Io,
    op: Comparison,
    a: &[usize],
    b: &[usize],
    out: &[usize],
) -> Result<()> {
    let (x, y) = (io.input::<T>(0)?, io.input::<T>(1)?);
    compare::compare(op, (x, a), (y, b), (io.output(0)?, out));
    Ok(())
}

fn compare_strings(
    op: Comparison,
    a: Vec<usize>,
    b: Vec<usize>,
    out: Vec<usize>,
) -> Result<Prepared> {
    Prepared::compute(move |inputs| {
        let strings = |i: usize| {
            inputs
                .get(i)
                .copied()
                .flatten()
                .map(|v| v.strings())
                .transpose()
        };
        let (Some(x), Some(y)) = (strings(0)?, strings(1)?) else {
            return Ok(Vec::new());
        };
        let (x, y): (Vec<&[u8]>, Vec<&[u8]>) = (
            x.iter().map(|s| &**s).collect(),
            y.iter().map(|s| &**s).collect(),
        );
        let mut values = vec![0u8; out.iter().product()];
        compare::compare(op, (&x, &a), (&y, &b), (&mut values, &out));
        Ok(vec![crate::model::Tensor::typed(
            DType::Bool,
            &out,
            &values,
        )])
    })
}

fn prepare_bits(cx: &Context) -> Result<Prepared> {
    let dtype = same_types(cx)?;
    let op = match &*cx.node.op {
        "LogicalAnd" | "LOGICAL_AND" | "BitwiseAnd" | "STABLEHLO_AND" => BitOp::And,
        "LogicalOr" | "LOGICAL_OR" | "BitwiseOr" => BitOp::Or,
        "BitwiseXor" | "BITWISE_XOR" => BitOp::Xor,
        "RightShift" | "RIGHT_SHIFT" => BitOp::RightShift,
        "STABLEHLO_SHIFT_LEFT" => BitOp::WideShift,
        _ => BitOp::LeftShift,
    };
    bits(cx, op, dtype)
}

fn bits(cx: &Context, op: BitOp, dtype: DType) -> Result<Prepared> {
    let (a, b, out) = (cx.sizes(0)?, cx.sizes(1)?, broadcast_sizes(cx)?);
    let plain = if dtype == DType::Bool {
        DType::UInt8
    } else {
        dtype
    };
    with_integer!(plain, T => Prepared::function(move |io| {
        let (x, y) = (io.input::<T>(0)?, io.input::<T>(1)?);
        binary::bitwise(op, (x, &a), (y, &b), (io.output(0)?, &out));
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
}

/// The condition's sizes as they spread: the old operator's rank-1 condition picks rows.
fn condition(cx: &Context) -> Result<Shape> {
    let (condition, values) = (cx.shape(0)?, cx.shape(1)?);
    let old = matches!(&*cx.node.op, "Select" | "SELECT");
    Ok(match (condition.dims(), values.rank()) {
        (Some([n]), Some(rank)) if old && rank > 1 => {
            let mut dims = vec![1; rank];
            dims[0] = *n;
            Shape(Some(dims))
        }
        _ => condition.clone(),
    })
}

fn infer_select(cx: &Context) -> Result<Vec<Fact>> {
    let condition = condition(cx)?;
    if cx.dtype(1)? != cx.dtype(2)? {
        return Err(cx.wrong(format!(
            "it selects from {} and {}",
            cx.dtype(1)?,
            cx.dtype(2)?
        )));
    }
    let out = broadcast::shape(cx, &[&condition, cx.shape(1)?, cx.shape(2)?])?;
    cx.one(cx.dtype(1)?, own_shape_of_one(cx, &out)?.unwrap_or(out))
}

/// TensorFlow Lite leaves a selected single value the shape that the file has for it.
fn own_shape_of_one(cx: &Context, out: &Shape) -> Result<Option<Shape>> {
    let single = |shape: &Shape| shape.elements() == Some(1);
    let told = cx.declared(0).map(|value| &value.stored_shape);
    let own = told.filter(|own| cx.tflite() && single(own) && single(out));
    Ok(own.filter(|own| *own != out).cloned())
}

fn prepare_select(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(1)?;
    let size = dtype.size().ok_or_else(|| cx.no_kernel(dtype))?;
    let shape = condition(cx)?;
    let out = broadcast::shape(cx, &[&shape, cx.shape(1)?, cx.shape(2)?])?.fixed();
    let (Some(c), Some(out)) = (shape.fixed(), out) else {
        return Err(cx.wrong("an input of unknown shape"));
    };
    let (a, b) = (cx.sizes(1)?, cx.sizes(2)?);
    if cx.dtype(0)? != DType::Bool {
        return Err(cx.wrong(format!("a condition of {}", cx.dtype(0)?)));
    }
    Prepared::function(move |io| {
        let (x, y) = (io.view(1)?.bytes(), io.view(2)?.bytes());
        select(
            size,
            (io.view(0)?.bytes(), &c),
            (x, &a),
            (y, &b),
            (io.output_bytes(0)?, &out),
        );
        Ok(())
    })
}
