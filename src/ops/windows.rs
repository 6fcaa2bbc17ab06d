//! Sliding windows of convolutions and pooling: both dialects' attributes as one geometry.

use bytemuck::Pod;

use super::{Context, Io, room_bytes};
use crate::error::Result;
use crate::kernels::movement::transpose;
use crate::kernels::params::{
    Conv2d, Pool2d, effective_window, padding, same_output, valid_output,
};
use crate::model::{Element, Shape};

/// Strides, dilations and padding of a 2-D operator, y before x.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub pad: Pad,
    /// The data lie as `[batch, channels, height, width]`.
    pub channels_first: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pad {
    Same,
    Valid,
    /// Before and after, in y and in x.
    Explicit([[usize; 2]; 2]),
}

impl Windows {
    pub fn of(cx: &Context) -> Result<Self> {
        if cx.tflite() {
            Self::of_tflite(cx)
        } else {
            Self::of_tf(cx)
        }
    }

    fn of_tflite(cx: &Context) -> Result<Self> {
        let positive = |name: &str, default: i64| match cx.attr_int(name, default) {
            v @ 1..=0x7fff_ffff => Ok(v as usize),
            other => Err(cx.wrong(format!("{name} is {other}"))),
        };
        Ok(Windows {
            stride: [positive("stride_h", 0)?, positive("stride_w", 0)?],
            dilation: [
                positive("dilation_h_factor", 1)?,
                positive("dilation_w_factor", 1)?,
            ],
            pad: match cx.attr_int("padding", 0) {
                0 => Pad::Same,
                _ => Pad::Valid,
            },
            channels_first: false,
        })
    }

    fn of_tf(cx: &Context) -> Result<Self> {
        let channels_first = cx
            .node
            .attrs
            .text("data_format")
            .is_some_and(|f| f.starts_with("NC"));
        let axes = if channels_first { [2, 3] } else { [1, 2] };
        let pair = |name: &str| -> Result<[usize; 2]> {
            let list = cx.node.attrs.ints(name).unwrap_or_default();
            if list.is_empty() {
                return Ok([1, 1]);
            }
            let at = |axis: usize| match list.get(axis) {
                Some(&v) if (1..=0x7fff_ffff).contains(&v) => Ok(v as usize),
                _ => Err(cx.wrong(format!("{name} is {list:?}"))),
            };
            Ok([at(axes[0])?, at(axes[1])?])
        };
        let pad = match cx.node.attrs.text("padding") {
            Some("SAME") => Pad::Same,
            Some("VALID") => Pad::Valid,
            Some("EXPLICIT") => {
                let list = cx.node.attrs.ints("explicit_paddings").unwrap_or_default();
                let at = |i: usize| match list.get(i) {
                    Some(&v) if (0..=0x7fff_ffff).contains(&v) => Ok(v as usize),
                    _ => Err(cx.wrong(format!("explicit_paddings are {list:?}"))),
                };
                let axis = |a: usize| Ok([at(2 * a)?, at(2 * a + 1)?]);
                Pad::Explicit([axis(axes[0])?, axis(axes[1])?])
            }
            other => return Err(cx.wrong(format!("the padding {other:?}"))),
        };
        Ok(Windows {
            stride: pair("strides")?,
            dilation: pair("dilations")?,
            pad,
            channels_first,
        })
    }

    /// Output size and padding before, along y (0) or x (1), for windows of `k`.
    pub fn along(&self, axis: usize, input: usize, k: usize) -> (usize, usize) {
        let (stride, dilation) = (self.stride[axis], self.dilation[axis]);
        match &self.pad {
            Pad::Same => {
                let output = same_output(input, stride);
                (output, padding(input, output, k, stride, dilation).0)
            }
            Pad::Valid => (valid_output(input, k, stride, dilation), 0),
            Pad::Explicit(pads) => {
                let [before, after] = pads[axis];
                (
                    valid_output(input + before + after, k, stride, dilation),
                    before,
                )
            }
        }
    }

    /// As [`Windows::along`], -1 for an unknown input.
    pub fn output(&self, axis: usize, input: i64, k: usize) -> i64 {
        usize::try_from(input).map_or(-1, |input| self.along(axis, input, k).0 as i64)
    }

    /// Fails on windows whose arithmetic would not fit.
    pub fn check(&self, cx: &Context, k: [usize; 2]) -> Result<()> {
        for axis in 0..2 {
            let span = k[axis]
                .checked_mul(self.dilation[axis])
                .filter(|&s| s < 1 << 31);
            if k[axis] == 0
                || span.is_none()
                || effective_window(k[axis], self.dilation[axis]) >= 1 << 31
            {
                return Err(cx.wrong(format!(
                    "a window of {k:?} with dilation {:?}",
                    self.dilation
                )));
            }
        }
        Ok(())
    }

