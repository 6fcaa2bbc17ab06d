//! Elements put where indices say: into a copy of a tensor, apart by number, together by number, round in a ring.

use super::combine::{passes_over, with_combination};
use super::gather::places;
use super::movement::element_size;
use super::segment::{view, whole_numbers};
use super::types::with_type;
use super::{Content, Context, Fact, HandsOn, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::elementwise::number::Number;
use crate::kernels::movement::{self, Named};
use crate::model::{DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &[
            "TensorScatterUpdate",
            "TensorScatterAdd",
            "TensorScatterSub",
            "TensorScatterMin",
            "TensorScatterMax",
            "ScatterNdNonAliasingAdd",
        ],
        &[],
        infer_first,
        prepare_scatter,
    )
    .moving(),
    Operator::new(&["Roll"], &[], infer_first, prepare_roll)
        .moving()
        .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(
        &["DynamicPartition"],
        &[],
        infer_partition,
        prepare_partition,
    )
    .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(
        &["DynamicStitch", "ParallelDynamicStitch"],
        &[],
        infer_stitch,
        prepare_stitch,
    ),
    Operator::new(&["InvertPermutation"], &[], infer_first, prepare_inverse),
];

fn infer_first(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

/// Slices of input 2 combined into input 0 at the indices of input 1.
fn prepare_scatter(cx: &Context) -> Result<Prepared> {
    let size = element_size(cx, 0)?;
    let (shape, indices, updates) = (cx.sizes(0)?, cx.sizes(1)?, cx.sizes(2)?);
    let depth = indices.last().copied().filter(|&d| d <= shape.len());
    let depth = depth.ok_or_else(|| cx.wrong(format!("indices of {indices:?} into {shape:?}")))?;
    let wanted = [&indices[..indices.len() - 1], &shape[depth..]].concat();
    let how = match &*cx.node.op {
        "ScatterNdNonAliasingAdd" => "Add",
        op => op.trim_start_matches("TensorScatter"),
    };
    let one = updates.is_empty() && &*cx.node.op != "ScatterNdNonAliasingAdd";
    if wanted != updates && !one {
        return Err(cx.wrong(format!("updates of {updates:?}, expected {wanted:?}")));
    }
    let (dtype, index) = (cx.dtype(0)?, cx.dtype(1)?);
    let passes_over = passes_over(cx)?;
    let count = wanted.iter().product();
    if how == "Update" {
        if !matches!(index, DType::Int16 | DType::Int32 | DType::Int64) {
            return Err(cx.no_kernel(index));
        }
        return Prepared::function(move |io| {
            let (x, places, new) = (io.view(0)?.bytes(), places(io, 1)?, io.view(2)?.bytes());
            let out = io.output_bytes(0)?;
            out.copy_from_slice(x);
            let spread = if one { new.repeat(count) } else { Vec::new() };
            let new = if one { &spread[..] } else { new };
            let named = Named {
                places,
                depth,
                passes_over,
            };
            movement::scatter_nd_update(size, (out, &shape), named, new)
        });
    }
    if !matches!(index, DType::Int32 | DType::Int64) {
        return Err(cx.no_kernel(index));
    }
    with_combination!(dtype, how, T, f => Prepared::function(move |io| {
        let (x, places, new) = (io.input::<T>(0)?, places(io, 1)?, io.input::<T>(2)?);
        let out = io.output::<T>(0)?;
        out.copy_from_slice(x);
        let spread = if one { new.repeat(count) } else { Vec::new() };
        let new = if one { &spread[..] } else { new };
        let named = Named { places, depth, passes_over };
        movement::scatter_nd_with((out, &shape), named, new, &movement::by_element(f))
    }), else Err(cx.no_kernel(dtype)))
}

/// Elements move on by so many places along each axis, those that fall out come in again.
fn prepare_roll(cx: &Context) -> Result<Prepared> {
    let (size, shape) = (element_size(cx, 0)?, cx.sizes(0)?);
    let (Some(shifts), Some(axes)) = (cx.ints(1)?, cx.ints(2)?) else {
        return super::later();
    };
    if shifts.len() != axes.len() {
        return Err(cx.wrong(format!("shifts {shifts:?} along the axes {axes:?}")));
    }
    let mut by = vec![0i64; shape.len()];
    for (shift, axis) in shifts.into_iter().zip(axes) {
        let axis = cx.axis(axis, shape.len())?;
        by[axis] = by[axis].wrapping_add(shift);
    }
    let by: Vec<usize> = (by.iter().zip(&shape))
        .map(|(&by, &length)| by.rem_euclid(length.max(1) as i64) as usize)
        .collect();
    Prepared::function(move |io| {
        let x = io.view(0)?.bytes();
        movement::roll(size, x, &shape, &by, io.output_bytes(0)?);
        Ok(())
    })
}

fn infer_partition(cx: &Context) -> Result<Vec<Fact>> {
    let rank = cx.shape(1)?.rank();
    let dims = cx.shape(0)?.dims().zip(rank).and_then(|(dims, rank)| {
        let row = dims.get(rank..)?;
        Some([&[-1], row].concat())
    });
    let fact = Fact::new(cx.dtype(0)?, Shape(dims));
    Ok(vec![fact; cx.node.outputs.len()])
}

/// Rows of a tensor of any type.
pub(super) enum Rows<'v> {
    Bytes(&'v [u8]),
    Strings(&'v [Vec<u8>]),
}

impl<'v> Rows<'v> {
    pub fn of(view: &View<'v>) -> Result<Self> {
        match view.data {
            Content::Strings(strings) => Ok(Rows::Strings(strings)),
            Content::Bytes(bytes) => Ok(Rows::Bytes(bytes)),
            _ => Err(Error::unsupported(format!("rows of {}", view.dtype))),
        }
    }

    /// Row `at` of `count`.
    pub fn push(&self, at: usize, count: usize, into: &mut Gathered) {
        match self {
            Rows::Bytes(all) => {
                let width = all.len().checked_div(count).unwrap_or(0);
                into.bytes.extend_from_slice(&all[at * width..][..width]);
            }
            Rows::Strings(all) => {
                let width = all.len().checked_div(count).unwrap_or(0);
                into.strings.extend_from_slice(&all[at * width..][..width]);
            }
        }
    }
}

#[derive(Default, Clone)]
pub(super) struct Gathered {
    pub rows: usize,
    bytes: Vec<u8>,
    strings: Vec<Vec<u8>>,
}

impl Gathered {
    pub fn tensor(self, dtype: DType, shape: &[usize]) -> Result<Tensor> {
        match dtype {
            DType::String => Ok(Tensor::from_strings(shape, self.strings)),
            _ => Tensor::from_bytes(dtype, shape, &self.bytes),
        }
    }
}

fn prepare_partition(cx: &Context) -> Result<Prepared> {
    let outputs = cx.node.outputs.len();
    Prepared::compute(move |inputs| {
        let (data, which) = (view(inputs, 0)?, view(inputs, 1)?);
        let rank = which.shape.len();
        if data.shape.get(..rank) != Some(which.shape) {
            return Err(Error::usage(format!(
                "partitions of {:?} for {:?}",
                which.shape, data.shape
            )));
        }
        let which = whole_numbers(&which)?;
        let rows = Rows::of(&data)?;
        let mut parts = vec![Gathered::default(); outputs];
        for (at, &part) in which.iter().enumerate() {
            let into = usize::try_from(part)
                .ok()
                .and_then(|part| parts.get_mut(part));
            let into = into.ok_or_else(|| {
                Error::usage(format!("partition {part} where there are {outputs}"))
            })?;
            rows.push(at, which.len(), into);
            into.rows += 1;
        }
        let row = &data.shape[rank..];
        let tensor = |part: Gathered| {
            let shape = [&[part.rows], row].concat();
            part.tensor(data.dtype, &shape)
        };
        parts.into_iter().map(tensor).collect()
    })
}

fn infer_stitch(cx: &Context) -> Result<Vec<Fact>> {
    let count = cx.node.inputs.len() / 2;
    let rank = cx.shape(0)?.rank();
    let dims = cx.shape(count)?.dims().zip(rank).and_then(|(dims, rank)| {
        let row = dims.get(rank..)?;
        Some([&[-1], row].concat())
    });
    cx.one(cx.dtype(count)?, Shape(dims))
}

/// Rows of the second half of the inputs at the places that the first half says; the last of equals wins.
fn prepare_stitch(cx: &Context) -> Result<Prepared> {
    let count = cx.node.inputs.len() / 2;
    Prepared::compute(move |inputs| {
        let mut places = Vec::new();
        let mut row: Option<&[usize]> = None;
        for part in 0..count {
            let (at, data) = (view(inputs, part)?, view(inputs, count + part)?);
            let rank = at.shape.len();
            let fits = data.shape.get(..rank) == Some(at.shape);
            if !fits || row.is_some_and(|row| row != &data.shape[rank..]) {
                return Err(Error::usage(format!(
                    "places of {:?} for {:?}",
                    at.shape, data.shape
                )));
            }
            row = Some(&data.shape[rank..]);
            let at = whole_numbers(&at)?;
            let all = at.len();
            places.extend(
                at.into_iter()
                    .enumerate()
                    .map(|(row, at)| (at, part, row, all)),
            );
        }
        let length = places.iter().map(|&(at, ..)| at + 1).max().unwrap_or(0);
        let taken = places.len();
        let length = usize::try_from(length)
            .ok()
            .filter(|&n| n <= taken.max(1) << 20);
        let length = length.ok_or_else(|| Error::usage("a place far outside"))?;
        let mut from = vec![None; length];
        for &(at, part, row, all) in &places {
            let slot = usize::try_from(at).ok().and_then(|at| from.get_mut(at));
            *slot.ok_or_else(|| Error::usage(format!("a row at {at}")))? = Some((part, row, all));
        }
        let row = row.unwrap_or_default();
        let width: usize = row.iter().product();
        let dtype = view(inputs, count)?.dtype;
        let mut out = Gathered::default();
        for from in from {
            match from {
                Some((part, row, all)) => {
                    Rows::of(&view(inputs, count + part)?)?.push(row, all, &mut out);
                }
                // Nothing says what a place without a row holds.
                None => {
                    let bytes = dtype.size().unwrap_or(0) * width;
                    out.bytes.resize(out.bytes.len() + bytes, 0);
                    out.strings.resize(out.strings.len() + width, Vec::new());
                }
            }
        }
        let shape = [&[length], row].concat();
        Ok(vec![out.tensor(dtype, &shape)?])
    })
}

fn prepare_inverse(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    with_type!(dtype, T in [Int32: i32, Int64: i64] => Prepared::function(move |io| {
        let (x, out) = (io.input::<T>(0)?, io.output::<T>(0)?);
        let free = T::from_f64(-1.0);
        out.fill(free);
        for (at, &to) in x.iter().enumerate() {
            let slot = usize::try_from(to).ok().and_then(|to| out.get_mut(to));
            match slot {
                Some(slot) if *slot == free => *slot = at as T,
                _ => return Err(Error::usage(format!("{to} in a permutation of {}", x.len()))),
            }
        }
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
}
