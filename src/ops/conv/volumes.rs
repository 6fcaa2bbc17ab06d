//! Convolutions over depth, height and width, in float.
//!
//! Input `[batch, depth, height, width, in]`, filter `[kd, kh, kw, in, out]`; transposed: output sizes, filter
//! `[kd, kh, kw, out, in]`, input. TensorFlow's may lie channels first (`NCDHW`), where only the plain
//! one runs, as in TensorFlow; and its filters may see a part of the channels each.

use std::ops::{AddAssign, Mul};

use super::types;
use crate::error::Result;
use crate::kernels::params::{padding, same_output, valid_output};
use crate::kernels::reference::conv3d::{
    Conv3d, conv3d, conv3d_f32, conv3d_transpose, conv3d_transpose_f32,
};
use crate::kernels::reference::matmul::MulAdd;
use crate::model::{DType, Shape};
use crate::ops::quantized::activation;
use crate::ops::windows::{channels_last, turning_bytes};
use crate::ops::{Context, Fact, Operator, Prepared};

pub const OPERATORS: &[Operator] = &[
    Operator::new(&["Conv3D"], &["CONV_3D"], infer, prepare),
    Operator::new(
        &["Conv3DBackpropInputV2"],
        &["CONV_3D_TRANSPOSE"],
        infer_transposed,
        prepare_transposed,
    ),
];

/// Strides and dilations of depth, height, width; padding SAME or VALID.
struct Windows {
    stride: [usize; 3],
    dilation: [usize; 3],
    same: bool,
    channels_first: bool,
}

impl Windows {
    fn of(cx: &Context) -> Result<Self> {
        let positive = |what: &str, value: Option<i64>| match value {
            Some(v @ 1..=0x7fff_ffff) => Ok(v as usize),
            other => Err(cx.wrong(format!("{what} is {other:?}"))),
        };
        if cx.tflite() {
            let three = |names: [&str; 3], default: i64| -> Result<[usize; 3]> {
                let [d, h, w] = names.map(|name| positive(name, Some(cx.attr_int(name, default))));
                Ok([d?, h?, w?])
            };
            let dilation = [
                "dilation_d_factor",
                "dilation_h_factor",
                "dilation_w_factor",
            ];
            return Ok(Windows {
                stride: three(["stride_d", "stride_h", "stride_w"], 0)?,
                dilation: three(dilation, 1)?,
                same: cx.attr_int("padding", 0) == 0,
                channels_first: false,
            });
        }
        let channels_first = cx.node.attrs.text("data_format") == Some("NCDHW");
        let from = if channels_first { 2 } else { 1 };
        let three = |name: &str| -> Result<[usize; 3]> {
            let list = cx.node.attrs.ints(name).unwrap_or_default();
            if list.is_empty() {
                return Ok([1; 3]);
            }
            let at = |axis: usize| positive(name, list.get(axis).copied());
            Ok([at(from)?, at(from + 1)?, at(from + 2)?])
        };
        Ok(Windows {
            stride: three("strides")?,
            dilation: three("dilations")?,
            same: match cx.node.attrs.text("padding") {
                Some("SAME") => true,
                Some("VALID") => false,
                other => return Err(cx.wrong(format!("the padding {other:?}"))),
            },
            channels_first,
        })
    }

    /// Sizes with the channels last.
    fn ndhwc<T: Copy>(&self, [n, a, b, c, d]: [T; 5]) -> [T; 5] {
        match self.channels_first {
            true => [n, b, c, d, a],
            false => [n, a, b, c, d],
        }
    }

    /// Sizes with the channels where they lie.
    fn as_stored<T: Copy>(&self, [n, d, h, w, c]: [T; 5]) -> [T; 5] {
        match self.channels_first {
            true => [n, c, d, h, w],
            false => [n, d, h, w, c],
        }
    }

    /// Output size and padding before along an axis.
    fn along(&self, axis: usize, input: usize, k: usize) -> (usize, usize) {
        let (stride, dilation) = (self.stride[axis], self.dilation[axis]);
        if self.same {
            let output = same_output(input, stride);
            (output, padding(input, output, k, stride, dilation).0)
        } else {
            (valid_output(input, k, stride, dilation), 0)
        }
    }

