//! Convolutions: plain, depthwise, transposed; float, hybrid and integer.

mod types;
mod volumes;

use super::fast;
use super::quantized::{self, Style, live_bias};
use super::windows::{Windows, channels_last, dims4, turning_bytes};
use super::{Context, Fact, Io, Operator, Prepared, room_bytes};
use crate::error::Result;
use crate::kernels::fast::transposed_in_order::{self, TransposedInOrder};
use crate::kernels::movement::transpose;
use crate::kernels::quantized::hybrid::{self, HybridWeights};
use crate::kernels::reference::conv::{
    conv2d_f32, conv2d_quantized, depthwise_f32, depthwise_quantized, transpose_conv_f32,
    transpose_conv_quantized,
};
use crate::kernels::{Clamp, Conv2d, Quantized};
use crate::model::{DType, Element, Shape};

pub(super) use types::EVERY_STEP;
pub(super) use volumes::OPERATORS as VOLUMES;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["Conv2D"], &["CONV_2D"], infer, prepare),
    Operator::new(
        &["DepthwiseConv2dNative"],
        &["DEPTHWISE_CONV_2D"],
        infer,
        prepare,
    ),
    Operator::new(
        &["Conv2DBackpropInput"],
        &["TRANSPOSE_CONV"],
        infer_transposed,
        prepare_transposed,
    ),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Depthwise,
    Transposed,
}

/// Which operands are what.
struct Roles {
    kind: Kind,
    input: usize,
    filter: usize,
    bias: usize,
}

fn roles(cx: &Context) -> Roles {
    let (kind, input, filter, bias) = match &*cx.node.op {
        "DepthwiseConv2dNative" | "DEPTHWISE_CONV_2D" => (Kind::Depthwise, 0, 1, 2),
        "Conv2DBackpropInput" | "TRANSPOSE_CONV" => (Kind::Transposed, 2, 1, 3),
        _ => (Kind::Plain, 0, 1, 2),
    };
    Roles {
        kind,
        input,
        filter,
        bias,
    }
}

/// A filter's window and channels, -1 where unknown: `[k_h, k_w, input channels, output channels]`.
fn filter_dims(cx: &Context, roles: &Roles) -> Result<Option<[i64; 4]>> {
    let Some(dims) = cx.shape(roles.filter)?.dims() else {
        return Ok(None);
    };
    let &[a, b, c, d] = dims else {
        return Err(cx.wrong(format!("a filter of {}", cx.shape(roles.filter)?)));
    };
    Ok(Some(match (cx.tflite(), roles.kind) {
        (true, Kind::Depthwise) => [b, c, 1, d],
        (true, _) => [b, c, d, a],
        (false, Kind::Plain) => [a, b, c, d],
        (false, Kind::Depthwise) => [
            a,
            b,
            1,
            if c < 0 || d < 0 {
                -1
            } else {
                c.saturating_mul(d)
            },
        ],
        (false, Kind::Transposed) => [a, b, d, c],
    }))
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let (roles, windows) = (roles(cx), Windows::of(cx)?);
    let dtype = if cx.tflite() {
        cx.out_dtype(0)?
    } else {
        cx.dtype(0)?
    };
    let (Some([n, h, w, _]), Some([k_h, k_w, _, out_c])) =
        (windows.input(cx, 0)?, filter_dims(cx, &roles)?)
    else {
        return cx.one(dtype, Shape(Some(vec![-1; 4])));
    };
    let (Ok(k_h), Ok(k_w)) = (usize::try_from(k_h), usize::try_from(k_w)) else {
        return cx.one(dtype, dims4(windows.shaped([n, -1, -1, out_c])));
    };
    windows.check(cx, [k_h, k_w])?;
    let out = [
        n,
        windows.output(0, h, k_h),
        windows.output(1, w, k_w),
        out_c,
    ];
    cx.one(dtype, dims4(windows.shaped(out)))
}

fn known(dims: Option<[i64; 4]>) -> Option<[usize; 4]> {
    let mut out = [0; 4];
    for (slot, dim) in out.iter_mut().zip(dims?) {
        *slot = usize::try_from(dim).ok()?;
    }
    Some(out)
}

