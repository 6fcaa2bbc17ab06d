//! Fast kernels where weights never change: packed when a plan is made. Each function gives `None` where only the plain
//! kernel will do.

use std::sync::Arc;

use super::fact::Floats;
use super::packed::{Layout, Shared, shared};
use super::quantized::{self, Bias, Product};
use super::windows::{channels_last, turning_bytes};
use super::{Constant, Context, Io, Kernel, Prepared, room_bytes};
use crate::error::Result;
use crate::kernels::fast::{
    Aligned, ConvWeights, DepthwiseInt8Weights, DepthwiseOver, FastMatMul, FilterView,
    HybridDepthwise, HybridEpilogue, HybridRoom, Int8Weights, MatMulInt8, PackedConv2d,
    PackedConv2dInt8, PackedDepthwise, PackedDepthwiseInt8, PackedHybrid, Place, Scaling, Steps,
    Winograd, WinogradWeights,
};
use crate::kernels::reference::matmul::MatMul;
use crate::kernels::{Clamp, Conv2d, Requant};
use crate::model::DType;

/// Operands that the packed kernels hold: weights and bias.
const HELD: &[usize] = &[1, 2];

/// Longest sums whose products of bytes can't leave 31 bits, with a bias of up to [`MAX_BIAS`].
const MAX_DEPTH: usize = 1 << 15;
const MAX_BIAS: i64 = 1 << 30;

/// Elements of an image from which on a depthwise convolution rather writes over it.
const LARGE: usize = 1 << 20;

struct LargeDepthwise {
    filter: DepthwiseFilter,
    kernel: PackedDepthwise,
    over: DepthwiseOver,
}

/// On a cache line, as the outputs and inputs are: vectors across two lines take twice as long to load.
struct DepthwiseFilter {
    weights: Arc<Shared<Aligned>>,
    len: usize,
}

impl DepthwiseFilter {
    fn values(&self) -> &[f32] {
        &self.weights.values()[..self.len]
    }
}

impl Kernel for LargeDepthwise {
    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let (threads, room) = (io.threads, io.room(self.over.scratch_len())?);
        if io.is_in_place(0) {
            (self.over).run(self.filter.values(), io.output(0)?, room, threads);
        } else {
            (self.kernel).run(self.filter.values(), io.input(0)?, io.output(0)?, threads);
        }
        Ok(())
    }

    fn reads(&self, input: usize) -> bool {
        !HELD.contains(&input)
    }

    fn in_place(&self) -> &'static [usize] {
        &[0]
    }

    fn scratch_bytes(&self) -> usize {
        room_bytes::<f32>(self.over.scratch_len())
    }
}

/// A float convolution or depthwise convolution of input 0 whose filter, its axes in this order, is as the kernels want it.
pub fn float_conv(
    cx: &Context,
    depthwise: bool,
    p: Conv2d,
    order: [usize; 4],
    clamp: Clamp,
    channels_first: bool,
) -> Result<Option<Prepared>> {
    if cx.options.reference || !has_room(&p) {
        return Ok(None);
    }
    let (from, to) = (
        [p.batch, p.in_h, p.in_w, p.in_c],
        [p.batch, p.out_h, p.out_w, p.out_c],
    );
    let turning = turning_bytes::<f32>(channels_first, from, to);
    if depthwise {
        let aligned = || depthwise_filter(cx);
        let (Some(weights), Some(bias)) = (
            shared(cx, &[1], layout(cx, &p, order), aligned)?,
            float_bias(cx, p.out_c)?,
        ) else {
            return Ok(None);
        };
        let len = p.k_h * p.k_w * p.out_c;
        let filter = DepthwiseFilter { weights, len };
        let mut kernel = PackedDepthwise::new(&p, Some(&bias), clamp);
        if cx.options.in_order {
            kernel = kernel.in_order();
        }
        let large = !channels_first && p.output_len() >= LARGE;
        if let (true, Some(over)) = (large, DepthwiseOver::new(&kernel)) {
            return Prepared::kernel(LargeDepthwise {
                filter,
                kernel,
                over,
            })
            .map(Some);
        }
        return Prepared::packed_with(HELD, turning, move |io| {
            let threads = io.threads;
            channels_last(io, channels_first, from, to, |x, out| {
                kernel.run(filter.values(), x, out, threads)
            })
        })
        .map(Some);
    }
    if !worth_panels(p.groups, p.out_c, p.k_h * p.k_w * p.in_c) {
        return Ok(None);
    }
    let winograd = Winograd::new(&p, clamp).filter(|_| !cx.options.in_order);
    if let Some(kernel) = winograd {
        let weights = shared(cx, HELD, layout(cx, &p, order), || {
            with_filter(cx, order, |filter| {
                let bias = float_bias(cx, p.out_c)?;
                Ok(bias.map(|bias| WinogradWeights::new(&p, filter, Some(&bias))))
            })
        })?;
        let Some(weights) = weights.filter(|weights| weights.is_finite()) else {
            return Ok(None);
        };
        let room = kernel.scratch_len();
        let scratch = room_bytes::<f32>(room).saturating_add(turning);
        return Prepared::packed_with(HELD, scratch, move |io| {
            let (threads, scratch) = (io.threads, io.room(room)?);
            channels_last(io, channels_first, from, to, |x, out| {
                kernel.run(&weights, x, out, scratch, threads)
            })
        })
        .map(Some);
    }
    let weights = shared(cx, HELD, layout(cx, &p, order), || {
        with_filter(cx, order, |filter| {
            let bias = float_bias(cx, p.out_c)?;
            Ok(bias.map(|bias| float_weights(cx, &p, filter, Some(&bias))))
        })
    })?;
    let Some(weights) = weights.filter(|weights| weights.is_finite()) else {
        return Ok(None);
    };
    let kernel = PackedConv2d::new(&p, clamp);
    let padded = kernel.scratch_len();
    let scratch = room_bytes::<f32>(padded).saturating_add(turning);
    Prepared::packed_with(HELD, scratch, move |io| {
        let (threads, scratch) = (io.threads, io.room(padded)?);
        channels_last(io, channels_first, from, to, |x, out| {
            kernel.run(&weights, x, out, scratch, threads)
        })
    })
    .map(Some)
}