    /// Fails on windows whose arithmetic would not fit.
    fn check(&self, cx: &Context, k: [usize; 3]) -> Result<()> {
        let fits = |(k, dilation): (&usize, &usize)| {
            *k > 0 && k.checked_mul(*dilation).is_some_and(|span| span < 1 << 31)
        };
        if k.iter().zip(&self.dilation).all(fits) {
            return Ok(());
        }
        Err(cx.wrong(format!(
            "a window of {k:?} with dilation {:?}",
            self.dilation
        )))
    }
}

fn five(cx: &Context, input: usize) -> Result<[usize; 5]> {
    let sizes = cx.sizes(input)?;
    let found = sizes[..].try_into();
    found.map_err(|_| cx.wrong(format!("input {input} is {sizes:?}, expected 5 dimensions")))
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let (x, filter) = (cx.shape(0)?, cx.shape(1)?);
    match (x.dims(), filter.dims()) {
        (Some(&[n, a, b, c, d]), Some(&[kd, kh, kw, _, out])) => {
            let windows = Windows::of(cx)?;
            let [n, d, h, w, _] = windows.ndhwc([n, a, b, c, d]);
            let mut dims = [n, -1, -1, -1, out];
            for (axis, (size, k)) in [(d, kd), (h, kh), (w, kw)].into_iter().enumerate() {
                if let (Ok(size), Ok(k)) = (usize::try_from(size), usize::try_from(k)) {
                    dims[axis + 1] = windows.along(axis, size, k).0 as i64;
                }
            }
            let dims = windows.as_stored(dims).to_vec();
            cx.one(cx.dtype(0)?, Shape(Some(dims)))
        }
        (Some(x), Some(filter)) if x.len() != 5 || filter.len() != 5 => Err(cx.wrong(format!(
            "{} with a filter of {}",
            cx.shape(0)?,
            cx.shape(1)?
        ))),
        _ => cx.one(cx.dtype(0)?, Shape(Some(vec![-1; 5]))),
    }
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let windows = Windows::of(cx)?;
    let [batch, d, h, w, in_c] = windows.ndhwc(five(cx, 0)?);
    let [kd, kh, kw, filter_in, out_c] = five(cx, 1)?;
    let (input, window) = ([d, h, w], [kd, kh, kw]);
    windows.check(cx, window)?;
    // Filters of TensorFlow may see a part of the channels each.
    let groups = match in_c.checked_div(filter_in) {
        Some(1) => 1,
        Some(groups) if !cx.tflite() => groups,
        _ => 0,
    };
    if groups * filter_in != in_c || in_c == 0 || out_c == 0 || out_c % groups != 0 {
        return Err(cx.wrong(format!("a filter of {} on {}", cx.shape(1)?, cx.shape(0)?)));
    }
    let along: [_; 3] = std::array::from_fn(|axis| windows.along(axis, input[axis], window[axis]));
    let p = Conv3d {
        batch,
        input,
        in_c,
        groups,
        output: along.map(|(size, _)| size),
        out_c,
        window,
        stride: windows.stride,
        dilation: windows.dilation,
        before: along.map(|(_, before)| before),
    };
    if !windows.channels_first
        && let Some(prepared) = other_types(cx, [0, 1], p, false)?
    {
        return Ok(prepared);
    }
    check_operands(cx, [0, 1, 2], out_c)?;
    let clamp = activation(cx)?;
    // Turning needs no more than rows of cells.
    let flat = |[d, h, w]: [usize; 3], channels| [batch, d * h, w, channels];
    let (from, to) = (flat(p.input, in_c), flat(p.output, out_c));
    let first = windows.channels_first;
    Prepared::with_room(turning_bytes::<f32>(first, from, to), move |io| {
        let (filter, bias) = (io.input(1)?, io.optional(2)?);
        channels_last(io, first, from, to, |x, out| {
            conv3d_f32(&p, x, filter, bias, clamp, out);
        })
    })
}

