//! Where values are, and which there are: results as long as what is found.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use super::segment::{view, whole_numbers};
use super::types::{check_number, with_number};
use super::{Content, Context, Fact, HandsOn, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::elementwise::number::Number;
use crate::model::{DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["Where"], &["WHERE"], infer_places, prepare_places),
    Operator::new(
        &[
            "Unique",
            "UniqueV2",
            "UniqueWithCounts",
            "UniqueWithCountsV2",
        ],
        &["UNIQUE"],
        infer_unique,
        prepare_unique,
    )
    .handing_on(HandsOn::FirstToFirst),
    Operator::new(
        &["SparseToDense"],
        &["SPARSE_TO_DENSE"],
        infer_dense,
        prepare_dense,
    )
    .handing_on(HandsOn::Inputs(&[2])),
];

fn infer_places(cx: &Context) -> Result<Vec<Fact>> {
    let shape = match cx.shape(0)?.rank() {
        Some(0) => return Err(cx.wrong("it looks for places in a scalar")),
        Some(rank) => Shape(Some(vec![-1, rank as i64])),
        None => Shape::UNKNOWN,
    };
    cx.one(DType::Int64, shape)
}

/// The index of every element that is not 0 (false, empty), row by row.
fn prepare_places(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    if dtype == DType::Bool {
        return Prepared::compute(|inputs| {
            let x = view(inputs, 0)?;
            places(x.shape, nonzero(x.values::<u8>()?))
        });
    }
    if matches!(dtype, DType::Complex64 | DType::Complex128) {
        return Prepared::compute(move |inputs| {
            let x = view(inputs, 0)?;
            let found = match dtype {
                DType::Complex64 => other_than(x.values()?, [0f32; 2]),
                _ => other_than(x.values()?, [0f64; 2]),
            };
            places(x.shape, found)
        });
    }
    check_number(cx, dtype)?;
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        places(
            x.shape,
            with_number!(dtype, T => nonzero(x.values::<T>()?), else Vec::new()),
        )
    })
}

fn nonzero<T: Number>(x: &[T]) -> Vec<usize> {
    other_than(x, T::ZERO)
}

fn other_than<T: PartialEq>(x: &[T], zero: T) -> Vec<usize> {
    let mut found = Vec::new();
    for (at, v) in x.iter().enumerate() {
        if *v != zero {
            found.push(at);
        }
    }
    found
}

fn places(shape: &[usize], wanted: Vec<usize>) -> Result<Vec<Tensor>> {
    let mut found = Vec::with_capacity(wanted.len() * shape.len());
    for at in wanted {
        let start = found.len();
        let mut rest = at;
        for &size in shape.iter().rev() {
            found.push((rest % size) as i64);
            rest /= size;
        }
        found[start..].reverse();
    }
    let rank = shape.len();
    let rows = found.len().checked_div(rank).unwrap_or(0);
    Ok(vec![Tensor::from_values(&[rows, rank], &found)])
}

fn infer_unique(cx: &Context) -> Result<Vec<Fact>> {
    let dims = cx.shape(0)?.dims();
    let index = cx.out_dtype(1)?;
    let mut first = Fact::new(cx.dtype(0)?, Shape::UNKNOWN);
    let mut second = Fact::new(index, Shape::UNKNOWN);
    if let Some([length]) = dims {
        first.shape = Shape(Some(vec![-1]));
        second.shape = Shape(Some(vec![*length]));
    } else if dims.is_some() && !along_an_axis(cx) {
        return Err(cx.wrong(format!("unique values of {}", cx.shape(0)?)));
    }
    let mut facts = vec![first, second];
    if cx.node.outputs.len() > 2 {
        facts.push(Fact::new(index, Shape(Some(vec![-1]))));
    }
    Ok(facts)
}

/// `UniqueV2` and its like compare slices along the axis of input 1, whole elements where that is empty.
fn along_an_axis(cx: &Context) -> bool {
    cx.has(1)
}