/// An int8 convolution or depthwise convolution.
pub fn int8_conv(
    cx: &Context,
    depthwise: bool,
    p: Conv2d,
    product: &Product,
) -> Result<Option<Prepared>> {
    if !takes(cx, product) || !has_room(&p) {
        return Ok(None);
    }
    if !depthwise {
        if !worth_panels(p.groups, p.out_c, p.k_h * p.k_w * p.in_c) {
            return Ok(None);
        }
        return int8(cx, &p, product);
    }
    let (bias, zero) = (int8_bias(&product.bias), product.zero.input);
    let Some(weights) = int8_depthwise_weights(cx, &p)? else {
        return Ok(None);
    };
    let kernel = PackedDepthwiseInt8::new(&p, &weights, bias, zero, &product.requant);
    let Some(kernel) = kernel else {
        return Ok(None);
    };
    Prepared::packed(HELD, move |io| {
        kernel.run(&weights, io.input(0)?, io.output(0)?, io.threads);
        Ok(())
    })
    .map(Some)
}

/// FULLY_CONNECTED on f32 for `batch` rows.
pub fn float_fully_connected(
    cx: &Context,
    (batch, depth, units): (usize, usize, usize),
    clamp: Clamp,
) -> Result<Option<Prepared>> {
    if cx.options.reference || batch == 0 || !worth_panels(1, units, depth) {
        return Ok(None);
    }
    let p = Conv2d::product(batch, depth, units);
    let weights = shared(cx, HELD, layout(cx, &p, AS_IS), || {
        with_filter(cx, AS_IS, |filter| {
            let bias = float_bias(cx, units)?;
            Ok(bias.map(|bias| float_weights(cx, &p, filter, Some(&bias))))
        })
    })?;
    float(&p, weights, clamp)
}

/// FULLY_CONNECTED on int8 for `batch` rows, with the reference's rounding in f64.
pub fn int8_fully_connected(
    cx: &Context,
    (batch, depth, units): (usize, usize, usize),
    product: &Product,
) -> Result<Option<Prepared>> {
    // Beyond this depth the reference's sums are wider than the packed kernel's.
    if !takes(cx, product) || batch == 0 || depth > MAX_DEPTH || !worth_panels(1, units, depth) {
        return Ok(None);
    }
    int8(cx, &Conv2d::product(batch, depth, units), product)
}

/// FULLY_CONNECTED of `batch` float rows and an integer filter with one scale, or one for each unit.
pub fn hybrid_fully_connected(
    cx: &Context,
    (batch, depth, units): (usize, usize, usize),
    scales: &[f32],
    clamp: Clamp,
) -> Result<Option<Prepared>> {
    if cx.options.reference || batch == 0 || depth > MAX_DEPTH || !worth_panels(1, units, depth) {
        return Ok(None);
    }
    let Some(bias) = float_bias(cx, units)? else {
        return Ok(None);
    };
    let asymmetric = cx.attr_bool("asymmetric_quantize_inputs");
    let epilogue = HybridEpilogue::new(units, scales, Some(&bias), Scaling::Together, clamp);
    hybrid(
        cx,
        &Conv2d::product(batch, depth, units),
        epilogue,
        asymmetric,
        1,
    )
}

