//! Slices with begins, ends, strides and masks.

mod update;

use super::movement::element_size;
use super::sequence::live_ints;
use super::{Context, Fact, HandsOn, Operator, Prepared};
use crate::error::{Error, Result};
use crate::kernels::movement::{self, StridedSlice};
use crate::kernels::strides::MAX_RANK;
use crate::model::{DType, Shape};

pub(super) use update::OPERATORS as UPDATES;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["StridedSlice"],
        &["STRIDED_SLICE"],
        infer_strided,
        prepare_strided,
    )
    .moving()
    .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(
        &["StridedSliceGrad"],
        &[],
        infer_gradients,
        prepare_gradients,
    ),
    Operator::new(&["Slice"], &["SLICE"], infer_slice, prepare_slice)
        .moving()
        .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(
        &["XlaDynamicUpdateSlice"],
        &["DYNAMIC_UPDATE_SLICE"],
        infer_update,
        prepare_update,
    )
    .moving()
    .handing_on(HandsOn::Inputs(&[0, 1])),
];

/// A strided slice resolved against the sizes of its input; sizes are -1 where the input's are unknown.
pub(super) struct Resolved {
    pub begin: Vec<i64>,
    pub strides: Vec<i64>,
    pub sizes: Vec<i64>,
    /// The output's shape: shrunk axes dropped, new ones put in.
    pub shape: Vec<i64>,
}

/// One axis of the input: first element, step, count; -1 for an unknown count. `from_first`: the end counts from the
/// first element.
fn resolve_axis(
    size: i64,
    (begin, end): (Option<i64>, Option<i64>),
    stride: i64,
    from_first: bool,
) -> Result<(i64, i64, i64)> {
    if stride == 0 {
        return Err(Error::usage("a stride of 0"));
    }
    if size < 0 {
        return Ok((0, stride, -1));
    }
    let (lo, hi) = if stride > 0 {
        (0, size)
    } else {
        (-1, size - 1)
    };
    let place = |at: i64| (if at < 0 { at.saturating_add(size) } else { at }).clamp(lo, hi);
    let first = begin.map_or(if stride > 0 { 0 } else { size - 1 }, place);
    let start = if from_first { first } else { 0 };
    let last = end.map(|end| place(start.saturating_add(end)));
    let last = last.unwrap_or(if stride > 0 { size } else { -1 });
    let span = if stride > 0 {
        last - first
    } else {
        first - last
    };
    let count = match u64::try_from(span - 1) {
        Ok(steps) => (steps / stride.unsigned_abs()) as i64 + 1,
        Err(_) => 0,
    };
    Ok((if count == 0 { 0 } else { first }, stride, count))
}

/// The constant operands and attributes of a strided slice.
struct Spec {
    begin: Vec<i64>,
    end: Vec<i64>,
    strides: Vec<i64>,
    masks: Masks,
    /// `end` counts from `begin` (TFLite's `offset`).
    offset: bool,
    /// Whose rules hold where masks and indices go beyond the axes: TensorFlow Lite's or TensorFlow's.
    lite: bool,
}

/// What becomes of one axis of the input, or where the output gets one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The axis from end to end.
    Whole,
    /// An axis of size 1 that the input does not have.
    New,
    /// The axis as this entry of begin, end and strides tells.
    Entry(usize),
}

/// One bit per entry of begin, end and strides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Masks {
    pub begin: i64,
    pub end: i64,
    pub ellipsis: i64,
    pub new_axis: i64,
    pub shrink_axis: i64,
}

fn has(mask: i64, index: usize) -> bool {
    mask.unbounded_shr(index as u32) & 1 == 1
}

impl Masks {
    pub(super) fn of(cx: &Context) -> Self {
        let mask = |name: &str| cx.attr_int(name, 0);
        Masks {
            begin: mask("begin_mask"),
            end: mask("end_mask"),
            ellipsis: mask("ellipsis_mask"),
            new_axis: mask("new_axis_mask"),
            shrink_axis: mask("shrink_axis_mask"),
        }
    }
}

impl Spec {
    /// `None` until begin, end and strides are known.
    fn read(cx: &Context) -> Result<Option<Spec>> {
        let (Some(begin), Some(end), Some(strides)) = (cx.ints(1)?, cx.ints(2)?, cx.ints(3)?)
        else {
            return Ok(None);
        };
        let offset = cx.tflite() && cx.attr_bool("offset");
        let spec = Self::new([begin, end, strides], Masks::of(cx))?;
        let lite = cx.tflite();
        Ok(Some(Spec {
            offset,
            lite,
            ..spec
        }))
    }