fn geometry(cx: &Context, windows: &Windows) -> Result<Conv2d> {
    let roles = roles(cx);
    let [batch, in_h, in_w, in_c] = windows.sizes(cx, roles.input)?;
    let Some([k_h, k_w, filter_in, out_c]) = known(filter_dims(cx, &roles)?) else {
        return Err(cx.wrong("a filter of unknown shape"));
    };
    windows.check(cx, [k_h, k_w])?;
    let misfit = || {
        cx.wrong(format!(
            "a filter of {} on an input of {}",
            cx.shape(roles.filter).unwrap_or(&Shape::UNKNOWN),
            cx.shape(roles.input).unwrap_or(&Shape::UNKNOWN)
        ))
    };
    let fits = match roles.kind {
        Kind::Plain => {
            filter_in > 0
                && in_c.is_multiple_of(filter_in)
                && out_c.is_multiple_of((in_c / filter_in).max(1))
        }
        Kind::Depthwise => in_c > 0 && out_c.is_multiple_of(in_c),
        Kind::Transposed => filter_in == in_c,
    };
    if !fits || in_c == 0 || out_c == 0 {
        return Err(misfit());
    }
    let groups = if roles.kind == Kind::Plain {
        in_c / filter_in
    } else {
        1
    };
    let x = [batch, in_h, in_w, in_c];
    let placed = match roles.kind {
        Kind::Transposed => transposed_sizes(cx, windows, [in_h, in_w], [k_h, k_w])?,
        _ => [windows.along(0, in_h, k_h), windows.along(1, in_w, k_w)],
    };
    Ok(windows.conv(x, [k_h, k_w], out_c, groups, placed))
}

/// A float filter in the kernels' order; repacked once where it is a constant.
enum Filter {
    AsIs,
    Ready(Vec<f32>),
    /// To be repacked in each call, by this order of axes.
    Turn([usize; 4], Vec<usize>),
}

impl Filter {
    /// The filter's axes in the kernels' order.
    fn order(cx: &Context, roles: &Roles) -> [usize; 4] {
        match (cx.tflite(), roles.kind) {
            (true, _) | (false, Kind::Depthwise) => fast::AS_IS,
            (false, Kind::Plain) => [3, 0, 1, 2],
            (false, Kind::Transposed) => [2, 0, 1, 3],
        }
    }

    fn of(cx: &Context, roles: &Roles) -> Result<Self> {
        let order = Self::order(cx, roles);
        if order == fast::AS_IS {
            return Ok(Filter::AsIs);
        }
        let sizes = cx.sizes(roles.filter)?;
        Ok(match cx.constant(roles.filter)? {
            Some(tensor) => {
                Filter::Ready(turned(tensor.values().unwrap_or_default(), &sizes, order))
            }
            None => Filter::Turn(order, sizes),
        })
    }

    /// Scratch that [`Filter::get`] takes.
    fn room_bytes(&self) -> usize {
        match self {
            Filter::Turn(_, sizes) => room_bytes::<f32>(sizes.iter().product()),
            Filter::AsIs | Filter::Ready(_) => 0,
        }
    }

    fn get<'f, 'a: 'f>(&'f self, io: &mut Io<'_, 'a>, input: usize) -> Result<&'f [f32]> {
        match self {
            Filter::AsIs => io.input(input),
            Filter::Ready(values) => Ok(values),
            Filter::Turn(order, sizes) => {
                let values = io.input(input)?;
                let room = io.room(values.len())?;
                turn(values, sizes, *order, room);
                Ok(room)
            }
        }
    }
}

fn turned(values: &[f32], sizes: &[usize], order: [usize; 4]) -> Vec<f32> {
    let mut out = vec![0f32; values.len()];
    turn(values, sizes, order, &mut out);
    out
}

fn turn(values: &[f32], sizes: &[usize], order: [usize; 4], out: &mut [f32]) {
    let (from, to) = (
        bytemuck::cast_slice(values),
        bytemuck::cast_slice_mut(&mut *out),
    );
    transpose(size_of::<f32>(), from, sizes, &order, to);
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let (roles, windows) = (roles(cx), Windows::of(cx)?);
    let p = geometry(cx, &windows)?;
    let clamp = quantized::activation(cx)?;
    match (cx.dtype(0)?, cx.dtype(1)?) {
        (DType::Float32, DType::Float32) => float(cx, roles, windows, p, clamp),
        (DType::Float32, DType::Int8 | DType::UInt8 | DType::Int4) => hybrid(cx, roles, p, clamp),
        (DType::Int8, DType::Int8 | DType::Int4) => integer::<i8, i8>(cx, roles, p, clamp),
        (DType::UInt8, DType::UInt8) => integer::<u8, u8>(cx, roles, p, clamp),
        (DType::Int16, DType::Int8 | DType::Int4) => integer::<i16, i8>(cx, roles, p, clamp),
        (x, w) => {
            let depthwise = roles.kind == Kind::Depthwise;
            let ready = types::prepare(cx, p, depthwise, windows.channels_first)?;
            ready.ok_or_else(|| cx.unsupported(format!("no kernel for {x} with {w} weights")))
        }
    }
}

