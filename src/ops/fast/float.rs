//! Float products and convolutions.

use std::sync::Arc;

use super::fact::Floats;
use super::{
    AS_IS, Constant, Context, HELD, Io, Kernel, ONE_CHANNEL, Prepared, Room, Shared, channels_last,
    float_bias, has_room, layout, quantized, repeated, room_bytes, shared, turning_bytes,
    worth_panels,
};
use crate::error::{Error, Result};
use crate::kernels::fast::{
    Aligned, ConvWeights, DepthwiseOver, FastMatMul, FilterView, PackedConv2d, PackedDepthwise,
    PackedTransposed, Place, Steps, TransposedWeights, Winograd, WinogradWeights,
};
use crate::kernels::movement::{repeat_each, transpose};
use crate::kernels::reference::matmul::MatMul;
use crate::kernels::threads::Threads;
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
        if self.p.in_c == 1 && self.p.out_c > 1 {
            return self.of_one_channel().panels(cx);
        }
        let Some((repeated, times, room)) = repeated(&self.p) else {
            return Ok(None);
        };
        let p = &repeated;
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
        let large = !self.channels_first && times == 1 && p.output_len() >= LARGE;
        if let (true, Some(over)) = (large, DepthwiseOver::new(&kernel)) {
            return Prepared::kernel(LargeDepthwise {
                filter,
                kernel,
                over,
            })
            .map(Some);
        }
        let [from, to] = self.sizes();
        let scratch = room_bytes::<f32>(room).saturating_add(self.turning_bytes());
        Prepared::packed_with(HELD, scratch, move |io| {
            let (threads, room) = (io.threads, io.room(room)?);
            channels_last(io, self.channels_first, from, to, |x, out| {
                let x = match times {
                    1 => x,
                    _ => {
                        repeat_each(x, times, room);
                        room
                    }
                };
                kernel.run(filter.values(), x, out, threads)
            })
        })
        .map(Some)
    }

    /// A depthwise convolution of one channel as the plain one that it is: `[k_h, k_w, out_c]` is `[k_h, k_w, 1, out_c]`.
    fn of_one_channel(self) -> Self {
        Conv {
            order: ONE_CHANNEL,
            ..self
        }
    }

    fn winograd(self, cx: &Context, kernel: Winograd) -> Result<Option<Prepared>> {
        let p = &self.p;
        let weights = Weights::<WinogradWeights>::of(cx, p, self.order)?;
        let Some(weights) = weights.filter(Weights::are_finite) else {
            return Ok(None);
        };
        let (room, [from, to]) = (kernel.scratch_len(), self.sizes());
        let scratch = room_bytes::<f32>(room).saturating_add(self.turning_bytes());
        Prepared::packed_with(HELD, scratch, move |io| {
            let (threads, scratch) = (io.threads, io.room(room)?);
            weights.with(|weights| {
                channels_last(io, self.channels_first, from, to, |x, out| {
                    kernel.run(weights, x, out, scratch, threads)
                })
            })?
        })
        .map(Some)
    }

    fn panels(self, cx: &Context) -> Result<Option<Prepared>> {
        let p = &self.p;
        let weights = Weights::<ConvWeights>::of(cx, p, self.order)?;
        let Some(weights) = weights.filter(Weights::are_finite) else {
            return Ok(None);
        };
        let kernel = PackedConv2d::new(p, self.clamp);
        let (room, [from, to]) = (kernel.scratch_len(), self.sizes());
        let scratch = room_bytes::<f32>(room).saturating_add(self.turning_bytes());
        Prepared::packed_with(HELD, scratch, move |io| {
            let (threads, scratch) = (io.threads, io.room(room)?);
            weights.with(|weights| {
                channels_last(io, self.channels_first, from, to, |x, out| {
                    kernel.run(weights, x, out, scratch, threads)
                })
            })?
        })
        .map(Some)
    }
}

/// Products of a row of pixels with all taps, from which on memory for them is better left alone.
const MOST: usize = 1 << 24;

/// A transposed convolution of floats whose filter and bias never change.
pub struct Transposed {
    kernel: PackedTransposed,
    weights: Arc<Shared<TransposedWeights>>,
}

