//! Blocks cut out of volumes side by side.

use crate::error::{Error, Result};
use crate::kernels::params::{same_output, valid_output};
use crate::model::{Shape, Tensor};
use crate::ops::segment::view;
use crate::ops::types::check_number;
use crate::ops::{Context, Fact, Operator, Prepared};

pub const OPERATORS: &[Operator] = &[Operator::new(
    &["ExtractVolumePatches"],
    &[],
    infer,
    prepare,
)];

/// Blocks over depth, height and width.
#[derive(Debug, Clone, Copy)]
struct Blocks {
    k: [usize; 3],
    stride: [usize; 3],
    same: bool,
}

impl Blocks {
    fn of(cx: &Context) -> Result<Self> {
        let same = match cx.node.attrs.text("padding") {
            Some("SAME") => true,
            Some("VALID") => false,
            other => return Err(cx.wrong(format!("the padding {other:?}"))),
        };
        Ok(Blocks {
            k: three(cx, "ksizes")?,
            stride: three(cx, "strides")?,
            same,
        })
    }

    /// Output size, and the place of the first block along an axis. Where blocks leave gaps, half of what they leave at the
    /// end lies before the first one, as in TensorFlow.
    fn along(&self, axis: usize, input: usize) -> (usize, isize) {
        let (k, stride) = (self.k[axis], self.stride[axis]);
        if !self.same {
            return (valid_output(input, k, stride, 1), 0);
        }
        let output = same_output(input, stride);
        let needed = output.saturating_sub(1) * stride + k;
        (output, (input as isize - needed as isize) / 2)
    }

    /// The elements of a block, of `channels` each.
    fn depth(&self, channels: usize) -> Option<usize> {
        let sizes = self.k.into_iter();
        sizes
            .chain([channels])
            .try_fold(1, |n: usize, k| n.checked_mul(k))
    }
}

/// What a list attribute over all five axes says of space.
fn three(cx: &Context, name: &str) -> Result<[usize; 3]> {
    let list = cx.node.attrs.ints(name).unwrap_or_default();
    let sizes = match list[..] {
        [1, a, b, c, 1] => Some([a, b, c]),
        _ => None,
    };
    let sizes = sizes.filter(|sizes| sizes.iter().all(|size| (1..1 << 24).contains(size)));
    let sizes = sizes.ok_or_else(|| {
        cx.wrong(format!(
            "{name} of {list:?}, expected 1, three positive sizes and 1"
        ))
    })?;
    Ok(sizes.map(|size| size as usize))
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let blocks = Blocks::of(cx)?;
    let from = cx.shape(0)?.dims().unwrap_or(&[-1; 5]);
    let &[batch, ref space @ .., channels] = from else {
        return Err(cx.wrong(format!("an input of {}", cx.shape(0)?)));
    };
    if space.len() != 3 {
        return Err(cx.wrong(format!(
            "an input of {}, expected 5 dimensions",
            cx.shape(0)?
        )));
    }
    let mut dims = vec![batch];
    for (axis, &size) in space.iter().enumerate() {
        let known = usize::try_from(size).map(|size| blocks.along(axis, size).0 as i64);
        dims.push(known.unwrap_or(-1));
    }
    let depth = usize::try_from(channels).ok().and_then(|c| blocks.depth(c));
    dims.push(depth.map_or(-1, |depth| depth as i64));
    cx.one(cx.dtype(0)?, Shape(Some(dims)))
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let (blocks, dtype) = (Blocks::of(cx)?, cx.dtype(0)?);
    check_number(cx, dtype)?;
    let size = dtype.size().ok_or_else(|| cx.no_kernel(dtype))?;
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let &[batch, d, h, w, channels] = x.shape else {
            return Err(Error::usage(format!("a volume of {:?}", x.shape)));
        };
        let space = [d, h, w];
        let along = [0, 1, 2].map(|axis| blocks.along(axis, space[axis]));
        let out = along.map(|(output, _)| output);
        let depth = blocks.depth(channels);
        let depth = depth.ok_or_else(|| Error::usage("blocks larger than memory"))?;
        let shape = [batch, out[0], out[1], out[2], depth];
        let mut tensor = Tensor::zeros(dtype, &shape)?;
        let (from, pixel) = (x.bytes(), channels * size);
        let all = tensor.bytes_mut().unwrap_or_default();
        for (at, block) in all.chunks_exact_mut((depth * size).max(1)).enumerate() {
            let place = unravelled(at, out);
            let n = at / out.iter().product::<usize>();
            for (tap, to) in block.chunks_exact_mut(pixel.max(1)).enumerate() {
                let tap = unravelled(tap, blocks.k);
                let source = [0, 1, 2].map(|axis| {
                    let at = place[axis] * blocks.stride[axis] + tap[axis];
                    let at = at.checked_add_signed(along[axis].1);
                    at.filter(|&at| at < space[axis])
                });
                if let [Some(z), Some(y), Some(x)] = source {
                    let place = ((n * d + z) * h + y) * w + x;
                    to.copy_from_slice(&from[place * pixel..][..pixel]);
                }
            }
        }
        Ok(vec![tensor])
    })
}

/// Where number `at` lies in a block of these sizes; what is left over goes around.
fn unravelled(at: usize, [d, h, w]: [usize; 3]) -> [usize; 3] {
    [at / w / h % d, at / w % h, at % w]
}
