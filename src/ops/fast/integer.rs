//! Products and convolutions of int8.

use super::{
    Bias, Context, HELD, MAX_DEPTH, Prepared, Product, has_room, int8_depthwise_weights,
    int8_weights, room_bytes, worth_panels,
};
use crate::error::Result;
use crate::kernels::fast::{MatMulInt8, PackedConv2dInt8, PackedDepthwiseInt8};
use crate::kernels::reference::matmul::MatMul;
use crate::kernels::{Conv2d, Requant};

/// Largest bias beside sums of [`MAX_DEPTH`] products.
pub const MAX_BIAS: i64 = 1 << 30;

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
