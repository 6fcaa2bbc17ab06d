//! Gradients of images at other sizes and of crops.

use crate::error::{Error, Result};
use crate::kernels::image::scale::{self, Ratio, Taps, Window};
use crate::model::{DType, Shape, Tensor};
use crate::ops::reals::{doubles, floats, made, of_doubles};
use crate::ops::segment::{view, whole_numbers};
use crate::ops::{Context, Fact, Operator, Prepared, View};

pub const OPERATORS: &[Operator] = &[
    Operator::new(
        &["ResizeBicubicGrad", "ScaleAndTranslateGrad"],
        &[],
        |cx| cx.one(cx.dtype(1)?, cx.shape(1)?.clone()),
        prepare_resized,
    ),
    Operator::new(&["CropAndResizeGradImage"], &[], infer_image, prepare_image),
    Operator::new(
        &["CropAndResizeGradBoxes"],
        &[],
        |cx| cx.one(DType::Float32, cx.shape(2)?.clone()),
        prepare_boxes,
    ),
];

fn four(view: &View<'_>) -> Result<[usize; 4]> {
    let four = <[usize; 4]>::try_from(view.shape);
    four.map_err(|_| Error::usage(format!("images of {:?}", view.shape)))
}

/// Inputs: gradients and the image as it was; then scales and shifts.
fn prepare_resized(cx: &Context) -> Result<Prepared> {
    let cubic = &*cx.node.op == "ResizeBicubicGrad";
    let (align, half_pixel) = (
        cx.attr_bool("align_corners"),
        cx.attr_bool("half_pixel_centers"),
    );
    let name = cx.node.attrs.text("kernel_type").unwrap_or("lanczos3");
    let window =
        Window::named(name).ok_or_else(|| cx.unsupported(format!("the kernel {name:?}")))?;
    let antialias = cx.node.attrs.bool("antialias").unwrap_or(true);
    let dtype = cx.dtype(1)?;
    Prepared::compute(move |inputs| {
        let (gradients, image) = (view(inputs, 0)?, view(inputs, 1)?);
        let ([batch, rows, columns, channels], shape) = (four(&gradients)?, four(&image)?);
        let [_, height, width, _] = shape;
        if height == 0 || width == 0 || [batch, channels] != [shape[0], shape[3]] {
            return Err(Error::usage(format!(
                "gradients of {:?} for {shape:?}",
                gradients.shape
            )));
        }
        let sizes = [[height, rows], [width, columns]];
        let taps: [Taps; 2] = match cubic {
            true => {
                sizes.map(|sizes| scale::cubic_taps(sizes, Ratio::new(sizes, align, half_pixel)))
            }
            false => {
                let (factors, shifts) = (floats(&view(inputs, 2)?)?, floats(&view(inputs, 3)?)?);
                let (&[fy, fx], &[sy, sx]) = (&factors[..], &shifts[..]) else {
                    return Err(Error::usage("scales or shifts that are not two numbers"));
                };
                if !(fy > 0.0 && fx > 0.0) {
                    return Err(Error::usage(format!("scales of {fy} and {fx}")));
                }
                [
                    scale::spans(window, sizes[0], [fy, sy], antialias),
                    scale::spans(window, sizes[1], [fx, sx], antialias),
                ]
            }
        };
        let values = floats(&gradients)?;
        let tensor = made(dtype, &shape, |out| {
            scale::spread(&values, shape, [&taps[0], &taps[1]], out);
        })?;
        Ok(vec![tensor])
    })
}

/// Where a line of a crop lies between those of its image.
struct Line {
    below: usize,
    above: usize,
    share: f64,
    /// How far the line is from the first end of the box to the second, 0.5 where it is alone.
    along: f64,
}

/// The lines of a crop from `start` to `end` (shares of the image's `size`); `None` for one outside of it.
fn lines([start, end]: [f32; 2], size: usize, count: usize) -> Vec<Option<Line>> {
    let last = size.saturating_sub(1) as f32;
    let line = |at: usize| {
        let place = match count > 1 {
            true => start * last + at as f32 * ((end - start) * last / (count - 1) as f32),
            false => 0.5 * (start + end) * last,
        };
        let inside = place >= 0.0 && place <= last;
        inside.then(|| Line {
            below: place.floor() as usize,
            above: place.ceil() as usize,
            share: f64::from(place - place.floor()),
            along: match count > 1 {
                true => at as f64 / (count - 1) as f64,
                false => 0.5,
            },
        })
    };
    (0..count).map(line).collect()
}

/// The boxes with the numbers of their images.
fn boxes(corners: &View<'_>, numbers: &View<'_>, batch: usize) -> Result<Vec<([f32; 4], usize)>> {
    let (values, numbers) = (floats(corners)?, whole_numbers(numbers)?);
    let inside = |&n: &i64| usize::try_from(n).ok().filter(|n| *n < batch);
    let picked: Option<Vec<usize>> = numbers.iter().map(inside).collect();
    match picked {
        Some(picked) if corners.shape == [picked.len(), 4] => {
            let corners = values.chunks_exact(4).map(|c| [c[0], c[1], c[2], c[3]]);
            Ok(corners.zip(picked).collect())
        }
        _ => Err(Error::usage(format!(
            "boxes of {:?} for the images {numbers:?} of {batch}",
            corners.shape
        ))),
    }
}