fn check_bias(cx: &Context, bias: usize, p: &Conv2d) -> Result<()> {
    if cx.has(bias)
        && (cx.shape(bias)?.elements() != Some(p.out_c) || cx.dtype(bias)? != DType::Float32)
    {
        return Err(cx.wrong(format!(
            "a bias of {} {} for {} channels",
            cx.dtype(bias)?,
            cx.shape(bias)?,
            p.out_c
        )));
    }
    Ok(())
}

fn float(
    cx: &Context,
    roles: Roles,
    windows: Windows,
    p: Conv2d,
    clamp: Clamp,
) -> Result<Prepared> {
    check_bias(cx, roles.bias, &p)?;
    let (depthwise, order) = (roles.kind == Kind::Depthwise, Filter::order(cx, &roles));
    let ready = fast::float_conv(cx, depthwise, p, order, clamp, windows.channels_first)?;
    if let Some(ready) = ready {
        return Ok(ready);
    }
    let filter = Filter::of(cx, &roles)?;
    let packed: &[usize] = if matches!(filter, Filter::Ready(_)) {
        &[1]
    } else {
        &[]
    };
    let (from, to) = (
        [p.batch, p.in_h, p.in_w, p.in_c],
        [p.batch, p.out_h, p.out_w, p.out_c],
    );
    let turning = turning_bytes::<f32>(windows.channels_first, from, to);
    let scratch = filter.room_bytes().saturating_add(turning);
    Prepared::packed_with(packed, scratch, move |io| {
        let weights = filter.get(io, roles.filter)?;
        let bias = io.optional(roles.bias)?;
        let run = if depthwise { depthwise_f32 } else { conv2d_f32 };
        channels_last(io, windows.channels_first, from, to, |x, out| {
            run(&p, x, weights, bias, clamp, out)
        })
    })
}

/// Float activations, integer weights.
fn hybrid(cx: &Context, roles: Roles, p: Conv2d, clamp: Clamp) -> Result<Prepared> {
    check_bias(cx, roles.bias, &p)?;
    let scales = quantized::weight_scales(cx, roles.filter, p.out_c)?;
    let depthwise = roles.kind == Kind::Depthwise;
    if let Some(ready) = fast::hybrid_conv(cx, depthwise, p, &scales, clamp)? {
        return Ok(ready);
    }
    let room = p.in_h * p.in_w * p.in_c;
    Prepared::with_room(room_bytes::<i8>(room), move |io| {
        let weights = HybridWeights {
            values: quantized::integers(io, roles.filter)?,
            scales: &scales,
            bias: io.optional(roles.bias)?,
        };
        let image = io.room::<i8>(room)?;
        let run = if depthwise {
            hybrid::depthwise
        } else {
            hybrid::conv2d
        };
        run(&p, io.input(0)?, weights, clamp, image, io.output(0)?);
        Ok(())
    })
}

