//! Operators with a direct twin: the same operands, at most renamed attributes.
//! Which twin and for which types: the reference converter's choices, measured operator by operator.

use super::attrs::plain;
use super::{Call, Lower, Lowering};
use crate::error::{Error, Result};
use crate::model::{Attr, Attrs, DType, ValueId};

/// What an operator's twin computes in; other types go through a CAST where that is exact or usual.
#[derive(Clone, Copy, PartialEq)]
enum Types {
    Float,
    /// float32, int32 and int64.
    Number,
    /// float32 and int32.
    Narrow,
    Bool,
    Any,
}

struct Twin {
    tf: &'static str,
    tflite: &'static str,
    types: Types,
    /// Carries `fused_activation_function`.
    fuses: bool,
}

const fn twin(tf: &'static str, tflite: &'static str, types: Types) -> Twin {
    Twin {
        tf,
        tflite,
        types,
        fuses: false,
    }
}

const fn fusing(tf: &'static str, tflite: &'static str, types: Types) -> Twin {
    Twin {
        tf,
        tflite,
        types,
        fuses: true,
    }
}

const TWINS: &[Twin] = &[
    twin("Abs", "ABS", Types::Narrow),
    twin("Ceil", "CEIL", Types::Float),
    twin("Cos", "COS", Types::Float),
    twin("Elu", "ELU", Types::Float),
    twin("Exp", "EXP", Types::Float),
    twin("Floor", "FLOOR", Types::Float),
    twin("Log", "LOG", Types::Float),
    twin("LogSoftmax", "LOG_SOFTMAX", Types::Float),
    twin("LogicalAnd", "LOGICAL_AND", Types::Bool),
    twin("LogicalNot", "LOGICAL_NOT", Types::Bool),
    twin("LogicalOr", "LOGICAL_OR", Types::Bool),
    twin("Neg", "NEG", Types::Number),
    twin("Relu6", "RELU6", Types::Float),
    twin("Rint", "ROUND", Types::Float),
    twin("Round", "ROUND", Types::Float),
    twin("Rsqrt", "RSQRT", Types::Float),
    twin("Sigmoid", "LOGISTIC", Types::Float),
    twin("Sign", "SIGN", Types::Float),
    twin("Sin", "SIN", Types::Float),
    twin("Sqrt", "SQRT", Types::Float),
    twin("Square", "SQUARE", Types::Narrow),
    twin("Tanh", "TANH", Types::Float),
    twin("ZerosLike", "ZEROS_LIKE", Types::Number),
    fusing("Add", "ADD", Types::Number),
    fusing("AddV2", "ADD", Types::Number),
    fusing("Sub", "SUB", Types::Number),
    fusing("Mul", "MUL", Types::Number),
    fusing("RealDiv", "DIV", Types::Float),
    twin("Maximum", "MAXIMUM", Types::Number),
    twin("Minimum", "MINIMUM", Types::Number),
    twin("FloorDiv", "FLOOR_DIV", Types::Narrow),
    twin("FloorMod", "FLOOR_MOD", Types::Number),
    twin("Pow", "POW", Types::Narrow),
    twin("SquaredDifference", "SQUARED_DIFFERENCE", Types::Narrow),
    twin("Atan2", "ATAN2", Types::Float),
    twin("Equal", "EQUAL", Types::Any),
    twin("NotEqual", "NOT_EQUAL", Types::Any),
    twin("Less", "LESS", Types::Number),
    twin("LessEqual", "LESS_EQUAL", Types::Number),
    twin("Greater", "GREATER", Types::Number),
    twin("GreaterEqual", "GREATER_EQUAL", Types::Number),
    twin("BitwiseXor", "BITWISE_XOR", Types::Any),
    twin("RightShift", "RIGHT_SHIFT", Types::Any),
    twin("AddN", "ADD_N", Types::Narrow),
];

pub fn find(op: &str) -> Option<Lower> {
    match op {
        "LeakyRelu" => Some(leaky_relu),
        "Relu" => Some(relu),
        "Gelu" => Some(gelu),
        "Cast" => Some(cast),
        "Softmax" => Some(softmax),
        "Div" => Some(div),
        _ => entry(op).map(|_| direct as Lower),
    }
}

fn entry(op: &str) -> Option<&'static Twin> {
    TWINS.iter().find(|t| t.tf == op)
}