fn infer_image(cx: &Context) -> Result<Vec<Fact>> {
    let shape = cx
        .ints(3)?
        .map_or(Shape::UNKNOWN, |sizes| Shape(Some(sizes)));
    cx.one(cx.out_dtype(0)?, shape)
}

/// Inputs: gradients, boxes, their images, the sizes of the images.
fn prepare_image(cx: &Context) -> Result<Prepared> {
    let nearest = cx.node.attrs.text("method") == Some("nearest");
    let dtype = cx.out_dtype(0)?;
    Prepared::compute(move |inputs| {
        let gradients = view(inputs, 0)?;
        let told = whole_numbers(&view(inputs, 3)?)?;
        let told: Option<Vec<usize>> = told.iter().map(|&v| usize::try_from(v).ok()).collect();
        let [count, rows, columns, channels] = four(&gradients)?;
        let shape = match told.as_deref() {
            Some(&[n, h, w, c]) if h > 0 && w > 0 && c == channels => [n, h, w, c],
            other => return Err(Error::usage(format!("images of {other:?}"))),
        };
        let boxes = boxes(&view(inputs, 1)?, &view(inputs, 2)?, shape[0])?;
        if boxes.len() != count {
            return Err(Error::usage(format!(
                "{count} crops of {} boxes",
                boxes.len()
            )));
        }
        let mut sums = Tensor::zeros(DType::Float64, &shape)?;
        let out = sums.values_mut::<f64>().unwrap_or_default();
        let values = doubles(&gradients)?;
        for (at, (corners, number)) in boxes.into_iter().enumerate() {
            let [y1, x1, y2, x2] = corners;
            let across = lines([x1, x2], shape[2], columns);
            for (row, y) in lines([y1, y2], shape[1], rows).iter().enumerate() {
                for (column, x) in across.iter().enumerate() {
                    let (Some(y), Some(x)) = (y, x) else { continue };
                    let gradient =
                        &values[((at * rows + row) * columns + column) * channels..][..channels];
                    for (line, by_y) in shares(y, nearest) {
                        for (place, by_x) in shares(x, nearest) {
                            let first = ((number * shape[1] + line) * shape[2] + place) * channels;
                            let to = out[first..][..channels].iter_mut();
                            to.zip(gradient)
                                .for_each(|(sum, v)| *sum += v * by_y * by_x);
                        }
                    }
                }
            }
        }
        let sums = sums.values::<f64>().unwrap_or_default();
        Ok(vec![of_doubles(dtype, &shape, sums)?])
    })
}

/// What lines of the image a line of a crop is made of.
fn shares(line: &Line, nearest: bool) -> [(usize, f64); 2] {
    match (nearest, line.share < 0.5) {
        (true, true) => [(line.below, 1.0), (line.below, 0.0)],
        (true, false) => [(line.above, 1.0), (line.above, 0.0)],
        _ => [(line.below, 1.0 - line.share), (line.above, line.share)],
    }
}

/// Inputs: gradients, images, boxes, their images.
fn prepare_boxes(_: &Context) -> Result<Prepared> {
    Prepared::compute(move |inputs| {
        let (gradients, images) = (view(inputs, 0)?, view(inputs, 1)?);
        let ([count, rows, columns, channels], shape) = (four(&gradients)?, four(&images)?);
        let boxes = boxes(&view(inputs, 2)?, &view(inputs, 3)?, shape[0])?;
        if boxes.len() != count || shape[3] != channels {
            return Err(Error::usage(format!(
                "gradients of {:?} for {} boxes of {shape:?}",
                gradients.shape,
                boxes.len()
            )));
        }
        let (dy, pixels) = (doubles(&gradients)?, doubles(&images)?);
        let last = [shape[1], shape[2]].map(|size| size.saturating_sub(1) as f64);
        let mut out = Vec::with_capacity(count * 4);
        for (at, ([y1, x1, y2, x2], number)) in boxes.into_iter().enumerate() {
            let mut ends = [0.0f64; 4];
            let across = lines([x1, x2], shape[2], columns);
            for (row, y) in lines([y1, y2], shape[1], rows).iter().enumerate() {
                for (column, x) in across.iter().enumerate() {
                    let (Some(y), Some(x)) = (y, x) else { continue };
                    for channel in 0..channels {
                        let pixel = |line: usize, place: usize| {
                            pixels[((number * shape[1] + line) * shape[2] + place) * channels
                                + channel]
                        };
                        let [tl, tr] = [pixel(y.below, x.below), pixel(y.below, x.above)];
                        let [bl, br] = [pixel(y.above, x.below), pixel(y.above, x.above)];
                        let gradient =
                            dy[((at * rows + row) * columns + column) * channels + channel];
                        let by_y = gradient * ((1.0 - x.share) * (bl - tl) + x.share * (br - tr));
                        let by_x = gradient * ((1.0 - y.share) * (tr - tl) + y.share * (br - bl));
                        ends[0] += by_y * last[0] * (1.0 - y.along);
                        ends[1] += by_x * last[1] * (1.0 - x.along);
                        ends[2] += by_y * last[0] * y.along;
                        ends[3] += by_x * last[1] * x.along;
                    }
                }
            }
            out.extend(ends);
        }
        Ok(vec![of_doubles(DType::Float32, &[count, 4], &out)?])
    })
}