fn integer<X: Quantized + Element, W: Quantized + Element>(
    cx: &Context,
    roles: Roles,
    p: Conv2d,
    clamp: Clamp,
) -> Result<Prepared> {
    let operands = (roles.input, roles.filter, roles.bias);
    let product = quantized::product::<X>(cx, operands, p.out_c, Style::Fixed, clamp)?;
    let depthwise = roles.kind == Kind::Depthwise;
    let ready = match X::DTYPE {
        _ if roles.kind == Kind::Transposed => None,
        DType::Int8 => fast::int8_conv::<i8>(cx, depthwise, p, &product)?,
        DType::UInt8 => fast::int8_conv::<u8>(cx, depthwise, p, &product)?,
        _ => None,
    };
    if let Some(ready) = ready {
        return Ok(ready);
    }
    let sums = match roles.kind {
        Kind::Transposed => p.output_len(),
        Kind::Plain | Kind::Depthwise => 0,
    };
    let scratch = product
        .bias
        .room_bytes()
        .saturating_add(room_bytes::<i64>(sums));
    Prepared::with_room(scratch, move |io| {
        let bias = live_bias(&product.bias, io)?;
        let (x, w) = (io.input::<X>(roles.input)?, io.input::<W>(roles.filter)?);
        let out = io.output::<X>(0)?;
        match roles.kind {
            Kind::Plain => conv2d_quantized(&p, x, w, bias, product.zero, &product.requant, out),
            Kind::Depthwise => {
                depthwise_quantized(&p, x, w, bias, product.zero, &product.requant, out)
            }
            Kind::Transposed => {
                let sums = io.room(sums)?;
                transpose_conv_quantized(&p, x, w, bias, product.zero, &product.requant, sums, out);
            }
        }
        Ok(())
    })
}

/// The sizes that a transposed convolution is told to make: all four, or height and width.
fn told_sizes(cx: &Context) -> Result<Option<Vec<i64>>> {
    cx.ints(0)
}

fn infer_transposed(cx: &Context) -> Result<Vec<Fact>> {
    let (roles, windows) = (roles(cx), Windows::of(cx)?);
    let dtype = if cx.tflite() {
        cx.out_dtype(0)?
    } else {
        cx.dtype(roles.input)?
    };
    let shape = match told_sizes(cx)?.as_deref() {
        Some(&[n, a, b, c]) => vec![n, a, b, c],
        Some(&[h, w]) => {
            let n = windows.input(cx, roles.input)?.map_or(-1, |d| d[0]);
            let c = filter_dims(cx, &roles)?.map_or(-1, |d| d[3]);
            windows.shaped([n, h, w, c]).to_vec()
        }
        Some(other) => return Err(cx.wrong(format!("output sizes {other:?}"))),
        None => vec![-1; 4],
    };
    if told_sizes(cx)?.is_some_and(|s| s.iter().any(|&d| !(0..1 << 31).contains(&d))) {
        return Err(cx.wrong(format!("output sizes {shape:?}")));
    }
    cx.one(dtype, Shape(Some(shape)))
}

type SizeAndPad = (usize, usize);

/// Output sizes and padding of the forward convolution that would give the input.
fn transposed_sizes(
    cx: &Context,
    windows: &Windows,
    input: [usize; 2],
    k: [usize; 2],
) -> Result<[SizeAndPad; 2]> {
    let fact = infer_transposed(cx)?.pop();
    let out = match fact.and_then(|f| f.shape.fixed()).as_deref() {
        Some(&[a, b, c, d]) => windows.nhwc([a, b, c, d]),
        _ => return Err(cx.wrong("the output's sizes are not known")),
    };
    let mut found = [(0, 0); 2];
    for axis in 0..2 {
        let size = out[axis + 1];
        let (forward, before) = windows.along(axis, size, k[axis]);
        if forward != input[axis] {
            return Err(cx.wrong(format!(
                "an output of {size} would come from {forward}, not from {}",
                input[axis]
            )));
        }
        found[axis] = (size, before);
    }
    Ok(found)
}

fn prepare_transposed(cx: &Context) -> Result<Prepared> {
    let (roles, windows) = (roles(cx), Windows::of(cx)?);
    if cx.constant(0)?.is_none() {
        return super::later();
    }
    let p = geometry(cx, &windows)?;
    let out = [p.batch, p.out_h, p.out_w, p.out_c];
    let told = infer_transposed(cx)?.pop().and_then(|f| f.shape.fixed());
    if told.as_deref() != Some(&windows.shaped(out)[..]) {
        return Err(cx.wrong(format!("output sizes {told:?}, the operands give {out:?}")));
    }
    let types = (cx.dtype(roles.input)?, cx.dtype(roles.filter)?);
    if !cx.tflite() && types.0 == types.1 && types.0 != DType::Float32 && !windows.channels_first {
        let inputs = [roles.input, roles.filter];
        let prepared = types::transposed(types.0, inputs, p)?;
        return prepared.ok_or_else(|| cx.no_kernel(types.0));
    }
    let clamp = quantized::activation(cx)?;
    match types {
        (DType::Float32, DType::Float32) => float_transposed(cx, roles, windows, p, clamp),
        (DType::Float32, DType::Int8) => hybrid_transposed(cx, roles, p, clamp),
        (DType::Int8, DType::Int8) => integer::<i8, i8>(cx, roles, p, clamp),
        (DType::UInt8, DType::UInt8) => integer::<u8, u8>(cx, roles, p, clamp),
        (DType::Int16, DType::Int8) => integer::<i16, i8>(cx, roles, p, clamp),
        (x, w) => Err(cx.unsupported(format!("no kernel for {x} with {w} weights"))),
    }
}

