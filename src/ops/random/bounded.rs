//! Normal numbers between bounds that inputs tell.

use super::super::View;
use super::super::broadcast;
use crate::error::{Error, Result};
use crate::kernels::bounded::{Bounded, Drawn, Refused};
use crate::kernels::philox::Philox;
use crate::memory;
use crate::model::shape::element_count;
use crate::model::{DType, Element, Tensor};

/// Where what belongs to one set of parameters lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Along {
    /// Along the first axes; the parameters spread over the last.
    First,
    /// One behind the other: a set for each element of the first axis, or one for all.
    Last,
}

/// Means, deviations, lower and upper bounds.
type Parameters<'v> = [View<'v>; 4];

pub(super) fn run(
    dtype: DType,
    base: &Philox,
    rest: &[View],
    places: &[usize],
    along: Along,
) -> Result<Tensor> {
    let &[means, deviations, lows, highs, ..] = rest else {
        return Err(Error::usage("no parameters to draw by"));
    };
    let parameters = [means, deviations, lows, highs];
    let mut out = Tensor::zeros(dtype, places)?;
    if out.is_empty() {
        return Ok(out);
    }
    match dtype {
        DType::Float16 => fill::<half::f16>(&mut out, base, parameters, along)?,
        DType::Float32 => fill::<f32>(&mut out, base, parameters, along)?,
        _ => fill::<f64>(&mut out, base, parameters, along)?,
    }
    Ok(out)
}

/// How many numbers TensorFlow sets aside for at a time, and for how many sets of parameters.
pub(super) fn groups(places: &[usize], rest: &[View]) -> [usize; 2] {
    const AT_ONCE: usize = 100;
    let count = element_count(places).unwrap_or(usize::MAX);
    let is_one = |at: usize| rest.get(at).is_some_and(|v| v.shape.is_empty());
    let is_short = |at: usize| is_one(at) || rest.get(at).is_some_and(|v| v.shape == [1]);
    match is_short(0) && is_short(1) && is_one(2) && is_one(3) {
        true => [AT_ONCE, count.div_ceil(AT_ONCE)],
        false => {
            let sets = places.first().copied().unwrap_or(1);
            [count / sets.max(1), sets]
        }
    }
}

fn fill<T: Drawn + Element>(
    out: &mut Tensor,
    base: &Philox,
    parameters: Parameters,
    along: Along,
) -> Result<()> {
    let sizes = out.shape().to_vec();
    let count = out.len();
    let mut philox = base.clone();
    let values = out.values_mut::<T>().unwrap_or_default();
    let lists = [
        parameters[0].values::<T>()?,
        parameters[1].values::<T>()?,
        parameters[2].values::<T>()?,
        parameters[3].values::<T>()?,
    ];
    let set = |at: [usize; 4]| Bounded {
        mean: lists[0][at[0]],
        deviation: lists[1][at[1]],
        low: lists[2][at[2]],
        high: lists[3][at[3]],
    };
    if along == Along::Last {
        let [each, sets] = groups(&sizes, &parameters);
        let of = |list: &[T], at| if list.len() == 1 { 0 } else { at };
        if lists
            .iter()
            .any(|list| list.len() != 1 && list.len() < sets)
        {
            return Err(unlike(&parameters, &sizes));
        }
        for (at, out) in values.chunks_mut(each.max(1)).enumerate() {
            let (count, mut next) = (out.len(), out.iter_mut());
            let bounded = set(std::array::from_fn(|p| of(lists[p], at)));
            let put = |v| next.next().into_iter().for_each(|out| *out = v);
            bounded.draw(&mut philox, count, put).map_err(refused)?;
        }
        return Ok(());
    }
    let spread = parameters.map(|view| view.shape);
    // No more than the draws, which there is memory for.
    let shape = crate::kernels::strides::broadcast_shape(&spread);
    if !shape.is_some_and(|shape| sizes.ends_with(&shape)) {
        return Err(unlike(&parameters, &sizes));
    }
    memory::ask(
        "the parameters of draws",
        count.saturating_mul(size_of::<[usize; 4]>()),
    )?;
    let (_, all) = broadcast::places(spread)?;
    let sets = all.len();
    for (at, places) in all.into_iter().enumerate() {
        let mut next = values.iter_mut().skip(at).step_by(sets);
        let put = |v| next.next().into_iter().for_each(|out| *out = v);
        let bounded = set(places);
        bounded
            .draw(&mut philox, count / sets, put)
            .map_err(refused)?;
    }
    Ok(())
}

fn unlike(parameters: &Parameters, sizes: &[usize]) -> Error {
    let shapes = parameters.map(|view| view.shape);
    Error::usage(format!(
        "draws of {sizes:?} by parameters of {shapes:?}, expected some that spread over it"
    ))
}

fn refused(why: Refused) -> Error {
    Error::usage(match why {
        Refused::Parameters => {
            "normal numbers between bounds: a deviation that is not above 0, or bounds that leave nothing or are both \
             infinite"
        }
        Refused::Proposals => {
            "normal numbers between bounds: too few of those that are drawn lie between them"
        }
    })
}
