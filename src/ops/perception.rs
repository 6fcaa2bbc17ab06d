//! What LiteRT calls its perception operators: custom ones of segmentation models, pooling with places, unpooling,
//! transposed convolution with a bias. Their options are C structs, as the runtime's delegates read them.

use super::fast::Transposed;
use super::windows::{Pad, Windows, dims4};
use super::{Context, Fact, Operator, Prepared, room_bytes};
use crate::error::{Error, Result};
use crate::kernels::Clamp;
use crate::kernels::reference::argmax_pool::{max_pool_places, unpool};
use crate::kernels::reference::conv::transpose_conv_f32;
use crate::model::{Attr, DType};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&[], &["MaxPoolingWithArgmax2D"], infer_pool, prepare_pool),
    Operator::new(&[], &["MaxUnpooling2D"], infer_unpool, prepare_unpool),
    Operator::new(
        &[],
        &["Convolution2DTransposeBias"],
        infer_transposed,
        prepare_transposed,
    ),
];

/// `TfLitePoolParams` or the head of `TfLiteTransposeConvParams`: padding (1 same, 2 valid), stride x, stride y, then
/// for pooling window x, window y and the activation, all 32 bits.
struct Options {
    windows: Windows,
    /// Height and width; `None` without any.
    window: Option<[usize; 2]>,
}

impl Options {
    fn of(cx: &Context, has_window: bool) -> Result<Self> {
        let bytes: &[u8] = match cx.attr("custom_options") {
            Some(Attr::Bytes(bytes)) => bytes,
            _ => &[],
        };
        let words = bytes.as_chunks::<4>().0;
        let word = |at: usize| words.get(at).map(|word| i32::from_le_bytes(*word));
        let size = |at: usize| match word(at) {
            Some(size @ 1..=0xffff) => Ok(size as usize),
            other => Err(cx.wrong(format!("number {at} of its options is {other:?}"))),
        };
        let pad = match word(0) {
            Some(1) => Pad::Same,
            Some(2) => Pad::Valid,
            other => return Err(cx.wrong(format!("a padding of {other:?} in its options"))),
        };
        let window = match has_window {
            true => Some([size(4)?, size(3)?]),
            false => None,
        };
        if has_window && word(5).is_some_and(|activation| activation != 0) {
            return Err(cx.unsupported("a fused activation"));
        }
        Ok(Options {
            windows: Windows {
                stride: [size(2)?, size(1)?],
                dilation: [1; 2],
                pad,
                channels_first: false,
            },
            window,
        })
    }

    fn pool(cx: &Context) -> Result<(Windows, [usize; 2])> {
        let options = Self::of(cx, true)?;
        let window = options.window.unwrap_or([1; 2]);
        if options.windows.stride != window {
            return Err(cx.unsupported(format!(
                "windows of {window:?} every {:?}",
                options.windows.stride
            )));
        }
        Ok((options.windows, window))
    }
}

fn floats(cx: &Context, inputs: &[usize]) -> Result<()> {
    for &input in inputs {
        if cx.dtype(input)? != DType::Float32 {
            return Err(cx.no_kernel(cx.dtype(input)?));
        }
    }
    Ok(())
}

fn infer_pool(cx: &Context) -> Result<Vec<Fact>> {
    let (windows, [k_h, k_w]) = Options::pool(cx)?;
    let dims = match windows.input(cx, 0)? {
        Some([n, h, w, c]) => [n, windows.output(0, h, k_h), windows.output(1, w, k_w), c],
        None => [-1; 4],
    };
    Ok(vec![Fact::new(DType::Float32, dims4(dims)); 2])
}

fn prepare_pool(cx: &Context) -> Result<Prepared> {
    floats(cx, &[0])?;
    let (windows, window) = Options::pool(cx)?;
    let p = windows.pool(windows.sizes(cx, 0)?, window);
    Prepared::function(move |io| {
        let (out, places) = (io.output(0)?, io.output(1)?);
        max_pool_places(&p, io.input(0)?, out, places);
        Ok(())
    })
}

fn infer_unpool(cx: &Context) -> Result<Vec<Fact>> {
    let (windows, window) = Options::pool(cx)?;
    let dims = match windows.input(cx, 0)? {
        Some([n, h, w, c]) => {
            let times = |size: i64, k: usize| if size < 0 { -1 } else { size * k as i64 };
            [n, times(h, window[0]), times(w, window[1]), c]
        }
        None => [-1; 4],
    };
    cx.one(DType::Float32, dims4(dims))
}

