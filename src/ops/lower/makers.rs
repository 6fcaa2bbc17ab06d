//! Operators with a twin whose result has a shape or type of its own: bits, complex parts, transforms, segments, diagonals,
//! random numbers, boxes.

use super::shapes::int_list;
use super::{Call, Lower, Lowering, attrs, axis_of};
use crate::error::{Error, Result};
use crate::model::{Attr, Attrs, DType, Shape, ValueId};

pub fn find(op: &str) -> Option<Lower> {
    Some(match op {
        "Bitcast" => bitcast,
        "BroadcastArgs" => broadcast_args,
        "ComplexAbs" | "Real" | "Imag" => complex_part,
        "RFFT" | "RFFT2D" => real_transform,
        "SegmentSum" => segment_sum,
        "UnsortedSegmentSum"
        | "UnsortedSegmentMax"
        | "UnsortedSegmentMin"
        | "UnsortedSegmentProd" => unsorted_segment,
        "SparseToDense" => sparse_to_dense,
        "MatrixDiag" | "MatrixDiagV2" | "MatrixDiagV3" => matrix_diag,
        "MatrixSetDiag" | "MatrixSetDiagV2" | "MatrixSetDiagV3" => matrix_set_diag,
        "RandomUniform" | "RandomStandardNormal" => random,
        "Multinomial" => multinomial,
        "Bucketize" => bucketize,
        "NonMaxSuppressionV3" | "NonMaxSuppressionV4" | "NonMaxSuppressionV5" => suppressed,
        "ShapeN" => shapes_of,
        "Conv3DBackpropInputV2" => conv_3d_transpose,
        _ => return None,
    })
}

fn only(cx: &Lowering, value: ValueId, types: &[DType]) -> Result<()> {
    let dtype = cx.dtype(value);
    match types.contains(&dtype) {
        true => Ok(()),
        false => Err(Error::unsupported(format!(
            "has no TFLite operator for {dtype}"
        ))),
    }
}

fn bitcast(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.arg(0)?;
    let to = (call.results.first().copied())
        .ok_or_else(|| Error::unreadable("a cast of bits to nothing"))?;
    let (Some(from), Some(size)) = (cx.dtype(x).size(), to.size()) else {
        return Err(Error::unsupported("the bits of these types"));
    };
    let mut dims = cx.dims(x)?;
    match from.cmp(&size) {
        std::cmp::Ordering::Equal => {}
        std::cmp::Ordering::Less => drop(dims.pop()),
        std::cmp::Ordering::Greater => dims.push((from / size) as i64),
    }
    cx.emit_told("BITCAST", &[x], Attrs::new(), vec![(to, Shape(Some(dims)))])
}

fn broadcast_args(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (a, b) = (call.arg(0)?, call.arg(1)?);
    let known = |v| cx.known(v)?.into_iter().collect::<Option<Vec<i64>>>();
    if let (Some(a_sizes), Some(b_sizes)) = (known(a), known(b)) {
        let sizes = super::shapes::broadcast(&Shape(Some(a_sizes)), &Shape(Some(b_sizes)))?;
        let sizes = sizes.0.unwrap_or_default();
        let dtype = cx.dtype(a);
        let tensor = super::eval::from_ints(dtype, &[sizes.len()], &sizes)
            .ok_or_else(|| Error::unsupported(format!("sizes in {dtype}")))?;
        return Ok(vec![cx.constant(&tensor)]);
    }
    let length = |v| cx.dims(v).map(|dims| dims.first().copied().unwrap_or(-1));
    let (la, lb) = (length(a)?, length(b)?);
    let length = if la < 0 || lb < 0 { -1 } else { la.max(lb) };
    let shape = Shape(Some(vec![length]));
    let results = vec![(cx.dtype(a), shape)];
    cx.emit_told("BROADCAST_ARGS", &[a, b], Attrs::new(), results)
}

fn complex_part(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.arg(0)?;
    only(cx, x, &[DType::Complex64])?;
    let op = match call.op() {
        "ComplexAbs" => "COMPLEX_ABS",
        "Real" => "REAL",
        _ => "IMAG",
    };
    Ok(vec![cx.emit(op, &[x], Attrs::new())?])
}