    fn new([begin, end, strides]: [Vec<i64>; 3], masks: Masks) -> Result<Self> {
        if begin.len() != end.len() || begin.len() != strides.len() || begin.len() > 32 {
            return Err(Error::usage("begin, end and strides differ in length"));
        }
        Ok(Spec {
            begin,
            end,
            strides,
            masks,
            offset: false,
            lite: false,
        })
    }

    /// Begin and end of entry `i`; `None` where a mask leaves it open.
    fn ends(&self, i: usize) -> (Option<i64>, Option<i64>) {
        (
            (!has(self.masks.begin, i)).then_some(self.begin[i]),
            (!has(self.masks.end, i)).then_some(self.end[i]),
        )
    }
}

impl Resolved {
    /// The next axis, of `size` elements, from end to end.
    fn whole(&mut self, size: i64) {
        self.begin.push(0);
        self.strides.push(1);
        self.sizes.push(size);
        self.shape.push(size);
    }

    /// One element of the next axis, which the output does not have.
    fn shrunk(&mut self, size: i64, index: i64) -> Result<()> {
        let at = if index < 0 {
            index.saturating_add(size)
        } else {
            index
        };
        if size >= 0 && !(0..size).contains(&at) {
            return Err(Error::usage(format!(
                "index {index} of an axis with {size} elements"
            )));
        }
        self.begin.push(at.max(0));
        self.strides.push(1);
        self.sizes.push(if size < 0 { -1 } else { 1 });
        Ok(())
    }
}

fn resolve(cx: &Context) -> Result<Option<Resolved>> {
    resolve_in(cx, cx.shape(0)?)
}

/// The slice of inputs 1 to 3 in a tensor of this shape.
fn resolve_in(cx: &Context, shape: &Shape) -> Result<Option<Resolved>> {
    let Some(spec) = Spec::read(cx)? else {
        return Ok(None);
    };
    let Some(dims) = shape.dims() else {
        return Ok(None);
    };
    spec.within(dims).map(Some)
}

/// The slice that begin, end and strides tell in a tensor of sizes `dims`.
pub(super) fn told(bounds: [Vec<i64>; 3], masks: Masks, dims: &[usize]) -> Result<Resolved> {
    let dims: Vec<i64> = dims.iter().map(|&size| size as i64).collect();
    Spec::new(bounds, masks)?.within(&dims)
}

impl Spec {
    /// What becomes of `rank` axes, in order.
    fn places(&self, rank: usize) -> Result<Vec<Place>> {
        if self.lite {
            return Ok(self.places_of_lite(rank));
        }
        let masks = &self.masks;
        let named = (0..self.begin.len())
            .filter(|&i| !has(masks.new_axis, i) && !has(masks.ellipsis, i))
            .count();
        let open = rank.checked_sub(named).ok_or_else(|| {
            Error::usage(format!(
                "a slice over {named} axes of a tensor with {rank} dimensions"
            ))
        })?;
        let mut places = Vec::new();
        let mut seen_ellipsis = false;
        for i in 0..self.begin.len() {
            if has(masks.ellipsis, i) && !seen_ellipsis {
                seen_ellipsis = true;
                places.extend(std::iter::repeat_n(Place::Whole, open));
            } else if has(masks.new_axis, i) {
                places.push(Place::New);
            } else {
                places.push(Place::Entry(i));
            }
        }
        Ok(places)
    }

    /// The same under TensorFlow Lite's rules: an ellipsis takes an axis even where none is left for it, and entries
    /// for more axes than there are tell nothing.
    fn places_of_lite(&self, rank: usize) -> Vec<Place> {
        let (masks, entries) = (&self.masks, self.begin.len());
        let added = (0..entries)
            .filter(|&i| has(masks.new_axis, i) && !has(masks.ellipsis, i))
            .count();
        let axes = rank + added;
        let mut places = Vec::with_capacity(axes);
        // How many axes more than its own entry the ellipsis takes.
        let mut spread = 0;
        while places.len() < axes {
            let at = places.len();
            if has(masks.ellipsis, at) {
                let end = (at + 1 + axes).saturating_sub(entries).clamp(at + 1, axes);
                spread = end - at - 1;
                places.resize(end, Place::Whole);
            } else if has(masks.new_axis, at - spread) {
                places.push(Place::New);
            } else if at - spread < entries {
                places.push(Place::Entry(at - spread));
            } else {
                places.push(Place::Whole);
            }
        }
        places
    }