fn prepare_unique(cx: &Context) -> Result<Prepared> {
    let (index, outputs) = (cx.out_dtype(1)?, cx.node.outputs.len());
    let axis = along_an_axis(cx);
    let as_lite = cx.tflite() && cx.options.reference;
    if !matches!(index, DType::Int32 | DType::Int64) {
        return Err(cx.no_kernel(index));
    }
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let axis = match axis {
            true => whole_numbers(&view(inputs, 1)?)?.first().copied(),
            false => None,
        };
        let slices = Slices::of(&x, axis)?;
        let (first, which) = match x.data {
            Content::Strings(strings) => distinct((0..slices.count).map(|at| {
                let kind = slices.elements(at).map(|e| &*strings[e]);
                Some(kind.collect::<Vec<&[u8]>>())
            })),
            Content::Bytes(bytes) => {
                let size = bytes.len().checked_div(slices.total()).unwrap_or(0);
                let element = |e: usize| &bytes[e * size..(e + 1) * size];
                let kind = |at| {
                    let mut kind = Vec::with_capacity(size * slices.outer * slices.inner);
                    for e in slices.elements(at) {
                        let comparable = comparable(x.dtype, element(e), &mut kind);
                        // NaN is no other's like.
                        if !comparable {
                            return None;
                        }
                    }
                    Some(kind)
                };
                match (x.dtype, as_lite) {
                    (DType::Float32, true) => distinct_of_lite(x.values()?),
                    _ => distinct((0..slices.count).map(kind)),
                }
            }
            _ => return Err(Error::unsupported(format!("unique values of {}", x.dtype))),
        };
        let mut counts = vec![0i64; first.len()];
        which.iter().for_each(|&at| counts[at as usize] += 1);
        let mut results = vec![slices.picked(&x, &first)?, indices(index, &which)];
        if outputs > 2 {
            results.push(indices(index, &counts));
        }
        Ok(results)
    })
}

fn indices(dtype: DType, values: &[i64]) -> Tensor {
    match dtype {
        DType::Int64 => Tensor::from_values(&[values.len()], values),
        _ => {
            let values: Vec<i32> = values.iter().map(|&v| v as i32).collect();
            Tensor::from_values(&[values.len()], &values)
        }
    }
}

/// Adds what tells a number from others to `kind`: the two zeros are one. False for NaN.
fn comparable(dtype: DType, number: &[u8], kind: &mut Vec<u8>) -> bool {
    let part = match dtype {
        DType::Float16 | DType::BFloat16 => 2,
        DType::Float32 | DType::Complex64 => 4,
        DType::Float64 | DType::Complex128 => 8,
        _ => {
            kind.extend(number);
            return true;
        }
    };
    for part in number.chunks_exact(part) {
        let value = match (dtype, part) {
            (DType::Float16, &[a, b]) => half::f16::from_le_bytes([a, b]).to_f64(),
            (DType::BFloat16, &[a, b]) => half::bf16::from_le_bytes([a, b]).to_f64(),
            (_, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]).into(),
            (_, part) => part.try_into().map_or(f64::NAN, f64::from_le_bytes),
        };
        if value.is_nan() {
            return false;
        }
        kind.extend((value + 0.0).to_le_bytes());
    }
    true
}

/// The first of each kind in the order of appearance, and for each item the number of its kind; an item that is `None`
/// is a kind of its own.
fn distinct<K: Eq + Hash>(items: impl Iterator<Item = Option<K>>) -> (Vec<usize>, Vec<i64>) {
    let (mut first, mut which, mut known) = (Vec::new(), Vec::new(), HashMap::new());
    for (at, item) in items.enumerate() {
        let kind = match item.map(|item| known.entry(item)) {
            Some(Entry::Occupied(known)) => *known.get(),
            new => {
                first.push(at);
                let kind = first.len() as i64 - 1;
                if let Some(Entry::Vacant(new)) = new {
                    new.insert(kind);
                }
                kind
            }
        };
        which.push(kind);
    }
    (first, which)
}

/// The same as TensorFlow Lite looks for floats, in a tree that NaN disorders: NaN counts as the least that is known,
/// and where it comes first, everything counts as it.
fn distinct_of_lite(items: &[f32]) -> (Vec<usize>, Vec<i64>) {
    if items.first().is_some_and(|item| item.is_nan()) {
        return (vec![0], vec![0; items.len()]);
    }
    let mut least = f32::INFINITY;
    let told = items.iter().map(|&item| {
        let told = if item.is_nan() { least } else { item };
        least = least.min(told);
        // The two zeros are one.
        Some((told + 0.0).to_bits())
    });
    distinct(told)
}

/// A tensor as `[outer, count, inner]`: `count` slices.
struct Slices {
    outer: usize,
    count: usize,
    inner: usize,
    axis: usize,
}

