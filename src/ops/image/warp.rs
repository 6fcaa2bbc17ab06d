//! Boxes cut out and projective transforms.

use super::sizes;
use crate::error::{Error, Result};
use crate::kernels::image::warp::{self, Between, Outside, Projection, Source};
use crate::model::{DType, Shape};
use crate::ops::reals::{floats, made};
use crate::ops::segment::{view, whole_numbers};
use crate::ops::{Context, Fact, Operator, Prepared};

pub const OPERATORS: &[Operator] = &[
    Operator::new(&["CropAndResize"], &[], infer_crops, prepare_crops),
    Operator::new(
        &["ImageProjectiveTransformV2", "ImageProjectiveTransformV3"],
        &[],
        infer_projected,
        prepare_projected,
    ),
];

/// `[first, height, width, channels]` of what input `at` tells and input 0 has.
fn shaped(cx: &Context, first: i64, at: usize) -> Result<Shape> {
    let [height, width] = match cx.ints(at)?.as_deref() {
        Some(&[height, width]) if height > 0 && width > 0 => [height, width],
        Some(other) => return Err(cx.wrong(format!("a height and width of {other:?}"))),
        None => [-1; 2],
    };
    let channels = cx.shape(0)?.dims().and_then(|dims| dims.get(3).copied());
    Ok(Shape(Some(vec![
        first,
        height,
        width,
        channels.unwrap_or(-1),
    ])))
}

fn infer_crops(cx: &Context) -> Result<Vec<Fact>> {
    let boxes = cx.shape(1)?.dims().and_then(|dims| dims.first().copied());
    cx.one(DType::Float32, shaped(cx, boxes.unwrap_or(-1), 3)?)
}

fn infer_projected(cx: &Context) -> Result<Vec<Fact>> {
    let batch = cx.shape(0)?.dims().and_then(|dims| dims.first().copied());
    cx.one(cx.dtype(0)?, shaped(cx, batch.unwrap_or(-1), 2)?)
}

fn wanted(values: &[i64]) -> Result<[usize; 2]> {
    let told: Vec<usize> = (values.iter())
        .filter_map(|&v| usize::try_from(v).ok().filter(|&v| v > 0))
        .collect();
    match told[..] {
        [height, width] => Ok([height, width]),
        _ => Err(Error::usage(format!("a height and width of {values:?}"))),
    }
}

fn between(name: &str) -> Option<Between> {
    Some(match name {
        "nearest" | "NEAREST" => Between::Nearest,
        "bilinear" | "BILINEAR" => Between::Bilinear,
        _ => return None,
    })
}

fn prepare_crops(cx: &Context) -> Result<Prepared> {
    let name = cx.node.attrs.text("method").unwrap_or("bilinear");
    let between = between(name).ok_or_else(|| cx.unsupported(format!("the method {name:?}")))?;
    let fill = cx.attr_float("extrapolation_value", 0.0) as f32;
    Prepared::compute(move |inputs| {
        let (images, boxes) = (view(inputs, 0)?, view(inputs, 1)?);
        let from = sizes(&images)?;
        let (numbers, corners) = (whole_numbers(&view(inputs, 2)?)?, floats(&boxes)?);
        let size = wanted(&whole_numbers(&view(inputs, 3)?)?)?;
        if boxes.shape != [numbers.len(), 4] {
            return Err(Error::usage(format!(
                "boxes of {:?} for {} images",
                boxes.shape,
                numbers.len()
            )));
        }
        let pick = |&number: &i64| usize::try_from(number).ok().filter(|&n| n < from[0]);
        let numbers: Option<Vec<usize>> = numbers.iter().map(pick).collect();
        let numbers = numbers
            .filter(|_| from[1] > 0 && from[2] > 0)
            .ok_or_else(|| Error::usage(format!("a box of no image of {from:?}")))?;
        let values = floats(&images)?;
        let shape = [numbers.len(), size[0], size[1], from[3]];
        let count = (size[0] * size[1] * from[3]).max(1);
        let tensor = made(DType::Float32, &shape, |out| {
            let boxes = numbers.iter().zip(corners.chunks_exact(4));
            for ((&number, corners), out) in boxes.zip(out.chunks_exact_mut(count)) {
                let corners = [corners[0], corners[1], corners[2], corners[3]];
                let source = Source::of(&values, from, number);
                warp::crop(source, corners, size, between, fill, out);
            }
        })?;
        Ok(vec![tensor])
    })
}

fn prepare_projected(cx: &Context) -> Result<Prepared> {
    let name = cx.node.attrs.text("interpolation").unwrap_or("NEAREST");
    let between = between(name).ok_or_else(|| cx.unsupported(format!("the method {name:?}")))?;
    let outside = match cx.node.attrs.text("fill_mode") {
        None | Some("CONSTANT") => Outside::Constant,
        Some("REFLECT") => Outside::Reflect,
        Some("WRAP") => Outside::Wrap,
        Some("NEAREST") => Outside::Nearest,
        Some(other) => return Err(cx.unsupported(format!("the fill mode {other:?}"))),
    };
    let (dtype, filled) = (cx.dtype(0)?, cx.has(3));
    Prepared::compute(move |inputs| {
        let images = view(inputs, 0)?;
        let from = sizes(&images)?;
        let factors = floats(&view(inputs, 1)?)?;
        let size = wanted(&whole_numbers(&view(inputs, 2)?)?)?;
        let fill = match filled {
            true => floats(&view(inputs, 3)?)?.first().copied().unwrap_or(0.0),
            false => 0.0,
        };
        let transforms: Vec<[f32; 8]> = (factors.chunks_exact(8))
            .map(|eight| std::array::from_fn(|at| eight[at]))
            .collect();
        let of = |number: usize| match transforms.len() {
            1 => transforms.first(),
            _ => transforms.get(number),
        };
        if from[0] > 0 && of(from[0] - 1).is_none() || from[1] == 0 || from[2] == 0 {
            return Err(Error::usage(format!(
                "{} numbers for the transforms of images of {from:?}",
                factors.len()
            )));
        }
        let values = floats(&images)?;
        let shape = [from[0], size[0], size[1], from[3]];
        let count = (size[0] * size[1] * from[3]).max(1);
        let tensor = made(dtype, &shape, |out| {
            for (number, out) in out.chunks_exact_mut(count).enumerate() {
                if let Some(factors) = of(number) {
                    let projection = Projection {
                        factors,
                        between,
                        outside,
                        fill,
                    };
                    projection.run(Source::of(&values, from, number), size, out);
                }
            }
        })?;
        Ok(vec![tensor])
    })
}