    /// The element of an axis that the output drops, which entry `i` tells. TensorFlow Lite keeps to its masks, and
    /// going up it takes the first element for what lies before it; beyond the axis otherwise it reads what is no part
    /// of the tensor, which is not repeated.
    fn single(&self, i: usize, size: i64) -> i64 {
        match self.begin[i] {
            _ if self.lite && has(self.masks.begin, i) && self.strides[i] < 0 => -1,
            _ if self.lite && has(self.masks.begin, i) => 0,
            index if self.lite && size >= 0 && self.strides[i] > 0 => index.max(-size),
            index => index,
        }
    }

    fn within(&self, dims: &[i64]) -> Result<Resolved> {
        let mut out = Resolved {
            begin: Vec::new(),
            strides: Vec::new(),
            sizes: Vec::new(),
            shape: Vec::new(),
        };
        let mut left = dims.iter().copied();
        for place in self.places(dims.len())? {
            let mut next = || {
                left.next()
                    .ok_or_else(|| Error::usage("a slice over more axes than there are"))
            };
            match place {
                Place::New => out.shape.push(1),
                Place::Whole => out.whole(next()?),
                Place::Entry(i) if has(self.masks.shrink_axis, i) => {
                    let size = next()?;
                    out.shrunk(size, self.single(i, size))?;
                }
                Place::Entry(i) => {
                    let (first, stride, count) =
                        resolve_axis(next()?, self.ends(i), self.strides[i], self.offset)?;
                    out.begin.push(first);
                    out.strides.push(stride);
                    out.sizes.push(count);
                    out.shape.push(count);
                }
            }
        }
        left.for_each(|size| out.whole(size));
        Ok(out)
    }
}

fn infer_strided(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    let Some(resolved) = resolve(cx)? else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    // A piece of a known shape is known.
    let numbers = matches!(dtype, DType::Int32 | DType::Int64);
    if let ([begin], [stride], [count], true) = (
        &*resolved.begin,
        &*resolved.strides,
        &*resolved.sizes,
        numbers,
    ) && let Some(values) = cx.ints(0)?.filter(|v| v.len() <= 64)
    {
        let pick = |n: i64| {
            usize::try_from(begin + n * stride)
                .ok()
                .and_then(|at| values.get(at).copied())
        };
        let picked: Option<Vec<i64>> = (0..*count).map(pick).collect();
        let sizes = Shape(Some(resolved.shape.clone())).fixed();
        if let (Some(picked), Some(sizes)) = (picked, sizes) {
            return Ok(vec![super::movement::whole_numbers(dtype, &sizes, &picked)]);
        }
    }
    cx.one(dtype, Shape(Some(resolved.shape)))
}

fn prepare_strided(cx: &Context) -> Result<Prepared> {
    let (size, shape) = (element_size(cx, 0)?, cx.sizes(0)?);
    let Some(resolved) = resolve(cx)? else {
        return super::later();
    };
    let begin: Vec<usize> = resolved.begin.iter().map(|&b| b as usize).collect();
    let strides: Vec<isize> = resolved.strides.iter().map(|&s| s as isize).collect();
    let sizes: Vec<usize> = resolved.sizes.iter().map(|&s| s as usize).collect();
    Prepared::function(move |io| {
        let spec = StridedSlice {
            begin: &begin,
            strides: &strides,
            sizes: &sizes,
        };
        let out = io.output_bytes(0)?;
        if !out.is_empty() {
            movement::strided_slice(size, io.view(0)?.bytes(), &shape, spec, out);
        }
        Ok(())
    })
}

fn infer_gradients(cx: &Context) -> Result<Vec<Fact>> {
    let shape = match cx.ints(0)? {
        Some(sizes) => Shape(Some(sizes)),
        None => Shape::UNKNOWN,
    };
    cx.one(cx.dtype(4)?, shape)
}

