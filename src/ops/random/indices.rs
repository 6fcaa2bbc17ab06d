//! Indices as they come after a shuffle that is never made.

use super::super::segment::view;
use super::super::types::with_integer;
use super::super::{Context, Fact, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::index_shuffle::index_shuffle;
use crate::model::{DType, Shape, Tensor};

pub(super) fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let ranks = [0, 1, 2].map(|at| cx.shape(at).ok().and_then(Shape::rank));
    let shape = match ranks {
        [Some(0), Some(1), Some(0)] => Shape::scalar(),
        [Some(_), Some(_), Some(_)] => Shape(Some(vec![-1])),
        _ => Shape::UNKNOWN,
    };
    cx.one(cx.dtype(0)?, shape)
}

pub(super) fn prepare(cx: &Context) -> Result<Prepared> {
    use DType::{Int32, Int64, UInt32, UInt64};
    let dtype = cx.dtype(0)?;
    if !matches!(dtype, Int32 | Int64 | UInt32 | UInt64) {
        return Err(cx.no_kernel(dtype));
    }
    let told = cx.attr_int("rounds", 4);
    let rounds = usize::try_from(told).ok();
    let rounds = rounds.filter(|rounds| rounds % 2 == 0 && (4..=1 << 16).contains(rounds));
    let rounds = rounds
        .ok_or_else(|| cx.wrong(format!("{told} rounds, expected an even number from 4 on")))?;
    Prepared::compute(move |inputs| {
        let [index, seed, largest] = [view(inputs, 0)?, view(inputs, 1)?, view(inputs, 2)?];
        let (indices, seeds, most) = (words(&index)?, words(&seed)?, words(&largest)?);
        let count = indices.len().max(most.len()).max(seeds.len() / 3);
        let many = |shape: &[usize]| shape.is_empty() || shape == [count];
        let seeded = seed.shape == [3] || seed.shape == [count, 3];
        if !many(index.shape) || !many(largest.shape) || !seeded {
            return Err(Error::usage(format!(
                "indices of {:?}, seeds of {:?} and largest ones of {:?}, expected one or as many of each",
                index.shape, seed.shape, largest.shape
            )));
        }
        let of = |all: &[u64], scalar: bool, at: usize| all[if scalar { 0 } else { at }];
        let found = (0..count).map(|at| {
            let row = if seed.shape.len() == 1 { 0 } else { 3 * at };
            let key = [
                seeds[row] as u32,
                seeds[row + 1] as u32,
                seeds[row + 2] as u32,
            ];
            let own = of(&indices, index.shape.is_empty(), at);
            let most = of(&most, largest.shape.is_empty(), at);
            let found = (own <= most).then(|| index_shuffle(own, key, most, rounds));
            let past = || Error::usage(format!("the index {own} past the largest one, {most}"));
            found.flatten().ok_or_else(past)
        });
        let found = found.collect::<Result<Vec<u64>>>()?;
        let scalar = [&index, &largest].iter().all(|view| view.shape.is_empty());
        let shape = match scalar && seed.shape.len() == 1 {
            true => Vec::new(),
            false => vec![count],
        };
        with_integer!(dtype, T => {
            let values: Vec<T> = found.iter().map(|&v| v as T).collect();
            Ok(vec![Tensor::from_values(&shape, &values)])
        }, else Err(Error::unsupported(format!("no kernel for {dtype}"))))
    })
}

/// Whole numbers of any type, with their signs spread.
fn words(view: &View<'_>) -> Result<Vec<u64>> {
    with_integer!(view.dtype, T => {
        Ok(view.values::<T>()?.iter().map(|&v| i128::from(v) as u64).collect())
    }, else Err(Error::unsupported(format!("no kernel for {}", view.dtype))))
}
