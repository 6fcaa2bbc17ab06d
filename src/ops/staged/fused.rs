//! Convolutions of images that are resized and mirrored at their edges on the way. Each image of a batch is its own;
//! TensorFlow 2.21 reads rows of the first one for those behind it.

use super::{Inner, Io, Number, Operand, Prepared, Shape, numbers, staged};
use crate::error::Result;
use crate::kernels::params::{same_output, valid_output};
use crate::memory;
use crate::model::{Attr, Element};
use crate::ops::conv::EVERY_STEP;
use crate::ops::types::with_float;
use crate::ops::{Context, Fact, Operator};

pub const OPERATORS: &[Operator] = &[Operator::new(
    &["FusedPadConv2D", "FusedResizeAndPadConv2D"],
    &[],
    infer,
    prepare,
)];

/// Where a row or column of what is convolved comes from: two of the image, and how much of the second.
type Source = (usize, usize, f32);

/// Height or width.
struct Axis {
    /// Rows before padding.
    resized: usize,
    /// Before and after.
    pads: [usize; 2],
    /// From a row of what is resized to one of the image.
    scale: f32,
    size: usize,
}

impl Axis {
    fn padded(&self) -> usize {
        self.resized + self.pads[0] + self.pads[1]
    }

    fn source(&self, at: usize, edge: f32) -> Source {
        let length = self.resized as f32;
        let mut place = at as f32 - self.pads[0] as f32;
        if place < 0.0 {
            place = -(place + 1.0 - edge);
        } else if place >= length {
            place = length * 2.0 - (place + 1.0 + edge);
        }
        place *= self.scale;
        let first = place.floor();
        let last = self.size - 1;
        let second = (place.ceil() as usize).min(last);
        ((first as usize).min(last), second, place - first)
    }
}

struct Form {
    filter: usize,
    paddings: usize,
    resizes: bool,
    /// 1 where the mirror leaves the edge out.
    edge: usize,
    strides: [usize; 2],
    same: bool,
}

impl Form {
    fn of(cx: &Context) -> Result<Self> {
        let resizes = &*cx.node.op == "FusedResizeAndPadConv2D";
        let edge = match cx.node.attrs.text("mode") {
            Some("REFLECT") => 1,
            Some("SYMMETRIC") => 0,
            other => {
                return Err(cx.wrong(format!("the mode {other:?}, expected REFLECT or SYMMETRIC")));
            }
        };
        let same = match cx.node.attrs.text("padding") {
            Some("SAME") => true,
            Some("VALID") => false,
            other => return Err(cx.wrong(format!("the padding {other:?}"))),
        };
        let list = cx.node.attrs.ints("strides").unwrap_or_default();
        let strides = match list[..] {
            [1, h @ 1..0x7fff_ffff, w @ 1..0x7fff_ffff, 1] => [h as usize, w as usize],
            _ => return Err(cx.wrong(format!("strides of {list:?}"))),
        };
        Ok(Form {
            filter: 2 + usize::from(resizes),
            paddings: 1 + usize::from(resizes),
            resizes,
            edge,
            strides,
            same,
        })
    }

    /// Height and width, if known.
    fn axes(&self, cx: &Context) -> Result<Option<[Axis; 2]>> {
        let (Some(sizes), Some(pads)) = (cx.shape(0)?.fixed(), cx.ints(self.paddings)?) else {
            return Ok(None);
        };
        let &[_, height, width, _] = &*sizes else {
            return Err(cx.wrong(format!("an image of {sizes:?}")));
        };
        let resized = match self.resizes {
            false => vec![height as i64, width as i64],
            true => match cx.ints(1)? {
                Some(told) => told,
                None => return Ok(None),
            },
        };
        let &[h, w] = &*resized else {
            return Err(cx.wrong(format!("resized to {resized:?}")));
        };
        let &[0, 0, top, bottom, left, right, 0, 0] = &*pads else {
            return Err(cx.wrong(format!(
                "the paddings {pads:?}, expected two for each axis, of height and width only"
            )));
        };
        let align = cx.attr_bool("resize_align_corners");
        let axis = |size: usize, resized: i64, pads: [i64; 2]| {
            let most = resized - self.edge as i64;
            let fits = (1..1 << 31).contains(&resized) && size > 0;
            if !fits || pads.iter().any(|&pad| pad < 0 || pad > most) {
                return Err(cx.wrong(format!(
                    "{size} rows or columns as {resized}, mirrored by {pads:?}"
                )));
            }
            let resized = resized as usize;
            let scale = match align && resized > 1 {
                true => (size - 1) as f32 / (resized - 1) as f32,
                false => size as f32 / resized as f32,
            };
            let pads = pads.map(|pad| pad as usize);
            Ok(Axis {
                resized,
                pads,
                scale,
                size,
            })
        };
        Ok(Some([
            axis(height, h, [top, bottom])?,
            axis(width, w, [left, right])?,
        ]))
    }
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let form = Form::of(cx)?;
    let (dtype, filter) = (cx.dtype(0)?, cx.shape(form.filter)?.fixed());
    let batch = cx.shape(0)?.dims().and_then(|dims| dims.first().copied());
    let channels = filter.as_deref().and_then(|filter| filter.get(3).copied());
    let mut dims = vec![
        batch.unwrap_or(-1),
        -1,
        -1,
        channels.map_or(-1, |n| n as i64),
    ];
    if let (Some(axes), Some(&[k_h, k_w, _, _])) = (form.axes(cx)?, filter.as_deref()) {
        for (at, k) in [k_h, k_w].into_iter().enumerate() {
            dims[1 + at] = form.output(at, axes[at].padded(), k) as i64;
        }
    }
    cx.one(dtype, Shape(Some(dims)))
}