/// TensorFlow Lite has the transform of two dimensions alone; one dimension is a plane of one row. Its lengths are
/// powers of 2.
fn real_transform(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.arg(0)?;
    only(cx, x, &[DType::Float32])?;
    let rows = call.op() == "RFFT";
    let mut lengths = cx.ints(call.arg(1)?, "the length of the transform")?;
    if rows {
        lengths.insert(0, 1);
    }
    let &[height, width] = &lengths[..] else {
        return Err(Error::unreadable("a transform of two lengths has others"));
    };
    let power = |n: i64| u64::try_from(n).is_ok_and(u64::is_power_of_two);
    if !power(height) || !power(width) {
        return Err(Error::unsupported(format!(
            "a transform of {height} by {width}: TFLite's lengths are powers of 2"
        )));
    }
    let mut dims = cx.dims(x)?;
    let plane = match rows {
        true => {
            let at = cx.int_scalar(dims.len() as i64 - 1)?;
            dims.insert(dims.len().saturating_sub(1), 1);
            cx.emit("EXPAND_DIMS", &[x, at], Attrs::new())?
        }
        false => x,
    };
    let rank = dims.len();
    if rank < 2 {
        return Err(Error::unreadable("a transform of a scalar"));
    }
    dims[rank - 2] = height;
    dims[rank - 1] = width / 2 + 1;
    let lengths = cx.int_vector(&lengths)?;
    let results = vec![(DType::Complex64, Shape(Some(dims)))];
    let made = cx.emit_told("RFFT2D", &[plane, lengths], Attrs::new(), results)?;
    if !rows {
        return Ok(made);
    }
    let attrs = Attrs::new().with("squeeze_dims", int_list(&[rank as i64 - 2]));
    Ok(vec![cx.emit("SQUEEZE", &made, attrs)?])
}

/// TensorFlow Lite's own takes numbers that rise by one; its unsorted one takes any.
fn segment_sum(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (x, at) = (call.arg(0)?, cx.as_int32(call.arg(1)?)?);
    only(cx, x, &[DType::Float32, DType::Int32])?;
    let known = cx.known(at);
    let ids = known.and_then(|known| known.into_iter().collect::<Option<Vec<i64>>>());
    let rises = |ids: &Vec<i64>| {
        ids.first() == Some(&0) && ids.windows(2).all(|w| w[1] - w[0] == 0 || w[1] - w[0] == 1)
    };
    if ids.as_ref().is_some_and(rises) {
        return Ok(vec![cx.emit("SEGMENT_SUM", &[x, at], Attrs::new())?]);
    }
    let count = ids.map(|ids| ids.last().map_or(0, |&last| last.saturating_add(1)));
    let number = match count {
        Some(count) => cx.int_scalar(count)?,
        None => {
            let (axis, one) = (cx.int_vector(&[0])?, cx.int_scalar(1)?);
            let attrs = Attrs::new().with("keep_dims", Attr::Bool(false));
            let last = cx.emit("REDUCE_MAX", &[at, axis], attrs)?;
            cx.emit("ADD", &[last, one], attrs::plain())?
        }
    };
    let mut dims = cx.dims(x)?;
    if let Some(first) = dims.first_mut() {
        *first = count.unwrap_or(-1);
    }
    let results = vec![(cx.dtype(x), Shape(Some(dims)))];
    let inputs = [x, at, number];
    cx.emit_told("UNSORTED_SEGMENT_SUM", &inputs, Attrs::new(), results)
}

