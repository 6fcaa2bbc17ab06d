//! Operators that move or mix elements, made from slices, scatters, selections and arithmetic.

use super::attrs::plain;
use super::makers::cut;
use super::{Call, Lower, Lowering, axis_of};
use crate::error::{Error, Result};
use crate::model::{Attr, Attrs, DType, Tensor, ValueId};

pub fn find(op: &str) -> Option<Lower> {
    Some(match op {
        "Roll" => roll,
        "TensorScatterUpdate" => scatter_update,
        "TensorScatterAdd" | "TensorScatterSub" => scatter_add,
        "MatrixBandPart" => band,
        "InvertPermutation" => invert,
        "DynamicStitch" | "ParallelDynamicStitch" => stitch,
        "IsFinite" => is_finite,
        "IsInf" => is_infinite,
        "SigmoidGrad" => sigmoid_gradient,
        "TanhGrad" => tanh_gradient,
        "MulNoNan" => mul_no_nan,
        "Xdivy" | "Xlogy" => unless_zero,
        "TruncateDiv" => truncate_div,
        "SparseSoftmaxCrossEntropyWithLogits" => cross_entropy,
        "FakeQuantWithMinMaxArgs"
        | "FakeQuantWithMinMaxVars"
        | "FakeQuantWithMinMaxVarsPerChannel" => fake_quant,
        _ => return None,
    })
}

fn roll(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let mut x = call.arg(0)?;
    let shifts = cx.ints(call.arg(1)?, "how far to roll")?;
    let axes = cx.ints(call.arg(2)?, "the axis to roll")?;
    for (shift, axis) in shifts.into_iter().zip(axes) {
        let dims = cx.dims(x)?;
        let axis = axis_of(axis, dims.len())?;
        let size = dims[axis];
        if size < 0 {
            return Err(Error::unsupported("rolls an axis of unknown size"));
        }
        let from_end = if size > 0 { shift.rem_euclid(size) } else { 0 };
        if from_end == 0 {
            continue;
        }
        let end = cut(cx, x, axis, size - from_end, from_end)?;
        let start = cut(cx, x, axis, 0, size - from_end)?;
        let attrs = plain().with("axis", Attr::Int(axis as i64));
        x = cx.emit("CONCATENATION", &[end, start], attrs)?;
    }
    Ok(vec![x])
}

fn sizes_of(cx: &mut Lowering, x: ValueId) -> Result<ValueId> {
    let dims = cx.dims(x)?;
    if dims.iter().all(|&d| d >= 0) {
        return cx.int_vector(&dims);
    }
    let attrs = Attrs::new().with("out_type", Attr::Type(DType::Int32));
    cx.emit("SHAPE", &[x], attrs)
}

/// Where something is scattered to, that; elsewhere `x`.
fn scatter_update(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (x, at) = (call.arg(0)?, cx.as_int32(call.arg(1)?)?);
    let updates = call.arg(2)?;
    let sizes = sizes_of(cx, x)?;
    let put = cx.emit("SCATTER_ND", &[at, updates, sizes], Attrs::new())?;
    let ones = match cx.shape(updates).fixed() {
        Some(dims) => {
            let count = dims.iter().product();
            cx.constant(&Tensor::from_values(&dims, &vec![1i32; count]))
        }
        None => {
            let zeros = cx.emit("ZEROS_LIKE", &[updates], Attrs::new())?;
            let zeros = cx.cast(zeros, DType::Int32)?;
            let one = cx.int_scalar(1)?;
            cx.emit("ADD", &[zeros, one], plain())?
        }
    };
    let hits = cx.emit("SCATTER_ND", &[at, ones, sizes], Attrs::new())?;
    let zero = cx.int_scalar(0)?;
    let hit = cx.emit("NOT_EQUAL", &[hits, zero], Attrs::new())?;
    Ok(vec![cx.emit("SELECT_V2", &[hit, put, x], Attrs::new())?])
}

fn scatter_add(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (x, at) = (call.arg(0)?, cx.as_int32(call.arg(1)?)?);
    if !matches!(cx.dtype(x), DType::Float32 | DType::Int32 | DType::Int64) {
        let dtype = cx.dtype(x);
        return Err(Error::unsupported(format!(
            "has no TFLite operators for {dtype}"
        )));
    }
    let sizes = sizes_of(cx, x)?;
    let put = cx.emit("SCATTER_ND", &[at, call.arg(2)?, sizes], Attrs::new())?;
    let op = if call.op().ends_with("Add") {
        "ADD"
    } else {
        "SUB"
    };
    Ok(vec![cx.emit(op, &[x, put], plain())?])
}

/// The most of a mask that is written into the file.
const LARGEST_MASK: i64 = 1 << 20;

