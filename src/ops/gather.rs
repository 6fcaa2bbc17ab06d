//! Elements picked by index.

use super::combine::{passes_over, with_combination};
use super::movement::{element_size, told_shape};
use super::quantized::{self, TableScales};
use super::segment::view;
use super::types::{check_number, with_type};
use super::{Context, Fact, HandsOn, Io, Operator, Picks, Prepared, View};
use crate::error::Result;
use crate::kernels::movement::{self, Named, Places};
use crate::kernels::quantized::hybrid;
use crate::model::{DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["GatherV2"], &[], infer_gather, prepare_gather)
        .moving()
        .picking(Picks::slices_along(2))
        .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(&["Gather"], &[], infer_gather, prepare_gather)
        .moving()
        .picking(Picks::rows(0, 1))
        .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(&[], &["GATHER"], infer_gather, prepare_gather)
        .moving()
        .picking(Picks::slices())
        .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(&[], &["EMBEDDING_LOOKUP"], infer_gather, prepare_gather)
        .moving()
        .picking(Picks::rows(1, 0)),
    Operator::new(
        &["GatherNd"],
        &["GATHER_ND"],
        infer_gather_nd,
        prepare_gather_nd,
    )
    .moving()
    .picking(Picks::places())
    .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(
        &["ScatterNd"],
        &["SCATTER_ND"],
        infer_scatter_nd,
        prepare_scatter_nd,
    ),
    Operator::new(&["OneHot"], &["ONE_HOT"], infer_one_hot, prepare_one_hot).moving(),
];

/// Which input is the table, which the indices; axis and leading axes that go together.
struct Gather {
    table: usize,
    indices: usize,
    axis: usize,
    batch: usize,
}

fn gather(cx: &Context) -> Result<Option<Gather>> {
    if &*cx.node.op == "EMBEDDING_LOOKUP" {
        return Ok(Some(Gather {
            table: 1,
            indices: 0,
            axis: 0,
            batch: 0,
        }));
    }
    let (Some(rank), Some(indices)) = (cx.shape(0)?.rank(), cx.shape(1)?.rank()) else {
        return Ok(None);
    };
    let axis = match &*cx.node.op {
        "GatherV2" => cx.int(2)?,
        "Gather" => Some(0),
        _ => Some(cx.attr_int("axis", 0)),
    };
    let Some(axis) = axis else { return Ok(None) };
    let axis = cx.axis(axis, rank)?;
    let batch = cx.attr_int("batch_dims", 0);
    let batch = if batch < 0 {
        batch + indices as i64
    } else {
        batch
    };
    let batch = usize::try_from(batch)
        .ok()
        .filter(|&b| b <= axis && b <= indices);
    let batch =
        batch.ok_or_else(|| cx.wrong(format!("batch_dims {}", cx.attr_int("batch_dims", 0))))?;
    Ok(Some(Gather {
        table: 0,
        indices: 1,
        axis,
        batch,
    }))
}

fn infer_gather(cx: &Context) -> Result<Vec<Fact>> {
    let Some(p) = gather(cx)? else {
        return cx.one(cx.dtype(0)?, Shape::UNKNOWN);
    };
    let dtype = if real_rows(cx)? {
        DType::Float32
    } else {
        cx.dtype(p.table)?
    };
    let (Some(table), Some(indices)) = (cx.shape(p.table)?.dims(), cx.shape(p.indices)?.dims())
    else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    if table.len() <= p.axis || indices.len() < p.batch {
        return Err(cx.wrong(format!(
            "picks along axis {} of {}",
            p.axis,
            cx.shape(p.table)?
        )));
    }
    let together = table[..p.batch]
        .iter()
        .zip(&indices[..p.batch])
        .all(|(&a, &b)| a < 0 || b < 0 || a == b);
    if !together {
        return Err(cx.wrong(format!(
            "{} and {} differ in their first axes",
            cx.shape(0)?,
            cx.shape(1)?
        )));
    }
    let dims = [&table[..p.axis], &indices[p.batch..], &table[p.axis + 1..]].concat();
    cx.one(dtype, Shape(Some(dims)))
}

fn prepare_gather(cx: &Context) -> Result<Prepared> {
    let Some(p) = gather(cx)? else {
        return super::later();
    };
    let size = element_size(cx, p.table)?;
    let (table, indices) = (cx.sizes(p.table)?, cx.sizes(p.indices)?);
    let dtype = cx.dtype(p.indices)?;
    if real_rows(cx)? {
        return prepare_real_rows(cx, &p, &table);
    }
    if !matches!(dtype, DType::Int16 | DType::Int32 | DType::Int64) {
        return Err(cx.no_kernel(dtype));
    }
    Prepared::function(move |io| {
        let (x, at) = (io.view(p.table)?.bytes(), places(io, p.indices)?);
        let out = io.output_bytes(0)?;
        movement::gather(size, (x, &table), (at, &indices), p.axis, p.batch, out)
    })
}

