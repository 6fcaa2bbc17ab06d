//! Data from place to place: joins, splits, slices, padding, turns.

use super::{Constant, Context, Fact, Operator, Prepared, broadcast};
use crate::error::Result;
use crate::kernels::movement::{self, Joint, Mirror};
use crate::model::{DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["ConcatV2", "Concat"],
        &["CONCATENATION"],
        infer_concat,
        prepare_concat,
    ),
    Operator::new(&["Pack"], &["PACK"], infer_pack, prepare_pack),
    Operator::new(&["Unpack"], &["UNPACK"], infer_unpack, prepare_unpack),
    Operator::new(
        &["Split", "SplitV"],
        &["SPLIT", "SPLIT_V"],
        infer_split,
        prepare_split,
    ),
    Operator::new(
        &["Transpose"],
        &["TRANSPOSE"],
        infer_transpose,
        prepare_transpose,
    ),
    Operator::new(
        &["Pad", "PadV2", "MirrorPad"],
        &["PAD", "PADV2", "MIRROR_PAD"],
        infer_pad,
        prepare_pad,
    ),
    Operator::new(&["Tile"], &["TILE"], infer_tile, prepare_tile),
    Operator::new(
        &["BroadcastTo"],
        &["BROADCAST_TO"],
        infer_broadcast,
        prepare_broadcast,
    ),
    Operator::new(
        &["BroadcastArgs"],
        &["BROADCAST_ARGS"],
        infer_broadcast_args,
        |_| super::later(),
    ),
    Operator::new(&["Fill"], &["FILL"], infer_fill, prepare_fill),
    Operator::new(&["ReverseV2"], &["REVERSE_V2"], infer_same, prepare_reverse),
    Operator::new(&["Range"], &["RANGE"], infer_range, prepare_range),
    Operator::new(
        &["DepthToSpace", "SpaceToDepth"],
        &["DEPTH_TO_SPACE", "SPACE_TO_DEPTH"],
        infer_depth,
        prepare_depth,
    ),
];

pub(super) fn element_size(cx: &Context, input: usize) -> Result<usize> {
    let dtype = cx.dtype(input)?;
    dtype.size().ok_or_else(|| cx.no_kernel(dtype))
}

