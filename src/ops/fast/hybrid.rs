//! Products and convolutions of floats and integer weights.

use super::{
    Context, HELD, MAX_DEPTH, Prepared, float_bias, has_room, int8_depthwise_weights, int8_weights,
    room_bytes, worth_panels,
};
use crate::error::Result;
use crate::kernels::fast::{HybridDepthwise, HybridEpilogue, HybridRoom, PackedHybrid, Scaling};
use crate::kernels::{Clamp, Conv2d};

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
    let Some(weights) = int8_depthwise_weights::<i8>(cx, &p, 0)? else {
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
    let Some(weights) = int8_weights::<i8>(cx, p, 0)? else {
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