/// TensorFlow's in half types and float64; `None` in others.
fn other_types(
    cx: &Context,
    [x, filter]: [usize; 2],
    p: Conv3d,
    transposed: bool,
) -> Result<Option<Prepared>> {
    if cx.tflite() || cx.dtype(x)? != cx.dtype(filter)? {
        return Ok(None);
    }
    fn run<T: MulAdd + Mul<Output = T> + AddAssign>(
        transposed: bool,
        p: &Conv3d,
        x: &[T],
        w: &[T],
        out: &mut [T],
    ) {
        match transposed {
            true => conv3d_transpose(p, x, w, out),
            false => conv3d(p, x, w, out),
        }
    }
    if cx.attr_bool(types::EVERY_STEP) && cx.dtype(x)? == DType::BFloat16 {
        let ready = Prepared::function(move |io| {
            let (x, w) = (io.input::<half::bf16>(x)?, io.input(filter)?);
            run(transposed, &p, x, w, io.output(0)?);
            Ok(())
        });
        return ready.map(Some);
    }
    types::whole(
        cx.dtype(x)?,
        [x, filter],
        [p.input_len(), p.filter_len(), p.output_len()],
        move |x, filter, out| run(transposed, &p, x, filter, out),
        move |x, filter, out| run(transposed, &p, x, filter, out),
        move |x, filter, out| run(transposed, &p, x, filter, out),
    )
}

fn check_operands(cx: &Context, [x, filter, bias]: [usize; 3], channels: usize) -> Result<()> {
    for input in [x, filter, bias].into_iter().filter(|&input| cx.has(input)) {
        if cx.dtype(input)? != DType::Float32 {
            return Err(cx.no_kernel(cx.dtype(input)?));
        }
    }
    if cx.has(bias) && cx.shape(bias)?.elements() != Some(channels) {
        return Err(cx.wrong(format!(
            "a bias of {} for {channels} channels",
            cx.shape(bias)?
        )));
    }
    Ok(())
}

fn infer_transposed(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(2)?;
    let dims = match cx.ints(0)? {
        None => vec![-1; 5],
        Some(told) if told.len() == 5 && told.iter().all(|d| (0..1 << 31).contains(d)) => told,
        Some(other) => return Err(cx.wrong(format!("output sizes {other:?}"))),
    };
    cx.one(dtype, Shape(Some(dims)))
}

fn prepare_transposed(cx: &Context) -> Result<Prepared> {
    let windows = Windows::of(cx)?;
    if windows.channels_first {
        return Err(cx.unsupported("the layout NCDHW"));
    }
    let Some(told) = infer_transposed(cx)?
        .pop()
        .and_then(|fact| fact.shape.fixed())
    else {
        return crate::ops::later();
    };
    let ([batch, d, h, w, in_c], [kd, kh, kw, out_c, filter_in]) = (five(cx, 2)?, five(cx, 1)?);
    let (input, window, output) = ([d, h, w], [kd, kh, kw], [told[1], told[2], told[3]]);
    windows.check(cx, window)?;
    if filter_in != in_c || in_c == 0 || out_c == 0 || told[0] != batch || told[4] != out_c {
        return Err(cx.wrong(format!(
            "a filter of {} from {} to {told:?}",
            cx.shape(1)?,
            cx.shape(2)?
        )));
    }
    let mut before = [0; 3];
    for axis in 0..3 {
        let (forward, pad) = windows.along(axis, output[axis], window[axis]);
        if forward != input[axis] {
            return Err(cx.wrong(format!(
                "an output of {} would come from {forward}, not from {}",
                output[axis], input[axis]
            )));
        }
        before[axis] = pad;
    }
    let p = Conv3d {
        batch,
        input,
        in_c,
        groups: 1,
        output,
        out_c,
        window,
        stride: windows.stride,
        dilation: windows.dilation,
        before,
    };
    if let Some(prepared) = other_types(cx, [2, 1], p, true)? {
        return Ok(prepared);
    }
    check_operands(cx, [2, 1, 3], out_c)?;
    let clamp = activation(cx)?;
    Prepared::function(move |io| {
        let (x, filter, bias) = (io.input(2)?, io.input(1)?, io.optional(3)?);
        conv3d_transpose_f32(&p, x, filter, bias, clamp, io.output(0)?);
        Ok(())
    })
}