/// A convolution or depthwise convolution of float images and an integer filter.
pub fn hybrid_conv(
    cx: &Context,
    depthwise: bool,
    p: Conv2d,
    scales: &[f32],
    clamp: Clamp,
) -> Result<Option<Prepared>> {
    let depth = p.k_h.saturating_mul(p.k_w).saturating_mul(p.in_c);
    if cx.options.reference || !has_room(&p) || depth > MAX_DEPTH {
        return Ok(None);
    }
    let Some(bias) = float_bias(cx, p.out_c)? else {
        return Ok(None);
    };
    if !depthwise {
        if !worth_panels(p.groups, p.out_c, depth) {
            return Ok(None);
        }
        let scaling = Scaling::of_conv(scales.len());
        let epilogue = HybridEpilogue::new(p.out_c, scales, Some(&bias), scaling, clamp);
        return hybrid(cx, &p, epilogue, scales.len() > 1, p.out_h * p.out_w);
    }
    let Some(weights) = int8_depthwise_weights(cx, &p)? else {
        return Ok(None);
    };
    let epilogue = HybridEpilogue::new(p.out_c, scales, Some(&bias), Scaling::Together, clamp);
    let kernel = HybridDepthwise::new(&p, epilogue);
    let room = p.in_h * p.in_w * p.in_c;
    Prepared::packed_with(HELD, room_bytes::<i8>(room), move |io| {
        let (threads, image) = (io.threads, io.room(room)?);
        kernel.run(&weights, io.input(0)?, io.output(0)?, image, threads);
        Ok(())
    })
    .map(Some)
}

/// One scale for every `rows` rows of the output.
fn hybrid(
    cx: &Context,
    p: &Conv2d,
    epilogue: HybridEpilogue,
    asymmetric: bool,
    rows: usize,
) -> Result<Option<Prepared>> {
    let Some(weights) = int8_weights(cx, p)? else {
        return Ok(None);
    };
    let kernel = PackedHybrid::new(p, &weights, epilogue, asymmetric, rows);
    let (quantized, scales, prepared) = (p.input_len(), kernel.scales(), kernel.prepared_len());
    let each = [
        room_bytes::<i8>(quantized),
        room_bytes::<f32>(scales),
        room_bytes::<i32>(scales),
        room_bytes::<u8>(prepared),
    ];
    let room = each.into_iter().fold(0, usize::saturating_add);
    Prepared::packed_with(HELD, room, move |io| {
        let room = HybridRoom {
            quantized: io.room(quantized)?,
            scales: io.room(scales)?,
            zeros: io.room(scales)?,
            prepared: io.room(prepared)?,
        };
        let threads = io.threads;
        kernel.run(&weights, io.input(0)?, io.output(0)?, room, threads);
        Ok(())
    })
    .map(Some)
}

/// A product of f32 matrices; the sizes of the leading axes of both sides and of the output follow `p`.
pub fn matmul(
    cx: &Context,
    p: MatMul,
    [x_batch, y_batch, out_batch]: [&[usize]; 3],
) -> Result<Option<Prepared>> {
    let rows = p.m * out_batch.iter().product::<usize>();
    if cx.options.reference || rows == 0 || p.k == 0 || p.n == 0 {
        return Ok(None);
    }
    if y_batch.is_empty() && !p.adj_x && worth_panels(1, p.n, p.k) {
        let conv = Conv2d::product(rows, p.k, p.n);
        let order = if p.adj_y { AS_IS } else { [1, 0, 2, 3] };
        let weights = shared(cx, HELD, layout(cx, &conv, order), || {
            with_filter(cx, order, |filter| {
                let bias = if cx.has(2) {
                    float_bias(cx, p.n)?
                } else {
                    None
                };
                Ok(Some(float_weights(cx, &conv, filter, bias.as_deref())))
            })
        })?;
        if weights.is_some() {
            return float(&conv, weights, quantized::activation(cx)?);
        }
    }
    let mut fast = FastMatMul::new(p);
    if cx.options.in_order {
        fast = fast.in_order();
    }
    let room = fast.scratch_len();
    let [x_batch, y_batch, out_batch] = [x_batch, y_batch, out_batch].map(<[usize]>::to_vec);
    Prepared::with_room(room_bytes::<f32>(room), move |io| {
        let (threads, scratch) = (io.threads, io.room(room)?);
        let (x, y) = (io.input(0)?, io.input(1)?);
        let out = (io.output(0)?, &*out_batch);
        fast.run((x, &x_batch), (y, &y_batch), scratch, out, threads);
        Ok(())
    })
    .map(Some)
}