    /// The convolution of `[batch, height, width, channels]` by windows of `k`; `placed` is the output size and the
    /// padding before, along both axes.
    pub fn conv(
        &self,
        [batch, in_h, in_w, in_c]: [usize; 4],
        [k_h, k_w]: [usize; 2],
        out_c: usize,
        groups: usize,
        placed: [(usize, usize); 2],
    ) -> Conv2d {
        let [(out_h, pad_top), (out_w, pad_left)] = placed;
        Conv2d {
            batch,
            in_h,
            in_w,
            in_c,
            out_h,
            out_w,
            out_c,
            k_h,
            k_w,
            stride_h: self.stride[0],
            stride_w: self.stride[1],
            dilation_h: self.dilation[0],
            dilation_w: self.dilation[1],
            pad_top,
            pad_left,
            groups,
        }
    }

    /// The pooling of `[batch, height, width, channels]` by windows of `k`.
    pub fn pool(
        &self,
        [batch, in_h, in_w, channels]: [usize; 4],
        [k_h, k_w]: [usize; 2],
    ) -> Pool2d {
        let (out_h, pad_top) = self.along(0, in_h, k_h);
        let (out_w, pad_left) = self.along(1, in_w, k_w);
        Pool2d {
            batch,
            in_h,
            in_w,
            channels,
            out_h,
            out_w,
            k_h,
            k_w,
            stride_h: self.stride[0],
            stride_w: self.stride[1],
            pad_top,
            pad_left,
        }
    }

    /// `[batch, height, width, channels]` of a 4-D shape in this layout.
    pub fn nhwc<T: Copy>(&self, dims: [T; 4]) -> [T; 4] {
        let [a, b, c, d] = dims;
        if self.channels_first {
            [a, c, d, b]
        } else {
            dims
        }
    }

    /// The other way.
    pub fn shaped<T: Copy>(&self, nhwc: [T; 4]) -> [T; 4] {
        let [n, h, w, c] = nhwc;
        if self.channels_first {
            [n, c, h, w]
        } else {
            nhwc
        }
    }

    /// The sizes of input `index`, `[batch, height, width, channels]`, -1 where unknown; `None` without a rank.
    pub fn input(&self, cx: &Context, index: usize) -> Result<Option<[i64; 4]>> {
        match cx.shape(index)?.dims() {
            None => Ok(None),
            Some(&[a, b, c, d]) => Ok(Some(self.nhwc([a, b, c, d]))),
            Some(_) => Err(cx.wrong(format!(
                "input {index} is {}, expected 4 dimensions",
                cx.shape(index)?
            ))),
        }
    }

    /// The same with every size known.
    pub fn sizes(&self, cx: &Context, index: usize) -> Result<[usize; 4]> {
        match cx.sizes(index)?[..] {
            [a, b, c, d] => Ok(self.nhwc([a, b, c, d])),
            _ => Err(cx.wrong(format!(
                "input {index} is {}, expected 4 dimensions",
                cx.shape(index)?
            ))),
        }
    }
}

/// A 4-D shape with -1 where unknown.
pub fn dims4(dims: [i64; 4]) -> Shape {
    Shape(Some(dims.to_vec()))
}

/// Scratch that [`channels_last`] wants for these sizes.
pub fn turning_bytes<T>(first: bool, input: [usize; 4], output: [usize; 4]) -> usize {
    let room = |sizes: [usize; 4]| room_bytes::<T>(sizes.iter().product());
    if first {
        room(input).saturating_add(room(output))
    } else {
        0
    }
}

/// Runs `f` on channels-last copies of input 0 and output 0 where they lie channels first. The copies take
/// [`turning_bytes`] of scratch.
pub fn channels_last<T: Element + Pod>(
    io: &mut Io,
    first: bool,
    input: [usize; 4],
    output: [usize; 4],
    f: impl FnOnce(&[T], &mut [T]),
) -> Result<()> {
    let (x, out) = (io.input::<T>(0)?, io.output::<T>(0)?);
    if !first {
        f(x, out);
        return Ok(());
    }
    let size = size_of::<T>();
    let (turned, result) = (io.room::<T>(x.len())?, io.room::<T>(out.len())?);
    let [n, h, w, c] = input;
    transpose(
        size,
        bytemuck::cast_slice(x),
        &[n, c, h, w],
        &[0, 2, 3, 1],
        bytemuck::cast_slice_mut(turned),
    );
    f(turned, result);
    let [n, h, w, c] = output;
    transpose(
        size,
        bytemuck::cast_slice(result),
        &[n, h, w, c],
        &[0, 3, 1, 2],
        bytemuck::cast_slice_mut(out),
    );
    Ok(())
}