fn unsorted_segment(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (x, at) = (call.arg(0)?, cx.as_int32(call.arg(1)?)?);
    let count = cx.as_int32(call.arg(2)?)?;
    only(cx, x, &[DType::Float32, DType::Int32])?;
    let op = match call.op() {
        "UnsortedSegmentSum" => "UNSORTED_SEGMENT_SUM",
        "UnsortedSegmentMax" => "UNSORTED_SEGMENT_MAX",
        "UnsortedSegmentMin" => "UNSORTED_SEGMENT_MIN",
        _ => "UNSORTED_SEGMENT_PROD",
    };
    let known = cx.known(count).and_then(|known| known.first().copied()?);
    let mut dims = vec![known.unwrap_or(-1)];
    dims.extend(cx.dims(x)?.get(cx.rank(at)?..).unwrap_or_default());
    let results = vec![(cx.dtype(x), Shape(Some(dims)))];
    cx.emit_told(op, &[x, at, count], Attrs::new(), results)
}

fn sparse_to_dense(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (at, sizes) = (cx.as_int32(call.arg(0)?)?, cx.as_int32(call.arg(1)?)?);
    let (values, rest) = (call.arg(2)?, call.arg(3)?);
    let types = [
        DType::Float32,
        DType::Int8,
        DType::UInt8,
        DType::Int32,
        DType::Int64,
    ];
    only(cx, values, &types)?;
    let dims = match cx.known(sizes) {
        Some(known) => Some(known.into_iter().map(|d| d.unwrap_or(-1)).collect()),
        None => match cx.dims(sizes)?[..] {
            [rank @ 0..=16] => Some(vec![-1; rank as usize]),
            _ => None,
        },
    };
    let results = vec![(cx.dtype(values), Shape(dims))];
    let inputs = [at, sizes, values, rest];
    cx.emit_told("SPARSE_TO_DENSE", &inputs, Attrs::new(), results)
}

/// Whether operand `index`, if there is one, is this number.
fn is(cx: &Lowering, call: &Call<'_>, index: usize, number: i64) -> bool {
    let Some(&value) = call.inputs.get(index) else {
        return true;
    };
    cx.known(value)
        .is_some_and(|known| known.iter().all(|&k| k == Some(number)))
}

fn matrix_diag(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.arg(0)?;
    let mut dims = cx.dims(x)?;
    let last = *dims
        .last()
        .ok_or_else(|| Error::unreadable("a scalar as a diagonal"))?;
    let square = |index| is(cx, call, index, -1) || last >= 0 && is(cx, call, index, last);
    let nothing = call.inputs.get(4).is_none_or(|&v| {
        let zero = cx.tensor(v).ok().flatten();
        zero.is_some_and(|t| t.bytes().is_some_and(|bytes| bytes.iter().all(|&b| b == 0)))
    });
    if !(is(cx, call, 1, 0) && square(2) && square(3) && nothing) {
        return Err(Error::unsupported(
            "diagonals other than the main one of a square have no TFLite operator",
        ));
    }
    dims.push(last);
    let results = vec![(cx.dtype(x), Shape(Some(dims)))];
    cx.emit_told("MATRIX_DIAG", &[x], Attrs::new(), results)
}

fn matrix_set_diag(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (x, diagonal) = (call.arg(0)?, call.arg(1)?);
    if !is(cx, call, 2, 0) {
        return Err(Error::unsupported(
            "diagonals other than the main one have no TFLite operator",
        ));
    }
    let inputs = [x, diagonal];
    Ok(vec![cx.emit("MATRIX_SET_DIAG", &inputs, Attrs::new())?])
}

fn seeds(call: &Call<'_>) -> Attrs {
    let seed = |name: &str| Attr::Int(call.node.attrs.int(name).unwrap_or(0));
    Attrs::new()
        .with("seed", seed("seed"))
        .with("seed2", seed("seed2"))
}

fn random(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    if call.results.first() != Some(&DType::Float32) {
        return Err(Error::unsupported("random numbers other than float32"));
    }
    let sizes = cx.as_int32(call.arg(0)?)?;
    let op = match call.op() {
        "RandomUniform" => "RANDOM_UNIFORM",
        _ => "RANDOM_STANDARD_NORMAL",
    };
    Ok(vec![cx.emit(op, &[sizes], seeds(call))?])
}