/// A product of f32 matrices at these places, the rows of which are apart.
pub fn matmul_at(cx: &Context, p: MatMul, steps: Steps, places: Vec<Place>) -> Result<Prepared> {
    let mut fast = FastMatMul::with_steps(p, steps);
    if cx.options.in_order {
        fast = fast.in_order();
    }
    let room = fast.scratch_len();
    Prepared::with_room(room_bytes::<f32>(room), move |io| {
        let (threads, scratch) = (io.threads, io.room(room)?);
        let sides = (io.input(0)?, io.input(1)?);
        fast.run_at(sides, &places, scratch, io.output(0)?, threads);
        Ok(())
    })
}

/// A product of int8 matrices with these zero points; the sizes as in [`matmul`].
pub fn int8_matmul(
    cx: &Context,
    p: MatMul,
    [x_batch, y_batch, out_batch]: [&[usize]; 3],
    zeros: [i32; 2],
    requant: &Requant,
) -> Result<Option<Prepared>> {
    let kernel = MatMulInt8::new(p, zeros, requant);
    let Some(kernel) = kernel.filter(|_| !cx.options.reference && p.n > 0) else {
        return Ok(None);
    };
    let room = kernel.scratch_len();
    let [x_batch, y_batch, out_batch] = [x_batch, y_batch, out_batch].map(<[usize]>::to_vec);
    Prepared::with_room(room_bytes::<i32>(room), move |io| {
        let (threads, scratch) = (io.threads, io.room(room)?);
        let (x, y) = (io.input(0)?, io.input(1)?);
        let out = (io.output(0)?, &*out_batch);
        kernel.run((x, &x_batch), (y, &y_batch), scratch, out, threads);
        Ok(())
    })
    .map(Some)
}

/// The filter's axes as the file has them.
pub const AS_IS: [usize; 4] = [0, 1, 2, 3];

fn layout(cx: &Context, p: &Conv2d, order: [usize; 4]) -> Layout {
    Layout {
        order,
        groups: p.groups,
        channels: p.out_c,
        window: [p.k_h, p.k_w, p.in_c],
        dilated: p.dilation_w != 1,
        in_order: cx.options.in_order,
    }
}

/// Calls `pack` with the filter at input 1, whose axes are to be read in this order; `None` where it is no constant of
/// floats. Another order than its own begins with the channels, which are then its last axes.
fn with_filter<W>(
    cx: &Context,
    order: [usize; 4],
    pack: impl FnOnce(FilterView) -> Result<Option<W>>,
) -> Result<Option<W>> {
    let Some(floats) = filter_floats(cx)? else {
        return Ok(None);
    };
    let factors = floats.factors.as_deref();
    match (order, factors) {
        (AS_IS, None) => pack(floats.bare().into()),
        // Factors are of the last axes.
        (AS_IS, Some(_)) => Ok(None),
        _ => pack(FilterView::channels_last(floats.bare(), factors)),
    }
}

/// The filter of a depthwise convolution, its channels last; as [`with_filter`].
fn depthwise_filter(cx: &Context) -> Result<Option<Aligned>> {
    let Some(floats) = filter_floats(cx)? else {
        return Ok(None);
    };
    let mut values = Aligned::of(floats.bare());
    if let Some(factors) = &floats.factors {
        let rows = &mut values.values_mut()[..floats.bare().len()];
        for row in rows.chunks_exact_mut(factors.len().max(1)) {
            for (w, factor) in row.iter_mut().zip(&**factors) {
                *w = (f64::from(*w) * factor) as f32;
            }
        }
    }
    Ok(Some(values))
}

fn filter_floats(cx: &Context) -> Result<Option<Floats>> {
    let fact = cx.inputs.get(1).and_then(Option::as_ref);
    let fact = fact.filter(|fact| fact.dtype == DType::Float32);
    let constant = fact.and_then(|fact| fact.constant.as_ref());
    constant.map(Constant::floats).transpose()
}

fn float_weights(
    cx: &Context,
    p: &Conv2d,
    filter: FilterView,
    bias: Option<&[f32]>,
) -> ConvWeights {
    let weights = ConvWeights::new(p, filter, bias);
    match cx.options.in_order {
        true => weights.in_order(),
        false => weights,
    }
}