impl Form {
    fn output(&self, axis: usize, size: usize, k: usize) -> usize {
        match self.same {
            true => same_output(size, self.strides[axis]),
            false => valid_output(size, k, self.strides[axis], 1),
        }
    }

    /// For windows of `k` over `size` rows: how many rows the first one leaves out, and zeros before and after.
    fn placed(&self, axis: usize, size: usize, k: usize) -> (usize, [usize; 2]) {
        let output = self.output(axis, size, k);
        let needed = output.saturating_sub(1) * self.strides[axis] + k;
        // TensorFlow puts windows that leave gaps in the middle, rounded to the front.
        let more = needed as i64 - size as i64 + i64::from(!self.same);
        let skipped = usize::try_from(-more / 2).unwrap_or(0);
        let before = match self.same {
            true => usize::try_from(more / 2).unwrap_or(0),
            false => 0,
        };
        let after = (needed + skipped).saturating_sub(before + size);
        (skipped, [before, after])
    }
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let form = Form::of(cx)?;
    let Some(axes) = form.axes(cx)? else {
        return crate::ops::later();
    };
    let (x, filter) = (cx.sizes(0)?, cx.sizes(form.filter)?);
    let (&[batch, height, width, channels], &[k_h, k_w, depth, _]) = (&*x, &*filter) else {
        return Err(cx.wrong(format!("a filter of {filter:?} on {x:?}")));
    };
    if depth != channels || x.contains(&0) || filter.contains(&0) {
        return Err(cx.wrong(format!("a filter of {filter:?} on {x:?}")));
    }
    let places = [k_h, k_w].map(|k| k.min(1 << 31));
    if [0, 1]
        .map(|at| form.output(at, axes[at].padded(), places[at]))
        .contains(&0)
    {
        let size = [0, 1].map(|at| axes[at].padded());
        return Err(cx.wrong(format!(
            "a filter of {filter:?} on images padded to {size:?}"
        )));
    }
    let placed = [0, 1].map(|at| form.placed(at, axes[at].padded(), places[at]));
    let lines = axes.iter().map(Axis::padded).fold(0, usize::saturating_add);
    memory::ask(
        "rows and columns",
        lines.saturating_mul(size_of::<Source>()),
    )?;
    let edge = form.edge as f32;
    let sources = [0, 1].map(|at| {
        let rows = placed[at].0..axes[at].padded();
        rows.map(|row| axes[at].source(row, edge))
            .collect::<Vec<_>>()
    });
    let shape = vec![batch, sources[0].len(), sources[1].len(), channels];
    let dtype = cx.dtype(0)?;
    let inner = convolution(cx, &form, placed.map(|(_, pads)| pads), &shape)?;
    let operands = vec![Operand::Made(dtype, shape), Operand::Given(form.filter)];
    let image = [height, width, channels];
    let resizes = form.resizes;
    with_float!(dtype, T => {
        staged(inner, operands, vec![0], move |io: &Io<'_, '_>, _, room| {
            let (from, to) = (io.input::<T>(0)?, numbers::<T>(room)?);
            sampled(from, image, &sources, resizes, to);
            Ok(())
        })
    }, else Err(cx.no_kernel(dtype)))
}

/// The convolution of what is made ready, with zeros around it.
fn convolution(
    cx: &Context,
    form: &Form,
    [rows, columns]: [[usize; 2]; 2],
    shape: &[usize],
) -> Result<Prepared> {
    let pads = [[0; 2], rows, columns, [0; 2]].concat();
    let pads = pads.into_iter().map(|pad| Attr::Int(pad as i64));
    let mut attrs = cx.node.attrs.clone();
    attrs.set("padding", Attr::Bytes(b"EXPLICIT".to_vec().into()));
    attrs.set("explicit_paddings", Attr::List(pads.collect()));
    attrs.set(EVERY_STEP, Attr::Bool(true));
    let inputs = vec![
        Some(Fact::fixed(cx.dtype(0)?, shape)),
        Some(cx.input(form.filter)?.clone()),
    ];
    Inner::new(cx, "Conv2D", attrs, inputs)?.prepare(cx)
}

/// Pixels of images of height, width and channels `image`, every step rounded to their type.
fn sampled<T: Number + Element>(
    from: &[T],
    [height, width, channels]: [usize; 3],
    [rows, columns]: &[Vec<Source>; 2],
    between: bool,
    to: &mut [T],
) {
    let mix = |a: T, b: T, share: T| a.add(b.sub(a).mul(share));
    let mut pixels = to.chunks_exact_mut(channels.max(1));
    for image in from.chunks_exact((height * width * channels).max(1)) {
        let pixel = |y: usize, x: usize| &image[(y * width + x) * channels..][..channels];
        for &(top, bottom, low) in rows {
            let low = <T as Number>::from_f64(low.into());
            for &(left, right, far) in columns {
                let Some(out) = pixels.next() else { return };
                if !between {
                    out.copy_from_slice(pixel(top, left));
                    continue;
                }
                let far = <T as Number>::from_f64(far.into());
                let corners = [(top, left), (top, right), (bottom, left), (bottom, right)];
                let [a, b, c, d] = corners.map(|(y, x)| pixel(y, x));
                for (channel, out) in out.iter_mut().enumerate() {
                    let above = mix(a[channel], b[channel], far);
                    let below = mix(c[channel], d[channel], far);
                    *out = mix(above, below, low);
                }
            }
        }
    }
}