/// An input of indices, of the types that their operators take.
pub(super) fn places<'a>(io: &Io<'_, 'a>, input: usize) -> Result<Places<'a>> {
    places_of(&io.view(input)?)
}

fn places_of<'a>(view: &View<'a>) -> Result<Places<'a>> {
    Ok(match view.dtype {
        DType::UInt8 => Places::UInt8(view.values()?),
        DType::Int16 => Places::Int16(view.values()?),
        DType::Int64 => Places::Int64(view.values()?),
        _ => Places::Int32(view.values()?),
    })
}

/// Whether real numbers are looked up in a table of integers: EMBEDDING_LOOKUP alone does that.
fn real_rows(cx: &Context) -> Result<bool> {
    Ok(&*cx.node.op == "EMBEDDING_LOOKUP"
        && cx.out_dtype(0)? == DType::Float32
        && cx.dtype(1)? != DType::Float32)
}

fn prepare_real_rows(cx: &Context, p: &Gather, table: &[usize]) -> Result<Prepared> {
    let [rows, columns @ ..] = table else {
        return Err(cx.wrong("a table without rows"));
    };
    let integers = [DType::Int8, DType::UInt8, DType::Int4, DType::Int2];
    if !integers.contains(&cx.dtype(p.table)?) {
        return Err(cx.no_kernel(cx.dtype(p.table)?));
    }
    let width: usize = columns.iter().product();
    let scales = TableScales::of(cx, p.table, *rows, width)?;
    let (table, indices, dtype) = (p.table, p.indices, cx.dtype(p.indices)?);
    with_type!(dtype, I in [Int32: i32, Int64: i64, Int16: i16] => Prepared::function(move |io| {
        let (table, at) = (quantized::integers(io, table)?, io.input::<I>(indices)?);
        hybrid::embedding_lookup(width, (table, scales.get()), at, io.output(0)?)
    }), else Err(cx.no_kernel(dtype)))
}

fn infer_gather_nd(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    let (Some(table), Some(indices)) = (cx.shape(0)?.dims(), cx.shape(1)?.dims()) else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    let (batch, depth) = nd(cx, table.len(), indices)?;
    let Some(depth) = depth else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    let dims = [&indices[..indices.len() - 1], &table[batch + depth..]].concat();
    cx.one(dtype, Shape(Some(dims)))
}

/// Leading axes that go together, and how many numbers name a slice.
fn nd(cx: &Context, rank: usize, indices: &[i64]) -> Result<(usize, Option<usize>)> {
    let batch = usize::try_from(cx.attr_int("batch_dims", 0)).unwrap_or(usize::MAX);
    let Some(&depth) = indices.last() else {
        return Err(cx.wrong("indices without dimensions"));
    };
    let depth = usize::try_from(depth).ok();
    if batch >= indices.len() || depth.is_some_and(|d| d.saturating_add(batch) > rank) {
        return Err(cx.wrong(format!(
            "indices of {} for {rank} axes",
            Shape(Some(indices.to_vec()))
        )));
    }
    Ok((batch, depth))
}

fn prepare_gather_nd(cx: &Context) -> Result<Prepared> {
    let size = element_size(cx, 0)?;
    let (table, indices) = (cx.sizes(0)?, cx.sizes(1)?);
    let dims: Vec<i64> = indices.iter().map(|&d| d as i64).collect();
    let (batch, Some(depth)) = nd(cx, table.len(), &dims)? else {
        return super::later();
    };
    if table[..batch] != indices[..batch] {
        return Err(cx.wrong(format!(
            "{table:?} and {indices:?} differ in their first axes"
        )));
    }
    let dtype = cx.dtype(1)?;
    if !matches!(dtype, DType::Int16 | DType::Int32 | DType::Int64) {
        return Err(cx.no_kernel(dtype));
    }
    Prepared::function(move |io| {
        let (x, at) = (io.view(0)?.bytes(), places(io, 1)?);
        movement::gather_nd(size, (x, &table), (at, depth), batch, io.output_bytes(0)?)
    })
}

fn infer_scatter_nd(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(1)?, told_shape(cx, 2)?)
}

