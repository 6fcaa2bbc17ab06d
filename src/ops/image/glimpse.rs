//! Windows cut out of images at offsets; what lies outside an image is noise of its own kind.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::kernels::philox::{Philox, normal, uniform};
use crate::model::{DType, Shape, Tensor};
use crate::ops::segment::whole_numbers;
use crate::ops::state::{self, State};
use crate::ops::{Context, Fact, Operator, Prepared, View};

pub const OPERATORS: &[Operator] =
    &[Operator::new(&["ExtractGlimpse", "ExtractGlimpseV2"], &[], infer, prepare).effect()];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Noise {
    Zero,
    /// Between the least and the largest value of the image.
    Uniform,
    /// Of the mean and deviation of the image's channel, within its least and largest value.
    Gaussian,
}

/// What offsets mean.
#[derive(Debug, Clone, Copy)]
struct Form {
    /// Counted in heights and widths.
    normalized: bool,
    /// Counted from the middle.
    centered: bool,
    /// The first version of the operator moves every window by half its size.
    first: bool,
    noise: Noise,
}

impl Form {
    fn of(cx: &Context) -> Result<Self> {
        // A graph does not hold what is usual.
        let truth = |name: &str| cx.node.attrs.bool(name).unwrap_or(true);
        let uniform = truth("uniform_noise");
        let noise = match (cx.node.attrs.text("noise").unwrap_or("uniform"), uniform) {
            ("", true) | ("uniform", _) => Noise::Uniform,
            ("", false) | ("gaussian", false) => Noise::Gaussian,
            ("zero", false) => Noise::Zero,
            (other, uniform) => {
                return Err(cx.wrong(format!(
                    "noise {other:?} with uniform_noise {uniform}, expected uniform, gaussian or zero, and false with the \
                     last two"
                )));
            }
        };
        Ok(Form {
            normalized: truth("normalized"),
            centered: truth("centered"),
            first: &*cx.node.op == "ExtractGlimpse",
            noise,
        })
    }

    /// Where a window of `window` elements begins along an axis of `size`.
    fn start(self, offset: f32, size: usize, window: usize) -> i64 {
        let (length, half) = (size as f32, window as f32 / 2.0);
        let mut at = offset;
        if self.normalized {
            at *= length;
        }
        at = match (self.centered, self.normalized || self.first) {
            (true, true) => at / 2.0 + length / 2.0,
            (true, false) => at + length / 2.0,
            (false, _) => at,
        };
        if self.first || self.normalized && self.centered {
            at -= half;
        }
        at as i64
    }
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let told = cx.ints(1)?.filter(|told| told.len() == 2);
    let told = told.unwrap_or(vec![-1, -1]);
    let [batch, channels] = match cx.shape(0)?.dims() {
        Some(&[batch, _, _, channels]) => [batch, channels],
        None => [-1, -1],
        Some(_) => return Err(cx.wrong(format!("an image of {}", cx.shape(0)?))),
    };
    let dims = vec![batch, told[0].max(-1), told[1].max(-1), channels];
    cx.one(DType::Float32, Shape(Some(dims)))
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let form = Form::of(cx)?;
    let place = (cx.graph.name.clone(), cx.node.name.clone());
    Prepared::effect(move |inputs, state: &mut State| {
        let images = View::of(state::tensor(&inputs, 0)?);
        let &[batch, height, width, channels] = images.shape else {
            return Err(Error::usage(format!("images of {:?}", images.shape)));
        };
        let told = whole_numbers(&View::of(state::tensor(&inputs, 1)?))?;
        let size = told.iter().map(|&size| usize::try_from(size).ok());
        let size: Option<Vec<usize>> = size.collect();
        let Some(&[h, w]) = size.as_deref() else {
            return Err(Error::usage(format!(
                "windows of {told:?}, expected a height and a width"
            )));
        };
        let offsets = View::of(state::tensor(&inputs, 2)?);
        if offsets.shape != [batch, 2] {
            return Err(Error::usage(format!(
                "offsets of {:?} for {batch} images, expected two each",
                offsets.shape
            )));
        }
        let mut out = Tensor::zeros(DType::Float32, &[batch, h, w, channels])?;
        let to = out.values_mut::<f32>().unwrap_or_default();
        let from = images.values::<f32>()?;
        let windows = to.chunks_exact_mut((h * w * channels).max(1));
        let images = from.chunks_exact((height * width * channels).max(1));
        let offsets = offsets.values::<f32>()?.chunks_exact(2);
        for ((window, image), offset) in windows.zip(images).zip(offsets) {
            let rows = Span::of(form.start(offset[0], height, h), height, h);
            let columns = Span::of(form.start(offset[1], width, w), width, w);
            if form.noise != Noise::Zero && (rows.open || columns.open) {
                // The generator goes on from window to window.
                let philox = state.generator(&place, None);
                fill(form.noise, philox, (image, channels), window);
            }
            let pixels = columns.count * channels;
            for row in 0..rows.count {
                let source = ((rows.from + row) * width + columns.from) * channels;
                let target = ((rows.to + row) * w + columns.to) * channels;
                window[target..][..pixels].copy_from_slice(&image[source..][..pixels]);
            }
        }
        Ok(vec![Arc::new(out)])
    })
}

