//! Images at other sizes, by weighted sums of lines.

use super::sizes;
use crate::error::{Error, Result};
use crate::kernels::elementwise::number::Number;
use crate::kernels::image::scale::{self, Ratio, Taps, Window};
use crate::model::{DType, Shape, Tensor};
use crate::ops::reals::{floats, made};
use crate::ops::segment::{view, whole_numbers};
use crate::ops::types::with_number;
use crate::ops::{Context, Fact, Operator, Prepared, View};

pub const OPERATORS: &[Operator] = &[
    Operator::new(&["ScaleAndTranslate"], &[], infer, prepare_translated),
    Operator::new(
        &["ResizeBilinearGrad", "ResizeNearestNeighborGrad"],
        &[],
        infer_gradients,
        prepare_gradients,
    ),
    Operator::new(
        &["ResizeBicubic", "ResizeArea"],
        &[],
        infer,
        prepare_resized,
    ),
];

/// float32 at the height and width that input 1 tells.
pub fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let [height, width] = match cx.ints(1)?.as_deref() {
        Some(&[height, width]) if height > 0 && width > 0 => [height, width],
        Some(other) => return Err(cx.wrong(format!("a height and width of {other:?}"))),
        None => [-1; 2],
    };
    let [batch, channels] = match cx.shape(0)?.dims() {
        Some(&[batch, _, _, channels]) => [batch, channels],
        Some(_) => return Err(cx.wrong(format!("an input of {}", cx.shape(0)?))),
        None => [-1; 2],
    };
    let dims = vec![batch, height, width, channels];
    cx.one(DType::Float32, Shape(Some(dims)))
}

/// Lines of an image at most; each has a list of its own of what it is made of.
const LONGEST: usize = 1 << 22;