fn prepare_scatter_nd(cx: &Context) -> Result<Prepared> {
    let (Some(shape), indices, updates) = (told_shape(cx, 2)?.fixed(), cx.sizes(0)?, cx.sizes(1)?)
    else {
        return super::later();
    };
    if cx.constant(2)?.is_none() {
        return super::later();
    }
    let depth = indices.last().copied().filter(|&d| d <= shape.len());
    let depth = depth.ok_or_else(|| cx.wrong(format!("indices of {indices:?} into {shape:?}")))?;
    let wanted = [&indices[..indices.len() - 1], &shape[depth..]].concat();
    if wanted != updates {
        return Err(cx.wrong(format!("updates of {updates:?}, expected {wanted:?}")));
    }
    let (dtype, index) = (cx.dtype(1)?, cx.dtype(0)?);
    if !matches!(index, DType::Int32 | DType::Int64) {
        return Err(cx.no_kernel(index));
    }
    let passes_over = passes_over(cx)?;
    if dtype == DType::String {
        return scatter_strings(shape, depth, passes_over);
    }
    with_combination!(dtype, "Add", T, f => Prepared::function(move |io| {
        let (places, values) = (places(io, 0)?, io.input::<T>(1)?);
        let out = io.output::<T>(0)?;
        out.fill(T::default());
        let named = Named { places, depth, passes_over };
        movement::scatter_nd_with((out, &shape), named, values, &movement::by_element(f))
    }), else Err(cx.no_kernel(dtype)))
}

/// Strings that come to one place are joined.
fn scatter_strings(shape: Vec<usize>, depth: usize, passes_over: bool) -> Result<Prepared> {
    Prepared::compute(move |inputs| {
        let (indices, updates) = (view(inputs, 0)?, view(inputs, 1)?.strings()?);
        let mut out = vec![Vec::new(); shape.iter().product()];
        let join = |old: &mut [Vec<u8>], new: &[Vec<u8>]| {
            for (old, new) in old.iter_mut().zip(new) {
                old.extend_from_slice(new);
            }
        };
        let places = places_of(&indices)?;
        let named = Named {
            places,
            depth,
            passes_over,
        };
        movement::scatter_nd_with((&mut out, &shape), named, updates, &join)?;
        Ok(vec![Tensor::from_strings(&shape, out)])
    })
}

/// Where the new axis goes, and how long it is.
fn one_hot(cx: &Context) -> Result<(usize, Option<i64>)> {
    let rank = cx
        .shape(0)?
        .rank()
        .ok_or_else(|| cx.wrong("indices of unknown rank"))?;
    let axis = cx.axis(
        cx.attr_int("axis", if cx.tflite() { 0 } else { -1 }),
        rank + 1,
    )?;
    let depth = cx.int(1)?;
    if depth.is_some_and(|d| !(0..1 << 31).contains(&d)) {
        return Err(cx.wrong(format!("a depth of {depth:?}")));
    }
    Ok((axis, depth))
}

fn infer_one_hot(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(2)?;
    let Some(dims) = cx.shape(0)?.dims() else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    let (axis, depth) = one_hot(cx)?;
    let mut dims = dims.to_vec();
    dims.insert(axis, depth.unwrap_or(-1));
    cx.one(dtype, Shape(Some(dims)))
}

fn prepare_one_hot(cx: &Context) -> Result<Prepared> {
    let (axis, Some(depth)) = one_hot(cx)? else {
        return super::later();
    };
    let inner: usize = cx.sizes(0)?[axis..].iter().product();
    let (dtype, index) = (cx.dtype(2)?, cx.dtype(0)?);
    if !matches!(dtype, DType::Bool | DType::Complex64 | DType::Complex128) {
        check_number(cx, dtype)?;
    }
    if !matches!(index, DType::Int32 | DType::Int64 | DType::UInt8) {
        return Err(cx.no_kernel(index));
    }
    // The values only move: what counts is how wide they are.
    let size = dtype.size().ok_or_else(|| cx.no_kernel(dtype))?;
    let hot: fn(&mut Io, usize, usize) -> Result<()> = match size {
        1 => one_hot_of::<u8>,
        2 => one_hot_of::<u16>,
        4 => one_hot_of::<u32>,
        16 => one_hot_of::<u128>,
        _ => one_hot_of::<u64>,
    };
    Prepared::function(move |io| hot(io, depth as usize, inner))
}

fn one_hot_of<T: bytemuck::Pod>(io: &mut Io, depth: usize, inner: usize) -> Result<()> {
    let (on, off) = (io.view(2)?.bytes(), io.view(3)?.bytes());
    let (Some(on), Some(off)) = (on.get(..size_of::<T>()), off.get(..size_of::<T>())) else {
        return Ok(());
    };
    let values = (
        bytemuck::pod_read_unaligned::<T>(on),
        bytemuck::pod_read_unaligned(off),
    );
    // No bytes may stand anywhere, where no number could.
    let out = match io.output_bytes(0)? {
        [] => return Ok(()),
        bytes => bytemuck::cast_slice_mut(bytes),
    };
    movement::one_hot(places(io, 0)?, depth, inner, values, out);
    Ok(())
}