fn infer_same(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

/// The inputs that are joined and the axis, if it is known. `ConcatV2` has the axis last, `Concat` first.
fn joined(cx: &Context) -> Result<(std::ops::Range<usize>, Option<i64>)> {
    let count = cx.node.inputs.len();
    Ok(match &*cx.node.op {
        "ConcatV2" if count > 1 => (0..count - 1, cx.int(count - 1)?),
        "Concat" if count > 1 => (1..count, cx.int(0)?),
        _ => (0..count, Some(cx.attr_int("axis", 0))),
    })
}

fn infer_concat(cx: &Context) -> Result<Vec<Fact>> {
    let (parts, axis) = joined(cx)?;
    if parts.is_empty() {
        return Err(cx.wrong("nothing to join"));
    }
    let dtype = cx.dtype(parts.start)?;
    let ranks: Vec<_> = parts.clone().map(|i| cx.shape(i)).collect::<Result<_>>()?;
    let Some(mut dims) = ranks.iter().find_map(|s| s.dims()).map(<[i64]>::to_vec) else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    let Some(axis) = axis else {
        return cx.one(dtype, Shape(Some(vec![-1; dims.len()])));
    };
    let axis = cx.axis(axis, dims.len())?;
    let mut total = Some(0i64);
    for (i, shape) in parts.clone().zip(&ranks) {
        if cx.dtype(i)? != dtype {
            return Err(cx.wrong(format!("it joins {dtype} and {}", cx.dtype(i)?)));
        }
        let Some(part) = shape.dims() else {
            total = None;
            continue;
        };
        if part.len() != dims.len() {
            return Err(cx.wrong(format!("it joins {} and {}", ranks[0], shape)));
        }
        for (at, (slot, &size)) in dims.iter_mut().zip(part).enumerate() {
            if at == axis {
                continue;
            }
            if *slot >= 0 && size >= 0 && *slot != size {
                return Err(cx.wrong(format!(
                    "it joins {} and {} along axis {axis}",
                    ranks[0], shape
                )));
            }
            *slot = (*slot).max(size);
        }
        total = match (total, part[axis]) {
            (Some(sum), size) if size >= 0 => sum.checked_add(size),
            _ => None,
        };
    }
    dims[axis] = total.unwrap_or(-1);
    let shape = Shape(Some(dims));
    joined_values(cx, parts, dtype, &shape, axis)
}

/// Small whole numbers are joined at once, so that shapes made of parts are known early.
fn joined_values(
    cx: &Context,
    parts: std::ops::Range<usize>,
    dtype: DType,
    shape: &Shape,
    axis: usize,
) -> Result<Vec<Fact>> {
    let small = shape.elements().is_some_and(|n| n <= 64) && shape.rank() == Some(1) && axis == 0;
    if small && matches!(dtype, DType::Int32 | DType::Int64) {
        let mut all = Vec::new();
        for part in parts {
            match cx.ints(part)? {
                Some(values) => all.extend(values),
                None => return cx.one(dtype, shape.clone()),
            }
        }
        return Ok(vec![whole_numbers(dtype, &[all.len()], &all)]);
    }
    cx.one(dtype, shape.clone())
}

/// A constant of int32 or int64.
pub(super) fn whole_numbers(dtype: DType, sizes: &[usize], values: &[i64]) -> Fact {
    let tensor = match dtype {
        DType::Int64 => Tensor::from_values(sizes, values),
        _ => {
            let values: Vec<i32> = values.iter().map(|&v| v as i32).collect();
            Tensor::from_values(sizes, &values)
        }
    };
    Fact::constant(Constant::ready(std::sync::Arc::new(tensor)))
}

fn prepare_concat(cx: &Context) -> Result<Prepared> {
    let (parts, Some(axis)) = joined(cx)? else {
        return super::later();
    };
    if cx.tflite() && cx.attr_int("fused_activation_function", 0) != 0 {
        return Err(cx.unsupported("a fused activation"));
    }
    let size = element_size(cx, parts.start)?;
    let sizes: Vec<_> = parts.clone().map(|i| cx.sizes(i)).collect::<Result<_>>()?;
    let axis = cx.axis(axis, sizes[0].len())?;
    let lengths: Vec<usize> = sizes.iter().map(|s| s[axis]).collect();
    let joint = Joint::new(size, &sizes[0], axis, lengths.iter().sum());
    let scales = concat_scales(cx, &parts)?;
    Prepared::function(move |io| {
        let out = io.output_bytes(0)?;
        let mut first = 0;
        for (at, (i, &length)) in parts.clone().zip(&lengths).enumerate() {
            let part = io.view(i)?.bytes();
            joint.put(part, first, length, out);
            if let Some((each, to)) = &scales
                && each[at] != *to
            {
                for (_, run) in joint.runs((part.len(), out.len()), first, length) {
                    movement::concat::rescale_u8(&mut out[run], each[at], *to);
                }
            }
            first += length;
        }
        Ok(())
    })
}

type Scales = (Vec<(f32, i32)>, (f32, i32));

/// uint8 parts may have scales of their own; int8 and int16 ones must equal the output's.
fn concat_scales(cx: &Context, parts: &std::ops::Range<usize>) -> Result<Option<Scales>> {
    let dtype = cx.dtype(parts.start)?;
    if !cx.tflite() || cx.out_quantization(0).is_none() || cx.quantization(parts.start).is_none() {
        return Ok(None);
    }
    if !matches!(dtype, DType::UInt8 | DType::Int8 | DType::Int16) {
        return Ok(None);
    }
    let to = cx.out_scale(0)?;
    let each: Vec<_> = parts.clone().map(|i| cx.scale(i)).collect::<Result<_>>()?;
    if each.iter().all(|&from| from == to) {
        return Ok(None);
    }
    match dtype {
        DType::UInt8 => Ok(Some((each, to))),
        _ => Err(cx.unsupported(format!(
            "{dtype} parts whose scales differ from the output's"
        ))),
    }
}

fn infer_pack(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    let count = cx.node.inputs.len();
    let mut dims: Option<Vec<i64>> = None;
    for i in 0..count {
        if let Some(part) = cx.shape(i)?.dims() {
            let dims = dims.get_or_insert_with(|| part.to_vec());
            let fits = dims.len() == part.len()
                && dims
                    .iter()
                    .zip(part)
                    .all(|(&a, &b)| a == b || a < 0 || b < 0);
            if !fits || cx.dtype(i)? != dtype {
                return Err(cx.wrong("its inputs differ in shape or type"));
            }
            dims.iter_mut()
                .zip(part)
                .for_each(|(a, &b)| *a = (*a).max(b));
        }
    }
    let Some(mut dims) = dims else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    let axis = cx.axis(cx.attr_int("axis", 0), dims.len() + 1)?;
    dims.insert(axis, count as i64);
    let shape = Shape(Some(dims));
    joined_values(cx, 0..count, dtype, &shape, axis)
}

fn prepare_pack(cx: &Context) -> Result<Prepared> {
    let size = element_size(cx, 0)?;
    let count = cx.node.inputs.len();
    let mut shape = cx.sizes(0)?;
    if (0..count).any(|i| cx.sizes(i).ok().as_ref() != Some(&shape)) {
        return Err(cx.wrong("its inputs differ in shape"));
    }
    let axis = cx.axis(cx.attr_int("axis", 0), shape.len() + 1)?;
    shape.insert(axis, 1);
    let joint = Joint::new(size, &shape, axis, count);
    Prepared::function(move |io| {
        let out = io.output_bytes(0)?;
        for i in 0..count {
            joint.put(io.view(i)?.bytes(), i, 1, out);
        }
        Ok(())
    })
}

fn infer_unpack(cx: &Context) -> Result<Vec<Fact>> {
    let (dtype, count) = (cx.dtype(0)?, cx.node.outputs.len());
    let Some(dims) = cx.shape(0)?.dims() else {
        return Ok(vec![Fact::new(dtype, Shape::UNKNOWN); count]);
    };
    let axis = cx.axis(cx.attr_int("axis", 0), dims.len())?;
    if dims[axis] >= 0 && dims[axis] != count as i64 {
        return Err(cx.wrong(format!(
            "axis {axis} of {} has not {count} elements",
            cx.shape(0)?
        )));
    }
    let mut dims = dims.to_vec();
    dims.remove(axis);
    Ok(vec![Fact::new(dtype, Shape(Some(dims))); count])
}

fn prepare_unpack(cx: &Context) -> Result<Prepared> {
    let axis = cx.axis(cx.attr_int("axis", 0), cx.sizes(0)?.len())?;
    let lengths = vec![1; cx.node.outputs.len()];
    split(cx, 0, axis, lengths)
}

/// Cuts input `input` along `axis`.
fn split(cx: &Context, input: usize, axis: usize, lengths: Vec<usize>) -> Result<Prepared> {
    let size = element_size(cx, input)?;
    let shape = cx.sizes(input)?;
    if lengths.iter().sum::<usize>() != shape[axis] {
        return Err(cx.wrong(format!("parts of {lengths:?} of axis {axis} of {shape:?}")));
    }
    let joint = Joint::new(size, &shape, axis, shape[axis]);
    Prepared::function(move |io| {
        let x = io.view(input)?.bytes();
        let mut first = 0;
        for (i, &length) in lengths.iter().enumerate() {
            joint.take(x, first, length, io.output_bytes(i)?);
            first += length;
        }
        Ok(())
    })
}

/// The axis and the length of each part along it.
type Cut = (usize, Vec<usize>);

/// The input that is cut, and where if that is known.
fn cut(cx: &Context) -> Result<(usize, Option<Cut>)> {
    let sized = matches!(&*cx.node.op, "SplitV" | "SPLIT_V");
    let (input, axis) = if sized {
        (0, cx.int(2)?)
    } else {
        (1, cx.int(0)?)
    };
    let (Some(axis), Some(dims)) = (axis, cx.shape(input)?.dims()) else {
        return Ok((input, None));
    };
    let axis = cx.axis(axis, dims.len())?;
    let count = cx.node.outputs.len();
    let whole = usize::try_from(dims[axis]).ok();
    if !sized {
        let Some(whole) = whole else {
            return Ok((input, None));
        };
        if count == 0 || !whole.is_multiple_of(count) {
            return Err(cx.wrong(format!(
                "axis {axis} of {} can't be cut in {count}",
                cx.shape(input)?
            )));
        }
        return Ok((input, Some((axis, vec![whole / count; count]))));
    }
    let (Some(wanted), Some(whole)) = (cx.ints(1)?, whole) else {
        return Ok((input, None));
    };
    let known: i64 = wanted.iter().filter(|&&v| v >= 0).sum();
    let rest = whole as i64 - known;
    let open = wanted.iter().filter(|&&v| v < 0).count();
    if open > 1 || rest < 0 || (open == 0 && rest != 0) || wanted.len() != count {
        return Err(cx.wrong(format!(
            "parts of {wanted:?} of axis {axis} of {}",
            cx.shape(input)?
        )));
    }
    let lengths = wanted
        .iter()
        .map(|&v| if v < 0 { rest as usize } else { v as usize })
        .collect();
    Ok((input, Some((axis, lengths))))
}

fn infer_split(cx: &Context) -> Result<Vec<Fact>> {
    let (input, cut) = cut(cx)?;
    let dtype = cx.dtype(input)?;
    let count = cx.node.outputs.len();
    let (Some((axis, lengths)), Some(dims)) = (cut, cx.shape(input)?.dims()) else {
        return Ok(vec![Fact::new(dtype, Shape::UNKNOWN); count]);
    };
    let part = |&length: &usize| {
        let mut dims = dims.to_vec();
        dims[axis] = length as i64;
        Fact::new(dtype, Shape(Some(dims)))
    };
    Ok(lengths.iter().map(part).collect())
}

fn prepare_split(cx: &Context) -> Result<Prepared> {
    match cut(cx)? {
        (input, Some((axis, lengths))) => split(cx, input, axis, lengths),
        _ => super::later(),
    }
}

fn permutation(cx: &Context, rank: usize) -> Result<Option<Vec<usize>>> {
    let Some(list) = cx.ints(1)? else {
        return Ok(None);
    };
    let perm: Vec<usize> = list
        .iter()
        .map(|&a| cx.axis(a, rank))
        .collect::<Result<_>>()?;
    let mut seen = vec![false; rank];
    perm.iter().for_each(|&a| seen[a] = true);
    if perm.len() != rank || seen.contains(&false) {
        return Err(cx.wrong(format!("{list:?} is no order of {rank} axes")));
    }
    Ok(Some(perm))
}

fn infer_transpose(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    let Some(dims) = cx.shape(0)?.dims() else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    let shape = match permutation(cx, dims.len())? {
        Some(perm) => perm.iter().map(|&a| dims[a]).collect(),
        None => vec![-1; dims.len()],
    };
    cx.one(dtype, Shape(Some(shape)))
}

fn prepare_transpose(cx: &Context) -> Result<Prepared> {
    let (size, shape) = (element_size(cx, 0)?, cx.sizes(0)?);
    let Some(perm) = permutation(cx, shape.len())? else {
        return super::later();
    };
    Prepared::function(move |io| {
        movement::transpose(
            size,
            io.view(0)?.bytes(),
            &shape,
            &perm,
            io.output_bytes(0)?,
        );
        Ok(())
    })
}

/// Elements before and after each axis.
type Paddings = (Vec<usize>, Vec<usize>);

fn paddings(cx: &Context, rank: usize) -> Result<Option<Paddings>> {
    let Some(list) = cx.ints(1)? else {
        return Ok(None);
    };
    if list.len() != 2 * rank || list.iter().any(|&v| !(0..1 << 31).contains(&v)) {
        return Err(cx.wrong(format!("paddings {list:?} for {rank} axes")));
    }
    let side = |offset: usize| {
        list.iter()
            .skip(offset)
            .step_by(2)
            .map(|&v| v as usize)
            .collect()
    };
    Ok(Some((side(0), side(1))))
}

fn infer_pad(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    let Some(dims) = cx.shape(0)?.dims() else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    let shape = match paddings(cx, dims.len())? {
        Some((before, after)) => {
            let wide = |((&d, b), a): ((&i64, &usize), &usize)| {
                if d < 0 { -1 } else { d + (*b + *a) as i64 }
            };
            dims.iter().zip(&before).zip(&after).map(wide).collect()
        }
        None => vec![-1; dims.len()],
    };
    cx.one(dtype, Shape(Some(shape)))
}

fn prepare_pad(cx: &Context) -> Result<Prepared> {
    let (size, shape) = (element_size(cx, 0)?, cx.sizes(0)?);
    let Some((before, after)) = paddings(cx, shape.len())? else {
        return super::later();
    };
    if matches!(&*cx.node.op, "MirrorPad" | "MIRROR_PAD") {
        let symmetric = match cx.node.attrs.text("mode") {
            Some(mode) => mode == "SYMMETRIC",
            None => cx.attr_int("mode", 0) == 1,
        };
        let mirror = if symmetric {
            Mirror::Symmetric
        } else {
            Mirror::Reflect
        };
        let room = |length: usize| length.saturating_sub(usize::from(!symmetric));
        let pads = before.iter().zip(&after).zip(&shape);
        if pads
            .into_iter()
            .any(|((&b, &a), &length)| b.max(a) > room(length))
        {
            return Err(cx.wrong(format!(
                "mirror paddings {before:?}, {after:?} of {shape:?}"
            )));
        }
        return Prepared::function(move |io| {
            movement::mirror_pad(
                size,
                io.view(0)?.bytes(),
                &shape,
                &before,
                &after,
                mirror,
                io.output_bytes(0)?,
            );
            Ok(())
        });
    }
    let with_value = cx.has(2);
    if with_value && cx.dtype(2)? != cx.dtype(0)? {
        return Err(cx.wrong(format!("a padding value of {}", cx.dtype(2)?)));
    }
    let mut zero = vec![0u8; size];
    if cx.tflite() && cx.out_quantization(0).is_some() {
        let (_, point) = cx.out_scale(0)?;
        zero.copy_from_slice(&point.to_le_bytes()[..size.min(4)]);
    }
    Prepared::function(move |io| {
        let given = if with_value {
            io.view(2)?.bytes().get(..size)
        } else {
            None
        };
        let value = given.unwrap_or(&zero);
        movement::pad(
            size,
            io.view(0)?.bytes(),
            &shape,
            &before,
            &after,
            value,
            io.output_bytes(0)?,
        );
        Ok(())
    })
}

fn infer_tile(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    let Some(dims) = cx.shape(0)?.dims() else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    let Some(times) = cx.ints(1)? else {
        return cx.one(dtype, Shape(Some(vec![-1; dims.len()])));
    };
    if times.len() != dims.len()
        || dims.len() > 8
        || times.iter().any(|&t| !(0..1 << 31).contains(&t))
    {
        return Err(cx.wrong(format!("{times:?} copies of {}", cx.shape(0)?)));
    }
    let copies = dims
        .iter()
        .zip(&times)
        .map(|(&d, &t)| if d < 0 { -1 } else { d.saturating_mul(t) });
    cx.one(dtype, Shape(Some(copies.collect())))
}

fn prepare_tile(cx: &Context) -> Result<Prepared> {
    let (size, shape) = (element_size(cx, 0)?, cx.sizes(0)?);
    let Some(times) = cx.ints(1)? else {
        return super::later();
    };
    let times: Vec<usize> = times
        .iter()
        .map(|&t| usize::try_from(t).unwrap_or(0))
        .collect();
    Prepared::function(move |io| {
        movement::tile(
            size,
            io.view(0)?.bytes(),
            &shape,
            &times,
            io.output_bytes(0)?,
        );
        Ok(())
    })
}

/// A shape that an input spells out.
pub(super) fn told_shape(cx: &Context, input: usize) -> Result<Shape> {
    match cx.ints(input)? {
        Some(dims) if dims.iter().all(|&d| (0..1 << 40).contains(&d)) => Ok(Shape(Some(dims))),
        Some(dims) => Err(cx.wrong(format!("{dims:?} is no shape"))),
        None => Ok(match cx.shape(input)?.fixed().as_deref() {
            Some([rank]) if *rank <= 16 => Shape(Some(vec![-1; *rank])),
            _ => Shape::UNKNOWN,
        }),
    }
}

fn infer_broadcast(cx: &Context) -> Result<Vec<Fact>> {
    let shape = told_shape(cx, 1)?;
    let spread = broadcast::shape(cx, &[cx.shape(0)?, &shape])?;
    if shape.fixed().is_some() && spread.fixed().is_some() && spread != shape {
        return Err(cx.wrong(format!("{} does not spread to {shape}", cx.shape(0)?)));
    }
    cx.one(cx.dtype(0)?, shape)
}

fn prepare_broadcast(cx: &Context) -> Result<Prepared> {
    let (size, shape) = (element_size(cx, 0)?, cx.sizes(0)?);
    let Some(out) = told_shape(cx, 1)?.fixed() else {
        return super::later();
    };
    Prepared::function(move |io| {
        movement::broadcast_to(size, io.view(0)?.bytes(), &shape, io.output_bytes(0)?, &out);
        Ok(())
    })
}

fn infer_broadcast_args(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    match (cx.ints(0)?, cx.ints(1)?) {
        (Some(a), Some(b)) => {
            let shape = broadcast::shape(cx, &[&Shape(Some(a)), &Shape(Some(b))])?;
            let dims = shape.0.unwrap_or_default();
            Ok(vec![whole_numbers(dtype, &[dims.len()], &dims)])
        }
        _ => cx.one(dtype, Shape(Some(vec![-1]))),
    }
}

fn infer_fill(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(1)?, told_shape(cx, 0)?)
}

