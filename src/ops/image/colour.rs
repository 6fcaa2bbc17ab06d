//! Colours changed: hue, saturation, contrast.

use super::sizes;
use crate::error::{Error, Result};
use crate::kernels::elementwise::number::Number;
use crate::kernels::image::colour;
use crate::model::Element;
use crate::ops::reals::{floats, made};
use crate::ops::segment::view;
use crate::ops::types::with_float;
use crate::ops::{Context, Fact, Operator, Prepared, View};

pub const OPERATORS: &[Operator] = &[
    Operator::new(
        &["RGBToHSV", "HSVToRGB", "AdjustHue", "AdjustSaturation"],
        &[],
        infer,
        prepare,
    ),
    Operator::new(&["AdjustContrastv2"], &[], infer, prepare_contrast),
];

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    if !cx.has(1) {
        return with_float!(dtype, T => match &*cx.node.op {
            "RGBToHSV" => pixels::<T>(colour::to_hsv),
            _ => pixels::<T>(colour::from_hsv),
        }, else Err(cx.no_kernel(dtype)));
    }
    let change: fn([f32; 3], f32) -> [f32; 3] = match &*cx.node.op {
        "AdjustHue" => colour::turned,
        _ => colour::saturated,
    };
    Prepared::compute(move |inputs| {
        let images = view(inputs, 0)?;
        check_colours(&images)?;
        let by = floats(&view(inputs, 1)?)?.first().copied().unwrap_or(0.0);
        let values = floats(&images)?;
        let tensor = made(dtype, images.shape, |out| {
            for (to, from) in out.chunks_exact_mut(3).zip(values.chunks_exact(3)) {
                to.copy_from_slice(&change([from[0], from[1], from[2]], by));
            }
        })?;
        Ok(vec![tensor])
    })
}

/// Each pixel made another in its own type.
fn pixels<T: Number + Element>(change: fn([T; 3]) -> [T; 3]) -> Result<Prepared> {
    Prepared::function(move |io| {
        check_colours(&io.view(0)?)?;
        let (pixels, _) = io.input::<T>(0)?.as_chunks::<3>();
        let out = io.output::<T>(0)?;
        for (to, &from) in out.chunks_exact_mut(3).zip(pixels) {
            to.copy_from_slice(&change(from));
        }
        Ok(())
    })
}

fn check_colours(images: &View<'_>) -> Result<()> {
    match images.shape.last() {
        Some(3) => Ok(()),
        _ => Err(Error::usage(format!("colours of {:?}", images.shape))),
    }
}

/// Away from the mean of each channel of each image.
fn prepare_contrast(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    Prepared::compute(move |inputs| {
        let images = view(inputs, 0)?;
        let [_, height, width, channels] = sizes(&images)?;
        let factor = floats(&view(inputs, 1)?)?.first().copied().unwrap_or(1.0);
        let (values, count) = (floats(&images)?, height * width);
        let tensor = made(dtype, images.shape, |out| {
            let size = (count * channels).max(1);
            for (to, from) in out.chunks_exact_mut(size).zip(values.chunks_exact(size)) {
                for channel in 0..channels {
                    let line = || from.iter().skip(channel).step_by(channels);
                    let mean = line().map(|&v| f64::from(v)).sum::<f64>() / count as f64;
                    let mean = mean as f32;
                    let to = to.iter_mut().skip(channel).step_by(channels);
                    to.zip(line())
                        .for_each(|(to, v)| *to = (v - mean) * factor + mean);
                }
            }
        })?;
        Ok(vec![tensor])
    })
}