/// Zeros of the shape that input 0 tells, with input 4 where the slice would be taken.
fn prepare_gradients(cx: &Context) -> Result<Prepared> {
    let size = element_size(cx, 4)?;
    let Some(shape) = cx.ints(0)?.map(|sizes| Shape(Some(sizes))) else {
        return super::later();
    };
    let (Some(sizes), Some(slice)) = (shape.fixed(), resolve_in(cx, &shape)?) else {
        return super::later();
    };
    let found = Shape(Some(slice.shape));
    if found != *cx.shape(4)? {
        return Err(cx.wrong(format!("{} for a slice of {found}", cx.shape(4)?)));
    }
    let axes = slice.begin.iter().zip(&slice.strides).zip(&slice.sizes);
    let axes: Vec<[i64; 3]> = axes.map(|((&b, &s), &n)| [b, s, n]).collect();
    Prepared::function(move |io| {
        let (from, to) = (io.view(4)?.bytes(), io.output_bytes(0)?);
        to.fill(0);
        for (at, element) in from.chunks_exact(size.max(1)).enumerate() {
            let (mut rest, mut place, mut step) = (at as i64, 0, 1);
            for (&[begin, stride, count], &whole) in axes.iter().zip(&sizes).rev() {
                place += (begin + rest % count * stride) * step;
                rest /= count;
                step *= whole as i64;
            }
            to[place as usize * size..][..size].copy_from_slice(element);
        }
        Ok(())
    })
}

/// Begin and size of each axis, sizes of -1 filled in.
fn bounds(cx: &Context) -> Result<Option<(Vec<i64>, Vec<i64>)>> {
    let (Some(begin), Some(mut sizes)) = (cx.ints(1)?, cx.ints(2)?) else {
        return Ok(None);
    };
    let Some(dims) = cx.shape(0)?.dims() else {
        return Ok(None);
    };
    let misfit = || {
        cx.wrong(format!(
            "{sizes:?} elements from {begin:?} of {}",
            Shape(Some(dims.to_vec()))
        ))
    };
    if begin.len() != dims.len() || sizes.len() != dims.len() {
        return Err(misfit());
    }
    for axis in 0..dims.len() {
        let (first, count, length) = (begin[axis], sizes[axis], dims[axis]);
        let bad = first < 0
            || count < -1
            || (length >= 0 && (first > length || (count >= 0 && count > length - first)));
        if bad {
            return Err(misfit());
        }
    }
    for axis in 0..dims.len() {
        if sizes[axis] == -1 && dims[axis] >= 0 {
            sizes[axis] = dims[axis] - begin[axis];
        }
    }
    Ok(Some((begin, sizes)))
}

fn infer_slice(cx: &Context) -> Result<Vec<Fact>> {
    let shape = match (bounds(cx)?, cx.shape(0)?.rank()) {
        (Some((_, sizes)), _) => Shape(Some(sizes)),
        (None, Some(rank)) => Shape(Some(vec![-1; rank])),
        _ => Shape::UNKNOWN,
    };
    cx.one(cx.dtype(0)?, shape)
}

fn prepare_slice(cx: &Context) -> Result<Prepared> {
    let (size, shape) = (element_size(cx, 0)?, cx.sizes(0)?);
    let Some((begin, sizes)) = bounds(cx)? else {
        return super::later();
    };
    let begin: Vec<usize> = begin.iter().map(|&v| v as usize).collect();
    let sizes: Vec<usize> = sizes.iter().map(|&v| v as usize).collect();
    Prepared::function(move |io| {
        movement::slice(
            size,
            io.view(0)?.bytes(),
            &shape,
            &begin,
            &sizes,
            io.output_bytes(0)?,
        );
        Ok(())
    })
}

fn infer_update(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

fn prepare_update(cx: &Context) -> Result<Prepared> {
    let (size, shape, update) = (element_size(cx, 0)?, cx.sizes(0)?, cx.sizes(1)?);
    let fits = shape.len() <= MAX_RANK
        && update.len() == shape.len()
        && update.iter().zip(&shape).all(|(part, whole)| part <= whole)
        && cx.shape(2)?.elements() == Some(shape.len())
        && cx.dtype(1)? == cx.dtype(0)?;
    if !fits {
        return Err(cx.wrong(format!(
            "an update of {update:?} at {} indices in {shape:?}",
            cx.shape(2)?
        )));
    }
    Prepared::function(move |io| {
        let mut start = [0; MAX_RANK];
        let start = &mut start[..shape.len()];
        live_ints(&io.view(2)?, start)?;
        let (x, part) = (io.view(0)?.bytes(), io.view(1)?.bytes());
        let out = io.output_bytes(0)?;
        movement::dynamic_update_slice(size, x, &shape, (part, &update), start, out);
        Ok(())
    })
}