fn prepare_fill(cx: &Context) -> Result<Prepared> {
    let size = element_size(cx, 1)?;
    if cx.constant(0)?.is_none() {
        return super::later();
    }
    if cx.shape(1)?.elements() != Some(1) {
        return Err(cx.wrong(format!("a value of shape {}", cx.shape(1)?)));
    }
    Prepared::function(move |io| {
        let value = io.view(1)?.bytes();
        for element in io.output_bytes(0)?.chunks_exact_mut(size) {
            element.copy_from_slice(value);
        }
        Ok(())
    })
}

fn prepare_reverse(cx: &Context) -> Result<Prepared> {
    let (size, shape) = (element_size(cx, 0)?, cx.sizes(0)?);
    let Some(axes) = cx.ints(1)? else {
        return super::later();
    };
    let mut reversed = vec![false; shape.len()];
    for axis in axes {
        reversed[cx.axis(axis, shape.len())?] = true;
    }
    Prepared::function(move |io| {
        movement::reverse(
            size,
            io.view(0)?.bytes(),
            &shape,
            &reversed,
            io.output_bytes(0)?,
        );
        Ok(())
    })
}

/// Start, step and number of elements.
fn range(cx: &Context) -> Result<Option<(f64, f64, usize)>> {
    let mut ends = [0.0; 3];
    for (i, end) in ends.iter_mut().enumerate() {
        match cx.constant(i)?.and_then(|t| t.number(0)) {
            Some(v) => *end = v,
            None => return Ok(None),
        }
    }
    let [start, limit, step] = ends;
    let count = ((limit - start) / step).ceil();
    let wrong_way = step == 0.0 || (limit - start) * step < 0.0;
    if wrong_way || !count.is_finite() || count > (1u64 << 40) as f64 {
        return Err(cx.wrong(format!("a range from {start} to {limit} by {step}")));
    }
    Ok(Some((start, step, count as usize)))
}