impl Slices {
    fn of(x: &View<'_>, axis: Option<i64>) -> Result<Self> {
        let rank = x.shape.len() as i64;
        let axis = match axis {
            Some(axis) if (-rank..rank).contains(&axis) => axis.rem_euclid(rank) as usize,
            None if rank == 1 => 0,
            _ => {
                return Err(Error::usage(format!(
                    "unique values along {axis:?} of {:?}",
                    x.shape
                )));
            }
        };
        Ok(Slices {
            outer: x.shape[..axis].iter().product(),
            count: x.shape[axis],
            inner: x.shape[axis + 1..].iter().product(),
            axis,
        })
    }

    fn total(&self) -> usize {
        self.outer * self.count * self.inner
    }

    /// Where the elements of a slice are.
    fn elements(&self, slice: usize) -> impl Iterator<Item = usize> + use<> {
        let (count, inner) = (self.count, self.inner);
        let place = move |o: usize| (0..inner).map(move |i| (o * count + slice) * inner + i);
        (0..self.outer).flat_map(place)
    }

    /// Only these slices.
    fn picked(&self, x: &View<'_>, slices: &[usize]) -> Result<Tensor> {
        let mut shape = x.shape.to_vec();
        shape[self.axis] = slices.len();
        let places = (0..self.outer).flat_map(|o| {
            let row = move |&slice: &usize| {
                let start = (o * self.count + slice) * self.inner;
                start..start + self.inner
            };
            slices.iter().flat_map(row)
        });
        match x.data {
            Content::Strings(strings) => {
                let strings = places.map(|at| strings[at].clone()).collect();
                Ok(Tensor::from_strings(&shape, strings))
            }
            _ => {
                let bytes = x.bytes();
                let size = bytes.len().checked_div(self.total()).unwrap_or(0);
                let picked: Vec<u8> = places
                    .flat_map(|at| &bytes[at * size..(at + 1) * size])
                    .copied()
                    .collect();
                Tensor::from_bytes(x.dtype, &shape, &picked)
            }
        }
    }
}

fn infer_dense(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(2)?, super::movement::told_shape(cx, 1)?)
}

/// Values of input 2 at the indices of input 0 in a tensor of input 3; the last of equal places wins.
fn prepare_dense(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(2)?;
    if dtype.size().is_none() && dtype != DType::String {
        return Err(cx.no_kernel(dtype));
    }
    Prepared::compute(|inputs| {
        let shape = whole_numbers(&view(inputs, 1)?)?;
        let shape: Vec<usize> = (shape.iter())
            .map(|&size| usize::try_from(size).ok())
            .collect::<Option<_>>()
            .ok_or_else(|| Error::usage(format!("{shape:?} is no shape")))?;
        let at = view(inputs, 0)?;
        let places = whole_numbers(&at)?;
        let depth = match at.shape {
            [] | [_] => 1,
            [_, depth] => *depth,
            _ => return Err(Error::usage(format!("indices of {:?}", at.shape))),
        };
        if depth != shape.len() {
            return Err(Error::usage(format!(
                "indices of {depth} numbers into {shape:?}"
            )));
        }
        let place = |index: &[i64]| {
            index.iter().zip(&shape).try_fold(0, |sum, (&i, &size)| {
                let i = usize::try_from(i).ok().filter(|&i| i < size);
                i.map(|i| sum * size + i)
                    .ok_or_else(|| Error::usage(format!("{index:?} is outside of {shape:?}")))
            })
        };
        let places = places.chunks_exact(depth.max(1)).map(place);
        let places = places.collect::<Result<Vec<usize>>>()?;
        let (values, default) = (view(inputs, 2)?, view(inputs, 3)?);
        let count: usize = values.shape.iter().product();
        if count != 1 && count != places.len() {
            return Err(Error::usage(format!(
                "{count} values for {} places",
                places.len()
            )));
        }
        let pick = |at: usize| if count == 1 { 0 } else { at };
        let mut out = Tensor::zeros(values.dtype, &shape)?;
        if let Content::Strings(values) = values.data {
            let default = default.strings()?.first().cloned().unwrap_or_default();
            let mut strings = vec![default; out.len()];
            for (at, &place) in places.iter().enumerate() {
                strings[place] = values[pick(at)].clone();
            }
            return Ok(vec![Tensor::from_strings(&shape, strings)]);
        }
        let size = values.dtype.size().unwrap_or(1);
        let (values, default) = (values.bytes(), default.bytes());
        if let Some(out) = out.bytes_mut() {
            out.chunks_exact_mut(size)
                .for_each(|slot| slot.copy_from_slice(&default[..size]));
            for (at, &place) in places.iter().enumerate() {
                let from = &values[pick(at) * size..][..size];
                out[place * size..][..size].copy_from_slice(from);
            }
        }
        Ok(vec![out])
    })
}
