//! Data from place to place: padding, turns, repetition, blocks.

use super::types::{with_float, with_number, with_type};
use super::{Constant, Context, Fact, HandsOn, Operator, Prepared, broadcast};
use crate::error::{Error, Result};
use crate::kernels::elementwise::number::Number;
use crate::kernels::movement::{self, Mirror};
use crate::model::{DType, Element, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["Transpose"],
        &["TRANSPOSE"],
        infer_transpose,
        prepare_transpose,
    )
    .moving()
    .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(
        &["ConjugateTranspose"],
        &[],
        infer_transpose,
        prepare_conjugate_transpose,
    )
    .moving(),
    Operator::new(
        &["Pad", "PadV2", "MirrorPad"],
        &["PAD", "PADV2", "MIRROR_PAD"],
        infer_pad,
        prepare_pad,
    )
    .moving()
    .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(&["Tile"], &["TILE"], infer_tile, prepare_tile)
        .moving()
        .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(
        &["BroadcastTo"],
        &["BROADCAST_TO"],
        infer_broadcast,
        prepare_broadcast,
    )
    .moving()
    .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(
        &["BroadcastArgs"],
        &["BROADCAST_ARGS"],
        infer_broadcast_args,
        |_| super::later(),
    ),
    Operator::new(&["Fill"], &["FILL"], infer_fill, prepare_fill)
        .moving()
        .handing_on(HandsOn::Inputs(&[1])),
    Operator::new(
        &["ReverseV2", "Reverse"],
        &["REVERSE_V2"],
        infer_same,
        prepare_reverse,
    )
    .moving()
    .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(&["Range"], &["RANGE"], infer_range, prepare_range),
    Operator::new(&["LinSpace"], &[], infer_even, prepare_even),
    Operator::new(
        &["DepthToSpace", "SpaceToDepth"],
        &["DEPTH_TO_SPACE", "SPACE_TO_DEPTH"],
        infer_depth,
        prepare_depth,
    )
    .moving(),
];