impl Transposed {
    /// `order` makes `[k_h, k_w, out_c, in_c]` of the filter's axes.
    pub fn of(
        cx: &Context,
        p: &Conv2d,
        (filter, bias): (usize, usize),
        order: [usize; 4],
        clamp: Clamp,
    ) -> Result<Option<Self>> {
        // Where the order of the sums matters, products can't be summed up first.
        let row = [p.k_h, p.k_w, p.out_c]
            .into_iter()
            .fold(p.in_w, usize::saturating_mul);
        if cx.options.reference || cx.options.in_order || row > MOST {
            return Ok(None);
        }
        let sizes = cx.sizes(filter)?;
        let weights = shared(cx, &[filter], layout(cx, p, order), || {
            let tensor = cx.constant(filter)?;
            let Some(values) = tensor.as_ref().and_then(|t| t.values::<f32>()) else {
                return Ok(None);
            };
            let mut turned = vec![0f32; values.len()];
            let to = bytemuck::cast_slice_mut(&mut turned);
            transpose(
                size_of::<f32>(),
                bytemuck::cast_slice(values),
                &sizes,
                &order,
                to,
            );
            Ok(Some(TransposedWeights::new(p, &turned)))
        })?;
        let bias = match cx.has(bias) {
            true => cx
                .constant(bias)?
                .and_then(|t| t.values::<f32>().map(<[f32]>::to_vec)),
            false => Some(vec![0.0; p.out_c]),
        };
        Ok(weights.zip(bias).map(|(weights, bias)| Transposed {
            kernel: PackedTransposed::new(p, Some(&bias), clamp),
            weights,
        }))
    }

    /// Elements of scratch that [`Transposed::run`] wants.
    pub fn scratch_len(&self) -> usize {
        self.kernel.scratch_len()
    }

    pub fn run(&self, x: &[f32], out: &mut [f32], scratch: &mut [f32], threads: &Threads) {
        self.kernel.run(&self.weights, x, out, scratch, threads);
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
    float(&p, Weights::of(cx, &p, AS_IS)?, clamp)
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
        let weights = Weights::of(cx, &conv, order)?;
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

/// Weights that a product reads packed.
trait Packed: Sized + Send + Sync + 'static {
    /// Whether one is made of several.
    const MIXES: bool;

    fn pack(memory: Aligned, p: &Conv2d, filter: FilterView, bias: &[f32], in_order: bool) -> Self;
    fn into_memory(self) -> Aligned;
    fn is_finite(&self) -> bool;
}

impl Packed for ConvWeights {
    const MIXES: bool = false;

    fn pack(memory: Aligned, p: &Conv2d, filter: FilterView, bias: &[f32], in_order: bool) -> Self {
        let weights = ConvWeights::in_memory(memory, p, filter, Some(bias));
        match in_order {
            true => weights.in_order(),
            false => weights,
        }
    }

    fn into_memory(self) -> Aligned {
        self.into_memory()
    }

    fn is_finite(&self) -> bool {
        self.is_finite()
    }
}

impl Packed for WinogradWeights {
    const MIXES: bool = true;

    fn pack(memory: Aligned, p: &Conv2d, filter: FilterView, bias: &[f32], _: bool) -> Self {
        WinogradWeights::in_memory(memory, p, filter, Some(bias))
    }

    fn into_memory(self) -> Aligned {
        self.into_memory()
    }

    fn is_finite(&self) -> bool {
        self.is_finite()
    }
}

/// The packed weights of a product.
enum Weights<W> {
    Kept(Arc<Shared<W>>),
    /// Packed by every run, in memory that other operators have before and after.
    Passing(Source, Arc<Room>),
}

/// Weights from which on packing leaves traces in memory and time.
const MANY: usize = 1 << 14;
/// Weights of which no transformed one is infinite, see [`WinogradWeights`].
const MODERATE: f32 = 1e15;

impl<W: Packed> Weights<W> {
    /// Of the filter at input 1, its axes in this order, and the bias at input 2; `None` where one is no constant, or
    /// the filter is none of floats.
    fn of(cx: &Context, p: &Conv2d, order: [usize; 4]) -> Result<Option<Self>> {
        let Some(filter) = filter_constant(cx) else {
            return Ok(None);
        };
        let source = |bias| Source {
            filter: filter.clone(),
            order,
            p: *p,
            bias,
            in_order: cx.options.in_order,
        };
        if let Some(room) = cx.room
            && p.filter_len() >= MANY
            && let Some(bias) = float_bias(cx, p.out_c)?
            && let source = source(bias)
            && source.fits()
            && (!W::MIXES && is_bare(p) || source.is_moderate()?)
        {
            return Ok(Some(Weights::Passing(source, room.clone())));
        }
        let kept = shared(cx, HELD, layout(cx, p, order), || {
            match float_bias(cx, p.out_c)? {
                Some(bias) => source(bias).pack(Aligned::empty()),
                None => Ok(None),
            }
        })?;
        Ok(kept.map(Weights::Kept))
    }