fn band(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.arg(0)?;
    let dims = cx.dims(x)?;
    let &[.., rows, columns] = &dims[..] else {
        return Err(Error::unreadable("a band of no matrix"));
    };
    let width = |cx: &Lowering, index| -> Result<Option<i64>> {
        let known = cx.known(call.arg(index)?);
        Ok(known.and_then(|known| known.first().copied()?))
    };
    let small = rows >= 0 && columns >= 0 && rows.saturating_mul(columns) <= LARGEST_MASK;
    let mask = match (width(cx, 1)?, width(cx, 2)?) {
        (Some(lower), Some(upper)) if small => {
            let inside = |at: i64| {
                let (row, column) = (at / columns, at % columns);
                (lower < 0 || row - column <= lower) && (upper < 0 || column - row <= upper)
            };
            let mask = (0..rows * columns).map(|at| f64::from(u8::from(inside(at))));
            let (mask, sizes) = (mask.collect::<Vec<_>>(), [rows as usize, columns as usize]);
            let mask = super::eval::from_numbers(DType::Bool, &sizes, &mask)
                .ok_or_else(|| Error::unsupported("no bool constants here"))?;
            cx.constant(&mask)
        }
        _ => {
            let behind = distances(cx, x, dims.len())?;
            let before = cx.emit("NEG", &[behind], Attrs::new())?;
            let (lower, upper) = (call.arg(1)?, call.arg(2)?);
            let below = within(cx, behind, lower)?;
            let above = within(cx, before, upper)?;
            cx.emit("LOGICAL_AND", &[below, above], Attrs::new())?
        }
    };
    let zero = cx.scalar(cx.dtype(x), 0.0)?;
    Ok(vec![cx.emit(
        "SELECT_V2",
        &[mask, x, zero],
        Attrs::new(),
    )?])
}

/// How many columns each place of a matrix lies behind the main diagonal.
fn distances(cx: &mut Lowering, x: ValueId, rank: usize) -> Result<ValueId> {
    let sizes = sizes_of(cx, x)?;
    let mut numbers = |axis: usize, shape: [i64; 2]| -> Result<ValueId> {
        let (at, one) = (cx.int_vector(&[axis as i64])?, cx.int_vector(&[1])?);
        let size = cx.emit("SLICE", &[sizes, at, one], Attrs::new())?;
        let size = cx.reshape(size, &[])?;
        let (first, step) = (cx.int_scalar(0)?, cx.int_scalar(1)?);
        let all = cx.emit("RANGE", &[first, size, step], Attrs::new())?;
        cx.reshape(all, &shape)
    };
    let (rows, columns) = (numbers(rank - 2, [-1, 1])?, numbers(rank - 1, [1, -1])?);
    cx.emit("SUB", &[rows, columns], plain())
}

/// Whether a distance is at most so much; any is where that is negative.
fn within(cx: &mut Lowering, distance: ValueId, most: ValueId) -> Result<ValueId> {
    let most = cx.as_int32(most)?;
    let zero = cx.int_scalar(0)?;
    let any = cx.emit("LESS", &[most, zero], Attrs::new())?;
    let near = cx.emit("LESS_EQUAL", &[distance, most], Attrs::new())?;
    cx.emit("LOGICAL_OR", &[any, near], Attrs::new())
}

fn count_known(cx: &Lowering, x: ValueId) -> Result<i64> {
    match cx.dims(x)?[..] {
        [count] if count >= 0 => Ok(count),
        _ => Err(Error::unsupported("needs a vector of known length")),
    }
}

fn invert(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.arg(0)?;
    let count = count_known(cx, x)?;
    let at = cx.as_int32(x)?;
    let at = cx.reshape(at, &[count, 1])?;
    let numbers = cx.int_vector(&(0..count).collect::<Vec<_>>())?;
    let sizes = cx.int_vector(&[count])?;
    let made = cx.emit("SCATTER_ND", &[at, numbers, sizes], Attrs::new())?;
    let dtype = cx.dtype(x);
    Ok(vec![cx.cast(made, dtype)?])
}

/// With indices that the model holds: the parts one behind the other, and each place picks the last that is put there.
fn stitch(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (indices, parts) = call.inputs.split_at(call.inputs.len() / 2);
    let mut rows = Vec::with_capacity(parts.len());
    let mut places: Vec<Option<i64>> = Vec::new();
    let mut behind = 0;
    for (&at, &part) in indices.iter().zip(parts) {
        let rank = cx.rank(at)?;
        let dims = cx.dims(part)?;
        let inner = dims.get(rank..).unwrap_or_default();
        let targets = cx.ints(at, "the indices")?;
        for &place in &targets {
            let place = usize::try_from(place)
                .ok()
                .filter(|&place| place < 1 << 24)
                .ok_or_else(|| Error::unreadable("an index of no place"))?;
            if places.len() <= place {
                places.resize(place + 1, None);
            }
            places[place] = Some(behind);
            behind += 1;
        }
        let sizes = [&[targets.len() as i64], inner].concat();
        rows.push(cx.reshape(part, &sizes)?);
    }
    let picks: Option<Vec<i64>> = places.into_iter().collect();
    let picks = picks.ok_or_else(|| Error::unsupported("leaves places open"))?;
    let attrs = plain().with("axis", Attr::Int(0));
    let all = match rows[..] {
        [only] => only,
        _ => cx.emit("CONCATENATION", &rows, attrs)?,
    };
    let picks = cx.int_vector(&picks)?;
    let attrs = Attrs::new()
        .with("axis", Attr::Int(0))
        .with("batch_dims", Attr::Int(0));
    Ok(vec![cx.emit("GATHER", &[all, picks], attrs)?])
}