pub(super) fn element_size(cx: &Context, input: usize) -> Result<usize> {
    let dtype = cx.dtype(input)?;
    dtype.size().ok_or_else(|| cx.no_kernel(dtype))
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

fn infer_same(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

/// The order of axes at input 1, where it is known.
pub(super) fn permutation(cx: &Context, rank: usize) -> Result<Option<Vec<usize>>> {
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
    let out = perm.iter().map(|&axis| shape[axis]);
    let axis = out.clone().position(|n| n > 1).unwrap_or(0);
    let each = size * out.skip(axis + 1).product::<usize>();
    Prepared::function(move |io| {
        let (x, out) = (io.view(0)?.bytes(), io.output_bytes(0)?);
        io.threads.elements(out, each, |first, out| {
            let from = (axis, first / each);
            movement::transpose_part(size, x, &shape, &perm, from, out);
        });
        Ok(())
    })
}

/// A transpose whose complex numbers have the other sign of their imaginary part.
fn prepare_conjugate_transpose(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    if !matches!(dtype, DType::Complex64 | DType::Complex128) {
        return prepare_transpose(cx);
    }
    let (size, shape) = (element_size(cx, 0)?, cx.sizes(0)?);
    let Some(perm) = permutation(cx, shape.len())? else {
        return super::later();
    };
    with_type!(dtype, T in [Complex64: f32, Complex128: f64] => Prepared::function(move |io| {
        let out = io.output_bytes(0)?;
        movement::transpose(size, io.view(0)?.bytes(), &shape, &perm, out);
        for part in bytemuck::cast_slice_mut::<_, T>(out).iter_mut().skip(1).step_by(2) {
            *part = -*part;
        }
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
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
            (io.view(0)?.bytes(), &shape),
            &before,
            &after,
            value,
            io.output_bytes(0)?,
            io.threads,
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

/// Which axes are reversed, if known. The first version of the operator has a truth for each.
fn reversed(cx: &Context, rank: usize) -> Result<Option<Vec<bool>>> {
    if cx.dtype(1)? == DType::Bool {
        let Some(truths) = cx.constant(1)? else {
            return Ok(None);
        };
        let truths = truths.values::<u8>().unwrap_or_default();
        return match truths.len() == rank {
            true => Ok(Some(truths.iter().map(|&v| v != 0).collect())),
            false => Err(cx.wrong(format!("{} truths for {rank} axes", truths.len()))),
        };
    }
    let Some(axes) = cx.ints(1)? else {
        return Ok(None);
    };
    let mut reversed = vec![false; rank];
    for axis in axes {
        reversed[cx.axis(axis, rank)?] = true;
    }
    Ok(Some(reversed))
}

fn prepare_reverse(cx: &Context) -> Result<Prepared> {
    let (size, shape) = (element_size(cx, 0)?, cx.sizes(0)?);
    let Some(reversed) = reversed(cx, shape.len())? else {
        return super::later();
    };
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
    // TensorFlow counts in the type itself.
    let count = with_float!(cx.dtype(0)?, T => {
        let [start, limit, step] = ends.map(T::from_f64);
        limit.sub(start).div(step).to_f64()
    }, else (limit - start) / step);
    let count = count.ceil();
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
    let (dtype, known) = (cx.dtype(0)?, range(cx)?.is_some());
    if dtype.is_float() && !(known && cx.tflite()) {
        let adds = cx.tflite();
        return with_float!(dtype, T => Prepared::compute(move |inputs| computed_range::<T>(inputs, adds)), else Err(cx.no_kernel(dtype)));
    }
    if !known {
        // Ends that are computed: the length is found when they are there.
        return match dtype {
            DType::Int32 | DType::Int64 => super::later(),
            other => Err(cx.no_kernel(other)),
        };
    }
    with_number!(dtype, T => Prepared::function(move |io| {
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

fn infer_even(cx: &Context) -> Result<Vec<Fact>> {
    let count = cx.ints(2)?.and_then(|count| count.first().copied());
    if count.is_some_and(|count| count < 1) {
        return Err(cx.wrong("fewer than one number"));
    }
    cx.one(cx.dtype(0)?, Shape(Some(vec![count.unwrap_or(-1)])))
}

/// Numbers as far from each other, the first and the last as given; each step is rounded to the type, as TensorFlow's are.
fn prepare_even(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    if cx.ints(2)?.is_none() {
        return super::later();
    }
    with_float!(dtype, T => Prepared::function(move |io| {
        let (start, stop) = (io.input::<T>(0)?, io.input::<T>(1)?);
        let (Some(&start), Some(&stop)) = (start.first(), stop.first()) else { return Ok(()) };
        let out = io.output::<T>(0)?;
        let Some(steps) = out.len().checked_sub(1).filter(|&steps| steps > 0) else {
            out.fill(start);
            return Ok(());
        };
        let step = stop.sub(start).div(T::from_f64(steps as f64));
        for (at, out) in out.iter_mut().enumerate() {
            *out = match at == steps {
                true => stop,
                false => start.add(step.mul(T::from_f64(at as f64))),
            };
        }
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
}

/// The values of a range of floats, both products and sums rounded to the type; TensorFlow counts in the type too.
fn range_of_floats<T: Number + Element>(start: T, limit: T, step: T) -> Result<Vec<T>> {
    let span = limit.sub(start);
    let count = span.div(step).to_f64().ceil();
    let wrong_way = step.to_f64() == 0.0 || span.to_f64() * step.to_f64() < 0.0;
    if wrong_way || !count.is_finite() || count > (1u64 << 31) as f64 {
        let [start, limit, step] = [start, limit, step].map(Number::to_f64);
        return Err(Error::usage(format!(
            "a range from {start} to {limit} by {step}"
        )));
    }
    let value = |at: usize| start.add(step.mul(T::from_f64(at as f64)));
    Ok((0..count as usize).map(value).collect())
}

/// `adds`: every number is the one before and the step, as TensorFlow Lite has them.
fn computed_range<T: Number + Element>(
    inputs: &[Option<super::View>],
    adds: bool,
) -> Result<Vec<Tensor>> {
    let mut ends = [T::ZERO; 3];
    for (end, view) in ends.iter_mut().zip(inputs) {
        if let Some(view) = view {
            *end = view.values::<T>()?.first().copied().unwrap_or(T::ZERO);
        }
    }
    let mut values = range_of_floats(ends[0], ends[1], ends[2])?;
    if adds {
        let mut next = ends[0];
        for value in &mut values {
            *value = next;
            next = next.add(ends[2]);
        }
    }
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