fn infer_range(cx: &Context) -> Result<Vec<Fact>> {
    let count = if cx.dtype(0)?.is_float() || cx.dtype(0)?.is_integer() {
        range(cx)?
    } else {
        None
    };
    let length = count.map_or(-1, |(_, _, n)| n as i64);
    cx.one(cx.dtype(0)?, Shape(Some(vec![length])))
}

fn prepare_range(cx: &Context) -> Result<Prepared> {
    use crate::kernels::elementwise::number::Number;
    if range(cx)?.is_none() {
        return match cx.dtype(0)? {
            // Ends that are computed: the length is found when they are there.
            DType::Int32 | DType::Int64 => super::later(),
            DType::Float32 => Prepared::compute(range_of_floats),
            other => Err(cx.no_kernel(other)),
        };
    }
    let dtype = cx.dtype(0)?;
    super::types::with_number!(dtype, T => Prepared::function(move |io| {
        let (start, step) = (io.input::<T>(0)?, io.input::<T>(2)?);
        let (Some(&start), Some(&step)) = (start.first(), step.first()) else { return Ok(()) };
        let mut next = start;
        for out in io.output::<T>(0)? {
            *out = next;
            next = next.add(step);
        }
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
}

fn range_of_floats(inputs: &[Option<super::View>]) -> Result<Vec<Tensor>> {
    let mut ends = [0f32; 3];
    for (end, view) in ends.iter_mut().zip(inputs) {
        if let Some(view) = view {
            *end = view.values::<f32>()?.first().copied().unwrap_or(0.0);
        }
    }
    let [start, limit, step] = ends;
    let count = ((limit - start) / step).ceil();
    if step == 0.0
        || (limit - start) * step < 0.0
        || !count.is_finite()
        || count > (1u64 << 31) as f32
    {
        return Err(crate::error::Error::usage(format!(
            "a range from {start} to {limit} by {step}"
        )));
    }
    let mut next = start;
    let values: Vec<f32> = std::iter::repeat_with(|| {
        let now = next;
        next += step;
        now
    })
    .take(count as usize)
    .collect();
    Ok(vec![Tensor::from_values(&[values.len()], &values)])
}

fn block(cx: &Context) -> Result<(usize, bool)> {
    if cx
        .node
        .attrs
        .text("data_format")
        .is_some_and(|f| f != "NHWC")
    {
        return Err(cx.unsupported("another data format than NHWC"));
    }
    match cx.attr_int("block_size", 0) {
        b @ 1..=0xffff => Ok((
            b as usize,
            matches!(&*cx.node.op, "DepthToSpace" | "DEPTH_TO_SPACE"),
        )),
        other => Err(cx.wrong(format!("a block size of {other}"))),
    }
}

fn infer_depth(cx: &Context) -> Result<Vec<Fact>> {
    let (block, spreads) = block(cx)?;
    let b = block as i64;
    let dims = match cx.shape(0)?.dims() {
        Some(&[n, h, w, c]) => [n, h, w, c],
        Some(_) => return Err(cx.wrong(format!("an input of {}", cx.shape(0)?))),
        None => [-1; 4],
    };
    let times = |d: i64, by: i64| if d < 0 { Some(-1) } else { d.checked_mul(by) };
    let part = |d: i64, by: i64| {
        if d < 0 {
            Some(-1)
        } else {
            (d % by == 0).then_some(d / by)
        }
    };
    let [n, h, w, c] = dims;
    let out = if spreads {
        [Some(n), times(h, b), times(w, b), part(c, b * b)]
    } else {
        [Some(n), part(h, b), part(w, b), times(c, b * b)]
    };
    let out: Option<Vec<i64>> = out.into_iter().collect();
    let out = out.ok_or_else(|| {
        cx.wrong(format!(
            "blocks of {block} in {}",
            Shape(Some(dims.to_vec()))
        ))
    })?;
    cx.one(cx.dtype(0)?, Shape(Some(out)))
}

fn prepare_depth(cx: &Context) -> Result<Prepared> {
    let (block, spreads) = block(cx)?;
    let size = element_size(cx, 0)?;
    let shape: [usize; 4] = cx
        .sizes(0)?
        .try_into()
        .map_err(|_| cx.wrong("an input without 4 dimensions"))?;
    let run = if spreads {
        movement::depth_to_space
    } else {
        movement::space_to_depth
    };
    Prepared::function(move |io| {
        run(size, io.view(0)?.bytes(), shape, block, io.output_bytes(0)?);
        Ok(())
    })
}