/// The height and width that input 1 tells.
fn wanted(inputs: &[Option<View<'_>>]) -> Result<[usize; 2]> {
    let told = whole_numbers(&view(inputs, 1)?)?;
    let size = |&v: &i64| {
        usize::try_from(v)
            .ok()
            .filter(|v| (1..=LONGEST).contains(v))
    };
    let sizes = told.iter().map(size);
    let sizes: Option<Vec<usize>> = sizes.collect();
    match sizes.as_deref() {
        Some(&[height, width]) => Ok([height, width]),
        _ => Err(Error::usage(format!("a height and width of {told:?}"))),
    }
}

fn prepare_translated(cx: &Context) -> Result<Prepared> {
    let name = cx.node.attrs.text("kernel_type").unwrap_or("lanczos3");
    let window = Window::named(name);
    let window = window.ok_or_else(|| cx.unsupported(format!("the kernel {name:?}")))?;
    let antialias = cx.node.attrs.bool("antialias").unwrap_or(true);
    Prepared::compute(move |inputs| {
        let taps = |[input, output]: [[usize; 2]; 2]| -> Result<[Taps; 2]> {
            let (factors, shifts) = (floats(&view(inputs, 2)?)?, floats(&view(inputs, 3)?)?);
            let (&[fy, fx], &[sy, sx]) = (&factors[..], &shifts[..]) else {
                return Err(Error::usage("scales or shifts that are not two numbers"));
            };
            if !(fy > 0.0 && fx > 0.0) {
                return Err(Error::usage(format!("scales of {fy} and {fx}")));
            }
            Ok([
                scale::spans(window, [input[0], output[0]], [fy, sy], antialias),
                scale::spans(window, [input[1], output[1]], [fx, sx], antialias),
            ])
        };
        resampled(inputs, taps)
    })
}

fn prepare_resized(cx: &Context) -> Result<Prepared> {
    let cubic = &*cx.node.op == "ResizeBicubic";
    let align = cx.attr_bool("align_corners");
    let half_pixel = cx.attr_bool("half_pixel_centers");
    if align && half_pixel {
        return Err(cx.wrong("both align_corners and half_pixel_centers"));
    }
    Prepared::compute(move |inputs| {
        resampled(inputs, |[input, output]| {
            Ok([0, 1].map(|axis| {
                let sizes = [input[axis], output[axis]];
                let ratio = Ratio::new(sizes, align, half_pixel);
                match cubic {
                    true => scale::cubic_taps(sizes, ratio),
                    false => scale::area_taps(sizes, ratio.scale),
                }
            }))
        })
    })
}

/// Input 0 at the sizes of input 1; `taps` of heights and widths of both.
fn resampled(
    inputs: &[Option<View<'_>>],
    taps: impl FnOnce([[usize; 2]; 2]) -> Result<[Taps; 2]>,
) -> Result<Vec<Tensor>> {
    let images = view(inputs, 0)?;
    let from = sizes(&images)?;
    let [batch, height, width, channels] = from;
    let [to_height, to_width] = wanted(inputs)?;
    if height == 0 || width == 0 {
        return Err(Error::usage(format!("an empty image of {from:?}")));
    }
    let shape = [batch, to_height, to_width, channels];
    let values = floats(&images)?;
    let mut failed = None;
    let tensor = made(DType::Float32, &shape, |out| {
        match taps([[height, width], [to_height, to_width]]) {
            Ok([rows, columns]) => scale::resample(&values, from, [&rows, &columns], out),
            Err(error) => failed = Some(error),
        }
    })?;
    match failed {
        Some(error) => Err(error),
        None => Ok(vec![tensor]),
    }
}

/// As large as the image was: input 1 has its sizes, or tells height and width.
fn infer_gradients(cx: &Context) -> Result<Vec<Fact>> {
    if &*cx.node.op == "ResizeBilinearGrad" {
        return cx.one(cx.dtype(1)?, cx.shape(1)?.clone());
    }
    let fact = infer(cx)?;
    let shape = fact.into_iter().next().map(|fact| fact.shape);
    cx.one(cx.dtype(0)?, shape.unwrap_or(Shape::UNKNOWN))
}

/// Every gradient goes to the pixel that was taken, added up in the type that came: integers wrap, halves round.
fn nearest_gradients(
    gradients: &View<'_>,
    shape: [usize; 4],
    [rows, columns]: &[Taps; 2],
) -> Result<Vec<Tensor>> {
    let [_, height, width, channels] = shape;
    with_number!(gradients.dtype, T => {
        let mut tensor = Tensor::zeros(gradients.dtype, &shape)?;
        let out = tensor.values_mut::<T>().unwrap_or_default();
        let mut pixels = gradients.values::<T>()?.chunks_exact(channels.max(1));
        for image in out.chunks_exact_mut((height * width * channels).max(1)) {
            for (row, column) in rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column))) {
                let (&[(row, _)], &[(column, _)], Some(pixel)) = (&row[..], &column[..], pixels.next()) else {
                    continue;
                };
                let sums = &mut image[(row * width + column) * channels..][..channels];
                sums.iter_mut().zip(pixel).for_each(|(sum, &v)| *sum = Number::add(*sum, v));
            }
        }
        Ok(vec![tensor])
    }, else Err(Error::unsupported(format!("no kernel for {}", gradients.dtype))))
}

fn prepare_gradients(cx: &Context) -> Result<Prepared> {
    let bilinear = &*cx.node.op == "ResizeBilinearGrad";
    let dtype = cx.dtype(if bilinear { 1 } else { 0 })?;
    let align = cx.attr_bool("align_corners");
    let half_pixel = cx.attr_bool("half_pixel_centers");
    Prepared::compute(move |inputs| {
        let gradients = view(inputs, 0)?;
        let [batch, rows, columns, channels] = sizes(&gradients)?;
        let [height, width] = match bilinear {
            true => {
                let [_, height, width, _] = sizes(&view(inputs, 1)?)?;
                [height, width]
            }
            false => wanted(inputs)?,
        };
        if height == 0 || width == 0 {
            return Err(Error::usage("gradients of an empty image"));
        }
        let taps = [[height, rows], [width, columns]].map(|sizes| {
            let ratio = Ratio::new(sizes, align, half_pixel);
            match bilinear {
                true => scale::linear_taps(sizes, ratio),
                false => scale::nearest_taps(sizes, ratio, align),
            }
        });
        let shape = [batch, height, width, channels];
        if !bilinear {
            return nearest_gradients(&gradients, shape, &taps);
        }
        let values = floats(&gradients)?;
        let tensor = made(dtype, &shape, |out| {
            scale::spread(&values, shape, [&taps[0], &taps[1]], out);
        })?;
        Ok(vec![tensor])
    })
}