fn multinomial(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (logits, count) = (call.arg(0)?, cx.as_int32(call.arg(1)?)?);
    only(cx, logits, &[DType::Float32])?;
    let dtype = call.results.first().copied().unwrap_or(DType::Int64);
    let known = cx.known(count).and_then(|known| known.first().copied()?);
    let rows = cx.dims(logits)?.first().copied().unwrap_or(-1);
    let shape = Shape(Some(vec![rows, known.unwrap_or(-1)]));
    cx.emit_told(
        "MULTINOMIAL",
        &[logits, count],
        seeds(call),
        vec![(dtype, shape)],
    )
}

fn bucketize(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.arg(0)?;
    let types = [DType::Float32, DType::Float64, DType::Int32, DType::Int64];
    only(cx, x, &types)?;
    let bounds = call.node.attrs.list("boundaries").unwrap_or_default();
    let attrs = Attrs::new().with("boundaries", Attr::List(bounds.to_vec()));
    Ok(vec![cx.emit("BUCKETIZE", &[x], attrs)?])
}

/// What TensorFlow cuts off behind the boxes that are left, TensorFlow Lite fills up.
fn suppressed(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (boxes, scores) = (call.arg(0)?, call.arg(1)?);
    only(cx, boxes, &[DType::Float32])?;
    only(cx, scores, &[DType::Float32])?;
    let soft = call.op().ends_with("V5");
    let most = cx
        .known(call.arg(2)?)
        .and_then(|known| known.first().copied()?);
    let row = Shape(Some(vec![most.unwrap_or(-1)]));
    let count = (DType::Int32, Shape::scalar());
    let indices = (DType::Int32, row.clone());
    let (op, results) = match soft {
        true => (
            "NON_MAX_SUPPRESSION_V5",
            vec![indices, (DType::Float32, row), count],
        ),
        false => ("NON_MAX_SUPPRESSION_V4", vec![indices, count]),
    };
    let mut made = cx.emit_told(op, call.inputs, Attrs::new(), results)?;
    if call.flag("pad_to_max_output_size") {
        return Ok(made);
    }
    let last = made.len() - 1;
    let (begin, count) = (cx.int_vector(&[0])?, cx.reshape(made[last], &[1])?);
    for value in &mut made[..last] {
        *value = cx.emit("SLICE", &[*value, begin, count], Attrs::new())?;
    }
    // The third version counts nothing.
    made.truncate(call.results.len());
    Ok(made)
}

fn shapes_of(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let dtype = call.results.first().copied().unwrap_or(DType::Int32);
    let shape = |&x| {
        cx.emit(
            "SHAPE",
            &[x],
            Attrs::new().with("out_type", Attr::Type(dtype)),
        )
    };
    call.inputs.iter().map(shape).collect()
}

fn conv_3d_transpose(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (sizes, filter, x) = (cx.as_int32(call.arg(0)?)?, call.arg(1)?, call.arg(2)?);
    only(cx, x, &[DType::Float32])?;
    if call.text("data_format", "NDHWC") != "NDHWC" {
        return Err(Error::unsupported("3-D convolutions with channels first"));
    }
    let dims = match cx.known(sizes) {
        Some(known) if known.len() == 5 => known.into_iter().map(|d| d.unwrap_or(-1)).collect(),
        _ => vec![-1; 5],
    };
    let attrs = attrs::windows_3d(call);
    let results = vec![(DType::Float32, Shape(Some(dims)))];
    cx.emit_told("CONV_3D_TRANSPOSE", &[sizes, filter, x], attrs, results)
}

/// Cuts `x` to `size` from `begin` on along one axis.
pub(super) fn cut(
    cx: &mut Lowering,
    x: ValueId,
    axis: usize,
    begin: i64,
    size: i64,
) -> Result<ValueId> {
    let rank = cx.rank(x)?;
    let axis = axis_of(axis as i64, rank)?;
    let (mut begins, mut sizes) = (vec![0; rank], vec![-1; rank]);
    begins[axis] = begin;
    sizes[axis] = size;
    let (begins, sizes) = (cx.int_vector(&begins)?, cx.int_vector(&sizes)?);
    cx.emit("SLICE", &[x, begins, sizes], Attrs::new())
}