fn float(cx: &mut Lowering, call: &Call<'_>) -> Result<ValueId> {
    let x = call.arg(0)?;
    match cx.dtype(x) {
        DType::Float32 | DType::Float16 | DType::BFloat16 => cx.cast(x, DType::Float32),
        other => Err(Error::unsupported(format!(
            "has no TFLite operators for {other}"
        ))),
    }
}

/// An infinity less itself is no number, and so is NaN.
fn is_finite(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = float(cx, call)?;
    let nothing = cx.emit("SUB", &[x, x], plain())?;
    let zero = cx.scalar(DType::Float32, 0.0)?;
    Ok(vec![cx.emit("EQUAL", &[nothing, zero], Attrs::new())?])
}

fn is_infinite(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = float(cx, call)?;
    let size = cx.emit("ABS", &[x], Attrs::new())?;
    let infinity = cx.scalar(DType::Float32, f64::INFINITY)?;
    Ok(vec![cx.emit("EQUAL", &[size, infinity], Attrs::new())?])
}

/// Of the result `y` and the gradient behind it.
fn sigmoid_gradient(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (y, gradient) = (float_alone(cx, call)?, call.arg(1)?);
    let one = cx.scalar(DType::Float32, 1.0)?;
    let rest = cx.emit("SUB", &[one, y], plain())?;
    let first = cx.emit("MUL", &[gradient, y], plain())?;
    Ok(vec![cx.emit("MUL", &[first, rest], plain())?])
}

fn tanh_gradient(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (y, gradient) = (float_alone(cx, call)?, call.arg(1)?);
    let one = cx.scalar(DType::Float32, 1.0)?;
    let square = cx.emit("MUL", &[y, y], plain())?;
    let rest = cx.emit("SUB", &[one, square], plain())?;
    Ok(vec![cx.emit("MUL", &[gradient, rest], plain())?])
}

fn float_alone(cx: &Lowering, call: &Call<'_>) -> Result<ValueId> {
    let x = call.arg(0)?;
    match cx.dtype(x) {
        DType::Float32 => Ok(x),
        other => Err(Error::unsupported(format!(
            "has no TFLite operators for {other}"
        ))),
    }
}

fn mul_no_nan(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (x, y) = (float_alone(cx, call)?, call.arg(1)?);
    let zero = cx.scalar(DType::Float32, 0.0)?;
    let none = cx.emit("EQUAL", &[y, zero], Attrs::new())?;
    let product = cx.emit("MUL", &[x, y], plain())?;
    let inputs = [none, zero, product];
    Ok(vec![cx.emit("SELECT_V2", &inputs, Attrs::new())?])
}

/// 0 where the first operand is, whatever the second.
fn unless_zero(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (x, y) = (float_alone(cx, call)?, call.arg(1)?);
    let zero = cx.scalar(DType::Float32, 0.0)?;
    let none = cx.emit("EQUAL", &[x, zero], Attrs::new())?;
    let made = match call.op() {
        "Xdivy" => cx.emit("DIV", &[x, y], plain())?,
        _ => {
            let log = cx.emit("LOG", &[y], Attrs::new())?;
            cx.emit("MUL", &[x, log], plain())?
        }
    };
    let inputs = [none, zero, made];
    Ok(vec![cx.emit("SELECT_V2", &inputs, Attrs::new())?])
}