    fn are_finite(&self) -> bool {
        match self {
            Weights::Kept(weights) => weights.is_finite(),
            Weights::Passing(..) => true,
        }
    }

    fn with<R>(&self, run: impl FnOnce(&W) -> R) -> Result<R> {
        match self {
            Weights::Kept(weights) => Ok(run(weights)),
            Weights::Passing(source, room) => {
                let weights: Option<W> = source.pack(room.take())?;
                let weights = weights.ok_or_else(|| Error::unsupported("weights out of order"))?;
                source.filter.let_go();
                let result = run(&weights);
                room.give(weights.into_memory());
                Ok(result)
            }
        }
    }
}

/// Whether no weight is ever multiplied by padding, which must not make a NaN of an infinite one.
fn is_bare(p: &Conv2d) -> bool {
    let within = |out: usize, stride: usize, size: usize| out.saturating_sub(1) * stride < size;
    p.k_h * p.k_w == 1
        && (p.pad_top, p.pad_left) == (0, 0)
        && within(p.out_h, p.stride_h, p.in_h)
        && within(p.out_w, p.stride_w, p.in_w)
}

/// What weights are packed from.
struct Source {
    filter: Constant,
    /// In which the filter's axes are read.
    order: [usize; 4],
    p: Conv2d,
    bias: Vec<f32>,
    in_order: bool,
}

impl Source {
    /// Another order than its own begins with the channels, which are then the filter's last axes. `None` where factors
    /// are not of these.
    fn pack<W: Packed>(&self, memory: Aligned) -> Result<Option<W>> {
        let floats = self.filter.floats()?;
        let filter = match (self.order, floats.factors.as_deref()) {
            (AS_IS, None) => floats.bare().into(),
            (AS_IS, Some(_)) => return Ok(None),
            (_, factors) => FilterView::channels_last(floats.bare(), factors),
        };
        let packed = W::pack(memory, &self.p, filter, &self.bias, self.in_order);
        Ok(Some(packed))
    }

    /// Whether it can be packed, see [`Source::pack`].
    fn fits(&self) -> bool {
        self.order != AS_IS || !self.filter.is_scaled()
    }

    /// Whether no number of it is infinite, NaN, or near that.
    fn is_moderate(&self) -> Result<bool> {
        let floats = self.filter.floats()?;
        let most = MODERATE.to_bits() as i32;
        // A whole comparison of bits, which compilers put into vectors.
        let moderate = |values: &[f32]| {
            let mut beyond = 0;
            for value in values {
                let magnitude = (value.to_bits() & 0x7FFF_FFFF) as i32;
                beyond |= i32::from(magnitude > most);
            }
            beyond == 0
        };
        let factors = match floats.factors.as_deref() {
            Some(factors) => factors.iter().all(|f| f.abs() <= f64::from(MODERATE)),
            None => true,
        };
        Ok(factors && moderate(&self.bias) && moderate(floats.bare()))
    }
}

/// The filter of a depthwise convolution, its channels last.
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
    filter_constant(cx).map(Constant::floats).transpose()
}

fn filter_constant<'g>(cx: &Context<'g>) -> Option<&'g Constant> {
    let fact = cx.inputs.get(1).and_then(Option::as_ref);
    let fact = fact.filter(|fact| fact.dtype == DType::Float32);
    fact.and_then(|fact| fact.constant.as_ref())
}

fn float(
    p: &Conv2d,
    weights: Option<Weights<ConvWeights>>,
    clamp: Clamp,
) -> Result<Option<Prepared>> {
    let Some(weights) = weights else {
        return Ok(None);
    };
    let kernel = PackedConv2d::new(p, clamp).bias_last();
    let padded = kernel.scratch_len();
    Prepared::packed_with(HELD, room_bytes::<f32>(padded), move |io| {
        let scratch = io.room(padded)?;
        let (x, out, threads) = (io.input(0)?, io.output(0)?, io.threads);
        weights.with(|weights| kernel.run(weights, x, out, scratch, threads))
    })
    .map(Some)
}