fn direct(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let twin = entry(call.op()).ok_or_else(|| Error::unsupported("has no TFLite operator"))?;
    let attrs = if twin.fuses { plain() } else { Attrs::new() };
    in_types(cx, call, twin.types, |cx, inputs| {
        cx.emit(twin.tflite, inputs, attrs)
    })
}

/// Emits in a type that the operator has: float16, bfloat16 and float64 through float32, small integers
/// through int32, and the result back.
fn in_types(
    cx: &mut Lowering,
    call: &Call<'_>,
    types: Types,
    emit: impl FnOnce(&mut Lowering, &[ValueId]) -> Result<ValueId>,
) -> Result<Vec<ValueId>> {
    let own = cx.dtype(call.arg(0)?);
    let (through, inputs) = taken(cx, call, own, types)?;
    let result = emit(cx, &inputs)?;
    if through == own {
        return Ok(vec![result]);
    }
    let back = if cx.dtype(result) == through {
        own
    } else {
        cx.dtype(result)
    };
    Ok(vec![cx.cast(result, back)?])
}

/// The type to work in, and the inputs in it.
fn taken(
    cx: &mut Lowering,
    call: &Call<'_>,
    own: DType,
    types: Types,
) -> Result<(DType, Vec<ValueId>)> {
    let through = working_type(own, types)
        .ok_or_else(|| Error::unsupported(format!("has no TFLite operator for {own}")))?;
    let mut inputs = call.inputs.to_vec();
    if through != own {
        for input in &mut inputs {
            *input = cx.cast(*input, through)?;
        }
    }
    Ok((through, inputs))
}

fn working_type(own: DType, types: Types) -> Option<DType> {
    use DType::{
        BFloat16, Bool, Float16, Float32, Float64, Int8, Int16, Int32, Int64, UInt8, UInt16,
    };
    match (own, types) {
        (_, Types::Any) => Some(own),
        (Bool, Types::Bool) | (Float32, Types::Float | Types::Number | Types::Narrow) => Some(own),
        (Float16 | BFloat16 | Float64, Types::Float | Types::Number | Types::Narrow) => {
            Some(Float32)
        }
        (Int32, Types::Number | Types::Narrow) | (Int64, Types::Number) => Some(own),
        (Int8 | Int16 | UInt8 | UInt16, Types::Number | Types::Narrow) => Some(Int32),
        _ => None,
    }
}

fn relu(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    if matches!(cx.dtype(call.arg(0)?), DType::Int32 | DType::Int64) {
        let zero = cx.scalar(cx.dtype(call.arg(0)?), 0.0)?;
        return Ok(vec![cx.emit(
            "MAXIMUM",
            &[call.arg(0)?, zero],
            Attrs::new(),
        )?]);
    }
    in_types(cx, call, Types::Float, |cx, inputs| {
        cx.emit("RELU", inputs, Attrs::new())
    })
}

/// Made by a pass from the exact form.
fn gelu(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let attrs = Attrs::new().with("approximate", Attr::Bool(false));
    in_types(cx, call, Types::Float, |cx, inputs| {
        cx.emit("GELU", inputs, attrs)
    })
}

fn leaky_relu(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let alpha = call.node.attrs.float("alpha").unwrap_or(f64::from(0.2f32));
    let attrs = Attrs::new().with("alpha", Attr::Float(alpha));
    in_types(cx, call, Types::Float, |cx, inputs| {
        cx.emit("LEAKY_RELU", inputs, attrs)
    })
}

fn softmax(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let attrs = Attrs::new().with("beta", Attr::Float(1.0));
    in_types(cx, call, Types::Float, |cx, inputs| {
        cx.emit("SOFTMAX", inputs, attrs)
    })
}

/// Python 2's division: integers truncate.
fn div(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    in_types(cx, call, Types::Narrow, |cx, inputs| {
        cx.emit("DIV", inputs, plain())
    })
}

fn cast(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let to = call
        .node
        .attrs
        .dtype("DstT")
        .ok_or_else(|| Error::unreadable("Cast without DstT"))?;
    Ok(vec![cx.cast(call.arg(0)?, to)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_floats_go_through_float32_and_strings_nowhere() {
        assert_eq!(
            working_type(DType::Float16, Types::Float),
            Some(DType::Float32)
        );
        assert_eq!(working_type(DType::Int8, Types::Number), Some(DType::Int32));
        assert_eq!(working_type(DType::String, Types::Number), None);
    }
}
