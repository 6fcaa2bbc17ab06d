//! Fast kernels where weights never change: packed when a plan is made. Each function gives `None` where only the plain
//! kernel will do.

mod float;
mod hybrid;
mod integer;

use std::sync::Arc;

use super::packed::{Layout, Room, Shared, shared};
use super::quantized::{self, Bias, Product};
use super::windows::{channels_last, turning_bytes};
use super::{Constant, Context, Io, Kernel, Prepared, fact, room_bytes};
use crate::error::Result;
use crate::kernels::Conv2d;
use crate::kernels::fast::{Byte, DepthwiseInt8Weights, Int8Weights};
use crate::model::Element;

pub use float::{Transposed, float_conv, float_fully_connected, matmul, matmul_at};
pub use hybrid::{hybrid_conv, hybrid_fully_connected};
pub use integer::{int8_conv, int8_fully_connected, int8_matmul};

/// Operands that the packed kernels hold: weights and bias.
const HELD: &[usize] = &[1, 2];

/// Longest sums of products of bytes that can't leave 31 bits.
const MAX_DEPTH: usize = 1 << 15;

/// The filter's axes as the file has them.
pub const AS_IS: [usize; 4] = [0, 1, 2, 3];

/// Those of `[k_h, k_w, channels]` where a depthwise convolution has one input channel and so is a plain one.
const ONE_CHANNEL: [usize; 4] = [3, 0, 1, 2];

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

/// `zero` is the filter's zero point.
fn int8_weights<B: Byte + Element>(
    cx: &Context,
    p: &Conv2d,
    zero: i32,
) -> Result<Option<Arc<Shared<Int8Weights>>>> {
    shared(cx, &[1], layout(cx, p, AS_IS), || {
        let tensor = cx.constant(1)?;
        let filter = tensor.as_ref().and_then(|t| t.values::<B>());
        Ok(filter.map(|filter| Int8Weights::new(p, filter, zero)))
    })
}

/// Of a depthwise convolution of one input channel, as the plain one that it is.
fn int8_weights_of_one_channel<B: Byte + Element>(
    cx: &Context,
    p: &Conv2d,
    zero: i32,
) -> Result<Option<Arc<Shared<Int8Weights>>>> {
    shared(cx, &[1], layout(cx, p, ONE_CHANNEL), || {
        let tensor = cx.constant(1)?;
        let filter = tensor.as_ref().and_then(|t| t.values::<B>());
        Ok(filter.map(|filter| {
            let channel = |c: usize| filter[c..].iter().step_by(p.out_c).copied();
            let turned: Vec<B> = (0..p.out_c).flat_map(channel).collect();
            Int8Weights::new(p, &turned, zero)
        }))
    })
}

fn int8_depthwise_weights<B: Byte + Element>(
    cx: &Context,
    p: &Conv2d,
    zero: i32,
) -> Result<Option<Arc<Shared<DepthwiseInt8Weights>>>> {
    shared(cx, &[1], layout(cx, p, AS_IS), || {
        let tensor = cx.constant(1)?;
        let filter = tensor.as_ref().and_then(|t| t.values::<B>());
        Ok(filter.map(|filter| DepthwiseInt8Weights::new(p, filter, zero)))
    })
}

/// The bias at input 2, zeros where there is none; `None` where the graph computes it.
fn float_bias(cx: &Context, channels: usize) -> Result<Option<Vec<f32>>> {
    if !cx.has(2) {
        return Ok(Some(vec![0.0; channels]));
    }
    let tensor = cx.constant(2)?;
    Ok(tensor.and_then(|t| t.values::<f32>().map(<[f32]>::to_vec)))
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

/// The depthwise convolution that this one is once each input channel is there as often as it has outputs; how often,
/// and the elements of that input where it has to be made. `None` where it would be far larger than the output.
fn repeated(p: &Conv2d) -> Option<(Conv2d, usize, usize)> {
    let times = p.out_c / p.in_c;
    let len = p.input_len().checked_mul(times)?;
    let p = Conv2d {
        in_c: p.out_c,
        ..*p
    };
    match times {
        1 => Some((p, times, 0)),
        _ => (len <= p.output_len().saturating_mul(16)).then_some((p, times, len)),
    }
}

/// Whether panels, which hold up to 32 output channels of one group each, are full enough not to waste memory;
/// `depth` counts the weights of one output channel of all groups.
fn worth_panels(groups: usize, channels: usize, depth: usize) -> bool {
    channels > 0 && depth > 0 && (channels / groups.max(1) >= 8 || depth <= 1 << 14)
}
