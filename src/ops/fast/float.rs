//! Float products and convolutions.

use std::sync::Arc;

use super::fact::Floats;
use super::{
    AS_IS, Constant, Context, HELD, Io, Kernel, Prepared, Shared, channels_last, float_bias,
    has_room, layout, quantized, room_bytes, shared, turning_bytes, worth_panels,
};
use crate::error::Result;
use crate::kernels::fast::{
    Aligned, ConvWeights, DepthwiseOver, FastMatMul, FilterView, PackedConv2d, PackedDepthwise,
    Place, Steps, Winograd, WinogradWeights,
};
use crate::kernels::reference::matmul::MatMul;
use crate::kernels::{Clamp, Conv2d};
use crate::model::DType;

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
    let conv = Conv {
        p,
        order,
        clamp,
        channels_first,
    };
    if depthwise {
        return conv.depthwise(cx);
    }
    if !worth_panels(p.groups, p.out_c, p.k_h * p.k_w * p.in_c) {
        return Ok(None);
    }
    match Winograd::new(&p, clamp).filter(|_| !cx.options.in_order) {
        Some(kernel) => conv.winograd(cx, kernel),
        None => conv.panels(cx),
    }
}

struct Conv {
    p: Conv2d,
    order: [usize; 4],
    clamp: Clamp,
    channels_first: bool,
}

impl Conv {
    /// Sizes of input and output, channels last.
    fn sizes(&self) -> [[usize; 4]; 2] {
        let p = &self.p;
        [
            [p.batch, p.in_h, p.in_w, p.in_c],
            [p.batch, p.out_h, p.out_w, p.out_c],
        ]
    }

    fn turning_bytes(&self) -> usize {
        let [from, to] = self.sizes();
        turning_bytes::<f32>(self.channels_first, from, to)
    }

    fn depthwise(self, cx: &Context) -> Result<Option<Prepared>> {
        let p = &self.p;
        let aligned = || depthwise_filter(cx);
        let (Some(weights), Some(bias)) = (
            shared(cx, &[1], layout(cx, p, self.order), aligned)?,
            float_bias(cx, p.out_c)?,
        ) else {
            return Ok(None);
        };
        let len = p.k_h * p.k_w * p.out_c;
        let filter = DepthwiseFilter { weights, len };
        let mut kernel = PackedDepthwise::new(p, Some(&bias), self.clamp);
        if cx.options.in_order {
            kernel = kernel.in_order();
        }
        let large = !self.channels_first && p.output_len() >= LARGE;
        if let (true, Some(over)) = (large, DepthwiseOver::new(&kernel)) {
            return Prepared::kernel(LargeDepthwise {
                filter,
                kernel,
                over,
            })
            .map(Some);
        }
        let [from, to] = self.sizes();
        Prepared::packed_with(HELD, self.turning_bytes(), move |io| {
            let threads = io.threads;
            channels_last(io, self.channels_first, from, to, |x, out| {
                kernel.run(filter.values(), x, out, threads)
            })
        })
        .map(Some)
    }

    fn winograd(self, cx: &Context, kernel: Winograd) -> Result<Option<Prepared>> {
        let p = &self.p;
        let weights = shared(cx, HELD, layout(cx, p, self.order), || {
            with_filter(cx, self.order, |filter| {
                let bias = float_bias(cx, p.out_c)?;
                Ok(bias.map(|bias| WinogradWeights::new(p, filter, Some(&bias))))
            })
        })?;
        let Some(weights) = weights.filter(|weights| weights.is_finite()) else {
            return Ok(None);
        };
        let (room, [from, to]) = (kernel.scratch_len(), self.sizes());
        let scratch = room_bytes::<f32>(room).saturating_add(self.turning_bytes());
        Prepared::packed_with(HELD, scratch, move |io| {
            let (threads, scratch) = (io.threads, io.room(room)?);
            channels_last(io, self.channels_first, from, to, |x, out| {
                kernel.run(&weights, x, out, scratch, threads)
            })
        })
        .map(Some)
    }

    fn panels(self, cx: &Context) -> Result<Option<Prepared>> {
        let p = &self.p;
        let weights = shared(cx, HELD, layout(cx, p, self.order), || {
            with_filter(cx, self.order, |filter| {
                let bias = float_bias(cx, p.out_c)?;
                Ok(bias.map(|bias| float_weights(cx, p, filter, Some(&bias))))
            })
        })?;
        let Some(weights) = weights.filter(|weights| weights.is_finite()) else {
            return Ok(None);
        };
        let kernel = PackedConv2d::new(p, self.clamp);
        let (room, [from, to]) = (kernel.scratch_len(), self.sizes());
        let scratch = room_bytes::<f32>(room).saturating_add(self.turning_bytes());
        Prepared::packed_with(HELD, scratch, move |io| {
            let (threads, scratch) = (io.threads, io.room(room)?);
            channels_last(io, self.channels_first, from, to, |x, out| {
                kernel.run(&weights, x, out, scratch, threads)
            })
        })
        .map(Some)
    }
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