fn float(
    p: &Conv2d,
    weights: Option<Arc<Shared<ConvWeights>>>,
    clamp: Clamp,
) -> Result<Option<Prepared>> {
    let Some(weights) = weights else {
        return Ok(None);
    };
    let kernel = PackedConv2d::new(p, clamp).bias_last();
    let padded = kernel.scratch_len();
    Prepared::packed_with(HELD, room_bytes::<f32>(padded), move |io| {
        let scratch = io.room(padded)?;
        kernel.run(&weights, io.input(0)?, io.output(0)?, scratch, io.threads);
        Ok(())
    })
    .map(Some)
}

fn int8_weights(cx: &Context, p: &Conv2d) -> Result<Option<Arc<Shared<Int8Weights>>>> {
    shared(cx, &[1], layout(cx, p, AS_IS), || {
        let tensor = cx.constant(1)?;
        let filter = tensor.as_ref().and_then(|t| t.values::<i8>());
        Ok(filter.map(|filter| Int8Weights::new(p, filter)))
    })
}

fn int8_depthwise_weights(
    cx: &Context,
    p: &Conv2d,
) -> Result<Option<Arc<Shared<DepthwiseInt8Weights>>>> {
    shared(cx, &[1], layout(cx, p, AS_IS), || {
        let tensor = cx.constant(1)?;
        let filter = tensor.as_ref().and_then(|t| t.values::<i8>());
        Ok(filter.map(|filter| DepthwiseInt8Weights::new(p, filter)))
    })
}

fn int8(cx: &Context, p: &Conv2d, product: &Product) -> Result<Option<Prepared>> {
    let Some(weights) = int8_weights(cx, p)? else {
        return Ok(None);
    };
    let (bias, zero) = (int8_bias(&product.bias), product.zero.input);
    let Some(kernel) = PackedConv2dInt8::new(p, &weights, bias, zero, &product.requant) else {
        return Ok(None);
    };
    let room = kernel.scratch_len();
    Prepared::packed_with(HELD, room_bytes::<u8>(room), move |io| {
        let scratch = io.room(room)?;
        kernel.run(&weights, io.input(0)?, io.output(0)?, scratch, io.threads);
        Ok(())
    })
    .map(Some)
}

/// The bias at input 2, zeros where there is none; `None` where the graph computes it.
fn float_bias(cx: &Context, channels: usize) -> Result<Option<Vec<f32>>> {
    if !cx.has(2) {
        return Ok(Some(vec![0.0; channels]));
    }
    let tensor = cx.constant(2)?;
    Ok(tensor.and_then(|t| t.values::<f32>().map(<[f32]>::to_vec)))
}

fn int8_bias(bias: &Bias) -> Option<&[i64]> {
    match bias {
        Bias::Ready(values) => Some(values),
        Bias::None | Bias::Input(..) => None,
    }
}

/// Whether the packed int8 kernels follow this arithmetic.
fn takes(cx: &Context, product: &Product) -> bool {
    let small_bias = match &product.bias {
        Bias::None => true,
        Bias::Ready(values) => values.iter().all(|b| b.abs() <= MAX_BIAS),
        Bias::Input(..) => false,
    };
    !cx.options.reference
        && small_bias
        && product.zero.filter == 0
        && (-128..=127).contains(&product.zero.input)
}

/// Whether nothing is empty and the padded input is of the input's order of size: windows may be told to step far
/// into the padding.
fn has_room(p: &Conv2d) -> bool {
    let span = |out: usize, stride: usize, k: usize, dilation: usize| {
        let steps = out.checked_sub(1)?.checked_mul(stride)?;
        let reach = k.checked_sub(1)?.checked_mul(dilation)?;
        steps.checked_add(reach)?.checked_add(1)
    };
    let padded = || {
        let h = span(p.out_h, p.stride_h, p.k_h, p.dilation_h)?;
        let w = span(p.out_w, p.stride_w, p.k_w, p.dilation_w)?;
        let h = h.max(p.in_h.checked_add(p.pad_top)?);
        let w = w.max(p.in_w.checked_add(p.pad_left)?);
        p.batch.checked_mul(h)?.checked_mul(w)?.checked_mul(p.in_c)
    };
    let empty = p.input_len() == 0 || p.output_len() == 0 || p.groups == 0;
    !empty && padded().is_some_and(|len| len <= p.input_len().saturating_mul(16) + (1 << 16))
}

/// Whether panels, which hold up to 32 output channels of one group each, are full enough not to waste memory;
/// `depth` counts the weights of one output channel of all groups.
fn worth_panels(groups: usize, channels: usize, depth: usize) -> bool {
    channels > 0 && depth > 0 && (channels / groups.max(1) >= 8 || depth <= 1 << 14)
}