fn prepare_unpool(cx: &Context) -> Result<Prepared> {
    floats(cx, &[0, 1])?;
    let (windows, window) = Options::pool(cx)?;
    if windows.pad != Pad::Valid {
        return Err(cx.unsupported("unpooling with padding"));
    }
    let [_, height, width, channels] = windows.sizes(cx, 0)?;
    if cx.sizes(0)? != cx.sizes(1)? {
        return Err(cx.wrong(format!("places of {} for {}", cx.shape(1)?, cx.shape(0)?)));
    }
    Prepared::function(move |io| {
        let (x, places) = (io.input::<f32>(0)?, io.input::<f32>(1)?);
        let sizes = [height, width, channels];
        unpool(sizes, window, x, places, io.output(0)?).map_err(|at| {
            let place = places.get(at).map_or(0, |place| place.to_bits());
            Error::usage(format!("place {place} in a window of {window:?}"))
        })
    })
}

/// Window and channels of the filter `[out, height, width, in]`, -1 where unknown.
fn filter(cx: &Context) -> Result<[i64; 4]> {
    match cx.shape(1)?.dims() {
        Some(&[out, height, width, input]) => Ok([out, height, width, input]),
        None => Ok([-1; 4]),
        Some(_) => Err(cx.wrong(format!("a filter of {}", cx.shape(1)?))),
    }
}

fn infer_transposed(cx: &Context) -> Result<Vec<Fact>> {
    let windows = Options::of(cx, false)?.windows;
    let [out, k_h, k_w, _] = filter(cx)?;
    let Some([n, h, w, _]) = windows.input(cx, 0)? else {
        return cx.one(DType::Float32, dims4([-1; 4]));
    };
    let size = |size: i64, k: i64, stride: usize| match windows.pad {
        _ if size < 0 || k < 0 => -1,
        Pad::Same => size.saturating_mul(stride as i64),
        _ => (size - 1)
            .max(0)
            .saturating_mul(stride as i64)
            .saturating_add(k),
    };
    let [stride_h, stride_w] = windows.stride;
    cx.one(
        DType::Float32,
        dims4([n, size(h, k_h, stride_h), size(w, k_w, stride_w), out]),
    )
}

fn prepare_transposed(cx: &Context) -> Result<Prepared> {
    floats(cx, &[0, 1])?;
    let windows = Options::of(cx, false)?.windows;
    let [batch, in_h, in_w, in_c] = windows.sizes(cx, 0)?;
    let &[out_c, k_h, k_w, filter_in] = &cx.sizes(1)?[..] else {
        return Err(cx.wrong(format!("a filter of {}", cx.shape(1)?)));
    };
    windows.check(cx, [k_h, k_w])?;
    let fact = infer_transposed(cx)?.pop();
    let Some(&[_, out_h, out_w, _]) = fact.and_then(|f| f.shape.fixed()).as_deref() else {
        return Err(cx.wrong("an input of unknown shape"));
    };
    let bias = !cx.has(2) || (cx.sizes(2)? == [out_c] && cx.dtype(2)? == DType::Float32);
    if filter_in != in_c || in_c == 0 || out_c == 0 || in_h == 0 || in_w == 0 || !bias {
        return Err(cx.wrong(format!(
            "a filter of {} on an input of {}",
            cx.shape(1)?,
            cx.shape(0)?
        )));
    }
    let before = |input: usize, k: usize, stride: usize, out: usize| {
        ((input - 1) * stride + k).saturating_sub(out) / 2
    };
    let [stride_h, stride_w] = windows.stride;
    let placed = [
        (out_h, before(in_h, k_h, stride_h, out_h)),
        (out_w, before(in_w, k_w, stride_w, out_w)),
    ];
    let p = windows.conv([batch, in_h, in_w, in_c], [k_h, k_w], out_c, 1, placed);
    if let Some(fast) = Transposed::of(cx, &p, (1, 2), [1, 2, 0, 3], Clamp::NONE)? {
        let room = fast.scratch_len();
        return Prepared::packed_with(&[1, 2], room_bytes::<f32>(room), move |io| {
            let (threads, scratch) = (io.threads, io.room(room)?);
            fast.run(io.input(0)?, io.output(0)?, scratch, threads);
            Ok(())
        });
    }
    Prepared::function(move |io| {
        let (x, weights, bias) = (io.input(0)?, io.input(1)?, io.optional(2)?);
        transpose_conv_f32(&p, x, weights, bias, Clamp::NONE, io.output(0)?);
        Ok(())
    })
}
