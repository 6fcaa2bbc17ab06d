//! Boxes drawn on images.

use super::sizes;
use crate::error::{Error, Result};
use crate::ops::reals::{floats, made};
use crate::ops::segment::view;
use crate::ops::{Context, Fact, Operator, Prepared};

pub const OPERATORS: &[Operator] = &[Operator::new(
    &["DrawBoundingBoxes", "DrawBoundingBoxesV2"],
    &[],
    infer,
    prepare,
)];

/// TensorFlow's colours of boxes, in turn.
const COLOURS: [[f32; 4]; 10] = [
    [1.0, 1.0, 0.0, 1.0],
    [0.0, 0.0, 1.0, 1.0],
    [1.0, 0.0, 0.0, 1.0],
    [0.0, 1.0, 0.0, 1.0],
    [0.5, 0.0, 0.5, 1.0],
    [0.5, 0.5, 0.0, 1.0],
    [0.5, 0.0, 0.0, 1.0],
    [0.0, 0.0, 0.5, 1.0],
    [0.0, 1.0, 1.0, 1.0],
    [1.0, 0.0, 1.0, 1.0],
];

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let (dtype, coloured) = (cx.dtype(0)?, cx.has(2));
    Prepared::compute(move |inputs| {
        let (images, boxes) = (view(inputs, 0)?, view(inputs, 1)?);
        let [batch, height, width, channels] = sizes(&images)?;
        let &[count_of_images, count, 4] = boxes.shape else {
            return Err(Error::usage(format!("boxes of {:?}", boxes.shape)));
        };
        if count_of_images != batch || !matches!(channels, 1 | 3 | 4) {
            return Err(Error::usage(format!(
                "boxes of {:?} for images of {:?}",
                boxes.shape, images.shape
            )));
        }
        let colours = match coloured {
            true => table(&view(inputs, 2)?, channels)?,
            false => COLOURS.iter().map(|colour| colour.to_vec()).collect(),
        };
        let mut colours = if colours.is_empty() {
            COLOURS.iter().map(|colour| colour.to_vec()).collect()
        } else {
            colours
        };
        if channels == 1 {
            colours.iter_mut().for_each(|colour| colour[0] = 1.0);
        }
        let (values, corners) = (floats(&images)?, floats(&boxes)?);
        let tensor = made(dtype, images.shape, |out| {
            out.copy_from_slice(&values);
            let size = (height * width * channels).max(1);
            for (n, image) in out.chunks_exact_mut(size).enumerate() {
                for number in 0..count {
                    let at = (n * count + number) * 4;
                    let colour = &colours[number % colours.len()][..channels];
                    outline(image, [height, width], &corners[at..at + 4], colour);
                }
            }
        })?;
        Ok(vec![tensor])
    })
}

/// The rows of a table of colours, one at least; none where the table is empty.
fn table(view: &crate::ops::View<'_>, channels: usize) -> Result<Vec<Vec<f32>>> {
    match *view.shape {
        [0, _] => Ok(Vec::new()),
        [_, depth] if depth >= channels => {
            let values = floats(view)?;
            Ok(values.chunks_exact(depth).map(<[f32]>::to_vec).collect())
        }
        _ => Err(Error::usage(format!(
            "colours of {:?} for {channels} channels",
            view.shape
        ))),
    }
}

/// The sides of a box, as far as they lie in the image. Places are cut to whole pixels.
fn outline(image: &mut [f32], [height, width]: [usize; 2], corners: &[f32], colour: &[f32]) {
    let (h, w) = (height as i64, width as i64);
    let place = |corner: f32, size: i64| (corner * (size - 1) as f32) as i64;
    let (top, left) = (place(corners[0], h), place(corners[1], w));
    let (bottom, right) = (place(corners[2], h), place(corners[3], w));
    if top > bottom || left > right || top >= h || bottom < 0 || left >= w || right < 0 {
        return;
    }
    let mut paint = |y: i64, x: i64| {
        if (0..h).contains(&y) && (0..w).contains(&x) {
            let at = (y * w + x) as usize * colour.len();
            image[at..][..colour.len()].copy_from_slice(colour);
        }
    };
    for x in left.max(0)..=right.min(w - 1) {
        paint(top, x);
        paint(bottom, x);
    }
    for y in top.max(0)..=bottom.min(h - 1) {
        paint(y, left);
        paint(y, right);
    }
}