fn float_transposed(
    cx: &Context,
    roles: Roles,
    windows: Windows,
    p: Conv2d,
    clamp: Clamp,
) -> Result<Prepared> {
    check_bias(cx, roles.bias, &p)?;
    let first = windows.channels_first;
    let (from, to) = (
        [p.batch, p.in_h, p.in_w, p.in_c],
        [p.batch, p.out_h, p.out_w, p.out_c],
    );
    let turning = turning_bytes::<f32>(first, from, to);
    // TensorFlow's filters lie as the packed kernel wants them.
    let order = if cx.tflite() {
        [1, 2, 0, 3]
    } else {
        fast::AS_IS
    };
    let operands = (roles.filter, roles.bias);
    if let Some(fast) = fast::Transposed::of(cx, &p, operands, order, clamp)? {
        let room = fast.scratch_len();
        let scratch = room_bytes::<f32>(room).saturating_add(turning);
        return Prepared::packed_with(&[0, 1, 3], scratch, move |io| {
            let (threads, scratch) = (io.threads, io.room(room)?);
            of_input(io, roles.input, |io| {
                channels_last(io, first, from, to, |x, out| {
                    fast.run(x, out, scratch, threads);
                })
            })
        });
    }
    let filter = Filter::of(cx, &roles)?;
    let packed: &[usize] = if matches!(filter, Filter::Ready(_)) {
        &[0, 1]
    } else {
        &[0]
    };
    let reference = cx.options.reference;
    let room = match reference {
        true => 0,
        false => transposed_in_order::scratch_len(&p),
    };
    let scratch = [room_bytes::<f32>(room), filter.room_bytes(), turning];
    let scratch = scratch.into_iter().fold(0, usize::saturating_add);
    Prepared::packed_with(packed, scratch, move |io| {
        let weights = filter.get(io, roles.filter)?;
        let (threads, bias, room) = (io.threads, io.optional(roles.bias)?, io.room(room)?);
        of_input(io, roles.input, |io| {
            channels_last(io, first, from, to, |x, out| {
                if reference {
                    return transpose_conv_f32(&p, x, weights, bias, clamp, out);
                }
                let filter = transposed_in_order::Filter::Floats(weights, bias);
                let kernel = TransposedInOrder { p, filter, clamp };
                kernel.run(x, (&mut [], room), out, threads);
            })
        })
    })
}

/// With this input as the first.
fn of_input<R>(
    io: &mut Io<'_, '_>,
    input: usize,
    run: impl FnOnce(&mut Io) -> Result<R>,
) -> Result<R> {
    let inputs = [Some(io.view(input)?)];
    let mut inner = Io {
        inputs: &inputs,
        outputs: &mut *io.outputs,
        threads: io.threads,
        scratch: std::mem::take(&mut io.scratch),
    };
    run(&mut inner)
}

/// Float activations, integer weights.
fn hybrid_transposed(cx: &Context, roles: Roles, p: Conv2d, clamp: Clamp) -> Result<Prepared> {
    check_bias(cx, roles.bias, &p)?;
    let scales = quantized::weight_scales(cx, roles.filter, p.out_c)?;
    let (image, room) = (
        p.in_h * p.in_w * p.in_c,
        transposed_in_order::scratch_len(&p),
    );
    let scratch = room_bytes::<i8>(image).saturating_add(room_bytes::<f32>(room));
    Prepared::with_room(scratch, move |io| {
        let weights = HybridWeights {
            values: io.input(roles.filter)?,
            scales: &scales,
            bias: io.optional(roles.bias)?,
        };
        let filter = transposed_in_order::Filter::Hybrid(weights);
        let kernel = TransposedInOrder { p, filter, clamp };
        let scratch = (io.room(image)?, io.room(room)?);
        kernel.run(io.input(roles.input)?, scratch, io.output(0)?, io.threads);
        Ok(())
    })
}