/// What of a window lies in the image, along an axis.
struct Span {
    /// First element of the image, and of the window.
    from: usize,
    to: usize,
    count: usize,
    /// Some of the window may lie outside.
    open: bool,
}

impl Span {
    /// A window of `window` elements from `start` on.
    fn of(start: i64, size: usize, window: usize) -> Self {
        let before = usize::try_from(start.saturating_neg()).unwrap_or(0);
        let from = usize::try_from(start).unwrap_or(0);
        let to = before.min(window);
        let count = (window - to).min(size.saturating_sub(from));
        Span {
            from: from.min(size),
            to,
            count,
            // A window that ends with the image too, as in TensorFlow.
            open: start < 0 || from.saturating_add(window) >= size,
        }
    }
}

fn fill(noise: Noise, philox: &mut Philox, (image, channels): (&[f32], usize), out: &mut [f32]) {
    let ends = |values: &mut dyn Iterator<Item = f32>| {
        values.fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], v| {
            [low.min(v), high.max(v)]
        })
    };
    if noise == Noise::Uniform {
        let [low, high] = ends(&mut image.iter().copied());
        philox.fill(out, |words| words.map(uniform));
        out.iter_mut().for_each(|v| *v = low + *v * (high - low));
        return;
    }
    philox.fill(out, normal);
    let count = (image.len() / channels.max(1)).max(1) as f32;
    for channel in 0..channels {
        let own = || image.iter().skip(channel).step_by(channels).copied();
        let [low, high] = ends(&mut own());
        let mean = own().sum::<f32>() / count;
        let variance = own().map(|v| (v - mean) * (v - mean)).sum::<f32>() / count;
        for v in out.iter_mut().skip(channel).step_by(channels) {
            *v = (mean + *v * variance.sqrt()).min(high).max(low);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_reach_over_the_edges() {
        let parts = |start, size, window| {
            let span = Span::of(start, size, window);
            [span.from, span.to, span.count]
        };
        assert_eq!(parts(-2, 5, 4), [0, 2, 2]);
        assert_eq!(parts(3, 5, 4), [3, 0, 2]);
        assert_eq!(parts(9, 5, 4), [5, 0, 0]);
        assert_eq!(parts(-1, 2, 4), [0, 1, 2]);
        assert_eq!(parts(i64::MIN, 2, 4), [0, 4, 0]);
        assert_eq!(parts(i64::MAX, 2, 4), [2, 0, 0]);
    }

    #[test]
    fn noise_is_of_the_image() {
        let image: Vec<f32> = (0..64).map(|v| v as f32 % 2.0 * 100.0 + v as f32).collect();
        let mut out = [0.0; 256];
        fill(
            Noise::Gaussian,
            &mut Philox::new(1, 2),
            (&image, 2),
            &mut out,
        );
        let mean = |channel| out.iter().skip(channel).step_by(2).sum::<f32>() / 128.0;
        assert!((mean(0) - 31.0).abs() < 6.0 && (mean(1) - 132.0).abs() < 6.0);
        fill(
            Noise::Uniform,
            &mut Philox::new(1, 2),
            (&image, 2),
            &mut out,
        );
        assert!(out.iter().all(|v| (0.0..=163.0).contains(v)));
        assert!(out.iter().any(|v| (70.0..90.0).contains(v)));
    }
}
