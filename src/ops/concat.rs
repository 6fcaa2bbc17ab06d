//! Tensors put together to one, and one taken apart.

use super::movement::{element_size, whole_numbers};
use super::{Context, Fact, HandsOn, Operator, Prepared};
use crate::error::Result;
use crate::kernels::movement::{self, Joint};
use crate::model::{DType, Shape};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["ConcatV2", "Concat", "ParallelConcat"],
        &["CONCATENATION"],
        infer_concat,
        prepare_concat,
    )
    .moving()
    .handing_on(HandsOn::All),
    Operator::new(&["Pack"], &["PACK"], infer_pack, prepare_pack)
        .moving()
        .handing_on(HandsOn::All),
    Operator::new(&["Unpack"], &["UNPACK"], infer_unpack, prepare_unpack)
        .moving()
        .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(&["Split"], &["SPLIT"], infer_split, prepare_split)
        .moving()
        .handing_on(HandsOn::Inputs(&[1])),
    Operator::new(&["SplitV"], &["SPLIT_V"], infer_split, prepare_split)
        .moving()
        .handing_on(HandsOn::Inputs(&[0])),
];

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
