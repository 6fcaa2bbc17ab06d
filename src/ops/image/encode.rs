//! Pictures to the bytes of files. A PNG file holds the very samples; its bytes are others than TensorFlow's, which
//! another library presses.

use crate::error::{Error, Result};
use crate::format::picture::{self, Picture, Samples};
use crate::model::{DType, Shape, Tensor};
use crate::ops::segment::view;
use crate::ops::{Context, Fact, Operator, Prepared};

pub const OPERATORS: &[Operator] = &[Operator::new(&["EncodePng"], &[], infer, prepare)];

/// One file per picture.
fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let files = match cx.shape(0)?.dims() {
        Some([files @ .., _, _, _]) => Shape(Some(files.to_vec())),
        Some(_) => return Err(cx.wrong(format!("pictures of {}", cx.shape(0)?))),
        None => Shape::UNKNOWN,
    };
    cx.one(DType::String, files)
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let (effort, dtype) = (cx.attr_int("compression", -1), cx.dtype(0)?);
    if !(-1..=9).contains(&effort) {
        return Err(cx.wrong(format!("compression {effort}, expected -1 to 9")));
    }
    if !matches!(dtype, DType::UInt8 | DType::UInt16) {
        return Err(cx.no_kernel(dtype));
    }
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let &[ref files @ .., height, width, channels] = x.shape else {
            return Err(Error::usage(format!("pictures of {:?}", x.shape)));
        };
        let count = files.iter().product::<usize>();
        // Without files the sizes of each may be any.
        let each = height.saturating_mul(width).saturating_mul(channels);
        let written = (0..count).map(|at| {
            let samples = at * each..(at + 1) * each;
            let samples = match dtype {
                DType::UInt8 => Samples::Bytes(x.values::<u8>()?[samples].to_vec()),
                _ => Samples::Words(x.values::<u16>()?[samples].to_vec()),
            };
            let picture = Picture {
                width,
                height,
                channels,
                samples,
            };
            picture::encode_png(&picture, effort)
        });
        let written = written.collect::<Result<Vec<_>>>()?;
        Ok(vec![Tensor::from_strings(files, written)])
    })
}