/// Of logits and the number of the class of each row: the loss, and its gradient. A row whose number is no class makes
/// NaN.
fn cross_entropy(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (x, labels) = (float_alone(cx, call)?, cx.as_int32(call.arg(1)?)?);
    let classes = match cx.dims(x)?[..] {
        [_, classes] if classes >= 0 => classes,
        _ => return Err(Error::unsupported("needs a known number of classes")),
    };
    let depth = cx.int_scalar(classes)?;
    let (one, zero) = (
        cx.scalar(DType::Float32, 1.0)?,
        cx.scalar(DType::Float32, 0.0)?,
    );
    let attrs = Attrs::new().with("axis", Attr::Int(-1));
    let hot = cx.emit("ONE_HOT", &[labels, depth, one, zero], attrs)?;
    let logs = cx.emit("LOG_SOFTMAX", &[x], Attrs::new())?;
    let picked = cx.emit("MUL", &[hot, logs], plain())?;
    let (last, keep) = (cx.int_vector(&[1])?, Attrs::new());
    let picked = cx.emit(
        "SUM",
        &[picked, last],
        keep.with("keep_dims", Attr::Bool(false)),
    )?;
    let loss = cx.emit("NEG", &[picked], Attrs::new())?;
    let (none, behind) = (cx.int_scalar(0)?, cx.int_scalar(classes)?);
    let negative = cx.emit("LESS", &[labels, none], Attrs::new())?;
    let beyond = cx.emit("GREATER_EQUAL", &[labels, behind], Attrs::new())?;
    let stray = cx.emit("LOGICAL_OR", &[negative, beyond], Attrs::new())?;
    let nan = cx.scalar(DType::Float32, f64::NAN)?;
    let loss = cx.emit("SELECT_V2", &[stray, nan, loss], Attrs::new())?;
    let shares = cx.emit("SOFTMAX", &[x], Attrs::new().with("beta", Attr::Float(1.0)))?;
    let gradient = cx.emit("SUB", &[shares, hot], plain())?;
    let stray = cx.reshape(stray, &[-1, 1])?;
    let gradient = cx.emit("SELECT_V2", &[stray, nan, gradient], Attrs::new())?;
    Ok(vec![loss, gradient])
}

/// TensorFlow Lite divides whole numbers towards 0.
fn truncate_div(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (x, y) = (call.arg(0)?, call.arg(1)?);
    match cx.dtype(x) {
        DType::Int32 => Ok(vec![cx.emit("DIV", &[x, y], plain())?]),
        other => Err(Error::unsupported(format!(
            "has no TFLite operator for {other}"
        ))),
    }
}

/// To the nearest step between bounds that are moved so that 0 is a step, as TensorFlow computes it.
fn fake_quant(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = float_alone(cx, call)?;
    let bounds = |cx: &Lowering, index: usize, name: &str| -> Result<Vec<f64>> {
        if call.op().ends_with("Args") {
            let default = if index == 1 { -6.0 } else { 6.0 };
            return Ok(vec![call.node.attrs.float(name).unwrap_or(default)]);
        }
        let tensor = cx.tensor(call.arg(index)?)?;
        let values = tensor.and_then(|t| t.values::<f32>().map(<[f32]>::to_vec));
        let values = values.ok_or_else(|| Error::unsupported("bounds known only at run time"))?;
        Ok(values.into_iter().map(f64::from).collect())
    };
    let (low, high) = (bounds(cx, 1, "min")?, bounds(cx, 2, "max")?);
    let bits = call.node.attrs.int("num_bits").unwrap_or(8).clamp(2, 16);
    let first = if call.flag("narrow_range") { 1.0 } else { 0.0 };
    let last = f64::from((1u32 << bits) - 1);
    let mut steps = Vec::with_capacity(low.len());
    for (&low, &high) in low.iter().zip(&high) {
        if !(low <= 0.0 && high >= 0.0 && low < high) {
            return Err(Error::unsupported(format!(
                "bounds of {low} and {high}, not around 0"
            )));
        }
        let scale = (high as f32 - low as f32) / (last - first) as f32;
        let zero = first as f32 - low as f32 / scale;
        let zero = zero.clamp(first as f32, last as f32).round();
        let low = (first as f32 - zero) * scale;
        steps.push((low, (last as f32 - zero) * scale, scale));
    }
    let channels = call.op().ends_with("PerChannel");
    let mut vector = |pick: fn(&(f32, f32, f32)) -> f32| {
        let values: Vec<f32> = steps.iter().map(pick).collect();
        let dims: &[usize] = if channels { &[values.len()] } else { &[] };
        cx.constant(&Tensor::from_values(dims, &values))
    };
    let (low, high) = (vector(|s| s.0), vector(|s| s.1));
    let (scale, inverse) = (vector(|s| s.2), vector(|s| 1.0 / s.2));
    let inside = cx.emit("MINIMUM", &[x, high], Attrs::new())?;
    let inside = cx.emit("MAXIMUM", &[inside, low], Attrs::new())?;
    let above = cx.emit("SUB", &[inside, low], plain())?;
    let steps = cx.emit("MUL", &[above, inverse], plain())?;
    let half = cx.scalar(DType::Float32, 0.5)?;
    let steps = cx.emit("ADD", &[steps, half], plain())?;
    let steps = cx.emit("FLOOR", &[steps], Attrs::new())?;
    let above = cx.emit("MUL", &[steps, scale], plain())?;
    Ok(vec![cx.emit("ADD", &[above, low], plain())?])
}
