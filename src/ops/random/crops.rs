//! Random parts of images around what is on them.

use std::sync::Arc;

use super::super::segment::{view, whole_numbers};
use super::super::state::State;
use super::super::types::with_integer;
use super::super::{Context, Fact, Prepared, View};
use super::sources::{Lasting, Source, of_seeds};
use crate::error::{Error, Result};
use crate::kernels::crops::{self, Sides, Wish};
use crate::kernels::philox::Philox;
use crate::model::{Attr, DType, Shape, Tensor};

/// What the attributes say.
#[derive(Debug, Clone, Copy)]
struct Form {
    dtype: DType,
    wish: Wish,
    /// Whether an image without boxes is a box itself.
    whole: bool,
}

impl Form {
    fn of(cx: &Context) -> Result<Self> {
        let range = |name: &str, default: [f32; 2]| match cx.attr(name) {
            None => Ok(default),
            Some(Attr::List(all)) => match all[..] {
                [Attr::Float(least), Attr::Float(most)] => Ok([least as f32, most as f32]),
                _ => Err(cx.wrong(format!("{name} of {} values, expected 2", all.len()))),
            },
            Some(_) => Err(cx.wrong(format!("{name} that is no list"))),
        };
        let (aspect, area) = (
            range("aspect_ratio_range", [0.75, 1.33])?,
            range("area_range", [0.05, 1.0])?,
        );
        /// More attempts than these are a damaged file's.
        const MOST: i64 = 1 << 24;
        let attempts = cx.attr_int("max_attempts", 100);
        let inside = |v: &f32| *v > 0.0 && *v <= 1.0;
        if aspect.iter().any(|v| *v <= 0.0)
            || !area.iter().all(inside)
            || !(1..=MOST).contains(&attempts)
        {
            return Err(cx.wrong(format!(
                "aspects {aspect:?}, areas {area:?} and {attempts} attempts, expected more than 0, above 0 up to 1, and 1 up to {MOST}"
            )));
        }
        Ok(Form {
            dtype: cx.dtype(0)?,
            wish: Wish {
                aspect,
                area,
                covered: cx.attr_float("min_object_covered", 0.1) as f32,
                attempts: attempts as usize,
            },
            whole: cx.attr_bool("use_image_if_no_bounding_boxes"),
        })
    }

    /// Beginning and sizes of the part, and its sides as shares of the image's.
    fn run(&self, philox: &Philox, inputs: &[Option<View<'_>>]) -> Result<Vec<Tensor>> {
        let sizes = whole_numbers(&view(inputs, 0)?)?;
        let side = |at: usize| sizes.get(at).and_then(|&side| i32::try_from(side).ok());
        let (3, Some(height), Some(width)) = (sizes.len(), side(0), side(1)) else {
            return Err(Error::usage(format!("an image of the sizes {sizes:?}")));
        };
        let boxes = view(inputs, 1)?;
        if !matches!(boxes.shape, [_, _, 4]) {
            return Err(Error::usage(format!(
                "boxes of {:?}, expected [batch, boxes, 4]",
                boxes.shape
            )));
        }
        let shares = boxes.values::<f32>()?;
        if let Some(outside) = shares.iter().find(|v| !(0.0..=1.0).contains(*v)) {
            return Err(Error::usage(format!(
                "a side of a box at {outside}, expected 0 to 1"
            )));
        }
        let mut wish = self.wish;
        if let Some(Some(covered)) = inputs.get(2)
            && covered.dtype == DType::Float32
        {
            wish.covered = covered
                .values::<f32>()?
                .first()
                .copied()
                .unwrap_or(wish.covered);
        }
        if wish.covered < 0.0 {
            return Err(Error::usage(format!(
                "{} of an object to hold",
                wish.covered
            )));
        }
        let pixels = |row: &[f32]| -> Sides {
            let [y, x] = [height as f32, width as f32];
            [row[1] * x, row[0] * y, row[3] * x, row[2] * y].map(|v| v as i32)
        };
        let mut held: Vec<Sides> = shares.chunks_exact(4).map(pixels).collect();
        if held.is_empty() {
            if !self.whole {
                return Err(Error::usage("an image without boxes"));
            }
            held.push([0, 0, width, height]);
        }
        let [left, top, right, bottom] = crops::sample(philox, [height, width], &held, &wish);
        let numbers = |values: [i32; 3]| {
            with_integer!(self.dtype, T => {
                Ok(Tensor::from_values(&[3], &values.map(|v| v as T)))
            }, else Err(Error::unsupported(format!("sizes of {}", self.dtype))))
        };
        let share = |at: i32, side: i32| at as f32 / side as f32;
        let sides = [
            share(top, height),
            share(left, width),
            share(bottom, height),
            share(right, width),
        ];
        Ok(vec![
            numbers([top, left, 0])?,
            numbers([bottom - top, right - left, -1])?,
            Tensor::from_values(&[1, 1, 4], &sides),
        ])
    }
}

pub(super) fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    let numbers = || Fact::new(dtype, Shape::of(&[3]));
    let sides = Fact::new(DType::Float32, Shape::of(&[1, 1, 4]));
    Ok(vec![numbers(), numbers(), sides])
}

pub(super) fn prepare(cx: &Context) -> Result<Prepared> {
    let form = Form::of(cx)?;
    Prepared::compute(move |inputs| form.run(&of_seeds(&view(inputs, 3)?)?, inputs))
}

pub(super) fn prepare_lasting(cx: &Context) -> Result<Prepared> {
    let (form, lasting) = (Form::of(cx)?, Lasting::of(cx, Source::Attributes));
    Prepared::effect(move |inputs, state: &mut State| {
        let views: Vec<Option<View>> = inputs
            .iter()
            .map(|input| input.as_ref().map(|tensor| View::of(tensor)))
            .collect();
        // Four words are set aside for each attempt.
        let philox = lasting.take(state, form.wish.attempts as u128);
        let outputs = form.run(&philox, &views)?;
        Ok(outputs.into_iter().map(Arc::new).collect())
    })
}
