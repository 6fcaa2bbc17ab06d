//! Where the generator of an operator comes from, and how far it goes on.

use std::sync::Arc;

use super::super::segment::view;
use super::super::state::{self, State};
use super::super::{Context, View};
use super::bounded;
use super::draws::Draw;
use crate::error::{Error, Result};
use crate::kernels::bounded::MOST;
use crate::kernels::philox::Philox;
use crate::kernels::strides::broadcast_shape;
use crate::model::{DType, Name, Tensor};

#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    /// The attributes `seed` and `seed2`, both 0 for none.
    Attributes,
    /// Nothing of its own.
    Session,
    /// Two seeds in this input.
    Seeds(usize),
    /// Key, counter and algorithm are inputs 1 to 3.
    Key,
    /// Input 0 is a variable that holds counter and key, input 1 the algorithm.
    Held,
}

impl Source {
    /// The generator that inputs tell.
    pub(super) fn generator(self, inputs: &[Option<View<'_>>]) -> Result<Philox> {
        match self {
            Source::Seeds(at) => of_seeds(&view(inputs, at)?),
            Source::Key => {
                check_algorithm(&view(inputs, 3)?)?;
                let (key, counter) = (view(inputs, 1)?, view(inputs, 2)?);
                match (key.values::<u64>()?, counter.values::<u64>()?) {
                    (&[key], &[low, high]) => {
                        Ok(Philox::at(u128::from(high) << 64 | u128::from(low), key))
                    }
                    _ => Err(Error::usage(format!(
                        "a key of {:?} with a counter of {:?}, expected [1] and [2]",
                        key.shape, counter.shape
                    ))),
                }
            }
            Source::Attributes | Source::Session | Source::Held => {
                Err(Error::unsupported("its generator is no input"))
            }
        }
    }
}

/// # Errors
/// The input does not hold two whole numbers.
pub(super) fn of_seeds(view: &View<'_>) -> Result<Philox> {
    let seeds: Vec<u64> = match view.dtype {
        DType::Int32 => view.values::<i32>()?.iter().map(|&v| v as u64).collect(),
        DType::UInt32 => view.values::<u32>()?.iter().map(|&v| v.into()).collect(),
        DType::UInt64 => view.values::<u64>()?.to_vec(),
        _ => view.values::<i64>()?.iter().map(|&v| v as u64).collect(),
    };
    match seeds[..] {
        [a, b] => Ok(Philox::of_seeds([a, b])),
        _ => Err(Error::usage(format!("{} seeds, expected 2", seeds.len()))),
    }
}

/// # Errors
/// Another algorithm than Philox (1), which is also what 3 chooses here.
pub(super) fn check_algorithm(view: &View<'_>) -> Result<()> {
    match super::whole(view)? {
        1 | 3 => Ok(()),
        other => Err(Error::unsupported(format!(
            "random numbers by algorithm {other}, expected 1 (Philox)"
        ))),
    }
}

/// A generator that goes on from call to call.
pub(super) struct Lasting {
    /// Graph and node: what the session knows it by, however often it is prepared.
    place: (Name, Name),
    seeds: Option<[u64; 2]>,
    tflite: bool,
}

impl Lasting {
    pub(super) fn of(cx: &Context, source: Source) -> Self {
        // TensorFlow Lite keeps 32 bits of a seed, with their sign.
        let seed = |name: &str| match cx.attr_int(name, 0) {
            seed if cx.tflite() => i64::from(seed as i32) as u64,
            seed => seed as u64,
        };
        let seeds = [seed("seed"), seed("seed2")];
        let has_seeds = matches!(source, Source::Attributes) && seeds != [0, 0];
        Lasting {
            place: (cx.graph.name.clone(), cx.node.name.clone()),
            seeds: has_seeds.then_some(seeds),
            tflite: cx.tflite(),
        }
    }

    /// How far the generator goes on: as far as TensorFlow sets aside for so many draws, in TensorFlow Lite as far as they
    /// take.
    pub(super) fn steps(&self, draw: Draw, places: &[usize], rest: &[View]) -> u128 {
        let product = |sizes: &[usize]| {
            let sizes = sizes.iter().map(|&size| size as u128);
            sizes.fold(1u128, u128::saturating_mul)
        };
        let count = product(places);
        match (draw, places, rest) {
            (Draw::Order, ..) => count.saturating_sub(1).div_ceil(4),
            (Draw::Classes, &[rows, draws], _) => {
                product(&[rows, draws.next_multiple_of(4), 2 * 256])
            }
            (Draw::Binomial, _, [counts, chances, ..]) => {
                let shape = broadcast_shape(&[counts.shape, chances.shape]);
                let parameters = product(&shape.unwrap_or_default()).max(1);
                let each = count / parameters;
                let words = parameters.saturating_mul(2 * 100).saturating_mul(each + 3);
                (words / 4).saturating_mul(256)
            }
            (Draw::Bounded(_), ..) => {
                let [each, sets] = bounded::groups(places, rest);
                product(&[sets, 2 * MOST, each.saturating_add(3)]) / 4
            }
            _ if self.tflite => count.div_ceil(4),
            _ => count.saturating_mul(256),
        }
    }

    pub(super) fn take(&self, state: &mut State, steps: u128) -> Philox {
        let generator = state.generator(&self.place, self.seeds);
        let base = generator.clone();
        generator.skip(steps);
        base
    }
}

/// The generator that the variable behind input 0 holds, which goes on by so many steps.
pub(super) fn advance(
    state: &mut State,
    inputs: &[Option<Arc<Tensor>>],
    steps: u128,
) -> Result<Philox> {
    let resource = state::handle(inputs, 0)?;
    let mut base = None;
    state.change(resource, |held| {
        let (dtype, sizes) = (held.dtype(), held.shape().to_vec());
        let words = bytemuck::try_cast_slice_mut::<u8, u64>(held.bytes_mut().unwrap_or_default());
        let Ok([low, high, key]) = words else {
            return Err(Error::usage(format!(
                "a generator's variable of {dtype} {sizes:?}, expected int64 [3]"
            )));
        };
        let mut philox = Philox::at(u128::from(*high) << 64 | u128::from(*low), *key);
        base = Some(philox.clone());
        philox.skip(steps);
        (*low, *high) = (philox.counter() as u64, (philox.counter() >> 64) as u64);
        Ok(())
    })?;
    base.ok_or_else(|| Error::unsupported("a generator without a state"))
}
