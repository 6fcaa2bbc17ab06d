//! Products and convolutions of int8 and uint8.

use std::sync::Arc;

use super::{
    Bias, Context, HELD, Prepared, Product, Shared, has_room, int8_depthwise_weights, int8_weights,
    int8_weights_of_one_channel, repeated, room_bytes, worth_panels,
};
use crate::error::Result;
use crate::kernels::fast::{Byte, Int8Weights, MatMulInt8, PackedConv2dInt8, PackedDepthwiseInt8};
use crate::kernels::movement::repeat_each;
use crate::kernels::reference::matmul::MatMul;
use crate::kernels::{Conv2d, Requant};
use crate::model::Element;

/// An int8 or uint8 convolution or depthwise convolution.
pub fn int8_conv<B: Byte + Element>(
    cx: &Context,
    depthwise: bool,
    p: Conv2d,
    product: &Product,
) -> Result<Option<Prepared>> {
    if !takes::<B>(cx, product) || !has_room(&p) {
        return Ok(None);
    }
    if !depthwise {
        if !worth_panels(p.groups, p.out_c, p.k_h * p.k_w * p.in_c) {
            return Ok(None);
        }
        let weights = int8_weights::<B>(cx, &p, product.zero.filter)?;
        return int8::<B>(weights, &p, product);
    }
    if p.in_c == 1 && p.out_c > 1 {
        let weights = int8_weights_of_one_channel::<B>(cx, &p, product.zero.filter)?;
        return int8::<B>(weights, &p, product);
    }
    let Some((p, times, room)) = repeated(&p) else {
        return Ok(None);
    };
    let Some(weights) = int8_depthwise_weights::<B>(cx, &p, product.zero.filter)? else {
        return Ok(None);
    };
    let (bias, requant) = (int8_bias(&product.bias), in_int8::<B>(&product.requant));
    let zero = product.zero.input - B::MORE;
    let kernel = PackedDepthwiseInt8::new(&p, &weights, bias, zero, &requant);
    let Some(kernel) = kernel else {
        return Ok(None);
    };
    Prepared::packed_with(HELD, room_bytes::<B>(room), move |io| {
        let (mut x, room) = (io.input(0)?, io.room(room)?);
        if times > 1 {
            repeat_each(x, times, room);
            x = room;
        }
        kernel.run::<B>(&weights, x, io.output(0)?, io.threads);
        Ok(())
    })
    .map(Some)
}

/// FULLY_CONNECTED on int8 or uint8 for `batch` rows, with the reference's rounding in f64.
pub fn int8_fully_connected<B: Byte + Element>(
    cx: &Context,
    (batch, depth, units): (usize, usize, usize),
    product: &Product,
) -> Result<Option<Prepared>> {
    if !takes::<B>(cx, product) || batch == 0 || !worth_panels(1, units, depth) {
        return Ok(None);
    }
    let p = Conv2d::product(batch, depth, units);
    int8::<B>(int8_weights::<B>(cx, &p, product.zero.filter)?, &p, product)
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

fn int8<B: Byte + Element>(
    weights: Option<Arc<Shared<Int8Weights>>>,
    p: &Conv2d,
    product: &Product,
) -> Result<Option<Prepared>> {
    let Some(weights) = weights else {
        return Ok(None);
    };
    let (bias, requant) = (int8_bias(&product.bias), in_int8::<B>(&product.requant));
    let zero = product.zero.input - B::MORE;
    let Some(kernel) = PackedConv2dInt8::new(p, &weights, bias, zero, &requant) else {
        return Ok(None);
    };
    let room = kernel.scratch_len();
    Prepared::packed_with(HELD, room_bytes::<u8>(room), move |io| {
        let scratch = io.room(room)?;
        kernel.run::<B>(&weights, io.input(0)?, io.output(0)?, scratch, io.threads);
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

/// With the zero point and the bounds of the int8 that the output is taken for.
fn in_int8<B: Byte>(requant: &Requant) -> Requant {
    Requant {
        zero_point: requant.zero_point - B::MORE,
        lo: requant.lo - B::MORE,
        hi: requant.hi - B::MORE,
        ..requant.clone()
    }
}

/// Whether the packed kernels follow this arithmetic.
fn takes<B: Byte>(cx: &Context, product: &Product) -> bool {
    let is_value = |zero: i32| (-128..=127).contains(&(zero - B::MORE));
    !cx.options.reference
        && !matches!(product.bias, Bias::Input(..))
        && is_value(product.zero.input)
        && is_value(product.zero.filter)
}
